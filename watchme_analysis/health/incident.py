"""The incident of an endpoint: which requests failed or were slow, on which routes, from when to when.

Each observation is judged against the usual duration of its own route from its own vantage. The incident is
the interval in which bad observations are densest (:func:`watchme_analysis.stats.interval_scan.densest_run`).
A route is a path template.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from watchme_analysis.health.thresholds import CALM_SHARE, FEWEST, FEWEST_OF_ROUTE, MANY, WHOLE
from watchme_analysis.nginx_conf.defaults import PROXY_READ_TIMEOUT_S
from watchme_analysis.requests.layers import SLOW_MARGIN_S
from watchme_analysis.requests.observations import INNER_FIRST, OUTER
from watchme_analysis.stats.interval_scan import bounds_likelihood, densest_run, likeliest_bounds
from watchme_analysis.stats.intervals import Interval

if TYPE_CHECKING:
    import pandas as pd

# Shares of bad observations inside and outside of an incident, for the scan. The second pair finds trouble
# that is thin or comes and goes.
SCAN_SHARES = ((0.5, 0.02), (0.15, 0.01))
# Shares inside and outside that find the core of a run.
CORE_SHARES = (0.8, 0.2)
# Log-likelihood ratio of the scan, at least.
MIN_SCORE = 8.0
# Strained observations are weaker evidence than bad ones: an incident of them alone must be this clear.
MIN_STRAINED_SCORE = 30.0
# Bad observations of an incident, at least.
MIN_BAD = 4
# Length in seconds from which an outage is an incident, by definition: no property of a record separates it
# from a reload or a garbage collection, which fail requests as well. All other lengths are relative.
SHORTEST_S = 8.0
# Quantile that stands for nearly all pauses, or nearly all durations of bad requests.
NEARLY_ALL = 0.9
# Share of strained observations from which time beside an incident belongs to it, and half its own share.
DENSE_STRAIN = 0.3
# A request is slow from this many times the usual duration, and so many seconds more. The seconds are a bound
# of perception (SLOW_MARGIN_S), and people take 0.1 s for instant. Without it, doubled milliseconds would
# count. What took no longer than an instant did not wait.
SLOW_RATIO = 2.0
INSTANT_S = 0.1
# A request is strained from so many seconds more: too little for an incident, enough to belong to one.
STRAIN_MARGIN_S = 0.15
# Quantile of the durations that is usual: low enough that a long incident does not set the standard.
USUAL_QUANTILE = 0.2
# Share of an endpoint's requests from which on one sender's are left out: a flood sets no standard either.
FLOOD_SHARE = 0.5
# Share of an incident's length from which time before or after it is a burst or fault of its own.
BESIDE_SHARE = 0.2
# Share of an incident's length for which good time after it is a recovery.
RECOVERED_SHARE = 0.1
# Texts by which curl, getaddrinfo and HTTP clients report that a name could not be resolved.
UNRESOLVED = r"resolve|name resolution|name or service not known|getaddrinfo|gaierror|nxdomain|nodename"
# Texts by which a prober reports that its own machine has no route to any address of that kind.
NO_WAY_OUT = r"network is unreachable|enetunreach"


@dataclass(frozen=True, kw_only=True)
class Incident(Interval):
    """The interval in which endpoints failed or were slow.

    ``end`` is where recovery begins, or the last observation when the record ends without recovery. ``count``
    of ``base`` requests of the affected ``routes`` failed or were slow as ``vantage`` saw them, which lies
    outside of the container and saw most. The routes that were probed come first, then by number of bad
    requests.
    """

    routes: tuple[str, ...]
    vantage: str


def scan(rows: pd.DataFrame, column: str, least: float = MIN_SCORE) -> tuple[pd.DataFrame, float]:
    """Return the rows of the densest lasting run, if one is clear, and its log-likelihood ratio."""
    is_bad = rows[column].to_numpy(dtype=bool)
    best: tuple[float, pd.DataFrame, float] | None = None
    for shares in SCAN_SHARES:
        first, last, score = densest_run(is_bad, shares)
        run = rows.iloc[first : last + 1]
        if score < least or run[column].sum() < MIN_BAD:
            continue
        # Trouble that recurs has dense bursts: the likelier bounds count, not those of the densest burst.
        likelihood = bounds_likelihood(is_bad, (first, last))
        if _lasted_s(rows, run[run[column]], column) >= SHORTEST_S and (best is None or likelihood > best[0]):
            best = likelihood, run, score
    return (rows.iloc[:0], 0.0) if best is None else (best[1], best[2])


def widened(pooled: pd.DataFrame, run: pd.DataFrame) -> pd.DataFrame:
    """Return a run extended by the time around it in which strained observations are dense as well."""
    for shares in SCAN_SHARES:
        first, last, _ = densest_run(pooled["strained"].to_numpy(), shares)
        wider = pooled.iloc[first : last + 1]
        if len(wider) > len(run) and run.index.isin(wider.index).mean() >= WHOLE:
            begin, end = run.index[0], run.index[-1]
            before, after = wider[wider.index < begin], wider[wider.index > end]
            dense = max(DENSE_STRAIN, run["strained"].mean() / 2)
            parts = [part for part in (before, after) if part["strained"].mean() >= dense]
            return pooled.loc[pooled.index.isin(run.index.union([at for part in parts for at in part.index]))]
    return run


def span_s(bad: pd.DataFrame) -> float:
    """Return the seconds from the first to the last of some requests."""
    return float((bad["start"].iloc[-1] - bad["start"].iloc[0]).total_seconds()) if len(bad) else 0.0


def _lasted_s(rows: pd.DataFrame, bad: pd.DataFrame, column: str) -> float:
    """Return the seconds for which a fault may have lasted, from the bad requests that met it.

    It began after the last good request before them and ended before the first good one after them, but not
    further away than the longest pause between them: the endpoint may not have been called for long. Where
    good requests come between, ``n`` requests at random moments span on average ``(n - 1) / (n + 1)`` of its
    length. A request that ended at a time limit began that much earlier, also where the log has no durations.
    """
    waited = PROXY_READ_TIMEOUT_S if bad["timed_out"].any() else 0.0
    first, last, span = bad["start"].iloc[0], bad["start"].iloc[-1], span_s(bad)
    good = rows.loc[~rows[column], "start"]
    longest_s = float(bad["start"].diff().dt.total_seconds().max())
    before, after = first - good[good < first].max(), good[good > last].min() - last
    # At an end of the record the gap is not a number, and ``min`` returns its first argument.
    unseen_s = sum(min(longest_s, float(gap.total_seconds())) for gap in (before, after))
    return max(span + unseen_s, span * (len(bad) + 1) / max(len(bad) - 1, 1)) + waited


def refined(rows: pd.DataFrame, run: pd.DataFrame, column: str = "bad") -> pd.DataFrame:
    """Return a run with the bounds that are likeliest for its own share of bad observations.

    The scan assumes fixed shares. Where nearly all is bad inside, thin trouble beside the run looks like part
    of it; where little is bad, its ends look calm. So the bounds are fitted to the shares inside and outside
    (:func:`likeliest_bounds`), once from the run and once from its core, and the likelier result counts.
    """
    is_bad = rows[column].to_numpy(dtype=bool)
    first = int(rows.index.get_loc(run.index[0]))
    core, until, _ = densest_run(is_bad, CORE_SHARES)
    begun = [(first, first + len(run) - 1), *([(core, until)] if until >= core else [])]
    ends = [likeliest_bounds(is_bad, bounds) for bounds in begun]
    begin, end = max(ends, key=lambda bounds: bounds_likelihood(is_bad, bounds))
    # Both bounds were chosen among as many as there are rows: chance alone makes some likelier.
    if bounds_likelihood(is_bad, (begin, end)) - bounds_likelihood(is_bad, begun[0]) < 2 * math.log(
        len(is_bad)
    ):
        return run
    begin, end = _with_bursts(rows, (begin, end), begun[0], column)
    found = rows.iloc[begin : end + 1]
    return found if span_s(found[found[column]]) >= SHORTEST_S else run


def _with_bursts(
    rows: pd.DataFrame, bounds: tuple[int, int], scanned: tuple[int, int], column: str
) -> tuple[int, int]:
    """Return bounds extended by the dense, lasting bursts of the scanned run that they leave out."""
    (begin, end), (first, last) = bounds, scanned
    least_s = BESIDE_SHARE * span_s(rows.iloc[begin : end + 1])
    for left, right in ((first, begin), (end + 1, last + 1)):
        part = rows.iloc[left:right]
        start, stop, score = densest_run(part[column].to_numpy(), CORE_SHARES)
        burst = part.iloc[start : stop + 1]
        if score >= MIN_SCORE and span_s(burst[burst[column]]) >= least_s:
            begin, end = min(begin, left + start), max(end, left + stop)
    return begin, end


def judge_observations(seen: pd.DataFrame) -> pd.DataFrame:
    """Return the observations judged against the usual duration of their route and vantage.

    New columns: ``usual_s``, ``limit_s`` (seconds from which a response counts as slow), ``failed``,
    ``slow``, ``timed_out`` (ended at a time limit of Nginx, without a logged duration), ``bad`` (failed or
    slow) and ``strained`` (failed, or slower than usual by less than slow). Failed are: no response, an
    error, 5xx, a 499 unless the client left before the response was late, and a refusal or redirect where the
    route usually succeeds. A name that was not resolved and a prober without a network are no failures of the
    route.
    """
    found = seen.copy()
    status = found["status"]
    succeeds = found["route"].map((status < 300).groupby(found["route"]).sum() >= FEWEST).astype(bool)
    left = status == 499
    refused = (status >= 300) & (status != 304) & ~left & succeeds
    missing = status.isna() & ~found["vantage"].isin(["edge", "nginx"])
    # A probe whose name was not resolved, or that was not sent, says nothing about the endpoint.
    unasked = found["error"].str.contains(UNRESOLVED, case=False).fillna(False).astype(bool)
    no_way_out = found["error"].str.contains(NO_WAY_OUT, case=False).fillna(False).astype(bool)
    unasked |= no_way_out & found["vantage"].eq("outside").astype(bool)
    # Nginx waited for one server until a time limit before another one responded: late, but served.
    waited = found["error"].str.startswith("upstream_timeout").fillna(False).astype(bool)
    waited &= (status < 400) & found["error"].ne("upstream_timeout_body").fillna(False).astype(bool)
    failed = (status >= 500) | left | refused | missing | found["error"].notna().astype(bool)
    found["failed"] = failed & ~unasked & ~waited
    good = found[~found["failed"] & found["duration_s"].notna()]
    found["usual_s"] = _usual_s(found, good)
    found["limit_s"] = (found["usual_s"] * SLOW_RATIO).clip(lower=found["usual_s"] + SLOW_MARGIN_S)
    found["slow"] = ((found["duration_s"] > found["limit_s"]).fillna(False) & ~unasked) | waited
    # A client that left before the response was late left for reasons of its own.
    found["failed"] &= ~(left & (found["duration_s"] <= found["limit_s"]).fillna(False))
    ended_at_limit = (status == 504) | found["error"].str.startswith("upstream_timeout").fillna(False)
    found["timed_out"] = (ended_at_limit & found["duration_s"].isna()).astype(bool)
    found["bad"] = found["failed"] | found["slow"]
    strain = (found["usual_s"] * SLOW_RATIO).clip(lower=found["usual_s"] + STRAIN_MARGIN_S)
    found["strained"] = found["bad"] | (found["duration_s"] > strain).fillna(False)
    return found


def _usual_s(seen: pd.DataFrame, good: pd.DataFrame) -> pd.Series:
    """Return for every observation the usual duration of its route from its vantage, in seconds."""
    import pandas as pd

    by_request = good.groupby(["route", "vantage"])["duration_s"].quantile(USUAL_QUANTILE)
    # One sender's requests can be most of a record, and all of them late.
    sent = good.groupby(["route", "vantage", "client_addr"])["start"].transform("size")
    seen_from = good.groupby(["route", "vantage"])["start"].transform("size")
    others = good[~(sent > FLOOD_SHARE * seen_from)].groupby(["route", "vantage"])["duration_s"]
    by_others = others.quantile(USUAL_QUANTILE).where(others.size() >= MANY).reindex(by_request.index)
    wide = by_request.mask(by_others * SLOW_RATIO < by_request, by_others).unstack()
    wide = wide.reindex(columns=list(INNER_FIRST)).astype("float64")
    # A cache responds faster than the layers behind it and is no standard for requests that pass through.
    usual = wide.cummax(axis=1).where(wide.notna())
    # Where the inside is fast, an outside that was slow all the time is no standard.
    usual = usual.clip(upper=(wide["inside"] + SLOW_MARGIN_S).fillna(math.inf), axis=0)
    flat = usual.stack()
    keys = pd.MultiIndex.from_arrays([seen["route"].astype(object), seen["vantage"].astype(object)])
    return pd.Series(flat.reindex(keys).to_numpy(dtype="float64"), index=seen.index)


def judge_requests(observed: pd.DataFrame) -> pd.DataFrame:
    """Return one row per request or outer probe, which is bad when it was bad at any outer vantage."""
    import numpy as np
    import pandas as pd

    is_bad = ["bad", "failed", "strained", "timed_out"]
    is_outer = observed["vantage"].isin(OUTER)
    outer = observed.loc[
        is_outer if is_outer.any() else slice(None),
        ["row", "start", "route", *is_bad, "duration_s", "client_addr"],
    ]
    number = outer["row"].to_numpy()
    # The observations of a request lie side by side, the earliest first, after those of no logged request.
    order = number.argsort(kind="stable")
    logged = order[np.count_nonzero(number < 0) :]
    first = np.flatnonzero(np.diff(number[logged], prepend=-1))
    # They have its route and its client in common.
    merged = outer.iloc[logged[first]]
    worst = {name: np.maximum.reduceat(outer[name].to_numpy()[logged], first) for name in is_bad}
    longest_s = np.fmax.reduceat(outer["duration_s"].to_numpy()[logged], first)
    merged = merged.assign(**worst, duration_s=longest_s)
    found = pd.concat([merged, outer[number < 0]]).drop(columns="row")
    return found.sort_values("start", kind="stable", ignore_index=True)


def _one_client(run: pd.DataFrame, column: str) -> bool:
    """Return True when all bad requests are of one client while others are served well."""
    bad, good = run[run[column]], run[~run[column]]
    if bad["client_addr"].isna().any() or bad["client_addr"].nunique() != 1:
        return False
    others = good[good["client_addr"] != bad["client_addr"].iloc[0]]
    return len(others) >= FEWEST


def find_incident(observed: pd.DataFrame, route: str | None = None) -> Incident | None:
    """Return the incident in judged observations; None when no route was bad for long enough."""
    rows = judge_requests(observed)
    if route is not None:
        rows = rows[rows["route"] == route]
    runs, is_mild = _runs(rows)
    if not runs:
        return None
    worst = max(runs, key=lambda name: runs[name][1])
    start, end = runs[worst][0]["start"].iloc[0], runs[worst][0]["start"].iloc[-1]
    probed = set(observed.loc[observed["row"] < 0, "route"])
    during = rows[(rows["start"] >= start) & (rows["start"] <= end)]
    affected = affected_routes(rows, start, end) or list(during.loc[during["strained"], "route"].unique())
    # A route that was bad long before or after the worst one has a fault of its own as well.
    longer = {name: run for name, (run, _) in runs.items() if name and _outlasts(run, start, end)}
    longer = {name: run for name, run in longer.items() if name not in affected}
    affected += longer
    # Probed routes come first: the question is about them.
    affected = sorted(affected, key=lambda name: name not in probed)
    pooled = rows[rows["route"].isin(affected)]
    run, score = scan(pooled, "strained" if is_mild else "bad")
    if not len(run):
        run, score = runs[worst]
    run = refined(pooled, run, "strained" if is_mild else "bad")
    run = widened(pooled, run)
    bad = run[run["strained"]]
    rows_of = dict(list(rows[rows["route"].isin(probed.intersection(runs))].groupby("route")))
    own = [refined(rows_of[name], found) for name, (found, _) in runs.items() if name in rows_of]
    episodes = [bad, *(found for found in own if _goes_on(found, bad))]
    first, last = (
        min(run["start"].iloc[0] for run in episodes),
        max(run["start"].iloc[-1] for run in episodes),
    )
    after = pooled[pooled["start"] > last]
    recovered = _has_recovered(run[run["bad"] if run["bad"].any() else run["strained"]], after, last)
    final = after["start"].iloc[0] if recovered else max(last, rows["start"].iloc[-1])
    vantage, count, base = _counts(observed, affected, first, final)
    return Incident(
        start=first.to_pydatetime(),
        end=final.to_pydatetime(),
        kind="incident",
        is_open=not recovered,
        routes=tuple(affected),
        score=score,
        count=count,
        base=base,
        vantage=vantage,
    )


def _counts(observed: pd.DataFrame, routes: list[str], first: Any, final: Any) -> tuple[str, float, float]:
    """Return the vantage that saw most bad requests, and its numbers of bad and of all requests.

    A probe from outside is in the edge's log and in Nginx's log as well, so vantages are never added up.
    """
    seen = observed[
        observed["route"].isin(routes) & (observed["start"] >= first) & (observed["start"] <= final)
    ]
    numbers = seen.groupby("vantage", observed=True)["bad"].agg(["sum", "size"])
    outer = [vantage for vantage in OUTER if vantage in numbers.index] or list(numbers.index)
    most = max(outer, key=lambda vantage: numbers.loc[vantage, "sum"])
    return str(most), float(numbers.loc[most, "sum"]), float(numbers.loc[most, "size"])


def _has_recovered(bad: pd.DataFrame, after: pd.DataFrame, last: Any) -> bool:
    """Return True when the good time after an incident exceeds nearly all pauses and waits within it.

    A log lacks the requests that were still waiting when it ended: a shorter time shows nothing. Beside a
    short incident, a share of its length is enough.
    """
    if len(after) < FEWEST_OF_ROUTE:
        return False
    pauses = bad["start"].diff().dt.total_seconds().fillna(0.0)
    waits = bad["duration_s"].astype("float64").fillna(PROXY_READ_TIMEOUT_S)
    wait_s = min(float(waits.quantile(NEARLY_ALL)), RECOVERED_SHARE * span_s(bad))
    least_s = max(float(pauses.quantile(NEARLY_ALL)), wait_s)
    return float((after["start"].iloc[-1] - last).total_seconds()) >= least_s


def _goes_on(own: pd.DataFrame, bad: pd.DataFrame) -> bool:
    """Return True when a route's own run begins long before or ends long after the bad run around it."""
    first, last = own["start"].iloc[0], own["start"].iloc[-1]
    begun, ended = bad["start"].iloc[0], bad["start"].iloc[-1]
    together = (min(last, ended) - max(first, begun)).total_seconds()
    beside = max((begun - first).total_seconds(), (last - ended).total_seconds())
    return bool(min(together, beside) >= BESIDE_SHARE * (ended - begun).total_seconds())


def _outlasts(run: pd.DataFrame, start: Any, end: Any) -> bool:
    """Return True when a run covers most of an interval and lasts much longer."""
    first, last = run["start"].iloc[0], run["start"].iloc[-1]
    covered = (min(last, end) - max(first, start)).total_seconds()
    beside = (last - first).total_seconds() - covered
    length = (end - start).total_seconds()
    return bool(covered >= WHOLE * length and beside >= BESIDE_SHARE * length)


def find_brief_failure(observed: pd.DataFrame) -> tuple[datetime, datetime, int] | None:
    """Return start, end and count of the densest bad requests of a record without an incident.

    A restart or reload may fail all clients for a few seconds. None where bad requests are too few, or where
    all are of one client.
    """
    rows = judge_requests(observed)
    first, last, score = densest_run(rows["bad"].to_numpy(), SCAN_SHARES[0])
    run = rows.iloc[first : last + 1]
    bad = run[run["bad"]]
    if score < MIN_SCORE or len(bad) < MIN_BAD or _one_client(run, "bad"):
        return None
    return bad["start"].iloc[0].to_pydatetime(), bad["start"].iloc[-1].to_pydatetime(), len(bad)


def _runs(rows: pd.DataFrame) -> tuple[dict[str, tuple[pd.DataFrame, float]], bool]:
    """Return the densest run of each route that has one, and whether it consists of strained requests alone.

    Where no route has a run of its own, all are taken together: trouble of a link or process may be thin in
    each. Last comes time in which most requests were slower than usual without being slow.
    """
    often = rows["bad"].groupby(rows["route"]).sum()
    bad_routes = rows["route"].isin(often.index[often >= MIN_BAD])
    grouped = {str(name): group for name, group in rows[bad_routes].groupby("route")}
    for groups, column, least in (
        (grouped, "bad", MIN_SCORE),
        ({"": rows}, "bad", MIN_SCORE),
        ({"": rows}, "strained", MIN_STRAINED_SCORE),
    ):
        found = {}
        for name, group in groups.items():
            run, score = scan(group, column, least)
            if len(run) and not _one_client(run, column):
                found[name] = (run, score)
        if found:
            return found, column == "strained"
    return {}, False


def affected_routes(rows: pd.DataFrame, start: Any, end: Any) -> list[str]:
    """Return the routes that were bad between two moments, most bad requests first.

    A route counts when at least a tenth of its requests were bad, or a third strained, and three times the
    share of other times. A route with one or two requests counts when all of them were bad.
    """
    during = (rows["start"] >= start) & (rows["start"] <= end)
    inside = rows[during].groupby("route")["bad"].agg(["sum", "size"])
    tight = rows[during].groupby("route")["strained"].mean()
    other = rows[~during].groupby("route")[["bad", "strained"]].mean().reindex(inside.index).fillna(0.0)
    share = inside["sum"] / inside["size"]
    clear = (share >= CALM_SHARE) & (share > 3 * other["bad"])
    tense = (tight >= DENSE_STRAIN) & (tight > 3 * other["strained"])
    keep = (clear | tense) & ((inside["sum"] >= FEWEST) | (share == 1))
    ranked = inside["sum"][keep].sort_values(ascending=False, kind="stable")
    return [str(name) for name in ranked.index]
