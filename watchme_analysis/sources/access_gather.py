"""Compiled loops that copy what was found in the lines of a chunk to where it comes to stand."""

from __future__ import annotations

from typing import Any

from watchme_analysis.sources.access_jit import compiled
from watchme_analysis.sources.access_kernel import int64
from watchme_analysis.sources.access_vectors import WIDTH, copy_bytes, place_of


@compiled
def measure(starts: Any, ends: Any, rows: Any, offsets: Any, valid: Any) -> None:
    """Fill in where the texts of a span in the rows given come to stand in a row, and which are no null.

    A null starts at -1; what starts at -2 - n is a text of n bytes that will be put in.
    """
    at = int64(0)
    for index in range(len(rows)):
        row = rows[index]
        start = int64(starts[row])
        offsets[index] = at
        valid[index] = start != -1
        if start >= 0:
            at += ends[row] - start
        elif start < -1:
            at -= start + 2
    offsets[len(rows)] = at


@compiled
def gather(buf: Any, starts: Any, rows: Any, offsets: Any, data: Any) -> None:
    """Copy the texts of a span in the rows given to where they come to stand.

    ``buf`` has ``ROOM_BYTES`` more, and ``data`` room for ``WIDTH`` more: vectors are written whole, and what
    is too much of one is written over by the next.
    """
    source, target = place_of(buf), place_of(data)
    for index in range(len(rows)):
        begin = int64(starts[rows[index]])
        at, stop = offsets[index], offsets[index + 1]
        while begin >= 0 and at < stop:
            copy_bytes(target + at, source + begin)
            at += WIDTH
            begin += WIDTH


@compiled
def put(texts: Any, bounds: Any, places: Any, offsets: Any, data: Any) -> None:
    """Copy texts that stand one behind the other to the places given of a row."""
    for index in range(len(places)):
        at = offsets[places[index]]
        for place in range(bounds[index], bounds[index + 1]):
            data[at] = texts[place]
            at += 1


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
        start = starts[rows[index]]
        found[index] = start >= 0 and ends[rows[index]] - start >= len(prefix)
        for step in range(len(prefix) if found[index] else 0):
            if buf[start + step] != prefix[step]:
                found[index] = False
                break


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
