"""Every statement of a backlog gives the query for its rows, and the query returns as many as it counts."""

from datetime import UTC, datetime
from functools import cache

import pytest
from worlds.backlog_draws import CAUSES, make

from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.backlog.rows import matching, points
from watchme_analysis.case.importer import import_folder
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.services.diagnose import investigate

pytestmark = pytest.mark.slow

BUNDLED = ("backlog-49", "backlog-dlq", "backlog-healthy")


def check(inv):
    """Compare the rows that every statement counts with those that its query returns."""
    found = [item for entry in diagnose(inv).ranking for item in entry.finding.evidence]
    assert found
    rows_of = cache(inv.case.sql)  # causes share evidence
    for item in found:
        assert item.sql, item.statement
        assert f"from {item.table}" in item.sql
        rows = rows_of(item.sql)
        assert len(rows) == item.rows, (item.statement, item.sql)
        assert list(rows.columns) == list(inv.case.table(item.table).columns), item.statement
    return found


@pytest.mark.parametrize("name", BUNDLED)
def test_every_statement_of_a_bundled_case_gives_its_rows(bundled, name):
    check(Investigation(bundled(name), "backlog"))


def test_a_window_leaves_out_what_lies_outside_of_it(bundled):
    check(investigate("backlog", bundled("backlog-49"), since="30h"))


@pytest.mark.parametrize("place", range(len(CAUSES)), ids=lambda place: CAUSES[place])
def test_every_statement_of_a_made_up_world_gives_its_rows(tmp_path, place):
    make(700 + place, tmp_path / "raw")
    check(Investigation(import_folder(tmp_path / "raw", tmp_path / "case").case, "backlog"))


def test_rows_are_those_between_the_bounds_and_of_the_names(bundled):
    inv = Investigation(bundled("backlog-49"), "backlog")
    changes = matching(inv, "changes", ("time", "<", datetime(2000, 1, 1, tzinfo=UTC)))
    assert changes["rows"] == len(inv.case.sql(changes["sql"])) == 0
    assert matching(inv, "queues", ("queue", "in", ()))["rows"] == 0
    assert points(inv, (), ("sent",))["rows"] == 0
