"""What a run keeps between runs: its files, its lock, its limits, its outbox, and what it makes of them."""

import fcntl
import json
import logging
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from worlds.deliveries import NO_WAIT, Received, at, diagnosis, refused
from worlds.printed import is_error, said

from watchme_analysis.config import Destination, RunSettings, System
from watchme_analysis.delivery.alarm_event import AlarmEvent, parse_alarm_event, systems_of_event
from watchme_analysis.delivery.changes import (
    CAUSE_KNOWN,
    Change,
    Incident,
    QuestionState,
    compare,
)
from watchme_analysis.delivery.content import Content
from watchme_analysis.delivery.destinations.base import Delivery, DeliveryError
from watchme_analysis.delivery.destinations.files import FilesSender, Retention, note_of
from watchme_analysis.delivery.digest import Digest, digest_content
from watchme_analysis.delivery.notice import Notice, notice_of, notice_of_change, receives, with_due
from watchme_analysis.delivery.outbox import Delivered, Outbox
from watchme_analysis.delivery.run import logged
from watchme_analysis.delivery.run_lock import RunInProgressError, system_lock
from watchme_analysis.delivery.state import BudgetError, State, SystemState
from watchme_analysis.delivery.telemetry import TelemetryCost
from watchme_analysis.errors import InputError
from watchme_analysis.report.folder import ABOUT
from watchme_analysis.text.message import Bytes, Duration, Number, TimeSpan, message
from watchme_analysis.window import Window

INCIDENT = Incident("orders-backlog-1", at(1.5), None, "consumer_failing", None, 0.9, {"lost_messages": 2})
NOTICE = Notice("n-1", ("new-incident",), "orders", "backlog", at(2), INCIDENT, due=("chat",))
CONTENT = Content("Title", (), (), (), (), "en")


# The state file


def test_the_state_of_a_system_is_read_as_it_was_stored(tmp_path):
    state = State(tmp_path / "state")
    assert state.system("orders") == SystemState()
    assert not (tmp_path / "state").exists()
    ended = replace(INCIDENT, id="old", end=at(1))
    stored = SystemState(
        {"backlog": QuestionState(INCIDENT, (ended,), at(3)), "health": QuestionState()},
        (replace(NOTICE, before=ended, earlier=3, error="It broke.", pages={"en": "p"}, has_diagnosis=True),),
        "It failed.",
        {"chat": "It is down.", "日報": "\ud83d"},
    )
    state.store_system("orders", stored)
    assert (state.system("orders"), state.system("refunds")) == (stored, SystemState())
    assert stored.open_incidents == {"orders-backlog-1"}
    modes = [path.stat().st_mode & 0o777 for path in (state.folder, *state.folder.iterdir())]
    assert modes == [0o700, 0o600]


def test_documents_stay_as_long_as_their_notice_is_pending(tmp_path):
    state = State(tmp_path)
    for notice in (NOTICE.id, "n-2"):
        state.store_document("orders", notice, "ids", {"notice": notice})
    state.store_system("orders", SystemState(pending=(NOTICE,)))
    found = [state.document("orders", notice, "ids") for notice in (NOTICE.id, "n-2")]
    assert found == [{"notice": NOTICE.id}, None]


def test_a_state_file_of_another_kind_or_release_is_an_error(tmp_path):
    (tmp_path / "file").write_text("{")
    with pytest.raises(InputError) as refused:
        State(tmp_path / "file").create()
    assert refused.value.args[0].id == "error-state-folder" and str(tmp_path / "file") in str(refused.value)
    state = State(tmp_path)
    (tmp_path / "state.sqlite").write_text("no database" * 100)
    with pytest.raises(InputError) as refused:
        state.system("orders")
    assert refused.value.args[0].id == "error-state-unreadable"
    (tmp_path / "state.sqlite").unlink()
    with closing(sqlite3.connect(tmp_path / "state.sqlite")) as file:
        file.execute("PRAGMA user_version = 2")
    with pytest.raises(InputError) as refused:
        state.system("orders")
    path = tmp_path / "state.sqlite"
    assert is_error(refused.value, "error-state-version", path=path, found=2, known=1)


def test_two_processes_write_to_one_state_file(tmp_path):
    code = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from watchme_analysis.delivery.state import State\n"
        "state = State(Path(sys.argv[1]))\n"
        "for number in range(20):\n"
        "    state.add_run(sys.argv[2], {'number': number}, datetime.now(UTC))\n"
    )
    names = ("orders", "refunds")
    started = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in names]
    assert [process.wait(timeout=120) for process in started] == [0, 0]
    for name in names:
        assert [run["number"] for run in State(tmp_path).runs(name)] == [*range(20)]


def test_runs_are_kept_for_a_quarter_of_a_year(tmp_path):
    state = State(tmp_path)
    for day in (-101, -99, 0):
        state.add_run("orders", {"day": day}, at(24 * day))
    assert [run["day"] for run in state.runs("orders")] == [-99, 0]


# One run at a time


def test_a_lock_is_released_and_a_killed_run_is_named(tmp_path):
    with system_lock(tmp_path, "orders") as killed:
        assert killed is None
        holder = json.loads((tmp_path / "lock").read_text())
        assert holder["pid"] == os.getpid() and holder.keys() == {"pid", "host", "since"}
        assert datetime.fromisoformat(holder["since"]).tzinfo is not None
        with pytest.raises(RunInProgressError) as refused, system_lock(tmp_path, "orders"):
            pass
        values = {"process": holder["pid"], "host": holder["host"], "since": holder["since"]}
        assert is_error(refused.value, "error-run-in-progress", system="orders", **values)
    assert (tmp_path / "lock").read_text() == ""
    with pytest.raises(ValueError, match="no"), system_lock(tmp_path, "orders"):
        raise ValueError("no")
    assert (tmp_path / "lock").read_text() == ""
    # An end that is like a kill leaves the record to the next run.
    with pytest.raises(KeyboardInterrupt), system_lock(tmp_path, "orders"):
        raise KeyboardInterrupt
    with system_lock(tmp_path, "orders") as killed:
        assert killed["pid"] == os.getpid()


def test_a_lock_of_somebody_without_a_record_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr("watchme_analysis.delivery.run_lock._POLL_S", 0.001)
    (tmp_path / "lock").write_text('{"pid": 1}')
    with (tmp_path / "lock").open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(RunInProgressError) as refused, system_lock(tmp_path, "orders", wait_s=0.01):
            pass
    assert is_error(refused.value, "error-run-in-progress-somewhere", system="orders")
    with system_lock(tmp_path, "orders") as killed:
        assert killed is None


# Limits


def limits(**more):
    values = {"max_gb": 4.0, "max_usd": 100.0, "max_gb_per_day": 10.0, "max_usd_per_day": 100.0}
    return RunSettings(**{**values, "usd_per_gb": 0.5, **more})


def test_runs_of_a_day_share_what_they_may_scan(tmp_path):
    state, noon = State(tmp_path), datetime(2026, 1, 2, 12, tzinfo=UTC)
    assert state.reserve("a", limits(), noon) == 4.0
    state.settle("a", 7.0, limits(), noon)
    assert state.reserve("b", limits(), noon) == 3.0
    with pytest.raises(BudgetError) as refused:
        state.reserve("c", limits(), noon)
    reached = "max_gb_per_day (10 GB)"
    assert is_error(refused.value, "error-budget-reached", day="2026-01-02", reached=reached)
    assert state.reserve("d", limits(), noon + timedelta(days=1)) == 4.0


def test_a_limit_in_dollars_counts_like_one_in_gigabytes(tmp_path):
    state, noon = State(tmp_path), datetime(2026, 1, 2, 12, tzinfo=UTC)
    dollars = limits(max_gb=100.0, max_usd=2.0, max_gb_per_day=1000.0, max_usd_per_day=3.0)
    # Two dollars at half a dollar a GB, then the dollar that is left of the day.
    assert [state.reserve(name, dollars, noon) for name in "ab"] == [4.0, 2.0]
    with pytest.raises(BudgetError) as refused:
        state.reserve("c", dollars, noon)
    reached = "max_usd_per_day (3 USD)"
    assert is_error(refused.value, "error-budget-reached", day="2026-01-02", reached=reached)


# Notices and their destinations


def test_a_notice_has_an_id_of_its_moment_and_a_thread():
    moment = datetime(2026, 1, 2, 3, 4, 5, 67, tzinfo=UTC)
    failed = notice_of("run-failed", "orders", None, moment, "It broke.")
    assert (failed.id, failed.kinds, failed.error) == (
        "20260102T030405000067Z-run-failed-orders-run", ("run-failed",), "It broke."
    )  # fmt: skip
    assert (failed.kind, failed.thread) == ("run-failed", "orders-runs")
    quiet = notice_of("no-change", "orders", "backlog", moment)
    assert (quiet.id, quiet.thread, quiet.error) == (
        "20260102T030405000067Z-no-change-orders-backlog", "orders-backlog", ""
    )  # fmt: skip


def test_the_notice_of_a_change_has_its_headline_in_its_id():
    earlier = (replace(INCIDENT, id="old"),)
    change = Change(("recurring", "worse"), INCIDENT, None, earlier)
    made = notice_of_change(change, "orders", "backlog", at(2))
    assert change.kind == "recurring"
    name = "20251125T020000000000Z-recurring-orders-backlog-1"
    expected = Notice(name, ("recurring", "worse"), "orders", "backlog", at(2), INCIDENT, None, earlier=1)
    assert made == expected
    chosen = {"a": Destination("a", "sns", when="changes"), "b": Destination("b", "sns", when="failures")}
    assert with_due(made, chosen).due == ("a",)


def test_each_destination_receives_the_kinds_that_it_wants():
    def wanted(when, kind="sns", errors=False):
        destination = Destination("d", kind, when=when, errors=errors)
        kinds = ("new-incident", "no-change", "run-failed", "delivery-failed", "digest")
        return [name for name in kinds if receives(destination, replace(NOTICE, kinds=(name,)))]

    assert wanted("changes") == ["new-incident", "digest"]
    assert wanted("changes", errors=True) == ["new-incident", "run-failed", "delivery-failed", "digest"]
    assert wanted("every-run") == ["new-incident", "no-change", "run-failed", "digest"]
    assert wanted("failures") == ["run-failed", "delivery-failed"]
    # A digest has no report, which is all that a site is for.
    assert wanted("changes", "files") == ["new-incident"]


# Outbox


def outbox(tmp_path, sender):
    sender.checkpoint = lambda moment: None

    def prepare(notice, name):
        return Delivery(notice, CONTENT, None)

    return Outbox(State(tmp_path), "orders", {"chat": sender}, prepare, NO_WAIT)


def test_a_delivery_is_confirmed_once(tmp_path):
    chat = Received()
    box = outbox(tmp_path, chat)
    confirmed = Delivered("chat", "n-1", "new-incident", "confirmed", "receipt-1")
    assert box.is_finished(NOTICE, at(2)) is False
    assert box.deliver([NOTICE, replace(NOTICE, id="n-2", due=())]) == [confirmed]
    assert (box.was_confirmed(NOTICE, "chat"), box.is_finished(NOTICE, at(2))) == (True, True)
    assert box.deliver([NOTICE]) == [] and len(chat.arrived) == 1
    # Another process finds the same.
    again = outbox(tmp_path, chat)
    assert again.was_confirmed(NOTICE, "chat") and again.deliver([NOTICE]) == []


def test_a_notice_is_given_up_after_a_day(tmp_path):
    box = outbox(tmp_path, Received())
    day = NOTICE.created_at + timedelta(days=1)
    assert [box.is_finished(NOTICE, now) for now in (day, day + timedelta(seconds=1))] == [False, True]
    # A destination that is no longer configured keeps no notice.
    assert box.is_finished(replace(NOTICE, due=("gone",)), at(2))


def test_a_lost_response_is_repeated_a_few_times(tmp_path):
    lost = Received(*[refused(may_have_arrived=True) for _ in range(9)])
    box, statuses = outbox(tmp_path, lost), []
    while not statuses or statuses[-1] == "failed":
        [found] = box.deliver([NOTICE])
        statuses.append(found.status)
    assert statuses[-1] == "uncertain" and 1 < len(statuses) < 6
    calls = len(lost.errors)
    assert [each.status for each in box.deliver([NOTICE])] == ["uncertain"]
    assert len(lost.errors) == calls


def test_a_failure_is_repeated(tmp_path):
    failing = Received(*[refused(temporary=True) for _ in range(4)])
    box = outbox(tmp_path / "b", failing)
    # Four calls in one run, and the next run calls again.
    assert [each.status for each in box.deliver([NOTICE])] == ["failed"]
    assert failing.errors == []
    assert [each.status for each in box.deliver([NOTICE])] == ["confirmed"]
    lasting = Received(refused(), refused())
    [found] = outbox(tmp_path / "c", lasting).deliver([NOTICE])
    assert (found.status, len(lasting.errors)) == ("failed", 1)


# Changes


def test_a_cause_that_is_found_after_the_end_is_told_of_the_known_incident():
    def found(cause, start=1, end=2):
        bounds = {"start": at(start).isoformat(), "end": end and at(end).isoformat()}
        verdict = "supported" if cause else "inconclusive"
        return {"verdict": verdict, "cause": cause, "confidence": 0.9, "incident": bounds}

    state, _ = compare("orders", "backlog", QuestionState(), found(None), Window(at(0), at(3)))
    other = replace(INCIDENT, id="other", start=at(-9), end=at(-8))
    state = replace(state, past=(*state.past, other))
    known = state.past[0]
    state, [change] = compare("orders", "backlog", state, found("throttled"), Window(at(0), at(4)))
    assert (change.kinds, change.before, change.incident.id) == ((CAUSE_KNOWN,), known, known.id)
    assert state.past == (change.incident, other) and change.incident.cause == "throttled"
    assert state.open is None
    # Known now, so that nothing is told again.
    assert compare("orders", "backlog", state, found("throttled"), Window(at(0), at(5)))[1] == ()


def test_incidents_overlap_if_they_share_a_moment():
    one = replace(INCIDENT, start=at(1), end=at(2))
    for start, end, overlaps in (
        (2, 3, True), (2.1, 3, False), (0, 1, True), (0, 0.9, False), (0, None, True), (1.5, 1.6, True)
    ):  # fmt: skip
        bounds = {"start": at(start).isoformat(), "end": end and at(end).isoformat()}
        seen = {"verdict": "inconclusive", "cause": None, "confidence": 0.9, "incident": bounds}
        state = QuestionState(past=(one,))
        _, changes = compare("orders", "backlog", state, seen, Window(at(-1), at(9)))
        assert ("new-incident" in [kind for each in changes for kind in each.kinds]) is not overlaps


def test_harm_is_worse_when_it_has_doubled():
    bounds = {"start": INCIDENT.start.isoformat(), "end": None}
    for before, now, worse in (
        (5, {"lost_messages": 9}, False), (5, {"lost_messages": 10}, True), (0, {"lost_messages": 1}, True),
        (0, {"lost_messages": 0}, False), (5, {}, False),
        (9, {"lost_messages": 9, "affected_resource": ["/"]}, True),
    ):  # fmt: skip
        seen = {"verdict": "inconclusive", "cause": None, "confidence": 0.9, "incident": bounds}
        seen["facts"] = [{"id": name, "value": value} for name, value in now.items()]
        state = QuestionState(replace(INCIDENT, impact={"lost_messages": before}, cause=None))
        _, changes = compare("orders", "backlog", state, seen, Window(at(0), at(9)))
        assert ("worse" in [kind for each in changes for kind in each.kinds]) is worse


# Reports in a folder


@pytest.fixture
def site(tmp_path):
    """Return a function that adds the report of a day, with a note or a result beside it."""

    def add(day, note=None, incident=None):
        folder = tmp_path / f"2025{day}T020000Z-backlog-orders"
        folder.mkdir()
        diagnosed = None if incident is None else {**diagnosis(), "incident": incident}
        result = {"status": "ok", "question": "backlog", "case": "orders", "diagnosis": diagnosed}
        (folder / "result.json").write_text(json.dumps(result))
        if note is not None:
            (folder / ABOUT).write_text(json.dumps(note))
        return folder.name

    return add


def expired(tmp_path, days, keep_incidents=False, opened=("i-1",)):
    retention = Retention(None if days is None else timedelta(days=days), keep_incidents)
    delivery = Delivery(NOTICE, CONTENT, None, frozenset(opened))
    return sorted(retention.expired(tmp_path, delivery))


def test_reports_are_removed_after_their_days_but_for_those_of_open_incidents(tmp_path, site):
    start = at(1).isoformat()
    # Reports that no run has delivered: one of an incident that goes on, one of an ended one, one without.
    site("1101", incident={"start": start, "end": None})
    closed = site("1102", incident={"start": start, "end": start})
    quiet = site("1103")
    # Reports of this system, and one of another.
    first, last = (site(day, {"system": "orders", "incident": "i-1"}) for day in ("1104", "1105"))
    past = site("1106", {"system": "orders", "incident": "i-0"})
    site("1107", {"system": "refunds", "incident": "i-9"})
    calm = site("1108", {"system": "refunds", "incident": None})
    site("1125", {"system": "orders", "incident": "i-2"})
    # Of the open incident the last report stays.
    assert expired(tmp_path, 10) == [closed, quiet, first, past, calm]
    assert expired(tmp_path, 10, opened=()) == [closed, quiet, first, last, past, calm]
    # With incidents kept for ever, only reports without one go.
    assert expired(tmp_path, 10, keep_incidents=True) == [quiet, calm]
    assert expired(tmp_path, None) == []
    # A newer report of the open incident makes the older ones needless.
    site("1124", {"system": "orders", "incident": "i-1"})
    assert expired(tmp_path, 10) == [closed, quiet, first, last, past, calm]


def test_the_note_beside_a_report_names_its_incident():
    about = {"system": "orders", "incident": "orders-backlog-1", "notice": "n-1", "kinds": ["new-incident"]}
    delivery = Delivery(NOTICE, CONTENT, None)
    assert json.loads(note_of(delivery)) == about
    without = Delivery(replace(NOTICE, incident=None), CONTENT, None)
    assert json.loads(note_of(without)) == about | {"incident": None}


def test_a_report_is_copied_once_with_its_note_and_linked(tmp_path):
    page = tmp_path / "made" / "20251125T020000Z-backlog-orders"
    page.mkdir(parents=True)
    result = {
        "status": "ok", "question": "backlog", "case": "orders", "diagnosis": diagnosis(),
        "started_at": at(2).isoformat(),
    }  # fmt: skip
    (page / "result.json").write_text(json.dumps(result))
    (page / "report.html").write_text("first")
    sender = FilesSender(tmp_path / "site", Retention(None, False), "https://reports.example.com")
    delivery = Delivery(NOTICE, CONTENT, page)
    target = tmp_path / "site" / page.name
    assert sender.send(delivery) == str(target)
    (page / "report.html").write_text("second")
    sender.send(delivery)
    # A report that is there is complete, and is not copied again.
    assert (target / "report.html").read_text() == "first"
    assert (tmp_path / "site" / "index.html").is_file()
    assert sender.link(delivery) == f"https://reports.example.com/{page.name}/report.html"
    (tmp_path / "file").write_text("")
    with pytest.raises(DeliveryError):
        FilesSender(tmp_path / "file", Retention(None, False)).send(delivery)


# Digests and history


def digest(**changes):
    cost = TelemetryCost(2, 0.5, 100, 0.25, 3.0, 1.5)
    values = {
        "window": Window(at(0), at(24)), "incidents": (), "impact_s": 0.0, "dead_letters": 1, "lost": 2,
        "missed_work": 3, "drifts": (), "runs": 4, "failed_runs": 1, "gb": 5.0, "usd": 0.25, "alarms": (),
        "late": 6, "telemetry": cost,
    }  # fmt: skip
    return Digest(**values | changes)


def sentences(made):
    return digest_content(made, "orders", "en", UTC)


def test_a_digest_has_a_sentence_for_each_number():
    content = sentences(digest())
    span = TimeSpan(at(0), at(24))
    assert content.title == said("digest-title", system="orders", span=span)
    assert content.facts == ((said("delivery-system"), "orders"),)
    cost = {"alarms": 2, "alarm_usd": Number(0.5), "metrics": 100, "request_usd": Number(0.25)}
    plain = (
        said("digest-incidents", count=0, impact=Duration(0.0)),
        said("digest-messages", dead=1, lost=2, missing=3, unit="device"),
        said("digest-late", count=6),
        said("digest-no-alarms"),
        said("digest-cost", runs=4, failed=1, size=Bytes(5e9), usd=Number(0.25)),
        # Queries 0.25, alarms 0.5, requests 0.25 and logs 1.5.
        said("digest-telemetry", usd=Number(2.5), **cost),
        said("digest-logs", size=Bytes(3e9), usd=Number(1.5)),
    )
    assert content.sentences == plain
    unknown = sentences(digest(telemetry=TelemetryCost(2, 0.5, 100, 0.25, None, None))).sentences
    assert unknown[-2:] == (said("digest-telemetry", usd=Number(1.0), **cost), said("digest-logs-unknown"))


def test_a_digest_names_incidents_drifts_and_alarms():
    drift = message("digest-late", count=1)
    ended = replace(INCIDENT, end=at(3), cause=None)
    made = digest(
        incidents=(("backlog", INCIDENT), ("other", ended)), impact_s=5400.0, drifts=(drift.to_dict(),),
        alarms=(("age", "orders"), ("depth", "refunds")),
    )  # fmt: skip
    found = sentences(made).sentences
    assert found[0] == said("digest-incidents", count=2, impact=Duration(5400.0))
    unknown = said("verdict-name-inconclusive")
    assert found[2] == said("digest-incident", span=TimeSpan(at(1.5), at(3)), cause=unknown)
    assert unknown not in found[1]
    assert found[5:7] == (said("digest-drift"), said("digest-late", count=1))
    assert "age (orders)" in found[7] and "depth (refunds)" in found[7]


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
    stated = datetime.strptime(line[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - stated).total_seconds()) < 60 and line[23] == "Z"
    assert path.stat().st_mode & 0o777 == 0o600
    assert (logger.level, logger.handlers) == (level, handlers)


# Alarm events


def notification(**changes):
    return {
        "AlarmName": "age", "NewStateValue": "ALARM", "StateChangeTime": "2025-11-25T02:00:00",
        "Trigger": {"Dimensions": [{"name": "QueueName", "value": "orders"}], "Period": 60,
                    "EvaluationPeriods": 5},
        **changes,
    }  # fmt: skip


def test_the_event_of_a_notification_has_its_resources_and_span():
    # A time without a zone is in UTC; five periods of a minute.
    assert parse_alarm_event(json.dumps(notification())) == AlarmEvent(
        "age", "ALARM", at(2), ("orders",), (), timedelta(minutes=5)
    )
    metrics = [
        {
            "MetricStat": {
                "Metric": {"Dimensions": [{"name": "Resource", "value": "worker:7"}]},
                "Period": 300,
            }
        },
        {"Expression": "m1"},
    ]
    combined = parse_alarm_event(
        json.dumps(notification(Trigger={"Metrics": metrics, "EvaluationPeriods": 2}))
    )
    assert (combined.resources, combined.span) == (("worker",), timedelta(minutes=10))
    children = [{"Arn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:depth"}, {"Other": "x"}]
    rule = 'ALARM("age") OR OK(depth)'
    composite = parse_alarm_event(
        json.dumps(notification(Trigger=None, AlarmRule=rule, TriggeringChildren=children))
    )
    assert (composite.children, composite.resources, composite.span) == (("age", "depth"), (), timedelta(0))
    with pytest.raises(InputError) as refused:
        parse_alarm_event(json.dumps(notification(NewStateValue="BROKEN")))
    assert refused.value.args[0].id == "error-event-state"


def test_the_systems_of_an_alarm_have_one_of_its_resources():
    orders, refunds = System("orders", queues=("orders",)), System("refunds", functions=("refund-worker",))
    event = AlarmEvent("age", "ALARM", at(2), ("orders",), (), timedelta(0))
    assert systems_of_event(event, [orders, refunds]) == [orders]
    composite = replace(event, resources=(), children=("all",))
    alarms = {
        "MetricAlarms": [
            {"AlarmName": "errors", "Dimensions": [{"Name": "FunctionName", "Value": "refund-worker"}]},
            {"AlarmName": "ratio", "Metrics": [
                {"MetricStat": {"Metric": {"Dimensions": [{"Name": "QueueName", "Value": "orders"}]}}}
            ]},
        ],
        "CompositeAlarms": [
            {"AlarmName": "all", "AlarmRule": "ALARM(part)"},
            {"AlarmName": "part", "AlarmRule": "ALARM(errors) OR ALARM(all)"},
        ],
    }  # fmt: skip
    assert systems_of_event(composite, [orders, refunds], lambda: alarms) == [refunds]
    both = replace(composite, children=("ratio", "errors"))
    assert systems_of_event(both, [orders, refunds], lambda: alarms) == [orders, refunds]
    # Without the account, a resource in the name of a child counts as a whole word.
    named = replace(composite, children=("dead-orders-dlq", "reorders"))
    assert systems_of_event(named, [orders, refunds]) == [orders]
    for children in (("reorders",), ()):
        with pytest.raises(InputError) as refused:
            systems_of_event(replace(event, resources=("x",), children=children), [orders, refunds])
        assert refused.value.args[0].id == "error-event-no-system"


def test_a_digest_is_the_same_after_json():
    ended = replace(INCIDENT, end=at(3))
    made = digest(
        incidents=(("backlog", ended),), drifts=({"id": "x"},), alarms=(("age", "q"),), impact_s=5.0
    )
    assert Digest.from_dict(json.loads(json.dumps(made.to_dict()))) == made
