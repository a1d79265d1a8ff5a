"""Single requests followed through the layers, and the fates of all requests."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from watchme_analysis.present import style
from watchme_analysis.present.display import FigureView, TableView
from watchme_analysis.present.text_table import truncate_middle
from watchme_analysis.text.formats import format_number
from watchme_analysis.text.message import Duration, Resource, Text, message, sentences
from watchme_analysis.text.render import duration_label, label, render

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from watchme_analysis.stats.clock_skew import Skew

# Parts of the time that Nginx spends on a request.
_WITHIN_NGINX = ("connect", "header", "body")
_COLORS = {
    "edge": style.PURPLE,
    "nginx": style.SKY,
    "connect": style.ORANGE,
    "header": style.RED,
    "body": style.BLUE,
    "app": style.GREEN,
}
_ROW_IN = 0.27
# Characters of a method and path that leave room for the rest of a title.
_LONGEST = 36
# Width of a character as a share of the axis.
_CHARACTER = 0.0125
# Clocks that differ by less are equal in a log of milliseconds.
_SAME_CLOCK_S = 0.0005
# A bar shorter than this share of the axis would not be seen.
_LEAST = 0.003


def plot_waterfall(waterfall: pd.DataFrame, zone: tzinfo, language: str = "en") -> FigureView:
    """Plot the slowest and a typical request, a row per layer, also of those that have no record of it."""
    words = style.drawn_language(language)
    if waterfall.empty:
        return style.empty_figure("waterfall", message("waterfall-empty"), language)
    groups = list(waterfall.groupby("request", sort=False))
    heights = [0.62 + _ROW_IN * len(rows) for _, rows in groups]
    figure, axes = style.new_figure(heights)
    for axis, (name, rows) in zip(axes, groups, strict=True):
        first = rows.iloc[0]
        moment = first["start"].tz_convert(zone)
        what = truncate_middle(first["what"], _LONGEST)
        style.title(axis, f"{label(f'request-{name}', words)}: {what}, {moment:%m-%d %H:%M:%S}")
        _draw(axis, rows, words)
    axes[-1].set_xlabel(label("waterfall-axis", words, zone=str(zone)))
    alt = "; ".join(
        f"{label(f'request-{name}', language)}, {rows['what'].iloc[0]}: {_spoken(rows, language)}"
        for name, rows in groups
    )
    return style.finish(figure, "waterfall", label("waterfall-alt", language, requests=alt))


def _layer_name(layer: str, language: str) -> str:
    """Return the name of a layer; parts of Nginx's time are marked as such."""
    name = label(f"on-{layer}", language)
    return f"· {name}" if layer in _WITHIN_NGINX else name


def _draw(axis: Axes, rows: pd.DataFrame, language: str) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    last = max([0.001, *rows["to_s"].dropna()])
    for place, row in enumerate(rows.itertuples()):
        color = _COLORS[row.layer]
        begin = 0.0 if math.isnan(row.from_s) else row.from_s
        if row.state in ("seen", "gave up") and row.layer == "app":
            axis.plot([row.to_s], [place], marker="D", ms=6, color=color, linestyle="none")
        elif row.state in ("seen", "gave up"):
            look: dict[str, Any] = {"color": color, "height": 0.62, "linewidth": 0}
            if row.state == "gave up":
                look |= {"hatch": "////", "edgecolor": "white"}
            axis.barh(place, max(row.to_s - begin, last * _LEAST), left=begin, **look)
        _label(axis, row, (place, last), language)
    axis.set_yticks(range(len(rows)), [_layer_name(layer, language) for layer in rows["layer"]], fontsize=8)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    low = min([0.0, *rows["from_s"].dropna(), *rows["to_s"].dropna()])
    axis.set_xlim(low - 0.01 * last, low + (last - low) * 1.02)
    axis.xaxis.set_major_locator(MaxNLocator(6))
    unit, name = (1.0, "s") if last >= 1 else (1e3, "ms")
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{format_number(value * unit)} {name}"))
    axis.grid(visible=False, axis="y")


def _label(axis: Axes, row: Any, where: tuple[int, float], language: str) -> None:
    """Write the label of a row; ``where`` is its index and the end of the request in seconds."""
    place, last = where
    text = _words(row, language)
    known = row.state in ("seen", "gave up")
    end = row.to_s if known else 0.0
    begin = row.to_s if row.layer == "app" or math.isnan(row.from_s) else row.from_s
    look: dict[str, Any] = {"va": "center", "fontsize": 7.5, "color": style.BLACK if known else "#666666"}
    look["style"] = "normal" if known else "italic"
    pad, needs = last * (0.025 if row.layer == "app" else 0.015), last * _CHARACTER * _columns(text)
    if row.layer == "app" and known and needs > max(last - end, begin):
        text, needs = _two_lines(text), needs / 2
    # To the right of the bar where there is room, else to the left, else within it. A mark has no within:
    # to its right the figure makes room.
    if end + needs <= last or (row.layer == "app" and known and begin - needs < 0):
        axis.text(end + pad, place, text, ha="left", **look)
    elif begin - needs >= 0:
        axis.text(begin - pad, place, text, ha="right", **look)
    else:
        box = {"boxstyle": "square,pad=0.15", "facecolor": "white", "linewidth": 0, "alpha": 0.85}
        middle = min(max((begin + end) / 2, needs / 2), last - needs / 2)
        axis.text(middle, place, text, ha="center", bbox=box, **look)


def _two_lines(text: str) -> str:
    """Return a text broken at the comma next to its middle."""
    commas = [at for at, character in enumerate(text) if character in ",、"]
    middle = min(commas, key=lambda at: abs(at - len(text) / 2), default=None)
    return text if middle is None else f"{text[: middle + 1]}\n{text[middle + 1 :].strip()}"


def _columns(text: str) -> int:
    """Return the width of a text in Latin letters; Japanese letters are twice as wide."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _words(row: Any, language: str) -> str:
    note = render(row.note, language)
    if row.state not in ("seen", "gave up"):
        return f"{_state(row.state, language)}: {note}"
    parts = []
    if row.layer == "app":
        parts.append(label("waterfall-responded", language, after=Duration(max(row.to_s, 0.0))))
    else:
        begin = 0.0 if math.isnan(row.from_s) else row.from_s
        # Logs of milliseconds say zero for what is less.
        parts.append(duration_label(max(row.to_s - begin, 0.0005), language))
    if not math.isnan(row.status):
        parts.append(f"{row.status:.0f}")
    if row.state == "gave up":
        parts.append(_state(row.state, language))
    if note:
        parts.append(note)
    return ", ".join(parts)


def _state(state: str, language: str) -> str:
    return label(f"layer-state-{state.replace(' ', '-')}", language)


def _spoken(rows: pd.DataFrame, language: str) -> str:
    return ", ".join(
        f"{label(f'on-{row.layer}', language)} {_words(row, language)}" for row in rows.itertuples()
    )


def layers_table(waterfall: pd.DataFrame, language: str = "en") -> TableView:
    """Return the same requests in numbers: for every layer seen or not, began, first byte, ended, status."""
    rows = tuple(
        (
            f"{label(f'request-{row.request}', language)}: {row.what}",
            label(f"on-{row.layer}", language),
            _state(row.state, language),
            *(_second(value, language) for value in (row.from_s, row.first_byte_s, row.to_s)),
            "–" if math.isnan(row.status) else f"{row.status:.0f}",
            render(row.note, language),
        )
        for row in waterfall.itertuples()
    )
    names = ("request", "layer", "state", "began", "first-byte", "ended", "status", "note")
    heads = tuple(label(f"column-{name}", language) for name in names)
    note = label("layers-note" if rows else "layers-none", language)
    return TableView(label("layers-caption", language), heads, rows, note, frozenset({3, 4, 5, 6}))


def _second(value: float, language: str) -> str:
    return duration_label(value if math.isnan(value) else max(value, 0.0), language)


def fates_table(counts: pd.DataFrame, clocks: Text, language: str = "en") -> TableView:
    """Return the fates of requests by route and the responses that the application logged."""
    import pandas as pd

    rows = tuple(
        (
            str(row.route),
            label(f"fate-{str(row.fate).replace('_', '-')}", language),
            *(
                "–" if pd.isna(count) else f"{count:,d}"
                for count in (row.baseline, row.incident, row.app, row.app_late, row.sure)
            ),
            str(row.example),
        )
        for row in counts.itertuples()
    )
    note = render(message("fates-note", clocks=clocks), language) if rows else label("fates-none", language)
    names = (
        "endpoint", "fate", "baseline", "incident", "app-responses", "app-late", "joined-surely", "example",
    )  # fmt: skip
    heads = tuple(label(f"column-{name}", language) for name in names)
    return TableView(label("fates-caption", language), heads, rows, note, frozenset({2, 3, 4, 5, 6}))


def clocks(skews: Mapping[tuple[str, str], Skew]) -> Text:
    """Return a sentence on the skews of the layers' clocks."""
    if not skews:
        return message("clocks-unknown")
    said = []
    for (one, other), skew in skews.items():
        is_same = abs(skew.ahead_s) < _SAME_CLOCK_S
        way = "same" if is_same else "ahead" if skew.ahead_s > 0 else "behind"
        said.append(
            message(
                f"clock-{way}",
                one=Resource(one),
                other=Resource(other),
                apart=Duration(abs(skew.ahead_s)),
                margin=Duration(skew.margin_s),
                pairs=skew.pairs,
            )
        )
    return sentences(message("clocks-known"), *said)
