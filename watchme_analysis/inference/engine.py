"""The inference engine: from observations to a ranking of causes.

The weight of an observation for a cause is the grade that the cause gives to its signal, in log-odds, times
the strength of the observation. Two rules correct for observations that depend on each other:

- **Explaining away.** A signal that follows from another one that was observed, whatever the cause, counts a
  quarter.
- **Groups.** Within a group of signals, for each cause and each sign, the strongest weight counts in full and
  further ones a quarter.

The weights and the prior of a cause add up to its log-odds; the probabilities of all causes sum to 1. Each
step can be checked by hand. Sources: I. J. Good, *Probability and the Weighing of Evidence* (1950), for
weights that add up; Pearl, *Probabilistic Reasoning in Intelligent Systems* (1988), for explaining away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from watchme_analysis.inference.causes import Cause, Confounder
from watchme_analysis.inference.findings import Evidence, Finding
from watchme_analysis.inference.signals import Observation, Signal
from watchme_analysis.text.catalogue import catalogue
from watchme_analysis.text.message import Message, Quotation, Resource, Text, message, sentences

# Share of its weight at which an observation counts that depends on another one.
DEPENDENT = 0.25
# Strength from which an observation explains others.
EXPLAINS_FROM = 0.5
# A cause or confounder this probable is still in question.
IN_QUESTION = 0.1


def confounded(causes: Iterable[Cause], observations: Iterable[Observation]) -> list[tuple[str, Confounder]]:
    """Return the pairs of causes that these observations do not separate: a cause and its confounder."""
    seen = {one.signal for one in observations}
    return [
        (cause.cause, pair)
        for cause in causes
        for pair in cause.confounders
        if pair.separated_by not in seen and not seen.isdisjoint(pair.signals)
    ]


def explained_away(
    observations: Sequence[Observation],
    signals: Mapping[str, Signal],
    explains: Mapping[str, Iterable[str]],
) -> tuple[Observation, ...]:
    """Return the observations, weakened where they follow from another one.

    Parameters
    ----------
    observations
        All observations.
    signals
        Signals by id.
    explains
        Ids of the signals that follow from a signal whatever the cause, by its id.
    """
    by: dict[str, str] = {}
    for one in observations:
        if one.strength >= EXPLAINS_FROM:
            for name in explains.get(one.signal, ()):
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
) -> Finding:
    """Return the finding for a cause: the weights of all observations, the mechanism, and the next test.

    Parameters
    ----------
    cause
        The cause.
    causes
        All causes of the question; a cause that the observations do not separate from this one lends it its
        grades.
    observations
        Observations after :func:`explained_away`.
    signals
        Signals by id.
    """
    known = {one.cause: one for one in causes}
    open_pairs = confounded(known.values(), observations)
    shared = [(name, pair) for name, pair in open_pairs if pair.cause == cause.cause]
    weighed = []
    for one in observations:
        lent = [known[name].log_odds(one.signal) for name, pair in shared if one.signal in pair.signals]
        weight = max([cause.log_odds(one.signal), *lent]) * one.strength
        if weight:
            reasons = dict.fromkeys(pair.reason for _, pair in open_pairs if one.signal in pair.signals)
            weighed.append((one, weight, sentences(one.statement, *reasons)))
    weighed.sort(key=lambda item: -abs(item[1]))
    factors = group_factors([(signals[one.signal].group, weight) for one, weight, _ in weighed])
    evidence = [
        Evidence(
            statement,
            one.table,
            one.rows,
            weight * factor,
            one.effect,
            one.effect_unit,
            one.sql,
            signals[one.signal].group,
            one.signal,
        )
        for (one, weight, statement), factor in zip(weighed, factors, strict=True)
    ]
    evidence.sort(key=lambda item: -abs(item.weight))
    return Finding(cause.cause, tuple(evidence), detail=_detail(cause, known.values(), observations, signals))


def group_factors(weights: Sequence[tuple[str, float]]) -> list[float]:
    """Return the factor of each weight: 1 for the strongest of its group and sign, a quarter for others.

    Parameters
    ----------
    weights
        Group and log-odds of each observation for one cause, the strongest first.
    """
    seen: set[tuple[str, bool]] = set()
    factors = []
    for group, weight in weights:
        key = group, weight > 0
        factors.append(DEPENDENT if key in seen else 1.0)
        seen.add(key)
    return factors


def check_name(group: str) -> Text:
    """Return the name of a group of signals."""
    slug = group.replace(" ", "-")
    return message(f"check-{slug}") if f"check-{slug}" in catalogue("en").ids else group.replace("_", " ")


def _follows(group: str) -> Message:
    """Return the sentence that an observation of another group explains this one."""
    name = check_name(group)
    return message("finding-follows", check=Resource(name) if isinstance(name, str) else name)


def _detail(
    cause: Cause,
    causes: Iterable[Cause],
    observations: Iterable[Observation],
    signals: Mapping[str, Signal],
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
            found.append((mine * one.strength, _quotes(one.detail), one.detail, signals[one.signal].group))
    found.sort(key=lambda item: item[:2], reverse=True)
    said = [words for *_, words, _ in found[:1]]
    place = next((words for *_, words, group in found[1:] if group == "source"), None)
    return sentences(*said, place) or None


def _quotes(text: Text) -> bool:
    """Return True when a sentence quotes what a system wrote."""
    return isinstance(text, Message) and any(isinstance(value, Quotation) for value in text.values.values())


def next_test(
    cause: Cause, observations: Iterable[Observation], fill: Callable[[Text, Observation | None], Text]
) -> Text:
    """Return the next test of a cause: that of its strongest observed signal which has one, else its own.

    Parameters
    ----------
    cause
        The cause.
    observations
        All observations.
    fill
        Fills in the placeholders of a text; receives the observation that the test belongs to, if any.
    """
    mine = [
        (cause.signals[one.signal].log_odds * one.strength, one)
        for one in observations
        if one.signal in cause.signals and cause.signals[one.signal].next_test
    ]
    if mine:
        _, best = max(mine, key=lambda item: item[0])
        return fill(cause.signals[best.signal].next_test or "", best)
    return fill(cause.next_test, None)


def deciding_evidence(
    causes: Iterable[Cause], observations: Iterable[Observation], probability: Mapping[str, float]
) -> set[str]:
    """Return the evidence that would separate causes which look alike and are both in question."""
    return {
        pair.table
        for cause, pair in confounded(causes, observations)
        if min(probability.get(cause, 0.0), probability.get(pair.cause, 0.0)) >= IN_QUESTION
    }


def separation(
    evidence: Iterable[str],
    causes: Iterable[Cause],
    signals: Mapping[str, Signal],
    probability: Mapping[str, float],
) -> float:
    """Return how well some missing evidence would separate the causes that are still in question.

    It is the sum, over the groups of signals that need the evidence, of the largest spread of a signal's
    grades among the causes: their standard deviation by the current probabilities, in log-odds.

    Parameters
    ----------
    evidence
        Names of tables, or ``table/part``.
    causes, signals
        Of the question.
    probability
        Current probability by cause.
    """
    spreads: dict[str, float] = {}
    known, named = list(causes), tuple(evidence)
    total = sum(probability.get(one.cause, 0.0) for one in known) or 1.0
    shares = [probability.get(one.cause, 0.0) / total for one in known]
    for signal in signals.values():
        if not any(one == name or one.startswith(f"{name}/") for one in signal.needs for name in named):
            continue
        grades = [one.log_odds(signal.id) for one in known]
        mean = sum(share * grade for share, grade in zip(shares, grades, strict=True))
        variance = sum(share * (grade - mean) ** 2 for share, grade in zip(shares, grades, strict=True))
        spreads[signal.group] = max(spreads.get(signal.group, 0.0), math.sqrt(max(variance, 0.0)))
    return sum(spreads.values())
