"""Plans of alarms: created, updated without losing what they have, and tested once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, combinations, islice
from typing import TYPE_CHECKING, Any

from watchme_analysis.alarms.composite import parse_rule
from watchme_analysis.aws_shapes.prices import (
    ALARM_USD_PER_MONTH,
    COMPOSITE_ALARM_USD_PER_MONTH,
    CUSTOM_METRIC_USD_PER_MONTH,
)
from watchme_analysis.cloudwatch.session import NotFoundError
from watchme_analysis.errors import InputError
from watchme_analysis.remedies.alarm_definitions import (
    DEFINED,
    HEALTH_NAMESPACE,
    Definition,
    Wanted,
    defined,
    differs,
    existing_by_name,
    is_other_watch,
    is_same_watch,
    parameters_of,
    updated,
)
from watchme_analysis.remedies.plan import Call, Condition, Plan, Step
from watchme_analysis.text.message import Choice, Code, Count, Message, Names, Number, Resource, message
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
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
_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")
# Reason of a change of state that is a test, in the history of an alarm.
TEST_REASON = "watchme alarms verify: a test of the notification; nothing is wrong."
# Sets of members that are tried until the rule of a composite alarm holds: all sets of 13 members.
_MOST_SETS = 8192


@dataclass(frozen=True)
class Topic:
    """The SNS topic that alarms notify.

    Attributes
    ----------
    arn
        Its ARN.
    exists
        Whether it exists already.
    has_confirmed_subscription
        Whether somebody receives what is published.
    key
        Key that encrypts it; None without encryption.
    emails
        Addresses to subscribe; those that are subscribed already are left out.
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

    Raises
    ------
    InputError
        When the ARN is that of another region: an alarm can't notify it.
    """
    if not topic.startswith("arn:"):
        return f"arn:{partition}:sns:{region}:{account}:{topic}"
    if topic.split(":")[3] != region:
        raise InputError(error_message("error-topic-region", topic=topic, region=region))
    return topic


def read_topic(aws: Aws, arn: str, emails: Sequence[str] = ()) -> Topic:
    """Return a topic as it is.

    Raises
    ------
    InputError
        When CloudWatch could not publish to it, or nobody would receive it.
    """
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


@dataclass(frozen=True)
class Place:
    """Account and region that a plan is for, and the time of planning."""

    account: str
    region: str
    made: datetime


def alarm_plan(
    wanted: Wanted,
    existing: Mapping[str, Sequence[Mapping[str, Any]]],
    topic: Topic,
    place: Place,
) -> Plan:
    """Return the plan that creates the wanted alarms that are missing, and updates those that differ.

    Parameters
    ----------
    wanted
        Alarms to have.
    existing
        Response of DescribeAlarms, ``MetricAlarms`` and ``CompositeAlarms``.
    topic
        Topic that they notify.
    place
        Where and when.

    Raises
    ------
    InputError
        When an alarm of the same name watches something else.
    """
    alarms = [*existing.get("MetricAlarms", ()), *existing.get("CompositeAlarms", ())]
    by_name = existing_by_name(alarms)
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
    topic_steps = _topic_steps(topic)
    risks = [*wanted.cannot_fire, *_topic_risks(topic)]
    return Plan(
        remedy=REMEDY,
        title=message("alarm-plan", count=Count(len(steps)), topic=Resource(topic.name)),
        made=place.made,
        account=place.account,
        region=place.region,
        steps=(*topic_steps, *steps),
        relies_on=(
            *_topic_conditions(topic),
            *(condition for step in steps for condition in step.before),
        ),
        reasons=tuple(_reasons(wanted, {step.name for step in steps})),
        costs=tuple(_costs(wanted, {step.name for step in steps})),
        risks=tuple(risks),
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
    operation = "put_composite_alarm" if definition.is_composite else "put_metric_alarm"
    undo = (
        Call("cloudwatch", "delete_alarms", {"AlarmNames": [definition.name]})
        if current is None
        else Call("cloudwatch", operation, parameters_of(current))
    )
    return Step(
        name=definition.name,
        resource=definition.resource,
        why=message(
            "alarm-step",
            what=Choice("create" if current is None else "update"),
            rule=Code(definition.spec.in_words),
            resource=Resource(definition.resource),
        ),
        call=Call("cloudwatch", operation, dict(parameters)),
        before=(_alarm_is(definition, current),),
        until=(_alarm_is(definition, parameters, _VISIBLE_WITHIN_S),),
        undo=(undo,),
        undo_until=(_alarm_is(definition, current, _VISIBLE_WITHIN_S),),
    )


def _alarm_is(definition: Definition, state: Mapping[str, Any] | None, within_s: float = 0.0) -> Condition:
    kind = "CompositeAlarms" if definition.is_composite else "MetricAlarms"
    call = Call("cloudwatch", "describe_alarms", {"AlarmNames": [definition.name], "AlarmTypes": _TYPES})
    return Condition(call, f"{kind}[0] && {kind}[0].{DEFINED}", defined(state), within_s)


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


def _reasons(wanted: Wanted, changed: set[str]) -> Iterable[Message]:
    for each in wanted.definitions:
        if each.name in changed and each.evidence is not None:
            yield message(
                "alarm-reason",
                alarm=Resource(each.name),
                evidence=each.evidence.sentence,
            )


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


def _costs(wanted: Wanted, changed: set[str]) -> list[Message]:
    new = [each for each in wanted.definitions if each.name in changed]
    if not new:
        return []
    return [message("alarm-cost", count=Count(len(new)), usd=Number(monthly_usd(new)))]


def verify_plan(
    alarms: Sequence[Mapping[str, Any]],
    place: Place,
    others: Sequence[Mapping[str, Any]] = (),
    *,
    each_alarm: bool = False,
) -> Plan:
    """Return the plan that brings alarms into ALARM once and waits for their notifications.

    A metric alarm is set to ALARM; CloudWatch evaluates it again within seconds. A composite alarm that is
    set keeps that state until one of its members changes [1]_: it would miss an incident. So its members are
    set until its rule holds, which tests the rule as well.

    Parameters
    ----------
    alarms
        Alarms of DescribeAlarms.
    place
        Where and when.
    others
        All alarms of the account, among them the members of composite alarms.
    each_alarm
        Whether each alarm is tested. Otherwise, one alarm of each action is, so that people receive one
        notification.

    Raises
    ------
    InputError
        When none of the alarms can be tested.

    References
    ----------
    .. [1] https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html
    """
    by_name = existing_by_name([*others, *alarms])
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
        steps += _verify_steps(alarm, members, place.made)
    if not steps:
        raise InputError(error_message("error-alarms-untestable"))
    risks = [message("alarm-verify-risk")]
    if unmarked:
        risks.append(message("alarm-verify-unmarked", alarms=Names(tuple(unmarked))))
    return Plan(
        remedy=REMEDY,
        title=message("alarm-verify-plan", count=Count(count)),
        made=place.made,
        account=place.account,
        region=place.region,
        steps=tuple(steps),
        notes=tuple(notes),
        risks=tuple(risks),
        undo_on_surprise=True,
    )


def _name_of(alarm: Mapping[str, Any]) -> str:
    return str(alarm["AlarmName"])


def _acts(alarm: Mapping[str, Any]) -> bool:
    """Return whether a change of an alarm's state does more than notify, such as stopping an instance."""
    actions = [str(each) for kind in _ACTIONS for each in alarm.get(kind, ())]
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
        restores.append(Step(f"end of {name}", name, said, None, until=(left,), may_be_unseen=True))
    return [*tests, *restores]


def _set_state(name: str, state: str) -> Call:
    return Call(
        "cloudwatch", "set_alarm_state", {"AlarmName": name, "StateValue": state, "StateReason": TEST_REASON}
    )
