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
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.case.opening import open_case
from watchme_analysis.cloudwatch.account_state import as_cli_prints
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.queues.work_items import failed_with
from watchme_analysis.remedies.apply import SurpriseError, check_place, recorded
from watchme_analysis.remedies.queue_archive import Archive
from watchme_analysis.remedies.queue_reader import (
    HOLD,
    HeldMessages,
    QueueCounts,
    await_visible,
    check_readable,
    counts_of,
    queue_attributes,
    queue_url,
    settled_counts,
)
from watchme_analysis.storage.atomic_write import check_replaceable, write_atomically
from watchme_analysis.storage.journal import DONE, INTENDED, Journal, open_journal
from watchme_analysis.text.message import Message, Quotation, Resource, message
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

RECORD_SUFFIX, JOURNAL_SUFFIX = ".purge-record.json", ".purge-journal.jsonl"
_BEGINNING = b'{\n  "remedy": "queue purge"'
REMEDY = "queue purge"
_RUN = "purge"
_MESSAGES = "messages"
_DELETING, _DELETED, _GONE = "deleting", "deleted", "gone"
# Readings of the queue in a row without a further deletion, after which another would learn nothing new.
_IDLE_READINGS = 2


@dataclass(frozen=True)
class PurgeResult:
    """Result of a purge, which is complete only if the queue is empty.

    ``deleted`` counts the messages, also of earlier runs, whose deletion SQS has accepted and which the queue
    holds no longer by its settled counts. ``uncertain`` are the ids of others whose deletion was requested
    and that were not received since, ``left`` those that are not in the archive, or differ from it.
    ``counts`` is None when the queue was not read, ``record`` when nothing was deleted.
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


def purge_queue(  # noqa: PLR0913  the queue, what is known of its messages, and how they are read
    aws: Aws,
    queue: str,
    archive: Archive,
    reason: str,
    *,
    case: Path | None = None,
    visibility_timeout_s: int = 300,
    report: Callable[[Message], None] = lambda _: None,
) -> PurgeResult:
    """Delete the archived messages of a queue, or continue an interrupted run, and write the record.

    The logs of ``case`` state the errors for the record, and the purge is recorded in it; without a case, the
    messages state them. It is an InputError when the journal is in use, the record can't be written, or the
    case is raw evidence; and a ServiceError when the queue can't be read, and nothing was deleted.
    """
    counts = None
    region, account = archive.place
    try:
        check_place(aws, account, region)
        url = queue_url(aws, queue)
        attributes = queue_attributes(aws, url)
        check_readable(attributes, url)
        counts = counts_of(attributes)
        _check_archive(archive, attributes)
    except SurpriseError as surprise:
        sentence = message("purge-refused", why=surprise.sentence)
        return PurgeResult("refused", sentence, 0, (), (), counts, None)
    check_replaceable(record_of(archive.path), lambda first: first.startswith(_BEGINNING), "purge-record")
    path = journal_of(archive.path)
    with recorded(case, path, REMEDY), open_journal(path) as journal:
        errors = errors_of_case(archive, case) if case is not None else {}
        _check_owner(journal, archive)
        if not journal.entries:
            journal.write(_RUN, INTENDED, plan=archive.sha256)
        facts = {
            "remedy": REMEDY,
            "queue": url,
            "reason": reason,
            "archive": archive.path.name,
            "sha256": archive.sha256,
            **archive.summary,
            **({"errors": errors} if errors else {}),
            "began": journal.entries[0]["at"],
        }
        held = HeldMessages(aws, url, visibility_timeout_s, journal)
        return _Purge(archive, journal, held, report, facts).go()


def errors_of_case(archive: Archive, case: Path) -> dict[str, int]:
    """Return the number of archived messages by the error with which they failed, according to a case."""
    failed = failed_with(open_case(case))
    errors = Counter(failed[name].type or failed[name].text for name in archive.messages if name in failed)
    return dict(errors.most_common())


def _check_archive(archive: Archive, attributes: Mapping[str, str]) -> None:
    name = Resource(archive.path.name)
    if attributes.get("QueueArn") != archive.arn:
        raise SurpriseError(message("purge-other-queue", queue=Resource(archive.arn), archive=name))
    if archive.missed:
        raise SurpriseError(message("purge-incomplete-archive", archive=name, missed=archive.missed[0]))


def _check_owner(journal: Journal, archive: Archive) -> None:
    if journal.entries and journal.event(_RUN) is None:
        raise InputError(error_message("error-purge-journal-remedy", path=journal.path))
    if journal.entries and journal.entries[0].get("plan") != archive.sha256:
        raise InputError(error_message("error-purge-journal-archive", path=journal.path))


class _Purge:
    """A run on one queue, which keeps the record true: more or less is known of a message with each entry."""

    def __init__(
        self,
        archive: Archive,
        journal: Journal,
        held: HeldMessages,
        report: Callable[[Message], None],
        facts: Mapping[str, Any],
    ) -> None:
        self.archive, self.journal, self.held, self.report, self.facts = archive, journal, held, report, facts
        self.aws, self.url = held.aws, held.url
        self.counts: QueueCounts | None = None
        self.left: set[str] = set()
        # Ids of deletions that were requested, that SQS has accepted as well, and whose messages are gone.
        self.requested: set[str] = set()
        self.accepted: set[str] = set()
        self.gone: set[str] = set()
        for entry in journal.entries:
            self._count(entry)

    def go(self) -> PurgeResult:
        """Delete what the archive holds, and return the result, which the record and the journal state."""
        self._state(state="begun")
        try:
            stopped = self._delete_all()
        except ServiceError as error:
            stopped = message("purge-call-failed", error=Quotation(str(error)))
        uncertain, left = tuple(self._uncertain()), () if stopped is None else tuple(sorted(self.left))
        outcome: Literal["complete", "stopped"] = "complete" if stopped is None else "stopped"
        sentence = message("purge-complete", queue=Resource(resource_name(self.url)))
        if stopped is not None:
            sentence = message("purge-stopped", why=stopped)
        self._state(
            state=outcome,
            ended=self.aws.now().isoformat(timespec="seconds"),
            left=list(left),
            counts=self.counts and vars(self.counts),
            sentence=sentence.to_dict(),
        )
        said = {"resource": resource_name(self.url), "sentence": sentence.to_dict()}
        self.journal.write(_RUN, DONE, outcome=outcome, **said)
        record = record_of(self.archive.path)
        return PurgeResult(outcome, sentence, len(self.gone), uncertain, left, self.counts, record)

    def _delete_all(self) -> Message | None:
        """Delete every message that the archive holds; return why the queue is not empty, or may not be."""
        self.held.release()
        await_visible(self.aws, self.url, self.held.hidden_s)
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
            self.counts = settled_counts(self.aws, self.url, len(self.left), self.report)
            agree = self.counts.total == len(self.left) and not self.counts.in_flight
            if agree and not self.left:
                break
        self._write(_GONE)
        return message("purge-left", count=len(self.left)) if self.left else None

    def _read(self) -> bool:
        """Receive every message, delete those that the archive holds, and return whether it held some."""
        found = False
        try:
            for batch in self.held.receive():
                received = {str(each["MessageId"]) for each in batch}
                self._forget(received)
                same = sorted(str(each["MessageId"]) for each in batch if self._is_archived(each))
                self.left |= received - set(same)
                if same:
                    found = True
                    self._write(_DELETING, ids=same)
                    self._write(_DELETED, ids=sorted(self.held.delete(same)))
        finally:
            self.held.release()
        return found

    def _is_archived(self, one: Mapping[str, Any]) -> bool:
        """Return whether the archive, whose bodies match their hashes, holds a message as it was received."""
        known, received = self.archive.messages.get(str(one["MessageId"])), as_cli_prints(dict(one))
        same = ("Body", "MD5OfBody", "MessageAttributes")
        return known is not None and all(received.get(name) == known.get(name) for name in same)

    def _write(self, event: str, **details: Any) -> None:
        self._count(self.journal.write(_MESSAGES, event, **details))
        self._state(state="begun")

    def _count(self, entry: Mapping[str, Any]) -> None:
        """Keep apart the deletions that were requested, those that SQS has accepted, and messages gone."""
        if entry["key"] == HOLD:
            self._forget(entry.get("handles", ()))
        elif entry["event"] == _DELETING:
            self.requested |= set(entry["ids"])
        elif entry["event"] == _DELETED:
            self.requested -= set(entry["ids"])
            self.accepted |= set(entry["ids"])
        elif entry["event"] == _GONE:
            self.gone |= self.accepted
            self.accepted = set()

    def _forget(self, received: Iterable[str]) -> None:
        """Take messages for undeleted: what is received is in the queue, whatever was recorded before."""
        for ids in (self.requested, self.accepted, self.gone):
            ids.difference_update(received)

    def _uncertain(self) -> list[str]:
        return sorted(self.requested | self.accepted)

    def _state(self, **more: Any) -> None:
        """Write the record with what is known of each message now."""
        facts = {**self.facts, "deleted": len(self.gone), "uncertain": self._uncertain(), **more}
        text = json.dumps(facts, ensure_ascii=False, indent=2)
        write_atomically(record_of(self.archive.path), f"{text}\n".encode(errors="surrogatepass"))
