"""A simulated API with limited capacity, its health checks and restarts, and the agenda of a run."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from heapq import heappush
from itertools import count
from random import Random
from typing import Any

from watchme_analysis.analysis.simulation_settings import ApiSettings, Arrivals, Spell

# How soon a caller learns that nobody listens.
REFUSAL_S = 0.1


class Agenda:
    """What is to happen, in order of time; what is due at the same time keeps the order of its entry."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.entries: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self.numbers = count()

    def at(self, time_s: float, action: Callable[[Any], None], argument: Any = None) -> None:
        """Note an action for a time."""
        heappush(self.entries, (time_s, next(self.numbers), action, argument))


class Call:
    """Who calls the API, and for which message; it may give up, but calls again only when answered."""

    __slots__ = ("is_lost", "message", "since_s")

    def __init__(self, message: int) -> None:
        self.message = message
        self.since_s = 0.0
        self.is_lost = False


class Api:
    """Works on calls in their order, as many at once as it has slots.

    Parameters
    ----------
    answer
        Called with the call and whether it succeeded when its work is done, or lost.
    """

    def __init__(
        self,
        settings: ApiSettings,
        agenda: Agenda,
        random: Random,
        arrivals: Arrivals,
        answer: Callable[[Any, bool], None],
    ) -> None:
        self.settings = settings
        self.agenda = agenda
        self.random = random
        self.arrivals = arrivals
        self.answer = answer
        self.is_done = bytearray(len(arrivals.sent_s))
        self.duplicates = 0
        self.waits_s = 0.0
        self.started = 0
        self.unhealthy = 0
        self.restarts = 0
        self._has_started = bytearray(len(arrivals.sent_s))
        self._slots = math.inf if settings.slots is None else settings.slots
        self._working = 0
        self._waiting: deque[Call] = deque()
        self._failed_checks = 0
        self._away_until_s = -math.inf
        self._cured_until_s = -math.inf
        self._spell_starts = [spell.start_s for spell in settings.spells]
        self._may_fail = bool(arrivals.failing or settings.spells or settings.failing_share)
        self._draw = _sampler(settings.variation, random)

    def call(self, call: Call) -> None:
        """Take a call."""
        now_s = self.agenda.now_s
        call.since_s = now_s
        if now_s < self._away_until_s:
            self.agenda.at(now_s + REFUSAL_S, self._refuse, call)
        elif self._working < self._slots:
            self._start(call)
        else:
            self._waiting.append(call)

    def _refuse(self, call: Call) -> None:
        self.answer(call, False)

    def _spell(self) -> Spell | None:
        """Return the spell of this moment, unless a restart has ended it."""
        now_s = self.agenda.now_s
        position = bisect_right(self._spell_starts, now_s) - 1
        if position < 0:
            return None
        spell = self.settings.spells[position]
        began_s = spell.start_s if spell.stretch_s is None else spell.stretch_s
        cured = spell.is_cured_by_restart and began_s < self._cured_until_s
        return None if cured or now_s >= spell.end_s else spell

    def _start(self, call: Call) -> None:
        message, settings, now_s = call.message, self.settings, self.agenda.now_s
        if not self._has_started[message]:
            self._has_started[message] = 1
            self.started += 1
            self.waits_s += now_s - self.arrivals.sent_s[message]
        mean_s, fails = settings.mean_s, False
        if self._may_fail:
            mean_s, fails = self._fate(message)
        time_s = self._draw(mean_s)
        if self._waiting:
            time_s *= 1 + settings.slowdown_per_waiting * len(self._waiting)
        self._working += 1
        # Agenda.at, spelled out where it is called most.
        action = self._fail if fails else self._complete
        heappush(self.agenda.entries, (now_s + time_s, next(self.agenda.numbers), action, call))

    def _fate(self, message: int) -> tuple[float, bool]:
        """Return the mean service time of this moment, and whether the call will fail."""
        settings, spell = self.settings, self._spell()
        mean_s, share = settings.mean_s, settings.failing_share
        if spell is not None:
            mean_s = mean_s if spell.mean_s is None else spell.mean_s
            share = spell.failing_share
        if message in self.arrivals.failing:
            return mean_s, True
        return mean_s, bool(share) and self.random.random() < share

    def _complete(self, call: Call) -> None:
        if call.is_lost:
            return  # in a restart, and answered then
        self._working -= 1
        if self.is_done[call.message]:
            self.duplicates += 1
        else:
            self.is_done[call.message] = 1
        if self._waiting:
            self._start(self._waiting.popleft())
        self.answer(call, True)

    def _fail(self, call: Call) -> None:
        if call.is_lost:
            return
        self._working -= 1
        if self._waiting:
            self._start(self._waiting.popleft())
        self.answer(call, False)

    def check_health(self, _: object = None) -> None:
        """Ask /health once, count, restart if it is time, and come again after the interval."""
        settings, now_s = self.settings, self.agenda.now_s
        self.agenda.at(now_s + settings.check_interval_s, self.check_health)
        if now_s < self._away_until_s:
            return
        spell = self._spell()
        is_stuck = bool(self._waiting) and now_s - self._waiting[0].since_s > settings.check_timeout_s
        if not is_stuck and not (spell is not None and spell.is_unhealthy):
            self._failed_checks = 0
            return
        self._failed_checks += 1
        if self._failed_checks == settings.checks_to_unhealthy:
            self.unhealthy += 1
            if settings.restarts_when_unhealthy:
                self._restart()

    def _restart(self) -> None:
        now_s = self.agenda.now_s
        self.restarts += 1
        self._failed_checks = 0
        self._away_until_s = now_s + self.settings.restart_s
        self._cured_until_s = now_s
        ends = (self._complete, self._fail)
        working = [entry[3] for entry in self.agenda.entries if entry[2] in ends and not entry[3].is_lost]
        # In the order of their coming, which is not that of the agenda.
        lost = sorted(working, key=lambda call: (call.since_s, call.message)) + list(self._waiting)
        self._working = 0
        self._waiting.clear()
        for call in working:
            call.is_lost = True
        for call in lost:
            self.answer(call, False)


def _sampler(variation: float, random: Random) -> Callable[[float], float]:
    """Return a function that draws a service time of a mean."""
    uniform, log = random.random, math.log
    if variation == 0:
        return lambda mean_s: mean_s
    if variation == 1:
        return lambda mean_s: -log(1.0 - uniform()) * mean_s
    sigma = math.sqrt(math.log1p(variation**2))
    return lambda mean_s: random.lognormvariate(log(mean_s) - sigma**2 / 2, sigma)
