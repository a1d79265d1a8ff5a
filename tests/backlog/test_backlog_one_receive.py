"""Queues whose messages have one try: each failed run is a dead letter, also those that come by chance."""

from types import SimpleNamespace

import pandas as pd
import pytest
from worlds.backlog_draws import make
from worlds.backlog_twists import every_queue
from worlds.messages import messages_in

from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.case.opening import open_case
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.queues.pipeline import RecordedSettings
from watchme_analysis.queues.pipeline_anomalies import find_failures


@pytest.mark.parametrize(("each", "found"), [(25, False), (5, True)])
def test_failures_that_come_by_chance_are_no_rise_though_each_is_a_dead_letter(each, found):
    index = pd.date_range("2026-07-04T05:00Z", periods=1000, freq="60s")
    failed = [float(place >= 600 and place % each == 0) for place in range(1000)]
    failed[100] = failed[300] = 1.0
    frame = pd.DataFrame({"tried": 1.0, "failed": failed}, index=index)
    pipeline = SimpleNamespace(frame=frame, period_s=60, settings=RecordedSettings(max_receive_count=1))
    assert (find_failures(pipeline, dead_lettered=int(sum(failed))) is not None) is found


@pytest.mark.slow
def test_one_receive_is_said_to_kill_whatever_fails_once(tmp_path):
    """`test_backlog_worlds.py` holds queues with more receives, of which it is not said."""
    make(702016, tmp_path / "raw", "downstream_down", every_queue(max_receives=1))
    found = diagnose(Investigation(open_case(tmp_path / "raw"), "backlog"))
    assert found.extra["dead_letters"]
    assert any("backlog-one-receive" in messages_in(text) for text in found.summary)
