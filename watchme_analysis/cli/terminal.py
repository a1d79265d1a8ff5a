r"""Text on its way to the terminal: the only place where a command prints.

Evidence and file names can hold characters that a terminal obeys or hides: escape sequences that move the
cursor or set the title, bidirectional controls that reverse what is read. They are shown as escapes such as
``\x1b``.
"""

from __future__ import annotations

import logging
import sys
import traceback
from types import TracebackType
from unicodedata import category

import click

# Control, format (bidirectional and invisible), surrogate, line and paragraph separator.
_ESCAPED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Needed to write Persian, Hindi and emoji: zero width non-joiner and joiner.
_KEPT = "\n\t\u200c\u200d"


class _Escapes(dict[int, str]):
    """What is shown for each character, by its number; filled as they occur."""

    def __init__(self, json: bool) -> None:
        self._json = json

    def __missing__(self, number: int) -> str:
        character = chr(number)
        hidden = character not in _KEPT and category(character) in _ESCAPED
        self[number] = self._code(number) if hidden else character
        return self[number]

    def _code(self, number: int) -> str:
        if not self._json:
            width, letter = (2, "x") if number < 256 else (4, "u") if number < 65536 else (8, "U")
            return f"\\{letter}{number:0{width}x}"
        units = chr(number).encode("utf-16-be", "surrogatepass")
        return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


_TEXT, _JSON = _Escapes(json=False), _Escapes(json=True)


def printable(text: str) -> str:
    r"""Return a text with everything that a terminal obeys or hides shown as escapes, such as ``\x1b``."""
    return text.translate(_TEXT)


def echo(text: object = "", *, nl: bool = True, err: bool = False) -> None:
    """Print a text for a person, on standard output or standard error."""
    click.echo(printable(str(text)), nl=nl, err=err)


def echo_json(text: str, *, nl: bool = True) -> None:
    """Print JSON, a document or one a line: the same characters stand in it as JSON's own escapes."""
    click.echo(text.translate(_JSON), nl=nl)


def echo_data(text: str) -> None:
    """Print what a program will read and JSON's escapes would change, such as CSV.

    A file or pipe gets it exactly as it is; a terminal never does.
    """
    # Else click takes escape sequences out of what goes into a pipe.
    click.echo(printable(text) if sys.stdout.isatty() else text, nl=False, color=True)


def show_line(text: str = "") -> None:
    """Show a text in the place of the line shown before; none takes it away."""
    click.echo(f"\r\033[K{printable(' '.join(text.split()))}", nl=False, err=True)


def show_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print what nothing handled; its message may quote evidence, too. See :data:`sys.excepthook`."""
    echo("".join(traceback.format_exception(kind, error, trace)), nl=False, err=True)


class LogFormatter(logging.Formatter):
    """Writes records of the log as :func:`echo` writes a text; they may quote evidence, too."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as a line."""
        return printable(super().format(record))
