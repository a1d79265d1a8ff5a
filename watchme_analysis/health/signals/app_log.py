"""Signals of the application's log: the resources that it lacks, and what held its event loop."""

from __future__ import annotations

from watchme_analysis.health.affected_service import own_rows, own_within
from watchme_analysis.health.app_server import worker_kind
from watchme_analysis.health.application_errors import says
from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.rows import lines, of_joined, quoted
from watchme_analysis.health.thresholds import concerns
from watchme_analysis.inference.signals import Observation, detects
from watchme_analysis.requests.layers import SLOW_MARGIN_S
from watchme_analysis.text.message import Choice, message

# Gunicorn ends a worker that has not reported for its `--timeout` (docs.gunicorn.org, settings), by SIGABRT,
# then by SIGKILL (murder_workers in arbiter.py). A sync worker reports between requests: its request took
# longer. Other workers report however long a request takes, those on an event loop by a callback of the loop.
WORKER_TIMEOUT = r"WORKER TIMEOUT"
_TIMED_OUT_ID = rf"{WORKER_TIMEOUT} \(pid:(\d+)\)"
# A worker that was ended by SIGKILL; the kernel's out-of-memory killer is one of those that send it.
_KILLED_ID = r"Worker \(pid:(\d+)\) was sent SIGKILL|Worker with pid (\d+) was terminated due to signal 9\b"
# Strength of a signal that others than the out-of-memory killer send as well.
_BY_SIGNAL = 0.6
# How clients of databases and HTTP say that a pool has no free connection, and servers that they have none.
# A pool that is full and discards a connection (urllib3) makes nobody wait.
_NO_CONNECTION = (
    r"QueuePool limit|PoolTimeout|[Cc]onnection pool (?:exhausted|timeout)|pool timeout|PoolError"
    r"|EmptyPoolError|[Tt]oo many (?:clients|connections)|remaining connection slots|max_connections"
    r"|[Nn]o free connection|[Tt]imed out (?:acquiring|getting|fetching) (?:a )?connection"
    r"|[Cc]ouldn't get a connection"
)
# How resolvers of programs say that no name server answered, or that it failed (getaddrinfo(3), EAI_AGAIN;
# Node's dns and Go's net); a name that does not exist is another matter.
_NO_NAME_SERVER = (
    r"Temporary failure in name resolution|EAI_AGAIN|server misbehaving|lookup \S+(?: on \S+)?: .*i/o timeout"
    r"|[Rr]esolution (?:timed out|lifetime expired)|DNS server returned general failure"
)
_LOOP_HELD = r"Executing <(?:Task|Handle|TimerHandle)\b.* took [0-9.]+ seconds"
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
    ("lookups_fail", _NO_NAME_SERVER, "lookups", 2),
    ("loop_held", _LOOP_HELD, "loop", 1),
)


@detects("loop_held", group="log", needs=("app_log",))
@detects("concurrency_limit", "connections_used_up", group="connections", needs=("app_log",))
@detects("disk_full", group="disk", needs=("app_log",))
@detects("lookups_fail", group="names", needs=("app_log",))
@detects("files_full", group="descriptors", needs=("host_metrics", "app_log"))
@detects("memory_full", group="memory", needs=("host_metrics", "app_log"))
def log_words(context: HealthContext) -> list[Observation]:
    """Return observations of lines in which the application says what it lacks or waits for."""
    messages = context.of_incident(own_rows(context, "app_log"))["message"]
    on_a_loop = worker_kind(context) == "loop"
    seen = []
    for outcome, pattern, meaning, least in _WORDS:
        words = f"{pattern}|{WORKER_TIMEOUT}" if outcome == "loop_held" and on_a_loop else pattern
        hits = int(says(messages, words).sum())
        if hits >= least:
            # By its words: a process out of descriptors says so thousands of times a second.
            sql = own_within(context, "app_log", f"regexp_matches(message, {quoted(words)})")
            text = message("health-log-words", meaning=Choice(meaning), lines=hits)
            seen.append(Observation(outcome, text, "app_log", hits, sql, float(hits), "lines", detail=text))
    return seen


@detects("sync_worker_timeout", group="log", needs=("app_log",))
@detects("memory_full", group="memory", needs=("host_metrics", "app_log"))
def ended_workers(context: HealthContext) -> list[Observation]:
    """Return observations of workers that gunicorn ended at its time limit, and of killed ones."""
    log = own_rows(context, "app_log").dropna(subset=["message"])
    during = context.of_incident(log)
    seen = []
    timed_out = during[says(during["message"], WORKER_TIMEOUT)]
    if len(timed_out) and worker_kind(context) == "sync":
        text = message("health-sync-worker-timeout", workers=len(timed_out))
        rows = lines("app_log", timed_out)
        seen.append(Observation("sync_worker_timeout", text, *rows, len(timed_out), "lines", detail=text))
    killed_ids = during["message"].str.extract(_KILLED_ID).bfill(axis=1)[0].dropna()
    known = log.loc[log["time"] <= context.end, "message"].str.extract(_TIMED_OUT_ID)[0].dropna()
    killed = during.loc[killed_ids.index[~killed_ids.isin(known)]]
    if len(killed) >= 2:
        text = message("health-workers-killed", workers=len(killed))
        rows = lines("app_log", killed)
        seen.append(
            Observation("memory_full", text, *rows, len(killed), "lines", strength=_BY_SIGNAL, detail=text)
        )
    return seen


@detects("concurrency_limit", group="connections", needs=("app_log",))
def turned_away(context: HealthContext) -> list[Observation]:
    """Return an observation of immediate 503 responses of the application server: its connection limit."""
    limits = context.table("app_processes")["limit_concurrency"]
    if not limits.notna().any():
        return []
    bad = context.rows("nginx", bad=True)
    away = bad[(bad["upstream_status"] == 503) & (bad["response_s"] < SLOW_MARGIN_S)]
    if not concerns(len(away), len(bad)):
        return []
    text = message("health-turned-away", refused=len(away), bad=len(bad), paths=context.endpoints)
    most = (int(limit) for limit in sorted(set(limits.dropna())))
    detail = message("health-turned-away-detail", limits=most)
    return [Observation("concurrency_limit", text, *of_joined("nginx", away), detail=detail)]


DETECTORS = (log_words, ended_workers, turned_away)
