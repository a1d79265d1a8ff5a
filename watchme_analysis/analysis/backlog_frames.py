"""Frames that the backlog figures and tables are drawn from.

Every function takes something with ``table(name)`` (a case or an investigation), reads nothing else and
returns a tidy frame. Times are UTC and name the start of an interval; missing values stay null.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd


class Tables(Protocol):
    """Anything that hands out the glossary's tables by name."""

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of the glossary."""
        ...


def timeline(tables: Tables, queue: str | None = None) -> pd.DataFrame:
    """Return every backlog metric in one long frame, for panels that share a time axis.

    Parameters
    ----------
    tables
        Case or investigation.
    queue
        Only this queue, its function and its dead-letter queue; all of them when None.

    Returns
    -------
    pandas.DataFrame
        ``time`` (start of the interval), ``panel`` (``arrivals``, ``backlog``, ``age``, ``consumer``,
        ``duration``, ``dead letters``, ``host``), ``series`` (``sent``, ``received``, ``deleted``,
        ``visible``, ``in_flight``, ``age_s``, ``invocations``, ``errors``, ``throttles``,
        ``concurrency``, ``duration_avg_s``, ``duration_max_s``, ``dlq_visible``, ``cpu_pct``),
        ``resource``, ``value``, ``period_s``. Points that CloudWatch did not return have no row.
    """
    raise NotImplementedError


def balance(tables: Tables, interval_s: float | None = None) -> pd.DataFrame:
    """Return where the messages of every queue went; see ``queue_balance.queue_balance``.

    Returns
    -------
    pandas.DataFrame
        One row a queue (and interval, when ``interval_s`` is given): ``queue``, ``start``, ``end``,
        ``sent``, ``stock_before``, ``received``, ``deleted``, ``visible``, ``in_flight``,
        ``dead_lettered``, ``expired``, ``purged``, ``duplicate_deletes``, ``unexplained``, ``reasons``
        (text), ``retry_amplification`` (receives a message).
    """
    raise NotImplementedError


def baseline_comparison(
    tables: Tables, start: datetime | None = None, end: datetime | None = None
) -> pd.DataFrame:
    """Compare the incident with the time before it, metric by metric.

    Returns
    -------
    pandas.DataFrame
        ``resource``, ``metric``, ``unit``, ``baseline_points``, ``incident_points``,
        ``baseline_median``, ``incident_median``, ``baseline_p90``, ``incident_p90``, ``ratio``,
        ``effect`` (probability that a point of the incident exceeds one of the baseline, 0 to 1),
        ``rank`` (share of the metric's own past windows of the same length whose median is nearer to
        the baseline's than the incident's is, 0 to 1; null with fewer than five such windows).
    """
    raise NotImplementedError


def drain_forecast(tables: Tables) -> pd.DataFrame:
    """Forecast when each standing backlog will have drained.

    Returns
    -------
    pandas.DataFrame
        ``queue``, ``at``, ``backlog``, ``arrivals_per_min``, ``capacity_per_min``, ``drained_at``,
        ``drained_at_low``, ``drained_at_high`` (80 % interval; null when it never drains at that rate),
        ``head_of_line_delay_s`` (wait of a message sent now), ``note``.
    """
    raise NotImplementedError


def dead_letters_by(tables: Tables, key: str = "device_id") -> pd.DataFrame:
    """Count dead letters by ``device_id``, ``error``, ``receive_count``, ``age_hours`` or ``queue``.

    Returns
    -------
    pandas.DataFrame
        ``queue``, the key, ``messages``, ``share``, ``first_sent``, ``last_sent``; most first.
    """
    raise NotImplementedError


def work_items(tables: Tables) -> pd.DataFrame:
    """Return the work named by dead letters and by messages seen waiting.

    Returns
    -------
    pandas.DataFrame
        ``queue``, ``state`` (``dead_lettered``, ``waiting``), ``message_id``, ``device_id``,
        ``recorded_at`` (text as sent), ``local_date``, ``sent_at``, ``receive_count``, ``processed``
        (true when the evidence shows that a run succeeded, null when it can't tell), ``recoverable``,
        ``expires_at``, ``body``.
    """
    raise NotImplementedError


def changes_near(tables: Tables, start: datetime | None = None) -> pd.DataFrame:
    """Return the recorded changes with their distance from the incident's start.

    Returns
    -------
    pandas.DataFrame
        ``time``, ``event_name``, ``user``, ``resource``, ``what`` (in words), ``queues``
        (affected through the topology, text), ``minutes_before_start`` (negative after it),
        ``could_cause`` (causes that such a change can bring about, text), ``named`` (the change that
        the diagnosis names).
    """
    raise NotImplementedError


def onset_order(tables: Tables) -> pd.DataFrame:
    """Return the order in which the metrics of the affected queues moved.

    Returns
    -------
    pandas.DataFrame
        ``queue``, ``function``, ``metric``, ``onset``, ``onset_earliest`` (end of the last normal
        interval with data), ``direction`` (``up``, ``down``), ``baseline``, ``value``, ``effect``;
        earliest first.
    """
    raise NotImplementedError
