"""Requests whose time was their sender's: uploads that were answered at once when they had arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# How much longer than the layer behind it a layer must have had a request.
SENDING_S = 0.4
# A share of an endpoint's uploads from which it is no longer a matter of some senders.
MOST = 0.8


def slow_senders(joined: pd.DataFrame, side: str) -> pd.Series:
    """Tell of each request whether a layer waited for its sender alone.

    A proxy reads a request with a body whole before it passes it on. Where, for a time, most uploads of an
    endpoint take long, whoever sends them, it is the layer that holds them.

    Parameters
    ----------
    joined
        Frame of :func:`watchme_analysis.analysis.health.requests.requests`.
    side
        ``edge`` or ``nginx``.

    Returns
    -------
    pandas.Series
        bool, the index of ``joined``.
    """
    behind = joined["response_s"]
    if side == "edge":
        behind = behind.fillna(joined["nginx_s"]).fillna(joined["origin_s"])
    sent = joined["method"].isin(["POST", "PUT", "PATCH"]) & (joined[f"{side}_status"] < 400)
    waited = (sent & (joined[f"{side}_s"] - behind > SENDING_S)).fillna(False)
    held = set()
    for family, mine in joined[waited].groupby("family"):
        first, last = mine["start"].min(), mine["start"].max()
        near = sent & (joined["family"] == family) & joined["start"].between(first, last)
        if len(mine) >= MOST * int(near.sum()):
            held.add(family)
    return (waited & ~joined["family"].isin(held)).astype(bool)
