"""Sentences as commands print them, so that tests name them by id and values, and not by wording or lines."""

from watchme_analysis.cli.terminal import Printer
from watchme_analysis.text.message import Message
from watchme_analysis.text.render import as_message, error_message


def said(message_id, /, **values):
    """Return a message in English, on one line; a text, a message or a number is a value as it is."""
    return one_line(Printer("en").words(message_id, **values))


def one_line(text):
    """Return a text, or a message in English, without its line breaks and indents."""
    return " ".join((Printer("en").text(text) if isinstance(text, Message) else text).split())


def lines_of(text):
    """Return the lines of a text that are not empty, without their indents and spacing."""
    return [one_line(line) for line in text.splitlines() if line.strip()]


def is_error(error, message_id, /, **values):
    """Return True if an exception carries this message with these values."""
    return as_message(error) == error_message(message_id, **values)
