"""A row that can't be stored, among good ones, in every shape of evidence: it costs itself at most."""

import json
from datetime import UTC

import pytest
from worlds.hostile_rows import (
    ISO,
    alarm,
    edge,
    event,
    history,
    logged,
    mapping,
    message,
    series,
)

from watchme_analysis.case.importer import import_folder
from watchme_analysis.errors import FormatError
from watchme_analysis.files.json_values import DEEPEST, json_value, read_json, shallow
from watchme_analysis.present.console import import_text

HALF = "dev\ud83d"
DEEP = "@@deep@@"
HUGE = 10**400
HOSTILE = {
    "surrogate": HALF,
    "deep": DEEP,
    "deep text": '{"device_id": "d", "a": ' + "[" * 990 + "]" * 990 + "}",
    "escaped surrogate": '{"device_id": "dev\\ud83d"}',
    "huge": HUGE,
    "huge text": "9" * 400,
    "object": {"a": [1]},
    "bool": True,
}


def as_text(value, levels=3000, **how):
    """Return JSON in which a value stands that no encoder would write."""
    return json.dumps(value, **how).replace(f'"{DEEP}"', "[" * levels + "]" * levels)


def hostile_rows(make, columns):
    """Return good rows with hostile ones among them, each with one value that can't be stored."""
    values = [(column, hostile) for column in columns for hostile in HOSTILE.values()]
    bad = [{**make(at), column: hostile} for at, (column, hostile) in enumerate(values, 3)]
    return [make(0), *bad[: len(bad) // 2], make(1), *bad[len(bad) // 2 :], make(2)]


def listed(key, make, *columns):
    return as_text({key: hostile_rows(make, columns)})


def insights(*columns):
    rows = [
        [{"field": name, "value": value} for name, value in row.items()]
        for row in hostile_rows(logged_event, columns)
    ]
    return as_text({"results": rows, "status": "Complete"})


def logged_event(at):
    return {"@timestamp": "2025-12-11 01:00:00.000", "@message": f"[ERROR] line {at}", "@ptr": f"p{at}"}


def json_lines(make, *columns):
    return "".join(as_text(row) + "\n" for row in hostile_rows(make, columns))


def access(at):
    return {"time": ISO, "status": "200", "request_uri": f"/{at}", "request_method": "GET"}


def points():
    """Return a series with a hostile value among its times, and a hostile time among its values."""
    times = [f"2025-12-11T02:{at:02}:00Z" for at in range(20)]
    wrong = [*HOSTILE.values(), *times[len(HOSTILE) :]]
    found = {"Id": "t", "Label": "r NumberOfMessagesSent", "Timestamps": times, "Values": list(range(20))}
    return [found | {"Timestamps": wrong}, found | {"Id": "v", "Values": wrong[: len(HOSTILE)] + [1.5] * 12}]


def settings():
    more = {f"k{at}": hostile for at, hostile in enumerate(HOSTILE.values())}
    return as_text({"good": 1, **more, "rules": [{"action": "bypass"}]})


def compose():
    lines = [f"    x{at}: {as_text({'a': hostile})}\n" for at, hostile in enumerate(HOSTILE.values())]
    return f"services:\n  api:\n    mem_limit: 2g\n{''.join(lines)}    ports: ['8017:8017']\n"


# File, table, a column and what the good rows have there, and the file's text.
SHAPES = [
    ("queues/jobs-dlq-messages.json", "queue_messages", "message_id", {"m0", "m1", "m2"},
     listed("Messages", message, "Body", "MessageId", "Attributes", "MessageAttributes")),
    ("cloudtrail.json", "changes", "event_id", {"e0", "e1", "e2"},
     listed("Events", event, "EventName", "EventTime", "CloudTrailEvent", "Resources", "Username")),
    ("alarms.json", "alarms", "alarm", {"a0", "a1", "a2"},
     listed("MetricAlarms", alarm, "MetricName", "Period", "Threshold", "Metrics", "Dimensions")),
    ("alarm-history.json", "alarm_history", "alarm", {"a0", "a1", "a2"},
     listed("AlarmHistoryItems", history, "HistoryData", "Timestamp", "AlarmName")),
    ("functions/f-mappings.json", "event_source_mappings", "uuid", {"u0", "u1", "u2"},
     listed("EventSourceMappings", mapping, "BatchSize", "FilterCriteria", "EventSourceArn")),
    ("metrics/sqs.json", "metrics", "id", {"m0", "m1", "m2"},
     listed("MetricDataResults", series, "Label", "Id", "Timestamps", "Values")),
    ("metrics/lambda.json", "metrics", "value", {1.5, 18.0, 19.0}, as_text({"MetricDataResults": points()})),
    ("logs/f-errors.json", "log_events", "ptr", {"p0", "p1", "p2"},
     insights("@message", "@timestamp", "@ptr", "n")),
    ("edge.jsonl", "edge_log", "ray_id", {"r0", "r1", "r2"},
     json_lines(edge, "RayID", "EdgeResponseStatus", "More", "EdgeStartTimestamp")),
    ("access.log", "access_log", "path", {"/0", "/1", "/2"},
     json_lines(access, "status", "request_uri", "more", "time")),
    ("app.log", "app_log", "message", {"line 0", "line 1", "line 2"},
     json_lines(logged, "message", "time", "pid", "more", "level")),
    ("edge-settings.json", "edge_settings", "path", {"good", "rules.0.action"}, settings()),
    ("compose.yml", "compose_settings", "path", {"mem_limit", "ports.0"}, compose()),
]  # fmt: skip


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(("file", "table", "column", "good", "text"), SHAPES, ids=[one[0] for one in SHAPES])
def test_hostile_rows_cost_no_other(tmp_path, file, table, column, good, text):
    path = tmp_path / "evidence" / file
    path.parent.mkdir(parents=True)
    path.write_text(text)

    case = import_folder(tmp_path / "evidence", tmp_path / "case").case

    entry = next(item for item in case.manifest["inputs"] if item["file"] == file)
    assert entry["source"] is not None, entry["reason"]
    assert entry["unread"] is None, entry["reason"]
    assert good <= set(case.table(table)[column].dropna())
    import_text(case.manifest, UTC).encode()


SOURCE = """\
from fastapi import FastAPI
app = FastAPI()
@app.get("/good")
def good(): ...
@app.get("/bad\\ud83d")
def bad(): ...
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "text", "table", "rows"),
    [
        ("app.py", SOURCE, "app_handlers", 2),
        ("uvicorn_command.txt", "uvicorn a:app\nA=\\ud83d uvicorn b:app --port " + "9" * 99 + "\n",
         "app_processes", 1),
        ("probes.csv", "timestamp,vantage,path,status,seconds\n"
         f"{ISO},host,/,200,1\n{ISO},host,/,{'9' * 99},1\n"
         f"{ISO},host,/,200,1e999\n{'9' * 99},host,/,200,1\n{ISO},host,/,200,2\n", "probes", 2),
        ("metrics-api.csv", f"timestamp,cpu_pct\n{ISO},1\n{ISO},{'9' * 999}\n{ISO},2\n", "host_metrics", 2),
        ("nginx.conf", 'server {\n listen 80;\n return 200 "\\ud83d";\n}\n', "config_directives", 3),
        ("functions/f.json", '{"FunctionName": "f", "Timeout": 1e999, "MemorySize": ' + "9" * 400 + "}",
         "functions", 1),
        ("queues/q.json", '{"Attributes": {"QueueArn": "arn:aws:sqs:r:123456789012:q\\ud83d", '
         + '"VisibilityTimeout": "' + "9" * 400 + '", "Policy": ' + "[" * 2000 + "]" * 2000 + "}}",
         "queues", 1),
        ("compose.yml", "services:\n  a: &a\n    b: [*a]\n  c:\n    d: 1\n", "compose_settings", 1),
    ],
)  # fmt: skip
def test_values_of_other_shapes_that_can_not_be_stored_cost_no_other(tmp_path, file, text, table, rows):
    path = tmp_path / "evidence" / file
    path.parent.mkdir(parents=True)
    path.write_text(text)

    case = import_folder(tmp_path / "evidence", tmp_path / "case").case

    assert case.unread == []
    assert len(case.table(table)) >= rows


def test_a_kept_row_is_counted_and_reported(tmp_path):
    (tmp_path / "evidence" / "queues").mkdir(parents=True)
    # Put together here, so that no scanner takes it for one.
    secret = "pass" + "word=hunter" + "2hunter2"
    hostile = [
        {**message(1), "Body": f"{HALF} {secret}"},
        {**message(2), "Body": HOSTILE["escaped surrogate"]},
    ]
    hostile.append({**message(3), "Body": HOSTILE["deep text"], "MessageAttributes": DEEP})
    # Python 3.12 and later read 10,000 levels.
    text = as_text({"Messages": [message(0), *hostile]}, levels=30_000)
    (tmp_path / "evidence" / "queues" / "jobs-dlq-messages.json").write_text(text)

    case = import_folder(tmp_path / "evidence", tmp_path / "case").case

    frame = case.table("queue_messages").set_index("message_id")
    assert len(frame) == case.manifest["tables"]["queue_messages"]["rows"] == 4
    assert frame.loc["m1", "body"] == rf"dev\ud83d {secret}"
    assert frame.loc["m2", "work_item"] == r"dev\ud83d"
    assert frame.loc["m3", "work_item"] == "d"
    assert frame.loc["m3", "body"] == HOSTILE["deep text"]
    notes = " ".join(case.manifest["tables"]["queue_messages"]["notes"])
    assert "hunter2" not in notes
    assert "1 value of body can't be stored: kept with escapes" in notes
    assert "1 value more than 100 levels deep kept as text" in notes


def test_what_is_nested_too_deeply_is_text_and_the_rest_is_read():
    deep = "[" * 5000 + "]" * 5000
    found = read_json('{"a": ' + deep + ', "b": "]]", "c": [1]}')
    assert found["b"], found["c"] == ("]]", [1])
    while isinstance(found := found["a"] if isinstance(found, dict) else found[0], list):
        pass
    assert found == deep[: 5000 - DEEPEST + 1].replace("]", "") + "]" * (5000 - DEEPEST + 1)
    assert shallow('{"a": [1]}') == ('{"a": [1]}', 0)
    assert shallow('[[["]"]]]', 2) == (r'[["[\"]\"]"]]', 1)
    assert shallow('[[["]"', 2) == (r'[["[\"]\""', 1)
    assert json_value(b'{"a": "\\ud83d\\ude00 \\ud83d"}') == {"a": "\U0001f600 \\ud83d"}


@pytest.mark.parametrize(
    ("file", "data"),
    [
        ("queues/jobs-dlq-messages.json", b"\x00\x01 nothing"),
        ("queues/jobs-dlq-messages.json", b'{"Messages": ['),
        ("queues/jobs-dlq-messages.json", b'{"Messages": "none"}'),
        ("queues/jobs-dlq-messages.json.gz", b"\x1f\x8b\x08\x00"),
    ],
)
def test_a_file_that_can_not_be_read_is_named_and_missed(evidence, tmp_path, file, data):
    (evidence / "queues").mkdir()
    (evidence / file).write_bytes(data)

    case = import_folder(evidence, tmp_path / "case").case

    assert [(one.file, one.tables) for one in case.unread] == [(file, ("queue_messages",))]
    assert case.coverage()["queue_messages"]["truncated"]
    assert f"{file} could not be read" in case.coverage()["queue_messages"]["notes"][0]
    assert "Could not be read, though it is evidence:" in import_text(case.manifest, UTC)


def test_a_reader_that_fails_costs_its_file_and_says_so(evidence, tmp_path, monkeypatch):
    def broken(raw):
        raise FormatError("it is upside down")

    def failing(raw):
        raise ZeroDivisionError

    for error, reason in ((broken, "it is upside down"), (failing, "the reader probes failed: ZeroDivision")):
        monkeypatch.setattr("watchme_analysis.case.importer.read_file", lambda source, raw, error=error: (
            error(raw) if source.name == "probes" else list(source.read(raw))
        ))  # fmt: skip
        case = import_folder(evidence, tmp_path / error.__name__).case
        assert [(one.file, one.tables) for one in case.unread] == [("probes.csv", ("probes",))]
        assert case.unread[0].reason.startswith(reason)
