"""Signals of the application's log: the resources that it lacks, and what held its event loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from watchme_analysis.health.affected_service import own_rows, own_within
from watchme_analysis.health.app_server import worker_kind
from watchme_analysis.health.application_errors import says
from watchme_analysis.health.context import HealthContext
from watchme_analysis.health.rows import Rows, Values, lines, observation, of_joined, quoted
from watchme_analysis.health.thresholds import concerns
from watchme_analysis.inference.signals import Observation, detects
from watchme_analysis.requests.layers import SLOW_MARGIN_S
from watchme_analysis.text.message import Choice

if TYPE_CHECKING:
    import pandas as pd

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
_NO_FILES = r"Too many open files|No file descriptors available|EMFILE|out of system resource|Errno 24"
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
def log_words(context: HealthContext) -> Iterator[Observation]:
    """Yield observations of lines in which the application says what it lacks or waits for."""
    messages = context.of_incident(own_rows(context, "app_log"))["message"]
    on_a_loop = worker_kind(context) == "loop"
    for outcome, pattern, meaning, least in _WORDS:
        words = f"{pattern}|{WORKER_TIMEOUT}" if outcome == "loop_held" and on_a_loop else pattern
        hits = int(says(messages, words).sum())
        if hits >= least:
            # By its words: a process out of descriptors says so thousands of times a second.
            sql = own_within(context, "app_log", f"regexp_matches(message, {quoted(words)})")
            rows = Rows("app_log", hits, sql)
            said: Values = {"meaning": Choice(meaning), "lines": hits}
            effect = float(hits), "lines"
            yield observation(context, outcome, rows, effect, words="log-words", is_mechanism=True, **said)


@detects("sync_worker_timeout", group="log", needs=("app_log",))
@detects("memory_full", group="memory", needs=("host_metrics", "app_log"))
def ended_workers(context: HealthContext) -> Iterator[Observation]:
    """Yield observations of workers that gunicorn ended at its time limit, and of killed ones."""
    log = own_rows(context, "app_log").dropna(subset=["message"])
    during = context.of_incident(log)

    def ended(signal: str, workers: pd.DataFrame, **more: Any) -> Observation:
        rows, effect = lines("app_log", workers), (len(workers), "lines")
        return observation(context, signal, rows, effect, is_mechanism=True, workers=len(workers), **more)

    timed_out = during[says(during["message"], WORKER_TIMEOUT)]
    if len(timed_out) and worker_kind(context) == "sync":
        yield ended("sync_worker_timeout", timed_out)
    ids = during["message"].str.extract(_KILLED_ID)
    killed_ids = ids[0].fillna(ids[1]).dropna()
    known = log.loc[log["time"] <= context.end, "message"].str.extract(_TIMED_OUT_ID)[0].dropna()
    killed = during.loc[killed_ids.index[~killed_ids.isin(known)]]
    if len(killed) >= 2:
        yield ended("memory_full", killed, words="workers-killed", strength=_BY_SIGNAL)


@detects("concurrency_limit", group="connections", needs=("app_log",))
def turned_away(context: HealthContext) -> Iterator[Observation]:
    """Yield the observation of immediate 503 responses of the application server: its connection limit."""
    limits = context.table("app_processes")["limit_concurrency"].dropna()
    bad = context.rows("nginx", bad=True)
    away = bad[(bad["upstream_status"] == 503) & (bad["response_s"] < SLOW_MARGIN_S)]
    if len(limits) and concerns(len(away), len(bad)):
        counts: Values = {"refused": len(away), "bad": len(bad)}
        most, rows = [int(limit) for limit in sorted(set(limits))], of_joined("nginx", away)
        yield observation(context, "concurrency_limit", rows, words="turned-away", limits=most, **counts)


DETECTORS = (log_words, ended_workers, turned_away)
