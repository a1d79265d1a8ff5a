"""Time spans of single requests, from literal rows of followed requests."""

import math

import pandas as pd
import pytest
from worlds.messages import messages_in
from worlds.request_rows import at

from watchme_analysis.requests.followed import FollowedRequests
from watchme_analysis.requests.waterfall import chosen_requests, waterfall
from watchme_analysis.stats.clock_skew import Skew

NAN = float("nan")
# A request of 200 ms at the edge. Nginx has it from 20 to 180 ms; its upstream from 30 ms on, which is
# connected at 40, sends its header at 150 and the last of its body at 180 ms.
SEEN = {
    "method": "GET", "path": "/health", "start": at(0),
    "seen_edge": True, "edge_start": at(0), "edge_end": at(0.2), "edge_s": 0.2, "edge_ttfb_s": 0.16,
    "edge_status": 200.0, "cache_status": "dynamic",
    "seen_nginx": True, "nginx_start": at(0.02), "nginx_end": at(0.18), "nginx_s": 0.16,
    "nginx_status": 200.0, "joined_by": "ray", "upstream_addr": "192.0.2.11:8100", "upstream_status": 200.0,
    "connect_s": 0.01, "header_s": 0.12, "response_s": 0.15,
    "app_seen": True, "app_after_s": -0.03, "app_status": 201.0, "app_joined_by": "nearest",
    "app_candidates": 2.0, "app_log_there": True,
}  # fmt: skip
NO_NGINX = {"seen_nginx": False, "nginx_start": pd.NaT, "nginx_end": pd.NaT, "upstream_addr": None}


def frame(*rows):
    return pd.DataFrame([SEEN | row for row in rows])


def known(value):
    return None if math.isnan(value) else round(value, 6)


def drawn(*rows, ahead_s=None):
    """The layers of the first row: state, from, to, first byte, status (None: unknown), and the note."""
    skews = {} if ahead_s is None else {("Nginx", "edge"): Skew(ahead_s, 0.001, 9)}
    found = waterfall(FollowedRequests(frame(*rows), skews), {"slowest": 0})
    return {
        row.layer: (
            row.state,
            *map(known, (row.from_s, row.to_s, row.first_byte_s, row.status)),
            messages_in(row.note) or row.note,
        )
        for row in found.itertuples()
    }


def without(note):
    return ("not logged", None, None, None, None, {note: {}})


def test_a_request_that_all_layers_logged_has_a_span_in_each():
    assert drawn({}) == {
        "edge": ("seen", 0.0, 0.2, 0.16, 200, {"layer-note-cache": {"status": "dynamic"}}),
        "nginx": ("seen", 0.02, 0.18, 0.15, 200, {"layer-note-joined": {"key": "ray"}}),
        "connect": ("seen", 0.03, 0.04, None, None, "192.0.2.11:8100"),
        "header": ("seen", 0.04, 0.15, None, 200, ""),
        "body": ("seen", 0.15, 0.18, None, None, ""),
        # The application logged it 30 ms before the end of Nginx.
        "app": ("seen", None, 0.15, 0.15, 201, {"layer-note-by-nearest": {"candidates": 2}}),
    }
    found = waterfall(FollowedRequests(frame({}, {"method": "POST"}), {}), {"slowest": 1, "typical": 0})
    assert found["request"].tolist() == ["slowest"] * 6 + ["typical"] * 6
    assert found["what"].tolist() == ["POST /health"] * 6 + ["GET /health"] * 6
    assert set(found["start"]) == {at(0)}


def test_times_of_nginx_are_moved_by_what_its_clock_is_ahead():
    found = drawn({}, ahead_s=0.01)
    spans = {layer: found[layer][1:3] for layer in found}
    assert spans == {
        "edge": (0.0, 0.2), "nginx": (0.01, 0.17), "connect": (0.02, 0.03), "header": (0.03, 0.14),
        "body": (0.14, 0.17), "app": (None, 0.14),
    }  # fmt: skip
    # A request that the edge did not log has no other clock.
    alone = drawn({"seen_edge": False, "edge_start": pd.NaT, "edge_end": pd.NaT}, ahead_s=0.01)
    assert alone["nginx"][:3] == ("seen", 0.02, 0.18)
    assert alone["nginx"][-1] == ""


def whole(begin, ahead_s, edge_s=1.5, **more):
    """Nginx's span of a request of a second in a log of whole seconds, and when the application logged it."""
    row = {"nginx_start": at(begin), "nginx_end": at(begin + 1), "edge_s": edge_s, "app_after_s": 0.0} | more
    found = drawn(row, ahead_s=ahead_s)
    return (*found["nginx"][1:3], found["app"][2])


def test_a_log_of_whole_seconds_is_moved_to_where_the_edge_waited():
    # The edge waited 1.5 s and Nginx took one: it began at most 0.5 s after the edge, and not before it.
    assert whole(2, 0.0) == (0.5, 1.5, 1.5)
    assert whole(2, 1.75) == (0.25, 1.25, 1.25)
    assert whole(-1, 0.0) == (0.0, 1.0, 1.0)
    # Longer at Nginx than at the edge: only the clocks are considered.
    assert whole(2, 0.5, edge_s=0.9) == (1.5, 2.5, 2.5)
    # As long as at the edge: it began with it.
    assert whole(2, 0.5, edge_s=1.0) == (0.0, 1.0, 1.0)


def test_an_answer_lies_within_a_request_of_whole_seconds():
    # The record is later than Nginx's end, or earlier than its start, by what the log rounds.
    assert whole(0, 0.0, app_after_s=0.4)[2] == 1.0
    assert whole(0, 0.0, app_after_s=-1.3)[2] == 0.0
    # After Nginx gave up the application may answer any time later.
    assert whole(0, 0.0, app_after_s=0.4, nginx_status=504.0)[2] == 1.4


def test_an_answer_to_the_edge_alone_counts_from_its_end():
    row = NO_NGINX | {"app_after_s": 0.1, "app_candidates": NAN, "app_joined_by": "time"}
    assert drawn(row)["app"] == ("seen", None, 0.3, 0.3, 201, {"layer-note-by-time": {"candidates": 0}})


@pytest.mark.parametrize("other", [True, False])
def test_a_layer_without_a_record_is_not_seen_if_it_logged_others(other):
    edge = {"seen_edge": False, "edge_start": pd.NaT, "edge_end": pd.NaT}
    rest = [{}] if other else []
    state = "not seen" if other else "not logged"
    note = "layer-note-not-at-edge" if other else "layer-note-no-edge-log"
    assert drawn(edge, *rest)["edge"] == (state, None, None, None, None, {note: {}})
    note = "layer-note-not-at-nginx" if other else "layer-note-no-access-log"
    found = drawn(NO_NGINX, *rest)
    assert found["nginx"] == (state, None, None, None, None, {note: {}})
    assert list(found) == ["edge", "nginx", "app"]


def test_a_log_without_times_has_the_end_of_a_request_alone():
    untimed = {"nginx_s": NAN, "connect_s": NAN, "header_s": NAN, "response_s": NAN}
    found = drawn(untimed)
    assert found["nginx"] == ("not logged", None, 0.18, None, 200, {"layer-note-no-timing": {}})
    assert list(found) == ["edge", "nginx", "app"]
    # $request_time without the times of the upstream.
    upstream = untimed | {"nginx_s": 0.16}
    assert drawn(upstream)["connect"] == without("layer-note-no-timing")
    assert drawn(upstream | {"upstream_addr": None})["connect"] == without("layer-note-no-timing")
    # Of requests of which others name their upstream Nginx responded itself.
    assert drawn(upstream | {"upstream_addr": None}, {})["connect"] == (
        "not asked", None, None, None, None, {"layer-note-nginx-responded": {}},
    )  # fmt: skip
    # The upstream's time without its address.
    assert drawn({"upstream_addr": None})["connect"] == ("seen", 0.03, 0.04, None, None, "")


def test_where_nginx_gave_up_is_the_last_layer():
    connecting = drawn({"connect_s": NAN, "header_s": NAN})
    assert connecting["connect"] == ("gave up", 0.03, 0.18, None, None, "192.0.2.11:8100")
    assert list(connecting) == ["edge", "nginx", "connect", "app"]
    waiting = drawn({"header_s": NAN})
    assert waiting["connect"] == ("seen", 0.03, 0.04, None, None, "192.0.2.11:8100")
    assert waiting["header"] == ("gave up", 0.04, 0.18, None, None, "")
    assert list(waiting) == ["edge", "nginx", "connect", "header", "app"]


def test_an_application_without_a_record_was_not_reached_did_not_log_it_or_has_no_log():
    silent = {"app_seen": False}
    for row in (silent | {"upstream_addr": None}, silent | NO_NGINX):
        found = drawn(row, {})["app"]
        assert found == ("not asked", None, None, None, None, {"layer-note-not-reached": {}})
    found = drawn(silent)["app"]
    assert found == ("not seen", None, None, None, None, {"layer-note-no-response": {}})
    assert drawn(silent | {"app_log_there": False})["app"] == without("layer-note-no-app-log")


def test_the_slowest_request_is_compared_with_the_typical_of_its_route():
    names = ("route", "phase", "total_s")
    rows = [
        ("/a", "incident", 9.0),
        ("/b", "baseline", 5.0),
        ("/a", "baseline", 0.1),
        ("/a", "baseline", 0.2),
        ("/a", pd.NA, 0.6),  # a request without a phase lies outside of the incident
        ("/c", "incident", 30.0),
        ("/a", "incident", NAN),
    ]
    layers = pd.DataFrame(rows, columns=names).astype({"phase": "string"})
    assert chosen_requests(layers, ["/a", "/b"]) == {"slowest": 0, "typical": 3}
    # Of a route without others outside of the incident, those of all routes.
    assert chosen_requests(layers, ["/b", "/c"]) == {"slowest": 5, "typical": 1}
    assert chosen_requests(layers, ["/c"]) == {"slowest": 5}
    assert chosen_requests(layers[-1:], ["/a"]) == {}
