"""Receiving every message of a queue: hidden for a set time, then deleted or made visible again.

A short poll of SQS samples some of its servers, so an empty response proves nothing by itself [1]_. The
reading ends after several empty responses in a row, and its result is compared with the queue's attributes.
Those are approximate, and may be wrong until a minute after the last change [2]_.

.. [1] https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
.. [2] https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.aws_shapes.responses import json_value
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.text.message import Duration, Message, Resource, message
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

# Account or region of a queue whose URL does not state it.
UNKNOWN = "unknown"
# Messages per call of ReceiveMessage and of the batch operations.
BATCH = 10
# Empty responses in a row after which the queue counts as read.
_EMPTY_RESPONSES = 3
# Share of the visibility timeout after which no further message is received: a message that becomes visible
# again during the reading would be received twice.
_READING_SHARE = 0.8
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

    def to_dict(self) -> dict[str, int]:
        """Return the numbers, ready for JSON."""
        return {"visible": self.visible, "in_flight": self.in_flight, "delayed": self.delayed}


def other_place(account: str, region: str, queue_account: str, queue_region: str) -> Message | None:
    """Return that a session is not of the account or region of a queue; None when it is, or may be."""
    if queue_account in (account, UNKNOWN) and queue_region in (region, UNKNOWN):
        return None
    return message(
        "redrive-other-place",
        account=Resource(account),
        region=Resource(region),
        queue_account=Resource(queue_account),
        queue_region=Resource(queue_region),
    )


def queue_url(aws: Aws, queue: str) -> str:
    """Return the URL of a queue, of its name or URL.

    Raises
    ------
    InputError
        When a URL names another region.
    ServiceError
        When the queue does not exist.
    """
    if queue.startswith(("https://", "http://")):
        aws.check_region(queue)
        return queue
    return str(aws.call("sqs", "get_queue_url", QueueName=queue)["QueueUrl"])


def queue_attributes(aws: Aws, url: str) -> dict[str, str]:
    """Return all attributes of a queue.

    Raises
    ------
    ServiceError
        When the queue does not exist or can't be read.
    """
    found = aws.call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"])
    return {str(name): str(value) for name, value in found.get("Attributes", {}).items()}


def dead_letter_queue_url(aws: Aws, url: str) -> str | None:
    """Return the URL of the DLQ that the redrive policy of a queue names; None without one.

    Raises
    ------
    ServiceError
        When the queue or its DLQ does not exist or can't be read.
    """
    policy = json_value(queue_attributes(aws, url).get("RedrivePolicy"))
    target = policy.get("deadLetterTargetArn") if isinstance(policy, dict) else None
    return None if target is None else queue_url(aws, resource_name(str(target)))


def counts_of(attributes: Mapping[str, str]) -> QueueCounts:
    """Return the numbers of messages in the attributes of a queue."""
    return QueueCounts(**{name: int(attributes.get(source, 0)) for name, source in _COUNTS.items()})


def check_readable(attributes: Mapping[str, str], url: str) -> None:
    """Check that receiving from a queue moves no message elsewhere.

    Raises
    ------
    InputError
        When the queue has a redrive policy: a message that is received too often would move on.
    """
    if attributes.get("RedrivePolicy"):
        raise InputError(error_message("error-queue-with-redrive", queue=url))


def receive_batches(
    aws: Aws, url: str, visibility_timeout_s: int, seen: set[str] | None = None
) -> Iterator[list[dict[str, Any]]]:
    """Yield the messages of a queue in batches, each message once; the caller deletes or releases them.

    Ends when the queue seems empty, and when the first messages may become visible again.

    Parameters
    ----------
    aws
        Account and region.
    url
        URL of the queue.
    visibility_timeout_s
        Seconds for which a message stays hidden after it was received.
    seen
        Ids of the messages yielded so far; filled by this function.
    """
    seen = set() if seen is None else seen
    ends = aws.now() + timedelta(seconds=_READING_SHARE * visibility_timeout_s)
    empty = 0
    while empty < _EMPTY_RESPONSES and aws.now() < ends:
        response = aws.call(
            "sqs",
            "receive_message",
            QueueUrl=url,
            MaxNumberOfMessages=BATCH,
            VisibilityTimeout=visibility_timeout_s,
            WaitTimeSeconds=aws.rate_limits.long_poll_s if empty else 0,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        received = response.get("Messages", [])
        empty = 0 if received else empty + 1
        seen.update(str(message["MessageId"]) for message in received)
        if received:
            yield received


def delete_messages(aws: Aws, url: str, handles: Mapping[str, str]) -> dict[str, str]:
    """Delete messages, and return the reason for each that was not deleted, by message id.

    Parameters
    ----------
    aws
        Account and region.
    url
        URL of the queue.
    handles
        Receipt handle by message id.
    """
    return _in_batches(aws, url, "delete_message_batch", handles, {})


def hide_messages(aws: Aws, url: str, handles: Mapping[str, str], hidden_s: int) -> dict[str, str]:
    """Keep received messages hidden for some seconds from now, and return the reason for each that is not.

    SQS hides a message for at most 12 hours after it was received.
    """
    return _in_batches(aws, url, "change_message_visibility_batch", handles, {"VisibilityTimeout": hidden_s})


def release_messages(aws: Aws, url: str, handles: Mapping[str, str]) -> dict[str, str]:
    """Make messages visible again, and return the reason for each that was not, by message id.

    A message that was deleted, or whose receipt handle has expired, is not in flight and counts as released.
    """
    found = _in_batches(aws, url, "change_message_visibility_batch", handles, {"VisibilityTimeout": 0})
    return {name: code for name, code in found.items() if not _NOT_IN_FLIGHT.search(code)}


def _in_batches(
    aws: Aws, url: str, operation: str, handles: Mapping[str, str], parameters: Mapping[str, Any]
) -> dict[str, str]:
    """Call a batch operation and return the reasons of its failed entries, each looked at individually."""
    names, problems = list(handles), {}
    for at in range(0, len(names), BATCH):
        open_entries: Sequence[str] = names[at : at + BATCH]
        for attempt in range(_ATTEMPTS):
            entries = [
                {"Id": str(number), "ReceiptHandle": handles[name], **parameters}
                for number, name in enumerate(open_entries)
            ]
            response = aws.call("sqs", operation, QueueUrl=url, Entries=entries)
            failed = {open_entries[int(item["Id"])]: item for item in response.get("Failed", [])}
            unknown = set(open_entries) - set(failed)
            unknown -= {open_entries[int(item["Id"])] for item in response.get("Successful", [])}
            if unknown:
                raise ServiceError(
                    error_message(
                        "error-sqs-no-result",
                        operation=operation,
                        target=aws.target_name,
                        number=len(unknown),
                    )
                )
            # A SenderFault can't succeed when it is repeated: the receipt handle has expired.
            problems.update(
                {
                    name: str(item.get("Code", "unknown"))
                    for name, item in failed.items()
                    if item.get("SenderFault")
                }
            )
            open_entries = [name for name, item in failed.items() if not item.get("SenderFault")]
            if not open_entries:
                break
            aws.sleep(aws.backoff(attempt))
        else:
            problems.update({name: str(failed[name].get("Code", "unknown")) for name in open_entries})
    return problems


def await_visible(aws: Aws, url: str, within_s: float) -> int:
    """Wait until no message of a queue is hidden, and return the number of those that still are.

    Parameters
    ----------
    aws, url
        Account and region, and the queue.
    within_s
        Longest wait in seconds; the visibility timeout of a killed run.
    """
    ends = aws.now() + timedelta(seconds=within_s)
    while True:
        hidden = counts_of(queue_attributes(aws, url)).in_flight
        left_s = (ends - aws.now()).total_seconds()
        if not hidden or left_s <= 0:
            return hidden
        aws.sleep(min(aws.rate_limits.queue_poll_s, left_s))


def settled_counts(aws: Aws, url: str, expected: int, report: Callable[[Message], None]) -> QueueCounts:
    """Return the counts of a queue after its last change, which the caller has just made.

    Counts that state the expected total, and no message in flight, have done so for the whole time in which
    counts may be wrong. Others were read after this time at the earliest.

    Parameters
    ----------
    aws, url
        Account and region, and the queue.
    expected
        Number of messages that the queue should hold.
    report
        Called with a sentence before the wait.
    """
    settle_s = aws.rate_limits.counts_settle_s
    report(message("queue-counts-settling", settle=Duration(settle_s), within=Duration(2 * settle_s)))
    began, agreed_since = aws.now(), None
    while True:
        counts = counts_of(queue_attributes(aws, url))
        is_expected = counts.total == expected and not counts.in_flight
        agreed_since = (agreed_since or aws.now()) if is_expected else None
        if (aws.now() - (agreed_since or began)).total_seconds() >= settle_s:
            return counts
        aws.sleep(aws.rate_limits.queue_poll_s)
