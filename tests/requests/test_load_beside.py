"""Work in flight beside an endpoint, statuses by who failed, and uploads that a layer waited for."""

import pandas as pd
import pytest

from watchme_analysis.requests.concurrency import (
    Lag,
    in_flight,
    latency_lag,
    other_requests_in_flight,
    pile_up_start,
    sampling_step_s,
)
from watchme_analysis.requests.layers import logs_connects, slow_uploads

START = pd.Timestamp("2026-03-02T04:00:00Z")


def at(seconds):
    return START + pd.Timedelta(seconds=seconds)


def test_other_work_is_the_gauge_of_the_process_or_else_the_other_routes_of_the_upstream():
    opened = pd.DataFrame(
        [(at(second), upstream, route, count) for second in (0, 1)
         for upstream, route, count in (("a", "/health", 2), ("a", "/x", 3), ("a", "/y", 4), ("b", "/x", 9))],
        columns=["time", "upstream", "route", "in_flight"],
    )  # fmt: skip
    gauge = pd.DataFrame({"time": [at(second) for second in range(20)], "metric": "in_flight", "value": 7.0})
    gauge["service"] = "api"
    for metrics, upstream, name, values in (
        (gauge[:19], "a", "load-other-paths", [7.0, 7.0]),
        (gauge[:0], None, "load-other-paths", [16.0, 16.0]),
        (gauge, "a", "load-in-process", [5.0] * 20),
        (gauge.assign(value=1.0), "a", "load-in-process", [0.0] * 20),
        (gauge.assign(service=None), "a", "load-other-paths", [7.0, 7.0]),
        (gauge.assign(metric="threads"), "a", "load-other-paths", [7.0, 7.0]),
    ):
        said, found = other_requests_in_flight(opened, metrics, "/health", upstream, "api")
        assert (said.id, found.tolist()) == (name, values)


def test_a_record_is_sampled_in_at_most_six_hundred_steps():
    for seconds, step in ((600, 1.0), (601, 2.0), (3600, 10.0), (36_001, 300.0), (10**8, 3600.0)):
        joined = pd.DataFrame({"start": [START, at(1)], "end": [at(0.5), at(seconds)]})
        assert sampling_step_s(joined) == step, seconds
    assert sampling_step_s(joined[:0]) == 1.0


@pytest.mark.slow
def test_latency_is_compared_at_the_outer_vantage_and_with_enough_samples():
    load = pd.Series([0.0, 0, 0, 5, 9, 5, 0, 0, 0, 2] * 6, index=[at(second) for second in range(60)])

    def rows(vantage, shift, count):
        return pd.DataFrame(
            {
                "route": "/health",
                "vantage": vantage,
                "start": [at(second) for second in range(shift, shift + count)],
                "duration_s": [1.0 + value for value in load[:count]],
            }
        )

    inner, outer = rows("inside", 1, 60), rows("outside", 3, 60)
    for observed, lag_s in ((pd.concat([inner, outer]), 3.0), (inner, 1.0)):
        found = latency_lag(observed, "/health", ("jobs", load), 1.0)
        assert (found.lag_s, found.correlation) == (lag_s, pytest.approx(1.0))
        assert (found.route, found.source) == ("/health", "jobs")
    assert latency_lag(inner[:19], "/health", ("jobs", load), 1.0) is None
    assert latency_lag(inner, "/other", ("jobs", load), 1.0) is None
    assert latency_lag(inner, "/health", ("jobs", load[:0]), 1.0) is None
    assert [Lag("", "", 0, value, 0, 0).follows for value in (0.59, 0.6)] == [False, True]


def test_the_start_of_a_rise_is_looked_for_only_shortly_before():
    gauge = pd.Series([1.0, 1, 1, 3, 5, 7, 9, 11, 11], index=[at(second) for second in range(9)])
    assert pile_up_start(gauge, at(8).to_pydatetime()) == at(2)
    assert pile_up_start(gauge, at(8).to_pydatetime(), reach_s=3.0) == at(8)
    assert pile_up_start(gauge[:0], at(8).to_pydatetime()) == at(8)


def uploads(*rows, side="nginx"):
    columns = ["start", "route", "method", f"{side}_status", f"{side}_s", "response_s", "origin_s"]
    frame = pd.DataFrame([(at(row[0]), *row[1:]) for row in rows], columns=columns)
    return frame if side == "nginx" else frame.assign(nginx_s=None)


def test_a_slow_upload_is_one_that_only_some_clients_have():
    slow, fast = ("POST", 200, 5.0, 1.0, None), ("POST", 200, 1.2, 1.0, None)
    for rows, found in (
        # Most uploads of a route wait whatever the client: the layer holds them.
        (
            [(0, "/a", *slow), (1, "/a", *slow), (2, "/a", *slow), (3, "/a", *slow), (2, "/a", *fast)],
            [False] * 5,
        ),
        ([(0, "/a", *slow), (1, "/a", *fast), (2, "/a", *slow)], [True, False, True]),
        # Other routes, and uploads at other times, do not count.
        ([(0, "/a", *slow), (0, "/b", *fast), (9, "/a", *fast)], [False] * 3),
        ([(0, "/a", "GET", 200, 5.0, 1.0, None), (0, "/a", *fast)], [False, False]),
        ([(0, "/a", "PUT", 499, 5.0, 1.0, None), (0, "/a", *fast)], [False, False]),
        ([(0, "/a", "PATCH", 399, 1.41, 1.0, None), (0, "/a", *fast)], [True, False]),
        ([(0, "/a", "POST", 200, 1.4, 1.0, None), (0, "/a", *fast)], [False, False]),
    ):
        assert slow_uploads(uploads(*rows), "nginx").tolist() == found, rows
    rows = [(0, "/a", "POST", 200, 5.0, None, 1.0), (0, "/a", "POST", 200, 1.0, None, 1.0)]
    assert slow_uploads(uploads(*rows, side="edge"), "edge").tolist() == [True, False]


def test_connect_times_are_logged_where_an_upstream_that_responded_has_one():
    for rows, is_logged in (
        ([(1.0, 200, None), (1.0, 200, 0.1)], True), ([(1.0, 200, None)], False), ([(1.0, 502, None)], True),
        ([(None, 200, None)], True), ([(1.0, 399, None)], False), ([(1.0, 400, None)], True),
    ):  # fmt: skip
        joined = pd.DataFrame(rows, columns=["response_s", "nginx_status", "connect_s"], dtype="float64")
        assert logs_connects(joined) == is_logged, rows


@pytest.mark.parametrize(("side", "upstreams"), [("nginx", ["a:1", "not asked"]), ("edge", ["edge"])])
def test_requests_in_flight_are_counted_by_upstream_where_nginx_logged_them(side, upstreams):
    joined = pd.DataFrame(
        {
            f"{side}_start": [at(0), at(1), at(1)],
            f"{side}_end": [at(3), at(2), at(3)],
            "route": "/jobs",
            "upstream_addr": ["a:1", None, "a:1"],
            "seen_nginx": side == "nginx",
            "seen_edge": side == "edge",
        }
    )
    found = in_flight(joined)
    assert sorted(found["upstream"].unique()) == upstreams
    assert found.groupby("time")["in_flight"].sum().tolist() == [1, 3, 2, 0]
