"""Signals of a queue's settings: when a message shows again."""

from __future__ import annotations

import math
from collections.abc import Iterator

from watchme_analysis.backlog.signals.onset import redelivery_span
from watchme_analysis.backlog.signals.queue_context import QueueContext, QueueObservation
from watchme_analysis.inference.signals import detects
from watchme_analysis.text.message import Duration, message, sentences

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
    # Messages came back, but nobody counted the failures and throttles that bring them back.
    if not counted and received > ABOUT_ONCE * sent:
        return
    if context.settings.reports_failures is None and queue.redelivery and not queue.balance.duplicate_deletes:
        # A function that reports failed messages makes them come back, and no metric counts that.
        return
    yield context.observation(
        "redelivered" if queue.redelivery is not None else "received_once",
        sentences(
            message(
                "backlog-receives",
                queue=context.name,
                received=round(received),
                sent=round(sent),
                failed=round(failed),
                attempts=context.attempts,
            ),
            message("backlog-receives-throttled") if queue.throttles else None,
            message("backlog-receives-beyond", since=queue.redelivery.start) if queue.redelivery else None,
        ),
        context.points(("received", "sent", "failed")),
        effect=received / sent if sent else None,
        unit="receives a message",
        span=redelivery_span(queue) if queue.redelivery is not None else None,
    )


@detects("visibility_short", "visibility_long", group="visibility timeout", needs=["queues", "metrics"])
def visibility_timeout(context: QueueContext) -> Iterator[QueueObservation]:
    """Return whether the visibility timeout is shorter than long invocations."""
    limit, longest = context.settings.visibility_timeout_s, context.pipeline.frame["duration_max_s"].dropna()
    if (
        limit is None
        or longest.empty
        or (context.queue.hidden is not None and context.queue.redelivery is None)
    ):
        return
    run, timeout = float(longest.quantile(0.9)), context.settings.function_timeout_s
    yield context.observation(
        "visibility_short" if limit < run else "visibility_long",
        sentences(
            message(
                "backlog-visibility-timeout",
                queue=context.name,
                limit=Duration(limit),
                duration=Duration(run),
            ),
            message("backlog-function-timeout", timeout=Duration(timeout)) if timeout else None,
        ),
        context.settings_rows("queues"),
        effect=limit / run if run else None,
        unit="ratio",
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
            message(
                "backlog-visibility-below-advice",
                queue=context.name,
                limit=Duration(limit),
                timeout=Duration(timeout),
                times=ADVISED_TIMES,
            ),
            context.settings_rows("queues"),
            effect=limit / timeout if timeout else None,
            unit="ratio",
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
        message(
            "backlog-hidden",
            queue=context.name,
            since=found.start,
            hidden=round(found.count),
            limit=Duration(math.nan if limit is None else limit),
            timeout=Duration(math.nan if timeout is None else timeout),
        ),
        context.points(("in_flight", "visible", "age_s"), found.start, found.end),
        effect=found.count,
        unit="messages",
        span=redelivery_span(context.queue),
    )


@detects("deleted_repeatedly", group="deletes", needs=["metrics"])
def repeated_deletes(context: QueueContext) -> Iterator[QueueObservation]:
    """Return that messages were deleted more often than they exist: worked on more than once."""
    more = context.queue.balance.duplicate_deletes
    if context.queue.redelivery is not None and more:
        yield context.observation(
            "deleted_repeatedly",
            message("backlog-deleted-repeatedly", queue=context.name, deletes=more),
            context.points(("deleted", "sent")),
            effect=float(more),
            unit="messages",
        )


DETECTORS = (redelivery, visibility_timeout, advised, hidden, repeated_deletes)
