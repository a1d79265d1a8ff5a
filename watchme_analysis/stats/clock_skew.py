"""How far two clocks are apart, from what both logged of the same requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from watchme_analysis.stats.time_pairs import possible_pairs

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Array = np.ndarray[Any, Any]

# Differences of clocks that belong together lie within a step of each other.
STEP_S = 0.02
# Zero is believed unless another difference explains this many times as many pairs.
PEAK_RATIO = 1.5
# A pile this many times the spread of what meets by chance is none.
_NOISE = 5.0
# What meets by chance at a step is seen at so many steps to either side.
_AROUND = 50
# A pile is looked at so many times as finely for where its pairs meet.
_FINER = 10
# Records of one log that are asked, and of the other that are looked at for each.
ASKED, _MOST_EACH = 500, 4000
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


def skew_of_logs(
    one: pd.DataFrame, other: pd.DataFrame, keys: Sequence[str], step_s: float, most_s: float
) -> Skew:
    """Return how far the clock of the second log is ahead, from all records that may be of one request.

    Parameters
    ----------
    one, other
        Frames with the keys and ``second`` (float, when a record was written).
    keys
        Columns in which records of one request agree.
    step_s
        How finely the logs tell times.
    most_s
        How far the clocks may be apart.
    """
    import numpy as np

    if not len(one) or not len(other):
        return NOTHING
    places = np.unique(np.linspace(0, len(one) - 1, min(len(one), ASKED)).astype("int64"))
    asked = one.iloc[places]
    at = asked["second"].to_numpy(dtype=float)
    reach = (at - most_s, at + most_s)
    pairs = possible_pairs(asked, other, reach, keys, around=at, most=_MOST_EACH)
    skew = peak_skew(other["second"].to_numpy(dtype=float)[pairs.other] - at[pairs.one], step_s)
    return replace(skew, pairs=min(skew.pairs, len(asked), len(other)))


def peak_skew(differences_s: Array, step_s: float = STEP_S) -> Skew:
    """Return the difference of two clocks at which the differences of possible pairs pile up.

    Parameters
    ----------
    differences_s
        Of every event of one clock to every event of the other that may be the same, in seconds: wrong pairs
        spread out, right ones meet.
    step_s
        How near to each other right ones lie.

    Returns
    -------
    Skew
        Its ``pairs`` are those beyond what would meet there by chance.
    """
    import numpy as np

    if not len(differences_s):
        return NOTHING
    steps = np.round(differences_s / step_s).astype("int64")
    steps -= steps.min() - _AROUND - 1
    zero = int(steps[0]) - int(np.round(differences_s[0] / step_s))
    counts = np.pad(np.bincount(steps), (0, _AROUND + 1))
    # A pile that lies on a border of two steps is one pile.
    piles = np.convolve(counts, [1, 1, 1], mode="same")
    top = int(piles.argmax())
    if _AROUND <= zero < len(piles) - _AROUND:
        here, there = (piles[place] - _by_chance(piles, place) for place in (zero, top))
        if here * PEAK_RATIO >= there or there <= _NOISE * _by_chance(piles, top) ** 0.5:
            top = zero
    near = differences_s[np.abs(steps - top) <= 1]
    if not len(near):
        return NOTHING
    chance = _by_chance(piles, top)
    return Skew(_centre(near, step_s / _FINER, chance), step_s, len(near) - int(chance))


def _centre(near: Array, step_s: float, chance: float) -> float:
    """Return where most of the right pairs of a pile meet, or its middle where they meet nowhere."""
    import numpy as np

    steps = np.round(near / step_s).astype("int64")
    piles = np.convolve(np.bincount(steps - steps.min(), minlength=3), [1, 1, 1], mode="same")
    top = int(piles.argmax())
    if piles[top] - chance / _FINER < 0.5 * (len(near) - chance):
        return float(np.median(near))
    return float(np.median(near[np.abs(steps - steps.min() - top) <= 1]))


def _by_chance(piles: Array, place: int) -> float:
    """Return how many wrong pairs meet about there."""
    import numpy as np

    return float(np.median(piles[place - _AROUND : place + _AROUND + 1]))
