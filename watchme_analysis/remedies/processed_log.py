"""Which of the messages sent to a queue its function has processed, read from the function's log.

The log is read with FilterLogEvents, which costs nothing, from the time of the first send. An invocation
that names a message's id, or its work item, and ends without an error has processed it. Lines that a
function prints have no request id in the text format; they belong to the invocation that runs in their log
stream, since an execution environment handles one invocation at a time [1]_.

.. [1] https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from watchme_analysis.aws_shapes.lambda_messages import MessageFacts, classify_message
from watchme_analysis.aws_shapes.names import LAMBDA_LOG_GROUP
from watchme_analysis.config import LogWords, WorkItemSettings
from watchme_analysis.queues.work_done import moment_key, work_in_log
from watchme_analysis.redact import shortened

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Events arrive out of order and late; CloudWatch Logs delivers most within seconds.
_LATE = timedelta(minutes=2)
# The clock of this machine may differ from that of Lambda.
_CLOCK_DIFFERENCE = timedelta(minutes=5)
_ERROR_CHARACTERS = 200
_NO_WORDS = LogWords()


@dataclass(frozen=True)
class SentMessage:
    """A message that was sent to a queue.

    Attributes
    ----------
    sent_as
        Message id that SQS assigned; None when the response was lost.
    sent_at
        When it was sent.
    work_item, work_key
        Item of the work, and its day or moment as the message states it; None when it names none.
    """

    sent_as: str | None
    sent_at: datetime
    work_item: str | None = None
    work_key: str | None = None


@dataclass(frozen=True)
class Processing:
    """What has become of a message, according to the log.

    Attributes
    ----------
    state
        ``processed`` or ``failed``; a failed message may be received again and processed later.
    request_id
        Invocation that shows it.
    seen_by
        ``message`` when the invocation names the message's id, ``work`` when it names its work item.
    error
        The first error of a failed invocation.
    ended_at
        Time of the invocation's last line, by Lambda's clock.
    """

    state: Literal["processed", "failed"]
    request_id: str
    seen_by: Literal["message", "work"]
    error: str = ""
    ended_at: datetime | None = None


@dataclass
class _Invocation:
    messages: set[str] = field(default_factory=set)
    work: set[tuple[str, str]] = field(default_factory=set)
    # Ids and work that lines with an error name, and whether a line names neither.
    failed_messages: set[str] = field(default_factory=set)
    failed_work: set[tuple[str, str]] = field(default_factory=set)
    has_other_error: bool = False
    has_ended: bool = False
    error: str = ""
    last_ms: int = 0


class ProcessedLog:
    """The log of a function since a moment, read on demand.

    Parameters
    ----------
    aws
        Session of the function's account and region.
    function
        Name of the function.
    since
        When the first message was sent.
    settings
        How log messages name their work.
    reports_failures
        Whether the function reports the failed messages of a batch (``ReportBatchItemFailures``). Then an
        error that names a message says nothing about the others of its batch.
    words
        Words for errors beside the usual English ones.
    """

    def __init__(
        self,
        aws: Aws,
        function: str,
        since: datetime,
        settings: WorkItemSettings,
        *,
        reports_failures: bool = False,
        words: LogWords = _NO_WORDS,
    ) -> None:
        self._aws, self._words, self._reports_failures = aws, words, reports_failures
        self._function = function
        self._since = self._first = since - _CLOCK_DIFFERENCE
        self._work_in: Callable[[str], tuple[str, str] | None] = work_in_log(settings)
        # Stream, time in milliseconds, text and facts by event id.
        self._events: dict[str, tuple[str, int, str, MessageFacts]] = {}
        self._group: str | None = None
        self._by_message: dict[str, Processing] = {}
        self._by_work: dict[tuple[str, str], Processing] = {}

    def group(self) -> str:
        """Return the log group of the function.

        Raises
        ------
        ServiceError
            When the function does not exist or can't be read.
        """
        if self._group is None:
            found = self._aws.call("lambda", "get_function_configuration", FunctionName=self._function)
            configured = found.get("LoggingConfig", {}).get("LogGroup")
            self._group = str(configured or f"{LAMBDA_LOG_GROUP}{self._function}")
        return self._group

    def read(self, *, whole: bool = False) -> None:
        """Read what has been logged since the last reading, or, with ``whole``, since the first message.

        Raises
        ------
        ServiceError
            When the log can't be read. A log group that does not exist yet is empty.
        """
        from watchme_analysis.cloudwatch.session import NotFoundError

        start = self._first if whole else max(self._first, self._since - _LATE)
        try:
            pages = self._aws.pages(
                "logs", "filter_log_events", logGroupName=self.group(), startTime=_milliseconds(start)
            )
            for page in pages:
                self._add(page.get("events", []))
        except NotFoundError as error:
            if "FilterLogEvents" not in str(error):
                raise
        self._judge()

    def of(self, message: SentMessage) -> Processing | None:
        """Return what the log shows about a message; None when it does not name it."""
        found = self._by_message.get(message.sent_as or "")
        is_processed = found is not None and found.state == "processed"
        if is_processed or message.work_item is None or message.work_key is None:
            return found
        return self._by_work.get((message.work_item, moment_key(message.work_key))) or found

    def _add(self, events: Iterable[dict[str, Any]]) -> None:
        for event in events:
            text = str(event.get("message", "")).rstrip("\r\n")
            time_ms = int(event["timestamp"])
            facts = classify_message(text, self._words)
            self._events[str(event["eventId"])] = (str(event.get("logStreamName")), time_ms, text, facts)
            self._since = max(self._since, datetime.fromtimestamp(time_ms / 1000, UTC))

    def _judge(self) -> None:
        invocations: dict[str, _Invocation] = defaultdict(_Invocation)
        running: dict[str, str | None] = {}
        for _, (stream, time_ms, text, facts) in sorted(self._events.items(), key=lambda item: item[1][1]):
            request = facts.request_id or running.get(stream)
            if facts.kind == "start":
                running[stream] = facts.request_id
            if request is None:
                continue
            self._note(invocations[request], text, facts)
            invocations[request].last_ms = time_ms
        self._by_message, self._by_work = {}, {}
        for request, invocation in invocations.items():
            for message in invocation.messages:
                self._note_outcome(self._by_message, message, request, invocation, "message")
            for work in invocation.work:
                self._note_outcome(self._by_work, work, request, invocation, "work")

    def _note(self, invocation: _Invocation, text: str, facts: MessageFacts) -> None:
        messages = {found for found in _UUID.findall(text) if found != facts.request_id}
        work = self._work_in(text)
        invocation.messages |= messages
        invocation.work |= {work} if work else set()
        if facts.kind in {"end", "report"}:
            invocation.has_ended = True
        if facts.kind not in {"error", "timeout"} and not (facts.kind == "report" and facts.error_type):
            return
        invocation.error = invocation.error or shortened(" ".join(text.split()), _ERROR_CHARACTERS)
        invocation.failed_messages |= messages
        invocation.failed_work |= {work} if work else set()
        is_whole = facts.kind in {"timeout", "report"} or not (messages or work)
        invocation.has_other_error = invocation.has_other_error or is_whole

    def _note_outcome(
        self,
        found: dict[Any, Processing],
        key: Any,
        request: str,
        invocation: _Invocation,
        seen_by: Literal["message", "work"],
    ) -> None:
        if key in found and found[key].state == "processed":
            return
        named = invocation.failed_messages | invocation.failed_work
        has_failed = invocation.has_other_error or key in named
        if not self._reports_failures:
            has_failed = has_failed or bool(named)
        ended_at = datetime.fromtimestamp(invocation.last_ms / 1000, UTC)
        if has_failed:
            found[key] = Processing("failed", request, seen_by, invocation.error, ended_at)
        elif invocation.has_ended:
            found[key] = Processing("processed", request, seen_by, ended_at=ended_at)


def _milliseconds(time: datetime) -> int:
    return int(time.timestamp() * 1000)
