"""Confidence of a verdict: a map from the engine's probability and the number of independent signals.

The engine's probability assumes that its grades are right and that its causes are all there are. A single
signal that is misread makes a wrong verdict as probable as a right one; several rarely err together. The
points of the map are data, fitted on verdicts about cases that the rules had not seen; this module only reads
between them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

Points = Sequence[Sequence[float]]
# Numbers of independent signals that the map tells apart; the last one stands for more as well. By choice:
# first looks are too few for a finer division.
SIGNALS = ("1", "2", "3")


def key_of(signals: int) -> str:
    """Return the part of the map for a number of independent signals."""
    return SIGNALS[min(max(signals, 1), len(SIGNALS)) - 1]


def confidence_at(points: Mapping[str, Points], probability: float, signals: int) -> float:
    """Return the share of verdicts like one that should be right.

    Parameters
    ----------
    points
        The map: for each of :data:`SIGNALS`, points as for :func:`mapped`.
    probability
        The engine's probability, 0 to 1.
    signals
        Number of independent signals that speak for the verdict.
    """
    return mapped(probability, points[key_of(signals)])


def mapped(probability: float, points: Points) -> float:
    """Return the confidence at a probability: linear between the points of a map, constant outside.

    Parameters
    ----------
    probability
        The engine's probability, 0 to 1.
    points
        Probability and confidence of each point, by increasing probability; at least one.
    """
    place = bisect_left(points, probability, key=lambda point: point[0])
    if place == 0:
        return points[0][1]
    if place == len(points):
        return points[-1][1]
    (left, low), (right, high) = points[place - 1], points[place]
    return low + (high - low) * (probability - left) / (right - left)
