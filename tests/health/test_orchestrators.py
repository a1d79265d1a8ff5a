"""What Kubernetes, ECS, Docker and load balancers tell names the cause, if it is about the service."""

import json
from functools import cache

import pytest
from worlds.container_evidence import (
    ADDRESS,
    FAULT,
    UPSTREAM,
    event,
    hanging,
    listed,
    logs,
    pod,
    refused,
    stamp,
    well,
)  # fmt: skip

from watchme_analysis.case.importer import import_folder
from watchme_analysis.services.diagnose import diagnose
from watchme_analysis.text.render import render

BEGIN, END = FAULT
KILLED = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": stamp(BEGIN)}
BACK_OFF = event("BackOff", "Back-off restarting failed container web in pod", BEGIN, END - 5, 9)
NO_IMAGE = event("Failed", 'Failed to pull image "api:8": not found', BEGIN, END - 5, 4)
PROBE = {"livenessProbe": {"httpGet": {"path": "/health", "port": 8000}, "timeoutSeconds": 1}}
LATE = f'Liveness probe failed: Get "http://{UPSTREAM}/health": context deadline exceeded'
DOCKER_UPSTREAM = "api:8000"


@pytest.fixture(scope="module")
def diagnosed(tmp_path_factory):
    """Return a function: the case of some files and its diagnosis; equal files are diagnosed once."""

    @cache
    def of(files):
        folder = tmp_path_factory.mktemp("told")
        for file, text in files:
            (folder / file).write_text(text)
        case = import_folder(folder, folder.with_suffix(".case")).case
        return case, diagnose("health", case).to_dict()

    return lambda _, files, **more: of(tuple({**files, **more}.items()))


def docker_events(name, *kinds):
    lines = []
    for number, second in enumerate(range(BEGIN, END, 10)):
        lines += [
            f"{stamp(second)[:-1]}.{number:09}Z container {kind} 3f1c0a (exitCode=1, image=api, name={name})"
            for kind in kinds
        ]
    return "\n".join(lines) + "\n"


def ecs_task(second, reason, **container):
    arn = f"arn:aws:ecs:us-east-1:123456789012:task/main/{second:032x}"
    return {
        "taskArn": arn, "group": "service:api", "stoppedAt": stamp(second),
        "stopCode": "ServiceSchedulerInitiated", "stoppedReason": reason,
        "containers": [{"name": "web", "networkInterfaces": [{"privateIpv4Address": ADDRESS}], **container}],
    }  # fmt: skip


UNHEALTHY = (
    "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:us-east-1:123456789012:"
    "targetgroup/api/0123456789abcdef)"
)
TARGET_GROUP = {
    "TargetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/api/0123456789abcdef",
    "TargetGroupName": "api", "HealthCheckPath": "/health", "HealthCheckTimeoutSeconds": 2, "Port": 8000,
}  # fmt: skip
COMPOSED = """services:
  api:
    image: api:1
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost:8000/health"]
      timeout: 1s
"""
LATE_TARGET = [
    {
        "createdAt": stamp(second),
        "message": "(service api) (port 8000) is unhealthy in (target-group "
        f"{TARGET_GROUP['TargetGroupArn']}) due to (reason Request timed out)",
    }
    for second in (BEGIN - 20, BEGIN, BEGIN + 20)
]
SITUATIONS = {
    "killed for memory": (
        logs(refused),
        {"pods.json": listed(pod(ended=KILLED, restarts=6), BACK_OFF)},
        ("app_saturation", "app_down"),
        "kubectl logs --timestamps --all-containers deployment/api",
    ),
    "crash loop of a bad image": (
        logs(refused),
        {"events.json": listed(NO_IMAGE, BACK_OFF), "pods.json": listed(pod())},
        ("app_down", None),
        "kubectl logs -f deployment/api",
    ),
    "probe stricter than the endpoint": (
        logs(refused, usual=1.2),
        {
            "pods.json": listed(pod(**PROBE)),
            "events.json": listed(event("Unhealthy", LATE, BEGIN - 30, END - 20, 9)),
        },
        ("app_down", None),
        "`timeoutSeconds` of the probe",
    ),
    "health check of a load balancer stricter than the endpoint": (
        logs(refused, usual=2.2),
        {
            "services.json": json.dumps(
                {"services": [{"serviceName": "api", "clusterArn": "c", "events": LATE_TARGET}]}
            ),
            "tasks.json": json.dumps({"tasks": [ecs_task(BEGIN, UNHEALTHY, exitCode=137)]}),
            "target-groups.json": json.dumps({"TargetGroups": [TARGET_GROUP]}),
        },
        ("app_down", None),
        "`HealthCheckTimeoutSeconds` of the target group",
    ),
    "tasks stopped for health checks": (
        logs(refused),
        {
            "tasks.json": json.dumps(
                {
                    "tasks": [
                        ecs_task(second, UNHEALTHY, exitCode=137)
                        for second in (BEGIN, BEGIN + 15, BEGIN + 30)
                    ]
                }
            )
        },
        ("app_down", None),
        "aws ecs update-service --cluster CLUSTER --service api --force-new-deployment",
    ),
    "health check of a compose file stricter than the endpoint": (
        logs(refused, DOCKER_UPSTREAM, usual=1.2),
        {
            "docker-events.txt": docker_events("shop-api-1", "health_status: unhealthy", "die"),
            "compose.yml": COMPOSED,
        },
        ("app_down", None),
        "`timeout` of `healthcheck` in the compose file",
    ),
    "restart loop of Docker": (
        logs(refused, DOCKER_UPSTREAM),
        {"docker-events.txt": docker_events("shop-api-1", "start", "die")},
        ("app_down", None),
        "docker compose up -d api",
    ),
}


@pytest.mark.slow(fast=2)
@pytest.mark.parametrize("name", SITUATIONS)
def test_the_platform_names_the_cause(name, diagnosed):
    evidence, told, (cause, secondary), remedy = SITUATIONS[name]
    case, found = diagnosed("told", evidence, **told)
    assert (found["verdict"], found["cause"], found["secondary_cause"]) == ("supported", cause, secondary)
    _, without = diagnosed("without", evidence)
    assert remedy in " ".join(found["summary"])
    if "kubectl" in remedy:
        collected = " ".join(entry["how"] for entry in found["missing_evidence"])
        assert "kubectl cp" in collected
        assert "docker" not in collected
    own = [item for item in found["ranking"][0]["evidence"] if item["table"] == "container_events"]
    assert own
    for item in own:
        assert len(case.sql(item["sql"])) == item["rows"] >= 1
    probability = {one["cause"]: one["probability"] for one in without["ranking"]}
    assert found["ranking"][0]["probability"] > probability[cause]


@pytest.mark.parametrize(
    ("language", "words"), [("en", "gives up on /health after 1 s"), ("ja", "1 秒で打ち切られ")]
)
def test_answer_names_a_probe_that_is_too_strict(diagnosed, language, words):
    evidence, told, *_ = SITUATIONS["probe stricter than the endpoint"]
    case, _ = diagnosed("told", evidence, **told)
    assert words in render(diagnose("health", case).cause_line, language)


@pytest.mark.slow
def test_late_probe_of_a_quick_endpoint_is_a_process_that_hangs(diagnosed):
    told = {"pods.json": listed(pod(**PROBE)), "events.json": listed(event("Unhealthy", LATE, BEGIN, END, 9))}
    _, found = diagnosed("told", logs(hanging), **told)
    assert found["layer"] == "process"
    _, without = diagnosed("without", logs(hanging))
    down, down_before = (
        next(one["probability"] for one in entry["ranking"] if one["cause"] == "app_down")
        for entry in (found, without)
    )
    assert down <= down_before
    network = next(one for one in found["layers"] if one["layer"] == "network")
    assert network["status"] == "refuted"


ELSEWHERE = {
    "another pod's kill": {
        "events.json": listed(
            pod("worker-7c9b85d4f7-k2x7x", "192.0.2.77", ended=KILLED, restarts=6),
            event(
                "BackOff", "Back-off restarting failed container", BEGIN, END, 9, "worker-7c9b85d4f7-k2x7x"
            ),
            pod(),
        )
    },
    "another container's loop": {"docker-events.txt": docker_events("shop-worker-1", "oom", "die")},
    "another day": {
        "events.json": listed(event("BackOff", "Back-off restarting failed container", -90_000, -86_000, 9))
    },
    "another target": {
        "target-health.json": json.dumps(
            {
                "TargetHealthDescriptions": [
                    {
                        "Target": {"Id": "192.0.2.77", "Port": 80},
                        "TargetHealth": {"State": "unhealthy", "Reason": "Target.Timeout"},
                    }
                ]
            }
        )
    },
}


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("fate", [refused, well])
@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_befalls_another_container_changes_no_verdict(name, fate, diagnosed):
    upstream = DOCKER_UPSTREAM if "container" in name else UPSTREAM
    evidence = logs(fate, upstream)
    answers = [diagnosed("told", evidence, **ELSEWHERE[name])[1], diagnosed("without", evidence)[1]]
    told, without = (
        [one[part] for part in ("verdict", "cause", "secondary_cause", "confidence", "layer", "incident")]
        for one in answers
    )
    assert told == without


@pytest.mark.slow
def test_kill_without_its_time_weighs_less_than_one_in_the_incident(diagnosed):
    untimed = {name: value for name, value in KILLED.items() if name != "finishedAt"}
    found = [
        diagnosed(name, logs(refused), **{"pods.json": listed(pod(ended=ended, restarts=6))})[1]
        for name, ended in (("timed", KILLED), ("untimed", untimed))
    ]
    weights = [
        item["weight"]
        for one in found
        for entry in one["ranking"]
        for item in entry["evidence"]
        if entry["cause"] == "app_saturation" and item["signal"] == "container_out_of_memory"
    ]
    assert len(weights) == 2
    assert weights[0] > weights[1] > 0
    assert "does not state when" in json.dumps(found[1])


def test_events_alone_narrow_the_answer_and_name_nothing_for_sure(diagnosed):
    _, found = diagnosed("alone", {"pods.json": listed(pod(ended=KILLED, restarts=6), BACK_OFF)})
    assert (found["verdict"], found["cause"]) == ("inconclusive", None)
    assert found["ranking"][0]["cause"] == "app_saturation"
