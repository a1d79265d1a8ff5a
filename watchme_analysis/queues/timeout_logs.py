"""Last log lines of invocations that timed out: a call that they waited for, or an earlier step."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_CALL = re.compile(r"https?://|\b(GET|POST|PUT|PATCH|DELETE|HEAD)\s+\S*/", re.IGNORECASE)


@dataclass(frozen=True)
class TimeoutLogs:
    """Invocations that timed out, by their last log line.

    ``calling`` waited for the response of a call that the line names; ``before_call`` did not reach the call
    that successful invocations log. ``lines`` are pointers of these lines.
    """

    calling: int = 0
    before_call: int = 0
    lines: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """Number of classified invocations."""
        return self.calling + self.before_call


def read_timeout_logs(
    log_events: pd.DataFrame,
    function: str | None,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
) -> TimeoutLogs:
    """Return the last log lines of the invocations that timed out between two times; open where None.

    Only invocations with a START line count, because the first lines of others may be outside the query.
    Invocations without a call are classified only if successful invocations of the same log name a call.
    """
    # Most functions time out never, and to put all of a log's lines in order takes long.
    if not ((log_events["function"] == function) & (log_events["kind"] == "timeout")).any():
        return TimeoutLogs()
    is_own = (log_events["function"] == function) & log_events["request_id"].notna()
    own = log_events.loc[is_own, ["ptr", "time", "kind", "request_id", "message"]]
    own = own.drop_duplicates("ptr").sort_values("time", kind="stable")
    late = own[own["kind"] == "timeout"]
    if start is not None:
        late = late[late["time"] >= start]
    if end is not None:
        late = late[late["time"] < end]
    begun = set(own.loc[own["kind"] == "start", "request_id"])
    timed_out = set(late["request_id"]) & begun
    if not timed_out:
        return TimeoutLogs()
    lines = own[own["kind"] == "application"]
    calls = lines["message"].fillna("").map(lambda text: _CALL.search(text) is not None).astype(bool)
    last = lines.groupby("request_id")["ptr"].last()
    calling = set(lines.loc[calls & lines["ptr"].isin(set(last)), "request_id"]) & timed_out
    good = set(lines.loc[calls, "request_id"]) - set(
        own.loc[own["kind"].isin(["timeout", "error"]), "request_id"]
    )
    silent = timed_out - set(lines.loc[calls, "request_id"]) if good else set()
    ends = late[late["request_id"].isin(calling | silent)].groupby("request_id")["ptr"].last()
    return TimeoutLogs(len(calling), len(silent), tuple(sorted(ends)))
