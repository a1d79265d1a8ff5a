"""What simulated APIs share: a machine's processors, and places where calls are worked on."""

from __future__ import annotations

from collections import deque
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any

from watchme_analysis.analysis.simulation.agenda import Action, Agenda

if TYPE_CHECKING:
    from watchme_analysis.analysis.simulation.api import Api, Call

# Work that is this near to its end is done: sums of fractions don't come out even.
DONE_S = 1e-9


class Desk:
    """Places at which calls are worked on; the others wait, in the order of their coming."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.taken = 0
        self.waiting: deque[tuple[Api, Call]] = deque()

    def leave(self) -> None:
        """Give a place to who waits longest."""
        if self.waiting:
            api, call = self.waiting.popleft()
            api.start(call)
        else:
            self.taken -= 1

    def empty(self, api: Api, working: int) -> list[Call]:
        """Send away all calls of an API, of which so many were worked on; return those that waited."""
        waited = [call for owner, call in self.waiting if owner is api]
        self.waiting = deque(pair for pair in self.waiting if pair[0] is not api)
        for _ in range(working):
            self.leave()
        return waited


class Processors:
    """Processors that all work on them shares fairly, one piece of work taking one at most.

    Each piece runs at the same pace, so that its end is known in the time that every piece has had so far:
    whoever comes later moves the ends of all, but not their order.
    """

    def __init__(self, cores: float, agenda: Agenda) -> None:
        self.cores = cores
        self.agenda = agenda
        self.work: list[tuple[float, int, Action, Any]] = []
        self._had_s = 0.0
        self._since_s = 0.0
        self._left_s = 0.0
        self._looks_at_s = float("inf")

    @property
    def pace(self) -> float:
        """How fast work goes on, 1 being an idle machine."""
        return min(1.0, self.cores / len(self.work)) if self.work else 1.0

    def unfinished_s(self) -> float:
        """Return how much work is left, in seconds of one processor."""
        self._advance()
        return self._left_s

    def add(self, work_s: float, action: Action, argument: Any) -> None:
        """Begin a piece of work; the action is taken at its end."""
        self._advance()
        self._left_s += work_s
        heappush(self.work, (self._had_s + work_s, next(self.agenda.numbers), action, argument))
        self._look_again()

    def drop(self, actions: tuple[Action, ...]) -> list[tuple[float, int, Action, Any]]:
        """Strike out all work that would end in one of these actions, and return it."""
        self._advance()
        struck = [piece for piece in self.work if piece[2] in actions]
        self.work = [piece for piece in self.work if piece[2] not in actions]
        heapify(self.work)
        self._left_s -= sum(piece[0] - self._had_s for piece in struck)
        self._look_again()
        return struck

    def _advance(self) -> None:
        now_s = self.agenda.now_s
        had_s = (now_s - self._since_s) * self.pace
        self._had_s += had_s
        self._left_s = max(self._left_s - had_s * len(self.work), 0.0)
        self._since_s = now_s

    def _look_again(self) -> None:
        """Come back when the next piece ends; an earlier look does no harm."""
        if not self.work:
            return
        ends_s = self.agenda.now_s + max(self.work[0][0] - self._had_s, 0.0) / self.pace
        if ends_s < self._looks_at_s:
            self._looks_at_s = ends_s
            self.agenda.at(ends_s, self._look, ends_s)

    def _look(self, looked_for_s: float) -> None:
        if looked_for_s != self._looks_at_s:
            return  # an earlier end came in between
        self._looks_at_s = float("inf")
        self._advance()
        while self.work and self.work[0][0] <= self._had_s + DONE_S:
            _, _, action, argument = heappop(self.work)
            action(argument)
        self._look_again()
