"""Skew of two clocks, estimated from log records of the same requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from watchme_analysis.stats.time_pairs import possible_pairs

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Array = np.ndarray[Any, Any]

# Seconds within which the differences of right pairs agree.
STEP_S = 0.02
# A skew of zero is assumed unless another one explains this many times as many pairs.
PEAK_RATIO = 1.5
# A peak must exceed the standard deviation of chance pairs this many times.
_NOISE = 5.0
# Steps to either side of a peak from which the number of chance pairs is taken.
_AROUND = 50
# Parts of a step in which a peak's pairs are located.
_FINER = 10
# Records of the first log that are compared, and records of the second log for each of them, at most.
MOST_COMPARED = 500
_MOST_EACH = 4000
# Share of pairs left out at each end: wrong pairs, or records that were logged late.
_STRAY = 0.02


@dataclass(frozen=True, slots=True)
class Skew:
    """The lead of one clock over another, in seconds: the middle and half of the range that the pairs allow.

    ``ahead_s`` is NaN when unknown; ``pairs`` is the number of requests from which it was estimated.
    """

    ahead_s: float
    margin_s: float
    pairs: int


NOTHING = Skew(float("nan"), float("nan"), 0)


def nested_skew(inner: tuple[pd.Series, pd.Series], outer: tuple[pd.Series, pd.Series]) -> Skew:
    """Return the lead of an inner layer's clock over that of the layer around it.

    An inner layer begins after the outer one and ends before it, so each pair bounds the difference from both
    sides, as two messages that cross do (F. Cristian, "Probabilistic clock synchronization", 1989). ``inner``
    and ``outer`` are start and end of each request (time), rows aligned.
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
    """Return the lead of the second log's clock, from all records that may be of one request.

    Both frames have the keys, in which records of one request agree, and ``second`` (float, the time of a
    record in seconds). ``step_s`` is the resolution of the logs' times, ``most_s`` the largest skew that is
    looked for, both in seconds.
    """
    import numpy as np

    if not len(one) or not len(other):
        return NOTHING
    places = np.unique(np.linspace(0, len(one) - 1, min(len(one), MOST_COMPARED)).astype("int64"))
    sampled = one.iloc[places]
    at = sampled["second"].to_numpy(dtype=float)
    reach = (at - most_s, at + most_s)
    pairs = possible_pairs(sampled, other, reach, keys, around=at, most=_MOST_EACH)
    skew = peak_skew(other["second"].to_numpy(dtype=float)[pairs.other] - at[pairs.one], step_s)
    return replace(skew, pairs=min(skew.pairs, len(sampled), len(other)))


def peak_skew(differences_s: Array, step_s: float = STEP_S) -> Skew:
    """Return the skew at which the time differences of possible pairs have their peak.

    ``differences_s`` are those in seconds of every event of one clock to every event of the other that may be
    the same: those of wrong pairs spread out, those of right pairs agree within ``step_s`` seconds. The
    ``pairs`` of the result are those beyond the number expected by chance.
    """
    import numpy as np

    if not len(differences_s):
        return NOTHING
    steps = np.round(differences_s / step_s).astype("int64")
    steps -= steps.min() - _AROUND - 1
    zero = int(steps[0]) - int(np.round(differences_s[0] / step_s))
    counts = np.pad(np.bincount(steps), (0, _AROUND + 1))
    # A peak on the border of two steps is one peak.
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
    """Return the difference of most right pairs of a peak, or its median where they do not agree."""
    import numpy as np

    steps = np.round(near / step_s).astype("int64")
    piles = np.convolve(np.bincount(steps - steps.min(), minlength=3), [1, 1, 1], mode="same")
    top = int(piles.argmax())
    if piles[top] - chance / _FINER < 0.5 * (len(near) - chance):
        return float(np.median(near))
    return float(np.median(near[np.abs(steps - steps.min() - top) <= 1]))


def _by_chance(piles: Array, place: int) -> float:
    """Return the number of wrong pairs expected about a step."""
    import numpy as np

    return float(np.median(piles[place - _AROUND : place + _AROUND + 1]))
