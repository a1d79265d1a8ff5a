"""Signals of the API that the function calls: slower answers, and its host."""

from __future__ import annotations

from collections.abc import Iterator

from watchme_analysis.backlog.onset_order import FEWEST, SILENT
from watchme_analysis.backlog.signals.onset import drift_span, failures_span, slow_span
from watchme_analysis.backlog.signals.queue_context import QueueContext, QueueObservation
from watchme_analysis.inference.signals import detects
from watchme_analysis.queues.pipeline_anomalies import SLOW_RATIO, messages_a_run
from watchme_analysis.stats.intervals import within
from watchme_analysis.text.message import Duration, Message, Number, Share, message

# Invocations that do not fail count as slow from this many times the duration before on.
TWICE = 2.0


@detects("duration_drifts", "duration_steady", group="latency drift", needs=["metrics"])
def drift(context: QueueContext) -> Iterator[QueueObservation]:
    """Return a duration that rises over many hours, or that it does not."""
    gradual = context.queue.creeping
    if not context.has("duration_avg_s"):
        return
    yield context.observation(
        "duration_steady" if gradual is None else "duration_drifts",
        context.points(("duration_avg_s",)),
        text=_course(context),
        effect=(gradual.growth if gradual else None, "ratio"),
        lasting=drift_span(context.queue),
    )


@detects("slower_without_failures", "not_slower", group="run time", needs=["metrics"])
def slower(context: QueueContext) -> Iterator[QueueObservation]:
    """Return invocations that got slower without failing, or that messages waited though they did not."""
    queue, pipeline = context.queue, context.pipeline
    trouble = queue.slow or queue.worst
    if queue.failures is not None or trouble is None:
        return
    runs = pipeline.frame["duration_avg_s"].dropna()
    inside, earlier = (runs.index >= trouble.start) & (runs.index < trouble.end), runs.index < trouble.start
    during, before = runs[inside].median(), runs[earlier].median()
    if not during > 0 or not before > 0:
        return
    # An invocation with many messages may take as many times as long without being slower per message.
    each = messages_a_run(pipeline)[runs.index]
    fuller = max(1.0, float(each[inside].median() / each[earlier].median()))
    ratio = float(during / before) / fuller
    yield context.observation(
        "slower_without_failures" if ratio >= TWICE else "not_slower",
        context.points(("duration_avg_s",), None, trouble.end),
        message("backlog-more-messages-each", ratio=Number(fuller, 2)) if fuller >= 1.05 else None,
        message("backlog-no-more-failures") if queue.errors_counted else message("backlog-failures-unknown"),
        said="durations-compared",
        effect=(ratio, "ratio"),
        lasting=slow_span(queue) if ratio >= TWICE else None,
        during=Duration(float(during)),
        before=Duration(float(before)),
        since=trouble.start,
    )


@detects("host_silent", "host_running", group="host", needs=["metrics"])
def host(context: QueueContext) -> Iterator[QueueObservation]:
    """Return whether CPU points of the host were published while invocations failed.

    EC2 publishes metrics of running instances only (Amazon EC2 User Guide, "CloudWatch metrics that are
    available for your instances").
    """
    failures, cpu = context.queue.failures, context.pipeline.frame["cpu_pct"].dropna()
    if failures is None or len(cpu) < FEWEST:
        return
    own = cpu.index.to_series().diff().median()
    before = cpu.index[cpu.index < failures.start]
    inside = within(cpu, failures.start, failures.end)
    if not len(before) or (not len(inside) and failures.end - before[-1] <= (SILENT + 1) * own):
        return
    before_s, during_s = context.queue.run_before_s, context.queue.run_during_s
    waits = bool(before_s and during_s and during_s >= SLOW_RATIO * before_s)
    if len(inside) and not waits:
        # A running host refuses at once what does not listen: only calls that wait separate the two.
        return
    if len(inside):
        words = message("backlog-host-running", function=context.function)
    else:
        words = message("backlog-host-silent", function=context.function, since=before[-1] + own)
    yield context.observation(
        "host_running" if len(inside) else "host_silent",
        context.matching("metrics", ("metric", "=", "CPUUtilization"), ("time", "<", failures.end)),
        text=words,
        lasting=None if len(inside) else failures_span(context.queue),
    )


def _course(context: QueueContext) -> Message:
    """Return how the duration of a function developed over the window."""
    found, gradual = context.queue.drift, context.queue.creeping
    if gradual is not None:
        return message(
            "backlog-duration-drifts",
            function=context.function,
            before=Duration(gradual.before_s),
            after=Duration(gradual.after_s),
            lasted=Duration(3600.0 * gradual.hours),
        )
    if found is not None:
        return message(
            "backlog-duration-steps",
            function=context.function,
            lasted=Duration(3600.0 * found.hours),
            share=Share(found.steepest_share),
        )
    return message("backlog-duration-steady", function=context.function)


DETECTORS = (drift, slower, host)
