"""Senders by type of destination."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from watchme_analysis.cloudwatch import session
from watchme_analysis.config import Destination
from watchme_analysis.delivery.destinations.aws_calls import AwsOf
from watchme_analysis.delivery.destinations.base import Sender
from watchme_analysis.delivery.destinations.eventbridge import EventBridgeSender
from watchme_analysis.delivery.destinations.files import FilesSender, Retention
from watchme_analysis.delivery.destinations.markdown import MarkdownSender
from watchme_analysis.delivery.destinations.s3 import S3Sender
from watchme_analysis.delivery.destinations.slack_app import SLACK_API, SlackAppSender
from watchme_analysis.delivery.destinations.smtp_mail import EmailSender
from watchme_analysis.delivery.destinations.sns import SnsSender
from watchme_analysis.delivery.destinations.webhooks import WebhookSender
from watchme_analysis.delivery.ownership import Ownership
from watchme_analysis.delivery.secret_values import Secret
from watchme_analysis.stand_ins import LEVELS
from watchme_analysis.window import parse_span

# Folder of the small copies of sites, within the state of all systems.
_SITES = "sites"
_LINK_VALID = "7d"
# Seconds after which AWS counts as slow, so that the other destinations need not wait for longer.
_TIMEOUT_S = 20.0


def sender_of(destination: Destination, state: Path, aws_of: AwsOf) -> Sender:  # noqa: PLR0911  a table
    """Return the sender of a destination.

    Parameters
    ----------
    destination
        The destination, validated by `config`.
    state
        Folder of the state of all systems.
    aws_of
        Returns the account in a region.
    """
    settings = destination.settings
    match destination.type:
        case "files":
            folder = Path(settings["folder"]).absolute()
            return FilesSender(folder, Retention.of(settings), settings.get("url"))
        case "s3":
            return _s3(destination, state, aws_of)
        case "sns":
            return SnsSender(settings["topic"], settings.get("format", "text"), aws_of)
        case "slack" if "token" in settings:
            token = Secret(settings["token"], aws_of)
            return SlackAppSender(token, settings["channel"], settings.get("api", SLACK_API))
        case "slack" | "teams":
            return WebhookSender(Secret(settings["webhook"], aws_of), destination.type)
        case "email":
            host, _, port = settings["smtp"].rpartition(":")
            password = settings.get("password")
            return EmailSender(
                host,
                int(port),
                settings["from"],
                settings["to"],
                settings.get("tls"),
                settings.get("user"),
                None if password is None else Secret(password, aws_of),
            )
        case "eventbridge":
            return EventBridgeSender(settings["bus"], aws_of)
        case _:
            return MarkdownSender(Path(settings["folder"]).absolute())


def ownership_of(
    system: str, destinations: Iterable[Destination], aws_of: AwsOf, *, takes_over: bool = False
) -> Ownership | None:
    """Return the record of the owner of a system, in the first `s3` destination; None without one.

    Parameters
    ----------
    system
        Name of the system.
    destinations
        Its destinations.
    aws_of
        Returns the account in a region.
    takes_over
        Whether the running machine becomes the owner.
    """
    place = next((each for each in destinations if each.type == "s3"), None)
    if place is None:
        return None
    prefix = _prefix(place)
    key = f"{prefix}.watchme/{system}.json"
    return Ownership(place.settings["bucket"], key, aws_of, place.redact == LEVELS[0], takes_over)


def _prefix(destination: Destination) -> str:
    prefix = str(destination.settings.get("prefix", "")).strip("/")
    return f"{prefix}/" if prefix else ""


def _s3(destination: Destination, state: Path, aws_of: AwsOf) -> S3Sender:
    settings = destination.settings
    encryption = {"ServerSideEncryption": settings.get("encryption"), "SSEKMSKeyId": settings.get("kms_key")}
    return S3Sender(
        settings["bucket"],
        _prefix(destination),
        Retention.of(settings),
        state / _SITES / destination.name,
        aws_of,
        min(parse_span(settings.get("link_valid", _LINK_VALID)), timedelta(days=7)),
        {name: value for name, value in encryption.items() if value},
    )


def account_of(profile: str | None, region: str | None, timeout_s: float = _TIMEOUT_S) -> AwsOf:
    """Return a function that returns the account in a region, for calls that are not repeated.

    Parameters
    ----------
    profile, region
        Those of the run; the region is used where a destination states none.
    timeout_s
        Time to wait for each part of a response.
    """
    accounts: dict[str | None, session.Aws] = {}

    def aws_of(wanted: str | None) -> session.Aws:
        place = wanted or region
        if place not in accounts:
            # A repeated call could deliver twice; the outbox repeats where it can't.
            accounts[place] = session.Aws(
                session.SessionTarget(profile, place),
                session.RateLimits(attempts=1, read_timeout_s=timeout_s),
            )
        return accounts[place]

    return aws_of
