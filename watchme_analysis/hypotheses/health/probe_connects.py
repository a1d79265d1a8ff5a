"""Check of how long probes took to connect: from inside the container, and from the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchme_analysis.hypotheses.health.facts import Facts, listed, seconds, share
from watchme_analysis.hypotheses.health.network import NETWORK, SLOW_CONNECT_S
from watchme_analysis.hypotheses.health.seen import Seen, by_count
from watchme_analysis.hypotheses.health.sql import lines
from watchme_analysis.hypotheses.health.vantages import CHANCE_LEAST

if TYPE_CHECKING:
    import pandas as pd

# Slow connects from the host that count, as a number and as a share.
FEWEST, LEAST_SHARE = 3, 0.1


def probe_connects(found: Facts) -> list[Seen]:
    """Find that connecting is slow from the host and quick from inside.

    Both go to one queue of the kernel, which accepts without the application: only the way differs.
    """
    inside, host = _connects(found, "inside"), _connects(found, "host")
    slow = host[host["connect_s"] > SLOW_CONNECT_S]
    if len(slow) < FEWEST or len(slow) < LEAST_SHARE * len(host):
        return []
    by_chance = (1 - len(slow) / len(host)) ** len(inside)
    if (inside["connect_s"] > SLOW_CONNECT_S).any() or len(inside) < FEWEST or by_chance > CHANCE_LEAST:
        return []
    longest, service = float(slow["connect_s"].max()), listed(found.services)
    text = (
        f"{share(len(slow), len(host))} host probes waited over {seconds(SLOW_CONNECT_S)} to connect to "
        f"{service} (longest {seconds(longest)}), and none of {len(inside)} from inside (longest "
        f"{seconds(float(inside['connect_s'].max()))}): its queue of connections had room."
    )
    detail = f"from the host connecting to {service} takes up to {seconds(longest)}, though not from inside"
    sql = lines("probes", slow)
    strength = by_count(len(slow))
    return [
        Seen(
            "connect_slow_from_host",
            text,
            "probes",
            len(slow),
            sql,
            longest,
            "s",
            strength,
            {NETWORK: detail},
        )
    ]


def _connects(found: Facts, vantage: str) -> pd.DataFrame:
    """Return a vantage's probes of the incident that connected to an affected service."""
    seen = found.observed
    mine = seen[seen["during"] & (seen["vantage"] == vantage) & seen["family"].isin(found.families)]
    probes = found.table("probes").dropna(subset=["connect_s"])
    return probes.merge(mine[["file", "line"]].drop_duplicates(), on=["file", "line"])
