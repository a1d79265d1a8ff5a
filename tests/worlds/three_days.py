"""An incident of three whole days, played against the front: recordings fail, and daily analyses never run.

A recording arrives every few minutes and is processed by the function ``uploads-worker``. After midnight, the
daily analysis of each device that was processed goes to ``daily-worker``. Both run the code that is deployed.
Metrics, logs and the states of alarms follow from what was really invoked, on a clock that ends now.
"""

import json
from datetime import UTC, datetime, timedelta

import boto3

from watchme_analysis.remedies.deployment import sqs_event
from worlds.aws_front import metric_math, statistic
from worlds.lambda_front import zipped
from worlds.queue_service import ACCOUNT, REGION

MESSAGES = 991  # all messages of the three days, of which some are repeated notifications of one recording
REPEATED = 12
DEVICES = 7
DAYS = 3
GOOD_DAYS = 1
RECEIVES, VISIBILITY_S = 3, 300


class Pipeline:
    """A queue, its DLQ, and the function that drains it, ten messages each, whenever its log is read."""

    def __init__(self, front, name, code):
        self.front, self.name, self.done = front, name, []
        self.function = f"{name}-worker"
        self.group = f"/aws/lambda/{self.function}"
        self.dlq = front.queues.queue(f"{name}-dlq", retention_s=1_209_600)
        self.queue = front.queues.queue(name, visibility_s=VISIBILITY_S, dlq=self.dlq, most_receives=RECEIVES)
        front.lambdas.create(self.function, zipped(lambda_function=code))
        front.mappings.append(
            {
                "UUID": self.function,
                "EventSourceArn": self.queue.arn,
                "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.function}",
                "State": "Enabled",
                "FunctionResponseTypes": [],
            }
        )
        front.before["FilterLogEvents"].append(self.work)

    def invoke(self, messages, at_ms=None):
        """Run the function on messages (id and body), and return whether it succeeded."""
        events = [sqs_event(body, name, self.queue.arn, {}) for name, body in messages]
        event = {"Records": [record for each in events for record in each["Records"]]}
        found, _ = self.front.lambdas.run(self.function, event, at_ms=at_ms)
        return "error" not in found

    def work(self):
        """Process every message that is in the queue."""
        while batch := self.front.queues.receive(self.queue, 10, VISIBILITY_S):
            if self.invoke([(message.id, message.body) for message in batch]):
                self.done += [message.body for message in batch]
                for message in batch:
                    self.front.queues.delete(self.queue, message.handles[-1], self.function)


class ThreeDays:
    """The system, its clock, and what happens on it.

    Attributes
    ----------
    zone
        Zone of the devices, in which the incident covers whole days and it is shortly after midnight now.
    start, end
        First moment of the failing days, and of the day after them.
    """

    def __init__(self, front, moto_port, code):
        self.front = front
        self.moto_url = f"http://127.0.0.1:{moto_port}"
        self.uploads = Pipeline(front, "uploads", code)
        self.daily = Pipeline(front, "daily", code)
        now = datetime.now(UTC)
        self.end = now.replace(minute=0, second=0, microsecond=0)
        self.zone = f"Etc/GMT{self.end.hour if self.end.hour <= 12 else self.end.hour - 24:+d}"
        self.start = self.end - timedelta(days=DAYS)
        self.first = self.start - timedelta(days=GOOD_DAYS)
        self.now = now
        self.runs = []  # (time, pipeline, number of messages, whether it succeeded)
        self.sent = []  # (time, pipeline)
        self.dead = []  # times at which a message reached the DLQ of uploads
        sns, sqs = boto3.client("sns"), boto3.client("sqs")
        topic = sns.create_topic(Name="on-call")["TopicArn"]
        self.inbox = sqs.create_queue(QueueName="on-call-inbox")["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:on-call-inbox"
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def recordings(self, first, days):
        """Yield time and body of each notification of some days; some repeat the one before."""
        count = MESSAGES * days // DAYS
        step_s = days * 86400 / count
        repeated = MESSAGES // REPEATED
        for number in range(count):
            at = first + timedelta(seconds=(number + 0.5) * step_s)
            source = number - (number % repeated == repeated - 1)
            recorded = first + timedelta(seconds=(source + 0.5) * step_s - 60)
            body = {
                "device_id": f"device-{source % DEVICES}",
                "recorded_at": recorded.isoformat(timespec="seconds").replace("+00:00", "Z"),
            }
            yield at, json.dumps(body)

    def play(self):
        """Play the good day and the failing ones: what fails three times is in the DLQ then."""
        good = self.recordings(self.first, GOOD_DAYS)
        failing = list(self.recordings(self.start, DAYS))
        broken = self.front.lambdas.functions[self.uploads.function]["code"]
        working = self.front.lambdas.functions[self.daily.function]["code"]
        self.front.lambdas.functions[self.uploads.function]["code"] = working
        for number, (at, body) in enumerate(good):
            self.process(self.uploads, at, f"00000000-0000-4000-8000-{number:012d}", body)
        for device in range(DEVICES):
            at = self.start + timedelta(minutes=5, seconds=device)
            body = json.dumps({"device_id": f"device-{device}", "local_date": self.day(self.first)})
            self.process(self.daily, at, f"00000000-0000-4000-8001-{device:012d}", body)
        self.front.lambdas.functions[self.uploads.function]["code"] = broken
        for at, body in failing:
            ago_s = datetime.now(UTC).timestamp() - at.timestamp()
            failed = self.front.queues.put_failed(self.uploads.dlq, self.uploads.queue, body, ago_s=ago_s)
            failed.received = RECEIVES
            self.process(self.uploads, at, failed.id, body)
        # CloudTrail's record of the deployment.
        self.front.trail.append(
            {
                "EventId": "deployment",
                "EventName": "UpdateFunctionCode20150331v2",
                "EventSource": "lambda.amazonaws.com",
                "EventTime": self.start.timestamp(),
                "Username": "deployer",
                "Resources": [{"ResourceName": self.uploads.function}],
                "CloudTrailEvent": json.dumps({"requestParameters": {"functionName": self.uploads.function}}),
            }
        )
        self.write_logs()
        self.write_metrics()

    def day(self, moment):
        offset = timedelta(hours=-int(self.zone.removeprefix("Etc/GMT")))
        return (moment + offset).date().isoformat()

    def process(self, pipeline, at, name, body):
        """Deliver a message until it is processed, or in the DLQ."""
        self.sent.append((at, pipeline))
        for receive in range(RECEIVES):
            moment = at + timedelta(seconds=1 + receive * VISIBILITY_S)
            succeeded = pipeline.invoke([(name, body)], round(moment.timestamp() * 1000))
            self.runs.append((moment, pipeline, succeeded))
            if succeeded:
                return
        self.dead.append(at + timedelta(seconds=1 + RECEIVES * VISIBILITY_S))

    def write_logs(self):
        for pipeline in (self.uploads, self.daily):
            lines = [
                (at, text + "\n", "s")
                for at, group, text in self.front.lambdas.log
                if group == pipeline.group
            ]
            self.front.engine.load(pipeline.group, lines)

    def write_metrics(self):
        """Count by minute what was sent, received, deleted and invoked, as CloudWatch does."""
        first, last = (int(moment.timestamp()) // 60 * 60 for moment in (self.first, self.now))
        minutes = range(first, last, 60)
        for pipeline in (self.uploads, self.daily):
            queue, function = (("QueueName", pipeline.name),), (("FunctionName", pipeline.function),)
            sent = [at for at, each in self.sent if each is pipeline]
            runs = [(at, succeeded) for at, each, succeeded in self.runs if each is pipeline]
            received = [at for at, _ in runs]
            deleted = [at for at, succeeded in runs if succeeded]
            failed = [at for at, succeeded in runs if not succeeded]
            counted = {
                ("AWS/SQS", "NumberOfMessagesSent", queue): sent,
                ("AWS/SQS", "NumberOfMessagesReceived", queue): received,
                ("AWS/SQS", "NumberOfMessagesDeleted", queue): deleted,
                ("AWS/Lambda", "Invocations", function): received,
                ("AWS/Lambda", "Errors", function): failed,
                ("AWS/Lambda", "Throttles", function): [],
            }
            for key, moments in counted.items():
                self.front.metrics[key] = by_minute(minutes, moments)
            # A message that fails waits invisibly between its receives.
            waits = timedelta(seconds=RECEIVES * VISIBILITY_S)
            waiting = [(at - waits, at) for at in self.dead] if pipeline is self.uploads else []
            self.front.metrics |= {
                ("AWS/SQS", "ApproximateNumberOfMessagesVisible", queue): dict.fromkeys(minutes, 0),
                ("AWS/SQS", "ApproximateAgeOfOldestMessage", queue): ages(minutes, waiting),
                ("AWS/Lambda", "Duration", function): {
                    int(at.timestamp()) // 60 * 60: 1.0 for at in received
                },
            }
        stock, arrivals = 0, by_minute(minutes, self.dead)
        visible = {}
        for minute in minutes:
            stock += arrivals[minute]
            visible[minute] = stock
        name = "ApproximateNumberOfMessagesVisible"
        self.front.metrics["AWS/SQS", name, (("QueueName", "uploads-dlq"),)] = visible
        self.front.metrics["AWS/SQS", name, (("QueueName", "daily-dlq"),)] = dict.fromkeys(minutes, 0)

    def evaluate_alarms(self):
        """Give every alarm the states that it has on the metrics, with the history and notifications."""
        cloudwatch = boto3.client("cloudwatch", endpoint_url=self.moto_url)
        for alarm in cloudwatch.describe_alarms()["MetricAlarms"]:
            state = "OK"
            for at, is_firing in self.evaluations(alarm):
                new = "ALARM" if is_firing else "OK"
                if new != state:
                    self.front.alarm_history.append(
                        {
                            "AlarmName": alarm["AlarmName"],
                            "Timestamp": at,
                            "HistoryItemType": "StateUpdate",
                            "HistorySummary": f"Alarm updated from {state} to {new}",
                            "HistoryData": json.dumps(
                                {"oldState": {"stateValue": state}, "newState": {"stateValue": new}}
                            ),
                        }
                    )
                    state = new
                    self.front.execute(alarm, state, boto3.client, at)
            cloudwatch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue=state, StateReason="metrics")

    def evaluations(self, alarm):
        """Yield time of evaluation and whether M of the last N points breach; missing points do not."""
        period = alarm.get("Period") or alarm["Metrics"][0]["MetricStat"]["Period"]
        points = self.points(alarm, period)
        breaching = []
        first, last = (int(moment.timestamp()) // period * period for moment in (self.first, self.now))
        for at in range(first, last, period):
            breaching.append(points.get(at, float("-inf")) > alarm["Threshold"])
            recent = breaching[-alarm["EvaluationPeriods"] :]
            enough = alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])
            yield datetime.fromtimestamp(at + period, UTC), sum(recent) >= enough

    def points(self, alarm, period):
        if "MetricName" in alarm:
            return self.series(alarm, period, alarm["Statistic"])
        results = {}
        for query in alarm["Metrics"]:
            if "MetricStat" in query:
                stat = query["MetricStat"]
                found = self.series(stat["Metric"], period, stat["Stat"])
                # A share of no invocations has no point.
                points = [(at, value) for at, value in found.items() if value or query["Id"] != "below"]
                results[query["Id"]] = {"points": points}
        (expression,) = (query["Expression"] for query in alarm["Metrics"] if "Expression" in query)
        return dict(metric_math(expression, results))

    def series(self, metric, period, name):
        dimensions = tuple(sorted((each["Name"], each["Value"]) for each in metric["Dimensions"]))
        samples = {}
        for at, value in self.front.metrics[metric["Namespace"], metric["MetricName"], dimensions].items():
            samples.setdefault(at // period * period, []).append(value)
        return {at: statistic(name, values) for at, values in samples.items()}


def by_minute(minutes, moments):
    counted = dict.fromkeys(minutes, 0)
    for moment in moments:
        minute = int(moment.timestamp()) // 60 * 60
        if minute in counted:
            counted[minute] += 1
    return counted


def ages(minutes, waiting):
    """Return the age in seconds of the oldest of the messages that wait from one time to another."""
    oldest = dict.fromkeys(minutes, 0)
    for begin, end in waiting:
        start, stop = (int(moment.timestamp()) for moment in (begin, end))
        for minute in range(start // 60 * 60 + 60, stop, 60):
            if minute in oldest:
                oldest[minute] = max(oldest[minute], minute - start)
    return oldest
