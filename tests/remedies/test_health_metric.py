"""The metric of health probes: a point a minute, kept while CloudWatch can't be reached."""

from datetime import UTC, datetime, timedelta

import boto3
import pytest
from worlds.aws_front import FAST
from worlds.http_service import http_service

from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.remedies.health_metric import MetricPublisher, monthly_usd
from watchme_analysis.text.message import Count

URL = "https://example.com/health"
GOOD = {"status": 200, "error": None, "seconds": 0.1}


def checks(url=URL):
    now = datetime.now(UTC)
    found = boto3.client("cloudwatch").get_metric_statistics(
        Namespace="Watchme",
        MetricName="HealthCheckFailed",
        Dimensions=[{"Name": "Url", "Value": url}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=7200,
        Statistics=["Sum", "SampleCount", "Minimum"],
    )
    [point] = found["Datapoints"]
    return point["Sum"], point["SampleCount"], point["Minimum"]


def test_the_checks_of_a_minute_are_one_datum(front):
    publisher = MetricPublisher(Aws(rate_limits=FAST))
    for status in (200, 503, 503):
        publisher.add(URL, {**GOOD, "status": status})
    with publisher:
        pass
    assert checks() == (2.0, 3.0, 0.0)
    assert monthly_usd(1) == pytest.approx(0.30 + 0.438)


def test_points_are_kept_while_cloudwatch_refuses_them(front):
    publisher = MetricPublisher(Aws(rate_limits=FAST))
    publisher.add(URL, GOOD)
    front.faults["PutMetricData"].append("denied")
    publisher.flush()
    assert (publisher.written, publisher.summary().values["lost"]) == (0, Count(1))
    assert publisher.problem
    publisher.add(URL, GOOD)
    publisher.flush()
    assert checks()[1] == 2.0


def test_the_command_writes_file_and_metric(front, watchme, tmp_path):
    with http_service(lambda path: 500) as base:
        url = f"{base}/health"
        run = watchme("probe", url, "--publish", "--every", "1s", "--for", "1s", "--quiet", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "0.74 USD a month" in run.stderr
    assert checks(url) == (1.0, 1.0, 1.0)
    assert (tmp_path / "probes.csv").exists()
    assert watchme("probe", url, "--slower-than", "1s", cwd=tmp_path).returncode == 2
