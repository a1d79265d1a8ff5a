"""The compiled loop over the lines of a chunk, and the loops that gather text from it."""
# ruff: noqa: PLR0912, PLR0915, PLR1714, SIM109 - numba compiles plain loops and comparisons best

from __future__ import annotations

from typing import Any

import numpy as np

from watchme_analysis.sources import access_kernel as kernel
from watchme_analysis.sources.access_kernel import compiled, int64
from watchme_analysis.sources.access_vectors import WIDTH, copy_bytes

_INT, _DECIMAL, _MSEC = kernel.INT, kernel.DECIMAL, kernel.MSEC
_TIME_LOCAL, _TIME_ISO = kernel.TIME_LOCAL, kernel.TIME_ISO
_ADDRESS, _TOKEN, _QUOTED, _TEXT = kernel.ADDRESS, kernel.TOKEN, kernel.QUOTED, kernel.TEXT
_LIST_TIME, _LIST_ADDRESS = kernel.LIST_TIME, kernel.LIST_ADDRESS
_REQUEST, _TARGET = kernel.REQUEST, kernel.TARGET
_NULL = kernel.NULL


@compiled
def _null_size(buf: Any, at: int, end: int, literals: Any, span: Any, json: bool) -> Any:
    """Return the length of a value that stands for none (``-``, in JSON also nothing), -1 for another."""
    begin, stop = span
    if json and stop > begin and kernel.follows(buf, at, end, literals, span):
        return 0
    if at < end and buf[at] == 45:
        if stop == begin:
            return 1 if at + 1 == end else -1
        return 1 if kernel.follows(buf, at + 1, end, literals, span) else -1
    return -1


@compiled
def _read_time(buf: Any, at: int, end: int, kind: int, known: Any) -> Any:
    """Return where a time ends (-1 in doubt) and its moment; ``known`` is where one stood, and its moment.

    Requests come by the thousand a second, so that most times repeat the one before.
    """
    size = 26 if kind == _TIME_LOCAL else 25
    if kernel.repeats(buf, at, known[0], size):
        return at + size, known[1]
    if kind == _TIME_LOCAL:
        moment = kernel.time_local(buf, at, end)
    else:
        moment = kernel.time_iso(buf, at, end)
        if moment != _NULL and buf[at + 19] == 90:
            size = 20
    if moment == _NULL:
        return -1, moment
    known[0], known[1] = at if size > 20 else -1, moment
    return at + size, moment


@compiled
def _read_number(buf: Any, at: int, end: int, kind: int) -> Any:
    """Return where a number ends (-1 in doubt), its whole value, and its decimal."""
    stop, value, whole, places = kernel.number_end(buf, at, end)
    if whole == 0 or places > 6:
        return -1, _NULL, np.nan
    if kind == _INT:
        return (stop if places == 0 and whole <= 15 else -1), value, np.nan
    if kind == _MSEC:
        return (stop if places > 0 and whole <= 10 else -1), value * kernel.MICRO[places], np.nan
    return (stop if whole <= 9 else -1), value, value / kernel.POWERS[places]


@compiled
def _is_address(buf: Any, at: int, end: int) -> Any:
    """Tell whether a span is surely an IPv4 or IPv6 address."""
    dots, run, colons = 0, 0, 0
    four, six = True, True
    for place in range(at, end):
        char = buf[place]
        if char == 58:
            four, six = False, six and colons < 7
            colons += 1
            run = 0
            continue
        if char == 46:
            # One of IPv4 within one of IPv6 is for the exact way.
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
    return (four and dots == 3 and run > 0) or (six and colons >= 2)


@compiled
def _read_text(buf: Any, at: int, end: int, kinds: Any, literals: Any, span: Any) -> Any:
    """Return where a text, a word or an address ends, -1 in doubt."""
    kind, json = kinds
    if kind == _QUOTED or kind == _REQUEST or kind == _TARGET:
        return kernel.enclosed_end(buf, at, end, not json)
    if kind == _ADDRESS or kind == _TOKEN:
        begin, after = span
        stop = kernel.token_end(buf, at, end, literals[begin] if after > begin else 0)
        if kind == _ADDRESS and stop >= 0 and not _is_address(buf, at, stop):
            return -1
    else:
        stop = kernel.text_end(buf, at, end, literals, span, kind != _TEXT)
    if json:
        for place in range(at, stop):
            if buf[place] == 92:
                return -1
    return stop


@compiled
def parse_lines(buf: Any, bounds: Any, plan: Any, limits: Any, out: Any, notes: Any) -> None:
    """Take lines apart.

    Parameters
    ----------
    buf
        Bytes of the chunk, ``uint8[..]``.
    bounds
        Where lines start and end, without their ends: two ``int64[lines]``.
    plan
        Literals as one ``uint8[..]`` and their bounds ``int64[variables + 2]``; then ``int64[variables]``
        each: kind, slot of its span, of its whole number, of its decimal, of the span of a whole list (-1:
        not asked for).
    limits
        Whether the escape is JSON's (empty values are null, escapes doubtful), the length from which a line
        is doubtful, the slot of the first of the four spans of the request (-1: not asked for), and whether
        another variable can't stand in for an empty target.
    out
        ``good bool[lines]``, ``starts, ends int32[spans, lines]``, ``ints int64[.., lines]``,
        ``floats float64[.., lines]``. Row 0 of ``ints`` counts upstream tries; a null span starts at -1.
        What belongs to lines that are not good is undefined.
    notes
        Room for what is found on the way: ``int64`` of 5 for a list, of 8 for a request, and of (2, 2) for
        the times that stood last in each of the two forms, where and what moment.
    """
    line_starts, line_ends = bounds
    literals, literal_at, kinds, span_slots, int_slots, float_slots, list_slots = plan
    good, starts, ends, ints, floats = out
    json, longest, request_slot, lone_target = limits
    listed, parts, known_times = notes
    known_times[:, :] = -1
    for line in range(len(line_starts)):
        at, end = line_starts[line], line_ends[line]
        good[line] = False
        if end - at > longest or not kernel.follows(buf, at, end, literals, (literal_at[0], literal_at[1])):
            continue
        at += literal_at[1] - literal_at[0]
        tries = 0
        for index in range(len(kinds)):
            kind = kinds[index]
            span = (literal_at[index + 1], literal_at[index + 2])
            begin = at
            first, last = at, at
            number, decimal = _NULL, np.nan
            null_size = _null_size(buf, at, end, literals, span, json)
            if null_size >= 0 and not (_LIST_TIME <= kind <= _LIST_ADDRESS and null_size > 0):
                # nginx always knows the time.
                at = -1 if _MSEC <= kind <= _TIME_ISO else at + null_size
                last = at if null_size == 0 else begin
            elif kind == _TIME_LOCAL or kind == _TIME_ISO:
                at, number = _read_time(buf, at, end, kind, known_times[kind - _TIME_LOCAL])
                last = at
            elif kind <= _MSEC:
                at, number, decimal = _read_number(buf, at, end, kind)
                last = at
            elif _LIST_TIME <= kind <= _LIST_ADDRESS:
                at = kernel.read_list(buf, at, end, kind, listed)
                tries = max(tries, listed[0])
                number = listed[2]
                decimal = np.nan if listed[1] == _NULL else listed[1] / 1e6
                first, last = listed[3], listed[4]
                if last - first == 1 and buf[first] == 45:
                    last = first
            else:
                at = _read_text(buf, at, end, (kind, json), literals, span)
                last = at
            if at < 0 or at > end or not kernel.follows(buf, at, end, literals, span):
                at = -1
                break
            if kind == _TARGET and last == begin and not lone_target:
                at = -1
                break
            if (kind == _REQUEST or kind == _TARGET) and not _put_request(
                buf, (begin, last), kind == _REQUEST, (starts, ends, request_slot, line), parts
            ):
                at = -1
                break
            if span_slots[index] >= 0:
                starts[span_slots[index], line] = first if last > first else -1
                ends[span_slots[index], line] = last if last > first else -1
            if list_slots[index] >= 0:
                missing = at == begin or (at == begin + 1 and buf[begin] == 45)
                starts[list_slots[index], line] = -1 if missing else begin
                ends[list_slots[index], line] = -1 if missing else at
            if int_slots[index] >= 0:
                ints[int_slots[index], line] = number
            if float_slots[index] >= 0:
                floats[float_slots[index], line] = decimal
            at += span[1] - span[0]
        if at == end:
            ints[0, line] = tries
            good[line] = True


@compiled
def _put_request(buf: Any, span: Any, whole: bool, out: Any, parts: Any) -> Any:
    """Split a request into its spans; an empty one has none. False when in doubt."""
    starts, ends, slot, line = out
    begin, end = span
    parts[:] = -1
    if end > begin and not kernel.split_request(buf, begin, end, whole, parts):
        return False
    if slot >= 0:
        for part in range(4):
            starts[slot + part, line] = parts[2 * part]
            ends[slot + part, line] = parts[2 * part + 1]
    return True


@compiled
def measure(starts: Any, ends: Any, rows: Any, offsets: Any) -> None:
    """Fill in where the texts of a span in the rows given come to stand in a row, null ones empty."""
    offsets[0] = 0
    for index in range(len(rows)):
        row = rows[index]
        size = ends[row] - starts[row] if starts[row] >= 0 else 0
        offsets[index + 1] = offsets[index] + size


@compiled
def gather(buf: Any, starts: Any, rows: Any, offsets: Any, data: Any) -> None:
    """Copy the texts of a span in the rows given to where they come to stand.

    ``data`` has room for 16 bytes more: vectors are written whole, and what is too much of one is written
    over by the next.
    """
    for index in range(len(rows)):
        begin = int64(starts[rows[index]])
        at, stop = offsets[index], offsets[index + 1]
        while at < stop:
            if begin + WIDTH > len(buf):
                for step in range(stop - at):
                    data[at + step] = buf[begin + step]
                break
            copy_bytes(data, at, buf, begin)
            at += WIDTH
            begin += WIDTH


@compiled
def same_text(buf: Any, first: Any, second: Any, rows: Any, same: Any) -> None:
    """Tell for each of the rows given whether two spans hold the same bytes, both being there."""
    starts, ends = first
    other_starts, other_ends = second
    for index in range(len(rows)):
        line = rows[index]
        size = ends[line] - starts[line]
        equal = (
            starts[line] >= 0 and other_starts[line] >= 0 and other_ends[line] - other_starts[line] == size
        )
        for step in range(size if equal else 0):
            if buf[starts[line] + step] != buf[other_starts[line] + step]:
                equal = False
                break
        same[index] = equal


@compiled
def has_prefix(buf: Any, spans: Any, rows: Any, prefix: Any, found: Any) -> None:
    """Tell for each of the rows given whether a span begins with a prefix."""
    starts, ends = spans
    for index in range(len(rows)):
        line = rows[index]
        found[index] = starts[line] >= 0 and kernel.follows(
            buf, starts[line], ends[line], prefix, (0, len(prefix))
        )


@compiled
def measure_objects(buf: Any, spans: Any, rows: Any, name_at: Any, offsets: Any) -> None:
    """Fill in where JSON objects of several spans in the rows given come to stand; empty without a value.

    ``name_at`` bounds the names as :func:`gather_objects` takes them.
    """
    starts, ends = spans
    offsets[0] = 0
    for index in range(len(rows)):
        row = rows[index]
        size = 0
        for slot in range(len(starts)):
            if starts[slot, row] < 0:
                continue
            # Two quotation marks, and a comma and a space or the braces.
            size += name_at[slot + 1] - name_at[slot] + 4
            for place in range(starts[slot, row], ends[slot, row]):
                size += 2 if buf[place] == 92 or buf[place] == 34 else 1
        offsets[index + 1] = offsets[index] + size


@compiled
def gather_objects(buf: Any, spans: Any, rows: Any, keys: Any, target: Any) -> None:
    """Write JSON objects of several spans in the rows given to where they come to stand.

    ``keys`` are the quoted names with their colon as one ``uint8[..]``, and their bounds; ``target`` is the
    offsets and the room for the bytes.
    """
    starts, ends = spans
    names, name_at = keys
    offsets, data = target
    for index in range(len(rows)):
        row = rows[index]
        at = offsets[index]
        for slot in range(len(starts)):
            if starts[slot, row] < 0:
                continue
            if at == offsets[index]:
                data[at] = 123
                at += 1
            else:
                data[at] = 44
                data[at + 1] = 32
                at += 2
            for step in range(name_at[slot], name_at[slot + 1]):
                data[at] = names[step]
                at += 1
            data[at] = 34
            at += 1
            for place in range(starts[slot, row], ends[slot, row]):
                if buf[place] == 92 or buf[place] == 34:
                    data[at] = 92
                    at += 1
                data[at] = buf[place]
                at += 1
            data[at] = 34
            at += 1
        if at > offsets[index]:
            data[at] = 125
