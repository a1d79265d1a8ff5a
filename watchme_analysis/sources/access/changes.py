"""What became of a log while it was read."""

from __future__ import annotations

from watchme_analysis.sources.access.input import Input, now_at
from watchme_analysis.sources.access.tally import Tally


def note_change(one: Input, tally: Tally) -> None:
    """Say in the account when a file became another while it was read: written on, cut, or rotated."""
    if one.path is None or one.size is None:
        return
    try:
        here = now_at(one.path, one.begin)
        size = here.stat().st_size
    except FileNotFoundError:
        tally.notes.append("it was moved away while it was read")
        return
    if here != one.path:
        tally.notes.append(f"it was rotated while the logs were read: it is {here} now")
    if size > one.size:
        tally.notes.append(
            f"it grew while it was read, by {size - one.size} bytes: later lines may be missing"
        )
    elif size < one.size:
        tally.torn = True
        tally.notes.append(
            f"it is smaller than when the reading began, by {one.size - size} bytes: it was cut or rotated, "
            "and lines may be missing"
        )
