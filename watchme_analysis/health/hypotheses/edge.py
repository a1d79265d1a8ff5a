"""Checks of the edge: whether it held, refused or misdirected what the origin would have served."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from watchme_analysis.health.hypotheses.edge_rules import timeout_rule
from watchme_analysis.health.hypotheses.facts import Facts, most_of_one
from watchme_analysis.health.hypotheses.rules import edge_rule
from watchme_analysis.health.hypotheses.sql import of_joined, of_observed, tables_of
from watchme_analysis.health.hypotheses.usual_times import longest_answer_s, short_of_usual
from watchme_analysis.inference.signals import Observation, by_count, detects
from watchme_analysis.text.message import Duration, Names, Resource, Text, Value, message, sentences

if TYPE_CHECKING:
    import pandas as pd

# Statuses by which an edge says that the origin failed it (Cloudflare 52x, a proxy's 502 and 504).
GATEWAY = (502, 504, 520, 521, 522, 523, 524, 525, 526, 530)
# What an edge must add before it counts, in seconds and as a share of the request's time.
ADDED_S = 0.4
ADDED_SHARE = 0.6
# What an edge gave up on sooner, it did not wait for: it was turned away.
CUT_S = 0.1


@detects("edge_waits", "edge_alone", "edge_elsewhere", "edge_impatient", group="edge", needs=("edge_log",))
@detects(
    "edge_never_arrived",
    "edge_passes_on",
    "outside_bad_nginx_fine",
    group="edge",
    needs=(
        "edge_log",
        "probes/outside",
    ),
)
def edge(found: Facts) -> list[Observation]:
    """Compare what the edge saw with what Nginx saw of the same requests."""
    if not found.has("edge_log"):
        return _without_edge_log(found)
    bad = _within_nginx_log(found, found.rows("edge", bad=True))
    if len(bad) < 3:
        return []
    parts = _sorted_out(found, bad)
    seen = []
    total = len(bad)
    makers = {
        "edge_waits": _waits,
        "edge_alone": _alone,
        "edge_elsewhere": _elsewhere,
        "edge_impatient": _impatient,
        "edge_never_arrived": _never_arrived,
    }
    for outcome, maker in makers.items():
        rows = parts[outcome]
        if len(rows) >= 3 and len(rows) >= 0.3 * total:
            one = maker(found, rows, total)
        elif (mine := most_of_one(found, rows, bad)) is not None:
            one = maker(found, *mine)
        else:
            continue
        seen.append(replace(one, share=len(rows) / total))
    passed = parts["passed_on"]
    if not seen and len(passed) >= 0.5 * total:
        text = message("health-edge-passes-on", bad=total, paths=found.endpoints, passed=len(passed))
        sql = of_joined("edge", bad)
        seen.append(Observation("edge_passes_on", text, "edge_log", total, sql, strength=by_count(total)))
    return seen


def _within_nginx_log(found: Facts, bad: pd.DataFrame) -> pd.DataFrame:
    """Leave out what ended after Nginx's log did, where that log was cut: it can't stand in it."""
    import pandas as pd

    if not found.has("access_log") or bad.empty:
        return bad
    edge = found.joined[found.joined["seen_edge"]]
    logged = found.joined["nginx_end"].max()
    late = edge["edge_end"] > logged + pd.Timedelta(seconds=1)
    was_cut = (late & edge["origin_status"].between(200, 399)).any()
    return bad[bad["edge_end"] <= logged] if was_cut else bad


def _sorted_out(found: Facts, bad: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Sort the edge's bad requests by what became of them at the origin; each goes to one part."""
    unanswered = bad["origin_status"].fillna(0) == 0
    gateway = bad["edge_status"].isin(GATEWAY)
    nginx_fine = bad["seen_nginx"] & ~bad["nginx_bad"]
    origin_quick = (bad["origin_s"] < bad["edge_s"] * (1 - ADDED_SHARE)) & (
        bad["edge_s"] - bad["origin_s"] > ADDED_S
    )
    slower = (bad["edge_s"] - bad["nginx_s"].fillna(0.0) > ADDED_S) & (
        bad["edge_s"] - bad["nginx_s"].fillna(0.0) > ADDED_SHARE * bad["edge_s"]
    )
    # Nginx logs that its caller left (499); without a common id the two records may not be joined.
    cut = gateway & (
        (bad["nginx_status"] == 499) | (~bad["seen_nginx"] & unanswered & (bad["edge_s"] >= CUT_S))
    )
    # What Nginx logged without a partner at the edge may be the same requests, joined badly.
    single = found.joined[found.joined["during"] & ~found.joined["seen_edge"]]
    single = single[single["route"].isin(found.routes)]
    # A caller that left (499) was refused by no one, unless Nginx's log shows that it never arrived there.
    left_early = bad["edge_status"] == 499
    if found.has("access_log") and len(single) < 0.3 * max(int(left_early.sum()), 1):
        left_early &= False
    alone = (
        unanswered
        & ~bad["seen_nginx"]
        & ~left_early
        & (~gateway | bad["cache_status"].isin(["hit", "stale", "updating"]))
    )
    usual = _usual_origin(found)
    other = bad["origin_addr"].notna() & (usual is not None) & (bad["origin_addr"] != usual)
    nowhere = gateway & ~bad["seen_nginx"] & found.has("access_log")
    nowhere &= len(single) < 0.3 * max(int(nowhere.sum()), 1) and not _turned_away_by_nginx(found)
    parts: dict[str, pd.DataFrame] = {}
    left = bad.index
    # The origin's bad answer or time, passed on as it came, explains the rest.
    for name, chosen in (
        ("edge_alone", alone),
        ("edge_elsewhere", other & ~bad["seen_nginx"]),
        ("edge_impatient", cut & short_of_usual(found, bad, "edge_s")),
        (
            "edge_waits",
            ((nginx_fine & slower) | (~bad["seen_nginx"] & ~gateway & ~left_early))
            & (origin_quick | unanswered),
        ),
        ("edge_never_arrived", nowhere),
    ):
        rows = bad.loc[left][chosen.loc[left].astype(bool)]
        parts[name] = rows
        left = left.difference(rows.index)
    parts["passed_on"] = bad.loc[left]
    return parts


def _turned_away_by_nginx(found: Facts) -> bool:
    """Tell whether Nginx says that it could take no more connections: it logs no request for those."""
    errors = found.errors
    return int(errors["kind"].isin(["worker_connections", "open_files"]).sum()) >= 3


def _usual_origin(found: Facts) -> str | None:
    """Return the origin that served what was well."""
    good = found.joined[
        found.joined["seen_edge"] & ~found.joined["edge_bad"] & found.joined["origin_addr"].notna()
    ]
    return str(good["origin_addr"].mode().iloc[0]) if len(good) else None


def _seen(
    outcome: str, text: Text, rows: pd.DataFrame, effect: tuple[float, str], detail: Text, rule: Text | None
) -> Observation:
    """Return what the edge's log shows of some bad requests, and how a rule of the edge does it."""
    how = sentences(detail, rule)
    sql, strength = of_joined("edge", rows), by_count(len(rows))
    return Observation(outcome, text, "edge_log", len(rows), sql, *effect, strength=strength, detail=how)


def _waits(found: Facts, rows: pd.DataFrame, total: int) -> Observation:
    edge_s = float(rows["edge_s"].median())
    origin = rows["nginx_s"].fillna(rows["origin_s"]).median()
    at_origin = Duration(float(origin))
    text = message(
        "health-edge-waits",
        held=len(rows),
        bad=total,
        paths=found.endpoints,
        edge=Duration(edge_s),
        origin=at_origin,
    )
    detail = message("health-edge-waits-detail", paths=found.endpoints, origin=at_origin)
    return _seen("edge_waits", text, rows, (edge_s - float(origin), "s"), detail, edge_rule(found))


def _alone(found: Facts, rows: pd.DataFrame, total: int) -> Observation:
    statuses = rows["edge_status"].value_counts()
    counted = Names(tuple(f"{int(status)} ({count})" for status, count in statuses.items()))
    caches = rows["cache_status"].dropna().value_counts()
    cache = (
        message("health-edge-cache-status", status=Resource(str(caches.index[0]))) if len(caches) else None
    )
    text = message(
        "health-edge-alone", responses=len(rows), bad=total, paths=found.endpoints, statuses=counted
    )
    detail = message("health-edge-alone-detail", paths=found.endpoints, statuses=counted)
    rule = sentences(cache, edge_rule(found)) or None
    return _seen("edge_alone", sentences(text, cache), rows, (len(rows), "requests"), detail, rule)


def _elsewhere(found: Facts, rows: pd.DataFrame, total: int) -> Observation:
    sent: dict[str, Value] = {
        "paths": Names(found.endpoints),
        "origins": Names(tuple(map(str, rows["origin_addr"].value_counts().index))),
        "usual": Resource(str(_usual_origin(found))),
    }
    text = message("health-edge-elsewhere", sent=len(rows), bad=total, **sent)
    detail = message("health-edge-elsewhere-detail", **sent)
    return _seen("edge_elsewhere", text, rows, (len(rows), "requests"), detail, edge_rule(found))


def _impatient(found: Facts, rows: pd.DataFrame, total: int) -> Observation:
    cut = float(rows["edge_s"].median())
    needs = longest_answer_s(found, rows)
    times: dict[str, Value] = {
        "paths": Names(found.endpoints),
        "cut": Duration(cut),
        "needs": Duration(needs),
    }
    text = message("health-edge-impatient", ended=len(rows), bad=total, **times)
    detail = message("health-edge-impatient-detail", **times)
    rule = timeout_rule(found) or edge_rule(found)
    return _seen("edge_impatient", text, rows, (cut, "s"), detail, rule)


def _never_arrived(found: Facts, rows: pd.DataFrame, total: int) -> Observation:
    others = found.joined[found.joined["during"] & found.joined["seen_nginx"]]
    text = message(
        "health-edge-never-arrived",
        lost=len(rows),
        bad=total,
        paths=found.endpoints,
        statuses=[int(status) for status in rows["edge_status"].value_counts().index],
        others=len(others),
    )
    # Without others, only that the log goes on before or after tells that Nginx was there.
    around = found.joined[~found.joined["during"] & found.joined["seen_nginx"]]
    strength = max(by_count(len(others), 10), 0.6 * by_count(len(around), 10))
    sql = of_joined("edge", rows)
    return Observation("edge_never_arrived", text, "edge_log", len(rows), sql, strength=strength)


def _without_edge_log(found: Facts) -> list[Observation]:
    """Compare outside probes with Nginx's log when the edge keeps none."""
    if not found.has("access_log") or not found.has("probes"):
        return []
    observed = found.affected
    outside = observed[observed["vantage"] == "outside"]
    bad = int(outside["bad"].sum())
    if bad < 3 or bad < 0.2 * len(outside):
        return []
    nginx = observed[observed["vantage"] == "nginx"]
    bad_nginx = int(nginx["bad"].sum())
    table = tables_of(nginx)
    sql = of_observed(nginx) if len(nginx) else None
    if bad_nginx >= 3 and bad_nginx >= 0.1 * len(nginx):
        text = message(
            "health-edge-passes-on-by-probes", bad=bad_nginx, requests=len(nginx), paths=found.endpoints
        )
        return [Observation("edge_passes_on", text, table, len(nginx), sql, strength=0.8)]
    timed = nginx["duration_s"].notna().any()
    if len(nginx) >= 3 and timed and bad_nginx <= 0.05 * len(nginx):
        middle = float(nginx["duration_s"].median())
        served: dict[str, Value] = {"paths": Names(found.endpoints), "median": Duration(middle)}
        text = message(
            "health-outside-bad-nginx-fine",
            **served,
            bad=bad_nginx,
            requests=len(nginx),
            bad_probes=bad,
            probes=len(outside),
        )
        detail = message("health-outside-bad-nginx-fine-detail", **served)
        return [Observation("outside_bad_nginx_fine", text, table, len(nginx), sql, detail=detail)]
    others = found.joined[found.joined["during"] & found.joined["seen_nginx"]]
    before = found.joined[~found.joined["during"] & found.joined["route"].isin(found.routes)]
    # What came after the last bad probe was sent may have come when all was well again.
    last = outside.loc[outside["bad"], "start"].max()
    if not (nginx["start"] < last).any() and len(others) >= 10 and len(before) >= 3:
        text = message(
            "health-edge-never-arrived-by-probes",
            paths=found.endpoints,
            others=len(others),
            before=len(before),
        )
        return [
            Observation("edge_never_arrived", text, "access_log", len(others), of_joined("nginx", others))
        ]
    return []
