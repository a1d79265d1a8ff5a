"""Blocks of whole lines, read by several threads, given back in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

# For what is read and let go, and for what is kept as a whole: larger blocks take a third less time.
BLOCK_BYTES = 1 << 20
KEPT_BLOCK_BYTES = 8 << 20
_MOST_THREADS = 8

Result = TypeVar("Result")


def blocks_of(data: bytes, size: int = KEPT_BLOCK_BYTES) -> Iterator[memoryview]:
    """Yield blocks of whole lines of what is in memory; the last line may lack its end."""
    view = memoryview(data)
    at = 0
    while at < len(data):
        stop = data.find(b"\n", min(at + size, len(data)) - 1) + 1
        if stop == 0:
            stop = len(data)
        yield view[at:stop]
        at = stop


def blocks_from(pieces: Iterable[bytes], size: int = BLOCK_BYTES) -> Iterator[bytes | memoryview]:
    """Yield blocks of whole lines of a stream's pieces; what stands behind the last line end comes last.

    When the pieces fail, what came before is yielded first.
    """
    parts: list[bytes] = []
    filled = 0
    try:
        for piece in pieces:
            parts.append(piece)
            filled += len(piece)
            if filled < size:
                continue
            block = b"".join(parts)
            whole = block.rfind(b"\n") + 1
            parts = [block[whole:]]
            filled = len(parts[0])
            if whole:
                # A view, since a block is not to be copied once more.
                yield memoryview(block)[:whole]
    except Exception:
        if filled:
            yield b"".join(parts)
        raise
    if filled:
        yield b"".join(parts)


def in_order(
    work: Callable[[Any], Result], blocks: Iterable[Any], threads: int | None = None
) -> Iterator[Result]:
    """Yield what a function makes of blocks, in their order, a few of them at a time in threads.

    No more blocks are taken than threads can be kept busy with, so that memory stays bounded.
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
            except Exception as error:
                # What came before the failure is still given back.
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
