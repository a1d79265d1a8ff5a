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
# Dimensions that name a resource of a system.
_DIMENSIONS = ("QueueName", "FunctionName", "InstanceId", "LogGroupName")
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
        body = _unwrapped(json.loads(text), _DEEPEST)
        return _parsed(body)
    except InputError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(error_message("error-event-unknown")) from error


def _unwrapped(value: Any, depth: int) -> Mapping[str, Any]:
    """Return the message within the envelopes of SNS, SQS and Lambda."""
    if not isinstance(value, dict) or depth == 0:
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
    return value


def _parsed(body: Mapping[str, Any]) -> AlarmEvent:
    if "AlarmName" in body and "NewStateValue" in body:
        return _of_notification(body)
    detail = body.get("alarmData") or (
        body.get("detail") if body.get("detail-type") == "CloudWatch Alarm State Change" else None
    )
    if not isinstance(detail, dict):
        raise InputError(error_message("error-event-unknown"))
    state, configuration = detail["state"], detail.get("configuration") or {}
    metrics = [
        (item["metricStat"]["metric"].get("dimensions") or {}, item["metricStat"].get("period"))
        for item in configuration.get("metrics") or ()
        if "metricStat" in item
    ]
    names = (name for dimensions, _ in metrics for name in _named(dimensions.items()))
    # The configuration in the event has no number of evaluation periods; the evaluated points show them.
    reason = _reason_data(state)
    points = len(reason.get("evaluatedDatapoints") or ()) or 1
    longest = max(
        (float(period) for _, period in metrics if period), default=float(reason.get("period") or 0)
    )
    triggered = [str(alarm["arn"]) for alarm in reason.get("triggeringAlarms") or () if "arn" in alarm]
    return _event(
        str(detail["alarmName"]),
        str(state["value"]),
        str(state.get("timestamp") or body["time"]),
        resources=names,
        children=(*_in_rule(configuration.get("alarmRule")), *map(_alarm_of_arn, triggered)),
        span_s=longest * points,
    )


def _of_notification(body: Mapping[str, Any]) -> AlarmEvent:
    trigger = body.get("Trigger") or {}
    metrics = [
        (item["MetricStat"]["Metric"].get("Dimensions") or (), item["MetricStat"].get("Period"))
        for item in trigger.get("Metrics") or ()
        if "MetricStat" in item
    ]
    metrics.append((trigger.get("Dimensions") or (), trigger.get("Period")))
    pairs = (
        (item.get("name", item.get("Name")), item.get("value", item.get("Value")))
        for dimensions, _ in metrics
        for item in dimensions
    )
    longest = max((float(period) for _, period in metrics if period), default=0.0)
    triggered = [str(child["Arn"]) for child in body.get("TriggeringChildren") or () if "Arn" in child]
    return _event(
        str(body["AlarmName"]),
        str(body["NewStateValue"]),
        str(body["StateChangeTime"]),
        resources=_named(pairs),
        children=(*_in_rule(body.get("AlarmRule")), *map(_alarm_of_arn, triggered)),
        span_s=longest * float(trigger.get("EvaluationPeriods") or 1),
    )


def _event(
    alarm: str, state: str, time: str, *, resources: Iterable[str], children: Iterable[str], span_s: float
) -> AlarmEvent:
    if state not in STATES:
        raise InputError(
            error_message("error-event-state", alarm=alarm, state=repr(state), known=", ".join(STATES))
        )
    moment = datetime.fromisoformat(time)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    names, inner = tuple(dict.fromkeys(resources)), tuple(dict.fromkeys(children))
    return AlarmEvent(alarm, state, moment.astimezone(UTC), names, inner, timedelta(seconds=span_s))


def _named(dimensions: Iterable[tuple[Any, Any]]) -> Iterator[str]:
    for name, value in dimensions:
        if name in _DIMENSIONS and value:
            yield str(value)
        elif name == "Resource" and value:  # a version or an alias of a function
            yield str(value).partition(":")[0]


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
    known = list(systems)
    names = set(event.resources)
    if event.children and describe is not None:
        names |= set(_described(event.children, describe()))
    found = [system for system in known if not names.isdisjoint(_resources(system))]
    if not found and event.children:
        found = [system for system in known if any(_in_name(system, child) for child in event.children)]
    if found:
        return found
    listed = Resource(", ".join(sorted(names))) if names else message("alarm-about-nothing")
    raise InputError(error_message("error-event-no-system", alarm=event.alarm, names=listed, file=FILE))


def _resources(system: System) -> set[str]:
    return {*system.queues, *system.dlqs, *system.functions, *system.instances, *system.log_groups}


def _in_name(system: System, alarm: str) -> bool:
    """Return whether the name of an alarm holds a resource of a system as a whole word."""
    return any(
        re.search(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", alarm) for name in _resources(system)
    )


def _described(children: Iterable[str], alarms: Mapping[str, Any]) -> Iterator[str]:
    """Yield the resources of alarms, also of alarms within composite ones."""
    metric = {alarm["AlarmName"]: alarm for alarm in alarms.get("MetricAlarms", ())}
    composite = {alarm["AlarmName"]: alarm for alarm in alarms.get("CompositeAlarms", ())}
    waiting, seen = list(children), set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in composite:
            waiting += _in_rule(composite[name].get("AlarmRule"))
        alarm = metric.get(name, {})
        dimensions = [
            *(alarm.get("Dimensions") or ()),
            *(
                item
                for one in alarm.get("Metrics") or ()
                for item in one.get("MetricStat", {}).get("Metric", {}).get("Dimensions", ())
            ),
        ]
        yield from _named((item["Name"], item["Value"]) for item in dimensions)
