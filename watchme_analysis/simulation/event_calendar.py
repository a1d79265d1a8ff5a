"""What is to happen in a simulation, in order of time."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappush
from itertools import count
from typing import Any

Action = Callable[[Any], None]
Entry = tuple[float, int, Action, Any]


class EventCalendar:
    """Actions by time; what is due at the same time keeps the order of its entry."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.entries: list[Entry] = []
        self.numbers = count()

    def at(self, time_s: float, action: Action, argument: Any = None) -> None:
        """Note an action for a time."""
        heappush(self.entries, (time_s, next(self.numbers), action, argument))

    def drop(self, actions: tuple[Action, ...]) -> list[Entry]:
        """Strike out all entries with one of these actions, and return them."""
        struck = [entry for entry in self.entries if entry[2] in actions]
        if struck:
            # In place: the loop over the entries holds on to this list.
            self.entries[:] = [entry for entry in self.entries if entry[2] not in actions]
            heapify(self.entries)
        return struck
