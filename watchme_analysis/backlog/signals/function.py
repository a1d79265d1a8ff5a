"""Signals of the function: which invocations fail, how long they take, and what was changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from watchme_analysis.backlog.changes import FUNCTION_EVENTS
from watchme_analysis.backlog.signals.change import change_observation, change_rows
from watchme_analysis.backlog.signals.look import Look, QueueObservation
from watchme_analysis.backlog.signals.onset import FEW_PASS, bad_messages_span, failures_span, waiting_span
from watchme_analysis.inference.signals import detects
from watchme_analysis.queues.anomalies import QueueAnalysis, piled_on_one
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
    sentences,
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
def failing_share(look: Look) -> Iterator[QueueObservation]:
    """Return the share of invocations that failed while some did, or that no more failed than ever."""
    queue, failures, passed = look.queue, look.queue.failures, look.queue.passed_share
    if failures is None and queue.errors_counted:
        failed, tried = (look.pipeline.count(name) or 0.0 for name in ("failed", "tried"))
        yield look.found(
            "invocations_succeed",
            message(
                "backlog-failures-usual",
                failed=round(failed),
                tried=round(tried),
                function=look.function,
                attempts=look.attempts,
            ),
            look.points(("failed", "tried")),
            effect=failed / tried if tried else 0.0,
            unit="share",
        )
    if failures is None or passed is None or FEW_PASS < passed < OTHERS_PASS:
        return
    yield look.found(
        "all_invocations_fail" if passed <= FEW_PASS else "some_invocations_fail",
        message(
            "backlog-failures",
            failed=round(failures.count),
            tried=round(failures.base),
            function=look.function,
            attempts=look.attempts,
            span=TimeSpan(failures.start, failures.end),
            share=Share(1 - passed),
            usual=Share(failures.outside_rate),
        ),
        look.points(("failed", "tried"), failures.start, failures.end),
        effect=1 - passed,
        unit="share",
        span=failures_span(queue),
    )


@detects(*ERROR_SIGNALS.values(), "errors_timeout_since_change", group="error kind", needs=["log_events"])
def errors(look: Look) -> Iterator[QueueObservation]:
    """Return the logged errors of the failures by the place that they name, as shares of all."""
    queue, logged = look.queue, look.queue.errors
    if not logged.total or (queue.failures is None and not _log_stands_in(queue)):
        return
    start, end = queue.failing_logged
    bounds: list[tuple[str, str, Any]] = [
        ("time", operator, bound) for operator, bound in ((">=", start), ("<", end)) if bound is not None
    ]
    rows = look.matching(
        "log_events",
        ("function", "=", look.pipeline.function),
        ("kind", "in", ("error", "timeout")),
        *bounds,
        once_by="ptr",
    )
    for kind, name in ERROR_SIGNALS.items():
        share = logged.share(kind)
        if not share:
            continue
        waited = kind == "timeout"
        yield look.found(
            f"{name}_since_change" if waited and look.function_change is not None else name,
            sentences(
                message(
                    "backlog-errors",
                    kind=Choice(kind.replace("_", "-")),
                    errors=logged.counts[kind],
                    total=logged.total,
                    function=look.function,
                    example=Quotation(logged.examples.get(kind, "")),
                ),
                message("backlog-errors-truncated") if logged.truncated else None,
            ),
            rows,
            strength=share,
            effect=share,
            unit="share",
            span=waiting_span(queue)
            if waited
            else bad_messages_span(queue)
            if kind in ("message", "code_or_message")
            else failures_span(queue),
            detail=_quoted(logged.examples.get(kind)),
        )


@detects("errors_in_all_code", group="whose error", needs=["log_events"])
def code_errors(look: Look) -> Iterator[QueueObservation]:
    """Return a Python error that no message explains: in all invocations, or at one try of two."""
    queue = look.queue
    everywhere = (queue.passed_share or 0.0) <= FEW_PASS and not piled_on_one(queue.by_item)
    if queue.failures is None or queue.errors.share("code_or_message") < MOSTLY:
        return
    tried = retries(queue)
    if everywhere or (tried is not None and tried.pass_later):
        kind = "code_or_message"
        yield look.found(
            "errors_in_all_code",
            message(
                "backlog-errors-in-all-code",
                errors=queue.errors.counts[kind],
                total=queue.errors.total,
                function=look.function,
            ),
            look.matching("log_events", ("function", "=", look.pipeline.function), ("kind", "=", "error")),
            span=failures_span(queue),
        )


@detects("invocations_at_timeout", "invocations_at_timeout_since_change", "invocations_longer",
         "invocations_as_long", "invocations_short", group="run time", needs=["metrics"])  # fmt: skip
def durations(look: Look) -> Iterator[QueueObservation]:
    """Return the duration during the failures against the one before."""
    during, before, failures = look.queue.run_during_s, look.queue.run_before_s, look.queue.failures
    if during is None or failures is None:
        return
    at_limit = look.queue.timed_out_share or 0.0
    ratio = during / before if before else None
    function, median = look.function, Duration(during)
    if at_limit >= MOSTLY:
        name = "at_timeout" if look.function_change is None else "at_timeout_since_change"
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
    yield look.found(
        f"invocations_{name}",
        words,
        look.points(("duration_avg_s", "duration_max_s"), None, failures.end),
        effect=ratio,
        unit="ratio",
        span=waiting_span(look.queue) if name not in ("as_long", "short") else failures_span(look.queue),
    )


@detects("timeout_lowered", group="settings", needs=["functions", "metrics"])
def timeout_lowered(look: Look) -> Iterator[QueueObservation]:
    """Return a timeout of the function that is shorter than its invocations used to take."""
    limit, before = look.settings.function_timeout_s, look.queue.run_before_s
    if limit is None or before is None or look.queue.failures is None:
        return
    if look.queue.limit_lowered:
        yield look.found(
            "timeout_lowered",
            message(
                "backlog-timeout-lowered",
                function=look.function,
                before=Duration(before),
                limit=Duration(limit),
            ),
            look.settings_rows("functions"),
            effect=limit,
            unit="s",
        )


@detects("memory_lowered", group="settings", needs=["log_events", "metrics"])
def memory_lowered(look: Look) -> Iterator[QueueObservation]:
    """Return that the function got less memory before its durations grew as long as that can make them.

    Lambda allots processor in proportion to memory (AWS Lambda Developer Guide, "Configure Lambda function
    memory").
    """
    queue, change = look.queue, look.function_change
    before_s, during_s, failures = queue.run_before_s, queue.run_during_s, queue.failures
    if failures is None or before_s is None or during_s is None:
        return
    if change is None and len(look.inv.table("changes")):
        # Whatever was changed was survived, or is another function's.
        return
    moment = failures.start if change is None else change.time
    given = _memory(look, moment)
    if given is None or given[1] >= given[0]:
        return
    before, after = given
    # A step of the API's answer that less processor doesn't explain stays the API's.
    if not AND_SOME * before_s < during_s <= AND_SOME * before_s * before / after:
        return
    yield look.found(
        "memory_lowered",
        message(
            "backlog-memory-lowered",
            function=look.function,
            time=moment,
            before_mb=round(before),
            after_mb=round(after),
            before=Duration(before_s),
            during=Duration(during_s),
        ),
        look.matching("log_events", ("function", "=", look.pipeline.function), ("memory_mb", "known", None)),
        strength=1.0 if change else UNDATED,
        effect=before / after,
        unit="times less",
    )


@detects("waits_for_call", "hangs_before_call", group="last log line", needs=["log_events"])
def last_lines(look: Look) -> Iterator[QueueObservation]:
    """Return whether the invocations that timed out had logged the call that they waited for."""
    lines = look.queue.timeout_logs
    if not lines.total:
        return
    words = message(
        "backlog-last-lines",
        invocations=lines.total,
        function=look.function,
        calling=lines.calling,
        before=lines.before_call,
    )
    rows = look.matching("log_events", ("ptr", "in", lines.lines))
    for name, number in (("waits_for_call", lines.calling), ("hangs_before_call", lines.before_call)):
        if number:
            share = number / lines.total
            yield look.found(name, words, rows, strength=share, effect=share, unit="share")


@detects("function_changed", "unchanged_and_ran_well", group="change", needs=["changes", "functions"])
def changed(look: Look) -> Iterator[QueueObservation]:
    """Return the change of the function right before its failures, or that it ran well since."""
    failures, modified = look.queue.failures, look.settings.function_modified_at
    if failures is None:
        return
    if look.function_change is not None:
        yield from change_observation(look, "function_changed", FUNCTION_EVENTS, failures.start)
        return
    if modified is None:
        return
    frame = look.pipeline.frame
    since = frame[(frame.index >= modified) & (frame.index < failures.start)]
    well = float((since["tried"] - since["failed"].fillna(0.0)).sum())
    if well >= RAN_WELL:
        yield look.found(
            "unchanged_and_ran_well",
            message(
                "backlog-ran-well-since-change",
                function=look.function,
                time=modified,
                succeeded=round(well),
                attempts=look.attempts,
            ),
            look.settings_rows("functions"),
            effect=well,
            unit="tries",
        )


@detects("ended_by_change", "ended_by_itself", group="how it ended", needs=["changes"])
def ended(look: Look) -> Iterator[QueueObservation]:
    """Return how failures after a change ended: by the next change of the function, or by themselves.

    Only where no logged error tells more: a timeout does not say what was waited for.
    """
    queue, failures = look.queue, look.queue.failures
    if failures is None or look.function_change is None:
        return
    if queue.errors.total and queue.errors.share("timeout") < MOSTLY:
        return
    span = failures_span(queue)
    if span is None or span.end is None:
        return
    later = [
        change
        for change in look.changes
        if change.time > failures.start
        and look.pipeline.queue in change.queues
        and any(map(change.matches, FUNCTION_EVENTS))
    ]
    runs = look.pipeline.frame["invocations"].fillna(0.0)
    good = runs.index[(runs > 0) & (runs.index >= failures.end)]
    by_change = bool(later) and (not len(good) or later[0].time <= good[0].to_pydatetime())
    yield look.found(
        "ended_by_change" if by_change else "ended_by_itself",
        message("backlog-ended-by-change", end=span.end, time=later[0].time)
        if by_change
        else message("backlog-ended-by-itself", end=span.end),
        change_rows(look, later[0])
        if by_change
        else look.matching("changes", ("time", ">=", failures.start)),
    )


def _quoted(error: str | None) -> Message | None:
    return message("backlog-error-quoted", error=Quotation(error)) if error else None


def _log_stands_in(queue: QueueAnalysis) -> bool:
    """Return whether the log alone shows failing invocations, which no metric counted.

    A message that reached the DLQ by failing failed every try, so fewer errors leave another way to get
    there.
    """
    errors = queue.errors
    tries = queue.dead_lettered * (queue.pipeline.settings.max_receive_count or 1)
    enough = errors.total >= max(FAILURE_EVENTS, tries) or errors.truncated
    return not queue.errors_counted and enough


def _memory(look: Look, moment: datetime) -> tuple[float, float] | None:
    """Return the memory of a function's runs before and after a moment, in MB; None where nothing tells."""
    events = look.inv.table("log_events")
    own = events[(events["function"] == look.pipeline.function) & events["memory_mb"].notna()]
    own = own.sort_values("time")
    before, after = own[own["time"] < moment]["memory_mb"], own[own["time"] >= moment]["memory_mb"]
    return None if before.empty or after.empty else (float(before.iloc[-1]), float(after.iloc[0]))


DETECTORS = (
    failing_share, errors, code_errors, durations, timeout_lowered, memory_lowered, last_lines, changed,
    ended,
)  # fmt: skip
