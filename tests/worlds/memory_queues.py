"""Queues of SQS in memory, for remedies that are given a session: no server, and waits take no time."""

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from watchme_analysis.cloudwatch.session import Aws, NotFoundError

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/"
ARN = "arn:aws:sqs:eu-west-1:123456789012:"


@dataclass
class MemoryQueues(Aws):
    """A session whose account is queues in memory.

    Attributes
    ----------
    held
        Messages of each queue by id, as ReceiveMessage returns them, without receipt handle.
    hidden
        Ids of the messages in flight.
    attributes
        Further attributes of each queue.
    made
        Operation and parameters of each call, in order.
    waits
        Seconds of each wait.
    problems
        Exceptions that an operation raises, one for each call; None lets a call pass.
    answers
        Responses of an operation instead of its own, one for each call.
    responses
        The response of each other operation: a value, or a function of the parameters.
    before
        Functions to call before an operation.
    on_sleep
        Called at each wait.
    """

    held: dict = field(default_factory=dict)
    hidden: set = field(default_factory=set)
    attributes: dict = field(default_factory=lambda: defaultdict(dict))
    made: list = field(default_factory=list)
    waits: list = field(default_factory=list)
    problems: dict = field(default_factory=lambda: defaultdict(list))
    answers: dict = field(default_factory=lambda: defaultdict(list))
    responses: dict = field(default_factory=dict)
    before: dict = field(default_factory=lambda: defaultdict(list))
    on_sleep: object = None
    numbers: object = field(default_factory=lambda: count(1))

    region = "eu-west-1"
    target_name = "eu-west-1"

    def account(self):
        return "123456789012"

    def now(self):
        return datetime.now(UTC) + timedelta(seconds=sum(wait for wait in self.waits if wait > 0))

    def sleep(self, seconds):
        self.waits.append(seconds)
        if self.on_sleep:
            self.on_sleep()

    def put(self, queue, *bodies, **attributes):
        """Put messages named m1, m2, and so on into a queue, and return their ids."""
        messages = self.held.setdefault(queue, {})
        names = []
        for body in bodies:
            names.append(f"m{next(self.numbers)}")
            messages[names[-1]] = {
                "MessageId": names[-1],
                "Body": body,
                "MD5OfBody": hashlib.md5(body.encode()).hexdigest(),
                "Attributes": dict(attributes),
            }
        return names

    def operations(self, *left_out):
        """Return the operations called, without some."""
        return [operation for operation, _ in self.made if operation not in left_out]

    def call(self, service, operation, **parameters):
        self.made.append((operation, parameters))
        for act in self.before[operation]:
            act()
        if self.problems[operation] and (problem := self.problems[operation].pop(0)) is not None:
            raise problem
        if self.answers[operation]:
            return self.answers[operation].pop(0)
        if operation in self.responses:
            found = self.responses[operation]
            return found(parameters) if callable(found) else found
        name = parameters.get("QueueName") or parameters["QueueUrl"].removeprefix(URL)
        if name not in self.held:
            raise NotFoundError(f"{name} does not exist")
        return getattr(self, operation)(name, parameters)

    def client(self, service):
        return None

    def pages(self, service, operation, **parameters):
        yield self.call(service, operation, **parameters)

    def get_queue_url(self, name, parameters):
        return {"QueueUrl": URL + name}

    def get_queue_attributes(self, name, parameters):
        in_flight = len(self.hidden & self.held[name].keys())
        counts = {
            "ApproximateNumberOfMessages": str(len(self.held[name]) - in_flight),
            "ApproximateNumberOfMessagesNotVisible": str(in_flight),
        }
        return {"Attributes": {"QueueArn": ARN + name, **counts, **self.attributes[name]}}

    def send_message(self, name, parameters):
        # As SQS names messages, so that a log can be searched for them.
        message = f"00000000-0000-4000-8000-{next(self.numbers):012}"
        attributes = parameters.get("MessageAttributes", {})
        self.held[name][message] = {
            "MessageId": message, "Body": parameters["MessageBody"], "MessageAttributes": attributes
        }  # fmt: skip
        return {"MessageId": message}

    def receive_message(self, name, parameters):
        found = [one for key, one in self.held[name].items() if key not in self.hidden]
        found = found[: parameters["MaxNumberOfMessages"]]
        self.hidden |= {one["MessageId"] for one in found}
        messages = [{**one, "ReceiptHandle": f"handle-{one['MessageId']}"} for one in found]
        return {"Messages": messages} if messages else {}

    def delete_message_batch(self, name, parameters):
        for entry in parameters["Entries"]:
            message = entry["ReceiptHandle"].removeprefix("handle-")
            self.held[name].pop(message, None)
            self.hidden.discard(message)
        return {"Successful": [{"Id": entry["Id"]} for entry in parameters["Entries"]]}

    def change_message_visibility_batch(self, name, parameters):
        shown = [each for each in parameters["Entries"] if not each["VisibilityTimeout"]]
        self.hidden -= {each["ReceiptHandle"].removeprefix("handle-") for each in shown}
        return {"Successful": [{"Id": entry["Id"]} for entry in parameters["Entries"]]}

    def purge_queue(self, name, parameters):
        self.held[name].clear()
        return {}
