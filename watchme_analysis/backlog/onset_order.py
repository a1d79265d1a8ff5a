"""The order in which the metrics of the affected pipelines changed, and the change of their host's load."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.queues.anomalies import analyse_queues
from watchme_analysis.queues.baseline import COMPARED
from watchme_analysis.queues.pipeline import COUNTS, Pipeline, Tables
from watchme_analysis.stats.comparison import probability_larger
from watchme_analysis.stats.metric_onsets import metric_onsets

if TYPE_CHECKING:
    import pandas as pd

# Fewest points for the usual load, factor above its maximum that counts as unusual, and consecutive missing
# points that count as an interruption, because single points get lost.
FEWEST, BEYOND, SILENT = 24, 1.25, 2


def host_moved(frame: pd.DataFrame, good: datetime, shown: datetime) -> tuple[datetime, datetime] | None:
    """Return the bounds of the time at which the host changed between a good and a failed invocation.

    They lie between ``good``, the last good invocation, and ``shown``, the first symptom. From then on until
    ``shown``, the host's load (``cpu_pct``, which may have a longer period than other columns) exceeded all
    earlier values, or no point was published. None if the load was as usual, or without enough data.
    """
    cpu = frame["cpu_pct"].dropna()
    if len(cpu) <= FEWEST:
        return None
    own = timedelta(seconds=float(cpu.index.to_series().diff().median().total_seconds()))
    # The point of the good invocation's interval also covers the time after it, so it is excluded.
    before = cpu[cpu.index <= good - own]
    if len(before) < FEWEST:
        return None
    step = frame.index[1] - frame.index[0]
    until = cpu[(cpu.index > before.index[-1]) & (cpu.index < shown)]
    last = (until.index[-1] if len(until) else before.index[-1]).to_pydatetime()
    if shown - last > (SILENT + 1) * own:
        # The last point covers samples up to its end, after which none was published.
        bounds = last, last + own + step
    else:
        over = (until > BEYOND * float(before.max())).to_numpy()
        lasting = len(over) - int((~over)[::-1].argmax()) if not over.all() else 0
        if lasting == len(over):
            return None
        first = until.index[lasting].to_pydatetime()
        # A change at the end of an interval hardly affects its mean.
        bounds = first - own, first + own
    return max(good, bounds[0]), max(good, min(shown, bounds[1]))


# Period in seconds that is fine enough to rank hours, and five times faster than a minute.
RANKED_PERIOD_S = 300
# Metrics that follow from others in the list and would repeat them.
REPEATING = ("received", "deleted", "invocations")

ONSET_COLUMNS = (
    "queue", "function", "metric", "onset", "onset_earliest", "uncertainty_s", "direction", "baseline",
    "value", "effect", "surprise",
)  # fmt: skip


def onset_order(tables: Tables) -> pd.DataFrame:
    """Return the time at which each metric of the affected queues left its usual range, earliest first.

    Arrivals, failures and throttles are dated by their scans. Any other metric is dated within the first hour
    that resembles no hour of the days before (:mod:`watchme_analysis.stats.metric_onsets`; ``surprise``), at
    the first point beyond all but two in a thousand of the points before the trouble. With less than a day of
    history, the first such point alone is used.

    Columns: ``queue``, ``function``, ``metric``, ``onset``, ``onset_earliest`` (end of the last normal
    interval with data), ``uncertainty_s`` (length of an interval), ``direction`` (``up``, ``down``),
    ``baseline``, ``value``, ``effect``, ``surprise`` (null where another analysis dates the metric or the
    history is too short).
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for item in (queue for queue in analyse_queues(tables) if queue.harms):
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
                onset, surprise = _moved(item.pipeline, metric, first)
            if onset is not None:
                # With partial batch responses, Errors stays at zero, so failed receives are counted.
                name = "failed" if metric == "errors" and item.pipeline.by_message else metric
                rows.append({**_onset_row(item.pipeline, name, pd.Timestamp(onset)), "surprise": surprise})
    frame = pd.DataFrame(rows, columns=list(ONSET_COLUMNS))
    frame = frame.astype(
        dict.fromkeys(("onset", "onset_earliest"), "datetime64[us, UTC]")
        | dict.fromkeys(("baseline", "value", "effect", "surprise", "uncertainty_s"), "Float64")
    )
    return frame.sort_values(["onset", "queue"], kind="stable").reset_index(drop=True)


def _moved(pipeline: Pipeline, metric: str, first: datetime) -> tuple[Any, float | None]:
    """Return the onset of a metric near or after the first trouble, and the surprise of its hour."""
    series = pipeline.frame[metric]
    leaves = _leaves_usual(series, first, pipeline.period_s)
    step = max(RANKED_PERIOD_S, pipeline.period_s)
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
    """Return the first time beyond the usual range, at the earliest an hour before the trouble."""
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


def _onset_row(pipeline: Pipeline, metric: str, onset: Any) -> dict[str, Any]:
    series = pipeline.frame[metric]
    before = series[series.index < onset].dropna()
    after = series[(series.index >= onset) & (series.index < onset + timedelta(hours=1))].dropna()
    baseline = float(before.median()) if len(before) else None
    value = float(after.max()) if len(after) else None
    return {
        "queue": pipeline.queue,
        "function": pipeline.function,
        "metric": metric,
        "onset": onset,
        "onset_earliest": before.index[-1] + timedelta(seconds=pipeline.period_s) if len(before) else None,
        "uncertainty_s": float(pipeline.period_s),
        "direction": "down" if value is not None and baseline is not None and value < baseline else "up",
        "baseline": baseline,
        "value": value,
        "effect": probability_larger(before, after),
    }
