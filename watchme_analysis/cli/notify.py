"""The command ``watchme notify``: try the destinations of watchme.toml."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from watchme_analysis.cli.aws import session_options
from watchme_analysis.cli.exit_codes import ExitCode
from watchme_analysis.cli.result import Result, renders
from watchme_analysis.config import FILE, load_config
from watchme_analysis.errors import InputError
from watchme_analysis.text.message import message
from watchme_analysis.text.render import error_message
from watchme_analysis.text.suggestions import did_you_mean, nearest

if TYPE_CHECKING:
    from watchme_analysis.cli.terminal import Printer


@click.group("notify", short_help="Send a sample to destinations.")
def notify() -> None:
    """Try the destinations of watchme.toml, before an incident needs them."""


@notify.command(
    "test",
    epilog="""\b
Examples:
  watchme notify test
  watchme notify test team-chat mail""",
)
@click.argument("names", metavar="[DESTINATION]...", nargs=-1)
@session_options
@renders()
def notify_test(out: Printer, names: tuple[str, ...], profile: str | None, region: str | None) -> Result:
    """Send a sample to each DESTINATION of watchme.toml, by default to all, and print what arrived.

    Each receives a message that calls itself a sample; folders and buckets of reports receive one small file
    instead, `.watchme-sample.txt`, which each test replaces. Nothing is sent a second time.

    The exit code is 1 if a destination did not confirm its sample.
    """
    from watchme_analysis.delivery.destinations.registry import account_of, sender_of
    from watchme_analysis.delivery.outbox import CONFIRMED
    from watchme_analysis.delivery.sample import send_samples

    config = load_config()
    config.check_confirmed()
    if not config.destinations:
        raise InputError(error_message("error-no-destination", file=FILE))
    for name in names:
        if name not in config.destinations:
            known, near = ", ".join(config.destinations), nearest(name, config.destinations)
            raise InputError(error_message("error-choice", value=name, known=known, near=did_you_mean(near)))
    chosen = {name: config.destinations[name] for name in names or config.destinations}
    aws_of = account_of(profile, region)
    # A sample leaves nothing in the folder of the state.
    senders = {name: sender_of(each, Path(), aws_of) for name, each in chosen.items()}
    shown = ("destination", "status", "detail")
    rows = [
        {key: row[key] for key in shown}
        for row in send_samples(chosen, senders, out.language, datetime.now(UTC))
    ]
    confirmed = sum(row["status"] == CONFIRMED for row in rows)
    lines = [f"{row['destination']}: {row['status']} {out.text(row['detail'])}".rstrip() for row in rows]
    said = message("notify-tested", count=confirmed, destinations=len(rows))
    outcome = ExitCode.DONE if confirmed == len(rows) else ExitCode.FAILED
    return Result([*lines, said], rows, outcome=outcome)
