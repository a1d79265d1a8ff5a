"""The consumers of queues that no Lambda function drains: ECS services and Auto Scaling groups."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from watchme_analysis.aws_shapes.names import queues_named
from watchme_analysis.cloudwatch.account_state import ecs_services
from watchme_analysis.cloudwatch.session import Aws

# Tasks that `describe-tasks` takes at a time.
_TASKS_AT_ONCE = 100


def describe_services(aws: Aws, queues: Collection[str]) -> dict[str, Any]:
    """Return the ECS services, tasks and definitions that name one of the queues, by name of their file.

    A service names queues in the environment of its task definition. ECS keeps stopped tasks for about an
    hour. The responses have the shapes of the AWS CLI.
    """
    services: list[dict[str, Any]] = []
    tasks: list[dict[str, Any]] = []
    found: dict[str, Any] = {}
    for service, definition in ecs_services(aws):
        variables = [
            (one.get("name"), one.get("value"))
            for container in definition["containerDefinitions"]
            for one in container.get("environment", ())
        ]
        if _names_any(queues, variables):
            services.append(service)
            tasks += _tasks(aws, service)
            # Services may run different revisions of one family.
            revision = f"{definition['family']}-{definition['revision']}"
            found[f"task-definition-{revision}.json"] = {"taskDefinition": definition}
    if services:
        found["ecs-services.json"] = {"services": services}
    if tasks:
        found["ecs-tasks.json"] = {"tasks": tasks}
    return found


def log_groups_of(definition: Mapping[str, Any], region: str) -> list[str]:
    """Return the log groups of CloudWatch in a region that the containers of a task definition write to."""
    stated = [
        one.get("logConfiguration", {}).get("options", {})
        for one in definition.get("containerDefinitions", ())
    ]
    own = [one for one in stated if one.get("awslogs-region", region) == region]
    return [group for one in own if (group := one.get("awslogs-group"))]


def describe_groups(aws: Aws, queues: Collection[str]) -> dict[str, Any]:
    """Return the Auto Scaling groups that name one of the queues in their tags, by name of their file."""
    groups = [
        group
        for group in aws.items("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups")
        if _names_any(queues, [(tag.get("Key"), tag.get("Value")) for tag in group.get("Tags", ())])
    ]
    return {"auto-scaling-groups.json": {"AutoScalingGroups": groups}} if groups else {}


def _names_any(queues: Collection[str], variables: Iterable[tuple[Any, Any]]) -> bool:
    return any(name in queues for pair in variables for name in queues_named(*pair))


def _tasks(aws: Aws, service: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the running and the stopped tasks of a service."""
    whose = {"cluster": service["clusterArn"], "serviceName": service["serviceName"]}
    arns = [
        arn
        for status in ("RUNNING", "STOPPED")
        for arn in aws.items("ecs", "list_tasks", "taskArns", **whose, desiredStatus=status)
    ]
    return [
        task
        for at in range(0, len(arns), _TASKS_AT_ONCE)
        for task in aws.call(
            "ecs", "describe_tasks", cluster=whose["cluster"], tasks=arns[at : at + _TASKS_AT_ONCE]
        )["tasks"]
    ]
