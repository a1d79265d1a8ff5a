r"""Output to the terminal; all commands print through this module.

Evidence and file names can contain characters that a terminal interprets or hides: escape sequences that move
the cursor or set the title, and bidirectional controls that reverse the displayed text. They are printed as
escapes such as ``\x1b``.
"""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass
from datetime import UTC, tzinfo
from types import TracebackType
from typing import Any, NamedTuple

import click

from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError
from watchme_analysis.present.text_table import terminal_width, truncate
from watchme_analysis.text.message import Message, Names, Resource, Text, message
from watchme_analysis.text.printable import JSON_ESCAPES, printable
from watchme_analysis.text.render import render


class Styled(NamedTuple):
    """A line that a terminal shows in bold, and in a colour if it has one."""

    text: str
    colour: str | None = None


def echo(text: object = "", *, nl: bool = True, err: bool = False) -> None:
    """Print a text for people, on standard output or standard error."""
    if isinstance(text, Styled):
        shown = click.style(printable(text.text), bold=True, fg=text.colour)
    else:
        shown = printable(str(text))
    click.echo(shown, nl=nl, err=err)


def echo_json(text: str, *, nl: bool = True) -> None:
    """Print a JSON document or JSON Lines; JSON escapes are used, so that values do not change."""
    click.echo(text.translate(JSON_ESCAPES), nl=nl)


def echo_data(text: str) -> None:
    """Print data for other programs that JSON escapes would change, such as CSV.

    A file or pipe receives it unchanged; on a terminal it is escaped.
    """
    # Otherwise click removes escape sequences from output to a pipe.
    click.echo(printable(text) if sys.stdout.isatty() else text, nl=False, color=True)


def say_ignored_settings(language: str) -> None:
    """Say on standard error which settings of a found file have no effect, because nobody confirmed it."""
    try:
        config = load_config()
    except InputError:  # the command that needs the settings says it
        return
    if config.ignored:
        said = message("config-ignored", path=Resource(str(config.unconfirmed)), keys=Names(config.ignored))
        echo(render(said, language), err=True)


@dataclass(frozen=True)
class Printer:
    """Printer of messages in the language and the time zone of the reader."""

    language: str
    zone: tzinfo = UTC
    # False where standard output is for programs.
    is_for_people: bool = True

    def words(self, message_id: str, /, **values: Any) -> str:
        """Return a message as text; a plain text among its values is shown as it is."""
        typed = {name: Resource(value) if type(value) is str else value for name, value in values.items()}
        return self.text(message(message_id, **typed))

    def text(self, text: Text) -> str:
        """Return a text that was made elsewhere; a plain string is shown as it is."""
        return render(text, self.language, self.zone)

    def document(self, text: Message) -> dict[str, Any]:
        """Return a message for JSON: its sentence, and its id with its values."""
        return {"sentence": self.text(text), "message": text.to_dict()}

    def print_message(self, message_id: str, /, *, err: bool = False, **values: Any) -> None:
        """Print a message, on standard output or standard error; parameters as for :meth:`words`."""
        echo(self.words(message_id, **values), err=err)

    def say(self, text: Text) -> None:
        """Print a line at once, before the result; nothing where standard output is for programs."""
        if self.is_for_people:
            echo(self.text(text))

    def note(self, text: Text) -> None:
        """Print a note on standard error."""
        echo(self.words("print-note", text=text), err=True)


def show_status(text: str = "") -> None:
    """Replace the status line on standard error, where that is a terminal; an empty text clears it."""
    if sys.stderr.isatty():
        # A wrapped line could not be cleared.
        line = truncate(printable(" ".join(text.split())), terminal_width() - 1)
        click.echo(f"\r\033[K{line}", nl=False, err=True)


def show_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an unhandled exception, escaped because it may quote evidence. See :data:`sys.excepthook`."""
    echo("".join(traceback.format_exception(kind, error, trace)), nl=False, err=True)
