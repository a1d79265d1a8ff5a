"""How far stated confidences can be trusted: reliability, Brier's score, fitted maps and scales."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
# Factors of all weights that are tried; 1 leaves them as they are.
SCALES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0)
# Looks that a point of a confidence map rests on at least, so that one outcome alone moves no point.
LOOKS_PER_POINT = 10
# Right and wrong looks that a share counts beforehand, so that few looks promise less: Jeffreys' prior,
# Beta(1/2, 1/2).
PRIOR_RIGHT, PRIOR_WRONG = 0.5, 0.5
# Rules before maps stated no more than this by a route: the confidence shows the route, and only that the
# probability was as high or higher.
FORMER_MOST = {0.97: "several", 0.89: "one", 0.75: "pair"}
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


@dataclass(frozen=True)
class FirstLook:
    """A decided verdict on a recording that the rules had not seen.

    Attributes
    ----------
    part
        Set of recordings that it belongs to; variants of the same recordings belong to one set.
    route
        How the verdict came about.
    probability
        What the inference engine gave it, 0 to 1.
    confidence
        What was promised then, 0 to 1.
    is_right
        Whether the verdict was right.
    """

    part: str
    route: str
    probability: float
    confidence: float
    is_right: bool


def read_first_looks(path: Path) -> list[FirstLook]:
    """Return the decided verdicts of a CSV file of first looks.

    Columns: ``set``, ``outcome`` (``right``, ``wrong``, ``open``), ``confidence``, ``route`` and
    ``probability``. Where route and probability are empty, they follow from the confidence. A probability
    that is only known to reach what its route stated at most counts halfway from there to 1.
    """
    with path.open(encoding="utf-8", newline="") as file:
        return [_first_look(row) for row in csv.DictReader(file) if row["outcome"] != "open"]


def _first_look(row: Mapping[str, str]) -> FirstLook:
    confidence = float(row["confidence"])
    route, probability = row["route"], row["probability"]
    if not route:
        route = FORMER_MOST.get(confidence, "several")
    if not probability:
        probability = str((confidence + 1) / 2 if confidence in FORMER_MOST else confidence)
    part = row["set"].partition(":")[0]
    return FirstLook(part, route, float(probability), confidence, row["outcome"] == "right")


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
