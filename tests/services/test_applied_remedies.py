"""Remedies that are applied and recorded in a case: plans, purges, and what the configuration names."""

import json
from datetime import UTC, datetime

import pytest
from worlds.aws_front import FAST
from worlds.memory_queues import URL, MemoryQueues
from worlds.messages import refusal
from worlds.stored_case import store_case

from watchme_analysis.case.actions import read_actions
from watchme_analysis.config import System
from watchme_analysis.errors import ServiceError
from watchme_analysis.remedies.apply import apply_plan, journal_of, undo
from watchme_analysis.remedies.plan import Call, Plan, Step
from watchme_analysis.remedies.queue_archive import ReadingOptions, archive_queue
from watchme_analysis.remedies.queue_purge import purge_queue
from watchme_analysis.services.check_config import check_system
from watchme_analysis.text.message import message

WHY = message("plan-nothing")
READING = ReadingOptions(60)
NAMES = [f"00000000-0000-4000-8000-{number:012}" for number in range(4)]


@pytest.fixture
def memory():
    account = MemoryQueues(rate_limits=FAST)
    account.held = {"jobs": {}, "jobs-dlq": {}}
    account.responses["set_queue_attributes"] = {}
    return account


@pytest.fixture
def raw(tmp_path):
    """A folder of evidence that is no case."""
    folder = tmp_path / "raw"
    folder.mkdir()
    rows = "timestamp,vantage,path,status,seconds,error\n2026-03-02T04:00:00Z,a,/,200,1,\n"
    (folder / "probes.csv").write_text(rows)
    return folder


def plan_of(*names):
    def call(value):
        return Call(
            "sqs", "set_queue_attributes", {"QueueUrl": URL + "jobs", "Attributes": {"DelaySeconds": value}}
        )

    steps = tuple(Step(name, "jobs", WHY, call("5"), undo=(call("0"),)) for name in names)
    return Plan("test", WHY, datetime(2026, 3, 2, tzinfo=UTC), "123456789012", "eu-west-1", steps=steps)


def test_steps_of_a_plan_are_recorded_also_when_it_stops(memory, raw, tmp_path):
    case = store_case(tmp_path / "case", queues=[{"queue": "jobs"}]).path
    path = tmp_path / "plan.json"
    assert journal_of(path) == tmp_path / "plan.json.journal.jsonl"
    plan, journal, reported = plan_of("one", "two"), journal_of(path), []
    memory.problems["set_queue_attributes"] = [None, ServiceError("denied")]
    stopped = apply_plan(
        plan, journal, memory, lambda step, said: reported.append((step.name, said.id)), case
    )
    assert (stopped.outcome, stopped.done) == ("stopped", ("one",))
    assert reported == [("one", "plan-step-done"), ("two", "plan-call-failed")]
    rows = read_actions(case)
    assert rows[["step", "outcome"]].values.tolist() == [["one", "done"], ["two", "not done"]]

    undone = undo(plan, journal, memory, lambda step, said: reported.append((step.name, said.id)), case)
    assert (undone.outcome, undone.journal) == ("complete", tmp_path / "plan.json.journal.jsonl.undo")
    assert reported[2:] == [("undo one", "plan-step-done")]
    assert memory.made[-1][1]["Attributes"] == {"DelaySeconds": "0"}
    rows = read_actions(case)
    assert rows["step"].tolist() == ["one", "two", "undo one", "plan"]
    assert refusal(apply_plan, plan, tmp_path / "other", memory, case=raw) == {
        "error-case-is-raw": {"folder": str(raw)}
    }
    assert not (tmp_path / "other").exists()


def test_a_purge_is_recorded_with_the_errors_of_the_case(memory, raw, tmp_path):
    for name, body in zip(NAMES, "abcd", strict=True):
        memory.held["jobs-dlq"][name] = {"MessageId": name, "Body": body, "Attributes": {}}
    archive = archive_queue(memory, "jobs-dlq", tmp_path / "a.gz", READING)

    def logged(request, message_id, text, error_type):
        common = {"request_id": request, "function": "worker"}
        return [
            {**common, "kind": "application", "message": f"message_id={message_id}"},
            {**common, "kind": "error", "message": text, "error_type": error_type},
        ]

    events = [
        *logged("r0", NAMES[0], "KeyError: 'id'", "KeyError"),
        *logged("r1", NAMES[1], "KeyError: 'x'", "KeyError"),
        *logged("r2", NAMES[2], "no type", None),
    ]  # fmt: skip
    case = store_case(tmp_path / "case", log_events=events).path
    options = {"reading": READING}
    refused = refusal(purge_queue, memory, "jobs-dlq", archive, "lost", case=raw, **options)
    assert refused == {"error-case-is-raw": {"folder": str(raw)}}
    assert len(memory.held["jobs-dlq"]) == 4
    result = purge_queue(memory, "jobs-dlq", archive, "lost", case=case, **options)
    assert (result.outcome, result.deleted) == ("complete", 4)
    assert json.loads(result.record.read_text())["errors"] == {"KeyError": 2, "no type": 1}
    rows = read_actions(case)
    assert rows[["remedy", "resource", "outcome"]].values.tolist() == [["queue purge", "jobs-dlq", "done"]]


def test_each_name_of_a_system_is_checked(memory, tmp_path):
    memory.responses |= {
        "get_function_configuration": {},
        "describe_log_groups": {"logGroups": [{"logGroupName": "/aws/lambda/worker"}]},
    }
    alarms = tmp_path / "alarms.yaml"
    alarms.write_text("alarms: []\n")
    system = System(
        "staging",
        ("jobs", "gone"),
        ("jobs-dlq",),
        ("worker",),
        log_groups=("/aws/lambda/w*", "/other/*"),
        alarms=str(alarms),
    )
    found = [(each.key, each.name, each.problem) for each in check_system(memory, system)]
    problems = {name: problem for _, name, problem in found if problem is not None}
    assert [(key, name) for key, name, _ in found] == [
        ("systems.staging.queue", "jobs"), ("systems.staging.queue", "gone"),
        ("systems.staging.dlq", "jobs-dlq"), ("systems.staging.function", "worker"),
        ("systems.staging.log_groups", "/aws/lambda/w*"),
        ("systems.staging.log_groups", "/other/*"), ("systems.staging.alarms", str(alarms)),
    ]  # fmt: skip
    assert set(problems) == {"gone", "/other/*"}
    assert (problems["gone"], "eu-west-1" in problems["/other/*"]) == ("gone does not exist", True)
    listed = [made for operation, made in memory.made if operation == "describe_log_groups"]
    assert [each["logGroupNamePrefix"] for each in listed] == ["/aws/lambda/w", "/other/"]
    [missing] = check_system(memory, System("staging", alarms=str(tmp_path)))  # a folder is no file
    assert missing.problem
