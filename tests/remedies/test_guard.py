"""The guard: runs of one check, killed and resumed; a real uvicorn that blocks; hosts; the back-test."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from worlds.http_service import http_service
from worlds.kills import kills
from worlds.messages import refusal
from worlds.shorter_case import BROKEN, write_shorter

from watchme_analysis.case.opening import open_case
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.remedies.guard import Guard, GuardSettings, LocalHost, ManagedHost, evidence_commands
from watchme_analysis.remedies.guard_backtest import backtest, backtest_guard

START = datetime(2025, 11, 21, 1, tzinfo=UTC)
URL = "http://127.0.0.1:1/health"
SETTINGS = GuardSettings(URL, cooldown_s=60, most_per_day=2, recovery_s=20)
APP = """
import asyncio, os, time

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    if scope["path"] == "/block":
        time.sleep(60)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})
"""
RESTART = """
import os, signal, subprocess, sys, time
folder, port = sys.argv[1:]
try:
    os.kill(int(open(folder + "/pid").read()), signal.SIGKILL)
except (FileNotFoundError, ProcessLookupError):
    pass
process = subprocess.Popen(
    [sys.executable, "-m", "uvicorn", "service:app", "--port", port, "--app-dir", folder],
    start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
)
open(folder + "/pid", "w").write(str(process.pid))
"""


class Host:
    """A host whose commands are noted in a file; some fail, and some start the service."""

    name = "a host"

    def __init__(self, folder, failing=(), starts=None):
        self.file, self.failing, self.starts = folder / "ran", failing, starts

    @property
    def ran(self):
        return self.file.read_text().split() if self.file.exists() else []

    def run(self, command, timeout_s):
        with self.file.open("a") as file:
            file.write(f"{command} ")
            file.flush()
            os.fsync(file.fileno())  # a moment at which a kill matters
        if command in self.failing:
            raise ServiceError("no")
        if self.starts is not None:
            self.starts["status"] = 200
        return ""


@pytest.fixture(scope="module")
def service():
    """A service whose status can be set."""
    state = {"status": 500}
    with http_service(lambda path: state["status"]) as url:
        state["url"] = f"{url}/health"
        yield state


def quick(url=URL, **options):
    return GuardSettings(url, **{"timeout_s": 0.5, "cooldown_s": 0, "recovery_s": 0, **options})


def runs(folder, number, settings, host, commands=None, **options):
    """Make runs, each as in a process of its own, and return the sentences for a person and all others."""
    notified, reported, rows = [], [], []
    for _ in range(number):
        Guard(
            settings, host, "r", commands or {}, folder, notified.append, report=reported.append,
            record=rows.extend, **options,
        ).run()  # fmt: skip
    return [each.id for each in notified], [each.id for each in reported], rows


def test_failed_checks_in_a_row_are_counted_across_runs(tmp_path, service):
    host, settings = Host(tmp_path, starts=service), quick(service["url"])
    for status, ran in ((500, []), (500, []), (200, []), (500, []), (500, []), (500, ["r"]), (500, ["r"])):
        service["status"] = status
        runs(tmp_path / "g", 1, settings, host)
        assert host.ran == ran


def test_a_restart_is_verified_recorded_and_told(tmp_path, service):
    service["status"] = 500
    host = Host(tmp_path, starts=service)
    notified, reported, rows = runs(
        tmp_path / "g", 3, quick(service["url"], recovery_s=5, cooldown_s=5), host
    )
    assert (notified, reported) == (["guard-restarted"], ["guard-evidence", "guard-restarted"])
    assert [(row["remedy"], row["step"], row["outcome"]) for row in rows] == [
        ("guard", "restart", "done"), ("guard", "verify", "done"), ("guard", "plan", "done")
    ]  # fmt: skip
    (saved,) = (path for path in (tmp_path / "g").iterdir() if path.is_dir())
    assert rows[0]["message"]["values"]["folder"] == {"resource": str(saved)}


def test_a_restart_without_success_is_told(tmp_path):
    failing = Host(tmp_path, failing=("r",))
    notified, _, rows = runs(tmp_path / "g", 3, quick(), failing)
    assert notified == ["guard-restart-failed"] and rows[-1]["outcome"] == "not done"
    (tmp_path / "b").mkdir()
    notified, _, rows = runs(tmp_path / "b" / "g", 3, quick(), Host(tmp_path / "b"))
    assert notified == ["guard-restart-failed"]
    assert [(row["step"], row["outcome"]) for row in rows] == [("restart", "done"), ("verify", "failed")]


def test_the_limit_of_a_day_is_told_once_until_a_healthy_check(tmp_path, service):
    service["status"] = 500
    host, settings = Host(tmp_path), quick(service["url"], most_per_day=1)
    notified, _, _ = runs(tmp_path / "g", 9, settings, host)
    assert (host.ran, notified) == (["r"], ["guard-restart-failed", "guard-stopped"])
    service["status"] = 200
    assert runs(tmp_path / "g", 1, settings, host)[0] == []
    service["status"] = 500
    assert runs(tmp_path / "g", 4, settings, host)[0] == ["guard-stopped"]


def test_a_guard_killed_at_any_moment_exceeds_no_limit(tmp_path, subtests):
    def run_in(folder, number=5):
        folder.mkdir(exist_ok=True)
        host = Host(folder)
        return host, lambda: runs(folder / "g", number, quick(most_per_day=1), host)

    for moment in kills(lambda moment: run_in(tmp_path / f"{moment}")[1]):
        with subtests.test(moment=moment):
            host, again = run_in(tmp_path / f"{moment}", 7)
            notified, *_ = again()
            # Killed between the record and the command: nobody can tell, so it counts and is not repeated.
            assert host.ran in ([], ["r"])
            assert host.ran or notified == ["guard-restart-failed", "guard-stopped"]
    assert moment >= 7


def test_a_restart_that_cannot_be_counted_is_not_made(tmp_path):
    host = Host(tmp_path)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError):
        runs(tmp_path / "file", 3, quick(), host)
    assert host.ran == []


def test_evidence_that_fails_does_not_prevent_the_restart(tmp_path):
    host, commands = Host(tmp_path, failing=("b",)), {"one": "a", "two": "b"}
    url = "http://127.0.0.1:1/outside"
    runs(tmp_path / "g", 3, quick(), host, commands, outside_url=url)
    assert host.ran == ["a", "b", "r"]
    (saved,) = (path for path in (tmp_path / "g").iterdir() if path.is_dir())
    assert (saved / "not-saved.txt").read_text() == "two: no\n"
    assert [line.split(",")[1] for line in (saved / "probes.csv").read_text().splitlines()] == [
        "vantage", "inside", "inside", "inside", "outside"
    ]  # fmt: skip
    (tmp_path / "b").mkdir()
    late = Host(tmp_path / "b")
    runs(tmp_path / "b" / "g", 3, quick(evidence_s=-1.0), late, commands)
    assert late.ran == ["r"]


def test_a_blocked_uvicorn_is_restarted_after_its_evidence_was_saved(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "service.py").write_text(APP)
    (tmp_path / "restart.py").write_text(RESTART)
    command = f"{sys.executable} {tmp_path}/restart.py {tmp_path} {port}"
    subprocess.run(command.split(), check=True)
    url = f"http://127.0.0.1:{port}/"
    settings = GuardSettings(f"{url}health", timeout_s=0.3, cooldown_s=20, recovery_s=20, evidence_s=10)
    told = []
    try:
        for _ in range(100):
            try:
                first = urllib.request.urlopen(url, timeout=1).read()
                break
            except OSError:
                time.sleep(0.1)
        blocking = socket.create_connection(("127.0.0.1", port))
        blocking.sendall(b"GET /block HTTP/1.1\r\nHost: a\r\n\r\n")
        guard = Guard(
            settings, LocalHost(), command, evidence_commands(url), tmp_path / "evidence", told.append
        )
        for _ in range(3):
            guard.run()
        assert urllib.request.urlopen(url, timeout=5).read() != first
    finally:
        blocking.close()
        os.kill(int((tmp_path / "pid").read_text()), 9)
    assert [each.id for each in told] == ["guard-restarted"]
    (saved,) = (path for path in (tmp_path / "evidence").iterdir() if path.is_dir())
    assert len((saved / "probes.csv").read_text().splitlines()) == 4  # the header, and three failures
    names = {path.name for path in saved.iterdir()}
    # Tools that a machine lacks are named, and nothing is saved of them in silence.
    missing = (saved / "not-saved.txt").read_text() if "not-saved.txt" in names else ""
    assert all(name in names or name in missing for name in evidence_commands(url))


# Hosts


def test_a_command_that_systems_manager_does_not_know_yet_is_awaited(front):
    from watchme_analysis.cloudwatch import session

    front.faults["GetCommandInvocation"].extend(["no invocation", "no invocation"])
    host = ManagedHost(session.Aws(), "i-0123456789abcdef0")
    assert isinstance(host.run("true", 5), str)
    assert (front.calls["SendCommand"], front.calls["GetCommandInvocation"]) == (1, 3)
    # It is not awaited for ever.
    front.faults["GetCommandInvocation"].extend(["no invocation"] * 9)
    assert "error-guard-remote-timeout" in refusal(host.run, "true", 0.5, error=ServiceError)
    front.faults.clear()


# The back-test


def series(text, step_s=10):
    """Return checks of a text: ``.`` is healthy, ``x`` failed."""
    return [(START + timedelta(seconds=step_s * number), each == ".") for number, each in enumerate(text)]


def test_the_backtest_counts_restarts_and_what_they_could_avoid():
    found = backtest_guard(SETTINGS, series("..xxxxxxxxxxxx.."))
    assert found.restarts == (START + timedelta(seconds=40), START + timedelta(seconds=100))
    assert (found.failing_s, found.avoided_s) == (120, 80)
    assert (found.checks, found.failed, found.stopped) == (16, 12, START + timedelta(seconds=130))
    # A series that has not ended counts to the last check.
    open_end = backtest_guard(SETTINGS, series("..xxxxxxx"))
    assert (open_end.failing_s, open_end.avoided_s) == (60, 20)
    # Each series is over 20 s after its restart: nothing could be avoided.
    twice = backtest_guard(replace(SETTINGS, cooldown_s=20), series(".xxxx..xxxx."))
    assert (len(twice.restarts), twice.failing_s, twice.avoided_s) == (2, 80, 0)
    assert [(end - begin).seconds for begin, end in twice.failing] == [40, 40]


def write_probes(folder, checks):
    rows = [
        f"{at:%Y-%m-%dT%H:%M:%S}Z,host,/health,{'200,0.1,' if is_healthy else ',0.1,timeout'}"
        for at, is_healthy in checks
    ]
    lines = ["timestamp,vantage,path,status,seconds,error", *rows]
    (folder / "probes.csv").write_text("\n".join(lines) + "\n")


def test_the_backtest_simulates_what_restarts_would_have_changed_for_a_queue(tmp_path):
    write_shorter(tmp_path)
    checks = [(BROKEN + timedelta(minutes=number), not 0 <= number < 90) for number in range(-60, 100)]
    write_probes(tmp_path, checks)
    settings = GuardSettings(URL, cooldown_s=1800, recovery_s=60)
    case = open_case(tmp_path)
    found = backtest(case, settings, "asr-queue")
    assert (len(found.restarts), len(found.failing)) == (3, 1)
    effect = found.effect
    dead = [row.estimate("dead_lettered").mean for row in (effect.unchanged, effect.cured, effect.uncured)]
    assert effect.queue == "asr-queue"
    assert dead[1] < dead[0] <= dead[2] + 1
    assert effect.cured.outcomes[0].restarts == 1
    assert effect.uncured.outcomes[0].restarts == 3
    assert {"guard-effect-unchanged", "guard-effect-cured", "guard-effect-uncured"} <= {
        each.id for each in found.sentences
    }
    assert json.dumps(effect.to_dict())
    with pytest.raises(InputError, match="no queue other"):
        backtest(case, settings, "other")
