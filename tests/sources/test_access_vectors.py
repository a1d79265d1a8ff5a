"""Sixteen bytes at a time, against the same one by one."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from watchme_analysis.sources import access_vectors as vectors
from watchme_analysis.sources.access_kernel import run_end
from watchme_analysis.sources.access_lines import gather, measure

chars = st.sampled_from(b"\x00\n\r\x1f !\"'09AZ\\az~\x7f\x80\xc3\xff")


@njit
def plain_run(buf, at, low, stop, other):
    return vectors.plain_run(buf, at, low, stop, other)


@njit
def is_same(buf, at, other):
    return vectors.is_same(buf, at, other)


def readonly(data):
    buf = np.frombuffer(data, np.uint8)
    buf.flags.writeable = False
    return buf


def one_by_one(data, low, stop, other):
    """Count the bytes at the start that are printable from one on and neither of two others."""
    return next(
        (at for at, byte in enumerate(data) if not low <= byte <= 126 or byte in (stop, other)), len(data)
    )


@settings(max_examples=300, deadline=None)
@given(st.lists(chars, min_size=20, max_size=60).map(bytes), st.sampled_from([32, 33]), chars, chars)
def test_a_run_ends_at_the_first_strange_byte(data, low, stop, other):
    buf = readonly(data)
    assert plain_run(buf, 4, low, stop, other) == one_by_one(data[4:20], low, stop, other)
    for at in (0, 3, len(data) - 1):
        assert run_end(buf, at, low, stop, other) == at + one_by_one(data[at:], low, stop, other)


def test_two_places_are_the_same_in_all_sixteen_bytes():
    data = b"0123456789abcdef" * 2
    assert is_same(readonly(data), 0, 16)
    for at in range(16):
        assert not is_same(readonly(data[: 16 + at] + b"#" + data[17 + at :]), 0, 16)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.none(), st.binary(max_size=40)), min_size=1, max_size=12))
def test_texts_come_to_stand_one_behind_the_other(texts):
    data = b"".join(text or b"" for text in texts)
    ends = np.cumsum([len(text or b"") for text in texts]).astype(np.int32)
    starts = np.array(
        [-1 if text is None else end - len(text) for text, end in zip(texts, ends, strict=True)]
    )
    rows = np.arange(len(texts))[::-1].copy()
    offsets = np.empty(len(rows) + 1, np.int64)
    measure(starts.astype(np.int32), ends, rows, offsets)
    out = np.empty(offsets[-1] + vectors.WIDTH, np.uint8)
    gather(readonly(data), starts.astype(np.int32), rows, offsets, out)
    assert out[: offsets[-1]].tobytes() == b"".join(texts[row] or b"" for row in rows)
