"""Quantiles of Student's t distribution for whole degrees of freedom."""

from __future__ import annotations

import math

# Halvings of the interval in which the quantile lies; each adds a bit.
_HALVINGS = 60


def half_width_factor(confidence: float, degrees: int) -> float:
    """Return t such that a value of Student's distribution lies within -t to t with a given probability.

    The confidence is above 0 and below 1; degrees of freedom are at least 1.

    Examples
    --------
    >>> round(half_width_factor(0.95, 7), 4)
    2.3646
    """
    low, high = 0.0, math.pi / 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _probability(middle, degrees) < confidence else (low, middle)
    return math.tan(low) * math.sqrt(degrees)


def _probability(theta: float, degrees: int) -> float:
    """Return the probability of -t to t, for theta = atan(t / sqrt(degrees)).

    Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
    """
    sine, cosine = math.sin(theta), math.cos(theta)
    is_odd = degrees % 2 == 1
    term = cosine if is_odd else 1.0
    total = term if degrees > 1 else 0.0
    for step in range(3 if is_odd else 2, degrees - 1, 2):
        term *= cosine * cosine * (step - 1) / step
        total += term
    return 2 / math.pi * (theta + sine * total) if is_odd else sine * total
