"""What looks like a fault of the endpoint and is none, and faults that hide behind another look."""

import pandas as pd
import pytest
from worlds.health_alike import chance
from worlds.health_world import (
    FAULT,
    HEALTH,
    JOBS,
    OTHER,
    REPORT,
    USUAL,
    Signals,
    case,
    give,
    in_fault,
    investigate,
    moment,
    without,
)
from worlds.messages import messages_in

from watchme_analysis.health import diagnosis as health
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
    said = diagnose(made)
    assert said.cause == "nginx_config"
    assert abs((said.incident_start - moment(FAULT[0])).total_seconds()) < 10


@pytest.mark.slow
def test_callers_that_leave_before_the_endpoint_is_late_accuse_nobody():
    made = case(lambda path, second: None)
    access, edge = made.table("access_log"), made.table("edge_log")
    gone = edge["path"].eq(REPORT) & edge["start"].between(moment(FAULT[0]), moment(FAULT[1]))
    edge.loc[gone, ["status", "origin_status"]] = [499, 0]
    access.loc[access["edge_ray_id"].isin(edge.loc[gone, "ray_id"]), "status"] = 499
    assert diagnose(made).verdict == "no_incident"


@pytest.mark.slow
def test_a_prober_that_can_not_resolve_the_name_accuses_nobody():
    made = case(lambda path, second: None)
    probes = made.table("probes")
    lost = probes["vantage"].eq("outside") & probes["time"].map(
        lambda at: in_fault((at - moment(0)).total_seconds())
    )
    probes.loc[lost, ["status", "error"]] = [None, "Could not resolve host: api.example.com"]
    assert diagnose(made).verdict == "no_incident"


def uploads(every):
    """Jobs are sent with a body; every second, third .. sender takes four seconds."""
    made = case(lambda path, second: None)
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
    assert diagnose(uploads(2)).verdict == "no_incident"


@pytest.mark.slow
def test_an_edge_that_holds_every_upload_is_accused():
    assert diagnose(uploads(1)).cause == "edge_config"


@pytest.mark.slow
def test_thin_packet_loss_shows_in_waits_of_a_fifth_of_a_second():
    def lost(path, second):
        turn = int(second if path == REPORT else second * 2)
        return {"header_s": 0.222} if path != OTHER and turn % 2 else None

    said = diagnose(case(lost))
    assert said.cause == "docker_network"
    assert abs((said.incident_start - moment(FAULT[0])).total_seconds()) < 10


@pytest.mark.slow
def test_a_dead_server_beside_a_good_one_is_nginx_configuration():
    dead = "192.0.2.99:8100"

    def requested_first(path, second):
        if path == OTHER or int(second * 4) % 3:
            return None
        return {"header_s": 4.0, "error": "upstream_timeout_connect"}

    made = case(requested_first)
    made.table("error_log")["upstream_addr"] = dead
    made.table("access_log")["upstream_connect_time_s"] = 0.0
    said = diagnose(made)
    assert said.cause == "nginx_config"
    assert dead in str(messages_in(said.ranking[0].finding.detail))


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
    assert diagnose(made).cause == "edge_config"


@pytest.mark.slow
def test_an_nginx_out_of_connections_is_not_the_edge():
    def turned_away(path, second):
        return {"at_nginx": False, "edge_status": 520, "status": 502, "error": "worker_connections"}

    made = case(turned_away)
    made.table("edge_log").loc[made.table("edge_log")["status"].eq(520), "origin_status"] = 0
    made.table("error_log")[["path", "upstream_addr"]] = None
    assert diagnose(made).cause in ("nginx_config", None)


@pytest.mark.slow
def test_each_worker_process_has_a_loop_of_its_own():
    """Two workers take turns: one answers steadily while the other's loop stands still."""

    def stuck(path, second):
        wait = 3 - second % 3
        return None if path == OTHER or int(second * 4) % 2 else {"header_s": wait, "inside_s": wait}

    made = case(stuck)
    log = made.table("app_log")
    second = (log["time"] - moment(0)).dt.total_seconds()
    log["pid"] = (second * 4 // 1 % 2).astype("Int64") + 100
    waits = log["time"].map(lambda at: in_fault((at - moment(0)).total_seconds()))
    log.loc[waits & (second % 3 < 0.1), "pid"] = 100
    log.loc[waits & (second % 3 >= 0.1), "pid"] = 101
    found = next(one for one in investigate(made).once(health.observed) if one.signal == "stop_and_go")
    assert "pid, -1) = 100" in found.sql


@pytest.mark.slow
@pytest.mark.parametrize(("cpus", "full"), [("0.5", True), (None, False)])
def test_a_container_is_full_at_the_cores_it_is_granted(cpus, full):
    def slow(path, second):
        wait = 2.0 + (len(path) * 3.7 + second * 7.3) % 1.9
        return None if path == OTHER else {"header_s": wait, "inside_s": wait}

    made = case(slow, gauges=lambda second: {"cpu_pct": 48.0 if second % 4 else 30.0})
    if cpus:
        rows = [{"file": "compose.yml", "service": "svc", "path": "cpus", "value": f'"{cpus}"'}]
        made._frames["compose_settings"] = conform("compose_settings", pd.DataFrame(rows))
    seen = [one.statement for one in investigate(made).once(health.observed) if one.signal == "cpu_full"]
    assert (
        any(messages_in(text).get("health-cpu-full-of-quota", {}).get("cores") == 0.5 for text in seen)
        is full
    )


@pytest.mark.slow
def test_a_fault_of_the_endpoint_beside_one_of_the_service_is_named():
    def both(path, second):
        if path == HEALTH:
            return {"at_nginx": False, "edge_status": 403}
        again = int(second * 4) % 3
        return None if path == OTHER or again == 2 else {"connect_s": (1.01, 3.04)[again]}

    said = diagnose(case(both))
    assert {said.cause, *said.other_causes} == {"edge_config", "docker_network"}


def without_times(made):
    """The same case with Nginx's stock log and no log of the edge."""
    made.table("access_log")["request_time_s"] = None
    return without(made, "edge_log")


@pytest.mark.slow
def test_probes_all_along_tell_that_nothing_was_slow_where_the_log_has_no_times():
    made = case(lambda path, second: None)
    assert diagnose(without_times(made)).verdict == "no_incident"
    probes = made.table("probes")
    made._frames["probes"] = probes[probes["time"] < moment(FAULT[0])].reset_index(drop=True)
    assert diagnose(without_times(made)).verdict == "inconclusive"


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
    outcomes = Signals(made)
    assert "nginx_rule" not in outcomes


@pytest.mark.slow
@pytest.mark.parametrize(("jobs_inside_s", "outcome"), [(0.01, "inside_split"), (1.05, "inside_bad")])
def test_an_endpoint_that_asks_others_is_bad_inside_too_when_the_way_out_is(jobs_inside_s, outcome):
    """Packets are lost; the health check asks a store over the same way, the jobs' endpoint nobody."""

    def lost(path, second):
        turn = int(second * 4) % 3
        if path == OTHER or turn == 2:
            return None
        return {"header_s": (0.215, 1.03)[turn], "inside_s": 1.04}

    made = case(lost)
    probes = made.table("probes")
    jobs = probes[probes["vantage"] == "inside"].assign(path=JOBS)
    waits = [in_fault((at - moment(0)).total_seconds()) for at in jobs["time"]]
    jobs["duration_s"] = [jobs_inside_s if bad else 0.01 for bad in waits]
    made._frames["probes"] = pd.concat([probes, jobs.assign(line=jobs["line"] + 1000)], ignore_index=True)
    assert outcome in Signals(made)


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
    said = diagnose(made)
    assert said.cause == "nginx_config"
    assert messages_in(said.ranking[0].finding.detail)["health-nginx-renames-detail"]["path"] == "/status/"
    seen = {one.signal: one.statement for one in investigate(made).once(health.observed)}
    assert messages_in(seen["nginx_rule"])["health-setting-asks-for"]["path"] == "/status/"
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
    ("ids", "every", "outcome", "strength"),
    [
        ((1,), 6, "restarted", 1.0),
        ((1, 1, 1, 1), 0.4, "restarted_often", 1.0),
        ((7, 8, 9, 10), 0.2, "restarted", 1.0),
        ((7, 8, 9, 10), 5, "restarted", 1.0),
    ],
)
def test_a_process_that_starts_again_and_again_is_ended_by_something(ids, every, outcome, strength):
    """Workers of one start have different ids; Docker restarts a container after 0.1 s, 0.2 s and so on."""
    made = case(lambda path, second: {"status": 502, "error": "upstream_refused"} if path != OTHER else None)
    log = made.table("app_log")
    rows = [
        {"file": "app.log", "line": 5000 + n, "service": "", "time": moment(32 + every * n),
         "kind": "lifecycle", "level": "INFO", "message": f"Started server process [{one}]"}
        for n, one in enumerate(ids)
    ]  # fmt: skip
    made._frames["app_log"] = pd.concat([log, conform("app_log", pd.DataFrame(rows))], ignore_index=True)
    found = [one for one in investigate(made).once(health.observed) if one.signal.startswith("restarted")]
    assert [(one.signal, one.strength) for one in found] == [(outcome, strength)]


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
    assert diagnose(made).cause != "app_threadpool"
    made = case(slow, handlers=handlers, gauges=lambda second: {"threads": 45.0, "in_flight": 80.0})
    assert diagnose(made).cause == "app_threadpool"


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
    made = slow_jobs(in_flight=45.0)
    # The jobs wait for what they call, and only they do.
    assert diagnose(made).cause == "dependency_slow"
    causes = ("app_threadpool", "dependency_slow")
    assert health.diagnose(investigate(made, endpoint=JOBS)).cause in causes
    assert diagnose(slow_jobs(in_flight=80.0, threads=45.0)).cause in causes


@pytest.mark.slow
def test_a_caller_that_is_limited_on_other_paths_is_no_doubt_of_the_health_check():
    made = case(lambda path, second: None)
    access, edge = made.table("access_log"), made.table("edge_log")
    edge.loc[edge.index[edge["path"].eq(REPORT)][::2], "client_addr"] = "192.0.2.7"
    limited = edge["client_addr"].eq("192.0.2.7") & (edge["start"] > moment(10))
    edge.loc[limited, ["status", "origin_status"]] = 503
    access.loc[access["edge_ray_id"].isin(edge.loc[limited, "ray_id"]), "status"] = 503
    said = diagnose(made)
    assert said.verdict == "no_incident", said.summary


@pytest.mark.slow
def test_a_trouble_too_short_for_an_incident_is_reported_all_the_same():
    """A restart fails every caller for a few seconds."""

    def down(path, second):
        return {"status": 502, "header_s": 0.001} if path != OTHER and second < FAULT[0] + 5 else None

    said = diagnose(case(down))
    assert said.verdict == "no_incident"
    reported = messages_in(said.summary[0])["health-brief-failure"]
    assert reported["bad"] == 27
    assert abs((reported["start"] - moment(FAULT[0])).total_seconds()) < 1
    calm = diagnose(case(lambda path, second: None))
    assert "health-brief-failure" not in messages_in(calm.summary[0])


@pytest.mark.slow
@pytest.mark.parametrize(("inside_s", "outcome"), [(0.01, "connect_slow"), (1.0, "queue_short")])
def test_a_short_queue_that_probes_from_inside_get_through_was_not_full(inside_s, outcome):
    """Packets are lost on the way to a server that was started with room for two connections."""

    def lost(path, second):
        again = (0.0, 1.02)[chance(path, second) < 0.5]
        return None if path == OTHER else {"connect_s": again, "inside_s": inside_s}

    started = [
        {"file": "start.sh", "line": 1, "addr": USUAL.split(":")[0], "command": "gunicorn", "backlog": 2}
    ]
    made = case(lost, processes=started)
    assert outcome in Signals(made)
    assert (diagnose(made).cause == "docker_network") is (inside_s < 1)


def failing(path, status):
    return lambda requested, second: {"status": status, "header_s": 0.03} if requested == path else None


@pytest.mark.slow
@pytest.mark.parametrize("answered_before", [False, True])
def test_callers_that_always_leave_accuse_nobody_unless_they_were_answered_before(answered_before):
    made = case(lambda path, second: None)
    access, edge = made.table("access_log"), made.table("edge_log")
    since = moment(FAULT[0] if answered_before else 0)
    left = edge["path"].eq(REPORT) & (edge["start"] >= since)
    edge.loc[left, ["status", "origin_status", "duration_ms"]] = [499, 0, 1500.0]
    mine = access["edge_ray_id"].isin(edge.loc[left, "ray_id"])
    access.loc[mine, "status"] = 499
    access.loc[mine, "request_time_s"] = 1.5
    said = diagnose(made)
    assert (said.verdict == "no_incident") is not answered_before
    assert ("health-callers-left" in messages_in(said.summary[0])) is not answered_before


@pytest.mark.slow
@pytest.mark.parametrize(("path", "status"), [(REPORT, 500), (REPORT, 503), (OTHER, 500), (JOBS, 422)])
def test_errors_of_a_handler_that_nobody_probed_are_no_incident_of_the_endpoint(path, status):
    made = case(failing(path, status))
    said = diagnose(made)
    assert said.verdict == "no_incident"
    reported = messages_in(said.summary[0])["health-own-errors"]
    assert (reported["path"], reported["statuses"]) == (path, [str(status)])
    assert health.diagnose(investigate(made, endpoint=path)).verdict != "no_incident"
    assert diagnose(without(made, "probes")).verdict != "no_incident"


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(failing(HEALTH, 500), id="the probed endpoint's own"),
        pytest.param(failing(REPORT, 404), id="what a proxy may bring about"),
        pytest.param(
            lambda path, _: {"status": 503, "upstream": False} if path == JOBS else None, id="of Nginx"
        ),
        pytest.param(
            lambda path, _: {"status": 500, "header_s": 4.0} if path == JOBS else None, id="late ones"
        ),
    ],
)
def test_other_errors_make_an_incident(fault):
    assert diagnose(case(fault)).verdict != "no_incident"


@pytest.mark.slow
@pytest.mark.parametrize("is_probed", [True, False])
def test_a_refusal_is_laid_to_nginx_where_the_application_answers_the_endpoint_past_it(is_probed):
    made = case(lambda path, second: {"status": 429} if path == HEALTH else None, nginx=PLAIN)
    said = diagnose(made if is_probed else without(made, "probes"))
    assert (said.cause == "nginx_config") is is_probed


@pytest.mark.slow
def test_an_endpoint_that_is_probed_beside_the_health_check_may_have_errors_of_its_own():
    made = case(failing(REPORT, 500))
    probes = made.table("probes")
    beside = probes.assign(path=REPORT, line=probes["line"] + 1000, duration_s=0.03)
    waits = beside["time"].map(lambda at: in_fault((at - moment(0)).total_seconds()))
    beside.loc[waits, "status"] = 500
    made._frames["probes"] = pd.concat([probes, beside], ignore_index=True)
    assert diagnose(made).verdict == "no_incident"
    made._frames["probes"] = beside
    assert diagnose(made).verdict != "no_incident"


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
