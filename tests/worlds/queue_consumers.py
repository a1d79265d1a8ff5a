"""Evidence of a queue that an ECS service or the hosts of an Auto Scaling group drained until 02:30."""

import json
from datetime import timedelta

from worlds.waiting_queue import MINUTES, START, STOPPED, write_waiting_queue

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/uploads"
_CLUSTER = "arn:aws:ecs:eu-west-1:123456789012:cluster/main"
_DEFINITION = "arn:aws:ecs:eu-west-1:123456789012:task-definition/thumbnails:8"
ERROR = "ModuleNotFoundError: No module named 'requests'"


def write_failing_service(folder):
    """Write the queue, and its ECS service, whose tasks end at their start since a deployment; return it."""
    write_waiting_queue(folder)
    times = [STOPPED + timedelta(minutes=minute) for minute in range(0, MINUTES - 150, 5)]
    tasks = [
        {
            "taskArn": f"arn:aws:ecs:eu-west-1:123456789012:task/main/{at:032x}",
            "group": "service:thumbnails",
            "clusterArn": _CLUSTER, "lastStatus": "STOPPED", "startedAt": time.isoformat(),
            "stoppedAt": (time + timedelta(seconds=4)).isoformat(), "stopCode": "EssentialContainerExited",
            "stoppedReason": "Essential container in task exited",
            "containers": [{"name": "worker", "exitCode": 1}],
        }
        for at, time in enumerate(times)
    ]  # fmt: skip
    service = {
        "serviceName": "thumbnails", "clusterArn": _CLUSTER, "serviceArn": f"{_CLUSTER}/thumbnails",
        "taskDefinition": _DEFINITION, "desiredCount": 2, "runningCount": 0, "pendingCount": 0,
        "deployments": [
            {"status": "PRIMARY", "createdAt": STOPPED.isoformat()},
            {"status": "ACTIVE", "taskDefinition": _DEFINITION.replace(":8", ":5")},
        ],
        "events": [
            {"createdAt": times[-1].isoformat(),
             "message": "(service thumbnails) is unable to consistently start tasks successfully."},
        ],
    }  # fmt: skip
    container = {
        "name": "worker", "environment": [{"name": "QUEUE_URL", "value": URL}],
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/thumbnails"}},
    }  # fmt: skip
    definition = {"family": "thumbnails", "revision": 8, "containerDefinitions": [container]}
    for name, content in (
        ("services", {"services": [service], "failures": []}),
        ("tasks", {"tasks": tasks, "failures": []}),
        ("definition", {"taskDefinition": definition}),
    ):
        (folder / f"{name}.json").write_text(json.dumps(content))
    lines = [
        f"{time:%Y-%m-%d %H:%M:%S},000 ERROR worker: cannot start\nTraceback (most recent call last):\n"
        f'  File "/app/worker.py", line 4, in <module>\n    import requests\n{ERROR}'
        for time in times
    ]
    (folder / "app-thumbnails.log").write_text("\n".join(lines) + "\n")
    return folder


def write_group_at_zero(folder):
    """Write the queue, its Auto Scaling group without instances, and the CPU of its last host; return it."""
    write_waiting_queue(folder)
    group = {
        "AutoScalingGroupName": "upload-workers", "MinSize": 0, "MaxSize": 4, "DesiredCapacity": 0,
        "Instances": [], "Tags": [{"Key": "queue", "Value": "uploads"}],
    }  # fmt: skip
    (folder / "groups.json").write_text(json.dumps({"AutoScalingGroups": [group]}))
    dimensions = [{"Name": "AutoScalingGroupName", "Value": "upload-workers"}]
    metric = {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Dimensions": dimensions}
    times = [(START + timedelta(minutes=minute)).isoformat() for minute in range(MINUTES)]
    query = {"Id": "c0", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Average"}}
    values = [22.0] * 150 + [97.0] * (MINUTES - 150)
    points = {"Id": "c0", "Label": "CPUUtilization", "Timestamps": times, "Values": values,
              "StatusCode": "Complete"}  # fmt: skip
    queries = json.loads((folder / "metrics/metric-data-queries.json").read_text())
    results = json.loads((folder / "metrics/sqs.json").read_text())["MetricDataResults"]
    (folder / "metrics/metric-data-queries.json").write_text(json.dumps([*queries, query]))
    (folder / "metrics/sqs.json").write_text(json.dumps({"MetricDataResults": [*results, points]}))
    return folder
