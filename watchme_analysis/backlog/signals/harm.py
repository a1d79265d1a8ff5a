"""Signals over all queues: work that was late, repeated or lost, none of it, and known log lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from watchme_analysis.backlog.context import FUNCTION_METRICS, QUEUE_METRICS
from watchme_analysis.backlog.rows import matching, points
from watchme_analysis.backlog.signals.queue_context import QueueContext, QueueObservation
from watchme_analysis.backlog.signals.sqs import ABOUT_ONCE
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.inference.known_lines import (
    GROUP,
    Written,
    facts_of,
    statement,
    weighed_messages,
    written,
)
from watchme_analysis.inference.signals import detects
from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.queues.pipeline import METRIC_NAMES
from watchme_analysis.queues.pipeline_anomalies import BY_CHANCE, TOGETHER
from watchme_analysis.queues.redelivery import SURPLUS_RECEIVES
from watchme_analysis.text.message import Choice, Phrases, Share, TimeSpan, message

WATCHED = (*QUEUE_METRICS, *FUNCTION_METRICS, "throttles")
# Late or failing work shows in these metrics alone.
OF_WORK = ("visible", "age_s", "invocations", "errors")


@detects("harm", group="harm", needs=["metrics"])
def harm(contexts: Sequence[QueueContext]) -> Iterator[QueueObservation]:
    """Return the trouble of the worst-hit queue."""
    affected = [context for context in contexts if context.queue.harms]
    if not affected:
        return
    context = affected[0]
    rows = context.points((*QUEUE_METRICS, "dlq_visible", *FUNCTION_METRICS, "throttles"))
    words = message(
        "backlog-harmed",
        affected=len(affected),
        queues=len(contexts),
        worst=context.name,
        kinds=kinds_of_harm(context.queue),
    )
    yield context.observation("harm", rows, text=words)


@detects("no_harm", group="harm", needs=["metrics"])
def no_harm(contexts: Sequence[QueueContext]) -> Iterator[QueueObservation]:
    """Return that nothing was late, repeated, failing in numbers or lost."""
    watched = [name for name in WATCHED if contexts and _seen(contexts, name) == len(contexts)]
    # Messages that wait are late or not by their age alone.
    unknown = any(context.queue.balance.visible and not context.has("age_s") for context in contexts)
    if watched and not unknown and not any(context.queue.harms for context in contexts):
        share = len(watched) / len(WATCHED)
        yield contexts[0].observation(
            "no_harm",
            points(contexts[0].inv, [context.pipeline for context in contexts], watched),
            effect=(share, "share of metrics"),
            strength=share,
            queues=len(contexts),
            metrics=[METRIC_NAMES[name] for name in watched],
        )


@detects("metrics_of_work_missing", group="unseen work", needs=["metrics"])
def blind(contexts: Sequence[QueueContext]) -> Iterator[QueueObservation]:
    """Return the metrics of work that not all queues have: trouble can hide there."""
    if not contexts or any(context.queue.harms for context in contexts):
        return
    missing = [METRIC_NAMES[name] for name in OF_WORK if _seen(contexts, name) < len(contexts)]
    if missing:
        yield contexts[0].observation(
            "metrics_of_work_missing",
            matching(contexts[0].inv, "metric_queries", ("metric", "in", missing)),
            metrics=missing,
        )


@detects("received_again", group="receives", needs=["event_source_mappings"])
def received_again(contexts: Sequence[QueueContext]) -> Iterator[QueueObservation]:
    """Return messages that came back although no invocation failed, where the mapping's settings are unknown.

    A function that reports failed messages succeeds as an invocation (AWS Lambda Developer Guide, "Handling
    errors for an SQS event source in Lambda"), so that no metric counts these failures.
    """
    if any(context.queue.harms for context in contexts):
        return
    for context in contexts:
        if not context.has("sent", "received") or context.settings.reports_failures is not None:
            continue
        sent, received = (context.pipeline.count(name) or 0.0 for name in ("sent", "received"))
        explained = sum(context.pipeline.count(name) or 0.0 for name in ("failed", "throttles"))
        again = received - sent - explained
        if again >= max(SURPLUS_RECEIVES, (ABOUT_ONCE - 1.0) * sent):
            yield context.observation(
                "received_again",
                context.points(("sent", "received", "failed", "throttles")),
                effect=(received / sent if sent else None, "receives per message"),
                received=round(received),
                sent=round(sent),
                explained=round(explained),
            )


@detects("slower_without_harm", group="run time", needs=["metrics"])
@detects("daily_peak", group="daily peak", needs=["metrics"])
def ordinary(contexts: Sequence[QueueContext]) -> Iterator[QueueObservation]:
    """Return what happens on ordinary days: slow hours in which no message waited, and peaks that drain."""
    if any(context.queue.harms for context in contexts):
        return
    for context in contexts:
        slow = context.queue.slow
        if slow is not None and context.queue.slow_harmless:
            yield context.observation(
                "slower_without_harm",
                context.points(("duration_avg_s", "invocations"), slow.start, slow.end),
                effect=(slow.minutes, "min"),
                span=TimeSpan(slow.start, slow.end),
            )
    daily = [context for context in contexts if any(item.daily for item in context.queue.episodes)]
    if daily:
        yield daily[0].observation("daily_peak", daily[0].points(("visible", "in_flight", "age_s")))


@detects("sporadic_dead_letters", group="dead letters", needs=["metrics"])
@detects("dead_letters_close_together", group="dead letters by chance", needs=["metrics"])
def sporadic(contexts: Sequence[QueueContext]) -> Iterator[QueueObservation]:
    """Yield the observations of a few bad messages among many good ones, and of their clustering."""
    if any(context.queue.harms for context in contexts):
        return
    for context in contexts:
        queue, pipeline = context.queue, context.pipeline
        if not queue.only_sporadic:
            continue
        sent, dead = pipeline.count("sent") or 0.0, queue.dead_lettered
        beyond = min(max((queue.clustering - BY_CHANCE) / (TOGETHER - BY_CHANCE), 0.0), 1.0)
        rows = context.points(("failed", "sent", "dlq_visible"))
        yield context.observation(
            "sporadic_dead_letters",
            rows,
            effect=(dead / sent, "share"),
            dead=dead,
            sent=round(sent),
            share=Share(dead / sent),
        )
        if beyond:
            yield context.observation(
                "dead_letters_close_together",
                rows,
                effect=(queue.clustering, "log-likelihood ratio"),
                strength=beyond,
                dead=dead,
                sent=round(sent),
                beyond=Choice("more-than-99-of-100" if beyond >= 0.5 else "more-than-9-of-10"),
            )


def kinds_of_harm(queue: QueueAnalysis) -> Phrases:
    """Return in words how messages of a queue were harmed."""
    return Phrases(tuple(message(f"backlog-harm-{kind.replace('_', '-')}") for kind in queue.harms))


def _seen(contexts: Sequence[QueueContext], name: str) -> int:
    """Return the number of queues with complete points of a metric."""
    return sum(context.has(name) and len(context.pipeline.frame) > 0 for context in contexts)


# Different texts of one message that a statement counts, by choice: its query names each of them.
MOST_NAMED = 1_000


@detects(*weighed_messages("backlog"), group=GROUP, needs=["log_events"])
def known_lines(inv: Investigation) -> Iterator[QueueObservation]:
    """Return an observation of each known message that names a fault, of no queue in particular."""
    found: dict[str, list[Written]] = {}
    for table in ("log_events", "app_log"):
        frame = inv.table(table)
        for name, shown in written("backlog", table, frame, frame["message"].astype("string").fillna("")):
            found.setdefault(name, []).append(shown)
    for name, texts in found.items():
        first = texts[0]
        named = [
            str(text) for each in texts if each.table == first.table for text in each.rows["message"].unique()
        ]
        rows = matching(inv, first.table, ("message", "in", named[:MOST_NAMED]))
        yield QueueObservation(
            name,
            statement("backlog", name, first, rows["rows"]),
            **rows,
            facts=facts_of("backlog", name, first),
        )


DETECTORS = (harm, no_harm, blind, received_again, ordinary, sporadic)
