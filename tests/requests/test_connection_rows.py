"""New and keep-alive connections, from literal rows of followed requests."""

import pandas as pd
from worlds.request_rows import app, at
from worlds.together import together

from watchme_analysis.requests.connection_reuse import (
    connections_used,
    keepalive_ports,
    outcome_by_connection,
)

NAN = float("nan")
FOLLOWED = {
    "connection_requests": NAN, "handshake_s": NAN, "origin_status": 200.0, "app_kept": None,
    "connect_s": NAN, "upstream_addr": "a:1", "response_s": 0.1, "app_seen": False, "route": "/a",
    "during": False, "edge_bad": False, "nginx_bad": False, "seen_edge": True, "seen_nginx": True,
    "edge_s": 2.0, "nginx_s": 1.0, "nginx_start": at(0), "nginx_end": at(1),
}  # fmt: skip


def followed(*rows):
    frame = pd.DataFrame([FOLLOWED | row for row in rows])
    return frame.astype({"app_kept": "boolean", "upstream_addr": "string", "connect_s": "float64"})


def used(column, *rows):
    return [None if pd.isna(kind) else kind for kind in connections_used(followed(*rows))[column]]


@together(
    ("row", "kind"),
    [
        ({"connection_requests": 1.0}, "new"), ({"connection_requests": 2.0}, "kept"),
        # The log of Nginx goes before the edge's handshake.
        ({"connection_requests": 2.0, "handshake_s": 0.1}, "kept"),
        ({"handshake_s": 0.1}, "new"), ({"handshake_s": 0.0}, "kept"),
        ({"handshake_s": 0.0, "origin_status": 0.0}, "not told"), ({}, None),
    ],
)  # fmt: skip
def test_the_kind_of_a_connection_to_nginx(row, kind):
    assert used("to_nginx", row) == [kind]


@together(
    ("row", "kind"),
    [
        ({"app_kept": True}, "kept"), ({"app_kept": False}, "new"),
        ({"app_kept": True, "connect_s": 0.1}, "kept"),
        ({"connect_s": 0.1}, "new"), ({"connect_s": 0.0}, "not told"), ({}, "new"),
        ({"upstream_addr": None}, None),
    ],
)  # fmt: skip
def test_the_kind_of_a_connection_to_the_application(row, kind):
    # Another request has a connect time, so that a missing one is a connection in vain.
    assert used("to_app", row, {"connect_s": 0.0})[0] == kind


def test_without_connect_times_or_upstreams_less_is_known():
    assert used("to_app", {}) == ["not told"]
    bare = {"upstream_addr": None}
    assert used("to_app", bare, bare | {"response_s": NAN}, bare | {"response_s": NAN, "app_seen": True}) == [
        "not told", None, "not told",
    ]  # fmt: skip


def test_an_application_that_keeps_no_connection_has_new_ones_alone():
    # Twenty responses of an address, of which a twentieth came over a known port.
    known = [{"app_kept": number < 1, "connect_s": 0.0} for number in range(20)]
    assert used("to_app", *known, {"connect_s": 0.0})[-1] == "new"
    assert used("to_app", *known[:19], {"connect_s": 0.0})[-1] == "not told"
    two = [{"app_kept": number < 2, "connect_s": 0.0} for number in range(20)]
    assert used("to_app", *two, {"connect_s": 0.0})[-1] == "not told"
    assert used("to_app", *known, {"connect_s": 0.0, "upstream_addr": "b:1"})[-1] == "not told"


def test_a_port_that_comes_again_within_a_minute_is_that_of_a_kept_connection():
    rows = [(0, 7), (60, 7), (120.1, 7), (61, 8), (5, 0), (6, None)]
    log = app(*({"time": at(second), "client_port": port} for second, port in rows))
    found = keepalive_ports(log)
    assert found.tolist()[:4] == [False, True, False, False]
    assert found.isna().tolist() == [False] * 4 + [True] * 2
    # Of another peer or service it is another connection.
    for other in ({"client_addr": "192.0.2.9"}, {"service": "z"}):
        log = app({"time": at(0), "client_port": 7}, {"time": at(1), "client_port": 7} | other)
        assert keepalive_ports(log).tolist() == [False, False]


def test_outcomes_are_counted_by_hop_route_connection_and_phase():
    rows = followed(
        {}, {"edge_bad": True},
        {"during": True, "edge_bad": True, "nginx_bad": True, "edge_s": 4.0, "nginx_s": 3.0},
        {"seen_edge": False, "nginx_bad": True}, {"seen_nginx": False, "edge_bad": True, "nginx_s": NAN},
        {"route": "/z"},
    )  # fmt: skip
    kinds = pd.DataFrame({"to_nginx": "new", "to_app": ["kept", "kept", "kept", "new", "new", "new"]})
    found = outcome_by_connection(rows, kinds, ["/b", "/a"])
    assert found.drop(columns=["hop", "route", "connection"]).columns.tolist() == [
        "baseline", "baseline_bad", "baseline_timed", "baseline_median_s", "incident", "incident_bad",
        "incident_timed", "incident_median_s",
    ]  # fmt: skip
    plain = found.astype(object).where(found.notna(), None).values.tolist()
    # To Nginx as the edge has it, where it logged the request; to the application as Nginx has it.
    assert plain == [
        ["to_nginx", "/a", "new", 4, 3, 4, 2.0, 1, 1, 1, 4.0],
        ["to_app", "/a", "new", 2, 2, 2, 1.5, 0, 0, 0, None],
        ["to_app", "/a", "kept", 2, 0, 2, 1.0, 1, 1, 1, 3.0],
    ]
