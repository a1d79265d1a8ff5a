"""Retries of messages: whether a message fails at every receive while others succeed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from watchme_analysis.queues.anomalies import QueueAnalysis, piled_on_one
from watchme_analysis.stats.intervals import run_numbers

if TYPE_CHECKING:
    import pandas as pd

# From this share of the failed attempts on, the messages in the DLQ explain all of them.
ALL = 0.8
# From this share of the messages that failed once on, a later success is not an exception.
MANY = 1 / 3


@dataclass(frozen=True)
class Retries:
    """Failed attempts by the fate of their messages.

    Attributes
    ----------
    dead
        Messages moved to the DLQ.
    failed
        Failed attempts within the failures, minus the usual rate of failures.
    spent
        Failed attempts of the messages in the DLQ, at most ``failed``.
    passed_later
        Lowest share of the messages with a failure that succeeded at a later attempt, as if each of them
        failed as often as possible.
    passed
        Successful attempts within the failures.
    alone
        True if the failures came one message at a time or all from one sender, unlike those of an outage.
    """

    dead: int
    failed: float
    spent: float
    passed_later: float
    passed: float
    alone: bool

    @property
    def always_fail(self) -> bool:
        """Return whether messages that failed once failed at every attempt."""
        return self.spent > ALL * self.failed

    @property
    def pass_later(self) -> bool:
        """Return whether many messages that failed once succeeded later, as a bad message never does."""
        return self.passed_later >= MANY

    @property
    def lies_in_the_message(self) -> bool:
        """Return whether the same messages fail at every attempt while others succeed in between."""
        return self.always_fail and self.alone and self.passed >= self.dead


def retries(signs: QueueAnalysis) -> Retries | None:
    """Return the outcome of the messages whose attempts failed.

    None without failures, DLQ messages or a redrive policy.
    """
    tries, failures = signs.pipeline.settings.max_receive_count, signs.failures
    if not tries or failures is None or not signs.dead_lettered:
        return None
    frame = signs.pipeline.frame
    within = (frame.index >= failures.start) & (frame.index < failures.end)
    inside, outside = frame[within], frame[~within]
    usual = float(outside["failed"].sum()) / max(float(outside["tried"].sum()), 1.0)
    failed = float(inside["failed"].sum()) - usual * float(inside["tried"].sum())
    if failed <= 0:
        return None
    waiting = signs.balance.visible + signs.balance.in_flight
    lived = max(0.0, failed - (signs.dead_lettered + waiting) * tries) / (tries - 1) if tries > 1 else 0.0
    return Retries(
        dead=signs.dead_lettered,
        failed=failed,
        spent=min(failed, float(signs.dead_lettered * tries)),
        passed_later=lived / (lived + signs.dead_lettered),
        passed=float((inside["tried"] - inside["failed"].fillna(0.0)).sum()),
        alone=_in_a_row(inside, tries) < 0.5 or piled_on_one(signs.by_item),
    )


def well_between(signs: QueueAnalysis, start: datetime, end: datetime) -> float | None:
    """Return the share of successful attempts between two moments; None without attempts."""
    step = timedelta(seconds=signs.pipeline.period_s)
    frame = signs.pipeline.frame
    inside = frame[(frame.index > start - step) & (frame.index < end)]
    tried = float(inside["tried"].fillna(0.0).sum())
    return 1.0 - float(inside["failed"].fillna(0.0).sum()) / tried if tried else None


def well_after(signs: QueueAnalysis, moment: datetime) -> float | None:
    """Return the share of successful attempts from a moment on; None without attempts."""
    frame = signs.pipeline.frame
    return None if frame.empty else well_between(signs, moment, frame.index[-1] + timedelta(seconds=1))


def _in_a_row(inside: pd.DataFrame, tries: int) -> float:
    """Return the share of failures that are in runs longer than the attempts of one message.

    During an outage every message fails for a while; a bad message fails among successful messages.
    """
    tried, failed = inside["tried"].fillna(0.0), inside["failed"].fillna(0.0)
    passed = tried > failed
    in_a_row = failed.where(~passed, 0.0).groupby(run_numbers(passed)).sum()
    return float(in_a_row[in_a_row > tries].sum() / max(float(failed.sum()), 1.0))
