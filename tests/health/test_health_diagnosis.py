import duckdb  # noqa: F401  (case.sql needs it; fail early when it is missing)
import pandas as pd
import pytest
from worlds.health_constructed import composed
from worlds.health_scenarios import (
    SCENARIOS,
    cpu_full,
    cpu_held,
    edge_holds,
    nginx_gives_up,
    on,
    on_service,
    packets_lost,
    pool_used_up,
)
from worlds.health_world import (
    FAULT,
    HEALTH,
    JOBS,
    OTHER,
    REPORT,
    Signals,
    case,
    context_of,
    investigate,
    moment,
    without,
)
from worlds.messages import messages_in

from watchme_analysis.health import diagnosis as health
from watchme_analysis.health.detectors import SIGNALS, health_causes
from watchme_analysis.text.render import render


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(make, marks=[] if make is pool_used_up else [pytest.mark.slow]) for make in SCENARIOS
    ],
    ids=lambda make: make.__name__,
)
def fault(request):
    inv = investigate(request.param())
    return inv, inv.once(health.diagnose), SCENARIOS[request.param]


@pytest.mark.slow
def test_names_the_cause(fault, request):
    _, said, cause = fault
    if cpu_full.__name__ in request.node.name:
        # One observation carries the verdict; first looks show that this is not enough to name the cause.
        assert said.ranking[0].finding.cause == cause
        assert said.extra["layer"] == "process"
        return
    assert (said.verdict, said.cause) == ("supported", cause), said.summary
    assert {entry.finding.cause: entry.status for entry in said.ranking}["none"] == "refuted"
    assert said.summary[-1].id == "health-remedy", "what to do, not what else to collect"


def test_finds_the_window(fault):
    _, said, _ = fault
    assert abs((said.incident_start - moment(FAULT[0])).total_seconds()) < 10
    assert abs((said.incident_end - moment(FAULT[1])).total_seconds()) < 10


def test_names_the_affected_endpoints_alone(fault):
    _, said, _ = fault
    assert OTHER not in said.extra["endpoints"]
    assert said.extra["endpoints"]


def test_says_it_in_three_sentences(fault):
    _, said, _ = fault
    assert len(said.summary) == 3
    assert all(render(sentence).endswith(".") for sentence in said.summary)
    assert all(render(sentence, "ja").endswith("。") for sentence in said.summary)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "table"),
    [(nginx_gives_up, "error_log"), (edge_holds, "access_log"), (packets_lost, "edge_log")],
)
def test_less_evidence_never_makes_a_sure_wrong_cause(build, table):
    said = health.diagnose(investigate(without(build(), table)))
    assert said.cause in (SCENARIOS[build], None) or said.confidence < 0.7, said.summary


@pytest.mark.slow
def test_lookalikes_that_nothing_tells_apart_share_and_what_would_is_requested():
    said = health.diagnose(investigate(without(cpu_held(), "host_metrics")))
    assert (said.verdict, said.cause) == ("inconclusive", None)
    likely = {entry.finding.cause for entry in said.ranking[:2]}
    assert likely == {"app_saturation", "app_event_loop"}
    assert "missing-metrics-what" in [item.what.id for item in said.missing_evidence]


@pytest.mark.slow
def test_probes_alone_are_no_sure_proof_that_nothing_happened():
    made = case(lambda path, second: None)
    logs = ("access_log", "edge_log", "error_log", "app_log", "host_metrics")
    some, enough = (
        health.diagnose(investigate(without(made, *logs), **options)).extra["confidence_from"]["probability"]
        for options in ({}, {"endpoint": HEALTH})
    )
    assert some < 0.7 < enough


@pytest.mark.slow
def test_a_calm_record_has_no_incident():
    said = health.diagnose(investigate(case(lambda path, second: None)))
    assert (said.verdict, said.cause, said.incident_start) == ("no_incident", "none", None)
    assert said.extra["endpoints"] == []
    assert {entry.finding.cause: entry.status for entry in said.ranking}["none"] == "supported"


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


@pytest.mark.slow
def test_one_slow_client_is_no_incident():
    made = case(lambda path, second: None)
    edge = made.table("edge_log")
    mine = edge["client_addr"] == "192.0.2.101"
    edge.loc[mine, "duration_ms"] = 4000.0
    edge.loc[mine, "end"] = edge.loc[mine, "start"] + (moment(4) - moment(0))
    assert context_of(made).incident is None


@pytest.mark.slow
def test_without_times_calm_is_not_claimed():
    made = case(lambda path, second: None)
    made.table("access_log")["request_time_s"] = None
    said = health.diagnose(investigate(without(made, "probes", "edge_log")))
    assert (said.verdict, said.cause) == ("inconclusive", None)
    first = " ".join(render(item.how) for item in said.missing_evidence[:2])
    assert "log_format" in first or "watchme probe" in first


@pytest.mark.slow
def test_an_incident_up_to_the_end_is_open_and_of_the_chosen_endpoint_alone():
    made = case(on(REPORT, status=503, upstream=False))
    for name, column in (("access_log", "time"), ("edge_log", "start"), ("probes", "time")):
        frame = made.table(name)
        made.frames[name] = frame[frame[column] < moment(FAULT[1])].reset_index(drop=True)
    assert context_of(made, endpoint=JOBS).incident is None
    said = health.diagnose(investigate(made, endpoint=REPORT))
    assert said.extra["endpoints"] == [REPORT]
    assert said.incident_end is None
    assert said.to_dict()["incident"]["end"] is None


def test_every_signal_is_graded_for_a_cause():
    assert {name for cause in health_causes() for name in cause.grades} == set(SIGNALS)


@pytest.mark.slow(fast=1)
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
    made.frames["app_log"] = pd.concat([log, start], ignore_index=True)
    check = (("test", f"curl -f {url}"), ("interval", interval), ("timeout", "5s"), ("retries", 3))
    composed(
        made,
        ("api", "command", "uvicorn main:app --port 8000"),
        *(("api", f"healthcheck.{name}", value) for name, value in check),
    )
    restart = Signals(made)["restarted"]
    assert restart.strength == strength
    assert ("health-restart-follows" in messages_in(restart.statement)) is (strength < 0.5)
