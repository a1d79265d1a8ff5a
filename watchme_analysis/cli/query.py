"""The command ``watchme query``: the library of Logs Insights queries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.aws import (
    PARTLY_FAILED,
    Progress,
    aws_options,
    check_window,
    query_options_of,
    window_of,
)
from watchme_analysis.cli.completion import complete_queries
from watchme_analysis.cli.options import (
    configured,
    language_option,
    system_option,
)
from watchme_analysis.cli.output import TABLE, output_of, output_options
from watchme_analysis.cli.terminal import Printer, echo
from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.text.message import Choice, Resource, Sentences, Text, message, value_of
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.cloudwatch.insights.cached import QueryOptions
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
@language_option
@output_options(["json", "csv"])
def list_command(language: str, **options: Any) -> None:
    """List the queries with their descriptions."""
    from watchme_analysis.cloudwatch.insights.query_library import library
    from watchme_analysis.present.console import filled

    output, out = output_of(options), Printer(language)
    rows = [
        {"query": item.name, "description": out.text(item.description), "log_groups": item.log_groups}
        for item in library().values()
    ]
    if output.form != TABLE:
        output.write_document(rows, lambda: rows)
        return
    for row in rows:
        echo(filled(row["description"], f"{row['query']:<17}  ", " " * 19))


@query.command(
    short_help="Show a query, its parameters and columns.",
    epilog="""\b
Examples:
  watchme query show worker_errors""",
)
@click.argument("name", shell_complete=complete_queries)
@language_option
@output_options()
def show(name: str, language: str, **options: Any) -> None:
    """Show a query: its text, parameters, log groups and columns.

    --output csv and jsonl have a row for each parameter.
    """
    from watchme_analysis.cloudwatch.insights.query_library import library_query

    output, item, out = output_of(options), library_query(name), Printer(language)
    if output.form != TABLE:
        parameters = [
            {
                "name": each.name,
                "type": each.type,
                "default": each.configured,
                "description": out.text(each.description),
            }
            for each in item.parameters
        ]
        about: dict[str, Any] = {"query": item.name, "description": out.text(item.description)}
        about |= {"log_groups": item.log_groups, "columns": [*item.columns]}
        output.write_document(about | {"parameters": parameters, "text": item.text}, lambda: parameters)
        return
    echo(f"{item.name}: {out.text(item.description)}\n")
    out.print_message("query-log-groups", groups=item.log_groups)
    out.print_message("query-columns", columns=", ".join(item.columns))
    for parameter in item.parameters:
        default = parameter.configured
        out.print_message(
            "query-parameter",
            name=parameter.name,
            type=parameter.type,
            has=Choice("nothing" if default is None else "value" if default else "empty"),
            default=default or "",
            description=value_of(parameter.description),
        )
    echo(f"\n{item.text}", nl=False)


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
@output_options(["json", "csv"])
@aws_options
def run(name: str, **options: Any) -> int:
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
    output = output_of(options)
    item = library_query(name)
    text = item.filled(_pairs(options["parameters"]))
    targets: dict[str, Aws] = {}
    for profile in options["profiles"] or (None,):
        for region in options["regions"] or (None,):
            aws = Aws(SessionTarget(profile, region))
            targets[aws.label] = aws
    out = Printer(options["language"])
    progress = Progress(out)

    def query_one(aws: Aws) -> list[QueryResult]:
        query_options = query_options_of(options, aws)
        window = window_of(options, query_options, ["query", text, *options["log_groups"]])
        queries = queries_by_groups(text, _groups(item, options, aws, query_options), window, item.name)
        if not options["offline"]:
            queries = _planned(queries, options, aws, progress.announce)
        return query_cached(aws, queries, query_options, progress)

    try:
        results, failures = query_targets(targets, query_one)
    finally:
        progress.done()
    parts: list[pd.DataFrame] = []
    for target, found in results.items():
        _print_costs(target, found, options["usd_per_gb"], out)
        parts += result_frames(found, target if len(targets) > 1 else None, flatten=options["flatten"])
    if not parts:
        reasons = tuple(
            error_message("error-query-target", target=name, reason=why) for name, why in failures.items()
        )
        raise ServiceError(error_message("sentences", sentences=Sentences(reasons)))
    for target, why in failures.items():
        out.print_message("query-target-failed", err=True, target=target, reason=value_of(why))
    filled = [part for part in parts if len(part)] or parts[:1]
    frame = pd.concat(filled, ignore_index=True)
    if output.form == TABLE:
        _print_table(frame, out)
    else:
        output.write(frame)
    missing = any(result.truncated for found in results.values() for result in found)
    return PARTLY_FAILED if failures or missing else 0


def _groups(item: LibraryQuery, options: dict[str, Any], aws: Aws, query_options: QueryOptions) -> list[str]:
    """Return the log groups of the options, else those of the system, else those that the query names."""
    from watchme_analysis.cloudwatch.insights.log_groups import matching_log_groups

    system = load_config().chosen_system(options["system"])
    patterns = options["log_groups"] or (system and system.log_groups) or [item.log_groups]
    return matching_log_groups(aws, query_options.cache, patterns)


def _planned(
    queries: list[InsightsQuery], options: dict[str, Any], aws: Aws, announce: Callable[[Text], None]
) -> list[InsightsQuery]:
    """Return the queries with scan estimates from the incoming bytes of their groups; print the cost.

    A scan above the ceiling raises an error.
    """
    from watchme_analysis.aws_shapes.prices import scan_cost_message
    from watchme_analysis.cloudwatch.insights.scan_cost import planned_queries

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


def _print_costs(target: str, results: list[QueryResult], usd_per_gb: float, out: Printer) -> None:
    """Print the number of rows and the cost of each result of an account and region."""
    from watchme_analysis.aws_shapes.prices import scan_cost_message
    from watchme_analysis.cloudwatch.insights.cached import log_groups_label

    for result in results:
        where = target if len(results) == 1 else f"{target}, {log_groups_label(result.query)}"
        out.print_message(
            "query-result",
            err=True,
            where=where,
            rows=len(result.rows),
            complete=Choice("no" if result.truncated else "yes"),
            queries=result.queries_started,
            cost=scan_cost_message(result.bytes_scanned, usd_per_gb),
        )
        for note in result.notes:
            out.note(note)


def _print_table(frame: pd.DataFrame, out: Printer) -> None:
    shown = frame.drop(columns="@ptr", errors="ignore")
    for column in shown.select_dtypes("string"):
        # Log lines end with a line break.
        shown[column] = shown[column].str.rstrip()
    echo(out.words("query-no-rows") if shown.empty else shown.to_string(index=False, max_colwidth=120))
