"""Checks that every statement of a diagnosis has the query for its rows, and that it counts them rightly."""

from functools import cache

from watchme_analysis.health import diagnosis as health
from watchme_analysis.schema import TABLES
from watchme_analysis.text.message import Message
from watchme_analysis.text.render import render
from worlds.messages import messages_in


def check_health(inv, known=None):
    """Compare the rows that the statements of a health diagnosis count with those of their queries.

    A statement whose messages and table are in the set ``known`` is passed over; the others' are added.
    """
    known = set() if known is None else known
    compared = set()
    seen = {(one.statement, one.table, one.rows, one.sql) for one in inv.once(health.observed)}
    ranked = inv.once(health.diagnose).ranking
    # A statement gains a sentence where a confounder shares it.
    weighed = {(e.table, e.rows, e.sql) for entry in ranked for e in entry.finding.evidence}
    assert weighed
    assert weighed <= {one[1:] for one in seen}
    rows_of = cache(inv.case.sql)  # statements share rows
    for statement, table, rows, sql in sorted(seen, key=str):
        assert sql, statement
        said = (frozenset(messages_in(statement)), table)
        if said in known:
            continue
        compared.add(said)
        found = rows_of(sql)
        assert len(found) == rows, (statement, sql)
        if "source" in found:
            assert table == ", ".join(sorted(found["source"].unique())), statement
        else:
            assert list(found.columns) == list(inv.case.table(table).columns), statement
    known |= compared


# Units of an effect.
UNITS = {
    "MB", "connections", "difference of shares", "files", "lines", "paths", "pct", "ratio", "requests",
    "routes", "s", "share", "starts", "threads",
}  # fmt: skip


def check_observation(one):
    """Check that an observation can be read in each language, names its tables, and has a known unit."""
    for text in filter(None, (one.statement, one.detail)):
        assert isinstance(text, Message), one.signal
        for language in ("en", "ja"):
            assert render(text, language)
    assert one.statement, one.signal
    assert set(one.table.split(", ")) <= TABLES.keys(), one.signal
    assert one.effect_unit in (UNITS if one.effect is not None else {None}), one.signal
    assert 0 <= one.strength <= 1, one.signal


def check_observations(case, observations, compared):
    """Check observations, and that their queries return as many rows as they count.

    One whose signal, messages and table are in the set ``compared`` has its query left out; others are added.
    """
    for one in observations:
        check_observation(one)
        said = (one.signal, frozenset(messages_in(one.statement)), one.table)
        if said in compared:
            continue
        compared.add(said)
        found = case.sql(one.sql)
        assert len(found) == one.rows, (one.signal, one.sql)
        if "source" in found:
            assert one.table == ", ".join(sorted(found["source"].unique())), one.signal
        else:
            assert list(found.columns) == list(case.table(one.table).columns), one.signal


def check_backlog(case, diagnosis, known=None):
    """Compare the rows that the statements of a backlog diagnosis count with those of their queries.

    A statement whose messages and table are in the set ``known`` is passed over; the others' are added.
    """
    known = set() if known is None else known
    compared = set()
    found = [item for entry in diagnosis.ranking for item in entry.finding.evidence]
    assert found
    rows_of = cache(case.sql)  # causes share evidence
    for item in found:
        assert item.sql, item.statement
        assert f"from {item.table}" in item.sql
        said = (frozenset(messages_in(item.statement)), item.table)
        if said in known:
            continue
        compared.add(said)
        rows = rows_of(item.sql)
        assert len(rows) == item.rows, (item.statement, item.sql)
        assert list(rows.columns) == list(case.table(item.table).columns), item.statement
    known |= compared
