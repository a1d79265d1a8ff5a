"""Messages that were received and that no run of the function can have been handed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from watchme_analysis.analysis.backlog.flows import Flow, Tables

# A poller waits minutes to fill a batch, points come late: what lasts less is no sign of anything.
LEAST = timedelta(hours=1)
# Fewer than these, or than two of the largest intervals, can be lost points; so can a smaller share.
FEWEST, LARGEST, SHARE = 10.0, 2.0, 0.1


@dataclass(frozen=True)
class TakenElsewhere:
    """A stretch in which more messages were received than the function's runs can have been handed.

    Attributes
    ----------
    start, end
        Half-open, UTC, to the grid's period.
    received
        Messages received in it.
    unrun
        So many of them, at least, were handed to no run.
    deleted
        Messages deleted beyond those that runs can have been handed: gone without a run.
    """

    start: datetime
    end: datetime
    received: float
    unrun: float
    deleted: float


def taken_elsewhere(flow: Flow, tables: Tables) -> TakenElsewhere | None:
    """Return the stretch in which most messages were received without a run, None without one.

    Each run is handed a batch at most, and a throttled delivery is one that did not become a run. What was
    received beyond that went to somebody else: a mapping's filter drops messages unread, a second consumer
    takes them, people look at them in the console, or Lambda could not start the function at all.

    Parameters
    ----------
    flow
        A queue with one mapping, whose receives, runs and throttles were asked for; else nothing is told.
    tables
        Case or investigation, for the mappings.

    Notes
    -----
    The stretch is the one with the largest sum of receives beyond batches, so that a run which begins an
    interval after its receive counts for it. A batch size that may have been larger before tells nothing.
    """
    import numpy as np
    import pandas as pd

    mappings, frame = tables.table("event_source_mappings"), flow.frame
    own = mappings[mappings["queue"] == flow.queue]
    batch = flow.settings.batch_size
    if len(own) != 1 or batch is None or not {"received", "invocations", "throttles"} <= flow.asked:
        return None
    changed = own.iloc[0]["last_modified"]
    frame = frame if pd.isna(changed) else frame[frame.index >= changed]
    # A run without a count of runs is a lost point.
    frame = frame[frame["invocations"].notna() | frame["duration_avg_s"].isna()]
    if frame.empty:
        return None
    received = frame["received"].fillna(0.0).to_numpy()
    handed = batch * (frame["invocations"].fillna(0.0) + frame["throttles"].fillna(0.0)).to_numpy()
    total = np.concatenate([[0.0], np.cumsum(received - handed)])
    lowest = np.minimum.accumulate(total)
    last = int((total - lowest).argmax())
    first = last - int(total[last::-1].argmin())
    unrun, part = float(total[last] - total[first]), received[first:last]
    if last == first or unrun < max(FEWEST, LARGEST * part.max(), SHARE * part.sum()):
        return None
    step = timedelta(seconds=flow.period_s)
    start, end = frame.index[first].to_pydatetime(), frame.index[last - 1].to_pydatetime() + step
    if end - start < LEAST:
        return None
    deleted = frame["deleted"].fillna(0.0).to_numpy()[first:last].sum() - handed[first:last].sum()
    return TakenElsewhere(start, end, float(part.sum()), unrun, max(0.0, float(deleted)))
