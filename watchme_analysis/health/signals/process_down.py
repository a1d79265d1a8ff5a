"""Signals of a process that is not there: stopped, crashed, restarted, or failing at start.

A port without a listener refuses connections from inside its own network as well, so a refusal there excludes
everything between the caller and the process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from watchme_analysis.evidence.compose import ComposeService
from watchme_analysis.health.affected_service import container_of, gauges, own_rows, own_within, service_name
from watchme_analysis.health.app_server import worker_kind
from watchme_analysis.health.application_errors import MOST_QUOTED, TRACEBACK, says
from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.incident import INSTANT_S
from watchme_analysis.health.rows import Rows, Values, lines, observation, of_joined, of_observed
from watchme_analysis.health.signals.app_log import WORKER_TIMEOUT
from watchme_analysis.health.signals.vantages import at_bad_moments
from watchme_analysis.health.thresholds import FEWEST, MOST, WHOLE
from watchme_analysis.inference.signals import ENOUGH, Observation, by_count, detects
from watchme_analysis.text.message import (
    Choice,
    Duration,
    Message,
    Quotation,
    Resource,
    message,
    sentences,
)

if TYPE_CHECKING:
    import pandas as pd

# How probers and clients report that a connection was refused.
_REFUSED = r"refused"
# A process is measured at steady intervals; so many of them without a sample are a gap.
MISSED_SAMPLES = 3
# Without another process that was measured meanwhile, the sampler itself may have stopped.
ALONE = 0.6
ENDED = r"Finished server process|Application shutdown complete|Shutting down|Worker exiting"
READY = r"Application startup complete|Uvicorn running on|Listening at"
# Functions of servers that load the application: an error below them is one of the start.
_AT_START = r"uvicorn[./]__main__|import_from_string|load_app\b|gunicorn[./]util|init_process\b"
_NOT_LOADED = "Error loading ASGI app"
_STARTED = r"Started server process \[(\d+)\]"
# Seconds from "unhealthy" to a restart: docker-autoheal looks every 5 s by default, and Docker gives a
# container 10 s to stop before it is killed (``docker stop``, ``stop_grace_period`` of Compose).
RESTART_S = 5.0 + 10.0


@detects("inside_refused", "inside_waits", group="listening", needs=("probes/inside",))
def inside_refused(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of refused probes inside the container's own network, or of probes that waited.

    A port without a listener refuses at once (RFC 9293, section 3.5.2), so a probe that waits was connected.
    """
    probes, _ = at_bad_moments(context, "inside")
    bad = probes[probes["bad"]]
    refused = bad[bad["error"].str.contains(_REFUSED, case=False).fillna(False).astype(bool)]
    if len(refused) >= 2 and len(refused) >= MOST * len(bad):
        share = len(refused) / len(probes)
        yield observation(
            context,
            "inside_refused",
            of_observed(refused),
            (share, "share"),
            strength=by_count(len(refused), FEWEST),
            refused=len(refused),
            probes=len(probes),
            services=context.services[:1],
        )
    waited = bad[bad["duration_s"] >= INSTANT_S]
    if refused.empty and len(waited) >= FEWEST and len(waited) >= WHOLE * len(bad):
        counts: Values = {"waited": len(waited), "bad": len(bad)}
        yield observation(
            context, "inside_waits", of_observed(waited), strength=by_count(len(waited)), **counts
        )


@detects(
    "refused_past_inside", group="published port", needs=("access_log/times", "error_log", "probes/inside")
)
def refused_past_inside(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of a usual address that refuses while the process responds in its container."""
    probes, _ = at_bad_moments(context, "inside")
    usual = context.serving.intersection(context.services)
    fates = context.fates[context.fates["fate"].eq("refused") & context.fates["address"].isin(usual)]
    refused = context.lines_of(fates)
    if len(refused) >= FEWEST and len(probes) >= FEWEST and not probes["bad"].any():
        yield observation(
            context,
            "refused_past_inside",
            lines("error_log", refused),
            strength=by_count(len(refused)),
            services=dict.fromkeys(refused["upstream_addr"]),
            errors=len(refused),
            probes=len(probes),
        )


@detects("connected", group="listening", needs=("access_log/times", "error_log"))
def connected(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of bad requests for which Nginx could connect to the usual upstream."""
    bad = context.rows("nginx", bad=True)
    passed_on = bad[bad["upstream_addr"].isin(context.services)]
    if context.joined["connect_s"].notna().any() and len(passed_on) >= ENOUGH:
        made = passed_on[passed_on["connect_s"].notna()]
        if len(made) >= WHOLE * len(passed_on):
            counts: Values = {"made": len(made), "passed_on": len(passed_on)}
            yield observation(context, "connected", of_joined("nginx", made), **counts)
        return
    mine = context.fates[context.fates["address"].isin(context.known_as(context.services))]
    mine = mine[mine["error_row"] >= 0]
    waited = mine[mine["fate"].isin(["header_timeout", "body_timeout"])]
    if len(waited) >= ENOUGH and len(waited) >= WHOLE * len(mine):
        rows = lines("error_log", context.lines_of(waited))
        counts = {"waited": len(waited)}
        counts["errors"] = len(mine)
        yield observation(context, "connected", rows, words="connected-errors", **counts)


@detects("metrics_gap", group="samples", needs=("host_metrics",))
def metrics_gap(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of a process without metrics for much of the incident, which it usually has."""
    import pandas as pd

    if not context.has("host_metrics"):
        return
    times = gauges(context).index.to_series().sort_values()
    apart = times.diff().dt.total_seconds()
    step_s = float(apart.median()) if len(times) > FEWEST else float("nan")
    start, end = pd.Timestamp(context.start), pd.Timestamp(context.end)
    gaps = apart[apart > MISSED_SAMPLES * step_s]
    missed = [
        (max(times[at] - pd.Timedelta(seconds=gap), start), min(times[at], end)) for at, gap in gaps.items()
    ]
    missed = [(left, right) for left, right in missed if right > left]
    gone_s = sum((right - left).total_seconds() for left, right in missed)
    lasted_s = (end - start).total_seconds()
    if not missed or lasted_s <= 0 or gone_s < MOST / 2 * lasted_s:
        return
    metrics = context.table("host_metrics")
    others = metrics[metrics["service"].fillna("") != service_name(context, metrics)]["time"]
    meanwhile = any(left < at < right for at in others for left, right in missed)
    count = len(context.of_incident(own_rows(context, "host_metrics")))
    yield observation(
        context,
        "metrics_gap",
        Rows("host_metrics", count, own_within(context, "host_metrics")),
        (gone_s, "s"),
        words="metrics-gap-others" if meanwhile else "metrics-gap",
        strength=by_count(gone_s / lasted_s, MOST) * (1.0 if meanwhile else ALONE),
        gap=Duration(gone_s),
        step=Duration(step_s),
    )


@detects("stopped", "start_fails", group="lifecycle", needs=("app_log",))
def lifecycle(context: HealthContext) -> Iterator[Observation]:
    """Yield observations of the application's log: it ended and was not ready again, or starts failed."""
    log = own_rows(context, "app_log")
    mine = log[log["time"].notna()].sort_values("time", kind="stable")
    yield from _stopped(context, mine)
    yield from _start_fails(context, mine)


def _stopped(context: HealthContext, log: pd.DataFrame) -> Iterator[Observation]:
    import pandas as pd

    ended = log[says(log["message"], ENDED)]
    ready = log[says(log["message"], READY) | log["kind"].eq("access")]
    bad = context.outer_affected[context.outer_affected["bad"]]
    for at in ended.loc[ended["time"] <= pd.Timestamp(context.end), "time"].iloc[::-1]:
        after = ready.loc[ready["time"] > at, "time"]
        back = after.iloc[0] if len(after) else pd.Timestamp(context.end)
        hit = bad[bad["start"].between(at - pd.Timedelta(seconds=1), back)]
        if len(bad) and len(hit) >= MOST * len(bad):
            rows = log[log["time"].between(at, back) & ~log["kind"].eq("access")]
            # A restart that ends a fault stops the server as well, for a part of the incident.
            strength = by_count(len(hit)) * min(len(hit) / (WHOLE * len(bad)), 1.0)
            moments: Values = {"from": at.to_pydatetime(), "until": back.to_pydatetime()}
            yield observation(
                context,
                "stopped",
                lines("app_log", rows),
                ((back - at).total_seconds(), "s"),
                words="stopped" if len(after) else "stopped-open",
                strength=strength,
                bad=len(hit),
                total=len(bad),
                where=Choice("known" if context.services else "unknown"),
                address=Resource(context.services[0] if context.services else ""),
                **moments,
            )
            return


def _start_fails(context: HealthContext, log: pd.DataFrame) -> Iterator[Observation]:
    import pandas as pd

    # Lines without a time belong to the one before them, which may be older than the first failure.
    last = log[log["time"] < pd.Timestamp(context.start)].tail(1)
    during = pd.concat([last, context.of_incident(log)])
    messages = during["message"]
    loading = says(messages, _AT_START) & says(messages, re.escape(TRACEBACK))
    failed = during[loading | says(messages, re.escape(_NOT_LOADED))]
    if failed.empty:
        return
    times = int(failed["message"].str.count(re.escape(TRACEBACK)).clip(lower=1).sum())
    last = next((line for line in reversed(str(failed["message"].iloc[-1]).splitlines()) if line.strip()), "")
    error, effect = Quotation(last.strip()[:MOST_QUOTED]), (float(times), "starts")
    yield observation(context, "start_fails", lines("app_log", failed), effect, times=times, error=error)


@detects("restarted", "restarted_often", group="restarts", needs=("app_log",))
def restarts(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of starts of the process in the incident, as after it ran out of memory."""
    log = context.of_incident(own_rows(context, "app_log")).sort_values("time", kind="stable")
    messages = log["message"].fillna("")
    process_ids = messages.where(log["kind"].eq("lifecycle")).str.extract(_STARTED)[0]
    starts = log[process_ids.notna()]
    if starts.empty:
        return
    times = _count_starts(log, process_ids)
    reason = restart_reason(context, starts["time"])
    if reason is None and messages.str.contains(WORKER_TIMEOUT).any():
        reason = message("health-restart-worker-timeout", worker=Choice(worker_kind(context) or "other"))
    yield observation(
        context,
        "restarted" if times == 1 else "restarted_often",
        lines("app_log", starts),
        words="restarted",
        more=sentences(reason, message("health-restart-follows")) if reason else None,
        strength=0.2 if reason else 1.0,
        times=times,
    )


def _count_starts(log: pd.DataFrame, process_ids: pd.Series) -> int:
    """Return the number of starts in a log; the workers that one start brings up count once.

    They have different ids (``process_ids``, null for other rows), and nothing is served, ends or fails
    between them. The processes of a container have the same id after each start.
    """
    between = log["kind"].eq("access") | log["level"].isin(["ERROR", "CRITICAL"])
    between |= log["message"].fillna("").str.contains(f"{ENDED}|{re.escape(TRACEBACK)}", regex=True)
    starts = process_ids.dropna().to_frame("id").assign(after=between.astype(bool).cumsum())
    return int(starts.groupby(["after", "id"]).size().groupby("after").max().sum())


def restart_reason(context: HealthContext, restarts: pd.Series) -> Message | None:
    """Return in a sentence that the container's own health check explains its restarts; None if it doesn't.

    What watches a health check restarts a container once it is unhealthy: between the check's soonest and
    latest moment after the trouble began, or ever again where the check asks a port at which nobody listens.
    """
    mine = container_of(context)
    if mine is None or mine.health is None or restarts.empty:
        return None
    checked = re.search(r"(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]):(\d+)", mine.health.test)
    ports = _listening(context, mine)
    if checked and ports and checked[1] not in ports:
        return message("health-restart-wrong-port", port=Resource(checked[1]), listening=sorted(ports))
    after = (restarts.min() - context.start).total_seconds()
    if mine.health.soonest_s <= after <= mine.health.latest_s + RESTART_S:
        return message(
            "health-restart-unhealthy",
            soonest=Duration(mine.health.soonest_s),
            latest=Duration(mine.health.latest_s),
            after=Duration(round(after)),
        )
    return None


def _listening(context: HealthContext, mine: ComposeService) -> set[str]:
    """Return the ports at which the container's server listens, by its start command."""
    processes = context.table("app_processes")
    same = processes[processes["service"].fillna("").isin([mine.name, ""])]
    ports = {str(int(port)) for port in same["port"].dropna()}
    return ports | set(re.findall(r"(?:--port[= ]|--bind[= ]\S*:|-b \S*:)(\d+)", mine.command))


DETECTORS = (inside_refused, refused_past_inside, connected, metrics_gap, lifecycle, restarts)
