"""The forecast of the time at which a backlog will have drained."""

from datetime import timedelta

from worlds.one_queue import DAY, pipeline_of
from worlds.queue_contexts import at

from watchme_analysis.queues.drain import drain_rows


def forecast(settings=None, **columns):
    frame = drain_rows((pipeline_of(settings=settings, **columns),))
    return None if frame.empty else frame.iloc[0].to_dict()


def test_a_backlog_drains_at_its_capacity_minus_the_arrivals():
    # A day of sixty messages an hour; while messages waited, ten were deleted in each five minutes.
    found = forecast(
        sent=[5.0] * DAY, visible=[0.0] * (DAY - 10) + [60.0] * 10, received=[5.0] * DAY,
        deleted=[5.0] * (DAY - 10) + [10.0] * 10, in_flight=[0.0] * (DAY - 1) + [6.0],
    )  # fmt: skip
    end = at(DAY)
    assert (found["queue"], found["at"], found["backlog"]) == ("jobs", end, 66.0)
    assert (found["arrivals_per_min"], found["capacity_per_min"]) == (1.0, 2.0)
    for name in ("drained_at", "drained_at_low", "drained_at_high"):
        assert found[name] == end + timedelta(minutes=66), name
    assert found["head_of_line_delay_s"] == 60.0 * 66 / 2
    assert found["note"] == ""
