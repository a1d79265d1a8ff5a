"""What a figure shows, read from its axes, without drawing a picture of it."""

from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex


def undrawn(figure, name, alt):
    """Stand in for ``style.finish``, whose picture takes ten times as long as the rest of a figure."""
    return SimpleNamespace(figure=figure, name=name, alt=alt)


def lines(axis):
    """Return each line that has points: label (empty without one), marker, colour and points."""
    return [
        (
            line.get_label() if line.get_label()[0] != "_" else "",
            line.get_marker(),
            line.get_color(),
            list(points(line)),
        )
        for line in axis.get_lines()
        if len(line.get_xdata())
    ]


def points(line):
    """Return the points of a line; a time is the second of its hour."""
    for x, y in zip(line.get_xdata(orig=True), line.get_ydata(orig=True), strict=True):
        yield seconds(x), round(float(y), 6)


def seconds(x):
    """Return a coordinate; the time of an axis as the second of its hour."""
    return int(pd.Timestamp(x).timestamp()) % 3600 if isinstance(x, datetime | np.datetime64) else x


def bars(axis):
    """Return each bar that has a size: colour, left, bottom, width and height, rounded."""
    return [
        (
            to_hex(bar.get_facecolor()).upper(),
            *(round(float(side), 6) for side in (*bar.get_xy(), bar.get_width(), bar.get_height())),
        )
        for bar in axis.patches
        if bar.get_width() and bar.get_height()
    ]


def labels(axis, along):
    """Return the texts of the ticks of an axis."""
    return [tick.get_text() for tick in getattr(axis, f"get_{along}ticklabels")()]


def legend(axis):
    """Return the texts of a legend; None without one."""
    found = axis.get_legend()
    return found and [text.get_text() for text in found.get_texts()]


def texts(axis):
    """Return the texts that lie in an axis, beside its title and labels."""
    return [text.get_text() for text in axis.texts]
