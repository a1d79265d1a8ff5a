"""Errors of the command line as one sentence each, in the language of the reader."""

from __future__ import annotations

import errno
import re
import tempfile
from collections.abc import Sequence

import click

from watchme_analysis.cli.exit_codes import ExitCode
from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError, ServiceError, WatchmeError
from watchme_analysis.text.catalogue import LANGUAGES

# Sentences of click, whose types and parser have no catalogue of their own, and their messages.
OF_CLICK = {
    r"(?P<value>.+) is not a valid integer(?: range)?\.": "click-integer",
    r"(?P<value>.+) is not a valid float(?: range)?\.": "click-number",
    r"(?P<value>.+) is not in the range (?P<range>.+)\.": "click-range",
    r"(?:File|Directory|Path) (?P<value>'.*') does not exist\.": "click-no-path",
    r"(?:File|Path) (?P<value>'.*') is a directory\.": "click-is-folder",
    r"Directory (?P<value>'.*') is a file\.": "click-is-file",
    r"(?:File|Directory|Path) (?P<value>'.*') is not (?:readable|writable)\.": "click-no-rights",
    r"Got unexpected extra arguments? \((?P<value>.*)\)\.?": "click-extra",
    r"Option (?P<value>'.*') requires an argument\.?": "click-needs-value",
    r"Option (?P<value>'.*') does not take a value\.?": "click-no-value",
    r"No such command (?P<command>'.*')\. Did you mean '(?P<near>.*)'\?": "error-no-command-near",
    r"No such command (?P<command>'.*')\.": "error-no-command",
    r"Missing command\.": "click-no-command",
}
# Characters of a name or value that a sentence quotes; a path may have thousands.
_LONGEST = 500


def language_of_words(words: Sequence[str]) -> str:
    """Return the language that the arguments of a command state, else the configured one."""
    for word, following in zip(words, [*words[1:], ""], strict=False):
        stated = word.removeprefix("--language=") if word.startswith("--language=") else following
        if word.startswith("--language") and stated in LANGUAGES:
            return stated
    try:
        return load_config().language
    except InputError:  # the error of the settings is what is told
        return "en"


def sentence_of(error: BaseException, language: str) -> tuple[str, int] | None:
    """Return the sentence and the exit code of an error; None for an error of this program itself."""
    if isinstance(error, click.UsageError):
        return _usage(error, language), ExitCode.BAD_INPUT
    if isinstance(error, WatchmeError):
        code = ExitCode.FAILED if isinstance(error, ServiceError) else ExitCode.BAD_INPUT
        return _reason(error, language), code
    if isinstance(error, click.ClickException):
        return _translated(error.message, language), ExitCode.BAD_INPUT
    if isinstance(error, OSError):
        sentence = _of_files(error, language)
        return (sentence, ExitCode.BAD_INPUT) if sentence else None
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return _render_message("command-stopped", language), ExitCode.STOPPED
    return None


def _reason(error: Exception, language: str) -> str:
    """Return the sentence of an error, or the reason of the system; in English if it carries no message."""
    from watchme_analysis.text.render import text_of_error

    return _translated(text_of_error(error), language)


def _translated(text: str, language: str) -> str:
    """Return a text in a language, if it is that of a message or one of click's own sentences."""
    from watchme_analysis.text.message import MessageText
    from watchme_analysis.text.render import render

    if language != "en" and not isinstance(text, MessageText):
        for pattern, message_id in OF_CLICK.items():
            found = re.fullmatch(pattern, text)
            if found:
                return _render_message(message_id, language, **found.groupdict())
    return render(text, language)


def _render_message(message_id: str, language: str, **values: str) -> str:
    # Imported here, since a command without an error needs no catalogue.
    from watchme_analysis.text.message import Resource, message
    from watchme_analysis.text.render import render

    shown = {name: Resource(_short(text)) for name, text in values.items()}
    return render(message(message_id, **shown), language)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _usage(error: click.UsageError, language: str) -> str:
    """Return the sentence on an invalid use, with the command that explains the usage."""
    sentence = " ".join(_detail(error, language).split())
    stop = "" if sentence.endswith((".", "?", "。", "？")) else "。" if language == "ja" else "."
    if error.ctx is None:
        return f"{sentence}{stop}"
    gap = "" if language == "ja" else " "
    advice = _render_message("command-see-help", language, command=error.ctx.command_path)
    return f"{sentence}{stop}{gap}{advice}"


def _detail(error: click.UsageError, language: str) -> str:
    """Return the problem; those of click's own kinds in the language of the reader."""
    if language == "en":
        return error.format_message()
    return _of_kind(error, language) or _translated(error.message, language)


def _of_kind(error: click.UsageError, language: str) -> str:
    """Return the problem of an error of click's own kinds; empty for others."""
    param = getattr(error, "param", None)
    named = param.get_error_hint(error.ctx).replace("'", "") if isinstance(param, click.Parameter) else ""
    if isinstance(error, click.MissingParameter):
        return _render_message("command-missing", language, name=named or str(error.param_hint or ""))
    if (command := getattr(error, "command_name", None)) is not None:  # a class of newer versions of click
        near = [*(getattr(error, "possibilities", None) or ()), ""][0]
        message_id = "error-no-command-near" if near else "error-no-command"
        return _render_message(message_id, language, command=repr(command), near=near)
    if isinstance(error, click.NoSuchOption):
        near = ", ".join(error.possibilities or ())
        found = _render_message("command-no-option", language, name=error.option_name)
        return found + (_render_message("command-did-you-mean", language, words=near) if near else "")
    if isinstance(error, click.BadParameter):
        hint = error.param_hint if isinstance(error.param_hint, str) else named
        return _render_message(
            "command-invalid", language, name=hint, problem=_translated(error.message, language)
        )
    if isinstance(error, click.BadOptionUsage):
        return _render_message(
            "command-invalid", language, name=error.option_name, problem=_translated(error.message, language)
        )
    return ""


def _of_files(error: OSError, language: str) -> str:
    """Return a sentence on a file that can't be read or written; empty for other errors."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _render_message(
            "command-no-room", language, file=str(error.filename or "-"), folder=tempfile.gettempdir()
        )
    if error.filename is None:
        return ""
    return _render_message(
        "command-file", language, file=str(error.filename), reason=_reason(error, language)
    )
