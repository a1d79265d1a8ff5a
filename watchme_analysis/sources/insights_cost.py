"""What Logs Insights scans and costs: estimated before, told after."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from watchme_analysis.errors import InputError
from watchme_analysis.sources.aws_client import Aws
from watchme_analysis.sources.metrics import Metric, get_metric_data, metric_queries, period_for
from watchme_analysis.window import Window

# List price of a scanned gigabyte in us-east-1; other regions differ by up to a half.
USD_PER_GB = 0.005
BYTES_PER_GB = 1e9


def cost_usd(scanned_bytes: float) -> float:
    """Return the list price in USD of scanning so many bytes."""
    return scanned_bytes / BYTES_PER_GB * USD_PER_GB


def estimate_bytes(aws: Aws, log_groups: Sequence[str], window: Window) -> dict[str, float | None]:
    """Return for each log group the bytes that came in during a window, which is what a query scans.

    CloudWatch counts them for every log group (AWS/Logs, IncomingBytes). None where it has no figure: a
    group that got nothing in the window, or one whose figures have expired.
    """
    wanted = [Metric("AWS/Logs", "IncomingBytes", (("LogGroupName", group),), "Sum") for group in log_groups]
    period = max(3600, period_for(window.start, window.end))
    answer = get_metric_data(aws, metric_queries(wanted, period), window)
    sums = {result["Id"]: sum(result["Values"]) for result in answer["MetricDataResults"] if result["Values"]}
    return {group: sums.get(f"m{number}") for number, group in enumerate(log_groups)}


def incoming_counts(aws: Aws, log_group: str, window: Window) -> tuple[tuple[tuple[int, int], ...], int]:
    """Return how many events came into a log group, by bins: what plans the windows of a query over all.

    CloudWatch counts by the time of arrival, which is close to the events' own; windows that turn out
    fuller are cut again.

    Returns
    -------
    counts, bin_s
        Start of each bin (epoch seconds) and its events, and the width of the bins in seconds.
    """
    wanted = [Metric("AWS/Logs", "IncomingLogEvents", (("LogGroupName", log_group),), "Sum")]
    period = period_for(window.start, datetime.now(UTC))
    answer = get_metric_data(aws, metric_queries(wanted, period), window)
    counts = [
        (int(datetime.fromisoformat(moment).timestamp()), int(value))
        for result in answer["MetricDataResults"]
        for moment, value in zip(result["Timestamps"], result["Values"], strict=False)
    ]
    return tuple(sorted(counts)), period


def check_ceiling(expected_bytes: float, max_scan_gb: float) -> None:
    """Refuse a scan above the ceiling.

    Raises
    ------
    InputError
        When more would be scanned than allowed.
    """
    expected_gb = expected_bytes / BYTES_PER_GB
    if expected_gb > max_scan_gb:
        raise InputError(
            f"The queries would scan about {expected_gb:.1f} GB (about {cost_usd(expected_bytes):.2f} USD), "
            f"more than the ceiling of {max_scan_gb:g} GB: narrow the window, or raise it with --max-scan-gb."
        )
