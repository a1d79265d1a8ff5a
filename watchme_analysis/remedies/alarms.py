"""Plans of alarms: created, updated without losing what they have, and tested once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, combinations, islice
from typing import TYPE_CHECKING, Any

from watchme_analysis.alarms.chains import Chain
from watchme_analysis.alarms.composite import parse_rule
from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.aws_shapes.sqs import queue_row
from watchme_analysis.cloudwatch.account_state import describe_alarms, discover_scope
from watchme_analysis.cloudwatch.session import NotFoundError
from watchme_analysis.errors import InputError
from watchme_analysis.prices import (
    ALARM_USD_PER_MONTH,
    COMPOSITE_ALARM_USD_PER_MONTH,
    CUSTOM_METRIC_USD_PER_MONTH,
)
from watchme_analysis.queues.pipeline import RecordedSettings
from watchme_analysis.remedies.alarm_definitions import (
    ACTIONS,
    DEFINED,
    HEALTH_NAMESPACE,
    AlarmRequest,
    Definition,
    Wanted,
    defined,
    differs,
    is_other_watch,
    is_same_watch,
    parameters_of,
    updated,
    wanted_alarms,
)
from watchme_analysis.remedies.plan import Call, Condition, Plan, Step, change
from watchme_analysis.text.message import Choice, Code, Count, Message, Names, Number, Resource, message
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.account_state import Scope
    from watchme_analysis.cloudwatch.session import Aws

REMEDY = "alarms"
# CloudWatch shows a change of an alarm within seconds.
_VISIBLE_WITHIN_S = 30.0
# A notification is in the alarm's history within seconds of the change of state; an action may be retried.
_NOTIFIED_WITHIN_S = 120.0
# CloudWatch can't publish to a topic encrypted with the key that AWS manages for SNS, since nobody can
# change its policy (https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html).
_MANAGED_KEY = "alias/aws/sns"
_CONFIRMED = "Subscriptions[?starts_with(SubscriptionArn, 'arn:')] | length(@) > `0`"
_TYPES = ["MetricAlarm", "CompositeAlarm"]
# Reason of a change of state that is a test, in the history of an alarm.
_TEST_REASON = "watchme alarms verify: a test of the notification; nothing is wrong."
# Sets of members that are tried until the rule of a composite alarm holds: all sets of 13 members.
_MOST_SETS = 8192


@dataclass(frozen=True)
class Topic:
    """The SNS topic that alarms notify.

    ``has_confirmed_subscription``: somebody receives what is published. ``key`` encrypts it; None without
    encryption. ``emails`` are the addresses to subscribe, without those that are subscribed already.
    """

    arn: str
    exists: bool
    has_confirmed_subscription: bool = False
    key: str | None = None
    emails: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the topic."""
        return self.arn.rsplit(":", 1)[-1]


def topic_arn(topic: str, account: str, region: str, partition: str = "aws") -> str:
    """Return the ARN of a topic of this account and region, by its name or ARN.

    One of another region is an InputError: an alarm can't notify it.
    """
    if not topic.startswith("arn:"):
        return f"arn:{partition}:sns:{region}:{account}:{topic}"
    if topic.split(":")[3] != region:
        raise InputError(error_message("error-topic-region", topic=topic, region=region))
    return topic


def read_topic(aws: Aws, arn: str, emails: Sequence[str] = ()) -> Topic:
    """Return a topic as it is; one that CloudWatch can't publish to, or nobody receives, is an InputError."""
    try:
        attributes = aws.call("sns", "get_topic_attributes", TopicArn=arn)["Attributes"]
    except NotFoundError:
        return Topic(arn, exists=False, emails=tuple(emails))
    key = attributes.get("KmsMasterKeyId") or None
    if key is not None and key.rsplit(":", 1)[-1] == _MANAGED_KEY:
        raise InputError(error_message("error-topic-encrypted", topic=arn, key=_MANAGED_KEY))
    found = aws.items("sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=arn)
    confirmed = any(each["SubscriptionArn"].startswith("arn:") for each in found)
    known = {each.get("Endpoint") for each in found}
    new = tuple(each for each in emails if each not in known)
    if not confirmed and not new:
        raise InputError(error_message("error-topic-unconfirmed", topic=arn))
    return Topic(arn, exists=True, has_confirmed_subscription=confirmed, key=key, emails=new)


def plan_alarms(
    aws: Aws,
    request: AlarmRequest,
    *,
    queues: Iterable[str] = (),
    functions: Iterable[str] = (),
    emails: Sequence[str] = (),
    everything: bool = False,
) -> Plan:
    """Return the plan of the alarms that the account lacks or that differ; only reads are called.

    The discovery starts from ``queues`` and ``functions`` beside the chains of the request, or from
    ``everything``: each queue of the account and region. ``emails`` are subscribed to the topic. It is an
    InputError when nothing is named, a queue of the case does not exist in the account, CloudWatch can't
    publish to the topic, or an alarm of the same name watches something else.
    """
    queues = {*queues, *(each.queue for each in request.chains if each.queue)}
    if everything:
        urls = aws.items("sqs", "list_queues", "QueueUrls", MaxResults=1000)
        queues |= {resource_name(str(url)) for url in urls}
    functions = {*functions, *(each.function for each in request.chains if each.function)}
    if not queues and not functions and not request.health_urls:
        raise InputError(error_message("error-alarms-nothing-named"))
    chains = live_chains(aws, discover_scope(aws, sorted(queues), sorted(functions)))
    arn = topic_arn(request.topic, aws.account(), aws.region, aws.client("sns").meta.partition)
    topic = read_topic(aws, arn, emails)
    wanted = wanted_alarms(replace(request, chains=chains, topic=arn))
    return alarm_plan(aws, wanted, describe_alarms(aws), topic)


def live_chains(aws: Aws, scope: Scope) -> tuple[Chain, ...]:
    """Return the queues, functions and DLQs that discovery found, with the settings that alarms depend on."""
    timeouts = {
        name: float(aws.call("lambda", "get_function_configuration", FunctionName=name)["Timeout"])
        for name in scope.functions
    }
    chains = []
    drained: set[str] = set()
    for name, attributes in scope.queues.items():
        row = queue_row("", attributes)
        functions: list[str | None] = [
            function
            for function, mappings in scope.mappings.items()
            if any(resource_name(str(each.get("EventSourceArn"))) == name for each in mappings)
        ]
        drained |= {function for function in functions if function}
        if name in scope.dead_letter and not functions and not row["dlq"]:
            continue
        for function in functions or [None]:
            settings = RecordedSettings(
                visibility_timeout_s=row["visibility_timeout_s"],
                max_receive_count=row["max_receive_count"],
                function_timeout_s=timeouts.get(function) if function else None,
            )
            chains.append(Chain(name, function, row["dlq"], settings))
    chains += [
        Chain(None, function, None, RecordedSettings(function_timeout_s=timeouts[function]))
        for function in scope.functions
        if function not in drained
    ]
    return tuple(chains)


def alarm_plan(
    aws: Aws, wanted: Wanted, existing: Mapping[str, Sequence[Mapping[str, Any]]], topic: Topic
) -> Plan:
    """Return the plan that creates the wanted alarms that are missing, and updates those that differ.

    ``existing`` is the response of DescribeAlarms. An alarm of the same name that watches something else is
    an InputError.
    """
    alarms = [*existing.get("MetricAlarms", ()), *existing.get("CompositeAlarms", ())]
    by_name = {_name_of(alarm): alarm for alarm in alarms}
    steps: list[Step] = []
    notes: list[Message] = []
    same: list[str] = []
    for definition in wanted.definitions:
        current = by_name.get(definition.name)
        if current is None:
            other = _covering(definition, alarms)
            if other is None:
                steps.append(_alarm_step(definition, None, definition.parameters))
            else:
                covered = Resource(str(other["AlarmName"]))
                notes.append(message("alarm-covered", alarm=Resource(definition.name), other=covered))
            continue
        if is_other_watch(current, definition.parameters):
            raise InputError(error_message("error-alarm-other-watched", name=definition.name))
        parameters = updated(current, definition.parameters)
        if not current.get("ActionsEnabled", True):
            notes.append(message("alarm-actions-disabled", alarm=Resource(definition.name)))
        if differs(current, parameters):
            steps.append(_alarm_step(definition, current, parameters))
        else:
            same.append(definition.name)
    if same:
        notes.append(message("alarm-unchanged", count=Count(len(same)), alarms=Names(tuple(same))))
    changed = [each for each in wanted.definitions if each.name in {step.name for step in steps}]
    reasons = [
        message("alarm-reason", alarm=Resource(each.name), evidence=each.evidence.sentence)
        for each in changed
        if each.evidence is not None
    ]
    cost = message("alarm-cost", count=Count(len(changed)), usd=Number(monthly_usd(changed)))
    return Plan(
        remedy=REMEDY,
        title=message("alarm-plan", count=Count(len(steps)), topic=Resource(topic.name)),
        made=datetime.now(UTC),
        account=aws.account(),
        region=aws.region,
        steps=(*_topic_steps(topic), *steps),
        relies_on=(
            *_topic_conditions(topic),
            *(condition for step in steps for condition in step.before),
        ),
        reasons=tuple(reasons),
        costs=(cost,) if changed else (),
        risks=(*wanted.cannot_fire, *_topic_risks(topic)),
        notes=(*notes, *wanted.notes),
    )


def _covering(definition: Definition, alarms: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return an existing alarm of another name with the same rule that notifies somebody."""
    for alarm in alarms:
        notifies = alarm.get("ActionsEnabled", True) and alarm.get("AlarmActions")
        if notifies and is_same_watch(alarm, definition.parameters):
            return alarm
    return None


def _alarm_step(
    definition: Definition, current: Mapping[str, Any] | None, parameters: Mapping[str, Any]
) -> Step:
    kind = "composite" if definition.is_composite else "metric"
    of_kind = f"{kind.capitalize()}Alarms"
    name = definition.name
    reading = Call("cloudwatch", "describe_alarms", {"AlarmNames": [name], "AlarmTypes": _TYPES})

    def shows(state: Mapping[str, Any] | None) -> Condition:
        return Condition(
            reading, f"{of_kind}[0] && {of_kind}[0].{DEFINED}", defined(state), _VISIBLE_WITHIN_S
        )

    def put(state: Mapping[str, Any] | None) -> Call:
        if state is None:
            return Call("cloudwatch", "delete_alarms", {"AlarmNames": [name]})
        return Call("cloudwatch", f"put_{kind}_alarm", parameters_of(state))

    why = message(
        "alarm-step",
        what=Choice("create" if current is None else "update"),
        rule=Code(definition.spec.in_words),
        resource=Resource(definition.resource),
    )
    return change(name, definition.resource, why, (current, parameters), shows, put)


def _topic_steps(topic: Topic) -> list[Step]:
    steps = []
    if not topic.exists:
        call = Call("sns", "get_topic_attributes", {"TopicArn": topic.arn})
        gone = Condition(call, "Attributes.TopicArn", None)
        steps.append(
            Step(
                name=f"create topic {topic.name}",
                resource=topic.arn,
                why=message("alarm-topic-step", topic=Resource(topic.name)),
                call=Call("sns", "create_topic", {"Name": topic.name}),
                before=(gone,),
                until=(Condition(call, "Attributes.TopicArn", topic.arn, _VISIBLE_WITHIN_S),),
                undo=(Call("sns", "delete_topic", {"TopicArn": topic.arn}),),
                undo_until=(gone,),
            )
        )
    for email in topic.emails:
        parameters = {"TopicArn": topic.arn, "Protocol": "email", "Endpoint": email}
        listed = Condition(
            Call("sns", "list_subscriptions_by_topic", {"TopicArn": topic.arn}),
            f"Subscriptions[?Endpoint=='{email}'].Endpoint | [0]",
            email,
            _VISIBLE_WITHIN_S,
        )
        steps.append(
            Step(
                name=f"subscribe {email}",
                resource=topic.arn,
                why=message("alarm-subscribe-step", email=Resource(email)),
                call=Call("sns", "subscribe", parameters),
                until=(listed,),
            )
        )
    return steps


def _topic_conditions(topic: Topic) -> list[Condition]:
    if not topic.exists:
        return []
    attributes = Call("sns", "get_topic_attributes", {"TopicArn": topic.arn})
    conditions = [Condition(attributes, "Attributes.KmsMasterKeyId || ''", topic.key or "")]
    if topic.has_confirmed_subscription:
        listed = Call("sns", "list_subscriptions_by_topic", {"TopicArn": topic.arn})
        conditions.append(Condition(listed, _CONFIRMED, True))
    return conditions


def _topic_risks(topic: Topic) -> list[Message]:
    risks = []
    if not topic.has_confirmed_subscription:
        if topic.emails:
            risks.append(message("alarm-to-confirm", emails=Names(topic.emails)))
        else:
            risks.append(message("alarm-topic-without-subscription", topic=Resource(topic.name)))
    if topic.key is not None:
        risks.append(message("alarm-topic-key", topic=Resource(topic.name), key=Resource(topic.key)))
    return risks


def monthly_usd(definitions: Iterable[Definition]) -> float:
    """Return the list price of alarms in USD per month, that of health metrics included."""
    usd = 0.0
    for each in definitions:
        if each.is_composite:
            usd += COMPOSITE_ALARM_USD_PER_MONTH
            continue
        metrics = [one for one in each.parameters.get("Metrics", ()) if "MetricStat" in one]
        usd += ALARM_USD_PER_MONTH * max(1, len(metrics))
        if each.parameters.get("Namespace") == HEALTH_NAMESPACE:
            usd += CUSTOM_METRIC_USD_PER_MONTH
    return usd


def plan_verification(aws: Aws, names: Sequence[str], *, each_alarm: bool = False) -> Plan:
    """Return the plan that tests the notification of named alarms; see :func:`verify_plan`."""
    found = describe_alarms(aws)
    by_name = {_name_of(each): each for each in [*found["MetricAlarms"], *found["CompositeAlarms"]]}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise InputError(error_message("error-alarm-missing", alarm=missing[0], target=aws.target_name))
    alarms = [by_name[name] for name in dict.fromkeys(names)]
    return verify_plan(aws, alarms, by_name, each_alarm=each_alarm)


def verify_plan(
    aws: Aws,
    alarms: Sequence[Mapping[str, Any]],
    by_name: Mapping[str, Mapping[str, Any]],
    *,
    each_alarm: bool = False,
) -> Plan:
    """Return the plan that brings alarms into ALARM once and waits for their notifications.

    A metric alarm is set to ALARM; CloudWatch evaluates it again within seconds. A composite alarm that is
    set keeps that state until one of its members changes [1]_: it would miss an incident. So its members,
    which are among the alarms of the account in ``by_name``, are set until its rule holds, which tests the
    rule as well. Unless ``each_alarm``, one alarm of each action is tested, so that people receive one
    notification. It is an InputError when none can be tested.

    References
    ----------
    .. [1] https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html
    """
    made = datetime.now(UTC)
    steps: list[Step] = []
    notes: list[Message] = []
    tested: set[str] = set()
    count = 0
    unmarked: list[str] = []
    for alarm in alarms:
        name = str(alarm["AlarmName"])
        actions = [str(each) for each in alarm.get("AlarmActions", ())]
        if not actions or not alarm.get("ActionsEnabled", True):
            notes.append(message("alarm-verify-silent", alarm=Resource(name)))
            continue
        if not each_alarm and set(actions) <= tested:
            continue
        if alarm.get("StateValue") == "ALARM":
            notes.append(message("alarm-verify-in-alarm", alarm=Resource(name)))
            continue
        members = [alarm] if "AlarmRule" not in alarm else _members_to_set(alarm, by_name)
        if not members:
            notes.append(message("alarm-verify-rule", alarm=Resource(name)))
            continue
        acting = [each for each in dict.fromkeys(map(_name_of, [alarm, *members])) if _acts(by_name[each])]
        if acting:
            notes.append(message("alarm-verify-acts", alarm=Resource(name), acting=Names(tuple(acting))))
            continue
        if "AlarmRule" in alarm:
            unmarked.append(name)
        tested |= set(actions)
        count += 1
        steps += _verify_steps(alarm, members, made)
    if not steps:
        raise InputError(error_message("error-alarms-untestable"))
    risks = [message("alarm-verify-risk")]
    if unmarked:
        risks.append(message("alarm-verify-unmarked", alarms=Names(tuple(unmarked))))
    return Plan(
        remedy=REMEDY,
        title=message("alarm-verify-plan", count=Count(count)),
        made=made,
        account=aws.account(),
        region=aws.region,
        steps=tuple(steps),
        notes=tuple(notes),
        risks=tuple(risks),
        undo_on_surprise=True,
    )


def _name_of(alarm: Mapping[str, Any]) -> str:
    return str(alarm["AlarmName"])


def _acts(alarm: Mapping[str, Any]) -> bool:
    """Return whether a change of an alarm's state does more than notify, such as stopping an instance."""
    actions = [str(each) for kind in ACTIONS for each in alarm.get(kind, ())]
    return bool(alarm.get("ActionsEnabled", True)) and any(each.split(":")[2] != "sns" for each in actions)


def _members_to_set(
    composite: Mapping[str, Any], by_name: Mapping[str, Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Return the fewest metric alarms whose ALARM fulfils the rule of a composite alarm; empty if none do."""
    rule = parse_rule(str(composite["AlarmRule"]))
    states = {name: str(by_name[name]["StateValue"]) for name in rule.names if name in by_name}
    free = [name for name in states if states[name] != "ALARM" and "AlarmRule" not in by_name[name]]
    by_size = chain.from_iterable(combinations(free, size) for size in range(1, len(free) + 1))
    for chosen in chain(islice(by_size, _MOST_SETS), [tuple(free)]):
        if rule.holds(states | dict.fromkeys(chosen, "ALARM")):
            return [by_name[name] for name in chosen]
    return []


def _verify_steps(
    alarm: Mapping[str, Any], members: Sequence[Mapping[str, Any]], made: datetime
) -> list[Step]:
    """Return the steps that set alarms to ALARM, wait for the notification of one, and restore them."""
    name, is_composite = _name_of(alarm), "AlarmRule" in alarm
    actions = tuple(str(each) for each in alarm["AlarmActions"])
    history = Call(
        "cloudwatch",
        "describe_alarm_history",
        {
            "AlarmName": name,
            "AlarmTypes": _TYPES,
            "HistoryItemType": "Action",
            "StartDate": made.isoformat(timespec="seconds"),
        },
    )
    notified = tuple(
        Condition(
            history,
            f"AlarmHistoryItems[?HistorySummary=='Successfully executed action {action}'] | length(@) > `0`",
            True,
            _NOTIFIED_WITHIN_S,
        )
        for action in actions
    )
    sets = message("alarm-verify-step", alarm=Resource(name), actions=Names(actions))
    tests, restores = [], []
    for member in members:
        own, state = _name_of(member), str(member.get("StateValue") or "OK")
        if is_composite:
            sets = message("alarm-verify-member", member=Resource(own), alarm=Resource(name))
        label = f"{name}: {own}" if is_composite else name
        back = _set_state(own, state)
        until = () if is_composite else notified
        tests.append(Step(f"test {label}", own, sets, _set_state(own, "ALARM"), until=until, undo=(back,)))
        restored = message("alarm-restore-step", alarm=Resource(own), state=Code(state))
        restores.append(Step(f"restore {label}", own, restored, back))
    if is_composite:
        said = message("alarm-verify-notified", alarm=Resource(name), actions=Names(actions))
        tests.append(Step(f"notification of {name}", name, said, None, until=notified))
        left = Condition(
            Call("cloudwatch", "describe_alarms", {"AlarmNames": [name], "AlarmTypes": _TYPES}),
            "CompositeAlarms[0].StateValue != 'ALARM'",
            True,
            _NOTIFIED_WITHIN_S,
        )
        said = message("alarm-verify-left", alarm=Resource(name))
        restores.append(Step(f"end of {name}", name, said, None, until=(left,)))
    return [*tests, *restores]


def _set_state(name: str, state: str) -> Call:
    return Call(
        "cloudwatch", "set_alarm_state", {"AlarmName": name, "StateValue": state, "StateReason": _TEST_REASON}
    )
