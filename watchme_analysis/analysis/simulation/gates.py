"""What keeps a simulated poller from receiving: a circuit breaker, pauses, a window for batches to fill."""

from __future__ import annotations

from math import inf

from watchme_analysis.analysis.simulation.agenda import Action, Agenda
from watchme_analysis.analysis.simulation.queue import VISIBLE, StandardQueue
from watchme_analysis.analysis.simulation.settings import Settings


class Gates:
    """Open when the poller may receive.

    Parameters
    ----------
    settings, agenda, queue
        Of the line.
    wake
        Called when a gate opens again.
    """

    def __init__(self, settings: Settings, agenda: Agenda, queue: StandardQueue, wake: Action) -> None:
        self.breaker, self.poller = settings.breaker, settings.poller
        self.agenda, self.queue, self.wake = agenda, queue, wake
        self.breaker_openings = 0
        self._window_opens_s = inf
        self._failures_in_row = 0
        self._breaker_until_s = -inf
        self._is_trying = False

    @property
    def are_there(self) -> bool:
        """Whether there is anything to ask."""
        return bool(self.breaker or self.poller.pauses or self.poller.batching_window_s > 0)

    def begin(self) -> None:
        """Note on the agenda when pauses end."""
        for _, end_s in self.poller.pauses:
            self.agenda.at(end_s, self.wake)

    def are_closed(self, batches: int) -> bool:
        """Return whether the poller, with so many batches in its hands, must not receive now."""
        now_s = self.agenda.now_s
        if now_s < self._breaker_until_s or (self._is_trying and batches):
            return True
        if any(start_s <= now_s < end_s for start_s, end_s in self.poller.pauses):
            return True
        return self.poller.batching_window_s > 0 and self._waits_to_fill(now_s)

    def _waits_to_fill(self, now_s: float) -> bool:
        """Return whether the batching window holds back what could be received."""
        if self.queue.count(VISIBLE) >= self.poller.batch_size:
            self._window_opens_s = inf
            return False
        if self._window_opens_s == inf:
            self._window_opens_s = now_s + self.poller.batching_window_s
            self.agenda.at(self._window_opens_s, self.wake)
        if now_s < self._window_opens_s:
            return True
        self._window_opens_s = inf
        return False

    def note(self, has_failed: bool) -> None:
        """Tell the breaker how a run ended."""
        if self.breaker is None:
            return
        if not has_failed:
            self._failures_in_row, self._is_trying = 0, False
            return
        self._failures_in_row += 1
        now_s = self.agenda.now_s
        is_open = now_s < self._breaker_until_s
        if not is_open and (self._is_trying or self._failures_in_row >= self.breaker.failures_to_open):
            self.breaker_openings += 1
            self._breaker_until_s = now_s + self.breaker.pause_s
            self._is_trying = True
            self.agenda.at(self._breaker_until_s, self.wake)
