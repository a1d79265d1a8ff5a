"""Messages that were received again though nothing failed: a surplus of receives."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from watchme_analysis.analysis.backlog.episodes import LOST_POINTS
from watchme_analysis.analysis.backlog.flows import Flow
from watchme_analysis.analysis.backlog.queue_balance import stock_before
from watchme_analysis.analysis.gaps import lost_points
from watchme_analysis.analysis.scan import Elevation, count_elevation

if TYPE_CHECKING:
    import pandas as pd

# A standard queue delivers a message twice now and then, far less often than this.
SURPLUS_RECEIVES, SURPLUS_SHARE = 10.0, 0.005
# Hidden for so many times its longest run, no message comes back while it is worked on.
HIDDEN_LONG = 2.0
# Over so many intervals is summed up what was due.
SURPLUS_SUMMED = 5
# From this score on receives come together beyond chance.
CLEAR = 5.0


def find_surplus(flow: Flow) -> Elevation | None:
    """Return the interval in which messages were received again though nothing failed or was throttled.

    Each such receive is a second good run, which deletes its message once more; what came back without that
    had failed, counted or not (a run of ten messages fails as one). A FIFO queue refuses the late delete, so
    that there the receives that no failure explains must do.
    """
    frame = flow.frame
    # Of a receive whose run nobody counted, nobody knows whether it failed or was throttled.
    if not {"sent", "received", "invocations", "errors", "throttles", "failed"} <= flow.asked:
        return None
    if (flow.count("throttles") or 0.0) > 0.02 * (flow.count("invocations") or 0.0):
        return None
    if _hidden_long_enough(flow):
        return None
    # A run that fails sends all messages of its batch back.
    each = 1.0 if flow.by_message else _messages_a_run(flow)
    good = (frame["received"].fillna(0.0) - each * frame["failed"].fillna(0.0)).clip(lower=0.0)
    # A message may be received an interval after it was sent, or after a failed try of its own.
    due = frame["sent"].fillna(0.0)
    lost = _around_lost_points(frame)
    good, due = good.mask(lost, 0.0), due.mask(lost, 0.0)
    again = float(good.sum() - due.sum())
    if "deleted" in flow.asked and not flow.settings.is_fifo:
        deleted = float(frame["deleted"].fillna(0.0).mask(lost, 0.0).sum())
        again = min(again, deleted - due.sum() + _standing(flow))
    if again < max(SURPLUS_RECEIVES, SURPLUS_SHARE * due.sum()):
        return None
    found = count_elevation(
        good.rolling(3, min_periods=1).sum() / 3,
        due.rolling(SURPLUS_SUMMED, min_periods=1).sum() / SURPLUS_SUMMED + 0.01,
        flow.period_s,
    )
    if found is None or found.score < CLEAR:
        return _one_here_one_there(flow, due, lost)
    return replace(found, start=_first_surplus(good - due, found, flow.period_s))


def _one_here_one_there(flow: Flow, due: pd.Series, lost: pd.Series) -> Elevation | None:
    """Return the interval in which some of many messages were deleted a second time.

    Where only the longest runs outlast the visibility timeout, receives are hardly more than usual, and yet
    each delete beyond all messages that were ever there is one that was worked on again. What a dead-letter
    queue gives back is there without being sent.
    """
    frame = flow.frame
    if "deleted" not in flow.asked or flow.settings.is_fifo:
        return None
    came_back = float((-frame["dlq_visible"].ffill().diff()).clip(lower=0.0).sum())
    deleted = frame["deleted"].fillna(0.0).mask(lost, 0.0)
    beyond = (deleted - due).cumsum() - stock_before(frame) - came_back
    again = beyond.cummax().clip(lower=0.0).diff().fillna(0.0)
    hit = again.index[again > 0].to_pydatetime()
    if not len(hit):
        return None
    found = count_elevation(again, due + 0.01, flow.period_s)
    if found is None or found.score < CLEAR:
        whole, end = float(due.sum()), hit[-1] + timedelta(seconds=flow.period_s)
        found = Elevation(hit[0], end, float(again.sum()), whole, 0.0, CLEAR)
    enough = found.observed >= max(SURPLUS_RECEIVES, SURPLUS_SHARE * found.base)
    return found if enough else None


def _hidden_long_enough(flow: Flow) -> bool:
    """Tell whether the visibility timeout stood far above the longest run all the time."""
    limit, modified = flow.settings.visibility_timeout_s, flow.settings.queue_modified_at
    if limit is None or modified is None or flow.frame.empty or modified > flow.frame.index[0]:
        return False
    return bool(limit >= HIDDEN_LONG * float(flow.frame["duration_max_s"].max()))


def _first_surplus(more: pd.Series, found: Elevation, period_s: int) -> datetime:
    """Return the interval in which more was received than had been sent: sums over several begin early."""
    start, reach = found.start, timedelta(seconds=(SURPLUS_SUMMED - 1) * period_s)
    summed = more[start - reach : found.end].cumsum()[start:]
    begun: list[datetime] = list(summed.index[summed > 0].to_pydatetime()[:1])
    return begun[0] if begun else start


def _around_lost_points(frame: pd.DataFrame) -> pd.Series:
    """Tell around which intervals a point is lost, so that nothing says which receives were due.

    Where messages wait, what is sent in one interval is received in another: the whole stretch until the
    queue is empty is unknown then.
    """
    lost = lost_points(frame, ("sent", "received", "deleted", "visible")).astype(float)
    lost = lost.rolling(5, min_periods=1, center=True).max() > 0
    waiting = frame["visible"].ffill(limit=LOST_POINTS).fillna(0.0) > 0
    stretch = (waiting != waiting.shift()).cumsum()
    return lost | (waiting & lost.groupby(stretch).transform("any"))


def _messages_a_run(flow: Flow) -> float:
    return max(1.0, (flow.count("received") or 0.0) / max(flow.count("invocations") or 0.0, 1.0))


def _standing(flow: Flow) -> float:
    """Return the messages that were sent and not deleted because they still wait or died."""
    last = flow.frame[["visible", "in_flight", "dlq_visible"]].ffill().iloc[-1:].fillna(0.0)
    return float(last.to_numpy().sum())
