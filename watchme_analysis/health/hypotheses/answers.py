"""Checks of what the bad answers were: refusals at once, and what the application's log says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchme_analysis.access_logs.routes import route_templates
from watchme_analysis.health.hypotheses.facts import Facts
from watchme_analysis.health.hypotheses.process import service_name
from watchme_analysis.health.hypotheses.rules import nginx_rule
from watchme_analysis.health.hypotheses.sql import lines, of_joined, of_observed
from watchme_analysis.health.hypotheses.upstreams import label
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.requests.observations import INNER
from watchme_analysis.text.message import Duration, Resource, Value, message, sentences

if TYPE_CHECKING:
    import pandas as pd

# Statuses by which a server says that it could not get an answer, or that its caller left: no refusals.
UNANSWERED = (499, 500, 502, 504)
# Share of bad requests that shows how they are bad.
MOST = 0.9


@detects(
    "refused_at_once",
    group="answers",
    needs=(
        "access_log",
        "edge_log",
    ),
)
def at_once(found: Facts) -> list[Observation]:
    """Ask whether the bad requests were refused at once: who is stuck refuses nobody."""
    mine = found.affected
    bad = mine[mine["bad"] & ~mine["vantage"].isin(INNER) & mine["duration_s"].notna()]
    refusals = bad["status"].between(300, 503) & ~bad["status"].isin(UNANSWERED)
    # A 500 that the application is logged to have answered is its own word as well.
    own = found.joined["upstream_status"].eq(500) & found.joined["nginx_status"].eq(500)
    refused = bad[(refusals | bad["row"].map(own).eq(True)) & ~bad["slow"]]
    if len(bad) < 6 or len(refused) < MOST * len(bad):
        return []
    text = message(
        "health-refused-at-once",
        refused=len(refused),
        bad=len(bad),
        paths=found.endpoints,
        median=Duration(float(refused["duration_s"].median())),
        statuses=[int(status) for status in refused["status"].value_counts().index],
    )
    table = str(refused["table"].mode().iloc[0])
    mine = refused[refused["table"] == table]
    return [Observation("refused_at_once", text, table, len(mine), of_observed(mine))]


def _answers(found: Facts) -> pd.DataFrame:
    """Return what the affected application logged of requests, ``path`` without its query."""
    log = found.table("app_log")
    mine = log[(log["kind"] == "access") & log["path"].notna()]
    return mine.assign(path=mine["path"].str.replace(r"\?.*", "", regex=True))


def renames(found: Facts, bad: pd.DataFrame) -> list[Observation]:
    """Find refusals by the application of paths that it was not asked for while all was well.

    Nginx passes a path on under another name then, or with a prefix that it used to remove.
    """
    mine = _answers(found)
    mine = mine.assign(route=route_templates(mine["path"]))
    usual = set(mine.loc[mine["time"] < found.start, "route"])
    # An application log that begins with the incident leaves the callers' own paths to compare with.
    usual = usual or set(found.joined["route"].dropna())
    refused = found.of_incident(mine[~mine["route"].isin(usual) & mine["status"].between(300, 498)])
    if refused.empty:
        return []
    status = int(refused["status"].mode().iloc[0])
    hits, total = refused[refused["status"] == status], int((bad["nginx_status"] == status).sum())
    # Callers whom Nginx gave nothing of the kind, or whom no log shows, tell nothing of what it asks for.
    if len(hits) < 3 or total < 3 or len(hits) < 0.5 * total:
        return []
    path = str(hits["path"].mode().iloc[0])
    answer: dict[str, Value] = {"path": Resource(path), "status": Resource(str(status))}
    text = message("health-nginx-renames", **answer, times=len(hits), paths=found.endpoints, logged=total)
    renaming = message("health-nginx-renames-detail", place=label(found), **answer)
    detail = sentences(renaming, nginx_rule(found))
    return [Observation("nginx_renames", text, "app_log", len(hits), lines("app_log", hits), detail=detail)]


def unseen(found: Facts, bad: pd.DataFrame) -> list[Observation]:
    """Find refusals that Nginx logged and the application, which logs its answers, knows nothing of.

    For a log that names no upstream: it does not tell Nginx's own answers from those passed on.
    """
    refused = bad[bad["nginx_status"].between(300, 503) & ~bad["nginx_status"].isin(UNANSWERED)]
    mine = _answers(found)
    mine = found.of_incident(mine[mine["service"].fillna("") == service_name(found, found.table("app_log"))])
    statuses = refused["nginx_status"].dropna().unique()
    known = int(mine["status"].isin([int(status) for status in statuses]).sum())
    if len(refused) < 3 or len(refused) < 0.5 * len(bad) or len(mine) < 10 or known > 0.1 * len(refused):
        return []
    codes = sorted({int(status) for status in statuses})
    text = message(
        "health-nginx-alone-by-app-log",
        refused=len(refused),
        bad=len(bad),
        paths=found.endpoints,
        statuses=codes,
        logged=len(mine),
        same=known,
    )
    alone = message("health-nginx-alone-detail", place=label(found), statuses=codes)
    detail = sentences(alone, nginx_rule(found))
    sql = of_joined("nginx", refused)
    strength = 0.8 * by_count(len(refused))
    return [
        Observation("nginx_alone", text, "access_log", len(refused), sql, strength=strength, detail=detail)
    ]
