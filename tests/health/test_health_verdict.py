"""What the sentences of a verdict say."""

from dataclasses import replace

import pytest
from worlds.health_constructed import logs
from worlds.health_world import FAULT, HEALTH, case, context_of, give, investigate, moment
from worlds.messages import messages_in

from watchme_analysis.health import diagnosis as health
from watchme_analysis.health.summary import what_happened
from watchme_analysis.text.render import render


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
    made.frames["access_log"] = log.assign(
        upstream_addr=log["upstream_addr"].replace("192.0.2.11:8100", address)
    )
    ranking = health.diagnose(investigate(made)).ranking
    tests = {entry.finding.cause: render(entry.finding.next_test) for entry in ranking}
    assert f"http://{address}/healthz`" in tests["nginx_config"]
    said = tests["docker_network"]
    assert f"http://{requested}/healthz" in said
    assert f" {requested.split(':')[0]}" in said


@pytest.mark.parametrize(
    ("lines", "begun_s", "layer"),
    [(20, FAULT[0], "nginx"), (3, FAULT[0], "nginx"), (2, FAULT[0], None), (20, -600.0, None)],
)
def test_connections_that_nginx_did_not_accept_are_its_fault_without_a_request(lines, begun_s, layer):
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
