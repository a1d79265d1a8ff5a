"""Signals of the event loop: steady responses, or standstills after which many leave at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchme_analysis.health.affected_service import own_rows, own_within
from watchme_analysis.health.app_server import server_kind
from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.incident import INSTANT_S
from watchme_analysis.health.response_rhythm import count_bunched_responses, held_waits, response_rhythm
from watchme_analysis.health.rows import of_joined, of_observed
from watchme_analysis.health.thresholds import FEWEST, FEWEST_OF_ROUTE, MOST
from watchme_analysis.inference.signals import ENOUGH, Observation, by_count, detects
from watchme_analysis.requests.fates import UNCONNECTED
from watchme_analysis.requests.layers import logs_connects, made_slow
from watchme_analysis.text.message import Duration, Share, message, sentences

if TYPE_CHECKING:
    import pandas as pd

# As quick as ever: within this of the usual; and how many in an incident show that there was CPU for them.
QUICK_RATIO, QUICK_MARGIN_S, QUICK_SHARE = 1.5, 0.005, 0.1
# Share of waits for the application in which it answered nobody that shows it standing still. Waits that
# outlast several blocks see answers between them.
HELD_SHARE = 0.15
# A rhythm is steady whose longest silence is shorter than this share of what callers waited.
STEADY_SHARE, STEADY_LEAST_S = 0.75, 1.0
# Statuses by which Nginx or an edge says that it waited for an answer, or its caller did.
WAITED_IN_VAIN = (499, 504, 524)


@detects("stop_and_go", "bursts", "steady", group="rhythm", needs=("app_log",))
@detects("bunched", "held_waits", "quick_between", group="rhythm", needs=("access_log/times",))
def rhythms(context: HealthContext) -> list[Observation]:
    """Return observations of an application that pauses and then responds to all, or never pauses."""
    if server_kind(context) == "workers":
        # Requests that wait for one of few workers make the same rhythm, and no loop is held.
        return []
    seen = []
    observation = _by_app_log(context)
    if observation is not None:
        seen.append(observation)
    side = "nginx" if context.has("access_log") else "edge"
    slow = context.rows(side, bad=True)
    answered = slow[slow[f"{side}_status"] < 499]
    # The kernel makes connections without the loop: a response that waited for one tells nothing of it.
    answered = answered[~made_slow(answered["connect_s"].fillna(0.0), answered[f"{side}_s"])]
    inside, total, bunches = count_bunched_responses(answered)
    if bunches >= FEWEST and inside >= MOST * total:
        text = message("health-bunched", together=inside, slow=total, bunches=bunches)
        seen.append(Observation("bunched", text, *of_joined(side, answered), inside / total, "share"))
    if not any(one.signal == "stop_and_go" for one in seen):
        seen += _held(context)
    if {"stop_and_go", "bunched", "held_waits"} & {one.signal for one in seen}:
        seen += _quick_between(context)
    return seen


def _held(context: HealthContext) -> list[Observation]:
    """Return an observation of times without any response while slow and other requests waited."""
    rows = context.joined_during[context.joined_during["seen_nginx"]]
    if rows["upstream_addr"].notna().any():
        rows = rows[rows["upstream_addr"].isin(context.services[:1])]
    waits, held = held_waits(rows)
    if len(waits) < ENOUGH or held.sum() < HELD_SHARE * len(waits):
        return []
    longest = float((waits.loc[held, "nginx_end"] - waits.loc[held, "nginx_start"]).dt.total_seconds().max())
    text = message(
        "health-held-waits",
        held=held.sum(),
        waits=len(waits),
        services=context.services[:1],
        longest=Duration(longest),
    )
    detail = message("health-loop-blocked-detail", longest=Duration(longest))
    rows = of_joined("nginx", waits[held])
    size = float(held.sum() / len(waits))
    strength = by_count(size, MOST)
    return [Observation("held_waits", text, *rows, size, "share", strength, detail)]


def _quick_between(context: HealthContext) -> list[Observation]:
    """Return an observation of responses as quick as usual between standstills: CPU was not lacking."""
    rows = context.affected
    rows = rows[rows["vantage"].eq("nginx") & ~rows["failed"] & rows["duration_s"].notna()]
    quick = rows[rows["duration_s"] <= QUICK_RATIO * rows["usual_s"] + QUICK_MARGIN_S]
    if len(quick) < FEWEST_OF_ROUTE or len(quick) < QUICK_SHARE * len(rows):
        return []
    text = message("health-quick-between", quick=len(quick), responses=len(rows), paths=context.endpoints)
    share = len(quick) / len(rows)
    return [Observation("quick_between", text, *of_observed(quick), share, "share")]


def _by_app_log(context: HealthContext) -> Observation | None:
    log = own_rows(context, "app_log")
    answers = log[log["kind"] == "access"]
    # Each worker process has a loop of its own; the one that stands still the most tells.
    shapes = {
        int(pid): shape
        for pid, group in answers.groupby(answers["pid"].fillna(-1))
        if (shape := response_rhythm(group["time"], context.start, context.end)) is not None
    }
    if not shapes:
        return None
    pid, shape = max(shapes.items(), key=lambda one: one[1].silent_share * (one[1].burst_share > 0.35))
    sql = own_within(context, "app_log", "kind = 'access'", f"coalesce(pid, -1) = {pid}")
    numbers = message(
        "health-rhythm-numbers",
        silent=Share(shape.silent_share),
        limit=Duration(shape.silence_limit_s),
        usual_silent=Share(shape.usual_silent_share),
        longest=Duration(shape.longest_silence_s),
        bursts=Share(shape.burst_share),
        usual_bursts=Share(shape.usual_burst_share),
    )
    bursts = shape.burst_share > max(0.35, 2 * shape.usual_burst_share)
    silent = shape.silent_share > max(0.5, 2 * shape.usual_silent_share)
    rows = shape.answers
    if bursts and silent and is_idle_by_requests(context, answers["time"], shape.silence_limit_s):
        return None
    if bursts and silent:
        detail = message("health-loop-blocked-detail", longest=Duration(shape.longest_silence_s))
        return Observation(
            "stop_and_go",
            sentences(message("health-stop-and-go"), numbers),
            "app_log",
            rows,
            sql,
            shape.silent_share,
            "share",
            detail=detail,
        )
    if bursts and shape.burst_share >= 3 * shape.usual_burst_share:
        text = sentences(message("health-bursts"), numbers)
        return Observation("bursts", text, "app_log", rows, sql, shape.burst_share, "share")
    # Who waits for a loop that is held waits no longer than it is silent.
    if shape.silent_share < 0.45 and shape.longest_silence_s < STEADY_SHARE * _typical_wait_s(context):
        return Observation(
            "steady",
            sentences(message("health-steady"), numbers),
            "app_log",
            rows,
            sql,
            shape.silent_share,
            "share",
        )
    return None


def _typical_wait_s(context: HealthContext) -> float:
    """Return how long half of the bad requests waited at least; where nobody knows, long."""
    waits = context.outer_affected.loc[context.outer_affected["bad"], "duration_s"].dropna()
    return max(float(waits.median()), STEADY_LEAST_S) if len(waits) else STEADY_LEAST_S


def is_idle_by_requests(context: HealthContext, answers: pd.Series, limit_s: float) -> bool:
    """Return whether, by logged times, most of an application's silence passed without a request at it.

    Who is asked nothing answers nothing. Where no log has times, or connects, Nginx's errors tell whether it
    reached the application.
    """
    import numpy as np
    import pandas as pd

    rows, side = _timed_requests(context)
    if rows.empty:
        return _not_reached(context)
    arrived = rows[f"{side}_status"] < 400
    if side == "nginx" and logs_connects(rows):
        arrived |= rows["connect_s"].notna()
    elif not _not_reached(context):
        arrived |= rows[f"{side}_status"].isin(WAITED_IN_VAIN)
    rows = rows[arrived]
    zero = pd.Timestamp(context.start)
    begun = np.sort((rows[f"{side}_start"] - zero).dt.total_seconds() + rows["connect_s"].fillna(0.0))
    ended = np.sort((rows[f"{side}_end"] - zero).dt.total_seconds())
    inside = np.sort((context.of_incident(answers.to_frame("time"))["time"] - zero).dt.total_seconds())
    moments = np.concatenate([[0.0], inside, [(pd.Timestamp(context.end) - zero).total_seconds()]])
    silent = np.diff(moments) > limit_s
    first, last = moments[:-1][silent], moments[1:][silent]
    # From the first request at it on, a silence is one of the application.
    at = np.searchsorted(begun, first, side="right")
    is_open = at > np.searchsorted(ended, first + INSTANT_S, side="right")
    first_request = np.where(is_open, first, np.append(begun, np.inf)[at])
    waited = np.clip(last - first_request, 0.0, None).sum()
    return bool(waited < MOST * (last - first).sum())


def _timed_requests(context: HealthContext) -> tuple[pd.DataFrame, str]:
    """Return the timed requests of an affected service, and who timed them: Nginx, else the edge."""
    joined = context.joined
    upstream = joined["upstream_addr"]
    mine = upstream.fillna(joined["route"].map(context.upstreams).astype(upstream.dtype)).isin(
        context.services
    )
    side = "nginx" if (joined["nginx_s"].notna() & joined["upstream_addr"].notna()).any() else "edge"
    mine &= joined["upstream_addr"].notna() if side == "nginx" else True
    return joined[mine & joined[f"{side}_s"].notna()], side


def _not_reached(context: HealthContext) -> bool:
    """Return whether Nginx logs failed connections more often than responses that it waited for in vain."""
    mine = context.fates[context.fates["address"].isin(context.known_as(context.services))]
    unreached = int(mine["fate"].isin(UNCONNECTED).sum())
    return unreached >= FEWEST and unreached > int(mine["fate"].eq("header_timeout").sum())


DETECTORS = (rhythms,)
