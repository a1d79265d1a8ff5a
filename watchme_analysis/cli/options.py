"""Options that several commands share."""

from functools import partial

import click

from watchme_analysis.window import DEFAULT_ZONE

_zone = partial(click.option, "--timezone", default=DEFAULT_ZONE, show_default=True)
timezone_option = _zone(help="Zone of the times shown, and of times given without one.")
shown_zone_option = _zone(help="Zone of the times shown.")
since_option = click.option(
    "--since", help="Start of the window: ISO 8601, or a span such as 2h before the case's end."
)
until_option = click.option("--until", help="End of the window.")
endpoint_option = click.option(
    "--endpoint", help="health: the path that is asked about; found from the data if not given."
)
