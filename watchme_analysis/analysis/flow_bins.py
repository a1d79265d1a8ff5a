"""The metrics of flows in steps that a figure can show: counts add up, levels keep their highest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from watchme_analysis.analysis.flows import COLUMNS, COUNTS, Flow

if TYPE_CHECKING:
    import pandas as pd

# Steps that read well on a time axis.
STEPS_S = (60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


def binned(flows: Sequence[Flow], most: int = 180) -> pd.DataFrame:
    """Return every series of every flow in equal steps.

    Parameters
    ----------
    flows
        Flows of :func:`watchme_analysis.analysis.flows.flows`.
    most
        Steps at most; the shortest of :data:`STEPS_S` that needs no more is taken.

    Returns
    -------
    pandas.DataFrame
        ``queue``, ``series`` (a column of a flow's frame), ``time`` (start of the step, UTC), ``value``
        (counts: sum; ``duration_avg_s``: mean; else maximum; null in a step without a point), ``step_s``.
        A series that has no point in any step has no rows.
    """
    import pandas as pd

    parts = []
    filled = [flow for flow in flows if len(flow.frame)]
    step_s = _step(filled, most)
    for flow in filled:
        groups = flow.frame.resample(f"{max(step_s, flow.period_s)}s")
        for column in COLUMNS:
            if column in COUNTS:
                values = groups[column].sum(min_count=1)
            elif column == "duration_avg_s":
                values = groups[column].mean()
            else:
                values = groups[column].max()
            if values.notna().any():
                parts.append(
                    pd.DataFrame(
                        {
                            "queue": flow.queue,
                            "series": column,
                            "time": values.index,
                            "value": values.to_numpy(dtype="float64", na_value=float("nan")),
                            "step_s": max(step_s, flow.period_s),
                        }
                    )
                )
    if not parts:
        return pd.DataFrame(
            {
                "queue": pd.Series(dtype="string"),
                "series": pd.Series(dtype="string"),
                "time": pd.Series(dtype="datetime64[us, UTC]"),
                "value": pd.Series(dtype="float64"),
                "step_s": pd.Series(dtype="int64"),
            }
        )
    return pd.concat(parts, ignore_index=True).astype({"queue": "string", "series": "string"})


def _step(flows: Sequence[Flow], most: int) -> int:
    if not flows:
        return STEPS_S[0]
    span_s = max((flow.frame.index[-1] - flow.frame.index[0]).total_seconds() for flow in flows)
    return next((step for step in STEPS_S if span_s / step <= most), STEPS_S[-1])
