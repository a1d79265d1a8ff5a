"""A case that runs slower or faster says the same: "long" means long beside its own intervals and lengths."""

import pandas as pd
import pytest
from worlds.backlog_world import START, World
from worlds.paced import Paced

from watchme_analysis.backlog.context import backlog_context
from watchme_analysis.backlog.diagnosis import queue_signals
from watchme_analysis.backlog.judge import judge
from watchme_analysis.inference.findings import Investigation


def bad_messages_now_and_then():
    """Return a world in which one message of ten hangs every half hour, until shortly before its end."""
    world = World(hours=12)
    world.fail(300, 660, 30.0, "Task timed out after 30.00 seconds", share=0.1)
    for minute in range(301, 660, 30):
        world.at["duration_avg_s"][minute] = 4.5
    return world


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("factor", [0.1, 0.5, 5])
def test_start_and_end_lie_at_the_same_place_at_any_pace(factor):
    inv = Investigation(Paced(bad_messages_now_and_then(), factor, START), "backlog")
    inv.once(backlog_context)
    found = judge(inv.once(queue_signals))
    assert found.cause == "poison_messages"
    minutes = [(moment - START) / pd.Timedelta(minutes=factor) for moment in (found.span.start, found.end)]
    assert minutes == pytest.approx([300, 638])
