"""An account of AWS with a queue and all that belongs to it, in moto behind its front."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta

import boto3

from watchme_analysis.window import Window

NOW = datetime.now(UTC).replace(microsecond=0)
START = NOW - timedelta(hours=6)
WINDOW = Window(START, NOW - timedelta(hours=1))
GROUP = "/aws/lambda/sed-worker"
RECORDED = "2025-12-11T10:30:00+09:00"


def arn(kind, name):
    return f"arn:aws:{kind}:ap-southeast-2:123456789012:{name}"


def account_with_queue(front):
    """Fill the account and return its front.

    It has a queue with its dead-letter queue, the function that it feeds, alarms, logs, metrics and changes.
    """
    sqs, functions, iam = boto3.client("sqs"), boto3.client("lambda"), boto3.client("iam")
    dlq = sqs.create_queue(QueueName="sed-queue-dlq")["QueueUrl"]
    redrive = {"deadLetterTargetArn": arn("sqs", "sed-queue-dlq"), "maxReceiveCount": 3}
    attributes = {"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": "300"}
    sqs.create_queue(QueueName="sed-queue", Attributes=attributes)
    entries = [
        {"Id": f"{number}", "MessageBody": json.dumps({"device_id": f"d{number}", "recorded_at": RECORDED})}
        for number in range(25)
    ]
    for first in range(0, 25, 10):
        sqs.send_message_batch(QueueUrl=dlq, Entries=entries[first : first + 10])
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}]}
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("lambda_function.py", "def lambda_handler(event, context): pass")
    functions.create_function(
        FunctionName="sed-worker",
        Runtime="python3.12",
        Role=role,
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": packed.getvalue()},
        Timeout=60,
        Environment={"Variables": {"API_KEY": "do-not-tell", "API_URL": "http://192.0.2.1:8017"}},
    )
    functions.put_function_concurrency(FunctionName="sed-worker", ReservedConcurrentExecutions=2)
    functions.create_event_source_mapping(
        FunctionName="sed-worker", EventSourceArn=arn("sqs", "sed-queue"), BatchSize=1
    )
    boto3.client("cloudwatch").put_metric_alarm(
        AlarmName="dlq-visible",
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": "sed-queue-dlq"}],
        Statistic="Average",
        Period=300,
        EvaluationPeriods=1,
        Threshold=10,
        ComparisonOperator="GreaterThanThreshold",
    )
    front.composite_alarms = [
        {"AlarmName": "backlog", "AlarmRule": 'ALARM("dlq-visible")', "StateValue": "ALARM"}
    ]
    history = {"oldState": {"stateValue": "OK"}, "newState": {"stateValue": "ALARM"}}
    front.alarm_history = [
        {
            "AlarmName": "dlq-visible",
            "Timestamp": START,
            "HistoryItemType": "StateUpdate",
            "HistoryData": json.dumps(history),
        },
        {
            "AlarmName": "backlog",
            "AlarmType": "CompositeAlarm",
            "Timestamp": START + timedelta(minutes=1),
            "HistoryItemType": "StateUpdate",
            "HistoryData": json.dumps(history),
        },
    ]
    detail = {"requestParameters": {"functionName": "sed-worker"}}
    front.trail = [
        {
            "EventId": f"e{number}",
            "EventName": "UpdateFunctionCode20150331v2",
            "EventTime": START.timestamp() - number,
            "Resources": [{"ResourceName": "sed-worker"}],
            "CloudTrailEvent": json.dumps(detail),
        }
        for number in range(5)
    ]
    minute = int(START.timestamp()) // 60 * 60
    front.metrics = {
        ("AWS/SQS", "NumberOfMessagesSent", (("QueueName", "sed-queue"),)): {
            minute + 60 * n: n % 3 for n in range(300)
        },
        ("AWS/Lambda", "Errors", (("FunctionName", "sed-worker"),)): {minute + 600: 4},
    }
    start_ms = int(START.timestamp() * 1000)
    lines = [
        (start_ms + 2500 * n, "[ERROR] ReadTimeout: slow\n" if n % 2 else "処理完了: a\n", "s")
        for n in range(400)
    ]
    front.engine.load(GROUP, lines)
    return front


def with_containers(queue):
    """Make a queue, a service on ECS and an Auto Scaling group that name it, and a service that does not."""
    url = boto3.client("sqs").create_queue(QueueName=queue)["QueueUrl"]
    ecs, scaling = boto3.client("ecs"), boto3.client("autoscaling")
    cluster = ecs.create_cluster(clusterName="main")["cluster"]["clusterArn"]
    for name, variables in ((f"{queue}-worker", {"QUEUE_URL": url}), ("web", {"PORT": "80"})):
        environment = [{"name": key, "value": value} for key, value in variables.items()]
        log = {"logDriver": "awslogs", "options": {"awslogs-group": f"/ecs/{name}"}}
        container = {"name": "app", "image": "app:1", "memory": 256, "environment": environment}
        container["logConfiguration"] = log
        ecs.register_task_definition(family=name, containerDefinitions=[container])
        ecs.create_service(cluster=cluster, serviceName=name, taskDefinition=name, desiredCount=1)
    image = {"LaunchConfigurationName": "host", "ImageId": "ami-12c6146b", "InstanceType": "t3.micro"}
    scaling.create_launch_configuration(**image)
    tag = {"Key": "QUEUE", "Value": queue, "ResourceId": "hosts", "ResourceType": "auto-scaling-group"}
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="hosts",
        LaunchConfigurationName="host",
        MinSize=0,
        MaxSize=2,
        DesiredCapacity=0,
        AvailabilityZones=["ap-southeast-2a"],
        Tags=[tag | {"PropagateAtLaunch": True}],
    )
