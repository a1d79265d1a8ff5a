"""Phrases about the causes of a diagnosis: the error that was logged, and what one cause set off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watchme_analysis.text.message import Choice, Code, Message, Quotation, Resource, message

_CONSEQUENCES = ("downstream_saturated", "downstream_down", "throttled", "mapping_disabled")


def quoted_error(error: Mapping[str, Any] | None) -> Message | None:
    """Return a sentence that quotes the leading error of a diagnosis; None when no error was logged.

    It is the field ``error`` of a backlog diagnosis: ``function``, ``text`` (secrets masked), ``count`` (log
    events with this error) and ``total`` (log events with any error).
    """
    if not error:
        return None
    count, total = int(error["count"]), int(error["total"])
    return message(
        "error-leading",
        function=Code(str(error["function"])),
        error=Quotation(str(error["text"]).rstrip(". ")),
        part=Choice("all" if count == total else "some"),
        errors=count,
        total=total,
    )


def consequence(secondary: str | None) -> Message | None:
    """Return a sentence on what the cause of a backlog set off; None without a secondary cause."""
    if secondary is None:
        return None
    followed = Choice(secondary if secondary in _CONSEQUENCES else "other")
    return message("cause-consequence", followed=followed, second=Resource(secondary))
