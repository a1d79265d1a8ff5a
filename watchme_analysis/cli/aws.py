"""Options shared by the commands that call AWS."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from watchme_analysis.cli.options import (
    FiniteRange,
    profile_option,
    region_option,
    timezone_option,
    together,
    window_options,
)
from watchme_analysis.cli.terminal import Printer, echo, show_status
from watchme_analysis.text.message import Duration, Text, value_of
from watchme_analysis.window import Window, parse_time, parse_zone

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.insights.cached import QueryOptions
    from watchme_analysis.cloudwatch.session import Aws

# Seconds between progress lines when standard error is not a terminal.
_PROGRESS_EVERY_S = 30.0

F = TypeVar("F", bound=Callable[..., Any])


cache_option = click.option(
    "--cache",
    type=click.Path(path_type=Path),
    help="Folder of cached responses; by default in your user's cache folder.",
)


def session_options(command: F) -> F:
    """Return a command with ``--profile`` and ``--region``; :func:`session_of` reads them."""
    return together(profile_option, region_option)(command)


def session_of(options: Mapping[str, Any]) -> Aws:
    """Return the session of the account and region that the options state."""
    from watchme_analysis.cloudwatch.session import Aws, SessionTarget

    return Aws(SessionTarget(options["profile"], options["region"]))


def aws_options(command: F) -> F:
    """Return a command with the options of commands that query AWS over a window."""
    return together(
        window_options(since="24h", until="now"),
        timezone_option,
        click.option("--max-scan-gb", type=FiniteRange(min=0), default=100.0, show_default=True,
                     help="Largest volume that log queries may scan."),
        click.option("--usd-per-gb", type=FiniteRange(min=0), default=0.005, show_default=True,
                     envvar="WATCHME_USD_PER_GB", show_envvar=True,
                     help="Price of scanning logs in your region; the default is that of us-east-1."),
        click.option("--deadline", type=click.IntRange(min=1), default=900, show_default=True,
                     help="Seconds after which running log queries are stopped."),
        cache_option,
        click.option("--refresh", is_flag=True, help="Repeat requests whose responses are cached."),
        click.option("--offline", is_flag=True,
                     help="Use cached responses only; a span such as 24h is that of the last run."),
    )(command)  # fmt: skip


def check_window(options: dict[str, Any]) -> None:
    """Raise an InputError for an invalid window or time zone before AWS is called or a file is written."""
    zone, now = parse_zone(options["timezone"]), datetime.now(UTC)
    Window(parse_time(options["since"], zone, now), min(parse_time(options["until"], zone, now), now))


def window_of(options: dict[str, Any], query_options: QueryOptions, identity_parts: Sequence[Any]) -> Window:
    """Return the window of ``--since`` and ``--until``; it ends now at the latest.

    It is cached under the parts of the request that identify it, so that offline the same options mean the
    same window.
    """
    from watchme_analysis.cloudwatch.response_cache import requested_window

    bounds = options["since"], options["until"]
    return requested_window(query_options.cache, identity_parts, bounds, parse_zone(options["timezone"]))


def query_options_of(options: dict[str, Any], aws: Aws) -> QueryOptions:
    """Return the query options; the cache is separate for each account and region.

    Raises a CacheMissError when offline and the cache has no entry for the profile and region, and a
    ServiceError when AWS can't be called.
    """
    from watchme_analysis.cloudwatch.insights.cached import QueryOptions
    from watchme_analysis.cloudwatch.response_cache import account_cache

    return QueryOptions(
        account_cache(aws, options["cache"], refresh=options["refresh"], offline=options["offline"]),
        deadline_s=options["deadline"],
        max_scan_bytes=options["max_scan_gb"] * 1e9,
    )


class Progress:
    """Progress on standard error: a status line on a terminal, else a line every 30 seconds."""

    def __init__(self, out: Printer) -> None:
        self._out = out
        self._began = self._printed_at = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        show_status()

    def __call__(self, text: Text) -> None:
        """Show the current step with the time since the start."""
        now = time.monotonic()
        line = self._out.words("progress", text=value_of(text), elapsed=Duration(round(now - self._began)))
        show_status(line)
        if not sys.stderr.isatty() and now - self._printed_at >= _PROGRESS_EVERY_S:
            self._printed_at = now
            echo(line, err=True)

    def announce(self, text: Text) -> None:
        """Print a permanent line."""
        show_status()
        echo(self._out.text(text), err=True)
