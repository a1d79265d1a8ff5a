"""Plans of a redrive: task, pace and review, and messages for work that no message names."""

import json
from dataclasses import replace

import pytest
from worlds.backlog_world import World
from worlds.clocked_session import Plan
from worlds.messages import refusal
from worlds.stored_case import case_of, store_case

from watchme_analysis.config import WorkItemSettings
from watchme_analysis.errors import InputError
from watchme_analysis.queues.redrive_list import ListedMessage, RedriveList
from watchme_analysis.remedies.queue_archive import archive_queue
from watchme_analysis.remedies.redrive import EarlierRuns, RedriveLimits
from watchme_analysis.remedies.redrive_plan import (
    RedrivePlan,
    known_rate,
    plan_from_file,
    plan_of_work,
    plan_redrive,
    plan_sentences,
    redrive_task,
)

URL = "https://sqs.ap-northeast-1.amazonaws.com/123456789012/{}"


@pytest.fixture(scope="module")
def plan(shorter, tmp_path_factory):
    return plan_redrive(shorter.path, journal=tmp_path_factory.mktemp("plan") / "journal")


def listed(*queues, message_id="m", dlq="dlq", **more):
    messages = tuple(
        ListedMessage(
            json.dumps({"QueueUrl": URL.format(queue), "n": at}), message_id, queue, dlq, "item", "day"
        )
        for at, queue in enumerate(queues)
    )
    return RedriveList(messages, urls=(("dlq", URL.format("dlq")),), **more)


def plan_for(found, before=0, pending=None, path=None):
    return RedrivePlan(found, found.lines if pending is None else pending, EarlierRuns(sent=before), path)


def test_the_pace_is_what_the_function_takes_beside_its_usual_load(plan):
    # 14 messages an hour are usual; without a limit of concurrency one invocation follows another.
    rate = known_rate(plan)
    assert rate == pytest.approx(1 / 1.9 - 14 / 3600, rel=0.25)
    assert known_rate(replace(plan, case=None)) is None
    assert known_rate(replace(plan, found=listed("asr-queue", "sed-queue"))) is None
    assert known_rate(replace(plan, found=listed("absent"))) is None


def test_a_limit_of_concurrency_is_shared_with_the_usual_load(plan):
    # Ten messages each half hour, of 1.5 seconds each, while two may run at once.
    world = World(hours=1)
    world.reserved = 2
    world.table("metrics")
    limited = replace(plan, case=case_of(**world.tables), found=listed("jobs"))
    assert known_rate(limited) == pytest.approx(2 / 1.5 - 20 / 3600, rel=0.01)
    # At least a tenth of it is left for a redrive, whatever the usual load.
    world.at["sent"][:] = 200
    world.tables = {}
    world.table("metrics")
    busy = replace(limited, case=case_of(**world.tables))
    assert known_rate(busy) == pytest.approx(0.1 * 2 / 1.5, rel=0.05)
    empty = case_of(queues=[{"queue": "jobs"}])
    assert known_rate(replace(limited, case=empty)) is None  # no metrics


def test_a_task_is_for_one_queue_and_keeps_what_was_left_out():
    excluded = (("q", "m1", "processed"), ("other", "m2", "no-body"))
    task = redrive_task(plan_for(listed("q", "q", excluded=excluded)))
    assert (task.queue_url, task.dlq_url, task.function) == (URL.format("q"), URL.format("dlq"), None)
    assert task.excluded == {"m1": "processed"}
    assert [(one.message_id, one.work_item, one.work_key) for one in task.items] == [("m", "item", "day")] * 2
    assert redrive_task(plan_for(listed("q", dlq=None))).dlq_url is None
    for found, said in (
        (listed(), "redrive"),
        (listed("b", "a"), "a, b"),
        (listed("q", without_url=("q",)), "q"),
    ):
        with pytest.raises(InputError, match=said):
            redrive_task(plan_for(found))


def test_a_review_states_selection_steps_cost_and_undo():
    limits = RedriveLimits(rate_per_s=2.0)
    steps = ["first-unknown", "rest", "delete", "cost", "undo"]
    for found, before, ids in (
        (listed(*["q"] * 21), 0, ["title", "place", "hold", *steps]),
        (
            listed(
                "q",
                excluded=(("q", "a", "processed"), ("q", "b", "processed"), ("q", "c", "same-work")),
                may_have_run=4,
                same_work=("device_id",),
            ),
            5,
            ["title", "place", "earlier", "left-out", "same-work", "may-have-run", "hold", *steps],
        ),
        (
            listed("q", message_id=None, dlq=None),
            0,
            ["title", "place", "first-unknown", "rest", "cost", "undo-created"],
        ),
    ):
        said = plan_sentences(plan_for(found, before), limits)
        assert [one.id.removeprefix("redrive-plan-") for one in said] == ids
        values = {one.id.removeprefix("redrive-plan-"): one.values for one in said}
        # Ten messages are received or deleted at once; messages that are in no queue are only sent.
        requests = {21: 21 + 6, 1: 3}[len(found.lines)] if "delete" in ids else len(found.lines)
        assert values["cost"]["count"].number == requests
        if "same-work" in values:
            assert (values["same-work"]["count"].number, values["left-out"]["count"].number) == (1, 2)


def test_work_that_was_never_done_gets_a_message_for_each_item_and_day(shorter, tmp_path):
    template = '{"device": "{item}", "day": "{day}"}'
    plan = plan_of_work(shorter.path, "asr-queue", template, tmp_path / "journal", retry_rejected=True)
    bodies = [json.loads(json.loads(line)["MessageBody"]) for line in plan.found.lines]
    assert len(bodies) == len({body["device"] for body in bodies}) == 6
    assert {body["day"] for body in bodies} == {"2025-11-18"}
    assert [one.work_item for one in plan.found.listed] == [body["device"] for body in bodies]
    assert (len(plan.pending), plan.recorded_in) == (6, shorter.path)
    with pytest.raises(InputError):
        plan_of_work(shorter.path, "asr-queue", "{number}", tmp_path / "journal")


def test_messages_created_for_a_fifo_queue_have_group_and_deduplication_id(tmp_path):
    place = {"region": "ap-northeast-1", "account_id": "123456789012", "arn": "arn:aws:sqs:x:y:z"}
    message = {"queue": "jobs-dlq.fifo", "source_queue": "jobs.fifo"}
    case = store_case(
        tmp_path / "case",
        work_items=WORK,
        queues=[{"queue": "jobs.fifo", "dlq": "jobs-dlq.fifo", **place}, {"queue": "jobs-dlq.fifo", **place}],
        event_source_mappings=[{"queue": "jobs.fifo", "function": "worker", "state": "Enabled"}],
        queue_messages=[
            {**message, "message_id": item, "work_item": item, "body": BODY.replace('"a"', f'"{item}"')}
            for item in ("a", "b")
        ],
    )
    plan = plan_of_work(case.path, "jobs.fifo", '{"day": "{day}"}', tmp_path / "journal")
    first, second = map(json.loads, plan.pending)
    assert first["MessageBody"] == second["MessageBody"] == '{"day": "2026-03-02"}'
    assert (first["MessageGroupId"], second["MessageGroupId"]) == ("a", "b")
    assert first["MessageDeduplicationId"] != second["MessageDeduplicationId"]


WORK = WorkItemSettings(item_keys=("id",), day_keys=("day",))
BODY = '{"id": "a", "day": "2026-03-02"}'


@pytest.fixture
def archive(queue_server, clocked, tmp_path):
    """An archive of the DLQ `jobs-dlq` with two messages, of which the first states its work."""
    service = queue_server.new()
    dlq = service.queue("jobs-dlq")
    for body in (BODY, "no json"):
        service.send(dlq, body)
    return archive_queue(replace(clocked, plan=Plan()), "jobs-dlq", tmp_path / "dlq.gz", 60)


def test_messages_of_an_archive_are_for_a_queue_beside_it(archive, tmp_path, monkeypatch):
    (tmp_path / "watchme.toml").write_text('[work_items]\nitem_keys = ["id"]\nday_keys = ["day"]\n')
    monkeypatch.chdir(tmp_path)
    plan = plan_from_file(archive.path, "jobs", retry_rejected=True)
    place = archive.url.removesuffix("jobs-dlq")
    assert dict(plan.found.urls) == {"jobs": f"{place}jobs", "jobs-dlq": f"{place}jobs-dlq"}
    works = {BODY: ("a", "2026-03-02"), "no json": (None, None)}
    for each in plan.found.listed:
        line = json.loads(each.line)
        assert (each.queue, each.dlq, line["QueueUrl"]) == ("jobs", "jobs-dlq", f"{place}jobs")
        assert (each.work_item, each.work_key) == works.pop(line["MessageBody"])
        assert line["MessageAttributes"]["resent_message_id"]["StringValue"] == each.message_id
        assert archive.messages[each.message_id]["Body"] == line["MessageBody"]
    assert not works
    assert plan.journal == tmp_path / "dlq.gz.redrive-journal.jsonl"
    assert (plan.pending, plan.recorded_in) == (plan.found.lines, None)
    assert plan.text == "".join(f"{line}\n" for line in plan.found.lines)
    assert refusal(plan_from_file, archive.path) == {"error-archive-queue-missing": {}}


def test_messages_of_a_list_are_those_of_a_queue(tmp_path):
    def line(queue, body, message_id=None):
        attributes = {"resent_message_id": {"StringValue": message_id}} if message_id else {}
        return json.dumps(
            {"QueueUrl": URL.format(queue), "MessageBody": body, "MessageAttributes": attributes}
        )

    lines = [line("a", '{"n": 1}', "m1"), line("b", "x"), line("a", "y")]
    path = tmp_path / "list.jsonl"
    path.write_text("\n".join(lines) + "\n")
    whole = plan_from_file(path, journal=tmp_path / "j")
    assert (whole.found.lines, whole.journal) == (tuple(lines), tmp_path / "j")
    assert [(one.message_id, one.queue, one.dlq) for one in whole.found.listed] == [
        ("m1", "a", None), (None, "b", None), (None, "a", None)
    ]  # fmt: skip
    assert plan_from_file(path, "a").found.lines == (lines[0], lines[2])
    absent = refusal(plan_from_file, tmp_path / "absent")
    assert absent["error-redrive-file-unreadable"]["path"] == str(tmp_path / "absent")
    for text in ("{", "[]", '{"QueueUrl": "a"}', "3"):
        path.write_text(text)
        assert refusal(plan_from_file, path) == {"error-redrive-file-foreign": {"path": str(path)}}


def test_a_case_leaves_out_messages_of_a_file(archive, tmp_path):
    [first, second] = archive.messages
    done = [
        {"request_id": "r", "function": "worker", "kind": "application", "message": f"message_id={second}"},
        {"request_id": "r", "function": "worker", "kind": "end", "message": "END"},
    ]
    case = store_case(
        tmp_path / "case",
        work_items=WORK,
        queues=[{"queue": "jobs", "dlq": "jobs-dlq"}, {"queue": "jobs-dlq"}],
        event_source_mappings=[{"queue": "jobs", "function": "worker", "state": "Enabled"}],
        queue_messages=[
            {"queue": "jobs-dlq", "source_queue": "jobs", "message_id": first, "body": None},
            {"queue": "jobs-dlq", "source_queue": "jobs", "message_id": "other", "body": None},
        ],
        log_events=done,
    )
    plan = plan_from_file(archive.path, "jobs", case.path)
    # The body of the first is unknown in the case, so that the case says nothing of its content.
    [(queue, message_id, reason)] = plan.found.excluded
    assert (queue, message_id) == ("jobs", first)
    assert plan.found.left_out == ((reason, 1),)
    assert [one.message_id for one in plan.found.listed] == [second]
    assert plan.recorded_in == case.path
    assert plan.journal == tmp_path / "case.redrive-journal.jsonl"


def test_an_unknown_queue_and_a_template_without_placeholder_are_refused(shorter, tmp_path):
    refused = refusal(plan_redrive, shorter, "absent")["error-redrive-unknown-queue"]
    assert (refused["case"], refused["queue"]) == (shorter.name, "'absent'")
    assert "asr-queue" in refused["known"].split(", ")
    bare = case_of(functions=[{"function": "f"}])
    assert refusal(plan_redrive, bare, "absent")["error-redrive-unknown-queue"]["known"] == "unknown"
    unknown = refusal(plan_of_work, shorter.path, "absent", "{item}")["error-queue-url-missing"]
    assert (unknown["queue"], "asr-queue" in unknown["known"]) == ("absent", True)
