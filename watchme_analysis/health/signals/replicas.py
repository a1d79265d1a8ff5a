"""The signal of a service with several replicas, of which some fail and the others serve well."""

from __future__ import annotations

from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.rows import of_joined
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.text.message import Count, Names, message


@detects("one_replica", group="replicas", needs=("access_log",))
def one_replica(context: HealthContext) -> list[Observation]:
    """Return an observation of replicas that failed while others served the same routes."""
    counts = context.replicas
    failing = counts[counts["failing"]]
    if failing.empty:
        return []
    others = counts[~counts["failing"]]
    is_logged = bool(others["requests"].any())
    served = context.well_served["route"].isin(context.routes) & context.well_served["during"]
    text = message(
        "health-one-replica" if is_logged else "health-one-replica-by-lines",
        failing=Names(tuple(failing.index)),
        bad=Count(int(failing["bad"].sum())),
        requests=Count(int(failing["requests"].sum())),
        others=Names(tuple(others.index)),
        well=Count(int((others["requests"] - others["bad"]).sum()) if is_logged else int(served.sum())),
        of_others=Count(int(others["requests"].sum())),
    )
    rows = context.fates.loc[context.fates["address"].isin(failing.index), "row"]
    rows = context.joined.loc[rows[rows >= 0]]
    strength = by_count(int(failing["bad"].sum()))
    return [Observation("one_replica", text, *of_joined("nginx", rows), strength=strength)]


DETECTORS = (one_replica,)
