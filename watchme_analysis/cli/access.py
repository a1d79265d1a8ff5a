"""The command ``watchme access``: latency percentiles and status shares of access logs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from watchme_analysis.access_logs.engine.engine import ENGINES
from watchme_analysis.access_logs.summary import BY_TIME, KEYS, AccessSummary
from watchme_analysis.access_logs.summary_json import ORDERS, is_unread
from watchme_analysis.cli.access_run import NO_ERRORS
from watchme_analysis.cli.exit_codes import ExitCode
from watchme_analysis.cli.options import ChoiceWithSuggestion, window_options
from watchme_analysis.cli.result import Result, renders
from watchme_analysis.cli.terminal import Printer, echo_data
from watchme_analysis.text.render import error_sentence, note
from watchme_analysis.window import parse_span, parse_time

_TOP = 20
_MOMENTS = 240
_SLOWEST = 10


@click.command(
    "access",
    short_help="Summarise access logs: requests, latency, failures.",
    epilog="""\b
Examples:
  watchme access /var/log/nginx                         all access logs, also rotated and compressed ones
  watchme access access.log* --by upstream --since 2h   which upstreams are slow or fail now
  watchme access access.log --slow 3s --by minute       when requests took 3 s or longer
  watchme access access.log --path /health --sort p99   one endpoint only
  watchme access access.log --only status=504 --by hour timeouts by hour
  zcat -f access.log* | watchme access - --format main  output of another program
  watchme access access.log --errors error.log          with Nginx's error messages
  watchme access access.log --format '$remote_addr [$time_local] "$request" $status $request_time'
  watchme access s3://bucket/nginx/ --engine spark --spark spark.master=yarn --parquet s3://bucket/out/
  watchme access access.log --athena-ddl s3://bucket/nginx/yyyy/MM/dd/ > table.sql

Exit codes: 0 complete; 1 incomplete (a log is truncated or damaged, no line of a log could be read, the
scan was interrupted, or with --strict a line was rejected); 2 invalid input.""",
)
@click.argument("files", nargs=-1)
@click.option(
    "--by", type=ChoiceWithSuggestion([*KEYS]), default="path", show_default=True, help="Key of the groups."
)
@click.option(
    "--sort",
    type=ChoiceWithSuggestion([*ORDERS]),
    default="requests",
    show_default=True,
    help="Order of the groups, the largest first.",
)
@click.option("--top", type=click.IntRange(1), help=f"Largest number of rows in a table.  [default: {_TOP}]")
@click.option(
    "--slow", metavar="SPAN", help="Count only requests that took at least this, such as 3s or 500ms."
)
@click.option(
    "--only",
    multiple=True,
    metavar="NAME=VALUE",
    help="Count only requests whose --by NAME is VALUE, such as status=5xx,499 or agent=curl*.",
)
@window_options()
@click.option("--path", "prefix", help="Only paths with this prefix.")
@click.option(
    "--format",
    "--log-format",
    "log_format",
    help="Name or text of the log_format; by default it is detected.",
)
@click.option(
    "--nginx-conf",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Configuration with the formats; by default nginx.conf beside each log.",
)
@click.option("--decode-escapes", is_flag=True, help=r"Decode characters that Nginx escaped as \xXX.")
@click.option(
    "--errors",
    "error_logs",
    multiple=True,
    metavar="FILE",
    help="Error log to link with requests; by default those beside the logs. none disables it.",
)
@click.option(
    "--log-timezone",
    help="Time zone of logged times without one.  [default: UTC; error logs: that of the access logs]",
)
@click.option(
    "--parquet", metavar="OUT", help="Also write the counted requests to this file; with spark, a folder."
)
@click.option("--columns", help="Columns to write to OUT, such as time,path,status; by default all.")
@click.option("--strict", is_flag=True, help="Exit with 1 if a line was rejected.")
@click.option(
    "--engine",
    type=ChoiceWithSuggestion([*ENGINES, "spark"]),
    default="auto",
    show_default=True,
    help="Parser of the lines; all return the same rows.",
)
@click.option(
    "--spark", "spark_options", multiple=True, metavar="NAME=VALUE", help="Setting of the Spark session."
)
@click.option(
    "--athena-ddl",
    metavar="S3_PREFIX",
    help="Print the DDL of an Athena table for such logs below a prefix, and exit.",
)
@renders(has_zone=True)
def access(out: Printer, files: tuple[str, ...], **options: Any) -> Result | int:
    """Summarise access logs: number of requests, latency percentiles and failures.

    FILES are files, 'quoted*patterns', folders, s3:// names, or - for standard input. Files compressed with
    gzip, bzip2, xz or Zstandard are decompressed. The format of a log is read from nginx.conf beside it, else
    detected from its lines: Nginx, Apache, Envoy, HAProxy, Traefik, Caddy, Kong, uWSGI, IIS, CloudFront, S3,
    AWS load balancers, or JSON. Every line is counted, and unreadable lines are shown as rejected. Memory use
    is bounded for logs of any size. Ctrl-C prints the summary of the lines read so far. --json prints
    everything as one object, --output csv and jsonl the groups.
    """
    from watchme_analysis.access_logs.filters import RequestFilter, parse_only
    from watchme_analysis.access_logs.summary_json import access_report, plain
    from watchme_analysis.cli.access_run import athena_ddl, make_scan, run_here, run_on_spark
    from watchme_analysis.cli.access_text import AccessPage

    since, until = (_microseconds(options.pop(name), out.zone) for name in ("since", "until"))
    if since is not None and until is not None and until <= since:
        raise click.UsageError(error_sentence("error-until-before-since"))
    _check(options)
    if options["athena_ddl"]:
        echo_data(athena_ddl(files, options, out.language))
        return ExitCode.DONE
    if not files:
        raise click.UsageError(error_sentence("error-files-missing"))
    choice = RequestFilter(_seconds(options["slow"]), parse_only(options["only"]))
    scan = make_scan(files, options, (since, until), choice)
    run = run_on_spark if options["engine"] == "spark" else run_here
    new_summary = partial(AccessSummary, options["by"], choice, options["top"] or _SLOWEST)
    found = run(scan, new_summary, options, out)
    if scan.uses_assumed_zone:
        scan.notes.append(note("access-note-assumed-zone"))
    scan.notes += scan.local_time_notes()
    report = access_report(found.summary, found.retrievals, scan.notes, options["sort"], found.senders)
    if report["left_out"] and not report["rows"]:
        report["reach"] = plain(dict(zip(("start", "end"), scan.time_range(), strict=True)))
    if report["requests"] and report["total"]["max_s"] is None:
        report["further_fields"] = scan.further_fields()
        report["fields_of_times"] = scan.fields_of_times()
    if found.errors is not None:
        report["errors"] = found.errors
    top = options["top"] or (_MOMENTS if options["by"] in BY_TIME else _TOP)
    page = AccessPage(report, top, out)
    return Result(page.lines(), report["groups"], report, outcome=_outcome(report, options["strict"]))


def _check(options: dict[str, Any]) -> None:
    on_spark = options["engine"] == "spark"
    if options["prefix"] and not options["prefix"].startswith(("/", "*")):
        raise click.UsageError(error_sentence("error-path-without-slash", path=options["prefix"]))
    if options["columns"] and not options["parquet"]:
        raise click.UsageError(error_sentence("error-columns-need-parquet"))
    if options["spark_options"] and not on_spark:
        raise click.UsageError(error_sentence("error-spark-needs-engine"))
    if on_spark and set(options["error_logs"]) - {NO_ERRORS}:
        raise click.UsageError(error_sentence("error-errors-without-spark"))


def _microseconds(text: str | None, zone: Any) -> int | None:
    return None if text is None else round(parse_time(text, zone).timestamp() * 1_000_000)


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    found = parse_span(text).total_seconds()
    if not found:
        raise click.UsageError(error_sentence("error-slow-duration"))
    return found


def _outcome(report: dict[str, Any], strict: bool) -> ExitCode:
    errors = report.get("errors", {"inputs": []})["inputs"]
    torn = report["truncated"] or any(one["truncated"] for one in errors)
    unread = any(is_unread(one) for one in report["inputs"])
    refused = strict and report["rejected"] > 0
    return ExitCode.FAILED if torn or unread or refused else ExitCode.DONE
