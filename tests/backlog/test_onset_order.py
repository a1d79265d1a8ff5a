import pandas as pd
from worlds.backlog_world import START, World

from watchme_analysis.backlog.onset_order import onset_order


def at(minute):
    return START + pd.Timedelta(minutes=minute)


def test_metrics_stand_in_the_order_in_which_they_moved():
    world = World(hours=48)
    first = 60 * 40 + 1
    for minute in range(first, 60 * 48 - 40, 30):
        world.run(minute, 10, 29.0)
    world.fail(first + 60, 60 * 48 - 40, 30.0, "Task timed out after 30.00 seconds")
    for series, begin, value in (("in_flight", first + 1, 40.0), ("age_s", first + 30, 900.0)):
        world.at[series][begin:] = value
    world.at["visible"][first + 31 :] = 20.0
    frame = onset_order(world).set_index("metric")
    order = frame.index.tolist()
    assert order.index("duration_avg_s") < order.index("age_s") < order.index("dlq_visible")
    assert frame.loc["duration_avg_s", "onset"] == at(first)
    # Run times have a point each half hour: the one before is the last that was usual.
    assert frame.loc["duration_avg_s", "onset_earliest"] == at(first - 29)
    assert frame.loc["age_s", "onset"] == at(first + 30)
    assert (frame["uncertainty_s"] == 60.0).all()
    assert frame.loc["age_s", "surprise"] >= 4.7
