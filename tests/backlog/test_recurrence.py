import math
from collections import Counter
from datetime import timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from worlds.backlog_world import START, World
from worlds.messages import messages_in

from watchme_analysis.backlog.recurrence import (
    _dead_letters_a_day,
    _item,
    _latency_drift,
    _weekday,
    patterns,
)
from watchme_analysis.text.message import Translated

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


MONDAY = pd.Timestamp("2026-03-02T00:00:00Z")


def queue(stock=None, days=28, **signs):
    """Return an analysis of a queue with the stock of its DLQ in steps of six hours."""
    index = pd.date_range(MONDAY, periods=4 * days, freq="6h")
    frame = pd.DataFrame({"dlq_visible": np.nan if stock is None else stock}, index=index)
    settings = SimpleNamespace(function_timeout_s=signs.pop("timeout_s", None))
    dead = frame["dlq_visible"]
    pipeline = SimpleNamespace(frame=frame, dlq_messages=dead, queue="q", function="f", settings=settings)
    return SimpleNamespace(pipeline=pipeline, **signs)


def sent(*days):
    times = [MONDAY + pd.Timedelta(days=day, hours=20) for day in days]
    return pd.DataFrame({"sent_at": pd.to_datetime(times, utc=True)})


def weekday(*days, zone=UTC, of=28):
    said = _weekday(queue(days=of), sent(*days), zone)
    return said and (said["effect"], said["chance"], messages_in(said["says"])["pattern-says-weekday"])


def test_messages_of_one_weekday_are_told_from_chance():
    share, chance, said = weekday(0, 7, 14, 21)
    assert (share, chance) == (1.0, pytest.approx(7 / math.comb(28, 4)))
    assert (said["weekday"], said["least"], said["hit"], said["such"]) == ("mon", 1, 4, 4)
    assert (said["others"], said["days"]) == (0, 24)
    # Three of three weeks may be chance once in 27 times, and a week has no rhythm.
    assert weekday(0, 7, 14, of=21) == (
        1.0,
        pytest.approx(7 / math.comb(21, 3)),
        said | {"hit": 3, "such": 3, "days": 18},
    )
    assert weekday(0, 7, of=14) is None and weekday(0, of=13) is None
    assert weekday(0, 7, 14, of=20) is not None
    # The day is that of the reader, in whose zone a further day begins.
    assert weekday(0, 7, 14, 21, zone=ZoneInfo("Asia/Tokyo"))[2]["weekday"] == "tue"
    # Single messages of other days do not hide many of one day, at the price of a second test.
    few = [*[0, 7, 14, 21] * 8, *range(1, 28, 2)]
    share, chance, said = weekday(*few)
    assert (share, said["least"], chance) == (1.0, 3, pytest.approx(14 / math.comb(28, 4)))
    assert weekday(*range(28)) is None
    assert weekday(100) is None and weekday() is None


def test_messages_of_a_day_are_those_sent_or_the_rise_of_the_stock():
    stock = [5, 5, 8, 8, 2, 2, 4, 4.5, *[4.5] * 8]
    days = _dead_letters_a_day(queue(stock, days=4), sent(0, 0, 1, 1, 1, 3), UTC)
    day = MONDAY.date()
    assert days == {day: 3, day + timedelta(days=1): 3, day + timedelta(days=3): 1}
    later = [np.nan, 5, *[5] * 14]
    assert _dead_letters_a_day(queue(later, days=4), sent(), UTC) == {day: 5}


def test_one_item_holds_far_more_than_an_even_share_of_the_messages():
    for counts, share in (
        ({"a": 6, **dict.fromkeys(range(9), 1)}, 0.4),
        ({"a": 39, **dict.fromkeys(range(61), 1)}, None),
        ({"a": 6, "b": 4}, None),  # less than three times an even share
        ({"a": 3, "b": 0, "c": 0, "d": 1}, None),  # four messages
        ({"a": 5}, None),
        ({"a": 4, "b": 1, "c": 0, "d": 0}, 0.8),
    ):
        found = _item(queue(by_item=Counter(counts)), Translated("item", "品"))
        assert (found and found["effect"]) == share, counts
    said = messages_in(found["says"])["pattern-says-item"]
    assert (said["messages"], said["total"], said["items"], said["item"]) == (4, 5, 4, "a")


def test_a_drift_is_reported_from_a_size_a_length_and_a_steadiness_on():
    usual = {
        "growth": 1.3, "hours": 24.0, "correlation": 0.8, "steepest_share": 0.5, "before_s": 1.0,
        "after_s": 2.0,        "start_low": MONDAY.to_pydatetime(), "start_high": MONDAY.to_pydatetime(),
    }  # fmt: skip
    for change, is_told in (
        ({}, True), ({"growth": 1.29}, False), ({"hours": 23.9}, False), ({"correlation": 0.79}, False),
        ({"steepest_share": 0.51}, False),
    ):  # fmt: skip
        assert (_latency_drift(queue(drift=SimpleNamespace(**usual | change))) is not None) == is_told, change
    assert _latency_drift(queue(drift=None)) is None
    for timeout_s, number in ((None, 2), (30.0, 3)):
        found = _latency_drift(queue(drift=SimpleNamespace(**usual), timeout_s=timeout_s))
        assert len(found["says"].items_of("sentences")) == number
    assert messages_in(found["says"])["pattern-says-drift"]["days"] == 1.0


@pytest.mark.slow
def test_a_weekly_rhythm_is_found_though_each_week_was_purged():
    (row,) = found(weekly(weeks=4), "one weekday").itertuples()
    assert row.says == "Messages moved to the DLQ on 4 of 4 Mondays and on 0 of 24 other days (UTC)."
    # 7 weekdays tried, one way in C(28, 4) to draw all four Mondays.
    assert row.chance == 7 / 20475


@pytest.mark.slow
def test_a_weekly_rhythm_is_found_among_single_bad_messages_of_other_days():
    world = weekly(weeks=4)
    for day in range(0, 28, 2):
        world.at["dlq_visible"][60 * (24 * day + 1) : 60 * (24 * day + 2)] += 1
    (row,) = found(world, "one weekday").itertuples()
    assert (
        row.says
        == "7 or more messages a day moved to the DLQ on 4 of 4 Mondays and on 0 of 24 other days (UTC)."
    )


@pytest.mark.slow
def test_the_weekday_is_that_of_the_reader():
    (row,) = found(weekly(hour=20), "one weekday", ZoneInfo("Asia/Tokyo")).itertuples()
    assert "Tuesdays" in row.says


@pytest.mark.slow
def test_dead_letters_of_every_day_have_no_weekday():
    assert found(weekly(days=range(7)), "one weekday").empty


def test_one_week_is_no_rhythm():
    assert found(weekly(weeks=1), "one weekday").empty


@pytest.mark.slow
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


@pytest.mark.slow
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
