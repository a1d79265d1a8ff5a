"""A process that is held at its CPU, distinguished from one that has little to do."""

import pandas as pd
import pytest
from worlds.health_world import moment

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
