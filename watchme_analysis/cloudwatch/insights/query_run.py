"""Run Logs Insights queries to completion: start, poll, split, join.

One run of :func:`run_queries` (class ``_Run``) goes through these steps:

1. *Plan*: a query over raw events gets the windows that :func:`~.window_planner.first_windows` returns; a
   query that looks at several events together is never split and gets one window.
2. *Start*: as many queries are started as the account has room for.
3. *Poll*: each query is polled in proportion to its age.
4. *Split*: where the row limit cut a window nevertheless, the complete part of its rows is kept. The rest
   runs again, in windows by a count of its rows; within one second, by the millisecond; within one
   millisecond, by log stream.
5. *Join*: the rows of all windows are put together in the query's order. Windows are disjoint to the
   millisecond and an event is identified by ``@ptr``, so each row is returned once.

If a run ends early (deadline, scan ceiling, error, Ctrl-C), all running queries are stopped, and
incomplete results are marked. Facts about the calls: StartQuery, GetQueryResults and StopQuery in the
CloudWatch Logs API reference.
"""

from __future__ import annotations

import json
import logging
import math
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from watchme_analysis.aws_shapes.insights_query_text import (
    DEFAULT_LIMIT,
    Row,
    counting_query,
    query_facts,
    with_timestamp,
)
from watchme_analysis.cloudwatch.insights.query_api import (
    MAX_LIMIT,
    UNFINISHED_STATUSES,
    FinishedQuery,
    InsightsQuery,
    QueryResult,
    fetch_pages,
    results_page,
    start_query,
    stop_query,
)
from watchme_analysis.cloudwatch.insights.window_planner import (
    TARGET_FILL,
    QueryWindow,
    count_bin_seconds,
    epoch_ms,
    first_windows,
    windows_by_count,
)
from watchme_analysis.cloudwatch.session import Aws, BusyError, CancelledError
from watchme_analysis.errors import RetryableServiceError, ServiceError
from watchme_analysis.text.message import Choice, Names, Resource, value_of
from watchme_analysis.text.render import as_message, note, text_of_error

_LOG = logging.getLogger(__name__)
# A query is first polled after this share of the duration of the fastest query so far.
_FIRST_POLL_SHARE = 0.8
# Rows that a count query returns at most; one row per bin or log stream.
_COUNT_LIMIT = 10_000
# A query that ended as Failed is started again this often.
_MAX_RESTARTS = 1
# A refusal that is about the number of rows to return.
_LIMIT_REFUSED = re.compile(r"\blimit\b", re.IGNORECASE)


def run_queries(
    aws: Aws,
    queries: Sequence[InsightsQuery],
    *,
    row_limit: int = MAX_LIMIT,
    deadline_s: float = 900,
    max_scan_bytes: float = math.inf,
    progress: Callable[[str], None] | None = None,
) -> list[QueryResult]:
    """Return the results of queries that run concurrently, in the same order.

    ``row_limit`` is the largest number of rows that one StartQuery call may return (its ``limit``, at most
    100,000). After ``deadline_s`` seconds running queries are stopped, and once ``max_scan_bytes`` are
    exceeded nothing more is started; incomplete results are marked. ``progress`` is called with a sentence
    from time to time.

    ServiceError if the service refuses every query, or fails before any is complete; all running queries are
    stopped first. If it refuses only some, their results are marked.
    """
    run = _Run(aws, queries, row_limit, time.monotonic() + deadline_s)
    return run.execute(progress, max_scan_bytes)


@dataclass
class Task:
    """One StartQuery call that is waiting or running; times are monotonic, in seconds."""

    query_index: int  # of the :class:`InsightsQuery` that it belongs to
    window: QueryWindow
    count_bin_s: int = 0  # bin width of a query that counts rows instead of returning them; 0 for any other
    counts_streams: bool = False  # for a query that counts the rows of each log stream
    stream: str | None = None  # log stream to which the query is limited
    attempts: int = 0  # failed attempts to start or run it so far
    bytes_scanned: float = 0.0  # at its latest poll
    query_id: str = ""
    started_at: float = 0.0
    next_poll: float = 0.0
    not_before: float = 0.0  # earliest (next) attempt to start

    @property
    def is_count(self) -> bool:
        """True for a query that counts rows instead of returning them."""
        return bool(self.count_bin_s) or self.counts_streams


class _Run:
    """State of one run: the results so far, the parts of their rows, and the waiting and running queries.

    ``deadline`` is the monotonic time in seconds after which no wait continues.
    """

    def __init__(self, aws: Aws, queries: Sequence[InsightsQuery], row_limit: int, deadline: float) -> None:
        self.aws, self.row_limit, self.deadline = aws, row_limit, deadline
        self.results = [QueryResult(query, notes=[*query.notes]) for query in queries]
        # For each query, the start of a window (epoch milliseconds) and the rows of that window.
        self.parts: list[list[tuple[int, list[Row]]]] = [[] for _ in queries]
        self.refusals: dict[int, ServiceError] = {}
        self.waiting: deque[Task] = deque()
        self.running: list[Task] = []
        self._slots = aws.rate_limits.concurrent_queries
        self._fastest_s: float | None = None
        for index, query in enumerate(queries):
            windows = [query.query_window]
            if query.unsplittable_reason is None:
                unfiltered = query_facts(query.text).is_unfiltered
                windows = first_windows(
                    windows[0], query.counts, query.counts_bin_s, row_limit, unfiltered=unfiltered
                )
            self._add_windows(index, windows)

    def execute(self, progress: Callable[[str], None] | None, max_scan_bytes: float) -> list[QueryResult]:
        """Return the joined results of all queries, after stopping those that are still running."""
        self.aws.retry_until = self.deadline
        try:
            self._poll_until_done(progress, max_scan_bytes)
        except RetryableServiceError as error:
            incomplete = self._give_up(note("insights-broken", error=as_message(error)), "Broken off")
            if len(incomplete | set(self.refusals)) == len(self.results):
                raise
        finally:
            self._stop_all()
        if len(self.refusals) == len(self.results) > 0:
            raise next(iter(self.refusals.values()))
        for result, parts in zip(self.results, self.parts, strict=True):
            join_parts(result, parts)
        return self.results

    # Plan

    def _add_windows(self, index: int, windows: Iterable[QueryWindow]) -> None:
        """Queue windows of a query."""
        self.waiting.extend(Task(index, window) for window in windows)

    # Start

    def _start(self, task: Task) -> str:
        """Return the ID of a task's query after starting it."""
        query = self.results[task.query_index].query
        window, text = task.window, query.text
        last_second = window.end_second
        if task.count_bin_s:
            text = counting_query(text, f"bin({task.count_bin_s}s) as b")
        elif task.counts_streams:
            text = counting_query(text, "@logStream")
        elif query.unsplittable_reason is None:
            text = with_timestamp(text)
        if query.accepts_filter:
            text = window.with_filter(text)
        else:
            # No filter bounds such a query to the millisecond, so the second after the window is left out.
            # AWS does not document whether a query may cover a single second.
            last_second = max(window.first_second + 1, window.end_second - 1)
        if task.stream is not None:
            text = f"filter @logStream = {json.dumps(task.stream)} | {text}"
        limit = _COUNT_LIMIT if task.is_count else self.row_limit
        bounds_s = (window.first_second, last_second)
        query_id = start_query(
            self.aws, query, text, bounds_s, None if query_facts(query.text).limit else limit
        )
        self.results[task.query_index].queries_started += 1
        return query_id

    def _on_refused(self, task: Task, error: ServiceError) -> None:
        """Mark the result of a refused query as incomplete; the other queries go on."""
        index = task.query_index
        result = self.results[index]
        if self.row_limit > DEFAULT_LIMIT and _LIMIT_REFUSED.search(text_of_error(error)):
            # Accounts and services that are compatible with CloudWatch may accept 10,000 rows only.
            self.row_limit = DEFAULT_LIMIT
            self.waiting.append(task)
            return
        groups = result.query.log_groups
        refused = note("insights-refused", groups=Names(tuple(groups), limit=2), error=as_message(error))
        result.mark_incomplete(refused, "Refused")
        self.refusals[index] = error
        others = [waiting for waiting in self.waiting if waiting.query_index != index]
        self.waiting.clear()
        self.waiting.extend(others)

    # Poll

    def _poll_until_done(self, progress: Callable[[str], None] | None, max_scan_bytes: float) -> None:
        """Start and poll queries until none is left, the deadline passes or the scan ceiling is exceeded."""
        while self.waiting or self.running:
            scanned = sum(result.bytes_scanned for result in self.results)
            if time.monotonic() >= self.deadline:
                self._give_up(note("insights-deadline"), "Timeout")
                return
            if scanned > max_scan_bytes:
                ceiling = note("insights-ceiling", gigabytes=Resource(f"{scanned / 1e9:.3f}"))
                self._give_up(ceiling, "Stopped")
                return
            for task, finished in self._poll():
                self._take(task, finished)
            if progress is not None:
                progress(self._progress_text())

    def _poll(self) -> list[tuple[Task, FinishedQuery]]:
        """Return the queries that ended, after filling free slots and waiting until a poll is due."""
        self._start_waiting()
        due = [task.next_poll for task in self.running] or [task.not_before for task in self.waiting]
        if not due:
            return []
        self.aws.sleep(min(*due, self.deadline) - time.monotonic())
        now = time.monotonic()
        ended: list[tuple[Task, FinishedQuery]] = []
        for task in [task for task in self.running if task.next_poll <= now]:
            try:
                finished = self._poll_one(task)
            except ServiceError:
                if not ended:
                    raise
                return ended  # finished queries are processed first; the next poll fails again
            if finished is not None:
                ended.append((task, finished))
        return ended

    def _start_waiting(self) -> None:
        """Start waiting queries while there are free slots."""
        now = time.monotonic()
        for _ in range(len(self.waiting)):
            if len(self.running) >= self._slots or not self.waiting:
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
                self._on_refused(task, error)
                return
            task.started_at = time.monotonic()
            first_poll_s = max(
                self.aws.rate_limits.first_poll_s, _FIRST_POLL_SHARE * (self._fastest_s or 0.0)
            )
            task.next_poll = task.started_at + first_poll_s
            self.running.append(task)
            _LOG.info(
                "query %s started: %s; %d running, %d waiting",
                task.query_id,
                task.window,
                len(self.running),
                len(self.waiting),
            )

    def _hold_back(self, task: Task) -> None:
        """Queue a task again after a wait, because other clients use all query slots of the account."""
        task.attempts += 1
        self._slots = max(1, min(self._slots, len(self.running)))
        wait_s = self.aws.backoff(task.attempts)
        task.not_before = time.monotonic() + wait_s
        self.waiting.appendleft(task)
        _LOG.info(
            "no free query slot in the account: %s waits %.2f s, at most %d queries at once",
            task.window,
            wait_s,
            self._slots,
        )

    def _poll_one(self, task: Task) -> FinishedQuery | None:
        """Return the finished query of a task, None while it runs."""
        page = results_page(self.aws, queryId=task.query_id)
        age_s = time.monotonic() - task.started_at
        status = str(page.get("status", "Unknown"))
        if status in UNFINISHED_STATUSES:
            task.bytes_scanned = float((page.get("statistics") or {}).get("bytesScanned") or 0)
            limits = self.aws.rate_limits
            wait_s = min(max(limits.first_poll_s, age_s / 4), limits.max_poll_s)
            task.next_poll = time.monotonic() + wait_s
            _LOG.debug("query %s: %s after %.2f s, next poll in %.2f s", task.query_id, status, age_s, wait_s)
            return None
        finished = fetch_pages(self.aws, task.query_id, page)
        self.running.remove(task)
        _LOG.info(
            "query %s ended: %s after %.2f s, rows: %d",
            task.query_id,
            finished.status,
            age_s,
            len(finished.rows),
        )
        self._fastest_s = min(age_s, self._fastest_s or age_s)
        # A slot is free again, so an additional query may be attempted.
        self._slots = min(self._slots + 1, self.aws.rate_limits.concurrent_queries)
        return finished

    def _progress_text(self) -> str:
        rows = sum(len(rows) for parts in self.parts for _, rows in parts)
        running, waiting = len(self.running), len(self.waiting)
        return note("query-progress", running=running, waiting=waiting, rows=rows)

    def _take(self, task: Task, finished: FinishedQuery) -> None:
        """Process the rows of a finished query, or queue windows that have to run again."""
        result = self.results[task.query_index]
        result.records_scanned += float(finished.statistics.get("recordsScanned") or 0)
        result.bytes_scanned += float(finished.statistics.get("bytesScanned") or 0)
        if finished.status != "Complete":
            self._take_failed(task, finished)
        elif task.count_bin_s:
            self._take_counts(task, finished)
        elif task.counts_streams:
            self._take_streams(task, finished)
        elif result.query.unsplittable_reason is None:
            self._take_rows(task, finished)
        else:
            self._take_whole(task, finished)

    def _take_whole(self, task: Task, finished: FinishedQuery) -> None:
        """Keep the rows of a query that cannot be split."""
        result = self.results[task.query_index]
        result.records_matched = finished.records_matched
        self.parts[task.query_index].append((0, finished.rows))
        count = len(finished.rows)
        at_limit = count >= self.row_limit or finished.is_at_default_limit
        if at_limit and count != query_facts(result.query.text).limit:
            result.mark_incomplete(
                note(
                    "insights-unsplittable",
                    rows=count,
                    reason=value_of(result.query.unsplittable_reason or ""),
                )
            )

    def _take_failed(self, task: Task, finished: FinishedQuery) -> None:
        """Split a window that timed out, start a failed query again, or mark the result as incomplete."""
        result = self.results[task.query_index]
        may_split = finished.status == "Timeout" and result.query.unsplittable_reason is None
        halves = task.window.parts(2) if may_split else []
        if halves:
            self._add_windows(task.query_index, halves)
        elif finished.status == "Failed" and task.attempts < _MAX_RESTARTS:
            self.waiting.extend(
                [replace(task, attempts=task.attempts + 1, bytes_scanned=0.0, not_before=0.0)]
            )
        else:
            if not task.is_count:
                self.parts[task.query_index].append((task.window.from_ms, finished.rows))
            start, end = _bounds(task.window)
            ended = note("insights-ended", start=start, end=end, status=Resource(finished.status))
            result.mark_incomplete(ended, finished.status)

    # Split

    def _take_rows(self, task: Task, finished: FinishedQuery) -> None:
        """Keep the rows of a window; if the row limit cut them, keep the complete part and split the rest."""
        rows, matched = finished.rows, finished.records_matched
        result = self.results[task.query_index]
        if task.window == result.query.query_window:
            result.records_matched = matched
        missing = len(rows) if matched is None else max(0.0, matched - len(rows))
        if len(rows) < self.row_limit and not (missing and finished.is_at_default_limit):
            self._keep(task, rows)
            if finished.shortfall:
                start, end = _bounds(task.window)
                shortfall = note("insights-shortfall", start=start, end=end, **finished.shortfall)
                result.mark_incomplete(shortfall)
        elif not all(row.get("@ptr") for row in rows):
            self._keep_truncated(task, rows, "pointers")
        else:
            self._split(task, rows, missing)

    def _split(self, task: Task, rows: list[Row], missing: float) -> None:
        """Keep the complete part of an overfull window and queue the rest (``missing`` rows)."""
        index, window = task.query_index, task.window
        ascending = query_facts(self.results[index].query.text).is_ascending
        if window.length_ms == 1:
            if not missing:
                self._keep(task, rows)
            elif task.stream is None:
                self.waiting.extend([Task(index, window, counts_streams=True)])
            else:
                self._keep_truncated(task, rows, "millisecond")
            return
        kept, rest = complete_part(rows, window, ascending=ascending)
        if kept:
            self.parts[index].append((window.from_ms if ascending else rest.to_ms, kept))
            remaining = missing + len(rows) - len(kept)
            if remaining <= self.row_limit:
                self._add_windows(index, [rest])
            elif rest.seconds > 1:
                self.waiting.extend([Task(index, rest, count_bin_seconds(rest))])
            else:
                count = math.ceil(remaining / (TARGET_FILL * self.row_limit))
                self._add_windows(index, rest.parts(count) or [rest])
        else:
            # All rows share one millisecond, or their order shows no edge.
            edge_ms = epoch_ms(rows[-1]["@timestamp"])
            cuts = [edge_ms, edge_ms + 1, *window.cut_points(window.length_ms / 2)]
            self._add_windows(index, window.cut_at(cuts))

    def _take_counts(self, task: Task, finished: FinishedQuery) -> None:
        """Queue the parts of a window whose rows were counted."""
        counts = [(epoch_ms(row["b"]) // 1000, int(float(row["n"]))) for row in finished.rows if row.get("b")]
        windows = windows_by_count(
            task.window, sorted(counts), task.count_bin_s, TARGET_FILL * self.row_limit
        )
        self._add_windows(task.query_index, windows)

    def _take_streams(self, task: Task, finished: FinishedQuery) -> None:
        """Queue a query for each log stream of a millisecond that holds more rows than one query returns."""
        streams = [row["@logStream"] for row in finished.rows if row.get("@logStream")]
        self.waiting.extend(Task(task.query_index, task.window, stream=stream) for stream in streams)
        if not streams or len(streams) == _COUNT_LIMIT:
            self._keep_truncated(task, [], "millisecond")

    def _keep(self, task: Task, rows: list[Row]) -> None:
        """Keep the rows of a window."""
        self.parts[task.query_index].append((task.window.from_ms, rows))

    def _keep_truncated(self, task: Task, rows: list[Row], reason: str) -> None:
        """Keep the rows of a window that cannot be split further, and mark the result as incomplete."""
        self._keep(task, rows)
        start, end = _bounds(task.window)
        missing = note("insights-rows-missing", start=start, end=end, reason=Choice(reason))
        self.results[task.query_index].mark_incomplete(missing)

    # Stop

    def _give_up(self, reason: str, status: str) -> set[int]:
        """Return the indexes of all unfinished results, after marking them as incomplete."""
        unfinished = {task.query_index for task in [*self.running, *self.waiting]}
        _LOG.info("run ends early (%s), incomplete results: %d", status, len(unfinished))
        for index in sorted(unfinished):
            self.results[index].mark_incomplete(reason, status)
        self.waiting.clear()
        return unfinished

    def _stop_all(self) -> None:
        """Stop the running queries and account for the bytes that they scanned.

        A query that cannot be stopped ends without intervention within the hour.
        """
        self.aws.retry_until = math.inf
        for task in self.running:  # a stopped query is charged for the bytes it scanned
            self.results[task.query_index].bytes_scanned += task.bytes_scanned
        for task in self.running:
            error = stop_query(self.aws, task.query_id)
            _LOG.info("query %s %s", task.query_id, "stopped" if error is None else "could not be stopped")
            if error is not None:  # only recorded: the error that ended the run matters more
                self.results[task.query_index].notes.append(
                    note("insights-not-stopped", query=Resource(str(task.query_id)), error=as_message(error))
                )
        self.running.clear()


def complete_part(rows: list[Row], window: QueryWindow, *, ascending: bool) -> tuple[list[Row], QueryWindow]:
    """Return the rows of an overfull window that are complete, and the rest of the window.

    Rows of the last returned millisecond may be incomplete, so that millisecond belongs to the rest. No rows
    and the window itself when the rows are not in order of time, or all share one millisecond.
    """
    times = [row.get("@timestamp", "") for row in rows]
    if not times or not all(times) or sorted(times, reverse=not ascending) != times:
        return [], window
    edge_ms = epoch_ms(times[-1])
    if ascending:
        rest = QueryWindow(max(edge_ms, window.from_ms), window.to_ms)
    else:
        rest = QueryWindow(window.from_ms, edge_ms + 1)
    if rest.length_ms >= window.length_ms:
        return [], window
    return [row for row, time_text in zip(rows, times, strict=True) if time_text != times[-1]], rest


def join_parts(result: QueryResult, parts: list[tuple[int, list[Row]]]) -> None:
    """Set the rows of a result from the rows of its windows: in order, each once, inside the query's window.

    ``parts`` hold the start of each window in epoch milliseconds, and its rows.
    """
    query = result.query
    if query.unsplittable_reason is not None:
        result.rows = [row for _, rows in parts for row in rows]
        return
    ordered = sorted(parts, key=lambda part: part[0], reverse=not query_facts(query.text).is_ascending)
    result.rows = _without_repeated_events(row for _, rows in ordered for row in rows)
    if not result.truncated:
        # Every window returned as many rows as matched, so these are all rows of the query's window.
        result.records_matched = float(len(result.rows))


def _without_repeated_events(rows: Iterable[Row]) -> list[Row]:
    seen: set[str] = set()
    unique: list[Row] = []
    for row in rows:
        ptr = row.get("@ptr")
        if ptr is not None:
            if ptr in seen:
                continue
            seen.add(ptr)
        unique.append(row)
    return unique


def _bounds(window: QueryWindow) -> tuple[Resource, Resource]:
    """Return the first second of a window and the first second after it, for a note."""
    first, end = (datetime.fromtimestamp(second, UTC) for second in (window.first_second, window.end_second))
    return Resource(first.isoformat()), Resource(end.isoformat())
