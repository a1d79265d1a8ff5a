"""What the loops over several columns fill in, against the same one by one."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchme_analysis.access_logs.engine import column_loops as gathered
from watchme_analysis.access_logs.engine.simd import WIDTH
from watchme_analysis.access_logs.engine.value_loops import NULL
from watchme_analysis.access_logs.line_blocks import ROOM_BYTES

texts = st.one_of(st.none(), st.binary(max_size=70))
numbers = st.one_of(st.just(NULL), st.integers(-(2**63), 2**63 - 1))
decimals = st.one_of(st.just(math.nan), st.floats())


def bits_of(is_valid):
    return np.packbits(is_valid, bitorder="little").tolist()


@pytest.mark.slow
@given(st.lists(st.booleans(), max_size=40))
def test_good_and_other_lines_are_distinguished(is_good):
    good, others = np.empty((2, len(is_good)), np.int64)
    count = gathered.partition_lines(np.array(is_good, bool), good, others)
    assert good[:count].tolist() == [at for at, one in enumerate(is_good) if one]
    assert others[: len(is_good) - count].tolist() == [at for at, one in enumerate(is_good) if not one]


@pytest.mark.slow
@given(st.lists(st.booleans(), max_size=40))
def test_further_rows_stand_where_their_lines_do(are_further):
    lines = np.arange(len(are_further)) * 3
    further = lines[np.array(are_further, bool)]
    woven, places = np.empty_like(lines), np.empty_like(further)
    gathered.merge_indexes(lines[~np.array(are_further, bool)], further, woven, places)
    assert woven.tolist() == lines.tolist()
    assert places.tolist() == [at for at, one in enumerate(are_further) if one]


def test_numbers_are_taken_from_where_their_column_stands():
    whole, decimal = np.arange(10, 20), np.arange(10) / 4
    taken = np.full((3, 4), 7)
    places = np.array([whole.ctypes.data, 0, decimal.ctypes.data])
    gathered.copy_numbers(places, np.array([9, 0, 3, 3]), taken)
    assert taken[0].tolist() == [19, 10, 13, 13]
    assert taken[1].tolist() == [7, 7, 7, 7]
    assert taken[2].view(np.float64).tolist() == [2.25, 0.0, 0.75, 0.75]


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(numbers, decimals), max_size=20))
def test_nulls_of_numbers_are_counted_and_marked(rows):
    whole = np.array([one for one, _ in rows], np.int64)
    decimal = np.array([one for _, one in rows], np.float64)
    values = np.stack([whole, decimal.view(np.int64)])
    bits, missing = np.empty((2, (len(rows) + 7) // 8), np.uint8), np.empty(2, np.int64)
    gathered.valid_numbers(values, np.array([False, True]), bits, missing)
    for at, is_null in enumerate((whole == NULL, np.isnan(decimal))):
        assert missing[at] == np.count_nonzero(is_null)
        if missing[at]:
            assert bits[at].tolist() == bits_of(~is_null)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=12))
def test_texts_come_to_stand_one_behind_the_other(lines):
    buf = np.frombuffer(
        b"".join(text or b"" for line in lines for text in line) + bytes(ROOM_BYTES), np.uint8
    )
    ends = np.cumsum([len(text or b"") for line in lines for text in line]).astype(np.int32)
    starts = ends - np.array([len(text or b"") for line in lines for text in line], np.int32)
    starts[[text is None for line in lines for text in line]] = -1
    starts, ends = (np.ascontiguousarray(one.reshape(len(lines), 2).T) for one in (starts, ends))
    spans = np.array([[starts[at].ctypes.data, ends[at].ctypes.data] for at in range(2)])
    rows = np.arange(len(lines))[::-1].copy()
    sizes, widths, missing = np.empty((3, 2), np.int64)
    bits = np.empty((2, (len(rows) + 7) // 8), np.uint8)
    gathered.measure_texts(spans, rows, sizes, widths, bits, missing)
    rooms = [np.empty(size + WIDTH, np.uint8) for size in sizes]
    offsets = np.empty((2, len(rows) + 1), np.int64)
    targets = np.array([room.ctypes.data for room in rooms])
    gathered.copy_texts(buf, spans, rows, np.arange(2), offsets, targets)
    for at in range(2):
        column = [lines[row][at] for row in rows]
        lengths = [len(text or b"") for text in column]
        assert rooms[at][: sizes[at]].tobytes() == b"".join(text or b"" for text in column)
        assert offsets[at].tolist() == np.cumsum([0, *lengths]).tolist()
        assert bits[at].tolist() == bits_of([text is not None for text in column])
        assert missing[at] == column.count(None)
        same = missing[at] == 0 and len(set(lengths)) == 1
        assert widths[at] == (lengths[0] if same else -1)


def test_what_lines_hold_is_reached_from_the_first_text_to_the_last():
    # A column a row, a line a column; the last line's texts stand elsewhere.
    starts = np.array([[40, 100, -7], [30, -1, -1], [-1, 120, -2]], np.int32)
    spans = np.array([[column.ctypes.data, 0] for column in starts])
    assert gathered.text_extent(spans, 0, 1) == (30, 120)
    assert gathered.text_extent(spans, 1, 1) == (100, 120)
    for first, last in ((0, 2), (2, 1), (2, 2)):
        low, high = gathered.text_extent(spans, first, last)
        assert len(range(low, high)) == 0


def test_offsets_that_are_known_are_not_filled_in():
    texts = b"".join(b"%032d" % number for number in range(5000))
    buf = np.frombuffer(texts + bytes(ROOM_BYTES), np.uint8)
    starts = np.arange(0, len(texts), 32, np.int32)
    ends = starts + np.int32(32)
    spans, rows = np.array([[starts.ctypes.data, ends.ctypes.data]]), np.arange(5000)
    room = np.empty(len(texts) + WIDTH, np.uint8)
    nowhere = np.empty((0, 5001), np.int64)
    gathered.copy_texts(buf, spans, rows, np.array([-1]), nowhere, np.array([room.ctypes.data]))
    assert room[: len(texts)].tobytes() == texts


def test_room_is_left_for_texts_that_are_put_in():
    buf = np.frombuffer(b"abcdef" + bytes(ROOM_BYTES), np.uint8)
    starts, ends = np.array([0, -2 - 4, 3], np.int32), np.array([3, 99, 6], np.int32)
    spans, rows = np.array([[starts.ctypes.data, ends.ctypes.data]]), np.arange(3)
    sizes, widths, missing = np.empty((3, 1), np.int64)
    offsets, bits = np.empty((1, 4), np.int64), np.empty((1, 1), np.uint8)
    gathered.measure_texts(spans, rows, sizes, widths, bits, missing)
    data = np.empty(sizes[0] + WIDTH, np.uint8)
    gathered.copy_texts(buf, spans, rows, np.zeros(1, np.int64), offsets, np.array([data.ctypes.data]))
    gathered.insert_texts(np.frombuffer(b"1234", np.uint8), np.array([0, 4]), np.array([1]), offsets[0], data)
    assert (data[:10].tobytes(), missing[0], bits[0, 0]) == (b"abc1234def", 0, 0b111)
