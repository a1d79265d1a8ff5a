"""Runs of a system: what is delivered when, with limits, locks, failures and kills."""

import json
import os
import time
from dataclasses import replace
from itertools import count

import pytest
from worlds import deliveries
from worlds.deliveries import Received, diagnosis, folder_of_reports, refused, world
from worlds.receivers import dripping_server

from watchme_analysis.config import Destination
from watchme_analysis.delivery.destinations.registry import sender_of
from watchme_analysis.delivery.run_lock import RunInProgressError, system_lock
from watchme_analysis.delivery.state import State, SystemState
from watchme_analysis.errors import ReportError, ServiceError

FAILING = {"cause": "consumer_failing", "start": 1}


def outcomes(result):
    return [(each["destination"], each["kind"], each["status"]) for each in result["deliveries"]]


def test_each_change_is_delivered_once_and_the_same_look_again_delivers_nothing(tmp_path):
    chat = Received()
    found = world(tmp_path, chat=chat)
    for hour, seen in (
        (1, diagnosis()),
        (2, diagnosis(start=1.5)),
        (2, diagnosis(start=1.5)),
        (3, diagnosis(start=1.5, cause="consumer_failing")),
        (4, diagnosis(start=1.5, end=3.5, cause="consumer_failing")),
        (4, diagnosis(start=1.5, end=3.5, cause="consumer_failing")),
    ):
        assert found.run(hour, seen)["status"] == "ok"
    assert chat.arrived == [("new-incident",), ("cause-known",), ("resolved",)]
    assert len({delivery.notice.thread for delivery in chat.deliveries}) == 1


def test_each_destination_has_its_language_and_level_and_equal_reports_are_made_once(tmp_path):
    pages = [folder_of_reports(tmp_path / name) for name in ("a", "b", "c")]
    chat = Received()
    found = world(
        tmp_path / "state",
        a=({"language": "ja", "redact": "ids"}, pages[0]),
        b=({"language": "ja", "redact": "ids"}, pages[1]),
        c=({}, pages[2]),
        chat=({"language": "ja", "redact": "share"}, chat),
    )
    assert found.run(2, diagnosis(**FAILING))["status"] == "ok"
    assert sorted(found.reports) == [("en", "secrets"), ("ja", "ids")]
    pages = {name: next((tmp_path / name).glob("2*/report.html")).read_text() for name in ("a", "b", "c")}
    assert pages == {"a": "<p>ja ids</p>", "b": "<p>ja ids</p>", "c": "<p>en secrets</p>"}
    assert chat.deliveries[0].content.language == "ja"


def test_messages_link_reports_of_the_same_or_a_stricter_redaction(tmp_path):
    weak, strict = Received(), Received()
    files = folder_of_reports(tmp_path / "reports", url="https://reports.example.com/")
    found = world(
        tmp_path / "state",
        files=({"redact": "ids"}, files),
        weak=({"redact": "secrets"}, weak),
        strict=({"redact": "share"}, strict),
    )
    found.run(2, diagnosis(**FAILING))
    name = next((tmp_path / "reports").glob("2*")).name
    assert weak.deliveries[0].content.link == f"https://reports.example.com/{name}/report.html"
    assert strict.deliveries[0].content.link is None


def test_a_failing_destination_affects_no_other_and_is_reported_once(tmp_path):
    down, good, errors = Received(*[refused() for _ in range(3)]), Received(), Received()
    found = world(tmp_path, down=down, good=good, errors=({"when": "failures", "errors": True}, errors))
    first = found.run(2, diagnosis(**FAILING))
    assert first["status"] == "partial"
    assert outcomes(first) == [
        ("down", "new-incident", "failed"),
        ("good", "new-incident", "confirmed"),
        ("errors", "delivery-failed", "confirmed"),
    ]
    assert "down: The destination is down." in errors.deliveries[0].notice.error
    found.run(3, diagnosis(**FAILING))  # tried twice: before and after the look
    assert down.arrived == [] and errors.arrived == [("delivery-failed",)]
    assert found.run(4, diagnosis(**FAILING))["status"] == "ok"
    assert down.arrived == good.arrived == [("new-incident",)]


def test_a_run_without_a_report_blocks_no_folder_of_reports(tmp_path):
    """A failed run and a report that could not be made are no failed deliveries of a folder."""
    pages = folder_of_reports(tmp_path / "pages")
    every = {"when": "every-run", "errors": True}
    chat = Received()
    found = world(tmp_path / "state", pages=({"type": "files", **every}, pages), chat=(every, chat))
    failed = found.run(1, ServiceError("AWS is down."))
    assert (failed["status"], outcomes(failed)) == ("failed", [("chat", "run-failed", "confirmed")])
    found.report_error = ReportError("no")
    partial = found.run(2, diagnosis(**FAILING))
    assert (partial["status"], outcomes(partial)) == ("partial", [("chat", "new-incident", "confirmed")])
    found.report_error = None
    whole = found.run(3, diagnosis(**FAILING))
    assert whole["status"] == "ok"
    assert outcomes(whole) == [("pages", "no-change", "confirmed"), ("chat", "no-change", "confirmed")]
    assert len([*(tmp_path / "pages").glob("*/report.html")]) == 1


def test_no_exception_of_a_destination_ends_a_run(tmp_path):
    class Broken(Received):
        def send(self, delivery):
            raise KeyError("secret-part")

    good = Received()
    result = world(tmp_path, broken=Broken(), good=good).run(2, diagnosis(**FAILING))
    assert outcomes(result) == [("broken", "new-incident", "failed"), ("good", "new-incident", "confirmed")]
    assert "KeyError" in result["deliveries"][0]["detail"] and "secret-part" not in json.dumps(result)


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\nX-A: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_destination_that_never_ends_keeps_no_other_waiting(tmp_path, monkeypatch, begin):
    """Each byte of a response arrives in time, and the whole never does."""
    with dripping_server(begin) as port:
        monkeypatch.setenv("HOOK", f"http://127.0.0.1:{port}/secret-part")
        hook = Destination("hook", "slack", settings={"webhook": "env:HOOK"})
        found = world(tmp_path, endless=sender_of(hook, tmp_path, None), good=Received())
        found.pace = replace(deliveries.NO_WAIT, call_s=0.5)
        result = found.run(2, diagnosis(**FAILING))
    assert outcomes(result) == [("endless", "new-incident", "failed"), ("good", "new-incident", "confirmed")]
    assert result["seconds"] < 5


def test_a_temporary_failure_is_repeated_in_the_same_run_after_the_others(tmp_path, monkeypatch):
    order = []
    slow, good = Received(refused(temporary=True), refused(temporary=True, retry_after_s=7)), Received()
    found = world(tmp_path, slow=slow, good=good)
    waits = []
    monkeypatch.setattr(time, "sleep", waits.append)
    slow.send = lambda delivery, send=slow.send: (order.append("slow"), send(delivery))[1]
    good.send = lambda delivery, send=good.send: (order.append("good"), send(delivery))[1]
    assert found.run(2, diagnosis(**FAILING))["status"] == "ok"
    assert order == ["slow", "good", "slow", "slow"]
    assert waits and 6 < waits[-1] <= 7


STORY = [
    (2, diagnosis(start=1.5)),
    (3, diagnosis(start=1.5, cause="consumer_failing", facts={"dead_letters": 4})),
    (4, diagnosis(start=1.5, end=3.5, cause="consumer_failing", facts={"dead_letters": 4})),
]
NOTICES = [("new-incident",), ("cause-known", "worse"), ("resolved", "worse")]


def killed_story(folder, look, kill_at):
    """Return a world in which one look was killed at a moment and repeated, and whether it was killed."""
    chat, down = Received(), Received(refused())
    files = folder_of_reports(folder / "reports")
    found = world(folder / "state", files=files, chat=chat, down=down)
    was_killed = False
    for number, (hour, seen) in enumerate(STORY):
        if number == look:
            was_killed = found.run(hour, seen, kill_at) is None
        found.run(hour, seen)
    found.run(5, diagnosis())
    return found, chat, down, was_killed


@pytest.mark.slow
# A look at an incident that goes on does all that others do; of these, every third moment is killed.
@pytest.mark.parametrize(("look", "step"), [(1, 1), (0, 3), (2, 3)])
def test_a_run_killed_at_any_moment_delivers_each_change_at_least_once(tmp_path, look, step):
    for kill_at in count(1, step):
        folder = tmp_path / str(kill_at)
        found, chat, down, was_killed = killed_story(folder, look, kill_at)
        if not was_killed:
            break
        for sender in (chat, down):
            assert {kinds[0] for kinds in sender.arrived} == {kinds[0] for kinds in NOTICES}, kill_at
            # At most the notice of the killed call arrived twice, with the same id for its readers.
            ids = [delivery.content.sentences[-1] for delivery in sender.deliveries]
            assert len(ids) <= len(NOTICES) + 1 and len({*ids}) == len(NOTICES), kill_at
        reports = sorted((folder / "reports").glob("2*"))
        assert [path.name[:11] for path in reports] == ["20251125T02", "20251125T03", "20251125T04"]
        assert all((path / "result.json").is_file() and (path / "notice.json").is_file() for path in reports)
        assert not list((folder / "state" / "orders" / "outbox").glob("*"))
        assert any(result.get("killed_before") for result in found.results)
    assert kill_at > 15


def test_a_dry_run_stores_and_delivers_nothing(tmp_path):
    chat = Received()
    found = world(tmp_path, chat=chat)
    result = found.run(2, diagnosis(**FAILING), is_dry=True)
    assert outcomes(result) == [("chat", "new-incident", "planned")]
    assert chat.arrived == [] and State(tmp_path).system("orders") == SystemState()
    found.run(2, diagnosis(**FAILING))
    assert chat.arrived == [("new-incident",)]


def test_one_run_at_a_time_and_a_killed_runs_lock_is_taken_over(tmp_path):
    busy = rf"orders is in progress \(process {os.getpid()} on "
    with (
        system_lock(tmp_path, "orders"),
        pytest.raises(RunInProgressError, match=busy),
        system_lock(tmp_path, "orders"),
    ):
        pass
    (tmp_path / "lock").write_text(json.dumps({"pid": 1, "host": "gone", "since": "2025"}))
    with system_lock(tmp_path, "orders") as killed:
        assert killed["host"] == "gone"
    with system_lock(tmp_path, "orders") as killed:
        assert killed is None


def killed():
    raise deliveries.Killed


def test_runs_of_a_day_share_a_limit_and_a_killed_run_counts_with_its_own(tmp_path):
    found = world(tmp_path, chat=Received())
    found.settings = replace(
        found.settings, max_gb=4.0, max_gb_per_day=9.0, max_usd_per_day=1.0, usd_per_gb=0.01
    )
    found.gb = 3.0
    found.run(1, diagnosis())
    found.during = killed  # while the evidence is collected
    assert found.run(2, diagnosis()) is None
    found.during = lambda: None
    found.run(3, diagnosis())
    failed = found.run(4, diagnosis())
    assert found.scanned == [4.0, 4.0, 2.0]
    assert failed["status"] == "failed" and "max_gb_per_day (9 GB)" in failed["error"]
    assert found.run(25, diagnosis())["status"] == "ok"
    found.settings = replace(found.settings, max_usd=0.02, max_gb_per_day=100.0)
    found.run(26, diagnosis())
    assert found.scanned[-1] == 2.0


def test_an_error_has_stand_ins_at_a_stricter_level(tmp_path):
    plain, strict = Received(), Received()
    found = world(
        tmp_path, plain=({"when": "failures"}, plain), strict=({"when": "failures", "redact": "ids"}, strict)
    )
    found.run(2, ServiceError("arn:aws:sns:eu-west-1:210987654321:x is not there."))
    texts = [" ".join(each.deliveries[0].content.sentences) for each in (plain, strict)]
    assert ["210987654321" in text for text in texts] == [True, False]
