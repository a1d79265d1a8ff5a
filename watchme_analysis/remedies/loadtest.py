"""A load test: messages or requests sent at their times, watched, and compared with the prediction.

Each message is in the journal before it is sent and after. A test that was killed is not continued, since its
times are lost: the next run sends nothing, and states what was sent and what became of it. Every few seconds,
between two sends, other queues and functions are read. The first sign of harm ends the test.
"""

from __future__ import annotations

import http.client
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from watchme_analysis.config import Config, load_config
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.evidence.prober import error_text
from watchme_analysis.evidence.probes import is_success
from watchme_analysis.remedies.apply import SurpriseError, call_once, check_place, recorded, require
from watchme_analysis.remedies.harm_watch import HarmWatch, calls_of_watch
from watchme_analysis.remedies.load_plan import (
    ATTRIBUTE,
    HEADER,
    NUMBER_ATTRIBUTE,
    LoadItem,
    LoadPlan,
    figure_value,
)
from watchme_analysis.remedies.load_planning import check_target
from watchme_analysis.remedies.plan import Call
from watchme_analysis.remedies.processed_log import ProcessedLog, SentMessage
from watchme_analysis.remedies.queue_reader import QueueCounts, counts_of, queue_attributes
from watchme_analysis.simulation.replay import (
    FIGURES,
    Predicted,
    figures_of,
    predicted_figures,
    predicted_runs,
)
from watchme_analysis.storage.journal import (
    DONE,
    FAILED,
    INTENDED,
    NOT_DONE,
    Journal,
    open_journal,
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
_RUN = "load test"
_SENT, _PROCESSED = "sent", "processed"
# Requests without a response at the same time; an endpoint that reaches it answers too slowly for the rate.
_MOST_OPEN = 200
# Finished messages before a share of failures means anything.
_LEAST_FINISHED = 10
_NAP_S = 0.05
# Seconds that the function's log may need to show what the empty queue has shown already.
_LOG_LATE_S = 30.0
# A measured value that lies outside of the simulated ones by less than this share of them agrees, or by less
# than so many seconds or messages: the simulation knows no latency of SQS, of a network or of a cold start.
_CLOSE = 0.1
_CLOSE_S = {"queue": 1.0, "endpoint": 0.01}
_CLOSE_MESSAGES = 1.0
_NONE_SEEN = QueueCounts(0, 0, 0)
Position = Literal["within", "above", "below", "unknown"]
Outcome = Literal["complete", "stopped", "refused"]
# Status and error of a response, and when it came.
_Response: TypeAlias = tuple[int | None, str | None, datetime]


@dataclass(frozen=True)
class LoadCounts:
    """Numbers of messages or requests of a load test."""

    planned: int
    sent: int = 0
    not_sent: int = 0
    unconfirmed: int = 0  # may have been sent: the run ended, or the connection broke, before a response came
    # Those of the sent ones that have left the queue or are being processed, as its attributes state; for an
    # endpoint, those with a response.
    delivered: int = 0
    processed: int = 0  # those of the sent ones whose invocation or response succeeded
    failed: int = 0
    # Whether the function's log names no message, so that what has left the queue counts as processed, and
    # what has reached its DLQ as failed.
    is_by_queue: bool = False

    @property
    def open(self) -> int:
        """Return the number of sent ones whose end was not seen."""
        return self.sent - self.processed - self.failed

    @property
    def sentence(self) -> Message:
        """Return the numbers as a sentence."""
        names = ("planned", "sent", "delivered", "processed", "failed", "open")
        return message("loadtest-counts", **{name: getattr(self, name) for name in names})


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

    ``complete``: every message was sent, and its end seen; ``stopped``: the test ended before; ``refused``:
    nothing was sent. ``sent_s`` and ``done_s`` are seconds from the first send for each message that was
    sent, in order; NaN where no completion was seen. ``errors`` counts failures by reason.
    """

    outcome: Outcome
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
            said.append(self.counts.sentence)
        if self.counts.is_by_queue:
            said.append(message("loadtest-by-queue"))
        if self.counts.unconfirmed:
            said.append(message("loadtest-unconfirmed", count=self.counts.unconfirmed))
        said += [
            message("loadtest-errors", count=count, error=Quotation(reason))
            for reason, count in self.errors.items()
        ]
        said += [each.sentence for each in self.compared if each.sentence is not None]
        known = [each.position for each in self.compared if each.position != "unknown"]
        if off := sum(position != "within" for position in known):
            said.append(message("loadtest-deviates", count=off, figures=len(known)))
        elif known:
            said.append(message("loadtest-agrees", figures=len(known)))
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


def apply_load_test(
    plan: LoadPlan,
    journal_path: Path,
    aws: Aws | None,
    *,
    case: Path | None = None,
    headers: Mapping[str, str] = {},
    report: Callable[[Message], None] = lambda _: None,
) -> LoadResult:
    """Run a planned load test, and return its result.

    A test that has begun is not run again. The result of one that has ended is returned; of one that was
    killed, it is read what became of the messages. It is recorded in the table ``actions`` of a case, also
    when it stops. A target that is not declared as a test system any more is an InputError; an account or
    queue that can't be read is a ServiceError, and nothing was sent.

    ``aws`` is a session of the plan's account and region; None for an endpoint that is watched without AWS.
    ``headers`` are further ones of the requests, such as one with a token; never written down. ``report`` is
    called with each sentence on the progress.
    """
    config = load_config()
    check_target(config, plan.target)
    with recorded(case, journal_path, REMEDY), open_journal(journal_path) as journal:
        if journal.entries and journal.entries[0].get("plan") != plan.digest:
            raise InputError(error_message("error-loadtest-journal", path=journal.path))
        run = _Run(plan, journal, aws, headers, report)
        ended = journal.last.get(_RUN, {})
        if ended.get("event") == DONE:
            report(message("loadtest-was-run"))
            return run.result(ended["outcome"], message_from_dict(ended["end"]))
        return run.go(config)


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
        self.headers = {"User-Agent": AGENT, "Connection": "close", HEADER: plan.id, **headers}
        self.pool = ThreadPoolExecutor(_MOST_OPEN, "loadtest")
        self.responses: dict[int, Future[_Response]] = {}
        since = datetime.fromisoformat(journal.entries[0]["at"]) if journal.entries else datetime.now(UTC)
        self.watch = HarmWatch(plan.watched, aws, since, plan.limits.metrics_s)
        self.log: ProcessedLog | None = None
        # What the tested queue holds, its DLQ before the test, its rise, and since when the queue is empty.
        self.queue, self.dead, self.risen = _NONE_SEEN, 0, 0
        self.empty_since: float | None = None
        self.looked_at = -math.inf

    def go(self, config: Config) -> LoadResult:
        """Check the system, send, wait and return the result."""
        is_first = self.journal.event(_RUN) is None
        stopped: Message | None = None if is_first else message("loadtest-cut")
        try:
            self._check_system(config, is_first=is_first)
            if is_first:
                self.journal.write(_RUN, INTENDED, plan=self.plan.digest, dead=self.dead)
                self._send_all()
            self._drain(is_watching=is_first)
        except SurpriseError as surprise:
            if self.journal.event(_RUN) is None:
                return self.result("refused", message("loadtest-refused", why=surprise.sentence))
            stopped = stopped or surprise.sentence
        except KeyboardInterrupt:
            stopped = stopped or message("loadtest-interrupted")
        except ServiceError as error:
            if self.journal.event(_RUN) is None:
                raise
            stopped = stopped or message("loadtest-call-failed", error=Quotation(str(error)))
        return self._end(stopped)

    def _end(self, stopped: Message | None) -> LoadResult:
        wait(self.responses.values(), self.plan.limits.timeout_s)
        self.pool.shutdown(wait=False, cancel_futures=True)
        try:
            self._read()
        except ServiceError as error:
            stopped = stopped or message("loadtest-call-failed", error=Quotation(str(error)))
        counts = self._counts()
        if left := counts.open + counts.unconfirmed:
            within = Duration(self.plan.limits.drain_s)
            stopped = stopped or message("loadtest-not-seen", count=left, within=within)
        outcome: Outcome = "stopped" if stopped else "complete"
        sentence = message("loadtest-complete", count=counts.sent)
        if stopped is not None:
            sentence = message("loadtest-stopped", why=stopped)
        target = self.plan.target
        said = message("loadtest-action", target=Resource(target.name), end=sentence, counts=counts.sentence)
        self.journal.write(
            _RUN,
            DONE,
            outcome=outcome,
            end=sentence.to_dict(),
            sentence=said.to_dict(),
            counts=asdict(counts),
            resource=target.name,
            call="sqs send-message" if target.kind == "queue" else None,
        )
        return self.result(outcome, sentence)

    def _check_system(self, config: Config, *, is_first: bool) -> None:
        """Check that the system allows the test, or the reading of what became of one."""
        plan, aws, target = self.plan, self.aws, self.plan.target
        if aws is not None:
            check_place(aws, plan.account, plan.region, is_from_plan=True)
            for condition in plan.relies_on if is_first else ():
                require(condition, aws, {})
        if target.kind == "queue":
            if aws is None or target.function is None:
                raise InputError(error_message("error-loadtest-needs-aws"))
            total = counts_of(queue_attributes(aws, target.url)).total
            if is_first and total:
                raise SurpriseError(message("loadtest-not-empty", queue=Resource(target.name), count=total))
            self.log = ProcessedLog(
                aws,
                target.function,
                self.watch.since,
                config.work_items,
                reports_failures=target.reports_failures,
                words=config.log_words,
            )
            self.log.group()
            self.dead = self._read_dlq() if is_first else int(self.journal.entries[0]["dead"])
        if is_first:
            self._raise_harm()
        self.looked_at = time.monotonic()

    def _raise_harm(self, *, at_once: bool = False) -> None:
        harm = self.watch.first_harm(at_once=at_once)
        if harm is not None:
            raise SurpriseError(harm)

    def _read_dlq(self) -> int:
        url = self.plan.target.dlq_url
        return 0 if url is None or self.aws is None else counts_of(queue_attributes(self.aws, url)).total

    def _send_all(self) -> None:
        """Send each message at its time, and look around every few seconds."""
        begun, limits = time.monotonic(), self.plan.limits
        for number, item in enumerate(self.plan.items):
            due = begun + item.at_s
            while (left_s := due - time.monotonic()) > 0:
                self._look()
                time.sleep(max(0.0, min(left_s, _NAP_S, due - time.monotonic())))
            self._look()
            late_s = time.monotonic() - due
            if late_s > limits.drain_s:
                raise SurpriseError(message("loadtest-late", late=Duration(late_s)))
            self._send(number, item)

    def _send(self, number: int, item: LoadItem) -> None:
        key = str(number)
        if self.plan.target.kind == "endpoint":
            if sum(not each.done() for each in self.responses.values()) >= _MOST_OPEN:
                raise SurpriseError(message("loadtest-saturated", count=_MOST_OPEN))
            self.journal.write(key, INTENDED)
            self.responses[number] = self.pool.submit(self._request, item)
        elif self.aws is not None:
            self.journal.write(key, INTENDED)
            call = Call("sqs", "send_message", message_parameters(self.plan, number, item))
            try:
                response = call_once(call, self.aws)
            except SurpriseError as surprise:
                if surprise.event == NOT_DONE:
                    self.journal.write(key, NOT_DONE)
                error = Quotation(str(surprise.__cause__))
                raise SurpriseError(message("loadtest-call-failed", error=error)) from surprise
            self.journal.write(key, _SENT, **{"as": str(response["MessageId"])})

    def _request(self, item: LoadItem) -> _Response:
        status, error = None, None
        timeout_s = self.plan.limits.timeout_s
        parts = urlsplit(self.plan.target.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
        headers = {"Content-Type": "application/json", **self.headers} if item.body else self.headers
        try:
            connection.request(item.method, item.target, item.body.encode() or None, headers)
            response = connection.getresponse()
            response.read()
            status = response.status
        except (OSError, http.client.HTTPException, ValueError) as problem:
            error = error_text("waiting for the response", problem, timeout_s)
        finally:
            connection.close()
        return status, error, datetime.now(UTC)

    def _drain(self, *, is_watching: bool) -> None:
        """Wait until the end of every sent message was seen, at most the time of the plan."""
        end = time.monotonic() + self.plan.limits.drain_s
        self._read()
        while self._is_open() and time.monotonic() < end:
            time.sleep(min(_NAP_S, self.plan.limits.poll_s))
            self._look(is_watching=is_watching)
        if is_watching:  # harm that CloudWatch shows late is part of the result as well
            self._raise_harm(at_once=True)

    def _is_open(self) -> bool:
        """Return whether the end of a message was not seen, neither in the log nor in the queue."""
        if not self._numbers(_SENT) and not len(self.responses):
            return False
        if self.log is None or self._numbers(_PROCESSED, FAILED):
            return True
        return self.empty_since is None or time.monotonic() - self.empty_since < _LOG_LATE_S

    def _look(self, *, is_watching: bool = True) -> None:
        """Read what has become of the messages, and look for harm, if it is time."""
        if time.monotonic() - self.looked_at < self.plan.limits.poll_s:
            return
        if is_watching:
            self._raise_harm()
        self._read()
        counts, most = self._counts(), self.plan.limits.most_errors
        finished = counts.processed + counts.failed
        if finished >= _LEAST_FINISHED and counts.failed > most * finished:
            raise SurpriseError(
                message("loadtest-own-errors", failed=counts.failed, count=finished, most=Share(most))
            )
        self.report(message("loadtest-progress", sent=counts.sent, count=counts.planned))
        self.looked_at = time.monotonic()

    def _read(self) -> None:
        """Record which messages are processed or failed: by the log of the function, or by the responses."""
        for number in [number for number, each in self.responses.items() if each.done()]:
            status, error, ended = self.responses.pop(number).result()
            self._note(number, ended, None if is_success(status, error) else error or f"status {status}")
        if self.log is None or self.aws is None:
            return
        self.log.read()
        sent = self._entries(_SENT)
        for number in self._numbers(_SENT, FAILED):
            entry = sent[str(number)]
            seen = self.log.of(SentMessage(entry["as"], datetime.fromisoformat(entry["at"])))
            # Nothing is deleted by it, so an invocation that ended without an error has done its work.
            if seen is not None and (seen.state != "failed" or self.journal.event(str(number)) == _SENT):
                reason = seen.error if seen.state == "failed" else None
                self._note(number, seen.ended_at or datetime.now(UTC), reason)
        self.risen = max(0, self._read_dlq() - self.dead)
        self.queue = counts_of(queue_attributes(self.aws, self.plan.target.url))
        empty_since = self.empty_since or time.monotonic()
        self.empty_since = None if self.queue.total else empty_since

    def _note(self, number: int, ended: datetime, reason: str | None) -> None:
        details = {} if reason is None else {"reason": reason}
        self.journal.write(
            str(number), _PROCESSED if reason is None else FAILED, ended=ended.isoformat(), **details
        )

    def _entries(self, event: str) -> dict[str, dict[str, Any]]:
        return {entry["key"]: entry for entry in self.journal.entries if entry["event"] == event}

    def _numbers(self, *events: str | None) -> list[int]:
        return [n for n in range(len(self.plan.items)) if self.journal.event(str(n)) in events]

    def _counts(self) -> LoadCounts:
        processed, failed = len(self._numbers(_PROCESSED)), len(self._numbers(FAILED))
        # A request counts as sent while its response may come, and is known to be once it came.
        sent = len(self._numbers(_SENT)) + processed + failed + len(self.responses)
        is_queue, delivered = self.log is not None, processed + failed
        is_by_queue = is_queue and sent > 0 and not delivered
        if is_queue:
            failed = max(failed, min(self.risen, sent - processed))
            if is_by_queue:
                processed = max(0, sent - self.queue.total - failed)
            waiting = self.queue.visible + self.queue.delayed
            delivered = max(processed + failed, sent - waiting)
        return LoadCounts(
            planned=len(self.plan.items),
            sent=sent,
            not_sent=len(self._numbers(None, NOT_DONE)),
            unconfirmed=len(self._numbers(INTENDED)) - len(self.responses),
            delivered=delivered,
            processed=processed,
            failed=failed,
            is_by_queue=is_by_queue,
        )

    def result(self, outcome: Outcome, sentence: Message) -> LoadResult:
        """Return the result of what the journal records."""
        path, planned = self.journal.path, len(self.plan.items)
        if outcome == "refused":
            return LoadResult(outcome, sentence, LoadCounts(planned, not_sent=planned), (), (), (), {}, path)
        begun = {key: datetime.fromisoformat(e["at"]) for key, e in self._entries(INTENDED).items()}
        numbers = sorted(self._numbers(_SENT, _PROCESSED, FAILED), key=lambda number: begun[str(number)])
        start = begun[str(numbers[0])] if numbers else datetime.now(UTC)

        def seconds(at: datetime) -> float:
            return (at - start) / timedelta(seconds=1)

        sent_s = [seconds(begun[str(number)]) for number in numbers]
        done_s = []
        for number, at_s in zip(numbers, sent_s, strict=True):
            entry = self.journal.last[str(number)]
            # Lambda's clock may differ from this machine's: nothing is done before it was sent.
            is_done = entry["event"] == _PROCESSED
            done_s.append(max(at_s, seconds(datetime.fromisoformat(entry["ended"]))) if is_done else math.nan)
        ended = datetime.fromisoformat(self.journal.entries[-1]["at"])
        groups = self.plan.groups
        counts = LoadCounts(**self.journal.last[_RUN]["counts"])
        compared = compare_with_prediction(
            self.plan,
            sent_s,
            None if counts.is_by_queue else done_s,
            groups=[groups[number] for number in numbers] if groups else [],
            until_s=math.inf if outcome == "complete" else seconds(ended),
        )
        failed = (entry for entry in self.journal.last.values() if entry["event"] == FAILED)
        errors = Counter(str(entry.get("reason", "")) for entry in failed)
        return LoadResult(outcome, sentence, counts, tuple(sent_s), tuple(done_s), compared, errors, path)


def compare_with_prediction(
    plan: LoadPlan,
    sent_s: Sequence[float],
    done_s: Sequence[float] | None,
    *,
    groups: Sequence[int] = (),
    until_s: float = math.inf,
) -> tuple[Compared, ...]:
    """Return each measured figure beside simulated runs with the times at which messages were really sent.

    ``sent_s`` are ascending, ``done_s`` NaN where no completion was seen, and None when completions can't be
    seen. ``groups`` are those of a FIFO queue. What a simulated run completes after ``until_s``, when a
    stopped test ended, does not count: nobody has seen whether the test would have.
    """
    if not sent_s:
        return ()
    runs = [
        [done if done <= until_s else math.nan for done in run]
        for run in predicted_runs(plan.model, sent_s, groups, plan.replications)
    ]
    predicted = predicted_figures(sent_s, runs)
    measured = dict.fromkeys(FIGURES) if done_s is None else figures_of(sent_s, done_s)
    close_s = _CLOSE_S[plan.target.kind]
    return tuple(
        Compared(
            name, measured[name], predicted[name], _position(name, measured[name], predicted[name], close_s)
        )
        for name in FIGURES
    )


def _position(name: str, measured: float | None, predicted: Predicted, close_s: float) -> Position:
    if measured is None or predicted.lowest is None or predicted.highest is None:
        return "unknown"
    close = close_s if name.endswith("_s") else _CLOSE_MESSAGES
    margin = 0.0 if name == "done" else max(close, _CLOSE * predicted.highest)
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
