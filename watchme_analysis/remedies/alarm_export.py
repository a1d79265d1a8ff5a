"""Alarms as infrastructure code: CloudFormation, Terraform and AWS CLI, with the same health check elsewhere.

Terraform is written in its JSON syntax, which needs no quoting of its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from watchme_analysis.aws_shapes.prices import (
    CANARY_RUN_USD,
    LAMBDA_GB_SECOND_USD,
    LAMBDA_REQUEST_USD,
    MINUTES_PER_MONTH,
    PUT_METRIC_DATA_USD,
)
from watchme_analysis.remedies.alarm_definitions import (
    HEALTH_DIMENSION,
    HEALTH_METRIC,
    HEALTH_NAMESPACE,
    Definition,
)
from watchme_analysis.remedies.plan import Call
from watchme_analysis.text.shell_quoting import shell_word

# Logical name of the topic, and of the parameter with the ARN of an existing one.
_TOPIC, _TOPIC_ARN = "AlarmTopic", "AlarmTopicArn"
_HAS_NO_TOPIC = "CreatesTopic"
_STACK = "watchme-alarms"
_CHECK_EVERY_MIN = 1
# Runtimes of today are the defaults of a parameter of the template, because AWS retires them [1]_.
# .. [1] https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Synthetics_Library_python_selenium.html
_RUNTIME = "HealthCheckRuntime"
_RUNTIMES = {"canary": "syn-python-selenium-14.0", "lambda": "python3.12"}
_LAMBDA_MEMORY_GB = 0.125
_CHECK_TIMEOUT_S = 10
_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")


def exported(
    definitions: Sequence[Definition],
    form: str,
    topic: str = "",
    health_urls: Sequence[str] = (),
    health_check: str | None = None,
) -> str:
    """Return alarms as text in a format.

    Parameters
    ----------
    definitions
        The alarms.
    form
        ``cloudformation``, ``terraform`` or ``cli``.
    topic
        Name of the topic to create, or ARN of an existing one.
    health_urls
        URLs that ``health_check`` checks.
    health_check
        ``canary`` or ``lambda``: resources that write the metric of the health alarms; None for none.
    """
    is_arn = topic.startswith("arn:")
    name = "watchme-alarms" if is_arn or not topic else topic
    template = _template(definitions, topic, name, health_urls, health_check)
    if form == "cloudformation":
        return _json(template)
    checks = {
        "AWSTemplateFormatVersion": template["AWSTemplateFormatVersion"],
        "Parameters": _check_parameters(health_urls, health_check),
        "Resources": _check_resources(health_urls, health_check),
    }
    if form == "terraform":
        return _json(_terraform(definitions, topic if is_arn else "", name, checks))
    return _commands(definitions, topic if is_arn else "", name, checks)


def health_check_usd(kind: str, urls: int) -> float:
    """Return the list price in USD per month of a health check every minute, without its alarms.

    Parameters
    ----------
    kind
        ``canary`` or ``lambda``.
    urls
        Number of URLs. A Lambda is priced as if each check took a second.
    """
    runs = MINUTES_PER_MONTH / _CHECK_EVERY_MIN
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
    definitions: Sequence[Definition],
    topic: str,
    name: str,
    health_urls: Sequence[str],
    health_check: str | None,
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
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": {
            _TOPIC_ARN: {
                "Type": "String",
                "Default": topic if topic.startswith("arn:") else "",
                "Description": "ARN of an existing SNS topic; empty to create one.",
            },
            **_check_parameters(health_urls, health_check),
        },
        "Conditions": {_HAS_NO_TOPIC: {"Fn::Equals": [{"Ref": _TOPIC_ARN}, ""]}},
        "Resources": resources | _check_resources(health_urls, health_check),
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


_LAMBDA_CODE = f"""\
import os, time, urllib.request
import boto3

def handler(event, context):
    data = []
    for url in os.environ["URLS"].split():
        began = time.monotonic()
        try:
            with urllib.request.urlopen(url, timeout={_CHECK_TIMEOUT_S}) as response:
                failed = response.status >= 400
        except Exception as error:
            failed = True
            print(url, repr(error), round(time.monotonic() - began, 3))
        data.append({{"MetricName": "{HEALTH_METRIC}", "Value": float(failed),
                     "Dimensions": [{{"Name": "{HEALTH_DIMENSION}", "Value": url}}]}})
    boto3.client("cloudwatch").put_metric_data(Namespace="{HEALTH_NAMESPACE}", MetricData=data)
"""


def _check_parameters(urls: Sequence[str], kind: str | None) -> dict[str, Any]:
    """Return the CloudFormation parameters of :func:`_check_resources`."""
    if kind is None or not urls:
        return {}
    return {
        _RUNTIME: {
            "Type": "String",
            "Default": _RUNTIMES[kind],
            "Description": "Runtime of the health check; choose another one when AWS retires this one.",
        }
    }


def _check_resources(urls: Sequence[str], kind: str | None) -> dict[str, Any]:
    """Return the CloudFormation resources that check URLs every minute and write their metric."""
    if kind is None or not urls:
        return {}
    return _lambda_check(urls) if kind == "lambda" else _canary_check(urls)


def _role(service: str, actions: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
                ],
            },
            "Policies": [
                {
                    "PolicyName": "health-check",
                    "PolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [
                            {"Effect": "Allow", "Action": action, "Resource": resource}
                            for action, resource in actions.items()
                        ],
                    },
                }
            ],
        },
    }


_LOGS = {
    "logs:CreateLogGroup": "*",
    "logs:CreateLogStream": "*",
    "logs:PutLogEvents": "*",
    "cloudwatch:PutMetricData": "*",
}


def _lambda_check(urls: Sequence[str]) -> dict[str, Any]:
    return {
        "HealthCheckRole": _role("lambda.amazonaws.com", _LOGS),
        "HealthCheckFunction": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": {"Ref": _RUNTIME},
                "Handler": "index.handler",
                "Role": {"Fn::GetAtt": ["HealthCheckRole", "Arn"]},
                "Timeout": _CHECK_TIMEOUT_S * len(urls) + _CHECK_TIMEOUT_S,
                "Code": {"ZipFile": _LAMBDA_CODE},
                "Environment": {"Variables": {"URLS": " ".join(urls)}},
            },
        },
        "HealthCheckSchedule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "ScheduleExpression": "rate(1 minute)",
                "Targets": [{"Id": "check", "Arn": {"Fn::GetAtt": ["HealthCheckFunction", "Arn"]}}],
            },
        },
        "HealthCheckPermission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "FunctionName": {"Ref": "HealthCheckFunction"},
                "Action": "lambda:InvokeFunction",
                "Principal": "events.amazonaws.com",
                "SourceArn": {"Fn::GetAtt": ["HealthCheckSchedule", "Arn"]},
            },
        },
    }


def _canary_check(urls: Sequence[str]) -> dict[str, Any]:
    # A canary publishes success in percent under its own name; the same metric is written for the alarms.
    code = _LAMBDA_CODE.replace('os.environ["URLS"].split()', repr(list(urls)))
    role = _role(
        "lambda.amazonaws.com",
        _LOGS
        | {
            "s3:PutObject": {"Fn::Sub": "${HealthCheckBucket.Arn}/*"},
            "s3:GetBucketLocation": {"Fn::GetAtt": ["HealthCheckBucket", "Arn"]},
            "s3:ListAllMyBuckets": "*",
        },
    )
    return {
        "HealthCheckBucket": {"Type": "AWS::S3::Bucket"},
        "HealthCheckRole": role,
        "HealthCheckCanary": {
            "Type": "AWS::Synthetics::Canary",
            "Properties": {
                "Name": "watchme-health-check",
                "RuntimeVersion": {"Ref": _RUNTIME},
                "ExecutionRoleArn": {"Fn::GetAtt": ["HealthCheckRole", "Arn"]},
                "ArtifactS3Location": {"Fn::Sub": "s3://${HealthCheckBucket}"},
                "Schedule": {"Expression": f"rate({_CHECK_EVERY_MIN} minute)"},
                "Code": {"Handler": "check.handler", "Script": code},
                "StartCanaryAfterCreation": True,
            },
        },
    }
