"""Layers that the evidence excludes, and faults of two layers at once.

Every bad request has one fate, and a fate excludes layers. Two layers are at fault where each has bad
requests that it explains better than the other, and a mark that the other does not explain: one fault leaves
no such pair.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from watchme_analysis.inference.causes import LAYERS, Cause, layer_grades
from watchme_analysis.inference.findings import Finding, Ranked
from watchme_analysis.inference.signals import Observation, Signal

# Observations that contradict a layer decisively refute it when they concern this share of the bad requests.
REFUTED_FROM = 0.85
# Share of the bad requests whose fate a second fault must explain better than the first one. A layer that
# explains all of them is no second one beside the first, but another explanation.
OWN_SHARE = 0.2
# Log-odds of an observation, as weighed, from which it marks a cause.
MARK = 1.2


def refuting(question: str, layer: str, observations: Iterable[Observation]) -> Observation | None:
    """Return the strongest observation that excludes a layer, None when the layer is not refuted.

    Parameters
    ----------
    question
        ``health`` or ``backlog``.
    layer
        One of :data:`watchme_analysis.inference.causes.LAYERS`.
    observations
        As they were detected.
    """
    grades = layer_grades(question, layer)
    against = [
        one for one in observations if one.signal in grades and grades[one.signal].grade == "-decisive"
    ]
    if sum(one.strength for one in against) < REFUTED_FROM:
        return None
    return max(against, key=lambda one: one.strength)


def second_fault(
    causes: Iterable[Cause],
    ranking: Sequence[Ranked],
    observations: Sequence[Observation],
    signals: Mapping[str, Signal],
    located: Iterable[str],
) -> Ranked | None:
    """Return the likeliest cause at another layer that holds beside the first; None where one explains all.

    Parameters
    ----------
    causes
        All causes of the question.
    ranking
        Causes, most probable first.
    observations
        As they were detected. The strength of a fate is its share of the bad requests.
    signals
        Signals of the question by id. Those of the group ``fate`` state how bad requests failed.
    located
        Groups of signals that show where requests failed, not why.
    """
    known = {one.cause: one for one in causes}
    first = known[ranking[0].finding.cause]
    if first.complement:
        return None
    groups = set(located)
    beside = []
    for entry in ranking[1:]:
        cause = known[entry.finding.cause]
        if cause.complement or cause.layer == first.layer or cause.cause in first.secondary:
            continue
        marks = _marks(entry, ranking[0], groups)
        if not marks or not _marks(ranking[0], entry, groups):
            continue
        # A mark with a share counts a large part of all bad requests or most of one endpoint's: a small share
        # shows only that other endpoints are called more often.
        has_own = any(
            one.share < REFUTED_FROM for one in observations if one.signal in marks and one.share is not None
        )
        if not has_own and not refuting(cause.question, cause.layer, observations):
            fates = [one for one in observations if signals[one.signal].group == "fate"]
            has_own = OWN_SHARE <= _explained_better(cause, first, fates) < REFUTED_FROM
        if has_own:
            beside.append(entry)
    # What the first fault did is no evidence against the second one.
    return max(
        beside,
        key=lambda one: _without_doing_of(one.finding, ranking[0].finding).log_odds,
        default=None,
    )


def both_faults(causes: Iterable[Cause], ranking: Sequence[Ranked], second: str) -> tuple[Ranked, ...]:
    """Return the ranking with two causes that both hold first, ordered as requests pass their layers.

    They share their probability evenly. What speaks against one of them and for the other is the other's
    doing, so that it is no evidence against the one.

    Parameters
    ----------
    causes
        All causes of the question.
    ranking
        Causes, most probable first.
    second
        The cause that holds beside the most probable one.
    """
    first, beside = ranking[0], next(one for one in ranking if one.finding.cause == second)
    even = (first.probability + beside.probability) / 2
    pair = tuple(
        replace(
            one, finding=_without_doing_of(one.finding, other.finding), status="supported", probability=even
        )
        for one, other in ((first, beside), (beside, first))
    )
    place = {one.cause: LAYERS[one.question].index(one.layer) for one in causes}
    in_order = sorted(pair, key=lambda one: place[one.finding.cause])
    return (*in_order, *(one for one in ranking if one is not first and one is not beside))


def _without_doing_of(finding: Finding, other: Finding) -> Finding:
    """Return a finding without what speaks against its cause and for another one that holds as well."""
    theirs = {item.signal for item in other.evidence if item.weight > 0}
    left = tuple(item for item in finding.evidence if item.weight > 0 or item.signal not in theirs)
    return replace(finding, evidence=left)


def _marks(entry: Ranked, other: Ranked, located: set[str]) -> set[str]:
    """Return the signals that mark a cause and that another cause does not explain."""
    theirs = {item.signal for item in other.finding.evidence if item.weight > 0}
    return {
        item.signal
        for item in entry.finding.evidence
        if item.weight >= MARK and item.signal not in theirs and item.check not in located
    }


def _explained_better(cause: Cause, than: Cause, fates: Iterable[Observation]) -> float:
    """Return the share of bad requests whose fate speaks for one cause's layer more than for another's."""
    mine, other = (layer_grades(one.question, one.layer) for one in (cause, than))

    def better(signal: str) -> bool:
        rival = other[signal].log_odds if signal in other else 0.0
        return signal in mine and mine[signal].log_odds > max(rival, 0.0)

    return sum(one.strength for one in fates if better(one.signal))
