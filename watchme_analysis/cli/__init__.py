"""The command ``watchme``."""

from __future__ import annotations

import errno
import json
import shlex
import signal
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from watchme_analysis import __version__
from watchme_analysis.errors import WatchmeError
from watchme_analysis.window import parse_zone
from watchme_analysis.wording import counted

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.case import Case

BAD_INPUT = 2

# Commands that stand in modules of their own, loaded when they are asked for.
_ELSEWHERE = {
    "access": "watchme_analysis.cli.access:access",
    "report": "watchme_analysis.cli.report:report",
    "lab": "watchme_analysis.cli.report:lab",
    "probe": "watchme_analysis.cli.probe:probe",
    "pull": "watchme_analysis.cli.pull:pull",
    "query": "watchme_analysis.cli.query:query",
    "alarms": "watchme_analysis.cli.alarms:alarms",
    "simulate": "watchme_analysis.cli.simulate:simulate",
    "resend": "watchme_analysis.cli.resend:resend",
}


class Commands(click.Group):
    """The commands in the order in which one needs them, loaded lazily."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return [*self.commands, *_ELSEWHERE]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, loaded if need be."""
        if cmd_name in _ELSEWHERE:
            module, _, name = _ELSEWHERE[cmd_name].partition(":")
            command: click.Command = getattr(import_module(module), name)
            return command
        return super().get_command(ctx, cmd_name)


timezone_option = click.option(
    "--timezone",
    default="Asia/Tokyo",
    show_default=True,
    help="Zone of the times shown, and of times given without one.",
)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
A first round:
  watchme import FOLDER CASE        turn raw evidence into a case
  watchme case show CASE            see what it holds and what it misses
  watchme diagnose health CASE      name the cause, with its evidence
  watchme report all CASE           the same as a page with figures, below reports/

Exit codes: 0 done, 1 a report failed (what there is of it is kept), 2 bad input.""",
)
@click.version_option(__version__, package_name="watchme_analysis")
def cli() -> None:
    """Find out why an event-driven system on AWS misbehaved.

    Evidence (logs, metrics, probes, queue state, configurations) is imported into a case, one folder that
    holds everything for later steps, all offline. Questions are answered from the case: `health` (why does
    an endpoint time out) and `backlog` (why do messages pile up or end in a dead-letter queue).
    """


@cli.command(
    "import",
    epilog="""\b
Example:
  watchme import ~/incident cases/last-night""",
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("case", type=click.Path(path_type=Path))
@timezone_option
def import_command(folder: Path, case: Path, timezone: str) -> None:
    """Turn a FOLDER of raw evidence into a CASE.

    Files are recognised by name and content (docs/evidence.md lists them; any may be gzipped); a case.toml
    in the folder may say otherwise. Nothing is dropped: the table printed says for each file what was
    taken, its window, and how many lines were rejected, and then what was left and why. Importing the same
    folder again changes nothing.
    """
    from watchme_analysis.importer import import_folder
    from watchme_analysis.views import console

    zone = parse_zone(timezone)
    progress = _progress("reading")
    report = import_folder(folder, case, progress=progress)
    if progress is not None:
        progress("done\n")
    click.echo(console.import_text(report.case.manifest, zone))
    rows = sum(entry["rows"] for entry in report.case.manifest["tables"].values())
    state = "written" if report.changed else "unchanged, it holds this input already"
    click.echo(f"\ncase {case}: {counted(len(report.case.tables), 'table')}, {counted(rows, 'row')}; {state}")
    _say_next(report.case, case)


@cli.group("case")
def case_group() -> None:
    """Look at a case."""


@case_group.command(
    "show",
    short_help="Show the tables of a CASE and where they come from.",
    epilog="""\b
Example:
  watchme case show cases/last-night --timezone UTC""",
)
@click.argument("case", type=click.Path(path_type=Path))
@timezone_option
def case_show(case: Path, timezone: str) -> None:
    """Show the tables of a CASE, their rows, windows and gaps, and the files that they were read from."""
    from watchme_analysis.analysis.gaps import silent_stretches
    from watchme_analysis.case import open_case
    from watchme_analysis.schema import TABLES
    from watchme_analysis.views import console

    zone = parse_zone(timezone)
    opened = open_case(case)
    gaps = {
        name: silent_stretches(opened.table(name)[column])
        for name in opened.tables
        if (column := TABLES[name].time) is not None
    }
    click.echo(console.case_text(opened.manifest, gaps, zone))
    _say_next(opened, case)


@case_group.command(
    "sql",
    epilog="""\b
Examples:
  watchme case sql CASE 'show tables'
  watchme case sql CASE 'select path, count(*) from access_log group by path order by 2 desc'
  watchme case sql CASE "select start, path, edge_s, app_after_s from requests where fate = 'app_late'"
""",
)
@click.argument("case", type=click.Path(path_type=Path))
@click.argument("query")
@click.option("--csv", "as_csv", is_flag=True, help="Print all rows as CSV, for other programs.")
@click.option(
    "--limit", type=click.IntRange(0), default=200, show_default=True, help="Rows printed as a table."
)
def case_sql(case: Path, query: str, as_csv: bool, limit: int) -> None:
    """Run a QUERY (DuckDB's SQL) over the tables of a CASE; times are UTC.

    Each statement of a diagnosis has the query for the rows behind it: `watchme diagnose health CASE --sql`
    prints them, the report shows them folded up, --json has them as `sql`. Besides the tables there is
    `requests`: every request followed through edge, Nginx and application, a row each; and `linked_errors`:
    `error_log` with the access log's line that each error is about.
    """
    from watchme_analysis.analysis.access.error_requests import errors_with_requests
    from watchme_analysis.case import open_case
    from watchme_analysis.hypotheses.health.facts import requests_view
    from watchme_analysis.views import console

    opened = open_case(case)
    views: dict[str, Callable[[], pd.DataFrame]] = {
        "requests": lambda: requests_view(opened),
        "linked_errors": lambda: errors_with_requests(opened.table("error_log"), opened.table("access_log")),
    }
    found = opened.sql(query, {name: view() for name, view in views.items() if name in query.lower()})
    if as_csv:
        click.echo(found.to_csv(index=False), nl=False)
        return
    rows = found.head(limit).astype(object).where(found.head(limit).notna(), None)
    click.echo(console.table(rows.to_numpy().tolist(), list(found.columns)))
    left = len(found) - len(rows)
    click.echo(
        counted(len(found), "row") + (f", {left:,} of them not shown: --limit or --csv" if left else "")
    )


@cli.command(
    epilog="""\b
Examples:
  watchme diagnose health ~/incident
  watchme diagnose health cases/last-night --endpoint /api/health --since 2h
  watchme diagnose backlog cases/last-night --queue uploads --json"""
)
@click.argument("question", type=click.Choice(["health", "backlog"]))
@click.argument("case", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/evidence.md).")
@click.option("--sql", "with_sql", is_flag=True, help="Print below each statement the query for its rows.")
@click.option("--since", help="Start of the window: ISO 8601, or a span such as 2h before the case's end.")
@click.option("--until", help="End of the window.")
@click.option("--endpoint", help="health: the path that is asked about; found from the data if not given.")
@click.option("--queue", help="backlog: the queue that is asked about; found from the data if not given.")
@timezone_option
def diagnose(question: str, case: Path, as_json: bool, with_sql: bool, **options: str | None) -> None:
    """Name the cause behind a CASE, or say what evidence would decide.

    CASE is a case or a folder of raw evidence. The answer is supported (one cause), inconclusive (the
    evidence does not separate the causes, or is missing) or no incident, with the probability of every cause
    considered, the evidence for and against it, what could not be seen and the next test.
    """
    from watchme_analysis.diagnosis import diagnose as find
    from watchme_analysis.hypotheses.health.calibration import track_record
    from watchme_analysis.report.remedy import remedies
    from watchme_analysis.views import console

    zone = parse_zone(str(options["timezone"]))
    wrong = "queue" if question == "health" else "endpoint"
    if options[wrong] is not None:
        raise click.UsageError(f"--{wrong} does not go with the question {question!r}.")
    found = find(
        question,
        case,
        since=options["since"],
        until=options["until"],
        zone=zone,
        subject=options["endpoint"] or options["queue"],
    ).to_dict()
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=1))
        return
    record = track_record(found["verdict"], found["confidence"]) if question == "health" else ""
    here = Path.cwd()
    pages = [
        str(page.relative_to(here) if page.is_relative_to(here) else page)
        for page in remedies(found).values()
    ]
    click.echo(console.diagnosis_text(found, zone, with_sql=with_sql, track_record=record, remedies=pages))


def _say_next(opened: Case, case: Path) -> None:
    """Say what a case lacks for the questions it can be asked, and how to ask them."""
    from watchme_analysis.diagnosis import absent_tables, investigate, questions_for
    from watchme_analysis.views.console import filled

    questions = questions_for(opened)
    for question in questions:
        if absent := absent_tables(investigate(question, opened)):
            click.echo(filled(f"Not there, of what tells about {question}: {', '.join(absent)}.", "\n", "  "))
    if not questions:
        click.echo("\nNothing in it can be asked about yet: docs/evidence.md lists what tells of what.")
        return
    click.echo("\nNext:")
    for question in questions:
        click.echo(f"    watchme diagnose {question} {shlex.quote(str(case))}")


def _progress(verb: str) -> Callable[[str], None] | None:
    """Return a function that shows what is being done, one changing line, on a terminal only."""
    if not sys.stderr.isatty():
        return None

    def show(name: str) -> None:
        click.echo(f"\r\033[K{verb} {name}", nl=False, err=True)

    return show


def main() -> None:
    """Run the command line: errors are one sentence on standard error, and exit 2."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores a closed terminal
            signal.signal(number, _stopped)
    try:
        code = cli.main(prog_name="watchme", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(BAD_INPUT)
    except click.UsageError as error:
        told = " ".join(error.format_message().split())
        stop = "" if told.endswith((".", "?")) else "."
        more = f" Try {error.ctx.command_path} --help." if error.ctx else ""
        click.echo(f"watchme: {told}{stop}{more}", err=True)
        sys.exit(BAD_INPUT)
    except (click.ClickException, WatchmeError) as error:
        click.echo(f"watchme: {error}", err=True)
        sys.exit(BAD_INPUT)
    except OSError as error:
        told = _of_files(error)
        if not told:
            raise
        click.echo(f"watchme: {told}", err=True)
        sys.exit(BAD_INPUT)
    except (click.Abort, KeyboardInterrupt):
        click.echo("watchme: stopped", err=True)
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)


def _of_files(error: OSError) -> str:
    """Return a sentence on a file that can't be read or written; empty when it is about something else."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" for {error.filename}" if error.filename else ""
        return (
            f"No room is left{where}: make room where the command writes and in {tempfile.gettempdir()}, or "
            "let TMPDIR name another folder for what is passing."
        )
    if error.filename is None:
        return ""
    return f"{error.filename} can't be read or written: {error.strerror}. Check the path and your rights."


def _stopped(number: int, frame: object) -> NoReturn:
    """End in an orderly way: half-written cases, kernels and indexes are left as they should be."""
    sys.exit(128 + number)
