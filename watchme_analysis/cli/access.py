"""The command ``watchme access``: latency percentiles and status shares of access logs."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import click

from watchme_analysis.access_logs.engine.engine import ENGINES
from watchme_analysis.access_logs.summary import BY_TIME, KEYS, AccessSummary
from watchme_analysis.access_logs.summary_json import ORDERS, is_unread
from watchme_analysis.cli.access_run import NO_ERRORS
from watchme_analysis.cli.options import timezone_option
from watchme_analysis.cli.terminal import echo, echo_data, echo_json
from watchme_analysis.window import parse_span, parse_time, parse_zone

INCOMPLETE = 1
_TOP = 20
_MOMENTS = 240
_SLOWEST = 10


@click.command(
    "access",
    short_help="Sum up access logs: how many requests, how slow, which failed.",
    epilog="""\b
Examples:
  watchme access /var/log/nginx                         all its access logs, rotated and packed ones too
  watchme access access.log* --by upstream --since 2h   which upstream is slow or failing now
  watchme access access.log --slow 3s --by minute       when requests took 3 s or longer
  watchme access access.log --path /health --sort p99   one endpoint alone
  watchme access access.log --only status=504 --by hour when it timed out, hour by hour
  zcat -f access.log* | watchme access - --format main  what another program gives
  watchme access access.log --errors error.log          why they failed, in Nginx's own words
  watchme access access.log --format '$remote_addr [$time_local] "$request" $status $request_time'
  watchme access s3://bucket/nginx/ --engine spark --spark spark.master=yarn --parquet s3://bucket/out/
  watchme access access.log --athena-ddl s3://bucket/nginx/yyyy/MM/dd/ > table.sql

Exit codes: 0 all was read; 1 what is printed is incomplete (a log is torn or damaged, none of a log's
lines was understood, the reading was stopped, or with --strict any line was rejected); 2 bad input.""",
)
@click.argument("files", nargs=-1)
@click.option("--by", type=click.Choice([*KEYS]), default="path", show_default=True, help="What to group by.")
@click.option(
    "--sort",
    type=click.Choice([*ORDERS]),
    default="requests",
    show_default=True,
    help="Order of the groups, the largest first.",
)
@click.option("--top", type=click.IntRange(1), help=f"Most rows of a table.  [default: {_TOP}]")
@click.option(
    "--slow", metavar="SPAN", help="Count only requests that took at least this, such as 3s or 500ms."
)
@click.option(
    "--only",
    multiple=True,
    metavar="NAME=VALUE",
    help="Count only requests that --by NAME shows as VALUE, such as status=5xx,499 or agent=curl*.",
)
@click.option("--since", help="From this time on: ISO 8601, or a span before now such as 2h.")
@click.option("--until", help="Up to this time.")
@click.option("--path", "prefix", help="Only paths that begin like this.")
@click.option(
    "--format",
    "--log-format",
    "log_format",
    help="How lines are written: the name or the text of a log_format; found out unless given.",
)
@click.option(
    "--nginx-conf",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Configuration with the formats; else nginx.conf beside each log.",
)
@click.option("--decode-escapes", is_flag=True, help=r"Show what Nginx wrote as \xXX the way it was sent.")
@click.option(
    "--errors",
    "error_logs",
    multiple=True,
    metavar="FILE",
    help="Error log whose lines to show with their requests; those beside the logs unless given, or none.",
)
@timezone_option
@click.option(
    "--log-timezone",
    help="Zone of logged times that name none.  [default: of error logs that of the access logs, else UTC]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with everything.")
@click.option(
    "--parquet", metavar="OUT", help="Also write what is counted to this file; with spark, a folder."
)
@click.option("--columns", help="Columns to write to OUT, such as time,path,status; all unless given.")
@click.option("--strict", is_flag=True, help="Exit with 1 when any line was rejected.")
@click.option(
    "--engine",
    type=click.Choice([*ENGINES, "spark"]),
    default="auto",
    show_default=True,
    help="What reads the lines; all give the same.",
)
@click.option(
    "--spark", "spark_options", multiple=True, metavar="NAME=VALUE", help="Setting of Spark's session."
)
@click.option(
    "--athena-ddl",
    metavar="S3_PREFIX",
    help="Print an Athena table of logs like these below a prefix, and do nothing else.",
)
def access(files: tuple[str, ...], as_json: bool, timezone: str, **asked: Any) -> int:
    """Say what access logs hold: how many requests, how slow, how they failed.

    FILES are files, 'quoted*patterns', folders, - for standard input, or s3:// names; gzip, bzip2, xz and
    Zstandard are unpacked. Each log's format is found beside it (nginx.conf), else told by its lines: of
    Nginx, Apache, Envoy, HAProxy, Traefik, Caddy, IIS, CloudFront, S3, load balancers, or JSON. Every line is
    counted: what can't be read is shown as rejected. A log of any size is read in bounded memory; Ctrl-C
    shows what was read until then.
    """
    from watchme_analysis.access_logs.filters import RequestFilter, parse_only
    from watchme_analysis.access_logs.summary_json import access_report, plain
    from watchme_analysis.cli.access_run import athena_ddl, make_scan, run_here, run_on_spark
    from watchme_analysis.cli.access_text import access_page

    zone = parse_zone(timezone)
    since, until = (_microseconds(asked.pop(name), zone) for name in ("since", "until"))
    if since is not None and until is not None and until <= since:
        raise click.UsageError("--until is not after --since: swap them.")
    _check(asked)
    if asked["athena_ddl"]:
        echo_data(athena_ddl(files, asked))
        return 0
    if not files:
        raise click.UsageError(
            "Give FILES: access logs, folders that hold them, s3:// names, or - for input."
        )
    choice = RequestFilter(_seconds(asked["slow"]), parse_only(asked["only"]))
    scan = make_scan(files, asked, (since, until), choice)
    run = run_on_spark if asked["engine"] == "spark" else run_here
    found = run(scan, partial(AccessSummary, asked["by"], choice, asked["top"] or _SLOWEST), asked)
    report = access_report(found.summary, found.retrievals, scan.notes, asked["sort"])
    if report["left_out"] and not report["rows"]:
        report["reach"] = plain(dict(zip(("start", "end"), scan.time_range(), strict=True)))
    if found.errors is not None:
        report["errors"] = found.errors
    if as_json:
        echo_json(json.dumps(report, indent=1, ensure_ascii=False))
    else:
        top = asked["top"] or (_MOMENTS if asked["by"] in BY_TIME else _TOP)
        echo(access_page(report, top, zone))
    return _exit_code(report, asked["strict"])


def _check(asked: dict[str, Any]) -> None:
    on_spark = asked["engine"] == "spark"
    if asked["prefix"] and not asked["prefix"].startswith(("/", "*")):
        raise click.UsageError(f"--path wants the beginning of a path, such as /{asked['prefix']}.")
    if asked["columns"] and not asked["parquet"]:
        raise click.UsageError("--columns goes with --parquet.")
    if asked["spark_options"] and not on_spark:
        raise click.UsageError("--spark goes with --engine spark.")
    if on_spark and set(asked["error_logs"]) - {NO_ERRORS}:
        raise click.UsageError("--errors does not go with --engine spark.")


def _microseconds(text: str | None, zone: Any) -> int | None:
    return None if text is None else round(parse_time(text, zone).timestamp() * 1_000_000)


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    found = parse_span(text).total_seconds()
    if not found:
        raise click.UsageError("--slow wants a time that a request took at least, such as 3s or 500ms.")
    return found


def _exit_code(report: dict[str, Any], strict: bool) -> int:
    errors = report.get("errors", {"inputs": []})["inputs"]
    torn = report["truncated"] or any(one["truncated"] for one in errors)
    unread = any(is_unread(one) for one in report["inputs"])
    refused = strict and report["rejected"] > 0
    return INCOMPLETE if torn or unread or refused else 0
