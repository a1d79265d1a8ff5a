"""Ranking of the causes of a question by probability."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from watchme_analysis.inference.findings import Finding, Ranked, Status
from watchme_analysis.text.message import Choice, Message, Resource, Text, message

_CONSEQUENCES = ("downstream_saturated", "downstream_down", "throttled", "mapping_disabled")


def consequence(secondary: str | None) -> Message | None:
    """Return a sentence on what the cause of a backlog set off; None without a secondary cause.

    Parameters
    ----------
    secondary
        Id of the secondary cause, or None.
    """
    if secondary is None:
        return None
    followed = Choice(secondary if secondary in _CONSEQUENCES else "other")
    return message("cause-consequence", followed=followed, second=Resource(secondary))


def with_second_cause(
    cause: str,
    secondary: str | None,
    others: Sequence[str] = (),
    names: Mapping[str, Text] | None = None,
) -> Message:
    """Return the cause of a diagnosis with its second cause, as a phrase.

    An independent fault (``others``) stands in the place of what the cause set off. A secondary cause of
    ``/health`` may feed the first or follow from it, so the phrase names no direction there. With
    ``names``, the name of each cause stands before its id.
    """

    def cause_name(cause_id: str) -> Message | Resource:
        if names is None or cause_id not in names:
            return Resource(cause_id)
        return message("cause-named", name=names[cause_id], id=Resource(cause_id))

    second = secondary or next(iter(others), None)
    if second is None:
        return message("cause-alone", cause=cause_name(cause))
    followed = second if second in _CONSEQUENCES else "linked" if secondary else "other"
    return message(
        "cause-and-second", cause=cause_name(cause), followed=Choice(followed), second=cause_name(second)
    )


# A cause or layer from this probability is named. Below, a rival may be half as likely: the evidence does not
# separate them.
NAMED_AT = 0.7
# Probability below which the complement of all causes, or a layer with evidence against it, is refuted.
UNLIKELY = 0.05
# Sum of weights (log-odds) up to which a cause counts as refuted.
REFUTED_AT = -1.0
# Sum of weights (log-odds) up to which a cause is only hinted at: refuting the other causes does not confirm
# it.
HARDLY_ANYTHING = 0.5


def weigh(
    findings: Iterable[Finding],
    priors: Mapping[str, float] | None = None,
    *,
    complement: str | None = None,
    may_be_another: bool = False,
) -> tuple[Ranked, ...]:
    """Return the findings ranked by probability; the probabilities sum to 1.

    A cause is supported from :data:`NAMED_AT` with a positive sum of weights.

    Parameters
    ----------
    findings
        One finding per cause. It includes the question's "none of these", so that the sum covers all causes.
    priors
        Log-odds before the evidence by cause; 0 for causes that are absent.
    complement
        The cause that stands for "none of the others". Only evidence for the other causes contradicts it, so
        it counts as refuted when its probability is below :data:`UNLIKELY`.
    may_be_another
        If True and no score exceeds :data:`HARDLY_ANYTHING`, an unlisted cause with log-odds 0 takes part in
        the normalisation. The probabilities then sum to less than 1.
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
        if probability >= NAMED_AT and found.log_odds > 0:
            status = "supported"
        elif found.log_odds <= REFUTED_AT or (found.cause == complement and probability < UNLIKELY):
            status = "refuted"
        ranked.append(Ranked(found, probability, status))
    return tuple(sorted(ranked, key=lambda item: (-item.probability, item.finding.cause)))
