"""A simulated SQS queue, standard, fair or FIFO: the messages that may be received, and the state of each."""

from __future__ import annotations

from collections import Counter, deque
from heapq import heappop, heappush
from math import exp

from watchme_analysis.simulation.event_calendar import EventCalendar
from watchme_analysis.simulation.settings import Arrivals, QueueSettings

VISIBLE, IN_FLIGHT, DELETED, DEAD, EXPIRED, UNSENT = range(6)

# End of the visibility timeout, position of the message, and its receive count.
Receipt = tuple[float, int, int]

# Failed receives after which a message goes to the back and no longer counts for the queue's age.
NOT_COUNTED_FROM = 3


class StandardQueue:
    """A standard queue; messages are identified by their position in the arrivals.

    A receive is identified by its number, so that receipts of earlier receives are recognized as stale.
    Messages that leave the queue stay in the ready list until they are met there, because removal is slower.
    """

    def __init__(self, settings: QueueSettings, arrivals: Arrivals) -> None:
        self.sent_s = arrivals.sent_s
        self.state = bytearray([UNSENT]) * len(arrivals.sent_s)
        self.receives = [0] * len(arrivals.sent_s)
        self.sent = 0
        self.left = 0  # visible or in flight
        self.hidden: deque[Receipt] = deque()  # in order of time
        # Messages that a receive may find here are visible, or have to leave the queue.
        self.ready: deque[int] = deque()
        self.returned: deque[int] = deque()
        self._oldest = 0
        self.dead = 0
        # Messages with at most so many receives return ahead of messages that wait.
        self._first_until = NOT_COUNTED_FROM if settings.returns_first else 0
        self.visibility_s, self._retention_s = settings.visibility_timeout_s, settings.retention_s
        limit = settings.max_receive_count
        self.max_receives = float("inf") if limit is None else limit

    def count(self, state: int) -> int:
        """Return the number of messages that are visible, or in flight."""
        # No message before the oldest remaining message is in either state.
        return self.state.count(state, self._oldest)

    def send(self, message: int) -> None:
        """Add a message from its producer."""
        self.sent += 1
        self.left += 1
        self.state[message] = VISIBLE
        self._offer(message)

    def _offer(self, message: int, *, is_first: bool = False) -> None:
        """Let a message be received, ahead of those that wait or behind them."""
        (self.returned if is_first else self.ready).append(message)

    def receive(self, now_s: float, at_most: int, only: deque[int] | None = None) -> list[Receipt]:
        """Return the receipts of one receive; messages expired or received too often leave the queue.

        Messages are taken from all that are ready, or from ``only``.
        """
        ready = self.ready if only is None else only
        returned, state, receives = self.returned, self.state, self.receives
        taken: list[Receipt] = []
        while ready or returned:
            message = returned.popleft() if returned else ready.popleft()
            if state[message]:  # any state but VISIBLE, which is 0
                continue
            number = receives[message] + 1
            if number > self.max_receives or self.sent_s[message] + self._retention_s <= now_s:
                self._refuse(message, now_s)
                continue
            state[message] = IN_FLIGHT
            receives[message] = number
            receipt = (now_s + self.visibility_s, message, number)
            self.hidden.append(receipt)
            taken.append(receipt)
            if len(taken) == at_most:
                break
        return taken

    def _refuse(self, message: int, now_s: float) -> None:
        """Expire a message that is too old, or move it to the DLQ after too many receives."""
        is_old = self.sent_s[message] + self._retention_s <= now_s
        self._leave(message, EXPIRED if is_old else DEAD)

    def _leave(self, message: int, state: int) -> None:
        self.state[message] = state
        self.left -= 1
        self.dead += state == DEAD

    def delete(self, receipt: Receipt) -> None:
        """Delete a message if the receipt is that of its latest receive; an older receipt has no effect."""
        _, message, number = receipt
        if self.state[message] <= IN_FLIGHT and self.receives[message] == number:
            self.state[message] = DELETED
            self.left -= 1

    def is_hidden(self, receipt: Receipt) -> bool:
        """Return whether a message is still in flight from this receive."""
        _, message, number = receipt
        return self.state[message] == IN_FLIGHT and self.receives[message] == number

    def come_back(self, message: int) -> None:
        """Make a message visible again after the end of its visibility timeout.

        It is received before newer messages if ``returns_first`` is set, unless it returned too often.
        """
        self.state[message] = VISIBLE
        self._offer(message, is_first=self.receives[message] <= self._first_until)

    def expire(self, now_s: float) -> None:
        """Drop all messages beyond their retention, also those in flight."""
        position = self._skip_gone()
        while position < len(self.sent_s) and self.sent_s[position] + self._retention_s <= now_s:
            if self.state[position] <= IN_FLIGHT:
                self._leave(position, EXPIRED)
            position += 1

    def _skip_gone(self) -> int:
        position, state = self._oldest, self.state
        while position < len(state) and DELETED <= state[position] <= EXPIRED:
            position += 1
        self._oldest = position
        return position

    def age_s(self, now_s: float) -> float:
        """Return the age of the oldest message as CloudWatch counts it, 0 without messages.

        A message with more than three failed receives does not count, and a message with three receives
        counts until it returns.
        """
        state, receives = self.state, self.receives
        for position in range(self._skip_gone(), len(state)):
            if state[position] == UNSENT:
                break
            is_put_back = receives[position] + (state[position] == VISIBLE) > NOT_COUNTED_FROM
            if state[position] <= IN_FLIGHT and not is_put_back:
                return now_s - self.sent_s[position]
        return 0.0

    def oldest_s(self, now_s: float) -> float:
        """Return the age in seconds of the oldest remaining message, 0 without messages."""
        position = self._skip_gone()
        if position == len(self.state) or self.state[position] == UNSENT:
            return 0.0
        return now_s - self.sent_s[position]


class FifoQueue(StandardQueue):
    """A FIFO queue: messages of a group are received in order, and only while none of them is in flight."""

    def __init__(self, settings: QueueSettings, arrivals: Arrivals) -> None:
        super().__init__(settings, arrivals)
        self.groups = arrivals.groups or [0] * len(arrivals.sent_s)
        self._waiting: dict[int, list[int]] = {}  # heaps: positions are in order of sending
        self._in_flight: dict[int, int] = {}
        self._listed: set[int] = set()

    def _list(self, group: int) -> None:
        if group not in self._listed and self._waiting.get(group) and not self._in_flight.get(group):
            self._listed.add(group)
            self.ready.append(group)

    def _offer(self, message: int, *, is_first: bool = False) -> None:
        group = self.groups[message]
        heappush(self._waiting.setdefault(group, []), message)
        self._list(group)

    def receive(self, now_s: float, at_most: int, only: deque[int] | None = None) -> list[Receipt]:
        """Return the receipts of one receive, with the messages of a group in order."""
        taken: list[Receipt] = []
        while self.ready and len(taken) < at_most:
            group = self.ready.popleft()
            self._listed.discard(group)
            waiting = self._waiting[group]
            while waiting and len(taken) < at_most:
                for receipt in super().receive(now_s, 1, deque([heappop(waiting)])):
                    taken.append(receipt)
                    self._in_flight[group] = self._in_flight.get(group, 0) + 1
        return taken

    def _release(self, message: int) -> None:
        group = self.groups[message]
        self._in_flight[group] -= 1
        self._list(group)

    def delete(self, receipt: Receipt) -> None:
        """Delete a message; a receipt whose visibility timeout has ended is refused."""
        _, message, number = receipt
        if self.state[message] == IN_FLIGHT and self.receives[message] == number:
            super().delete(receipt)
            self._release(message)

    def come_back(self, message: int) -> None:
        """Make a message visible again, and its group available if no other message of it is in flight."""
        self._in_flight[self.groups[message]] -= 1
        super().come_back(message)

    def _leave(self, message: int, state: int) -> None:
        was_in_flight = self.state[message] == IN_FLIGHT
        super()._leave(message, state)
        if was_in_flight:
            self._release(message)


# A group is noisy with more than this share of the messages in flight, and at least so many, or with more
# than this share of recent processing time. AWS calls the thresholds approximate, and does not publish how
# long "recent" is; five minutes without a message end the state. See the Amazon SQS Developer Guide, "How
# Amazon SQS fair queues work".
NOISY_SHARE = 0.1
NOISY_IN_FLIGHT = 30
_RECENT_S = 300.0


class FairQueue(StandardQueue):
    """A standard queue whose messages have groups: those of quiet groups are received before noisy ones.

    Of several noisy groups, the one with the fewest messages in flight comes first. Messages of a group may
    be in flight together, and nothing is held back when no quiet message waits.
    """

    def __init__(self, settings: QueueSettings, arrivals: Arrivals, calendar: EventCalendar) -> None:
        super().__init__(settings, arrivals)
        self.groups = arrivals.groups or [0] * len(arrivals.sent_s)
        self._calendar = calendar
        self._waiting: dict[int, deque[int]] = {}
        self._in_flight: Counter[int] = Counter()
        # Recent processing time of each group, fading, and when it was counted last.
        self._busy: dict[int, tuple[float, float]] = {}

    def _offer(self, message: int, *, is_first: bool = False) -> None:
        group = self.groups[message]
        waiting = self._waiting.setdefault(group, deque())
        if not waiting:
            self.ready.append(group)
        if is_first:
            waiting.appendleft(message)
        else:
            waiting.append(message)

    def receive(self, now_s: float, at_most: int, only: deque[int] | None = None) -> list[Receipt]:
        """Return the receipts of one receive."""
        taken: list[Receipt] = []
        while self.ready and len(taken) < at_most:
            group = self._next(now_s)
            waiting = self._waiting[group]
            message = waiting.popleft()
            if not waiting:
                self.ready.remove(group)
            for receipt in super().receive(now_s, 1, deque([message])):
                taken.append(receipt)
                self._count(group, 1)
        return taken

    def _next(self, now_s: float) -> int:
        """Return the group of the next message."""
        if len(self.ready) == 1:
            return self.ready[0]
        in_flight = self._in_flight.total()
        busy = {group: self._busy_s(group, now_s) for group in self._busy}
        most_busy_s = NOISY_SHARE * sum(busy.values())

        def is_noisy(group: int) -> bool:
            own = self._in_flight[group]
            by_flight = own >= NOISY_IN_FLIGHT and own > NOISY_SHARE * in_flight
            return by_flight or busy.get(group, 0.0) > most_busy_s

        def rank(group: int) -> tuple[float, ...]:
            noisy = is_noisy(group)
            return (noisy, self._in_flight[group] if noisy else 0, self._waiting[group][0])

        return min(self.ready, key=rank)

    def _busy_s(self, group: int, now_s: float) -> float:
        before_s, since_s = self._busy.get(group, (0.0, now_s))
        left = exp((since_s - now_s) / _RECENT_S)
        return before_s * left + self._in_flight[group] * _RECENT_S * (1.0 - left)

    def _count(self, group: int, change: int) -> None:
        now_s = self._calendar.now_s
        self._busy[group] = (self._busy_s(group, now_s), now_s)
        self._in_flight[group] += change

    def delete(self, receipt: Receipt) -> None:
        """Delete a message if the receipt is that of its latest receive."""
        if self.is_hidden(receipt):
            self._count(self.groups[receipt[1]], -1)
        super().delete(receipt)

    def come_back(self, message: int) -> None:
        """Make a message visible again after the end of its visibility timeout."""
        self._count(self.groups[message], -1)
        super().come_back(message)

    def _leave(self, message: int, state: int) -> None:
        if self.state[message] == IN_FLIGHT:
            self._count(self.groups[message], -1)
        super()._leave(message, state)


def queue_of(settings: QueueSettings, arrivals: Arrivals, calendar: EventCalendar) -> StandardQueue:
    """Return a queue of the configured type."""
    if settings.is_fifo:
        return FifoQueue(settings, arrivals)
    return FairQueue(settings, arrivals, calendar) if settings.is_fair else StandardQueue(settings, arrivals)
