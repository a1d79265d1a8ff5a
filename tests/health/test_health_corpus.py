"""The current rules on the corpus of recorded cases: what was right stays right."""

import csv
import importlib.util
import sys
from itertools import groupby
from pathlib import Path

import pytest
from worlds.health_constructed import CONSTRUCTED
from worlds.health_scenarios import SCENARIOS
from worlds.statement_rows import check_observations

from watchme_analysis.health.detection import detected
from watchme_analysis.inference.findings import Investigation

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "health_corpus.py"


@pytest.fixture(scope="module")
def corpus():
    spec = importlib.util.spec_from_file_location("health_corpus", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    sys.modules["health_corpus"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["health_corpus"]


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
def test_the_corpus_holds_what_is_detected_in_made_up_cases(
    corpus, made_up_rows, world, compared, monkeypatch
):
    """After a change of detectors: ``benchmarks/health_corpus.py collect --made-up``.

    Each statement can be read and is about the rows that its query returns.
    """
    part, build, cause = world
    inv = Investigation(build(), "health")
    monkeypatch.setattr(corpus, "Investigation", lambda *_: inv)  # what is detected is of use below
    found = corpus.rows_of(inv.case, part, build.__name__, "complete", {"cause": cause})
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


@pytest.mark.slow
def test_what_can_be_left_out_together_changes_nothing(corpus):
    entries = [one for one in corpus.read_corpus() if one.part == "bundled"]
    before = [corpus.said_of(one) for one in entries]
    left_out = {
        (cause, signal) for signal, cause, _, lower in corpus.unneeded_grades(entries) if lower == "left out"
    }
    assert left_out
    rest = [
        corpus.replace(
            one,
            signals={key: each for key, each in one.signals.items() if (one.cause, key) not in left_out},
        )
        for one in corpus.health_causes()
    ]
    with corpus.using(tuple(rest)):
        assert [named for named, _ in map(corpus.said_of, entries)] == [named for named, _ in before]
    signals = corpus.unneeded_signals(entries)
    assert not {one.signal for entry in entries for one in entry.observations} & set(signals)
    assert [named for named, _ in map(corpus.said_of, entries)] == [named for named, _ in before]


@pytest.mark.slow
def test_what_some_cases_do_not_need_changes_nothing_on_them_and_may_on_others(corpus):
    entries = corpus.read_corpus()
    one = [entry for entry in entries if entry.part == "bundled"]
    other = [entry for entry in entries if entry.part == "made up"]
    assert corpus.effect_of_pruning(one, one)["left out or lowered"] > 0
    assert corpus.effect_of_pruning(one, one)["named otherwise"] == 0
    assert corpus.effect_of_pruning(one, other)["named otherwise"] > 0
