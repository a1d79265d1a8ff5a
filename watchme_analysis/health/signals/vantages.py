"""Signals of places and paths: the endpoint asked from elsewhere, other paths meanwhile, their handlers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from watchme_analysis.health.affected_service import own_handlers, own_source, source_rows
from watchme_analysis.health.app_server import server_kind
from watchme_analysis.health.context import HealthContext, once_per_context
from watchme_analysis.health.handlers import Handler
from watchme_analysis.health.rows import Values, observation, of_joined, of_observed
from watchme_analysis.health.thresholds import BY_CHANCE, CALM_SHARE, FEWEST, FEWEST_OF_ROUTE, MANY, PART
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.requests.layers import SLOW_MARGIN_S
from watchme_analysis.requests.observations import OUTER
from watchme_analysis.text.message import Choice, Duration

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

# A caller that has waited so long tells of the moment of a probe, if it goes on waiting.
BEFORE_S = 0.05
# A path that takes less than this share of another's time was slowed, not held.
MILD_SHARE = 0.25
# The threads that plain handlers share, and those of asyncio's own executor.
POOL, EXECUTOR = "thread_pool", "executor"
POOLS = (POOL, EXECUTOR)


@detects("inside_clear", "inside_bad", group="vantages", needs=("probes/inside",))
@detects("host_bad_inside_clear", group="host and inside", needs=("probes/host", "probes/inside"))
def vantages(context: HealthContext) -> Iterator[Observation]:
    """Yield observations of inside and host probes at the moments at which callers outside had trouble."""
    inside, tell = at_bad_moments(context, "inside")
    host, _ = at_bad_moments(context, "host")
    is_well_inside = inside["bad"].mean() <= CALM_SHARE
    if len(inside):
        bad, total, middle_s = int(inside["bad"].sum()), len(inside), float(inside["duration_s"].median())
        rows, effect = of_observed(inside), (middle_s, "s")
        counts: Values = {"good": total - bad, "bad": bad, "probes": total, "median": Duration(middle_s)}
        if is_well_inside:
            strength = min(by_count(total), tell)
            yield observation(context, "inside_clear", rows, effect, strength=strength, **counts)
        elif bad >= PART * total:
            yield observation(context, "inside_bad", rows, effect, strength=by_count(total), **counts)
    bad, total = int(host["bad"].sum()), len(host)
    if total and bad >= PART * total and len(inside) >= FEWEST and is_well_inside:
        counts = {"bad": bad, "probes": total}
        strength = by_count(total, FEWEST)
        rows = of_observed(host)
        yield observation(context, "host_bad_inside_clear", rows, strength=strength, **counts)


@once_per_context
def at_bad_moments(context: HealthContext, vantage: str) -> tuple[pd.DataFrame, float]:
    """Return a vantage's probes of affected endpoints at moments of trouble, and how much they tell.

    Best are those made while a caller was kept waiting and went on waiting: whatever holds the application
    holds them as well, and being strained counts as bad. Else those between two bad requests of their
    endpoint count, at whatever pace these come. Where trouble is too thin for these, all count: then as much
    as they would hardly have missed it by chance (0 to 1).
    """
    import pandas as pd

    probes = context.affected[context.affected["vantage"] == vantage]
    if probes.empty or not context.outer["vantage"].isin(OUTER).any():
        return probes, 1.0
    outer = context.outer_requests
    # Arrays, since each probe is compared with all requests.
    routes, is_bad = outer["route"].to_numpy(dtype=object), outer["bad"].to_numpy(dtype=bool)
    begun_ns = _nanoseconds(outer["start"] + pd.Timedelta(seconds=BEFORE_S))
    spent = pd.to_timedelta(outer["duration_s"], unit="s")
    ended_ns = _nanoseconds(outer["start"] + spent - pd.Timedelta(seconds=SLOW_MARGIN_S))
    started_ns = _nanoseconds(outer["start"])
    held, near = [], []
    for start_ns, route in zip(_nanoseconds(probes["start"]), probes["route"], strict=True):
        mine = routes == route
        held.append(bool((mine & is_bad & (begun_ns <= start_ns) & (ended_ns >= start_ns)).any()))
        at = int(started_ns[mine].searchsorted(start_ns, side="right"))
        beside = is_bad[mine][max(at - 1, 0) : at + 1]
        near.append(len(beside) == 2 and bool(beside.all()))
    if sum(held) >= FEWEST:
        waited = probes[held]
        return waited.assign(bad=waited["strained"]), 1.0
    if sum(near) >= FEWEST:
        return probes[near], 1.0
    if any(held):
        waited = probes[held]
        return waited.assign(bad=waited["strained"]), 1.0
    callers = outer[(outer["start"] >= context.start) & (outer["start"] <= context.end)]
    spared = 1 - float(callers.loc[callers["route"].isin(context.routes), "strained"].mean())
    by_chance = -len(probes) * math.log(max(spared, 1e-3))
    return probes, min(1.0, by_chance / -math.log(BY_CHANCE))


def _nanoseconds(moments: pd.Series) -> np.ndarray[Any, Any]:
    """Return times as integers that order like them; a missing time comes before all others."""
    numbers: np.ndarray[Any, Any] = moments.dt.as_unit("ns").astype("int64").to_numpy()
    return numbers


@detects("some_paths", "all_paths", group="paths", needs=("access_log", "edge_log"))
def paths(context: HealthContext) -> Iterator[Observation]:
    """Yield whether all paths of the affected service were bad or some were well."""
    calm, outer = context.calm_neighbours(), context.outer_during
    sizes = outer.groupby("route").size()
    many = [route for route in context.routes if sizes.get(route, 0) >= FEWEST_OF_ROUTE]
    if calm:
        rows = _at_one_vantage(outer[outer["route"].isin(calm)])
        # Of paths that fail now and then, others are spared by chance.
        spared = 1 - float(outer.loc[outer["route"].isin(context.routes), "strained"].mean())
        by_chance = -len(rows) * math.log(max(spared, 1e-3)) / -math.log(BY_CHANCE)
        strength, effect = min(by_count(len(rows), MANY), by_chance), (float(len(rows)), "requests")
        yield observation(context, "some_paths", of_observed(rows), effect, strength=strength, calm=calm)
        return
    unsure = any(context.is_same_service(name) is None for name in context.calm_routes())
    if len(many) >= FEWEST and not unsure and not _all_need_threads(context, many):
        rows = _at_one_vantage(outer[outer["route"].isin(many)])
        effect = float(len(many)), "paths"
        yield observation(context, "all_paths", of_observed(rows), effect, paths=context.routes)


def _at_one_vantage(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the table that tells of most of these requests: each request counts once."""
    return rows[rows["table"] == rows["table"].value_counts().index[0]]


def _all_need_threads(context: HealthContext, routes: list[str]) -> bool:
    """Return whether all of these paths need a thread or worker: that all are bad does not show where."""
    if server_kind(context) == "workers":
        return True
    known = own_handlers(context, routes)
    return bool(known) and all(
        handler.uses_threads or handler.runs_on == "worker" for handler in known.values()
    )


@detects("pool_paths", "loop_paths_too", "handler_off_pool", group="handlers", needs=("app_handlers",))
def handler_paths(context: HealthContext) -> Iterator[Observation]:
    """Yield whether the bad paths are those whose handlers need a thread of one pool."""
    sizes = context.outer_during.groupby("route").size()
    known = own_handlers(context, list(sizes.index))
    if own_source(context, "app_handlers").empty or server_kind(context) == "workers":
        return
    calm, runs = context.calm_neighbours(), {route: _place(handler) for route, handler in known.items()}
    bad_pool = [f for f in context.routes if runs.get(f) in POOLS]
    # Each pool has threads of its own: a full one takes none from the other.
    used = {runs[route] for route in bad_pool} or set(POOLS)
    bad_loop = [
        f for f in context.routes if runs.get(f) == "event_loop" and sizes.get(f, 0) >= FEWEST_OF_ROUTE
    ]
    mild = _far_quicker(context, bad_loop, bad_pool)
    bad_loop = [route for route in bad_loop if route not in mild]
    calm_pool = [f for f in calm if runs.get(f) in used]
    calm_loop = [f for f in (*calm, *mild) if f in runs and f not in calm_pool]
    rows = source_rows(context, "app_handlers")
    if bad_pool and not bad_loop and calm_loop and not calm_pool:
        others = {runs[route] for route in calm_loop} - {"event_loop"}
        elsewhere = Choice("other-threads" if others else "loop")
        yield observation(context, "pool_paths", rows, bad=bad_pool, good=calm_loop, elsewhere=elsewhere)
    elif bad_loop and calm_pool:
        names: Values = {"bad": bad_loop, "good": calm_pool}
        yield observation(context, "loop_paths_too", rows, words="loop-paths-pool-well", **names)
    elif bad_loop:
        yield observation(context, "loop_paths_too" if bad_pool else "handler_off_pool", rows, bad=bad_loop)


def _place(handler: Handler) -> str:
    """Return what a handler needs to answer: a thread of one of two pools, or the event loop alone."""
    if not handler.uses_threads:
        return handler.runs_on
    return EXECUTOR if handler.on_executor else POOL


def _far_quicker(context: HealthContext, routes: list[str], than: list[str]) -> list[str]:
    """Return the routes that were slowed a little while others stood still: a busy machine does that.

    What failed was not slowed a little, however soon it did.
    """
    during = context.observed_during
    rows = during.loc[during["vantage"].isin(["edge", "nginx"]), ["route", "failed", "duration_s"]]
    failing = rows.groupby("route")["failed"].mean() > CALM_SHARE
    times = rows.groupby("route")["duration_s"].median()
    longest = float(times.reindex(than).max()) if than else float("nan")
    quick = [route for route in routes if times.get(route, float("nan")) < MILD_SHARE * longest]
    return [route for route in quick if not failing.get(route, False)]


@detects("one_onset", group="onset", needs=("access_log/times",))
def one_onset(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of paths of several services, bad from one moment on while others were well.

    Each process has threads and connections of its own, which are used up in their own time: its other
    requests still do well when the first ones are held. A dependency of several processes fails all its
    callers at once.
    """
    import pandas as pd

    if len(context.services) < 2 or not context.calm_neighbours():
        return
    log = context.joined[context.joined["seen_nginx"] & context.joined["route"].isin(context.routes)]
    # The first bad requests may lie before the incident, which begins where most are bad.
    start, end = pd.Timestamp(context.start), pd.Timestamp(context.end)
    log = log[log["start"].between(start - (end - start), end)].sort_values("start", kind="stable")
    bad = log[log["nginx_bad"]]
    usual = context.well_served[context.well_served["route"].isin(bad["route"].iloc[:1])]
    usual_s = float(usual["nginx_s"].median())
    if math.isnan(usual_s):
        return
    # When what it calls fails, a request has been under way for its usual duration at most.
    since = bad["start"].iloc[0]
    before = log.groupby("route")["start"].shift()
    first = log[log["start"] > since + pd.Timedelta(seconds=usual_s)].groupby("route").head(1)
    if not first["nginx_bad"].all():
        return
    # A path that is requested rarely may have turned bad long after the others.
    open_s = (first["start"] - before.reindex(first.index).fillna(since)).dt.total_seconds()
    first = first[open_s <= BY_CHANCE * (end - start).total_seconds()]
    if first["route"].map(context.upstreams).nunique() < 2:
        return
    yield observation(
        context,
        "one_onset",
        of_joined("nginx", first),
        (float(len(first)), "paths"),
        since=since.to_pydatetime(),
        paths=len(first),
    )


DETECTORS = (vantages, paths, handler_paths, one_onset)
