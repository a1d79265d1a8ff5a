"""Options and help that every command has: ``-v``, ``--debug`` and exit codes."""

from __future__ import annotations

import logging
import re

import click

from watchme_analysis.storage.log_output import log_output
from watchme_analysis.text.printable import printable

_PACKAGE = "watchme_analysis"
_KEY = f"{__name__}.handler"
# The exit codes of a command that states no others.
_EXIT_CODES = "Exit codes: 0 done; 1 a part or a service failed; 2 refused, or bad input."
_STATES_CODES = re.compile(r"[Ee]xit(?:s with| code)")


def verbosity_options() -> list[click.Option]:
    """Return the options ``-v`` and ``--debug``; they act when they are parsed."""
    return [
        click.Option(
            ["-v", "--verbose"],
            count=True,
            expose_value=False,
            callback=_log_some,
            help="Log queries, waits and files to standard error; -vv also each call, poll and cache entry.",
        ),
        click.Option(
            ["--debug"],
            is_flag=True,
            expose_value=False,
            callback=_log_all,
            help="Like -vv, and print the traceback of an error above its sentence.",
        ),
    ]


def complete_command(command: click.Command) -> None:
    """Give a command, and those of a group, what all of them have: ``-v``, ``--debug`` and exit codes."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            complete_command(each)
        return
    if any(param.name == "verbose" for param in command.params):
        return
    command.params += verbosity_options()
    if not _STATES_CODES.search(f"{command.help}{command.epilog}"):
        command.epilog = f"{command.epilog or ''}\n\n{_EXIT_CODES}"


def _log_some(ctx: click.Context, param: click.Parameter, count: int) -> None:
    if count and not ctx.resilient_parsing:
        _show_log(ctx, logging.INFO if count == 1 else logging.DEBUG)


def _log_all(ctx: click.Context, param: click.Parameter, is_set: bool) -> None:
    if is_set and not ctx.resilient_parsing:
        _show_log(ctx, logging.DEBUG)


def _show_log(ctx: click.Context, level: int) -> None:
    """Log the package on standard error, until the command ends."""
    if _KEY in ctx.meta:  # -v and --debug
        handler: logging.Handler = ctx.meta[_KEY]
        handler.setLevel(min(level, handler.level))
        logging.getLogger(_PACKAGE).setLevel(handler.level)
        return
    ctx.meta[_KEY] = handler = logging.StreamHandler()
    ctx.find_root().with_resource(log_output(handler, level, printable))
