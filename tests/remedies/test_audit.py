"""The audit: each rule with a setting that conforms, one that does not, and one that is unknown."""

import json

import pandas as pd
import pytest
from worlds.order_system import create_order_system

from watchme_analysis.case.importer import import_folder
from watchme_analysis.remedies.audit import SOURCES, audit
from watchme_analysis.services.audit import audit_case

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
    return {(each.rule, each.resource): each for each in audit_case(case.path)}


def consequence(each):
    return each.consequence.id if each.consequence else None


@pytest.mark.slow
def test_every_rule_reports_what_does_not_conform(evidence, tmp_path):
    settings = found(evidence, tmp_path)
    ids = {key: consequence(each) for key, each in settings.items() if each.status == "change"}
    assert ids == {
        ("visibility_timeout", "orders"): "audit-visibility-short",
        ("receive_count", "orders"): "audit-receives-few-after",
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
        ("health_check", "worker"): "audit-check-missing",
        ("restart_policy", "api"): "audit-no-restart",
    }
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


def test_health_handlers_that_share_the_pool_with_blocking_ones_are_found():
    class Tables:
        def table(self, name):
            from watchme_analysis.schema import empty

            if name == "app_handlers":
                rows = [("GET", "/health", "thread_pool"), ("GET", "/slow", "thread_pool")]
                return pd.DataFrame(rows, columns=["method", "path", "runs_on"])
            if name == "app_calls":
                return pd.DataFrame(
                    [("GET /slow", "thread_pool", "blocking_io", 9.0)],
                    columns=["reached_from", "context", "kind", "timeout_s"],
                )
            if name == "app_processes":
                return pd.DataFrame([("api", "app:app", 1)], columns=["service", "app", "workers"])
            return empty(name)

    settings = {(each.rule, each.resource): each for each in audit(Tables(), knows_alarms=False)}
    assert consequence(settings["thread_pool", "GET /health"]) == "audit-shared-pool"
    assert ("thread_pool", "GET /slow") not in settings
    assert consequence(settings["workers", "api"]) == "audit-one-worker"


def test_the_command_prints_tables_and_json_in_both_languages(evidence, tmp_path, watchme):
    shown = watchme("audit", evidence, "--all")
    assert shown.returncode == 0, shown.stderr
    assert SOURCES["dlq"] in shown.stdout
    rows = json.loads(watchme("audit", evidence, "--json", "--language", "ja").stdout)
    assert {"rule", "resource", "status", "source", "current", "recommended", "consequence"} == set(rows[0])
    assert rows[0]["consequence"]["message"]["id"].startswith("audit-")
    assert watchme("audit").returncode == 2
    assert watchme("audit", evidence, "--live").returncode == 2


def test_the_account_is_audited_as_it_is_now(front, watchme):
    create_order_system("ap-southeast-2")
    shown = watchme("audit", "--live", "--queue", "orders", "--json")
    assert shown.returncode == 0, shown.stderr
    rows = {(row["rule"], row["resource"]): row["status"] for row in json.loads(shown.stdout)}
    assert rows["receive_count", "orders"] == "change"
    assert rows["visibility_timeout", "orders"] == "ok"
    assert rows["alarm", "orders-dlq"] == "change"  # the list of alarms was read, and is empty
    assert watchme("audit", "--live", "--queue", "missing").returncode == 1
