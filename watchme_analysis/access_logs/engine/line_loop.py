"""The compiled loop over the lines of a chunk."""
# ruff: noqa: PLR0912, PLR0915, PLR1714, SIM109 - numba compiles plain loops and comparisons best

from __future__ import annotations

from typing import Any

import numpy as np

from watchme_analysis.access_logs.engine.addresses import byte_at, place_of
from watchme_analysis.access_logs.engine.ascii_codes import BACKSLASH, COLON, DOT, LETTER_Z, MINUS, ZERO
from watchme_analysis.access_logs.engine.jit import compiled
from watchme_analysis.access_logs.engine.value_loops import (
    ADDRESS,
    INT,
    LIST_ADDRESS,
    LIST_TIME,
    MICRO,
    MSEC,
    NULL,
    POWERS,
    QUOTED,
    REQUEST,
    TARGET,
    TEXT,
    TIME_ISO,
    TIME_LOCAL,
    TOKEN,
    enclosed_end,
    follows,
    leading_digits,
    may_be_two,
    number_end,
    read_list,
    repeats,
    split_request,
    text_end,
    time_iso,
    time_local,
    token_end,
)


@compiled
def find_lines(buf: Any, size: int, starts: Any, ends: Any) -> Any:
    """Return the number of line ends, after filling in starts and ends of lines while there is room."""
    line, start, place = 0, 0, place_of(buf)
    for end in range(size):
        if byte_at(place + end) == 10:
            if line < len(starts):
                starts[line] = start
                ends[line] = end - 1 if end > start and byte_at(place + end - 1) == 13 else end
            start = end + 1
            line += 1
    return line


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
