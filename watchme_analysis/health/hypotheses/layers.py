"""The layers of a ``/health`` diagnosis: probability, status, and the sentence that decides each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from watchme_analysis.health.hypotheses.decision import shows_itself
from watchme_analysis.health.hypotheses.signals import health_causes
from watchme_analysis.inference.findings import Ranked, Status
from watchme_analysis.inference.layers import refuting
from watchme_analysis.inference.signals import Observation
from watchme_analysis.inference.weighing import NAMED_AT
from watchme_analysis.requests.fates import LAYERS
from watchme_analysis.text.message import Text

# A layer with evidence against it is refuted below this probability.
REFUTED_BELOW = 0.03


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
        evidence = [item for entry in mine for item in entry.finding.evidence]
        status: Status = "inconclusive"
        sentence: Text = max(evidence, key=lambda item: item.weight).statement if evidence else ""
        against = refuting("health", layer, observations)
        if probability >= NAMED_AT and _shows(layer, mine):
            status = "supported"
        elif against is not None:
            status, sentence = "refuted", against.statement
        elif is_incident and probability < REFUTED_BELOW and any(item.weight < 0 for item in evidence):
            status, sentence = "refuted", min(evidence, key=lambda item: item.weight).statement
        elif is_incident and mine and all(entry.status == "refuted" for entry in mine):
            status = "refuted"
            sentence = min(evidence, key=lambda item: item.weight).statement if evidence else ""
        found.append(LayerFinding(layer, probability, status, sentence))
    return tuple(sorted(found, key=lambda entry: -entry.probability))


def _shows(layer: str, causes: Sequence[Ranked]) -> bool:
    """Return True unless a layer is inferred that no log of Nginx shows: its cause then needs its own mark.

    Handlers that wait look the same to callers, whether they wait for a dependency or for their own process.
    """
    return layer != "dependency" or any(shows_itself(entry) for entry in causes)


def named_layer(layers: Iterable[LayerFinding]) -> str | None:
    """Return the layer that the evidence names, else None."""
    return next((entry.layer for entry in layers if entry.status == "supported"), None)
