"""Prices of Logs Insights queries: USD per scanned gigabyte, formatted sizes and costs."""

from __future__ import annotations

# List price in us-east-1 (https://aws.amazon.com/cloudwatch/pricing/, Logs, Analyze: "Logs Insights
# queries"); Tokyo's was 0.0076 when this was written. ``--usd-per-gb`` states another.
USD_PER_GB = 0.005


BYTES_PER_GB = 1e9


def cost_usd(scanned_bytes: float, usd_per_gb: float = USD_PER_GB) -> float:
    """Return the price in USD of scanning so many bytes."""
    return scanned_bytes / BYTES_PER_GB * usd_per_gb


def format_scan_cost(scanned_bytes: float, usd_per_gb: float = USD_PER_GB) -> str:
    """Return a scan and its price in words."""
    price = format_usd(cost_usd(scanned_bytes, usd_per_gb))
    return f"{format_size(scanned_bytes)}, {price} at {usd_per_gb:g} USD a GB"


def format_size(size: float) -> str:
    """Return a number of bytes in words."""
    return "less than 0.001 GB" if 0 < size < 0.001 * BYTES_PER_GB else f"{size / BYTES_PER_GB:.3f} GB"


def format_usd(usd: float) -> str:
    """Return a price in words."""
    return f"about {usd:.4f} USD" if usd >= 0.0001 or usd == 0 else "less than 0.0001 USD"
