"""Sensitivity of a back-test to threshold, M of N, and to what CloudWatch does not publish."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from watchme_analysis.alarms.specification import AlarmSpec
from watchme_analysis.alarms.trials import Spans, backtest_alarms, backtest_frame
from watchme_analysis.queues.pipeline import Pipeline, Tables

if TYPE_CHECKING:
    import pandas as pd

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
# What CloudWatch does not publish, by a name: the length of the evaluation range beyond N, and the state
# while only a few young points exist that breach.
UNPUBLISHED: dict[str, dict[str, Any]] = {
    "N + 0": {"extra_periods": 0},
    "N + 2": {"extra_periods": 2},
    "N + 5": {"extra_periods": 5},
    "insufficient": {"extra_periods": 2, "lone_point": "insufficient"},
    "ok": {"extra_periods": 2, "lone_point": "ok"},
}


def sensitivity(
    tables: Tables,
    pipelines: tuple[Pipeline, ...],
    specs: Iterable[AlarmSpec],
    start: datetime | None,
    span_s: float,
    elsewhere: Spans | None = None,
) -> pd.DataFrame:
    """Return the back-test with thresholds from a quarter to four times the original, and other M of N.

    Columns: those of :func:`.trials.backtest_frame`, and ``threshold_factor``, ``threshold`` in
    ``threshold_unit`` (``s``, ``%``, ``% of the timeout``; empty for a count), ``datapoints_to_alarm`` and
    ``evaluation_periods``. An alarm on one data point is also evaluated on two and three in a row; a
    threshold of 0 is also evaluated a few units higher.
    """
    tried = [
        (factor, item)
        for spec in specs
        if not spec.composite and spec.over != "probes"
        for changed, factor in variants(spec)
        for item in backtest_alarms(tables, pipelines, (changed,))
    ]
    items = [item for _, item in tried]
    limits = [item.spec.limit for item in items]
    return backtest_frame(items, start, span_s, elsewhere=elsewhere).assign(
        threshold_factor=[factor for factor, _ in tried],
        threshold=[threshold for threshold, _ in limits],
        threshold_unit=[unit for _, unit in limits],
        datapoints_to_alarm=[item.spec.rule.datapoints_to_alarm for item in items],
        evaluation_periods=[item.spec.rule.evaluation_periods for item in items],
    )


def variants(spec: AlarmSpec) -> list[tuple[AlarmSpec, float]]:
    """Return the neighbouring settings of an alarm, each with the factor of its threshold."""
    rule = spec.rule
    n = rule.evaluation_periods
    pairs = sorted({(1, n), (rule.datapoints_to_alarm, n), (n, n)}) if n > 1 else [(1, 1), (2, 2), (3, 3)]
    found = []
    for factor in FACTORS:
        if spec.of_timeout is not None and spec.of_timeout * factor >= 1:
            continue  # no duration exceeds the timeout
        if len(spec.metrics) == 2 and rule.threshold * factor >= 100:
            continue  # no percentage exceeds 100
        # A factor has no effect on a threshold of 0, so it is raised in steps of 1 instead.
        threshold = rule.threshold * factor if rule.threshold else max(0.0, factor - 1.0)
        if not rule.threshold and spec.of_timeout is None and factor < 1:
            continue
        for needed, periods in pairs:
            changed = replace(
                rule, threshold=threshold, datapoints_to_alarm=needed, evaluation_periods=periods
            )
            share = None if spec.of_timeout is None else spec.of_timeout * factor
            found.append((replace(spec, rule=changed, of_timeout=share), factor))
    return found


def unpublished_sensitivity(
    tables: Tables, pipelines: tuple[Pipeline, ...], specs: Iterable[AlarmSpec], span_s: float
) -> pd.DataFrame:
    """Return the alarms whose times depend on what CloudWatch does not publish (:data:`UNPUBLISHED`).

    A row per alarm and resource with a different result: ``alarm``, ``resource``, and for each NAME of
    :data:`UNPUBLISHED` ``first_NAME`` (time at which it first fired) and ``rings_NAME`` (number of times it
    fired). Empty without differences.
    """
    import pandas as pd

    wanted = [spec for spec in specs if not spec.composite and spec.over != "probes"]
    parts = []
    for name, assumed in UNPUBLISHED.items():
        changed = [replace(spec, rule=replace(spec.rule, **assumed)) for spec in wanted]
        frame = backtest_frame(backtest_alarms(tables, pipelines, changed), None, span_s)
        frame = frame.set_index(["alarm", "resource"])[["first", "times_raised"]]
        parts.append(frame.rename(columns={"first": f"first_{name}", "times_raised": f"rings_{name}"}))
    joined = pd.concat(parts, axis=1)
    rings = joined[[f"rings_{name}" for name in UNPUBLISHED]].fillna(0)
    firsts = joined[[f"first_{name}" for name in UNPUBLISHED]]
    moves = (rings.nunique(axis=1) > 1) | (firsts.nunique(axis=1) > 1)
    return joined[moves].reset_index()
