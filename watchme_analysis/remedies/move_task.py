"""A message move task: SQS itself moves every message of a DLQ back, at a rate [1]_.

It is quicker than a redrive, but it moves every message, in no order that the caller controls, and gives each
a new id. It is therefore refused unless every message of the DLQ may go back, and one of them was redriven
and confirmed before.

.. [1] https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.cloudwatch.session import without_retries
from watchme_analysis.files.journal import DONE, INTENDED, Journal, open_journal
from watchme_analysis.remedies.plan import Call
from watchme_analysis.remedies.queue_reader import queue_attributes, settled_counts
from watchme_analysis.text.message import Code, Message, Quotation, Resource, message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

# SQS's limit of MaxNumberOfMessagesPerSecond.
MOST_PER_S = 500
_KEY = "move"
_ACTIVE = ("RUNNING", "CANCELLING")
# The clock of this machine may differ from that of SQS.
_CLOCK_DIFFERENCE = timedelta(minutes=1)


@dataclass(frozen=True)
class MoveResult:
    """Result of a message move task.

    Attributes
    ----------
    outcome
        ``complete``: the DLQ is empty. ``refused``: no task was started. ``stopped``: the task was cancelled
        or failed, or messages are left.
    sentence
        Why it ended so.
    moved
        Number of messages that the task has moved, as SQS states it; None without a task.
    """

    outcome: Literal["complete", "refused", "stopped"]
    sentence: Message
    moved: int | None = None


def calls_of_move(dlq_url: str) -> tuple[Call, ...]:
    """Return the calls that a move task may make; SQS also needs those of receiving, deleting and sending."""
    queue = {"QueueUrl": dlq_url}
    operations = ("receive_message", "delete_message", "send_message", "get_queue_attributes")
    tasks = ("start_message_move_task", "list_message_move_tasks", "cancel_message_move_task")
    return tuple(Call("sqs", operation, queue) for operation in (*operations, *tasks))


def run_move_task(  # noqa: PLR0913  what is moved, how fast, and how long the counts settle
    aws: Aws,
    dlq_url: str,
    journal_path: Path,
    *,
    expected: int,
    left_out: int = 0,
    has_confirmed_one: bool,
    rate_per_s: float,
    settle_s: float = 60.0,
    report: Callable[[Message], None] = lambda _: None,
) -> MoveResult:
    """Move every message of a DLQ back, or follow a task that an interrupted run has started.

    Parameters
    ----------
    aws
        Account and region.
    dlq_url
        The DLQ.
    journal_path
        Journal of the task.
    expected
        Number of messages that the DLQ holds and that may go back.
    left_out
        Number of messages that must not go back.
    has_confirmed_one
        Whether a message of the DLQ was redriven and confirmed as processed.
    rate_per_s
        Messages per second; SQS takes a whole number of at most :data:`MOST_PER_S`.
    settle_s
        Seconds in which the counts of the queue settle.
    report
        Called with sentences on the progress.

    Raises
    ------
    InputError
        When the journal is in use, or can't be read or written.
    ServiceError
        When AWS can't be called. A task that was started goes on; the same command follows it.
    """
    arn = queue_attributes(aws, dlq_url)["QueueArn"]
    with open_journal(journal_path) as journal:
        started = _started(aws, arn, journal)
        if not started:
            why = _refusal(aws, dlq_url, arn, expected, left_out, settle_s, has_confirmed_one)
            if why is not None:
                return MoveResult("refused", message("move-refused", why=why))
            journal.write(_KEY, INTENDED, arn=arn)
            rate = max(1, min(MOST_PER_S, int(rate_per_s)))
            without_retries(aws).call(
                "sqs", "start_message_move_task", SourceArn=arn, MaxNumberOfMessagesPerSecond=rate
            )
            journal.write(_KEY, "started", arn=arn)
        return _followed(aws, dlq_url, arn, journal, settle_s, report)


def cancel_move_task(aws: Aws, dlq_url: str) -> Message:
    """Cancel the running task of a DLQ, and return what became of it.

    Messages that were moved stay where they are; the others stay in the DLQ.
    """
    arn = queue_attributes(aws, dlq_url)["QueueArn"]
    task = _newest(aws, arn)
    if task is None or task.get("Status") != "RUNNING":
        return message("move-none", dlq=Resource(resource_name(arn)))
    moved = aws.call("sqs", "cancel_message_move_task", TaskHandle=task["TaskHandle"])
    return message("move-cancelling", count=int(moved.get("ApproximateNumberOfMessagesMoved", 0)))


def _started(aws: Aws, arn: str, journal: Journal) -> bool:
    """Return whether the task of the journal has begun; after a kill, the list of tasks tells."""
    entry = journal.last.get(_KEY)
    if entry is None or entry["event"] == DONE:
        return False
    task = _newest(aws, arn)
    if task is None:
        return False
    began = datetime.fromisoformat(
        next(each["at"] for each in reversed(journal.entries) if each["event"] == INTENDED)
    )
    return _time_ms(task) >= (began - _CLOCK_DIFFERENCE).timestamp() * 1000


def _refusal(  # noqa: PLR0913, PLR0917  facts of one decision
    aws: Aws,
    dlq_url: str,
    arn: str,
    expected: int,
    left_out: int,
    settle_s: float,
    has_confirmed_one: bool,
) -> Message | None:
    if left_out:
        return message("move-left-out", count=left_out, total=left_out + expected)
    if not has_confirmed_one:
        return message("move-untested", option=Code("--apply --limit 1"))
    counts = settled_counts(aws, dlq_url, expected, settle_s)
    if counts.total != expected or counts.in_flight:
        return message("move-count-differs", count=counts.total, expected=expected)
    task = _newest(aws, arn)
    if task is not None and task.get("Status") in _ACTIVE:
        return message("move-other-task", status=Code(str(task["Status"])))
    return None


def _followed(
    aws: Aws,
    dlq_url: str,
    arn: str,
    journal: Journal,
    settle_s: float,
    report: Callable[[Message], None],
) -> MoveResult:
    while True:
        task = _newest(aws, arn) or {}
        status, moved = str(task.get("Status")), int(task.get("ApproximateNumberOfMessagesMoved", 0))
        if status not in _ACTIVE:
            break
        total = int(task.get("ApproximateNumberOfMessagesToMove", 0))
        report(message("move-progress", status=Code(status), moved=moved, count=total))
        aws.sleep(aws.rate_limits.queue_poll_s)
    # The end is on record after the queue was read: a killed run reads it again.
    left = settled_counts(aws, dlq_url, 0, settle_s).total if status == "COMPLETED" else None
    reason = Quotation(str(task.get("FailureReason") or status))
    if status != "COMPLETED":
        result = MoveResult("stopped", message("move-ended", reason=reason, count=moved), moved)
    elif left:
        result = MoveResult("stopped", message("move-left", count=left), moved)
    else:
        result = MoveResult("complete", message("move-complete", count=moved), moved)
    journal.write(
        _KEY, DONE, arn=arn, status=status, outcome=result.outcome, sentence=result.sentence.to_dict()
    )
    return result


def actions_of_move(journal: Journal) -> list[dict[str, Any]]:
    """Return the ends of the tasks that a journal records, as rows of the table ``actions``."""
    return [
        {
            "time": entry["at"],
            "remedy": "redrive",
            "step": "move task",
            "resource": resource_name(str(entry["arn"])),
            "call": "sqs start-message-move-task",
            "outcome": "done" if entry["outcome"] == "complete" else "failed",
            "message": entry["sentence"],
            "plan": f"{journal.entries[0]['at']} move",
            "number": number,
        }
        for number, entry in enumerate(journal.entries)
        if entry["event"] == DONE
    ]


def _newest(aws: Aws, arn: str) -> dict[str, Any] | None:
    """Return the last task of a queue; SQS states the handle of a running one only."""
    found = aws.call("sqs", "list_message_move_tasks", SourceArn=arn, MaxResults=10).get("Results", [])
    return max(found, key=_time_ms, default=None)


def _time_ms(task: dict[str, Any]) -> int:
    return int(task.get("StartedTimestamp", 0))
