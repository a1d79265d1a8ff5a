"""Run the log queries of a pull: errors and samples of each function, and all events of named log groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from watchme_analysis.aws_shapes.names import LAMBDA_LOG_GROUP
from watchme_analysis.cloudwatch.cli_output import query_entry, query_response
from watchme_analysis.cloudwatch.insights.cached import QueryOptions, query_cached
from watchme_analysis.cloudwatch.insights.query_api import InsightsQuery, QueryResult
from watchme_analysis.cloudwatch.insights.query_library import library_query
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import WatchmeError
from watchme_analysis.text.message import Resource, Sentences, message_of, value_of
from watchme_analysis.text.render import note, text_of_error
from watchme_analysis.window import Window

# Ending of the result's name -> query of the library that is run for each function.
FUNCTION_QUERIES = {"errors": "worker_errors", "first": "worker_first", "recent": "worker_recent"}
# Query that returns all events of a log group.
ALL_EVENTS = "fields @timestamp, @message, @logStream | sort @timestamp asc"


def pull_queries(
    functions: Iterable[str], log_groups: Iterable[str], window: Window
) -> dict[str, list[InsightsQuery]]:
    """Return the queries of a pull by log group; of the named log groups, all events are retrieved."""
    queries: dict[str, list[InsightsQuery]] = {}
    for function in functions:
        group = LAMBDA_LOG_GROUP + function
        queries[group] = [
            InsightsQuery(library_query(name).filled(), (group,), window, f"{function}-{ending}")
            for ending, name in FUNCTION_QUERIES.items()
        ]
    for group in log_groups:
        name = group.strip("/").replace("/", "-")
        queries.setdefault(group, []).append(InsightsQuery(ALL_EVENTS, (group,), window, name))
    return queries


@dataclass
class PulledLogs:
    """Results of the log queries of a pull."""

    # in the shape of GetQueryResults, by name of the query
    responses: dict[str, dict[str, Any]] = field(default_factory=dict)
    query_entries: list[dict[str, Any]] = field(default_factory=list)  # of ``queries.json``
    failures: dict[str, str] = field(default_factory=dict)  # reason for missing rows, by query or log group
    notes: list[str] = field(default_factory=list)
    bytes_scanned: float = 0.0


def run_log_queries(
    aws: Aws,
    queries: Mapping[str, list[InsightsQuery]],
    options: QueryOptions,
    usd_per_gb: float,
    progress: Callable[[str], None] | None = None,
) -> PulledLogs:
    """Return the results of all log groups' queries; a log group that fails does not affect the others.

    ``queries`` are by log group, as :func:`pull_queries` returns them; ``usd_per_gb`` is noted in
    ``queries.json``.
    """
    pulled = PulledLogs()
    # Offline, a log group that is missing in the cache must not affect the others.
    batches = [[group] for group in queries] if options.cache.offline else [list(queries)]
    for groups in batches:
        batch = [query for group in groups for query in queries[group]]
        try:
            results = query_cached(aws, batch, options, progress)
        except WatchmeError as error:
            pulled.failures |= {
                note("pull-part-logs-of", group=Resource(group)): text_of_error(error) for group in groups
            }
            pulled.query_entries += [query_entry(query, None) for query in batch]
            continue
        for result in results:
            _add_result(pulled, result, usd_per_gb)
    return pulled


def _add_result(pulled: PulledLogs, result: QueryResult, usd_per_gb: float) -> None:
    query = result.query
    pulled.bytes_scanned += result.bytes_scanned
    if result.status == "Refused":
        part = note("pull-part-logs-of", group=Resource(query.log_groups[0]))
        pulled.failures[part] = _joined(result.notes)
        pulled.query_entries.append(query_entry(query, None))
        return
    pulled.query_entries.append(query_entry(query, result, usd_per_gb))
    pulled.responses[query.name] = query_response(result)
    if result.truncated:
        pulled.failures[query.name] = _joined(result.notes)
    else:
        pulled.notes += [
            note("note-of-file", file=Resource(query.name), note=value_of(text)) for text in result.notes
        ]


def _joined(notes: Sequence[str]) -> str:
    """Return notes as one text."""
    return note("sentences", sentences=Sentences(tuple(map(message_of, notes)))) if notes else ""
