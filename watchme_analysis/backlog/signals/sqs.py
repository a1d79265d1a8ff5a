"""Signals of a queue: what arrives, when a message shows again, and whether a consumer receives it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from watchme_analysis.backlog.signals.onset import redelivery_span, surge_span, unpolled_span
from watchme_analysis.backlog.signals.queue_context import QueueContext, QueueObservation
from watchme_analysis.inference.signals import detects
from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.queues.consumers import BROKEN
from watchme_analysis.queues.pipeline_anomalies import rose_undated
from watchme_analysis.redact import shortened
from watchme_analysis.text.message import (
    Choice,
    Duration,
    Names,
    Number,
    Quotation,
    Resource,
    Text,
    TimeSpan,
    Value,
    message,
    sentences,
)

# How far invocations that kept to their rhythm stand in for arrivals without a metric.
STANDS_IN = 0.4


@detects("arrivals_rose", "arrivals_rose_apart", "arrivals_usual", group="arrivals", needs=["metrics"])
def arrivals(context: QueueContext) -> Iterator[QueueObservation]:
    """Return a surge of arrivals, or that they kept their rhythm; invocations stand in for them."""
    queue, surge = context.queue, context.queue.surge
    if not (context.has("sent") or context.has("invocations")):
        return
    counted = context.has("sent")
    column = "sent" if counted else "invocations"
    if surge is None and rose_undated(context.pipeline.frame[column], context.pipeline.period_s):
        return
    if surge is None or queue.surge_daily:
        yield context.observation(
            "arrivals_usual",
            context.points((column,)),
            strength=1.0 if counted else STANDS_IN,
            by=Choice(column),
        )
        return
    first, trouble = _rose_first(context), queue.first_trouble()
    when = "no-trouble" if trouble is None else "before" if first else "after"
    yield context.observation(
        "arrivals_rose" if first else "arrivals_rose_apart",
        context.points((column,)),
        said="arrivals-rose",
        effect=(surge.rate, "ratio"),
        lasting=surge_span(queue),
        arrivals=round(surge.count),
        span=TimeSpan(surge.start, surge.end),
        ratio=Number(surge.rate, 2),
        when=Choice(when),
    )


def _rose_first(context: QueueContext) -> bool:
    """Return whether arrivals rose before the first trouble, which began while their backlog stood."""
    surge, span, trouble = context.queue.surge, surge_span(context.queue), context.queue.first_trouble()
    if surge is None or span is None or trouble is None:
        return False
    worst = context.queue.worst
    if worst is not None and worst.start >= surge.start:
        # A queue that was never empty since the surge began is its work, however late it peaked.
        trouble = min(trouble, worst.start)
    # Retries raise the invocations too, so where they stand in for arrivals they must rise clearly first.
    slack = 2 * context.step if context.has("sent") else -2 * context.step
    return surge.start <= trouble + slack and (span.until is None or trouble <= span.until)


# Without the counters of failures and throttles, receives up to this many times the messages sent say that
# none came back.
ABOUT_ONCE = 1.03

# Function timeouts that a visibility timeout should hold: a throttled batch is tried again meanwhile (AWS
# Lambda Developer Guide, "Configuring a queue to use with Lambda").
ADVISED_TIMES = 6


@detects("redelivered", "received_once", group="redelivery", needs=["metrics"])
def redelivery(context: QueueContext) -> Iterator[QueueObservation]:
    """Return that messages came back although nothing failed, or that none did."""
    queue, pipeline = context.queue, context.pipeline
    if not context.has("received") or (queue.hidden is not None and queue.redelivery is None):
        return
    received, sent, failed = (pipeline.count(name) or 0.0 for name in ("received", "sent", "failed"))
    counted = context.has("sent", "invocations", "errors", "throttles", "failed")
    # Messages came back, and no metric counts the failures and throttles that bring them back. Where more
    # arrive than are received, those that were not deleted show it.
    ended = (pipeline.count("deleted") or 0.0) + queue.balance.in_flight if context.has("deleted") else sent
    if not counted and received > ABOUT_ONCE * min(sent, ended):
        return
    if context.settings.reports_failures is None and queue.redelivery and not queue.balance.duplicate_deletes:
        # A function that reports failed messages makes them come back, and no metric counts that.
        return
    yield context.observation(
        "redelivered" if queue.redelivery is not None else "received_once",
        context.points(("received", "sent", "failed")),
        message("backlog-receives-throttled") if queue.throttles else None,
        message("backlog-receives-beyond", since=queue.redelivery.start) if queue.redelivery else None,
        said="receives",
        effect=(received / sent if sent else None, "receives a message"),
        lasting=redelivery_span(queue) if queue.redelivery is not None else None,
        received=round(received),
        sent=round(sent),
        failed=round(failed),
    )


@detects("visibility_short", "visibility_long", group="visibility timeout",
         needs=["queues", "metrics", "log_events"])  # fmt: skip
def visibility_timeout(context: QueueContext) -> Iterator[QueueObservation]:
    """Return whether the visibility timeout is shorter than long invocations."""
    limit, longest = context.settings.visibility_timeout_s, context.pipeline.frame["duration_max_s"].dropna()
    measured = not longest.empty
    if not measured:
        events = context.inv.table("log_events")
        own = events[events["function"].eq(context.pipeline.function).fillna(False)]
        longest = own["duration_ms"].dropna().astype(float) / 1000.0
    if (
        limit is None
        or longest.empty
        or (context.queue.hidden is not None and context.queue.redelivery is None)
    ):
        return
    run, timeout = float(longest.quantile(0.9)), context.settings.function_timeout_s
    if limit >= run and not measured:
        # A few logged invocations show that some are long, never that none is.
        return
    yield context.observation(
        "visibility_short" if limit < run else "visibility_long",
        context.settings_rows("queues"),
        message("backlog-function-timeout", timeout=Duration(timeout)) if timeout else None,
        said="visibility-timeout",
        effect=(limit / run if run else None, "ratio"),
        limit=Duration(limit),
        duration=Duration(run),
    )


@detects("visibility_below_advice", group="visibility timeout", needs=["queues", "functions"])
def advised(context: QueueContext) -> Iterator[QueueObservation]:
    """Return a visibility timeout too short for another attempt, where no metric shows how long runs take."""
    limit, timeout = context.settings.visibility_timeout_s, context.settings.function_timeout_s
    if limit is None or timeout is None or context.has("duration_max_s"):
        return
    if limit < ADVISED_TIMES * timeout:
        yield context.observation(
            "visibility_below_advice",
            context.settings_rows("queues"),
            effect=(limit / timeout if timeout else None, "ratio"),
            limit=Duration(limit),
            timeout=Duration(timeout),
            times=ADVISED_TIMES,
        )


@detects("hidden_long", group="visibility timeout", needs=["queues", "metrics"])
def hidden(context: QueueContext) -> Iterator[QueueObservation]:
    """Return messages that stand in flight for hours though no invocation works on them."""
    found, settings = context.queue.hidden, context.settings
    if found is None or context.queue.redelivery is not None:
        return
    limit, timeout = settings.visibility_timeout_s, settings.function_timeout_s
    yield context.observation(
        "hidden_long",
        context.points(("in_flight", "visible", "age_s"), found.start, found.end),
        effect=(found.count, "messages"),
        lasting=redelivery_span(context.queue),
        since=found.start,
        hidden=round(found.count),
        limit=Duration(math.nan if limit is None else limit),
        timeout=Duration(math.nan if timeout is None else timeout),
    )


@detects("deleted_repeatedly", group="deletes", needs=["metrics"])
def repeated_deletes(context: QueueContext) -> Iterator[QueueObservation]:
    """Return that messages were deleted more often than they exist: worked on more than once."""
    more = context.queue.balance.duplicate_deletes
    if context.queue.redelivery is not None and more:
        yield context.observation(
            "deleted_repeatedly",
            context.points(("deleted", "sent")),
            effect=(float(more), "messages"),
            deletes=more,
        )


# Longest quotation of a filter or a reason, in characters.
_LONGEST_QUOTED = 160
# Share of the messages received without an invocation from which on they count as deleted.
MOST_DELETED = 0.5


@detects("unpolled", "unpolled_by_consumer", "polled", group="receives", needs=["metrics"])
def receives(context: QueueContext) -> Iterator[QueueObservation]:
    """Return the longest time in which messages waited and none was received, or that there was none.

    Lambda polls whether its function works or not; another consumer that breaks receives nothing either.
    """
    if not context.has("visible", "received"):
        return
    unpolled = context.queue.unpolled
    if unpolled is None:
        yield context.observation("polled", context.points(("received", "visible")))
        return
    is_lambda = context.pipeline.function is not None or context.settings.mapping_state is not None
    yield context.observation(
        "unpolled" if is_lambda else "unpolled_by_consumer",
        context.points(("received", "visible"), unpolled.start, unpolled.end),
        text=message(
            "backlog-unpolled" if is_lambda else "backlog-unpolled-by-consumer",
            queue=context.name,
            lasted=Duration(60.0 * unpolled.minutes),
            since=unpolled.start,
            consumer=Choice("unknown" if context.pipeline.consumer is None else "known"),
        ),
        effect=(unpolled.minutes, "min"),
        lasting=unpolled_span(context.queue),
    )


@detects("waiting_behind_disabled_mapping", group="receives", needs=["queues", "event_source_mappings"])
def waiting(context: QueueContext) -> Iterator[QueueObservation]:
    """Return the messages that waited behind a disabled mapping when the attributes were read."""
    if context.queue.stalled and not context.has("visible", "received"):
        visible = context.queue.balance.visible
        yield context.observation(
            "waiting_behind_disabled_mapping",
            context.settings_rows("queues"),
            effect=(float(visible), "messages"),
            waiting=visible,
        )


@detects("mapping_off", group="mapping", needs=["event_source_mappings"])
def mapping(context: QueueContext) -> Iterator[QueueObservation]:
    """Return that the event source mapping is off."""
    state = context.settings.mapping_state or ""
    if state.startswith("Disabl"):
        yield context.observation(
            "mapping_off",
            context.settings_rows("event_source_mappings"),
            lasting=unpolled_span(context.queue),
            state=Resource(state),
        )


def unmatched_receives(queue: QueueAnalysis) -> Text:
    """Return the receives without an invocation and what became of the messages; empty without any."""
    taken = queue.unmatched_receives
    if taken is None:
        return ""
    return sentences(
        message(
            "backlog-unmatched-receives",
            received=round(taken.count),
            queue=Resource(queue.pipeline.queue),
            function=Resource(queue.pipeline.function or "Lambda"),
            span=TimeSpan(taken.start, taken.end),
        ),
        _deleted_by(queue)
        if taken.deleted >= MOST_DELETED * taken.count
        else message("backlog-unmatched-returned"),
    )


def _deleted_by(queue: QueueAnalysis) -> Text:
    """Return who can have deleted messages unread, as far as the mapping's configuration shows."""
    settings = queue.pipeline.settings
    if settings.mapping_filters:
        patterns = [
            shortened(str(one), _LONGEST_QUOTED, "...") for one in json.loads(settings.mapping_filters)
        ]
        return message("backlog-unmatched-filtered", patterns=Names(tuple(patterns)))
    if settings.mapping_state is None:
        return message("backlog-unmatched-deleted")
    return message("backlog-unmatched-deleted-without-filter")


@detects("consumer_stopped", "consumer_breaks", "consumer_runs", group="consumer",
         needs=["consumers", "container_events"])  # fmt: skip
def consumer_state(context: QueueContext) -> Iterator[QueueObservation]:
    """Return that nobody wants the consumer to run, that it does not stay up, or that it runs.

    A description says how things are at one moment, so that it counts where messages wait or are late.
    """
    consumer, queue = context.pipeline.consumer, context.queue
    if consumer is None or consumer.platform == "program" or not queue.harms:
        return
    events = context.inv.table("container_events")
    events = events[events["service"].eq(consumer.name).fillna(False) & events["kind"].isin(BROKEN)]
    start = context.pipeline.frame.index.min()
    events = events[events["time"].isna() | (events["time"] >= start)] if len(events) else events
    desired, running = consumer.desired, consumer.running
    wanted: dict[str, Value | int] = {
        "platform": Choice(consumer.platform),
        "name": Resource(consumer.name),
        "running": 0 if running is None else running,
        "desired": 0 if desired is None else desired,
    }
    described = context.matching("consumers", ("name", "=", consumer.name))
    if desired == 0:
        text = message("backlog-consumer-stopped", **wanted)
        yield context.observation("consumer_stopped", described, text=text, lasting=unpolled_span(queue))
    elif len(events):
        rows = context.matching("container_events", ("service", "=", consumer.name), ("kind", "in", BROKEN))
        reasons = events["reason"].dropna()
        reason = shortened(str(reasons.mode().iloc[0]), _LONGEST_QUOTED) if len(reasons) else ""
        count = int(events["count"].fillna(1).sum())
        text = message("backlog-consumer-breaks", **wanted, count=count, reason=Quotation(reason))
        yield context.observation("consumer_breaks", rows, text=text, effect=(float(count), "events"))
    elif desired and running is not None:
        name = "consumer_runs" if running >= desired else "consumer_breaks"
        text = message("backlog-consumer-runs", **wanted)
        yield context.observation(name, described, text=text)


DETECTORS = (
    arrivals, redelivery, visibility_timeout, advised, hidden, repeated_deletes, receives, waiting,
    mapping, consumer_state,
)  # fmt: skip
