"""The ranking of the causes of a question, with probabilities, from its findings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from watchme_analysis.inference.findings import Finding, Ranked, Status

_WORDS = {
    "downstream_saturated": "which set off a saturated downstream",
    "downstream_down": "until it no longer answered",
    "throttled": "which set off throttling",
    "mapping_disabled": "after which the mapping was switched off",
}


def aftermath(secondary: str | None) -> str:
    """Return ``, which set off throttling``; empty without a second cause.

    Parameters
    ----------
    secondary
        The second cause, a word of its question's list. A second fault of ``/health`` may have nothing to do
        with the first one, so that nothing is said to have set it off.
    """
    if secondary is None:
        return ""
    if secondary in _WORDS:
        return f", {_WORDS[secondary]}"
    return f", and {secondary} beside it"


# A complement of all causes this unlikely is ruled out by what speaks for one of them.
UNLIKELY = 0.05
# A cause whose weights add up to this or less counts as refuted.
REFUTED_AT = -1.0
# A sum of weights up to this one is a hint: that the others are ruled out names no cause by itself.
HARDLY_ANYTHING = 0.5


def weigh(
    findings: Iterable[Finding],
    priors: Mapping[str, float] | None = None,
    *,
    supported_at: float = 0.6,
    complement: str | None = None,
    may_be_another: bool = False,
) -> tuple[Ranked, ...]:
    """Return the findings ranked, with probabilities that sum to one.

    Parameters
    ----------
    findings
        One per cause, the question's "none of these" among them, so that the sum is over all causes.
    priors
        Log-odds before the evidence by cause; 0 where not named.
    supported_at
        Probability from which a cause with evidence of its own counts as supported.
    complement
        The cause that says that none of the others holds. Nothing speaks against it but what speaks for
        them, so it counts as refuted when it is less likely than :data:`UNLIKELY`.
    may_be_another
        Whether a cause that is not listed is as likely as one of which nothing is known, where hardly
        anything speaks for any that is; the probabilities then sum to less than one.
    """
    priors = priors or {}
    scored = [(found, priors.get(found.cause, 0.0) + found.log_odds) for found in findings]
    if not scored:
        return ()
    top = max(score for _, score in scored)
    total = sum(math.exp(score - top) for _, score in scored)
    if may_be_another and top <= HARDLY_ANYTHING:
        total += math.exp(-top)
    ranked = []
    for found, score in scored:
        probability = math.exp(score - top) / total
        status: Status = "inconclusive"
        if probability >= supported_at and found.log_odds > 0:
            status = "supported"
        elif found.log_odds <= REFUTED_AT or (found.cause == complement and probability < UNLIKELY):
            status = "refuted"
        ranked.append(Ranked(found, probability, status))
    return tuple(sorted(ranked, key=lambda item: (-item.probability, item.finding.cause)))
