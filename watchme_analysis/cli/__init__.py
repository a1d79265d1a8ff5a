"""The command ``watchme``."""

from __future__ import annotations

import atexit
import gc
import io
import os
import signal
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click

from watchme_analysis.cli.error_sentences import language_of_words, sentence_of
from watchme_analysis.cli.every_command import complete_command, verbosity_options
from watchme_analysis.cli.exit_codes import ExitCode
from watchme_analysis.cli.terminal import echo, say_ignored_settings, show_traceback
from watchme_analysis.config import FILE, FILE_VARIABLE
from watchme_analysis.errors import InputError
from watchme_analysis.text.formats import has_odd_bytes, readable_name
from watchme_analysis.text.render import error_message, error_sentence
from watchme_analysis.text.suggestions import nearest
from watchme_analysis.version import __version__

# In the usual order of use; each module is imported when its command is used.
_COMMANDS = {
    "demo": "demo:demo",
    "case": "case:case_group",
    "diagnose": "diagnose:diagnose",
    "cause": "cause:cause",
    "explain": "explain:explain",
    "access": "access:access",
    "report": "report:report",
    "lab": "report:lab",
    "run": "run:run",
    "notify": "notify:notify",
    "schedule": "schedule:schedule",
    "probe": "probe:probe",
    "query": "query:query",
    "alarms": "alarms:alarms",
    "simulate": "simulate:simulate",
    "audit": "audit:audit",
    "settings": "settings:settings",
    "fifo": "fifo:fifo",
    "redrive": "redrive:redrive",
    "queue": "queue:queue_group",
    "deploy": "deploy:deploy",
    "guard": "guard:guard",
    "loadtest": "loadtest:loadtest",
    "mcp": "mcp:mcp",
    "config": "config:config_group",
}


class Commands(click.Group):
    """Group of commands that are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands in the usual order of use."""
        return [*_COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command after importing its module; None when there is no such command."""
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, name = place.split(":")
        command: click.Command = getattr(import_module(f"{__name__}.{module}"), name)
        complete_command(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name, and the rest; the error suggests a similar one."""
        word = args[0]
        if not word.startswith("-") and word not in _COMMANDS:
            near = nearest(word, _COMMANDS)
            said = error_sentence(
                "error-no-command" if near is None else "error-no-command-near",
                command=repr(word),
                near=near or "",
            )
            raise click.UsageError(said, ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
A first round:
  watchme demo                      investigate a small bundled case
  watchme case import FOLDER CASE   turn raw evidence into a case
  watchme case show CASE            see what it holds and what it misses
  watchme diagnose CASE             name the cause, with its evidence
  watchme report all CASE           the same as a page with figures, below reports/

\b
Exit codes:
  0  done
  1  a report, a file or a service failed; the rest is kept
  2  bad input
  3  a diagnosis meets --fail-on

Options such as -v and --debug may stand before or after the command.""",
)
@click.version_option(__version__, package_name="watchme_analysis")
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"Use and trust this {FILE} instead of the one that is found; also {FILE_VARIABLE}.",
)
@click.pass_context
def cli(ctx: click.Context, config_file: Path | None) -> None:
    """Find out why an event-driven system on AWS misbehaved.

    Evidence (logs, metrics, probes, queue state, configurations) is imported into a case, one folder that
    holds everything for later steps, all offline. Questions are answered from the case: `health` (why does
    an endpoint time out) and `backlog` (why do messages pile up or end in a dead-letter queue).
    """
    if config_file is not None:
        os.environ[FILE_VARIABLE] = str(config_file.absolute())
    if ctx.invoked_subcommand != "config":
        say_ignored_settings(language_of_words(sys.argv[1:]))


cli.params += verbosity_options()


# Objects made since the last search for unused cycles. Rows of evidence are hundreds of thousands of small
# objects that live until the command ends; Python's 700 searches all of them again and again.
_COLLECT_FROM = 200_000


def main() -> None:
    """Run the command line; an error is printed as one sentence on standard error.

    The exit code is 2 for invalid input and 1 for a failed service. Errors of this program itself are not
    caught, because a bug report needs their traceback.
    """
    # Names that are not UTF-8, and characters that the encoding of the terminal lacks, are printed as
    # escapes.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.excepthook = show_traceback
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores a closed terminal
            signal.signal(number, _stopped)
    try:
        _check_words(sys.argv[1:])
        gc.set_threshold(_COLLECT_FROM)
        # A process that ends frees its memory anyway; Python's last search for cycles in all modules takes
        # as long as reading a short log.
        atexit.register(gc.freeze)
        code = cli.main(prog_name="watchme", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        echo(error.format_message(), err=True)
        sys.exit(ExitCode.BAD_INPUT)
    except (Exception, KeyboardInterrupt) as error:
        found = sentence_of(error, language_of_words(sys.argv[1:]))
        if found is None:
            raise
        if "--debug" in sys.argv[1:]:
            show_traceback(type(error), error, error.__traceback__)
        echo(f"watchme: {found[0]}", err=True)
        sys.exit(found[1])
    sys.exit(code if isinstance(code, int) else 0)


def _check_words(words: Iterable[str]) -> None:
    """Raise an error for arguments that are neither UTF-8 nor existing files: they match no stored text."""
    for word in words:
        if has_odd_bytes(word) and not Path(word).exists():
            raise InputError(error_message("error-word-not-utf8", word=repr(readable_name(word))))


def _stopped(number: int, frame: object) -> NoReturn:
    """Exit through an exception, so that unfinished cases, kernels and indexes are cleaned up."""
    sys.exit(128 + number)
