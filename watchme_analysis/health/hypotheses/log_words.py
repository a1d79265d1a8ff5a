"""Checks of what the application and its server say themselves: what they lack, and what held them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchme_analysis.health.hypotheses.container import restart_reason
from watchme_analysis.health.hypotheses.facts import Facts
from watchme_analysis.health.hypotheses.process import service_name
from watchme_analysis.health.hypotheses.sql import lines, of_joined, quoted, within
from watchme_analysis.inference.signals import Observation, detects
from watchme_analysis.text.message import Choice, message, sentences

if TYPE_CHECKING:
    import pandas as pd

# Gunicorn ends a worker whose loop has not called for its time limit, and says that memory may be why.
WORKER_TIMEOUT = r"WORKER TIMEOUT"
# How clients of databases and HTTP say that a pool has no free connection, and servers that they have none.
# A pool that is full and discards a connection (urllib3) makes nobody wait.
_NO_CONNECTION = (
    r"QueuePool limit|PoolTimeout|[Cc]onnection pool (?:exhausted|timeout)|pool timeout|PoolError"
    r"|EmptyPoolError|[Tt]oo many (?:clients|connections)|remaining connection slots|max_connections"
    r"|[Nn]o free connection|[Tt]imed out (?:acquiring|getting|fetching) (?:a )?connection"
    r"|[Cc]ouldn't get a connection"
)
_LOOP_HELD = rf"Executing <(?:Task|Handle|TimerHandle)\b.* took [0-9.]+ seconds|{WORKER_TIMEOUT}"
_NO_MEMORY = r"MemoryError|Cannot allocate memory|Out of memory|oom-kill|Killed process"
_NO_FILES = r"Too many open files|EMFILE|out of system resource|Errno 24"
_NO_ROOM = r"No space left on device|ENOSPC|Errno 28\b|Disk quota exceeded|disk is full"
# Signal, words, key of their meaning in the catalogues, and how often they must have been logged.
_WORDS = (
    ("files_full", _NO_FILES, "files", 2),
    ("files_full", r"can't start new thread", "threads", 2),
    ("concurrency_limit", r"Exceeded concurrency limit", "concurrency", 2),
    ("memory_full", _NO_MEMORY, "memory", 2),
    ("disk_full", _NO_ROOM, "disk", 2),
    ("connections_used_up", _NO_CONNECTION, "connections", 2),
    ("loop_held", _LOOP_HELD, "loop", 1),
)
# Workers of one start log within so much time; and from how many starts on something ends the process.
ONE_START_S, OFTEN_STARTED = 3.0, 3


@detects("loop_held", group="log", needs=("app_log",))
@detects("concurrency_limit", "connections_used_up", group="connections", needs=("app_log",))
@detects("restarted", "restarted_often", group="restarts", needs=("app_log",))
@detects("disk_full", group="disk", needs=("app_log",))
@detects(
    "files_full",
    group="descriptors",
    needs=(
        "host_metrics",
        "app_log",
    ),
)
@detects(
    "memory_full",
    group="memory",
    needs=(
        "host_metrics",
        "app_log",
    ),
)
def log_words(found: Facts) -> list[Observation]:
    """Find the lines in which the application says what it lacks, what held it, and that it was started."""
    log = found.table("app_log")
    if log.empty:
        return _turned_away(found)
    service = service_name(found, log)
    mine = found.of_incident(log[log["service"].fillna("") == service])
    messages = mine["message"].fillna("")
    seen = []
    for outcome, words, meaning, least in _WORDS:
        hits = int(messages.str.contains(words, regex=True).sum())
        if hits >= least:
            # By its words: a process out of descriptors says so thousands of times a second.
            of_service = f"coalesce(service, '') = {quoted(service)}"
            sql = within(found, "app_log", of_service, f"regexp_matches(message, {quoted(words)})")
            text = message("health-log-words", meaning=Choice(meaning), lines=hits)
            seen.append(Observation(outcome, text, "app_log", hits, sql, float(hits), "lines", detail=text))
    return [*seen, *_starts(found, mine), *_turned_away(found)]


def _starts(found: Facts, log: pd.DataFrame) -> list[Observation]:
    """Find that the process was started in the incident, as after it ran out of memory.

    Workers that one start brings up count once.
    """
    messages = log["message"].fillna("")
    starts = log[(log["kind"] == "lifecycle") & messages.str.contains("Started server process", regex=False)]
    if starts.empty:
        return []
    times = int(
        (starts["time"].sort_values().diff().dt.total_seconds().fillna(ONE_START_S) >= ONE_START_S).sum()
    )
    reason = restart_reason(found, starts["time"])
    if reason is None and messages.str.contains(WORKER_TIMEOUT).any():
        reason = message("health-restart-worker-timeout")
    text = message("health-restarted", times=times)
    follows = sentences(reason, message("health-restart-follows")) if reason else None
    return [
        Observation(
            "restarted" if times == 1 else "restarted_often",
            sentences(text, follows),
            "app_log",
            len(starts),
            lines("app_log", starts),
            # What two starts say may be a deploy and its repeal.
            strength=0.2 if reason else 0.5 if times == OFTEN_STARTED - 1 else 1.0,
            detail=message("health-restarted-detail", times=times),
        )
    ]


def _turned_away(found: Facts) -> list[Observation]:
    """Find 503 answers that the application server gave at once, a sign of its limit of connections."""
    limits = found.table("app_processes")["limit_concurrency"]
    if not limits.notna().any():
        return []
    bad = found.rows("nginx", bad=True)
    away = bad[(bad["upstream_status"] == 503) & (bad["response_s"] < 0.5)]
    if len(away) < 3 or len(away) < 0.3 * len(bad):
        return []
    text = message("health-turned-away", refused=len(away), bad=len(bad), paths=found.endpoints)
    sql = of_joined("nginx", away)
    most = (int(limit) for limit in sorted(set(limits.dropna())))
    detail = message("health-turned-away-detail", limits=most)
    return [Observation("concurrency_limit", text, "access_log", len(away), sql, detail=detail)]
