"""Message move tasks: only when every message may go back, followed to the end, whatever ends a run."""

import pytest
from worlds.aws_front import FAST
from worlds.kills import kills, restarted
from worlds.messages import messages_in
from worlds.queue_worker import Worker

from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import ServiceError
from watchme_analysis.files.journal import DONE, read_journal
from watchme_analysis.remedies.move_task import calls_of_move, cancel_move_task, run_move_task
from watchme_analysis.remedies.policy import action_of

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
