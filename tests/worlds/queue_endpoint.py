"""The account of `worlds.queue_service` at an HTTP endpoint, for boto3."""

import json
import re
import shlex
import threading
import uuid
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote

from worlds.queue_service import ACCOUNT, MOST_HIDDEN_S, REGION, Refused, Service

# Bytes of the longest message, and logical data types of attributes, which a label may follow.
MOST_BYTES = 1_048_576
_DATA_TYPE = re.compile(r"(String|Number|Binary)(\.|$)")
_SNAKE = re.compile(r"(?<!^)(?=[A-Z])")


class Operations:
    """The operations of an account; a method per operation, with the parameters of the call."""

    def __init__(self, account):
        self.account = account

    def answer(self, service, operation, asked):
        """Return the response of an operation, and what became of the connection."""
        self.account.clock.advance(self.account.call_s)
        self.account.calls.append(operation)
        fault = self.account.faults.get((operation, self.account.calls.count(operation)))
        if fault == "throttle":
            raise Refused("ThrottlingException", "Rate exceeded")
        if fault == "error":
            raise Refused("InternalFailure", "The request failed", 500)
        if fault == "drop":
            return None
        method = getattr(self, f"_{service}_{_SNAKE.sub('_', operation).lower()}", None)
        if method is None:
            raise Refused("InvalidAction", f"{operation} is not imitated")
        response = method(asked)
        return None if fault == "lose" else response

    def _queue_of(self, asked):
        name = asked["QueueUrl"].rpartition("/")[2]
        if name not in self.account.queues:
            raise Refused("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
        return self.account.queues[name]

    def _sts_get_caller_identity(self, asked):
        return {"Account": ACCOUNT, "UserId": "A", "Arn": f"arn:aws:iam::{ACCOUNT}:user/on-call"}

    def _sqs_get_queue_url(self, asked):
        return {"QueueUrl": self._queue_of({"QueueUrl": asked["QueueName"]}).url}

    def _sqs_get_queue_attributes(self, asked):
        queue = self._queue_of(asked)
        visible, hidden = self.account.counts(queue)
        found = {
            "QueueArn": queue.arn, "VisibilityTimeout": str(queue.visibility_s), "DelaySeconds": "0",
            "MessageRetentionPeriod": f"{queue.retention_s:.0f}", "ReceiveMessageWaitTimeSeconds": "0",
            "MaximumMessageSize": "1048576", "ApproximateNumberOfMessages": str(visible),
            "ApproximateNumberOfMessagesNotVisible": str(hidden), "ApproximateNumberOfMessagesDelayed": "0",
        }  # fmt: skip
        if queue.dlq:
            found["RedrivePolicy"] = json.dumps(
                {"deadLetterTargetArn": queue.dlq.arn, "maxReceiveCount": queue.most_receives}
            )
        names = asked.get("AttributeNames", [])
        return {"Attributes": {key: value for key, value in found.items() if "All" in names or key in names}}

    def _sqs_list_dead_letter_source_queues(self, asked):
        dlq = self._queue_of(asked)
        return {"queueUrls": [each.url for each in self.account.queues.values() if each.dlq is dlq]}

    def _sqs_send_message(self, asked):
        queue, body = self._queue_of(asked), asked["MessageBody"]
        if any((ord(each) < 32 and each not in "\t\n\r") or each in "\ufffe\uffff" for each in body):
            raise Refused(
                "InvalidMessageContents", "The message contains characters outside the allowed set."
            )
        kinds = [each.get("DataType", "") for each in asked.get("MessageAttributes", {}).values()]
        if len(body.encode()) > MOST_BYTES or any(not _DATA_TYPE.match(each) for each in kinds):
            raise Refused("InvalidParameterValue", "too long, or an attribute of another type")
        if asked.get("DelaySeconds") or asked.get("MessageGroupId"):
            raise Refused("InvalidParameterValue", "not imitated")
        made = self.account.send(queue, body, asked.get("MessageAttributes"), sender=self.account.sender)
        return {"MessageId": made.id, "MD5OfMessageBody": md5(body.encode()).hexdigest()}

    def _sqs_receive_message(self, asked):
        queue, most = self._queue_of(asked), asked.get("MaxNumberOfMessages", 1)
        wait_s, hidden_s = asked.get("WaitTimeSeconds", 0), asked.get("VisibilityTimeout")
        if not 1 <= most <= 10 or not 0 <= wait_s <= 20 or not 0 <= (hidden_s or 0) <= MOST_HIDDEN_S:
            raise Refused("InvalidParameterValue", "out of range")
        most = self.account.rng.randint(1, most) if self.account.sparse else most
        found, ends_s = (
            self.account.receive(queue, most, hidden_s, whole=wait_s > 0),
            self.account.clock.now + wait_s,
        )
        while not found and self.account.clock.now < ends_s:
            self.account.clock.advance(min(1.0, ends_s - self.account.clock.now))
            found = self.account.receive(queue, most, hidden_s)
        system = {*asked.get("AttributeNames", []), *asked.get("MessageSystemAttributeNames", [])}
        return {"Messages": [self._shown(each, system, asked) for each in found]} if found else {}

    def _shown(self, message, system, asked):
        values = {
            "SenderId": "A", "SentTimestamp": str(int(1000 * message.sent_s)),
            "ApproximateReceiveCount": str(message.received),
            "ApproximateFirstReceiveTimestamp": str(int(1000 * (message.first_s or self.account.clock.now))),
        }  # fmt: skip
        if message.source:
            values["DeadLetterQueueSourceArn"] = message.source
        shown = {"MessageId": message.id, "ReceiptHandle": message.handles[-1], "Body": message.body}
        shown["MD5OfBody"] = md5(message.body.encode()).hexdigest()
        if system:
            shown["Attributes"] = {
                key: value for key, value in values.items() if "All" in system or key in system
            }
        if message.attributes and {"All", ".*"} & {*asked.get("MessageAttributeNames", [])}:
            shown["MessageAttributes"] = message.attributes
        return shown

    def _sqs_delete_message(self, asked):
        self.account.delete(self._queue_of(asked), asked["ReceiptHandle"], "tool")
        return {}

    def _sqs_change_message_visibility(self, asked):
        self.account.hide(self._queue_of(asked), asked["ReceiptHandle"], asked["VisibilityTimeout"])
        return {}

    def _sqs_delete_message_batch(self, asked):
        return self._batch(asked, self._sqs_delete_message)

    def _sqs_change_message_visibility_batch(self, asked):
        return self._batch(asked, self._sqs_change_message_visibility)

    def _batch(self, asked, one):
        entries, response = asked.get("Entries", []), {"Successful": [], "Failed": []}
        ids = [each["Id"] for each in entries]
        if not 1 <= len(entries) <= 10 or len(set(ids)) < len(ids):
            raise Refused("AWS.SimpleQueueService.BatchEntryIdsNotDistinct" if ids else "EmptyBatchRequest")
        for entry in entries:
            fault = (
                Refused("InternalError", "try again", 500)
                if self.account.rng.random() < self.account.partial
                else None
            )
            try:
                if fault:
                    raise fault
                response["Successful"].append(
                    {"Id": entry["Id"], **one({**entry, "QueueUrl": asked["QueueUrl"]})}
                )
            except Refused as error:
                failed = {"Id": entry["Id"], "Code": error.code, "Message": error.text}
                response["Failed"].append({**failed, "SenderFault": error.status < 500})
        return response

    def _lambda_list_event_source_mappings(self, asked):
        return {
            "EventSourceMappings": [
                {
                    "UUID": str(uuid.uuid5(uuid.NAMESPACE_DNS, each.name)), "BatchSize": each.batch_size,
                    "EventSourceArn": each.source.arn, "MaximumBatchingWindowInSeconds": 0,
                    "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{each.name}",
                    "State": "Enabled" if each.enabled else "Disabled",
                    "FunctionResponseTypes": ["ReportBatchItemFailures"] if each.reports else [],
                }
                for each in self.account.functions.values()
                if asked.get("EventSourceArn", each.source.arn) == each.source.arn
                and asked.get("FunctionName", each.name).rpartition(":")[2] == each.name
            ]
        }  # fmt: skip

    def _lambda_get_function_configuration(self, asked):
        name = asked["FunctionName"].rpartition(":")[2]
        if name not in self.account.functions:
            raise Refused("ResourceNotFoundException", "Function not found", 404)
        function = self.account.functions[name]
        logging = {"LogFormat": "JSON" if function.json_logs else "Text", "LogGroup": f"/aws/lambda/{name}"}
        return {
            "FunctionName": name, "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}",
            "Timeout": int(function.timeout_s), "MemorySize": 128, "Runtime": "python3.13",
            "Version": "$LATEST",
            "State": "Active", "LastUpdateStatus": "Successful", "LoggingConfig": logging,
        }  # fmt: skip

    def _logs_filter_log_events(self, asked):
        group = asked.get("logGroupName") or asked["logGroupIdentifier"].rpartition("log-group:")[2]
        if group not in self.account.logs and group.rpartition("/")[2] not in self.account.functions:
            raise Refused("ResourceNotFoundException", "The specified log group does not exist.")
        start, end = asked.get("startTime", 0), asked.get("endTime", 10**15)
        matches = _pattern(asked.get("filterPattern", ""))
        found = sorted(
            event for event in self.account.logs.get(group, ())
            if start <= event[0] <= end and event[4] <= self.account.clock.now and matches(event[3])
        )  # fmt: skip
        first, most = int(asked.get("nextToken", "0")), asked.get("limit", 10_000)
        if self.account.sparse:  # a page may be empty although others follow
            most = 7 if "nextToken" in asked else 0
        events = [
            {"timestamp": at, "eventId": str(number), "logStreamName": stream, "message": text}
            for at, number, stream, text, _ in found[first : first + most]
        ]
        return {"events": events} | ({"nextToken": str(first + most)} if first + most < len(found) else {})


def _pattern(text):
    """Return whether a line matches a filter pattern of terms: all, or any of those with a question mark."""
    if text.lstrip().startswith(("{", "[", "%")):
        raise Refused("InvalidParameterException", "not imitated")
    terms = shlex.split(text.replace("'", "\\'"), posix=True)
    wanted = [each for each in terms if not each.startswith(("?", "-"))]
    unwanted = [each[1:] for each in terms if each.startswith("-")]
    either = [] if wanted else [each[1:] for each in terms if each.startswith("?")]

    def matches(line):
        has_all = all(each in line for each in wanted) and not any(each in line for each in unwanted)
        return has_all and (not either or any(each in line for each in either))

    return matches


class Server:
    """An HTTP endpoint of the `Service` in ``service``, until :meth:`close`."""

    def __init__(self):
        self.service, self.operations, self.lock = None, None, threading.Lock()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def new(self, seed=0):
        """Put a new account behind the endpoint, and return it."""
        self.service = Service(seed)
        self.operations = Operations(self.service)
        self.service.url = self.url
        return self.service

    def close(self):
        self.http.shutdown()
        self.http.server_close()


def _handler_of(server):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *arguments):
            pass

        def do_POST(self):
            text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            with server.lock:
                self.respond(text)

        do_GET = do_POST  # noqa: N815 - the name that http.server calls

        def respond(self, text):
            kind, _, operation = self.headers.get("X-Amz-Target", "").partition(".")
            path, _, query = self.path.partition("?")
            if kind:
                service, asked = "sqs" if kind == "AmazonSQS" else "logs", json.loads(text)
            elif "event-source-mappings" in path:
                service, operation = "lambda", "ListEventSourceMappings"
                asked = {key: values[0] for key, values in parse_qs(query).items()}
            elif "/functions/" in path:
                service, operation = "lambda", "GetFunctionConfiguration"
                asked = {"FunctionName": unquote(path.split("/")[3])}
            else:
                service, operation, asked = "sts", parse_qs(text)["Action"][0], {}
            try:
                status, response = 200, server.operations.answer(service, operation, asked)
                if response is None:
                    self.close_connection = True
                    return
            except Refused as error:
                status, response = error.status, {"__type": error.code, "message": error.text}
            data = json.dumps(response).encode()
            if service == "sts":
                fields = "".join(f"<{key}>{value}</{key}>" for key, value in response.items())
                tag = f"{operation}Result"
                data = f"<{operation}Response><{tag}>{fields}</{tag}></{operation}Response>".encode()
            self.send_response(status)
            if status != 200:
                self.send_header("x-amzn-ErrorType", response["__type"])
                self.send_header("x-amzn-query-error", f"{response['__type']};Sender")
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler
