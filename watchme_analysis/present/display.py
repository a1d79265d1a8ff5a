"""Views that a notebook cell displays: a figure with alternative text, a table with a caption, text.

Both are deterministic: no addresses, no clock, no random ids, so that stored outputs stay as they are.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Any

from watchme_analysis.present.text_table import align_rows
from watchme_analysis.redact import redacted
from watchme_analysis.text.formats import counted, format_duration, format_number, format_time

if TYPE_CHECKING:
    from datetime import tzinfo

    import pandas as pd

DISPLAY_WIDTH_PX = 760
_MAX_ROWS = 40
_SHORT = 40
_COMMAND = ";white-space:pre-wrap;overflow-wrap:anywhere;min-width:22em;font-family:monospace"


@dataclass(frozen=True, slots=True)
class FigureView:
    """A figure as PNG.

    Attributes
    ----------
    name
        Short name, which becomes the file's name in a report.
    png
        The image.
    alt
        What a reader who can't see it should know.
    words
        Every text in the picture, in the order of drawing.
    """

    name: str
    png: bytes
    alt: str
    words: tuple[str, ...] = ()

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data = {"image/png": base64.b64encode(self.png).decode("ascii"), "text/plain": self.alt}
        about = {"alt": self.alt, "name": self.name, "width": DISPLAY_WIDTH_PX}
        return data, {"image/png": about}


@dataclass(frozen=True, slots=True)
class TableView:
    """A table for a reader.

    Attributes
    ----------
    caption
        One line above the table: what a row is, the zone of its times.
    heads
        Column heads, units included.
    rows
        Cells as text, in the order of the heads.
    note
        A line below it, such as what was left out.
    numeric, commands
        Places of the columns that hold numbers, and of those that hold what is to be typed.
    """

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    numeric: frozenset[int] = field(default_factory=frozenset)
    commands: frozenset[int] = field(default_factory=frozenset)

    def to_html(self) -> str:
        """Return the table as plain HTML that scrolls sideways on a narrow screen."""
        if not self.rows:
            return f"<p><strong>{escape(self.caption)}</strong><br>\n{coded(self.note)}</p>"
        align = ["right" if place in self.numeric else "left" for place in range(len(self.heads))]
        head = "".join(
            f'<th scope="col" style="text-align:{side}">{escape(text)}</th>'
            for text, side in zip(self.heads, align, strict=True)
        )
        body = "".join(
            "<tr>"
            + "".join(
                f'<td style="text-align:{side}{_COMMAND if at in self.commands else _unbroken(text)}">'
                f"{_typed(escape(text)) if at in self.commands else escape(redacted(text))}</td>"
                for at, (text, side) in enumerate(zip(row, align, strict=True))
            )
            + "</tr>\n"
            for row in self.rows
        )
        note = f'<p style="margin:2px 0;font-size:90%">{coded(self.note)}</p>\n' if self.note else ""
        caption = '<caption style="text-align:left;font-weight:bold;padding:4px 0">'
        return (
            '<div class="watchme-table" style="overflow-x:auto">\n'
            '<table style="border-collapse:collapse;font-variant-numeric:tabular-nums">\n'
            f"{caption}{escape(self.caption)}</caption>\n"
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n{note}</div>"
        )

    def to_text(self) -> str:
        """Return the table as aligned text."""
        plain = [
            tuple(
                (text if place in self.commands else redacted(text)).replace("\n", " ⏎ ")
                for place, text in enumerate(row)
            )
            for row in self.rows
        ]
        words = [place for place in range(len(self.heads)) if place not in self.numeric]
        table = [align_rows(self.heads, plain, words)] if plain else []
        return "\n".join([self.caption, *table, *([self.note] if self.note else [])])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self.to_html(), "text/plain": self.to_text()}


@dataclass(frozen=True, slots=True)
class TextView:
    """Paragraphs of text, such as a conclusion; ``items`` is a numbered list after them."""

    paragraphs: tuple[str, ...]
    items: tuple[str, ...] = ()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        text = [*self.paragraphs, *(f"{place}. {item}" for place, item in enumerate(self.items, 1))]
        html = [f"<p>{coded(paragraph)}</p>" for paragraph in self.paragraphs]
        if self.items:
            html += ["<ol>", *(f"<li>{coded(item)}</li>" for item in self.items), "</ol>"]
        return {"text/html": "\n".join(html), "text/plain": redacted("\n".join(text))}


def coded(text: str) -> str:
    """Return a sentence as HTML, escaped, what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", lambda found: f"<code>{_typed(found[1])}</code>", escape(redacted(text)))


def _typed(escaped: str) -> str:
    """Return escaped code of which no line breaks within a word that has a hyphen, such as ``--since``."""
    return re.sub(
        rf"(?<!\S)[^\s-]*-[^\s]{{0,{_SHORT}}}(?!\S)",
        lambda found: f'<span style="white-space:nowrap">{found[0]}</span>',
        escaped,
    )


def _unbroken(text: str) -> str:
    """Keep together what a narrow screen would break: times, short names with hyphens."""
    return ";white-space:nowrap" if "-" in text and len(text) <= _SHORT else ""


def cell(value: Any, zone: tzinfo) -> str:
    """Return one value as a table shows it; nothing known is an en dash."""
    import pandas as pd

    text = str(value)
    if value is None or value is pd.NaT or value is pd.NA:
        text = "–"
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, datetime):
        text = format_time(value if value.tzinfo else value.replace(tzinfo=UTC), zone)
    elif isinstance(value, timedelta):
        text = format_duration(value)
    elif isinstance(value, int):
        text = f"{value:,d}"
    elif isinstance(value, float):
        text = f"{value:,.0f}" if value.is_integer() and abs(value) < 1e15 else format_number(value)
    elif isinstance(value, Mapping):
        text = ", ".join(f"{key} {cell(item, zone)}" for key, item in value.items())
    elif isinstance(value, Iterable) and not isinstance(value, str):
        text = ", ".join(cell(item, zone) for item in value)
    return text


def _blank(values: pd.Series) -> bool:
    """Tell whether a column is nothing but empty text, such as a note that nobody made."""
    return len(values) > 0 and all(isinstance(value, str) and not value for value in values)


def _values(frame: pd.DataFrame, name: str) -> list[Any]:
    values: list[Any] = frame[name].tolist()
    known = zip(values, frame[name].notna(), strict=True)
    if name.endswith("_s"):
        return [format_duration(float(value)) if there else None for value, there in known]
    if name.endswith("share"):
        return [f"{value:.1%}" if there else None for value, there in known]
    return values


def table(
    frame: pd.DataFrame,
    caption: str,
    zone: tzinfo,
    heads: Mapping[str, str] | None = None,
    *,
    limit: int = _MAX_ROWS,
    empty: str = "nothing recorded",
) -> TableView:
    """Return a frame as a table for a reader.

    Parameters
    ----------
    frame
        Any frame; its times are UTC.
    caption
        What a row is.
    zone
        Zone in which times are shown, named in the caption when there are any.
    heads
        Columns to show, in order, and how their heads read; all under their own names unless given.
        A column that the frame lacks or that is empty text throughout is left out; one whose name ends in
        ``_s`` shows lengths of time, one that ends in ``share`` percentages.
    limit
        Rows shown; the note says how many more there are.
    empty
        What to say when there are no rows.
    """
    import pandas as pd

    chosen = {name: name for name in frame.columns} if heads is None else dict(heads)
    shown = frame.head(limit)
    names = [name for name in chosen if name in frame.columns and not _blank(shown[name])]
    columns: list[Sequence[Any]] = [_values(shown, name) for name in names]
    rows = tuple(tuple(cell(value, zone) for value in row) for row in zip(*columns, strict=True))
    timed = any(isinstance(value, datetime) and value is not pd.NaT for column in columns for value in column)
    numeric = frozenset(
        place
        for place, name in enumerate(names)
        if pd.api.types.is_numeric_dtype(frame[name].dtype)
        and not pd.api.types.is_bool_dtype(frame[name].dtype)
    )
    note = ""
    if not len(frame):
        note = f"No rows: {empty}."
    elif len(frame) > limit:
        note = f"Not shown: {counted(len(frame) - limit, 'more row')}."
    full = f"{caption} (times in {zone})" if timed else caption
    return TableView(full, tuple(chosen[name] for name in names), rows, note, numeric)
