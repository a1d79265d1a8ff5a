"""Senders by type of destination. The keys that `watchme.toml` takes for each type are in `config`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from watchme_analysis.cloudwatch import session
from watchme_analysis.config import Destination
from watchme_analysis.delivery.destinations.apprise_service import AppriseSender
from watchme_analysis.delivery.destinations.base import AwsOf, Sender
from watchme_analysis.delivery.destinations.eventbridge import EventBridgeSender
from watchme_analysis.delivery.destinations.files import FilesSender
from watchme_analysis.delivery.destinations.markdown import MarkdownSender
from watchme_analysis.delivery.destinations.s3 import S3Sender, prefix_of
from watchme_analysis.delivery.destinations.slack_app import SlackAppSender
from watchme_analysis.delivery.destinations.slack_webhook import SlackWebhookSender
from watchme_analysis.delivery.destinations.smtp_mail import EmailSender
from watchme_analysis.delivery.destinations.sns import SnsSender
from watchme_analysis.delivery.ownership import Ownership
from watchme_analysis.stand_ins import LEVELS

# Seconds after which AWS counts as slow, so that the other destinations need not wait for longer.
_TIMEOUT_S = 20.0
_SENDERS: dict[str, type[Sender]] = {
    "files": FilesSender,
    "s3": S3Sender,
    "sns": SnsSender,
    "slack": SlackWebhookSender,
    "apprise": AppriseSender,
    "email": EmailSender,
    "eventbridge": EventBridgeSender,
    "markdown": MarkdownSender,
}


def type_of_sender(destination: Destination) -> type[Sender]:
    """Return the class of the sender of a destination."""
    is_app = destination.type == "slack" and "token" in destination.settings
    return SlackAppSender if is_app else _SENDERS[destination.type]


def sender_of(destination: Destination, state: Path, aws_of: AwsOf) -> Sender:
    """Return the sender of a destination, which `config` has validated."""
    return type_of_sender(destination)(destination, state, aws_of)


def ownership_of(
    system: str, destinations: Iterable[Destination], aws_of: AwsOf, *, takes_over: bool = False
) -> Ownership | None:
    """Return the record of the owner of a system, in its first `s3` destination; None without one.

    ``takes_over`` says whether the running machine becomes the owner.
    """
    place = next((each for each in destinations if each.type == "s3"), None)
    if place is None:
        return None
    key = f"{prefix_of(place.settings)}.watchme/{system}.json"
    return Ownership(place.settings["bucket"], key, aws_of, place.redact == LEVELS[0], takes_over)


def account_of(profile: str | None, region: str | None) -> AwsOf:
    """Return a function that returns the account in a region, for calls that are not repeated.

    Profile and region are those of the run; the region is used where a destination states none.
    """
    accounts: dict[str | None, session.Aws] = {}

    def aws_of(wanted: str | None) -> session.Aws:
        place = wanted or region
        if place not in accounts:
            # A repeated call could deliver twice; the outbox repeats where it can't.
            accounts[place] = session.Aws(
                session.SessionTarget(profile, place),
                session.RateLimits(attempts=1, read_timeout_s=_TIMEOUT_S),
            )
        return accounts[place]

    return aws_of
