import math

import pandas as pd
import pytest
from worlds.request_rows import access, at, edge

from watchme_analysis.health.incident import judge_observations
from watchme_analysis.requests.concurrency import in_flight, pile_up_start
from watchme_analysis.requests.layers import LAYERS, layer_shares, layer_times
from watchme_analysis.requests.observations import join_requests, observations
from watchme_analysis.schema import conform, empty


@pytest.mark.parametrize("absent", ["access_log", "edge_log"])
def test_times_are_times_where_a_layer_has_no_rows(absent):
    logs = {
        "access_log": access({"time": at(1.0), "request_time_s": 0.1}),
        "edge_log": edge({"start": at(0.8), "end": at(1.1)}),
    } | {absent: empty(absent)}
    joined = join_requests(**logs)
    times = ["start", "end", "nginx_start", "nginx_end", "edge_start", "edge_end"]
    assert {str(joined[name].dtype) for name in times} == {"datetime64[us, UTC]"}


@pytest.mark.slow
@pytest.mark.parametrize("ahead_s", [0.0, 0.5, -3.0])
@pytest.mark.parametrize("stock", [False, True])
def test_clocks_that_are_apart_and_requests_that_are_alike_are_joined_as_they_belong(ahead_s, stock):
    """Quick and slow requests of one path overlap: begin and end tell whose they are, else path and order."""
    begun = [0.37 * n + 0.11 * (n % 4) for n in range(40)]
    took = [0.02 + 0.6 * (n % 3 == 0) for n in range(40)]
    outer = [
        {"start": at(a), "end": at(a + s), "duration_ms": s * 1000, "ray_id": f"{n:016x}"}
        for n, (a, s) in enumerate(zip(begun, took, strict=True))
    ]
    inner = [
        {"time": at(a + s - 0.002 + ahead_s), "request_time_s": s - 0.004, "request_id": f"{n:016x}"}
        for n, (a, s) in enumerate(zip(begun, took, strict=True))
    ]
    if stock:
        for n, row in enumerate(zip(inner, outer, strict=True)):
            row[0]["path"] = row[1]["path"] = f"/v1/{n % 8}"
    inner = sorted(inner, key=lambda row: row["time"])
    if stock:
        inner = [row | {"time": row["time"].floor("s"), "request_time_s": None} for row in inner]
    joined = join_requests(access(*inner), edge(*outer))
    both = joined[joined["joined_by"].notna()]
    right = both["ray"] == both["request_id"]
    assert right.sum() >= (36 if stock else 40)
    assert not (~right & both["join_candidates"].eq(1)).any()


def test_no_logs_no_requests():
    joined = join_requests(empty("access_log"), empty("edge_log"))
    assert joined.empty
    assert layer_times(joined).empty
    assert in_flight(joined).empty
    assert judge_observations(observations(joined, empty("probes"))).empty


@pytest.mark.slow
def test_errors_stand_in_for_a_log_without_times():
    errors = conform(
        "error_log",
        pd.DataFrame(
            [
                {
                    "file": "error.log",
                    "time": at(3),
                    "kind": "upstream_timeout_header",
                    "path": "/svc/health",
                },
                {"file": "error.log", "time": at(4), "kind": "reload"},
            ]
        ),
    )
    untimed = join_requests(access({"time": at(1)}), empty("edge_log"))
    timed = join_requests(access({"time": at(1), "request_time_s": 0.1}), empty("edge_log"))
    assert observations(untimed, empty("probes"), errors)["error"].dropna().tolist() == [
        "upstream_timeout_header"
    ]
    assert observations(timed, empty("probes"), errors)["error"].isna().all()


@pytest.mark.parametrize(
    ("times", "expected", "gave_up"),
    [
        ((0.1, 0.3, 1.0), (0.1, 0.2, 0.7), None),
        ((None, None, 5.0), (5.0, 0.0, 0.0), "connect"),
        ((0.1, None, 5.0), (0.1, 4.9, 0.0), "header"),
    ],
)
def test_layers_split_a_request(times, expected, gave_up):
    connect, header, response = times
    row = {
        "time": at(10), "request_time_s": response + 0.05, "edge_ray_id": "aa",
        "upstream_connect_time_s": connect, "upstream_header_time_s": header,
        "upstream_response_time_s": response, "upstream_addr": "192.0.2.11:80",
        "status": 504 if gave_up else 200,
    }  # fmt: skip
    outer = {
        "start": at(10 - response - 0.25),
        "end": at(10),
        "duration_ms": (response + 0.25) * 1000,
        "ray_id": "aa",
    }
    parts = layer_times(join_requests(access(row), edge(outer)), at(0), at(20)).iloc[0]
    assert (parts["connect_s"], parts["header_s"], parts["body_s"]) == pytest.approx(expected)
    assert parts["nginx_s"] == pytest.approx(0.05)
    assert parts["edge_s"] == pytest.approx(0.2)
    assert (parts["gave_up_in"] if gave_up else None) == gave_up
    assert parts["phase"] == "incident"
    assert sum(parts[f"{layer}_s"] for layer in LAYERS) == pytest.approx(parts["total_s"])


def test_a_fill_is_dated_from_its_steady_rise():
    values = [3, 5, 2, 4, 3, 4, 2, 3, 6, 9, 13, 18, 22, 27, 33, 38, 41]
    gauge = pd.Series(values, index=[at(n) for n in range(len(values))], dtype=float)
    begun = pile_up_start(gauge, at(len(values)))
    assert 5 <= (begun - at(0)).total_seconds() <= 8


def test_layers_add_up_to_the_mean_where_nginx_answered_some_requests_by_itself():
    passed = {
        "request_time_s": 0.8,
        "upstream_connect_time_s": 0.0,
        "upstream_header_time_s": 0.8,
        "upstream_response_time_s": 0.8,
    }
    refused = {"request_time_s": 0.0, "status": 503}
    log = access({"time": at(1)} | passed, *({"time": at(second)} | refused for second in (2, 3, 4)))
    layers = layer_times(join_requests(log, empty("edge_log")))
    row = layer_shares(layers, ["/svc/health"]).iloc[0]
    assert (row["requests"], row["header_s"]) == (4, pytest.approx(0.2))
    assert row[[f"{layer}_s" for layer in LAYERS]].sum() == pytest.approx(layers["total_s"].mean())
    assert math.isnan(row["edge_s"])
