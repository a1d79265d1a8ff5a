"""Text of diagnoses, imports and cases for a terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from numbers import Integral, Real
from posixpath import commonpath
from typing import Any

from watchme_analysis.inference.causes import cause_names
from watchme_analysis.present.finding import OPEN_FROM
from watchme_analysis.present.short_answer import stored_answer
from watchme_analysis.present.text_table import align_rows, aligned_lines, fit_table, terminal_width
from watchme_analysis.text.formats import (
    as_sentence,
    format_number,
    format_time,
)
from watchme_analysis.text.message import (
    Choice,
    Duration,
    Message,
    Names,
    Resource,
    Text,
    message,
    message_of,
)
from watchme_analysis.text.render import label, render
from watchme_analysis.text.wrapping import display_width, wrapped

# Largest number of notes per table below a diagnosis.
_MOST_NOTES = 3
# Largest number of files listed by name for the same note.
_MOST_NAMES = 3
# Number of rows from which an import lists files without a row separately.
_PAGE_ROWS = 30
# Largest width of a line of text in columns.
_WIDEST = 100
# Significant figures of numbers in tables of query results.
_FIGURES = 6


def width() -> int:
    """Return the width of text in columns: that of the terminal, between 40 and 100."""
    return min(_WIDEST, max(40, shutil.get_terminal_size((_WIDEST, 24)).columns))


def filled(text: str, indent: str = "", rest: str | None = None) -> str:
    """Return a text wrapped for the terminal; ``rest`` indents further lines, by default like the first."""
    return "\n".join(wrapped(text, width(), indent, indent if rest is None else rest))


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


def import_text(manifest: Mapping[str, Any], zone: tzinfo, language: str = "en") -> str:
    """Return the imported, unreadable and skipped files of an import as a table and lists.

    Of more files than a page holds, those that gave no row are listed once instead of in the table, and if
    the others are still too many, those of a table are one row.
    """
    return _Contents(manifest, zone, language).of_import()


@dataclass(frozen=True)
class _Contents:
    """The manifest of a case as text for a terminal."""

    manifest: Mapping[str, Any]
    zone: tzinfo
    language: str

    def of_import(self) -> str:
        """Return the text of :func:`import_text`."""
        taken: list[tuple[str, Mapping[str, Any]]] = []
        notes: list[tuple[str, Text]] = []
        left: list[tuple[str, int, Text]] = []
        unread: list[str] = []
        for entry in self.manifest["inputs"]:
            name = str(entry["file"])
            if entry["source"] is None:
                if entry.get("unread") is None:
                    left.append((name, entry["bytes"], entry["reason"]))
                else:
                    unread.append(self._about(name, entry["reason"], entry["bytes"]))
                continue
            if entry.get("unread") is not None:
                unread.append(self._about(name, entry["reason"]))
            taken += [(name, part) for part in entry["tables"]]
            if not entry["tables"]:
                notes.append((name, message("import-with-another")))
            notes += [(name, note) for note in _notes(entry)]
        stated = {note for _, note in notes if isinstance(note, str)}
        notes += [
            (table, note)
            for table, entry in self.manifest["tables"].items()
            for note in entry["notes"]
            if note not in stated
        ]
        empty: list[str] = []
        if len(taken) > _PAGE_ROWS:
            shown = [(name, part) for name, part in taken if part["rows"] or part["rejected"]]
            empty = [*dict.fromkeys(name for name, _ in taken if name not in {one for one, _ in shown})]
            taken = shown if len(shown) <= _PAGE_ROWS else self._by_table(shown)
        head, windows = _windows([part for _, part in taken], self.zone, self.language)
        rows = [
            [name, part["table"], f"{part['rows']:,d}", f"{part['rejected']:,d}", window]
            for (name, part), window in zip(taken, windows, strict=True)
        ]
        heads = [self._label(f"print-coverage-{name}") for name in ("file", "table", "rows", "rejected")]
        left_files = [
            self._about(self._first_of([name for name, _ in some]), reason, sum(size for _, size in some))
            for reason, some in _by_reason(left).items()
        ]
        return "\n".join(
            [
                fit_table([*heads, head], rows, (1, 4)),
                *self._headed("print-notes", [*self._each_once(notes), *self._assumed_zone()]),
                *self._headed("import-without-row", [_bullet(self._first_of(empty))] if empty else []),
                *self._headed("import-unread", unread),
                *self._headed("import-left", left_files),
            ]
        )

    def _by_table(
        self, parts: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> list[tuple[str, Mapping[str, Any]]]:
        """Return files and their parts of tables, with many files of a table as one entry."""
        by_table: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
        for name, part in parts:
            by_table.setdefault(part["table"], []).append((name, part))
        found = []
        for table, some in by_table.items():
            if len(some) <= _MOST_NAMES:
                found += some
                continue
            above = commonpath([name for name, _ in some])
            bounds = [(part["start"], part["end"]) for _, part in some if part["start"] and part["end"]]
            whole = {
                "table": table,
                "rows": sum(part["rows"] for _, part in some),
                "rejected": sum(part["rejected"] for _, part in some),
                "start": min((start for start, _ in bounds), default=None),
                "end": max((end for _, end in bounds), default=None),
            }
            place = Choice("folder" if above else "root")
            said = message("import-many-files", count=len(some), place=place, folder=Resource(above))
            found.append((self._text(said), whole))
        return found

    def of_case(self, gaps: Mapping[str, Sequence[tuple[datetime, datetime]]]) -> str:
        """Return the text of :func:`case_text`."""
        manifest, zone = self.manifest, self.zone
        facts = [("case", str(manifest["name"]))]
        if manifest.get("title"):
            facts.append(("title", self._text(manifest["title"])))
        if manifest.get("window"):
            start, end = (format_time(manifest["window"][bound], zone) for bound in ("start", "end"))
            facts.append(("window", f"{start} .. {end} ({zone})"))
        labels = [self._label(f"print-{name}") for name, _ in facts]
        column = 2 + max(map(display_width, labels))
        lines = [
            f"{shown}{' ' * (column - display_width(shown))}{value}"
            for shown, (_, value) in zip(labels, facts, strict=True)
        ]
        tables = manifest["tables"]
        lines += ["", _coverage_text(tables, zone, self.language)]
        notes = [self._about(name, note) for name, entry in tables.items() for note in entry["notes"]]
        lines += self._headed("print-notes", notes)
        silences = [self._about(name, _gap_text(found)) for name, found in gaps.items() if found]
        lines += self._headed("case-silences", silences)
        left = self._label("case-file-left")
        obtained = [
            [
                entry["file"],
                ", ".join(part["table"] for part in entry["tables"]) or ("-" if entry["source"] else left),
                f"{entry['bytes']:,d}",
                entry["sha256"][:12],
            ]
            for entry in manifest["inputs"]
        ]
        heads = [self._label(f"print-coverage-{name}") for name in ("file", "tables", "bytes")]
        lines += self._headed("case-files", [fit_table([*heads, "sha256"], obtained, (1,))])
        odd = [self._about(entry["file"], entry["reason"]) for entry in manifest["inputs"] if entry["reason"]]
        return "\n".join([*lines, *(["", *odd] if odd else [])])

    def _text(self, text: Text) -> str:
        return render(text, self.language, self.zone)

    def _label(self, message_id: str) -> str:
        return label(message_id, self.language)

    def _headed(self, message_id: str, lines: Sequence[str]) -> list[str]:
        return ["", self._label(message_id), *lines] if lines else []

    def _about(self, name: str, text: Text, size: int = 0) -> str:
        """Return a list item on a file or table; a size in bytes stands in parentheses unless it is 0."""
        sized = self._text(message("import-sized", name=Resource(name), bytes=size)) if size else name
        return _bullet(f"{sized}: {self._text(text)}")

    def _first_of(self, names: Sequence[str]) -> str:
        return self._text(message("value", value=Names(tuple(names), limit=_MOST_NAMES)))

    def _each_once(self, notes: Sequence[tuple[str, Text]]) -> list[str]:
        """Return the notes on files and tables; a note that several share is listed once."""
        about: dict[str, list[str]] = {}
        for name, note in notes:
            about.setdefault(self._text(_without_file(note, name)), []).append(name)
        return [
            _bullet(note if names[0] in note else f"{self._first_of(names)}: {note}")
            for note, names in about.items()
        ]

    def _assumed_zone(self) -> list[str]:
        """Return a sentence on files whose times have no zone, and on what contradicts the assumption."""
        inputs = self.manifest["inputs"]
        zones = {entry["file"]: entry["assumed_zone"] for entry in inputs if "assumed_zone" in entry}
        if not zones:
            return []
        said = message("import-assumed-zone", zone=Resource(next(iter(zones.values()))))
        return [self._about(self._first_of([*zones]), said)]


def _by_reason(files: Sequence[tuple[str, int, Text]]) -> dict[Text, list[tuple[str, int]]]:
    """Return name and size of the files of each reason."""
    by_reason: dict[Text, list[tuple[str, int]]] = {}
    for name, size, reason in files:
        by_reason.setdefault(reason, []).append((name, size))
    return by_reason


def _notes(entry: Mapping[str, Any]) -> list[Text]:
    """Return the notes on a file without duplicates."""
    notes = [note for part in entry["tables"] for note in part["notes"]]
    return [note for note in dict.fromkeys([entry["reason"], *notes]) if note]


def _without_file(note: Text, name: str) -> Text:
    """Return a note without the name of its file at the beginning."""
    said = message_of(note)
    if isinstance(said, Message) and said.id == "note-of-file" and said.values["file"] == Resource(name):
        inner = said.values["note"]
        return inner if isinstance(inner, Message) else note
    return said.removeprefix(f"{name}: ") if isinstance(said, str) else note


def _windows(
    entries: Sequence[Mapping[str, Any]], zone: tzinfo, language: str = "en"
) -> tuple[str, list[str]]:
    """Return a heading and the time range of each entry, without the date or year that all share."""
    bounds = [
        tuple(format_time(entry[bound], zone) if entry[bound] else None for bound in ("start", "end"))
        for entry in entries
    ]
    days = {moment[:10] for pair in bounds for moment in pair if moment}
    years = {day[:4] for day in days}
    shared = min(days) if len(days) == 1 else min(years) if len(years) == 1 else ""
    window = label("print-window", language)
    head = f"{window} ({shared}, {zone})" if shared else f"{window} ({zone})"
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
    manifest: Mapping[str, Any],
    gaps: Mapping[str, Sequence[tuple[datetime, datetime]]],
    zone: tzinfo,
    language: str = "en",
) -> str:
    """Return tables and inputs of a case as text; ``gaps`` are the longest times without rows, by table."""
    return _Contents(manifest, zone, language).of_case(gaps)


def _gap_text(gaps: Sequence[tuple[datetime, datetime]]) -> Message:
    longest = Duration(max((end - start).total_seconds() for start, end in gaps))
    return message("case-silence", count=len(gaps), longest=longest)


def diagnosis_text(
    diagnosis: Mapping[str, Any],
    zone: tzinfo,
    *,
    with_sql: bool = False,
    notes: Sequence[Text] = (),
    case: str = "CASE",
    language: str = "en",
) -> str:
    """Return a diagnosis as text: verdict, evidence, other causes and next steps.

    It is a dictionary from :meth:`watchme_analysis.inference.findings.Diagnosis.to_dict`, in the same
    language and time zone. Queries for the rows of each statement stay in UTC. ``notes`` are paragraphs below
    the summary, such as the accuracy of such verdicts; empty ones are left out. ``case`` is its path, as an
    argument of a command.
    """
    printed = _Printed(diagnosis, zone, language, with_sql)
    return "\n".join(printed.lines(notes, case))


@dataclass(frozen=True)
class _Printed:
    """A diagnosis as text for a terminal."""

    diagnosis: Mapping[str, Any]
    zone: tzinfo
    language: str
    with_sql: bool

    def lines(self, notes: Sequence[Text], case: str) -> list[str]:
        """Return the lines of the text."""
        found = self.diagnosis
        answer = stored_answer(found, self.language, self.zone, datetime.now(UTC))
        facts = [f"{name}: {value}" if value else name for name, value in answer.known]
        if answer.unknown:
            facts.append(f"{self._label('facts-unknown')}: {', '.join(answer.unknown)}")
        paragraphs = (answer.headline, " · ".join(facts), answer.cause)
        lines = [line for text in paragraphs if text for line in (filled(text), "")]
        steps = [filled(step, f"{at}. ", "   ") for at, step in enumerate(answer.now, 1)]
        steps += map(filled, answer.later)
        lines += [*steps, ""] if steps else []
        # The steps are above.
        rest = (
            text
            for text in found["summary"]
            if not any(step in text for step in (*answer.now, *answer.later))
        )
        lines += map(filled, rest)
        for note in notes:
            lines += ["", filled(self._text(note))] if note else []
        lines += ["", self._ranking()]
        laid_out = [entry for entry in found["ranking"] if _matters(entry, found["cause"])]
        for entry in laid_out:
            lines += self._evidence(entry)
        others = len(found["ranking"]) - len(laid_out)
        if others:
            lines += ["", filled(self._render_message("print-other-causes", count=others))]
        if found["missing_evidence"]:
            lines += ["", self._label("print-collect-next")]
            for item in found["missing_evidence"]:
                lines.append(
                    _bullet(
                        self._render_message(
                            "print-missing", what=Resource(item["what"]), why=Resource(item["why"])
                        )
                    )
                )
                lines.append(textwrap.indent(str(item["how"]), "    "))
        lines += [
            "",
            self._label("print-covered"),
            _coverage_text(found["coverage"], self.zone, self.language),
        ]
        return lines + self._coverage_notes(case)

    def _text(self, text: Text) -> str:
        return render(text, self.language, self.zone)

    def _render_message(self, message_id: str, /, **values: Any) -> str:
        return self._text(message(message_id, **values))

    def _label(self, message_id: str) -> str:
        return label(message_id, self.language)

    def _ranking(self) -> str:
        names = cause_names(self.diagnosis["question"])
        rows = [
            [
                entry["cause"],
                f"{entry['probability']:.2f}",
                self._label(f"status-{entry['status']}"),
                f"{entry['log_odds']:+.1f}",
                self._text(names.get(entry["cause"], "")),
            ]
            for entry in self.diagnosis["ranking"]
        ]
        heads = [
            self._label(f"print-ranking-{name}")
            for name in ("cause", "probability", "status", "weight", "name")
        ]
        lines = aligned_lines(heads, rows, words=(0, 2, 4))
        if max(map(display_width, lines)) <= terminal_width():
            return "\n".join(lines)
        # A narrow page has the name of the cause in its first line.
        return align_rows(heads[:-1], [row[:-1] for row in rows], words=(0, 2))

    def _evidence(self, entry: Mapping[str, Any]) -> list[str]:
        title = entry["cause"] + (f": {entry['detail']}" if entry["detail"] else "")
        lines = ["", filled(title)]
        for item in sorted(entry["evidence"], key=lambda item: -abs(item["weight"])):
            rows = self._render_message("print-rows", table=Resource(item["table"]), rows=int(item["rows"]))
            statement = item["statement"] if "message" in item else as_sentence(item["statement"])
            lines.append(_bullet(f"{item['weight']:+.1f}  {statement} [{rows}]"))
            if self.with_sql and item["sql"]:
                lines.append(textwrap.indent(item["sql"], "      "))
        lines += [
            _bullet(self._render_message("print-not-covered", text=Resource(text)))
            for text in entry["not_covered"]
        ]
        if entry["next_test"]:
            lines.append(_bullet(self._render_message("print-next-test", text=Resource(entry["next_test"]))))
        return lines

    def _coverage_notes(self, case: str) -> list[str]:
        """Return the notes on the evidence, up to three per table."""
        coverage = self.diagnosis["coverage"]
        shown = [(name, note) for name, entry in coverage.items() for note in entry["notes"][:_MOST_NOTES]]
        lines = [_bullet(f"{name}: {note}") for name, note in shown]
        more = sum(max(0, len(entry["notes"]) - _MOST_NOTES) for entry in coverage.values())
        if more:
            lines += [
                _bullet(self._render_message("print-more", count=more)),
                f"    watchme case show {case}",
            ]
        return ["", self._label("print-notes"), *lines] if lines else []


def _matters(entry: Mapping[str, Any], cause: str | None) -> bool:
    """Return True if the evidence on a cause is shown: it is the diagnosed cause, or not yet ruled out."""
    is_open = entry["status"] != "refuted" and entry["probability"] >= OPEN_FROM
    return bool(is_open or entry["cause"] == cause)


def _bullet(text: str) -> str:
    return filled(text, "  - ", "    ")


def _coverage_text(coverage: Mapping[str, Any], zone: tzinfo, language: str = "en") -> str:
    head, windows = _windows(list(coverage.values()), zone, language)
    yes = label("print-yes", language)
    rows = [
        [name, f"{entry['rows']:,d}", f"{entry['rejected']:,d}", yes if entry["truncated"] else "-", window]
        for (name, entry), window in zip(coverage.items(), windows, strict=True)
    ]
    heads = [label(f"print-coverage-{name}", language) for name in ("table", "rows", "rejected", "cut-off")]
    return fit_table([*heads, head], rows, (4,))
