"""An alarm on health checks that fail in a row, tried on recorded probes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchme_analysis.analysis.alarms import evaluate
from watchme_analysis.analysis.alarms.backtest import Rule, Run, run_of_states

if TYPE_CHECKING:
    import pandas as pd


def probe_runs(probes: pd.DataFrame, rule: Rule, slower_than_s: float | None = None) -> dict[str, Run]:
    """Return what an alarm on failed checks did, for each path and vantage.

    Parameters
    ----------
    probes
        Table ``probes``. A check fails without an answer, with a status of 400 and above, or when it is slow.
    rule
        N and M count checks, however far apart they are: three in a row are 3 of 3.
    slower_than_s
        What is slow; nothing when None.
    """
    import pandas as pd

    known = probes.dropna(subset=["time", "path"]).sort_values("time", kind="stable")
    failed = known["status"].isna() | (known["status"] == 0) | (known["status"] >= 400).fillna(False)
    if slower_than_s is not None:
        failed |= (known["duration_s"] > slower_than_s).fillna(False)
    found = {}
    for (path, vantage), rows in failed.groupby([known["path"], known["vantage"]], sort=True):
        state, states = "INSUFFICIENT_DATA", []
        points = [bool(value) for value in rows]
        n = rule.evaluation_periods
        for place in range(1, len(points) + 1):
            window = points[max(0, place - n) : place]
            state = evaluate(window, n, rule.datapoints_to_alarm, rule.treat_missing_data, state)
            states.append(state)
        # The answer, or giving up, is when a check is known to have failed.
        moments = known.loc[rows.index, "time"] + pd.to_timedelta(
            known.loc[rows.index, "duration_s"].fillna(0.0).astype("float64"), unit="s"
        )
        series = pd.Series(states, index=pd.DatetimeIndex(moments), dtype="string", name="state")
        found[f"{path} from {vantage}"] = run_of_states(series)
    return found
