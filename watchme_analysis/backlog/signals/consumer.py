"""Signals of a consumer that is no Lambda function: whether it is wanted, runs, and stays up."""

from __future__ import annotations

from collections.abc import Iterator

from watchme_analysis.backlog.signals.onset import unpolled_span
from watchme_analysis.backlog.signals.queue_context import QueueContext, QueueObservation
from watchme_analysis.inference.signals import detects
from watchme_analysis.queues.consumers import BROKEN
from watchme_analysis.redact import shortened
from watchme_analysis.text.message import Choice, Quotation, Resource, Value, message

# Longest quotation of a reason, in characters.
_LONGEST_REASON = 160


@detects("consumer_stopped", "consumer_breaks", "consumer_runs", group="consumer",
         needs=["consumers", "container_events"])  # fmt: skip
def consumer_state(context: QueueContext) -> Iterator[QueueObservation]:
    """Return that nobody wants the consumer to run, that it does not stay up, or that it runs.

    A description says how things are at one moment, so that it counts where messages wait or are late.
    """
    consumer, queue = context.pipeline.consumer, context.queue
    if consumer is None or not queue.harms:
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
        yield context.observation("consumer_stopped", text, described, span=unpolled_span(queue))
    elif len(events):
        rows = context.matching("container_events", ("service", "=", consumer.name), ("kind", "in", BROKEN))
        reasons = events["reason"].dropna()
        reason = shortened(str(reasons.mode().iloc[0]), _LONGEST_REASON) if len(reasons) else ""
        count = int(events["count"].fillna(1).sum())
        text = message("backlog-consumer-breaks", **wanted, count=count, reason=Quotation(reason))
        yield context.observation("consumer_breaks", text, rows, effect=float(count), unit="events")
    elif desired and running is not None:
        name = "consumer_runs" if running >= desired else "consumer_breaks"
        text = message("backlog-consumer-runs", **wanted)
        yield context.observation(name, text, described)


DETECTORS = (consumer_state,)
