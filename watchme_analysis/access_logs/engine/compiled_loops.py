"""Compiled loops over the lines of access logs, and over paths.

This module needs numba and is imported only for large logs. Its functions accept no value that the reference
parser would parse differently: they return -1 or NULL for ambiguous values.

All loops are in this file, because numba compiles again when the file of a function has changed, and called
functions are inlined. Positions are memory addresses, so that functions pass only numbers: passing arrays
took a sixth of the time. Nothing checks bounds. A block holds whole lines with their line ends, and
``ROOM_BYTES`` more readable bytes of undefined content.
"""
# ruff: noqa: PLR0912, PLR0915, PLR1714, SIM109, SIM110 - numba compiles plain loops and comparisons best

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from llvmlite import ir
from numba import extending, njit, types

_Function = TypeVar("_Function")
# Called functions are inlined, because calls for each value of a line took a fifth of the time. Callers
# pass all output arrays, because numba counts references to its own memory, two thirds of the time.
_OPTIONS: Any = {"boundscheck": False, "_nrt": False, "forceinline": True, "nogil": True}


def compiled(function: _Function) -> _Function:
    """Return a function compiled by numba that releases the interpreter while it runs."""
    made: _Function
    try:
        made = njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:
        # No folder for compiled functions is writable: each process compiles them.
        made = njit(**_OPTIONS)(function)
    return made


# Any for the type checker, which takes the typing context for an argument of the call.
intrinsic: Any = extending.intrinsic
# Digits and bytes in a word.
WORD = 8
_BYTE, _WORD = ir.IntType(8), ir.IntType(64)


@intrinsic  # type: ignore[untyped-decorator]
def byte_at(_typing: Any, at: Any) -> Any:
    """Return the byte at an address as a whole number: ``byte_at(at)``."""

    def generate(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.zext(_load(builder, given[0], _BYTE), _WORD)

    return types.int64(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def word_at(_typing: Any, at: Any) -> Any:
    """Return the eight bytes at an address as a whole number: ``word_at(at)``."""

    def generate(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return _load(builder, given[0], _WORD)

    return types.int64(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def put_word(_typing: Any, at: Any, value: Any) -> Any:
    """Store a whole number as the eight bytes at an address: ``put_word(at, value)``."""

    def generate(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        builder.store(given[1], builder.inttoptr(given[0], _WORD.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def place_of(_typing: Any, array: Any) -> Any:
    """Return the address of an array's first byte."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.ptrtoint(context.make_array(signature.args[0])(context, builder, given[0]).data, _WORD)

    return types.int64(array), generate


def _load(builder: Any, at: Any, kind: Any) -> Any:
    return builder.load(builder.inttoptr(at, kind.as_pointer()), align=1)


# Bytes that separate values, as numbers: compiled loops compare numbers.
SPACE = ord(" ")
QUOTE = ord('"')
PLUS = ord("+")
COMMA = ord(",")
MINUS = ord("-")
DOT = ord(".")
SLASH = ord("/")
ZERO = ord("0")
COLON = ord(":")
QUESTION_MARK = ord("?")
LETTER_T = ord("T")
LETTER_Z = ord("Z")
BACKSLASH = ord("\\")
UNDERSCORE = ord("_")
OPENING_BRACE, CLOSING_BRACE = ord("{"), ord("}")

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
    if stop == end or stop <= target or byte_at(target) != SLASH or byte_at(stop - 1) == SPACE:
        # HTTP/0.9, a target with a host, or no request line.
        return -1, at, at, at
    return place, target, query_mark(target, stop), stop


@compiled
def query_mark(at: int, end: int) -> Any:
    """Return the address of the first question mark, or the end of the target."""
    # A quotation mark ends the request, unless it is escaped.
    mark = run_end(at, 32, 63, 34)
    while mark < end and byte_at(mark) != QUESTION_MARK:
        mark = run_end(mark + 1, 32, 63, 34)
    return min(mark, end)


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


@compiled
def _null_size(at: int, end: int, literal: Any, json: bool) -> Any:
    """Return the length of a missing value (``-``, in JSON also empty), -1 for another value."""
    is_last = literal[3] == 0
    if json and not is_last and follows(at, end, literal):
        return 0
    if byte_at(at) == MINUS and at < end:
        if is_last:
            return 1 if at + 1 == end else -1
        return 1 if follows(at + 1, end, literal) else -1
    return -1


@compiled
def _read_time(at: int, end: int, kind: int, known: Any) -> Any:
    """Return the end of a time (-1 when ambiguous) and its moment; ``known`` caches those of the last time.

    Busy logs have a thousand requests a second, so most times repeat the previous time.
    """
    size = 26 if kind == TIME_LOCAL else 25
    if repeats(at, known[0], size):
        return at + size, known[1]
    if kind == TIME_LOCAL:
        moment = time_local(at, end)
    else:
        moment = time_iso(at, end)
        if moment != NULL and byte_at(at + 19) == LETTER_Z:
            size = 20
    if moment == NULL:
        return -1, moment
    known[0], known[1] = at if size > 20 else -1, moment
    return at + size, moment


@compiled
def _read_number(at: int, kind: int) -> Any:
    """Return the end of a number (-1 when ambiguous), its whole value, and its decimal value."""
    stop, value, whole, places = number_end(at)
    if whole == 0 or places > 6:
        return -1, NULL, np.nan
    if kind == INT:
        return (stop if places == 0 and whole <= 15 else -1), value, np.nan
    if kind == MSEC:
        return (stop if places > 0 and whole <= 10 else -1), value * MICRO[places], np.nan
    return (stop if whole <= 9 else -1), value, value / POWERS[places]


@compiled
def _is_padded(at: int) -> Any:
    """Return whether the number at an address has a superfluous leading zero."""
    return byte_at(at) == ZERO and 48 <= byte_at(at + 1) <= 57


@compiled
def _ipv4_end(at: int) -> Any:
    """Return the end of the IPv4 address at an address, -1 without one."""
    for part in range(4):
        count = leading_digits(at) & 15
        if count == 0 or count > 3 or (part < 3 and byte_at(at + count) != DOT):
            return -1
        at += count + 1
    return at - 1


@compiled
def _is_address(at: int, end: int) -> Any:
    """Return whether a span is certainly an IPv4 or IPv6 address."""
    dots, run, colons, gaps = 0, 0, 0, 0
    four, six = True, True
    for place in range(at, end):
        char = byte_at(place)
        if char == COLON:
            four, six = False, six and colons < 7
            gaps += run == 0 and colons > 0
            colons += 1
            run = 0
            continue
        if char == DOT:
            # An IPv4 address within an IPv6 address is left to the reference parser.
            four, six = four and run > 0, False
            dots += 1
            run = 0
            continue
        run += 1
        if 48 <= char <= 57:
            four = four and run <= 3
        elif 97 <= char <= 102 or 65 <= char <= 70:
            four = False
        else:
            return False
        six = six and run <= 4
    # Without a gap there are eight parts; a part or the gap is at either end.
    six = six and colons >= 2 and (gaps == 1 or (gaps == 0 and colons == 7))
    six = (
        six and (byte_at(at) != COLON or byte_at(at + 1) == COLON) and (run > 0 or byte_at(end - 2) == COLON)
    )
    return (four and dots == 3 and run > 0) or six


@compiled
def _read_text(at: int, end: int, kinds: Any, literal: Any, opening: Any) -> Any:
    """Return the end of a text, a word or an address, -1 when ambiguous."""
    kind, role, json = kinds
    begin = at
    if kind == QUOTED:
        # Escapes may represent the characters at which a request line is split.
        return enclosed_end(at, end, not json, role == 0)
    if kind == ADDRESS and literal[3] > 0:
        stop = _ipv4_end(at)
        if stop >= 0 and byte_at(stop) == byte_at(literal[2]):
            return stop
    if kind == ADDRESS or kind == TOKEN:
        stop = token_end(at, end, byte_at(literal[2]) if literal[3] > 0 else 0)
        if kind == ADDRESS and stop >= 0 and not _is_address(at, stop):
            return -1
    else:
        stop = text_end(at, end, literal, kind != TEXT)
        if stop >= 0 and opening[3] > 0 and may_be_two(begin, stop, literal, opening):
            return -1
    if json:
        for place in range(at, stop):
            if byte_at(place) == BACKSLASH:
                return -1
    return stop


@compiled
def parse_lines(buf: Any, bounds: Any, plan: Any, limits: Any, out: Any, known_times: Any) -> None:
    """Split lines, and store their values in ``out``.

    Parameters
    ----------
    buf
        Bytes of the chunk, ``uint8[..]``, and ``ROOM_BYTES`` more.
    bounds
        Starts and ends of lines, without their line ends: two ``int64[lines]``.
    plan
        Literals as one ``uint8[..]`` and their bounds ``int64[variables + 2]``; their first eight bytes, and
        the masks of those, ``int64[variables + 1]`` each; then ``int64[variables]`` each: kind, code of a
        request or target, code of a JSON number (``bool``), slot of its span, of its whole number, of its
        decimal, of the span of a whole list (-1: not needed).
    limits
        True if the escape is JSON's (empty values are null, escapes ambiguous), the length from which a line
        is ambiguous, the slot of the first of the five spans of the request (-1: not needed), true if no
        other variable can replace a part of the request, and the plan's ``start_sign``.
    out
        ``good bool[lines]``, ``starts, ends int32[spans, lines]``, ``ints int64[.., lines]``,
        ``floats float64[.., lines]``. Row 0 of ``ints`` counts upstream tries; a null span starts at -1.
        Values of lines that are not good are undefined.
    known_times
        Cache of the last time in each of the two formats, address and moment: ``int64[2, 2]``.
    """
    line_starts, line_ends = bounds
    literals, literal_at, words, masks, kinds, roles, bare, span_slots, int_slots, float_slots, list_slots = (
        plan
    )
    good, starts, ends, ints, floats = out
    json, longest, request_slot, is_alone, start_literal, mark, near, far = limits
    known_times[:, :] = -1
    place, literal_place = place_of(buf), place_of(literals)
    opening = words[0], masks[0], literal_place, literal_at[1]
    index = max(start_literal, 0)
    size = literal_at[index + 1] - literal_at[index] if start_literal >= 0 else 0
    telling = words[index], masks[index], literal_place + literal_at[index], size, mark, near, far
    for line in range(len(line_starts)):
        at, end = place + line_starts[line], place + line_ends[line]
        good[line] = False
        if end - at > longest or not follows(at, end, opening):
            continue
        at += literal_at[1]
        tries = 0
        for index in range(len(kinds)):
            kind, role = kinds[index], roles[index]
            literal_size = literal_at[index + 2] - literal_at[index + 1]
            literal = words[index + 1], masks[index + 1], literal_place + literal_at[index + 1], literal_size
            begin = at
            first, last = at, at
            number, decimal = NULL, np.nan
            null_size = _null_size(at, end, literal, json)
            if null_size >= 0 and not (LIST_TIME <= kind <= LIST_ADDRESS and null_size > 0):
                # nginx logs the time of every request.
                at = -1 if MSEC <= kind <= TIME_ISO else at + null_size
                last = at if null_size == 0 else begin
            elif kind == TIME_LOCAL or kind == TIME_ISO:
                at, number = _read_time(at, end, kind, known_times[kind - TIME_LOCAL])
                last = at
            elif kind <= MSEC:
                at, number, decimal = _read_number(at, kind)
                last = at
            elif LIST_TIME <= kind <= LIST_ADDRESS:
                at, count, total, number, first, last = read_list(at, end, kind)
                tries = max(tries, count)
                if total != NULL:
                    decimal = total / 1e6
                if last - first == 1 and byte_at(first) == MINUS:
                    last = first
            else:
                at = _read_text(at, end, (kind, role, json), literal, telling)
                last = at
            if bare[index] and (null_size >= 0 or _is_padded(begin)):
                at = -1
            if at < 0 or at > end or not follows(at, end, literal):
                at = -1
                break
            if role != 0:
                method_end, path, mark, stop = begin, last, last, last
                if last > begin:
                    method_end, path, mark, stop = split_request(begin, last, role == REQUEST)
                # Another variable may replace a missing part.
                is_whole = mark > path and (role == TARGET or last > stop > method_end > begin)
                if method_end < 0 or not (is_alone or is_whole):
                    at = -1
                    break
                if request_slot >= 0:
                    # Method, path, query and protocol, or the whole text if it is not a request line.
                    starts[request_slot, line] = begin - place if method_end > begin else -1
                    ends[request_slot, line] = method_end - place
                    starts[request_slot + 1, line] = path - place if mark > path else -1
                    ends[request_slot + 1, line] = mark - place
                    starts[request_slot + 2, line] = mark + 1 - place if mark + 1 < stop else -1
                    ends[request_slot + 2, line] = stop - place
                    starts[request_slot + 3, line] = stop + 1 - place if stop + 1 < last else -1
                    ends[request_slot + 3, line] = last - place
                    is_garbage = last > begin and method_end == begin and role == REQUEST
                    starts[request_slot + 4, line] = begin - place if is_garbage else -1
                    ends[request_slot + 4, line] = last - place
            if span_slots[index] >= 0:
                starts[span_slots[index], line] = first - place if last > first else -1
                ends[span_slots[index], line] = last - place
            if list_slots[index] >= 0:
                missing = at == begin or (at == begin + 1 and byte_at(begin) == MINUS)
                starts[list_slots[index], line] = -1 if missing else begin - place
                ends[list_slots[index], line] = at - place
            if int_slots[index] >= 0:
                ints[int_slots[index], line] = number
            if float_slots[index] >= 0:
                floats[float_slots[index], line] = decimal
            at += literal_size
        if at == end:
            ints[0, line] = tries
            good[line] = True


STAR = ord("*")
_UUID_SIZE = 36


@compiled
def measure_texts(buf: Any, spans: Any, rows: Any, sources: Any, sizes: Any) -> None:
    """Fill in the address and the size of the text of each row, -1 for a null.

    ``spans``: starts and ends by line; a null starts below 0. ``rows``: indexes of lines.
    """
    starts, ends = spans
    place = place_of(buf)
    for index in range(len(rows)):
        start = starts[rows[index]]
        sources[index] = place + start
        sizes[index] = ends[rows[index]] - start if start >= 0 else -1


@compiled
def copy_words(at: int, to: int, size: int) -> Any:
    """Copy bytes in whole words and return the address behind the copy.

    Up to ``WORD - 1`` bytes behind that address are overwritten.
    """
    for step in range(0, size, WORD):
        put_word(to + step, word_at(at + step))
    return to + size


@compiled
def copy_texts(sources: Any, offsets: Any, data: Any) -> None:
    """Copy texts from addresses to their offsets in ``data``, which has ``WORD`` more bytes.

    The next text overwrites what was copied in excess.
    """
    target = place_of(data)
    for index in range(len(sources)):
        copy_words(sources[index], target + offsets[index], offsets[index + 1] - offsets[index])


@compiled
def same_text(buf: Any, first: Any, second: Any, rows: Any, same: Any) -> None:
    """Fill in, for the lines of ``rows``, whether two spans hold the same bytes, both without nulls."""
    starts, ends = first
    other_starts, other_ends = second
    for row in rows:
        size = ends[row] - starts[row]
        equal = starts[row] >= 0 and other_starts[row] >= 0 and other_ends[row] - other_starts[row] == size
        for step in range(size if equal else 0):
            if buf[starts[row] + step] != buf[other_starts[row] + step]:
                equal = False
                break
        same[row] = equal


@compiled
def measure_objects(buf: Any, spans: Any, rows: Any, name_at: Any, sizes: Any, escaped: Any) -> None:
    """Fill in the size of the JSON object of each row, -1 without a value, and whether it needs an escape.

    Parameters as for :func:`write_objects`.
    """
    starts, ends = spans
    for index in range(len(rows)):
        row, size, extra = rows[index], int64(0), int64(0)
        for slot in range(len(starts)):
            start, end = starts[slot, row], ends[slot, row]
            if start >= 0:
                # A comma and a space or the braces, and the closing quotation mark.
                size += name_at[slot + 1] - name_at[slot] + end - start + 3
                for place in range(start, end):
                    extra += (buf[place] == BACKSLASH) | (buf[place] == QUOTE)
        sizes[index] = size + extra if size > 0 else -1
        escaped[index] = extra > 0


@compiled
def write_objects(buf: Any, spans: Any, rows: Any, keys: Any, layout: Any, data: Any) -> None:
    """Write a JSON object of several spans for each row at its offset in ``data``, with ``WORD`` more bytes.

    ``spans``: starts and ends by name and line; a null starts below 0. ``rows``: indexes of lines. ``keys``:
    the quoted names with colon and opening quotation mark as consecutive bytes, and their bounds.
    ``layout``: offset of each row's object, and whether it needs an escape.
    """
    starts, ends = spans
    names, name_at = keys
    offsets, escaped = layout
    source, target, texts = place_of(buf), place_of(data), place_of(names)
    for index in range(len(rows)):
        row, at = rows[index], offsets[index]
        for slot in range(len(starts)):
            start, end = starts[slot, row], ends[slot, row]
            if start < 0:
                continue
            if at == offsets[index]:
                data[at] = OPENING_BRACE
                at += 1
            else:
                data[at], data[at + 1] = COMMA, SPACE
                at += 2
            at = copy_words(texts + name_at[slot], target + at, name_at[slot + 1] - name_at[slot]) - target
            if escaped[index]:
                for place in range(start, end):
                    if buf[place] == BACKSLASH or buf[place] == QUOTE:
                        data[at] = BACKSLASH
                        at += 1
                    data[at] = buf[place]
                    at += 1
            else:
                at = copy_words(source + start, target + at, end - start) - target
            data[at] = QUOTE
            at += 1
        if at > offsets[index]:
            data[at] = CLOSING_BRACE


@compiled
def replace_ids(texts: Any, offsets: Any, data: Any, bounds: Any, ambiguous: Any) -> Any:
    """Fill in the routes of paths as by :func:`watchme_analysis.access_logs.routes.route_of`.

    Parameters
    ----------
    texts, offsets
        Consecutive paths as UTF-8, the start of each and the end of the last.
    data, bounds
        Output arrays for as many bytes and offsets.
    ambiguous
        Mask of paths with a line feed or a character beyond ASCII, left to `route_of`: ``bool[paths]``.

    Returns
    -------
    int
        Number of ambiguous paths.
    """
    to, count = int64(0), 0
    bounds[0] = 0
    for index in range(len(offsets) - 1):
        stop = offsets[index + 1]
        first = offsets[index]
        ambiguous[index] = False
        while True:
            # A path segment, classified while it is copied.
            begin = to
            digits, hexes, letters, dashes = 0, 0, 0, 0
            at = first
            while at < stop and texts[at] != SLASH:
                char = texts[at]
                data[to] = char
                to += 1
                at += 1
                if 48 <= char <= 57:
                    digits += 1
                elif 65 <= char <= 70 or 97 <= char <= 102:
                    hexes += 1
                elif 65 <= char <= 90 or 97 <= char <= 122 or char == UNDERSCORE:
                    letters += 1
                elif char == MINUS:
                    dashes += 1
                elif char >= 128 or char == 10:
                    ambiguous[index] = True
            size = at - first
            plain = digits + hexes
            is_id = digits > 0 and (
                digits == size
                or (plain == size and size >= 8)
                or (plain + letters + dashes == size and size >= 16 and digits >= 4)
                or (size >= 10 and _is_date(data, begin))
            )
            if not is_id and size == _UUID_SIZE and dashes == 4 and plain == size - 4:
                is_id = _has_dashes(data, begin)
            if is_id:
                data[begin] = STAR
                to = begin + 1
            if at == stop:
                break
            data[to] = SLASH
            to += 1
            first = at + 1
        bounds[index + 1] = to
        count += ambiguous[index]
    return count


@compiled
def _is_date(data: Any, at: int) -> Any:
    """Return whether a segment begins like 2025-12-10."""
    for place in range(10):
        char = data[at + place]
        if place == 4 or place == 7:
            if char != MINUS:
                return False
        elif char < 48 or char > 57:
            return False
    return True


@compiled
def _has_dashes(data: Any, at: int) -> Any:
    """Return whether a segment of the length of a UUID has dashes at the positions of a UUID."""
    return (
        data[at + 8] == MINUS and data[at + 13] == MINUS and data[at + 18] == MINUS and data[at + 23] == MINUS
    )
