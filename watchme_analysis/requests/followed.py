"""Requests followed through edge, Nginx and application, each with what became of its response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from watchme_analysis.requests.app_join import GAVE_UP, join_app
from watchme_analysis.requests.connection_reuse import keepalive_ports
from watchme_analysis.requests.edge_join import CACHED
from watchme_analysis.requests.observations import floats
from watchme_analysis.stats.clock_skew import Skew, nested_skew

if TYPE_CHECKING:
    import pandas as pd

# What became of a request's response, from the outside in: how far the logs show it to have come. Why a
# request failed is its fate (requests/fates.py).
OUTCOMES = (
    "edge_answered",  # the edge responded, the origin was not asked
    "edge_in_vain",  # the edge passed it on, Nginx has no record of it
    "nginx_answered",  # Nginx responded, the application was not asked
    "app_late",  # the application responded after Nginx had given up
    "app_silent",  # Nginx gave up, the application logged no response
    "answer_lost",  # the application responded in time, the response did not come through
    "edge_left",  # Nginx responded after the edge or its client had given up
    "cut_short",  # the header came at once, the rest of the response was cut off
    "gave_up",  # Nginx gave up; no log tells what the application did
    "answered",  # responded through all layers that were asked
    "not_followed",  # the origin's log does not cover it
)
# Statuses by which a gateway reports that its upstream did not respond properly.
GATEWAY = (499, 502, 504, 520, 521, 522, 523, 524, 525, 526, 530)
# Seconds within which clocks and logs of milliseconds agree.
_EPSILON_S = 0.05
# A response was cut off when its body took longer than these seconds and had less than this share of the
# bytes that its path usually has; its status, sent before, is still a success.
_STOOD_S = 0.4
_CUT_SHARE = 0.5


@dataclass(frozen=True)
class FollowedRequests:
    """Requests with their log lines at all layers, and the skews of the layers' clocks.

    Attributes
    ----------
    frame
        Frame of :func:`watchme_analysis.requests.observations.join_requests` with ``app_seen`` (bool),
        ``app_time`` (time, when the application logged the answer, by its own clock), ``app_status`` (float),
        ``app_after_s`` (float, from Nginx's end to that, clocks aligned; negative: before it),
        ``app_kept`` (boolean, whether it answered over a connection used before; null where no record
        or no port is logged), ``app_joined_by``, ``app_candidates``, ``app_log_there`` (as
        :class:`watchme_analysis.requests.app_join.AppJoin` has them), ``app_service``, ``app_file``,
        ``app_line``, and ``outcome`` (text, of :data:`OUTCOMES`).
    skews
        Lead of the first clock over the second, by names such as ``Nginx`` and ``edge``.
    """

    frame: pd.DataFrame
    skews: Mapping[tuple[str, str], Skew]


def follow_requests(
    joined: pd.DataFrame, app_log: pd.DataFrame, inner_paths: Mapping[str, str] | None = None
) -> FollowedRequests:
    """Return each request with its log lines from the edge through Nginx to the application.

    Parameters
    ----------
    joined
        Frame of :func:`watchme_analysis.requests.observations.join_requests`; further columns are kept.
    app_log
        Table ``app_log``, may be empty.
    inner_paths
        As for :func:`watchme_analysis.requests.app_join.join_app`.
    """
    import numpy as np
    import pandas as pd

    found = join_app(joined, app_log, inner_paths)
    row = found.frame["app_row"]
    seen = row.notna()
    answers = app_log.assign(kept=keepalive_ports(app_log))
    mine = answers.iloc[row.dropna().astype("int64").to_numpy()].set_index(row[seen].index)
    frame = joined.join(found.frame.drop(columns="app_row")).assign(app_seen=seen)
    for name in ("time", "status", "service", "file", "line", "kept"):
        frame[f"app_{name}"] = mine[name].reindex(frame.index)
    frame["app_status"], frame["app_line"] = floats(frame["app_status"]), floats(frame["app_line"])
    leads = {name: skew.ahead_s for name, skew in found.skews.items()}
    ahead = frame["app_service"].fillna("").map(leads).astype("float64")
    end = frame["nginx_end"].where(frame["seen_nginx"], frame["edge_end"])
    late = (frame["app_time"] - end).dt.total_seconds().astype("float64") - ahead.fillna(0.0)
    frame["app_after_s"] = np.where(seen, late, np.nan)
    frame["outcome"] = pd.Series(_outcomes(frame), index=frame.index, dtype="string")
    by_ray = frame["joined_by"].eq("ray").fillna(False)
    both = frame[by_ray if by_ray.any() else frame["joined_by"].notna()]
    inner, outer = ([both[f"{side}_{name}"] for name in ("start", "end")] for side in ("nginx", "edge"))
    skews = {("Nginx", "edge"): nested_skew((inner[0], inner[1]), (outer[0], outer[1]))}
    for name, skew in found.skews.items():
        skews[("application" + (f" ({name})" if name else ""), "Nginx")] = skew
    return FollowedRequests(frame, {pair: skew for pair, skew in skews.items() if skew.pairs})


def _outcomes(frame: pd.DataFrame) -> Any:
    import numpy as np

    nginx, edge = frame["seen_nginx"].to_numpy(bool), frame["seen_edge"].to_numpy(bool)
    outer, inner = frame["edge_status"], frame["nginx_status"]
    alone = edge & ~nginx
    cached = frame["cache_status"].isin(CACHED).to_numpy(bool)
    unasked = ((floats(frame["origin_status"]) == 0) | frame["origin_addr"].isna()) & ~outer.isin(GATEWAY)
    covered = frame["edge_start"].between(frame["nginx_start"].min(), frame["nginx_end"].max()).to_numpy(bool)
    upstream = frame["upstream_addr"].notna().to_numpy(bool)
    gave_up = nginx & inner.isin(GAVE_UP).to_numpy(bool) & frame["header_s"].isna().to_numpy(bool)
    in_time = (frame["app_after_s"] < -_EPSILON_S).to_numpy(bool)
    there, seen = frame["app_log_there"].to_numpy(bool), frame["app_seen"].to_numpy(bool)
    ended = (frame["nginx_end"] - frame["edge_end"]).dt.total_seconds().to_numpy() > _EPSILON_S
    chosen = {
        "edge_answered": alone & (cached | unasked.to_numpy(bool)),
        "edge_in_vain": alone & covered,
        "not_followed": alone,
        "nginx_answered": nginx & ~upstream & upstream.any(),
        "app_late": gave_up & seen & ~in_time,
        "answer_lost": gave_up & seen,
        "app_silent": gave_up & there,
        "gave_up": gave_up,
        "cut_short": nginx & _cut_short(frame),
        "edge_left": nginx & edge & outer.isin(GATEWAY).to_numpy(bool) & ended,
    }
    return np.select(list(chosen.values()), list(chosen), default="answered")


def _cut_short(frame: pd.DataFrame) -> Any:
    """Return which responses stopped after the header: a slow body, and far shorter than usual."""
    body = floats(frame["response_s"]) - floats(frame["header_s"])
    whole = frame["nginx_bytes"].where((body <= _STOOD_S) & (floats(frame["nginx_status"]) < 300))
    usual = floats(whole.groupby(frame["path"]).transform("median"))
    return (body > _STOOD_S) & (floats(frame["nginx_bytes"]) < _CUT_SHARE * usual)


def fate_counts(followed: pd.DataFrame, routes: list[str]) -> pd.DataFrame:
    """Return the number of requests by route, fate and outcome.

    Parameters
    ----------
    followed
        :attr:`FollowedRequests.frame` with ``during`` (bool: begun within the incident) and ``fate`` (text,
        of :data:`watchme_analysis.requests.fates.FATES`, or ``served``).
    routes
        Routes to count, in the order wanted.

    Returns
    -------
    pandas.DataFrame
        ``route``, ``fate``, ``outcome``, ``baseline``, ``incident`` (int), ``sure`` (int, of the incident
        and the baseline those joined by an id or by the only record that fits), ``example`` (text: ray,
        request id or line in a log); routes as given, then the commonest in the incident first.
    """
    import pandas as pd

    rows = followed[followed["route"].isin(routes)]
    sure = (rows["app_joined_by"].isin(["id", "time"]) | ~rows["app_seen"]) & (
        rows["join_candidates"].eq(1) | ~(rows["seen_edge"] & rows["seen_nginx"])
    )
    rows = rows.assign(sure=sure)
    found = []
    for (route, fate, outcome), group in rows.groupby(["route", "fate", "outcome"]):
        during = group["during"].to_numpy(bool)
        example = group[during] if during.any() else group
        counts = int((~during).sum()), int(during.sum()), int(group["sure"].sum())
        found.append((route, fate, outcome, *counts, _name(example.iloc[len(example) // 2])))
    found.sort(key=lambda row: (routes.index(row[0]), -row[4], -row[3]))
    names = ["route", "fate", "outcome", "baseline", "incident", "sure", "example"]
    return pd.DataFrame(found, columns=names)


def _name(row: pd.Series) -> str:
    """Return the id or the log line by which a request can be found."""
    import pandas as pd

    if pd.notna(row["ray"]):
        return f"ray {row['ray']}"
    if pd.notna(row["request_id"]):
        return f"request {row['request_id']}"
    side = "nginx" if row["seen_nginx"] else "edge"
    return f"{row[f'{side}_file']}:{row[f'{side}_line']:.0f}"
