"""Bytes of compressed files: how they begin, and memory filled with pieces.

Packed logs as plain bytes: gzip, bzip2, xz and Zstandard, told by how they begin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any, BinaryIO, NamedTuple, TypeAlias

GZIP_MAGIC, ZSTD_MAGIC, BZIP2_MAGIC, XZ_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\0"


# What can't be read from its middle.
PACKED_MAGIC = (GZIP_MAGIC, ZSTD_MAGIC, BZIP2_MAGIC, XZ_MAGIC)


# As much as a stream is asked for at once.
PIECE_BYTES = 1 << 18


# Writes to the beginning of some memory and returns how many bytes, 0 at the end.
Fill: TypeAlias = Callable[[memoryview], int]


def filling(pieces: Iterable[bytes]) -> Fill:
    """Return what fills memory with pieces, one behind the other."""
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


# What is no log as it is, and how to make one of it.
_NO_LOGS = {
    b"PK\x03\x04": "it is a zip archive, which is not read: unzip -p FILE | watchme access -",
    b"PAR1": "it is a Parquet file, and no log",
    b"\xff\xfe": "it is UTF-16 text, which is not read: iconv -f UTF-16 -t UTF-8 FILE | watchme access -",
}
_TAR = "it is a tar archive, which is not read: tar -xOf FILE | watchme access -"
_MOST_MAGIC = max(map(len, (*PACKED_MAGIC, *_NO_LOGS)))
_READ_BYTES = 256 << 10
# So much is unpacked at once: little enough to be still at hand when it is copied to its block.
_UNPACKED_BYTES = 256 << 10
# What is unpacked of a piece that turns out to be torn is lost.
_ZSTD_PIECE_BYTES = 16 << 10


class TruncatedError(Exception):
    """Packed data that ends early or is damaged; what came before it was given out."""


class _Packing(NamedTuple):
    """A way to pack: its name, a decompressor for one stream of it, and what that raises."""

    name: str
    new: Any
    error: Any


def unpacked(stream: BinaryIO) -> Iterator[bytes]:
    """Yield a stream's bytes, unpacked where they are packed data.

    Raises
    ------
    TornError
        After the good part of packed data.
    """
    fill, room = unpacking(stream), memoryview(bytearray(PIECE_BYTES))
    while count := fill(room):
        yield bytes(room[:count])


def unpacking(stream: BinaryIO) -> Fill:
    """Return what fills memory with a stream's bytes, unpacked where they are packed data.

    What isn't, and gzip, comes to where it is wanted without a copy. Raises as :func:`unpacked`.
    """
    first = _beginning(stream)
    begin = filling([first])
    # Its type doesn't tell that it can. What a pipe has is taken as it comes: who stops it loses nothing.
    stored: Any = stream
    into = getattr(stored, "readinto1", None)

    def plain(room: memoryview) -> int:
        # A store's stream fills all the room, and where it fails halfway doesn't say how much it did.
        return begin(room) or (into(room) if into else stored.readinto(room[:_READ_BYTES]))

    if first.startswith(GZIP_MAGIC):
        return _without_tar(_gunzipping(plain))
    if first.startswith(ZSTD_MAGIC):
        return _without_tar(filling(_zstd(first, stream)))
    if first.startswith(PACKED_MAGIC):
        return _without_tar(filling(_members(first, stream, _packing(first))))
    return plain


def _beginning(stream: BinaryIO) -> bytes:
    some: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
    first = some(_READ_BYTES)
    while first and len(first) < _MOST_MAGIC:
        more = some(_READ_BYTES)
        if not more:
            break
        first += more
    for magic, reason in _NO_LOGS.items():
        if first.startswith(magic):
            raise TruncatedError(reason)
    _refuse_tar(first)
    return first


def _refuse_tar(first: bytes) -> None:
    # Names and numbers stand before it, filled up with NUL.
    if first[257:262] == b"ustar" and b"\0" in first[:257]:
        raise TruncatedError(_TAR)


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


def _gunzipping(plain: Fill) -> Fill:
    """Return what fills memory with what members of gzip data, one behind the other, hold."""
    # It alone unpacks to memory that is given. What Python does in between is little, and done seldom: each
    # time others may keep Python busy.
    from isal.isal_zlib import _GzipReader

    stored: Any = SimpleNamespace(read=plain, readinto=plain)
    reader = _GzipReader(stored, _READ_BYTES)
    failure: BaseException | None = None

    def fill(room: memoryview) -> int:
        nonlocal failure
        before: int = reader.tell()
        if failure is None:
            try:
                return reader.readinto(room)
            except (Exception, KeyboardInterrupt) as error:
                failure = _torn_gzip(error, reader.tell())
            if good := reader.tell() - before:
                return good
        raise failure

    return fill


def _torn_gzip(error: BaseException, total: int) -> BaseException:
    """Return what an error of the reader of gzip says of its data; others as they are."""
    from gzip import BadGzipFile

    from isal import isal_zlib

    # Its type is told to be an exception, not a class of them.
    damaged: Any = (BadGzipFile, isal_zlib.error, OverflowError)
    if isinstance(error, EOFError):
        return TruncatedError(f"gzip data ends early after {total} bytes")
    if isinstance(error, BadGzipFile) and "Not a gzipped file" in str(error):
        return TruncatedError(f"what follows the gzip data after {total} bytes is no gzip data")
    if isinstance(error, damaged):
        return TruncatedError(f"gzip data is damaged after {total} bytes ({error})")
    return error


def _packing(first: bytes) -> _Packing:
    if first.startswith(BZIP2_MAGIC):
        from bz2 import BZ2Decompressor

        return _Packing("bzip2", BZ2Decompressor, OSError)
    from lzma import LZMADecompressor, LZMAError

    return _Packing("xz", LZMADecompressor, LZMAError)


def _members(first: bytes, stream: BinaryIO, packing: _Packing) -> Iterator[bytes]:
    """Yield what several streams of packed data, one behind the other, hold."""
    magic = next(one for one in PACKED_MAGIC if first.startswith(one))
    total = 0
    member = packing.new()
    rest = first
    while True:
        try:
            data = member.decompress(rest, _UNPACKED_BYTES)
        except packing.error as error:
            raise TruncatedError(f"{packing.name} data is damaged after {total} bytes ({error})") from error
        total += len(data)
        if data:
            yield data
        rest = b""
        if member.eof:
            rest = member.unused_data
            # Tapes and some tools pad with NUL bytes.
            while not rest.lstrip(b"\0"):
                rest = stream.read(_READ_BYTES)
                if not rest:
                    return
            if len(rest) >= len(magic) and not rest.startswith(magic):
                name = packing.name
                raise TruncatedError(f"what follows the {name} data after {total} bytes is no {name} data")
            member = packing.new()
        elif member.needs_input:
            rest = stream.read(_READ_BYTES)
            if not rest:
                raise TruncatedError(f"{packing.name} data ends early after {total} bytes")


def _zstd(first: bytes, stream: BinaryIO) -> Iterator[bytes]:
    import pyarrow as pa

    total = 0
    source = pa.PythonFile(_Rejoined(first, stream), mode="r")
    try:
        with pa.CompressedInputStream(source, "zstd") as plain:
            while piece := plain.read(_ZSTD_PIECE_BYTES):
                total += len(piece)
                yield piece
    except OSError as error:
        raise TruncatedError(
            f"Zstandard data ends early or is damaged after {total} bytes ({error})"
        ) from error


class _Rejoined:
    """A stream whose first bytes were taken off already."""

    closed = False

    def __init__(self, first: bytes, stream: BinaryIO) -> None:
        self._first = first
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        if self._first:
            size = len(self._first) if size < 0 else size
            data, self._first = self._first[:size], self._first[size:]
            return data
        return self._stream.read(size)

    def close(self) -> None:
        self.closed = True
