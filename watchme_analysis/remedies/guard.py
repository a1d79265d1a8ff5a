"""Automatic restart after failed health checks: evidence is saved first, and restarts are limited.

A restart destroys what a diagnosis needs: threads, sockets, the state of a container. So evidence is saved
before, within a time limit. Every restart is on record before it happens, in a `journal` that is also the
guard's state. A guard that was killed therefore knows its restarts, and never exceeds the limit.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import urlsplit

from watchme_analysis.cloudwatch.session import NotFoundError
from watchme_analysis.errors import InputError, ServiceError, WatchmeError
from watchme_analysis.evidence import prober
from watchme_analysis.evidence.probes import is_success
from watchme_analysis.files.journal import DONE, FAILED, INTENDED, Journal, open_journal
from watchme_analysis.text.message import (
    Code,
    Count,
    Duration,
    Message,
    Number,
    Quotation,
    Resource,
    message,
    message_from_dict,
)
from watchme_analysis.text.render import as_message, error_message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws
    from watchme_analysis.simulation.scenarios import Comparison

Action = Literal["none", "restart", "cool down", "stop"]
_DAY = timedelta(days=1)
_STOPPED = "stopped"
# Recent checks that are saved with the evidence.
_KEPT_CHECKS = 1000
_EVIDENCE_BYTES = 16 << 20
_SSM_POLL_S = 1.0
_PROCESS_COLUMNS = "pid,ppid,stat,etime,time,rss,nlwp,wchan:32,args"
_QUICK_CHECK_S = 1.0


@dataclass(frozen=True)
class GuardSettings:
    """When a service is restarted.

    Attributes
    ----------
    url
        URL of the health endpoint.
    interval_s, timeout_s
        Time between two checks, and time limit of one, in seconds.
    failures
        Failed checks in a row before a restart.
    cooldown_s
        Least time between two restarts, in seconds.
    most_per_day
        Restarts within 24 hours; after that, the guard notifies a person and restarts no more.
    recovery_s
        How long to wait for a healthy check after a restart, in seconds.
    evidence_s
        Time limit for saving evidence, in seconds.
    """

    url: str
    interval_s: float = 10.0
    timeout_s: float = 5.0
    failures: int = 3
    cooldown_s: float = 600.0
    most_per_day: int = 3
    recovery_s: float = 120.0
    evidence_s: float = 30.0


@dataclass
class GuardState:
    """What decides on the next action: failed checks in a row, and the times of restarts."""

    failures: int = 0
    restarts: list[datetime] = field(default_factory=list)


def decide(settings: GuardSettings, state: GuardState, *, is_healthy: bool, now: datetime) -> Action:
    """Return what to do after a check, and count it in the state.

    Parameters
    ----------
    settings
        When a service is restarted.
    state
        Changed: the number of failed checks in a row.
    is_healthy
        Result of the check.
    now
        Time of the check.
    """
    state.failures = 0 if is_healthy else state.failures + 1
    if state.failures < settings.failures:
        return "none"
    if sum(now - restart < _DAY for restart in state.restarts) >= settings.most_per_day:
        return "stop"
    if state.restarts and (now - state.restarts[-1]).total_seconds() < settings.cooldown_s:
        return "cool down"
    return "restart"


class Host(Protocol):
    """Where the service runs: commands are executed there."""

    def run(self, command: str, timeout_s: float) -> str:
        """Return the output of a command.

        Raises
        ------
        ServiceError
            When it fails or takes too long.
        """


class LocalHost:
    """The machine that the guard runs on."""

    def run(self, command: str, timeout_s: float) -> str:
        """Return the output of a command, run without a shell."""
        try:
            done = subprocess.run(
                shlex.split(command),
                capture_output=True,
                timeout=timeout_s,
                check=False,
                stdin=subprocess.DEVNULL,
            )
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
            raise ServiceError(
                error_message(
                    "error-guard-command-failed",
                    command=command,
                    code=done.returncode,
                    output=output.strip()[-300:],
                )
            )
        return output


class ManagedHost:
    """An instance that AWS Systems Manager manages.

    Parameters
    ----------
    aws
        Session of the instance's account and region.
    instance
        Id of the instance.
    """

    def __init__(self, aws: Aws, instance: str) -> None:
        self._aws, self._instance = aws, instance

    def run(self, command: str, timeout_s: float) -> str:
        """Return the output of a command, up to the 24,000 characters that SSM returns."""
        sent = self._aws.call(
            "ssm",
            "send_command",
            InstanceIds=[self._instance],
            DocumentName="AWS-RunShellScript",
            # SSM accepts 30 s and more for the delivery.
            TimeoutSeconds=max(30, round(timeout_s)),
            Parameters={"commands": [command], "executionTimeout": [str(max(1, round(timeout_s)))]},
        )
        names = {"CommandId": sent["Command"]["CommandId"], "InstanceId": self._instance}
        end = time.monotonic() + timeout_s
        while True:
            found = self._invocation(names)
            if found["Status"] == "Success":
                return str(found.get("StandardOutputContent", ""))
            if found["Status"] not in {"Pending", "InProgress", "Delayed"}:
                error = str(found.get("StandardErrorContent", "")).strip()[-300:]
                raise ServiceError(
                    error_message(
                        "error-guard-remote-failed",
                        command=command,
                        instance=self._instance,
                        status=found["Status"],
                        error=error,
                    )
                )
            if time.monotonic() > end:
                raise ServiceError(
                    error_message(
                        "error-guard-remote-timeout",
                        command=command,
                        instance=self._instance,
                        seconds=f"{timeout_s:g}",
                    )
                )
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

    Parameters
    ----------
    url
        URL of the health endpoint; its port finds the process.
    container
        Name of the Docker container of the service; None without one.
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


@dataclass
class Guard:
    """A guard of one service.

    Attributes
    ----------
    settings
        When the service is restarted.
    host
        Where commands are executed.
    restart_command
        Command that restarts the service.
    commands
        Commands whose output is saved before a restart, by name of the file.
    folder
        Folder of the evidence; each restart has a folder of its own.
    notify
        Called with the sentence for a person.
    heartbeat
        Called after each check, so that the silence of the guard itself is noticed.
    outside_url
        Further URL that is probed for the evidence.
    report
        Called with each sentence on the progress.
    record
        Called after each entry on the end of a restart, so that it can be recorded in a case.
    """

    settings: GuardSettings
    host: Host
    restart_command: str
    commands: Mapping[str, str]
    folder: Path
    notify: Callable[[Message], None]
    heartbeat: Callable[[], None] = lambda: None
    outside_url: str | None = None
    report: Callable[[Message], None] = lambda _sentence: None
    record: Callable[[], None] = lambda: None
    _checks: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_KEPT_CHECKS))

    def run(self, journal_path: Path, stop: threading.Event, most_checks: int | None = None) -> None:
        """Check and restart until the event is set.

        Parameters
        ----------
        journal_path
            Journal of the restarts, which is also the state of the guard.
        stop
            Ends the guard.
        most_checks
            Ends it after so many checks; never when None.

        Raises
        ------
        InputError
            When another guard uses the journal, or it can't be read or written.
        """
        with open_journal(journal_path) as journal:
            state = GuardState(restarts=_restarts(journal))
            self._finish_restart(journal, stop)
            if journal.entries:
                self.record()  # a killed guard may have written an entry, and not recorded it
            number = 0
            while not stop.is_set() and (most_checks is None or number < most_checks):
                begun = time.monotonic()
                number += 1
                row = self._check("inside", self.settings.url)
                now = datetime.now(UTC)
                self._act(
                    decide(self.settings, state, is_healthy=is_success(row["status"], row["error"]), now=now),
                    journal,
                    state,
                    stop,
                )
                self.heartbeat()
                stop.wait(max(0.0, self.settings.interval_s - (time.monotonic() - begun)))

    def _act(self, action: Action, journal: Journal, state: GuardState, stop: threading.Event) -> None:
        if action == "restart":
            self._restart(journal, state, stop)
        elif action == "cool down":
            self.report(message("guard-cooling", within=Duration(self.settings.cooldown_s)))
        elif action == "stop" and journal.event(_STOPPED) != _STOPPED:
            sentence = message(
                "guard-stopped", url=Resource(self.settings.url), count=self.settings.most_per_day
            )
            self._report_and_notify(sentence)
            self._write(journal, _STOPPED, _STOPPED, sentence=sentence.to_dict())
            self.record()
        elif action == "none" and state.failures == 0 and journal.event(_STOPPED) == _STOPPED:
            # Healthy again: the next time that the limit is reached is news.
            self._write(journal, _STOPPED, DONE)

    def _restart(self, journal: Journal, state: GuardState, stop: threading.Event) -> None:
        key = f"restart {len(state.restarts) + 1}"
        folder, problem = self._save_evidence()
        shown = Resource(str(folder))
        if problem is None:
            self.report(message("guard-evidence", folder=shown))
        else:
            self.report(message("guard-evidence-unsaved", folder=shown, error=as_message(problem)))
        evidence = {} if problem else {"evidence": str(folder)}
        entry = self._write(journal, key, INTENDED, **evidence, url=self.settings.url)
        state.restarts.append(datetime.fromisoformat(entry["at"]))
        try:
            self.host.run(self.restart_command, self.settings.recovery_s)
        except ServiceError as error:
            sentence = message(
                "guard-restart-failed", command=Code(self.restart_command), error=Quotation(str(error))
            )
            self._end(journal, key, FAILED, sentence, reason=str(error))
            return
        self._await_healthy(key, journal, stop)
        state.failures = 0

    def _finish_restart(self, journal: Journal, stop: threading.Event) -> None:
        """Finish the restart of a guard that was killed: it counts, and the service may be healthy."""
        for key, entry in [*journal.last.items()]:
            if key != _STOPPED and entry["event"] == INTENDED:
                self._await_healthy(key, journal, stop)

    def _await_healthy(self, key: str, journal: Journal, stop: threading.Event) -> None:
        """Wait until the service is healthy; a guard that is stopped leaves the wait to its next run."""
        begun = time.monotonic()
        while True:
            row = self._check("inside", self.settings.url)
            took_s = time.monotonic() - begun
            if is_success(row["status"], row["error"]):
                url = Resource(self.settings.url)
                sentence = message("guard-restarted", url=url, took=Duration(took_s))
                self._end(journal, key, DONE, sentence, seconds=round(took_s, 1))
                return
            if took_s > self.settings.recovery_s:
                url = Resource(self.settings.url)
                sentence = message("guard-not-healthy", url=url, within=Duration(took_s))
                self._end(journal, key, FAILED, sentence, reason="not healthy")
                return
            if stop.wait(min(self.settings.interval_s, _QUICK_CHECK_S)):
                return

    def _end(self, journal: Journal, key: str, event: str, sentence: Message, **details: Any) -> None:
        """Record the end of a restart in the journal and the case, and notify a person."""
        self._write(journal, key, event, sentence=sentence.to_dict(), **details)
        self.record()
        self._report_and_notify(sentence)

    def _write(self, journal: Journal, key: str, event: str, **details: Any) -> dict[str, Any]:
        """Record an entry; what can't be written, such as on a full disk, is kept in memory and reported."""
        try:
            return journal.write(key, event, **details)
        except InputError as error:
            self._report_and_notify(message("guard-unrecorded", error=as_message(error)))
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            entry = {"key": key, "event": event, "at": at, **details}
            journal.entries.append(entry)
            journal.last[key] = entry
            return entry

    def _check(self, vantage: str, url: str) -> dict[str, Any]:
        row = prober.probe(vantage, url, lambda each: prober.fetch(each, self.settings.timeout_s, {}))
        self._checks.append(row)
        return row

    def _report_and_notify(self, sentence: Message) -> None:
        """Report a sentence, and notify a person; a notification that fails must not end the guard."""
        self.report(sentence)
        try:
            self.notify(sentence)
        except ServiceError as error:
            self.report(message("guard-unnotified", error=as_message(error)))

    def _save_evidence(self) -> tuple[Path, Exception | None]:
        """Save evidence within the time limit; what fails is noted, and never prevents the restart.

        Returns
        -------
        pathlib.Path
            Folder of the evidence.
        Exception or None
            Why nothing could be saved in it.
        """
        end = time.monotonic() + self.settings.evidence_s
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        folder = self.folder / stamp
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return folder, error
        if self.outside_url is not None:
            self._check("outside", self.outside_url)
        notes = []
        saved = 0
        problem: Exception | None = None
        try:
            prober.append(str(folder / "probes.csv"), [*self._checks])
            saved += 1
        except (WatchmeError, OSError) as error:
            notes.append(f"probes.csv: {error}")
            problem = error
        for name, command in [*self.commands.items(), *self._thread_commands(end)]:
            left_s = end - time.monotonic()
            if left_s <= 0:
                notes.append(f"{name}: not saved, the time was over")
                continue
            try:
                output = self.host.run(command, left_s)
                (folder / name).write_text(output, encoding="utf-8", errors="replace")
                saved += 1
            except (ServiceError, OSError) as error:
                notes.append(f"{name}: {error}")
        if notes:
            try:
                (folder / "not-saved.txt").write_text("\n".join(notes) + "\n", encoding="utf-8")
            except OSError as error:
                problem = problem or error
        return folder, None if saved else problem

    def _thread_commands(self, end: float) -> list[tuple[str, str]]:
        """Return the commands for the threads of the processes that listen on the port."""
        listening = self.commands.get("listening.txt")
        if listening is None:
            return []
        try:
            found = self.host.run(listening, max(0.1, end - time.monotonic()))
        except ServiceError:
            return []
        commands = []
        for pid in sorted(set(re.findall(r"pid=(\d+)", found))):
            commands.append(
                (f"process-{pid}.txt", f"cat /proc/{pid}/status /proc/{pid}/limits /proc/{pid}/wchan")
            )
            # py-spy reads the stacks of a Python process from outside, even if its event loop is blocked.
            commands.append((f"threads-{pid}.txt", f"py-spy dump --pid {pid}"))
        return commands


def actions_of_guard(journal: Journal) -> list[dict[str, Any]]:
    """Return the restarts that a guard's journal records, with their evidence, as rows of ``actions``."""
    plan = f"guard {journal.entries[0]['at']}" if journal.entries else ""
    begun: dict[str, dict[str, Any]] = {}
    rows = []
    for number, entry in enumerate(journal.entries):
        key, event = str(entry["key"]), str(entry["event"])
        if event == INTENDED:
            begun[key] = entry
        if "sentence" not in entry:
            continue
        sentence = message_from_dict(entry["sentence"])
        evidence = begun.get(key, {}).get("evidence")
        if evidence is not None:
            sentence = message("guard-action", what=sentence, folder=Resource(str(evidence)))
        rows.append(
            {
                "time": entry["at"],
                "remedy": "guard",
                "step": key,
                "resource": begun.get(key, {}).get("url"),
                "call": None,
                "outcome": event,
                "message": sentence.to_dict(),
                "plan": plan,
                "number": number,
            }
        )
    return rows


def _restarts(journal: Journal) -> list[datetime]:
    return [
        datetime.fromisoformat(entry["at"])
        for entry in journal.entries
        if entry["event"] == INTENDED and entry["key"] != _STOPPED
    ]


@dataclass(frozen=True)
class RestartEffect:
    """What restarts would have changed for the messages of a queue, by simulation.

    Attributes
    ----------
    queue
        Name of the queue.
    unchanged, cured, uncured
        Simulated runs without a restart, with restarts that cure what the health checks showed, and with
        restarts that do not.
    differing
        Figures in which the runs without a restart differ from the record by more than a fifth.
    """

    queue: str
    unchanged: Comparison
    cured: Comparison
    uncured: Comparison
    differing: tuple[str, ...] = ()

    @property
    def sentences(self) -> tuple[Message, ...]:
        """Return messages in the DLQ, lost work, age and delay of each, and how far to trust them."""
        runs = len(self.unchanged.outcomes)
        queue = Resource(self.queue)
        said = [
            message("guard-effect-unchanged", queue=queue, runs=runs, figures=_figures(self.unchanged)),
            message("guard-effect-cured", figures=_figures(self.cured)),
            message("guard-effect-uncured", figures=_figures(self.uncured)),
        ]
        if self.differing:
            said.append(message("guard-effect-differs", count=len(self.differing)))
        return tuple(said)

    def to_dict(self) -> dict[str, Any]:
        """Return mean and half width of the 95 % interval of each figure, ready for JSON."""
        names = ("dead_lettered", "lost", "peak_age_s", "behind_s")
        rows = {"unchanged": self.unchanged, "cured": self.cured, "uncured": self.uncured}
        return {
            "queue": self.queue,
            "differing": list(self.differing),
            **{key: {name: vars(row.estimate(name)) for name in names} for key, row in rows.items()},
        }


def _figures(row: Comparison) -> Message:
    """Return the figures of simulated runs, each mean with half the width of its 95 % interval."""
    dead, lost = row.estimate("dead_lettered"), row.estimate("lost")
    age, behind = row.estimate("peak_age_s"), row.estimate("behind_s")
    return message(
        "guard-effect-figures",
        dead=Number(dead.mean or 0.0),
        dead_half=Number(dead.half_width or 0.0, 2),
        lost=Number(lost.mean or 0.0),
        lost_half=Number(lost.half_width or 0.0, 2),
        age=Duration(age.mean or 0.0),
        age_half=Duration(age.half_width or 0.0),
        behind=Duration(behind.mean or 0.0),
        behind_half=Duration(behind.half_width or 0.0),
    )


@dataclass(frozen=True)
class GuardBacktest:
    """What a guard would have done at recorded checks.

    Attributes
    ----------
    restarts
        Times of the restarts.
    stopped
        Time at which the limit of a day was reached; None if it was not.
    checks, failed
        Number of recorded checks, and of failed ones.
    failing_s
        Seconds of trouble: from the first failed check of each series to the next healthy one.
    avoided_s
        Seconds of it that remain after the restarts and their recovery, so that they would have been avoided
        if a restart cures the cause.
    answered_inside
        Restarts at which the process answered from inside, so that a restart would have changed nothing;
        None without probes from inside.
    failing
        Start and end of each series of failed checks.
    effect
        What the restarts would have changed for a queue; None where that is unknown.
    """

    restarts: tuple[datetime, ...]
    stopped: datetime | None
    checks: int
    failed: int
    failing_s: float
    avoided_s: float
    answered_inside: int | None
    failing: tuple[tuple[datetime, datetime], ...] = ()
    effect: RestartEffect | None = None

    @property
    def sentences(self) -> tuple[Message, ...]:
        """Return the result in sentences."""
        found = [
            message(
                "guard-backtest",
                count=len(self.restarts),
                failed=Count(self.failed),
                checks=Count(self.checks),
                failing=Duration(self.failing_s),
            )
        ]
        if self.restarts:
            found.append(
                message("guard-backtest-avoided", avoided=Duration(self.avoided_s), first=self.restarts[0])
            )
        if self.answered_inside:
            found.append(message("guard-backtest-inside", count=self.answered_inside))
        if self.stopped is not None:
            found.append(message("guard-backtest-stopped", time=self.stopped))
        if self.effect is not None:
            found += self.effect.sentences
        elif self.restarts:
            found.append(message("guard-backtest-no-queue"))
        return tuple(found)


def backtest_guard(
    settings: GuardSettings,
    checks: Sequence[tuple[datetime, bool]],
    inside: Sequence[tuple[datetime, bool]] | None = None,
) -> GuardBacktest:
    """Return what a guard would have done at recorded checks.

    The record is of a service that nobody restarted at these moments. So the number of restarts is that of a
    cause which a restart does not cure, and ``avoided_s`` is the gain if it does.

    Parameters
    ----------
    settings
        Its ``recovery_s`` is taken as the time from a restart to the first healthy check.
    checks
        Time of each check and whether it was healthy, in order.
    inside
        The same from inside, to tell whether the process answered; None without them.
    """
    state = GuardState()
    stopped: datetime | None = None
    failing_s = avoided_s = 0.0
    began: datetime | None = None
    cured: datetime | None = None
    failing: list[tuple[datetime, datetime]] = []
    for now, is_healthy in checks:
        if began is not None and is_healthy:
            failing.append((began, now))
            failing_s += (now - began).total_seconds()
            if cured is not None:
                avoided_s += max(0.0, (now - cured).total_seconds())
            began = cured = None
        elif began is None and not is_healthy:
            began = now
        action = decide(settings, state, is_healthy=is_healthy, now=now)
        if action == "restart":
            state.restarts.append(now)
            state.failures = 0
            cured = cured or now + timedelta(seconds=settings.recovery_s)
        elif action == "stop":
            stopped = stopped or now
    if began is not None:
        last = checks[-1][0]
        failing.append((began, last))
        failing_s += (last - began).total_seconds()
        if cured is not None:
            avoided_s += max(0.0, (last - cured).total_seconds())
    return GuardBacktest(
        restarts=tuple(state.restarts),
        stopped=stopped,
        checks=len(checks),
        failed=sum(not is_healthy for _, is_healthy in checks),
        failing_s=failing_s,
        avoided_s=avoided_s,
        answered_inside=None if inside is None else _answered(state.restarts, inside),
        failing=tuple(failing),
    )


def _answered(restarts: Sequence[datetime], inside: Sequence[tuple[datetime, bool]]) -> int:
    """Return at how many restarts the last check from inside was healthy."""
    number = 0
    for restart in restarts:
        before = [is_healthy for at, is_healthy in inside if at <= restart]
        number += bool(before and before[-1])
    return number


def check_settings(settings: GuardSettings) -> None:
    """Check that the settings can work.

    Raises
    ------
    InputError
        When a check takes longer than the interval, or restarts would follow each other before recovery.
    """
    if settings.timeout_s > settings.interval_s:
        raise InputError(error_message("error-guard-timeout"))
    if settings.cooldown_s < settings.recovery_s:
        raise InputError(error_message("error-guard-cooldown"))
