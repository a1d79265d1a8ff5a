"""How words and numbers stand in sentences.

Times within sentences, in the reader's zone.

Diagnoses are made in UTC and say so, as JSON for programs must be the same for every reader. A page or a
terminal shows the same sentences in the zone asked for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any


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


_DATE, _TIME = r"\d{4}-\d\d-\d\d", r"\d\d:\d\d(?::\d\d)?"
_UTC = re.compile(
    rf"(?P<first>{_DATE} {_TIME})"
    rf"(?:(?: UTC)?(?P<link> to | and )(?:(?P<day>{_DATE}) )?(?P<second>{_TIME}))? UTC\b"
)


def in_zone(text: str, zone: tzinfo) -> str:
    """Return a text with its UTC times in another zone, which is named instead.

    Recognised are ``2025-12-11 01:00 UTC``, with or without seconds, and two such times joined by "to" or
    "and", of which the first may leave out the zone and the second the day:
    ``2025-12-11 01:00 to 01:20 UTC``.
    """

    def convert(found: re.Match[str]) -> str:
        first = _moment(found["first"])
        shown = _written(first, zone, found["first"])
        if found["second"] is None:
            return f"{shown} {zone}"
        second = _moment(f"{found['day'] or found['first'][:10]} {found['second']}")
        end = _written(second, zone, found["second"])
        if end[:10] == shown[:10]:
            end = end[11:]
        return f"{shown}{found['link']}{end} {zone}"

    return _UTC.sub(convert, text)


def localised(value: Any, zone: tzinfo) -> Any:
    """Return a JSON value with :func:`in_zone` applied to every text in it."""
    if isinstance(value, str):
        return in_zone(value, zone)
    if isinstance(value, Mapping):
        return {name: localised(item, zone) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [localised(item, zone) for item in value]
    return value


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _written(moment: datetime, zone: tzinfo, like: str) -> str:
    """Write a moment as precisely as it was written before."""
    seconds = like.count(":") == 2
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")
