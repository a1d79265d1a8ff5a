"""The diagnosis of a slow or failing ``/health``: detected signals, weighed for each cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from watchme_analysis.health.affected_service import gauges
from watchme_analysis.health.context import HealthContext, edge_visible, health_context, is_timed, spared
from watchme_analysis.health.detection import SIGNALS, detected, health_causes, observed
from watchme_analysis.health.judge import Decision, Situation, decide, layer_findings, named_layer
from watchme_analysis.health.missing import missing_evidence
from watchme_analysis.health.signals.rules import unread
from watchme_analysis.health.summary import filled_in, known_layer, what_happened, what_to_do, why
from watchme_analysis.inference.causes import Cause
from watchme_analysis.inference.engine import deciding_evidence, finding, next_test
from watchme_analysis.inference.findings import Diagnosis, Finding, Investigation
from watchme_analysis.inference.layers import both_faults
from watchme_analysis.inference.signals import Observation
from watchme_analysis.requests.concurrency import pile_up_start
from watchme_analysis.text.formats import as_sentence
from watchme_analysis.text.message import Resource, Text, in_each_language, message, value_of


def _finding(inv: Investigation, cause: Cause) -> Finding:
    """Return the finding for one cause, with its blind spots and next test in this case."""
    found, seen = inv.once(health_context), inv.once(observed)
    absent: list[Text] = [
        message("health-not-collected", table=Resource(table), what=value_of(what))
        for table, what in cause.needs.items()
        if not found.collected(table) and not cause.complement
    ]
    if cause.layer == "edge":
        absent += unread(found)
    blind = [in_each_language(text, _sentence) for text in cause.cannot_see]
    return replace(
        finding(cause, health_causes(), seen, SIGNALS),
        not_covered=(*absent, *blind),
        next_test=next_test(cause, seen, lambda text, one: filled_in(found, text, one)),
    )


def _sentence(language: str, text: str) -> str:
    """Return a noun phrase of a cause file as a sentence."""
    return f"{text.rstrip('。')}。" if language == "ja" else as_sentence(text)


def diagnose(inv: Investigation) -> Diagnosis:
    """Return the cause of a slow or failing ``/health``, from the evidence of a case."""
    found, seen = inv.once(health_context), inv.once(detected)
    findings = {cause.cause: _finding(inv, cause) for cause in health_causes()}
    return conclude(found, decide(seen, situation(found)), findings, seen)


def situation(context: HealthContext) -> Situation:
    """Return what a verdict depends on besides the observations."""
    is_incident = context.incident is not None
    return Situation(
        is_incident, is_timed(context), bool(is_incident and spared(context)), edge_visible(context)
    )


def conclude(
    context: HealthContext,
    decision: Decision,
    findings: Mapping[str, Finding],
    observations: Sequence[Observation],
) -> Diagnosis:
    """Return a decision as a diagnosis: in sentences, with the evidence that is missing.

    Parameters
    ----------
    context
        Facts of the investigation.
    decision
        Verdict and ranking.
    findings
        Findings with blind spots and next tests, by cause.
    observations
        What the findings are made of.
    """
    verdict, cause, second = decision.verdict, decision.cause, decision.second
    ranking = tuple(replace(one, finding=findings[one.finding.cause]) for one in decision.ranking)
    others: tuple[str, ...] = ()
    if second is not None and verdict == "supported":
        ranking = both_faults(health_causes(), ranking, second.finding.cause)
        cause, also = (one.finding.cause for one in ranking[:2])
        others = (also,)
        decision = replace(decision, route="pair")
    first = ranking[0]
    probability = {entry.finding.cause: entry.probability for entry in ranking}
    missing = missing_evidence(
        context, probability, deciding_evidence(health_causes(), observations, probability)
    )
    is_supported = verdict == "supported"
    confidence = decision.confidence
    begun, ended = _span(context, cause) if verdict != "no_incident" else (None, None)
    layers = layer_findings(ranking, observations, is_incident=context.incident is not None)
    stopped = next((one.statement for one in observations if one.signal == "arrivals_stopped"), None)
    return Diagnosis(
        question="health",
        case=context.inv.case.name,
        verdict=verdict,
        cause=cause,
        secondary_cause=decision.secondary if is_supported else None,
        other_causes=others,
        confidence=confidence,
        incident_start=begun,
        incident_end=ended,
        ranking=ranking,
        coverage=context.inv.case.coverage(),
        missing_evidence=missing,
        extra={
            "endpoints": list(context.endpoints),
            "confidence_from": {"route": decision.route, "probability": round(decision.probability, 4)},
            "layer": named_layer(layers),
            "layers": [layer.to_dict() for layer in layers],
        },
        summary=(
            what_happened(context, begun, stopped),
            known_layer(layers, stopped) or why(context, ranking, verdict, confidence)
            if verdict == "inconclusive"
            else why(context, ranking, verdict, confidence),
            what_to_do(context, first, verdict, missing, others, observations),
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
