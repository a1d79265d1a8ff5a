"""Verdicts over situations that people on call meet, each once mistaken for another cause or none.

Thirty further ones are judged by their stored signals, see `test_chain.py`.
"""

from functools import cache

import pytest
from worlds.backlog_draws import make
from worlds.backlog_situations import alone, situations

from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.backlog.frames import dead_letters_by
from watchme_analysis.case.opening import open_case
from watchme_analysis.inference.findings import Investigation

pytestmark = pytest.mark.slow

KNOWN = {name: rest for name, *rest in situations()}


@pytest.fixture(scope="module")
def diagnose_situation(tmp_path_factory):
    """Return a function that diagnoses a situation, each once."""

    @cache
    def diagnosed(name, seed):
        cause, _, twist = KNOWN[name]
        raw = tmp_path_factory.mktemp(name)
        make(seed, raw, cause, alone(twist))
        inv = Investigation(open_case(raw), "backlog")
        return inv.case, diagnose(inv)

    return diagnosed


@pytest.mark.parametrize(
    ("name", "seed", "cause"),
    [
        ("timeout-lowered", 560008, "consumer_failing"),
        ("stopped-by-hand", 560020, "downstream_down"),
        ("stays", 560034, "arrival_surge"),
        ("hangs", 560043, "poison_messages"),
        ("bad-import", 560047, "poison_messages"),
        ("sent-back-in-vain", 564047, "poison_messages"),
        ("one-function-down", 564053, "downstream_down"),
        ("maintenance", 560065, "healthy"),
        ("late-points", 564063, "healthy"),
        ("down-while-nobody-sends", 564066, "healthy"),
    ],
)
def test_what_looks_like_another_cause_is_distinguished(diagnose_situation, name, seed, cause):
    _, found = diagnose_situation(name, seed)
    assert found.cause == cause, found.summary
    assert found.confidence >= 0.65


def test_a_mapping_switched_off_during_an_outage_is_what_people_did_about_it(diagnose_situation):
    _, found = diagnose_situation("stopped-by-hand", 560020)
    assert (found.cause, found.secondary_cause) == ("downstream_down", "mapping_disabled")
    assert found.confidence >= 0.85
    assert found.extra["change"] is None


def test_one_bad_message_of_a_fifo_queue_holds_its_group_up(diagnose_situation):
    _, found = diagnose_situation("nightly-backup", 564067)
    assert found.cause == "poison_messages"
    assert found.confidence >= 0.8
    assert found.extra["dead_letters"] == 1
    assert found.ranking[0].finding.evidence[0].check == "order"


def test_dead_letters_that_ran_out_of_time_are_named_so(diagnose_situation):
    case, _ = diagnose_situation("hangs", 560043)
    counted = dead_letters_by(case, "error")
    assert "Task timed out" in set(counted["error"]) and "Task" not in set(counted["error"])
