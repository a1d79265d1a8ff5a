"""Compiled loops that copy the values found in the lines of a chunk to the columns."""

from __future__ import annotations

from typing import Any

from watchme_analysis.access_logs.engine.addresses import WORD, place_of, put_word, small_at, word_at
from watchme_analysis.access_logs.engine.ascii_codes import BACKSLASH, QUOTE
from watchme_analysis.access_logs.engine.jit import compiled, compiled_for_little
from watchme_analysis.access_logs.engine.value_loops import NULL, int64

_UNSIGNED = int64(2**63 - 1)
_INFINITY = int64(0x7FF0 << 48)
# Number of rows whose lines and positions fit in a core's cache.
_AT_ONCE = 2048


@compiled
def partition_lines(is_good: Any, good: Any, others: Any) -> Any:
    """Return the number of good lines, after filling in the indexes of good and of other lines."""
    count = 0
    for index in range(len(is_good)):
        good[count] = index
        others[index - count] = index
        count += is_good[index]
    return count


@compiled
def merge_indexes(rows: Any, further: Any, woven: Any, places: Any) -> None:
    """Merge two ascending arrays of numbers into ``woven``, and fill in the positions of the further rows."""
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
    """Fill in the numbers of several columns in the rows.

    ``sources`` holds the address of a column's 8-byte numbers, 0 for a column that is not changed; ``taken``
    is ``int64[columns, rows]``.
    """
    for column in range(len(sources)):
        source = sources[column]
        for index in range(len(rows) if source != 0 else 0):
            taken[column, index] = word_at(source + 8 * rows[index])


@compiled
def valid_numbers(values: Any, are_floats: Any, bits: Any, missing: Any) -> None:
    """Fill in the validity bits and the number of nulls of several columns of numbers.

    Parameters
    ----------
    values
        ``int64[columns, rows]``; ``NULL`` is null, or NaN in a ``float64`` column.
    are_floats
        Mask of the ``float64`` columns.
    bits
        A bit for each number, set if it is not null, the lowest first: ``uint8[columns, rows / 8]``, rounded
        up. Not written for columns without nulls.
    missing
        Number of nulls: ``int64[columns]``.
    """
    for column in range(len(values)):
        # Without its sign, NaN is larger than infinity.
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
    """Fill in the sizes in bytes of several spans' texts in the rows, and their validity.

    Parameters
    ----------
    spans
        Addresses of the starts and ends of a span, ``int32`` each: ``int64[spans, 2]``. A null starts at -1;
        a start of -2 - n is a text of n bytes that is inserted later.
    rows
        ``int64[rows]``.
    sizes
        Total bytes of a span's texts: ``int64[spans]``.
    widths
        Bytes of each text if all are equal and none is null, else -1: ``int64[spans]``.
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
        # The first size differs from the initial value, so a single difference means equal widths.
        widths[column] = before if others + count == 1 else -1
        missing[column] = count


@compiled
def copy_texts(buf: Any, spans: Any, rows: Any, slots: Any, offsets: Any, targets: Any) -> None:
    """Copy the texts of several spans in the rows to their targets.

    Parameters
    ----------
    buf
        The chunk, and ``ROOM_BYTES`` more.
    spans, rows
        As for :func:`measure_texts`.
    slots
        Index of a span's offsets, -1 if they are known: ``int64[spans]``.
    offsets
        Start of each text and end of the last, filled in: ``int64[.., rows + 1]``.
    targets
        Address of a span's first target byte, ``int64[spans]``, modified. The targets are followed by
        ``WORD`` more bytes, because whole words are written, whose excess the next text overwrites.
    """
    source = place_of(buf)
    offsets[:, 0] = 0
    # All columns of some rows before those of the next, so that their lines stay in the cache.
    for first in range(0, len(rows), _AT_ONCE):
        behind = min(first + _AT_ONCE, len(rows))
        for column in range(len(spans)):
            starts, ends = spans[column]
            slot, to = slots[column], targets[column]
            at = offsets[slot, first] if slot >= 0 else int64(0)
            for index in range(first, behind):
                begin = small_at(starts + 4 * rows[index])
                # Nulls and texts that are inserted later have no bytes to copy.
                size = small_at(ends + 4 * rows[index]) - begin if begin >= 0 else max(int64(0), -2 - begin)
                for step in range(0, size if begin >= 0 else 0, WORD):
                    put_word(to + step, word_at(source + begin + step))
                to += size
                at += size
                if slot >= 0:
                    offsets[slot, index + 1] = at
            targets[column] = to


@compiled_for_little
def insert_texts(texts: Any, bounds: Any, places: Any, offsets: Any, data: Any) -> None:
    """Copy consecutive texts to positions of a row."""
    for index in range(len(places)):
        at = offsets[places[index]]
        for place in range(bounds[index], bounds[index + 1]):
            data[at] = texts[place]
            at += 1


@compiled
def same_text(buf: Any, first: Any, second: Any, rows: Any, same: Any) -> None:
    """Fill in, for each row, whether two spans hold the same bytes, both without nulls."""
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
    """Fill in, for each row, whether a span begins with a prefix."""
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
    """Fill in the offsets of JSON objects of several spans in the rows; empty without a value.

    ``name_at`` bounds the names as in :func:`write_objects`.
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
                size += 2 if buf[place] == BACKSLASH or buf[place] == QUOTE else 1
        offsets[index + 1] = offsets[index] + size


@compiled
def write_objects(buf: Any, spans: Any, rows: Any, keys: Any, target: Any) -> None:
    """Write JSON objects of several spans in the rows to their targets.

    ``keys`` are the quoted names with their colon as one ``uint8[..]``, and their bounds; ``target`` is the
    offsets and the output bytes.
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
                if buf[place] == BACKSLASH or buf[place] == QUOTE:
                    data[at] = 92
                    at += 1
                data[at] = buf[place]
                at += 1
            data[at] = 34
            at += 1
        if at > offsets[index]:
            data[at] = 125
