"""How much of an endpoint's time each layer takes, on average."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from watchme_analysis.analysis.health_layers import LAYERS

if TYPE_CHECKING:
    import pandas as pd


def layer_shares(layers: pd.DataFrame, families: Sequence[str]) -> pd.DataFrame:
    """Return the mean time that each layer adds, by endpoint and phase.

    Means, because they add up: the layers of a row sum to the mean time of its requests as far as the logs
    carry timing.

    Parameters
    ----------
    layers
        Frame of :func:`watchme_analysis.analysis.health_layers.layer_times`.
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
    found = rows.groupby(["family", "phase"], as_index=False).agg(
        requests=("family", "size"),
        **{name: (name, "mean") for name in names},
        gave_up=("gave_up_in", "count"),
    )
    order = {family: place for place, family in enumerate(families)}
    phases = {"all": 0, "baseline": 1, "incident": 2}
    key = found["family"].map(order) * 10 + found["phase"].map(phases)
    columns = ["family", "phase", "requests", *names, "gave_up"]
    return pd.DataFrame(found.loc[key.sort_values().index, columns]).reset_index(drop=True)
