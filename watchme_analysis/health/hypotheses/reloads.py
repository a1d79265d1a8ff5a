"""Detector of reloads: Nginx applies a changed configuration only when it loads it.

Nginx reads its configuration at start and at a reload (``nginx -s reload``, SIGHUP), and logs both at the
level ``notice`` (nginx.org, "Controlling nginx"). A log with this level therefore shows whether a
configuration can have changed when the incident began.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchme_analysis.health.hypotheses.facts import Facts
from watchme_analysis.health.hypotheses.sql import lines
from watchme_analysis.inference.signals import Observation, detects
from watchme_analysis.text.message import Instant, TimeSpan, message

if TYPE_CHECKING:
    import pandas as pd

# How Nginx says that it loads its configuration.
LOADS = r"^reconfiguring$|start worker processes"
# Level of these lines, and levels that are logged only where these lines are.
NOTICE_AND_LOWER = ("notice", "info", "debug")
# Both logs have whole seconds.
RESOLUTION_S = 1.0
# Probability of a reload in the interval by chance, from which a reload there is no sign of anything.
BY_CHANCE = 0.25


@detects("reloaded_at_onset", "not_reloaded", group="reload", needs=("error_log",))
@detects("reloaded_at_end", group="reload at the end", needs=("error_log",))
def reloads(found: Facts) -> list[Observation]:
    """Compare the moments at which Nginx loaded its configuration with the bounds of the incident."""
    import pandas as pd

    log = found.table("error_log")
    noticed = log[log["level"].isin(NOTICE_AND_LOWER)]
    if noticed.empty:
        return []
    loads = noticed[noticed["message"].str.contains(LOADS, na=False)].dropna(subset=["time"])
    outer = found.outer[found.outer["route"].isin(found.routes)].sort_values("start", kind="stable")
    before = outer[outer["start"] < pd.Timestamp(found.start)]
    after = outer[(outer["start"] > pd.Timestamp(found.start)) & ~outer["during"] & ~outer["bad"]]
    if before.empty:
        return []
    moments = outer["start"]
    recorded_s = (moments.iloc[-1] - moments.iloc[0]).total_seconds()
    onset = _between(before["start"].iloc[-1], pd.Timestamp(found.start))
    at_onset = loads[loads["time"].between(*onset)]
    if at_onset.empty:
        # Lines older than the incident show that reloads were logged when it began.
        if (noticed["time"] < onset[0]).any():
            text = message("health-not-reloaded", span=TimeSpan(*(at.to_pydatetime() for at in onset)))
            return [Observation("not_reloaded", text, "error_log", len(noticed), lines("error_log", noticed))]
        return []
    chance = _chance(loads, onset, recorded_s)
    if chance > BY_CHANCE:
        return []
    moment = at_onset["time"].iloc[-1]
    text = message("health-reloaded-at-onset", at=Instant(moment.to_pydatetime()), paths=found.endpoints)
    sql = lines("error_log", at_onset)
    strength = 1.0 - chance
    seen = [Observation("reloaded_at_onset", text, "error_log", len(at_onset), sql, strength=strength)]
    if len(after):
        last_bad = outer.loc[outer["during"] & outer["bad"], "start"].max()
        at_end = loads[loads["time"].between(*_between(last_bad, after["start"].iloc[0]))]
        if len(at_end):
            again = message("health-reloaded-at-end", at=Instant(at_end["time"].iloc[0].to_pydatetime()))
            sql = lines("error_log", at_end)
            seen.append(Observation("reloaded_at_end", again, "error_log", len(at_end), sql))
    return seen


def _between(last: pd.Timestamp, first: pd.Timestamp) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the interval between two requests, widened by the resolution of the logs."""
    import pandas as pd

    step = pd.Timedelta(seconds=RESOLUTION_S)
    return last - step, first + step


def _chance(loads: pd.DataFrame, interval: tuple[pd.Timestamp, pd.Timestamp], recorded_s: float) -> float:
    """Return the probability that one of so many reloads lies in an interval of the record by chance."""
    moments = loads["time"].nunique()
    part = (interval[1] - interval[0]).total_seconds() / max(recorded_s, RESOLUTION_S)
    return float(1 - (1 - min(part, 1.0)) ** moments)
