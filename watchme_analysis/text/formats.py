"""The formats of numbers, shares, durations and times in text, and small edits of sentences.

Each quantity has one format, so that the same value reads alike in tables, figures, notes and sentences.
"""

from __future__ import annotations

import math
import os
from datetime import datetime, timedelta, tzinfo

# Shown where a value is missing.
MISSING = "–"
# From the second unit on durations have two units: days and hours, hours and minutes, minutes and seconds.
_TWO_UNITS = ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))


def format_number(value: float, digits: int = 3) -> str:
    """Return a number with up to ``digits`` significant figures and grouped thousands, such as ``12,300``.

    Examples
    --------
    >>> format_number(0.012345), format_number(1234567.0, 4), format_number(float("nan"))
    ('0.0123', '1,234,567', '–')
    """
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def format_percent(share: float, decimals: int = 0) -> str:
    """Return a share between 0 and 1 as a percentage that is never rounded to nothing or everything.

    Examples
    --------
    >>> [format_percent(share) for share in (0.0, 0.0001, 0.25, 0.9999, 1.0)]
    ['0%', '<1%', '25%', '>99%', '100%']
    """
    if math.isnan(share):
        return MISSING
    least = 10.0**-decimals
    text = f"{share:.{decimals}%}"
    if share > 0 and float(text[:-1]) == 0:
        return f"<{least:.{decimals}f}%"
    if share < 1 and float(text[:-1]) == 100:
        return f">{100 - least:.{decimals}f}%"
    return text


def format_duration(value: timedelta | float) -> str:
    """Return a time span, or seconds, in one or two units, such as ``850 ms`` or ``4 min 10 s``."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if math.isnan(seconds):
        return MISSING
    if seconds < 0:
        return "−" + format_duration(-seconds)
    return " ".join(f"{value} {unit}" for value, unit in duration_parts(seconds))


def duration_parts(seconds: float) -> list[tuple[str, str]]:
    """Return a duration, not negative, as one or two pairs of value and unit: ``d h min s ms``.

    Examples
    --------
    >>> duration_parts(250)
    [('4', 'min'), ('10', 's')]
    """
    if 0 < seconds < 0.001:
        return [("< 1", "ms")]
    if seconds < 0.9995:
        return [(format_number(seconds * 1000), "ms")] if seconds else [("0", "s")]
    if seconds < 99.5:
        return [(format_number(seconds), "s")]
    whole = round(seconds)
    for big, big_name, small, small_name in _TWO_UNITS:
        if whole + small / 2 >= big:
            first, rest = divmod(round(whole / small), big // small)
            return [(str(first), big_name), *([(str(rest), small_name)] if rest else [])]
    return [(str(whole), "s")]


def format_bytes(number: float) -> str:
    """Return a size in bytes with up to three significant figures: ``850 B``, ``1.5 kB``, ``37.7 MB``."""
    size = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size) < 999.5:
            return f"{format_number(size)} {unit}"
        size /= 1000
    return f"{format_number(size)} TB"


def format_time(moment: datetime | str | None, zone: tzinfo, *, seconds: bool = True) -> str:
    """Return a time, or its ISO 8601 text, in the reader's zone: ``2025-12-11 10:05:20``; a dash for None."""
    if not moment:
        return MISSING
    known = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return known.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def counted(count: int, noun: str, many: str | None = None) -> str:
    """Return a number with its noun, ``many`` or with an s unless it is one: ``1 row``, ``1,500 rows``."""
    return f"{count:,d} {noun if count == 1 else many or noun + 's'}"


def readable_name(name: str) -> str:
    """Return the name of a file as text that can be stored: bytes that are not UTF-8 become escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace") if has_odd_bytes(name) else name


def has_odd_bytes(text: str) -> bool:
    """Return True when a text holds bytes that are not UTF-8, as Python gives them in names of files."""
    return any("\udc80" <= char <= "\udcff" for char in text)


def as_sentence(text: str) -> str:
    """Return a clause as a sentence: a capital where it begins with a word, a full stop at its end."""
    begun = text[:1].upper() + text[1:] if text.partition(" ")[0].isalpha() else text
    return begun if begun.endswith((".", "!", "?", "…")) else begun + "."
