"""Tries that failed where the Errors metric can't count them."""

import numpy as np
import pandas as pd

from watchme_analysis.queues.pipeline import failed_tries


def flow_frame(received, deleted, errors=0.0, seconds=2.0):
    index = pd.date_range("2026-01-01", periods=len(received), freq="1min", tz="UTC")
    frame = pd.DataFrame({"received": received, "deleted": deleted}, index=index, dtype=float)
    frame["visible"], frame["errors"], frame["invocations"] = 0.0, errors, frame["received"]
    frame["duration_max_s"] = seconds
    return frame


def test_a_received_message_that_no_run_deletes_has_failed():
    frame = flow_frame([10, 0, 0, 10, 0, 3, 0], [8, 0, 0, 0, 0, 3, 0])
    found = failed_tries(frame, 60, reports_failures=True)
    assert found["failed"].fillna(0).tolist() == [2, 0, 0, 10, 0, 0, 0]
    assert found["tried"].sum() == 23


def test_a_lost_point_of_the_deletes_makes_nothing_fail():
    frame = flow_frame([4.0] * 40, [4.0] * 40)
    frame.iloc[20, frame.columns.get_loc("deleted")] = np.nan
    found = failed_tries(frame, 60, reports_failures=True)
    assert found["failed"].sum() == 0
    # Nor does what was received last, whose deletes are still to come.
    assert found["tried"].isna().sum() == 3


def test_runs_across_the_borders_of_intervals_make_nothing_fail():
    frame = flow_frame([2, 2, 2, 0, 0, 0], [1, 2, 2, 1, 0, 0])
    assert failed_tries(frame, 60, reports_failures=True)["failed"].sum() == 0
