import math

import pandas as pd
import pytest
from worlds.request_rows import USUAL, access, app, at, edge, given_up, requested
from worlds.together import together

from watchme_analysis.requests.concurrency import latency_lag
from watchme_analysis.requests.followed import fate_counts, follow_requests
from watchme_analysis.requests.layers import layer_times
from watchme_analysis.requests.observations import join_requests
from watchme_analysis.requests.waterfall import LAYERS, chosen_requests, waterfall
from watchme_analysis.schema import empty


def test_a_log_in_whole_seconds_is_joined_by_its_lines_turn():
    """The stock ``$time_local`` leaves the order of lines within a second, and what was given up on open."""
    ends = [0.3 * n + 0.05 for n in range(40)]
    inner = [requested(end, 0.02) | {"path": f"/svc/{n % 4}"} for n, end in enumerate(ends)]
    inner = [row | {"time": row["time"].floor("s")} for row in [*inner, given_up(12, 2.0)]]
    lines = [
        {"time": at(end - 0.001), "path": f"/{n % 4}", "status": 200} for n, end in enumerate([*ends, 12.5])
    ]
    joined = follow_requests(join_requests(access(*inner), empty("edge_log")), app(*lines)).frame.sort_values(
        "nginx_line"
    )
    assert joined["app_line"].tolist()[:40] == list(range(1, 41))
    assert not joined["app_seen"].tolist()[40]


@pytest.mark.parametrize("ahead", [-4.0, 0.3, 11.0])
def test_a_clock_that_is_ahead_is_noticed_and_allowed_for(ahead):
    moments = [1.0, 2.3, 3.1, 5.7, 6.2, 9.9, 14.2, 15.0, 17.7, 21.3]
    log = access(*(requested(moment, 0.2) for moment in moments))
    lines = app(*({"time": at(moment + ahead)} for moment in moments))
    found = follow_requests(join_requests(log, empty("edge_log")), lines)
    assert found.skews["application", "Nginx"].ahead_s == pytest.approx(ahead, abs=0.02)
    assert found.frame["app_joined_by"].tolist() == ["time"] * 10
    assert found.frame["app_after_s"].abs().max() < 0.03


def test_each_upstream_has_the_log_that_fits_it():
    other = "192.0.2.12:8100"
    moments = [1.0, 2.3, 3.1, 5.7, 6.2]
    rows = [requested(moment, 0.1) for moment in moments]
    rows += [requested(moment + 0.5, 0.1, upstream_addr=other) for moment in moments]
    lines = [{"time": at(moment + 0.5)} for moment in moments]
    lines += [{"time": at(moment), "service": "second"} for moment in moments]
    joined = join_requests(access(*rows), empty("edge_log"))
    found = follow_requests(joined, app(*lines))
    named = found.frame.groupby("upstream_addr")["app_service"].unique().map(list).to_dict()
    assert named == {USUAL: ["second"], other: [""]}
    assert set(found.skews) == {("application", "Nginx"), ("application (second)", "Nginx")}


def calm():
    return [requested(0.5 + n, 0.1) for n in range(5)], [{"time": at(0.5 + n)} for n in range(5)]


@pytest.mark.slow
@together(
    ("request_row", "record", "after_s"),
    [
        (requested(20, 0.1), {"time": at(20)}, 0.0),
        # A response that came too late, one that was lost on its way, and none.
        (given_up(20, 5.0), {"time": at(23), "status": 202}, 3.0),
        (given_up(20, 5.0, 499), {"time": at(17)}, -3.0),
        (given_up(20, 5.0), {"time": at(30), "client_addr": "127.0.0.1"}, None),
        (given_up(20, 5.0) | {"upstream_addr": "192.0.2.99:1"}, {"time": at(60)}, None),
    ],
)
def test_the_application_log_shows_when_a_response_left(request_row, record, after_s):
    rows, lines = calm()
    rows, lines = [*rows, request_row], [*lines, record, {"time": at(90), "path": "/x"}]
    found = follow_requests(join_requests(access(*rows), empty("edge_log")), app(*lines)).frame
    assert found["app_seen"].tolist() == [True] * 5 + [after_s is not None]
    assert found["app_after_s"].iloc[-1] == pytest.approx(
        math.nan if after_s is None else after_s, nan_ok=True, abs=0.02
    )


def test_fates_are_counted_for_each_endpoint_with_an_example_to_look_up():
    rows, lines = calm()
    rows = [*rows, given_up(20, 5.0), given_up(21, 5.0)]
    found = follow_requests(
        join_requests(access(*rows), empty("edge_log")), app(*lines, {"time": at(60), "path": "/x"})
    ).frame
    during = found["start"] >= at(10)
    judged = found.assign(during=during, fate=during.map({True: "header_timeout", False: "served"}))
    counts = fate_counts(judged, ["/svc/health"])
    assert counts.values.tolist() == [
        ["/svc/health", "header_timeout", 0, 2, 0, 0, 2, "access.log:7"],
        ["/svc/health", "served", 5, 0, 5, 0, 5, "access.log:3"],
    ]


def test_the_waterfall_keeps_layers_that_have_no_record():
    rows, lines = calm()
    joined = join_requests(access(*rows, given_up(20, 5.0)), empty("edge_log"))
    layers = layer_times(joined, at(10), at(30))
    chosen = chosen_requests(layers, ["/svc/health"])
    drawn = waterfall(follow_requests(joined, app(*lines, {"time": at(60), "path": "/x"})), chosen)
    slow, usual = (drawn[drawn["request"] == name].set_index("layer") for name in ("slowest", "typical"))
    assert slow["state"].to_dict() == {
        "edge": "not logged", "nginx": "seen", "connect": "seen", "header": "gave up", "app": "not seen",
    }  # fmt: skip
    assert (slow.loc["header", "from_s"], slow.loc["header", "to_s"]) == pytest.approx((0, 5))
    assert usual.index.tolist() == list(LAYERS)
    assert usual.loc["app", "to_s"] == pytest.approx(0.1)
    assert math.isnan(usual.loc["app", "from_s"])


@pytest.mark.parametrize(
    ("logged", "state"), [([requested(5, 0.1)], "not seen"), ([], "not logged")], ids=["a log", "no log"]
)
def test_a_request_that_nginx_has_no_record_of_is_not_seen_only_where_there_is_a_log(logged, state):
    outer = {"start": at(20), "end": at(30), "status": 522, "ray_id": "a" * 16, "duration_ms": 10_000.0}
    inner = access(*logged) if logged else empty("access_log")
    followed = follow_requests(join_requests(inner, edge(outer)), empty("app_log"))
    only_edge = followed.frame.index[followed.frame["seen_edge"]][0]
    drawn = waterfall(followed, {"slowest": only_edge}).set_index("layer")
    assert drawn.loc["edge", "state"] == "seen"
    assert drawn.loc["nginx", "state"] == state


def test_times_in_whole_seconds_do_not_lay_a_request_outside_of_the_edges():
    """A request of 40 ms that Nginx logged at a full second may have been at any time of it."""
    ends = [0.3 * n + 0.05 for n in range(40)]
    paths = [f"/{n % 4}" for n in range(40)]
    outer = [
        {"start": at(end - 0.06), "end": at(end + 0.02), "duration_ms": 80.0, "ray_id": f"{n:016x}"}
        for n, end in enumerate(ends)
    ]
    inner = [requested(int(end), 0.04, edge_ray_id=f"{n:016x}") for n, end in enumerate(ends)]
    answers = [{"time": at(end - 0.001), "path": path} for end, path in zip(ends, paths, strict=True)]
    for rows in (inner, outer):
        rows[:] = [row | {"path": f"/svc{path}"} for row, path in zip(rows, paths, strict=True)]
    followed = follow_requests(join_requests(access(*inner), edge(*outer)), app(*answers))
    for label in followed.frame.index[::5]:
        drawn = waterfall(followed, {"slowest": label}).set_index("layer")
        nginx = drawn.loc["nginx"]
        assert -1e-9 <= nginx["from_s"] <= drawn.loc["app", "to_s"] <= nginx["to_s"] <= 0.08 + 1e-9
        assert nginx["to_s"] - nginx["from_s"] == pytest.approx(0.04)


def series(values, first=0):
    return pd.Series(values, index=[at(first + n) for n in range(len(values))], dtype=float)


def seen(values):
    return pd.DataFrame(
        {
            "start": [at(n) for n in range(len(values))],
            "route": "/health",
            "vantage": "nginx",
            "duration_s": values,
        }
    )


def test_the_lag_at_which_latency_follows_load_is_found():
    load = [(7 * n * n) % 31 for n in range(80)]
    late = [0.1] * 4 + [0.1 + value / 10 for value in load[:-4]]
    found = latency_lag(seen(late), "/health", ("jobs", series(load)), 1.0)
    assert found.lag_s == 4.0
    assert found.correlation == pytest.approx(1.0)
    assert found.follows
