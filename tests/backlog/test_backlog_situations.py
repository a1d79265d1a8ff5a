"""Verdicts over situations that people on call meet, each once mistaken for another cause or none.

Thirty further ones are judged by their stored signals, see `test_chain.py`.
"""

from functools import cache

import pytest
from worlds.backlog_draws import make
from worlds.backlog_situations import situations
from worlds.backlog_twists import alone

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


def test_errors_that_a_later_try_survives_are_no_bad_message(diagnose_situation):
    _, found = diagnose_situation("half-the-runs", 560004)
    assert found.cause in (None, "consumer_failing")
    poison = next(item for item in found.ranking if item.finding.cause == "poison_messages")
    assert poison.probability < 0.5


def test_a_mapping_switched_off_during_an_outage_is_what_people_did_about_it(diagnose_situation):
    _, found = diagnose_situation("stopped-by-hand", 560020)
    assert (found.cause, found.secondary_cause) == ("downstream_down", "mapping_disabled")
    assert found.confidence >= 0.85
    assert found.extra["change"] is None


def test_slow_runs_for_which_nobody_waited_are_reported_and_accuse_nobody(diagnose_situation):
    _, found = diagnose_situation("nightly-backup", 564065)
    assert found.verdict == "no_incident"
    assert 0.7 <= found.confidence <= 0.97
    run_times = [item for item in found.ranking[0].finding.evidence if item.check == "run time"]
    assert [item.weight < 0 for item in run_times] == [True]


def test_one_bad_message_of_a_fifo_queue_holds_its_group_up(diagnose_situation):
    _, found = diagnose_situation("nightly-backup", 564067)
    assert found.cause == "poison_messages"
    assert found.confidence >= 0.8
    assert found.extra["dead_letters"] == 1
    assert found.ranking[0].finding.evidence[0].check == "order"


def test_a_queue_with_less_concurrency_than_it_needs_gets_no_cause_that_nothing_speaks_for(tmp_path):
    def small(world, options):
        KNOWN["long-jobs"][2](world, options)
        for queue in world.queues:
            queue.max_concurrency = 2

    make(560056, tmp_path / "raw", "healthy", alone(small))
    found = diagnose(Investigation(open_case(tmp_path / "raw"), "backlog"))
    assert found.verdict == "inconclusive"
    assert found.confidence < 0.5


def test_a_limit_that_was_always_there_did_not_begin_what_a_surge_brought(diagnose_situation):
    _, found = diagnose_situation("reserved-two", 560037)
    assert (found.cause, found.secondary_cause) == ("arrival_surge", "throttled")
    assert found.confidence >= 0.85


def test_dead_letters_that_ran_out_of_time_are_named_so(diagnose_situation):
    case, _ = diagnose_situation("hangs", 560043)
    counted = dead_letters_by(case, "error")
    assert "Task timed out" in set(counted["error"]) and "Task" not in set(counted["error"])
