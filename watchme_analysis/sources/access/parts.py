"""Access logs in parts that may be read apart from one another: ranges of plain files, packed files whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from watchme_analysis.sources.access.input import REQUEST_BYTES, Input
from watchme_analysis.sources.raw import PACKED_MAGIC

PART_BYTES = 64 << 20
_LEAST_READ = 64 << 10


@dataclass(frozen=True)
class Part:
    """Lines of an input: those whose first byte lies in a range, all of them without one.

    Attributes
    ----------
    of
        Position of the input among all inputs.
    start, stop
        The range ``start <= byte < stop``; ``stop`` is None for the whole input.
    """

    of: int
    start: int = 0
    stop: int | None = None

    def pieces(self, one: Input) -> Iterator[bytes]:
        """Yield the part's lines as bytes, unpacked, the last one whole even where it ends past the range.

        Raises
        ------
        TornError, OSError
            As :meth:`Input.pieces`.
        """
        if self.stop is None:
            yield from one.pieces()
            return
        assert one.open_anywhere is not None
        with one.open_anywhere() as stream:
            yield from range_pieces(stream, self.start, self.stop)


def parts_of(inputs: Iterable[Input], part_bytes: int = PART_BYTES) -> list[Part]:
    """Return the parts of inputs, in the order of their lines.

    Parameters
    ----------
    inputs
        What is to be read; what can be read but once, is packed, or begins with directives is one part.
    part_bytes
        Most bytes of a part, but for the rest of its last line.
    """
    found: list[Part] = []
    for at, one in enumerate(inputs):
        if one.size is None or one.size <= part_bytes or _is_one_piece(one):
            found.append(Part(at))
            continue
        # Evenly, so that no part is much smaller than the others.
        count = -(-one.size // part_bytes)
        edges = [one.size * turn // count for turn in range(count + 1)]
        found += [Part(at, start, stop) for start, stop in pairwise(edges)]
    return found


def _is_one_piece(one: Input) -> bool:
    """Tell whether an input is packed, or begins with directives that the lines of all its parts need."""
    assert one.open_anywhere is not None
    with one.open_anywhere() as stream:
        return stream.read(max(map(len, PACKED_MAGIC))).startswith((*PACKED_MAGIC, b"#"))


def range_pieces(stream: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    """Yield the lines of a stream whose first byte lies in a range.

    All but the first range begin behind the first line end at or after the byte before them, and all end with
    the line that their last byte belongs to: every line is of one range.

    Parameters
    ----------
    stream
        Can be read from any place.
    start, stop
        The range in bytes, ``start <= byte < stop``.
    """
    at = max(0, start - 1)
    stream.seek(at)
    inside = start == 0
    while piece := stream.read(min(REQUEST_BYTES, max(_LEAST_READ, stop - at))):
        begin = 0
        if not inside:
            begin = piece.find(b"\n") + 1
            if at + (begin or len(piece)) >= stop:
                # A line that began before the range reaches to its end or past it.
                return
            inside = begin > 0
        if inside:
            end = piece.find(b"\n", max(begin, stop - 1 - at)) + 1
            yield piece[begin : end or len(piece)]
            if end:
                return
        at += len(piece)
