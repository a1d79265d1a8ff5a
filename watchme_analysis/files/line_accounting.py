"""The accounting of a file's lines: each is a row, blank, joined, filtered or rejected.

A reader counts on a :class:`LineAccounting` while it reads; ``retrieval()`` checks the sum and returns the
result as a :class:`~watchme_analysis.retrieval.Retrieval`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from watchme_analysis.files.lines import display_text, each_line, long_line_problem
from watchme_analysis.files.storable_values import frame_of_rows
from watchme_analysis.limits import MIB
from watchme_analysis.retrieval import Rejected, Retrieval, check_lines
from watchme_analysis.schema import frame_of_values
from watchme_analysis.text.render import note

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.files.evidence_file import RawFile

# Rows as dictionaries need ten times the memory of a frame.
_ROWS_AT_ONCE = 100_000
# Rejected lines of a file whose text is kept: a file that is no log at all has millions.
_KEPT_REJECTED = 100_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class LineAccounting:
    """The accounting of a file while it is read; those of its parts are combined by :meth:`merge`.

    - ``file``: name of the file, relative to its folder.
    - ``source``: name of the reader.
    - ``notes``: sentences for the report.
    - ``lines``: physical lines read.
    - ``row_count``, ``blank_lines``, ``joined_lines``, ``filtered``, ``rejected_lines``: number of lines by
      outcome; ``lines`` is their sum.
    - ``has_row_per_line``: False for a file with several rows per line, whose lines are not counted.
    - ``rejected``: rejected lines with reason and text, at most ``kept_rejected``, and line 0 for a lost
      part.
    - ``kept_rejected``: largest number of rejected lines whose text is kept; None for all.
    - ``span``: first and last time in microseconds since the epoch; empty without a time.
    - ``is_truncated``: true if lines are known to be missing.
    """

    file: str
    source: str
    notes: list[str] = field(default_factory=list)
    lines: int = 0
    row_count: int = 0
    blank_lines: int = 0
    joined_lines: int = 0
    filtered: int = 0
    rejected_lines: int = 0
    has_row_per_line: bool = True
    rejected: list[Rejected] = field(default_factory=list)
    kept_rejected: int | None = None
    span: list[int] = field(default_factory=list)
    is_truncated: bool = False

    def reject(self, line: int, reason: str, text: bytes = b"") -> None:
        """Count a line that could not become a row.

        ``line``: its number in the file, counted from 1; ``reason``: reason for the rejection in words.
        """
        self.rejected_lines += 1
        self._keep([Rejected(self.file, line, reason, display_text(text), len(text))])

    def truncate(self, problem: str) -> None:
        """Record that the rest of the file is lost; the problem is listed as rejected line 0."""
        self.is_truncated = True
        self.rejected.append(Rejected(self.file, 0, problem))

    def merge(self, later: LineAccounting) -> None:
        """Add the accounting of the part that follows in the same file."""
        self._keep([replace(one, line=one.line + self.lines) if one.line else one for one in later.rejected])
        self.notes += [note for note in later.notes if note not in self.notes]
        self.lines += later.lines
        self.row_count += later.row_count
        self.blank_lines += later.blank_lines
        self.joined_lines += later.joined_lines
        self.filtered += later.filtered
        self.rejected_lines += later.rejected_lines
        self.is_truncated |= later.is_truncated
        self.widen_span(later.span)

    def widen_span(self, times: Sequence[int]) -> None:
        """Extend the span to times in microseconds since the epoch."""
        known = [*self.span, *times]
        self.span = [min(known), max(known)] if known else []

    def all_notes(self, dropped: int) -> Sequence[str]:
        """Return the notes with those on the numbers of lines.

        ``dropped``: number of rejected lines whose text was not kept.
        """
        if dropped <= 0:
            return tuple(self.notes)
        kept = self.kept_rejected or 0
        return (*self.notes, note("note-rejected-kept", lines=self.rejected_lines, kept=kept))

    def retrieval(self) -> Retrieval:
        """Return the accounting as a retrieval.

        Raises AccountingError if the lines do not add up.
        """
        if self.has_row_per_line:
            counts = (self.row_count, self.blank_lines, self.joined_lines, self.filtered, self.rejected_lines)
            check_lines(self.file, self.lines, sum(counts))
        dropped = self.rejected_lines - sum(one.line > 0 for one in self.rejected)
        start, end = (
            (_EPOCH + timedelta(microseconds=time) for time in self.span) if self.span else (None, None)
        )
        return Retrieval(
            source=self.source,
            origin=self.file,
            rows=self.row_count,
            lines=self.lines if self.has_row_per_line else None,
            blank_lines=self.blank_lines,
            joined_lines=self.joined_lines,
            filtered=self.filtered,
            rejected=tuple(self.rejected),
            start=start,
            end=end,
            truncated=self.is_truncated or dropped > 0,
            notes=self.all_notes(dropped),
        )

    def _keep(self, rejected: list[Rejected]) -> None:
        room = None if self.kept_rejected is None else max(0, self.kept_rejected - len(self.rejected))
        self.rejected += rejected[:room]


class TextAccounting(LineAccounting):
    """The accounting of a text file whose rows are collected individually.

    ``source``, ``table``: name of the reader, and of the table that it fills. ``rows``: last rows by column;
    times are microseconds since the epoch.
    """

    def __init__(self, raw: RawFile, source: str, table: str) -> None:
        super().__init__(raw.relative, source, kept_rejected=_KEPT_REJECTED)
        self.raw = raw
        self.table = table
        self.rows: list[dict[str, object]] = []
        self._frames: list[pd.DataFrame] = []

    def lines_of(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield number and bytes of each line of a text, and count it; one over the limit is rejected."""
        for at, line in enumerate(each_line(data), 1):
            self.lines = at
            # A call for each line takes a tenth of the time of reading a log.
            if len(line) > MIB and (problem := long_line_problem(len(line))):
                self.reject(at, problem, line)
            else:
                yield at, line

    def add(self, row: dict[str, object]) -> None:
        """Add a row. Many rows become a frame, which needs a fraction of their memory."""
        self.rows.append(row)
        if len(self.rows) >= _ROWS_AT_ONCE:
            self._frames.append(self._framed())
            self.rows = []

    def _framed(self) -> pd.DataFrame:
        return frame_of_rows(
            self.table,
            self.rows,
            self.raw.remarks,
            lambda rows: frame_of_values(self.table, rows, keeps_empty=True),
        )

    def finish(self, times: Iterable[str]) -> tuple[pd.DataFrame, Retrieval]:
        """Return the rows as the table's frame, and the retrieval; that of a damaged file is truncated.

        ``times``: names of the time columns, beginning with the column that orders the table.
        """
        import pandas as pd

        time_columns = list(times)

        last = [self._framed()] if self.rows or not self._frames else []
        frames = [*self._frames, *last]
        frame = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
        self.row_count = len(frame)
        if time_columns and frame[time_columns[0]].notna().any():
            bounds = frame[time_columns[0]].agg(["min", "max"])
            self.widen_span([(time - _EPOCH) // timedelta(microseconds=1) for time in bounds])
        if self.raw.content.problem:
            self.truncate(self.raw.content.problem)
        return frame, self.retrieval()
