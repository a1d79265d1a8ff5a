"""Runs of equal neighbours in a sequence: run-length coding with numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def run_numbers(values: Any) -> np.ndarray:
    """Return for each value, none of them missing, the number of its run of equal neighbours from 0.

    Examples
    --------
    >>> run_numbers([True, True, False, True]).tolist()
    [0, 0, 1, 2]
    """
    import numpy as np

    array = np.asarray(values)
    return np.concatenate([[False], array[1:] != array[:-1]])[: len(array)].cumsum()


def runs_of_true(values: Any, gap: int = 0) -> list[tuple[int, int]]:
    """Return start and end (exclusive) of each run of True.

    Runs that at most ``gap`` False values separate are one run.

    Examples
    --------
    >>> runs_of_true([True, False, True, False, False, True], gap=1)
    [(0, 3), (5, 6)]
    """
    import numpy as np

    places = np.flatnonzero(np.asarray(values, dtype=bool))
    if not len(places):
        return []
    parts = np.split(places, np.flatnonzero(np.diff(places) > gap + 1) + 1)
    return [(int(part[0]), int(part[-1]) + 1) for part in parts]
