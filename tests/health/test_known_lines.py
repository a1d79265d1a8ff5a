"""A few lines of a log narrow the answer before any incident is shown, and accuse nobody who is well."""

import json
import re
import shutil
from pathlib import Path

import pytest

from watchme_analysis.case.importer import import_folder
from watchme_analysis.health.detectors import SIGNALS, health_causes
from watchme_analysis.inference.known_lines import weighed_messages
from watchme_analysis.inference.signals import Observation
from watchme_analysis.inference.weighing import weigh
from watchme_analysis.log_messages.known_messages import known_messages
from watchme_analysis.services.diagnose import diagnose
from watchme_analysis.services.explain import explain

DATA = Path(__file__).resolve().parents[2] / "data"
SAMPLES = {known.id: known for known in known_messages()}
FILES = {"nginx": "error.log"}
SHOWN = [
    "nginx-worker-connections",
    "nginx-connect-timeout",
    "nginx-big-header",
    "nginx-refused",
    "gunicorn-worker-timeout",
    "sqlalchemy-queue-pool",
    "kernel-oom",
    "postgres-too-many",
    "lambda-timeout",
    "lambda-import-module",
    "lambda-out-of-memory",
]


def diagnosed(tmp_path, lines, name):
    folder = tmp_path / "evidence"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n")
    case = import_folder(folder, tmp_path / "case").case
    return case, diagnose("health", case).to_dict()


@pytest.mark.parametrize(
    ("message_id", "count"),
    [*((message_id, 1) for message_id in SHOWN), ("nginx-refused", 3), (SHOWN[-1], 3)],
)
def test_a_line_names_its_causes_and_excludes_its_layers(tmp_path, message_id, count):
    known = weighed_messages("health")[message_id]
    case, found = diagnosed(tmp_path, [known.sample] * count, FILES.get(known.speaker, "app.log"))
    assert found["verdict"] == "inconclusive"
    assert found["cause"] is None
    first = found["ranking"][0]
    assert first["cause"] in known.causes
    refuted = {layer["layer"] for layer in found["layers"] if layer["status"] == "refuted"}
    assert {*known.excluded} <= refuted
    (evidence,) = [item for item in first["evidence"] if item["sql"] and item["weight"] > 1]
    # Equal lines of a traceback are one record.
    assert evidence["rows"] == len(case.sql(evidence["sql"])) >= 1


@pytest.mark.parametrize(
    "message_id",
    [
        "acme-failed",
        "alb-target-closed",
        "alb-target-refused",
        "consul-check-critical",
        "envoy-upstream-reset",
        "haproxy-no-server",
        "kubernetes-dns-upstream",
        "haproxy-response-timeout",
        "heroku-closed",
        "heroku-request-timeout",
        "nginx-emerg",
        "nomad-oom",
        "proxy-dial-refused",
        "supervisor-exited",
    ],
)
def test_diagnosis_reads_what_is_explained(tmp_path, message_id):
    """Also where a line is a request of an access log, or its beginning looks like a logger."""
    _, found = diagnosed(tmp_path, [SAMPLES[message_id].sample], "paste.txt")
    shown = {
        item["signal"] for ranked in found["ranking"] for item in ranked["evidence"] if item["weight"] > 0
    }
    assert message_id in shown


TRAEFIK = (
    'time="2026-03-04T05:06:07Z" level=debug '
    "msg=\"'502 Bad Gateway' caused by: dial tcp 192.0.2.18:80: i/o timeout\""
)
FABIO = "2026/03/04 05:06:07 http: proxy error: dial tcp 127.0.0.1:8000: connect: connection refused"


@pytest.mark.parametrize(
    ("line", "proxy", "command"),
    [
        (SAMPLES["haproxy-no-server"].sample, "HAProxy", "systemctl reload haproxy"),
        (SAMPLES["envoy-connect-refused"].sample, "Envoy", "envoy --mode validate"),
        (SAMPLES["proxy-dial-refused"].sample, "Caddy", "caddy reload"),
        (SAMPLES["apache-refused-loopback"].sample, "Apache", "apachectl configtest"),
        (TRAEFIK, "Traefik", "docker restart traefik"),
        (FABIO, "the proxy", ""),
    ],
)
def test_configuration_is_that_of_the_proxy_that_spoke(tmp_path, line, proxy, command):
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "paste.txt").write_text(line + "\n")
    found = diagnose("health", import_folder(folder, tmp_path / "case").case)
    for language in ("en", "ja"):
        said = found.to_dict(language=language)
        shown = str([said["cause_line"], said["now"], [layer["name"] for layer in said["layers"]]])
        assert command in shown
        assert not re.search("nginx", shown, re.IGNORECASE)
    assert f"{proxy}'s configuration" in str(found.to_dict()["now"])


def test_explanation_names_the_configuration_of_the_proxy_that_spoke():
    shown = explain(SAMPLES["haproxy-no-server"].sample).text()
    assert "HAProxy's configuration" in shown
    assert "Nginx's configuration" not in shown


@pytest.mark.parametrize(
    ("message_id", "own", "foreign"),
    [
        ("heroku-request-timeout", "heroku ps:restart", "docker|kubectl|nginx -"),
        ("heroku-request-timeout", "heroku ps:restart", "stacks.txt|` >"),
        ("fly-no-answer", "fly logs", "docker|kubectl|systemctl|nginx -"),
        ("fly-not-listening", "fly ", "docker|kubectl|systemctl|gcloud"),
        ("cloud-run-memory", "gcloud run services", "docker|kubectl|systemctl"),
        ("cloud-run-not-listening", "gcloud run services", "docker|kubectl|fly"),
        ("render-not-listening", "render ", "docker|kubectl|gcloud"),
        ("alb-target-closed", "aws ecs", "docker|kubectl"),
        ("kubernetes-oom", "kubectl", "docker|aws"),
        ("nomad-oom", "nomad job restart", "docker|kubectl|systemctl"),
        ("rails-connection-pool", "rbspy snapshot", "py-spy"),
        ("java-threads-busy", "jstack", "py-spy"),
        ("gunicorn-worker-timeout", "py-spy", "rbspy"),
    ],
)
def test_commands_are_those_of_the_programs_that_spoke(tmp_path, message_id, own, foreign):
    _, found = diagnosed(tmp_path, [SAMPLES[message_id].sample], "paste.txt")
    tests = [ranked["next_test"] for ranked in found["ranking"]]
    shown = str([found["now"], [] if "docker" in foreign else tests])
    assert own in shown
    assert not re.search(foreign, shown)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("gunicorn[7]: [2026-03-04 05:06:07 +0000] [7] [CRITICAL] WORKER TIMEOUT (pid:9)", "SERVICE"),
        (SAMPLES["systemd-failed"].sample, "api"),
    ],
)
def test_commands_for_a_journal_are_those_of_systemd(tmp_path, line, command):
    _, found = diagnosed(tmp_path, [f"Mar 04 05:06:07 web {line}"], "journal.log")
    shown = str(found["now"])
    assert f"journalctl -u {command}" in shown
    assert not re.search("docker|kubectl", shown)


def test_nginx_on_alpine_speaks_of_its_descriptors_in_other_words(tmp_path):
    """Musl has its own text for each number of an error of the system."""
    line = "2026/03/04 05:06:07 [crit] 15#15: accept4() failed (24: No file descriptors available)"
    case, found = diagnosed(tmp_path, [line], "error.log")
    assert found["ranking"][0]["cause"] == "nginx_config"
    assert case.sql("select kind from error_log")["kind"].tolist() == ["open_files"]


def test_each_row_of_described_events_counts(tmp_path):
    rows = [
        "  Type     Reason     Age               From     Message",
        "  Warning  Unhealthy  9m (x4 over 2h)   kubelet  Readiness probe failed: command timed out",
        "  Warning  BackOff    2m (x56 over 2h)  kubelet  Back-off restarting failed container",
    ]
    _, found = diagnosed(tmp_path, rows, "describe.txt")
    shown = {item["signal"] for ranked in found["ranking"] for item in ranked["evidence"]}
    assert {"kubernetes-probe-timeout", "kubernetes-crash-loop"} <= shown


def test_cut_lines_of_journalctl_are_read(tmp_path):
    start = "Mar 04 05:06:07 lb haproxy[7]: "
    lines = [
        start + '[WARNING] (7) : Server app/app1 is DOWN, reason: Layer4 connection problem, info: "Conn>',
        start + "[ALERT] (7) : backend 'app' has no server avail>",
    ]
    case, found = diagnosed(tmp_path, lines, "journal.txt")
    shown = {item["signal"] for ranked in found["ranking"] for item in ranked["evidence"]}
    assert {"haproxy-server-refused", "haproxy-no-server"} <= shown
    assert len(case.sql("select * from app_log")) == len(lines)


def test_documents_that_quote_known_lines_are_read(tmp_path):
    """No reader knows the document; each line of it is compared."""
    quoted = 'Get \\"http://192.0.2.5:8080/health\\": dial tcp 192.0.2.5:8080: connect: connection refused'
    document = ["[{", '  "Status": "critical",', f'  "Output": "{quoted}"', "}]"]
    _, found = diagnosed(tmp_path, document, "checks.json")
    assert "connection refused" in found["headline"]


def test_function_accuses_no_endpoint_that_a_host_serves(tmp_path):
    """The function is a caller or neighbour of a service that Nginx reaches at an address."""
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "error.log").write_text(SAMPLES["nginx-refused"].sample + "\n")
    (folder / "worker.log").write_text(SAMPLES["lambda-timeout"].sample + "\n")
    found = diagnose("health", import_folder(folder, tmp_path / "case").case)
    shown = {item.signal for ranked in found.ranking for item in ranked.finding.evidence}
    assert "nginx-refused" in shown
    assert "lambda-timeout" not in shown


def test_function_is_handled_by_the_commands_of_lambda(tmp_path):
    _, found = diagnosed(tmp_path, [SAMPLES["lambda-timeout"].sample], "worker.log")
    assert "aws logs tail /aws/lambda/" in str(found["now"])
    shown = str([found["now"], found["missing_evidence"]])
    assert not re.search("docker|kubectl|/var/log", shown)


@pytest.mark.parametrize(
    ("seconds", "idle_s", "first"),
    [(10, None, "docker_network"), (60, None, "dependency_slow"), (10, 10, "dependency_slow")],
)
def test_load_balancer_gives_a_connection_up_after_ten_seconds(tmp_path, seconds, idle_s, first):
    """Its idle timeout is usually longer, and ends the wait for a response of a target that was connected."""
    if idle_s is not None:
        attribute = {"Key": "idle_timeout.timeout_seconds", "Value": str(idle_s)}
        (tmp_path / "evidence").mkdir()
        (tmp_path / "evidence/load-balancer.json").write_text(json.dumps({"Attributes": [attribute]}))
    group = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/73e2d6bc24d8a067"
    line = (
        "https 2026-03-04T05:0{minute}:{second:02d}.004Z app/web/0123456789abcdef 192.0.2.7:281 192.0.2.4:80"
        ' -1 -1 -1 504 - 34 366 "GET https://example.com:443/report HTTP/1.1" "curl/8" - - ' + group
        + ' "Root=1-58337281" "-" "-" 0 2026-03-04T05:00:01.000Z "forward" "-" "-" "192.0.2.40:8000" "-"'
    )  # fmt: skip
    minute, second = divmod(1 + seconds, 60)
    _, found = diagnosed(tmp_path, [line.format(minute=minute, second=second)], "alb.log")
    chance = {each["cause"]: each["probability"] for each in found["ranking"]}
    assert first in [cause for cause in chance if chance[cause] > 0.9 * max(chance.values())]
    wanted = str(found["missing_evidence"])
    assert f"aws elbv2 describe-target-health --target-group-arn {group}" in wanted
    assert "/var/log/nginx" not in wanted


def test_failed_requests_in_a_log_of_the_application_speak(tmp_path):
    """The application's own log names no upstream."""
    failed = 'INFO:     192.0.2.7:51022 - "GET /health HTTP/1.1" 504 Gateway Timeout'
    _, found = diagnosed(tmp_path, [failed] * 3, "app.log")
    (shown,) = {item["signal"] for cause in found["ranking"] for item in cause["evidence"]}
    assert shown == "nginx-status-504"


def test_a_line_of_an_incident_counts_after_its_end(tmp_path):
    """A proxy's own log says why it responded with 502, and later responses take nothing of it back."""
    folder = tmp_path / "evidence"
    folder.mkdir()
    request = '192.0.2.7 - - [04/Mar/2026:05:{:02d}:{:02d} +0000] "GET /health HTTP/1.1" {} 12 "-" "curl/8"'
    (folder / "access.log").write_text(
        "\n".join(
            request.format(*divmod(second, 60), 502 if 100 <= second < 160 else 200) for second in range(300)
        )
    )
    refused = '{{"level":"debug","error":"dial tcp 192.0.2.18:8000: connect: connection refused",' \
        '"time":"2026-03-04T05:{:02d}:{:02d}Z","message":"502 Bad Gateway"}}'  # fmt: skip
    (folder / "proxy.log").write_text(
        "\n".join(refused.format(*divmod(second, 60)) for second in range(100, 160))
    )
    found = diagnose("health", import_folder(folder, tmp_path / "case").case)
    assert found.incident_end is not None
    assert "go-dial-refused" in {item.signal for item in found.ranking[0].finding.evidence}


def test_statuses_alone_narrow_an_incident_of_a_log_without_upstreams(tmp_path):
    """A proxy that responds with 502 got no valid one: the process is down, or sought elsewhere."""
    request = (
        '192.0.2.7 - - [04/Mar/2026:05:{:02d}:{:02d} +0000] "GET /health HTTP/1.1" 502 1763 "-" "curl/8"'
    )
    lines = [request.format(*divmod(second, 60)) for second in range(0, 600, 10)]
    _, found = diagnosed(tmp_path, lines, "access.log")
    assert found["incident"]["start"] is not None
    assert found["cause"] is None
    assert {entry["cause"] for entry in found["ranking"][:2]} == {"app_down", "nginx_config"}


def test_a_line_is_over_where_the_routes_that_failed_with_it_fare_well(tmp_path):
    """A log of combined lines names no upstream; routes that failed together have the same one."""
    folder = tmp_path / "evidence"
    folder.mkdir()
    request = '192.0.2.{} - - [04/Mar/2026:05:{:02d}:{:02d} +0000] "GET {} HTTP/1.1" {} 12 "-" "curl/8"'
    lines = []
    for second in range(240):
        failed = second == 60
        routes = ["/job"] if second > 60 else ["/job", "/health"]
        status = 502 if failed else 200
        lines += [request.format(second % 9, *divmod(second, 60), route, status) for route in routes]
    (folder / "access.log").write_text("\n".join(lines))
    (folder / "error.log").write_text(
        SAMPLES["nginx-refused"].sample.replace("05:06:07", "05:01:00").replace("/api", "/health") + "\n"
    )
    found = diagnose("health", import_folder(folder, tmp_path / "case").case)
    shown = {item.signal for ranked in found.ranking for item in ranked.finding.evidence}
    assert "arrivals_stopped" in shown
    assert "nginx-refused" not in shown


@pytest.mark.parametrize("message_id", weighed_messages("health"))
def test_causes_of_a_line_rank_as_its_entry_names_them(message_id):
    """The entry states what is likely once the line is there, so that no prior changes the order."""
    found = weigh(health_causes(), [Observation(message_id, "", "app_log", 1)], SIGNALS)
    chance = {entry.finding.cause: entry.probability for entry in found.ranking}
    causes = weighed_messages("health")[message_id].causes
    named = [chance[cause] for cause in causes]
    # Two causes of one layer share their pairs, which moves either by a little.
    assert named == pytest.approx(sorted(named, reverse=True), rel=0.05)
    assert named[-1] > max(chance[cause] for cause in chance.keys() - {*causes})


@pytest.mark.parametrize(
    "message_id", ["nginx-could-not-resolve", "proxy-dial-timeout", "rails-connection-pool"]
)
def test_open_cause_is_decided_by_commands_of_its_line(tmp_path, message_id):
    sample = SAMPLES[message_id].sample
    _, found = diagnosed(tmp_path, [sample], "error.log")
    (kind,) = explain(sample).kinds
    assert len(kind.commands) == 2
    step = next(step["text"] for step in found["now"] if step["kind"] == "test")
    assert all(f"`{command}`" in step for command in kind.commands)


def test_an_error_line_accuses_nobody_where_callers_were_well(tmp_path):
    folder = tmp_path / "evidence"
    shutil.copytree(DATA / "health-healthy", folder)
    before = diagnose("health", import_folder(folder, tmp_path / "before").case)
    with (folder / "error.log").open("a") as log:
        log.write(SAMPLES["nginx-refused"].sample + "\n")
    after = diagnose("health", import_folder(folder, tmp_path / "after").case)
    assert (before.verdict, after.verdict) == ("no_incident", "no_incident")
    assert before.confidence == after.confidence


def test_a_line_says_nothing_of_what_callers_met_long_after_it(tmp_path):
    """Lines of an earlier fault exclude no layer, although Nginx's logs do not exclude the edge."""
    said = {}
    for name, line in (("without", ""), ("with", SAMPLES["nginx-refused"].sample + "\n")):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(DATA / "health-healthy" / "access.log", folder)
        early = line.replace(line[:19], "2026/11/24 15:23:50").replace("/api", "/health") if line else ""
        (folder / "error.log").write_text(early)
        found = diagnose("health", import_folder(folder, tmp_path / f"{name}-case").case).to_dict()
        said[name] = found["verdict"], found["layers"]
    assert said["with"] == said["without"]


def test_a_full_queue_of_a_socket_is_no_refusal(tmp_path):
    """A socket whose queue is full has a listener that accepts no connections (unix(7))."""
    line = (
        "2026/03/04 05:06:{:02d} [error] 7#7: *{} connect() to unix:/run/app.sock failed ({}) while "
        'connecting to upstream, client: 192.0.2.9, server: example.com, request: "GET /health HTTP/1.1", '
        'upstream: "http://unix:/run/app.sock:/health", host: "example.com"'
    )
    signals = {}
    for name, error in (
        ("full", "11: Resource temporarily unavailable"),
        ("refused", "111: Connection refused"),
    ):
        (tmp_path / name).mkdir()
        lines = [line.format(second, second, error) for second in range(30)]
        _, found = diagnosed(tmp_path / name, lines, "error.log")
        signals[name] = {item["signal"] for one in found["ranking"] for item in one["evidence"]}
    assert "fate_refused" in signals["refused"] - signals["full"]
    assert "fate_connect_timeout" in signals["full"]


def test_a_full_socket_is_the_process_and_no_network(tmp_path):
    """A Unix socket crosses no network (unix(7)): the process that takes its connections is too slow."""
    line = (
        "2026/03/04 05:{:02d}:30 [error] 7#7: *{} connect() to unix:/run/app.sock failed (11: Resource "
        "temporarily unavailable) while connecting to upstream, client: 192.0.2.9, server: example.com, "
        'request: "GET /health HTTP/1.1", upstream: "uwsgi://unix:/run/app.sock:", host: "example.com"'
    )
    _, found = diagnosed(tmp_path, [line.format(minute, minute) for minute in range(9)], "error.log")
    assert found["incident"]["start"]
    assert found["layer"] == "process"
    assert {"edge", "network"} <= {one["layer"] for one in found["layers"] if one["status"] == "refuted"}


PASTES = {
    "journalctl": "Dec 11 01:10:30 host docker[29]: FATAL ERROR: Reached heap limit Allocation failed - "
    "JavaScript heap out of memory",
    "journalctl -o short-iso": "2025-12-11T01:10:30+0000 host kernel: Out of memory: Killed process 8 (x)",
    "kubectl describe": "  Last State: Terminated\n    Reason: OOMKilled\n    Exit Code: 137",
    "without time": "[crit] 7#7: *8 connect() to unix:/run/app.sock failed (2: No such file or directory) "
    'while connecting to upstream, client: 192.0.2.9, server: example.com, request: "GET / HTTP/1.1"',
    "cut at its start": "*8 connect() to unix:/run/app.sock failed (2: No such file or directory) while "
    "connecting to upstream, client: 192.0.2.9, server: example.com",
    "curl -v": "> GET / HTTP/1.1\n< HTTP/1.1 502 Bad Gateway\n< Server: nginx",
    "error page": "<head><title>502 Bad Gateway</title></head>\n<hr><center>nginx</center>",
    "wrapped": "2026/03/04 05:06:07 [error] 7#7: *8 connect() failed (111: Connection refused) while\n"
    'connecting to upstream,\nclient: 192.0.2.9,\nrequest: "GET / HTTP/1.1",\n'
    'upstream: "http://192.0.2.20:8000/"',
}


@pytest.mark.parametrize("paste", PASTES)
@pytest.mark.parametrize("name", ["paste.txt", "error.log"])
def test_a_paste_in_a_file_of_any_name_is_evidence(tmp_path, paste, name):
    _, found = diagnosed(tmp_path, [PASTES[paste]], name)
    first = found["ranking"][0]
    assert first["cause"] in {"app_saturation", "app_down", "nginx_config"}
    assert [item for item in first["evidence"] if item["rows"]]


def test_a_single_file_is_evidence(tmp_path):
    paste = tmp_path / "paste.txt"
    paste.write_text(SAMPLES["nginx-big-header"].sample + "\n")
    (tmp_path / "other.log").write_text(SAMPLES["kernel-oom"].sample + "\n")
    found = diagnose("health", paste)
    assert found.ranking[0].finding.cause == "nginx_config"
    assert "app_log" not in found.coverage
    paste.write_text(SAMPLES["kernel-oom"].sample + "\n")
    assert diagnose("health", paste).ranking[0].finding.cause == "app_saturation"
