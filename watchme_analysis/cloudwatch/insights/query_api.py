"""One Logs Insights query: StartQuery, GetQueryResults and StopQuery.

:mod:`watchme_analysis.cloudwatch.insights.query_run` combines many of them to a complete result. Facts about
the calls: CloudWatch Logs API reference.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import datetime
from sys import intern
from typing import Any

from watchme_analysis.aws_shapes.insights_query_text import (
    DEFAULT_LIMIT,
    Row,
    command_name,
    query_facts,
    with_direction,
)
from watchme_analysis.aws_shapes.responses import utc_time
from watchme_analysis.cloudwatch.insights.window_planner import Counts, QueryWindow, first_ms
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.redact import described
from watchme_analysis.text.message import Resource
from watchme_analysis.text.render import error_message, note
from watchme_analysis.window import Window

# Largest number of log groups per query (StartQuery).
MAX_LOG_GROUPS = 50
# Largest ``limit`` that StartQuery accepts.
MAX_LIMIT = 100_000
# Languages of StartQuery (``queryLanguage``), the default first.
INSIGHTS_LANGUAGE = "CWLI"
QUERY_LANGUAGES = (INSIGHTS_LANGUAGE, "SQL", "PPL")
# Statuses of a query whose rows are not complete yet.
UNFINISHED_STATUSES = frozenset({"Scheduled", "Running", "Unknown"})
_STOP_ATTEMPTS = 3


@dataclass(frozen=True, repr=False)
class InsightsQuery:
    """A query, its log groups and its window.

    Attributes
    ----------
    text
        Query in the Logs Insights language.
    log_groups
        Names or ARNs, at most 50. A text that names its log groups itself may have none.
    window
        Half-open window. (StartQuery's bounds are inclusive; they are derived from it.)
    name
        Name of the result.
    query_language
        Language of the text: ``CWLI`` (Logs Insights), ``SQL`` or ``PPL``.
    counts
        Upper bounds of the rows per bin (start in epoch seconds, rows) where they are known beforehand. They
        plan the windows of a query whose rows exceed the row limit.
    counts_bin_s
        Width of those bins in seconds.

    Raises
    ------
    InputError
        For no log group, or more than 50; or for another language.
    """

    text: str
    log_groups: tuple[str, ...]
    window: Window
    name: str = ""
    query_language: str = INSIGHTS_LANGUAGE
    counts: Counts = ()
    counts_bin_s: int = 60
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return log groups, window and text in one line."""
        return described(
            self, f"{self.name} over {len(self.log_groups)} log groups, {self.window}: {self.text}"
        )

    def __post_init__(self) -> None:
        if self.query_language not in QUERY_LANGUAGES:
            raise InputError(
                error_message(
                    "error-query-language", name=self.query_language, known=", ".join(QUERY_LANGUAGES)
                )
            )
        if not (self.names_log_groups or self.log_groups) or len(self.log_groups) > MAX_LOG_GROUPS:
            raise InputError(
                error_message("error-query-groups", most=MAX_LOG_GROUPS, number=len(self.log_groups))
            )

    @property
    def query_window(self) -> QueryWindow:
        """The window in epoch milliseconds."""
        # Events carry whole milliseconds, so the first one at or after each bound.
        return QueryWindow(first_ms(self.window.start), first_ms(self.window.end))

    @property
    def unsplittable_reason(self) -> str | None:
        """Reason why the query cannot be split by time; None when it can."""
        if self.query_language != INSIGHTS_LANGUAGE:
            return note("unsplittable-language", language=Resource(self.query_language))
        return query_facts(self.text).unsplittable_reason

    @property
    def names_log_groups(self) -> bool:
        """True when the text names the log groups: SQL, or a query that begins with ``SOURCE``."""
        return self.query_language == "SQL" or command_name(self.text) == "source"

    @property
    def accepts_filter(self) -> bool:
        """True when a filter in front of the text bounds all events that the query uses."""
        return self.query_language == INSIGHTS_LANGUAGE and query_facts(self.text).accepts_filter


@dataclass
class QueryResult:
    """Rows of a query, with their status and statistics; bytes and records are sums over all started queries.

    ``status`` is ``Complete``, or the reason why it is not: a status of GetQueryResults, ``Refused``,
    ``Broken off`` or ``Stopped``.
    """

    query: InsightsQuery
    rows: list[Row] = field(default_factory=list)  # as returned, in the query's order
    status: str = "Complete"
    truncated: bool = False  # rows are known or likely to be missing; the notes contain the reason
    records_matched: float | None = None  # events that matched; None when the service did not report it
    records_scanned: float = 0.0
    bytes_scanned: float = 0.0
    queries_started: int = 0  # including those that count
    cached_at: datetime | None = None  # time at which the cached part was retrieved
    notes: list[str] = field(default_factory=list)

    def mark_incomplete(self, reason: str, status: str | None = None) -> None:
        """Mark the result as incomplete and note the reason once."""
        self.truncated = True
        if status is not None:
            self.status = status
        if reason not in self.notes:
            self.notes.append(reason)


@dataclass(frozen=True)
class FinishedQuery:
    """Status, rows of all pages and statistics of one finished query, as GetQueryResults returned them."""

    status: str
    rows: list[Row]
    statistics: dict[str, Any]

    @property
    def records_matched(self) -> float | None:
        """Events that matched; None when the service did not report it."""
        value = self.statistics.get("recordsMatched")
        return float(value) if value is not None else None

    @property
    def is_at_default_limit(self) -> bool:
        """True when the number of rows suggests the default limit instead of the limit of the call."""
        return bool(self.rows) and len(self.rows) % DEFAULT_LIMIT == 0

    @property
    def shortfall(self) -> dict[str, int]:
        """Numbers of ``rows`` and of rows ``counted`` by the service; empty if none is missing.

        ``resultCount`` counts rows and takes precedence over ``recordsMatched``, which counts events.
        """
        counted = self.statistics.get("resultCount", self.records_matched)
        if counted is None or counted <= len(self.rows):
            return {}
        return {"rows": len(self.rows), "counted": round(counted)}


def start_query(
    aws: Aws, query: InsightsQuery, text: str, bounds_s: tuple[int, int], limit: int | None
) -> str:
    """Return the ID of a query after starting it.

    ``text`` may be narrowed to a part of the query's window, ``bounds_s`` are its first and last epoch
    second, both included, and ``limit`` is None when the text states one. BusyError if the account runs as
    many queries as it may; ServiceError if the service refuses, such as for a malformed query.
    """
    parameters: dict[str, Any] = {"queryString": text, "startTime": bounds_s[0], "endTime": bounds_s[1]}
    if query.query_language == INSIGHTS_LANGUAGE:
        parameters["queryString"] = with_direction(text)
    else:
        parameters["queryLanguage"] = query.query_language
    if not query.names_log_groups:
        has_arns = any(group.startswith("arn:") for group in query.log_groups)
        parameters["logGroupIdentifiers" if has_arns else "logGroupNames"] = list(query.log_groups)
    if limit is not None:
        parameters["limit"] = limit
    return str(aws.call("logs", "start_query", **parameters)["queryId"])


def results_page(aws: Aws, **parameters: str) -> dict[str, Any]:
    """Return a page of GetQueryResults, with rows under ``rows``.

    The rows of a running query are partial and left out. ``parameters``: ``queryId``, and the ``nextToken``
    of a later page.
    """
    # botocore checks each cell against its model, which takes several times as long as reading the JSON. The
    # rows are therefore taken out before botocore parses the rest.
    events = aws.client("logs").meta.events
    events.register("before-parse.cloudwatch-logs.GetQueryResults", _extract_rows, unique_id="watchme-rows")
    page = aws.call("logs", "get_query_results", **parameters)
    if "rows" not in page:
        page["rows"] = rows_from_cells(page.pop("results", []))
    return page


def _extract_rows(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Move the rows from the response body to ``rows``; botocore calls this before it parses the body."""
    if response_dict.get("status_code") != 200:
        return
    try:
        page = json.loads(response_dict["body"])
        results = page.pop("results")
        rows = rows_from_cells(results) if page.get("status") not in UNFINISHED_STATUSES else []
    except (ValueError, KeyError, TypeError, AttributeError):
        return  # an unexpected body is left to botocore, which reports the error
    response_dict["body"] = json.dumps(page).encode()
    customized_response_dict["rows"] = rows


def fetch_pages(aws: Aws, query_id: str, first_page: dict[str, Any]) -> FinishedQuery:
    """Return the rows of all pages of a finished query.

    A page token expires after an hour; the pages are then read again from the first.
    """
    page = first_page
    for attempt in range(2):
        rows = list(page["rows"])
        token = page.get("nextToken")
        try:
            while token:
                following = results_page(aws, queryId=query_id, nextToken=token)
                rows.extend(following["rows"])
                token = following.get("nextToken") if following.get("nextToken") != token else None
        except ServiceError:
            if attempt:
                raise
            page = results_page(aws, queryId=query_id)
        else:
            break
    return FinishedQuery(str(page.get("status", "Unknown")), rows, page.get("statistics") or {})


def stop_query(aws: Aws, query_id: str) -> Exception | None:
    """Return the error that prevented a query from stopping, None when it stopped or had ended.

    This works also after the work was cancelled, because a query that is not stopped continues and is
    charged.
    """
    client = aws.client("logs")
    aws.actions.add("logs:StopQuery")
    problem: Exception | None = None
    for attempt in range(_STOP_ATTEMPTS):
        try:
            client.stop_query(queryId=query_id)
        except Exception as error:  # after any error, other queries have to be stopped as well
            code = getattr(error, "response", {}).get("Error", {}).get("Code")
            if code == "InvalidParameterException":
                return None  # the query has already ended
            problem = error
            time.sleep(min(1.0, aws.backoff(attempt)))
        else:
            return None
    return problem


def rows_from_cells(results: list[list[dict[str, str]]]) -> list[Row]:
    """Return the rows of GetQueryResults (lists of ``field`` and ``value``) as dictionaries."""
    # Field names recur in every row; interned, each is stored once.
    rows = [{intern(cell["field"]): cell["value"] for cell in cells if "value" in cell} for cells in results]
    for row in rows:
        stated = row.get("@timestamp", "")
        # Epoch milliseconds where a query computed with it; the rest of the code reads one form.
        if stated.isdecimal() and (moment := utc_time(stated)) is not None:
            row["@timestamp"] = moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"
    return rows
