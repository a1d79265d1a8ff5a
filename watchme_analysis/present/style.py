"""Style of all figures, and the parts that they share.

Figures are drawn without a display and saved without time or version, so that the same frame results in the
same bytes with the same libraries. Colours are those of Okabe and Ito (2008), which are distinguishable with
any colour vision; shape and text repeat the information.

PNG files are small because they use a palette, chosen deterministically, instead of three channels.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import partial
from textwrap import fill, wrap
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from watchme_analysis.installation import require
from watchme_analysis.present.display import FigureView
from watchme_analysis.present.figure_settings import drawing_settings, japanese_font
from watchme_analysis.present.inline_svg import mark_words
from watchme_analysis.redact import redacted
from watchme_analysis.text import wrapping
from watchme_analysis.text.formats import format_time
from watchme_analysis.text.render import duration_label, label, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text as DrawnText

    from watchme_analysis.text.message import Text
    from watchme_analysis.window import Window

WIDTH_IN = 6.0
DPI = 150
# Latin characters of a name beside its row.
_LABEL_CHARACTERS = 44
# Number of characters of a line of text in the width of a figure.
_LINE_CHARACTERS = 80

BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
RED = "#D55E00"
PURPLE = "#CC79A7"
SKY = "#56B4E9"
BLACK = "#222222"
GREY = "#9a9a9a"
SERIES = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY)
# Dashes distinguish lines in print and for readers who see no colours.
_DASHES: Any = ("-", (0, (4, 1)), (0, (1, 0.8)), (0, (5, 1, 1, 1)), (0, (8, 2)), (0, (3, 1, 1, 1, 1, 1)))
INCIDENT = "#fde9d9"
# Kana and kanji.
_JAPANESE = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")


def drawn_language(language: str) -> str:
    """Return the language of the words in a figure: English where no font has the letters of another."""
    return "en" if language == "ja" and japanese_font() is None else language


@dataclass(frozen=True, slots=True)
class Mark:
    """A change on the time axis, with its time and a short label."""

    time: datetime
    label: str


@dataclass(frozen=True, slots=True)
class AxisSpan:
    """Contents of a time axis: window, time zone, incident, changes and the language of its label."""

    window: Window
    zone: tzinfo
    incident: tuple[datetime, datetime | None] | None = None
    marks: tuple[Mark, ...] = ()
    language: str = "en"


def new_figure(heights_in: Sequence[float], *, share_x: bool = False) -> tuple[Figure, list[Axes]]:
    """Return a figure of stacked axes with the given heights in inches."""
    return _figure(sum(heights_in), nrows=len(heights_in), sharex=share_x, height_ratios=list(heights_in))


def new_row(height_in: float, columns: int) -> tuple[Figure, list[Axes]]:
    """Return a figure of axes side by side that share their y axis."""
    return _figure(height_in, ncols=columns, sharey=True)


def _figure(height_in: float, **axes: Any) -> tuple[Figure, list[Axes]]:
    require("report", "figures")
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(drawing_settings()):
        figure = Figure(figsize=(WIDTH_IN, height_in), dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        return figure, list(figure.subplots(squeeze=False, **axes).flat)


def wrapped(text: str, width: int, language: str, *, most_lines: int | None = None) -> str:
    """Return a label in lines of ``width`` Latin characters; those of Japanese are twice as wide."""
    lines = wrapping.wrapped(text, width) if language == "ja" and not text.isascii() else wrap(text, width)
    shown = lines[:most_lines]
    if len(shown) < len(lines):
        shown[-1] = f"{shown[-1][: width - 1]}…"
    return "\n".join(shown)


def row_label(text: str, language: str) -> str:
    """Return the name of a row as one line, cut so that it leaves room for the row."""
    return wrapped(text, _LABEL_CHARACTERS, language, most_lines=1)


def finish(figure: Figure, name: str, alt: str) -> FigureView:
    """Return a figure as a PNG with the 256 most common colours; colours of this module stay exact."""
    import matplotlib as mpl
    import numpy as np

    settings = drawing_settings()
    texts = _texts(figure)
    # Fonts with Japanese letters mostly have no bold weight, which Latin letters beside them would have.
    is_japanese = any(_JAPANESE.search(text.get_text()) for text in texts)
    with mpl.rc_context(settings), _without_font_warnings():
        for text in texts:
            text.set_text(redacted(text.get_text()))
            # A text copies matplotlib's font when it is created, which is mostly outside of these settings.
            text.set_fontfamily(settings["font.family"])
            if is_japanese:
                text.set_fontweight("normal")
            _write_literally(text)
        canvas: Any = figure.canvas
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())
    return FigureView(name, small_png(pixels, (*SERIES, BLACK, GREY)), redacted(alt), _words(figure), figure)


@contextmanager
def _without_font_warnings() -> Iterator[None]:
    """Silence the message that a Japanese font has no bold weight, which is of no use to a reader."""
    logger = logging.getLogger("matplotlib.font_manager")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _write_literally(text: DrawnText) -> None:
    """Disable formulas in a text, so that dollar signs in names are shown.

    A text copies matplotlib's setting when it is created, mostly outside of :func:`drawing_settings`.
    """
    text.set_parse_math(False)
    text.set_usetex(False)


def _words(figure: Figure) -> tuple[str, ...]:
    return tuple(filter(None, (text.get_text() for text in _texts(figure) if text.get_visible())))


def _texts(figure: Figure) -> list[DrawnText]:
    from matplotlib.text import Text as DrawnText

    return [text for text in figure.findobj(DrawnText) if isinstance(text, DrawnText)]


def empty_figure(name: str, reason: Text, language: str = "en") -> FigureView:
    """Return a figure that contains only the reason, a sentence, why there is nothing to show."""
    figure, (axis,) = new_figure([0.9])
    axis.set_axis_off()
    # matplotlib's own wrapping parses dollar signs as a formula in spite of the settings.
    lines = fill(render(reason, drawn_language(language)), _LINE_CHARACTERS)
    axis.text(0.5, 0.5, lines, ha="center", va="center", color=BLACK)
    return finish(figure, name, label("figure-none", language, reason=render(reason, language)))


def stroke(place: int) -> dict[str, Any]:
    """Return the colour and the dashes of a line by its index in the panel."""
    return {"color": SERIES[place % len(SERIES)], "linestyle": _DASHES[place % len(_DASHES)]}


def time_axis(axes: Sequence[Axes], span: AxisSpan) -> None:
    """Set up the shared time axis of stacked axes: limits, local ticks, zone name, incident and changes."""
    from matplotlib import dates

    start, end = day_number(span.window.start), day_number(span.window.end)
    margin = (end - start) * 0.01
    for axis in axes:
        axis.set_xlim(start - margin, end + margin)
        setattr(axis, "format_xdata", partial(_time_at, zone=span.zone))  # noqa: B010  mypy rejects both
        _shade(axis, span)
    last = axes[-1]
    locator = dates.AutoDateLocator(tz=span.zone, minticks=2, maxticks=6)  # type: ignore[no-untyped-call]
    formatter = dates.ConciseDateFormatter(locator, tz=span.zone, show_offset=False)  # type: ignore[no-untyped-call]
    formatter.zero_formats = ["", "%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M:%S"]
    formatter.formats = ["%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M", "%H:%M:%S"]
    last.xaxis.set_major_locator(locator)
    last.xaxis.set_major_formatter(formatter)
    day = span.window.start.astimezone(span.zone).strftime("%Y-%m-%d")
    last_day = span.window.end.astimezone(span.zone).strftime("%Y-%m-%d")
    words = drawn_language(span.language)
    same = "day" if day == last_day else "days"
    last.set_xlabel(label(f"axis-time-{same}", words, zone=str(span.zone), day=day, last=last_day))
    _label_marks(axes[0], span)


def _time_at(day: float, zone: tzinfo) -> str:
    from matplotlib.dates import num2date

    return format_time(num2date(day), zone)  # type: ignore[no-untyped-call]


def annotate_on_hover(figure: Figure) -> None:
    """Show label and values of the mark nearest to the pointer, in a figure with a canvas that has events."""
    notes: dict[Any, Any] = {}

    def moved(event: Any) -> None:
        axis = event.inaxes
        for note in notes.values():
            note.set_visible(False)
        found = None if axis is None else _nearest(axis, event)
        if found is not None:
            x, y, text = found
            note = notes.get(axis)
            if note is None:
                note = notes[axis] = axis.annotate(
                    "", (x, y), xytext=(8, 8), textcoords="offset points", fontsize=8, zorder=9,
                    bbox={"boxstyle": "square,pad=0.3", "facecolor": "white", "edgecolor": GREY},
                )  # fmt: skip
            note.xy = (x, y)
            note.set_text(redacted(text))
            _write_literally(note)
            note.set_fontfamily(drawing_settings()["font.family"])
            note.set_visible(True)
        figure.canvas.draw_idle()

    figure.canvas.mpl_connect("motion_notify_event", moved)


def _nearest(axis: Axes, event: Any) -> tuple[float, float, str] | None:
    """Return place and text of the mark within reach of the pointer; None without one."""
    import numpy as np

    best, reach = None, _REACH_PX
    for line in axis.lines:
        data: Any = line.get_xydata()
        data = data[np.isfinite(data).all(axis=1)] if len(data) else data
        # Lines with two points are marks of the axis, such as a change.
        if len(data) <= 2 and line.get_marker() in ("None", "", None):
            continue
        places = axis.transData.transform(data)
        apart = np.hypot(places[:, 0] - event.x, places[:, 1] - event.y)
        if len(apart) and apart.min() < reach:
            reach = float(apart.min())
            x, y = data[int(apart.argmin())]
            best = (x, y, mark_words(axis, str(line.get_label()), x, y))
    return best


def day_number(moment: datetime) -> float:
    """Return a time as matplotlib's date number, in days."""
    from matplotlib.dates import date2num

    return float(date2num(moment))  # type: ignore[no-untyped-call]


def _shade(axis: Axes, span: AxisSpan) -> None:
    if span.incident is not None:
        start, end = span.incident
        axis.axvspan(
            day_number(start), day_number(end or span.window.end), color=INCIDENT, zorder=0, linewidth=0
        )
    for mark in span.marks:
        axis.axvline(day_number(mark.time), color=BLACK, linewidth=0.8, linestyle=(0, (3, 2)), zorder=1)


# Share of a panel's width that a letter of such a label takes, with some room.
_LETTER_SHARE = 0.015


def _label_marks(axis: Axes, span: AxisSpan) -> None:
    """Label the changes with letters in the first panel; neighbouring changes share a label."""
    width = span.window.seconds
    groups: list[tuple[datetime, str, str]] = []  # time and letter of the first, and the label
    for place, mark in enumerate(span.marks):
        letter = mark_letter(place)
        if groups:
            begun, first, text = groups[-1]
            if (mark.time - begun).total_seconds() < width * (0.02 + _LETTER_SHARE * len(text)):
                groups[-1] = (begun, first, f"{first}–{letter}")
                continue
        groups.append((mark.time, letter, letter))
    for moment, _, text in groups:
        axis.annotate(
            text, (day_number(moment), 1.0), xycoords=("data", "axes fraction"), xytext=(2, -1),
            textcoords="offset points", ha="left", va="top", fontsize=8, fontweight="bold", color=BLACK,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "linewidth": 0, "alpha": 0.8},
            zorder=5,
        )  # fmt: skip


def mark_letter(place: int) -> str:
    """Return the letters of a change by its index: A to Z, then AA and so on."""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def title(axis: Axes, text: str) -> None:
    """Set the title of a panel, on the left above the axes."""
    axis.set_title(text, loc="left", fontsize=9.5, fontweight="bold", pad=4)


# Ticks of a logarithmic scale of seconds, about a decade apart, and steps of a linear one. A step of 60 s is
# missing: its ticks would be named "60 s" and "2 min".
_TICKS_S = (0.001, 0.01, 0.1, 1.0, 10.0, 120.0, 1200.0, 10800.0, 86400.0)
_NICE_S = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 120, 300,
    600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000,
)  # fmt: skip


def seconds_axis(axes: Axes, low_s: float, high_s: float, language: str, along: str = "y") -> None:
    """Set a logarithmic scale of seconds on an axis, with ticks labelled as durations."""
    from matplotlib.ticker import FixedLocator, NullLocator

    low, high = max(low_s, 5e-4) / 1.5, max(high_s, low_s * 10, 0.01) * 2.2
    axes.set(**{f"{along}scale": "log", f"{along}lim": (low, high)})
    _label_durations(axes, along, FixedLocator([tick for tick in _TICKS_S if low <= tick <= high]), language)
    getattr(axes, f"{along}axis").set_minor_locator(NullLocator())


def linear_seconds(axes: Axes, top_s: float, language: str, along: str = "y", most: float = 2.6) -> None:
    """Set a linear scale of seconds from 0 on an axis, with at most ``most`` steps labelled as durations."""
    from matplotlib.ticker import MultipleLocator

    step = next((step for step in _NICE_S if top_s / step <= most), 864000)
    axes.set(**{f"{along}lim": (0, top_s * 1.12 if top_s > 0 else 1)})
    _label_durations(axes, along, MultipleLocator(step), language)


def _label_durations(axes: Axes, along: str, ticks: Any, language: str) -> None:
    from matplotlib.ticker import FuncFormatter

    setattr(axes, f"format_{along}data", partial(duration_label, language=language))
    axis = getattr(axes, f"{along}axis")
    axis.set_major_locator(ticks)
    axis.set_major_formatter(FuncFormatter(lambda seconds, _: duration_label(seconds, language)))


def key(figure: Figure, entries: Sequence[Any]) -> None:
    """Add a legend below all axes."""
    if entries:
        figure.legend(
            handles=list(entries), loc="outside lower left", ncols=2, fontsize=8, frameon=False,
            handlelength=2.2, columnspacing=1.0,
        )  # fmt: skip


def legend(
    axis: Axes, more: Mapping[str, tuple[Any, ...]] = MappingProxyType({}), *, handle_length: float = 1.1
) -> None:
    """Add a one-line legend above the axes on the right if there are labels; dashes need longer handles.

    ``more`` has marks that share an entry, by its label.
    """
    from matplotlib.legend_handler import HandlerTuple

    handles, labels = axis.get_legend_handles_labels()
    if handles or more:
        axis.legend(
            [*handles, *more.values()], [*labels, *more], loc="lower right", bbox_to_anchor=(1.0, 1.0),
            ncols=len(handles) + len(more), handler_map={tuple: HandlerTuple(None)},
            borderaxespad=0.1, handletextpad=0.3, columnspacing=0.9, handlelength=handle_length,
            fontsize=8, frameon=False,
        )  # fmt: skip


def absent(axis: Axes, what: str) -> None:
    """Write the text ``what`` into an empty panel, such as the name of a missing layer."""
    axis.set_yticks([])
    axis.grid(visible=False, axis="y")
    axis.text(0.5, 0.5, what, transform=axis.transAxes, ha="center", va="center", color="#555555")


# Distance from the pointer within which a mark is described, in pixels.
_REACH_PX = 14.0
WHITE = 0xFFFFFF
_PALETTE = 256


def small_png(pixels: Any, kept: Iterable[str]) -> bytes:
    """Return an image as a PNG of its 256 most common colours; other colours become the nearest of these.

    The array has the shape (height, width, channels), with at least three channels of one byte: red, green,
    blue. The colours ``kept``, such as ``#0072B2``, stay exact however few pixels have them.
    """
    import numpy as np
    from PIL import Image

    wide = pixels[:, :, :3].astype("int64")
    flat = wide[:, :, 0] << 16 | wide[:, :, 1] << 8 | wide[:, :, 2]
    colors, place, count = _colors(flat)
    named = np.isin(colors, [int(color[1:], 16) for color in kept])
    chosen = colors[np.argsort(-(count + named * flat.size), kind="stable")[:_PALETTE]]

    def channels(packed: Any) -> Any:
        return np.stack([packed >> 16 & 255, packed >> 8 & 255, packed & 255], axis=1)

    palette = channels(chosen)
    distance = ((channels(colors)[:, None, :] - palette[None, :, :]) ** 2).sum(axis=2)
    nearest = distance.argmin(axis=1).astype("uint8")[place]
    image = Image.fromarray(nearest, mode="P")
    image.putpalette(palette.astype("uint8").tobytes())
    out = io.BytesIO()
    # The best compression level takes eight times as long and saves a tenth of the size.
    image.save(out, format="PNG", compress_level=6)
    return out.getvalue()


def _colors(flat: Any) -> tuple[Any, Any, Any]:
    """Return the colours of packed pixels in ascending order, the colour index of each pixel, and the counts.

    Most pixels are white, the largest value, so only the others are sorted.
    """
    import numpy as np

    inked = flat != WHITE
    colors, among, count = np.unique(flat[inked], return_inverse=True, return_counts=True)
    place = np.full(flat.shape, len(colors), dtype="int64")
    place[inked] = among
    blank = flat.size - int(count.sum())
    return (np.append(colors, WHITE), place, np.append(count, blank)) if blank else (colors, place, count)
