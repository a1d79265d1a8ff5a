"""Events of CloudWatch alarms: the resources that an alarm is about, and the window to look at.

Known shapes, each for metric alarms, metric math and composite alarms:

* EventBridge's event ``CloudWatch Alarm State Change``;
* the message of a notification by SNS, bare or in the envelope of SNS, of Lambda or of SQS, also as the AWS
  CLI receives it;
* the event with which an alarm invokes a Lambda function directly.

Documentation: "Alarm events and EventBridge" and "Notifying users on alarm changes" in the CloudWatch User
Guide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from watchme_analysis.config import FILE, System
from watchme_analysis.errors import InputError
from watchme_analysis.text.message import Resource, message
from watchme_analysis.text.render import error_message
from watchme_analysis.window import Window

STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")
# Dimensions that name a resource of a system; that of a version or an alias is the function with a suffix.
_DIMENSIONS = ("QueueName", "FunctionName", "InstanceId", "LogGroupName", "Resource")
# Envelopes within envelopes: SQS around SNS around the message.
_DEEPEST = 4
_LONGEST_EVENT = 1_000_000
# A window begins at least so many evaluation spans before the change of the alarm's state, so that it holds
# the time before the breach as well.
_SPANS_BEFORE = 3
# Alarms that a rule names: ALARM(name), ALARM("name"), OK(arn).
_IN_RULE = re.compile(r"(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:\"([^\"]+)\"|'([^']+)'|([^)\s]+))\s*\)")


@dataclass(frozen=True)
class AlarmEvent:
    """A change of the state of an alarm to ``ALARM``, ``OK`` or ``INSUFFICIENT_DATA``.

    ``resources`` are the names of queues, functions, instances and log groups in the dimensions of its
    metrics; ``children`` the alarms that a composite alarm's rule names. ``span`` is the longest time that
    its metrics are evaluated over; zero when the event does not say it.
    """

    alarm: str
    state: str
    time: datetime
    resources: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    span: timedelta = timedelta(0)

    def window(self, lookback: timedelta, now: datetime) -> Window:
        """Return the window to look at; the same event has the same window, unless it is very recent.

        It begins at least ``lookback`` before the change, and ends at ``now`` at the latest. An event from
        the future is an InputError.
        """
        if self.time >= now:
            raise InputError(
                error_message("error-event-future", alarm=self.alarm, time=self.time.isoformat())
            )
        start = self.time - max(lookback, _SPANS_BEFORE * self.span)
        return Window(start, min(now, self.time + max(self.span, timedelta(minutes=1))))


def parse_alarm_event(text: str) -> AlarmEvent:
    """Return the event of a CloudWatch alarm.

    A text that is not JSON in one of the shapes that the docstring of this module lists is an InputError.
    """
    if len(text) > _LONGEST_EVENT:
        raise InputError(error_message("error-event-long", most=f"{_LONGEST_EVENT:,}"))
    try:
        return _event(_unwrapped(json.loads(text), _DEEPEST))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(error_message("error-event-unknown")) from error


def _unwrapped(value: Any, depth: int) -> Mapping[str, Any]:
    """Return the message within the envelopes of SNS, SQS and Lambda."""
    if depth == 0:
        raise InputError(error_message("error-event-unknown"))
    records = value.get("Records", value.get("Messages"))  # of Lambda, or as the AWS CLI receives them
    if isinstance(records, list):
        if len(records) != 1:
            raise InputError(error_message("error-event-records", number=len(records)))
        inner = records[0].get("Sns") or records[0]
        body = inner.get("body", inner.get("Body"))
        return _unwrapped(inner if body is None else json.loads(body), depth - 1)
    if isinstance(value.get("Message"), str) and "AlarmName" not in value:
        return _unwrapped(json.loads(value["Message"]), depth - 1)
    return dict(value)


def _event(body: Mapping[str, Any]) -> AlarmEvent:
    """Return the event of a message without envelopes; a KeyError for another message."""
    if "NewStateValue" in body:  # of SNS
        alarm, state, time = (str(body[name]) for name in ("AlarmName", "NewStateValue", "StateChangeTime"))
        settings, reason = body.get("Trigger") or {}, body.get("TriggeringChildren")
        rule, points = body.get("AlarmRule"), float(settings.get("EvaluationPeriods") or 1)
        periods = [*_values(settings, "period")]
    else:
        is_event = body.get("detail-type") == "CloudWatch Alarm State Change"
        detail = body["detail" if is_event else "alarmData"]
        stated = detail["state"]
        alarm, state = str(detail["alarmName"]), str(stated["value"])
        time = str(stated.get("timestamp") or body["time"])
        settings, reason = detail.get("configuration") or {}, _reason_data(stated)
        # The configuration has no number of evaluation periods; the evaluated points show them.
        rule, points = settings.get("alarmRule"), len(reason.get("evaluatedDatapoints") or ()) or 1
        periods = [*_values(settings, "period")] or [reason.get("period")]
    if state not in STATES:
        raise InputError(
            error_message("error-event-state", alarm=alarm, state=repr(state), known=", ".join(STATES))
        )
    moment = datetime.fromisoformat(time)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    children = dict.fromkeys((*_in_rule(rule), *map(_alarm_of_arn, _values(reason, "arn"))))
    span_s = points * max((float(each) for each in periods if each), default=0.0)
    return AlarmEvent(
        alarm,
        state,
        moment.astimezone(UTC),
        tuple(dict.fromkeys(_resources_in(settings))),
        tuple(children),
        timedelta(seconds=span_s),
    )


def _values(tree: Any, name: str) -> Iterator[Any]:
    """Yield the values of a key at any depth; services differ in its capitals."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key.lower() == name:
                yield value
            yield from _values(value, name)
    elif isinstance(tree, list):
        for value in tree:
            yield from _values(value, name)


def _resources_in(alarm: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of resources in the dimensions of all metrics of an alarm."""
    for dimensions in _values(alarm, "dimensions"):
        if isinstance(dimensions, dict):
            pairs = [*dimensions.items()]
        else:
            lowered = ({key.lower(): value for key, value in each.items()} for each in dimensions)
            pairs = [(each["name"], each["value"]) for each in lowered]
        for name, value in pairs:
            if name in _DIMENSIONS and value:
                yield str(value).partition(":")[0] if name == "Resource" else str(value)


def _reason_data(state: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        found = json.loads(state.get("reasonData") or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _in_rule(rule: object) -> list[str]:
    if not isinstance(rule, str):
        return []
    return [_alarm_of_arn(next(filter(None, groups))) for groups in _IN_RULE.findall(rule)]


def _alarm_of_arn(name: str) -> str:
    """Return the name of an alarm from its ARN; a name is returned as it is."""
    return name.partition(":alarm:")[2] or name


def systems_of_event(
    event: AlarmEvent,
    systems: Iterable[System],
    describe: Callable[[], Mapping[str, Any]] | None = None,
) -> list[System]:
    """Return the systems of ``watchme.toml`` that have a resource of an alarm; none is an InputError.

    ``describe`` returns the alarms of the account as DescribeAlarms lists them; it is called for a composite
    alarm, whose event does not hold the metrics of its children. None searches the names of the children
    only.
    """
    resources_of = [
        (system, {*system.queues, *system.dlqs, *system.functions, *system.instances, *system.log_groups})
        for system in systems
    ]
    names = set(event.resources)
    if event.children and describe is not None:
        names |= set(_described(event.children, describe()))
    found = [system for system, resources in resources_of if not names.isdisjoint(resources)]
    if not found:
        found = [
            system
            for system, resources in resources_of
            if any(_is_in(name, child) for child in event.children for name in resources)
        ]
    if found:
        return found
    listed = Resource(", ".join(sorted(names))) if names else message("alarm-about-nothing")
    raise InputError(error_message("error-event-no-system", alarm=event.alarm, names=listed, file=FILE))


def _is_in(name: str, alarm: str) -> bool:
    """Return whether the name of an alarm holds that of a resource as a whole word."""
    return re.search(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", alarm) is not None


def _described(children: Iterable[str], alarms: Mapping[str, Any]) -> Iterator[str]:
    """Yield the resources of alarms, also of alarms within composite ones."""
    kinds = ("MetricAlarms", "CompositeAlarms")
    by_name = {alarm["AlarmName"]: alarm for kind in kinds for alarm in alarms.get(kind, ())}
    waiting, seen = list(children), set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            alarm = by_name.get(name, {})
            waiting += _in_rule(alarm.get("AlarmRule"))
            yield from _resources_in(alarm)
