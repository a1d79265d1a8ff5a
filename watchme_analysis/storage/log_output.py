"""The log of the package on standard error or in a file, with one form of lines."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_PACKAGE = "watchme_analysis"


@contextmanager
def log_output(handler: logging.Handler, level: int, clean: Callable[[str], str]) -> Iterator[None]:
    """Log the package to a handler while the context lasts; times are in UTC.

    ``clean`` returns a line as it may be shown, since records quote evidence and errors of services.
    """
    logger = logging.getLogger(_PACKAGE)
    before = logger.level
    handler.setFormatter(_Formatter(clean))
    handler.setLevel(level)
    logger.addHandler(handler)
    logger.setLevel(min(logger.getEffectiveLevel(), level))
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
        handler.close()


class _Formatter(logging.Formatter):
    def __init__(self, clean: Callable[[str], str]) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
        self._clean = clean
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        return self._clean(super().format(record))
