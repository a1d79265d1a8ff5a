"""When the host behind a queue's API left its usual load, or fell silent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# Points before that tell the usual load, how far beyond its extremes nothing usual lies, and points that must
# be missing in a row for a host to be silent: single ones get lost.
FEWEST, BEYOND, SILENT = 24, 1.25, 2


def host_moved(frame: pd.DataFrame, good: datetime, shown: datetime) -> tuple[datetime, datetime] | None:
    """Return between which moments the host changed, where it did between a good run and a bad one.

    Parameters
    ----------
    frame
        A flow's frame; ``cpu_pct`` is read, which may have a longer period than the rest.
    good, shown
        The last good run, and the first at which something was wrong.

    Returns
    -------
    tuple or None
        Bounds within those given. The host's load was then beyond all of the time before, or it told nothing
        at all, from then on until ``shown``. None where it was as ever, or nothing tells.
    """
    cpu = frame["cpu_pct"].dropna()
    if len(cpu) <= FEWEST:
        return None
    own = timedelta(seconds=float(cpu.index.to_series().diff().median().total_seconds()))
    # The point that the good run began in stands for what came after it as well.
    before = cpu[cpu.index <= good - own]
    if len(before) < FEWEST:
        return None
    step = frame.index[1] - frame.index[0]
    until = cpu[(cpu.index > before.index[-1]) & (cpu.index < shown)]
    last = (until.index[-1] if len(until) else before.index[-1]).to_pydatetime()
    if shown - last > (SILENT + 1) * own:
        # Its last point stands for samples up to its end; after that there was none.
        bounds = last, last + own + step
    else:
        over = (until > BEYOND * float(before.max())).to_numpy()
        lasting = len(over) - int((~over)[::-1].argmax()) if not over.all() else 0
        if lasting == len(over):
            return None
        first = until.index[lasting].to_pydatetime()
        # A change at the very end of an interval hardly moves its mean.
        bounds = first - own, first + own
    return max(good, bounds[0]), max(good, min(shown, bounds[1]))
