"""Many bytes at a time, against the same one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from watchme_analysis.access_logs.engine import simd as vectors
from watchme_analysis.access_logs.engine.value_loops import run_end
from watchme_analysis.access_logs.line_blocks import ROOM_BYTES

chars = st.sampled_from(b"\x00\n\r\x1f !\"'09AZ\\az~\x7f\x80\xc3\xff")
WIDTH = vectors.WIDTH


@njit
def plain_run(at, low, stop, other):
    return vectors.plain_run(at, low, stop, other)


@njit
def is_same(at, other):
    return vectors.is_same(at, other)


@njit
def starts_with(at, word, mask):
    return vectors.starts_with(at, word, mask)


@njit
def leading_digits(at):
    return vectors.leading_digits(at)


@njit
def touched(at):
    vectors.touch(at)


@njit
def matches(at, char):
    return vectors.matches(at, char)


@njit
def lowest_bit(bits):
    return vectors.lowest_bit(bits)


def held(data):
    """Return bytes with room behind them, and the place of the first."""
    buf = np.frombuffer(data + bytes(ROOM_BYTES), np.uint8)
    return buf, buf.ctypes.data


def one_by_one(data, low, stop, other):
    """Count the bytes at the start that are printable from one on and neither of two others."""
    return next(
        (at for at, byte in enumerate(data) if not low <= byte <= 126 or byte in (stop, other)), len(data)
    )


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.lists(chars, min_size=20, max_size=90).map(bytes), st.sampled_from([32, 33]), chars, chars)
def test_a_run_ends_at_the_first_strange_byte(data, low, stop, other):
    buf, place = held(data)
    padded = buf.tobytes()
    assert plain_run(place + 4, low, stop, other) == one_by_one(padded[4 : 4 + WIDTH], low, stop, other)
    for at in (0, 3, len(data) - 1):
        assert run_end(place + at, low, stop, other) == place + at + one_by_one(data[at:], low, stop, other)


def test_two_places_are_the_same_in_all_sixteen_bytes():
    data = b"0123456789abcdef" * 2
    same, place = held(data)
    assert is_same(place, place + 16), same
    for at in range(16):
        changed, place = held(data[: 16 + at] + b"#" + data[17 + at :])
        assert not is_same(place, place + 16), changed


@given(st.binary(min_size=8, max_size=8), st.integers(0, 8))
def test_a_word_is_compared_where_its_mask_says(data, size):
    same, place = held(data)
    mask = int.from_bytes(b"\xff" * size, "little")
    signed = np.array([mask], np.uint64).view(np.int64)[0]
    word = np.array([int.from_bytes(data, "little") & mask], np.uint64).view(np.int64)[0]
    assert starts_with(place, word, signed), same
    for at in range(size):
        changed, other = held(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert not starts_with(other, word, signed), changed


@settings(max_examples=100)
@given(st.from_regex(rb"[0-9]{0,9}", fullmatch=True), chars, st.binary(max_size=8))
def test_digits_at_a_place_make_a_number(digits, mark, rest):
    buf, place = held(digits + bytes([mark]) + rest)
    data = buf[:8].tobytes()
    expected = next((at for at, byte in enumerate(data) if not 48 <= byte <= 57), 8)
    assert leading_digits(place) == int(data[:expected] or b"0") * 16 + expected


@given(st.lists(st.sampled_from(b"\n ab"), min_size=WIDTH, max_size=WIDTH).map(bytes))
def test_bytes_that_match_are_bits(data):
    buf, place = held(data)
    bits = matches(place, 10)
    assert [at for at in range(WIDTH) if bits >> at & 1] == [at for at in range(WIDTH) if buf[at] == 10]
    assert lowest_bit(bits) == (data.index(b"\n") if b"\n" in data else 64)


def test_what_is_touched_is_read_though_nothing_comes_of_it():
    _, place = held(b"a")
    touched(place)
    (read,) = touched.inspect_llvm().values()
    assert "load i8" in read
