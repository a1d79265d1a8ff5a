"""A redrive to its end: messages are sent, confirmed as processed, deleted from the DLQ, and audited by id.

A message is received from the DLQ before it is sent, and stays hidden until the run is done with it, so that
nobody else can send it meanwhile. One message goes first. The others follow, at a rate, once it was
processed. A message was processed if the log says so of its own invocation, and if neither a further
invocation nor the DLQ shows it again for twice the visibility timeout of its queue: a message that the
function did not process is not deleted from the queue, and received again. A function that reports the failed
messages of a batch fails without a line of the log, and may name no message when it receives it again. Then
the counts of the queue must show that the message has left it, too. Anything else is sent, not confirmed: it
stays in the DLQ.

Each send and each deletion is in the journal before and after it, with the receipt handles of hidden
messages, so that a run that was killed anywhere continues where it ended. A journal proves nothing by
itself, since it may come from somebody else: a message that it calls processed counts as such only if the log
shows it again. :meth:`Aws.now` and :meth:`Aws.sleep` are the clock of a run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.aws_shapes.responses import json_value
from watchme_analysis.cloudwatch.session import QUEUE_COUNTS_SETTLE_S, without_retries
from watchme_analysis.config import LogWords, WorkItemSettings
from watchme_analysis.errors import ServiceError
from watchme_analysis.remedies.apply import SurpriseError
from watchme_analysis.remedies.processed_log import (
    CLOCK_DIFFERENCE,
    RECEIVED_AGAIN,
    ProcessedLog,
    Processing,
    SentMessage,
)
from watchme_analysis.remedies.queue_reader import (
    UNKNOWN,
    QueueCounts,
    check_readable,
    counts_of,
    delete_messages,
    hide_messages,
    other_place,
    queue_attributes,
    receive_batches,
    release_messages,
)
from watchme_analysis.remedies.redrive import (
    DELETED,
    DELETING,
    FAILED,
    GONE,
    NOT_SENT,
    PROCESSED,
    REJECTED,
    SENDING,
    SENT,
    RedriveResult,
    Target,
    check_owner,
    message_key,
    note_message,
    open_lines,
    seal_of,
    send_one,
    target_of,
)
from watchme_analysis.storage.journal import Journal, open_journal
from watchme_analysis.text.message import Duration, Message, Quotation, Resource, message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

State = Literal[
    "deleted", "gone", "processed", "unproven", "failed", "sent", "unconfirmed", "rejected", "not_sent",
    "excluded", "new", "returned",
]  # fmt: skip
# Key and events of the receipt handles of messages that are hidden while the DLQ is read.
_HOLD, _HOLDING, _RELEASED = "hold", "holding", "released"
# Share of the visibility timeout for which a message must still be hidden when it is sent.
_LEAST_HOLD = 0.1
# Least time in seconds in which the log must show a message that was sent.
_CONFIRM_WITHIN_S = 600.0
# Share of the visibility timeout after which the DLQ is read again for messages that another reader hides.
_HIDDEN_SHARE = 0.25
# Reasons in the audit: of a failure that the DLQ shows, and of messages that were not sent.
RETURNED, NOT_RECEIVED, HIDDEN = "moved to the DLQ again", "not-received", "hidden"
_NO_KEYS, _NO_WORDS = WorkItemSettings(), LogWords()
_OPEN_STATES = ("unproven", "failed", "sent", "unconfirmed", "rejected", "not_sent")
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
    is_archived
        Whether an archive holds the messages, so that those that are not in the DLQ are sent as well.
    """

    queue_url: str
    items: tuple[RedriveItem, ...]
    dlq_url: str | None = None
    excluded: Mapping[str, str] = field(default_factory=dict)
    function: str | None = None
    is_archived: bool = False


@dataclass(frozen=True)
class RedriveLimits:
    """Pace and patience of a redrive.

    Attributes
    ----------
    rate_per_s
        Messages to send per second, after the first.
    confirm_within_s
        Seconds in which the log must show the invocation of a message; twice the visibility timeout of the
        source queue, at least ten minutes, when None.
    visibility_timeout_s
        Seconds for which messages of the DLQ are hidden; extended while the run needs them.
    poll_s
        Seconds between two readings of the log.
    late_s
        Seconds in which lines of the log arrive late: the least time in which no further invocation of a
        message may be seen.
    most
        Largest number of messages to send in this run; all when None.
    """

    rate_per_s: float = 1.0
    confirm_within_s: float | None = None
    visibility_timeout_s: int = 300
    poll_s: float = 3.0
    late_s: float = 10.0
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
        ``processed``, but not deleted; ``unproven``: processed according to the journal alone; ``failed``;
        ``sent``, but not confirmed; ``unconfirmed``: it may have been sent; ``rejected`` by SQS;
        ``not_sent``; ``excluded``; ``new``: in the DLQ, but not in the list;
        ``returned``: a copy that was sent, and is in the DLQ again.
    reason
        Why it was excluded, rejected, or failed. Of a message that was sent: ``not-seen`` when no invocation
        with it ended, ``not-stated`` when no line says that its work was done, ``in-queue`` when the
        function may have reported it as failed, and it may still be in its queue. Of a message that was not
        sent: ``not-received`` when it could not be received from the DLQ, ``hidden`` when the DLQ counts
        more messages than could be received. Empty otherwise.
    sent_as
        Id with which it was sent.
    request_id
        Invocation that processed it, or failed.
    in_dlq
        Whether it was in the DLQ when that was read last; None when it was not read.
    sends
        How often it was sent, or may have been.
    """

    message_id: str | None
    state: State
    reason: str = ""
    sent_as: str | None = None
    request_id: str | None = None
    in_dlq: bool | None = None
    sends: int = 0

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
        Messages that the DLQ counts, but that could not be received; None when the DLQ was not read.
    journal
        File of the journal.
    rate_per_s
        Largest number of messages that were sent per second.
    """

    outcome: Literal["complete", "stopped", "refused"]
    sentence: Message
    rows: tuple[AuditRow, ...]
    counts: QueueCounts | None
    unexplained: int | None
    journal: Path
    rate_per_s: float

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
            "rate_per_s": self.rate_per_s,
            "journal": str(self.journal),
            "messages": [row.to_dict() for row in self.rows],
        }


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
        How the function's log names work, errors and work that was done. Only keys that the team states
        belong here: evidence by work needs them.
    retry_unconfirmed, retry_rejected
        Also send messages of earlier runs that were not confirmed, or that SQS rejected.
    report
        Called with each sentence on the progress.

    Raises
    ------
    InputError
        When the journal is in use, can't be read or written, or the DLQ has a redrive policy of its own.
    ServiceError
        When the queue, its function or their settings can't be read; nothing was sent then.
    """
    with open_journal(journal_path, aws.now) as journal:
        check_owner(journal)
        run = _Run(task, journal, aws, limits, report)
        run.retry = {"retry_unconfirmed": retry_unconfirmed, "retry_rejected": retry_rejected}
        why = run.check_system(work_items, words)
        if why is not None:
            return run.audit("refused", message("redrive-refused", why=why))
        return run.go()


@dataclass
class _Held:
    """A message of the DLQ that this run hides from others."""

    handle: str
    until: datetime


class _Run:
    """A run, with what it knows so far; ``retry`` is set after it, and ``log`` by :meth:`check_system`."""

    log: ProcessedLog
    retry: dict[str, bool]
    # Times in seconds that follow from the visibility timeout of the source queue.
    confirm_within_s: float
    quiet_s: float
    # Seconds after which a message that is received again and again is in the DLQ; infinite without a DLQ.
    moved_s: float

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
        self.by_id = {item.message_id: item.key for item in task.items if item.message_id is not None}
        works = Counter((item.work_item, item.work_key) for item in task.items)
        # Work that several messages name does not show which of them was processed.
        self.own_work = {work for work, number in works.items() if number == 1}
        self.result = RedriveResult()
        self.held: dict[str, _Held] = {}
        self.in_dlq: set[str] | None = None
        self.counts: QueueCounts | None = None
        # Keys of messages that were sent and not judged yet, and since when the log shows no further
        # invocation, by key and invocation.
        self.fresh: list[str] = []
        self.quiet_since: dict[tuple[str, str], datetime] = {}
        # Counts of the source queue, and when they were read.
        self.source_counts: list[tuple[datetime, QueueCounts]] = []
        # Keys of messages that the journal calls processed, and the log does not.
        self.unproven: set[str] = set()

    # The system

    def check_system(self, work_items: WorkItemSettings, words: LogWords) -> Message | None:
        """Return why the system does not allow the redrive; None when it does."""
        account, region = self.aws.account(), self.aws.region
        target = target_of(self.task.queue_url)
        if why := other_place(account, region, target.account, target.region):
            return why
        source = queue_attributes(self.aws, self.task.queue_url)
        _, _, _, arn_region, arn_account, *_ = source["QueueArn"].split(":")
        if why := other_place(account, region, arn_account, arn_region):
            return why
        if target.region == UNKNOWN:
            self.report(place_sentence(Target(target.queue, account, region, target.messages)))
        if why := self._check_dlq(source):
            return why
        mappings = self.aws.items(
            "lambda", "list_event_source_mappings", "EventSourceMappings", EventSourceArn=source["QueueArn"]
        )
        enabled = [one for one in mappings if one.get("State") in ("Enabled", "Enabling", "Updating")]
        if not enabled:
            return message("redrive-no-consumer", queue=Resource(resource_name(self.task.queue_url)))
        names = [resource_name(str(one.get("FunctionArn"))) for one in enabled]
        function = self.task.function if self.task.function in names else names[0]
        mapping = enabled[names.index(function)]
        visibility_s = float(source.get("VisibilityTimeout", 0))
        self.quiet_s = quiet_of(visibility_s, self.limits)
        self.confirm_within_s = confirm_within_of(visibility_s, self.limits)
        policy = json_value(source.get("RedrivePolicy"))
        receives = float(policy.get("maxReceiveCount", inf)) if isinstance(policy, dict) else inf
        self.moved_s = receives * visibility_s
        sent = [each.sent_at for key in self.by_key for each in self._sent(key)]
        self.log = ProcessedLog(
            self.aws,
            function,
            min(sent, default=self.aws.now()),
            work_items,
            reports_failures="ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", []),
            words=words,
        )
        self.log.group()
        return None

    def _check_dlq(self, source: Mapping[str, str]) -> Message | None:
        queue = Resource(resource_name(self.task.queue_url))
        if self.task.dlq_url is None:
            is_in_dlq = bool(self.by_id) and not self.task.is_archived
            return message("redrive-no-dlq", queue=queue) if is_in_dlq else None
        dlq = queue_attributes(self.aws, self.task.dlq_url)
        check_readable(dlq, self.task.dlq_url)
        policy = json_value(source.get("RedrivePolicy"))
        target = policy.get("deadLetterTargetArn") if isinstance(policy, dict) else None
        if target == dlq.get("QueueArn"):
            return None
        return message("redrive-other-dlq", queue=queue, dlq=Resource(resource_name(self.task.dlq_url)))

    # The run

    def go(self) -> RedriveAudit:
        try:
            stopped = self._redriven()
        except BaseException:
            with suppress(ServiceError):
                self._release()
            raise
        # A call that fails at the end takes nothing from what is known: hidden messages become visible.
        try:
            self._release()
            if self.task.dlq_url is not None and self.in_dlq is not None:
                self.counts = counts_of(queue_attributes(self.aws, self.task.dlq_url))
        except ServiceError as error:
            stopped = stopped or message("redrive-call-failed", error=Quotation(str(error)))
        return self._ended(stopped)

    def _redriven(self) -> Message | None:
        """Redrive the messages, and return why that stopped; None when every message was tried."""
        stopped: Message | None = None
        try:
            self._release()
            self._redrive_all()
        except SurpriseError as stop:
            stopped = stop.sentence
        except ServiceError as error:
            stopped = message("redrive-call-failed", error=Quotation(str(error)))
        if self.fresh:
            # What was sent is confirmed, whatever stopped the sending.
            try:
                self._confirm(self.fresh)
            except ServiceError as error:
                stopped = stopped or message("redrive-call-failed", error=Quotation(str(error)))
        return stopped

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
        if left:
            return self.audit("stopped", message("redrive-incomplete", count=left))
        return audit

    def _redrive_all(self) -> None:
        """Confirm what earlier runs have sent; then send a message, confirm it, and do so with the rest."""
        if any(map(self._is_processed, self.by_key)):
            self._read_log(whole=True)
        self._check_claims()
        if all(self._event(key) in {DELETED, GONE} and self._is_processed(key) for key in self.by_key):
            return
        self._sweep_hidden()
        self._check_claims()
        self._confirm([key for key in self.by_key if self._event(key) in {SENDING, SENT, FAILED}])
        pending = {
            message_key(line): line
            for line in open_lines(
                [item.line for item in self.task.items], self.journal, self.result, **self.retry
            )
        }
        tries = len(pending) if self.limits.most is None else self.limits.most
        while batch := [key for key in pending if self._may_send(key)][:tries]:
            is_first = not any(self._is_processed(key) for key in self.by_key)
            batch = batch[:1] if is_first else batch
            self._send_batch([pending.pop(key) for key in batch])
            tries -= len(batch)
            self._confirm(self.fresh)
            left = [key for key in batch if self._event(key) in {SENT, FAILED}]
            if left:
                raise SurpriseError(self._why_open(left[0]))
            if is_first and self._is_processed(batch[0]):
                self.report(message("redrive-first-processed"))

    def _send_batch(self, lines: Sequence[str]) -> None:
        """Send messages at the rate, and stop when one that was sent fails."""
        began = read_at = self.aws.now()
        for number, line in enumerate(lines):
            self._pause((began - self.aws.now()).total_seconds() + number / self.limits.rate_per_s)
            if (self.aws.now() - read_at).total_seconds() >= self.limits.poll_s:
                read_at = self.aws.now()
                self._read_log()
                for key in self.fresh:
                    if self._event(key) == FAILED:
                        raise SurpriseError(self._why_open(key))
                self.report(message("redrive-progress", sent=number, count=len(lines)))
            key = message_key(line)
            if self._may_send(key):
                self.fresh.append(key)
                send_one(line, self.journal, lambda _: self.sender, self.result)
            if self.result.stopped:
                raise SurpriseError(message("redrive-call-failed", error=Quotation(self.result.stopped)))

    def _pause(self, seconds: float) -> None:
        """Wait, and keep the messages of the DLQ hidden meanwhile."""
        ends = self.aws.now() + timedelta(seconds=seconds)
        while (left_s := (ends - self.aws.now()).total_seconds()) > 0:
            self.aws.sleep(min(left_s, self.limits.visibility_timeout_s / 4))
            self._keep()

    # Confirmation

    def _sent(self, key: str) -> list[SentMessage]:
        """Return the sends of a message, also those that may not have arrived.

        The id and the work of an entry that this user has not written prove nothing.
        """
        item, found = self.by_key[key], []
        has_own_work = (item.work_item, item.work_key) in self.own_work
        work = (item.work_item, item.work_key) if has_own_work else (None, None)
        for entry in self.journal.entries:
            if entry["key"] != key:
                continue
            if entry["event"] == SENDING:
                shown = work if entry.get("seal") == seal_of(key) else (None, None)
                found.append(SentMessage(None, datetime.fromisoformat(entry["at"]), *shown))
            elif entry["event"] == SENT and found:
                sent_as = entry.get("as")
                is_own = sent_as is not None and entry.get("seal") == seal_of(key, sent_as)
                found[-1] = replace(found[-1], sent_as=sent_as if is_own else None)
            elif entry["event"] in {NOT_SENT, REJECTED} and found:
                found.pop()
        return found

    def _event(self, key: str) -> str | None:
        return self.journal.event(key)

    def _is_processed(self, key: str) -> bool:
        return self._event(key) in {PROCESSED, DELETING, DELETED, GONE} and key not in self.unproven

    def _may_send(self, key: str) -> bool:
        """Return whether the message is held, or is in no queue."""
        name = self.by_key[key].message_id
        if name is None or (held := self.held.get(name)) is None:
            is_known = self.in_dlq is not None and name in self.in_dlq
            return name is None or (self.task.is_archived and not is_known)
        left_s = (held.until - self.aws.now()).total_seconds()
        return left_s > _LEAST_HOLD * self.limits.visibility_timeout_s

    def _read_log(self, *, whole: bool = False) -> None:
        """Read the log, and record the failures that it shows."""
        self.log.read(whole=whole)
        for key in self.by_key:
            if self._event(key) not in {SENDING, SENT, FAILED}:
                continue
            found = self._found(key)
            if found is None or found.state != "failed":
                continue
            if self.journal.last[key].get("request_id") != found.request_id:
                details = {"request_id": found.request_id, "seen_by": found.seen_by}
                self._note(key, FAILED, **details, reason=found.error)

    def _found(self, key: str) -> Processing | None:
        """Return what the log shows about the sends of a message: the best, since one is enough.

        A copy that is in the DLQ was not processed, whatever the log shows.
        """
        sends = [each for each in self._sent(key) if not self._is_back(each)]
        found = [each for each in map(self.log.of, sends) if each is not None]
        order = ("processed", "ended", "failed")
        return min(found, key=lambda each: order.index(each.state), default=None)

    def _is_back(self, sent: SentMessage) -> bool:
        """Return whether the copy of a message was received from the DLQ."""
        return sent.sent_as is not None and sent.sent_as in (self.in_dlq or ())

    def _is_settled(self, key: str) -> bool:
        """Return whether waiting longer would show nothing more about a message that was sent."""
        found, now = self._found(key), self.aws.now()
        if found is None:
            last = next(reversed(self._sent(key)), None)
            if last is None or self._is_back(last) or (last.sent_as is None and last.work_item is None):
                return True
            return (now - last.sent_at).total_seconds() > self.confirm_within_s
        if found.state == "failed" or found.ended_at is None:
            return True
        quiet_s = self._quiet_s(key, found)
        if quiet_s < self.quiet_s:
            return False
        is_patient = quiet_s < self.quiet_s + self.confirm_within_s
        return found.state != "processed" or not is_patient or self._has_left_queue(key, found)

    def _quiet_s(self, key: str, found: Processing) -> float:
        """Return for how many seconds no later invocation has been seen, by any clock."""
        now = self.aws.now()
        since = self.quiet_since.setdefault((key, found.request_id), now)
        ended_at = now if found.ended_at is None else found.ended_at
        return max((now - since).total_seconds(), (now - ended_at - CLOCK_DIFFERENCE).total_seconds())

    def _has_left_queue(self, key: str, found: Processing) -> bool:
        """Return whether a message that the function may have reported as failed has left the source queue.

        A batch whose invocation succeeds is deleted from the queue, unless the function reports failed
        messages of it. Either the queue was empty after the invocation, and before the message could move to
        the DLQ; or no message waits in it after the time in which this message moves to the DLQ.
        """
        if not self.log.reports_failures:
            return True
        now = self.aws.now()
        ended_at = now - timedelta(seconds=self._quiet_s(key, found))
        moves_at_s = max(each.sent_at for each in self._sent(key)).timestamp() + self.moved_s
        settled_at = ended_at + timedelta(seconds=QUEUE_COUNTS_SETTLE_S)
        if any(
            not counts.total and settled_at <= at and at.timestamp() <= moves_at_s
            for at, counts in self.source_counts
        ):
            return True
        # One visibility timeout more, since the message is received again a moment after each of them.
        moved_s = ended_at.timestamp() + self.moved_s + self.quiet_s / 2
        return any(not counts.visible and at.timestamp() >= moved_s for at, counts in self.source_counts)

    def _note(self, key: str, event: str, **details: Any) -> None:
        name = self.by_key[key].message_id
        note_message(self.journal, key, event, name, self.task.queue_url, **details)

    def _check_claims(self) -> None:
        """Doubt the messages that the journal calls processed, and the log does not.

        A journal may come with a list or an archive of somebody else, so it proves nothing. A message that
        is in the DLQ is confirmed or sent like any other.
        """
        self.unproven = set()
        for key in filter(self._is_processed, self.by_key):
            found, is_in_dlq = self._found(key), self.by_key[key].message_id in (self.in_dlq or ())
            is_stated = found is not None and found.state == "processed"
            if found is not None and is_stated and (not is_in_dlq or self._has_left_queue(key, found)):
                continue
            sends = self._sent(key)
            if not is_in_dlq:
                self.unproven.add(key)
            elif sends:
                sent_as = sends[-1].sent_as
                self._note(key, SENT, **{"as": sent_as, "seal": seal_of(key, sent_as)})
            else:
                self._note(key, NOT_SENT)

    def _confirm(self, keys: Sequence[str]) -> None:
        """Wait until nothing more is to be seen of messages; delete those that were processed."""
        keys = [key for key in keys if self._event(key) in {SENDING, SENT, FAILED}]
        if keys:
            self.report(message("redrive-confirming", count=len(keys), quiet=Duration(self.quiet_s)))
        while keys:
            self._read_log()
            if self.log.reports_failures:
                counts = counts_of(queue_attributes(self.aws, self.task.queue_url))
                self.source_counts.append((self.aws.now(), counts))
            settled = [self._is_settled(key) for key in keys]  # the time of quiet begins for each of them
            if all(settled):
                break
            self._pause(self.limits.poll_s)
        if keys:
            self._read_log(whole=True)  # a line may have arrived late, after later ones
            self._sweep()
        for key in keys:
            self._judge(key)
        self.fresh = [key for key in self.fresh if key not in keys]
        self._delete_processed()

    def _judge(self, key: str) -> None:
        """Record whether a message was processed, or came back to the DLQ."""
        found = self._found(key)
        is_processed = found is not None and found.state == "processed" and self._is_settled(key)
        if found is not None and is_processed and self._has_left_queue(key, found):
            self._note(key, PROCESSED, request_id=found.request_id, seen_by=found.seen_by)
        elif self._event(key) != FAILED and any(map(self._is_back, self._sent(key))):
            self._note(key, FAILED, reason=RETURNED)

    def _why_open(self, key: str) -> Message:
        """Return why a message that was sent is not confirmed."""
        name, log = Resource(str(self.by_key[key].message_id)), Resource(self.log.group())
        if self._event(key) == FAILED:
            reason = str(self.journal.last[key].get("reason", ""))
            if reason in {RECEIVED_AGAIN, RETURNED}:
                return message("redrive-came-back", message=name)
            return message("redrive-failed", message=name, error=Quotation(reason))
        found = self._found(key)
        if found is not None and found.state == "processed":
            return message(
                "redrive-in-queue", message=name, queue=Resource(resource_name(self.task.queue_url))
            )
        if found is not None:
            return message("redrive-not-stated", message=name, log=log)
        return message("redrive-not-seen", message=name, log=log, within=Duration(self.confirm_within_s))

    # The DLQ

    def _is_to_delete(self, message_id: str | None) -> bool:
        """Return whether a message is deleted from the DLQ once it was processed."""
        return self.task.dlq_url is not None and message_id is not None

    def _sweep(self) -> None:
        """Receive what the DLQ shows: hold the messages of the list, and release the others."""
        dlq, hidden_s = self.task.dlq_url, self.limits.visibility_timeout_s
        if dlq is None:
            return
        others: dict[str, str] = {}
        asked_at = self.aws.now()
        for batch in receive_batches(self.aws, dlq, hidden_s):
            handles = {str(one["MessageId"]): str(one["ReceiptHandle"]) for one in batch}
            self.journal.write(_HOLD, _HOLDING, queue=dlq, handles=handles)
            for name, handle in handles.items():
                if name in self.by_id:
                    self.held[name] = _Held(handle, asked_at + timedelta(seconds=hidden_s))
                else:
                    others[name] = handle
            self._keep()
            asked_at = self.aws.now()
        self.in_dlq = self.held.keys() | others.keys()
        if others:
            release_messages(self.aws, dlq, others)
            self.journal.write(_HOLD, _RELEASED, queue=dlq, names=sorted(others))

    def _sweep_hidden(self) -> None:
        """Receive what the DLQ shows, and what a killed run or another reader hides for the moment.

        A run that was killed between a receive and its entry in the journal leaves messages hidden for the
        visibility timeout. A FIFO queue also withholds messages behind those that are held. That nothing is
        hidden must be stated for the whole time in which counts may be wrong.
        """
        self._sweep()
        dlq, hidden_s = self.task.dlq_url, self.limits.visibility_timeout_s
        settle_s = self.aws.rate_limits.counts_settle_s
        if dlq is None or self.in_dlq is None:
            return
        ends, none_since = self.aws.now() + timedelta(seconds=hidden_s), None
        while missing := sum(
            name not in self.in_dlq and self._event(key) not in {DELETED, GONE}
            for name, key in self.by_id.items()
        ):
            counts = counts_of(queue_attributes(self.aws, dlq))
            now, is_fifo = self.aws.now(), dlq.endswith(".fifo")
            hidden = counts.total - len(self.in_dlq) - (counts.visible if is_fifo else 0)
            none_since = None if hidden > 0 else none_since or now
            is_settled = none_since is not None and (now - none_since).total_seconds() >= settle_s
            left_s = (ends - now).total_seconds()
            if is_settled or left_s <= 0:
                return
            self.report(message("redrive-hidden", count=missing, within=Duration(left_s)))
            self._pause(min(left_s, _HIDDEN_SHARE * hidden_s))
            self._sweep()

    def _keep(self) -> None:
        """Keep the held messages hidden; one that became visible is not held any more."""
        hidden_s, now = self.limits.visibility_timeout_s, self.aws.now()
        half = timedelta(seconds=hidden_s / 2)
        due = {name: held.handle for name, held in self.held.items() if held.until - now < half}
        if not due or self.task.dlq_url is None:
            return
        problems = hide_messages(self.aws, self.task.dlq_url, due, hidden_s)
        for name, handle in due.items():
            if name in problems:
                del self.held[name]
            else:
                self.held[name] = _Held(handle, now + timedelta(seconds=hidden_s))

    def _release(self) -> None:
        """Make the messages visible that this run or an interrupted one has hidden."""
        known: dict[str, str] = {}
        for entry in self.journal.entries:
            if entry["key"] == _HOLD and entry["queue"] == self.task.dlq_url:
                if entry["event"] == _HOLDING:
                    known.update(entry["handles"])
                else:
                    for name in entry.get("names", list(known)):
                        known.pop(name, None)
        deleted = {item.message_id for key, item in self.by_key.items() if self._event(key) == DELETED}
        self.held = {}
        dlq = self.task.dlq_url
        if dlq is not None and known:
            release_messages(self.aws, dlq, {name: one for name, one in known.items() if name not in deleted})
            self.journal.write(_HOLD, _RELEASED, queue=dlq)

    def _delete_processed(self) -> None:
        """Delete the held messages that were processed, and settle those that are not in the DLQ."""
        dlq = self.task.dlq_url
        if dlq is None or self.in_dlq is None:
            return
        ours = {name: held.handle for name, held in self.held.items() if self._is_processed(self.by_id[name])}
        for name in ours:
            self._note(self.by_id[name], DELETING)
        problems = delete_messages(self.aws, dlq, ours) if ours else {}
        for name in ours.keys() - problems.keys():
            self._note(self.by_id[name], DELETED)
            del self.held[name]
            self.in_dlq.discard(name)
        missing = [
            key
            for name, key in self.by_id.items()
            if name not in self.in_dlq
            and self._event(key) in {PROCESSED, DELETING}
            and self._is_processed(key)
        ]
        if missing and counts_of(queue_attributes(self.aws, dlq)).total == len(self.in_dlq):
            for key in missing:
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
        sent_as = {entry["as"] for entry in self.journal.entries if "as" in entry}
        rows += [
            AuditRow(name, "returned" if name in sent_as else "new", in_dlq=True)
            for name in sorted((self.in_dlq or set()) - known)
        ]
        unexplained = None
        if self.counts is not None and self.in_dlq is not None:
            unexplained = max(0, self.counts.total - len(self.in_dlq))
        return RedriveAudit(
            outcome,
            sentence,
            tuple(rows),
            self.counts,
            unexplained,
            self.journal.path,
            self.limits.rate_per_s,
        )

    def _row(self, item: RedriveItem, known: Mapping[str, Any]) -> AuditRow:
        state = _STATE_OF_EVENT.get(self._event(item.key), "not_sent")
        state = "unproven" if item.key in self.unproven else state
        reason = str(known.get("reason", "")) if state in ("rejected", "failed") else ""
        is_in_dlq = self._is_in_dlq(item.message_id)
        if state == "not_sent" and is_in_dlq is False and not self.task.is_archived:
            is_hidden = self.counts is not None and self.counts.total > len(self.in_dlq or ())
            reason = HIDDEN if is_hidden else NOT_RECEIVED
        if state == "sent":
            found = self._found(item.key) if hasattr(self, "log") else None
            is_stated = found is not None and found.state == "processed"
            reason = "not-seen" if found is None else "in-queue" if is_stated else "not-stated"
        sends = len(self._sent(item.key))
        return AuditRow(
            item.message_id, state, reason, known.get("as"), known.get("request_id"), is_in_dlq, sends
        )

    def _is_in_dlq(self, message_id: str | None) -> bool | None:
        if self.in_dlq is None or message_id is None:
            return None
        return message_id in self.in_dlq


def place_sentence(target: Target) -> Message:
    """Return the sentence that states account and region of a queue."""
    return message(
        "redrive-plan-place",
        queue=Resource(target.queue),
        account=Resource(target.account),
        region=Resource(target.region),
    )


def quiet_of(visibility_s: float, limits: RedriveLimits) -> float:
    """Return for how many seconds no further invocation may be seen before a message counts as processed.

    A message that was not deleted is received again after the visibility timeout.
    """
    return max(2 * visibility_s, limits.late_s)


def confirm_within_of(visibility_s: float, limits: RedriveLimits) -> float:
    """Return in how many seconds the log must show the invocation of a message that was sent."""
    if limits.confirm_within_s is not None:
        return limits.confirm_within_s
    return max(_CONFIRM_WITHIN_S, 2 * visibility_s)
