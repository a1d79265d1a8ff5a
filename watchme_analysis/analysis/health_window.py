"""Which endpoints failed or slowed down, and from when to when.

Each observation is judged against what its own endpoint usually does as seen from its own vantage; the
incident is the interval in which bad observations are densest: the contiguous run with the highest sum of
log-likelihood ratios (Kadane's maximum subarray over a Bernoulli scan statistic, Kulldorff 1997).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# Slow is twice the usual and half a second more: a user notices, a health check may not yet.
SLOW_RATIO = 2.0
SLOW_MARGIN_S = 0.5
# Strained is less than slow: too little to be an incident, enough to belong to one.
STRAIN_MARGIN_S = 0.15
# A quantile low enough that an incident over most of the record does not set the standard.
USUAL_QUANTILE = 0.2
# Share of bad observations in an incident and outside of one, for the scan; the second pair finds
# thin, intermittent trouble.
SCAN_SHARES = ((0.5, 0.02), (0.15, 0.01))
MIN_SCORE = 8.0
MIN_BAD = 4
# Anything shorter is a blip: a reload, a garbage collection, a deploy.
MIN_SPAN_S = 8.0
# Good time after the last bad observation that counts as recovery.
RECOVERY_S = 5.0
OUTER = ("outside", "edge", "nginx")


@dataclass(frozen=True)
class Incident:
    """The interval in which endpoints were bad.

    Attributes
    ----------
    start, end
        UTC; ``end`` is where recovery begins, or the last observation when still open.
    is_open
        True when the record ends without recovery.
    families
        Path families affected: those probed first, then by number of bad requests.
    score
        Log-likelihood ratio of the scan.
    bad, total
        Observations of the affected families inside the interval, from outside the container.
    """

    start: datetime
    end: datetime
    is_open: bool
    families: tuple[str, ...]
    score: float
    bad: int
    total: int


def judged(seen: pd.DataFrame) -> pd.DataFrame:
    """Judge every observation against the usual of its endpoint and vantage.

    Parameters
    ----------
    seen
        Frame of :func:`watchme_analysis.analysis.health_requests.observations`.

    Returns
    -------
    pandas.DataFrame
        The same rows with ``usual_s`` (float, the endpoint's usual duration from that vantage),
        ``limit_s`` (float, from which an answer counts as slow), ``failed`` (bool: no answer, an error,
        499, 5xx, or a refusal or redirect where the endpoint usually succeeds), ``slow`` (bool),
        ``bad`` (bool: either) and ``strained`` (bool: failed, or slower than usual by less than slow).
    """
    found = seen.copy()
    status = found["status"]
    succeeds = found["family"].map((status < 300).groupby(found["family"]).sum() >= 3).astype(bool)
    answered_badly = (status >= 500) | (status == 499)
    refused = (status >= 300) & (status != 304) & succeeds
    missing = status.isna() & ~found["vantage"].isin(["edge", "nginx"])
    found["failed"] = answered_badly | refused | missing | found["error"].notna().astype(bool)
    good = found[~found["failed"] & found["duration_s"].notna()]
    keys = ["family", "vantage"]
    usual = good.groupby(keys)["duration_s"].quantile(USUAL_QUANTILE).rename("usual_s")
    found = found.join(usual, on=keys)
    inside = usual.xs("inside", level="vantage") if "inside" in set(good["vantage"]) else None
    if inside is not None:
        # Where the inside is quick, an outside that was slow throughout is no standard.
        bound = found["family"].map(inside + SLOW_MARGIN_S).astype("float64")
        found["usual_s"] = found["usual_s"].astype("float64").clip(upper=bound.fillna(math.inf))
    found["limit_s"] = (found["usual_s"] * SLOW_RATIO).clip(lower=found["usual_s"] + SLOW_MARGIN_S)
    found["slow"] = (found["duration_s"] > found["limit_s"]).fillna(False)
    found["bad"] = found["failed"] | found["slow"]
    strain = (found["usual_s"] * SLOW_RATIO).clip(lower=found["usual_s"] + STRAIN_MARGIN_S)
    found["strained"] = found["bad"] | (found["duration_s"] > strain).fillna(False)
    return found


def requests_judged(observed: pd.DataFrame) -> pd.DataFrame:
    """Return one row per request or outer probe: bad when any outer layer saw it bad.

    Parameters
    ----------
    observed
        Frame of :func:`judged`.
    """
    import pandas as pd

    outer = observed[observed["vantage"].isin(OUTER)]
    if outer.empty:
        outer = observed
    logged = outer[outer["row"] >= 0]
    merged = logged.groupby("row", as_index=False).agg(
        start=("start", "min"),
        family=("family", "first"),
        bad=("bad", "max"),
        failed=("failed", "max"),
        strained=("strained", "max"),
        duration_s=("duration_s", "max"),
        client_addr=("client_addr", "last"),
    )
    probes = outer.loc[
        outer["row"] < 0, ["start", "family", "bad", "failed", "strained", "duration_s", "client_addr"]
    ]
    parts = [part for part in (merged.drop(columns="row"), probes) if len(part)]
    if not parts:
        return probes
    return pd.concat(parts, ignore_index=True).sort_values("start", kind="stable", ignore_index=True)


def densest_run(bad: Any, shares: tuple[float, float]) -> tuple[int, int, float]:
    """Return first and last index and score of the run where ``bad`` is densest.

    Parameters
    ----------
    bad
        Booleans in order of time.
    shares
        Share of bad observations inside and outside of an incident.
    """
    inside, outside = shares
    gain = math.log(inside / outside)
    loss = math.log((1 - inside) / (1 - outside))
    best, best_from, best_to = 0.0, 0, -1
    total, since = 0.0, 0
    for at, value in enumerate(bad):
        total += gain if value else loss
        if total <= 0:
            total, since = 0.0, at + 1
        elif total > best:
            best, best_from, best_to = total, since, at
    return best_from, best_to, best


def _scan(rows: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Return the rows of the densest run and its score, empty when too weak."""
    for shares in SCAN_SHARES:
        first, last, score = densest_run(rows["bad"].to_numpy(), shares)
        run = rows.iloc[first : last + 1]
        bad = run[run["bad"]]
        if score >= MIN_SCORE and len(bad) >= MIN_BAD:
            return run, score
    return rows.iloc[:0], 0.0


def _one_client(run: pd.DataFrame) -> bool:
    """Tell whether all trouble is one client's while others are served well."""
    bad, good = run[run["bad"]], run[~run["bad"]]
    if bad["client_addr"].isna().any() or bad["client_addr"].nunique() != 1:
        return False
    others = good[good["client_addr"] != bad["client_addr"].iloc[0]]
    return len(others) >= 3


def find_incident(observed: pd.DataFrame, family: str | None = None) -> Incident | None:
    """Find the incident in judged observations.

    Parameters
    ----------
    observed
        Frame of :func:`judged`.
    family
        Look at this family of paths alone.

    Returns
    -------
    Incident or None
        None when no endpoint was bad for long enough.
    """
    rows = requests_judged(observed)
    if family is not None:
        rows = rows[rows["family"] == family]
    runs = {}
    for name, group in rows.groupby("family"):
        run, score = _scan(group)
        if len(run) and not _one_client(run) and _span_s(run[run["bad"]]) >= MIN_SPAN_S:
            runs[str(name)] = (run, score)
    if not runs:
        return None
    worst = max(runs, key=lambda name: runs[name][1])
    start, end = runs[worst][0]["start"].iloc[0], runs[worst][0]["start"].iloc[-1]
    probed = set(observed.loc[observed["row"] < 0, "family"])
    # What was probed on purpose is what was asked about.
    affected = sorted(affected_families(rows, start, end), key=lambda name: name not in probed)
    pooled = rows[rows["family"].isin(affected)]
    run, score = _scan(pooled)
    if not len(run):
        run, score = runs[worst]
    run = _widened(pooled, run)
    bad = run[run["strained"]]
    first, last = bad["start"].iloc[0], bad["start"].iloc[-1]
    after = pooled[pooled["start"] > last]
    recovered = len(after) and (after["start"].iloc[-1] - last).total_seconds() >= RECOVERY_S
    final = after["start"].iloc[0] if recovered else max(last, rows["start"].iloc[-1])
    inside = pooled[(pooled["start"] >= first) & (pooled["start"] <= final)]
    return Incident(
        start=first.to_pydatetime(),
        end=final.to_pydatetime(),
        is_open=not recovered,
        families=tuple(affected),
        score=score,
        bad=int(inside["bad"].sum()),
        total=len(inside),
    )


def _widened(pooled: pd.DataFrame, run: pd.DataFrame) -> pd.DataFrame:
    """Return the run with the strained time around it that is as dense, else the run itself."""
    for shares in SCAN_SHARES:
        first, last, _ = densest_run(pooled["strained"].to_numpy(), shares)
        wider = pooled.iloc[first : last + 1]
        if len(wider) > len(run) and run.index.isin(wider.index).mean() >= 0.8:
            return wider
    return run


def _span_s(bad: pd.DataFrame) -> float:
    return float((bad["start"].iloc[-1] - bad["start"].iloc[0]).total_seconds()) if len(bad) else 0.0


def affected_families(rows: pd.DataFrame, start: Any, end: Any) -> list[str]:
    """Return the path families that were bad between two moments, most bad requests first.

    A family counts when at least a tenth of its requests were bad, or a third strained, and three times the
    share of other times; one seen only once or twice counts when all of it was bad.
    """
    during = (rows["start"] >= start) & (rows["start"] <= end)
    inside = rows[during].groupby("family")["bad"].agg(["sum", "size"])
    tight = rows[during].groupby("family")["strained"].mean()
    other = rows[~during].groupby("family")[["bad", "strained"]].mean().reindex(inside.index).fillna(0.0)
    share = inside["sum"] / inside["size"]
    clear = (share >= 0.1) & (share > 3 * other["bad"])
    tense = (tight >= 0.3) & (tight > 3 * other["strained"])
    keep = (clear | tense) & ((inside["sum"] >= 3) | (share == 1))
    ranked = inside["sum"][keep].sort_values(ascending=False, kind="stable")
    return [str(name) for name in ranked.index]


def phases(times: pd.Series, start: Any, end: Any) -> pd.Series:
    """Return ``baseline``, ``incident`` or ``after`` for each moment; null where there is no incident."""
    import pandas as pd

    if start is None:
        return pd.Series(pd.NA, index=times.index, dtype="string")
    found = pd.Series("incident", index=times.index, dtype="string")
    found[times < pd.Timestamp(start)] = "baseline"
    if end is not None:
        found[times > pd.Timestamp(end)] = "after"
    return found
