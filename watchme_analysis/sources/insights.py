"""CloudWatch Logs Insights: start, poll, fetch, and the whole, complete or saying that it is not.

A query over raw events is asked whole first. Where the cap cuts it, the complete part of the answer is
kept (rows come ordered by time) and the rest is asked in windows that the count of matching rows plans;
windows are disjoint to the millisecond and an event is known by ``@ptr``, so each comes once. A query that
looks at several events together is never split. API facts: StartQuery, GetQueryResults and StopQuery in
the CloudWatch Logs API reference.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from watchme_analysis.sources.aws_client import Aws, BusyError
from watchme_analysis.sources.insights_calls import (
    HIGHEST_LIMIT,
    Answer,
    InsightsQuery,
    Result,
    Row,
    fetch_pages,
    poll_query,
    start_query,
)
from watchme_analysis.sources.insights_join import join_pieces
from watchme_analysis.sources.insights_plan import FILL, Span, bin_seconds, spans_by_count
from watchme_analysis.sources.insights_text import ascending, counting_query, with_timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OPEN = frozenset({"Scheduled", "Running", "Unknown"})


@dataclass
class _Task:
    """One started or waiting query of an answer."""

    answer: int
    span: Span
    counting: int = 0  # width of the bins when it counts, else 0
    depth: int = 0
    tries: int = 0
    query_id: str = ""
    started_at: float = 0.0
    next_poll: float = 0.0
    not_before: float = 0.0


def run_query(aws: Aws, query: InsightsQuery, *, cap: int = HIGHEST_LIMIT, deadline_s: float = 900) -> Answer:
    """Ask one query; see :func:`run_queries`."""
    return run_queries(aws, [query], cap=cap, deadline_s=deadline_s)[0]


def run_queries(
    aws: Aws,
    queries: Sequence[InsightsQuery],
    *,
    cap: int = HIGHEST_LIMIT,
    deadline_s: float = 900,
    progress: Callable[[str], None] | None = None,
) -> list[Answer]:
    """Ask queries side by side and return their answers in the same order.

    Parameters
    ----------
    aws
        Account and region; its pace bounds calls and queries in flight.
    queries
        What to ask.
    cap
        Rows that a query may return (StartQuery's ``limit``, at most 100,000).
    deadline_s
        Seconds after which what still runs is stopped and said to be missing.
    progress
        Called with a sentence from time to time.

    Raises
    ------
    ServiceError
        When the service refuses a query; all queries in flight are stopped first.
    """
    return _Run(aws, queries, cap, time.monotonic() + deadline_s).all(progress)


class _Run:
    """Queries under way. Whatever ends the run, what is still in flight is stopped."""

    def __init__(self, aws: Aws, queries: Sequence[InsightsQuery], cap: int, deadline: float) -> None:
        self.aws, self.cap, self.deadline = aws, cap, deadline
        self.answers = [Answer(query) for query in queries]
        self.pieces: list[list[tuple[int, list[Row]]]] = [[] for _ in queries]
        self.waiting: deque[_Task] = deque()
        self.flying: list[_Task] = []
        self.room = aws.pace.concurrent_queries
        for number, query in enumerate(queries):
            self.waiting.extend(self._first_tasks(number, query))

    def all(self, progress: Callable[[str], None] | None) -> list[Answer]:
        """Run everything and return the answers."""
        try:
            while self.waiting or self.flying:
                if time.monotonic() >= self.deadline:
                    self._give_up()
                    break
                self._start_some()
                self._poll_next()
                if progress is not None:
                    progress(f"{len(self.flying)} queries running, {len(self.waiting)} waiting")
        finally:
            self._stop(self.flying)
        for answer, pieces in zip(self.answers, self.pieces, strict=True):
            join_pieces(answer, pieces)
        return self.answers

    def _first_tasks(self, number: int, query: InsightsQuery) -> list[_Task]:
        span = query.span
        if query.counts and query.whole is None and sum(n for _, n in query.counts) > self.cap:
            spans = spans_by_count(span, query.counts, query.counts_bin_s, self.cap)
            return [_Task(number, part, depth=1) for part in spans]
        return [_Task(number, span)]

    def _start_some(self) -> None:
        now = time.monotonic()
        for _ in range(len(self.waiting)):
            if len(self.flying) >= self.room:
                return
            task = self.waiting.popleft()
            if task.not_before > now:
                self.waiting.append(task)
                continue
            query = self.answers[task.answer].query
            text, limit = with_timestamp(query.text) if query.whole is None else query.text, self.cap
            if task.counting:
                text, limit = counting_query(query.text, task.counting), 10_000
            asked = limit if query.whole is None else None
            try:
                task.query_id = start_query(self.aws, query, text, task.span, asked)
            except BusyError:
                self._hold_back(task)
                return
            self.answers[task.answer].started += 1
            task.started_at = time.monotonic()
            task.next_poll = task.started_at + self.aws.pace.first_poll_s
            self.flying.append(task)

    def _hold_back(self, task: _Task) -> None:
        """Let a query wait while others use the account's slots up."""
        task.tries += 1
        self.room = max(1, min(self.room, len(self.flying)))
        task.not_before = time.monotonic() + self.aws.backoff(task.tries)
        self.waiting.appendleft(task)

    def _poll_next(self) -> None:
        due = [task.next_poll for task in self.flying] or [task.not_before for task in self.waiting]
        if not due:
            return
        self.aws.sleep(min(*due, self.deadline) - time.monotonic())
        now = time.monotonic()
        for task in [task for task in self.flying if task.next_poll <= now]:
            page = poll_query(self.aws, task.query_id)
            if str(page.get("status", "Unknown")) in _OPEN:
                pace = self.aws.pace
                age = time.monotonic() - task.started_at
                wait = min(max(pace.first_poll_s, age / 4), pace.longest_poll_s)
                task.next_poll = time.monotonic() + wait
                continue
            result = fetch_pages(self.aws, task.query_id, page)
            self.flying.remove(task)
            # A slot is free again, so one more may be tried.
            self.room = min(self.room + 1, self.aws.pace.concurrent_queries)
            self._take(task, result)

    def _take(self, task: _Task, result: Result) -> None:
        """Take up a finished query: keep its rows, or plan what must be asked again."""
        answer = self.answers[task.answer]
        answer.scanned += float(result.statistics.get("recordsScanned") or 0)
        answer.bytes_scanned += float(result.statistics.get("bytesScanned") or 0)
        answer.bytes_skipped += float(result.statistics.get("estimatedBytesSkipped") or 0)
        if result.status != "Complete":
            self._take_failed(task, result)
        elif task.counting:
            counts = [
                (_epoch_ms(row["b"]) // 1000, int(float(row["n"]))) for row in result.rows if row.get("b")
            ]
            spans = spans_by_count(task.span, counts, task.counting, self.cap)
            if len(spans) == 1:
                # The count saw no need to cut, the cap did.
                spans = task.span.parts(2)
            self.waiting.extend(_Task(task.answer, span, depth=task.depth + 1) for span in spans)
        elif answer.query.whole is not None:
            answer.matched = result.matched
            self.pieces[task.answer].append((0, result.rows))
        else:
            if task.depth == 0:
                answer.matched = result.matched
            self._take_rows(task, result)

    def _take_failed(self, task: _Task, result: Result) -> None:
        answer = self.answers[task.answer]
        halves = task.span.parts(2) if result.status == "Timeout" and answer.query.whole is None else []
        if halves:
            self.waiting.extend(_Task(task.answer, span, depth=task.depth + 1) for span in halves)
        elif result.status == "Failed" and task.tries < 1:
            self.waiting.append(_Task(task.answer, task.span, task.counting, task.depth, task.tries + 1))
        else:
            self.pieces[task.answer].append((task.span.from_ms, result.rows))
            answer.incomplete(
                f"A query from {_iso(task.span.first)} to {_iso(task.span.last)} ended as {result.status}.",
                result.status,
            )

    def _take_rows(self, task: _Task, result: Result) -> None:
        """Keep the rows of a window; where the cap cut them, keep the complete part and ask the rest."""
        rows, matched = result.rows, result.matched
        cut = matched > len(rows) if matched is not None else len(rows) >= self.cap
        if not cut:
            self.pieces[task.answer].append((task.span.from_ms, rows))
            return
        missing = (matched or 2 * len(rows)) - len(rows)
        if not all(row.get("@ptr") for row in rows):
            self._keep_cut(task, rows, "its rows carry no @ptr, so windows can't be put together")
            return
        rest = self._complete_part(task, rows)
        if rest is None:
            rest, missing = task.span, missing + len(rows)
        count = math.ceil(missing / (FILL * self.cap))
        if rest is not task.span and count <= 1:
            parts = [rest]
        elif task.depth >= 1 and rest.seconds > 4:
            # A planned window that overflows is uneven: count it instead of guessing again.
            self.waiting.append(_Task(task.answer, rest, bin_seconds(rest), task.depth))
            return
        else:
            parts = rest.parts(count)
        if not parts:
            self._keep_cut(task, rows, "more events than one query returns share one millisecond")
        self.waiting.extend(_Task(task.answer, part, depth=task.depth + 1) for part in parts)

    def _complete_part(self, task: _Task, rows: list[Row]) -> Span | None:
        """Keep what came whole of a cut window and return what is left, None when nothing can be kept."""
        times = [row.get("@timestamp", "") for row in rows]
        rising = ascending(self.answers[task.answer].query.text)
        if not times or not all(times) or sorted(times, reverse=not rising) != times:
            return None
        # The millisecond at the edge may be cut; it is asked again with the rest.
        edge = _epoch_ms(times[-1])
        span = task.span
        rest = Span(max(edge, span.from_ms), span.to_ms) if rising else Span(span.from_ms, edge + 1)
        if rest.to_ms - rest.from_ms >= span.to_ms - span.from_ms:
            return None
        kept = [row for row, moment in zip(rows, times, strict=True) if moment != times[-1]]
        self.pieces[task.answer].append((span.from_ms if rising else rest.to_ms, kept))
        return rest

    def _keep_cut(self, task: _Task, rows: list[Row], why: str) -> None:
        self.pieces[task.answer].append((task.span.from_ms, rows))
        where = f"From {_iso(task.span.first)} to {_iso(task.span.last)}"
        self.answers[task.answer].incomplete(f"{where} rows are missing: {why}.")

    def _give_up(self) -> None:
        for task in [*self.flying, *self.waiting]:
            self.answers[task.answer].incomplete(
                "The deadline passed before all rows were there: raise it, or narrow the window.", "Timeout"
            )
        self.waiting.clear()

    def _stop(self, tasks: list[_Task]) -> None:
        """Stop queries in flight; what can't be stopped ends by itself within the hour."""
        for task in tasks:
            try:
                self.aws.client("logs").stop_query(queryId=task.query_id)
            except Exception as error:  # the error that ended the run matters more
                self.answers[task.answer].notes.append(f"Query {task.query_id} was not stopped: {error}")
        self.aws.actions.update({"logs:StopQuery"} if tasks else set())
        tasks.clear()


def _epoch_ms(text: str) -> int:
    """Return an Insights time as epoch milliseconds."""
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


def _iso(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()
