import pandas as pd
import pytest
from worlds.backlog_draws import make
from worlds.backlog_twists import alone
from worlds.backlog_world import START, World

from watchme_analysis.backlog.onset_order import onset_order
from watchme_analysis.case.opening import open_case


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


@pytest.mark.slow
def test_runs_that_end_at_once_moved_down():
    world = World(hours=48)
    world.fail(2400, 2820, 0.1, "Runtime.ImportModuleError: No module named 'requests'")
    frame = onset_order(world).set_index("metric")
    assert frame.loc["duration_avg_s", "direction"] == "down"
    assert frame.loc["duration_avg_s", "onset"] == frame.loc["errors", "onset"] == at(2401)


@pytest.mark.slow
def test_a_short_history_is_reported_without_a_surprise():
    world = World(hours=12)
    world.fail(400, 640, 30.0, "Task timed out after 30.00 seconds")
    frame = onset_order(world)
    assert "duration_avg_s" in set(frame["metric"])
    assert frame["surprise"].isna().all()


def test_nothing_moved_in_a_healthy_system():
    frame = onset_order(World())
    assert frame.empty and "surprise" in frame


@pytest.mark.slow
def test_messages_that_a_function_reports_as_failed_move_without_an_error_of_a_run(tmp_path):
    def partial(world, options):
        for queue in world.queues:
            queue.partial, queue.batch = True, 5

    make(3, tmp_path, "downstream_down", alone(partial))
    frame = onset_order(open_case(tmp_path)).set_index("metric")
    assert "errors" not in frame.index
    assert (frame.loc[["failed"], "value"] > frame.loc[["failed"], "baseline"]).all()
