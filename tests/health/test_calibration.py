import math
from pathlib import Path

import pytest
from worlds.reliability import SCALES, Weighed, brier, left_out, reliability, wilson

from watchme_analysis.health.hypotheses.calibration import measured, track_record


def test_verdicts_are_counted_in_the_bin_of_their_confidence():
    verdicts = [(0.9, True), (0.94, False), (0.95, True), (1.0, True), (0.2, False)]
    bins = {(one.low, one.high): (one.count, one.right) for one in reliability(verdicts)}
    assert bins == {(0.0, 0.5): (1, 0), (0.9, 0.95): (2, 1), (0.95, 1.0): (2, 2)}
    assert reliability(verdicts)[1].share == 0.5
    assert reliability([]) == ()


def test_a_share_of_few_has_a_wide_interval_that_stays_between_nothing_and_all():
    low, high = wilson(8, 8)
    # 1 / (1 + z^2 / n), as the formula gives it where all are right.
    assert low == pytest.approx(1 / (1 + 1.96**2 / 8))
    assert high == pytest.approx(1.0)
    assert wilson(0, 0) == (0.0, 1.0)
    few, many = wilson(5, 10), wilson(500, 1000)
    assert many[1] - many[0] < (few[1] - few[0]) / 5


def test_briers_score():
    assert brier([(0.9, True), (0.8, False)]) == pytest.approx((0.01 + 0.64) / 2)
    assert math.isnan(brier([]))


def weighed(name, odds, truth="a"):
    return Weighed(name, frozenset({truth}), {"a": odds, "b": 0.0}, {"a": 0.0, "b": 0.0})


def test_the_factor_fitted_without_a_case_does_not_know_that_case():
    right = [weighed(f"right{n}", 2.0) for n in range(9)]
    wrong = weighed("wrong", 2.0, truth="b")
    scales = left_out([*right, wrong])
    # Without the one wrong case nothing speaks against the strongest weights; with it, all others are tamed.
    assert scales["wrong"] == SCALES[-1]
    assert {scales[f"right{n}"] for n in range(9)} < set(SCALES[:-1])


def test_probabilities_and_surprise_follow_the_factor():
    case = weighed("one", math.log(3))
    assert case.probabilities(1.0)["a"] == pytest.approx(0.75)
    assert case.surprise(1.0) == pytest.approx(-math.log(0.75))
    assert case.probabilities(2.0)["a"] == pytest.approx(0.9)


FIGURES = {
    "date": "2026-01-02",
    "edges": [[0.0, 0.8], [0.8, 0.9], [0.9, 0.95], [0.95, 1.0]],
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
        ("inconclusive", 0.5, "track-record-inconclusive", {"open": 4}),
    ],
)
def test_the_track_record_counts_verdicts_as_sure_as_this_one(verdict, confidence, message_id, numbers):
    said = track_record(verdict, confidence, FIGURES)
    values = {name: next(iter(value.to_json().values())) for name, value in said.values.items()}
    assert (said.id, values) == (message_id, {"cases": 60, "date": "2026-01-02", **numbers})


def test_nothing_is_said_where_nothing_was_measured():
    assert track_record("supported", 0.97, {}) == ""


def test_the_page_on_calibration_states_the_figures_that_ship():
    text = (Path(__file__).resolve().parents[2] / "docs" / "calibration.md").read_text(encoding="utf-8")
    found = measured()
    assert f"Measured on {found['date']}." in text
    for part in found["sets"]:
        assert f"| {part['name']} | {part['cases']} | {part['right']} |" in text
    for one in found["unseen"]["bins"]:
        assert f"| {one['low']:.2f} to {one['high']:.2f} | {one['count']} | {one['right']} |" in text


def test_the_figures_that_ship_add_up():
    found = measured()
    decided = sum(part["right"] + part["wrong"] for part in found["sets"])
    assert decided == sum(one["count"] for one in found["bins"])
    assert sum(part["right"] for part in found["sets"]) == sum(one["right"] for one in found["bins"])
    unseen = found["unseen"]
    assert unseen["cases"] == unseen["open"] + sum(one["count"] for one in unseen["bins"])
    for one in (*found["bins"], *unseen["bins"]):
        assert [one["interval"][0], one["interval"][1]] == pytest.approx(
            wilson(one["right"], one["count"]), abs=1e-3
        )
    assert all(part["what"] for part in found["sets"])
    assert track_record("supported", 0.95)
