"""Options that several commands share, and their defaults from ``watchme.toml``."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from watchme_analysis.cli.completion import complete_queues, complete_systems
from watchme_analysis.cli.exit_codes import ExitCode
from watchme_analysis.cli.terminal import echo_json
from watchme_analysis.config import FILE, load_config
from watchme_analysis.errors import InputError
from watchme_analysis.services.diagnose import ALL
from watchme_analysis.stand_ins import LEVELS
from watchme_analysis.text.catalogue import LANGUAGES
from watchme_analysis.text.render import error_sentence, text_of_error
from watchme_analysis.text.suggestions import did_you_mean, nearest
from watchme_analysis.window import parse_span

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.iam_policy import Grant

F = TypeVar("F", bound=Callable[..., Any])


def together(*options: Callable[[Any], Any]) -> Callable[[F], F]:
    """Return a decorator that adds options in this order."""

    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


class ChoiceWithSuggestion(click.Choice):  # type: ignore[type-arg]  # generic in the stubs of some versions only
    """A choice of words; the error for another word suggests the one that it resembles."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the word."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            known = [str(choice) for choice in self.choices]
            said = error_sentence(
                "error-choice",
                value=repr(value),
                known=", ".join(map(repr, known)),
                near=did_you_mean(nearest(str(value), known)),
            )
            self.fail(said, param, ctx)


class CommandWithOptionalQuestion(click.Command):
    """A command with the arguments QUESTION and CASE, or several, of which the first may be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; without a question, the cases are those of every question they have."""
        if not ctx.resilient_parsing:
            words, _, _ = self.make_parser(ctx).parse_args(args=[*args])
            choices = next(param.type for param in self.params if param.name == "question")
            known = choices.choices if isinstance(choices, click.Choice) else ()
            first, others = words.get("question"), words.get("cases") or words.get("case")
            # A question alone is an error, because the CASE is missing; so is an unknown one before a CASE.
            is_case = isinstance(first, str) and first not in known
            if is_case and (
                not isinstance(others, str | tuple) or ("cases" in words and Path(str(first)).exists())
            ):
                args = [ALL, *args]
        return super().parse_args(ctx, args)


def _require_parameters(*names: str) -> None:
    """Raise the error of click for parameters that only ``--print-policy`` can do without."""
    context = click.get_current_context()
    for param in context.command.params:
        if param.name in names and context.params[param.name] is None:
            # Without the parameter itself, whose hint would have the brackets of an optional one.
            is_option = isinstance(param, click.Option)
            raise click.MissingParameter(
                ctx=context,
                param_hint=param.opts[-1] if is_option else str(param.human_readable_name),
                param_type="option" if is_option else "argument",
            )


def configured(key: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """Return an option callback that returns the value of the option, else the setting of this key.

    For a repeatable option, the setting becomes the only value.
    """

    def value_or_setting(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        if value not in (None, ()) or ctx.resilient_parsing:
            return value
        found = getattr(load_config(), key)
        return value if found is None else (found,) if param.multiple else found

    return value_or_setting


timezone_option = click.option(
    "--timezone",
    metavar="ZONE",
    callback=configured("time_zone"),
    show_default=f"time_zone of {FILE}, else UTC",
    help="Time zone of the times shown, and of times given without one.",
)
language_option = click.option(
    "--language",
    type=ChoiceWithSuggestion(LANGUAGES),
    callback=configured("language"),
    help=f"Language of the sentences.  [default: language of {FILE}, else the locale's, else en]",
)


def window_options(*, since: str | None = None, until: str | None = None) -> Callable[[F], F]:
    """Return a decorator that adds ``--since`` and ``--until``, with their defaults."""
    return together(
        click.option(
            "--since",
            default=since,
            show_default=since is not None,
            help="Start of the window: ISO 8601, or a span such as 2h before now; of a CASE, before its end.",
        ),
        click.option(
            "--until",
            default=until,
            show_default=until is not None,
            help="End of the window, in the same form; by default now, of a CASE its end.",
        ),
    )


endpoint_option = click.option(
    "--endpoint", help="health: path of the endpoint to examine; the affected one by default."
)
queue_option = click.option(
    "--queue", shell_complete=complete_queues, help="Queue to examine; by default the affected one."
)
queues_option = click.option(
    "--queue",
    "queues",
    multiple=True,
    shell_complete=complete_queues,
    help="Queue to examine; repeatable. By default those of the system.",
)
functions_option = click.option(
    "--function",
    "functions",
    multiple=True,
    help="Lambda function to examine; repeatable. By default those of the system.",
)


def queue_argument(command: F) -> F:
    """Return a command whose queue is the argument QUEUE, or ``--queue`` as in all other commands.

    The parameter ``queue`` is None when neither is given.
    """

    @wraps(command)
    def with_queue(queue: str | None, queue_named: str | None, **options: Any) -> Any:
        if None not in (queue, queue_named) and queue != queue_named:
            raise click.UsageError(error_sentence("error-two-queues", one=queue, other=queue_named))
        click.get_current_context().params["queue"] = queue or queue_named
        return command(queue=queue or queue_named, **options)

    return together(
        click.argument("queue", required=False, shell_complete=complete_queues),
        click.option(
            "--queue", "queue_named", shell_complete=complete_queues, help="The same as the argument QUEUE."
        ),
    )(with_queue)  # type: ignore[return-value]  # click replaces the function by a command anyway


system_option = click.option(
    "--system",
    metavar="NAME",
    shell_complete=complete_systems,
    help=f"System of {FILE}; by default the one that it chooses, or the only one.",
)
systems_option = click.option(
    "--system",
    "systems",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_systems,
    help=f"System of {FILE}; repeatable. By default the one that it chooses, or the only one.",
)
profile_option = click.option(
    "--profile",
    callback=configured("profile"),
    help=f"AWS profile; by default that of {FILE}, else the AWS CLI's.",
)
region_option = click.option(
    "--region",
    callback=configured("region"),
    help=f"AWS region; by default that of {FILE}, else the profile's.",
)
case_option = click.option(
    "--case",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Case to record the steps in (table `actions`).",
)


def policy_option(
    grants_of: Callable[[Mapping[str, Any]], Iterable[Grant]], *required: str
) -> Callable[[F], F]:
    """Return a decorator that adds ``--print-policy``, which prints the IAM policy instead of all else.

    Parameters
    ----------
    grants_of
        Returns what the policy allows, from the parameters of the command.
    required
        Parameters that only this option can do without.
    """

    def decorated(command: F) -> F:
        @wraps(command)
        def run(*arguments: Any, **parameters: Any) -> Any:
            if parameters.pop("print_policy"):
                from watchme_analysis.cloudwatch.iam_policy import policy_of

                echo_json(json.dumps(policy_of(grants_of(parameters)), indent=2))
                return 0
            _require_parameters(*required)
            return command(*arguments, **parameters)

        option = click.option(
            "--print-policy", is_flag=True, help="Print the smallest sufficient IAM policy and exit."
        )
        return option(run)  # type: ignore[return-value]  # click replaces the function by a command anyway

    return decorated


visibility_option = click.option(
    "--visibility-timeout",
    type=click.IntRange(30, 43200),
    default=300,
    show_default=True,
    help="Seconds for which messages are hidden at most while the queue is read.",
)

fail_on_option = click.option(
    "--fail-on",
    type=ChoiceWithSuggestion(["supported", "incident"]),
    help=f"Exit with {ExitCode.FOUND:d} if a cause is supported, or if there is an incident, whatever its "
    "cause.",
)


def redact_option(*, required: bool = False) -> Callable[[Any], Any]:
    """Return the option for the level of redaction."""
    return click.option(
        "--redact",
        type=ChoiceWithSuggestion(LEVELS),
        required=required,
        help="secrets: passwords, tokens and keys masked; ids: also devices, addresses, accounts, users, "
        "hosts and home folders replaced; share: also no message bodies.",
    )


class FiniteRange(click.FloatRange):
    """A number of a range; ``nan`` and ``inf``, which no bound excludes, are rejected."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(error_sentence("error-not-finite", value=repr(value)), param, ctx)
        return number


class Seconds(click.ParamType):  # type: ignore[type-arg]  # generic in the stubs of some versions only
    """A duration such as ``10s`` or ``2m``, or a plain number of seconds; the value is in seconds."""

    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the seconds."""
        try:
            return seconds_of(str(value))
        except InputError as error:
            self.fail(text_of_error(error), param, ctx)


def seconds_of(text: str) -> float:
    """Return the seconds of a duration such as ``10s`` or of a plain number; else raise an InputError."""
    is_number = re.fullmatch(r"\d+(\.\d+)?", text) is not None
    return parse_span(f"{text}s" if is_number else text).total_seconds()


def seconds_option(option: str, name: str, default: str, text: str) -> Callable[[Any], Any]:
    """Return an option for a duration, whose value is in seconds."""
    return click.option(option, name, type=Seconds(), default=default, show_default=True, help=text)


def simulation_options(fewest_replications: int) -> Callable[[F], F]:
    """Return a decorator that adds the options of simulations.

    At least two replications are needed where their spread decides.
    """
    return together(
        click.option(
            "--replications",
            type=click.IntRange(fewest_replications),
            default=10,
            show_default=True,
            help="Replications of each simulation.",
        ),
        click.option(
            "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the random numbers."
        ),
        click.option(
            "--processes",
            type=click.IntRange(1),
            default=os.cpu_count() or 1,
            help="Parallel processes; by default one per core.",
        ),
    )
