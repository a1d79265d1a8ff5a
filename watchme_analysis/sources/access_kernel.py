"""Compiled loops over bytes: lines into spans and numbers, spans into text.

This module needs numba and is imported only where many lines are read. The kernel accepts nothing that the
exact pattern of the same plan would read otherwise; what it is not sure of it flags as doubtful.
"""
# ruff: noqa: PLR0912, PLR1714, SIM110 - numba compiles plain loops and comparisons best

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numba import njit

from watchme_analysis.sources.access_vectors import WIDTH, is_same, plain_run

INT, DECIMAL, MSEC, TIME_LOCAL, TIME_ISO, ADDRESS, TOKEN = 0, 1, 2, 3, 4, 5, 6
QUOTED, TEXT, LIST_TIME, LIST_STATUS, LIST_ADDRESS, REQUEST, TARGET, UNESCAPED = 7, 8, 9, 10, 11, 12, 13, 14
# Any to the type checker: numpy's own types differ between the versions that the Pythons get.
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
# Ten to the power of the places that a fraction lacks for millionths.
MICRO = 10 ** np.arange(6, -1, -1)
POWERS = 10.0 ** np.arange(0, 19)

_Function = TypeVar("_Function")
_OPTIONS: Any = {"cache": True, "nogil": True, "boundscheck": False, "_nrt": False}


def compiled(function: _Function) -> _Function:
    """Return a function as numba compiles it.

    Without numba's own memory, and so without counting who refers to an array, which took two thirds of the
    time: whatever is written to is made by numpy and given.
    """
    made: _Function = njit(**_OPTIONS)(function)
    return made


@compiled
def digits(buf: Any, at: int, count: int) -> Any:
    """Return the number that so many digits at a place make, -1 when one is none."""
    value: Any = 0
    for offset in range(count):
        digit = int64(buf[at + offset]) - 48
        if digit < 0 or digit > 9:
            return -1
        value = value * 10 + digit
    return value


@compiled
def moment_of(year: int, month: int, day: int, clock: Any) -> Any:
    """Return microseconds since the epoch of a date and (hour, minute, second), NULL without one."""
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
def repeats(buf: Any, at: int, known: int, size: int) -> Any:
    """Tell whether a text of 17 to 32 bytes stands at a place as it does at another, -1 for none."""
    if known < 0 or max(at, known) + size > len(buf):
        return False
    return is_same(buf, at, known) and is_same(buf, at + size - WIDTH, known + size - WIDTH)


@compiled
def zone_offset(buf: Any, at: int, gap: int) -> Any:
    """Return the microseconds of a zone such as +0900 (gap 0) or +09:00 (gap 1), NULL when it is none."""
    sign = buf[at]
    hours = digits(buf, at + 1, 2)
    minutes = digits(buf, at + 3 + gap, 2)
    if (sign != 43 and sign != 45) or hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
        return NULL
    if gap == 1 and buf[at + 3] != 58:
        return NULL
    value = (hours * 60 + minutes) * 60_000_000
    return value if sign == 43 else -value


@compiled
def time_local(buf: Any, at: int, end: int) -> Any:
    """Return the moment that ``$time_local`` writes, NULL when it is none."""
    if end - at < 26 or buf[at + 2] != 47 or buf[at + 6] != 47 or buf[at + 11] != 58:
        return NULL
    if buf[at + 14] != 58 or buf[at + 17] != 58 or buf[at + 20] != 32:
        return NULL
    key = (int64(buf[at + 3]) << 16) | (int64(buf[at + 4]) << 8) | int64(buf[at + 5])
    month = 0
    for index in range(12):
        if _MONTH_KEYS[index] == key:
            month = index + 1
    clock = (digits(buf, at + 12, 2), digits(buf, at + 15, 2), digits(buf, at + 18, 2))
    moment = moment_of(digits(buf, at + 7, 4), month, digits(buf, at, 2), clock)
    offset = zone_offset(buf, at + 21, 0)
    return NULL if moment == NULL or offset == NULL else moment - offset


@compiled
def time_iso(buf: Any, at: int, end: int) -> Any:
    """Return the moment that ``$time_iso8601`` writes, NULL when it is none."""
    if end - at < 20 or buf[at + 4] != 45 or buf[at + 7] != 45 or buf[at + 10] != 84:
        return NULL
    if buf[at + 13] != 58 or buf[at + 16] != 58:
        return NULL
    clock = (digits(buf, at + 11, 2), digits(buf, at + 14, 2), digits(buf, at + 17, 2))
    moment = moment_of(digits(buf, at, 4), digits(buf, at + 5, 2), digits(buf, at + 8, 2), clock)
    if moment == NULL or buf[at + 19] == 90:
        return moment
    if end - at < 25:
        return NULL
    offset = zone_offset(buf, at + 19, 1)
    return NULL if offset == NULL else moment - offset


@compiled
def follows(buf: Any, at: int, end: int, literals: Any, span: Any) -> Any:
    """Tell whether a literal, a span of all literals, stands at a place."""
    begin, stop = span
    if at + stop - begin > end:
        return False
    for offset in range(stop - begin):
        if buf[at + offset] != literals[begin + offset]:
            return False
    return True


@compiled
def run_end(buf: Any, at: int, low: int, stop: int, other: int) -> Any:
    """Return the first place whose byte is below ``low``, above 126 or one of two; the buffer's end if none.

    Lines end with what is below every ``low``, but for one at the buffer's end.
    """
    while at + WIDTH <= len(buf):
        run = plain_run(buf, at, low, stop, other)
        if run < WIDTH:
            return at + run
        at += WIDTH
    while at < len(buf) and low <= buf[at] <= 126 and buf[at] != stop and buf[at] != other:
        at += 1
    return at


@compiled
def read_list(buf: Any, at: int, end: int, kind: int, out: Any) -> Any:
    """Read an upstream list; return where it ends, -1 when it is none.

    ``out`` receives tries, sum in millionths (NULL without a number), last number (NULL), and the span of
    the last entry.
    """
    tries, total, last, begin, stop = 0, NULL, NULL, -1, -1
    while True:
        begin = at
        if kind == LIST_ADDRESS:
            at = min(run_end(buf, at, 33, 44, 34), end)
            if at == begin:
                return -1
        elif at < end and buf[at] == 45:
            at += 1
            last = NULL
        else:
            value, count = int64(0), 0
            while at < end and 48 <= buf[at] <= 57:
                value = value * 10 + (int64(buf[at]) - 48)
                at += 1
                count += 1
            if count == 0 or count > 11:
                return -1
            last = value
            if kind == LIST_TIME:
                scaled = value * 1_000_000
                if at < end and buf[at] == 46:
                    at += 1
                    begin_fraction = at
                    fraction = int64(0)
                    while at < end and 48 <= buf[at] <= 57:
                        fraction = fraction * 10 + (int64(buf[at]) - 48)
                        at += 1
                    places = at - begin_fraction
                    if places == 0 or places > 6:
                        return -1
                    scaled += fraction * MICRO[places]
                total = scaled if total == NULL else total + scaled
        stop = at
        tries += 1
        if at + 1 < end and buf[at] == 44 and buf[at + 1] == 32:
            at += 2
        elif at + 2 < end and buf[at] == 32 and buf[at + 1] == 58 and buf[at + 2] == 32:
            at += 3
        else:
            break
    if tries == 1 and stop - begin == 1 and buf[begin] == 45:
        tries = 0
    out[0], out[1], out[2], out[3], out[4] = tries, total, last, begin, stop
    return at


@compiled
def split_request(buf: Any, at: int, end: int, whole: bool, spans: Any) -> Any:
    """Split a request line (or a target alone) into spans of method, path, query, protocol.

    Only what is plain is split: an absolute target, HTTP/0.9 and garbage are left to the exact way.
    """
    for index in range(8):
        spans[index] = -1
    if whole:
        place = at
        while place < end and (65 <= buf[place] <= 90 or (place > at and in_method(buf[place]))):
            place += 1
        if place == at or place >= end or buf[place] != 32:
            return False
        tail = end - 9
        if tail <= place or not (buf[tail] == 32 and buf[tail + 7] == 46 and 48 <= buf[tail + 6] <= 57):
            return False
        if not (48 <= buf[tail + 8] <= 57 and buf[tail + 1] == 72 and buf[tail + 2] == 84):
            return False
        if not (buf[tail + 3] == 84 and buf[tail + 4] == 80 and buf[tail + 5] == 47):
            return False
        spans[0], spans[1] = at, place
        spans[6], spans[7] = tail + 1, end
        at, end = place + 1, tail
    if at >= end or buf[at] != 47 or buf[end - 1] <= 32:
        return False
    # A quotation mark ends the request, unless it is an escaped one.
    mark = run_end(buf, at, 32, 63, 34)
    while mark < end and buf[mark] != 63:
        mark = run_end(buf, mark + 1, 32, 63, 34)
    mark = min(mark, end)
    spans[2], spans[3] = at, mark
    if mark + 1 < end:
        spans[4], spans[5] = mark + 1, end
    return True


@compiled
def in_method(char: int) -> Any:
    """Tell whether a method may hold a character behind its first."""
    return 48 <= char <= 57 or char == 95 or char == 45


@compiled
def number_end(buf: Any, at: int, end: int) -> Any:
    """Read digits and at most six places; return where they end, the digits' value, and both lengths."""
    begin = at
    value = int64(0)
    while at < end and 48 <= buf[at] <= 57:
        value = value * 10 + (int64(buf[at]) - 48)
        at += 1
    whole = at - begin
    places = 0
    if at < end and buf[at] == 46:
        at += 1
        while at < end and 48 <= buf[at] <= 57 and places <= 6:
            value = value * 10 + (int64(buf[at]) - 48)
            at += 1
            places += 1
        if places == 0:
            places = 7
    return at, value, whole, places


@compiled
def enclosed_end(buf: Any, at: int, end: int, escapes: bool) -> Any:
    """Return where a text ends that a quotation mark encloses, -1 when in doubt."""
    while True:
        at = run_end(buf, at, 32, 34, 92)
        if at >= end:
            return -1
        if buf[at] == 34:
            return at
        if buf[at] != 92 or not escapes or at + 1 >= end or buf[at + 1] < 32 or buf[at + 1] > 126:
            return -1
        at += 2


@compiled
def token_end(buf: Any, at: int, end: int, stop: int) -> Any:
    """Return where a word ends, before a byte (0: at the line's end); -1 when in doubt."""
    at = run_end(buf, at, 33, stop, 34)
    if stop == 0:
        return at if at == end else -1
    return at if at < end and buf[at] == stop else -1


@compiled
def text_end(buf: Any, at: int, end: int, literals: Any, span: Any, anything: bool) -> Any:
    """Return where a text ends, before the literal behind it; -1 when in doubt.

    Spaces and quotation marks in a text that nothing encloses are doubtful: two lines may have run into one.
    """
    begin, stop = span
    first = literals[begin] if stop > begin else 0
    low, other = (32, first) if anything else (33, 34)
    while True:
        at = run_end(buf, at, low, first, other)
        if stop == begin:
            return at if at == end else -1
        if at >= end:
            return -1
        if buf[at] == first and follows(buf, at, end, literals, span):
            return at
        if buf[at] < 32 or buf[at] > 126 or (not anything and (buf[at] == 32 or buf[at] == 34)):
            return -1
        at += 1
