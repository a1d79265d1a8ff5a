"""Tables become one frame, wherever they were cut."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from watchme_analysis.access_logs.engine.columns import ACCESS_COLUMNS, KINDS, rows_table
from watchme_analysis.access_logs.frame import frame_of
from watchme_analysis.files.arrow_arrays import nulls, repeated
from watchme_analysis.schema import conform, empty

NOON = 1_765_411_200_000_000
ROWS = [
    {"line": 1, "time": NOON, "status": 200, "request_time_s": 0.25, "path": "/health", "host": "a"},
    {"line": 2, "time": None, "status": None, "request_time_s": None, "path": None, "host": None},
    {"line": 3, "time": NOON + 1, "status": 2**63 - 1, "request_time_s": 1e9, "path": "", "host": "é"},
]
COLUMNS = ("time", "line", "status", "request_time_s", "path", "host", "cache_status")


def expected():
    frame = pd.DataFrame({column: [row.get(column) for row in ROWS] for column in COLUMNS})
    frame["time"] = pd.to_datetime(frame["time"].astype("Int64"), unit="us", utc=True).astype(
        "datetime64[us, UTC]"
    )
    for column in COLUMNS[1:]:
        kind = {"int": "Int64", "float": "Float64"}.get(KINDS[column], "string")
        frame[column] = pd.array([row.get(column) for row in ROWS], dtype=kind)
    return frame


@pytest.mark.parametrize("cuts", [(), (1,), (2,), (1, 2)])
@pytest.mark.parametrize("room", [0, 1, 100])
def test_a_frame_is_the_same_however_its_tables_are_cut(cuts, room):
    bounds = [0, *cuts, len(ROWS)]
    tables = [rows_table(ROWS[a:b], ACCESS_COLUMNS) for a, b in pairwise(bounds)]
    frame = frame_of(iter(tables), COLUMNS, lambda _: room)
    pd.testing.assert_frame_equal(frame, expected())


def test_tables_of_parts_are_taken_part_by_part():
    tables = [rows_table([row], ACCESS_COLUMNS) for row in ROWS]
    frame = frame_of([pa.concat_tables(tables).slice(1), tables[0]], COLUMNS)
    pd.testing.assert_frame_equal(frame, expected().iloc[[1, 2, 0]].reset_index(drop=True))


def test_without_tables_the_frame_is_empty_and_typed():
    assert frame_of([], COLUMNS).dtypes.equals(empty("access_log")[list(COLUMNS)].dtypes)
    frame = frame_of([rows_table(ROWS, ACCESS_COLUMNS)], ACCESS_COLUMNS)
    assert conform("access_log", frame).dtypes.equals(frame.dtypes)


def test_what_is_written_to_the_frame_stays_in_it():
    table = rows_table(ROWS, ACCESS_COLUMNS)
    frame = frame_of([table], COLUMNS)
    frame.loc[0, "status"] = 500
    assert table["status"][0].as_py() == 200


def test_a_table_is_let_go_before_the_next_is_requested():
    alive = []

    class Watched:
        def __init__(self):
            self.table = rows_table(ROWS, ACCESS_COLUMNS)
            alive.append(self)

        def __len__(self):
            return len(self.table)

        def __getitem__(self, column):
            return self.table[column]

        def __del__(self):
            alive.append("gone")

    def tables():
        yield Watched()
        alive.remove(next(one for one in alive if isinstance(one, Watched)))
        assert alive == ["gone"]
        yield Watched()

    assert len(frame_of(tables(), COLUMNS)) == 2 * len(ROWS)


def test_columns_of_one_text_share_their_memory_and_count_by_themselves():
    first, second = repeated("access.log", 3), repeated("access.log", 1500)
    assert first.to_pylist() == ["access.log"] * 3
    assert set(second.to_pylist()) == {"access.log"}
    assert len(second) == 1500
    assert repeated("access.log", 5).buffers()[2].address == first.buffers()[2].address
    assert repeated("other.log", 5).to_pylist() == ["other.log"] * 5
    none = nulls(4, pa.int64())
    assert (none.null_count, none.to_pylist(), len(nulls(3000, pa.int64()))) == (4, [None] * 4, 3000)
    assert np.array_equal(nulls(0, pa.int64()).to_pylist(), [])
