"""Durations, sizes and rates as Nginx writes them."""

from __future__ import annotations

import re

_DURATION_S = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
    "M": 2592000.0,
    "y": 31536000.0,
}
_SIZE_BYTES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def parse_duration_s(text: str) -> float | None:
    """Return seconds of an Nginx time such as ``30``, ``30s``, ``1m30s``, ``1h 30m`` or ``500ms``.

    A number without a unit is in seconds; months have 30 and years 365 days
    (https://nginx.org/en/docs/syntax.html). None when the text is no time, such as a variable.
    """
    compact = text.replace(" ", "")
    if not re.fullmatch(r"(\d+(ms|[smhdwMy]))*(\d+)?", compact) or not compact:
        return None
    parts = re.findall(r"(\d+)(ms|[smhdwMy])?", compact)
    return sum(float(number) * _DURATION_S[unit or "s"] for number, unit in parts)


def parse_size_bytes(text: str) -> int | None:
    """Return bytes of an Nginx size such as ``8k``, ``20M``, ``1g`` or ``512``; None when it is none."""
    found = re.fullmatch(r"(\d+)([kKmMgG]?)", text.strip())
    return int(found[1]) * _SIZE_BYTES[found[2].lower()] if found else None


def parse_rate_per_s(text: str) -> float | None:
    """Return requests per second of a ``limit_req_zone`` rate such as ``60r/s`` or ``30r/m``."""
    found = re.fullmatch(r"(?:rate=)?(\d+)r/([sm])", text.strip())
    return int(found[1]) / (1 if found[2] == "s" else 60) if found else None
