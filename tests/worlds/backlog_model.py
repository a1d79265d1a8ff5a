"""A discrete-event model of queues, pollers, functions and APIs, for made-up evidence of backlogs.

It follows what AWS documents of SQS and Lambda and shares no code with the package, so that the package's
own simulator and analyses can be held against it. Times are seconds from the start of the world.
"""

import heapq
import itertools
import math
from collections import defaultdict
from dataclasses import dataclass, field

RETRY_THROTTLED_S = (3.0, 9.0)
# Errors that end the process or never let the code begin.
CRASHES = frozenset({"import", "handler", "syntax", "killed"})


@dataclass
class Message:
    """A message and its fate."""

    number: str
    sent: float
    device: str
    key: str
    body: str
    poison: str | None = None
    group: str | None = None
    receives: int = 0
    ran_well: bool = False


@dataclass
class Api:
    """What a function calls: seconds and outcome by the moment of the call."""

    seconds: float
    spread: float = 0.35
    # (start, end, kind, amount): hang, slow (times as long), creep (doubles every `amount` s), line, or the
    # text of a quick failure such as "down", of the share `amount` of calls
    faults: list = field(default_factory=list)
    # How long callers wait for an answer before they give up themselves.
    patience_s: float | None = None
    slots: int | None = None
    busy: list = field(default_factory=list)

    def call(self, now, rng):
        took = self.seconds * math.exp(rng.gauss(0.0, self.spread))
        outcome = None
        for start, end, kind, amount in self.faults:
            if not start <= now < end:
                continue
            if kind == "slow":
                took *= amount
            elif kind == "creep":
                took *= math.exp(math.log(2.0) * (now - start) / amount)
            elif kind == "line":
                took *= 1.0 + (now - start) / amount
            elif amount is None or amount >= 1.0 or rng.random() < amount:
                outcome = kind
        if outcome == "hang":
            return (math.inf, None) if self.patience_s is None else (self.patience_s, "read timeout")
        if outcome is not None:
            return 0.05 + rng.random() * 0.2, outcome
        if self.slots is not None:
            # An overrun API makes callers wait for a free slot.
            while self.busy and self.busy[0] <= now:
                heapq.heappop(self.busy)
            begin = now if len(self.busy) < self.slots else heapq.heappop(self.busy)
            heapq.heappush(self.busy, begin + took)
            took += begin - now
        if self.patience_s is not None and took > self.patience_s:
            return self.patience_s, "read timeout"
        return took, None


@dataclass
class Function:
    """A function with its limits, its code's faults and what it counted."""

    name: str
    api: Api
    own_s: float
    timeout_s: float
    reserved: int | None = None
    # (start, end, error text, seconds, share): the share of runs that start in between end so
    broken: list = field(default_factory=list)
    running: int = 0
    # Moments from which on it has so much memory, in MB.
    memory: list = field(default_factory=lambda: [(0.0, 256)])


@dataclass
class Queue:
    """A queue, its mapping and its redrive policy."""

    name: str
    function: Function
    visibility_s: float
    dlq: str | None
    max_receives: int = 3
    batch: int = 1
    partial: bool = False
    max_concurrency: int | None = None
    filter: str | None = None
    retention_s: float = 345_600.0
    fifo: bool = False
    off: list = field(default_factory=list)
    # What its mapping says in the end, where that isn't what `off` makes of it; empty: it was deleted.
    state: str | None = None
    # (moment, seconds) at which the visibility timeout was set anew; (moment,) of purges
    visibility_set: list = field(default_factory=list)
    purges: list = field(default_factory=list)
    reserved_set: list = field(default_factory=list)
    waiting: list = field(default_factory=list)
    alive: dict = field(default_factory=dict)
    in_flight: set = field(default_factory=set)
    groups: set = field(default_factory=set)
    held: int = 0
    dead: list = field(default_factory=list)
    lost: int = 0
    poll_due: bool = False


class Model:
    """The world: run it once, then read what it counted."""

    def __init__(self, queues, seconds, rng):
        self.queues, self.seconds, self.rng = queues, seconds, rng
        self.minutes = math.ceil(seconds / 60.0)
        self.counts = defaultdict(lambda: [0.0] * self.minutes)
        self.runs = defaultdict(lambda: defaultdict(list))
        self.at_once = defaultdict(dict)
        self.log = defaultdict(list)
        self.work = [0.0] * self.minutes
        self.firsts = {}
        self._heap, self._order = [], itertools.count()
        self._ids = random_ids(rng)

    def at(self, moment, act, *args):
        heapq.heappush(self._heap, (moment, next(self._order), act, args))

    def run(self, arrivals, events=()):
        """Run the world over arrivals and over what people do to it.

        An arrival is (seconds, queue, device, key, body, poison error or None), an event (seconds, act); act
        gets the model.
        """
        for moment, queue, *content in arrivals:
            self.at(moment, self._send, queue, content)
        for moment, act in events:
            self.at(moment, act, self)
        for queue in self.queues:
            for start, end in queue.off:
                self.at(min(end, self.seconds), self.poll, queue)
                self.firsts.setdefault((queue.name, "off"), start)
            for moment, seconds in queue.visibility_set:
                self.at(moment, setattr, queue, "visibility_s", seconds)
            for moment, number in queue.reserved_set:
                self.at(moment, setattr, queue.function, "reserved", number)
            for moment in queue.purges:
                self.at(moment, self._purge, queue)
        for minute in range(self.minutes):
            self.at(60.0 * minute + 59.0, self._sample, minute)
        while self._heap and self._heap[0][0] < self.seconds:
            self.now, _, act, args = heapq.heappop(self._heap)
            act(*args)

    def count(self, name, what, number=1):
        self.counts[name, what][int(self.now // 60)] += number

    def _send(self, queue, content):
        device, key, body, poison = content
        message = Message(next(self._ids), self.now, device, key, body, poison)
        message.group = device if queue.fifo else None
        queue.alive[message.number] = message
        queue.waiting.append(message)
        self.count(queue.name, "sent")
        self.poll(queue)

    def poll(self, queue):
        """Let the pollers take what waits, a moment later."""
        if not queue.poll_due:
            queue.poll_due = True
            self.at(self.now + 0.02 + 0.3 * self.rng.random(), self._take, queue)

    def _take(self, queue):
        queue.poll_due = False
        if any(start <= self.now < end for start, end in queue.off):
            return
        function = queue.function
        most = queue.max_concurrency or 40
        while queue.waiting and queue.held < most:
            batch = self._receive(queue)
            if not batch:
                return
            queue.held += 1
            self._start(queue, batch, self.now + queue.visibility_s, 0)
            if function.reserved is not None and queue.held >= max(5, 3 * function.reserved):
                return

    def _receive(self, queue):
        """Take a batch of waiting messages; one received too often moves to the dead-letter queue."""
        batch, left = [], []
        for place, message in enumerate(queue.waiting):
            if len(batch) >= queue.batch:
                left.extend(queue.waiting[place:])
                break
            if message.number not in queue.alive:
                continue
            if queue.dlq is not None and message.receives >= queue.max_receives:
                del queue.alive[message.number]
                message.receives += 1
                queue.dead.append((self.now, message))
                self.firsts.setdefault((queue.name, "dead"), self.now)
                queue.groups.discard(message.group)
                continue
            if message.group is not None and message.group in queue.groups:
                left.append(message)
                continue
            message.receives += 1
            if message.group is not None:
                queue.groups.add(message.group)
            queue.in_flight.add(message.number)
            self.count(queue.name, "received")
            self.at(self.now + queue.visibility_s, self._back, queue, message, message.receives)
            batch.append(message)
        queue.waiting = left
        return batch

    def _back(self, queue, message, receives):
        """Show a message again whose visibility timeout has passed."""
        if message.number not in queue.alive or message.receives != receives:
            return
        queue.in_flight.discard(message.number)
        queue.groups.discard(message.group)
        if message.group is not None:
            queue.waiting.insert(0, message)
        else:
            queue.waiting.append(message)
        self.poll(queue)

    def _start(self, queue, batch, until, tries):
        function = queue.function
        if function.reserved is not None and function.running >= function.reserved:
            self.count(function.name, "throttles")
            self.firsts.setdefault((queue.name, "throttle"), self.now)
            again = self.now + self.rng.uniform(*RETRY_THROTTLED_S)
            if again < until:
                self.at(again, self._start, queue, batch, until, tries + 1)
            else:
                queue.held -= 1
                self.poll(queue)
            return
        function.running += 1
        minute = int(self.now // 60)
        self.at_once[function.name][minute] = max(
            self.at_once[function.name].get(minute, 0), function.running
        )
        seconds, errors, last = self._work(function, batch)
        failed = bool(errors)
        if failed:
            self.firsts.setdefault((queue.name, "failed"), self.now)
        runs = self.runs[function.name]
        # Code that does not load can't report which messages failed.
        crashed = last == "timeout" or not CRASHES.isdisjoint(errors.values())
        runs[minute].append((seconds, failed and (crashed or not queue.partial)))
        self._log(function, batch, seconds, errors, last)
        bad = {message.number for message in batch} if (errors and not queue.partial) else set(errors)
        receives = {message.number: message.receives for message in batch}
        self.at(self.now + seconds, self._end, queue, batch, bad, receives)

    def _work(self, function, batch):
        """Return how long a run takes, the errors by message, and how it ends: ok, error or timeout."""
        rng = self.rng
        for start, end, text, seconds, share in function.broken:
            if start <= self.now < end and (share >= 1.0 or rng.random() < share):
                took = seconds * math.exp(rng.gauss(0.0, 0.3))
                if took >= function.timeout_s:
                    return function.timeout_s, {item.number: "timeout" for item in batch}, "timeout"
                return took, {item.number: text for item in batch}, "error"
        seconds, errors = 0.0, {}
        for message in batch:
            seconds += function.own_s * math.exp(rng.gauss(0.0, 0.25))
            if message.poison == "hangs":
                return function.timeout_s, {item.number: "timeout" for item in batch}, "timeout"
            if message.poison is not None and (message.poison != "late" or message.receives == 1):
                errors[message.number] = message.poison
                continue
            took, outcome = function.api.call(self.now + seconds, rng)
            seconds += took
            if seconds >= function.timeout_s:
                return function.timeout_s, {item.number: "timeout" for item in batch}, "timeout"
            if outcome is None and rng.random() < 0.0004:
                outcome = "glitch"
            if outcome is not None:
                errors[message.number] = outcome
        minute = int(self.now // 60)
        self.work[minute] += seconds
        return seconds, errors, "error" if errors else "ok"

    def _log(self, function, batch, seconds, errors, how):
        request = next(self._ids)
        self.log[function.name].append((self.now, request, tuple(batch), seconds, dict(errors), how))

    def _end(self, queue, batch, bad, receives):
        queue.function.running -= 1
        queue.held -= 1
        for message in batch:
            if message.number in bad:
                continue
            message.ran_well = True
            # A FIFO queue refuses to delete by a receipt whose visibility timeout has passed.
            if queue.fifo and message.receives != receives.get(message.number):
                continue
            if queue.fifo and message.number not in queue.in_flight:
                continue
            self.count(queue.name, "deleted")
            queue.in_flight.discard(message.number)
            queue.groups.discard(message.group)
            queue.alive.pop(message.number, None)
        self.poll(queue)

    def _purge(self, queue):
        queue.lost += len(queue.alive)
        for message in list(queue.alive.values()):
            queue.in_flight.discard(message.number)
            queue.groups.discard(message.group)
        queue.alive.clear()
        queue.waiting.clear()

    def expire(self, queue):
        """Delete the messages of a queue that are older than its retention."""
        for message in list(queue.alive.values()):
            if self.now - message.sent > queue.retention_s:
                del queue.alive[message.number]
                queue.in_flight.discard(message.number)
                queue.lost += 1

    def _sample(self, minute):
        for queue in self.queues:
            in_flight = len(queue.in_flight)
            self.counts[queue.name, "visible"][minute] = len(queue.alive) - in_flight
            self.counts[queue.name, "in_flight"][minute] = in_flight
            if queue.alive:
                oldest = next(iter(queue.alive.values())).sent
                self.counts[queue.name, "age_s"][minute] = math.floor(self.now - oldest)
            off = any(start <= self.now < end for start, end in queue.off)
            self.counts[queue.name, "empty_receives"][minute] = 0 if off else max(0, 15 - min(15, in_flight))
            if queue.dlq is not None:
                self.counts[queue.dlq, "visible"][minute] += len(queue.dead)


def random_ids(rng):
    """Yield ids in the shape of a UUID."""
    while True:
        text = f"{rng.getrandbits(128):032x}"
        yield f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
