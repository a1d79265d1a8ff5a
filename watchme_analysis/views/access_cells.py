"""What the parts of a page about access logs share: its width and zone, tables, times and sentences."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from watchme_analysis.analysis.access.report import is_unread
from watchme_analysis.views.plain_lines import aligned, cut, squeezed
from watchme_analysis.wording import counted

Report = Mapping[str, Any]

REQUEST_WIDTH = 60
_LEAST_WIDTH = 12
_REJECTED_SHOWN = 3
_UNREAD = "--nginx-conf /etc/nginx/nginx.conf, or --format, says how they are written"


@dataclass(frozen=True)
class Page:
    """What all parts of a page share.

    Attributes
    ----------
    top
        Most rows of a table.
    width
        Columns that a line should not exceed.
    zone
        Zone of the times shown.
    moment
        How they are written: no more of the date than differs.
    """

    top: int
    width: int
    zone: tzinfo
    moment: str


def table_of(
    header: Sequence[str], rows: Sequence[Sequence[str]], page: Page, words: Sequence[int] = (0,)
) -> str:
    """Return aligned lines: columns of words to the left, numbers to the right.

    Where it is too wide the first column, which names what a line is about, is cut short.
    """
    first = max(len(row[0]) for row in rows)
    whole = aligned(header, rows, words)
    over = max(map(len, whole.splitlines())) - page.width
    if over <= 0:
        return whole
    room = max(_LEAST_WIDTH, first - over)
    return aligned(header, [[squeezed(row[0], room), *row[1:]] for row in rows], words)


def wrapped(text: str, page: Page, rest: str = "") -> str:
    """Return a sentence in lines no wider than the page, further ones behind ``rest``."""
    return textwrap.fill(
        text, page.width, subsequent_indent=rest, break_on_hyphens=False, break_long_words=False
    )


def notes_of(inputs: Sequence[Report]) -> list[str]:
    """Return the notes of all inputs, those that several share once."""
    names: dict[str, list[str]] = {}
    for one in inputs:
        for note in one["notes"]:
            names.setdefault(note, []).append(one["name"])
    return [f"{of[0] if len(of) == 1 else f'{len(of)} logs'}: {note}" for note, of in names.items()]


def about(one: Report, page: Page, unread: str = _UNREAD) -> list[str]:
    """Return what is missing of an input, what was rejected, and what to do where that is all of it."""
    lines = [f"{one['name']}: INCOMPLETE, rows are missing"] if one["truncated"] else []
    if one["rejected"]:
        share = as_percent(100 * one["rejected"] / one["lines"])
        lines.append(f"{one['name']}: {counted(one['rejected'], 'line')} rejected ({share}), such as")
    for item in one["first_rejected"][:_REJECTED_SHOWN]:
        if item["line"]:
            lines.append(cut(f"  line {item['line']}: {item['reason']}: {item['text']}", page.width))
        else:
            # What is torn off is no line.
            lines.append(f"  {item['reason']}")
    if is_unread(one):
        lines.append(wrapped(f"  None of its lines was understood: {unread}.", page, "  "))
    return lines


def moment_of(moment: str | None, page: Page) -> str:
    """Return a time as the page shows times."""
    return clock(moment, page.zone, page.moment)


def clock(moment: str | None, zone: tzinfo, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Return a time of a zone, a dash for none."""
    if moment is None:
        return "-"
    return datetime.fromisoformat(moment).astimezone(zone).strftime(form)


def as_seconds(value: float | None) -> str:
    """Return seconds to the millisecond, a dash for none."""
    return "-" if value is None else f"{value:.3f}"


def as_percent(value: float | None, unit: str = "%") -> str:
    """Return a share; what is not quite nothing or everything doesn't look like it."""
    if value is None:
        return "-"
    if 0 < value < 0.05:
        return f"<0.1{unit}"
    if 99.95 <= value < 100:
        return f">99.9{unit}"
    return f"{value:.1f}{unit}"


def as_word(value: object) -> str:
    """Return a value as it stands, a dash for none."""
    return "-" if value is None else str(value)
