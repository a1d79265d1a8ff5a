"""Emptying a queue whose messages are all in an archive, with a record of what was removed and why.

Messages are received and deleted one batch at a time, each only if the archive holds it with the same body
and attributes. A message that arrived later stays. PurgeQueue is never called: it would also delete what
arrives while it works, up to a minute [1]_.

SQS also accepts a deletion that deletes nothing, where another reader has received the message since [2]_.
So a deletion counts as done only after the counts of the queue have settled and show that it holds nothing
but what was left. Until then it is uncertain. The journal states each deletion before and after its call.

.. [1] https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html
.. [2] https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html
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
from watchme_analysis.remedies.queue_archive import Archive, ReadingOptions, body_hash
from watchme_analysis.remedies.queue_reader import (
    QueueCounts,
    await_visible,
    check_readable,
    counts_of,
    delete_messages,
    other_place,
    queue_attributes,
    queue_url,
    receive_batches,
    release_messages,
    settled_counts,
)
from watchme_analysis.storage.atomic_write import check_replaceable, write_atomically
from watchme_analysis.storage.journal import DONE, INTENDED, Journal, open_journal
from watchme_analysis.text.message import Message, Quotation, Resource, message
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

RECORD_SUFFIX, JOURNAL_SUFFIX = ".purge-record.json", ".purge-journal.jsonl"
_RECORD_BEGINNING = b'{\n  "remedy": "queue purge"'
REMEDY = "queue purge"
_RUN = "purge"
_HOLD = "hold"
_HOLDING, _RELEASED = "holding", "released"
_MESSAGES = "messages"
_DELETING, _DELETED, _GONE = "deleting", "deleted", "gone"
_USUAL = ReadingOptions()
# Readings of the queue in a row without a further deletion, after which another would learn nothing new.
_IDLE_READINGS = 2


@dataclass(frozen=True)
class PurgeResult:
    """Result of a purge.

    Attributes
    ----------
    outcome
        ``complete``: the queue is empty. ``refused``: nothing was deleted. ``stopped``: messages are left, or
        may be.
    sentence
        Why it ended so.
    deleted
        Number of messages whose deletion SQS has accepted, and which the queue holds no longer according to
        its settled counts; those of earlier runs included.
    uncertain
        Ids of other messages whose deletion was requested, and that were not received since.
    left
        Ids of messages that are not in the archive, or differ from it, and stay.
    counts
        Numbers of messages in the queue, as they were last read; None when they were not.
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


def purge_queue(
    aws: Aws,
    queue: str,
    archive: Archive,
    reason: str,
    *,
    errors: Mapping[str, int] | None = None,
    reading: ReadingOptions = _USUAL,
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
    reading
        Visibility timeout, and who is told of the progress.

    Raises
    ------
    InputError
        When the journal is in use, or the record can't be written.
    ServiceError
        When the queue can't be read; nothing was deleted then.
    """
    region, account = archive.place
    why = other_place(aws.account(), aws.region, account, region)
    if why is not None:
        return PurgeResult("refused", message("purge-refused", why=why), 0, (), (), None, None)
    url = queue_url(aws, queue)
    attributes = queue_attributes(aws, url)
    check_readable(attributes, url)
    record = record_of(archive.path)
    check_replaceable(record, lambda first: first.startswith(_RECORD_BEGINNING), "purge-record")
    with open_journal(journal_of(archive.path)) as journal:
        facts: dict[str, Any] = {
            "remedy": REMEDY,
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

        run = _Purge(aws, url, archive, journal, reading, lambda: state(state="begun"))
        why = run.check(attributes)
        if why is not None:
            sentence = message("purge-refused", why=why)
            return PurgeResult("refused", sentence, 0, (), (), counts_of(attributes), None)
        if not journal.entries:
            journal.write(_RUN, INTENDED, plan=archive.sha256)
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
        journal.write(
            _RUN,
            DONE,
            outcome=result.outcome,
            resource=resource_name(url),
            sentence=result.sentence.to_dict(),
        )
        return result


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
        reading: ReadingOptions,
        note: Callable[[], None],
    ) -> None:
        self.aws, self.url, self.archive, self.journal, self.reading = aws, url, archive, journal, reading
        self.note = note
        self.counts: QueueCounts | None = None
        self.left: set[str] = set()
        # Ids of deletions that were requested, that SQS has accepted as well, and whose messages are gone.
        self.requested: set[str] = set()
        self.accepted: set[str] = set()
        self.gone: set[str] = set()
        for entry in journal.entries:
            self._count(entry)

    def check(self, attributes: Mapping[str, str]) -> Message | None:
        """Return why the queue may not be emptied; None when it may."""
        if attributes.get("QueueArn") != self.archive.arn:
            return message("purge-other-queue", queue=Resource(self.archive.arn), archive=self._name)
        if self.archive.missed:
            return message("purge-incomplete-archive", archive=self._name, missed=self.archive.missed[0])
        entry = self.journal.last.get(_RUN)
        if entry is None and self.journal.entries:
            raise InputError(error_message("error-purge-journal-remedy", path=self.journal.path))
        if self.journal.entries and self.journal.entries[0].get("plan") != self.archive.sha256:
            raise InputError(error_message("error-purge-journal-archive", path=self.journal.path))
        return None

    @property
    def _name(self) -> Resource:
        return Resource(self.archive.path.name)

    def delete_all(self) -> Message | None:
        """Delete every message that the archive holds; return why the queue is not empty, or may not be."""
        self._release()
        await_visible(self.aws, self.url, self.reading.visibility_timeout_s)
        idle, agree = 0, False
        while True:
            before, self.left, deleted = self.left, set(), len(self.accepted)
            found = self._read()
            # What is received before and after the counts were read is what they have counted.
            if agree and not found and self.left == before:
                break
            idle = 0 if len(self.accepted) > deleted else idle + 1
            if self.counts and idle >= _IDLE_READINGS:
                if self.counts.in_flight:
                    return message("purge-in-flight", count=self.counts.in_flight)
                return message("purge-in-use", count=self.counts.total, left=len(self.left))
            self.counts = settled_counts(self.aws, self.url, len(self.left), self.reading.report)
            agree = self.counts.total == len(self.left) and not self.counts.in_flight
            if agree and not self.left:
                break
        self._write(_MESSAGES, _GONE)
        return message("purge-left", count=len(self.left)) if self.left else None

    def _read(self) -> bool:
        """Receive every message, delete those that the archive holds, and return whether it held some."""
        found = False
        try:
            for batch in receive_batches(self.aws, self.url, self.reading.visibility_timeout_s):
                found |= self._delete(batch)
        except (ServiceError, KeyboardInterrupt):
            self._release()
            raise
        self._release()
        return found

    def _delete(self, batch: list[dict[str, Any]]) -> bool:
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
        return bool(same)

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
        """Keep apart the deletions that were requested, those that SQS has accepted, and messages gone."""
        if entry["event"] == _HOLDING:
            # A message that is received is in the queue, whatever was recorded of it before.
            for ids in (self.requested, self.accepted, self.gone):
                ids.difference_update(entry["handles"])
        elif entry["event"] == _DELETING:
            self.requested |= set(entry["ids"])
        elif entry["event"] == _DELETED:
            self.requested -= set(entry["ids"])
            self.accepted |= set(entry["ids"])
        elif entry["event"] == _GONE:
            self.gone |= self.accepted
            self.accepted = set()

    def numbers(self) -> dict[str, Any]:
        """Return the number of messages gone and the ids of uncertain ones, for the record."""
        return {"deleted": len(self.gone), "uncertain": sorted(self.requested | self.accepted)}

    def result(self, stopped: Message | None, record: Path) -> PurgeResult:
        """Return the result of a run that has ended."""
        numbers = {**self.numbers(), "counts": self.counts, "record": record}
        numbers["uncertain"] = tuple(numbers["uncertain"])
        if stopped is None:
            sentence = message("purge-complete", queue=Resource(resource_name(self.url)))
            return PurgeResult("complete", sentence, left=(), **numbers)
        sentence = message("purge-stopped", why=stopped)
        return PurgeResult("stopped", sentence, left=tuple(sorted(self.left)), **numbers)
