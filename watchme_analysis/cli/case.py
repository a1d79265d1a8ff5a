"""The commands ``watchme case``: making a case from evidence, inspecting it and giving it to others."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchme_analysis.cli.aws import PARTLY_FAILED
from watchme_analysis.cli.completion import CASE
from watchme_analysis.cli.options import language_option, redact_option, timezone_option
from watchme_analysis.cli.output import TABLE, case_output_of, case_output_options, output_of, output_options
from watchme_analysis.cli.pull import pull, table_rows
from watchme_analysis.cli.terminal import Printer, echo, show_line
from watchme_analysis.config import FILE, load_config
from watchme_analysis.text.formats import format_time
from watchme_analysis.text.message import Choice, Message, Names, message
from watchme_analysis.text.shell_quoting import shell_path
from watchme_analysis.window import parse_zone

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.case.case_folder import Case, UnreadFile


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
@language_option
@case_output_options()
def import_command(folder: Path, case: Path, timezone: str | None, language: str, **options: Any) -> int:
    """Import a FOLDER of raw evidence into a CASE.

    Files are recognised by name and content; docs/evidence.md lists them, and any may be gzipped. A case.toml
    in the folder takes precedence. Nothing is dropped silently: the printed table shows for each file its
    rows, its window and its rejected lines, and lists files that were left out with the reason. Importing the
    same folder again changes nothing, and files that you put into the CASE are kept. A CASE of other evidence
    is not replaced without --force. The same log twice counts once. In the other forms of --output, each
    table of the case is a row. The exit code is 1 if a file of evidence could not be read.
    """
    from watchme_analysis.case.importer import import_folder
    from watchme_analysis.present import console

    output, force = case_output_of(options)
    zone = parse_zone(load_config().time_zone if timezone is None else timezone)
    out = Printer(language, zone)

    def progress(name: str) -> None:
        show_line(out.words("import-reading", file=name))

    on_terminal = sys.stderr.isatty()
    shown = progress if on_terminal else None
    report = import_folder(folder, case, progress=shown, zone_name=timezone, force=force)
    if on_terminal:
        show_line()
    manifest, unread = report.case.manifest, report.case.unread
    if output.form != TABLE:
        rows = table_rows(report.case)
        output.write_document(rows, lambda: rows)
        _say_unread(unread, out)
        return PARTLY_FAILED if unread else 0
    echo(console.import_text(manifest, zone, language) + "\n")
    state = Choice("written" if report.changed else "unchanged")
    out.print_message("import-case", case=str(case), contents=_contents(report.case), state=state)
    stated = str(manifest["time_zone"])
    if timezone is not None and stated != timezone:
        echo(err=True)
        out.print_message("import-zone-of-case", err=True, stated=stated, option=timezone)
    _print_next(report.case, case, out)
    _say_unread(unread, out)
    return PARTLY_FAILED if unread else 0


@case_group.command(
    "show",
    short_help="Show the tables of a CASE and their source files.",
    epilog="""\b
Examples:
  watchme case show cases/last-night --timezone UTC""",
)
@click.argument("case", type=CASE)
@timezone_option
@language_option
@output_options()
def case_show(case: Path, timezone: str, language: str, **options: Any) -> None:
    """Show the tables of a CASE with rows, windows, gaps and source files.

    In the other forms of --output, each table of the case is a row.
    """
    from watchme_analysis.case.opening import open_case
    from watchme_analysis.present import console
    from watchme_analysis.schema import TABLES
    from watchme_analysis.stats.gaps import silent_intervals

    output = output_of(options)
    zone = parse_zone(timezone)
    opened = open_case(case)
    if output.form != TABLE:
        rows = table_rows(opened)
        output.write_document(rows, lambda: rows)
        return
    gaps = {
        name: silent_intervals(opened.table(name)[column])
        for name in opened.tables
        if (column := TABLES[name].time) is not None
    }
    echo(console.case_text(opened.manifest, gaps, zone, language))
    _print_next(opened, case, Printer(language, zone))


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
@timezone_option
@language_option
@output_options()
def case_list(folder: Path, timezone: str, language: str, **options: Any) -> None:
    """List the cases in a FOLDER and its subfolders, by default those below the working directory."""
    from watchme_analysis.case.folders import cases_below
    from watchme_analysis.present.text_table import align_rows

    output, zone = output_of(options), parse_zone(timezone)
    out = Printer(language, zone)
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
    if output.form != TABLE:
        output.write_document(rows, lambda: rows)
        return
    if not rows:
        out.print_message("case-list-empty", folder=str(folder))
        return
    shown = [
        tuple(format_time(value, zone) if at in (2, 3) else f"{value:,d}" if at > 3 else str(value)
              for at, value in enumerate(row.values()))
        for row in rows
    ]  # fmt: skip
    names = ("case", "title", "from", "until", "coverage-tables", "coverage-rows")
    heads = [out.words(f"print-{name}") for name in names]
    echo(align_rows(heads, shown, words=(0, 1, 2, 3)))


@case_group.command(
    "verify",
    epilog="""\b
Examples:
  watchme case verify cases/from-somebody-else""",
)
@click.argument("case", type=CASE)
@language_option
@output_options()
def case_verify(case: Path, language: str, **options: Any) -> int:
    """Check a CASE that somebody else made.

    One line is printed for each problem.

    Checked are the manifest, the hash, rows and columns of each table, the copies of evidence files, and that
    the folder holds nothing else. Nothing in the case is executed. The exit code is 1 if there is a problem.
    """
    from watchme_analysis.case.case_folder import read_case
    from watchme_analysis.case.verification import case_problems

    output, out = output_of(options), Printer(language)
    problems = case_problems(case)
    if output.form != TABLE:
        rows = [{"problem": out.text(problem)} for problem in problems]
        output.write_document(rows, lambda: rows)
        return PARTLY_FAILED if problems else 0
    for problem in problems:
        echo(out.text(problem))
    if problems:
        return PARTLY_FAILED
    out.print_message("case-verified", case=str(case), contents=_contents(read_case(case)))
    return 0


@case_group.command(
    "export",
    epilog="""\b
Examples:
  watchme case export cases/last-night shared/last-night --redact ids
  watchme case export cases/last-night shared/last-night --redact share""",
)
@click.argument("case", type=CASE)
@click.argument("out", type=click.Path(path_type=Path))
@redact_option(required=True)
@language_option
@output_options()
def case_export(case: Path, out: Path, redact: str, language: str, **options: Any) -> None:
    """Write a copy of a CASE that may be given to others.

    OUT is a new folder. Diagnoses and reports of it show no more than it holds. docs/sharing.md states what
    remains at each level; look at the copy before you give it away. In the other forms of --output, each
    table of the copy is a row.
    """
    from watchme_analysis.case.export import export_case
    from watchme_analysis.case.opening import open_case

    output, printer = output_of(options), Printer(language)
    made = export_case(open_case(case), out, redact)
    said = {"folder": str(out), "contents": _contents(made), "level": redact}
    rows = table_rows(made)
    output.show(lambda: [printer.words("case-exported", **said)], lambda: rows, lambda: rows)


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
@output_options(["json", "csv"])
@click.option(
    "--limit", type=click.IntRange(0), default=200, show_default=True, help="Rows printed as a table."
)
@language_option
def case_sql(case: Path, query: str, limit: int, language: str, **options: Any) -> None:
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
    from watchme_analysis.present import console

    output = output_of(options)
    opened = open_case(case)
    views: dict[str, Callable[[], pd.DataFrame]] = {
        "requests": lambda: requests_view(opened),
        "attempts": lambda: attempts_view(opened),
        "linked_errors": lambda: errors_with_requests(opened.table("error_log"), opened.table("access_log")),
    }
    found = opened.sql(query, {name: view() for name, view in views.items() if name in query.lower()})
    if output.form != TABLE:
        output.write(found)
        return
    rows = found.head(limit).astype(object).where(found.head(limit).notna(), None)
    echo(console.value_table(list(found.columns), rows.to_numpy().tolist()))
    Printer(language).print_message("case-sql-rows", rows=len(found), hidden=len(found) - len(rows))


def _say_unread(unread: Sequence[UnreadFile], out: Printer) -> None:
    """Print on standard error the files that could not be read."""
    if unread:
        echo(err=True)
        names = Names(tuple(file.file for file in unread), limit=_NAMED)
        out.print_message("import-files-unread", err=True, count=len(unread), files=names)


def _contents(case: Case) -> Message:
    """Return a phrase on the number of tables and rows of a case."""
    rows = sum(entry["rows"] for entry in case.manifest["tables"].values())
    return message("case-contents", tables=len(case.tables), rows=rows)


def _print_next(opened: Case, case: Path, out: Printer) -> None:
    """Print the tables that a case lacks for its questions, and the commands to run next."""
    from watchme_analysis.present.console import filled
    from watchme_analysis.services.diagnose import (
        QUESTIONS,
        absent_tables,
        collecting,
        investigate,
        questions_for,
    )

    questions = questions_for(opened)
    echo()
    for question in questions:
        if absent := absent_tables(investigate(question, opened)):
            tables = Names(tuple(absent), limit=len(absent))
            echo(filled(out.words("case-absent-tables", question=question, tables=tables), "", "  "))
    if not questions:
        out.print_message("case-no-question")
        for question in QUESTIONS:
            echo(filled(out.words("case-collect", question=question, **collecting(question, opened)), "    "))
        return
    out.print_message("case-next")
    for question in questions:
        echo(f"    watchme diagnose {question} {shell_path(case)}")
