"""Checks of what the application and its server say themselves: what they lack, and what held them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchme_analysis.health.hypotheses.container import restart_reason
from watchme_analysis.health.hypotheses.facts import Facts, listed, share
from watchme_analysis.health.hypotheses.process import service_name
from watchme_analysis.health.hypotheses.sql import lines, of_joined, quoted, within
from watchme_analysis.inference.signals import Observation, detects

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
_LIMIT = "it turned requests away at its limit of connections"
_NOT_FREE = "it waited in vain for a free connection of a pool"
# Signal, words, what they mean, and how often they must have been said.
_WORDS = (
    ("files_full", _NO_FILES, "it can open no more files or sockets", 2),
    ("files_full", r"can't start new thread", "it can start no more threads", 2),
    ("concurrency_limit", r"Exceeded concurrency limit", _LIMIT, 2),
    ("memory_full", _NO_MEMORY, "it ran out of memory", 2),
    ("disk_full", _NO_ROOM, "its disk is full", 2),
    ("connections_used_up", _NO_CONNECTION, _NOT_FREE, 2),
    ("loop_held", _LOOP_HELD, "something held its event loop", 1),
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
            times = f"{hits:,d} times" if hits > 1 else "once"
            text = f"The application logged {times} that {meaning}."
            detail = f"the application says that {meaning} ({hits:,d} lines)"
            seen.append(Observation(outcome, text, "app_log", hits, sql, float(hits), "lines", detail=detail))
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
    text = f"The application was started {times} times during the incident"
    reason = restart_reason(found, starts["time"])
    if reason is None and messages.str.contains(WORKER_TIMEOUT).any():
        reason = "its master ended it, as its loop did not call in time"
    return [
        Observation(
            "restarted" if times == 1 else "restarted_often",
            f"{text}; that may follow from the trouble: {reason}." if reason else f"{text}.",
            "app_log",
            len(starts),
            lines("app_log", starts),
            # What two starts say may be a deploy and its repeal.
            strength=0.2 if reason else 0.5 if times == OFTEN_STARTED - 1 else 1.0,
            detail=f"the process was restarted {times} times",
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
    text = (
        f"{share(len(away), len(bad))} bad answers of {listed(found.endpoints)} are a 503 that "
        "the application server gave at once."
    )
    sql = of_joined("nginx", away)
    most = listed(sorted(set(limits.dropna())))
    detail = f"the application server turns requests away (limit_concurrency {most})"
    return [Observation("concurrency_limit", text, "access_log", len(away), sql, detail=detail)]
