"""Signals of the event loop: steady responses, or standstills after which many leave at once.

A blocked event loop sends no response, whatever the path, and when the block ends all waiting responses leave
within milliseconds. Slowness by load alone is steady.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from watchme_analysis.health.affected_service import own_rows, own_within
from watchme_analysis.health.app_server import server_kind
from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.rows import of_joined, of_observed
from watchme_analysis.health.thresholds import FEWEST, FEWEST_OF_ROUTE, MANY, MOST
from watchme_analysis.inference.signals import Observation, detects
from watchme_analysis.requests.layers import made_slow
from watchme_analysis.text.message import Duration, message

if TYPE_CHECKING:
    import pandas as pd

# Seconds between responses that leave in one turn of the event loop, at most, as a proxy logs them.
BUNCH_S = 0.02
# Seconds between the starts of requests whose responses leave in one bunch, at least.
SPREAD_S = 0.2
# As quick as ever: within this of the usual; and how many in an incident show that there was CPU for them.
QUICK_RATIO, QUICK_MARGIN_S, QUICK_SHARE = 1.5, 0.005, 0.1
# A rhythm is steady whose longest silence is shorter than this share of what callers waited.
STEADY_SHARE, STEADY_LEAST_S = 0.75, 1.0


@detects("steady", group="rhythm", needs=("app_log",))
@detects("bunched", "quick_between", group="rhythm", needs=("access_log/times",))
def rhythms(context: HealthContext) -> list[Observation]:
    """Return observations of an application that pauses and then responds to all, or never pauses."""
    if server_kind(context) == "workers":
        # Requests that wait for one of few workers make the same rhythm, and no loop is held.
        return []
    bunched = _bunched(context)
    return [*_steady(context), *bunched, *(_quick_between(context) if bunched else [])]


def _bunched(context: HealthContext) -> list[Observation]:
    """Return an observation of slow responses of several routes that waited together and left together."""
    side = "nginx" if context.has("access_log") else "edge"
    slow = context.rows(side, bad=True)
    answered = slow[slow[f"{side}_status"] < 499]
    # The kernel makes connections without the loop: a response that waited for one tells nothing of it.
    answered = answered[~made_slow(answered["connect_s"].fillna(0.0), answered[f"{side}_s"])]
    answered = answered.dropna(subset=[f"{side}_end"]).sort_values(f"{side}_end")
    apart_s = answered[f"{side}_end"].diff().dt.total_seconds()
    groups: Any = answered.groupby((apart_s > BUNCH_S).cumsum())
    begun = groups[f"{side}_start"]
    spread_s = (begun.max() - begun.min()).dt.total_seconds()
    sizes = groups.size()[spread_s >= SPREAD_S]
    # Callers of one route may wait for the same thing; several routes share the loop.
    mixed = groups["route"].nunique()[sizes.index] >= 2
    inside, total = int(sizes.sum()), len(answered)
    if len(sizes) < FEWEST or mixed.sum() < FEWEST - 1 or inside < MOST * total:
        return []
    text = message("health-bunched", together=inside, slow=total, bunches=len(sizes))
    return [Observation("bunched", text, *of_joined(side, answered), inside / total, "share")]


def _quick_between(context: HealthContext) -> list[Observation]:
    """Return an observation of responses as quick as usual between standstills: CPU was not lacking."""
    rows = context.affected
    rows = rows[rows["vantage"].eq("nginx") & ~rows["failed"] & rows["duration_s"].notna()]
    quick = rows[rows["duration_s"] <= QUICK_RATIO * rows["usual_s"] + QUICK_MARGIN_S]
    if len(quick) < FEWEST_OF_ROUTE or len(quick) < QUICK_SHARE * len(rows):
        return []
    text = message("health-quick-between", quick=len(quick), responses=len(rows), paths=context.endpoints)
    share = len(quick) / len(rows)
    return [Observation("quick_between", text, *of_observed(quick), share, "share")]


def _steady(context: HealthContext) -> list[Observation]:
    """Return an observation of a process whose responses never paused for as long as callers waited."""
    log = own_rows(context, "app_log")
    answers = log[log["kind"].eq("access") & log["time"].notna()]
    waits = context.outer_affected.loc[context.outer_affected["bad"], "duration_s"].dropna()
    if answers["time"].dt.microsecond.nunique() < MANY or waits.empty:
        return []
    # Each worker process has a loop of its own; the one that pauses the longest tells.
    silences_s = [_longest_silence_s(context, rows) for _, rows in answers.groupby(answers["pid"].fillna(-1))]
    longest_s, typical_s = max(silences_s), max(float(waits.median()), STEADY_LEAST_S)
    if longest_s >= STEADY_SHARE * typical_s:
        return []
    text = message("health-steady", longest=Duration(longest_s), waited=Duration(typical_s))
    rows, sql = len(context.of_incident(answers)), own_within(context, "app_log", "kind = 'access'")
    return [Observation("steady", text, "app_log", rows, sql, longest_s, "s")]


def _longest_silence_s(context: HealthContext, answers: pd.DataFrame) -> float:
    """Return the longest time without a response in the incident, in seconds."""
    import pandas as pd

    moments = context.of_incident(answers.sort_values("time"))["time"]
    bounds = pd.Series([pd.Timestamp(context.start), *moments, pd.Timestamp(context.end)])
    return float(bounds.diff().dt.total_seconds().max())


DETECTORS = (rhythms,)
