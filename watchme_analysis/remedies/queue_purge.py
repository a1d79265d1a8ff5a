"""Emptying a queue whose messages are all in an archive, with a record of what was removed and why.

Messages are deleted one batch at a time by default, each only if the archive holds it with the same body. A
message that arrived later stays. PurgeQueue is one call for any number of messages, but it also deletes what
arrives while it works, up to a minute, and is allowed once in 60 seconds [1]_.

.. [1] https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.files.atomic_write import check_replaceable, write_atomically
from watchme_analysis.files.journal import DONE, INTENDED, Journal, open_journal
from watchme_analysis.remedies.plan import Call
from watchme_analysis.remedies.queue_archive import Archive, ReadingLimits
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
from watchme_analysis.text.message import Code, Message, Quotation, Resource, message
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

METHODS = ("delete", "purge")
RECORD_SUFFIX, JOURNAL_SUFFIX = ".purge-record.json", ".purge-journal.jsonl"
# Seconds that PurgeQueue takes, and in which it may not be called again.
PURGE_S = 60.0
_RECORD_BEGINNING = b'{\n  "remedy": "queue purge"'
_HOLD, _PURGE = "hold", "purge"
_HOLDING, _RELEASED = "holding", "released"
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
        Number of messages deleted, those of earlier runs included; None for PurgeQueue, which does not say.
    left
        Ids of messages that are not in the archive, or differ from it, and stay.
    counts
        Numbers of messages in the queue at the end.
    record
        File of the record; None when nothing was deleted.
    """

    outcome: Literal["complete", "refused", "stopped"]
    sentence: Message
    deleted: int | None
    left: tuple[str, ...]
    counts: QueueCounts | None
    record: Path | None


def record_of(archive: Path) -> Path:
    """Return the file of the record of a purge, ``ARCHIVE.purge-record.json`` beside the archive."""
    return archive.with_name(archive.name + RECORD_SUFFIX)


def journal_of(archive: Path) -> Path:
    """Return the journal of a purge, ``ARCHIVE.purge-journal.jsonl`` beside the archive."""
    return archive.with_name(archive.name + JOURNAL_SUFFIX)


def calls_of_purge(url: str, method: str) -> tuple[Call, ...]:
    """Return the calls that a purge may make, for the IAM policy."""
    removing = "purge_queue" if method == "purge" else "delete_message_batch"
    return (*calls_of_reading(url), Call("sqs", removing, {"QueueUrl": url}))


def purge_queue(  # noqa: PLR0913  what is purged, why and how
    aws: Aws,
    queue: str,
    archive: Archive,
    reason: str,
    *,
    method: str = "delete",
    errors: Mapping[str, int] | None = None,
    limits: ReadingLimits = _USUAL,
    purge_s: float = PURGE_S,
    report: Callable[[Message], None] = lambda _: None,
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
    method
        ``delete`` deletes each archived message; ``purge`` calls PurgeQueue once every message is archived.
    errors
        Number of messages by error, for the record; by default those that the messages state.
    limits
        Visibility timeout and patience.
    purge_s
        Seconds that PurgeQueue takes.
    report
        Called with sentences on the progress.

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
        run = _Purge(aws, url, archive, journal, limits)
        why = run.check(attributes)
        if why is not None:
            return PurgeResult(
                "refused", message("purge-refused", why=why), None, (), counts_of(attributes), None
            )
        facts = {
            "remedy": "queue purge",
            "queue": url,
            "reason": reason,
            "method": method,
            "archive": archive.path.name,
            "sha256": archive.sha256,
            **archive.summary,
        }
        facts |= {"errors": dict(errors)} if errors else {}
        if not journal.entries:
            journal.write("record", INTENDED, sha256=archive.sha256)
        facts["began"] = journal.entries[0]["at"]
        _write_record(record, {**facts, "state": "begun"})
        try:
            stopped = run.delete_all() if method == "delete" else run.purge(purge_s, report)
        except ServiceError as error:
            stopped = message("purge-call-failed", error=Quotation(str(error)))
        result = run.result(stopped, record, method)
        _write_record(
            record,
            {
                **facts,
                "state": result.outcome,
                "ended": datetime.now(UTC).isoformat(timespec="seconds"),
                "deleted": result.deleted,
                "left": list(result.left),
                "counts": result.counts and result.counts.to_dict(),
                "sentence": result.sentence.to_dict(),
            },
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
    """A run on one queue."""

    def __init__(self, aws: Aws, url: str, archive: Archive, journal: Journal, limits: ReadingLimits) -> None:
        self.aws, self.url, self.archive, self.journal, self.limits = aws, url, archive, journal, limits
        self.left: set[str] = set()

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
        self.journal.write(_HOLD, _HOLDING, handles=handles)
        if same:
            self.journal.write("messages", _DELETING, ids=sorted(same))
            problems = delete_messages(self.aws, self.url, same)
            self.journal.write("messages", _DELETED, ids=sorted(same.keys() - problems.keys()))

    def _is_archived(self, one: Mapping[str, Any]) -> bool:
        known = self.archive.messages.get(str(one["MessageId"]))
        return known is not None and known.get("MD5OfBody") == one.get("MD5OfBody")

    def _release(self) -> None:
        handles: dict[str, str] = {}
        for entry in self.journal.entries:
            if entry["key"] == _HOLD:
                handles = {} if entry["event"] == _RELEASED else {**handles, **entry["handles"]}
            elif entry["event"] == _DELETED:
                handles = {name: one for name, one in handles.items() if name not in entry["ids"]}
        if handles:
            release_messages(self.aws, self.url, handles)
            self.journal.write(_HOLD, _RELEASED)

    def purge(self, purge_s: float, report: Callable[[Message], None]) -> Message | None:
        """Call PurgeQueue if every message of the queue is archived; return why that was not possible."""
        self._release()
        hidden = await_visible(self.aws, self.url, self.limits.visibility_timeout_s)
        if hidden:
            return message("purge-in-flight", count=hidden)
        seen: set[str] = set()
        handles: dict[str, str] = {}
        try:
            for batch in receive_batches(self.aws, self.url, self.limits.visibility_timeout_s, seen):
                handles |= {str(one["MessageId"]): str(one["ReceiptHandle"]) for one in batch}
                self.journal.write(_HOLD, _HOLDING, handles=handles)
                self.left |= {str(one["MessageId"]) for one in batch if not self._is_archived(one)}
        except (ServiceError, KeyboardInterrupt):
            self._release()
            raise
        self._release()
        counts = settled_counts(self.aws, self.url, len(seen), self.limits.settle_s)
        if self.left:
            return message("purge-new-messages", count=len(self.left), method=Code("delete"))
        if counts.total != len(seen):
            return message("purge-count-differs", count=counts.total, seen=len(seen))
        if not seen:
            return None
        self.journal.write(_PURGE, INTENDED)
        try:
            self.aws.call("sqs", "purge_queue", QueueUrl=self.url)
        except ServiceError as error:
            if "PurgeQueueInProgress" not in str(error):
                raise
            report(message("purge-waits"))
            self.aws.sleep(purge_s)
            self.aws.call("sqs", "purge_queue", QueueUrl=self.url)
        self.aws.sleep(purge_s)
        self.journal.write(_PURGE, DONE)
        return None

    def result(self, stopped: Message | None, record: Path, method: str) -> PurgeResult:
        """Read the queue again and return the result."""
        counts = settled_counts(self.aws, self.url, len(self.left), self.limits.settle_s)
        is_complete = stopped is None and not counts.total
        # A deletion without a result has worked if the queue is empty.
        events = {_DELETED, _DELETING} if is_complete else {_DELETED}
        entries = [each for each in self.journal.entries if each["event"] in events]
        number = len({name for each in entries for name in each["ids"]}) if method == "delete" else None
        if is_complete:
            sentence = message("purge-complete", queue=Resource(resource_name(self.url)))
            return PurgeResult("complete", sentence, number, (), counts, record)
        why = stopped or message("purge-left", count=counts.total)
        return PurgeResult(
            "stopped", message("purge-stopped", why=why), number, tuple(sorted(self.left)), counts, record
        )
