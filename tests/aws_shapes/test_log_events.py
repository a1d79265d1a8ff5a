"""Log events of CloudWatch as other commands than Insights queries print and save them."""

import csv
import gzip
import io
import json
import time
from datetime import UTC, datetime

import pytest

from watchme_analysis.aws_shapes.commands import expected_output
from watchme_analysis.aws_shapes.log_events import event_parts
from watchme_analysis.case.importer import import_folder
from watchme_analysis.files.evidence_file import RawFile

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


def test_an_export_is_compressed(tmp_path):
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "000000.gz").write_bytes(gzip.compress(FILES["export/000000"].encode()))

    assert len(import_folder(tmp_path / "evidence", tmp_path / "case").case.table("log_events")) == 4


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


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(
    "name", ["asr-worker.json", "logs-insights-results.json", "logs-insights-results.csv"]
)
@pytest.mark.parametrize("odd", [None, 7, "x", [], {}, {"message": 3}, {"timestamp": "never", "message": {}}])
def test_a_value_of_another_kind_costs_itself(tmp_path, name, odd):
    if name.endswith(".csv"):
        text = FILES[name] + "one,cell,too many\n"
    else:
        value = json.loads(FILES[name])
        (value["events"] if isinstance(value, dict) else value).append(odd)
        text = json.dumps(value)
    entry = imported(tmp_path, name, text).manifest["tables"]["log_events"]

    assert entry["rows"] + entry["rejected"] == 5
    assert entry["rows"] >= 4


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


@pytest.mark.slow
def test_a_message_of_many_lines_takes_time_in_proportion_to_them(tmp_path):
    line = f"{TIMES[0]:%Y-%m-%dT%H:%M:%S.123} {MESSAGES[0]}\n"
    (tmp_path / "asr-worker.log").write_text(line + "a line of a long traceback\n" * 100_000)
    began = time.process_time()

    events = next(event_parts(RawFile(tmp_path, "asr-worker.log")))

    # To append each line to the text before it copied 130 GB.
    assert time.process_time() - began < 5
    assert events.frame["message"].str.count("\n").tolist() == [100_000]
