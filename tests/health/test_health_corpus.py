"""The current rules on the corpus of recorded cases: what was right stays right."""

import csv
from itertools import groupby

import pytest
from worlds.health_constructed import CONSTRUCTED
from worlds.health_scenarios import SCENARIOS
from worlds.statement_rows import check_observations

from watchme_analysis.health.detectors import detected
from watchme_analysis.inference.findings import Investigation


@pytest.fixture(scope="module")
def counts(corpus):
    return corpus.table(corpus.decisions(corpus.read_corpus()))


@pytest.fixture(scope="module")
def made_up_rows(corpus):
    """Rows of the corpus by made-up case."""
    with corpus.CORPUS.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["set"] in ("made up", "constructed")]
    return {name: list(mine) for name, mine in groupby(rows, lambda row: row["case"])}


@pytest.fixture(scope="module")
def compared():
    """Statements whose queries were compared, by signal, messages and table."""
    return set()


@pytest.mark.slow(fast=16)
@pytest.mark.parametrize(
    "world",
    [
        *(pytest.param(("made up", *each), id=each[0].__name__) for each in SCENARIOS.items()),
        *(
            pytest.param(("constructed", one.build, one.cause or "open"), id=one.build.__name__)
            for one in CONSTRUCTED
        ),
    ],
)
def test_the_corpus_holds_what_is_detected_in_made_up_cases(corpus, made_up_rows, world, compared):
    """After a change of detectors: ``benchmarks/health_corpus.py collect --made-up``.

    Each statement can be read and is about the rows that its query returns.
    """
    part, build, cause = world
    inv = Investigation(build(), "health")
    found = corpus.rows_of(inv, part, build.__name__, "complete", {"cause": cause})
    assert [{name: str(row[name]) for name in corpus.COLUMNS} for row in found] == made_up_rows[
        build.__name__
    ]
    check_observations(inv.case, inv.once(detected), compared)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "share"),
    [("shared", 0.95), ("dev", 0.95), ("heldout", 0.95), ("made up", 0.9), ("bundled", 1.0)],
)
def test_most_complete_cases_are_right(counts, part, share):
    mine = counts[part, "complete"]
    assert mine["cases"] >= 2
    assert mine["right"] >= share * mine["cases"]


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["logs", "stockconf", "stock", "prefixed"])
def test_thin_evidence_leads_to_open_verdicts_instead_of_wrong_ones(counts, variant):
    mine = counts["shared", variant]
    assert mine["cases"] >= 39
    assert mine["sure"] == mine["accused"] == 0
    assert mine["wrong"] <= 0.06 * mine["cases"]


@pytest.mark.slow
def test_a_signal_that_is_taken_away_changes_the_verdicts_that_hang_on_it(corpus):
    entries = [one for one in corpus.read_corpus() if one.truth == "app_down" and one.variant == "complete"]
    without = [
        corpus.replace(
            one,
            observations=[
                seen for seen in one.observations if seen.signal not in ("inside_refused", "stopped")
            ],
        )
        for one in entries
    ]
    right, poorer = (
        sum(said.cause == "app_down" and said.confidence > 0.9 for _, said in corpus.decisions(cases))
        for cases in (entries, without)
    )
    assert right > poorer
