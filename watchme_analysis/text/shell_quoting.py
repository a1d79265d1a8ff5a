"""Words of shell commands that a reader may paste.

Queue, function and path names come from evidence, which others may have written. Every such value goes into a
command through here, so that a shell takes it as one word and a program takes it as no option.
"""

from __future__ import annotations

import os
import shlex


def shell_word(value: str, instead: str | None = None) -> str:
    """Return a value as one word of a POSIX shell, quoted only where that is needed.

    Parameters
    ----------
    value
        Text of any kind. Characters that a terminal would act on, line breaks among them, become ``?``.
    instead
        Word for a value that can't stand in a sentence, where backticks enclose the command, or that a
        program would take as an option.

    Examples
    --------
    >>> shell_word("uploads"), shell_word("$(id)")
    ('uploads', "'$(id)'")
    """
    text = "".join(letter if letter.isprintable() else "?" for letter in value)
    if instead is not None and ("`" in text or text.startswith("-")):
        return instead
    return shlex.quote(text)


def shell_option(name: str, value: str, instead: str | None = None) -> str:
    """Return an option with its value, which a program takes as one also where it begins with a hyphen.

    Examples
    --------
    >>> shell_option("--queue", "uploads"), shell_option("--queue", "-rf")
    ('--queue uploads', '--queue=-rf')
    """
    if instead is not None and "`" in value:
        value = instead
    return f"{name}{'=' if value.startswith('-') else ' '}{shell_word(value)}"


def shell_path(path: str | os.PathLike[str]) -> str:
    """Return a path as a word that no program takes as an option."""
    text = os.fspath(path)
    return shell_word(f"./{text}" if text.startswith("-") else text)
