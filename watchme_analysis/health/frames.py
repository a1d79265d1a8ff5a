"""Frames of the figures and tables of the health page: time steps, changes, comparisons and counts.

``start`` and ``end`` of an incident are aware moments or None: without a start no row has a phase, and
without an end the incident lasts to the end of the data.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from watchme_analysis.access_logs.routes import route_templates
from watchme_analysis.evidence.app_log import lifecycle_state
from watchme_analysis.queues.baseline import STEPS_S
from watchme_analysis.requests.observations import phases
from watchme_analysis.stats.comparison import cliffs_delta
from watchme_analysis.text.message import Choice
from watchme_analysis.text.render import label

if TYPE_CHECKING:
    import pandas as pd

# Requests of a layer from which single dots hide each other in a figure.
DENSE = 8000
_MOST_STEPS = 180
_SHORT_STEPS_S = (1, 2, 5, 10, 30)


def dense_bins(observed: pd.DataFrame) -> pd.DataFrame:
    """Return the layers that saw more than :data:`DENSE` requests, in equal steps; none without requests.

    Columns: ``vantage``, ``time`` (start of the step), ``requests``, ``failed`` (int), ``timed`` (int, those
    that did not fail and have a duration), ``median_s``, ``p99_s`` (of ``timed``), ``failed_s`` (the longest
    that failed; null when none did), ``step_s`` (int).
    """
    import pandas as pd

    counts = observed["vantage"].value_counts()
    rows = observed[observed["vantage"].isin(counts.index[counts > DENSE]) & observed["start"].notna()]
    names = ["vantage", "time", "requests", "failed", "timed", "median_s", "p99_s", "failed_s", "step_s"]
    if rows.empty:
        return pd.DataFrame(columns=names)
    span_s = (rows["start"].max() - rows["start"].min()).total_seconds()
    steps = (*_SHORT_STEPS_S, *STEPS_S)
    step_s = next((step for step in steps if span_s / step <= _MOST_STEPS), steps[-1])
    seconds = rows["duration_s"].astype("float64")
    found = (
        pd.DataFrame(
            {
                "vantage": rows["vantage"],
                "time": rows["start"].dt.floor(f"{step_s}s"),
                "failed": rows["failed"],
                "good_s": seconds.where(~rows["failed"]),
                "bad_s": seconds.where(rows["failed"]),
            }
        )
        .groupby(["vantage", "time"], as_index=False)
        .agg(
            requests=("failed", "size"),
            failed=("failed", "sum"),
            timed=("good_s", "count"),
            median_s=("good_s", "median"),
            p99_s=("good_s", lambda values: values.quantile(0.99)),
            failed_s=("bad_s", "max"),
        )
    )
    return found.assign(step_s=step_s)[names]


_NGINX = ("reload", "startup", "shutdown")
_APART_S = 2.0


def change_marks(
    changes: pd.DataFrame, error_log: pd.DataFrame, app_log: pd.DataFrame, language: str = "en"
) -> pd.DataFrame:
    """Return the changes in logs and CloudTrail, in order of time.

    Columns: ``time``, ``what`` (in words), ``source`` (the table). Calls that only read are left out; lines
    of one log that say the same within two seconds are one change.
    """
    import pandas as pd

    parts = [
        (
            row.time,
            label(
                "mark-change-by" if row.user else "mark-change",
                language,
                change=f"{row.event_name} {row.resource or ''}".strip(),
                user=str(row.user),
            ),
            "changes",
        )
        for row in changes[~changes["read_only"].fillna(False)]
        .fillna({"user": "", "resource": ""})
        .itertuples()
    ]
    for kind, group in error_log[error_log["kind"].isin(list(_NGINX))].groupby("kind"):
        what = label(f"mark-nginx-{kind}", language)
        parts += [(moment, what, "error_log") for moment in _firsts(group["time"])]
    lifecycle = app_log[(app_log["kind"] == "lifecycle") & app_log["time"].notna()]
    states = lifecycle["message"].map(lifecycle_state)
    for (service, state), group in lifecycle.groupby([lifecycle["service"].fillna(""), states]):
        values = {"service": str(service), "state": Choice(str(state))}
        what = label("mark-service" if service else "mark-application", language, **values)
        parts += [(moment, what, "app_log") for moment in _firsts(group["time"])]
    found = pd.DataFrame(parts, columns=["time", "what", "source"])
    found = found.astype({"time": "datetime64[us, UTC]", "what": "string", "source": "string"})
    return found.sort_values("time", kind="stable", ignore_index=True)


def _firsts(times: pd.Series) -> list[object]:
    ordered = times.dropna().sort_values()
    apart = ordered.diff().dt.total_seconds()
    return list(ordered[apart.isna() | (apart > _APART_S)])


def baseline_comparison(observed: pd.DataFrame, start: datetime, end: datetime | None) -> pd.DataFrame:
    """Return a comparison of the incident with every time outside, by route and vantage, worst first.

    Columns: ``baseline_`` and ``incident_`` ``count``, ``bad``, ``failed`` and ``timed`` (int, those with a
    duration), ``median_s`` and ``p90_s`` (of all, failures with the time they took); ``median_ratio``
    (incident over baseline, both at least the millisecond that logs count in), ``cliffs_delta``,
    ``bad_share_change`` (-1 to 1). NaN where a side has no rows.
    """
    import pandas as pd

    rows = []
    inside = phases(observed["start"], start, end) == "incident"
    for (route, vantage), group in observed.groupby(["route", "vantage"]):
        during, other = group[inside[group.index]], group[~inside[group.index]]
        before_s, during_s = other["duration_s"].dropna(), during["duration_s"].dropna()
        rows.append(
            {
                "route": route,
                "vantage": vantage,
                "baseline_count": len(other),
                "incident_count": len(during),
                "baseline_bad": int(other["bad"].sum()),
                "incident_bad": int(during["bad"].sum()),
                "baseline_failed": int(other["failed"].sum()),
                "incident_failed": int(during["failed"].sum()),
                "baseline_timed": len(before_s),
                "incident_timed": len(during_s),
                "baseline_median_s": before_s.median(),
                "incident_median_s": during_s.median(),
                "baseline_p90_s": before_s.quantile(0.9),
                "incident_p90_s": during_s.quantile(0.9),
                "median_ratio": max(during_s.median(), 0.001) / max(before_s.median(), 0.001),
                "cliffs_delta": cliffs_delta(before_s, during_s),
                "bad_share_change": during["bad"].mean() - other["bad"].mean(),
            }
        )
    columns = [
        "route", "vantage", "baseline_count", "incident_count", "baseline_bad", "incident_bad",
        "baseline_failed", "incident_failed", "baseline_timed", "incident_timed", "baseline_median_s",
        "incident_median_s", "baseline_p90_s", "incident_p90_s", "median_ratio", "cliffs_delta",
        "bad_share_change",
    ]  # fmt: skip
    found = pd.DataFrame(rows, columns=columns).astype({"route": "string", "vantage": "string"})
    return found.sort_values(["bad_share_change", "route"], ascending=[False, True], ignore_index=True)


def status_counts(
    observed: pd.DataFrame, start: datetime | None = None, end: datetime | None = None
) -> pd.DataFrame:
    """Return counts by ``vantage``, ``route``, ``phase`` and ``status`` (text, or ``no answer``)."""
    import pandas as pd

    number = (
        observed["status"].map(lambda value: pd.NA if pd.isna(value) else str(int(value))).astype("string")
    )
    frame = pd.DataFrame(
        {
            "vantage": observed["vantage"],
            "route": observed["route"],
            "phase": phases(observed["start"], start, end).fillna("all"),
            "status": number.fillna("no answer"),
        }
    )
    return frame.groupby(list(frame.columns), as_index=False).size().rename(columns={"size": "count"})


def error_counts(
    error_log: pd.DataFrame, start: datetime | None = None, end: datetime | None = None
) -> pd.DataFrame:
    """Return counts of lines of Nginx's error log by kind, route, upstream and phase.

    A line that is not about a request has no route. Further columns: ``count`` (int), ``first``, ``last``
    (time).
    """
    frame = error_log[["kind", "upstream_addr", "time"]].copy()
    frame["route"] = route_templates(error_log["path"]).astype("string")
    frame["phase"] = phases(error_log["time"], start, end).fillna("all")
    keys = ["kind", "route", "upstream_addr", "phase"]
    found = frame.groupby(keys, dropna=False, as_index=False).agg(
        count=("kind", "size"), first=("time", "min"), last=("time", "max")
    )
    return found.sort_values("count", ascending=False, kind="stable", ignore_index=True)
