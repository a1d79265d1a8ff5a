"""The commands ``watchme report`` and ``watchme lab``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from watchme_analysis.cli.options import endpoint_option, since_option, timezone_option, until_option
from watchme_analysis.cli.terminal import echo, printable, show_line
from watchme_analysis.report.request import ALL
from watchme_analysis.services.diagnose import QUESTIONS

NOTEBOOK_FAILED = 1
# Asked of a backlog, each with a notebook of its own; `all` leaves them out.
FURTHER = ("alarms", "what-if")
# jsonschema, which papermill loads, uses this module for formats of addresses that no notebook has. Its
# import compiles a grammar, which takes longer than all other imports of papermill.
_ADDRESS_GRAMMAR = "rfc3987_syntax"
# Else JupyterLab asks PyPI at each start whether there is a newer one.
_OFFLINE = "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"


@click.command(
    short_help="Write a page with figures, findings and next steps.",
    epilog="""\b
Examples:
  watchme report health cases/last-night
  watchme report all cases/* --out ~/reports --timezone UTC
  watchme report what-if cases/last-night --queue uploads""",
)
@click.argument("question", type=click.Choice([*QUESTIONS, *FURTHER, ALL]))
@click.argument("cases", metavar="CASE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@since_option
@until_option
@timezone_option
@endpoint_option
@click.option(
    "--queue",
    help="backlog, alarms, what-if: the queue that is asked about; found from the data if not given.",
)
@click.option(
    "--out",
    default="reports",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder of all reports and their index.",
)
@click.option(
    "--notebooks",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of notebooks to run; those of this project if not given.",
)
def report(
    question: str, cases: tuple[Path, ...], out: Path, notebooks: Path | None, **options: str | None
) -> int:
    """Write the report of one or more CASEs: a page with figures, findings and next steps.

    Runs the question's notebook over each CASE (a case or a folder of raw evidence); `all` asks what each
    case holds evidence for, health and backlog. Of a backlog, `alarms` asks which alarm would have told, and
    `what-if` what each countermeasure would have done.

    Every run gets a folder of its own below --out with report.html, the executed
    notebook, result.json and the figures as PNG; index.html there lists all runs, newest first.

    Exits with 0 when all reports are whole, 1 when a notebook failed (the report is kept as far as it came,
    and the index says so), 2 on bad input, with nothing written.
    """
    from watchme_analysis.cli.process_settings import absent_module
    from watchme_analysis.report.html_page import INDEX
    from watchme_analysis.report.kernel import Kernels
    from watchme_analysis.report.request import plan
    from watchme_analysis.report.run import make_reports, shared_imports

    with shared_imports(), Kernels() as kernels:
        requests = plan(question, cases, options, notebooks)
        with absent_module(_ADDRESS_GRAMMAR):
            import papermill  # noqa: F401
        results = make_reports(requests, out.absolute(), Teller(len(requests)), kernels)
    echo(f"Index: {out / INDEX}")
    return NOTEBOOK_FAILED if any(result["status"] != "ok" for result in results) else 0


class Teller:
    """Says on standard error how reports come on: one changing line on a terminal, plain lines elsewhere."""

    def __init__(self, reports: int) -> None:
        self._reports = reports
        self._done = 0
        self._terminal = sys.stderr.isatty()
        self._section = ""

    def cell(self, request: Any, number: int, cells: int, title: str) -> None:
        """Say that a cell begins."""
        which = f"[{self._done + 1}/{self._reports}] " if self._reports > 1 else ""
        line = f"{which}{request.question} {request.case.name}: cell {number} of {cells}"
        line += f", {title}" if title else ""
        if self._terminal:
            width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
            show_line(printable(line)[: width - 1])
        elif number == 1 or title != self._section:
            echo(line, err=True)
        self._section = title

    def done(self, request: Any, folder: Path, result: Mapping[str, Any]) -> None:
        """Say where a report lies and what it found."""
        from watchme_analysis.present.console import filled
        from watchme_analysis.report.html_page import PAGE
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
    """Return a path from the working directory; whole where it lies elsewhere."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


@click.command(
    short_help="Open the notebooks in JupyterLab.",
    context_settings={"ignore_unknown_options": True},
    epilog="""\b
Example:
  watchme lab --no-browser --port 8899""",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def lab(arguments: tuple[str, ...]) -> None:
    """Open JupyterLab on the notebooks; ARGUMENTS such as --no-browser go to JupyterLab."""
    from watchme_analysis.report.request import notebooks_folder

    command = lab_command(notebooks_folder(), arguments)
    os.execv(command[0], command)


def lab_command(notebooks: Path, arguments: tuple[str, ...]) -> list[str]:
    """Return the command line that opens JupyterLab, of this environment, on a folder."""
    return [sys.executable, "-m", "jupyterlab", str(notebooks), _OFFLINE, *arguments]
