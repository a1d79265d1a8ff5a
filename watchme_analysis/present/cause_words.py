"""Phrases about the causes of a diagnosis: the error that was logged, and what one cause set off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from watchme_analysis.text.message import Choice, Code, Message, Quotation, Resource, Text, message

_CONSEQUENCES = ("downstream_saturated", "downstream_down", "throttled", "mapping_disabled")


def quoted_error(error: Mapping[str, Any] | None) -> Message | None:
    """Return a sentence that quotes the leading error of a diagnosis; None when no error was logged.

    Parameters
    ----------
    error
        Field ``error`` of a backlog diagnosis: ``function``, ``text`` (secrets masked), ``count`` (log events
        with this error) and ``total`` (log events with any error).
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
    """Return a sentence on what the cause of a backlog set off; None without a secondary cause.

    Parameters
    ----------
    secondary
        Id of the secondary cause, or None.
    """
    if secondary is None:
        return None
    followed = Choice(secondary if secondary in _CONSEQUENCES else "other")
    return message("cause-consequence", followed=followed, second=Resource(secondary))


def with_second_cause(
    cause: str,
    secondary: str | None,
    others: Sequence[str] = (),
    names: Mapping[str, Text] | None = None,
) -> Message:
    """Return the cause of a diagnosis with its second cause, as a phrase.

    An independent fault (``others``) stands in the place of what the cause set off. A secondary cause of
    ``/health`` may feed the first or follow from it, so the phrase names no direction there. With
    ``names``, the name of each cause stands before its id.
    """

    def cause_name(cause_id: str) -> Message | Resource:
        if names is None or cause_id not in names:
            return Resource(cause_id)
        return message("cause-named", name=names[cause_id], id=Resource(cause_id))

    second = secondary or next(iter(others), None)
    if second is None:
        return message("cause-alone", cause=cause_name(cause))
    followed = second if second in _CONSEQUENCES else "linked" if secondary else "other"
    return message(
        "cause-and-second", cause=cause_name(cause), followed=Choice(followed), second=cause_name(second)
    )
