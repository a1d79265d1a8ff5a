"""Detector of a calm record."""

from __future__ import annotations

from watchme_analysis.access_logs.routes import route_of
from watchme_analysis.health.application_errors import monitored_routes
from watchme_analysis.health.hypotheses.facts import Facts
from watchme_analysis.health.hypotheses.sql import of_observed, select, tables_of
from watchme_analysis.health.incident import CALM_ROWS, judge_requests
from watchme_analysis.inference.signals import Observation, detects
from watchme_analysis.requests.observations import ERROR_KINDS
from watchme_analysis.text.message import message

LOGS = ("probes", "access_log", "edge_log", "error_log")
# How much calm one kind of record shows, against all three: probes show the paths that they ask, Nginx's log
# what an edge before it let through, and an edge's log all that callers asked.
ONE_PLACE, PART_OF_ALL = 0.7, 0.6


@detects("all_well", group="incident", needs=("access_log", "edge_log", "probes"))
def all_well(found: Facts) -> list[Observation]:
    """Return that no endpoint was slow or failing for long."""
    outer = found.outer
    if endpoint := found.inv.options.get("endpoint"):
        outer = outer[outer["route"] == route_of(endpoint)]
    # A request that edge and Nginx logged is one request.
    once = outer[~(outer["row"].duplicated() & (outer["row"] >= 0))]
    judged = judge_requests(outer)
    bad, total = int(judged["bad"].sum()), len(judged)
    table = next((name for name in LOGS if found.has(name)), "probes")
    text = message("health-all-well", bad=bad, total=total) if total else message("health-no-requests")
    # What the edge refused shows in its own log alone, and what is strained may be an incident's edge.
    places = sum(found.has(name) for name in ("probes", "access_log", "edge_log"))
    alone = ONE_PLACE if found.has("edge_log") or (endpoint and table == "probes") else PART_OF_ALL
    # What others went through is no doubt of the endpoint asked about.
    mine = monitored_routes(found.observed)
    monitored = outer[outer["route"].isin(mine)] if mine else outer
    shares = monitored.groupby("route")["strained"].agg(["mean", "size"])
    worst = float(shares.loc[shares["size"] >= 8, "mean"].max()) if (shares["size"] >= 8).any() else 0.0
    strength = min(1.0, total / 30) * {3: 1.0, 2: 0.9}.get(places, alone) * max(0.0, 1 - 2 * worst)
    strength *= 0.5 if _upstream_trouble(found) else 1.0
    sql = of_observed(once) if len(once) else select(table)
    effect = bad / max(total, 1)
    named = tables_of(once) or table
    return [Observation("all_well", text, named, len(once), sql, effect, "share", strength)]


def _upstream_trouble(found: Facts) -> bool:
    """Return whether upstreams failed at several times, with good requests between: no restart does that."""
    import numpy as np

    errors = found.table("error_log")
    times = errors.loc[errors["kind"].isin(ERROR_KINDS), "time"].sort_values()
    good = found.outer_requests.loc[lambda rows: ~rows["bad"], "start"].sort_values()
    served = np.diff(good.searchsorted(times))
    return int((served >= CALM_ROWS).sum()) >= 2
