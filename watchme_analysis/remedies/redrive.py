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
messages, so that a run that was killed anywhere continues where it ended. A message with the first entry
alone may have been sent. A FIFO queue discards duplicates for five minutes, so within that time it is sent
again; otherwise it is reported. A journal proves nothing by itself, since it may come from somebody else: a
message that it calls processed counts as such only if the log shows it again. :meth:`Aws.now` and
:meth:`Aws.sleep` are the clock of a run.

A redrive is no list of steps for :func:`watchme_analysis.remedies.apply.apply_plan`: its messages wait for
the same proof together, one that fails must not keep those sent with it from being confirmed, and the hold of
all others goes on meanwhile. What both do is in one place: the journal, the call that is made once, the check
of the place, and the error that stops a run.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from watchme_analysis.aws_shapes.names import region_of, resource_name
from watchme_analysis.aws_shapes.responses import json_object
from watchme_analysis.cloudwatch.session import QUEUE_COUNTS_SETTLE_S
from watchme_analysis.config import LogWords, WorkItemSettings
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.queues.redrive_list import ListedMessage
from watchme_analysis.redact import shortened
from watchme_analysis.remedies.apply import UNKNOWN, SurpriseError, call_once, check_place
from watchme_analysis.remedies.plan import Call
from watchme_analysis.remedies.processed_log import (
    CLOCK_DIFFERENCE,
    RECEIVED_AGAIN,
    ProcessedLog,
    Processing,
    SentMessage,
)
from watchme_analysis.remedies.queue_reader import (
    HeldMessages,
    QueueCounts,
    check_readable,
    counts_of,
    queue_attributes,
    settled_counts,
)
from watchme_analysis.storage.journal import NOT_DONE, Journal, open_journal
from watchme_analysis.text.message import Duration, Message, Quotation, Resource, message
from watchme_analysis.text.render import error_message, text_of_error
from watchme_analysis.trusted import seal

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

State = Literal[
    "deleted", "gone", "processed", "unproven", "failed", "sent", "unconfirmed", "rejected", "not_sent",
    "excluded", "new", "returned",
]  # fmt: skip
Outcome = Literal["complete", "stopped", "refused"]
# Events of a message in the journal.
SENDING, SENT, NOT_SENT, REJECTED = "sending", "sent", "not sent", "rejected"
PROCESSED, FAILED, DELETING, DELETED, GONE = "processed", "failed", "deleting", "deleted", "gone"
# Those that are actions, and those of a message whose send has a result, and is not confirmed or is.
_ACTIONS = (SENT, REJECTED, PROCESSED, FAILED, DELETED, GONE)
_OPEN = frozenset({SENDING, SENT, FAILED})
_DONE = frozenset({PROCESSED, DELETING, DELETED, GONE})
_STATE_OF_EVENT: dict[str | None, State] = {
    SENDING: "unconfirmed", SENT: "sent", REJECTED: "rejected", PROCESSED: "processed", FAILED: "failed",
    DELETING: "processed", DELETED: "deleted", GONE: "gone",
}  # fmt: skip
_OPEN_STATES = ("unproven", "failed", "sent", "unconfirmed", "rejected", "not_sent")
# SQS discards duplicates of a deduplication id for 5 minutes; one minute is a margin for clock differences.
_DEDUPLICATED = timedelta(minutes=4)
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
_UNNAMED = "one without resent_message_id"
_URL = re.compile(r"https?://[^/]+/(?P<account>\d+)/(?P<queue>[^/]+)/?$")
# Share of the visibility timeout for which a message must still be hidden when it is sent.
_LEAST_HOLD = 0.1
# Least time in seconds in which the log must show a message that was sent.
_CONFIRM_WITHIN_S = 600.0
# Share of the visibility timeout after which the DLQ is read again for messages that another reader hides.
_HIDDEN_SHARE = 0.25
# Reasons in the audit: of a failure that the DLQ shows, and of messages that were not sent.
RETURNED, NOT_RECEIVED, HIDDEN = "moved to the DLQ again", "not-received", "hidden"
_NO_KEYS, _NO_WORDS = WorkItemSettings(), LogWords()


@dataclass(frozen=True)
class RedriveTask:
    """Messages of one queue to redrive, in the order in which they are sent.

    ``dlq_url`` is None when the messages are in no queue. ``excluded`` has the reason of each message of the
    DLQ that is left out. Without a ``function``, that of the event source mapping counts. Messages that an
    archive holds (``is_archived``) are sent also if they are not in the DLQ.
    """

    queue_url: str
    items: tuple[ListedMessage, ...]
    dlq_url: str | None = None
    excluded: Mapping[str, str] = field(default_factory=dict)
    function: str | None = None
    is_archived: bool = False


@dataclass(frozen=True)
class RedriveLimits:
    """Pace and patience of a redrive."""

    rate_per_s: float = 1.0  # messages to send, after the first
    # In which the log must show the invocation of a message; None for twice the visibility timeout of the
    # source queue, at least ten minutes.
    confirm_within_s: float | None = None
    visibility_timeout_s: int = 300  # for which messages of the DLQ are hidden; extended while needed
    poll_s: float = 3.0  # between two readings of the log
    # In which lines of the log arrive late, so that no further invocation of a message may be seen.
    late_s: float = 10.0
    most: int | None = None  # messages to send in this run

    def quiet_s(self, visibility_s: float) -> float:
        """Return for how many seconds no further invocation of a processed message may be seen.

        A message that was not deleted is received again after the visibility timeout of its queue.
        """
        return max(2 * visibility_s, self.late_s)

    def seen_within_s(self, visibility_s: float) -> float:
        """Return in how many seconds the log must show the invocation of a message that was sent."""
        if self.confirm_within_s is not None:
            return self.confirm_within_s
        return max(_CONFIRM_WITHIN_S, 2 * visibility_s)


@dataclass(frozen=True)
class AuditRow:
    """What has become of one message.

    States: ``deleted`` from the DLQ after it was processed; ``gone``: processed, and not in the DLQ any more;
    ``processed``, but not deleted; ``unproven``: processed according to the journal alone; ``failed``;
    ``sent``, but not confirmed; ``unconfirmed``: it may have been sent; ``rejected`` by SQS; ``not_sent``;
    ``excluded``; ``new``: in the DLQ, but not in the list; ``returned``: a copy that was sent, and is in the
    DLQ again.

    ``reason`` says why it was excluded, rejected, or failed. Of a message that was sent: ``not-seen`` when no
    invocation with it ended, ``not-stated`` when no line says that its work was done, ``in-queue`` when the
    function may have reported it as failed, and it may still be in its queue. Of a message that was not sent:
    ``not-received`` when it could not be received from the DLQ, ``hidden`` when the DLQ counts more messages
    than could be received. Empty otherwise.
    """

    message_id: str | None  # in the DLQ
    state: State
    reason: str = ""
    sent_as: str | None = None
    request_id: str | None = None  # of the invocation that processed it, or failed
    in_dlq: bool | None = None  # when that was read last; None when it was not read
    sends: int = 0  # how often it was sent, or may have been


@dataclass(frozen=True)
class RedriveAudit:
    """Result of a redrive: every message by id, and why the run ended so.

    ``complete``: every message of the list was processed and has left the DLQ. ``stopped``: the run stopped
    before that. ``refused``: the system is not as the redrive needs it, nothing was sent.
    """

    outcome: Outcome
    sentence: Message
    rows: tuple[AuditRow, ...]
    counts: QueueCounts | None  # of the DLQ at the end, when they have settled; None when it was not read
    unexplained: int | None  # messages that the DLQ counts, but that could not be received
    journal: Path
    rate_per_s: float  # largest number of messages that were sent per second

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
            "dlq": self.counts and vars(self.counts),
            "unexplained": self.unexplained,
            "rate_per_s": self.rate_per_s,
            "journal": str(self.journal),
            "messages": [dict(vars(row)) for row in self.rows],
        }


# The journal of earlier runs


@dataclass
class EarlierRuns:
    """What earlier runs have done with messages that are not sent again.

    The number that was sent, the ids of those that may have been (the run ended or the connection broke
    meanwhile), and the ids of those that SQS does not accept, with the reason.
    """

    sent: int = 0
    unconfirmed: list[str] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)


def pending_messages(
    items: Iterable[ListedMessage],
    journal: Journal,
    *,
    retry_unconfirmed: bool = False,
    retry_rejected: bool = False,
) -> tuple[list[ListedMessage], EarlierRuns]:
    """Return the messages that a redrive would send, and what became of the others.

    A journal of another remedy is an InputError.
    """
    _check_owner(journal)
    pending, earlier = [], EarlierRuns()
    for item in items:
        entry = journal.last.get(message_key(item.line), {})
        event, name = entry.get("event"), item.message_id or _UNNAMED
        if event in {SENT, *_DONE, FAILED} and not (retry_unconfirmed and event in {SENT, FAILED}):
            earlier.sent += 1
        elif event == SENDING and not retry_unconfirmed and not _is_deduplicated(item, entry, journal):
            earlier.unconfirmed.append(name)
        elif event == REJECTED and not retry_rejected:
            earlier.rejected.append((name, str(entry.get("reason", "unknown"))))
        else:
            pending.append(item)
    return pending, earlier


def _check_owner(journal: Journal) -> None:
    if any("queue" not in entry for entry in journal.entries):
        raise InputError(error_message("error-redrive-journal", path=journal.path))


def message_key(line: str) -> str:
    """Return the key of a message in the journal, a hash of its line."""
    return hashlib.sha256(line.encode(errors="surrogatepass")).hexdigest()[:32]


def seal_of(key: str, sent_as: str | None = None) -> str:
    """Return the seal of an entry that a message was sent: a journal may come from somebody else.

    Without it, an id of any other message that was processed would prove that this message was.
    """
    return seal(f"{key} {sent_as}", os.environ)


def _is_deduplicated(item: ListedMessage, entry: Mapping[str, Any], journal: Journal) -> bool:
    """Return whether SQS still discards duplicates of a message that may have been sent."""
    age = journal.now() - datetime.fromisoformat(entry["at"])
    return "MessageDeduplicationId" in json.loads(item.line) and age < _DEDUPLICATED


# Queues and messages


def place_of(url: str) -> tuple[str, str, str]:
    """Return name, account and region of a queue URL; of a URL of an unusual form, both are unknown."""
    path = _URL.match(url)
    queue, account = (path["queue"], path["account"]) if path else (url, UNKNOWN)
    return queue, account, region_of(url) or UNKNOWN


def place_sentence(queue: str, account: str, region: str) -> Message:
    """Return the sentence that states where a queue is."""
    places = {"queue": queue, "account": account, "region": region}
    return message("redrive-plan-place", **{name: Resource(value) for name, value in places.items()})


def _function(mapping: Mapping[str, Any]) -> str:
    return resource_name(str(mapping.get("FunctionArn")))


def _parameters(item: ListedMessage) -> dict[str, Any]:
    """Return the parameters of ``send_message``, with binary attributes decoded from base64 to bytes.

    A recorded message that can't be sent as it was is a ValueError.
    """
    parameters = json.loads(item.line)
    for name, value in parameters["MessageAttributes"].items():
        if isinstance(value, dict) and isinstance(value.get("BinaryValue"), str):
            try:
                value["BinaryValue"] = base64.b64decode(value["BinaryValue"], validate=True)
            except ValueError as error:
                raise ValueError(error_message("redrive-body-no-base64", name=repr(name))) from error
    try:
        parameters["MessageBody"].encode()
    except UnicodeEncodeError as error:
        raise ValueError(error_message("redrive-body-no-unicode")) from error
    if "MessageDeduplicationId" in parameters:
        # Another id than that of the sender, since SQS accepts, but does not deliver, a message whose id it
        # has seen within five minutes; and the same at each attempt.
        parameters["MessageDeduplicationId"] = f"redrive-{message_key(item.line)}"
    return parameters  # type: ignore[no-any-return]


def _rejection(error: BaseException | None) -> str | None:
    """Return why SQS does not accept a message; None for an error that concerns more than this message."""
    from botocore.exceptions import ClientError, ParamValidationError

    cause = error.__cause__ if isinstance(error, ServiceError) else None
    if isinstance(error, ServiceError) and isinstance(cause, ClientError):
        detail = cause.response.get("Error", {})
        code = str(detail.get("Code", "")).rsplit(".", 1)[-1]
        if error.retryable or code not in _REJECTING:
            return None
        text = f"{code}: {detail.get('Message', '')}"
    elif isinstance(cause, ParamValidationError):  # boto3 validates the message before it sends it
        text = str(cause)
    else:
        return None
    return shortened(" ".join(text.split()), _LONGEST_REASON).rstrip(".")


# The run


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

    ``work_items`` and ``words`` state how the function's log names work, errors and work that was done. Only
    keys that the team states belong there: evidence by work needs them. It is an InputError when the journal
    is in use, can't be read or written, or the DLQ has a redrive policy of its own; and a ServiceError when
    the queue, its function or their settings can't be read, and nothing was sent.
    """
    with open_journal(journal_path, aws.now) as journal:
        _check_owner(journal)
        run = _Run(task, journal, aws, limits, report)
        try:
            run.check_system(work_items, words)
        except SurpriseError as surprise:
            return run.audit("refused", message("redrive-refused", why=surprise.sentence))
        return run.go({"retry_unconfirmed": retry_unconfirmed, "retry_rejected": retry_rejected})


class _Run:
    """A run, with what it knows so far; ``log`` and the times are set by :meth:`check_system`."""

    log: ProcessedLog
    # Times in seconds that follow from the visibility timeout of the source queue.
    seen_within_s: float
    quiet_s: float
    visibility_s: float
    # Receives after which a message is moved to the DLQ; infinite without a DLQ.
    most_receives: float

    def __init__(
        self,
        task: RedriveTask,
        journal: Journal,
        aws: Aws,
        limits: RedriveLimits,
        report: Callable[[Message], None],
    ) -> None:
        self.task, self.journal, self.aws, self.limits, self.report = task, journal, aws, limits, report
        self.by_key = {message_key(item.line): item for item in task.items}
        self.by_id = {
            item.message_id: key for key, item in self.by_key.items() if item.message_id is not None
        }
        works = Counter((item.work_item, item.work_key) for item in task.items)
        # Work that several messages name does not show which of them was processed.
        self.own_work = {work for work, number in works.items() if number == 1}
        dlq, hidden_s = task.dlq_url, limits.visibility_timeout_s
        self.held = None if dlq is None else HeldMessages(aws, dlq, hidden_s, journal)
        # Ids of all messages that the DLQ showed; None until it was read.
        self.in_dlq: set[str] | None = None
        self.counts: QueueCounts | None = None
        # Keys of messages that were sent and not judged yet, and since when the log shows no further
        # invocation, by key and invocation.
        self.fresh: list[str] = []
        self.quiet_since: dict[tuple[str, str], datetime] = {}
        # Counts of the source queue, and when they were read; since when a run waits for proof.
        self.source_counts: list[tuple[datetime, QueueCounts]] = []
        self.confirming_since = aws.now()
        # Keys of messages that the journal calls processed, and the log does not.
        self.unproven: set[str] = set()

    def check_system(self, work_items: WorkItemSettings, words: LogWords) -> None:
        """Check that the system allows the redrive, and read what the run needs of it."""
        url = self.task.queue_url
        queue, *stated_place = place_of(url)
        check_place(self.aws, *stated_place)
        source = queue_attributes(self.aws, url)
        _, _, _, region, account, *_ = source["QueueArn"].split(":")
        check_place(self.aws, account, region)
        if UNKNOWN in stated_place:
            self.report(place_sentence(queue, account, region))
        policy = json_object(source.get("RedrivePolicy"))
        self._check_dlq(policy.get("deadLetterTargetArn"))
        mappings = self.aws.items(
            "lambda", "list_event_source_mappings", "EventSourceMappings", EventSourceArn=source["QueueArn"]
        )
        enabled = [each for each in mappings if each.get("State") in ("Enabled", "Enabling", "Updating")]
        if not enabled:
            raise SurpriseError(message("redrive-no-consumer", queue=Resource(resource_name(url))))
        mapping = next((each for each in enabled if _function(each) == self.task.function), enabled[0])
        visibility_s = float(source.get("VisibilityTimeout", 0))
        self.quiet_s = self.limits.quiet_s(visibility_s)
        self.seen_within_s = self.limits.seen_within_s(visibility_s)
        self.visibility_s, self.most_receives = visibility_s, float(policy.get("maxReceiveCount", inf))
        sent = [each.sent_at for key in self.by_key for each in self._sends(key)]
        self.log = ProcessedLog(
            self.aws,
            _function(mapping),
            min(sent, default=self.aws.now()),
            work_items,
            reports_failures="ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", []),
            words=words,
        )
        self.log.group()

    def _check_dlq(self, stated_arn: str | None) -> None:
        queue, dlq = Resource(resource_name(self.task.queue_url)), self.task.dlq_url
        if dlq is None:
            if self.by_id and not self.task.is_archived:
                raise SurpriseError(message("redrive-no-dlq", queue=queue))
            return
        attributes = queue_attributes(self.aws, dlq)
        check_readable(attributes, dlq)
        if stated_arn != attributes.get("QueueArn"):
            raise SurpriseError(message("redrive-other-dlq", queue=queue, dlq=Resource(resource_name(dlq))))

    def go(self, retry: Mapping[str, bool]) -> RedriveAudit:
        """Redrive every message, release what is hidden, and return the audit."""
        try:
            stopped = self._stopped_by(lambda: self._redrive_all(retry))
            # What was sent is confirmed, whatever stopped the sending.
            unconfirmed = self._stopped_by(lambda: self._confirm(self.fresh)) if self.fresh else None
        except BaseException:
            with suppress(ServiceError):
                self._release()
            raise
        # A call that fails at the end takes nothing from what is known: hidden messages become visible.
        unreleased = self._stopped_by(self._end)
        stopped = stopped or unconfirmed or unreleased
        if stopped is not None:
            return self.audit("stopped", message("redrive-stopped", why=stopped))
        is_to_delete = any(self._has_dlq_copy(item.message_id) for item in self.task.items)
        complete = "redrive-complete" if is_to_delete else "redrive-complete-created"
        audit = self.audit("complete", message(complete, count=len(self.task.items)))
        left = sum(audit.states.get(state, 0) for state in _OPEN_STATES)
        # A message that is in no queue is done once it was processed.
        left += sum(row.state == "processed" and self._has_dlq_copy(row.message_id) for row in audit.rows)
        return self.audit("stopped", message("redrive-incomplete", count=left)) if left else audit

    def _stopped_by(self, act: Callable[[], None]) -> Message | None:
        """Return what stopped an act; None when it came to its end."""
        try:
            act()
        except SurpriseError as surprise:
            return surprise.sentence
        except ServiceError as error:
            return message("redrive-call-failed", error=Quotation(str(error)))
        return None

    def _release(self) -> None:
        if self.held is not None:
            self.held.release()

    def _end(self) -> None:
        """Release what is hidden, and read the counts of the DLQ when they have settled."""
        self._release()
        if self.held is None or self.in_dlq is None:
            return
        url, since = self.held.url, self.held.changed_at
        if since is None:
            self.counts = counts_of(queue_attributes(self.aws, url))
            return
        # Everything is done: Ctrl-C ends the wait, and the audit does without the counts.
        with suppress(KeyboardInterrupt):
            self.counts = settled_counts(self.aws, url, len(self.in_dlq), self.report, since=since)

    def _redrive_all(self, retry: Mapping[str, bool]) -> None:
        """Confirm what earlier runs have sent; then send a message, confirm it, and do so with the rest."""
        self._release()
        if any(map(self._is_processed, self.by_key)):
            self._read_log(whole=True)
        self._check_claims()
        if all(self._event(key) in {DELETED, GONE} and self._is_processed(key) for key in self.by_key):
            return
        self._sweep_hidden()
        self._check_claims()
        self._confirm(self.by_key)
        pending, _ = pending_messages(self.task.items, self.journal, **retry)
        left = [message_key(item.line) for item in pending]
        tries = len(left) if self.limits.most is None else self.limits.most
        while batch := [key for key in left if self._may_send(key)][:tries]:
            is_first = not any(map(self._is_processed, self.by_key))
            batch = batch[:1] if is_first else batch
            left = [key for key in left if key not in batch]
            tries -= len(batch)
            self._send_all(batch)
            self._confirm(self.fresh)
            if unconfirmed := [key for key in batch if self._event(key) in {SENT, FAILED}]:
                raise SurpriseError(self._why_open(unconfirmed[0]))
            if is_first and self._is_processed(batch[0]):
                self.report(message("redrive-first-processed"))

    def _send_all(self, keys: Sequence[str]) -> None:
        """Send messages at the rate, and stop when one that was sent fails."""
        began = read_at = self.aws.now()
        for number, key in enumerate(keys):
            self._pause((began - self.aws.now()).total_seconds() + number / self.limits.rate_per_s)
            if (self.aws.now() - read_at).total_seconds() >= self.limits.poll_s:
                read_at = self.aws.now()
                self._read_log()
                for sent in self.fresh:
                    if self._event(sent) == FAILED:
                        raise SurpriseError(self._why_open(sent))
                self.report(message("redrive-progress", sent=number, count=len(keys)))
            if self._may_send(key):
                self.fresh.append(key)
                self._send(key)

    def _send(self, key: str) -> None:
        """Send a message, with a journal entry before and after the call.

        A message that SQS rejects for its content is recorded, so that it does not block the messages after
        it.
        """
        try:
            parameters = _parameters(self.by_key[key])
        except ValueError as error:
            self._note(key, REJECTED, reason=text_of_error(error))
            return
        deduplication = parameters.get("MessageDeduplicationId")
        more = {"deduplication": deduplication} if deduplication else {}
        self._note(key, SENDING, **more, seal=seal_of(key))
        try:
            response = call_once(Call("sqs", "send_message", parameters), self.aws)
        except SurpriseError as surprise:
            reason = _rejection(surprise.__cause__)
            if reason is not None:
                self._note(key, REJECTED, reason=reason)
                return
            if surprise.event == NOT_DONE:
                self._note(key, NOT_SENT)
            raise SurpriseError(
                message("redrive-call-failed", error=Quotation(str(surprise.__cause__)))
            ) from surprise
        sent_as = str(response["MessageId"])
        self._note(key, SENT, **{"as": sent_as}, seal=seal_of(key, sent_as))

    def _note(self, key: str, event: str, **details: Any) -> None:
        """Record what has become of a message, with the sentence for the table ``actions``."""
        name, said = self.by_key[key].message_id, {}
        if event in _ACTIONS:
            # A created message is known by the id that it got when it was sent.
            known = [each["as"] for each in self.journal.by_key.get(key, ()) if "as" in each]
            step = name or details.get("as", (known or [key])[-1])
            sentence = message(f"redrive-event-{event}", message=Resource(str(step)))
            resource = resource_name(self.task.queue_url)
            said = {"step": step, "resource": resource, "sentence": sentence.to_dict()}
            said |= {"call": "sqs send-message"} if event in (SENT, REJECTED) else {}
        self.journal.write(key, event, id=name, queue=self.task.queue_url, **details, **said)

    def _pause(self, seconds: float) -> None:
        """Wait, and keep the messages of the DLQ hidden meanwhile."""
        ends = self.aws.now() + timedelta(seconds=seconds)
        while (left_s := (ends - self.aws.now()).total_seconds()) > 0:
            self.aws.sleep(min(left_s, self.limits.visibility_timeout_s / 4))
            if self.held is not None:
                self.held.keep()

    def _event(self, key: str) -> str | None:
        return self.journal.event(key)

    def _is_processed(self, key: str) -> bool:
        return self._event(key) in _DONE and key not in self.unproven

    def _may_send(self, key: str) -> bool:
        """Return whether the message is held, or is in no queue."""
        name = self.by_key[key].message_id
        until = None if self.held is None or name is None else self.held.until.get(name)
        if until is None:
            return name is None or (self.task.is_archived and name not in (self.in_dlq or ()))
        return (until - self.aws.now()).total_seconds() > _LEAST_HOLD * self.limits.visibility_timeout_s

    # Confirmation

    def _sends(self, key: str) -> list[SentMessage]:
        """Return the sends of a message, also those that may not have arrived.

        The id and the work of an entry that this user has not written prove nothing.
        """
        item, found = self.by_key[key], []
        own_work = (item.work_item, item.work_key) in self.own_work
        work = (item.work_item, item.work_key) if own_work else (None, None)
        for entry in self.journal.by_key.get(key, ()):
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

    def _read_log(self, *, whole: bool = False) -> None:
        """Read the log, and record the failures that it shows."""
        self.log.read(whole=whole)
        for key in self.by_key:
            found = self._found(key) if self._event(key) in _OPEN else None
            if found is None or found.state != "failed":
                continue
            if self.journal.last[key].get("request_id") != found.request_id:
                details = {"request_id": found.request_id, "seen_by": found.seen_by}
                self._note(key, FAILED, **details, reason=found.error)

    def _found(self, key: str) -> Processing | None:
        """Return what the log shows about a message: that a send of it was processed, else of its last send.

        A copy that is in the DLQ was not processed, whatever the log shows.
        """
        found = [None if self._is_back(each) else self.log.of(each) for each in self._sends(key)]
        processed = (each for each in found if each is not None and each.state == "processed")
        return next(processed, found[-1] if found else None)

    def _is_back(self, sent: SentMessage) -> bool:
        """Return whether the copy of a message was received from the DLQ."""
        return sent.sent_as is not None and sent.sent_as in (self.in_dlq or ())

    def _is_settled(self, key: str) -> bool:
        """Return whether waiting longer would show nothing more about a message that was sent."""
        found, now = self._found(key), self.aws.now()
        if found is None:
            last = next(reversed(self._sends(key)), None)
            if last is None or self._is_back(last) or (last.sent_as is None and last.work_item is None):
                return True
            return (now - last.sent_at).total_seconds() > self.seen_within_s
        if found.state == "failed" or found.ended_at is None:
            return True
        quiet_s = self._quiet_s(key, found)
        if quiet_s < self.quiet_s:
            return False
        watched_s = min(quiet_s, (now - self.confirming_since).total_seconds())
        is_patient = watched_s < self.quiet_s + self.seen_within_s
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
        the DLQ; or it showed no visible message more often than this message can be hidden by a receive.
        """
        if not self.log.reports_failures:
            return True
        now = self.aws.now()
        ended_at = now - timedelta(seconds=self._quiet_s(key, found))
        moved_s = self.most_receives * self.visibility_s
        moves_at_s = max(each.sent_at for each in self._sends(key)).timestamp() + moved_s
        settled_at = ended_at + timedelta(seconds=QUEUE_COUNTS_SETTLE_S)
        if any(
            not counts.total and settled_at <= at and at.timestamp() <= moves_at_s
            for at, counts in self.source_counts
        ):
            return True
        # A receive hides it for a visibility timeout, so counts that are further apart show several receives.
        hidden, last_s = 0, -inf
        for at, counts in self.source_counts:
            if at >= ended_at and not counts.visible and at.timestamp() - last_s > self.visibility_s:
                hidden, last_s = hidden + 1, at.timestamp()
        return hidden > self.most_receives

    def _proof(self, key: str) -> Processing | None:
        """Return the invocation that has processed a message for certain; None when there is none."""
        found = self._found(key)
        is_stated = found is not None and found.state == "processed"
        return found if found is not None and is_stated and self._has_left_queue(key, found) else None

    def _check_claims(self) -> None:
        """Doubt the messages that the journal calls processed, and the log does not.

        A journal may come with a list or an archive of somebody else, so it proves nothing. A message that
        is in the DLQ is confirmed or sent like any other.
        """
        self.unproven = set()
        for key in filter(self._is_processed, self.by_key):
            found, sends = self._found(key), self._sends(key)
            if not self._is_in_dlq(self.by_key[key].message_id):
                if found is None or found.state != "processed":
                    self.unproven.add(key)
            elif self._proof(key) is not None:
                continue
            elif sends:
                sent_as = sends[-1].sent_as
                self._note(key, SENT, **{"as": sent_as, "seal": seal_of(key, sent_as)})
            else:
                self._note(key, NOT_SENT)

    def _confirm(self, keys: Iterable[str]) -> None:
        """Wait until nothing more is to be seen of messages; delete those that were processed."""
        keys = [key for key in keys if self._event(key) in _OPEN]
        self.confirming_since = self.aws.now()
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
            proof = self._proof(key) if self._is_settled(key) else None
            if proof is not None:
                self._note(key, PROCESSED, request_id=proof.request_id, seen_by=proof.seen_by)
            elif self._event(key) != FAILED and any(map(self._is_back, self._sends(key)[-1:])):
                self._note(key, FAILED, reason=RETURNED)
        self.fresh = [key for key in self.fresh if key not in keys]
        self._delete_processed()

    def _why_open(self, key: str) -> Message:
        """Return why a message that was sent is not confirmed."""
        name, log = Resource(str(self.by_key[key].message_id)), Resource(self.log.group())
        if self._event(key) == FAILED:
            reason = str(self.journal.last[key].get("reason", ""))
            if reason in {RECEIVED_AGAIN, RETURNED}:
                return message("redrive-came-back", message=name)
            return message("redrive-failed", message=name, error=Quotation(reason))
        values = {"message": name, "log": log, "queue": Resource(resource_name(self.task.queue_url))}
        return message(f"redrive-{self._why_unconfirmed(key)}", within=Duration(self.seen_within_s), **values)

    def _why_unconfirmed(self, key: str) -> str:
        """Return what the log lacks about a message that was sent: the reason of its row in the audit."""
        found = self._found(key) if hasattr(self, "log") else None
        if found is None:
            return "not-seen"
        return "in-queue" if found.state == "processed" else "not-stated"

    # The DLQ

    def _has_dlq_copy(self, message_id: str | None) -> bool:
        """Return whether a message lies in a DLQ, from which it is deleted once its processing is proven."""
        return self.task.dlq_url is not None and message_id is not None

    def _is_in_dlq(self, message_id: str | None) -> bool | None:
        if self.in_dlq is None or message_id is None:
            return None
        return message_id in self.in_dlq

    def _sweep(self) -> None:
        """Receive what the DLQ shows: hold the messages of the list, and release the others."""
        if self.held is None:
            return
        for _ in self.held.receive():
            self.held.keep()
        self.in_dlq = {*self.held.until}
        if others := self.in_dlq - self.by_id.keys():
            self.held.release(others)

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

    def _delete_processed(self) -> None:
        """Delete the held messages that were processed, and settle those that are not in the DLQ."""
        if self.held is None or self.in_dlq is None:
            return
        names = [
            name for name, key in self.by_id.items() if name in self.held.until and self._is_processed(key)
        ]
        for name in names:
            self._note(self.by_id[name], DELETING)
        for name in self.held.delete(names):
            self._note(self.by_id[name], DELETED)
            self.in_dlq.discard(name)
        missing = [
            key
            for name, key in self.by_id.items()
            if name not in self.in_dlq
            and self._event(key) in {PROCESSED, DELETING}
            and self._is_processed(key)
        ]
        dlq = self.held.url
        if missing and counts_of(queue_attributes(self.aws, dlq)).total == len(self.in_dlq):
            for key in missing:
                # A deletion without a result has worked: the message is not in the queue any more.
                self._note(key, DELETED if self._event(key) == DELETING else GONE)

    # The audit

    def audit(self, outcome: Outcome, sentence: Message) -> RedriveAudit:
        """Return the result with a row for each message of the list and of the DLQ."""
        # What is known of the last send of each message.
        details: dict[str, dict[str, Any]] = {}
        for entry in self.journal.entries:
            earlier = {} if entry["event"] == SENDING else details.get(entry["key"], {})
            details[entry["key"]] = earlier | entry
        rows = [self._row(message_key(item.line), item, details) for item in self.task.items]
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
        path, rate_per_s = self.journal.path, self.limits.rate_per_s
        return RedriveAudit(outcome, sentence, tuple(rows), self.counts, unexplained, path, rate_per_s)

    def _row(self, key: str, item: ListedMessage, details: Mapping[str, Mapping[str, Any]]) -> AuditRow:
        known, is_in_dlq = details.get(key, {}), self._is_in_dlq(item.message_id)
        state = _STATE_OF_EVENT.get(self._event(key), "not_sent")
        state = "unproven" if key in self.unproven else state
        reason = str(known.get("reason", "")) if state in ("rejected", "failed") else ""
        if state == "not_sent" and is_in_dlq is False and not self.task.is_archived:
            is_hidden = self.counts is not None and self.counts.total > len(self.in_dlq or ())
            reason = HIDDEN if is_hidden else NOT_RECEIVED
        if state == "sent":
            reason = self._why_unconfirmed(key)
        sent_as, request_id = known.get("as"), known.get("request_id")
        sends = len(self._sends(key))
        return AuditRow(item.message_id, state, reason, sent_as, request_id, is_in_dlq, sends)
