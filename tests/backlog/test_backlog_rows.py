"""Every statement of a backlog gives the query for its rows, and the query returns as many as it counts."""

from datetime import UTC, datetime

import pytest
from worlds.statement_rows import check_backlog

from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.backlog.rows import matching, points
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.services.diagnose import investigate

pytestmark = pytest.mark.slow

BUNDLED = ("backlog-49", "backlog-dlq", "backlog-healthy")


@pytest.fixture(scope="module")
def checked():
    """The messages of statements whose rows were compared for a case before."""
    return set()


@pytest.mark.parametrize("name", BUNDLED)
def test_every_statement_of_a_bundled_case_gives_its_rows(bundled, diagnosed, name, checked):
    check_backlog(bundled(name), diagnosed(name), checked)


def test_a_window_leaves_out_what_lies_outside_of_it(bundled):
    inv = investigate("backlog", bundled("backlog-49"), since="30h")
    check_backlog(inv.case, inv.once(diagnose))


def test_rows_are_those_between_the_bounds_and_of_the_names(bundled):
    inv = Investigation(bundled("backlog-49"), "backlog")
    changes = matching(inv, "changes", ("time", "<", datetime(2000, 1, 1, tzinfo=UTC)))
    assert changes["rows"] == len(inv.case.sql(changes["sql"])) == 0
    assert matching(inv, "queues", ("queue", "in", ()))["rows"] == 0
    assert points(inv, (), ("sent",))["rows"] == 0
