"""Compiled loops that copy what was found in the lines of a chunk to where it comes to stand."""

from __future__ import annotations

from typing import Any

from watchme_analysis.access_logs.engine.jit import compiled, compiled_for_little
from watchme_analysis.access_logs.engine.simd import (
    NEAR,
    WIDTH,
    copy_bytes,
    place_of,
    small_at,
    touch,
    word_at,
)
from watchme_analysis.access_logs.engine.value_loops import NULL, int64

_UNSIGNED = int64(2**63 - 1)
_INFINITY = int64(0x7FF0 << 48)
# So many rows' lines, and what is known of them, fit a core's own cache.
_AT_ONCE = 2048


@compiled
def partition_lines(is_good: Any, good: Any, others: Any) -> Any:
    """Fill in the indexes of what is good and of what isn't, and return how many are good."""
    count = 0
    for index in range(len(is_good)):
        good[count] = index
        others[index - count] = index
        count += is_good[index]
    return count


@compiled
def merge_indexes(rows: Any, further: Any, woven: Any, places: Any) -> None:
    """Fill in both of two ascending rows of numbers in order, and where the further ones come to stand."""
    taken = 0
    for index in range(len(woven)):
        is_further = taken < len(further) and (
            index - taken == len(rows) or further[taken] < rows[index - taken]
        )
        woven[index] = further[taken] if is_further else rows[index - taken]
        if is_further:
            places[taken] = index
            taken += 1


@compiled
def copy_numbers(sources: Any, rows: Any, taken: Any) -> None:
    """Fill in the numbers of several columns in the rows given.

    ``sources`` says at which place the numbers of eight bytes of a column stand, 0 for one that is left as it
    is; ``taken`` is ``int64[columns, rows]``.
    """
    for column in range(len(sources)):
        source = sources[column]
        for index in range(len(rows) if source != 0 else 0):
            taken[column, index] = word_at(source + 8 * rows[index])


@compiled
def valid_numbers(values: Any, are_floats: Any, bits: Any, missing: Any) -> None:
    """Fill in which numbers of several columns are no null, and how many of each are.

    Parameters
    ----------
    values
        ``int64[columns, rows]``; ``NULL`` is null, or whatever is no number as a ``float64``.
    are_floats
        Which columns are of ``float64``.
    bits
        A bit for each number, the first the lowest: ``uint8[columns, rows / 8]``, rounded up. Not written
        where nothing is null.
    missing
        ``int64[columns]``.
    """
    for column in range(len(values)):
        # Without its sign what is no number is larger than infinity.
        is_float, count = are_floats[column], 0
        for index in range(len(values[column])):
            value = values[column, index]
            count += (value & _UNSIGNED) > _INFINITY if is_float else value == NULL
        missing[column] = count
        for first in range(0, len(values[column]) if count > 0 else 0, 8):
            byte = 0
            for index in range(first, min(first + 8, len(values[column]))):
                value = values[column, index]
                is_null = (value & _UNSIGNED) > _INFINITY if is_float else value == NULL
                byte |= int64(not is_null) << (index - first)
            bits[column, first >> 3] = byte


@compiled
def measure_texts(spans: Any, rows: Any, sizes: Any, widths: Any, bits: Any, missing: Any) -> None:
    """Fill in how many bytes the texts of several spans in the rows given have, and which are no null.

    Parameters
    ----------
    spans
        At which places the starts and the ends of a span stand, ``int32`` each: ``int64[spans, 2]``. A null
        starts at -1; what starts at -2 - n is a text of n bytes that will be put in.
    rows
        ``int64[rows]``.
    sizes
        Bytes of all texts of a span: ``int64[spans]``.
    widths
        Bytes of each text of a span where all have as many and none is null, -1 otherwise: ``int64[spans]``.
    bits, missing
        As for :func:`valid_numbers`.
    """
    for column in range(len(spans)):
        starts, ends = spans[column]
        total, count, before, others = int64(0), 0, int64(-1), int64(0)
        for first in range(0, len(rows), 8):
            byte = 0
            for index in range(first, min(first + 8, len(rows))):
                start = small_at(starts + 4 * rows[index])
                if start == -1:
                    count += 1
                    continue
                byte |= 1 << (index - first)
                size = small_at(ends + 4 * rows[index]) - start if start >= 0 else -2 - start
                total += size
                others += size != before
                before = size
            bits[column, first >> 3] = byte
        sizes[column] = total
        # The first one is another than none.
        widths[column] = before if others + count == 1 else -1
        missing[column] = count


@compiled
def text_extent(spans: Any, first: int, last: int) -> Any:
    """Return where the first text of a line begins and the last one of another, nothing without either."""
    begin, end = _UNSIGNED, int64(0)
    for column in range(len(spans)):
        low, high = small_at(spans[column, 0] + 4 * first), small_at(spans[column, 0] + 4 * last)
        begin = min(begin, low) if low >= 0 else begin
        end = max(end, high)
    return begin, end


@compiled
def copy_texts(buf: Any, spans: Any, rows: Any, slots: Any, offsets: Any, targets: Any) -> None:
    """Copy the texts of several spans in the rows given to where they come to stand.

    Parameters
    ----------
    buf
        The chunk, and ``ROOM_BYTES`` more.
    spans, rows
        As for :func:`measure_texts`.
    slots
        Which of the offsets are a span's, -1 when they are known: ``int64[spans]``.
    offsets
        Where a text begins and, last, the last one ends, filled in: ``int64[.., rows + 1]``.
    targets
        At which place a span's first text comes to stand, ``int64[spans]``, written over. Behind the room for
        all of them there is ``WIDTH`` more: vectors are written whole, and what is too much of one is written
        over by the next.
    """
    source = place_of(buf)
    offsets[:, 0] = 0
    # All columns of some rows, then those of the next: what they are read from is still at hand.
    for first in range(0, len(rows), _AT_ONCE):
        behind = min(first + _AT_ONCE, len(rows))
        low, high = text_extent(spans, rows[first], rows[behind - 1])
        # In order, memory is read ahead by itself. Column by column it would be waited for, text by text:
        # most of the time that all of this takes.
        for near in range(low, high, NEAR):
            touch(source + near)
        for column in range(len(spans)):
            starts, ends = spans[column]
            slot, to = slots[column], targets[column]
            at = offsets[slot, first] if slot >= 0 else int64(0)
            for index in range(first, behind):
                begin = small_at(starts + 4 * rows[index])
                # What is null or will be put in has no bytes to copy.
                size = small_at(ends + 4 * rows[index]) - begin if begin >= 0 else max(int64(0), -2 - begin)
                step = int64(0)
                while begin >= 0 and step < size:
                    copy_bytes(to + step, source + begin + step)
                    step += WIDTH
                to += size
                at += size
                if slot >= 0:
                    offsets[slot, index + 1] = at
            targets[column] = to


@compiled_for_little
def insert_texts(texts: Any, bounds: Any, places: Any, offsets: Any, data: Any) -> None:
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

    ``name_at`` bounds the names as :func:`write_objects` takes them.
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
def write_objects(buf: Any, spans: Any, rows: Any, keys: Any, target: Any) -> None:
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
