import csv
import math
from pathlib import Path

import pytest
from worlds.reliability import (
    LOOKS_PER_POINT,
    SCALES,
    FirstLook,
    Weighed,
    brier,
    confidence_map,
    left_out,
    read_first_looks,
    reliability,
    wilson,
)

from watchme_analysis.health.calibration import confidence, measured, track_record
from watchme_analysis.health.judge import Decision
from watchme_analysis.inference.confidence import ROUTES, mapped
from watchme_analysis.inference.weighing import NAMED_AT

ROOT = Path(__file__).resolve().parents[2]
FIRST_LOOKS = ROOT / "benchmarks" / "health_first_looks.csv"
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
    "edges": [[0.0, 0.8], [0.8, 0.9], [0.9, 0.95], [0.95, 1.0]],
    "unseen": {
        "date": "2026-01-02",
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
    text = (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8")
    found = measured()
    assert f"Measured on {found['date']}." in text
    assert f"Fitted on {found['unseen']['date']}." in text
    for part in found["sets"]:
        assert f"| {part['name']} | {part['cases']} | {part['right']} |" in text
    for one in found["unseen"]["bins"]:
        assert f"| {one['low']:.2f} to {one['high']:.2f} | {one['count']} | {one['right']} |" in text
    for one in found["unseen"]["routes"]:
        assert f"| `{one['route']}` | {one['count']} | {one['promised']:.2f} | {one['right']} |" in text


def test_the_figures_that_ship_add_up():
    found = measured()
    decided = sum(part["right"] + part["wrong"] for part in found["sets"])
    assert decided == sum(one["count"] for one in found["bins"])
    assert sum(part["right"] for part in found["sets"]) == sum(one["right"] for one in found["bins"])
    unseen = found["unseen"]
    assert unseen["cases"] == unseen["open"] + sum(one["count"] for one in unseen["bins"])
    for name in ("count", "right"):
        assert sum(one[name] for one in unseen["routes"]) == sum(one[name] for one in unseen["bins"])
    for one in (*found["bins"], *unseen["bins"], *unseen["routes"]):
        assert [one["interval"][0], one["interval"][1]] == pytest.approx(
            wilson(one["right"], one["count"]), abs=1e-3
        )
    assert all(part["what"] for part in found["sets"])
    assert track_record("supported", 0.95)


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


def test_a_first_look_of_rules_with_limits_tells_its_route_by_its_confidence(tmp_path):
    path = tmp_path / "looks.csv"
    path.write_text(
        "set,outcome,confidence,route,probability\n"
        "old,right,0.97,,\nold,wrong,0.89,,\nold,right,0.8,,\nold,open,0.4,,\nnew: logs,right,0.7,one,0.85\n"
    )
    several, one, unlimited, new = read_first_looks(path)
    assert (several.route, one.route, unlimited.route) == ("several", "one", "several")
    assert [several.probability, one.probability, unlimited.probability] == pytest.approx([0.985, 0.945, 0.8])
    assert new == FirstLook("new", "one", 0.85, 0.7, True)


@pytest.mark.parametrize("route", ROUTES)
def test_confidence_rises_with_probability(route):
    promised = [confidence(route, probability) for probability in PROBABILITIES]
    assert promised == sorted(promised)
    assert 0 < promised[0] <= promised[-1] < 1


def test_a_verdict_on_one_observation_promises_less_than_one_on_several():
    requested = [probability for probability in PROBABILITIES if probability >= NAMED_AT]
    assert all(
        confidence("one", probability) < confidence("several", probability) for probability in requested
    )


def test_an_inconclusive_verdict_states_the_probability_itself():
    assert Decision("inconclusive", None, 0.99, ()).confidence == 0.99
    assert Decision("supported", "app_down", 0.99, (), "pair").confidence == confidence("pair", 0.99)


@pytest.mark.parametrize("route", ROUTES)
def test_the_maps_that_ship_are_those_of_the_first_looks(route):
    mine = [look for look in read_first_looks(FIRST_LOOKS) if look.route == route]
    assert measured()["confidence"][route] == confidence_map(
        (look.probability, look.is_right) for look in mine
    )
    (figures,) = [one for one in measured()["unseen"]["routes"] if one["route"] == route]
    assert (figures["count"], figures["right"]) == (len(mine), sum(look.is_right for look in mine))
    promised = sum(confidence(route, look.probability) for look in mine) / len(mine)
    assert figures["promised"] == pytest.approx(promised, abs=1e-3)


def test_every_first_look_has_a_known_route():
    with FIRST_LOOKS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {look.route for look in read_first_looks(FIRST_LOOKS)} == set(ROUTES)
    assert {row["outcome"] for row in rows} == {"right", "open", "wrong"}
    assert measured()["unseen"]["cases"] == len(rows)
