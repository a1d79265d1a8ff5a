"""Queries of Logs Insights under way: started as the account has room, polled as they need, stopped.

What is asked and what becomes of it is told by the caller.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from watchme_analysis.errors import RetryableServiceError, ServiceError
from watchme_analysis.sources.aws.client import Aws, BusyError, CancelledError
from watchme_analysis.sources.insights.calls import OPEN, Result, fetch_pages, poll_query, stop_query
from watchme_analysis.sources.insights.plan import Task

_LOG = logging.getLogger(__name__)
# A query is first polled after this share of the time that the quickest one took.
_EARLY = 0.8


class Flight:
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
