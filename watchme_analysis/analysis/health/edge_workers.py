"""Requests of callers at an edge whose Workers ask the origin in their name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_SUBREQUEST = r'"WorkerSubrequest": true'
_PARENT = r'"ParentRayID": "([0-9a-f]+)"'
# What only the request to the origin knows of it, and the ray that the origin gets.
_OF_ORIGIN = ["ray_id", "origin_addr", "origin_status", "origin_duration_ms", "origin_handshake_ms"]


def callers_requests(edge_log: pd.DataFrame) -> pd.DataFrame:
    """Return the requests of callers, with what their Workers' requests met at the origin.

    Cloudflare logs both, and the caller's as one that no origin was asked for: the Worker's names it as its
    parent. Of several the one that took longest counts.

    Parameters
    ----------
    edge_log
        Table of the glossary.
    """
    more = edge_log["extra"].fillna("")
    parents = more.str.extract(_PARENT, expand=False).where(more.str.contains(_SUBREQUEST, regex=False))
    asked = edge_log.assign(parent=parents)[parents.notna() & parents.isin(edge_log["ray_id"])]
    if asked.empty:
        return edge_log
    slowest = asked.sort_values("duration_ms", kind="stable").drop_duplicates("parent", keep="last")
    inner = slowest.set_index("parent")[_OF_ORIGIN]
    callers = edge_log.drop(index=asked.index)
    met = callers["ray_id"].isin(inner.index)
    found = inner.loc[callers.loc[met, "ray_id"]].set_axis(callers.index[met])
    return callers.assign(**{name: callers[name].mask(met, found[name]) for name in _OF_ORIGIN})
