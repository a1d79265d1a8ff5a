"""Reasons why a line of an access log is not a request, with their messages."""

from __future__ import annotations

from functools import lru_cache

from watchme_analysis.text.message import Choice, MessageText, value_of
from watchme_analysis.text.render import note


# A damaged log has millions of lines with few different reasons, and a sentence takes longer than a line.
@lru_cache(maxsize=1024)
def reject_reason(message_id: str, /, **values: str | Choice) -> MessageText:
    """Return the reason of a message; a value is shown as it is, or selects a variant.

    ``message_id``: id in the catalogues; ``**values``: few different ones, such as names of formats and
    variables, never the text of a line.
    """
    return note(
        message_id,
        **{name: value_of(each) if isinstance(each, str) else each for name, each in values.items()},
    )
