"""Messages sent again, each once: a journal on disk knows of every one, whenever the sending is killed.

What is about to be sent is written down before, and what was sent after it. A message between the two may
have been sent or not: a FIFO queue takes it once within five minutes, any other would hold it twice, so that
it is named and left to the reader.
"""

from __future__ import annotations

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

if TYPE_CHECKING:
    from watchme_analysis.sources.aws.client import Aws

# For so long SQS takes a message of one deduplication id once; a minute is left for clocks.
_DEDUPLICATED = timedelta(minutes=4)
_REGION = re.compile(r"https://sqs\.(?P<region>[a-z0-9-]+)\.amazonaws\.com")
_ABOUT, _DONE, _NOT = "sending", "sent", "not sent"
_BEGINNING = '{"message": '
_TRIES = 8


@dataclass
class Resent:
    """What became of the messages.

    Attributes
    ----------
    sent
        Sent now.
    before
        Sent by an earlier run.
    unsure
        Ids of messages that were being sent when a run ended, or when the connection broke.
    left
        Not sent, as the count was reached or the sending stopped.
    stopped
        Why it stopped before the end; empty when it didn't.
    """

    sent: int = 0
    before: int = 0
    unsure: list[str] = field(default_factory=list)
    left: int = 0
    stopped: str = ""


def send_again(
    lines: Sequence[str],
    journal: Path,
    aws_of: Callable[[str | None], Aws],
    most: int | None = None,
    *,
    unsure_too: bool = False,
) -> Resent:
    """Send messages that no earlier run has sent, and write down each.

    Parameters
    ----------
    lines
        As :func:`watchme_analysis.analysis.backlog.resend.messages_to_resend` gives them.
    journal
        File to write to, JSON Lines; it must be the same for all runs.
    aws_of
        Gives what to call AWS with in a region. It must try each call once: a second try after a broken
        connection could send a message twice.
    most
        How many to send now; all when None.
    unsure_too
        Also those of which the journal doesn't know whether they were sent.

    Raises
    ------
    InputError
        When another run is at it, or the journal can't be read or written.
    """
    found = Resent()
    with _opened(journal) as file:
        known = _known(file, journal)
        for line in _open_lines(lines, known, found, unsure_too=unsure_too):
            if found.stopped or (most is not None and found.sent >= most):
                found.left += 1
            else:
                _send(line, json.loads(line), file, aws_of, found)
    return found


def still_to_send(
    lines: Sequence[str], journal: Path, *, unsure_too: bool = False
) -> tuple[list[str], Resent]:
    """Return the messages that :func:`send_again` would send now, and why not the others; nothing is written.

    Raises
    ------
    InputError
        When the journal can't be read.
    """
    found = Resent()
    try:
        text = journal.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    except OSError as error:
        raise InputError(f"The journal {journal} can't be read ({error.strerror}).") from error
    left = list(_open_lines(lines, _entries(text, journal), found, unsure_too=unsure_too))
    found.left = len(left)
    return left, found


def _open_lines(
    lines: Sequence[str], known: dict[str, dict[str, Any]], found: Resent, *, unsure_too: bool
) -> Iterator[str]:
    """Yield the messages to send, and count those that were sent or may have been."""
    for line in lines:
        message, entry = json.loads(line), known.get(_name(line), {})
        state = entry.get("event")
        if state == _DONE:
            found.before += 1
        elif state == _ABOUT and not unsure_too and not _taken_once(message, entry):
            found.unsure.append(_id(message))
        else:
            yield line


def _send(
    line: str, message: dict[str, Any], file: IO[str], aws_of: Callable[[str | None], Aws], found: Resent
) -> None:
    from watchme_analysis.sources.aws.client import ThrottledError

    region = _REGION.match(message["QueueUrl"])
    aws = aws_of(region["region"] if region else None)
    aws.client("sqs")  # which takes a while: a kill meanwhile shall leave nobody unsure
    _write(file, line, message, _ABOUT)
    for attempt in range(_TRIES):
        try:
            answer = aws.call("sqs", "send_message", **message)
        except ThrottledError as error:  # refused before it was taken
            found.stopped = str(error)
            aws.sleep(aws.backoff(attempt))
        except ServiceError as error:
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


def _may_have_arrived(error: ServiceError) -> bool:
    """Tell whether a call may have been heard: it broke off on the way there or back, and had a way."""
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
    """Tell whether the queue still knows the deduplication id, so that it takes the message at most once."""
    age = datetime.now(UTC) - datetime.fromisoformat(entry["at"])
    return "MessageDeduplicationId" in message and age < _DEDUPLICATED


def _write(file: IO[str], line: str, message: dict[str, Any], event: str, sent_as: str = "") -> None:
    """Write an entry and wait until it is on the disk."""
    entry = {"message": _name(line), "id": _id(message), "queue": message["QueueUrl"], "event": event}
    entry |= {"at": datetime.now(UTC).isoformat(timespec="milliseconds")} | (
        {"as": sent_as} if sent_as else {}
    )
    file.write(json.dumps(entry) + "\n")
    file.flush()
    os.fsync(file.fileno())


def _name(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()[:32]


def _id(message: dict[str, Any]) -> str:
    """Return the id that a message had as a dead letter, as far as there was room for it."""
    told = message["MessageAttributes"].get("resent_message_id", {})
    return str(told.get("StringValue", "one without resent_message_id"))
