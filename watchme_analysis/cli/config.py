"""The command ``watchme config``: effective settings and their sources."""

from __future__ import annotations

import json

import click

from watchme_analysis.cli.terminal import echo, echo_json


@click.group("config")
def config_group() -> None:
    """Show the settings of watchme.toml and the environment."""


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
    from watchme_analysis.config import KEYS, WORK_ITEM_KEYS, load_config
    from watchme_analysis.limits import LIMIT_KEYS
    from watchme_analysis.present.text_table import align_rows

    config = load_config()
    values = {key: getattr(config, key) for key in KEYS}
    values |= {f"work_items.{key}": getattr(config.work_items, key) for key in WORK_ITEM_KEYS}
    values |= {f"limits.{key}": getattr(config.limits, key) for key in LIMIT_KEYS}
    if as_json:
        shown = {key: {"value": value, "source": config.sources[key]} for key, value in values.items()}
        echo_json(json.dumps(shown, indent=1, ensure_ascii=False))
        return
    unset = {"alarms": "those of the package"}
    rows = []
    for key, value in values.items():
        text = ", ".join(value) if isinstance(value, tuple) else str(value or "")
        rows.append((key, text or unset.get(key, "chosen by AWS's own settings"), config.sources[key]))
    echo(align_rows(("setting", "value", "source"), rows, words=(0, 1, 2)))
