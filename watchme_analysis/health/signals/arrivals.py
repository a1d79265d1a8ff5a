"""Signals of arriving requests: all as usual, none for a time, or more than the service ever gets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.access_logs.routes import route_of
from watchme_analysis.access_logs.surges import distinguishing_part
from watchme_analysis.health.application_errors import monitored_routes
from watchme_analysis.health.context import HealthContext, edge_visible, is_timed
from watchme_analysis.health.incident import judge_requests
from watchme_analysis.health.rows import Rows, Values, observation, of_joined, of_observed, select
from watchme_analysis.health.signals.nginx import LOG_RESOLUTION_S
from watchme_analysis.health.thresholds import FEWEST, FEWEST_OF_ROUTE, MANY, MOST
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.redact import shortened
from watchme_analysis.text.message import Message, Number, Quotation, Resource, TimeSpan, message, sentences

if TYPE_CHECKING:
    import pandas as pd

CALM_LOGS = ("probes", "access_log", "edge_log", "error_log")
# How much calm one kind of record shows, against all three: probes show the paths that they ask, Nginx's log
# what an edge before it let through, and an edge's log all that callers asked.
ONE_PLACE, PART_OF_ALL = 0.7, 0.6
# Share of it without durations: failures show, and slowness does not.
UNTIMED = 0.5
# Requests of monitored routes from which calm is stated at full strength; by choice.
ENOUGH_REQUESTS = 30
STOPPED_BY_CHANCE = 1e-6
LONGEST_RATIO = 3.0
# Arrivals during the incident, as a multiple of the busiest comparable interval: from this ratio they are a
# surge, at the second one beyond doubt, and up to the third they are usual.
SURGE_RATIO, CLEAR_RATIO, USUAL_RATIO = 2.0, 4.0, 1.5
# Parts of the incident's length in which arrivals before it are compared.
PARTS = 10
# Requests outside the incident from which a baseline is known.
FEWEST_ARRIVALS_OUTSIDE = 20
# Characters of an agent's distinguishing part that are shown.
_LONGEST_AGENT = 80


@detects("all_well", group="incident", needs=("access_log", "edge_log", "probes"))
def all_well(context: HealthContext) -> Iterator[Observation]:
    """Yield that no endpoint was slow or failing for long."""
    outer = context.outer
    if endpoint := context.inv.options.get("endpoint"):
        outer = outer[outer["route"] == route_of(endpoint)]
    # A request that edge and Nginx logged is one request.
    once = outer[~(outer["row"].duplicated() & (outer["row"] >= 0))]
    judged = judge_requests(outer)
    bad, total = int(judged["bad"].sum()), len(judged)
    table = next((name for name in CALM_LOGS if context.has(name)), "probes")
    # What the edge refused shows in its own log alone, and what is strained may be an incident's edge.
    places = sum(context.has(name) for name in ("probes", "access_log", "edge_log"))
    alone = ONE_PLACE if context.has("edge_log") or (endpoint and table == "probes") else PART_OF_ALL
    # What others went through is no doubt of the endpoint asked about.
    mine = monitored_routes(context.observed)
    monitored = outer[outer["route"].isin(mine)] if mine else outer
    shares = monitored.groupby("route")["strained"].agg(["mean", "size"])
    worst = shares.loc[shares["size"] >= FEWEST_OF_ROUTE, "mean"].max()
    worst = 0.0 if math.isnan(worst) else float(worst)
    strength = (
        min(1.0, len(monitored) / ENOUGH_REQUESTS)
        * {3: 1.0, 2: 0.9}.get(places, alone)
        * max(0.0, 1 - 2 * worst)
    )
    strength *= 1.0 if is_timed(context) else UNTIMED
    rows = of_observed(once) if len(once) else Rows(table, 0, select(table))
    text = calm_message(context, bad, total)
    yield Observation("all_well", text, *rows, bad / max(total, 1), "share", strength)


def calm_message(context: HealthContext, bad: int, total: int) -> Message:
    """Return that no endpoint harmed callers for long, with the number of bad requests and of all."""
    if not total:
        return message("health-no-requests")
    return message("health-no-harm" if context.slowdown else "health-all-well", bad=bad, total=total)


@detects("arrivals_stopped", "callers_stopped", group="arrivals", needs=("access_log",))
def stopped(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of a route without requests at Nginx for a time, while others arrived as usual.

    Given the share of the route among all other requests, the chance that none of those in the gap is one of
    its own is ``(1 - share) ** others``, whatever the time of day does to both.
    """
    import numpy as np

    seen = context.joined[context.joined["seen_nginx"]].sort_values("nginx_start", kind="stable")
    if seen.empty or edge_visible(context):
        return
    moment_s = (seen["nginx_start"] - seen["nginx_start"].iloc[0]).dt.total_seconds()
    best: tuple[float, Any] | None = None
    for route, mine in seen.groupby("route"):
        own_s, other_s = moment_s[mine.index].to_numpy(), moment_s[seen["route"] != route].to_numpy()
        if len(own_s) < MANY or len(other_s) < MANY:
            continue
        # Between two requests of the route, and from its last one to the end.
        bounds_s = np.append(own_s, moment_s.iloc[-1])
        gaps_s = np.diff(bounds_s)
        at = int(gaps_s.argmax())
        between = int(((other_s > bounds_s[at]) & (other_s < bounds_s[at + 1])).sum())
        part = len(own_s) / (len(own_s) + len(other_s) - between)
        # A route that is busy at times has gaps between them.
        if gaps_s[at] < LONGEST_RATIO * float(np.partition(gaps_s, -2)[-2]):
            continue
        # By the clock too: what else arrived may have been a burst.
        usual_s = float(gaps_s.sum() - gaps_s[at]) / len(own_s)
        by_clock = math.exp(-float(gaps_s[at]) / usual_s) if usual_s > 0 else 1.0
        chance = len(own_s) * max((1 - part) ** between, by_clock)
        if chance <= STOPPED_BY_CHANCE and (best is None or chance < best[0]):
            best = chance, (str(route), mine, at, between)
    if best is None:
        return
    route, mine, at, between = best[1]
    start = mine["nginx_start"].iloc[at]
    is_last = at == len(mine) - 1
    end = seen["nginx_end"].max() if is_last else mine["nginx_start"].iloc[at + 1]
    callers = mine["client_addr"].value_counts()
    # Who left altogether, as at night, stopped by themselves.
    meanwhile = seen.loc[(seen["nginx_start"] > start) & (seen["nginx_start"] < end), "client_addr"]
    callers = callers[(callers >= FEWEST_OF_ROUTE) & callers.index.isin(meanwhile)]
    span = TimeSpan(start.to_pydatetime(), end.to_pydatetime())
    logged = of_joined("nginx", mine)
    yield observation(context, "arrivals_stopped", logged, span=span, path=Resource(route), others=between)
    if len(callers) >= FEWEST:
        yield observation(context, "callers_stopped", logged, callers=len(callers), path=Resource(route))


@detects("arrivals_up", "arrivals_usual", group="arrivals", needs=("access_log", "edge_log"))
def arrivals(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of arrivals at the affected service, compared with its busiest time otherwise."""
    side = "nginx" if context.has("access_log") else "edge"
    rows = _requests(context, side)
    times = rows[f"{side}_start"]
    begun = _begun(times, context)
    inside = times.between(begun, context.end)
    length_s = (context.end - begun).total_seconds()
    other = times[~inside]
    if length_s <= 0 or len(other) < FEWEST_ARRIVALS_OUTSIDE or not inside.any():
        return
    usual = _busiest_rate(other, begun, context.end, length_s)
    rate = int(inside.sum()) / length_s
    ratio = rate / usual
    numbers: Values = {"rate": Number(rate), "ratio": Number(ratio, 2)}
    arrived, effect = of_joined(side, rows[inside]), (ratio, "ratio")
    if ratio >= SURGE_RATIO:
        senders = _senders(rows, inside, length_s, _span_s(other))
        yield observation(
            context,
            "arrivals_up",
            arrived,
            effect,
            more=sentences(*senders.values()),
            is_mechanism=True,
            strength=by_count(ratio - 1, CLEAR_RATIO - 1),
            facts={name: each.values["who"] for name, each in senders.items()},
            **numbers,
        )
    elif ratio <= USUAL_RATIO:
        yield observation(context, "arrivals_usual", arrived, effect, **numbers)


def _requests(context: HealthContext, side: str) -> pd.DataFrame:
    """Return the requests of the affected services, on all their routes; all requests if none is known."""
    rows = context.joined[context.joined[f"seen_{side}"] & context.joined[f"{side}_start"].notna()]
    mine = rows[rows["route"].map(context.upstreams).isin(context.services)]
    return mine if len(mine) else rows


def _span_s(times: pd.Series) -> float:
    return max(float((times.max() - times.min()).total_seconds()), 1.0)


def _begun(times: pd.Series, context: HealthContext) -> datetime:
    """Return when the arrivals of the incident began: requests pile up before the first of them fails.

    How long before is unknown, above all where a log has only the ends of requests: the arrivals count as
    those of the incident as far back as each part of its length has more than is usual.
    """
    import numpy as np

    length_s = (context.end - context.start).total_seconds()
    if length_s <= 0:
        return context.start
    # A log in the format combined has whole seconds.
    step_s = max(length_s / PARTS, LOG_RESOLUTION_S)
    from_start_s = (times - context.start).dt.total_seconds().to_numpy()
    outside_s = from_start_s[(from_start_s < 0) | (from_start_s > length_s)]
    numbers, sizes = np.unique(np.floor(outside_s / step_s).astype(int), return_counts=True)
    arrived = dict(zip(numbers.tolist(), sizes.tolist(), strict=True))
    inside = range(int(length_s / step_s) + 1)
    spanned = range(min(arrived, default=0), max(arrived, default=0) + 1)
    counts = [arrived.get(number, 0) for number in spanned if number not in inside]
    usual = float(np.median(counts)) if counts else 0.0
    raised = 0
    while arrived.get(-raised - 1, 0) >= max(FEWEST, SURGE_RATIO * usual):
        raised += 1
    early = context.start - timedelta(seconds=raised * step_s)
    # Only requests before both show what is usual: few arrive while callers still wait.
    if not raised or int((times < early).sum()) < FEWEST_ARRIVALS_OUTSIDE:
        return context.start
    rest = times[(times < early) | (times > context.end)]
    ahead = (len(outside_s) - len(rest)) / (raised * step_s)
    return (
        early if ahead >= SURGE_RATIO * _busiest_rate(rest, early, context.end, length_s) else context.start
    )


def _busiest_rate(other: pd.Series, begun: datetime, ended: datetime, length_s: float) -> float:
    """Return the requests per second of the busiest interval outside the incident that lasts as long.

    Shorter remainders before and after the incident count from half that length on; a record without one has
    its average.
    """
    import numpy as np

    rates = []
    for part in (other[other < begun], other[other > ended]):
        if part.empty or _span_s(part) < length_s / 2:
            continue
        moments = np.sort((part - part.min()).dt.total_seconds().to_numpy())
        wide = min(length_s, float(moments[-1]))
        within = np.searchsorted(moments, moments + wide, side="right") - np.arange(len(moments))
        rates.append(float(within.max()) / wide)
    outside_s = sum(_span_s(part) for part in (other[other < begun], other[other > ended]) if len(part))
    return max([len(other) / max(outside_s, 1.0), *rates])


def _senders(rows: pd.DataFrame, inside: pd.Series, length_s: float, other_s: float) -> dict[str, Message]:
    """Return sentences on the ``client``, ``agent`` and ``route`` that most of the excess comes from."""
    said = {}
    for column in ("client_addr", "user_agent", "route"):
        if column not in rows or rows[column].isna().all():
            continue
        during, usual = (rows.loc[part, column].value_counts() for part in (inside, ~inside))
        excess = during.sub(usual.reindex(during.index).fillna(0) / other_s * length_s).clip(lower=0)
        if excess.sum() <= 0 or excess.max() < MOST * excess.sum():
            continue
        who = str(excess.idxmax())
        # A proxy whose address all requests have shows nothing of the surge, as the only program that calls.
        if column != "route" and usual.get(who, 0) >= MOST * usual.sum():
            continue
        if column == "client_addr":
            said["client"] = message("health-arrivals-client", who=Resource(who))
        elif column == "route":
            said["route"] = message("health-arrivals-route", who=Resource(who))
        else:
            others = {str(agent): float(count) for agent, count in usual.items()}
            part = shortened(distinguishing_part(who, others), _LONGEST_AGENT, "...")
            said["agent"] = message("health-arrivals-agent", who=Quotation(part))
    return said


DETECTORS = (arrivals,)
DETECTORS_WITHOUT_INCIDENT = (all_well, stopped)
