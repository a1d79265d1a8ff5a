"""What a migration to FIFO needs to know of the account and of a case; nothing is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.responses import json_object
from watchme_analysis.cloudwatch.account_state import describe_alarms, describe_function
from watchme_analysis.cloudwatch.metrics import Metric, fetch_metric_data, metric_queries
from watchme_analysis.cloudwatch.session import NotFoundError
from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError
from watchme_analysis.queues.work_items import first_of, work_item_settings
from watchme_analysis.remedies.fifo_migration import (
    SUFFIX,
    MigrationOptions,
    Source,
    Switch,
    fifo_name,
    window_of,
)
from watchme_analysis.remedies.live_queue import Queue, read_drained_queue
from watchme_analysis.remedies.queue_reader import queue_attributes
from watchme_analysis.text.render import error_message
from watchme_analysis.window import Window

if TYPE_CHECKING:
    from watchme_analysis.case.case_folder import Case
    from watchme_analysis.cloudwatch.session import Aws

# CloudWatch keeps points of a minute for 15 days.
TRAFFIC_DAYS = 14.0
# A message whose deduplication id was sent within this time is accepted, but not delivered.
DEDUPLICATED_S = 300.0


@dataclass(frozen=True)
class Traffic:
    """What CloudWatch recorded of a queue over some days, in messages; None where it has no point."""

    days: float
    peak_per_minute: float | None = None  # sent
    longest_gap_s: float | None = None  # between two minutes with messages
    most_in_flight: float | None = None
    most_delayed: float | None = None


@dataclass(frozen=True)
class Messages:
    """What messages of the queue show about groups and deduplication, in numbers of messages.

    ``swallowed`` ones would not be delivered, because another with the same deduplication id was sent within
    five minutes before. ``joined`` ones have the deduplication id of another one whose body differs, whenever
    they were sent.
    """

    groups: dict[str, int] = field(default_factory=dict)
    without_group: int = 0
    swallowed: int = 0
    with_group_id: int = 0
    joined: int = 0

    @property
    def count(self) -> int:
        """Number of messages."""
        return sum(self.groups.values()) + self.without_group


def prepared(
    aws: Aws,
    queue: str,
    wanted: MigrationOptions,
    *,
    name: str | None = None,
    group_key: str | None = None,
    case: Case | None = None,
) -> tuple[Source, MigrationOptions, Traffic, Messages | None]:
    """Return what is migrated, the options with what was read, and what was recorded of the queue.

    Only reads are called. ``name`` is that of the new queue, by default that of the queue with ``.fifo``;
    ``group_key`` the key of a message body that names its group, by default that of the settings or of the
    messages of ``case``. It is an InputError when the queue can't be migrated, or no key is known.
    """
    settings = load_config().work_items if case is None else work_item_settings(case)
    if group_key is None and not settings.item_keys:
        raise InputError(error_message("error-fifo-no-key"))
    source, new_name, new_dlq = read_source(aws, queue, name)
    traffic = read_traffic(aws, queue)
    options = replace(
        wanted,
        name=new_name,
        dlq_name=new_dlq,
        group_key=group_key or settings.item_keys[0],
        time_keys=(*settings.time_keys, *settings.day_keys),
        window_s=wanted.window_s or window_of(source.queue.visibility_s, traffic.longest_gap_s),
        switches=tuple(_switch(aws, each, source.queue, new_name) for each in wanted.switches),
    )
    messages = None if case is None else messages_of_case(case, queue, options)
    return source, options, traffic, messages


def read_source(aws: Aws, queue: str, name: str | None = None) -> tuple[Source, str, str]:
    """Return what is to be migrated, and the names of the new queue and its DLQ.

    The queue must not be FIFO, and have exactly one event source mapping, which is enabled.
    """
    if queue.endswith(SUFFIX):
        raise InputError(error_message("error-fifo-already", queue=queue))
    drained = read_drained_queue(aws, queue, "error-fifo-mappings")
    if drained.mapping.get("State") != "Enabled":
        raise InputError(error_message("error-fifo-mappings", queue=queue, number=1, enabled=0))

    def tagged(each: Queue) -> Queue:
        return replace(each, tags=aws.call("sqs", "list_queue_tags", QueueUrl=each.url).get("Tags") or {})

    old = tagged(drained.queue)
    dlq = tagged(drained.dlq) if drained.dlq is not None else None
    new_name = fifo_name(queue, name)
    dlq_name = f"{queue}-dlq" if dlq is None else dlq.name
    new_dlq = fifo_name(dlq_name, f"{new_name.removesuffix(SUFFIX)}-dlq" if name else None)
    existing = {
        each: found
        for each in ([new_name, new_dlq] if dlq is not None else [new_name])
        if (found := _attributes(aws, each)) is not None
    }
    _, new_arn = old.sibling(new_name)
    listed = aws.items("lambda", "list_event_source_mappings", "EventSourceMappings", EventSourceArn=new_arn)
    if [each for each in listed if each.get("FunctionArn") != drained.mapping["FunctionArn"]]:
        raise InputError(error_message("error-fifo-polled", queue=new_name))
    source = Source(
        old,
        dlq,
        drained.mapping,
        drained.reserved,
        drained.configuration,
        alarms_on(aws, {old.name, *([dlq.name] if dlq is not None else [])}),
        existing,
        listed,
    )
    return source, new_name, new_dlq


def _attributes(aws: Aws, name: str) -> dict[str, str] | None:
    try:
        url = aws.call("sqs", "get_queue_url", QueueName=name)["QueueUrl"]
    except NotFoundError:
        return None
    return queue_attributes(aws, url)


def alarms_on(aws: Aws, queues: set[str]) -> tuple[tuple[str, str], ...]:
    """Return the name of each alarm on one of these queues, and the queue that it watches."""
    found = []
    for alarm in describe_alarms(aws)["MetricAlarms"]:
        metrics = [each.get("MetricStat", {}).get("Metric", {}) for each in alarm.get("Metrics", [])]
        values = {
            each["Value"]
            for metric in (alarm, *metrics)
            for each in metric.get("Dimensions", [])
            if each["Name"] == "QueueName"
        }
        found += [(str(alarm["AlarmName"]), queue) for queue in sorted(values & queues)]
    return tuple(found)


def read_traffic(aws: Aws, queue: str) -> Traffic:
    """Return what CloudWatch recorded of a queue over the last 14 days."""
    end = datetime.now(UTC)
    sent, in_flight, delayed = queue_points(
        aws,
        queue,
        (
            ("NumberOfMessagesSent", "Sum"),
            ("ApproximateNumberOfMessagesNotVisible", "Maximum"),
            ("ApproximateNumberOfMessagesDelayed", "Maximum"),
        ),
        Window(end - timedelta(days=TRAFFIC_DAYS), end),
    )
    times = sorted(time for time, value in sent.items() if value)
    return Traffic(
        TRAFFIC_DAYS,
        max(sent.values(), default=None),
        max(((later - earlier).total_seconds() for earlier, later in pairwise(times)), default=None),
        max(in_flight.values(), default=None),
        max(delayed.values(), default=None),
    )


def queue_points(
    aws: Aws, queue: str, metrics: Iterable[tuple[str, str]], window: Window
) -> list[dict[datetime, float]]:
    """Return the points by minute of metrics of a queue, which are stated with their statistic."""
    dimensions = (("QueueName", queue),)
    queries = metric_queries([Metric("AWS/SQS", name, dimensions, stat) for name, stat in metrics], 60)
    found: list[dict[datetime, float]] = [{} for _ in queries]
    for result in fetch_metric_data(aws, queries, window)["MetricDataResults"]:
        times = map(datetime.fromisoformat, result["Timestamps"])
        found[int(result["Id"].removeprefix("m"))] |= dict(zip(times, result["Values"], strict=True))
    return found


def messages_of_case(case: Case, queue: str, options: MigrationOptions) -> Messages:
    """Return what the messages of a queue in a case show about groups and deduplication."""
    frame = case.table("queue_messages").sort_values("sent_at", kind="stable")
    groups: Counter[str | None] = Counter()
    last: dict[Any, datetime] = {}
    bodies: dict[Any, set[str]] = {}
    swallowed = with_group_id = 0
    for row in frame[frame["source_queue"].fillna(frame["queue"]) == queue].itertuples():
        body = row.body if isinstance(row.body, str) else None
        named = json_object(body)
        value, key = first_of(named, (options.group_key,)), first_of(named, options.time_keys)
        group = None if value is None else str(value)
        groups[group] += 1
        with_group_id += isinstance(row.group_id, str)
        identity = body if options.is_content_based else None if key is None else (group, key)
        if identity is None or row.sent_at != row.sent_at:  # sent at an unknown time
            continue
        if body is not None:
            bodies.setdefault(identity, set()).add(body)
        if identity in last and row.sent_at - last[identity] < timedelta(seconds=DEDUPLICATED_S):
            swallowed += 1
        else:
            last[identity] = row.sent_at
    return Messages(
        {name: count for name, count in groups.items() if name is not None},
        groups[None],
        swallowed,
        with_group_id,
        sum(len(different) - 1 for different in bodies.values()),
    )


def _switch(aws: Aws, switch: Switch, queue: Queue, new_name: str) -> Switch:
    """Return a switch with the old and the new value of its variable."""
    configuration, _ = describe_function(aws, switch.function)
    value = ((configuration.get("Environment") or {}).get("Variables") or {}).get(switch.variable)
    url, arn = queue.sibling(new_name)
    new = {queue.url: url, queue.arn: arn, queue.name: new_name}.get(str(value))
    if value is None or new is None:
        raise InputError(
            error_message(
                "error-fifo-variable",
                variable=switch.variable,
                function=switch.function,
                is_set="no" if value is None else "yes",
                queue=queue.name,
            )
        )
    return replace(switch, old=str(value), new=new)
