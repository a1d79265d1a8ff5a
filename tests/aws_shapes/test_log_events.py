"""Log events of CloudWatch as other commands than Insights queries print and save them."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from worlds.messages import messages_in

from watchme_analysis.aws_shapes.commands import expected_output
from watchme_analysis.aws_shapes.log_events import event_parts, looks_like
from watchme_analysis.case.importer import import_folder
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.text.message import message_of

ID = "1f2e3d4c-5b6a-7988-96a5-b4c3d2e1f001"
STREAM = "2025/12/11/[$LATEST]1f"
MESSAGES = (
    f"START RequestId: {ID} Version: $LATEST",
    f"[ERROR]\t2025-12-11T01:10:31.000Z\t{ID}\tfailed\nTraceback (most recent call last):\n  KeyError: 'a'",
    f"END RequestId: {ID}",
    f"REPORT RequestId: {ID}\tDuration: 200.00 ms\tBilled Duration: 200 ms\tMemory Size: 128 MB\t",
)
TIMES = [datetime(2025, 12, 11, 1, 10, 30 + at, 123_000, tzinfo=UTC) for at in range(len(MESSAGES))]
PAIRS = list(zip(TIMES, MESSAGES, strict=True))


def events(**further):
    return [
        {"timestamp": round(time.timestamp() * 1000), "message": f"{text}\n", "ingestionTime": 1, **further}
        for time, text in PAIRS
    ]


def spreadsheet():
    text = io.StringIO()
    csv.writer(text).writerows([("@timestamp", "@message"), *((insights(time), one) for time, one in PAIRS)])
    return text.getvalue()


def insights(time):
    return time.strftime("%Y-%m-%d %H:%M:%S.123")


FILES = {
    "asr-worker.json": json.dumps({"events": events(logStreamName=STREAM), "searchedLogStreams": []}),
    "logs/asr-worker-events.json": json.dumps({"events": events(), "nextForwardToken": "f/1"}),
    "asr-worker-tail.log": "".join(
        f"{time.isoformat(timespec='microseconds')} {STREAM} {one}\n" for time, one in PAIRS
    ),
    "logs/asr-worker.txt": "".join(f"{time:%Y-%m-%dT%H:%M:%S.123} {one}\n" for time, one in PAIRS),
    "export/000000": "".join(f"{time:%Y-%m-%dT%H:%M:%S.123Z} {one}\n" for time, one in PAIRS),
    f"exportedlogs/asr-worker/{ID}/2025-12-11-[$LATEST]1f2e/000000": "".join(
        f"{time:%Y-%m-%dT%H:%M:%S.123Z} {one}\n" for time, one in PAIRS
    ),
    "logs/tail.txt": "".join(f"{time:%Y-%m-%dT%H:%M:%S.123} {one}\n" for time, one in PAIRS),
    "logs-insights-results.csv": spreadsheet(),
    "logs-insights-results.json": json.dumps(
        [{"@timestamp": insights(time), "@message": one, "@ptr": one} for time, one in PAIRS]
    ),
}


def imported(tmp_path, name, text, **options):
    path = tmp_path / "evidence" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return import_folder(tmp_path / "evidence", tmp_path / "case", **options).case


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_every_command_gives_the_same_events(tmp_path, name):
    case = imported(tmp_path, name, FILES[name], zone_name="Asia/Tokyo")
    found = case.table("log_events")

    assert [time.to_pydatetime() for time in found["time"]] == TIMES
    assert found["message"].tolist() == list(MESSAGES)
    assert found["kind"].tolist() == ["start", "error", "end", "report"]
    assert found["request_id"].tolist() == [ID] * 4
    assert found["ptr"].nunique() == 4
    assert found["duration_ms"].dropna().tolist() == [200.0]
    assert len(case.table("log_queries")) == 1
    named = "asr-worker" in name
    assert found["function"].dropna().unique().tolist() == (["asr-worker"] if named else [])
    assert (
        any("log group is unknown" in one for one in case.manifest["tables"]["log_events"]["notes"]) != named
    )


# Lines of a function that stops before START, or whose START was filtered out.
OWN_LINES = {
    "timeout": f"2025-12-11T01:10:31.000Z {ID} Task timed out after 3.00 seconds",
    "import": "[ERROR] Runtime.ImportModuleError: Unable to import module 'app': No module named 'requests'",
    "exit": f"RequestId: {ID} Error: Runtime exited with error: signal: killed",
}


@pytest.mark.parametrize("kind", ["get", "filter", "tail", "short"])
@pytest.mark.parametrize("line", OWN_LINES.values(), ids=OWN_LINES)
def test_lines_of_lambda_without_a_start_belong_to_the_function(tmp_path, kind, line):
    event = {"timestamp": round(TIMES[0].timestamp() * 1000), "message": f"{line}\n", "ingestionTime": 1}
    text = {
        "get": json.dumps({"events": [event], "nextForwardToken": "f/1"}),
        "filter": json.dumps({"events": [event | {"logStreamName": STREAM}], "searchedLogStreams": []}),
        "tail": f"{TIMES[0].isoformat()} {STREAM} {line}\n",
        "short": f"{TIMES[0]:%Y-%m-%dT%H:%M:%S} {line}\n",
    }[kind]
    name = f"asr-worker.{'json' if kind in ('get', 'filter') else 'log'}"
    (row,) = imported(tmp_path, name, text).table("log_events").to_dict("records")
    assert (row["function"], row["message"]) == ("asr-worker", line)
    assert row["error_type"]


@pytest.mark.slow
def test_a_page_of_several_and_a_torn_file_say_so(tmp_path):
    more = {"events": events(eventId="1"), "searchedLogStreams": [], "nextToken": "t"}
    paged = imported(tmp_path, "asr-worker.json", json.dumps(more))
    assert paged.manifest["tables"]["log_events"]["truncated"]

    torn = imported(
        tmp_path, "asr-worker.json", FILES["asr-worker.json"][: len(FILES["asr-worker.json"]) // 2]
    )
    entry = torn.manifest["tables"]["log_events"]
    assert entry["truncated"] and 0 < entry["rows"] < 4


@pytest.mark.slow(fast=2)
@pytest.mark.parametrize("folder", ["logs", "metrics", "queues", "functions"])
@pytest.mark.parametrize("name", ["notes.md", "other.json"])
def test_another_file_in_a_folder_of_responses_is_named_with_the_command_to_run(tmp_path, folder, name):
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "access.log").write_text("")
    case = imported(tmp_path, f"{folder}/{name}", '{"a": 1}' if name.endswith("json") else "a note\n")
    reasons = {entry["file"]: entry["reason"] for entry in case.manifest["inputs"]}

    assert reasons[f"{folder}/{name}"] == expected_output(RawFile(tmp_path, f"{folder}/{name}"))
    assert "aws " in reasons[f"{folder}/{name}"]
    assert expected_output(RawFile(tmp_path, name)) is None


def parts_of(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    found, queries = event_parts(RawFile(folder, name))
    return found, plain(queries.frame)[0]


def plain(frame):
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def notes_of(notes):
    found = [messages_in(message_of(each)) for each in notes]
    return [(each["note-of-file"]["note"], each[each["note-of-file"]["note"]]) for each in found]


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("asr-worker.log", "asr-worker"),
        ("asr-worker_events-tail.txt", "asr-worker"),
        ("asr.logs.insights-results.json.txt", "asr"),
        ("Events.log", None),
        ("lambda-log.txt", None),
        ("asr-worker/000000", "asr-worker"),
        ("export/000000", None),
        ("exportedlogs/asr-worker/2025-12-11-x/1", "asr-worker"),
        ("exportedlogs/000001", None),
        ("000002", None),
        ("7.log", None),
    ],
)
def test_the_function_that_a_file_is_named_after(tmp_path, name, function):
    line = f"2025-12-11T01:10:30.123Z {MESSAGES[0]}\n"
    found, _ = parts_of(tmp_path, name, line)
    assert plain(found.frame)[0]["function"] == function
    if function is None:
        numbered = name.rpartition("/")[2].partition(".")[0].isdigit()
        example = "logs/NAME/000000.gz" if numbered else "logs/NAME.json"
        assert notes_of(found.retrieval.notes) == [("note-log-group-unknown", {"example": example})]
    # Of other lines than those of Lambda, no name is that of a function.
    found, _ = parts_of(tmp_path, name, "2025-12-11T01:10:30.123Z started\n")
    assert found.frame["function"].isna().all()


def log_events_of(tmp_path, text, name="orders-worker.log"):
    (tmp_path / name).write_text(text)
    raw = RawFile(tmp_path, name)
    assert looks_like(raw)
    events, queries = event_parts(raw)
    return events.frame, events.retrieval, queries.frame


@pytest.mark.parametrize(
    "line", ["{stream} {time} {said}", "{time} {stream} {said}", "{time}\t{said}", "{time} {said}"]
)
def test_rows_of_the_console_and_of_sam_logs_are_events_at_their_times(tmp_path, line):
    row = {
        "stream": "2025/12/11/[$LATEST]0123456789abcdef0123456789abcdef",
        "time": "2025-12-11T01:10:30.123Z",
    }
    frame, _, _ = log_events_of(tmp_path, "".join(f"{line.format(said=said, **row)}\n" for said in MESSAGES))
    assert frame["kind"].tolist() == ["start", "error", "end", "report"]
    assert frame["time"].notna().all()


def test_text_of_lambda_without_times_is_read_without_them(tmp_path):
    frame, _, _ = log_events_of(tmp_path, "".join(f"{text}\n" for text in MESSAGES))

    assert frame["time"].isna().all()
    assert frame["kind"].tolist() == ["start", "error", "end", "report"]
    assert frame["message"].tolist()[1] == MESSAGES[1]
    assert frame["function"].unique().tolist() == ["orders-worker"]


def test_lines_of_json_are_events_at_the_times_that_they_state(tmp_path):
    report = {
        "time": "2025-12-11T01:10:30.064Z",
        "type": "platform.report",
        "record": {
            "requestId": ID,
            "status": "timeout",
            "metrics": {"durationMs": 3000.0, "memorySizeMB": 128},
        },
    }
    metric = {"Name": "errors", "Unit": "Count"}
    embedded = {"Timestamp": 1765415430500, "CloudWatchMetrics": [{"Namespace": "n", "Metrics": [metric]}]}
    powertools = {
        "level": "ERROR",
        "message": "failed",
        "timestamp": "2025-12-11 01:10:31,494+0000",
        "exception_name": "KeyError",
        "function_name": "orders-worker",
        "function_request_id": ID,
    }
    lines = [report, {"_aws": embedded, "errors": 0}, powertools]
    frame, how, queries = log_events_of(
        tmp_path, "".join(f"{json.dumps(one)}\n" for one in lines), "found.txt"
    )

    assert [time.isoformat(timespec="milliseconds") for time in frame["time"]] == [
        "2025-12-11T01:10:30.064+00:00",
        "2025-12-11T01:10:30.500+00:00",
        "2025-12-11T01:10:31.494+00:00",
    ]
    assert frame["kind"].tolist() == ["report", "application", "error"]
    assert frame["error_type"].fillna("").tolist() == ["Task timed out", "", "KeyError"]
    assert frame["request_id"].fillna("").tolist() == [ID, "", ID]
    assert frame.loc[0, ["duration_ms", "memory_mb"]].tolist() == [3000.0, 128.0]
    # Powertools states the function, so that the name of the file does not matter.
    assert queries["log_group"].tolist() == ["/aws/lambda/orders-worker"]
    assert "note-log-of-function" not in {key for one in how.notes for key in messages_in(one)}
