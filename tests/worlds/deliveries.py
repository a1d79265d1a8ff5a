"""A system whose evidence, reports and destinations are in memory, and which can be killed at any moment."""

import functools
import json
import sqlite3
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from watchme_analysis.config import Destination, RunSettings, System
from watchme_analysis.delivery.destinations.base import DeliveryError
from watchme_analysis.delivery.destinations.registry import sender_of
from watchme_analysis.delivery.outbox import Pace
from watchme_analysis.delivery.run import Collected, Run, run_system
from watchme_analysis.delivery.state import State
from watchme_analysis.delivery.telemetry import Telemetry
from watchme_analysis.text.message import message
from watchme_analysis.window import Window

DAY = datetime(2025, 11, 25, tzinfo=UTC)
# What each fact says, whatever its value.
FACT = message("fact-lost-messages", value=1)
NO_WAIT = Pace(backoff_s=0)


class Killed(BaseException):
    """The process is gone; nothing may catch it."""


class Checkpoints:
    """Counts the moments at which a run can be killed, and kills it at one of them."""

    def __init__(self, kill_at=None):
        self.moments, self.kill_at = [], kill_at

    def __call__(self, moment):
        self.moments.append(moment)
        if len(self.moments) == self.kill_at:
            raise Killed(moment)


@contextmanager
def killable(checkpoints):
    """A context in which SQLite files can be killed before and after each commit."""

    class Connection(sqlite3.Connection):
        def execute(self, statement, *parameters):
            if statement == "COMMIT":
                checkpoints("before a commit")
            result = super().execute(statement, *parameters)
            if statement == "COMMIT":
                checkpoints("after a commit")
            return result

    connect = functools.partial(sqlite3.connect, factory=Connection)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", connect)
        yield


def at(hour):
    return DAY + timedelta(hours=hour)


def diagnosis(start=None, end=None, cause=None, facts=None, **more):
    """Return the diagnosis of a backlog as JSON; hours of the day bound the incident."""
    verdict = "no_incident" if start is None else "supported" if cause else "inconclusive"
    listed = [
        {"id": name, "value": value, "message": f"{name}: {value}", "message_message": FACT.to_dict()}
        for name, value in (facts or {}).items()
    ]
    return {
        "question": "backlog",
        "verdict": verdict,
        "cause": cause,
        "secondary_cause": None,
        "other_causes": [],
        "confidence": 0.9,
        "incident": {
            "start": None if start is None else at(start).isoformat(),
            "end": None if end is None else at(end).isoformat(),
        },
        "headline": "orders-worker fails.",
        "facts": listed,
        "cause_line": f"Cause: {cause}.",
        "now": [{"kind": "restore", "text": "Undo the change."}],
        "ranking": [],
        **more,
    }


class Received:
    """A destination in memory that records what arrives, and refuses as often as a test says."""

    form = ""

    def __init__(self, *errors):
        self.errors, self.arrived, self.deliveries, self.checkpoint = list(errors), [], [], None

    def send(self, delivery):
        self.checkpoint("call begins")
        if self.errors:
            error = self.errors.pop(0)
            if error is not None:
                raise error
        self.arrived.append(delivery.notice.kinds)
        self.deliveries.append(delivery)
        self.checkpoint("call arrived")
        return f"receipt-{len(self.arrived)}"

    def link(self, delivery):
        return None


def refused(temporary=False, **more):
    return DeliveryError("The destination is down.", is_temporary=temporary, **more)


@dataclass
class World:
    """A system with its destinations; each run looks at the next diagnosis.

    ``run(hour, diagnosis, kill_at)`` runs once and returns the result, or None if it was killed.
    """

    folder: Path
    destinations: dict
    senders: dict
    settings: RunSettings = field(default_factory=RunSettings)
    results: list = field(default_factory=list)
    scanned: list = field(default_factory=list)
    reports: list = field(default_factory=list)
    report_error: Exception | None = None
    during: Callable = lambda: None  # called while a run collects its evidence
    telemetry: Telemetry | None = None
    gb: float = 0.5
    pace: Pace = NO_WAIT

    def run(self, hour, found, kill_at=None, **more):
        checkpoints = Checkpoints(kill_at)
        self.moments = checkpoints.moments
        for sender in self.senders.values():
            if isinstance(sender, Received):
                sender.checkpoint = checkpoints

        def collect(cases, most_gb, seconds):
            self.scanned.append(most_gb)
            self.during()
            case = cases / f"{hour}"
            case.mkdir(exist_ok=True)
            return Collected(case, Window(at(hour - 24), at(hour)), self.gb, telemetry=self.telemetry)

        def diagnose(case, level):
            if isinstance(found, Exception):
                raise found
            return {"backlog": {**found, "level": level}}

        run = Run(
            System("orders", queues=("orders",)),
            self.destinations,
            self.senders,
            SimpleNamespace(collect=collect, diagnose=diagnose, report=self.report),
            State(self.folder),
            settings=self.settings,
            pace=self.pace,
            clock=lambda: at(hour),
            **more,
        )
        try:
            with killable(checkpoints):
                self.results.append(run_system(run))
        except Killed:
            return None
        return self.results[-1]

    def report(self, case, question, wanted, out, seconds):
        if self.report_error is not None:
            raise self.report_error
        language, level, form = wanted.language, wanted.level, wanted.form
        if form == "postmortem":
            out.mkdir(parents=True)
            (out / "postmortem.md").write_text(f"# Postmortem {language} {level}\n")
            return "postmortem.md"
        name = f"{at(int(case.name)):%Y%m%dT%H%M%SZ}-{question}-orders"
        folder = out / name
        folder.mkdir(parents=True)
        result = {"status": "ok", "question": question, "case": "orders", "diagnosis": diagnosis()}
        result |= {"started_at": at(int(case.name)).isoformat(), "parameters": {"language": language}}
        (folder / "report.html").write_text(f"<p>{language} {level}</p>")
        (folder / "result.json").write_text(json.dumps(result))
        self.reports.append((language, level))
        return name


def folder_of_reports(folder, **settings):
    """Return the destination of a folder of reports."""
    return sender_of(
        Destination("files", "files", settings={"folder": str(folder), **settings}), folder, None
    )


def world(folder, **senders):
    """Return a world with a destination of changes for each sender; a tuple gives its settings first."""
    destinations, plain = {}, {}
    for name, each in senders.items():
        settings, sender = each if isinstance(each, tuple) else ({}, each)
        destinations[name] = Destination(name, **{"type": "slack", "when": "changes", **settings})
        plain[name] = sender
    return World(folder, destinations, plain)
