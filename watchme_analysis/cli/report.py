"""The commands ``watchme report`` and ``watchme lab``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from watchme_analysis.cli.completion import CASE, complete_question_or_case
from watchme_analysis.cli.exit_codes import ExitCode, exit_code_of
from watchme_analysis.cli.options import (
    ChoiceWithSuggestion,
    CommandWithOptionalQuestion,
    endpoint_option,
    fail_on_option,
    language_option,
    queue_option,
    redact_option,
    system_option,
    timezone_option,
    window_options,
)
from watchme_analysis.cli.result import Result, renders
from watchme_analysis.cli.terminal import Printer, echo, show_status
from watchme_analysis.config import inherited_variables, load_config
from watchme_analysis.errors import InputError
from watchme_analysis.installation import SAFE_PATH, python_command
from watchme_analysis.services.diagnose import ALL, QUESTIONS
from watchme_analysis.text.message import Resource, message
from watchme_analysis.text.render import error_message, error_sentence

# Additional questions about a backlog, which `all` does not include.
FURTHER = ("alarms", "what-if")
# Working directory of JupyterLab: only an administrator can put files there.
_NEUTRAL = "/"
# Otherwise JupyterLab requests PyPI at each start to check for a newer version.
_OFFLINE = "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"


@click.command(
    cls=CommandWithOptionalQuestion,
    short_help="Write a page with figures, findings and next steps.",
    epilog="""\b
Examples:
  watchme report cases/last-night
  watchme report health cases/last-night
  watchme report all cases/* --to ~/reports --timezone UTC
  watchme report what-if cases/last-night --queue uploads
  watchme report all cases/last-night --format markdown --language ja --redact ids""",
)
@click.argument(
    "question",
    required=False,
    type=ChoiceWithSuggestion([*QUESTIONS, *FURTHER, ALL]),
    shell_complete=complete_question_or_case,
)
@click.argument("cases", metavar="CASE...", nargs=-1, required=True, type=CASE)
@window_options()
@timezone_option
@endpoint_option
@redact_option()
@queue_option
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    help="Write the reports and their index to this folder; by default that of the system, else reports.",
)
@system_option
@click.option(
    "--notebooks",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the notebooks to run; by default those of this project.",
)
@click.option(
    "--format",
    "kind",
    type=ChoiceWithSuggestion(["html", "markdown"]),
    default="html",
    show_default=True,
    help="markdown: a postmortem of health or backlog for a wiki, without figures.",
)
@fail_on_option
@renders(writes_to_file=False)
def report(
    out: Printer,
    question: str,
    cases: tuple[Path, ...],
    to: Path | None,
    notebooks: Path | None,
    **options: Any,
) -> Result:
    """Write a report of each CASE: a page with figures, findings and next steps.

    The notebook of the question runs over each CASE (a case or a folder of raw evidence). Without QUESTION,
    or with `all`, health and backlog are reported, as far as a case holds evidence for them. `alarms`
    back-tests alarms on a backlog, `what-if` simulates countermeasures.

    Each report is a folder below --to with report.html, the executed notebook, result.json and the figures as
    PNG. index.html in --to lists all reports, newest first. --output json, csv and jsonl print a row for each
    report, with its verdict and its page.

    With --format markdown, a postmortem is written to --to instead: facts, cause, open actions, timeline,
    causes that are ruled out and actions taken. An existing file is never replaced.

    Exit codes: 0 all reports are complete; 1 a notebook failed (its report is kept as far as it came and
    marked in the index); 2 bad input, nothing was written; 3 with --fail-on, if no notebook failed and a
    diagnosis meets it.
    """
    from watchme_analysis.report.html_page import INDEX
    from watchme_analysis.report.run import write_reports

    system, kind, fail_on = (options.pop(name) for name in ("system", "kind", "fail_on"))
    options["language"] = out.language
    if to is None:
        chosen = load_config().chosen_system(system)
        to = Path((chosen.reports if chosen else None) or "reports")
        if to.is_symlink():  # the folder may have come from somebody else
            raise InputError(error_message("error-reports-link", folder=to, target=to.resolve()))
    if kind == "markdown":
        if notebooks is not None:
            raise click.UsageError(error_sentence("error-markdown-no-notebooks"))
        return _postmortems(question, cases, to, fail_on, **options)
    hide_address_grammar()
    progress = ReportProgress(out)
    results = write_reports(question, cases, to, notebooks=notebooks, progress=progress, **options)
    outcome = exit_code_of(fail_on, (result["diagnosis"] or {} for result in results))
    if any(result["status"] != "ok" for result in results):
        outcome = ExitCode.FAILED
    index = message("report-index", file=Resource(str(to / INDEX)))
    return Result([index], progress.rows, outcome=outcome)


def hide_address_grammar() -> None:
    """Hide a module with which jsonschema, which nbformat imports, checks addresses that no notebook has.

    Importing it compiles a grammar, which takes longer than all other imports of a report.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def _postmortems(
    question: str, cases: tuple[Path, ...], to: Path, fail_on: str | None, **options: str | None
) -> Result:
    """Write the postmortems and return their paths."""
    from watchme_analysis.report.postmortem import write_postmortems

    written = write_postmortems(question, cases, to, **options)
    rows = [
        _row(found["question"], found["case"], "ok", found, _short(file.absolute()))
        for file, found in written
    ]
    return Result(
        [row["page"] for row in rows], rows, outcome=exit_code_of(fail_on, (found for _, found in written))
    )


class ReportProgress:
    """Progress of reports on standard error: a status line on a terminal, else plain lines.

    Attributes
    ----------
    rows
        A row for each report that is done.
    """

    def __init__(self, out: Printer) -> None:
        self.rows: list[dict[str, Any]] = []
        self._out = out
        self._reports = 0
        self._section = ""

    def planned(self, reports: int) -> None:
        """Store the number of reports."""
        self._reports = reports

    def cell(self, request: Any, number: int, cells: int, title: str) -> None:
        """Print the report and the cell that runs."""
        which = f"[{len(self.rows) + 1}/{self._reports}] " if self._reports > 1 else ""
        line = self._out.words("report-cell", number=number, cells=cells)
        line = f"{which}{request.question} {request.case.name}: {line}" + (f", {title}" if title else "")
        show_status(line)
        if not sys.stderr.isatty() and (number == 1 or title != self._section):
            echo(line, err=True)
        self._section = title

    def done(self, request: Any, folder: Path, result: Mapping[str, Any]) -> None:
        """Print the verdict of a report and its path."""
        from watchme_analysis.present.console import filled
        from watchme_analysis.report.folder import PAGE
        from watchme_analysis.report.summary import facts

        show_status()
        found, page = facts(result), _short(folder / PAGE)
        name = request.case.name
        self.rows.append(_row(request.question, name, result["status"], result.get("diagnosis"), page))
        if found.error:
            echo(f"  {found.error}", err=True)
        self._out.say(f"{request.question} {name}, {found.seconds}")
        for sentence in filter(None, found.own or (found.answer.headline, found.answer.cause)):
            self._out.say(filled(sentence, "  "))
        self._out.say(f"  {page}")


def _row(question: str, case: str, status: str, found: Mapping[str, Any] | None, page: str) -> dict[str, Any]:
    """Return what is printed of a report as JSON; a failed one may have no diagnosis."""
    about = {name: (found or {}).get(name) for name in ("verdict", "cause", "confidence")}
    return {"question": question, "case": case, "status": status, **about, "page": page}


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
    """Open notebooks in JupyterLab; ARGUMENTS such as --no-browser are passed on, paths in them as absolute.

    With a CASE (a case or a folder of raw evidence), opens your copies of its notebooks, with case and
    time zone filled in. The one that is opened has been executed; a cell that you run again shows its figure
    with zoom and hover. Copies that are there already are left as they are, so that you can go on with them.
    Without a CASE, opens the notebooks of the project. A new copy has its texts and its page in --language;
    other notebooks have their page in it, unless they state another one.
    """
    from watchme_analysis.installation import require
    from watchme_analysis.notebook.lab import WIDGETS_VARIABLE
    from watchme_analysis.report.own_copies import copy_notebooks
    from watchme_analysis.report.request import notebooks_folder

    require("lab", "lab")
    hide_address_grammar()
    if arguments and not arguments[0].startswith("-"):
        copies = copy_notebooks(Path(arguments[0]), folder, language)
        out = Printer(language)
        out.print_message("lab-notebooks", err=True, folder=str(copies[0].parent))
        command = lab_command(copies[0], arguments[1:])
    elif folder is not None:
        raise click.UsageError(error_sentence("error-folder-needs-case"))
    else:
        command = lab_command(notebooks_folder(), arguments)
    # The kernels that JupyterLab starts read the language from their environment.
    environ = (
        os.environ | SAFE_PATH | inherited_variables() | {"WATCHME_LANGUAGE": language, WIDGETS_VARIABLE: "1"}
    )
    # JupyterLab takes templates from its working directory.
    os.chdir(_NEUTRAL)
    os.execve(command[0], command, environ)


def lab_command(notebooks: Path, arguments: tuple[str, ...]) -> list[str]:
    """Return the command line that opens the JupyterLab of this environment on a folder or a notebook."""
    return python_command("-m", "jupyterlab", str(notebooks), _OFFLINE, *arguments)
