"""What Logs Insights has to scan, and what that costs: foreseen before, told after."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.aws_shapes.prices import BYTES_PER_GB, USD_PER_GB, format_scan_cost
from watchme_analysis.cloudwatch.insights.query_api import InsightsQuery
from watchme_analysis.cloudwatch.insights.window_planner import Counts
from watchme_analysis.cloudwatch.metrics import RETENTION, Metric, get_metric_data, metric_queries, period_for
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import InputError, RetryableServiceError, ServiceError
from watchme_analysis.window import Window

# Bins of a window that its queries are planned by.
_BINS = 1440


@dataclass(frozen=True)
class Incoming:
    """What came into a log group in a window, which is what a query over it scans.

    Attributes
    ----------
    size_bytes
        Sum; None where CloudWatch has no figure: nothing came, or the figures have expired.
    counts, bin_s
        Start of each bin in epoch seconds and the events that came in it, and the width of the bins; no
        counts where the figures have expired.
    """

    size_bytes: float | None
    counts: Counts
    bin_s: int


def incoming(aws: Aws, log_groups: Sequence[str], window: Window) -> dict[str, Incoming]:
    """Return what came into log groups, by CloudWatch's own count (AWS/Logs), which scans nothing.

    CloudWatch counts by the time of arrival, which is close to the events' own.
    """
    finest = period_for(window.start, datetime.now(UTC))
    period = finest * max(1, math.ceil(window.seconds / finest / _BINS))
    wanted = [
        Metric("AWS/Logs", metric, (("LogGroupName", group),), "Sum")
        for group in log_groups
        for metric in ("IncomingBytes", "IncomingLogEvents")
    ]
    answer = get_metric_data(aws, metric_queries(wanted, period), window)
    series = {result["Id"]: result for result in answer["MetricDataResults"]}
    found = {}
    for number, group in enumerate(log_groups):
        sizes, events = (series.get(f"m{2 * number + offset}", {}) for offset in (0, 1))
        counts = [
            (int(datetime.fromisoformat(moment).timestamp()), int(value))
            for moment, value in zip(events.get("Timestamps", []), events.get("Values", []), strict=True)
        ]
        if not counts and finest <= RETENTION[-1][1]:
            # A figure would still be kept, so nothing came; a late one at most.
            counts = [(int(window.start.timestamp()), 0)]
        values = sizes.get("Values", [])
        found[group] = Incoming(sum(values) if values else None, tuple(sorted(counts)), period)
    return found


def estimate_scan(
    aws: Aws, log_groups: Sequence[str], window: Window
) -> tuple[dict[str, Incoming], dict[str, float]]:
    """Return what came into log groups, and the bytes that a query over each will scan.

    Where CloudWatch's count of them may not be asked or has expired, the bytes are a log group's size, spread
    evenly over the time that it keeps.

    Returns
    -------
    known, sizes
        By log group; a group is missing from ``known`` where its events are not counted.
    """
    try:
        known = incoming(aws, log_groups, window)
    except RetryableServiceError:
        raise
    except ServiceError:
        known = {}
    sizes = {group: known[group].size_bytes for group in log_groups if group in known}
    untold = [
        group for group in log_groups if sizes.get(group) is None and not (known and known[group].counts)
    ]
    spread = stored(aws, untold, window) if untold else {}
    return known, {group: spread.get(group, sizes.get(group) or 0.0) for group in log_groups}


def stored(aws: Aws, log_groups: Sequence[str], window: Window) -> dict[str, float]:
    """Return the share of log groups' sizes that falls to a window, as if they had grown evenly."""
    found = {}
    now = datetime.now(UTC)
    for group in log_groups:
        name = resource_name(group)
        listed = aws.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name)
        entry = next((item for item in listed if item["logGroupName"] == name), None)
        if entry is None:
            continue
        age_s = max(3600.0, now.timestamp() - entry.get("creationTime", 0) / 1000)
        kept_s = min(age_s, entry.get("retentionInDays", math.inf) * 86400)
        found[group] = float(entry.get("storedBytes", 0)) * min(1.0, window.seconds / kept_s)
    return found


def with_scan_estimate(query: InsightsQuery, known: Mapping[str, Incoming]) -> InsightsQuery:
    """Return a query with the counts of its log groups, where all of them are known."""
    total: Counter[int] = Counter()
    width = 60
    for group in query.log_groups:
        part = known.get(group)
        if part is None or not part.counts:
            return query
        total.update(dict(part.counts))
        width = part.bin_s
    return replace(query, counts=tuple(sorted(total.items())), counts_bin_s=width)


def check_ceiling(expected_bytes: float, max_scan_gb: float, usd_per_gb: float = USD_PER_GB) -> None:
    """Refuse a scan above the ceiling.

    Raises
    ------
    InputError
        When more would be scanned than allowed.
    """
    if expected_bytes / BYTES_PER_GB > max_scan_gb:
        raise InputError(
            f"The queries would scan {format_scan_cost(expected_bytes, usd_per_gb)}, more than the ceiling "
            f"of {max_scan_gb:g} GB: narrow the window, or raise it with --max-scan-gb."
        )
