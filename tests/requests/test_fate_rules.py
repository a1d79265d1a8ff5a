"""The fate of a request from its error log line, its status, its size or its durations, from literal rows."""

import pandas as pd
from worlds.request_rows import at
from worlds.together import together

from watchme_analysis.requests.fates import request_fates, with_fates
from watchme_analysis.schema import conform, empty

ADDRESS = "192.0.2.11:8100"
# A request that Nginx failed with 502 after 100 ms, seen by Nginx alone.
REQUEST = {
    "start": at(10), "path": "/health", "route": "/health", "method": "GET", "seen_nginx": True,
    "seen_edge": False, "nginx_bad": True, "edge_bad": False, "nginx_end": at(10.1), "nginx_status": 502.0,
    "nginx_s": 0.1, "nginx_bytes": None, "connect_s": None, "header_s": None, "response_s": None,
    "upstream_addr": None, "upstream_raw": None, "edge_status": None, "edge_s": None, "origin_s": None,
    "origin_status": None,
}  # fmt: skip
NUMBERS = [name for name in REQUEST if name.endswith(("_s", "_status", "_bytes"))]
# Another request that was passed on, so that the log names upstreams.
PASSED_ON = {
    "nginx_bad": False,
    "nginx_status": 200.0,
    "upstream_addr": ADDRESS,
    "start": at(0),
    "nginx_end": at(0),
}
BY_EDGE = {"seen_nginx": False, "seen_edge": True, "nginx_bad": False, "edge_bad": True, "nginx_status": None}


def requests(*rows):
    return pd.DataFrame([REQUEST | row for row in rows]).astype(dict.fromkeys(NUMBERS, "float64"))


def line(second, kind="upstream_refused", **more):
    row = {"file": "error.log", "time": at(second), "kind": kind, "path": "/health", "message": kind}
    return row | more


def errors(*rows):
    return conform("error_log", pd.DataFrame(rows)) if rows else empty("error_log")


def fate(row, *others):
    return request_fates(requests(row, *others), errors())["fate"].iloc[-1]


def test_a_line_of_the_error_log_states_fate_upstream_and_worker():
    found = request_fates(
        requests({}, PASSED_ON), errors(line(9, "reload"), line(10, upstream_addr="192.0.2.12:1", pid=7))
    )
    assert found.drop(columns="start").to_dict("records") == [
        {
            "route": "/health", "method": "GET", "fate": "refused", "address": "192.0.2.12:1", "pid": 7.0,
            "row": 0, "error_row": 1,
        }
    ]  # fmt: skip
    assert found["start"].tolist() == [at(10)]


@together(
    ("second", "more", "expected"),
    [
        (10.9, {}, "refused"),
        (11, {}, "refused"),
        (9, {}, "refused"),
        (12, {}, "unknown"),
        (8, {}, "unknown"),
        (10, {"path": None}, "unknown"),
        (10, {"path": "/other"}, "unknown"),
        (10, {"kind": "limit_req", "message": "limiting requests"}, "limited"),
        # A request that a limit delays is served.
        (10, {"kind": "limit_req", "message": "delaying request"}, "unknown"),
        (10, {"kind": "limit_req", "message": None}, "limited"),
        (10, {"kind": "notice"}, "unknown"),
    ],
)
def test_a_line_belongs_to_a_request_of_its_route_that_ended_in_its_second_or_beside_it(
    second, more, expected
):
    found = request_fates(requests({}), errors(line(second, **more)))
    assert found["fate"].tolist() == [expected]
    assert (found["error_row"] >= 0).tolist() == [expected != "unknown"]


def test_bad_requests_have_their_lines_first_and_each_line_belongs_to_one():
    good = {"nginx_bad": False, "nginx_status": 200.0, "start": at(9)}
    found = request_fates(requests(good, {}, {"start": at(10.05)}), errors(line(10), line(10)))
    assert found[["row", "error_row"]].values.tolist() == [[1, 0], [2, 1]]
    # A line of a request that went well in the end is one of a try before.
    assert request_fates(requests(good), errors(line(10))).empty
    # A response that stopped has the status that was sent before.
    found = request_fates(requests(good), errors(line(10, "upstream_timeout_body")))
    assert found[["row", "fate"]].values.tolist() == [[0, "body_timeout"]]


def test_a_fate_names_the_address_of_the_try_that_failed():
    tries = '{"upstream_addr": "192.0.2.12:1, 192.0.2.11:8100", "upstream_status": "504, 200"}'
    slow = timed(200.0, None, None, 4.5, 5.0) | {"upstream_addr": ADDRESS, "upstream_raw": tries}
    found = request_fates(requests(slow, PASSED_ON | {"nginx_bad": True}), errors())
    assert found["address"].tolist() == [ADDRESS, "192.0.2.12:1"]


def test_without_an_access_log_the_lines_are_the_requests():
    by_edge = requests(BY_EDGE | {"start": at(30), "edge_s": 0.1})
    found = request_fates(by_edge, errors(line(40), line(20, upstream_addr=ADDRESS, method="POST")))
    assert found[["start", "fate", "address", "method", "row", "error_row"]].fillna("").values.tolist() == [
        [at(20), "refused", ADDRESS, "POST", -1, 1],
        [at(30), "edge_responded", "", "GET", 0, -1],
        [at(40), "refused", "", "", -1, 0],
    ]
    # With an access log a line that fits no request is about none.
    assert len(request_fates(requests({}), errors(line(40)))) == 1


@together(
    ("row", "expected"),
    [
        (BY_EDGE, "edge_responded"),
        (BY_EDGE | {"origin_status": 0.0}, "edge_responded"),
        (BY_EDGE | {"origin_status": 504.0}, "held_by_edge"),
        # Nginx was in time: it states durations, or the edge has another status, or the origin took less
        # than half of the edge's time.
        ({"nginx_bad": False, "edge_bad": True}, "held_by_edge"),
        ({"nginx_bad": False, "edge_bad": True, "nginx_s": None, "edge_status": 502.0}, "unknown"),
        ({"nginx_bad": False, "edge_bad": True, "nginx_s": None, "edge_status": 524.0}, "held_by_edge"),
        (
            {"nginx_bad": False, "edge_bad": True, "nginx_s": None, "edge_status": 502.0, "edge_s": 1.0,
             "origin_s": 0.49},
            "held_by_edge",
        ),
        (
            {"nginx_bad": False, "edge_bad": True, "nginx_s": None, "edge_status": 502.0, "edge_s": 1.0,
             "origin_s": 0.5},
            "unknown",
        ),
        ({"nginx_bad": True, "edge_bad": True}, "unknown"),
        ({"nginx_status": 499.0}, "client_left"),
        ({"nginx_status": 500.0}, "application_error"),
        ({"nginx_status": 501.0}, "application_error"),
        ({"nginx_status": 503.0}, "unavailable"),
        ({"nginx_status": 505.0}, "unknown"),
        ({"nginx_status": 300.0}, "rejected"),
        ({"nginx_status": 498.0}, "rejected"),
        ({"nginx_status": 299.0}, "unknown"),
    ],
)  # fmt: skip
def test_a_status_states_the_fate_where_there_is_no_line(row, expected):
    assert fate(row) == expected


@together(
    ("row", "expected"),
    [
        ({"nginx_status": 300.0}, "nginx_responded"),
        ({"nginx_status": 503.0}, "nginx_responded"),
        ({"nginx_status": 299.0}, "slow_nginx"),
        ({"nginx_status": 499.0}, "slow_nginx"),
        ({"nginx_status": 299.0, "nginx_s": None}, "unknown"),
        ({"nginx_status": 503.0, "upstream_addr": ADDRESS}, "unavailable"),
    ],
)
def test_where_the_log_names_upstreams_nginx_responded_to_the_others_itself(row, expected):
    assert fate(row, PASSED_ON) == expected


def timed(status, connect, header, response, took):
    times = {"connect_s": connect, "header_s": header, "response_s": response, "nginx_s": took}
    return {"nginx_status": status, "upstream_addr": ADDRESS} | times


@together(
    ("row", "expected"),
    [
        (timed(200.0, 3.0, 4.0, 4.5, 5.0), "slow_connect"),
        (timed(399.0, 0.5, 4.0, 4.5, 5.0), "slow_header"),
        (timed(200.0, 0.5, 1.0, 4.5, 5.0), "slow_body"),
        (timed(200.0, 0.5, 1.0, 1.5, 5.0), "slow_nginx"),
        (timed(504.0, 0.5, None, 4.5, 5.0), "slow_header"),
        (timed(504.0, None, None, 4.5, 5.0), "slow_connect"),
        (timed(499.0, 0.5, None, 4.5, 5.0), "slow_header"),
        # An error is no matter of time.
        (timed(400.0, 3.0, 4.0, 4.5, 5.0), "rejected"),
        (timed(500.0, 0.5, 4.0, 4.5, 5.0), "application_error"),
    ],
)
def test_the_step_that_took_longest_is_the_fate_of_a_slow_request(row, expected):
    assert fate(row, timed(200.0, 0.0, 0.01, 0.01, 0.01) | {"nginx_bad": False}) == expected


@together(
    ("status", "size", "more", "expected"),
    [
        # The pages of Nginx 1.26.3: https://github.com/nginx/nginx/blob/release-1.26.3/src/http/
        (503, 197, {}, "nginx_responded"),
        (502, 157, {}, "unknown"),
        (504, 167, {}, "unknown"),
        (503, 38, {}, "unavailable"),
        (502, 38, {}, "unknown"),
        (504, 38, {}, "unknown"),
        (500, 38, {}, "application_error"),
        (503, 0, {"method": "HEAD"}, "unavailable"),
        (503, None, {}, "unavailable"),
        (503, 197, {"upstream_addr": ADDRESS}, "unavailable"),
    ],
)
def test_the_size_of_a_response_shows_who_wrote_it(status, size, more, expected):
    assert fate({"nginx_status": float(status), "nginx_bytes": size, "nginx_s": None} | more) == expected


def test_callers_that_left_waited_for_what_a_tenth_of_the_others_waited_for():
    def fates(known, left):
        rows = [timed(504.0, 0.5, None, 4.5, 5.0)] * known + [{"nginx_status": 499.0, "nginx_s": None}] * left
        found = request_fates(
            requests(*rows, PASSED_ON, {"route": "/other", "nginx_status": 499.0, "nginx_s": None}), errors()
        )
        assert found["fate"].iloc[-1] == "client_left"
        return set(found["fate"].iloc[known:-1])

    # Two at least, and a tenth of those that left.
    assert fates(2, 20) == {"slow_header"}
    assert fates(2, 21) == {"client_left"}
    assert fates(1, 1) == {"client_left"}
    assert fates(2, 1) == {"slow_header"}


def test_requests_that_went_well_are_served():
    rows = requests({"nginx_bad": False}, {}).set_index(pd.Index([7, 9]))
    found = with_fates(rows, errors(line(11)))
    assert found["fate"].tolist() == ["served", "refused"]
    assert str(found["fate"].dtype) == "string"
    assert found["path"].tolist() == ["/health", "/health"]
    # Lines without a request have no row.
    assert with_fates(rows.assign(seen_nginx=False), errors(line(40)))["fate"].tolist() == [
        "served",
        "unknown",
    ]
