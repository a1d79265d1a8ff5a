"""Every message of a queue: received, hidden for a set time, then deleted or made visible again.

A short poll of SQS samples some of its servers, so an empty response proves nothing by itself [1]_. The
reading ends after several empty responses in a row, and its result is compared with the queue's attributes.
Those are approximate, and may be wrong until a minute after the last change [2]_.

.. [1] https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
.. [2] https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.aws_shapes.responses import json_object
from watchme_analysis.errors import InputError
from watchme_analysis.text.message import Duration, Message, message
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws
    from watchme_analysis.storage.journal import Journal

# Key and events in a journal of the receipt handles of hidden messages.
HOLD = "hold"
_HOLDING, _RELEASED = "holding", "released"
# Messages per call of ReceiveMessage and of the batch operations.
BATCH = 10
# Empty responses in a row after which the queue counts as read.
_EMPTY_RESPONSES = 3
# Share of the visibility timeout after which no further message is received: a message that becomes visible
# again during the reading would be received twice.
READING_SHARE = 0.8
_ATTEMPTS = 3
# Codes for a message that is not in flight any more.
_NOT_IN_FLIGHT = re.compile(r"ReceiptHandleIsInvalid|MessageNotInflight|InvalidParameterValue")
_COUNTS = {
    "visible": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}


@dataclass(frozen=True)
class QueueCounts:
    """Numbers of messages of a queue, as its attributes state them."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        """Return the number of all messages."""
        return self.visible + self.in_flight + self.delayed


def queue_url(aws: Aws, queue: str) -> str:
    """Return the URL of a queue, of its name or URL; a URL that names another region is an InputError."""
    if queue.startswith(("https://", "http://")):
        aws.check_region(queue)
        return queue
    return str(aws.call("sqs", "get_queue_url", QueueName=queue)["QueueUrl"])


def queue_attributes(aws: Aws, url: str) -> dict[str, str]:
    """Return all attributes of a queue; one that does not exist or can't be read is a ServiceError."""
    found = aws.call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"])
    return {str(name): str(value) for name, value in found.get("Attributes", {}).items()}


def dead_letter_queue_url(aws: Aws, url: str) -> str | None:
    """Return the URL of the DLQ that the redrive policy of a queue names; None without one."""
    target = json_object(queue_attributes(aws, url).get("RedrivePolicy")).get("deadLetterTargetArn")
    return None if target is None else queue_url(aws, resource_name(str(target)))


def counts_of(attributes: Mapping[str, str]) -> QueueCounts:
    """Return the numbers of messages in the attributes of a queue."""
    return QueueCounts(**{name: int(attributes.get(source, 0)) for name, source in _COUNTS.items()})


def check_readable(attributes: Mapping[str, str], url: str) -> None:
    """Check that receiving from a queue moves no message elsewhere.

    A queue with a redrive policy is an InputError: a message that is received too often would move on.
    """
    if attributes.get("RedrivePolicy"):
        raise InputError(error_message("error-queue-with-redrive", queue=url))


class HeldMessages:
    """Messages of a queue that a run hides from others until it deletes or releases them.

    ``hidden_s`` are the seconds for which a message is hidden after it was received. The journal takes the
    receipt handles before the messages are used, so that a later run can release them.
    """

    def __init__(self, aws: Aws, url: str, hidden_s: int, journal: Journal | None = None) -> None:
        self.aws, self.url, self.hidden_s, self.journal = aws, url, hidden_s, journal
        # When each held message becomes visible again, by message id.
        self.until: dict[str, datetime] = {}
        # When this run last received, hid, released or deleted a message; None before.
        self.changed_at: datetime | None = None
        # Of every message that this run or a killed one may hide; and whether the journal states any.
        self._handles: dict[str, str] = {}
        self._is_recorded = False
        for entry in journal.entries if journal else ():
            if entry["key"] == HOLD and entry.get("queue") == url:
                self._handles |= entry.get("handles", {})
                self._is_recorded = True
                if entry["event"] == _RELEASED:
                    self._is_recorded = "names" in entry
                    for name in entry.get("names", list(self._handles)):
                        self._handles.pop(name, None)

    def receive(self) -> Iterator[list[dict[str, Any]]]:
        """Yield what the queue shows in batches, each of them held.

        Ends when the queue seems empty, and when the first messages may become visible again.
        """
        ends = self.aws.now() + timedelta(seconds=READING_SHARE * self.hidden_s)
        empty = 0
        while empty < _EMPTY_RESPONSES and (asked_at := self.aws.now()) < ends:
            response = self.aws.call(
                "sqs",
                "receive_message",
                QueueUrl=self.url,
                MaxNumberOfMessages=BATCH,
                VisibilityTimeout=self.hidden_s,
                WaitTimeSeconds=self.aws.rate_limits.long_poll_s if empty else 0,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            received = response.get("Messages", [])
            empty = 0 if received else empty + 1
            if received:
                self.changed_at = self.aws.now()
                handles = {str(each["MessageId"]): str(each["ReceiptHandle"]) for each in received}
                self._note(_HOLDING, handles=handles)
                self._is_recorded = True
                self._handles |= handles
                self.until |= dict.fromkeys(handles, asked_at + timedelta(seconds=self.hidden_s))
                yield received

    def keep(self) -> None:
        """Hide the held messages for longer, when half of the time has passed; forget those that are not."""
        now, hidden = self.aws.now(), timedelta(seconds=self.hidden_s)
        due = [name for name, until in self.until.items() if until - now < hidden / 2]
        problems = self._change("change_message_visibility_batch", due, VisibilityTimeout=self.hidden_s)
        for name in due:
            if name in problems:
                del self.until[name]
            else:
                self.until[name] = now + hidden

    def delete(self, names: Iterable[str]) -> set[str]:
        """Delete held messages, and return the ids of those whose deletion SQS has accepted."""
        names = list(names)
        deleted = set(names) - self._change("delete_message_batch", names).keys()
        for name in deleted:
            self.until.pop(name, None)
            self._handles.pop(name, None)
        return deleted

    def release(self, names: Iterable[str] | None = None) -> int:
        """Make messages visible again, by default all; return the number of those that are still hidden.

        A message that was deleted, or whose receipt handle has expired, is not in flight.
        """
        released = [*(self._handles if names is None else names)]
        problems = self._change("change_message_visibility_batch", released, VisibilityTimeout=0)
        if self._is_recorded:
            self._note(_RELEASED, **({} if names is None else {"names": sorted(released)}))
            self._is_recorded = names is not None
        for name in released:
            self.until.pop(name, None)
            self._handles.pop(name, None)
        return sum(not _NOT_IN_FLIGHT.search(code) for code in problems.values())

    def _note(self, event: str, **details: Any) -> None:
        if self.journal is not None:
            self.journal.write(HOLD, event, queue=self.url, **details)

    def _change(self, operation: str, names: Sequence[str], **parameters: Any) -> dict[str, str]:
        """Call a batch operation, and return the codes of entries that have not succeeded, by message id.

        An entry that failed for a reason of SQS is tried again; SQS names the sender's faults.
        """
        problems: dict[str, str] = {}
        for at in range(0, len(names), BATCH):
            left: Sequence[str] = names[at : at + BATCH]
            for attempt in range(_ATTEMPTS):
                entries = [
                    {"Id": str(number), "ReceiptHandle": self._handles[name], **parameters}
                    for number, name in enumerate(left)
                ]
                response = self.aws.call("sqs", operation, QueueUrl=self.url, Entries=entries)
                self.changed_at = self.aws.now()
                failed = {left[int(each["Id"])]: each for each in response.get("Failed", [])}
                problems |= {name: str(failed.get(name, {}).get("Code", "unknown")) for name in left}
                for each in response.get("Successful", []):
                    del problems[left[int(each["Id"])]]
                left = [name for name in left if name in failed and not failed[name].get("SenderFault")]
                if not left or attempt + 1 == _ATTEMPTS:
                    break
                self.aws.sleep(self.aws.backoff(attempt))
        return problems


def await_visible(aws: Aws, url: str, within_s: float) -> None:
    """Wait until no message of a queue is hidden, at most the visibility timeout of a killed run."""
    ends = aws.now() + timedelta(seconds=within_s)
    while counts_of(queue_attributes(aws, url)).in_flight:
        left_s = (ends - aws.now()).total_seconds()
        if left_s <= 0:
            return
        aws.sleep(min(aws.rate_limits.queue_poll_s, left_s))


def settled_counts(
    aws: Aws,
    url: str,
    expected: int,
    report: Callable[[Message], None],
    *,
    since: datetime | None = None,
) -> QueueCounts:
    """Return the counts of a queue after its last change, which the caller has just made.

    Counts that state the expected total, and no message in flight, have done so for the whole time in which
    counts may be wrong. Others were read after this time at the earliest. With ``since``, the time of the
    last change, the first counts that are as expected are enough. ``report`` is called before the first wait.
    """
    settle_s, began = aws.rate_limits.counts_settle_s, since or aws.now()
    agree_s = 0.0 if since else settle_s
    agreed_since, is_reported = None, False
    while True:
        counts = counts_of(queue_attributes(aws, url))
        is_expected = counts.total == expected and not counts.in_flight
        agreed_since = (agreed_since or aws.now()) if is_expected else None
        needed_s = agree_s if agreed_since else settle_s
        if (aws.now() - (agreed_since or began)).total_seconds() >= needed_s:
            return counts
        if not is_reported:
            report(message("queue-counts-settling", within=Duration(settle_s + agree_s)))
            is_reported = True
        aws.sleep(aws.rate_limits.queue_poll_s)
