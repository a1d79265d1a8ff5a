"""The audit: each rule with a setting that conforms, one that does not, and one that is unknown."""

import json

import pytest
from worlds.messages import messages_in
from worlds.stored_case import case_of

from watchme_analysis.case.importer import import_folder
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.remedies.audit import SOURCES, audit

ARN = "arn:aws:sqs:eu-west-1:123456789012:"


@pytest.fixture
def evidence(tmp_path):
    """Queues, a function, alarms, a compose file and nginx.conf; nothing conforms."""
    folder = tmp_path / "evidence"
    (folder / "queues").mkdir(parents=True)
    (folder / "functions").mkdir()
    redrive = {"deadLetterTargetArn": f"{ARN}orders-dlq", "maxReceiveCount": 3}
    write(folder / "queues" / "orders.json", queue("orders", 100, 345_600, RedrivePolicy=json.dumps(redrive)))
    write(folder / "queues" / "orders-dlq.json", queue("orders-dlq", 30, 345_600))
    write(folder / "queues" / "lonely.json", queue("lonely", 30, 345_600))
    function = {"FunctionName": "orders-worker", "Timeout": 30, "Runtime": "python3.12"}
    function["FunctionArn"] = "arn:aws:lambda:eu-west-1:123456789012:function:orders-worker"
    write(folder / "functions" / "orders-worker.json", function)
    write(folder / "functions" / "orders-worker-concurrency.json", {"ReservedConcurrentExecutions": 2})
    mapping = {
        "UUID": "1-2",
        "FunctionArn": function["FunctionArn"],
        "EventSourceArn": f"{ARN}orders",
        "State": "Enabled",
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 20,
        "FunctionResponseTypes": [],
        "ScalingConfig": {"MaximumConcurrency": 5},
    }
    write(folder / "functions" / "orders-worker-mappings.json", {"EventSourceMappings": [mapping]})
    alarm = {
        "AlarmName": "age",
        "AlarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:age",
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions": [{"Name": "QueueName", "Value": "orders"}],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 600.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "ActionsEnabled": False,
        "AlarmActions": ["arn:aws:sns:eu-west-1:123456789012:on-call"],
        "StateValue": "OK",
    }
    write(folder / "alarms.json", {"MetricAlarms": [alarm], "CompositeAlarms": []})
    (folder / "nginx.conf").write_text(
        "http { server { listen 80; location /v1/ { proxy_pass http://api:8000; proxy_read_timeout 45s; } } }"
    )
    (folder / "edge.conf").write_text(
        "http { server { listen 80; location / { proxy_pass http://origin; proxy_read_timeout 40; } } }"
    )
    (folder / "compose.yaml").write_text(
        "services:\n  api:\n    image: api\n    healthcheck:\n      test: [CMD, x]\n      interval: 10s\n"
        "      timeout: 30s\n      retries: 3\n  worker:\n    image: worker\n    restart: always\n"
    )
    return folder


def queue(name, visibility_s, retention_s, **more):
    attributes = {
        "QueueArn": ARN + name,
        "VisibilityTimeout": str(visibility_s),
        "MessageRetentionPeriod": str(retention_s),
        "SqsManagedSseEnabled": "false",
    }
    return {"Attributes": attributes | more}


def write(path, value):
    path.write_text(json.dumps(value))


def found(folder, tmp_path):
    case = import_folder(folder, tmp_path / "case").case
    settings = audit(case, knows_alarms="alarms" in case.coverage())
    return {(each.rule, each.resource): each for each in settings}


def consequence(each):
    return each.consequence.id if each.consequence else None


@pytest.mark.slow
def test_every_rule_reports_what_does_not_conform(evidence, tmp_path):
    settings = found(evidence, tmp_path)
    ids = {key: consequence(each) for key, each in settings.items() if each.status == "change"}
    assert ids == {
        ("visibility_timeout", "orders"): "audit-visibility-short",
        ("dlq", "lonely"): "audit-dlq-missing-after",
        ("dlq_retention", "orders-dlq"): "audit-retention-short",
        ("redrive_allow_policy", "orders-dlq"): "audit-redrive-open",
        ("concurrency", "orders"): "audit-most-above-reserved",
        ("partial_batch", "orders"): "audit-batch-repeated",
        ("timeout_chain", "edge /v1/"): "audit-edge-gives-up",
        ("timeout_chain", "orders-worker"): "audit-function-gives-up",
        ("alarm", "orders-dlq"): "audit-alarm-missing",
        ("alarm", "orders-worker"): "audit-alarm-missing",
        ("alarm", "orders"): "audit-alarm-silent",
        ("alarm", "lonely"): "audit-alarm-missing",
        ("alarm_can_fire", "age"): "alarm-age-is-never-reached",
        ("encryption", "orders"): "audit-unencrypted",
        ("encryption", "orders-dlq"): "audit-unencrypted",
        ("encryption", "lonely"): "audit-unencrypted",
        ("health_check", "api"): "audit-check-slow",
        ("restart_policy", "api"): "audit-no-restart",
    }
    # Three receives are the owner's choice: what speaks for and against it is said.
    receives = settings["receive_count", "orders"]
    assert (receives.status, consequence(receives)) == ("choice", "audit-receives-few-after")
    # The image may have a health check.
    assert settings["health_check", "worker"].status == "unknown"
    advised = settings["visibility_timeout", "orders"].recommended
    assert advised.values["value"].seconds == 6 * 30 + 20
    assert settings["restart_policy", "worker"].status == "ok"
    assert all(each.source.startswith("https://") for each in settings.values())


@pytest.mark.slow
def test_settings_that_conform_are_reported_as_well(evidence, tmp_path):
    path = evidence / "queues" / "orders.json"
    content = json.loads(path.read_text())
    redrive = {"deadLetterTargetArn": f"{ARN}orders-dlq", "maxReceiveCount": 5}
    content["Attributes"] |= {
        "VisibilityTimeout": "200", "RedrivePolicy": json.dumps(redrive), "SqsManagedSseEnabled": "true"
    }  # fmt: skip
    write(path, content)
    allow = {"redrivePermission": "byQueue", "sourceQueueArns": [f"{ARN}orders"]}
    dlq = queue("orders-dlq", 30, 1_209_600, RedriveAllowPolicy=json.dumps(allow), KmsMasterKeyId="alias/own")
    write(evidence / "queues" / "orders-dlq.json", dlq)
    mappings = evidence / "functions" / "orders-worker-mappings.json"
    content = json.loads(mappings.read_text())
    content["EventSourceMappings"][0] |= {
        "FunctionResponseTypes": ["ReportBatchItemFailures"], "ScalingConfig": {"MaximumConcurrency": 2}
    }  # fmt: skip
    write(mappings, content)
    settings = found(evidence, tmp_path)
    for key in (
        ("visibility_timeout", "orders"),
        ("receive_count", "orders"),
        ("dlq", "orders"),
        ("dlq_retention", "orders-dlq"),
        ("redrive_allow_policy", "orders-dlq"),
        ("concurrency", "orders"),
        ("partial_batch", "orders"),
        ("encryption", "orders"),
        ("encryption", "orders-dlq"),
    ):
        assert settings[key].status == "ok", key
        assert settings[key].consequence is None


@pytest.mark.slow
def test_what_the_case_lacks_is_unknown_and_no_finding(evidence, tmp_path):
    (evidence / "alarms.json").unlink()
    path = evidence / "queues" / "orders.json"
    content = json.loads(path.read_text())
    del content["Attributes"]["VisibilityTimeout"], content["Attributes"]["SqsManagedSseEnabled"]
    write(path, content)
    settings = found(evidence, tmp_path)
    for key in (("alarm", "orders"), ("visibility_timeout", "orders"), ("encryption", "orders")):
        assert (settings[key].status, settings[key].consequence) == ("unknown", None), key


def test_a_dlq_that_refuses_its_source_is_found(evidence, tmp_path):
    allow = {"redrivePermission": "byQueue", "sourceQueueArns": [f"{ARN}other"]}
    dlq = queue("orders-dlq", 30, 1_209_600, RedriveAllowPolicy=json.dumps(allow))
    write(evidence / "queues" / "orders-dlq.json", dlq)
    each = found(evidence, tmp_path)["redrive_allow_policy", "orders-dlq"]
    assert consequence(each) == "audit-redrive-refused"
    assert each.consequence.values["queues"].items == ("orders",)


def test_the_command_prints_tables_and_json_in_both_languages(evidence, tmp_path, watchme):
    shown = watchme("audit", evidence, "--all")
    assert shown.returncode == 0, shown.stderr
    assert SOURCES["dlq"] in shown.stdout
    rows = json.loads(watchme("audit", evidence, "--json", "--language", "ja").stdout)
    assert {"rule", "resource", "status", "source", "current", "recommended", "consequence"} == set(rows[0])
    assert rows[0]["consequence"]["message"]["id"].startswith("audit-")


def of_rule(case, rule, *, knows_alarms=True):
    """Return resource, status, current and recommended value, and consequence of each setting of a rule."""

    def plain(said):
        [(name, values)] = messages_in(said).items() if said else [(None, {})]
        return name, *values.values()

    settings = audit(Investigation(case, "backlog"), knows_alarms=knows_alarms)
    found = [each for each in settings if each.rule == rule]
    return [
        (each.resource, each.status, plain(each.current), plain(each.recommended), plain(each.consequence))
        for each in found
    ]


NOTHING = (None,)
UNKNOWN = ("audit-unknown",)
UNSET = ("audit-unset",)


def call(timeout_s, reached_from="GET /v1/jobs", context="thread_pool", **more):
    return {"timeout_s": timeout_s, "reached_from": reached_from, "context": context, **more}


COMPOSE = """\
services:
  api:
    build: ./api
    restart: always
    ports: ["8000:8000"]
    depends_on: {tables: {condition: service_completed_successfully}}
  plain: {build: ./plain, restart: always}
  unchecked: {build: ./api, restart: always, healthcheck: {disable: true}}
  worker: {image: worker, deploy: {restart_policy: {condition: any}}}
  tables: {build: ./plain}
  migrate: {build: ./plain, command: alembic upgrade head}
  shell: {build: ./plain, profiles: [tools]}
  import: {build: ./plain, restart: "no"}
"""
OVERLAY = """\
services:
  api: {environment: {MODE: prod}}
  worker: {restart: "no", ports: ["9000:9000"]}
"""


@pytest.fixture
def repository(tmp_path):
    """A repository with two images, one of which has a health check, and services of every kind."""
    folder = tmp_path / "repository"
    for name, text in {
        "docker-compose.yml": COMPOSE,
        "docker-compose.prod.yml": OVERLAY,
        "api/Dockerfile": "FROM python:3.12\nHEALTHCHECK --interval=10s \\\n  --timeout=3s CMD curl x\n",
        "plain/Dockerfile": "FROM python:3.12\nHEALTHCHECK NONE\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_images_overlays_and_services_that_end_are_judged_as_what_they_are(repository, tmp_path):
    case = import_folder(repository, tmp_path / "case").case
    checks = {(one[0], one[1]): one[2] for one in of_rule(case, "health_check")}
    assert checks == {
        ("api", "ok"): ("audit-check", 10.0, 3.0, 3),
        ("plain", "change"): UNSET,
        ("unchecked", "change"): UNSET,
        ("worker", "unknown"): UNKNOWN,
    }
    policies = [(one[0], one[1], one[2][1]) for one in of_rule(case, "restart_policy")]
    assert policies == [
        # The overlay is merged onto its base, and judged where that changes a setting.
        ("worker (docker-compose.prod.yml)", "change", "no"),
        ("api", "ok", "always"),
        ("plain", "ok", "always"),
        ("unchecked", "ok", "always"),
        ("worker", "ok", "always"),
    ]


OVERLAID = {
    "compose.yml": "services:\n  api: {image: a, restart: always, healthcheck: "
    "{test: t, interval: 9s, timeout: 1s}}\n",
    "compose.override.yml": "services:\n  api: {environment: {A: '1'}}\n  jobs: {image: b}\n",
    "compose.prod.yml": "services:\n  api: {restart: !reset null, healthcheck: {timeout: 9s}}\n",
    "compose.test.yml": "services:\n  api: {environment: {A: '2'}}\n",
}


def test_each_overlay_is_judged_once_for_what_it_changes(tmp_path):
    folder = tmp_path / "repository"
    folder.mkdir()
    for name, text in OVERLAID.items():
        (folder / name).write_text(text)
    case = import_folder(folder, tmp_path / "case").case
    assert [(one[0], one[1]) for one in of_rule(case, "restart_policy")] == [
        ("jobs", "change"), ("api", "change"), ("api (compose.yml)", "ok"),
    ]  # fmt: skip
    assert [(one[0], one[1], one[2][1:3]) for one in of_rule(case, "health_check") if len(one[2]) > 2] == [
        ("api (compose.yml, compose.prod.yml)", "change", (9.0, 9.0)),
        ("api (compose.yml)", "ok", (9.0, 1.0)),
    ]


def test_two_applications_share_no_thread_pool():
    handlers = [
        {"method": "GET", "path": path, "runs_on": "thread_pool", "application_file": file}
        for path, file in (("/health", "a/main.py"), ("/slow", "b/main.py"), ("/ready", "b/main.py"))
    ]
    calls = [call(9.0, "GET /slow", kind="blocking_io") | {"application_file": "b/main.py"}]
    found = of_rule(case_of(app_handlers=handlers, app_calls=calls), "thread_pool")
    assert [(one[0], one[1], one[4]) for one in found] == [
        ("GET /ready", "change", ("audit-shared-pool", ["GET /slow"])),
        ("GET /health", "ok", NOTHING),
    ]


def test_workers_and_handlers_on_the_thread_pool():
    handlers = [
        {"method": "GET", "path": path, "runs_on": on}
        for path, on in (("/health", "thread_pool"), ("/slow", "thread_pool"), ("/async", "event_loop"))
    ]
    calls = [
        call(9.0, "GET /slow", kind="blocking_io"),
        call(9.0, "GET /async", "event_loop", kind="blocking_io"),
        call(9.0, "GET /health", kind="async_wait"),
    ]
    processes = [
        {"service": "api", "app": "app:app", "workers": 1},
        {"service": None, "app": "other:app", "workers": 2},
        {"service": None, "app": "third:app", "workers": None},
    ]
    case = case_of(app_handlers=handlers, app_calls=calls, app_processes=processes)
    two = ("audit-number-at-least", 2)
    assert of_rule(case, "workers") == [
        ("api", "change", ("audit-number", 1), two, ("audit-one-worker",)),
        ("third:app", "unknown", UNKNOWN, two, NOTHING),
        ("other:app", "ok", ("audit-number", 2), two, NOTHING),
    ]
    pool, wanted = ("audit-on-pool",), ("audit-async-handler",)
    assert of_rule(case, "thread_pool") == [
        ("GET /health", "change", pool, wanted, ("audit-shared-pool", ["GET /slow"]))
    ]
    case = case_of(app_handlers=handlers[:1])
    assert of_rule(case, "thread_pool") == [("GET /health", "ok", pool, wanted, NOTHING)]
