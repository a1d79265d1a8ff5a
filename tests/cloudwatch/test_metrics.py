import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from worlds.aws_front import FAST
from worlds.messages import messages_in
from worlds.scripted_aws import ScriptedAws
from worlds.together import together

from watchme_analysis.aws_shapes.metric_points import fill_intervals, metric_data_parts
from watchme_analysis.cloudwatch.cli_output import write_response
from watchme_analysis.cloudwatch.metrics import (
    COLUMNS,
    MAX_POINTS,
    Expression,
    Metric,
    batches,
    catalogue,
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
from watchme_analysis.retrieval import Retrieval
from watchme_analysis.text.message import message_of
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
    # No point at all of `Own`: perhaps there is no such metric.
    assert (retrieval.rows, retrieval.truncated) == (12, True)
    assert [messages_in(message_of(one)) for one in retrieval.notes] == [
        {"note-metrics-without-points": {"resource": "Own", "intervals": 4}}
    ]
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
    with pytest.raises(InputError, match=r"721 metric queries refer to each other .* split"):
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


def served(*results, messages=()):
    """Return a page of GetMetricData: the id, values by minute after the start, and perhaps the status."""
    return {
        "Messages": list(messages),
        "MetricDataResults": [
            {
                "Id": name,
                "Label": name,
                "Timestamps": [OLD.start + timedelta(minutes=minute) for minute in values],
                "Values": [*values.values()],
                "StatusCode": status,
            }
            for name, values, status in results
        ],
    }


OLD = Window(NOW - timedelta(hours=7), NOW - timedelta(hours=7) + timedelta(minutes=3))
MINUTES = [(OLD.start + timedelta(minutes=minute)).isoformat() for minute in range(3)]


def test_pages_of_a_response_are_one():
    pages = [
        served(("m0", {0: 1.0}, "PartialData"), messages=[{"Code": "a"}]),
        served(("m0", {1: 2.0}, "Complete"), ("m1", {}, "InternalError"), messages=[{"Code": "b"}]),
    ]
    aws = ScriptedAws(get_metric_data=[pages])
    queries = metric_queries([Metric(*SENT, "Sum"), Expression("m0 * 2")], 60)
    window = Window(OLD.start + timedelta(seconds=7, microseconds=5), OLD.end)
    assert fetch_metric_data(aws, queries, window) == {
        "MetricDataResults": [
            {
                "Id": "m0",
                "Label": "m0",
                "Timestamps": MINUTES[:2],
                "Values": [1.0, 2.0],
                "StatusCode": "Complete",
            },
            {"Id": "m1", "Label": "m1", "Timestamps": [], "Values": [], "StatusCode": "InternalError"},
        ],
        "Messages": [{"Code": "a"}, {"Code": "b"}],
    }
    dimensions = [{"Name": "QueueName", "Value": "sed-queue"}]
    metric = {"Namespace": "AWS/SQS", "MetricName": "NumberOfMessagesSent", "Dimensions": dimensions}
    stat = {"Metric": metric, "Period": 60, "Stat": "Sum"}
    math = {"Id": "m1", "Expression": "m0 * 2", "Label": "m0 * 2", "Period": 60, "ReturnData": True}
    assert aws.calls == [
        (
            "cloudwatch:get_metric_data",
            {
                "MetricDataQueries": [{"Id": "m0", "MetricStat": stat, "ReturnData": True}, math],
                "StartTime": OLD.start,
                "EndTime": OLD.end,
                "ScanBy": "TimestampAscending",
            },
        )
    ]
    assert aws.metrics_requested == 1, "metric math is not billed"


def test_a_start_is_rounded_to_the_longest_period_of_its_call():
    queries = [
        *metric_queries([Metric(*SENT, "Sum")], 60),
        {**metric_queries([Metric(*SENT, "Maximum")], 3600)[0], "Id": "m1"},
    ]
    aws = ScriptedAws(get_metric_data=[[]])
    start = OLD.start + timedelta(minutes=59, seconds=59, microseconds=999_999)
    fetch_metric_data(aws, queries, Window(start, OLD.start + timedelta(hours=2)))
    assert aws.calls[0][1]["StartTime"] == OLD.start


def ids(*batched):
    return [[query["Id"] for query in batch] for batch in batched]


def test_a_call_takes_500_queries_and_100_800_points():
    def queries(count, period=60):
        return metric_queries([Metric("a", "b", (), "Sum")] * count, period)

    assert [len(batch) for batch in batches(queries(501), OLD)] == [500, 1]
    # A week of minutes and the interval at its end, 10,081 points: nine queries and not ten.
    week = Window(NOW - timedelta(days=7), NOW)
    assert [len(batch) for batch in batches(queries(10), week)] == [9, 1]
    exact = Window(NOW - timedelta(minutes=MAX_POINTS // 2 - 1), NOW)
    assert [len(batch) for batch in batches(queries(3), exact)] == [2, 1]
    assert batches([], OLD) == []
    # A query that states no period has one of a minute.
    math = [{"Id": f"e{number}", "Expression": "1"} for number in range(10)]
    assert [len(batch) for batch in batches(math, week)] == [9, 1]


def test_queries_that_refer_to_each_other_stay_together_in_order():
    plain = metric_queries([Metric("a", "b", (), "Sum")] * 4, 60)
    twice = {"Id": "e1", "Expression": "m3 + m1"}
    again = {"Id": "e2", "Expression": "e1 / m1 + MAX(x)"}
    alone = {"Id": "e3", "Expression": "e3"}
    year = Window(NOW - timedelta(days=35), NOW)  # of 50,401 points, so that each batch is one or two queries
    assert ids(*batches([*plain, alone], year)) == [["m0"], ["m1"], ["m2"], ["m3"], ["e3"]]
    found = ids(*batches([*plain, twice, again], year))
    assert found == [["m0"], ["m2"], ["m1", "m3", "e1", "e2"]]


def test_too_many_linked_queries_are_named():
    total = {"Id": "total", "Expression": "SUM(METRICS())"}
    plain = metric_queries([Metric("a", "b", (), "Sum")] * 500, 60)
    with pytest.raises(InputError) as raised:
        batches([*plain, total], OLD)
    ((name, values),) = messages_in(raised.value.args[0]).items()
    assert (name, values["number"], values["most"]) == ("error-metric-queries-linked", "501", "500")
    assert len(batches([*plain[:499], total], OLD)) == 1


def test_metrics_as_a_frame():
    math = Expression("m0 * 2", "doubled")
    page = served(
        ("m0", {0: 3.0, 2: 0.0}, "Complete"),
        ("m1", {1: 6.0}, "PartialData"),
        messages=[{"Code": "slow", "Value": "late points"}],
    )
    aws = ScriptedAws(get_metric_data=[[page]])
    frame, how = get_metrics(aws, [Metric(*SENT, "Sum"), math], OLD, period_s=60)
    missing = None
    expected = pd.DataFrame(
        {
            "namespace": ["AWS/SQS"] * 3 + [missing] * 3,
            "metric": ["NumberOfMessagesSent"] * 3 + ["m1"] * 3,  # the label that CloudWatch returned
            "dimensions": ['{"QueueName": "sed-queue"}'] * 3 + [missing] * 3,
            "stat": ["Sum"] * 3 + [missing] * 3,
            "period_s": [60] * 6,
            "time": pd.to_datetime(MINUTES * 2).as_unit("us"),
            "value": [3.0, missing, 0.0, missing, 6.0, missing],
            "completeness": ["value", "not_kept", "zero", "not_kept", "value", "not_kept"],
        }
    )
    texts = ["namespace", "metric", "dimensions", "stat", "completeness"]
    expected = expected.astype(dict.fromkeys(texts, "string") | {"value": "Float64"})
    pd.testing.assert_frame_equal(frame, expected)
    notes = [next(iter(messages_in(message_of(each)).items())) for each in how.notes]
    assert notes.pop()[0] == "note-metrics-not-kept"
    assert notes == [
        ("metrics-incomplete", {"series": "m1"}),
        ("note-cloudwatch-message", {"code": "slow", "text": "late points"}),
    ]
    assert replace(how, notes=()) == Retrieval(
        "cloudwatch_metrics",
        "GetMetricData in eu-west-1",
        rows=6,
        start=OLD.start,
        end=OLD.end,
        truncated=True,
    )


def test_a_series_that_was_not_returned_is_missing():
    frame, how = get_metrics(
        ScriptedAws(get_metric_data=[[served()]]),
        [Metric(*SENT, "Sum"), Expression("m0", "x")],
        OLD,
        period_s=60,
    )
    assert frame.completeness.tolist() == ["not_kept"] * 6
    assert frame.metric.tolist() == ["NumberOfMessagesSent"] * 3 + ["x"] * 3
    assert how.truncated
    empty, _ = get_metrics(ScriptedAws(), [], OLD, period_s=60)
    assert (list(empty.columns), len(empty)) == (list(COLUMNS), 0)


def test_metrics_of_a_queue_that_does_not_exist_are_not_complete(front):
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=5)
    wanted = incident_metrics(["no-such-queue"], [], [])
    frame, how = get_metrics(Aws(rate_limits=FAST), wanted, Window(start, start + timedelta(hours=1)))
    assert frame.value.isna().all()
    assert how.truncated
    (note,) = how.notes
    assert messages_in(message_of(note)) == {
        "note-metrics-without-points": {"resource": "no-such-queue", "intervals": 60}
    }


def test_points_that_are_no_longer_kept_are_not_missing(front):
    # Points of a minute are kept for 15 days: two hours of the window are older.
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=15, hours=2)
    front.metrics[SENT] = {int(start.timestamp()) + 4 * 3600: 3}
    window = Window(start, start + timedelta(hours=5))
    frame, how = get_metrics(Aws(rate_limits=FAST), [Metric(*SENT, "Sum")], window, period_s=60)
    found = frame.completeness.value_counts().to_dict()
    assert 115 <= found["not_kept"] <= 185
    assert found["not_kept"] + found["missing"] == 300
    assert how.truncated
    said = messages_in(message_of(how.notes[0]))["note-metrics-not-kept"]
    assert said["intervals"] == found["not_kept"]
    # With the period that it names, all are there or missing.
    coarse, how = get_metrics(Aws(rate_limits=FAST), [Metric(*SENT, "Sum")], window)
    assert (set(coarse.completeness), how.truncated) == ({"value", "missing"}, False)


def test_by_default_the_period_is_the_finest_that_is_kept():
    for days, period in ((1, 60), (20, 300)):
        start = datetime.now(UTC) - timedelta(days=days)
        aws = ScriptedAws(get_metric_data=[[served()]])
        get_metrics(aws, [Metric(*SENT, "Sum")], Window(start, start + timedelta(hours=1)))
        assert aws.calls[0][1]["MetricDataQueries"][0]["MetricStat"]["Period"] == period


@pytest.fixture
def store(tmp_path):
    return ResponseStore(tmp_path, "here")


def cached(store, window, *pages, queries=None, **how):
    aws = ScriptedAws(get_metric_data=[[page] for page in pages])
    queries = queries or metric_queries([Metric(*SENT, "Sum")], 60)
    found = metric_data_cached(aws, queries, window, ResponseCache(store, **how))
    return found, [(given["StartTime"], given["EndTime"]) for _, given in aws.calls]


def test_settled_points_are_stored_and_the_rest_is_joined(store):
    page = served(("m0", {0: 1.0, 1: 2.0}, "Complete"), messages=["a"])
    first, _ = cached(store, OLD, page)
    taken = first["Asked"].pop("At")
    result = {
        "Id": "m0",
        "Label": "m0",
        "Timestamps": MINUTES[:2],
        "Values": [1.0, 2.0],
        "StatusCode": "Complete",
    }
    bounds = {"StartTime": OLD.start.isoformat(), "EndTime": OLD.end.isoformat()}
    assert first == {"MetricDataResults": [result], "Messages": ["a"], "Asked": bounds}
    again, calls = cached(store, OLD)
    assert calls == []
    assert again["Asked"].pop("At") >= taken
    assert again == first
    # A shorter window has the points before its end, a longer one those that follow.
    shorter, calls = cached(store, Window(OLD.start, OLD.start + timedelta(minutes=1)))
    assert (calls, shorter["MetricDataResults"][0]["Values"]) == ([], [1.0])
    longer = Window(OLD.start, OLD.end + timedelta(minutes=5))
    more = served(("m0", {3: 4.0}, "Complete"), ("m1", {3: 5.0}, "Complete"), messages=["b"])
    found, calls = cached(store, longer, more)
    assert calls == [(OLD.end, longer.end)]
    assert [(each["Id"], each["Values"]) for each in found["MetricDataResults"]] == [
        ("m0", [1.0, 2.0, 4.0]),
        ("m1", [5.0]),
    ]
    assert found["Messages"] == ["a", "b"]


def test_incomplete_points_are_not_stored(store):
    partial = served(("m0", {0: 1.0}, "Complete"), ("m1", {}, "PartialData"))
    cached(store, OLD, partial)
    with pytest.raises(CacheMissError) as raised:
        cached(store, OLD, offline=True)
    assert messages_in(raised.value.args[0])["error-cache-lacks"] == {
        "name": "metrics",
        "has": "window",
        "window": str(OLD),
    }


def test_points_younger_than_three_hours_are_retrieved_again(store):
    now = datetime.now(UTC)
    window = Window((now - timedelta(hours=5)).replace(minute=0, second=0, microsecond=0), now)
    cached(store, window, served())
    _, ((start, end),) = cached(store, window, served())
    assert end == now
    settled = now - timedelta(hours=3)
    assert (
        settled.replace(second=0, microsecond=0)
        <= start.replace(microsecond=0)
        <= settled + timedelta(minutes=1)
    )
    assert start.second == 0
    # By the hour, the last interval that is settled ended at a whole hour.
    hours = metric_queries([Metric(*SENT, "Sum")], 3600)
    cached(store, window, served(), queries=hours)
    _, ((start, _),) = cached(store, window, served(), queries=hours)
    assert (start.minute, start.second) == (0, 0)
    assert settled - timedelta(hours=1) <= start <= settled + timedelta(minutes=1)


def test_metric_math_is_settled_as_a_whole(store):
    """Some of its functions depend on the whole window."""
    now = datetime.now(UTC)
    math = metric_queries([Metric(*SENT, "Sum"), Expression("m0")], 60)
    old = Window(now - timedelta(hours=5), now - timedelta(hours=3, seconds=1))
    cached(store, old, served(), queries=math)
    assert cached(store, old, queries=math)[1] == []
    recent = Window(now - timedelta(hours=4), now - timedelta(hours=2, minutes=59))
    cached(store, recent, served(), queries=math)
    assert len(cached(store, recent, served(), queries=math)[1]) == 1


def test_the_catalogue_of_metrics():
    found = catalogue()
    assert len(found) == 22
    assert found[0] == ("AWS/SQS", "QueueName", "NumberOfMessagesSent", "Sum")
    assert found[-1] == ("AWS/EC2", "InstanceId", "StatusCheckFailed", "Maximum")
    wanted = incident_metrics(["q"], ["f"], ["i"])
    assert wanted[0] == Metric("AWS/SQS", "NumberOfMessagesSent", (("QueueName", "q"),), "Sum")
    assert wanted[9] == Metric("AWS/Lambda", "Invocations", (("FunctionName", "f"),), "Sum")
    assert wanted[-1] == Metric("AWS/EC2", "StatusCheckFailed", (("InstanceId", "i"),), "Maximum")
    assert [(item.namespace, item.metric, item.stat) for item in wanted] == [
        (namespace, metric, stat) for namespace, _, metric, stat in found
    ]


def test_metrics_of_another_account_name_it():
    own, other = Metric("AWS/SQS", "Sent", (), "Sum"), Metric("AWS/SQS", "Sent", (), "Sum", "123456789012")
    assert [query.get("AccountId") for query in metric_queries([own, other], 60)] == [None, "123456789012"]
