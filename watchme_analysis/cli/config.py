"""The command ``watchme config``: the settings in force, their sources, a new file and its check."""

from __future__ import annotations

import sys
from operator import attrgetter
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from watchme_analysis.cli.aws import session_of, session_options
from watchme_analysis.cli.completion import complete_queues
from watchme_analysis.cli.error_sentences import language_of_words
from watchme_analysis.cli.options import (
    language_option,
    system_option,
    timezone_option,
)
from watchme_analysis.cli.output import TABLE, form_options, output_of, output_options
from watchme_analysis.cli.terminal import Printer, echo, say_ignored_settings
from watchme_analysis.config import FILE, found_file, trust_file
from watchme_analysis.errors import InputError
from watchme_analysis.text.message import Choice, Names, Resource, message
from watchme_analysis.text.render import error_message, error_sentence, label, render


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
@click.option("--force", is_flag=True, help="Let --to replace a file that exists.")
@form_options()
@session_options
@language_option
def config_init(files: tuple[Path, ...], target: Path, *, no_aws: bool, force: bool, **options: Any) -> int:
    """Write a watchme.toml with the systems that are found, and print where each value comes from.

    In AWS, each queue with its dead-letter queue, function, log group and the URL in the function's variables
    is a system. FILES are nginx.conf (or the output of nginx -T) and compose files, for the health endpoint
    and the port of the service. Nothing in AWS is changed.

    The exit code is 1 if something could not be looked up; the file then holds the rest.
    """
    from watchme_analysis.cli.aws import PARTLY_FAILED
    from watchme_analysis.present.text_table import align_rows
    from watchme_analysis.services.propose_config import Proposal, find_in_aws, find_in_files, toml_text
    from watchme_analysis.storage.atomic_write import write_atomically

    if no_aws and (options["queues"] or not files):
        raise click.UsageError(error_sentence("error-no-aws-needs-files"))
    if target.exists() and not force:
        raise InputError(error_message("error-config-exists", target=target))
    if not target.absolute().parent.is_dir():
        raise InputError(error_message("error-config-no-folder", target=target, folder=target.parent))
    output, language, found = output_of(options), options["language"], Proposal()
    if not no_aws:
        find_in_aws(session_of(options), found, options["queues"])
    find_in_files(files, found)
    write_atomically(target, toml_text(found).encode())
    trust_file(target)
    rows = [(key, value, render(source, language)) for key, value, source in found.rows()]
    names = ("setting", "value", "source")
    if output.form != TABLE:
        settings = [dict(zip(names, row, strict=True)) for row in rows]
        output.write_document(settings, lambda: settings)
    elif rows:
        heads = [label(f"config-heading-{name}", language) for name in names]
        echo(align_rows(heads, rows, words=(0, 1, 2)))
    for note in found.notes:
        echo(render(message("print-note", text=note), language), err=True)
    values = {"file": Resource(str(target))}
    if output.form != TABLE:
        return PARTLY_FAILED if found.failed else 0
    if found.systems:
        echo(render(message("config-init-written", systems=len(found.systems), **values), language))
        echo(label("print-next", language, command="watchme config check"))
    else:
        echo(render(message("config-init-nothing", **values), language))
    return PARTLY_FAILED if found.failed else 0


@config_group.command(
    "show",
    epilog="""\b
Examples:
  watchme config show
  watchme config show --profile night
  WATCHME_TIME_ZONE=Europe/Berlin watchme config show --json""",
)
@output_options()
@session_options
@timezone_option
@language_option
def config_show(**options: Any) -> None:
    """Print each setting with its value and source.

    Options given here take precedence, as in every command. Then come environment variables
    (WATCHME_TIME_ZONE and so on), watchme.toml in the working directory or its parents, watchme.toml in
    ~/.config/watchme, and the default. docs/configuration.md describes the keys.
    """
    from watchme_analysis.config import KEYS, TABLE_KEYS, load_config, source_kind
    from watchme_analysis.present.text_table import align_rows

    output = output_of(options)
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
    context = click.get_current_context()
    for name, key in (("profile",) * 2, ("region",) * 2, ("timezone", "time_zone"), ("language",) * 2):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            values[key], sources[key] = options[name], ("option", f"--{name}")
    if output.form != TABLE:
        shown = {
            key: {"value": value, "source": sources[key][1], "stated_by": sources[key][0]}
            for key, value in values.items()
        }
        output.write_document(shown, lambda: ({"setting": key, **entry} for key, entry in shown.items()))
        return
    language = options["language"]
    heads = [label(f"config-heading-{name}", language) for name in ("setting", "value", "kind", "source")]
    rows = [
        (
            key,
            _value_text(key, value, language),
            render(message("config-kind", kind=Choice(sources[key][0])), language),
            sources[key][1],
        )
        for key, value in values.items()
    ]
    echo(align_rows(heads, rows, words=(0, 1, 2, 3)))


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
@language_option
@output_options()
def config_check(system: str | None, **options: Any) -> int:
    """Check that everything which the systems name exists: in AWS, and as files.

    The exit code is 1 if something does not exist or could not be checked.
    """
    from watchme_analysis.cli.aws import PARTLY_FAILED
    from watchme_analysis.config import load_config
    from watchme_analysis.present.text_table import align_rows
    from watchme_analysis.services.check_config import check_system

    output, out = output_of(options), Printer(options["language"])
    config = load_config()
    chosen = config.chosen_system(system)
    systems = [chosen] if system and chosen else list(config.systems.values())
    if not systems:
        raise InputError(error_message("error-no-system"))
    aws = session_of(options)
    found = [item for each in systems for item in check_system(aws, each)]
    wrong = sum(item.problem is not None for item in found)
    if output.form != TABLE:
        checked = [
            {"setting": each.key, "value": each.name, "problem": each.problem and out.text(each.problem)}
            for each in found
        ]
        output.write_document(checked, lambda: checked)
        return PARTLY_FAILED if wrong else 0
    rows = [(item.key, item.name, "ok" if item.problem is None else out.text(item.problem)) for item in found]
    heads = [out.words(f"config-heading-{name}") for name in ("setting", "value", "found")]
    echo(align_rows(heads, rows, words=(0, 1, 2)) + "\n")
    out.print_message("config-checked", names=len(found), wrong=wrong)
    return PARTLY_FAILED if wrong else 0


# What a setting without a value means.
_UNSET = {
    "alarms": "package",
    "profile": "aws",
    "region": "aws",
    "work_items.item_keys": "messages",
    "work_items.time_keys": "messages",
    "work_items.day_keys": "messages",
}


def _value_text(key: str, value: object, language: str) -> str:
    """Return the value of a setting as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = ", ".join(value) if isinstance(value, tuple) else "" if value is None else str(value)
    return text or render(message("config-unset", meaning=Choice(_UNSET.get(key, "none"))), language)
