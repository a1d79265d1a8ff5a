"""Values that a table cannot hold: each loses itself alone, and a note says so once per column."""

from datetime import UTC, datetime

from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.files.storable_values import (
    storable_rows,
)

# A column of each kind in the glossary.
COLUMNS = {
    "int": ("access_log", "status"),
    "float": ("access_log", "request_time_s"),
    "time": ("access_log", "time"),
    "text": ("access_log", "path"),
    "json": ("access_log", "extra"),
    "bool": ("config_directives", "block"),
}
LOST, SAME = object(), object()


@together(
    ("kind", "value", "kept"),
    [
        ("int", 7, SAME), ("int", True, SAME), ("int", 7.0, SAME), ("int", 7.5, LOST), ("int", "7", LOST),
        ("int", 2**63 - 1024, SAME), ("int", 2**63, LOST), ("int", -(2**63), LOST), ("int", 10**400, LOST),
        ("int", float("nan"), LOST), ("int", [7], LOST),
        ("float", 7.5, SAME), ("float", 2**70, SAME), ("float", 10**400, LOST), ("float", "7.5", LOST),
        ("float", float("inf"), SAME),
        ("time", datetime(2026, 1, 1, tzinfo=UTC), SAME), ("time", 2**63 - 1, SAME), ("time", 2**63, LOST),
        ("time", -(2**63), LOST), ("time", 1.5, LOST), ("time", "2026-01-01", LOST),
        ("text", "é", SAME), ("text", "\ud83d!", "\\ud83d!"), ("text", "\udcff", "\\xff"), ("text", 7, SAME),
        ("json", "[1]", SAME), ("json", [1], SAME),
        ("bool", True, SAME), ("bool", 1, LOST), ("bool", "true", LOST),
        *((kind, None, SAME) for kind in COLUMNS),
    ],
)  # fmt: skip
def test_a_column_holds_values_of_its_kind(kind, value, kept):
    table, column = COLUMNS[kind]
    notes = []
    (row,) = storable_rows(table, [{column: value}], notes)
    if kept is SAME:
        assert row[column] is value and notes == []
        return
    assert row == {column: None if kept is LOST else kept}
    how = "how-left-out" if kept is LOST else "how-escaped"
    said = messages_in(notes[0].message)["note-not-storable"]
    assert (said["values"], said["column"], said["how"]) == (1, column, how.removeprefix("how-"))


def test_a_column_with_several_such_values_has_one_note_with_the_first():
    notes = []
    rows = [{"status": "x" * 100, "path": "/a"}, {"status": "b", "path": "\ud83d"}]
    assert storable_rows("access_log", rows, notes) == [
        {"status": None, "path": "/a"},
        {"status": None, "path": "\\ud83d"},
    ]
    status, path = (messages_in(one.message)["note-not-storable"] for one in notes)
    assert (status["values"], status["column"], path["values"], path["column"]) == (2, "status", 1, "path")
    assert (status["first"], path["first"]) == ("x" * 77 + "...", "\\ud83d")
    # What may be secret is not quoted.
    storable_rows("access_log", [{"status": "password=abcdefgh"}], notes)
    assert "abcdefgh" not in notes[-1]
    # A column that no glossary has is text.
    assert storable_rows("access_log", [{"other": "a"}], notes) == [{"other": "a"}]
