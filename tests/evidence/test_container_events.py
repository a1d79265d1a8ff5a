# ruff: noqa: E501 - lines as tools print them
"""Events, states and settings of containers, as each platform's own tools print them."""

import json

import pytest

from watchme_analysis.case.importer import import_folder

COLUMNS = ["time", "first_time", "object", "service", "address", "kind", "probe", "exit_code", "count"]
POD = "api-5d4f7c9b8-x2x7k"
UNHEALTHY = 'Liveness probe failed: Get "http://192.0.2.40:8000/health": context deadline exceeded'
DESCRIBED = f"""Name:             {POD}
Namespace:        default
Node:             node-1/192.0.2.4
Start Time:       Mon, 02 Mar 2026 03:50:00 +0000
Labels:           app=api
                  pod-template-hash=5d4f7c9b8
Status:           Running
IP:               192.0.2.40
Controlled By:    ReplicaSet/api-5d4f7c9b8
Containers:
  web:
    Image:          api:7
    State:          Waiting
      Reason:       CrashLoopBackOff
    Last State:     Terminated
      Reason:       OOMKilled
      Exit Code:    137
      Started:      Mon, 02 Mar 2026 03:58:00 +0000
      Finished:     Mon, 02 Mar 2026 04:00:12 +0000
    Ready:          False
    Restart Count:  7
    Limits:
      cpu:     500m
      memory:  256Mi
    Liveness:     http-get http://:8000/health delay=5s timeout=1s period=10s #success=1 #failure=3
Events:
  Type     Reason     Age                  From     Message
  ----     ------     ----                 ----     -------
  Warning  Unhealthy  2m15s (x12 over 5m)  kubelet  {UNHEALTHY}
"""
EVENTS = f"""LAST SEEN   TYPE      REASON      OBJECT                    MESSAGE
2m15s       Warning   Unhealthy   pod/{POD}   {UNHEALTHY}
10s         Warning   Failed      pod/{POD}   Failed to pull image "api:8": not found
5s          Normal    Scheduled   pod/worker-0              Successfully assigned default/worker-0
<unknown>   Warning   BackOff     pod/{POD}   Back-off restarting failed container web
an unknown line
"""


@pytest.fixture
def imported(tmp_path):
    def read(**files):
        folder = tmp_path / "evidence"
        folder.mkdir()
        for name, text in files.items():
            (folder / name.replace("__", "-").replace("_txt", ".txt")).write_text(
                text if isinstance(text, str) else json.dumps(text)
            )
        return import_folder(folder, tmp_path / "case").case

    return read


def shown(case):
    """Return the events as text, unknown values as `-`."""
    frame = case.table("container_events")[COLUMNS].astype("string").fillna("-")
    return [" ".join(row).replace("2026-03-02 ", "").replace("+00:00", "") for row in frame.to_numpy()]


def test_described_pod_gives_its_states_and_probe(imported):
    case = imported(kubectl__describe_txt=DESCRIBED)
    whose = f"{POD} api 192.0.2.40"
    assert shown(case) == [
        f"04:00:12 - {whose} killed_for_memory - 137 1",
        f"- - {whose} crash_loop - - 1",
        f"- - {whose} restarted - - 7",
        f"- - {POD} api 192.0.2.40:8000 probe_timed_out liveness - 12",
    ]
    settings = case.table("container_settings").drop(columns="file").dropna(axis=1, how="all")
    assert json.loads(settings.to_json(orient="records")) == [
        {
            "platform": "kubernetes", "object": POD, "service": "api", "address": "192.0.2.40",
            "container": "web", "probe": "liveness", "path": "/health", "port": "8000", "period_s": 10.0,
            "timeout_s": 1.0, "failure_threshold": 3, "start_delay_s": 5.0, "memory_bytes": None, "cpus": None,
        },
        {
            "platform": "kubernetes", "object": POD, "service": "api", "address": "192.0.2.40",
            "container": "web", "probe": None, "path": None, "port": None, "period_s": None,
            "timeout_s": None, "failure_threshold": None, "start_delay_s": None, "memory_bytes": 256 * 2**20,
            "cpus": 0.5,
        },
    ]  # fmt: skip
    assert case.table("rejected_lines").empty


@pytest.mark.parametrize("known", ["", "Mon Mar  2 04:03:00 UTC 2026\n", "case.toml"])
def test_age_gets_a_time_only_if_the_moment_is_stated(imported, known):
    stated = {"case.toml": 'collected_at = "2026-03-02T04:03:00Z"\n'} if known == "case.toml" else {}
    text = EVENTS if stated else known + EVENTS
    case = imported(events_txt=text, **stated)
    at = ["04:00:45", "04:02:50", "04:02:55"] if known else ["-"] * 3
    assert shown(case) == [
        f"{at[0]} - {POD} api 192.0.2.40:8000 probe_timed_out liveness - -",
        f"{at[1]} - {POD} api - image_error - - -",
        f"{at[2]} - worker-0 worker - other - - -",
        f"- - {POD} api - crash_loop - - -",
    ]
    assert case.table("rejected_lines")["text"].tolist() == ["an unknown line"]
    notes = " ".join(case.manifest["tables"]["container_events"]["notes"])
    assert ("collected_at" in notes) == (not known)


def test_counted_event_is_one_row_between_its_times(imported):
    event = {
        "kind": "Event", "type": "Warning", "reason": "BackOff", "count": 8,
        "message": "Back-off restarting failed container web in pod", "firstTimestamp": "2026-03-02T04:00:00Z",
        "lastTimestamp": "2026-03-02T04:09:00Z", "involvedObject": {"kind": "Pod", "name": POD},
    }  # fmt: skip
    other = {"kind": "Service", "metadata": {"name": "api"}}
    case = imported(**{"any.json": {"apiVersion": "v1", "kind": "List", "items": [event, other]}})
    assert shown(case) == [f"04:09:00 04:00:00 {POD} api - crash_loop - - 8"]
    assert case.table("rejected_lines")["reason"].str.contains("Service").tolist() == [True]


def test_pods_state_why_their_containers_ended(imported):
    pod = {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": POD, "labels": {"pod-template-hash": "5d4f7c9b8"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "api-5d4f7c9b8"}],
        },
        "spec": {"containers": [{"name": "web", "livenessProbe": {"httpGet": {"path": "/", "port": 80}}}]},
        "status": {
            "podIP": "192.0.2.40",
            "containerStatuses": [
                {
                    "name": "web", "restartCount": 3, "state": {"running": {"startedAt": "2026-03-02T04:01:00Z"}},
                    "lastState": {
                        "terminated": {"exitCode": 1, "reason": "Error", "finishedAt": "2026-03-02T04:00:50Z"}
                    },
                }
            ],
        },
    }  # fmt: skip
    case = imported(**{"pods.json": {"apiVersion": "v1", "items": [pod], "kind": "List"}})
    whose = f"{POD} api 192.0.2.40"
    assert shown(case) == [
        f"04:00:50 - {whose} stopped - 1 1",
        f"04:01:00 - {whose} started - - -",
        f"- - {whose} restarted - - 3",
    ]
    # The default of Kubernetes.
    assert case.table("container_settings")["timeout_s"].tolist() == [1.0]


def test_docker_tells_a_kill_for_memory_from_an_end(imported):
    lines = (
        "2026-03-02T05:00:12.123456789+01:00 container oom 3f1c0a (image=api:1, name=shop-api-1)\n"
        "2026-03-02T05:00:12.223456789+01:00 container die 3f1c0a (execDuration=12, exitCode=137, image=api:1, "
        "com.docker.compose.service=api, name=shop-api-1)\n"
        '{"Type": "container", "Action": "health_status: unhealthy", "timeNano": 1772424013000000000, '
        '"Actor": {"ID": "3f1c0a", "Attributes": {"name": "shop-api-1"}}}\n'
        "2026-03-02T05:00:14.000000000+01:00 container health_status: healthy 3f1c0a (image=api, name=shop-api-1)\n"
        "nonsense\n"
    )
    case = imported(**{"what.log": lines})
    assert shown(case) == [
        "04:00:12.123456 - shop-api-1 api - killed_for_memory - - 1",
        "04:00:12.223456 - shop-api-1 api - stopped - 137 1",
        "04:00:13.000000 - shop-api-1 api - unhealthy container - 1",
        "04:00:14.000000 - shop-api-1 api - healthy container - 1",
    ]
    assert len(case.table("rejected_lines")) == 1


@pytest.mark.parametrize("outer", [(), ("Health",), ("State", "Health")])
def test_part_of_an_inspected_container_is_read(imported, outer):
    failed = {"Start": "2026-03-02T04:00:12Z", "ExitCode": 1, "Output": "Connection refused"}
    part = {"Status": "unhealthy", "FailingStreak": 3, "Log": [failed]}
    for name in reversed(outer):
        part = {name: part}
    case = imported(**{"api.json": part})
    assert case.sql("select kind, object from container_events").values.tolist() == [
        ["probe_refused", "api"],
        ["unhealthy", "api"],
    ]


def test_inspected_container_has_state_check_and_limit(imported):
    state = {
        "OOMKilled": False, "ExitCode": 3, "Restarting": True, "StartedAt": "2026-03-02T04:00:00.123456789Z",
        "FinishedAt": "2026-03-02T04:00:05.123456789Z",
        "Health": {"Status": "unhealthy", "FailingStreak": 4, "Log": [
            {"Start": "2026-03-02T04:00:03Z", "ExitCode": 1, "Output": "curl: (7) Failed: Connection refused"}]},
    }  # fmt: skip
    container = {
        "Name": "/shop-api-1", "State": state, "RestartCount": 9,
        "Config": {"Healthcheck": {"Test": ["CMD", "curl", "http://localhost:8000/health"], "Timeout": 10**9}},
        "HostConfig": {"Memory": 2**28},
        "NetworkSettings": {"Networks": {"shop": {"IPAddress": "192.0.2.40"}}},
    }  # fmt: skip
    case = imported(**{"inspect.json": [container]})
    whose = "shop-api-1 api 192.0.2.40"
    assert shown(case) == [
        f"04:00:00.123456 - {whose} started - - 1",
        f"04:00:03.000000 - {whose} probe_refused container - 1",
        f"04:00:05.123456 - {whose} stopped - 3 1",
        f"- - {whose} crash_loop - - 1",
        f"- - {whose} restarted - - 9",
        f"- - {whose} unhealthy container - -",
    ]
    settings = case.table("container_settings")
    assert settings["timeout_s"].dropna().tolist() == [1.0]
    assert settings["memory_bytes"].dropna().tolist() == [2**28]


def test_ecs_states_why_tasks_stopped(imported):
    arn = "arn:aws:ecs:us-east-1:123456789012:task/main/0f3c"
    task = {
        "taskArn": arn, "group": "service:api", "stoppedAt": "2026-03-02T04:00:12+00:00",
        "stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited",
        "containers": [{
            "name": "web", "exitCode": 137, "networkInterfaces": [{"privateIpv4Address": "192.0.2.40"}],
            "reason": "OutOfMemoryError: Container killed due to memory usage"}],
    }  # fmt: skip
    event = {
        "id": "1", "createdAt": "2026-03-02T04:00:20+00:00",
        "message": "(service api) (port 8000) is unhealthy in (target-group arn:aws:elasticloadbalancing:us-east-1:"
        "123456789012:targetgroup/api/0123456789abcdef) due to (reason Request timed out)",
    }  # fmt: skip
    service = {"serviceName": "api", "clusterArn": "main", "events": [event]}
    target = {
        "Target": {"Id": "192.0.2.40", "Port": 8000},
        "TargetHealth": {
            "State": "unhealthy",
            "Reason": "Target.Timeout",
            "Description": "Request timed out",
        },
    }
    case = imported(
        **{
            "a.json": {"tasks": [task], "failures": []},
            "b.json": {"services": [service], "failures": []},
            "c.json": {"TargetHealthDescriptions": [target]},
        }
    )
    assert shown(case) == [
        "04:00:12 - 0f3c api 192.0.2.40 killed_for_memory - 137 1",
        "04:00:12 - 0f3c api 192.0.2.40 other - - 1",
        "04:00:20 - api api - probe_timed_out lb - 1",
        "- - 192.0.2.40:8000 - 192.0.2.40:8000 probe_timed_out lb - -",
    ]


def test_a_task_definition_limits_memory_in_mebibytes(imported):
    container = {"name": "web", "memory": 512, "cpu": 256}
    definition = {"family": "api", "revision": 7, "containerDefinitions": [container]}
    (limits,) = (
        imported(**{"a.json": {"taskDefinition": definition}}).table("container_settings").itertuples()
    )
    assert (limits.service, limits.container, limits.memory_bytes, limits.cpus) == ("api", "web", 2**29, 0.25)


def test_secrets_in_reasons_are_masked(imported):
    line = "2026-03-02T04:00:12.123456789Z container exec_create: sh -c password=hunter2x 3f1c0a (name=api)\n"
    event = {
        "kind": "Event",
        "reason": "Failed",
        "message": "Error: API_KEY=sk-0123456789abcdef0123",
        "involvedObject": {},
    }
    case = imported(**{"d.txt": line, "e.json": {"apiVersion": "v1", "kind": "List", "items": [event]}})
    text = " ".join(case.table("container_events")["reason"].dropna())
    assert "hunter2x" not in text
    assert "sk-0123" not in text


def test_requested_ends_are_no_failures(imported):
    killing = {
        "kind": "Event", "reason": "Killing", "message": "Stopping container web",
        "lastTimestamp": "2026-03-02T04:00:00Z", "involvedObject": {"kind": "Pod", "name": POD},
    }  # fmt: skip
    probed = killing | {"message": "Container web failed liveness probe, will be restarted"}
    task = {
        "taskArn": "task/main/0f3c", "stopCode": "ServiceSchedulerInitiated", "stoppedAt": "2026-03-02T04:00:12+00:00",
        "stoppedReason": "Scaling activity initiated by (deployment ecs-svc/0123456789012345678)",
        "containers": [{"name": "web", "exitCode": 137}],
    }  # fmt: skip
    case = imported(
        **{
            "a.json": {"apiVersion": "v1", "kind": "List", "items": [killing, probed]},
            "b.json": {"tasks": [task]},
        }
    )
    assert case.table("container_events")["kind"].tolist() == ["other", "stopped", "other", "other"]
