import json
from datetime import UTC, datetime

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


def test_an_offset_of_the_console_counts(tmp_path):
    rows = (
        "2025/12/11 10:00:00+09:00,5",
        "2025-12-11T01:01:00Z,0",
        "2025/12/11 01:02:00,",
        "2025/12/11 01:03,1",
    )
    table = "\n".join(("Label,Errors", *rows)) + "\n"
    points, _ = read(console_parts, tmp_path, "sed-worker-errors.csv", table)

    assert [moment.to_pydatetime() for moment in points.frame["time"]] == [
        datetime(2025, 12, 11, 1, minute, tzinfo=UTC) for minute in (0, 1, 3)
    ]
    assert [value for *_, value in values_of(points)] == [5.0, 0.0, 1.0]
