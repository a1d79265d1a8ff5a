"""Settings of matplotlib for all figures, with a font for Japanese if one is installed."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import Any

_SETTINGS: Any = {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "text.parse_math": False,  # for tick labels created while drawing; see _write_literally
    "text.usetex": False,
    "timezone": "UTC",
}


# Fonts with Japanese letters, which DejaVu Sans lacks: Linux, macOS, then Windows.
_JAPANESE_FONTS = (
    "Noto Sans CJK JP",
    "Noto Sans JP",
    "IPAexGothic",
    "IPAGothic",
    "TakaoPGothic",
    "VL Gothic",
    "Hiragino Sans",
    "Hiragino Kaku Gothic ProN",
    "Hiragino Kaku Gothic Pro",
    "Yu Gothic",
    "BIZ UDGothic",
    "Meiryo",
    "MS Gothic",
)


@cache
def japanese_font() -> str | None:
    """Return the name of an installed font with Japanese letters; None without one."""
    from matplotlib import font_manager

    def first() -> str | None:
        known = set(font_manager.get_font_names())
        return next((name for name in _JAPANESE_FONTS if name in known), None)

    found = first()
    if found is not None:
        return found
    # matplotlib lists the fonts of a machine once; fonts that were installed later are not in its list.
    listed = {font.fname for font in font_manager.fontManager.ttflist}
    for path in font_manager.findSystemFonts():
        if path not in listed:
            with suppress(Exception):  # a damaged font is no reason to draw nothing
                font_manager.fontManager.addfont(path)
    return first()


@cache
def drawing_settings() -> Any:
    """Return the settings of a figure, with a font for Japanese if one is installed."""
    font = japanese_font()
    return {**_SETTINGS, "font.family": ["DejaVu Sans", *([font] if font else [])]}
