"""Pairs of records of two logs that may be of the same request: equal in some keys, near in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Array = np.ndarray[Any, Any]

# Records of the second log that are compared with each record of the first, at most.
MAX_COMPARED = 400


@dataclass(frozen=True)
class Pairs:
    """Positions of records that may belong together, in two frames."""

    one: Array
    other: Array

    def taken(self, order: Array, sizes: tuple[int, int]) -> Array:
        """Return the indices of the pairs to keep, taken in ``order``, each record once."""
        import numpy as np

        free_one, free_other = (np.ones(size, bool) for size in sizes)
        kept = []
        for place in order:
            if free_one[self.one[place]] and free_other[self.other[place]]:
                free_one[self.one[place]] = free_other[self.other[place]] = False
                kept.append(place)
        return np.array(kept, dtype="int64")

    def rivals(self, sizes: tuple[int, int]) -> tuple[Array, Array]:
        """Return for each pair the numbers of pairs that contain its first and its second record."""
        import numpy as np

        first, second = np.bincount(self.one, minlength=sizes[0]), np.bincount(self.other, minlength=sizes[1])
        return first[self.one], second[self.other]

    def where(self, chosen: Array) -> Pairs:
        """Return some of the pairs."""
        return Pairs(self.one[chosen], self.other[chosen])


def in_whole_seconds(moments: pd.Series) -> bool:
    """Return True when no time has a fraction of a second."""
    return bool((moments.dropna().dt.microsecond == 0).all())


def place_in_second(moments: pd.Series, file: pd.Series, line: pd.Series) -> pd.Series:
    """Return the fraction of its second at which each record was written."""
    turn = line.groupby([file, moments], dropna=False)
    return (turn.rank() - 0.5) / turn.transform("size")


def possible_pairs(
    one: pd.DataFrame,
    other: pd.DataFrame,
    bounds: tuple[Array, Array],
    keys: Sequence[str],
    *,
    around: Array | None = None,
    most: int = MAX_COMPARED,
) -> Pairs:
    """Return the pairs that agree in all keys with the second record's time within the first's bounds.

    ``other`` has ``second`` (float, seconds on a clock that both share); ``bounds`` are its least and its
    greatest value for each row of ``one``. A null key agrees with a null alone. Where more than ``most``
    records of ``other`` fit a row of ``one``, the ones nearest to ``around`` are compared, the earliest
    without it.
    """
    import numpy as np
    import pandas as pd

    if not len(one) or not len(other):
        return Pairs(np.zeros(0, "int64"), np.zeros(0, "int64"))
    codes = np.zeros(len(one) + len(other), "int64")
    for key in keys:
        values = np.concatenate([frame[key].to_numpy(dtype=object, na_value=None) for frame in (one, other)])
        codes = pd.factorize(codes * (len(codes) + 1) + pd.factorize(values)[0])[0]
    first, second, at = codes[: len(one)], codes[len(one) :], other["second"].to_numpy(dtype=float)
    low, high = (np.asarray(bound, dtype=float) for bound in bounds)
    # One number line holds all groups, each far from the next.
    span = float(max(at.max(), high.max()) - min(at.min(), low.min())) + 1.0
    order = np.argsort(second * span + at, kind="stable")
    line = (second * span + at)[order]
    begin = np.searchsorted(line, first * span + low, side="left")
    stop = np.searchsorted(line, first * span + high, side="right")
    if around is not None:
        middle = np.searchsorted(line, first * span + np.asarray(around, dtype=float)) - most // 2
        begin = np.maximum(begin, np.minimum(middle, stop - most))
    counts = np.clip(stop - begin, 0, most)
    left = np.repeat(np.arange(len(one)), counts)
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return Pairs(left, order[np.repeat(begin, counts) + offset])
