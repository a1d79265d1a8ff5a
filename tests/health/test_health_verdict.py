"""What the sentences of a verdict say."""

from dataclasses import replace

import pandas as pd
import pytest
from worlds.health_constructed import logs
from worlds.health_world import FAULT, HEALTH, Signals, case, context_of, give, investigate, moment
from worlds.messages import messages_in

from watchme_analysis.health import diagnosis as health
from watchme_analysis.health.summary import what_happened
from watchme_analysis.schema import conform
from watchme_analysis.text.render import render

HANDLERS = [
    {"file": "app.py", "line": 1, "function": name, "method": "GET", "path": f"/{name}", "runs_on": place}
    for name, place in (("healthz", "thread_pool"), ("jobs", "event_loop"), ("report", "event_loop"))
]


@pytest.mark.slow
def test_a_pool_that_filled_before_callers_were_harmed_is_said_to_have():
    """The head gives the time at which the pool began to fill; the sentence says what either time means."""
    made = case(
        lambda path, second: {"status": 504, "header_s": 5.0, "inside_s": 7.0} if path == HEALTH else None,
        handlers=HANDLERS,
        gauges=lambda second: {"in_flight": 80.0, "threads": 46.0},
    )
    metrics = made.table("host_metrics")
    filling = metrics["metric"].eq("in_flight") & metrics["time"].between(moment(20), moment(FAULT[0] - 1))
    metrics.loc[filling, "value"] = [4.0 * (at + 1) for at in range(int(filling.sum()))]
    said = health.diagnose(investigate(made))
    assert said.cause == "app_threadpool"
    assert said.incident_start < moment(FAULT[0] - 3)
    assert messages_in(said.summary[0])["health-piled-up"]["begun"] == said.incident_start


def said_by_log(*messages):
    """Nobody is answered in time, and the application says this of it, each after a second."""
    made = case(lambda path, second: {"status": 504, "header_s": 5.0} if path == HEALTH else None)
    rows = [
        {"file": "app.log", "line": 9000 + at, "service": "", "time": moment(FAULT[0] + at), "kind": kind,
         "message": text}
        for at, (kind, text) in enumerate(messages, 1)
    ]  # fmt: skip
    made._frames["app_log"] = pd.concat([made.table("app_log"), conform("app_log", pd.DataFrame(rows))])
    return Signals(made)


ENDED = ("other", "[CRITICAL] WORKER TIMEOUT (pid:7)")
STARTED = ("lifecycle", "Started server process [8]")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("messages", "seen"),
    [
        ([("other", "Executing <Task finished coro=<job()> took 2.301 seconds")], {"loop_held": 1.0}),
        ([STARTED], {"restarted": 1.0}),
        ([ENDED, STARTED], {"loop_held": 1.0, "restarted": 0.2}),
        ([("error", "OSError: [Errno 28] No space left on device")] * 2, {"disk_full": 1.0}),
        ([("error", "RuntimeError: can't start new thread")] * 2, {"files_full": 1.0}),
        ([("error", "QueuePool limit of size 5 overflow 10 reached")] * 2, {"connections_used_up": 1.0}),
        ([("other", "Connection pool is full, discarding connection: store. Pool size: 10")] * 9, {}),
    ],
)  # fmt: skip
def test_what_the_application_says_of_itself(messages, seen):
    outcomes = ("loop_held", "restarted", "disk_full", "files_full", "connections_used_up")
    found = said_by_log(*messages)
    assert {name: found[name].strength for name in found.among(*outcomes)} == seen


@pytest.mark.slow
def test_a_request_that_two_layers_logged_is_counted_once_in_the_conclusion_too():
    seen = Signals(case(lambda path, second: None))
    assert seen["all_well"].statement == what_happened(seen.found, None)


@pytest.mark.slow
@pytest.mark.parametrize(("status", "by"), [(504, "server"), (499, "client")])
def test_the_first_sentences_say_the_status_and_the_words_of_the_error_log(status, by):
    words = "upstream timed out (110: Connection timed out) while reading response header from upstream"
    made = case(lambda path, _: {"status": status, "header_s": 5.0} if path == HEALTH else None)
    log = made.table("access_log")
    late = log[log["path"].eq(HEALTH) & log["status"].eq(status)]
    lines = {
        "file": "error.log", "line": range(len(late)), "time": late["time"], "message": words, "path": HEALTH,
        "kind": "upstream_timeout_header", "upstream_addr": "192.0.2.11:8100",
    }  # fmt: skip
    give(made, "error_log", lines)
    found = context_of(made)
    said = messages_in(what_happened(found, found.start))
    assert (said["health-failed-status"]["status"], said["health-failed-status"]["by"]) == (str(status), by)
    assert said["health-error-line"] == {
        "error": words, "count": len(late), "about": "upstream", "upstream": "192.0.2.11:8100"
    }  # fmt: skip
    unanswered = replace(found, observed=found.observed.assign(status=float("nan")))
    counts = messages_in(what_happened(unanswered, found.start))
    assert counts["health-failed-silent"]["count"] == counts["health-incident"]["failed"]
    # A message beside a few of the failures does not name them.
    give(made, "error_log", {name: list(values)[:2] if name in {"line", "time"} else values
                             for name, values in lines.items()})  # fmt: skip
    found = context_of(made)
    assert "health-error-line" not in messages_in(what_happened(found, found.start))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "requested"), [("192.0.2.11:8100",) * 2, ("127.0.0.1:8100", "CONTAINER_IP:PORT")]
)
def test_the_next_test_asks_the_container_by_the_path_and_address_that_it_has(address, requested):
    """Past Nginx nobody takes the prefix off, and a published port of loopback is answered by the host."""
    locations = [("/svc/", {"proxy_pass": f"http://{address}/"})]
    made = case(lambda path, _: {"header_s": 6.0} if path == HEALTH else {}, nginx=locations)
    log = made.table("access_log")
    made._frames["access_log"] = log.assign(
        upstream_addr=log["upstream_addr"].replace("192.0.2.11:8100", address)
    )
    ranking = health.diagnose(investigate(made)).ranking
    tests = {entry.finding.cause: render(entry.finding.next_test) for entry in ranking}
    assert f"http://{address}/healthz`" in tests["nginx_config"]
    said = tests["docker_network"]
    assert f"http://{requested}/healthz" in said
    assert f" {requested.split(':')[0]}" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "message_id"),
    [
        ("upstream_refused", "health-connect-quick-or-refused"),
        ("upstream_timeout_header", "health-connect-quick"),
    ],
)
def test_who_was_refused_is_not_said_to_have_connected(error, message_id):
    made = case(lambda path, _: {"status": 502, "error": error} if path == HEALTH else {})
    assert Signals(made)["connect_quick"].statement.id == message_id


@pytest.mark.slow
def test_a_quick_connect_to_the_hosts_own_proxy_says_nothing_of_the_way_into_the_container():
    made = case(lambda path, _: {"header_s": 6.0} if path == HEALTH else {})
    log = made.table("access_log")
    for address, known in (("192.0.2.11:8100", True), ("127.0.0.1:8100", False)):
        made._frames["access_log"] = log.assign(upstream_addr=address)
        outcomes = Signals(made)
        assert ("connect_quick" in outcomes) is known


@pytest.mark.slow
def test_what_nginx_could_not_accept_is_said_though_no_request_was_bad():
    """A connection beyond worker_connections is in no access log."""
    made = case(lambda path, second: None)
    words = "512 worker_connections are not enough"
    lines = [{"time": moment(30 + second), "level": "alert", "message": words} for second in range(3)]
    give(made, "error_log", lines)
    said = messages_in(what_happened(context_of(made), None))
    assert (said["health-error-line"]["error"], said["health-error-line"]["count"]) == (words, 3)
    give(made, "error_log", [line | {"level": "notice"} for line in lines])
    assert "health-error-line" not in messages_in(what_happened(context_of(made), None))


@pytest.mark.parametrize(
    ("lines", "begun_s", "layer"),
    [(20, FAULT[0], "nginx"), (3, FAULT[0], "nginx"), (2, FAULT[0], None), (20, -600.0, None)],
)
def test_connections_that_nginx_did_not_accept_are_its_fault_though_no_request_is_logged(
    lines, begun_s, layer
):
    made = logs(case(lambda path, second: None))
    count = range(lines)
    give(made, "error_log", {
        "file": ["error.log"] * lines, "line": list(count), "time": [moment(begun_s + at) for at in count],
        "level": ["alert"] * lines, "kind": ["worker_connections"] * lines,
        "message": ["6 worker_connections are not enough"] * lines,
    })  # fmt: skip
    said = health.diagnose(investigate(made))
    assert (said.verdict, said.extra["layer"]) == ("inconclusive", layer)
    assert ("health-remedy" in messages_in(said.summary[2])) == (layer is not None)
