"""Which record of the edge and which of Nginx are of one request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from watchme_analysis.analysis.time_pairs import possible_pairs

if TYPE_CHECKING:
    import pandas as pd

# Two records of one request that carry no common id must end within this time of each other; a log with
# whole seconds needs more.
JOIN_TOLERANCE_S = 1.0
JOIN_TOLERANCE_WHOLE_S = 2.0
# Cache statuses of an edge that asked nobody.
CACHED = ("hit", "stale", "updating", "revalidated")


def pairs_by_ray(nginx: pd.DataFrame, edge: pd.DataFrame) -> pd.DataFrame:
    """Pair what carries the same ray, in turn where it occurs more than once; columns as below."""
    import pandas as pd

    def numbered(frame: pd.DataFrame, side: str) -> pd.DataFrame:
        found = pd.DataFrame({"ray": frame[f"{side}_ray"], side: frame.index}).dropna(subset=["ray"])
        found["turn"] = found.groupby("ray").cumcount()
        return found

    pairs = numbered(nginx, "nginx").merge(numbered(edge, "edge"), on=["ray", "turn"])
    return pairs[["nginx", "edge"]].assign(joined_by="ray", join_candidates=1)


def pairs_by_time(nginx: pd.DataFrame, edge: pd.DataFrame) -> pd.DataFrame:
    """Pair what carries no common ray: same method, path, status and client, ended nearest to each other.

    Clients are compared where the two logs have any in common, for Nginx may log the edge's address. An edge
    that gave up knows no status of the origin: what is left over is compared without status and client.

    Parameters
    ----------
    nginx, edge
        The records' sides as :func:`watchme_analysis.analysis.health.requests.requests` names their columns.

    Returns
    -------
    pandas.DataFrame
        ``nginx``, ``edge`` (labels of the two frames), ``join_candidates`` (int, records of the other layer
        that fit as well), ``joined_by`` (``ray`` or ``time``).
    """
    import numpy as np
    import pandas as pd

    if nginx.empty or edge.empty:
        names = ("nginx", "edge", "join_candidates")
        return pd.DataFrame({name: pd.Series(dtype="int64") for name in names}).assign(joined_by="time")
    whole = bool((nginx["nginx_end"].dt.microsecond == 0).all())
    reach = JOIN_TOLERANCE_WHOLE_S if whole else JOIN_TOLERANCE_S
    base = nginx["nginx_end"].min()
    left = _ends(edge, "edge", edge["origin_status"].fillna(edge["edge_status"]), base)
    right = _ends(nginx, "nginx", nginx["nginx_status"], base)
    common = set(left["client"].dropna()) & set(right["client"].dropna())
    cached = edge.loc[left["at"], "cache_status"].isin(CACHED).to_numpy(dtype=bool)
    left = left[~(cached & (left["status"] == 0).to_numpy())]
    found = []
    for keys in (("method", "path", "status", *(("client",) if common else ())), ("method", "path")):
        one = left[left["status"] != 0] if "status" in keys else left
        near = (one["second"] - reach, one["second"] + reach)
        pairs = possible_pairs(one, right, near, keys)
        apart = abs(right["second"].to_numpy()[pairs.other] - one["second"].to_numpy()[pairs.one])
        sizes = len(one), len(right)
        kept = pairs.taken(np.argsort(apart, kind="stable"), sizes)
        rivals, claims = pairs.rivals(sizes)
        chosen = pairs.where(kept)
        found.append(
            pd.DataFrame(
                {
                    "nginx": right["at"].to_numpy()[chosen.other],
                    "edge": one["at"].to_numpy()[chosen.one],
                    "join_candidates": np.maximum(rivals, claims)[kept],
                }
            )
        )
        left = left[~left["at"].isin(found[-1]["edge"])]
        right = right[~right["at"].isin(found[-1]["nginx"])]
    return pd.concat(found, ignore_index=True).astype("int64").assign(joined_by="time")


def _ends(log: pd.DataFrame, side: str, status: pd.Series, base: Any) -> pd.DataFrame:
    """Return when each request ended, in seconds after ``base``, with what tells requests apart."""
    import pandas as pd

    found = pd.DataFrame(
        {
            "at": log.index,
            "second": (log[f"{side}_end"] - base).dt.total_seconds(),
            "method": log[f"{side}_method"],
            "path": log[f"{side}_path"],
            "status": status,
            "client": log[f"{side}_client_addr"],
        }
    )
    return found.dropna(subset=["second", "method", "path"])
