"""The standard alarms of a backlog diagnosis, evaluated on a case."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from watchme_analysis.alarms.specification import STANDARD
from watchme_analysis.alarms.trials import AlarmBacktest, backtest_alarms
from watchme_analysis.queues.pipeline import Pipeline, Tables

# The same alarms with CloudWatch's other evaluation window: exactly N periods aligned to the clock.
WALL_CLOCK = tuple(
    replace(spec, rule=replace(spec.rule, extra_periods=0, sliding=False)) for spec in STANDARD
)


def standard_alarms(tables: Tables, pipelines: tuple[Pipeline, ...]) -> list[dict[str, Any]]:
    """Return the back-test results of the standard alarms, one per alarm and resource.

    ``first`` (datetime), ``times_raised``, ``in_alarm_at_end`` and ``uncertainty_s`` are evaluated on periods
    aligned to the clock: the true time is earlier by at most ``uncertainty_s``, because the metric has a
    longer period than the alarm. They are None without the metric, ``first`` also where the alarm would not
    have fired. ``sliding`` has the same four values with the sliding window, which is CloudWatch's default
    (Amazon CloudWatch User Guide, "Alarm evaluation window").
    """
    by_clock = backtest_alarms(tables, pipelines, WALL_CLOCK)
    sliding = backtest_alarms(tables, pipelines, STANDARD)
    return [
        {
            "alarm": clock.spec.name,
            "resource": clock.resource,
            **_figures(clock),
            "note": clock.note,
            "sliding": _figures(slid),
        }
        for clock, slid in zip(by_clock, sliding, strict=True)
    ]


def _figures(result: AlarmBacktest) -> dict[str, Any]:
    run = result.run
    return {
        "first": run.first if run else None,
        "times_raised": len(run.raised) if run else None,
        "in_alarm_at_end": run.in_alarm_at_end if run else None,
        "uncertainty_s": run.uncertainty_s if run else None,
    }
