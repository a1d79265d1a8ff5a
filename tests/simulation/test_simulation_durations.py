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
    ApiSettings,
    Arrivals,
    PollerSettings,
    QueueSettings,
    Settings,
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


def test_a_few_slow_runs_do_not_move_it():
    slow = pipeline(MIXED)
    slow.frame.iloc[:8, slow.frame.columns.get_loc("duration_avg_s")] = 50.0
    assert run_time(slow).fixed_s == pytest.approx(FIXED_S, abs=0.2)


def test_runs_that_are_all_alike_do_not_tell_what_they_take_besides():
    found = run_time(pipeline([10.0] * 120))
    assert not found.is_measured
    assert found.fixed_s == 0.0


def test_runs_of_one_message_need_no_telling():
    assert run_time(pipeline([1.0] * 60)) is None
    assert run_time(pipeline(MIXED, batch=1)) is None


def test_a_fitted_run_takes_as_long_as_the_recorded_one():
    settings = fit(pipeline(MIXED), Recorded(560.0, 0, 0.0, 0.0)).settings
    assert settings.run_s == pytest.approx(FIXED_S, abs=0.01)
    assert settings.api.mean_s == pytest.approx(EACH_S, abs=0.01)
    assert not settings.api.faults
    ten = replace(
        settings,
        api=replace(settings.api, variation=0.0),
        poller=replace(settings.poller, batching_window_s=5.0),
    )
    ended = simulate(ten, Arrivals([0.0] * 10)).drained_s
    assert ended == pytest.approx(FIXED_S + 10 * EACH_S, abs=0.05)


def test_an_invocation_that_fails_as_a_whole_ended_with_its_first_message():
    made = pipeline(MIXED)
    frame = made.frame[list(COLUMNS)]
    broken = frame.index[60:72]
    frame.loc[broken, ["errors", "deleted"]] = [1.0, 0.0]
    frame.loc[broken, ["duration_avg_s", "duration_max_s"]] = FIXED_S + 5.0
    made = replace(made, frame=frame.join(failed_tries(frame, 60, False)))
    faults = fit(made, Recorded(500.0, 0, 0.0, 0.0)).settings.api.faults
    assert [fault.mean_s for fault in faults] == pytest.approx([5.0] * 12)


def test_a_run_is_cut_off_in_its_own_time_as_well():
    settings = Settings(
        queue=QueueSettings(visibility_timeout_s=30.0, max_receive_count=2),
        poller=PollerSettings(batch_size=10, batching_window_s=5.0),
        api=ApiSettings(0.1, 0.0, slots=None),
        function_timeout_s=3.0,
        run_s=4.0,
        horizon_s=3600.0,
    )
    found = simulate(settings, Arrivals([0.0] * 10))
    assert (found.timeouts, found.dead_lettered, found.deleted) == (2, 10, 0)
