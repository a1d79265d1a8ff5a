"""The events that are due in a simulation, in order of time."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappush
from itertools import count
from typing import Any

Action = Callable[[Any], None]
Entry = tuple[float, int, Action, Any]


class EventCalendar:
    """Actions by time; actions due at the same time keep the order in which they were added."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.entries: list[Entry] = []
        self.numbers = count()

    def at(self, time_s: float, action: Action, argument: Any = None) -> None:
        """Schedule an action for a time in seconds from the start of the simulation."""
        heappush(self.entries, (time_s, next(self.numbers), action, argument))

    def drop(self, actions: tuple[Action, ...]) -> list[Entry]:
        """Return all entries with one of these actions, after removing them."""
        dropped = [entry for entry in self.entries if entry[2] in actions]
        if dropped:
            # In place, because the event loop holds a reference to this list.
            self.entries[:] = [entry for entry in self.entries if entry[2] not in actions]
            heapify(self.entries)
        return dropped
