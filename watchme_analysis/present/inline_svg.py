"""Figures as SVG for a page: their colours are those of the page, and marks show their values on hover."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from html import escape
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from watchme_analysis.present.figure_settings import drawing_settings
from watchme_analysis.redact import redacted
from watchme_analysis.text.formats import format_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Marks of a figure that show their values.
MOST_TITLES = 500
# Marks of a figure that are elements of the page; the lines with the most further ones are drawn as pixels.
_MOST_MARKS = 1200
_POINTS_PER_IN = 72
_REACH_PT = 4
# Colours of text, axes and background, which are those of the page around the figure.
_INKS = {
    "#222222": "--ink",
    "#000000": "--ink",
    "#555555": "--soft",
    "#666666": "--soft",
    "#e6e6e6": "--line",
    "#fde9d9": "--incident",
    "#ffffff": "--paper",
    "#0072b2": "--blue",
}


def inline_svg(figure: Figure, name: str, alt: str, width_in: float) -> str:
    """Return a finished figure as an SVG element of a page, laid out anew for a width in inches.

    The figure's own size stays. Its ids begin with the name.
    """
    import matplotlib as mpl

    size = tuple(figure.get_size_inches())
    figure.set_size_inches(width_in, size[1])
    marked = [line for axis in figure.axes for line in axis.lines if _has_markers(line)]
    marked.sort(key=_length)
    many = [
        line
        for line, marks in zip(marked, accumulate(map(_length, marked)), strict=True)
        if marks > _MOST_MARKS
    ]
    text = io.StringIO()
    layout = figure.get_layout_engine()
    try:
        with mpl.rc_context({**drawing_settings(), "svg.hashsalt": name, "svg.fonttype": "path"}):
            for line in many:
                line.set_rasterized(True)
            if layout is not None:
                # Once, for the new width; saving would draw it two more times for that.
                layout.execute(figure)
                figure.set_layout_engine("none")
            figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
        titles = _titles(figure)
    finally:
        for line in many:
            line.set_rasterized(False)
        figure.set_size_inches(*size)
        figure.set_layout_engine(layout)
    return _of_page(text.getvalue(), re.sub(r"\W+", "-", name), alt, titles)


def _of_page(svg: str, name: str, alt: str, titles: str) -> str:
    """Return the SVG of matplotlib without a head and a style of its own."""
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r"\s*<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"([^>]*?) version="[^"]*"', r"\1\2", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = svg.replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')
    svg = re.sub(r"<g[^>]*>\s*(?:<use [^>]*>\s*)+</g>", _with_one_style, svg)
    # A tenth of a point is finer than a screen, and a hundredth finer than a glyph.
    svg = re.sub(r' [xy]="[^"]*"', lambda found: re.sub(r"(\.\d)\d+", r"\1", found[0]), svg)
    svg = re.sub(r' d="[^"]*"', _short_path, svg).replace("xlink:href", "href")
    for color, variable in _INKS.items():
        svg = svg.replace(color, f"var({variable}, {color})")
    head = f'<svg role="img" aria-label="{escape(alt)}"'
    return svg.replace("<svg", head, 1).replace("</svg>", f"{titles}</svg>")


def _short_path(data: re.Match[str]) -> str:
    """Return the data of a path without needless digits and spaces."""
    short = re.sub(r"(\.\d\d)\d+", r"\1", data[0].removeprefix(" d="))
    return " d=" + re.sub(r" *\n|(?<=[A-Za-z]) ", "", short)


def with_shared_glyphs(page: str) -> str:
    """Return a page with figures, in which each outline of a letter stands once.

    Text of a figure is drawn by outlines, so that it is legible without the fonts. Each figure has its own,
    and those of Japanese are a third of its bytes.
    """
    known: dict[str, str] = {}
    places: dict[str, str] = {}

    def once(glyph: re.Match[str]) -> str:
        is_new = glyph["outline"] not in known
        places[glyph["id"]] = known.setdefault(glyph["outline"], f"g{len(known)}")
        return f'<path id="{places[glyph["id"]]}"{glyph["outline"]}' if is_new else ""

    page = re.sub(r'<path id="(?P<id>[^"]+)"(?P<outline> d="[^"]*" transform="scale\([^"]*"/>)', once, page)
    return re.sub(r' href="#([^"]+)"', lambda use: f' href="#{places.get(use[1], use[1])}"', page)


def _with_one_style(group: re.Match[str]) -> str:
    """Return a group of marks whose common style is that of the group."""
    styles = set(re.findall(r' style="[^"]*"', group[0]))
    if len(styles) != 1:
        return group[0]
    (style,) = styles
    return group[0].replace(style, "").replace("<g", f"<g{style}", 1)


def _length(line: Any) -> int:
    return len(line.get_xydata())


def _has_markers(line: Any) -> bool:
    return line.get_marker() not in ("None", "none", "", None)


def _titles(figure: Figure) -> str:
    """Return invisible shapes on the marks of a figure that name their values, at most 500."""
    import numpy as np

    scale, top = _POINTS_PER_IN / figure.dpi, figure.get_figheight() * _POINTS_PER_IN
    bars = [bar for axis in figure.axes for bar in _bars(axis)][:MOST_TITLES]
    lines = []
    for axis in figure.axes:
        for line in axis.lines:
            data: Any = line.get_xydata()
            data = data[np.isfinite(data).all(axis=1)] if len(data) else data
            # Lines with two points are marks of the axis, such as a change.
            if len(data) > 2 or (len(data) and _has_markers(line)):
                lines.append((axis, str(line.get_label()), data))
    marks = []
    for axis, box, words in bars:
        (left, low), (right, high) = np.sort(axis.transData.transform(box), axis=0) * scale
        place = f'x="{left:.1f}" y="{top - high:.1f}" width="{right - left:.1f}" height="{high - low:.1f}"'
        marks.append(f"<rect {place}>{_title(words)}</rect>")
    left_over = MOST_TITLES - len(marks)
    step = max(1, math.ceil(sum(len(data) for *_, data in lines) / max(1, left_over)))
    for axis, name, data in lines:
        for x, y in data[::step]:
            across, up = axis.transData.transform((x, y)) * scale
            shape = f'cx="{across:.1f}" cy="{top - up:.1f}" r="{_REACH_PT}"'
            marks.append(f"<circle {shape}>{_title(mark_words(axis, name, x, y))}</circle>")
    shown = "".join(marks[:MOST_TITLES])
    return f'<g fill="none" pointer-events="all">{shown}</g>' if marks else ""


def _title(words: str) -> str:
    return f"<title>{escape(redacted(words))}</title>"


def _bars(axis: Axes) -> Iterator[tuple[Axes, Any, str]]:
    """Yield the bars of an axis with their corners, and the row or time, the label and the length of each."""
    from matplotlib.container import BarContainer

    rows = [text.get_text() for text in axis.get_yticklabels()]
    for container in axis.containers:
        if not isinstance(container, BarContainer):  # such as the marks of intervals
            continue
        is_flat = getattr(container, "orientation", "vertical") == "horizontal"
        name = str(container.get_label())
        for bar in container:
            (x, y), width, height = bar.get_xy(), bar.get_width(), bar.get_height()
            length = float(width if is_flat else height)
            if not length:
                continue
            apart = [abs(tick - y - height / 2) for tick in axis.get_yticks()]
            at = rows[apart.index(min(apart))] if is_flat and rows else axis.format_xdata(x + width / 2)
            has_format = is_flat and "format_xdata" in vars(axis)
            value = axis.format_xdata(length) if has_format else format_number(length)
            words = [at, "" if name.startswith("_") else name, value]
            yield axis, ((x, y), (x + width, y + height)), ", ".join(filter(None, words))


def mark_words(axis: Axes, name: str, x: float, y: float) -> str:
    """Return what a mark shows: the label of its line unless it has none, and its values."""
    # An axis of times or durations has a format of its own.
    value = axis.format_ydata(y) if "format_ydata" in vars(axis) else format_number(float(y))
    return ", ".join([*([] if name.startswith("_") else [name]), axis.format_xdata(x), value])
