"""Write what a made-up world counted in the shapes of the AWS CLI."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from zlib import crc32

from worlds.backlog_texts import BARE, TEXTS

ACCOUNT = "123456789012"
STATS = {
    "sent": ("NumberOfMessagesSent", "Sum"),
    "received": ("NumberOfMessagesReceived", "Sum"),
    "deleted": ("NumberOfMessagesDeleted", "Sum"),
    "empty_receives": ("NumberOfEmptyReceives", "Sum"),
    "visible": ("ApproximateNumberOfMessagesVisible", "Maximum"),
    "in_flight": ("ApproximateNumberOfMessagesNotVisible", "Maximum"),
    "age_s": ("ApproximateAgeOfOldestMessage", "Maximum"),
}


class Folder:
    """Writes one world; ``options`` says which evidence there is: see :func:`write`."""

    def __init__(self, path, model, start, options):
        self.path, self.model, self.start, self.options = path, model, start, options
        self.mappings = {}
        self.queries, self.results = [], {"sqs": [], "lambda": [], "ec2": []}
        self.region, self.period = options["region"], options["period"]
        self._stamps = {}

    def when(self, seconds):
        return self.start + timedelta(seconds=seconds)

    def stamp(self, place):
        """Return the start of a period as text; all series share them, and formatting takes long."""
        if place not in self._stamps:
            self._stamps[place] = self.when(place * self.period).isoformat()
        return self._stamps[place]

    def save(self, name, content):
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content, ensure_ascii=False)
        if len(text) > 50_000:
            file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(text.encode(), 1, mtime=0))
        else:
            file.write_text(text, encoding="utf-8")

    def series(self, kind, resource, metric, stat, points):
        """Keep a series; points is {minute: value} or a list of values a minute."""
        namespace, dimension = {
            "sqs": ("AWS/SQS", "QueueName"), "lambda": ("AWS/Lambda", "FunctionName"),
            "ec2": ("AWS/EC2", "InstanceId"),
        }[kind]  # fmt: skip
        number = f"m{len(self.queries)}"
        self.queries.append(
            {
                "Id": number,
                "MetricStat": {
                    "Metric": {
                        "Namespace": namespace,
                        "MetricName": metric,
                        "Dimensions": [{"Name": dimension, "Value": resource}],
                    },
                    "Period": self.period,
                    "Stat": stat,
                },
                "ReturnData": True,
            }
        )
        merged = {}
        each = self.period // 60
        pairs = points.items() if isinstance(points, dict) else enumerate(points)
        for minute, value in pairs:
            merged.setdefault(minute // each, []).append(value)
        how = {"Sum": sum, "Maximum": max, "Average": lambda values: sum(values) / len(values)}[stat]
        missing, gaps = self.options["missing_points"], self.options.get("gap", {})
        first, last = gaps.get(kind, (0.0, 0.0))
        kept = [
            (place, how(values)) for place, values in sorted(merged.items())
            if (not missing or self.model.rng.random() >= missing)
            and not first <= place * self.period < last
        ]  # fmt: skip
        self.results[kind].append(
            {
                "Id": number,
                "Label": f"{resource} {metric}",
                "Timestamps": [self.stamp(place) for place, _ in kept],
                "Values": [round(float(value), 6) for _, value in kept],
                "StatusCode": "Complete",
            }
        )

    def metrics(self):
        model = self.model
        for queue in model.queues:
            for name, (metric, stat) in STATS.items():
                self.series("sqs", queue.name, metric, stat, model.counts[queue.name, name])
        for dlq in sorted({queue.dlq for queue in model.queues if queue.dlq}):
            stock = model.counts[dlq, "visible"]
            first = next((place for place, value in enumerate(stock) if value), None)
            if self.options["asleep"]:
                stock = {} if first is None else dict(enumerate(stock[first:], first))
            self.series("sqs", dlq, "ApproximateNumberOfMessagesVisible", "Average", stock)
        for function in {queue.function.name: queue.function for queue in model.queues}.values():
            self.function_metrics(function)
        cpu = [min(99.0, 1.5 + model.rng.random() + 12.0 * value / 60.0) for value in model.work]
        self.series("ec2", "i-0123456789abcdef0", "CPUUtilization", "Average", cpu)
        for kind, results in self.results.items():
            if kind not in self.options["without"]:
                self.save(f"metrics/{kind}.json", {"MetricDataResults": results, "Messages": []})
        self.save("metrics/metric-data-queries.json", self.queries)

    def function_metrics(self, function):
        runs = self.model.runs[function.name]
        throttled = {
            minute: value
            for minute, value in enumerate(self.model.counts[function.name, "throttles"])
            if value or minute in runs
        }
        self.series("lambda", function.name, "Invocations", "Sum", {m: len(r) for m, r in runs.items()})
        self.series(
            "lambda", function.name, "Errors", "Sum", {m: sum(bad for _, bad in r) for m, r in runs.items()}
        )
        self.series("lambda", function.name, "Throttles", "Sum", throttled)
        ms = {m: [1000.0 * seconds for seconds, _ in r] for m, r in runs.items()}
        each = self.period // 60
        merged = {}
        for minute, values in ms.items():
            merged.setdefault(minute // each * each, []).extend(values)
        self.series(
            "lambda", function.name, "Duration", "Average", {m: sum(v) / len(v) for m, v in merged.items()}
        )
        self.series("lambda", function.name, "Duration", "Maximum", {m: max(v) for m, v in ms.items()})
        self.series(
            "lambda", function.name, "ConcurrentExecutions", "Maximum", self.model.at_once[function.name]
        )

    def lines(self, function, run):
        """Return the log lines of a run: (seconds, text)."""
        begun, request, batch, seconds, errors, how = run
        url = "http://192.0.2.9:8017/async-process"
        found = [(begun, f"START RequestId: {request} Version: $LATEST\n")]
        crashed = any(errors.get(item.number) in ("import", "handler") for item in batch)
        if self.options["talks"] and not crashed:
            for item in batch:
                found.append(
                    (
                        begun + 0.002,
                        f"📥 処理開始: messageId={item.number} device_id={item.device} "
                        f"recorded_at={item.key}\n",
                    )
                )
                if errors.get(item.number) not in ("hangs",):
                    found.append((begun + 0.01, f"POST {url} files/{item.device}/audio.wav\n"))
        end = begun + seconds
        memory = [size for since, size in function.memory if since <= begun][-1]
        if how == "timeout":
            when = self.when(end).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
            found.append(
                (end, f"{when} {request} Task timed out after {function.timeout_s + 0.02:.2f} seconds\n\n")
            )
        else:
            when = self.when(end).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
            for text in filter(TEXTS.get, dict.fromkeys(errors.values())):
                tail = "" if text in BARE else "\nTraceback (most recent call last):\n"
                found.append((end, TEXTS[text].format(url=url, request=request, when=when) + tail))
        found.append((end + 0.001, f"END RequestId: {request}\n"))
        found.append(
            (
                end + 0.001,
                f"REPORT RequestId: {request}\tDuration: {1000 * seconds:.2f} ms\tBilled Duration: "
                f"{1000 * seconds:.0f} ms\tMemory Size: {memory} MB\tMax Memory Used: 75 MB\t\n",
            )
        )
        return [(moment, text, request) for moment, text in found]

    def logs(self):
        requested, number = [], 0
        for function in {queue.function.name: queue.function for queue in self.model.queues}.values():
            lines = [line for run in self.model.log[function.name] for line in self.lines(function, run)]
            lines.sort(key=lambda line: line[0])
            bad = [line for line in lines if "ERROR" in line[1] or "Task timed out" in line[1]]
            kinds = {"errors": (bad, False, 1000)}
            if self.options["logs"] == "all":
                kinds |= {"recent": (lines, True, 300), "first": (lines, False, 150)}
            for kind, (found, newest, usual) in kinds.items():
                limit = self.options.get("log_rows", usual)
                rows = []
                for moment, text, request in (found[::-1] if newest else found)[:limit]:
                    number += 1
                    mark = crc32(f"{text} {request}".encode()) & 0xFFFFFF
                    values = {
                        "@timestamp": self.when(moment).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
                        "@message": text, "@logStream": "2026/01/01/[$LATEST]0", "@requestId": request,
                        "@ptr": f"{function.name}-{moment:.3f}-{mark:x}",
                    }  # fmt: skip
                    rows.append([{"field": name, "value": value} for name, value in values.items()])
                output = f"{function.name}-{kind}.json"
                order = "desc" if newest else "asc"
                condition = "| filter @message like /ERROR|Task timed out/ " if kind == "errors" else ""
                requested.append(
                    {
                        "logGroupName": f"/aws/lambda/{function.name}",
                        "startTime": int(self.start.timestamp()),
                        "endTime": int(self.when(self.model.seconds).timestamp()),
                        "queryString": f"fields @timestamp, @message, @requestId {condition}"
                        f"| sort @timestamp {order} | limit {limit}",
                        "queryId": f"q-{number}",
                        "output": output,
                    }
                )
                self.save(
                    f"logs/{output}",
                    {
                        "results": rows,
                        "statistics": {
                            "recordsMatched": float(len(found)),
                            "recordsScanned": float(len(lines)),
                        },
                        "status": "Complete",
                    },
                )
        self.save("logs/queries.json", requested)

    def state(self):
        arn = f"arn:aws:sqs:{self.region}:{ACCOUNT}:"
        holders = {}
        for queue in self.model.queues:
            attributes = self.attributes(
                queue.name, len(queue.alive) - len(queue.in_flight), len(queue.in_flight)
            )
            attributes |= {
                "LastModifiedTimestamp": self.modified("SetQueueAttributes", queue.name, "%s"),
                "VisibilityTimeout": str(int(queue.visibility_s)),
                "MessageRetentionPeriod": str(int(queue.retention_s)),
            }
            if queue.fifo:
                attributes["FifoQueue"] = "true"
            if queue.dlq:
                policy = {"deadLetterTargetArn": arn + queue.dlq, "maxReceiveCount": queue.max_receives}
                attributes["RedrivePolicy"] = json.dumps(policy)
                holders.setdefault(queue.dlq, []).append(queue)
            self.save(f"queues/{queue.name}.json", {"Attributes": attributes})
        for dlq, sources in holders.items():
            held = sorted(
                ((at, item, queue) for queue in sources for at, item in queue.dead), key=lambda x: x[0]
            )
            attributes = self.attributes(dlq, len(held), 0)
            attributes |= {"VisibilityTimeout": "30", "MessageRetentionPeriod": "1209600"}
            self.save(f"queues/{dlq}.json", {"Attributes": attributes})
            if "messages" not in self.options["without"]:
                messages = [self.message(item, queue) for _, item, queue in held]
                self.save(f"queues/{dlq}-messages.json", {"Messages": messages})
        for number, queue in enumerate(self.model.queues):
            self.function(queue, f"{number:08d}-0000-4000-8000-000000000000")
        for name, mappings in self.mappings.items():
            self.save(f"functions/{name}-mappings.json", {"EventSourceMappings": mappings})

    def modified(self, event, name, form):
        """Return when AWS says that a thing was last changed."""
        made = [*self.options.get("made", ()), *(self.options["changes"] or ())]
        times = [at for at, other, resource, _ in made if other.startswith(event) and resource == name]
        last = self.when(max(times)) if times else datetime(2025, 8, 11, 14, 37, 8, tzinfo=UTC)
        return str(int(last.timestamp())) if form == "%s" else last.strftime(form)

    def attributes(self, name, visible, in_flight):
        return {
            "QueueArn": f"arn:aws:sqs:{self.region}:{ACCOUNT}:{name}",
            "ApproximateNumberOfMessages": str(visible),
            "ApproximateNumberOfMessagesNotVisible": str(in_flight),
            "ApproximateNumberOfMessagesDelayed": "0",
            "CreatedTimestamp": "1754923028",
            "LastModifiedTimestamp": "1754923028",
            "DelaySeconds": "0",
        }

    def message(self, item, queue):
        attributes = {
            "SentTimestamp": str(int(1000 * self.when(item.sent).timestamp())),
            "ApproximateFirstReceiveTimestamp": str(int(1000 * self.when(item.sent + 0.1).timestamp())),
            "ApproximateReceiveCount": str(item.receives),
            "DeadLetterQueueSourceArn": f"arn:aws:sqs:{self.region}:{ACCOUNT}:{queue.name}",
        }
        if item.group:
            attributes |= {"MessageGroupId": item.group, "MessageDeduplicationId": item.number}
        return {"MessageId": item.number, "Body": item.body, "Attributes": attributes}

    def function(self, queue, uuid):
        function, off = queue.function, any(end >= self.model.seconds for _, end in queue.off)
        arn = f"arn:aws:lambda:{self.region}:{ACCOUNT}:function:{function.name}"
        self.save(
            f"functions/{function.name}.json",
            {"FunctionName": function.name, "FunctionArn": arn, "Timeout": int(function.timeout_s),
             "MemorySize": function.memory[-1][1], "Runtime": "python3.12",
             "LastModified": self.modified("UpdateFunction", function.name, "%Y-%m-%dT%H:%M:%S.000+0000")},
        )  # fmt: skip
        mapping = {
            "UUID": uuid, "BatchSize": queue.batch, "FunctionArn": arn,
            "EventSourceArn": f"arn:aws:sqs:{self.region}:{ACCOUNT}:{queue.name}",
            "State": queue.state or ("Disabled" if off else "Enabled"),
            "LastModified": self.modified("UpdateEventSource", function.name, "%Y-%m-%dT%H:%M:%S+00:00"),
            "FunctionResponseTypes": ["ReportBatchItemFailures"] if queue.partial else [],
        }  # fmt: skip
        if queue.filter:
            mapping["FilterCriteria"] = {"Filters": [{"Pattern": queue.filter}]}
        if queue.max_concurrency:
            mapping["ScalingConfig"] = {"MaximumConcurrency": queue.max_concurrency}
        own = self.mappings.setdefault(function.name, [])
        own += [] if queue.state == "" else [mapping]
        limit = {} if function.reserved is None else {"ReservedConcurrentExecutions": function.reserved}
        self.save(f"functions/{function.name}-concurrency.json", limit)

    def trail(self):
        events = []
        for number, (moment, event, resource, parameters) in enumerate(self.options["changes"]):
            detail = {
                "eventTime": self.when(moment).strftime("%Y-%m-%dT%H:%M:%SZ"), "eventName": event,
                "requestParameters": parameters, "eventID": f"e-{number}", "readOnly": False,
                "userIdentity": {"type": "IAMUser", "userName": "somebody"},
            }  # fmt: skip
            events.append(
                {
                    "EventId": f"e-{number}", "EventName": event, "ReadOnly": "false",
                    "EventTime": self.when(moment).isoformat(), "Username": "somebody",
                    "Resources": [{"ResourceType": "AWS::X", "ResourceName": resource}],
                    "CloudTrailEvent": json.dumps(detail),
                }
            )  # fmt: skip
        self.save("cloudtrail.json", {"Events": events[::-1]})


def write(path, model, start, options):
    """Write a world as a folder of evidence.

    ``options``: ``region``; ``period`` in seconds; ``missing_points``, a share; ``asleep``: the dead-letter
    queues publish nothing before their first message; ``talks``: runs log the message they work on; ``logs``:
    all, errors or none; ``log_rows``: rows of each query of logs at most, hundreds by default; ``changes``:
    (seconds, event, resource, parameters), None for no trail at all; ``made``: likewise, those that the
    configurations tell of whether or not there is a trail; ``without``: of sqs, lambda, ec2, messages, state.
    """
    folder = Folder(path, model, start, options)
    folder.metrics()
    if options["logs"] != "none":
        folder.logs()
    if "state" not in options["without"]:
        folder.state()
    if options["changes"] is not None:
        folder.trail()
    folder.save("alarms.json", {"MetricAlarms": [], "CompositeAlarms": []})


def moment(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
