"""What looks like a fault of the endpoint and is none, and faults that hide behind another look."""

import pandas as pd
import pytest
from worlds.health_alike import calm, probed_outside
from worlds.health_constructed import (
    DEAD,
    dead_server_beside_a_good_one,
    short_queue,
)
from worlds.health_world import (
    FAULT,
    HEALTH,
    JOBS,
    OTHER,
    REPORT,
    USUAL,
    Signals,
    case,
    context_of,
    give,
    in_fault,
    investigate,
    moment,
    without,
)
from worlds.messages import messages_in

from watchme_analysis.health import diagnosis as health
from watchme_analysis.health.context import is_timed
from watchme_analysis.health.summary import what_happened
from watchme_analysis.schema import conform

PLAIN = (("/", {"proxy_pass": f"http://{USUAL}"}),)


def diagnose(made):
    return health.diagnose(investigate(made))


def refused(path, second):
    return {"status": 503, "upstream": False, "error": "limit_conn"} if path == HEALTH else None


@pytest.mark.slow
def test_a_start_before_the_trouble_does_not_begin_it():
    made = case(refused)
    access, edge = made.table("access_log"), made.table("edge_log")
    early = edge["start"] < moment(2)
    edge.loc[early, ["status", "origin_status"]] = 502
    access.loc[access["edge_ray_id"].isin(edge.loc[early, "ray_id"]), "status"] = 502
    assert abs((context_of(made).incident.start - moment(FAULT[0])).total_seconds()) < 10


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


def test_an_edge_that_holds_every_upload_waits():
    assert "fate_held_by_edge" in Signals(uploads(1))


def test_thin_packet_loss_shows_in_waits_of_a_fifth_of_a_second():
    def lost(path, second):
        turn = int(second if path == REPORT else second * 2)
        return {"header_s": 0.222} if path != OTHER and turn % 2 else None

    seen = Signals(case(lost))
    assert "retransmitted" in seen
    assert abs((seen.found.incident.start - moment(FAULT[0])).total_seconds()) < 10


@pytest.mark.slow
def test_a_dead_server_beside_a_good_one_is_named():
    assert DEAD in str(messages_in(Signals(dead_server_beside_a_good_one())["dead_server"].detail))


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
def test_an_nginx_out_of_connections_is_not_the_edge():
    def turned_away(path, second):
        return {"at_nginx": False, "edge_status": 520, "status": 502, "error": "worker_connections"}

    made = case(turned_away)
    made.table("edge_log").loc[made.table("edge_log")["status"].eq(520), "origin_status"] = 0
    made.table("error_log")[["path", "upstream_addr"]] = None
    assert diagnose(made).cause in ("nginx_config", None)


@pytest.mark.slow
def test_a_container_is_full_at_the_cores_it_is_granted():
    def slow(path, second):
        wait = 2.0 + (len(path) * 3.7 + second * 7.3) % 1.9
        return None if path == OTHER else {"header_s": wait, "inside_s": wait}

    made = case(slow, gauges=lambda second: {"cpu_pct": 48.0 if second % 4 else 30.0})
    assert "health-cpu-full-of-quota" not in messages_in(Signals(made)["cpu_full"].statement)
    give(made, "compose_settings", [{"file": "c.yml", "service": "svc", "path": "cpus", "value": '"0.5"'}])
    said = messages_in(Signals(made)["cpu_full"].statement)
    assert said["health-cpu-full-of-quota"]["cores"] == 0.5


def without_times(made):
    """The same case with Nginx's stock log and no log of the edge."""
    made.table("access_log")["request_time_s"] = None
    return without(made, "edge_log")


@pytest.mark.slow
def test_probes_all_along_tell_that_nothing_was_slow_where_the_log_has_no_times():
    made = calm()
    assert is_timed(context_of(without_times(made)))
    probes = made.table("probes")
    made._frames["probes"] = probes[probes["time"] < moment(FAULT[0])].reset_index(drop=True)
    assert not is_timed(context_of(without_times(made)))


@pytest.mark.slow
def test_the_location_of_another_service_that_does_well_is_no_setting_apart():
    """Both services fare badly, and an endpoint of the second one well: the first has an address by right."""

    def slow(path, second):
        return {"header_s": 2.0} if path in (HEALTH, JOBS, REPORT, OTHER) else None

    nginx = (*PLAIN, ("/neighbour/", {"proxy_pass": "http://192.0.2.12:8200"}))
    made = case(slow, nginx=nginx)
    calm = made.table("access_log")[lambda log: log["path"] == JOBS].assign(
        path="/neighbour/jobs", upstream_addr="192.0.2.12:8200", request_time_s=0.02, line=range(9000, 9150)
    )
    joined = pd.concat([made.table("access_log"), calm.assign(edge_ray_id=None)], ignore_index=True)
    made._frames["access_log"] = joined
    assert "nginx_rule" not in Signals(made)


def renamed(path, second):
    return {"status": 404} if path == HEALTH else None


@pytest.mark.slow
def test_a_path_that_nobody_asks_for_and_the_application_refuses_is_nginx_doing():
    """Nginx's stock log names no upstream; the application's log shows under which path it was requested."""
    made = case(renamed, nginx=((f"= {HEALTH}", {"proxy_pass": f"http://{USUAL}/status/"}), *PLAIN))
    made.table("access_log")[["upstream_addr", "upstream_status", "upstream_response_time_s"]] = None
    log = made.table("app_log")
    bad = log["path"].eq(HEALTH) & log["time"].map(lambda at: in_fault((at - moment(0)).total_seconds()))
    log.loc[bad, "path"], log.loc[bad, "status"] = "/status/", 404
    seen = Signals(made)
    assert messages_in(seen["nginx_renames"].detail)["health-nginx-renames-detail"]["path"] == "/status/"
    assert messages_in(seen["nginx_rule"].statement)["health-setting-asks-for"]["path"] == "/status/"
    # Somebody who looks for what is not there, while Nginx gives nobody such an answer, or has no log.
    nginx = made.table("access_log")
    for held in (nginx.assign(status=504), nginx[:0]):
        made._frames["access_log"] = held
        assert "nginx_renames" not in Signals(made)
    made._frames["access_log"] = nginx
    log.loc[bad, "path"] = HEALTH
    assert "nginx_renames" not in Signals(made)


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
    made._frames["app_log"] = pd.concat([log, conform("app_log", pd.DataFrame(rows))], ignore_index=True)
    seen = Signals(made)
    assert seen.among("restarted", "restarted_often") == {outcome}
    assert seen[outcome].strength == 1.0


@pytest.mark.slow
def test_a_pool_of_threads_that_was_never_full_was_not_used_up():
    """Endpoints that need a thread are slow, as when what they ask is slow; threads are few all along."""

    def slow(path, second):
        return {"header_s": 2.0 + second % 1, "inside_s": 2.0} if path == HEALTH else None

    handlers = [
        {"file": "app.py", "line": 1, "function": "f", "method": "GET", "path": path, "runs_on": where}
        for path, where in ((HEALTH, "thread_pool"), (JOBS, "event_loop"), (REPORT, "event_loop"))
    ]
    made = case(slow, handlers=handlers, gauges=lambda second: {"threads": 12.0, "in_flight": 8.0})
    assert Signals(made).among("pool_free", "pool_full") == {"pool_free"}
    made = case(slow, handlers=handlers, gauges=lambda second: {"threads": 45.0, "in_flight": 80.0})
    assert Signals(made).among("pool_free", "pool_full") == {"pool_full"}


def slow_jobs(**gauges):
    """Jobs, which need a thread as reports do, are slow; the health check runs on the loop and does well."""
    where = ((JOBS, "thread_pool"), (HEALTH, "event_loop"), (REPORT, "thread_pool"))
    handlers = [
        {"file": "app.py", "line": 1, "function": path, "method": "GET", "path": path, "runs_on": place}
        for path, place in where
    ]
    made = case(
        lambda path, second: {"header_s": 2.0 + second % 1} if path == JOBS else None,
        handlers=handlers,
        gauges=lambda second: gauges,
    )
    call = {"file": "app.py", "line": 9, "function": JOBS, "call": "urllib.request.urlopen"}
    call |= {"kind": "blocking_io", "context": "thread_pool", "reached_from": f"GET {JOBS}"}
    give(made, "app_calls", [call])
    return made


@pytest.mark.slow
def test_a_process_that_serves_the_health_check_well_is_accused_by_a_mark_of_its_own_alone():
    """The jobs wait for what they call, and only they do."""
    assert diagnose(slow_jobs(in_flight=45.0)).cause == "dependency_slow"


@pytest.mark.slow
def test_a_caller_that_is_limited_on_other_paths_is_no_doubt_of_the_health_check():
    made = calm()
    access, edge = made.table("access_log"), made.table("edge_log")
    edge.loc[edge.index[edge["path"].eq(REPORT)][::2], "client_addr"] = "192.0.2.7"
    limited = edge["client_addr"].eq("192.0.2.7") & (edge["start"] > moment(10))
    edge.loc[limited, ["status", "origin_status"]] = 503
    access.loc[access["edge_ray_id"].isin(edge.loc[limited, "ray_id"]), "status"] = 503
    assert context_of(made).incident is None


@pytest.mark.slow
def test_a_trouble_too_short_for_an_incident_is_reported_all_the_same():
    """A restart fails every caller for a few seconds."""

    def down(path, second):
        return {"status": 502, "header_s": 0.001} if path != OTHER and second < FAULT[0] + 5 else None

    found = context_of(case(down))
    assert found.incident is None
    reported = messages_in(what_happened(found, None))["health-brief-failure"]
    assert reported["bad"] == 27
    assert abs((reported["start"] - moment(FAULT[0])).total_seconds()) < 1
    assert "health-brief-failure" not in messages_in(what_happened(context_of(calm()), None))


@pytest.mark.slow
def test_a_short_queue_that_probes_from_inside_get_through_was_not_full():
    """Packets are lost on the way to a server that was started with room for two connections."""
    made = short_queue()
    made.table("probes").loc[made.table("probes")["vantage"].eq("inside"), "duration_s"] = 0.01
    assert Signals(made).among("connect_slow", "queue_full") == {"connect_slow"}


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


@pytest.mark.slow
def test_a_refusal_is_laid_to_nginx_where_the_application_answers_the_endpoint_past_it():
    made = case(lambda path, second: {"status": 429} if path == HEALTH else None, nginx=PLAIN)
    assert Signals(made)["nginx_mangles"].strength == 1.0
    assert Signals(without(made, "probes"))["nginx_mangles"].strength < 0.5


@pytest.mark.slow
def test_an_endpoint_that_is_probed_beside_the_health_check_may_refuse_its_callers():
    made = case(failing(REPORT, 403))
    probes = made.table("probes")
    beside = probes.assign(path=REPORT, line=probes["line"] + 1000, duration_s=0.03)
    waits = beside["time"].map(lambda at: in_fault((at - moment(0)).total_seconds()))
    beside.loc[waits, "status"] = 403
    made._frames["probes"] = pd.concat([probes, beside], ignore_index=True)
    assert context_of(made).incident is None
    made._frames["probes"] = beside
    assert context_of(made).incident


@pytest.mark.slow
def test_a_container_that_no_host_is_found_at_is_off_the_network():
    """All record long nothing is served, and the health check waits for others in vain."""

    def gone(path, second):
        inside = {"inside_status": 500, "inside_s": 3.0}
        return inside | {"status": 502, "header_s": 3.0, "error": "upstream_unreachable"}

    made = case(gone)
    for name in ("access_log", "edge_log", "probes", "error_log", "app_log", "host_metrics"):
        frame = made.table(name)
        times = frame["start" if "start" in frame else "time"]
        made._frames[name] = frame[times.between(moment(FAULT[0]), moment(FAULT[1]))].reset_index(drop=True)
    said = diagnose(made)
    assert said.ranking[0].finding.cause == "docker_network", said.summary
    assert USUAL in str(messages_in(said.ranking[0].finding.detail))
