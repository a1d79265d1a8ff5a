"""The command ``watchme query``: the library of Logs Insights queries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.aws import (
    Progress,
    aws_options,
    check_window,
    query_options_of,
    window_of,
)
from watchme_analysis.cli.completion import complete_queries
from watchme_analysis.cli.exit_codes import ExitCode
from watchme_analysis.cli.options import configured, system_option
from watchme_analysis.cli.result import Result, renders
from watchme_analysis.cli.terminal import Printer
from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.text.message import Choice, Message, Resource, Sentences, Text, message, value_of
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.cloudwatch.insights.cached import QueryOptions
    from watchme_analysis.cloudwatch.insights.log_groups import LogGroups
    from watchme_analysis.cloudwatch.insights.query_api import InsightsQuery, QueryResult
    from watchme_analysis.cloudwatch.insights.query_library import LibraryQuery
    from watchme_analysis.cloudwatch.session import Aws


@click.group()
def query() -> None:
    """Run Logs Insights queries of the library."""


@query.command(
    "list",
    epilog="""\b
Examples:
  watchme query list
  watchme query list --output json""",
)
@renders(["json", "csv"])
def list_command(out: Printer) -> Result:
    """List the queries with their descriptions."""
    from watchme_analysis.cloudwatch.insights.query_library import library
    from watchme_analysis.present.console import filled

    rows = [
        {"query": item.name, "description": out.text(item.description), "log_groups": item.log_groups}
        for item in library().values()
    ]
    lines = (filled(row["description"], f"{row['query']:<17}  ", " " * 19) for row in rows)
    return Result(lines, rows)


@query.command(
    short_help="Show a query, its parameters and columns.",
    epilog="""\b
Examples:
  watchme query show worker_errors""",
)
@click.argument("name", shell_complete=complete_queries)
@renders()
def show(out: Printer, name: str) -> Result:
    """Show a query: its text, parameters, log groups and columns.

    --output csv and jsonl have a row for each parameter.
    """
    from watchme_analysis.cloudwatch.insights.query_library import library_query

    item = library_query(name)
    parameters = [
        {
            "name": each.name,
            "type": each.type,
            "default": each.configured,
            "description": out.text(each.description),
        }
        for each in item.parameters
    ]
    document = {
        "query": item.name,
        "description": out.text(item.description),
        "log_groups": item.log_groups,
        "columns": [*item.columns],
        "parameters": parameters,
        "text": item.text,
    }
    return Result(_lines_of_query(item, out), parameters, document)


def _lines_of_query(item: LibraryQuery, out: Printer) -> Iterator[Text]:
    yield f"{item.name}: {out.text(item.description)}\n"
    yield message("query-log-groups", groups=Resource(item.log_groups))
    yield message("query-columns", columns=Resource(", ".join(item.columns)))
    for parameter in item.parameters:
        default = parameter.configured
        yield message(
            "query-parameter",
            name=Resource(parameter.name),
            type=Resource(parameter.type),
            has=Choice("nothing" if default is None else "value" if default else "empty"),
            default=Resource(default or ""),
            description=value_of(parameter.description),
        )
    yield "\n" + item.text.removesuffix("\n")


@query.command(
    short_help="Run a query and print its rows and its cost.",
    epilog="""\b
Examples:
  watchme query run worker_errors --log-group /aws/lambda/worker --since 2h
  watchme query run durations --to durations.csv --max-scan-gb 5""",
)
@click.argument("name", shell_complete=complete_queries)
@click.option(
    "-p", "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="Parameter of the query."
)
@click.option(
    "--log-group",
    "log_groups",
    multiple=True,
    help="Log group; by default those of the system, else those that the query names.",
)
@system_option
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    callback=configured("profile"),
    help="AWS profile; several are queried at once.",
)
@click.option(
    "--region",
    "regions",
    multiple=True,
    callback=configured("region"),
    help="AWS region; several are queried at once.",
)
@click.option(
    "--flatten", is_flag=True, help="Show the fields of JSON messages as columns, such as message.level."
)
@aws_options
@renders(["json", "csv"])
def run(out: Printer, name: str, **options: Any) -> Result:
    """Run a query and print its rows; scanned bytes and missing rows are reported on standard error.

    Insights accepts 50 log groups per query, so more are queried in batches of 50. Events of all batches are
    merged by time. Commands over several events, such as stats, return rows per batch, named in a column.

    The exit code is 1 if rows are missing: the deadline passed, or an account, a region or a batch of log
    groups could not be queried. The rows of the others are printed.
    """
    import pandas as pd

    from watchme_analysis.cloudwatch.insights.cached import (
        queries_by_groups,
        query_cached,
        query_targets,
        result_frames,
    )
    from watchme_analysis.cloudwatch.insights.query_library import library_query
    from watchme_analysis.cloudwatch.session import Aws, SessionTarget

    check_window(options)
    item = library_query(name)
    text = item.filled(_pairs(options["parameters"]))
    accounts = (
        Aws(SessionTarget(profile, region))
        for profile in options["profiles"] or (None,)
        for region in options["regions"] or (None,)
    )
    targets = {aws.label: aws for aws in accounts}

    def query_one(aws: Aws) -> list[QueryResult]:
        query_options = query_options_of(options, aws)
        window = window_of(options, query_options, ["query", text, *options["log_groups"]])
        groups, notes = _groups(item, text, options, aws, query_options)
        queries = queries_by_groups(text, groups, window, item.name, notes=notes)
        if not options["offline"]:
            queries = _planned(queries, options, aws, progress.announce)
        return query_cached(aws, queries, query_options, progress)

    with Progress(out) as progress:
        results, failures = query_targets(targets, query_one)
    if not results:
        reasons = tuple(
            error_message("error-query-target", target=target, reason=why) for target, why in failures.items()
        )
        raise ServiceError(error_message("sentences", sentences=Sentences(reasons)))
    parts = [
        part
        for target, found in results.items()
        for part in result_frames(found, target if len(targets) > 1 else None, flatten=options["flatten"])
    ]
    filled = [part for part in parts if len(part)] or parts[:1]
    frame = pd.concat(filled, ignore_index=True)
    price = options["usd_per_gb"]
    notes = [note for target, found in results.items() for note in _costs(target, found, price)]
    notes += [
        message("query-target-failed", target=Resource(target), reason=value_of(why))
        for target, why in failures.items()
    ]
    is_missing = failures or any(result.truncated for found in results.values() for result in found)
    return Result(
        _table(frame), frame=frame, notes=notes, outcome=ExitCode.FAILED if is_missing else ExitCode.DONE
    )


def _groups(
    item: LibraryQuery, text: str, options: dict[str, Any], aws: Aws, query_options: QueryOptions
) -> LogGroups:
    """Return the log groups of the options, else those of the system, else those that the query names."""
    from watchme_analysis.cloudwatch.insights.log_groups import queryable_log_groups

    system = load_config().chosen_system(options["system"])
    patterns = options["log_groups"] or (system and system.log_groups) or [item.log_groups]
    return queryable_log_groups(aws, query_options.cache, patterns, text)


def _planned(
    queries: list[InsightsQuery], options: dict[str, Any], aws: Aws, announce: Callable[[Text], None]
) -> list[InsightsQuery]:
    """Return the queries with scan estimates from the incoming bytes of their groups; print the cost.

    A scan above the ceiling raises an error.
    """
    from watchme_analysis.cloudwatch.insights.scan_cost import planned_queries
    from watchme_analysis.prices import scan_cost_message

    price = options["usd_per_gb"]
    try:
        planned, estimate = planned_queries(aws, queries, options["max_scan_gb"], price)
    except ServiceError as error:
        said = error_message("query-no-estimate", region=aws.region, reason=error)
        announce(message("print-note", text=said))
        return queries
    cost = scan_cost_message(estimate.bytes_expected, price)
    announce(message("query-estimate", region=Resource(aws.region), cost=cost))
    return planned


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(error_message("error-query-parameter", text=repr(text)))
        pairs[name.strip()] = value
    return pairs


def _costs(target: str, results: list[QueryResult], usd_per_gb: float) -> Iterator[Message]:
    """Yield the number of rows and the cost of each result of an account and region, and its notes."""
    from watchme_analysis.cloudwatch.insights.cached import log_groups_label
    from watchme_analysis.prices import scan_cost_message

    for result in results:
        where = target if len(results) == 1 else f"{target}, {log_groups_label(result.query)}"
        yield message(
            "query-result",
            where=Resource(where),
            rows=len(result.rows),
            complete=Choice("no" if result.truncated else "yes"),
            queries=result.queries_started,
            cost=scan_cost_message(result.bytes_scanned, usd_per_gb),
        )
        yield from (message("print-note", text=value_of(note)) for note in result.notes)


def _table(frame: pd.DataFrame) -> Iterator[Text]:
    shown = frame.drop(columns="@ptr", errors="ignore")
    for column in shown.select_dtypes("string"):
        # Log lines end with a line break.
        shown[column] = shown[column].str.rstrip()
    yield message("query-no-rows") if shown.empty else shown.to_string(index=False, max_colwidth=120)
