"""Redrive of messages, each at most once; a journal on disk keeps this true if the process is killed.

Each message is recorded before and after it is sent. A message with only the first record is unconfirmed: it
may or may not have been sent. A FIFO queue discards duplicates for five minutes, so within that time the
message is sent again. Otherwise the queue could contain it twice, so it is reported and not sent. A message
that SQS rejects for its content is recorded with the reason and skipped by later runs, so that it does not
block the messages after it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.names import region_of, resource_name
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.redact import shortened
from watchme_analysis.remedies.queue_reader import UNKNOWN
from watchme_analysis.storage.journal import Journal, read_journal
from watchme_analysis.text.message import MessageText, Resource
from watchme_analysis.text.render import error_message, text_of_error
from watchme_analysis.trusted import seal

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

# SQS discards duplicates of a deduplication id for 5 minutes; one minute is a margin for clock differences.
_DEDUPLICATED = timedelta(minutes=4)
_PATH = re.compile(r"https?://[^/]+/(?P<account>\d+)/(?P<queue>[^/]+)/?$")
SENDING, SENT, NOT_SENT, REJECTED = "sending", "sent", "not sent", "rejected"
# Events that follow a message that was sent.
PROCESSED, FAILED, DELETING, DELETED, GONE = "processed", "failed", "deleting", "deleted", "gone"
# Events that are actions.
_SHOWN_EVENTS = (SENT, REJECTED, PROCESSED, FAILED, DELETED, GONE)
AFTER_SENT = frozenset({SENT, PROCESSED, FAILED, DELETING, DELETED, GONE})
# Error codes that concern a single message, so the next message may be accepted. Codes that concern the
# queue, its key or the credentials stop the run.
_REJECTING = frozenset(
    {
        "InvalidMessageContents", "InvalidParameterValue", "InvalidParameterCombination", "MissingParameter",
        "InvalidAttributeName", "InvalidAttributeValue", "RequestEntityTooLarge", "413",
    }
)  # fmt: skip
_LONGEST_REASON = 300
# Stands for the id of a message that was in no DLQ, or whose id was not recorded.
UNNAMED = "one without resent_message_id"
_TRIES = 8


@dataclass(frozen=True)
class Rejection:
    """A message that SQS does not accept.

    Attributes
    ----------
    message_id
        Id that the message had in the DLQ.
    reason
        Error code and message of SQS, or the defect of the recorded message.
    """

    message_id: str
    reason: str


@dataclass(frozen=True)
class Target:
    """A queue that messages are redriven to.

    Attributes
    ----------
    queue, account, region
        Parts of the queue URL. For a URL of another form, ``queue`` is the URL, and the others are
        ``unknown``.
    messages
        Number of messages for this queue.
    """

    queue: str
    account: str
    region: str
    messages: int


@dataclass
class RedriveResult:
    """Result of a redrive.

    Attributes
    ----------
    sent
        Number of messages sent in this run.
    before
        Number of messages sent by an earlier run.
    unconfirmed
        Ids of unconfirmed messages: the run ended or the connection broke while they were being sent.
    rejected
        Messages that SQS rejected in this run.
    rejected_before
        Messages that SQS rejected in an earlier run; they were not sent again.
    left
        Number of messages not sent because the limit was reached or the run stopped.
    stopped
        Reason why the run stopped before the end; empty otherwise.
    """

    sent: int = 0
    before: int = 0
    unconfirmed: list[str] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    rejected_before: list[Rejection] = field(default_factory=list)
    left: int = 0
    stopped: str = ""


def pending_messages(
    lines: Sequence[str], journal: Path, *, retry_unconfirmed: bool = False, retry_rejected: bool = False
) -> tuple[list[str], RedriveResult]:
    """Return the messages that a redrive would send, and a result that counts the others.

    Neither the queue nor the journal is written.

    Raises
    ------
    InputError
        When the journal can't be read.
    """
    found = RedriveResult()
    opened = read_journal(journal)
    check_owner(opened)
    left = list(
        open_lines(lines, opened, found, retry_unconfirmed=retry_unconfirmed, retry_rejected=retry_rejected)
    )
    found.left = len(left)
    return left, found


def targets(lines: Sequence[str]) -> list[Target]:
    """Return the queues that messages are sent to, in the order of their first message."""
    numbers = Counter(json.loads(line)["QueueUrl"] for line in lines)
    return [target_of(url, number) for url, number in numbers.items()]


def target_of(url: str, messages: int = 0) -> Target:
    """Return queue, account and region of the URL of a queue."""
    path = _PATH.match(url)
    return Target(
        path["queue"] if path else url,
        path["account"] if path else UNKNOWN,
        region_of(url) or UNKNOWN,
        messages,
    )


def check_owner(journal: Journal) -> None:
    """Check that a journal is that of a redrive.

    Raises
    ------
    InputError
        When its entries are those of another remedy.
    """
    if any("queue" not in entry for entry in journal.entries):
        raise InputError(error_message("error-redrive-journal", path=journal.path))


def open_lines(
    lines: Sequence[str],
    journal: Journal,
    found: RedriveResult,
    *,
    retry_unconfirmed: bool,
    retry_rejected: bool,
) -> Iterator[str]:
    """Yield the messages to send, and count sent, unconfirmed and rejected messages in ``found``."""
    for line in lines:
        message, entry = json.loads(line), journal.last.get(message_key(line), {})
        state = entry.get("event")
        if state in AFTER_SENT and not (retry_unconfirmed and state in {SENT, FAILED}):
            found.before += 1
        elif state == SENDING and not retry_unconfirmed and not _taken_once(message, entry):
            found.unconfirmed.append(message_id(message))
        elif state == REJECTED and not retry_rejected:
            found.rejected_before.append(Rejection(message_id(message), str(entry.get("reason", "unknown"))))
        else:
            yield line


def send_one(line: str, journal: Journal, aws_of: Callable[[str | None], Aws], found: RedriveResult) -> None:
    """Send a message, with a journal entry before and after it, and count it in ``found``."""
    message = json.loads(line)
    aws = aws_of(region_of(message["QueueUrl"]))
    deduplication = _deduplication_id(line, message)
    aws.client("sqs")  # slow; made before the first record, so that a kill leaves no unconfirmed message
    try:
        parameters = _parameters(message, deduplication)
    except ValueError as error:
        _reject(line, message, journal, text_of_error(error), found)
        return
    more = {"deduplication": deduplication} if deduplication else {}
    _write(journal, line, message, SENDING, **more, seal=seal_of(message_key(line)))
    sent = deliver(aws, parameters)
    if sent.sent_as is not None:
        proof = {"as": sent.sent_as, "seal": seal_of(message_key(line), sent.sent_as)}
        _write(journal, line, message, SENT, **proof)
        found.sent += 1
        found.stopped = ""
        return
    if sent.error is not None:
        reason = _rejection(sent.error)
        if reason is not None:
            _reject(line, message, journal, reason, found)
            return
        found.stopped = text_of_error(sent.error)
    if sent.may_have_arrived:
        found.unconfirmed.append(message_id(message))
        return
    _write(journal, line, message, NOT_SENT)
    found.left += 1


@dataclass(frozen=True)
class Delivery:
    """What has become of a call of SendMessage.

    Attributes
    ----------
    sent_as
        Id that SQS has assigned; None if it returned none.
    error
        Why it returned none.
    may_have_arrived
        Whether SQS may have the message although it returned no id.
    """

    sent_as: str | None
    error: ServiceError | None = None
    may_have_arrived: bool = False


def deliver(aws: Aws, parameters: Mapping[str, Any]) -> Delivery:
    """Send a message to a queue; only a throttled call, which SQS has not accepted, is repeated.

    Parameters
    ----------
    aws
        Session that makes each call once (:func:`watchme_analysis.cloudwatch.session.without_retries`).
    parameters
        Those of ``send_message``.
    """
    from watchme_analysis.cloudwatch.session import ThrottledError

    problem: ServiceError | None = None
    for attempt in range(_TRIES):
        try:
            return Delivery(str(aws.call("sqs", "send_message", **parameters)["MessageId"]))
        except ThrottledError as error:
            problem = error
            aws.sleep(aws.backoff(attempt))
        except ServiceError as error:
            return Delivery(None, error, may_have_arrived(error))
    return Delivery(None, problem)


def _deduplication_id(line: str, message: dict[str, Any]) -> str | None:
    """Return the deduplication id to send with; None for a standard queue.

    It differs from that of the sender, since SQS accepts, but does not deliver, a message whose id it has
    seen within five minutes. It is the same at each attempt, so that a repeated attempt is not delivered
    twice.
    """
    return f"redrive-{message_key(line)}" if "MessageDeduplicationId" in message else None


def _parameters(message: dict[str, Any], deduplication: str | None = None) -> dict[str, Any]:
    """Return the parameters of ``send_message``, with binary attributes decoded from base64 to bytes.

    Raises
    ------
    ValueError
        When the recorded message can't be sent as it was.
    """
    attributes = {}
    for name, value in message["MessageAttributes"].items():
        attributes[name] = value
        if isinstance(value, dict) and isinstance(value.get("BinaryValue"), str):
            try:
                raw = base64.b64decode(value["BinaryValue"], validate=True)
            except ValueError as error:
                raise ValueError(error_message("redrive-body-no-base64", name=repr(name))) from error
            attributes[name] = {**value, "BinaryValue": raw}
    try:
        message["MessageBody"].encode()
    except UnicodeEncodeError as error:
        raise ValueError(error_message("redrive-body-no-unicode")) from error
    changed = {} if deduplication is None else {"MessageDeduplicationId": deduplication}
    return {**message, "MessageAttributes": attributes, **changed}


def _rejection(error: ServiceError) -> str | None:
    """Return the reason why SQS rejects a message; None for an error that concerns more than this message."""
    from botocore.exceptions import ClientError, ParamValidationError

    cause = error.__cause__
    if isinstance(cause, ClientError):
        detail = cause.response.get("Error", {})
        code = str(detail.get("Code", "")).rsplit(".", 1)[-1]
        if error.retryable or code not in _REJECTING:
            return None
        text = f"{code}: {detail.get('Message', '')}"
    elif isinstance(cause, ParamValidationError):  # boto3 validates the message before it sends it
        text = str(cause)
    else:
        return None
    return shortened(" ".join(text.split()), _LONGEST_REASON)


def _reject(line: str, message: dict[str, Any], journal: Journal, reason: str, found: RedriveResult) -> None:
    """Record that SQS rejected a message, so that later runs skip it."""
    reason = reason if isinstance(reason, MessageText) else reason.rstrip(".")
    _write(journal, line, message, REJECTED, reason=reason)
    found.rejected.append(Rejection(message_id(message), reason))
    found.stopped = ""


def may_have_arrived(error: ServiceError) -> bool:
    """Return whether SQS may have received a message: the error is retryable, and a connection existed."""
    from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError

    return error.retryable and not isinstance(error.__cause__, EndpointConnectionError | ConnectTimeoutError)


def _taken_once(message: dict[str, Any], entry: dict[str, Any]) -> bool:
    """Return whether SQS still discards duplicates of the message by its deduplication id."""
    age = datetime.now(UTC) - datetime.fromisoformat(entry["at"])
    return "MessageDeduplicationId" in message and age < _DEDUPLICATED


def _write(journal: Journal, line: str, message: dict[str, Any], event: str, **details: str) -> None:
    note_message(journal, message_key(line), event, message_id(message), message["QueueUrl"], **details)


def note_message(journal: Journal, key: str, event: str, name: str | None, url: str, **details: Any) -> None:
    """Append an entry on a message to the journal, wait until it is on disk, and say so in ``actions``.

    Parameters
    ----------
    journal
        Journal of the redrive.
    key, event
        The message, and what has become of it.
    name
        Id in the DLQ; None when it was in none.
    url
        Queue that it is sent to.
    **details
        Further values for JSON.
    """
    from watchme_analysis.text.message import message

    said: dict[str, Any] = {}
    if event in _SHOWN_EVENTS:
        # A created message is known by the id that it got when it was sent.
        known = [each["as"] for each in journal.entries if each["key"] == key and "as" in each]
        step = name if name not in (None, UNNAMED) else details.get("as", (known or [key])[-1])
        sentence = message(f"redrive-event-{event}", message=Resource(str(step)))
        said = {"step": step, "resource": resource_name(url), "sentence": sentence.to_dict()}
        said |= {"call": "sqs send-message"} if event in (SENT, REJECTED) else {}
    journal.write(key, event, id=name, queue=url, **details, **said)


def message_key(line: str) -> str:
    """Return the key of a message in the journal, a hash of its line."""
    return hashlib.sha256(line.encode(errors="surrogatepass")).hexdigest()[:32]


def seal_of(key: str, sent_as: str | None = None) -> str:
    """Return the seal of an entry that a message was sent: a journal may come from somebody else.

    Without it, an id of any other message that was processed would prove that this message was.
    """
    return seal(f"{key} {sent_as}", os.environ)


def message_id(message: dict[str, Any]) -> str:
    """Return the id that a message had in the DLQ, or a placeholder when it was not recorded."""
    attribute = message["MessageAttributes"].get("resent_message_id", {})
    return str(attribute.get("StringValue", UNNAMED))
