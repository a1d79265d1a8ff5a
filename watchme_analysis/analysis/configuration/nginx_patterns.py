"""Patterns of an Nginx configuration, written for PCRE, as Python reads them."""

from __future__ import annotations

import re
from functools import lru_cache

_CLASSES = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "lower": "a-z", "upper": "A-Z", "space": r"\s",
    "xdigit": "0-9a-fA-F", "word": r"\w", "punct": r"!-/:-@\[-`{-~",
}  # fmt: skip


@lru_cache(maxsize=4096)
def python_pattern(pattern: str) -> str:
    r"""Return a PCRE pattern as Python writes it: names of groups, ``\z``, ``[[:alpha:]]``, late ``(?i)``."""
    pattern = re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", pattern)
    pattern = re.sub(r"\[:(\w+):\]", lambda named: _CLASSES.get(named[1], named[0]), pattern)
    pattern = pattern.replace(r"\z", r"\Z")
    # Python wants a flag for the rest of a pattern at its start, or around what it holds for.
    late = re.fullmatch(r"(.+?)\(\?([ims]+)\)(.*)", pattern)
    return f"{late[1]}(?{late[2]}:{late[3]})" if late else pattern


def found(pattern: str, text: str, flags: int = 0) -> re.Match[str] | None:
    """Return where a PCRE pattern is found first; None where it is not, or can't be read by Python."""
    try:
        return re.search(python_pattern(pattern), text, flags)
    except re.error:
        return None
