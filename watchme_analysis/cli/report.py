"""The commands ``watchme report`` and ``watchme lab``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from watchme_analysis.cli.completion import CASE, complete_queues
from watchme_analysis.cli.options import (
    FOUND,
    ChoiceWithSuggestion,
    endpoint_option,
    fail_on_option,
    language_option,
    meets,
    redact_option,
    since_option,
    system_option,
    timezone_option,
    until_option,
)
from watchme_analysis.cli.terminal import Printer, echo, show_line
from watchme_analysis.config import load_config
from watchme_analysis.services.diagnose import ALL, QUESTIONS
from watchme_analysis.text.printable import printable
from watchme_analysis.text.render import error_sentence

NOTEBOOK_FAILED = 1
# Additional questions about a backlog, which `all` does not include.
FURTHER = ("alarms", "what-if")
# jsonschema, which papermill imports, uses this module for address formats that no notebook has. Importing it
# compiles a grammar, which takes longer than all other imports of papermill.
ADDRESS_GRAMMAR = "rfc3987_syntax"
# Otherwise JupyterLab requests PyPI at each start to check for a newer version.
_OFFLINE = "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"


@click.command(
    short_help="Write a page with figures, findings and next steps.",
    epilog="""\b
Examples:
  watchme report health cases/last-night
  watchme report all cases/* --out ~/reports --timezone UTC
  watchme report what-if cases/last-night --queue uploads
  watchme report all cases/last-night --format markdown --language ja --redact ids""",
)
@click.argument("question", type=ChoiceWithSuggestion([*QUESTIONS, *FURTHER, ALL]))
@click.argument("cases", metavar="CASE...", nargs=-1, required=True, type=CASE)
@since_option
@until_option
@timezone_option
@language_option
@endpoint_option
@redact_option()
@click.option(
    "--queue",
    shell_complete=complete_queues,
    help="backlog, alarms, what-if: queue to examine; the affected one by default.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of all reports and their index; by default that of the system, else reports.",
)
@system_option
@click.option(
    "--notebooks",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the notebooks to run; by default those of this project.",
)
@click.option(
    "--format",
    "form",
    type=ChoiceWithSuggestion(["html", "markdown"]),
    default="html",
    show_default=True,
    help="markdown: a postmortem of health or backlog for a wiki, without figures.",
)
@fail_on_option
def report(
    question: str,
    cases: tuple[Path, ...],
    out: Path | None,
    notebooks: Path | None,
    **options: Any,
) -> int:
    """Write a report of each CASE: a page with figures, findings and next steps.

    The notebook of the question runs over each CASE (a case or a folder of raw evidence). `all` reports on
    health and backlog, as far as a case holds evidence for them. `alarms` back-tests alarms on a backlog,
    `what-if` simulates countermeasures.

    Each report is a folder below --out with report.html, the executed notebook, result.json and the figures
    as PNG. index.html in --out lists all reports, newest first.

    With --format markdown, a postmortem is written to --out instead: summary, timeline, impact, cause, causes
    that are ruled out, actions taken and open actions. An existing file is never replaced.

    Exit codes: 0 all reports are complete; 1 a notebook failed (its report is kept as far as it came and
    marked in the index); 2 bad input, nothing was written; 3 with --fail-on, if no notebook failed and a
    diagnosis meets it.
    """
    from watchme_analysis.cli.process_settings import absent_module
    from watchme_analysis.report.html_page import INDEX
    from watchme_analysis.report.run import write_reports

    system, form, fail_on = (options.pop(name) for name in ("system", "form", "fail_on"))
    if out is None:
        chosen = load_config().chosen_system(system)
        out = Path((chosen.reports if chosen else None) or "reports")
    if form == "markdown":
        if notebooks is not None:
            raise click.UsageError(error_sentence("error-markdown-no-notebooks"))
        return _write_postmortems(question, cases, out, fail_on, **options)
    printer = Printer(str(options["language"]))
    with absent_module(ADDRESS_GRAMMAR):
        results = write_reports(
            question, cases, out, notebooks=notebooks, progress=ReportProgress(printer), **options
        )
    printer.say("report-index", file=str(out / INDEX))
    if any(result["status"] != "ok" for result in results):
        return NOTEBOOK_FAILED
    return FOUND if any(meets(fail_on, result["diagnosis"]) for result in results) else 0


def _write_postmortems(
    question: str, cases: tuple[Path, ...], out: Path, fail_on: str | None, **options: str | None
) -> int:
    """Write the postmortems and print their paths; return the exit code."""
    from watchme_analysis.report.postmortem import write_postmortems

    written = write_postmortems(question, cases, out, **options)
    for file, _ in written:
        echo(_short(file.absolute()))
    return FOUND if any(meets(fail_on, diagnosis) for _, diagnosis in written) else 0


class ReportProgress:
    """Progress of reports on standard error: a status line on a terminal, else plain lines."""

    def __init__(self, out: Printer) -> None:
        self._out = out
        self._reports = self._done = 0
        self._terminal = sys.stderr.isatty()
        self._section = ""

    def planned(self, reports: int) -> None:
        """Store the number of reports."""
        self._reports = reports

    def cell(self, request: Any, number: int, cells: int, title: str) -> None:
        """Print the report and the cell that runs."""
        which = f"[{self._done + 1}/{self._reports}] " if self._reports > 1 else ""
        line = self._out.words("report-cell", number=number, cells=cells)
        line = f"{which}{request.question} {request.case.name}: {line}" + (f", {title}" if title else "")
        if self._terminal:
            width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
            show_line(printable(line)[: width - 1])
        elif number == 1 or title != self._section:
            echo(line, err=True)
        self._section = title

    def done(self, request: Any, folder: Path, result: Mapping[str, Any]) -> None:
        """Print the verdict of a report and its path."""
        from watchme_analysis.present.console import filled
        from watchme_analysis.report.folder import PAGE
        from watchme_analysis.report.summary import facts

        self._done += 1
        if self._terminal:
            show_line()
        found = facts(result)
        cause = f": {found.cause} ({found.confidence})" if found.mark == "supported" else ""
        echo(f"{request.question} {request.case.name}: {found.verdict}{cause}, {found.seconds}")
        for sentence in found.answer:
            echo(filled(sentence, "  "))
        echo(f"  {_short(folder / PAGE)}")
        if found.error:
            echo(f"  {found.error}", err=True)


def _short(path: Path) -> str:
    """Return a path relative to the working directory if it is inside, else the full path."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


@click.command(
    short_help="Open the notebooks in JupyterLab.",
    context_settings={"ignore_unknown_options": True},
    epilog="""\b
Examples:
  watchme lab cases/last-night
  watchme lab cases/last-night --folder ~/incidents/42 --no-browser
  watchme lab cases/last-night --language ja""",
)
@click.argument("arguments", metavar="[CASE] [ARGUMENTS]...", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of your copies; ~/watchme/CASE by default.",
)
@language_option
def lab(arguments: tuple[str, ...], folder: Path | None, language: str) -> None:
    """Open notebooks in JupyterLab; ARGUMENTS such as --no-browser are passed on.

    With a CASE (a case or a folder of raw evidence), opens your copies of its notebooks, with the case filled
    in. Copies that are there already are left as they are, so that you can go on with them. Without a CASE,
    opens the notebooks of the project. A new copy has its texts and its page in --language; other notebooks
    have their page in it, unless they state another one.
    """
    from watchme_analysis.installation import require
    from watchme_analysis.report.own_copies import copy_notebooks
    from watchme_analysis.report.request import notebooks_folder

    require("lab", "lab")
    if arguments and not arguments[0].startswith("-"):
        copies = copy_notebooks(Path(arguments[0]), folder, language)
        out = Printer(language)
        out.say("lab-notebooks", err=True, folder=str(copies[0].parent))
        command = lab_command(copies[0], arguments[1:])
    elif folder is not None:
        raise click.UsageError(error_sentence("error-folder-needs-case"))
    else:
        command = lab_command(notebooks_folder(), arguments)
    # The kernels that JupyterLab starts read the language from their environment.
    os.execve(command[0], command, os.environ | {"WATCHME_LANGUAGE": language})


def lab_command(notebooks: Path, arguments: tuple[str, ...]) -> list[str]:
    """Return the command line that opens the JupyterLab of this environment on a folder or a notebook."""
    return [sys.executable, "-m", "jupyterlab", str(notebooks), _OFFLINE, *arguments]
