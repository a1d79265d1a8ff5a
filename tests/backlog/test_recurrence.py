from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from worlds.backlog_world import START, World

from watchme_analysis.backlog.recurrence import patterns

UTC = ZoneInfo("UTC")


def found(world, kind, zone=UTC):
    frame = patterns(world, zone)
    return frame[frame["pattern"] == kind]


def weekly(weeks=3, days=(0,), hour=3):
    """Dead letters on some weekdays, purged in between, so that the dump holds none of them."""
    world = World(hours=24 * 7 * weeks)
    stock = np.zeros(60 * world.hours)
    for day in range(7 * weeks):
        if (START + pd.Timedelta(days=day)).weekday() in days:
            at = 60 * (24 * day + hour)
            stock[at : at + 1200] += 25
    world.at["dlq_visible"] = stock
    return world


def test_a_weekly_rhythm_is_found_though_each_week_was_purged():
    (row,) = found(weekly(weeks=4), "one weekday").itertuples()
    assert row.says == "Messages moved to the DLQ on 4 of 4 Mondays and on 0 of 24 other days (UTC)."
    # 7 weekdays tried, one way in C(28, 4) to draw all four Mondays.
    assert row.chance == 7 / 20475


@pytest.mark.slow
def test_the_weekday_is_that_of_the_reader():
    (row,) = found(weekly(hour=20), "one weekday", ZoneInfo("Asia/Tokyo")).itertuples()
    assert "Tuesdays" in row.says


def test_one_device_holds_seven_in_ten():
    world = World()
    world.fail(600, 900, 0.2, "HTTPError: 404 Client Error: Not Found for url: x", share=0.2)
    world.dead = [(700, "demo")] * 70 + [(700, f"device-{i}") for i in range(30)]
    (row,) = found(world, "one item").itertuples()
    assert row.effect == 0.7
    assert row.says.startswith(
        "70 of 100 messages in the DLQ (70%) belong to the device demo. An even share, with 31"
    )
    world = World()
    world.dead = [(700, f"device-{i % 5}") for i in range(100)]
    assert found(world, "one item").empty


def test_a_creep_is_reported_before_it_does_harm():
    world = World(hours=120)
    rng = np.random.default_rng(5)
    for minute in range(1, 60 * world.hours, 30):
        world.run(minute, 10, 1.5 * (1 + max(0, minute - 2880) / 2880) * np.exp(rng.normal(0, 0.05)))
    (row,) = found(world, "creeping run time").itertuples()
    assert 2.0 < row.effect < 3.0
    assert "from 1.47 s to 3.35 s" in row.says and "Its timeout is 30 s" in row.says
    (japanese,) = patterns(world, ZoneInfo("Asia/Tokyo"), "ja")["says"]
    assert japanese.count("(Asia/Tokyo)") == 2
    assert "30 秒" in japanese
    assert found(World(hours=120), "creeping run time").empty
