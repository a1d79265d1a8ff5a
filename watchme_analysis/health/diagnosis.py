"""The diagnosis of a slow or failing ``/health``: detected signals, weighed for each cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from watchme_analysis.health.affected_service import gauges
from watchme_analysis.health.context import HealthContext, edge_visible, health_context, is_timed
from watchme_analysis.health.detection import detected, observed
from watchme_analysis.health.judge import (
    Decision,
    Situation,
    cause_of,
    decide,
    layer_findings,
    named_layer,
)
from watchme_analysis.health.missing import missing_evidence
from watchme_analysis.health.signals.rules import unread
from watchme_analysis.health.summary import filled_in, known_layer, what_happened, what_to_do, why
from watchme_analysis.inference.engine import next_test
from watchme_analysis.inference.findings import Diagnosis, Investigation, Ranked
from watchme_analysis.inference.signals import Observation
from watchme_analysis.requests.concurrency import pile_up_start
from watchme_analysis.text.formats import as_sentence
from watchme_analysis.text.message import Resource, Text, in_each_language, message, value_of


def _with_tests(context: HealthContext, entry: Ranked, seen: Sequence[Observation]) -> Ranked:
    """Return a ranked cause with its blind spots and next test in this case."""
    cause = cause_of(entry)
    absent: list[Text] = [
        message("health-not-collected", table=Resource(table), what=value_of(what))
        for table, what in cause.needs.items()
        if not context.collected(table) and not cause.complement
    ]
    if cause.layer == "edge":
        absent += unread(context)
    blind = [in_each_language(text, _sentence) for text in cause.cannot_see]
    found = replace(
        entry.finding,
        not_covered=(*absent, *blind),
        next_test=next_test(cause, seen, lambda text, one: filled_in(context, text, one)),
    )
    return replace(entry, finding=found)


def _sentence(language: str, text: str) -> str:
    """Return a noun phrase of a cause file as a sentence."""
    return f"{text.rstrip('。')}。" if language == "ja" else as_sentence(text)


def diagnose(inv: Investigation) -> Diagnosis:
    """Return the cause of a slow or failing ``/health``, from the evidence of a case."""
    context, seen = inv.once(health_context), inv.once(detected)
    return conclude(context, decide(seen, situation(context)), seen)


def situation(context: HealthContext) -> Situation:
    """Return what a verdict depends on besides the observations."""
    return Situation(context.incident is not None, is_timed(context), edge_visible(context))


def conclude(context: HealthContext, decision: Decision, observations: Sequence[Observation]) -> Diagnosis:
    """Return a decision as a diagnosis: in sentences, with the evidence that is missing.

    Parameters
    ----------
    context
        Facts of the investigation.
    decision
        Verdict, ranking and layers.
    observations
        What the decision is made of.
    """
    verdict, cause = decision.verdict, decision.cause
    seen = context.inv.once(observed)
    ranking = tuple(_with_tests(context, entry, seen) for entry in decision.ranking)
    others = () if decision.other is None else (decision.other,)
    missing = missing_evidence(context, {entry.finding.cause: entry.probability for entry in ranking})
    begun, ended = _span(context, cause) if verdict != "no_incident" else (None, None)
    layers = layer_findings(decision, observations, is_incident=context.incident is not None)
    stopped = next((one.statement for one in observations if one.signal == "arrivals_stopped"), None)
    reason = why(context, ranking, verdict, decision.confidence, others)
    return Diagnosis(
        question="health",
        case=context.inv.case.name,
        verdict=verdict,
        cause=cause,
        secondary_cause=decision.secondary,
        other_causes=others,
        confidence=decision.confidence,
        incident_start=begun,
        incident_end=ended,
        ranking=ranking,
        coverage=context.inv.case.coverage(),
        missing_evidence=missing,
        extra={
            "endpoints": list(context.endpoints),
            "confidence_from": {
                "probability": round(decision.probability, 4),
                "signals": decision.signals,
            },
            "layer": cause_of(ranking[0]).layer if verdict == "supported" else named_layer(layers),
            "layers": [layer.to_dict() for layer in layers],
        },
        summary=(
            what_happened(context, begun, stopped),
            (known_layer(layers, stopped) if verdict == "inconclusive" else None) or reason,
            what_to_do(context, ranking[0], verdict, missing, others, observations),
        ),
    )


def _span(context: HealthContext, cause: str | None) -> tuple[datetime | None, datetime | None]:
    """Return when the trouble began and ended (None while open)."""
    incident = context.incident
    if incident is None:
        return None, None
    return _began(context, cause), None if incident.is_open else incident.end


def _began(context: HealthContext, cause: str | None) -> datetime:
    """Return when the trouble began: for a pool of threads, when it began to fill."""
    if cause == "app_threadpool":
        wide = gauges(context)
        if "in_flight" in wide:
            return pile_up_start(wide["in_flight"], context.start)
    return context.start
