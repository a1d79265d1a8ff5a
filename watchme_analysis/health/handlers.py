"""Handlers of the application's source, found for the paths that callers ask."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# Threads of the pool that Starlette runs plain functions on, unless set otherwise (anyio's default limiter).
POOL_TOKENS = 40
_LIMITER = "current_default_thread_limiter().total_tokens"
# asyncio has threads of its own: as many as its executor, else five to 32, by the machine's CPUs.
_EXECUTOR = ".set_default_executor"
# What a handler leaves to be run after its answer, or does not wait for.
_LEFT_BEHIND = re.compile(r"\.add_task$|BackgroundTask$|\.submit$")
_HANDED_TO_ASYNCIO = r"asyncio\.to_thread|.*\.run_in_executor"


@dataclass(frozen=True)
class Handler:
    """A handler as the source shows it, with method and path of its route.

    ``runs_on`` is ``event_loop``, ``thread_pool`` or ``worker``; ``background`` are functions that it hands
    to background tasks or starts as tasks. ``uses_threads``: it needs a thread of a pool to answer;
    ``on_executor``: one of asyncio's own executor, not of the pool that plain handlers share.
    ``application_file`` is None if unknown; with method and path, it tells its calls. Of ``unknown_calls`` on
    the loop it is unknown whether they block.
    """

    function: str
    method: str
    path: str
    runs_on: str
    background: tuple[str, ...]
    uses_threads: bool
    on_executor: bool = False
    application_file: str | None = None
    unknown_calls: tuple[str, ...] = ()

    @property
    def origin(self) -> tuple[str, str]:
        """Application file (empty if unknown) and ``METHOD path``, by which its calls are found."""
        return self.application_file or "", f"{self.method} {self.path}"


def handlers_by_route(
    app_handlers: pd.DataFrame, app_calls: pd.DataFrame, routes: list[str]
) -> dict[str, Handler]:
    """Return the handler of each route (as requested from outside) that the source knows.

    A proxy may strip a prefix, so that a route also fits the end of a path; a longer route wins.
    """
    found: dict[str, tuple[int, Handler]] = {}
    on_threads: set[tuple[str, str]] = set()
    handed: dict[tuple[str, str], list[str]] = {}
    contexts, kinds, names_called = (app_calls[name].fillna("") for name in ("context", "kind", "call"))
    for origin, context, kind, call in zip(origins(app_calls), contexts, kinds, names_called, strict=True):
        if not origin[1]:
            continue
        if context == "thread_pool":
            on_threads.add(origin)
        # Calls handed to the background may need a thread; the response does not.
        elif context == "event_loop" and kind == "thread_pool" and not _LEFT_BEHIND.search(call):
            handed.setdefault(origin, []).append(call)
    columns = (
        "function",
        "method",
        "path",
        "runs_on",
        "background_tasks",
        "application_file",
        "unknown_calls",
    )
    for function, method, template, runs_on, tasks, file, unknown in zip(
        *(app_handlers[name] for name in columns), strict=True
    ):
        if not isinstance(template, str) or not isinstance(runs_on, str):
            continue
        names = tuple(json.loads(tasks)) if isinstance(tasks, str) else ()
        application = file if isinstance(file, str) else None
        origin = application or "", f"{method} {template}"
        calls = handed.get(origin, []) if runs_on != "thread_pool" else []
        needs = runs_on == "thread_pool" or origin in on_threads or bool(calls)
        on_executor = bool(calls) and all(re.fullmatch(_HANDED_TO_ASYNCIO, call) for call in calls)
        open_calls = tuple(json.loads(unknown)) if isinstance(unknown, str) else ()
        handler = Handler(
            str(function), str(method), template, runs_on, names, needs, on_executor, application, open_calls
        )
        pattern = re.compile("(?P<prefix>.*)" + _pattern(template))
        for route in routes:
            match = pattern.fullmatch(route)
            if match is None:
                continue
            # The shorter what is left before the template, the better it fits.
            left = len(match["prefix"])
            if route not in found or left < found[route][0]:
                found[route] = (left, handler)
    return {route: handler for route, (_, handler) in found.items()}


def origins(app_calls: pd.DataFrame) -> list[tuple[str, str]]:
    """Return for each call the application file (empty if unknown) and the handler that reaches it."""
    files, handlers = (app_calls[name].fillna("") for name in ("application_file", "reached_from"))
    return list(zip(files, handlers, strict=True))


def pool_tokens(
    app_calls: pd.DataFrame,
    app_processes: pd.DataFrame,
    handlers: Iterable[Handler] = (),
    variables: Mapping[str, str] | None = None,
) -> int | None:
    """Return how many threads handlers share in a process: as the source sets it, else 40.

    Of handlers that only hand work to asyncio's own executor its size counts, which is unknown unless set. A
    variable set on the command line goes over that of the container's settings, and this over the source's
    own number; where several numbers are set, for several programs, none counts.
    """
    in_need = [handler for handler in handlers if handler.uses_threads]
    on_executor = bool(in_need) and all(handler.on_executor for handler in in_need)
    call = app_calls["call"].fillna("")
    limits = app_calls[call.str.endswith(_EXECUTOR if on_executor else _LIMITER)]
    sizes = limit_sizes(limits, app_processes, variables)
    known = {int(size) for size in sizes if size > 0}
    if len(known) == 1:
        return known.pop()
    return None if on_executor else POOL_TOKENS


def limit_sizes(
    limits: pd.DataFrame, app_processes: pd.DataFrame, variables: Mapping[str, str] | None = None
) -> list[float]:
    """Return how much each limit of the source allows, by the variables that set it; NaN: unknown."""
    given = dict(variables or {})
    for environment in app_processes["environment"].dropna():
        given |= {str(name): str(value) for name, value in json.loads(environment).items()}
    sizes = []
    for size, variable in zip(limits["at_once"].astype("float64"), limits["variable"], strict=True):
        said = given.get(variable, "") if isinstance(variable, str) else ""
        sizes.append(float(said) if said.isdigit() else float(size))
    return sizes


def _pattern(route: str) -> str:
    parts = re.split(r"(\{[^}]*\})", route.rstrip("/") or "/")
    return "".join("[^/]+" if part.startswith("{") else re.escape(part) for part in parts) + "/?"
