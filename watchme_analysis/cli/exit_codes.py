"""The exit codes of all commands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    """Exit codes, as the help of `watchme` states them."""

    DONE = 0
    FAILED = 1  # a part, a file or a service failed; the rest is kept
    BAD_INPUT = 2  # also: refused
    FOUND = 3  # a diagnosis meets --fail-on
    STOPPED = 130  # Ctrl-C, as shells report it


# Exit codes of the outcomes of remedies.
OF_OUTCOME = {
    "complete": ExitCode.DONE,
    "undone": ExitCode.FAILED,
    "stopped": ExitCode.FAILED,
    "refused": ExitCode.BAD_INPUT,
}


def exit_code_of(fail_on: str | None, diagnoses: Iterable[Mapping[str, Any]]) -> ExitCode:
    """Return the exit code for diagnoses, as their JSON objects, and the level of ``--fail-on``.

    A supported cause meets both levels. An inconclusive diagnosis meets ``incident`` if it has an incident.
    """
    if fail_on is not None:
        for each in diagnoses:
            has_start = (each.get("incident") or {}).get("start") is not None
            is_open = each.get("verdict") == "inconclusive" and has_start
            if each.get("verdict") == "supported" or (fail_on == "incident" and is_open):
                return ExitCode.FOUND
    return ExitCode.DONE
