"""A load test: messages or requests sent at their times, watched, and compared with the prediction.

Each message is in the journal before it is sent and after. A message whose send has no result may have been
sent: it is counted, and never sent again. Between two sends, other queues and functions are read, one call at
a time, so that the watch delays a send by at most one call. The first sign of harm ends the test.
"""

from __future__ import annotations

import http.client
import math
import queue
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from watchme_analysis.cloudwatch.session import without_retries
from watchme_analysis.config import LogWords, WorkItemSettings
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.evidence.prober import error_text
from watchme_analysis.evidence.probes import is_success
from watchme_analysis.files.journal import DONE, FAILED, INTENDED, NOT_DONE, Journal, open_journal
from watchme_analysis.remedies.apply import SurpriseError, check_place, require
from watchme_analysis.remedies.harm_watch import HarmWatch, calls_of_watch
from watchme_analysis.remedies.load_plan import (
    ATTRIBUTE,
    HEADER,
    NUMBER_ATTRIBUTE,
    LoadItem,
    LoadPlan,
    figure_value,
)
from watchme_analysis.remedies.plan import Call
from watchme_analysis.remedies.processed_log import ProcessedLog, SentMessage
from watchme_analysis.remedies.queue_reader import QueueCounts, counts_of, queue_attributes
from watchme_analysis.remedies.redrive import may_have_arrived
from watchme_analysis.simulation.replay import (
    FIGURES,
    Predicted,
    figures_of,
    predicted_figures,
    predicted_runs,
)
from watchme_analysis.text.message import (
    Choice,
    Duration,
    Message,
    Quotation,
    Resource,
    Share,
    message,
    message_from_dict,
)
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

REMEDY = "loadtest"
AGENT = "watchme-loadtest/1"
_RUN = "run"
# Key of readings of the tested queue.
_QUEUE = "queue"
_RESUMED, _SENT, _PROCESSED = "resumed", "sent", "processed"
# Requests without a response at the same time; an endpoint that reaches it answers too slowly for the rate.
_MOST_OPEN = 200
# Finished messages before a share of failures means anything.
_LEAST_FINISHED = 10
_SENDS = 6  # attempts of a send that SQS throttles
_NAP_S = 0.05
# Seconds that the function's log may need to show what the empty queue has shown already.
_LOG_LATE_S = 30.0
# A measured value that lies outside of the simulated ones by less than this share of them agrees, or by less
# than so many seconds or messages: the simulation knows no latency of SQS, of a network or of a cold start.
_CLOSE = 0.1
_CLOSE_S = {"queue": 1.0, "endpoint": 0.01}
_CLOSE_MESSAGES = 1.0
_NO_KEYS, _NO_WORDS = WorkItemSettings(), LogWords()
Position = Literal["within", "above", "below", "unknown"]


@dataclass(frozen=True)
class LoadCounts:
    """Numbers of messages or requests of a load test.

    Attributes
    ----------
    planned, sent, not_sent
        Of the plan; those that were sent, and those that were not.
    unconfirmed
        Those that may have been sent: the run ended, or the connection broke, before a response came.
    delivered
        Those of the sent ones that have left the queue or are being processed, as its attributes state;
        for an endpoint, those with a response.
    processed, failed
        Those of the sent ones whose invocation or response succeeded, or failed.
    is_by_queue
        Whether the function's log names no message, so that what has left the queue counts as processed, and
        what has reached its DLQ as failed.
    """

    planned: int
    sent: int
    not_sent: int
    unconfirmed: int
    delivered: int
    processed: int
    failed: int
    is_by_queue: bool = False

    @property
    def open(self) -> int:
        """Return the number of sent ones whose end was not seen."""
        return self.sent - self.processed - self.failed


@dataclass(frozen=True)
class Compared:
    """A measured figure beside the simulated runs with the same times of sending."""

    figure: str
    measured: float | None
    predicted: Predicted
    position: Position

    @property
    def sentence(self) -> Message | None:
        """Return the comparison; None where one of the two is unknown."""
        low, high = self.predicted.lowest, self.predicted.highest
        if self.measured is None or low is None or high is None:
            return None
        return message(
            "loadtest-compared",
            figure=message(f"loadtest-figure-{self.figure.replace('_', '-')}"),
            measured=figure_value(self.figure, self.measured),
            lowest=figure_value(self.figure, low),
            highest=figure_value(self.figure, high),
            position=Choice(self.position),
        )


@dataclass(frozen=True)
class LoadResult:
    """Result of a load test.

    Attributes
    ----------
    outcome
        ``complete``: every message was sent, and its end seen. ``stopped``: the test ended before.
        ``refused``: nothing was sent.
    sentence
        Why it ended so.
    counts
        Numbers of messages.
    sent_s, done_s
        For each message that was sent, in order: time of sending and of completion in seconds from the first
        send; NaN where no completion was seen.
    compared
        Figures beside their prediction.
    errors
        Number of failures by reason.
    journal
        File of the journal.
    """

    outcome: Literal["complete", "stopped", "refused"]
    sentence: Message
    counts: LoadCounts
    sent_s: tuple[float, ...]
    done_s: tuple[float, ...]
    compared: tuple[Compared, ...]
    errors: Mapping[str, int]
    journal: Path

    @property
    def sentences(self) -> tuple[Message, ...]:
        """Return the result: why it ended, numbers, failures, and each figure beside its prediction."""
        said = [self.sentence]
        if self.counts.sent or self.counts.unconfirmed:
            said.append(counts_sentence(self.counts))
        if self.counts.is_by_queue:
            said.append(message("loadtest-by-queue"))
        if self.counts.unconfirmed:
            said.append(message("loadtest-unconfirmed", count=self.counts.unconfirmed))
        said += [
            message("loadtest-errors", count=count, error=Quotation(reason))
            for reason, count in self.errors.items()
        ]
        said += [each.sentence for each in self.compared if each.sentence is not None]
        known = [each for each in self.compared if each.position != "unknown"]
        off = sum(each.position != "within" for each in known)
        if known:
            said.append(
                message("loadtest-deviates", count=off, figures=len(known))
                if off
                else message("loadtest-agrees", figures=len(known))
            )
        return tuple(said)

    def to_dict(self) -> dict[str, Any]:
        """Return the result, ready for JSON."""
        return {
            "outcome": self.outcome,
            "message": self.sentence.to_dict(),
            "counts": asdict(self.counts) | {"open": self.counts.open},
            "compared": [asdict(each) for each in self.compared],
            "errors": dict(self.errors),
            "sent_s": list(self.sent_s),
            "done_s": [None if math.isnan(each) else each for each in self.done_s],
            "journal": str(self.journal),
        }


def counts_sentence(counts: LoadCounts) -> Message:
    """Return the numbers of a load test as a sentence."""
    return message(
        "loadtest-counts",
        planned=counts.planned,
        sent=counts.sent,
        delivered=counts.delivered,
        processed=counts.processed,
        failed=counts.failed,
        open=counts.open,
    )


class _StopError(Exception):
    """The test ends here; carries the sentence."""

    def __init__(self, sentence: Message) -> None:
        super().__init__(sentence.id)
        self.sentence = sentence


def run_load_test(  # noqa: PLR0913  the plan, where it runs, and how a log names work
    plan: LoadPlan,
    journal_path: Path,
    aws: Aws | None,
    *,
    headers: Mapping[str, str] = {},
    work_items: WorkItemSettings = _NO_KEYS,
    words: LogWords = _NO_WORDS,
    report: Callable[[Message], None] = lambda _: None,
) -> LoadResult:
    """Run a load test, or the rest of one that was killed, and return its result.

    A test that has ended is not run again: its result is returned.

    Parameters
    ----------
    plan
        The plan.
    journal_path
        Its journal, the same for all runs of this plan.
    aws
        Session of the plan's account and region; None for an endpoint that is watched without AWS.
    headers
        Further headers of the requests, such as one with a token; never written down.
    work_items, words
        How the function's log names work and errors.
    report
        Called with each sentence on the progress.

    Raises
    ------
    InputError
        When the journal is another plan's, is in use, or can't be read or written.
    ServiceError
        When the account or the queue can't be read; nothing was sent then.
    """
    with open_journal(journal_path) as journal:
        _check_owner(plan, journal)
        run = _Run(plan, journal, aws, headers, report)
        ended = journal.last.get(_RUN, {})
        if ended.get("event") == DONE:
            report(message("loadtest-was-run"))
            return run.result(ended["outcome"], message_from_dict(ended["sentence"]))
        return run.go(work_items, words)


def calls_of_load_test(plan: LoadPlan) -> tuple[Call, ...]:
    """Return the calls that a load test may make, for the IAM policy."""
    calls = [*(condition.call for condition in plan.relies_on), *calls_of_watch(plan.watched)]
    if plan.target.kind == "queue":
        tested = {"QueueUrl": plan.target.url}
        calls += [
            Call("sqs", "get_queue_attributes", tested),
            Call("sqs", "send_message", tested),
            Call("lambda", "get_function_configuration"),
            Call("logs", "filter_log_events"),
        ]
    return tuple(calls)


def actions_of_load_test(plan: LoadPlan, journal: Journal) -> list[dict[str, Any]]:
    """Return what a journal records of a load test, as rows of the table ``actions``."""
    rows = []
    for number, entry in enumerate(journal.entries):
        if entry["key"] != _RUN or entry["event"] == INTENDED:
            continue
        is_end = entry["event"] == DONE
        rows.append(
            {
                "time": entry["at"],
                "remedy": REMEDY,
                "step": "load test",
                "resource": plan.target.name,
                "call": "sqs send-message" if plan.target.kind == "queue" else None,
                "outcome": ("done" if entry["outcome"] == "complete" else "failed") if is_end else _RESUMED,
                "message": entry["action"],
                "plan": plan.digest,
                "number": number,
            }
        )
    return rows


def _check_owner(plan: LoadPlan, journal: Journal) -> None:
    if journal.entries and journal.entries[0].get("plan") != plan.digest:
        raise InputError(error_message("error-loadtest-journal", path=journal.path))


class _Run:
    """A run, with what it knows so far."""

    def __init__(
        self,
        plan: LoadPlan,
        journal: Journal,
        aws: Aws | None,
        headers: Mapping[str, str],
        report: Callable[[Message], None],
    ) -> None:
        self.plan, self.journal, self.aws, self.report = plan, journal, aws, report
        self.log: ProcessedLog | None = None
        self.requests = _Requests(plan, headers)
        since = datetime.fromisoformat(journal.entries[0]["at"]) if journal.entries else datetime.now(UTC)
        self.watch = HarmWatch(plan.watched, aws, since, plan.limits.metrics_s)
        self._round: Iterator[Message | None] = iter(())
        self._round_at = self._read_at = float("-inf")
        self._dead = 0

    # The run

    def go(self, work_items: WorkItemSettings, words: LogWords) -> LoadResult:
        """Check the system, send, wait and return the result."""
        is_first = self.journal.event(_RUN) is None
        try:
            counts = self._check_system(work_items, words, is_first=is_first)
        except SurpriseError as surprise:
            if is_first:
                return self.result("refused", message("loadtest-refused", why=surprise.sentence))
            return self._end(surprise.sentence)
        if is_first:
            self.journal.write(_RUN, INTENDED, plan=self.plan.digest, counts=counts)
        else:
            said = message(
                "loadtest-resumed", sent=len(self._numbers(_SENT)), count=len(self._pending()),
                unconfirmed=len(self._numbers(INTENDED)),
            )  # fmt: skip
            self.journal.write(_RUN, _RESUMED, plan=self.plan.digest, action=said.to_dict())
            self.report(said)
        stopped: Message | None = None
        try:
            self._send_all()
            self._drain()
        except _StopError as stop:
            stopped = stop.sentence
        except KeyboardInterrupt:
            stopped = message("loadtest-interrupted")
        except ServiceError as error:
            stopped = message("loadtest-call-failed", error=Quotation(str(error)))
        finally:
            self.requests.close()
        return self._end(stopped)

    def _end(self, stopped: Message | None) -> LoadResult:
        try:
            self._await_responses()
            self._read()
        except (_StopError, ServiceError) as error:
            said = (
                error.sentence
                if isinstance(error, _StopError)
                else message("loadtest-call-failed", error=Quotation(str(error)))
            )
            stopped = stopped or said
        counts = self.counts()
        if stopped is None and (counts.open or counts.unconfirmed):
            left = counts.open + counts.unconfirmed
            stopped = message("loadtest-not-seen", count=left, within=Duration(self.plan.limits.drain_s))
        if stopped is None:
            outcome: Literal["complete", "stopped"] = "complete"
            sentence = message("loadtest-complete", count=counts.sent)
        else:
            outcome, sentence = "stopped", message("loadtest-stopped", why=stopped)
        target = Resource(self.plan.target.name)
        action = message("loadtest-action", target=target, end=sentence, counts=counts_sentence(counts))
        self.journal.write(
            _RUN,
            DONE,
            outcome=outcome,
            sentence=sentence.to_dict(),
            action=action.to_dict(),
        )
        return self.result(outcome, sentence)

    def _await_responses(self) -> None:
        """Wait for the requests that are under way; each has a time limit."""
        end = time.monotonic() + self.plan.limits.timeout_s
        while self.requests.open and (left_s := end - time.monotonic()) > 0:
            self.requests.wait(left_s)
            self._collect()

    def _check_system(
        self, work_items: WorkItemSettings, words: LogWords, *, is_first: bool
    ) -> dict[str, int] | None:
        """Return the numbers of messages in the tested queue before the test; None for an endpoint."""
        plan, aws, counts = self.plan, self.aws, None
        if aws is not None:
            check_place(plan, aws)
            for condition in plan.relies_on:
                require(condition, aws, {})
        if plan.target.kind == "queue":
            counts = self._check_queue(work_items, words, is_first=is_first)
        harm = self.watch.first_harm()
        if harm is not None:
            raise SurpriseError(harm)
        return counts

    def _check_queue(
        self, work_items: WorkItemSettings, words: LogWords, *, is_first: bool
    ) -> dict[str, int]:
        target = self.plan.target
        if self.aws is None or target.function is None:
            raise InputError(error_message("error-loadtest-needs-aws"))
        counts = self._queue_counts()
        if is_first and counts.total:
            raise SurpriseError(
                message("loadtest-not-empty", queue=Resource(target.name), count=counts.total)
            )
        self.log = ProcessedLog(
            self.aws,
            target.function,
            self.watch.since,
            work_items,
            reports_failures=target.reports_failures,
            words=words,
        )
        self.log.group()
        dlq = 0 if target.dlq_url is None else counts_of(queue_attributes(self.aws, target.dlq_url)).total
        first = (self.journal.entries[0].get("counts") if self.journal.entries else None) or {"dlq": dlq}
        self._dead = int(first["dlq"])
        return {**counts.to_dict(), "dlq": dlq}

    def _queue_counts(self) -> QueueCounts:
        if self.aws is None:
            raise AssertionError  # pragma: no cover - a queue is never tested without AWS
        return counts_of(queue_attributes(self.aws, self.plan.target.url))

    def _send_all(self) -> None:
        """Send what was not sent yet, each message at its time; after a kill, the times are shifted."""
        pending = self._pending()
        if not pending:
            return
        begun, first_s, reported_s = time.monotonic(), self.plan.items[pending[0]].at_s, time.monotonic()
        for place, number in enumerate(pending):
            item = self.plan.items[number]
            due = begun + item.at_s - first_s
            while (left_s := due - time.monotonic()) > 0:
                self._work_or_wait(left_s)
            late_s = time.monotonic() - due
            if late_s > self.plan.limits.drain_s:
                raise _StopError(message("loadtest-late", late=Duration(late_s)))
            self._step_if_overdue()
            self._send(number, item)
            if time.monotonic() - reported_s >= self.plan.limits.poll_s:
                reported_s = time.monotonic()
                self.report(message("loadtest-progress", sent=place + 1, count=len(pending)))

    def _drain(self) -> None:
        """Wait until the end of every sent message was seen, at most the time of the plan."""
        end = time.monotonic() + self.plan.limits.drain_s
        self._read()
        while self._is_open() and (left_s := end - time.monotonic()) > 0:
            self._work_or_wait(left_s)
        # Harm that CloudWatch shows late is part of the result as well.
        harm = self.watch.first_harm()
        if harm is not None:
            raise _StopError(harm)

    def _is_open(self) -> bool:
        """Return whether the end of a message was not seen, neither in the log nor in the queue."""
        if not self._numbers(_SENT) and not self.requests.open:
            return False
        if self.log is None or self._numbers(_PROCESSED, FAILED):
            return True
        last = self.journal.last.get(_QUEUE)
        if last is None or last["total"]:
            return True
        emptied_s = (datetime.now(UTC) - datetime.fromisoformat(last["at"])).total_seconds()
        return emptied_s < _LOG_LATE_S

    def _work_or_wait(self, left_s: float) -> None:
        """Do one step of watching or reading if it is due, else wait a moment."""
        if self._watch_step():
            return
        due_s = self.plan.limits.poll_s - (time.monotonic() - self._read_at)
        if due_s <= 0:
            self._read()
            return
        self.requests.wait(min(left_s, due_s, _NAP_S))
        if self.requests.open:
            self._collect()

    def _step_if_overdue(self) -> None:
        """Watch and read although no time is left before the next send."""
        now, poll_s = time.monotonic(), self.plan.limits.poll_s
        if now - self._round_at >= poll_s:
            self._watch_step()
        if now - self._read_at >= 2 * poll_s:
            self._read()

    def _watch_step(self) -> bool:
        """Make the next call of the watch if it is due, and return whether one was made."""
        done = object()
        harm: Any = next(self._round, done)
        if harm is done:
            if time.monotonic() - self._round_at < self.plan.limits.poll_s:
                return False
            self._round_at = time.monotonic()
            self._round = self.watch.steps()
            harm = next(self._round, done)
            if harm is done:
                return False
        if harm is not None:
            raise _StopError(harm)
        return True

    # Sending

    def _pending(self) -> list[int]:
        return [
            number
            for number in range(len(self.plan.items))
            if self.journal.event(str(number)) in (None, NOT_DONE)
        ]

    def _numbers(self, *events: str) -> list[int]:
        return [n for n in range(len(self.plan.items)) if self.journal.event(str(n)) in events]

    def _send(self, number: int, item: LoadItem) -> None:
        if self.plan.target.kind == "endpoint":
            if self.requests.open >= _MOST_OPEN:
                raise _StopError(message("loadtest-saturated", count=_MOST_OPEN))
            self.journal.write(str(number), INTENDED)
            self.requests.send(number, item)
            self._collect()
            return
        self._send_message(number, item)

    def _send_message(self, number: int, item: LoadItem) -> None:
        from watchme_analysis.cloudwatch.session import ThrottledError

        if self.aws is None:
            raise AssertionError  # pragma: no cover - a queue is never tested without AWS
        sender = without_retries(self.aws)
        key = str(number)
        self.journal.write(key, INTENDED)
        for attempt in range(_SENDS):
            try:
                found = sender.call("sqs", "send_message", **message_parameters(self.plan, number, item))
            except ThrottledError as error:  # a throttled message was not accepted
                self.journal.write(key, NOT_DONE)
                if attempt + 1 == _SENDS:
                    raise _StopError(message("loadtest-call-failed", error=Quotation(str(error)))) from error
                sender.sleep(sender.backoff(attempt))
                self.journal.write(key, INTENDED)
            except ServiceError as error:
                if not may_have_arrived(error):
                    self.journal.write(key, NOT_DONE)
                raise _StopError(message("loadtest-call-failed", error=Quotation(str(error)))) from error
            else:
                self.journal.write(key, _SENT, **{"as": found["MessageId"]})
                return

    # What has become of the messages

    def _collect(self) -> None:
        """Record the responses that have arrived."""
        for found in self.requests.finished():
            event = _PROCESSED if is_success(found.status, found.error) else FAILED
            reason = {} if event == _PROCESSED else {"reason": found.error or f"status {found.status}"}
            self.journal.write(
                str(found.number),
                event,
                status=found.status,
                ended=found.ended.isoformat(timespec="milliseconds"),
                **reason,
            )

    def _read(self) -> None:
        """Read the function's log and the tested queue's DLQ; for an endpoint, take what has arrived."""
        self._read_at = time.monotonic()
        if self.log is None:
            self._collect()
            self._check_errors(len(self._numbers(FAILED)), len(self._numbers(FAILED, _PROCESSED)))
            return
        self.log.read()
        sent = self._entries(_SENT)
        for number in self._numbers(_SENT, FAILED):
            entry = sent[str(number)]
            found = self.log.of(SentMessage(entry["as"], datetime.fromisoformat(entry["at"])))
            if found is None or self.journal.last[str(number)].get("request_id") == found.request_id:
                continue
            ended = found.ended_at or datetime.now(UTC)
            details = {"as": entry["as"], "request_id": found.request_id, "ended": ended.isoformat()}
            # Nothing is deleted by it, so an invocation that ended without an error has done its work.
            if found.state == "failed":
                self.journal.write(str(number), FAILED, **details, reason=found.error)
            else:
                self.journal.write(str(number), _PROCESSED, **details)
        failed = max(len(self._numbers(FAILED)), self._read_queue())
        self._check_errors(failed, max(failed, len(self._numbers(FAILED, _PROCESSED))))

    def _read_queue(self) -> int:
        """Record the numbers of the tested queue if they have changed; return the rise of its DLQ."""
        dead = 0
        if self.plan.target.dlq_url is not None and self.aws is not None:
            dead = counts_of(queue_attributes(self.aws, self.plan.target.dlq_url)).total - self._dead
        counts, last = self._queue_counts(), self.journal.last.get(_QUEUE, {})
        found = {
            "sent": len(self._numbers(_SENT, _PROCESSED, FAILED)),
            "total": counts.total,
            "waiting": counts.visible + counts.delayed,
            "dead": max(0, dead),
        }
        if any(last.get(name) != value for name, value in found.items()):
            self.journal.write(_QUEUE, DONE, **found)
        return max(0, dead)

    def _check_errors(self, failed: int, finished: int) -> None:
        if finished >= _LEAST_FINISHED and failed > self.plan.limits.most_errors * finished:
            raise _StopError(
                message(
                    "loadtest-own-errors",
                    failed=failed,
                    count=finished,
                    most=Share(self.plan.limits.most_errors),
                )
            )

    def _entries(self, event: str) -> dict[str, dict[str, Any]]:
        return {entry["key"]: entry for entry in self.journal.entries if entry["event"] == event}

    def counts(self) -> LoadCounts:
        """Return the numbers of messages so far."""
        processed, failed = len(self._numbers(_PROCESSED)), len(self._numbers(FAILED))
        # A request is known to be sent once its response came, or its connection failed.
        unconfirmed = len(self._numbers(INTENDED)) - self.requests.open
        sent = len(self._numbers(_SENT)) + processed + failed + self.requests.open
        delivered = processed + failed
        is_by_queue = self._is_by_queue()
        if self.plan.target.kind == "queue" and _QUEUE in self.journal.last:
            last = self.journal.last[_QUEUE]
            if is_by_queue:
                failed = min(last["dead"], sent)
                processed = max(0, sent - last["total"] - failed)
            delivered = max(processed + failed, min(sent, sent - last["waiting"]))
        return LoadCounts(
            planned=len(self.plan.items),
            sent=sent,
            not_sent=len(self._pending()),
            unconfirmed=unconfirmed,
            delivered=delivered,
            processed=processed,
            failed=failed,
            is_by_queue=is_by_queue,
        )

    def _is_by_queue(self) -> bool:
        """Return whether messages were sent, and the function's log names none of them."""
        is_queue = self.plan.target.kind == "queue"
        return is_queue and bool(self._numbers(_SENT)) and not self._numbers(_PROCESSED, FAILED)

    # The result

    def result(self, outcome: Literal["complete", "stopped", "refused"], sentence: Message) -> LoadResult:
        """Return the result of what the journal records."""
        if outcome == "refused":
            counts = LoadCounts(len(self.plan.items), 0, len(self.plan.items), 0, 0, 0, 0)
            return LoadResult(outcome, sentence, counts, (), (), (), {}, self.journal.path)
        numbers, sent_s, done_s, until_s = self._measured()
        groups = self.plan.groups
        compared = compare_with_prediction(
            self.plan,
            sent_s,
            done_s,
            groups=tuple(groups[number] for number in numbers) if groups else (),
            until_s=math.inf if outcome == "complete" else until_s,
        )
        errors = Counter(
            str(entry.get("reason", "")) for entry in self.journal.last.values() if entry["event"] == FAILED
        )
        return LoadResult(
            outcome, sentence, self.counts(), sent_s, done_s, compared, errors, self.journal.path
        )

    def _measured(self) -> tuple[list[int], tuple[float, ...], tuple[float, ...], float]:
        """Return the numbers of the sent messages, when each was sent and done, and when the run ended."""
        begun = self._entries(INTENDED)
        numbers = self._numbers(_SENT, _PROCESSED, FAILED)
        if not numbers:
            return [], (), (), 0.0
        at = {number: datetime.fromisoformat(begun[str(number)]["at"]) for number in numbers}
        numbers.sort(key=lambda number: at[number])
        start = at[numbers[0]]
        sent_s = tuple((at[number] - start) / timedelta(seconds=1) for number in numbers)
        ended_at = datetime.fromisoformat(self.journal.entries[-1]["at"])
        until_s = (ended_at - start) / timedelta(seconds=1)
        if self._is_by_queue():
            return numbers, sent_s, self._done_by_queue(sent_s, start), until_s
        done = []
        for number in numbers:
            entry = self.journal.last[str(number)]
            is_done = entry["event"] == _PROCESSED
            # Lambda's clock may differ from this machine's: nothing is done before it was sent.
            ended = max(datetime.fromisoformat(entry["ended"]), at[number]) if is_done else None
            done.append(math.nan if ended is None else (ended - start) / timedelta(seconds=1))
        return numbers, sent_s, tuple(done), until_s

    def _done_by_queue(self, sent_s: Sequence[float], start: datetime) -> tuple[float, ...]:
        """Return the times at which so many messages had left the queue, given to them in their order."""
        done = [math.nan] * len(sent_s)
        left = 0
        for entry in self.journal.entries:
            if entry["key"] != _QUEUE:
                continue
            at_s = (datetime.fromisoformat(entry["at"]) - start) / timedelta(seconds=1)
            gone = entry["sent"] - entry["total"] - entry["dead"]
            for place in range(left, gone):
                done[place] = at_s
            left = max(left, gone)
        return tuple(done)


def compare_with_prediction(
    plan: LoadPlan,
    sent_s: Sequence[float],
    done_s: Sequence[float],
    *,
    groups: Sequence[int] = (),
    until_s: float = math.inf,
) -> tuple[Compared, ...]:
    """Return each measured figure beside simulated runs with the times at which messages were really sent.

    Parameters
    ----------
    plan
        Plan with the model.
    sent_s, done_s
        Times of sending, ascending, and of completion in seconds; NaN where no completion was seen.
    groups
        Message groups of a FIFO queue.
    until_s
        Time at which a stopped test ended. What a simulated run completes later does not count, as nobody has
        seen whether the test would have.
    """
    if not sent_s:
        return ()
    runs = [
        [done if done <= until_s else math.nan for done in run]
        for run in predicted_runs(plan.model, sent_s, groups, plan.replications)
    ]
    predicted, measured = predicted_figures(sent_s, runs), figures_of(sent_s, done_s)
    return tuple(
        Compared(
            name, measured[name], predicted[name], _position(plan, name, measured[name], predicted[name])
        )
        for name in FIGURES
    )


def closeness_s(plan: LoadPlan) -> float:
    """Return the seconds by which a measured latency may lie outside of the simulated ones and agree."""
    return _CLOSE_S[plan.target.kind]


def _position(plan: LoadPlan, name: str, measured: float | None, predicted: Predicted) -> Position:
    if measured is None or predicted.lowest is None or predicted.highest is None:
        return "unknown"
    least = closeness_s(plan) if name.endswith("_s") else _CLOSE_MESSAGES
    margin = max(least, _CLOSE * predicted.highest)
    if name == "done":
        margin = 0.0
    if measured > predicted.highest + margin:
        return "above"
    return "below" if measured < predicted.lowest - margin else "within"


def message_parameters(plan: LoadPlan, number: int, item: LoadItem) -> dict[str, Any]:
    """Return the parameters of ``send_message``: the body, and the marks of the test as attributes."""
    parameters: dict[str, Any] = {
        "QueueUrl": plan.target.url,
        "MessageBody": item.body,
        "MessageAttributes": {
            ATTRIBUTE: {"DataType": "String", "StringValue": plan.id},
            NUMBER_ATTRIBUTE: {"DataType": "Number", "StringValue": str(number)},
        },
    }
    if item.group is not None:
        # Equal bodies are sent many times: each is a message of its own.
        parameters |= {"MessageGroupId": item.group, "MessageDeduplicationId": f"{plan.id}-{number}"}
    return parameters


@dataclass(frozen=True)
class _Response:
    number: int
    status: int | None
    error: str | None
    ended: datetime


class _Requests:
    """Requests in threads, since each is sent at its time, whether earlier ones have a response or not."""

    def __init__(self, plan: LoadPlan, headers: Mapping[str, str]) -> None:
        self._plan = plan
        self._headers = {"User-Agent": AGENT, "Connection": "close", HEADER: plan.id, **headers}
        self._pool: ThreadPoolExecutor | None = None
        self._responses: queue.SimpleQueue[_Response] = queue.SimpleQueue()
        self._kept: list[_Response] = []
        self.open = 0

    def send(self, number: int, item: LoadItem) -> None:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_MOST_OPEN, "loadtest")
        self.open += 1
        self._pool.submit(self._request, number, item)

    def wait(self, most_s: float) -> None:
        """Wait until a response arrives, or for a time."""
        if not self.open:
            time.sleep(max(0.0, most_s))
            return
        try:
            self._kept.append(self._responses.get(timeout=max(0.0, most_s)))
        except queue.Empty:
            return

    def finished(self) -> list[_Response]:
        """Return the responses that have arrived since the last call."""
        while True:
            try:
                self._kept.append(self._responses.get_nowait())
            except queue.Empty:
                break
        found, self._kept = self._kept, []
        self.open -= len(found)
        return found

    def close(self) -> None:
        """End the threads; requests without a response stay unconfirmed."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _request(self, number: int, item: LoadItem) -> None:
        status, error = None, None
        timeout_s = self._plan.limits.timeout_s
        parts = urlsplit(self._plan.target.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
        headers = {"Content-Type": "application/json", **self._headers} if item.body else self._headers
        try:
            connection.request(item.method, item.target, item.body.encode() or None, dict(headers))
            response = connection.getresponse()
            response.read()
            status = response.status
        except (OSError, http.client.HTTPException, ValueError) as problem:
            error = error_text("waiting for the response", problem, timeout_s)
        finally:
            connection.close()
        self._responses.put(_Response(number, status, error, datetime.now(UTC)))
