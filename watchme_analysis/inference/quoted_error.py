"""The leading error of an incident as a sentence that quotes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def quoted_error(error: Mapping[str, Any] | None) -> str:
    """Return a sentence that quotes the leading error of a diagnosis; empty when no error was logged.

    Parameters
    ----------
    error
        Field ``error`` of a backlog diagnosis: ``function``, ``text`` (secrets masked), ``count`` (log events
        with this error) and ``total`` (log events with any error).
    """
    if not error:
        return ""
    count, total = int(error["count"]), int(error["total"])
    part = f"all {total:,d}" if count == total else f"{count:,d} of {total:,d}"
    share = f"{part} logged errors" if total > 1 else "1 logged error"
    return f"`{error['function']}` fails: {str(error['text']).rstrip('. ')} ({share})."
