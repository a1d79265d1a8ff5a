"""Commands that change an account, over results that are made up: what each prints, writes and returns."""

import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from worlds.printed import is_error, lines_of, one_line, said

from watchme_analysis.cli.deploy import _show_check
from watchme_analysis.cli.deploy import deploy as deploy_group
from watchme_analysis.cli.guard import _guard, _heartbeat, _notifier
from watchme_analysis.cli.guard import guard as guard_command
from watchme_analysis.cli.output import Output
from watchme_analysis.cli.queue import queue_group
from watchme_analysis.cli.redrive import _complete
from watchme_analysis.cli.terminal import Printer
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.queues.redrive_list import ListedMessage, RedriveList
from watchme_analysis.remedies.guard import GuardSettings
from watchme_analysis.remedies.redrive import RedriveResult
from watchme_analysis.remedies.verified_redrive import RedriveAudit, RedriveLimits
from watchme_analysis.services.redrive import RedrivePlan, plan_sentences
from watchme_analysis.text.message import message

OUT = Printer("en")
URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders"
LINE = json.dumps({"QueueUrl": URL, "MessageBody": "x"})
DONE, OPEN = message("balance-open"), message("detect-no-incident")


def document(said_message):
    return {"sentence": one_line(said_message), "message": said_message.to_dict()}


# Redrives


def redrive_plan(path):
    listed = (ListedMessage("m-1", "orders", "orders-dlq", None, None),)
    urls = (("orders", URL), ("orders-dlq", f"{URL}-dlq"))
    found = RedriveList((LINE,), (), listed=listed, urls=urls)
    return RedrivePlan(found, (LINE,), RedriveResult(), path, holds_messages=True, unread=())


def test_a_complete_redrive_writes_its_audit_and_returns_its_outcome(tmp_path, capsys, monkeypatch):
    plan, asked = redrive_plan(tmp_path / "journal"), []
    options = {
        "rate": 2.0, "confirm_within_s": 60.0, "visibility_timeout": 30, "limit": 4, "apply_now": True,
        "profile": "night", "region": None, "to": tmp_path / "audit.json",
    }  # fmt: skip

    def run(outcome, form="table", **changes):
        audit = RedriveAudit(outcome, DONE, (), None, None, tmp_path / "journal")

        def complete(given, limits, **more):
            asked.append((given, limits, more["profile"], more["region"]))
            more["report"](OPEN)
            return audit

        monkeypatch.setattr("watchme_analysis.services.redrive.complete_redrive", complete)
        return _complete(plan, options | changes, Output(form), OUT), audit, capsys.readouterr()

    limits = RedriveLimits(2.0, 60.0, visibility_timeout_s=30, most=4)
    code, audit, (out, err) = run("complete")
    sentences = [one_line(each) for each in plan_sentences(plan, limits)]
    journal = said("redrive-audit-journal", journal=str(tmp_path / "journal"))
    assert lines_of(out) == [*sentences, one_line(OPEN), one_line(DONE), journal]
    assert (code, err, asked) == (0, "", [(plan, limits, "night", None)])
    assert json.loads((tmp_path / "audit.json").read_text()) == audit.to_dict()
    # In JSON there is neither a plan nor progress, and its end is a part of it.
    code, audit, (out, err) = run("stopped", "json", to=None)
    assert (code, json.loads(out), err) == (1, {"sentence": one_line(DONE)} | audit.to_dict(), "")
    code, _, (out, err) = run("refused", "jsonl", to=None)
    assert (code, out.strip(), lines_of(err)) == (2, "", [one_line(DONE)])


# Queues


def on_queue(*words):
    return CliRunner().invoke(queue_group, [*map(str, words), "--language", "en"], standalone_mode=False)


def test_an_archive_states_what_it_holds_and_what_may_be_missing(tmp_path, monkeypatch, front):
    file = tmp_path / "dlq.gz"

    def archived(*missed):
        found = SimpleNamespace(messages=[1, 2], sha256="0" * 64, missed=missed)
        monkeypatch.setattr("watchme_analysis.cli.queue.archive_queue", lambda *given: found)
        return found

    archived()
    about = {"queue": "orders-dlq", "archive": str(file), "messages": 2, "sha256": "0" * 64}
    words = ("archive", "orders-dlq", "--to", file)
    values = {"count": 2, "queue": "orders-dlq", "archive": str(file)}
    hashed = said("archive-hash", hash=f"`{'0' * 64}`")
    done = on_queue(*words)
    assert (done.return_value, lines_of(done.stdout)) == (0, [said("archive-done", **values), hashed])
    assert json.loads(on_queue(*words, "--json").stdout) == about | {"missed": []}
    archived(OPEN)
    cut = on_queue(*words)
    expected = [said("archive-incomplete", **values), one_line(OPEN), hashed]
    assert (cut.return_value, lines_of(cut.stdout)) == (1, expected)
    assert json.loads(on_queue(*words, "--json").stdout) == about | {"missed": [document(OPEN)]}
    assert json.loads(on_queue(*words, "--output", "jsonl").stdout) == about | {"missed": 1}


def test_the_check_of_a_package_has_its_problems_and_notes_in_each_form(capsys):
    checked = SimpleNamespace(problems=(OPEN,), notes=(message("balance-empty"),), verdict=DONE, modules=3)
    function = SimpleNamespace(handler="a.b", runtime="python3.13", architecture="arm64")

    def shown(form, function=function):
        _show_check(checked, Output(form), OUT, Path("build"), function)
        return capsys.readouterr().out

    noted = said("print-note", text=message("balance-empty"))
    assert lines_of(shown("table")) == [one_line(OPEN), noted, one_line(DONE)]
    # Before a plan the notes are not shown again, and the function is known from there.
    assert lines_of(shown("table", None)) == [one_line(OPEN), one_line(DONE)]
    parts = {
        "package": "build", "verdict": document(DONE), "problems": [document(OPEN)],
        "notes": [document(message("balance-empty"))], "modules": 3,
    }  # fmt: skip
    assert json.loads(shown("json", None)) == parts
    of_function = {"handler": "a.b", "runtime": "python3.13", "architecture": "arm64"}
    assert json.loads(shown("json")) == parts | of_function
    assert [json.loads(line) for line in shown("jsonl").splitlines()] == [
        {"kind": "problem", "sentence": one_line(OPEN)},
        {"kind": "note", "sentence": one_line(message("balance-empty"))},
    ]


def test_a_deployment_is_planned_with_the_options_or_refused(tmp_path, monkeypatch, front):
    from watchme_analysis.remedies.plan import Plan

    asked = []
    event, layer, to = (tmp_path / name for name in ("event.json", "layer", "plan.json"))
    event.write_text("{}")
    layer.mkdir()
    made = Plan("deploy", DONE, datetime(2026, 1, 1, tzinfo=UTC), "123456789012", "eu-west-1")

    def plan(package, name, aws, path, chosen, *, skip_check):
        asked.append((package, name, path, chosen, skip_check))
        return answers.pop()

    answers = [made]
    monkeypatch.setattr("watchme_analysis.remedies.deployment.plan_deployment", plan)
    monkeypatch.setattr("watchme_analysis.services.deploy.recorded_events", lambda *given: given)
    words = [
        "plan", str(tmp_path), "--function", "f", "--alias", "live", "--event", str(event),
        "--layer", str(layer), "--watch", "5", "--watch-invocations", "2", "--skip-check", "--to", str(to),
        "--json", "--language", "en",
    ]  # fmt: skip
    done = CliRunner().invoke(deploy_group, words, standalone_mode=False)
    assert (done.return_value, json.loads(done.stdout)) == (0, made.to_dict())
    [(package, name, path, chosen, skip_check)] = asked
    assert (package, name, path, skip_check) == (tmp_path, "f", to, True)
    assert (chosen.alias, chosen.layers, chosen.watch_s, chosen.watch_invocations) == (
        "live",
        (layer,),
        5.0,
        2,
    )
    assert chosen.events == ((event,), None, "f", "en")
    for given, name in (
        ((), "PACKAGE"), ((str(tmp_path),), "--function"), ((str(tmp_path), "--function", "f"), "--to")
    ):  # fmt: skip
        missing = CliRunner().invoke(deploy_group, ["plan", *given], standalone_mode=False).exception
        assert missing.param_hint == name


# The guard


def options_of_guard(tmp_path, **changes):
    return {
        "command": "restart it", "container": None, "instance": None, "folder": tmp_path, "topic": None,
        "heartbeat": False, "language": "en", "notify_command": None, "outside_url": None, "profile": None,
        "region": None, **changes,
    }  # fmt: skip


SETTINGS = GuardSettings("http://127.0.0.1/health")


def test_a_guard_restarts_by_a_command_or_a_container(tmp_path, capsys):
    made = _guard(SETTINGS, options_of_guard(tmp_path, outside_url="https://example.com/health"))
    assert (made.settings, made.restart_command, made.folder) == (SETTINGS, "restart it", tmp_path)
    assert made.outside_url == "https://example.com/health" and type(made.host).__name__ == "LocalHost"
    made.report(DONE)
    assert (lines_of(capsys.readouterr().out), made.heartbeat()) == ([one_line(DONE)], None)
    container = _guard(SETTINGS, options_of_guard(tmp_path, command=None, container="my api"))
    assert container.restart_command == "docker restart 'my api'"
    for changes, message_id in (
        ({"container": "x"}, "error-guard-one-restart"), ({"command": None}, "error-guard-one-restart"),
        ({"folder": None}, "error-guard-no-evidence"),
    ):  # fmt: skip
        with pytest.raises(InputError) as refused:
            _guard(SETTINGS, options_of_guard(tmp_path, **changes))
        assert is_error(refused.value, message_id)
    with pytest.raises(Exception, match="ftp"):
        _guard(SETTINGS, options_of_guard(tmp_path, outside_url="ftp://example.com"))


def test_a_guard_runs_until_it_is_stopped_and_records_in_its_case(tmp_path, small_case, monkeypatch):
    ran = []
    stop = threading.Event()
    monkeypatch.setattr("watchme_analysis.evidence.prober.stop_on_signals", lambda: stop)
    monkeypatch.setattr(
        "watchme_analysis.remedies.guard.Guard.run", lambda self, *given: ran.append((self, *given))
    )
    words = ["http://127.0.0.1/health", "--restart", "x", "--evidence", str(tmp_path), "--failures", "4"]
    for more in ((), ("--case", str(small_case.path))):
        done = CliRunner().invoke(guard_command, [*words, *more], standalone_mode=False)
        assert done.return_value == 0, done.exception
    (alone, journal, event), (recorded, *_) = ran
    assert (journal, event, alone.settings.failures) == (tmp_path / "guard.journal.jsonl", stop, 4)
    assert alone.record is not recorded.record and recorded.record.__name__ == "record"


class Calls:
    """An account that notes its calls, and refuses them if it has an error."""

    def __init__(self, error=None):
        self.made, self.error = [], error

    def call(self, service, operation, **values):
        self.made.append((service, operation, values))
        if self.error is not None:
            raise self.error


def test_a_person_is_notified_by_topic_and_by_command(tmp_path, monkeypatch):
    ran, aws = [], Calls()
    monkeypatch.setattr(
        "watchme_analysis.remedies.guard.LocalHost.run", lambda self, *given: ran.append(given)
    )
    _notifier(options_of_guard(tmp_path, topic="t", notify_command="mail me"), aws, "en")(DONE)
    text = one_line(DONE)
    assert aws.made == [("sns", "publish", {"TopicArn": "t", "Subject": "watchme guard", "Message": text})]
    assert ran == [(f"mail me '{text}'", 60.0)]
    _notifier(options_of_guard(tmp_path), Calls(), "en")(DONE)
    _notifier(options_of_guard(tmp_path, topic="t"), None, "en")(DONE)
    assert len(ran) == 1


def test_the_heartbeat_is_published_once_a_minute_and_survives_a_failure(monkeypatch, capsys):
    moments = iter([0.0, 0.0, 59.9, 60.0, 60.0])
    monkeypatch.setattr("time.monotonic", lambda: next(moments))
    aws = Calls()
    beat = _heartbeat(aws, OUT)
    for _ in range(3):
        beat()
    data = {"Namespace": "Watchme", "MetricData": [{"MetricName": "GuardHeartbeat", "Value": 1}]}
    assert aws.made == [("cloudwatch", "put_metric_data", data)] * 2
    monkeypatch.setattr("time.monotonic", lambda: 0.0)
    _heartbeat(Calls(ServiceError("Denied.")), OUT)()
    assert lines_of(capsys.readouterr().err) == ["Denied."]
