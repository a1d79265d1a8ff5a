"""From weighed findings to a verdict, its sentences, and the next test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from watchme_analysis.health.application_errors import monitored_routes
from watchme_analysis.health.hypotheses.decision import (
    Decision,
    Situation,
    is_before_application,
)
from watchme_analysis.health.hypotheses.facts import Facts
from watchme_analysis.health.hypotheses.layers import LayerFinding, layer_findings, named_layer
from watchme_analysis.health.hypotheses.localisation import edge_visible
from watchme_analysis.health.hypotheses.missing import missing_evidence
from watchme_analysis.health.hypotheses.next import filled_in
from watchme_analysis.health.hypotheses.process import gauges
from watchme_analysis.health.hypotheses.signals import health_causes
from watchme_analysis.health.incident import find_brief_failure, judge_requests
from watchme_analysis.inference.causes import cause_names
from watchme_analysis.inference.engine import deciding_evidence
from watchme_analysis.inference.findings import Diagnosis, Finding, Missing, Ranked, Verdict
from watchme_analysis.inference.layers import both_faults
from watchme_analysis.inference.signals import Observation
from watchme_analysis.requests.concurrency import pile_up_start
from watchme_analysis.text.message import (
    Code,
    Duration,
    Message,
    Phrases,
    Probability,
    Resource,
    Text,
    TimeSpan,
    message,
    sentences,
    value_of,
)

# Share of what callers met that must have a duration before slowness can be ruled out; else so many probes
# from outside, over so much of the record, would have met it.
TIMED_SHARE = 0.3
ENOUGH_PROBES, PROBED_SHARE = 20, 0.8


def situation(found: Facts) -> Situation:
    """Return what a verdict depends on besides the observations."""
    is_incident = found.incident is not None
    return Situation(is_incident, _timed(found), bool(is_incident and _spared(found)), edge_visible(found))


def conclude(
    found: Facts,
    decision: Decision,
    findings: Mapping[str, Finding],
    observations: Sequence[Observation],
) -> Diagnosis:
    """State a decision in sentences, with the evidence that is missing.

    Parameters
    ----------
    found
        The facts.
    decision
        Verdict and ranking.
    findings
        Findings with blind spots and next tests, by cause.
    observations
        What the findings are made of.
    """
    verdict, cause, second = decision.verdict, decision.cause, decision.second
    ranking = tuple(replace(one, finding=findings[one.finding.cause]) for one in decision.ranking)
    if second is not None and verdict == "supported":
        ranking = both_faults(ranking, second.finding.cause)
    first = ranking[0]
    probability = {entry.finding.cause: entry.probability for entry in ranking}
    missing = missing_evidence(
        found, probability, deciding_evidence(health_causes(), observations, probability)
    )
    is_supported = verdict == "supported"
    also = second.finding.cause if is_supported and second is not None else None
    others = (also,) if also is not None else ()
    if others:
        decision = replace(decision, route="pair")
    confidence = decision.confidence
    begun, ended = _span(found, cause) if verdict != "no_incident" else (None, None)
    layers = layer_findings(ranking, observations, is_incident=found.incident is not None)
    return Diagnosis(
        question="health",
        case=found.inv.case.name,
        verdict=verdict,
        cause=cause,
        secondary_cause=decision.secondary if is_supported else None,
        other_causes=others,
        confidence=confidence,
        incident_start=begun,
        incident_end=ended,
        ranking=ranking,
        coverage=found.inv.case.coverage(),
        missing_evidence=missing,
        extra={
            "endpoints": list(found.endpoints),
            "confidence_from": {
                "route": decision.route,
                "probability": round(decision.probability, 4),
            },
            "layer": named_layer(layers),
            "layers": [layer.to_dict() for layer in layers],
        },
        summary=(
            _what(found, begun),
            _known_layer(layers) or _why(found, ranking, verdict, confidence)
            if verdict == "inconclusive"
            else _why(found, ranking, verdict, confidence),
            _next(found, first, verdict, missing, others),
        ),
    )


def _known_layer(layers: Sequence[LayerFinding]) -> Text:
    """Return which layer is at fault, or which two remain, and what shows it; empty where more remain."""
    remaining = [layer for layer in layers if layer.status != "refuted"]
    if named := named_layer(layers):
        probability = Probability(layers[0].probability)
        said = message("health-layer-named", layer=message(f"layer-{named}"), probability=probability)
        return sentences(said, layers[0].sentence)
    if len(remaining) > 2:
        return ""
    names = Phrases(tuple(message(f"layer-{layer.layer}") for layer in remaining))
    shown = next((layer.sentence for layer in remaining if layer.sentence), None)
    return sentences(message("health-layers-left", layers=names), shown)


def _span(found: Facts, cause: str | None) -> tuple[datetime | None, datetime | None]:
    """Return when the trouble began and ended (None while open)."""
    incident = found.incident
    if incident is None:
        return None, None
    return _began(found, cause), None if incident.is_open else incident.end


def _began(found: Facts, cause: str | None) -> datetime:
    """Return when the trouble began: for a pool of threads, when it began to fill."""
    if cause == "app_threadpool":
        wide = gauges(found)
        if "in_flight" in wide:
            return pile_up_start(wide["in_flight"], found.start)
    return found.start


def _timed(found: Facts) -> bool:
    """Tell whether the evidence would have shown a slow endpoint."""
    outer = found.outer
    timed = outer["duration_s"].notna()
    if len(outer) > 0 and timed.mean() >= TIMED_SHARE:
        return True
    probed = outer.loc[timed & (outer["vantage"] == "outside"), "start"]
    if len(probed) < ENOUGH_PROBES:
        return False
    whole, covered = (moments.max() - moments.min() for moments in (outer["start"], probed))
    return bool(covered >= PROBED_SHARE * whole)


def _spared(found: Facts) -> list[str]:
    """Return the endpoints asked about that the affected process served well all along."""
    if found.inv.options.get("endpoint"):
        return []
    return sorted(monitored_routes(found.observed) & set(found.calm_neighbours()))


def _what(found: Facts, begun: datetime | None) -> Text:
    incident = found.incident
    outer = found.outer
    if incident is None:
        judged = found.outer_requests
        bad, total = int(judged["bad"].sum()), len(judged)
        calm = message("health-all-well", bad=bad, total=total) if total else message("health-no-requests")
        brief = find_brief_failure(found.observed)
        return sentences(calm, _brief(*brief) if brief else None, *_own_errors(found), *_held_back(found))
    rows = outer[outer["during"] & outer["route"].isin(incident.routes)]
    middle, usual = _medians(found)
    piled = begun is not None and begun < incident.start
    return sentences(
        message(
            "health-incident",
            paths=found.endpoints,
            bad=int(incident.count),
            requests=int(incident.base),
            failed=int(judge_requests(rows)["failed"].sum()),
            span=TimeSpan(incident.start, None if incident.is_open else incident.end),
        ),
        message("health-median-rose", usual=Duration(usual), during=Duration(middle))
        if middle > 1.5 * usual
        else None,
        message("health-piled-up", begun=begun) if piled and begun is not None else None,
        *_held_back(found),
    )


def _own_errors(found: Facts) -> list[Message]:
    """Return which endpoints, beside those probed, the application answered with errors of its own."""
    once = found.own_errors.drop_duplicates("row")
    said = []
    for route, rows in once.groupby("route"):
        path = Resource(str(route))
        if rows["status"].eq(499).all():
            said.append(message("health-callers-left", path=path, requests=len(rows)))
            continue
        statuses = [int(status) for status in rows["status"].value_counts().index]
        said.append(message("health-own-errors", path=path, requests=len(rows), statuses=statuses))
    return said


def _held_back(found: Facts) -> list[Message]:
    """Return a sentence for each path on which a limit of Nginx refused requests beyond the usual."""
    said = []
    for route, seen in found.held_back.groupby("route"):
        rows = seen[seen["vantage"] == seen["vantage"].mode().iloc[0]]
        said.append(
            message(
                "health-held-back",
                path=Resource(str(route)),
                requests=len(rows),
                statuses=[int(status) for status in rows["status"].value_counts().index],
                span=TimeSpan(rows["start"].min().to_pydatetime(), rows["start"].max().to_pydatetime()),
            )
        )
    return said


def _brief(start: datetime, end: datetime, bad: int) -> Message:
    lasted = Duration((end - start).total_seconds())
    return message("health-brief-failure", start=start, bad=bad, lasted=lasted)


def _medians(found: Facts) -> tuple[float, float]:
    rows = found.observed[found.observed["route"].isin(found.routes[:1])]
    for vantage in ("outside", "edge", "nginx"):
        mine = rows[(rows["vantage"] == vantage) & rows["duration_s"].notna()]
        during, usual = mine.loc[mine["during"], "duration_s"], mine.loc[~mine["during"], "duration_s"]
        if len(during) >= 3 and len(usual) >= 3:
            return float(during.median()), float(usual.median())
    return float("nan"), float("nan")


def _not_cleared(found: Facts) -> Message:
    """Return why a record without an incident does not show that nothing happened."""
    if not _timed(found):
        return message("health-no-times")
    return message("health-too-little" if edge_visible(found) else "health-edge-not-cleared")


def _why(found: Facts, ranking: Sequence[Ranked], verdict: Verdict, confidence: float) -> Text:
    first, names = ranking[0], cause_names("health")
    if verdict == "no_incident":
        brief = find_brief_failure(found.observed)
        return message("health-no-cause-needed" if brief is None else "health-brief-no-cause")
    if verdict == "inconclusive" and found.incident is None:
        return _not_cleared(found)
    if (
        verdict == "inconclusive"
        and not is_before_application(first.finding.cause)
        and (spared := _spared(found))
    ):
        return message(
            "health-spared",
            spared=spared,
            paths=found.endpoints,
            cause=value_of(names[first.finding.cause]),
            probability=Probability(first.probability),
            option=Code("--endpoint"),
        )
    if verdict == "inconclusive":
        open_causes = tuple(
            message(
                "cause-in-question",
                cause=value_of(names[entry.finding.cause]),
                probability=Probability(entry.probability),
            )
            for entry in ranking
            if entry.probability >= 0.1
        )
        return message("health-not-separated", causes=Phrases(open_causes))
    finding = first.finding
    best = next((item for item in finding.evidence if item.weight > 0), None)
    reason = finding.detail or (best.statement if best else None)
    cause = value_of(names[finding.cause])
    second = next((entry.finding for entry in ranking[1:] if entry.status == "supported"), None)
    if second is not None:
        both = message("health-two-causes", first=cause, second=value_of(names[second.cause]))
        return sentences(both, reason, second.detail)
    return sentences(message("health-cause", cause=cause, confidence=Probability(confidence)), reason)


def _next(
    found: Facts, first: Ranked, verdict: Verdict, missing: Sequence[Missing], others: Sequence[str]
) -> Text:
    if verdict == "no_incident":
        return message("health-do-nothing")
    if verdict == "inconclusive" and missing:
        item = missing[0]
        return message("health-collect-next", what=value_of(item.what), why=value_of(item.why))
    if verdict == "supported":
        remedies = {one.cause: one.remedy for one in health_causes()}
        named = (first.finding.cause, *others)
        return sentences(
            *(message("health-remedy", remedy=value_of(filled_in(found, remedies[cause]))) for cause in named)
        )
    return message("health-next-test", test=value_of(first.finding.next_test))
