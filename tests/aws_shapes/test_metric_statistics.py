import json

from worlds.messages import messages_in

from watchme_analysis.aws_shapes.metric_statistics import statistics_parts
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.text.message import message_of

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


def notes_of(notes):
    found = [messages_in(message_of(each)) for each in notes]
    return [each["note-of-file"]["note"] for each in found]


def test_every_statistic_and_values_that_are_none(tmp_path):
    point = {"Timestamp": "2025-12-11T01:00:00+00:00"}
    statistics = {"SampleCount": 1.0, "Average": 2.0, "Sum": 3.0, "Minimum": 4.0, "Maximum": 5.0}
    values = [
        {"Label": "Errors", "Datapoints": [point | statistics | {"ExtendedStatistics": 7}]},
        {"Label": 5, "Datapoints": []},
        {"Label": "Errors"},
        "x",
    ]
    text = "\n".join(map(json.dumps, values)) + '\n{"Label": "Err'
    points, series = read(statistics_parts, tmp_path, "sed-worker_Errors.json", text)
    assert dict(zip(points.frame.stat, points.frame.value, strict=True)) == statistics
    assert set(points.frame.resource) == {"sed-worker"}
    assert series["id"].tolist() == ["Errors"] * 5
    assert series["label"].tolist() == [f"sed-worker Errors {name}" for name in statistics]
    how = points.retrieval
    # The torn response lacks its points; one clause states that the file is damaged.
    assert [each.text for each in how.rejected] == [
        "",
        '{"Datapoints": [], "Label": 5}',
        '{"Label": "Errors"}',
        '"x"',
        *[each.text for each in how.rejected[4:]],
    ]
    assert how.truncated and how.source == "cloudwatch_metric_statistics"
    assert "note-part-kept" in notes_of(how.notes)
