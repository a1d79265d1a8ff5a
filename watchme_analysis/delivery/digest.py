"""Digest of the runs of a system in a period: incidents, harm, drift, cost and alarms without a cause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any

from watchme_analysis.config import load_config
from watchme_analysis.delivery.changes import Incident, QuestionState
from watchme_analysis.delivery.content import Content
from watchme_analysis.delivery.telemetry import TelemetryCost, cost_of
from watchme_analysis.inference.causes import causes
from watchme_analysis.prices import BYTES_PER_GB
from watchme_analysis.queues.accounting import known_total
from watchme_analysis.queues.work_items import unit_of
from watchme_analysis.services.diagnose import QUESTIONS
from watchme_analysis.text.message import (
    Bytes,
    Duration,
    Message,
    Number,
    Resource,
    TimeSpan,
    counts_message,
    message,
    message_from_dict,
    value_of,
)
from watchme_analysis.text.render import label, render
from watchme_analysis.window import Window

# Signals whose statement the digest repeats.
_DRIFTS = ("duration_drifts",)
# Incidents that are listed, latest first; beyond, they are counted.
_LISTED = 10
# Facts of a diagnosis by the name of their sum.
_HARM = {
    "dead_letters": "dead_letters",
    "lost": "lost_messages",
    "missed_work": "work_items",
    "late": "late_messages",
}


@dataclass(frozen=True)
class Digest:
    """Figures of a period.

    ``incidents`` are question and incident, latest first; ``impact_s`` the seconds of the period in which one
    was open. ``dead_letters``, ``lost``, ``missed_work`` and ``late`` are messages that moved to DLQs and
    were lost, work items that were missing, and messages that were late, in these incidents; None where
    unknown. ``drifts`` are sentences on durations that drifted, as messages in JSON. ``gb`` and ``usd`` are
    what log queries scanned, and its price. ``alarms`` are alarm and resource of each alarm that would have
    fired without a cause.
    """

    window: Window
    incidents: tuple[tuple[str, Incident], ...]
    impact_s: float
    dead_letters: int | None
    lost: int | None
    missed_work: int | None
    drifts: tuple[Mapping[str, Any], ...]
    runs: int
    failed_runs: int
    gb: float
    usd: float
    alarms: tuple[tuple[str, str], ...]
    late: int | None = 0
    telemetry: TelemetryCost = field(default_factory=TelemetryCost)


def period_of(span: timedelta, now: datetime, zone: tzinfo) -> Window:
    """Return the period of a digest: it ends at the last midnight, so that each day is in one digest."""
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return Window(midnight - span, midnight)


def digest_of(
    window: Window,
    questions: Mapping[str, QuestionState],
    history: Iterable[Mapping[str, Any]],
    usd_per_gb: float,
) -> Digest:
    """Return the digest of a period, from the state by question and the entries of the runs (``history``)."""
    runs = [entry for entry in history if window.contains(datetime.fromisoformat(entry["started_at"]))]
    incidents = [
        (question, incident)
        for question, state in questions.items()
        for incident in (*filter(None, [state.open]), *state.past)
        if incident.start < window.end and (incident.end is None or incident.end >= window.start)
    ]
    incidents.sort(key=lambda item: item[1].start, reverse=True)
    # The health of endpoints says nothing of messages.
    harm = [_harm(question, incident, runs) for question, incident in incidents if question == "backlog"]
    was_looked_at = any("backlog" in entry.get("figures", {}) for entry in runs)

    def total(name: str) -> int | None:
        return known_total(each[name] for each in harm) if harm else 0 if was_looked_at else None

    figures = [each for entry in runs for each in entry.get("figures", {}).values()]
    drifts = {str(each): each for one in figures for each in one.get("drifts", ())}
    alarms = {
        (alarm["alarm"], alarm["resource"], alarm["first"])
        for one in figures
        for alarm in one.get("alarms_without_cause", ())
        if alarm["first"] and window.contains(datetime.fromisoformat(alarm["first"]))
    }
    gb = sum(entry.get("gb_scanned", 0.0) for entry in runs)
    return Digest(
        window,
        tuple(incidents),
        _open_s(window, [incident for _, incident in incidents]),
        total("dead_letters"),
        total("lost"),
        total("missed_work"),
        tuple(drifts.values()),
        len(runs),
        sum(entry["status"] == "failed" for entry in runs),
        gb,
        gb * usd_per_gb,
        tuple(sorted({(alarm, resource) for alarm, resource, _ in alarms})),
        total("late"),
        cost_of((entry["telemetry"] for entry in runs if entry.get("telemetry")), window.end - window.start),
    )


def figures_of(diagnosis: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of a diagnosis that a digest adds up, for the history of runs."""
    start = (diagnosis.get("incident") or {}).get("start")
    alarms = [
        {"alarm": alarm["alarm"], "resource": alarm["resource"], "first": alarm["sliding"]["first"]}
        for alarm in diagnosis.get("alarms") or ()
        if alarm["sliding"]["times_raised"]
    ]
    facts = {one["id"]: one["value"] for one in diagnosis.get("facts") or ()}
    return {
        **{name: facts.get(fact) for name, fact in _HARM.items()},
        "drifts": [
            item["message"]
            for ranked in diagnosis.get("ranking") or ()
            for item in ranked["evidence"]
            if item.get("signal") in _DRIFTS and item.get("message")
        ][:1],
        "alarms_without_cause": [
            alarm
            for alarm in alarms
            if diagnosis["verdict"] == "no_incident" or (start and alarm["first"] and alarm["first"] < start)
        ],
    }


def _harm(question: str, incident: Incident, runs: Iterable[Mapping[str, Any]]) -> dict[str, int | None]:
    """Return the largest figures of the runs that saw an incident; None where no run knows one."""
    found: dict[str, int | None] = dict.fromkeys(_HARM)
    for entry in runs:
        seen = (entry.get("questions", {}).get(question) or {}).get("incident") or {}
        if not seen.get("start"):
            continue
        start = datetime.fromisoformat(seen["start"])
        if incident.start <= start and (incident.end is None or start <= incident.end):
            figures = entry.get("figures", {}).get(question, {})
            for name, number in found.items():
                known = [each for each in (number, figures.get(name)) if each is not None]
                found[name] = max(known, default=None)
    return found


def _open_s(window: Window, incidents: Iterable[Incident]) -> float:
    """Return the seconds of a window in which at least one incident was open."""
    total, covered = 0.0, window.start
    for incident in sorted(incidents, key=lambda each: each.start):
        start, end = max(incident.start, covered), min(incident.end or window.end, window.end)
        if end > start:
            total += (end - start).total_seconds()
            covered = end
    return total


def digest_content(digest: Digest, system: str, language: str, zone: tzinfo) -> Content:
    """Return the texts of a digest in the language and time zone of the reader."""

    def rendered(text: Message) -> str:
        return render(text, language, zone)

    span = TimeSpan(digest.window.start, digest.window.end)
    found = [
        message("digest-incidents", count=len(digest.incidents), impact=Duration(digest.impact_s)),
        *(_of_incident(question, incident, language) for question, incident in digest.incidents[:_LISTED]),
        message(
            "digest-messages",
            dead=_or_unknown(digest.dead_letters),
            lost=_or_unknown(digest.lost),
            missing=_or_unknown(digest.missed_work),
            unit=unit_of(load_config().work_items),
        ),
        counts_message("digest-late", count=digest.late),
    ]
    if digest.drifts:
        found += [message("digest-drift"), *map(message_from_dict, digest.drifts)]
    if digest.alarms:
        named = [f"{alarm} ({resource})" for alarm, resource in digest.alarms]
        found.append(message("digest-alarms", count=len(named), alarms=named))
    else:
        found.append(message("digest-no-alarms"))
    size, usd = Bytes(digest.gb * BYTES_PER_GB), Number(digest.usd)
    found.append(message("digest-cost", runs=digest.runs, failed=digest.failed_runs, size=size, usd=usd))
    found += _of_telemetry(digest)
    title = rendered(message("digest-title", system=Resource(system), span=span))
    facts = ((label("delivery-system", language), system),)
    return Content(title, (), tuple(map(rendered, found)), (), facts, language)


def _or_unknown(number: int | None) -> Message | int:
    return message("count-unknown") if number is None else number


def _of_telemetry(digest: Digest) -> list[Message]:
    cost = digest.telemetry
    total = digest.usd + cost.alarm_usd + cost.request_usd + (cost.log_usd or 0.0)
    found = [
        message(
            "digest-telemetry",
            usd=Number(total),
            alarms=cost.alarms,
            alarm_usd=Number(cost.alarm_usd),
            metrics=cost.metrics_requested,
            request_usd=Number(cost.request_usd),
        )
    ]
    if cost.log_gb is None or cost.log_usd is None:
        return [*found, message("digest-logs-unknown")]
    size = Bytes(cost.log_gb * BYTES_PER_GB)
    return [*found, message("digest-logs", size=size, usd=Number(cost.log_usd))]


def _of_incident(question: str, incident: Incident, language: str) -> Message:
    titles = {one.cause: one.title for one in causes(question)} if question in QUESTIONS else {}
    title = titles.get(str(incident.cause))
    cause = Resource(label("verdict-name-inconclusive", language)) if title is None else value_of(title)
    return message("digest-incident", span=TimeSpan(incident.start, incident.end), cause=cause)
