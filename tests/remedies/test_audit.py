"""The audit: each rule with a setting that conforms, one that does not, and one that is unknown."""

import json

import pandas as pd
import pytest
from worlds.messages import messages_in
from worlds.order_system import create_order_system
from worlds.stored_case import case_of
from worlds.together import together

from watchme_analysis.aws_shapes.alarms import alarm_row
from watchme_analysis.aws_shapes.lambda_functions import function_row, mapping_row
from watchme_analysis.aws_shapes.sqs import queue_row
from watchme_analysis.case.importer import import_folder
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.remedies.audit import SOURCES, audit
from watchme_analysis.schema import conform
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
    assert watchme("audit").returncode == 2
    assert watchme("audit", evidence, "--live").returncode == 2


def test_the_account_is_audited_as_it_is_now(front, watchme):
    create_order_system("ap-southeast-2")
    shown = watchme("audit", "--live", "--queue", "orders", "--json")
    assert shown.returncode == 0, shown.stderr
    rows = {(row["rule"], row["resource"]): row["status"] for row in json.loads(shown.stdout)}
    assert rows["receive_count", "orders"] == "choice"
    assert rows["visibility_timeout", "orders"] == "ok"
    assert rows["alarm", "orders-dlq"] == "change"  # the list of alarms was read, and is empty
    assert watchme("audit", "--live", "--queue", "missing").returncode == 1


FUNCTION_ARN = "arn:aws:lambda:eu-west-1:123456789012:function:worker"


def queue_of(name="orders", visibility_s=200, retention_s=345_600, receives=5, dlq="orders-dlq", **more):
    policy = {"deadLetterTargetArn": ARN + str(dlq), "maxReceiveCount": receives}
    attributes = {
        "QueueArn": ARN + name,
        **({} if visibility_s is None else {"VisibilityTimeout": str(visibility_s)}),
        **({} if retention_s is None else {"MessageRetentionPeriod": str(retention_s)}),
        **({} if dlq is None else {"RedrivePolicy": json.dumps(policy)}),
        **more,
    }
    return queue_row("queues.json", attributes)


def dlq_of(retention_s=1_209_600, **more):
    return queue_of("orders-dlq", 30, retention_s, dlq=None, **more)


def system(*queues, timeout_s=30, reserved=None, alarms=(), **mapping):
    """Return a case of a queue that the function `worker` drains."""
    function = function_row(
        "f.json", {"FunctionName": "worker", "FunctionArn": FUNCTION_ARN, "Timeout": timeout_s}
    )
    entry = {
        "UUID": "u",
        "FunctionArn": FUNCTION_ARN,
        "EventSourceArn": ARN + "orders",
        "State": "Enabled",
        **mapping,
    }
    rows = [alarm_row("alarms.json", each, "metric") for each in alarms]
    return case_of(
        queues=list(queues or (queue_of(), dlq_of())),
        functions=[{**function, "reserved_concurrency": reserved}],
        event_source_mappings=[mapping_row("m.json", entry)],
        **({"alarms": rows} if rows else {}),
    )


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


@together(
    ("visibility_s", "window_s", "status", "current", "advised_s", "why"),
    [
        # Six times the timeout of 30 seconds, and the batching window.
        (180, 0, "ok", ("audit-time", 180.0), 180.0, NOTHING),
        (179, 0, "change", ("audit-time", 179.0), 180.0, ("audit-visibility-short", "worker", 30.0, 0.0)),
        (180, 20, "change", ("audit-time", 180.0), 200.0, ("audit-visibility-short", "worker", 30.0, 20.0)),
        (30, 0, "change", ("audit-time", 30.0), 180.0, ("audit-visibility-short", "worker", 30.0, 0.0)),
        (29, 0, "change", ("audit-time", 29.0), 180.0, ("audit-visibility-below-timeout", 30.0)),
        (None, 0, "unknown", UNKNOWN, 180.0, NOTHING),
    ],
)
def test_the_visibility_timeout(visibility_s, window_s, status, current, advised_s, why):
    case = system(queue_of(visibility_s=visibility_s), MaximumBatchingWindowInSeconds=window_s)
    assert of_rule(case, "visibility_timeout") == [
        ("orders", status, current, ("audit-at-least", advised_s), why)
    ]


def test_receives_before_the_dlq():
    five = ("audit-receives-advised", 5)
    assert of_rule(system(), "receive_count") == [("orders", "ok", ("audit-number", 5), five, NOTHING)]
    [few] = of_rule(system(queue_of(receives=4), dlq_of()), "receive_count")
    assert few == (
        "orders",
        "choice",
        ("audit-number", 4),
        five,
        ("audit-receives-few-after", 4, 200.0, 800.0),
    )
    [few] = of_rule(system(queue_of(receives=4, visibility_s=None), dlq_of()), "receive_count")
    assert few[4] == ("audit-receives-few", 4)
    assert of_rule(system(queue_of(dlq=None)), "receive_count") == []


def test_dlqs_and_their_retention():
    wanted = ("audit-dlq",)
    assert of_rule(system(), "dlq") == [
        ("orders", "ok", ("audit-name", "orders-dlq"), wanted, NOTHING),
    ]
    lonely = of_rule(system(queue_of(dlq=None)), "dlq")
    assert lonely == [("orders", "change", UNSET, wanted, ("audit-dlq-missing-after", 345_600.0))]
    lonely = of_rule(system(queue_of(dlq=None, retention_s=None)), "dlq")
    assert lonely == [("orders", "change", UNSET, wanted, ("audit-dlq-missing",))]
    assert of_rule(case_of(queues=[dlq_of()]), "dlq")[0][1] == "change"

    longest = ("audit-time", 1_209_600.0)

    def retention(source_s, own_s):
        [found] = of_rule(system(queue_of(retention_s=source_s), dlq_of(own_s)), "dlq_retention")
        assert (found[0], found[3]) == ("orders-dlq", longest)
        return found[1], found[2], found[4]

    assert retention(345_600, 345_601) == ("ok", ("audit-time", 345_601.0), NOTHING)
    assert retention(345_600, 345_600) == (
        "change", ("audit-time", 345_600.0), ("audit-retention-short", 345_600.0, 345_600.0)
    )  # fmt: skip
    # No DLQ can keep messages for longer.
    assert retention(1_209_600, 1_209_600) == ("ok", longest, NOTHING)
    assert retention(345_600, None) == ("unknown", UNKNOWN, NOTHING)
    assert of_rule(system(queue_of(retention_s=None), dlq_of()), "dlq_retention") == []


def test_redrive_allow_policies():
    def policy(*allowed, **more):
        value = json.dumps({"sourceQueueArns": [ARN + name for name in allowed], **more})
        [found] = of_rule(system(queue_of(), dlq_of(RedriveAllowPolicy=value)), "redrive_allow_policy")
        assert (found[0], found[3]) == ("orders-dlq", ("audit-redrive-by-queue", ["orders"]))
        return found[1], found[2], found[4]

    by_queue = ("audit-code", "byQueue")
    assert policy("orders", redrivePermission="byQueue") == ("ok", by_queue, NOTHING)
    refused = ("audit-redrive-refused", ["orders"])
    assert policy("other", redrivePermission="byQueue") == ("change", by_queue, refused)
    assert policy("orders", redrivePermission="denyAll") == ("change", ("audit-code", "denyAll"), refused)
    assert policy() == ("change", ("audit-code", "allowAll"), ("audit-redrive-open",))
    assert of_rule(system(queue_of()), "redrive_allow_policy") == []  # the DLQ is not in the case


def test_maximum_and_reserved_concurrency():
    def concurrency(most=None, reserved=None):
        scaling = {} if most is None else {"ScalingConfig": {"MaximumConcurrency": most}}
        found = of_rule(system(reserved=reserved, **scaling), "concurrency")
        return [each[1:] for each in found]

    def at_most(number):
        return "audit-number-at-most", number

    five = ("audit-number", 5)
    assert concurrency() == []
    assert concurrency(most=5) == [("ok", five, at_most(5), NOTHING)]
    assert concurrency(most=5, reserved=5) == [("ok", five, at_most(5), NOTHING)]
    above = ("audit-most-above-reserved", 5, 4)
    assert concurrency(most=5, reserved=4) == [("change", five, at_most(4), above)]
    assert concurrency(reserved=4) == [("change", UNSET, at_most(4), ("audit-reserved-alone", 4))]


def test_partial_batches():
    reported = ("audit-code", "ReportBatchItemFailures")

    def batches(size, *types):
        found = of_rule(system(BatchSize=size, FunctionResponseTypes=list(types)), "partial_batch")
        return [each[1:] for each in found]

    assert batches(1) == []
    assert batches(2) == [("change", UNSET, reported, ("audit-batch-repeated", 2))]
    assert batches(2, "ReportBatchItemFailures") == [("ok", reported, reported, NOTHING)]
    case = system(BatchSize=2)
    case._frames["event_source_mappings"]["response_types"] = None
    assert [each[1:] for each in of_rule(case, "partial_batch")] == [("unknown", UNKNOWN, reported, NOTHING)]


def test_encryption():
    managed = ("audit-code", "SqsManagedSseEnabled=true")

    def encryption(**attributes):
        [found] = of_rule(case_of(queues=[queue_of(dlq=None, **attributes)]), "encryption")
        assert (found[0], found[3]) == ("orders", managed)
        return found[1], found[2], found[4]

    assert encryption(SqsManagedSseEnabled="true") == ("ok", managed, NOTHING)
    off = ("audit-code", "SqsManagedSseEnabled=false")
    assert encryption(SqsManagedSseEnabled="false") == ("change", off, ("audit-unencrypted",))
    key = {"KmsMasterKeyId": "alias/own", "SqsManagedSseEnabled": "false"}
    assert encryption(**key) == ("ok", ("audit-code", "alias/own"), NOTHING)
    assert encryption() == ("unknown", UNKNOWN, NOTHING)


def alarm_on(resource, metric, name="a", **more):
    dimension = "FunctionName" if resource == "worker" else "QueueName"
    return {
        "AlarmName": name, "Namespace": "AWS/SQS", "MetricName": metric, "Statistic": "Maximum", "Period": 60,
        "Dimensions": [{"Name": dimension, "Value": resource}], "EvaluationPeriods": 1, "Threshold": 10.0,
        "ComparisonOperator": "GreaterThanThreshold", "AlarmActions": ["arn"], "ActionsEnabled": True, **more,
    }  # fmt: skip


def test_alarms_on_each_resource_of_a_pipeline():
    old = "ApproximateAgeOfOldestMessage"
    metrics = {"orders-dlq": "ApproximateNumberOfMessagesVisible", "worker": "Errors", "orders": old}
    wanted = {name: ("audit-alarm-on", metric) for name, metric in metrics.items()}
    assert of_rule(system(), "alarm", knows_alarms=False) == [
        (name, "unknown", UNKNOWN, wanted[name], NOTHING) for name in metrics
    ]
    assert of_rule(system(), "alarm") == [
        (name, "change", UNSET, wanted[name], ("audit-alarm-missing", name)) for name in metrics
    ]
    alarms = [alarm_on(name, metric, f"{name}-alarm") for name, metric in metrics.items()]
    alarms.append(alarm_on("orders", "NumberOfMessagesSent"))  # of another metric
    found = of_rule(system(alarms=alarms), "alarm")
    assert found == [
        (name, "ok", ("audit-names", [f"{name}-alarm"]), wanted[name], NOTHING) for name in metrics
    ]
    can_fire = of_rule(system(alarms=alarms), "alarm_can_fire")
    assert [(name, status, right) for name, status, _, right, _ in can_fire] == [
        (f"{name}-alarm", "ok", ("audit-alarm-reachable",)) for name in metrics
    ]
    # Five receives, 200 seconds apart, are no older than 1000 seconds.
    [never] = of_rule(system(alarms=[alarm_on("orders", old, Threshold=1000.0)]), "alarm_can_fire")
    assert (never[0], never[1], never[4][0]) == ("a", "change", "alarm-age-is-never-reached")

    def silent(*alarms):
        return [each for each in of_rule(system(alarms=alarms), "alarm") if each[0] == "orders"]

    both = [alarm_on("orders", old, "a", AlarmActions=[]), alarm_on("orders", old, "b", ActionsEnabled=False)]
    assert silent(*both) == [
        ("orders", "change", ("audit-names", ["a", "b"]), wanted["orders"], ("audit-alarm-silent",))
    ]
    assert silent(*both, alarm_on("orders", old, "c"))[0][1] == "ok"


def directives(**layers):
    """Return the table of directives of a server with locations, by layer: path and its settings."""
    rows = []
    for layer, locations in layers.items():
        top = [(0, None, "http", [], True), (1, 0, "server", [], True)]
        number = 2
        for path, settings in locations.items():
            place = number
            top.append((place, 1, "location", [path], True))
            for name, value in settings.items():
                number += 1
                top.append((number, place, name, [value], False))
            number += 1
        rows += [
            {"layer": layer, "file": f"{layer}.conf", "line": 1, "id": each[0], "parent": each[1],
             "directive": each[2], "args": json.dumps(each[3]), "block": each[4]}
            for each in top
        ]  # fmt: skip
    return rows


def call(timeout_s, reached_from="GET /v1/jobs", context="thread_pool", **more):
    return {"timeout_s": timeout_s, "reached_from": reached_from, "context": context, **more}


def test_timeouts_from_the_outside_in():
    def settings(calls, timeout_s, **layers):
        case = system(timeout_s=timeout_s)
        tables = {"config_directives": directives(**layers), "app_calls": calls}
        case._frames.update({name: conform(name, pd.DataFrame(rows)) for name, rows in tables.items()})
        found = of_rule(case, "timeout_chain")
        assert all(
            current[0] == "audit-time" and above[0] == "audit-above" for _, _, current, above, _ in found
        )
        return [(name, status, current[1], above[1], why) for name, status, current, above, why in found]

    proxied = {"proxy_pass": "http://api:8000"}
    calls = [
        call(50.0), call(9.0), call(None), call(70.0, "GET /v2/jobs"), call(90.0, None),
        call(80.0, context="background_thread_pool"),
    ]  # fmt: skip
    nginx = {"/v1/": {**proxied, "proxy_read_timeout": "45s"}, "/static/": {}, "/v3/": proxied}
    edge = {"/": {"proxy_pass": "http://origin", "proxy_read_timeout": "1m"}}
    assert settings(calls, 60, nginx=nginx, edge=edge) == [
        # Nginx gives up after 45 seconds, while the longest call below the path may take 50.
        ("nginx /v1/", "change", 45.0, 50.0, ("audit-nginx-gives-up", 45.0, 50.0)),
        # Without a directive, Nginx waits for 60 seconds, as long as the edge.
        ("edge /v3/", "change", 60.0, 60.0, ("audit-edge-gives-up", 60.0, 60.0)),
        ("worker", "change", 60.0, 60.0, ("audit-function-gives-up", "/v1/", 60.0)),
        ("edge /v1/", "ok", 60.0, 45.0, NOTHING),
    ]
    nginx = {"/v1/": {**proxied, "proxy_read_timeout": "60"}}
    assert settings([call(60.0)], 61, nginx=nginx) == [
        ("nginx /v1/", "change", 60.0, 60.0, ("audit-nginx-gives-up", 60.0, 60.0)),
        ("worker", "ok", 61.0, 60.0, NOTHING),
    ]
    assert settings([call(59.0)], None, nginx=nginx) == [("nginx /v1/", "ok", 60.0, 59.0, NOTHING)]
    assert of_rule(system(), "timeout_chain") == []


def test_containers_and_their_checks():
    def settings(service, **values):
        paths = {name.replace("_", "."): value for name, value in values.items()}
        return [
            {"file": "compose.yaml", "service": service, "path": path, "value": json.dumps(value)}
            for path, value in paths.items()
        ]

    def check(interval, timeout):
        return {
            "healthcheck_test": ["CMD", "x"], "healthcheck_interval": interval,
            "healthcheck_timeout": timeout, "healthcheck_retries": 2,
        }  # fmt: skip

    rows = [
        *settings("slow", image="a", restart="no", ports_0="80:80", **check("10s", "10s")),
        *settings("quick", image="a", restart="always", **check("10s", "9s")),
        *settings("bare", image="a"),
    ]
    case = case_of(compose_settings=rows)
    soon = ("audit-check-soon",)
    [slow, bare, quick] = of_rule(case, "health_check")
    assert slow[:4] == ("slow", "change", ("audit-check", 10.0, 10.0, 2), soon)
    assert slow[4][0] == "audit-check-slow"
    # The image may have one.
    assert bare == ("bare", "unknown", UNKNOWN, soon, NOTHING)
    assert quick == ("quick", "ok", ("audit-check", 10.0, 9.0, 2), soon, NOTHING)
    stopped = ("audit-code", "unless-stopped")
    assert of_rule(case, "restart_policy") == [
        ("slow", "change", ("audit-code", "no"), stopped, ("audit-no-restart",)),
        ("bare", "change", ("audit-code", "no"), stopped, ("audit-no-restart",)),
        ("quick", "ok", ("audit-code", "always"), stopped, NOTHING),
    ]


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
