"""Answers of Logs Insights kept on disk, so that what can't change any more is paid for once.

An entry holds the rows of a query from the start of its window up to a moment after which events may
still have been on their way. Asked again with a later end, only the rest is asked.

Logs Insights asked through the cache, and in several accounts and regions at once.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from heapq import merge
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.insights_query_text import Row, ascending
from watchme_analysis.aws_shapes.prices import BYTES_PER_GB, USD_PER_GB
from watchme_analysis.aws_shapes.responses import SETTLED_AFTER
from watchme_analysis.cloudwatch.insights.frame import answer_frame, retrieval_of
from watchme_analysis.cloudwatch.insights.query_api import HIGHEST_LIMIT, MAX_GROUPS, Answer, InsightsQuery
from watchme_analysis.cloudwatch.insights.run import run_queries
from watchme_analysis.cloudwatch.insights.scan_cost import check_ceiling, estimate_scan, with_scan_estimate
from watchme_analysis.cloudwatch.response_cache import (
    CacheMissError,
    ResponseCache,
    ResponseStore,
    cache_miss,
)
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import WatchmeError
from watchme_analysis.window import Window

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.retrieval import Retrieval


@dataclass(frozen=True)
class CachedAnswer:
    """A kept answer.

    Attributes
    ----------
    until
        End of what can't change any more.
    end
        End of what was asked; what lies beyond ``until`` is for offline use.
    rows
        Rows in the query's order.
    statistics
        What the answer's retrieval said.
    taken_at
        When it was asked.
    """

    until: datetime
    end: datetime
    rows: list[Row]
    statistics: dict[str, Any]
    taken_at: datetime


def load_entry(store: ResponseStore, query: InsightsQuery) -> CachedAnswer | None:
    """Return what is kept of a query, None when nothing is or it can't be read."""
    kept = store.load(_identity(query))
    if kept is None:
        return None
    value = kept.value
    until, end = (datetime.fromisoformat(value[name]) for name in ("until", "end"))
    return CachedAnswer(until, end, value["rows"], value["statistics"], kept.taken_at)


def save_answer(store: ResponseStore, answer: Answer, now: datetime) -> None:
    """Keep a complete answer, and say of it up to when it is settled."""
    query = answer.query
    start, end = query.window.start, query.window.end
    if answer.truncated:
        return
    until = min(end, now - SETTLED_AFTER)
    if query.whole is not None and until < end:
        until = start
    if query.whole is None and any("@timestamp" not in row for row in answer.rows):
        return
    value = {
        "until": max(until, start),
        "end": end,
        "statistics": {"matched": answer.matched, "scanned": answer.scanned},
        "rows": answer.rows,
    }
    store.save(_identity(query), value, now)


def _identity(query: InsightsQuery) -> list[Any]:
    identity: list[Any] = [query.text, sorted(query.log_groups), query.window.start.isoformat()]
    if query.whole is not None:
        # Only windows of events put together give the whole, so anything else is kept by its end too.
        identity.append(query.window.end.isoformat())
    return identity


def rest_of(query: InsightsQuery, entry: CachedAnswer, offline: bool) -> InsightsQuery | None:
    """Return what is left to ask of a query, None when the entry covers it all."""
    covered = entry.end if offline else entry.until
    if covered >= query.window.end:
        return None
    if covered == query.window.start:
        return query
    window = Window(covered, query.window.end)
    first = int(window.start.timestamp()) - query.counts_bin_s
    counts = tuple((second, rows) for second, rows in query.counts if second > first)
    if query.counts and not counts:
        counts = ((first + query.counts_bin_s, 0),)
    return replace(query, window=window, counts=counts)


def answer_of(query: InsightsQuery, entry: CachedAnswer, rest: Answer | None) -> Answer:
    """Return the answer that an entry and the answer for what was left give together."""
    end = query.window.end if rest is None else rest.query.window.start
    inside = [row for row in entry.rows if query.whole is not None or _time(row) < end]
    answer = Answer(query, inside, matched=float(len(inside)))
    if query.whole is not None:
        answer.matched = entry.statistics.get("matched")
    answer.scanned = float(entry.statistics.get("scanned") or 0)
    answer.cached_at = entry.taken_at
    answer.notes.append(f"Read from the cache up to {end.isoformat()} (asked {entry.taken_at.isoformat()}).")
    if rest is not None:
        rows = [inside, rest.rows] if ascending(query.text) else [rest.rows, inside]
        answer.rows = [row for part in rows for row in part]
        answer.matched = len(inside) + (rest.matched if rest.matched is not None else len(rest.rows))
        answer.status, answer.truncated = rest.status, rest.truncated
        answer.scanned += rest.scanned
        # The cached part was paid for before.
        answer.bytes_scanned, answer.started = rest.bytes_scanned, rest.started
        answer.notes += rest.notes
    return answer


def _time(row: Row) -> datetime:
    return datetime.fromisoformat(row["@timestamp"]).replace(tzinfo=UTC)


_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class QueryOptions:
    """How queries are asked.

    Attributes
    ----------
    store
        Where settled answers are kept; None keeps none.
    refresh
        Ask anew what is kept.
    offline
        Ask nothing: take what is kept alone.
    cap
        Rows that one query may return.
    deadline_s
        Seconds after which what runs is stopped.
    max_scan_bytes
        Ceiling of what queries may scan, whatever was foreseen.
    """

    store: ResponseStore | None = None
    refresh: bool = False
    offline: bool = False
    cap: int = HIGHEST_LIMIT
    deadline_s: float = 900
    max_scan_bytes: float = math.inf

    def keeper(self) -> ResponseCache:
        """Return what asks for anything else than log queries in the same way."""
        return ResponseCache(self.store, self.refresh, self.offline)


def query_cached(
    aws: Aws,
    queries: Sequence[InsightsQuery],
    asking: QueryOptions,
    progress: Callable[[str], None] | None = None,
) -> list[Answer]:
    """Return answers in the queries' order, settled parts from the cache where it has them.

    Raises
    ------
    NotKeptError
        When a query must be asked and asking is forbidden.
    ServiceError
        When the service refuses a query.
    """
    store = asking.store
    kept = {
        number: entry
        for number, query in enumerate(queries)
        if store is not None and not asking.refresh and (entry := load_entry(store, query)) is not None
    }
    left: dict[int, InsightsQuery] = {}
    for number, query in enumerate(queries):
        rest = rest_of(query, kept[number], asking.offline) if number in kept else query
        if rest is not None:
            left[number] = rest
        if rest is query:
            kept.pop(number, None)
    if left and asking.offline:
        query = next(iter(left.values()))
        raise CacheMissError(f"{cache_miss(query.name or repr(query.text), query.window)}.")
    _LOG.info("queries: %d, with a cache entry: %d, to run: %d", len(queries), len(kept), len(left))
    now = datetime.now(UTC)
    asked = run_queries(
        aws,
        list(left.values()),
        cap=asking.cap,
        deadline_s=asking.deadline_s,
        max_scan_bytes=asking.max_scan_bytes,
        progress=progress,
    )
    fresh = dict(zip(left, asked, strict=True))
    answers = []
    for number, query in enumerate(queries):
        answer = fresh.get(number)
        if number in kept:
            answer = answer_of(query, kept[number], answer)
        assert answer is not None
        if store is not None and number in fresh:
            save_answer(store, answer, now)
        answers.append(answer)
    return answers


def get_log_rows(
    aws: Aws,
    query: InsightsQuery,
    asking: QueryOptions = QueryOptions(),
    *,
    max_scan_gb: float = 100.0,
    usd_per_gb: float = USD_PER_GB,
) -> tuple[pd.DataFrame, Retrieval]:
    """Return the rows of a query, planned and paid for knowingly, and how they were obtained.

    Parameters
    ----------
    aws
        Account and region.
    query
        What to ask.
    asking
        Cache, deadline and cap.
    max_scan_gb, usd_per_gb
        Ceiling of what the query may scan, and the price of scanning in the region.

    Returns
    -------
    frame, retrieval
        As :func:`watchme_analysis.cloudwatch.insights.frame.answer_frame` and ``retrieval_of`` say.

    Raises
    ------
    InputError
        When more would be scanned than allowed.
    ServiceError
        When the service refuses the query.
    """
    if not asking.offline:
        known, size = estimate_scan(aws, query.log_groups, query.window)
        check_ceiling(sum(size.values()), max_scan_gb, usd_per_gb)
        query = with_scan_estimate(query, known)
    asking = replace(asking, max_scan_bytes=max_scan_gb * BYTES_PER_GB)
    answer = query_cached(aws, [query], asking)[0]
    return answer_frame(answer), retrieval_of(answer, usd_per_gb)


def in_groups(text: str, log_groups: Sequence[str], window: Window, name: str = "") -> list[InsightsQuery]:
    """Return queries over any number of log groups, 50 in each."""
    return [
        InsightsQuery(text, tuple(log_groups[at : at + MAX_GROUPS]), window, name)
        for at in range(0, len(log_groups), MAX_GROUPS)
    ]


def spread_label(query: InsightsQuery) -> str:
    """Return the log groups of a query in a few words."""
    first, last = query.log_groups[0], query.log_groups[-1]
    return first if first == last else f"{first} .. {last}"


def put_together(answers: Sequence[Answer]) -> list[Answer]:
    """Return answers to one query over several fifties of log groups as one, where that gives the whole.

    Rows of single events come in the order of time; other answers, such as of ``stats``, stay apart.
    """
    first = answers[0].query
    if len(answers) == 1 or first.whole is not None:
        return list(answers)
    rows = merge(
        *(answer.rows for answer in answers),
        key=lambda row: row.get("@timestamp", ""),
        reverse=not ascending(first.text),
    )
    return [Answer(first, list(rows))]


def query_targets(
    places: Mapping[str, Aws], ask_one: Callable[[Aws], list[Answer]]
) -> tuple[dict[str, list[Answer]], dict[str, str]]:
    """Ask several accounts and regions at once.

    Parameters
    ----------
    places
        Accounts and regions by name.
    ask_one
        Asks one of them.

    Returns
    -------
    answers, failures
        Answers by place, and for each place that failed the sentence that says why. An interrupt stops
        what runs everywhere.
    """
    answers: dict[str, list[Answer]] = {}
    failures: dict[str, str] = {}
    with ThreadPoolExecutor(max_workers=max(1, len(places))) as pool:
        futures = {name: pool.submit(ask_one, aws) for name, aws in places.items()}
        try:
            for name, future in futures.items():
                try:
                    answers[name] = future.result()
                except WatchmeError as error:
                    failures[name] = str(error)
        except BaseException:
            for aws in places.values():
                aws.cancelled.set()
            raise
    return answers, failures
