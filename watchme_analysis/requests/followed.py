"""Requests followed through edge, Nginx and application."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchme_analysis.requests.app_join import join_app
from watchme_analysis.requests.connection_reuse import keepalive_ports
from watchme_analysis.requests.observations import floats
from watchme_analysis.stats.clock_skew import Skew, nested_skew

if TYPE_CHECKING:
    import pandas as pd

# Seconds within which clocks and logs of milliseconds agree.
_EPSILON_S = 0.05


@dataclass(frozen=True)
class FollowedRequests:
    """Requests with their log lines at all layers, and the skews of the layers' clocks.

    ``frame`` is that of :func:`.observations.join_requests` with ``app_seen`` (bool), ``app_time`` (when the
    application logged the answer, by its own clock), ``app_status`` (float), ``app_after_s`` (float, from
    Nginx's end to that, clocks aligned; negative: before it), ``app_kept`` (whether it answered over a
    connection used before; null where no record or no port is logged), ``app_joined_by``, ``app_candidates``,
    ``app_log_there`` (as in :class:`.app_join.AppJoin`), ``app_service``, ``app_file`` and ``app_line``.
    ``skews`` holds the lead of the first clock over the second, by names such as ``Nginx`` and ``edge``.
    """

    frame: pd.DataFrame
    skews: Mapping[tuple[str, str], Skew]


def follow_requests(
    joined: pd.DataFrame, app_log: pd.DataFrame, inner_paths: Mapping[str, str] | None = None
) -> FollowedRequests:
    """Return each request with its log lines from the edge through Nginx to the application.

    Further columns of ``joined`` are kept; ``inner_paths`` as for :func:`.app_join.join_app`.
    """
    import numpy as np

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
    by_ray = frame["joined_by"].eq("ray").fillna(False)
    both = frame[by_ray if by_ray.any() else frame["joined_by"].notna()]
    inner, outer = ([both[f"{side}_{name}"] for name in ("start", "end")] for side in ("nginx", "edge"))
    skews = {("Nginx", "edge"): nested_skew((inner[0], inner[1]), (outer[0], outer[1]))}
    for name, skew in found.skews.items():
        skews[("application" + (f" ({name})" if name else ""), "Nginx")] = skew
    return FollowedRequests(frame, {pair: skew for pair, skew in skews.items() if skew.pairs})


def fate_counts(followed: pd.DataFrame, routes: list[str]) -> pd.DataFrame:
    """Return the number of requests by route, as given, and fate, the commonest in the incident first.

    ``followed`` has ``during`` (bool) and ``fate`` (or ``served``). Columns: ``route``, ``fate``,
    ``baseline``, ``incident`` (int), ``app`` (Int64, requests of both that the application logged a response
    to; null: its log covers none of them), ``app_late`` (Int64, of these those logged after Nginx, else the
    edge, had ended the request), ``sure`` (int, those joined by an id or by the only record that fits),
    ``example`` (ray, request id or line in a log).
    """
    import pandas as pd

    rows = followed[followed["route"].isin(routes)]
    sure = (rows["app_joined_by"].isin(["id", "time"]) | ~rows["app_seen"]) & (
        rows["join_candidates"].eq(1) | ~(rows["seen_edge"] & rows["seen_nginx"])
    )
    late = rows["app_seen"] & (rows["app_after_s"] > _EPSILON_S)
    counted = {
        "baseline": ~rows["during"],
        "incident": rows["during"],
        "app": rows["app_seen"].astype("Int64").where(rows["app_log_there"]),
        "app_late": late.astype("Int64").where(rows["app_log_there"]),
        "sure": sure,
    }
    groups = rows.assign(**counted).groupby(["route", "fate"])
    found = groups[list(counted)].sum(min_count=1).reset_index()
    found["example"] = [_name(group[group["during"] == group["during"].any()]) for _, group in groups]
    place = found["route"].map({route: at for at, route in enumerate(routes)})
    order = pd.DataFrame({"place": place, "incident": -found["incident"], "baseline": -found["baseline"]})
    return found.loc[order.sort_values(list(order), kind="stable").index].reset_index(drop=True)


def _name(group: pd.DataFrame) -> str:
    """Return the id or the log line by which the middle one of some requests can be found."""
    import pandas as pd

    row = group.iloc[len(group) // 2]
    if pd.notna(row["ray"]):
        return f"ray {row['ray']}"
    if pd.notna(row["request_id"]):
        return f"request {row['request_id']}"
    side = "nginx" if row["seen_nginx"] else "edge"
    return f"{row[f'{side}_file']}:{row[f'{side}_line']:.0f}"
