"""The command ``watchme config``: the settings in force, their sources, a new file and its check."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from watchme_analysis.cli.aws import session_of, session_options
from watchme_analysis.cli.completion import complete_queues
from watchme_analysis.cli.error_sentences import language_of_words
from watchme_analysis.cli.exit_codes import ExitCode
from watchme_analysis.cli.options import language_option, system_option
from watchme_analysis.cli.result import Result, renders
from watchme_analysis.cli.terminal import Printer, say_ignored_settings
from watchme_analysis.config import FILE, found_file, load_config, trust_file
from watchme_analysis.errors import InputError
from watchme_analysis.present.text_table import align_rows
from watchme_analysis.text.message import Choice, Names, Resource, Text, message
from watchme_analysis.text.render import error_message, error_sentence


@click.group("config")
@click.pass_context
def config_group(ctx: click.Context) -> None:
    """Write, show, check and trust the settings (watchme.toml)."""
    if ctx.invoked_subcommand not in ("init", "trust"):
        say_ignored_settings(language_of_words(sys.argv[1:]))


@config_group.command(
    "init",
    short_help="Write a watchme.toml with the systems that are found.",
    epilog="""\b
Examples:
  watchme config init
  watchme config init /etc/nginx/nginx.conf compose.yaml --queue 'orders*' --profile incident-reader
  watchme config init nginx.conf --no-aws --to project/watchme.toml""",
)
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--queue",
    "queues",
    multiple=True,
    shell_complete=complete_queues,
    help="Queue or pattern; repeatable.  [default: every queue]",
)
@click.option("--no-aws", is_flag=True, help="Call no AWS: use the FILES alone.")
@click.option(
    "--to",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    default=FILE,
    show_default=True,
    help="Write the settings to this file.",
)
@click.option("--force", "replaces", is_flag=True, help="Let --to replace a file that exists.")
@session_options
@renders(writes_to_file=False)
def config_init(
    out: Printer, files: tuple[Path, ...], target: Path, *, no_aws: bool, replaces: bool, **options: Any
) -> Result:
    """Write a watchme.toml with the systems that are found, and print where each value comes from.

    In AWS, each queue with its dead-letter queue, function, log group and the URL in the function's variables
    is a system. FILES are nginx.conf (or the output of nginx -T) and compose files, for the health endpoint
    and the port of the service. Nothing in AWS is changed.

    The exit code is 1 if something could not be looked up; the file then holds the rest.
    """
    from watchme_analysis.cli.found_settings import find_in_files, toml_text
    from watchme_analysis.cloudwatch.account_systems import Proposal, find_in_aws
    from watchme_analysis.storage.atomic_write import write_atomically

    if no_aws and (options["queues"] or not files):
        raise click.UsageError(error_sentence("error-no-aws-needs-files"))
    if target.exists() and not replaces:
        raise InputError(error_message("error-config-exists", target=target))
    if not target.absolute().parent.is_dir():
        raise InputError(error_message("error-config-no-folder", target=target, folder=target.parent))
    found = Proposal()
    if not no_aws:
        find_in_aws(session_of(options), found, options["queues"])
    find_in_files(files, found)
    write_atomically(target, toml_text(found).encode())
    trust_file(target)
    rows = [
        {"setting": key, "value": value, "source": out.text(source)} for key, value, source in found.rows()
    ]
    lines: list[Text] = [_table(out, rows)] if rows else []
    file = Resource(str(target))
    if found.systems:
        lines.append(message("config-init-written", systems=len(found.systems), file=file))
        lines.append(message("print-next", command=Resource("watchme config check")))
    else:
        lines.append(message("config-init-nothing", file=file))
    return Result(
        lines,
        rows,
        notes=[message("print-note", text=note) for note in found.notes],
        outcome=ExitCode.FAILED if found.failed else ExitCode.DONE,
    )


def _table(out: Printer, rows: Sequence[dict[str, str]]) -> str:
    """Return rows as a table with the headings of their names."""
    heads = [out.words(f"config-heading-{name}") for name in rows[0]]
    return align_rows(heads, [tuple(row.values()) for row in rows], words=range(len(heads)))


@config_group.command(
    "show",
    epilog="""\b
Examples:
  watchme config show
  watchme config show --profile night
  WATCHME_TIME_ZONE=Europe/Berlin watchme config show --json""",
)
@session_options
@renders(has_zone=True)
def config_show(out: Printer, **options: Any) -> Result:
    """Print each setting with its value and source.

    Options given here take precedence, as in every command. Then come environment variables
    (WATCHME_TIME_ZONE and so on), watchme.toml in the working directory or its parents, watchme.toml in
    ~/.config/watchme, and the default. docs/configuration.md describes the keys.
    """
    from watchme_analysis.config import KEYS, TABLE_KEYS, source_kind

    config = load_config()
    values = {key: getattr(config, key) for key in KEYS}
    values |= {key: attrgetter(key)(config) for key in TABLE_KEYS}
    values |= {
        f"systems.{name}.{key}": value
        for name, system in config.systems.items()
        for key, value in system.stated().items()
    }
    values |= {
        f"destinations.{name}": ", ".join(map(str, (each.type, each.when, *each.settings.values())))
        for name, each in config.destinations.items()
    }
    sources = {key: (source_kind(config.sources[key]), config.sources[key]) for key in values}
    given = {
        "profile": ("profile", options["profile"]),
        "region": ("region", options["region"]),
        "time_zone": ("timezone", str(out.zone)),
        "language": ("language", out.language),
    }
    context = click.get_current_context()
    for key, (name, value) in given.items():
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            values[key], sources[key] = value, ("option", f"--{name}")
    document = {
        key: {"value": value, "source": sources[key][1], "stated_by": sources[key][0]}
        for key, value in values.items()
    }
    shown = [
        {
            "setting": key,
            "value": _value_text(key, value, out),
            "kind": out.words("config-kind", kind=Choice(sources[key][0])),
            "source": sources[key][1],
        }
        for key, value in values.items()
    ]
    rows = ({"setting": key, **entry} for key, entry in document.items())
    return Result([_table(out, shown)], rows, document)


@config_group.command(
    "trust",
    short_help="Let a watchme.toml name profile, destinations and folders.",
    epilog="""\b
Examples:
  watchme config trust
  watchme config trust ~/orders/watchme.toml""",
)
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@language_option
def config_trust(file: Path | None, language: str) -> None:
    """Trust the present content of FILE, by default of the watchme.toml that is found.

    Read the file before. A found file that is not trusted, or was changed since, only states names of
    resources, how things are shown, and lower limits. `watchme config init` trusts what it writes, and a file
    that --config or WATCHME_CONFIG names is trusted.
    """
    found = found_file() if file is None else file.absolute()
    if found is None:
        raise InputError(error_message("error-config-none", file=FILE))
    keys, out = trust_file(found), Printer(language)
    out.print_message("config-trusted", path=str(found))
    if keys:
        out.print_message("config-trusted-keys", keys=Names(keys))


@config_group.command(
    "check",
    epilog="""\b
Examples:
  watchme config check
  watchme config check --system orders --profile incident-reader""",
)
@system_option
@session_options
@renders()
def config_check(out: Printer, system: str | None, **options: Any) -> Result:
    """Check that everything which the systems name exists: in AWS, and as files.

    The exit code is 1 if something does not exist or could not be checked.
    """
    from watchme_analysis.cloudwatch.named_resources import check_system

    config = load_config()
    chosen = config.chosen_system(system)
    systems = [chosen] if system and chosen else list(config.systems.values())
    if not systems:
        raise InputError(error_message("error-no-system"))
    aws = session_of(options)
    found = [item for each in systems for item in check_system(aws, each)]
    wrong = sum(item.problem is not None for item in found)
    rows = [
        {"setting": item.key, "value": item.name, "problem": item.problem and out.text(item.problem)}
        for item in found
    ]
    shown = [
        {"setting": item.key, "value": item.name, "found": out.text(item.problem or "ok")} for item in found
    ]
    lines = [_table(out, shown) + "\n"] if shown else []
    checked = message("config-checked", names=len(found), wrong=wrong)
    return Result([*lines, checked], rows, outcome=ExitCode.FAILED if wrong else ExitCode.DONE)


# What a setting without a value means.
_UNSET = {
    "alarms": "package",
    "profile": "aws",
    "region": "aws",
    "work_items.item_keys": "messages",
    "work_items.time_keys": "messages",
    "work_items.day_keys": "messages",
}


def _value_text(key: str, value: object, out: Printer) -> str:
    """Return the value of a setting as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = ", ".join(value) if isinstance(value, tuple) else "" if value is None else str(value)
    return text or out.words("config-unset", meaning=Choice(_UNSET.get(key, "none")))
