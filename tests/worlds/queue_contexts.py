"""The analysis of a queue of which a test states the facts that matter, without a case."""

from collections import Counter
from types import SimpleNamespace

import pandas as pd

from watchme_analysis.queues.error_kinds import LoggedErrors
from watchme_analysis.queues.pipeline import COLUMNS, Pipeline, RecordedSettings
from watchme_analysis.queues.timeout_logs import TimeoutLogs

START = pd.Timestamp("2026-11-24T10:00Z").to_pydatetime()
NO_ERRORS = LoggedErrors(Counter(), {}, 0, False)
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


def queue_of(frame=None, settings=None, queried=(), by_message=False, **facts):
    """Return the analysis of the queue `jobs` with some facts; else nothing is wrong with it."""
    frame = frame_of(invocations=[1.0] * 12) if frame is None else frame
    settings = RecordedSettings(**(settings or {}))
    pipeline = Pipeline(
        "jobs", "worker", "jobs-dlq", PERIOD_S, frame, settings, frozenset(queried), by_message
    )
    usual = dict.fromkeys(
        ("failures", "slow", "surge", "throttles", "redelivery", "hidden", "unpolled", "unmatched_receives",
         "worst", "drift", "creeping", "passed_share", "timed_out_share", "run_before_s", "run_during_s",
         "main_item_first_sent")
    )  # fmt: skip
    usual |= {
        "pipeline": pipeline,
        "harms": (),
        "episodes": (),
        "failing_days": (),
        "failing_logged": (None, None),
        "errors": NO_ERRORS,
        "timeout_logs": TimeoutLogs(),
        "by_item": Counter(),
        "dead_lettered": 0,
        "stalled": False,
        "surge_daily": False,
        "slow_harmless": False,
        "only_sporadic": False,
        "throttled_always": False,
        "throttled_share": 0.0,
        "clustering": 0.0,
        "limit_lowered": False,
        "errors_counted": "failed" in queried,
        "balance": SimpleNamespace(visible=0, in_flight=0, duplicate_deletes=0, lost=0),
        "first_trouble": lambda: None,
    }
    return SimpleNamespace(**usual | facts)
