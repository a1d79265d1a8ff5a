"""The log queries that a pull asks: of each function its errors and samples, of a log group everything."""

from __future__ import annotations

from collections.abc import Iterable

from watchme_analysis.sources.aws_names import LAMBDA_LOG_GROUP
from watchme_analysis.sources.insights_calls import InsightsQuery
from watchme_analysis.sources.query_library import library_query
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
