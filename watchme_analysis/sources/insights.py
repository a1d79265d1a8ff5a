"""CloudWatch Logs Insights: start, poll, fetch, and the whole, complete or saying that it is not.

A query over raw events is asked in windows that are planned beforehand: by what came into the log groups,
where that is known, else by three slices that are asked first. Where the cap cuts a window all the same,
the complete part of the answer is kept (rows come ordered by time) and the rest is asked again, cut finer.
Windows are disjoint to the millisecond and an event is known by ``@ptr``, so each comes once. A query that
looks at several events together is never split. API facts: StartQuery, GetQueryResults and StopQuery in
the CloudWatch Logs API reference.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from watchme_analysis.errors import RetryableServiceError, ServiceError
from watchme_analysis.sources.aws_client import Aws, BusyError, CancelledError
from watchme_analysis.sources.insights_calls import (
    HIGHEST_LIMIT,
    OPEN,
    Answer,
    InsightsQuery,
    Result,
    Row,
    fetch_pages,
    poll_query,
    start_query,
    stop_query,
)
from watchme_analysis.sources.insights_join import complete_part, epoch_ms, filled_width_ms, join_pieces
from watchme_analysis.sources.insights_plan import (
    FILL,
    Outlook,
    Span,
    Task,
    bin_seconds,
    spans_by_count,
    spans_from_edge,
)
from watchme_analysis.sources.insights_text import ascending, counting_query, query_limit, with_timestamp

# A window that is cut finer so often has an uneven density, and its rows are counted.
_TRUSTED = 2


def run_query(aws: Aws, query: InsightsQuery, **how: Any) -> Answer:
    """Ask one query as :func:`run_queries` does."""
    return run_queries(aws, [query], **how)[0]


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
        When the service refuses every query, or can't be asked any more; all queries in flight are stopped
        first. Where it refuses some, their answers say so.
    """
    return _Run(aws, queries, cap, time.monotonic() + deadline_s).all(progress)


class _Run:
    """Queries under way. Whatever ends the run, what is still in flight is stopped."""

    def __init__(self, aws: Aws, queries: Sequence[InsightsQuery], cap: int, deadline: float) -> None:
        self.aws, self.cap, self.deadline = aws, cap, deadline
        self.answers = [Answer(query) for query in queries]
        self.pieces: list[list[tuple[int, list[Row]]]] = [[] for _ in queries]
        self.outlooks = [Outlook(query.span, query.counts, query.counts_bin_s, cap) for query in queries]
        self.waiting: deque[Task] = deque()
        self.flying: list[Task] = []
        self.refused: dict[int, ServiceError] = {}
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
        if len(self.refused) == len(self.answers) > 0:
            raise next(iter(self.refused.values()))
        for answer, pieces in zip(self.answers, self.pieces, strict=True):
            join_pieces(answer, pieces)
        return self.answers

    def _first_tasks(self, number: int, query: InsightsQuery) -> list[Task]:
        if query.whole is not None:
            return [Task(number, query.span)]
        return [Task(number, span, depth=int(span.part)) for span in self.outlooks[number].first_spans()]

    def _more(self, task: Task, spans: Sequence[Span], deeper: int = 1) -> None:
        """Let more windows of a task's answer wait."""
        self.waiting.extend(Task(task.answer, span, depth=task.depth + deeper) for span in spans)

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
            own = query_limit(query.text)
            try:
                task.query_id = start_query(self.aws, query, text, task.span, None if own else limit)
            except BusyError:
                self._hold_back(task)
                return
            except (RetryableServiceError, CancelledError):
                raise
            except ServiceError as error:
                self._refuse(task.answer, error)
                return
            self.answers[task.answer].started += 1
            task.started_at = time.monotonic()
            task.next_poll = task.started_at + self.aws.pace.first_poll_s
            self.flying.append(task)

    def _refuse(self, number: int, error: ServiceError) -> None:
        """Give one answer up: what is wrong with its query costs no other."""
        answer = self.answers[number]
        groups = answer.query.log_groups
        named = groups[0] if len(groups) == 1 else f"{len(groups)} log groups ({groups[0]} .. {groups[-1]})"
        answer.incomplete(f"{named} could not be asked: {error}", "Refused")
        self.refused[number] = error
        self.waiting = deque(task for task in self.waiting if task.answer != number)

    def _hold_back(self, task: Task) -> None:
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
            if str(page.get("status", "Unknown")) in OPEN:
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

    def _take(self, task: Task, result: Result) -> None:
        """Take up a finished query: keep its rows, or plan what must be asked again."""
        answer = self.answers[task.answer]
        answer.scanned += float(result.statistics.get("recordsScanned") or 0)
        answer.bytes_scanned += float(result.statistics.get("bytesScanned") or 0)
        answer.bytes_skipped += float(result.statistics.get("estimatedBytesSkipped") or 0)
        if answer.query.whole is None and not task.counting:
            matched = result.matched if result.status == "Complete" else None
            self._more(task, self.outlooks[task.answer].next_spans(task.span, matched), deeper=0)
        if result.status != "Complete":
            self._take_failed(task, result)
        elif task.counting:
            self._take_counts(task, result)
        elif answer.query.whole is not None:
            answer.matched = result.matched
            self.pieces[task.answer].append((0, result.rows))
            if len(result.rows) >= self.cap and not query_limit(answer.query.text):
                answer.incomplete(
                    f"{len(result.rows):,} rows are all that one query returns, and it can't be asked in "
                    f"windows: {answer.query.whole}. Narrow it, or state a limit."
                )
        else:
            if task.depth == 0:
                answer.matched = result.matched
            self._take_rows(task, result)

    def _take_failed(self, task: Task, result: Result) -> None:
        answer = self.answers[task.answer]
        halves = task.span.parts(2) if result.status == "Timeout" and answer.query.whole is None else []
        if halves:
            self._more(task, halves)
        elif result.status == "Failed" and task.tries < 1:
            self.waiting.append(Task(task.answer, task.span, task.counting, task.depth, task.tries + 1))
        else:
            self.pieces[task.answer].append((task.span.from_ms, result.rows))
            answer.incomplete(
                f"A query from {_iso(task.span.first)} to {_iso(task.span.last)} ended as {result.status}.",
                result.status,
            )

    def _take_counts(self, task: Task, result: Result) -> None:
        counts = [(epoch_ms(row["b"]) // 1000, int(float(row["n"]))) for row in result.rows if row.get("b")]
        spans = spans_by_count(task.span, counts, task.counting, self.cap)
        # Where the count saw no need to cut, the cap did.
        self._more(task, spans if len(spans) > 1 else task.span.parts(2))

    def _take_rows(self, task: Task, result: Result) -> None:
        """Keep the rows of a window; where the cap cut them, keep the complete part and ask the rest."""
        rows, matched = result.rows, result.matched
        cut = matched > len(rows) if matched is not None else len(rows) >= self.cap
        if not cut:
            self.pieces[task.answer].append((task.span.from_ms, rows))
        elif all(row.get("@ptr") for row in rows):
            self._ask_rest(task, rows, (matched or 2 * len(rows)) - len(rows))
        else:
            self._keep_cut(task, rows, "its rows carry no @ptr, so windows can't be put together")

    def _ask_rest(self, task: Task, rows: list[Row], missing: float) -> None:
        """Keep the complete part of a cut window and ask for so many missing rows, cut finer."""
        rising = ascending(self.answers[task.answer].query.text)
        kept, rest = complete_part(rows, task.span, rising)
        if rest is task.span:
            parts = rest.parts(math.ceil((missing + len(rows)) / (FILL * self.cap)))
        else:
            self.pieces[task.answer].append((task.span.from_ms if rising else rest.to_ms, kept))
            if task.depth > _TRUSTED and rest.seconds > 4 and missing > self.cap:
                # What was expected did not hold twice: count.
                self.waiting.append(Task(task.answer, rest, bin_seconds(rest), task.depth))
                return
            parts = self.outlooks[task.answer].spans_for(rest, missing) or spans_from_edge(
                rest, missing, filled_width_ms(rows, self.cap), self.cap, rising
            )
        if not parts:
            self._keep_cut(task, rows, "more events than one query returns share one millisecond")
        self._more(task, parts)

    def _keep_cut(self, task: Task, rows: list[Row], why: str) -> None:
        self.pieces[task.answer].append((task.span.from_ms, rows))
        where = f"From {_iso(task.span.first)} to {_iso(task.span.last)}"
        self.answers[task.answer].incomplete(f"{where} rows are missing: {why}.")

    def _give_up(self) -> None:
        for task in [*self.flying, *self.waiting]:
            self.answers[task.answer].incomplete(
                "The deadline passed before all rows were there: raise it, or narrow the window.", "Timeout"
            )
        self.waiting.clear()

    def _stop(self, tasks: list[Task]) -> None:
        """Stop queries in flight; what can't be stopped ends by itself within the hour."""
        for task in tasks:
            error = stop_query(self.aws, task.query_id)
            if error is not None:  # the error that ended the run matters more
                self.answers[task.answer].notes.append(f"Query {task.query_id} was not stopped: {error}")
        tasks.clear()


def _iso(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()
