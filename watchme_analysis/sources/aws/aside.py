"""Something slow asked of AWS while other things are asked."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from watchme_analysis.sources.aws.client import Aws


class Aside:
    """Asks one service in a thread of its own, and gives up when its context ends.

    Parameters
    ----------
    aws
        Account and region; its credentials are used, so that nobody is asked for a second factor twice.
    service
        Service that is asked.
    work
        What to do; it is given an :class:`Aws` of its own.
    """

    def __init__(self, aws: Aws, service: str, work: Callable[[Aws], None]) -> None:
        self._main, self._aws = aws, aws.beside(service)
        self._pool = ThreadPoolExecutor(1)
        self._future = self._pool.submit(work, self._aws)

    def __enter__(self) -> Aside:
        return self

    def __exit__(self, *_: object) -> None:
        self._aws.cancelled.set()
        self._pool.shutdown()
        self._main.actions |= self._aws.actions
        self._main.calls += self._aws.calls

    def finish(self) -> None:
        """Wait for it, and raise what it raised."""
        self._future.result()
