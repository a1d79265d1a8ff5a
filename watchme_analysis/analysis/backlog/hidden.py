"""Messages that nobody works on and nobody can receive: hidden for hours after a failed try."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from watchme_analysis.analysis.backlog.episodes import WAITING
from watchme_analysis.analysis.backlog.flow_troubles import Stretch
from watchme_analysis.analysis.backlog.flows import Flow

if TYPE_CHECKING:
    import pandas as pd

# AWS asks for six times the function's timeout. Twice that, and more than an hour, makes a second try late.
LONG_TIMES, LONG_S = 12.0, 3600.0
# So long as many stand hidden at every moment, it is no single retry.
STANDING = timedelta(hours=1)


def hides_long(flow: Flow, seconds: float | None) -> bool:
    """Tell whether a visibility timeout makes the second try of a message come far too late."""
    limit = flow.settings.function_timeout_s
    return seconds is not None and limit is not None and seconds > max(LONG_S, LONG_TIMES * limit)


def find_hidden(flow: Flow) -> Stretch | None:
    """Return from when to when messages stood hidden, which it counts, behind a long visibility timeout.

    They are in flight and not in any run, for an hour on end, while none waits to be received.
    """
    asked = {"visible", "in_flight", "invocations", "concurrency"} <= flow.asked
    if not asked or flow.frame.empty or not hides_long(flow, flow.settings.visibility_timeout_s):
        return None
    frame, step = flow.frame, timedelta(seconds=flow.period_s)
    running = frame["concurrency"].fillna(0.0) * (flow.settings.batch_size or 1)
    idle = (frame["in_flight"].fillna(0.0) - running).clip(lower=0.0)
    hidden = idle.where(frame["visible"].fillna(0.0) == 0, 0.0).rolling(STANDING).min()
    # Of less than the whole time nothing tells.
    hidden = hidden[hidden.index >= hidden.index[0] + STANDING - step]
    if not hidden.max() >= WAITING:
        return None
    standing = _around(hidden > 0, hidden.idxmax())
    start, end = standing[0].to_pydatetime() - STANDING + step, standing[-1].to_pydatetime() + step
    return Stretch(start, end, float(hidden.max()), standing[-1] == frame.index[-1])


def _around(on: pd.Series, moment: pd.Timestamp) -> pd.DatetimeIndex:
    """Return the unbroken part around a moment."""
    part = (on != on.shift()).cumsum()
    return on.index[part == part[moment]]
