"""Outputs of notebook cells: figures with alternative text, tables with a caption, and text.

They are deterministic (no memory addresses, current time or random ids), so that stored outputs do not
change.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
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
# What a cell hands over to the page of a report: the data of a view, which the page renders.
SECTION_MIME = "application/vnd.watchme.section+json"
# Widths in inches that a figure on a page is laid out in: alone, and beside the answer.
PAGE_WIDTH_IN, STRIP_WIDTH_IN = 9.5, 6.0
_MAX_ROWS = 40
_SHORT = 40
_COMMAND = ";white-space:pre-wrap;overflow-wrap:anywhere;min-width:22em;font-family:monospace"


class View:
    """A display of a notebook cell, whose data the page of a report renders again."""

    __slots__ = ()

    def to_html(self) -> str:
        """Return the view as HTML."""
        raise NotImplementedError

    def to_text(self) -> str:
        """Return the view as plain text."""
        raise NotImplementedError

    def page_data(self) -> dict[str, Any]:
        """Return the view as JSON, its class as ``view``."""
        return {"view": type(self).__name__, **asdict(self)}  # type: ignore[call-overload]

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        data = {SECTION_MIME: self.page_data()} if is_report() else {}
        return {"text/html": self.to_html(), "text/plain": self.to_text(), **data}


@dataclass(frozen=True, slots=True, repr=False)
class FigureView:
    """A figure as PNG.

    ``name`` is the file name in a report, ``alt`` the text for readers who can't see the figure. ``words``
    are all texts in the figure, in the order of drawing; ``figure`` is that of matplotlib, to draw it
    elsewhere. ``notes`` are lines that a page shows below it.
    """

    name: str
    png: bytes
    alt: str
    words: tuple[str, ...] = ()
    figure: Any = field(default=None, repr=False, compare=False)
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return the name in one line."""
        return described(self, self.name)

    def page_data(self, width_in: float = PAGE_WIDTH_IN) -> dict[str, Any]:
        """Return the figure as SVG for a page, laid out in a width; its marks show their values on hover."""
        svg = inline_svg(self.figure, self.name, self.alt, width_in)
        return {"view": "FigureView", "svg": svg, "notes": self.notes}

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data: dict[str, Any] = {
            "image/png": base64.b64encode(self.png).decode("ascii"),
            "text/plain": self.alt,
        }
        if is_report() and self.figure is not None:
            data[SECTION_MIME] = self.page_data()
        return data, {"image/png": {"alt": self.alt, "name": self.name, "width": DISPLAY_WIDTH_PX}}


@dataclass(frozen=True, slots=True, repr=False)
class TableView(View):
    """A table for people, with cells as text in the order of the headings, which have units.

    ``caption`` is the line above the table that describes a row and states the time zone; ``note`` the line
    below, such as the number of omitted rows. ``numeric`` and ``commands`` are the indices of the columns
    with numbers, and with commands to type.
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

    def page_data(self) -> dict[str, Any]:
        """Return the table as JSON."""
        places = {"numeric": sorted(self.numeric), "commands": sorted(self.commands)}
        return {**View.page_data(self), **places}

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


@dataclass(frozen=True, slots=True, repr=False)
class TextView(View):
    """Paragraphs of text, such as a conclusion, followed by a numbered list of ``items``."""

    paragraphs: tuple[str, ...]
    items: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return the beginning of the text in one line."""
        return described(self, " ".join((*self.paragraphs, *self.items)))

    def to_html(self) -> str:
        """Return the paragraphs and the list as HTML."""
        html = [f"<p>{coded(paragraph)}</p>" for paragraph in self.paragraphs]
        if self.items:
            html += ["<ol>", *(f"<li>{coded(item)}</li>" for item in self.items), "</ol>"]
        return "\n".join(html)

    def to_text(self) -> str:
        """Return the paragraphs and the list, one line each."""
        items = (f"{place}. {item}" for place, item in enumerate(self.items, 1))
        return redacted("\n".join([*self.paragraphs, *items]))


@dataclass(frozen=True, slots=True, repr=False)
class LinksView(View):
    """Text and address of links below a caption, or the sentence ``empty`` where there are none."""

    caption: str
    links: tuple[tuple[str, str], ...]
    empty: str

    def __repr__(self) -> str:
        """Return caption and number of links in one line."""
        return described(self, f"{self.caption!r}: {len(self.links)} links")

    def to_html(self) -> str:
        """Return the links as an HTML list."""
        if not self.links:
            return f"<p>{escape(self.empty)}</p>"
        items = "\n".join(
            f'<li><a href="{escape(url)}" rel="noopener noreferrer">{escape(redacted(text))}</a></li>'
            for text, url in self.links
        )
        return f"<p><strong>{escape(redacted(self.caption))}</strong></p>\n<ul>\n{items}\n</ul>"

    def to_text(self) -> str:
        """Return each link with its text in a line."""
        links = (f"{redacted(text)}: {url}" for text, url in self.links)
        return "\n".join([redacted(self.caption), *links]) if self.links else self.empty


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


def column_heads(columns: Mapping[str, str], language: str, **values: Any) -> dict[str, str]:
    """Return the headings of columns, whose ids are ``column-`` and the name in ``columns``."""
    return {name: label(f"column-{heading}", language, **values) for name, heading in columns.items()}


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
    """Return a frame, whose times are UTC, as a table for people.

    ``caption`` describes a row; the time zone is appended to it if there are times. ``heads`` has the heading
    by column name, in the order of the columns; all columns under their own names by default. Columns that
    the frame lacks and columns of empty text are left out. Columns with names ending in ``_s`` are shown as
    durations, those ending in ``share`` as percentages. Of more rows than ``limit``, the note states the
    number; ``empty`` is the note without rows. Headings in a language are from :func:`column_heads`, other
    words from :func:`watchme_analysis.text.render.label`.
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
