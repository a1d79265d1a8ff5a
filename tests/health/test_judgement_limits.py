"""Judged observations, affected routes and layers, on both sides of their limits."""

import pandas as pd
import pytest
from worlds.health_literal import at
from worlds.together import together

from watchme_analysis.health import judge
from watchme_analysis.health.incident import (
    affected_routes,
    find_brief_failure,
    judge_observations,
    made_slow,
)
from watchme_analysis.inference.findings import Evidence, Finding, Ranked
from watchme_analysis.inference.signals import Observation


def seen(*rows):
    """Observations from (second, duration); a status, error, vantage, route or client may be named."""
    base = {
        "vantage": "outside",
        "route": "/a",
        "status": 200.0,
        "error": None,
        "client_addr": "c",
        "row": -1,
    }
    frame = pd.DataFrame(
        [base | {"start": at(second), "duration_s": took} | more for second, took, more in rows]
    )
    texts = dict.fromkeys(("vantage", "route", "error", "client_addr"), "string")
    return frame.astype(texts | {"status": "float64", "duration_s": "float64"})


CALM = [(second, 0.1, {}) for second in range(20)]


def last(took, **more):
    """The judgement on a request after twenty that took a tenth of a second."""
    return judge_observations(seen(*CALM, (30, took, more))).iloc[-1]


def test_a_request_is_slow_from_twice_the_usual_and_half_a_second_more():
    found = last(0.1)
    assert (found["usual_s"], found["limit_s"]) == (pytest.approx(0.1), pytest.approx(0.6))
    assert [last(took)["slow"] for took in (0.59, 0.61)] == [False, True]
    # Strained from 150 ms more.
    assert [last(took)["strained"] for took in (0.24, 0.26)] == [False, True]
    assert not last(0.26)["bad"]
    slow = [(second, 2.0, {}) for second in range(20)]
    assert judge_observations(seen(*slow)).iloc[-1]["limit_s"] == pytest.approx(4.0)


@together(
    ("more", "failed"),
    [
        ({"status": 499.0, "took": 0.5}, False),  # the client left before the response was late
        ({"status": 499.0, "took": 0.7}, True),
        ({"status": 500.0}, True),
        ({"status": 300.0}, True),  # where the path usually succeeds
        ({"status": 304.0}, False),
        ({"status": 299.0}, False),
        ({"status": 404.0}, True),
        ({"status": None}, True),
        ({"status": None, "vantage": "nginx"}, False),
        ({"error": "timeout"}, True),
        # The name was not resolved, or the prober had no network.
        ({"status": None, "error": "Could not RESOLVE host"}, False),
        ({"status": None, "error": "Network is unreachable"}, False),
        ({"status": None, "error": "Network is unreachable", "vantage": "inside"}, True),
    ],
)
def test_a_request_failed_by_its_status_or_error(more, failed):
    given = dict(more)
    found = last(given.pop("took", 0.1), **given)
    assert (found["failed"], found["bad"]) == (failed, failed or found["slow"])


def test_a_refusal_is_a_failure_where_three_requests_succeeded():
    few = [(second, 0.1, {}) for second in range(3)]
    refused = (30, 0.1, {"status": 404.0})
    assert judge_observations(seen(*few, refused)).iloc[-1]["failed"]
    assert not judge_observations(seen(*few[:2], refused)).iloc[-1]["failed"]


def test_a_request_ended_at_a_time_limit_without_a_duration():
    assert last(None, status=504.0)["timed_out"]
    assert last(None, error="upstream_timeout_header")["timed_out"]
    assert not last(5.0, status=504.0)["timed_out"]
    assert not last(None, status=502.0)["timed_out"]


def test_a_layer_made_a_request_slow_by_more_than_half_a_second_and_most_of_its_time():
    spent, total = pd.Series([0.5, 0.51, 0.6, 0.61]), pd.Series([0.5, 0.6, 1.0, 1.0])
    assert made_slow(spent, total).tolist() == [False, True, False, True]


def rows(*counts):
    """Requests by route: bad and all within the incident, bad and all outside; strained as many as bad."""
    found = []
    for route, bad, size, other_bad, others in counts:
        found += [(at(10 + number / 100), route, number < bad) for number in range(size)]
        found += [(at(30 + number / 100), route, number < other_bad) for number in range(others)]
    frame = pd.DataFrame(found, columns=["start", "route", "bad"])
    return frame.assign(strained=frame["bad"])


def affected(*counts, **strained):
    frame = rows(*counts)
    for route, share in strained.items():
        mine = frame.index[frame["route"].eq(route) & (frame["start"] < at(20))]
        frame.loc[mine[: round(share * len(mine))], "strained"] = True
    return affected_routes(frame, at(10), at(20))


def test_routes_are_affected_from_a_tenth_of_bad_requests_on():
    # The most bad requests first.
    assert affected(("a", 3, 30, 0, 9), ("b", 5, 9, 0, 9)) == ["b", "a"]
    assert affected(("a", 3, 31, 0, 9)) == []
    assert affected(("a", 2, 9, 0, 9)) == []
    assert affected(("a", 2, 2, 0, 9)) == ["a"]
    # More than three times the share of other times.
    assert affected(("a", 6, 10, 2, 10)) == []
    assert affected(("a", 7, 10, 2, 10)) == ["a"]
    # Three tenths strained, and three of them bad.
    assert affected(("a", 3, 40, 0, 9), a=0.3) == ["a"]
    assert affected(("a", 3, 40, 0, 9), a=0.25) == []


def brief(count, first=20.0, clients=3, good=30):
    bad = [
        (first + number / 2, 0.1, {"status": 502.0, "client_addr": f"c{number % clients}"})
        for number in range(count)
    ]
    calm = [(second / 2, 0.1, {"client_addr": "other"}) for second in range(good)]
    after = [(40 + second / 2, 0.1, {"client_addr": "other"}) for second in range(good)]
    return find_brief_failure(judge_observations(seen(*calm, *bad, *after)))


def test_four_failures_in_a_row_are_a_brief_failure():
    assert brief(4) == (at(20), at(21.5), 4)
    assert brief(3) is None
    assert brief(0) is None


def ranked(cause, probability, status="inconclusive", *evidence):
    return Ranked(Finding(cause, evidence), probability, status)


def evidence(weight, check="own"):
    return Evidence(f"weight {weight}", "probes", 1, weight, check=check)


def test_a_verdict_without_an_incident_needs_a_record_that_would_show_one():
    calm = (Observation("all_well", "It is so.", "probes", 9),)
    for changed, verdict in (
        ({}, "no_incident"),
        ({"timed": False}, "inconclusive"),
        ({"edge_visible": False}, "inconclusive"),
    ):
        situation = judge.Situation(**{"incident": False, "timed": True, "spared": False} | changed)
        said = judge.decide(calm, situation)
        assert said.verdict == verdict
        assert (said.cause, said.route) == (("none", "calm") if verdict == "no_incident" else (None, None))
        assert said.probability == said.ranking[0].probability
    # An inconclusive verdict keeps its probability.
    assert said.confidence == said.probability
    assert judge.decide((), judge.Situation(False, True, False)).verdict == "inconclusive"


def test_two_faults_share_their_probability():
    assert judge.of_pair(ranked("app_down", 0.4), ranked("edge_config", 0.3)) == pytest.approx(0.7)
    assert judge.of_pair(ranked("app_down", 0.7), ranked("edge_config", 0.5)) == 1.0


def test_what_shows_only_how_far_requests_came_is_no_mark():
    for check in ("vantages", "fate", "routes", "paths"):
        assert not judge.shows_itself(ranked("edge_config", 0.9, "supported", evidence(9.0, check)))
    assert not judge.shows_itself(ranked("edge_config", 0.9))
    assert judge.shows_itself(ranked("edge_config", 0.9, "supported", evidence(9.0)))
    assert judge.shows_itself(ranked("edge_config", 0.9, "supported", evidence(judge.MARK)))
    assert not judge.shows_itself(ranked("edge_config", 0.9, "supported", evidence(judge.MARK - 0.01)))


@together(
    ("cause", "spared", "expected"),
    [
        ("edge_config", False, False), ("nginx_config", False, False), ("docker_network", False, False),
        ("dependency_slow", False, False), ("app_down", False, True), ("app_down", True, False),
    ],
)  # fmt: skip
def test_some_causes_have_to_show_themselves(cause, spared, expected):
    situation = judge.Situation(incident=True, timed=True, spared=spared)
    assert judge.has_mark(ranked(cause, 0.9), situation) is expected
    assert judge.has_mark(ranked(cause, 0.9, "supported", evidence(9.0)), situation)
    assert judge.is_before_application(cause) is (cause in ("edge_config", "nginx_config", "docker_network"))


def test_a_layer_is_as_probable_as_its_causes_together():
    ranking = (
        ranked("app_down", 0.4, "inconclusive", evidence(2.0), evidence(-1.0)),
        ranked("app_threadpool", 0.31, "inconclusive", evidence(3.0)),
        ranked("edge_config", 0.01, "inconclusive", evidence(-2.0)),
        ranked("nginx_config", 0.28, "refuted", evidence(-4.0), evidence(-3.0)),
    )
    layers = {one.layer: one for one in judge.layer_findings(ranking, (), is_incident=True)}
    assert list(layers)[:2] == ["process", "nginx"]
    process = layers["process"]
    # Supported from seven tenths on, and decided by the strongest observation.
    assert (process.probability, process.status, process.sentence) == (
        pytest.approx(0.71),
        "supported",
        "weight 3.0",
    )
    assert process.to_dict() == {
        "layer": "process", "probability": 0.71, "status": "supported", "sentence": "weight 3.0",
    }  # fmt: skip
    # Hardly probable with an observation against it, or refuted in all its causes.
    assert (layers["edge"].status, layers["edge"].sentence) == ("refuted", "weight -2.0")
    assert (layers["nginx"].status, layers["nginx"].sentence) == ("refuted", "weight -4.0")
    assert judge.named_layer(layers.values()) == "process"
    calm = {one.layer: one.status for one in judge.layer_findings(ranking, (), is_incident=False)}
    assert (calm["edge"], calm["nginx"]) == ("inconclusive", "inconclusive")


def test_more_requests_than_usual_that_were_handled_are_no_incident():
    absorbed, calm = (
        Observation(signal, "It is so.", "probes", 9) for signal in ("arrivals_absorbed", "all_well")
    )
    situation = judge.Situation(incident=True, timed=True, spared=False)
    said = judge.decide((absorbed, calm), situation)
    assert (said.verdict, said.cause, said.route) == ("no_incident", "none", "calm")
    assert said.probability == said.ranking[0].probability
    # That all was well contradicts an incident without explaining it.
    assert judge.decide((calm,), situation).verdict == "inconclusive"
