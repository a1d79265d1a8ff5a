"""What became of the lines of an access log, counted while it is scanned, whole or in parts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from watchme_analysis.retrieval import Rejected, Retrieval, check_lines
from watchme_analysis.sources.access.chunk import Chunk, rejected_at
from watchme_analysis.sources.arrow_arrays import nulls_of, numbers_of, whole
from watchme_analysis.sources.nginx import format_notes

if TYPE_CHECKING:
    import pyarrow as pa

# Rejected lines are counted without end, and kept up to this many for each input.
KEPT_REJECTED = 10_000
UNENDED = "the last line has no line end: it may be cut, or still being written"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Tally:
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

    def merge(self, later: Tally) -> None:
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
