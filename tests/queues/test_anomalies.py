from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from worlds.backlog_world import START, World
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.queues.accounting import queue_balance
from watchme_analysis.queues.anomalies import analyse_queue, analyse_queues
from watchme_analysis.queues.error_kinds import error_kind, error_words
from watchme_analysis.queues.latency_drift import find_latency_drift
from watchme_analysis.queues.pipeline import pipelines
from watchme_analysis.queues.pipeline_anomalies import around_most
from watchme_analysis.queues.standing import standing_intervals
from watchme_analysis.queues.work_items import work_items
from watchme_analysis.stats.interval_scan import count_elevation, expected_arrivals, rate_elevation


def only(world):
    (pipeline,) = pipelines(world)
    return pipeline


@together(
    ("text", "kind"),
    [
        ("Runtime.ImportModuleError: Unable to import module 'app': No module named 'requests'", "function"),
        ("ClientError: An error occurred (AccessDeniedException) when calling GetItem", "function"),
        ("2025-12-10T01:00:00Z 7a Task timed out after 30.00 seconds", "timeout"),
        ("ReadTimeout: HTTPConnectionPool(host='192.0.2.1'): Read timed out. (read timeout=10)", "timeout"),
        (
            "ConnectionError: Max retries exceeded (NewConnectionError: [Errno 111] Connection refused)",
            "unreachable",
        ),
        ("ConnectTimeout: connection to 192.0.2.1 timed out", "unreachable"),
        ("HTTPError: 503 Server Error: Service Unavailable for url: http://192.0.2.1/x", "unreachable"),
        ("HTTPError: 500 Server Error: Internal Server Error for url: http://192.0.2.1/x", "server_error"),
        ("HTTPError: 404 Client Error: Not Found for url: http://192.0.2.1/x", "message"),
        ("JSONDecodeError: Expecting value: line 1 column 1 (char 0)", "message"),
        ("KeyError: 'file_path'", "code_or_message"),
        ("Something nobody thought of", "other"),
    ],
)
def test_an_error_names_its_place(text, kind):
    assert error_kind(text) == kind


@together(
    ("text", "words"),
    [
        (
            "[ERROR] KeyError: 'device_id'\nTraceback (most recent call last):\n  File \"app.py\", line 3\n",
            "KeyError: 'device_id'",
        ),
        (
            "Traceback (most recent call last):\n  File \"app.py\", line 3\nKeyError: 'device_id'\n",
            "KeyError: 'device_id'",
        ),
        (
            "2025-12-10T10:00:00Z 0a1b2c3d-0000-4000-8000-00000000000a Task timed out after 3.00 seconds\n\n",
            "Task timed out after 3.00 seconds",
        ),
        (
            "2025-12-10T10:00:00.000Z\t0a1b2c3d-0000-4000-8000-00000000000a\tERROR\tInvoke Error \t"
            '{"errorType":"TypeError","errorMessage":"x is not a function","stack":[]}',
            "TypeError: x is not a function",
        ),
        ("{not json", "{not json"),
        ("", ""),
    ],
)
def test_an_error_is_quoted_in_its_own_words(text, words):
    assert error_words(text) == words


def test_the_scan_finds_the_interval_and_not_the_flicker():
    index = pd.date_range(START, periods=600, freq="1min")
    trials = pd.Series(10.0, index=index)
    errors = pd.Series(0.0, index=index)
    errors.iloc[[50, 400]] = 1
    assert rate_elevation(errors, trials, 60).score < 10
    errors.iloc[200:230] = 8
    found = rate_elevation(errors, trials, 60)
    assert (found.start, found.end) == (index[200], index[230])
    assert found.rate == pytest.approx(0.8)


def test_arrivals_are_expected_in_their_rhythm():
    sent = only(World()).frame["sent"]
    expected = expected_arrivals(sent, 60)
    assert expected[START + pd.Timedelta(minutes=31)] == pytest.approx(10, abs=0.5)
    assert expected[START + pd.Timedelta(minutes=15)] < 0.1


def test_a_busy_day_is_no_surge_and_a_surge_on_it_is():
    index = pd.date_range(START, periods=1440 * 2, freq="1min")
    rng = np.random.default_rng(11)
    wave = 2.0 + 1.8 * np.sin(2 * np.pi * np.arange(len(index)) / 1440)
    sent = pd.Series(rng.poisson(wave), index=index).astype(float)
    calm = count_elevation(sent, expected_arrivals(sent, 60), 60)
    assert calm is None or calm.rate < 2.0
    sent.iloc[1800:1920] += 30
    found = count_elevation(sent, expected_arrivals(sent, 60), 60)
    assert (found.start, found.end) == (index[1800], index[1920])


def test_a_backlog_grew_from_where_it_left_the_usual():
    world = World()
    for minute in range(1, 1440, 30):
        world.at["visible"][minute : minute + 3] = 5
    world.at["visible"][598:800] = np.where(np.arange(202) < 9, 4, np.linspace(10, 300, 202))
    world.at["age_s"][620:800] = 900
    (worst,) = [item for item in standing_intervals(only(world)) if item.peak > 100]
    assert worst.start < worst.grew_from == START + pd.Timedelta(minutes=606)


def test_every_message_of_a_failing_queue_is_accounted_for():
    world = World()
    world.fail(600, 1000, 0.2, "KeyError: 'x'")
    balance = queue_balance(only(world), world)
    assert balance.dead_lettered == len(world.dead) == 140
    assert (balance.unexplained, balance.lost, balance.duplicate_deletes) == (0, 0, 0)
    assert balance.retry_amplification == pytest.approx((480 + 280) / 480)


def test_dead_letters_held_before_the_window_are_not_counted_again():
    world = World()
    world.fail(600, 700, 0.2, "KeyError: 'x'")
    new = len(world.dead)
    world.at["dlq_visible"] = np.nan_to_num(world.at["dlq_visible"]) + 25
    world.dead = [*world.dead, *[(0, "old")] * 25]
    stock = queue_balance(only(world), world).dead_letters
    assert (stock.moved, stock.at_end, stock.held) == (new, new + 25, 25)
    # The old ones lie on one device, and died of something that nothing here tells.
    messages = world.table("queue_messages")
    messages.loc[new:, "sent_at"] = START - pd.Timedelta(days=2)
    (signs,) = analyse_queues(world)
    assert sum(signs.by_item.values()) == new
    work = work_items(world)
    old = work[work["before_window"]]
    assert len(old) == 25 and set(old["work_item"]) == {"old"}
    assert old["processed"].isna().all() and old["recoverable"].isna().all()
    said = diagnose(Investigation(world, "backlog"))
    assert "old" not in {device for device, _ in said.extra["missed_work"]}
    older = messages_in(said.summary[-1])["backlog-older-dead-letters"]
    assert (older["dlq"], older["dead"]) == ("jobs-dlq", 25)
    # Where another queue's letters lie there too, those count as well: not the oldest 25 of this one are old.
    messages.loc[new:, "source_queue"] = "others"
    messages.loc[:0, "sent_at"] = START - pd.Timedelta(hours=1)
    pipeline = next(pipeline for pipeline in pipelines(world) if pipeline.queue == "jobs")
    assert sum(analyse_queue(pipeline, world).by_item.values()) == new


def test_dead_letters_that_were_purged_are_those_that_came_in_and_are_not_left():
    world = World()
    world.fail(600, 800, 0.2, "KeyError: 'x'", share=0.2)
    purged = len(world.dead)
    # The stock shows the last one late, so that its level is half a message short.
    world.at["dlq_visible"][996:998] -= 1
    world.at["dlq_visible"][1000:] = 0
    world.change(1000, "PurgeQueue", "jobs-dlq")
    world.fail(1100, 1190, 0.1, "KeyError: 'x'", share=0.1)
    world.dead = world.dead[purged:]
    stock = queue_balance(only(world), world).dead_letters
    assert (stock.moved, stock.purged, stock.at_end) == (purged + len(world.dead), purged, len(world.dead))


def test_a_purge_is_loss():
    world = World()
    for minute in range(600, 700):
        world.at["visible"][minute] = 40
    for minute in (601, 631, 661, 691):
        for name in ("received", "invocations", "deleted"):
            world.at[name][minute] = 0
    world.change(700, "PurgeQueue", "jobs")
    balance = queue_balance(only(world), world)
    assert (balance.purged, balance.lost, balance.unexplained) == (40, 40, 0)


def test_more_deletes_than_messages_are_second_runs():
    world = World()
    for name in ("received", "invocations", "deleted"):
        world.at[name][602] = 7
    balance = queue_balance(only(world), world)
    assert (balance.duplicate_deletes, balance.unexplained) == (7, 0)


def test_a_creep_is_distinguished_from_a_step():
    creeping, stepping = World(96), World(96)
    for minute in range(1, 96 * 60, 30):
        hour = minute / 60
        creeping.run(minute, 10, 1.5 + (0.2 * np.expm1(0.06 * (hour - 30)) if hour > 30 else 0.0))
        stepping.run(minute, 10, 1.5 if hour < 60 else 20.0)
    ramp = find_latency_drift(only(creeping))
    assert ramp.steepest_share < 0.5
    assert abs(ramp.start - (START + pd.Timedelta(hours=30))) < pd.Timedelta(hours=4)
    step = find_latency_drift(only(stepping))
    assert step is None or step.steepest_share > 0.8


def test_a_creep_s_start_lies_within_the_interval_that_is_reported():
    """Creeps of both shapes, beginning at different hours, with run times that scatter by a tenth."""
    held = []
    for seed in range(4):
        rng, begin, world = np.random.default_rng(seed), 25 + 6 * seed, World(96)
        for minute in range(1, 96 * 60, 30):
            past = max(0.0, minute / 60 - begin)
            grown = np.exp(0.05 * past) if seed % 2 else 1 + 0.2 * past
            world.run(minute, 10, 1.5 * grown * np.exp(rng.normal(0, 0.1)))
        ramp = find_latency_drift(only(world))
        held.append(ramp.start_low <= START + pd.Timedelta(hours=begin) <= ramp.start_high)
        assert ramp.start_high - ramp.start_low < pd.Timedelta(hours=12)
    assert sum(held) >= 3


def test_a_part_that_creeps_beside_one_that_does_not_is_dated_by_its_mean():
    """The function's own second stays, the API's half second creeps; few runs scatter with a long tail."""
    errors, held = [], []
    for seed in range(4):
        rng, begin, world = np.random.default_rng(seed), 30 + 5 * seed, World(120)
        for minute in range(1, 120 * 60, 10):
            past = max(0.0, minute / 60 - begin)
            grown = 1 + 0.4 * past if seed % 2 else np.exp(0.045 * past)
            own, api = np.exp(rng.normal(0, 0.25, 5)), 0.5 * grown * np.exp(rng.normal(0, 0.4, 5))
            world.run(minute, 5, float((own + api).mean()))
        ramp, truth = find_latency_drift(only(world)), START + pd.Timedelta(hours=begin)
        errors.append(abs((ramp.start - truth).total_seconds()) / 60)
        held.append(ramp.start_low <= truth <= ramp.start_high)
    assert np.median(errors) < 40
    assert all(held)


def test_a_peak_that_comes_every_day_is_daily():
    world = World(72)
    for day in range(3):
        world.at["visible"][day * 1440 + 900 : day * 1440 + 930] = 50
        world.at["age_s"][day * 1440 + 900 : day * 1440 + 930] = np.arange(0, 1800, 60)
    # Another one of that day, and one of another day that is far smaller.
    for first, visible in ((600, 50), (1440 + 300, 50), (2880 + 300, 10)):
        world.at["visible"][first : first + 30] = visible
    daily = {episode.start: episode.daily for episode in standing_intervals(only(world))}
    assert [daily[START + pd.Timedelta(minutes=day * 1440 + 900)] for day in range(3)] == [True] * 3
    others = [daily[START + pd.Timedelta(minutes=first)] for first in (600, 1740, 3180)]
    assert others == [False, False, True], "the smaller one recurs, the larger one does not"


def test_a_hidden_message_is_no_backlog_of_those_that_come_after_it():
    world = World(hours=24)
    for minute in range(61, 181, 30):
        world.at["visible"][minute] = 10.0
    world.at["in_flight"][61:181] = 1.0
    world.at["age_s"][61:181] = [60.0 * k for k in range(120)]
    (episode,) = [item for item in standing_intervals(only(world)) if item.peak > 5]
    assert episode.peak_age_s == 119 * 60.0
    assert episode.waiting_age_s == 60.0


def outages(*spans, share=1.0, gap_tries=1.0):
    """Return the tries of 2,000 minutes in which, between each of these, every (1 / share)-th one failed."""
    index = pd.date_range(START, periods=2000, freq="60s")
    frame = pd.DataFrame({"tried": 1.0, "failed": 0.0}, index=index)
    for first, last in spans:
        frame.iloc[first : last : round(1 / share), 1] = 1.0
    frame.iloc[spans[0][1] : spans[-1][0], 0] = gap_tries
    return frame


@pytest.mark.parametrize(
    ("frame", "kept"),
    [
        (outages((500, 600), (900, 1100)), (600, 2000)),
        (outages((500, 700), (900, 950)), (0, 900)),
        (outages((500, 600), (700, 900)), (0, 2000)),
        (outages((500, 600), (900, 1100), gap_tries=0.0), (0, 2000)),
        (outages((500, 600), (900, 1100), share=0.1), (0, 2000)),
    ],
    ids=["later", "earlier", "soon again", "nobody tried between", "few of many fail"],
)
def test_failures_with_hours_of_good_runs_between_are_two_incidents(frame, kept):
    hit = frame.index[frame["failed"] > 0]
    rise = rate_elevation(frame["failed"], frame["tried"], 60)
    whole = replace(rise, start=hit[0].to_pydatetime(), end=(hit[-1] + pd.Timedelta("60s")).to_pydatetime())
    near = around_most(whole, frame)
    assert near.index.equals(frame.index[slice(*kept)])
