"""Why messages piled up, failed or got lost: the diagnosis of a backlog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from watchme_analysis.alarms.standard import standard_alarms
from watchme_analysis.backlog.changes import Change
from watchme_analysis.backlog.hypotheses import faults as backlog_faults
from watchme_analysis.backlog.hypotheses import load as backlog_load
from watchme_analysis.backlog.hypotheses import messages as backlog_messages
from watchme_analysis.backlog.hypotheses import settings as backlog_settings
from watchme_analysis.backlog.hypotheses.leads import backlog_released, died_of_creep, surge_leads
from watchme_analysis.backlog.hypotheses.missing import missing_evidence, unread_dead_letters, unread_dumps
from watchme_analysis.backlog.hypotheses.other_incidents import (
    OtherIncident,
    explained_elsewhere,
    incidents_elsewhere,
    other_incidents,
)
from watchme_analysis.backlog.hypotheses.other_trouble import apart, older_dead_letters, other_trouble
from watchme_analysis.backlog.hypotheses.outside import NEXT_TEST, taken_words
from watchme_analysis.backlog.hypotheses.picture import Picture, change_for, picture
from watchme_analysis.backlog.hypotheses.start import Start
from watchme_analysis.backlog.hypotheses.window import incident_window
from watchme_analysis.inference.findings import Diagnosis, Investigation, Ranked, registered
from watchme_analysis.inference.quoted_error import quoted_error
from watchme_analysis.inference.weighing import aftermath, weigh
from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.queues.work_items import message_work, work_items, work_pairs
from watchme_analysis.text.formats import counted, within_sentence
from watchme_analysis.text.render import render

QUESTION = "backlog"
# From this probability on a cause is named; below, a rival may still be half as likely, and the evidence
# does not separate the causes.
NAMED_AT = 0.7
# Causes for which people switch the mapping off until they are mended.
FAILING = ("consumer_failing", "downstream_down", "downstream_slow", "slow_leak")
# Causes that errors of the function speak for; beside the others, errors may be any day's.
OF_ERRORS = (*FAILING, "poison_messages")
# A model of a few hand-set weights is never surer than this.
SUREST = 0.97
MODULES = (backlog_faults, backlog_load, backlog_messages, backlog_settings)


def diagnose(inv: Investigation) -> Diagnosis:
    """Answer why a backlog came about; see the evidence page for the fields in ``extra``."""
    found = _diagnose(inv)
    view = inv.once(picture)
    others = other_incidents(inv, view, found, _diagnose)
    if found.cause is None:
        others = (*others, *incidents_elsewhere(inv, view, found, _diagnose))
    if found.cause is None and others:
        # What speaks for the cause of another incident does not speak for this one's.
        found = _diagnose(inv, others)
    return replace(
        found,
        extra={**found.extra, "other_incidents": [item.to_dict() for item in others]},
        summary=(*found.summary, *(item.in_words() for item in others), *older_dead_letters(view)),
    )


def _diagnose(inv: Investigation, others: Sequence[OtherIncident] = ()) -> Diagnosis:
    """Answer by the incident that harmed most, given what others are explained by."""
    view = inv.once(picture)
    findings = [explained_elsewhere(inv, entry.found(inv), others) for entry in registered(QUESTION)]
    priors = {entry.cause: entry.prior for entry in registered(QUESTION)}
    ranking = weigh(findings, priors, supported_at=NAMED_AT, may_be_another=True)
    top = ranking[0]
    confidence = min(SUREST, top.probability)
    named = top.probability >= NAMED_AT and top.finding.log_odds > 0
    healthy = named and top.finding.cause == "healthy"
    cause = top.finding.cause if named else None
    begun = end = None
    if not healthy and (cause is not None or view.first_trouble is not None):
        begun, end = incident_window(view, top.finding.cause)
    start = None if begun is None else begun.moment
    secondary = None if cause is None or healthy else secondary_cause(view, cause)
    change = None if cause is None or healthy else change_for(view, cause)
    found = Diagnosis(
        question=QUESTION,
        case=inv.case.name,
        verdict="no_incident" if healthy else "supported" if named else "inconclusive",
        cause=cause,
        secondary_cause=secondary,
        confidence=confidence,
        incident_start=start,
        incident_end=end,
        ranking=ranking,
        coverage=inv.case.coverage(),
        missing_evidence=missing_evidence(inv, view),
        extra={
            **_extra(inv, view, cause, change, begun, (start, end)),
            "error": None if healthy else leading_error(view, cause, secondary),
        },
    )
    return replace(found, summary=_summary(found, view, change, begun, unread_dead_letters(inv, view)))


def secondary_cause(view: Picture, cause: str) -> str | None:
    """Return what a cause set off in turn, or None.

    More arrivals than the API can take, or a backlog let loose at once, make it slow: the runs reach their
    time limit, or take several times as long, only after that. What leaks dies in the end. Slow runs
    hold the concurrency and get others throttled. People switch a mapping off while its function fails.
    """
    for signs in view.affected:
        loaded = (cause == "arrival_surge" and surge_leads(signs)) or (
            cause == "mapping_disabled" and backlog_released(signs)
        )
        if loaded and _saturated(signs):
            return "downstream_saturated"
        if cause == "slow_leak" and died_of_creep(signs):
            return "downstream_down"
        leads = signs.throttles is not None and "throttles" in signs.harms
        if cause in ("arrival_surge", "downstream_slow", "slow_leak") and leads:
            return "throttled"
        if cause in FAILING and backlog_settings.off_after_failures(signs):
            return "mapping_disabled"
    return None


def leading_error(view: Picture, cause: str | None, secondary: str | None) -> dict[str, Any] | None:
    """Return the error that the worst-hit failing function logged most, as :func:`quoted_error` takes it.

    None where the function logged none while it failed, or where the cause is not one of errors.
    """
    if cause is not None and cause not in OF_ERRORS and secondary != "downstream_saturated":
        return None
    for signs in view.affected:
        errors = signs.errors
        if signs.failures is not None and errors.leading and signs.pipeline.function:
            return {
                "function": signs.pipeline.function,
                "text": errors.leading,
                "count": errors.leading_count,
                "total": errors.total,
            }
    return None


def _saturated(signs: QueueAnalysis) -> bool:
    """Tell whether the runs slowed down or timed out after the load had begun."""
    if signs.failures is None or (signs.surge is not None and signs.failures.end <= signs.surge.start):
        return False
    slower = bool(signs.run_before_s and (signs.run_during_s or 0.0) >= 3.0 * signs.run_before_s)
    return (
        slower
        or (signs.timed_out_share or 0.0) >= 0.5
        or signs.errors.share("timeout", "overload", "unreachable") >= 0.5
    )


def _extra(
    inv: Investigation,
    view: Picture,
    cause: str | None,
    change: Change | None,
    begun: Start | None,
    span: tuple[datetime | None, datetime | None],
) -> dict[str, Any]:
    """Return the fields that only this question has."""
    quiet = cause == "healthy"
    affected: Sequence[QueueAnalysis] = () if quiet else view.affected
    by_dlq, lost_dead = _dead_letters(view)
    lost = sum(item.balance.expired + item.balance.purged for item in view.signs) + sum(lost_dead.values())
    # The page asks for the work of all queues as well, which is kept.
    work = message_work(inv, view.signs) if inv.options.get("queue") else work_items(inv)
    dead = work[(work["state"] == "dead_lettered") & ~work["before_window"].fillna(False)]
    missed = dead[~dead["processed"].fillna(False)]
    known = None if cause is None or quiet else begun
    return {
        "queues": sorted(item.pipeline.queue for item in affected),
        "functions": sorted({item.pipeline.function for item in affected if item.pipeline.function}),
        # The event of a trail: a configuration tells when it was changed, and no more.
        "change": change.to_dict() if change is not None and change.is_recorded else None,
        "dead_letters": sum(by_dlq.values()),
        "dead_letters_of_incident": sum(
            item.dead_lettered for item in affected if item not in apart(view, *span)
        ),
        "lost": lost,
        "missed_work": work_pairs(missed),
        "dead_lettered_work": work_pairs(dead),
        **({"unread_dumps": dumps} if (dumps := unread_dumps(inv)) else {}),
        **({"dead_letters_without_work": unread} if (unread := unread_dead_letters(inv, view)) else {}),
        "waiting_work": work_pairs(work[work["state"] == "waiting"]),
        "missed_work_certain": not lost
        and not unread
        and not dumps
        and bool(missed.empty or not any(item.throttles or item.redelivery for item in affected)),
        "incident_start_earliest": None
        if known is None
        else known.earliest.isoformat(timespec="milliseconds"),
        "incident_start_latest": None if known is None else known.latest.isoformat(timespec="milliseconds"),
        "alarms": [
            {**_in_iso(entry), "sliding": _in_iso(entry["sliding"])}
            for entry in standard_alarms(inv, view.flows)
        ],
    }


def _in_iso(alarm: Mapping[str, Any]) -> dict[str, Any]:
    """Return an alarm's entry with the time at which it would first have fired as ISO 8601 text."""
    first = alarm["first"]
    return {**alarm, "first": None if first is None else first.isoformat(timespec="milliseconds")}


def _dead_letters(view: Picture) -> tuple[dict[str, int], dict[str, int]]:
    """Return by dead-letter queue the messages that it took in and those it lost, each message once."""
    taken: dict[str, int] = {}
    lost: dict[str, int] = {}
    for signs in view.signs:
        key, stock = signs.pipeline.dlq or signs.pipeline.queue, signs.balance.dead_letters
        own = signs.dead_lettered if stock.moved_by_all is None else stock.moved_by_all
        taken[key] = max(taken.get(key, 0), own)
        lost[key] = max(lost.get(key, 0), stock.lost)
    return taken, lost


def _bounds(view: Picture, begun: Start | None) -> str:
    """Return between which moments an incident can have begun, where that is more than its period tells."""
    if begun is None or view.focus is None:
        return ""
    if begun.perhaps_before:
        return " (or before this window: none of its runs was well until then)"
    if (begun.latest - begun.earliest).total_seconds() <= 2.0 * view.focus.pipeline.period_s:
        return ""
    return f" (it began between {begun.earliest:%Y-%m-%d %H:%M} UTC and {begun.latest:%Y-%m-%d %H:%M} UTC)"


def _still_waiting(view: Picture) -> str:
    """Return in words how many messages of the affected queues wait at the end, where any do."""
    waiting = sum(item.balance.visible + item.balance.in_flight for item in view.affected)
    off = " behind a mapping that is off" if any(item.stalled for item in view.affected) else ""
    verb = "waits" if waiting == 1 else "wait"
    return f"; {counted(waiting, 'message')} still {verb}{off}" if waiting else ""


def _missing_work(extra: Mapping[str, Any], affected: Sequence[QueueAnalysis] = (), unread: int = 0) -> str:
    """Return in words how much work is missing, and whether that is sure."""
    number, gone = len(extra["missed_work"]), extra["lost"]
    work = f"{counted(number, 'device-day')} of work {'is' if number == 1 else 'are'} missing"
    if gone:
        # Deleted unread: no body is left that would name device and day.
        return (
            f"{work} by what is left, and nothing tells which work the {counted(gone, 'lost message')} held"
        )
    if dumps := extra.get("unread_dumps"):
        return f"{work} by what could be read, and {', '.join(dumps)} could not be"
    if unread:
        letters = counted(unread, "dead letter")
        return f"{work} by the bodies at hand, and nothing here tells which work {letters} held"
    if extra["missed_work_certain"]:
        return work
    late = "throttled" if any(item.throttles for item in affected) else "shown again during a run"
    return f"up to {work} (a message {late} can end well all the same; nothing recorded tells which did)"


def _one_try(view: Picture) -> list[str]:
    """Return in a sentence the queues whose messages have no second try, where that cost some."""
    once = [
        item.pipeline.queue
        for item in view.affected
        if item.dead_lettered and item.pipeline.settings.max_receive_count == 1
    ]
    if not once:
        return []
    return [
        f"A message of {', '.join(once)} has one receive (maxReceiveCount 1): each failed try is a dead "
        "letter, however rare, where three receives or more would let a second try pass."
    ]


def _level(ranking: Sequence[Ranked]) -> int:
    """Return how many causes are about as likely as the likeliest where these are more than two, else 0."""
    level = sum(item.probability >= 0.8 * ranking[0].probability for item in ranking)
    return level if level > 2 else 0


def _undecided(ranking: Sequence[Ranked], titles: dict[str, str]) -> str:
    """Return in a sentence between which causes the evidence does not decide."""
    level, first = _level(ranking), within_sentence(titles[ranking[0].finding.cause])
    if ranking[0].finding.log_odds <= 0:
        return f"Nothing speaks for any of {len(ranking)} causes; " + (
            "none stands out." if level else f"least speaks against “{first}”."
        )
    likely = " or ".join(
        f"“{within_sentence(titles[item.finding.cause])}” ({item.probability:.0%})" for item in ranking[:2]
    )
    if level:
        likely = f"{level} of {len(ranking)} are equally likely, none stands out"
    return f"The evidence does not separate the causes: {likely}."


def _also_changed(found: Diagnosis, view: Picture) -> list[str]:
    """Return in a sentence a change of the function that came right before, where the API is named for it."""
    change = change_for(view, "consumer_failing")
    if found.cause not in ("downstream_slow", "downstream_down") or change is None or not change.is_recorded:
        return []
    return [
        f"{change.what[:1].upper()}{change.what[1:]} on {change.resource} came right before, at "
        f"{change.time:%Y-%m-%d %H:%M} UTC, with no good run in between: rule it out, though what the runs "
        "say speaks for the API."
    ]


def _summary(
    found: Diagnosis, view: Picture, change: Change | None, begun: Start | None, unread: int
) -> tuple[str, ...]:
    """Return a diagnosis in three sentences, and in more what is no work of its cause."""
    ranking, extra, missing = found.ranking, found.extra, found.missing_evidence
    start, end = found.incident_start, found.incident_end
    titles = {entry.cause: render(entry.title) for entry in registered(QUESTION)}
    number = len(view.signs)
    lost = f"{extra['lost']:,d} {'was' if extra['lost'] == 1 else 'were'} lost"
    collect = (
        f"Collect next: {missing[0].what}." if missing else "The case holds all that this question asks for."
    )
    if found.verdict == "no_incident":
        return (
            f"Nothing was late, failing in numbers or lost in {counted(number, 'queue')}.",
            f"{counted(extra['dead_letters'], 'message')} reached dead-letter queues and {lost}.",
            collect,
        )
    top = ranking[0]
    quote = f"{quoted_error(extra['error'])} ".lstrip()
    shows = "show" if len(extra["queues"]) > 1 else "shows"
    taken = [words for item in view.affected if (words := taken_words(item))]
    if found.cause is None and view.focus is not None and view.focus.unmatched_receives is not None:
        return (
            f"{taken[0]} None of {len(ranking)} causes does that.",
            f"{', '.join(extra['queues'])} {shows} trouble"
            + (f" from {start:%Y-%m-%d %H:%M} UTC." if start else "."),
            f"Next: {NEXT_TEST}",
        )
    if found.cause is None:
        return (
            f"{quote}{_undecided(ranking, titles)}",
            f"{', '.join(extra['queues']) or 'No queue'} {shows} trouble"
            + (f" from {start:%Y-%m-%d %H:%M} UTC." if start else "."),
            collect if _level(ranking) else f"{collect} {top.finding.next_test}",
            *_one_try(view),
        )
    others = apart(view, start, end)
    elsewhere = {item.pipeline.queue for item in others}
    touched = ", ".join(queue for queue in extra["queues"] if queue not in elsewhere)
    span = f"from {start:%Y-%m-%d %H:%M} UTC " if start else ""
    span += f"to {end:%Y-%m-%d %H:%M} UTC" if end else "and was still open at the end"
    days = len(view.focus.failing_days) if view.focus and found.cause in FAILING else 0
    span += f", on {days} days at the same time" if days > 1 else ""
    began = f", after {change.what} on {change.resource}" if change else ""
    sure = f"(confidence {found.confidence:.0%})"
    return (
        f"{quote}{titles[found.cause]}{began}{aftermath(found.secondary_cause)} {sure}.",
        f"It touched {touched} {span}{_bounds(view, begun)}; "
        f"{counted(extra['dead_letters'], 'message')} reached dead-letter queues, {lost}, "
        f"{_missing_work(extra, view.affected, unread)}{_still_waiting(view) if end is None else ''}.",
        f"Next: {top.finding.next_test}",
        *_also_changed(found, view),
        *_one_try(view),
        *map(other_trouble, others),
        *taken,
    )
