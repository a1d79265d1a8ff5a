from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pandas as pd
import pytest

from watchme_analysis.backlog.hypotheses.start import _first_poison, _last_good, _throttled_first
from watchme_analysis.backlog.onset_order import host_moved
from watchme_analysis.queues.pipeline import RecordedSettings
from watchme_analysis.stats.intervals import Interval

START = datetime(2026, 7, 4, 5, tzinfo=UTC)


def signs(**devices):
    return SimpleNamespace(
        devices=Counter(devices),
        first_sent_by_main_device=START + timedelta(hours=3),
        failures=SimpleNamespace(start=START),
        failing_days=((START, START + timedelta(hours=4)),),
        pipeline=SimpleNamespace(period_s=60),
    )


def test_the_first_bad_message_of_one_of_many_senders_is_not_when_it_began():
    assert _first_poison(signs(a=3, b=2, c=2, d=1)) == START
    assert _first_poison(signs(a=9, b=1)) == START + timedelta(hours=3)


@pytest.mark.parametrize(("passed_share", "minute"), [(0.0, 9), (None, 9), (0.5, 5), (0.2, 8)])
def test_good_runs_that_can_have_passed_under_the_fault_do_not_bound_its_start(passed_share, minute):
    index = pd.date_range(START, periods=20, freq="60s")
    frame = pd.DataFrame({"tried": 1.0, "failed": [0.0] * 10 + [1.0] * 10}, index=index)
    hit = SimpleNamespace(
        pipeline=SimpleNamespace(frame=frame, settings=RecordedSettings(), period_s=60),
        passed_share=passed_share,
        failures=None,
    )
    assert _last_good(hit, START + timedelta(minutes=10), "downstream_down") == START + timedelta(
        minutes=minute
    )
    assert _last_good(hit, START + timedelta(minutes=10), "poison_messages") == START + timedelta(minutes=9)


def test_of_flows_throttled_together_the_first_tells_when_an_account_limit_began():
    def throttled(first, last):
        between = (START + timedelta(minutes=minute) for minute in (first, last))
        return SimpleNamespace(throttles=Interval(*between, "throttles", count=30.0))

    worst, first, before = throttled(60, 200), throttled(40, 190), throttled(0, 30)
    view = SimpleNamespace(affected=(worst, before, SimpleNamespace(throttles=None), first))
    assert _throttled_first(view, worst) is first


def test_what_comes_back_on_other_days_began_on_the_first_of_them():
    index = pd.date_range(START, periods=9 * 288, freq="300s")
    frame = pd.DataFrame({"failed": 0.0}, index=index)
    frame.iloc[12:24] = frame.iloc[12 + 7 * 288 : 24 + 7 * 288] = 3.0
    later = SimpleNamespace(
        start=index[12 + 7 * 288].to_pydatetime(), end=index[24 + 7 * 288].to_pydatetime()
    )
    item = SimpleNamespace(
        devices=Counter(),
        first_sent_by_main_device=None,
        failures=later,
        failing_days=((index[12].to_pydatetime(), index[24].to_pydatetime()), (later.start, later.end)),
    )
    assert _first_poison(item) == index[12].to_pydatetime()


def test_good_intervals_between_bad_ones_do_not_bound_a_start_by_one_of_their_kind():
    """An API that comes and goes lets ten messages of one moment pass together."""
    index = pd.date_range(START, periods=40, freq="60s")
    bad = [0.0] * 20 + [10.0, 10.0, 0.0] * 6 + [10.0, 0.0]
    frame = pd.DataFrame({"tried": 10.0, "failed": bad}, index=index)
    failures = SimpleNamespace(start=index[20].to_pydatetime(), end=index[39].to_pydatetime())
    hit = SimpleNamespace(
        pipeline=SimpleNamespace(frame=frame, settings=RecordedSettings(), period_s=60),
        passed_share=1 / 3,
        failures=failures,
    )
    # A third of the intervals go well under it, so that three in a row still may: 0.3 ** 3 < 0.05.
    assert _last_good(hit, failures.start, "downstream_down") == index[17].to_pydatetime()


@pytest.mark.parametrize(
    ("cpu", "bounds"),
    [
        ([2.0] * 40, None),
        ([2.0] * 31 + [95.0] * 9, (30, 32)),
        ([2.0] * 32, (31, 32.2)),
        ([2.0] * 31 + [95.0] + [2.0] * 8, None),
        ([], None),
    ],
)
def test_a_host_that_leaves_its_usual_load_narrows_down_when_it_began(cpu, bounds):
    frame = pd.DataFrame({"cpu_pct": float("nan")}, index=pd.date_range(START, periods=200, freq="60s"))
    frame.iloc[: 5 * len(cpu) : 5, 0] = cpu
    good, shown = (START + timedelta(minutes=5 * point) for point in (30, 36))
    expected = bounds and tuple(START + timedelta(minutes=5 * point) for point in bounds)
    assert host_moved(frame, good, shown) == expected
