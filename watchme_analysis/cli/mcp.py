"""The command ``watchme mcp``: a read-only server for agents, over standard input and output."""

from __future__ import annotations

from pathlib import Path

import click

from watchme_analysis.cli.options import language_option, redact_option
from watchme_analysis.errors import InputError
from watchme_analysis.text.render import error_message


@click.command(
    short_help="Serve cases to agents, read-only (Model Context Protocol).",
    epilog="""\b
Examples:
  watchme mcp --cases cases --redact ids

\b
Configuration of a client:
  {"mcpServers": {"watchme": {"command": "watchme", "args": ["mcp", "--cases", "/srv/team/cases"]}}}""",
)
@click.option(
    "--cases",
    "folders",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    required=True,
    help="Folder that contains cases. Repeatable; other cases can't be opened.",
)
@redact_option()
@language_option
def mcp(folders: tuple[Path, ...], redact: str | None, language: str) -> None:
    """Serve the cases of folders to an agent over standard input and output.

    Tools: list_cases, diagnose, evidence, sql, alarms, simulate, check_claim. Every answer is redacted and
    bounded. Nothing is changed, and AWS is not called.
    """
    from watchme_analysis.mcp.server import make_server
    from watchme_analysis.mcp.tools import Tools

    if not any(any(folder.glob("*/manifest.json")) for folder in folders):
        raise InputError(error_message("error-folder-without-case", folder=folders[0]))
    make_server(Tools(folders, redact or "secrets", language)).run("stdio")
