from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pandas as pd
import pytest

from watchme_analysis.analysis.backlog.flow_troubles import Stretch
from watchme_analysis.analysis.backlog.flows import Settings
from watchme_analysis.hypotheses.backlog.start import _first_poison, _last_good, _throttled_first

START = datetime(2026, 7, 4, 5, tzinfo=UTC)


def signs(**devices):
    return SimpleNamespace(
        devices=Counter(devices),
        first_sent_by_main_device=START + timedelta(hours=3),
        failures=SimpleNamespace(start=START),
        flow=SimpleNamespace(period_s=60),
    )


def test_the_first_bad_message_of_one_of_many_senders_is_not_when_it_began():
    assert _first_poison(signs(a=3, b=2, c=2, d=1)) == START
    assert _first_poison(signs(a=9, b=1)) == START + timedelta(hours=3)


@pytest.mark.parametrize(("passed_share", "minute"), [(0.0, 9), (None, 9), (0.5, 5), (0.2, 8)])
def test_good_runs_that_can_have_passed_under_the_fault_do_not_bound_its_start(passed_share, minute):
    index = pd.date_range(START, periods=20, freq="60s")
    frame = pd.DataFrame({"tried": 1.0, "failed": [0.0] * 10 + [1.0] * 10}, index=index)
    hit = SimpleNamespace(
        flow=SimpleNamespace(frame=frame, settings=Settings(), period_s=60), passed_share=passed_share
    )
    assert _last_good(hit, START + timedelta(minutes=10), "downstream_down") == START + timedelta(
        minutes=minute
    )
    assert _last_good(hit, START + timedelta(minutes=10), "poison_messages") == START + timedelta(minutes=9)


def test_of_flows_throttled_together_the_first_tells_when_an_account_limit_began():
    def throttled(first, last):
        between = (START + timedelta(minutes=minute) for minute in (first, last))
        return SimpleNamespace(throttles=Stretch(*between, count=30.0, open=False))

    worst, first, before = throttled(60, 200), throttled(40, 190), throttled(0, 30)
    view = SimpleNamespace(affected=(worst, before, SimpleNamespace(throttles=None), first))
    assert _throttled_first(view, worst) is first
