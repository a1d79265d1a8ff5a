"""Files that run the command on a schedule: units of systemd, lines of a crontab, and a template of AWS."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from worlds.printed import is_error

from watchme_analysis.config import Destination
from watchme_analysis.delivery.schedule import (
    DOCKERFILE,
    MARK,
    Job,
    check_job,
    cloudformation,
    container_policy,
    crontab_line,
    scheduled_in_crontab,
    systemd_units,
    with_crontab_line,
)
from watchme_analysis.errors import InputError


def job(system="orders", folder="/srv/team", every=timedelta(minutes=15), command="/usr/bin/watchme"):
    return Job(system, every, Path(folder), Path(command))


def settings_of(unit):
    """Return the settings of a unit by section and name."""
    found, section = {}, None
    for line in unit.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif "=" in line:
            found[section, line.partition("=")[0]] = line.partition("=")[2]
    return found


def test_a_service_runs_the_command_in_the_folder_of_the_settings():
    units = systemd_units(job(folder="/srv/a 100%", command='/opt/my "watchme" $HOME'))
    assert [*units] == ["watchme-orders.service", "watchme-orders.timer"]
    service, timer = units.values()
    # The mark by which only own units are replaced and removed.
    assert service.startswith(f"# {MARK}\n[Unit]\n") and timer.startswith(f"# {MARK}\n[Unit]\n")
    file = '"/srv/a 100%%/watchme.toml"'
    assert settings_of(service) == {
        ("Unit", "Description"): "watchme run orders",
        ("Unit", "Wants"): "network-online.target",
        ("Unit", "After"): "network-online.target",
        ("Service", "Type"): "oneshot",
        # A percent sign and a dollar sign are doubled, and a word with spaces is quoted.
        ("Service", "WorkingDirectory"): "/srv/a 100%%",
        ("Service", "ExecStart"): f'"/opt/my \\"watchme\\" $$HOME" --config {file} run orders --wait 10m',
        ("Service", "Nice"): "10",
    }
    assert settings_of(timer) == {
        ("Unit", "Description"): "Runs watchme-orders.service every 15 min",
        ("Timer", "OnActiveSec"): "0",
        ("Timer", "OnUnitActiveSec"): "900",
        # Up to a tenth of the interval.
        ("Timer", "RandomizedDelaySec"): "90",
        ("Timer", "AccuracySec"): "1",
        ("Install", "WantedBy"): "timers.target",
    }


def test_a_job_of_all_systems_names_none():
    every = job("", every=timedelta(hours=2))
    service, timer = systemd_units(every).values()
    assert settings_of(service)["Unit", "Description"] == "watchme run of all systems"
    command = "/usr/bin/watchme --config /srv/team/watchme.toml run --wait 10m"
    assert settings_of(service)["Service", "ExecStart"] == command
    assert settings_of(timer)["Unit", "Description"].endswith("every 2 h")
    assert (every.name, job().name) == ("watchme-all", "watchme-orders")


def test_names_and_intervals_that_can_not_be_scheduled_are_refused():
    check_job(job("", every=timedelta(minutes=1)))
    for wrong, message_id, values in (
        (job("a/b"), "error-unit-name", {"system": "'a/b'"}),
        (job(every=timedelta(seconds=59)), "error-schedule-every", {}),
    ):
        with pytest.raises(InputError) as refused:
            check_job(wrong)
        assert is_error(refused.value, message_id, **values)


def test_the_line_of_a_crontab_changes_to_the_folder_and_keeps_the_output():
    line = crontab_line(job(folder="/srv/a 100%"), Path("/var/log/x.log"))
    run = "/usr/bin/watchme --config '/srv/a 100\\%/watchme.toml' run orders --wait 10m"
    command = f"cd '/srv/a 100\\%' && {run} >> /var/log/x.log 2>&1"
    assert line == f"*/15 * * * * {command} # {MARK}: watchme-orders"
    other = "5 * * * * other\n"
    whole = with_crontab_line(other, job(), line)
    assert whole == f"{other}{line}\n"
    assert scheduled_in_crontab(whole) == {"watchme-orders": f"*/15 * * * * {command}"}
    assert with_crontab_line(whole, job(), "new") == f"{other}new\n"
    assert with_crontab_line(whole, job(), None) == other
    assert with_crontab_line(whole, job("refunds"), None) == whole


# Properties of each type of the template that the documentation of CloudFormation requires or has.
PROPERTIES = {
    "AWS::ECS::Cluster": set(),
    "AWS::Logs::LogGroup": {"RetentionInDays"},
    "AWS::EFS::FileSystem": {"Encrypted"},
    "AWS::EC2::SecurityGroup": {"GroupDescription", "VpcId", "SecurityGroupIngress"},
    "AWS::EFS::MountTarget": {"FileSystemId", "SubnetId", "SecurityGroups"},
    "AWS::EFS::AccessPoint": {"FileSystemId", "PosixUser", "RootDirectory"},
    "AWS::IAM::Role": {"AssumeRolePolicyDocument", "ManagedPolicyArns", "Policies"},
    "AWS::ECS::TaskDefinition": {
        "RequiresCompatibilities", "NetworkMode", "Cpu", "Memory", "TaskRoleArn", "ExecutionRoleArn",
        "Volumes", "ContainerDefinitions",
    },
    "AWS::Scheduler::Schedule": {"Description", "FlexibleTimeWindow", "ScheduleExpression", "Target"},
}  # fmt: skip
POLICY = {"Version": "2012-10-17", "Statement": []}


@pytest.fixture
def template():
    jobs = [job(), job("", every=timedelta(minutes=1))]
    return cloudformation(jobs, POLICY)


def of_key(value, key):
    """Yield each value of a key, at any depth."""
    if isinstance(value, dict):
        yield from (each for name, each in value.items() if name == key)
        for each in value.values():
            yield from of_key(each, key)
    elif isinstance(value, list):
        for each in value:
            yield from of_key(each, key)


def properties(template, name):
    return template["Resources"][name]["Properties"]


def test_the_template_has_known_types_and_refers_to_what_it_defines(template):
    assert template["AWSTemplateFormatVersion"] == "2010-09-09" and template["Description"].startswith(MARK)
    assert [*template["Resources"]][-2:] == ["Schedule1", "Schedule2"]
    for each in template["Resources"].values():
        assert each.keys() <= {"Type", "Properties", "DependsOn"}
        assert each.get("Properties", {}).keys() <= PROPERTIES[each["Type"]]
    known = {*template["Resources"], *template["Parameters"], "AWS::Region"}
    assert {*of_key(template, "Ref")} <= known
    assert {(name, part) for name, part in of_key(template, "Fn::GetAtt")} == {
        (name, "Arn") for name in ("Cluster", "TaskRole", "ExecutionRole", "SchedulerRole")
    }
    types = {name: each["Type"] for name, each in template["Parameters"].items()}
    assert types == {"Image": "String", "Vpc": "AWS::EC2::VPC::Id", "Subnet": "AWS::EC2::Subnet::Id"}
    about = {name: each.get("Description") for name, each in template["Parameters"].items()}
    assert "ECR" in about["Image"] and about["Vpc"] is None and about["Subnet"].endswith("AWS's services")
    assert template["Outputs"] == {
        "ClusterArn": {"Value": {"Fn::GetAtt": ["Cluster", "Arn"]}},
        "TaskArn": {"Value": {"Ref": "Task"}},
        "TaskSecurityGroup": {"Value": {"Ref": "TaskSecurity"}},
    }


def test_the_state_is_encrypted_and_only_tasks_reach_it(template):
    assert properties(template, "Log") == {"RetentionInDays": 30}
    assert properties(template, "State") == {"Encrypted": True}
    nfs = {
        "IpProtocol": "tcp",
        "FromPort": 2049,
        "ToPort": 2049,
        "SourceSecurityGroupId": {"Ref": "TaskSecurity"},
    }
    state, task = (properties(template, name) for name in ("StateSecurity", "TaskSecurity"))
    assert (state["SecurityGroupIngress"], state["VpcId"], task["VpcId"]) == (
        [nfs],
        {"Ref": "Vpc"},
        {"Ref": "Vpc"},
    )
    assert state["GroupDescription"].endswith("NFS") and task["GroupDescription"].endswith("watchme run")
    assert properties(template, "StateMount") == {
        "FileSystemId": {"Ref": "State"}, "SubnetId": {"Ref": "Subnet"},
        "SecurityGroups": [{"Ref": "StateSecurity"}],
    }  # fmt: skip
    # The user of the image owns the folder.
    user = re.search(r"USER (\d+)", DOCKERFILE)[1]
    assert properties(template, "StateAccess") == {
        "FileSystemId": {"Ref": "State"},
        "PosixUser": {"Uid": user, "Gid": user},
        "RootDirectory": {
            "Path": "/watchme", "CreationInfo": {"OwnerUid": user, "OwnerGid": user, "Permissions": "0700"}
        },
    }  # fmt: skip


def test_the_task_mounts_the_state_where_the_image_expects_it(template):
    task = dict(properties(template, "Task"))
    assert template["Resources"]["Task"]["DependsOn"] == "StateMount"
    [volume], [container] = task.pop("Volumes"), task.pop("ContainerDefinitions")
    assert task == {
        "RequiresCompatibilities": ["FARGATE"], "NetworkMode": "awsvpc", "Cpu": "1024", "Memory": "4096",
        "TaskRoleArn": {"Fn::GetAtt": ["TaskRole", "Arn"]},
        "ExecutionRoleArn": {"Fn::GetAtt": ["ExecutionRole", "Arn"]},
    }  # fmt: skip
    assert volume["EFSVolumeConfiguration"] == {
        "FilesystemId": {"Ref": "State"}, "TransitEncryption": "ENABLED",
        "AuthorizationConfig": {"AccessPointId": {"Ref": "StateAccess"}},
    }  # fmt: skip
    folder = re.search(r"WATCHME_RUN_STATE=(\S+)", DOCKERFILE)[1]
    log = container.pop("LogConfiguration")
    assert container == {
        "Name": "watchme", "Image": {"Ref": "Image"},
        "MountPoints": [{"SourceVolume": volume["Name"], "ContainerPath": folder}],
    }  # fmt: skip
    assert (log["LogDriver"], log["Options"]) == (
        "awslogs",
        {
            "awslogs-group": {"Ref": "Log"},
            "awslogs-region": {"Ref": "AWS::Region"},
            "awslogs-stream-prefix": "watchme",
        },
    )


def test_roles_are_those_of_the_services_and_allow_what_is_needed(template):
    def role(name):
        found = properties(template, name)
        [trust] = found["AssumeRolePolicyDocument"]["Statement"]
        assert (trust["Effect"], trust["Action"], found["AssumeRolePolicyDocument"]["Version"]) == (
            "Allow", "sts:AssumeRole", "2012-10-17"
        )  # fmt: skip
        return trust["Principal"]["Service"], found.get("Policies")

    assert role("TaskRole") == ("ecs-tasks.amazonaws.com", [{"PolicyName": "run", "PolicyDocument": POLICY}])
    assert role("ExecutionRole") == ("ecs-tasks.amazonaws.com", None)
    [managed] = properties(template, "ExecutionRole")["ManagedPolicyArns"]
    assert managed["Fn::Sub"].endswith(":iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy")
    assert managed["Fn::Sub"].startswith("arn:${AWS::Partition}:")
    service, [policy] = role("SchedulerRole")
    assert (service, policy["PolicyName"], policy["PolicyDocument"]["Version"]) == (
        "scheduler.amazonaws.com", "start", "2012-10-17"
    )  # fmt: skip
    roles = [{"Fn::GetAtt": [name, "Arn"]} for name in ("TaskRole", "ExecutionRole")]
    assert policy["PolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Action": "ecs:RunTask", "Resource": {"Ref": "Task"}},
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": roles},
    ]


def test_each_job_has_a_schedule_that_starts_the_task(template):
    first, every = (properties(template, f"Schedule{number}") for number in (1, 2))
    assert [each["Description"] for each in (first, every)] == ["watchme run orders", "watchme run"]
    assert [each["ScheduleExpression"] for each in (first, every)] == ["rate(15 minutes)", "rate(1 minute)"]
    assert first["FlexibleTimeWindow"] == {"Mode": "OFF"}
    target = dict(first["Target"])
    # The entry point of the image is `watchme run`.
    command = [{"name": "watchme", "command": ["orders", "--wait", "10m"]}]
    assert json.loads(target.pop("Input")) == {"containerOverrides": command}
    network = {
        "Subnets": [{"Ref": "Subnet"}],
        "SecurityGroups": [{"Ref": "TaskSecurity"}],
        "AssignPublicIp": "ENABLED",
    }
    assert target == {
        "Arn": {"Fn::GetAtt": ["Cluster", "Arn"]},
        "RoleArn": {"Fn::GetAtt": ["SchedulerRole", "Arn"]},
        "EcsParameters": {
            "TaskDefinitionArn": {"Ref": "Task"}, "LaunchType": "FARGATE",
            "NetworkConfiguration": {"AwsvpcConfiguration": network},
        },
    }  # fmt: skip
    assert json.loads(every["Target"]["Input"])["containerOverrides"][0]["command"] == ["--wait", "10m"]


def test_statements_of_destinations_are_numbered_and_have_each_resource_once():
    arn = "arn:aws:sns:eu-west-1:123456789012:{}"
    destinations = [
        Destination(name, "sns", settings={"topic": arn.format(topic)})
        for name, topic in (("a", "z"), ("b", "a"), ("c", "a"))
    ]
    destinations.append(Destination("d", "eventbridge", settings={"bus": "arn:aws:events:x"}))
    destinations.append(Destination("e", "s3", settings={"bucket": "b"}))
    own = container_policy(destinations)["Statement"][-3:]
    assert own == [
        {"Sid": "WatchmeDeliver1", "Effect": "Allow", "Action": ["sns:Publish"],
         "Resource": [arn.format("a"), arn.format("z")]},
        {"Sid": "WatchmeDeliver2", "Effect": "Allow", "Action": ["events:PutEvents"],
         "Resource": ["arn:aws:events:x"]},
        {"Sid": "WatchmeDeliver3", "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"],
         "Resource": ["arn:aws:s3:::b/*"]},
    ]  # fmt: skip
