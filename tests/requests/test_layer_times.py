"""Time by layer, its means, lags of latency and the fates of followed requests, from literal rows."""

import math
import random

import pandas as pd
import pytest
from worlds.request_rows import at
from worlds.together import together

from watchme_analysis.requests.concurrency import in_flight, latency_lag, open_requests, pile_up_start
from watchme_analysis.requests.followed import fate_counts
from watchme_analysis.requests.layers import layer_shares, layer_times

NAN = float("nan")
# 200 ms at the edge and 160 at Nginx, of which 150 at the upstream: connected after 10, header after 120.
REQUEST = {
    "start": at(10), "path": "/health/1", "route": "/health/*", "seen_edge": True, "edge_status": 203.0,
    "edge_s": 0.2, "nginx_status": 200.0, "nginx_s": 0.16, "connect_s": 0.01, "header_s": 0.12,
    "response_s": 0.15, "upstream_raw": None,
}  # fmt: skip
NUMBERS = [name for name in REQUEST if name.endswith(("_s", "_status"))]
LAYERS = ("edge", "nginx", "connect", "header", "body")


def requests(*rows):
    return pd.DataFrame([REQUEST | row for row in rows]).astype(dict.fromkeys(NUMBERS, "float64"))


def parts(row, *others, **options):
    """Milliseconds by layer (None: unknown), and the step that was given up in."""
    found = layer_times(requests(row, *others), **options).iloc[0]
    spans = tuple(
        None if math.isnan(found[f"{name}_s"]) else round(found[f"{name}_s"] * 1e3) for name in LAYERS
    )
    return spans, None if pd.isna(found["gave_up_in"]) else found["gave_up_in"]


@together(
    ("row", "expected"),
    [
        ({}, ((40, 10, 10, 110, 30), None)),
        # Without the edge's log its part is unknown.
        ({"edge_s": None}, ((None, 10, 10, 110, 30), None)),
        ({"nginx_s": None, "connect_s": None, "header_s": None, "response_s": None},
         ((200, None, None, None, None), None)),
        # Nginx responded itself.
        ({"connect_s": None, "header_s": None, "response_s": None},
         ((40, 160, None, None, None), None)),
        # Never connected, or no header: the time limit of that step passed, if the request failed.
        ({"connect_s": None, "header_s": None, "nginx_status": 504.0},
         ((40, 10, 150, 0, 0), "connect")),
        ({"header_s": None, "nginx_status": 499.0}, ((40, 10, 10, 140, 0), "header")),
        ({"header_s": None, "nginx_status": 498.0}, ((40, 10, 10, 140, 0), None)),
        # Of several tries the header's time is that of the last; all of it was waited for.
        ({"upstream_raw": "{}"}, ((40, 10, 10, 140, 0), None)),
        # No part is negative: clocks round.
        ({"edge_s": 0.15, "response_s": 0.17}, ((0, 0, 10, 110, 50), None)),
    ],
)  # fmt: skip
def test_each_layer_has_its_part_of_a_request(row, expected):
    assert parts(row, {}) == expected


def test_connect_times_that_are_not_logged_belong_to_the_header():
    assert parts({"connect_s": None}) == ((40, 10, None, 120, 30), None)
    assert parts({"connect_s": None}, connects_logged=True) == ((40, 10, 150, 0, 30), None)
    assert parts({}, connects_logged=False) == ((40, 10, None, 120, 30), None)


def test_times_stand_beside_what_the_outermost_layer_logged():
    frame = layer_times(
        requests({}, {"seen_edge": False, "edge_s": None}, {"nginx_s": None, "edge_s": None}), at(10), at(20)
    )
    assert list(frame) == [
        "start", "path", "route", "status", "total_s", *(f"{name}_s" for name in LAYERS), "gave_up_in",
        "phase",
    ]  # fmt: skip
    assert (
        frame[["start", "path", "route", "phase"]].values.tolist()
        == [[at(10), "/health/1", "/health/*", "incident"]] * 3
    )
    assert frame["status"].tolist() == [203, 200, 203]
    assert frame["total_s"].fillna(-1).tolist() == [0.2, 0.16, -1]
    assert layer_times(requests({}))["phase"].isna().all()


def layers(*rows):
    names = ("route", "phase", *(f"{name}_s" for name in LAYERS), "gave_up_in")
    return pd.DataFrame(rows, columns=names).astype({"phase": "string", "gave_up_in": "string"})


def test_means_of_the_layers_are_those_of_all_requests_with_a_time():
    none = (NAN,) * 5
    found = layer_shares(
        layers(
            ("/b", "incident", 1.0, 0.5, NAN, 4.0, 0.0, "header"),
            ("/b", "incident", 0.0, 0.5, NAN, NAN, 0.0, pd.NA),
            ("/b", "incident", *none, pd.NA),
            ("/b", "baseline", 0.2, NAN, NAN, NAN, NAN, pd.NA),
            ("/b", "after", 0.4, NAN, NAN, NAN, NAN, pd.NA),
            ("/a", pd.NA, 0.1, NAN, NAN, NAN, NAN, pd.NA),
            ("/c", pd.NA, 0.1, NAN, NAN, NAN, NAN, pd.NA),
        ),
        ["/b", "/a"],
    )
    # To a request that Nginx answered itself the application added nothing: (4 + 0) / 2.
    expected = [
        ["/b", "baseline", 2, pytest.approx(0.3), None, None, None, None, 0],
        ["/b", "incident", 2, 0.5, 0.5, None, 2.0, 0.0, 1],
        ["/a", "all", 1, 0.1, None, None, None, None, 0],
    ]
    assert found.astype(object).where(found.notna(), None).values.tolist() == expected
    assert list(found) == ["route", "phase", "requests", *(f"{name}_s" for name in LAYERS), "gave_up"]


def opened(*rows):
    names = ("nginx_start", "nginx_end", "upstream_addr", "route")
    frame = pd.DataFrame([(at(a), at(b), *rest) for a, b, *rest in rows], columns=names)
    return frame.assign(seen_nginx=True, start=frame["nginx_start"], end=frame["nginx_end"])


def test_a_request_is_open_from_its_start_until_before_its_end():
    found = in_flight(opened((0.5, 2, "a:1", "/x"), (1, 3, "a:1", "/x"), (2, 6.5, None, "/y")), 2.0)
    # The first sample is on a whole second.
    assert found.values.tolist() == [
        [at(1), "a:1", "/x", 2], [at(3), "a:1", "/x", 0], [at(5), "a:1", "/x", 0],
        [at(1), "not asked", "/y", 0], [at(3), "not asked", "/y", 1], [at(5), "not asked", "/y", 1],
    ]  # fmt: skip
    assert {name: str(kind) for name, kind in found.dtypes.items()} == {
        "time": "datetime64[us, UTC]", "upstream": "string", "route": "string", "in_flight": "int64",
    }  # fmt: skip
    nothing = in_flight(opened((0.5, 2, "a:1", "/x"))[:0].assign(seen_edge=True, edge_start=None))
    assert {name: str(kind) for name, kind in nothing.dtypes.items()} == {
        "time": "datetime64[us, UTC]", "upstream": "string", "route": "string", "in_flight": "int64",
    }  # fmt: skip
    # Ten minutes and a second are sampled in steps of two seconds.
    long = open_requests(opened((0, 601, "a:1", "/x")))
    assert long["time"].diff().dropna().unique().tolist() == [pd.Timedelta(seconds=2)]


def test_a_rise_by_two_in_three_samples_is_steady():
    def begun(values, step=1, **options):
        gauge = pd.Series(values, index=[at(step * n) for n in range(len(values))], dtype=float)
        return (pile_up_start(gauge, at(step * len(values)), **options) - at(0)).total_seconds()

    assert begun([0, 0, 0, 0, 1, 2, 3, 4, 5]) == 4
    # Three samples gain 1.5.
    assert begun([0, 0, 0, 0, 0.5, 1, 1.5, 2, 2.5]) == 9
    # Twenty seconds before the start at most, whatever came earlier.
    assert begun([float(n) for n in range(40)]) == 22
    assert begun([float(n) for n in range(40)], reach_s=30.0) == 12


def timeline(values, vantage="nginx", route="/health"):
    return pd.DataFrame(
        {
            "start": [at(n) for n in range(len(values))],
            "route": route,
            "vantage": vantage,
            "duration_s": values,
        }
    )


# Values without a pattern, so that no other lag fits.
LOAD = random.Random(1).choices(range(31), k=80)


def lag(shift, step=1.0, count=80):
    """The latency follows the load by so many seconds."""
    values = LOAD[:count]
    moved = values[:-shift] if shift > 0 else values[-shift:]
    rows = timeline([0.1 + value / 10 for value in moved])
    rows["start"] = rows["start"] + pd.Timedelta(seconds=max(shift, 0))
    series = pd.Series(values, index=[at(n) for n in range(count)], dtype=float)
    return latency_lag(rows, "/health", ("jobs", series), step)


def test_a_lag_is_found_up_to_half_a_minute_in_either_direction():
    for shift in (4, -4, 20):
        found = lag(shift)
        assert (found.route, found.source, found.lag_s, found.samples) == (
            "/health",
            "jobs",
            shift,
            80 - abs(shift),
        )
        assert found.correlation == pytest.approx(1.0)
        assert abs(found.at_once) < 0.5


def test_twenty_samples_at_the_outer_vantages_go_before_those_from_inside():
    outer, inner = timeline([0.1 + value / 10 for value in LOAD]), timeline([0.2] * 80, "inside")
    series = pd.Series(LOAD, index=[at(n) for n in range(80)], dtype=float)
    twenty = latency_lag(pd.concat([outer[:20], inner]), "/health", ("jobs", series), 1.0)
    assert twenty.correlation == pytest.approx(1.0)
    # Fewer are compared together with those from inside, which never change here.
    nineteen = latency_lag(pd.concat([outer[:19], inner]), "/health", ("jobs", series), 1.0)
    assert nineteen is None or nineteen.samples > 20
    assert latency_lag(outer[:19], "/health", ("jobs", series), 1.0) is None
    assert latency_lag(outer.assign(duration_s=NAN), "/health", ("jobs", series), 1.0) is None
    assert latency_lag(outer, "/jobs", ("jobs", series), 1.0) is None


FOLLOWED = {
    "route": "/a", "fate": "served", "during": False, "app_joined_by": "time", "app_log_there": True,
    "app_after_s": 0.0, "app_seen": True, "join_candidates": 1.0, "seen_edge": True, "seen_nginx": True,
    "ray": "r", "request_id": None, "nginx_file": "access.log", "nginx_line": 7.0, "edge_file": "edge.log",
    "edge_line": 8.0,
}  # fmt: skip


def counted(*rows, routes=("/a", "/b")):
    return fate_counts(pd.DataFrame([FOLLOWED | row for row in rows]), list(routes)).values.tolist()


def test_fates_are_counted_by_route_the_commonest_in_the_incident_first():
    during = {"during": True}
    rows = [
        {"route": "/b"}, {}, {}, during | {"ray": "x"}, during | {"fate": "refused"},
        during | {"fate": "refused"}, {"fate": "limited"}, {"route": "/c"},
    ]  # fmt: skip
    assert counted(*rows) == [
        ["/a", "refused", 0, 2, 2, 0, 2, "ray r"],
        ["/a", "served", 2, 1, 3, 0, 3, "ray x"],
        ["/a", "limited", 1, 0, 1, 0, 1, "ray r"],
        ["/b", "served", 1, 0, 1, 0, 1, "ray r"],
    ]
    assert counted(*rows, routes=["/b", "/a"])[0][0] == "/b"


@together(
    ("row", "sure"),
    [
        ({"app_joined_by": "id"}, 1),
        ({"app_joined_by": "nearest"}, 0),
        ({"app_joined_by": None, "app_seen": False}, 1),
        ({"join_candidates": 2.0}, 0),
        ({"join_candidates": 2.0, "seen_edge": False}, 1),
        ({"join_candidates": NAN, "seen_nginx": False}, 1),
    ],
)
def test_a_request_is_joined_surely_by_an_id_or_the_only_record(row, sure):
    assert counted(row)[0][6] == sure


def test_responses_that_the_application_logged_are_counted_where_it_has_a_log():
    late, none = {"app_after_s": 3.0}, {"app_seen": False, "app_after_s": NAN}
    assert counted({}, late, none)[0][4:6] == [2, 1]
    assert counted(none | {"app_log_there": False})[0][4:6] == [pd.NA, pd.NA]


def test_an_example_is_named_by_its_ray_its_id_or_its_line():
    assert counted({"ray": None, "request_id": "q"})[0][7] == "request q"
    assert counted({"ray": None})[0][7] == "access.log:7"
    assert counted({"ray": None, "seen_nginx": False})[0][7] == "edge.log:8"
    # Of several the one in the middle.
    assert counted(*({"ray": name} for name in "abc"))[0][7] == "ray b"
