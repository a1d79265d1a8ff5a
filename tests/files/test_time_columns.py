"""Columns of times with fractions, against single times and literal moments."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from worlds.together import together

from watchme_analysis.files.time_columns import is_zoned_time, moments_at, moments_of

TIMES = {
    "2025-12-11T10:10:30.123456+09:00": datetime(2025, 12, 11, 1, 10, 30, 123456, UTC),
    "2025-12-11 10:10:30,5-0330": datetime(2025, 12, 11, 13, 40, 30, 500000, UTC),
    "2025-12-11T10:10:30.123456789Z": datetime(2025, 12, 11, 10, 10, 30, 123456, UTC),
    "2025-12-11T10:10:30+09:00": datetime(2025, 12, 11, 1, 10, 30, 0, UTC),
    "2025-12-11T10:10:30.5": None,  # no zone
    "2025-13-11T10:10:30.5Z": None,  # no month
    "2025-12-11T10:10:30.5+99:00": None,  # no zone of the world
    "2025-12-11T10:10:30.1234567890Z": None,
    "２025-12-11T10:10:30.5Z": None,  # a digit of another script
    "": None,
    None: None,
}


def test_a_column_of_times_has_their_moments():
    column = pa.array([*TIMES], pa.large_string())
    expected = [
        None if moment is None else int(moment.timestamp()) * 1_000_000 + moment.microsecond
        for moment in TIMES.values()
    ]
    assert moments_of(column).to_pylist() == expected
    # Repeated times have the same moments.
    assert moments_of(pa.concat_arrays([column, column])).to_pylist() == expected * 2


def test_times_are_read_at_positions_of_a_buffer():
    data = b"[1970-01-01T00:00:01.5Z] 1970-01-01T00:00:02.25Z|"
    starts, ends = np.array([-1, 1, 25, 25]), np.array([0, 23, 48, 30])
    moments, known = moments_at(np.frombuffer(data, np.uint8), starts[:3], ends[:3])
    assert known.tolist() == [False, True, True]
    assert moments[1:].tolist() == [1_500_000, 2_250_000]
    # A text at the very beginning is not missing.
    moments, known = moments_at(np.frombuffer(data[1:], np.uint8), np.array([0]), np.array([22]))
    assert (moments.tolist(), known.tolist()) == ([1_500_000], [True])


@together(
    ("text", "is_one"),
    [
        ("2025-12-11T10:10:30.5Z", True),
        ("2025-12-11 10:10:30,123456789+0900", True),
        ("2025-12-11T10:10:30Z", True),
        ("2025-12-11T10:10:30.5", False),
        (" 2025-12-11T10:10:30.5Z", False),
        ("2025-12-11T10:10:30.5Z ", False),
    ],
)
def test_a_time_with_a_zone_is_recognized(text, is_one):
    assert is_zoned_time(text) is is_one
