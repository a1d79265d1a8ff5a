"""Packed logs as plain bytes: gzip, bzip2, xz and Zstandard, told by how they begin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO, NamedTuple

from watchme_analysis.sources.access.blocks import PIECE_BYTES, Fill, filling
from watchme_analysis.sources.raw import BZIP2_MAGIC, GZIP_MAGIC, PACKED_MAGIC, ZSTD_MAGIC

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


class TornError(Exception):
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
    first = _beginning(stream)
    packed = _packed(first, stream)
    if packed is not None:
        yield from packed
    elif first:
        yield first
        while piece := stream.read(PIECE_BYTES):
            yield piece


def unpacking(stream: BinaryIO) -> Fill:
    """Return what fills memory with a stream's bytes, unpacked where they are packed data.

    What isn't is read to where it is wanted, without a copy. Raises as :func:`unpacked`.
    """
    first = _beginning(stream)
    packed = _packed(first, stream)
    if packed is not None:
        return filling(packed)
    begin = filling([first])
    # Its type doesn't tell that it can. What a pipe has is taken as it comes: who stops it loses nothing.
    plain: Any = stream
    into = getattr(plain, "readinto1", plain.readinto)
    return lambda room: begin(room) or into(room)


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
            raise TornError(reason)
    _refuse_tar(first)
    return first


def _refuse_tar(first: bytes) -> None:
    # Names and numbers stand before it, filled up with NUL.
    if first[257:262] == b"ustar" and b"\0" in first[:257]:
        raise TornError(_TAR)


def _without_tar(pieces: Iterator[bytes]) -> Iterator[bytes]:
    first = next(pieces, b"")
    _refuse_tar(first)
    yield first
    yield from pieces


def _packed(first: bytes, stream: BinaryIO) -> Iterator[bytes] | None:
    """Return the unpacked pieces of packed data, None of what is none."""
    if first.startswith(ZSTD_MAGIC):
        return _without_tar(_zstd(first, stream))
    if first.startswith(PACKED_MAGIC):
        return _without_tar(_members(first, stream, _packing(first)))
    return None


def _packing(first: bytes) -> _Packing:
    if first.startswith(GZIP_MAGIC):
        from isal import igzip_lib

        gzip = partial(igzip_lib.IgzipDecompressor, flag=igzip_lib.DECOMP_GZIP)
        return _Packing("gzip", gzip, igzip_lib.error)
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
            raise TornError(f"{packing.name} data is damaged after {total} bytes ({error})") from error
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
                raise TornError(f"what follows the {name} data after {total} bytes is no {name} data")
            member = packing.new()
        elif member.needs_input:
            rest = stream.read(_READ_BYTES)
            if not rest:
                raise TornError(f"{packing.name} data ends early after {total} bytes")


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
        raise TornError(f"Zstandard data ends early or is damaged after {total} bytes ({error})") from error


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
