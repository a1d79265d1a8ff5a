"""A queue, its DLQ and the function that drains it: what a redrive needs, in moto, and driven by the test.

The function works whenever its log is read, so no thread and no clock is involved.
"""

import io
import json
import time
import uuid
import zipfile

import boto3
from botocore.config import Config

# Of the source queue: a redrive waits for twice as long after each message.
VISIBILITY_S = 5


class Worker:
    """A pipeline in moto. ``fails`` decides by the body of a message whether its invocation fails.

    Attributes
    ----------
    done
        Bodies processed, in order.
    silent
        True for a function that does not log the ids of its messages.
    """

    def __init__(self, front, moto_port, name="uploads", *, fifo=False):
        self.front, self.done, self.silent = front, [], False
        self.fails = lambda body: False
        self.says = lambda message: None  # a line about a message, beside the usual one
        options = {
            "endpoint_url": f"http://127.0.0.1:{moto_port}",
            "config": Config(retries={"max_attempts": 0}),
        }
        self.sqs = boto3.client("sqs", **options)
        self.logs = boto3.client("logs", **options)
        self.suffix = ".fifo" if fifo else ""
        kind = {"FifoQueue": "true"} if fifo else {}
        self.dlq = self.sqs.create_queue(QueueName=f"{name}-dlq{self.suffix}", Attributes=kind)["QueueUrl"]
        kind["VisibilityTimeout"] = str(VISIBILITY_S)
        arn = self.arn(self.dlq)
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
        self.queue = self.sqs.create_queue(
            QueueName=f"{name}{self.suffix}", Attributes={**kind, "RedrivePolicy": policy}
        )["QueueUrl"]
        self.function = f"{name}-worker"
        self.group = f"/aws/lambda/{self.function}"
        self.stream = "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef"
        self.logs.create_log_group(logGroupName=self.group)
        self.logs.create_log_stream(logGroupName=self.group, logStreamName=self.stream)
        self._create_function(options)
        front.before["FilterLogEvents"].append(self.work)

    def _create_function(self, options):
        iam = boto3.client("iam", **options)
        try:
            role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        except iam.exceptions.EntityAlreadyExistsException:
            role = iam.get_role(RoleName="worker")["Role"]["Arn"]
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as file:
            file.writestr("worker.py", "def handler(event, context): pass\n")
        self.lambda_ = boto3.client("lambda", **options)
        self.lambda_.create_function(
            FunctionName=self.function,
            Runtime="python3.12",
            Role=role,
            Handler="worker.handler",
            Code={"ZipFile": packed.getvalue()},
        )
        function_arn = f"arn:aws:lambda:ap-southeast-2:123456789012:function:{self.function}"
        self.mapping = {
            "UUID": self.function,
            "EventSourceArn": self.arn(self.queue),
            "FunctionArn": function_arn,
            "State": "Enabled",
            "FunctionResponseTypes": [],
        }
        self.front.mappings.append(self.mapping)

    def arn(self, url):
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return found["Attributes"]["QueueArn"]

    def dead_letters(self, number, **more):
        """Put messages into the DLQ and return their ids."""
        return [
            self.sqs.send_message(
                QueueUrl=self.dlq,
                MessageBody=f"body {place}",
                **{key: value.format(place) for key, value in more.items()},
            )["MessageId"]
            for place in range(number)
        ]

    def work(self):
        """Process every message that is in the queue."""
        asked = {"QueueUrl": self.queue, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
        while batch := self.sqs.receive_message(**asked).get("Messages"):
            for message in batch:
                self._invoke(message)

    def _invoke(self, message):
        request, body = str(uuid.uuid4()), message["Body"]
        lines = [f"START RequestId: {request} Version: $LATEST"]
        if not self.silent:
            lines.append(f"processing message_id={message['MessageId']} {body}")
        if self.says(message):
            lines.append(self.says(message))
        if self.fails(body):
            lines.append(f"[ERROR] ValueError: {body} can't be read")
        else:
            if not self.silent:
                lines.append(f"processed message_id={message['MessageId']}")
            self.done.append(body)
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        lines += [f"END RequestId: {request}", f"REPORT RequestId: {request}\tDuration: 1.00 ms\t"]
        now = int(time.time() * 1000)
        self.logs.put_log_events(
            logGroupName=self.group,
            logStreamName=self.stream,
            logEvents=[{"timestamp": now, "message": line} for line in lines],
        )

    def in_dlq(self):
        """Return the ids of the messages that the DLQ holds, without changing them."""
        found = {}
        while batch := self.sqs.receive_message(
            QueueUrl=self.dlq, MaxNumberOfMessages=10, VisibilityTimeout=60
        ).get("Messages"):
            found |= {message["MessageId"]: message["ReceiptHandle"] for message in batch}
        for handle in found.values():
            self.sqs.change_message_visibility(QueueUrl=self.dlq, ReceiptHandle=handle, VisibilityTimeout=0)
        return set(found)
