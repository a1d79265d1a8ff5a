"""The order in which the metrics of the harmed flows moved."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.analysis.backlog.flow_baseline import COMPARED, exceeds
from watchme_analysis.analysis.backlog.flows import COUNTS, Flow
from watchme_analysis.analysis.backlog.signs import Signs
from watchme_analysis.analysis.metric_onsets import metric_onsets

if TYPE_CHECKING:
    import pandas as pd

# Points of this length are enough to rank hours, and five times faster than those of a minute.
RANKED_PERIOD_S = 300
# Metrics that follow from others of the list, and would only repeat them.
REPEATING = ("received", "deleted", "invocations")

ONSET_COLUMNS = (
    "queue", "function", "metric", "onset", "onset_earliest", "uncertainty_s", "direction", "baseline",
    "value", "effect", "surprise",
)  # fmt: skip


def onset_rows(signs: tuple[Signs, ...]) -> pd.DataFrame:
    """Return when each metric of the harmed flows left its usual range, earliest first.

    Arrivals, failures and throttles move where their scan says. Any other metric moves in the first hour
    that looks like none of the days before (:mod:`watchme_analysis.analysis.metric_onsets`; ``surprise``),
    at its first point beyond all but two in a thousand of those before the trouble; with less than a day of
    history at the first such point alone. An onset is as uncertain as its interval, and as the gap since the
    last point that was still usual.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for item in signs:
        first = item.first_trouble()
        if first is None and item.creeping is not None:
            first = item.creeping.start
        if first is None:
            continue
        if item.surge is not None and not item.surge_daily:
            first = min(first, item.surge.start)
        known: dict[str, Any] = {
            "sent": item.surge if not item.surge_daily else None,
            "errors": item.failures,
            "throttles": item.throttles,
        }
        for metric in COMPARED:
            if metric in REPEATING:
                continue
            found, surprise = known.get(metric), None
            onset = found.start if found is not None else None
            if metric == "dlq_visible":
                onset = item.balance.dead_letters.first_seen
            elif metric not in known:
                onset, surprise = _moved(item.flow, metric, first)
            if onset is not None:
                # Where a function reports failed messages one by one, no run counts as an error.
                name = "failed" if metric == "errors" and item.flow.by_message else metric
                rows.append({**_onset_row(item.flow, name, pd.Timestamp(onset)), "surprise": surprise})
    frame = pd.DataFrame(rows, columns=list(ONSET_COLUMNS))
    frame = frame.astype(
        dict.fromkeys(("onset", "onset_earliest"), "datetime64[us, UTC]")
        | dict.fromkeys(("baseline", "value", "effect", "surprise", "uncertainty_s"), "Float64")
    )
    return frame.sort_values(["onset", "queue"], kind="stable").reset_index(drop=True)


def _moved(flow: Flow, metric: str, first: datetime) -> tuple[Any, float | None]:
    """Return when a metric moved, about or after the first trouble, and how surprising its hour was."""
    series = flow.frame[metric]
    leaves = _leaves_usual(series, first, flow.period_s)
    step = max(RANKED_PERIOD_S, flow.period_s)
    groups = series.resample(f"{step}s")
    coarse = groups.sum(min_count=1) if metric in COUNTS else groups.max()
    around = [
        onset for onset in metric_onsets(coarse) if onset.time >= first - timedelta(hours=1, seconds=step)
    ]
    if not around:
        return leaves, None
    hour = around[0].time - timedelta(hours=1)
    if leaves is not None and leaves >= hour:
        return leaves, around[0].surprise
    return max(hour, first - timedelta(hours=1)), around[0].surprise


def _leaves_usual(series: pd.Series, first: datetime, period_s: int) -> Any:
    """Return the first moment, an hour before the trouble at the earliest, beyond the usual range."""
    before = series[series.index < first - timedelta(seconds=period_s)].dropna()
    after = series[series.index >= first - timedelta(hours=1)].dropna()
    if after.empty:
        return None
    limit = 1.1 * float(before.quantile(0.998)) + 1e-9 if len(before) else 0.0
    least = 0.9 * float(before.quantile(0.002)) if len(before) else 0.0
    beyond = ((after > limit) | (after < least)).to_numpy()
    for i, hit in enumerate(beyond):
        if hit and beyond[i : i + 10].sum() >= 2:
            return after.index[i]
    return None


def _onset_row(flow: Flow, metric: str, onset: Any) -> dict[str, Any]:
    series = flow.frame[metric]
    before = series[series.index < onset].dropna()
    after = series[(series.index >= onset) & (series.index < onset + timedelta(hours=1))].dropna()
    baseline = float(before.median()) if len(before) else None
    value = float(after.max()) if len(after) else None
    return {
        "queue": flow.queue,
        "function": flow.function,
        "metric": metric,
        "onset": onset,
        "onset_earliest": before.index[-1] + timedelta(seconds=flow.period_s) if len(before) else None,
        "uncertainty_s": float(flow.period_s),
        "direction": "down" if value is not None and baseline is not None and value < baseline else "up",
        "baseline": baseline,
        "value": value,
        "effect": exceeds(before, after),
    }
