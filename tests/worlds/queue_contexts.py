"""Frames of one queue of few intervals of five minutes."""

import pandas as pd

from watchme_analysis.queues.pipeline import COLUMNS

START = pd.Timestamp("2026-11-24T10:00Z").to_pydatetime()
PERIOD_S = 300


def at(interval):
    """Return the start of an interval of five minutes."""
    return START + interval * pd.Timedelta(seconds=PERIOD_S).to_pytimedelta()


def frame_of(**columns):
    """Return a pipeline's frame from lists of values, at five minutes; other columns are null."""
    length = max(len(values) for values in columns.values())
    index = pd.date_range(START, periods=length, freq=f"{PERIOD_S}s", name="time")
    frame = pd.DataFrame(index=index, columns=[*COLUMNS, "tried", "failed"], dtype="float64")
    return frame.assign(**columns).astype("float64")
