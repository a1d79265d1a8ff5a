import re

import pandas as pd
import pytest

from watchme_analysis.errors import InputError
from watchme_analysis.schema import DTYPES, TABLES, conform, empty


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


def test_conform_takes_nulls_of_any_dtype():
    frame = pd.DataFrame({"time": pd.to_datetime(pd.Series([None, None])), "status": [float("nan")] * 2})
    conformed = conform("probes", frame)
    assert str(conformed["time"].dtype) == "datetime64[us, UTC]"
    assert conformed["status"].isna().all()


def test_conform_drops_nothing_in_silence():
    with pytest.raises(InputError, match="no column 'colour'"):
        conform("probes", pd.DataFrame({"colour": ["red"]}))
    with pytest.raises(InputError, match="'status' of table 'probes'"):
        conform("probes", pd.DataFrame({"status": ["teapot"]}))


def test_unknown_table_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="access_log"):
        empty("acces_log")


def test_a_value_put_into_one_table_is_in_no_other():
    one, other = (conform("access_log", pd.DataFrame({"line": [1, 2]})) for _ in range(2))
    one.loc[0, ["method", "status"]] = ["GET", 200]
    assert one.loc[0, "status"] == 200
    later = conform("access_log", pd.DataFrame({"line": [1, 2]}))
    assert [table[["method", "status"]].isna().all(axis=None) for table in (other, later)] == [True, True]
