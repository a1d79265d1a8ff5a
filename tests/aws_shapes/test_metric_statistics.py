import json

from watchme_analysis.aws_shapes.metric_statistics import console_parts, statistics_parts
from watchme_analysis.files.evidence_file import RawFile

POINTS = [
    {
        "Timestamp": "2025-12-11T01:05:00+00:00",
        "Sum": 0.0,
        "ExtendedStatistics": {"p99": 2.5},
        "Unit": "Count",
    },
    {
        "Timestamp": "2025-12-11T01:00:00+00:00",
        "Sum": 5.0,
        "ExtendedStatistics": {"p99": 7.5},
        "Unit": "Count",
    },
]
CONSOLE = """\
"Full label","sed-worker Errors","sed-queue NumberOfMessagesSent"
"Label","Errors","Sent"
"2025/12/11 01:00:00","5","12"
"2025/12/11 01:05:00","","11.5"
"""


def read(parts, folder, name, text):
    path = folder / "metrics" / name
    path.parent.mkdir()
    path.write_text(text)
    points, series = parts(RawFile(folder, f"metrics/{name}"))
    return points, series.frame


def values_of(points):
    frame = points.frame.sort_values(["resource", "metric", "stat", "time"])
    return [(row.resource, row.metric, row.stat, row.value) for row in frame.itertuples()]


def test_each_statistic_of_a_response_is_a_series_of_the_function_in_the_name(tmp_path):
    answer = json.dumps({"Label": "Errors", "Datapoints": POINTS})
    points, series = read(statistics_parts, tmp_path, "sed-worker-errors.json", answer)

    assert values_of(points) == [
        ("sed-worker", "Errors", "Sum", 5.0),
        ("sed-worker", "Errors", "Sum", 0.0),
        ("sed-worker", "Errors", "p99", 7.5),
        ("sed-worker", "Errors", "p99", 2.5),
    ]
    assert series["namespace"].tolist() == ["AWS/Lambda"] * 2
    assert series["period_s"].tolist() == [300, 300]


def test_a_name_without_a_function_leaves_the_series_unnamed_and_says_so(tmp_path):
    answer = json.dumps({"Label": "Errors", "Datapoints": POINTS})
    points, series = read(statistics_parts, tmp_path, "errors.json", answer)

    assert series["metric"].isna().all() and len(points.frame) == 4
    assert any("metrics/NAME-Errors.json" in note for note in points.retrieval.notes)


def test_a_response_that_holds_something_else_is_counted(tmp_path):
    answer = json.dumps({"Label": "Errors", "Datapoints": [*POINTS, "x", None]})
    points, _ = read(statistics_parts, tmp_path, "sed-worker-errors.json", answer)

    assert (len(points.frame), len(points.retrieval.rejected)) == (4, 2)


def test_an_empty_cell_of_the_console_is_missing_and_not_zero(tmp_path):
    points, _ = read(console_parts, tmp_path, "metrics.csv", CONSOLE)

    sent = points.frame[points.frame["resource"] == "sed-queue"]
    assert sent["value"].tolist() == [12.0, 11.5]
    errors = points.frame[points.frame["resource"] == "sed-worker"]
    assert errors["value"].tolist() == [5.0] and errors["stat"].tolist() == ["Sum"]
    assert str(errors["time"].iloc[0]) == "2025-12-11 01:00:00+00:00"


def test_a_torn_row_of_the_console_is_counted(tmp_path):
    points, _ = read(console_parts, tmp_path, "metrics.csv", CONSOLE + '"2025/12/11 01:10:00","7\n')

    assert (len(points.frame), len(points.retrieval.rejected)) == (3, 1)
