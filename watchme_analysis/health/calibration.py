"""How often ``/health`` verdicts as sure as one were right, as last measured: no number is written here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watchme_analysis.inference.confidence import measured
from watchme_analysis.text.message import Count, Resource, Share, Text, Value, message

# From which confidence a verdict is one to act on at night.
SURE = 0.9


def track_record(verdict: str, confidence: float, figures: Mapping[str, Any] | None = None) -> Text:
    """Return in a sentence how often verdicts like this one were right.

    It is empty for open verdicts, and where nothing is known.
    """
    found = measured("health") if figures is None else figures
    unseen = found.get("unseen", {})
    if verdict == "inconclusive" or not unseen.get("cases"):
        return ""
    made: dict[str, Value] = {"cases": Count(unseen["cases"]), "date": Resource(found["date"])}
    low, high = (SURE, 1.0) if confidence >= SURE else _bounds(found, confidence)
    mine = [one for one in unseen["bins"] if low <= one["low"] and one["high"] <= high]
    count, right = (sum(one[name] for one in mine) for name in ("count", "right"))
    if not count:
        return message("track-record-none", **made)
    known = {**made, "count": Count(count), "right": Count(right), "low": Share(low)}
    if high == 1.0:
        return message("track-record-sure", **known)
    return message("track-record", **known, high=Share(high))


def _bounds(found: Mapping[str, Any], confidence: float) -> tuple[float, float]:
    for one in found["edges"]:
        low, high = one
        if low <= confidence < high:
            return low, high
    return 0.0, 1.0
