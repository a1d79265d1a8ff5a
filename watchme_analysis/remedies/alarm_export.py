"""Alarms as infrastructure code: CloudFormation, Terraform and AWS CLI, with the same health check elsewhere.

Terraform is written in its JSON syntax, which needs no quoting of its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from watchme_analysis.aws_shapes.prices import (
    CANARY_RUN_USD,
    LAMBDA_GB_SECOND_USD,
    LAMBDA_REQUEST_USD,
    MINUTES_PER_MONTH,
    PUT_METRIC_DATA_USD,
)
from watchme_analysis.remedies.alarm_definitions import Definition
from watchme_analysis.remedies.plan import Call
from watchme_analysis.text.shell_quoting import shell_word

# Logical name of the topic, and of the parameter with the ARN of an existing one.
_TOPIC, _TOPIC_ARN = "AlarmTopic", "AlarmTopicArn"
_HAS_NO_TOPIC = "CreatesTopic"
_STACK = "watchme-alarms"
_LAMBDA_MEMORY_GB = 0.125
_CHECK_TIMEOUT_S = 10  # of a URL, as in health_check.yaml
_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")


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
    topic_arn = topic if topic.startswith("arn:") else ""
    name = _STACK if topic_arn or not topic else topic
    checks = {"AWSTemplateFormatVersion": "2010-09-09", **_checks(health_urls, health_check)}
    if form == "cloudformation":
        return _json(_template(definitions, topic_arn, name, checks))
    if form == "terraform":
        return _json(_terraform(definitions, topic_arn, name, checks))
    return _commands(definitions, topic_arn, name, checks)


def health_check_usd(kind: str, urls: int) -> float:
    """Return the list price in USD per month of a health check every minute, without its alarms.

    A Lambda is priced as if the check of each URL took a second.
    """
    runs = MINUTES_PER_MONTH
    if kind == "canary":
        return runs * (CANARY_RUN_USD + PUT_METRIC_DATA_USD)
    seconds_gb = urls * _LAMBDA_MEMORY_GB
    return runs * (LAMBDA_REQUEST_USD + seconds_gb * LAMBDA_GB_SECOND_USD + PUT_METRIC_DATA_USD)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _logical_name(name: str) -> str:
    """Return a name of letters and digits for a template; a hash keeps two similar names apart."""
    short = hashlib.sha256(name.encode()).hexdigest()[:6]
    return "".join(word.capitalize() for word in re.findall(r"[A-Za-z0-9]+", name))[:200] + short


def _template(
    definitions: Sequence[Definition], topic_arn: str, name: str, checks: Mapping[str, Any]
) -> dict[str, Any]:
    arn: Any = {"Fn::If": [_HAS_NO_TOPIC, {"Ref": _TOPIC}, {"Ref": _TOPIC_ARN}]}
    resources: dict[str, Any] = {
        _TOPIC: {
            "Type": "AWS::SNS::Topic",
            "Condition": _HAS_NO_TOPIC,
            "Properties": {"TopicName": name},
        }
    }
    logical = {each.name: _logical_name(each.name) for each in definitions}
    for each in definitions:
        properties = _with_topic(each.parameters, arn)
        kind = "CompositeAlarm" if each.is_composite else "Alarm"
        resource: dict[str, Any] = {"Type": f"AWS::CloudWatch::{kind}", "Properties": properties}
        if each.is_composite:
            resource["DependsOn"] = [logical[name] for name in _members(each, definitions)]
        resources[logical[each.name]] = resource
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


def _members(composite: Definition, definitions: Sequence[Definition]) -> list[str]:
    """Return the names of the alarms that a composite alarm is over."""
    rule = str(composite.parameters["AlarmRule"])
    return [each.name for each in definitions if f'"{each.name}"' in rule]


def _with_topic(parameters: Mapping[str, Any], arn: Any) -> dict[str, Any]:
    """Return parameters that notify another topic wherever they notify one, without empty lists."""
    found = {name: value for name, value in parameters.items() if value != []}
    return found | {name: [arn] for name in _ACTIONS if found.get(name)}


_TERRAFORM_NAMES = {
    "OKActions": "ok_actions",
    "AlarmActions": "alarm_actions",
    "InsufficientDataActions": "insufficient_data_actions",
    "EvaluateLowSampleCountPercentile": "evaluate_low_sample_count_percentiles",
}


def _terraform(
    definitions: Sequence[Definition], topic_arn: str, name: str, checks: Mapping[str, Any]
) -> dict[str, Any]:
    arn = topic_arn or "${aws_sns_topic.alarms.arn}"
    resources: dict[str, Any] = {}
    if not topic_arn:
        resources["aws_sns_topic"] = {"alarms": {"name": name}}
    for each in definitions:
        kind = "aws_cloudwatch_composite_alarm" if each.is_composite else "aws_cloudwatch_metric_alarm"
        body = _escaped(_terraform_alarm(each.parameters))
        body |= {_snake(action): [arn] for action in _ACTIONS if each.parameters.get(action)}
        if each.is_composite:
            names = (
                f"aws_cloudwatch_metric_alarm.{_logical_name(name)}" for name in _members(each, definitions)
            )
            body["depends_on"] = list(names)
        resources.setdefault(kind, {})[_logical_name(each.name)] = body
    if checks["Resources"]:
        resources["aws_cloudformation_stack"] = {
            "health_check": {
                "name": f"{_STACK}-health-check",
                "capabilities": ["CAPABILITY_IAM"],
                "template_body": _escaped(json.dumps(checks)),
            }
        }
    return {"resource": resources}


def _terraform_alarm(parameters: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for name, value in parameters.items():
        if name in _ACTIONS or value == []:
            continue
        if name == "Dimensions":
            body["dimensions"] = _terraform_dimensions(value)
        elif name == "Metrics":
            body["metric_query"] = [_metric_query(each) for each in value]
        else:
            body[_snake(name)] = value
    return body


def _terraform_dimensions(dimensions: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in dimensions}


def _metric_query(query: Mapping[str, Any]) -> dict[str, Any]:
    found = {"id": query["Id"], "return_data": query["ReturnData"]}
    if "Expression" in query:
        return found | {"expression": query["Expression"], "label": query["Id"]}
    stat = query["MetricStat"]
    metric = stat["Metric"]
    return found | {
        "metric": {
            "namespace": metric["Namespace"],
            "metric_name": metric["MetricName"],
            "dimensions": _terraform_dimensions(metric["Dimensions"]),
            "period": stat["Period"],
            "stat": stat["Stat"],
        }
    }


def _snake(name: str) -> str:
    return _TERRAFORM_NAMES.get(name) or re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _escaped(value: Any) -> Any:
    """Return a value whose texts Terraform takes as they are."""
    if isinstance(value, str):
        return value.replace("${", "$${").replace("%{", "%%{")
    if isinstance(value, Mapping):
        return {key: _escaped(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_escaped(each) for each in value]
    return value


def _commands(definitions: Sequence[Definition], topic_arn: str, name: str, checks: Mapping[str, Any]) -> str:
    lines = ["#!/bin/sh", "set -eu"]
    if topic_arn:
        lines.append(f"TOPIC={shell_word(topic_arn)}")
    else:
        lines.append(
            f"TOPIC=$(aws sns create-topic --name {shell_word(name)} --query TopicArn --output text)"
        )
    for each in definitions:
        # The ARN is known only when the commands run, so the actions are an option of their own.
        parameters = {
            key: value for key, value in each.parameters.items() if key not in _ACTIONS and value != []
        }
        operation = "put_composite_alarm" if each.is_composite else "put_metric_alarm"
        actions = ' --alarm-actions "$TOPIC"' if each.parameters.get("AlarmActions") else ""
        lines.append(Call("cloudwatch", operation, parameters).command + actions)
    if checks["Resources"]:
        text = shell_word(json.dumps(checks))
        lines.append(
            f"aws cloudformation create-stack --stack-name {_STACK}-health-check "
            f"--capabilities CAPABILITY_IAM --template-body {text}"
        )
    return "\n".join(lines) + "\n"


def _checks(urls: Sequence[str], kind: str | None) -> dict[str, dict[str, Any]]:
    """Return the CloudFormation parameters and resources that check URLs every minute; empty without them."""
    if kind is None or not urls:
        return {"Parameters": {}, "Resources": {}}
    stored = yaml.safe_load(Path(__file__).with_name("health_check.yaml").read_text(encoding="utf-8"))
    found: dict[str, dict[str, Any]] = stored[kind]
    if kind == "canary":
        script = stored["code"].replace('os.environ["URLS"].split()', repr(list(urls)))
        found["Resources"]["HealthCheckCanary"]["Properties"]["Code"]["Script"] = script
    else:
        found["Resources"]["HealthCheckFunction"]["Properties"] |= {
            "Timeout": _CHECK_TIMEOUT_S * (len(urls) + 1),
            "Code": {"ZipFile": stored["code"]},
            "Environment": {"Variables": {"URLS": " ".join(urls)}},
        }
    return found
