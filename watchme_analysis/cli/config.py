"""The command ``watchme config``: effective settings and their sources."""

from __future__ import annotations

import json
from operator import attrgetter

import click

from watchme_analysis.cli.options import profile_option, region_option, system_option
from watchme_analysis.cli.terminal import echo, echo_json
from watchme_analysis.errors import InputError
from watchme_analysis.text.formats import counted


@click.group("config")
def config_group() -> None:
    """Show and check the settings of watchme.toml and the environment."""


@config_group.command(
    "show",
    epilog="""\b
Examples:
  watchme config show
  WATCHME_TIME_ZONE=Europe/Berlin watchme config show --json""",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def config_show(as_json: bool) -> None:
    """Print each setting with its value and source.

    An option of a command takes precedence over everything printed here. Then come environment variables
    (WATCHME_TIME_ZONE and so on), watchme.toml in the working directory or its parents, watchme.toml in
    ~/.config/watchme, and the default. docs/configuration.md describes the keys.
    """
    from watchme_analysis.config import KEYS, TABLE_KEYS, load_config
    from watchme_analysis.present.text_table import align_rows

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
    if as_json:
        shown = {key: {"value": value, "source": config.sources[key]} for key, value in values.items()}
        echo_json(json.dumps(shown, indent=1, ensure_ascii=False))
        return
    rows = [(key, _shown(key, value), config.sources[key]) for key, value in values.items()]
    echo(align_rows(("setting", "value", "source"), rows, words=(0, 1, 2)))


@config_group.command(
    "check",
    epilog="""\b
Examples:
  watchme config check
  watchme config check --system orders --profile incident-reader""",
)
@system_option
@profile_option
@region_option
def config_check(system: str | None, profile: str | None, region: str | None) -> int:
    """Check that everything which the systems name exists: in AWS, and as files.

    The exit code is 1 if something does not exist or could not be checked.
    """
    from watchme_analysis.cli.aws import PARTLY_FAILED
    from watchme_analysis.cloudwatch.session import Aws, SessionTarget
    from watchme_analysis.config import load_config
    from watchme_analysis.present.text_table import align_rows
    from watchme_analysis.services.check_config import check_system

    config = load_config()
    chosen = config.chosen_system(system)
    systems = [chosen] if system and chosen else list(config.systems.values())
    if not systems:
        raise InputError("watchme.toml states no system: write [systems.NAME] with the name of a queue.")
    aws = Aws(SessionTarget(profile, region))
    found = [item for each in systems for item in check_system(aws, each)]
    rows = [(item.key, item.name, "ok" if item.problem is None else item.problem) for item in found]
    echo(align_rows(("setting", "value", "found"), rows, words=(0, 1, 2)))
    wrong = sum(item.problem is not None for item in found)
    echo(f"\n{counted(len(found), 'name')} checked, {wrong} with a problem.")
    return PARTLY_FAILED if wrong else 0


# What a setting without a value means.
_UNSET = {
    "alarms": "those of the package",
    "profile": "chosen by AWS's own settings",
    "region": "chosen by AWS's own settings",
    "work_items.item_keys": "learned from the messages",
    "work_items.time_keys": "learned from the messages",
    "work_items.day_keys": "learned from the messages",
}


def _shown(key: str, value: object) -> str:
    """Return the value of a setting as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = ", ".join(value) if isinstance(value, tuple) else "" if value is None else str(value)
    return text or _UNSET.get(key, "none")
