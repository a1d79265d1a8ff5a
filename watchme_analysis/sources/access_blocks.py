"""Blocks of whole lines, read by several threads, given back in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np

# For what is read and let go, and for what is kept as a whole: larger blocks take a third less time.
BLOCK_BYTES = 1 << 20
KEPT_BLOCK_BYTES = 8 << 20
# So many bytes stand behind a block's for who reads many at a time.
ROOM_BYTES = 64
_MOST_THREADS = 8

Result = TypeVar("Result")


@dataclass(frozen=True)
class Block:
    """Whole lines, and what stands behind them in memory, which belongs to others.

    Attributes
    ----------
    data
        Bytes.
    start, stop
        Which of them are the block's.
    """

    data: bytes
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def __bytes__(self) -> bytes:
        return self.data[self.start : self.stop]

    def array(self, room: int = 0) -> np.ndarray[Any, Any]:
        """Return the bytes as an array that can't be written to, with so many more that mean nothing.

        Nothing is copied, unless no more than the block was in memory.
        """
        import numpy as np

        held: np.ndarray[Any, Any] = np.frombuffer(self.data, np.uint8)
        if len(held) < self.stop + room:
            held = np.concatenate([held[self.start :], np.zeros(room, np.uint8)])[: len(self) + room]
            held.flags.writeable = False
            return held
        return held[self.start : self.stop + room]


def block_of(data: Block | bytes | memoryview) -> Block:
    """Return bytes as a block."""
    return data if isinstance(data, Block) else Block(bytes(data), 0, len(data))


def blocks_of(data: bytes, size: int = KEPT_BLOCK_BYTES) -> Iterator[Block]:
    """Yield blocks of whole lines of what is in memory; the last line may lack its end."""
    at = 0
    while at < len(data):
        stop = data.find(b"\n", min(at + size, len(data)) - 1) + 1
        if stop == 0:
            stop = len(data)
        yield Block(data, at, stop)
        at = stop


def blocks_from(pieces: Iterable[bytes], size: int = BLOCK_BYTES) -> Iterator[Block]:
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
            data = b"".join([*parts, bytes(ROOM_BYTES)])
            whole = data.rfind(b"\n") + 1
            parts = [data[whole:filled]]
            filled -= whole
            if whole:
                yield Block(data, 0, whole)
    except Exception:
        if filled:
            yield block_of(b"".join(parts))
        raise
    if filled:
        yield block_of(b"".join(parts))


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
