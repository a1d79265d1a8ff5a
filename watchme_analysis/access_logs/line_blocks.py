"""Blocks of whole lines, parsed by several threads and returned in order.

Blocks of a W3C log carry the directives that apply at their beginning.
"""

from __future__ import annotations

import mmap as mmap_module
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from typing import TYPE_CHECKING, Any, TypeVar

from watchme_analysis.access_logs.formats.w3c import ANY_DIRECTIVE, DIRECTIVES, W3cFields
from watchme_analysis.files.decompress import Fill
from watchme_analysis.files.lines import long_line_problem

if TYPE_CHECKING:
    import numpy as np

# Bytes of a block whose data is released after parsing, or kept; each block has an overhead of some ms.
BLOCK_BYTES = 3 << 19
KEPT_BLOCK_BYTES = 16 << 20
# Bytes behind a block's end that the compiled loop may read.
ROOM_BYTES = 64
_MOST_THREADS = 8
# Bytes of a line above the limit that are kept, for the list of rejected lines.
_BEGIN_BYTES = 8 << 10
# Size from which memory benefits from large pages.
_LARGE_BYTES = 4 << 20

Result = TypeVar("Result")


@dataclass(frozen=True)
class Block:
    """Whole lines in memory, followed by bytes that belong to other blocks.

    ``start``, ``stop``: range of the block's bytes; ``fields``: content of the directives above the lines, in
    a log with directives; ``line_bytes``: size of a line of a stream above the limit, of which ``data`` holds
    the beginning and nothing else; else 0.
    """

    data: bytes | bytearray | mmap
    start: int
    stop: int
    fields: W3cFields | None = None
    line_bytes: int = 0

    def __len__(self) -> int:
        return self.stop - self.start

    def __bytes__(self) -> bytes:
        return bytes(self.data[self.start : self.stop])

    def array(self, room: int = 0) -> np.ndarray[Any, Any]:
        """Return the bytes as a read-only array, with ``room`` additional bytes of undefined content.

        The bytes are not copied, unless the memory ends with the block.
        """
        import numpy as np

        held: np.ndarray[Any, Any] = np.frombuffer(self.data, np.uint8)
        if len(held) < self.stop + room:
            held = np.concatenate([held[self.start :], np.zeros(room, np.uint8)])[: len(self) + room]
        else:
            held = held[self.start : self.stop + room]
        held.flags.writeable = False
        return held


class Buffers:
    """Reusable memory for blocks, because allocating fresh memory takes as long as parsing a block."""

    def __init__(self) -> None:
        self._free: deque[bytearray | mmap] = deque()

    def take(self, size: int) -> bytearray | mmap:
        """Return memory of at least ``size`` bytes with undefined content."""
        while self._free:
            found = self._free.popleft()
            if len(found) >= size:
                return found
        return _memory(size)

    def give(self, block: Block) -> None:
        """Recycle the memory of a block that is no longer used."""
        if not isinstance(block.data, bytes):
            self._free.append(block.data)


def _memory(size: int) -> bytearray | mmap:
    if size < _LARGE_BYTES:
        return bytearray(size)
    found = mmap(-1, size, flags=MAP_PRIVATE | MAP_ANONYMOUS)
    # Linux has pages of 2 MiB, which cost a single page fault instead of 512.
    if hasattr(mmap_module, "MADV_HUGEPAGE"):
        with suppress(OSError):
            found.madvise(mmap_module.MADV_HUGEPAGE)
    return found


def blocks_of(data: bytes, size: int = KEPT_BLOCK_BYTES) -> Iterator[Block]:
    """Yield blocks of whole lines of data in memory; the last line may lack its end."""
    at = 0
    while at < len(data):
        stop = data.find(b"\n", min(at + size, len(data)) - 1) + 1
        if stop == 0:
            stop = len(data)
        yield Block(data, at, stop)
        at = stop


def _long_line(begin: bytes, size: int) -> Block:
    return Block(begin, 0, len(begin), line_bytes=size)


def blocks_from(fill: Fill, size: int = BLOCK_BYTES, buffers: Buffers | None = None) -> Iterator[Block]:
    """Yield blocks of whole lines of a stream; an incomplete last line comes last.

    If the stream fails, or the wait for it is interrupted, the data before is yielded first. Only the
    beginning of a line above the limit is held.

    ``fill``: fills memory with the stream's bytes; ``size``: largest size of a block in bytes, unless a line
    is longer; ``buffers``: source of the blocks' memory, for callers that return it.
    """
    memory = buffers or Buffers()
    room, filled = size, 0
    held = memory.take(room + ROOM_BYTES)
    # Beginning and size of a line above the limit that is being skipped.
    begin, skipped = b"", 0
    failure: BaseException | None = None
    try:
        while count := fill(memoryview(held)[filled:room]):
            filled += count
            if skipped:
                end = held.find(b"\n", 0, filled) + 1
                skipped += end or filled
                rest = filled - end if end else 0
                held[:rest] = held[filled - rest : filled]
                filled = rest
                if end:
                    yield _long_line(begin, skipped)
                    skipped = 0
            if filled < room:
                continue
            whole = held.rfind(b"\n", 0, filled) + 1
            rest = filled - whole
            if long_line_problem(rest):
                begin, skipped = bytes(held[whole : whole + _BEGIN_BYTES]), rest
                rest = 0
            room = max(size, 2 * rest)
            following = memory.take(room + ROOM_BYTES)
            following[:rest] = memoryview(held)[whole : whole + rest]
            block, held, filled = Block(held, 0, whole), following, rest
            if whole:
                yield block
    except (Exception, KeyboardInterrupt) as error:
        failure = error
    if skipped:
        yield _long_line(begin, skipped)
    if filled:
        yield Block(held, 0, filled)
    if failure is not None:
        raise failure


def ahead(blocks: Iterable[Result]) -> Iterator[Result]:
    """Yield blocks that a thread prepares one ahead, so that decompression runs in parallel.

    An interrupted caller waits for the block in progress, which takes imperceptibly long.
    """
    iterator = iter(blocks)
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(next, iterator, None)
        while (block := upcoming.result()) is not None:
            upcoming = pool.submit(next, iterator, None)
            yield block


def in_order(
    work: Callable[[Any], Result], blocks: Iterable[Any], threads: int | None = None
) -> Iterator[Result]:
    """Yield the results of a function for blocks, in order, computed by several threads.

    Only as many blocks are requested as the threads can process, so that memory stays bounded.
    """
    count = threads or min(_MOST_THREADS, os.cpu_count() or 1)
    with ThreadPoolExecutor(count) as pool:
        waiting: deque[Future[Result]] = deque()
        failure: BaseException | None = None
        iterator = iter(blocks)
        while True:
            try:
                block = next(iterator)
            except StopIteration:
                break
            except (Exception, KeyboardInterrupt) as error:
                # Results before the failure are still returned.
                failure = error
                break
            waiting.append(pool.submit(work, block))
            del block
            if len(waiting) > count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
        if failure is not None:
            raise failure


def with_fields(blocks: Iterator[Block]) -> Iterator[Block]:
    """Yield the blocks of a log in order, each with the directives that apply at its beginning.

    Blocks of a log that does not begin with a directive are unchanged, at no cost.
    """
    held: W3cFields | None = None
    for at, block in enumerate(blocks):
        if at == 0 and ANY_DIRECTIVE.match(block.data, block.start, block.stop):
            held = W3cFields()
        if held is None:
            yield block
            continue
        # The memory of a block is reused as soon as it was parsed.
        current = replace(block, fields=held)
        for found in DIRECTIVES.finditer(block.data, block.start, block.stop):
            held = held.after(found[0]) or held
        yield current
