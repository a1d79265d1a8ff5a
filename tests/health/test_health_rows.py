"""Every statement gives the query for its rows, and the query returns as many as the statement counts."""

import duckdb
import pandas as pd
import pytest
from worlds.health_scenarios import SCENARIOS
from worlds.health_world import without
from worlds.statement_rows import check_health

from watchme_analysis.health import diagnosis as health
from watchme_analysis.health.rows import lines
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.schema import conform
from watchme_analysis.services.diagnose import investigate as open_question

BUNDLED = ("health-threadpool", "health-healthy")


@pytest.fixture(scope="module")
def check():
    """Return a function that checks the statements of a case that were not compared for one before."""
    known = set()
    return lambda made: check_health(Investigation(made, "health"), known)


@pytest.mark.slow
@pytest.mark.parametrize("name", BUNDLED)
def test_every_statement_of_a_bundled_case_gives_its_rows(bundled, name, check):
    check(bundled(name))


@pytest.mark.slow
@pytest.mark.parametrize("absent", ["access_log", "edge_log", "probes"])
def test_statements_give_their_rows_when_a_table_is_missing(absent, check):
    made = next(build for build, cause in SCENARIOS.items() if cause == "app_event_loop")()
    check(without(made, absent))


@pytest.mark.slow
def test_a_window_leaves_out_what_lies_outside_of_it(bundled):
    made = bundled("health-threadpool")
    inv = open_question("health", made, since="40s")
    for one in inv.once(health.observed):
        assert len(made.sql(one.sql)) == one.rows, one.statement


@pytest.mark.slow
def test_a_query_names_runs_of_lines_as_ranges_and_quotes_file_names():
    rows = pd.DataFrame({"file": "it's.log", "line": [1, 2, 3, 4, 5, 9, 11, 12]})
    sql = lines("access_log", rows).sql
    assert "file = 'it''s.log'" in sql
    assert "line between 1 and 5 or line in (9, 11, 12)" in sql
    table = conform("access_log", pd.DataFrame({"file": "it's.log", "line": range(1, 20)}))
    with duckdb.connect() as connection:
        connection.register("access_log", table)
        assert sorted(connection.execute(sql).df()["line"]) == rows["line"].tolist()
