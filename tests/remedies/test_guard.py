"""The guard: against a real uvicorn whose event loop blocks, killed and resumed, and back-tested."""

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from worlds.kills import kills
from worlds.messages import refusal
from worlds.shorter_case import BROKEN, write_shorter
from worlds.stored_case import store_case

from watchme_analysis.case.actions import read_actions
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.files.journal import INTENDED, open_journal, read_journal
from watchme_analysis.remedies.guard import (
    Guard,
    GuardSettings,
    GuardState,
    LocalHost,
    backtest_guard,
    check_settings,
    decide,
    evidence_commands,
)
from watchme_analysis.services.guard import backtest, check_case, record_restarts

START = datetime(2025, 11, 21, 1, tzinfo=UTC)
URL = "http://127.0.0.1:1/health"
SETTINGS = GuardSettings(URL, interval_s=10, cooldown_s=60, most_per_day=2, recovery_s=20)
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


class KilledError(BaseException):
    """The process ends here."""


def guard_of(folder, settings=SETTINGS, host=None, command="true", **options):
    reported = []
    guard = Guard(
        settings,
        host or LocalHost(),
        command,
        options.pop("commands", {}),
        folder,
        reported.append,
        **options,
    )
    return guard, reported


def ids(sentences):
    return [sentence.id for sentence in sentences]


def test_three_failures_in_a_row_restart_then_it_cools_down_then_stops():
    state, actions = GuardState(), []
    for number in range(16):
        action = decide(SETTINGS, state, is_healthy=number == 1, now=START + timedelta(seconds=10 * number))
        actions.append(action)
        if action == "restart":
            state.restarts.append(START + timedelta(seconds=10 * number))
            state.failures = 0
    assert actions == [
        *["none"] * 4, "restart",
        *["none"] * 2, *["cool down"] * 3, "restart",
        *["none"] * 2, *["stop"] * 3,
    ]  # fmt: skip


def test_restarts_of_the_day_before_do_not_count():
    state = GuardState(failures=2, restarts=[START - timedelta(hours=25), START - timedelta(hours=24)])
    assert decide(SETTINGS, state, is_healthy=False, now=START) == "restart"


def test_a_blocked_uvicorn_is_restarted_after_its_evidence_was_saved(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "service.py").write_text(APP)
    (tmp_path / "restart.py").write_text(RESTART)
    command = f"{sys.executable} {tmp_path}/restart.py {tmp_path} {port}"
    subprocess.run(command.split(), check=True)
    url = f"http://127.0.0.1:{port}/"
    settings = GuardSettings(
        f"{url}health", interval_s=0.3, timeout_s=0.3, cooldown_s=0, recovery_s=20, evidence_s=10
    )
    stop = threading.Event()
    try:
        for _ in range(100):
            try:
                first = urllib.request.urlopen(url, timeout=1).read()
                break
            except OSError:
                time.sleep(0.1)
        blocking = socket.create_connection(("127.0.0.1", port))
        blocking.sendall(b"GET /block HTTP/1.1\r\nHost: a\r\n\r\n")
        guard, reported = guard_of(
            tmp_path / "evidence", settings, command=command, commands=evidence_commands(url)
        )
        guard.notify = lambda sentence: (reported.append(sentence), stop.set())
        guard.run(tmp_path / "j", stop, most_checks=60)
        assert urllib.request.urlopen(url, timeout=5).read() != first
    finally:
        blocking.close()
        os.kill(int((tmp_path / "pid").read_text()), 9)
    assert ids(reported) == ["guard-restarted"]
    (saved,) = (tmp_path / "evidence").iterdir()
    probes = (saved / "probes.csv").read_text().splitlines()
    assert len(probes) >= 4  # the header, and three failures at least
    names = {path.name for path in saved.iterdir()}
    # Tools that a machine lacks are named, and nothing is saved of them in silence.
    missing = (saved / "not-saved.txt").read_text() if "not-saved.txt" in names else ""
    assert all(name in names or name in missing for name in evidence_commands(url))
    assert read_journal(tmp_path / "j").event("restart 1") == "done"


class Host:
    """A host whose commands are recorded, and one of which fails or kills."""

    def __init__(self, killing=None, failing=None):
        self.ran, self.killing, self.failing = [], killing, failing

    def run(self, command, timeout_s):
        from watchme_analysis.errors import ServiceError

        self.ran.append(command)
        if command == self.killing:
            raise KilledError
        if command == self.failing:
            raise ServiceError("no")
        return ""


def quick(**options):
    return GuardSettings(URL, interval_s=0, timeout_s=0.2, cooldown_s=0, recovery_s=0, **options)


def test_evidence_that_fails_does_not_prevent_the_restart(tmp_path):
    host = Host(failing="b")
    guard, reported = guard_of(tmp_path, quick(), host, "r", commands={"one": "a", "two": "b"})
    guard.run(tmp_path / "j", threading.Event(), most_checks=3)
    assert host.ran == ["a", "b", "r"]
    assert ids(reported) == ["guard-not-healthy"]
    (saved,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert (saved / "not-saved.txt").read_text() == "two: no\n"


def test_a_folder_that_cannot_be_written_does_not_prevent_the_restart(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    host = Host()
    guard, notified = guard_of(blocked / "evidence", quick(), host, "r", commands={"one": "a"})
    reported = []
    guard.report = reported.append
    guard.run(tmp_path / "j", threading.Event(), most_checks=3)
    assert (host.ran, ids(notified)) == (["r"], ["guard-not-healthy"])
    assert ids(reported) == ["guard-evidence-unsaved", "guard-not-healthy"]
    entries = [entry for entry in read_journal(tmp_path / "j").entries if entry["event"] == INTENDED]
    assert ["evidence" in entry for entry in entries] == [False]


def test_a_full_disk_does_not_prevent_the_restart_nor_lift_the_limit(tmp_path):
    host = Host()
    guard, notified = guard_of(tmp_path / "evidence", quick(most_per_day=1), host, "r", commands={"one": "a"})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))  # no file takes a byte
    try:
        guard.run(tmp_path / "j", threading.Event(), most_checks=9)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert host.ran == ["a", "r"]
    said = ids(notified)
    assert said == [
        "guard-unrecorded", "guard-unrecorded", "guard-not-healthy", "guard-stopped", "guard-unrecorded"
    ]  # fmt: skip


def test_a_guard_killed_in_a_restart_counts_it(tmp_path):
    guard, _ = guard_of(tmp_path, quick(most_per_day=1), Host(killing="r"), "r")
    with pytest.raises(KilledError):
        guard.run(tmp_path / "j", threading.Event(), most_checks=3)
    host = Host()
    guard, reported = guard_of(tmp_path, quick(most_per_day=1), host, "r")
    guard.run(tmp_path / "j", threading.Event(), most_checks=6)
    assert host.ran == []
    assert ids(reported) == ["guard-not-healthy", "guard-stopped"]
    guard, reported = guard_of(tmp_path, quick(most_per_day=1), host, "r")
    guard.run(tmp_path / "j", threading.Event(), most_checks=6)
    assert reported == []  # nobody is notified twice


def test_a_restart_that_fails_is_reported(tmp_path):
    guard, reported = guard_of(tmp_path, quick(), Host(failing="r"), "r")
    guard.run(tmp_path / "j", threading.Event(), most_checks=3)
    assert ids(reported) == ["guard-restart-failed"]
    assert read_journal(tmp_path / "j").event("restart 1") == "failed"


def test_two_guards_of_one_service_are_refused(tmp_path):
    guard, _ = guard_of(tmp_path)
    with open_journal(tmp_path / "j") as journal:
        journal.write("restart 1", INTENDED)
        with pytest.raises(InputError, match="Another run"):
            guard.run(tmp_path / "j", threading.Event(), most_checks=1)


def series(text, step_s=10):
    """Return checks of a text: ``.`` is healthy, ``x`` failed."""
    return [(START + timedelta(seconds=step_s * number), each == ".") for number, each in enumerate(text)]


def test_the_backtest_counts_restarts_and_what_they_could_avoid():
    found = backtest_guard(SETTINGS, series("..xxxxxxxxxxxx.."))
    assert found.restarts == (START + timedelta(seconds=40), START + timedelta(seconds=100))
    assert (found.failing_s, found.avoided_s) == (120, 80)
    assert (found.checks, found.failed, found.stopped) == (16, 12, START + timedelta(seconds=130))


def test_the_backtest_of_a_healthy_service_restarts_nothing():
    found = backtest_guard(SETTINGS, series("....xx....xx.."))
    assert (found.restarts, found.stopped, found.avoided_s) == ((), None, 0)


def test_the_backtest_tells_where_the_process_answered_inside():
    outside = series("..xxxxxx....")
    assert backtest_guard(SETTINGS, outside, series("............")).answered_inside == 1
    assert backtest_guard(SETTINGS, outside, outside).answered_inside == 0
    assert backtest_guard(SETTINGS, outside).answered_inside is None


def test_settings_that_can_t_work_are_refused():
    with pytest.raises(InputError, match="--timeout"):
        check_settings(GuardSettings(URL, interval_s=1, timeout_s=2))
    with pytest.raises(InputError, match="--cooldown"):
        check_settings(GuardSettings(URL, cooldown_s=1))


@pytest.mark.slow
def test_an_instance_of_systems_manager_runs_the_commands(front):
    from watchme_analysis.cloudwatch import session
    from watchme_analysis.remedies.guard import ManagedHost

    host = ManagedHost(session.Aws(), "i-0123456789abcdef0")
    assert isinstance(host.run("true", 5), str)


def test_a_command_that_systems_manager_does_not_know_yet_is_awaited(front):
    from watchme_analysis.cloudwatch import session
    from watchme_analysis.remedies.guard import ManagedHost

    front.faults["GetCommandInvocation"].extend(["no invocation", "no invocation"])
    host = ManagedHost(session.Aws(), "i-0123456789abcdef0")
    assert isinstance(host.run("true", 5), str)
    assert (front.calls["SendCommand"], front.calls["GetCommandInvocation"]) == (1, 3)
    # It is not awaited for ever.
    front.faults["GetCommandInvocation"].extend(["no invocation"] * 9)
    assert "error-guard-remote-timeout" in refusal(host.run, "true", 0.5, error=ServiceError)
    front.faults.clear()


def test_a_guard_killed_at_any_moment_restarts_once_and_records_it_once(shorter, tmp_path, subtests):
    case = shutil.copytree(shorter.path, tmp_path / "case")

    class Counting(Host):
        def run(self, command, timeout_s):
            with (self.folder / "restarts").open("a") as file:
                file.write(command)
            return ""

    def guard_in(folder):
        folder.mkdir(exist_ok=True)
        host = Counting()
        host.folder = folder
        guard, _ = guard_of(folder / "e", quick(most_per_day=1), host, "r")
        guard.record = lambda: record_restarts(case, folder / "j")
        return lambda: guard.run(folder / "j", threading.Event(), most_checks=7)

    for moment in kills(lambda moment: guard_in(tmp_path / f"{moment}")):
        with subtests.test(moment=moment):
            folder = tmp_path / f"{moment}"
            guard_in(folder)()
            made = (folder / "restarts").read_text() if (folder / "restarts").exists() else ""
            assert made in ("", "r")
            journal = read_journal(folder / "j")
            assert journal.event("restart 1") == "failed"
            rows = read_actions(case)
            mine = rows[rows["plan"] == f"guard {journal.entries[0]['at']}"]
            assert mine["step"].tolist() == ["restart 1", "stopped"]
    assert moment >= 6


def write_probes(folder, checks):
    rows = [
        f"{at:%Y-%m-%dT%H:%M:%S}Z,host,/health,{'200,0.1,' if is_healthy else ',0.1,timeout'}"
        for at, is_healthy in checks
    ]
    lines = ["timestamp,vantage,path,status,seconds,error", *rows]
    (folder / "probes.csv").write_text("\n".join(lines) + "\n")


def test_the_command_backtests_a_case(tmp_path):
    from click.testing import CliRunner

    from watchme_analysis.cli.guard import guard

    write_probes(tmp_path, series("..xxxxxxxxxxxx.."))
    arguments = [URL, "--backtest", str(tmp_path), "--cooldown", "2m", "--json", "--language", "ja"]
    result = CliRunner().invoke(guard, arguments, catch_exceptions=False, standalone_mode=False)
    assert result.return_value == 0
    found = json.loads(result.output)
    assert (found["failed"], found["effect"]) == (12, None)
    assert "guard-backtest-no-queue" in {each["message"]["id"] for each in found["sentences"]}


def test_the_backtest_simulates_what_restarts_would_have_changed_for_a_queue(tmp_path):
    write_shorter(tmp_path)
    checks = [(BROKEN + timedelta(minutes=number), not 0 <= number < 90) for number in range(-60, 100)]
    write_probes(tmp_path, checks)
    settings = GuardSettings(URL, interval_s=60, cooldown_s=1800, recovery_s=60)
    found = backtest(tmp_path, settings, "asr-queue")
    assert (len(found.restarts), len(found.failing)) == (3, 1)
    effect = found.effect
    dead = [row.estimate("dead_lettered").mean for row in (effect.unchanged, effect.cured, effect.uncured)]
    assert effect.queue == "asr-queue"
    assert dead[1] < dead[0] <= dead[2] + 1
    assert effect.cured.outcomes[0].restarts == 1
    assert effect.uncured.outcomes[0].restarts == 3
    assert {"guard-effect-unchanged", "guard-effect-cured", "guard-effect-uncured"} <= {*ids(found.sentences)}
    assert json.dumps(effect.to_dict())
    with pytest.raises(InputError, match="no queue other"):
        backtest(tmp_path, settings, "other")


def test_a_restart_and_its_evidence_are_recorded_in_a_case(shorter, tmp_path):
    case = shutil.copytree(shorter.path, tmp_path / "case")
    journal = tmp_path / "j"
    killed, _ = guard_of(tmp_path / "e", quick(most_per_day=1), Host(killing="r"), "r")
    with pytest.raises(KilledError):
        killed.run(journal, threading.Event(), most_checks=3)
    guard, _ = guard_of(tmp_path / "e", quick(most_per_day=1), Host(), "r")
    guard.record = lambda: record_restarts(case, journal)
    guard.run(journal, threading.Event(), most_checks=4)
    rows = read_actions(case)
    assert rows[["remedy", "step", "outcome"]].values.tolist() == [
        ["guard", "restart 1", "failed"], ["guard", "stopped", "stopped"],
    ]  # fmt: skip
    (evidence,) = (tmp_path / "e").iterdir()
    said = json.loads(rows["message"][0])
    assert (said["id"], said["values"]["folder"]["resource"]) == ("guard-action", str(evidence))
    assert rows["resource"][0] == URL
    record_restarts(case, journal)
    assert len(read_actions(case)) == 2


def test_each_action_at_its_limit():
    def action(failures, *restarts_s, is_healthy=False):
        restarts = [START - timedelta(seconds=ago) for ago in restarts_s]
        state = GuardState(failures=failures, restarts=restarts)
        found = decide(SETTINGS, state, is_healthy=is_healthy, now=START)
        return found, state.failures

    assert action(1) == ("none", 2)
    assert action(2) == ("restart", 3)
    assert action(5, is_healthy=True) == ("none", 0)
    assert action(2, 60) == ("restart", 3)
    assert action(2, 59) == ("cool down", 3)
    # Two restarts a day; one just a day ago does not count, and the last one alone is waited for.
    assert action(2, 86_400, 59) == ("cool down", 3)
    assert action(2, 86_399, 61) == ("stop", 3)


def test_the_outside_is_probed_and_saved(tmp_path):
    guard, _ = guard_of(tmp_path, quick(), Host(), "r", outside_url="http://127.0.0.1:1/outside")
    folder, _ = guard._save_evidence()
    [header, row] = (folder / "probes.csv").read_text().splitlines()
    assert dict(zip(header.split(","), row.split(","), strict=False))["vantage"] == "outside"


def test_a_guard_that_is_stopped_leaves_the_wait_to_its_next_run(tmp_path):
    stop = threading.Event()
    stop.set()
    with open_journal(tmp_path / "j") as journal:
        guard, notified = guard_of(tmp_path, replace(quick(), recovery_s=60), Host(), "r")
        guard._await_healthy("restart 1", journal, stop)
        assert (notified, journal.entries) == ([], [])
    guard.run(tmp_path / "j", stop)
    assert guard.host.ran == []


def test_a_series_that_has_not_ended_counts_to_the_last_check():
    found = backtest_guard(SETTINGS, series("..xxxxx"))
    # Restarted at 40 s, and healthy from 60 s on at the earliest: that is the last check.
    assert (found.restarts, found.failing_s, found.avoided_s) == ((START + timedelta(seconds=40),), 40, 0)
    assert found.failing == ((START + timedelta(seconds=20), START + timedelta(seconds=60)),)
    longer = backtest_guard(SETTINGS, series("..xxxxxxx"))
    assert (longer.failing_s, longer.avoided_s) == (60, 20)
    short = backtest_guard(SETTINGS, series("..xx"))
    assert (short.restarts, short.failing_s, short.avoided_s) == ((), 10, 0)
    twice = backtest_guard(replace(SETTINGS, cooldown_s=20), series(".xxxx..xxxx."))
    first, second = ((START + timedelta(seconds=10 * each)) for each in (3, 9))
    assert twice.restarts == (first, second)
    # Each series is over 20 s after its restart: nothing could be avoided of the first.
    assert (twice.failing_s, twice.avoided_s) == (80, 0)
    assert twice.failing == tuple(
        (START + timedelta(seconds=10 * begin), START + timedelta(seconds=10 * end))
        for begin, end in ((1, 5), (7, 11))
    )


def test_settings_at_their_limits_are_accepted():
    check_settings(GuardSettings(URL, interval_s=2, timeout_s=2, cooldown_s=5, recovery_s=5))


def test_the_probes_nearest_to_the_host_are_back_tested(tmp_path):
    def probes(vantage, text, duration_s=0.1, path="/health"):
        return [
            {
                "time": at, "vantage": vantage, "path": path, "status": 200 if is_healthy else None,
                "error": None if is_healthy else "timeout", "duration_s": duration_s,
            }
            for at, is_healthy in series(text)
        ]  # fmt: skip

    def tested(name, *rows, **more):
        case = store_case(tmp_path / name, probes=[row for each in rows for row in each])
        return backtest(case.path, replace(SETTINGS, **more))

    failing, healthy = probes("host", "xxxx"), probes("inside", "....")
    found = tested("host", failing, healthy, probes("outside", "..xx"), probes("host", "....", path="/"))
    assert (found.checks, found.failed, found.answered_inside, found.effect) == (4, 4, 1, None)
    found = tested("inside", healthy, probes("outside", "xxxx"))
    assert (found.failed, found.answered_inside) == (0, 0)
    found = tested("outside", probes("outside", "x..."))
    assert (found.failed, found.answered_inside) == (1, None)
    # A check that took longer than the guard would wait has failed.
    slow = probes("host", "....", 2.0)
    assert tested("slow", slow, timeout_s=2.0).failed == 0
    assert tested("slower", slow, timeout_s=1.9).failed == 4
    assert tested("root", probes("host", "x", path="/"), url="http://192.0.2.1").failed == 1
    elsewhere = [probes("elsewhere", "x", path=path) for path in ("/health", "/b")]
    assert refusal(tested, "other", *elsewhere) == {
        "error-guard-no-probes": {"case": "made-up", "path": "/health", "known": "/b, /health"}
    }
    folder = tmp_path / "raw"
    folder.mkdir()
    write_probes(folder, series("."))
    assert refusal(check_case, folder) == {"error-case-is-raw": {"folder": str(folder)}}
    check_case(tmp_path / "host")
