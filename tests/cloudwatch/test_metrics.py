import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from worlds.aws_front import FAST
from worlds.together import together

from watchme_analysis.aws_shapes.metric_points import fill_intervals, metric_data_parts
from watchme_analysis.cloudwatch.cli_output import write_response
from watchme_analysis.cloudwatch.metrics import (
    COLUMNS,
    MAX_POINTS,
    Expression,
    Metric,
    batches,
    fetch_metric_data,
    finest_period_s,
    get_metrics,
    incident_metrics,
    metric_data_cached,
    metric_queries,
)
from watchme_analysis.cloudwatch.response_cache import CacheMissError, ResponseCache, ResponseStore
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.window import Window

NOW = datetime(2025, 12, 11, 6, tzinfo=UTC)
SENT = ("AWS/SQS", "NumberOfMessagesSent", (("QueueName", "sed-queue"),))


@pytest.fixture
def account(front):
    front.now = lambda: NOW
    return front


@together(
    ("days", "period"), [(0, 60), (14.9, 60), (15.1, 300), (62, 300), (64, 3600), (454, 3600), (500, 86_400)]
)
def test_periods_by_age(days, period):
    assert finest_period_s(NOW - timedelta(days=days), NOW) == period


@pytest.mark.slow
def test_every_point_comes_once_whatever_the_pages(account):
    start = NOW - timedelta(hours=5)
    second = int(start.timestamp())
    account.metrics[SENT] = {second + 60 * n: n for n in range(300)}
    account.points_per_call = 70
    queries = metric_queries(incident_metrics(["sed-queue"], [], []), 60)
    answer = fetch_metric_data(Aws(rate_limits=FAST), queries, Window(start, NOW))
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
        queries = metric_queries(incident_metrics(["sed-queue"], [], [])[:1], period)
        return fetch_metric_data(Aws(rate_limits=FAST), queries, window)["MetricDataResults"][0]["Values"]

    assert values(60) == []
    assert values(finest_period_s(start, NOW)) == [5.0] * 12


def test_percentiles(account):
    start = NOW - timedelta(hours=1)
    duration = ("AWS/Lambda", "Duration", (("FunctionName", "sed-worker"),))
    account.metrics[duration] = {int(start.timestamp()): list(range(1, 101))}
    queries = metric_queries(incident_metrics([], ["sed-worker"], []), 60)
    answer = fetch_metric_data(Aws(rate_limits=FAST), queries, Window(start, NOW))
    by_stat = {
        query["MetricStat"]["Stat"]: result["Values"]
        for query, result in zip(queries, answer["MetricDataResults"], strict=True)
        if query["MetricStat"]["Metric"]["MetricName"] == "Duration"
    }
    assert by_stat == {"Average": [50.5], "Maximum": [100.0], "p99": [100.0]}


@pytest.mark.slow
def test_batches_keep_within_the_limits_and_references_together():
    spread = random.Random(2)
    wanted = incident_metrics([f"q{n}" for n in range(120)], [], [])
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


@pytest.mark.slow
def test_metric_math_goes_with_what_it_refers_to_and_is_whole(account):
    start = NOW - timedelta(hours=1)
    second = int(start.timestamp())
    wanted = incident_metrics([f"q{n}" for n in range(80)], [], [])
    account.metrics = {
        ("AWS/SQS", name, (("QueueName", "q0"),)): {second + 60 * n: n + more for n in range(60)}
        for name, more in (("NumberOfMessagesSent", 1), ("NumberOfMessagesDeleted", 0))
    }
    expression = {"Id": "left", "Expression": "m0 - m2", "Period": 60}
    queries = [*metric_queries(wanted, 60), expression]
    assert len(batches(queries, Window(start, NOW))) == 2
    account.points_per_call = 50
    answer = fetch_metric_data(Aws(rate_limits=FAST), queries, Window(start, NOW))
    series = {result["Id"]: result for result in answer["MetricDataResults"]}
    assert series["left"]["Values"] == [1.0] * 60
    times = series["m0"]["Timestamps"]
    assert times == sorted(set(times))
    assert len(times) == 60


@pytest.mark.slow
def test_a_tidy_frame_of_any_metrics(front):
    now = datetime.now(UTC).replace(microsecond=0)
    start = now.replace(second=0) - timedelta(minutes=40)
    second = int(start.timestamp())
    front.metrics[SENT] = {second: 0, second + 60: 3}
    wanted = [Metric(*SENT, "Sum"), Metric(*SENT, "Maximum"), Metric("Own", "Nothing", (), "Average")]
    frame, retrieval = get_metrics(Aws(rate_limits=FAST), wanted, Window(start, start + timedelta(minutes=4)))
    assert list(frame.columns) == list(COLUMNS)
    assert frame.completeness.tolist() == ["zero", "value", "missing", "missing"] * 2 + ["missing"] * 4
    assert frame.value.dropna().tolist() == [0, 3, 0, 3]
    assert set(frame.period_s) == {60}
    assert (retrieval.rows, retrieval.truncated) == (12, False)
    late, _ = get_metrics(
        Aws(rate_limits=FAST), wanted[:1], Window(now - timedelta(minutes=5), now), period_s=300
    )
    assert set(late.completeness) == {"not_settled"}
    assert get_metrics(Aws(rate_limits=FAST), [], Window(start, now), period_s=60)[0].empty


@pytest.mark.slow
def test_metric_math_is_a_series_among_the_metrics_that_it_refers_to(front):
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=40)
    second = int(start.timestamp())
    front.metrics[SENT] = {second: [0, 4], second + 120: [3]}
    wanted = [
        Expression("100 * m1 / (m2 + 1)", "share"),
        Metric(*SENT, "Maximum"),
        Metric(*SENT, "SampleCount"),
        Metric(*SENT, "p50"),
        Expression("m3 + 1"),
    ]
    frame, retrieval = get_metrics(Aws(rate_limits=FAST), wanted, Window(start, start + timedelta(minutes=3)))
    found = {
        (metric if pd.isna(stat) else stat): list(rows.value.fillna(-1))
        for (metric, stat), rows in frame.groupby(["metric", "stat"], dropna=False)
    }
    assert found["share"] == [100 * 4 / 3, -1, 150]
    assert found["m3 + 1"] == [5, -1, 4]
    assert found["Maximum"] == [4, -1, 3]
    assert frame[frame.metric == "share"].completeness.tolist() == ["value", "missing", "value"]
    assert frame[frame.metric == "share"].namespace.isna().all()
    assert (retrieval.rows, retrieval.truncated) == (15, False)


def test_an_expression_of_several_series_gives_each_by_its_label(monkeypatch):
    window = Window(NOW - timedelta(hours=7), NOW - timedelta(hours=7) + timedelta(minutes=1))
    point = {"Id": "m0", "Timestamps": [window.start.isoformat()], "StatusCode": "Complete"}
    series = [{**point, "Label": label, "Values": [value]} for label, value in (("a", 1.0), ("b", 2.0))]
    answer = {"MetricDataResults": series, "Messages": [], "Asked": {"At": NOW.isoformat()}}
    monkeypatch.setattr("watchme_analysis.cloudwatch.metrics.metric_data_cached", lambda *_: answer)
    frame, _ = get_metrics(Aws(rate_limits=FAST), [Expression("SEARCH('x', 'Sum')")], window, period_s=60)
    found = frame[frame.completeness == "value"]
    assert found[["metric", "value"]].to_numpy().tolist() == [["a", 1.0], ["b", 2.0]]


def test_missing_zero_and_not_settled_are_three_things(front, tmp_path):
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    start = now - timedelta(minutes=30)
    second = int(start.timestamp())
    front.metrics[SENT] = {second: 0, second + 60: 3, second + 29 * 60: 1}
    queries = metric_queries(incident_metrics(["sed-queue"], [], [])[:1], 60)
    write_response(tmp_path, "metrics/metric-data-queries.json", queries)
    answer = metric_data_cached(Aws(rate_limits=FAST), queries, Window(start, now), ResponseCache())
    write_response(tmp_path, "metrics/a.json", answer)
    points, requested = (piece.frame for piece in metric_data_parts(RawFile(tmp_path, "metrics/a.json")))
    assert points.completeness.tolist() == ["zero", "value", "not_settled"]
    # The clock may have gone on by a minute since.
    assert requested.missing.tolist() in ([13], [14])


def test_settled_points_are_queried_once_and_the_tail_again(front, tmp_path):
    now = datetime.now(UTC).replace(microsecond=0)
    start = (now - timedelta(hours=5)).replace(second=0)
    second = int(start.timestamp())
    front.metrics[SENT] = {second + 60 * n: n for n in range(300)}
    queries = metric_queries(incident_metrics(["sed-queue"], [], [])[:1], 60)
    store = ResponseStore(tmp_path, "here")

    def ask(end, **how):
        return metric_data_cached(
            Aws(rate_limits=FAST), queries, Window(start, end), ResponseCache(store, **how)
        )

    hour = start + timedelta(seconds=3630)
    first = ask(hour)
    assert ask(hour, offline=True)["MetricDataResults"] == first["MetricDataResults"]
    assert ask(hour)["MetricDataResults"] == first["MetricDataResults"]
    assert front.calls["GetMetricData"] == 1
    # A late point of the settled part is not seen, one of the tail is.
    front.metrics[SENT] |= {second: 99, second + 60 * 150: 99}
    values = [float(n) for n in range(300)]
    values[150] = 99.0
    for _ in range(2):
        answer = ask(now)["MetricDataResults"][0]
        assert answer["Values"] == values
        assert len(set(answer["Timestamps"])) == 300
    assert front.calls["GetMetricData"] == 3
    assert ask(now, offline=True)["MetricDataResults"] == [answer]
    with pytest.raises(CacheMissError, match="once without --offline"):
        ask(now + timedelta(minutes=1), offline=True)
    assert ask(now, refresh=True)["MetricDataResults"][0]["Values"][0] == 99.0


def test_faults_on_the_way(account):
    account.metrics[SENT] = {int((NOW - timedelta(hours=1)).timestamp()): 7}
    account.faults["GetMetricData"].extend(["throttle", "reset", "500"])
    queries = metric_queries(incident_metrics(["sed-queue"], [], []), 60)
    answer = fetch_metric_data(Aws(rate_limits=FAST), queries, Window(NOW - timedelta(hours=2), NOW))
    assert answer["MetricDataResults"][0]["Values"] == [7.0]


@pytest.mark.slow
def test_two_that_keep_the_same_answer_at_once_leave_a_whole_one(tmp_path):
    store = ResponseStore(tmp_path, "here")
    value = {"rows": ["x" * 1000] * 2000}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: store.save(["same"], value, NOW), range(40)))
    assert store.load(["same"]).value == value
    [kept] = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept.suffix == ".gz"
    assert kept.stat().st_mode & 0o777 == 0o600, "it holds what was logged"


def test_an_answer_that_can_not_be_kept_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        ResponseStore(tmp_path, "here").save(["same"], 1, NOW)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("period", [60, 300, 3600])
def test_a_start_within_an_interval_gives_the_intervals_of_the_clock(account, period):
    account.now = lambda: datetime.now(UTC)
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=4)
    account.metrics[SENT] = {int(hour.timestamp()) + 60 * n: 1 for n in range(180)}
    window = Window(hour + timedelta(minutes=7, seconds=33), hour + timedelta(hours=2))
    frame, _ = get_metrics(Aws(rate_limits=FAST), [Metric(*SENT, "Sum")], window, period_s=period)
    assert set(frame.completeness) == {"value"}
    assert set(frame.value) == {period / 60}
    assert frame.time.iloc[0] == pd.Timestamp(window.start).floor(f"{period}s")


def test_points_of_intervals_beside_the_clock_are_not_missing():
    window = Window(NOW - timedelta(minutes=33), NOW - timedelta(minutes=3))
    times = pd.date_range(window.start, periods=6, freq="5min", unit="us")
    frame = fill_intervals(
        pd.Series([1.0, 0.0, 2.0, None, 3.0, 4.0], index=times).dropna(), window, 300, None
    )
    assert frame.completeness.tolist() == ["value", "zero", "value", "missing", "value", "value"]


def test_a_token_that_no_longer_holds_starts_over(account):
    start = NOW - timedelta(hours=1)
    account.metrics[SENT] = {int(start.timestamp()) + 60 * n: n for n in range(60)}
    account.points_per_call = 25
    account.faults["GetMetricData"].extend([None, "bad token"])
    queries = metric_queries([Metric(*SENT, "Sum")], 60)
    (result,) = fetch_metric_data(Aws(rate_limits=FAST), queries, Window(start, NOW))["MetricDataResults"]
    assert result["Values"] == [float(n) for n in range(60)]
    account.faults["GetMetricData"].extend([None, "bad token", None, "bad token"])
    with pytest.raises(ServiceError, match="InvalidNextToken"):
        fetch_metric_data(Aws(rate_limits=FAST), queries, Window(start, NOW))


def test_what_refers_to_all_goes_with_all_and_selects_go_alone():
    window = Window(NOW - timedelta(hours=1), NOW)
    wanted = metric_queries(incident_metrics([f"q{n}" for n in range(40)], [], []), 60)
    total = {"Id": "total", "Expression": "SUM(METRICS())"}
    assert len(batches([*wanted, total], window)) == 1
    with pytest.raises(InputError, match=r"641 metric queries refer to each other .* split"):
        batches([*metric_queries(incident_metrics([f"q{n}" for n in range(80)], [], []), 60), total], window)
    selects = [
        {"Id": f"s{n}", "Expression": 'SELECT MAX(Errors) FROM "AWS/Lambda"', "Period": 60} for n in (1, 2)
    ]
    assert [len(batch) for batch in batches([*wanted[:3], *selects], window)] == [4, 1]


@pytest.mark.slow
def test_a_call_asks_for_no_more_points_than_come_at_once(account):
    account.metrics[SENT] = {int((NOW - timedelta(days=14)).timestamp()): 1}
    queries = metric_queries(incident_metrics([f"q{n}" for n in range(20)], [], []), 60)
    fetch_metric_data(Aws(rate_limits=FAST), queries, Window(NOW - timedelta(days=14), NOW))
    points = [
        sum((call["EndTime"] - call["StartTime"]) / 60 for _ in call["MetricDataQueries"])
        for call in account.requested
    ]
    assert sum(len(call["MetricDataQueries"]) for call in account.requested) == len(queries)
    assert max(points) <= MAX_POINTS < sum(points)
