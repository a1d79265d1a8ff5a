r"""Output to the terminal; all commands print through this module.

Evidence and file names can contain characters that a terminal interprets or hides: escape sequences that move
the cursor or set the title, and bidirectional controls that reverse the displayed text. They are printed as
escapes such as ``\x1b``.
"""

from __future__ import annotations

import logging
import sys
import traceback
from types import TracebackType

import click

from watchme_analysis.text.printable import JSON_ESCAPES, printable


def echo(text: object = "", *, nl: bool = True, err: bool = False) -> None:
    """Print a text for people, on standard output or standard error."""
    click.echo(printable(str(text)), nl=nl, err=err)


def echo_json(text: str, *, nl: bool = True) -> None:
    """Print a JSON document or JSON Lines; JSON escapes are used, so that values do not change."""
    click.echo(text.translate(JSON_ESCAPES), nl=nl)


def echo_data(text: str) -> None:
    """Print data for other programs that JSON escapes would change, such as CSV.

    A file or pipe receives it unchanged; on a terminal it is escaped.
    """
    # Otherwise click removes escape sequences from output to a pipe.
    click.echo(printable(text) if sys.stdout.isatty() else text, nl=False, color=True)


def show_line(text: str = "") -> None:
    """Replace the status line on standard error by a text; an empty text clears it."""
    click.echo(f"\r\033[K{printable(' '.join(text.split()))}", nl=False, err=True)


def show_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an unhandled exception, escaped because it may quote evidence. See :data:`sys.excepthook`."""
    echo("".join(traceback.format_exception(kind, error, trace)), nl=False, err=True)


class LogFormatter(logging.Formatter):
    """Formatter of log records with the escapes of :func:`echo`, because they may quote evidence."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a log record as an escaped line."""
        return printable(super().format(record))
