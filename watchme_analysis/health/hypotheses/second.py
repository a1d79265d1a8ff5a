"""A second cause beside the first, from weighed findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from watchme_analysis.health.hypotheses.signals import health_causes
from watchme_analysis.inference.causes import priors
from watchme_analysis.inference.findings import Finding, Ranked
from watchme_analysis.inference.weighing import weigh
from watchme_analysis.text.message import Text

# A cause beside the first one needs a mark of its own this strong, in log-odds as weighed, from a check
# that shows a mechanism rather than its place.
SECONDARY_MARK = 1.2
MECHANISMS = (
    "edge",
    "nginx",
    "nginx errors",
    "upstream",
    "connect",
    "host and inside",
    "body",
    "rhythm",
    "threads",
    "descriptors",
    "connections",
    "listening",
    "lifecycle",
    "arrivals",
    "dependency",
)
# Two faults at once are rare: together they must explain this much more than the better one alone, in
# log-odds as weighed. What one fault leaves of marks that look like another's stays below.
TWO_FAULTS_GAIN = 5.0


def with_pair(findings: Sequence[Finding], pair: Sequence[Finding], named: str) -> tuple[Ranked, ...]:
    """Rank the findings with two of them as their own requests show them, these first.

    The one that all requests together name as the likeliest (``named``) leads: what else they show may be
    its doing. As both hold, they share their probability evenly.
    """
    own = {one.cause: one for one in pair}
    before = priors(health_causes())
    ranking = weigh([own.get(one.cause, one) for one in findings], before, complement="none")
    even = sum(one.probability for one in ranking if one.finding.cause in own) / len(own)
    marked = [
        replace(one, status="supported", probability=even) if one.finding.cause in own else one
        for one in ranking
    ]
    return tuple(sorted(marked, key=lambda one: (one.finding.cause not in own, one.finding.cause != named)))


def second_fault(ranking: Sequence[Ranked]) -> Ranked | None:
    """Return the cause that explains, together with the first, far more than the first alone.

    Each of the two must bear a strong mark of a mechanism that the other doesn't explain: what contradicts
    one of them is then the other's doing.
    """
    first = ranking[0]
    mine = _weights(first)
    best: tuple[float, Ranked] | None = None
    for entry in ranking[1:]:
        theirs = _weights(entry)
        if "none" in (first.finding.cause, entry.finding.cause):
            continue
        together = sum(max(mine.get(key, 0.0), theirs.get(key, 0.0)) for key in {*mine, *theirs})
        gain = together - sum(mine.values())
        marked = all(
            any(
                own[key] >= SECONDARY_MARK and other.get(key, 0.0) <= 0 and key[0] in MECHANISMS
                for key in own
            )
            for own, other in ((mine, theirs), (theirs, mine))
        )
        if marked and gain >= TWO_FAULTS_GAIN and (best is None or gain > best[0]):
            best = gain, entry
    return best[1] if best is not None else None


def _weights(entry: Ranked) -> dict[tuple[str, Text], float]:
    return {(item.check, item.statement): item.weight for item in entry.finding.evidence}
