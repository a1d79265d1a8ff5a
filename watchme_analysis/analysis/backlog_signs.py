"""What each flow shows: failures, run times, surges, throttles, redeliveries, starvation, backlog."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.analysis.backlog_episodes import Episode, backlog_episodes
from watchme_analysis.analysis.error_kinds import LoggedErrors, logged_errors
from watchme_analysis.analysis.flows import Flow, Tables
from watchme_analysis.analysis.leak import Ramp, run_time_ramp
from watchme_analysis.analysis.queue_balance import Balance, queue_balance
from watchme_analysis.analysis.scan import (
    Elevation,
    count_elevation,
    expected_arrivals,
    rate_elevation,
)

if TYPE_CHECKING:
    import pandas as pd

# Beyond these a raised rate is more than the flicker of a healthy system (its scores stay under 10).
FAILURE_SCORE, FAILURE_SCORE_WITH_DEAD, FAILURE_EVENTS, FAILING_THROUGHOUT = 15.0, 6.0, 5, 0.2
SURGE_SCORE, SURGE_RATIO, SURGE_EXCESS = 30.0, 2.0, 20.0
# Ages that people call a backlog; the team's own alarm stands at 600 s.
BACKLOG_AGE_S = 600.0
STARVED_MINUTES = 15.0
SLOW_RATIO, SLOW_SECONDS, SLOW_MINUTES = 3.0, 2.0, 30.0
AT_TIMEOUT = 0.97


@dataclass(frozen=True)
class Stretch:
    """A stretch of time and how many intervals or events it holds; ``open`` when it reaches the end."""

    start: datetime
    end: datetime
    count: float
    open: bool

    @property
    def minutes(self) -> float:
        """Length in minutes."""
        return (self.end - self.start).total_seconds() / 60.0


@dataclass(frozen=True)
class Signs:
    """What a flow shows; None where there is nothing of the kind or it can't be seen.

    Attributes
    ----------
    failures
        Interval in which runs failed more often than else.
    slow
        Interval in which runs took at least three times as long as usual.
    timed_out_share
        Share of the failures in intervals whose longest run reached the function's timeout.
    passed_share
        Share of runs that succeeded between first and last failure.
    errors
        Logged errors within the failures.
    run_before_s, run_during_s
        Median run time before the trouble and during it.
    surge, surge_daily
        Arrivals far beyond their rhythm; whether they come back every day.
    throttles
        Stretch with throttled invocations, ``count`` of them.
    surplus
        Receives beyond what was sent and what failed: messages seen again though nothing failed.
    starved
        Longest stretch in which messages waited and none was received.
    ramp
        Creeping run time.
    devices
        Dead letters by device.
    first_sent_by_main_device
        When the device with most dead letters sent the first of them.
    """

    flow: Flow
    balance: Balance
    failures: Elevation | None
    slow: Elevation | None
    timed_out_share: float | None
    passed_share: float | None
    errors: LoggedErrors
    run_before_s: float | None
    run_during_s: float | None
    surge: Elevation | None
    surge_daily: bool
    throttles: Stretch | None
    surplus: Elevation | None
    starved: Stretch | None
    ramp: Ramp | None
    episodes: tuple[Episode, ...]
    devices: Counter[str] = field(default_factory=Counter)
    first_sent_by_main_device: datetime | None = None

    @property
    def worst(self) -> Episode | None:
        """The worst backlog: old messages, not a daily peak, more than a retry or two."""
        bad = [
            item for item in self.episodes if not item.daily and (item.waiting_age_s or 0.0) >= BACKLOG_AGE_S
        ]
        return max(bad, key=lambda item: item.peak * item.seconds, default=None)

    @property
    def throttled_share(self) -> float:
        """Throttled deliveries among all attempts to invoke."""
        invoked, throttled = self.flow.count("invocations"), self.flow.count("throttles")
        return (throttled or 0.0) / max((invoked or 0.0) + (throttled or 0.0), 1.0)

    @property
    def dead_lettered(self) -> int:
        """Messages moved to the dead-letter queue, 0 when unknown."""
        return self.balance.dead_lettered or 0

    @property
    def harms(self) -> tuple[str, ...]:
        """What went wrong for messages here: empty for a healthy flow."""
        found = []
        if self.dead_lettered >= 3:
            found.append("dead_letters")
        if self.failures is not None:
            found.append("failures")
        if self.slow is not None:
            found.append("slow")
        if self.worst is not None:
            found.append("backlog")
        if self.starved is not None:
            found.append("starved")
        if self.throttles is not None and self.throttled_share >= 0.02 and self.throttles.count >= 20:
            found.append("throttles")
        if self.surplus is not None:
            found.append("redelivery")
        if self.creeping is not None:
            found.append("creeping")
        if self.balance.lost:
            found.append("lost")
        return tuple(found)

    @property
    def never_failed(self) -> bool:
        """Tell whether all receives became runs and runs succeeded, so that dead letters were processed."""
        received, invoked = self.flow.count("received"), self.flow.count("invocations")
        failed, throttled = self.flow.count("errors"), self.flow.count("throttles")
        if received is None or invoked is None or failed is None or throttled is None:
            return False
        return failed + throttled <= 0.2 * self.dead_lettered and invoked >= 0.98 * received

    @property
    def creeping(self) -> Ramp | None:
        """The ramp when it is a creep: hours long, not a step, and more than doubled."""
        ramp = self.ramp
        if ramp is None or ramp.hours < 12 or ramp.growth < 2.0:
            return None
        return ramp if ramp.steepest_share <= 0.5 and ramp.correlation >= 0.8 else None

    def first_trouble(self) -> datetime | None:
        """Return the start of the earliest trouble of this flow."""
        starts = [
            item.start
            for item in (self.failures, self.slow, self.surplus, self.throttles, self.starved, self.worst)
            if item is not None
        ]
        return min((_plain(start) for start in starts), default=None)


def _plain(moment: Any) -> datetime:
    return moment.to_pydatetime() if hasattr(moment, "to_pydatetime") else moment  # type: ignore[no-any-return]


def read_signs(flow: Flow, tables: Tables) -> Signs:
    """Return what a flow shows."""
    frame = flow.frame
    balance = queue_balance(flow, tables)
    failures = _failures(flow, balance.dead_lettered or 0)
    throttles = _throttles(flow)
    surge, daily = _surge(flow)
    before, during = _run_times(flow, failures)
    messages = tables.table("queue_messages")
    dead = messages[
        (messages["queue"] == flow.dlq) & (messages["source_queue"].fillna(flow.queue) == flow.queue)
    ]
    devices = Counter(dead["device_id"].dropna().tolist())
    inside = (
        None if failures is None else frame[(frame.index >= failures.start) & (frame.index < failures.end)]
    )
    slack = timedelta(seconds=flow.period_s)
    return Signs(
        flow=flow,
        balance=balance,
        failures=failures,
        slow=_slow(flow),
        timed_out_share=_timed_out(inside, flow.settings.function_timeout_s),
        passed_share=None
        if inside is None or not inside["invocations"].sum()
        else float(1.0 - inside["errors"].sum() / inside["invocations"].sum()),
        errors=logged_errors(
            tables.table("log_events"),
            tables.table("log_queries"),
            flow.function,
            None if failures is None else failures.start - slack,
            None if failures is None else failures.end + slack,
        ),
        run_before_s=before,
        run_during_s=during,
        surge=surge,
        surge_daily=daily,
        throttles=throttles,
        surplus=_surplus(flow),
        starved=_starved(flow),
        ramp=run_time_ramp(flow),
        episodes=backlog_episodes(flow),
        devices=devices,
        first_sent_by_main_device=_first_sent(dead, devices),
    )


def _first_sent(dead: pd.DataFrame, devices: Counter[str]) -> datetime | None:
    """Return when the device with most dead letters sent the first of them."""
    if not devices:
        return None
    sent = dead.loc[dead["device_id"] == devices.most_common(1)[0][0], "sent_at"].dropna()
    return sent.min().to_pydatetime() if len(sent) else None


def _failures(flow: Flow, dead_lettered: int) -> Elevation | None:
    """Return the raised failures, stretched over the failing runs that follow closely.

    Where the window holds no better time to compare with, a fifth of all runs failing is enough; and where
    messages died, so is a weaker rise.
    """
    frame = flow.frame
    found = rate_elevation(frame["errors"], frame["invocations"], flow.period_s)
    enough = FAILURE_SCORE_WITH_DEAD if dead_lettered >= 3 else FAILURE_SCORE
    if found is None:
        return None
    step = timedelta(seconds=flow.period_s)
    throughout = found.outside_rate > 0 and found.rate < 2.0 * found.outside_rate
    if found.score < enough or found.observed < FAILURE_EVENTS or throughout:
        errors, runs = frame["errors"].sum(), frame["invocations"].sum()
        if errors < FAILURE_EVENTS or (errors < FAILING_THROUGHOUT * runs and not found.score >= enough):
            return None
        hit = frame.index[frame["errors"].fillna(0.0) > 0]
        within = frame["invocations"][hit[0] : hit[-1]].sum()
        found = Elevation(hit[0], hit[-1] + step, float(errors), float(within), 0.0, FAILURE_SCORE)
    failing = frame.index[frame["errors"].fillna(0.0) > 0]
    end = found.end
    for moment in failing[failing >= found.end]:
        if moment - end > 3 * step:
            break
        end = moment + step
    return replace(found, end=end)


def _slow(flow: Flow) -> Elevation | None:
    """Return the interval in which runs took at least three times, and two seconds longer than, usual."""
    runs = flow.frame[["duration_avg_s", "invocations"]].dropna()
    usual = _weighted_median(runs)
    if usual is None:
        return None
    lasting = flow.frame["duration_avg_s"] >= max(SLOW_RATIO * usual, usual + SLOW_SECONDS)
    found = rate_elevation(
        flow.frame["invocations"].where(lasting, 0.0), flow.frame["invocations"], flow.period_s
    )
    if found is None or found.score < FAILURE_SCORE or found.minutes < SLOW_MINUTES or found.rate < 0.5:
        return None
    return (
        found
        if int(lasting[(lasting.index >= found.start) & (lasting.index < found.end)].sum()) >= 3
        else None
    )


def _timed_out(inside: pd.DataFrame | None, timeout_s: float | None) -> float | None:
    """Return the share of failures in intervals whose longest run reached the timeout."""
    if inside is None or timeout_s is None or not inside["errors"].sum():
        return None
    if inside["duration_max_s"].isna().all():
        return None
    at_limit = inside["duration_max_s"] >= AT_TIMEOUT * timeout_s
    return float(inside.loc[at_limit, "errors"].sum() / inside["errors"].sum())


def _run_times(flow: Flow, failures: Elevation | None) -> tuple[float | None, float | None]:
    """Return the median run time before and during the failures, weighted by runs."""
    runs = flow.frame[["duration_avg_s", "invocations"]].dropna()
    if failures is None:
        return _weighted_median(runs), None
    during = runs[(runs.index >= failures.start) & (runs.index < failures.end)]
    return _weighted_median(runs[runs.index < failures.start]), _weighted_median(during)


def _weighted_median(runs: pd.DataFrame) -> float | None:
    if runs.empty or not runs["invocations"].sum():
        return None
    ordered = runs.sort_values("duration_avg_s")
    half = ordered["invocations"].cumsum() >= ordered["invocations"].sum() / 2
    return float(ordered.loc[half, "duration_avg_s"].iloc[0])


def _surge(flow: Flow) -> tuple[Elevation | None, bool]:
    """Return arrivals far beyond their rhythm, and whether another day has the like at the same time.

    Invocations stand in where the arrivals were not collected.
    """
    counts = flow.frame["sent" if "sent" in flow.asked else "invocations"].fillna(0.0)
    expected = expected_arrivals(counts, flow.period_s)
    found = count_elevation(counts, expected, flow.period_s)
    if found is None or found.score < SURGE_SCORE or found.rate < SURGE_RATIO:
        return None, False
    if found.observed - found.base < SURGE_EXCESS:
        return None, False
    found = _whole_surge(found, counts, expected, flow.period_s)
    day, length = timedelta(days=1), found.end - found.start
    daily = length > day
    for days in range(-6, 7):
        start = found.start + days * day
        if days and counts.index[0] <= start and start + length <= counts.index[-1]:
            same = counts[(counts.index >= start - timedelta(minutes=20)) & (counts.index < start + length)]
            daily = daily or float(same.sum()) >= 0.5 * found.observed
    return found, daily


def _whole_surge(found: Elevation, counts: pd.Series, expected: pd.Series, period_s: int) -> Elevation:
    """Return the surge with the raised intervals that touch it: the scan leaves out the busiest minutes."""
    step = timedelta(seconds=period_s)
    raised = counts > 2.0 * expected + 1.0
    start, end = found.start, found.end
    while raised.get(start - step, False):
        start -= step
    while raised.get(end, False):
        end += step
    return replace(found, start=start, end=end)


def _throttles(flow: Flow) -> Stretch | None:
    throttled = flow.frame["throttles"].fillna(0.0)
    hit = throttled.index[throttled > 0]
    if not len(hit):
        return None
    step = timedelta(seconds=flow.period_s)
    # Runs go on and off with the arrivals: still throttled when the last runs of the window were.
    runs = flow.frame.index[flow.frame["invocations"].fillna(0.0) > 0]
    quiet = int(((runs > hit[-1]) & (flow.frame["throttles"].reindex(runs).fillna(0.0) == 0)).sum())
    return Stretch(
        hit[0].to_pydatetime(), (hit[-1] + step).to_pydatetime(), float(throttled.sum()), quiet <= 3
    )


def _surplus(flow: Flow) -> Elevation | None:
    """Return the interval in which messages were received again though nothing failed or was throttled."""
    frame = flow.frame
    if "received" not in flow.asked or "invocations" not in flow.asked:
        return None
    if (flow.count("throttles") or 0.0) > 0.02 * (flow.count("invocations") or 0.0):
        return None
    good = (frame["received"].fillna(0.0) - frame["errors"].fillna(0.0)).clip(lower=0.0)
    # A message may be received an interval after it was sent, or after a failed try of its own.
    due = frame["sent"].fillna(0.0)
    lost_tries = max(0.0, (flow.count("received") or 0.0) - (flow.count("errors") or 0.0) - due.sum())
    if lost_tries < max(10.0, 0.03 * due.sum()):
        return None
    found = count_elevation(
        good.rolling(3, min_periods=1).sum() / 3,
        due.rolling(5, min_periods=1).sum() / 5 + 0.01,
        flow.period_s,
    )
    return found if found is not None and found.score >= 5.0 else None


def _starved(flow: Flow) -> Stretch | None:
    """Return the longest stretch in which messages were visible and none was received."""
    frame = flow.frame
    if not {"visible", "received"} <= flow.asked or frame.empty:
        return None
    idle = ((frame["visible"].fillna(0.0) > 0) & (frame["received"].fillna(0.0) == 0)).to_numpy()
    best, begin = (0, 0), None
    for i, value in enumerate([*idle, False]):
        if value and begin is None:
            begin = i
        elif not value and begin is not None:
            best = max(best, (i - begin, begin))
            begin = None
    length, first = best
    if length * flow.period_s / 60.0 < STARVED_MINUTES:
        return None
    step = timedelta(seconds=flow.period_s)
    start = frame.index[first].to_pydatetime()
    return Stretch(start, start + length * step, float(length), first + length >= len(frame) - 1)
