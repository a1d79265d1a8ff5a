"""A row that can't be stored, among good ones, in every shape of evidence: it costs itself at most."""

import json
from datetime import UTC

import pytest
from worlds.hostile_rows import (
    message,
)

from watchme_analysis.case.importer import import_folder
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
