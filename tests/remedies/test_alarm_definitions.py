"""Alarms as definitions: what they watch, which can never fire, composite ones, and exports."""

import json
import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
import pytest

from watchme_analysis.alarms.backtest import Rule
from watchme_analysis.alarms.chains import Chain, cannot_fire
from watchme_analysis.alarms.evidence import Evidence, is_better_together
from watchme_analysis.alarms.specification import AlarmSpec
from watchme_analysis.queues.pipeline import RecordedSettings
from watchme_analysis.remedies.alarm_definitions import Request, wanted_alarms
from watchme_analysis.remedies.alarm_export import HEALTH_CHECKS, exported, health_check_usd
from watchme_analysis.text.message import message

TOPIC = "arn:aws:sns:ap-southeast-2:123456789012:on-call"


def test_an_age_that_no_failing_message_reaches_is_reported_with_its_arithmetic():
    spec = AlarmSpec("age", "queue", ("ApproximateAgeOfOldestMessage",), "Maximum", Rule(60, 600.0))
    settings = RecordedSettings(visibility_timeout_s=180.0, max_receive_count=3)
    chains = [Chain(name, None, None, settings) for name in ("a", "b")]
    [said] = cannot_fire(spec, chains)
    values = {name: getattr(value, "seconds", None) for name, value in said.values.items()}
    assert (values["total"], values["needed"], values["better"]) == (540.0, 600.0, 270.0)
    assert said.values["queues"].items == ("a", "b")
    assert not cannot_fire(replace(spec, rule=Rule(60, 500.0)), chains)
    assert not cannot_fire(spec, [Chain("a", None, None, RecordedSettings())])
    long = AlarmSpec("long", "function", ("Duration",), "Maximum", Rule(300, 800_000.0))
    [said] = cannot_fire(long, [Chain(None, "f", None, RecordedSettings(function_timeout_s=30.0))])
    assert said.id == "alarm-duration-is-never-reached"


def test_a_composite_alarm_is_used_only_where_the_back_test_shows_that_it_is_better():
    said = message("alarm-evidence-none")
    noisy, calm = Evidence(60.0, 12, 4, said), Evidence(90.0, 1, 0, said)
    assert is_better_together(calm, [(noisy, 300.0), (noisy, 60.0)])
    assert not is_better_together(calm, [(noisy, 10.0)])  # it fires more than a period later
    assert not is_better_together(calm, [(calm, 300.0), (calm, 300.0)])
    assert not is_better_together(None, [(noisy, 300.0)])
    members = [
        AlarmSpec("dead", "dlq", ("ApproximateNumberOfMessagesVisible",), "Average", Rule(300, 0.0)),
        AlarmSpec("late", "queue", ("ApproximateAgeOfOldestMessage",), "Maximum", Rule(300, 60.0)),
    ]
    both = AlarmSpec("both", "queue", composite='ALARM("dead") AND NOT ALARM("late")')
    evidence = {("dead", "q-dlq"): noisy, ("late", "q"): noisy, ("both", "q"): calm}
    chains = [Chain("q", None, "q-dlq")]
    found = wanted_alarms(Request([both, *members], chains, TOPIC, evidence)).definitions
    assert [each.parameters["AlarmActions"] for each in found] == [[], [], [TOPIC]]
    assert found[-1].parameters["AlarmRule"] == 'ALARM("q-dlq-dead") AND NOT ALARM("q-late")'
    [note] = wanted_alarms(Request([both, *members], chains, TOPIC)).notes
    assert note.id == "alarm-composite-not-better"


def test_exports_have_the_same_alarms_in_three_formats():
    """Templates are data, and refer to nothing that they do not define."""
    spec = AlarmSpec("dead", "dlq", ("ApproximateNumberOfMessagesVisible",), "Average", Rule(300, 0.0))
    rate = AlarmSpec("rate", "function", ("Errors", "Invocations"), "Sum", Rule(300, 10.0))
    health = AlarmSpec("health", "probes", ("failed checks",), "", Rule(60, 0.0, 3, 3))
    urls = ("https://example.com/health",)
    request = Request([spec, rate, health], [Chain("q", "f${x}", "q-dlq")], "on-call", health_urls=urls)
    made = wanted_alarms(request).definitions
    for check in (None, *HEALTH_CHECKS):
        template = json.loads(exported(made, "cloudformation", "on-call", urls, check))
        alarms = [
            each["Properties"]["AlarmName"]
            for each in template["Resources"].values()
            if each["Type"] == "AWS::CloudWatch::Alarm"
        ]
        assert alarms == [each.name for each in made]
        known = {*template["Resources"], *template["Parameters"]}
        assert _references(template) <= known
    terraform = json.loads(exported(made, "terraform", "on-call", urls, "lambda"))["resource"]
    alarms = terraform["aws_cloudwatch_metric_alarm"].values()
    assert [each["alarm_name"] for each in alarms] == [each.name.replace("${", "$${") for each in made]
    [stack] = terraform["aws_cloudformation_stack"].values()
    inner = json.loads(stack["template_body"].replace("$${", "${"))
    assert _references(inner) <= {*inner["Resources"], *inner["Parameters"]}
    script = exported(made, "cli", TOPIC, urls, "canary")
    assert script.count("aws cloudwatch put-metric-alarm") == len(made)
    assert f"TOPIC={TOPIC}" in script
    assert health_check_usd("canary", 1) > 50 > health_check_usd("lambda", 1)


class _Health(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(self.path[1:]))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("check", HEALTH_CHECKS)
def test_the_exported_health_check_writes_the_metric_of_its_alarm(front, monkeypatch, check):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refused = f"http://127.0.0.1:{unused.getsockname()[1]}/200"
    server = HTTPServer(("127.0.0.1", 0), _Health)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    urls = {f"{base}/200": 0.0, f"{base}/503": 1.0, refused: 1.0}
    resources = json.loads(exported((), "cloudformation", "", list(urls), check))["Resources"]
    properties = next(
        each["Properties"]
        for name, each in resources.items()
        if name in ("HealthCheckFunction", "HealthCheckCanary")
    )
    variables = properties.get("Environment", {}).get("Variables", {})
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    names = {}
    exec(properties["Code"].get("ZipFile") or properties["Code"]["Script"], names)
    names["handler"]({}, None)
    server.shutdown()
    server.server_close()
    request = Request([AlarmSpec("health", "probes", ("failed checks",), "", Rule(60, 0.0, 3, 3))], [], TOPIC)
    now = datetime.now(UTC)
    for url, failed in urls.items():
        [alarm] = wanted_alarms(replace(request, health_urls=(url,))).definitions
        same = {name: alarm.parameters[name] for name in ("Namespace", "MetricName", "Dimensions")}
        found = boto3.client("cloudwatch").get_metric_statistics(
            **same,
            StartTime=now - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=5),
            Period=alarm.parameters["Period"],
            Statistics=[alarm.parameters["Statistic"]],
        )
        assert [each[alarm.parameters["Statistic"]] for each in found["Datapoints"]] == [failed]


def _references(value):
    if isinstance(value, list):
        return set().union(*map(_references, value))
    if not isinstance(value, dict):
        return set()
    own = {value["Ref"]} if "Ref" in value else set()
    own |= {value["Fn::GetAtt"][0]} if "Fn::GetAtt" in value else set()
    return own.union(*map(_references, value.values()))
