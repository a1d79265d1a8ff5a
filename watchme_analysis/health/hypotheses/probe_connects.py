"""Checks of how probes fared from inside the container and from the host: connecting, and being cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchme_analysis.health.hypotheses.facts import Facts
from watchme_analysis.health.hypotheses.network import SLOW_CONNECT_S
from watchme_analysis.health.hypotheses.sql import lines, of_observed
from watchme_analysis.health.hypotheses.vantages import CHANCE_LEAST, NEAR_S
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.text.message import Duration, Names, Value, message

if TYPE_CHECKING:
    import pandas as pd

# Slow connects, or cut-off ones, from the host that count, as a number and as a share.
FEWEST, LEAST_SHARE = 3, 0.1
# A reset or a refusal comes back in the time of one packet; what takes longer may have waited for someone.
AT_ONCE_S = 0.1


@detects(
    "connect_slow_from_host",
    group="connect",
    needs=(
        "probes/host",
        "probes/inside",
    ),
)
def probe_connects(found: Facts) -> list[Observation]:
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
    longest = float(slow["connect_s"].max())
    connects: dict[str, Value] = {"services": Names(found.services), "longest": Duration(longest)}
    text = message(
        "health-connect-slow-from-host",
        **connects,
        slow=len(slow),
        probes=len(host),
        limit=Duration(SLOW_CONNECT_S),
        inside=len(inside),
        longest_inside=Duration(float(inside["connect_s"].max())),
    )
    detail = message("health-connect-slow-from-host-detail", **connects)
    sql = lines("probes", slow)
    strength = by_count(len(slow))
    return [
        Observation(
            "connect_slow_from_host",
            text,
            "probes",
            len(slow),
            sql,
            longest,
            "s",
            strength,
            detail,
        )
    ]


@detects(
    "cut_from_host",
    group="host and inside",
    needs=(
        "probes/host",
        "probes/inside",
    ),
)
def cut_from_host(found: Facts) -> list[Observation]:
    """Find that connections from the host end at once without an answer, and none from inside, near in time.

    It may meet few of the requests: then most moments have more good than bad ones. A process that dies or
    refuses does so to callers inside as well, and one that is stuck ends nothing at once. A prober that is
    cut off before and after the incident as well asks at a wrong place.
    """
    import pandas as pd

    mine = found.observed[found.observed["route"].isin(found.routes)]
    ended = mine["failed"] & mine["status"].isna() & (mine["duration_s"] < AT_ONCE_S)
    always = ended[~mine["during"] & (mine["vantage"] == "host")].any()
    mine = mine[mine["during"]]
    host = mine[mine["vantage"] == "host"]
    cut = host[ended[host.index]]
    if always or len(cut) < FEWEST or len(cut) < LEAST_SHARE * len(host):
        return []
    inside = mine[mine["vantage"] == "inside"]
    reach = pd.Timedelta(seconds=NEAR_S)
    near = inside[[bool(cut["start"].between(at - reach, at + reach).any()) for at in inside["start"]]]
    by_chance = (1 - len(cut) / len(host)) ** len(near)
    if near["failed"].any() or len(near) < FEWEST or by_chance > CHANCE_LEAST:
        return []
    text = message(
        "health-cut-from-host",
        cut=len(cut),
        probes=len(host),
        paths=found.endpoints,
        inside=len(near),
        near=Duration(NEAR_S),
    )
    detail = message("health-cut-from-host-detail", services=found.services, cut=len(cut), probes=len(host))
    return [
        Observation(
            "cut_from_host",
            text,
            "probes",
            len(cut),
            of_observed(cut),
            len(cut) / len(host),
            "share",
            by_count(len(cut)),
            detail,
        )
    ]


def _connects(found: Facts, vantage: str) -> pd.DataFrame:
    """Return a vantage's probes of the incident that connected to an affected service."""
    seen = found.observed
    mine = seen[seen["during"] & (seen["vantage"] == vantage) & seen["route"].isin(found.routes)]
    probes = found.table("probes").dropna(subset=["connect_s"])
    return probes.merge(mine[["file", "line"]].drop_duplicates(), on=["file", "line"])
