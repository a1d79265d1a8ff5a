"""Advice on FIFO, and the migration of a queue: what is read of the account and of a case."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.aws_shapes.responses import json_value
from watchme_analysis.case.opening import open_case
from watchme_analysis.cloudwatch.account_state import describe_alarms, describe_function, discover_scope
from watchme_analysis.cloudwatch.session import NotFoundError
from watchme_analysis.config import WorkItemSettings, load_config
from watchme_analysis.errors import InputError
from watchme_analysis.queues.work_done import first_of, work_done, work_item_settings
from watchme_analysis.remedies.fifo_advice import Advice, Groups, advice_of, kinds_of
from watchme_analysis.remedies.fifo_checks import (
    Check,
    Messages,
    QueueCount,
    Traffic,
    checks_after,
    checks_before,
    messages_of,
)
from watchme_analysis.remedies.fifo_migration import (
    COUNT_STEPS,
    KEPT_COUNTS,
    REMEDY,
    SUFFIX,
    MigrationOptions,
    Queue,
    Source,
    Switch,
    fifo_name,
    migration_plan,
    window_of,
)
from watchme_analysis.remedies.plan import Plan, Step
from watchme_analysis.services.what_if import what_if_of_case
from watchme_analysis.simulation.scenarios import compare
from watchme_analysis.storage.journal import DONE, Journal
from watchme_analysis.text.message import Names, Resource, message
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.case.case_folder import Case
    from watchme_analysis.cloudwatch.session import Aws

# CloudWatch keeps points of a minute for 15 days.
TRAFFIC_DAYS = 14.0
_NEVER = message("fifo-cost")  # replaced by the title of the plan


def read_source(aws: Aws, queue: str, name: str | None = None) -> tuple[Source, str, str]:
    """Return what is to be migrated, and the names of the new queue and its DLQ.

    Parameters
    ----------
    aws
        Session.
    queue
        Name of the standard queue.
    name
        Name of the new queue; by default that of the queue with ``.fifo``.

    Raises
    ------
    InputError
        When the queue is FIFO, or has not exactly one enabled event source mapping.
    ServiceError
        When AWS can't be called, or the queue does not exist.
    """
    if queue.endswith(SUFFIX):
        raise InputError(error_message("error-fifo-already", queue=queue))
    scope = discover_scope(aws, [queue], [])
    old = _queue(aws, queue, scope.urls[queue], scope.queues[queue])
    mappings = [
        each
        for found in scope.mappings.values()
        for each in found
        if resource_name(str(each.get("EventSourceArn"))) == queue
    ]
    enabled = [each for each in mappings if each.get("State") == "Enabled"]
    if len(mappings) != 1 or not enabled:
        raise InputError(
            error_message("error-fifo-mappings", queue=queue, number=len(mappings), enabled=len(enabled))
        )
    [mapping] = enabled
    target = str(old.policy_of("RedrivePolicy").get("deadLetterTargetArn") or "")
    dlq_name = resource_name(target) if target else None
    dlq = None
    if dlq_name is not None:
        dlq = _queue(aws, dlq_name, scope.urls[dlq_name], scope.queues[dlq_name])
    new_name = fifo_name(queue, name)
    new_dlq = fifo_name(dlq_name or f"{queue}-dlq", f"{new_name.removesuffix(SUFFIX)}-dlq" if name else None)
    existing = {
        each: found
        for each in ([new_name, new_dlq] if dlq is not None else [new_name])
        if (found := _attributes(aws, each)) is not None
    }
    _, new_arn = old.sibling(new_name)
    listed = aws.items("lambda", "list_event_source_mappings", "EventSourceMappings", EventSourceArn=new_arn)
    if [each for each in listed if each.get("FunctionArn") != mapping["FunctionArn"]]:
        raise InputError(error_message("error-fifo-polled", queue=new_name))
    configuration, concurrency = describe_function(aws, resource_name(str(mapping["FunctionArn"])))
    watched = {old.name, *([dlq.name] if dlq is not None else [])}
    source = Source(
        old,
        dlq,
        mapping,
        float(configuration["Timeout"]),
        concurrency.get("ReservedConcurrentExecutions"),
        _alarms(aws, watched),
        existing,
        listed,
    )
    return source, new_name, new_dlq


def _queue(aws: Aws, name: str, url: str, attributes: dict[str, Any]) -> Queue:
    tags = aws.call("sqs", "list_queue_tags", QueueUrl=url).get("Tags") or {}
    return Queue(name, url, attributes, tags)


def _attributes(aws: Aws, name: str) -> dict[str, str] | None:
    try:
        url = aws.call("sqs", "get_queue_url", QueueName=name)["QueueUrl"]
    except NotFoundError:
        return None
    found = aws.call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"])
    return dict(found.get("Attributes", {}))


def _alarms(aws: Aws, queues: set[str]) -> tuple[tuple[str, str], ...]:
    """Return the alarms on queues, with the queue that each watches."""
    found = []
    for alarm in describe_alarms(aws)["MetricAlarms"]:
        metrics = [
            alarm,
            *(each.get("MetricStat", {}).get("Metric", {}) for each in alarm.get("Metrics", [])),
        ]
        values = {
            each["Value"]
            for metric in metrics
            for each in metric.get("Dimensions", [])
            if each["Name"] == "QueueName"
        }
        found += [(str(alarm["AlarmName"]), queue) for queue in sorted(values & queues)]
    return tuple(found)


def read_traffic(aws: Aws, queue: str, now: datetime | None = None) -> Traffic:
    """Return what CloudWatch recorded of a queue over the last 14 days."""
    end = now or datetime.now(UTC)
    start = end - timedelta(days=TRAFFIC_DAYS)
    sent = _points(aws, queue, "NumberOfMessagesSent", "Sum", start, end)
    times = sorted(time for time, value in sent.items() if value)
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    in_flight = _points(aws, queue, "ApproximateNumberOfMessagesNotVisible", "Maximum", start, end)
    delayed = _points(aws, queue, "ApproximateNumberOfMessagesDelayed", "Maximum", start, end)
    return Traffic(
        TRAFFIC_DAYS,
        math.fsum(sent.values()) if sent else None,
        max(sent.values(), default=None),
        max(gaps, default=None),
        max(in_flight.values(), default=None),
        max(delayed.values(), default=None),
    )


def _points(
    aws: Aws, queue: str, metric: str, stat: str, start: datetime, end: datetime
) -> dict[datetime, float]:
    """Return the points of a metric of a queue by minute."""
    dimensions = [{"Name": "QueueName", "Value": queue}]
    query = {
        "Id": "m0",
        "MetricStat": {
            "Metric": {"Namespace": "AWS/SQS", "MetricName": metric, "Dimensions": dimensions},
            "Period": 60,
            "Stat": stat,
        },
    }
    found: dict[datetime, float] = {}
    for page in aws.pages(
        "cloudwatch", "get_metric_data", MetricDataQueries=[query], StartTime=start, EndTime=end
    ):
        for result in page["MetricDataResults"]:
            found |= dict(zip(result["Timestamps"], result["Values"], strict=True))
    return found


def advise(
    case: Path, queue: str | None = None, replications: int = 10, seed: int = 0, processes: int = 1
) -> Advice:
    """Return whether FIFO, a fair queue or neither would help a queue of a case.

    Parameters
    ----------
    case
        Case folder, or a folder of raw evidence.
    queue
        Queue; by default the affected one with the oldest message.
    replications, seed, processes
        As for `watchme simulate`.

    Raises
    ------
    InputError
        When the case has no such queue, it can't be simulated, or it is FIFO already.
    """
    opened = open_case(case)
    _, model = what_if_of_case(opened, queue)
    name = model.pipeline.queue
    if model.fit.settings.queue.is_fifo:
        raise InputError(error_message("error-fifo-already", queue=name))
    groups = groups_of_case(opened, name, model.pipeline.function)
    wanted = kinds_of(model.fit.settings, groups.of_load(model.fit.load))
    found = compare(wanted, replications, seed, processes)
    return advice_of(name, found, groups, [each for _, each in model.agreements(found[0])])


def groups_of_case(case: Case, queue: str, function: str | None) -> Groups:
    """Return the messages by group, or by work item without one: in the DLQ, and done by the log."""
    frame = case.table("queue_messages")
    own = frame[frame["source_queue"].fillna(frame["queue"]) == queue]
    groups = own["group_id"].fillna(own["work_item"]).dropna()
    failing = Counter(str(group) for group in groups)
    done = Counter(item for name, item, _ in work_done(case).work if name == (function or ""))
    return Groups(done + failing, failing)


def work_keys(case: Case | None, group_key: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the key of a message body that names its group, and the keys that name the moment of its work.

    Parameters
    ----------
    case
        Case whose settings or messages name the keys; None for ``watchme.toml``.
    group_key
        Key to use instead.

    Raises
    ------
    InputError
        When no key is known.
    """
    settings: WorkItemSettings = load_config().work_items if case is None else work_item_settings(case)
    if group_key is None and not settings.item_keys:
        raise InputError(error_message("error-fifo-no-key"))
    return group_key or settings.item_keys[0], (*settings.time_keys, *settings.day_keys)


def messages_of_case(case: Case, queue: str, options: MigrationOptions) -> Messages:
    """Return what the messages of a queue in a case show about groups and deduplication."""
    frame = case.table("queue_messages")
    own = frame[frame["source_queue"].fillna(frame["queue"]) == queue]
    rows = []
    for row in own.itertuples():
        body = json_value(row.body) if isinstance(row.body, str) else None
        values = body if isinstance(body, dict) else {}
        group = first_of(values, (options.group_key,))
        rows.append(
            {
                "group": None if group is None else str(group),
                "key": first_of(values, options.time_keys),
                "body": row.body if isinstance(row.body, str) else None,
                "sent_s": None if row.sent_at != row.sent_at else row.sent_at.timestamp(),
                "group_id": row.group_id if isinstance(row.group_id, str) else None,
            }
        )
    return messages_of(rows, is_content_based=options.is_content_based)


def prepared(
    aws: Aws,
    queue: str,
    case: Path | None = None,
    *,
    name: str | None = None,
    group_key: str | None = None,
    chosen: MigrationOptions | None = None,
) -> tuple[Source, MigrationOptions, tuple[Check, ...]]:
    """Return what is migrated, the options with what was read, and the checks before the migration.

    Parameters
    ----------
    aws
        Session; only reads are called.
    queue
        Name of the standard queue.
    case
        Case with messages of the queue; None for none.
    name
        Name of the new queue.
    group_key
        Key of a message body that names its group.
    chosen
        Options; names, keys and window are filled in.

    Raises
    ------
    InputError
        When the queue can't be migrated, or no key of a group is known.
    ServiceError
        When AWS can't be called.
    """
    opened = None if case is None else open_case(case)
    key, times = work_keys(opened, group_key)
    source, new_name, new_dlq = read_source(aws, queue, name)
    traffic = read_traffic(aws, queue)
    options = replace(
        chosen or MigrationOptions(new_name, new_dlq, key),
        name=new_name,
        dlq_name=new_dlq,
        group_key=key,
        time_keys=times,
    )
    window_s = options.window_s or window_of(source.queue.visibility_s, traffic.longest_gap_s)
    switches = tuple(_switch(aws, each, source.queue, new_name) for each in options.switches)
    options = replace(options, window_s=window_s, switches=switches)
    messages = None if opened is None else messages_of_case(opened, queue, options)
    return source, options, checks_before(source, options, traffic, messages)


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


def plan_migration(aws: Aws, source: Source, options: MigrationOptions, checks: Sequence[Check] = ()) -> Plan:
    """Return the plan of a migration; problems of the checks become its risks.

    Raises
    ------
    InputError
        When a queue with the new name exists and differs.
    ServiceError
        When AWS can't be called.
    """
    empty = Plan(REMEDY, _NEVER, datetime.now(UTC), aws.account(), aws.region)
    risks = [each.sentence for each in checks if each.status == "problem"]
    return migration_plan(source, options, risks, empty)


def accounted(aws: Aws, plan: Plan, journal: Journal) -> tuple[Check, ...]:
    """Return the checks of a migration that was applied: every message of both queues, mappings and alarms.

    Parameters
    ----------
    aws
        Session; only reads are called.
    plan, journal
        The plan, and the journal of its run.

    Raises
    ------
    InputError
        When the journal does not show that the count has begun.
    ServiceError
        When AWS can't be called.
    """
    steps = {step.name: step for step in plan.steps}
    began = journal.last.get(COUNT_STEPS["queue"])
    if began is None or began["event"] != DONE:
        raise InputError(error_message("error-fifo-not-applied"))
    start = datetime.fromisoformat(began["at"])
    old_url = _url(steps[COUNT_STEPS["queue"]])
    disabling = steps["disable old mapping"]
    old, new = disabling.resource, steps["producers"].resource
    new_url = f"{old_url.rpartition('/')[0]}/{new}"
    dead, new_dead = _dead_lettered(aws, steps, journal, new_url)
    counts = (
        _count(aws, old, old_url, start, _noted_count(journal, COUNT_STEPS["queue"]), dead),
        _count(aws, new, new_url, start, 0, new_dead),
    )
    return checks_after(counts, _states(aws, disabling, old, new, new_url))


def _url(step: Step) -> str:
    assert step.call is not None
    return str(step.call.parameters["QueueUrl"])


def _noted_count(journal: Journal, step: str) -> int:
    made = journal.last[step].get("made", {})
    return sum(int(made[key]) for key in KEPT_COUNTS)


def _message_count(aws: Aws, url: str) -> int:
    found = aws.call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=list(KEPT_COUNTS.values()))
    return sum(int(found["Attributes"][name]) for name in KEPT_COUNTS.values())


def _dead_lettered(aws: Aws, steps: dict[str, Step], journal: Journal, new_url: str) -> tuple[int, int]:
    """Return how many messages the old and the new DLQ have received since the count began."""
    name = COUNT_STEPS["dlq"]
    if name not in steps:
        return 0, 0
    old = _message_count(aws, _url(steps[name])) - (
        _noted_count(journal, name) if name in journal.last else 0
    )
    found = aws.call("sqs", "get_queue_attributes", QueueUrl=new_url, AttributeNames=["RedrivePolicy"])
    policy = json_value(found.get("Attributes", {}).get("RedrivePolicy"))
    if not isinstance(policy, dict):
        return old, 0
    new_name = resource_name(str(policy["deadLetterTargetArn"]))
    return old, _message_count(aws, f"{new_url.rpartition('/')[0]}/{new_name}")


def _count(aws: Aws, queue: str, url: str, start: datetime, before: int, dead: int) -> QueueCount:
    """Return the account of a queue; CloudWatch counts by the minute, so that of the start is uncertain."""
    minute = start.replace(second=0, microsecond=0)
    end = datetime.now(UTC) + timedelta(minutes=1)
    sent, deleted = (
        _points(aws, queue, name, "Sum", minute, end)
        for name in ("NumberOfMessagesSent", "NumberOfMessagesDeleted")
    )
    first = minute + timedelta(minutes=1)
    uncertain = sum(value for points in (sent, deleted) for time, value in points.items() if time < first)
    return QueueCount(
        queue,
        before,
        _message_count(aws, url),
        round(sum(sent.values())),
        round(sum(deleted.values())),
        dead,
        round(uncertain),
    )


def _states(aws: Aws, disabling: Step, old: str, new: str, new_url: str) -> list[Check]:
    assert disabling.call is not None
    old_state = aws.call("lambda", "get_event_source_mapping", UUID=disabling.call.parameters["UUID"]).get(
        "State"
    )
    attributes = aws.call("sqs", "get_queue_attributes", QueueUrl=new_url, AttributeNames=["QueueArn"])
    arn = attributes["Attributes"]["QueueArn"]
    listed = aws.items("lambda", "list_event_source_mappings", "EventSourceMappings", EventSourceArn=arn)
    new_states = [str(each.get("State")) for each in listed]
    is_done = old_state == "Disabled" and new_states == ["Enabled"]
    found = [
        Check(
            "mappings",
            "ok" if is_done else "problem",
            message(
                "fifo-check-mappings",
                old=Resource(old),
                old_state=Resource(str(old_state)),
                new=Resource(new),
                new_state=Names(tuple(new_states) or ("-",)),
            ),
        )
    ]
    watched = _alarms(aws, {old, new})
    old_alarms = tuple(alarm for alarm, queue in watched if queue == old)
    if old_alarms and not [alarm for alarm, queue in watched if queue == new]:
        said = message("fifo-check-alarms", names=Names(old_alarms), new=Resource(new))
        found.append(Check("alarms", "note", said))
    return found
