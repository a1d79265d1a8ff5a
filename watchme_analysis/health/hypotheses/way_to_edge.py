"""Check of the way from the prober to the edge: who never got as far as asking was answered by nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchme_analysis.health.hypotheses.facts import Facts
from watchme_analysis.health.hypotheses.sql import lines
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.text.message import Duration, message

if TYPE_CHECKING:
    import pandas as pd

_LOGS = {"edge": "edge_log", "nginx": "access_log"}
# How probers say that they could not connect, or agree with the other side on a secret.
_UNASKED = (
    r"while (?:connecting|shaking hands)|failed to connect|couldn't connect|connection (?:timed out|refused)"
    r"|unreachable|no route to host|\bssl\b|\btls\b|certificate"
)
# Share of a slow probe's time that passed before it could ask.
BEFORE_ASKING = 0.6
# Probes that count, their share of the bad ones, and how few requests behind them may be bad.
FEWEST, MOST, WELL = 3, 0.5, 0.05


@detects("edge_not_reached", group="way to the edge", needs=("probes/outside",))
def way_to_edge(found: Facts) -> list[Observation]:
    """Find probes from outside that lost their time before they asked, while requests of others did well.

    A prober's own network, its trust in a certificate, or a door of the edge for it alone looks like an
    edge that holds or refuses an endpoint.
    """
    seen = found.affected
    outside = seen[(seen["vantage"] == "outside") & seen["bad"]]
    served = next(
        (seen[seen["vantage"] == name] for name in ("edge", "nginx") if found.has(_LOGS[name])), None
    )
    if served is None or len(served) < FEWEST or served["bad"].mean() > WELL:
        return []
    if not served["duration_s"].notna().any():
        return []
    probes = found.table("probes").merge(outside[["file", "line"]].drop_duplicates(), on=["file", "line"])
    early = probes[_before_asking(probes)]
    if len(early) < FEWEST or len(early) < MOST * len(outside):
        return []
    text = message(
        "health-edge-not-reached",
        early=len(early),
        bad=len(outside),
        paths=found.endpoints,
        median=Duration(float(served["duration_s"].median())),
        served=len(served),
    )
    strength = by_count(len(early))
    return [
        Observation("edge_not_reached", text, "probes", len(early), lines("probes", early), strength=strength)
    ]


def _before_asking(probes: pd.DataFrame) -> pd.Series:
    failed = probes["status"].isna() | probes["status"].eq(0).fillna(False)
    named = probes["error"].fillna("").str.contains(_UNASKED, case=False, regex=True)
    spent = probes[["dns_s", "connect_s", "tls_s"]].astype("float64").fillna(0.0).sum(axis=1)
    slow = (spent >= BEFORE_ASKING * probes["duration_s"].astype("float64")).fillna(False)
    return ((failed & named) | (~failed & slow)).astype(bool)
