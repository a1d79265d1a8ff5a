"""CloudWatch Logs Insights, one query: what to ask, start, poll, fetch.

:mod:`watchme_analysis.cloudwatch.insights.run` makes complete answers of it. API facts: StartQuery,
GetQueryResults and StopQuery in the CloudWatch Logs API reference.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from datetime import datetime
from sys import intern
from typing import Any

from watchme_analysis.aws_shapes.insights_query_text import Row, why_whole
from watchme_analysis.cloudwatch.insights.window_planner import Counts, QueryWindow
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.window import Window

MAX_GROUPS = 50
HIGHEST_LIMIT = 100_000
# What a query returns unless asked, and what some return whatever they are asked.
USUAL_LIMIT = 10_000
OPEN = frozenset({"Scheduled", "Running", "Unknown"})


@dataclass(frozen=True)
class InsightsQuery:
    """A query to ask.

    Attributes
    ----------
    text
        In the Logs Insights language.
    log_groups
        Names or ARNs, at most 50.
    window
        Half-open, as everywhere; StartQuery's ends are inclusive.
    name
        How the answer is called.
    counts
        Upper bounds of the rows per bin (start in epoch seconds, rows), where something knows them
        beforehand; they plan the windows of a query that one answer can't hold.
    counts_bin_s
        Width of those bins in seconds.
    """

    text: str
    log_groups: tuple[str, ...]
    window: Window
    name: str = ""
    counts: Counts = ()
    counts_bin_s: int = 60

    def __post_init__(self) -> None:
        if not 1 <= len(self.log_groups) <= MAX_GROUPS:
            raise InputError(
                f"A query takes 1 to {MAX_GROUPS} log groups, not {len(self.log_groups)}: ask in several."
            )

    @property
    def span(self) -> QueryWindow:
        """The window in milliseconds."""
        start, end = self.window.start.timestamp() * 1000, self.window.end.timestamp() * 1000
        return QueryWindow(math.floor(start), math.ceil(end), part=False)

    @property
    def whole(self) -> str | None:
        """Why the query can't be split, None when it can."""
        return why_whole(self.text)


@dataclass
class Answer:
    """What came of a query.

    Attributes
    ----------
    query
        What was asked.
    rows
        Rows as returned, field to value, in the query's order.
    status
        Complete, or what kept it from being so.
    truncated
        Rows are known or likely to be missing; the notes say why.
    matched
        Events that matched, None when the service didn't say.
    scanned, bytes_scanned
        Sum over all queries that were started for it.
    started
        Queries started for it, counts included.
    cached_at
        When the part was asked that came from the cache, None without.
    notes
        Sentences for the reader.
    """

    query: InsightsQuery
    rows: list[Row] = field(default_factory=list)
    status: str = "Complete"
    truncated: bool = False
    matched: float | None = None
    scanned: float = 0.0
    bytes_scanned: float = 0.0
    started: int = 0
    cached_at: datetime | None = None
    notes: list[str] = field(default_factory=list)

    def incomplete(self, why: str, status: str | None = None) -> None:
        """Mark the answer as incomplete."""
        self.truncated = True
        if status is not None:
            self.status = status
        if why not in self.notes:
            self.notes.append(why)


@dataclass(frozen=True)
class Result:
    """A finished query: rows of all pages, its status and statistics."""

    status: str
    rows: list[Row]
    statistics: dict[str, Any]

    @property
    def matched(self) -> float | None:
        """Events that matched."""
        value = self.statistics.get("recordsMatched")
        return float(value) if value is not None else None

    @property
    def at_usual_limit(self) -> bool:
        """Whether the rows are as many as a lower limit than the one asked lets come."""
        return bool(self.rows) and len(self.rows) % USUAL_LIMIT == 0

    @property
    def lacks(self) -> str | None:
        """What the service counted more of than came; its own count of rows stands before that of matches."""
        counted = self.statistics.get("resultCount", self.matched)
        if counted is None or counted <= len(self.rows):
            return None
        return f"{len(self.rows):,} rows came, and CloudWatch counts {counted:,.0f}"


def start_query(
    aws: Aws, query: InsightsQuery, text: str, seconds: tuple[int, int], limit: int | None
) -> str:
    """Start a query and return its id.

    Parameters
    ----------
    aws
        Account and region.
    query
        Whose log groups are asked.
    text
        What is asked of them.
    seconds
        First and last epoch second that is asked, both included.
    limit
        Rows to return at most; None leaves it to the text.

    Raises
    ------
    BusyError
        When the account runs as many queries as it may.
    ServiceError
        When the service refuses, such as for a malformed query.
    """
    identifiers = any(group.startswith("arn:") for group in query.log_groups)
    parameters: dict[str, Any] = {
        "logGroupIdentifiers" if identifiers else "logGroupNames": list(query.log_groups),
        "queryString": text,
        "startTime": seconds[0],
        "endTime": seconds[1],
    }
    if limit is not None:
        parameters["limit"] = limit
    return str(aws.call("logs", "start_query", **parameters)["queryId"])


def poll_query(aws: Aws, query_id: str) -> dict[str, Any]:
    """Return GetQueryResults' first page; rows of a query that still runs are partial, and left out."""
    return _results(aws, queryId=query_id)


def _results(aws: Aws, **parameters: str) -> dict[str, Any]:
    """Return a page of GetQueryResults, its rows under ``rows``.

    botocore walks each of the cells through its model, which takes several times as long as reading them;
    rows are therefore taken out before it reads the rest.
    """
    events = aws.client("logs").meta.events
    events.register("before-parse.cloudwatch-logs.GetQueryResults", _take_rows, unique_id="watchme-rows")
    page = aws.call("logs", "get_query_results", **parameters)
    if "rows" not in page:
        page["rows"] = rows_of(page.pop("results", []))
    return page


def _take_rows(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Take the rows of an answer out of its body; botocore calls this before it reads the body."""
    if response_dict.get("status_code") != 200:
        return
    try:
        page = json.loads(response_dict["body"])
        results = page.pop("results")
        rows = rows_of(results) if page.get("status") not in OPEN else []
    except (ValueError, KeyError, TypeError, AttributeError):
        return  # not as expected: botocore may know better
    response_dict["body"] = json.dumps(page).encode()
    customized_response_dict["rows"] = rows


def fetch_pages(aws: Aws, query_id: str, first: dict[str, Any]) -> Result:
    """Return a finished query's rows of all pages.

    A token expires after an hour; the pages are then read again from the first.
    """
    for attempt in range(2):
        rows = list(first["rows"])
        token = first.get("nextToken")
        try:
            while token:
                page = _results(aws, queryId=query_id, nextToken=token)
                rows.extend(page["rows"])
                following = page.get("nextToken")
                token = following if following != token else None
        except ServiceError:
            if attempt:
                raise
            first = poll_query(aws, query_id)
        else:
            break
    return Result(str(first.get("status", "Unknown")), rows, first.get("statistics") or {})


def stop_query(aws: Aws, query_id: str, tries: int = 3) -> Exception | None:
    """Stop a query, also after the work was given up; return what kept it from being stopped."""
    client = aws.client("logs")
    aws.actions.add("logs:StopQuery")
    problem: Exception | None = None
    for attempt in range(tries):
        try:
            client.stop_query(queryId=query_id)
        except Exception as error:  # whatever it is, other queries are to be stopped too
            code = getattr(error, "response", {}).get("Error", {}).get("Code")
            if code == "InvalidParameterException":
                return None  # it has ended by itself
            problem = error
            time.sleep(min(1.0, aws.backoff(attempt)))
        else:
            return None
    return problem


def rows_of(results: list[list[dict[str, str]]]) -> list[Row]:
    """Return rows of the API's cells as field to value."""
    # Names recur in every row, and each of them would be a text of its own.
    return [{intern(cell["field"]): cell["value"] for cell in cells if "value" in cell} for cells in results]
