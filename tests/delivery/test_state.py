"""What a run keeps between runs: its state file, its outbox, its reports and its log."""

import json
import logging
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from worlds.deliveries import NO_WAIT, Killed, Received, at, diagnosis, refused

from watchme_analysis.config import Destination
from watchme_analysis.delivery.changes import Incident, QuestionState
from watchme_analysis.delivery.content import Content
from watchme_analysis.delivery.destinations.base import Delivery
from watchme_analysis.delivery.destinations.files import Retention
from watchme_analysis.delivery.notice import Notice, with_due
from watchme_analysis.delivery.outbox import Outbox
from watchme_analysis.delivery.run import logged
from watchme_analysis.delivery.state import State, SystemState
from watchme_analysis.errors import InputError
from watchme_analysis.report.folder import ABOUT

INCIDENT = Incident("orders-backlog-1", at(1.5), None, "consumer_failing", None, 0.9, {"lost_messages": 2})
NOTICE = Notice("n-1", ("new-incident",), "orders", "backlog", at(2), INCIDENT, due=("chat",))
CONTENT = Content("Title", (), (), (), (), "en")


def test_the_state_of_a_system_is_read_as_it_was_stored(tmp_path):
    state = State(tmp_path / "state")
    assert state.system("orders") == SystemState()
    assert not (tmp_path / "state").exists()
    ended = replace(INCIDENT, id="old", end=at(1))
    stored = SystemState(
        {"backlog": QuestionState(INCIDENT, (ended,), at(3)), "health": QuestionState()},
        (replace(NOTICE, before=ended, earlier=3, error="It broke.", pages={"en": "p"}),),
        "It failed.",
        {"chat": "It is down.", "日報": "\ud83d"},
    )
    state.store_system("orders", stored)
    assert (state.system("orders"), state.system("refunds")) == (stored, SystemState())
    modes = [path.stat().st_mode & 0o777 for path in (state.folder, *state.folder.iterdir())]
    assert modes == [0o700, 0o600]


def test_a_state_file_of_another_kind_or_release_is_an_error(tmp_path):
    (tmp_path / "file").write_text("{")
    with pytest.raises(InputError, match="file"):
        State(tmp_path / "file").system_folder("orders")
    path = tmp_path / "state.sqlite"
    path.write_text("no database" * 100)
    with pytest.raises(InputError, match=r"state\.sqlite"):
        State(tmp_path).system("orders")
    path.unlink()
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 2")
    with pytest.raises(InputError, match=r"state\.sqlite"):
        State(tmp_path).system("orders")


@pytest.mark.parametrize("vfs", ["unix", "unix-dotfile"])
def test_two_processes_write_to_one_state_file(tmp_path, vfs):
    """SQLite's way with lock files has no shared memory, as a folder on NFS has none for its WAL."""
    code = (
        "import sqlite3, sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "connect, vfs = sqlite3.connect, sys.argv[3]\n"
        "sqlite3.connect = lambda path, **given: connect(f'file:{path}?vfs={vfs}', uri=True, **given)\n"
        "from watchme_analysis.delivery.state import State\n"
        "state = State(Path(sys.argv[1]))\n"
        "for number in range(20):\n"
        "    state.add_run(sys.argv[2], {'number': number}, datetime.now(UTC))\n"
    )
    names = ("orders", "refunds")
    started = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name, vfs]) for name in names]
    assert [process.wait(timeout=120) for process in started] == [0, 0]
    for name in names:
        assert [run["number"] for run in State(tmp_path).runs(name)] == [*range(20)]


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [
        ({"when": "changes"}, ["new-incident", "digest"]),
        ({"when": "changes", "errors": True}, ["new-incident", "run-failed", "delivery-failed", "digest"]),
        ({"when": "every-run"}, ["new-incident", "no-change", "run-failed", "digest"]),
        ({"when": "failures"}, ["run-failed", "delivery-failed"]),
        ({"when": "changes", "type": "files"}, ["new-incident"]),
    ],
)
def test_each_destination_receives_the_kinds_that_it_wants(settings, kinds):
    destination = Destination(**{"name": "d", "type": "sns", **settings})
    known = ("new-incident", "no-change", "run-failed", "delivery-failed", "digest")
    received = [name for name in known if with_due(replace(NOTICE, kinds=(name,)), {"d": destination}).due]
    assert received == kinds


def outbox(folder, sender):
    sender.checkpoint = lambda moment: None
    return Outbox(
        State(folder),
        "orders",
        {"chat": sender},
        lambda notice, name: Delivery(notice, CONTENT, None),
        NO_WAIT,
    )


def test_a_notice_is_given_up_after_a_day(tmp_path):
    box, day = outbox(tmp_path, Received()), NOTICE.created_at + timedelta(days=1)
    assert [box.is_finished(NOTICE, now) for now in (day, day + timedelta(seconds=1))] == [False, True]
    # A destination that is no longer configured keeps no notice.
    assert box.is_finished(replace(NOTICE, due=("gone",)), at(2))


def test_a_lost_response_is_repeated_a_few_times_and_then_uncertain(tmp_path):
    lost = Received(*[refused(may_have_arrived=True) for _ in range(9)])
    box = outbox(tmp_path, lost)
    statuses = [box.deliver([NOTICE])[0]["status"] for _ in range(6)]
    assert statuses == ["failed"] * 3 + ["uncertain"] * 3
    assert len(lost.errors) == 6


def test_a_notice_whose_calls_are_killed_is_uncertain_in_the_end(tmp_path):
    fatal = Received(*[Killed() for _ in range(9)])
    statuses = []
    for _ in range(9):
        with suppress(Killed):
            statuses += [each["status"] for each in outbox(tmp_path, fatal).deliver([NOTICE])]
    assert {*statuses} == {"uncertain"}
    assert len(statuses) == len(fatal.errors)  # a run is killed in its call, or makes none


def test_reports_are_removed_after_their_days_but_for_those_of_open_incidents(tmp_path):
    def report(day, note=None, incident=None):
        folder = tmp_path / f"2025{day}T020000Z-backlog-orders"
        folder.mkdir()
        diagnosed = None if incident is None else {**diagnosis(), "incident": incident}
        result = {"status": "ok", "question": "backlog", "case": "orders", "diagnosis": diagnosed}
        (folder / "result.json").write_text(json.dumps(result))
        if note is not None:
            (folder / ABOUT).write_text(json.dumps(note))
        return folder.name

    def expired(days, keep_incidents=False, opened=("i-1",)):
        retention = Retention(None if days is None else timedelta(days=days), keep_incidents)
        return sorted(retention.expired(tmp_path, Delivery(NOTICE, CONTENT, None, frozenset(opened))))

    start = at(1).isoformat()
    # Reports that no run has delivered: of an incident that goes on, of an ended one, and without one.
    report("1101", incident={"start": start, "end": None})
    closed = report("1102", incident={"start": start, "end": start})
    quiet = report("1103")
    first, last = (report(day, {"system": "orders", "incident": "i-1"}) for day in ("1104", "1105"))
    past = report("1106", {"system": "orders", "incident": "i-0"})
    report("1107", {"system": "refunds", "incident": "i-9"})
    calm = report("1108", {"system": "refunds", "incident": None})
    report("1125", {"system": "orders", "incident": "i-2"})
    # Of the open incident the last report stays.
    assert expired(10) == [closed, quiet, first, past, calm]
    assert expired(10, opened=()) == [closed, quiet, first, last, past, calm]
    assert expired(10, keep_incidents=True) == [quiet, calm]
    assert expired(None) == []


def test_the_log_of_a_run_is_masked_private_and_ends_with_it(tmp_path):
    logger = logging.getLogger("watchme_analysis")
    level, handlers = logger.level, [*logger.handlers]
    path = tmp_path / "run.log"
    with logged(path):
        logging.getLogger("watchme_analysis.x").info("one\ntwo password=hunter22")
        logging.getLogger("watchme_analysis.x").debug("hidden")
    logging.getLogger("watchme_analysis.x").info("after")
    [line] = path.read_text().splitlines()
    assert " INFO watchme_analysis.x: one two " in line and "hunter22" not in line
    assert datetime.fromisoformat(line.split()[0]).tzinfo == UTC
    assert path.stat().st_mode & 0o777 == 0o600
    assert (logger.level, logger.handlers) == (level, handlers)
