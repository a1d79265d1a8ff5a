import json
from itertools import cycle, islice

import duckdb  # noqa: F401  (case.sql needs it; fail early when it is missing)
import pandas as pd
import pytest
from worlds.health_scenarios import (
    SCENARIOS,
    connections_used_up,
    cpu_full,
    cpu_held,
    host_out_of_cpu,
    nginx_misdirects,
    on,
    on_service,
    pool_used_up,
)
from worlds.health_world import (
    FAULT,
    HEALTH,
    JOBS,
    OTHER,
    REPORT,
    USUAL,
    case,
    give,
    investigate,
    moment,
    without,
)
from worlds.messages import messages_in
from worlds.statement_rows import check_health

from watchme_analysis.health import diagnosis as health
from watchme_analysis.health.detection import SIGNALS, health_causes
from watchme_analysis.health.explaining_away import EXPLAINS
from watchme_analysis.services.diagnose import absent_tables
from watchme_analysis.text.render import render


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(make, marks=[] if make in (nginx_misdirects, pool_used_up) else [pytest.mark.slow])
        for make in SCENARIOS
    ],
    ids=lambda make: make.__name__,
)
def fault(request):
    inv = investigate(request.param())
    return inv, inv.once(health.diagnose), SCENARIOS[request.param]


TABLES = ("error_log", "probes", "app_handlers", "access_log", "host_metrics", "edge_log", "app_log")


def test_names_the_cause(fault, request):
    _, said, cause = fault
    if cpu_full.__name__ in request.node.name:
        # One observation carries the verdict; first looks show that this is not enough to name the cause.
        assert said.ranking[0].finding.cause == cause
        assert said.extra["layer"] == "process"
        return
    assert (said.verdict, said.cause) == ("supported", cause), said.summary
    assert said.summary[-1].id == "health-remedy", "what to do, not what else to collect"


def test_finds_the_window(fault):
    _, said, _ = fault
    assert abs((said.incident_start - moment(FAULT[0])).total_seconds()) < 10
    assert abs((said.incident_end - moment(FAULT[1])).total_seconds()) < 10


def test_names_the_affected_endpoints_alone(fault):
    _, said, _ = fault
    assert OTHER not in said.extra["endpoints"]
    assert said.extra["endpoints"]


@pytest.fixture(scope="module")
def checked():
    """The messages of statements whose rows were compared for a fault before."""
    return set()


def test_every_statement_gives_its_rows(fault, checked):
    check_health(fault[0], checked)


def test_every_cause_is_ranked_with_a_next_test(fault):
    _, said, _ = fault
    assert {entry.finding.cause for entry in said.ranking} == {one.cause for one in health_causes()}
    assert sum(entry.probability for entry in said.ranking) == pytest.approx(1)
    assert all(entry.finding.next_test for entry in said.ranking)


def test_says_it_in_three_sentences(fault):
    _, said, _ = fault
    assert len(said.summary) == 3
    assert all(render(sentence).endswith(".") for sentence in said.summary)
    assert all(render(sentence, "ja").endswith("。") for sentence in said.summary)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(TABLES)))
def test_less_evidence_never_makes_a_sure_wrong_cause(number):
    """Each table is lacking for a fault of its own."""
    faults = islice(cycle(SCENARIOS.items()), 2 * number, None)
    table = TABLES[number]
    made, cause = next((made, cause) for make, cause in faults if not (made := make()).table(table).empty)
    said = health.diagnose(investigate(without(made, table)))
    assert said.cause in (cause, None) or said.confidence < 0.7, said.summary


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "table", "alike", "wish"),
    [
        (starved_of_cpu, "host_metrics", "app_event_loop", "missing-metrics-what")
        for starved_of_cpu in (cpu_held, host_out_of_cpu)
    ]
    + [(connections_used_up, "app_log", "app_threadpool", "missing-application-log-what")],
)
def test_lookalikes_that_nothing_tells_apart_share_and_what_would_is_requested_first(
    build, table, alike, wish
):
    said = health.diagnose(investigate(without(build(), table)))
    assert (said.verdict, said.cause) == ("inconclusive", None)
    first, second = said.ranking[:2]
    assert {first.finding.cause, second.finding.cause} == {"app_saturation", alike}
    assert first.probability - second.probability < 0.2
    assert said.missing_evidence[0].what.id == wish
    assert said.summary[2].values["what"].id == wish


@pytest.mark.slow
def test_a_source_without_a_client_that_pools_connections_tells_a_pool_of_threads_apart():
    call = {"file": "app.py", "line": 9, "kind": "blocking_io", "context": "thread_pool", "function": "fetch"}

    def diagnose_with_call(name):
        made = pool_used_up()
        give(made, "app_calls", [call | {"call": name}])
        return health.diagnose(investigate(without(made, "app_log")))

    assert diagnose_with_call("urllib.request.urlopen").cause == "app_threadpool"
    assert diagnose_with_call("sqlalchemy.create_engine().connect").verdict == "inconclusive"


@pytest.mark.slow
def test_probes_alone_are_no_sure_proof_that_nothing_happened():
    made = case(lambda path, second: None)
    logs = ("access_log", "edge_log", "error_log", "app_log", "host_metrics")
    some, enough = (
        health.diagnose(investigate(without(made, *logs), **options)).extra["confidence_from"]["probability"]
        for options in ({}, {"endpoint": HEALTH})
    )
    assert some < 0.7 < enough


def test_a_calm_record_has_no_incident():
    said = health.diagnose(investigate(case(lambda path, second: None)))
    assert (said.verdict, said.cause, said.incident_start) == ("no_incident", "none", None)
    assert said.extra["endpoints"] == []


@pytest.mark.slow
@pytest.mark.parametrize("known", ["access_log", "edge_log"])
def test_calm_at_nginx_is_less_of_a_proof_than_calm_at_the_edge(known):
    calm = case(lambda path, second: None)
    logs = {"access_log", "edge_log", "probes", "app_log"}
    said = health.diagnose(investigate(without(calm, *(logs - {known}))))
    # Nginx's log cannot clear an edge before it.
    assert said.verdict == {"access_log": "inconclusive", "edge_log": "no_incident"}[known]
    assert (said.confidence < 0.7) is (known == "access_log")
    assert ("health-edge-not-cleared" in messages_in(said.summary[1])) is (known == "access_log")


def test_a_short_blip_is_no_incident():
    def blip(path, second):
        return {"status": 502, "error": "upstream_reset"} if second < FAULT[0] + 2 else None

    assert health.diagnose(investigate(case(blip))).verdict == "no_incident"


@pytest.mark.slow
def test_one_slow_client_is_no_incident():
    made = case(lambda path, second: None)
    edge = made.table("edge_log")
    mine = edge["client_addr"] == "192.0.2.101"
    edge.loc[mine, "duration_ms"] = 4000.0
    edge.loc[mine, "end"] = edge.loc[mine, "start"] + (moment(4) - moment(0))
    assert health.diagnose(investigate(made)).verdict == "no_incident"


@pytest.mark.slow
def test_without_times_calm_is_not_claimed():
    made = case(lambda path, second: None)
    made.table("access_log")["request_time_s"] = None
    said = health.diagnose(investigate(without(made, "probes", "edge_log")))
    assert (said.verdict, said.cause) == ("inconclusive", None)
    first = " ".join(render(item.how) for item in said.missing_evidence[:2])
    assert "log_format" in first or "watchme probe" in first


@pytest.mark.slow
def test_an_incident_that_lasts_to_the_end_is_open():
    made = case(on(HEALTH, status=503, upstream=False))
    for name, column in (("access_log", "time"), ("edge_log", "start"), ("probes", "time")):
        frame = made.table(name)
        made._frames[name] = frame[frame[column] < moment(FAULT[1])].reset_index(drop=True)
    said = health.diagnose(investigate(made))
    assert said.incident_end is None
    assert said.to_dict()["incident"]["end"] is None


@pytest.mark.slow
def test_the_requested_endpoint_alone_is_looked_at():
    made = case(on(REPORT, status=503, upstream=False))
    assert health.diagnose(investigate(made, endpoint=JOBS)).verdict == "no_incident"
    assert health.diagnose(investigate(made, endpoint=REPORT)).extra["endpoints"] == [REPORT]


@pytest.mark.slow
def test_the_detail_names_the_address_that_never_answered():
    said = health.diagnose(investigate(nginx_misdirects()))
    assert messages_in(said.ranking[0].finding.detail)["health-moved-upstream-detail"]["address"] == (
        "198.51.100.9:8017"
    )


@pytest.mark.slow
def test_a_second_fault_is_named():
    def both(path, second):
        return {"edge_s": 7.0} if path == HEALTH else {"connect_s": 1.02} if path == JOBS else None

    said = health.diagnose(investigate(case(both)))
    assert {said.cause, *said.other_causes} == {"edge_config", "docker_network"}


@pytest.mark.slow
def test_a_calm_inside_alone_names_nobody_before_it():
    """All paths are slow but inside, and nothing tells which of edge, Nginx and network does it."""
    made = case(on_service(header_s=3.0))
    for name in ("error_log", "edge_log", "config_directives", "app_log", "host_metrics"):
        made = without(made, name)
    said = health.diagnose(investigate(made))
    assert (said.verdict, said.cause) == ("inconclusive", None)


@pytest.mark.slow
def test_two_faults_that_contradict_each_other_are_both_named():
    """Half of the checks are refused by a limit, the rest wait for a thread, as do callers inside."""
    refused = {"status": 503, "header_s": 0.0, "upstream": False, "error": "limit_req"}
    stuck = {"status": 504, "header_s": 5.0, "error": "upstream_timeout_header"}

    def both(path, second):
        return {"inside_s": 7.0} | (refused if second % 1 < 0.5 else stuck) if path == HEALTH else None

    made = case(both, gauges=lambda second: {"in_flight": 80.0, "threads": 46.0})
    said = health.diagnose(investigate(made))
    assert said.verdict == "supported"
    assert {said.cause, *said.other_causes} == {"nginx_config", "app_threadpool"}
    assert [entry.status for entry in said.ranking[:2]] == ["supported", "supported"]
    assert said.extra["confidence_from"]["route"] in ("one", "pair")
    assert "health-two-causes" in messages_in(said.summary[1])


def test_what_explains_others_and_what_is_explained_are_signals():
    assert set(EXPLAINS) <= set(SIGNALS)
    assert {name for names in EXPLAINS.values() for name in names} <= set(SIGNALS)


@pytest.mark.slow
def test_nginx_that_gives_up_on_what_is_slow_inside_is_not_to_blame():
    """Its limit is near to what the path takes when all is well, and no patience would have helped."""
    slow = {"status": 504, "header_s": 5.0, "error": "upstream_timeout_header"}
    slow |= {"inside_s": 9.0, "inside_status": 504}
    made = case(lambda path, second: slow if path == HEALTH else None)
    log = made.table("access_log")
    calm = (log["path"] == HEALTH) & (log["status"] == 200)
    for name in ("request_time_s", "upstream_header_time_s", "upstream_response_time_s"):
        log.loc[calm, name] = 4.0
    made.table("probes").loc[made.table("probes")["status"] == 200, "duration_s"] = 4.0
    seen = {one.signal: one.strength for one in investigate(made).once(health.observed)}
    assert seen["inside_bad"] > 0.5
    assert seen["nginx_impatient"] < 0.5


def test_every_signal_is_graded_for_a_cause_or_separates_causes():
    graded = {name for cause in health_causes() for name in cause.signals}
    separating = {pair.separated_by for cause in health_causes() for pair in cause.confounders}
    assert graded | separating == set(SIGNALS)
    assert not graded & separating


@pytest.mark.slow
def test_none_of_these_is_refuted_once_a_cause_explains_what_was_seen_and_open_while_none_does():
    def statuses(made):
        ranking = health.diagnose(investigate(made)).ranking
        return {entry.finding.cause: (entry.status, entry.probability) for entry in ranking}

    status, probability = statuses(pool_used_up())["none"]
    assert probability < 0.05
    assert status == "refuted"
    assert statuses(case(lambda path, second: None))["none"][0] == "supported"


def container(port):
    values = {"ports.0": f"127.0.0.1:{port}:8000", "restart": "always", "cpus": 1.0}
    return [
        {"file": "compose.yml", "service": "api", "path": name, "value": json.dumps(value)}
        for name, value in values.items()
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("port", "is_published"), [("8100", True), ("8199", False)])
def test_a_port_that_compose_publishes_no_more_speaks_for_the_network(port, is_published):
    made = case(on_service(status=502, header_s=0.0, error="upstream_refused"))
    for name in ("access_log", "error_log"):
        made.table(name)["upstream_addr"] = made.table(name)["upstream_addr"].replace(USUAL, "127.0.0.1:8100")
    give(made, "compose_settings", container(port))
    first = health.diagnose(investigate(made)).ranking[0].finding
    assert first.cause == "docker_network"
    assert any(item.check == "ports" for item in first.evidence) is not is_published


@pytest.mark.slow
def test_memory_at_the_limit_that_compose_grants_is_full():
    slow = on_service(header_s=3.0, inside_s=3.0)
    made = case(slow, gauges=lambda second: {"rss_mb": 245.0, "cpu_pct": 5.0})
    metrics = made.table("host_metrics")
    calm = metrics[metrics["metric"] == "cpu_pct"].assign(metric="rss_mb", value=120.0)
    calm = calm[calm["time"] < moment(FAULT[0])]
    made._frames["host_metrics"] = pd.concat([metrics, calm], ignore_index=True)
    limit = [{"file": "compose.yml", "service": "api", "path": "mem_limit", "value": '"256m"'}]
    give(made, "compose_settings", limit)
    seen = investigate(made).once(health.observed)
    assert [one.strength for one in seen if one.signal == "memory_at_limit"] == [1.0]
    give(made, "compose_settings", [limit[0] | {"path": "restart", "value": '"always"'}])
    assert not [one for one in investigate(made).once(health.observed) if one.signal == "memory_at_limit"]


def composed(*lines):
    return [
        {"file": "compose.yml", "service": service, "path": path, "value": json.dumps(value)}
        for service, path, value in lines
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("network", "is_apart"), [("front", False), ("back", True)])
def test_containers_without_a_common_network_speak_for_the_network(network, is_apart):
    made = case(on_service(status=502, header_s=0.0, error="upstream_refused"))
    for name in ("access_log", "error_log"):
        made.table(name)["upstream_addr"] = made.table(name)["upstream_addr"].replace(USUAL, "api:8100")
    rows = composed(
        ("gate", "image", "nginx:1.27"), ("gate", "networks.0", "front"), ("api", "networks.0", network)
    )  # fmt: skip
    give(made, "compose_settings", rows)
    first = health.diagnose(investigate(made)).ranking[0].finding
    assert first.cause == "docker_network"
    apart = [item for item in first.evidence if item.check == "networks"]
    assert bool(apart) is is_apart
    assert all(len(made.sql(item.sql)) == item.rows for item in apart)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("interval", "url", "strength"),
    [
        ("4s", "http://localhost:8000/healthz", 0.2),
        ("30s", "http://localhost:8000/healthz", 1.0),
        ("30s", "http://localhost:9999/healthz", 0.2),
    ],
)
def test_a_restart_that_the_health_check_calls_for_says_little_of_memory(interval, url, strength):
    """The process starts anew 14 s after the trouble began; three checks that fail take 8 to 27 s or more."""
    made = case(on_service(header_s=3.0, inside_s=3.0))
    log = made.table("app_log")
    start = log.tail(1).assign(
        time=moment(FAULT[0] + 14), kind="lifecycle", message="Started server process [7]"
    )
    made._frames["app_log"] = pd.concat([log, start], ignore_index=True)
    check = (("test", f"curl -f {url}"), ("interval", interval), ("timeout", "5s"), ("retries", 3))
    rows = composed(
        ("api", "command", "uvicorn main:app --port 8000"),
        *(("api", f"healthcheck.{name}", value) for name, value in check),
    )
    give(made, "compose_settings", rows)
    seen = investigate(made).once(health.observed)
    (restart,) = [one for one in seen if one.signal == "restarted"]
    assert restart.strength == strength
    assert ("health-restart-follows" in messages_in(restart.statement)) is (strength < 0.5)


@pytest.mark.parametrize("layer", ["edge", "nginx"])
def test_an_edge_that_is_configured_as_nginx_has_no_settings_to_miss(layer):
    made = case(lambda path, second: None, **{layer: [("/svc", {"proxy_pass": "http://192.0.2.11:8100"})]})
    assert ("edge_settings" in absent_tables(investigate(made))) is (layer == "nginx")
