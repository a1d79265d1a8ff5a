import tempfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
import pytest
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.aws_shapes.responses import (
    ResponseProblems,
    boolean,
    child,
    cli_times,
    documents,
    fields,
    file_stem,
    has_key,
    has_next_page,
    integer,
    iso_time,
    json_text,
    json_value,
    number,
    objects_by_key,
    objects_under,
    rows_from,
    table_frame,
    table_result,
    unchanged,
    untimed_notes,
    utc_microseconds,
    utc_time,
    without_repeated,
)
from watchme_analysis.files.evidence_file import RawFile, is_blank
from watchme_analysis.retrieval import Rejected, Retrieval
from watchme_analysis.text.message import message_of


@pytest.mark.parametrize(
    ("value", "expected"),
    [("12345678", 12345678.0), (" 1e3 ", 1000.0), (0.25, 0.25), (None, None), ("-", None)],
)
def test_numbers_of_responses_are_parsed(value, expected):
    assert number(value) == expected


@together("value", ["1_000", "Infinity", "nan", "12x", True, [1], {}, "1" * 400])
def test_values_that_are_not_numbers_are_unknown(value):
    assert number(value) is None


def test_whole_numbers_follow_the_same_rules():
    assert integer("9007199254740993") == 9007199254740993
    assert integer("1_000") is None


@together(
    ("value", "hour"),
    [
        ("2026-03-02T04:00:00+09:00", -5),
        ("2026-03-02T04:00:00", 2),
        ("2026-03-02 04:00:00Z", 4),
        ("20260302T040000", 2),
        ("20260302T040000+0900", -5),
        (datetime(2026, 3, 2, 4), 2),
        (1772424000, 4),
        ("1772424000000", 4),
    ],
)
def test_times_without_a_zone_are_in_the_zone_given_and_others_in_their_own(value, hour):
    expected = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(hours=hour)
    assert utc_time(value, timezone(timedelta(hours=2))) == expected
    assert utc_time(value).utcoffset() == timedelta(0)


HOUR = datetime(2026, 3, 2, 4, tzinfo=UTC)


@together(
    ("value", "expected"),
    [
        (True, None),
        (None, None),
        ("yesterday", None),
        ("2026-13-01", None),
        ([], None),
        (HOUR, HOUR),
        # From 1e11 on, epochs are milliseconds.
        (99_999_999_999, datetime(5138, 11, 16, 9, 46, 39, tzinfo=UTC)),
        (100_000_000_000, datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),
        ("177242400", datetime(1975, 8, 14, 10, tzinfo=UTC)),  # nine digits
        ("17724240", None),  # eight are a date of some other kind
        ("1772424000.5", HOUR.replace(microsecond=500_000)),
        (1e300, None),
        (float("nan"), None),
        ("0001-01-01T00:00:00+09:00", None),  # in UTC before the first year
        (" 2026-03-02 04:00:00 ", HOUR),
    ],
)
def test_times_of_responses(value, expected):
    assert utc_time(value) == expected


def test_times_together_are_those_of_each():
    epoch = int(HOUR.timestamp()) * 1_000_000
    assert utc_microseconds(["2026-03-02 04:00:00.120", None]) == [epoch + 120_000, None]
    assert utc_microseconds(["2026-03-02T04:00:00.120Z", 1772424000]) == [epoch + 120_000, epoch]
    assert utc_microseconds(["2026-03-02 04:00:00.120", "x", "\ud83d"]) == [epoch + 120_000, None, None]
    assert utc_microseconds([]) == []
    assert cli_times(["2026-03-02T04:00:00Z", "2026-03-02T13:00:00.000001+09:00"]).to_pylist() == [
        epoch,
        epoch + 1,
    ]
    for other in ("2026-03-02T04:00:00", "2026-03-02 04:00:00.120", 5, "2026-13-02T04:00:00Z"):
        assert cli_times(["2026-03-02T04:00:00Z", other]) is None


@together(
    ("value", "expected"),
    [
        (5, 5),
        (True, None),
        ("+7", 7),
        (" -7 ", -7),
        ("7.0", 7),
        (7.0, 7),
        (7.5, None),
        (float("inf"), None),
        ("9" * 999, int("9" * 999)),
        ("9" * 1000, None),
        ("", None),
        (None, None),
    ],
)
def test_whole_numbers(value, expected):
    assert integer(value) == expected


def test_truth_values():
    values = [True, False, "true", "False", 1, None, "yes"]
    assert [boolean(value) for value in values] == [True, False, True, False, None, None, None]


def test_json_within_text():
    assert json_text({"b": "é", "a": None}) == '{"a": null, "b": "é"}'
    assert json_text(None) is None
    assert (json_value('{"a": 1}'), json_value("{"), json_value(5), json_value(None)) == (
        {"a": 1},
        None,
        5,
        None,
    )


def test_objects_under_a_key():
    values = [
        {"Alarms": [{"n": 1}, "x"], "NextToken": "t"},
        [{"Alarms": [{"n": 2}]}, {"Alarms": None}],
        {"Name": "alone"},
        {"ResponseMetadata": {}, "NextMarker": "m"},
        {},
        {"Other": 1},
        {"Alarms": "text"},
        7,
    ]
    found = objects_under(values, "Alarms", "Name")
    assert found == ([{"n": 1}, {"n": 2}, {"Name": "alone"}], ["x", {"Other": 1}, "text", 7])
    # Without a key of its own, such an object is unexpected.
    assert objects_under([{"Name": "alone"}], "Alarms") == ([], [{"Name": "alone"}])
    two = objects_by_key([{"A": [{"n": 1}], "B": [{"n": 2}]}, {"b": 3}], {"A": "a", "B": "b"})
    assert two == ({"A": [{"n": 1}], "B": [{"n": 2}, {"b": 3}]}, [])


@together(
    ("values", "more"),
    [
        ([{"NextToken": "t"}], True),
        ([{"NextMarker": "m"}], True),
        ([{"NextToken": "t"}, {"NextToken": None}], False),
        ([[{"NextToken": ""}, {"NextToken": "t"}]], True),
        ([{"NextToken": "t"}, []], True),
        ([{"NextToken": "t"}, 5], False),
        ([], False),
    ],
)
def test_the_last_page_shows_whether_more_follow(values, more):
    assert has_next_page(values) is more


def test_a_child_that_is_no_object_is_empty():
    item = {"a": {"b": {"c": "7"}}, "d": 5}
    assert (child(item, "a"), child(item, "d"), child(item, "x"), child(5, "a")) == (
        {"b": {"c": "7"}},
        {},
        {},
        {},
    )
    assert fields(item, {"x": ("a.b.c", integer), "y": ("d.e", unchanged), "z": ("d", unchanged)}) == {
        "x": 7,
        "y": None,
        "z": 5,
    }


@pytest.fixture
def file(tmp_path):
    def write(data, name="a.json"):
        (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
        return RawFile(tmp_path, name)

    return write


def notes_of(notes):
    return [next(iter(messages_in(message_of(each)).items())) for each in notes]


def test_documents_one_after_the_other(file):
    raw = file(b'\xef\xbb\xbf {"a": 1}\n\0[2]\t3\r\n')
    assert documents(raw) == ([{"a": 1}, [2], 3], [])
    assert documents(file("")) == ([], [])
    values, problems = documents(file('{"a": 1} {"b": [1, 2, {"c": '))
    assert values == [{"a": 1}, {"b": [1, 2]}]
    assert len(problems) == 1
    values, problems = documents(file("[1] x"))
    assert (values, len(problems)) == ([[1]], 1)
    deep = file("[1]" + "[" * 30_000 + "7" + "]" * 30_000 + " [8]")
    values, problems = documents(deep)
    assert (values[0], values[-1], problems) == ([1], [8], [])
    ((name, values),) = notes_of(deep.remarks)
    assert (name, values["values"]) == ("note-nested", 1)


@together(
    ("data", "found"),
    [
        (b'{"a": 1}', True),
        (b'\xef\xbb\xbf\n [{"a": 1}]', True),
        (b'"a"', False),
        (b'{"ab": 1}', False),
        (b'{"x": "' + b"y" * (1 << 20) + b'", "a": 1}', False),  # beyond the beginning of a document
    ],
)
def test_a_key_at_the_beginning_of_a_file(data, found):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.json")
        path.write_bytes(data)
        assert has_key(RawFile(Path(folder), "a.json"), "other", "a") is found


def test_names_and_blank_files(file):
    assert file_stem(file("", "b.json")) == "b"
    assert [is_blank(file(text)) for text in ("", " \n", "{}", "[]\n", "null", "0")] == [True] * 5 + [False]


def test_rows_and_what_can_not_become_one():
    unexpected = []
    items = [{"a": 1}, {}, 5, None]
    assert rows_from(items, lambda item: item["a"], unexpected) == [1]
    assert unexpected == [{}, 5, None]
    with pytest.raises(ZeroDivisionError):
        rows_from([0], lambda item: 1 / item, [])


def test_problems_are_rejected_and_noted(file):
    raw = file("")
    problems = ResponseProblems(["torn"], [{"a": 1}, "x" * 3000], has_next_page=True)
    damaged, first, second = problems.rejected(raw)
    assert damaged == Rejected("a.json", 0, "torn")
    assert (first.file, first.line, first.text) == ("a.json", 0, '{"a": 1}')
    assert notes_of([first.reason]) == [("problem-not-aws-cli", {})]
    assert len(second.text) == 2000
    deep = []
    for _ in range(30_000):
        deep = [deep]
    assert ResponseProblems([], [deep]).rejected(raw)[0].text == "nested too deeply to be shown"
    assert notes_of(problems.notes(raw)) == [
        ("note-of-file", {"file": "a.json", "note": "note-part-kept"}),
        ("note-of-file", {"file": "a.json", "note": "note-entries-missing"}),
    ]
    assert ResponseProblems().notes(raw) == ()


def test_a_table_with_its_retrieval(file):
    raw = file("")
    rows = [{"time": HOUR + timedelta(hours=hour), "value": 1.0} for hour in (1, 0)]
    frame, how = table_result(raw, "s", "metrics", rows, notes=["n"], query="q")
    assert frame["time"].tolist() == [row["time"] for row in rows]
    assert how == Retrieval(
        "s", "a.json", rows=2, start=HOUR, end=HOUR + timedelta(hours=1), query="q", notes=("n",)
    )
    for problems in (ResponseProblems(["torn"]), ResponseProblems(has_next_page=True)):
        _, how = table_result(raw, "s", "metrics", [], problems)
        assert (how.truncated, how.start, how.end, how.rows) == (True, None, None, 0)
    assert not table_result(raw, "s", "metrics", [], ResponseProblems([], [1]))[1].truncated
    assert table_result(raw, "s", "metrics", [], truncated=True)[1].truncated
    # A table without a time.
    _, how = table_result(raw, "s", "metric_queries", [{"id": "m0"}])
    assert (how.rows, how.start, how.end) == (1, None, None)
    columns = {"time": [HOUR], "value": [2.0]}
    assert table_frame("metrics", columns)["value"].tolist() == [2.0]
    assert table_frame("metrics", frame).equals(frame)
    # A value that no column can hold costs that value alone, with a note.
    notes = []
    found = table_frame("metrics", {"value": [2.0, 3.0], "metric": ["a", "\ud83d"]}, notes)
    assert found["value"].tolist() == [2.0, 3.0]
    assert found["metric"].tolist() == ["a", "\\ud83d"]


def test_repeated_rows_are_left_out_with_a_note():
    frame = pd.DataFrame({"a": [1, 1, 2]})
    kept, notes = without_repeated(frame, frame.duplicated(), "note-points-repeated", points=1)
    assert kept["a"].tolist() == [1, 2]
    assert kept.index.tolist() == [0, 1]
    assert notes_of(notes)[0][1] == {"points": 1, "repeated": 1}
    same, notes = without_repeated(frame, frame["a"] > 5, "note-points-repeated")
    assert (same is frame, notes) == (True, [])


def test_rows_without_a_time_are_noted(file):
    raw = file("")
    assert untimed_notes(raw, [{"time": HOUR}]) == []
    ((_, values),) = notes_of(untimed_notes(raw, [{"time": HOUR}, {"time": None}]))
    assert values == {"file": "a.json", "note": "note-untimed"}
    assert iso_time(HOUR) == "2026-03-02T04:00:00+00:00"
    with pytest.raises(TypeError, match="set can't be written as JSON"):
        iso_time(set())
