"""What a diagnosis asks to collect can be pasted: each command is run, or read by what it is meant for."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from worlds.health_constructed import composed
from worlds.health_scenarios import GONE, SCENARIOS, on_service
from worlds.health_world import case, context_of, investigate, without

from watchme_analysis.case.importer import import_folder
from watchme_analysis.cli import cli
from watchme_analysis.cli.probe import probe
from watchme_analysis.health import diagnosis as health
from watchme_analysis.health import missing
from watchme_analysis.services.diagnose import diagnose
from watchme_analysis.text.render import render

AT = missing.Addresses(
    public_host="api.example.com",
    origin_ip="192.0.2.44",
    outside="https://api.example.com/svc/health",
    upstream="127.0.0.1:8017",
    host="http://127.0.0.1:8017/health",
    inside="http://localhost:8017/health",
    port="8017",
    service="api",
    container="api",
)


def collect(name, **values):
    return render(missing.how_to_collect(name, AT, **values))


def filled(command, folder):
    return command.replace("FOLDER", str(folder)).replace("PORT", "8017")


@pytest.mark.parametrize(
    ("lines", "service", "container"),
    [
        ((), "SERVICE", "CONTAINER"),
        ((("api", "image", "api:1"),), "api", "$(docker compose ps -aq api)"),
        ((("api", "container_name", "team-api"),), "api", "team-api"),
        ((("api", "container_name", "$(id)"),), "api", "'$(id)'"),
    ],
)
def test_commands_name_the_container_that_compose_describes(lines, service, container):
    at = missing.addresses(context_of(composed(case(on_service(**GONE)), *lines)))
    assert (at.service, at.container) == (service, container)
    assert f"docker logs --timestamps {container} >" in missing.how_to_collect("application-log", at)


def tool(home, name, text):
    """A stand-in for a program that a test can't have."""
    path = home / name
    path.write_text("#!/bin/sh\n" + text + "\n")
    path.chmod(0o755)


def shell(command, home, folder, **more):
    environment = os.environ | {"PATH": f"{home}:{os.environ['PATH']}"}
    return subprocess.Popen(
        ["bash", "-c", filled(command, folder)], env=environment, start_new_session=True, **more
    )


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "evidence"
    made.mkdir()
    return made


def taken(folder, table):
    report = import_folder(folder, folder.parent / "case").case
    return report.table(table)


@pytest.mark.slow
def test_the_loop_over_proc_writes_metrics_that_the_import_reads(home, folder):
    tool(home, "docker", f"echo {os.getpid()}")
    tool(home, "nsenter", "printf 'one\\ntwo\\n'")
    run = shell(collect("metrics"), home, folder)
    file, until = folder / "metrics.csv", time.monotonic() + 20
    while (not file.exists() or file.read_text().count("\n") < 3) and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGTERM)
    run.wait()
    values = taken(folder, "host_metrics").groupby("metric")["value"].last()
    known = {"cpu_pct", "in_flight", "threads", "rss_mb", "open_files", "host_cpu_pct"}
    # Only where the machine has control groups of the second version is throttling reported this way.
    assert known <= set(values.index) <= known | {"nr_throttled"}
    assert 0 <= values["host_cpu_pct"] <= 100
    assert values["in_flight"] == 2
    assert values["threads"] >= 1
    assert values["rss_mb"] > 10
    assert values["open_files"] > 2


@pytest.mark.slow
def test_docker_logs_and_inspect_give_what_the_import_reads(home, folder):
    answer = '2025-12-11T01:00:00.123456789Z INFO:     172.18.0.1:53210 - "GET /health HTTP/1.1" 200 OK'
    source = (
        r'from fastapi import FastAPI\napp = FastAPI()\n@app.get("/health")\ndef health():\n    return 1\n'
    )
    script = f"""case "$1" in
logs) echo '{answer}';;
inspect) echo ' uvicorn main:app --host 0.0.0.0 --port 8017 --workers 1';;
compose) printf 'services:\\n  api:\\n    mem_limit: "2147483648"\\n';;
cp) mkdir -p "$3"; printf '{source}' > "$3/main.py";;
esac"""
    tool(home, "docker", script)
    for name in ("application-log", "source", "start-command", "containers"):
        assert shell(collect(name), home, folder).wait() == 0
    made = import_folder(folder, folder.parent / "case").case
    (line,) = made.table("app_log").itertuples()
    assert (line.path, line.status, line.time.isoformat()) == (
        "/health",
        200,
        "2025-12-11T01:00:00.123456+00:00",
    )
    (process,) = made.table("app_processes").itertuples()
    assert (process.host, process.port, process.workers) == ("0.0.0.0", 8017, 1)
    assert made.table("compose_settings")["path"].tolist() == ["mem_limit"]
    assert made.table("app_handlers")["runs_on"].tolist() == ["thread_pool"]
    assert made.table("rejected_lines").empty


@pytest.mark.slow
def test_log_and_rules_of_the_edge_are_stored_as_the_import_reads_them(home, folder):
    record = {
        "RayID": "8f2a11b022c03344",
        "EdgeStartTimestamp": "2025-12-11T01:00:00Z",
        "EdgeResponseStatus": 200,
    }
    rules = {"success": True, "result": {"rules": [{"action": "set_cache_settings"}]}}
    tool(
        home,
        "curl",
        f"case \"$*\" in *logs/received*) echo '{json.dumps(record)}';; *) echo '{json.dumps(rules)}';; esac",
    )  # fmt: skip
    log = collect("edge-requests", first_time="2025-12-11T01:00:00Z", last_time="2025-12-11T02:00:00Z")
    assert "?start=2025-12-11T01:00:00Z&end=2025-12-11T02:00:00Z&" in log
    for command in (log, collect("edge-configuration")):
        assert shell(command, home, folder).wait() == 0
    made = import_folder(folder, folder.parent / "case").case
    assert made.table("edge_log")["ray_id"].tolist() == ["8f2a11b022c03344"]
    assert made.table("edge_settings")["file"].nunique() == 11
    requested = re.search(r"fields=([\w,]+)", log)[1].split(",")
    assert {"RayID", "OriginResponseStatus", "CacheCacheStatus", "EdgeTimeToFirstByteMs"} <= set(requested)


@pytest.mark.slow
def test_the_log_format_is_one_that_nginx_takes_and_the_import_reads(folder):
    advice = missing.how_to_collect("access-log", AT).values["configuration"].text
    conf = f"events {{}}\nhttp {{\n{advice.replace('/var/log/nginx', str(folder))}\n}}\n"
    (folder / "nginx.conf").write_text(conf)
    if shutil.which("nginx"):
        said = subprocess.run(
            ["nginx", "-t", "-p", folder, "-c", folder / "nginx.conf", "-g", "pid x.pid; error_log e.txt;"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert said.returncode == 0, said.stderr
        for left in ("x.pid", "e.txt"):
            (folder / left).unlink(missing_ok=True)
    line = (
        "192.0.2.9 - [2025-12-11T01:00:00+00:00] 1765414800.123 2011a93fc12cc3e6345d9d2d79c26e66 "
        '"GET /health HTTP/1.1" 504 167 rt=5.001 uct=0.000 uht=- urt=5.001 ua=127.0.0.1:8017 us=504 '
        'ray=9158fececfabfca6-NRT "probe/1"'
    )
    (folder / "access.log").write_text(line + "\n")
    (row,) = taken(folder, "access_log").itertuples()
    assert (row.path, row.upstream_addr, row.upstream_response_time_s) == ("/health", "127.0.0.1:8017", 5.001)
    assert row.edge_ray_id == "9158fececfabfca6-NRT"


@pytest.mark.parametrize("name", ["outside-probes", "host-probes"])
def test_probe_commands_are_ones_that_the_command_line_takes(name, folder):
    words = filled(collect(name), folder).splitlines()[-1].split()
    assert words[:2] == ["watchme", "probe"]
    given = probe.make_context("probe", words[2:]).params
    assert str(folder) in str(given["to"])


@pytest.mark.slow
def test_the_script_for_inside_is_one_that_python_alone_runs(folder, tmp_path):
    script = CliRunner().invoke(cli, ["probe", "--standalone"]).output
    (tmp_path / "probe.py").write_text(script)
    line = next(line for line in collect("inside-probes").splitlines() if "docker exec" in line)
    words = (
        line.partition("probe.py ")[2].replace("/tmp/probes.csv", str(folder / "probes-inside.csv")).split()
    )
    words = [word if word != "600" else "0.1" for word in words]
    words[-1] = "http://127.0.0.1:9/health"
    assert subprocess.run([sys.executable, tmp_path / "probe.py", *words], check=False).returncode == 0
    assert set(taken(folder, "probes")["vantage"]) == {"inside"}


@pytest.mark.slow
def test_addresses_and_ports_that_the_case_tells_are_filled_in():
    made = next(build for build, cause in SCENARIOS.items() if cause == "nginx_config")()
    for absent, words in (
        ("probes", "http://192.0.2.11:8100/svc/healthz"),
        ("host_metrics", "( sport = :8100 )"),
    ):
        hows = [
            render(item.how) for item in health.diagnose(investigate(without(made, absent))).missing_evidence
        ]
        assert any(words in how for how in hows), absent


_UNIT = "[Service]\nWorkingDirectory=/srv/api\nExecStart=/srv/api/.venv/bin/uvicorn main:app --port 8000\n"
_LATE = (
    "2026/03/02 02:30:00 [error] 31#31: *1 upstream timed out (110: Connection timed out) while reading "
    'response header from upstream, request: "GET /health HTTP/1.1", upstream: "http://127.0.0.1:8000/health"\n'
)
_PROBED = (
    "LAST SEEN   TYPE      REASON      OBJECT                    MESSAGE\n"
    "2m          Warning   Unhealthy   pod/api-7d9c5b6f4-x2x9k   Liveness probe failed: Get "
    '"http://192.0.2.5:8000/health": context deadline exceeded\n'
)
_UNHEALTHY = {
    "createdAt": "2026-03-02T02:30:00+00:00",
    "message": "(service api) (port 8000) is unhealthy in (target-group arn:aws:elasticloadbalancing:"
    "eu-west-1:123456789012:targetgroup/api/01) due to (reason Request timed out)",
}
_SERVICE = {
    "serviceName": "api", "serviceArn": "arn:aws:ecs:eu-west-1:123456789012:service/main/api",
    "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/main", "desiredCount": 1, "runningCount": 1,
    "taskDefinition": "arn:aws:ecs:eu-west-1:123456789012:task-definition/api:8", "pendingCount": 0,
    "deployments": [], "events": [_UNHEALTHY],
}  # fmt: skip
_SERVICES = json.dumps({"services": [_SERVICE], "failures": []})


@pytest.mark.parametrize(
    ("evidence", "foreign", "own"),
    [
        ({"events.txt": _PROBED}, "docker", "kubectl logs -n ingress-nginx"),
        ({"api.service": _UNIT, "error.log": _LATE}, "docker|container", "journalctl -u api"),
        ({"services.json": _SERVICES}, "`docker ps`|nginx.conf", "targetgroup/api/01"),
        (
            {"app.log": "2026-03-02T02:30:00Z 5f Task timed out after 3.01 seconds"},
            "docker|nginx",
            "apigateway",
        ),
    ],
)
def test_missing_evidence_is_named_in_words_of_the_platform(tmp_path, evidence, foreign, own):
    for name, content in evidence.items():
        (tmp_path / name).write_text(content)
    texts = [render(one.how) for one in diagnose("health", tmp_path).missing_evidence]
    assert not [text for text in texts if re.search(foreign, text)]
    assert [text for text in texts if own in text]
