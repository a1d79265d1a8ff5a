"""The judgement on a `/health` incident, from observations alone: ranking, verdict and layers.

Nothing here reads a table, so that a change of rules is evaluated on the stored signals of many cases in
seconds (``benchmarks/health_corpus.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from watchme_analysis.health.detectors import SIGNALS, health_causes
from watchme_analysis.health.thresholds import WHOLE
from watchme_analysis.inference.causes import GRADES, Cause, explained, layer_grades
from watchme_analysis.inference.confidence import confidence
from watchme_analysis.inference.findings import Finding, Ranked, Status, Verdict
from watchme_analysis.inference.known_lines import excluding_line, names_one_cause
from watchme_analysis.inference.signals import Observation
from watchme_analysis.inference.weighing import (
    NAMED_AT,
    UNLIKELY,
    explained_away,
    finding,
    independent_signals,
    weigh,
)
from watchme_analysis.requests.fates import LAYERS
from watchme_analysis.text.message import Text

# Where all other layers are excluded, the last one is named if it is likelier than they together.
LIKELIER_THAN_NOT = 0.5
# Log-odds from which an observation shows a cause itself, by choice: a fair one of four in five requests.
SHOWN_FROM = 1.2
# Groups of signals that show where requests failed, not why.
SHARED_GROUPS = ("vantages", "fate", "routes", "paths")
BEFORE_APPLICATION = ("client", "edge", "nginx", "network")


@dataclass(frozen=True)
class Situation:
    """What a verdict depends on besides the observations.

    ``timed``: the evidence would have shown a slow endpoint. ``edge_visible``: it has what the edge or
    callers before it saw; Nginx's log cannot clear the edge.
    """

    incident: bool
    timed: bool
    edge_visible: bool = True


@dataclass(frozen=True)
class Decision:
    """The verdict on the observations of one case, with the ranking and the probability of each layer.

    The most probable cause comes first; two that are named stand in the order in which requests pass them.
    ``other`` is a second fault beside the first, ``secondary`` what the first one set off or is fed by.
    """

    verdict: Verdict
    cause: str | None
    ranking: tuple[Ranked, ...]
    layers: Mapping[str, float]
    other: str | None = None
    secondary: str | None = None

    @property
    def probability(self) -> float:
        """What the engine gives the verdict: the probability of its cause, or of the likeliest one."""
        return self.ranking[0].probability

    @property
    def signals(self) -> int:
        """Number of independent signals that speak for the cause."""
        return independent_signals(self.ranking[0].finding)

    @property
    def confidence(self) -> float:
        """Share of verdicts like this one that should be right; an inconclusive one keeps its probability."""
        if self.verdict == "inconclusive":
            return self.probability
        return confidence("health", self.probability, self.signals)


def decide(observations: Sequence[Observation], situation: Situation) -> Decision:
    """Return the verdict on observations as they were detected."""
    weakened = explained_away(observations, SIGNALS, explained("health"))
    weighed = weigh(health_causes(), weakened, SIGNALS)
    ranking, layers = weighed.ranking, weighed.layers
    # That other layers are excluded confirms no cause of the one that is left.
    ranking = tuple(
        entry
        if entry.status != "supported" or cause_of(entry).complement or _shows_itself(entry.finding)
        else replace(entry, status="inconclusive")
        for entry in ranking
    )
    named = [entry for entry in ranking if entry.status == "supported"]
    if not named:
        return Decision("inconclusive", None, ranking, layers)
    cause = named[0].finding.cause
    # No caller failed or waited where the evidence would have shown it.
    if cause == "none" and situation.timed and situation.edge_visible and not situation.incident:
        return Decision("no_incident", "none", ranking, layers)
    if cause == "none" or not situation.incident:
        return Decision("inconclusive", None, ranking, layers)
    in_order = sorted(named, key=lambda entry: LAYERS.index(cause_of(entry).layer))
    first, beside = in_order[0], in_order[1] if len(in_order) > 1 else None
    if beside is not None and first.finding.cause in cause_of(beside).follows:
        first, beside = beside, first
    follows = beside is not None and beside.finding.cause in cause_of(first).follows
    also = _set_off(first, observations) if beside is None else beside.finding.cause
    ordered = (first, *([beside] if beside else []), *(one for one in ranking if one not in (first, beside)))
    return Decision(
        "supported",
        first.finding.cause,
        ordered,
        layers,
        other=also if beside is not None and not follows else None,
        secondary=also if beside is None or follows else None,
    )


def _set_off(first: Ranked, observations: Sequence[Observation]) -> str | None:
    """Return the cause that another one set off or is fed by: of those that its file names, the best shown.

    What follows from the first cause is not explained away here.
    """
    shown = {}
    for cause in health_causes():
        if cause.cause in cause_of(first).follows:
            found = finding(cause, health_causes(), observations, SIGNALS)
            shown[cause.cause] = sum(max(weight, 0.0) for weight in _own_weights(found))
    best = max(shown, key=lambda name: shown[name], default=None)
    return best if best is not None and shown[best] >= GRADES["fair"] else None


def cause_of(entry: Ranked) -> Cause:
    """Return a ranked cause as its file states it."""
    return next(one for one in health_causes() if one.cause == entry.finding.cause)


def _own_weights(found: Finding) -> list[float]:
    """Return the weights of what shows more than how far requests came, or what several causes write."""
    return [
        item.weight
        for item in found.evidence
        if item.check not in SHARED_GROUPS and names_one_cause("health", item)
    ]


def _shows_itself(found: Finding) -> bool:
    """Return True when more than how far requests came speaks for a cause."""
    return max(_own_weights(found), default=0.0) >= SHOWN_FROM


@dataclass(frozen=True)
class LayerFinding:
    """The probability of a layer, its status, and the sentence that decides it (empty when nothing does)."""

    layer: str
    probability: float
    status: Status
    sentence: Text

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of ``layers`` in a diagnosis."""
        return {
            "layer": self.layer,
            "probability": round(self.probability, 4),
            "status": self.status,
            "sentence": self.sentence,
        }


def layer_findings(
    decision: Decision, observations: Sequence[Observation], *, is_incident: bool
) -> tuple[LayerFinding, ...]:
    """Return all layers, the likeliest first; without an incident only observations on layers refute one."""
    found = []
    for layer in LAYERS:
        mine = [entry for entry in decision.ranking if cause_of(entry).layer == layer]
        probability = decision.layers.get(layer, 0.0)
        remaining = [entry for entry in mine if entry.status != "refuted"]
        evidence = [item for entry in remaining or mine for item in entry.finding.evidence]
        against = refuting(layer, observations) or excluding_line("health", layer, observations)
        status: Status = "inconclusive"
        sentence: Text = max(evidence, key=lambda item: item.weight).statement if evidence else ""
        if probability >= NAMED_AT and _shows(layer, mine):
            status = "supported"
        elif against is not None:
            status, sentence = "refuted", against.statement
        elif is_incident and (
            (probability < UNLIKELY and any(item.weight < 0 for item in evidence)) or (mine and not remaining)
        ):
            status = "refuted"
            sentence = min(evidence, key=lambda item: item.weight).statement if evidence else ""
        found.append(LayerFinding(layer, probability, status, sentence))
    found.sort(key=lambda entry: -entry.probability)
    left = [entry for entry in found if entry.status != "refuted"]
    # Where all others are excluded, the last one is named, unless these together are as likely all the same.
    if is_incident and len(left) == 1 and left[0].layer != "dependency":
        is_likely = left[0].probability > LIKELIER_THAN_NOT * sum(decision.layers.values())
        found = [replace(one, status="supported") if one is left[0] and is_likely else one for one in found]
    return tuple(found)


def refuting(layer: str, observations: Iterable[Observation]) -> Observation | None:
    """Return the strongest observation that excludes a layer, None when the layer is not refuted."""
    grades = layer_grades("health").get(layer, {})
    against = [one for one in observations if grades.get(one.signal, 0.0) <= -GRADES["decisive"]]
    if sum(one.strength * one.share for one in against) < WHOLE:
        return None
    return max(against, key=lambda one: one.strength)


def _shows(layer: str, causes: Sequence[Ranked]) -> bool:
    """Return True unless a layer is inferred that no log of Nginx shows and nothing else speaks for it.

    Handlers that wait look the same to callers, whether they wait for a dependency or for their own process.
    """
    return layer != "dependency" or any(_shows_itself(entry.finding) for entry in causes)


def named_layer(layers: Iterable[LayerFinding]) -> str | None:
    """Return the layer that the evidence names, else None."""
    return next((entry.layer for entry in layers if entry.status == "supported"), None)
