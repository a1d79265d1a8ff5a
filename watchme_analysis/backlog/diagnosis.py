"""Why messages piled up, failed or got lost: the diagnosis of a backlog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import Any

from watchme_analysis.alarms.trials import standard_alarms
from watchme_analysis.backlog.chain import QueueSignals, cause_named, is_of_log, observed
from watchme_analysis.backlog.changes import Change
from watchme_analysis.backlog.context import BacklogContext, backlog_context
from watchme_analysis.backlog.facts import facts, headline, reaches_end, steps
from watchme_analysis.backlog.judge import QUESTION, Judgement, Undoing, judge
from watchme_analysis.backlog.missing import missing_evidence, unread_dead_letters, unread_dumps
from watchme_analysis.backlog.other_incidents import (
    OtherIncident,
    apart,
    incidents_elsewhere,
    other_incidents,
    set_apart,
    trouble_span,
)
from watchme_analysis.backlog.summary import (
    cause_of,
    filled_in,
    older_dead_letters,
    remedy_in,
    summary,
)
from watchme_analysis.inference.causes import Remedy
from watchme_analysis.inference.confidence import confidence
from watchme_analysis.inference.findings import Diagnosis, Investigation, Ranked, Verdict, iso_time
from watchme_analysis.inference.weighing import exact_title, independent_signals, next_test, undecided
from watchme_analysis.queues.accounting import known_total
from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.queues.error_kinds import LoggedErrors, called_api, logged_errors
from watchme_analysis.queues.work_items import message_work, work_items, work_pairs


def diagnose(inv: Investigation) -> Diagnosis:
    """Return why a backlog came about, with the fields below in ``extra``.

    Returns
    -------
    queues, functions
        The affected ones.
    fault
        What exactly is at fault, as a title; null where no signal says more than the cause.
    api
        URL of the API that the log of the worst-hit function names; null where it names no single one.
    change
        The CloudTrail event that began the incident, or null; without CloudTrail, last modification times
        still date the incident.
    dead_letters
        Messages moved to a DLQ in the window; counts are null where the evidence does not show them.
    dead_letters_of_incident
        The same without other incidents.
    other_incidents
        Of the same queues: ``queue``, ``start``, ``end``, ``moved``, and ``cause`` with ``confidence``, or
        null.
    lost
        Messages purged or expired without being processed.
    error
        The most frequent error of the worst-hit function: ``function``, ``text``, ``count``, ``total``;
        null if the cause does not show as errors.
    missed_work, dead_lettered_work, waiting_work
        Pairs of a work item and its moment, or its local date; null where none is named and not all
        messages were read.
    missed_work_certain
        False if work may have been done (next row), or if messages were lost or their bodies are not in the
        case.
    missed_work_may_have_run
        Why it is an upper bound: ``throttled``, ``redelivered``, ``timed_out`` or ``no_errors`` (the log
        has no error of the failed attempts); else null.
    unread_dumps
        Files of messages that could not be read; absent if there are none.
    dead_letters_without_work
        Messages whose body names no work item; absent if there are none.
    incident_start_earliest, incident_start_latest
        Bounds of the start.
    alarms
        For each standard alarm and resource: ``first`` time in alarm, ``times_raised``,
        ``in_alarm_at_end``, ``uncertainty_s``, on whole periods of the clock (``WallClockWindow``);
        ``sliding`` holds the same for CloudWatch's default window, which pages show.
    """
    context = inv.once(backlog_context)
    found, judged = _diagnose(inv)
    others = other_incidents(inv, context, found, _verdict)
    if found.cause is None:
        elsewhere = incidents_elsewhere(inv, context, judged, _verdict)
        others = (*others, *elsewhere)
    if found.cause is None and others:
        # What shows another incident says nothing about this one.
        found, _ = _diagnose(inv, others)
    return replace(
        found,
        extra={**found.extra, "other_incidents": [item.to_dict() for item in others]},
        summary=(*found.summary, *(item.in_words() for item in others), *older_dead_letters(context)),
    )


def queue_signals(inv: Investigation) -> tuple[QueueSignals, ...]:
    """Return the signals of all queues, the worst-hit first; use as ``inv.once(queue_signals)``."""
    return observed(inv, inv.once(backlog_context))


def _judged(inv: Investigation, others: Sequence[OtherIncident] = ()) -> Judgement:
    """Return the judgement on the incident that harmed most, without the signals of other incidents."""
    return judge(set_apart(inv.once(queue_signals), others), _undoing(inv.once(backlog_context)))


def _verdict(inv: Investigation) -> Diagnosis:
    """Return a diagnosis of verdict, cause, confidence, start and end alone, as another incident needs."""
    return _concluded(inv, _judged(inv))


def _concluded(inv: Investigation, judged: Judgement) -> Diagnosis:
    """Return a judgement as a diagnosis, without what only the main incident's has."""
    cause, top = judged.cause, judged.ranking[0]
    start, end = _bounds(inv.once(backlog_context), judged)
    verdicts: dict[str | None, Verdict] = {"healthy": "no_incident", None: "inconclusive"}
    return Diagnosis(
        question=QUESTION,
        case=inv.case.name,
        verdict=verdicts.get(cause, "supported"),
        cause=cause,
        secondary_cause=judged.secondary_cause,
        confidence=top.probability
        if cause is None
        else confidence(QUESTION, top.probability, independent_signals(top.finding)),
        incident_start=start,
        incident_end=end,
        ranking=judged.ranking,
        coverage=inv.case.coverage(),
    )


def _bounds(context: BacklogContext, judged: Judgement) -> tuple[datetime | None, datetime | None]:
    """Return start and end of the incident: as judged, else those of the worst-hit queue's harm."""
    if judged.span is not None or context.focus is None or judged.cause == "healthy":
        return None if judged.span is None else judged.span.start, judged.end
    span = trouble_span(context.focus)
    if span is None:
        return None, judged.end
    return span[0], None if reaches_end(context.focus) else span[1]


def _diagnose(inv: Investigation, others: Sequence[OtherIncident] = ()) -> tuple[Diagnosis, Judgement]:
    """Return the diagnosis of the incident that harmed most, without the signals of other incidents."""
    context, judged = inv.once(backlog_context), _judged(inv, others)
    cause, healthy = judged.cause, judged.cause == "healthy"
    change = None if cause is None or healthy else _change(context, judged, cause)
    found = replace(
        _concluded(inv, judged),
        ranking=tuple(_with_tests(inv, judged, entry) for entry in judged.ranking),
        missing_evidence=missing_evidence(inv, context),
        extra={
            **_extra(inv, context, judged, change),
            "error": None
            if healthy
            else leading_error(context, judged)
            if context.queues
            else error_of_logs(inv),
        },
    )
    observations = [*chain.from_iterable(one.observations for one in inv.once(queue_signals))]

    def remedy(name: str) -> Remedy:
        queue = judged.shown_by.get(name)
        return remedy_in(context, found, cause_of(context, name, queue), queue, observations, change)

    group, fault = (
        undecided(found.ranking),
        None if healthy else exact_title(found, lambda name: remedy(name).title),
    )
    # Causes that are not told apart, but agree on what is at fault, need no test to restore service.
    named = cause or (group[0].finding.cause if fault and len(group) > 1 else None)
    found = replace(found, extra={**found.extra, "fault": fault})
    queue = judged.shown_by.get(str(cause))
    candidates = [
        (cause_of(context, one, judged.shown_by.get(one)).name, remedy(one).restore)
        for one in (entry.finding.cause for entry in group)
    ]
    found = replace(
        found,
        headline=headline(found, context, inv.table("app_log")),
        facts=facts(inv, context, found, change),
        now=steps(inv, context, found, queue, None if named is None else remedy(named), candidates),
    )
    return replace(found, summary=summary(found, context, judged, change)), judged


def _undoing(context: BacklogContext) -> list[Undoing]:
    """Return the changes that can end a cause, once for each queue that they touch."""
    return [
        Undoing(change.time, queue, change.undoes)
        for change in context.changes
        for queue in change.queues
        if change.undoes
    ]


def _change(context: BacklogContext, judged: Judgement, cause: str) -> Change | None:
    lead = judged.leads.get(cause)
    if lead is None or lead.event is None or lead.span is None:
        return None
    same = (change for change in context.changes if change.time == lead.span.start)
    return next((change for change in same if lead.event in (change.event_name, change.kind)), None)


def _with_tests(inv: Investigation, judged: Judgement, entry: Ranked) -> Ranked:
    """Return a ranked cause with its blind spots and its next test, which names the function."""
    context, name = inv.once(backlog_context), entry.finding.cause
    queue = judged.shown_by.get(name)
    cause = cause_of(context, name, queue)
    observations = chain.from_iterable(one.observations for one in inv.once(queue_signals))
    test = next_test(cause, observations, lambda text, _: filled_in(text, context, queue))
    return replace(entry, finding=replace(entry.finding, not_covered=cause.cannot_see, next_test=test))


def leading_error(context: BacklogContext, judged: Judgement) -> dict[str, Any] | None:
    """Return the error that the worst-hit failing function logged most, as the headline quotes it.

    None where the function logged none while it failed, or where errors say nothing for the cause: beside it,
    they may be any day's.
    """
    named = judged.cause
    about_errors = named is None or any(
        grade > 0 and is_of_log(name) for name, grade in cause_named(named).grades.items()
    )
    if not about_errors and judged.secondary_cause != "downstream_saturated":
        return None
    for queue in context.affected:
        errors = queue.errors
        fails = queue.failures is not None or queue.pipeline.consumer is not None
        if fails and errors.leading and queue.pipeline.drained_by:
            return _quoted(queue.pipeline.drained_by, errors)
    return None if any(queue.errors_counted for queue in context.queues) else _unmeasured_error(context)


def _unmeasured_error(context: BacklogContext) -> dict[str, Any] | None:
    """Return the leading error of a log where nothing counts failures."""
    for queue in context.queues:
        if queue.errors.leading and queue.pipeline.drained_by:
            return _quoted(queue.pipeline.drained_by, queue.errors)
    return None


def error_of_logs(inv: Investigation) -> dict[str, Any] | None:
    """Return the error that a function logged most, for a case without queues; None without errors.

    A log alone, such as the output of `aws logs tail`, shows no failing share of invocations.
    """
    events, queries = inv.table("log_events"), inv.table("log_queries")
    found = {
        str(function): logged_errors(events, queries, str(function))
        for function in events["function"].dropna().unique()
    }
    most = max(found, key=lambda name: (found[name].leading_count, name), default=None)
    return None if most is None or not found[most].leading else _quoted(most, found[most])


def _quoted(function: str, errors: LoggedErrors) -> dict[str, Any]:
    """Return the leading error of a function's log as a field of the diagnosis."""
    return {
        "function": function,
        "text": errors.leading,
        "count": errors.leading_count,
        "total": errors.total,
        "requests": errors.requests or None,
        "first": iso_time(errors.first),
        "last": iso_time(errors.last),
        "truncated": errors.truncated,
    }


def _extra(
    inv: Investigation, context: BacklogContext, judged: Judgement, change: Change | None
) -> dict[str, Any]:
    healthy = judged.cause == "healthy"
    affected = () if healthy else context.affected
    start = None if judged.span is None else judged.span.start
    dead_letters, lost = _dead_letters(context)
    # The page asks for the work of all queues as well, which is kept.
    work = message_work(inv, context.queues) if inv.options.get("queue") else work_items(inv)
    dead = work[(work["state"] == "dead_lettered") & ~work["before_window"].fillna(False)]
    missed = dead[~dead["processed"].fillna(False)]
    known = None if judged.cause is None or healthy else judged.span
    elsewhere = apart(context, start, judged.end)
    unread, dumps = unread_dead_letters(inv, context), unread_dumps(inv)
    # An empty list states that there is no such work, which only whole evidence shows.
    all_seen = dead_letters is not None and not unread and not dumps
    missed_pairs, dead_pairs = work_pairs(missed), work_pairs(dead)
    reasons = [item.may_have_run for item in context.queues if item.pipeline.queue in set(missed["queue"])]
    may_have_run = next(filter(None, reasons), None)
    waiting_pairs = work_pairs(work[work["state"] == "waiting"])
    of_incident = known_total(_taken(item) for item in affected if item not in elsewhere)
    return {
        "queues": sorted(item.pipeline.queue for item in affected),
        "api": None
        if context.focus is None
        else called_api(inv.table("log_events"), context.focus.pipeline.function),
        "functions": sorted({item.pipeline.function for item in affected if item.pipeline.function}),
        # The event of a trail: a configuration tells when it was changed, and no more.
        "change": change.to_dict() if change is not None and change.is_recorded else None,
        "dead_letters": dead_letters,
        "dead_letters_of_incident": 0 if not affected and dead_letters is not None else of_incident,
        "lost": lost,
        "missed_work": missed_pairs if missed_pairs or (all_seen and lost == 0) else None,
        "dead_lettered_work": dead_pairs if dead_pairs or all_seen else None,
        **({"unread_dumps": dumps} if dumps else {}),
        **({"dead_letters_without_work": unread} if unread else {}),
        "waiting_work": waiting_pairs if waiting_pairs or _nothing_waits(context) else None,
        "missed_work_certain": all_seen and lost == 0 and may_have_run is None,
        "missed_work_may_have_run": may_have_run,
        "incident_start_earliest": iso_time(None if known is None else known.earliest),
        "incident_start_latest": iso_time(None if known is None else known.latest),
        "alarms": [
            {**_in_iso(entry), "sliding": _in_iso(entry["sliding"])}
            for entry in standard_alarms(inv, context.pipelines)
        ],
    }


def _in_iso(alarm: Mapping[str, Any]) -> dict[str, Any]:
    """Return an alarm's entry with the time at which it would first have fired as ISO 8601 text."""
    return {**alarm, "first": iso_time(alarm["first"])}


def _taken(queue: QueueAnalysis) -> int | None:
    """Return the messages that a queue moved to its DLQ; None where no evidence shows it.

    Without its attributes, a queue whose DLQ is not named may have one.
    """
    pipeline = queue.pipeline
    unnamed = pipeline.dlq is None and pipeline.settings.visibility_timeout_s is None
    return None if unnamed else queue.balance.dead_lettered


def _dead_letters(context: BacklogContext) -> tuple[int | None, int | None]:
    """Return the messages that the DLQs took in and those that were lost, each once; None where unknown."""
    taken: dict[str, int | None] = {}
    lost: dict[str, int] = {}
    for queue in context.queues:
        key, stock = queue.pipeline.dlq or queue.pipeline.queue, queue.balance.dead_letters
        own = _taken(queue) if stock.moved_by_all is None else stock.moved_by_all
        seen = taken.get(key)
        taken[key] = own if seen is None else max(seen, own or 0)
        lost[key] = max(lost.get(key, 0), stock.lost)
    balances = [queue.balance for queue in context.queues]
    # A balance that is open for lack of counts does not show a loss.
    left = [None if each.unexplained is None else 0 for each in balances]
    gone = sum(each.expired + each.purged for each in balances) + sum(lost.values())
    return known_total(taken.values()), known_total([*left, *([gone] if left else [])])


def _nothing_waits(context: BacklogContext) -> bool:
    """Return True where the evidence shows that no queue holds a message."""
    return bool(context.queues) and all(
        {"visible", "in_flight"} <= item.pipeline.queried
        and item.balance.visible + item.balance.in_flight == 0
        for item in context.queues
    )
