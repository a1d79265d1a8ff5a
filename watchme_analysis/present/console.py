"""Text of diagnoses, imports and cases for a terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from numbers import Integral, Real
from typing import Any

from watchme_analysis.inference.weighing import aftermath
from watchme_analysis.present.finding import OPEN_FROM
from watchme_analysis.present.text_table import align_rows, fit_table
from watchme_analysis.text.formats import (
    as_sentence,
    counted,
    format_duration,
    format_number,
    format_time,
    localised,
)

# Largest number of notes per table below a diagnosis.
_MOST_NOTES = 3
# Largest number of files listed by name for the same note.
_MOST_NAMES = 3
# Largest width of a line of text in columns.
_WIDEST = 100
# Significant figures of numbers in tables of query results.
_FIGURES = 6


def width() -> int:
    """Return the width of text in columns: that of the terminal, between 40 and 100."""
    return min(_WIDEST, max(40, shutil.get_terminal_size((_WIDEST, 24)).columns))


def filled(text: str, indent: str = "", rest: str | None = None) -> str:
    """Return a text wrapped for the terminal; ``rest`` indents further lines, by default like the first."""
    return textwrap.fill(
        text,
        width(),
        initial_indent=indent,
        subsequent_indent=indent if rest is None else rest,
        break_on_hyphens=False,
        break_long_words=False,
    )


def value_table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return rows of values as aligned lines: number columns to the right, others to the left.

    Numbers have up to six significant figures and grouped thousands, a missing value is ``-``.
    """
    numeric = {
        at
        for at, column in enumerate(zip(*rows, strict=True))
        if all(value is None or _is_number(value) for value in column)
    }
    words = [at for at in range(len(headers)) if at not in numeric]
    return align_rows(headers, [[_value_text(value) for value in row] for row in rows], words)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _value_text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, Integral) and not isinstance(value, bool):
        return f"{int(value):,d}"
    if isinstance(value, Real) and not isinstance(value, bool):
        return format_number(float(value), _FIGURES)
    return str(value).replace("\n", " ⏎ ")


def import_text(manifest: Mapping[str, Any], zone: tzinfo) -> str:
    """Return the imported, unreadable and skipped files of an import as a table and lists."""
    taken, notes = [], []
    left: list[str] = []
    unread: list[str] = []
    for entry in manifest["inputs"]:
        name = str(entry["file"])
        if entry["source"] is None:
            group = left if entry.get("unread") is None else unread
            group.append(_bullet(f"{name} ({entry['bytes']:,d} bytes): {entry['reason']}"))
            continue
        if entry.get("unread") is not None:
            unread.append(_bullet(f"{name}: {entry['reason']}"))
        taken += [(name, part) for part in entry["tables"]]
        if not entry["tables"]:
            notes.append((name, "read with another file"))
        notes += [(name, note) for note in _notes(entry)]
    told = {note for _, note in notes}
    notes += [
        (table, note)
        for table, entry in manifest["tables"].items()
        for note in entry["notes"]
        if note not in told
    ]
    head, windows = _windows([part for _, part in taken], zone)
    rows = [
        [name, part["table"], f"{part['rows']:,d}", f"{part['rejected']:,d}", window]
        for (name, part), window in zip(taken, windows, strict=True)
    ]
    lines = [fit_table(["file", "table", "rows", "rejected", head], rows, (1, 4))]
    return "\n".join(
        [
            *lines,
            *_headed("Notes:", _each_once(notes)),
            *_headed("Could not be read, though it is evidence:", unread),
            *_headed("Left, not part of the case:", left),
        ]
    )


def _notes(entry: Mapping[str, Any]) -> list[str]:
    """Return the notes on a file without duplicates."""
    told = [note for part in entry["tables"] for note in part["notes"]]
    return [note for note in dict.fromkeys([entry["reason"], *told]) if note]


def _each_once(notes: Sequence[tuple[str, str]]) -> list[str]:
    """Return the notes on files and tables; a note that several share is listed once."""
    about: dict[str, list[str]] = {}
    for name, note in notes:
        about.setdefault(note.removeprefix(f"{name}: "), []).append(name)
    return [
        _bullet(note if names[0] in note else f"{_first_of(names)}: {note}") for note, names in about.items()
    ]


def _first_of(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _headed(head: str, lines: Sequence[str]) -> list[str]:
    return ["", head, *lines] if lines else []


def _windows(entries: Sequence[Mapping[str, Any]], zone: tzinfo) -> tuple[str, list[str]]:
    """Return a heading and the time range of each entry, without the date or year that all share."""
    bounds = [
        tuple(format_time(entry[bound], zone) if entry[bound] else None for bound in ("start", "end"))
        for entry in entries
    ]
    days = {moment[:10] for pair in bounds for moment in pair if moment}
    years = {day[:4] for day in days}
    shared = min(days) if len(days) == 1 else min(years) if len(years) == 1 else ""
    head = f"window ({shared}, {zone})" if shared else f"window ({zone})"
    return head, [_span(start, end, shared) for start, end in bounds]


def _span(start: str | None, end: str | None, shared: str) -> str:
    """Return a time range as text, with seconds if both times are on the same day."""
    if start is None or end is None:
        return "-"
    first = start[len(shared) + bool(shared) :]
    if start == end:
        return first
    if start[:10] == end[:10]:
        return f"{first} .. {end[11:]}"
    return f"{first[:-3]} .. {end[5 * (start[:4] == end[:4]) : -3]}"


def case_text(
    manifest: Mapping[str, Any], gaps: Mapping[str, Sequence[tuple[datetime, datetime]]], zone: tzinfo
) -> str:
    """Return the tables and inputs of a case as text.

    Parameters
    ----------
    manifest
        Manifest of the case.
    gaps
        Longest intervals without rows, by table.
    zone
        Time zone of the times shown.
    """
    lines = [f"case     {manifest['name']}"]
    if manifest.get("title"):
        lines.append(f"title    {manifest['title']}")
    if manifest.get("window"):
        window = manifest["window"]
        lines.append(
            f"window   {format_time(window['start'], zone)} .. {format_time(window['end'], zone)} ({zone})"
        )
    tables = manifest["tables"]
    lines += ["", _coverage_text(tables, zone)]
    lines += _headed(
        "Notes:", [_bullet(f"{name}: {note}") for name, entry in tables.items() for note in entry["notes"]]
    )
    silences = [_bullet(f"{name}: {_gap_text(found)}") for name, found in gaps.items() if found]
    lines += _headed("Long silences:", silences)
    obtained = [
        [
            entry["file"],
            ", ".join(part["table"] for part in entry["tables"]) or ("-" if entry["source"] else "left"),
            f"{entry['bytes']:,d}",
            entry["sha256"][:12],
        ]
        for entry in manifest["inputs"]
    ]
    lines += [
        "",
        "How it was obtained:",
        fit_table(["file", "tables", "bytes", "sha256"], obtained, (1,)),
    ]
    odd = [_bullet(f"{entry['file']}: {entry['reason']}") for entry in manifest["inputs"] if entry["reason"]]
    lines += ["", *odd] if odd else []
    return "\n".join(lines)


def _gap_text(gaps: Sequence[tuple[datetime, datetime]]) -> str:
    longest = format_duration(max((end - start).total_seconds() for start, end in gaps))
    return f"1 of {longest}" if len(gaps) == 1 else f"{len(gaps)}, the longest {longest}"


def diagnosis_text(
    diagnosis: Mapping[str, Any],
    zone: tzinfo,
    *,
    with_sql: bool = False,
    track_record: str = "",
    remedies: Sequence[str] = (),
    case: str = "CASE",
) -> str:
    """Return a diagnosis as text: verdict, evidence, other causes and next steps.

    Parameters
    ----------
    diagnosis
        Dictionary from :meth:`watchme_analysis.inference.findings.Diagnosis.to_dict`.
    zone
        Time zone of the times shown; queries stay in UTC.
    with_sql
        Whether to include the query for its rows below each statement.
    track_record
        Sentence on the accuracy of such verdicts in recorded cases; empty if unknown.
    remedies
        Paths of the pages on the remedies for the causes.
    case
        Path of the case, as an argument of a command.
    """
    diagnosis = localised(diagnosis, zone)
    cause = diagnosis["cause"] or "no single cause"
    head = f"{diagnosis['verdict'].replace('_', ' ').upper()}: {cause}"
    head += aftermath(diagnosis["secondary_cause"])
    about = []
    incident = diagnosis["incident"]
    if incident["start"]:
        start = format_time(incident["start"], zone)
        end = format_time(incident["end"], zone) if incident["end"] else None
        about.append(
            f"incident  {start} .. {end} ({zone})"
            if end
            else f"incident  from {start} ({zone}), still open at the end of the data"
        )
    about += _subjects(diagnosis, zone)
    lines = [filled(f"{head} (confidence {diagnosis['confidence']:.2f})")]
    lines += ["", *(filled(line, rest=" " * 10) for line in about)] if about else []
    lines += ["", *(filled(sentence) for sentence in diagnosis["summary"])]
    if remedies:
        lines += ["", filled(f"How to make sure, fix and prevent it: {' and '.join(remedies)}")]
    if track_record:
        lines += ["", filled(track_record)]
    lines += ["", _ranking_text(diagnosis["ranking"])]
    laid_out = [entry for entry in diagnosis["ranking"] if _matters(entry, diagnosis["cause"])]
    for entry in laid_out:
        lines += _evidence_lines(entry, with_sql)
    others = len(diagnosis["ranking"]) - len(laid_out)
    if others:
        told = f"The evidence on the other {counted(others, 'cause')}: in the report, and in --json."
        lines += ["", filled(told)]
    if diagnosis["missing_evidence"]:
        lines += ["", "Collect next:"]
        for item in diagnosis["missing_evidence"]:
            lines.append(_bullet(f"{item['what']}: {item['why']}"))
            lines.append(textwrap.indent(str(item["how"]), "    "))
    lines += ["", "Covered:", _coverage_text(diagnosis["coverage"], zone)]
    lines += _coverage_notes(diagnosis["coverage"], case)
    return "\n".join(lines)


def _matters(entry: Mapping[str, Any], cause: str | None) -> bool:
    """Return True if the evidence on a cause is shown: it is the diagnosed cause, or not yet ruled out."""
    is_open = entry["status"] != "refuted" and entry["probability"] >= OPEN_FROM
    return bool(is_open or entry["cause"] == cause)


def _coverage_notes(coverage: Mapping[str, Any], case: str) -> list[str]:
    """Return the notes on the evidence, up to three per table."""
    shown = [(name, note) for name, entry in coverage.items() for note in entry["notes"][:_MOST_NOTES]]
    lines = [_bullet(f"{name}: {note}") for name, note in shown]
    more = sum(max(0, len(entry["notes"]) - _MOST_NOTES) for entry in coverage.values())
    if more:
        lines += [_bullet(f"{more} more:"), f"    watchme case show {case}"]
    return ["", "Notes:", *lines] if lines else []


def _subjects(diagnosis: Mapping[str, Any], zone: tzinfo) -> list[str]:
    lines = [
        f"{name:<9} {', '.join(diagnosis[name])}"
        for name in ("endpoints", "queues", "functions")
        if diagnosis.get(name)
    ]
    if diagnosis.get("change"):
        change = diagnosis["change"]
        moment = format_time(change.get("time"), zone)
        lines.append(f"change    {change.get('event_name')} by {change.get('user')} at {moment} ({zone})")
    if diagnosis["question"] == "backlog":
        lines.append(
            f"messages  {diagnosis.get('dead_letters') or 0:,d} moved to dead-letter queues, "
            f"{diagnosis.get('lost') or 0:,d} deleted unprocessed, {_missed(diagnosis)}"
        )
    return lines


def _missed(diagnosis: Mapping[str, Any]) -> str:
    """Return a phrase on the number of missed work items, as far as the messages could be read."""
    number = len(diagnosis.get("missed_work") or [])
    if dumps := diagnosis.get("unread_dumps"):
        known = f"at least {counted(number, 'work item')} missed" if number else "work missed: unknown"
        return f"{known}, as {', '.join(dumps)} could not be read"
    if unread := diagnosis.get("dead_letters_without_work"):
        known = f"at least {counted(number, 'work item')} missed" if number else "work missed: unknown"
        return f"{known}, as the data holds no work item for {counted(unread, 'DLQ message')}"
    return f"{counted(number, 'work item')} missed{' by what is left' if diagnosis.get('lost') else ''}"


def _ranking_text(ranking: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [entry["cause"], f"{entry['probability']:.2f}", entry["status"], f"{entry['log_odds']:+.1f}"]
        for entry in ranking
    ]
    return align_rows(["cause", "probability", "status", "weight of evidence"], rows, words=(0, 2))


def _evidence_lines(entry: Mapping[str, Any], with_sql: bool) -> list[str]:
    title = entry["cause"] + (f": {entry['detail']}" if entry["detail"] else "")
    lines = ["", filled(title)]
    for item in sorted(entry["evidence"], key=lambda item: -abs(item["weight"])):
        rows = counted(item["rows"], "row")
        lines.append(
            _bullet(f"{item['weight']:+.1f}  {as_sentence(item['statement'])} [{item['table']}, {rows}]")
        )
        if with_sql and item["sql"]:
            lines.append(textwrap.indent(item["sql"], "      "))
    lines += [_bullet(f"not covered: {item}") for item in entry["not_covered"]]
    if entry["next_test"]:
        lines.append(_bullet(f"next test: {entry['next_test']}"))
    return lines


def _bullet(text: str) -> str:
    return filled(text, "  - ", "    ")


def _coverage_text(coverage: Mapping[str, Any], zone: tzinfo) -> str:
    head, windows = _windows(list(coverage.values()), zone)
    rows = [
        [name, f"{entry['rows']:,d}", f"{entry['rejected']:,d}", "yes" if entry["truncated"] else "-", window]
        for (name, entry), window in zip(coverage.items(), windows, strict=True)
    ]
    return fit_table(["table", "rows", "rejected", "cut off", head], rows, (4,))
