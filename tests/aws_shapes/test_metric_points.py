import gzip
import json
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from watchme_analysis.aws_shapes.metric_points import finish, metric_data_parts, read_queries
from watchme_analysis.files.evidence_file import RawFile, one_table
from watchme_analysis.schema import TABLES

SENT = {
    "Id": "m0",
    "MetricStat": {
        "Metric": {
            "Namespace": "AWS/SQS",
            "MetricName": "NumberOfMessagesSent",
            "Dimensions": [{"Name": "QueueName", "Value": "sed-queue"}],
        },
        "Period": 60,
        "Stat": "Sum",
    },
    "ReturnData": True,
}
RATE = {"Id": "e1", "Expression": "100 * m1 / m2", "Period": 300, "Label": "error rate"}


def series(times, values, name="m0", label="sed-queue NumberOfMessagesSent", status="Complete"):
    return {"Id": name, "Label": label, "Timestamps": times, "Values": values, "StatusCode": status}


def minute(n):
    return f"2025-12-11T01:{n:02d}:00+00:00"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "metrics").mkdir()

    def write(queries, **answers):
        if queries is not None:
            (tmp_path / "metrics" / "metric-data-queries.json").write_text(json.dumps(queries))
        for name, answer in answers.items():
            text = answer if isinstance(answer, str) else json.dumps(answer)
            (tmp_path / "metrics" / f"{name}.json").write_text(text)
        frames = {"metrics": [], "metric_queries": []}
        retrievals = []
        names = sorted(path.name for path in (tmp_path / "metrics").iterdir())
        for name in names:
            reader = one_table("metric_queries", read_queries) if "queries" in name else metric_data_parts
            for piece in reader(RawFile(tmp_path, f"metrics/{name}")):
                frames[piece.table].append(piece.frame)
                retrievals.append(piece.retrieval)
        result = {}
        notes = [note for retrieval in retrievals for note in retrieval.notes]
        for table, parts in frames.items():
            frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
            if len(frame):
                frame, more = finish(table, frame)
                notes += more
            result[table] = frame
        return result, notes, retrievals

    return write


def test_newest_first_points_carry_their_query(folder):
    answer = {"MetricDataResults": [series([minute(2), minute(0)], [3.0, 0.0])], "Messages": []}
    result, _, retrievals = folder([SENT, RATE], sqs=answer)
    points = result["metrics"]
    assert list(points.columns) == TABLES["metrics"].names
    assert points.value.tolist() == [3.0, 0.0]
    row = points.iloc[0]
    assert (row.namespace, row.metric, row.resource, row.stat, row.period_s) == (
        "AWS/SQS",
        "NumberOfMessagesSent",
        "sed-queue",
        "Sum",
        60,
    )
    assert json.loads(row.dimensions) == {"QueueName": "sed-queue"}
    assert not any(retrieval.truncated for retrieval in retrievals)


def test_a_series_that_nobody_answered_is_listed_without_points(folder):
    result, notes, _ = folder([SENT, RATE], sqs={"MetricDataResults": [series([minute(0)], [1.0])]})
    queries = result["metric_queries"].set_index("id")
    assert queries.loc["m0", "points"] == 1
    assert pd.isna(queries.loc["e1", "points"])
    assert pd.isna(queries.loc["e1", "file"])
    assert any("1 series" in note for note in notes)


def test_an_answer_without_points_is_not_silence(folder):
    result, _, _ = folder([SENT], sqs={"MetricDataResults": [series([], [])]})
    assert result["metric_queries"].points.tolist() == [0]
    assert result["metrics"].empty


def test_overlapping_dumps_keep_each_point_once(folder):
    first = {"MetricDataResults": [series([minute(1), minute(0)], [5.0, 1.0])]}
    second = {"MetricDataResults": [series([minute(2), minute(1)], [7.0, 6.0])]}
    third = {"MetricDataResults": [series([minute(2)], [7.0])]}
    result, notes, _ = folder([SENT], a=first, b=second, c=third)
    points = result["metrics"].sort_values("time")
    assert points.value.tolist() == [1.0, 6.0, 7.0]
    assert any(note.startswith("2 points came more than once") for note in notes)
    assert any(note.startswith("1 of them had another value") for note in notes)


def test_a_torn_file_keeps_what_came_whole(folder):
    text = json.dumps(
        {"MetricDataResults": [series([minute(n) for n in range(5)], [1.0, 2.0, 3.0, 4.0, 5.0])]}
    )
    torn = text[: text.index("3.0") + 4]
    result, notes, retrievals = folder([SENT], a=torn)
    assert result["metrics"].value.tolist() == [1.0, 2.0, 3.0]
    assert any(retrieval.truncated for retrieval in retrievals)
    assert any("5 times and 3 values" in note for note in notes)


def test_without_queries_the_label_says_what_is_certain(folder):
    answer = {
        "MetricDataResults": [
            series([minute(0), minute(5)], [1.5, 2.0]),
            series([minute(0)], [9.0], "m1", "sed-worker Duration p99"),
            series([minute(0)], [4.0], "m2", "my own words"),
        ]
    }
    result, notes, _ = folder(None, a=answer)
    rows = result["metrics"].set_index("id")
    assert rows.loc["m0", "metric"].tolist() == ["NumberOfMessagesSent"] * 2
    assert rows.loc["m0", "stat"].isna().all()
    assert rows.loc["m1", "stat"] == "p99"
    assert rows.loc["m1", "resource"] == "sed-worker"
    assert pd.isna(rows.loc["m2", "metric"])
    assert rows.loc["m2", "label"] == "my own words"
    assert rows.loc["m0", "period_s"].tolist() == [300, 300]
    assert any("identified by their labels" in note for note in notes)


def test_zones_epochs_and_gzip(tmp_path):
    (tmp_path / "metrics").mkdir()
    times = ["2025-12-11T10:00:00+09:00", 1765414860, "2025-12-11T10:02:00"]
    answer = {"MetricDataResults": [series(times, [1, 2, 3])]}
    (tmp_path / "metrics/a.json.gz").write_bytes(gzip.compress(json.dumps(answer).encode()))
    raw = RawFile(tmp_path, "metrics/a.json.gz", ZoneInfo("Asia/Tokyo"))
    points = next(iter(metric_data_parts(raw))).frame
    assert [moment.isoformat() for moment in points.time] == [
        "2025-12-11T01:00:00+00:00",
        "2025-12-11T01:01:00+00:00",
        "2025-12-11T01:02:00+00:00",
    ]


def test_messages_and_unreadable_values_are_reported(folder):
    answer = {
        "MetricDataResults": [series([minute(0), "yesterday", minute(1)], ["many", 2.0, float("inf")])],
        "Messages": [{"Code": "MaxMetricsExceeded", "Value": "too many"}],
    }
    result, notes, _ = folder([SENT], a=answer)
    assert result["metrics"].empty
    assert any("MaxMetricsExceeded" in note for note in notes)
    assert any("3 points without a readable" in note for note in notes)


def test_without_queries_whole_numbers_tell_the_statistic(folder):
    level = "sed-queue ApproximateNumberOfMessagesVisible"
    times = [minute(0), minute(1)]
    answer = {
        "MetricDataResults": [
            series(times, [1.0, 2.0], "m0"),
            series(times, [0.5, 2.0], "m1", level),
            series(times, [1.0, 2.0], "m2", level),
            series(times, [7.0, 8.0], "m3", "sed-queue ApproximateAgeOfOldestMessage"),
            series(times, [7.0, 8.0], "m4", "sed-worker Duration"),
        ]
    }
    result, notes, _ = folder(None, a=answer)
    stats = result["metric_queries"].set_index("id").stat
    assert stats.dropna().to_dict() == {"m0": "Sum", "m1": "Average", "m2": "Maximum", "m3": "Maximum"}
    assert any("statistic of 4 series is inferred" in note for note in notes)
