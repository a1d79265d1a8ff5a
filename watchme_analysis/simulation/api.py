"""What simulated APIs share: a machine's processors, and places where calls are worked on.

A simulated API with limited capacity, its health checks and its restarts.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from heapq import heapify, heappop, heappush
from itertools import chain, repeat
from random import Random
from typing import TYPE_CHECKING, Any

from watchme_analysis.simulation.event_calendar import Action, EventCalendar
from watchme_analysis.simulation.settings import ApiSettings, Arrivals, FaultInterval

if TYPE_CHECKING:
    pass

# Work that is this near to its end is done: sums of fractions don't come out even.
DONE_S = 1e-9


class WorkerSlots:
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

    def __init__(self, cores: float, agenda: EventCalendar) -> None:
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


# How soon a caller learns that nobody listens.
REFUSAL_S = 0.1
# What a health check costs an idle machine.
CHECK_S = 0.1
_BLOCK = 1024


class Call:
    """Who calls the API, and for which message; it may give up, but calls again only when answered."""

    __slots__ = ("is_alive", "message", "since_s")
    is_alive: bool
    message: int
    since_s: float


class Api:
    """Works on calls in their order, as many at once as its desk has places.

    Parameters
    ----------
    settings, arrivals
        Of the run.
    agenda
        Of the run.
    random
        Draws service times and failures.
    answer
        Called with the call and whether it succeeded when its work is done, or lost.
    shared
        Desk and processors that it shares with other APIs; None for what it has alone.
    """

    def __init__(
        self,
        settings: ApiSettings,
        arrivals: Arrivals,
        agenda: EventCalendar,
        random: Random,
        answer: Callable[[Any, bool], None],
        shared: tuple[WorkerSlots | None, Processors | None] = (None, None),
    ) -> None:
        self.settings = settings
        self.agenda = agenda
        self.random = random
        self.arrivals = arrivals
        self.answer = answer
        desk, self.processors = shared
        self.desk = WorkerSlots(settings.slots) if desk is None and settings.slots is not None else desk
        self.is_done = bytearray(len(arrivals.sent_s))
        self.duplicates = 0
        self.waits_s = 0.0
        self.started = 0
        self.unhealthy = 0
        self.restarts = 0
        self._has_started = bytearray(len(arrivals.sent_s))
        self._failed_checks = 0
        self._away_until_s = -math.inf
        self._cured_until_s = -math.inf
        self._spell_starts = [spell.start_s for spell in settings.spells]
        self._answers = settings.answers
        # Nothing goes on after an answer, and whoever gave up gets what was asked for all the same.
        self._is_light = not settings.background_s and settings.late_share == 1
        self._urns: dict[int, list[int]] = {}
        self._may_fail = bool(arrivals.failing or settings.spells or settings.failing_share)
        self._draw = factors(settings.variation, random).__next__
        # Takes a call; where there is nothing to ask about, without asking: nothing is called more often.
        is_plain = self.desk is None and not settings.restarts_when_unhealthy
        self.call: Callable[[Any], None] = self.start if is_plain else self._receive

    def _receive(self, call: Call) -> None:
        now_s, desk = self.agenda.now_s, self.desk
        call.since_s = now_s
        if now_s < self._away_until_s:
            self.agenda.at(now_s + REFUSAL_S, self._refuse, call)
        elif desk is None:
            self.start(call)
        elif desk.taken < desk.places:
            desk.taken += 1
            self.start(call)
        else:
            desk.waiting.append((self, call))

    def _refuse(self, call: Call) -> None:
        self.answer(call, False)

    def start(self, call: Call) -> None:
        """Begin to work on a call."""
        message, agenda = call.message, self.agenda
        if not self._has_started[message]:
            self._has_started[message] = 1
            self.started += 1
            self.waits_s += agenda.now_s - self.arrivals.sent_s[message]
        action: Action = self._complete
        mean_s = self.settings.mean_s
        if self._may_fail:
            mean_s, fails = self._fate(message)
            if fails:
                action = self._fail
        if self._answers:
            mean_s *= self._slowdown()
        time_s = mean_s * self._draw()
        if self.desk is not None and self.settings.slowdown_per_waiting:
            time_s *= 1 + self.settings.slowdown_per_waiting * len(self.desk.waiting)
        if self.processors is None or self._answers:
            # Agenda.at, spelled out where it is called most.
            heappush(agenda.entries, (agenda.now_s + time_s, next(agenda.numbers), action, call))
        else:
            self.processors.add(time_s, action, call)

    def _spell(self) -> tuple[int, FaultInterval] | None:
        """Return the spell of this moment and its place, unless a restart has ended it."""
        now_s = self.agenda.now_s
        place = bisect_right(self._spell_starts, now_s) - 1
        if place < 0:
            return None
        spell = self.settings.spells[place]
        began_s = spell.start_s if spell.stretch_s is None else spell.stretch_s
        cured = spell.is_cured_by_restart and began_s < self._cured_until_s
        return None if cured or now_s >= spell.end_s else (place, spell)

    def _fate(self, message: int) -> tuple[float, bool]:
        """Return the mean service time of this moment, and whether the call will fail."""
        found = self._spell()
        mean_s, share = self.settings.mean_s, self.settings.failing_share
        if found is not None:
            place, spell = found
            mean_s = mean_s if spell.mean_s is None else spell.mean_s
            share = spell.failing_share
            if spell.calls and share and message not in self.arrivals.failing:
                return mean_s, self._is_drawn(place, spell)
        if message in self.arrivals.failing:
            return mean_s, True
        return mean_s, bool(share) and self.random.random() < share

    def _is_drawn(self, place: int, spell: FaultInterval) -> bool:
        """Draw without putting back from the calls that were counted, so many of which failed."""
        urn = self._urns.get(place)
        if urn is None or not urn[0]:
            urn = self._urns[place] = [spell.calls, round(spell.calls * spell.failing_share)]
        fails = urn[1] > 0 and self.random.random() * (urn[0] - spell.repeats) < urn[1]
        urn[0] -= 1
        urn[1] -= fails
        return fails

    def _slowdown(self) -> float:
        """Return how many times as long as usual an answer takes, by the work that the host has before it."""
        assert self.processors is not None, "answers depend on the work of a host"
        left_s = self.processors.unfinished_s()
        answers = self._answers
        place = bisect_right(answers, (left_s, math.inf))
        if place == 0:
            return answers[0][1] / self.settings.mean_s
        # Beyond the last pair it goes on as between the last two.
        place = min(place, len(answers) - 1)
        (low_s, quick_s), (high_s, slow_s) = answers[place - 1], answers[place]
        share = (left_s - low_s) / (high_s - low_s) if high_s > low_s else 0.0
        return (quick_s + share * (slow_s - quick_s)) / self.settings.mean_s

    def _complete(self, call: Call) -> None:
        if self._is_light:
            # Api._finish, spelled out where it is called most.
            if self.is_done[call.message]:
                self.duplicates += 1
            else:
                self.is_done[call.message] = 1
        elif call.is_alive or self.random.random() < self.settings.late_share:
            self._go_on(call.message)
        if self.desk is not None:
            self.desk.leave()
        self.answer(call, True)

    def _go_on(self, message: int) -> None:
        if not self.settings.background_s:
            self._finish(message)
            return
        time_s = self.settings.background_s * self._draw()
        if self.processors is None:
            self.agenda.at(self.agenda.now_s + time_s, self._finish, message)
        else:
            self.processors.add(time_s, self._finish, message)

    def _finish(self, message: int) -> None:
        if self.is_done[message]:
            self.duplicates += 1
        else:
            self.is_done[message] = 1

    def _fail(self, call: Call) -> None:
        if self.desk is not None:
            self.desk.leave()
        self.answer(call, False)

    def settle(self) -> None:
        """Finish what was accepted and is not done yet, though nobody waits for it any more."""
        going_on = [*self.agenda.entries, *(self.processors.work if self.processors else ())]
        going_on.sort(key=lambda entry: entry[:2])
        messages = [entry[3].message for entry in going_on if entry[2] == self._complete]
        messages += [entry[3] for entry in going_on if entry[2] == self._finish]
        if self.desk is not None:
            waiting = [call.message for api, call in self.desk.waiting if api is self]
            messages += [message for message in waiting if message not in self.arrivals.failing]
        for message in messages:
            self._finish(message)

    def undone(self, sent: int) -> Iterator[int]:
        """Return which of the messages up to this number were never worked on to the end."""
        message = self.is_done.find(0, 0, sent)
        while message >= 0:
            yield message
            message = self.is_done.find(0, message + 1, sent)

    def check_health(self, _: object = None) -> None:
        """Ask /health once, count, restart if it is time, and come again after the interval."""
        settings, now_s = self.settings, self.agenda.now_s
        self.agenda.at(now_s + settings.check_interval_s, self.check_health)
        if now_s < self._away_until_s:
            return
        if not self._is_slow_to_answer() and not self._is_in_an_unhealthy_spell():
            self._failed_checks = 0
            return
        self._failed_checks += 1
        if self._failed_checks == settings.checks_to_unhealthy:
            self.unhealthy += 1
            if settings.restarts_when_unhealthy:
                self._restart()

    def _is_slow_to_answer(self) -> bool:
        limit_s = self.settings.check_timeout_s
        if self.processors is not None and CHECK_S / self.processors.pace > limit_s:
            return True
        if self.desk is None or not self.desk.waiting:
            return False
        return self.agenda.now_s - self.desk.waiting[0][1].since_s > limit_s

    def _is_in_an_unhealthy_spell(self) -> bool:
        found = self._spell()
        return found is not None and found[1].is_unhealthy

    def _restart(self) -> None:
        """Lose what is being worked on, in the foreground and after the answer, and be away for a while."""
        now_s = self.agenda.now_s
        self.restarts += 1
        self._failed_checks = 0
        self._away_until_s = now_s + self.settings.restart_s
        self._cured_until_s = now_s
        ends: tuple[Action, ...] = (self._complete, self._fail)
        struck = self.agenda.drop((*ends, self._finish))
        if self.processors is not None:
            struck += self.processors.drop((*ends, self._finish))
        working: list[Call] = [entry[3] for entry in struck if entry[2] in ends]
        # In the order of their coming, which is not that of the agenda.
        working.sort(key=lambda call: (call.since_s, call.message))
        waited = [] if self.desk is None else self.desk.empty(self, len(working))
        for call in (*working, *waited):
            self.answer(call, False)


def factors(variation: float, random: Random) -> Iterator[float]:
    """Return service times of mean 1, without end: all alike, exponential for 1, else lognormal."""
    if variation == 0:
        return repeat(1.0)
    import numpy as np

    # In blocks, which take a tenth of the time of single ones.
    drawn = np.random.default_rng(random.getrandbits(64))
    if variation == 1:
        return chain.from_iterable(iter(lambda: drawn.standard_exponential(_BLOCK).tolist(), None))
    sigma = math.sqrt(math.log1p(variation**2))
    return chain.from_iterable(iter(lambda: drawn.lognormal(-(sigma**2) / 2, sigma, _BLOCK).tolist(), None))
