"""IAM policies: the least permissions of a pull, of the calls of a remedy, and of destinations.

``iam_policy.toml`` has what AWS's documentation states of actions, and the actions of a pull.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.cloudwatch.service_models import model_loader

_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
# Actions of every pull, and those that receive the messages of a queue.
PULL_ACTIONS = frozenset(_TABLE["pull"])
_RECEIVING = frozenset(_TABLE["receiving"])


@dataclass(frozen=True)
class Grant:
    """IAM actions that are allowed, and the ARNs of the resources; ``*`` is any resource."""

    actions: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)


def policy_of(grants: Iterable[Grant]) -> dict[str, Any]:
    """Return the IAM policy of grants, ready for JSON, with the keys of encrypted queues.

    Actions that need no permission are left out.
    """
    allowed: dict[tuple[str, ...], set[str]] = {}
    for grant in grants:
        if actions := tuple(sorted({*grant.actions} - {*_TABLE["always_allowed"]})):
            allowed.setdefault(actions, set()).update(grant.resources)
    statements: list[dict[str, Any]] = [
        {"Action": [*actions], "Resource": sorted(resources)} for actions, resources in allowed.items()
    ]
    keys = {key for actions in allowed for each in actions for key in _TABLE["keys"].get(each, ())}
    if keys:
        # SQS uses the key of an encrypted queue on behalf of the caller.
        through = {"StringLike": {"kms:ViaService": "sqs.*"}}
        statements.append({"Action": sorted(keys), "Resource": ["*"], "Condition": through})
    numbered = [
        {"Sid": f"Watchme{number}", "Effect": "Allow"} | each for number, each in enumerate(statements, 1)
    ]
    return {"Version": "2012-10-17", "Statement": numbered}


def grants_of(actions: Iterable[str], queues: Iterable[str] = ()) -> Iterator[Grant]:
    """Yield the grants of actions; those that receive messages, for the named queues if there are any."""
    actions, named = {*actions}, tuple(arn(name, f"sqs:*:*:{resource_name(name)}") for name in queues)
    receiving = actions & _RECEIVING if named else set()
    yield Grant(tuple(actions - receiving))
    if receiving:
        yield Grant(tuple(receiving), named)


def pull_grants(queues: Iterable[str] = ()) -> Iterator[Grant]:
    """Yield the grants of a pull, which may receive messages of the named queues, and of no other."""
    queues = (*queues,)
    sampling = _TABLE["sampling"] if queues else ()
    return grants_of({*PULL_ACTIONS, *sampling}, queues)


def arn(name: str, of_name: str) -> str:
    """Return an ARN; a name becomes the one in any region and account."""
    return name if name.startswith("arn:") else f"arn:aws:{of_name}"


def action_of(service: str, api_name: str) -> str:
    """Return the IAM action of an operation, by its name in the API."""
    name = f"{service}:{api_name}"
    return str(_TABLE["renamed"].get(name, name))


@cache
def api_names(service: str) -> dict[str, str]:
    """Return the name of each operation of a service in its API, by boto3's name; no session is needed."""
    from botocore import xform_name

    names = model_loader().load_service_model(service, "service-2")["operations"]
    # The API model of Lambda appends dates to old operations: Invoke, not Invoke20150331.
    return {xform_name(name): name.rstrip("0123456789") for name in names}
