"""Decompress logs: gzip, bzip2, xz and Zstandard, detected by their first bytes.

Streams fill memory of the caller, so that plain data needs no copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, BinaryIO, NamedTuple, TypeAlias

from watchme_analysis.config import load_config
from watchme_analysis.files.limit_notes import limit_reached
from watchme_analysis.limits import MIB, Limits
from watchme_analysis.text.message import Code, MessageText, Quotation, Resource
from watchme_analysis.text.render import note

GZIP_MAGIC, ZSTD_MAGIC, BZIP2_MAGIC, XZ_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\0"


# First bytes of formats that cannot be read from the middle.
PACKED_MAGIC = (GZIP_MAGIC, ZSTD_MAGIC, BZIP2_MAGIC, XZ_MAGIC)


# Bytes that are read from a stream at once.
PIECE_BYTES = 1 << 18


# Writes to the beginning of a buffer and returns the number of bytes, 0 at the end.
Fill: TypeAlias = Callable[[memoryview], int]


def filling(pieces: Iterable[bytes]) -> Fill:
    """Return a function that fills memory with consecutive pieces."""
    iterator, rest = iter(pieces), memoryview(b"")

    def fill(room: memoryview) -> int:
        nonlocal rest
        while not rest:
            piece = next(iterator, None)
            if piece is None:
                return 0
            rest = memoryview(piece)
        count = min(len(rest), len(room))
        room[:count] = rest[:count]
        rest = rest[count:]
        return count

    return fill


# First bytes of files that are no logs, with advice on how to convert them.
_NO_LOGS = {b"PK\x03\x04": "zip", b"PAR1": "parquet", b"\xff\xfe": "utf-16"}
# Commands that give the logs inside of other files.
_LOGS_INSIDE = {
    "zip": "unzip -p FILE | watchme access -",
    "utf-16": "iconv -f UTF-16 -t UTF-8 FILE | watchme access -",
    "tar": "tar -xOf FILE | watchme access -",
    "parquet": "",
}
_MOST_MAGIC = max(map(len, (*PACKED_MAGIC, *_NO_LOGS)))
_READ_BYTES = 256 << 10
# Bytes that are decompressed at once: of a damaged piece from a pipe, isal returns none.
_UNPACKED_BYTES = 64 << 10
# Compressed bytes after which zlib may have to go on byte by byte to the damage.
_SALVAGED_BYTES = 16 << 10
_ZSTD_PIECE_BYTES = 16 << 10


# Memory that an xz file may request: `xz -9` needs 65 MiB.
_XZ_MEMORY_BYTES = 256 << 20


class TruncatedError(Exception):
    """Data that ends early, is damaged, or reaches a limit; the data before was returned."""

    @property
    def reason(self) -> str:
        """Return the reason, with its message where it has one."""
        reason: str = self.args[0]
        return reason


class _Packing(NamedTuple):
    """A compression: its name, a factory of decompressors for one stream, and their error type."""

    name: str
    new: Any
    error: Any


def unpacked(stream: BinaryIO) -> Iterator[bytes]:
    """Yield a stream's bytes, decompressed if they are compressed.

    Raises TruncatedError after the undamaged part of compressed data.
    """
    fill, room = unpacking(stream), memoryview(bytearray(PIECE_BYTES))
    while count := fill(room):
        yield bytes(room[:count])


def unpacking(stream: BinaryIO) -> Fill:
    """Return a function that fills memory with a stream's bytes, decompressed if they are compressed.

    Plain data is written to the memory without a copy. Raises as :func:`unpacked`.
    """
    first = _beginning(stream)
    begin = filling([first])
    if not first.startswith(PACKED_MAGIC):
        # The type does not declare readinto1. A pipe's data is taken as it arrives, so that an interrupt
        # loses nothing.
        stored: Any = stream
        into = getattr(stored, "readinto1", None)
        # An S3 stream fills the whole buffer, and after a failure does not report the bytes written.
        return lambda room: begin(room) or (into(room) if into else stored.readinto(room[:_READ_BYTES]))
    packed = _Rejoined(first, stream)
    found = _zstd(packed) if first.startswith(ZSTD_MAGIC) else _members(packed, _packing(first))
    return _limited(_without_tar(filling(found)), packed, load_config().limits)


def _limited(fill: Fill, packed: _Rejoined, limits: Limits) -> Fill:
    """Return a function that fills memory until the data is far larger than its compressed bytes: a bomb."""
    total = 0

    def bounded(room: memoryview) -> int:
        nonlocal total
        if total > max(limits.unpacked_mib * MIB, limits.unpacked_times * packed.read_bytes):
            raise TruncatedError(
                note(
                    "problem-unpacked",
                    read=Resource(f"{total // MIB} MiB"),
                    times=limits.unpacked_times,
                    limit=limit_reached(limits, "unpacked_times"),
                )
            )
        count = fill(room)
        total += count
        return count

    return bounded


def _no_log(kind: str) -> MessageText:
    return note(f"problem-no-log-{kind}", command=Code(_LOGS_INSIDE[kind]))


def _packed_problem(how: str, kind: str, count: int, **more: Quotation) -> TruncatedError:
    return TruncatedError(
        note(f"problem-packed-{how}", kind=Resource(kind), bytes=Resource(str(count)), **more)
    )


def _beginning(stream: BinaryIO) -> bytes:
    some: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
    first = some(_READ_BYTES)
    while first and len(first) < _MOST_MAGIC:
        more = some(_READ_BYTES)
        if not more:
            break
        first += more
    for magic, kind in _NO_LOGS.items():
        if first.startswith(magic):
            raise TruncatedError(_no_log(kind))
    _refuse_tar(first)
    return first


def _refuse_tar(first: bytes) -> None:
    # The name and numbers of the first file, padded with NUL, precede the magic.
    if first[257:262] == b"ustar" and b"\0" in first[:257]:
        raise TruncatedError(_no_log("tar"))


def _without_tar(fill: Fill) -> Fill:
    is_first = True

    def checked(room: memoryview) -> int:
        nonlocal is_first
        count = fill(room)
        if is_first:
            _refuse_tar(bytes(room[: min(count, PIECE_BYTES)]))
        is_first = False
        return count

    return checked


def _packing(first: bytes) -> _Packing:
    if first.startswith(GZIP_MAGIC):
        # A faster zlib.
        from isal.igzip_lib import DECOMP_GZIP, IgzipDecompressor, IsalError

        return _Packing("gzip", partial(IgzipDecompressor, flag=DECOMP_GZIP), IsalError)
    if first.startswith(BZIP2_MAGIC):
        from bz2 import BZ2Decompressor

        return _Packing("bzip2", BZ2Decompressor, OSError)
    from lzma import LZMADecompressor, LZMAError

    return _Packing("xz", partial(LZMADecompressor, memlimit=_XZ_MEMORY_BYTES), LZMAError)


def _members(stream: _Rejoined, packing: _Packing) -> Iterator[bytes]:
    """Yield the content of several concatenated compressed streams."""
    rest = stream.read1(_READ_BYTES)
    magic = next(one for one in PACKED_MAGIC if rest.startswith(one))
    total = begin = begin_total = 0
    member = packing.new()
    while True:
        try:
            data = member.decompress(rest, _UNPACKED_BYTES)
        except packing.error as error:
            for data in _salvaged(stream, begin, total - begin_total) if packing.name == "gzip" else ():
                total += len(data)
                yield data
            said = Quotation(str(error))
            raise _packed_problem("damaged", packing.name, total, error=said) from error
        total += len(data)
        if data:
            yield data
        rest = b""
        if member.eof:
            # Tapes and some tools pad with NUL bytes, also between two streams.
            rest = member.unused_data.lstrip(b"\0")
            while not rest:
                piece = stream.read1(_READ_BYTES)
                if not piece:
                    return
                rest = piece.lstrip(b"\0")
            if len(rest) >= len(magic) and not rest.startswith(magic):
                raise _packed_problem("other", packing.name, total)
            begin, begin_total = stream.read_bytes - len(rest), total
            member = packing.new()
        elif member.needs_input:
            rest = stream.read1(_READ_BYTES)
            if not rest:
                raise _packed_problem("end", packing.name, total)


def _salvaged(stream: _Rejoined, begin: int, known: int) -> Iterator[bytes]:
    """Yield what zlib reads of a damaged gzip member of a file up to the damage, after ``known`` bytes.

    isal returns nothing of the piece that holds the damage. A pipe cannot be read again.
    """
    import zlib

    if not stream.rewind(begin):
        return
    member = zlib.decompressobj(wbits=31)  # with a header of gzip
    while not member.eof and (piece := stream.read(_SALVAGED_BYTES)):
        before = member.copy()
        try:
            data = member.decompress(piece)
        except zlib.error:
            yield _until_damage(before, piece)[known:]
            return
        yield data[known:]
        known = max(0, known - len(data))


def _until_damage(member: Any, piece: bytes) -> bytes:
    """Return what a decompressor of zlib makes of a piece before its damage."""
    import zlib

    found = bytearray()
    for place in range(len(piece)):
        try:
            found += member.decompress(piece[place : place + 1])
        except zlib.error:
            break
    return bytes(found)


def _zstd(stream: _Rejoined) -> Iterator[bytes]:
    import pyarrow as pa

    total = 0
    source = pa.PythonFile(stream, mode="r")
    try:
        with pa.CompressedInputStream(source, "zstd") as plain:
            while piece := plain.read(_ZSTD_PIECE_BYTES):
                total += len(piece)
                yield piece
    except OSError as error:
        raise TruncatedError(
            note("problem-zstandard", bytes=Resource(str(total)), error=Quotation(str(error)))
        ) from error


class _Rejoined:
    """A stream whose first bytes were already read; it counts the bytes that it returns."""

    closed = False

    def __init__(self, first: bytes, stream: BinaryIO) -> None:
        self._first = first
        self._stream: Any = stream
        can_seek = getattr(stream, "seekable", bool)()
        self._begin = stream.tell() - len(first) if can_seek else None
        self.read_bytes = 0

    def rewind(self, offset: int) -> bool:
        """Go back to an offset from the first byte; return whether the stream can."""
        if self._begin is None:
            return False
        self._stream.seek(self._begin + offset)
        self._first = b""
        return True

    def read(self, size: int = -1) -> bytes:
        if self._first:
            size = len(self._first) if size < 0 else size
            data, self._first = self._first[:size], self._first[size:]
        else:
            data = self._stream.read(size)
        self.read_bytes += len(data)
        return data

    def read1(self, size: int) -> bytes:
        """Return some bytes as they arrive, as those of a pipe do."""
        if self._first:
            return self.read(size)
        data: bytes = getattr(self._stream, "read1", self._stream.read)(size)
        self.read_bytes += len(data)
        return data

    def close(self) -> None:
        self.closed = True
