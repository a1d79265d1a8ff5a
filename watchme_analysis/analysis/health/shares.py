"""How much of an endpoint's time each layer takes, on average."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from watchme_analysis.analysis.health.layers import LAYERS

if TYPE_CHECKING:
    import pandas as pd


def layer_shares(layers: pd.DataFrame, families: Sequence[str]) -> pd.DataFrame:
    """Return the mean time that each layer adds, by endpoint and phase.

    Means, because they add up: the layers of a row sum to the mean time of its requests as far as the logs
    carry timing. To a request that Nginx answered by itself the application added nothing.

    Parameters
    ----------
    layers
        Frame of :func:`watchme_analysis.analysis.health.layers.layer_times`.
    families
        Path families, in the order wanted.

    Returns
    -------
    pandas.DataFrame
        ``family``, ``phase`` (``baseline``: outside the incident, ``incident``; ``all`` without one),
        ``requests`` (int, those with any timing), ``edge_s``, ``nginx_s``, ``connect_s``, ``header_s``,
        ``body_s`` (float, seconds; NaN where no request carries it), ``gave_up`` (int, requests in which a
        time limit passed).
    """
    import pandas as pd

    names = [f"{layer}_s" for layer in LAYERS]
    rows = layers[layers["family"].isin(list(families)) & layers[names].notna().any(axis=1)]
    rows = rows.assign(phase=rows["phase"].fillna("all").replace("after", "baseline"))
    groups = rows.groupby(["family", "phase"])
    found = groups.agg(requests=("family", "size"), gave_up=("gave_up_in", "count"))
    found[names] = groups[names].sum(min_count=1).div(groups.size().to_numpy(), axis=0)
    found = found.reset_index()
    order = {family: place for place, family in enumerate(families)}
    phases = {"all": 0, "baseline": 1, "incident": 2}
    key = found["family"].map(order) * 10 + found["phase"].map(phases)
    columns = ["family", "phase", "requests", *names, "gave_up"]
    return pd.DataFrame(found.loc[key.sort_values().index, columns]).reset_index(drop=True)


STATUS_CLASSES = ("1xx–3xx", "4xx", "499", "502", "504", "52x", "other 5xx", "no answer")


def status_classes(counts: pd.DataFrame) -> pd.DataFrame:
    """Lay out counts of statuses in classes that tell who failed.

    499 is Nginx's word for a client that left, 502 and 504 a gateway's for an upstream that refused or took
    too long, 520 to 529 Cloudflare's for trouble with the origin.

    Parameters
    ----------
    counts
        Frame of :func:`watchme_analysis.analysis.health.frames.status_counts`.

    Returns
    -------
    pandas.DataFrame
        ``family``, ``vantage``, ``phase`` (``baseline``: all time outside the incident) and a column per
        class of :data:`STATUS_CLASSES` that occurs (int), most failures first.
    """
    import pandas as pd

    rows = counts.assign(
        phase=counts["phase"].replace({"after": "baseline", "all": "baseline"}),
        kind=counts["status"].map(_status_class),
    )
    keys = ["family", "vantage", "phase"]
    wide = rows.pivot_table(index=keys, columns="kind", values="count", aggfunc="sum", fill_value=0)
    present = [name for name in STATUS_CLASSES if name in wide.columns]
    wide = wide[present].astype("int64").reset_index()
    wide.columns.name = None
    bad = wide[[name for name in present if name not in ("1xx–3xx", "4xx")]].sum(axis=1)
    worst = bad.groupby(wide["family"]).transform("sum")
    order = pd.DataFrame({"worst": -worst, **wide[keys]}).sort_values(["worst", *keys], kind="stable").index
    return wide.loc[order].reset_index(drop=True)


def _status_class(status: str) -> str:
    if not status.isdigit():
        return "no answer"
    if status in ("499", "502", "504"):
        return status
    if status.startswith("52"):
        return "52x"
    if status.startswith("5"):
        return "other 5xx"
    return "4xx" if status.startswith("4") else "1xx–3xx"
