"""AWS's prices of log queries, alarms, metrics and requests: sizes and costs in USD as sentences."""

from __future__ import annotations

from watchme_analysis.errors import InputError
from watchme_analysis.text.message import Choice, Message, Resource, message
from watchme_analysis.text.render import error_message

# List price in us-east-1 (https://aws.amazon.com/cloudwatch/pricing/, Logs, Analyze: "Logs Insights
# queries"), in USD per GB; Tokyo's was 0.0076 when this was written. ``--usd-per-gb`` sets another.
USD_PER_GB = 0.005
# List prices in us-east-1 (https://aws.amazon.com/cloudwatch/pricing/), in USD a month: a metric of a
# standard-resolution alarm, a composite alarm, and a custom metric.
ALARM_USD_PER_MONTH = 0.10
COMPOSITE_ALARM_USD_PER_MONTH = 0.50
CUSTOM_METRIC_USD_PER_MONTH = 0.30
# List price of ingesting logs of the standard class, in USD per GB.
LOG_INGESTION_USD_PER_GB = 0.50
# List price of PutMetricData in USD per call.
PUT_METRIC_DATA_USD = 0.01 / 1000
# List prices of a canary run in USD, and of a Lambda request and a gigabyte-second.
CANARY_RUN_USD = 0.0012
LAMBDA_REQUEST_USD = 0.2 / 1e6
LAMBDA_GB_SECOND_USD = 0.0000166667
# List price in USD of a metric that GetMetricData returns, whatever the number of its points.
GET_METRIC_DATA_USD = 0.01 / 1000
# List price of a request to a standard SQS queue (https://aws.amazon.com/sqs/pricing/), in USD.
SQS_REQUEST_USD = 0.4 / 1e6
# AWS counts 730 hours a month.
HOURS_PER_MONTH = 730
MINUTES_PER_MONTH = HOURS_PER_MONTH * 60
# AWS bills decimal gigabytes.
BYTES_PER_GB = 1e9
# Amounts below are shown as "less than".
_LEAST_SHOWN_GB = 0.001
_LEAST_SHOWN_USD = 0.0001


def check_price(max_usd: object) -> None:
    """Raise an error if a largest price is not a number above 0."""
    if isinstance(max_usd, bool) or not isinstance(max_usd, int | float) or not max_usd > 0:
        raise InputError(error_message("error-pull-max-usd", value=repr(max_usd)))


def cost_usd(scanned_bytes: float, usd_per_gb: float = USD_PER_GB) -> float:
    """Return the price in USD of scanning a number of bytes."""
    return scanned_bytes / BYTES_PER_GB * usd_per_gb


def scan_cost_message(scanned_bytes: float, usd_per_gb: float = USD_PER_GB) -> Message:
    """Return a scan and its price: ``0.500 GB, about 0.0025 USD at 0.005 USD a GB``."""
    return message(
        "scan-cost",
        size=size_message(scanned_bytes),
        price=usd_message(cost_usd(scanned_bytes, usd_per_gb)),
        rate=Resource(f"{usd_per_gb:g}"),
    )


def size_message(size: float) -> Message:
    """Return a number of bytes in gigabytes, or the smallest size shown that it is less than."""
    gb = size / BYTES_PER_GB
    is_tiny = 0 < gb < _LEAST_SHOWN_GB
    shown = f"{_LEAST_SHOWN_GB}" if is_tiny else f"{gb:.3f}"
    return message("size-gb", gb=Resource(shown), bound=Choice("under" if is_tiny else "exact"))


def usd_message(usd: float) -> Message:
    """Return a price, or the lowest price shown that it is less than."""
    is_tiny = 0 < usd < _LEAST_SHOWN_USD
    shown = f"{_LEAST_SHOWN_USD}" if is_tiny else f"{usd:.4f}"
    return message("price-usd", usd=Resource(shown), bound=Choice("under" if is_tiny else "about"))
