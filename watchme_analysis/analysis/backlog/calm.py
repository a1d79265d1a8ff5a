"""Failures with hours of good runs between them are two incidents, of which the larger is looked at."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from watchme_analysis.analysis.scan import Elevation

if TYPE_CHECKING:
    import pandas as pd

# So long and so many tries without a failure end an incident in which this share of the tries failed: luck
# would let them all pass once in a thousand times.
CALM, GOOD_TRIES, MANY = timedelta(hours=3), 20, 0.3


def around_most(found: Elevation, tries: pd.DataFrame) -> pd.DataFrame:
    """Return the tries around a rise of failures, up to the next of them where hours without any lie between.

    Parameters
    ----------
    found
        The rise.
    tries
        ``tried`` and ``failed`` by interval.

    Returns
    -------
    pandas.DataFrame
        All of ``tries`` where the rise is one; else those around the part of it in which most failed.
        Failures of a few among many (bad messages, a call in ten) come and go by themselves, and are one.
    """
    inside = tries[(tries.index >= found.start) & (tries.index < found.end)].fillna(0.0)
    cuts = [
        (before, after)
        for before, after in pairwise(inside.index[inside["failed"] > 0])
        if after - before >= CALM
        and float(inside["tried"][(inside.index > before) & (inside.index < after)].sum()) >= GOOD_TRIES
    ]
    if not cuts:
        return tries
    firsts = [inside.index[0], *(after for _, after in cuts)]
    lasts = [*(before for before, _ in cuts), inside.index[-1]]
    parts = [inside[first:last].sum() for first, last in zip(firsts, lasts, strict=True)]
    if any(part["failed"] < MANY * part["tried"] for part in parts):
        return tries
    most = max(range(len(parts)), key=lambda place: float(parts[place]["failed"]))
    after = tries.index > lasts[most - 1] if most else tries.index >= tries.index[0]
    before = tries.index < firsts[most + 1] if most + 1 < len(firsts) else tries.index <= tries.index[-1]
    return tries[after & before]
