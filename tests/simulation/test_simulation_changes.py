"""Settings that were changed within the window."""

from __future__ import annotations

import json

import pandas as pd
from worlds.messages import messages_in

from watchme_analysis.queues.pipeline import COLUMNS, Pipeline
from watchme_analysis.queues.pipeline import RecordedSettings as Known
from watchme_analysis.simulation.setting_changes import earlier_settings
from watchme_analysis.simulation.settings import EarlierSetting

START = pd.Timestamp("2025-12-01", tz="UTC")


def pipeline(throttles=0.0):
    frame = pd.DataFrame(
        index=pd.date_range(START, periods=120, freq="60s"), columns=list(COLUMNS), dtype="float64"
    )
    frame["throttles"] = throttles
    return Pipeline("jobs", "worker", None, 60, frame, Known(10.0, None, 3, 30.0))


class Changes:
    def __init__(self, *calls):
        self.frame = pd.DataFrame(
            [
                {
                    "time": START + pd.Timedelta(minutes=minute),
                    "event_name": name,
                    "resource": resources[0],
                    "resources": json.dumps(resources),
                    "parameters": json.dumps(parameters),
                    "error_code": error,
                }
                for minute, name, resources, parameters, error in calls
            ],
            columns=["time", "event_name", "resource", "resources", "parameters", "error_code"],
        )

    def table(self, name):
        assert name == "changes"
        return self.frame


def call(name, parameters, minute=30, resources=("jobs",)):
    return minute, name, list(resources), parameters, None


def test_each_setting_is_read_from_the_call_that_sets_it():
    """Two calls each, so that the value of the first holds until the second."""
    policy = {"attributes": {"RedrivePolicy": json.dumps({"maxReceiveCount": 5})}}
    calls = (
        call("SetQueueAttributes", policy), call("SetQueueAttributes", policy, 40),
        call("UpdateFunctionConfiguration20150331v2", {"timeout": 7}, 31, ["worker"]),
        call("UpdateFunctionConfiguration20150331v2", {"timeout": 9}, 41, ["worker"]),
        call("UpdateEventSourceMapping20150331", {"scalingConfig": {"maximumConcurrency": 2}}, 32),
        call("UpdateEventSourceMapping20150331", {"scalingConfig": {"maximumConcurrency": 3}}, 42),
        call("PutFunctionConcurrency20171031", {"reservedConcurrentExecutions": 4}, 33, ["worker"]),
        call("DeleteFunctionConcurrency20171031", {}, 43, ["worker"]),
    )  # fmt: skip
    earlier, notes = earlier_settings(pipeline(), Changes(*calls))
    assert earlier == (
        EarlierSetting("reserved_concurrency", 1980.0, None),
        EarlierSetting("max_receive_count", 2400.0, 5.0),
        EarlierSetting("function_timeout_s", 2460.0, 7.0),
        EarlierSetting("max_concurrency", 2520.0, 2.0),
        EarlierSetting("reserved_concurrency", 2580.0, 4.0),
    )
    assert [messages_in(note) for note in notes] == [
        {"fit-changed": {"setting": "function_timeout_s", "after": 1860.0}},
        {"fit-changed": {"setting": "max_concurrency", "after": 1920.0}},
        {"fit-changed": {"setting": "max_receive_count", "after": 1800.0}},
        {"fit-changed-reserved": {"after": 1980.0}},
    ]
