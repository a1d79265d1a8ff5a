"""The least IAM policy that a remedy needs, derived from the calls of its plan."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from watchme_analysis.cloudwatch.session import ACTION_NAMES
from watchme_analysis.remedies.plan import Call


def policy_of(calls: Iterable[Call]) -> dict[str, Any]:
    """Return the IAM policy that allows these calls, as a JSON-ready dictionary.

    Parameters
    ----------
    calls
        Calls of a plan. ``sts:GetCallerIdentity`` needs no permission and is left out.
    """
    actions = {action_of(call) for call in calls} - {"sts:GetCallerIdentity"}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "WatchmeRemedy", "Effect": "Allow", "Action": sorted(actions), "Resource": "*"}
        ],
    }


def action_of(call: Call) -> str:
    """Return the IAM action of a call, such as ``sqs:SetQueueAttributes``."""
    name = f"{call.service}:{_api_name(call.service, call.operation)}"
    return ACTION_NAMES.get(name, name)


@cache
def _operations(service: str) -> dict[str, str]:
    """Return the name of each operation of a service in its API, by boto3's name; no session is needed."""
    from botocore import xform_name
    from botocore.loaders import Loader

    names = Loader().load_service_model(service, "service-2")["operations"]
    return {xform_name(name): name for name in names}


def _api_name(service: str, operation: str) -> str:
    # The API model of Lambda appends dates to old operations: Invoke, not Invoke20150331.
    return _operations(service)[operation].rstrip("0123456789")
