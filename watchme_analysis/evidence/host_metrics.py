"""Metrics of a host or a process: ``metrics*.csv``."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from watchme_analysis.files.csv_table import TIME_NAMES, CsvRow, csv_rows, header_of
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.files.line_accounting import TextAccounting
from watchme_analysis.text.message import Names, Resource
from watchme_analysis.text.render import as_message, note
from watchme_analysis.values import microseconds, number

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.retrieval import Retrieval

_MISSING = {"", "-", "nan", "null", "none", "n/a"}


def looks_like(raw: RawFile) -> bool:
    """Return True when the header names a time and values, and not the columns of probes."""
    header = header_of(raw)
    return not header or (
        any(name in header for name in TIME_NAMES) and len(header) > 1 and "vantage" not in header
    )


def read_host_metrics(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the table ``host_metrics``, with a row for each value of each sample, and the retrieval.

    The CSV has a header: a time (``timestamp``: epoch or ISO 8601) and a column for each metric; or the
    columns time, ``metric``, ``value``. An empty cell is a row without a value; a cell that is not a number
    is rejected with its line; a column without any number is ignored, with a note.
    """
    account = TextAccounting(raw, "host_metrics", "host_metrics")
    rows = list(csv_rows(raw, account))
    # A line holds several values, so lines and rows cannot be compared.
    account.has_row_per_line = False
    wordy = _columns_without_numbers(rows)
    samples = 0
    for row in rows:
        time_name = next((name for name in TIME_NAMES if name in row.cells), "")
        moment = microseconds(row.cells.get(time_name), raw.zone)
        if moment is None:
            account.reject(row.line, note("reject-no-time"), row.text)
            continue
        samples += 1
        tidy = {"metric", "value"} <= set(row.cells)
        values = {row.cells["metric"]: row.cells["value"]} if tidy else row.cells
        for name, cell in values.items():
            if not tidy and (name == time_name or name in wordy or not name):
                continue
            try:
                value = None if cell.strip().lower() in _MISSING else number(cell)
            except ValueError as error:
                account.reject(
                    row.line, note("problem-of", of=Resource(name), problem=as_message(error)), row.text
                )
                continue
            account.rows.append(
                {
                    "file": raw.relative,
                    "service": raw.service("metrics") or "",
                    "time": moment,
                    "metric": name,
                    "value": value,
                }
            )
    account.notes.append(note("note-samples", samples=samples, lines=account.lines))
    if raw.content.data and not raw.content.data.endswith((b"\n", b"\r")):
        account.notes.append(note("note-no-line-end"))
    if any(row.cells.get("") for row in rows):
        account.notes.append(note("note-column-without-name"))
    if named := sorted(wordy - {""}):
        account.notes.append(note("note-columns-without-numbers", columns=Names(tuple(named))))
    return account.finish(["time"])


def _columns_without_numbers(rows: list[CsvRow]) -> set[str]:
    filled: Counter[str] = Counter()
    numeric: Counter[str] = Counter()
    for row in rows:
        for name, cell in row.cells.items():
            if name in TIME_NAMES or cell.strip().lower() in _MISSING:
                continue
            filled[name] += 1
            try:
                numeric[name] += number(cell) is not None
            except ValueError:
                continue
    return {name for name in filled if not numeric[name]}
