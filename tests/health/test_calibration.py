import math
from pathlib import Path

import pytest
from worlds.reliability import (
    LOOKS_PER_POINT,
    FirstLook,
    brier,
    confidence_map,
    confidence_points,
    read_first_looks,
    reliability,
    wilson,
)

from watchme_analysis.health.calibration import confidence, measured, track_record
from watchme_analysis.health.judge import Decision
from watchme_analysis.inference.causes import Cause
from watchme_analysis.inference.confidence import mapped
from watchme_analysis.inference.engine import weigh

ROOT = Path(__file__).resolve().parents[2]
PROBABILITIES = [number / 200 for number in range(201)]


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
        ("inconclusive", 0.5, "track-record-inconclusive", {"open": 4}),
    ],
)
def test_the_track_record_counts_verdicts_as_sure_as_this_one(verdict, confidence, message_id, numbers):
    said = track_record(verdict, confidence, FIGURES)
    values = {name: next(iter(value.to_json().values())) for name, value in said.values.items()}
    assert (said.id, values) == (message_id, {"cases": 60, "date": "2026-01-02", **numbers})


def test_nothing_is_said_where_nothing_was_measured():
    assert track_record("supported", 0.97, {}) == ""


def test_the_figures_that_ship_add_up_and_are_those_of_the_page():
    text = (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8")
    assert f"Fitted on {measured()['date']}" in text
    unseen = measured()["unseen"]
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


def test_a_map_is_linear_between_its_points_and_constant_outside():
    points = [[0.6, 0.5], [0.8, 0.7], [0.9, 0.95]]
    assert [mapped(probability, points) for probability in (0.0, 0.6, 0.7, 0.8, 0.9, 1.0)] == pytest.approx(
        [0.5, 0.5, 0.6, 0.7, 0.95, 0.95]
    )
    assert mapped(0.3, [[0.9, 0.8]]) == mapped(1.0, [[0.9, 0.8]]) == 0.8


def looks(probability, right, wrong):
    return [(probability, True)] * right + [(probability, False)] * wrong


def test_a_map_pools_what_is_not_in_order():
    rising = [*looks(0.7, 12, 8), *looks(0.9, 19, 1)]
    assert confidence_map(rising) == [[0.7, round(12.5 / 21, 4)], [0.9, round(19.5 / 21, 4)]]
    falling = [*looks(0.7, 19, 1), *looks(0.9, 12, 8)]
    assert confidence_map(falling) == [[0.8, round(31.5 / 41, 4)]]


def test_few_looks_promise_less_and_move_no_point_alone():
    assert confidence_map([]) == [[0.5, 0.5]]
    few, many = confidence_map(looks(0.9, 5, 0)), confidence_map(looks(0.9, 500, 0))
    assert few == [[0.9, round(5.5 / 6, 4)]]
    assert few[0][1] < many[0][1] < 1
    alone = confidence_map([*looks(0.61, 0, 1), *looks(0.9, LOOKS_PER_POINT, 0)])
    assert len(alone) == 1
    # All right, but so few that the prior would turn the order around.
    reversed_by_prior = confidence_map([*looks(0.8, 199, 1), *looks(0.9, LOOKS_PER_POINT, 0)])
    assert len(reversed_by_prior) == 1


def test_confidence_rises_with_probability_and_with_the_number_of_signals():
    for signals in (1, 2, 3):
        promised = [confidence(probability, signals) for probability in PROBABILITIES]
        assert promised == sorted(promised)
        assert 0 < promised[0] <= promised[-1] < 1
    for probability in (one for one in PROBABILITIES if one >= 0.7):
        promised = [confidence(probability, signals) for signals in (1, 2, 3, 9)]
        assert promised == sorted(promised)


def test_a_map_promises_no_more_on_few_signals_than_on_many():
    few, many = (
        [FirstLook("a", signals, 0.95, 0.9, is_right) for is_right in outcomes]
        for signals, outcomes in ((1, [True] * 40), (3, [True] * 30 + [False] * 10))
    )
    points = confidence_points([*few, *many])
    for probability in PROBABILITIES:
        assert mapped(probability, points["1"]) <= mapped(probability, points["3"])


def test_first_looks_are_read_without_the_open_ones(tmp_path):
    path = tmp_path / "looks.csv"
    path.write_text(
        "set,outcome,confidence,signals,probability\nnew: logs,right,0.7,2,0.85\nnew,open,0.4,1,0.4\n"
    )
    assert read_first_looks(path) == [FirstLook("new", 2, 0.85, 0.7, True)]


def test_an_inconclusive_verdict_states_the_probability_itself():
    (only,) = weigh([Cause("a", "health", "A", "a", "process", "Look.")], [], {}).ranking
    for verdict in ("inconclusive", "supported"):
        said = Decision(verdict, "a", (only,), {})
        assert (said.confidence == only.probability) == (verdict == "inconclusive")
