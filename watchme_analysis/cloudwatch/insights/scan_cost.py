"""Estimate and limit the bytes that Logs Insights queries scan, on which their cost is based."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.cloudwatch.insights.query_api import InsightsQuery
from watchme_analysis.cloudwatch.insights.window_planner import Counts
from watchme_analysis.cloudwatch.metrics import (
    RETENTION,
    Metric,
    fetch_metric_data,
    finest_period_s,
    metric_queries,
)
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import InputError, RetryableServiceError, ServiceError
from watchme_analysis.prices import BYTES_PER_GB, USD_PER_GB, cost_usd, scan_cost_message
from watchme_analysis.text.formats import counted
from watchme_analysis.text.render import error_message, render
from watchme_analysis.window import Window

if TYPE_CHECKING:
    import pandas as pd

# Bins that a window is divided into at most; the windows of its queries are planned by them.
_MAX_BINS = 1440
# Least assumed age of a log group in seconds, so that a new group does not divide by zero.
_MIN_AGE_S = 3600.0


@dataclass(frozen=True)
class IncomingVolume:
    """Events and bytes that arrived in a log group in a window; a query over the window scans these bytes."""

    size_bytes: float | None  # None without a figure: nothing arrived, or the metric has expired
    counts: Counts  # events by start of the bin (epoch seconds); none when the metric has expired
    bin_s: int


@dataclass(frozen=True, repr=False)
class ScanEstimate:
    """Bytes that a query is expected to scan, and their price, before it runs.

    Attributes
    ----------
    bytes_by_group
        Bytes by log group.
    usd_per_gb
        Price of scanning one GB.

    Examples
    --------
    >>> ScanEstimate({"/aws/lambda/asr": 4e8, "/aws/lambda/sed": 1e8})
    <ScanEstimate: 0.500 GB, about 0.0025 USD at 0.005 USD a GB; 2 log groups>
    """

    bytes_by_group: Mapping[str, float]
    usd_per_gb: float = USD_PER_GB

    @property
    def bytes_expected(self) -> float:
        """Bytes of all log groups."""
        return sum(self.bytes_by_group.values())

    @property
    def cost_usd(self) -> float:
        """Price in USD."""
        return cost_usd(self.bytes_expected, self.usd_per_gb)

    @property
    def frame(self) -> pd.DataFrame:
        """Bytes and price (``bytes_expected``, ``cost_usd``) by ``log_group``, the largest first."""
        import pandas as pd

        sizes = sorted(self.bytes_by_group.items(), key=lambda item: -item[1])
        frame = pd.DataFrame(sizes, columns=["log_group", "bytes_expected"])
        frame["cost_usd"] = frame["bytes_expected"].map(lambda size: cost_usd(size, self.usd_per_gb))
        return frame.astype({"log_group": "string", "bytes_expected": "Float64", "cost_usd": "Float64"})

    def __repr__(self) -> str:
        groups = counted(len(self.bytes_by_group), "log group")
        return f"<ScanEstimate: {render(scan_cost_message(self.bytes_expected, self.usd_per_gb))}; {groups}>"


def incoming_volumes(aws: Aws, log_groups: Sequence[str], window: Window) -> dict[str, IncomingVolume]:
    """Return the incoming volume by log group, from metrics (AWS/Logs), which cost no scan.

    CloudWatch counts events by their time of arrival, which is close to their timestamps.
    """
    finest = finest_period_s(window.start, datetime.now(UTC))
    period = finest * max(1, math.ceil(window.seconds / finest / _MAX_BINS))
    metrics = [
        Metric("AWS/Logs", metric, (("LogGroupName", group),), "Sum")
        for group in log_groups
        for metric in ("IncomingBytes", "IncomingLogEvents")
    ]
    response = fetch_metric_data(aws, metric_queries(metrics, period), window)
    series = {result["Id"]: result for result in response["MetricDataResults"]}
    volumes = {}
    for index, group in enumerate(log_groups):
        sizes, events = (series.get(f"m{2 * index + offset}", {}) for offset in (0, 1))
        counts = [
            (int(datetime.fromisoformat(time).timestamp()), int(value))
            for time, value in zip(events.get("Timestamps", []), events.get("Values", []), strict=True)
        ]
        if not counts and finest <= RETENTION[-1][1]:
            # The metric has not expired, so nothing arrived (or its points are late).
            counts = [(int(window.start.timestamp()), 0)]
        values = sizes.get("Values", [])
        volumes[group] = IncomingVolume(sum(values) if values else None, tuple(sorted(counts)), period)
    return volumes


def estimate_scan(
    aws: Aws, log_groups: Sequence[str], window: Window
) -> tuple[dict[str, IncomingVolume], dict[str, float]]:
    """Return the incoming volume of log groups and the bytes that a query over each will scan.

    The volume of a group is missing where it is unknown. If the metrics are not permitted or have expired,
    the bytes are the size of the log group, distributed evenly over its retention.
    """
    try:
        volumes = incoming_volumes(aws, log_groups, window)
    except RetryableServiceError:
        raise
    except ServiceError:
        volumes = {}
    sizes = {group: volumes[group].size_bytes for group in log_groups if group in volumes}
    unknown = [
        group for group in log_groups if sizes.get(group) is None and not (volumes and volumes[group].counts)
    ]
    stored = _stored_bytes(aws, unknown, window) if unknown else {}
    return volumes, {group: stored.get(group, sizes.get(group) or 0.0) for group in log_groups}


def _stored_bytes(aws: Aws, log_groups: Sequence[str], window: Window) -> dict[str, float]:
    """Return the share of each log group's stored bytes that falls to a window, if the group grew evenly."""
    shares = {}
    now = datetime.now(UTC)
    for group in log_groups:
        name = resource_name(group)
        groups = aws.items("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name)
        entry = next((item for item in groups if item["logGroupName"] == name), None)
        if entry is None:
            continue
        age_s = max(_MIN_AGE_S, now.timestamp() - entry.get("creationTime", 0) / 1000)
        kept_s = min(age_s, entry.get("retentionInDays", math.inf) * 86400)
        shares[group] = float(entry.get("storedBytes", 0)) * min(1.0, window.seconds / kept_s)
    return shares


def with_scan_estimate(query: InsightsQuery, volumes: Mapping[str, IncomingVolume]) -> InsightsQuery:
    """Return a query with the counts of its log groups; unchanged unless the counts of all are known."""
    total: Counter[int] = Counter()
    bin_s = 60
    for group in query.log_groups:
        volume = volumes.get(group)
        if volume is None or not volume.counts:
            return query
        total.update(dict(volume.counts))
        bin_s = volume.bin_s
    return replace(query, counts=tuple(sorted(total.items())), counts_bin_s=bin_s)


def planned_queries(
    aws: Aws, queries: Sequence[InsightsQuery], max_scan_gb: float, usd_per_gb: float = USD_PER_GB
) -> tuple[list[InsightsQuery], ScanEstimate]:
    """Return queries over one window with the counts of their log groups, and the estimate of their scan.

    InputError if the scan exceeds the ceiling; ServiceError if it can't be estimated.
    """
    groups = [group for query in queries for group in query.log_groups]
    volumes, sizes = estimate_scan(aws, groups, queries[0].window)
    estimate = ScanEstimate(sizes, usd_per_gb)
    check_ceiling(estimate.bytes_expected, max_scan_gb, usd_per_gb)
    return [with_scan_estimate(query, volumes) for query in queries], estimate


def check_ceiling(expected_bytes: float, max_scan_gb: float, usd_per_gb: float = USD_PER_GB) -> None:
    """Raise InputError for an estimated scan above the ceiling in GB."""
    if expected_bytes / BYTES_PER_GB > max_scan_gb:
        raise InputError(
            error_message(
                "error-scan-ceiling",
                cost=scan_cost_message(expected_bytes, usd_per_gb),
                ceiling=f"{max_scan_gb:g}",
            )
        )
