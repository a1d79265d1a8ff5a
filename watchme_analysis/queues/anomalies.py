"""The anomalies of each queue: failures, slow invocations, surges, throttles, redelivery, backlog.

Entry point: :func:`analyse_queues`, computed once per case.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from watchme_analysis.queues.accounting import Balance, queue_balance
from watchme_analysis.queues.consumers import logged_by
from watchme_analysis.queues.dlq_stock import from_before
from watchme_analysis.queues.error_kinds import LoggedErrors, TimeoutLogs, logged_errors, read_timeout_logs
from watchme_analysis.queues.latency_drift import LatencyDrift, find_latency_drift
from watchme_analysis.queues.pipeline import Pipeline, Tables, once_per_case, pipelines
from watchme_analysis.queues.pipeline_anomalies import (
    clustering,
    find_failures,
    find_slow_invocations,
    find_surge,
    find_throttles,
    find_unpolled,
    run_times,
    timed_out_share,
)
from watchme_analysis.queues.redelivery import (
    UnmatchedReceives,
    find_hidden_messages,
    find_redelivery,
    unmatched_receives,
)
from watchme_analysis.queues.standing import (
    BACKLOG_AGE_S,
    StandingInterval,
    on_other_days,
    standing_intervals,
)
from watchme_analysis.stats.intervals import Interval, within

if TYPE_CHECKING:
    import pandas as pd

# So many messages in the DLQ are an incident by themselves: a common alarm threshold, or this
# share of the messages.
MANY_DEAD, DEAD_SHARE, FEWEST_DEAD = 10, 0.03, 3
# From so many DLQ messages on, a single work item can be made out as the source of most of them.
LEAST_PILED = 5
CLEAR_MAJORITY = 2 / 3
# Throttles from which on they count, by choice: fewer do where most attempts to invoke were throttled.
_FEWEST_THROTTLES, _FEWEST_OF_MOSTLY, _MOSTLY = 20, 6, 0.5
# Receives beyond the messages sent, as a share, from which on throttled deliveries return in numbers.
RETURNING = 0.02


@dataclass(frozen=True)
class QueueAnalysis:
    """Anomalies of one pipeline; None where none was detected or the data does not show it.

    Attributes
    ----------
    failures
        Interval in which invocations failed more often than otherwise.
    slow
        Interval in which invocations took at least three times as long as usual.
    timed_out_share
        Share of the failures in intervals whose longest duration reached the function's timeout.
    passed_share
        Share of invocations that succeeded between first and last failure.
    errors
        Logged errors within the failures; those of a consumer that is no function, since its trouble began if
        that is known.
    timeout_logs
        Last log lines of the invocations that timed out.
    run_before_s, run_during_s
        Median duration in seconds before the trouble and during it.
    surge, surge_daily
        Arrivals far above their usual rhythm; whether the surge recurs every day.
    throttles
        Interval with throttled invocations; ``count`` is their number.
    redelivery
        Interval in which messages were received again although no invocation failed.
    unpolled
        Longest interval in which messages waited and none was received.
    drift
        Latency drift: rise of the duration over the window.
    hidden
        Interval in which messages stayed in flight for hours without an invocation.
    unmatched_receives
        Receives without an invocation.
    errors_from
        Time from which the errors of a consumer that is no function count; None for a function.
    by_item
        DLQ messages by what their work is about, such as a device or an order.
    main_item_first_sent
        Time at which the first DLQ message of the item with most of them was sent.
    """

    pipeline: Pipeline
    balance: Balance
    failures: Interval | None
    slow: Interval | None
    timed_out_share: float | None
    passed_share: float | None
    errors: LoggedErrors
    run_before_s: float | None
    run_during_s: float | None
    surge: Interval | None
    surge_daily: bool
    throttles: Interval | None
    redelivery: Interval | None
    unpolled: Interval | None
    drift: LatencyDrift | None
    episodes: tuple[StandingInterval, ...]
    by_item: Counter[str] = field(default_factory=Counter)
    main_item_first_sent: datetime | None = None
    timeout_logs: TimeoutLogs = field(default_factory=TimeoutLogs)
    unmatched_receives: UnmatchedReceives | None = None
    hidden: Interval | None = None
    errors_from: datetime | None = None

    @property
    def failing_logged(self) -> tuple[datetime | None, datetime | None]:
        """Times between which logged errors belong to the failures; (None, None) without failures."""
        if self.errors_from is not None:
            return self.errors_from, None
        return _logged_within(self.pipeline, self.failures)

    @property
    def failing_days(self) -> tuple[tuple[datetime, datetime], ...]:
        """Intervals with failures, oldest first; several where they recur at the same time on other days."""
        if self.failures is None:
            return ()
        own = (self.failures.start, self.failures.end)
        return tuple(sorted((own, *on_other_days(self.pipeline.frame["failed"], *own, alike=True))))

    @property
    def worst(self) -> StandingInterval | None:
        """The worst backlog."""
        return max(self.backlogs, key=lambda item: item.peak * item.seconds, default=None)

    @property
    def backlogs(self) -> tuple[StandingInterval, ...]:
        """Backlogs: old messages, not a daily peak, more than a retry or two."""
        return tuple(
            item for item in self.episodes if not item.daily and (item.waiting_age_s or 0.0) >= BACKLOG_AGE_S
        )

    @property
    def late(self) -> int:
        """Number of messages that were late: deleted while a backlog stood, or still waiting in one."""
        frame, found = self.pipeline.frame, 0.0
        for item in self.backlogs:
            inside = within(frame, item.start, item.end)
            found += inside["deleted"].sum()
            if item.is_open and len(visible := inside["visible"].dropna()):
                found += visible.iloc[-1]
        return round(found)

    @property
    def throttled_share(self) -> float:
        """Share of throttled invocations among all attempts to invoke."""
        invoked, throttled = self.pipeline.count("invocations"), self.pipeline.count("throttles")
        return (throttled or 0.0) / max((invoked or 0.0) + (throttled or 0.0), 1.0)

    @property
    def throttled_always(self) -> bool:
        """Return whether deliveries were throttled both in the window's first tenth and in its last."""
        frame, throttles = self.pipeline.frame, self.throttles
        if throttles is None:
            return False
        edge = 0.1 * (frame.index[-1] - frame.index[0])
        return bool(throttles.start <= frame.index[0] + edge and throttles.end >= frame.index[-1] - edge)

    def _throttled_beyond_use(self, throttles: Interval) -> bool:
        """Return whether throttles are many, and not just those of a permanent limit without consequences.

        Throttled deliveries that are invoked within seconds do no harm. Others return to the queue, and each
        of them counts as a receive.
        """
        if self._died_without_failure:
            return True
        fewest = _FEWEST_THROTTLES if self.throttled_share <= _MOSTLY else _FEWEST_OF_MOSTLY
        if self.throttled_share < 0.02 or throttles.count < fewest:
            return False
        sent = self.pipeline.count("sent")
        back = sent is None or (self.pipeline.count("received") or 0.0) > (1.0 + RETURNING) * sent
        return not self.throttled_always or back or self.dead_lettered >= 3 or self.worst is not None

    @property
    def _died_without_failure(self) -> bool:
        """Return whether messages reached the DLQ although no attempt failed: throttled receives count."""
        settings, failed = self.pipeline.settings, self.pipeline.count("failed")
        return bool(self.dead_lettered) and settings.reports_failures is False and failed == 0

    @property
    def dead_lettered(self) -> int:
        """Number of messages moved to the DLQ; 0 when unknown."""
        return self.balance.dead_lettered or 0

    @property
    def may_have_run(self) -> str | None:
        """Why a message in the DLQ may have been processed although no evidence shows it; None if it was not.

        ``throttled``, ``redelivered``, ``timed_out`` (a caller that stops waiting does not stop the called
        service) or ``no_errors`` (the log does not say why attempts failed).
        """
        if self.throttles is not None:
            return "throttled"
        if self.redelivery is not None:
            return "redelivered"
        if self.errors.open_outcomes:
            return "timed_out"
        return None if self.errors.total else "no_errors"

    @property
    def only_sporadic(self) -> bool:
        """Return whether all DLQ messages are sporadic: single bad messages among messages that succeed."""
        return self.failures is None and are_sporadic(self.pipeline, self.dead_lettered, self.by_item)

    @property
    def clustering(self) -> float:
        """Clustering of the failures; see :func:`watchme_analysis.queues.pipeline_anomalies.clustering`."""
        return clustering(self.pipeline)

    @property
    def errors_counted(self) -> bool:
        """Return whether the metrics count failed attempts; if not, failures may be missing."""
        return "failed" in self.pipeline.queried

    @property
    def stalled(self) -> bool:
        """Return whether messages waited behind a disabled event source mapping at the time of collection."""
        off = (self.pipeline.settings.mapping_state or "").startswith("Disabl")
        return off and self.balance.visible > 0

    @property
    def harms(self) -> tuple[str, ...]:
        """Kinds of harm to messages; empty for a healthy pipeline."""
        found = []
        if self.dead_lettered >= FEWEST_DEAD and not self.only_sporadic:
            found.append("dead_letters")
        if self.failures is not None:
            found.append("failures")
        if self.slow is not None and not self.slow_harmless:
            found.append("slow")
        if self.worst is not None:
            found.append("backlog")
        if self.unpolled is not None or self.stalled:
            found.append("starved")
        if self.throttles is not None and self._throttled_beyond_use(self.throttles):
            found.append("throttles")
        if self.redelivery is not None:
            found.append("redelivery")
        if self.hidden is not None:
            found.append("hidden")
        if self.creeping is not None:
            found.append("creeping")
        if self.balance.lost:
            found.append("lost")
        if self.unmatched_receives is not None:
            found.append("taken_elsewhere")
        return tuple(found)

    @property
    def slow_harmless(self) -> bool:
        """Return whether invocations were slow for a while, but no message failed or waited because of it."""
        if self.slow is None or self.failures is not None or self.worst is not None:
            return False
        if not {"failed", "visible", "age_s"} <= self.pipeline.queried:
            return False
        frame = self.pipeline.frame
        inside = within(frame, self.slow.start, self.slow.end)
        stood = inside["visible"].fillna(0.0) > 0
        return not bool((stood & stood.shift(fill_value=False)).any())

    @property
    def limit_lowered(self) -> bool:
        """Return whether the function's timeout is shorter than its invocations took before they failed."""
        limit = self.pipeline.settings.function_timeout_s
        return limit is not None and limit < (self.run_before_s or 0.0)

    @property
    def creeping(self) -> LatencyDrift | None:
        """The drift if it is gradual: at least 12 hours long, not a step, and more than doubled."""
        ramp = self.drift
        if ramp is None or ramp.hours < 12 or ramp.growth < 2.0:
            return None
        return ramp if ramp.steepest_share <= 0.5 and ramp.correlation >= 0.8 else None

    @property
    def slow_before(self) -> bool:
        """Return whether slowness ended before the failures began: then it is not of their incident."""
        return bool(self.slow and self.failures and self.slow.end < self.failures.start)

    def first_trouble(self) -> datetime | None:
        """Return the start of the earliest trouble of this pipeline."""
        found = (
            self.failures,
            None if self.slow_before else self.slow,
            self.redelivery,
            self.unpolled,
            self.unmatched_receives,
            self.hidden,
        )
        starts = [item.start for item in found if item is not None]
        starts += [self.worst.grew_from] if self.worst is not None else []
        # Throttles of a permanent limit do not mark the start of a later incident.
        if self.throttles is not None and not (starts and self.throttled_always):
            starts.append(self.throttles.start)
        return min(starts, default=None)


def piled_on_one(by_item: Counter[str]) -> bool:
    """Return whether most DLQ messages belong to one item, far beyond its share."""
    total = sum(by_item.values())
    if total < LEAST_PILED:
        return False
    share = by_item.most_common(1)[0][1] / total
    # The number of items without DLQ messages is unknown: among few others, only a clear majority is far
    # beyond a share.
    return share >= CLEAR_MAJORITY or (share >= 0.4 and share >= 3.0 / len(by_item))


def are_sporadic(pipeline: Pipeline, dead_lettered: int, by_item: Counter[str]) -> bool:
    """Return whether DLQ messages are few enough to be single bad messages, and not of one item.

    The rule holds only for messages that failed. Messages moved to the DLQ without a failed invocation have
    another cause.
    """
    sent, failed = pipeline.count("sent") or 0.0, pipeline.count("failed") or 0.0
    few = FEWEST_DEAD <= dead_lettered <= MANY_DEAD and dead_lettered < DEAD_SHARE * sent
    each = pipeline.settings.max_receive_count or 1
    return few and failed >= dead_lettered * each and not piled_on_one(by_item)


def analyse_queue(pipeline: Pipeline, tables: Tables) -> QueueAnalysis:
    """Return the anomalies of a pipeline."""
    frame = pipeline.frame
    balance = queue_balance(pipeline, tables)
    messages = tables.table("queue_messages")
    dead = messages[
        (messages["queue"] == pipeline.dlq)
        & (messages["source_queue"].fillna(pipeline.queue) == pipeline.queue)
    ]
    dead = dead[~dead.index.isin(from_before(messages, pipeline, balance.dead_letters.held))]
    by_item = Counter(dead["work_item"].dropna().tolist())
    dead_lettered = balance.dead_lettered or 0
    failures = find_failures(pipeline, dead_lettered, are_sporadic(pipeline, dead_lettered, by_item))
    throttles = find_throttles(pipeline)
    surge, daily = find_surge(pipeline)
    episodes = standing_intervals(pipeline)
    errors = _errors_within(tables, pipeline, failures)
    before, during = run_times(pipeline, failures)
    inside = None if failures is None else within(frame, failures.start, failures.end)
    found = QueueAnalysis(
        pipeline=pipeline,
        balance=balance,
        failures=failures,
        slow=find_slow_invocations(pipeline),
        timed_out_share=timed_out_share(inside, pipeline.settings.function_timeout_s),
        passed_share=None
        if inside is None or "failed" not in pipeline.queried or not inside["tried"].sum()
        else float(1.0 - inside["failed"].sum() / inside["tried"].sum()),
        errors=errors,
        timeout_logs=read_timeout_logs(
            tables.table("log_events"), pipeline.function, *_logged_within(pipeline, failures)
        ),
        run_before_s=before,
        run_during_s=during,
        surge=surge,
        surge_daily=daily,
        throttles=throttles,
        redelivery=find_redelivery(pipeline),
        unpolled=find_unpolled(pipeline),
        drift=find_latency_drift(pipeline),
        episodes=episodes,
        by_item=by_item,
        main_item_first_sent=_first_sent(dead, by_item),
        unmatched_receives=unmatched_receives(pipeline, tables),
        hidden=find_hidden_messages(pipeline),
    )
    own = logged_by(tables, pipeline.consumer) if pipeline.consumer is not None else None
    if pipeline.consumer is None or own is None:
        return found
    trouble = found.first_trouble()
    # Lines without a time may be of any time.
    is_timed = trouble is not None and bool(own["time"].notna().any())
    start = trouble - timedelta(seconds=pipeline.period_s) if trouble is not None and is_timed else None
    own_errors = logged_errors(own, tables.table("log_queries"), pipeline.consumer.name, start)
    return replace(found, errors=own_errors, errors_from=start)


def _logged_within(pipeline: Pipeline, failures: Interval | None) -> tuple[datetime | None, datetime | None]:
    if failures is None:
        return None, None
    slack = timedelta(seconds=pipeline.period_s)
    return failures.start - slack, failures.end + slack


def _errors_within(tables: Tables, pipeline: Pipeline, failures: Interval | None) -> LoggedErrors:
    events, queries = tables.table("log_events"), tables.table("log_queries")
    return logged_errors(events, queries, pipeline.function, *_logged_within(pipeline, failures))


def _first_sent(dead: pd.DataFrame, by_item: Counter[str]) -> datetime | None:
    """Return the time at which the first DLQ message of the item with most of them was sent."""
    if not by_item:
        return None
    sent = dead.loc[dead["work_item"] == by_item.most_common(1)[0][0], "sent_at"].dropna()
    return sent.min().to_pydatetime() if len(sent) else None


@once_per_case
def analyse_queues(tables: Tables) -> tuple[QueueAnalysis, ...]:
    """Return the anomalies of every pipeline of a case."""
    return tuple(analyse_queue(pipeline, tables) for pipeline in pipelines(tables))
