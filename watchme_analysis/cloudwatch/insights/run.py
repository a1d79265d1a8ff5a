"""Windows of a Logs Insights query put together: in order, each event once, within the window asked.

Queries of Logs Insights under way: started as the account has room, polled as they need, stopped.

What is asked and what becomes of it is told by the caller.

CloudWatch Logs Insights: start, poll, fetch, and the whole, complete or saying that it is not.

A query over raw events is asked in windows that are planned beforehand: by what came into the log groups,
where that is known, else by three slices that are asked first. Where the cap cuts a window all the same,
the complete part of the answer is kept (rows come ordered by time) and the rest is asked again, cut finer.
Windows are disjoint to the millisecond and an event is known by ``@ptr``, so each comes once. A query that
looks at several events together is never split. API facts: StartQuery, GetQueryResults and StopQuery in
the CloudWatch Logs API reference.
"""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from watchme_analysis.aws_shapes.insights_query_text import (
    Row,
    ascending,
    bounded,
    counting_query,
    leaves_none_out,
    query_limit,
    with_timestamp,
)
from watchme_analysis.cloudwatch.insights.query_api import (
    HIGHEST_LIMIT,
    OPEN,
    Answer,
    InsightsQuery,
    Result,
    fetch_pages,
    poll_query,
    start_query,
    stop_query,
)
from watchme_analysis.cloudwatch.insights.window_planner import (
    FILL,
    EndBounds,
    QueryWindow,
    Task,
    WindowPlanner,
    bin_seconds,
    epoch_ms,
    spans_by_count,
    spans_from_edge,
)
from watchme_analysis.cloudwatch.session import Aws, BusyError, CancelledError
from watchme_analysis.errors import RetryableServiceError, ServiceError


def join_pieces(answer: Answer, pieces: list[tuple[int, list[Row]]]) -> None:
    """Fill an answer's rows from the pieces of its windows.

    Parameters
    ----------
    answer
        Its rows are set, and how many matched where all came.
    pieces
        For each window its start in epoch milliseconds and its rows; windows share no event.
    """
    query = answer.query
    if query.whole is not None:
        answer.rows = [row for _, rows in pieces for row in rows]
        return
    rising = ascending(query.text)
    joined = _once_each(sorted(pieces, key=lambda piece: piece[0], reverse=not rising))
    start, end = query.window.start, query.window.end
    inside = [row for row in joined if _within(row.get("@timestamp"), start, end)]
    answer.rows = inside
    if not answer.truncated:
        # Every window's rows were as many as matched, so all that lie in the window are here.
        answer.matched = float(len(inside))


def complete_part(rows: list[Row], span: QueryWindow, rising: bool) -> tuple[list[Row], QueryWindow]:
    """Return the rows of a cut window that came whole, and the span that is left to ask.

    Parameters
    ----------
    rows
        First rows of the window.
    span
        The window.
    rising
        Whether the oldest came first.

    Returns
    -------
    kept, rest
        The millisecond at the edge may be cut, so it belongs to the rest. No rows and the whole span where
        nothing is known to be whole.
    """
    times = [row.get("@timestamp", "") for row in rows]
    if not times or not all(times) or sorted(times, reverse=not rising) != times:
        return [], span
    edge = epoch_ms(times[-1])
    rest = QueryWindow(max(edge, span.from_ms), span.to_ms) if rising else QueryWindow(span.from_ms, edge + 1)
    if rest.to_ms - rest.from_ms >= span.to_ms - span.from_ms:
        return [], span
    return [row for row, moment in zip(rows, times, strict=True) if moment != times[-1]], rest


def filled_width_ms(rows: list[Row], cap: int) -> float:
    """Return the width in milliseconds that a window may have, by how close the last quarter of rows lies."""
    last = rows[-max(2, len(rows) // 4) :]
    between = abs(epoch_ms(last[-1]["@timestamp"]) - epoch_ms(last[0]["@timestamp"]))
    return max(1, between) / len(last) * FILL * cap


def _once_each(pieces: list[tuple[int, list[Row]]]) -> list[Row]:
    seen: set[str] = set()
    rows: list[Row] = []
    for _, piece in pieces:
        for row in piece:
            ptr = row.get("@ptr")
            if ptr is not None:
                if ptr in seen:
                    continue
                seen.add(ptr)
            rows.append(row)
    return rows


def _within(text: str | None, start: datetime, end: datetime) -> bool:
    if not text:
        return True
    return start <= datetime.fromisoformat(text).replace(tzinfo=UTC) < end


_LOG = logging.getLogger(__name__)
# A query is first polled after this share of the time that the quickest one took.
_EARLY = 0.8


class QueryPool:
    """Queries that wait and queries in flight.

    Parameters
    ----------
    aws
        Account and region; its pace bounds queries in flight and says how often to poll.
    deadline
        Moment of the monotonic clock after which nothing is waited for.
    start
        Starts a query and returns its id.
    refused
        Called with a query that the service refuses and its reason; what waits may be thinned out.
    """

    def __init__(
        self,
        aws: Aws,
        deadline: float,
        start: Callable[[Task], str],
        refused: Callable[[Task, ServiceError], None],
    ) -> None:
        self.aws, self.deadline = aws, deadline
        self.waiting: deque[Task] = deque()
        self.flying: list[Task] = []
        self._start, self._refused = start, refused
        self._room = aws.pace.concurrent_queries
        self._quickest: float | None = None

    def add(self, tasks: Iterable[Task]) -> None:
        """Let queries wait for their turn."""
        self.waiting.extend(tasks)

    def add_first(self, task: Task) -> None:
        """Let a query come next."""
        self.waiting.appendleft(task)

    @property
    def idle(self) -> bool:
        """Whether nothing waits or flies."""
        return not (self.waiting or self.flying)

    def ended(self) -> list[tuple[Task, Result]]:
        """Start what there is room for, wait until some query is due, and return those that ended."""
        self._start_some()
        due = [task.next_poll for task in self.flying] or [task.not_before for task in self.waiting]
        if not due:
            return []
        self.aws.sleep(min(*due, self.deadline) - time.monotonic())
        now = time.monotonic()
        done: list[tuple[Task, Result]] = []
        for task in [task for task in self.flying if task.next_poll <= now]:
            try:
                result = self._polled(task)
            except ServiceError:
                if not done:
                    raise
                return done  # what ended is taken up first; the next poll tells again
            if result is not None:
                done.append((task, result))
        return done

    def _start_some(self) -> None:
        now = time.monotonic()
        for _ in range(len(self.waiting)):
            if len(self.flying) >= self._room or not self.waiting:
                return
            task = self.waiting.popleft()
            if task.not_before > now:
                self.waiting.append(task)
                continue
            try:
                task.query_id = self._start(task)
            except BusyError:
                self._hold_back(task)
                return
            except (RetryableServiceError, CancelledError):
                self.waiting.appendleft(task)
                raise
            except ServiceError as error:
                self._refused(task, error)
                return
            task.started_at = time.monotonic()
            task.next_poll = task.started_at + max(
                self.aws.pace.first_poll_s, _EARLY * (self._quickest or 0.0)
            )
            self.flying.append(task)
            _LOG.info(
                "query %s started: %s; %d running, %d waiting",
                task.query_id,
                _window(task),
                len(self.flying),
                len(self.waiting),
            )

    def _hold_back(self, task: Task) -> None:
        """Let a query wait while others use the account's slots up."""
        task.tries += 1
        self._room = max(1, min(self._room, len(self.flying)))
        wait = self.aws.backoff(task.tries)
        task.not_before = time.monotonic() + wait
        self.waiting.appendleft(task)
        _LOG.info(
            "no free query slot in the account: %s waits %.2f s, at most %d queries at once",
            _window(task),
            wait,
            self._room,
        )

    def _polled(self, task: Task) -> Result | None:
        """Return what a query came to, None while it runs."""
        page = poll_query(self.aws, task.query_id)
        age = time.monotonic() - task.started_at
        if str(page.get("status", "Unknown")) in OPEN:
            task.bytes_seen = float((page.get("statistics") or {}).get("bytesScanned") or 0)
            pace = self.aws.pace
            wait = min(max(pace.first_poll_s, age / 4), pace.longest_poll_s)
            task.next_poll = time.monotonic() + wait
            _LOG.debug(
                "query %s: %s after %.2f s, next poll in %.2f s", task.query_id, page.get("status"), age, wait
            )
            return None
        result = fetch_pages(self.aws, task.query_id, page)
        self.flying.remove(task)
        rows = len(result.rows)
        _LOG.info("query %s ended: %s after %.2f s, rows: %d", task.query_id, result.status, age, rows)
        self._quickest = min(age, self._quickest or age)
        # A slot is free again, so one more may be tried.
        self._room = min(self._room + 1, self.aws.pace.concurrent_queries)
        return result

    def stop(self) -> list[tuple[Task, Exception]]:
        """Stop what is in flight; return what could not be stopped, which ends by itself within the hour."""
        left = []
        for task in self.flying:
            error = stop_query(self.aws, task.query_id)
            _LOG.info("query %s %s", task.query_id, "stopped" if error is None else "could not be stopped")
            if error is not None:
                left.append((task, error))
        self.flying.clear()
        return left


def _window(task: Task) -> str:
    """Return the seconds that a query covers, for the log."""
    first, last = (datetime.fromtimestamp(at, UTC).isoformat() for at in (task.span.first, task.last))
    return f"{first} to {last}"


# A window that is cut finer so often has an uneven density, and its rows are counted.
_TRUSTED = 2
_MISSING = "all rows were there: raise it, or narrow the window."


def run_query(aws: Aws, query: InsightsQuery, **how: Any) -> Answer:
    """Ask one query as :func:`run_queries` does."""
    return run_queries(aws, [query], **how)[0]


def run_queries(
    aws: Aws,
    queries: Sequence[InsightsQuery],
    *,
    cap: int = HIGHEST_LIMIT,
    deadline_s: float = 900,
    max_scan_bytes: float = math.inf,
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
    max_scan_bytes
        Ceiling of what may be scanned, after which nothing more is asked and what lacks is said to be
        missing.
    progress
        Called with a sentence from time to time.

    Raises
    ------
    ServiceError
        When the service refuses every query, or can't be asked any more before any is answered; all queries
        in flight are stopped first. Where it refuses or answers some, the others' answers say so.
    """
    return _Run(aws, queries, cap, time.monotonic() + deadline_s).all(progress, max_scan_bytes)


class _Run:
    """Queries under way. Whatever ends the run, what is still in flight is stopped."""

    def __init__(self, aws: Aws, queries: Sequence[InsightsQuery], cap: int, deadline: float) -> None:
        self.aws, self.cap, self.deadline = aws, cap, deadline
        self.answers = [Answer(query) for query in queries]
        self.pieces: list[list[tuple[int, list[Row]]]] = [[] for _ in queries]
        self.outlooks = [
            WindowPlanner(
                query.span, query.counts, query.counts_bin_s, cap, all_rows=leaves_none_out(query.text)
            )
            for query in queries
        ]
        self.refused: dict[int, ServiceError] = {}
        self.ends = EndBounds(aws.learned.get("insights_end_is_whole"))
        self.flight = QueryPool(aws, deadline, self._start, self._refuse)
        for number, query in enumerate(queries):
            self.flight.add(self._first_tasks(number, query))

    def all(self, progress: Callable[[str], None] | None, max_scan_bytes: float) -> list[Answer]:
        """Run everything and return the answers."""
        self.aws.until = self.deadline
        try:
            self._go(progress, max_scan_bytes)
        except RetryableServiceError as error:
            late = self._give_up(f"It broke off: {error}", "Broken off")
            if len(late | set(self.refused)) == len(self.answers):
                raise
        finally:
            self.aws.until = math.inf
            for task in self.flight.flying:  # what is stopped is paid for all the same
                self.answers[task.answer].bytes_scanned += task.bytes_seen
            for task, why in self.flight.stop():  # the error that ended the run matters more
                self.answers[task.answer].notes.append(f"Query {task.query_id} was not stopped: {why}")
        if self.ends.whole is not None:
            self.aws.learned["insights_end_is_whole"] = self.ends.whole
        if len(self.refused) == len(self.answers) > 0:
            raise next(iter(self.refused.values()))
        for answer, pieces in zip(self.answers, self.pieces, strict=True):
            join_pieces(answer, pieces)
        return self.answers

    def _go(self, progress: Callable[[str], None] | None, max_scan_bytes: float) -> None:
        """Ask until nothing is left to ask, the deadline passes or the ceiling is reached."""
        while not self.flight.idle or self.ends.owed:
            scanned = sum(answer.bytes_scanned for answer in self.answers)
            if time.monotonic() >= self.deadline:
                self._give_up(f"The deadline passed before {_MISSING}", "Timeout")
                return
            if scanned > max_scan_bytes:
                said = f"{scanned / 1e9:.3f} GB were scanned, more than the ceiling, before {_MISSING}"
                self._give_up(said, "Stopped")
                return
            for task, result in self.flight.ended():
                self._take(task, result)
            self._settle_ends()
            if progress is not None:
                progress(self._state())

    def _state(self) -> str:
        rows = sum(len(rows) for pieces in self.pieces for _, rows in pieces)
        running, waiting = len(self.flight.flying), len(self.flight.waiting)
        return f"queries: {running} running, {waiting} waiting; {rows:,} rows so far"

    def _first_tasks(self, number: int, query: InsightsQuery) -> list[Task]:
        if query.whole is not None:
            return [Task(number, query.span)]
        return [Task(number, span, depth=int(span.part)) for span in self.outlooks[number].first_spans()]

    def _more(self, task: Task, spans: Sequence[QueryWindow], deeper: int = 1) -> None:
        """Let more windows of a task's answer wait."""
        self.flight.add(Task(task.answer, span, depth=task.depth + deeper) for span in spans)
        if spans:
            _LOG.debug("windows planned after query %s: %d more", task.query_id, len(spans))

    def _start(self, task: Task) -> str:
        query = self.answers[task.answer].query
        span, text, limit = task.span, query.text, self.cap
        # The window's own end has no neighbour that could tell what it owes.
        task.last = self.ends.last(span, sure=not span.part or span.to_ms >= query.span.to_ms)
        if task.telling:
            task.last, text, limit = span.first, "fields @timestamp", 1
        elif task.counting:
            text, limit = counting_query(query.text, task.counting), 10_000
        elif query.whole is None:
            text = with_timestamp(text)
        elif bounded(text):
            span = QueryWindow(span.from_ms, span.to_ms)
        else:
            # Its rows can't be cut to the window, so the second at the window's end is left out.
            task.last = max(span.first + int(self.ends.wide), span.end - 1)
        own = None if query_limit(query.text) and not task.telling else limit
        name = start_query(self.aws, query, span.narrowed(text), (span.first, task.last), own)
        self.answers[task.answer].started += 1
        return name

    def _refuse(self, task: Task, error: ServiceError) -> None:
        """Give one answer up: what is wrong with its query costs no other."""
        number = task.answer
        answer = self.answers[number]
        if task.telling or (task.last == task.span.first and not self.ends.wide):
            # That AWS takes one second alone is not said, so with two it is tried once more.
            self.ends.wide = True
            self.flight.add([] if task.telling else [task])
            return
        groups = answer.query.log_groups
        named = groups[0] if len(groups) == 1 else f"{len(groups)} log groups ({groups[0]} .. {groups[-1]})"
        answer.incomplete(f"{named} could not be asked: {error}", "Refused")
        self.refused[number] = error
        left = [task for task in self.flight.waiting if task.answer != number]
        self.flight.waiting.clear()
        self.flight.add(left)

    def _settle_ends(self) -> None:
        """Ask how far an end reaches where that matters, and for what windows turn out to owe."""
        question = self.ends.question
        if question is not None:
            self.ends.asked = True
            self.flight.add_first(Task(*question, telling=True))  # others owe the less the sooner it tells
        due = self.ends.due(idle=self.flight.idle)
        self.flight.add(Task(number, span, depth=1) for number, span in due if number not in self.refused)

    def _take(self, task: Task, result: Result) -> None:
        """Take up a finished query: keep its rows, or plan what must be asked again."""
        answer = self.answers[task.answer]
        answer.scanned += float(result.statistics.get("recordsScanned") or 0)
        answer.bytes_scanned += float(result.statistics.get("bytesScanned") or 0)
        if task.telling:
            self.ends.whole = result.status == "Complete" and bool(result.rows)
            return
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
            count = len(result.rows)
            if (count >= self.cap or result.at_usual_limit) and count != query_limit(answer.query.text):
                answer.incomplete(
                    f"{count:,} rows are all that one query returns, and it can't be asked in "
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
            self.flight.add([Task(task.answer, task.span, task.counting, task.depth, task.tries + 1)])
        else:
            self.pieces[task.answer].append((task.span.from_ms, result.rows))
            answer.incomplete(
                f"A query from {_iso(task.span.first)} to {_iso(task.last)} ended as {result.status}.",
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
        self.ends.see(task.answer, rows, task.last)
        missing = len(rows) if matched is None else max(0.0, matched - len(rows))
        if len(rows) < self.cap and not (missing and result.at_usual_limit):
            self._keep(task, rows)
            if result.lacks:
                where = f"From {_iso(task.span.first)} to {_iso(task.last)}"
                self.answers[task.answer].incomplete(f"{where} {result.lacks}: ask again.")
        elif all(row.get("@ptr") for row in rows):
            self._ask_rest(task, rows, missing)
        else:
            self._keep_cut(task, rows, "its rows carry no @ptr, so windows can't be put together")

    def _keep(self, task: Task, rows: list[Row]) -> None:
        self.pieces[task.answer].append((task.span.from_ms, rows))
        self.ends.owe(task.answer, task.span, task.last)

    def _ask_rest(self, task: Task, rows: list[Row], missing: float) -> None:
        """Keep the complete part of a cut window and ask for so many missing rows, cut finer."""
        rising = ascending(self.answers[task.answer].query.text)
        kept, rest = complete_part(rows, task.span, rising)
        if rest is task.span:
            parts = rest.parts(math.ceil((missing + len(rows)) / (FILL * self.cap)))
        else:
            if rising:
                self.pieces[task.answer].append((task.span.from_ms, kept))
            else:
                self.pieces[task.answer].append((rest.to_ms, kept))
                self.ends.owe(task.answer, QueryWindow(rest.to_ms, task.span.to_ms), task.last)
            if missing + len(rows) - len(kept) <= self.cap:
                self._more(task, [rest])
                return
            if task.depth > _TRUSTED and rest.seconds > 4:
                # What was expected did not hold twice: count.
                self.flight.add([Task(task.answer, rest, bin_seconds(rest), task.depth)])
                return
            parts = self.outlooks[task.answer].spans_for(rest, missing) or spans_from_edge(
                rest, missing, filled_width_ms(rows, self.cap), self.cap, rising
            )
        if not parts and not missing:
            self._keep(task, rows)
        elif not parts:
            self._keep_cut(task, rows, "more events than one query returns share one millisecond")
        self._more(task, parts)

    def _keep_cut(self, task: Task, rows: list[Row], why: str) -> None:
        self.pieces[task.answer].append((task.span.from_ms, rows))
        where = f"From {_iso(task.span.first)} to {_iso(task.last)}"
        self.answers[task.answer].incomplete(f"{where} rows are missing: {why}.")

    def _give_up(self, why: str, status: str) -> set[int]:
        """Say of answers that lack something why, and return which they are."""
        late = {task.answer for task in [*self.flight.flying, *self.flight.waiting]}
        late |= {number for number, _ in self.ends.owed}
        _LOG.info("run ends early (%s), incomplete results: %d", status, len(late))
        for number in sorted(late):
            self.answers[number].incomplete(why, status)
        self.flight.waiting.clear()
        return late


def _iso(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()
