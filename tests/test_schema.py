import re

import pandas as pd
import pytest
from worlds.together import together

from watchme_analysis.errors import InputError
from watchme_analysis.schema import (
    DTYPES,
    TABLES,
    conform,
    empty,
    frame_of_columns,
    frame_of_values,
)


def test_empty_tables_have_the_glossary_s_columns(subtests):
    for name in list(TABLES):
        with subtests.test(name=name):
            frame = empty(name)
            assert list(frame.columns) == TABLES[name].names
            assert len(frame) == 0
            assert {column.name: str(frame[column.name].dtype) for column in TABLES[name].columns} == {
                column.name: DTYPES[column.kind] for column in TABLES[name].columns
            }


def test_entries_are_complete(subtests):
    for name in list(TABLES):
        with subtests.test(name=name):
            table = TABLES[name]
            assert table.row.endswith(".")
            assert len(set(table.names)) == len(table.names)
            for column in table.columns:
                assert column.kind in DTYPES
                assert column.meaning
                assert re.fullmatch(r"[a-z][a-z0-9_]*", column.name)
            if table.time is not None:
                assert next(column for column in table.columns if column.name == table.time).kind == "time"


def test_conform_fills_missing_columns_with_null_and_keeps_order():
    frame = conform("probes", pd.DataFrame({"vantage": ["inside"], "duration_s": [0.8]}))
    assert list(frame.columns) == TABLES["probes"].names
    assert frame["status"].isna().all()
    assert frame.loc[0, "duration_s"] == 0.8


def test_conform_drops_nothing_in_silence():
    with pytest.raises(InputError, match="no column 'colour'"):
        conform("probes", pd.DataFrame({"colour": ["red"]}))
    with pytest.raises(InputError, match="'status' of table 'probes'"):
        conform("probes", pd.DataFrame({"status": ["teapot"]}))
    with pytest.raises(InputError, match="'colour', 'size'"):
        frame_of_values("probes", [{"colour": 1, "size": 2}])
    with pytest.raises(InputError, match="'status' of table 'probes'"):
        frame_of_values("probes", [{"status": "teapot"}])
    with pytest.raises(InputError, match="access_log"):
        empty("acces_log")


def test_a_value_put_into_one_table_is_in_no_other():
    one, other = (conform("access_log", pd.DataFrame({"line": [1, 2]})) for _ in range(2))
    one.loc[0, ["method", "status"]] = ["GET", 200]
    assert one.loc[0, "status"] == 200
    later = conform("access_log", pd.DataFrame({"line": [1, 2]}))
    assert [table[["method", "status"]].isna().all(axis=None) for table in (other, later)] == [True, True]


def test_rows_become_a_table_with_every_kind_of_column():
    rows = [
        {"line": 2, "time": 1_765_414_800_000_000, "service": "", "request_time_s": 0.5, "extra": "{}"},
        {"time": None, "service": "a", "status": 200},
    ]
    frame = frame_of_values("access_log", rows)
    assert list(frame.columns) == TABLES["access_log"].names
    kept = frame[["line", "time", "service", "request_time_s", "extra", "status"]]
    assert kept.astype(object).where(kept.notna(), None).to_numpy().tolist() == [
        [2, pd.Timestamp("2025-12-11T01:00Z"), None, 0.5, "{}", None],
        [None, None, "a", None, None, 200],
    ]
    assert {column.name: DTYPES[column.kind] for column in TABLES["access_log"].columns} == {
        name: str(dtype) for name, dtype in frame.dtypes.items()
    }
    assert frame_of_values("access_log", rows, keeps_empty=True)["service"].tolist() == ["", "a"]
    assert len(frame_of_values("access_log", [])) == 0
    assert frame_of_columns("access_log", {}, 3)["line"].isna().tolist() == [True] * 3
    assert frame_of_columns("access_log", {"line": []}, 0).equals(empty("access_log"))


@together(
    ("values", "expected"),
    [
        ([pd.Timestamp("2025-12-11T10:00+09:00"), None], pd.Timestamp("2025-12-11T01:00Z")),
        (["2025-12-11T01:00:00Z", None], pd.Timestamp("2025-12-11T01:00Z")),
        ([1_765_414_800_000_000, None], pd.Timestamp("2025-12-11T01:00Z")),
    ],
)
def test_times_of_any_form(values, expected):
    found = frame_of_columns("access_log", {"time": values}, 2)["time"]
    assert (found[0], found.isna().tolist()) == (expected, [False, True])
    assert str(found.dtype) == "datetime64[us, UTC]"
