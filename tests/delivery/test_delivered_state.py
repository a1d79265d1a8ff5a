"""What a run keeps between runs: its files, its lock, its limits, its outbox, and what it makes of them."""

import fcntl
import json
import logging
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from worlds.deliveries import NO_WAIT, Received, at, diagnosis, refused
from worlds.printed import is_error, said

from watchme_analysis.config import Destination, RunSettings, System
from watchme_analysis.delivery.alarm_event import AlarmEvent, parse_alarm_event, systems_of_event
from watchme_analysis.delivery.budget import Budget, BudgetError
from watchme_analysis.delivery.changes import (
    CAUSE_KNOWN,
    Change,
    Incident,
    QuestionState,
    compare,
)
from watchme_analysis.delivery.content import Content
from watchme_analysis.delivery.destinations.base import Delivery, DeliveryError
from watchme_analysis.delivery.destinations.files import ABOUT, FilesSender, Retention, note_of
from watchme_analysis.delivery.digest import Digest, digest_content
from watchme_analysis.delivery.journal import shortened
from watchme_analysis.delivery.notice import Notice, notice_of, notice_of_change, receives, with_due
from watchme_analysis.delivery.outbox import Delivered, Outbox
from watchme_analysis.delivery.run import logged
from watchme_analysis.delivery.run_lock import RunInProgressError, system_lock
from watchme_analysis.delivery.storage import Storage
from watchme_analysis.delivery.system_state import SystemState, read_state, write_state
from watchme_analysis.delivery.telemetry import TelemetryCost
from watchme_analysis.errors import InputError
from watchme_analysis.text.message import Bytes, Duration, Number, TimeSpan, message
from watchme_analysis.window import Window

INCIDENT = Incident("orders-backlog-1", at(1.5), None, "consumer_failing", None, 0.9, {"lost_messages": 2})
NOTICE = Notice("n-1", ("new-incident",), "orders", "backlog", at(2), INCIDENT, due=("chat",))
CONTENT = Content("Title", (), (), (), (), "en")


# Files


def test_documents_and_lines_are_what_was_written(tmp_path):
    moments = []
    storage = Storage(tmp_path / "a", moments.append).within("b")
    assert storage.folder == tmp_path / "a" / "b"
    assert (storage.read("x.json"), [*storage.lines("x.jsonl")]) == (None, [])
    storage.write("x.json", {"name": "日報\ud83d"})
    assert storage.read("x.json") == {"name": "日報\ud83d"}
    assert "日報" in (storage.folder / "x.json").read_text()
    for number in range(2):
        storage.append("x.jsonl", {"n": number})
    # A killed run has left half a line; a text and a list are no entries.
    with (storage.folder / "x.jsonl").open("a") as file:
        file.write('"text"\n[1]\n{"half": ')
    storage.append("x.jsonl", {"n": 2})
    assert [*storage.lines("x.jsonl")] == [{"n": 0}, {"n": 1}, {"n": 2}]
    storage.rewrite("x.jsonl", [{"n": "日"}])
    assert (storage.folder / "x.jsonl").read_text() == '{"n": "日"}\n'
    modes = [path.stat().st_mode & 0o777 for path in (storage.folder, *sorted(storage.folder.iterdir()))]
    assert modes == [0o700, 0o600, 0o600]
    assert moments == ["wrote x.json", *["appended to x.jsonl"] * 3, "rewrote x.jsonl"]
    (storage.folder / "list.json").write_text("[]")
    assert storage.read("list.json") is None


def test_a_folder_or_a_document_of_something_else_is_an_error(tmp_path):
    (tmp_path / "file").write_text("{")
    with pytest.raises(InputError) as refused:
        Storage(tmp_path / "file").create()
    assert refused.value.args[0].id == "error-state-folder" and str(tmp_path / "file") in str(refused.value)
    with pytest.raises(InputError) as refused:
        Storage(tmp_path).read("file")
    assert refused.value.args[0].id == "error-state-unreadable"


def test_the_state_of_a_system_is_read_as_it_was_stored(tmp_path):
    storage = Storage(tmp_path)
    assert read_state(storage) == SystemState()
    ended = replace(INCIDENT, id="old", end=at(1))
    state = SystemState(
        {"backlog": QuestionState(INCIDENT, (ended,), at(3)), "health": QuestionState()},
        (replace(NOTICE, before=ended, earlier=3, error="It broke.", pages={"en": "p"}, has_diagnosis=True),),
        "It failed.",
        {"chat": "It is down."},
    )
    write_state(storage, state)
    assert read_state(storage) == state
    assert state.open_incidents == {"orders-backlog-1"}
    (tmp_path / "state.json").write_text('{"version": 2}')
    with pytest.raises(InputError) as refused:
        read_state(storage)
    assert is_error(
        refused.value, "error-state-version", path=tmp_path / "state.json", found=2, known=1
    )  # fmt: skip


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


def test_runs_of_a_day_share_what_they_may_scan(tmp_path):
    budget = Budget(Storage(tmp_path), RunSettings(
        max_gb=4.0, max_usd=100.0, max_gb_per_day=10.0, max_usd_per_day=100.0, usd_per_gb=0.5
    ))  # fmt: skip
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    assert budget.reserve("a", noon) == 4.0
    entry = {"at": "2026-01-02T12:00:00+00:00", "gb": 4.0, "usd": 2.0}
    assert json.loads((tmp_path / "spending.json").read_text()) == {"runs": {"a": entry}}
    budget.settle("a", 7.0, noon)
    assert budget.reserve("b", noon) == 3.0
    with pytest.raises(BudgetError) as refused:
        budget.reserve("c", noon)
    reached = "max_gb_per_day (10 GB)"
    assert is_error(refused.value, "error-budget-reached", day="2026-01-02", reached=reached)
    # The next day has a budget of its own; entries stay for two days.
    assert budget.reserve("d", noon + timedelta(days=1)) == 4.0
    kept = json.loads((tmp_path / "spending.json").read_text())["runs"]
    assert [*kept] == ["a", "b", "d"]
    budget.settle("e", 0.0, noon + timedelta(days=2))
    assert [*json.loads((tmp_path / "spending.json").read_text())["runs"]] == ["d", "e"]


def test_a_limit_in_dollars_counts_like_one_in_gigabytes(tmp_path):
    budget = Budget(Storage(tmp_path), RunSettings(
        max_gb=100.0, max_usd=2.0, max_gb_per_day=1000.0, max_usd_per_day=3.0, usd_per_gb=0.5
    ))  # fmt: skip
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    # Two dollars at half a dollar a GB, then the dollar that is left of the day.
    assert [budget.reserve(name, noon) for name in "ab"] == [4.0, 2.0]
    with pytest.raises(BudgetError) as refused:
        budget.reserve("c", noon)
    assert is_error(
        refused.value, "error-budget-reached", day="2026-01-02", reached="max_usd_per_day (3 USD)"
    )  # fmt: skip


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


def outbox(tmp_path, sender, now=None):
    sender.checkpoint = lambda moment: None
    return Outbox(
        Storage(tmp_path), {"chat": sender}, lambda notice, name: Delivery(notice, CONTENT, None), NO_WAIT
    )


def test_a_delivery_is_confirmed_once(tmp_path):
    chat = Received()
    box = outbox(tmp_path, chat)
    confirmed = Delivered("chat", "n-1", "new-incident", "confirmed", "receipt-1")
    assert box.is_finished(NOTICE, at(2)) is False
    assert box.deliver([NOTICE, replace(NOTICE, id="n-2", due=())]) == [confirmed]
    assert confirmed.to_dict() == {
        "destination": "chat", "notice": "n-1", "kind": "new-incident", "status": "confirmed",
        "detail": "receipt-1",
    }  # fmt: skip
    assert (box.was_confirmed(NOTICE, "chat"), box.is_finished(NOTICE, at(2))) == (True, True)
    assert box.deliver([NOTICE]) == [] and len(chat.arrived) == 1
    box.close()
    # Another process finds the same in the journal.
    again = outbox(tmp_path, chat)
    assert again.was_confirmed(NOTICE, "chat") and again.deliver([NOTICE]) == []


def test_a_notice_is_given_up_after_a_day(tmp_path):
    box = outbox(tmp_path, Received())
    day = NOTICE.created_at + timedelta(days=1)
    assert [box.is_finished(NOTICE, now) for now in (day, day + timedelta(seconds=1))] == [False, True]
    # A destination that is no longer configured keeps no notice.
    assert box.is_finished(replace(NOTICE, due=("gone",)), at(2))


def test_a_call_of_a_killed_run_is_repeated_only_where_that_does_no_harm(tmp_path):
    uncertain = said("delivery-uncertain")
    for name, repeatable, status in (
        ("once", timedelta(0), "uncertain"),
        ("page", timedelta.max, "confirmed"),
    ):
        chat = Received()
        chat.repeatable_for = repeatable
        box = outbox(tmp_path / name, chat)
        for event in ("intended", "sent"):
            box.journal("chat").write(NOTICE.id, event)
        [found] = box.deliver([NOTICE])
        assert (found.status, found.detail) == (status, uncertain if status == "uncertain" else "receipt-1")
        assert len(chat.arrived) == (status == "confirmed")
        # What is uncertain is reported again, and not sent.
        if status == "uncertain":
            assert [each.status for each in box.deliver([NOTICE])] == ["uncertain"]
            assert chat.arrived == []


def test_what_may_have_arrived_is_uncertain_and_a_failure_is_repeated(tmp_path):
    arrived = Received(refused(may_have_arrived=True))
    [found] = outbox(tmp_path / "a", arrived).deliver([NOTICE])
    assert (found.status, found.detail, len(arrived.arrived)) == ("uncertain", "The destination is down.", 0)
    failing = Received(*[refused(temporary=True) for _ in range(4)])
    box = outbox(tmp_path / "b", failing)
    [found] = box.deliver([NOTICE])
    # Four calls in one run, and the next run calls again.
    assert (found.status, failing.errors) == ("failed", [])
    [found] = box.deliver([NOTICE])
    assert found.status == "confirmed"
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


def test_a_journal_is_shortened_to_what_runs_still_need():
    def entry(key, event, thread=None):
        return {"key": key, "event": event, "thread": thread}

    entries = [
        entry("root", "confirmed", "t-1"),
        entry("second", "confirmed", "t-1"),
        entry("gone", "confirmed", "t-2"),
        entry("open", "sent"),
        entry("unsure", "uncertain"),
        entry("failed", "failed"),
        entry("failed", "confirmed"),
        entry("new", "confirmed", "t-1"),
        entry("plain", "intended"),
    ]
    # The root of a thread that goes on, and a notice that is not finished.
    kept = [each["key"] for each in shortened(entries, 2)]
    assert kept == ["root", "open", "new", "plain"]


def test_a_digest_is_the_same_after_json():
    ended = replace(INCIDENT, end=at(3))
    made = digest(
        incidents=(("backlog", ended),), drifts=({"id": "x"},), alarms=(("age", "q"),), impact_s=5.0
    )
    assert Digest.from_dict(json.loads(json.dumps(made.to_dict()))) == made
