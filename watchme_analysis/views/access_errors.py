"""Lines of error logs beside access logs, as a person reads them on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from watchme_analysis.views.access_cells import (
    REQUEST_WIDTH,
    Page,
    Report,
    about,
    as_seconds,
    as_word,
    moment_of,
    notes_of,
    table_of,
    wrapped,
)
from watchme_analysis.views.plain_lines import aligned, squeezed
from watchme_analysis.wording import counted

# What stands below a kind of error.
_ABOUT = {"paths": "paths", "upstreams": "upstreams", "sent": "statuses"}
_UNREAD = "they are none that Nginx writes to its error log"


def errors_part(errors: Report, page: Page) -> str:
    """Return error log lines by kind, and of each kind the last that belong to a request."""
    lines = []
    for one in errors["inputs"]:
        lines.append(
            f"Error log {one['name']}: {counted(one['lines'], 'line')}, {one['rejected']:,} rejected"
        )
        lines += [*notes_of([one]), *about(one, page, _UNREAD)]
    lines += errors["notes"]
    if not errors["errors"]:
        return "\n".join([*lines, "None of its lines are in this window."])
    return "\n".join([*lines, "", _error_kinds(errors["kinds"], page), *_linked(errors["lines"], page)])


def _error_kinds(kinds: Sequence[Report], page: Page) -> str:
    partly = any(row["timed"] != row["linked"] for row in kinds)
    rows = [
        [
            row["kind"],
            f"{row['errors']:,}",
            f"{row['linked']:,}",
            moment_of(row["first"], page),
            moment_of(row["last"], page),
            *([f"{row['timed']:,}"] if partly else []),
            as_seconds(row["p50_s"]),
        ]
        for row in kinds
    ]
    header = ["kind", "errors", "linked", "first", "last", *(["timed"] if partly else []), "p50 s"]
    first, *table = aligned(header, rows, words=(0, 3, 4)).splitlines()
    lines = [first]
    for row, line in zip(kinds, table, strict=True):
        about = [f"{word} {row[name]}" for word, name in _ABOUT.items() if row[name]]
        lines += [line, *(wrapped(f"  {one}", page, "    ") for one in about)]
    return "\n".join(lines)


def _linked(errors: Sequence[Report], page: Page) -> list[str]:
    linked = [row for row in errors if row["request_line"] is not None]
    if not linked:
        return []
    shown = linked[-page.top :]
    rows = [
        [
            squeezed(f"{as_word(row['method'])} {as_word(row['path'])}", REQUEST_WIDTH),
            moment_of(row["time"], page),
            row["kind"],
            as_word(row["status"]),
            as_seconds(row["request_time_s"]),
        ]
        for row in shown
    ]
    header = ["request", "error", "kind", "sent", "request s"]
    first, *table = table_of(header, rows, page, words=(0, 1, 2)).splitlines()
    lines = ["", f"Errors and the requests they belong to (the last {len(shown)})", first]
    for row, line in zip(shown, table, strict=True):
        places = f"{row['request_file']}:{row['request_line']}", f"{row['file']}:{row['line']}"
        lines += [line, f"  {places[0]}  {places[1]}"]
    return lines
