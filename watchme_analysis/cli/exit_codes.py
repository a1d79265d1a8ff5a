"""The exit codes of all commands."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes, as the help of `watchme` states them."""

    DONE = 0
    FAILED = 1  # a part, a file or a service failed; the rest is kept
    BAD_INPUT = 2  # also: refused
    FOUND = 3  # a diagnosis meets --fail-on
    STOPPED = 130  # Ctrl-C, as shells report it
