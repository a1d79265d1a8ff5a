import random
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from watchme_analysis.sources.aws_client import Aws, Pace
from watchme_analysis.sources.cloudwatch_metrics import read_answers
from watchme_analysis.sources.metrics import (
    batches,
    catalogue,
    completeness,
    get_metric_data,
    metric_queries,
    period_for,
)
from watchme_analysis.sources.raw import RawFile
from watchme_analysis.sources.raw_answers import write_answer
from watchme_analysis.window import Window

NOW = datetime(2025, 12, 11, 6, tzinfo=UTC)
FAST = Pace(gap_s=0, backoff_s=0.002, longest_backoff_s=0.01)
SENT = ("AWS/SQS", "NumberOfMessagesSent", (("QueueName", "sed-queue"),))


@pytest.fixture
def account(front):
    front.now = lambda: NOW
    return front


@pytest.mark.parametrize(
    ("days", "period"), [(0, 60), (14.9, 60), (15.1, 300), (62, 300), (64, 3600), (454, 3600), (500, 86_400)]
)
def test_periods_by_age(days, period):
    assert period_for(NOW - timedelta(days=days), NOW) == period


def test_every_point_comes_once_whatever_the_pages(account):
    start = NOW - timedelta(hours=5)
    second = int(start.timestamp())
    account.metrics[SENT] = {second + 60 * n: n for n in range(300)}
    account.points_per_call = 70
    queries = metric_queries(catalogue(["sed-queue"], [], []), 60)
    answer = get_metric_data(Aws(pace=FAST), queries, Window(start, NOW))
    series = {result["Id"]: result for result in answer["MetricDataResults"]}
    assert len(series) == len(queries)
    assert series["m0"]["Values"] == [float(n) for n in range(300)]
    assert series["m0"]["StatusCode"] == "Complete"
    assert series["m1"]["Values"] == []
    assert account.calls["GetMetricData"] == 5


def test_an_expired_period_has_no_points_and_the_chosen_one_has(account):
    start = NOW - timedelta(days=20)
    account.metrics[SENT] = {int(start.timestamp()) + 60 * n: 1 for n in range(60)}
    window = Window(start, start + timedelta(hours=1))

    def values(period):
        queries = metric_queries(catalogue(["sed-queue"], [], [])[:1], period)
        return get_metric_data(Aws(pace=FAST), queries, window)["MetricDataResults"][0]["Values"]

    assert values(60) == []
    assert values(period_for(start, NOW)) == [5.0] * 12


def test_percentiles(account):
    start = NOW - timedelta(hours=1)
    duration = ("AWS/Lambda", "Duration", (("FunctionName", "sed-worker"),))
    account.metrics[duration] = {int(start.timestamp()): list(range(1, 101))}
    queries = metric_queries(catalogue([], ["sed-worker"], []), 60)
    answer = get_metric_data(Aws(pace=FAST), queries, Window(start, NOW))
    by_stat = {
        query["MetricStat"]["Stat"]: result["Values"]
        for query, result in zip(queries, answer["MetricDataResults"], strict=True)
        if query["MetricStat"]["Metric"]["MetricName"] == "Duration"
    }
    assert by_stat == {"Average": [50.5], "Maximum": [100.0], "p99": [100.0]}


def test_batches_keep_within_the_limits_and_references_together():
    spread = random.Random(2)
    wanted = catalogue([f"q{n}" for n in range(120)], [], [])
    queries = metric_queries(wanted, 3600)
    for number in range(0, 900, 45):
        other = spread.randrange(len(wanted))
        queries.append({"Id": f"e{number}", "Expression": f"100 * m{number} / m{other}", "Period": 3600})
    spread.shuffle(queries)
    found = batches(queries, Window(NOW - timedelta(hours=2), NOW))
    assert sorted(query["Id"] for batch in found for query in batch) == sorted(q["Id"] for q in queries)
    assert max(map(len, found)) <= 500
    for batch in found:
        ids = {query["Id"] for query in batch}
        for query in batch:
            named = set(query.get("Expression", "").replace("*", " ").replace("/", " ").split())
            assert {name for name in named if name.startswith("m")} <= ids
    long = batches(metric_queries(wanted, 60), Window(NOW - timedelta(days=10), NOW))
    assert all(len(batch) * 14_400 <= 100_800 for batch in long)


def test_missing_zero_and_not_settled_are_three_things(account, tmp_path):
    start = NOW - timedelta(minutes=30)
    second = int(start.timestamp())
    account.metrics[SENT] = {second: 0, second + 60: 3, second + 29 * 60: 1}
    window = Window(start, NOW)
    queries = metric_queries(catalogue(["sed-queue"], [], [])[:1], 60)
    write_answer(tmp_path, "metrics/metric-data-queries.json", queries)
    write_answer(tmp_path, "metrics/a.json", get_metric_data(Aws(pace=FAST), queries, window))
    points, asked = (piece.frame for piece in read_answers(RawFile(tmp_path, "metrics/a.json")))
    frame = completeness(points, asked, window, NOW)
    assert frame.completeness.tolist() == ["zero", "value", *["missing"] * 13, *["not_settled"] * 15]
    assert frame.value.iloc[-1] == 1
    assert frame.time.iloc[0] == pd.Timestamp(start)


def test_faults_on_the_way(account):
    account.metrics[SENT] = {int((NOW - timedelta(hours=1)).timestamp()): 7}
    account.faults["GetMetricData"].extend(["throttle", "reset", "500"])
    queries = metric_queries(catalogue(["sed-queue"], [], []), 60)
    answer = get_metric_data(Aws(pace=FAST), queries, Window(NOW - timedelta(hours=2), NOW))
    assert answer["MetricDataResults"][0]["Values"] == [7.0]
