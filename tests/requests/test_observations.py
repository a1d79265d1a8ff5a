import math
from datetime import UTC

import pandas as pd
import pytest

from watchme_analysis.health.frames import baseline_comparison, status_counts
from watchme_analysis.health.incident import judge_observations
from watchme_analysis.health.sections.tables import comparison_table
from watchme_analysis.requests.concurrency import in_flight, pile_up_start
from watchme_analysis.requests.layers import LAYERS, layer_shares, layer_times
from watchme_analysis.requests.observations import join_requests, observations
from watchme_analysis.requests.waterfall import chosen_requests
from watchme_analysis.schema import conform, empty

START = pd.Timestamp("2026-03-02T04:00:00Z")


def at(second):
    return START + pd.Timedelta(seconds=second)


def access(*rows):
    base = {"file": "access.log", "method": "GET", "path": "/health", "status": 200, "body_bytes": 20}
    return conform("access_log", pd.DataFrame([base | {"line": n} | row for n, row in enumerate(rows, 1)]))


def edge(*rows):
    base = {"file": "edge.jsonl", "method": "GET", "path": "/health", "status": 200, "origin_status": 200}
    return conform("edge_log", pd.DataFrame([base | {"line": n} | row for n, row in enumerate(rows, 1)]))


def test_requests_are_joined_by_ray_whatever_each_layer_adds_to_it():
    joined = join_requests(
        access({"time": at(1.0), "request_time_s": 0.1, "edge_ray_id": "8F2A11B022C03344-NRT"}),
        edge({"start": at(0.8), "end": at(1.05), "duration_ms": 250.0, "ray_id": "8f2a11b022c03344"}),
    )
    assert joined["joined_by"].tolist() == ["ray"]
    assert (joined["seen_edge"] & joined["seen_nginx"]).all()
    assert joined["start"].tolist() == [at(0.8)]


@pytest.mark.slow
def test_records_of_one_ray_are_paired_in_their_order():
    joined = join_requests(
        access(*({"time": at(second), "edge_ray_id": "8f2a"} for second in (1.0, 2.0, 3.0))),
        edge(*({"start": at(second), "end": at(second + 0.2), "ray_id": "8f2a"} for second in (0.9, 1.9))),
    )
    assert joined[["nginx_line", "edge_line"]].fillna(0).to_numpy().tolist() == [[1, 1], [2, 2], [3, 0]]


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
def test_without_a_ray_requests_are_joined_by_path_and_time():
    joined = join_requests(
        access({"time": at(1.0), "request_time_s": 0.1}, {"time": at(9.0), "path": "/other"}),
        edge({"start": at(0.8), "end": at(1.1), "duration_ms": 300.0, "ray_id": "ab"}),
    )
    assert joined["joined_by"].fillna("").tolist() == ["time", ""]


@pytest.mark.slow
def test_requests_of_one_second_are_paired_one_to_one_by_status_and_client():
    """A log of whole seconds leaves many records equally near: none is lost, and statuses tell them apart."""
    inner = [
        {"time": at(5), "status": status, "client_addr": f"192.0.2.{n}"}
        for n, status in enumerate((200, 504, 504, 200))
    ]
    outer = [
        {
            "start": at(4.2), "end": at(5.1 + n / 100), "duration_ms": 900.0, "client_addr": f"192.0.2.{n}",
            "status": status, "origin_status": status,
        }
        for n, status in enumerate((200, 504, 504, 200))
    ]  # fmt: skip
    joined = join_requests(access(*inner), edge(*outer))
    assert joined["joined_by"].tolist() == ["time"] * 4
    assert (joined["nginx_status"] == joined["edge_status"]).all()
    assert joined["join_candidates"].tolist() == [1] * 4
    nameless = [row | {"client_addr": "192.0.2.250"} for row in inner]
    assert join_requests(access(*nameless), edge(*outer))["join_candidates"].tolist() == [2] * 4


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


def test_what_a_worker_requested_of_the_origin_belongs_to_its_callers_request():
    caller = {"start": at(0.5), "end": at(1.3), "ray_id": "a" * 16, "status": 504, "origin_status": 0}
    worker = {"start": at(0.6), "end": at(1.2), "origin_addr": "192.0.2.9", "duration_ms": 600.0}
    extra = '{"ParentRayID": "aaaaaaaaaaaaaaaa", "WorkerSubrequest": true}'
    quick = worker | {"end": at(0.7), "duration_ms": 100.0, "ray_id": "c" * 16, "extra": extra}
    stray = worker | {"ray_id": "d" * 16, "extra": extra.replace("a" * 16, "e" * 16)}
    joined = join_requests(
        access({"time": at(1.2), "request_time_s": 0.5, "status": 504, "edge_ray_id": "b" * 16}),
        edge(caller, worker | {"ray_id": "b" * 16, "origin_status": 504, "extra": extra}, quick, stray),
    )
    assert joined["edge_line"].tolist() == [1, 4]
    first = joined.iloc[0]
    assert (first["joined_by"], first["origin_status"], first["origin_addr"]) == ("ray", 504, "192.0.2.9")
    assert first["end"] == at(1.3)


@pytest.mark.slow
def test_a_few_requests_do_not_move_a_clock():
    joined = join_requests(
        access({"time": at(4.0), "request_time_s": 0.1}), edge({"start": at(0.8), "end": at(1.1)})
    )
    assert joined["joined_by"].isna().all()


@pytest.mark.slow
def test_the_caller_is_recognised_by_the_user_agent():
    outer = {"start": at(0.8), "end": at(1.1), "user_agent": "checker"}
    joined = join_requests(
        access(
            {"time": at(1.1), "request_time_s": 0.3, "user_agent": "browser"},
            {"time": at(1.4), "request_time_s": 0.3, "user_agent": "checker"},
        ),
        edge(outer),
    )
    assert joined.loc[joined["joined_by"].notna(), "nginx_line"].tolist() == [2]


@pytest.mark.slow
def test_what_the_edge_gave_up_on_is_found_at_nginx_whatever_its_status():
    joined = join_requests(
        access({"time": at(10), "status": 499, "request_time_s": 4.0}),
        edge({"start": at(6), "end": at(10), "status": 524, "origin_status": 0, "duration_ms": 4000.0}),
    )
    assert joined["joined_by"].tolist() == ["time"]


def test_a_cached_answer_is_not_taken_for_a_request_to_the_origin():
    joined = join_requests(
        access({"time": at(10)}),
        edge({"start": at(9.9), "end": at(10), "origin_status": 0, "cache_status": "hit"}),
    )
    assert joined["joined_by"].isna().all()


def test_a_request_that_the_origin_never_saw_stands_alone():
    joined = join_requests(
        empty("access_log"), edge({"start": at(0), "end": at(1), "status": 403, "origin_status": 0})
    )
    assert joined[["seen_edge", "seen_nginx"]].values.tolist() == [[True, False]]


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
                {"file": "error.log", "time": at(3), "kind": "upstream_timeout_header", "path": "/health"},
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


def test_what_a_server_that_failed_first_took_is_no_time_in_the_body():
    row = {
        "time": at(10), "request_time_s": 5.0, "upstream_connect_time_s": 0.0,
        "upstream_header_time_s": 0.01, "upstream_response_time_s": 5.0, "status": 200,
        "upstream_addr": "192.0.2.11:80", "upstream_tries": 2,
        "upstream_raw": '{"upstream_header_time": "-, 0.010", "upstream_response_time": "4.99, 0.010"}',
    }  # fmt: skip
    parts = layer_times(join_requests(access(row), empty("edge_log"))).iloc[0]
    assert (parts["connect_s"], parts["header_s"], parts["body_s"]) == pytest.approx((0.0, 5.0, 0.0))


def test_the_slowest_and_the_typical_request_are_chosen():
    rows = [
        {"time": at(n), "request_time_s": 0.1 * (n + 1), "upstream_response_time_s": 0.1} for n in range(9)
    ]
    layers = layer_times(join_requests(access(*rows), empty("edge_log")), at(100), None)
    chosen = chosen_requests(layers, ["/health"])
    totals = {name: layers.loc[row, "total_s"] for name, row in chosen.items()}
    assert totals == {"slowest": pytest.approx(0.9), "typical": pytest.approx(0.5)}


def test_requests_in_flight_are_counted_where_they_overlap():
    rows = [
        {"time": at(5.5), "request_time_s": 4.0},
        {"time": at(6.5), "request_time_s": 2.0},
        {"time": at(9.9)},
    ]
    open_now = in_flight(join_requests(access(*rows), empty("edge_log"))).set_index("time")["in_flight"]
    assert open_now[at(3)] == 1
    assert open_now[at(5)] == 2
    assert open_now[at(7)] == 0


def test_a_fill_is_dated_from_its_steady_rise():
    values = [3, 5, 2, 4, 3, 4, 2, 3, 6, 9, 13, 18, 22, 27, 33, 38, 41]
    gauge = pd.Series(values, index=[at(n) for n in range(len(values))], dtype=float)
    begun = pile_up_start(gauge, at(len(values)))
    assert 5 <= (begun - at(0)).total_seconds() <= 8


def test_a_fill_is_dated_no_earlier_where_samples_are_far_apart():
    values = [1, 0, 0, 1, 0, 0, 1, 4, 35]
    gauge = pd.Series(values, index=[at(5 * n) for n in range(len(values))], dtype=float)
    begun = pile_up_start(gauge, at(43), reach_s=40)
    assert (begun - at(0)).total_seconds() == 30


def test_a_gauge_that_does_not_rise_dates_nothing():
    gauge = pd.Series([20, 24, 19, 26, 21, 20.0], index=[at(n) for n in range(6)])
    assert pile_up_start(gauge, at(6)) == at(6)
    assert pile_up_start(gauge.iloc[:0], at(6)) == at(6)


def probes(*rows):
    base = {"file": "probes.csv", "path": "/health", "vantage": "outside", "status": 200}
    return conform("probes", pd.DataFrame([base | row for row in rows]))


@pytest.mark.slow
def test_frames_for_figures_agree_with_the_rows():
    rows = [{"time": at(n), "duration_s": 0.1} for n in range(10)]
    rows += [{"time": at(n), "duration_s": 5.0, "status": None, "error": "timeout"} for n in range(10, 16)]
    frame = probes(*rows)
    observed = judge_observations(observations(join_requests(empty("access_log"), empty("edge_log")), frame))
    row = baseline_comparison(observed, at(10), None).iloc[0]
    assert (row["baseline_count"], row["incident_count"], row["incident_failed"]) == (10, 6, 6)
    assert (row["baseline_timed"], row["incident_timed"]) == (10, 6)
    assert row["median_ratio"] == pytest.approx(50)
    assert row["cliffs_delta"] == 1.0
    still = judge_observations(
        observations(join_requests(empty("access_log"), empty("edge_log")), frame.assign(duration_s=0.0))
    )
    assert baseline_comparison(still, at(10), None).iloc[0]["median_ratio"] == 1.0, (
        "nought is as quick as nought"
    )
    few = observed.assign(duration_s=observed["duration_s"].mask(observed.index.isin([0, 1, 15])))
    partly = baseline_comparison(few, at(10), None)
    assert partly[["baseline_timed", "incident_timed"]].iloc[0].tolist() == [8, 5]
    assert "(8 → 5 timed)" in comparison_table(partly, UTC).rows[0][5]
    counts = status_counts(observed, at(10), None).set_index("status")["count"]
    assert counts.to_dict() == {"200": 10, "no answer": 6}


@pytest.mark.slow
def test_a_log_without_connect_times_says_nothing_of_connecting():
    row = {
        "time": at(10), "request_time_s": 4.0, "upstream_response_time_s": 4.0,
        "upstream_addr": "192.0.2.11:80", "status": 504,
    }  # fmt: skip
    good = {**row, "time": at(4), "request_time_s": 0.1, "upstream_response_time_s": 0.1, "status": 200}
    layers = layer_times(join_requests(access(good, row), empty("edge_log")))
    parts = layers.loc[layers["status"] == 504].iloc[0]
    assert pd.isna(parts["connect_s"])
    assert parts["header_s"] == pytest.approx(4.0)
    assert pd.isna(parts["gave_up_in"]) or parts["gave_up_in"] != "connect"


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
    row = layer_shares(layers, ["/health"]).iloc[0]
    assert (row["requests"], row["header_s"]) == (4, pytest.approx(0.2))
    assert row[[f"{layer}_s" for layer in LAYERS]].sum() == pytest.approx(layers["total_s"].mean())
    assert math.isnan(row["edge_s"])
