"""How far stated confidences can be trusted: reliability, Brier's score, a scale fitted without a case."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
# Factors of all weights that are tried; 1 leaves them as they are.
SCALES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0)
# No probability is taken for certain, so that one surprise does not outweigh everything.
_LEAST = 1e-4


@dataclass(frozen=True)
class Bin:
    """Verdicts of like confidence.

    Attributes
    ----------
    low, high
        Confidence from ``low`` to under ``high``; the last bin holds 1.
    count, right
        Verdicts, and those that were right.
    mean
        Mean confidence, 0 to 1.
    """

    low: float
    high: float
    count: int
    right: int
    mean: float

    @property
    def share(self) -> float:
        """Share right, 0 to 1."""
        return self.right / self.count

    @property
    def interval(self) -> tuple[float, float]:
        """Interval of :func:`wilson` around the share."""
        return wilson(self.right, self.count)


def wilson(right: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Return the interval in which a share lies with 95 % confidence.

    Follows E. B. Wilson, "Probable inference, the law of succession, and statistical inference", J. Am. Stat.
    Assoc. 22 (1927): it stays within 0 and 1 and says something where all or none were right.
    """
    if not count:
        return 0.0, 1.0
    share = right / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def reliability(verdicts: Sequence[tuple[float, bool]], edges: Sequence[float] = EDGES) -> tuple[Bin, ...]:
    """Return the verdicts in bins of confidence, empty bins left out.

    Parameters
    ----------
    verdicts
        Confidence (0 to 1) and whether it was right, for each.
    edges
        Bounds of the bins.
    """
    found = []
    for low, high in pairwise(edges):
        inside = [one for one in verdicts if low <= one[0] < high or (high == edges[-1] and one[0] == high)]
        if inside:
            mean = sum(confidence for confidence, _ in inside) / len(inside)
            found.append(Bin(low, high, len(inside), sum(right for _, right in inside), mean))
    return tuple(found)


def brier(verdicts: Sequence[tuple[float, bool]]) -> float:
    """Return the mean squared distance of confidence from what came true: 0 is best, 0.25 knows nothing.

    G. W. Brier, "Verification of forecasts expressed in terms of probability", Mon. Weather Rev. 78
    (1950); NaN without verdicts.
    """
    if not verdicts:
        return float("nan")
    return sum((confidence - right) ** 2 for confidence, right in verdicts) / len(verdicts)


@dataclass(frozen=True)
class Weighed:
    """A case as its causes were weighed.

    Attributes
    ----------
    group
        What is left out together, such as the case that this evidence was taken from.
    truth
        The causes that are right: one, or two of two faults.
    log_odds, priors
        By cause: sum of the weights, and log-odds before them.
    """

    group: str
    truth: frozenset[str]
    log_odds: Mapping[str, float]
    priors: Mapping[str, float]

    def probabilities(self, scale: float) -> dict[str, float]:
        """Return the causes' probabilities with all weights multiplied by a factor."""
        scores = {cause: self.priors.get(cause, 0.0) + scale * odds for cause, odds in self.log_odds.items()}
        top = max(scores.values())
        parts = {cause: math.exp(score - top) for cause, score in scores.items()}
        return {cause: part / sum(parts.values()) for cause, part in parts.items()}

    def surprise(self, scale: float) -> float:
        """Return how surprising the truth is, in nats."""
        found = self.probabilities(scale)
        return -math.log(max(_LEAST, sum(found.get(cause, 0.0) for cause in self.truth)))


def left_out(cases: Sequence[Weighed]) -> dict[str, float]:
    """Return for each group the factor of all weights that fits every other group best.

    A factor near 1 throughout says that the weights are as strong as the cases bear; one that jumps says that
    few cases decide it.
    """
    sums: dict[str, list[float]] = {}
    for case in cases:
        mine = sums.setdefault(case.group, [0.0] * len(SCALES))
        for place, scale in enumerate(SCALES):
            mine[place] += case.surprise(scale)
    total = [sum(column) for column in zip(*sums.values(), strict=True)]
    return {
        group: min(zip(SCALES, (a - b for a, b in zip(total, mine, strict=True)), strict=True), key=_second)[
            0
        ]
        for group, mine in sums.items()
    }


def _second(pair: tuple[float, float]) -> float:
    return pair[1]
