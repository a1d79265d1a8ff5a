"""Alarms as infrastructure code: CloudFormation, Terraform and AWS CLI, with the same health check elsewhere.

Terraform is written in its JSON syntax, which needs no quoting of its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from watchme_analysis.prices import (
    CANARY_RUN_USD,
    LAMBDA_GB_SECOND_USD,
    LAMBDA_REQUEST_USD,
    MINUTES_PER_MONTH,
    PUT_METRIC_DATA_USD,
)
from watchme_analysis.remedies.alarm_definitions import ACTIONS, Definition
from watchme_analysis.remedies.plan import Call
from watchme_analysis.text.shell_quoting import shell_word

# Logical name of the topic, and of the parameter with the ARN of an existing one.
_TOPIC, _TOPIC_ARN = "AlarmTopic", "AlarmTopicArn"
_HAS_NO_TOPIC = "CreatesTopic"
_STACK = "watchme-alarms"
_LAMBDA_MEMORY_GB = 0.125
# Names of Terraform that are not those of CloudWatch in snake case.
_TERRAFORM_NAMES = {
    "EvaluateLowSampleCountPercentile": "evaluate_low_sample_count_percentiles",
    "Metrics": "metric_query",
    "OKActions": "ok_actions",
}


def exported(
    definitions: Sequence[Definition],
    form: str,
    topic: str = "",
    health_urls: Sequence[str] = (),
    health_check: str | None = None,
) -> str:
    """Return alarms as text: ``cloudformation``, ``terraform`` or ``cli``.

    ``topic`` is the name of the topic to create, or the ARN of an existing one. ``health_check`` is
    ``canary`` or ``lambda``: resources that check ``health_urls`` and write the metric of their alarms.
    """
    checks = {"AWSTemplateFormatVersion": "2010-09-09", **_checks(health_urls, health_check)}
    if form == "cloudformation":
        return _json(_template(definitions, topic, checks))
    if form == "terraform":
        return _json(_terraform(definitions, topic, checks))
    return _commands(definitions, topic, checks)


def health_check_usd(kind: str) -> float:
    """Return the list price in USD per month of a health check every minute, without its alarms.

    A Lambda, which checks all URLs at the same time, is priced as if it took a second.
    """
    run_usd = CANARY_RUN_USD if kind == "canary" else LAMBDA_REQUEST_USD
    if kind == "lambda":
        run_usd += _LAMBDA_MEMORY_GB * LAMBDA_GB_SECOND_USD
    return MINUTES_PER_MONTH * (run_usd + PUT_METRIC_DATA_USD)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _topic(topic: str) -> tuple[str, str]:
    """Return the ARN of an existing topic, empty without one, and the name of the topic to create."""
    return (topic, _STACK) if topic.startswith("arn:") else ("", topic or _STACK)


def _logical_name(name: str) -> str:
    """Return a name of letters and digits for a template; a hash keeps two similar names apart."""
    short = hashlib.sha256(name.encode()).hexdigest()[:6]
    return "".join(word.capitalize() for word in re.findall(r"[A-Za-z0-9]+", name))[:200] + short


def _parts(definition: Definition, topic: str, arn: Any) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Return the parameters of an alarm, and its actions by kind; ``arn`` stands for the topic."""
    stated = {name: value for name, value in definition.parameters.items() if value != []}
    actions = {name: stated.pop(name) for name in ACTIONS if name in stated}
    return stated, {name: [arn if each == topic else each for each in of] for name, of in actions.items()}


def _members(composite: Definition, definitions: Sequence[Definition]) -> list[str]:
    """Return the logical names of the alarms that a composite alarm is over."""
    rule = str(composite.parameters["AlarmRule"])
    return [_logical_name(each.name) for each in definitions if f'"{each.name}"' in rule]


def _template(definitions: Sequence[Definition], topic: str, checks: Mapping[str, Any]) -> dict[str, Any]:
    topic_arn, name = _topic(topic)
    arn = {"Fn::If": [_HAS_NO_TOPIC, {"Ref": _TOPIC}, {"Ref": _TOPIC_ARN}]}
    resources: dict[str, Any] = {
        _TOPIC: {
            "Type": "AWS::SNS::Topic",
            "Condition": _HAS_NO_TOPIC,
            "Properties": {"TopicName": name},
        }
    }
    for each in definitions:
        kind = "CompositeAlarm" if each.is_composite else "Alarm"
        parameters, actions = _parts(each, topic, arn)
        resource: dict[str, Any] = {"Type": f"AWS::CloudWatch::{kind}", "Properties": parameters | actions}
        if each.is_composite:
            resource["DependsOn"] = _members(each, definitions)
        resources[_logical_name(each.name)] = resource
    topic_parameter = {
        "Type": "String",
        "Default": topic_arn,
        "Description": "ARN of an existing SNS topic; empty to create one.",
    }
    return {
        "AWSTemplateFormatVersion": checks["AWSTemplateFormatVersion"],
        "Parameters": {_TOPIC_ARN: topic_parameter, **checks["Parameters"]},
        "Conditions": {_HAS_NO_TOPIC: {"Fn::Equals": [{"Ref": _TOPIC_ARN}, ""]}},
        "Resources": resources | checks["Resources"],
    }


def _terraform(definitions: Sequence[Definition], topic: str, checks: Mapping[str, Any]) -> dict[str, Any]:
    topic_arn, name = _topic(topic)
    resources: dict[str, Any] = {} if topic_arn else {"aws_sns_topic": {"alarms": {"name": name}}}
    for each in definitions:
        kind = "aws_cloudwatch_composite_alarm" if each.is_composite else "aws_cloudwatch_metric_alarm"
        parameters, actions = _parts(each, topic, topic_arn or "${aws_sns_topic.alarms.arn}")
        body = _as_terraform(parameters) | {_snake(name): arns for name, arns in actions.items()}
        if each.is_composite:
            names = _members(each, definitions)
            body["depends_on"] = [f"aws_cloudwatch_metric_alarm.{member}" for member in names]
        resources.setdefault(kind, {})[_logical_name(each.name)] = body
    if checks["Resources"]:
        resources["aws_cloudformation_stack"] = {
            "health_check": {
                "name": f"{_STACK}-health-check",
                "capabilities": ["CAPABILITY_IAM"],
                "template_body": _as_terraform(json.dumps(checks)),
            }
        }
    return {"resource": resources}


def _as_terraform(value: Any) -> Any:
    """Return a value with Terraform's names, whose texts Terraform takes as they are."""
    if isinstance(value, str):
        return value.replace("${", "$${").replace("%{", "%%{")
    if isinstance(value, list):
        return [_as_terraform(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    body = {_snake(name): _as_terraform(each) for name, each in value.items() if name != "MetricStat"}
    if "Dimensions" in value:
        body["dimensions"] = {each["name"]: each["value"] for each in body["dimensions"]}
    if "MetricStat" in value:
        stat = dict(value["MetricStat"])
        body["metric"] = _as_terraform(stat.pop("Metric") | stat)
    if "Expression" in value:
        body["label"] = value["Id"]
    return body


def _snake(name: str) -> str:
    return _TERRAFORM_NAMES.get(name) or re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _commands(definitions: Sequence[Definition], topic: str, checks: Mapping[str, Any]) -> str:
    topic_arn, name = _topic(topic)
    created = f"$(aws sns create-topic --name {shell_word(name)} --query TopicArn --output text)"
    lines = ["#!/bin/sh", "set -eu", f"TOPIC={shell_word(topic_arn) if topic_arn else created}"]
    for each in definitions:
        # The ARN is known only when the commands run, so the actions are options of their own.
        parameters, actions = _parts(each, topic, _TOPIC)
        options = [f"--{_snake(kind).replace('_', '-')} {_words(arns)}" for kind, arns in actions.items()]
        operation = "put_composite_alarm" if each.is_composite else "put_metric_alarm"
        lines.append(" ".join([Call("cloudwatch", operation, parameters).command, *options]))
    if checks["Resources"]:
        text = shell_word(json.dumps(checks))
        lines.append(
            f"aws cloudformation create-stack --stack-name {_STACK}-health-check "
            f"--capabilities CAPABILITY_IAM --template-body {text}"
        )
    return "\n".join(lines) + "\n"


def _words(actions: Sequence[str]) -> str:
    return " ".join('"$TOPIC"' if each == _TOPIC else shell_word(each) for each in actions)


def _checks(urls: Sequence[str], kind: str | None) -> dict[str, dict[str, Any]]:
    """Return the CloudFormation parameters and resources that check URLs every minute; empty without them."""
    if kind is None or not urls:
        return {"Parameters": {}, "Resources": {}}
    stored = yaml.safe_load(Path(__file__).with_name("health_check.yaml").read_text(encoding="utf-8"))
    found: dict[str, dict[str, Any]] = stored[kind]
    code = stored["code"].replace("URLS = []", f"URLS = {list(urls)!r}")
    if kind == "canary":
        found["Resources"]["HealthCheckCanary"]["Properties"]["Code"]["Script"] = code
    else:
        found["Resources"]["HealthCheckFunction"]["Properties"]["Code"] = {"ZipFile": code}
    return found
