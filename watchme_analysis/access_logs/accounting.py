"""Sentences about the formats that lines were of.

What became of the lines of an access log, counted while it is scanned, whole or in parts.

What became of a log while it was read.

Large logs of which no line can be read, told by some lines from all over them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from watchme_analysis.access_logs.engine.chunk import Chunk, rejected_at
from watchme_analysis.access_logs.engine.reference_parser import ReferenceParser
from watchme_analysis.access_logs.input import Input, now_at
from watchme_analysis.files.arrow_arrays import nulls_of, numbers_of, whole
from watchme_analysis.files.decompress import PACKED_MAGIC
from watchme_analysis.files.lines import shown, split_lines
from watchme_analysis.retrieval import Rejected, Retrieval, check_lines
from watchme_analysis.text.formats import counted

if TYPE_CHECKING:
    import pyarrow as pa


def format_notes(used: Counter[str]) -> list[str]:
    """Return sentences about the formats that lines were of."""
    if len(used) < 2:
        return [f"log_format {name}" for name in used]
    return [f"{counted(count, 'line')} of log_format {name}" for name, count in used.most_common()]


# Rejected lines are counted without end, and kept up to this many for each input.
KEPT_REJECTED = 10_000
UNENDED = "the last line has no line end: it may be cut, or still being written"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class LineAccounting:
    """The account of an input while it is scanned; accounts of its parts, in their order, add up to it.

    Attributes
    ----------
    name
        Name of the input.
    notes
        Sentences for the reader.
    lines, rows, blank, left_out, refused
        ``lines == rows + blank + left_out + refused``.
    rejected
        The first :data:`KEPT_REJECTED` refused lines, and what was torn.
    formats
        Lines of each format.
    span
        First and last moment, microseconds since the epoch; empty without one.
    torn
        Whether the input ended early or was damaged.
    ended
        Whether the last line has its end.
    """

    name: str
    notes: list[str] = field(default_factory=list)
    lines: int = 0
    rows: int = 0
    blank: int = 0
    left_out: int = 0
    refused: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    formats: Counter[str] = field(default_factory=Counter)
    span: list[int] = field(default_factory=list)
    torn: bool = False
    ended: bool = True

    def add(self, chunk: Chunk, table: pa.Table) -> None:
        """Count a chunk whose table, numbered within the input, is given beside it."""
        rows = len(chunk.table)
        found = rows + len(chunk.refused) + chunk.blank + chunk.left_out
        check_lines(self.name, chunk.lines, found)
        self.rejected += rejected_at(chunk, self.name, self.lines)[: KEPT_REJECTED - len(self.rejected)]
        self.lines += chunk.lines
        self.rows += rows
        self.blank += chunk.blank
        self.left_out += chunk.left_out
        self.refused += len(chunk.refused)
        self.formats += chunk.formats
        self.ended = chunk.ended
        if "time" in table.column_names and rows:
            moments = whole(table["time"])
            known = numbers_of(moments)
            known = known[~nulls_of(moments)] if moments.null_count else known
            self._widen([int(known.min()), int(known.max())] if len(known) else [])

    def merge(self, later: LineAccounting) -> None:
        """Add the account of the part that follows."""
        moved = [replace(one, line=one.line + self.lines) if one.line else one for one in later.rejected]
        self.rejected += moved[: KEPT_REJECTED - len(self.rejected)]
        self.notes += [note for note in later.notes if note not in self.notes]
        self.rows += later.rows
        self.blank += later.blank
        self.left_out += later.left_out
        self.refused += later.refused
        self.formats += later.formats
        self.torn |= later.torn
        self.ended = later.ended if later.lines else self.ended
        self.lines += later.lines
        self._widen(later.span)

    def tear(self, reason: str) -> None:
        """Note that what follows is lost."""
        self.torn = True
        self.rejected.append(Rejected(self.name, 0, reason))

    def retrieval(self) -> Retrieval:
        """Return the account as others know it."""
        notes = [*self.notes, *format_notes(self.formats)]
        if self.refused > len(self.rejected):
            notes.append(f"{self.refused} lines rejected, the first {KEPT_REJECTED} kept")
        if not self.ended:
            notes.append(UNENDED)
        start, end = (
            (_EPOCH + timedelta(microseconds=one) for one in self.span) if self.span else (None, None)
        )
        return Retrieval(
            source="nginx_access",
            origin=self.name,
            rows=self.rows,
            lines=self.lines,
            blank_lines=self.blank,
            left_out=self.left_out,
            rejected=tuple(self.rejected),
            start=start,
            end=end,
            truncated=self.torn or self.refused > len(self.rejected),
            notes=tuple(notes),
        )

    def _widen(self, moments: list[int]) -> None:
        whole = [*self.span, *moments]
        self.span = [min(whole), max(whole)] if whole else []


def note_file_change(one: Input, tally: LineAccounting) -> None:
    """Say in the account when a file became another while it was read: written on, cut, or rotated."""
    if one.path is None or one.size is None:
        return
    try:
        here = now_at(one.path, one.begin)
        size = here.stat().st_size
    except FileNotFoundError:
        tally.notes.append("it was moved away while it was read")
        return
    if here != one.path:
        tally.notes.append(f"it was rotated while the logs were read: it is {here} now")
    if size > one.size:
        tally.notes.append(
            f"it grew while it was read, by {size - one.size} bytes: later lines may be missing"
        )
    elif size < one.size:
        tally.torn = True
        tally.notes.append(
            f"it is smaller than when the reading began, by {one.size - size} bytes: it was cut or rotated, "
            "and lines may be missing"
        )


# A smaller log is read in no time.
LARGE_BYTES = 16 << 20
_PLACES, _PLACE_BYTES, _LINES_AT = 48, 1 << 16, 16
# Fewer lines, which are very long then, tell nothing.
_LEAST_LINES = 100
_EXAMPLES = 5


def unreadable_log(one: Input, reader: ReferenceParser) -> Retrieval | None:
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
