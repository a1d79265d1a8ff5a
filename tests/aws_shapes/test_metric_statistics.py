import gzip
import json

from worlds.messages import messages_in

from watchme_analysis.aws_shapes.metric_statistics import SOURCES, console_parts, statistics_parts
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


def test_rows_of_the_console_that_are_no_points(tmp_path):
    more = (
        '"2025-12-11T01:10:00Z","7","1","too many"\n'
        '"2025/12/11 01:15","many","2"\n'
        '"2025/12/11 01:20:00 +09:00","8","3"\n'
    )
    points, series = read(console_parts, tmp_path, "metrics.csv", CONSOLE + more)
    found = [(str(row.time)[11:16], row.metric, row.value) for row in points.frame.itertuples()]
    assert found == [
        ("01:00", "Errors", 5.0),
        ("16:20", "Errors", 8.0),
        ("01:00", "NumberOfMessagesSent", 12.0),
        ("01:05", "NumberOfMessagesSent", 11.5),
        ("01:15", "NumberOfMessagesSent", 2.0),
        ("16:20", "NumberOfMessagesSent", 3.0),
    ]
    assert series["id"].tolist() == ["column_1", "column_2"]
    assert [each.text for each in points.retrieval.rejected] == [
        '"2025-12-11T01:10:00Z,7,1,too many"',
        '"2025/12/11 01:15,many,2"',
    ]
    assert points.retrieval.source == "cloudwatch_metric_csv"


def test_a_file_that_ends_too_early_is_truncated(tmp_path):
    path = tmp_path / "metrics"
    path.mkdir()
    data = gzip.compress(CONSOLE.encode())
    (path / "a.csv.gz").write_bytes(data[:-4])
    points, _ = console_parts(RawFile(tmp_path, "metrics/a.csv.gz"))
    assert points.retrieval.truncated
    assert "note-part-kept" in notes_of(points.retrieval.notes)


def test_series_are_named_by_the_fullest_label(tmp_path):
    text = CONSOLE.replace('"Full label"', '"Id"').replace(
        '"Errors","Sent"', '"Errors","NumberOfMessagesSent"'
    )
    points, _ = read(console_parts, tmp_path, "sed-worker-Errors.csv", text)
    assert points.frame.drop_duplicates("metric")[["resource", "metric"]].to_numpy().tolist() == [
        ["sed-worker", "Errors"],
        ["sed-worker-Errors", "NumberOfMessagesSent"],
    ]
    raw = RawFile(tmp_path, "metrics/sed-worker-Errors.csv")
    (tmp_path / "a.csv").write_text("\ufefflabel,a\n")
    (tmp_path / "b.csv").write_text("x,label,a\n")
    files = [raw, RawFile(tmp_path, "a.csv"), RawFile(tmp_path, "b.csv")]
    csv = next(source for source in SOURCES if source.name == "cloudwatch_metric_csv")
    assert [bool(csv.looks_like(file)) for file in files] == [False, True, False]
