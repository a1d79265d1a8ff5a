"""Tables on the coverage of a case and its gaps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from watchme_analysis.present.display import TableView, cell
from watchme_analysis.text.formats import counted, format_duration, format_time

Stretch = tuple[datetime, datetime]
# Default note on truncated rows.
UNCOUNTED = "the source does not say how many rows there are"


def coverage_table(coverage: Mapping[str, Mapping[str, Any]], zone: tzinfo) -> TableView:
    """Return a table with rows, window and losses of every table with input.

    Parameters
    ----------
    coverage
        Dictionary from :meth:`watchme_analysis.case.case_folder.Case.coverage`.
    zone
        Time zone of the times shown.
    """
    rows = []
    for name, entry in coverage.items():
        start, end = (_moment(entry[bound], zone) for bound in ("start", "end"))
        rejected = cell(int(entry["rejected"]), zone)
        notes = "; ".join(map(str, entry["notes"]))
        if entry["truncated"]:
            first, *more = map(str, entry["notes"] or [UNCOUNTED])
            notes = f"cut off: {first}" + (f" And {len(more)} more." if more else "")
        rows.append((name, cell(int(entry["rows"]), zone), start, end, rejected, notes))
    heads = ("table", "rows", "first", "last", "rejected lines", "notes")
    return TableView(f"What the data covers (times in {zone})", heads, tuple(rows), numeric=frozenset({1, 4}))


def _moment(text: str | None, zone: tzinfo) -> str:
    return "–" if text is None else format_time(datetime.fromisoformat(text), zone)


def losses_table(
    coverage: Mapping[str, Mapping[str, Any]],
    gaps: Mapping[str, Sequence[Stretch]],
    absent: Mapping[str, Iterable[str]],
    zone: tzinfo,
) -> TableView:
    """Return a table of missing data, so that missing data is not taken for the absence of failures.

    Parameters
    ----------
    coverage
        Dictionary from :meth:`watchme_analysis.case.case_folder.Case.coverage`.
    gaps
        Intervals without rows, by table.
    absent
        Tables without rows, with the hypotheses that need them.
    zone
        Time zone of the times shown.
    """
    rows = [
        (name, "no row at all", f"asked for by {', '.join(sorted(causes)).replace('_', ' ')}")
        for name, causes in absent.items()
    ]
    for name, entry in coverage.items():
        if entry["rejected"]:
            rows.append((name, f"{counted(entry['rejected'], 'line')} rejected", "kept in rejected_lines"))
        if entry["truncated"]:
            notes = entry["notes"] or [UNCOUNTED]
            rows += [(name, "rows cut off", str(note)) for note in notes]
    for name, stretches in gaps.items():
        rows += [
            (
                name,
                f"silent for {format_duration(end - start)}",
                f"{format_time(start, zone)} to {format_time(end, zone)}",
            )
            for start, end in stretches
        ]
    note = "" if rows else "Nothing is known to be missing."
    caption = f"What the data misses (times in {zone})"
    return TableView(caption, ("table", "what", "detail"), tuple(rows), note)
