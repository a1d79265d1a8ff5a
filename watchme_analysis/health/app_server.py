"""The server of the affected application: a loop that serves all requests, or workers that serve one each.

Worker processes and their threads are a pool. A request that finds all of them taken waits in the queue of
the kernel, on every path. Sources: https://docs.gunicorn.org/en/stable/design.html (sync and gthread
workers), https://uwsgi-docs.readthedocs.io/en/latest/ThingsToKnow.html,
https://www.php.net/manual/en/install.fpm.configuration.php (`pm.max_children`) and
https://puma.io/puma/file.README.html (clustered mode).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from watchme_analysis.app_source.start_command import parse_command
from watchme_analysis.health.affected_service import container_of, own_rows
from watchme_analysis.health.application_errors import says
from watchme_analysis.health.context import HealthContext, once_per_context
from watchme_analysis.health.rows import Rows, lines

if TYPE_CHECKING:
    import pandas as pd

# Columns of ``app_processes`` that describe a server.
_STATED = ("server", "worker_class", "workers", "threads", "settings_file")
_ON_A_LOOP = r"uvicorn|aiohttp|asgi|tornado|gevent|eventlet"
LOOP_SERVERS = ("uvicorn", "hypercorn", "granian")
_ONE_EACH = {"gunicorn": ("sync", "gthread", "threads"), "uwsgi": ("",), "php-fpm": ("",), "puma": ("",)}
# UvicornWorker logs what uvicorn does.
_OF_UVICORN = r"Application startup complete|Started server process"
# Lines of gunicorn's arbiter (arbiter.py): the first of a start, a start of a worker, and an end of one.
_GUNICORN_CLASS = r"Using worker: (\S+)"
_BOOTED = r"Booting worker with pid: (\d+)"
_ENDING = re.compile(r"Worker exiting|WORKER TIMEOUT|Worker \(pid:|Worker with pid|Handling signal")
# uWSGI's core/uwsgi.c and core/master.c: a worker may be "(and the only)".
_UWSGI_MODE = r"Operational MODE: (.+?) \*{3}"
_UWSGI_WORKER = r"spawned uWSGI worker (\d+) .*\(pid: \d+, cores: (\d+)\)"
# fpm_process_ctl.c
_FPM_WORKERS = r"server reached pm\.max_children setting \((\d+)\)"
# Puma's launcher.
_PUMA = r"Puma starting in (single|cluster) mode"
_PUMA_THREADS, _PUMA_WORKERS = r"Max threads: (\d+)", r"\* +Workers: (\d+)"
_ANY = (
    r"Using worker: |Booting worker with pid|Worker exiting|WORKER TIMEOUT|Worker \(pid:|Worker with pid"
    r"|Handling signal|uWSGI worker|Operational MODE|pm\.max_children|Puma starting in|Max threads: "
    rf"|Workers: |{_OF_UVICORN}"
)


@dataclass(frozen=True)
class AppServer:
    """A server as its log, start command or settings show it.

    ``program`` is ``gunicorn``, ``uwsgi``, ``php-fpm``, ``puma`` or a server with a loop; ``worker_class`` is
    how its workers serve, as the program names it: empty where it has one way, None where unknown. It has so
    many ``workers`` (processes) with so many ``threads`` each; None: unknown.
    """

    program: str
    worker_class: str | None
    workers: int | None
    threads: int | None
    rows: Rows

    @property
    def kind(self) -> str | None:
        """``loop``, ``workers`` that serve a request each on a process or thread, or None: unknown."""
        if self.program in LOOP_SERVERS or re.search(_ON_A_LOOP, self.worker_class or ""):
            return "loop"
        return "workers" if self.worker_class in _ONE_EACH.get(self.program, ()) else None

    @property
    def at_once(self) -> int | None:
        """How many requests workers serve at once; None for a loop, and where a number is unknown."""
        if self.kind != "workers" or self.workers is None or self.threads is None:
            return None
        return self.workers * self.threads


@once_per_context
def app_server(context: HealthContext) -> AppServer | None:
    """Return the server of the affected application: by its log, then by its start command; None: unknown."""
    logged, stated = _by_log(own_rows(context, "app_log")), _by_command(context)
    if logged is None or stated is None or logged.program != stated.program:
        return logged or stated
    worker_class = stated.worker_class if logged.worker_class is None else logged.worker_class
    # A log names no threads of gunicorn, and processes only if it begins with them.
    return replace(
        logged,
        worker_class=worker_class,
        workers=logged.workers or stated.workers,
        threads=1 if worker_class == "sync" else logged.threads or stated.threads,
    )


def server_kind(context: HealthContext) -> str | None:
    """Return the kind of the affected application's server: ``loop``, ``workers`` or None: unknown."""
    server = app_server(context)
    return None if server is None else server.kind


def worker_kind(context: HealthContext) -> str | None:
    """Return how gunicorn's workers serve: ``sync``, ``loop`` or ``other``; None: unknown."""
    server = app_server(context)
    if server is None or (server.worker_class is None and server.kind is None):
        return None
    return "loop" if server.kind == "loop" else "sync" if server.worker_class == "sync" else "other"


def _by_log(log: pd.DataFrame) -> AppServer | None:
    told = log[says(log["message"], _ANY)]
    messages = told["message"]

    def last(pattern: str) -> str | None:
        found = messages.str.extract(pattern)[0].dropna()
        return None if found.empty else str(found.iloc[-1])

    def number(pattern: str) -> int | None:
        found = last(pattern)
        return None if found is None else int(found)

    def server(program: str, worker_class: str | None, workers: int | None, threads: int | None) -> AppServer:
        return AppServer(program, worker_class, workers, threads, lines("app_log", told))

    if told.empty:
        return None
    found = None
    if (worker_class := last(_GUNICORN_CLASS)) is not None:
        threads = 1 if worker_class == "sync" else None
        found = server("gunicorn", worker_class, _booted(list(messages)), threads)
    elif (mode := last(_UWSGI_MODE)) is not None:
        found = server("uwsgi", "async" if "async" in mode else "", *_spawned(messages))
    elif (children := number(_FPM_WORKERS)) is not None:
        found = server("php-fpm", "", children, 1)
    elif (mode := last(_PUMA)) is not None:
        workers = number(_PUMA_WORKERS) if mode == "cluster" else 1
        found = server("puma", "", workers, number(_PUMA_THREADS))
    elif says(messages, _OF_UVICORN).any():
        found = server("uvicorn", None, None, None)
    return found


def _spawned(messages: pd.Series) -> tuple[int | None, int | None]:
    """Return how many workers uWSGI spawned, and how many requests each serves at once."""
    spawned = messages.str.extract(_UWSGI_WORKER).dropna().astype("int64")
    return (int(spawned[0].max()), int(spawned[1].max())) if len(spawned) else (None, None)


def _booted(messages: list[str]) -> int | None:
    """Return how many workers the last start of gunicorn booted, before any of them ended."""
    began = max(at for at, text in enumerate(messages) if re.search(_GUNICORN_CLASS, text))
    booted = set()
    for text in messages[began:]:
        if _ENDING.search(text):
            break
        booted |= set(re.findall(_BOOTED, text))
    return len(booted) or None


def own_processes(context: HealthContext) -> pd.DataFrame:
    """Return the rows of ``app_processes`` of the affected service; all where none has its address."""
    processes = context.table("app_processes")
    mine = processes[processes["addr"].isin(context.hosts(context.services[:1]))]
    return mine if len(mine) else processes


def _by_command(context: HealthContext) -> AppServer | None:
    """Return the server by start commands and files of settings, None where these differ."""
    processes = own_processes(context).dropna(subset=["server"])
    stated = [{name: row[name] for name in _STATED if row[name] is not None} for row in _plain(processes)]
    rows = lines("app_processes", processes)
    composed = container_of(context)
    if not stated and composed is not None and composed.started:
        try:
            found = parse_command(composed.started, composed.environment)
        except ValueError:
            found = None
        stated = [] if found is None else [found]
        sql = "select * from compose_settings"
        rows = Rows("compose_settings", len(context.table("compose_settings")), sql)
    if len({one["server"] for one in stated}) != 1:
        return None
    merged: dict[str, object] = {}
    for one in stated:
        for name in _STATED:
            if one.get(name) is not None and merged.setdefault(name, one[name]) != one[name]:
                return None
    return _with_defaults(merged, rows)


def _plain(processes: pd.DataFrame) -> list[dict[str, object]]:
    """Return rows with None for what they do not state."""
    columns = processes[list(_STATED)].astype(object)
    rows: list[dict[str, object]] = columns.where(columns.notna(), None).to_dict("records")
    return rows


def _with_defaults(stated: dict[str, object], rows: Rows) -> AppServer:
    """Return the server with the program's defaults for what no file of settings may set."""
    program = str(stated["server"])
    workers, threads, worker_class = (stated.get(name) for name in ("workers", "threads", "worker_class"))
    is_complete = stated.get("settings_file") is None
    if program == "gunicorn" and is_complete:
        workers, threads, worker_class = workers or 1, threads or 1, worker_class or "sync"
    if program == "gunicorn" and worker_class == "sync" and threads not in (None, 1):
        # More threads make sync workers those of gthread (docs.gunicorn.org, settings, "threads").
        worker_class = "gthread"
    if program == "uwsgi":
        workers, threads = (one or (1 if is_complete else None) for one in (workers, threads))
        worker_class = worker_class or ""
    if program == "php-fpm":
        worker_class = ""
    processes, each = (int(one) if isinstance(one, int) else None for one in (workers, threads))
    return AppServer(program, None if worker_class is None else str(worker_class), processes, each, rows)
