"""What the frames of a page say, in one sentence each.

Each function takes the frame of a section, with its columns, and returns a sentence. A frame without the rows
for it gives the sentence that says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from watchme_analysis.prices import BYTES_PER_GB, size_message, usd_message
from watchme_analysis.text.message import (
    Choice,
    Duration,
    Names,
    Number,
    Phrases,
    Probability,
    Resource,
    Share,
    Text,
    Translated,
    message,
    value_of,
)
from watchme_analysis.text.render import value_message

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.inference.findings import Diagnosis

# Layers of a request, as columns of seconds.
_LAYERS = ("edge_s", "nginx_s", "connect_s", "header_s", "body_s")


def _float(value: Any) -> float:
    """Return a number; NaN for an unknown one, which a sentence calls unknown."""
    import pandas as pd

    return float("nan") if pd.isna(value) else float(value)


def coverage(frame: pd.DataFrame, absent: Mapping[str, Any]) -> Text:
    """Return the number of tables and rows, the time they cover, and what is absent."""
    return message(
        "reading-coverage",
        tables=len(frame),
        rows=int(frame["rows"].sum()),
        rejected=int(frame["rejected"].sum()),
        absent=Names(tuple(absent), limit=3),
        lacks=Choice("some" if absent else "none"),
    )


def queries(frame: pd.DataFrame) -> Text:
    """Return the number of log queries, their scan and their price."""
    import pandas as pd

    if frame.empty:
        return message("reading-queries-none")
    gigabytes, usd = (frame[name].sum(min_count=1) for name in ("gigabytes", "cost_usd"))
    return message(
        "reading-queries",
        queries=len(frame),
        rows=int(frame["rows"].sum()),
        size=message("count-unknown")
        if pd.isna(gigabytes)
        else size_message(float(gigabytes) * BYTES_PER_GB),
        price=message("count-unknown") if pd.isna(usd) else usd_message(float(usd)),
        cut=int(frame["truncated"].fillna(False).sum()),
    )


def findings(diagnosis: Diagnosis, titles: Mapping[str, Text]) -> Text:
    """Return the leading cause, its probability, and what supports it against the next cause."""
    if len(diagnosis.ranking) < 2:
        return message("reading-findings-none")
    first, second = sorted(diagnosis.ranking, key=lambda entry: -entry.probability)[:2]
    weights = [item.weight for item in first.finding.evidence]
    return message(
        "reading-findings",
        first=value_of(titles[first.finding.cause]),
        probability=Probability(first.probability),
        second=value_of(titles[second.finding.cause]),
        other=Probability(second.probability),
        supporting=sum(weight > 0 for weight in weights),
        contradicting=sum(weight < 0 for weight in weights),
    )


def observations(frame: pd.DataFrame) -> Text:
    """Return the share of slow or failed requests in the incident and outside of it."""
    counts = frame.groupby(frame["phase"].eq("incident"))["bad"].agg(["sum", "size"])
    if True not in counts.index or False not in counts.index:
        return message("reading-no-incident", requests=len(frame), bad=int(frame["bad"].sum()))
    (usual_bad, usual), (bad, during) = counts.loc[False], counts.loc[True]
    return message(
        "reading-observations", bad=int(bad), during=int(during), usual_bad=int(usual_bad), usual=int(usual)
    )


def comparison(frame: pd.DataFrame) -> Text:
    """Return the endpoint and vantage that changed most, and how many endpoints stayed well."""
    counted = frame[frame["incident_count"].gt(0) & frame["baseline_count"].gt(0)]
    if counted.empty:
        return message("reading-not-compared")
    worst = counted.loc[counted["bad_share_change"].idxmax()]
    well = counted.groupby("route")["incident_bad"].sum().eq(0)
    return message(
        "reading-comparison",
        route=Resource(worst["route"]),
        vantage=value_message("vantage", worst["vantage"]),
        bad=int(worst["incident_bad"]),
        requests=int(worst["incident_count"]),
        now=Duration(_float(worst["incident_median_s"])),
        usual=Duration(_float(worst["baseline_median_s"])),
        well=int(well.sum()),
        routes=len(well),
    )


def layers(frame: pd.DataFrame) -> Text:
    """Return the layer whose time grew most for an endpoint, with its share of the growth."""
    known = frame.set_index(["route", "phase"])[[*_LAYERS]].astype(float)
    routes = [
        route for route, phase in known.index if phase == "incident" and (route, "baseline") in known.index
    ]
    if not routes:
        return message("reading-not-compared")
    growth = (
        known.xs("incident", level="phase").loc[routes] - known.xs("baseline", level="phase").loc[routes]
    ).fillna(0.0)
    route = str(growth.sum(axis="columns").idxmax())
    layer = str(growth.loc[route].idxmax())
    grown = growth.loc[route].clip(lower=0.0)
    return message(
        "reading-layers",
        route=Resource(route),
        layer=Choice(layer.removesuffix("_s")),
        usual=Duration(_float(known.loc[(route, "baseline"), layer])),
        now=Duration(_float(known.loc[(route, "incident"), layer])),
        share=Share(_float(grown[layer] / grown.sum()) if grown.sum() else 0.0),
    )


def followed(frame: pd.DataFrame, slowest_probe_s: float) -> Text:
    """Return how long the slowest logged request took, and which layers have no record of it.

    A probe past Nginx that took longer, in seconds, is named beside it; NaN where there is none.
    """
    slowest = frame[frame["request"].eq("slowest") & frame["to_s"].notna()]
    if slowest.empty:
        return message("reading-no-request")
    unseen = frame[frame["request"].eq("slowest") & frame["state"].eq("not seen")]["layer"]
    return message(
        "reading-followed",
        request=Resource(slowest["what"].iloc[0]),
        start=slowest["start"].iloc[0].to_pydatetime(),
        lasted=Duration(_float(slowest["to_s"].max())),
        probed=Choice("slower" if slowest_probe_s > slowest["to_s"].max() else "none"),
        probe=Duration(slowest_probe_s),
        layers=Phrases(tuple(message(f"on-{layer}") for layer in unseen)),
        lacks=Choice("some" if len(unseen) else "none"),
    )


def fates(frame: pd.DataFrame) -> Text:
    """Return what most failed requests ran into during the incident."""
    failed = frame[frame["fate"].ne("served") & frame["incident"].gt(0)]
    if failed.empty:
        return message("reading-all-served", requests=int(frame[["baseline", "incident"]].sum().sum()))
    first = failed.loc[failed["incident"].idxmax()]
    return message(
        "reading-fates",
        route=Resource(first["route"]),
        fate=value_message("fate", first["fate"]),
        count=int(first["incident"]),
        requests=int(frame[frame["route"].eq(first["route"])]["incident"].sum()),
        usual=int(first["baseline"]),
    )


def in_flight(frame: pd.DataFrame) -> Text:
    """Return the largest number of requests that an upstream had open, and their most frequent endpoint.

    The usual number is the median outside the incident; of the whole record where there is none.
    """
    if frame.empty or not frame["in_flight"].max():
        return message("reading-no-request")
    totals = frame.groupby(["time", "upstream"])["in_flight"].sum()
    time, upstream = totals.idxmax()
    rows = frame[frame["time"].eq(time) & frame["upstream"].eq(upstream)]
    outside = frame[frame["phase"].ne("incident").fillna(True) & frame["upstream"].eq(upstream)]
    most = rows.loc[rows["in_flight"].idxmax()]
    return message(
        "reading-in-flight",
        requests=int(totals.max()),
        upstream=Resource(str(upstream)),
        time=time.to_pydatetime(),
        of_route=int(most["in_flight"]),
        route=Resource(most["route"]),
        usual=Number(_float(outside.groupby("time")["in_flight"].sum().median())),
        compared=Choice("outside" if frame["phase"].notna().any() else "all"),
    )


def errors(frame: pd.DataFrame) -> Text:
    """Return the most frequent kind of error."""
    if frame.empty:
        return message("reading-no-errors")
    first = frame.loc[frame["count"].idxmax()]
    return message(
        "reading-errors",
        lines=int(frame["count"].sum()),
        count=int(first["count"]),
        kind=value_message("nginx-error", first["kind"]),
        first=first["first"].to_pydatetime(),
        last=first["last"].to_pydatetime(),
    )


def settings(frame: pd.DataFrame) -> Text:
    """Return the settings that differ between the paths that are compared."""
    names = frame[frame["differs"]]["setting"] if len(frame) else []
    return message(
        "reading-settings",
        settings=len(frame),
        different=len(names),
        names=Names(tuple(dict.fromkeys(names))),
        differs=Choice("some" if len(names) else "none"),
    )


def onsets(frame: pd.DataFrame) -> Text:
    """Return the metric that changed first."""
    known = frame.dropna(subset=["onset"]).sort_values("onset", kind="stable")
    if known.empty:
        return message("reading-no-onset")
    first = known.iloc[0]
    return message(
        "reading-onsets",
        metric=value_message("queue-metric", first["metric"]),
        queue=Resource(first["queue"]),
        time=first["onset"].to_pydatetime(),
        within=Duration(_float(first["uncertainty_s"])),
        usual=Number(_float(first["baseline"])),
        now=Number(_float(first["value"])),
        others=len(known) - 1,
    )


def rates(frame: pd.DataFrame, affected: Sequence[str]) -> Text:
    """Return the metric of an affected queue whose hourly rate changed most, relative to its usual rate."""
    import numpy as np

    known = frame[frame["resource"].isin(list(affected))].dropna(subset=["baseline_per_h", "incident_per_h"])
    if known.empty:
        return message("reading-not-compared")
    before, after = known["baseline_per_h"].astype(float), known["incident_per_h"].astype(float)
    # Half and double are equally far from the usual rate.
    first = known.loc[np.log((after + 1) / (before + 1)).abs().idxmax()]
    return message(
        "reading-rates",
        resource=Resource(first["resource"]),
        metric=value_message("queue-metric", first["metric"]),
        usual=Number(_float(first["baseline_per_h"])),
        now=Number(_float(first["incident_per_h"])),
    )


def balance(frame: pd.DataFrame) -> Text:
    """Return where the messages of the queue with the most unfinished ones are; an unknown count is ``?``."""
    import pandas as pd

    known = frame.dropna(subset=["sent"])
    if known.empty:
        return message("reading-no-balance")
    stages = ["visible", "in_flight", "dead_lettered", "expired", "purged"]
    unfinished = known[stages].astype("Float64").fillna(0.0).sum(axis="columns")
    row = known.loc[unfinished.idxmax()]
    return message(
        "reading-balance",
        queue=Resource(row["queue"]),
        **{
            name: Resource("?") if pd.isna(row[name]) else int(row[name])
            for name in ("sent", "deleted", "dead_lettered", "visible", "unexplained")
        },
    )


def dead_letters(frame: pd.DataFrame, unit: Translated) -> Text:
    """Return how many messages are in DLQs, and about how many work items they are."""
    if frame.empty:
        return message("reading-no-dead-letters")
    return message(
        "reading-dead-letters",
        messages=int(frame["messages"].sum()),
        items=len(frame),
        unit=unit,
        share=Share(_float(frame["share"].max())),
    )


def work(frame: pd.DataFrame) -> Text:
    """Return how many messages were read, and how many of them can succeed when they are sent again."""
    if frame.empty:
        return message("reading-no-messages")
    return message(
        "reading-work",
        messages=len(frame),
        recoverable=int(frame["recoverable"].fillna(False).sum()),
        processed=int(frame["processed"].fillna(False).sum()),
    )


def first_alarm(frame: pd.DataFrame, start: datetime | None) -> Text:
    """Return the alarm that would have fired first after the start of the incident, and how long after it.

    The frame has the columns ``alarm``, ``resource`` and ``first`` (time, UTC), and none without alarms.
    """
    if start is None or frame.empty or not (frame["first"] >= start).any():
        return message("reading-no-alarm", alarms=len(frame))
    times = frame["first"]
    fired = frame[times >= start]
    place = times[fired.index].idxmin()
    return message(
        "reading-alarms",
        alarm=Resource(frame.loc[place, "alarm"]),
        resource=Resource(frame.loc[place, "resource"]),
        time=times[place].to_pydatetime(),
        late=Duration((times[place] - start).total_seconds()),
        fired=len(fired),
        alarms=len(frame),
    )


def thresholds(frame: pd.DataFrame) -> Text:
    """Return the shortest delay that another threshold or M of N gives without a false alarm."""
    known = frame[frame["false_a_week"].fillna(1.0).eq(0.0)].dropna(subset=["minutes_after_start"])
    if known.empty:
        return message("reading-no-threshold")
    first = known.loc[known["minutes_after_start"].astype(float).idxmin()]
    return message(
        "reading-thresholds",
        alarm=Resource(first["alarm"]),
        late=Duration(60.0 * _float(first["minutes_after_start"])),
        factor=Number(_float(first["threshold_factor"])),
        datapoints=int(first["datapoints_to_alarm"]),
        periods=int(first["evaluation_periods"]),
    )


def improvements(frame: pd.DataFrame) -> Text:
    """Return how many alarms can't do what they are meant for."""
    return message("reading-improvements", alarms=int(frame["alarm"].nunique()) if len(frame) else 0)


def agreement(frame: pd.DataFrame) -> Text:
    """Return how many recorded figures the simulation reproduces."""
    return message("reading-agreement", near=int(frame["is_near"].fillna(False).sum()), figures=len(frame))
