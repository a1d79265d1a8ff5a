"""What the loops over several columns fill in, against the same one by one."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds.together import together

from watchme_analysis.access_logs.engine import column_loops as gathered
from watchme_analysis.access_logs.engine.addresses import WORD
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
    rooms = [np.empty(size + WORD, np.uint8) for size in sizes]
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


def test_offsets_that_are_known_are_not_filled_in():
    texts = b"".join(b"%032d" % number for number in range(5000))
    buf = np.frombuffer(texts + bytes(ROOM_BYTES), np.uint8)
    starts = np.arange(0, len(texts), 32, np.int32)
    ends = starts + np.int32(32)
    spans, rows = np.array([[starts.ctypes.data, ends.ctypes.data]]), np.arange(5000)
    room = np.empty(len(texts) + WORD, np.uint8)
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
    data = np.empty(sizes[0] + WORD, np.uint8)
    gathered.copy_texts(buf, spans, rows, np.zeros(1, np.int64), offsets, np.array([data.ctypes.data]))
    gathered.insert_texts(np.frombuffer(b"1234", np.uint8), np.array([0, 4]), np.array([1]), offsets[0], data)
    assert (data[:10].tobytes(), missing[0], bits[0, 0]) == (b"abc1234def", 0, 0b111)


@together(
    "is_good",
    [[], [True], [False], [True, False, False, True, True], [False, True]],
)
def test_lines_are_split_into_good_and_others(is_good):
    good, others = np.full((2, len(is_good)), -7, np.int64)
    count = gathered.partition_lines(np.array(is_good, bool), good, others)
    assert good[:count].tolist() == [at for at, one in enumerate(is_good) if one]
    assert others[: len(is_good) - count].tolist() == [at for at, one in enumerate(is_good) if not one]


@together(
    ("rows", "further", "places"),
    [
        ([0, 3, 5], [1, 4], [1, 3]),
        ([2, 3], [0, 1], [0, 1]),
        ([0, 1], [2, 3], [2, 3]),
        ([], [4, 9], [0, 1]),
        ([4, 9], [], []),
    ],
)
def test_further_rows_are_merged_by_their_lines(rows, further, places):
    woven, found = np.full(len(rows) + len(further), -7), np.full(len(further), -7)
    gathered.merge_indexes(np.array(rows, np.int64), np.array(further, np.int64), woven, found)
    assert (woven.tolist(), found.tolist()) == (sorted(rows + further), places)


def test_nulls_of_whole_and_decimal_columns_are_bits():
    # Ten rows take two bytes; the bits of the first column are not needed, as it has no null.
    whole = np.arange(10)
    some = np.array([NULL, 0, -1, 2**63 - 1, NULL, 5, 6, 7, NULL, 9])
    decimal = np.array([0.0, -math.inf, math.inf, math.nan, -math.nan, 1e308, -0.0, 5e-324, math.nan, 1.0])
    single = np.array([0] * 9 + [NULL])
    bits, missing = np.full((4, 2), 77, np.uint8), np.full(4, -7)
    values = np.stack([whole, some, decimal.view(np.int64), single])
    gathered.valid_numbers(values, np.array([False, False, True, False]), bits, missing)
    assert missing.tolist() == [0, 3, 3, 1]
    assert bits.tolist() == [[77, 77], [0b11101110, 0b10], [0b11100111, 0b10], [0b11111111, 0b01]]


def spans_of(*columns):
    """Return the addresses of the starts and ends of columns, and the arrays that hold them."""
    held = [np.array(one, np.int32).reshape(-1, 2).T.copy() for one in columns]
    return np.array([[one[0].ctypes.data, one[1].ctypes.data] for one in held], np.int64), held


def test_texts_are_measured():
    spans, _held = spans_of(
        [(0, 3), (5, 8), (9, 12)],  # of one width
        [(0, 3), (-1, -1), (9, 12)],  # with a null
        [(0, 3), (3, 3), (9, 10)],
        [(-1, 0), (-1, 0), (-1, 0)],
        [(-2 - 3, 0), (0, 3), (4, 7)],  # the first is inserted later
        [(7, 7), (8, 8), (9, 9)],  # all empty
    )
    sizes, widths, missing = np.full((3, 6), -7)
    bits = np.full((6, 1), 77, np.uint8)
    gathered.measure_texts(spans, np.arange(3), sizes, widths, bits, missing)
    assert sizes.tolist() == [9, 6, 4, 0, 9, 0]
    assert widths.tolist() == [3, -1, -1, -1, 3, 0]
    assert missing.tolist() == [0, 1, 0, 3, 0, 0]
    assert bits[:, 0].tolist() == [0b111, 0b101, 0b111, 0, 0b111, 0b111]


def test_texts_of_rows_are_measured_and_copied_in_the_order_of_the_rows():
    text = b"".join(b"%03d" % at * (at % 14 + 1) for at in range(20))
    ends = np.cumsum([3 * (at % 14 + 1) for at in range(20)])
    places = [(end - 3 * (at % 14 + 1), end) for at, end in enumerate(ends.tolist())]
    places[4] = (-1, -1)
    spans, _held = spans_of(places, places)
    buf = np.frombuffer(text + bytes(ROOM_BYTES), np.uint8)
    rows = np.array([0, 1, 2, 4, 7, 12, 13, 15, 16, 19])
    sizes, widths, missing = np.full((3, 2), -7)
    bits = np.full((2, 2), 77, np.uint8)
    gathered.measure_texts(spans, rows, sizes, widths, bits, missing)
    expected = [b"" if row == 4 else b"%03d" % row * (row % 14 + 1) for row in rows]
    assert sizes.tolist() == [len(b"".join(expected))] * 2
    assert (missing.tolist(), bits.tolist()) == ([1, 1], [[0b11110111, 0b11]] * 2)
    room = np.full((2, sizes[0] + WORD), 33, np.uint8)
    offsets = np.full((1, 11), -7)
    targets = np.array([one.ctypes.data for one in room])
    # The offsets of the first are known, and those of the second are filled in.
    gathered.copy_texts(buf, spans, rows, np.array([-1, 0]), offsets, targets)
    assert [bytes(one[: sizes[0]]) for one in room] == [b"".join(expected)] * 2
    assert offsets.tolist() == [np.cumsum([0, *map(len, expected)]).tolist()]


def test_texts_of_more_rows_than_fit_a_cache_follow_one_another():
    count = 2048 * 2 + 5
    buf = np.frombuffer(b"ab" * count + bytes(ROOM_BYTES), np.uint8)
    spans, _held = spans_of([(2 * at, 2 * at + at % 3) for at in range(count)])
    rows = np.arange(count)
    expected = b"".join(b"ab"[: at % 3] + b"a" * (at % 3 > 2) for at in range(count))
    room, offsets = np.zeros(len(expected) + WORD, np.uint8), np.full((1, count + 1), -7)
    gathered.copy_texts(buf, spans, rows, np.array([0]), offsets, np.array([room.ctypes.data]))
    assert bytes(room[: len(expected)]) == expected
    assert offsets[0].tolist() == np.cumsum([0, *(at % 3 for at in rows)]).tolist()


def test_texts_are_inserted_where_their_rows_begin():
    data, offsets = np.frombuffer(bytearray(b"........"), np.uint8), np.array([0, 3, 5, 8])
    texts, bounds = np.frombuffer(b"xyzuv", np.uint8), np.array([0, 3, 5])
    gathered.insert_texts(texts, bounds, np.array([0, 1]), offsets, data)
    assert bytes(data) == b"xyzuv..."
    gathered.insert_texts(texts, bounds, np.array([2, 1]), offsets, data)
    assert bytes(data) == b"xyzuvxyz"


def test_the_same_text_is_found_in_two_spans():
    buf = np.frombuffer(b"abcabcabd", np.uint8)
    first = [(3, 6), (0, 3), (0, 3), (-1, 2), (0, 3), (0, 0), (-1, -1), (0, 2)]
    second = [(0, 3), (6, 9), (3, 5), (3, 6), (-1, 2), (5, 5), (-1, -1), (3, 5)]
    one, other = (np.array(spans, np.int32).T.copy() for spans in (first, second))
    rows, same = np.array([7, *range(8)]), np.full(9, 2, np.bool_)
    gathered.same_text(buf, tuple(one), tuple(other), rows, same)
    assert same.tolist() == [True, True, False, False, False, False, True, False, True]


def test_a_prefix_is_found_at_the_start_of_a_span():
    buf = np.frombuffer(b"/api/a/ap/apx", np.uint8)
    starts = np.array([0, 6, 9, 0, -1], np.int32)
    ends = np.array([6, 9, 13, 3, 6], np.int32)
    found = np.full(6, 2, np.bool_)
    prefix = np.frombuffer(b"/ap", np.uint8)
    gathered.has_prefix(buf, (starts, ends), np.array([0, 1, 2, 3, 4, 0]), prefix, found)
    # The second is "/ap" from the middle of a word on.
    assert found.tolist() == [True, True, True, True, False, True]
    gathered.has_prefix(buf, (starts, ends), np.array([0, 3]), np.frombuffer(b"/api", np.uint8), found)
    assert found[:2].tolist() == [True, False]


def test_objects_hold_the_spans_that_are_known():
    buf = np.frombuffer(b'abc"d\\e', np.uint8)
    # Spans a row, lines a column.
    starts = np.array([[0, -1, 2, -1], [3, 1, -1, -1]], np.int32)
    ends = np.array([[2, 0, 7, 0], [6, 3, 0, 0]], np.int32)
    rows = np.array([0, 1, 2, 3, 0])
    names, bounds = np.frombuffer(b'"a": "bb": ', np.uint8), np.array([0, 5, 11])
    offsets = np.full(6, -7)
    gathered.measure_objects(buf, (starts, ends), rows, bounds, offsets)
    expected = [
        b'{"a": "ab", "bb": "\\"d\\\\"}', b'{"bb": "bc"}', b'{"a": "c\\"d\\\\e"}', b"",
        b'{"a": "ab", "bb": "\\"d\\\\"}',
    ]  # fmt: skip
    assert offsets.tolist() == np.cumsum([0, *map(len, expected)]).tolist()
    data = np.full(offsets[-1], 33, np.uint8)
    gathered.write_objects(buf, (starts, ends), rows, (names, bounds), (offsets, data))
    assert bytes(data) == b"".join(expected)
