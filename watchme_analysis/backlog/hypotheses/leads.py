"""Which trouble of a pipeline led to which: what comes first, and what explains what comes after it."""

from __future__ import annotations

from datetime import timedelta

from watchme_analysis.queues.anomalies import QueueAnalysis
from watchme_analysis.queues.pipeline_anomalies import MIN_CLEAN
from watchme_analysis.queues.retries import well_between

SURGE_LEAD_S = 3 * 3600.0


def lead_s(signs: QueueAnalysis) -> float | None:
    """Return the seconds by which a surge came before a pipeline's first trouble; None without either."""
    trouble, worst = signs.first_trouble(), signs.worst
    if signs.surge is None or signs.surge_daily or trouble is None:
        return None
    if worst is not None and worst.start >= signs.surge.start:
        # A queue that was never empty since the surge began is its work, however late it peaked.
        trouble = min(trouble, worst.start)
    return float((trouble - signs.surge.start).total_seconds())


def surge_leads(signs: QueueAnalysis) -> bool:
    """Tell whether arrivals rose before the trouble, and the trouble began while they were up."""
    lead = lead_s(signs)
    if lead is None or signs.surge is None:
        return False
    # What a surge brings about shows while the first hours of it wait, not after a day of it.
    length = min(60.0 * signs.surge.minutes, SURGE_LEAD_S)
    slack = 2.0 * signs.pipeline.period_s
    # Retries raise the invocations too, so where they stand in for arrivals they must rise clearly first.
    earliest = -slack if "sent" in signs.pipeline.asked else slack
    return earliest <= lead <= length + 3600.0


def backlog_released(signs: QueueAnalysis) -> bool:
    """Tell whether runs went wrong only when a backlog that nobody had asked for was let loose at once."""
    starved, worst = signs.unpolled, signs.worst
    wrong = signs.failures or signs.slow
    if starved is None or worst is None or wrong is None:
        return False
    slack = timedelta(seconds=2 * signs.pipeline.period_s)
    held = worst.start <= starved.start + slack and starved.end - slack <= worst.end
    before = well_between(signs, starved.start - timedelta(hours=2), starved.start)
    return held and starved.end - slack <= wrong.start <= worst.end and (before is None or before > 0.5)


def died_of_creep(signs: QueueAnalysis) -> bool:
    """Tell whether a creep ended in an API that no longer answers: what leaks runs out one day.

    The last good runs before it were still as slow as the creep had made them; restarted in between, it would
    have been quick again.
    """
    creep, failures = signs.creeping, signs.failures
    if creep is None or failures is None or signs.errors.share("unreachable") < 0.5:
        return False
    runs = signs.pipeline.frame["duration_avg_s"].dropna()
    last = runs[runs.index < failures.start].iloc[-MIN_CLEAN:]
    return bool(len(last)) and float(last.median()) >= 0.5 * creep.after_s


def slow_leads(signs: QueueAnalysis) -> bool:
    """Tell whether runs got slower before deliveries were throttled, or under a limit that was always there.

    How many run at once is their rate times their time, and a throttled delivery runs for no time at all.
    """
    slow, throttles = signs.slow, signs.throttles
    if slow is None or throttles is None:
        return False
    slack = timedelta(seconds=2 * signs.pipeline.period_s)
    return signs.throttled_always or throttles.start >= slow.start - slack
