"""A process that is held at its CPU, distinguished from one that has little to do."""

import pandas as pd
import pytest
from worlds.health_world import moment
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.health.signals.cpu import cpu, held

# What a process uses whose work comes by chance.
BY_CHANCE = [1, 3, 4, 6, 2, 5, 3, 3, 2, 3, 2, 6, 2, 3, 2, 5, 1, 5, 5, 6, 7, 5, 2, 7]


def samples(used, waiting):
    return pd.DataFrame(
        {"cpu_pct": [float(value) for value in used], "in_flight": float(waiting)},
        index=[moment(second) for second in range(len(used))],
    )


@pytest.mark.parametrize(
    ("used", "waiting", "is_held"),
    [
        ([3.0] * 20, 20, True),
        # A quota's periods fall into one second or into the next: what one sample lacks, the next one has.
        ([3, 3, 3, 2, 4, 2, 4, 3, 3, 2, 4, 2, 4, 2, 4, 3, 3, 3, 2, 4], 20, True),
        ([3, 3, 3, 2, 4, 2, 4, 3, 3, 2, 4, 2, 4, 2, 4, 3, 3, 3, 2, 4], 0, False),
        ([3, 4, 4, 4, 5, 4, 4, 3, 3, 2, 2, 2, 3, 2, 3, 3, 4, 5, 4, 4], 20, False),
        (BY_CHANCE, 20, False),
    ],
)
def test_a_process_that_uses_all_it_gets_is_level_while_requests_wait(used, waiting, is_held):
    seen = held(samples(used, waiting), samples(BY_CHANCE, 0), lambda *_: "")
    assert [one.signal for one in seen] == (["cpu_held"] if is_held else [])


@pytest.mark.parametrize(
    ("used", "outcomes"),
    [
        ([20, 19, 24, 16, 21, 18, 22, 20, 17, 21] * 2, ["cpu_full"]),
        # As high on average, and as work comes by chance.
        ([20, 9, 34, 6, 31, 18, 32, 10, 27, 13] * 2, ["cpu_idle"]),
        ([3, 3, 2, 4, 3, 3, 4, 2, 3, 3] * 2, ["cpu_idle"]),
    ],
)
def test_use_that_rose_far_and_stands_level_is_at_a_ceiling_however_low(used, outcomes):
    calm = samples([1, 0, 2, 1, 1, 1, 0, 1, 2, 1], 0)
    none = pd.DataFrame(index=calm.index)
    assert [one.signal for one in cpu(samples(used, 0), none, calm, lambda *_: "")] == outcomes


@pytest.mark.parametrize(("cores", "outcomes"), [(0.1, ["cpu_full"]), (None, ["cpu_idle"])])
def test_what_is_little_of_a_core_is_all_of_a_small_quota(cores, outcomes):
    """A second's sample holds ten periods of the quota, or nine, or eleven."""
    calm = samples([1, 0, 2, 1, 1, 1, 0, 1, 2, 1], 0)
    none = pd.DataFrame(index=calm.index)
    used = samples([9, 7, 8, 11, 9, 8, 10, 9, 12, 8, 10, 7, 11, 9] * 2, 0)
    assert [one.signal for one in cpu(used, none, calm, lambda *_: "", cores)] == outcomes


@pytest.mark.parametrize(("used", "outcomes"), [([1, 2], ["cpu_idle"]), ([99, 99], []), ([1], [])])
def test_two_samples_of_a_short_incident_show_cpu_to_spare_but_no_lack_of_it(used, outcomes):
    calm = samples([1, 0, 2, 1, 1, 1], 0)
    none = pd.DataFrame(index=calm.index)
    assert [one.signal for one in cpu(samples(used, 0), none, calm, lambda *_: "")] == outcomes


@together(
    ("used", "usual", "others", "message_id", "values", "strength"),
    [
        ([100.0] * 10, 10.0, 0.0, "health-cpu-full", {"full": 10, "samples": 10}, 1.0),
        ([50.0, 30.0] * 5, 10.0, 50.0, "health-cpu-shared", {"together": 0.9}, 1.0),
        ([30.0] * 5, 10.0, 0.0, "health-cpu-level", {"median": 0.3}, 0.6),
        ([30.0, 10.0, 30.0, 50.0] * 3, 10.0, 0.0, "health-cpu-rose", {"median": 0.3}, 0.4),
        # Less than 1.7 times the usual and 5 % more; less than 25 %.
        ([30.0, 10.0, 30.0, 50.0] * 3, 15.0, 0.0, None, {}, 0.0),
        ([24.0, 10.0, 24.0, 50.0] * 3, 10.0, 0.0, None, {}, 0.0),
    ],
)
def test_a_full_core_tells_more_than_a_level_and_a_level_more_than_a_rise(
    used, usual, others, message_id, values, strength
):
    beside = pd.DataFrame({"cpu_pct": [others] * len(used)})
    seen = cpu(samples(used, 0), beside, samples([usual] * 10, 0), lambda *_: "")
    found = [(one.strength, one.statement) for one in seen if one.signal == "cpu_full"]
    assert [one for one, _ in found] == ([strength] if message_id else [])
    for _, statement in found:
        reported = messages_in(statement)[message_id]
        assert {name: reported[name] for name in values} == values


@pytest.mark.parametrize(("threads", "outcomes"), [(16.0, ["cpu_full", "cpu_threads"]), (2.0, ["cpu_idle"])])
def test_use_that_rose_far_while_many_threads_began_is_no_idleness(threads, outcomes):
    """What many threads compete for is neither level nor much of a core, by their lock or by neighbours."""
    calm = samples([1, 0, 2, 1, 1, 1, 0, 1, 2, 1], 0).assign(threads=1.0)
    mine = samples([20, 9, 34, 6, 31, 18, 32, 10, 27, 13] * 2, 0).assign(threads=threads)
    none = pd.DataFrame(index=calm.index)
    assert [one.signal for one in cpu(mine, none, calm, lambda *_: "")] == outcomes
