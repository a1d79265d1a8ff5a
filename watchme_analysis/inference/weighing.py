"""The inference engine: from observations to the probability of each set of causes.

A candidate is a set of causes that would explain what was observed: none at all, a single one, or two
together. Its score, in log-odds, is a plain sum:

- For each observation, the largest grade that a cause of the set gives its signal, times the share of the
  bad requests or messages that it is about.
- The prior of each cause.
- :data:`SECOND_CAUSE` off for a second cause.

Two rules correct for observations that depend on each other. A signal that follows from another one that was
observed counts a quarter (:func:`explained_away`). Within a group of signals, for each sign, the strongest
weight counts in full and further ones a quarter.

A softmax over all candidates gives their probabilities. One candidate stands for something else. Each cause
of which nothing was observed has a fixed part of it, so that a further cause changes nothing where none of
its signals shows. The probability of a cause or a layer is the sum over the sets that contain it: those of
two causes of a pair add up to more than 1. Each step can be checked by hand.

Sources: I. J. Good, *Probability and the Weighing of Evidence* (1950), for weights that add up; Pearl,
*Probabilistic Reasoning in Intelligent Systems* (1988), for explaining away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import TypeVar

from watchme_analysis.inference.causes import GRADES, Cause, Remedy
from watchme_analysis.inference.findings import Diagnosis, Evidence, Finding, Ranked, Status
from watchme_analysis.inference.known_lines import COMMANDS, safe_facts
from watchme_analysis.inference.signals import Observation, Signal
from watchme_analysis.log_messages.known_messages import known_message
from watchme_analysis.text.catalogue import catalogue
from watchme_analysis.text.message import (
    Message,
    Phrases,
    Quotation,
    Resource,
    Text,
    message,
    sentences,
    value_of,
)
from watchme_analysis.text.render import placeholders, render

# Share of its weight at which an observation counts that depends on another one; by choice.
DEPENDENT = 0.25
# Strength from which an observation explains others; by choice.
EXPLAINS_FROM = 0.5
# Log-odds that a second cause costs, about 1 in 250: two faults rarely begin together. By choice.
SECOND_CAUSE = 5.5
# Log-odds of something that no file describes, beside 0 of a usual cause. By choice.
SOMETHING_ELSE = -1.0
# Part of it that a cause has of which nothing was observed: there is room for twenty. By choice.
UNSEEN_PART = 0.05
# Probability from which a cause or layer is named. Below, a rival may be half as likely: the evidence does
# not separate them. By choice.
NAMED_AT = 0.7
# Probability below which a cause is unlikely, and share of the likeliest one's from which evidence does not
# separate two; by choice.
UNLIKELY, ALIKE = 0.05, 0.5
# Sums of weights (log-odds) from which a cause may be named, and up to which it counts as refuted, by choice.
# Where hardly anything was observed, a weak sign is the likeliest explanation, but names nothing.
SUPPORTED_FROM, REFUTED_AT = 1.0, -1.0

Seen = TypeVar("Seen", bound=Observation)


@dataclass(frozen=True)
class Weighing:
    """What observations say of all causes of a question: a ranking, and the probability of each layer.

    The most probable cause comes first. What speaks against one of a pair and for the other is the other's
    doing, and no evidence against the one.
    """

    ranking: tuple[Ranked, ...]
    layers: Mapping[str, float]


def weigh(
    causes: Sequence[Cause],
    observations: Sequence[Seen],
    signals: Mapping[str, Signal],
    counts: Callable[[Cause, Seen], bool] = lambda cause, one: True,
) -> Weighing:
    """Return the probability of each cause and layer, from observations after :func:`explained_away`.

    ``counts`` tells whether an observation is about a cause: those of one queue say nothing about another
    one's.
    """
    weights = {
        cause.cause: [
            cause.log_odds(one.signal) * one.strength if counts(cause, one) else 0.0 for one in observations
        ]
        for cause in causes
    }
    groups = [signals[one.signal].group for one in observations]
    likely = _probabilities([cause for cause in causes if any(weights[cause.cause])], weights, groups)
    unseen = {cause.cause for cause in causes if not any(weights[cause.cause])}

    def probability_of(named: set[str]) -> float:
        mine = sum(found for members, found in likely.items() if not named.isdisjoint(members))
        return mine + UNSEEN_PART * likely[()] * len(unseen & named)

    best = max(likely, key=lambda members: likely[members])
    known = {cause.cause: cause for cause in causes}
    beside = {best[0]: known[best[1]], best[1]: known[best[0]]} if len(best) == 2 else {}
    ranking = []
    for cause in causes:
        own = [one for one in observations if counts(cause, one)]
        found = finding(cause, causes, own, signals, beside=beside.get(cause.cause))
        probability = probability_of({cause.cause})
        ranking.append(Ranked(found, probability, _status(cause, found, probability)))
    of_layer: dict[str, set[str]] = {}
    for cause in causes:
        of_layer.setdefault(cause.layer, set()).add(cause.cause)
    return Weighing(
        tuple(sorted(ranking, key=lambda entry: (-entry.probability, entry.finding.cause))),
        {layer: probability_of(mine) for layer, mine in of_layer.items()},
    )


def _status(cause: Cause, found: Finding, probability: float) -> Status:
    """Return the status of a cause; only evidence for the others contradicts the one that stands for none."""
    if probability >= NAMED_AT and found.log_odds >= SUPPORTED_FROM:
        return "supported"
    if found.log_odds <= REFUTED_AT or (cause.complement and probability < UNLIKELY):
        return "refuted"
    return "inconclusive"


def _probabilities(
    causes: Sequence[Cause], weights: Mapping[str, Sequence[float]], groups: Sequence[str]
) -> dict[tuple[str, ...], float]:
    """Return the probability of each set of causes by their ids; the empty set stands for something else."""
    having = [cause for cause in causes if not cause.complement and max(weights[cause.cause]) > 0]
    scores: dict[tuple[str, ...], float] = {(): SOMETHING_ELSE}
    for members in (*((cause,) for cause in causes), *combinations(having, 2)):
        best = [max(each) for each in zip(*(weights[cause.cause] for cause in members), strict=True)]
        prior = sum(cause.prior for cause in members) - SECOND_CAUSE * (len(members) - 1)
        scores[tuple(cause.cause for cause in members)] = prior + sum(_beside_each_other(best, groups))
    top = max(scores.values())
    total = sum(math.exp(score - top) for score in scores.values())
    return {members: math.exp(score - top) / total for members, score in scores.items()}


def _beside_each_other(weights: Sequence[float], groups: Sequence[str]) -> list[float]:
    """Return weights as they count beside others of their group: the strongest of each sign in full."""
    counted = list(weights)
    met: set[tuple[str, bool]] = set()
    for place in sorted(range(len(weights)), key=lambda place: -abs(weights[place])):
        key = groups[place], weights[place] > 0
        if weights[place] and key in met:
            counted[place] *= DEPENDENT
        elif weights[place]:
            met.add(key)
    return counted


def explained_away(
    observations: Sequence[Seen],
    signals: Mapping[str, Signal],
    explains: Mapping[str, Iterable[str]],
    acts_on: Callable[[Seen, Seen], bool] = lambda earlier, later: True,
) -> tuple[Seen, ...]:
    """Return the observations, weakened where they follow from another one.

    ``explains`` holds the ids of the signals that follow from a signal whatever the cause. ``acts_on`` tells
    whether one observation can have brought another one about, as far as their times tell.
    """
    by: dict[str, str] = {}
    seen = {one.signal: one for one in observations}
    for one in observations:
        if one.strength >= EXPLAINS_FROM:
            for name in explains.get(one.signal, ()):
                if name in seen and acts_on(one, seen[name]):
                    by[name] = signals[one.signal].group
    return tuple(
        replace(
            one,
            statement=sentences(one.statement, _follows(by[one.signal])),
            strength=one.strength * DEPENDENT,
        )
        if one.signal in by
        else one
        for one in observations
    )


def finding(
    cause: Cause,
    causes: Iterable[Cause],
    observations: Sequence[Observation],
    signals: Mapping[str, Signal],
    *,
    beside: Cause | None = None,
) -> Finding:
    """Return the finding for a cause: the weights of all observations, and the mechanism.

    The observations come from :func:`explained_away`. What speaks for another cause that is at work as well
    (``beside``) does not speak against this one.
    """
    groups = [signals[one.signal].group for one in observations]
    weights = _beside_each_other([cause.log_odds(one.signal) * one.strength for one in observations], groups)
    evidence = [
        Evidence(
            one.statement,
            one.table,
            one.rows,
            weight,
            one.effect,
            one.effect_unit,
            one.sql,
            signals[one.signal].group,
            one.signal,
        )
        for one, weight in zip(observations, weights, strict=True)
        if weight and not (weight < 0 and beside is not None and beside.log_odds(one.signal) > 0)
    ]
    evidence.sort(key=lambda item: -abs(item.weight))
    detail = _detail(cause, causes, observations, signals)
    return Finding(cause.cause, tuple(evidence), detail=detail, name=cause.name)


def undecided(ranking: Sequence[Ranked]) -> tuple[Ranked, ...]:
    """Return the causes that the evidence does not separate from the likeliest one, that one included."""
    alike = [one for one in ranking if one.probability >= ALIKE * ranking[0].probability]
    return tuple(one for one in alike if one.status != "refuted" and one.finding.speaks_for)


def not_separated(ranking: Sequence[Ranked]) -> Message:
    """Return the causes that the evidence does not separate as one group, without numbers."""
    group = [message("value", value=value_of(entry.finding.name)) for entry in undecided(ranking)]
    if not group:
        return message("finding-nothing-supports", causes=len(ranking))
    return message("finding-not-separated", number=len(group), causes=Phrases(tuple(group)))


def remedy_of(
    cause: Cause, found: Diagnosis, observations: Iterable[Observation], of_case: Set[str]
) -> tuple[Remedy, Observation | None]:
    """Return what to do about a cause, and the observation whose values it names.

    It is the first remedy of the signals that show how the cause came about, strongest first, whose values
    are known from an observation or ``of_case``, else that of the cause. The known message of the error that
    the headline quotes counts before all others.
    """
    signals, seen = naming_signals(found.ranking, cause.cause), [*observations]
    error = str((found.extra.get("error") or {}).get("text", ""))
    if quoted := known_message(error.replace("\n", " ")):
        signals[quoted[0].id] = math.inf
        seen.insert(0, Observation(quoted[0].id, "", "log_events", 0, facts=safe_facts(quoted[1])))
    for remedy, one in product(cause.remedies_for(signals), seen):
        named = placeholders(render(sentences(remedy.title, remedy.text))) - of_case
        if one.signal in remedy.signals and named <= one.values().keys():
            return remedy, one
    return cause.remedy, None


def naming_signals(ranking: Sequence[Ranked], cause: str) -> dict[str, float]:
    """Return the signals that show how a cause came about, each with the largest weight of its group."""
    own = (entry.finding.evidence for entry in ranking if entry.finding.cause == cause)
    shown = [item for evidence in own for item in evidence if item.weight > 0]
    groups: dict[str, float] = {}
    for item in shown:
        groups[item.check] = max(item.weight, groups.get(item.check, 0.0))
    return {item.signal: groups[item.check] for item in shown}


def exact_title(found: Diagnosis, title_of: Callable[[str], Text]) -> Text | None:
    """Return what exactly is at fault, where signals say it; else None.

    Of an open cause, all that are not told apart have to agree. ``title_of`` returns the title of the remedy
    of a cause.
    """
    names = [found.cause] if found.cause else [entry.finding.cause for entry in undecided(found.ranking)]
    titles = [title_of(name) for name in names]
    return titles[0] or None if len({render(title) for title in titles}) == 1 else None


def independent_signals(found: Finding) -> int:
    """Return how many groups of signals speak for a cause, each with at least the smallest grade."""
    return len({item.check for item in found.evidence if item.weight >= GRADES["weak"]})


def check_name(group: str) -> Text:
    """Return the name of a group of signals."""
    slug = group.replace(" ", "-")
    return message(f"check-{slug}") if f"check-{slug}" in catalogue("en").ids else group.replace("_", " ")


def _follows(group: str) -> Message:
    name = check_name(group)
    return message("finding-follows", check=Resource(name) if isinstance(name, str) else name)


def _detail(
    cause: Cause, causes: Iterable[Cause], observations: Iterable[Observation], signals: Mapping[str, Signal]
) -> Text | None:
    """Return the mechanism in words: of the strongest observation, then of the source that shows the place.

    The words belong to the causes which the signal supports most. Of equally strong ones, those that quote an
    error say most.
    """
    others = list(causes)
    found = []
    for one in observations:
        mine = cause.log_odds(one.signal)
        if one.detail and mine > 0 and mine >= max(other.log_odds(one.signal) for other in others):
            found.append((mine * one.strength, _quotes(one.detail), one.detail, one.signal))
    found.sort(key=lambda item: item[:2], reverse=True)
    said = [words for *_, words, _ in found[:1]]
    # The source shows the place.
    place = next((words for *_, words, name in found[1:] if "app_calls" in signals[name].needs), None)
    return sentences(*said, place) or None


def _quotes(text: Text) -> bool:
    """Return True when a sentence quotes what a system wrote."""
    return isinstance(text, Message) and any(isinstance(value, Quotation) for value in text.values.values())


def next_test(
    cause: Cause, observations: Iterable[Observation], fill: Callable[[Text, Observation | None], Text]
) -> Text:
    """Return the next test of a cause: that of its strongest observed signal which has one, else its own.

    ``fill`` fills in the placeholders of a text, and receives the observation that the test belongs to, if
    any. Where the strongest signal is a line of a known program, its own commands decide.
    """
    seen = sorted(observations, key=lambda one: -cause.log_odds(one.signal) * one.strength)
    best = next((one for one in seen if one.signal in cause.next_tests), None)
    if best is not None:
        return fill(cause.next_tests[best.signal], best)
    if seen and cause.log_odds(seen[0].signal) > 0 and COMMANDS in seen[0].facts:
        return message("known-line-test", commands=seen[0].facts[COMMANDS])
    return fill(cause.next_test, None)


def separation(
    evidence: Iterable[str],
    causes: Sequence[Cause],
    signals: Iterable[Signal],
    probability: Mapping[str, float],
) -> float:
    """Return how well some missing evidence would separate the causes that are still in question.

    It is the sum, over the groups of signals that need the evidence (names of tables, or ``table/part``), of
    the largest spread of a signal's grades among the causes: their standard deviation by the current
    probabilities, in log-odds.
    """
    named = tuple(evidence)
    total = sum(probability.get(one.cause, 0.0) for one in causes) or 1.0
    shares = [probability.get(one.cause, 0.0) / total for one in causes]
    spreads: dict[str, float] = {}
    for signal in signals:
        if not any(one == name or one.startswith(f"{name}/") for one in signal.needs for name in named):
            continue
        grades = [one.log_odds(signal.id) for one in causes]
        mean = sum(share * grade for share, grade in zip(shares, grades, strict=True))
        variance = sum(share * (grade - mean) ** 2 for share, grade in zip(shares, grades, strict=True))
        spreads[signal.group] = max(spreads.get(signal.group, 0.0), math.sqrt(max(variance, 0.0)))
    return sum(spreads.values())
