"""Confidence of a verdict: a map from the engine's probability and the number of independent signals.

The engine's probability assumes that its grades are right and that its causes are all there are. A single
signal that is misread makes a wrong verdict as probable as a right one; several rarely err together. The
points of the map are data, fitted on verdicts about cases that the rules had not seen: ``calibration.json``
beside the rules of each question, which ``benchmarks`` write. This module only reads between them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

Points = Sequence[Sequence[float]]
# Numbers of independent signals that the map tells apart; the last one stands for more as well. By choice:
# first looks are too few for a finer division.
SIGNALS = ("1", "2", "3")


def key_of(signals: int) -> str:
    """Return the part of the map for a number of independent signals."""
    return SIGNALS[min(max(signals, 1), len(SIGNALS)) - 1]


@cache
def measured(question: str) -> Mapping[str, Any]:
    """Return the figures of a question: its map (``confidence``), and when and on what it was fitted."""
    file = files("watchme_analysis").joinpath(question, "calibration.json")
    found: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def confidence(question: str, probability: float, signals: int) -> float:
    """Return the share of first looks that were right, of verdicts as probable on as many signals."""
    return confidence_at(measured(question)["confidence"], probability, signals)


def confidence_at(points: Mapping[str, Points], probability: float, signals: int) -> float:
    """Return the share of verdicts that should be right, of those as probable on as many signals."""
    return mapped(probability, points[key_of(signals)])


def mapped(probability: float, points: Points) -> float:
    """Return the confidence at a probability: linear between the points of a map, constant outside.

    A point is a probability and its confidence; they are in order of probability.
    """
    import numpy as np

    probabilities, confidences = zip(*points, strict=True)
    return float(np.interp(probability, probabilities, confidences))
