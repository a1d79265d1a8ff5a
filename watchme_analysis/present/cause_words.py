"""Phrases about the causes of a diagnosis: the error that was logged, and what one cause set off."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from watchme_analysis.queues.error_kinds import errors_covered
from watchme_analysis.text.message import (
    Choice,
    Code,
    Message,
    Quotation,
    Resource,
    Text,
    message,
    sentences,
)

_TIMES = ("first", "last")
_CONSEQUENCES = ("downstream_saturated", "downstream_down", "throttled", "mapping_disabled")


def quoted_error(error: Mapping[str, Any] | None) -> Text | None:
    """Return a sentence that quotes the leading error of a diagnosis; None when no error was logged.

    It is the field ``error`` of a backlog diagnosis: ``function``, ``text`` (secrets masked), ``count`` (log
    events with this error), ``total`` (log events with any error), ``requests`` (of those, null if unknown),
    ``first``, ``last`` (times of the first and last event) and ``truncated`` (a query left some out).
    """
    if not error:
        return None
    count, total = int(error["count"]), int(error["total"])
    first, last = (None if error[name] is None else datetime.fromisoformat(error[name]) for name in _TIMES)
    leading = message(
        "error-leading",
        function=Code(str(error["function"])),
        error=Quotation(str(error["text"]).rstrip(". ")),
        part=Choice("all" if count == total else "some"),
        errors=count,
        total=total,
    )
    return sentences(
        leading, errors_covered(first, last, error["requests"] or 0, is_cut=bool(error["truncated"]))
    )


def consequence(secondary: str | None) -> Message | None:
    """Return a sentence on what the cause of a backlog set off; None without a secondary cause."""
    if secondary is None:
        return None
    followed = Choice(secondary if secondary in _CONSEQUENCES else "other")
    return message("cause-consequence", followed=followed, second=Resource(secondary))
