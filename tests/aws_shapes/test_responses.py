from datetime import UTC, datetime, timedelta, timezone

import pytest
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.aws_shapes.responses import (
    documents,
    utc_microseconds,
    utc_time,
)
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.text.message import message_of

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
    mixed = ["2026-03-02T04:00:00Z", "2026-03-02T13:00:00.000001+09:00"]
    assert utc_microseconds(mixed) == [epoch, epoch + 1]
    tokyo = timezone(timedelta(hours=9))
    assert utc_microseconds(["2026-03-02 13:00:00.000", "2026-13-02T04:00:00Z"], tokyo) == [epoch, None]


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
