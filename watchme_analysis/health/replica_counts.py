"""Replicas: servers that share the requests of the same routes, and which of them an incident is about."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from watchme_analysis.health.thresholds import CALM_SHARE, FEWEST, MOST

if TYPE_CHECKING:
    import pandas as pd


def replica_counts(requests: pd.DataFrame, fates: pd.DataFrame, servers: Collection[str]) -> pd.DataFrame:
    """Return how each of several replicas served the requests of an incident.

    A load balancer gives each server a share of the requests of a route (ngx_http_upstream_module), so that a
    fault of one replica shows in the requests that were sent to it. A bad request counts for the replica that
    it failed at, also where another one was tried afterwards. Columns: ``requests``, ``bad`` (int),
    ``failing``, by address; no rows without two ``servers`` (``host:port``, each server once). No replica is
    failing where none differs from the others. Of a log without upstreams, servers that no line names have 0
    requests: which of them served a request is unknown.
    """
    import pandas as pd

    known = fates[fates["row"].isin(requests.index) & fates["address"].notna()]
    failed_at = known.drop_duplicates("row").set_index("row")["address"].astype("string")
    address = failed_at.reindex(requests.index).fillna(requests["upstream_addr"])
    mine = requests.assign(address=address)[address.isin(list(servers))]
    alone = fates[(fates["row"] < 0) & fates["address"].isin(list(servers))]["address"].value_counts()
    counts = mine.groupby("address")["nginx_bad"].agg(requests="size", bad="sum")
    counts = counts.reindex(counts.index.union(alone.index), fill_value=0).astype("int64")
    counts = counts.add(pd.DataFrame({"requests": alone, "bad": alone}).reindex(counts.index, fill_value=0))
    if requests["upstream_addr"].isna().all():
        # A log without upstreams: lines of errors name the servers that fail, and no others.
        counts = counts.reindex(counts.index.union(list(servers)), fill_value=0)
        failing, others = counts["bad"] >= FEWEST, counts["bad"].eq(0)
        others &= int((~requests["nginx_bad"]).sum()) >= FEWEST
    else:
        share = counts["bad"] / counts["requests"]
        failing = (share >= MOST) & (counts["bad"] >= FEWEST)
        others = ~failing & (share <= CALM_SHARE) & (counts["requests"] >= FEWEST)
    is_apart = failing.any() and others.any() and (failing | others).all()
    return counts.assign(failing=failing & is_apart)[: len(counts) if len(counts) > 1 else 0]
