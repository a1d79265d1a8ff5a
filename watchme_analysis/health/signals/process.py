"""Signals of the process: threads, open requests, descriptors and memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from watchme_analysis.evidence.compose import ComposeService
from watchme_analysis.health.affected_service import (
    container_of,
    gauges,
    own_rows,
    pool_threads,
    samples,
    service_name,
    waiting,
)
from watchme_analysis.health.app_server import server_kind
from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.rows import Values, at_times, observation
from watchme_analysis.health.signals.cpu import FEWEST_SAMPLES, cpu
from watchme_analysis.health.thresholds import FEWEST, MOST, PART
from watchme_analysis.inference.signals import Observation, detects
from watchme_analysis.requests.observations import floats
from watchme_analysis.text.message import Choice, Number

if TYPE_CHECKING:
    import pandas as pd

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
def process(context: HealthContext) -> Iterator[Observation]:
    """Yield observations of the gauges of the affected process."""
    metrics = context.table("host_metrics")
    wide = gauges(context) if len(metrics) else None
    if wide is None:
        return
    during = wide[(wide.index >= context.start) & (wide.index <= context.end)]
    before = wide[wide.index < context.start]
    if len(during) < FEWEST_SAMPLES:
        return
    if server_kind(context) != "workers":
        yield from _threads(context, during)
    granted = container_of(context)
    others = _others_cpu(metrics, service_name(context, metrics), during)
    outer = waiting(context, during.index)
    open_too = during if outer is None else during.assign(waiting=outer)
    yield from cpu(context, open_too, others, before, granted.cpus if granted else None)
    yield from _files(context, during, granted.open_files if granted else None)
    yield from _memory(context, wide["rss_mb"].dropna(), granted) if "rss_mb" in wide else ()


def _others_cpu(metrics: pd.DataFrame, service: str, during: pd.DataFrame) -> pd.DataFrame:
    names, times = metrics["service"].fillna(""), metrics["time"]
    is_meanwhile = (times >= during.index.min()) & (times <= during.index.max())
    is_cpu = (metrics["metric"] == "cpu_pct") & metrics["value"].notna()
    named = metrics.assign(service=names)[is_cpu & (names != service) & is_meanwhile]
    return named.pivot_table(index="time", columns="service", values="value", aggfunc="last").astype(
        "float64"
    )


def _threads(context: HealthContext, during: pd.DataFrame) -> Iterator[Observation]:
    tokens = pool_threads(context)
    threads = during["threads"].dropna() if "threads" in during else None
    open_now = during["in_flight"].dropna() if "in_flight" in during else None
    most_open = float(open_now.max()) if open_now is not None else float("nan")
    # Whether all are taken is unknown where their number is.
    if tokens is not None and threads is not None:
        rows, most = samples(context, "threads", len(threads)), float(threads.max())
        flat = int((threads >= most - 1).sum())
        crowded = most_open > tokens or open_now is None
        counts: Values = {"threads": round(most), "pool": tokens}
        if most >= tokens and flat >= PART * len(threads) and crowded:
            yield observation(
                context,
                "pool_full",
                rows,
                (most, "threads"),
                known=Choice("unknown" if open_now is None else "known"),
                requests=0 if open_now is None else round(most_open),
                flat=flat,
                samples=len(threads),
                **counts,
            )
        elif most < tokens * 0.75 and not most_open >= tokens / 2:
            yield observation(context, "pool_free", rows, (most, "threads"), **counts)
    elif tokens is not None and open_now is not None and most_open < tokens * 0.75:
        rows = samples(context, "in_flight", len(open_now))
        counts = {"requests": round(most_open)}
        yield observation(
            context,
            "pool_free",
            rows,
            (most_open, "requests"),
            words="pool-free-by-requests",
            strength=0.7,
            pool=tokens,
            **counts,
        )
    if open_now is not None:
        yield from _not_arriving(context, open_now)


def _not_arriving(context: HealthContext, gauge: pd.Series) -> Iterator[Observation]:
    """Yield the observation of requests that Nginx had open and the process did not know of."""
    outer = waiting(context, gauge.index)
    busy = (outer >= 2).to_numpy() if outer is not None else None
    if outer is None or busy is None or busy.sum() < FEWEST:
        return
    outside, inside = float(outer[busy].mean()), float(gauge[busy].mean())
    if inside <= MOST * outside:
        rows = samples(context, "in_flight", int(busy.sum()), at_times(gauge.index[busy]))
        values: Values = {"samples": busy.sum(), "outside": Number(outside), "inside": Number(inside)}
        yield observation(context, "not_arriving", rows, (outside - inside, "requests"), **values)


def _files(
    context: HealthContext, during: pd.DataFrame, granted: float | None = None
) -> Iterator[Observation]:
    name = next((column for column in during if column in ("open_files", "fds", "open_fds")), None)
    if name is None:
        return
    files = during[name].dropna()
    limits = floats(context.table("app_processes")["open_files_limit"])
    known = [limit for limit in (*limits, granted or float("nan")) if limit >= files.max()]
    most = float(files.max()) if len(files) else 0.0
    limit = min(known, default=float("nan"))
    if len(files) >= FEWEST and most >= 0.95 * limit:
        rows = samples(context, str(name), len(files))
        counts: Values = {"files": round(most), "limit": round(limit)}
        yield observation(context, "files_full", rows, (most, "files"), is_mechanism=True, **counts)


def _memory(
    context: HealthContext, sampled: pd.Series, granted_to: ComposeService | None
) -> Iterator[Observation]:
    """Yield observations of the memory of the affected process, by its samples in MB."""
    before, used = sampled[sampled.index < context.start], sampled.loc[context.start : context.end]
    if len(before) < FEWEST or used.empty:
        return
    usual, most = float(before.median()), float(used.max())
    granted_bytes = granted_to.memory_bytes if granted_to else None
    granted = granted_bytes / 2**20 if granted_bytes else float("nan")

    def seen(signal: str, most_mb: float, **more: Any) -> Observation:
        levels: Values = {"before": Number(round(usual)), "most": Number(round(most_mb))}
        rows, effect = samples(context, "rss_mb", len(used)), (most, "MB")
        return observation(context, signal, rows, effect, is_mechanism=True, **levels, **more)

    falls = _falls(sampled, usual).loc[context.start : context.end]
    is_given_back = len(falls) > 0 and _survived(context, falls.index[-1])
    is_lost = len(falls) >= OFTEN and not is_given_back
    if is_lost:
        yield seen("memory_lost", falls.max(), times=len(falls))
    if most >= NEAR_LIMIT * granted and usual < NEAR_LIMIT * granted:
        yield seen("memory_at_limit", most, granted=Number(round(granted)))
    elif most >= GROWN_RATIO * usual and most - usual >= GROWN_MB and not is_lost and not is_given_back:
        yield seen("memory_full", most, words="memory-grown", strength=0.5)


def _falls(sampled: pd.Series, usual: float) -> pd.Series:
    """Return the memory in MB before each fall to half or less, by the time of the sample after it."""
    grown = sampled.shift(1)
    high = (grown >= RISEN_RATIO * usual) & (grown - usual >= RISEN_MB)
    return grown[high & (sampled <= LOST_SHARE * grown)]


def _survived(context: HealthContext, last: datetime) -> bool:
    """Return whether those that respond after the last fall of memory did so before it, without a restart.

    Then work gave back what it had used. That a number of a process comes again is not enough: the first
    process of a container is always number 1.
    """
    log = own_rows(context, "app_log")
    answers = log[log["kind"].eq("access") & log["pid"].notna()]
    before, after = (
        set(answers.loc[part, "pid"]) for part in (answers["time"] < context.start, answers["time"] > last)
    )
    is_restarted = (log["kind"].eq("lifecycle") & (log["time"] >= context.start)).any()
    return bool(after) and after <= before and not is_restarted


DETECTORS = (process,)
