"""An HTTP front before moto that answers what moto doesn't, or answers wrongly.

Logs Insights with its life cycle, caps, pages and faults; GetMetricData with order, pages and retention;
DescribeAlarmHistory and LookupEvents; Lambda's code, versions and invocations (`lambda_front`); event source
mappings, and what SQS refuses of FIFO queues (`event_sources`); queues of many messages (`queue_service`).
Everything else goes on to moto.
"""

import json
import re
import socket
import threading
from collections import Counter, defaultdict, deque
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import boto3
from botocore.exceptions import ClientError
from botocore.hooks import EventAliaser

from watchme_analysis.cloudwatch.session import RateLimits
from worlds.event_sources import EventSources, checked_queue, checked_send
from worlds.insights_engine import Engine, MalformedError
from worlds.lambda_front import LambdaRefusalError, Lambdas
from worlds.queue_endpoint import Operations
from worlds.queue_service import Service, WallClock

FAST = RateLimits(
    gap_s=0,
    first_poll_s=0,
    max_poll_s=0.01,
    backoff_s=0.002,
    max_backoff_s=0.01,
    long_poll_s=0,
    queue_poll_s=0.03,
    counts_settle_s=0.05,
)


def _alias_once(alias, known):
    """Return ``alias`` with a memory that all clients share; each client looks some hundred names up anew."""

    def aliased(aliaser, name):
        if name not in known:
            known[name] = alias(aliaser, name)
        return known[name]

    return aliased


EventAliaser._alias_event_name = _alias_once(EventAliaser._alias_event_name, {})


class Front:
    """What the front answers, and the faults that it shows.

    ``faults[operation]`` is a queue: ``throttle``, ``busy``, ``500``, ``reset``, ``expired``, ``contents`` or
    ``denied`` answer one call each.
    """

    def __init__(self):
        self.event_sources = EventSources()
        # Moto takes a second for each of a thousand messages.
        self.queues = Service(clock=WallClock())
        self.lambdas = Lambdas(self.queues.clock)
        self.queues.count_delay_s = 0.0
        self.faults = defaultdict(deque)
        self.calls = Counter()
        # Entries that a batch call does not carry out, by operation: (Id, SenderFault) for one call each.
        self.failed_entries = defaultdict(deque)
        self.mappings = []  # event source mappings beside those of moto, which would invoke the function
        self.before = defaultdict(list)  # functions to call before an operation is served
        self.queries = {}
        self.started = []
        self.stopped = []
        self.page = 10_000
        self.cap = 100_000
        self.most_rows = 100_000  # which come of a query in silence, whatever it asks for
        self.polls = 1  # polls that find a query running
        self.slots = 100
        self.end_is_whole_second = True
        self.timeout_over_s = None
        self.fail_next = 0
        self.now = lambda: datetime.now(UTC)
        self.metrics = {}  # (namespace, metric, dimensions, stat) -> {epoch second: value} by minute
        self.points_per_call = 100_800
        self.requested = []  # GetMetricData's calls
        self.composite_alarms = []  # which moto has none of
        self.alarm_history = []
        self.states = {}  # of alarms that are being put again
        self.allow_policies = {}  # RedriveAllowPolicy by name of the DLQ, which moto has not
        self.trail = []
        self.lock = threading.Lock()

    @cached_property
    def engine(self):
        """The events of log groups; most tests need none."""
        return Engine()

    # Logs Insights

    def start_query(self, requested):
        running = [query for query in self.queries.values() if query["status"] in {"Scheduled", "Running"}]
        if len(running) >= self.slots:
            raise RefusalError("LimitExceededException", "too many queries")
        groups = (
            requested.get("logGroupNames")
            or requested.get("logGroupIdentifiers")
            or [requested.get("logGroupName")]
        )
        for bound in ("startTime", "endTime"):
            if requested[bound] > 1e11:  # milliseconds, which some clients send
                requested[bound] /= 1000
        if requested["startTime"] == requested["endTime"]:
            raise RefusalError("InvalidParameterException", "the end must be after the start")
        missing = [group for group in groups if group not in self.engine.tables]
        if missing:
            raise RefusalError("ResourceNotFoundException", f"log group {missing[0]} does not exist")
        limit = requested.get("limit", 10_000)
        if limit > self.cap:
            raise RefusalError("InvalidParameterException", f"limit may be {self.cap} at most")
        last = requested["endTime"] * 1000 + (999 if self.end_is_whole_second else 0)
        try:
            rows, statistics = self.engine.run(
                requested["queryString"], groups, int(requested["startTime"] * 1000), int(last), limit
            )
        except MalformedError as error:
            raise RefusalError("MalformedQueryException", str(error)) from error
        rows = rows[: self.most_rows]
        name = f"query-{len(self.queries)}"
        final = "Complete"
        if (
            self.timeout_over_s is not None
            and requested["endTime"] - requested["startTime"] > self.timeout_over_s
        ):
            final = "Timeout"
        elif self.fail_next:
            self.fail_next -= 1
            final = "Failed"
        self.queries[name] = {
            "rows": rows,
            "statistics": statistics,
            "status": "Scheduled",
            "final": final,
            "polls": self.polls,
        }
        self.started.append(requested)
        return {"queryId": name}

    def get_query_results(self, requested):
        query = self.queries[requested["queryId"]]
        if query["status"] in {"Scheduled", "Running"}:
            if query["polls"] > 0:
                query["polls"] -= 1
                query["status"] = "Running"
                half = query["rows"][: len(query["rows"]) // 2][: self.page]
                scanned = {"recordsMatched": 0.0, "bytesScanned": query["statistics"]["bytesScanned"] / 2}
                return {"results": half, "statistics": scanned, "status": "Running"}
            query["status"] = query["final"]
        rows = query["rows"] if query["status"] == "Complete" else query["rows"][:1]
        start = int(requested.get("nextToken", "0"))
        answer = {
            "results": rows[start : start + self.page],
            "statistics": query["statistics"],
            "status": query["status"],
        }
        if start + self.page < len(rows):
            answer["nextToken"] = str(start + self.page)
        return answer

    def stop_query(self, requested):
        self.queries[requested["queryId"]]["status"] = "Cancelled"
        self.stopped.append(requested["queryId"])
        return {"success": True}

    # CloudWatch

    def get_metric_data(self, requested):
        if len(requested["MetricDataQueries"]) > 500:
            raise RefusalError("ValidationError", "at most 500 queries")
        self.requested.append(requested)
        start, end = requested["StartTime"], requested["EndTime"]
        age = self.now().timestamp() - start
        selects = [
            query
            for query in requested["MetricDataQueries"]
            if query.get("Expression", "").startswith("SELECT")
        ]
        if len(selects) > 1:
            raise RefusalError("ValidationError", "at most one Metrics Insights query")
        results = {}
        for query in requested["MetricDataQueries"]:
            if "MetricStat" not in query:
                continue
            stat = query["MetricStat"]
            metric, period = stat["Metric"], stat["Period"]
            finest = 60 if age <= 15 * 86400 else 300 if age <= 63 * 86400 else 3600
            dimensions = tuple(sorted((d["Name"], d["Value"]) for d in metric.get("Dimensions", [])))
            key = (metric["Namespace"], metric["MetricName"], dimensions)
            # Metrics of a linked account have its id as the fourth part of their key.
            linked = (query["AccountId"],) if "AccountId" in query else ()
            values = self.metrics.get(key + linked) or ({} if linked else self.of_log_group(*key))
            bins = defaultdict(list)
            # A start is rounded down by its age; intervals begin there.
            first = start // finest * finest
            phase = first % period
            for second, sample in values.items():
                if first <= second < end:
                    bins[(second - phase) // period * period + phase].append(sample)
            points = (
                []
                if period < finest
                else [(second, statistic(stat["Stat"], samples)) for second, samples in bins.items()]
            )
            points.sort(reverse=requested.get("ScanBy", "TimestampDescending") != "TimestampAscending")
            resource = dimensions[0][1] if dimensions else ""
            results[query["Id"]] = {
                "label": query.get("Label") or f"{resource} {metric['MetricName']}",
                "points": points,
            }
        for query in requested["MetricDataQueries"]:
            if "MetricStat" not in query:
                points = metric_math(query["Expression"], results)
                results[query["Id"]] = {"label": query.get("Label", query["Id"]), "points": points}
        return self.metric_page(requested, results)

    def of_log_group(self, namespace, metric, dimensions):
        """What came into a log group, as CloudWatch counts it for each."""
        if namespace != "AWS/Logs" or not dimensions or dimensions[0][1] not in self.engine.tables:
            return {}
        return self.engine.incoming(dimensions[0][1], "bytes" if metric == "IncomingBytes" else "events")

    def metric_page(self, requested, results):
        skip = int(requested.get("NextToken", "0"))
        budget = min(self.points_per_call, requested.get("MaxDatapoints", self.points_per_call))
        answered, seen, more = [], 0, False
        for name, result in results.items():
            first = min(max(0, skip - seen), len(result["points"]))
            seen += len(result["points"])
            taken = result["points"][first : first + budget]
            budget -= len(taken)
            rest = first + len(taken) < len(result["points"])
            more = more or rest
            answered.append(
                {
                    "Id": name,
                    "Label": result["label"],
                    "Timestamps": [datetime.fromtimestamp(second, UTC) for second, _ in taken],
                    "Values": [float(value) for _, value in taken],
                    "StatusCode": "PartialData" if rest else "Complete",
                }
            )
        answer = {"MetricDataResults": answered, "Messages": []}
        if more:
            answer["NextToken"] = str(skip + sum(len(item["Values"]) for item in answered))
        return answer

    def mappings_of(self, path):
        """The event source mappings of the queue or function that the path of a listing names."""
        requested = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        names = ("EventSourceArn", "FunctionName")
        return [
            one
            for one in self.mappings
            if all(
                name not in requested or requested[name] in one[name.replace("Name", "Arn")] for name in names
            )
        ]

    def with_composite_alarms(self, requested, data):
        if "CompositeAlarm" not in requested.get("AlarmTypes", ["MetricAlarm"]):
            return data
        whole = json.loads(data)
        names = requested.get("AlarmNames")
        whole["CompositeAlarms"] = [
            alarm for alarm in self.composite_alarms if names is None or alarm["AlarmName"] in names
        ]
        return json.dumps(whole).encode()

    def put_composite_alarm(self, requested):
        """The whole alarm is replaced; moto has none."""
        self.composite_alarms = [
            alarm for alarm in self.composite_alarms if alarm["AlarmName"] != requested["AlarmName"]
        ]
        requested.pop("Tags", None)
        state = {"ActionsEnabled": True, "StateValue": "INSUFFICIENT_DATA"}
        self.composite_alarms.append({**state, **requested})
        return {}

    def before_delete_alarms(self, body, moto):
        names = body["AlarmNames"]
        self.composite_alarms = [alarm for alarm in self.composite_alarms if alarm["AlarmName"] not in names]

    # Alarms: moto gives an alarm that is put again the call's tags and a new state, and knows no actions.

    def before_put_alarm(self, body, moto):
        """An existing alarm keeps its tags, whatever the call gives, and its state."""
        name = body["AlarmName"]
        found = moto("cloudwatch").describe_alarms(AlarmNames=[name])
        for alarm in [*found["MetricAlarms"], *found["CompositeAlarms"]]:
            body.pop("Tags", None)
            self.states[name] = alarm["StateValue"]

    def after_put_alarm(self, body, moto):
        state = self.states.pop(body["AlarmName"], "INSUFFICIENT_DATA")
        moto("cloudwatch").set_alarm_state(
            AlarmName=body["AlarmName"], StateValue=state, StateReason="as before"
        )

    def after_set_alarm_state(self, body, moto):
        """The actions of a state are executed, and the history says with which result."""
        found = moto("cloudwatch").describe_alarms(AlarmNames=[body["AlarmName"]])
        for alarm in found["MetricAlarms"]:
            self.execute(alarm, body["StateValue"], moto)
        self.follow_members(moto)

    def follow_members(self, moto):
        """Composite alarms take the state that their rule has now."""
        alarms = moto("cloudwatch").describe_alarms()["MetricAlarms"]
        states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}
        for composite in self.composite_alarms:
            rule = re.sub(
                r'([A-Z_]+)\("([^"]*)"\)',
                lambda term: str(states.get(term[2], "INSUFFICIENT_DATA") == term[1]),
                composite["AlarmRule"],
            )
            state = "ALARM" if eval(re.sub(r"AND|OR|NOT", lambda word: word[0].lower(), rule)) else "OK"
            if state != composite["StateValue"]:
                composite["StateValue"] = state
                self.execute(composite, state, moto)

    def execute(self, alarm, state, moto, at=None):
        """Carry out the actions of an alarm that has changed its state: SNS sends them to its subscribers."""
        actions = {"ALARM": "AlarmActions", "OK": "OKActions"}.get(state, "InsufficientDataActions")
        kind = {"AlarmType": "CompositeAlarm"} if "AlarmRule" in alarm else {}
        for action in alarm.get(actions, []) if alarm["ActionsEnabled"] else []:
            try:
                key = moto("sns").get_topic_attributes(TopicArn=action)["Attributes"].get("KmsMasterKeyId")
                succeeded = key != "alias/aws/sns"
            except moto("sns").exceptions.NotFoundException:
                succeeded = False
            if succeeded:
                notice = {"AlarmName": alarm["AlarmName"], "NewStateValue": state}
                # SNS accepts a message also when a subscriber can't be reached.
                with suppress(ClientError):
                    moto("sns").publish(TopicArn=action, Message=json.dumps(notice))
            self.alarm_history.append(
                {
                    "AlarmName": alarm["AlarmName"],
                    "Timestamp": at or datetime.now(UTC),
                    "HistoryItemType": "Action",
                    "HistorySummary": f"{'Successfully executed' if succeeded else 'Failed to execute'} "
                    f"action {action}",
                    **kind,
                }
            )

    # Redrive allow policies

    def before_set_queue_attributes(self, body, moto):
        policy = body["Attributes"].pop("RedriveAllowPolicy", None)
        if policy is not None:
            self.allow_policies[body["QueueUrl"].rpartition("/")[2]] = policy

    def before_get_queue_attributes(self, body, moto):
        names = body.get("AttributeNames", [])
        if "RedriveAllowPolicy" in names:
            body["AttributeNames"] = [*(name for name in names if name != "RedriveAllowPolicy"), "QueueArn"]

    def with_allow_policy(self, requested, data):
        names = requested.get("AttributeNames", [])
        policy = self.allow_policies.get(requested["QueueUrl"].rpartition("/")[2])
        if policy is None or not {"All", "RedriveAllowPolicy"} & set(names):
            return data
        found = json.loads(data)
        found.setdefault("Attributes", {})["RedriveAllowPolicy"] = policy
        return json.dumps(found).encode()

    def describe_alarm_history(self, requested):
        types = requested.get("AlarmTypes") or ["MetricAlarm"]
        start, end = requested.get("StartDate", 0), requested.get("EndDate", 1e12)
        found = [
            item
            for item in self.alarm_history
            if item.get("AlarmType", "MetricAlarm") in types
            and requested.get("HistoryItemType", item.get("HistoryItemType")) == item.get("HistoryItemType")
            and requested.get("AlarmName", item.get("AlarmName")) == item.get("AlarmName")
            and start <= item["Timestamp"].timestamp() <= end
        ]
        skip = int(requested.get("NextToken", "0"))
        answer = {"AlarmHistoryItems": found[skip : skip + 1]}
        if skip + 1 < len(found):
            answer["NextToken"] = str(skip + 1)
        return answer

    def lookup_events(self, requested):
        attribute = (requested.get("LookupAttributes") or [{}])[0]
        start, end = requested.get("StartTime", 0), requested.get("EndTime", 1e12)
        key = {"ResourceName": "resource", "EventName": "EventName", "EventSource": "EventSource"}
        found = [
            event
            for event in self.trail
            if start <= event["EventTime"] <= end
            and (
                not attribute
                or attribute["AttributeValue"]
                in (
                    [item["ResourceName"] for item in event.get("Resources", [])]
                    if attribute["AttributeKey"] == "ResourceName"
                    else [event.get(key[attribute["AttributeKey"]])]
                )
            )
        ]
        skip = int(requested.get("NextToken", "0"))
        answer = {"Events": found[skip : skip + 2]}
        if skip + 2 < len(found):
            answer["NextToken"] = str(skip + 2)
        return answer


def metric_math(expression, results):
    """Arithmetic over series that are requested in the same call, at the times that all of them have."""
    names = set(re.findall(r"[a-z]\w*", expression))
    if not names <= set(results) or not re.fullmatch(r"[\w\s.+*/()-]+", expression):
        raise RefusalError("ValidationError", f"can't calculate {expression}")
    series = {name: dict(results[name]["points"]) for name in names}
    common = set.intersection(*map(set, series.values()))
    return [
        (time, eval(expression, {}, {name: series[name][time] for name in names})) for time in sorted(common)
    ]


def statistic(name, samples):
    flat = sorted(value for sample in samples for value in (sample if isinstance(sample, list) else [sample]))
    simple = {
        "Sum": sum(flat),
        "Average": sum(flat) / len(flat),
        "Maximum": flat[-1],
        "Minimum": flat[0],
        "SampleCount": len(flat),
    }
    if name in simple:
        return simple[name]
    if name.startswith("p"):
        return flat[min(len(flat) - 1, int(float(name[1:]) / 100 * len(flat)))]
    raise RefusalError("ValidationError", f"unknown statistic {name}")


class RefusalError(Exception):
    """An error that the service answers with."""

    def __init__(self, code, message, status=400):
        super().__init__(message)
        self.code, self.status = code, status


OWN = {
    "Logs_20140328.StartQuery": "start_query",
    "Logs_20140328.GetQueryResults": "get_query_results",
    "Logs_20140328.StopQuery": "stop_query",
    "GraniteServiceVersion20100801.GetMetricData": "get_metric_data",
    "GraniteServiceVersion20100801.DescribeAlarmHistory": "describe_alarm_history",
    "GraniteServiceVersion20100801.PutCompositeAlarm": "put_composite_alarm",
    "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents": "lookup_events",
}
# What the front does before and after moto answers.
AROUND = {
    "PutMetricAlarm": ("before_put_alarm", "after_put_alarm"),
    "DeleteAlarms": ("before_delete_alarms", None),
    "SetAlarmState": (None, "after_set_alarm_state"),
    "SetQueueAttributes": ("before_set_queue_attributes", None),
    "GetQueueAttributes": ("before_get_queue_attributes", None),
}
FAULTS = {
    "throttle": RefusalError("ThrottlingException", "Rate exceeded"),
    "busy": RefusalError("LimitExceededException", "too many queries"),
    "500": RefusalError("InternalFailure", "try later", 500),
    "expired": RefusalError("InvalidParameterException", "the token has expired"),
    "bad token": RefusalError("InvalidNextToken", "the token does not hold any more"),
    "purging": RefusalError("AWS.SimpleQueueService.PurgeQueueInProgress", "Only one PurgeQueue is allowed"),
    "no invocation": RefusalError("InvocationDoesNotExist", "the invocation does not exist"),
    "denied": RefusalError("AccessDeniedException", "not allowed"),
    "stale": RefusalError("ExpiredTokenException", "The security token included is expired"),
    "clock": RefusalError("InvalidSignatureException", "Signature expired: 1 is now earlier than 2"),
    "contents": RefusalError(
        "InvalidMessageContents", "The message contains characters outside the allowed set"
    ),
    "malformed": RefusalError("MalformedQueryException", "unexpected symbol found"),
}


def handler_for(front, server):
    @cache
    def moto(service):
        return boto3.client(service, endpoint_url=f"http://127.0.0.1:{server.port}")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgement

        def log_message(self, *arguments):
            pass

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.serve(body)

        def serve(self, body):
            target = self.headers.get("X-Amz-Target", "")
            operation = target.rsplit(".", 1)[-1] or self.path
            with front.lock:
                front.calls[operation] += 1
                waiting = front.faults[operation]
                # A token must be there to expire.
                due = waiting and (waiting[0] != "expired" or b"nextToken" in body)
                fault = waiting.popleft() if due else None
            if fault == "reset":
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            for act in front.before[operation]:
                act()
            if fault is None and (self.serve_lambda(target, body) or self.serve_queue(target, body)):
                return
            if front.failed_entries[operation]:
                self.answer_in_part(body, *front.failed_entries[operation].popleft())
                return
            if self.command == "GET" and "/event-source-mappings" in self.path and front.mappings:
                self.answer({"EventSourceMappings": front.mappings_of(self.path)})
                return
            name = OWN.get(target)
            if fault is None and self.refuses(operation, body):
                return
            if name is None and fault is None:
                self.forward(body)
                return
            try:
                if fault:
                    raise FAULTS[fault]
                with front.lock:
                    answer = getattr(front, name)(json.loads(body))
            except RefusalError as refusal:
                self.answer({"__type": refusal.code, "message": str(refusal)}, refusal.status)
            else:
                self.answer(answer)

        def serve_queue(self, target, body):
            """Answer for a queue of the front's own account; return whether it was one."""
            service, _, operation = target.partition(".")
            asked = json.loads(body) if service == "AmazonSQS" else {}
            name = asked.get("QueueName") or asked.get("QueueUrl", "").rpartition("/")[2]
            if name not in front.queues.queues:
                return False
            with front.lock:
                self.answer(Operations(front.queues).answer("sqs", operation, asked))
            return True

        def serve_lambda(self, target, body):
            """Answer for a function of :class:`Lambdas`, its code and its log; return whether it was one."""
            try:
                found = front.event_sources.answer(self.command, self.path, body)
                if found is None:
                    found = front.lambdas.answer(self.command, self.path, target, body)
            except LambdaRefusalError as refusal:
                problem = {"Type": "User", "Message": str(refusal)}
                found = refusal.status, {"x-amzn-ErrorType": refusal.code}, problem
            if found is not None:
                status, headers, value = found
                self.answer(value, status, headers)
            return found is not None

        def refuses(self, operation, body):
            """Refuse what SQS refuses and moto accepts of FIFO queues; return whether it did."""
            if operation in {"SendMessage", "SendMessageBatch"}:
                requested = json.loads(body)
                why = checked_send(requested["QueueUrl"], requested)
            else:
                why = checked_queue(json.loads(body)) if operation == "CreateQueue" else None
            if why is not None:
                self.answer({"__type": "com.amazonaws.sqs#InvalidParameterValue", "message": why}, 400)
            return why is not None

        do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815 - the names that http.server calls

        def answer(self, value, status=200, headers=None):
            data = (
                value if isinstance(value, bytes) else json.dumps(value, default=datetime.timestamp).encode()
            )
            self.send_response(status)
            for name, text in (headers or {}).items():
                self.send_header(name, text)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def answer_in_part(self, body, entry, sender_fault):
            """Carry out a batch call without one of its entries, which is answered as failed."""
            requested = json.loads(body)
            requested["Entries"] = [one for one in requested["Entries"] if one["Id"] != entry]
            answer = {}
            if requested["Entries"]:
                *_, data = server.answer(self, json.dumps(requested).encode())
                answer = json.loads(data)
            failed = {"Id": entry, "SenderFault": sender_fault, "Code": "InternalError"}
            self.answer({"Successful": [], **answer, "Failed": [*answer.get("Failed", []), failed]})

        def forward(self, body):
            operation, requested_body = self.headers.get("X-Amz-Target", "").rsplit(".", 1)[-1], body
            before, after = AROUND.get(operation, (None, None))
            if before:
                given = json.loads(body)
                getattr(front, before)(given, moto)
                body = json.dumps(given).encode()
            status, _, headers, data = server.answer(self, body)
            if after and status == 200:
                getattr(front, after)(json.loads(body), moto)
            if operation == "DescribeAlarms" and status == 200:
                data = front.with_composite_alarms(json.loads(body), data)
            if operation == "GetQueueAttributes" and status == 200:
                data = front.with_allow_policy(json.loads(requested_body), data)
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler


class Server:
    """The front serving on a port of this machine, a `MotoServer` behind it where calls go on to moto."""

    def __init__(self, moto=None):
        self.front = Front()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(self.front, moto))
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.front.lambdas.address = self.front.queues.url = self.url
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.front.lambdas.close()
