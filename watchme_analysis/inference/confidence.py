"""Confidence of a verdict: a monotone map from the engine's probability, one for each route to a verdict.

The engine's probability assumes that its grades are right and that its causes are all there are. How often it
is right in fact depends on how the verdict came about, so each route has its own map. The points of a map are
data, fitted on verdicts about cases that the rules had not seen; this module only reads between them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal, get_args

# Ways to a verdict: a cause by several independent observations, or by a single one without which it is not
# supported; two faults of which neither would be supported alone; no incident.
Route = Literal["several", "one", "pair", "calm"]
ROUTES: tuple[Route, ...] = get_args(Route)


def mapped(probability: float, points: Sequence[Sequence[float]]) -> float:
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
