"""A DLQ with its queue and function in an account of `worlds.queue_service`, and people who use them."""

import json
from dataclasses import replace

from hypothesis import strategies as st

from watchme_analysis.queues.redrive_list import ListedMessage
from watchme_analysis.remedies.redrive import RedriveTask
from worlds.clocked_session import Plan
from worlds.kills import restarted
from worlds.queue_service import Refused

# Operations of SQS that a run on a DLQ calls.
QUEUE_CALLS = ("ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch", "GetQueueAttributes")


def faults(calls):
    """Return the strategy of what happens to calls, for `Service.faults`."""
    kinds = st.sampled_from(("throttle", "error", "drop", "lose"))
    return st.dictionaries(st.tuples(st.sampled_from(calls), st.integers(1, 4)), kinds, max_size=3)


def kill_plans(calls):
    """Return the strategy of the call at which a run dies, if it does."""
    moments = st.tuples(st.sampled_from(calls), st.integers(1, 4), st.sampled_from(("before", "after")))
    return st.none() | moments


def session_of(clocked, plan=None):
    """Return a session that remembers nothing, as in a process of its own."""
    return replace(restarted(clocked), plan=plan or Plan())


class World:
    """A queue with its DLQ and its function, and the failed messages of the DLQ.

    ``scripts`` has what the function does with each failed message, at each attempt. ``planned`` is the body
    of each by its id in the DLQ; ``actors`` are names of methods with the seconds after which they act.
    """

    def __init__(self, server, scripts, *, actors=(), seed=0, function=(), **account):
        self.service = service = server.new(seed)
        vars(service).update(account)
        self.dlq = service.queue("uploads-dlq", retention_s=1_209_600)
        self.source = service.queue("uploads", visibility_s=30, dlq=self.dlq, most_receives=3)
        bodies = [json.dumps({"device": f"device-{place}", "place": place}) for place in range(len(scripts))]
        self.scripts = dict(zip(bodies, scripts, strict=True))
        self.planned = {service.put_failed(self.dlq, self.source, body).id: body for body in bodies}
        service.function("worker", self.source, behaviour=self.behaviour, **dict(function))
        self.act(actors)

    def act(self, actors):
        """Let others act, each after so many seconds."""
        for after_s, actor in actors:
            self.service.clock.at(self.service.clock.now + after_s, getattr(self, actor))

    def behaviour(self, body, attempt):
        script = self.scripts.get(body, ("work",))
        return script[min(attempt, len(script)) - 1]

    def task(self, **more):
        """Return the redrive of the failed messages, with ``more`` parameters of SendMessage."""
        items = tuple(
            ListedMessage(
                json.dumps(
                    {"QueueUrl": self.source.url, "MessageBody": body, "MessageAttributes": {}, **more}
                ),
                name,
                self.source.name,
            )
            for name, body in self.planned.items()
        )
        return RedriveTask(self.source.url, items, self.dlq.url)

    def deleted(self):
        """Return the ids of the messages of the DLQ that the tool has deleted."""
        return {name for name, by in self.dlq.deleted.items() if by == "tool"}

    def refuse_deletion(self, name):
        """Let SQS refuse to delete a message, by its id."""
        delete = self.service.delete

        def refusing(queue, handle, by):
            if name in handle:
                raise Refused("ReceiptHandleIsInvalid")
            delete(queue, handle, by)

        self.service.delete = refusing

    # Other people and consumers.

    def peeks(self):
        self.service.receive(self.dlq, 10, 30)

    def resends(self):
        for message in self.service.receive(self.dlq, 1, 30):
            self.service.send(self.source, message.body, sender="operator")
            self.service.delete(self.dlq, message.handles[-1], "operator")

    def discards(self):
        for message in self.service.receive(self.dlq, 1, 30):
            self.service.delete(self.dlq, message.handles[-1], "operator")

    def consumes(self):
        for message in self.service.receive(self.source, 2):
            self.service.processed[message.body] += 1
            self.service.note(self.source, "processed", message, "consumer")
            self.service.delete(self.source, message.handles[-1], "consumer")

    def holds(self):
        self.service.receive(self.source, 2)

    def arrives(self):
        self.service.send(self.source, json.dumps({"device": "new"}))

    def fails(self):
        self.service.put_failed(self.dlq, self.source, json.dumps({"device": "failed"}), ago_s=1.0)
