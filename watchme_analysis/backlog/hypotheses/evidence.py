"""Observations that several backlog hypotheses weigh, each in its own way."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from watchme_analysis.backlog.hypotheses.leads import backlog_released, surge_leads
from watchme_analysis.backlog.hypotheses.rows import matching, points
from watchme_analysis.backlog.hypotheses.weights import weight
from watchme_analysis.inference.findings import Evidence, Investigation
from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.queues.error_kinds import KIND_WORDS
from watchme_analysis.queues.pipeline_anomalies import FAILURE_EVENTS, messages_a_run

# From this many times the usual arrivals on, a rise is beyond what an ordinary day brings.
MANY_TIMES = 5.0


def error_evidence(
    inv: Investigation,
    signs: QueueAnalysis,
    for_kinds: tuple[str, ...],
    name: str,
    unclear_kinds: tuple[str, ...] = (),
) -> list[Evidence]:
    """Weigh the logged errors: for the cause by the share of its kinds, against it by the rest.

    Errors of ``unclear_kinds`` speak neither for it nor against it.
    """
    errors = signs.errors
    if not errors.total or (signs.failures is None and not _log_stands_in(signs)):
        return []
    share = errors.share(*for_kinds)
    unclear = errors.share("other", "code_or_message") if "code_or_message" not in for_kinds else 0.0
    unclear += errors.share(*unclear_kinds)
    against = max(0.0, 1.0 - share - unclear)
    main = errors.main or "other"
    cut = " (the query returned only part of them)" if errors.truncated else ""
    return [
        Evidence(
            f"{errors.counts[main]:,d} of {errors.total:,d} logged errors of "
            f"{signs.pipeline.function}{cut} are "
            f"{KIND_WORDS[main]}, such as “{errors.examples.get(main, '')}”.",
            weight=weight(name, share) + weight("own_error_absent", against),
            effect=share,
            effect_unit="share",
            check="error kind",
            **matching(
                inv,
                "log_events",
                ("function", "=", signs.pipeline.function),
                ("kind", "in", ("error", "timeout")),
                *_bounds(*signs.failing_logged),
                once_by="ptr",
            ),
        )
    ]


def _bounds(start: datetime | None, end: datetime | None) -> list[tuple[str, str, Any]]:
    """Return the conditions that a row lies within bounds."""
    return [("time", operator, bound) for operator, bound in ((">=", start), ("<", end)) if bound is not None]


def _log_stands_in(signs: QueueAnalysis) -> bool:
    """Tell whether the log alone shows failing runs: no metric counted them, and the log explains the harm.

    A dead letter that died of failures failed every try, so fewer errors than that leave another way to die.
    """
    errors = signs.errors
    tries = signs.dead_lettered * (signs.pipeline.settings.max_receive_count or 1)
    enough = errors.total >= max(FAILURE_EVENTS, tries) or errors.truncated
    return not signs.errors_counted and enough


def share_evidence(
    inv: Investigation, signs: QueueAnalysis, all_weight: str = "all_fail", some_weight: str = "some_pass"
) -> list[Evidence]:
    """Weigh whether all runs failed or others passed meanwhile."""
    failures, passed = signs.failures, signs.passed_share
    if failures is None or passed is None:
        return []
    mostly = passed <= 0.15
    value = weight(all_weight) if mostly else weight(some_weight) if passed >= 0.5 else 0.0
    return [
        Evidence(
            f"{failures.count:,.0f} of {failures.base:,.0f} {signs.pipeline.tries} failed between "
            f"{failures.start:%Y-%m-%d %H:%M} and {failures.end:%Y-%m-%d %H:%M} UTC "
            f"({1 - passed:.0%}); outside {failures.outside_rate:.1%}.",
            weight=value,
            effect=1 - passed,
            effect_unit="share",
            check="share of runs failing",
            **points(inv, signs.pipeline, ("failed", "tried"), failures.start, failures.end),
        )
    ]


def no_failures_evidence(inv: Investigation, signs: QueueAnalysis, value: float) -> list[Evidence]:
    """Weigh that no more runs failed than ever."""
    if signs.failures is not None or not signs.errors_counted:
        return []
    failed, tried = signs.pipeline.count("failed") or 0.0, signs.pipeline.count("tried") or 0.0
    return [
        Evidence(
            f"{failed:,.0f} of {tried:,.0f} {signs.pipeline.tries} failed, spread over the window.",
            weight=value,
            effect=failed / tried if tried else 0.0,
            effect_unit="share",
            check="share of runs failing",
            **points(inv, signs.pipeline, ("failed", "tried")),
        )
    ]


def run_time_evidence(
    inv: Investigation, signs: QueueAnalysis, *, limit: float, longer: float, usual: float, short: float
) -> list[Evidence]:
    """Weigh run times during the failures: at the limit, longer, as usual or shorter than before."""
    during, before = signs.run_during_s, signs.run_before_s
    if during is None or signs.failures is None:
        return []
    at_limit = signs.timed_out_share or 0.0
    ratio = during / before if before else None
    if at_limit >= 0.5:
        value, words = limit, f"and {at_limit:.0%} of the failures reach the function's timeout"
    elif ratio is None:
        value, words = 0.0, "and nothing is known from before"
    elif ratio >= 3.0:
        value, words = longer, f"{ratio:.1f} times as long as before ({before:.2f} s)"
    elif ratio <= 0.4:
        value, words = short, f"against {before:.2f} s before: they end at once"
    else:
        value, words = usual, f"against {before:.2f} s before"
    return [
        Evidence(
            f"Runs of {signs.pipeline.function} take {during:.2f} s (median) in the trouble, {words}.",
            weight=value,
            effect=ratio,
            effect_unit="ratio",
            check="run time",
            **points(inv, signs.pipeline, ("duration_avg_s", "duration_max_s"), None, signs.failures.end),
        )
    ]


def limit_evidence(inv: Investigation, signs: QueueAnalysis, name: str) -> list[Evidence]:
    """Weigh a time limit of the function that is shorter than its runs used to take."""
    limit = signs.pipeline.settings.function_timeout_s
    if not signs.limit_lowered or signs.failures is None:
        return []
    return [
        Evidence(
            f"Runs of {signs.pipeline.function} took {signs.run_before_s:.1f} s (median) before the "
            "failures, "
            f"and its configuration allows {limit:.0f} s: the time limit was lowered.",
            weight=weight(name),
            effect=limit,
            effect_unit="s",
            check="settings",
            **matching(inv, "functions", ("function", "=", signs.pipeline.function)),
        )
    ]


def creep_evidence(inv: Investigation, signs: QueueAnalysis, present: float, absent: float) -> list[Evidence]:
    """Weigh a run time that rises over many hours."""
    ramp, creep = signs.drift, signs.creeping
    if "duration_avg_s" not in signs.pipeline.asked:
        return []
    if creep is None:
        words = (
            "shows no rise over many hours"
            if ramp is None
            else (f"rises within {ramp.hours:.1f} h, {ramp.steepest_share:.0%} of it in a tenth of that time")
        )
        value = absent
    else:
        words = (
            f"creeps from {creep.before_s:.1f} s to {creep.after_s:.1f} s over {creep.hours:.0f} h "
            f"(rank correlation {creep.correlation:.2f}, its steepest tenth {creep.steepest_share:.0%})"
        )
        value = present
    return [
        Evidence(
            f"The run time of {signs.pipeline.function} {words}.",
            weight=value,
            effect=creep.growth if creep else None,
            effect_unit="ratio" if creep else None,
            check="creeping run time",
            **points(inv, signs.pipeline, ("duration_avg_s",)),
        )
    ]


def surge_against(inv: Investigation, signs: QueueAnalysis) -> list[Evidence]:
    """Weigh against an API fault that more came at once than usual: a surge, or a backlog let loose."""
    if signs.unpolled is not None and backlog_released(signs):
        return [
            Evidence(
                f"Runs went wrong when messages that had waited unread for {signs.unpolled.minutes:,.0f} min "
                f"were let loose at {signs.unpolled.end:%Y-%m-%d %H:%M} UTC, and not before.",
                weight=weight("released_explains"),
                effect=signs.unpolled.minutes,
                effect_unit="min",
                check="arrivals",
                **points(
                    inv, signs.pipeline, ("visible", "received"), signs.unpolled.start, signs.unpolled.end
                ),
            )
        ]
    if not surge_leads(signs) or signs.surge is None:
        return []
    return [
        Evidence(
            f"{signs.surge.count:,.0f} messages came to {signs.pipeline.queue} from "
            f"{signs.surge.start:%Y-%m-%d %H:%M} UTC, {signs.surge.rate:.0f} times the usual, before "
            "anything else moved.",
            weight=weight("surge_explains", 1.0 if signs.surge.rate < MANY_TIMES else 1.5),
            effect=signs.surge.rate,
            effect_unit="ratio",
            check="arrivals",
            **points(inv, signs.pipeline, (arrivals_column(signs),), signs.surge.start, signs.surge.end),
        )
    ]


def arrivals_column(signs: QueueAnalysis) -> str:
    """Return what tells the arrivals: runs where nobody counted messages."""
    return "sent" if "sent" in signs.pipeline.asked else "invocations"


def slow_without_failures(inv: Investigation, signs: QueueAnalysis) -> list[Evidence]:
    """Weigh runs that got slower without failing, while messages waited."""
    if signs.failures is not None:
        return []
    trouble = signs.slow or signs.worst
    if trouble is None:
        return no_failures_evidence(inv, signs, weight("runs_usual"))
    runs = signs.pipeline.frame["duration_avg_s"].dropna()
    during = runs[(runs.index >= trouble.start) & (runs.index < trouble.end)].median()
    before = runs[runs.index < trouble.start].median()
    if not during > 0 or not before > 0:
        return []
    each = messages_a_run(signs.pipeline)[runs.index]
    at_once = each[(runs.index >= trouble.start) & (runs.index < trouble.end)].median()
    fuller = max(1.0, float(at_once / each[runs.index < trouble.start].median()))
    ratio = float(during / before) / fuller
    slow = "slow_no_error" if signs.errors_counted else "slow_errors_unknown"
    others = "none more fail" if signs.errors_counted else "whether more fail was not collected"
    return [
        Evidence(
            f"Runs of {signs.pipeline.function} take {during:.1f} s (median) from "
            f"{trouble.start:%Y-%m-%d %H:%M} UTC on, against {before:.1f} s before"
            + (f", with {fuller:.1f} times as many messages each" if fuller >= 1.05 else "")
            + f"; {others}.",
            weight=weight(slow) if ratio >= 2.0 else weight("backlog_not_slow"),
            effect=ratio,
            effect_unit="ratio",
            check="run time",
            **points(inv, signs.pipeline, ("duration_avg_s",), None, trouble.end),
        )
    ]


def last_words_evidence(
    inv: Investigation, signs: QueueAnalysis, calling: str, before_call: str
) -> list[Evidence]:
    """Weigh what the runs that timed out had logged last, by names of weights ("-" turns one round)."""
    words = signs.timeout_logs
    if not words.total:
        return []

    def value(name: str, number: int) -> float:
        sign = -1.0 if name.startswith("-") else 1.0
        return sign * weight(name.lstrip("-"), number / words.total)

    return [
        Evidence(
            f"Of {words.total:,d} runs of {signs.pipeline.function} that timed out and whose log is there, "
            f"{words.calling:,d} last named the call that they made, {words.before_call:,d} never came "
            "to it.",
            weight=value(calling, words.calling) + value(before_call, words.before_call),
            effect=words.calling / words.total,
            effect_unit="share",
            check="last words",
            **matching(inv, "log_events", ("ptr", "in", words.lines)),
        )
    ]
