"""Event source mappings as Lambda keeps them, with its rules for FIFO queues, and traffic over them.

moto invokes a function itself when a queue with a mapping receives a message, and knows no states. Here a
mapping has states, refuses updates while one changes, and nothing is processed until :meth:`Orders.work`.
"""

import io
import json
import time
import uuid
import zipfile
from collections import Counter
from urllib.parse import parse_qs, unquote, urlsplit

import boto3

from worlds.lambda_front import LambdaRefusalError

ACCOUNT = "123456789012"
REGION = "ap-southeast-2"
PATH = "/2015-03-31/event-source-mappings"
# Parameters of SendMessage that queues of the other type refuse.
_OF_FIFO = "MessageDeduplicationId"
_OF_STANDARD = "DelaySeconds"


class EventSources:
    """Mappings by UUID; ``settling`` readings still show a change in progress."""

    def __init__(self):
        self.mappings = {}
        self.settling = 0
        self.left = Counter()

    def answer(self, method, path, body):
        """Return status, headers and value of a request; None if it concerns no mapping here."""
        if not path.startswith(PATH) or not self.mappings:
            return None
        name = urlsplit(path).path.removeprefix(PATH).strip("/")
        requested = json.loads(body) if body else {}
        if method == "POST":
            return 202, {}, self.create(requested)
        if name not in self.mappings and name:
            raise LambdaRefusalError("ResourceNotFoundException", "the mapping does not exist", 404)
        if method == "PUT":
            return 202, {}, self.update(name, requested)
        if name:
            return 200, {}, self.shown(name)
        query = {key: unquote(values[0]) for key, values in parse_qs(urlsplit(path).query).items()}
        arn, function = query.get("EventSourceArn"), query.get("FunctionName", "")
        found = [
            self.shown(each)
            for each, mapping in self.mappings.items()
            if arn in {None, mapping["EventSourceArn"]} and mapping["FunctionArn"].endswith(function)
        ]
        return 200, {}, {"EventSourceMappings": found}

    def create(self, requested):
        arn, name = requested["EventSourceArn"], requested["FunctionName"]
        function = name if ":" in name else f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
        if arn.endswith(".fifo") and requested.get("BatchSize", 10) > 10:
            raise LambdaRefusalError("InvalidParameterValueException", "BatchSize may be 10 at most", 400)
        if arn.endswith(".fifo") and requested.get("MaximumBatchingWindowInSeconds"):
            text = "Batching window is not supported for FIFO queues"
            raise LambdaRefusalError("InvalidParameterValueException", text, 400)
        if any(
            (each["EventSourceArn"], each["FunctionArn"]) == (arn, function)
            for each in self.mappings.values()
        ):
            raise LambdaRefusalError("ResourceConflictException", "the mapping exists", 409)
        name = str(uuid.uuid4())
        state = "Enabled" if requested.pop("Enabled", True) else "Disabled"
        self.mappings[name] = {**requested, "UUID": name, "FunctionArn": function, "State": state}
        self.mappings[name].pop("FunctionName")
        self.left[name] = self.settling
        return self.mappings[name] | {"State": "Creating"}

    def update(self, name, requested):
        if self.left[name] > 0:
            raise LambdaRefusalError("ResourceInUseException", "an update is in progress", 400)
        mapping = self.mappings[name]
        requested.pop("UUID", None)
        if "Enabled" in requested:
            requested["State"] = "Enabled" if requested.pop("Enabled") else "Disabled"
        self.left[name] = self.settling if requested.get("State") != mapping["State"] else 0
        mapping |= requested
        return self.shown(name)

    def shown(self, name):
        mapping = self.mappings[name]
        if self.left[name] > 0:
            self.left[name] -= 1
            return mapping | {"State": "Updating"}
        return dict(mapping)

    def polled(self):
        """ARN of each queue that is polled."""
        return {each["EventSourceArn"] for each in self.mappings.values() if each["State"] == "Enabled"}


class Orders:
    """A queue, its DLQ, the function that drains it, and the function `checkout` that sends to it.

    ``work`` processes what polled queues hold, each time the attributes of a queue are requested. Messages
    in ``failing`` stay. The metrics of the front have what was sent and deleted.
    """

    def __init__(self, front, moto_port, name="orders"):
        self.front, self.name = front, name
        self.moto = {"endpoint_url": f"http://127.0.0.1:{moto_port}"}
        self.sqs = boto3.client("sqs", **self.moto)
        self.functions = boto3.client("lambda", **self.moto)
        self.processed, self.sent, self.failing = Counter(), [], set()
        self.order = []
        self.is_working = True
        dlq = self.arn(f"{name}-dlq")
        self.sqs.create_queue(QueueName=f"{name}-dlq", Attributes={"MessageRetentionPeriod": "1209600"})
        allow = {"redrivePermission": "byQueue", "sourceQueueArns": [self.arn(name)]}
        statement = {
            "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/checkout"},
            "Action": "sqs:SendMessage", "Resource": self.arn(name),
        }  # fmt: skip
        self.sqs.create_queue(
            QueueName=name,
            Attributes={
                "VisibilityTimeout": "60",
                "RedrivePolicy": json.dumps({"deadLetterTargetArn": dlq, "maxReceiveCount": 3}),
                "Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
            },
            tags={"team": "shop"},
        )
        # As a client of the front sees it.
        self.url = boto3.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
        front.allow_policies[f"{name}-dlq"] = json.dumps(allow)
        self.create_functions()
        front.event_sources.create(
            {
                "EventSourceArn": self.arn(name), "FunctionName": "orders-worker", "BatchSize": 100,
                "MaximumBatchingWindowInSeconds": 5, "ScalingConfig": {"MaximumConcurrency": 2},
            }
        )  # fmt: skip
        front.before["GetQueueAttributes"].append(self.work)

    def create_functions(self):
        iam = boto3.client("iam", **self.moto)
        try:
            role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        except iam.exceptions.EntityAlreadyExistsException:
            variables = {"QUEUE_URL": self.url, "TOKEN": "hidden-value"}
            self.functions.update_function_configuration(
                FunctionName="checkout", Environment={"Variables": variables}
            )
            return
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("worker.py", "def handler(event, context): pass")
        for function, variables in (
            ("orders-worker", {}),
            ("checkout", {"QUEUE_URL": self.url, "TOKEN": "hidden-value"}),
        ):
            self.functions.create_function(
                FunctionName=function,
                Runtime="python3.12",
                Role=role,
                Handler="worker.handler",
                Code={"ZipFile": packed.getvalue()},
                Timeout=10,
                Environment={"Variables": variables},
            )

    def arn(self, name):
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

    def url_of(self, name):
        return self.sqs.get_queue_url(QueueName=name)["QueueUrl"]

    def attributes(self, queue):
        """All attributes of a queue; read from moto, so nothing is processed by it."""
        url = self.url_of(queue)
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    def age(self, seconds):
        """Move the metrics into the past."""
        for points in self.front.metrics.values():
            for second in list(points):
                points[second - seconds] = points.pop(second)

    def measure(self, queue, metric, value, ago_s=0):
        """Add to a metric of a queue."""
        key = ("AWS/SQS", metric, (("QueueName", queue),))
        points = self.front.metrics.setdefault(key, {})
        second = int(time.time() - ago_s)
        points[second] = points.get(second, 0) + value

    def variables(self):
        """The environment of the function that sends."""
        return self.functions.get_function_configuration(FunctionName="checkout")["Environment"]["Variables"]

    def send(self, url=None, ago_s=0):
        """Send a message as the function `checkout` does, with a group id for a FIFO queue."""
        url = url or self.variables()["QUEUE_URL"]
        order = len(self.sent)
        body = json.dumps({"order_id": f"o-{order % 3}", "placed_at": f"2026-01-01T00:00:{order:02}Z"})
        more = {}
        if url.endswith(".fifo"):
            more = {"MessageGroupId": f"o-{order % 3}", "MessageDeduplicationId": f"{self.name}-{order}"}
        self.sqs.send_message(QueueUrl=url, MessageBody=body, **more)
        self.sent.append(body)
        self.measure(url.rpartition("/")[2], "NumberOfMessagesSent", 1, ago_s)

    def work(self):
        """Process every message of the queues that are polled."""
        for arn in sorted(self.front.event_sources.polled()) if self.is_working else ():
            name = arn.rpartition(":")[2]
            if not name.startswith(self.name):
                continue
            url = self.url_of(name)
            while batch := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
                for message in batch:
                    if message["Body"] in self.failing:
                        continue
                    self.processed[message["Body"]] += 1
                    self.order.append(name)
                    self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                    self.measure(name, "NumberOfMessagesDeleted", 1)


def checked_send(url, requested):
    """Return why SQS refuses a message that moto takes; None if it does not.

    Only FIFO queues take a deduplication id, and only standard queues a delay per message.
    """
    refused = _OF_STANDARD if url.endswith(".fifo") else _OF_FIFO
    for entry in requested.get("Entries", [requested]):
        if entry.get(refused) and not (refused == _OF_STANDARD and entry[refused] == 0):
            return (
                f"Value {entry[refused]} for parameter {refused} is invalid. Reason: The request include "
                "parameter that is not valid for this queue type."
            )
    return None


def checked_queue(requested):
    """Return why SQS refuses to create a queue that moto creates; None if it does not."""
    attributes = requested.get("Attributes") or {}
    is_fifo = attributes.get("FifoQueue") == "true"
    by_group = attributes.get("DeduplicationScope") == "messageGroup"
    if attributes.get("FifoThroughputLimit") == "perMessageGroupId" and not by_group:
        return "FifoThroughputLimit perMessageGroupId needs DeduplicationScope messageGroup."
    if requested["QueueName"].endswith(".fifo") != is_fifo:
        return "The name of a FIFO queue, and of no other, ends in .fifo."
    if not is_fifo and {"ContentBasedDeduplication", "DeduplicationScope"} & set(attributes):
        return "Unknown Attribute for a standard queue."
    return None
