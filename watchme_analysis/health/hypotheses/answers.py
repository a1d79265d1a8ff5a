"""Checks of what the bad answers were: refusals at once, and what the application's log says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchme_analysis.health.hypotheses.facts import Facts, listed, seconds, share
from watchme_analysis.health.hypotheses.process import service_name
from watchme_analysis.health.hypotheses.rules import nginx_rule_words
from watchme_analysis.health.hypotheses.sql import lines, of_joined, of_observed
from watchme_analysis.health.hypotheses.upstreams import label
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.requests.observations import INNER

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
    text = (
        f"{share(len(refused), len(bad))} bad answers of {listed(found.endpoints)} that have a time came at "
        f"once (median {seconds(float(refused['duration_s'].median()))}) with status "
        f"{listed(int(status) for status in refused['status'].value_counts().index)}."
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
    """Find refusals by the application of a path that nobody asked Nginx for."""
    mine = _answers(found)
    usual = {*found.joined["path"].dropna(), *mine.loc[mine["time"] < found.start, "path"]}
    refused = found.of_incident(mine[~mine["path"].isin(usual) & mine["status"].between(300, 498)])
    if refused.empty:
        return []
    path, status = str(refused["path"].mode().iloc[0]), int(refused["status"].mode().iloc[0])
    hits, total = refused[refused["path"] == path], int((bad["nginx_status"] == status).sum())
    # Callers whom Nginx gave nothing of the kind, or whom no log shows, tell nothing of what it asks for.
    if len(hits) < 3 or total < 3 or len(hits) < 0.5 * total:
        return []
    text = (
        f"The application answered {path} with {status}, {len(hits):,d} times: no caller asks for that path, "
        f"and Nginx logged {total:,d} requests of {listed(found.endpoints)} with {status}."
    )
    rule = nginx_rule_words(found)
    detail = f"{label(found)} is passed on as {path}, which the application answers with {status}"
    detail += f" ({rule})" if rule else ""
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
    words = listed(sorted({int(status) for status in statuses}))
    text = (
        f"Nginx answered {share(len(refused), len(bad))} bad requests of {listed(found.endpoints)} with "
        f"{words}; the application logged {len(mine)} answers in that time, {known} of them such."
    )
    rule = nginx_rule_words(found)
    detail = f"{label(found)} answers {words} by itself" + (f" ({rule})" if rule else "")
    sql = of_joined("nginx", refused)
    strength = 0.8 * by_count(len(refused))
    return [
        Observation("nginx_alone", text, "access_log", len(refused), sql, strength=strength, detail=detail)
    ]
