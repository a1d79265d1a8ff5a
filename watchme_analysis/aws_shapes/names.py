"""Names of AWS resources: the name that people use, from ARNs, URLs, log groups and dimensions."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

LAMBDA_LOG_GROUP = "/aws/lambda/"
# Dimensions that name the resource of a metric, the most specific first.
RESOURCE_DIMENSIONS = (
    "QueueName", "FunctionName", "InstanceId", "LoadBalancer", "AutoScalingGroupName", "ServiceName",
)  # fmt: skip
# Endpoints of SQS: usual, dual-stack, FIPS and VPC endpoints, and those of the first releases.
_REGION = re.compile(
    r"https?://(?:[\w.-]+\.)?sqs(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?:vpce\.)?(?:amazonaws\.com|api\.aws)"
    r"|https?://(?:(?P<former>[a-z0-9-]+)\.)?queue\.amazonaws\.com"
)
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html
_QUEUE_NAME = re.compile(r"[\w-]{1,80}(?:\.fifo)?")
_QUEUE = re.compile(
    rf"(?:https?://[^\s/]+/\d{{12}}/|arn:aws[\w-]*:sqs:[\w-]*:\d{{12}}:)({_QUEUE_NAME.pattern})"
)
# The endpoint of the first release, queue.amazonaws.com, is in this region.
_FIRST_REGION = "us-east-1"


def resource_name(text: str) -> str:
    """Return the name in an ARN or a queue's URL; a plain name as it is.

    The version or alias at the end of a Lambda ARN is not part of the name. Load balancers keep the
    ``app/NAME/ID`` that CloudWatch uses.

    Examples
    --------
    >>> resource_name("arn:aws:lambda:eu-west-1:123456789012:function:orders-worker:live")
    'orders-worker'
    >>> resource_name("https://sqs.eu-west-1.amazonaws.com/123456789012/orders")
    'orders'
    """
    text = text.strip()
    if text.startswith("arn:"):
        return _arn_name(text)
    if re.match(r"https?://[^/]+/\d+/", text):
        return text.rstrip("/").rsplit("/", 1)[-1]
    return text


def region_of(text: str) -> str | None:
    """Return the region that an ARN or the URL of a queue states; None for a name and other texts."""
    if text.startswith("arn:"):
        return arn_part(text, 3)
    found = _REGION.match(text)
    return None if found is None else found["region"] or found["former"] or _FIRST_REGION


def _arn_name(arn: str) -> str:
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return arn
    service, rest = parts[2], parts[5]
    kind, _, name = rest.partition(":")
    if not name:
        return rest.partition("/")[2] or rest
    if service == "lambda" and kind == "function":
        return name.split(":")[0]
    return name.removesuffix(":*") if service == "logs" else name


def arn_part(arn: str | None, part: int) -> str | None:
    """Return a part of an ARN by position (3: region, 4: account); None without it."""
    parts = (arn or "").split(":")
    return parts[part] or None if len(parts) > 5 else None


@lru_cache(maxsize=64)  # asked for each event of a log
def log_group_function(log_group: str | None) -> str | None:
    """Return the function that a log group belongs to; None for other log groups.

    The group may be an ARN, or have the account id in front as in ``@log`` of Insights.
    """
    if not log_group:
        return None
    group = resource_name(log_group)
    group = re.sub(r"^\d{12}:", "", group)
    return group.removeprefix(LAMBDA_LOG_GROUP) or None if group.startswith(LAMBDA_LOG_GROUP) else None


def dimension_map(dimensions: Any) -> dict[str, str]:
    """Return ``[{"Name": .., "Value": ..}]`` as a dictionary."""
    if not isinstance(dimensions, list):
        return {}
    return {
        str(item["Name"]): str(item["Value"])
        for item in dimensions
        if isinstance(item, dict) and "Name" in item and "Value" in item
    }


def dimension_resource(dimensions: dict[str, str]) -> str | None:
    """Return the queue, function, instance or load balancer that dimensions name; None without one."""
    return next((dimensions[name] for name in RESOURCE_DIMENSIONS if name in dimensions), None)


def queues_named(name: Any, value: Any) -> list[str]:
    """Return the queues that an environment variable names: by URL, ARN, or by name if it is called so."""
    found = _QUEUE.findall(str(value))
    is_name = "QUEUE" in str(name).upper() and _QUEUE_NAME.fullmatch(str(value))
    return [*found, *([str(value)] if is_name and not found else [])]
