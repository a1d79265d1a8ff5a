"""The log queries that a pull asks: of each function its errors and samples, of a log group everything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from watchme_analysis.aws_shapes.names import LAMBDA_LOG_GROUP
from watchme_analysis.cloudwatch.cli_output import query_answer, query_entry
from watchme_analysis.cloudwatch.insights.cached import QueryOptions, query_cached
from watchme_analysis.cloudwatch.insights.query_api import Answer, InsightsQuery
from watchme_analysis.cloudwatch.insights.query_library import library_query
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import WatchmeError
from watchme_analysis.window import Window

# Queries of the library asked of each function, and how their answers are called.
FUNCTION_QUERIES = {"errors": "worker_errors", "first": "worker_first", "recent": "worker_recent"}
WHOLE_GROUP = "fields @timestamp, @message, @logStream | sort @timestamp asc"


def pull_queries(
    functions: Iterable[str], log_groups: Iterable[str], window: Window
) -> dict[str, list[InsightsQuery]]:
    """Return the queries by log group."""
    found: dict[str, list[InsightsQuery]] = {}
    for function in functions:
        group = LAMBDA_LOG_GROUP + function
        found[group] = [
            InsightsQuery(library_query(name).filled(), (group,), window, f"{function}-{ending}")
            for ending, name in FUNCTION_QUERIES.items()
        ]
    for group in log_groups:
        name = group.strip("/").replace("/", "-")
        found.setdefault(group, []).append(InsightsQuery(WHOLE_GROUP, (group,), window, name))
    return found


@dataclass
class PulledLogs:
    """What log queries brought.

    Attributes
    ----------
    answers
        Answers by name of the query, as GetQueryResults would have given them.
    listed
        What was asked, as ``queries.json`` lists it.
    failures
        Sentence for each query, or log group, of which rows are missing.
    notes
        Sentences for the reader.
    scanned
        Bytes that were scanned.
    """

    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    listed: list[dict[str, Any]] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    scanned: float = 0.0


def ask_logs(
    aws: Aws,
    queries: Mapping[str, list[InsightsQuery]],
    asking: QueryOptions,
    usd_per_gb: float,
    progress: Callable[[str], None] | None = None,
) -> PulledLogs:
    """Ask the queries of all log groups side by side; one group that fails costs no other.

    Parameters
    ----------
    aws
        Account and region.
    queries
        By log group, as :func:`pull_queries` returns them.
    asking
        Cache, deadline and cap.
    usd_per_gb
        Price of scanning, which the list of queries states.
    progress
        Called with a sentence from time to time.
    """
    pulled = PulledLogs()
    # What one group lacks offline says nothing about the others.
    together = [[group] for group in queries] if asking.offline else [list(queries)]
    for groups in together:
        own = [query for group in groups for query in queries[group]]
        try:
            answers = query_cached(aws, own, asking, progress)
        except WatchmeError as error:
            pulled.failures |= {f"logs of {group}": str(error) for group in groups}
            pulled.listed += [query_entry(query, None) for query in own]
            continue
        for answer in answers:
            _take(pulled, answer, usd_per_gb)
    return pulled


def _take(pulled: PulledLogs, answer: Answer, usd_per_gb: float) -> None:
    query = answer.query
    pulled.scanned += answer.bytes_scanned
    if answer.status == "Refused":
        pulled.failures[f"logs of {query.log_groups[0]}"] = " ".join(answer.notes)
        pulled.listed.append(query_entry(query, None))
        return
    pulled.listed.append(query_entry(query, answer, usd_per_gb))
    pulled.answers[query.name] = query_answer(answer)
    if answer.truncated:
        pulled.failures[query.name] = " ".join(answer.notes)
    else:
        pulled.notes += [f"{query.name}: {note}" for note in answer.notes]
