"""How far two clocks are apart, from what both logged of the same requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Array = np.ndarray[Any, Any]

# Differences of clocks that belong together lie within a step of each other.
STEP_S = 0.02
# Zero is believed unless another difference explains this many times as many pairs.
PEAK_RATIO = 1.5
# Share of pairs left out at each end: joined wrongly, or logged late.
_STRAY = 0.02


@dataclass(frozen=True, slots=True)
class Skew:
    """How far one clock is ahead of another.

    Attributes
    ----------
    ahead_s
        Seconds, the middle of what the pairs allow; NaN when nothing is known.
    margin_s
        How far the truth may lie to either side of it.
    pairs
        Requests that it rests on.
    """

    ahead_s: float
    margin_s: float
    pairs: int


NOTHING = Skew(float("nan"), float("nan"), 0)


def nested_skew(inner: tuple[pd.Series, pd.Series], outer: tuple[pd.Series, pd.Series]) -> Skew:
    """Return how far the clock of an inner layer is ahead of that of the layer around it.

    An inner layer begins after the outer one and ends before it, so each pair bounds the difference from both
    sides, as two messages that cross do (F. Cristian, "Probabilistic clock synchronization", 1989).

    Parameters
    ----------
    inner, outer
        Start and end of each request (time) at both layers, rows aligned.
    """
    import numpy as np

    most = (inner[0] - outer[0]).dt.total_seconds().to_numpy()
    least = (inner[1] - outer[1]).dt.total_seconds().to_numpy()
    known = np.isfinite(most) & np.isfinite(least)
    if known.sum() < 3:
        return NOTHING
    high, low = np.quantile(most[known], _STRAY), np.quantile(least[known], 1 - _STRAY)
    return Skew(float(high + low) / 2, float(abs(high - low)) / 2, int(known.sum()))


def peak_skew(differences_s: Array) -> Skew:
    """Return the difference of two clocks at which the differences of possible pairs pile up.

    Parameters
    ----------
    differences_s
        Of every event of one clock to every event of the other that may be the same, in seconds: wrong pairs
        spread out, right ones meet.
    """
    import numpy as np

    if not len(differences_s):
        return NOTHING
    steps = np.round(differences_s / STEP_S).astype("int64")
    counts = np.bincount(steps - steps.min())
    # A pile that lies on a border of two steps is one pile.
    piles = np.convolve(counts, [1, 1, 1], mode="same")
    zero = -steps.min()
    here = int(piles[zero]) if 0 <= zero < len(piles) else 0
    top = int(piles.argmax())
    if here * PEAK_RATIO >= piles[top]:
        top = zero
    near = differences_s[np.abs(steps - steps.min() - top) <= 1]
    return Skew(float(np.median(near)), STEP_S, len(near))
