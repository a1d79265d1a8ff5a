"""Notes on limits of reading: which was reached, and how to change it."""

from __future__ import annotations

from watchme_analysis.limits import Limits
from watchme_analysis.text.message import Code, MessageText
from watchme_analysis.text.render import note


def limit_reached(limits: Limits, key: str) -> MessageText:
    """Return which limit was reached and how to change it, for the end of a sentence."""
    return note(
        "limit-reached",
        limit=Code(f"{key} = {getattr(limits, key)}"),
        variable=Code(f"WATCHME_LIMIT_{key.upper()}"),
    )
