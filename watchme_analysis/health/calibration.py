"""How sure a ``/health`` verdict is, and how often verdicts as sure as it were right, as last measured.

The figures stand in ``calibration.json`` beside this module, which ``benchmarks/health_calibration.py``
writes: no number is written here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from watchme_analysis.inference.confidence import confidence_at
from watchme_analysis.text.message import Count, Resource, Share, Text, Value, message

FILE = "calibration.json"
# From which confidence a verdict is one to act on at night.
SURE = 0.9


@cache
def measured() -> Mapping[str, Any]:
    """Return the figures: when, on what, and the bins of confidence; empty when they don't ship."""
    file = files("watchme_analysis.health").joinpath(FILE)
    if not file.is_file():
        return {}
    found: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def confidence(probability: float, signals: int) -> float:
    """Return the share of first looks that were right, of verdicts as probable on as many signals."""
    return confidence_at(measured()["confidence"], probability, signals)


def track_record(verdict: str, confidence: float, figures: Mapping[str, Any] | None = None) -> Text:
    """Return in a sentence how often verdicts like this one were right; empty when nothing is known."""
    found = measured() if figures is None else figures
    unseen = found.get("unseen", {})
    if not unseen.get("cases"):
        return ""
    made: dict[str, Value] = {"cases": Count(unseen["cases"]), "date": Resource(found["date"])}
    if verdict == "inconclusive":
        return message("track-record-inconclusive", **made, open=Count(unseen["open"]))
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
