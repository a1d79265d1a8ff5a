"""A simulated SQS queue, standard or FIFO: which messages may be received, and what became of each."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush

from watchme_analysis.analysis.simulation_settings import Arrivals, QueueSettings

VISIBLE, IN_FLIGHT, DELETED, DEAD, EXPIRED, UNSENT = range(6)

# Receives in vain after which a message goes to the back and no longer makes the queue old.
NOT_COUNTED_FROM = 3


class StandardQueue:
    """Messages are known by their position in the arrivals.

    A receive is known by its number, so that what an earlier receive left behind is told from a later one.
    Whatever leaves the queue stays in the list of the ready until it is met there: taking it out costs more.
    """

    def __init__(self, settings: QueueSettings, arrivals: Arrivals) -> None:
        self.settings = settings
        self.sent_s = arrivals.sent_s
        self.state = bytearray([UNSENT]) * len(arrivals.sent_s)
        self.receives = [0] * len(arrivals.sent_s)
        self.counts = [0, 0, 0, 0, 0, len(arrivals.sent_s)]
        # (end of the visibility timeout, message, number of the receive), which is in order of time
        self.hidden: deque[tuple[float, int, int]] = deque()
        self.peak_visible = 0
        self._ready: deque[int] = deque()
        self._oldest = 0
        limit = settings.max_receive_count
        self._max_receives = float("inf") if limit is None else limit

    def _move(self, message: int, state: int) -> None:
        self.counts[self.state[message]] -= 1
        self.counts[state] += 1
        self.state[message] = state

    def send(self, message: int) -> None:
        """Take a message from its producer."""
        self._show(message)

    def _show(self, message: int) -> None:
        self._move(message, VISIBLE)
        self.peak_visible = max(self.peak_visible, self.counts[VISIBLE])
        self._offer(message)

    def _offer(self, message: int) -> None:
        self._ready.append(message)

    def has_ready(self) -> bool:
        """Return whether a receive could find something (or only what must leave the queue)."""
        return bool(self._ready)

    def receive(self, now_s: float, at_most: int) -> list[int]:
        """Return the messages of one receive; those received too often or too old leave the queue instead."""
        ready = self._ready
        taken: list[int] = []
        while ready and len(taken) < at_most:
            message = ready.popleft()
            if self._take(message, now_s):
                taken.append(message)
        return taken

    def _take(self, message: int, now_s: float) -> bool:
        if self.state[message] != VISIBLE:
            return False
        if self.sent_s[message] + self.settings.retention_s <= now_s:
            self._move(message, EXPIRED)
            return False
        if self.receives[message] >= self._max_receives:
            self._move(message, DEAD)
            return False
        self._move(message, IN_FLIGHT)
        self.receives[message] += 1
        self.hidden.append((now_s + self.settings.visibility_timeout_s, message, self.receives[message]))
        return True

    def delete(self, message: int, receive: int) -> None:
        """Delete a message with the handle of a receive; a standard queue takes old handles too."""
        if self.state[message] in {VISIBLE, IN_FLIGHT}:
            self._move(message, DELETED)

    def next_return_s(self) -> float:
        """Return when the next message in flight becomes visible again, infinity for never."""
        hidden, state, receives = self.hidden, self.state, self.receives
        while hidden:
            end_s, message, receive = hidden[0]
            if state[message] == IN_FLIGHT and receives[message] == receive:
                return end_s
            hidden.popleft()
        return float("inf")

    def return_first(self) -> None:
        """Make the message of :meth:`next_return_s` visible."""
        self._show(self.hidden.popleft()[1])

    def expire(self, now_s: float) -> None:
        """Drop all messages beyond their retention, in flight or not."""
        position = self._skip_gone()
        while position < len(self.sent_s) and self.sent_s[position] + self.settings.retention_s <= now_s:
            if self.state[position] in {VISIBLE, IN_FLIGHT}:
                self._leave(position)
            position += 1

    def _leave(self, message: int) -> None:
        self._move(message, EXPIRED)

    def _skip_gone(self) -> int:
        position, state = self._oldest, self.state
        while position < len(state) and DELETED <= state[position] <= EXPIRED:
            position += 1
        self._oldest = position
        return position

    def age_s(self, now_s: float) -> float:
        """Return the age of the oldest message as CloudWatch has it, 0 without one.

        A message that was received more than three times in vain doesn't count any more, and one that was
        received three times counts until it comes back.
        """
        state, receives = self.state, self.receives
        for position in range(self._skip_gone(), len(state)):
            if state[position] == UNSENT:
                break
            is_put_back = receives[position] + (state[position] == VISIBLE) > NOT_COUNTED_FROM
            if state[position] in {VISIBLE, IN_FLIGHT} and not is_put_back:
                return now_s - self.sent_s[position]
        return 0.0

    def left(self) -> int:
        """Return how many messages are visible or in flight."""
        return self.counts[VISIBLE] + self.counts[IN_FLIGHT]


class FifoQueue(StandardQueue):
    """Messages of a group are received in order, and none while another of the group is in flight."""

    def __init__(self, settings: QueueSettings, arrivals: Arrivals) -> None:
        super().__init__(settings, arrivals)
        self.groups = arrivals.groups or [0] * len(arrivals.sent_s)
        self._waiting: dict[int, list[int]] = {}  # heaps: positions are in order of sending
        self._in_flight: dict[int, int] = {}
        self._listed: set[int] = set()

    def _list(self, group: int) -> None:
        if group not in self._listed and self._waiting.get(group) and not self._in_flight.get(group):
            self._listed.add(group)
            self._ready.append(group)

    def _offer(self, message: int) -> None:
        group = self.groups[message]
        heappush(self._waiting.setdefault(group, []), message)
        self._list(group)

    def receive(self, now_s: float, at_most: int) -> list[int]:
        """Return the messages of one receive, those of a group in their order."""
        taken: list[int] = []
        while self._ready and len(taken) < at_most:
            group = self._ready.popleft()
            self._listed.discard(group)
            waiting = self._waiting[group]
            while waiting and len(taken) < at_most:
                message = heappop(waiting)
                if self._take(message, now_s):
                    taken.append(message)
                    self._in_flight[group] = self._in_flight.get(group, 0) + 1
        return taken

    def _release(self, message: int) -> None:
        group = self.groups[message]
        self._in_flight[group] -= 1
        self._list(group)

    def delete(self, message: int, receive: int) -> None:
        """Delete a message; a handle whose visibility timeout has ended is refused."""
        if self.state[message] == IN_FLIGHT and self.receives[message] == receive:
            self._move(message, DELETED)
            self._release(message)

    def return_first(self) -> None:
        """Make the message of :meth:`next_return_s` visible, and its group free when it was the last."""
        message = self.hidden.popleft()[1]
        self._in_flight[self.groups[message]] -= 1
        self._show(message)

    def _leave(self, message: int) -> None:
        was_in_flight = self.state[message] == IN_FLIGHT
        self._move(message, EXPIRED)
        if was_in_flight:
            self._release(message)


def queue_of(settings: QueueSettings, arrivals: Arrivals) -> StandardQueue:
    """Return a queue of the kind that is set."""
    return FifoQueue(settings, arrivals) if settings.is_fifo else StandardQueue(settings, arrivals)
