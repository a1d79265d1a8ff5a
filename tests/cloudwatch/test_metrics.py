from datetime import UTC, datetime, timedelta

import pytest
from worlds.aws_front import FAST
from worlds.messages import messages_in
from worlds.scripted_aws import ScriptedAws

from watchme_analysis.aws_shapes.metric_points import metric_data_parts
from watchme_analysis.cloudwatch.cli_output import write_response
from watchme_analysis.cloudwatch.metrics import (
    COLUMNS,
    Metric,
    fetch_metric_data,
    get_metrics,
    incident_metrics,
    metric_data_cached,
    metric_queries,
)
from watchme_analysis.cloudwatch.response_cache import ResponseCache
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.text.message import message_of
from watchme_analysis.window import Window

NOW = datetime(2025, 12, 11, 6, tzinfo=UTC)
SENT = ("AWS/SQS", "NumberOfMessagesSent", (("QueueName", "sed-queue"),))


@pytest.fixture
def account(front):
    front.now = lambda: NOW
    return front


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


@pytest.mark.parametrize(
    ("status", "incomplete"), [("Complete", []), ("PartialData", ["metrics-incomplete"])]
)
def test_a_series_that_cloudwatch_calls_partial_is_incomplete_and_asked_again(tmp_path, status, incomplete):
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=1)
    times = [start, start + timedelta(minutes=1)]
    series = {"Id": "m0", "Label": "", "Timestamps": times, "Values": [1.0, 2.0], "StatusCode": status}
    aws = ScriptedAws(get_metric_data=[[{"MetricDataResults": [series], "Messages": []}]] * 2)
    window, cache = Window(start, start + timedelta(minutes=2)), ResponseCache(tmp_path, "here")
    for _ in range(2):
        frame, how = get_metrics(aws, [Metric(*SENT, "Sum")], window, cache=cache)
    assert len(aws.calls) == 1 + len(incomplete)
    assert frame.value.tolist() == [1.0, 2.0]
    assert [message_of(note).id for note in how.notes] == incomplete
    assert how.truncated == bool(incomplete)


def test_settled_metrics_are_retrieved_once(account, tmp_path):
    cache, aws = ResponseCache(tmp_path, "here"), Aws(rate_limits=FAST)
    account.metrics[SENT] = {int(NOW.timestamp()) - 60: 2}
    queries = metric_queries(incident_metrics(["sed-queue"], [], [])[:1], 60)
    settled = Window(NOW - timedelta(hours=1), NOW)
    first = metric_data_cached(aws, queries, settled, cache)
    assert metric_data_cached(aws, queries, settled, cache) == first
    assert account.calls["GetMetricData"] == 1
    end = datetime.now(UTC) - timedelta(hours=2, minutes=59)
    for _ in range(2):  # late points may still arrive
        metric_data_cached(aws, queries, Window(end - timedelta(hours=1), end), cache)
    assert account.calls["GetMetricData"] == 3


def test_a_metric_of_another_account_states_its_account(front):
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=5)
    second = int(start.timestamp())
    linked, silent = "123456789012", "210987654321"
    front.metrics |= {SENT: {second: 3}, (*SENT, linked): {second: 5}}
    wanted = [Metric(*SENT, "Sum"), Metric(*SENT, "Sum", linked), Metric(*SENT, "Sum", silent)]
    frame, how = get_metrics(Aws(rate_limits=FAST), wanted, Window(start, start + timedelta(minutes=1)))
    assert frame.account_id.fillna("session").tolist() == ["session", linked, silent]
    assert frame.value.dropna().tolist() == [3, 5]
    # The same queue of another account has points, which say nothing of this one.
    (note,) = how.notes
    assert messages_in(message_of(note)) == {
        "note-metrics-without-points": {"resource": f"{silent}:sed-queue", "intervals": 1}
    }
