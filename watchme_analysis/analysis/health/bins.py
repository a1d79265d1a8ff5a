"""Requests summed up in equal steps, for logs of which single requests can't be told apart in a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchme_analysis.analysis.backlog.flow_bins import STEPS_S

if TYPE_CHECKING:
    import pandas as pd

# Requests from which dots of a layer hide each other.
DENSE = 8000
_MOST_STEPS = 180
_SHORT_STEPS_S = (1, 2, 5, 10, 30)


def dense_bins(observed: pd.DataFrame) -> pd.DataFrame:
    """Return the layers that saw more than :data:`DENSE` requests, in equal steps.

    Parameters
    ----------
    observed
        Frame of :func:`watchme_analysis.analysis.health.window.judged`.

    Returns
    -------
    pandas.DataFrame
        ``vantage``, ``time`` (start of the step, UTC), ``requests``, ``failed`` (int), ``median_s``,
        ``p99_s`` (float, of those that did not fail), ``failed_s`` (float, the longest that failed; null when
        none did), ``step_s`` (int). A step without requests has no row.
    """
    import pandas as pd

    counts = observed["vantage"].value_counts()
    rows = observed[observed["vantage"].isin(counts.index[counts > DENSE]) & observed["start"].notna()]
    names = ["vantage", "time", "requests", "failed", "median_s", "p99_s", "failed_s", "step_s"]
    if rows.empty:
        return pd.DataFrame(columns=names)
    span_s = (rows["start"].max() - rows["start"].min()).total_seconds()
    steps = (*_SHORT_STEPS_S, *STEPS_S)
    step_s = next((step for step in steps if span_s / step <= _MOST_STEPS), steps[-1])
    seconds = rows["duration_s"].astype("float64")
    found = (
        pd.DataFrame(
            {
                "vantage": rows["vantage"],
                "time": rows["start"].dt.floor(f"{step_s}s"),
                "failed": rows["failed"],
                "good_s": seconds.where(~rows["failed"]),
                "bad_s": seconds.where(rows["failed"]),
            }
        )
        .groupby(["vantage", "time"], as_index=False)
        .agg(
            requests=("failed", "size"),
            failed=("failed", "sum"),
            median_s=("good_s", "median"),
            p99_s=("good_s", lambda values: values.quantile(0.99)),
            failed_s=("bad_s", "max"),
        )
    )
    return found.assign(step_s=step_s)[names]
