"""Records of handlers, routes and mounted routers, and of expressions with their scope."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

from watchme_analysis.app_source.syntax import Function, Scope

# Context in which a function runs, as in the column ``context`` of ``app_calls``.
LOOP = "event_loop"
POOL = "thread_pool"
PROCESS = "process_pool"
WORKER = "worker"
UNKNOWN = "unknown"


def context_of(framework: str, is_async: bool) -> str:
    """Return where a framework runs a function that responds to a request.

    FastAPI runs plain functions on threads of a pool. Flask is a WSGI application, and keeps a worker of its
    server also for a coroutine function. Django does the same under WSGI; under ASGI a plain function has a
    thread of its request, and a coroutine function the event loop. See
    https://flask.palletsprojects.com/en/stable/async-await/#performance and
    https://docs.djangoproject.com/en/stable/topics/async/#async-views.
    """
    if framework == "flask" or (framework == "django" and not is_async):
        return WORKER
    if framework == "django":
        return UNKNOWN
    return LOOP if is_async else POOL


@dataclass(frozen=True, slots=True)
class ScopedExpression:
    """An expression with the scope in which its names are looked up."""

    node: ast.expr
    scope: Scope


@dataclass(frozen=True, slots=True)
class Handler:
    """A handler: function, HTTP method, path with all prefixes, declared status, router dependencies.

    ``application`` is the file of the application on which it is registered, directly or through routers;
    None if no application is found. ``framework`` is ``fastapi`` (also for Starlette), ``flask`` or
    ``django``.
    """

    function: Function
    method: str
    path: str
    status: int | None
    line: int
    dependencies: tuple[ScopedExpression, ...] = ()
    application: str | None = None
    framework: str = "fastapi"

    @property
    def context(self) -> str:
        """Where its function runs."""
        return context_of(self.framework, self.function.is_async)


@dataclass(slots=True)
class OtherRoutes:
    """What a framework registers elsewhere than on an application object."""

    handlers: list[Handler] = field(default_factory=list)  # those whose function is known
    # values of ``app_handlers`` for the others, which are not analysed
    rows: list[dict[str, Any]] = field(default_factory=list)
    middleware: list[str] = field(default_factory=list)  # dotted names of what runs around each request


@dataclass(frozen=True, slots=True)
class Link:
    """A router's mount in its parent, another router or an application: prefix and dependencies.

    With ``replaces``, the prefix stands in place of the router's own, as in Flask.
    """

    parent: str
    prefix: str
    dependencies: tuple[ScopedExpression, ...] = ()
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """A route as declared on an application or router, with its path below their prefixes."""

    owner: str
    function: Function
    methods: tuple[str, ...]
    path: str
    status: int | None
    line: int
    framework: str
