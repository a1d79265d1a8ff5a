"""Balance by interval, Little's law and the drain forecast against worlds whose truth is set."""

import numpy as np
import pandas as pd
import pytest
from worlds.backlog_world import START, World

from watchme_analysis.queues.accounting import balance_frame as balance
from watchme_analysis.queues.drain import drain_rows
from watchme_analysis.queues.pipeline import pipelines
from watchme_analysis.text.render import label


def served(hours=24, surge=(600, 660), each=12, capacity=8):
    """A queue served first come, first served: two messages a minute, more in a surge, none lost."""
    world = World(hours=hours)
    for column in world.at.values():
        column[:] = 0.0
    waiting, moments, stays = [], [], []
    for minute in range(60 * hours):
        came = each if surge[0] <= minute < surge[1] else 2
        waiting += [minute] * came
        taken, waiting = waiting[:capacity], waiting[capacity:]
        stays += [minute - sent for sent in taken]
        world.at["sent"][minute] = came
        for name in ("received", "deleted", "invocations"):
            world.at[name][minute] = len(taken)
        world.at["visible"][minute] = len(waiting)
        world.at["age_s"][minute] = 60.0 * (minute - waiting[0]) if waiting else 0.0
        world.at["duration_avg_s"][minute] = world.at["duration_max_s"][minute] = 1.0
        moments.append(len(waiting))
    return world, np.array(moments), np.array(stays)


def test_every_interval_accounts_for_its_messages():
    world, moments, _ = served()
    frame = balance(world, 3600)
    assert len(frame) == 24
    assert (frame["unexplained"] == 0).all()
    assert frame["sent"].sum() == frame["deleted"].sum() + frame["visible"].iloc[-1]
    assert frame["visible"].tolist() == moments[59::60].tolist()
    assert frame["stock_before"].tolist()[1:] == frame["visible"].tolist()[:-1]


def test_what_was_not_collected_stays_null_in_every_interval():
    world, *_ = served()
    whole = world.table("metrics")
    world.tables["metrics"] = whole[whole["metric"] != "NumberOfMessagesDeleted"]
    requested = world.table("metric_queries")
    world.tables["metric_queries"] = requested[requested["metric"] != "NumberOfMessagesDeleted"]
    frame = balance(world, 3600)
    assert frame["deleted"].isna().all() and frame["unexplained"].isna().all()
    assert set(frame["reasons"]) == {label("balance-step-unknown", "en")}
    japanese = balance(world, 3600, "ja")
    assert set(japanese["reasons"]) == {label("balance-step-unknown", "ja")}


def test_little_s_law_gives_the_mean_stay():
    world, _, stays = served()
    (row,) = balance(world).itertuples()
    assert row.mean_stay_s == pytest.approx(60.0 * stays.mean(), rel=0.01)
    assert "Little" not in row.reasons


def test_a_mean_stay_beyond_the_oldest_age_is_said_to_be_impossible():
    world, *_ = served()
    world.at["age_s"] = np.minimum(world.at["age_s"], 30.0)
    world.at["sent"] = np.where(np.arange(1440) % 8 == 0, world.at["sent"], 0.0)
    (row,) = balance(world).itertuples()
    assert "By Little's law" in row.reasons and "arrivals are missing" in row.reasons


def test_the_drain_forecast_holds_the_truth():
    world, moments, _ = served(hours=16)
    end = START + pd.Timedelta(minutes=665)
    metrics = world.table("metrics")
    world.tables["metrics"] = metrics[metrics["time"] < end]
    (row,) = drain_rows(pipelines(world)).itertuples()
    truth = START + pd.Timedelta(minutes=int(np.flatnonzero(moments[665:] == 0)[0]) + 665)
    assert row.backlog == moments[664] > 200
    assert (row.arrivals_per_min, row.capacity_per_min) == (2.0, 8.0)
    assert abs(row.drained_at - truth) <= pd.Timedelta(minutes=1)
    assert row.drained_at_low - pd.Timedelta(minutes=1) <= truth
    # A message sent now waits for all that stand before it.
    assert row.head_of_line_delay_s == pytest.approx(60.0 * moments[664] / 8)


@pytest.mark.parametrize(("at", "never"), [(620, True), (691, False)])
def test_a_surge_that_is_on_may_go_on_and_one_that_is_over_does_not(at, never):
    world, *_ = served(hours=16)
    metrics = world.table("metrics")
    world.tables["metrics"] = metrics[metrics["time"] < START + pd.Timedelta(minutes=at)]
    (row,) = drain_rows(pipelines(world)).itertuples()
    assert pd.notna(row.drained_at) and pd.isna(row.drained_at_high) == never


def test_a_queue_that_gets_more_than_it_takes_never_drains():
    world, *_ = served(surge=(0, 1440), each=12)
    (row,) = drain_rows(pipelines(world)).itertuples()
    assert pd.isna(row.drained_at) and pd.isna(row.drained_at_high)


def test_a_message_that_comes_and_goes_in_the_first_interval_was_not_there_before():
    world, *_ = served()
    world.at["in_flight"][0] = 1.0
    (row,) = balance(world).itertuples()
    assert (row.stock_before, row.unexplained, row.purged) == (0, 0, 0)


def test_what_came_while_the_metrics_slept_is_no_second_run_of_anything():
    world, *_ = served(surge=(0, 0))
    for column in world.at.values():
        column[300:480] = np.nan  # idle for hours, and nobody polls
    for name in ("sent", "received", "deleted", "invocations"):
        world.at[name][480:] = 0
    world.at["visible"][480:], world.at["sent"][480] = 23, 3
    (row,) = balance(world).itertuples()
    assert (row.duplicate_deletes, row.unexplained, row.visible) == (0, 0, 23)
    assert "20 messages stood there when its metrics woke" in row.reasons


def test_one_message_that_vanishes_is_no_purge():
    world, *_ = served()
    world.at["sent"][900:910], world.at["received"][900:910], world.at["deleted"][900:910] = 0, 0, 0
    world.at["sent"][903] = world.at["visible"][903] = 1
    (row,) = balance(world).itertuples()
    assert (row.unexplained, row.purged) == (1, 0)


def test_points_still_to_come_are_no_backlog_that_vanished():
    world, *_ = served(surge=(1300, 1440))
    metrics = world.table("metrics")
    late = metrics["time"] >= metrics["time"].max() - pd.Timedelta(minutes=4)
    world.tables["metrics"] = metrics[~(late & (metrics["resource"] == "jobs"))]
    queues = world.table("queues")
    # When the queue was described, two more messages had been deleted than the metrics tell yet.
    waiting = world.at["visible"][-6] - 2
    world.tables["queues"] = queues.assign(visible=queues["visible"].mask(queues["queue"] == "jobs", waiting))
    (row,) = balance(world).itertuples()
    assert row.visible == waiting > 100
    assert (row.unexplained, row.purged) == (2, 0)


@pytest.mark.parametrize("together", [True, False])
def test_without_a_mapping_a_queue_gets_the_function_that_runs_when_messages_come_and_no_other(together):
    world = World(function="report-maker")
    world.run(600, 50, 1.5)
    if not together:
        world.at["invocations"][:] = world.at["invocations"][::-1]
    found = {item.queue: item.function for item in pipelines(world.without("event_source_mappings"))}
    assert found[world.queue] == ("report-maker" if together else None)
