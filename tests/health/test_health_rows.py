"""Every statement gives the query for its rows, and the query returns as many as the statement counts."""

import duckdb
import pandas as pd
import pytest
from worlds.health_scenarios import SCENARIOS
from worlds.health_world import HEALTH, case, context_of, give, investigate, without
from worlds.statement_rows import check_health

from watchme_analysis.health import diagnosis as health
from watchme_analysis.health.rows import lines, of_observed
from watchme_analysis.health.signals import source
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.inference.signals import observe
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
def test_rows_of_several_tables_stand_below_each_other():
    made = case(lambda path, second: None)
    found = investigate(made).once(health.health_context).observed
    some = found[found["route"] == HEALTH].iloc[:40]
    behind = of_observed(some)
    shown = made.sql(behind.sql)
    assert len(shown) == behind.rows == 40
    assert set(shown["source"]) == set(some["table"])
    assert behind.table == ", ".join(sorted(set(shown["source"])))
    assert shown["time"].is_monotonic_increasing


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


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("cpu_pct", [5.0, 90.0])
def test_statements_on_the_source_give_the_calls_that_they_count(cpu_pct):
    slow = {"header_s": 2.0, "inside_s": 2.0}
    handler = {
        "file": "app.py", "line": 9, "function": "f", "method": "GET", "path": HEALTH, "runs_on": "event_loop"
    }  # fmt: skip
    made = case(lambda path, second: slow, gauges=lambda second: {"cpu_pct": cpu_pct}, handlers=[handler])
    call = {"file": "app.py", "line": 9, "function": "f", "context": "event_loop"}
    reached = {"reached_from": f"GET {HEALTH}"}
    give(
        made,
        "app_calls",
        [
            call | reached | {"call": "urlopen", "kind": "blocking_io"},
            call | reached | {"call": "for x in range(n)", "kind": "cpu"},
            call | {"call": "open", "kind": "blocking_file", "reached_from": "startup load"},
            call | {"call": "lock", "kind": "lock", "reached_from": None},
        ],
    )
    seen = observe(source.DETECTORS, context_of(made))
    assert seen
    for one in seen:
        assert len(made.sql(one.sql)) == one.rows, one.statement
