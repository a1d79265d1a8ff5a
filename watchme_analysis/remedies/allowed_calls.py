"""The calls that the plan of each remedy may contain; a plan from a file with any other call is refused.

A plan file may come from somebody else. So a remedy accepts the operations and parameters that it plans
itself, those of ``allowed_calls.toml``, on resources that the steps name and that are in the plan's account
and region. Conditions only read.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import jmespath

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.aws_shapes.responses import json_object
from watchme_analysis.errors import InputError, MessageError
from watchme_analysis.remedies.plan import (
    CONTENT,
    NOW,
    READING,
    REFERENCE,
    Call,
    Condition,
    Plan,
    Step,
    readings_in,
)  # fmt: skip
from watchme_analysis.text.render import error_message

# Names of a parameter and of the structures around it, such as ("Attributes", "Policy").
_Path: TypeAlias = tuple[str, ...]

# Read the policy of a queue that a new one takes over, the queue of the plan's mapping, and its DLQ.
ACCESS_POLICY = "Attributes.Policy"
SOURCE_QUEUE = "EventSourceArn"
SOURCE_DLQ = "Attributes.RedrivePolicy"
_REGION = re.compile(r"(?<![a-z0-9-])[a-z]{2}(?:-[a-z]+)+-\d(?![a-z0-9-])")


class _NotAllowedError(Exception):
    """A call is not one of its remedy's; carries the kind of the reason and the call."""

    def __init__(self, reason: str, call: Call, part: str = "") -> None:
        super().__init__(reason)
        self.reason, self.call, self.part = reason, call, part

    def of_plan(self, path: Path, remedy: str) -> InputError:
        """Return the error of the plan file."""
        values = {"call": self.call.command_name, "reason": self.reason, "part": self.part}
        return InputError(error_message("error-plan-call", path=path, remedy=remedy, **values))


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def calls_of(remedy: str) -> tuple[Call, ...]:
    """Return the calls of planning, applying, verifying and undoing a remedy, for its IAM policy."""
    own = _table()[remedy]
    names = sorted({*own["calls"], *own.get("plan", ())})
    return tuple(Call(service, operation) for service, operation in map(str.split, names))


def _allowed_parameters(remedy: str) -> dict[str, dict[_Path, str]]:
    """Return the parameters of each call that a plan may contain, with the stand-in that each may be."""
    calls = _table().get(remedy, {}).get("plan", {})
    return {
        name: {tuple(path.split(".")): marker for path, _, marker in (each.partition(" ") for each in stated)}
        for name, stated in calls.items()
    }


def _check_calls(plan: Plan, path: Path) -> None:
    """Check that a plan contains no other operation, parameter, resource, account, region or file.

    The files that it uploads must be beside its own.
    """
    allowed = _allowed_parameters(plan.remedy)
    if not allowed:
        raise InputError(error_message("error-plan-remedy", path=path, remedy=plan.remedy))
    try:
        _check_readings(plan, plan.relies_on)
        for step in plan.steps:
            _check_readings(plan, step.conditions)
            for call in step.calls:
                if call.api_name not in allowed:
                    raise _NotAllowedError("operation", call)
                _check_parameters(call, allowed[call.api_name], path)
                _check_names(step, call)
                _check_place(plan, call)
            _check_mapping(step)
            _check_redrive_policy(step)
            _check_access_policy(plan, step)
            _check_variables(plan, step)
            _check_actions(step)
    except _NotAllowedError as error:
        raise error.of_plan(path, plan.remedy) from None


def read_plan(path: Path) -> Plan:
    """Return the plan of a file, which contains only calls of its remedy.

    A file that can't be read, is no plan, or contains a call that its remedy never makes is an InputError.
    """
    try:
        plan = Plan.from_dict(json.loads(path.read_bytes()))
        _check_calls(plan, path)
    except OSError as error:
        raise InputError(error_message("error-plan-unreadable", path=path, reason=error)) from error
    except (
        ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError, MessageError,
        jmespath.exceptions.JMESPathError,
    ) as error:  # fmt: skip
        raise InputError(error_message("error-plan-foreign", path=path, target=path)) from error
    return plan


def check_conditions(conditions: Iterable[Condition], path: Path) -> None:
    """Check that conditions of a file only read; another call is an InputError."""
    for call in (condition.call for condition in conditions):
        if not _is_reading(call):
            raise _NotAllowedError("reading", call).of_plan(path, "loadtest")


def _is_reading(call: Call) -> bool:
    return call.api_name in _table()["every-plan"]["readings"]


def _check_readings(plan: Plan, conditions: Iterable[Condition]) -> None:
    for call in (condition.call for condition in conditions):
        if not _is_reading(call):
            raise _NotAllowedError("reading", call)
        for marker in _markers(call.parameters):
            if marker not in {REFERENCE, NOW}:
                raise _NotAllowedError("parameter", call, marker)
        _check_place(plan, call)


def _check_parameters(call: Call, allowed: Mapping[_Path, str], file: Path) -> None:
    for path, value in _parameters(call.parameters, allowed):
        stand_in, markers = allowed.get(path), {*_markers(value)}
        is_overwritten = stand_in == READING and isinstance(value, Mapping) and not markers
        if stand_in is None or not markers <= {stand_in} or is_overwritten:
            raise _NotAllowedError("parameter", call, ".".join(path))
        if CONTENT in markers and Path(value[CONTENT]).parent != file.resolve().parent:
            raise _NotAllowedError("file", call, str(value[CONTENT]))


def _parameters(
    stated: Mapping[str, Any], allowed: Iterable[_Path], above: _Path = ()
) -> Iterator[tuple[_Path, Any]]:
    """Yield the parameters of a call, those within the structures that are allowed."""
    for key, value in stated.items():
        path = (*above, key)
        if isinstance(value, Mapping) and any(each[:-1] == path for each in allowed):
            yield from _parameters(value, allowed, path)
        else:
            yield path, value


def _markers(value: Any) -> Iterator[str]:
    """Yield the keys of a value that stand for something else, such as ``$file``."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            if key.startswith("$"):
                yield key
            # The call of a reading is checked by itself.
            if key != READING:
                yield from _markers(each)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for each in value:
            yield from _markers(each)


def _named(call: Call) -> list[str]:
    """Return the names of the resources that the parameters of a call state."""
    values = [call.parameters[key] for key in _table()["every-plan"]["naming"] if key in call.parameters]
    # The name of an alias, and the function that a queue invokes, are beside the resource.
    if call.api_name == "lambda update_alias":
        values = values[:1]
    elif call.api_name == "lambda create_event_source_mapping":
        values = [call.parameters.get("EventSourceArn")]
    found: list[str] = []
    for value in values:
        found += [str(each) for each in (value if isinstance(value, list) else [value])]
    return [*map(resource_name, found)]


def _check_names(step: Step, call: Call) -> None:
    """Check that a step names the resource that its call, or the reading in a parameter, is about."""
    function, _, _ = step.resource.partition(":")
    known = {step.name, step.resource, resource_name(step.resource), function}
    readings = [*readings_in(call.parameters)]
    if not _named(call) and "UUID" not in call.parameters:
        raise _NotAllowedError("nameless", call)
    for each in (call, *readings):
        if each is not call and not _is_reading(each):
            raise _NotAllowedError("reading", each)
        for name in _named(each):
            if name not in known:
                raise _NotAllowedError("resource", each, name)
    if any([*_markers(each.parameters)] or not _named(each) for each in readings):
        raise _NotAllowedError("parameter", call, READING)


def _check_mapping(step: Step) -> None:
    """Check that a mapping, which its UUID names, is read before each call as one of the step's queue."""
    called = () if step.call is None else (step.call,)
    for calls, before in ((called, step.before), (step.undo, step.undo_before)):
        for call in calls:
            uuid = call.parameters.get("UUID")
            is_read = any(
                (each.call.operation, each.call.parameters.get("UUID"), each.select)
                == ("get_event_source_mapping", uuid, SOURCE_QUEUE)
                and resource_name(str(each.value)) == step.resource
                for each in before
            )
            # What is read before an undo precedes its last call.
            if isinstance(uuid, str) and not (is_read and call is calls[-1]):
                raise _NotAllowedError("resource", call, uuid)


def _check_place(plan: Plan, call: Call) -> None:
    """Check that queues, functions and mappings are in the plan's account and region."""
    texts = [call.parameters.get(key) for key in ("QueueUrl", "EventSourceArn", "FunctionName")]
    attributes = call.parameters.get("Attributes")
    if isinstance(attributes, Mapping):
        texts.append(json_object(attributes.get("RedrivePolicy")).get("deadLetterTargetArn"))
        texts += json_object(attributes.get("RedriveAllowPolicy")).get("sourceQueueArns", [])
    for text in filter(None, texts):
        if not _is_in(plan, str(text)):
            raise _NotAllowedError("place", call, str(text))
    for reading in readings_in(call.parameters):
        _check_place(plan, reading)


def _is_in(plan: Plan, text: str) -> bool:
    """Return whether a name, an ARN or the URL of a queue is in the account and region of a plan."""
    if text.startswith("arn:"):
        return text.split(":")[3:5] == [plan.region, plan.account]
    if "/" not in text and ":" not in text:
        return True
    found = re.fullmatch(r"https?://([^/]+)/(\d+)/[^/]+", text)
    if found is None or found[2] != plan.account:
        return False
    return {*_REGION.findall(found[1])} <= {plan.region}


def _check_redrive_policy(step: Step) -> None:
    """Check that a change of a redrive policy keeps its DLQ, and that the policy is read before."""
    calls = [each for each in step.calls if each.operation == "set_queue_attributes"]
    texts = [each.parameters.get("Attributes", {}).get("RedrivePolicy") for each in calls]
    if not any(texts):
        return
    targets = {json_object(text).get("deadLetterTargetArn") for text in texts}
    read = [
        condition.value
        for condition in step.before
        if condition.select == "Attributes.RedrivePolicy"
        and condition.call.parameters.get("QueueUrl") == calls[0].parameters.get("QueueUrl")
    ]
    if len(targets) > 1 or len(texts) == 1 or any(text not in read for text in texts[1:]):
        raise _NotAllowedError("parameter", calls[0], "RedrivePolicy")


def _check_access_policy(plan: Plan, step: Step) -> None:
    """Check that a new queue grants what the plan's source queue or its DLQ does.

    All of it is read again before the first call: the policy, the queue of the mapping, and its DLQ.
    """
    for call in step.undo:
        if stated_policy(call) is not None:
            raise _NotAllowedError("parameter", call, "Policy")
    stated = step.call and stated_policy(step.call)
    if step.call is None or stated is None:
        return
    kept = set()
    for arn in _source_arns(plan):
        place, _, old = arn.rpartition(":")
        new = json.dumps(f"{place}:{step.call.parameters.get('QueueName')}")
        for condition in plan.relies_on:
            queue = resource_name(str(condition.call.parameters.get("QueueUrl")))
            if (condition.select, queue) == (ACCESS_POLICY, old) and isinstance(condition.value, str):
                kept.add(condition.value.replace(json.dumps(arn), new))
    if stated not in kept:
        raise _NotAllowedError("parameter", step.call, "Policy")


def stated_policy(call: Call) -> Any:
    """Return the access policy that a call gives a queue; None for none."""
    return call.parameters.get("Attributes", {}).get("Policy")


def granting_conditions(plan: Plan) -> list[Condition]:
    """Return what a plan that gives a new queue an access policy relies on for it; empty for other plans."""
    is_granting = any(step.call and stated_policy(step.call) is not None for step in plan.steps)
    selects = (ACCESS_POLICY, SOURCE_QUEUE, SOURCE_DLQ)
    return [each for each in plan.relies_on if is_granting and each.select in selects]


def _source_arns(plan: Plan) -> list[str]:
    """Return the ARN of the queue whose mapping a plan relies on, and of its DLQ."""
    place = re.compile(rf"arn:[a-z-]+:sqs:{re.escape(plan.region)}:{re.escape(plan.account)}:[^:]+")
    mapped = {
        str(each.value)
        for each in plan.relies_on
        if each.select == SOURCE_QUEUE and each.call.operation == "get_event_source_mapping"
    }
    if len(mapped) != 1:
        return []
    found, source = [*mapped], resource_name(*mapped)
    for each in plan.relies_on:
        policy = json_object(each.value) if each.select == SOURCE_DLQ else {}
        queue = resource_name(str(each.call.parameters.get("QueueUrl")))
        if policy and queue == source:
            found.append(str(policy.get("deadLetterTargetArn")))
    return [arn for arn in found if place.fullmatch(arn)]


def _check_variables(plan: Plan, step: Step) -> None:
    """Check that a change of environment variables changes one, to a queue of the plan."""
    queues = {each.resource for each in plan.steps}
    for call in step.calls:
        variables = call.parameters.get("Environment", {}).get("Variables")
        if variables is None:
            continue
        changed = variables.get("with")
        if variables.get("select") != "Environment.Variables" or not isinstance(changed, Mapping):
            raise _NotAllowedError("parameter", call, "Environment")
        [*values] = changed.values()
        if len(values) != 1 or not isinstance(values[0], str) or resource_name(values[0]) not in queues:
            raise _NotAllowedError("parameter", call, "Environment")
        if not _is_in(plan, values[0]):
            raise _NotAllowedError("place", call, values[0])


def _check_actions(step: Step) -> None:
    """Check that an alarm notifies topics, and does otherwise only what its definition read before does."""
    from watchme_analysis.remedies.alarm_definitions import ACTIONS, DEFINED

    kept: set[str] = set()
    for condition in step.before:
        kind = "CompositeAlarms" if condition.select.startswith("CompositeAlarms") else "MetricAlarms"
        is_own = condition.call.parameters.get("AlarmNames") == [step.name]
        if not is_own or not isinstance(condition.value, Mapping):
            continue
        if condition.select == f"{kind}[0] && {kind}[0].{DEFINED}":
            kept |= {str(each) for name in ACTIONS for each in condition.value.get(name) or ()}
    for call in step.calls:
        for name in ACTIONS:
            for action in call.parameters.get(name) or ():
                if action not in kept and str(action).split(":")[2:3] != ["sns"]:
                    raise _NotAllowedError("parameter", call, name)
