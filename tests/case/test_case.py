import json

import pandas as pd
import pytest

from watchme_analysis.case.importer import import_folder
from watchme_analysis.case.opening import open_case
from watchme_analysis.errors import CaseError, InputError, QueryError
from watchme_analysis.schema import TABLES
from watchme_analysis.services.diagnose import diagnose


@pytest.fixture
def case(evidence, tmp_path):
    return import_folder(evidence, tmp_path / "case").case


@pytest.mark.slow
def test_sql_runs_over_the_tables_in_utc(case):
    counts = case.sql("select path, count(*) as requests from access_log group by path order by path")
    assert counts.values.tolist() == [["/async-process", 1], ["/health", 2]]
    hour = case.sql("select distinct hour(time) as hour from access_log where status = 504")
    assert hour["hour"].tolist() == [1]
    assert case.sql("select * from metrics").columns.tolist() == TABLES["metrics"].names


@pytest.mark.slow
def test_sql_reads_the_tables_and_touches_no_other_file(case, tmp_path):
    outside, table, other = (
        tmp_path / "secret.csv",
        case.path / "tables" / "probes.parquet",
        tmp_path / "other",
    )
    outside.write_text("a,b\n1,2\n")
    before = table.read_bytes()
    for query in (
        f"copy (select 1) to '{other}'",
        f"copy (select 1) to '{table}' (use_tmp_file false)",
        f"explain analyze copy (select 1) to '{table}' (use_tmp_file false)",
        f"explain (analyze) copy (select 1) to '{table}' (use_tmp_file false)",
        f"with a as (copy (select 'ä') to '{table}' (use_tmp_file false)) select 1",
        "create temp table a as select 1",
        f"copy (pivot probes on line using count(*)) to '{table}' (use_tmp_file false)",
        f"select 1; export database '{other}'",
        f"attach '{other}'",
        f"select * from read_csv('{outside}')",
    ):
        with pytest.raises(QueryError):
            case.sql(query)
    assert table.read_bytes() == before
    assert not other.exists()
    assert len(open_case(case.path).sql("select * from probes")) == 2
    for query in (
        "explain select 1",
        "EXPLAIN ANALYZE select 1",
        "explain (format json) select 1",
        "show tables",
        "select 'Kopie: ä, copy' as \"copy\" -- copy",
        "pivot probes on line using count(*)",
    ):
        assert len(case.sql(query))


@pytest.mark.slow
def test_bad_questions_to_a_case_are_sentences(case, tmp_path):
    with pytest.raises(InputError, match="There is no table"):
        case.table("acces_log")
    with pytest.raises(QueryError, match="DuckDB can't run") as refused:
        case.sql("select colour from access_log")
    assert "\n" not in str(refused.value)
    with pytest.raises(CaseError, match="There is no folder"):
        open_case(tmp_path / "nowhere")


@pytest.mark.slow
def test_damaged_cases_are_reported_and_made_anew(case, evidence):
    (case.path / "tables" / "probes.parquet").write_bytes(b"PAR1")
    with pytest.raises(CaseError, match="import the evidence anew"):
        open_case(case.path).table("probes")
    with pytest.raises(CaseError, match="'probes' of the case"):
        open_case(case.path).sql("select * from probes")
    of_another = json.dumps(case.manifest | {"format_version": 0})
    for text, reported in (("{", "can't be read"), (of_another, "made by another version")):
        (case.path / "manifest.json").write_text(text)
        with pytest.raises(CaseError, match=reported):
            open_case(case.path)
        assert import_folder(evidence, case.path).changed
        assert open_case(case.path).manifest == case.manifest


def altered(case, name):
    """Take rows out of a table, in a file that is whole."""
    path = case.path / "tables" / f"{name}.parquet"
    pd.read_parquet(path).iloc[:1].to_parquet(path, index=False)


@pytest.mark.slow
def test_a_table_that_was_altered_is_not_read(case):
    altered(case, "access_log")
    for read in (
        lambda: open_case(case.path).table("access_log"),
        lambda: open_case(case.path).sql("select count(*) from access_log"),
        lambda: diagnose("health", case.path),
        lambda: case.sql("select count(*) from access_log"),
    ):
        with pytest.raises(
            CaseError, match=r"'access_log' of the case .* changed or damaged since the import: import the"
        ):
            read()
    assert len(open_case(case.path).table("probes")) == 2


def test_tables_that_are_missing_or_were_added_are_named(case, evidence):
    tables = case.path / "tables"
    (tables / "._probes.parquet").write_bytes(b"")
    (tables / "metrics.parquet").write_bytes((tables / "probes.parquet").read_bytes())
    with pytest.raises(
        CaseError, match=r"'metrics' .* does not stand in its manifest: remove .*metrics\.par"
    ):
        open_case(case.path)
    (tables / "metrics.parquet").unlink()
    (tables / "probes.parquet").rename(tables / "probes.old")
    with pytest.raises(CaseError, match=r"'probes' of the case .* is missing: import the evidence anew"):
        open_case(case.path)
    assert import_folder(evidence, case.path).changed
    assert len(open_case(case.path).table("probes")) == 2


def test_a_raw_folder_opens_as_a_case_and_is_left_as_it_was(evidence):
    before = sorted(evidence.iterdir())
    opened = open_case(evidence)
    assert opened.name == "evidence"
    assert len(opened.table("probes")) == 2
    assert sorted(evidence.iterdir()) == before
