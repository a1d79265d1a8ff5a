"""Automatic restart after failed health checks: evidence is saved first, and restarts are limited.

A run makes one check and ends; a timer begins the runs. A restart destroys what a diagnosis needs: threads,
sockets, the state of a container. So evidence is saved before, within a time limit. The restart is a plan of
its own, applied by :mod:`watchme_analysis.remedies.apply`: its call, and the wait until the service is
healthy. Failed checks and restarts are counted on disk, so that a run that was killed exceeds no limit.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

import yaml

from watchme_analysis.case.actions import actions_in
from watchme_analysis.cloudwatch.session import Aws, NotFoundError
from watchme_analysis.errors import InputError, ServiceError, WatchmeError
from watchme_analysis.evidence import prober
from watchme_analysis.evidence.probes import is_success
from watchme_analysis.remedies.apply import ENDED_BADLY, apply_plan
from watchme_analysis.remedies.plan import Call, Condition, Plan, Step
from watchme_analysis.storage.atomic_write import write_atomically
from watchme_analysis.storage.journal import DONE, FAILED, INTENDED, Journal, open_journal, read_journal
from watchme_analysis.text.message import Duration, Message, Resource, message
from watchme_analysis.text.render import as_message, error_message

Action = Literal["none", "restart", "cool down", "stop"]
REMEDY = "guard"
_DAY = timedelta(days=1)
# Files in the folder of the guard: its state, its recent checks, and the journal of each restart.
_STATE, _CHECKS, _RESTART_JOURNAL = "guard.journal.jsonl", ".guard-checks.csv", "restart.journal.jsonl"
_FAILURES, _STOPPED = "failures", "stopped"
_RESTART, _VERIFY = "restart", "verify"
# Recent checks that are saved with the evidence, and bytes of the file above which it is cut to them.
_KEPT_CHECKS = 1000
_MOST_CHECKS_BYTES = 200_000
_EVIDENCE_BYTES = 16 << 20
_SSM_POLL_S = 1.0
_PROCESS_COLUMNS = "pid,ppid,stat,etime,time,rss,nlwp,wchan:32,args"
_HEARTBEAT_S = 60.0
_STAMP = "%Y%m%dT%H%M%S%fZ"
_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")


@dataclass(frozen=True)
class GuardSettings:
    """When the service of a health endpoint is restarted."""

    url: str
    timeout_s: float = 5.0  # of a check
    failures: int = 3  # failed checks in a row before a restart
    cooldown_s: float = 600.0  # least time between two restarts
    most_per_day: int = 3  # restarts within 24 hours; after that, only a person is notified
    recovery_s: float = 120.0  # longest wait for a healthy check after a restart
    evidence_s: float = 30.0  # time limit for saving evidence

    def __post_init__(self) -> None:
        """Check that restarts don't follow each other before recovery."""
        if self.cooldown_s < self.recovery_s:
            raise InputError(error_message("error-guard-cooldown"))


def decide(settings: GuardSettings, failures: int, restarts: Sequence[datetime], now: datetime) -> Action:
    """Return what to do after a check, by the failed checks in a row and the times of earlier restarts."""
    if failures < settings.failures:
        return "none"
    if sum(now - restart < _DAY for restart in restarts) >= settings.most_per_day:
        return "stop"
    if restarts and (now - restarts[-1]).total_seconds() < settings.cooldown_s:
        return "cool down"
    return "restart"


class Host(Protocol):
    """Where the service runs: commands are executed there."""

    @property
    def name(self) -> str:
        """Return the name of the machine, for the plan of a restart."""

    def run(self, command: str, timeout_s: float) -> str:
        """Return the output of a command; one that fails or takes too long is a ServiceError."""


class LocalHost:
    """The machine that the guard runs on."""

    name = "localhost"

    def run(self, command: str, timeout_s: float) -> str:
        """Return the output of a command, run without a shell."""
        try:
            done = subprocess.run(
                shlex.split(command), capture_output=True, timeout=timeout_s, check=False,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            raise ServiceError(
                error_message("error-guard-command-unavailable", command=command, problem=error)
            ) from error
        except subprocess.TimeoutExpired as error:
            raise ServiceError(
                error_message("error-guard-command-timeout", command=command, seconds=f"{timeout_s:g}")
            ) from error
        output = (done.stdout + done.stderr)[-_EVIDENCE_BYTES:].decode(errors="replace")
        if done.returncode:
            names = {"command": command, "code": done.returncode, "output": output.strip()[-300:]}
            raise ServiceError(error_message("error-guard-command-failed", **names))
        return output


class ManagedHost:
    """An instance that AWS Systems Manager manages, by its id."""

    def __init__(self, aws: Aws, instance: str) -> None:
        self._aws, self.name = aws, instance

    def run(self, command: str, timeout_s: float) -> str:
        """Return the output of a command, up to the 24,000 characters that SSM returns."""
        sent = self._aws.call(
            "ssm",
            "send_command",
            InstanceIds=[self.name],
            DocumentName="AWS-RunShellScript",
            # SSM accepts 30 s and more for the delivery.
            TimeoutSeconds=max(30, round(timeout_s)),
            Parameters={"commands": [command], "executionTimeout": [str(max(1, round(timeout_s)))]},
        )
        names = {"CommandId": sent["Command"]["CommandId"], "InstanceId": self.name}
        end = self._aws.now() + timedelta(seconds=timeout_s)
        while True:
            found = self._invocation(names)
            if found["Status"] == "Success":
                return str(found.get("StandardOutputContent", ""))
            about = {"command": command, "instance": self.name}
            if found["Status"] not in {"Pending", "InProgress", "Delayed"}:
                about |= {"status": found["Status"]}
                error = str(found.get("StandardErrorContent", "")).strip()[-300:]
                raise ServiceError(error_message("error-guard-remote-failed", error=error, **about))
            if self._aws.now() > end:
                seconds = f"{timeout_s:g}"
                raise ServiceError(error_message("error-guard-remote-timeout", seconds=seconds, **about))
            self._aws.sleep(_SSM_POLL_S)

    def _invocation(self, names: Mapping[str, str]) -> dict[str, Any]:
        """Return the state of a command; pending while SSM does not know it yet, or can't answer."""
        try:
            return self._aws.call("ssm", "get_command_invocation", **names)
        except NotFoundError:
            # InvocationDoesNotExist: the command was sent, and its invocation appears within seconds.
            return {"Status": "Pending"}
        except ServiceError as error:
            if not error.retryable:
                raise
            return {"Status": "Pending"}


def evidence_commands(url: str, container: str | None = None) -> dict[str, str]:
    """Return the commands whose output is saved before a restart, by name of the file.

    The port of the health endpoint ``url`` finds the process; ``container`` is that of Docker.
    """
    port = urlsplit(url).port or 80
    commands = {
        "sockets.txt": "ss -tanp",
        "listening.txt": f"ss -ltnp sport = :{port}",
        "processes.txt": f"ps -eo {_PROCESS_COLUMNS}",
    }
    if container is not None:
        name = shlex.quote(container)
        commands |= {
            "container.json": f"docker inspect {name}",
            "container-processes.txt": f"docker top {name} -eo {_PROCESS_COLUMNS}",
            "container-usage.txt": f"docker stats --no-stream {name}",
            "app.log": f"docker logs --timestamps --since 15m {name}",
        }
    return commands


def restart_plan(settings: GuardSettings, command: str, host: str, made: datetime, evidence: Path) -> Plan:
    """Return the plan of a restart: the command, which is never repeated, and the wait for a healthy check.

    ``made`` is the time of the decision, ``evidence`` the folder in which evidence was saved.
    """
    url, within_s = settings.url, settings.recovery_s
    healthy = Condition(Call("http", "get", {"url": url}), "is_healthy", value=True, within_s=within_s)
    why = message("guard-why", count=settings.failures, folder=Resource(str(evidence)))
    call = Call("host", "run_command", {"command": command, "timeout_s": within_s})
    return Plan(
        remedy=REMEDY,
        title=message("guard-plan", url=Resource(url)),
        made=made,
        account=host,
        region="",
        steps=(
            Step(_RESTART, url, why, call, is_repeatable=False),
            Step(_VERIFY, url, message("guard-verify", within=Duration(within_s)), until=(healthy,)),
        ),
    )


@dataclass(repr=False)
class _Machine(Aws):
    """What the plan of a restart calls: commands of a host and checks of a URL, in the place of AWS."""

    host: Host = field(default_factory=LocalHost)
    is_healthy: Callable[[], bool] = lambda: False

    @property
    def region(self) -> str:
        return ""

    def account(self) -> str:
        return self.host.name

    def client(self, service: str) -> Any:
        return self

    def can_paginate(self, operation: str) -> bool:
        return False

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        if service == "http":
            return {"is_healthy": self.is_healthy()}
        return {"output": self.host.run(parameters["command"], parameters["timeout_s"])}


@dataclass
class Guard:
    """A guard of one service.

    ``commands`` are those whose output is saved before a restart, by name of the file. Each restart has a
    folder of its own in ``folder``, beside the state.
    """

    settings: GuardSettings
    host: Host
    restart_command: str
    commands: Mapping[str, str]
    folder: Path
    notify: Callable[[Message], None]  # called with the sentence for a person
    # Called after a run, once a minute, so that the silence of the guard itself is noticed.
    heartbeat: Callable[[], None] = lambda: None
    outside_url: str | None = None  # further URL that is probed for the evidence
    report: Callable[[Message], None] = lambda _sentence: None
    # Called after a restart with its rows of the table ``actions``.
    record: Callable[[list[dict[str, Any]]], None] = lambda _rows: None

    def run(self) -> None:
        """Make one check, restart the service if that is due, and verify the restart.

        State that can't be read or written, or another run in progress, is an InputError: a restart that
        can't be counted is not made.
        """
        with open_journal(self.folder / _STATE) as journal:
            is_due = _is_older(self.folder / _CHECKS, _HEARTBEAT_S)
            restarts = self._restarts()
            for _, path, is_open in restarts[-1:]:
                # A run was killed in it. What other options had planned is counted, and left.
                if is_open and read_journal(path).last["plan"].get("plan") == self._plan(path.parent).digest:
                    self._apply(path.parent)
            is_healthy, now = self._is_healthy(), datetime.now(UTC)
            failures = 0 if is_healthy else _failures(journal, restarts) + 1
            self._count(journal, failures)
            action = decide(self.settings, failures, [at for at, *_ in restarts], now)
            if action == "restart":
                self._restart(now)
            elif action == "cool down":
                self.report(message("guard-cooling", within=Duration(self.settings.cooldown_s)))
            elif action == "stop" and journal.event(_STOPPED) != _STOPPED:
                url, count = Resource(self.settings.url), self.settings.most_per_day
                self._report_and_notify(message("guard-stopped", url=url, count=count))
                journal.write(_STOPPED, _STOPPED)
            if is_due:
                self.heartbeat()

    def _count(self, journal: Journal, failures: int) -> None:
        """Record the failed checks in a row; a healthy check makes the next limit of a day news again."""
        if failures:
            # More failures than decide on a restart change nothing, and would only fill the disk.
            if failures <= self.settings.failures:
                journal.write(_FAILURES, FAILED, count=failures)
        else:
            for key in (_FAILURES, _STOPPED):
                if journal.event(key) not in (None, DONE):
                    journal.write(key, DONE)

    def _restarts(self) -> list[tuple[datetime, Path, bool]]:
        """Return time, journal, and whether it has no end yet, of each restart, in order."""
        found = []
        for path in sorted(self.folder.glob(f"*/{_RESTART_JOURNAL}")):
            entries = read_journal(path).entries
            is_open = not any(
                entry["event"] in ENDED_BADLY or (entry["key"], entry["event"]) == ("plan", DONE)
                for entry in entries
            )
            begun = [entry for entry in entries if (entry["key"], entry["event"]) == (_RESTART, INTENDED)]
            if begun:
                found.append((datetime.fromisoformat(begun[0]["at"]), path, is_open))
        return found

    def _restart(self, now: datetime) -> None:
        folder = self.folder / f"{now:{_STAMP}}"
        problem = self._save_evidence(folder)
        shown = Resource(str(folder))
        if problem is None:
            self.report(message("guard-evidence", folder=shown))
        else:
            self.report(message("guard-evidence-unsaved", folder=shown, error=as_message(problem)))
        self._apply(folder)

    def _plan(self, folder: Path) -> Plan:
        made = datetime.strptime(folder.name, _STAMP).replace(tzinfo=UTC)
        return restart_plan(self.settings, self.restart_command, self.host.name, made, folder)

    def _apply(self, folder: Path) -> None:
        """Apply the plan of a restart, or what a killed run has left of it, and notify a person."""
        journal, plan, begun = folder / _RESTART_JOURNAL, self._plan(folder), time.monotonic()
        url = Resource(self.settings.url)
        result = apply_plan(plan, journal, _Machine(host=self.host, is_healthy=self._is_healthy))
        if result.outcome == "complete":
            took = Duration(time.monotonic() - begun)
            sentence = message("guard-restarted", url=url, took=took)
        else:
            sentence = message("guard-restart-failed", url=url, why=result.sentence)
        self.record(actions_in(read_journal(journal), REMEDY))
        self._report_and_notify(sentence)

    def _is_healthy(self) -> bool:
        row = self._check("inside", self.settings.url)
        return is_success(row["status"], row["error"])

    def _check(self, vantage: str, url: str) -> dict[str, Any]:
        """Return the row of a check, which is kept for the evidence."""
        row = prober.probe(vantage, url, lambda each: prober.fetch(each, self.settings.timeout_s, {}))
        path = self.folder / _CHECKS
        try:
            prober.append(str(path), [row])
            if path.stat().st_size > _MOST_CHECKS_BYTES:
                header, *rows = path.read_bytes().splitlines(keepends=True)
                write_atomically(path, b"".join([header, *rows[-_KEPT_CHECKS:]]))
        except (WatchmeError, OSError) as error:
            self.report(message("guard-check-unkept", error=as_message(error)))
        return row

    def _report_and_notify(self, sentence: Message) -> None:
        """Report a sentence, and notify a person; a notification that fails must not end the guard."""
        self.report(sentence)
        try:
            self.notify(sentence)
        except ServiceError as error:
            self.report(message("guard-unnotified", error=as_message(error)))

    def _save_evidence(self, folder: Path) -> Exception | None:
        """Save evidence within the time limit; return why nothing could be saved, None when something was.

        What fails is noted in the folder, and never prevents the restart.
        """
        end = time.monotonic() + self.settings.evidence_s
        problems: dict[str, Exception] = {}
        if self.outside_url is not None:
            self._check("outside", self.outside_url)
        outputs: dict[str, Callable[[], bytes]] = {"probes.csv": (self.folder / _CHECKS).read_bytes}
        for name, command in {**self.commands, **self._thread_commands(end)}.items():
            outputs[name] = partial(self._output, command, end)
        for name, output in outputs.items():
            try:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(output())
            except (ServiceError, OSError) as error:
                problems[name] = error
        is_saved = len(problems) < len(outputs)
        notes = "".join(f"{name}: {error}\n" for name, error in problems.items())
        try:
            if notes:
                (folder / "not-saved.txt").write_text(notes, encoding="utf-8")
        except OSError as error:
            problems["not-saved.txt"] = error
        return None if is_saved else next(reversed(problems.values()))

    def _output(self, command: str, end: float) -> bytes:
        left_s = end - time.monotonic()
        if left_s <= 0:
            raise ServiceError(error_message("error-guard-evidence-late"))
        return self.host.run(command, left_s).encode(errors="replace")

    def _thread_commands(self, end: float) -> dict[str, str]:
        """Return the commands for the threads of the processes that listen on the port."""
        try:
            found = self._output(self.commands["listening.txt"], end).decode()
        except (KeyError, ServiceError):
            return {}
        commands = {}
        for pid in sorted(set(re.findall(r"pid=(\d+)", found))):
            paths = " ".join(f"/proc/{pid}/{name}" for name in ("status", "limits", "wchan"))
            commands[f"process-{pid}.txt"] = f"cat {paths}"
            # py-spy reads the stacks of a Python process from outside, even if its event loop is blocked.
            commands[f"threads-{pid}.txt"] = f"py-spy dump --pid {pid}"
        return commands


def _failures(journal: Journal, restarts: Sequence[tuple[datetime, Path, bool]]) -> int:
    """Return the number of failed checks in a row since the last healthy one and the last restart."""
    entry = journal.last.get(_FAILURES, {})
    if entry.get("event") != FAILED:
        return 0
    is_before = bool(restarts) and datetime.fromisoformat(entry["at"]) <= restarts[-1][0]
    return 0 if is_before else int(entry["count"])


def _is_older(path: Path, seconds: float) -> bool:
    """Return whether a file was last written in an earlier one of the intervals of so many seconds."""
    return not path.exists() or path.stat().st_mtime // seconds < time.time() // seconds


def alarm_template(alarm: str, instance: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Return a CloudFormation template by which EventBridge runs the guard when an alarm changes to ALARM.

    EventBridge never restarts the service itself, so the check, evidence, cool-down, limit of a day and
    verification of the guard apply.

    ``arguments`` are those of the program ``watchme``. An instance that is not the id of one EC2 instance is
    an InputError: a pattern would permit others.
    """
    if not _INSTANCE.fullmatch(instance):
        raise InputError(error_message("error-guard-export-instance"))
    text = Path(__file__).with_name("guard_export.yaml").read_text(encoding="utf-8")
    template: dict[str, Any] = yaml.safe_load(text.replace("INSTANCE", instance))
    rule = template["Resources"]["GuardRule"]["Properties"]
    rule["EventPattern"]["detail"]["alarmName"] = [alarm]
    # The path of the program is a parameter within the JSON text of the command.
    before, after = json.dumps({"commands": [f"\0 {shlex.join(arguments)}"]}).split("\\u0000")
    rule["Targets"][0]["Input"] = {"Fn::Join": ["", [before, {"Ref": "Program"}, after]]}
    return template
