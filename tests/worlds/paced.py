"""The same case at another pace: every time lies farther from the first, and every duration lasts longer."""

import pandas as pd

from watchme_analysis.schema import empty

# Metrics that are times.
TIMED = ("Duration", "ApproximateAgeOfOldestMessage")


class Paced:
    """A case whose clock runs so many times as slowly; quacks like a case."""

    name, window, unread, argument = "paced", None, (), "CASE"

    def __init__(self, case, factor, start):
        names = ("metrics", "metric_queries", "queues", "queue_messages", "functions", "changes",
                 "event_source_mappings", "log_queries", "log_events")  # fmt: skip
        self.tables = {name: _paced(case.table(name), factor, start) for name in names}

    def table(self, name):
        """Return a table of the glossary."""
        return self.tables.get(name, empty(name))

    def coverage(self):
        return {name: {"rows": len(frame), "truncated": False} for name, frame in self.tables.items()}


def _paced(frame, factor, start):
    later = {
        name: (start + (frame[name] - start) * factor).astype(frame[name].dtype)
        for name in frame
        if isinstance(frame[name].dtype, pd.DatetimeTZDtype)
    }
    longer = {name: (frame[name] * factor).astype(frame[name].dtype) for name in frame if name.endswith("_s")}
    if "metric" in frame and "value" in frame:
        is_time = frame["metric"].isin(TIMED)
        longer["value"] = frame["value"].where(~is_time, frame["value"] * factor)
    return frame.assign(**later, **longer)
