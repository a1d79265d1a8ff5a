"""The metric of each series, by its query or its label, and what the points show of it."""

import json
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from watchme_analysis.aws_shapes.metric_points import (
    metric_data_parts,
)
from watchme_analysis.files.evidence_file import RawFile

SENT = {
    "Id": "m0",
    "MetricStat": {
        "Metric": {
            "Namespace": "AWS/SQS",
            "MetricName": "NumberOfMessagesSent",
            "Dimensions": [{"Name": "QueueName", "Value": "uploads"}],
        },
        "Period": 60,
        "Stat": "Sum",
    },
}
SENT_IDENTITY = {
    "id": "m0",
    "label": None,
    "namespace": "AWS/SQS",
    "metric": "NumberOfMessagesSent",
    "dimensions": '{"QueueName": "uploads"}',
    "resource": "uploads",
    "stat": "Sum",
    "period_s": 60,
    "expression": None,
}
START = datetime(2025, 12, 11, 1, tzinfo=UTC)


def minute(number):
    return (START + timedelta(minutes=number)).isoformat()


def points(*values):
    times = [pd.Timestamp(START) + pd.Timedelta(minutes=number) for number in range(len(values))]
    return pd.DataFrame({"time": times, "value": list(values)})


@pytest.fixture
def read(tmp_path):
    (tmp_path / "metrics").mkdir()

    def parts(response, queries=None):
        if queries is not None:
            (tmp_path / "metrics/metric-data-queries.json").write_text(json.dumps(queries))
        (tmp_path / "metrics/a.json").write_text(json.dumps(response))
        return list(metric_data_parts(RawFile(tmp_path, "metrics/a.json")))

    return parts


def plain(frame):
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def test_every_column_of_points_and_series(read):
    asked = {"StartTime": minute(0), "EndTime": minute(4), "At": minute(18)}
    series = {
        "Id": "m0",
        "Label": "uploads NumberOfMessagesSent",
        "Timestamps": [minute(0), minute(2), minute(3)],
        "Values": [0.0, 3.0, 0.0],
        "StatusCode": "Complete",
    }
    points, listed = read({"MetricDataResults": [series], "Asked": asked}, [SENT])
    label = {"label": "uploads NumberOfMessagesSent"}
    identity = {"file": "metrics/a.json"} | SENT_IDENTITY | label
    assert plain(points.frame) == [
        identity
        | {
            "time": pd.Timestamp(minute(number)),
            "value": value,
            "status": "Complete",
            "completeness": completeness,
        }
        # The interval from 01:03 to 01:04 ended less than a quarter of an hour before the request.
        for number, value, completeness in ((0, 0.0, "zero"), (2, 3.0, "value"), (3, 0.0, "not_settled"))
    ]
    assert plain(listed.frame) == [
        identity
        | {
            "points": 3,
            "missing": 1,  # 01:01, and 01:03 is not settled
            "start": pd.Timestamp(minute(0)),
            "end": pd.Timestamp(minute(4)),
            "asked_at": pd.Timestamp(minute(18)),
            "status": "Complete",
        }
    ]
    how = points.retrieval
    assert (how.source, how.rows, how.truncated, how.notes) == ("cloudwatch_metrics", 3, False, ())
    assert (listed.retrieval.rows, listed.retrieval.truncated) == (1, False)
