"""Detectors of the anomalies of one pipeline: failures, slow invocations, surges, throttles."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from watchme_analysis.queues.pipeline import Pipeline
from watchme_analysis.queues.standing import DAY, LOST_POINTS, on_other_days
from watchme_analysis.stats.interval_scan import (
    count_elevation,
    expected_arrivals,
    rate_elevation,
)
from watchme_analysis.stats.intervals import Interval, runs_of_true, within

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


# Hours of a day, shortest lasting rise in hours, and hours before its start that do not count as usual.
DAY_H, LEAST_H, EARLIER_H = 24, 11, 6


def lasting_rise(counts: pd.Series) -> Interval | None:
    """Return the rise of arrivals that lasts to the end of the window; None where it can begin nowhere.

    The rolling baseline adopts a lasting rise within the hour, so it is compared with the same hours of the
    days before (``base``, at least one message). It begins at the hour with the greatest likelihood ratio of
    the later counts to that baseline. The caller decides if the rise is large enough to matter.
    """
    import numpy as np

    hourly = counts.fillna(0.0).resample("1h").sum()
    values, clock = hourly.to_numpy(), hourly.index.hour.to_numpy()
    best: tuple[float, int, float] | None = None
    for place in range(DAY_H, len(values) - LEAST_H + 1):
        usual = _by_clock(values[:place], clock[:place])
        expected = max(1.0, float(usual[clock[place:]].sum()))
        seen = float(values[place:].sum())
        score = seen * float(np.log(seen / expected)) - (seen - expected) if seen > expected else 0.0
        if best is None or score > best[0]:
            best = (score, place, expected)
    if best is None or best[0] <= 0.0 or not _stays(values[best[1] :]):
        return None
    score, place, expected = best
    seen = float(values[place:].sum())
    # The hours right before the start may belong to the rise, so they are excluded from the baseline.
    sure = max(1, place - EARLIER_H)
    usual = _by_clock(values[:sure], clock[:sure])
    start = _began(counts, hourly.index[place], usual, seen / expected)
    end = hourly.index[-1] + timedelta(hours=1)
    return Interval(
        start.to_pydatetime(),
        end.to_pydatetime(),
        "surge",
        count=float(counts[start:].sum()),
        base=expected,
        outside_rate=1.0,
        score=score,
    )


def rose_undated(counts: pd.Series, period_s: int) -> bool:
    """Return whether arrivals rose in a record too short for :func:`lasting_rise`.

    No day before shows whether that is usual at these hours. A rise within less than a fifth of the record
    shows against the rest, by :func:`expected_arrivals`.
    """
    values = counts.fillna(0.0).to_numpy()
    if len(values) < 2 or len(values) * period_s >= (DAY_H + LEAST_H) * 3600:
        return False
    import numpy as np

    first = np.arange(1, int(0.8 * len(values)) + 1)
    early = values.cumsum()[: len(first)]
    usual = early / first * (len(values) - first)
    later = values.sum() - early
    return bool(((later >= SURGE_RATIO * usual) & (later - usual >= SURGE_EXCESS)).any())


def _began(counts: pd.Series, hour: pd.Timestamp, usual: np.ndarray, times: float) -> pd.Timestamp:
    """Return the interval near an hour from which a multiple of the usual rate fits the arrivals best.

    Hours at night hold few arrivals, so some hours before the estimated start may belong to the rise.
    """
    import numpy as np

    near = counts[hour - timedelta(hours=EARLIER_H) : hour + timedelta(hours=2)].fillna(0.0)
    an_hour = len(near) / (EARLIER_H + 2.0)
    expected = usual[near.index.hour] / an_hour
    gain = near.to_numpy() * np.log(times) - expected * (times - 1.0)
    return near.index[int(np.argmax(np.cumsum(gain[::-1])[::-1]))]


def _by_clock(values: np.ndarray, clock: np.ndarray) -> np.ndarray:
    """Return the mean count of each hour of the day; for hours without data, the mean of all."""
    import numpy as np

    number = np.bincount(clock, minlength=DAY_H)
    total = np.bincount(clock, weights=values, minlength=DAY_H)
    return np.where(number > 0, total / np.maximum(number, 1), values.mean())


def _stays(after: np.ndarray) -> bool:
    """Return whether the mean of a rise's last day, or later half, is at least half of the mean before it."""
    last = min(len(after) - len(after) // 2, DAY_H)
    return bool(after[-last:].mean() >= 0.5 * after[:-last].mean())


# Above these scores a raised rate exceeds the noise of a healthy system (whose scores stay under 10).
FAILURE_SCORE, FAILURE_SCORE_WITH_DEAD, FAILURE_EVENTS, FAILING_THROUGHOUT = 15.0, 6.0, 5, 0.2
SURGE_SCORE, SURGE_RATIO, SURGE_EXCESS = 30.0, 2.0, 20.0
# Clustering scores that randomly distributed single bad messages exceed in one of ten sets, and in one of a
# thousand: three to ten messages in a window, each counted once.
BY_CHANCE, TOGETHER = 7.0, 12.0
# With fewer DLQ messages, retries are expected to absorb a failure rate below this share.
FEWEST_DEAD, RARE = 3, 0.05
UNPOLLED_MINUTES = 15.0
SLOW_RATIO, SLOW_SECONDS, SLOW_MINUTES = 3.0, 2.0, 30.0
AT_TIMEOUT = 0.97
# Fewest intervals without a failure for a baseline of the duration; with fewer, all intervals are used.
MIN_CLEAN = 5


def find_failures(pipeline: Pipeline, dead_lettered: int, are_sporadic: bool = False) -> Interval | None:
    """Return the interval of raised failures, extended over failing invocations that follow closely.

    Without a better part of the window to compare with, a failure rate of a fifth is enough. A weaker rise
    is enough where messages were moved to the DLQ. Sporadic DLQ messages, few and of several senders, count
    only if they are clustered, with all attempts of a message counted as one event.
    """
    frame = pipeline.frame
    found = rate_elevation(frame["failed"], frame["tried"], pipeline.period_s, "failures")
    if found is None:
        return None
    # Each message that reached the DLQ by failing failed at least once: fewer errors imply another cause.
    explains = float(frame["failed"].sum()) >= dead_lettered >= 3
    enough = FAILURE_SCORE_WITH_DEAD if explains else FAILURE_SCORE
    step = timedelta(seconds=pipeline.period_s)
    if _few_messages(pipeline, found, dead_lettered):
        return None
    if are_sporadic and found.score < TOGETHER * _tries_a_message(pipeline):
        return None
    throughout = found.outside_rate > 0 and found.rate < 2.0 * found.outside_rate
    # With a maxReceiveCount of 1 every failure moves a message to the DLQ, so DLQ messages add no evidence.
    once = pipeline.settings.max_receive_count == 1
    by_chance = once and found.score < FAILURE_SCORE and found.rate < RARE
    if found.score < enough or found.count < FAILURE_EVENTS or throughout or by_chance:
        failed, tried = frame["failed"].sum(), frame["tried"].sum()
        often = failed >= FAILING_THROUGHOUT * tried or (throughout and found.score >= enough)
        if failed < FAILURE_EVENTS or not often:
            return None
        hit = frame.index[frame["failed"].fillna(0.0) > 0].to_pydatetime()
        attempts = frame["tried"][hit[0] : hit[-1]].sum()
        found = Interval(
            hit[0],
            hit[-1] + step,
            "failures",
            count=float(failed),
            base=float(attempts),
            outside_rate=0.0,
            score=FAILURE_SCORE,
        )
    failing = frame.index[frame["failed"].fillna(0.0) > 0]
    end = found.end
    for moment in failing[failing >= found.end].to_pydatetime():
        if moment - end > 3 * step:
            break
        end = moment + step
    inside = within(frame, found.start, end)
    return replace(found, end=end, count=float(inside["failed"].sum()), base=float(inside["tried"].sum()))


def clustering(pipeline: Pipeline) -> float:
    """Return the score of the clustering of failed attempts, counting those of one message once."""
    found = rate_elevation(pipeline.frame["failed"], pipeline.frame["tried"], pipeline.period_s, "failures")
    return 0.0 if found is None else found.score / _tries_a_message(pipeline)


def _tries_a_message(pipeline: Pipeline) -> int:
    return pipeline.settings.max_receive_count or 1


def _few_messages(pipeline: Pipeline, found: Interval, dead_lettered: int) -> bool:
    """Return whether a rise comes from one or two bad messages, or is so rare that retries absorb it."""
    if dead_lettered >= FEWEST_DEAD:
        return False
    tries = dead_lettered * (pipeline.settings.max_receive_count or 0)
    return found.rate < RARE or (dead_lettered > 0 and found.count <= tries + FEWEST_DEAD)


def find_slow_invocations(pipeline: Pipeline) -> Interval | None:
    """Return the interval whose durations were at least three times, and two seconds above, the usual."""
    runs = pipeline.frame[["duration_avg_s", "invocations"]].dropna()
    # Invocations that fail at once, with several receives per message, would make the successful look slow.
    clean = runs[pipeline.frame.loc[runs.index, "failed"].fillna(0.0) == 0]
    clean = clean if len(clean) >= MIN_CLEAN else runs
    usual = _weighted_median(clean)
    if usual is None:
        return None
    # A slowdown up to the end may hold most invocations of the window; the first quarter shows the usual
    # duration.
    early = clean[
        clean.index < pipeline.frame.index[0] + (pipeline.frame.index[-1] - pipeline.frame.index[0]) / 4
    ]
    usual = min(usual, (len(early) >= MIN_CLEAN and _weighted_median(early)) or usual)
    # An invocation with many messages may take as many times as long without being slower per message.
    limit = (SLOW_RATIO * usual * messages_a_run(pipeline)).clip(lower=usual + SLOW_SECONDS)
    lasting = pipeline.frame["duration_avg_s"] >= limit
    found = rate_elevation(
        pipeline.frame["invocations"].where(lasting, 0.0),
        pipeline.frame["invocations"],
        pipeline.period_s,
        "slow_runs",
    )
    if found is None or found.score < FAILURE_SCORE or found.minutes < SLOW_MINUTES or found.rate < 0.5:
        return None
    return found if int(within(lasting, found.start, found.end).sum()) >= 3 else None


def messages_a_run(pipeline: Pipeline) -> pd.Series:
    """Return the messages per invocation by interval; 1 at least, and where it is unknown."""
    each = pipeline.frame["received"] / pipeline.frame["invocations"]
    return each.clip(1.0, pipeline.settings.batch_size).fillna(1.0)


def timed_out_share(inside: pd.DataFrame | None, timeout_s: float | None) -> float | None:
    """Return the share of failures in intervals whose longest duration reached the timeout (seconds)."""
    if inside is None or timeout_s is None or not inside["failed"].sum():
        return None
    if inside["duration_max_s"].isna().all() or inside["failed"].isna().all():
        return None
    at_limit = inside["duration_max_s"] >= AT_TIMEOUT * timeout_s
    return float(inside.loc[at_limit, "failed"].sum() / inside["failed"].sum())


def run_times(pipeline: Pipeline, failures: Interval | None) -> tuple[float | None, float | None]:
    """Return the median duration in seconds before and during the failures, weighted by invocations."""
    runs = pipeline.frame[["duration_avg_s", "invocations"]].dropna()
    if failures is None:
        return _weighted_median(runs), None
    during = within(runs, failures.start, failures.end)
    return _weighted_median(runs[runs.index < failures.start]), _weighted_median(during)


def _weighted_median(runs: pd.DataFrame) -> float | None:
    if runs.empty or not runs["invocations"].sum():
        return None
    seconds, counts = runs["duration_avg_s"].to_numpy(), runs["invocations"].to_numpy()
    order = seconds.argsort(kind="stable")
    half = (counts[order].cumsum() >= counts.sum() / 2).argmax()
    return float(seconds[order][half])


def find_surge(pipeline: Pipeline) -> tuple[Interval | None, bool]:
    """Return the interval of arrivals far above their rhythm, and whether it recurs on another day.

    Invocations are used where the arrivals were not collected.
    """
    counts = pipeline.frame["sent" if "sent" in pipeline.queried else "invocations"].fillna(0.0)
    expected = expected_arrivals(counts, pipeline.period_s)
    found = count_elevation(counts, expected, pipeline.period_s, "surge")
    if not _is_surge(found):
        risen = lasting_rise(counts) if "sent" in pipeline.queried else None
        return (risen if _is_surge(risen) else None), False
    assert found is not None
    found = _whole_surge(found, counts, expected, pipeline.period_s)
    return found, _is_rhythm_of_days(found, counts)


def _is_rhythm_of_days(found: Interval, counts: pd.Series) -> bool:
    """Return whether a surge is a rhythm of days: of their hours, or of weekdays and weekends.

    Other days have as much at its time of day. One that is longer than a day is compared with the same hours
    of the time without it, if that is longer: what lasts most of the time is usual.
    """
    if on_other_days(counts, found.start, found.end):
        return True
    if found.end - found.start <= DAY:
        return False
    hourly = counts.resample("1h").sum()
    inside = (hourly.index >= found.start) & (hourly.index < found.end)
    values, clock = hourly.to_numpy(), hourly.index.hour.to_numpy()
    if 2 * inside.sum() >= len(inside):
        return True
    usual = _by_clock(values[~inside], clock[~inside])[clock[inside]]
    return bool(values[inside].sum() < SURGE_RATIO * usual.sum())


def _is_surge(found: Interval | None) -> bool:
    """Return whether a rise exceeds the noise of a healthy system."""
    return (
        found is not None
        and found.score >= SURGE_SCORE
        and found.rate >= SURGE_RATIO
        and found.count - found.base >= SURGE_EXCESS
    )


def _whole_surge(found: Interval, counts: pd.Series, expected: pd.Series, period_s: int) -> Interval:
    """Return the surge with its most likely bounds, because the scan leaves out the edges.

    A surge either adds a constant number of messages to each interval or multiplies the arrivals. The model
    that fits the scanned interval better decides for each interval if it belongs to the surge.
    """
    import numpy as np

    first, last = counts.index.searchsorted(found.start), counts.index.searchsorted(found.end)
    usual = np.maximum(expected.to_numpy(), 1e-3)
    seen, n = counts.to_numpy(), max(1, last - first)
    more = max(found.count - found.base, 1.0) / n
    times = max(found.count / max(found.base, 1e-9), 1.01)
    added, multiplied = (
        seen * np.log1p(more / usual) - more,
        seen * np.log(times) - usual * (times - 1.0),
    )
    on = max(added, multiplied, key=lambda gain: gain[first:last].sum())
    middle = (first + last) // 2
    # The cumulative log likelihood ratio from the middle outwards is greatest at the surge's bounds.
    before, after = np.cumsum(on[: middle + 1][::-1]), np.cumsum(on[middle:])
    step = timedelta(seconds=period_s)
    return replace(
        found,
        start=counts.index[middle - int(np.argmax(before))].to_pydatetime(),
        end=counts.index[middle + int(np.argmax(after))].to_pydatetime() + step,
    )


def find_throttles(pipeline: Pipeline) -> Interval | None:
    """Return the interval from the first to the last throttle; ``count`` is the number of throttles."""
    throttled = pipeline.frame["throttles"].fillna(0.0)
    hit = throttled.index[throttled > 0]
    if not len(hit):
        return None
    step = timedelta(seconds=pipeline.period_s)
    # Invocations pause with the arrivals: throttling is open if the last invocations of the window were
    # throttled.
    runs = pipeline.frame.index[pipeline.frame["invocations"].fillna(0.0) > 0]
    quiet = int(((runs > hit[-1]) & (pipeline.frame["throttles"].reindex(runs).fillna(0.0) == 0)).sum())
    return Interval(
        hit[0].to_pydatetime(),
        (hit[-1] + step).to_pydatetime(),
        "throttles",
        count=float(throttled.sum()),
        is_open=quiet <= 3,
    )


def find_unpolled(pipeline: Pipeline) -> Interval | None:
    """Return the longest interval in which messages were visible and none was received."""
    frame = pipeline.frame
    if not {"visible", "received"} <= pipeline.queried or frame.empty:
        return None
    # A lost point does not mean that the queue was empty.
    waiting = frame["visible"].ffill(limit=LOST_POINTS).fillna(0.0) > 0
    idle = runs_of_true(waiting & (frame["received"].fillna(0.0) == 0))
    # Of equally long ones, the last.
    first, after = max(idle, key=lambda run: (run[1] - run[0], run[0]), default=(0, 0))
    length = after - first
    if length * pipeline.period_s / 60.0 < UNPOLLED_MINUTES:
        return None
    step = timedelta(seconds=pipeline.period_s)
    start = frame.index[first].to_pydatetime()
    return Interval(
        start,
        start + length * step,
        "unpolled",
        count=float(length),
        is_open=first + length >= len(frame) - 1,
    )
