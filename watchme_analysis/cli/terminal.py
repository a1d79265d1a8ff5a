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
from unicodedata import category

import click

# Unicode categories: control, format (bidirectional and invisible), surrogate, line and paragraph separator.
_ESCAPED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Line breaks and tabs, and zero width (non-)joiner, which Persian, Hindi and emoji need.
_KEPT = "\n\t\u200c\u200d"


class _Escapes(dict[int, str]):
    """Output text by code point; filled as characters occur."""

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
    r"""Return a text with characters that a terminal interprets or hides as escapes, such as ``\x1b``."""
    return text.translate(_TEXT)


def echo(text: object = "", *, nl: bool = True, err: bool = False) -> None:
    """Print a text for people, on standard output or standard error."""
    click.echo(printable(str(text)), nl=nl, err=err)


def echo_json(text: str, *, nl: bool = True) -> None:
    """Print a JSON document or JSON Lines; JSON escapes are used, so that values do not change."""
    click.echo(text.translate(_JSON), nl=nl)


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
