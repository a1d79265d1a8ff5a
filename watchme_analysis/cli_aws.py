"""Options that the commands asking AWS share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from watchme_analysis.window import Window, parse_time, parse_zone

if TYPE_CHECKING:
    from watchme_analysis.sources.aws_client import Aws
    from watchme_analysis.sources.insights_ask import Asking

F = TypeVar("F", bound=Callable[..., Any])


def aws_options(command: F) -> F:
    """Add the options of everything that asks AWS."""
    for option in reversed(
        (
            click.option("--since", default="24h", show_default=True, help="Start: ISO 8601, or a span ago."),
            click.option("--until", default="now", show_default=True, help="End of the window."),
            click.option("--timezone", default="Asia/Tokyo", show_default=True, help="Zone of bare times."),
            click.option("--max-scan-gb", type=click.FloatRange(min=0), default=100.0, show_default=True,
                         help="Refuse log queries that would scan more."),
            click.option("--deadline", type=click.IntRange(min=1), default=900, show_default=True,
                         help="Seconds after which log queries that still run are stopped."),
            click.option("--cache", type=click.Path(path_type=Path), default=None,
                         help="Folder of kept log answers; one of your user's if not given."),
            click.option("--refresh", is_flag=True, help="Ask anew what is kept."),
            click.option("--offline", is_flag=True, help="Ask nothing; take kept log answers alone."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def window_of(options: dict[str, Any]) -> Window:
    """Return the window of ``--since`` and ``--until``; its end is now at the latest."""
    zone = parse_zone(options["timezone"])
    now = datetime.now(UTC)
    end = min(parse_time(options["until"], zone, now), now)
    return Window(parse_time(options["since"], zone, now), end)


def asking_of(options: dict[str, Any], aws: Aws) -> Asking:
    """Return how log queries are asked."""
    from watchme_analysis.sources.insights_ask import Asking
    from watchme_analysis.sources.insights_cache import Cache

    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = options["cache"] or home / "watchme" / "insights"
    cache = Cache(folder, f"{aws.place.profile or 'default'}/{aws.region}")
    return Asking(cache, options["refresh"], options["offline"], deadline_s=options["deadline"])


def progress() -> Callable[[str], None] | None:
    """Return a function that shows one changing line on a terminal, None elsewhere."""
    if not sys.stderr.isatty():
        return None

    def show(text: str) -> None:
        click.echo(f"\r\033[K{text}", nl=False, err=True)

    return show
