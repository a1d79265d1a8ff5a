"""The commands ``watchme case``: making a case from evidence, inspecting it and giving it to others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from watchme_analysis.cli.completion import CASE
from watchme_analysis.cli.exit_codes import ExitCode
from watchme_analysis.cli.options import redact_option
from watchme_analysis.cli.pull import contents_of, pull, table_rows
from watchme_analysis.cli.result import Result, renders
from watchme_analysis.cli.terminal import Printer, show_status
from watchme_analysis.config import FILE, load_config
from watchme_analysis.text.formats import format_time
from watchme_analysis.text.message import Choice, Names, Resource, Text, message
from watchme_analysis.text.shell_quoting import shell_path
from watchme_analysis.window import parse_zone

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.case.case_folder import Case
    from watchme_analysis.case.importer import ImportReport

# Number of unreadable files that are listed by name.
_NAMED = 5


@click.group("case")
def case_group() -> None:
    """Make, inspect and share a case."""


case_group.add_command(pull)


@case_group.command(
    "import",
    epilog="""\b
Examples:
  watchme case import ~/incident cases/last-night
  watchme case import ~/incident cases/last-night --timezone Europe/Berlin""",
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("case", type=CASE)
@click.option(
    "--timezone",
    metavar="ZONE",
    help="Time zone of logged times without one, such as Europe/Berlin; UTC by default. A time_zone in "
    "case.toml takes precedence. Also the zone of the times shown; by default time_zone of "
    f"{FILE}, else UTC.",
)
@renders(writes_case=True)
def import_command(out: Printer, folder: Path, case: Path, timezone: str | None, *, force: bool) -> Result:
    """Import a FOLDER of raw evidence into a CASE.

    Files are recognised by name and content; docs/evidence.md lists them, and any may be gzipped. A case.toml
    in the folder takes precedence. Nothing is dropped silently: the printed table shows for each file its
    rows, its window and its rejected lines, and lists files that were left out with the reason. Importing the
    same folder again changes nothing, and files that you put into the CASE are kept. A CASE of other evidence
    is not replaced without --force. The same log twice counts once. In the other forms of --output, each
    table of the case is a row. The exit code is 1 if a file of evidence could not be read.
    """
    from watchme_analysis.case.importer import import_folder

    zone = parse_zone(load_config().time_zone if timezone is None else timezone)
    report = import_folder(
        folder,
        case,
        progress=lambda name: show_status(out.words("import-reading", file=name)),
        zone_name=timezone,
        force=force,
    )
    show_status()
    notes: list[Text] = []
    stated = str(report.case.manifest["time_zone"])
    if timezone is not None and stated != timezone:
        notes.append(
            message("import-zone-of-case", stated=Resource(stated), option=Resource(timezone)),
        )
    if unread := report.case.unread:
        names = Names(tuple(file.file for file in unread), limit=_NAMED)
        notes.append(message("import-files-unread", count=len(unread), files=names))
    return Result(
        _lines_of_import(report, case, replace(out, zone=zone)),
        table_rows(report.case),
        notes=notes,
        outcome=ExitCode.FAILED if unread else ExitCode.DONE,
    )


def _lines_of_import(report: ImportReport, case: Path, out: Printer) -> Iterator[Text]:
    from watchme_analysis.present import console

    yield console.import_text(report.case.manifest, out.zone, out.language) + "\n"
    state = Choice("written" if report.changed else "unchanged")
    yield message("import-case", case=Resource(str(case)), contents=contents_of(report.case), state=state)
    yield from _next_commands(report.case, case, out)


@case_group.command(
    "show",
    short_help="Show the tables of a CASE and their source files.",
    epilog="""\b
Examples:
  watchme case show cases/last-night --timezone UTC""",
)
@click.argument("case", type=CASE)
@renders(has_zone=True)
def case_show(out: Printer, case: Path) -> Result:
    """Show the tables of a CASE with rows, windows, gaps and source files.

    In the other forms of --output, each table of the case is a row.
    """
    from watchme_analysis.case.opening import open_case

    opened = open_case(case)
    return Result(_lines_of_case(opened, case, out), table_rows(opened))


def _lines_of_case(opened: Case, case: Path, out: Printer) -> Iterator[Text]:
    from watchme_analysis.present import console
    from watchme_analysis.schema import TABLES
    from watchme_analysis.stats.gaps import silent_intervals

    gaps = {
        name: silent_intervals(opened.table(name)[column])
        for name in opened.tables
        if (column := TABLES[name].time) is not None
    }
    yield console.case_text(opened.manifest, gaps, out.zone, out.language)
    yield from _next_commands(opened, case, out)


@case_group.command(
    "list",
    short_help="List the cases below a FOLDER.",
    epilog="""\b
Examples:
  watchme case list
  watchme case list cases --output jsonl""",
)
@click.argument(
    "folder", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False
)
@renders(has_zone=True)
def case_list(out: Printer, folder: Path) -> Result:
    """List the cases in a FOLDER and its subfolders, by default those below the working directory."""
    from watchme_analysis.case.folders import cases_below
    from watchme_analysis.present.text_table import align_rows

    rows = [
        {
            "path": str(case.path),
            "title": out.text(case.title),
            "start": case.window and case.window.start.isoformat(),
            "end": case.window and case.window.end.isoformat(),
            "tables": len(case.tables),
            "rows": sum(entry["rows"] for entry in case.manifest["tables"].values()),
        }
        for case in cases_below(folder)
    ]
    if not rows:
        return Result([message("case-list-empty", folder=Resource(str(folder)))])
    heads = [
        out.words(f"print-{name}")
        for name in ("case", "title", "from", "until", "coverage-tables", "coverage-rows")
    ]
    cells = [
        (
            row["path"], row["title"],
            *(format_time(row[bound], out.zone) for bound in ("start", "end")),
            *(f"{row[count]:,}" for count in ("tables", "rows")),
        )
        for row in rows
    ]  # fmt: skip
    return Result([align_rows(heads, cells, words=(0, 1, 2, 3))], rows)


@case_group.command(
    "verify",
    epilog="""\b
Examples:
  watchme case verify cases/from-somebody-else""",
)
@click.argument("case", type=CASE)
@renders()
def case_verify(out: Printer, case: Path) -> Result:
    """Check a CASE that somebody else made.

    One line is printed for each problem.

    Checked are the manifest, the hash, rows and columns of each table, the copies of evidence files, and that
    the folder holds nothing else. Nothing in the case is executed. The exit code is 1 if there is a problem.
    """
    from watchme_analysis.case.case_folder import read_case
    from watchme_analysis.case.verification import case_problems

    if problems := case_problems(case):
        rows = [{"problem": out.text(problem)} for problem in problems]
        return Result(problems, rows, outcome=ExitCode.FAILED)
    contents = contents_of(read_case(case))
    return Result([message("case-verified", case=Resource(str(case)), contents=contents)])


@case_group.command(
    "export",
    epilog="""\b
Examples:
  watchme case export cases/last-night shared/last-night --redact ids
  watchme case export cases/last-night shared/last-night --redact share""",
)
@click.argument("case", type=CASE)
@click.argument("copy", metavar="OUT", type=click.Path(path_type=Path))
@redact_option(required=True)
@renders()
def case_export(out: Printer, case: Path, copy: Path, redact: str) -> Result:
    """Write a copy of a CASE that may be given to others.

    OUT is a new folder. Diagnoses and reports of it show no more than it holds. docs/sharing.md states what
    remains at each level; look at the copy before you give it away. In the other forms of --output, each
    table of the copy is a row.
    """
    from watchme_analysis.case.export import export_case
    from watchme_analysis.case.opening import open_case

    made = export_case(open_case(case), copy, redact)
    said = message(
        "case-exported", folder=Resource(str(copy)), contents=contents_of(made), level=Resource(redact)
    )
    return Result([said], table_rows(made))


@case_group.command(
    "sql",
    epilog="""\b
Examples:
  watchme case sql CASE 'show tables'
  watchme case sql CASE 'select path, count(*) from access_log group by path order by 2 desc'
  watchme case sql CASE "select start, spent_header_s from requests where fate = 'header_timeout'"
""",
)
@click.argument("case", type=CASE)
@click.argument("query")
@click.option(
    "--limit", type=click.IntRange(0), default=200, show_default=True, help="Rows printed as a table."
)
@renders(["json", "csv"])
def case_sql(out: Printer, case: Path, query: str, limit: int) -> Result:
    """Run a QUERY (DuckDB's SQL) over the tables of a CASE.

    Times are UTC. The query can read the case only and writes nothing. Each statement of a diagnosis has a
    query that returns its rows: `watchme diagnose health CASE --sql` prints them, --json has them as `sql`,
    and the report shows them folded. Three views exist besides the tables. `requests` has one row for each
    request, joined across edge, Nginx and application. `attempts` has one row for each upstream that Nginx
    tried, with the `row` of its request. `linked_errors` is `error_log` with the access log line of each
    error.
    """
    from watchme_analysis.access_logs.error_requests import errors_with_requests
    from watchme_analysis.case.opening import open_case
    from watchme_analysis.health.context_builder import attempts_view, requests_view

    opened = open_case(case)
    views: dict[str, Callable[[], pd.DataFrame]] = {
        "requests": lambda: requests_view(opened),
        "attempts": lambda: attempts_view(opened),
        "linked_errors": lambda: errors_with_requests(opened.table("error_log"), opened.table("access_log")),
    }
    found = opened.sql(query, {name: view() for name, view in views.items() if name in query.lower()})
    return Result(_first_rows(found, limit), frame=found)


def _first_rows(found: pd.DataFrame, limit: int) -> Iterator[Text]:
    """Yield the first rows of a query as a table, and the number of rows that are not shown."""
    from watchme_analysis.present.console import value_table

    first = found.head(limit)
    yield value_table([*found.columns], first.astype(object).where(first.notna(), None).to_numpy().tolist())
    yield message("case-sql-rows", rows=len(found), hidden=len(found) - len(first))


def _next_commands(opened: Case, case: Path, out: Printer) -> Iterator[Text]:
    """Yield the tables that a case lacks for its questions, and the commands to run next."""
    from watchme_analysis.present.console import filled
    from watchme_analysis.services.diagnose import (
        QUESTIONS,
        absent_tables,
        collecting,
        investigate,
        questions_for,
    )

    questions = questions_for(opened)
    yield ""
    for question in questions:
        if absent := absent_tables(investigate(question, opened)):
            tables = Names(tuple(absent), limit=len(absent))
            yield filled(out.words("case-absent-tables", question=question, tables=tables), "", "  ")
    if not questions:
        yield message("case-no-question")
        for question in QUESTIONS:
            yield filled(out.words("case-collect", question=question, **collecting(question, opened)), "    ")
        return
    yield message("case-next")
    for question in questions:
        yield f"    watchme diagnose {question} {shell_path(case)}"
