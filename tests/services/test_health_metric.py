"""The metric of health probes: a point a minute, kept while CloudWatch can't be reached."""

import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
import pytest
from worlds.aws_front import FAST
from worlds.memory_queues import MemoryQueues
from worlds.messages import messages_in

from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import ServiceError
from watchme_analysis.services import health_metric
from watchme_analysis.services.health_metric import MetricPublisher, is_failed, monthly_usd
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


@pytest.mark.parametrize(
    ("result", "failed"),
    [
        (GOOD, False),
        ({**GOOD, "status": 503}, True),
        ({**GOOD, "status": None, "error": "timeout"}, True),
        ({**GOOD, "seconds": 11.0}, True),
    ],
)
def test_a_check_fails_without_a_good_response_in_time(result, failed):
    assert is_failed(result, 10.0) is failed


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
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/health"
    run = watchme("probe", url, "--publish", "--every", "1s", "--for", "1s", "--quiet", cwd=tmp_path)
    server.shutdown()
    assert run.returncode == 0, run.stderr
    assert "0.74 USD a month" in run.stderr
    assert checks(url) == (1.0, 1.0, 1.0)
    assert (tmp_path / "probes.csv").exists()
    assert watchme("probe", url, "--slower-than", "1s", cwd=tmp_path).returncode == 2


def test_limits_of_a_good_check():
    assert [is_failed({**GOOD, "status": status}) for status in (399, 400, "399")] == [False, True, False]
    assert is_failed({**GOOD, "error": "reset"})
    assert is_failed({"seconds": 0.1})
    slow = [is_failed({**GOOD, "seconds": seconds}, 10.0) for seconds in (10.0, 10.1)]
    assert slow == [False, True]
    assert not is_failed({**GOOD, "seconds": 1e9})


@pytest.fixture
def memory():
    account = MemoryQueues(rate_limits=FAST)
    account.responses["put_metric_data"] = {}
    return account


def test_each_datum_has_the_numbers_of_good_and_failed_checks(memory):
    publisher = MetricPublisher(memory, slow_s=1.0)
    before = datetime.now(UTC).replace(second=0, microsecond=0)
    for url, seconds in ((URL, 0.5), (URL, 2.0), (URL, 0.6), (f"{URL}/2", 0.1)):
        publisher.add(url, {**GOOD, "seconds": seconds})
    assert publisher.unwritten == 2
    publisher.flush()
    [(operation, made)] = memory.made
    minutes = {each["Timestamp"] for each in made["MetricData"]}
    assert minutes <= {before, before + timedelta(minutes=1)}

    def datum(url, values, counts):
        return {
            "MetricName": "HealthCheckFailed", "Dimensions": [{"Name": "Url", "Value": url}],
            "Timestamp": made["MetricData"][0]["Timestamp"], "Values": values, "Counts": counts,
            "Unit": "Count",
        }  # fmt: skip

    assert (operation, made) == (
        "put_metric_data",
        {
            "Namespace": "Watchme",
            "MetricData": [datum(URL, [0.0, 1.0], [2.0, 1.0]), datum(f"{URL}/2", [0.0], [1.0])],
        },
    )
    assert (publisher.written, publisher.unwritten, publisher.problem) == (2, 0, "")
    publisher.flush()
    assert len(memory.made) == 1  # nothing is left to write
    assert messages_in(publisher.summary())["probe-published"] == {
        "points": 2, "metric": "HealthCheckFailed", "lost": 0, "problem": ""
    }  # fmt: skip


def test_a_call_that_fails_keeps_its_data_and_those_after_it(memory, monkeypatch):
    monkeypatch.setattr(health_metric, "_MOST_DATA", 1)
    publisher = MetricPublisher(memory)
    for number in range(3):
        publisher.add(f"{URL}/{number}", GOOD)
    memory.problems["put_metric_data"] = [None, ServiceError("denied")]
    publisher.flush()
    assert (publisher.written, publisher.unwritten, publisher.problem) == (1, 2, "denied")
    assert messages_in(publisher.summary())["probe-published"]["lost"] == 2
    memory.made.clear()
    publisher.add(f"{URL}/1", GOOD)  # counted with what was kept
    publisher.flush()
    counts = {
        each["Dimensions"][0]["Value"][-1]: each["Counts"]
        for _, made in memory.made
        for each in made["MetricData"]
    }
    assert counts == {"1": [2.0], "2": [1.0]}
    assert (publisher.written, publisher.unwritten) == (3, 0)


def test_the_oldest_data_are_lost_when_too_many_are_kept(memory, monkeypatch):
    monkeypatch.setattr(health_metric, "_MOST_KEPT", 2)
    publisher = MetricPublisher(memory)
    for number in range(4):
        publisher.add(f"{URL}/{number}", GOOD)
    assert (publisher.lost, publisher.unwritten) == (2, 4)
    publisher.flush()
    [(_, made)] = memory.made
    assert [each["Dimensions"][0]["Value"][-1] for each in made["MetricData"]] == ["2", "3"]


def test_a_thread_writes_until_the_end(memory):
    written = threading.Event()
    memory.before["put_metric_data"] = [written.set]
    with MetricPublisher(memory, every_s=0.001) as publisher:
        publisher.add(URL, GOOD)
        assert written.wait(5)
        publisher.add(URL, GOOD)
    assert (publisher.unwritten, publisher._thread.is_alive()) == (0, False)
    assert monthly_usd(2) == pytest.approx(0.60 + 0.438)
