"""Accounting of a table: its source and query, its rows, and the input that became no row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from watchme_analysis.errors import AccountingError

_BYTES_PER_GB = 1e9
# Files, log groups or queries that a representation names.
_MOST_NAMES = 2


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line or file that could not become a row.

    ``file`` is relative to the folder it came from; ``line`` counts from 1, and is 0 when the whole file or
    its tail is meant. ``text`` has its undecodable bytes escaped and is cut at 2000 characters;
    ``size_bytes`` is the length of the line before, None where no line is meant.
    """

    file: str
    line: int
    reason: str
    text: str = ""
    size_bytes: int | None = None


class LateNotes(Sequence[str]):
    """Sentences that ``make`` returns when they are first read: most callers of a reader read none."""

    def __init__(self, make: Callable[[], Iterable[str]]) -> None:
        self._make = make

    @cached_property
    def _notes(self) -> tuple[str, ...]:
        return tuple(self._make())

    def __getitem__(self, at: Any) -> Any:
        return self._notes[at]

    def __len__(self) -> int:
        return len(self._notes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._notes == tuple(other)

    def __hash__(self) -> int:
        return hash(self._notes)

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (self._notes,)


@dataclass(frozen=True, slots=True, repr=False)
class Retrieval:
    """The accounting of a ``get_``, ``read_`` or ``parse_`` function.

    Its representation says in one line how many rows there are, whether they are complete, and what the
    service scanned for them.

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
    parts
        Retrievals of the files, queries or accounts that this one sums up; not part of the JSON.

    Examples
    --------
    >>> Retrieval("nginx_access", "access.log", rows=2, lines=3, blank_lines=1)
    <Retrieval: 2 rows of nginx_access (access.log), complete>
    >>> Retrieval("cloudwatch_logs", "/ecs/api", truncated=True, bytes_scanned=2e9, cost_usd=0.01)
    <Retrieval: 0 rows of cloudwatch_logs (/ecs/api), rows are missing; 2.000 GB scanned, 0.0100 USD>
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
    notes: Sequence[str] = field(default=())
    parts: tuple[Retrieval, ...] = field(default=())

    def __repr__(self) -> str:
        origins = self.origin.split(", ")
        more = len(origins) - _MOST_NAMES
        origin = ", ".join(origins[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
        head = f"{self.rows:,} row{'' if self.rows == 1 else 's'} of {self.source} ({origin})"
        facts = [f"{head}, {'rows are missing' if self.truncated else 'complete'}"]
        if self.start and self.end:
            facts.append(f"{_in_utc(self.start)} to {_in_utc(self.end)} UTC")
        for number, name in ((self.filtered, "outside the selection"), (self.rejected_count, "rejected")):
            facts += [f"{number:,} line{'' if number == 1 else 's'} {name}"] if number else []
        if self.bytes_scanned is not None:
            price = "" if self.cost_usd is None else f", {self.cost_usd:.4f} USD"
            facts.append(f"{self.bytes_scanned / _BYTES_PER_GB:.3f} GB scanned{price}")
        if self.cached_at:
            facts.append(f"partly from the cache of {_in_utc(self.cached_at)} UTC")
        facts += [f"notes: {len(self.notes)}"] if self.notes else []
        return f"<Retrieval: {'; '.join(facts)}>"

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
        return replace(self, notes=(*self.notes, *notes)) if notes else self

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary; rejected pieces are counted, not listed."""
        alone = replace(self, parts=())
        data = {"left_out" if name == "filtered" else name: value for name, value in asdict(alone).items()}
        del data["parts"]
        data["rejected"] = self.rejected_count
        for name in ("start", "end", "cached_at"):
            value: datetime | None = getattr(self, name)
            data[name] = value.isoformat() if value else None
        data["notes"] = list(self.notes)
        return data


def combined(parts: Sequence[Retrieval]) -> Retrieval:
    """Return the retrieval of a frame that several sources of the same kind fill, with theirs as ``parts``.

    Counts, bytes and costs are sums, None when no part states them. Rows are missing when any part lacks
    some. A note of one part among several is preceded by the part's origin.
    """
    if len(parts) == 1:
        return replace(parts[0], parts=tuple(parts))
    from watchme_analysis.text.message import Resource, value_of
    from watchme_analysis.text.render import note as said

    lines = [part.lines for part in parts if part.lines is not None]
    scanned = [part.bytes_scanned for part in parts if part.bytes_scanned is not None]
    costs = [part.cost_usd for part in parts if part.cost_usd is not None]
    notes = (
        said("note-of-file", file=Resource(part.origin), note=value_of(text))
        if part.origin not in text
        else text
        for part in parts
        for text in part.notes
    )
    return Retrieval(
        parts[0].source,
        ", ".join(dict.fromkeys(part.origin for part in parts)),
        rows=sum(part.rows for part in parts),
        lines=sum(lines) if len(lines) == len(parts) else None,
        blank_lines=sum(part.blank_lines for part in parts),
        joined_lines=sum(part.joined_lines for part in parts),
        filtered=sum(part.filtered for part in parts),
        rejected=tuple(one for part in parts for one in part.rejected),
        start=min((part.start for part in parts if part.start), default=None),
        end=max((part.end for part in parts if part.end), default=None),
        truncated=any(part.truncated for part in parts),
        query=parts[0].query,
        bytes_scanned=sum(scanned) if scanned else None,
        cost_usd=sum(costs) if costs else None,
        cached_at=min((part.cached_at for part in parts if part.cached_at), default=None),
        notes=tuple(dict.fromkeys(notes)),
        parts=tuple(parts),
    )


def _in_utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def check_lines(file: str, lines: int, accounted: int) -> None:
    """Check that every line of a file became a row or was counted as blank, joined, filtered or rejected.

    When the physical lines and the sum of those accounted for differ, an AccountingError is raised: unlike an
    ``assert`` also under ``python -O``.
    """
    if lines != accounted:
        from watchme_analysis.text.message import Choice
        from watchme_analysis.text.render import error_message

        how = Choice("lost" if lines > accounted else "twice")
        differ = abs(lines - accounted)
        raise AccountingError(
            error_message("error-lines-unaccounted", file=file, differ=str(differ), lines=str(lines), how=how)
        )
