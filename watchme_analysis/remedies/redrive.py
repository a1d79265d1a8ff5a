"""Redrive of messages, each at most once; a journal on disk keeps this true if the process is killed.

Each message is recorded before and after it is sent. A message with only the first record is unconfirmed: it
may or may not have been sent. A FIFO queue discards duplicates for five minutes, so within that time the
message is sent again. Otherwise the queue could contain it twice, so it is reported and not sent. A message
that SQS rejects for its content is recorded with the reason and skipped by later runs, so that it does not
block the messages after it.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.files.lines import split_text
from watchme_analysis.redact import shortened

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

# SQS discards duplicates of a deduplication id for 5 minutes; one minute is a margin for clock differences.
_DEDUPLICATED = timedelta(minutes=4)
_REGION = re.compile(r"https://sqs\.(?P<region>[a-z0-9-]+)\.amazonaws\.com")
_PATH = re.compile(r"https?://[^/]+/(?P<account>\d+)/(?P<queue>[^/]+)/?$")
_ABOUT, _DONE, _NOT, _REJECTED = "sending", "sent", "not sent", "rejected"
# Error codes that concern a single message, so the next message may be accepted. Codes that concern the
# queue, its key or the credentials stop the run.
_REJECTING = frozenset(
    {
        "InvalidMessageContents", "InvalidParameterValue", "InvalidParameterCombination", "MissingParameter",
        "InvalidAttributeName", "InvalidAttributeValue", "RequestEntityTooLarge", "413",
    }
)  # fmt: skip
_LONGEST_REASON = 300
_BEGINNING = '{"message": '
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


def redrive(
    lines: Sequence[str],
    journal: Path,
    aws_of: Callable[[str | None], Aws],
    most: int | None = None,
    *,
    retry_unconfirmed: bool = False,
    retry_rejected: bool = False,
) -> RedriveResult:
    """Send the messages that no earlier run has sent, and record each in the journal.

    Parameters
    ----------
    lines
        Lines from :func:`watchme_analysis.queues.redrive_list.messages_to_redrive`.
    journal
        JSON Lines file to append to; it must be the same for all runs.
    aws_of
        Function that returns the AWS session of a region. The session must not retry calls: a retry after a
        broken connection could send a message twice.
    most
        Largest number of messages to send in this run, rejected messages included; all when None.
    retry_unconfirmed
        Also send unconfirmed messages.
    retry_rejected
        Also send messages that SQS rejected in an earlier run.

    Raises
    ------
    InputError
        When another run uses the journal, or the journal can't be read or written.
    """
    found = RedriveResult()
    with _opened(journal) as file:
        known = _known(file, journal)
        for line in _open_lines(
            lines, known, found, retry_unconfirmed=retry_unconfirmed, retry_rejected=retry_rejected
        ):
            if found.stopped or (most is not None and found.sent + len(found.rejected) >= most):
                found.left += 1
            else:
                _send(line, json.loads(line), file, aws_of, found)
    return found


def pending_messages(
    lines: Sequence[str], journal: Path, *, retry_unconfirmed: bool = False, retry_rejected: bool = False
) -> tuple[list[str], RedriveResult]:
    """Return the messages that :func:`redrive` would send, and a result that counts the others.

    Neither the queue nor the journal is written.

    Raises
    ------
    InputError
        When the journal can't be read.
    """
    found = RedriveResult()
    try:
        text = journal.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    except OSError as error:
        raise InputError(f"The journal {journal} can't be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{journal} is not a redrive journal: give another file.") from error
    known = _entries(text, journal)
    left = list(
        _open_lines(lines, known, found, retry_unconfirmed=retry_unconfirmed, retry_rejected=retry_rejected)
    )
    found.left = len(left)
    return left, found


def targets(lines: Sequence[str]) -> list[Target]:
    """Return the queues that messages are sent to, in the order of their first message."""
    numbers: dict[str, int] = {}
    for line in lines:
        url = json.loads(line)["QueueUrl"]
        numbers[url] = numbers.get(url, 0) + 1
    found = []
    for url, number in numbers.items():
        path, region = _PATH.match(url), _REGION.match(url)
        found.append(
            Target(
                path["queue"] if path else url,
                path["account"] if path else "unknown",
                region["region"] if region else "unknown",
                number,
            )
        )
    return found


def _open_lines(
    lines: Sequence[str],
    known: dict[str, dict[str, Any]],
    found: RedriveResult,
    *,
    retry_unconfirmed: bool,
    retry_rejected: bool,
) -> Iterator[str]:
    """Yield the messages to send, and count sent, unconfirmed and rejected messages in ``found``."""
    for line in lines:
        message, entry = json.loads(line), known.get(_name(line), {})
        state = entry.get("event")
        if state == _DONE:
            found.before += 1
        elif state == _ABOUT and not retry_unconfirmed and not _taken_once(message, entry):
            found.unconfirmed.append(_id(message))
        elif state == _REJECTED and not retry_rejected:
            found.rejected_before.append(Rejection(_id(message), str(entry.get("reason", "unknown"))))
        else:
            yield line


def _send(
    line: str,
    message: dict[str, Any],
    file: IO[str],
    aws_of: Callable[[str | None], Aws],
    found: RedriveResult,
) -> None:
    from watchme_analysis.cloudwatch.session import ThrottledError

    region = _REGION.match(message["QueueUrl"])
    aws = aws_of(region["region"] if region else None)
    aws.client("sqs")  # slow; made before the first record, so that a kill leaves no unconfirmed message
    try:
        parameters = _parameters(message)
    except ValueError as error:
        _reject(line, message, file, str(error), found)
        return
    _write(file, line, message, _ABOUT)
    for attempt in range(_TRIES):
        try:
            answer = aws.call("sqs", "send_message", **parameters)
        except ThrottledError as error:  # a throttled message was not accepted
            found.stopped = str(error)
            aws.sleep(aws.backoff(attempt))
        except ServiceError as error:
            reason = _rejection(error)
            if reason is not None:
                _reject(line, message, file, reason, found)
                return
            found.stopped = str(error)
            if _may_have_arrived(error):
                found.unconfirmed.append(_id(message))
                return
            break
        else:
            _write(file, line, message, _DONE, sent_as=answer["MessageId"])
            found.sent += 1
            found.stopped = ""
            return
    _write(file, line, message, _NOT)
    found.left += 1


def _parameters(message: dict[str, Any]) -> dict[str, Any]:
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
                raise ValueError(f"The value of the binary attribute {name!r} is not base64.") from error
            attributes[name] = {**value, "BinaryValue": raw}
    try:
        message["MessageBody"].encode()
    except UnicodeEncodeError as error:
        raise ValueError("The body is not valid Unicode, which SQS does not accept.") from error
    return {**message, "MessageAttributes": attributes}


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


def _reject(line: str, message: dict[str, Any], file: IO[str], reason: str, found: RedriveResult) -> None:
    """Record that SQS rejected a message, so that later runs skip it."""
    reason = reason.rstrip(".")
    _write(file, line, message, _REJECTED, reason=reason)
    found.rejected.append(Rejection(_id(message), reason))
    found.stopped = ""


def _may_have_arrived(error: ServiceError) -> bool:
    """Return whether SQS may have received a message: the error is retryable, and a connection existed."""
    from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError

    return error.retryable and not isinstance(error.__cause__, EndpointConnectionError | ConnectTimeoutError)


@contextmanager
def _opened(journal: Path) -> Iterator[IO[str]]:
    try:
        file = journal.open("a+", encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"The journal {journal} can't be written ({error.strerror}): nothing is sent."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(
                f"Another run sends by the journal {journal}: wait until it has ended."
            ) from error
        yield file


def _known(file: IO[str], journal: Path) -> dict[str, dict[str, Any]]:
    """Return the last journal entry of each message, by message name.

    An incomplete last line of a killed run is ended with a newline; its action had not taken place.
    """
    file.seek(0)
    text = file.read()
    if text and not text.endswith("\n"):
        file.write("\n")
    return _entries(text, journal)


def _entries(text: str, journal: Path) -> dict[str, dict[str, Any]]:
    whole, _, last = text.rpartition("\n")
    if not _BEGINNING.startswith(last[: len(_BEGINNING)]):
        raise InputError(f"{journal} is not a redrive journal: give another file.")
    entries: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(split_text(whole), 1):
        try:
            entry = json.loads(line)
            entries[entry["message"]] = entry
        except (ValueError, TypeError, KeyError) as error:
            # Incomplete line of a killed run, ended by the next run.
            if _BEGINNING.startswith(line[: len(_BEGINNING)]):
                continue
            raise InputError(
                f"{journal}:{number} is not an entry of a redrive journal: give another file."
            ) from error
    return entries


def _taken_once(message: dict[str, Any], entry: dict[str, Any]) -> bool:
    """Return whether SQS still discards duplicates of the message by its deduplication id."""
    age = datetime.now(UTC) - datetime.fromisoformat(entry["at"])
    return "MessageDeduplicationId" in message and age < _DEDUPLICATED


def _write(
    file: IO[str], line: str, message: dict[str, Any], event: str, sent_as: str = "", reason: str = ""
) -> None:
    """Append an entry to the journal and wait until it is on disk."""
    entry = {"message": _name(line), "id": _id(message), "queue": message["QueueUrl"], "event": event}
    entry["at"] = datetime.now(UTC).isoformat(timespec="milliseconds")
    entry |= {"as": sent_as} if sent_as else {}
    entry |= {"reason": reason} if reason else {}
    file.write(json.dumps(entry) + "\n")
    file.flush()
    os.fsync(file.fileno())


def _name(line: str) -> str:
    return hashlib.sha256(line.encode(errors="surrogatepass")).hexdigest()[:32]


def _id(message: dict[str, Any]) -> str:
    """Return the id that a message had in the DLQ, or a placeholder when it was not recorded."""
    attribute = message["MessageAttributes"].get("resent_message_id", {})
    return str(attribute.get("StringValue", "one without resent_message_id"))
