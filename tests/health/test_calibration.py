from pathlib import Path

import pytest
from worlds.reliability import (
    wilson,
)

from watchme_analysis.health.calibration import track_record
from watchme_analysis.inference.confidence import confidence, measured
from watchme_analysis.text.message import to_json

ROOT = Path(__file__).resolve().parents[2]
PROBABILITIES = [number / 200 for number in range(201)]


FIGURES = {
    "edges": [[0.0, 0.8], [0.8, 0.9], [0.9, 0.95], [0.95, 1.0]],
    "date": "2026-01-02",
    "unseen": {
        "cases": 60,
        "open": 4,
        "bins": [
            {"low": 0.8, "high": 0.9, "count": 10, "right": 8},
            {"low": 0.9, "high": 0.95, "count": 12, "right": 11},
            {"low": 0.95, "high": 1.0, "count": 30, "right": 30},
        ],
    },
    # What the rules have seen says less of them.
    "bins": [{"low": 0.95, "high": 1.0, "count": 99, "right": 99}],
}


@pytest.mark.parametrize(
    ("verdict", "confidence", "message_id", "numbers"),
    [
        ("supported", 0.97, "track-record-sure", {"count": 42, "low": 0.9, "right": 41}),
        ("no_incident", 0.9, "track-record-sure", {"count": 42, "low": 0.9, "right": 41}),
        ("supported", 0.83, "track-record", {"count": 10, "low": 0.8, "high": 0.9, "right": 8}),
        ("supported", 0.3, "track-record-none", {}),
    ],
)
def test_the_track_record_counts_verdicts_as_sure_as_this_one(verdict, confidence, message_id, numbers):
    said = track_record(verdict, confidence, FIGURES)
    values = {name: next(iter(to_json(value).values())) for name, value in said.values.items()}
    assert (said.id, values) == (message_id, {"cases": 60, "date": "2026-01-02", **numbers})


def test_an_open_verdict_has_no_track_record():
    assert track_record("inconclusive", 0.5, FIGURES) == ""


def test_the_figures_that_ship_add_up_and_are_those_of_the_page():
    text = (ROOT / "docs" / "generated" / "health-accuracy.md").read_text(encoding="utf-8")
    assert f"Fitted on {measured('health')['date']}" in text
    unseen = measured("health")["unseen"]
    if not unseen:
        return
    assert unseen["cases"] == unseen["open"] + sum(one["count"] for one in unseen["bins"])
    for name in ("count", "right"):
        assert sum(one[name] for one in unseen["signals"]) == sum(one[name] for one in unseen["bins"])
    for one in (*unseen["bins"], *unseen["signals"]):
        interval = wilson(one["right"], one["count"])
        assert one["interval"] == pytest.approx(list(interval), abs=1e-3)
    for one in unseen["bins"]:
        assert f"| {one['low']:.2f} to {one['high']:.2f} | {one['count']} | {one['right']} |" in text


def test_confidence_rises_with_probability_and_with_the_number_of_signals():
    for signals in (1, 2, 3):
        promised = [confidence("health", probability, signals) for probability in PROBABILITIES]
        assert promised == sorted(promised)
        assert 0 < promised[0] <= promised[-1] < 1
    for probability in (one for one in PROBABILITIES if one >= 0.7):
        promised = [confidence("health", probability, signals) for signals in (1, 2, 3, 9)]
        assert promised == sorted(promised)
