"""Signals of harm, over all queues: work that was late, repeated or lost, or that there was none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from watchme_analysis.backlog.context import FUNCTION_METRICS, QUEUE_METRICS
from watchme_analysis.backlog.rows import matching, points
from watchme_analysis.backlog.signals.look import Look, QueueObservation
from watchme_analysis.backlog.signals.queue_settings import ABOUT_ONCE
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
def harm(looks: Sequence[Look]) -> Iterator[QueueObservation]:
    """Return the trouble of the worst-hit queue."""
    affected = [look for look in looks if look.queue.harms]
    if not affected:
        return
    look = affected[0]
    rows = look.points((*QUEUE_METRICS, "dlq_visible", *FUNCTION_METRICS, "throttles"))
    words = message(
        "backlog-harmed",
        affected=len(affected),
        queues=len(looks),
        worst=look.name,
        kinds=kinds_of_harm(look.queue),
    )
    yield look.found("harm", words, rows)


@detects("no_harm", group="harm", needs=["metrics"])
def no_harm(looks: Sequence[Look]) -> Iterator[QueueObservation]:
    """Return that nothing was late, repeated, failing in numbers or lost."""
    watched = [name for name in WATCHED if looks and _seen(looks, name) == len(looks)]
    if watched and not any(look.queue.harms for look in looks):
        share = len(watched) / len(WATCHED)
        yield looks[0].found(
            "no_harm",
            message("backlog-no-harm", queues=len(looks), metrics=[METRIC_NAMES[name] for name in watched]),
            points(looks[0].inv, [look.pipeline for look in looks], watched),
            strength=share,
            effect=share,
            unit="share of metrics",
        )


@detects("metrics_of_work_missing", group="unseen work", needs=["metrics"])
def blind(looks: Sequence[Look]) -> Iterator[QueueObservation]:
    """Return the metrics of work that not all queues have: trouble can hide there."""
    if not looks or any(look.queue.harms for look in looks):
        return
    missing = [METRIC_NAMES[name] for name in OF_WORK if _seen(looks, name) < len(looks)]
    if missing:
        yield looks[0].found(
            "metrics_of_work_missing",
            message("backlog-metrics-missing", metrics=missing),
            matching(looks[0].inv, "metric_queries", ("metric", "in", missing)),
        )


@detects("received_again", group="receives", needs=["event_source_mappings"])
def received_again(looks: Sequence[Look]) -> Iterator[QueueObservation]:
    """Return messages that came back although no invocation failed, where the mapping's settings are unknown.

    A function that reports failed messages succeeds as an invocation (AWS Lambda Developer Guide, "Handling
    errors for an SQS event source in Lambda"), so that no metric counts these failures.
    """
    if any(look.queue.harms for look in looks):
        return
    for look in looks:
        if not look.has("sent", "received") or look.settings.reports_failures is not None:
            continue
        sent, received = (look.pipeline.count(name) or 0.0 for name in ("sent", "received"))
        explained = sum(look.pipeline.count(name) or 0.0 for name in ("failed", "throttles"))
        again = received - sent - explained
        if again >= max(SURPLUS_RECEIVES, (ABOUT_ONCE - 1.0) * sent):
            yield look.found(
                "received_again",
                message(
                    "backlog-received-again",
                    queue=look.name,
                    received=round(received),
                    sent=round(sent),
                    explained=round(explained),
                ),
                look.points(("sent", "received", "failed", "throttles")),
                effect=received / sent if sent else None,
                unit="receives per message",
            )


@detects("slower_without_harm", group="run time", needs=["metrics"])
@detects("daily_peak", group="daily peak", needs=["metrics"])
def ordinary(looks: Sequence[Look]) -> Iterator[QueueObservation]:
    """Return what happens on ordinary days: slow hours for which nobody waited, and peaks that drain."""
    if any(look.queue.harms for look in looks):
        return
    for look in looks:
        slow = look.queue.slow
        if slow is not None and look.queue.slow_harmless:
            yield look.found(
                "slower_without_harm",
                message(
                    "backlog-slow-without-harm",
                    function=look.function,
                    span=TimeSpan(slow.start, slow.end),
                ),
                look.points(("duration_avg_s", "invocations"), slow.start, slow.end),
                effect=slow.minutes,
                unit="min",
            )
    daily = [look for look in looks if any(item.daily for item in look.queue.episodes)]
    if daily:
        yield daily[0].found(
            "daily_peak",
            message("backlog-daily-peak", queue=daily[0].name),
            daily[0].points(("visible", "in_flight", "age_s")),
        )


@detects("sporadic_dead_letters", group="dead letters", needs=["metrics"])
@detects("dead_letters_close_together", group="dead letters by chance", needs=["metrics"])
def sporadic(looks: Sequence[Look]) -> Iterator[QueueObservation]:
    """Return few bad messages among many good ones, and how far they came closer together than by chance."""
    if any(look.queue.harms for look in looks):
        return
    for look in looks:
        queue, pipeline = look.queue, look.pipeline
        if not queue.only_sporadic:
            continue
        sent, dead = pipeline.count("sent") or 0.0, queue.dead_lettered
        beyond = min(max((queue.clustering - BY_CHANCE) / (TOGETHER - BY_CHANCE), 0.0), 1.0)
        rows = look.points(("failed", "sent", "dlq_visible"))
        yield look.found(
            "sporadic_dead_letters",
            message(
                "backlog-sporadic",
                dead=dead,
                sent=round(sent),
                queue=look.name,
                share=Share(dead / sent),
            ),
            rows,
            effect=dead / sent,
            unit="share",
        )
        if beyond:
            yield look.found(
                "dead_letters_close_together",
                message(
                    "backlog-clustered",
                    dead=dead,
                    sent=round(sent),
                    queue=look.name,
                    beyond=Choice("more-than-99-of-100" if beyond >= 0.5 else "more-than-9-of-10"),
                ),
                rows,
                strength=beyond,
                effect=queue.clustering,
                unit="log-likelihood ratio",
            )


def kinds_of_harm(queue: QueueAnalysis) -> Phrases:
    """Return in words how messages of a queue were harmed."""
    return Phrases(tuple(message(f"backlog-harm-{kind.replace('_', '-')}") for kind in queue.harms))


def _seen(looks: Sequence[Look], name: str) -> int:
    """Return the number of queues with complete points of a metric."""
    return sum(look.has(name) and len(look.pipeline.frame) > 0 for look in looks)


DETECTORS = (harm, no_harm, blind, received_again, ordinary, sporadic)
