"""Signals of the function: how many run at a time, which fail, how long they take, and what changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from watchme_analysis.backlog.changes import FUNCTION_EVENTS
from watchme_analysis.backlog.signals.change import change_rows
from watchme_analysis.backlog.signals.onset import (
    FEW_PASS,
    bad_messages_span,
    failures_span,
    throttled_span,
    waiting_span,
)
from watchme_analysis.backlog.signals.queue_context import QueueContext, QueueObservation
from watchme_analysis.inference.signals import detects
from watchme_analysis.queues.anomalies import QueueAnalysis, piled_on_one
from watchme_analysis.queues.error_kinds import EVENT
from watchme_analysis.queues.pipeline_anomalies import FAILURE_EVENTS, SLOW_RATIO
from watchme_analysis.queues.retries import retries
from watchme_analysis.text.message import (
    Choice,
    Duration,
    Message,
    Number,
    Quotation,
    Share,
    TimeSpan,
    message,
)

# Batches that the poller of a standard queue hands over at once when messages arrive (AWS Lambda Developer
# Guide, "Scaling behavior of Amazon SQS event source mappings").
BATCHES_AT_ONCE = 5


@detects("throttled", "unthrottled", group="throttles", needs=["metrics"])
def throttles(context: QueueContext) -> Iterator[QueueObservation]:
    """Return throttled deliveries that did harm, or that there were none."""
    if not context.has("throttles"):
        return
    queue = context.queue
    harmful = "throttles" in queue.harms
    yield context.observation(
        "throttled" if harmful else "unthrottled",
        context.points(("throttles", "invocations")),
        text=_throttled(context),
        effect=(queue.throttled_share, "share"),
        # Throttles of a permanent limit have no beginning: they become harmful by what comes later.
        lasting=throttled_span(queue) if harmful and (not queue.throttled_always) else None,
    )


@detects("reserved_concurrency_low", group="concurrency limit", needs=["functions"])
def reserve(context: QueueContext) -> Iterator[QueueObservation]:
    """Return the reserved concurrency of a function whose deliveries are throttled, or have to be."""
    reserved, most = context.settings.reserved_concurrency, context.settings.max_concurrency
    unmeasured = not context.has("throttles") and (most is None or reserved is None or reserved < most)
    if reserved is not None and (
        "throttles" in context.queue.harms or (unmeasured and reserved < BATCHES_AT_ONCE)
    ):
        yield context.observation(
            "reserved_concurrency_low",
            context.settings_rows("functions"),
            effect=(float(reserved), "executions"),
            reserved=int(reserved),
        )


def _throttled(context: QueueContext) -> Message:
    found, share = context.queue.throttles, Share(context.queue.throttled_share)
    if found is None:
        return message("backlog-not-throttled", function=context.function)
    return message(
        "backlog-throttled",
        function=context.function,
        deliveries=round(found.count),
        since=found.start,
        share=share,
    )


# From this share of successful invocations on, other messages pass at the same time.
OTHERS_PASS = 0.5
# From this share of one kind on, the errors name one place.
MOSTLY = 0.5
# So many good runs since its last change tell that it was not the change.
RAN_WELL = 10
# Invocations that end at once take at most this share of the duration before.
SHORT = 0.4
# Work that shares the processor with little else slows down by the ratio of memory, and hardly by more.
AND_SOME = 1.5
# Without a change on record the logs alone tell that the memory fell, some time between two of their records.
UNDATED = 0.6
# Signals of logged errors by kind.
ERROR_SIGNALS = {
    "receipt": "errors_of_receipt",
    "function": "errors_of_function",
    "unreachable": "errors_unreachable",
    "server_error": "errors_of_server",
    "overload": "errors_overload",
    "timeout": "errors_timeout",
    "message": "errors_of_message",
    "code_or_message": "errors_of_code_or_message",
}


@detects("all_invocations_fail", "some_invocations_fail", "invocations_succeed",
         group="share of runs failing", needs=["metrics"])  # fmt: skip
def failing_share(context: QueueContext) -> Iterator[QueueObservation]:
    """Return the share of invocations that failed while some did, or that no more failed than ever."""
    queue, failures, passed = context.queue, context.queue.failures, context.queue.passed_share
    if failures is None and queue.errors_counted:
        failed, tried = (context.pipeline.count(name) or 0.0 for name in ("failed", "tried"))
        yield context.observation(
            "invocations_succeed",
            context.points(("failed", "tried")),
            effect=(failed / tried if tried else 0.0, "share"),
            failed=round(failed),
            tried=round(tried),
        )
    if failures is None or passed is None or FEW_PASS < passed < OTHERS_PASS:
        return
    yield context.observation(
        "all_invocations_fail" if passed <= FEW_PASS else "some_invocations_fail",
        context.points(("failed", "tried"), failures.start, failures.end),
        said="failures",
        effect=(1 - passed, "share"),
        lasting=failures_span(queue),
        failed=round(failures.count),
        tried=round(failures.base),
        span=TimeSpan(failures.start, failures.end),
        share=Share(1 - passed),
        usual=Share(failures.outside_rate),
        elsewhere=Choice("some" if context.pipeline.frame["tried"].sum() > failures.base else "none"),
    )


@detects(*ERROR_SIGNALS.values(), "errors_timeout_since_change", group="error kind", needs=["log_events"])
def errors(context: QueueContext) -> Iterator[QueueObservation]:
    """Return the logged errors of the failures by the place that they name, as shares of all."""
    queue, logged = context.queue, context.queue.errors
    if not logged.total or (queue.failures is None and not _log_stands_in(queue)):
        return
    start, end = queue.failing_logged
    bounds: list[tuple[str, str, Any]] = [
        ("time", operator, bound) for operator, bound in ((">=", start), ("<", end)) if bound is not None
    ]
    consumer, function = context.pipeline.consumer, context.pipeline.function
    table, column, value = (consumer and consumer.log) or ("log_events", "function", function)
    once_by = EVENT if table == "log_events" else ()
    bounds.insert(0, (column, "=", value))
    rows = context.matching(table, *bounds, ("kind", "in", ("error", "timeout")), once_by=once_by)
    if once_by and not rows["rows"]:
        # Without a line of an error, REPORT lines state how invocations ended.
        ended = (("kind", "=", "report"), ("error_type", "known", None))
        rows = context.matching(table, *bounds, *ended, once_by=once_by)
    for kind, name in ERROR_SIGNALS.items():
        share = logged.share(kind)
        if not share:
            continue
        waited = kind == "timeout"
        yield context.observation(
            f"{name}_since_change" if waited and context.function_change is not None else name,
            rows,
            logged.covered,
            said="errors",
            effect=(share, "share"),
            strength=share,
            detail=_quoted(logged.examples.get(kind)),
            lasting=waiting_span(queue)
            if waited
            else bad_messages_span(queue)
            if kind in ("message", "code_or_message")
            else failures_span(queue),
            kind=Choice(kind.replace("_", "-")),
            errors=logged.counts[kind],
            total=logged.total,
            example=Quotation(logged.examples.get(kind, "")),
        )


@detects("errors_in_all_code", group="whose error", needs=["log_events"])
def code_errors(context: QueueContext) -> Iterator[QueueObservation]:
    """Return a Python error that no message explains: in all invocations, or at one try of two."""
    queue = context.queue
    everywhere = (queue.passed_share or 0.0) <= FEW_PASS and not piled_on_one(queue.by_item)
    if queue.failures is None or queue.errors.share("code_or_message") < MOSTLY:
        return
    tried = retries(queue)
    if everywhere or (tried is not None and tried.pass_later):
        kind = "code_or_message"
        yield context.observation(
            "errors_in_all_code",
            context.matching(
                "log_events",
                ("function", "=", context.pipeline.function),
                ("kind", "=", "error"),
                once_by=EVENT,
            ),
            queue.errors.covered,
            lasting=failures_span(queue),
            errors=queue.errors.counts[kind],
            total=queue.errors.total,
        )


@detects("invocations_at_timeout", "invocations_at_timeout_since_change", "invocations_longer",
         "invocations_as_long", "invocations_short", group="run time", needs=["metrics"])  # fmt: skip
def durations(context: QueueContext) -> Iterator[QueueObservation]:
    """Return the duration during the failures against the one before."""
    during, before, failures = context.queue.run_during_s, context.queue.run_before_s, context.queue.failures
    if during is None or failures is None:
        return
    at_limit = context.queue.timed_out_share or 0.0
    ratio = during / before if before else None
    function, median = context.function, Duration(during)
    if at_limit >= MOSTLY:
        name = "at_timeout" if context.function_change is None else "at_timeout_since_change"
        words = message(
            "backlog-invocations-at-timeout", function=function, during=median, share=Share(at_limit)
        )
    elif ratio is None or before is None:
        return
    elif ratio >= SLOW_RATIO:
        name = "longer"
        words = message(
            "backlog-invocations-longer",
            function=function,
            during=median,
            ratio=Number(ratio, 2),
            before=Duration(before),
        )
    else:
        name = "short" if ratio <= SHORT else "as_long"
        words = message(
            "backlog-invocations-short" if name == "short" else "backlog-invocations-as-long",
            function=function,
            during=median,
            before=Duration(before),
        )
    yield context.observation(
        f"invocations_{name}",
        context.points(("duration_avg_s", "duration_max_s"), None, failures.end),
        text=words,
        effect=(ratio, "ratio"),
        lasting=waiting_span(context.queue)
        if name not in ("as_long", "short")
        else failures_span(context.queue),
    )


@detects("timeout_lowered", group="settings", needs=["functions", "metrics"])
def timeout_lowered(context: QueueContext) -> Iterator[QueueObservation]:
    """Return a timeout of the function that is shorter than its invocations used to take."""
    limit, before = context.settings.function_timeout_s, context.queue.run_before_s
    if limit is None or before is None or context.queue.failures is None:
        return
    if context.queue.limit_lowered:
        yield context.observation(
            "timeout_lowered",
            context.settings_rows("functions"),
            effect=(limit, "s"),
            before=Duration(before),
            limit=Duration(limit),
        )


@detects("memory_lowered", group="settings", needs=["log_events", "metrics"])
def memory_lowered(context: QueueContext) -> Iterator[QueueObservation]:
    """Yield the observation that less memory explains how much longer the invocations take.

    Lambda allots processor in proportion to memory (AWS Lambda Developer Guide, "Configure Lambda function
    memory").
    """
    queue, change = context.queue, context.function_change
    before_s, during_s, failures = queue.run_before_s, queue.run_during_s, queue.failures
    if failures is None or before_s is None or during_s is None:
        return
    if change is None and len(context.inv.table("changes")):
        # The recorded changes did no harm, or concern another function.
        return
    moment = failures.start if change is None else change.time
    given = _memory(context, moment)
    if given is None:
        return
    before, after = given
    # A longer growth than the smaller share of processor explains belongs to the API.
    if not AND_SOME * before_s < during_s <= AND_SOME * before_s * before / after:
        return
    yield context.observation(
        "memory_lowered",
        context.matching(
            "log_events", ("function", "=", context.pipeline.function), ("memory_mb", "known", None)
        ),
        effect=(before / after, "times less"),
        strength=1.0 if change else UNDATED,
        time=moment,
        before_mb=round(before),
        after_mb=round(after),
        before=Duration(before_s),
        during=Duration(during_s),
    )


@detects("waits_for_call", "hangs_before_call", group="last log line", needs=["log_events"])
def last_lines(context: QueueContext) -> Iterator[QueueObservation]:
    """Return whether the invocations that timed out had logged the call that they waited for."""
    lines = context.queue.timeout_logs
    if not lines.total:
        return
    words = message(
        "backlog-last-lines",
        invocations=lines.total,
        function=context.function,
        calling=lines.calling,
        before=lines.before_call,
    )
    rows = context.matching("log_events", ("ptr", "in", lines.lines))
    for name, number in (("waits_for_call", lines.calling), ("hangs_before_call", lines.before_call)):
        if number:
            share = number / lines.total
            yield context.observation(name, rows, text=words, effect=(share, "share"), strength=share)


@detects("unchanged_and_ran_well", group="change", needs=["functions"])
def unchanged(context: QueueContext) -> Iterator[QueueObservation]:
    """Return that the function ran well since its last change."""
    failures, modified = context.queue.failures, context.settings.function_modified_at
    if failures is None or modified is None or context.function_change is not None:
        return
    frame = context.pipeline.frame
    since = frame[(frame.index >= modified) & (frame.index < failures.start)]
    well = float((since["tried"] - since["failed"].fillna(0.0)).sum())
    if well >= RAN_WELL:
        yield context.observation(
            "unchanged_and_ran_well",
            context.settings_rows("functions"),
            effect=(well, "tries"),
            time=modified,
            succeeded=round(well),
        )


@detects("ended_by_change", "ended_by_itself", group="how it ended", needs=["changes"])
def ended(context: QueueContext) -> Iterator[QueueObservation]:
    """Return how failures after a change ended: by the next change of the function, or by themselves.

    Only where no logged error tells more: a timeout does not say what was waited for.
    """
    queue, failures = context.queue, context.queue.failures
    if failures is None or context.function_change is None:
        return
    if queue.errors.total and queue.errors.share("timeout") < MOSTLY:
        return
    span = failures_span(queue)
    if span is None or span.end is None:
        return
    later = [
        change
        for change in context.changes
        if change.time > failures.start
        and context.pipeline.queue in change.queues
        and any(map(change.matches, FUNCTION_EVENTS))
    ]
    runs = context.pipeline.frame["invocations"].fillna(0.0)
    good = runs.index[(runs > 0) & (runs.index >= failures.end)]
    by_change = bool(later) and (not len(good) or later[0].time <= good[0].to_pydatetime())
    yield context.observation(
        "ended_by_change" if by_change else "ended_by_itself",
        change_rows(context, later[0])
        if by_change
        else context.matching("changes", ("time", ">=", failures.start)),
        text=message("backlog-ended-by-change", end=span.end, time=later[0].time)
        if by_change
        else message("backlog-ended-by-itself", end=span.end),
    )


def _quoted(error: str | None) -> Message | None:
    return message("backlog-error-quoted", error=Quotation(error)) if error else None


def _log_stands_in(queue: QueueAnalysis) -> bool:
    """Return whether the log alone shows failing invocations, which no metric counted.

    A message that reached the DLQ by failing failed every try, alone or with its batch, so fewer errors leave
    another way to get there: only Lambda's poller receives messages for which nothing runs.
    """
    errors = queue.errors
    settings = queue.pipeline.settings
    tries = queue.dead_lettered * (settings.max_receive_count or 1) / (settings.batch_size or 1)
    tries = 0 if queue.pipeline.consumer is not None else tries
    enough = errors.total >= max(FAILURE_EVENTS, tries) or errors.truncated
    return not queue.errors_counted and enough


def _memory(context: QueueContext, moment: datetime) -> tuple[float, float] | None:
    """Return the memory of a function's runs before and after a moment, in MB; None where nothing tells."""
    events = context.inv.table("log_events")
    own = events[(events["function"] == context.pipeline.function) & events["memory_mb"].notna()]
    own = own.sort_values("time")
    before, after = own[own["time"] < moment]["memory_mb"], own[own["time"] >= moment]["memory_mb"]
    return None if before.empty or after.empty else (float(before.iloc[-1]), float(after.iloc[0]))


DETECTORS = (
    throttles, reserve, failing_share, errors, code_errors, durations, timeout_lowered, memory_lowered,
    last_lines, unchanged, ended,
)  # fmt: skip
