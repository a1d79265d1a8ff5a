"""Joins of the edge's and Nginx's records of one request, and of Workers' subrequests with their client's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from watchme_analysis.stats.clock_skew import MOST_COMPARED, skew_of_logs
from watchme_analysis.stats.time_pairs import in_whole_seconds, place_in_second, possible_pairs

if TYPE_CHECKING:
    import pandas as pd

_SUBREQUEST = r'"WorkerSubrequest": true'
_PARENT = r'"ParentRayID": "([0-9a-f]+)"'
# Columns that only the subrequest to the origin fills, and the ray that the origin gets.
_OF_ORIGIN = ["ray_id", "origin_addr", "origin_status", "origin_duration_ms", "origin_handshake_ms"]


def client_requests(edge_log: pd.DataFrame) -> pd.DataFrame:
    """Return the requests of clients, with the origin's part taken from their Workers' subrequests.

    Cloudflare logs both, and the client's request as one that reached no origin; the subrequest names it as
    its parent. Of several subrequests the slowest counts.
    """
    more = edge_log["extra"].fillna("")
    is_inner = more.str.contains(_SUBREQUEST, regex=False)
    if not is_inner.any():
        return edge_log
    parents = more.str.extract(_PARENT, expand=False).where(is_inner)
    subrequests = edge_log.assign(parent=parents)[parents.notna() & parents.isin(edge_log["ray_id"])]
    if subrequests.empty:
        return edge_log
    slowest = subrequests.sort_values("duration_ms", kind="stable").drop_duplicates("parent", keep="last")
    inner = slowest.set_index("parent")[_OF_ORIGIN]
    callers = edge_log.drop(index=subrequests.index)
    met = callers["ray_id"].isin(inner.index)
    found = inner.loc[callers.loc[met, "ray_id"]].set_axis(callers.index[met])
    return callers.assign(**{name: callers[name].mask(met, found[name]) for name in _OF_ORIGIN})


# Seconds between the ends of two records of one request without a common id, at most; a log with whole
# seconds needs more.
JOIN_TOLERANCE_S = 1.0
JOIN_TOLERANCE_WHOLE_S = 2.0
# Seconds within which right pairs agree: the network path between the two, and whole seconds.
STEP_S = 0.02
STEP_WHOLE_S = 0.1
# Records whose distance differs by fewer seconds fit as well.
ALIKE_S = 0.02
ALIKE_WHOLE_S = 0.5
# Requests by which clocks are aligned, at least, and their share of all.
_FEW = 10
_SHARE = 0.3
# Seconds that two clocks may be apart to be aligned.
MOST_SKEW_S = 5.0
# Cache statuses of responses for which the edge contacted no origin.
CACHED = ("hit", "stale", "updating", "revalidated")


def pairs_by_ray(nginx: pd.DataFrame, edge: pd.DataFrame) -> pd.DataFrame:
    """Return pairs of records with the same ray, in order where it occurs often, as :func:`pairs_by_time`."""
    import pandas as pd

    waiting: dict[str, list[int]] = {}
    for ray, at in zip(edge["edge_ray"].to_numpy(dtype=object)[::-1], edge.index[::-1], strict=True):
        if isinstance(ray, str):
            waiting.setdefault(ray, []).append(at)
    # The last of each list is the earliest.
    pairs = [
        (at, waiting[ray].pop())
        for ray, at in zip(nginx["nginx_ray"].to_numpy(dtype=object), nginx.index, strict=True)
        if isinstance(ray, str) and waiting.get(ray)
    ]
    found = pd.DataFrame(pairs, columns=["nginx", "edge"], dtype="int64")
    return found.assign(joined_by="ray", join_candidates=1)


def pairs_by_time(nginx: pd.DataFrame, edge: pd.DataFrame) -> pd.DataFrame:
    """Return pairs of records without a common ray that agree in all logged fields, nearest in time first.

    Method, path and status must agree, the user agent where both logs have it, and client and query where
    they have any in common, since Nginx may log the edge's address. The clocks are aligned first. An edge
    that gave up knows no status of the origin, so the remaining records are compared by method and path.
    Columns: ``nginx``, ``edge`` (labels of the two frames), ``join_candidates`` (int, records of the other
    layer that fit as well), ``joined_by`` (``ray`` or ``time``).
    """
    import pandas as pd

    if nginx.empty or edge.empty:
        names = ("nginx", "edge", "join_candidates")
        return pd.DataFrame({name: pd.Series(dtype="int64") for name in names}).assign(joined_by="time")
    base = nginx["nginx_end"].min()
    whole = in_whole_seconds(nginx["nginx_end"]) or in_whole_seconds(edge["edge_end"])
    left = _ends(edge, "edge", edge["origin_status"].fillna(edge["edge_status"]), base)
    right = _ends(nginx, "nginx", nginx["nginx_status"], base)
    cached = edge.loc[left["at"], "cache_status"].isin(CACHED).to_numpy(dtype=bool)
    left = left[~(cached & (left["status"] == 0).to_numpy())]
    exact = ("method", "path", "status", *_compared(left, right))
    ahead = skew_of_logs(left, right, exact, STEP_WHOLE_S if whole else STEP_S, MOST_SKEW_S)
    if ahead.pairs >= max(_FEW, _SHARE * min(MOST_COMPARED, len(left), len(right))):
        right[["second", "begun"]] -= ahead.ahead_s
    found = []
    for keys in (exact, ("method", "path")):
        one = left[left["status"] != 0] if "status" in keys else left
        found.append(_nearest(one, right, keys, whole=whole))
        left = left[~left["at"].isin(found[-1]["edge"])]
        right = right[~right["at"].isin(found[-1]["nginx"])]
    return pd.concat(found, ignore_index=True).astype("int64").assign(joined_by="time")


def _compared(left: pd.DataFrame, right: pd.DataFrame) -> list[str]:
    """Return the further columns that must agree; an edge may log clients that Nginx sees as its address."""
    agents = ["user_agent"] if left["user_agent"].notna().any() and right["user_agent"].notna().any() else []
    shared = [
        name for name in ("client_addr", "query") if set(left[name].dropna()) & set(right[name].dropna())
    ]
    return agents + shared


def _nearest(one: pd.DataFrame, other: pd.DataFrame, keys: Sequence[str], *, whole: bool) -> pd.DataFrame:
    """Return pairs taken nearest first, each record once."""
    import numpy as np
    import pandas as pd

    reach, alike = (JOIN_TOLERANCE_WHOLE_S, ALIKE_WHOLE_S) if whole else (JOIN_TOLERANCE_S, ALIKE_S)
    at = one["second"].to_numpy(dtype=float)
    pairs = possible_pairs(one, other, (at - reach, at + reach), keys, around=at)
    apart = abs(other["second"].to_numpy()[pairs.other] - at[pairs.one])
    begun = abs(other["begun"].to_numpy()[pairs.other] - one["begun"].to_numpy()[pairs.one])
    apart = apart + np.nan_to_num(begun)
    kept = pairs.taken(np.argsort(apart, kind="stable"), (len(one), len(other)))
    chosen = pairs.where(kept)
    candidates = np.ones(len(kept), "int64")
    for all_of, mine, size in ((pairs.one, chosen.one, len(one)), (pairs.other, chosen.other, len(other))):
        limit = np.full(size, -np.inf)
        limit[mine] = apart[kept] + alike
        fitting = np.bincount(all_of[apart <= limit[all_of]], minlength=size)
        candidates = np.maximum(candidates, fitting[mine])
    return pd.DataFrame(
        {
            "nginx": other["at"].to_numpy()[chosen.other],
            "edge": one["at"].to_numpy()[chosen.one],
            "join_candidates": candidates,
        }
    )


def _ends(log: pd.DataFrame, side: str, status: pd.Series, base: Any) -> pd.DataFrame:
    """Return start and end of each request in seconds after ``base``, with the columns that are compared.

    A time in whole seconds stands for its middle, or, as Nginx writes its lines in order, for the line's
    place in its second.
    """
    import pandas as pd

    ended = log[f"{side}_end"]
    second = (ended - base).dt.total_seconds()
    begun = (log[f"{side}_start"] - base).dt.total_seconds().where(log[f"{side}_s"].notna())
    if in_whole_seconds(ended):
        place = place_in_second(ended, log["nginx_file"], log["nginx_line"]) if side == "nginx" else 0.5
        second, begun = second + place, begun + place
    found = pd.DataFrame(
        {
            "at": log.index,
            "second": second,
            "begun": begun,
            "method": log[f"{side}_method"],
            "path": log[f"{side}_path"],
            "status": status,
            **{name: log[f"{side}_{name}"] for name in ("client_addr", "user_agent", "query")},
        }
    )
    return found.dropna(subset=["second", "method", "path"])
