"""Plans of a redrive: task, pace and review, and messages for work that no message names."""

import json
from dataclasses import replace

import pytest

from watchme_analysis.errors import InputError
from watchme_analysis.queues.redrive_list import ListedMessage, RedriveList
from watchme_analysis.remedies.redrive import RedriveResult
from watchme_analysis.remedies.verified_redrive import RedriveLimits
from watchme_analysis.services.redrive import (
    RedrivePlan,
    known_rate,
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
    lines = tuple(json.dumps({"QueueUrl": URL.format(queue), "n": at}) for at, queue in enumerate(queues))
    messages = tuple(ListedMessage(message_id, queue, dlq, "item", "day") for queue in queues)
    return RedriveList(
        lines, more.pop("left_out", ()), listed=messages, urls=(("dlq", URL.format("dlq")),), **more
    )


def plan_for(found, before=0, pending=None, path=None):
    return RedrivePlan(
        found, found.lines if pending is None else pending, RedriveResult(before=before), path, True, ()
    )


def test_the_messages_of_a_case_are_one_task_for_their_queue(plan):
    task = redrive_task(plan)
    assert (task.queue_url, task.dlq_url) == (URL.format("asr-queue"), URL.format("asr-queue-dlq"))
    assert (len(task.items), task.function, task.excluded) == (10, "asr-worker", {})
    assert {item.message_id for item in task.items} == {one.message_id for one in plan.found.listed}


def test_the_pace_is_what_the_function_takes_beside_its_usual_load(plan):
    # 14 messages an hour are usual; without a limit of concurrency one invocation follows another.
    rate = known_rate(plan)
    assert rate == pytest.approx(1 / 1.9 - 14 / 3600, rel=0.25)
    assert known_rate(replace(plan, case=None)) is None
    assert known_rate(replace(plan, found=listed("asr-queue", "sed-queue"))) is None
    assert known_rate(replace(plan, found=listed("absent"))) is None


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
    for found, before, ids in (
        (listed(*["q"] * 21), 0, ["title", "first", "rest", "delete", "cost", "undo", "may-move"]),
        (
            listed("q", left_out=(("processed", 2), ("no-body", 1)), may_have_run=4),
            5,
            ["title", "earlier", "left-out", "may-have-run", "first", "rest", "delete", "cost", "undo"],
        ),
        (listed("q", message_id=None, dlq=None), 0, ["title", "first", "rest", "cost", "undo-created"]),
    ):
        said = plan_sentences(plan_for(found, before), limits)
        assert [one.id.removeprefix("redrive-plan-") for one in said] == ids
        values = {one.id.removeprefix("redrive-plan-"): one.values for one in said}
        number = len(found.lines)
        assert values["title"]["count"].number == number
        assert values["rest"]["duration"].seconds == number / 2
        # Ten messages are received or deleted at once; messages that are in no queue are only sent.
        requests = {21: 21 + 6, 1: 3}[number] if "delete" in ids else number
        assert values["cost"]["count"].number == requests
    earlier = plan_sentences(plan_for(listed("q", left_out=(("a", 2), ("b", 1))), 5), limits)
    assert [one.values["count"].number for one in earlier[:3]] == [1, 5, 3]


def test_work_that_was_never_done_gets_a_message_for_each_item_and_day(shorter, tmp_path):
    template = '{"device": "{item}", "day": "{day}"}'
    plan = plan_of_work(shorter.path, "asr-queue", template, tmp_path / "journal", retry_rejected=True)
    bodies = [json.loads(json.loads(line)["MessageBody"]) for line in plan.found.lines]
    assert len(bodies) == len({body["device"] for body in bodies}) == 6
    assert {body["day"] for body in bodies} == {"2025-11-18"}
    assert [one.work_item for one in plan.found.listed] == [body["device"] for body in bodies]
    assert (len(plan.pending), plan.retry_rejected, plan.is_imported) == (6, True, True)
    with pytest.raises(InputError):
        plan_of_work(shorter.path, "asr-queue", "{number}", tmp_path / "journal")
