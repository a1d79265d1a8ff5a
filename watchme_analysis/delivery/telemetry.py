"""Cost of the telemetry of a system: its alarms and metrics, its logs, and the queries of the runs.

Prices are list prices of us-east-1 (`aws_shapes.prices`). Free tiers, discounts, storage of logs and
dashboards are not included.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.prices import (
    ALARM_USD_PER_MONTH,
    BYTES_PER_GB,
    COMPOSITE_ALARM_USD_PER_MONTH,
    CUSTOM_METRIC_USD_PER_MONTH,
    GET_METRIC_DATA_USD,
    HOURS_PER_MONTH,
    LOG_INGESTION_USD_PER_GB,
)

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.window import Window

_VENDED = "AWS/"


@dataclass(frozen=True)
class Telemetry:
    """What the alarms, metrics and logs of a system are billed by, as a run has found it.

    ``alarm_metrics`` are the metrics in metric alarms, each of which is billed; ``composite_alarms`` are on
    these alarms; ``custom_metrics`` in them are those that AWS does not publish itself. ``log_gb_per_day`` is
    what arrived in the log groups; None if that is not known. ``metrics_requested`` are those that the run
    has requested.
    """

    alarm_metrics: int = 0
    composite_alarms: int = 0
    custom_metrics: int = 0
    log_gb_per_day: float | None = None
    metrics_requested: int = 0


def telemetry_of(
    alarms: pd.DataFrame,
    resources: Iterable[str],
    log_bytes: float | None,
    window: Window,
    metrics_requested: int,
) -> Telemetry:
    """Return the telemetry of a system.

    ``alarms`` is the table of its case, which holds those of the whole account; alarms on other queues,
    functions and instances than ``resources`` are not counted. ``log_bytes`` arrived in its log groups within
    the window; None if that is not known.
    """
    names, own, metrics = set(resources), set(), []
    definitions = [json.loads(text) for text in alarms["definition"].dropna()]
    for alarm in definitions:
        found = list(_metrics(alarm))
        if any(names & set(values) for _, _, values in found):
            own.add(str(alarm.get("AlarmName")))
            metrics += found
    custom = {each for each in metrics if not each[0].startswith(_VENDED)}
    composites = [
        alarm for alarm in definitions if any(f'"{name}"' in str(alarm.get("AlarmRule", "")) for name in own)
    ]
    days = window.seconds / timedelta(days=1).total_seconds()
    rate = None if log_bytes is None or not days else log_bytes / BYTES_PER_GB / days
    return Telemetry(len(metrics), len(composites), len(custom), rate, metrics_requested)


def _metrics(alarm: Mapping[str, Any]) -> Iterable[tuple[str, str, tuple[str, ...]]]:
    """Yield namespace, name and values of the dimensions of each metric of an alarm."""
    for each in [alarm, *(one.get("MetricStat", {}).get("Metric", {}) for one in alarm.get("Metrics") or ())]:
        if each.get("MetricName"):
            values = (str(one["Value"]) for one in each.get("Dimensions") or ())
            yield str(each.get("Namespace", "")), str(each["MetricName"]), tuple(sorted(values))


@dataclass(frozen=True)
class TelemetryCost:
    """Cost of the telemetry of a period in USD, and what it is for.

    ``alarm_usd`` includes the price of custom metrics. ``metrics_requested`` are those that runs have
    requested. ``log_gb`` of logs arrived; they and their price are None if that is not known.
    """

    alarms: int = 0
    alarm_usd: float = 0.0
    metrics_requested: int = 0
    request_usd: float = 0.0
    log_gb: float | None = None
    log_usd: float | None = None


def cost_of(found: Iterable[Mapping[str, Any]], span: timedelta) -> TelemetryCost:
    """Return the cost of a period, from the :class:`Telemetry` of each of its runs as JSON, oldest first.

    Alarms are those of the last one. Windows of runs overlap, so logs are the mean of their rates over the
    whole period.
    """
    runs = list(found)
    if not runs:
        return TelemetryCost()
    last = runs[-1]
    months = span / timedelta(hours=HOURS_PER_MONTH)
    usd = (
        last["alarm_metrics"] * ALARM_USD_PER_MONTH
        + last["composite_alarms"] * COMPOSITE_ALARM_USD_PER_MONTH
        + last["custom_metrics"] * CUSTOM_METRIC_USD_PER_MONTH
    )
    requested = sum(each["metrics_requested"] for each in runs)
    rates = [each["log_gb_per_day"] for each in runs if each["log_gb_per_day"] is not None]
    gb = sum(rates) / len(rates) * (span / timedelta(days=1)) if rates else None
    return TelemetryCost(
        last["alarm_metrics"] + last["composite_alarms"],
        usd * months,
        requested,
        requested * GET_METRIC_DATA_USD,
        gb,
        None if gb is None else gb * LOG_INGESTION_USD_PER_GB,
    )
