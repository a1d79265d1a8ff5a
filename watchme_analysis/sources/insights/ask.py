"""Logs Insights asked through the cache, and in several accounts and regions at once."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from heapq import merge
from typing import TYPE_CHECKING

from watchme_analysis.errors import WatchmeError
from watchme_analysis.sources.aws.cache import AnswerStore, Keeper, NotKeptError, not_kept
from watchme_analysis.sources.aws.client import Aws
from watchme_analysis.sources.insights.cache import answer_of, load_entry, rest_of, save_answer
from watchme_analysis.sources.insights.calls import HIGHEST_LIMIT, MAX_GROUPS, Answer, InsightsQuery
from watchme_analysis.sources.insights.cost import (
    BYTES_PER_GB,
    USD_PER_GB,
    check_ceiling,
    foreseen,
    planned,
)
from watchme_analysis.sources.insights.frame import answer_frame, retrieval_of
from watchme_analysis.sources.insights.live import run_queries
from watchme_analysis.sources.insights.text import ascending
from watchme_analysis.window import Window

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.retrieval import Retrieval

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asking:
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

    store: AnswerStore | None = None
    refresh: bool = False
    offline: bool = False
    cap: int = HIGHEST_LIMIT
    deadline_s: float = 900
    max_scan_bytes: float = math.inf

    def keeper(self) -> Keeper:
        """Return what asks for anything else than log queries in the same way."""
        return Keeper(self.store, self.refresh, self.offline)


def ask(
    aws: Aws,
    queries: Sequence[InsightsQuery],
    asking: Asking,
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
        raise NotKeptError(f"{not_kept(query.name or repr(query.text), query.window)}.")
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
    asking: Asking = Asking(),
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
        As :func:`watchme_analysis.sources.insights.frame.answer_frame` and ``retrieval_of`` say.

    Raises
    ------
    InputError
        When more would be scanned than allowed.
    ServiceError
        When the service refuses the query.
    """
    if not asking.offline:
        known, size = foreseen(aws, query.log_groups, query.window)
        check_ceiling(sum(size.values()), max_scan_gb, usd_per_gb)
        query = planned(query, known)
    asking = replace(asking, max_scan_bytes=max_scan_gb * BYTES_PER_GB)
    answer = ask(aws, [query], asking)[0]
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


def ask_everywhere(
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
