"""Retries of messages: whether a message fails at every receive while others succeed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from watchme_analysis.queues.anomalies import QueueAnalysis, piled_on_one

if TYPE_CHECKING:
    import pandas as pd

# From this share of the failed tries on, what died explains them all.
ALL = 0.8
# From this share of the messages that failed once on, passing later is no exception.
MANY = 1 / 3


@dataclass(frozen=True)
class Retries:
    """Failed tries, by what became of their messages.

    Attributes
    ----------
    dead
        Messages that died.
    failed
        Failed tries within the failures, without as many as fail at all times.
    spent
        Those that the dead letters used up, at most as many as failed.
    passed_later
        Share, at the least, of the messages that failed once which passed at a later try: each failed once
        less than it may, at the most.
    passed
        Messages that passed while others failed: good tries within the failures.
    alone
        Whether the failures came one message at a time or all from one sender, unlike those of an outage.
    """

    dead: int
    failed: float
    spent: float
    passed_later: float
    passed: float
    alone: bool

    @property
    def always_fail(self) -> bool:
        """Return whether messages that failed once failed every try."""
        return self.spent > ALL * self.failed

    @property
    def pass_later(self) -> bool:
        """Return whether many messages that failed once passed later, as no bad one does."""
        return self.passed_later >= MANY

    @property
    def lies_in_the_message(self) -> bool:
        """Return whether the same messages fail every try while others pass around them."""
        return self.always_fail and self.alone and self.passed >= self.dead


def retries(signs: QueueAnalysis) -> Retries | None:
    """Return what became of the messages whose tries failed.

    Parameters
    ----------
    signs
        Of one pipeline.

    Returns
    -------
    Retries or None
        None without failures, dead letters or a redrive policy, which leave nothing to compare.
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
        alone=_in_a_row(inside, tries) < 0.5 or piled_on_one(signs.devices),
    )


def well_between(signs: QueueAnalysis, start: datetime, end: datetime) -> float | None:
    """Return the share of tries that went well between two moments; None where none was made."""
    step = timedelta(seconds=signs.pipeline.period_s)
    frame = signs.pipeline.frame
    inside = frame[(frame.index > start - step) & (frame.index < end)]
    tried = float(inside["tried"].fillna(0.0).sum())
    return 1.0 - float(inside["failed"].fillna(0.0).sum()) / tried if tried else None


def well_after(signs: QueueAnalysis, moment: datetime) -> float | None:
    """Return the share of tries that went well from a moment on; None where none was made."""
    frame = signs.pipeline.frame
    return None if frame.empty else well_between(signs, moment, frame.index[-1] + timedelta(seconds=1))


def _in_a_row(inside: pd.DataFrame, tries: int) -> float:
    """Return the share of failures of which more came in a row than one message has tries.

    An outage lets no message through for a while, whichever comes; a bad message fails among good ones.
    """
    tried, failed = inside["tried"].fillna(0.0), inside["failed"].fillna(0.0)
    passed = tried > failed
    in_a_row = failed.where(~passed, 0.0).groupby(passed.cumsum()).sum()
    return float(in_a_row[in_a_row > tries].sum() / max(float(failed.sum()), 1.0))
