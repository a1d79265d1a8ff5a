"""A discrete-event model of one queue, its poller and function, and the API that the function calls.

Written after the public documentation of Amazon SQS and of Lambda's event source mappings; what AWS doesn't
publish (how often a throttled batch is tried again, how fast back-off goes) is a setting with its own note.
Not modelled: empty receives and the latency of a receive, cold starts, the account's own concurrency limit,
and a standard queue's rare double delivery and unordered receives.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop
from itertools import pairwise
from math import inf
from random import Random

from watchme_analysis.analysis.simulation_api import Agenda, Api, Call
from watchme_analysis.analysis.simulation_queue import (
    DEAD,
    DELETED,
    EXPIRED,
    IN_FLIGHT,
    VISIBLE,
    Receipt,
    queue_of,
)
from watchme_analysis.analysis.simulation_settings import Arrivals, Outcome, Settings
from watchme_analysis.errors import InputError

MINUTE_S = 60.0


def simulate(settings: Settings, arrivals: Arrivals, seed: int = 0) -> Outcome:
    """Run the messages through the queue until all have left it, or the horizon.

    Parameters
    ----------
    settings
        Of the queue, the poller, the function and the API.
    arrivals
        Messages in order of their sending.
    seed
        The same seed gives the same outcome.

    Raises
    ------
    InputError
        If the arrivals are not in order, or have groups for some of the messages only.
    """
    sent_s = arrivals.sent_s
    if any(later < earlier for earlier, later in pairwise(sent_s)):
        raise InputError("The arrivals of a simulation go back in time: sort them.")
    if arrivals.groups and len(arrivals.groups) != len(sent_s):
        raise InputError(
            f"{len(arrivals.groups)} message groups for {len(sent_s)} messages: give one to each, or none."
        )
    return _Simulation(settings, arrivals, seed).run()


class _Run(Call):
    """One invocation of the function with a batch, or the batch waiting to be invoked."""

    __slots__ = ("batch", "deadline_s", "failed", "gives_up_s", "is_alive", "position")
    deadline_s: float

    def __init__(self, batch: list[Receipt], gives_up_s: float) -> None:
        self.message = batch[0][1]  # spelled out: asking the base class takes its time
        self.is_lost = False
        self.batch = batch
        self.position = 0
        self.failed: set[int] | None = None
        self.is_alive = True
        self.gives_up_s = gives_up_s


class _Simulation:
    """The state of a run."""

    def __init__(self, settings: Settings, arrivals: Arrivals, seed: int) -> None:
        self.settings = settings
        self.arrivals = arrivals
        self.agenda = Agenda()
        self.queue = queue_of(settings.queue, arrivals)
        # Text, so that arrivals drawn from the same seed are not the same numbers again.
        random = Random(f"service times {seed}")
        self.api = Api(settings.api, self.agenda, random, arrivals, self._answered)
        poller = settings.poller
        self.batch_size, self.timeout_s = poller.batch_size, settings.function_timeout_s
        patience_s = poller.throttle_patience_s
        self.patience_s = settings.queue.visibility_timeout_s if patience_s is None else patience_s
        self.reserved = inf if poller.reserved_concurrency is None else poller.reserved_concurrency
        self.most = min(poller.max_batches, poller.max_concurrency or poller.max_batches)
        self.allowed = min(poller.start_batches, self.most)
        self.batches = 0  # in the poller's hands, invoked or not
        self.running = 0
        self.invoked: deque[_Run] = deque()  # in order of time, the first of them alive
        self.invocations = self.errors = self.timeouts = self.throttles = 0
        self.troubles_before = 0
        self.ramps = 0
        self.has_gates = bool(settings.breaker or poller.pauses or poller.batching_window_s > 0)
        self.window_opens_s = inf
        self.failures_in_row = 0
        self.breaker_until_s = -inf
        self.breaker_openings = 0
        self.is_trying = False
        self.ever_failed = bytearray(len(arrivals.sent_s))
        self.series: list[tuple[float, int, int, int, float]] = []
        self.peak_age_s, self.peak_visible = 0.0, 0

    def run(self) -> Outcome:
        """Go from event to event."""
        agenda, queue, sent_s = self.agenda, self.queue, self.arrivals.sent_s
        agenda.at(0.0, self._each_minute)
        agenda.at(self.settings.api.check_interval_s, self.api.check_health)
        for _, end_s in self.settings.poller.pauses:
            agenda.at(end_s, self._wakes)
        position, many, horizon_s = 0, len(sent_s), self.settings.horizon_s
        invoked, entries, hidden = self.invoked, agenda.entries, queue.hidden
        while position < many or queue.left:
            arrival_s = sent_s[position] if position < many else inf
            agenda_s = entries[0][0]
            # Comparisons, as min() takes a tenth of all time here.
            next_s = arrival_s if arrival_s < agenda_s else agenda_s
            deadline_s = return_s = inf
            if invoked and invoked[0].deadline_s <= next_s:
                next_s = deadline_s = invoked[0].deadline_s
            # Most messages have left the queue by then: look when the time has come.
            if hidden and hidden[0][0] <= next_s:
                return_s = queue.next_return_s()
                next_s = min(next_s, return_s)
            if next_s > horizon_s:
                break
            if agenda_s == next_s:
                agenda.now_s, _, action, argument = heappop(entries)
                action(argument)
                continue
            agenda.now_s = next_s
            if deadline_s == next_s:
                self._time_out(invoked[0])
            elif return_s == next_s:
                queue.return_first()
                self._poll()
            else:
                queue.send(position)
                position += 1
                if self.batches < self.allowed:
                    self._poll()
        return self._outcome(position)

    def _poll(self) -> None:
        """Receive as many batches as the poller may hold."""
        queue = self.queue
        while self.batches < self.allowed and (queue.ready or queue.returned):
            now_s = self.agenda.now_s
            if self.has_gates and self._is_held_back(now_s):
                return
            batch = queue.receive(now_s, self.batch_size)
            if batch:  # else all that was ready has left the queue
                self.batches += 1
                self._invoke(_Run(batch, now_s + self.patience_s))

    def _is_held_back(self, now_s: float) -> bool:
        """Return whether breaker, pause or batching window keep the poller from receiving."""
        if now_s < self.breaker_until_s or (self.is_trying and self.batches):
            return True
        if any(start_s <= now_s < end_s for start_s, end_s in self.settings.poller.pauses):
            return True
        return self.settings.poller.batching_window_s > 0 and self._waits_to_fill(now_s)

    def _waits_to_fill(self, now_s: float) -> bool:
        """Return whether the batching window holds back what could be received."""
        poller = self.settings.poller
        if self.queue.count(VISIBLE) >= poller.batch_size:
            self.window_opens_s = inf
            return False
        if self.window_opens_s == inf:
            self.window_opens_s = now_s + poller.batching_window_s
            self.agenda.at(self.window_opens_s, self._wakes)
        if now_s < self.window_opens_s:
            return True
        self.window_opens_s = inf
        return False

    def _wakes(self, _: object) -> None:
        self._poll()

    def _invoke(self, run: _Run) -> None:
        """Start the function, or be throttled and try again until patience ends."""
        now_s = self.agenda.now_s
        if self.running < self.reserved:
            self.running += 1
            self.invocations += 1
            run.deadline_s = now_s + self.timeout_s
            self.invoked.append(run)
            self.api.call(run)
            return
        self.throttles += 1
        if now_s >= run.gives_up_s:
            # The messages stay in flight until their visibility timeout ends; the poller backs off first.
            self.agenda.at(now_s + self.settings.poller.throttle_retry_s, self._let_go)
        else:
            again_s = now_s + self.settings.poller.throttle_retry_s
            self.agenda.at(min(again_s, run.gives_up_s), self._invoke, run)

    def _let_go(self, _: object) -> None:
        self.batches -= 1
        self._poll()

    def _answered(self, run: _Run, succeeds: bool) -> None:
        """Go on with a run whose call has ended, unless it has been cut off."""
        if not run.is_alive:
            return
        if not succeeds:
            run.failed = run.failed or set()
            run.failed.add(run.message)
            if not self.settings.poller.partial_batch_responses or self.settings.queue.is_fifo:
                # What comes after is given back too: a FIFO queue must keep its order.
                run.failed.update(message for _, message, _ in run.batch[run.position :])
                self._end(run)
                return
        run.position += 1
        if run.position < len(run.batch):
            run.message = run.batch[run.position][1]
            self.api.call(run)
        else:
            self._end(run)

    def _time_out(self, run: _Run) -> None:
        self.timeouts += 1
        run.failed = {message for _, message, _ in run.batch}
        self._end(run, has_answered=False)

    def _end(self, run: _Run, has_answered: bool = True) -> None:
        """Delete what a run has done, and take the next batch."""
        run.is_alive = False
        invoked = self.invoked
        while invoked and not invoked[0].is_alive:
            invoked.popleft()
        self.running -= 1
        self.batches -= 1
        failed, queue = run.failed, self.queue
        if failed:
            if not (has_answered and self.settings.poller.partial_batch_responses):
                failed.update(message for _, message, _ in run.batch)
            # A batch answered in parts is a success to Lambda unless nothing in it succeeded.
            self.errors += len(failed) == len(run.batch)
            for message in failed:
                self.ever_failed[message] = 1
            for receipt in run.batch:
                if receipt[1] not in failed:
                    queue.delete(receipt)
        else:
            for receipt in run.batch:
                queue.delete(receipt)
        if self.has_gates:
            self._note_for_breaker(bool(failed))
        self._poll()

    def _note_for_breaker(self, has_failed: bool) -> None:
        breaker = self.settings.breaker
        if breaker is None:
            return
        if not has_failed:
            self.failures_in_row, self.is_trying = 0, False
            return
        self.failures_in_row += 1
        now_s = self.agenda.now_s
        is_open = now_s < self.breaker_until_s
        if not is_open and (self.is_trying or self.failures_in_row >= breaker.failures_to_open):
            self.breaker_openings += 1
            self.breaker_until_s = now_s + breaker.pause_s
            self.is_trying = True
            self.agenda.at(self.breaker_until_s, self._wakes)

    def _each_minute(self, _: object) -> None:
        """Scale, expire, note the state, as pollers and CloudWatch do each minute."""
        now_s, queue, poller = self.agenda.now_s, self.queue, self.settings.poller
        self.agenda.at(now_s + MINUTE_S, self._each_minute)
        queue.expire(now_s)
        age_s = queue.age_s(now_s)
        self.peak_age_s = max(self.peak_age_s, age_s)
        visible = queue.count(VISIBLE)
        self.peak_visible = max(self.peak_visible, visible)
        self.series.append((now_s, visible, queue.count(IN_FLIGHT), queue.count(DEAD), age_s))
        troubles = self.errors + self.throttles
        if troubles > self.troubles_before and poller.backs_off:
            self.allowed = max(min(poller.start_batches, self.most), self.allowed // 2)
            self.ramps = 0
        elif visible and self.batches >= self.allowed:
            ramp = poller.further_ramp if self.ramps else poller.first_ramp
            self.allowed = min(self.most, self.allowed + ramp)
            self.ramps += 1
        elif not visible:
            self.allowed, self.ramps = min(poller.start_batches, self.most), 0
        self.troubles_before = troubles
        self._poll()

    def _outcome(self, sent: int) -> Outcome:
        queue, api = self.queue, self.api
        end_s = min(self.agenda.now_s, self.settings.horizon_s)
        gone = [message for message in range(sent) if queue.state[message] in {DEAD, EXPIRED}]
        dead = [message for message in gone if queue.state[message] == DEAD]
        visible, in_flight = queue.count(VISIBLE), queue.count(IN_FLIGHT)
        deleted = queue.count(DELETED)
        assert queue.left == visible + in_flight, "messages left the queue uncounted"
        assert queue.sent == sent == queue.left + deleted + len(gone), "messages are not conserved"
        return Outcome(
            sent=sent,
            deleted=deleted,
            visible=visible,
            in_flight=in_flight,
            dead_lettered=len(dead),
            expired=len(gone) - len(dead),
            dead_unfailed=sum(not self.ever_failed[message] for message in dead),
            lost=sum(not api.is_done[message] for message in gone),
            duplicates=api.duplicates,
            invocations=self.invocations,
            errors=self.errors,
            timeouts=self.timeouts,
            throttles=self.throttles,
            unhealthy=api.unhealthy,
            restarts=api.restarts,
            breaker_openings=self.breaker_openings,
            peak_visible=self.peak_visible,
            peak_age_s=self.peak_age_s,
            drained_s=None if queue.left else end_s,
            mean_wait_s=api.waits_s / api.started if api.started else None,
            series=tuple(self.series),
        )
