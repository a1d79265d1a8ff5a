"""Signals of the process: threads, open requests, descriptors and memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from watchme_analysis.health.affected_service import (
    container_of,
    gauges,
    own_rows,
    own_source,
    own_within,
    service_name,
    variables,
    waiting,
)
from watchme_analysis.health.app_server import server_kind
from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.handlers import handlers_by_route, pool_tokens
from watchme_analysis.health.rows import at_times, quoted
from watchme_analysis.health.signals.cpu import FEWEST_SAMPLES, cpu
from watchme_analysis.health.thresholds import FEWEST, MOST, PART
from watchme_analysis.inference.signals import Observation, detects
from watchme_analysis.requests.observations import floats
from watchme_analysis.text.message import Choice, Count, Number, Text, Value, message

if TYPE_CHECKING:
    import pandas as pd

# Gives the query for the samples of a metric of the affected process within the incident.
Samples = Callable[..., str]
# Memory this near its limit is at it: the kernel kills before the last sample.
NEAR_LIMIT = 0.85
# Memory that grew to so many times the usual, and by so much.
GROWN_RATIO, GROWN_MB = 3.0, 300.0
# A process that is ended for its memory loses half of it at once, having grown to so many times the usual
# and by so much; a deploy does that once.
LOST_SHARE, RISEN_RATIO, RISEN_MB, OFTEN = 0.5, 1.5, 50.0, 2


@detects("pool_full", "pool_free", group="threads", needs=("host_metrics",))
@detects("not_arriving", group="in flight", needs=("host_metrics",))
@detects("cpu_full", "cpu_threads", "cpu_held", "cpu_idle", group="cpu", needs=("host_metrics",))
@detects("files_full", group="descriptors", needs=("host_metrics", "app_log"))
@detects("memory_at_limit", "memory_lost", group="memory", needs=("host_metrics",))
@detects("memory_full", group="memory", needs=("host_metrics", "app_log"))
def process(context: HealthContext) -> list[Observation]:
    """Return observations of the gauges of the affected process."""
    metrics = context.table("host_metrics")
    seen: list[Observation] = []
    if len(metrics):
        service = service_name(context, metrics)
        wide = gauges(context)
        during = wide[(wide.index >= context.start) & (wide.index <= context.end)]
        before = wide[wide.index < context.start]
        if len(during) >= FEWEST_SAMPLES:

            def samples(metric: str, *conditions: str) -> str:
                said = (f"metric = {quoted(metric)}", "value is not null", *conditions)
                return own_within(context, "host_metrics", *said)

            if server_kind(context) != "workers":
                seen += _threads(context, during, samples)
            granted = container_of(context)
            others = _others_cpu(metrics, service, during)
            outer = waiting(context, during.index)
            open_too = during if outer is None else during.assign(waiting=outer)
            cores = granted.cpus if granted else None
            spared = bool(context.calm_neighbours())
            seen += cpu(open_too, others, before, samples, cores, serves_others=spared)
            seen += _files(context, during, samples, granted.open_files if granted else None)
            bytes_granted = granted.memory_bytes if granted else None
            seen += memory(
                wide, context.start, context.end, samples, own_rows(context, "app_log"), bytes_granted
            )
    return seen


def _others_cpu(metrics: pd.DataFrame, service: str, during: pd.DataFrame) -> pd.DataFrame:
    """Return the CPU of the other processes measured, a column each."""
    names, times = metrics["service"].fillna(""), metrics["time"]
    is_meanwhile = (times >= during.index.min()) & (times <= during.index.max())
    is_cpu = (metrics["metric"] == "cpu_pct") & metrics["value"].notna()
    named = metrics.assign(service=names)[is_cpu & (names != service) & is_meanwhile]
    return named.pivot_table(index="time", columns="service", values="value", aggfunc="last").astype(
        "float64"
    )


def _threads(context: HealthContext, during: pd.DataFrame, samples: Samples) -> list[Observation]:
    seen = []
    calls = own_source(context, "app_calls")
    handlers = handlers_by_route(own_source(context, "app_handlers"), calls, list(context.routes))
    tokens = pool_tokens(calls, context.table("app_processes"), handlers.values(), variables(context))
    threads = during["threads"].dropna() if "threads" in during else None
    open_now = during["in_flight"].dropna() if "in_flight" in during else None
    rows, sql = (0, "") if threads is None else (len(threads), samples("threads"))
    most_open = float(open_now.max()) if open_now is not None else float("nan")
    if tokens is None:
        # Nobody can tell whether all of an unknown number are taken.
        pass
    elif threads is not None:
        most = float(threads.max())
        flat = int((threads >= most - 1).sum())
        crowded = most_open > tokens or open_now is None
        if most >= tokens and flat >= PART * rows and crowded:
            known = Choice("unknown" if open_now is None else "known")
            open_most = 0 if open_now is None else round(most_open)
            counts: dict[str, Value] = {
                "threads": Count(round(most)),
                "known": known,
                "requests": Count(open_most),
            }
            text = message("health-pool-full", **counts, flat=flat, samples=rows)
            detail = message("health-pool-full-detail", **counts, pool=tokens)
            seen.append(
                Observation("pool_full", text, "host_metrics", rows, sql, most, "threads", detail=detail)
            )
        elif most < tokens * 0.75 and not most_open >= tokens / 2:
            text = message("health-pool-free", threads=round(most), pool=tokens)
            seen.append(Observation("pool_free", text, "host_metrics", rows, sql, most, "threads"))
    elif open_now is not None and most_open < tokens * 0.75:
        text = message("health-pool-free-by-requests", requests=round(most_open), pool=tokens)
        sql = samples("in_flight")
        seen.append(
            Observation("pool_free", text, "host_metrics", len(open_now), sql, most_open, "requests", 0.7)
        )
    if open_now is not None:
        seen += _not_arriving(context, open_now, samples)
    return seen


def _not_arriving(context: HealthContext, gauge: pd.Series, samples: Samples) -> list[Observation]:
    """Return an observation of requests that Nginx had open and the process did not know of."""
    outer = waiting(context, gauge.index)
    if outer is None:
        return []
    busy = (outer >= 2).to_numpy()
    if busy.sum() < FEWEST:
        return []
    outside, inside = float(outer[busy].mean()), float(gauge[busy].mean())
    if inside > MOST * outside:
        return []
    text = message("health-not-arriving", samples=busy.sum(), outside=Number(outside), inside=Number(inside))
    sql = samples("in_flight", at_times(gauge.index[busy]))
    return [
        Observation("not_arriving", text, "host_metrics", int(busy.sum()), sql, outside - inside, "requests")
    ]


def _files(
    context: HealthContext, during: pd.DataFrame, samples: Samples, granted: float | None = None
) -> list[Observation]:
    name = next((column for column in during if column in ("open_files", "fds", "open_fds")), None)
    if name is None:
        return []
    files = during[name].dropna()
    limits = floats(context.table("app_processes")["open_files_limit"])
    known = [limit for limit in (*limits, granted or float("nan")) if limit >= files.max()]
    most = float(files.max()) if len(files) else 0.0
    limit = min(known, default=float("nan"))
    if len(files) >= FEWEST and most >= 0.95 * limit:
        text = message("health-files-full", files=round(most), limit=round(limit))
        return [
            Observation(
                "files_full", text, "host_metrics", len(files), samples(str(name)), most, "files", detail=text
            )
        ]
    return []


def memory(
    gauges: pd.DataFrame,
    start: datetime,
    end: datetime,
    samples: Callable[..., str],
    log: pd.DataFrame,
    granted_bytes: float | None = None,
) -> list[Observation]:
    """Return observations of the memory of the affected process.

    ``gauges`` has its metrics, a column each, times as index; ``log`` what the process and those before and
    after it logged. The container may use ``granted_bytes``, None where that is unknown.
    """
    if "rss_mb" not in gauges:
        return []
    sampled = gauges["rss_mb"].dropna()
    before, used = sampled[sampled.index < start], sampled.loc[start:end]
    if len(before) < FEWEST or used.empty:
        return []
    usual = float(before.median())
    most, granted = float(used.max()), granted_bytes / 2**20 if granted_bytes else float("nan")
    at_limit = most >= NEAR_LIMIT * granted and usual < NEAR_LIMIT * granted
    seen = []
    levels: dict[str, Value] = {"before": Number(round(usual)), "most": Number(round(most))}
    falls = _falls(sampled, usual).loc[start:end]
    is_given_back = len(falls) > 0 and _survived(start, falls.index[-1], log)
    if len(falls) >= OFTEN and not is_given_back:
        text = message(
            "health-memory-lost", **levels | {"most": Number(round(falls.max()))}, times=len(falls)
        )
        seen.append(_of_memory("memory_lost", text, used, samples))
    if at_limit:
        text = message("health-memory-at-limit", **levels, granted=Number(round(granted)))
        seen.append(_of_memory("memory_at_limit", text, used, samples))
    elif most >= GROWN_RATIO * usual and most - usual >= GROWN_MB and not seen and not is_given_back:
        text = message("health-memory-grown", **levels)
        seen.append(_of_memory("memory_full", text, used, samples, 0.5))
    return seen


def _falls(sampled: pd.Series, usual: float) -> pd.Series:
    """Return the memory in MB before each fall to half or less, by the time of the sample after it."""
    grown = sampled.shift(1)
    high = (grown >= RISEN_RATIO * usual) & (grown - usual >= RISEN_MB)
    return grown[high & (sampled <= LOST_SHARE * grown)]


def _survived(start: datetime, last: datetime, log: pd.DataFrame) -> bool:
    """Return whether those that respond after the last fall of memory did so before it, without a restart.

    Then work gave back what it had used. That a number of a process comes again is not enough: the first
    process of a container is always number 1.
    """
    answers = log[log["kind"].eq("access") & log["pid"].notna()]
    before, after = (
        set(answers.loc[part, "pid"]) for part in (answers["time"] < start, answers["time"] > last)
    )
    is_restarted = (log["kind"].eq("lifecycle") & (log["time"] >= start)).any()
    return bool(after) and after <= before and not is_restarted


def _of_memory(
    outcome: str, text: Text, used: pd.Series, samples: Callable[..., str], strength: float = 1.0
) -> Observation:
    return Observation(
        outcome, text, "host_metrics", len(used), samples("rss_mb"), float(used.max()), "MB", strength, text
    )


DETECTORS = (process,)
