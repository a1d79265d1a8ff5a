"""The alarms that the team asked for, tried on a case: when each would first have fired, and where."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from watchme_analysis.alarms.backtest import Rule
from watchme_analysis.alarms.specification import AlarmSpec
from watchme_analysis.alarms.trials import AlarmBacktest, backtest_alarms
from watchme_analysis.queues.pipeline import Pipeline, Tables

_AGE = ("ApproximateAgeOfOldestMessage",)


def _rule(period_s: int, threshold: float, m: int = 1, n: int = 1) -> Rule:
    """Return a rule by which missing points don't breach: no run is no error, a sleeping queue is empty."""
    return Rule(period_s, threshold, n, m, treat_missing_data="notBreaching")


# A name says metric, threshold, period and M of N.
STANDARD = (
    AlarmSpec(
        "dlq_visible_gt_10_avg_300s_1of1",
        "dlq",
        ("ApproximateNumberOfMessagesVisible",),
        "Average",
        _rule(300, 10.0),
    ),
    AlarmSpec(
        "error_rate_gt_10pct_300s_3of12",
        "function",
        ("Errors", "Invocations"),
        "Sum",
        _rule(300, 10.0, 3, 12),
    ),
    AlarmSpec("age_gt_600_max_60s_1of1", "queue", _AGE, "Maximum", _rule(60, 600.0)),
    AlarmSpec("age_gt_600_max_300s_1of1", "queue", _AGE, "Maximum", _rule(300, 600.0)),
)

# The same alarms with CloudWatch's other evaluation window: N whole periods of the clock and no more.
WALL_CLOCK = tuple(
    replace(spec, rule=replace(spec.rule, extra_periods=0, sliding=False)) for spec in STANDARD
)


def standard_alarms(tables: Tables, flows: tuple[Pipeline, ...]) -> list[dict[str, Any]]:
    """Return, for each standard alarm and resource, when it would first have fired.

    The rules are evaluated as every other alarm is, over a sliding window, which is CloudWatch's default.

    Returns
    -------
    list of dict
        ``alarm``, ``resource``, ``first`` (datetime or None), ``times_raised``, ``in_alarm_at_end``,
        ``uncertainty_s`` (the history is coarser than the alarm: the true moment lies this much earlier
        at most), ``note``, ``first_wall_clock`` (datetime or None: when the same alarm would first have fired
        with the evaluation window ``WallClockWindow``, on whole periods of the clock alone).

    Notes
    -----
    Source: Amazon CloudWatch User Guide, "Alarm evaluation window".
    """
    sliding = backtest_alarms(tables, flows, STANDARD)
    by_clock = backtest_alarms(tables, flows, WALL_CLOCK)
    return [_entry(one, other) for one, other in zip(sliding, by_clock, strict=True)]


def _entry(tried: AlarmBacktest, by_clock: AlarmBacktest) -> dict[str, Any]:
    run = tried.run
    return {
        "alarm": tried.spec.name,
        "resource": tried.resource,
        "first": run.first if run else None,
        "times_raised": len(run.raised) if run else 0,
        "in_alarm_at_end": run.in_alarm_at_end if run else False,
        "uncertainty_s": run.uncertainty_s if run else 0.0,
        "note": tried.note,
        "first_wall_clock": by_clock.run.first if by_clock.run else None,
    }
