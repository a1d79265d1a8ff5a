"""The command ``watchme cause``: the page of a cause in the terminal."""

from __future__ import annotations

import click

from watchme_analysis.cli.options import ChoiceWithSuggestion, language_option
from watchme_analysis.cli.terminal import echo
from watchme_analysis.inference.causes import causes
from watchme_analysis.services.diagnose import QUESTIONS

_PAGES = {one.cause: one.page for question in QUESTIONS for one in causes(question) if one.page}


@click.command(
    short_help="Show what a cause looks like, and how to confirm, fix and prevent it.",
    epilog="""\b
Examples:
  watchme cause consumer_failing
  watchme cause app_threadpool --language ja""",
)
@click.argument("name", metavar="NAME", type=ChoiceWithSuggestion([*_PAGES]))
@language_option
def cause(name: str, language: str) -> None:
    """Show the page of the cause NAME: what it looks like, and how to confirm, fix and prevent it.

    NAME is the id of a cause, as `watchme diagnose --all` and --json name it.
    """
    from watchme_analysis.report.cause_page import PAGES, in_language

    echo(in_language(PAGES / str(_PAGES[name]), language).read_text(encoding="utf-8").rstrip())
