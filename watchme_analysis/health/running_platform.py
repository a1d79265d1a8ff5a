"""What runs the affected service, and the commands and settings by which people handle it there."""

from __future__ import annotations

import re
from collections.abc import Mapping

from watchme_analysis.health.affected_service import own_containers
from watchme_analysis.health.context import HealthContext, once_per_context
from watchme_analysis.text.message import Choice, Message, message

# Settings of a service that remedies name; the message `platform-SETTING` says where each platform has it.
SETTINGS = ("memory_setting", "cpu_setting", "files_setting", "restart_setting", "probe_setting")
# Commands that texts name, by platform and placeholder. `{service}` and `{container}` are words of a shell.
_COMMANDS: Mapping[str, Mapping[str, str]] = {
    "docker": {
        "log": "docker logs --timestamps {container}",
        "log_between": "docker logs --since START --until END {container}",
        "last_log": "docker logs --tail 50 {container}",
        "follow_log": "docker logs -f {container}",
        "restart": "docker restart {container}",
        "start": "docker compose up -d {service}",
        "ended": "docker ps -a --filter status=exited --filter status=restarting",
        "list_workers": "docker top {container}",
        "inside": "docker exec {container}",
        "usage": "docker stats --no-stream",
        "set_cpu": "docker update --cpus NUMBER {container}",
        "process": "$(docker inspect -f '{{.State.Pid}}' {container})",
        "copy_command": "docker cp",
        "copy_place": "{container}",
        "source_command": "docker cp {container}:/app FOLDER/app",
        "source_folder": "docker exec {container} pwd",
        "start_command": 'docker inspect -f \'{{join .Config.Entrypoint " "}} {{join .Config.Cmd " "}}\' '
        "{container} > FOLDER/uvicorn_command.txt",
        "definition_command": "docker compose config > FOLDER/compose.yml",
    },
    "kubernetes": {
        "log": "kubectl logs --timestamps --all-containers {service}",
        "log_between": "kubectl logs --timestamps --since-time START {service}",
        "last_log": "kubectl logs --previous --tail 50 {service}",
        "follow_log": "kubectl logs -f {service}",
        "restart": "kubectl rollout restart {service}",
        "start": "kubectl rollout restart {service}",
        "ended": "kubectl get pods -o wide",
        "list_workers": "kubectl exec {container} -- ps aux",
        "inside": "kubectl exec {container} --",
        "usage": "kubectl top pods",
        "set_cpu": "kubectl set resources {service} --limits=cpu=NUMBER",
        # On the pod's node.
        "process": "$(crictl inspect -o go-template --template '{{.info.pid}}' $(crictl ps -q --label "
        "io.kubernetes.pod.name={container}))",
        "copy_command": "kubectl cp",
        "copy_place": "{container}",
        "source_command": "kubectl cp {container}:/app FOLDER/app",
        "source_folder": "kubectl exec {container} -- pwd",
        "start_command": "kubectl exec {container} -- sh -c \"tr '\\\\0' ' ' < /proc/1/cmdline\" "
        "> FOLDER/uvicorn_command.txt",
        "definition_command": "kubectl get deployments,pods,events -o json > FOLDER/kubectl.json",
    },
    "ecs": {
        "log": "aws logs tail LOG_GROUP --since 1h",
        "log_between": "aws logs tail LOG_GROUP --since START",
        "last_log": "aws logs tail LOG_GROUP --since 10m",
        "follow_log": "aws logs tail LOG_GROUP --follow",
        "restart": "aws ecs update-service --cluster CLUSTER --service {service} --force-new-deployment",
        "start": "aws ecs update-service --cluster CLUSTER --service {service} --force-new-deployment",
        "ended": "aws ecs list-tasks --cluster CLUSTER --service-name {service} --desired-status STOPPED",
        # On the instance of a task with the launch type EC2, as are the following ones of Docker.
        "list_workers": "docker top $(docker ps -q --filter name={service})",
        "inside": "docker exec $(docker ps -q --filter name={service})",
        "usage": "aws cloudwatch list-metrics --namespace AWS/ECS",
        "set_cpu": "aws ecs register-task-definition --cli-input-json file://task-definition.json",
        "process": "$(docker inspect -f '{{.State.Pid}}' $(docker ps -q --filter name={service}))",
        "copy_command": "docker cp",
        "copy_place": "$(docker ps -q --filter name={service})",
        "source_command": "docker cp $(docker ps -q --filter name={service}):/app FOLDER/app",
        "source_folder": "docker exec $(docker ps -q --filter name={service}) pwd",
        "start_command": "aws ecs describe-task-definition --task-definition {service} --output text "
        "--query 'taskDefinition.containerDefinitions[].command' > FOLDER/uvicorn_command.txt",
        "definition_command": "aws ecs describe-task-definition --task-definition {service} "
        "> FOLDER/task-definition.json",
    },
    "systemd": {
        "log": "journalctl -u {service} -o short-iso-precise",
        "log_between": "journalctl -u {service} --since START --until END",
        "last_log": "journalctl -u {service} -n 50",
        "follow_log": "journalctl -fu {service}",
        "restart": "systemctl restart {service}",
        "start": "systemctl start {service}",
        "ended": "systemctl list-units --failed",
        "list_workers": "systemctl status {service}",
        "inside": "nsenter -n -t $(systemctl show -p MainPID --value {service})",
        "usage": "systemd-cgtop -n 1",
        "set_cpu": "systemctl set-property {service} CPUQuota=NUMBER%",
        "process": "$(systemctl show -p MainPID --value {service})",
        "copy_command": "cp",
        "copy_place": "",
        "source_command": "cp -r $(systemctl show -p WorkingDirectory --value {service}) FOLDER/app",
        "source_folder": "systemctl show -p WorkingDirectory {service}",
        "start_command": "systemctl cat {service} > FOLDER/{service}.service",
        "definition_command": "systemctl cat {service} > FOLDER/{service}.service",
    },
}
# Commands that show the value of a word in capitals, where they differ from Docker's.
_SHOWN_BY = {
    "docker": {"CONTAINER_IP": "docker inspect {container}"},
    "kubernetes": {
        "SERVICE": "kubectl get deployments -A",
        "CONTAINER": "kubectl get pods -A",
        "CONTAINER_IP": "kubectl get pods -o wide",
        "PORT": "kubectl get services -A",
    },
    "ecs": {
        "SERVICE": "aws ecs list-services --cluster CLUSTER",
        "CONTAINER_IP": "aws ecs describe-tasks --cluster CLUSTER --tasks TASK",
    },
    "systemd": {"SERVICE": "systemctl list-units --type service", "PORT": "ss -ltnp"},
}


@once_per_context
def platform_of(context: HealthContext) -> str:
    """Return what runs the affected service: ``kubernetes``, ``ecs``, ``systemd``, else ``docker``."""
    for table in ("container_events", "container_settings"):
        told = own_containers(context, table)["platform"].replace("alb", "ecs")
        if len(told):
            return str(told.mode().iloc[0])
    processes = context.table("app_processes")["file"]
    is_unit = len(processes) > 0 and processes.str.endswith(".service").all()
    return "systemd" if is_unit and not context.compose_services else "docker"


@once_per_context
def running_object(context: HealthContext) -> tuple[str, str] | None:
    """Return service and container by what the platform tells; None where it tells nothing.

    The service of Kubernetes is named with its kind, as kubectl takes it.
    """
    for table in ("container_events", "container_settings"):
        rows = own_containers(context, table)
        named = rows["service"].dropna()
        if named.empty:
            continue
        service, objects = str(named.mode().iloc[0]), rows["object"].dropna()
        container = str(objects.mode().iloc[0]) if len(objects) else service
        if platform_of(context) == "kubernetes":
            kind = "statefulset" if re.fullmatch(rf"{re.escape(service)}-\d+", container) else "deployment"
            service = f"{kind}/{service}"
        return service, container
    return None


def commands(platform: str, service: str, container: str) -> dict[str, str]:
    """Return the commands of a platform by placeholder; service and container are words of a shell."""
    return {name: _named(text, service, container) for name, text in _COMMANDS[platform].items()}


def shown_by(platform: str, service: str, container: str) -> dict[str, str]:
    """Return the commands that show the value of a word in capitals; parameters as :func:`commands`."""
    return {word: _named(text, service, container) for word, text in _SHOWN_BY[platform].items()}


def _named(text: str, service: str, container: str) -> str:
    return text.replace("{service}", service).replace("{container}", container)


def settings(platform: str) -> dict[str, Message]:
    """Return where each setting of :data:`SETTINGS` stands on a platform."""
    return {
        name: message(f"platform-{name.replace('_', '-')}", platform=Choice(platform)) for name in SETTINGS
    }
