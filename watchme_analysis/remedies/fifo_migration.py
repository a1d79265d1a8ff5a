"""The plan that moves a queue's traffic to a FIFO queue without losing a message.

A standard queue can't be converted [1]_. The plan creates a FIFO queue and a FIFO DLQ beside the old ones,
polls both, waits until the producers send to the new one and the old one is empty, and disables the old event
source mapping. Nothing is deleted, so every step can be reverted.

Facts that the plan follows:

- The name of a FIFO queue ends in ``.fifo``, which counts towards the 80 characters of a queue name [2]_.
- The DLQ of a FIFO queue must be a FIFO queue [3]_.
- A mapping of a FIFO queue has batches of 10 at most, and no batching window [4]_. Lambda invokes at most
  once per message group at a time [5]_.
- High throughput needs deduplication and limits per message group [6]_.

.. [1] https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-moving.html
.. [2] https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-fifo.html
.. [3] https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
.. [4] https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
.. [5] https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
.. [6] https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/high-throughput-fifo.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from watchme_analysis.aws_shapes.responses import json_value
from watchme_analysis.cloudwatch.metrics import Metric, metric_queries
from watchme_analysis.cloudwatch.session import QUEUE_COUNTS_SETTLE_S
from watchme_analysis.errors import InputError
from watchme_analysis.remedies.allowed_calls import ACCESS_POLICY, SOURCE_DLQ, SOURCE_QUEUE
from watchme_analysis.remedies.live_queue import DrainedQueue, Queue
from watchme_analysis.remedies.plan import NOW, READING, Call, Condition, Plan, Step, change
from watchme_analysis.text.message import Code, Count, Duration, Message, Names, Resource, message
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

REMEDY = "fifo"
SUFFIX = ".fifo"
# Largest batch of a mapping of a FIFO queue.
MOST_IN_BATCH = 10
# The old queue is observed for so many visibility timeouts, so that no hidden message is overlooked.
EMPTY_TIMEOUTS = 3
# CloudWatch may show a point minutes later, so a shorter observation proves nothing.
LEAST_WINDOW_S = 900.0
MOST_WINDOW_S = 86_400.0
# Lambda changes the state of a mapping within a minute or two.
_STATE_WITHIN_S = 300.0
_NAME = re.compile(r"[A-Za-z0-9_-]{1,75}\.fifo")
# Attributes of the old queue that the new one gets as they are.
COPIED = (
    "VisibilityTimeout", "MessageRetentionPeriod", "MaximumMessageSize", "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
)  # fmt: skip
_OF_KEY = ("KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds")
# Settings of the old mapping that the new one gets as they are.
_OF_MAPPING = (
    "FilterCriteria", "FunctionResponseTypes", "ScalingConfig", "MetricsConfig", "ProvisionedPollerConfig",
    "KMSKeyArn",
)  # fmt: skip
_STOCK = (
    "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)  # fmt: skip
_STOCK_METRICS = (
    "ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)  # fmt: skip
# Kept by the steps that count, by the attribute of the queue.
KEPT_COUNTS = {"visible": _STOCK[0], "in_flight": _STOCK[1], "delayed": _STOCK[2]}
COUNT_STEPS = {"queue": "count messages", "dlq": "count DLQ"}


@dataclass(frozen=True)
class Source(DrainedQueue):
    """What is migrated: a standard queue, its DLQ and its mapping, which is enabled."""

    # Name of each alarm on queue or DLQ, and the queue that it watches.
    alarms: Sequence[tuple[str, str]] = ()
    # Attributes of queues that already have the new names, and event source mappings of the new queue.
    existing: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    existing_mappings: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Switch:
    """A function that sends to the queue, and the environment variable that names the queue.

    ``old`` and ``new`` are its values now and with the new queue: an URL, an ARN or a name.
    """

    function: str
    variable: str
    old: str = ""
    new: str = ""


@dataclass(frozen=True)
class MigrationOptions:
    """How a queue is migrated.

    ``group_key`` is the key of a message body that names its group, ``time_keys`` tell two works of a group
    apart.
    """

    name: str = ""
    dlq_name: str = ""
    group_key: str = ""
    time_keys: tuple[str, ...] = ()
    switches: tuple[Switch, ...] = ()
    keeps_order: bool = False  # the new queue is polled only after the old one is empty
    is_high_throughput: bool = True  # deduplication and throughput count per message group
    is_content_based: bool = False  # SQS takes the body as the deduplication id
    window_s: float = 0.0  # how long the old queue must have received nothing; 0 for that of window_of
    wait_s: float = 900.0  # how long a run waits for people beyond window_s
    # How long the attributes of a queue must show no message. They are consistent about a minute after the
    # last message was sent.
    settle_s: float = QUEUE_COUNTS_SETTLE_S


def fifo_name(name: str, wanted: str | None = None) -> str:
    """Return the name of the FIFO queue for a queue; ``wanted`` is used instead, with or without suffix."""
    found = (wanted or name).removesuffix(SUFFIX) + SUFFIX
    if not _NAME.fullmatch(found):
        raise InputError(error_message("error-fifo-name", name=found))
    return found


def window_of(visibility_s: float, longest_gap_s: float | None) -> float:
    """Return how long the old queue must have received nothing, in seconds.

    A shorter observation than the longest time between two sends would take the usual silence for the end.
    """
    wanted = max(EMPTY_TIMEOUTS * visibility_s, LEAST_WINDOW_S, 1.5 * (longest_gap_s or 0.0))
    return min(wanted, MOST_WINDOW_S)


def wanted_attributes(
    old: Queue, name: str, options: MigrationOptions, dlq_arn: str | None = None
) -> dict[str, str]:
    """Return the attributes of the new queue: the old ones, policy with the new ARN, and those of FIFO."""
    found = {key: old.attributes[key] for key in COPIED if key in old.attributes}
    if old.attributes.get("KmsMasterKeyId"):
        found |= {key: old.attributes[key] for key in _OF_KEY if key in old.attributes}
    elif "SqsManagedSseEnabled" in old.attributes:
        found["SqsManagedSseEnabled"] = old.attributes["SqsManagedSseEnabled"]
    found["FifoQueue"] = "true"
    found["ContentBasedDeduplication"] = "true" if options.is_content_based else "false"
    if options.is_high_throughput:
        found |= {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    if old.attributes.get("Policy"):
        _, arn = old.sibling(name)
        found["Policy"] = old.attributes["Policy"].replace(json.dumps(old.arn), json.dumps(arn))
    if dlq_arn is not None:
        policy = {**old.policy_of("RedrivePolicy"), "deadLetterTargetArn": dlq_arn}
        found["RedrivePolicy"] = json.dumps(policy)
    return found


def migration_plan(
    aws: Aws, source: Source, options: MigrationOptions, risks: Sequence[Message] = ()
) -> Plan:
    """Return the plan of a migration; ``risks`` are further ones, such as accepted problems of a check.

    A queue that has the new name and differs is an InputError.
    """
    old, new_name = source.queue, options.name
    new_url, new_arn = old.sibling(new_name)
    dlq_arn = None if source.dlq is None else source.dlq.sibling(options.dlq_name)[1]
    steps = [_count_step(COUNT_STEPS["queue"], old)]
    if source.dlq is not None:
        steps.append(_count_step(COUNT_STEPS["dlq"], source.dlq))
        steps += _creation("create DLQ", source.dlq, options.dlq_name, source, options, None)
    steps += _creation("create queue", old, new_name, source, options, dlq_arn)
    if source.dlq is not None:
        steps += _allowed(source.dlq, options.dlq_name, new_arn)
    if not source.existing_mappings:
        steps.append(_mapping(source, new_name, new_arn))
    enabling = _enabling(source, options, new_url, new_arn)
    steps.append(_holding(enabling) if options.keeps_order else enabling)
    steps += map(_switching, options.switches)
    steps += [_producers(old, options), _draining(old, options)]
    if options.keeps_order:
        steps.append(replace(enabling, undo=(), undo_before=(), undo_until=(), undo_hint=None))
    steps.append(_disabling(source, options))
    return Plan(
        remedy=REMEDY,
        title=message("fifo-plan", queue=Resource(old.name), new=Resource(new_name)),
        made=datetime.now(UTC),
        account=aws.account(),
        region=aws.region,
        steps=tuple(steps),
        relies_on=tuple(_relied_on(source, options)),
        reasons=tuple(_what_to_send(source, options, new_url)),
        costs=(message("fifo-cost"),),
        risks=(*_risks(source, options), *risks),
        notes=tuple(_notes(source, options)),
    )


def _relied_on(source: Source, options: MigrationOptions) -> list[Condition]:
    old = source.queue
    names = [name for name in (*COPIED, "RedrivePolicy") if name in old.attributes]
    found = [
        Condition(_attributes(old.url, "All"), _listing(names), [old.attributes[name] for name in names])
    ]
    if "RedrivePolicy" in old.attributes:
        read = _attributes(old.url, "RedrivePolicy")
        found.append(Condition(read, SOURCE_DLQ, old.attributes["RedrivePolicy"]))
    for queue in (old, source.dlq):
        if queue is not None and queue.attributes.get("Policy"):
            read = _attributes(queue.url, "Policy")
            found.append(Condition(read, ACCESS_POLICY, queue.attributes["Policy"]))
    mapping = Call("lambda", "get_event_source_mapping", {"UUID": source.mapping["UUID"]})
    settings = ["Enabled", source.mapping.get("BatchSize"), source.mapping.get("ScalingConfig") or None]
    found.append(Condition(mapping, SOURCE_QUEUE, old.arn))
    found.append(Condition(mapping, "[State, BatchSize, ScalingConfig || `null`]", settings))
    names = [options.name] if source.dlq is None else [options.name, options.dlq_name]
    missing = [
        Call("sqs", "get_queue_url", {"QueueName": name}) for name in names if name not in source.existing
    ]
    return [*found, *(Condition(call, "QueueUrl", None) for call in missing)]


def _attributes(url: str, *names: str) -> Call:
    return Call("sqs", "get_queue_attributes", {"QueueUrl": url, "AttributeNames": list(names)})


def _listing(names: Iterable[str]) -> str:
    """Return the expression that yields attributes of a queue as a list."""
    return f"[{', '.join(f'Attributes.{name}' for name in names)}]"


def _count_step(name: str, queue: Queue) -> Step:
    call = _attributes(queue.url, *_STOCK)
    keep = {key: f"Attributes.{attribute}" for key, attribute in KEPT_COUNTS.items()}
    return Step(name, queue.name, message("fifo-why-count", queue=Resource(queue.name)), call, keep=keep)


def _creation(
    step: str, old: Queue, name: str, source: Source, options: MigrationOptions, dlq_arn: str | None
) -> list[Step]:
    """Return the step that creates a queue; none when the queue exists as it is wanted."""
    url, _ = old.sibling(name)
    wanted = wanted_attributes(old, name, options, dlq_arn)
    if name in source.existing:
        differing = differences(source.existing[name], wanted)
        if differing:
            raise InputError(error_message("error-fifo-exists", queue=name, names=", ".join(differing)))
        return []
    shown = [key for key in wanted if key not in {"Policy", "RedrivePolicy"}]
    read = _attributes(url, "All")
    until = [Condition(read, _listing(shown), [wanted[key] for key in shown], _STATE_WITHIN_S)]
    if dlq_arn is not None:
        until.append(Condition(read, f"contains(Attributes.RedrivePolicy || '', '{dlq_arn}')", True))
    why = message("fifo-why-create", queue=Resource(name), old=Resource(old.name))
    call = Call("sqs", "create_queue", {"QueueName": name, "Attributes": wanted})
    created = Step(step, name, why, call, expect={"QueueUrl": url}, until=tuple(until))
    return [created, *_tagging(step.replace("create", "tag"), old, name, url)]


def _tagging(step: str, old: Queue, name: str, url: str) -> list[Step]:
    """Return the step that gives a new queue the tags of the old one; none without tags."""
    if not old.tags:
        return []
    tags = dict(old.tags)
    until = Condition(Call("sqs", "list_queue_tags", {"QueueUrl": url}), "Tags", tags, _STATE_WITHIN_S)
    why = message("fifo-why-tag", queue=Resource(name), count=Count(len(tags)))
    return [Step(step, name, why, Call("sqs", "tag_queue", {"QueueUrl": url, "Tags": tags}), until=(until,))]


def differences(found: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """Return the names of attributes in which a queue differs; JSON is compared as JSON."""

    def value(text: str | None) -> Any:
        return json_value(text) if text and text.startswith("{") else text

    return [key for key, text in wanted.items() if value(found.get(key)) != value(text)]


def _allowed(dlq: Queue, name: str, queue_arn: str) -> list[Step]:
    """Return the step that gives the new DLQ a redrive allow policy, if the old one has one."""
    allow = dlq.policy_of("RedriveAllowPolicy")
    if allow.get("redrivePermission") != "byQueue":
        return []
    url, _ = dlq.sibling(name)
    text = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [queue_arn]})
    change = {"QueueUrl": url, "Attributes": {"RedriveAllowPolicy": text}}
    select = f"contains(Attributes.RedriveAllowPolicy || '', '{queue_arn}')"
    until = Condition(_attributes(url, "RedriveAllowPolicy"), select, True, _STATE_WITHIN_S)
    why = message("fifo-why-allow", dlq=Resource(name))
    return [Step("restrict DLQ", name, why, Call("sqs", "set_queue_attributes", change), until=(until,))]


def _listed(arn: str) -> Call:
    return Call("lambda", "list_event_source_mappings", {"EventSourceArn": arn})


def _mapping(source: Source, name: str, arn: str) -> Step:
    old = source.mapping
    size = min(int(old.get("BatchSize") or MOST_IN_BATCH), MOST_IN_BATCH)
    # Disabled at first: only its own step starts to poll.
    parameters = {
        "EventSourceArn": arn,
        "FunctionName": old["FunctionArn"],
        "BatchSize": size,
        "Enabled": False,
    }
    parameters |= {key: old[key] for key in _OF_MAPPING if old.get(key)}
    select = "EventSourceMappings[].[FunctionArn, BatchSize]"
    return Step(
        "create mapping",
        name,
        message(
            "fifo-why-mapping", queue=Resource(name), function=Resource(source.function), size=Count(size)
        ),
        Call("lambda", "create_event_source_mapping", parameters),
        until=(Condition(_listed(arn), select, [[old["FunctionArn"], size]], _STATE_WITHIN_S),),
        is_repeatable=False,
    )


def _state(arn: str, state: str) -> Condition:
    return Condition(_listed(arn), "EventSourceMappings[].State", [state], _STATE_WITHIN_S)


def _polling(arn: str, *, is_enabled: bool) -> Call:
    uuid = {READING: _listed(arn).to_dict(), "select": "EventSourceMappings[0].UUID"}
    return Call("lambda", "update_event_source_mapping", {"UUID": uuid, "Enabled": is_enabled})


def _enabling(source: Source, options: MigrationOptions, url: str, arn: str) -> Step:
    # A mapping that changes its state refuses updates.
    settled = Condition(
        _listed(arn), "contains(['Enabled', 'Disabled'], EventSourceMappings[0].State)", True, _STATE_WITHIN_S
    )
    return Step(
        "enable mapping",
        options.name,
        message("fifo-why-enable", queue=Resource(options.name), function=Resource(source.function)),
        _polling(arn, is_enabled=True),
        before=(settled,),
        until=(_state(arn, "Enabled"),),
        # The new queue is emptied before nothing polls it any more.
        undo=(_polling(arn, is_enabled=True), _polling(arn, is_enabled=False)),
        undo_before=(*_emptied(options.name, url, options), settled),
        undo_until=(_state(arn, "Disabled"),),
        undo_hint=message("fifo-hint-back", queue=Resource(source.queue.name), new=Resource(options.name)),
    )


def _holding(enabling: Step) -> Step:
    """Return the step that leaves the new mapping disabled; undoing it empties the new queue first."""
    call = enabling.call
    assert call is not None
    held = replace(call, parameters={**call.parameters, "Enabled": False})
    arn = call.parameters["UUID"][READING]["parameters"]["EventSourceArn"]
    why = message("fifo-why-hold", queue=Resource(enabling.resource))
    return replace(enabling, name="hold mapping", why=why, call=held, until=(_state(arn, "Disabled"),))


def _switching(switch: Switch) -> Step:
    function, variable = switch.function, switch.variable
    read = Call("lambda", "get_function_configuration", {"FunctionName": function})

    def shows(value: str) -> Condition:
        select = f'[Environment.Variables."{variable}", LastUpdateStatus]'
        return Condition(read, select, [value, "Successful"], _STATE_WITHIN_S)

    def setting(value: str) -> Call:
        # The call replaces all variables, and the others may be secrets.
        variables = {READING: read.to_dict(), "select": "Environment.Variables", "with": {variable: value}}
        parameters = {"FunctionName": function, "Environment": {"Variables": variables}}
        return Call("lambda", "update_function_configuration", parameters)

    new = Code(switch.new)
    why = message("fifo-why-switch", function=Resource(function), variable=Code(variable), value=new)
    return change(f"switch {function}", function, why, (switch.old, switch.new), shows, setting)


def _measured(queue: str, metrics: Sequence[tuple[str, str]], window_s: float) -> Call:
    """Return the reading of metrics of a queue over a window that ends now."""
    dimensions = (("QueueName", queue),)
    queries = metric_queries([Metric("AWS/SQS", name, dimensions, stat) for name, stat in metrics], 60)
    window = {"StartTime": {NOW: -window_s}, "EndTime": {NOW: 60.0}}
    return Call("cloudwatch", "get_metric_data", {"MetricDataQueries": queries, **window})


def _producers(old: Queue, options: MigrationOptions) -> Step:
    sent = _measured(options.name, [("NumberOfMessagesSent", "Sum")], MOST_WINDOW_S)
    why = message("fifo-why-producers", queue=Resource(options.name), within=Duration(options.wait_s))
    return Step(
        "producers",
        options.name,
        why,
        until=(Condition(sent, "sum(MetricDataResults[].Values[]) > `0`", True, options.wait_s),),
        hint=message("fifo-hint-switch", queue=Resource(old.name), new=Resource(options.name)),
    )


def _stock(url: str, within_s: float, held_s: float = 0.0) -> Condition:
    return Condition(_attributes(url, *_STOCK), _listing(_STOCK), ["0", "0", "0"], within_s, held_s)


def _emptied(name: str, url: str, options: MigrationOptions) -> tuple[Condition, ...]:
    """Return the conditions that a queue is empty and has been for the whole window, and received nothing."""
    metrics = [("NumberOfMessagesSent", "Sum"), *((metric, "Maximum") for metric in _STOCK_METRICS)]
    quiet = Condition(
        _measured(name, metrics, options.window_s),
        "sum(MetricDataResults[].Values[])",
        0.0,
        options.window_s + options.wait_s,
    )
    return (_stock(url, options.wait_s, options.settle_s), quiet)


def _draining(old: Queue, options: MigrationOptions) -> Step:
    timeouts = options.window_s / old.visibility_s if old.visibility_s else 0.0
    return Step(
        "drain",
        old.name,
        message(
            "fifo-why-drain",
            queue=Resource(old.name),
            window=Duration(options.window_s),
            timeouts=Count(int(timeouts)),
        ),
        until=_emptied(old.name, old.url, options),
        hint=message("fifo-hint-drain", queue=Resource(old.name), new=Resource(options.name)),
    )


def _disabling(source: Source, options: MigrationOptions) -> Step:
    old, uuid = source.queue, source.mapping["UUID"]
    read = Call("lambda", "get_event_source_mapping", {"UUID": uuid})
    of_queue = Condition(read, SOURCE_QUEUE, old.arn)

    def change(*, is_enabled: bool) -> Call:
        return Call("lambda", "update_event_source_mapping", {"UUID": uuid, "Enabled": is_enabled})

    return Step(
        "disable old mapping",
        old.name,
        message("fifo-why-disable", queue=Resource(old.name)),
        change(is_enabled=False),
        before=(of_queue, _stock(old.url, options.wait_s)),
        until=(
            Condition(read, "State", "Disabled", _STATE_WITHIN_S),
            _state(old.sibling(options.name)[1], "Enabled"),
            _stock(old.url, 0.0, options.settle_s),
        ),
        undo=(change(is_enabled=True),),
        undo_before=(of_queue,),
        undo_until=(Condition(read, "State", "Enabled", _STATE_WITHIN_S),),
        hint=message("fifo-hint-drain", queue=Resource(old.name), new=Resource(options.name)),
    )


def _what_to_send(source: Source, options: MigrationOptions, url: str) -> list[Message]:
    """Return the sentences on what producers must send."""
    deduplication = message("fifo-send-deduplication-own")
    if options.is_content_based:
        deduplication = message("fifo-send-content")
    elif options.time_keys:
        keys = Names((options.group_key, *options.time_keys), 10)
        deduplication = message("fifo-send-deduplication", keys=keys)
    delay = Duration(float(source.queue.attributes["DelaySeconds"]))
    return [
        message("fifo-send-url", url=Code(url)),
        message("fifo-send-group", key=Code(options.group_key)),
        deduplication,
        message("fifo-send-no-delay", delay=delay),
    ]


def _risks(source: Source, options: MigrationOptions) -> Iterator[Message]:
    function = Resource(source.function)
    yield message("fifo-risk-roles", function=function, new=Resource(options.name))
    if receives := source.queue.policy_of("RedrivePolicy").get("maxReceiveCount"):
        blocked = Duration(int(receives) * source.queue.visibility_s)
        yield message("fifo-risk-blocks", blocked=blocked, receives=Count(int(receives)))
    else:
        yield message("fifo-risk-blocks-forever")
    if not options.keeps_order:
        yield message("fifo-risk-order")
        if source.most is not None:
            yield message("fifo-risk-both", count=Count(2 * source.most))
    if source.mapping.get("FunctionResponseTypes"):
        yield message("fifo-risk-partial", function=function)
    if options.switches:
        functions = Names(tuple(each.function for each in options.switches))
        yield message("fifo-risk-code", functions=functions)


def _notes(source: Source, options: MigrationOptions) -> Iterator[Message]:
    old, dlq = source.queue, source.dlq
    yield message("fifo-note-stays", queue=Resource(old.name))
    new_names = {old.name: options.name}
    if dlq is not None:
        new_names[dlq.name] = options.dlq_name
        if held := int(dlq.attributes.get(_STOCK[0], "0")):
            yield message("fifo-note-dlq", dlq=Resource(dlq.name), count=Count(held))
    if window_s := source.mapping.get("MaximumBatchingWindowInSeconds"):
        yield message("fifo-note-window", window=Duration(float(window_s)))
    for alarm, queue in source.alarms:
        names = {"alarm": alarm, "queue": queue, "new": new_names[queue]}
        yield message("fifo-note-alarm", **{name: Resource(value) for name, value in names.items()})
    for name in source.existing:
        if name in new_names.values():
            yield message("fifo-note-exists", queue=Resource(name))
