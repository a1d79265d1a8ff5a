"""Links of a page into the AWS console need one region and account, and disappear in redacted cases."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from urllib.parse import unquote

import pandas as pd
import pytest

from watchme_analysis.aws_shapes.console_links import Place
from watchme_analysis.notebook.console_links import links_of_endpoint, place_of
from watchme_analysis.window import Window

TOKYO = ("ap-northeast-1", "123456789012")


def case(*places, redacted=None, arns=(), alarms=()):
    tables = {
        "queues": pd.DataFrame(places, columns=["region", "account_id"]),
        "functions": pd.DataFrame({"arn": list(arns)}),
        "alarms": pd.DataFrame({"definition": list(alarms)}),
    }
    return SimpleNamespace(manifest={"redacted": redacted}, table=tables.__getitem__)


@pytest.mark.parametrize("level", [None, "secrets"])
def test_the_place_is_that_of_the_queues(level):
    assert place_of(case(TOKYO, TOKYO, redacted=level)) == Place(*TOKYO)


def test_without_queues_the_place_is_that_of_the_functions():
    assert place_of(case(arns=["arn:aws:lambda:eu-west-1:123456789012:function:a"])) == Place(
        "eu-west-1", "123456789012"
    )


def test_without_functions_the_place_is_that_of_the_alarms():
    alarm = '{"AlarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:health"}'
    assert place_of(case(alarms=[alarm])) == Place("eu-west-1", "123456789012")


def test_a_page_about_an_endpoint_links_to_metrics_and_to_a_query_of_its_log_groups():
    start = datetime(2026, 1, 1, tzinfo=UTC)
    found = case(arns=["arn:aws:lambda:eu-west-1:123456789012:function:a"])
    tables = {
        "queues": found.table("queues"),
        "functions": found.table("functions"),
        "metrics": pd.DataFrame(
            [["AWS/EC2", "CPUUtilization", '{"InstanceId": "i-0123"}', "i-0123"]],
            columns=["namespace", "metric", "dimensions", "resource"],
        ),
        "log_queries": pd.DataFrame({"log_group": ["/app/api", None]}),
    }
    made = SimpleNamespace(manifest={}, table=tables.__getitem__)
    changes = pd.DataFrame({"event_id": [], "event_name": [], "time": []})
    links = dict(links_of_endpoint(made, "/health", Window(start, start + timedelta(hours=1)), changes))
    (metrics, lines) = links.values()
    assert "InstanceId" in unquote(metrics) and "CPUUtilization" in unquote(metrics)
    assert "health" in lines and "2026-01-01T01" in unquote(lines.replace("$", "%").replace("*", "%"))
    assert [each.id for each in links] == ["console-metrics", "console-lines"]


@pytest.mark.parametrize("level", ["ids", "share"])
def test_a_redacted_case_has_no_place(level):
    assert place_of(case(TOKYO, redacted=level)) is None


def test_an_unknown_or_ambiguous_place_is_none():
    assert place_of(case()) is None
    assert place_of(case(TOKYO, ("eu-west-1", "123456789012"))) is None
