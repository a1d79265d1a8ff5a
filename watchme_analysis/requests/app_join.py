"""Joins of requests that Nginx, else the edge, logged with the application's own log lines.

uvicorn writes its access line when the response header leaves, without an id unless the application logs one.
So a request is matched by id first, then by path, status and time. Requests that Nginx gave up on are matched
with the remaining lines in order of time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from watchme_analysis.stats.clock_skew import MOST_COMPARED, NOTHING, STEP_S, Skew, skew_of_logs
from watchme_analysis.stats.time_pairs import Pairs, in_whole_seconds, place_in_second, possible_pairs

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Array = np.ndarray[Any, Any]

# Seconds that a log line may lie outside of its request after the clocks are aligned.
SLACK_S = 0.06
# The same where the proxy logs whole seconds.
SLACK_WHOLE_S = 0.5
# Step in which clocks are compared where the proxy logs whole seconds, in seconds.
STEP_WHOLE_S = 0.1
# Seconds that two clocks may be apart to be aligned.
MOST_SKEW_S = 30.0
# Seconds after Nginx gave up in which the application may still respond.
MOST_LATE_S = 300.0
# Statuses by which a proxy, not the application, ends a request without a response header.
GAVE_UP = (499, 502, 504)
# Requests by which a clock is aligned, at least.
_FEW = 3
_ID = re.compile(r"(?<![\w-])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,32})(?![\w-])", re.I)
_RAY_LENGTH = 16


@dataclass(frozen=True)
class AppJoin:
    """The log line of the application that belongs to each request.

    ``frame`` has a row per request, with its index: ``app_row`` (int, position in ``app_log``; null: none),
    ``app_joined_by`` (``id``; ``time``, the only line that fits, or the only one within :data:`SLACK_S` of
    the response; ``nearest`` of several; ``order``, of requests that Nginx gave up on; null),
    ``app_candidates`` (int, lines that fit), ``app_log_there`` (bool: the log of the application that the
    request was passed to covers its time). ``skews`` holds the lead of the clock of each service's log over
    that of the proxy.
    """

    frame: pd.DataFrame
    skews: Mapping[str, Skew]


def join_app(
    requests: pd.DataFrame, app_log: pd.DataFrame, inner_paths: Mapping[str, str] | None = None
) -> AppJoin:
    """Return the application's log line of each request of :func:`.observations.join_requests`.

    ``inner_paths`` has the path under which the application is asked, by path outside, as the proxy's
    configuration says; where it says nothing, the longest end of the path that the application logged counts.
    """
    import numpy as np
    import pandas as pd

    size = len(requests)
    row, count = np.full(size, -1), np.zeros(size, "int64")
    how, there = np.full(size, None, dtype=object), np.zeros(size, bool)
    skews: dict[str, Skew] = {}
    records = _records(app_log)
    if size and len(records):
        by_id = _by_id(requests, records)
        for at, record in by_id.items():
            row[at], how[at], count[at] = record, "id", 1
        known = _requests_in_seconds(
            requests, app_log["time"].min(), _inner_names(requests, records, inner_paths or {})
        )
        whole = in_whole_seconds(requests["nginx_end"]) and bool(requests["seen_nginx"].any())
        slack_s, fine_s = (SLACK_WHOLE_S, STEP_WHOLE_S) if whole else (SLACK_S, STEP_S)
        is_answer = (records["kind"] == "access") & ~records["row"].isin(by_id.values())
        answers = records.loc[is_answer, ["path", "status", "client_addr", "row", "service", "second"]]
        left = known[~known["at"].isin(by_id)]
        for _, group in left.groupby("target"):
            service, skew = _service_of(group, answers, fine_s)
            if service is None:
                continue
            skews.setdefault(service, skew)
            mine = answers[answers["service"] == service]
            moments = mine["second"] - skew.ahead_s
            there[group["at"]] = group["begin"].between(moments.min() - slack_s, moments.max() + slack_s)
            # Late responses can't be assigned where many requests share a second.
            followed = group[~group["lost"]] if whole else group
            there[group["at"][~group["at"].isin(followed["at"])]] = False
            for pairs in _paired(followed, mine.assign(second=moments), slack_s):
                row[pairs["at"]], how[pairs["at"]] = pairs["row"], pairs["how"]
                count[pairs["at"]] = pairs["candidates"]
                answers = answers[~answers["row"].isin(pairs["row"])]
    frame = pd.DataFrame(
        {
            "app_row": pd.array(row, "Int64"),
            "app_joined_by": pd.array(how, "string"),
            "app_candidates": count,
            "app_log_there": there | (row >= 0),
        },
        index=requests.index,
    )
    frame["app_row"] = frame["app_row"].where(row >= 0)
    return AppJoin(frame, skews)


def _records(app_log: pd.DataFrame) -> pd.DataFrame:
    import numpy as np

    seconds = (app_log["time"] - app_log["time"].min()).dt.total_seconds()
    found = app_log[["kind", "path", "message", "client_addr"]].assign(
        status=app_log["status"].astype("float64"),
        row=np.arange(len(app_log)),
        service=app_log["service"].fillna(""),
        second=seconds,
    )
    return found[app_log["time"].notna()]


def _by_id(requests: pd.DataFrame, records: pd.DataFrame) -> dict[int, int]:
    """Return, by position of a request, the position of the last log line with its ray or request id."""
    known: dict[str, int] = {}
    for name in ("ray", "request_id"):
        for at, value in enumerate(requests[name].to_numpy(dtype=object)):
            if isinstance(value, str) and len(value) >= _RAY_LENGTH:
                known.setdefault(value.lower().replace("-", ""), at)
    found: dict[int, int] = {}
    if not known:
        return found
    # An error that repeats has the same text each time.
    last = dict(zip(records["message"].to_numpy(dtype=object), records["row"], strict=True))
    for message, row in sorted(last.items(), key=itemgetter(1)):
        for word in _ID.findall(message) if isinstance(message, str) else ():
            plain = word.lower().replace("-", "")
            request = known.get(plain, known.get(plain[:_RAY_LENGTH]))
            if request is not None:
                found[request] = row
    return found


def _inner_names(requests: pd.DataFrame, records: pd.DataFrame, inner: Mapping[str, str]) -> dict[str, str]:
    """Return the path under which the application logs each path of the proxy."""
    known = set(records["path"].dropna())
    found = {}
    for path in requests["path"].dropna().unique():
        parts = str(path).split("/")
        ends = ["/" + "/".join(parts[place:]) for place in range(1, len(parts))] or [str(path)]
        candidates = [inner.get(path, ends[0]), *ends]
        found[str(path)] = next((end for end in candidates if end in known), candidates[0])
    return found


def _requests_in_seconds(requests: pd.DataFrame, base: Any, names: Mapping[str, str]) -> pd.DataFrame:
    """Return the requests that may have reached an application, with times in seconds after ``base``."""
    import numpy as np
    import pandas as pd

    nginx = requests["seen_nginx"].to_numpy(dtype=bool)

    def of(inner: str, outer: str) -> pd.Series:
        return requests[inner].where(nginx, requests[outer])

    begin, end = (
        (of(f"nginx_{name}", f"edge_{name}") - base).dt.total_seconds().to_numpy()
        for name in ("start", "end")
    )
    if in_whole_seconds(requests["nginx_end"]):
        place = place_in_second(requests["nginx_end"], requests["nginx_file"], requests["nginx_line"])
        begin, end = (moments + place.where(nginx, 0.0).to_numpy() for moments in (begin, end))
    waited = of("header_s", "edge_ttfb_s").to_numpy(dtype=float)
    sent = of("nginx_status", "edge_status")
    status = of("upstream_status", "origin_status").fillna(sent)
    frame = pd.DataFrame(
        {
            "at": np.arange(len(requests)),
            "target": requests["upstream_addr"].fillna(requests["route"]).to_numpy(dtype=object),
            "path": requests["path"].map(names).to_numpy(dtype=object),
            "status": status.to_numpy(dtype=float),
            "begin": begin,
            "end": end,
            "header": np.where(np.isnan(waited), end, begin + waited),
            "lost": sent.isin(GAVE_UP).to_numpy() & (np.isnan(waited) | ~nginx),
        }
    )
    kept = frame[["target", "path", "begin", "end"]].notna().all(axis=1)
    if requests["upstream_addr"].notna().any():
        kept &= ~(nginx & requests["upstream_addr"].isna().to_numpy())
    return frame[kept]


def _service_of(group: pd.DataFrame, answers: pd.DataFrame, fine_s: float) -> tuple[str | None, Skew]:
    """Return the service whose log holds the responses to these requests, and the lead of its clock."""
    well = group[~group["lost"]].assign(second=group["header"])
    services = answers["service"].unique()
    best: tuple[str | None, Skew] = (None, NOTHING)
    for service in services:
        mine = answers[answers["service"] == service]
        skew = skew_of_logs(well, mine, ("path", "status"), fine_s, MOST_SKEW_S)
        enough = (
            min(_FEW, len(well)) if len(services) == 1 else max(_FEW, 0.3 * min(len(well), MOST_COMPARED))
        )
        better = (skew.pairs, -abs(skew.ahead_s)) > (best[1].pairs, -abs(best[1].ahead_s))
        if skew.pairs and skew.pairs >= enough and better:
            best = (str(service), skew)
    return best


def _paired(group: pd.DataFrame, mine: pd.DataFrame, slack_s: float) -> list[pd.DataFrame]:
    """Return pairs of answered requests and log lines, then of given-up requests and the remaining lines."""
    well, lost = group[~group["lost"]], group[group["lost"]]
    reach = (well["begin"] - slack_s, well["header"] + slack_s)
    first = _nearest_pairs(
        well, mine, possible_pairs(well, mine, reach, ("path", "status"), around=well["header"]), slack_s
    )
    # The peers of these requests sent the others as well; lines of other peers are no candidates.
    rest = mine[~mine["row"].isin(first["row"])]
    peers = set(mine.loc[mine["row"].isin(first["row"]), "client_addr"].dropna())
    if peers:
        rest = rest[rest["client_addr"].isin(peers)]
    reach = (lost["begin"] - slack_s, lost["end"] + MOST_LATE_S)
    return [first, _pairs_in_turn(lost, rest, possible_pairs(lost, rest, reach, ("path",)))]


def _nearest_pairs(theirs: pd.DataFrame, mine: pd.DataFrame, pairs: Pairs, slack_s: float) -> pd.DataFrame:
    """Return pairs taken nearest first, each request and each line once."""
    import numpy as np

    sizes = len(theirs), len(mine)
    apart = abs(mine["second"].to_numpy()[pairs.other] - theirs["header"].to_numpy()[pairs.one])
    kept = pairs.taken(np.argsort(apart, kind="stable"), sizes)
    # A line at the very time of the response competes only with other lines of that time.
    near = apart <= slack_s
    rivals, claims = pairs.rivals(sizes)
    rivals[near], claims[near] = pairs.where(near).rivals(sizes)
    how = np.where((rivals == 1) & (claims == 1), "time", "nearest")
    return _chosen_pairs(theirs, mine, pairs.where(kept), how[kept], rivals[kept])


def _pairs_in_turn(lost: pd.DataFrame, rest: pd.DataFrame, pairs: Pairs) -> pd.DataFrame:
    """Return pairs of each request, oldest first, with the first remaining line."""
    import numpy as np

    sizes = len(lost), len(rest)
    order = np.lexsort((rest["second"].to_numpy()[pairs.other], lost["begin"].to_numpy()[pairs.one]))
    kept = pairs.taken(order, sizes)
    rivals, _ = pairs.rivals(sizes)
    return _chosen_pairs(lost, rest, pairs.where(kept), np.full(len(kept), "order"), rivals[kept])


def _chosen_pairs(
    theirs: pd.DataFrame, mine: pd.DataFrame, pairs: Pairs, how: Array, candidates: Array
) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "at": theirs["at"].to_numpy()[pairs.one],
            "row": mine["row"].to_numpy()[pairs.other],
            "how": how.astype(object),
            "candidates": candidates,
        }
    )
