"""Evidence of which ``aws ... --query`` left only a part: the lists without what is around them."""

import json

import pytest
from worlds.shorter_case import write_shorter

from watchme_analysis.case.opening import open_case

pytestmark = pytest.mark.slow

KEYS = {
    "cloudtrail": "Events",
    "alarms": "MetricAlarms",
    "alarm-history": "AlarmHistoryItems",
    "metrics": "MetricDataResults",
    "logs": "results",
}


def left_of(file, value):
    """Return what a query for the one thing in a file leaves of it."""
    if file.parent.name == "functions" and "FunctionName" in value:
        return {name: value[name] for name in ("FunctionName", "Timeout")}
    for key in (KEYS.get(file.parent.name), KEYS.get(file.stem), "EventSourceMappings", "Messages"):
        if key is not None and isinstance(value, dict) and key in value:
            return value[key]
    return value


@pytest.fixture(scope="module")
def cases(shorter, tmp_path_factory):
    part = write_shorter(tmp_path_factory.mktemp("part") / "raw")
    for file in part.rglob("*.json"):
        if left := left_of(file, json.loads(file.read_text())):  # an empty list does not show what it lists
            file.write_text(json.dumps(left))
    return shorter, open_case(part)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("functions", "timeout_s"),
        ("event_source_mappings", "queue"),
        ("queue_messages", "message_id"),
        ("changes", "event_id"),
        ("metrics", "value"),
        ("log_events", "message"),
    ],
)
def test_lists_without_what_is_around_them_say_the_same(cases, table, column):
    whole, part = (sorted(map(str, case.table(table)[column])) for case in cases)
    assert whole == part
    assert whole


def test_every_file_is_taken(cases):
    assert [item["file"] for item in cases[1].manifest["inputs"] if item["source"] is None] == [
        item["file"] for item in cases[0].manifest["inputs"] if item["source"] is None
    ]
