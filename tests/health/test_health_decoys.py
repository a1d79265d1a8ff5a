"""What looks like a fault of the endpoint and is none, and faults that hide behind another look."""

import pandas as pd
import pytest
from worlds.health_alike import calm, probed_outside
from worlds.health_world import (
    FAULT,
    HEALTH,
    JOBS,
    OTHER,
    REPORT,
    Signals,
    case,
    context_of,
    in_fault,
    moment,
    without,
)
from worlds.messages import messages_in

from watchme_analysis.health.summary import what_happened
from watchme_analysis.schema import conform


@pytest.mark.slow
def test_callers_that_leave_before_the_endpoint_is_late_accuse_nobody():
    made = calm()
    access, edge = made.table("access_log"), made.table("edge_log")
    gone = edge["path"].eq(REPORT) & edge["start"].between(moment(FAULT[0]), moment(FAULT[1]))
    edge.loc[gone, ["status", "origin_status"]] = [499, 0]
    access.loc[access["edge_ray_id"].isin(edge.loc[gone, "ray_id"]), "status"] = 499
    assert context_of(made).incident is None


@pytest.mark.slow
def test_a_prober_that_can_not_resolve_the_name_accuses_nobody():
    made = probed_outside(calm(), error="Could not resolve host: api.example.com", duration_s=0.0)
    assert context_of(made).incident is None


def uploads(every):
    """Jobs are sent with a body; every second, third .. sender takes four seconds."""
    made = calm()
    edge = made.table("edge_log")
    jobs = edge.index[edge["path"] == JOBS]
    edge.loc[jobs, "method"] = "POST"
    slow = jobs[[in_fault((edge.loc[at, "start"] - moment(0)).total_seconds()) for at in jobs]]
    slow = slow[::every]
    edge.loc[slow, "duration_ms"] = 4000.0
    edge.loc[slow, "end"] = edge.loc[slow, "start"] + pd.Timedelta(seconds=4)
    access = made.table("access_log")
    access.loc[access["path"] == JOBS, "method"] = "POST"
    ends = edge.set_index("ray_id").loc[access["edge_ray_id"], "end"].to_numpy()
    access["time"] = access["time"].where(access["path"] != JOBS, pd.Series(ends, index=access.index))
    return made


@pytest.mark.slow
def test_slow_uploads_of_some_accuse_nobody():
    assert context_of(uploads(2)).incident is None


@pytest.mark.slow
def test_an_edge_that_gives_up_early_is_reported_without_a_common_id():
    """The endpoint needs 0.9 s at all times; the edge waits 0.4 s, and Nginx logs that its caller left."""

    def cut(path, second):
        return {"header_s": 0.4, "status": 499, "edge_status": 524, "edge_s": 0.0} if path == HEALTH else None

    made = case(cut)
    access, edge, probes = (made.table(name) for name in ("access_log", "edge_log", "probes"))
    well = edge["path"].eq(HEALTH) & edge["status"].eq(200)
    edge.loc[well, "duration_ms"] = 900.0
    edge.loc[edge["status"].eq(524), "origin_status"] = 0
    probes.loc[probes["status"].eq(200), "duration_s"] = 0.9
    access.loc[access["path"].eq(HEALTH) & access["status"].eq(200), "request_time_s"] = 0.9
    access["edge_ray_id"] = None
    assert "edge_impatient" in Signals(made)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ids", "every", "outcome"),
    [
        ((1,), 6, "restarted"),
        ((1, 1, 1, 1), 0.4, "restarted_often"),
        ((7, 8, 9, 10), 0.2, "restarted"),
        ((7, 8, 9, 10), 5, "restarted"),
    ],
)
def test_a_process_that_starts_again_and_again_is_ended_by_something(ids, every, outcome):
    """Workers of one start have different ids; Docker restarts a container after 0.1 s, 0.2 s and so on."""
    made = case(lambda path, second: {"status": 502, "error": "upstream_refused"} if path != OTHER else None)
    log = made.table("app_log")
    rows = [
        {"file": "app.log", "line": 5000 + n, "service": "", "time": moment(32 + every * n),
         "kind": "lifecycle", "level": "INFO", "message": f"Started server process [{one}]"}
        for n, one in enumerate(ids)
    ]  # fmt: skip
    made.frames["app_log"] = pd.concat([log, conform("app_log", pd.DataFrame(rows))], ignore_index=True)
    seen = Signals(made)
    assert seen.among("restarted", "restarted_often") == {outcome}
    assert seen[outcome].strength == 1.0


@pytest.mark.slow
def test_a_caller_that_is_limited_on_other_paths_is_no_doubt_of_the_health_check():
    made = calm()
    access, edge = made.table("access_log"), made.table("edge_log")
    edge.loc[edge.index[edge["path"].eq(REPORT)][::2], "client_addr"] = "192.0.2.7"
    limited = edge["client_addr"].eq("192.0.2.7") & (edge["start"] > moment(10))
    edge.loc[limited, ["status", "origin_status"]] = 503
    access.loc[access["edge_ray_id"].isin(edge.loc[limited, "ray_id"]), "status"] = 503
    assert context_of(made).incident is None


def failing(path, status):
    return lambda requested, second: {"status": status, "header_s": 0.03} if requested == path else None


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("answered_before", [False, True])
def test_callers_that_always_leave_accuse_nobody_unless_they_were_answered_before(answered_before):
    made = calm()
    access, edge = made.table("access_log"), made.table("edge_log")
    since = moment(FAULT[0] if answered_before else 0)
    left = edge["path"].eq(REPORT) & (edge["start"] >= since)
    edge.loc[left, ["status", "origin_status", "duration_ms"]] = [499, 0, 1500.0]
    mine = access["edge_ray_id"].isin(edge.loc[left, "ray_id"])
    access.loc[mine, "status"] = 499
    access.loc[mine, "request_time_s"] = 1.5
    found = context_of(made)
    assert (found.incident is None) is not answered_before
    said = what_happened(found, found.start if answered_before else None)
    assert ("health-callers-left" in messages_in(said)) is not answered_before


@pytest.mark.slow
@pytest.mark.parametrize(("path", "status"), [(REPORT, 429), (OTHER, 403), (JOBS, 422)])
def test_refusals_by_an_unprobed_handler_are_no_incident_of_the_endpoint(path, status):
    made = case(failing(path, status))
    found = context_of(made)
    assert found.incident is None
    reported = messages_in(what_happened(found, None))["health-own-errors"]
    assert (reported["path"], reported["statuses"]) == (path, [str(status)])
    assert context_of(made, endpoint=path).incident
    assert context_of(without(made, "probes")).incident


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(failing(HEALTH, 500), id="the probed endpoint's own"),
        pytest.param(failing(REPORT, 404), id="what a proxy may bring about"),
        pytest.param(failing(REPORT, 500), id="exceptions"),
        pytest.param(failing(OTHER, 503), id="what callers can't change"),
        pytest.param(
            lambda path, _: {"status": 503, "upstream": False} if path == JOBS else None, id="of Nginx"
        ),
        pytest.param(
            lambda path, _: {"status": 429, "header_s": 4.0} if path == JOBS else None, id="late ones"
        ),
    ],
)
def test_other_errors_make_an_incident(fault):
    assert context_of(case(fault)).incident
