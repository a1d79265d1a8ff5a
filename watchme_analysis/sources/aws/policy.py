"""The permissions that asking AWS needs."""

from __future__ import annotations

from typing import Any

# What `watchme pull` and `watchme query` call; a test holds it equal to what they called.
ACTIONS = (
    "cloudtrail:LookupEvents",
    "cloudwatch:DescribeAlarmHistory",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "lambda:GetFunctionConcurrency",
    "lambda:GetFunctionConfiguration",
    "lambda:ListEventSourceMappings",
    "logs:DescribeLogGroups",  # for `watchme query`, and for sizes that no metric tells
    "logs:GetQueryResults",
    "logs:StartQuery",
    "logs:StopQuery",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sts:GetCallerIdentity",  # always allowed; listed so that nothing that is called is left out
)
SAMPLING_ACTIONS = ("sqs:ChangeMessageVisibility", "sqs:ReceiveMessage")


def policy(sampling: bool = True) -> dict[str, Any]:
    """Return the least IAM policy that a pull needs, as a JSON-ready dictionary."""
    statements = [
        {"Sid": "WatchmeRead", "Effect": "Allow", "Action": sorted(ACTIONS), "Resource": "*"},
    ]
    if sampling:
        statements.append(
            {
                "Sid": "WatchmeSampleDeadLetters",
                "Effect": "Allow",
                "Action": sorted(SAMPLING_ACTIONS),
                "Resource": "*",
            }
        )
    return {"Version": "2012-10-17", "Statement": statements}
