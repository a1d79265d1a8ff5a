"""Amazon ECS, its load balancer, and Auto Scaling groups: events, tasks and why they stopped, target health.

Shapes follow the AWS CLI reference (``aws ecs describe-services``, ``describe-tasks``,
``describe-task-definition``, ``aws elbv2 describe-target-health``, ``describe-target-groups``,
``aws autoscaling describe-auto-scaling-groups``). Events and
reasons follow the pages service-event-messages-list.html and stopped-task-error-codes.html of
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from watchme_analysis.aws_shapes.responses import (
    child,
    documents,
    has_next_page,
    integer,
    number,
    objects_by_key,
    of_file,
    utc_time,
)
from watchme_analysis.evidence.container_rows import KINDS, ContainerRows
from watchme_analysis.files.evidence_file import RawFile, TablePart

_KINDS = {kind: re.compile(pattern) for kind, pattern in KINDS["ecs"].items()}
_SERVICE = re.compile(r"\(service (?P<name>[^),]+)")
_TASK = re.compile(r"\(task (?P<id>[\w-]+)\)")
_PORT = re.compile(r"\(port (?P<port>\d+)\)")
# States of a target in which it gets requests or does not: elbv2, TargetHealth.State.
_TARGET_STATES = {"healthy": "healthy", "unhealthy": "unhealthy", "unhealthy.draining": "unhealthy"}


def _kind(text: str, otherwise: str) -> str:
    return next((kind for kind, pattern in _KINDS.items() if pattern.search(text)), otherwise)


def _add(rows: ContainerRows, text: str, otherwise: str, **values: Any) -> None:
    """Add an event by what its text says."""
    kind = _kind(text, otherwise)
    if kind == "probe":
        probe = "container" if "container health" in text else "lb"
        rows.failed_probe(text, **values, probe=probe)
    else:
        rows.event(kind, text, **values)


def _service_rows(rows: ContainerRows, service: dict[str, Any]) -> None:
    if (desired := integer(service.get("desiredCount"))) is not None:
        deployments = service.get("deployments") or ()
        primary = [one for one in deployments if one.get("status") == "PRIMARY"]
        # The deployment that the primary one replaces is listed until that is complete.
        earlier = [one for one in deployments if one.get("status") == "ACTIVE"]
        rows.consumer(
            "service",
            name=service.get("serviceName"),
            cluster=_last_part(service.get("clusterArn")),
            definition=_last_part(service.get("taskDefinition")),
            desired=desired,
            running=integer(service.get("runningCount")),
            changed_at=next((utc_time(one.get("createdAt")) for one in primary), None),
            definition_before=next((_last_part(one.get("taskDefinition")) for one in earlier), None),
        )
    for event in service.get("events") or ():
        text = str(event.get("message") or "")
        named, task = _SERVICE.search(text), _TASK.search(text)
        name = service.get("serviceName") or (named["name"] if named else None)
        moment = utc_time(event.get("createdAt"))
        _add(rows, text, "other", time=moment, service=name, object=task["id"] if task else name, count=1)


def _task_rows(rows: ContainerRows, task: dict[str, Any]) -> None:
    group = str(task.get("group") or "")
    name = str(task.get("taskArn") or "").rpartition("/")[2] or None
    addresses = [
        one.get("privateIpv4Address")
        for container in task.get("containers") or ()
        for one in container.get("networkInterfaces") or ()
    ]
    whose = {
        "object": name,
        "service": group.partition(":")[2] or group or None,
        "address": next(filter(None, addresses), None),
    }
    started, ended = utc_time(task.get("startedAt")), utc_time(task.get("stoppedAt"))
    if started is not None:
        rows.event("started", str(task.get("lastStatus") or ""), time=started, count=1, **whose)
    stopped_for, code_of_task = str(task.get("stoppedReason") or ""), task.get("stopCode")
    # Deployments, scaling and people end tasks on purpose.
    on_request = code_of_task == "UserInitiated" or stopped_for.startswith("Scaling activity")
    for container in task.get("containers") or ():
        code, reason = integer(container.get("exitCode")), str(container.get("reason") or "")
        if code is not None or reason:
            said = f"{container.get('name') or ''}: exit code {code} {reason}"
            _add(
                rows, said, "other" if on_request else "stopped", time=ended, exit_code=code, count=1, **whose
            )
    if stopped_for:
        # The container's own row tells of its end; the task follows it.
        follows = on_request or code_of_task == "EssentialContainerExited"
        said = f"{code_of_task}: {stopped_for}" if code_of_task else stopped_for
        if follows:
            rows.event("other", said, time=ended, count=1, **whose)
        else:
            _add(rows, said, "stopped", time=ended, count=1, **whose)
    elif task.get("healthStatus") in ("HEALTHY", "UNHEALTHY"):
        rows.event(task["healthStatus"].lower(), task["healthStatus"], probe="container", **whose)


def _last_part(arn: Any) -> str | None:
    return str(arn).rpartition("/")[2] if arn else None


def _definition_rows(rows: ContainerRows, definition: dict[str, Any]) -> None:
    containers = definition.get("containerDefinitions") or ()
    logs = [child(child(one, "logConfiguration"), "options").get("awslogs-group") for one in containers]
    rows.consumer(
        "definition",
        ((one.get("name"), one.get("value")) for each in containers for one in each.get("environment") or ()),
        name=definition.get("family"),
        definition=f"{definition.get('family')}:{definition.get('revision')}",
        log_group=next(filter(None, logs), None),
    )
    for container in containers:
        whose = {"service": definition.get("family"), "container": container.get("name")}
        check = child(container, "healthCheck")
        if check:
            rows.setting(
                **whose,
                probe="container",
                # Defaults: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
                period_s=number(check.get("interval")) or 30.0,
                timeout_s=number(check.get("timeout")) or 5.0,
                failure_threshold=integer(check.get("retries")) or 3,
                start_delay_s=number(check.get("startPeriod")) or 0.0,
            )
        memory, cpu = integer(container.get("memory")), number(container.get("cpu"))
        rows.setting(
            **whose, memory_bytes=memory * 2**20 if memory else None, cpus=cpu / 1024 if cpu else None
        )


def _target_rows(rows: ContainerRows, item: dict[str, Any]) -> None:
    target, health = child(item, "Target"), child(item, "TargetHealth")
    port = target.get("Port") or item.get("HealthCheckPort")
    name = f"{target.get('Id')}:{port}" if port else str(target.get("Id"))
    state = str(health.get("State"))
    reason = ": ".join(str(health[key]) for key in ("Reason", "Description") if health.get(key)) or state
    values = {
        "object": name,
        "address": name if re.match(r"\d+\.", name) else None,
        "service": rows.raw.service("target-health"),
        "probe": "lb",
    }
    if state.startswith("unhealthy") and reason != state:
        rows.failed_probe(reason, **values)
    else:
        rows.event(_TARGET_STATES.get(state, "other"), reason, **values)


def _target_group_rows(rows: ContainerRows, group: dict[str, Any]) -> None:
    port = str(group.get("HealthCheckPort") or "")
    rows.setting(
        service=group.get("TargetGroupName"),
        probe="lb",
        path=group.get("HealthCheckPath"),
        port=str(group.get("Port") or "") or None if port == "traffic-port" else port or None,
        period_s=number(group.get("HealthCheckIntervalSeconds")),
        timeout_s=number(group.get("HealthCheckTimeoutSeconds")),
        failure_threshold=integer(group.get("UnhealthyThresholdCount")),
    )


def _balancer_rows(rows: ContainerRows, attribute: dict[str, Any]) -> None:
    if attribute["Key"] == "idle_timeout.timeout_seconds":
        rows.setting(idle_timeout_s=number(attribute.get("Value")))


def _auto_scaling_rows(rows: ContainerRows, group: dict[str, Any]) -> None:
    name, instances = group["AutoScalingGroupName"], group.get("Instances") or ()
    in_service = [one for one in instances if one.get("LifecycleState") == "InService"]
    tags = ((one.get("Key"), one.get("Value")) for one in group.get("Tags") or ())
    desired = integer(group.get("DesiredCapacity"))
    rows.consumer("group", tags, name=name, desired=desired, running=len(in_service))
    for one in instances:
        if one.get("HealthStatus") == "Unhealthy":
            rows.event("unhealthy", "HealthStatus: Unhealthy", object=one.get("InstanceId"), service=name)


# What the responses list, the key of an item of its own, the platform, and the function that reads an item.
_ITEMS: dict[str, tuple[str | None, str, Callable[[ContainerRows, dict[str, Any]], None]]] = {
    "services": ("serviceName", "ecs", _service_rows),
    "tasks": ("taskArn", "ecs", _task_rows),
    "taskDefinition": (None, "ecs", _definition_rows),
    "TargetHealthDescriptions": ("TargetHealth", "alb", _target_rows),
    "TargetGroups": ("TargetGroupArn", "alb", _target_group_rows),
    "Attributes": ("Key", "alb", _balancer_rows),
    "AutoScalingGroups": ("AutoScalingGroupARN", "ec2", _auto_scaling_rows),
}


def read_ecs(raw: RawFile) -> Iterable[TablePart]:
    """Return the parts of a response of ECS, of a load balancer or of Auto Scaling."""
    values, damage = documents(raw)
    plain = [
        value | {"taskDefinition": [value["taskDefinition"]]}
        if isinstance(value, dict) and isinstance(value.get("taskDefinition"), dict)
        else value
        for value in values
    ]
    found, unexpected = objects_by_key(plain, {key: own for key, (own, _, _) in _ITEMS.items()})
    platform = next((_ITEMS[key][1] for key, items in found.items() if items), "ecs")
    rows = ContainerRows(raw, platform)
    for key, items in found.items():
        rows.each(items, _ITEMS[key][2])
    rows.each(unexpected, _unexpected)
    return rows.parts(
        "ecs", [*damage, *([of_file(raw, "note-entries-missing")] if has_next_page(values) else [])]
    )


def _unexpected(rows: ContainerRows, item: Any) -> None:
    raise LookupError(item)
