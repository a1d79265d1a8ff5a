"""A simulated pipeline: a queue, the poller that receives from it, and the function that it invokes."""

from __future__ import annotations

from collections import deque
from math import inf, nan
from random import Random

from watchme_analysis.simulation.api import Api, Call
from watchme_analysis.simulation.event_calendar import Action, EventCalendar
from watchme_analysis.simulation.queue import (
    DEAD,
    DELETED,
    EXPIRED,
    IN_FLIGHT,
    VISIBLE,
    Receipt,
    queue_of,
)
from watchme_analysis.simulation.settings import Arrivals, Outcome, Settings, configured


class PollerConditions:
    """Conditions under which the poller must not receive: open circuit breaker, and pause.

    ``wake`` is called when the poller may receive again.
    """

    def __init__(self, settings: Settings, calendar: EventCalendar, wake: Action) -> None:
        self.breaker, self.pauses = settings.breaker, settings.poller.pauses
        self.calendar, self.wake = calendar, wake
        self.breaker_openings = 0
        self._failures_in_row = 0
        self._breaker_until_s = -inf
        self._is_trying = False

    @property
    def are_there(self) -> bool:
        """True if any condition is configured."""
        return bool(self.breaker or self.pauses)

    def begin(self) -> None:
        """Schedule a wake-up at the end of each pause."""
        for _, end_s in self.pauses:
            self.calendar.at(end_s, self.wake)

    def are_closed(self, batches: int) -> bool:
        """Return whether the poller, with so many batches in progress, must not receive now."""
        now_s = self.calendar.now_s
        if now_s < self._breaker_until_s or (self._is_trying and batches):
            return True
        return any(start_s <= now_s < end_s for start_s, end_s in self.pauses)

    def note(self, has_failed: bool) -> None:
        """Count the result of an invocation for the circuit breaker."""
        if self.breaker is None:
            return
        if not has_failed:
            self._failures_in_row, self._is_trying = 0, False
            return
        self._failures_in_row += 1
        now_s = self.calendar.now_s
        is_open = now_s < self._breaker_until_s
        if not is_open and (self._is_trying or self._failures_in_row >= self.breaker.failures_to_open):
            self.breaker_openings += 1
            self._breaker_until_s = now_s + self.breaker.pause_s
            self._is_trying = True
            self.calendar.at(self._breaker_until_s, self.wake)


MINUTE_S = 60.0
# Fields of an outcome that the pipeline counts under the same names.
_OF_PIPELINE = ("invocations", "errors", "timeouts", "throttles", "peak_visible", "peak_age_s", "behind_s")
# Fields of an outcome that the API counts under the same names.
_OF_API = ("duplicates", "restarts")


class Invocation(Call):
    """An invocation of the function with a batch, or a batch that waits for its invocation."""

    __slots__ = ("batch", "deadline_s", "failed", "position", "retries_until_s")
    deadline_s: float
    retries_until_s: float

    def __init__(self, batch: list[Receipt]) -> None:
        self.message = batch[0][1]
        self.batch = batch
        self.position = 0
        self.failed: set[int] | None = None
        self.is_alive = True


class SimulatedPipeline:
    """The state of a queue, its poller and its function."""

    def __init__(
        self,
        settings: Settings,
        arrivals: Arrivals,
        seed: int,
        calendar: EventCalendar,
        *,
        with_times: bool = False,
    ) -> None:
        self.settings = settings
        self.calendar = calendar
        # End of the first invocation that processed each message, in seconds.
        self.done_s: dict[int, float] | None = {} if with_times else None
        self.queue = queue_of(settings.queue, arrivals, calendar)
        # Text seeds, so that the random numbers differ from those of arrivals with the same seed.
        random = Random(f"service times {seed}")
        self.random = Random(f"retries {seed}")
        self.api = Api(settings.api, arrivals, calendar, random, self._call_ended)
        poller = settings.poller
        self.batch_size, self.timeout_s = poller.batch_size, settings.function_timeout_s
        self.run_s = settings.run_s
        self.reserved = inf if poller.reserved_concurrency is None else poller.reserved_concurrency
        self.most = min(poller.max_batches, poller.max_concurrency or poller.max_batches)
        self.allowed = min(poller.start_batches, self.most)
        for each in reversed(settings.earlier):
            self._set(each.field, each.value)
        self.batches = 0  # received by the poller, invoked or not
        self.running = 0
        self.invoked: deque[Invocation] = deque()  # in order of time, starting with a running invocation
        self.is_watching_runs = self.is_watching_hidden = False
        self.invocations = self.errors = self.timeouts = self.throttles = 0
        self.before = (0, 0)  # attempts and failed attempts up to the previous minute
        self.ramps = 0
        self.conditions = PollerConditions(settings, calendar, self._wakes)
        self.has_conditions = self.conditions.are_there
        self.ever_failed = bytearray(len(arrivals.sent_s))
        self.last_left_s = 0.0
        self.late_s = max(MINUTE_S, 2 * settings.api.mean_s)
        self.behind_since_s: float | None = None
        self.behind_s = 0.0
        self.series: list[tuple[float, int, int, int, float]] = []
        self.peak_age_s, self.peak_visible = 0.0, 0

    def begin(self) -> None:
        """Schedule the events that are independent of messages."""
        calendar, settings = self.calendar, self.settings
        calendar.at(0.0, self._each_minute)
        self.api.begin()
        self.conditions.begin()
        for number, each in enumerate(settings.earlier):
            later = [other for other in settings.earlier[number + 1 :] if other.field == each.field]
            value = later[0].value if later else configured(settings, each.field)
            calendar.at(each.until_s, self._change, (each.field, value))

    def poll(self) -> None:
        """Receive batches up to the poller's limit."""
        queue = self.queue
        while self.batches < self.allowed and (queue.ready or queue.returned):
            now_s = self.calendar.now_s
            if self.has_conditions and self.conditions.are_closed(self.batches):
                return
            batch = queue.receive(now_s, self.batch_size)
            if not batch:  # all ready messages have left the queue
                self.last_left_s = now_s
                return
            self.batches += 1
            if not self.is_watching_hidden:
                self.is_watching_hidden = True
                self.calendar.at(queue.hidden[0][0], self._come_back)
            run = Invocation(batch)
            if self.running < self.reserved:
                self._start(run)
            else:
                patience_s = self.settings.poller.throttle_patience_s
                run.retries_until_s = now_s + (queue.visibility_s if patience_s is None else patience_s)
                self._throttle(run)

    def _wakes(self, _: object) -> None:
        self.poll()

    def _start(self, run: Invocation) -> None:
        self.running += 1
        self.invocations += 1
        run.deadline_s = deadline_s = self.calendar.now_s + self.timeout_s
        self.invoked.append(run)
        if not self.is_watching_runs:
            self.is_watching_runs = True
            self.calendar.at(deadline_s, self._cut_off)
        if self.run_s:
            self.calendar.at(self.calendar.now_s + self.run_s, self._begin_messages, run)
        else:
            self.api.call(run)

    def _begin_messages(self, run: Invocation) -> None:
        if run.is_alive:
            self.api.call(run)

    def _throttle(self, run: Invocation) -> None:
        """Throttle a batch and schedule its retry, until the poller drops it."""
        self.throttles += 1
        now_s = self.calendar.now_s
        again_s = now_s + self.settings.poller.throttle_retry_s * (0.5 + self.random.random())
        if now_s >= run.retries_until_s:
            # The messages stay in flight until their visibility timeout ends; the poller backs off before.
            self.calendar.at(again_s, self._let_go)
        else:
            self.calendar.at(min(again_s, run.retries_until_s), self._try_again, run)

    def _try_again(self, run: Invocation) -> None:
        if self.running < self.reserved:
            self._start(run)
        else:
            self._throttle(run)

    def _let_go(self, _: object) -> None:
        self.batches -= 1
        self.poll()

    def _come_back(self, _: object) -> None:
        """Make messages visible whose visibility timeout has passed, and schedule the next check."""
        queue, now_s = self.queue, self.calendar.now_s
        hidden, state, receives = queue.hidden, queue.state, queue.receives
        while hidden:
            end_s, message, number = hidden[0]
            # Queue.is_hidden, inlined because nearly all messages met here were deleted long ago.
            if state[message] == IN_FLIGHT and receives[message] == number:
                if end_s > now_s:
                    break
                queue.come_back(message)
            hidden.popleft()
        self.is_watching_hidden = bool(hidden)
        if hidden:
            self.calendar.at(hidden[0][0], self._come_back)
        self.poll()

    def _comes_back_alone(self, receipt: Receipt) -> None:
        if self.queue.is_hidden(receipt):
            self.queue.come_back(receipt[1])
            self.poll()

    def _cut_off(self, _: object) -> None:
        """End the invocations that reached the timeout, and schedule the check of the next invocation."""
        invoked, now_s = self.invoked, self.calendar.now_s
        while invoked and invoked[0].deadline_s <= now_s:
            self._time_out(invoked[0])
        self.is_watching_runs = bool(invoked)
        if invoked:
            self.calendar.at(invoked[0].deadline_s, self._cut_off)

    def _time_out(self, run: Invocation) -> None:
        if run.is_alive:
            self.timeouts += 1
            run.failed = {message for _, message, _ in run.batch}
            self._end(run, has_responded=False)

    def _call_ended(self, run: Invocation, succeeds: bool) -> None:
        """Continue an invocation whose call has ended, unless it has timed out."""
        if not run.is_alive:
            return
        if not succeeds:
            run.failed = run.failed or set()
            run.failed.add(run.message)
            if not self.settings.poller.partial_batch_responses or self.settings.queue.is_fifo:
                # The following messages return too, because a FIFO queue must keep its order.
                run.failed.update(message for _, message, _ in run.batch[run.position :])
                self._end(run)
                return
        run.position += 1
        if run.position < len(run.batch):
            run.message = run.batch[run.position][1]
            self.api.call(run)
        else:
            self._end(run)

    def _end(self, run: Invocation, has_responded: bool = True) -> None:
        """Delete the messages that an invocation processed, and receive the next batch."""
        run.is_alive = False
        invoked = self.invoked
        while invoked and not invoked[0].is_alive:
            invoked.popleft()
        self.running -= 1
        self.batches -= 1
        failed, queue = run.failed, self.queue
        if failed:
            if not (has_responded and self.settings.poller.partial_batch_responses):
                failed.update(message for _, message, _ in run.batch)
            # With partial batch responses, Lambda counts an invocation as failed only if all its messages
            # failed.
            self.errors += len(failed) == len(run.batch)
            for message in failed:
                self.ever_failed[message] = 1
            for receipt in run.batch:
                if receipt[1] not in failed:
                    queue.delete(receipt)
        else:
            for receipt in run.batch:
                queue.delete(receipt)
        if self.done_s is not None:
            self._note_done(self.done_s, run, failed)
        self.last_left_s = self.calendar.now_s
        if self.has_conditions:
            self.conditions.note(bool(failed))
        self.poll()

    def _note_done(self, done_s: dict[int, float], run: Invocation, failed: set[int] | None) -> None:
        """Note the end of the first invocation that processed each message."""
        for _, message, _ in run.batch:
            if message not in (failed or ()):
                done_s[message] = min(self.calendar.now_s, done_s.get(message, inf))

    def _change(self, change: tuple[str, float | None]) -> None:
        """Change a setting; receives and invocations in progress keep the previous value."""
        self._set(*change)
        if change[0] == "visibility_timeout_s":
            for receipt in self.queue.hidden:
                self.calendar.at(receipt[0], self._comes_back_alone, receipt)
            self.queue.hidden.clear()
        elif change[0] == "function_timeout_s":
            for run in self.invoked:
                self.calendar.at(run.deadline_s, self._time_out, run)
            self.invoked.clear()
        self.poll()

    def _set(self, field: str, value: float | None) -> None:
        if field == "visibility_timeout_s" and value is not None:
            self.queue.visibility_s = value
        elif field == "function_timeout_s" and value is not None:
            self.timeout_s = value
        elif field == "max_receive_count":
            self.queue.max_receives = inf if value is None else value
        elif field == "reserved_concurrency":
            self.reserved = inf if value is None else value
        elif field == "max_concurrency":
            most = self.settings.poller.max_batches
            self.most = most if value is None else min(most, int(value))
            self.allowed = min(max(self.allowed, self.settings.poller.start_batches), self.most)

    def _each_minute(self, _: object) -> None:
        """Scale, expire messages and record the state, once a minute like pollers and CloudWatch."""
        now_s, queue = self.calendar.now_s, self.queue
        self.calendar.at(now_s + MINUTE_S, self._each_minute)
        left = queue.left
        queue.expire(now_s)
        if queue.left < left:
            self.last_left_s = now_s
        age_s = queue.age_s(now_s)
        self.peak_age_s = max(self.peak_age_s, age_s)
        visible = queue.count(VISIBLE)
        self.peak_visible = max(self.peak_visible, visible)
        self._note_delay(now_s, queue.oldest_s(now_s))
        self.series.append((now_s, visible, queue.count(IN_FLIGHT), queue.dead, age_s))
        self._scale(visible)
        self.poll()

    def _note_delay(self, now_s: float, oldest_s: float) -> None:
        if oldest_s > self.late_s:
            if self.behind_since_s is None:
                self.behind_since_s = now_s - oldest_s
        elif self.behind_since_s is not None:
            self.behind_s = max(self.behind_s, now_s - self.behind_since_s)
            self.behind_since_s = None

    def _scale(self, visible: int) -> None:
        poller, backoff = self.settings.poller, self.settings.poller.backoff
        in_vain = self.errors + self.throttles
        attempts = self.invocations + self.throttles
        troubles, tried = in_vain - self.before[1], attempts - self.before[0]
        self.before = (attempts, in_vain)
        if poller.backs_off and troubles and troubles > backoff.above_share * tried:
            least = min(backoff.least_batches, self.most)
            self.allowed = max(least, int(self.allowed * backoff.factor))
            self.ramps = 0
        elif visible and self.batches >= self.allowed:
            ramp = poller.further_ramp if self.ramps else poller.first_ramp
            self.allowed = min(self.most, self.allowed + ramp)
            self.ramps += 1
        elif not visible:
            self.allowed, self.ramps = min(poller.start_batches, self.most), 0

    def outcome(self, sent: int, horizon_s: float) -> Outcome:
        """Return the outcome for the messages sent."""
        queue, api = self.queue, self.api
        state = queue.state
        visible, in_flight = queue.count(VISIBLE), queue.count(IN_FLIGHT)
        dead = [message for message in range(sent) if state[message] == DEAD] if queue.dead else []
        deleted, expired = state.count(DELETED), state.count(EXPIRED)
        assert queue.left == visible + in_flight, "messages left the queue uncounted"
        assert queue.sent == sent == queue.left + deleted + len(dead) + expired, "messages are not conserved"
        assert len(dead) == queue.dead == state.count(DEAD), (
            "the messages in the DLQ differ from the counted ones"
        )
        api.settle()
        end_s = min(self.last_left_s, horizon_s)
        if not queue.left:
            self._note_delay(end_s, 0.0)
        return Outcome(
            sent=sent,
            deleted=deleted,
            visible=visible,
            in_flight=in_flight,
            dead_lettered=len(dead),
            expired=expired,
            dead_unfailed=sum(not self.ever_failed[message] for message in dead),
            lost=sum(state[message] > IN_FLIGHT for message in api.undone(sent)),
            breaker_openings=self.conditions.breaker_openings,
            drained_s=None if queue.left else end_s,
            mean_wait_s=api.waits_s / api.started if api.started else None,
            others_wait_s=api.others_waits_s / api.others_started if api.others_started else None,
            series=tuple(self.series),
            done_s=() if self.done_s is None else tuple(self.done_s.get(n, nan) for n in range(sent)),
            **{name: getattr(self, name) for name in _OF_PIPELINE},
            **{name: getattr(api, name) for name in _OF_API},
        )
