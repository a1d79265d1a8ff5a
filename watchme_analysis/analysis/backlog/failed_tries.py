"""Tries at messages that failed, also where the Errors metric can't count them.

A function that reports which messages of its batch failed (``ReportBatchItemFailures``) ends well as a run:
Errors stays at zero while its messages come back. What it did not delete, it failed.
Source: AWS Lambda Developer Guide, "Handling errors for an SQS event source in Lambda".
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from watchme_analysis.analysis.gaps import lost_points

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

# A run lasts at most this many intervals when deletes are matched with receives; Lambda allows 15 minutes.
LONGEST_RUN_S = 900.0


def failed_tries(frame: pd.DataFrame, period_s: int, reports_failures: bool) -> pd.DataFrame:
    """Return what was tried and what of it failed, by interval.

    Parameters
    ----------
    frame
        A flow's metrics on their grid.
    period_s
        Length of an interval.
    reports_failures
        Whether the function reports failed messages one by one. Then a try is a received message, and one
        that no run deleted in the time that runs take has failed; else a try is a run, and Errors counts.

    Returns
    -------
    pandas.DataFrame
        ``tried`` and ``failed``; null where nothing was published.
    """
    import pandas as pd

    if not reports_failures:
        return pd.DataFrame({"tried": frame["invocations"], "failed": frame["errors"]})
    received = frame["received"].where(frame["received"] > 0)
    longest, usual = (
        LONGEST_RUN_S if math.isnan(value) else min(value, LONGEST_RUN_S)
        for value in (float(frame["duration_max_s"].max()), float(frame["duration_max_s"].median()))
    )
    intervals = math.ceil(longest / period_s)
    # A run that crashed or timed out deleted nothing of what it began with.
    crashed = frame["errors"].fillna(0.0).clip(upper=received.fillna(0.0))
    left = _not_deleted(
        (received.fillna(0.0) - crashed).to_numpy(dtype=float),
        frame["deleted"].fillna(0.0).to_numpy(dtype=float),
        intervals,
        short=usual <= 0.5 * period_s,
    )
    failed = (pd.Series(left, index=frame.index) + crashed).where(received.notna())
    # Where a point of the deletes is lost, or still to come, nobody knows what of these receives failed.
    lost = lost_points(frame, ("received", "deleted", "visible")).astype(float)
    unknown = lost[::-1].rolling(1 + intervals, min_periods=1).max()[::-1] > 0
    unknown.iloc[len(unknown) - intervals :] = True
    failed, received = failed.mask(unknown), received.mask(unknown)
    # What is not known of receives is known of runs.
    known = failed.where(failed >= frame["errors"].fillna(0.0), frame["errors"])
    return pd.DataFrame({"tried": received, "failed": known})


def _not_deleted(received: np.ndarray, deleted: np.ndarray, intervals: int, *, short: bool) -> np.ndarray:
    """Return of each interval's receives those that no delete within the next intervals accounts for.

    Runs end about as they began, so that a delete goes to the earliest receive that still wants one; where
    runs are short, to one of its own interval first. A delete for which nothing is left there takes the place
    of an earlier one, which then goes further back: in traffic without a gap, runs across borders of
    intervals shift all deletes by one.
    """
    left = received.copy()
    for place in deleted.nonzero()[0]:
        rest = deleted[place]
        sources = range(max(0, int(place) - intervals), int(place) + 1)
        for source in reversed(sources) if short else sources:
            taken = min(left[source], rest)
            left[source] -= taken
            rest -= taken
            if not rest:
                break
        earliest = int(place)
        while rest:
            before = [at for at in range(max(0, earliest - intervals), earliest) if deleted[at]]
            if not before:
                break
            earliest = before[0]
            for source in range(earliest, max(-1, earliest - intervals - 1), -1):
                taken = min(left[source], rest)
                left[source] -= taken
                rest -= taken
    return left
