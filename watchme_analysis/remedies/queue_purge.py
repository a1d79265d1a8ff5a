"""Emptying a queue whose messages are all in an archive, with a record of what was removed and why.

Messages are received and deleted one batch at a time, each only if the archive holds it with the same body
and attributes. A message that arrived later stays. PurgeQueue is never called: it would also delete what
arrives while it works, up to a minute [1]_.

The journal states each deletion before and after its call, and the record counts what SQS has confirmed. A
deletion that was requested and not confirmed is uncertain, until the queue shows the message again.

.. [1] https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.cloudwatch.account_state import as_cli_prints
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.files.atomic_write import check_replaceable, write_atomically
from watchme_analysis.files.journal import DONE, INTENDED, Journal, open_journal
from watchme_analysis.remedies.plan import Call
from watchme_analysis.remedies.queue_archive import Archive, ReadingLimits, body_hash
from watchme_analysis.remedies.queue_reader import (
    QueueCounts,
    await_visible,
    calls_of_reading,
    check_readable,
    counts_of,
    delete_messages,
    queue_attributes,
    queue_url,
    receive_batches,
    release_messages,
    settled_counts,
)
from watchme_analysis.text.message import Message, Quotation, Resource, message
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

RECORD_SUFFIX, JOURNAL_SUFFIX = ".purge-record.json", ".purge-journal.jsonl"
_RECORD_BEGINNING = b'{\n  "remedy": "queue purge"'
_HOLD = "hold"
_HOLDING, _RELEASED = "holding", "released"
_MESSAGES = "messages"
_DELETING, _DELETED = "deleting", "deleted"
_USUAL = ReadingLimits()


@dataclass(frozen=True)
class PurgeResult:
    """Result of a purge.

    Attributes
    ----------
    outcome
        ``complete``: the queue is empty. ``refused``: nothing was deleted. ``stopped``: messages are left.
    sentence
        Why it ended so.
    deleted
        Number of messages whose deletion SQS has confirmed, those of earlier runs included.
    uncertain
        Ids of messages whose deletion was requested and not confirmed, and that were not received since.
    left
        Ids of messages that are not in the archive, or differ from it, and stay.
    counts
        Numbers of messages in the queue at the end.
    record
        File of the record; None when nothing was deleted.
    """

    outcome: Literal["complete", "refused", "stopped"]
    sentence: Message
    deleted: int
    uncertain: tuple[str, ...]
    left: tuple[str, ...]
    counts: QueueCounts | None
    record: Path | None


def record_of(archive: Path) -> Path:
    """Return the file of the record of a purge, ``ARCHIVE.purge-record.json`` beside the archive."""
    return archive.with_name(archive.name + RECORD_SUFFIX)


def journal_of(archive: Path) -> Path:
    """Return the journal of a purge, ``ARCHIVE.purge-journal.jsonl`` beside the archive."""
    return archive.with_name(archive.name + JOURNAL_SUFFIX)


def calls_of_purge(url: str) -> tuple[Call, ...]:
    """Return the calls that a purge may make, for the IAM policy."""
    return (*calls_of_reading(url), Call("sqs", "delete_message_batch", {"QueueUrl": url}))


def purge_queue(
    aws: Aws,
    queue: str,
    archive: Archive,
    reason: str,
    *,
    errors: Mapping[str, int] | None = None,
    limits: ReadingLimits = _USUAL,
) -> PurgeResult:
    """Delete the archived messages of a queue, or continue an interrupted run, and write the record.

    Parameters
    ----------
    aws
        Account and region of the queue.
    queue
        Name or URL.
    archive
        Archive of this queue.
    reason
        Why the messages are removed, for the record.
    errors
        Number of messages by error, for the record; by default those that the messages state.
    limits
        Visibility timeout and patience.

    Raises
    ------
    InputError
        When the journal is in use, or the record can't be written.
    ServiceError
        When the queue can't be read; nothing was deleted then.
    """
    url = queue_url(aws, queue)
    attributes = queue_attributes(aws, url)
    check_readable(attributes, url)
    record = record_of(archive.path)
    check_replaceable(record, lambda first: first.startswith(_RECORD_BEGINNING), "purge-record")
    with open_journal(journal_of(archive.path)) as journal:
        facts: dict[str, Any] = {
            "remedy": "queue purge",
            "queue": url,
            "reason": reason,
            "archive": archive.path.name,
            "sha256": archive.sha256,
            **archive.summary,
        }
        facts |= {"errors": dict(errors)} if errors else {}

        def state(**more: Any) -> None:
            """Write the record with what is known of each message now."""
            _write_record(record, {**facts, **run.numbers(), **more})

        run = _Purge(aws, url, archive, journal, limits, lambda: state(state="begun"))
        why = run.check(attributes)
        if why is not None:
            sentence = message("purge-refused", why=why)
            return PurgeResult("refused", sentence, 0, (), (), counts_of(attributes), None)
        if not journal.entries:
            journal.write("record", INTENDED, sha256=archive.sha256)
        facts["began"] = journal.entries[0]["at"]
        state(state="begun")
        try:
            stopped = run.delete_all()
        except ServiceError as error:
            stopped = message("purge-call-failed", error=Quotation(str(error)))
        result = run.result(stopped, record)
        state(
            state=result.outcome,
            ended=aws.now().isoformat(timespec="seconds"),
            left=list(result.left),
            counts=result.counts and result.counts.to_dict(),
            sentence=result.sentence.to_dict(),
        )
        journal.write("record", DONE, outcome=result.outcome, sentence=result.sentence.to_dict())
        return result


def actions_of_purge(journal: Journal, url: str) -> list[dict[str, Any]]:
    """Return the ends of a purge's runs that a journal records, as rows of the table ``actions``."""
    return [
        {
            "time": entry["at"],
            "remedy": "queue purge",
            "step": "purge",
            "resource": resource_name(url),
            "call": None,
            "outcome": "done" if entry["outcome"] == "complete" else "failed",
            "message": entry["sentence"],
            "plan": journal.entries[0]["sha256"],
            "number": number,
        }
        for number, entry in enumerate(journal.entries)
        if entry["key"] == "record" and entry["event"] == DONE
    ]


def _write_record(path: Path, facts: Mapping[str, Any]) -> None:
    text = json.dumps(facts, ensure_ascii=False, indent=2)
    write_atomically(path, f"{text}\n".encode(errors="surrogatepass"))


class _Purge:
    """A run on one queue; ``note`` is called when more or less is known of a message."""

    def __init__(
        self,
        aws: Aws,
        url: str,
        archive: Archive,
        journal: Journal,
        limits: ReadingLimits,
        note: Callable[[], None],
    ) -> None:
        self.aws, self.url, self.archive, self.journal, self.limits = aws, url, archive, journal, limits
        self.note = note
        self.left: set[str] = set()
        self.confirmed: set[str] = set()
        self.requested: set[str] = set()
        for entry in journal.entries:
            self._count(entry)

    def check(self, attributes: Mapping[str, str]) -> Message | None:
        """Return why the queue may not be emptied; None when it may."""
        if attributes.get("QueueArn") != self.archive.arn:
            return message("purge-other-queue", queue=Resource(self.archive.arn), archive=self._name)
        if self.archive.missed:
            return message("purge-incomplete-archive", archive=self._name, missed=self.archive.missed[0])
        entry = self.journal.last.get("record")
        if entry is None and self.journal.entries:
            raise InputError(error_message("error-purge-journal-remedy", path=self.journal.path))
        if self.journal.entries and self.journal.entries[0].get("sha256") != self.archive.sha256:
            raise InputError(error_message("error-purge-journal-archive", path=self.journal.path))
        return None

    @property
    def _name(self) -> Resource:
        return Resource(self.archive.path.name)

    def delete_all(self) -> Message | None:
        """Delete every message that the archive holds; return why that stopped."""
        self._release()
        hidden = await_visible(self.aws, self.url, self.limits.visibility_timeout_s)
        try:
            for batch in receive_batches(self.aws, self.url, self.limits.visibility_timeout_s):
                self._delete(batch)
        except (ServiceError, KeyboardInterrupt):
            self._release()
            raise
        self._release()
        return message("purge-in-flight", count=hidden) if hidden else None

    def _delete(self, batch: list[dict[str, Any]]) -> None:
        handles = {str(one["MessageId"]): str(one["ReceiptHandle"]) for one in batch}
        same = {
            str(one["MessageId"]): str(one["ReceiptHandle"])
            for one in batch
            if self._is_archived(one)
        }  # fmt: skip
        self.left |= handles.keys() - same.keys()
        self._write(_HOLD, _HOLDING, handles=handles)
        if same:
            self._write(_MESSAGES, _DELETING, ids=sorted(same))
            self.note()
            problems = delete_messages(self.aws, self.url, same)
            self._write(_MESSAGES, _DELETED, ids=sorted(same.keys() - problems.keys()))
            self.note()

    def _is_archived(self, one: Mapping[str, Any]) -> bool:
        """Return whether the archive holds a message as it was received, hash for hash and byte for byte."""
        known = self.archive.messages.get(str(one["MessageId"]))
        if known is None:
            return False
        received = as_cli_prints(dict(one))
        same = ("Body", "MD5OfBody", "MessageAttributes")
        return body_hash(received) == body_hash(known) and all(
            received.get(name) == known.get(name) for name in same
        )

    def _release(self) -> None:
        handles: dict[str, str] = {}
        for entry in self.journal.entries:
            if entry["key"] == _HOLD:
                handles = {} if entry["event"] == _RELEASED else {**handles, **entry["handles"]}
            elif entry["event"] == _DELETED:
                handles = {name: one for name, one in handles.items() if name not in entry["ids"]}
        if handles:
            release_messages(self.aws, self.url, handles)
            self._write(_HOLD, _RELEASED)

    def _write(self, key: str, event: str, **details: Any) -> None:
        self._count(self.journal.write(key, event, **details))

    def _count(self, entry: Mapping[str, Any]) -> None:
        """Keep apart the deletions that were requested and those that SQS has confirmed."""
        if entry["event"] == _HOLDING:
            # A message that is received is in the queue, whatever was recorded of it before.
            self.confirmed -= entry["handles"].keys()
            self.requested -= entry["handles"].keys()
        elif entry["event"] == _DELETING:
            self.requested |= set(entry["ids"])
        elif entry["event"] == _DELETED:
            self.requested -= set(entry["ids"])
            self.confirmed |= set(entry["ids"])

    def numbers(self) -> dict[str, Any]:
        """Return the number of confirmed deletions and the ids of uncertain ones, for the record."""
        return {"deleted": len(self.confirmed), "uncertain": sorted(self.requested)}

    def result(self, stopped: Message | None, record: Path) -> PurgeResult:
        """Read the queue again and return the result."""
        counts = settled_counts(self.aws, self.url, len(self.left), self.limits.settle_s)
        deleted, uncertain = len(self.confirmed), tuple(sorted(self.requested))
        if stopped is None and not counts.total:
            sentence = message("purge-complete", queue=Resource(resource_name(self.url)))
            return PurgeResult("complete", sentence, deleted, uncertain, (), counts, record)
        why = stopped or message("purge-left", count=counts.total)
        sentence = message("purge-stopped", why=why)
        return PurgeResult("stopped", sentence, deleted, uncertain, tuple(sorted(self.left)), counts, record)
