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
from watchme_analysis.queues.standing import standing_intervals
from watchme_analysis.queues.work_items import work_items
from watchme_analysis.stats.interval_scan import count_elevation, expected_arrivals


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
