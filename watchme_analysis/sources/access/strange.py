"""Large logs of which no line can be read, told by some lines from all over them."""

from __future__ import annotations

from collections.abc import Iterator

from watchme_analysis.retrieval import Rejected, Retrieval
from watchme_analysis.sources.access.input import Input
from watchme_analysis.sources.access.line_reader import LineReader
from watchme_analysis.sources.lines import shown, split_lines
from watchme_analysis.sources.raw import PACKED_MAGIC

# A smaller log is read in no time.
LARGE_BYTES = 16 << 20
_PLACES, _PLACE_BYTES, _LINES_AT = 48, 1 << 16, 16
# Fewer lines, which are very long then, tell nothing.
_LEAST_LINES = 100
_EXAMPLES = 5


def strange(one: Input, reader: LineReader) -> Retrieval | None:
    """Return an account of a large log that is not worth reading: none of many of its lines can be read.

    None for any other, and for what can't be looked into at any place: a stream, and what is packed. One line
    that can be read is enough, wherever it stands: logs may begin with what another program wrote.
    """
    if one.open_anywhere is None or one.size is None or one.size < LARGE_BYTES:
        return None
    refused: list[Rejected] = []
    for at, lines in _lines_all_over(one, one.size):
        if not at and lines[:1] and lines[0].startswith((*PACKED_MAGIC, b"#")):
            return None
        reader.look_at(lines)
        for number, line in enumerate(lines, 1):
            if not line.strip(b" \t\0"):
                continue
            try:
                reader.row(line)
            except ValueError as error:
                refused.append(Rejected(one.name, 0 if at else number, str(error), shown(line), len(line)))
            else:
                return None
    if len(refused) < _LEAST_LINES:
        return None
    reason = (
        f"it was not read: none of {len(refused)} lines from all over it is of a known format. "
        "--nginx-conf or --format says how they are written; with --format it is read to its end in any case"
    )
    first = [each for each in refused[:_EXAMPLES] if each.line]
    return Retrieval(
        "nginx_access", one.name, lines=0, rejected=(Rejected(one.name, 0, reason), *first), truncated=True
    )


def _lines_all_over(one: Input, size: int) -> Iterator[tuple[int, list[bytes]]]:
    """Yield whole lines of a log at some places, the first at its beginning."""
    assert one.open_anywhere is not None
    with one.open_anywhere() as stream:
        for at in range(0, size, max(1, size // _PLACES)):
            stream.seek(at)
            piece = stream.read(_PLACE_BYTES)
            begin = piece.find(b"\n") + 1 if at else 0
            yield at, split_lines(piece[begin : piece.rfind(b"\n") + 1])[:_LINES_AT]
