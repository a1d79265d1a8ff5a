"""Options that several commands share, and their defaults from ``watchme.toml``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import click

from watchme_analysis.config import FILE, load_config


def configured(key: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """Return a callback of an option: its value, else the setting of this key.

    An option that may be given several times gets the setting as its only value.
    """

    def value_or_setting(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        if value not in (None, ()) or ctx.resilient_parsing:
            return value
        found = getattr(load_config(), key)
        return value if found is None else (found,) if param.multiple else found

    return value_or_setting


_zone = partial(
    click.option,
    "--timezone",
    metavar="ZONE",
    callback=configured("time_zone"),
    show_default=f"time_zone of {FILE}, else UTC",
)
timezone_option = _zone(help="Time zone of the times shown, and of times given without one.")
shown_zone_option = _zone(help="Time zone of the times shown.")
since_option = click.option(
    "--since", help="Start of the window: ISO 8601, or a span such as 2h before the case's end."
)
until_option = click.option("--until", help="End of the window.")
endpoint_option = click.option(
    "--endpoint", help="health: path of the endpoint to examine; the affected one by default."
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
