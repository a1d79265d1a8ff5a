"""Detector of a flood: more requests than the service ever gets, and who sends them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from watchme_analysis.access_logs.surges import distinguishing_part
from watchme_analysis.health.hypotheses.facts import Facts
from watchme_analysis.health.hypotheses.sql import LOGS, of_joined
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.redact import shortened
from watchme_analysis.requests.observations import INNER
from watchme_analysis.text.message import Message, Number, Quotation, Resource, message, sentences

if TYPE_CHECKING:
    import pandas as pd

# Arrivals during the incident, as a multiple of the busiest comparable interval: from this ratio they are a
# surge, at the second one beyond doubt, and up to the third they are usual.
SURGE_RATIO, CLEAR_RATIO, USUAL_RATIO = 2.0, 4.0, 1.5
# Requests outside the incident from which a baseline is known.
FEWEST = 20
# Share of bad requests below which a surge without failures harmed nobody.
ABSORBED = 0.5
# Characters of an agent's distinguishing part that are shown.
_LONGEST_AGENT = 80
# Share of the excess that makes it one caller's or one route's.
MOST = 0.6


@detects(
    "arrivals_up", "arrivals_usual", "arrivals_absorbed", group="arrivals", needs=("access_log", "edge_log")
)
def arrivals(found: Facts) -> list[Observation]:
    """Compare the arrivals at the affected service during the incident with its busiest time otherwise."""
    side = "nginx" if found.has("access_log") else "edge"
    rows = _requests(found, side)
    times = rows[f"{side}_start"]
    begun = _begun(times, found)
    inside = times.between(begun, found.end)
    length_s = (found.end - begun).total_seconds()
    other = times[~inside]
    if length_s <= 0 or len(other) < FEWEST or not inside.any():
        return []
    usual = _busiest(other, begun, found.end, length_s)
    rate = int(inside.sum()) / length_s
    ratio = rate / usual
    numbers = {"rate": Number(rate), "ratio": Number(ratio, 2)}
    sql = of_joined(side, rows[inside])
    count = int(inside.sum())
    if ratio >= SURGE_RATIO:
        strength = by_count(ratio - 1, CLEAR_RATIO - 1)
        whom = _senders(rows, inside, length_s, _span_s(other))
        bad = found.affected[~found.affected["vantage"].isin(INNER)]
        if not bad["failed"].any() and bad["bad"].mean() < ABSORBED:
            text = sentences(message("health-arrivals-absorbed", **numbers), *whom)
            return [Observation("arrivals_absorbed", text, LOGS[side], count, sql, ratio, "ratio")]
        text = sentences(message("health-arrivals-up", **numbers), *whom)
        return [Observation("arrivals_up", text, LOGS[side], count, sql, ratio, "ratio", strength, text)]
    if ratio <= USUAL_RATIO:
        text = message("health-arrivals-usual", **numbers)
        return [Observation("arrivals_usual", text, LOGS[side], count, sql, ratio, "ratio")]
    return []


def _requests(found: Facts, side: str) -> pd.DataFrame:
    """Return the requests of the affected services, on all their routes; all requests if none is known."""
    rows = found.joined[found.joined[f"seen_{side}"] & found.joined[f"{side}_start"].notna()]
    mine = rows[rows["route"].map(found.upstreams).isin(found.services)]
    return mine if len(mine) else rows


def _span_s(times: pd.Series) -> float:
    return max(float((times.max() - times.min()).total_seconds()), 1.0)


def _begun(times: pd.Series, found: Facts) -> datetime:
    """Return when the arrivals of the incident began: requests pile up before the first of them fails."""
    length_s = (found.end - found.start).total_seconds()
    early = found.start - timedelta(seconds=length_s)
    ahead = times.between(early, found.start, inclusive="left")
    rest = times[(times < early) | (times > found.end)]
    # Only requests before both show what is usual: few arrive while callers still wait.
    if length_s <= 0 or int((times < early).sum()) < FEWEST:
        return found.start
    usual = _busiest(rest, early, found.end, length_s)
    return early if int(ahead.sum()) / length_s >= SURGE_RATIO * usual else found.start


def _busiest(other: pd.Series, begun: datetime, ended: datetime, length_s: float) -> float:
    """Return the requests per second of the busiest interval outside the incident that lasts as long.

    Shorter remainders before and after the incident count from half that length on; a record without one has
    its average.
    """
    import numpy as np

    rates = []
    for part in (other[other < begun], other[other > ended]):
        if part.empty or _span_s(part) < length_s / 2:
            continue
        moments = np.sort((part - part.min()).dt.total_seconds().to_numpy())
        wide = min(length_s, float(moments[-1]))
        within = np.searchsorted(moments, moments + wide, side="right") - np.arange(len(moments))
        rates.append(float(within.max()) / wide)
    outside_s = sum(_span_s(part) for part in (other[other < begun], other[other > ended]) if len(part))
    return max([len(other) / max(outside_s, 1.0), *rates])


def _senders(rows: pd.DataFrame, inside: pd.Series, length_s: float, other_s: float) -> list[Message]:
    """Return sentences on the caller, its agent and the route that most of the excess comes from."""
    said = []
    for column in ("client_addr", "user_agent", "route"):
        if column not in rows or rows[column].isna().all():
            continue
        during, usual = (rows.loc[part, column].value_counts() for part in (inside, ~inside))
        excess = during.sub(usual.reindex(during.index).fillna(0) / other_s * length_s).clip(lower=0)
        if excess.sum() <= 0 or excess.max() < MOST * excess.sum():
            continue
        who = str(excess.idxmax())
        if column == "client_addr":
            said.append(message("health-arrivals-client", who=Resource(who)))
        elif column == "route":
            said.append(message("health-arrivals-route", who=Resource(who)))
        elif usual.get(who, 0) < MOST * usual.sum():
            # The only program that ever calls shows nothing about the surge.
            others = {str(agent): float(count) for agent, count in usual.items()}
            part = shortened(distinguishing_part(who, others), _LONGEST_AGENT, "...")
            said.append(message("health-arrivals-agent", who=Quotation(part)))
    return said
