"""The leading error of an incident as a sentence that quotes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watchme_analysis.text.message import Choice, Code, Message, Quotation, message


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
