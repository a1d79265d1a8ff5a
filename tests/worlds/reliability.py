"""How far stated confidences can be trusted: reliability, Brier's score and fitted maps."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

from watchme_analysis.inference.confidence import SIGNALS, key_of, mapped

EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
# Looks that a point of a confidence map rests on at least, so that one outcome alone moves no point.
LOOKS_PER_POINT = 10
# Right and wrong looks that a share counts beforehand, so that few looks promise less: Jeffreys' prior,
# Beta(1/2, 1/2).
PRIOR_RIGHT, PRIOR_WRONG = 0.5, 0.5


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
class FirstLook:
    """A decided verdict on a recording that the rules had not seen.

    Attributes
    ----------
    part
        Set of recordings that it belongs to; variants of the same recordings belong to one set.
    signals
        Number of independent signals that speak for the verdict.
    probability
        What the inference engine gave it, 0 to 1.
    confidence
        What was promised then, 0 to 1.
    is_right
        Whether the verdict was right.
    """

    part: str
    signals: int
    probability: float
    confidence: float
    is_right: bool

    @property
    def key(self) -> str:
        """Part of the map that the verdict belongs to."""
        return key_of(self.signals)


def read_first_looks(path: Path) -> list[FirstLook]:
    """Return the decided verdicts of a CSV file of first looks.

    Columns: ``set``, ``outcome`` (``right``, ``wrong``, ``open``), ``confidence``, ``signals`` and
    ``probability``.
    """
    with path.open(encoding="utf-8", newline="") as file:
        return [
            FirstLook(
                row["set"].partition(":")[0],
                int(row["signals"]),
                float(row["probability"]),
                float(row["confidence"]),
                row["outcome"] == "right",
            )
            for row in csv.DictReader(file)
            if row["outcome"] != "open"
        ]


def confidence_points(looks: Iterable[FirstLook]) -> dict[str, list[list[float]]]:
    """Return the map from probability and number of signals to confidence that fits some looks best.

    Each number of signals has its own points, and promises no more than a larger number does.
    """
    by_key: dict[str, list[tuple[float, bool]]] = {key: [] for key in SIGNALS}
    for look in looks:
        by_key[look.key].append((look.probability, look.is_right))
    fitted = {key: confidence_map(mine) for key, mine in by_key.items()}
    places = sorted({place for points in fitted.values() for place, _ in points})
    found: dict[str, list[list[float]]] = {}
    most = [1.0] * len(places)
    for key in reversed(SIGNALS):
        most = [min(level, mapped(place, fitted[key])) for place, level in zip(places, most, strict=True)]
        found[key] = [[place, round(level, 4)] for place, level in zip(places, most, strict=True)]
    return dict(reversed(found.items()))


@dataclass(frozen=True)
class Pool:
    """Looks that share one point of a confidence map."""

    count: int
    right: int
    probability_sum: float

    def __add__(self, other: Pool) -> Pool:
        """Return both pools as one."""
        return Pool(
            self.count + other.count,
            self.right + other.right,
            self.probability_sum + other.probability_sum,
        )

    @property
    def share(self) -> float:
        """Share right, 0 to 1."""
        return self.right / self.count

    @property
    def confidence(self) -> float:
        """Share right to expect of the next look, 0 to 1."""
        return (self.right + PRIOR_RIGHT) / (self.count + PRIOR_RIGHT + PRIOR_WRONG)

    @property
    def probability(self) -> float:
        """Mean probability, 0 to 1."""
        return self.probability_sum / self.count


def confidence_map(looks: Iterable[tuple[float, bool]]) -> list[list[float]]:
    """Return the points of the monotone map from probability to confidence that fits some looks best.

    Isotonic regression on groups of at least :data:`LOOKS_PER_POINT` looks of neighbouring probability, with
    Jeffreys' prior for each pool; the point of a pool stands at its mean probability. Pools whose order the
    prior reverses are pooled as well. Without looks, the prior is all that is known.

    Sources: Barlow et al., *Statistical Inference under Order Restrictions* (1972); Oron and Flournoy,
    "Centered isotonic regression", Stat. Biopharm. Res. 9 (2017), for the place of the points.

    Parameters
    ----------
    looks
        Probability (0 to 1) and whether the verdict was right, for each.
    """
    pools = _pooled(_pooled(_groups(looks), lambda pool: pool.share), lambda pool: pool.confidence)
    if not pools:
        return [[0.5, PRIOR_RIGHT / (PRIOR_RIGHT + PRIOR_WRONG)]]
    return [[round(pool.probability, 4), round(pool.confidence, 4)] for pool in pools]


def _groups(looks: Iterable[tuple[float, bool]]) -> list[Pool]:
    """Return the looks in groups of neighbouring probability; equal probabilities stay together."""
    groups: list[Pool] = []
    for _, same in groupby(sorted(looks), key=lambda look: look[0]):
        outcomes = list(same)
        fresh = Pool(
            len(outcomes),
            sum(right for _, right in outcomes),
            sum(probability for probability, _ in outcomes),
        )
        if groups and groups[-1].count < LOOKS_PER_POINT:
            fresh += groups.pop()
        groups.append(fresh)
    if len(groups) > 1 and groups[-1].count < LOOKS_PER_POINT:
        last = groups.pop()
        groups[-1] += last
    return groups


def _pooled(pools: Iterable[Pool], level: Callable[[Pool], float]) -> list[Pool]:
    """Return the pools with adjacent violators pooled: the level rises from each to the next."""
    kept: list[Pool] = []
    for pool in pools:
        kept.append(pool)
        while len(kept) > 1 and level(kept[-2]) >= level(kept[-1]):
            last = kept.pop()
            kept[-1] += last
    return kept
