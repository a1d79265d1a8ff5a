"""The metric of each series, by its query or its label, and what the points show of it."""

import json
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.aws_shapes.metric_points import (
    finish,
    interval_starts,
    metric_data_parts,
    read_queries,
    settled_intervals,
)
from watchme_analysis.aws_shapes.metric_series import (
    Identities,
    infer_stats,
    inferred_period,
    is_queries,
    query_definitions,
)
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.text.message import message_of

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
MATH = {"Id": "e1", "Expression": "m0 * 2", "Label": "double", "Period": "300"}
NOTHING = dict.fromkeys(SENT_IDENTITY)
MATH_IDENTITY = NOTHING | {"id": "e1", "label": "double", "period_s": 300, "expression": "m0 * 2"}
START = datetime(2025, 12, 11, 1, tzinfo=UTC)


def minute(number):
    return (START + timedelta(minutes=number)).isoformat()


def notes_of(notes):
    """Return the message within each note of a file, its id and values."""
    found = [messages_in(message_of(each)) for each in notes]
    inner = [each["note-of-file"]["note"] if "note-of-file" in each else next(iter(each)) for each in found]
    return [(name, each[name]) for name, each in zip(inner, found, strict=True)]


def test_the_identity_of_each_query():
    hidden = SENT | {"ReturnData": False}
    found, unexpected = query_definitions(
        [[SENT, hidden, 5], {"MetricDataQueries": [MATH, "x"]}, {"Other": 1}]
    )
    assert found == [SENT_IDENTITY, MATH_IDENTITY]
    assert unexpected == [5, "x", {"Other": 1}]
    assert query_definitions([{"Id": "m1"}, {"Id": "m2", "MetricStat": {"Metric": 5}}]) == (
        [NOTHING | {"id": "m1"}, NOTHING | {"id": "m2"}],
        [],
    )


def identities(*queries):
    known = {}
    for query in query_definitions(list(queries))[0]:
        known.setdefault(query["id"], []).append(query)
    return Identities(RawFile("/", "metrics/a.json"), known)


def test_a_series_has_the_identity_of_its_query():
    found = identities(SENT, MATH)
    assert found.of({"Id": "m0", "Label": "uploads NumberOfMessagesSent"}) == SENT_IDENTITY | {
        "label": "uploads NumberOfMessagesSent"
    }
    assert found.of({"Id": "e1", "Label": "anything Errors"}) == MATH_IDENTITY | {"label": "anything Errors"}
    assert found.of({"Id": "m0"}) == SENT_IDENTITY
    assert found.of({"Id": "m0", "Label": 7}) == SENT_IDENTITY
    named = identities(SENT | {"Label": "mine"})
    assert named.of({"Id": "m0", "Label": "a Errors"})["metric"] == "NumberOfMessagesSent"
    assert found.notes == named.notes == []


@together(
    ("label", "identity"),
    [
        ("worker Errors", ("AWS/Lambda", "Errors", '{"FunctionName": "worker"}', "worker", None)),
        (
            "i-1 CPUUtilization p99.9",
            ("AWS/EC2", "CPUUtilization", '{"InstanceId": "i-1"}', "i-1", "p99.9"),
        ),
        ("Errors", (None,) * 5),
        ("a b Errors", (None,) * 5),
        ("worker Other", (None,) * 5),
        ("Sum", (None,) * 5),
        (None, (None,) * 5),
    ],
)
def test_a_label_identifies_a_metric_that_one_service_has(label, identity):
    found = identities().of({"Id": "x", "Label": label})
    names = ("namespace", "metric", "dimensions", "resource", "stat")
    assert found == NOTHING | {"id": "x", "label": label} | dict(zip(names, identity, strict=True))


def test_a_series_of_another_response_is_identified_by_its_label():
    found = identities(SENT)
    assert found.of({"Id": "m0", "Label": "worker Errors"})["metric"] == "Errors"
    assert found.of({"Id": "m9", "Label": "worker Errors"})["metric"] == "Errors"
    assert found.of({"Id": ["m0"], "Label": "worker Errors"})["id"] is None
    several = identities(SENT, SENT | {"Label": "mine"})
    assert several.of({"Id": "m0", "Label": None})["metric"] is None
    values = {"label": "worker Errors", "why": "none"}
    assert notes_of(found.notes) == [
        ("note-series-by-label", {"series": series} | values) for series in ("m0", "m9", "None")
    ]
    assert notes_of(several.notes) == [
        ("note-series-by-label", {"series": "m0", "label": "None", "why": "several"})
    ]


@together(
    ("minutes", "period"),
    [
        ([(0, 5, 15), (20, 10)], 300),
        ([(0, 5), (7,)], 300),
        ([(0,)], None),
        ([], None),
        ([(0, 0.5)], 30),
        ([(0, 0.75)], None),  # 45 s are no period of CloudWatch
        ([(0, 1.5)], None),
        ([(0, 1)], 60),
    ],
)
def test_the_period_that_fits_the_points(minutes, period):
    series = [
        pd.Series([pd.Timestamp(START) + pd.Timedelta(minutes=number) for number in each]) for each in minutes
    ]
    assert inferred_period(series) == period


def points(*values):
    times = [pd.Timestamp(START) + pd.Timedelta(minutes=number) for number in range(len(values))]
    return pd.DataFrame({"time": times, "value": list(values)})


@together(
    ("metric", "values", "stats"),
    [
        ("Errors", [(1.0, 2.0)], ["Sum"]),
        ("Errors", [(1.5, 2.0)], [None]),
        ("Errors", [(2.0, 2.0), (1.0, 2.0)], [None, None]),
        ("ConcurrentExecutions", [(1.0, 2.0)], ["Maximum"]),
        ("ConcurrentExecutions", [(2.0, 2.0), (1.0, 2.0)], ["Maximum", "Average"]),
        ("ConcurrentExecutions", [(1.0, 2.0), (2.0, 2.0)], ["Average", "Maximum"]),
        ("ConcurrentExecutions", [(1.0, 2.0), (2.0, 1.0)], [None, None]),
        ("ConcurrentExecutions", [(1.0,)] * 3, [None] * 3),
        ("Duration", [(1.0, 2.0)], [None]),
        (None, [(1.0, 2.0)], [None]),
    ],
)
def test_the_statistic_that_the_values_show(metric, values, stats):
    series = [{"metric": metric, "dimensions": "d", "stat": None} for _ in values]
    count = infer_stats(series, [points(*each) for each in values])
    assert [row["stat"] for row in series] == stats
    assert count == sum(stat is not None for stat in stats)


def test_a_stated_statistic_stays():
    series = [{"metric": "Errors", "dimensions": "d", "stat": "Average"}]
    assert infer_stats(series, [points(1.0)]) == 0
    # Of two functions, each is alone.
    two = [{"metric": "Errors", "dimensions": name, "stat": None} for name in "ab"]
    assert infer_stats(two, [points(1.0)] * 2) == 2


def test_intervals_of_a_window():
    starts = interval_starts(START + timedelta(seconds=90), START + timedelta(minutes=4), 60)
    assert starts.tolist() == [pd.Timestamp(minute(number)) for number in (1, 2, 3)]
    shifted = interval_starts(START, START + timedelta(minutes=2), 60, 10.0)
    assert [start.second for start in shifted] == [10, 10, 10]
    assert shifted[0] < pd.Timestamp(START)
    # Settled a quarter of an hour after their end.
    grid = interval_starts(START, START + timedelta(minutes=4), 60)
    assert settled_intervals(grid, 60, None) == 4
    asked_at = START + timedelta(minutes=18)
    assert settled_intervals(grid, 60, asked_at) == 3
    assert settled_intervals(grid, 60, asked_at - timedelta(seconds=1)) == 2


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


def test_notes_on_a_response(read):
    series = [
        {"Id": "m0", "Label": "worker Errors", "Timestamps": [minute(0), "x"], "Values": [1.0, 2.0, 3.0]},
        {
            "Id": "m1",
            "Label": "mine",
            "Timestamps": [minute(0)],
            "Values": [1.0],
            "StatusCode": "PartialData",
        },
        {"Id": "m2", "Label": "mine", "Timestamps": 5, "Messages": [{"Code": "inner", "Value": "v"}]},
        "no series",
    ]
    messages = [{"Code": "outer", "Value": "w"}, {}]
    points, listed = read({"MetricDataResults": series, "Messages": messages, "NextToken": "t"})
    assert plain(points.frame[["id", "value", "stat", "status"]]) == [
        {"id": "m0", "value": 1.0, "stat": "Sum", "status": None},
        {"id": "m1", "value": 1.0, "stat": None, "status": "PartialData"},
    ]
    assert listed.frame["points"].tolist() == [1, 1, 0]
    assert listed.frame["missing"].isna().all()
    notes = notes_of(points.retrieval.notes)
    assert notes[:3] == [
        ("note-cloudwatch-message", {"code": "outer", "text": "w"}),
        ("note-cloudwatch-message", {"code": "", "text": ""}),
        ("note-cloudwatch-message", {"code": "inner", "text": "v"}),
    ]
    assert notes[3:6] == [
        ("note-points-uneven", {"series": "m0", "times": 2, "values": 3, "kept": 2}),
        ("note-points-unreadable", {"series": "m0", "points": 1}),
        ("note-statistic-inferred", {"series": 1}),
    ]
    assert [name for name, _ in notes[6:]] == [
        "note-no-metric-queries",
        "note-unnamed-series",
        "note-series-incomplete",
        "note-points-page",
    ]
    assert notes[7][1]["series"] == 2
    assert notes[8][1] == {"series": ["m1"]}
    assert points.retrieval.truncated and listed.retrieval.truncated
    assert [each.text for each in points.retrieval.rejected] == ['"no series"']


def test_values_that_no_column_holds_are_no_points(read):
    values = [10**400, 1.0, float("nan"), "5", 1e300, -1e300, 9e299]
    series = {"Id": "m0", "Label": "x", "Timestamps": [minute(n) for n in range(7)], "Values": values}
    points, _ = read({"MetricDataResults": [series]}, [SENT])
    assert points.frame["value"].tolist() == [1.0, 5.0, 1e300, -1e300, 9e299]
    assert points.frame["time"].tolist() == [pd.Timestamp(minute(n)) for n in (1, 3, 4, 5, 6)]


def test_a_list_of_queries(tmp_path):
    (tmp_path / "metric-data-queries.json").write_text(json.dumps([SENT, 5]))
    raw = RawFile(tmp_path, "metric-data-queries.json")
    frame, how = read_queries(raw)
    nothing = dict.fromkeys(("file", "points", "missing", "start", "end", "asked_at", "status"))
    assert plain(frame) == [nothing | SENT_IDENTITY]
    assert ([each.text for each in how.rejected], how.source) == (["5"], "cloudwatch_metric_queries")
    assert is_queries(raw)
    (tmp_path / "b.json").write_text(json.dumps({"MetricDataResults": [], "Expression": 1}))
    assert not is_queries(RawFile(tmp_path, "b.json"))


def test_nothing_is_to_be_done_with_no_rows_or_no_repeats(read):
    points, listed = read({"MetricDataResults": []}, [SENT])
    assert (len(points.frame), len(listed.frame)) == (0, 0)
    for table, frame in (("metrics", points.frame), ("metric_queries", listed.frame)):
        assert finish(table, frame) == (frame, [])


def test_points_of_unnamed_series_are_the_same_only_by_id_and_folder():
    names = ("namespace", "metric", "dimensions", "stat", "period_s", "expression", "id", "label")
    rows = [
        dict.fromkeys(names) | {"file": file, "id": name, "time": START, "value": value}
        for file, name, value in (
            ("a/x.json", "m0", 1.0),
            ("a/y.json", "m0", 1.0),  # again
            ("b/x.json", "m0", 1.0),
            ("a/x.json", "m1", 1.0),
            ("a/y.json", "m1", 2.0),  # again, with another value
        )
    ]
    found, notes = finish("metrics", pd.DataFrame(rows))
    assert found["file"].tolist() == ["a/y.json", "b/x.json", "a/y.json"]
    assert found["value"].tolist() == [1.0, 1.0, 2.0]
    assert found.index.tolist() == [0, 1, 2]
    assert notes_of(notes) == [
        ("note-points-repeated", {"points": 2}),
        ("note-points-conflicting", {"points": 1}),
    ]
