"""Balance by interval, Little's law and the drain forecast against worlds whose truth is set."""

import numpy as np
import pandas as pd
import pytest
from worlds.backlog_world import START, World

from watchme_analysis.queues.accounting import balance_frame as balance
from watchme_analysis.queues.drain import drain_rows
from watchme_analysis.queues.pipeline import pipelines
from watchme_analysis.text.render import label


def served(hours=24, surge=(600, 660), each=12, capacity=8, *, slowly=False):
    """A queue served first come, first served: two messages a minute, more in a surge, none lost.

    A message is deleted in the minute in which it is received, or ``slowly``: in the next one.
    """
    world = World(hours=hours)
    for column in world.at.values():
        column[:] = 0.0
    waiting, moments, stays, running = [], [], [], 0
    for minute in range(60 * hours):
        came = each if surge[0] <= minute < surge[1] else 2
        waiting += [minute] * came
        taken, waiting = waiting[:capacity], waiting[capacity:]
        stays += [minute - sent for sent in taken]
        world.at["sent"][minute] = came
        done, running = (running, len(taken)) if slowly else (len(taken), 0)
        world.at["received"][minute] = world.at["invocations"][minute] = len(taken)
        world.at["deleted"][minute], world.at["in_flight"][minute] = done, running
        world.at["visible"][minute] = len(waiting)
        world.at["age_s"][minute] = 60.0 * (minute - waiting[0]) if waiting else 0.0
        world.at["duration_avg_s"][minute] = world.at["duration_max_s"][minute] = 1.0
        moments.append(len(waiting))
    return world, np.array(moments), np.array(stays)


def test_every_interval_accounts_for_its_messages():
    world, moments, _ = served(slowly=True)
    frame = balance(world, 3600)
    assert len(frame) == 24
    assert (frame["unexplained"] == 0).all()
    left = frame["visible"] + frame["in_flight"]
    assert (frame["in_flight"] > 0).all() and frame["sent"].sum() == frame["deleted"].sum() + left.iloc[-1]
    assert frame["visible"].tolist() == moments[59::60].tolist()
    assert frame["stock_before"].tolist()[1:] == left.tolist()[:-1]


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


@pytest.mark.parametrize("together", [True, False])
def test_without_a_mapping_the_function_that_runs_when_messages_come_is_chosen(together):
    world = World(function="report-maker")
    world.run(600, 50, 1.5)
    if not together:
        world.at["invocations"][:] = world.at["invocations"][::-1]
    found = {item.queue: item.function for item in pipelines(world.without("event_source_mappings"))}
    assert found[world.queue] == ("report-maker" if together else None)
