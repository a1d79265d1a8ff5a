"""The metrics of flows in steps that a figure can show: counts add up, levels keep their highest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from watchme_analysis.analysis.backlog.flows import COLUMNS, COUNTS, QUEUE_SERIES, Flow

if TYPE_CHECKING:
    import pandas as pd

# Steps that read well on a time axis.
STEPS_S = (60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


def binned(flows: Sequence[Flow], most: int = 180) -> pd.DataFrame:
    """Return every series of every flow in equal steps.

    Parameters
    ----------
    flows
        Flows of :func:`watchme_analysis.analysis.backlog.flows.flows`.
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


def rates(flows: Sequence[Flow], start: datetime | None, end: datetime | None) -> pd.DataFrame:
    """Return how often what is counted happened, before and during an incident.

    Parameters
    ----------
    flows
        Flows of :func:`watchme_analysis.analysis.backlog.flows.flows`.
    start, end
        Bounds of the incident: without a start there is none, without an end it is still open.

    Returns
    -------
    pandas.DataFrame
        ``resource`` (queue or function), ``metric`` (a counter of a flow's frame), ``baseline_total``,
        ``incident_total``, ``baseline_per_h``, ``incident_per_h`` (float; null where the series was not
        asked for or a side has no time). A point that CloudWatch did not return counts as nothing counted.
    """
    import pandas as pd

    rows = []
    for flow in flows:
        if not len(flow.frame) or start is None:
            continue
        before = flow.frame.index < pd.Timestamp(start)
        during = ~before & (flow.frame.index < pd.Timestamp(end) if end is not None else True)
        hours = [side.sum() * flow.period_s / 3600 for side in (before, during)]
        for column in COUNTS:
            resource = flow.queue if column in QUEUE_SERIES else flow.function
            if resource is None or column not in flow.asked:
                continue
            totals = [float(flow.frame.loc[side, column].sum()) for side in (before, during)]
            per_h = [total / length if length else None for total, length in zip(totals, hours, strict=True)]
            rows.append((resource, column, *totals, *per_h))
    columns = ["resource", "metric", "baseline_total", "incident_total", "baseline_per_h", "incident_per_h"]
    kinds = {name: "string" if name in columns[:2] else "Float64" for name in columns}
    return pd.DataFrame(rows, columns=columns).astype(kinds)
