"""Blocks of whole lines, read by several threads, given back in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, BinaryIO, NamedTuple, TypeVar

BLOCK_BYTES = 8 << 20
_MOST_THREADS = 8

Result = TypeVar("Result")


class Tail(NamedTuple):
    """Bytes behind the last line end, and why nothing more came (None: the input was at its end)."""

    data: bytes
    problem: str | None


def blocks_of(data: bytes, size: int = BLOCK_BYTES) -> Iterator[memoryview]:
    """Yield blocks of whole lines of what is in memory; the last line may lack its end."""
    view = memoryview(data)
    at = 0
    while at < len(data):
        stop = data.find(b"\n", min(at + size, len(data)) - 1) + 1
        if stop == 0:
            stop = len(data)
        yield view[at:stop]
        at = stop


def blocks_from(stream: BinaryIO, size: int = BLOCK_BYTES) -> Iterator[bytes | bytearray]:
    """Yield blocks of whole lines of a stream; what stands behind the last line end comes last, by itself.

    Errors of the stream come through when they occur, after the whole lines before them were yielded.
    """
    rest = b""
    while True:
        block = bytearray(len(rest) + size)
        block[: len(rest)] = rest
        filled = len(rest)
        problem: Exception | None = None
        while filled < len(block):
            try:
                count = stream.readinto(memoryview(block)[filled:])  # type: ignore[attr-defined]
            except (OSError, EOFError, ValueError) as error:
                problem = error
                break
            if not count:
                break
            filled += count
        whole = block.rfind(b"\n", 0, filled) + 1
        at_end = filled < len(block)
        rest = bytes(memoryview(block)[whole:filled])
        if whole:
            del block[whole:]
            yield block
        elif not at_end:
            # A line longer than a block.
            size *= 2
        if at_end:
            if rest:
                yield rest
            if problem is not None:
                raise problem
            return


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
