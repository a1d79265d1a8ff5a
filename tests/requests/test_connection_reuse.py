import pandas as pd
import pytest
from worlds.request_rows import access, app, at, edge, requested

from watchme_analysis.requests.connection_reuse import (
    connections_used,
    keepalive_ports,
    outcome_by_connection,
)
from watchme_analysis.requests.followed import follow_requests
from watchme_analysis.requests.observations import join_requests
from watchme_analysis.schema import empty

HEALTH = "/svc/health"


def followed(log, edge_log=None, app_log=None):
    joined = join_requests(log, empty("edge_log") if edge_log is None else edge_log)
    return follow_requests(joined, empty("app_log") if app_log is None else app_log).frame


def judged(frame, *, bad=(), during_from=0.0):
    """The frame as facts have it: which requests went badly, and which the incident holds."""
    flags = pd.Series(frame.index.isin(bad), index=frame.index)
    return frame.assign(
        nginx_bad=flags, edge_bad=flags, during=frame["start"] >= at(during_from), route=HEALTH
    )


def test_a_port_that_answers_again_within_a_minute_is_a_kept_connection():
    log = app(
        {"time": at(0), "client_port": 41000},
        {"time": at(1), "client_port": 41002},
        {"time": at(59), "client_port": 41000},
        {"time": at(130), "client_port": 41000},
        {"time": at(1.5), "client_port": 41002, "service": "other"},
        {"time": at(2), "client_port": 0},
        {"time": at(3)},
    )
    assert keepalive_ports(log).tolist() == [False, False, True, False, False, pd.NA, pd.NA]


@pytest.mark.slow
def test_without_ports_only_a_connect_time_tells_of_a_new_connection():
    log = access(
        requested(1, 0.1, upstream_connect_time_s=0.003),
        requested(2, 0.1),
        requested(3, 1.0, upstream_connect_time_s=None, upstream_header_time_s=None, status=504),
        {"time": at(4), "request_time_s": 0.0, "status": 403},
    )
    used = connections_used(followed(log))["to_app"].fillna("nowhere").tolist()
    assert used == ["new", "not told", "new", "nowhere"]


@pytest.mark.slow
def test_connections_to_nginx_are_counted_by_handshake_else_by_request_number():
    log = access(
        requested(1, 0.1, edge_ray_id="a" * 16),
        requested(2, 0.1, edge_ray_id="b" * 16),
        requested(3, 0.1, extra='{"connection_requests":"1"}'),
        requested(4, 0.1, extra='{"connection_requests":7}'),
    )
    edge_log = edge(
        {"start": at(0.9), "end": at(1), "ray_id": "a" * 16, "origin_handshake_ms": 12.0},
        {"start": at(1.9), "end": at(2), "ray_id": "b" * 16, "origin_handshake_ms": 0.0},
        {"start": at(50), "end": at(60), "ray_id": "c" * 16, "origin_handshake_ms": 0.0, "origin_status": 0},
        {"start": at(70), "end": at(70), "ray_id": "d" * 16, "cache_status": "hit"},
    )
    frame = judged(followed(log, edge_log))
    used = connections_used(frame)
    assert used["to_nginx"].fillna("nowhere").tolist() == [
        "new", "kept", "new", "kept", "not told", "nowhere"
    ]  # fmt: skip
    # A request that the edge logged went as the edge saw it.
    frame["edge_bad"] = frame["seen_edge"]
    found = outcome_by_connection(frame, used, [HEALTH]).set_index(["hop", "connection"])
    assert found.loc["to_nginx", "incident_bad"].to_dict() == {"new": 1, "kept": 1, "not told": 1}


def one_of_each():
    """In the incident, from second 10, new connections are bad and kept ones are not."""
    log = access(
        requested(1, 0.1), requested(2, 0.2), requested(20, 9.0), requested(14, 0.1), requested(16, 0.1),
    )  # fmt: skip
    times, ports = (1, 2, 14, 16, 20), (1, 1, 1, 1, 2)
    lines = app(*({"time": at(t), "client_port": 41000 + p} for t, p in zip(times, ports, strict=True)))
    frame = followed(log, app_log=lines)
    slow = frame.index[frame["nginx_s"] > 5]
    return judged(frame, bad=slow, during_from=10)


@pytest.mark.slow
def test_new_connections_are_compared_with_kept_ones_outside_the_incident_and_in_it():
    frame = one_of_each()
    found = outcome_by_connection(frame, connections_used(frame), [HEALTH]).set_index(["hop", "connection"])
    assert found.index.tolist() == [("to_app", "new"), ("to_app", "kept")]
    new, kept = found.loc[("to_app", "new")], found.loc[("to_app", "kept")]
    assert (new["baseline"], new["baseline_bad"], new["incident"], new["incident_bad"]) == (1, 0, 1, 1)
    assert (kept["baseline"], kept["incident"], kept["incident_bad"]) == (1, 2, 0)
    assert (new["incident_median_s"], kept["incident_median_s"]) == (9.0, 0.1)
