"""A small world of queues, minute by minute, for tests of the backlog analyses."""

import json
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from watchme_analysis.schema import conform, empty

START = pd.Timestamp("2025-12-10T00:00:00Z")
METRICS = {
    "sent": ("AWS/SQS", "NumberOfMessagesSent", "Sum"),
    "received": ("AWS/SQS", "NumberOfMessagesReceived", "Sum"),
    "deleted": ("AWS/SQS", "NumberOfMessagesDeleted", "Sum"),
    "visible": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum"),
    "in_flight": ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", "Maximum"),
    "age_s": ("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum"),
    "invocations": ("AWS/Lambda", "Invocations", "Sum"),
    "errors": ("AWS/Lambda", "Errors", "Sum"),
    "throttles": ("AWS/Lambda", "Throttles", "Sum"),
    "duration_avg_s": ("AWS/Lambda", "Duration", "Average"),
    "duration_max_s": ("AWS/Lambda", "Duration", "Maximum"),
}


@dataclass
class World:
    """Tables of a made-up system; quacks like a case."""

    hours: int = 24
    queue: str = "jobs"
    function: str = "job-runner"
    dlq: str = "jobs-dlq"
    visibility_s: float = 180.0
    timeout_s: float = 30.0
    name: str = "made-up"
    argument: str = "CASE"
    window: None = None
    unread: tuple = ()
    tables: dict = field(default_factory=dict)

    def __post_init__(self):
        minutes = 60 * self.hours
        self.at = {name: np.zeros(minutes) for name in METRICS}
        self.at["dlq_visible"] = np.full(minutes, np.nan)
        self.changes, self.errors_logged, self.dead = [], [], []
        self.state = "Enabled"
        self.reserved = None
        for minute in range(1, minutes, 30):
            self.run(minute, 10, 1.5)

    def run(self, minute, messages, seconds, failed=0):
        """Let messages come and run in a minute."""
        for name in ("sent", "received", "invocations"):
            self.at[name][minute] = messages
        self.at["errors"][minute] = failed
        self.at["deleted"][minute] = messages - failed
        self.at["duration_avg_s"][minute] = seconds
        self.at["duration_max_s"][minute] = seconds * 1.2

    def fail(self, first, last, seconds, text, share=1.0, tries=3):
        """Let a share of the messages sent between two minutes fail every try and die."""
        dead = 0
        for minute in range(first, last):
            sent = int(self.at["sent"][minute])
            if not sent:
                continue
            bad = max(1, round(share * sent))
            for k in range(tries):
                at = minute + 3 * k
                good = sent - bad if k == 0 else 0
                self.at["received"][at] = self.at["invocations"][at] = good + bad
                self.at["errors"][at], self.at["deleted"][at] = bad, good
                self.at["duration_avg_s"][at], self.at["duration_max_s"][at] = (
                    seconds,
                    min(self.timeout_s, seconds * 1.2),
                )
                self.errors_logged += [(at, text)] * bad
            for i in range(bad):
                self.dead.append((minute, f"device-{i % 7}" if share == 1.0 else "device-x"))
            dead += bad
            self.at["dlq_visible"][minute + 9 :] = dead

    def change(self, minute, name, resource, **parameters):
        """Record a change."""
        self.changes.append((START + pd.Timedelta(minutes=minute), name, resource, parameters))

    def table(self, name):
        """Return a table of the glossary."""
        if not self.tables:
            self.tables = self._build()
        return self.tables.get(name, empty(name))

    def lose(self, metric, minute):
        """Remove the point of a metric in a minute, as if CloudWatch had lost it."""
        table = self.table("metrics")
        here = (table["metric"] == metric) & (table["time"] == START + pd.Timedelta(minutes=minute))
        self.tables["metrics"] = table[~here]

    def coverage(self):
        return {name: {"rows": len(frame), "truncated": False} for name, frame in self.tables.items()}

    def without(self, *names):
        """Return a copy that lacks some tables."""
        self.table("metrics")
        other = World(self.hours)
        other.tables = {name: frame for name, frame in self.tables.items() if name not in names}
        return other

    def _build(self):
        index = pd.date_range(START, periods=60 * self.hours, freq="1min")
        parts, queries = [], []
        ran = self.at["invocations"] > 0
        # Nothing hides the messages of the DLQ unless a test says so.
        self.at.setdefault("dlq_in_flight", 0.0 * self.at["dlq_visible"])
        series = {
            **METRICS,
            "dlq_visible": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Average"),
            "dlq_in_flight": ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", "Maximum"),
        }
        for column, (namespace, metric, stat) in series.items():
            values = self.at[column] * (1000.0 if metric == "Duration" else 1.0)
            resource = self.dlq if column.startswith("dlq_") else self.queue
            keep = ~np.isnan(values)
            if namespace == "AWS/Lambda":
                resource = self.function
                keep &= ran | (self.at["throttles"] > 0)
            base = {
                "namespace": namespace,
                "metric": metric,
                "resource": resource,
                "stat": stat,
                "period_s": 60,
            }
            queries.append({"id": column, "points": int(keep.sum()), "status": "Complete", **base})
            parts.append(pd.DataFrame({"time": index[keep], "value": values[keep], **base}))
        queues = [
            {
                "queue": self.queue,
                "visible": int(self.at["visible"][-1]),
                "in_flight": int(self.at["in_flight"][-1]),
                "delayed": 0,
                "visibility_timeout_s": self.visibility_s,
                "retention_s": 345600.0,
                "max_receive_count": 3,
                "dlq": self.dlq,
            },
            {
                "queue": self.dlq,
                "visible": len(self.dead),
                "in_flight": 0,
                "delayed": 0,
                "retention_s": 1209600.0,
            },
        ]
        messages = []
        for i, (minute, device) in enumerate(self.dead):
            sent = START + pd.Timedelta(minutes=minute)
            recorded = sent.tz_convert("Asia/Tokyo").isoformat()
            body = json.dumps({"device_id": device, "recorded_at": recorded})
            messages.append(
                {
                    "queue": self.dlq,
                    "message_id": f"00000000-0000-4000-8000-{i:012d}",
                    "body": body,
                    "sent_at": sent,
                    "receive_count": 4,
                    "source_queue": self.queue,
                    "work_item": device,
                    "work_key": recorded,
                }
            )
        events = [
            {
                "query_name": "errors",
                "function": self.function,
                "time": START + pd.Timedelta(minutes=minute),
                "message": text,
                "ptr": str(i),
                "kind": "error",
                "error_type": text.split(":")[0],
            }
            for i, (minute, text) in enumerate(self.errors_logged)
        ]
        changes = [
            {
                "time": time,
                "event_id": str(i),
                "event_name": event,
                "user": "somebody",
                "read_only": False,
                "resource": resource,
                "resources": json.dumps([resource]),
                "parameters": json.dumps(parameters),
            }
            for i, (time, event, resource, parameters) in enumerate(self.changes)
        ]
        rows = {
            "metrics": pd.concat(parts, ignore_index=True),
            "metric_queries": queries,
            "queues": queues,
            "queue_messages": messages,
            "functions": [
                {
                    "function": self.function,
                    "timeout_s": self.timeout_s,
                    "reserved_concurrency": self.reserved,
                    "concurrency_known": True,
                }
            ],
            "event_source_mappings": [
                {
                    "uuid": "u-1",
                    "function": self.function,
                    "queue": self.queue,
                    "state": self.state,
                    "batch_size": 1,
                }
            ],
            "log_queries": [{"query_name": "errors", "function": self.function, "truncated": False}],
            "log_events": events,
            "changes": changes,
        }
        return {
            name: conform(name, pd.DataFrame(part)) if len(part) else empty(name)
            for name, part in rows.items()
        }
