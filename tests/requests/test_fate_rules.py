"""The fate of a request from its error log line, its status or its durations, from literal rows."""

import pandas as pd
from worlds.request_rows import access, at, requested
from worlds.together import together

from watchme_analysis.requests.fates import attempts, request_fates
from watchme_analysis.requests.observations import join_requests
from watchme_analysis.schema import conform, empty

ADDRESS = "192.0.2.11:8100"
# A request that Nginx failed with 502 after 100 ms, seen by Nginx alone.
REQUEST = {
    "start": at(10), "path": "/health", "route": "/health", "method": "GET", "seen_nginx": True,
    "seen_edge": False, "nginx_bad": True, "edge_bad": False, "nginx_end": at(10.1), "nginx_status": 502.0,
    "nginx_s": 0.1, "nginx_bytes": None, "connect_s": None, "header_s": None, "response_s": None,
    "upstream_addr": None, "upstream_raw": None, "upstream_status": None, "edge_status": None, "edge_s": None,
    "origin_s": None, "origin_status": None, "origin_addr": None, "cache_status": None, "edge_end": at(10.1),
    "error_row": -1,
}  # fmt: skip
NUMBERS = [name for name in REQUEST if name.endswith(("_s", "_status", "_bytes")) and name != "cache_status"]
# Another request that was passed on, so that the log names upstreams.
PASSED_ON = {
    "nginx_bad": False,
    "nginx_status": 200.0,
    "upstream_addr": ADDRESS,
    "start": at(0),
    "nginx_end": at(0),
}
BY_EDGE = {"seen_nginx": False, "seen_edge": True, "nginx_bad": False, "edge_bad": True, "nginx_status": None}
# Bad at the edge alone, with the same status as at Nginx.
IN_TIME = {"nginx_bad": False, "edge_bad": True, "nginx_s": None, "edge_status": 502.0}
# A record of Nginx without a counterpart at the edge.
LOGGED = {"nginx_bad": False, "nginx_status": 200.0, "start": at(5), "nginx_end": at(11), "route": "/other"}


def requests(*rows):
    return pd.DataFrame([REQUEST | row for row in rows]).astype(dict.fromkeys(NUMBERS, "float64"))


def line(second, kind="upstream_refused", **more):
    row = {"file": "error.log", "time": at(second), "kind": kind, "path": "/health", "message": kind}
    return row | more


def errors(*rows):
    return conform("error_log", pd.DataFrame(rows)) if rows else empty("error_log")


def fate(row, *others):
    return request_fates(requests(row, *others), errors())["fate"].iloc[-1]


def joined_fates(rows, *lines):
    """Return the fates of requests with these ends and statuses, and of these lines."""
    log = (
        access(*(requested(end, 0.1, status=status, path="/health") for end, status in rows))
        if rows
        else empty("access_log")
    )
    joined = join_requests(log, empty("edge_log"), errors(*lines))
    return request_fates(
        joined.assign(nginx_bad=joined["nginx_status"] >= 300, edge_bad=False), errors(*lines)
    )


@together(
    ("second", "more", "expected"),
    [
        (10.9, {}, "refused"),
        (11, {}, "refused"),
        (9, {}, "refused"),
        (12, {}, "unknown"),
        (8, {}, "unknown"),
        (10, {"path": None}, "unknown"),
        (10, {"kind": "limit_req", "message": "limiting requests"}, "limited"),
        # A request that a limit delays is served.
        (10, {"kind": "limit_req", "message": "delaying request"}, "unknown"),
        (10, {"kind": "limit_req", "message": "limiting requests, dry run, excess: 1.0"}, "unknown"),
        (10, {"kind": "limit_req", "message": None}, "limited"),
        (10, {"kind": "no_live_upstream"}, "unknown"),
    ],
)
def test_a_line_belongs_to_a_request_of_its_route_that_ended_within_a_second(second, more, expected):
    found = joined_fates([(5, 200), (10.1, 502), (20, 200)], line(second, **more))
    assert found["fate"].tolist() == [expected]


def test_a_line_belongs_to_one_request_and_failed_requests_come_first():
    found = joined_fates([(9.9, 200), (10.9, 500), (11.0, 500)], line(9), line(11))
    assert found[["row", "error_row"]].values.tolist() == [[1, 0], [2, 1]]
    # A line of a request that went well in the end is one of an attempt before.
    assert joined_fates([(10, 200)], line(10)).empty
    # A response that stopped has the status that was sent before.
    found = joined_fates([(10, 200)], line(10, "upstream_timeout_body"))
    assert found[["row", "fate"]].values.tolist() == [[0, "body_timeout"]]


def test_a_fate_names_the_address_of_the_try_that_failed():
    tries = '{"upstream_addr": "192.0.2.12:1, 192.0.2.11:8100", "upstream_status": "504, 200"}'
    slow = timed(200.0, None, None, 4.5, 5.0) | {"upstream_addr": ADDRESS, "upstream_raw": tries}
    found = request_fates(requests(slow, PASSED_ON | {"nginx_bad": True}), errors())
    assert found["address"].tolist() == [ADDRESS, "192.0.2.12:1"]


def test_a_retried_request_has_one_fate_and_an_address_for_each_attempt():
    tries = (
        '{"upstream_addr": "192.0.2.12:1, 192.0.2.11:8100", "upstream_status": "502, 200",'
        ' "upstream_connect_time": "-, 0.001", "upstream_header_time": "-, 0.300",'
        ' "upstream_response_time": "0.002, 0.310"}'
    )
    again = requested(10, 0.312, path="/health", upstream_raw=tries)
    joined = join_requests(access(again, requested(11, 0.1)), empty("edge_log"), errors(line(10)))
    found = attempts(joined)
    assert found["row"].tolist() == [0, 0, 1]
    assert found["attempt"].tolist() == [1, 2, 1]
    assert found["address"].tolist() == ["192.0.2.12:1", ADDRESS, ADDRESS]
    assert found["status"].fillna(-1).tolist() == [502, 200, -1]
    assert found["connect_s"].fillna(-1).tolist() == [-1, 0.001, 0.0]
    assert found["response_s"].tolist() == [0.002, 0.31, 0.1]
    # It was served, so that its failed attempt is no fate of it.
    assert request_fates(joined.assign(nginx_bad=False, edge_bad=False), errors(line(10))).empty


def test_lines_that_the_access_log_does_not_cover_are_requests_of_their_own():
    lines = line(40), line(20, upstream_addr=ADDRESS)
    found = joined_fates([], *lines)
    assert found[["start", "fate", "address", "row", "error_row"]].fillna("").values.tolist() == [
        [at(20), "refused", ADDRESS, -1, 1],
        [at(40), "refused", "", -1, 0],
    ]
    assert joined_fates([(19, 200), (41, 200)], *lines).empty


@together(
    ("row", "expected"),
    [
        (BY_EDGE, "edge_responded"),
        (BY_EDGE | {"origin_status": 0.0}, "edge_responded"),
        # The origin had the request: its status, or its time, says what became of it.
        (BY_EDGE | {"origin_status": 504.0}, "unknown"),
        (BY_EDGE | {"origin_status": 500.0, "edge_status": 500.0}, "application_error"),
        (BY_EDGE | {"origin_status": 200.0, "edge_s": 2.0, "origin_s": 0.1}, "held_by_edge"),
        (BY_EDGE | {"origin_status": 200.0, "edge_s": 2.0, "origin_s": 1.9}, "unknown"),
        # Without a log of Nginx, it is unknown whether it received the request.
        (BY_EDGE | {"edge_status": 522.0}, "unknown"),
        # Nginx was in time: it states durations, or the edge has another status, or the origin was quick.
        (IN_TIME | {"edge_s": 1.0, "nginx_s": 0.3}, "held_by_edge"),
        (IN_TIME | {"edge_s": 1.0, "nginx_s": 0.45}, "unknown"),
        (IN_TIME, "unknown"),
        (IN_TIME | {"edge_status": 524.0}, "held_by_edge"),
        (IN_TIME | {"edge_s": 1.0, "origin_s": 0.39}, "held_by_edge"),
        (IN_TIME | {"edge_s": 1.0, "origin_s": 0.4}, "unknown"),
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
    ("row", "other", "lines", "expected"),
    [
        ({"edge_status": 522.0}, {}, 0, "never_arrived"),
        ({"edge_status": 499.0}, {}, 0, "edge_responded"),
        # Nginx's record may be of this very request, joined badly.
        ({"edge_status": 522.0}, {"route": "/health", "nginx_end": at(10.1)}, 0, "unknown"),
        ({"edge_status": 499.0}, {"route": "/health", "nginx_end": at(10.1)}, 0, "unknown"),
        ({"edge_status": 522.0, "cache_status": "stale"}, {}, 0, "edge_responded"),
        # Nginx logs no request that it cannot accept, but says so.
        ({"edge_status": 522.0}, {}, 3, "nginx_resources"),
        ({"edge_status": 522.0}, {}, 2, "never_arrived"),
    ],
)
def test_a_request_that_the_edge_failed_and_nginx_did_not_log_never_arrived(row, other, lines, expected):
    short = [line(10, "worker_connections", path=None)] * lines
    found = request_fates(requests(BY_EDGE | row, LOGGED | other), errors(*short))
    assert found["fate"].tolist() == [expected]


def test_a_request_that_the_edge_sent_to_another_origin_has_a_fate_of_its_own():
    usual = {"origin_addr": "192.0.2.1", "origin_status": 200.0, "seen_edge": True, "edge_bad": False}
    away = BY_EDGE | {"origin_addr": "192.0.2.9", "origin_status": 404.0, "edge_status": 404.0}
    found = request_fates(requests(LOGGED | usual, away), errors())
    assert found["fate"].tolist() == ["sent_elsewhere"]


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
