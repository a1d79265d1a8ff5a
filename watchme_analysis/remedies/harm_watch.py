"""Watching other queues, functions and endpoints while something is done to a test system.

Each limit is the highest value of the hour before, so that the first value above it counts as harm. Depths
and dead-letter queues are read from SQS, which is current; ages, errors and throttles from CloudWatch, which
has a point a minute and is late by up to two [1]_.

.. [1] https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.cloudwatch.metrics import Metric, fetch_metric_data, metric_queries
from watchme_analysis.errors import ServiceError
from watchme_analysis.evidence import prober
from watchme_analysis.evidence.probes import is_success
from watchme_analysis.remedies.plan import Call
from watchme_analysis.remedies.queue_reader import counts_of, queue_attributes
from watchme_analysis.text.message import Duration, Message, Number, Quotation, Resource, message
from watchme_analysis.text.render import error_message
from watchme_analysis.window import Window

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

# ``depth``: visible messages; ``dlq``: messages in a DLQ; ``age``: of the oldest message in seconds;
# ``errors``, ``throttles``: of a function in a minute; ``health``: failed checks in a row.
Kind = Literal["depth", "dlq", "age", "errors", "throttles", "health"]
# The time before, whose highest values are the limits.
BEFORE = timedelta(hours=1)
# Values up to which nothing is harm, whatever the hour before: a few messages wait in any queue.
_LEAST: Mapping[Kind, float] = {"depth": 10.0, "age": 60.0}
_METRICS: Mapping[Kind, tuple[str, str, str, str]] = {
    "depth": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "Maximum"),
    "age": ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", "Maximum"),
    "errors": ("AWS/Lambda", "Errors", "FunctionName", "Sum"),
    "throttles": ("AWS/Lambda", "Throttles", "FunctionName", "Sum"),
}
_PERIOD_S = 60
_HEALTH_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class HarmLimit:
    """The highest value of another resource that is no harm.

    ``resource`` is the URL of a queue for ``depth`` and ``dlq``, the name of a queue or function, or the URL
    of an endpoint.
    """

    kind: Kind
    resource: str
    most: float

    @property
    def is_metric(self) -> bool:
        """Return whether CloudWatch is read for it while watching."""
        return self.kind in ("age", "errors", "throttles")

    @property
    def is_in_sqs(self) -> bool:
        """Return whether the attributes of a queue are read for it."""
        return self.kind in ("depth", "dlq")

    @property
    def name(self) -> Resource:
        """Return the resource for a sentence."""
        return Resource(self.resource if self.kind == "health" else resource_name(self.resource))

    @property
    def sentence(self) -> Message:
        """Return what stops the test."""
        return message(f"harm-limit-{self.kind}", name=self.name, most=self._value(self.most))

    def harm(self, value: float, error: str = "") -> Message | None:
        """Return in a sentence the harm that a value shows; None when it is within the limit."""
        if value <= self.most:
            return None
        more = {"error": Quotation(error)} if self.kind == "health" else {}
        return message(
            f"harm-{self.kind}", name=self.name, value=self._value(value), most=self._value(self.most), **more
        )

    def _value(self, value: float) -> Duration | Number:
        return Duration(value) if self.kind == "age" else Number(value)


def limits_from_the_hour_before(aws: Aws | None, kinds: Sequence[tuple[Kind, str]]) -> tuple[HarmLimit, ...]:
    """Return a limit for each kind and resource: the highest value within the last hour.

    ``aws`` is None when only endpoints are watched. A queue or CloudWatch that can't be read is a
    ServiceError.
    """
    limits = [HarmLimit(kind, resource, _LEAST.get(kind, 0.0)) for kind, resource in kinds]
    if aws is None:
        return tuple(limits)
    in_metrics = [each for each in limits if each.kind in _METRICS]
    now = datetime.now(UTC)
    highest = _highest(in_metrics, aws, Window(now - BEFORE, now))
    found = []
    for each in limits:
        current = _read_queue(each, aws) if each.is_in_sqs else 0.0
        found.append(replace(each, most=max(each.most, highest.get(each, 0.0), current)))
    return tuple(found)


def calls_of_watch(watched: Sequence[HarmLimit]) -> tuple[Call, ...]:
    """Return the calls that watching makes, for the IAM policy."""
    calls = []
    if any(each.is_in_sqs for each in watched):
        calls.append(Call("sqs", "get_queue_attributes"))
    if any(each.is_metric for each in watched):
        calls.append(Call("cloudwatch", "get_metric_data"))
    return tuple(calls)


@dataclass
class HarmWatch:
    """A watch over limits, from ``since`` on; CloudWatch is read every ``metrics_s`` seconds."""

    watched: Sequence[HarmLimit]
    aws: Aws | None
    since: datetime
    metrics_s: float = 60.0
    _metrics_read_at: float = field(default=float("-inf"))

    def first_harm(self, *, at_once: bool = False) -> Message | None:
        """Return the first sign of harm that a reading of all limits shows; None without any.

        With ``at_once``, CloudWatch is read before its time has come. A resource that can't be read is a
        ServiceError: what can't be watched must not be harmed.
        """
        return next((sign for sign in self._signs(at_once=at_once) if sign is not None), None)

    def _signs(self, *, at_once: bool) -> Iterator[Message | None]:
        for each in self.watched:
            if each.kind == "health":
                yield self._check_health(each)
            elif each.is_in_sqs and self.aws is not None:
                yield each.harm(_read_queue(each, self.aws))
        metrics = [each for each in self.watched if each.is_metric]
        is_due = at_once or time.monotonic() - self._metrics_read_at >= self.metrics_s
        if metrics and self.aws is not None and is_due:
            self._metrics_read_at = time.monotonic()
            now = max(datetime.now(UTC), self.since + timedelta(seconds=_PERIOD_S))
            highest = _highest(metrics, self.aws, Window(self.since, now))
            yield from (each.harm(highest.get(each, 0.0)) for each in metrics)

    @staticmethod
    def _check_health(limit: HarmLimit) -> Message | None:
        found = prober.fetch(limit.resource, _HEALTH_TIMEOUT_S, {})
        if is_success(found["status"], found["error"]):
            return None
        return limit.harm(1.0, str(found["error"] or f"status {found['status']}"))


def _read_queue(limit: HarmLimit, aws: Aws) -> float:
    counts = counts_of(queue_attributes(aws, limit.resource))
    return float(counts.total if limit.kind == "dlq" else counts.visible)


def _highest(limits: Sequence[HarmLimit], aws: Aws, window: Window) -> dict[HarmLimit, float]:
    """Return the highest value of each limit's metric in a window; without a point it is missing."""
    if not limits:
        return {}
    metrics = []
    for each in limits:
        namespace, name, dimension, stat = _METRICS[each.kind]
        metrics.append(Metric(namespace, name, ((dimension, resource_name(each.resource)),), stat))
    response = fetch_metric_data(aws, metric_queries(metrics, _PERIOD_S), window)
    found: dict[HarmLimit, float] = {}
    for result in response["MetricDataResults"]:
        if result.get("StatusCode") in ("Forbidden", "InternalError"):
            raise ServiceError(error_message("error-metric-not-returned", metric=result.get("Label")))
        if result["Values"]:
            found[limits[int(result["Id"].removeprefix("m"))]] = max(map(float, result["Values"]))
    return found
