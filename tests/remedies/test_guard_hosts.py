"""The hosts of a guard, the evidence that it saves, and its notices."""

import threading
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from worlds.messages import messages_in

from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.remedies import alarms, guard
from watchme_analysis.remedies.guard import (
    Guard,
    GuardSettings,
    LocalHost,
    ManagedHost,
    evidence_commands,
)
from watchme_analysis.text.message import message

URL = "http://192.0.2.1:8000/health"


class Ssm:
    """Systems Manager, whose command has one state after the other."""

    def __init__(self, *states):
        self.states, self.calls, self.slept = list(states), [], []

    def call(self, service, operation, **values):
        self.calls.append((service, operation, values))
        if operation == "send_command":
            return {"Command": {"CommandId": "c-1"}}
        return self.states.pop(0)

    def sleep(self, seconds):
        self.slept.append(seconds)


def problem(raised):
    return next(iter(messages_in(raised.value.args[0]).items()))


def test_a_command_on_an_instance_is_followed_to_its_output():
    ssm = Ssm(
        {"Status": "Pending"}, {"Status": "InProgress"}, {"Status": "Success", "StandardOutputContent": "x"}
    )
    assert ManagedHost(ssm, "i-1").run("ss -tanp", 45.4) == "x"
    sent, *followed = ssm.calls
    assert sent == (
        "ssm",
        "send_command",
        {
            "InstanceIds": ["i-1"],
            "DocumentName": "AWS-RunShellScript",
            "TimeoutSeconds": 45,
            "Parameters": {"commands": ["ss -tanp"], "executionTimeout": ["45"]},
        },
    )
    names = {"CommandId": "c-1", "InstanceId": "i-1"}
    assert followed == [("ssm", "get_command_invocation", names)] * 3
    assert ssm.slept == [guard._SSM_POLL_S] * 2
    quick = Ssm({"Status": "Success"})
    assert ManagedHost(quick, "i-1").run("true", 0.2) == ""
    assert quick.calls[0][2]["TimeoutSeconds"] == 30, "SSM takes no less"
    assert quick.calls[0][2]["Parameters"]["executionTimeout"] == ["1"]


def test_a_command_on_an_instance_that_fails_or_lasts_is_a_sentence():
    ssm = Ssm({"Status": "Failed", "StandardErrorContent": f"{'x' * 400}no space "})
    with pytest.raises(ServiceError) as raised:
        ManagedHost(ssm, "i-1").run("df", 30)
    name, values = problem(raised)
    assert name == "error-guard-remote-failed"
    assert (values["command"], values["instance"], values["status"]) == ("df", "i-1", "Failed")
    assert len(values["error"]) == 300 and values["error"].endswith("no space")
    with pytest.raises(ServiceError) as raised:
        ManagedHost(Ssm(*[{"Status": "Delayed"}] * 3), "i-1").run("df", -1)
    assert problem(raised) == (
        "error-guard-remote-timeout",
        {"command": "df", "instance": "i-1", "seconds": "-1"},
    )


def test_a_command_on_this_machine_gives_its_output_or_a_sentence():
    host = LocalHost()
    assert host.run("printf 'a b'", 5) == "a b"
    with pytest.raises(ServiceError) as raised:
        host.run("sh -c 'echo out; echo bad >&2; exit 3'", 5)
    found = problem(raised)
    assert found[0] == "error-guard-command-failed" and found[1]["code"] == "3"
    assert found[1]["output"].split() == ["out", "bad"]
    with pytest.raises(ServiceError) as raised:
        host.run("sleep 5", 0.05)
    assert problem(raised) == ("error-guard-command-timeout", {"command": "sleep 5", "seconds": "0.05"})
    for command in ("/nonexistent/program", "echo 'open"):
        with pytest.raises(ServiceError) as raised:
            host.run(command, 1)
        assert problem(raised)[0] == "error-guard-command-unavailable"


def test_the_commands_of_the_evidence_are_about_the_port_and_the_container():
    alone = evidence_commands(URL)
    assert set(alone) == {"sockets.txt", "listening.txt", "processes.txt"}
    assert alone["listening.txt"].endswith(":8000")
    assert evidence_commands("http://192.0.2.1/health")["listening.txt"].endswith(":80")
    held = evidence_commands(URL, "my app")
    assert set(held) - set(alone) == {
        "container.json",
        "container-processes.txt",
        "container-usage.txt",
        "app.log",
    }
    assert all("'my app'" in held[name] for name in set(held) - set(alone))
    assert held["app.log"].startswith("docker logs") and held["container.json"].startswith("docker inspect")


def make(tmp_path, run, **changed):
    reported, notified = [], []
    made = Guard(
        GuardSettings(URL, **changed),
        SimpleNamespace(run=run),
        "restart it",
        {"good.txt": "good", "bad.txt": "bad"},
        tmp_path,
        notified.append,
        report=reported.append,
    )
    return made, reported, notified


def test_evidence_that_cannot_be_saved_is_noted(tmp_path):
    def run(command, timeout_s):
        if command == "bad":
            raise ServiceError("It broke.")
        assert 0 < timeout_s <= 30
        return "fine"

    made, *_ = make(tmp_path, run)
    folder, _ = made._save_evidence()
    assert (folder / "good.txt").read_text() == "fine"
    assert (folder / "not-saved.txt").read_text() == "bad.txt: It broke.\n"
    assert (folder / "probes.csv").exists() and made._thread_commands(1.0) == []

    late, *_ = make(tmp_path / "late", run, evidence_s=-1.0)
    folder, _ = late._save_evidence()
    lines = (folder / "not-saved.txt").read_text().splitlines()
    assert [line.partition(":")[0] for line in lines] == ["good.txt", "bad.txt"]
    assert not (folder / "good.txt").exists()


def test_threads_are_saved_of_each_process_that_listens(tmp_path):
    made, *_ = make(tmp_path, lambda command, timeout_s: "users:((a,pid=42,fd=3)) pid=7 pid=42")
    made.commands = {"listening.txt": "ss"}
    names = [name for name, _ in made._thread_commands(1.0)]
    assert {name for name in names if name.startswith("process-")} == {"process-42.txt", "process-7.txt"}

    def refuse(command, timeout_s):
        raise ServiceError("no")

    made.host = SimpleNamespace(run=refuse)
    assert made._thread_commands(1.0) == []


def test_a_guard_that_cools_down_or_stops_says_so_once(tmp_path):
    from watchme_analysis.files.journal import open_journal

    made, reported, notified = make(tmp_path, None, cooldown_s=90.0, most_per_day=2)
    recorded = []
    made.record = lambda: recorded.append(1)
    state = guard.GuardState(failures=3)
    with open_journal(tmp_path / "journal.jsonl") as journal:
        made._act("cool down", journal, state, threading.Event())
        assert messages_in(reported[-1]) == {"guard-cooling": {"within": 90.0}} and notified == []
        for _ in range(2):
            made._act("stop", journal, state, threading.Event())
        assert [messages_in(each) for each in notified] == [{"guard-stopped": {"url": URL, "count": 2}}]
        assert len(recorded) == 1
        made._act("none", journal, state, threading.Event())
        made._act("stop", journal, state, threading.Event())
        assert len(notified) == 1, "it has not been healthy since"
        made._act("none", journal, guard.GuardState(), threading.Event())
        made._act("stop", journal, state, threading.Event())
        assert len(notified) == 2


def test_a_notification_that_fails_is_reported(tmp_path):
    made, reported, _ = make(tmp_path, None)

    def refuse(sentence):
        raise ServiceError("no topic")

    made.notify = refuse
    made._report_and_notify(message("guard-cooling", within=guard.Duration(1.0)))
    assert [each.id for each in reported] == ["guard-cooling", "guard-unnotified"]


def test_what_the_command_line_makes_of_its_options(tmp_path, monkeypatch):
    from watchme_analysis.cli import guard as command

    options = dict.fromkeys(("container", "instance", "outside_url", "topic", "notify_command", "heartbeat"))
    options |= {"command": "restart it", "folder": tmp_path, "language": "en"}
    settings = GuardSettings(URL)
    made = command._guard(settings, options)
    assert isinstance(made.host, LocalHost) and made.restart_command == "restart it"
    assert (made.settings, made.folder, made.commands) == (settings, tmp_path, evidence_commands(URL))
    docker = options | {"command": None, "container": "my app", "outside_url": "https://example.com"}
    made = command._guard(settings, docker)
    assert made.restart_command == "docker restart 'my app'" and made.outside_url == "https://example.com"
    assert "container.json" in made.commands

    aws = SimpleNamespace(call=lambda *words, **values: calls.append((words, values)))
    calls, ran = [], []
    monkeypatch.setattr(command, "session_of", lambda _: aws)
    made = command._guard(settings, options | {"instance": "i-1", "heartbeat": True, "topic": "arn:x"})
    assert isinstance(made.host, ManagedHost)
    made.heartbeat()
    made.heartbeat()  # within a minute
    assert [words for words, _ in calls] == [("cloudwatch", "put_metric_data")]
    assert calls[0][1]["MetricData"][0]["Value"] == 1
    made.notify(message("guard-cooling", within=guard.Duration(60.0)))
    assert calls[-1][0] == ("sns", "publish") and calls[-1][1]["TopicArn"] == "arn:x"
    monkeypatch.setattr(guard.LocalHost, "run", lambda self, command, timeout_s: ran.append(command))
    quiet = command._guard(settings, options | {"notify_command": "mail me"})
    quiet.notify(message("guard-cooling", within=guard.Duration(60.0)))
    assert ran[0].startswith("mail me '") and len(calls) == 2

    for wrong, name in (
        ({"container": "x"}, "error-guard-one-restart"),
        ({"command": None}, "error-guard-one-restart"),
        ({"folder": None}, "error-guard-no-evidence"),
    ):
        with pytest.raises(InputError) as raised:
            command._guard(settings, options | wrong)
        assert name in messages_in(raised.value.args[0])
    with pytest.raises(InputError):
        command._guard(settings, options | {"outside_url": "ftp://example.com"})


def test_alarms_cost_by_metric_and_health_metrics_cost_more():
    def alarm(**parameters):
        return SimpleNamespace(is_composite=False, parameters=parameters)

    one, custom = alarms.ALARM_USD_PER_MONTH, alarms.CUSTOM_METRIC_USD_PER_MONTH
    cases = (
        ([alarm()], one),
        ([alarm(Metrics=[{"MetricStat": 1}, {"MetricStat": 1}, {"Expression": "x"}])], 2 * one),
        ([alarm(Namespace=alarms.HEALTH_NAMESPACE)], one + custom),
        ([SimpleNamespace(is_composite=True, parameters={})], alarms.COMPOSITE_ALARM_USD_PER_MONTH),
    )
    for definitions, usd in cases:
        assert alarms.monthly_usd(definitions) == pytest.approx(usd)


def test_a_guard_starts_at_the_restarts_of_its_journal():
    restarts = [datetime(2026, 3, 2, 4, tzinfo=UTC)]
    state = guard.GuardState(failures=2, restarts=restarts)
    settings = GuardSettings(URL, cooldown_s=60.0, most_per_day=2)

    def after(seconds):
        state.failures = 2
        now = datetime.fromtimestamp(restarts[-1].timestamp() + seconds, UTC)
        return guard.decide(settings, state, is_healthy=False, now=now)

    assert [after(seconds) for seconds in (59.9, 60)] == ["cool down", "restart"]
    restarts.insert(0, restarts[0])
    assert [after(seconds) for seconds in (86399, 86400)] == ["stop", "restart"]
