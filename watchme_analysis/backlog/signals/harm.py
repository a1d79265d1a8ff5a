"""Signals of harm, over all queues: work that was late, repeated or lost, or that there was none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from watchme_analysis.backlog.context import FUNCTION_METRICS, QUEUE_METRICS
from watchme_analysis.backlog.rows import matching, points
from watchme_analysis.backlog.signals.look import Look, QueueObservation
from watchme_analysis.backlog.signals.queue_settings import ABOUT_ONCE
from watchme_analysis.inference.signals import detects
from watchme_analysis.queues.pipeline import METRIC_NAMES
from watchme_analysis.queues.pipeline_anomalies import BY_CHANCE, TOGETHER
from watchme_analysis.queues.redelivery import SURPLUS_RECEIVES

WATCHED = (*QUEUE_METRICS, *FUNCTION_METRICS, "throttles")
# Late or failing work shows in these metrics alone.
OF_WORK = frozenset({"age_s", "visible", "invocations", "errors"})


@detects("harm", "several_kinds_of_harm", group="harm", needs=["metrics"])
def harm(looks: Sequence[Look]) -> Iterator[QueueObservation]:
    """Return the trouble of the worst-hit queue."""
    affected = [look for look in looks if look.queue.harms]
    if not affected:
        return
    look = affected[0]
    rows = look.points((*QUEUE_METRICS, "dlq_visible", *FUNCTION_METRICS, "throttles"))
    kinds = ", ".join(look.queue.harms).replace("_", " ")
    words = f"{len(affected)} of {len(looks)} queues show trouble; {look.pipeline.queue} the most: {kinds}."
    yield look.found("harm", words, rows)
    if len(look.queue.harms) > 1:
        yield look.found("several_kinds_of_harm", words, rows)


@detects("no_harm", group="harm", needs=["metrics"])
def no_harm(looks: Sequence[Look]) -> Iterator[QueueObservation]:
    """Return that nothing was late, repeated, failing in numbers or lost."""
    watched = [name for name in WATCHED if looks and _seen(looks, name) == len(looks)]
    if watched and not any(look.queue.harms for look in looks):
        share = len(watched) / len(WATCHED)
        yield looks[0].found(
            "no_harm",
            f"In {len(looks)} queues nothing was late, repeated, failing in numbers or lost "
            f"({', '.join(watched)} were looked at).",
            points(looks[0].inv, [look.pipeline for look in looks], watched),
            strength=share,
            effect=share,
            unit="share of metrics",
        )


@detects("metrics_missing", group="blind spots", needs=["metrics"])
@detects("metrics_of_work_missing", group="unseen work", needs=["metrics"])
def blind(looks: Sequence[Look]) -> Iterator[QueueObservation]:
    """Return the metrics that not all queues have: trouble can hide there."""
    if not looks or any(look.queue.harms for look in looks):
        return
    missing = [name for name in WATCHED if _seen(looks, name) < len(looks)]
    if not missing:
        return
    rows = matching(
        looks[0].inv, "metric_queries", ("metric", "in", [METRIC_NAMES[name] for name in missing])
    )
    words = f"Not all queues have {', '.join(missing)}: trouble can hide there."
    yield looks[0].found("metrics_missing", words, rows, strength=len(missing) / len(WATCHED))
    if OF_WORK & set(missing):
        yield looks[0].found("metrics_of_work_missing", words, rows)


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
                f"{look.pipeline.queue} handed out {received:,.0f} messages for {sent:,.0f} sent and "
                f"{explained:,.0f} failed or throttled invocations; whether its function reports failed "
                "messages is unknown.",
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
                f"Runs of {look.pipeline.function} took several times as long from "
                f"{slow.start:%Y-%m-%d %H:%M} to {slow.end:%Y-%m-%d %H:%M} UTC; no message failed or waited "
                "for it.",
                look.points(("duration_avg_s", "invocations"), slow.start, slow.end),
                effect=slow.minutes,
                unit="min",
            )
    daily = [look for look in looks if any(item.daily for item in look.queue.episodes)]
    if daily:
        yield daily[0].found(
            "daily_peak",
            f"{daily[0].pipeline.queue} holds a backlog at the same time every day and drains it by itself.",
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
            f"{dead:,d} of {sent:,.0f} messages of {pipeline.queue} ({dead / sent:.1%}) failed every try, "
            "one here and one there: single bad messages, and no stretch of failures.",
            rows,
            effect=dead / sent,
            unit="share",
        )
        if beyond:
            sets = ("99", "100") if beyond >= 0.5 else ("9", "10")
            yield look.found(
                "dead_letters_close_together",
                f"The {dead:,d} of {sent:,.0f} messages of {pipeline.queue} that died came closer together "
                f"than in {sets[0]} of {sets[1]} sets that come by chance: there may be more to it than "
                "single bad messages.",
                rows,
                strength=beyond,
                effect=queue.clustering,
                unit="log-likelihood ratio",
            )


def _seen(looks: Sequence[Look], name: str) -> int:
    """Return the number of queues with complete points of a metric."""
    return sum(look.has(name) and len(look.pipeline.frame) > 0 for look in looks)


DETECTORS = (harm, no_harm, blind, received_again, ordinary, sporadic)
