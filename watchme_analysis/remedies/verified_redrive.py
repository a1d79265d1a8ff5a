"""A redrive to its end: messages are sent, confirmed as processed, deleted from the DLQ, and audited by id.

One message goes first. The others follow, at a rate, once the function's log shows that it was processed.
A message is deleted from the DLQ only after the log shows that its work was done. Each send and each
deletion is in the journal before and after it, with the receipt handles of hidden messages, so that a run
that was killed anywhere continues where it ended.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.aws_shapes.responses import json_value
from watchme_analysis.cloudwatch.session import without_retries
from watchme_analysis.config import LogWords, WorkItemSettings
from watchme_analysis.errors import ServiceError
from watchme_analysis.files.journal import Journal, open_journal
from watchme_analysis.remedies.plan import Call
from watchme_analysis.remedies.processed_log import ProcessedLog, SentMessage
from watchme_analysis.remedies.queue_reader import (
    QueueCounts,
    await_visible,
    check_readable,
    counts_of,
    delete_messages,
    queue_attributes,
    receive_batches,
    release_messages,
    settled_counts,
)
from watchme_analysis.remedies.redrive import (
    AFTER_SENT,
    DELETED,
    DELETING,
    FAILED,
    GONE,
    PROCESSED,
    REJECTED,
    SENDING,
    SENT,
    UNNAMED,
    RedriveResult,
    check_owner,
    message_key,
    open_lines,
    send_one,
)
from watchme_analysis.text.message import Duration, Message, Quotation, Resource, message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

State = Literal[
    "deleted", "gone", "processed", "failed", "sent", "unconfirmed", "rejected", "not_sent", "excluded",
    "new", "returned",
]  # fmt: skip
# Key and events of the receipt handles of messages that are hidden while the DLQ is read.
_HOLD, _HOLDING, _RELEASED = "hold", "holding", "released"
_NO_KEYS, _NO_WORDS = WorkItemSettings(), LogWords()
_SHOWN_EVENTS = (SENT, REJECTED, PROCESSED, FAILED, DELETED, GONE)
_OPEN_STATES = ("failed", "sent", "unconfirmed", "rejected", "not_sent")
_STATE_OF_EVENT: dict[str | None, State] = {
    SENDING: "unconfirmed", SENT: "sent", REJECTED: "rejected", PROCESSED: "processed", FAILED: "failed",
    DELETING: "processed", DELETED: "deleted", GONE: "gone",
}  # fmt: skip


@dataclass(frozen=True)
class RedriveItem:
    """A message to redrive.

    Attributes
    ----------
    line
        Input of ``send-message`` as a JSON object.
    message_id
        Id in the DLQ; None for a message that is not in a queue.
    work_item, work_key
        Item of the work, and its day or moment as the message states it; None when it names none.
    """

    line: str
    message_id: str | None = None
    work_item: str | None = None
    work_key: str | None = None

    @property
    def key(self) -> str:
        """Return the key of the message in the journal."""
        return message_key(self.line)


@dataclass(frozen=True)
class RedriveTask:
    """Messages of one queue to redrive.

    Attributes
    ----------
    queue_url
        Queue that the messages are sent to.
    items
        The messages, in the order in which they are sent.
    dlq_url
        DLQ that processed messages are deleted from; None when they are in no queue.
    excluded
        Reason for leaving out a message of the DLQ, by message id.
    function
        Function that processes the queue; None takes that of the queue's event source mapping.
    """

    queue_url: str
    items: tuple[RedriveItem, ...]
    dlq_url: str | None = None
    excluded: Mapping[str, str] = field(default_factory=dict)
    function: str | None = None


@dataclass(frozen=True)
class RedriveLimits:
    """Pace and patience of a redrive.

    Attributes
    ----------
    rate_per_s
        Messages to send per second, after the first.
    confirm_within_s
        Seconds in which the log must show that a message was processed.
    visibility_timeout_s
        Seconds for which a message of the DLQ is hidden at most while the DLQ is read.
    poll_s
        Seconds between two readings of the log.
    settle_s
        Seconds in which the approximate attributes of a queue settle.
    most
        Largest number of messages to send in this run; all when None.
    """

    rate_per_s: float = 1.0
    confirm_within_s: float = 600.0
    visibility_timeout_s: int = 300
    poll_s: float = 5.0
    settle_s: float = 60.0
    most: int | None = None


@dataclass(frozen=True)
class AuditRow:
    """What has become of one message.

    Attributes
    ----------
    message_id
        Id in the DLQ.
    state
        ``deleted`` from the DLQ after it was processed; ``gone``: processed, and not in the DLQ any more;
        ``processed``, but still in the DLQ; ``failed``, ``sent``: the log shows a failure, or nothing;
        ``unconfirmed``: it may have been sent; ``rejected`` by SQS; ``not_sent``; ``excluded``; ``new``:
        in the DLQ, but not in the list; ``returned``: sent, and back in the DLQ.
    reason
        Why it was excluded, rejected, or failed; empty otherwise.
    sent_as
        Id with which it was sent.
    request_id
        Invocation that processed it, or failed.
    in_dlq
        Whether it was in the DLQ at the end; None when that was not read.
    """

    message_id: str | None
    state: State
    reason: str = ""
    sent_as: str | None = None
    request_id: str | None = None
    in_dlq: bool | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the row, ready for JSON."""
        return dict(vars(self))


@dataclass(frozen=True)
class RedriveAudit:
    """Result of a redrive: every message by id.

    Attributes
    ----------
    outcome
        ``complete``: every message of the list was processed and has left the DLQ. ``stopped``: the run
        stopped before that. ``refused``: the system is not as the redrive needs it, nothing was sent.
    sentence
        Why the run ended so.
    rows
        One per message.
    counts
        Numbers of messages in the DLQ at the end; None when there is no DLQ or it was not read.
    unexplained
        Messages that the DLQ counts, but no row explains; None when the DLQ was not read to its end.
    journal
        File of the journal.
    """

    outcome: Literal["complete", "stopped", "refused"]
    sentence: Message
    rows: tuple[AuditRow, ...]
    counts: QueueCounts | None
    unexplained: int | None
    journal: Path

    @property
    def states(self) -> dict[str, int]:
        """Return the number of messages by state."""
        return dict(Counter(row.state for row in self.rows))

    def to_dict(self) -> dict[str, Any]:
        """Return the audit, ready for JSON."""
        return {
            "outcome": self.outcome,
            "message": self.sentence.to_dict(),
            "states": self.states,
            "dlq": self.counts and self.counts.to_dict(),
            "unexplained": self.unexplained,
            "journal": str(self.journal),
            "messages": [row.to_dict() for row in self.rows],
        }


class _StopError(Exception):
    """The run ends here; carries the sentence."""

    def __init__(self, sentence: Message) -> None:
        super().__init__(sentence.id)
        self.sentence = sentence


def run_redrive(  # noqa: PLR0913  the run, where it runs, and how a log names work
    task: RedriveTask,
    journal_path: Path,
    aws: Aws,
    limits: RedriveLimits = RedriveLimits(),
    *,
    work_items: WorkItemSettings = _NO_KEYS,
    words: LogWords = _NO_WORDS,
    retry_unconfirmed: bool = False,
    retry_rejected: bool = False,
    report: Callable[[Message], None] = lambda _: None,
) -> RedriveAudit:
    """Redrive messages to the end, or continue a run that was interrupted, and return the audit.

    Parameters
    ----------
    task
        The messages.
    journal_path
        Journal, the same for all runs.
    aws
        Session of the queue's account and region.
    limits
        Pace and patience.
    work_items, words
        How the function's log names work and errors.
    retry_unconfirmed, retry_rejected
        As for :func:`watchme_analysis.remedies.redrive.redrive`.
    report
        Called with each sentence on the progress.

    Raises
    ------
    InputError
        When the journal is in use, can't be read or written, or the DLQ has a redrive policy of its own.
    ServiceError
        When the queue, its function or their settings can't be read; nothing was sent then.
    """
    with open_journal(journal_path) as journal:
        check_owner(journal)
        run = _Run(task, journal, aws, limits, report)
        run.retry = {"retry_unconfirmed": retry_unconfirmed, "retry_rejected": retry_rejected}
        why = run.check_system(work_items, words)
        if why is not None:
            return run.audit("refused", message("redrive-refused", why=why))
        return run.go()


def calls_of_redrive(task: RedriveTask) -> tuple[Call, ...]:
    """Return the calls that a redrive may make, for the IAM policy."""
    queue = {"QueueUrl": task.queue_url}
    calls = [
        Call("sqs", "get_queue_attributes", queue),
        Call("sqs", "send_message", queue),
        Call("lambda", "list_event_source_mappings"),
        Call("lambda", "get_function_configuration"),
        Call("logs", "filter_log_events"),
    ]
    if task.dlq_url is not None:
        reading = ("receive_message", "delete_message_batch", "change_message_visibility_batch")
        calls += [Call("sqs", operation, {"QueueUrl": task.dlq_url}) for operation in reading]
    return tuple(calls)


def actions_of_redrive(journal: Journal) -> list[dict[str, Any]]:
    """Return what a journal records of a redrive, as rows of the table ``actions``."""
    rows = []
    plan = journal.entries[0]["at"] + journal.entries[0]["key"] if journal.entries else ""
    sent_as = {entry["key"]: entry["as"] for entry in journal.entries if "as" in entry}
    for number, entry in enumerate(journal.entries):
        if entry["event"] not in _SHOWN_EVENTS or entry["key"] == _HOLD:
            continue
        # A created message is known by the id that it got when it was sent.
        own = entry.get("id")
        name = str(own if own not in (None, UNNAMED) else sent_as.get(entry["key"], entry["key"]))
        rows.append(
            {
                "time": entry["at"],
                "remedy": "redrive",
                "step": name,
                "resource": resource_name(str(entry["queue"])),
                "call": "sqs send-message" if entry["event"] in (SENT, REJECTED) else None,
                "outcome": entry["event"],
                "message": message(f"redrive-event-{entry['event']}", message=Resource(name)).to_dict(),
                "plan": plan,
                "number": number,
            }
        )
    return rows


class _Run:
    """A run, with what it knows so far; ``retry`` is set after it, and ``log`` by :meth:`check_system`."""

    log: ProcessedLog
    retry: dict[str, bool]

    def __init__(
        self,
        task: RedriveTask,
        journal: Journal,
        aws: Aws,
        limits: RedriveLimits,
        report: Callable[[Message], None],
    ) -> None:
        self.task, self.journal, self.aws, self.limits, self.report = task, journal, aws, limits, report
        self.sender = without_retries(aws)
        self.by_key = {item.key: item for item in task.items}
        self.result = RedriveResult()
        self.first_entry = len(journal.entries)
        self.in_dlq: set[str] | None = None
        self.counts: QueueCounts | None = None
        self.read_at = float("-inf")

    # The system

    def check_system(self, work_items: WorkItemSettings, words: LogWords) -> Message | None:
        """Return why the system does not allow the redrive; None when it does."""
        source = queue_attributes(self.aws, self.task.queue_url)
        if self.task.dlq_url is not None:
            dlq = queue_attributes(self.aws, self.task.dlq_url)
            check_readable(dlq, self.task.dlq_url)
            policy = json_value(source.get("RedrivePolicy"))
            target = policy.get("deadLetterTargetArn") if isinstance(policy, dict) else None
            if target != dlq.get("QueueArn"):
                return message(
                    "redrive-other-dlq",
                    queue=Resource(resource_name(self.task.queue_url)),
                    dlq=Resource(resource_name(self.task.dlq_url)),
                )
        mappings = self.aws.items(
            "lambda", "list_event_source_mappings", "EventSourceMappings", EventSourceArn=source["QueueArn"]
        )
        enabled = [one for one in mappings if one.get("State") in ("Enabled", "Enabling", "Updating")]
        if not enabled:
            return message("redrive-no-consumer", queue=Resource(resource_name(self.task.queue_url)))
        names = [resource_name(str(one.get("FunctionArn"))) for one in enabled]
        function = self.task.function if self.task.function in names else names[0]
        mapping = enabled[names.index(function)]
        self.log = ProcessedLog(
            self.aws,
            function,
            min((sent.sent_at for sent in self._sent().values()), default=datetime.now(UTC)),
            work_items,
            reports_failures="ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", []),
            words=words,
        )
        self.log.group()
        return None

    # The run

    def go(self) -> RedriveAudit:
        stopped: Message | None = None
        try:
            self._release()
            self._read_log()
            self._send_all()
        except _StopError as stop:
            stopped = stop.sentence
        except ServiceError as error:
            stopped = message("redrive-call-failed", error=Quotation(str(error)))
        try:
            # What is confirmed is deleted, whatever stopped the sending.
            self._delete_processed(read_all=True)
        except ServiceError as error:
            stopped = stopped or message("redrive-call-failed", error=Quotation(str(error)))
        return self._ended(stopped)

    def _ended(self, stopped: Message | None) -> RedriveAudit:
        is_created = not any(self._is_to_delete(item.message_id) for item in self.task.items)
        complete = "redrive-complete-created" if is_created else "redrive-complete"
        audit = self.audit("complete", message(complete, count=len(self.task.items)))
        states = audit.states
        left = sum(states.get(state, 0) for state in _OPEN_STATES)
        # A message that is in no queue is done once it was processed.
        left += sum(row.state == "processed" and self._is_to_delete(row.message_id) for row in audit.rows)
        if stopped is not None:
            return self.audit("stopped", message("redrive-stopped", why=stopped))
        if left or audit.unexplained:
            return self.audit("stopped", message("redrive-incomplete", count=left))
        return audit

    def _send_all(self) -> None:
        """Send one message and wait until it is processed, then the rest at the rate."""
        pending = list(
            open_lines([item.line for item in self.task.items], self.journal, self.result, **self.retry)
        )
        most = self.limits.most
        pending = pending if most is None else pending[:most]
        if pending and not any(self._is_processed(key) for key in self.by_key):
            first = pending.pop(0)
            self._send(first)
            self._wait_for([message_key(first)])
            self.report(message("redrive-first-processed"))
            # Deleting this one also shows that the permission for it exists.
            self._delete_processed(read_all=False)
        began = time.monotonic()
        for number, line in enumerate(pending, 1):
            self.aws.sleep(began + number / self.limits.rate_per_s - time.monotonic())
            self._send(line)
            if time.monotonic() - self.read_at >= self.limits.poll_s:
                self._read_log()
                self._check_sent(self._open_keys())
                self.report(message("redrive-progress", sent=number, count=len(pending)))
        self._wait_for(self._open_keys())

    def _send(self, line: str) -> None:
        send_one(line, self.journal, lambda _: self.sender, self.result)
        if self.result.stopped:
            raise _StopError(message("redrive-call-failed", error=Quotation(self.result.stopped)))

    # Confirmation

    def _sent(self) -> dict[str, SentMessage]:
        """Return the messages that were sent, or may have been, by key."""
        found: dict[str, SentMessage] = {}
        for entry in self.journal.entries:
            item = self.by_key.get(entry["key"])
            if item is None or entry["event"] not in (SENDING, SENT):
                continue
            at = datetime.fromisoformat(entry["at"])
            found[item.key] = SentMessage(entry.get("as"), at, item.work_item, item.work_key)
        return {key: sent for key, sent in found.items() if self._event(key) in {SENDING, *AFTER_SENT}}

    def _event(self, key: str) -> str | None:
        return self.journal.event(key)

    def _is_processed(self, key: str) -> bool:
        return self._event(key) in {PROCESSED, DELETING, DELETED, GONE}

    def _open_keys(self) -> list[str]:
        """Return the keys of messages that were sent lately and not processed yet.

        Messages of earlier runs whose time is over are reported by the audit; they don't stop the run.
        """
        patience = timedelta(seconds=self.limits.confirm_within_s)
        sent = self._sent()
        ours = {key for key in self.sent_now if key in sent}
        young = {key for key, one in sent.items() if datetime.now(UTC) - one.sent_at < patience}
        return [key for key in self.by_key if key in ours | young and not self._is_processed(key)]

    @property
    def sent_now(self) -> set[str]:
        """Return the keys of the messages that this run has sent."""
        return {entry["key"] for entry in self.journal.entries[self.first_entry :] if entry["event"] == SENT}

    def _read_log(self, *, whole: bool = False) -> None:
        self.log.read(whole=whole)
        self.read_at = time.monotonic()
        for key, sent in self._sent().items():
            found = self.log.of(sent)
            if found is None or self._is_processed(key):
                continue
            details = {"request_id": found.request_id, "seen_by": found.seen_by}
            if found.state == "processed":
                self._note(key, PROCESSED, **details)
            elif self.journal.last[key].get("request_id") != found.request_id:
                self._note(key, FAILED, **details, reason=found.error)

    def _note(self, key: str, event: str, **details: Any) -> None:
        item = self.by_key[key]
        self.journal.write(key, event, id=item.message_id, queue=self.task.queue_url, **details)

    def _check_sent(self, keys: Sequence[str]) -> None:
        """Stop when a message failed, or was not seen within the time."""
        sent = self._sent()
        for key in keys:
            entry = self.journal.last[key]
            if entry["event"] == FAILED:
                raise _StopError(
                    message(
                        "redrive-failed",
                        message=Resource(str(self.by_key[key].message_id)),
                        error=Quotation(str(entry.get("reason", ""))),
                    )
                )
            waited_s = (datetime.now(UTC) - sent[key].sent_at).total_seconds()
            if waited_s > self.limits.confirm_within_s:
                self._read_log(whole=True)  # an event may have arrived late, after later ones
                if self._is_processed(key):
                    continue
                raise _StopError(
                    message(
                        "redrive-not-seen",
                        message=Resource(str(self.by_key[key].message_id)),
                        log=Resource(self.log.group()),
                        within=Duration(self.limits.confirm_within_s),
                    )
                )

    def _wait_for(self, keys: Sequence[str]) -> None:
        """Wait until the messages are processed."""
        while True:
            self._read_log()
            keys = [
                key
                for key in keys
                if self._event(key) in {SENDING, *AFTER_SENT} and not self._is_processed(key)
            ]
            if not keys:
                return
            self._check_sent(keys)
            self.aws.sleep(self.limits.poll_s)

    # Deletion

    def _is_to_delete(self, message_id: str | None) -> bool:
        return message_id is not None and self.task.dlq_url is not None

    def _wanted(self) -> dict[str, str]:
        """Return the keys of processed messages that are still to be deleted, by message id."""
        return {
            item.message_id: key
            for key, item in self.by_key.items()
            if item.message_id is not None and self._event(key) in {PROCESSED, DELETING}
        }

    def _delete_processed(self, *, read_all: bool) -> None:
        dlq = self.task.dlq_url
        if dlq is None or not self._wanted():
            return
        self._sweep(dlq, read_all=read_all)
        if not read_all:
            return
        if self._wanted() and counts_of(queue_attributes(self.aws, dlq)).in_flight:
            # A killed run, or somebody else, hides messages: they are visible again after their timeout.
            await_visible(self.aws, dlq, self.limits.visibility_timeout_s)
            self._sweep(dlq, read_all=True)
        self._account_for_missing(dlq)

    def _sweep(self, dlq: str, *, read_all: bool) -> None:
        """Receive the messages of the DLQ, delete the processed ones and release the others."""
        seen: set[str] = set()
        deleted: set[str] = set()
        try:
            for batch in receive_batches(self.aws, dlq, self.limits.visibility_timeout_s, seen):
                handles = {str(one["MessageId"]): str(one["ReceiptHandle"]) for one in batch}
                self.journal.write(_HOLD, _HOLDING, queue=dlq, handles=handles)
                wanted = self._wanted()
                ours = {name: handle for name, handle in handles.items() if name in wanted}
                if ours:
                    for name in ours:
                        self._note(wanted[name], DELETING)
                    problems = delete_messages(self.aws, dlq, ours)
                    for name in ours.keys() - problems.keys():
                        self._note(wanted[name], DELETED)
                    deleted |= ours.keys() - problems.keys()
                if not read_all and not self._wanted():
                    break
        except (ServiceError, KeyboardInterrupt):
            self._release()
            raise
        self._release()
        if read_all:
            self.in_dlq = seen - deleted

    def _release(self) -> None:
        """Make the messages visible that this run or an interrupted one has hidden."""
        handles: dict[str, dict[str, str]] = {}
        for entry in self.journal.entries:
            if entry["key"] == _HOLD:
                known = handles.setdefault(str(entry["queue"]), {})
                if entry["event"] == _RELEASED:
                    known.clear()
                else:
                    known.update(entry["handles"])
        deleted = {item.message_id for key, item in self.by_key.items() if self._event(key) == DELETED}
        for url, known in handles.items():
            if known:
                release_messages(
                    self.aws, url, {name: one for name, one in known.items() if name not in deleted}
                )
                self.journal.write(_HOLD, _RELEASED, queue=url)

    def _account_for_missing(self, dlq: str) -> None:
        """Compare what was read with the queue's attributes, and settle messages that were not found."""
        listed = self.in_dlq or set()
        self.counts = settled_counts(self.aws, dlq, len(listed), self.limits.settle_s)
        if self.counts.total != len(listed):
            return
        for name, key in self._wanted().items():
            if name not in listed:
                # A deletion without a result has worked: the message is not in the queue any more.
                self._note(key, DELETED if self._event(key) == DELETING else GONE)

    # The audit

    def audit(self, outcome: Literal["complete", "stopped", "refused"], sentence: Message) -> RedriveAudit:
        details: dict[str, dict[str, Any]] = {}
        for entry in self.journal.entries:
            details.setdefault(entry["key"], {}).update(entry)
        rows = [self._row(item, details.get(item.key, {})) for item in self.task.items]
        rows += [
            AuditRow(name, "excluded", reason, in_dlq=self._is_in_dlq(name))
            for name, reason in self.task.excluded.items()
        ]
        known = {row.message_id for row in rows}
        sent_as = {row.sent_as for row in rows if row.sent_as}
        rows += [
            AuditRow(name, "returned" if name in sent_as else "new", in_dlq=True)
            for name in sorted((self.in_dlq or set()) - known)
        ]
        unexplained = None
        if self.counts is not None and self.in_dlq is not None:
            unexplained = max(0, self.counts.total - len(self.in_dlq))
        return RedriveAudit(outcome, sentence, tuple(rows), self.counts, unexplained, self.journal.path)

    def _row(self, item: RedriveItem, known: Mapping[str, Any]) -> AuditRow:
        event = self._event(item.key)
        state = _STATE_OF_EVENT.get(event, "not_sent")
        return AuditRow(
            item.message_id,
            state,
            str(known.get("reason", "")) if state in ("rejected", "failed") else "",
            known.get("as"),
            known.get("request_id"),
            self._is_in_dlq(item.message_id),
        )

    def _is_in_dlq(self, message_id: str | None) -> bool | None:
        if self.in_dlq is None or message_id is None:
            return None
        return message_id in self.in_dlq
