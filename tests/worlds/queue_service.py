"""SQS, an event source mapping of Lambda and its logs, with the truth about every message.

Written from AWS's documentation alone, without a look at the code that tests run against it: the developer
guide of SQS (at-least-once delivery, short polling, visibility timeout, dead-letter queues), the reference of
the operations, Lambda's guides on SQS (batches, ``ReportBatchItemFailures``) and on logs (text and JSON).

Time is a `Clock` that stands still until somebody waits, so that minutes take milliseconds. All chance comes
from the generator of the `Service`. There are standard queues alone, and no delayed messages or move tasks.
`worlds.queue_endpoint` serves it to boto3.
"""

import heapq
import json
import random
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from worlds.quick_clock import Skipped

ACCOUNT = "123456789012"
REGION = "ap-southeast-2"
# How a function treats a message. "work" does the work, "late" does it and fails or times out afterwards, and
# "claim" says that it did and then reports that it failed.
BEHAVIOURS = ("work", "raise", "timeout", "report", "claim", "skip", "late", "late timeout")
EPOCH_S = 1_765_000_000.0
# A receipt handle lets the visibility of a message be extended to this many seconds after it was received.
MOST_HIDDEN_S = 43_200


class Clock:
    """A clock that only `advance` moves, and what is to happen at which time."""

    def __init__(self, now=EPOCH_S):
        self.now = now
        self._due, self._order = [], count()

    def at(self, when, action):
        heapq.heappush(self._due, (max(when, self.now), next(self._order), action))

    def advance(self, seconds):
        end = self.now + seconds
        while self._due and self._due[0][0] <= end:
            self.now, _, action = heapq.heappop(self._due)
            action()
        self.now = end


class WallClock(Clock):
    """The clock of this machine, ahead by the waits that sessions skipped.

    Whatever is due happens at the next look.
    """

    skipped = Skipped()
    now = property(lambda self: time.time() + self.skipped.seconds, lambda self, value: None)

    def advance(self, seconds):
        while self._due and self._due[0][0] <= self.now:
            heapq.heappop(self._due)[2]()


@dataclass
class Message:
    """A message of a queue; ``handles`` are its receipt handles, of which only the last one deletes it."""

    id: str
    body: str
    attributes: dict
    sent_s: float
    sender: str
    visible_s: float = 0.0
    received: int = 0
    receives_here: int = 0
    first_s: float | None = None
    source: str | None = None
    handles: list = field(default_factory=list)


@dataclass
class Queue:
    """A standard queue; ``deleted`` names who deleted a message of it, by message id."""

    name: str
    visibility_s: int = 30
    retention_s: float = 345_600.0
    dlq: "Queue | None" = None
    most_receives: int = 3
    messages: dict = field(default_factory=dict)
    deleted: dict = field(default_factory=dict)
    expired: set = field(default_factory=set)
    counted: deque = field(default_factory=lambda: deque(maxlen=8192))
    url: str = ""

    @property
    def arn(self):
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"


@dataclass
class Function:
    """A function and its mapping.

    ``behaviour(body, attempt)`` is one of `BEHAVIOURS`, ``names`` when the code logs the message id: "before"
    the work, "after" it, "both" or "never". A function that handles a failure itself reports it if the
    mapping has ReportBatchItemFailures; without, it raises. With ``prints``, its lines have no request id in
    the text format. ``named(message)`` is what it logs of a message. Each of its ``environments`` handles one
    batch at a time.
    """

    name: str
    source: Queue
    behaviour: Callable = lambda body, attempt: "work"
    names: str = "before"
    json_logs: bool = False
    reports: bool = False
    enabled: bool = True
    timeout_s: float = 3.0
    batch_size: int = 10
    takes_s: float = 0.1
    prints: bool = False
    named: Callable = lambda message: f"message {message.id}"
    environments: int = 1


def _stamp(seconds):
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Refused(Exception):  # noqa: N818 - what AWS calls an error code
    """An error response."""

    def __init__(self, code, text="", status=400):
        super().__init__(code)
        self.code, self.text, self.status = code, text, status


class Service:
    """An account with queues, functions and logs.

    Attributes
    ----------
    processed
        Bodies whose work was done, each as often as it was done.
    sent_by
        Ids of the messages that SendMessage accepted, by sender and body.
    sender
        Who calls over HTTP, as ``sent_by`` names them.
    calls
        Names of the operations that were called over HTTP, in order.
    faults
        What happens to the n-th call of an operation: "throttle", "error" (nothing happens), "drop" (the
        connection ends before it happens) or "lose" (it happens, and the response is lost).
    partial
        Share of the entries of batches that fail.
    repeats
        Probability that a receive also returns a message that is hidden or was deleted.
    log_delay_s, count_delay_s
        Longest time until a line can be read, and until the counts of a queue are right.
    """

    def __init__(self, seed=0, clock=None):
        self.clock, self.rng = clock or Clock(), random.Random(seed)
        self.queues, self.functions, self.logs = {}, {}, {}
        self.processed, self.sent_by, self.calls = Counter(), {}, []
        self.faults, self.partial, self.repeats, self.sender = {}, 0.0, 0.0, "tool"
        self.log_delay_s, self.count_delay_s, self.call_s = 5.0, 10.0, 0.02
        self.sparse, self.url, self.history = False, "", []
        self._gone = {}

    # What a test sets up, and what other people do.

    def queue(self, name, **options):
        found = self.queues[name] = Queue(name, url=f"{self.url}/{ACCOUNT}/{name}", **options)
        return found

    def function(self, name, source, **options):
        found = self.functions[name] = Function(name, source, **options)
        for number in range(found.environments):
            self.clock.at(self.clock.now + number / 7, lambda: self._poll(found, self._id()))
        return found

    def send(self, queue, body, attributes=None, *, sender="producer", ago_s=0.0):
        message = Message(self._id(), body, attributes or {}, self.clock.now - ago_s, sender)
        queue.messages[message.id] = message
        self.sent_by.setdefault((sender, body), []).append(message.id)
        self.note(queue, "sent", message, sender)
        return message

    def put_failed(self, dlq, source, body, attributes=None, *, ago_s=3600.0):
        """Put a message into a DLQ that its source queue has given up."""
        message = self.send(dlq, body, attributes, sender="producer", ago_s=ago_s)
        message.source, message.received = source.arn, source.most_receives + 1
        message.first_s = message.sent_s
        return message

    def receive(self, queue, most=10, hidden_s=None, *, whole=True):
        """Return messages with new receipt handles; ``whole=False`` asks only some of the servers."""
        now, found = self.clock.now, []
        self._expire(queue)
        ready = [each for each in queue.messages.values() if each.visible_s <= now]
        self.rng.shuffle(ready)
        if not whole:
            ready = [each for each in ready if self.rng.random() < 0.7]
        if self.rng.random() < self.repeats:
            gone = [each for each in self._gone.get(queue.name, ()) if each.id not in queue.messages]
            others = [each for each in queue.messages.values() if each.visible_s > now] + gone
            ready += self.rng.sample(others, min(1, len(others)))
        for message in ready:
            if len(found) == most:
                break
            if message.id in queue.messages and queue.dlq and message.receives_here >= queue.most_receives:
                self._move(queue, message)
                continue
            if message.id not in queue.messages:  # a server that missed the deletion
                self._gone[queue.name].remove(message)
                queue.messages[message.id] = message
            message.visible_s = now + (queue.visibility_s if hidden_s is None else hidden_s)
            message.received += 1
            message.receives_here += 1
            message.first_s = message.first_s or now
            message.handles.append(f"{queue.name}|{message.id}|{self._id()}")
            self.note(queue, "received", message)
            found.append(message)
        return found

    def delete(self, queue, handle, by):
        """Delete a message by its last receipt handle; an earlier one has no effect."""
        message = self._of_handle(queue, handle)
        if message is not None and message.handles[-1] == handle:
            del queue.messages[message.id]
            if message.id not in queue.deleted:  # a server misses a deletion once
                self._gone.setdefault(queue.name, []).append(message)
            queue.deleted[message.id] = by
            self.note(queue, "deleted", message, by)

    def hide(self, queue, handle, seconds):
        message = self._of_handle(queue, handle)
        if not 0 <= seconds <= MOST_HIDDEN_S:
            raise Refused("InvalidParameterValue", "VisibilityTimeout")
        if message is None or message.handles[-1] != handle:
            raise Refused(
                "InvalidParameterValue", "Message does not exist or is not available for the change"
            )
        if message.visible_s <= self.clock.now:
            raise Refused("MessageNotInflight", "The message is not in flight")
        message.visible_s = self.clock.now + seconds
        self._count(queue)

    def holds(self, body):
        """Return the names of the queues that hold a message with this body."""
        return {
            queue.name
            for queue in self.queues.values()
            for each in queue.messages.values()
            if each.body == body
        }

    def settle(self, seconds=900.0):
        """Let everything go on without the tool for some time."""
        self.clock.advance(seconds)

    # Messages.

    def _id(self):
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def note(self, queue, what, message, by=""):
        """Add an event to the history, after it happened."""
        moment_s = round(self.clock.now - EPOCH_S, 3)
        self.history.append((moment_s, queue.name, what, message.id, message.body, by))
        self._count(queue)

    def _of_handle(self, queue, handle):
        parts = handle.split("|")
        if len(parts) != 3 or parts[0] != queue.name:
            raise Refused("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
        return queue.messages.get(parts[1])

    def _move(self, queue, message):
        # A standard queue keeps the id and the time at which the message was first sent.
        del queue.messages[message.id]
        self._count(queue)
        message.source, message.visible_s, message.receives_here = queue.arn, 0.0, 0
        queue.dlq.messages[message.id] = message
        self.note(queue.dlq, "moved", message)

    def _expire(self, queue):
        for message in list(queue.messages.values()):
            if message.sent_s + queue.retention_s <= self.clock.now:
                del queue.messages[message.id]
                queue.expired.add(message.id)
                self.note(queue, "expired", message)

    def counts(self, queue):
        """Return the numbers of visible and of hidden messages, each as it was a short time ago.

        Both may be of different moments.
        """
        self._expire(queue)
        self._count(queue)
        found = []
        for is_hidden in (False, True):
            moment = self.clock.now - self.rng.uniform(0, self.count_delay_s)
            before = (each[1] for each in reversed(queue.counted) if each[0] <= moment)
            found.append(
                sum((visible_s > moment) == is_hidden for visible_s in next(before, queue.counted[0][1]))
            )
        return tuple(found)

    def _count(self, queue):
        queue.counted.append((self.clock.now, [each.visible_s for each in queue.messages.values()]))

    # The function.

    def _poll(self, function, stream):
        """Let an environment of a function, whose log has a stream of its own, take the next batch."""
        took_s, batch = 0.8, []
        if function.enabled:
            batch = [(each, each.handles[-1]) for each in self.receive(function.source, function.batch_size)]
        if batch:
            took_s, status = self._invoke(function, batch, stream)
            stream = self._id() if status == "timeout" else stream  # Lambda replaces the environment
        self.clock.at(self.clock.now + took_s + 0.2, lambda: self._poll(function, stream))

    def _invoke(self, function, batch, stream):
        """Start an invocation, and return how many seconds it takes and how it ends."""
        now, request = self.clock.now, self._id()
        lines, at_s, failed, status = [], 0.0, set(), "success"

        def log(level, text):
            prefix = "" if function.prints else f"[{level}]\t{_stamp(now + at_s)}\t{request}\t"
            line = {"timestamp": _stamp(now + at_s), "level": level, "message": text, "requestId": request}
            lines.append((at_s, f"{prefix}{text}\n", line))

        for message, _ in batch:
            act = function.behaviour(message.body, message.receives_here)
            if act == "skip":
                log("WARNING", f"skipping {function.named(message)}")
                continue
            if function.names in ("before", "both"):
                log("INFO", function.named(message))
            at_s += function.takes_s
            if act in ("work", "late", "late timeout"):
                self.clock.at(now + at_s, lambda each=message: self._work(function, each, request))
            if act in ("timeout", "late timeout"):
                at_s, status = function.timeout_s, "timeout"
                break
            if act == "claim":
                log("INFO", f"processed {function.named(message)}")
            if act in ("raise", "late") or (act in ("report", "claim") and not function.reports):
                raised = {"log_level": "ERROR", "errorMessage": "no file", "errorType": "OSError"}
                trace = '[ERROR] OSError: no file\nTraceback (most recent call last):\n  File "app.py"\n'
                lines.append((at_s, trace, {"timestamp": _stamp(now + at_s), "requestId": request, **raised}))
                status = "error"
                break
            if act in ("report", "claim"):
                failed.add(message.id)
            elif function.names in ("after", "both"):
                log("INFO", f"processed {function.named(message)}")
        self._write(function, stream, lines, (request, at_s, status))
        kept = failed if status == "success" else {each.id for each, _ in batch}
        for handle in [handle for message, handle in batch if message.id not in kept]:
            self.clock.at(now + at_s, lambda handle=handle: self.delete(function.source, handle, request))
        return at_s, status

    def _work(self, function, message, request):
        self.processed[message.body] += 1
        self.note(function.source, "processed", message, request)

    def _write(self, function, stream, lines, invocation):
        """Write the lines of an invocation, each of which can be read some time later."""
        request, ends_s, status = invocation
        took = f"Duration: {1000 * ends_s:.2f} ms\tBilled Duration: {1000 * ends_s:.0f} ms"
        report = {"requestId": request, "metrics": {"durationMs": 1000 * ends_s}, "status": status}
        ends = [
            (ends_s, f"END RequestId: {request}\n", None),
            (ends_s, f"REPORT RequestId: {request}\t{took}\n", {"type": "platform.report", "record": report}),
        ]
        if status == "timeout":
            at = _stamp(self.clock.now + ends_s)
            text = f"{at} {request} Task timed out after {ends_s:.2f} seconds\n\n"
            ends.insert(self.rng.randrange(3), (ends_s, text, None))
        start = {"type": "platform.start", "record": {"requestId": request, "version": "$LATEST"}}
        begins = [(0.0, f"START RequestId: {request} Version: $LATEST\n", start)]
        events = self.logs.setdefault(f"/aws/lambda/{function.name}", [])
        for at_s, text, line in [*begins, *lines, *ends]:
            if function.json_logs and line is None:
                continue
            moment = self.clock.now + at_s
            shown = json.dumps({"time": _stamp(moment), **line}) if function.json_logs else text
            readable_s = moment + self.rng.uniform(0.1, self.log_delay_s)
            events.append(
                (int(1000 * moment), len(events), f"2025/12/06/[$LATEST]{stream}", shown, readable_s)
            )
