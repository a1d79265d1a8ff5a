"""Blocks of whole lines from memory and from streams, and the threads that work on them."""

import sys
import threading
from mmap import mmap

import numpy as np
import pytest
from worlds.together import together

from watchme_analysis.access_logs import line_blocks
from watchme_analysis.access_logs.formats.w3c import W3cFields
from watchme_analysis.access_logs.line_blocks import (
    Block,
    Buffers,
    ahead,
    block_of,
    blocks_from,
    blocks_of,
    in_order,
    with_fields,
)
from watchme_analysis.files.decompress import filling


def shown(blocks):
    """Return the bytes of blocks, and the size of a line that is too long."""
    return [(bytes(one), one.line_bytes) if one.line_bytes else bytes(one) for one in blocks]


@together(
    ("data", "size", "blocks"),
    [
        (b"", 4, []),
        (b"ab\ncd\nef", 3, [b"ab\n", b"cd\n", b"ef"]),
        (b"ab\ncd\nef", 4, [b"ab\ncd\n", b"ef"]),
        (b"abcdef\ngh\n", 2, [b"abcdef\n", b"gh\n"]),
        (b"ab\n", 100, [b"ab\n"]),
        (b"\n\nab", 1, [b"\n", b"\n", b"ab"]),
    ],
)
def test_data_in_memory_is_cut_behind_a_line(data, size, blocks):
    assert shown(blocks_of(data, size)) == blocks


@pytest.fixture
def longest(monkeypatch):
    """Let lines have at most five bytes, and three be kept of a longer one."""
    monkeypatch.setattr(line_blocks, "_longest_line", lambda: 5)
    monkeypatch.setattr(line_blocks, "_BEGIN_BYTES", 3)


LONG = [
    (b"abcd\nabcd", [b"abcd\nabcd"]),
    (b"abcde\n", [b"abcde\n"]),
    (b"abcdef\n", [(b"abc", 7)]),
    (b"ab\nabcdefgh\ncd\n", [b"ab\n", (b"abc", 9), b"cd\n"]),
    (b"abcdefgh\nijklmnop\nq\n", [(b"abc", 9), (b"ijk", 9), b"q\n"]),
    (b"a\nb\nc\nd\nabcdef", [b"a\nb\nc\nd\n", (b"abc", 6)]),
    (b"abcdef\nabcde\n", [(b"abc", 7), b"abcde\n"]),
]


def whole(blocks):
    """Return the bytes without the boundaries of blocks, except those of lines that are too long."""
    found = []
    for one in blocks:
        if isinstance(one, bytes) and found and isinstance(found[-1], bytes):
            found[-1] += one
        else:
            found.append(one)
    return found


def test_a_stream_is_cut_behind_lines_whatever_its_pieces(longest):
    for data, blocks in LONG:
        for step in (1, 2, 3, 100):
            for size in (4, 7, 100):
                pieces = filling(data[at : at + step] for at in range(0, len(data), step))
                found = shown(blocks_from(pieces, size))
                assert whole(found) == blocks, (data, step, size)
                plain = [one for one in found if isinstance(one, bytes)]
                assert all(one.endswith(b"\n") for one in plain[:-1])


def test_blocks_of_a_stream_are_of_a_size_unless_a_line_is_longer():
    assert shown(blocks_from(filling([b"ab\ncd\nef\n", b"gh"]), 7)) == [b"ab\ncd\n", b"ef\ngh"]
    assert shown(blocks_from(filling([b"abcdefghij\nk\n"]), 3)) == [b"abcdefghij\n", b"k\n"]
    assert shown(blocks_from(filling([]), 3)) == []


def failing(data):
    yield data
    raise KeyboardInterrupt


def test_what_was_read_before_a_failure_comes_first(longest):
    for data, expected in ((b"ab\ncd", [b"ab\ncd"]), (b"abcdefghijkl", [(b"abc", 12)])):
        blocks = blocks_from(filling(failing(data)), 8)
        found = []
        with pytest.raises(KeyboardInterrupt):
            found.extend(blocks)
        assert whole(shown(found)) == expected


def test_memory_is_reused():
    buffers = Buffers()
    small, large = buffers.take(10), buffers.take(4 << 20)
    assert (type(small), len(small), type(large), len(large)) == (bytearray, 10, mmap, 4 << 20)
    assert isinstance(buffers.take((4 << 20) - 1), bytearray)
    buffers.give(Block(small, 0, 1))
    assert buffers.take(10) is small
    buffers.give(Block(small, 0, 1))
    assert buffers.take(11) is not small, "it is too small"
    buffers.give(Block(b"abc", 0, 1))
    assert isinstance(buffers.take(1), bytearray), "bytes cannot be written to"
    given = []
    blocks = blocks_from(filling([b"ab\n" * 10]), 9, buffers)
    for block in blocks:
        given.append(block.data)
        buffers.give(block)
    assert given[0] is given[2], "the memory that was given back is taken again"


def test_a_block_is_an_array_with_room_behind_it():
    held = Block(b"..abcdef", 2, 5)
    assert (len(held), bytes(held), bytes(held.array()), bytes(held.array(3))) == (
        3,
        b"abc",
        b"abc",
        b"abcdef",
    )
    with pytest.raises(ValueError, match="read-only"):
        held.array()[0] = 0
    # Beyond the memory's end there are further bytes.
    found = held.array(7)
    assert (len(found), bytes(found[:6]), found.flags.writeable) == (10, b"abcdef", False)
    assert not np.shares_memory(found, np.frombuffer(held.data, np.uint8))
    assert np.shares_memory(held.array(3), np.frombuffer(held.data, np.uint8))
    assert block_of(held) is held
    assert (bytes(block_of(memoryview(b"abc"))), len(block_of(b"ab"))) == (b"abc", 2)


def test_results_are_in_order_and_blocks_are_requested_as_they_can_be_worked_on():
    requested, done = [], []

    def blocks():
        for at in range(10):
            requested.append(at)
            yield at

    results = in_order(lambda at: done.append(at) or -at, blocks(), threads=2)
    assert next(results) == 0
    # Two threads and the block that waits for them.
    assert requested == [0, 1, 2]
    assert [*results] == [-at for at in range(1, 10)]
    assert sorted(done) == [*range(10)]


def test_results_before_a_failure_are_returned():
    def blocks(error):
        yield 1
        yield 2
        raise error

    for error in (KeyboardInterrupt(), OSError("gone")):
        found = []
        with pytest.raises(type(error)):
            found.extend(in_order(lambda at: at, blocks(error), threads=1))
        assert found == [1, 2]


def test_overlapping_scans_share_the_interval_of_threads():
    before = sys.getswitchinterval()
    outer, inner = (in_order(lambda at: at, range(5), threads=1) for _ in range(2))
    next(outer), next(inner)
    shortened = sys.getswitchinterval()
    assert shortened == pytest.approx(0.0005)
    outer.close()
    assert sys.getswitchinterval() == shortened
    inner.close()
    assert sys.getswitchinterval() == before
    try:
        scan = in_order(lambda at: at, range(5), threads=1)
        next(scan)
        sys.setswitchinterval(0.002)
        scan.close()
        # A program that has set its own interval keeps it.
        assert sys.getswitchinterval() == pytest.approx(0.002)
        sys.setswitchinterval(0.0001)
        shorter = sys.getswitchinterval()
        with line_blocks._TURNS:
            assert sys.getswitchinterval() == pytest.approx(shorter, rel=0.05)
    finally:
        sys.setswitchinterval(before)


def test_a_block_is_prepared_while_the_one_before_is_used():
    prepared, second = [], threading.Event()

    def blocks():
        for at in range(3):
            prepared.append((at, threading.current_thread() is threading.main_thread()))
            if at:
                second.set()
            yield at

    found = ahead(blocks())
    assert next(found) == 0
    assert second.wait(5)
    assert [*found] == [1, 2]
    assert prepared == [(at, False) for at in range(3)]


def test_blocks_have_the_directives_above_them():
    plain = [Block(b"a\n#Fields: x\n", 0, 13), Block(b"b\n", 0, 2)]
    assert [*with_fields(iter(plain))] == plain, "a log that begins with a line has no directives"
    texts = [b"#Version: 1.0\n#Fields: a b\n1 2\n", b"3 4\n#Fields: c\n5\n", b"6\n"]
    found = [*with_fields(Block(b"##" + text, 2, 2 + len(text)) for text in texts)]
    assert [bytes(one) for one in found] == texts
    begin = W3cFields()
    first = begin.after(b"#Version: 1.0\n").after(b"#Fields: a b\n")
    assert [one.fields for one in found] == [begin, first, first.after(b"#Fields: c\n")]
