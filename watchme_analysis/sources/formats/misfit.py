"""Why a line is not of a ``log_format``: where it leaves it."""

from __future__ import annotations

import re
from functools import lru_cache

from watchme_analysis.sources.formats.nginx_format import LONG_LINE, LogFormat

# How lines begin that are no requests, and what they are.
_OTHERS = (
    (
        re.compile(rb"\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(\.\d+)? \d{4}\] \["),
        "it is of Apache's error log, which is not read",
    ),
    (
        re.compile(rb"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[[a-z]+\] \d+#\d+: "),
        "it is of Nginx's error log, which --errors reads",
    ),
)


def kind_of_stranger(line: bytes) -> str:
    """Return in words what a line is that is of no format at all."""
    return next((told for begins, told in _OTHERS if begins.match(line)), "it is of none of the formats")


def misfit(log_format: LogFormat, line: bytes) -> str | None:
    """Return in words where a line that is not of a format leaves it.

    Parameters
    ----------
    log_format
        The format.
    line
        :meth:`LogFormat.match` finds nothing in it.

    Returns
    -------
    str or None
        None when the line does not even begin like one of the format.
    """
    found = _beginnings(log_format).match(line) if len(line) <= LONG_LINE else None
    if found is None or found.lastindex is None:
        return None
    names, known = log_format.names, found.lastindex
    further = len(names) > _MOST_NESTED
    if log_format.is_torn(line):
        where = "it holds NUL bytes, which a crash leaves"
    elif known == _MOST_NESTED and further:
        where = f"behind ${names[known - 1]}"
    elif known < len(names):
        where = f"from ${names[known]} on"
    elif found.end() < len(line):
        where = f"it goes on behind ${names[-1]}"
    else:
        where = "another line begins inside of it"
    return f"it is not of log_format {log_format.name or log_format.text}: {where}"


# Python's regular expressions are nested no deeper than its own calls.
_MOST_NESTED = 100


@lru_cache(maxsize=64)
def _beginnings(log_format: LogFormat) -> re.Pattern[bytes]:
    """Return lines of a format up to the literal behind any of the variables, as a regular expression."""
    free = rb"[^\"]*?" if log_format.escape in ("default", "apache") else rb".*?"
    pieces = [
        b"(?:(" + log_format.group_pattern(variable, free) + b")" + re.escape(literal)
        for variable, literal in zip(log_format.variables, log_format.literals[1:], strict=True)
    ][:_MOST_NESTED]
    whole = re.escape(log_format.literals[0]) + b"".join(pieces) + b")?" * len(pieces)
    return re.compile(whole, re.DOTALL)
