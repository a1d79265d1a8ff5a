"""The command ``watchme demo``: an investigation of a small bundled case."""

from __future__ import annotations

from pathlib import Path

import click

from watchme_analysis.cli.options import language_option
from watchme_analysis.cli.terminal import Printer, echo
from watchme_analysis.text.render import text_of_error

# Evidence of the demonstration, beside the notebooks.
CASE = "data/health-threadpool"


@click.command(
    short_help="Investigate a small bundled case.",
    epilog="""\b
Examples:
  watchme demo --to /tmp/reports""",
)
@click.option(
    "--to",
    default="reports",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Write the report and its index to this folder.",
)
@language_option
def demo(to: Path, language: str) -> int:
    """Find out why /health timed out while the service seemed fine, from bundled evidence.

    Prints the diagnosis, and writes the report if the extra `report` is installed.
    """
    from watchme_analysis.cli.diagnose import diagnose
    from watchme_analysis.cli.report import report
    from watchme_analysis.errors import InputError
    from watchme_analysis.installation import PROJECT_FILES, require

    case = str(PROJECT_FILES / CASE)
    diagnose.main(["health", case, "--language", language], standalone_mode=False)
    printer = Printer(language)
    echo()
    printer.print_message("demo-evidence", case=case)
    try:
        require("report", "page")
    except InputError as error:
        echo(printer.text(text_of_error(error)))
        return 0
    code: int = report.main(["health", case, "--to", str(to), "--language", language], standalone_mode=False)
    return code
