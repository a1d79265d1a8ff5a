"""What is known of a backlog without any cause: its headline and figures; and what to do now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.backlog.changes import Change, change_before
from watchme_analysis.backlog.context import BacklogContext
from watchme_analysis.backlog.judge import QUESTION
from watchme_analysis.backlog.missing import asks_for_consumer, pull_command
from watchme_analysis.backlog.other_incidents import trouble_span
from watchme_analysis.backlog.summary import filled_in
from watchme_analysis.inference.causes import Remedy, saves
from watchme_analysis.inference.findings import (
    Diagnosis,
    Fact,
    Investigation,
    Step,
    begun,
    error_times_fact,
    fact,
    iso_time,
    state_fact,
    time_span,
)
from watchme_analysis.inference.known_lines import brief_line, unknown_lines
from watchme_analysis.present.short_answer import next_steps, remedy_steps
from watchme_analysis.queues.accounting import known_total
from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.queues.consumers import Consumer
from watchme_analysis.queues.drain import drain_rows
from watchme_analysis.queues.standing import BACKLOG_AGE_S
from watchme_analysis.queues.work_items import unit_of, work_item_settings
from watchme_analysis.text.message import (
    Choice,
    Count,
    Duration,
    Instant,
    Message,
    Names,
    Number,
    Quotation,
    Resource,
    Share,
    Text,
    TimeSpan,
    Value,
    message,
    sentences,
)

if TYPE_CHECKING:
    import pandas as pd

# Intervals at the end of a record that may lack their points, and over which nothing deleted is a standstill.
LAST_INTERVALS = 3
# Span before the end over which a backlog's growth is measured.
GROWTH_SPAN = timedelta(hours=1)
# Points of percent from which on a rise of the CPU is a fact, by choice.
CPU_ROSE = 20.0
# A silence of arrivals is stated if it is this many times as long as any before it, and so long in seconds
# that points of CloudWatch which come late do not explain it; both by choice.
SILENCE_RATIO = 2
SILENCE_S = 900.0
# An idle queue has points for so long in seconds, then none ("Available CloudWatch metrics for Amazon SQS").
ACTIVE_S = 6 * 3600.0
# Affected resources that are named; others are counted.
MOST_AFFECTED = 6
# Share of failed invocations from which failing itself is the headline, beside a backlog.
MOSTLY = 0.5


def reaches_end(queue: QueueAnalysis) -> bool:
    """Return whether messages wait at the end of a queue's record, or its trouble reaches that end."""
    span, frame = trouble_span(queue), queue.pipeline.frame
    open_backlog = queue.worst is not None and queue.worst.is_open
    last = timedelta(seconds=LAST_INTERVALS * queue.pipeline.period_s)
    return open_backlog or (span is not None and len(frame) > 0 and span[1] >= frame.index[-1] - last)


def headline(found: Diagnosis, context: BacklogContext, app_log: pd.DataFrame) -> Text:
    """Return in one sentence what fails or waits, since when, with the error in its own words."""
    if found.verdict == "no_incident":
        return sentences(
            *map(_silent, context.queues), message("backlog-all-well", queues=len(context.queues))
        )
    error = found.extra.get("error")
    queue = context.focus
    # A line without a level is not counted as an error, but a known program may have written it.
    line = None if error else brief_line(found.ranking)
    if queue is None:
        if error:
            return _of_logged(_most_waiting(context), error)
        if waiting := _most_waiting(context):
            return sentences(_of_waiting(waiting, _waiting(waiting) or 0, _oldest_s(waiting)), line)
        if lesser := _most_harmed(context):
            return sentences(_of_lesser_harm(found, lesser), line)
        measured = any(item.pipeline.queried for item in context.queues)
        kind = "affected" if measured else "measured" if context.queues else "recorded"
        lines = None if context.queues else line or unknown_lines(app_log)
        return lines or sentences(*map(_silent, context.queues)) or message(f"backlog-no-queue-{kind}")
    return sentences(_of_queue(found, queue, error), line)


def _arrivals_stopped(queue: QueueAnalysis) -> tuple[datetime, float] | None:
    """Return since when no message has arrived, and how many did per hour before; None where some arrive."""
    pipeline, points = queue.pipeline, queue.pipeline.frame["sent"]
    sent = points.fillna(0).to_numpy(float)
    filled = sent.nonzero()[0]
    if "sent" not in pipeline.queried or len(filled) < 2:
        return None
    last, longest = int(filled[-1]), int((filled[1:] - filled[:-1]).max()) - 1
    silent = len(sent) - 1 - last
    # A point that is missing while the queue is active may have been an arrival.
    if points.iloc[last + 1 :][: int(ACTIVE_S // pipeline.period_s)].isna().any():
        return None
    if silent * pipeline.period_s < SILENCE_S or silent <= SILENCE_RATIO * longest:
        return None
    hours = (last + 1 - filled[0]) * pipeline.period_s / 3600
    return pipeline.frame.index[last + 1].to_pydatetime(), float(sent.sum()) / hours


def _silent(queue: QueueAnalysis) -> Message | None:
    """Return that no message arrives any more in a queue, if so."""
    stopped = _arrivals_stopped(queue)
    if stopped is None:
        return None
    since, per_hour = stopped
    name = Resource(queue.pipeline.queue)
    return message("headline-no-arrivals", queue=name, since=Instant(since), per_hour=Number(per_hour))


def _of_logged(waiting: QueueAnalysis | None, error: dict[str, Any]) -> Text:
    """Return how many messages wait, if any, and the error that the consumer logged most."""
    times = [datetime.fromisoformat(error[name]) for name in ("first", "last") if error[name]]
    logged = message(
        "headline-logged",
        function=Resource(error["function"]),
        count=int(error["count"]),
        error=Quotation(str(error["text"]).rstrip(". ")),
        timed=Choice("known" if times else "unknown"),
        span=TimeSpan(times[0], times[-1]) if times else message("count-unknown"),
    )
    number = None if waiting is None else _waiting(waiting)
    return (
        sentences(_of_waiting(waiting, number, _oldest_s(waiting)), logged) if waiting and number else logged
    )


def _of_queue(found: Diagnosis, queue: QueueAnalysis, error: dict[str, Any] | None) -> Text:
    """Return the headline of the worst-hit queue, by the harm that most messages met."""
    pipeline, failures, worst = queue.pipeline, queue.failures, queue.worst
    is_open = found.incident_end is None
    failed = 0.0 if failures is None else failures.count
    if failures is not None and (
        failures.rate >= MOSTLY or worst is None or failed + queue.dead_lettered >= worst.peak_visible
    ):
        about_it = error if error and error["function"] == pipeline.function else None
        attempts = Choice("messages" if pipeline.by_message else "invocations")
        part = message("headline-share", share=Share(failures.rate), attempts=attempts)
        if failures.count >= failures.base:
            part = message("headline-every", attempts=attempts)
        return message(
            "headline-failing",
            who=Resource(pipeline.function or pipeline.queue),
            part=part,
            said=Choice("error" if about_it else "none"),
            error=Quotation(str(about_it["text"]).rstrip(". ")) if about_it else Resource(""),
            **_spanned(found, queue, failures.start, failures.end),
        )
    now, stopped = _waiting(queue), _undeleted_since(queue)
    if worst is not None or (now and (queue.unpolled is not None or queue.stalled)):
        first_bad, last_bad = trouble_span(queue) or (found.incident_start, found.incident_end)
        age_s = _oldest_s(queue) if is_open else worst.peak_age_s if worst else None
        shown = now if is_open and now is not None else round(worst.peak_visible) if worst else now or 0
        span = _spanned(found, queue, first_bad, last_bad or first_bad) if first_bad else {}
        waits = _of_waiting(queue, shown, age_s, stopped if is_open else None, **span)
        return sentences(waits, _of_logged(None, error)) if error and not queue.errors_counted else waits
    if error and not queue.errors_counted:
        return _of_logged(queue, error)
    return _of_lesser_harm(found, queue)


def _spanned(found: Diagnosis, queue: QueueAnalysis, start: datetime, end: datetime) -> dict[str, Any]:
    """Return start and end of a queue's harm as a headline states them."""
    step, first = timedelta(seconds=queue.pipeline.period_s), _record_start(queue)
    # The change that ended an incident is known to the second, its last interval is not.
    ended = found.incident_end
    end = ended if ended is not None and abs(ended - end) <= step else end
    state = Choice("open" if ended is None else "ended")
    return {"state": state, "start": begun(start, first), "span": time_span(start, end, first)}


def _of_waiting(
    queue: QueueAnalysis, waiting: int, age_s: float | None, stopped: datetime | None = None, **span: Any
) -> Text:
    """Return how many messages of a queue wait, how old the oldest is, and since when none was deleted."""
    return message(
        "headline-waiting",
        queue=Resource(queue.pipeline.queue),
        waiting=waiting,
        aged=Choice("known" if age_s else "unknown"),
        age=Duration(age_s or 0.0),
        deletes=Choice("unknown" if stopped is None else "stopped"),
        since=stopped or message("count-unknown"),
        **{"state": Choice("open"), **span},
    )


def _most_harmed(context: BacklogContext) -> QueueAnalysis | None:
    """Return the queue with most DLQ messages, else with most throttles; None where no queue has any."""

    def harm(queue: QueueAnalysis) -> tuple[int, float]:
        return queue.dead_lettered, 0.0 if queue.throttles is None else queue.throttles.count

    return max((one for one in context.queues if any(harm(one))), key=harm, default=None)


def _of_lesser_harm(found: Diagnosis, queue: QueueAnalysis) -> Text:
    """Return the headline of a queue whose messages do not fail, and whose waiting ones are not late."""
    pipeline, span, throttles = queue.pipeline, trouble_span(queue), queue.throttles
    name = Resource(pipeline.queue)
    harms: list[Text] = []
    times: dict[str, Value] = {}
    if queue.dead_lettered:
        times = {"state": Choice("undated")} if span is None else _spanned(found, queue, *span)
        harms.append(message("headline-dead-letters", queue=name, dead=queue.dead_lettered, **times))
    if queue.balance.lost:
        harms.append(message("headline-lost", queue=name, lost=queue.balance.lost))
    if throttles is not None:
        function = Resource(pipeline.function or pipeline.queue)
        throttled = _spanned(found, queue, throttles.start, throttles.end)
        # No span is stated twice.
        if throttled == times:
            throttled = {"state": Choice("same")}
        harms.append(
            message("headline-throttled", function=function, count=round(throttles.count), **throttled)
        )
    if waiting := _waiting(queue):
        harms.insert(0, _of_waiting(queue, waiting, _oldest_s(queue)))
    if harms:
        return sentences(*harms)
    if found.incident_start is None:
        return message("backlog-queue-affected", queue=name)
    return message("backlog-queue-affected-since", queue=name, since=found.incident_start)


def facts(
    inv: Investigation, context: BacklogContext, found: Diagnosis, change: Change | None
) -> tuple[Fact, ...]:
    """Return the figures of a backlog, of the affected queues; of all queues without an incident."""
    extra, calm = found.extra, found.verdict == "no_incident"
    consumers = [one for item in context.affected if (one := item.pipeline.consumer) is not None]
    named = (*extra["queues"], *extra["functions"], *(one.name for one in consumers))
    names = [*filter(None, named)]
    queues = context.affected or context.queues
    troubles = [(first, queue) for queue in context.affected if (first := queue.first_trouble()) is not None]
    harmed = None if names or calm else _most_waiting(context) or _most_harmed(context)
    if harmed is not None:
        names = [harmed.pipeline.queue]
    error = extra.get("error")
    # A program that logs errors is affected as a function is, whose invocations fail.
    if error and not calm:
        names = [*dict.fromkeys((*names, str(error["function"])))]
    start = None if calm else min((first for first, _ in troubles), default=found.incident_start)
    if start is None and harmed is not None and (span := trouble_span(harmed)) is not None:
        start = span[0]
    earlier = next((_record_start(queue) for first, queue in troubles if first == start), None)
    state = None if start is None else "open" if found.incident_end is None else "ended"
    waiting = known_total(map(_waiting, queues))
    ages = [age for item in queues if (age := _oldest_s(item)) is not None]
    oldest = max(ages, default=None)
    columns = [item.pipeline.frame["age_s"].dropna() for item in queues]
    oldest_peak = max((float(column.max()) for column in columns if len(column)), default=None)
    peaks = [
        max(item.pipeline.frame["visible"].max(), _waiting(item) or 0)
        for item in queues
        if "visible" in item.pipeline.queried
    ]
    # What was read at the end may be later than the last point of the metric.
    peak = round(max(peaks)) if peaks and max(peaks) >= 0 else None
    failing = [item.failures for item in context.affected if item.failures is not None]
    counted = bool(queues) and all(item.errors_counted for item in queues)
    failed = round(sum(one.count for one in failing)) if failing else 0 if counted else None
    tried = round(sum(one.base for one in failing))
    shown_failed: Value | int = message("count-unknown") if failed is None else failed
    if failed:
        shown_failed = message("fact-of-total", part=failed, total=tried)
        if len(failing) > 1:
            # The headline states the share of one.
            shown_failed = message(
                "fact-of-functions",
                part=failed,
                total=tried,
                functions=len(failing),
                share=Share(failed / tried),
            )
    attempts = "messages" if any(item.pipeline.by_message for item in context.affected) else "invocations"
    missed = None if extra["missed_work_may_have_run"] else extra["missed_work"]
    unit = unit_of(work_item_settings(inv))
    # Messages that wait name work, too, which is not known while nobody has read them.
    items = None if missed is None or (waiting and not missed) else len(missed)
    dated = [error[name] for name in ("first", "last") if error[name]] if error else []
    listed = [
        fact("affected_resource", names if names or calm else None, Names(tuple(names), limit=MOST_AFFECTED)),
        fact("first_harm", iso_time(start), None if start is None else _first(context, start, earlier)),
        *([error_times_fact(dated[0], dated[-1])] if start is None and dated else []),
        state_fact(state, _last_harm(context, found), _ending(inv, context, found)),
        inv.data_end(),
        _preceding(inv, context, start, change),
        *map(_consumer, consumers),
        *_with_peak("waiting_now", waiting, "waiting_peak", peak, "messages", Count),
        *_with_peak("oldest_age", oldest, "oldest_age_peak", oldest_peak, "s", Duration),
        *(_prospects(context) if waiting else ()),
        *(
            Fact("arrivals_stopped", iso_time(stopped[0]), None, replace(said, id="fact-arrivals-stopped"))
            for queue in queues
            if (stopped := _arrivals_stopped(queue)) and (said := _silent(queue))
        ),
        Fact(
            "failed_invocations",
            failed,
            attempts,
            message("fact-failed-invocations", attempts=Choice(attempts), value=shown_failed),
        ),
        fact("late_messages", known_total(map(_late, queues)), unit="messages"),
        *_host_cpu(context, start, found.incident_end),
        _messages(
            "dead_letters",
            extra["dead_letters_of_incident" if context.affected or calm else "dead_letters"],
        ),
        fact("lost_messages", extra["lost"], unit="messages"),
        Fact(
            "work_items",
            items,
            message("value", value=unit),
            message("fact-work-items", unit=unit, value=message("count-unknown") if items is None else items),
        ),
    ]
    if consumers and not extra["functions"]:
        listed = [one for one in listed if one.id != "failed_invocations"]
    if calm:
        listed = [one for one in listed if one.id not in ("first_harm", "state", "preceding_change")]
    if error:
        listed.append(fact("error", str(error["text"]), Quotation(str(error["text"]))))
    return tuple(listed)


def _first(context: BacklogContext, start: datetime, earlier: datetime | None) -> Value:
    """Return the start of harm, with its kind where failures, which the headline dates, came later."""
    shown, focus = begun(start, earlier), context.focus
    slow = any(queue.slow is not None and queue.slow.start == start for queue in context.affected)
    if not slow or focus is None or focus.failures is None or focus.failures.start <= start:
        return shown
    return message("fact-slow-first", start=shown)


def _messages(name: str, number: int | None) -> Fact:
    """Return a number of messages as a fact."""
    shown = None if number is None else message("fact-messages", messages=number)
    return fact(name, number, shown, "messages")


def _with_peak(
    name: str, now: Any, peak_name: str, peak: Any, unit: str, kind: Callable[[Any], Value]
) -> tuple[Fact, Fact]:
    """Return a figure at the end of the data, whose phrase states its peak as well, and that peak."""
    unknown = message("count-unknown")
    at_end, highest = (unknown if one is None else kind(one) for one in (now, peak))
    of_peak = "unknown" if not peak else "same" if now == peak else "other"
    # Where nothing waits any more, no message has an age.
    of_peak = "drained" if of_peak == "other" and not now and kind is Duration else of_peak
    both = message("fact-with-peak", now=at_end, peak=highest, known=Choice(of_peak))
    both = unknown if now is None and peak is None else both
    phrase = message(f"fact-{name.replace('_', '-')}", value=both)
    return Fact(name, now, unit, phrase), fact(peak_name, peak, highest, unit)


def _record_start(queue: QueueAnalysis) -> datetime | None:
    """Return the first moment of a queue's record; None without one."""
    frame = queue.pipeline.frame
    return frame.index[0].to_pydatetime() if len(frame) else None


def _preceding(
    inv: Investigation, context: BacklogContext, start: datetime | None, change: Change | None
) -> Fact:
    """Return the change that came before the first harm: that of the cause, else the last that fits."""
    if change is None and start is not None and context.focus is not None:
        kinds = {one.kind for one in context.changes if one.kind}
        change = change_before(context.changes, kinds, context.focus.pipeline, start)
    if change is not None:
        shown = message("fact-change-value", time=change.time, change=change.what, resource=change.of)
        return fact("preceding_change", iso_time(change.time), shown)
    none_seen = message("fact-no-change") if _changes_known(inv) else None
    return fact("preceding_change", "none" if none_seen else None, none_seen)


def _last_harm(context: BacklogContext, found: Diagnosis) -> datetime | None:
    """Return when harm ended: with the change that ended the incident, else with its last sign of trouble."""
    end = found.incident_end
    if end is None or any(change.time == end for change in context.changes):
        return end
    spans = (trouble_span(queue) for queue in context.affected if not reaches_end(queue))
    return max([end, *(span[1] for span in spans if span is not None and span[0] <= end)])


def _ending(inv: Investigation, context: BacklogContext, found: Diagnosis) -> Text | None:
    """Return the change that ended an incident; empty for none, None where unknown: see `state_fact`."""
    ended = (change for change in context.changes if change.time == found.incident_end)
    if (change := next(ended, None)) is not None:
        return message("fact-ended-by", change=change.what, resource=change.of)
    return "" if _changes_known(inv) else None


def _changes_known(inv: Investigation) -> bool:
    """Return whether the recorded changes are complete; an empty list of events is evidence."""
    covered = inv.case.coverage().get("changes")
    return covered is not None and not covered["truncated"]


def _consumer(consumer: Consumer) -> Fact:
    """Return how much of a consumer runs, of how much is wanted."""
    known = consumer.desired is not None and consumer.running is not None
    shown = message(
        "fact-consumer-value",
        platform=Choice(consumer.platform),
        name=Resource(consumer.name),
        known=Choice("known" if known else "unknown"),
        running=consumer.running or 0,
        desired=consumer.desired or 0,
    )
    return fact("consumer", consumer.running, shown)


def _host_cpu(context: BacklogContext, start: datetime | None, end: datetime | None) -> list[Fact]:
    """Return the highest CPU of the busiest host from the first harm to the end and before, where it rose."""
    if context.focus is None or start is None:
        return []
    used = context.focus.pipeline.frame["cpu_pct"].dropna()
    during = used[start:end] if end is not None else used[start:]
    highest = used[used.index < start].max(), during.max()
    if not highest[1] - highest[0] >= CPU_ROSE:
        return []
    before, since = (round(float(value)) for value in highest)
    return [fact("host_cpu", since, message("fact-host-cpu-value", during=since, before=before), "%")]


def _prospects(context: BacklogContext) -> list[Fact]:
    """Return how fast the worst-hit queue grows, and when it would be drained."""
    queue = context.focus
    if queue is None:
        return []
    growth = _growth_per_hour(queue)
    found = [fact("growth", growth, Number(growth or 0.0), "messages/h")]
    drained = drain_rows((queue.pipeline,))["drained_at"].dropna()
    if len(drained) and (growth or 0) <= 0 and queue.pipeline.queried >= {"sent", "deleted"}:
        moment = drained.iloc[0].to_pydatetime()
        found.append(fact("drained_at", iso_time(moment), Instant(moment)))
    return found


def _last(queue: QueueAnalysis, column: str) -> float | None:
    """Return the last value of a metric near the end of the record; None where it is not known."""
    if column not in queue.pipeline.queried:
        return None
    values: pd.Series[Any] = queue.pipeline.frame[column].iloc[-LAST_INTERVALS:].dropna()
    return float(values.iloc[-1]) if len(values) else None


def _most_waiting(context: BacklogContext) -> QueueAnalysis | None:
    """Return the queue with most waiting messages; None where none is known to wait."""
    return max(filter(_waiting, context.queues), key=lambda item: _waiting(item) or 0, default=None)


def _waiting(queue: QueueAnalysis) -> int | None:
    """Return the messages that wait or are in flight at the end; None where unknown."""
    balance = queue.balance
    known = "visible" in queue.pipeline.queried or queue.pipeline.settings.visibility_timeout_s is not None
    found = balance.visible + balance.in_flight
    return found if known or found else None


def _oldest_s(queue: QueueAnalysis) -> float | None:
    """Return the age in seconds of the oldest message at the end; None where unknown."""
    return _last(queue, "age_s")


def _late(queue: QueueAnalysis) -> int | None:
    """Return the late messages; None where unknown, or where the age alone shows that some are."""
    if not {"visible", "deleted"} <= queue.pipeline.queried:
        return None
    is_young = "age_s" in queue.pipeline.queried and (_oldest_s(queue) or 0.0) < BACKLOG_AGE_S
    return queue.late if queue.late or is_young else None


def _undeleted_since(queue: QueueAnalysis) -> datetime | None:
    """Return since when no message was deleted while some waited; None where some were, or unknown."""
    frame, pipeline = queue.pipeline.frame, queue.pipeline
    if not {"deleted", "visible"} <= pipeline.queried or frame.empty:
        return None
    deleted = frame["deleted"].fillna(0.0) > 0
    step = timedelta(seconds=pipeline.period_s)
    begun = frame.index[deleted][-1] + step if deleted.any() else frame.index[0]
    rest = frame.loc[frame.index >= begun, "visible"].dropna()
    lasting = len(rest) >= LAST_INTERVALS and bool((rest.iloc[1:] > 0).all())
    return begun.to_pydatetime() if lasting else None


def _growth_per_hour(queue: QueueAnalysis) -> int | None:
    """Return by how many messages an hour the queue grew at the end; negative where it shrank."""
    if "visible" not in queue.pipeline.queried:
        return None
    visible = queue.pipeline.frame["visible"].dropna()
    visible = visible[visible.index >= visible.index[-1] - GROWTH_SPAN] if len(visible) else visible
    hours = (visible.index[-1] - visible.index[0]).total_seconds() / 3600.0 if len(visible) > 1 else 0.0
    return round(float(visible.iloc[-1] - visible.iloc[0]) / hours) if hours else None


def steps(
    inv: Investigation,
    context: BacklogContext,
    found: Diagnosis,
    queue: str | None,
    remedy: Remedy | None,
    candidates: Sequence[tuple[Text, Text]],
) -> tuple[Step, ...]:
    """Return what to do now: save evidence, then restore and prevent, or without a remedy the next test.

    ``candidates`` are the causes of an open verdict, each with what restores service.
    """
    if found.verdict == "no_incident":
        return ()
    shared = saves(QUESTION)
    # A pull of what the case already holds saves nothing.
    usual = shared["case"] if found.missing_evidence else ""
    save = (remedy and remedy.save) or filled_in(usual, context, queue, {"pull": pull_command(inv, context)})
    if remedy is None:
        # The consumer must be known before it can be tested.
        is_known = not context.queues or context.by_harm[0].pipeline.drained_by is not None
        first = [item for item in found.missing_evidence if not is_known and asks_for_consumer(item)]
        return next_steps(() if first else found.ranking, first or found.missing_evidence, save, candidates)
    # What was purged, expired or redriven since is no longer there.
    stocks = {item.pipeline.dlq: item.balance.dead_letters for item in context.affected}
    gone = sum(stock.lost + stock.redriven for stock in stocks.values())
    is_left = (found.extra["dead_letters_of_incident"] or 0) > gone
    redrive = is_left and filled_in(shared["redrive"], context, queue)
    ended = found.incident_end is not None
    # A pull saves evidence of this incident, not of the next one.
    pulled = (Step("save", save),) if save and ended and not remedy.save else ()
    others = remedy_steps(
        save=None if pulled else save,
        restore=remedy.restore,
        # The first message of a redrive verifies the fix.
        verify=None if redrive else remedy.verify,
        redrive=redrive or None,
        prevent=remedy.prevent,
        ended=ended,
    )
    return (*pulled, *others)
