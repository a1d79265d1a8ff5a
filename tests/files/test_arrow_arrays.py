"""Arrow arrays without pandas."""

import math
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from worlds.together import together

from watchme_analysis.files.arrow_arrays import (
    Bits,
    array_of,
    arrow_type,
    bool_array,
    even_offsets,
    nulls,
    nulls_of,
    number_array,
    numbers_of,
    repeated,
    room_for,
    scalar_of,
    slices_of,
    text_array,
    text_parts,
    truths_of,
    whole,
)


@together(
    ("values", "kind", "plain"),
    [
        ([1, None, -(2**63) + 1], "int", pa.int64()),
        ([0.5, None, math.inf], "float", pa.float64()),
        ([None, 1_765_415_400_000_001], "time", pa.timestamp("us", "UTC")),
        (["é", "", None, "a\nb"], "text", pa.large_string()),
        ([], "text", pa.large_string()),
        ([None, None], "json", pa.large_string()),
    ],
)
def test_values_become_what_arrow_makes_of_them(values, kind, plain):
    found = array_of(values, kind)
    found.validate(full=True)
    assert found.equals(pa.array(values, plain))


def test_numbers_share_memory_and_come_back():
    values = np.arange(5, dtype=np.int64)
    column = pa.chunked_array([number_array(values).slice(1), number_array(values).slice(3)])
    assert numbers_of(column).tolist() == [1, 2, 3, 4, 3, 4]
    seconds = np.array([0.5, np.nan])
    found = number_array(seconds, ~np.isnan(seconds))
    assert found.to_pylist() == [0.5, None] and found.null_count == 1


def test_texts_are_found_by_their_offsets():
    found = text_array(np.array([0, 1, 1, 3], np.int64), b"abc", np.array([True, False, True]))
    assert found.to_pylist() == ["a", None, "bc"]


@pytest.mark.slow
def test_no_pandas_is_needed():
    code = (
        "import sys; from watchme_analysis.files.arrow_arrays import array_of;"
        "array_of(['a', None], 'text'); array_of([1], 'int'); sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_offsets_of_texts_of_one_width_share_their_memory_and_cant_be_written_to():
    few, many = even_offsets(700, 7), even_offsets(900, 7)

    assert few.tolist() == list(range(0, 4901, 7))
    assert (many[-1], np.shares_memory(few, many), few.flags.writeable) == (6300, True, False)


@together(("count", "is_arrows"), [(100, False), (131_071, False), (131_072, True)])
def test_much_room_is_taken_from_arrow(count, is_arrows):
    """From a mebibyte on, which has 131,072 numbers of eight bytes."""
    before = pa.total_allocated_bytes()
    room = room_for(2, count // 2, kind=np.int64)
    assert (room.shape, room.dtype) == ((2, count // 2), np.int64)
    room = room_for(count, kind=np.int64)
    assert (pa.total_allocated_bytes() - before >= 8 * count) is is_arrows
    room[:] = 1
    assert room.sum() == count


def test_numbers_have_the_type_of_their_column():
    seconds = np.array([1, 2], np.int64)
    times = number_array(seconds, np.array([True, False]), "time")
    assert times.type == pa.timestamp("us", "UTC") == arrow_type("time")
    assert (times.null_count, times[0].value) == (1, 1)
    assert number_array(np.array([0.5, 2.0])).type == pa.float64()
    # Every other number is not consecutive in memory.
    assert number_array(np.arange(6)[::2]).to_pylist() == [0, 2, 4]
    assert number_array(seconds, Bits.of(np.array([True, True]))).buffers()[0] is None
    assert numbers_of(pa.array([0.5])).tolist() == [0.5]


def test_booleans_come_back():
    values = np.array([True, False, True, True, False, False, True, False, True])
    assert bool_array(values).to_pylist() == values.tolist()
    assert truths_of(bool_array(values).slice(1)).tolist() == values[1:].tolist()
    array = pa.array([True, None, False])
    assert truths_of(array).tolist() == [True, False, False]
    assert truths_of(array, null=True).tolist() == [True, True, False]


def test_parts_of_columns_are_one_array():
    one = pa.array([1, 2])
    assert whole(one) is one
    assert whole(pa.chunked_array([one])).equals(one)
    assert whole(pa.chunked_array([one, one])).to_pylist() == [1, 2, 1, 2]
    assert nulls_of(pa.array([1, None, 3]).slice(1)).tolist() == [True, False]
    assert nulls_of(one).tolist() == [False, False]
    assert nulls_of(pa.nulls(2)).tolist() == [True, True]  # of the type that has no values


def test_texts_come_apart():
    texts = array_of(["ab", None, "", "c"], "text")
    offsets, data = text_parts(texts.slice(1))
    assert (offsets.tolist(), bytes(data)) == ([2, 2, 2, 3], b"abc")
    for empty in (pa.array([], pa.large_string()), pa.array([None, ""], pa.large_string())):
        offsets, data = text_parts(empty)
        assert (offsets.tolist(), data.tolist()) == ([0] * (len(empty) + 1), [])


def test_texts_are_taken_from_between_positions():
    data = np.frombuffer(b"ab cd ef", np.uint8)
    missing = np.array([True, False, True, False])
    found = slices_of(data, np.array([-1, 3, -1, 6]), np.array([-1, 5, -1, 8]), missing)
    assert found.to_pylist() == [None, "cd", None, "ef"]
    assert found.type == pa.large_string()


def test_repeated_values_share_their_memory():
    assert (repeated("ab", 3).to_pylist(), repeated(None, 2).to_pylist()) == (["ab"] * 3, [None] * 2)
    assert repeated("ab", 3).buffers()[2].address == repeated("ab", 16).buffers()[2].address
    # A power of two not below the number of texts, of two bytes each.
    for count, size in ((3, 16), (16, 16), (17, 32), (1024, 1024), (1025, 2048)):
        assert repeated("ab", count).buffers()[2].size == 2 * size
    assert nulls(2, pa.int64()).to_pylist() == [None, None]
    assert scalar_of(0.5, "float").equals(pa.scalar(0.5))
    assert scalar_of(None, "int").equals(pa.scalar(None, pa.int64()))
