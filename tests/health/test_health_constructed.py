"""Signals of mechanisms that no recording shows: their worlds, and what is said without them."""

import importlib.util
import sys
from pathlib import Path

import pytest
from worlds.health_constructed import CONSTRUCTED
from worlds.health_world import Signals

from watchme_analysis.health.detection import SIGNALS
from watchme_analysis.log_messages.known_messages import known_messages

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "health_corpus.py"
OF_SIGNALS = [
    pytest.param(one, name, id=f"{one.build.__name__}-{name}") for one in CONSTRUCTED for name in one.signals
]


@pytest.fixture(scope="module")
def corpus():
    spec = importlib.util.spec_from_file_location("health_corpus", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    sys.modules["health_corpus"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["health_corpus"]


@pytest.fixture(scope="module")
def entries(corpus):
    return corpus.read_corpus()


@pytest.mark.slow
def test_every_signal_occurs_in_the_corpus_or_in_a_constructed_case(entries):
    # Each known line has a sample of its own (tests/log_messages).
    known = {each.id for each in known_messages()}
    assert {seen.signal for one in entries for seen in one.observations} == SIGNALS.keys() - known


@pytest.mark.parametrize(("constructed", "signal"), OF_SIGNALS)
def test_what_is_said_of_a_constructed_case_hangs_on_its_signal(corpus, entries, constructed, signal):
    entry = next(
        one for one in entries if (one.part, one.case) == ("constructed", constructed.build.__name__)
    )
    left = [seen for seen in entry.observations if seen.signal != signal]
    assert len(left) < len(entry.observations)
    (verdict, cause, *_), _ = said = corpus.said_of(entry)
    assert (verdict, cause) == ("supported" if constructed.cause else "inconclusive", constructed.cause)
    assert said[0] != corpus.said_of(corpus.replace(entry, observations=left))[0]
    assert constructed.source.startswith("https://")


@pytest.mark.slow
@pytest.mark.parametrize("constructed", CONSTRUCTED, ids=lambda one: one.build.__name__)
def test_a_constructed_world_shows_its_signals(constructed):
    assert Signals(constructed.build()).among(*constructed.signals) == set(constructed.signals)


def test_a_verdict_that_hangs_on_one_observation_promises_less(corpus, entries):
    """Only the log's words tell a full disk from any other error; a full pool shows in several tables."""
    by_name = {one.case: one for one in entries if one.part in ("constructed", "made up")}
    mine = [by_name["disk_without_space"], by_name["pool_used_up"]]
    full, used_up = (said for _, said in corpus.decisions(mine))
    assert (full.route, used_up.route) == ("one", "several")
    assert full.confidence < used_up.confidence
