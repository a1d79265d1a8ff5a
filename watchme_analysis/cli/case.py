"""The commands ``watchme import`` and ``watchme case``: importing evidence and inspecting a case."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from watchme_analysis.cli.aws import PARTLY_FAILED
from watchme_analysis.cli.options import timezone_option
from watchme_analysis.cli.terminal import echo, echo_data, show_line
from watchme_analysis.config import FILE, load_config
from watchme_analysis.text.formats import counted
from watchme_analysis.text.shell_quoting import shell_path
from watchme_analysis.window import parse_zone

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.case.case_folder import Case


# Number of unreadable files that are listed by name.
_NAMED = 5


@click.command(
    "import",
    epilog="""\b
Examples:
  watchme import ~/incident cases/last-night
  watchme import ~/incident cases/last-night --timezone Asia/Tokyo""",
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("case", type=click.Path(path_type=Path))
@click.option(
    "--timezone",
    metavar="ZONE",
    help="Time zone of logged times without one, such as Europe/Berlin; UTC by default. A time_zone in "
    "case.toml takes precedence. Also the zone of the times shown; by default time_zone of "
    f"{FILE}, else UTC.",
)
def import_command(folder: Path, case: Path, timezone: str | None) -> int:
    """Turn a FOLDER of raw evidence into a CASE.

    Files are recognised by name and content (docs/evidence.md lists them; any may be gzipped); a case.toml
    in the folder may say otherwise. Nothing is dropped: the table printed says for each file what was
    taken, its window, and how many lines were rejected, and then what was left and why. Importing the same
    folder again changes nothing. Exits with 1 when a file of evidence could not be read.
    """
    from watchme_analysis.case.importer import import_folder
    from watchme_analysis.present import console

    zone = parse_zone(load_config().time_zone if timezone is None else timezone)
    progress = (lambda name: show_line(f"reading {name}")) if sys.stderr.isatty() else None
    report = import_folder(folder, case, progress=progress, zone_name=timezone)
    if progress is not None:
        progress("done\n")
    echo(console.import_text(report.case.manifest, zone))
    rows = sum(entry["rows"] for entry in report.case.manifest["tables"].values())
    state = "written" if report.changed else "unchanged, it holds this input already"
    echo(f"\ncase {case}: {counted(len(report.case.tables), 'table')}, {counted(rows, 'row')}; {state}")
    stated = report.case.manifest["time_zone"]
    if timezone is not None and stated != timezone:
        echo(
            f"\nTimes without a zone were read as {stated}, as case.toml states, and not as {timezone}.",
            err=True,
        )
    _say_next(report.case, case)
    unread = report.case.unread
    if unread:
        names = ", ".join(file.file for file in unread[:_NAMED]) + (", ..." if len(unread) > _NAMED else "")
        echo(
            f"\n{counted(len(unread), 'file')} of evidence could not be read: {names}. Reasons stand above: "
            "repair them or collect them again, and import again.",
            err=True,
        )
    return PARTLY_FAILED if unread else 0


@click.group("case")
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
    from watchme_analysis.case.opening import open_case
    from watchme_analysis.present import console
    from watchme_analysis.schema import TABLES
    from watchme_analysis.stats.gaps import silent_intervals

    zone = parse_zone(timezone)
    opened = open_case(case)
    gaps = {
        name: silent_intervals(opened.table(name)[column])
        for name in opened.tables
        if (column := TABLES[name].time) is not None
    }
    echo(console.case_text(opened.manifest, gaps, zone))
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

    Nothing but the case is read, and nothing written. Each statement of a diagnosis has the query for the
    rows behind it: `watchme diagnose health CASE --sql` prints them, the report shows them folded up, --json
    has them as `sql`. Besides the tables there is `requests`: every request followed through edge, Nginx and
    application, a row each; and `linked_errors`: `error_log` with the access log's line that each error is
    about.
    """
    from watchme_analysis.access_logs.error_requests import errors_with_requests
    from watchme_analysis.case.opening import open_case
    from watchme_analysis.health.hypotheses.facts import requests_view
    from watchme_analysis.present import console

    opened = open_case(case)
    views: dict[str, Callable[[], pd.DataFrame]] = {
        "requests": lambda: requests_view(opened),
        "linked_errors": lambda: errors_with_requests(opened.table("error_log"), opened.table("access_log")),
    }
    found = opened.sql(query, {name: view() for name, view in views.items() if name in query.lower()})
    if as_csv:
        echo_data(found.to_csv(index=False))
        return
    rows = found.head(limit).astype(object).where(found.head(limit).notna(), None)
    echo(console.value_table(list(found.columns), rows.to_numpy().tolist()))
    left = len(found) - len(rows)
    echo(counted(len(found), "row") + (f", {left:,} of them not shown: --limit or --csv" if left else ""))


def _say_next(opened: Case, case: Path) -> None:
    """Print the tables that a case lacks for its questions, and the commands to run next."""
    from watchme_analysis.present.console import filled
    from watchme_analysis.services.diagnose import absent_tables, investigate, questions_for

    questions = questions_for(opened)
    for question in questions:
        if absent := absent_tables(investigate(question, opened)):
            echo(filled(f"Not there, of what tells about {question}: {', '.join(absent)}.", "\n", "  "))
    if not questions:
        echo("\nNothing in it can be asked about yet: docs/evidence.md lists what tells of what.")
        return
    echo("\nNext:")
    for question in questions:
        echo(f"    watchme diagnose {question} {shell_path(case)}")
