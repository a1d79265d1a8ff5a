"""The judgement on a `/health` incident, from observations alone: ranking, verdict and layers.

Nothing here reads a table, so that a change of rules is evaluated on the stored signals of many cases in
seconds (``benchmarks/health_corpus.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from watchme_analysis.health.calibration import confidence
from watchme_analysis.health.detection import SIGNALS, health_causes
from watchme_analysis.health.explaining_away import EXPLAINS
from watchme_analysis.health.signals.known_lines import excluding_line
from watchme_analysis.inference.causes import Cause, priors
from watchme_analysis.inference.confidence import Route
from watchme_analysis.inference.engine import explained_away, finding
from watchme_analysis.inference.findings import Ranked, Status, Verdict
from watchme_analysis.inference.layers import MARK, refuting, second_fault
from watchme_analysis.inference.signals import Observation
from watchme_analysis.inference.weighing import NAMED_AT, UNLIKELY, weigh
from watchme_analysis.requests.fates import LAYERS
from watchme_analysis.text.message import Text

# A verdict that is oftener wrong than right, as first looks show, is none.
LIKELIER_THAN_NOT = 0.5
# Groups of signals that show where requests failed, not why.
SHARED_GROUPS = ("vantages", "fate", "routes", "paths")
BEFORE_APPLICATION = ("client", "edge", "nginx", "network")


@dataclass(frozen=True)
class Situation:
    """What a verdict depends on besides the observations.

    Attributes
    ----------
    incident
        Whether there is an incident.
    timed
        Whether the evidence would have shown a slow endpoint.
    spared
        Whether the affected process served the monitored endpoint well all along.
    edge_visible
        Whether the evidence has what the edge or callers before it saw: Nginx's log cannot clear the edge.
    """

    incident: bool
    timed: bool
    spared: bool
    edge_visible: bool = True


@dataclass(frozen=True)
class Decision:
    """The verdict on the observations of one case, with the ranking of causes.

    Attributes
    ----------
    verdict, cause
        As in the diagnosis.
    probability
        What the engine gives the verdict: the probability of its cause, of both causes together by the route
        of a pair, and of the likeliest cause where the verdict is inconclusive.
    ranking
        Causes, most probable first.
    route
        How the verdict came about; None where it is inconclusive.
    second
        A second fault beside the first, or None.
    secondary
        Cause that the first one set off or is fed by, or None.
    """

    verdict: Verdict
    cause: str | None
    probability: float
    ranking: tuple[Ranked, ...]
    route: Route | None = None
    second: Ranked | None = None
    secondary: str | None = None

    @property
    def confidence(self) -> float:
        """Share of verdicts like this one that should be right; an inconclusive one keeps its probability."""
        return self.probability if self.route is None else confidence(self.route, self.probability)


def ranked(observations: Sequence[Observation]) -> tuple[Ranked, ...]:
    """Return all causes by probability, from observations as they were detected."""
    causes = health_causes()
    seen = explained_away(observations, SIGNALS, EXPLAINS)
    findings = [finding(cause, causes, seen, SIGNALS) for cause in causes]
    return weigh(findings, priors(causes), complement="none")


def decide(observations: Sequence[Observation], situation: Situation) -> Decision:
    """Return the verdict on observations as they were detected."""
    ranking = ranked(observations)
    first = ranking[0]
    cause, probability = first.finding.cause, first.probability
    if not situation.incident:
        is_clear = situation.timed and situation.edge_visible
        if is_clear and probability >= NAMED_AT:
            return Decision("no_incident", "none", probability, ranking, "calm")
        return Decision("inconclusive", None, probability, ranking)
    if cause == "none" and first.status == "supported" and _absorbed(observations):
        return Decision("no_incident", "none", probability, ranking, "calm")
    second = second_fault(health_causes(), ranking, observations, SIGNALS, SHARED_GROUPS)
    if cause != "none" and first.status == "supported" and has_mark(first, situation):
        route: Route = "one" if hangs_on_one(observations, cause) else "several"
        also = secondary(cause, ranking, observations)
        named = Decision("supported", cause, probability, ranking, route, second, also)
        if named.confidence >= LIKELIER_THAN_NOT:
            return named
    if second is not None:
        return Decision("supported", cause, of_pair(first, second), ranking, "pair", second)
    return Decision("inconclusive", None, probability, ranking)


def of_pair(first: Ranked, second: Ranked) -> float:
    """Return the probability of two faults: as both hold, they share it between them."""
    return min(first.probability + second.probability, 1.0)


def _absorbed(observations: Sequence[Observation]) -> bool:
    """Return True when more requests than usual arrived, and the service handled them."""
    return any(one.signal == "arrivals_absorbed" for one in observations)


def secondary(cause: str, ranking: Sequence[Ranked], observations: Sequence[Observation]) -> str | None:
    """Return the cause that another one set off or is fed by: the likeliest of those that its file names.

    It needs a mark of its own, before what follows from the first cause is explained away.
    """
    for entry in ranking:
        if entry.finding.cause in _cause(cause).secondary:
            mine = _cause(entry.finding.cause)
            found = finding(mine, health_causes(), observations, SIGNALS)
            if max((item.weight for item in found.evidence), default=0.0) >= MARK:
                return mine.cause
    return None


def is_before_application(cause: str) -> bool:
    """Return True when a cause acts before the application."""
    return _cause(cause).layer in BEFORE_APPLICATION


def _cause(name: str) -> Cause:
    """Return a cause of the question."""
    return next(one for one in health_causes() if one.cause == name)


def has_mark(entry: Ranked, situation: Situation) -> bool:
    """Return True when a cause shows by more than that others are ruled out, where it has to.

    That all is well inside says that the fault lies before the application, not where.
    A cause before the application and a dependency have to, and one of the process while that serves the
    monitored endpoint well. What shows only how far requests came is no mark.
    """
    located = _cause(entry.finding.cause).layer in (*BEFORE_APPLICATION, "dependency")
    return shows_itself(entry) if located or situation.spared else True


def shows_itself(entry: Ranked) -> bool:
    """Return True when an observation of more than how far requests came supports a cause."""
    own = (item.weight for item in entry.finding.evidence if item.check not in SHARED_GROUPS)
    return max(own, default=0.0) >= MARK


def hangs_on_one(observations: Sequence[Observation], cause: str) -> bool:
    """Return True when one observation carries the verdict: without it the cause is not supported."""
    graded = _cause(cause)
    for place, one in enumerate(observations):
        if graded.log_odds(one.signal) <= 0:
            continue
        first = ranked([*observations[:place], *observations[place + 1 :]])[0]
        if first.finding.cause != cause or first.status != "supported":
            return True
    return False


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
    ranking: Sequence[Ranked], observations: Sequence[Observation], *, is_incident: bool
) -> tuple[LayerFinding, ...]:
    """Return all layers, the likeliest first.

    Parameters
    ----------
    ranking
        All causes. The probability of a layer is the sum over its causes.
    observations
        What the ranking is made of.
    is_incident
        Whether there is an incident; without one only observations on layers refute one.
    """
    layer_of = {cause.cause: cause.layer for cause in health_causes()}
    found = []
    for layer in LAYERS:
        mine = [entry for entry in ranking if layer_of[entry.finding.cause] == layer]
        probability = sum(entry.probability for entry in mine)
        remaining = [entry for entry in mine if entry.status != "refuted"]
        evidence = [item for entry in remaining or mine for item in entry.finding.evidence]
        status: Status = "inconclusive"
        sentence: Text = max(evidence, key=lambda item: item.weight).statement if evidence else ""
        against = refuting("health", layer, observations) or excluding_line(layer, observations)
        if probability >= NAMED_AT and _shows(layer, mine):
            status = "supported"
        elif against is not None:
            status, sentence = "refuted", against.statement
        elif is_incident and probability < UNLIKELY and any(item.weight < 0 for item in evidence):
            status, sentence = "refuted", min(evidence, key=lambda item: item.weight).statement
        elif is_incident and mine and not remaining:
            status = "refuted"
            sentence = min(evidence, key=lambda item: item.weight).statement if evidence else ""
        found.append(LayerFinding(layer, probability, status, sentence))
    found.sort(key=lambda entry: -entry.probability)
    left = [entry for entry in found if entry.status != "refuted"]
    # Where all others are excluded, the last one is named, unless something else altogether is as likely.
    if is_incident and len(left) == 1 and left[0].layer != "dependency":
        is_likely = left[0].probability > LIKELIER_THAN_NOT
        found = [replace(one, status="supported") if one is left[0] and is_likely else one for one in found]
    return tuple(found)


def _shows(layer: str, causes: Sequence[Ranked]) -> bool:
    """Return True unless a layer is inferred that no log of Nginx shows: its cause then needs its own mark.

    Handlers that wait look the same to callers, whether they wait for a dependency or for their own process.
    """
    return layer != "dependency" or any(shows_itself(entry) for entry in causes)


def named_layer(layers: Iterable[LayerFinding]) -> str | None:
    """Return the layer that the evidence names, else None."""
    return next((entry.layer for entry in layers if entry.status == "supported"), None)
