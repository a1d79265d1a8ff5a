"""How long runs take by how many messages they work on."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from watchme_analysis.queues.pipeline import COLUMNS, Pipeline, failed_tries
from watchme_analysis.queues.pipeline import RecordedSettings as Known
from watchme_analysis.simulation.durations import run_time
from watchme_analysis.simulation.fit import Recorded, fit
from watchme_analysis.simulation.run import simulate
from watchme_analysis.simulation.settings import (
    Arrivals,
)

FIXED_S, EACH_S = 1.5, 0.4


def pipeline(messages, noise_s=0.0, batch=10):
    """One run each minute, of so many messages."""
    index = pd.date_range("2026-01-01", periods=len(messages), freq="1min", tz="UTC")
    frame = pd.DataFrame(0.0, index=index, columns=list(COLUMNS))
    frame["sent"] = frame["received"] = frame["deleted"] = messages
    frame["invocations"] = 1.0
    spread = np.random.default_rng(1).normal(0.0, noise_s, len(messages))
    frame["duration_avg_s"] = frame["duration_max_s"] = FIXED_S + EACH_S * np.array(messages) + spread
    frame = frame.join(failed_tries(frame, 60, False))
    known = Known(360.0, 345_600.0, 3, 60.0, batch_size=batch)
    return Pipeline("queue", "worker", None, 60, frame, known, frozenset(COLUMNS))


MIXED = [1.0, 3.0, 10.0, 7.0, 2.0, 5.0] * 20


@pytest.mark.parametrize("noise_s", [0.0, 0.3])
def test_what_a_run_and_what_a_message_takes_is_distinguished(noise_s):
    found = run_time(pipeline(MIXED, noise_s))
    assert found.is_measured
    assert found.fixed_s == pytest.approx(FIXED_S, abs=0.2)


def test_a_fitted_run_takes_as_long_as_the_recorded_one():
    settings = fit(pipeline(MIXED), Recorded(560.0, 0, 0.0, 0.0)).settings
    assert settings.run_s == pytest.approx(FIXED_S, abs=0.01)
    assert settings.api.mean_s == pytest.approx(EACH_S, abs=0.01)
    assert not settings.api.faults
    ten = replace(
        settings,
        api=replace(settings.api, variation=0.0),
        poller=replace(settings.poller, pauses=((0.0, 5.0),)),
    )
    ended = simulate(ten, Arrivals([0.0] * 10)).drained_s
    assert ended == pytest.approx(5.0 + FIXED_S + 10 * EACH_S, abs=0.05)
