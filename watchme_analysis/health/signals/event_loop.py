"""Signals of the event loop: steady responses, or standstills after which many leave at once.

A blocked event loop sends no response, whatever the path, and when the block ends all waiting responses leave
within milliseconds. The last of them leave after the end of the incident, which is where recovery begins.
Slowness by load alone is steady.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from watchme_analysis.health.affected_service import own_rows
from watchme_analysis.health.app_server import server_kind
from watchme_analysis.health.context import HealthContext, once_per_context
from watchme_analysis.health.incident import INSTANT_S
from watchme_analysis.health.rows import Values, lines, observation, of_joined, of_observed
from watchme_analysis.health.signals.cpu import is_sampled
from watchme_analysis.health.thresholds import FEWEST, FEWEST_OF_ROUTE, MANY, MOST
from watchme_analysis.inference.signals import Observation, detects
from watchme_analysis.requests.fates import UNCONNECTED
from watchme_analysis.requests.layers import SLOW_MARGIN_S, logs_connects, made_slow
from watchme_analysis.text.message import Duration, Share, message, sentences

if TYPE_CHECKING:
    import pandas as pd

# Seconds between responses of one turn of the event loop, at most, in the application's own log.
BURST_S = 0.01
# Share of responses within that time of the previous one from which they are bursts, by choice.
BUNCHED_SHARE = 0.35
# Seconds between responses that leave in one turn of the event loop, at most, as a proxy logs them.
BUNCH_S = 0.02
# Seconds between the starts of requests whose responses leave in one bunch, at least.
SPREAD_S = 0.2
# Statuses by which Nginx or an edge says that it waited for an answer, or its caller did.
WAITED_IN_VAIN = (499, 504, 524)
# As quick as ever: within this of the usual; and how many in an incident show that there was CPU for them.
QUICK_RATIO, QUICK_MARGIN_S, QUICK_SHARE = 1.5, 0.005, 0.1
# A rhythm is steady whose longest silence is shorter than this share of what callers waited.
STEADY_SHARE, STEADY_LEAST_S = 0.75, 1.0


@detects("stop_and_go", "stop_and_go_or_no_cpu", "steady", group="rhythm", needs=("app_log",))
@detects("bunched", "quick_between", group="rhythm", needs=("access_log/times",))
def rhythms(context: HealthContext) -> Iterator[Observation]:
    """Yield observations of an application that pauses and then responds to all, or never pauses."""
    if server_kind(context) == "workers":
        # Requests that wait for one of few workers make the same rhythm, and no loop is held.
        return
    standstills = [*_stop_and_go(context), *_bunched(context)]
    yield from (*standstills, *_steady(context), *(_quick_between(context) if standstills else ()))


@dataclass(frozen=True)
class _Rhythm:
    """Responses of a process in the incident, and (``usually_``) before and after it.

    ``bunched`` is the share of responses sent within :data:`BURST_S` of the previous one, ``silent`` the
    share of time in silences of more than ``limit_s``: what one silence in fifty exceeds usually, at least
    what makes a request slow.
    """

    bunched: float
    usually_bunched: float
    silent: float
    usually_silent: float
    limit_s: float
    longest_s: float


def _answered(context: HealthContext) -> tuple[pd.DataFrame, str]:
    """Return the bad requests of the incident that got a response in the end, and who logged them."""
    side = "nginx" if context.has("access_log") else "edge"
    bad = context.rows(side, bad=True)
    answered = bad[bad[f"{side}_status"] < 499]
    return answered.dropna(subset=[f"{side}_end"]).sort_values(f"{side}_end"), side


@once_per_context
def _recovered(context: HealthContext) -> pd.Timestamp:
    """Return when the last response to a request of the incident was sent, at its end or later."""
    import pandas as pd

    answered, side = _answered(context)
    return max([pd.Timestamp(context.end), *answered[f"{side}_end"].tail(1)])


def _until_recovered(context: HealthContext, log: pd.DataFrame) -> pd.DataFrame:
    """Return the lines of a log from the start of the incident to its last response."""
    import pandas as pd

    return log[log["time"].between(pd.Timestamp(context.start), _recovered(context))]


def _rhythm(context: HealthContext, moments: pd.Series) -> _Rhythm | None:
    """Return the rhythm of a process by the times of its responses; None where it is not known."""
    import numpy as np
    import pandas as pd

    seconds = (moments.sort_values() - pd.Timestamp(context.start)).dt.total_seconds().to_numpy()
    length_s = (_recovered(context) - pd.Timestamp(context.start)).total_seconds()
    inside = (seconds >= 0) & (seconds <= length_s)
    gaps = np.diff(seconds)
    usual = gaps[~inside[1:] & ~inside[:-1] & ~((seconds[:-1] < 0) & (seconds[1:] > length_s))]
    if len(usual) < MANY or inside.sum() < 2 or length_s < 1 or moments.dt.microsecond.nunique() < MANY:
        return None
    during = np.diff([0.0, *seconds[inside], length_s])
    limit_s = max(float(np.quantile(usual, 0.98)), SLOW_MARGIN_S)
    return _Rhythm(
        float((np.diff(seconds[inside]) < BURST_S).mean()),
        float((usual < BURST_S).mean()),
        float(during[during > limit_s].sum() / length_s),
        float(usual[usual > limit_s].sum() / usual.sum()),
        limit_s,
        float(during.max()),
    )


def _stop_and_go(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of a process that was silent for most of an incident, and responded in bursts.

    A process without CPU does the same, so that the CPU must have been measured to tell them apart.
    """
    log = own_rows(context, "app_log")
    answers = log[log["kind"].eq("access") & log["time"].notna()]
    # Each worker process has a loop of its own; the one that is silent for longest shows it.
    found = {pid: _rhythm(context, rows["time"]) for pid, rows in answers.groupby(answers["pid"].fillna(-1))}
    known = {pid: shape for pid, shape in found.items() if shape is not None and _stands_still(shape)}
    if not known:
        return
    pid, shape = max(known.items(), key=lambda item: item[1].silent)
    if _is_idle(context, answers["time"], shape.limit_s):
        return
    numbers = message(
        "health-rhythm-numbers",
        silent=Share(shape.silent),
        limit=Duration(shape.limit_s),
        usual_silent=Share(shape.usually_silent),
        longest=Duration(shape.longest_s),
        bursts=Share(shape.bunched),
        usual_bursts=Share(shape.usually_bunched),
    )
    has_cpu_known = is_sampled(context)
    blocked = message("health-loop-blocked-detail", longest=Duration(shape.longest_s))
    mine = _until_recovered(context, answers[answers["pid"].fillna(-1) == pid])
    yield observation(
        context,
        "stop_and_go" if has_cpu_known else "stop_and_go_or_no_cpu",
        lines("app_log", mine),
        (shape.silent, "share"),
        words="stop-and-go",
        more=numbers if has_cpu_known else sentences(numbers, message("health-or-no-cpu")),
        detail=blocked if has_cpu_known else None,
    )


def _stands_still(shape: _Rhythm) -> bool:
    is_bunched = shape.bunched > max(BUNCHED_SHARE, 2 * shape.usually_bunched)
    return is_bunched and shape.silent > max(MOST, 2 * shape.usually_silent)


def _bunched(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of slow responses of several routes that waited together and left together."""
    answered, side = _answered(context)
    # The kernel makes connections without the loop: a response that waited for one tells nothing of it.
    answered = answered[~made_slow(answered["connect_s"].fillna(0.0), answered[f"{side}_s"])]
    apart_s = answered[f"{side}_end"].diff().dt.total_seconds()
    groups: Any = answered.groupby((apart_s > BUNCH_S).cumsum())
    begun = groups[f"{side}_start"]
    spread_s = (begun.max() - begun.min()).dt.total_seconds()
    sizes = groups.size()[spread_s >= SPREAD_S]
    # Callers of one route may wait for the same thing; several routes share the loop.
    mixed = groups["route"].nunique()[sizes.index] >= 2
    inside, total = int(sizes.sum()), len(answered)
    is_repeated = len(sizes) >= FEWEST and mixed.sum() >= FEWEST - 1
    # A loop that is held once sends everything that waited in one bunch.
    if (is_repeated or (sizes[mixed] >= MANY).any()) and inside >= MOST * total:
        effect = (inside / total, "share")
        counts: Values = {"slow": total, "bunches": len(sizes)}
        yield observation(context, "bunched", of_joined(side, answered), effect, together=inside, **counts)


def _quick_between(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of responses as quick as usual between standstills: CPU was not lacking."""
    rows = context.affected
    rows = rows[rows["vantage"].eq("nginx") & ~rows["failed"] & rows["duration_s"].notna()]
    quick = rows[rows["duration_s"] <= QUICK_RATIO * rows["usual_s"] + QUICK_MARGIN_S]
    if len(quick) >= FEWEST_OF_ROUTE and len(quick) >= QUICK_SHARE * len(rows):
        effect = (len(quick) / len(rows), "share")
        counts: Values = {"quick": len(quick), "responses": len(rows)}
        yield observation(context, "quick_between", of_observed(quick), effect, **counts)


def _steady(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of a process whose responses never paused for as long as callers waited."""
    log = own_rows(context, "app_log")
    answers = log[log["kind"].eq("access") & log["time"].notna()]
    waits = context.outer_affected.loc[context.outer_affected["bad"], "duration_s"].dropna()
    if answers["time"].dt.microsecond.nunique() < MANY or waits.empty:
        return
    # Each worker process has a loop of its own; the one that pauses the longest tells.
    silences_s = [_longest_silence_s(context, rows) for _, rows in answers.groupby(answers["pid"].fillna(-1))]
    longest_s, typical_s = max(silences_s), max(float(waits.median()), STEADY_LEAST_S)
    if longest_s < STEADY_SHARE * typical_s:
        rows = lines("app_log", _until_recovered(context, answers))
        spans: Values = {"longest": Duration(longest_s), "waited": Duration(typical_s)}
        yield observation(context, "steady", rows, (longest_s, "s"), **spans)


def _longest_silence_s(context: HealthContext, answers: pd.DataFrame) -> float:
    """Return the longest time without a response until the last one of the incident, in seconds."""
    import pandas as pd

    moments = _until_recovered(context, answers.sort_values("time"))["time"]
    bounds = pd.Series([pd.Timestamp(context.start), *moments, _recovered(context)])
    return float(bounds.diff().dt.total_seconds().max())


def _is_idle(context: HealthContext, answers: pd.Series, limit_s: float) -> bool:
    """Return whether, by logged times, most of an application's silence passed without a request at it.

    An application without requests sends no responses. Where no log has times or connect times, Nginx's
    errors show whether it reached the application.
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
    inside = np.sort((_until_recovered(context, answers.to_frame("time"))["time"] - zero).dt.total_seconds())
    moments = np.concatenate([[0.0], inside, [(_recovered(context) - zero).total_seconds()]])
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
