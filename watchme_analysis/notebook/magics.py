"""Cell magics for IPython: ``%load_ext watchme_analysis``, then ``%%insights`` and ``%%sql``.

::

    %%insights errors --groups /aws/lambda/* --since 24h
    fields @timestamp, @message | filter @message like /ERROR/

    %%sql cases/last-night slow
    select path, request_time_s from access_log order by 2 desc limit 10

Both show the rows as a DataFrame and store them under the name that is given.
"""

from __future__ import annotations

import re
import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError, WatchmeError
from watchme_analysis.text.message import Message, Resource, message
from watchme_analysis.text.render import error_message, render, text_of_error

if TYPE_CHECKING:
    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell


class _Parser(ArgumentParser):
    """A parser whose errors are sentences instead of the end of the process."""

    def error(self, message: str) -> NoReturn:
        usage = " ".join(self.format_usage().split())
        raise InputError(
            error_message("error-magic-usage", magic=self.prog, problem=_problem(message), usage=usage)
        )


# Sentences of argparse, and the kind of their messages.
_OF_ARGPARSE = {
    r"the following arguments are required: (.+)": "missing",
    r"unrecognized arguments: (.+)": "unknown",
    r"argument (.+): expected .*": "no-value",
}


def _problem(sentence: str) -> Message | Resource:
    """Return a sentence of argparse as the value of a message."""
    for pattern, kind in _OF_ARGPARSE.items():
        if found := re.fullmatch(pattern, sentence):
            return message(f"magic-{kind}", names=Resource(found[1]))
    return Resource(sentence)


def _insights_parser() -> _Parser:
    parser = _Parser("%%insights", add_help=False)
    parser.add_argument("name", nargs="?", help="variable for the rows")
    parser.add_argument("--groups", nargs="+", help="log groups or patterns; those of the system by default")
    parser.add_argument("--since", default="24h")
    parser.add_argument("--until", default="now")
    for option in ("--profile", "--region", "--system"):
        parser.add_argument(option)
    return parser


def _sql_parser() -> _Parser:
    parser = _Parser("%%sql", add_help=False)
    parser.add_argument("case", help="a case, a folder of evidence, or a variable with a page or case")
    parser.add_argument("name", nargs="?", help="variable for the rows")
    return parser


def insights(shell: InteractiveShell, line: str, cell: str) -> pd.DataFrame:
    """Return the rows of the Logs Insights query in a cell, or of the library query that it names.

    Usage: ``%%insights [NAME] [--groups GROUP ...] [--since 24h] [--until now] [--profile P] [--region R]
    [--system S]``. How the rows were obtained is printed above them.
    """

    def rows(given: Namespace) -> pd.DataFrame:
        from watchme_analysis.cloudwatch.connection import connect

        aws = connect(given.profile, given.region, system=given.system)
        frame, how = aws.logs(cell.strip(), given.groups, given.since, given.until)
        print(repr(how))  # noqa: T201  the output of the cell
        return frame

    return _stored(shell, _insights_parser(), line, rows)


def sql(shell: InteractiveShell, line: str, cell: str) -> pd.DataFrame:
    """Return the rows of the query in a cell over the tables of a case.

    Usage: ``%%sql CASE [NAME]``. CASE is a case, a folder of evidence, or a variable with a page or case.
    """

    def rows(given: Namespace) -> pd.DataFrame:
        from watchme_analysis.case.opening import open_case

        source: Any = shell.user_ns.get(given.case)
        frame: pd.DataFrame = (source if hasattr(source, "sql") else open_case(given.case)).sql(cell)
        return frame

    return _stored(shell, _sql_parser(), line, rows)


def _stored(
    shell: InteractiveShell, parser: _Parser, line: str, rows: Callable[[Namespace], pd.DataFrame]
) -> pd.DataFrame:
    """Return rows and store them under the name that is given; an expected error is one line."""
    from IPython.core.error import UsageError

    try:
        given = parser.parse_args(shlex.split(line))
        if given.name and not given.name.isidentifier():
            raise InputError(error_message("error-variable-name", name=repr(given.name)))
        frame = rows(given)
    except (WatchmeError, ValueError) as error:
        raise UsageError(render(text_of_error(error), load_config().language)) from error
    if given.name:
        shell.user_ns[given.name] = frame
    return frame


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics; IPython calls this for ``%load_ext watchme_analysis``."""
    register: Any = shell.register_magic_function  # IPython states a wrong type for its argument
    for magic in (insights, sql):
        register(partial(magic, shell), "cell", magic.__name__)
