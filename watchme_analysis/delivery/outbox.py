"""Delivery of the notices of a system: each at least once to each of its destinations, with retries.

A delivery is recorded before and after each call. After a kill or a lost response the notice may have
arrived; it is sent again, and its visible id shows that it is the same.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from queue import Empty, Queue
from threading import Thread

from watchme_analysis.delivery.destinations.base import Delivery, DeliveryError, Sender
from watchme_analysis.delivery.notice import Notice
from watchme_analysis.delivery.state import State
from watchme_analysis.text.render import error_message, masked_text, note, text_of_error

SENT, CONFIRMED, FAILED, UNCERTAIN = "sent", "confirmed", "failed", "uncertain"
# No more calls follow these.
_FINAL = (CONFIRMED, UNCERTAIN)
# By choice: calls of a notice that may have arrived. It is sent again after a kill or a lost response, but a
# destination that never confirms must not receive it with every run.
_MOST_UNCONFIRMED = 3
# A message that could not be delivered for so long is of no more use to its readers.
GIVE_UP_AFTER = timedelta(days=1)


@dataclass(frozen=True)
class Pace:
    """How failed deliveries are repeated; durations in seconds.

    ``attempts`` are calls per notice and destination in one run. With full jitter, the wait is random and at
    most ``backoff_s``, doubled with each attempt up to ``max_backoff_s``, and at least as long as the
    destination asks for (``Retry-After``). If that is more than ``max_wait_s``, the delivery is left to the
    next run. ``deadline`` is the monotonic time after which nothing is repeated; ``call_s`` bounds one
    delivery in all, whatever the destination does meanwhile.
    """

    attempts: int = 4
    backoff_s: float = 1.0
    max_backoff_s: float = 30.0
    max_wait_s: float = 60.0
    deadline: float = float("inf")
    call_s: float = 120.0


def delivered(destination: str, notice: Notice, status: str, detail: str = "") -> dict[str, str]:
    """Return the outcome of a delivery in a run.

    ``status`` is ``planned``, ``confirmed``, ``failed``, or ``uncertain`` after several calls that may have
    arrived; ``detail`` the name that the destination gave it, or the error as a sentence.
    """
    about = {"destination": destination, "notice": notice.id, "kind": notice.kind}
    return about | {"status": status, "detail": detail}


@dataclass
class Outbox:
    """Destinations of a system, whose senders are called in their order.

    ``prepare`` returns a notice as a destination is to receive it.
    """

    state: State
    system: str
    senders: Mapping[str, Sender]
    prepare: Callable[[Notice, str], Delivery]
    pace: Pace = field(default_factory=Pace)

    def is_finished(self, notice: Notice, now: datetime) -> bool:
        """Return whether no further call is due for a notice."""
        if now - notice.created_at > GIVE_UP_AFTER:
            return True
        return all(self._event(notice, name) in _FINAL for name in notice.due if name in self.senders)

    def was_confirmed(self, notice: Notice, destination: str) -> bool:
        """Return whether a destination has confirmed a notice."""
        return self._event(notice, destination) == CONFIRMED

    def _event(self, notice: Notice, destination: str) -> str:
        return self.state.delivery(self.system, destination, notice.id).event

    def deliver(self, notices: Sequence[Notice]) -> list[dict[str, str]]:
        """Deliver notices to their destinations; return the outcome of each that was due.

        The notices of a destination are delivered in their order: after a failure, later ones wait for the
        next run. Every destination is called once before a failed call is repeated, so that one which is
        slow or down does not delay the others by its retries.
        """
        outcomes: dict[tuple[str, str], dict[str, str]] = {}
        queues = {name: [notice for notice in notices if name in notice.due] for name in self.senders}
        waiting = {name: 0.0 for name, queue in queues.items() if queue}
        for attempt in range(self.pace.attempts):
            for name in list(waiting):
                wait_s = waiting.pop(name) - time.monotonic()
                if wait_s > 0:
                    time.sleep(wait_s)
                repeat_after_s = self._drain(name, queues[name], outcomes, attempt)
                if repeat_after_s is not None:
                    waiting[name] = time.monotonic() + repeat_after_s
            if not waiting or time.monotonic() > self.pace.deadline:
                break
        return list(outcomes.values())

    def _drain(
        self, name: str, queue: list[Notice], outcomes: dict[tuple[str, str], dict[str, str]], attempt: int
    ) -> float | None:
        """Deliver the notices of a destination; return the seconds until a failed call is repeated."""
        while queue:
            notice, began = queue[0], time.monotonic()
            try:
                outcome = self._deliver(name, notice)
            except DeliveryError as error:
                sentence = masked_text(text_of_error(error))
                outcomes[name, notice.id] = delivered(name, notice, FAILED, sentence)
                return self._wait_s(error, attempt)
            queue.pop(0)
            if outcome is not None:
                outcomes[name, notice.id] = outcome
            if time.monotonic() - began >= self.pace.call_s:  # the next one would take as long
                return None
        return None

    def _deliver(self, name: str, notice: Notice) -> dict[str, str] | None:
        """Call a destination, with a record before and after; None if nothing was due."""
        last = self.state.delivery(self.system, name, notice.id)
        record = partial(self.state.record_delivery, self.system, name, notice)
        if last.event == CONFIRMED:
            return None
        if last.unconfirmed >= _MOST_UNCONFIRMED:  # reported again until the run that reported it has ended
            record(UNCERTAIN, last.unconfirmed)
            sentence = note("delivery-uncertain", calls=last.unconfirmed)
            return delivered(name, notice, UNCERTAIN, sentence)
        try:
            root = self.state.thread_root(self.system, name, notice.thread)
            delivery = replace(self.prepare(notice, name), thread_root=root)
        except Exception as error:
            raise _unexpected(error, may_have_arrived=False) from error
        record(SENT, last.unconfirmed + 1)
        try:
            receipt = within(self.pace.call_s, lambda: self.senders[name].send(delivery))
        except DeliveryError as error:
            record(FAILED, last.unconfirmed + error.may_have_arrived)
            raise
        record(CONFIRMED, 0, receipt)
        return delivered(name, notice, CONFIRMED, receipt)

    def _wait_s(self, error: DeliveryError, attempt: int) -> float | None:
        """Return the seconds before the next attempt; None if there is none in this run."""
        wished = error.retry_after_s or 0.0
        if not error.is_temporary or attempt + 1 == self.pace.attempts or wished > self.pace.max_wait_s:
            return None
        backoff = random.uniform(0, min(self.pace.max_backoff_s, self.pace.backoff_s * 2**attempt))
        return max(wished, backoff)


def within(seconds: float, send: Callable[[], str]) -> str:
    """Return the receipt of a call that takes at most so many seconds.

    A destination that sends a byte now and then keeps every timeout of a socket from ending. The call goes on
    in the background then, and ends with the process. That, and an exception that nobody expected, are a
    DeliveryError.
    """
    ended: Queue[str | BaseException] = Queue(1)

    def call() -> None:
        try:
            ended.put(send())
        except BaseException as error:  # raised again by the caller
            ended.put(error)

    Thread(target=call, daemon=True).start()
    try:
        outcome = ended.get(timeout=seconds)
    except Empty:
        # Not repeated in this run: it would take as long again.
        raise DeliveryError(
            error_message("error-delivery-slow", seconds=f"{seconds:g}"), may_have_arrived=True
        ) from None
    if isinstance(outcome, str):
        return outcome
    if isinstance(outcome, Exception) and not isinstance(outcome, DeliveryError):
        raise _unexpected(outcome, may_have_arrived=True) from outcome
    raise outcome


def _unexpected(error: Exception, *, may_have_arrived: bool) -> DeliveryError:
    """Return the error of a delivery for any exception, whose text may quote a secret."""
    said = error_message("error-delivery-unexpected", reason=type(error).__name__)
    return DeliveryError(said, may_have_arrived=may_have_arrived)
