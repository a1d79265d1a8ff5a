"""The diagnosis of a slow or failing ``/health``: detected signals, weighed for each cause."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from watchme_analysis.health.affected_service import gauges
from watchme_analysis.health.context import KEEP_SLOWDOWN, HealthContext, edge_visible, is_timed
from watchme_analysis.health.context_builder import health_context
from watchme_analysis.health.detectors import detected, health_causes, observed
from watchme_analysis.health.facts import facts, headline, steps
from watchme_analysis.health.judge import Decision, Situation, cause_of, decide, layer_findings, named_layer
from watchme_analysis.health.missing import missing_evidence
from watchme_analysis.health.signals.rules import MOST_NAMED, unread
from watchme_analysis.health.summary import (
    filled_in,
    known_layer,
    layer_name,
    name_in,
    remedy_in,
    what_happened,
    what_to_do,
    why,
)
from watchme_analysis.inference.causes import Remedy, cause_names
from watchme_analysis.inference.findings import Diagnosis, Investigation, Ranked, iso_time
from watchme_analysis.inference.signals import Observation
from watchme_analysis.inference.weighing import exact_title, next_test, undecided
from watchme_analysis.requests.concurrency import pile_up_start
from watchme_analysis.text.formats import as_sentence
from watchme_analysis.text.message import (
    Choice,
    Duration,
    Message,
    Resource,
    Text,
    TimeSpan,
    in_each_language,
    message,
    sentences,
    value_of,
)


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
        name=name_in(context, cause),
        not_covered=(*absent, *blind),
        next_test=next_test(cause, seen, lambda text, one: filled_in(context, text, one)),
    )
    return replace(entry, finding=found)


def _sentence(language: str, text: str) -> str:
    """Return a noun phrase of a cause file as a sentence."""
    return f"{text.rstrip('。')}。" if language == "ja" else as_sentence(text)


def diagnose(inv: Investigation) -> Diagnosis:
    """Return the cause of a slow or failing ``/health``, with the fields below in ``extra``.

    Returns
    -------
    endpoints
        The affected paths.
    fault
        What exactly is at fault, as a title; null where no signal says more than the cause.
    confidence_from
        What the confidence follows from: ``probability`` and the number of independent ``signals``.
    degradation
        Slowdowns that harmed no caller: ``route``, ``start``, ``end`` (null while it continues),
        ``usual_s`` and ``now_s`` (median durations), ``cause`` (null if unknown).
    """
    context, seen = inv.once(health_context), inv.once(detected)
    return conclude(context, decide(seen, situation(context)), seen)


@dataclass(frozen=True)
class Degradation:
    """A slowdown of a route without a failure: from when to when (None while open), and its cause if known.

    ``usual_s`` and ``now_s`` are the median durations outside and during it in seconds.
    """

    route: str
    start: datetime
    end: datetime | None
    usual_s: float
    now_s: float
    cause: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of ``degradation`` in a diagnosis."""
        start, end = iso_time(self.start), iso_time(self.end)
        seconds = {"usual_s": round(self.usual_s, 4), "now_s": round(self.now_s, 4)}
        return {"route": self.route, "start": start, "end": end, **seconds, "cause": self.cause}

    def message(self) -> Message:
        """Return the slowdown in sentences."""
        return message(
            "health-degradation",
            path=Resource(self.route),
            span=TimeSpan(self.start, self.end),
            usual=Duration(self.usual_s),
            now=Duration(self.now_s),
            about=Choice("cause" if self.cause else "none"),
            cause=value_of(cause_names("health")[self.cause]) if self.cause else Resource(""),
        )


def degradation(context: HealthContext) -> tuple[Degradation, ...]:
    """Return the slowdowns that are no incident, by route, the probed first; none beside an incident.

    The cause is the one that an incident of the same requests would have. Without the edge in the evidence,
    none is named.
    """
    if context.slowdown is None:
        return ()
    inv = context.inv
    as_incident = Investigation(inv.case, inv.question, inv.window, {**inv.options, KEEP_SLOWDOWN: "yes"})
    slow = as_incident.once(health_context)
    where = situation(slow)
    decision = decide(as_incident.once(detected), where)
    is_named = decision.verdict == "supported" and where.timed and where.edge_visible
    end = None if context.slowdown.is_open else context.slowdown.end
    found = []
    for route, path in zip(slow.routes, slow.endpoints, strict=True):
        rows = slow.outer_requests[slow.outer_requests["route"] == route]
        during = rows["start"].between(slow.start, slow.end)
        usual_s, now_s = (float(rows.loc[part, "duration_s"].median()) for part in (~during, during))
        # A record that is slow throughout shows the usual duration by its fastest responses alone.
        usual_s = float(slow.affected["usual_s"].median()) if math.isnan(usual_s) else usual_s
        found.append(Degradation(path, slow.start, end, usual_s, now_s, decision.cause if is_named else None))
    return tuple(found)


def _slowdowns(slowed: Sequence[Degradation]) -> Iterator[Message]:
    yield from (one.message() for one in slowed[:MOST_NAMED])
    if len(slowed) > MOST_NAMED:
        yield message("health-degradation-more", routes=len(slowed) - MOST_NAMED)


def situation(context: HealthContext) -> Situation:
    """Return what a verdict depends on besides the observations."""
    return Situation(context.incident is not None, is_timed(context), edge_visible(context))


def conclude(context: HealthContext, decision: Decision, observations: Sequence[Observation]) -> Diagnosis:
    """Return a decision as a diagnosis: in sentences, with the evidence that is missing."""
    verdict, cause = decision.verdict, decision.cause
    seen = context.inv.once(observed)
    ranking = tuple(_with_tests(context, entry, seen) for entry in decision.ranking)
    others = () if decision.other is None else (decision.other,)
    missing = missing_evidence(context, {entry.finding.cause: entry.probability for entry in ranking})
    begun, ended = _span(context, cause) if verdict != "no_incident" else (None, None)
    layers = layer_findings(decision, observations, is_incident=context.incident is not None)
    slowed = degradation(context)
    stopped = next((one.statement for one in observations if one.signal == "arrivals_stopped"), None)
    reason = why(context, ranking, verdict, decision.confidence, others)
    found = Diagnosis(
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
            "degradation": [one.to_dict() for one in slowed],
            "confidence_from": {"probability": round(decision.probability, 4), "signals": decision.signals},
            "layer": cause_of(ranking[0]).layer if verdict == "supported" else named_layer(layers),
            "layers": [layer.to_dict() | {"name": layer_name(context, layer.layer)} for layer in layers],
        },
    )
    known = {one.cause: one for one in health_causes()}

    def remedy(name: str) -> Remedy:
        return remedy_in(context, found, known[name], observations)

    fault = exact_title(found, lambda name: remedy(name).title) if verdict != "no_incident" else None
    names, group = (cause, *others) if cause else (), undecided(ranking)
    # Without a bad request on record the verdict stays open, whatever Nginx says that it could not do. Causes
    # that are not told apart, but agree on what is at fault, need no test to restore service.
    is_shown = (
        context.incident is None and ranking[0].status == "supported" and not cause_of(ranking[0]).complement
    )
    if cause is None and (is_shown or (fault and len(group) > 1)):
        names = (ranking[0].finding.cause,)
    found = replace(found, extra={**found.extra, "fault": fault})
    found = replace(
        found,
        headline=headline(context, found),
        facts=facts(context, found),
        now=steps(
            context,
            found,
            [*map(remedy, names)],
            [(one.name, remedy(one.cause).restore) for one in (entry.finding for entry in group)],
        ),
    )
    return replace(
        found,
        summary=(
            sentences(what_happened(context, begun, stopped), *_slowdowns(slowed)),
            (known_layer(context, layers, stopped) if verdict == "inconclusive" else None) or reason,
            what_to_do(context, found, is_known=bool(names)),
        ),
    )


def _span(context: HealthContext, cause: str | None) -> tuple[datetime | None, datetime | None]:
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
