"""Tables of a case as they are written and read again, from parts in memory and on disk."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from worlds.messages import messages_in

from watchme_analysis.case.case_folder import Case
from watchme_analysis.case.importer import import_folder
from watchme_analysis.case.writer import sha256_of
from watchme_analysis.errors import CaseError, InputError, QueryError


def error_of(call, *arguments):
    with pytest.raises((CaseError, InputError, QueryError)) as raised:
        call(*arguments)
    return messages_in(raised.value.args[0])


@pytest.fixture
def case(evidence, tmp_path):
    return import_folder(evidence, tmp_path / "case").case


def test_a_table_with_more_rows_than_the_limit(case, monkeypatch):
    monkeypatch.setenv("WATCHME_LIMIT_ROWS", "2")
    found = error_of(Case(case.path, case.manifest).table, "access_log")
    assert found["error-case-table-large"]["table"] == "'access_log'"
    assert len(Case(case.path, case.manifest).table("probes")) == 2


def bombs():
    """Yield small tables that take 80 MB of memory and more: repeated text, one page, constants, nulls."""
    text = pa.array(["x" * 20_000])
    yield pa.table({"error": pa.DictionaryArray.from_arrays(pa.array([0] * 5_000, pa.int32()), text)}), True
    yield pa.table({"error": pa.array(["x" * 1_000_000] * 100)}), False
    yield pa.table({"seconds": pa.array(np.zeros(12_000_000))}), True
    yield pa.table({f"c{number}": pa.nulls(1_000_000, pa.float64()) for number in range(12)}), True
    yield pa.table({"error": pa.array([["x" * 20_000] * 5_000])}), True


def test_a_small_table_file_that_takes_much_memory_is_not_loaded(case, monkeypatch):
    monkeypatch.setenv("WATCHME_LIMIT_TABLE_MIB", "64")
    path = case.path / "tables" / "probes.parquet"
    for table, use_dictionary in bombs():
        pq.write_table(table, path, compression="zstd", use_dictionary=use_dictionary)
        assert path.stat().st_size < 300_000
        case.manifest["tables"]["probes"]["sha256"] = sha256_of(path)
        hostile = Case(case.path, case.manifest)
        for call in (hostile.table, lambda name, case=hostile: case.sql(f"select * from {name}")):
            found = error_of(call, "probes")["error-case-table-large"]
            assert found["table"] == "'probes'"


def test_a_large_table_file_may_take_its_memory(case, monkeypatch):
    monkeypatch.setenv("WATCHME_LIMIT_TABLE_MIB", "1")
    path = case.path / "tables" / "probes.parquet"
    errors = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(20_000)]
    case.table("probes").iloc[[0] * 20_000].assign(error=errors).to_parquet(path)
    case.manifest["tables"]["probes"]["sha256"] = sha256_of(path)
    assert len(Case(case.path, case.manifest).table("probes")) == 20_000
