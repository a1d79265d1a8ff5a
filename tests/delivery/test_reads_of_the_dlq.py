"""Losses that are delivered: messages of a DLQ that somebody reads are not lost."""

import numpy as np
import pandas as pd
from worlds.backlog_world import START, World

from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.delivery.changes import QuestionState, compare
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.window import Window


def failing(reader=None):
    """Return a world whose messages fail for hours, and whose DLQ a reader hides in some minutes."""
    world = World(hours=12)
    world.fail(240, 600, 1.0, "KeyError: 'id'")
    visible = np.nan_to_num(world.at["dlq_visible"])
    hidden = np.zeros_like(visible)
    if reader is not None:
        hidden[reader] = visible[reader]
    world.at["dlq_visible"], world.at["dlq_in_flight"] = visible - hidden, hidden
    return world


def test_a_read_of_the_dlq_is_no_loss_and_delivers_nothing():
    def diagnosed(reader=None):
        return diagnose(Investigation(failing(reader), "backlog")).to_dict()

    start = START.to_pydatetime()

    def window(hours):
        return Window(start, start + pd.Timedelta(hours=hours).to_pytimedelta())

    before = diagnosed()
    assert before["incident"]["start"] is not None and not before.get("lost")
    # Ten minutes in the middle, the end of the data, and everything since the incident.
    for reader in (slice(650, 660), slice(700, None), slice(640, None)):
        state, _ = compare("orders", "backlog", QuestionState(), before, window(12))
        during = diagnosed(reader)
        assert not during.get("lost")
        _, changes = compare("orders", "backlog", state, during, window(13))
        assert [kind for change in changes for kind in change.kinds if kind == "worse"] == []
