"""Compiled functions that parse the value at an address: times, numbers, lists, texts, request lines.

This module needs numba and is imported only for large logs. The functions accept no value that the reference
parser would parse differently: they return -1 or NULL for ambiguous values.

Positions are memory addresses, so that functions pass only numbers. A block holds whole lines with their line
ends, and ``ROOM_BYTES`` more readable bytes of undefined content, so that no function checks for the end of
the block.
"""
# ruff: noqa: PLR1714, SIM109, SIM110 - numba compiles plain loops and comparisons best

from __future__ import annotations

from typing import Any

import numpy as np

from watchme_analysis.access_logs.engine.addresses import WORD, byte_at, word_at
from watchme_analysis.access_logs.engine.ascii_codes import (
    BACKSLASH,
    COLON,
    COMMA,
    DOT,
    HASH,
    LETTER_T,
    LETTER_Z,
    MINUS,
    PLUS,
    QUESTION_MARK,
    QUOTE,
    SLASH,
    SPACE,
    UNDERSCORE,
)
from watchme_analysis.access_logs.engine.jit import compiled

INT, DECIMAL, MSEC, TIME_LOCAL, TIME_ISO, ADDRESS, TOKEN = 0, 1, 2, 3, 4, 5, 6
QUOTED, TEXT, UNESCAPED, LIST_TIME, LIST_STATUS, LIST_ADDRESS = 7, 8, 9, 10, 11, 12
# Roles of a text: a request line, or the target of a request line.
REQUEST, TARGET = 1, 2
# Any for the type checker, because numpy's types differ between versions for different Pythons.
int64: Any = np.int64
NULL: Any = int64(-(2**63))

_MONTH_KEYS = np.array(
    [
        (ord(name[0]) << 16) | (ord(name[1]) << 8) | ord(name[2])
        for name in ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    ],
    dtype=np.int64,
)
_MONTH_DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], dtype=np.int64)
# Powers of ten for the digits that a fraction lacks to millionths.
MICRO = 10 ** np.arange(6, -1, -1)
TENS = 10 ** np.arange(0, 9)
MILLION = 1_000_000
POWERS = 10.0 ** np.arange(0, 19)


@compiled
def leading_digits(at: int) -> Any:
    """Return the number of at most eight digits at an address times 16, plus the number of digits."""
    value, count = int64(0), int64(0)
    while count < WORD and 48 <= byte_at(at + count) <= 57:
        value = value * 10 + byte_at(at + count) - 48
        count += 1
    return value << 4 | count


@compiled
def starts_with(at: int, word: Any, mask: Any) -> Any:
    """Return whether the eight bytes at an address equal those of a word in the bits of a mask."""
    return word_at(at) & mask == word


@compiled
def digits(at: int, count: int) -> Any:
    """Return the number of ``count`` digits at an address, at most eight, -1 if a byte is not a digit."""
    found = leading_digits(at)
    number: Any = found >> 4
    return number // TENS[(found & 15) - count] if (found & 15) >= count else -1


@compiled
def moment_of(year: int, month: int, day: int, clock: Any) -> Any:
    """Return microseconds since the epoch of a date and (hour, minute, second), NULL if invalid."""
    hour, minute, second = clock
    if month < 1 or month > 12 or year < 1 or day < 1 or hour < 0 or minute < 0 or second < 0:
        return NULL
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    last = _MONTH_DAYS[month - 1] + (1 if month == 2 and leap else 0)
    if day > last or hour > 23 or minute > 59 or second > 59:
        return NULL
    # Days from the civil calendar, counted in years that begin in March.
    shifted = year - (1 if month <= 2 else 0)
    era = shifted // 400
    year_of_era = shifted - era * 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468
    return ((days * 24 + hour) * 60 + minute) * 60_000_000 + second * 1_000_000


@compiled
def repeats(at: int, known: int, size: int) -> Any:
    """Return whether texts of at least eight bytes at two addresses are equal; False for the address -1."""
    if known < 0:
        return False
    for step in range(0, size - WORD, WORD):
        if word_at(at + step) != word_at(known + step):
            return False
    return word_at(at + size - WORD) == word_at(known + size - WORD)


@compiled
def zone_offset(at: int, gap: int) -> Any:
    """Return the microseconds of a zone such as +0900 (gap 0) or +09:00 (gap 1), NULL if invalid."""
    sign = byte_at(at)
    hours = digits(at + 1, 2)
    minutes = digits(at + 3 + gap, 2)
    if (sign != PLUS and sign != MINUS) or hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
        return NULL
    if gap == 1 and byte_at(at + 3) != COLON:
        return NULL
    value = (hours * 60 + minutes) * 60_000_000
    return value if sign == PLUS else -value


@compiled
def time_local(at: int, end: int) -> Any:
    """Return the moment of a ``$time_local`` value, NULL if invalid."""
    if end - at < 26 or byte_at(at + 2) != SLASH or byte_at(at + 6) != SLASH or byte_at(at + 11) != COLON:
        return NULL
    if byte_at(at + 14) != COLON or byte_at(at + 17) != COLON or byte_at(at + 20) != SPACE:
        return NULL
    key = (byte_at(at + 3) << 16) | (byte_at(at + 4) << 8) | byte_at(at + 5)
    month = 0
    for index in range(12):
        if _MONTH_KEYS[index] == key:
            month = index + 1
    clock = (digits(at + 12, 2), digits(at + 15, 2), digits(at + 18, 2))
    moment = moment_of(digits(at + 7, 4), month, digits(at, 2), clock)
    offset = zone_offset(at + 21, 0)
    return NULL if moment == NULL or offset == NULL else moment - offset


@compiled
def time_iso(at: int, end: int) -> Any:
    """Return the moment of a ``$time_iso8601`` value, NULL if invalid."""
    if end - at < 20 or byte_at(at + 4) != MINUS or byte_at(at + 7) != MINUS or byte_at(at + 10) != LETTER_T:
        return NULL
    if byte_at(at + 13) != COLON or byte_at(at + 16) != COLON:
        return NULL
    clock = (digits(at + 11, 2), digits(at + 14, 2), digits(at + 17, 2))
    moment = moment_of(digits(at, 4), digits(at + 5, 2), digits(at + 8, 2), clock)
    if moment == NULL or byte_at(at + 19) == LETTER_Z:
        return moment
    if end - at < 25:
        return NULL
    offset = zone_offset(at + 19, 1)
    return NULL if offset == NULL else moment - offset


@compiled
def follows(at: int, end: int, literal: Any) -> Any:
    """Return whether a literal is at an address: its first bytes, their mask, its address and size."""
    word, mask, place, size = literal
    if at + size > end or not starts_with(at, word, mask):
        return False
    for offset in range(WORD, size):
        if byte_at(at + offset) != byte_at(place + offset):
            return False
    return True


@compiled
def run_end(at: int, low: int, stop: int, other: int) -> Any:
    """Return the first address with a byte below ``low``, above 126 or equal to one of two.

    Line ends are below every ``low``.
    """
    char = byte_at(at)
    while low <= char <= 126 and char != stop and char != other:
        at += 1
        char = byte_at(at)
    return at


@compiled
def read_list(at: int, end: int, kind: int) -> Any:
    """Return the values of an upstream list.

    Returns
    -------
    tuple
        End (-1 when ambiguous); tries; sum in millionths and last number (NULL without a number); start and
        end of the last entry.
    """
    tries, total, last, begin, stop = 0, NULL, NULL, at, at
    while True:
        begin = at
        if kind == LIST_ADDRESS:
            at = min(run_end(at, 33, 44, 34), end)
            if at == begin:
                return -1, tries, total, last, begin, at
        elif byte_at(at) == MINUS:
            at += 1
            last = NULL
        else:
            found = leading_digits(at)
            last = found >> 4
            at += found & 15
            # Eight digits may be followed by more.
            places = -1 if at == begin or at - begin == WORD else 0
            if kind == LIST_TIME:
                scaled = last * MILLION
                if byte_at(at) == DOT:
                    found = leading_digits(at + 1)
                    places = -1 if places < 0 or found & 15 == 0 or found & 15 > 6 else found & 15
                    scaled += (found >> 4) * MICRO[places]
                    at += 1 + (found & 15)
                total = scaled if total == NULL else total + scaled
            if places < 0:
                return -1, tries, total, last, begin, at
        stop = at
        tries += 1
        mark = byte_at(at)
        if mark == COMMA and byte_at(at + 1) == SPACE:
            at += 2
        elif mark == SPACE and byte_at(at + 1) == COLON and byte_at(at + 2) == SPACE:
            at += 3
        else:
            break
    if tries == 1 and stop - begin == 1 and byte_at(begin) == MINUS:
        tries = 0
    return at, tries, total, last, begin, stop


@compiled
def number_end(at: int) -> Any:
    """Return the end and digits of a number with at most six decimal places.

    Returns
    -------
    tuple
        End, the value of all digits, the number of digits before the point (16: that many or more) and after
        it (7: more than six, or none after a point).
    """
    found = leading_digits(at)
    value = found >> 4
    whole = found & 15
    if whole == WORD:
        found = leading_digits(at + WORD)
        value = value * TENS[found & 15] + (found >> 4)
        whole += found & 15
    at += whole
    if byte_at(at) != DOT:
        return at, value, whole, int64(0)
    found = leading_digits(at + 1)
    places = found & 15
    if places == 0 or places > 6:
        return at, value, whole, int64(7)
    return at + 1 + places, value * TENS[places] + (found >> 4), whole, places


@compiled
def wide_size(at: int) -> Any:
    """Return the number of bytes of the non-ASCII UTF-8 character at an address, 0 without one."""
    first = byte_at(at)
    size = 2 if 194 <= first <= 223 else 3 if 224 <= first <= 239 else 4 if 240 <= first <= 244 else 0
    code = first & (127 >> size)
    for step in range(1, size):
        byte = byte_at(at + step)
        if byte & 192 != 128:
            return 0
        code = code << 6 | byte & 63
    # An overlong encoding, or an invalid character.
    if (size == 3 and (code < 2048 or 55296 <= code <= 57343)) or (
        size == 4 and not 65536 <= code <= 1114111
    ):
        return 0
    return size


@compiled
def enclosed_end(at: int, end: int, escapes: bool, wide: bool) -> Any:
    """Return the end of an enclosed text, which may hold ``wide`` characters; -1 when ambiguous."""
    while True:
        at = run_end(at, 32, 34, 92)
        if at >= end:
            return -1
        mark = byte_at(at)
        if mark == QUOTE:
            return at
        size = wide_size(at) if wide and mark > 127 else 0
        if size == 0:
            if mark != BACKSLASH or not escapes or at + 1 >= end or not 32 <= byte_at(at + 1) <= 126:
                return -1
            size = 2
        at += size


@compiled
def token_end(at: int, end: int, stop: int) -> Any:
    """Return the end of a word, before a byte (0: at the line's end); -1 when ambiguous."""
    at = run_end(at, 33, stop, 34)
    if stop == 0:
        return at if at == end else -1
    return at if at < end and byte_at(at) == stop else -1


@compiled
def text_end(at: int, end: int, literal: Any, enclosed: bool) -> Any:
    """Return the end of a text, before the first match of the next literal; -1 when ambiguous.

    A quotation mark in a text without enclosing quotation marks is ambiguous.
    """
    first = byte_at(literal[2]) if literal[3] > 0 else 0
    other = first if enclosed else 34
    while True:
        at = run_end(at, 32, first, other)
        if literal[3] == 0:
            return at if at == end else -1
        if at >= end:
            return -1
        mark = byte_at(at)
        if mark == first and follows(at, end, literal):
            return at
        if mark < 32 or mark > 126 or (mark == QUOTE and not enclosed):
            return -1
        at += 1


@compiled
def may_be_two(at: int, stop: int, literal: Any, opening: Any) -> Any:
    """Return whether another line may begin in an unquoted text that a literal ends.

    Parameters
    ----------
    at, stop
        Start and end of the text.
    literal
        The literal after it.
    opening
        A literal at every line's beginning; a byte before it (-1: any), and its two distances.
    """
    if run_end(at, 33, 127, 127) >= stop:
        return False
    end, first = stop + literal[3], byte_at(opening[2])
    mark, near, far = opening[4:]
    while True:
        at = run_end(at, 32, first, first)
        if at >= end:
            return False
        marked = mark < 0 or byte_at(at - near) == mark or byte_at(at - far) == mark
        if marked and follows(at, end, opening[:4]):
            return True
        at += 1


# A space and HTTP/ as a word, and the mask of its bytes.
SPACE_HTTP = int.from_bytes(b" HTTP/", "little")
SPACE_HTTP_BYTES = (1 << 48) - 1
HTTP = int.from_bytes(b"http", "little")
HTTP_BYTES = (1 << 32) - 1


@compiled
def split_request(at: int, end: int, whole: bool) -> Any:
    """Return the parts of a request line, or of a target alone.

    Returns
    -------
    tuple
        End of the method, start and end of the path, and end of the target (a byte before the protocol, or
        at the end of the request); -1 first when ambiguous. The method ends at its start in a target alone,
        and in text that is not a request line.
    """
    if not whole:
        if byte_at(at) != SLASH or byte_at(end - 1) <= 32:
            return -1, at, at, at
        return at, at, query_mark(at, end), end
    place = at
    while 65 <= byte_at(place) <= 90 or (place > at and in_method(byte_at(place))):
        place += 1
    target, stop = place + 1, end - protocol_size(place, end)
    if place == at or byte_at(place) != SPACE or target > end:
        # JSON may hold a target instead of a request line.
        is_target = at < end and (byte_at(at) == SLASH or starts_with(at, HTTP, HTTP_BYTES))
        return (-1, at, at, at) if is_target else (at, end, end, end)
    if stop == end or stop <= target or byte_at(target) == SPACE or byte_at(stop - 1) == SPACE:
        # HTTP/0.9 has no protocol, and a target without spaces; other text is not a request line.
        is_old = byte_at(target) == SLASH and run_end(target, 33, 127, 127) >= end
        return (place, target, query_mark(target, end), end) if is_old else (at, end, end, end)
    path = path_start(target, stop)
    return (place, path, query_mark(path, stop), stop) if path >= 0 else (-1, at, at, at)


@compiled
def query_mark(at: int, end: int) -> Any:
    """Return the address of the first question mark, or the end of the target."""
    # A quotation mark ends the request, unless it is escaped.
    mark = run_end(at, 32, 63, 34)
    while mark < end and byte_at(mark) != QUESTION_MARK:
        mark = run_end(mark + 1, 32, 63, 34)
    return min(mark, end)


@compiled
def path_start(at: int, end: int) -> Any:
    """Return the start of a target's path, after scheme and host; -1 without a path after those."""
    if not 97 <= (byte_at(at) | 32) <= 122:
        return at
    place = at
    while in_scheme(byte_at(place)):
        place += 1
    if (
        place + 3 > end
        or byte_at(place) != COLON
        or byte_at(place + 1) != SLASH
        or byte_at(place + 2) != SLASH
    ):
        return at
    place += 3
    while (
        place < end and byte_at(place) != SLASH and byte_at(place) != QUESTION_MARK and byte_at(place) != HASH
    ):
        place += 1
    return place if place < end else -1


@compiled
def in_scheme(char: int) -> Any:
    """Return whether a character is valid in the name of a scheme, after its first."""
    return 97 <= (char | 32) <= 122 or 48 <= char <= 57 or char == PLUS or char == MINUS or char == DOT


@compiled
def protocol_size(begin: int, end: int) -> Any:
    """Return the size of a space and ``HTTP/1.1`` or ``HTTP/2``, with any digits, before an end, or 0."""
    for size in (9, 7):
        at = end - size
        if at <= begin or not starts_with(at, SPACE_HTTP, SPACE_HTTP_BYTES):
            continue
        is_whole = size == 7 or (byte_at(at + 7) == DOT and 48 <= byte_at(at + 8) <= 57)
        if is_whole and 48 <= byte_at(at + 6) <= 57:
            return size
    return 0


@compiled
def in_method(char: int) -> Any:
    """Return whether a character is valid in a method, after its first."""
    return 48 <= char <= 57 or char == UNDERSCORE or char == MINUS
