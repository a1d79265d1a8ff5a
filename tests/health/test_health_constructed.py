"""Signals of mechanisms that no recording shows: their worlds, and what is said without them."""

import pytest
from worlds.health_constructed import CONSTRUCTED

OF_SIGNALS = [
    pytest.param(one, name, id=f"{one.build.__name__}-{name}") for one in CONSTRUCTED for name in one.signals
]


@pytest.fixture(scope="module")
def entries(corpus):
    return corpus.read_corpus()


@pytest.mark.parametrize(("constructed", "signal"), OF_SIGNALS)
def test_what_is_said_of_a_constructed_case_hangs_on_its_signal(corpus, entries, constructed, signal):
    entry = next(
        one for one in entries if (one.part, one.case) == ("constructed", constructed.build.__name__)
    )
    left = [seen for seen in entry.observations if seen.signal != signal]
    assert len(left) < len(entry.observations)
    (verdict, cause, *_), _ = said = corpus.said_of(entry)
    assert (verdict, cause) == ("supported" if constructed.cause else "inconclusive", constructed.cause)
    assert said != corpus.said_of(corpus.replace(entry, observations=left))
    assert constructed.source.startswith("https://")
