"""Forecast of the time until a backlog is drained, and of the wait of a new message behind it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.queues.pipeline import Pipeline
from watchme_analysis.text.message import message, sentences
from watchme_analysis.text.render import render

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "queue", "at", "backlog", "arrivals_per_min", "capacity_per_min", "drained_at", "drained_at_low",
    "drained_at_high", "head_of_line_delay_s", "note",
)  # fmt: skip
# Hours from which the arrivals are estimated, and busy intervals from which the capacity is estimated.
ARRIVAL_HOURS, BUSY_INTERVALS = 24, 60
# Arrivals above the usual in this interval are a surge that may continue. Many clients send each half hour.
LATELY = timedelta(minutes=30)


def drain_rows(pipelines: tuple[Pipeline, ...], language: str = "en") -> pd.DataFrame:
    """Return a forecast of the time at which each backlog at the end of the data will have drained.

    Capacity is the number of deletes per minute while messages waited. Arrivals are the median of the last
    day's hours, which a past surge does not change. The bounds combine the 10th and 90th percentile of the
    hourly arrivals with those of the capacity. A surge may continue, so the late bound uses the arrivals of
    the last half hour where these are higher.

    Columns: ``queue``, ``at``, ``backlog``, ``arrivals_per_min``, ``capacity_per_min``, ``drained_at``,
    ``drained_at_low``, ``drained_at_high`` (80 % interval; null when it does not drain at that rate),
    ``head_of_line_delay_s`` (wait of a message sent now), ``note`` (in a language).
    """
    import pandas as pd

    rows = [row for pipeline in pipelines if (row := _row(pipeline, language)) is not None]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    times = dict.fromkeys(("at", "drained_at", "drained_at_low", "drained_at_high"), "datetime64[us, UTC]")
    numbers = dict.fromkeys(
        ("backlog", "arrivals_per_min", "capacity_per_min", "head_of_line_delay_s"), "Float64"
    )
    return frame.astype(times | numbers)


def _row(pipeline: Pipeline, language: str) -> dict[str, Any] | None:
    frame = pipeline.frame
    if frame.empty:
        return None
    tail = frame[["visible", "in_flight"]].iloc[-3:].ffill().iloc[-1].fillna(0.0)
    backlog = float(tail.sum())
    if float(tail["visible"]) < 1 and backlog < 4:
        return None
    minutes = pipeline.period_s / 60.0
    at = frame.index[-1] + timedelta(seconds=pipeline.period_s)
    hourly = frame["sent"][frame.index >= at - timedelta(hours=ARRIVAL_HOURS)].resample("1h").sum() / 60.0
    busy = frame[(frame["visible"].fillna(0.0) > 0) & (frame["received"].fillna(0.0) > 0)]["deleted"]
    busy = busy.dropna().iloc[-BUSY_INTERVALS:] / minutes
    notes = []
    if busy.empty:
        # Without a consumer, the capacity is estimated from the busiest intervals of the window.
        busy = (frame["deleted"].dropna() / minutes).nlargest(10)
        notes.append(message("drain-busiest-intervals"))
    if pipeline.settings.mapping_state is not None and pipeline.settings.mapping_state.startswith("Disabl"):
        notes.insert(0, message("drain-mapping-off"))
    arrivals, capacity = float(hourly.median()), float(busy.mean()) if len(busy) else 0.0
    now = float(frame["sent"][frame.index >= at - LATELY].sum()) / (LATELY.total_seconds() / 60.0)
    low, high = float(hourly.quantile(0.1)), max(float(hourly.quantile(0.9)), now)
    slow, fast = (float(busy.quantile(a)) if len(busy) else 0.0 for a in (0.1, 0.9))
    return {
        "queue": pipeline.queue,
        "at": at,
        "backlog": backlog,
        "arrivals_per_min": arrivals,
        "capacity_per_min": capacity,
        "drained_at": _drained(at, backlog, arrivals, capacity),
        "drained_at_low": _drained(at, backlog, low, fast),
        "drained_at_high": _drained(at, backlog, high, slow),
        "head_of_line_delay_s": 60.0 * backlog / capacity if capacity > 0 else None,
        "note": render(sentences(*notes), language),
    }


def _drained(at: Any, backlog: float, arrivals: float, capacity: float) -> Any:
    """Return the time at which the queue will be empty; None if arrivals exceed the capacity."""
    if capacity <= arrivals:
        return None
    return at + timedelta(minutes=backlog / (capacity - arrivals))
