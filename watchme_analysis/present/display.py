"""Outputs of notebook cells: figures with alternative text, tables with a caption, and text.

They are deterministic (no memory addresses, current time or random ids), so that stored outputs do not
change.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Any

from watchme_analysis.files.attachments import is_report
from watchme_analysis.present.inline_svg import inline_svg
from watchme_analysis.present.text_table import align_rows
from watchme_analysis.redact import described, redacted, redacted_cell
from watchme_analysis.text.formats import format_number, format_time
from watchme_analysis.text.message import Resource, message
from watchme_analysis.text.render import duration_label, label, render

if TYPE_CHECKING:
    from datetime import tzinfo

    import pandas as pd

DISPLAY_WIDTH_PX = 760
SVG = "image/svg+xml"
# Widths in inches that a figure on a page is laid out in: alone, and beside the answer.
PAGE_WIDTH_IN, STRIP_WIDTH_IN = 9.5, 6.0
_MAX_ROWS = 40
_SHORT = 40
_COMMAND = ";white-space:pre-wrap;overflow-wrap:anywhere;min-width:22em;font-family:monospace"


@dataclass(frozen=True, slots=True, repr=False)
class FigureView:
    """A figure as PNG.

    Attributes
    ----------
    name
        Short name, used as the file name in a report.
    png
        Content of the PNG file.
    alt
        Alternative text for readers who can't see the figure.
    words
        All texts in the figure, in the order of drawing.
    figure
        The figure of matplotlib, to draw it elsewhere.
    """

    name: str
    png: bytes
    alt: str
    words: tuple[str, ...] = ()
    figure: Any = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        """Return the name in one line."""
        return described(self, self.name)

    def svg(self, width_in: float = PAGE_WIDTH_IN) -> str:
        """Return the figure as an SVG element of a page, whose marks show their values on hover."""
        return inline_svg(self.figure, self.name, self.alt, width_in)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data = {"image/png": base64.b64encode(self.png).decode("ascii"), "text/plain": self.alt}
        about = {"alt": self.alt, "name": self.name, "width": DISPLAY_WIDTH_PX}
        if is_report() and self.figure is not None:
            data[SVG] = self.svg()
        return data, {"image/png": about}


@dataclass(frozen=True, slots=True, repr=False)
class TableView:
    """A table for people.

    Attributes
    ----------
    caption
        Line above the table that describes a row and states the time zone.
    heads
        Column headings with units.
    rows
        Cells as text, in the order of the headings.
    note
        Line below the table, such as the number of omitted rows.
    numeric, commands
        Indices of the columns with numbers, and of the columns with commands to type.
    """

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    numeric: frozenset[int] = field(default_factory=frozenset)
    commands: frozenset[int] = field(default_factory=frozenset)

    def __repr__(self) -> str:
        """Return caption and number of rows in one line."""
        return described(self, f"{self.caption!r}: {len(self.rows)} rows")

    def to_html(self) -> str:
        """Return the table as HTML that scrolls horizontally on a narrow screen."""
        if not self.rows:
            return f"<p><strong>{escape(redacted(self.caption))}</strong><br>\n{coded(self.note)}</p>"
        align = ["right" if place in self.numeric else "left" for place in range(len(self.heads))]
        head = "".join(
            f'<th scope="col" style="text-align:{side}">{escape(redacted(text))}</th>'
            for text, side in zip(self.heads, align, strict=True)
        )
        body = "".join(
            "<tr>"
            + "".join(
                f'<td style="text-align:{side}{_COMMAND if at in self.commands else _unbroken(text)}">'
                f"{self._shown(at, text)}</td>"
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
            f"{caption}{escape(redacted(self.caption))}</caption>\n"
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n{note}</div>"
        )

    def _shown(self, at: int, text: str) -> str:
        return _typed(escape(text)) if at in self.commands else escape(redacted_cell(self.heads[at], text))

    def to_text(self) -> str:
        """Return the table as aligned text."""
        plain = [
            tuple(
                (text if place in self.commands else redacted_cell(self.heads[place], text)).replace(
                    "\n", " ⏎ "
                )
                for place, text in enumerate(row)
            )
            for row in self.rows
        ]
        words = [place for place in range(len(self.heads)) if place not in self.numeric]
        table = [align_rows(tuple(map(redacted, self.heads)), plain, words)] if plain else []
        note = [redacted(self.note)] if self.note else []
        return "\n".join([redacted(self.caption), *table, *note])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self.to_html(), "text/plain": self.to_text()}


@dataclass(frozen=True, slots=True, repr=False)
class TextView:
    """Paragraphs of text, such as a conclusion, followed by a numbered list of ``items``."""

    paragraphs: tuple[str, ...]
    items: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return the beginning of the text in one line."""
        return described(self, " ".join((*self.paragraphs, *self.items)))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        text = [*self.paragraphs, *(f"{place}. {item}" for place, item in enumerate(self.items, 1))]
        html = [f"<p>{coded(paragraph)}</p>" for paragraph in self.paragraphs]
        if self.items:
            html += ["<ol>", *(f"<li>{coded(item)}</li>" for item in self.items), "</ol>"]
        return {"text/html": "\n".join(html), "text/plain": redacted("\n".join(text))}


@dataclass(frozen=True, slots=True, repr=False)
class LinksView:
    """Links with their texts, or the sentence ``empty`` where there are none.

    Attributes
    ----------
    caption
        Line above the links.
    links
        Text and address of each link.
    empty
        Sentence shown without links.
    """

    caption: str
    links: tuple[tuple[str, str], ...]
    empty: str

    def __repr__(self) -> str:
        """Return caption and number of links in one line."""
        return described(self, f"{self.caption!r}: {len(self.links)} links")

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        if not self.links:
            return {"text/html": f"<p>{escape(self.empty)}</p>", "text/plain": self.empty}
        items = "\n".join(
            f'<li><a href="{escape(url)}" rel="noopener noreferrer">{escape(redacted(text))}</a></li>'
            for text, url in self.links
        )
        plain = [redacted(self.caption), *(f"{redacted(text)}: {url}" for text, url in self.links)]
        html = f"<p><strong>{escape(redacted(self.caption))}</strong></p>\n<ul>\n{items}\n</ul>"
        return {"text/html": html, "text/plain": "\n".join(plain)}


def coded(text: str) -> str:
    """Return a sentence as escaped HTML, with text between backticks as code."""
    return re.sub(r"`([^`]+)`", lambda found: f"<code>{_typed(found[1])}</code>", escape(redacted(text)))


def _typed(escaped: str) -> str:
    """Return escaped code without line breaks inside words that have a hyphen, such as ``--since``."""
    return re.sub(
        rf"(?<!\S)[^\s-]*-[^\s]{{0,{_SHORT}}}(?!\S)",
        lambda found: f'<span style="white-space:nowrap">{found[0]}</span>',
        escaped,
    )


def _unbroken(text: str) -> str:
    """Return a style that prevents line breaks in times and short names with hyphens; else an empty text."""
    return ";white-space:nowrap" if "-" in text and len(text) <= _SHORT else ""


def cell(value: Any, zone: tzinfo, language: str = "en") -> str:
    """Return a value as the text of a table cell; an en dash for a missing value."""
    import pandas as pd

    text = str(value)
    if value is None or value is pd.NaT or value is pd.NA:
        text = "–"
    elif isinstance(value, bool):
        text = label("cell-yes" if value else "cell-no", language)
    elif isinstance(value, datetime):
        text = format_time(value if value.tzinfo else value.replace(tzinfo=UTC), zone)
    elif isinstance(value, timedelta):
        text = duration_label(value, language)
    elif isinstance(value, int):
        text = f"{value:,d}"
    elif isinstance(value, float):
        text = format_number(value)
    elif isinstance(value, Mapping):
        text = ", ".join(f"{key} {cell(item, zone, language)}" for key, item in value.items())
    elif isinstance(value, Iterable) and not isinstance(value, str):
        text = ", ".join(cell(item, zone, language) for item in value)
    return text


def _blank(values: pd.Series) -> bool:
    """Return True if all values of a column are empty text, such as notes."""
    return len(values) > 0 and all(isinstance(value, str) and not value for value in values)


def _values(frame: pd.DataFrame, name: str, language: str) -> list[Any]:
    values: list[Any] = frame[name].tolist()
    known = zip(values, frame[name].notna(), strict=True)
    if name.endswith("_s"):
        return [duration_label(float(value), language) if there else None for value, there in known]
    if name.endswith("share"):
        return [f"{value:.1%}" if there else None for value, there in known]
    return values


def column_heads(columns: Mapping[str, str], language: str) -> dict[str, str]:
    """Return the headings of columns in a language, by column.

    Parameters
    ----------
    columns
        Name of the heading in the catalogues, without ``column-``, by column.
    language
        ``en`` or ``ja``.
    """
    return {name: label(f"column-{heading}", language) for name, heading in columns.items()}


def with_zone(caption: str, zone: tzinfo, language: str) -> str:
    """Return the caption of a table with times, which names their zone."""
    return render(message("table-times", caption=Resource(caption), zone=Resource(str(zone))), language)


def table(  # noqa: PLR0913 - the parts of a table
    frame: pd.DataFrame,
    caption: str,
    zone: tzinfo,
    heads: Mapping[str, str] | None = None,
    *,
    limit: int = _MAX_ROWS,
    empty: str = "",
    language: str = "en",
) -> TableView:
    """Return a frame as a table for people.

    Parameters
    ----------
    frame
        Any frame; its times are UTC.
    caption
        Description of a row.
    zone
        Time zone of the times shown; it is appended to the caption if there are times.
    heads
        Heading by column name, in the order of the columns; all columns under their own names by default.
        Columns that the frame lacks and columns of empty text are left out. Columns with names ending in
        ``_s`` are shown as durations, those ending in ``share`` as percentages.
    limit
        Largest number of rows shown; the note states the number of further rows.
    empty
        Note when there are no rows.
    language
        Language of caption, headings and notes, which :func:`column_heads` and
        :func:`watchme_analysis.text.render.label` return for it.
    """
    import pandas as pd

    chosen = {name: name for name in frame.columns} if heads is None else dict(heads)
    shown = frame.head(limit)
    names = [name for name in chosen if name in frame.columns and not _blank(shown[name])]
    columns: list[Sequence[Any]] = [_values(shown, name, language) for name in names]
    rows = tuple(tuple(cell(value, zone, language) for value in row) for row in zip(*columns, strict=True))
    timed = any(isinstance(value, datetime) and value is not pd.NaT for column in columns for value in column)
    numeric = frozenset(
        place
        for place, name in enumerate(names)
        if pd.api.types.is_numeric_dtype(frame[name].dtype)
        and not pd.api.types.is_bool_dtype(frame[name].dtype)
    )
    note = ""
    if not len(frame):
        note = empty or label("table-nothing-recorded", language)
    elif len(frame) > limit:
        note = render(message("table-more-rows", rows=len(frame) - limit), language)
    full = with_zone(caption, zone, language) if timed else caption
    return TableView(full, tuple(chosen[name] for name in names), rows, note, numeric)
