"""Signals of a queue's settings: when a message shows again."""

from __future__ import annotations

import math
from collections.abc import Iterator

from watchme_analysis.backlog.changes import VISIBILITY_EVENTS
from watchme_analysis.backlog.signals.change import change_observation
from watchme_analysis.backlog.signals.look import Look, QueueObservation
from watchme_analysis.backlog.signals.onset import redelivery_span
from watchme_analysis.inference.signals import detects
from watchme_analysis.text.message import Duration, message, sentences

# Without the counters of failures and throttles, receives up to this many times the messages sent say that
# none came back.
ABOUT_ONCE = 1.03


@detects("redelivered", "received_once", group="redelivery", needs=["metrics"])
def redelivery(look: Look) -> Iterator[QueueObservation]:
    """Return that messages came back although nothing failed, or that none did."""
    queue, pipeline = look.queue, look.pipeline
    if not look.has("received") or (queue.hidden is not None and queue.redelivery is None):
        return
    received, sent, failed = (pipeline.count(name) or 0.0 for name in ("received", "sent", "failed"))
    counted = look.has("sent", "invocations", "errors", "throttles", "failed")
    # Messages came back, but nobody counted the failures and throttles that bring them back.
    if not counted and received > ABOUT_ONCE * sent:
        return
    if look.settings.reports_failures is None and queue.redelivery and not queue.balance.duplicate_deletes:
        # A function that reports failed messages makes them come back, and no metric counts that.
        return
    yield look.found(
        "redelivered" if queue.redelivery is not None else "received_once",
        sentences(
            message(
                "backlog-receives",
                queue=look.name,
                received=round(received),
                sent=round(sent),
                failed=round(failed),
                attempts=look.attempts,
            ),
            message("backlog-receives-throttled") if queue.throttles else None,
            message("backlog-receives-beyond", since=queue.redelivery.start) if queue.redelivery else None,
        ),
        look.points(("received", "sent", "failed")),
        effect=received / sent if sent else None,
        unit="receives a message",
        span=redelivery_span(queue) if queue.redelivery is not None else None,
    )


@detects("visibility_short", "visibility_long", group="visibility timeout", needs=["queues", "metrics"])
def visibility_timeout(look: Look) -> Iterator[QueueObservation]:
    """Return whether the visibility timeout is shorter than long invocations."""
    limit, longest = look.settings.visibility_timeout_s, look.pipeline.frame["duration_max_s"].dropna()
    if limit is None or longest.empty or (look.queue.hidden is not None and look.queue.redelivery is None):
        return
    run, timeout = float(longest.quantile(0.9)), look.settings.function_timeout_s
    yield look.found(
        "visibility_short" if limit < run else "visibility_long",
        sentences(
            message(
                "backlog-visibility-timeout", queue=look.name, limit=Duration(limit), duration=Duration(run)
            ),
            message("backlog-function-timeout", timeout=Duration(timeout)) if timeout else None,
        ),
        look.settings_rows("queues"),
        effect=limit / run if run else None,
        unit="ratio",
    )


@detects("hidden_long", group="visibility timeout", needs=["queues", "metrics"])
def hidden(look: Look) -> Iterator[QueueObservation]:
    """Return messages that stand in flight for hours though no invocation works on them."""
    found, settings = look.queue.hidden, look.settings
    if found is None or look.queue.redelivery is not None:
        return
    limit, timeout = settings.visibility_timeout_s, settings.function_timeout_s
    yield look.found(
        "hidden_long",
        message(
            "backlog-hidden",
            queue=look.name,
            since=found.start,
            hidden=round(found.count),
            limit=Duration(math.nan if limit is None else limit),
            timeout=Duration(math.nan if timeout is None else timeout),
        ),
        look.points(("in_flight", "visible", "age_s"), found.start, found.end),
        effect=found.count,
        unit="messages",
        span=redelivery_span(look.queue),
    )


@detects("deleted_repeatedly", group="deletes", needs=["metrics"])
def repeated_deletes(look: Look) -> Iterator[QueueObservation]:
    """Return that messages were deleted more often than they exist: worked on more than once."""
    more = look.queue.balance.duplicate_deletes
    if look.queue.redelivery is not None and more:
        yield look.found(
            "deleted_repeatedly",
            message("backlog-deleted-repeatedly", queue=look.name, deletes=more),
            look.points(("deleted", "sent")),
            effect=float(more),
            unit="messages",
        )


@detects("visibility_changed", group="change", needs=["changes"])
def changed(look: Look) -> Iterator[QueueObservation]:
    """Return the change of a timeout right before messages came back."""
    found = look.queue.redelivery or look.queue.hidden
    if found is not None:
        yield from change_observation(look, "visibility_changed", VISIBILITY_EVENTS, found.start)


DETECTORS = (redelivery, visibility_timeout, hidden, repeated_deletes, changed)
