"""SQS for queues with many messages: moto takes a second for each of a thousand, this takes a millisecond.

Standard queues made with :meth:`Queues.create` are served here, with every call that a redrive, an archive,
a purge or a pull makes; `aws_front` forwards all others to moto.
"""

import hashlib
import json
import time
import uuid

ACCOUNT, REGION = "123456789012", "ap-southeast-2"


class Queue:
    """Messages by id, each a dictionary of ReceiveMessage with the time until which it is hidden."""

    def __init__(self, name, attributes):
        self.name, self.attributes, self.messages = name, attributes, {}
        self.arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

    def add(self, body, given=None, sent_ms=None):
        """Add a message and return its id."""
        name = str(uuid.uuid4())
        self.messages[name] = {
            "MessageId": name,
            "Body": body,
            "MD5OfBody": hashlib.md5(body.encode()).hexdigest(),
            "MessageAttributes": given or {},
            "hidden_until": 0.0,
            "Attributes": {
                "SenderId": "AIDAEXAMPLE",
                "SentTimestamp": str(sent_ms or round(time.time() * 1000)),
                "ApproximateReceiveCount": "0",
            },
        }
        return name

    def receive(self, most, hidden_s):
        """Hide some messages and return them."""
        now, found = time.time(), []
        for message in self.messages.values():
            if len(found) == most:
                break
            if message["hidden_until"] <= now:
                message["hidden_until"] = now + hidden_s
                attributes = message["Attributes"]
                attributes["ApproximateReceiveCount"] = str(int(attributes["ApproximateReceiveCount"]) + 1)
                attributes.setdefault("ApproximateFirstReceiveTimestamp", str(round(now * 1000)))
                shown = {key: value for key, value in message.items() if key != "hidden_until"}
                found.append({**shown, "ReceiptHandle": f"{message['MessageId']}#{uuid.uuid4()}"})
        return found

    def delete(self, handle):
        self.messages.pop(handle.partition("#")[0], None)

    def counts(self):
        now = time.time()
        hidden = sum(message["hidden_until"] > now for message in self.messages.values())
        return {
            "ApproximateNumberOfMessages": str(len(self.messages) - hidden),
            "ApproximateNumberOfMessagesNotVisible": str(hidden),
            "ApproximateNumberOfMessagesDelayed": "0",
        }


class Queues:
    """Queues by name."""

    def __init__(self):
        self.by_name = {}
        self.address = ""

    def create(self, name, **attributes):
        """Create a standard queue and return it."""
        usual = {"VisibilityTimeout": "30", "MessageRetentionPeriod": "1209600", "DelaySeconds": "0"}
        self.by_name[name] = Queue(name, usual | attributes)
        return self.by_name[name]

    def url(self, queue):
        return f"{self.address}/{ACCOUNT}/{queue.name}"

    def answer(self, target, body):
        """Return the value that answers a call; None if it concerns none of these queues."""
        service, _, operation = target.partition(".")
        if service != "AmazonSQS" or not self.by_name:
            return None
        requested = json.loads(body)
        name = requested.get("QueueName") or requested.get("QueueUrl", "").rsplit("/", 1)[-1]
        serve = {
            "GetQueueUrl": self.get_url,
            "GetQueueAttributes": self.get_attributes,
            "ListDeadLetterSourceQueues": self.list_sources,
            "SendMessage": self.send,
            "ReceiveMessage": self.receive,
            "DeleteMessageBatch": self.delete_batch,
            "ChangeMessageVisibilityBatch": self.change_batch,
        }.get(operation)
        return serve(self.by_name[name], requested) if serve and name in self.by_name else None

    def get_url(self, queue, requested):
        return {"QueueUrl": self.url(queue)}

    def get_attributes(self, queue, requested):
        known = {"QueueArn": queue.arn, **queue.attributes, **queue.counts()}
        wanted = requested.get("AttributeNames", [])
        return {
            "Attributes": {name: value for name, value in known.items() if "All" in wanted or name in wanted}
        }

    def list_sources(self, queue, requested):
        return {
            "queueUrls": [
                self.url(each)
                for each in self.by_name.values()
                if queue.arn in each.attributes.get("RedrivePolicy", "")
            ]
        }

    def send(self, queue, requested):
        name = queue.add(requested["MessageBody"], requested.get("MessageAttributes"))
        return {"MessageId": name, "MD5OfMessageBody": queue.messages[name]["MD5OfBody"]}

    def receive(self, queue, requested):
        hidden_s = requested.get("VisibilityTimeout", int(queue.attributes["VisibilityTimeout"]))
        found = queue.receive(requested.get("MaxNumberOfMessages", 1), hidden_s)
        return {"Messages": found} if found else {}

    def delete_batch(self, queue, requested):
        for entry in requested["Entries"]:
            queue.delete(entry["ReceiptHandle"])
        return {"Successful": [{"Id": entry["Id"]} for entry in requested["Entries"]], "Failed": []}

    def change_batch(self, queue, requested):
        for entry in requested["Entries"]:
            message = queue.messages.get(entry["ReceiptHandle"].partition("#")[0])
            if message is not None:
                message["hidden_until"] = time.time() + entry["VisibilityTimeout"]
        return {"Successful": [{"Id": entry["Id"]} for entry in requested["Entries"]], "Failed": []}
