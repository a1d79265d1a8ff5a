"""Evidence of a queue whose consumer is unknown, and which nobody empties since the middle of the night."""

import json
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, tzinfo=UTC)
# Minutes of the record, and those after which no message is deleted; ten arrive each minute.
MINUTES, STOP, RATE = 240, 150, 10
STOPPED = START + timedelta(minutes=STOP)


def write_waiting_queue(folder, queue="uploads"):
    """Write attributes and metrics of the queue as AWS returns them; return the folder."""
    late = [max(0, minute - STOP + 1) for minute in range(MINUTES)]
    metrics = {
        "NumberOfMessagesSent": [RATE] * MINUTES,
        "NumberOfMessagesDeleted": [0 if minute else RATE for minute in late],
        "ApproximateNumberOfMessagesVisible": [RATE * minute for minute in late],
        "ApproximateNumberOfMessagesNotVisible": [0] * MINUTES,
        "ApproximateAgeOfOldestMessage": [60 * max(0, minute - 1) for minute in late],
    }
    write_metrics(folder, metrics, queue)
    return write_attributes(folder, queue, ApproximateNumberOfMessages="890", VisibilityTimeout="180")


def write_metrics(folder, metrics, queue="uploads", period_s=60):
    """Write metrics of a queue as AWS returns them, with a value for each interval (None: missing)."""
    queries, results = [], []
    for at, (name, values) in enumerate(metrics.items()):
        dimensions = [{"Name": "QueueName", "Value": queue}]
        metric = {"Namespace": "AWS/SQS", "MetricName": name, "Dimensions": dimensions}
        stat = "Maximum" if name.startswith("Approximate") else "Sum"
        queries.append({"Id": f"m{at}", "MetricStat": {"Metric": metric, "Period": period_s, "Stat": stat}})
        known = {
            START + timedelta(seconds=period_s * place): one
            for place, one in enumerate(values)
            if one is not None
        }
        times = [each.isoformat() for each in known]
        results.append(
            {
                "Id": f"m{at}",
                "Label": name,
                "Timestamps": times,
                "Values": [*known.values()],
                "StatusCode": "Complete",
            }
        )
    _write(folder, "metrics/metric-data-queries.json", queries)
    _write(folder, "metrics/sqs.json", {"MetricDataResults": results})


def write_attributes(folder, queue="uploads", **more):
    """Write the attributes of a queue in which nothing waits unless stated; return the folder."""
    attributes = {
        "QueueArn": f"arn:aws:sqs:eu-west-1:123456789012:{queue}", "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesNotVisible": "0", "ApproximateNumberOfMessagesDelayed": "0",
        "VisibilityTimeout": "30", "MessageRetentionPeriod": "345600",
    }  # fmt: skip
    _write(folder, f"queues/{queue}.json", {"Attributes": attributes | more})
    return folder


def _write(folder, path, content):
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(json.dumps(content))
