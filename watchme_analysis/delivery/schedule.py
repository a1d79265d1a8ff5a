"""Schedules of `watchme run`: units of systemd, lines of a crontab, and a container with its CloudFormation.

Only texts are made here; :mod:`watchme_analysis.cli.schedule` shows them and installs what was asked for.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchme_analysis.cloudwatch.session import iam_policy
from watchme_analysis.config import FILE
from watchme_analysis.errors import InputError
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.config import Destination

MARK = "Managed by watchme schedule"
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_HOUR_MINUTES, _DAY_HOURS = 60, 24
# A run waits this long for another one of the same system, as after an alarm.
_WAIT = "10m"


@dataclass(frozen=True)
class Job:
    """A scheduled run.

    Attributes
    ----------
    system
        Name of the system in ``watchme.toml``; empty for all systems.
    every
        Interval between two runs.
    folder
        Folder of ``watchme.toml``.
    command
        Path of the program ``watchme``.
    file
        Name of the file of settings in the folder. The run names it, and thereby trusts its later content.
    """

    system: str
    every: timedelta
    folder: Path
    command: Path
    file: str = FILE

    @property
    def name(self) -> str:
        """Return the name of the units, such as ``watchme-orders``."""
        return f"watchme-{self.system or 'all'}"

    @property
    def arguments(self) -> list[str]:
        """Return the command with its arguments."""
        return [str(self.command), "--config", str(self.folder / self.file), "run", *self.options]

    @property
    def options(self) -> list[str]:
        """Return the arguments after ``run``."""
        return [*([self.system] if self.system else []), "--wait", _WAIT]


def check_job(job: Job) -> None:
    """Check that a job can be scheduled.

    Raises
    ------
    InputError
        When the name can't be part of a file name, or the interval is shorter than a minute.
    """
    if job.system and not _NAME.fullmatch(job.system):
        raise InputError(error_message("error-unit-name", system=repr(job.system)))
    if job.every < timedelta(minutes=1):
        raise InputError(error_message("error-schedule-every"))


def systemd_units(job: Job) -> dict[str, str]:
    """Return the service and the timer of a job, by name of the file [1]_.

    A missed run is caught up once. Runs of several systems are spread by up to a tenth of the interval.

    References
    ----------
    .. [1] https://www.freedesktop.org/software/systemd/man/latest/systemd.timer.html
    """
    seconds = round(job.every.total_seconds())
    service = f"""# {MARK}
[Unit]
Description=watchme run {job.system or "of all systems"}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
WorkingDirectory={_path(job.folder)}
ExecStart={" ".join(map(_unit_word, job.arguments))}
Nice=10
"""
    timer = f"""# {MARK}
[Unit]
Description=Runs {job.name}.service every {_interval(job.every)}

[Timer]
OnActiveSec=0
OnUnitActiveSec={seconds}
RandomizedDelaySec={seconds // 10}
AccuracySec=1

[Install]
WantedBy=timers.target
"""
    return {f"{job.name}.service": service, f"{job.name}.timer": timer}


def _path(path: Path) -> str:
    """Return a path for a setting that takes it unquoted: only ``%`` has a meaning there."""
    return str(path).replace("%", "%%")


def _unit_word(word: str) -> str:
    """Return a word of ``ExecStart``, with what systemd would expand or split."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if re.search(r"[\s'\"\\;]", word) or not word else text


def crontab_line(job: Job, log: Path) -> str:
    """Return the line of a crontab for a job, with its mark at the end.

    Raises
    ------
    InputError
        When the interval does not divide an hour or a day, as cron requires.
    """
    minutes, rest = divmod(round(job.every.total_seconds()), 60)
    if not rest and minutes < _HOUR_MINUTES and _HOUR_MINUTES % minutes == 0:
        when = f"*/{minutes} * * * *" if minutes > 1 else "* * * * *"
    elif not rest and minutes % _HOUR_MINUTES == 0 and _DAY_HOURS % (minutes // _HOUR_MINUTES) == 0:
        hours = minutes // _HOUR_MINUTES
        when = "0 0 * * *" if hours == _DAY_HOURS else f"0 */{hours} * * *" if hours > 1 else "0 * * * *"
    else:
        raise InputError(error_message("error-cron-interval", interval=_interval(job.every)))
    command = (
        f"cd {shlex.quote(str(job.folder))} && {shlex.join(job.arguments)} >> {shlex.quote(str(log))} 2>&1"
    )
    # A percent sign ends a command of a crontab.
    return f"{when} {command.replace('%', chr(92) + '%')} # {MARK}: {job.name}"


def with_crontab_line(crontab: str, job: Job, line: str | None) -> str:
    """Return a crontab with the line of a job replaced, added, or removed when it is None.

    All other lines stay as they are.
    """
    kept = [each for each in crontab.splitlines() if not each.endswith(f"# {MARK}: {job.name}")]
    return "".join(f"{each}\n" for each in [*kept, *([line] if line else [])])


def scheduled_in_crontab(crontab: str) -> dict[str, str]:
    """Return the lines of a crontab that were installed here, by name of the job."""
    found = {}
    for line in crontab.splitlines():
        before, mark, name = line.rpartition(f" # {MARK}: ")
        if mark:
            found[name] = before
    return found


def _interval(every: timedelta) -> str:
    minutes = every.total_seconds() / 60
    return f"{minutes / 60:g} h" if minutes % _HOUR_MINUTES == 0 else f"{minutes:g} min"


DOCKERFILE = """\
# An image with `watchme run` and the settings of a team; build it in a clone of watchme_analysis:
#   cp watchme.toml .  &&  docker build --file Dockerfile.watchme --tag watchme .
FROM python:3.12-slim
RUN useradd --create-home --uid 10001 watchme
WORKDIR /opt/watchme
COPY pyproject.toml README.md LICENSE requirements.lock ./
COPY watchme_analysis ./watchme_analysis
COPY notebooks ./notebooks
COPY data/health-threadpool ./data/health-threadpool
COPY docs/causes ./docs/causes
# The versions that were tested, with checked hashes; the lock holds more packages than the image needs.
RUN pip install --no-cache-dir --require-hashes --only-binary :all: --no-deps -r requirements.lock \\
    && pip install --no-cache-dir --no-deps --no-build-isolation .
COPY watchme.toml /etc/watchme/watchme.toml
ENV WATCHME_CONFIG=/etc/watchme/watchme.toml WATCHME_RUN_STATE=/var/lib/watchme
RUN install --directory --owner 10001 /var/lib/watchme
USER 10001
WORKDIR /var/lib/watchme
ENTRYPOINT ["watchme", "run"]
"""


def container_policy(destinations: Iterable[Destination]) -> dict[str, Any]:
    """Return the IAM policy of a container that runs: what a pull needs, and the calls of the destinations.

    Each destination's calls are allowed for its own bucket, topic, bus or secret only.
    """
    policy = iam_policy()
    allowed: dict[tuple[str, ...], set[str]] = {}
    for each in destinations:
        for actions, resource in _calls_of(each):
            allowed.setdefault(actions, set()).add(resource)
    for number, (actions, resources) in enumerate(allowed.items(), 1):
        statement = {"Sid": f"WatchmeDeliver{number}", "Effect": "Allow"}
        policy["Statement"].append(statement | {"Action": list(actions), "Resource": sorted(resources)})
    return policy


def _calls_of(destination: Destination) -> Iterable[tuple[tuple[str, ...], str]]:
    """Yield the calls of a destination with the ARN that they need."""
    settings = destination.settings
    match destination.type:
        case "s3":
            bucket = f"arn:aws:s3:::{settings['bucket']}"
            prefix = str(settings.get("prefix", "")).strip("/")
            objects = f"{bucket}/{prefix}/*" if prefix else f"{bucket}/*"
            yield ("s3:GetObject", "s3:PutObject"), objects
            if settings.get("keep"):
                yield ("s3:DeleteObject",), objects
                yield ("s3:ListBucket",), bucket
            if key := settings.get("kms_key"):
                yield ("kms:Decrypt", "kms:GenerateDataKey"), _arn(key, f"kms:*:*:key/{key}")
        case "sns":
            yield ("sns:Publish",), settings["topic"]
        case "eventbridge":
            bus = settings["bus"]
            yield ("events:PutEvents",), _arn(bus, f"events:*:*:event-bus/{bus}")
    for value in map(str, settings.values()):
        kind, _, name = value.partition(":")
        if kind == "secretsmanager":
            secret = name.partition("#")[0]
            # AWS appends a hyphen and six characters to the name of a secret.
            yield (
                ("secretsmanager:GetSecretValue",),
                _arn(secret, f"secretsmanager:*:*:secret:{secret}-??????"),
            )
        elif kind == "ssm":
            yield ("ssm:GetParameter",), _arn(name, f"ssm:*:*:parameter/{name.lstrip('/')}")


def _arn(name: str, of_name: str) -> str:
    return name if name.startswith("arn:") else f"arn:aws:{of_name}"


def cloudformation(jobs: Sequence[Job], policy: Mapping[str, Any]) -> dict[str, Any]:
    """Return a template that runs the image on a schedule: EventBridge Scheduler starts a Fargate task [1]_.

    The state of the systems is in a file system that the tasks share, since a task has no disk that lasts.

    Parameters
    ----------
    jobs
        One schedule each.
    policy
        Policy of the task, from :func:`container_policy`.

    References
    ----------
    .. [1] https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html
    """
    resources: dict[str, Any] = {
        "Cluster": {"Type": "AWS::ECS::Cluster"},
        "Log": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 30}},
        "State": {"Type": "AWS::EFS::FileSystem", "Properties": {"Encrypted": True}},
        "StateSecurity": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {
                "GroupDescription": "The tasks reach their state over NFS",
                "VpcId": {"Ref": "Vpc"},
                "SecurityGroupIngress": [
                    {
                        "IpProtocol": "tcp",
                        "FromPort": 2049,
                        "ToPort": 2049,
                        "SourceSecurityGroupId": {"Ref": "TaskSecurity"},
                    }
                ],
            },
        },
        "TaskSecurity": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {"GroupDescription": "Tasks of watchme run", "VpcId": {"Ref": "Vpc"}},
        },
        "StateMount": {
            "Type": "AWS::EFS::MountTarget",
            "Properties": {
                "FileSystemId": {"Ref": "State"},
                "SubnetId": {"Ref": "Subnet"},
                "SecurityGroups": [{"Ref": "StateSecurity"}],
            },
        },
        "StateAccess": {
            "Type": "AWS::EFS::AccessPoint",
            "Properties": {
                "FileSystemId": {"Ref": "State"},
                "PosixUser": {"Uid": "10001", "Gid": "10001"},
                "RootDirectory": {
                    "Path": "/watchme",
                    "CreationInfo": {"OwnerUid": "10001", "OwnerGid": "10001", "Permissions": "0700"},
                },
            },
        },
        "TaskRole": _role("ecs-tasks.amazonaws.com", "run", policy),
        "ExecutionRole": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": _trust("ecs-tasks.amazonaws.com"),
                "ManagedPolicyArns": [
                    {
                        "Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/service-role/"
                        "AmazonECSTaskExecutionRolePolicy"
                    }
                ],
            },
        },
        "Task": _task(),
        "SchedulerRole": _role(
            "scheduler.amazonaws.com",
            "start",
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Action": "ecs:RunTask", "Resource": {"Ref": "Task"}},
                    {
                        "Effect": "Allow",
                        "Action": "iam:PassRole",
                        "Resource": [
                            {"Fn::GetAtt": ["TaskRole", "Arn"]},
                            {"Fn::GetAtt": ["ExecutionRole", "Arn"]},
                        ],
                    },
                ],
            },
        ),
    }
    for number, job in enumerate(jobs, 1):
        resources[f"Schedule{number}"] = _schedule(job)
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"{MARK}: watchme run as a Fargate task",
        "Parameters": {
            "Image": {"Type": "String", "Description": "Image of watchme, such as a URI of ECR"},
            "Vpc": {"Type": "AWS::EC2::VPC::Id"},
            "Subnet": {"Type": "AWS::EC2::Subnet::Id", "Description": "Subnet that reaches AWS's services"},
        },
        "Resources": resources,
        # What another scheduler needs to start the task, such as a state machine of Step Functions.
        "Outputs": {
            "ClusterArn": {"Value": {"Fn::GetAtt": ["Cluster", "Arn"]}},
            "TaskArn": {"Value": {"Ref": "Task"}},
            "TaskSecurityGroup": {"Value": {"Ref": "TaskSecurity"}},
        },
    }


def _task() -> dict[str, Any]:
    log = {
        "LogDriver": "awslogs",
        "Options": {
            "awslogs-group": {"Ref": "Log"},
            "awslogs-region": {"Ref": "AWS::Region"},
            "awslogs-stream-prefix": "watchme",
        },
    }
    volume = {
        "FilesystemId": {"Ref": "State"},
        "TransitEncryption": "ENABLED",
        "AuthorizationConfig": {"AccessPointId": {"Ref": "StateAccess"}},
    }
    container = {
        "Name": "watchme",
        "Image": {"Ref": "Image"},
        "LogConfiguration": log,
        "MountPoints": [{"SourceVolume": "state", "ContainerPath": "/var/lib/watchme"}],
    }
    return {
        "Type": "AWS::ECS::TaskDefinition",
        "DependsOn": "StateMount",
        "Properties": {
            "RequiresCompatibilities": ["FARGATE"],
            "NetworkMode": "awsvpc",
            "Cpu": "1024",
            "Memory": "4096",
            "TaskRoleArn": {"Fn::GetAtt": ["TaskRole", "Arn"]},
            "ExecutionRoleArn": {"Fn::GetAtt": ["ExecutionRole", "Arn"]},
            "Volumes": [{"Name": "state", "EFSVolumeConfiguration": volume}],
            "ContainerDefinitions": [container],
        },
    }


def _schedule(job: Job) -> dict[str, Any]:
    overrides = {"containerOverrides": [{"name": "watchme", "command": job.options}]}
    network = {
        "AwsvpcConfiguration": {
            "Subnets": [{"Ref": "Subnet"}],
            "SecurityGroups": [{"Ref": "TaskSecurity"}],
            "AssignPublicIp": "ENABLED",
        }
    }
    minutes = round(job.every.total_seconds() / 60)
    return {
        "Type": "AWS::Scheduler::Schedule",
        "Properties": {
            "Description": f"watchme run {job.system}".rstrip(),
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ScheduleExpression": f"rate({minutes} {'minute' if minutes == 1 else 'minutes'})",
            "Target": {
                "Arn": {"Fn::GetAtt": ["Cluster", "Arn"]},
                "RoleArn": {"Fn::GetAtt": ["SchedulerRole", "Arn"]},
                "Input": json.dumps(overrides),
                "EcsParameters": {
                    "TaskDefinitionArn": {"Ref": "Task"},
                    "LaunchType": "FARGATE",
                    "NetworkConfiguration": network,
                },
            },
        },
    }


def _trust(service: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    }


def _role(service: str, name: str, policy: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": _trust(service),
            "Policies": [{"PolicyName": name, "PolicyDocument": dict(policy)}],
        },
    }
