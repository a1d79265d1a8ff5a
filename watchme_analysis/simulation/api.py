"""A simulated API with limited capacity, its health checks and its restarts."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Callable, Iterator
from heapq import heappush
from itertools import chain, repeat
from random import Random
from typing import Any

from watchme_analysis.simulation.event_calendar import Action, EventCalendar
from watchme_analysis.simulation.settings import ApiSettings, Arrivals, FaultInterval

# Delay in seconds until a caller's connection to a restarting API is refused.
REFUSAL_S = 0.1
# Service times drawn at once, because blocks take a tenth of the time of single draws.
_BLOCK = 1024


class Call:
    """An API call for a message; the caller may time out, but sends its next call only after a response."""

    __slots__ = ("is_alive", "message", "since_s")
    is_alive: bool
    message: int
    since_s: float


class Api:
    """A simulated API that processes calls in order, as many at once as it has slots.

    ``call_ended`` is called with the call and its success when it is completed or lost.
    """

    def __init__(
        self,
        settings: ApiSettings,
        arrivals: Arrivals,
        calendar: EventCalendar,
        random: Random,
        call_ended: Callable[[Any, bool], None],
    ) -> None:
        self.settings = settings
        self.calendar = calendar
        self.random = random
        self.arrivals = arrivals
        self.call_ended = call_ended
        self.busy = 0  # slots that process a call; not counted without a limit
        self.waiting: deque[Call] = deque()
        self.is_done = bytearray(len(arrivals.sent_s))
        self.duplicates = 0
        self.waits_s = self.others_waits_s = 0.0
        self.started = self.others_started = 0
        self.restarts = 0
        self._has_started = bytearray(len(arrivals.sent_s))
        most = Counter(arrivals.groups).most_common(1)
        self._busiest = most[0][0] if most else None
        self._failed_checks = 0
        self._away_until_s = -math.inf
        self._cured_until_s = -math.inf
        self._fault_starts = [fault.start_s for fault in settings.faults]
        self._urns: dict[int, list[int]] = {}
        self._may_fail = bool(arrivals.failing or settings.faults or settings.failing_share)
        self._draw = factors(settings.variation, random).__next__
        # Without a limit or restarts, calls start directly: no other function is called as often.
        restarts = settings.restarts_when_unhealthy or settings.restarts_at_s
        is_plain = settings.slots is None and not restarts
        self.call: Callable[[Any], None] = self.start if is_plain else self._receive

    def begin(self) -> None:
        """Schedule the health checks, and the restarts that don't depend on them."""
        self.calendar.at(self.settings.check_interval_s, self.check_health)
        for at_s in self.settings.restarts_at_s:
            self.calendar.at(at_s, self._restart)

    def _receive(self, call: Call) -> None:
        now_s, slots = self.calendar.now_s, self.settings.slots
        call.since_s = now_s
        if now_s < self._away_until_s:
            self.calendar.at(now_s + REFUSAL_S, self._refuse, call)
        elif slots is None:
            self.start(call)
        elif self.busy < slots:
            self.busy += 1
            self.start(call)
        else:
            self.waiting.append(call)

    def _leave_slot(self) -> None:
        """Pass a slot to the call that has waited longest."""
        if self.waiting:
            self.start(self.waiting.popleft())
        else:
            self.busy -= 1

    def _refuse(self, call: Call) -> None:
        self.call_ended(call, False)

    def start(self, call: Call) -> None:
        """Start to process a call."""
        message, calendar = call.message, self.calendar
        if not self._has_started[message]:
            self._has_started[message] = 1
            self.started += 1
            wait_s = calendar.now_s - self.arrivals.sent_s[message]
            self.waits_s += wait_s
            if self._busiest is not None and self.arrivals.groups[message] != self._busiest:
                self.others_started += 1
                self.others_waits_s += wait_s
        action: Action = self._complete
        mean_s = self.settings.mean_s
        if self._may_fail:
            mean_s, fails = self._fate(message)
            if fails:
                action = self._fail
        # EventCalendar.at, inlined because this is its most frequent use.
        due_s = calendar.now_s + mean_s * self._draw()
        heappush(calendar.entries, (due_s, next(calendar.numbers), action, call))

    def _current_fault(self) -> tuple[int, FaultInterval] | None:
        """Return the position and the current fault interval; None outside and after a restart ended it."""
        now_s = self.calendar.now_s
        place = bisect_right(self._fault_starts, now_s) - 1
        if place < 0:
            return None
        fault = self.settings.faults[place]
        began_s = fault.start_s if fault.stretch_s is None else fault.stretch_s
        cured = fault.is_cured_by_restart and began_s < self._cured_until_s
        return None if cured or now_s >= fault.end_s else (place, fault)

    def _fate(self, message: int) -> tuple[float, bool]:
        """Return the current mean service time in seconds, and whether the call will fail."""
        found = self._current_fault()
        mean_s, share = self.settings.mean_s, self.settings.failing_share
        if found is not None:
            place, fault = found
            mean_s = mean_s if fault.mean_s is None else fault.mean_s
            share = fault.failing_share
            if fault.calls and share and message not in self.arrivals.failing:
                return mean_s, self._is_drawn(place, fault)
        if message in self.arrivals.failing:
            return mean_s, True
        return mean_s, bool(share) and self.random.random() < share

    def _is_drawn(self, place: int, fault: FaultInterval) -> bool:
        """Return whether a call fails, drawn without replacement from the counted calls and failures."""
        urn = self._urns.get(place)
        if urn is None or not urn[0]:
            urn = self._urns[place] = [fault.calls, round(fault.calls * fault.failing_share)]
        fails = urn[1] > 0 and self.random.random() * (urn[0] - fault.repeats) < urn[1]
        urn[0] -= 1
        urn[1] -= fails
        return fails

    def _complete(self, call: Call) -> None:
        if self.is_done[call.message]:
            self.duplicates += 1
        else:
            self.is_done[call.message] = 1
        if self.settings.slots is not None:
            self._leave_slot()
        self.call_ended(call, True)

    def _fail(self, call: Call) -> None:
        if self.settings.slots is not None:
            self._leave_slot()
        self.call_ended(call, False)

    def settle(self) -> None:
        """Complete the calls in progress and waiting, although their callers are gone."""
        messages = [entry[3].message for entry in self.calendar.entries if entry[2] == self._complete]
        messages += [call.message for call in self.waiting if call.message not in self.arrivals.failing]
        for message in messages:
            if self.is_done[message]:
                self.duplicates += 1
            else:
                self.is_done[message] = 1

    def undone(self, sent: int) -> Iterator[int]:
        """Return the messages up to this number whose processing was never completed."""
        message = self.is_done.find(0, 0, sent)
        while message >= 0:
            yield message
            message = self.is_done.find(0, message + 1, sent)

    def check_health(self, _: object = None) -> None:
        """Run a health check, restart the API after too many failures, and schedule the next check."""
        settings, now_s = self.settings, self.calendar.now_s
        self.calendar.at(now_s + settings.check_interval_s, self.check_health)
        if now_s < self._away_until_s:
            return
        if not self._responds_slowly() and not self._is_in_unhealthy_fault():
            self._failed_checks = 0
            return
        self._failed_checks += 1
        if settings.restarts_when_unhealthy and self._failed_checks == settings.checks_to_unhealthy:
            self._restart()

    def _responds_slowly(self) -> bool:
        if not self.waiting:
            return False
        return self.calendar.now_s - self.waiting[0].since_s > self.settings.check_timeout_s

    def _is_in_unhealthy_fault(self) -> bool:
        found = self._current_fault()
        return found is not None and found[1].is_unhealthy

    def _restart(self, _: object = None) -> None:
        """Lose all current and waiting calls, and start the downtime."""
        now_s = self.calendar.now_s
        self.restarts += 1
        self._failed_checks = 0
        self._away_until_s = now_s + self.settings.restart_s
        self._cured_until_s = now_s
        working: list[Call] = [entry[3] for entry in self.calendar.drop((self._complete, self._fail))]
        # Sort by arrival, because the calendar is in order of completion.
        working.sort(key=lambda call: (call.since_s, call.message))
        waited = list(self.waiting)
        self.waiting.clear()
        if self.settings.slots is not None:
            self.busy -= len(working)
        for call in (*working, *waited):
            self.call_ended(call, False)


def factors(variation: float, random: Random) -> Iterator[float]:
    """Return an endless iterator of service times with mean 1: equal, exponential for 1, else lognormal."""
    if variation == 0:
        return repeat(1.0)
    import numpy as np

    # Drawn in blocks, which take a tenth of the time of single draws.
    drawn = np.random.default_rng(random.getrandbits(64))
    if variation == 1:
        return chain.from_iterable(iter(lambda: drawn.standard_exponential(_BLOCK).tolist(), None))
    sigma = math.sqrt(math.log1p(variation**2))
    return chain.from_iterable(iter(lambda: drawn.lognormal(-(sigma**2) / 2, sigma, _BLOCK).tolist(), None))
