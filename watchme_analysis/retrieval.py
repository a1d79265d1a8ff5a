"""Accounting of a table: its source and query, its rows, and the input that became no row."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from watchme_analysis.errors import AccountingError


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line or file that could not become a row.

    Attributes
    ----------
    file
        Name of the file, relative to the folder it came from.
    line
        Line number, counted from 1; 0 when the whole file or its tail is meant.
    reason
        Reason of the rejection.
    text
        The text itself, undecodable bytes escaped; cut at 2000 characters.
    size_bytes
        Length of the line before it was cut; None where no line is meant.
    """

    file: str
    line: int
    reason: str
    text: str = ""
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Retrieval:
    """The accounting of a ``get_``, ``read_`` or ``parse_`` function.

    Attributes
    ----------
    source
        Name of the source, such as ``nginx_access`` or ``cloudwatch_metrics``.
    origin
        File name, or the service and its query.
    rows
        Rows of the frame.
    lines, blank_lines
        Physical lines read and how many of them were blank, for line formats:
        ``lines == rows + len(rejected) + blank_lines`` (plus continuation lines joined to a row, counted
        in ``joined_lines``, and rows outside the selection, counted in ``filtered``).
    joined_lines
        Lines that continue a row started earlier, such as a traceback.
    filtered
        Rows outside the selected window or columns' values; ``left_out`` in JSON.
    rejected
        Input that could not become a row; of very many, the first.
    start, end
        First and last time of the rows (UTC), None without rows.
    truncated
        True when rows are known or likely to be missing; ``notes`` says why.
    query
        Query, where the source has one.
    bytes_scanned, cost_usd
        Bytes that the service scanned, and their price in USD, where it reports them.
    cached_at
        Time of the service's response that was read from a cache.
    notes
        Sentences for the reader of a report.
    """

    source: str
    origin: str
    rows: int = 0
    lines: int | None = None
    blank_lines: int = 0
    joined_lines: int = 0
    filtered: int = 0
    rejected: tuple[Rejected, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    truncated: bool = False
    query: str | None = None
    bytes_scanned: float | None = None
    cost_usd: float | None = None
    cached_at: datetime | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def rejected_lines(self) -> int:
        """Number of rejected lines, also those whose text was not kept; a lost tail is no line."""
        return (self.lines or 0) - self.rows - self.blank_lines - self.joined_lines - self.filtered

    @property
    def rejected_count(self) -> int:
        """Number of rejected lines, also those whose text was not kept, and of lost tails."""
        return len(self.rejected) if self.lines is None else max(len(self.rejected), self.rejected_lines)

    def with_notes(self, *notes: str) -> Retrieval:
        """Return a copy with more notes."""
        return replace(self, notes=self.notes + notes)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary; rejected pieces are counted, not listed."""
        data = {"left_out" if name == "filtered" else name: value for name, value in asdict(self).items()}
        data["rejected"] = self.rejected_count
        for name in ("start", "end", "cached_at"):
            value: datetime | None = getattr(self, name)
            data[name] = value.isoformat() if value else None
        data["notes"] = list(self.notes)
        return data


def check_lines(file: str, lines: int, accounted: int) -> None:
    """Check that every line of a file became a row or was counted as blank, joined, filtered or rejected.

    Unlike an ``assert``, the check also runs under ``python -O``.

    Parameters
    ----------
    file
        Name of the file.
    lines, accounted
        Physical lines read, and the sum of the lines accounted for.

    Raises
    ------
    AccountingError
        When the two numbers differ.
    """
    if lines != accounted:
        detail = f"{lines - accounted} lost" if lines > accounted else f"{accounted - lines} counted twice"
        raise AccountingError(
            f"{file}: {abs(lines - accounted)} of {lines} lines do not add up ({detail}), which is a bug in "
            "watchme_analysis: please report it with the output of `watchme --version`."
        )
