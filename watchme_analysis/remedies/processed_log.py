"""Which of the messages sent to a queue its function has processed, read from the function's log.

The log is read with FilterLogEvents, which costs nothing. Lines that a function prints have no request id in
the text format; they belong to the invocation that runs in their log stream, since an execution environment
handles one invocation at a time [1]_.

An invocation that names a message says little: it may log the id before the work, skip the message, or report
it as failed, and Lambda deletes what was not reported [2]_. A message counts as processed if its own
invocation ended with a REPORT line without an error, a line says that the work of the message was done, and
no later invocation received the message again. Where no line names the message's id, lines that name its work
count, of invocations that began after the send.

.. [1] https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
.. [2] https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from watchme_analysis.aws_shapes.lambda_messages import MessageFacts, classify_message
from watchme_analysis.aws_shapes.names import LAMBDA_LOG_GROUP
from watchme_analysis.config import LogWords, WorkItemSettings
from watchme_analysis.queues.work_items import moment_key, says_done, work_in_log
from watchme_analysis.redact import shortened

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Events arrive out of order and late; CloudWatch Logs delivers most within seconds.
_LATE = timedelta(seconds=30)
# The clock of this machine may differ from that of Lambda.
CLOCK_DIFFERENCE = timedelta(minutes=5)
_ERROR_CHARACTERS = 200
_NO_WORDS = LogWords()
# Reason of a failure that no line states.
RECEIVED_AGAIN = "received again after an invocation without an error"

# Id of a message, or item and day or moment of its work.
_Name: TypeAlias = str | tuple[str, str]


@dataclass(frozen=True)
class SentMessage:
    """A message that was sent to a queue.

    ``sent_as`` is the id that SQS assigned, None when the response was lost; ``work_key`` is the day or
    moment of the work item as the message states it.
    """

    sent_as: str | None
    sent_at: datetime
    work_item: str | None = None
    work_key: str | None = None


@dataclass(frozen=True)
class Processing:
    """What has become of a message, according to the log of an invocation.

    ``processed``: the invocation ended without an error, and says that the work was done. ``ended``: no line
    says so. ``failed``: the message may be received again, and processed later. It was ``seen_by`` its own
    id, or by its work item. ``error`` is the first error, ``ended_at`` the time of the last line by Lambda's
    clock.
    """

    state: Literal["processed", "ended", "failed"]
    request_id: str
    seen_by: Literal["message", "work"]
    error: str = ""
    ended_at: datetime | None = None


@dataclass
class _Invocation:
    request: str
    named: set[_Name] = field(default_factory=set)
    # Named by lines that say that the work was done, and by lines with an error.
    done: set[_Name] = field(default_factory=set)
    failed: set[_Name] = field(default_factory=set)
    # Whether an error names neither a message nor work.
    has_other_error: bool = False
    # Time of its START line, and whether its REPORT line was read.
    started_ms: int | None = None
    is_reported: bool = False
    error: str = ""
    last_ms: int = 0


class ProcessedLog:
    """The log of a function since its first message was sent, read on demand.

    Evidence by work needs the keys that the team states for it in ``settings``. Where the function reports
    the failed messages of a batch (``ReportBatchItemFailures``), an error that names a message says nothing
    about the others of its batch. ``words`` are those for errors and for work that was done, beside the
    usual English ones.
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
        self._aws, self._words, self.reports_failures = aws, words, reports_failures
        self._function = function
        self._since = self._first = since - CLOCK_DIFFERENCE
        self._work_in: Callable[[str], tuple[str, str] | None] = work_in_log(settings)
        self._says_done = says_done(words)
        # Stream, time in milliseconds, text and facts by event id.
        self._events: dict[str, tuple[str, int, str, MessageFacts]] = {}
        self._group: str | None = None
        self._by_name: dict[_Name, list[_Invocation]] = {}

    def group(self) -> str:
        """Return the log group of the function; a function that can't be read is a ServiceError."""
        if self._group is None:
            found = self._aws.call("lambda", "get_function_configuration", FunctionName=self._function)
            configured = found.get("LoggingConfig", {}).get("LogGroup")
            self._group = str(configured or f"{LAMBDA_LOG_GROUP}{self._function}")
        return self._group

    def read(self, *, whole: bool = False) -> None:
        """Read what has been logged since the last reading, or, with ``whole``, since the first message.

        A log group that does not exist yet is empty.
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
        """Return what the log shows about a message; None when no invocation with it has ended."""
        own = self._by_name.get(message.sent_as or "", [])
        if own:
            return self._of_message(str(message.sent_as), own)
        if message.work_item is None or message.work_key is None:
            return None
        work = (message.work_item, moment_key(message.work_key))
        sent_ms = _milliseconds(message.sent_at)
        after = [
            self._outcome(each, work, "work")
            for each in self._by_name.get(work, [])
            if each.started_ms is not None and each.started_ms >= sent_ms
        ]
        found = [each for each in after if each is not None]
        return next((each for state in _BY_WEIGHT for each in found if each.state == state), None)

    def _of_message(self, name: str, invocations: Sequence[_Invocation]) -> Processing | None:
        *earlier, last = (self._outcome(each, name, "message") for each in invocations)
        # A queue delivers again what was not deleted from it: reported as failed, or taking too long.
        again = next((each for each in earlier if each is not None and each.state != "failed"), None)
        if again is not None and (last is None or last.state != "failed"):
            return Processing("failed", invocations[-1].request, "message", RECEIVED_AGAIN)
        return last

    def _add(self, events: Iterable[dict[str, Any]]) -> None:
        for event in events:
            text = str(event.get("message", "")).rstrip("\r\n")
            time_ms = int(event["timestamp"])
            facts = classify_message(text, self._words)
            self._events[str(event["eventId"])] = (str(event.get("logStreamName")), time_ms, text, facts)
            self._since = max(self._since, datetime.fromtimestamp(time_ms / 1000, UTC))

    def _judge(self) -> None:
        invocations: dict[str, _Invocation] = {}
        running: dict[str, str | None] = {}
        for _, (stream, time_ms, text, facts) in sorted(self._events.items(), key=lambda item: item[1][1]):
            request = facts.request_id or running.get(stream)
            if facts.kind == "start":
                running[stream] = facts.request_id
            if request is None:
                continue
            invocation = invocations.setdefault(request, _Invocation(request))
            self._note(invocation, time_ms, text, facts)
        self._by_name = defaultdict(list)
        for invocation in invocations.values():
            for name in invocation.named:
                self._by_name[name].append(invocation)

    def _note(self, invocation: _Invocation, time_ms: int, text: str, facts: MessageFacts) -> None:
        names: set[_Name] = {found for found in _UUID.findall(text) if found != facts.request_id}
        if work := self._work_in(text):
            names.add(work)
        invocation.named |= names
        invocation.last_ms = time_ms
        if facts.kind == "start":
            invocation.started_ms = time_ms
        invocation.is_reported |= facts.kind == "report"
        if not (facts.kind in {"error", "timeout"} or (facts.kind in {"end", "report"} and facts.error_type)):
            if names and facts.kind == "application" and self._says_done(text, facts.level):
                invocation.done |= names
            return
        invocation.error = invocation.error or shortened(" ".join(text.split()), _ERROR_CHARACTERS)
        invocation.failed |= names
        invocation.has_other_error |= facts.kind != "error" or not names

    def _outcome(
        self, invocation: _Invocation, name: _Name, seen_by: Literal["message", "work"]
    ) -> Processing | None:
        has_failed = invocation.has_other_error or name in invocation.failed
        if not self.reports_failures:
            has_failed = has_failed or bool(invocation.failed)
        ended_at = datetime.fromtimestamp(invocation.last_ms / 1000, UTC)
        if has_failed:
            return Processing("failed", invocation.request, seen_by, invocation.error, ended_at)
        # Without its REPORT line, a timeout or the end of the process may still follow.
        if not invocation.is_reported:
            return None
        state: Literal["processed", "ended"] = "processed" if name in invocation.done else "ended"
        return Processing(state, invocation.request, seen_by, ended_at=ended_at)


# Work that was done stays done, whatever another invocation with it shows.
_BY_WEIGHT = ("processed", "failed", "ended")


def _milliseconds(time: datetime) -> int:
    return int(time.timestamp() * 1000)
