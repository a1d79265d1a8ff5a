"""Run Logs Insights queries through the cache: settled events are scanned and paid for once.

A cache entry holds the rows of a query from the start of its window up to a moment after which events may
still have been on their way. When the query runs again with a later end, only the rest is scanned.

Entry points: :func:`get_log_rows` (one query, with scan estimate and ceiling), :func:`query_cached`
(several), :func:`query_targets` (several accounts and regions at once).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from heapq import merge
from typing import TYPE_CHECKING, Any, TypeVar

from watchme_analysis.aws_shapes.insights_query_text import Row, query_facts
from watchme_analysis.aws_shapes.responses import SETTLED_AFTER
from watchme_analysis.cloudwatch.insights.frame import result_frame, retrieval_of
from watchme_analysis.cloudwatch.insights.query_api import (
    INSIGHTS_LANGUAGE,
    MAX_LIMIT,
    MAX_LOG_GROUPS,
    InsightsQuery,
    QueryResult,
)
from watchme_analysis.cloudwatch.insights.query_run import run_queries
from watchme_analysis.cloudwatch.insights.scan_cost import planned_queries
from watchme_analysis.cloudwatch.insights.window_planner import row_time
from watchme_analysis.cloudwatch.response_cache import CacheEntry, ResponseCache, request_identity
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import WatchmeError
from watchme_analysis.prices import BYTES_PER_GB, USD_PER_GB
from watchme_analysis.text.message import Resource
from watchme_analysis.text.render import note, text_of_error
from watchme_analysis.window import Window

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.retrieval import Retrieval

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True)
class QueryOptions:
    """Cache and limits of queries."""

    # of the account and region; by default nothing is stored
    cache: ResponseCache = field(default_factory=ResponseCache)
    row_limit: int = MAX_LIMIT  # rows that one StartQuery call may return
    deadline_s: float = 900  # seconds after which running queries are stopped
    max_scan_bytes: float = math.inf  # scan ceiling, whatever the estimate was


def get_log_rows(
    aws: Aws,
    query: InsightsQuery,
    options: QueryOptions | None = None,
    *,
    max_scan_gb: float = 100.0,
    usd_per_gb: float = USD_PER_GB,
) -> tuple[pd.DataFrame, Retrieval]:
    """Return the rows of a query and how they were obtained; the scan is estimated and limited beforehand.

    Parameters
    ----------
    aws
        Account and region.
    query
        Query to run.
    options
        Cache, deadline and row limit; by default those of :class:`QueryOptions`.
    max_scan_gb, usd_per_gb
        Ceiling of the scan in GB, and the price of scanning one GB in the region.

    Returns
    -------
    frame, retrieval
        As :func:`watchme_analysis.cloudwatch.insights.frame.result_frame` and ``retrieval_of`` describe.

    Raises
    ------
    InputError
        If the query would scan more than the ceiling.
    ServiceError
        If the service refuses the query.
    """
    options = options or QueryOptions()
    if not options.cache.offline:
        (query,), _ = planned_queries(aws, [query], max_scan_gb, usd_per_gb)
    options = replace(options, max_scan_bytes=max_scan_gb * BYTES_PER_GB)
    result = query_cached(aws, [query], options)[0]
    return result_frame(result), retrieval_of(result, usd_per_gb)


def query_cached(
    aws: Aws,
    queries: Sequence[InsightsQuery],
    options: QueryOptions,
    progress: Callable[[str], None] | None = None,
) -> list[QueryResult]:
    """Return results in the queries' order, settled parts from the cache where it has them.

    CacheMissError if a query has to run and the cache is offline; ServiceError if the service refuses every
    query.
    """
    cache = options.cache
    entries: dict[int, CacheEntry] = {}
    to_run: dict[int, InsightsQuery] = {}
    for index, query in enumerate(queries):
        entry = cache.load(_identity(query))
        rest = query if entry is None else _uncovered(query, cache.covered_until(entry))
        if rest is not None:
            to_run[index] = rest
        if entry is not None and rest is not query:
            entries[index] = entry
    for query in to_run.values():
        cache.check_online(query.name or repr(query.text), query.window)
    _LOG.info("queries: %d, with a cache entry: %d, to run: %d", len(queries), len(entries), len(to_run))
    now = datetime.now(UTC)
    run_results = run_queries(
        aws,
        list(to_run.values()),
        row_limit=options.row_limit,
        deadline_s=options.deadline_s,
        max_scan_bytes=options.max_scan_bytes,
        progress=progress,
    )
    fresh = dict(zip(to_run, run_results, strict=True))
    results = []
    for index, query in enumerate(queries):
        if index in entries:
            result = _with_cached_part(query, entries[index], fresh.get(index))
        else:
            result = fresh[index]
        if index in fresh:
            _save(cache, result, now)
        results.append(result)
    return results


def _identity(query: InsightsQuery) -> list[Any]:
    # Only the rows of a splittable query can be extended, so others are stored with their end as well.
    end = query.window.end if query.unsplittable_reason is not None else None
    text = query.text
    if query.query_language != INSIGHTS_LANGUAGE:
        text = f"{query.query_language}: {text}"
    return request_identity(text, sorted(query.log_groups), start=query.window.start, end=end)


def _uncovered(query: InsightsQuery, covered_until: datetime) -> InsightsQuery | None:
    """Return the query for the rest of its window; None when the cache covers the window."""
    if covered_until >= query.window.end:
        return None
    if covered_until == query.window.start:
        return query
    window = Window(covered_until, query.window.end)
    first = int(window.start.timestamp()) - query.counts_bin_s
    counts = tuple((second, rows) for second, rows in query.counts if second > first)
    if query.counts and not counts:
        counts = ((first + query.counts_bin_s, 0),)
    return replace(query, window=window, counts=counts)


def _with_cached_part(query: InsightsQuery, entry: CacheEntry, rest: QueryResult | None) -> QueryResult:
    """Return the result of a query from its cache entry and the result for the rest of its window."""
    end = query.window.end if rest is None else rest.query.window.start
    is_splittable = query.unsplittable_reason is None
    statistics = entry.value["statistics"]
    rows: list[Row] = [
        row for row in entry.value["rows"] if not is_splittable or row_time(row["@timestamp"]) < end
    ]
    result = QueryResult(query, rows, notes=[*query.notes])
    result.records_matched = float(len(rows)) if is_splittable else statistics.get("matched")
    result.records_scanned = float(statistics.get("scanned") or 0)
    result.cached_at = entry.taken_at
    result.notes.append(
        note("insights-cached", end=Resource(end.isoformat()), taken=Resource(entry.taken_at.isoformat()))
    )
    if rest is not None:
        result.rows = [*rows, *rest.rows] if query_facts(query.text).is_ascending else [*rest.rows, *rows]
        rest_matched = rest.records_matched if rest.records_matched is not None else len(rest.rows)
        result.records_matched = len(rows) + rest_matched
        result.status, result.truncated = rest.status, rest.truncated
        result.records_scanned += rest.records_scanned
        # The cached part was paid for before.
        result.bytes_scanned, result.queries_started = rest.bytes_scanned, rest.queries_started
        result.notes += [text for text in rest.notes if text not in result.notes]
    return result


def _save(cache: ResponseCache, result: QueryResult, now: datetime) -> None:
    """Store a complete result that was retrieved at ``now``, with the end of its settled part."""
    query = result.query
    start, end = query.window.start, query.window.end
    if result.truncated:
        return
    if query.unsplittable_reason is None and any("@timestamp" not in row for row in result.rows):
        return
    until = min(end, now - SETTLED_AFTER)
    if query.unsplittable_reason is not None and until < end:
        until = start
    value = {
        "until": max(until, start),
        "end": end,
        "statistics": {"matched": result.records_matched, "scanned": result.records_scanned},
        "rows": result.rows,
    }
    cache.save(_identity(query), value, now)


def queries_by_groups(
    text: str,
    log_groups: Sequence[str],
    window: Window,
    name: str = "",
    query_language: str = INSIGHTS_LANGUAGE,
    notes: Sequence[str] = (),
) -> list[InsightsQuery]:
    """Return queries over any number of log groups, at most 50 in each; the first has the notes."""
    first, *others = (
        InsightsQuery(text, tuple(log_groups[at : at + MAX_LOG_GROUPS]), window, name, query_language)
        for at in range(0, max(1, len(log_groups)), MAX_LOG_GROUPS)
    )
    if others and first.unsplittable_reason is not None:
        notes = [*notes, note("insights-blocks", number=1 + len(others))]
    return [replace(first, notes=tuple(notes)), *others]


def log_groups_label(query: InsightsQuery) -> str:
    """Return the log group of a query, or the first and the last of several; "" if its text names them."""
    if not query.log_groups:
        return ""
    first, last = query.log_groups[0], query.log_groups[-1]
    return first if first == last else f"{first} .. {last}"


def merge_results(results: Sequence[QueryResult]) -> list[QueryResult]:
    """Return the results of :func:`queries_by_groups` as a single result if they can be merged.

    Rows of single events are merged in order of time. Results that look at several events, such as those of
    ``stats``, stay separate.
    """
    first = results[0].query
    if len(results) == 1 or first.unsplittable_reason is not None:
        return list(results)
    rows = merge(
        *(result.rows for result in results),
        key=lambda row: row.get("@timestamp", ""),
        reverse=not query_facts(first.text).is_ascending,
    )
    return [QueryResult(first, list(rows))]


def result_frames(
    results: Sequence[QueryResult], target: str | None = None, *, flatten: bool = False
) -> list[pd.DataFrame]:
    """Return the rows of the results of :func:`queries_by_groups` as one frame, or one for each result.

    Results that can't be merged have the column ``log_groups``, which names their groups. ``target`` is the
    account and region for a column ``place``; ``flatten`` as for
    :func:`~watchme_analysis.cloudwatch.insights.frame.result_frame`.
    """
    frames = []
    merged = merge_results(results)
    for result in merged:
        frame = result_frame(result, flatten=flatten)
        if len(merged) > 1:
            frame.insert(0, "log_groups", log_groups_label(result.query))
        if target is not None:
            frame.insert(0, "place", target)
        frames.append(frame)
    return frames


def query_targets(
    targets: Mapping[str, Aws], query_one: Callable[[Aws], _T]
) -> tuple[dict[str, _T], dict[str, str]]:
    """Return the results of several accounts and regions by name, and the error message of each that failed.

    They are queried concurrently, each by ``query_one``. An interrupt stops the running queries of all of
    them.
    """
    results: dict[str, _T] = {}
    failures: dict[str, str] = {}
    with ThreadPoolExecutor(max_workers=max(1, len(targets))) as pool:
        futures = {name: pool.submit(query_one, aws) for name, aws in targets.items()}
        try:
            for name, future in futures.items():
                try:
                    results[name] = future.result()
                except WatchmeError as error:
                    failures[name] = text_of_error(error)
        except BaseException:
            for aws in targets.values():
                aws.cancelled.set()
            raise
    return results, failures
