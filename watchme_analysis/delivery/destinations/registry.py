"""Senders by type of destination."""

from __future__ import annotations

from pathlib import Path

from watchme_analysis.config import Destination
from watchme_analysis.delivery.destinations.base import Sender
from watchme_analysis.delivery.destinations.files import FilesSender, Retention
from watchme_analysis.errors import InputError


def sender_of(destination: Destination) -> Sender:
    """Return the sender of a destination.

    Raises
    ------
    InputError
        When nothing is delivered to this type yet.
    """
    settings = destination.settings
    if destination.type == "files":
        return FilesSender(Path(settings["folder"]).absolute(), Retention.of(settings), settings.get("url"))
    raise InputError(
        f"Nothing is delivered to destinations of type {destination.type} yet: remove {destination.name} "
        "from the destinations of the system."
    )
