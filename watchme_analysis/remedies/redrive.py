"""Redrive of messages, each at most once: a journal on disk survives a kill at any moment.

Each message is recorded before and after it is sent. A message with the first record only may have been sent
or not: a FIFO queue accepts it once within five minutes, any other queue would hold it twice, so that it is
reported and left to the reader. A message that SQS rejects for its own content is recorded with the reason
and not sent again by later runs, so that it does not block the messages after it.
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
from watchme_analysis.redact import shortened

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

# For so long SQS takes a message of one deduplication id once; a minute is left for clocks.
_DEDUPLICATED = timedelta(minutes=4)
_REGION = re.compile(r"https://sqs\.(?P<region>[a-z0-9-]+)\.amazonaws\.com")
_PATH = re.compile(r"https?://[^/]+/(?P<account>\d+)/(?P<queue>[^/]+)/?$")
_ABOUT, _DONE, _NOT, _REJECTED = "sending", "sent", "not sent", "rejected"
# Error codes that concern the message alone: the next message may well be accepted. Codes that concern the
# queue, its key or the credentials are not among them and stop the run.
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
        Error code and message of SQS, or what is wrong with the recorded message.
    """

    message_id: str
    reason: str


@dataclass(frozen=True)
class Target:
    """A queue to send to.

    Attributes
    ----------
    queue, account, region
        As its URL says; the URL itself and ``unknown`` where it has another form.
    messages
        How many messages go there.
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
        Sent now.
    before
        Sent by an earlier run.
    unsure
        Ids of messages that were being sent when a run ended, or when the connection broke.
    rejected
        Messages that SQS rejected now.
    rejected_before
        Messages that SQS rejected in an earlier run, which were not tried again.
    left
        Not sent, as the count was reached or the sending stopped.
    stopped
        Why it stopped before the end; empty when it didn't.
    """

    sent: int = 0
    before: int = 0
    unsure: list[str] = field(default_factory=list)
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
    unsure_too: bool = False,
    rejected_too: bool = False,
) -> RedriveResult:
    """Send messages that no earlier run has sent, and write down each.

    Parameters
    ----------
    lines
        As :func:`watchme_analysis.queues.redrive_list.messages_to_redrive` gives them.
    journal
        File to write to, JSON Lines; it must be the same for all runs.
    aws_of
        Gives what to call AWS with in a region. It must try each call once: a second try after a broken
        connection could send a message twice.
    most
        How many to send now; all when None. A message that SQS rejects counts.
    unsure_too
        Also those of which the journal doesn't know whether they were sent.
    rejected_too
        Also those that SQS rejected in an earlier run.

    Raises
    ------
    InputError
        When another run is at it, or the journal can't be read or written.
    """
    found = RedriveResult()
    with _opened(journal) as file:
        known = _known(file, journal)
        for line in _open_lines(lines, known, found, unsure_too=unsure_too, rejected_too=rejected_too):
            if found.stopped or (most is not None and found.sent + len(found.rejected) >= most):
                found.left += 1
            else:
                _send(line, json.loads(line), file, aws_of, found)
    return found


def pending_messages(
    lines: Sequence[str], journal: Path, *, unsure_too: bool = False, rejected_too: bool = False
) -> tuple[list[str], RedriveResult]:
    """Return the messages that :func:`redrive` would send now, and why not the others; nothing is written.

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
    known = _entries(text, journal)
    left = list(_open_lines(lines, known, found, unsure_too=unsure_too, rejected_too=rejected_too))
    found.left = len(left)
    return left, found


def targets(lines: Sequence[str]) -> list[Target]:
    """Return the queues that messages go to, in the order of their first message."""
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
    unsure_too: bool,
    rejected_too: bool,
) -> Iterator[str]:
    """Yield the messages to send, and count those that were sent, may have been sent or were rejected."""
    for line in lines:
        message, entry = json.loads(line), known.get(_name(line), {})
        state = entry.get("event")
        if state == _DONE:
            found.before += 1
        elif state == _ABOUT and not unsure_too and not _taken_once(message, entry):
            found.unsure.append(_id(message))
        elif state == _REJECTED and not rejected_too:
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
    aws.client("sqs")  # which takes a while: a kill meanwhile shall leave nobody unsure
    try:
        parameters = _parameters(message)
    except ValueError as error:
        _reject(line, message, file, str(error), found)
        return
    _write(file, line, message, _ABOUT)
    for attempt in range(_TRIES):
        try:
            answer = aws.call("sqs", "send_message", **parameters)
        except ThrottledError as error:  # refused before it was taken
            found.stopped = str(error)
            aws.sleep(aws.backoff(attempt))
        except ServiceError as error:
            reason = _rejection(error)
            if reason is not None:
                _reject(line, message, file, reason, found)
                return
            found.stopped = str(error)
            if _may_have_arrived(error):
                found.unsure.append(_id(message))
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
    """Return a message as boto3 takes it: binary attributes as bytes, not as the base64 text of JSON.

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
    """Return why SQS does not accept a message; None for an error that is not about this message alone."""
    from botocore.exceptions import ClientError, ParamValidationError

    cause = error.__cause__
    if isinstance(cause, ClientError):
        detail = cause.response.get("Error", {})
        code = str(detail.get("Code", "")).rsplit(".", 1)[-1]
        if error.retryable or code not in _REJECTING:
            return None
        text = f"{code}: {detail.get('Message', '')}"
    elif isinstance(cause, ParamValidationError):  # boto3 refuses the message before it is sent
        text = str(cause)
    else:
        return None
    return shortened(" ".join(text.split()), _LONGEST_REASON)


def _reject(line: str, message: dict[str, Any], file: IO[str], reason: str, found: RedriveResult) -> None:
    """Record that a message was not accepted, so that later runs pass it by."""
    reason = reason.rstrip(".")
    _write(file, line, message, _REJECTED, reason=reason)
    found.rejected.append(Rejection(_id(message), reason))
    found.stopped = ""


def _may_have_arrived(error: ServiceError) -> bool:
    """Return whether a call may have been heard: it broke off on the way there or back, and had a way."""
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
    """Return the last entry of each message; what a kill cut off was not done yet, and ends here."""
    file.seek(0)
    text = file.read()
    if text and not text.endswith("\n"):
        file.write("\n")
    return _entries(text, journal)


def _entries(text: str, journal: Path) -> dict[str, dict[str, Any]]:
    whole, _, _ = text.rpartition("\n")
    entries: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            entry = json.loads(line)
            entries[entry["message"]] = entry
        except (ValueError, TypeError, KeyError) as error:
            if _BEGINNING.startswith(line[: len(_BEGINNING)]):  # cut off by a kill, ended by the run after it
                continue
            raise InputError(
                f"{journal}:{number} is no entry of a journal of messages: name another file."
            ) from error
    return entries


def _taken_once(message: dict[str, Any], entry: dict[str, Any]) -> bool:
    """Return whether the queue still knows the deduplication id, so that it accepts the message once."""
    age = datetime.now(UTC) - datetime.fromisoformat(entry["at"])
    return "MessageDeduplicationId" in message and age < _DEDUPLICATED


def _write(
    file: IO[str], line: str, message: dict[str, Any], event: str, sent_as: str = "", reason: str = ""
) -> None:
    """Write an entry and wait until it is on the disk."""
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
    """Return the id that a message had in the DLQ, as far as it was recorded."""
    told = message["MessageAttributes"].get("resent_message_id", {})
    return str(told.get("StringValue", "one without resent_message_id"))
