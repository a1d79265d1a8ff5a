"""Time spans of single requests by layer, for the slowest and a typical request."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from watchme_analysis.requests.app_join import GAVE_UP
from watchme_analysis.requests.followed import FollowedRequests
from watchme_analysis.stats.clock_skew import NOTHING
from watchme_analysis.stats.time_pairs import in_whole_seconds
from watchme_analysis.text.message import Resource, Text, message

if TYPE_CHECKING:
    import pandas as pd

LAYERS = ("edge", "nginx", "connect", "header", "body", "app")
_COLUMNS = ("request", "what", "start", "layer", "state", "from_s", "to_s", "first_byte_s", "status", "note")
_NO_TIMING = message("layer-note-no-timing")
_Row = tuple[str, float, float, float, float, Text]


def chosen_requests(layers: pd.DataFrame, routes: list[str]) -> dict[str, int]:
    """Return the slowest request of some routes and a typical one of its route, as labels in ``layers``.

    ``typical`` has the median duration outside of the incident, of the same route where it has such requests.
    Either name is missing where there is no such request.
    """
    rows = layers[layers["route"].isin(routes) & layers["total_s"].notna()]
    if rows.empty:
        return {}
    slowest = rows["total_s"].idxmax()
    calm = rows[(rows["phase"] != "incident").fillna(True)]
    alike = calm[calm["route"] == rows.loc[slowest, "route"]]
    calm = alike if len(alike) else calm
    found = {"slowest": int(slowest)}
    if len(calm):
        found["typical"] = int((calm["total_s"] - calm["total_s"].median()).abs().idxmin())
    return found


def waterfall(followed: FollowedRequests, chosen: dict[str, int]) -> pd.DataFrame:
    """Return the time span of the ``chosen`` requests in each layer, also of layers that did not see them.

    All times count from the request's start on the outermost layer's clock; times of other clocks are shifted
    by the skew. Nginx's upstream times end with its request: it waits before it contacts the upstream (for
    the body, a limit or a cache lock), and reads while it sends. Columns: ``request`` (its name), ``what``
    (method and path), ``start``, ``layer`` (of :data:`LAYERS`), ``state`` (``seen``, ``gave up``, ``not
    seen``, ``not asked``, ``not logged``), ``from_s``, ``to_s``, ``first_byte_s`` (NaN: not known),
    ``status`` (float), ``note`` (message).
    """
    import pandas as pd

    rows = []
    skew = followed.skews.get(("Nginx", "edge"), NOTHING).ahead_s
    ahead = 0.0 if math.isnan(skew) else skew
    whole = in_whole_seconds(followed.frame["nginx_end"])
    for name, label in chosen.items():
        row = followed.frame.loc[label]
        shift = _shift(row, ahead, whole=whole)
        what = f"{row['method']} {row['path']}"
        parts = {
            "edge": _edge(followed.frame, row),
            **_nginx(followed.frame, row, shift),
            "app": _app(followed.frame, row, shift, whole=whole),
        }
        rows += [(name, what, row["start"], layer, *parts[layer]) for layer in LAYERS if layer in parts]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _shift(row: pd.Series, ahead_s: float, *, whole: bool) -> float:
    """Return the seconds to subtract from Nginx's times of a request to have them on the edge's clock.

    Of times in whole seconds one that took less is moved to where the edge waited for it.
    """
    if not (row["seen_edge"] and row["seen_nginx"]):
        return 0.0
    begin, end = ((row[f"nginx_{name}"] - row["edge_start"]).total_seconds() for name in ("start", "end"))
    spare = float(row["edge_s"]) - (end - begin)
    if not whole or not spare >= 0:
        return ahead_s
    return float(begin - min(max(begin - ahead_s, 0.0), spare))


def _edge(frame: pd.DataFrame, row: pd.Series) -> _Row:
    nan = float("nan")
    if not row["seen_edge"]:
        note = message("layer-note-not-at-edge" if frame["seen_edge"].any() else "layer-note-no-edge-log")
        return ("not seen" if frame["seen_edge"].any() else "not logged", nan, nan, nan, nan, note)
    status = row["cache_status"]
    cache = message("layer-note-cache", status=Resource(status)) if isinstance(status, str) else ""
    return ("seen", 0.0, float(row["edge_s"]), float(row["edge_ttfb_s"]), float(row["edge_status"]), cache)


def _nginx(frame: pd.DataFrame, row: pd.Series, shift: float) -> dict[str, _Row]:
    nan = float("nan")
    if not row["seen_nginx"]:
        there = bool(frame["seen_nginx"].any())
        note = message("layer-note-not-at-nginx" if there else "layer-note-no-access-log")
        return {"nginx": ("not seen" if there else "not logged", nan, nan, nan, nan, note)}
    begin, end = ((row[f"nginx_{name}"] - row["start"]).total_seconds() - shift for name in ("start", "end"))
    by = message("layer-note-joined", key=Resource(str(row["joined_by"]))) if row["seen_edge"] else ""
    status = float(row["nginx_status"])
    if math.isnan(row["nginx_s"]):
        return {"nginx": ("not logged", nan, end, nan, status, _NO_TIMING)}
    asked_at = end - row["response_s"]
    first = asked_at + row["header_s"]
    found = {"nginx": ("seen", begin, end, first, status, by)}
    if isinstance(row["upstream_addr"], str) or not math.isnan(row["response_s"]):
        found |= _upstream(row, asked_at, end)
    else:
        known = frame["upstream_addr"].notna().any()
        note = message("layer-note-nginx-responded") if known else _NO_TIMING
        found["connect"] = ("not asked" if known else "not logged", nan, nan, nan, nan, note)
    return found


def _upstream(row: pd.Series, asked_at: float, end: float) -> dict[str, _Row]:
    """Return connecting, waiting for the header and reading the body, and in which Nginx gave up."""
    nan = float("nan")
    where = str(row["upstream_addr"]) if isinstance(row["upstream_addr"], str) else ""
    if math.isnan(row["response_s"]):
        return {"connect": ("not logged", nan, nan, nan, nan, _NO_TIMING)}
    if math.isnan(row["connect_s"]):
        return {"connect": ("gave up", asked_at, end, nan, nan, where)}
    connected = asked_at + row["connect_s"]
    found: dict[str, _Row] = {"connect": ("seen", asked_at, connected, nan, nan, where)}
    if math.isnan(row["header_s"]):
        return found | {"header": ("gave up", connected, end, nan, nan, "")}
    header = asked_at + row["header_s"]
    status = float(row["upstream_status"])
    return found | {
        "header": ("seen", connected, header, nan, status, ""),
        "body": ("seen", header, end, nan, nan, ""),
    }


def _app(frame: pd.DataFrame, row: pd.Series, shift: float, *, whole: bool) -> _Row:
    nan = float("nan")
    if row["app_seen"]:
        side = "nginx" if row["seen_nginx"] else "edge"
        at = (row[f"{side}_end"] - row["start"]).total_seconds() + row["app_after_s"] - shift
        if whole and side == "nginx" and row["nginx_status"] not in GAVE_UP:
            # Nginx had the answer before it was done, whatever it rounded its own time to.
            begin, end = ((row[f"nginx_{name}"] - row["start"]).total_seconds() for name in ("start", "end"))
            at = min(max(at, begin - shift), end - shift)
        by = message(f"layer-note-by-{row['app_joined_by']}", candidates=_count(row["app_candidates"]))
        return ("seen", nan, at, at, float(row["app_status"]), by)
    named = frame["upstream_addr"].notna().any() and not isinstance(row["upstream_addr"], str)
    if named if row["seen_nginx"] else frame["seen_nginx"].any():
        return ("not asked", nan, nan, nan, nan, message("layer-note-not-reached"))
    if row["app_log_there"]:
        return ("not seen", nan, nan, nan, nan, message("layer-note-no-response"))
    return ("not logged", nan, nan, nan, nan, message("layer-note-no-app-log"))


def _count(number: float) -> int:
    return 0 if math.isnan(number) else int(number)
