"""How numbers stand in sentences."""

from __future__ import annotations


def counted(count: int, noun: str, many: str | None = None) -> str:
    """Return a number with its noun, ``many`` or with an s unless it is one: ``1 row``, ``1,500 rows``."""
    return f"{count:,d} {noun if count == 1 else many or noun + 's'}"
