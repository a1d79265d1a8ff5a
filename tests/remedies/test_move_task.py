"""Message move tasks: only when every message may go back, followed to the end, whatever ends a run."""

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from worlds.aws_front import FAST
from worlds.kills import kills, restarted
from worlds.memory_queues import URL, MemoryQueues
from worlds.messages import messages_in
from worlds.queue_worker import Worker
from worlds.together import together

from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import ServiceError
from watchme_analysis.files.journal import DONE, open_journal, read_journal
from watchme_analysis.remedies.move_task import (
    MoveResult,
    actions_of_move,
    calls_of_move,
    cancel_move_task,
    run_move_task,
)
from watchme_analysis.remedies.plan import Call
from watchme_analysis.remedies.policy import action_of
from watchme_analysis.text.message import message

QUICK = {"has_confirmed_one": True, "rate_per_s": 7.5, "settle_s": 0.1}


@pytest.fixture
def worker(front, moto_port):
    worker = Worker(front, moto_port)
    front.move_one = worker.move_one
    worker.dead_letters(3)
    return worker


@pytest.fixture
def aws(front):
    return Aws(rate_limits=FAST)


@pytest.mark.slow
def test_all_messages_are_moved_at_the_rate(worker, aws, front, tmp_path):
    said = []
    result = run_move_task(aws, worker.dlq, tmp_path / "j", expected=3, report=said.append, **QUICK)
    assert (result.outcome, result.moved, worker.in_dlq()) == ("complete", 3, set())
    assert front.move_tasks[0]["MaxNumberOfMessagesPerSecond"] == 7
    assert {each.id for each in said} == {"move-progress"}
    assert aws.actions <= {action_of(call) for call in calls_of_move(worker.dlq)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"expected": 3, "left_out": 2}, "move-left-out"),
        ({"expected": 3, "has_confirmed_one": False}, "move-untested"),
        ({"expected": 4}, "move-count-differs"),
    ],
)
def test_a_queue_that_may_not_go_back_as_a_whole_is_refused(worker, aws, front, tmp_path, options, reason):
    result = run_move_task(aws, worker.dlq, tmp_path / "j", **{**QUICK, **options})
    assert (result.outcome, messages_in(result.sentence)["move-refused"]["why"]) == ("refused", reason)
    assert front.move_tasks == []
    assert len(worker.in_dlq()) == 3


@pytest.mark.slow
def test_a_task_of_somebody_else_is_refused(worker, aws, front, tmp_path):
    front.moves_per_poll = 0
    front.start_message_move_task({"SourceArn": worker.arn(worker.dlq), "MaxNumberOfMessagesPerSecond": 1})
    result = run_move_task(aws, worker.dlq, tmp_path / "j", expected=3, **QUICK)
    assert (result.outcome, len(front.move_tasks)) == ("refused", 1)


def test_a_cancelled_task_stops_with_what_it_moved(worker, aws, front, tmp_path):
    front.moves_per_poll = 1
    seen = []

    def cancel_at_first(_):
        if not seen:
            seen.append(cancel_move_task(aws, worker.dlq).id)

    result = run_move_task(aws, worker.dlq, tmp_path / "j", expected=3, report=cancel_at_first, **QUICK)
    assert (result.outcome, seen) == ("stopped", ["move-cancelling"])
    assert 0 < len(worker.in_dlq()) < 3
    assert cancel_move_task(aws, worker.dlq).id == "move-none"


def test_a_response_that_is_lost_starts_no_second_task(worker, aws, front, tmp_path):
    class Lossy(Aws):
        def call(self, service, operation, **parameters):
            found = super().call(service, operation, **parameters)
            if operation == "start_message_move_task":
                raise ServiceError("lost")
            return found

    with pytest.raises(ServiceError):
        run_move_task(Lossy(rate_limits=FAST), worker.dlq, tmp_path / "j", expected=3, **QUICK)
    result = run_move_task(aws, worker.dlq, tmp_path / "j", expected=3, **QUICK)
    assert (result.outcome, len(front.move_tasks), worker.in_dlq()) == ("complete", 1, set())


@pytest.mark.slow
def test_a_run_killed_at_any_moment_is_resumed(worker, aws, front, tmp_path, subtests):
    def begin(moment):
        front.move_tasks.clear()
        worker.clear_dlq()
        worker.dead_letters(3)
        return lambda: run_move_task(restarted(aws), worker.dlq, tmp_path / f"j{moment}", expected=3, **QUICK)

    for moment in kills(begin):
        with subtests.test(moment=moment):
            path = tmp_path / f"j{moment}"
            # A task whose end is on record is not begun again.
            has_ended = read_journal(path).entries[-1:] and read_journal(path).entries[-1]["event"] == DONE
            result = run_move_task(restarted(aws), worker.dlq, path, expected=3, **QUICK)
            assert result.outcome == ("refused" if has_ended else "complete")
            assert (len(front.move_tasks), worker.in_dlq()) == (1, set())
    assert moment > 3


DLQ = URL + "dead"
DLQ_ARN = "arn:aws:sqs:eu-west-1:123456789012:dead"
AT_ONCE = {"expected": 2, "has_confirmed_one": True, "rate_per_s": 7.5, "settle_s": 0.0}


def task(status, moved=0, started_ms=0, **more):
    return {
        "Status": status, "ApproximateNumberOfMessagesMoved": moved, "ApproximateNumberOfMessagesToMove": 2,
        "StartedTimestamp": started_ms, **more,
    }  # fmt: skip


@pytest.fixture
def memory():
    account = MemoryQueues(rate_limits=FAST)
    account.put("dead", "a", "b")
    return account


def with_tasks(memory, *readings):
    """Let each reading of the tasks show some; the DLQ is empty after the first reading."""
    memory.answers["list_message_move_tasks"] = [{"Results": list(tasks)} for tasks in readings]
    memory.answers["start_message_move_task"] = [{"TaskHandle": "handle"}]
    memory.before["start_message_move_task"] = [memory.held["dead"].clear]


def entries(path):
    return [
        {key: value for key, value in entry.items() if key != "at"} for entry in read_journal(path).entries
    ]


def test_calls_entries_and_reports_of_a_task(memory, tmp_path):
    # An older task has ended; the newest counts, whatever the order.
    old = task("COMPLETED", 9, started_ms=5)
    running = task("RUNNING", 1, started_ms=6, TaskHandle="handle")
    with_tasks(memory, [old], [old, running], [running, old], [task("COMPLETED", 2, started_ms=6), old])
    said = []
    result = run_move_task(memory, DLQ, tmp_path / "j", report=said.append, **AT_ONCE)
    sentence = message("move-complete", count=2)
    assert result == MoveResult("complete", sentence, 2)
    assert [messages_in(each) for each in said] == [
        {"move-progress": {"status": "RUNNING", "moved": 1, "count": 2}}
    ] * 2
    assert memory.waits == [FAST.queue_poll_s] * 2
    [started] = [made for operation, made in memory.made if operation == "start_message_move_task"]
    assert started == {"SourceArn": DLQ_ARN, "MaxNumberOfMessagesPerSecond": 7}
    [listed, *_] = [made for operation, made in memory.made if operation == "list_message_move_tasks"]
    assert listed == {"SourceArn": DLQ_ARN, "MaxResults": 10}
    assert entries(tmp_path / "j") == [
        {"key": "move", "event": "intended", "arn": DLQ_ARN},
        {"key": "move", "event": "started", "arn": DLQ_ARN},
        {
            "key": "move", "event": "done", "arn": DLQ_ARN, "status": "COMPLETED", "outcome": "complete",
            "sentence": sentence.to_dict(),
        },
    ]  # fmt: skip
    journal = read_journal(tmp_path / "j")
    assert actions_of_move(journal) == [
        {
            "time": journal.entries[2]["at"], "remedy": "redrive", "step": "move task", "resource": "dead",
            "call": "sqs start-message-move-task", "outcome": "done", "message": sentence.to_dict(),
            "plan": f"{journal.entries[0]['at']} move", "number": 2,
        }
    ]  # fmt: skip


@together(("rate", "taken"), [(0.5, 1), (1.9, 1), (500.0, 500), (900.0, 500)])
def test_rates_that_sqs_takes(rate, taken):
    memory = MemoryQueues(rate_limits=FAST)
    memory.put("dead", "a", "b")
    with_tasks(memory, [], [task("COMPLETED", 2)])
    with TemporaryDirectory() as folder:
        run_move_task(memory, DLQ, Path(folder) / "j", **{**AT_ONCE, "rate_per_s": rate})
    [started] = [made for operation, made in memory.made if operation == "start_message_move_task"]
    assert started["MaxNumberOfMessagesPerSecond"] == taken


def test_what_ends_a_task_is_on_record(memory, tmp_path):
    def ended(*tasks, is_emptied=True):
        memory.put("dead", *["x"] * (2 - len(memory.held["dead"])))
        with_tasks(memory, [], *([each] for each in tasks))
        if not is_emptied:
            memory.before["start_message_move_task"] = [
                lambda: memory.held["dead"].pop(next(iter(memory.held["dead"])))
            ]
        path = tmp_path / str(len(list(tmp_path.iterdir())))
        result = run_move_task(memory, DLQ, path, **AT_ONCE)
        [row] = actions_of_move(read_journal(path))
        assert row["outcome"] == ("done" if result.outcome == "complete" else "failed")
        return result.outcome, messages_in(result.sentence), result.moved

    left = ended(task("COMPLETED", 1), is_emptied=False)
    assert left == ("stopped", {"move-left": {"count": 1}}, 1)
    failed = ended(task("FAILED", 1, FailureReason="AccessDenied"))
    assert failed == ("stopped", {"move-ended": {"reason": "AccessDenied", "count": 1}}, 1)
    cancelled = ended(task("CANCELLING", 1), task("CANCELLED", 1))
    assert cancelled == ("stopped", {"move-ended": {"reason": "CANCELLED", "count": 1}}, 1)


def test_each_reason_to_refuse_a_task(memory, tmp_path):
    def why(*tasks, **options):
        memory.answers["list_message_move_tasks"] = [{"Results": list(tasks)}]
        result = run_move_task(memory, DLQ, tmp_path / "j", **{**AT_ONCE, **options})
        assert (result.outcome, result.moved) == ("refused", None)
        assert "start_message_move_task" not in memory.operations()
        assert entries(tmp_path / "j") == []
        found = messages_in(result.sentence)
        del found["move-refused"]
        return found

    assert why(left_out=1) == {"move-left-out": {"count": 1, "total": 3}}
    assert why(has_confirmed_one=False) == {"move-untested": {"option": "--apply --limit 1"}}
    assert why(expected=3) == {"move-count-differs": {"count": 2, "expected": 3}}
    for status in ("RUNNING", "CANCELLING"):
        assert why(task(status)) == {"move-other-task": {"status": status}}
    memory.hidden.add("m1")
    assert why() == {"move-count-differs": {"count": 2, "expected": 2}}


def test_a_task_of_an_interrupted_run_is_followed(memory, tmp_path):
    with open_journal(tmp_path / "j") as journal:
        at = journal.write("move", "intended", arn=DLQ_ARN)["at"]
    began_ms = datetime.fromisoformat(at).timestamp() * 1000
    # The clock of SQS may be a minute behind.
    own = task("COMPLETED", 2, began_ms - 59_000)
    memory.held["dead"].clear()
    memory.answers["list_message_move_tasks"] = [{"Results": [own]}] * 2
    assert run_move_task(memory, DLQ, tmp_path / "j", **AT_ONCE).outcome == "complete"
    assert "start_message_move_task" not in memory.operations()
    # An older one is of somebody else: the task of the run has not begun.
    for tasks in ([task("COMPLETED", 2, began_ms - 61_000)], []):
        (tmp_path / "j").unlink()
        with open_journal(tmp_path / "j") as journal:
            journal.write("move", "intended", arn=DLQ_ARN)
        memory.made.clear()
        memory.put("dead", "a", "b")
        with_tasks(memory, tasks, tasks, [task("COMPLETED", 2, began_ms)])
        assert run_move_task(memory, DLQ, tmp_path / "j", **AT_ONCE).outcome == "complete"
        assert memory.operations().count("start_message_move_task") == 1


def test_a_task_is_cancelled_by_its_handle(memory):
    memory.answers["list_message_move_tasks"] = [{"Results": [task("RUNNING", 1, TaskHandle="handle")]}]
    memory.answers["cancel_message_move_task"] = [{"ApproximateNumberOfMessagesMoved": 1}]
    assert messages_in(cancel_move_task(memory, DLQ)) == {"move-cancelling": {"count": 1}}
    assert memory.made[-1] == ("cancel_message_move_task", {"TaskHandle": "handle"})
    for tasks in ([], [task("CANCELLING")]):
        memory.answers["list_message_move_tasks"] = [{"Results": tasks}]
        assert messages_in(cancel_move_task(memory, DLQ)) == {"move-none": {"dlq": "dead"}}
    operations = [
        "receive_message", "delete_message", "send_message", "get_queue_attributes",
        "start_message_move_task", "list_message_move_tasks", "cancel_message_move_task",
    ]  # fmt: skip
    assert calls_of_move(DLQ) == tuple(Call("sqs", name, {"QueueUrl": DLQ}) for name in operations)
