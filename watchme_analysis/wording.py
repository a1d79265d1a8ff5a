"""How words and numbers stand in sentences."""

from __future__ import annotations

import os


def counted(count: int, noun: str, many: str | None = None) -> str:
    """Return a number with its noun, ``many`` or with an s unless it is one: ``1 row``, ``1,500 rows``."""
    return f"{count:,d} {noun if count == 1 else many or noun + 's'}"


def readable_name(name: str) -> str:
    """Return the name of a file as text that can be stored: bytes that are not UTF-8 become escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace") if has_odd_bytes(name) else name


def has_odd_bytes(text: str) -> bool:
    """Tell whether a text holds bytes that are not UTF-8, as Python gives them in names of files."""
    return any("\udc80" <= char <= "\udcff" for char in text)


def as_sentence(text: str) -> str:
    """Return a clause as a sentence: a capital where it begins with a word, a full stop at its end."""
    begun = text[:1].upper() + text[1:] if text.partition(" ")[0].isalpha() else text
    return begun if begun.endswith((".", "!", "?", "…")) else begun + "."


def within_sentence(title: str) -> str:
    """Return a title as it stands within a sentence."""
    return title[:1].lower() + title[1:]
