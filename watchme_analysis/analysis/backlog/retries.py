"""What the tries at messages tell: whether what fails once fails always, and passes for others meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from watchme_analysis.analysis.backlog.signs import Signs, piled_on_one

if TYPE_CHECKING:
    import pandas as pd

# From this share of the failed tries on, what died explains them all; below that one, hardly any.
ALL, HARDLY_ANY = 0.8, 0.4


@dataclass(frozen=True)
class Retries:
    """Failed tries, by what became of their messages.

    Attributes
    ----------
    dead
        Messages that died.
    failed
        Failed tries in the window.
    spent
        Those that the dead letters used up, at most as many as failed.
    spent_at_most
        The same, had each message that still waits failed as often as it may.
    passed
        Messages that passed while others failed: good tries within the failures.
    alone
        Whether the failures came one message at a time or all from one sender, unlike those of an outage.
    """

    dead: int
    failed: float
    spent: float
    spent_at_most: float
    passed: float
    alone: bool

    @property
    def always_fail(self) -> bool:
        """Tell whether messages that failed once failed every try."""
        return self.spent > ALL * self.failed

    @property
    def pass_later(self) -> bool:
        """Tell whether most messages that failed once passed later."""
        return self.spent_at_most < HARDLY_ANY * self.failed

    @property
    def lies_in_the_message(self) -> bool:
        """Tell whether the same messages fail every try while others pass around them."""
        return self.always_fail and self.alone and self.passed >= self.dead


def retries(signs: Signs) -> Retries | None:
    """Return what became of the messages whose tries failed.

    Parameters
    ----------
    signs
        Of one flow.

    Returns
    -------
    Retries or None
        None without failures, dead letters or a redrive policy, which leave nothing to compare.
    """
    tries, failures = signs.flow.settings.max_receive_count, signs.failures
    failed = signs.flow.count("failed")
    if not tries or failures is None or not failed or not signs.dead_lettered:
        return None
    waiting = signs.balance.visible + signs.balance.in_flight
    frame = signs.flow.frame
    inside = frame[(frame.index >= failures.start) & (frame.index < failures.end)]
    return Retries(
        dead=signs.dead_lettered,
        failed=failed,
        spent=min(failed, float(signs.dead_lettered * tries)),
        spent_at_most=min(failed, float((signs.dead_lettered + waiting) * tries)),
        passed=float((inside["tried"] - inside["failed"].fillna(0.0)).sum()),
        alone=_in_a_row(inside, tries) < 0.5 or piled_on_one(signs.devices),
    )


def well_between(signs: Signs, start: datetime, end: datetime) -> float | None:
    """Return the share of tries that went well between two moments; None where none was made."""
    step = timedelta(seconds=signs.flow.period_s)
    frame = signs.flow.frame
    inside = frame[(frame.index > start - step) & (frame.index < end)]
    tried = float(inside["tried"].fillna(0.0).sum())
    return 1.0 - float(inside["failed"].fillna(0.0).sum()) / tried if tried else None


def well_after(signs: Signs, moment: datetime) -> float | None:
    """Return the share of tries that went well from a moment on; None where none was made."""
    frame = signs.flow.frame
    return None if frame.empty else well_between(signs, moment, frame.index[-1] + timedelta(seconds=1))


def _in_a_row(inside: pd.DataFrame, tries: int) -> float:
    """Return the share of failures of which more came in a row than one message has tries.

    An outage lets no message through for a while, whichever comes; a bad message fails among good ones.
    """
    tried, failed = inside["tried"].fillna(0.0), inside["failed"].fillna(0.0)
    passed = tried > failed
    in_a_row = failed.where(~passed, 0.0).groupby(passed.cumsum()).sum()
    return float(in_a_row[in_a_row > tries].sum() / max(float(failed.sum()), 1.0))
