"""Middleware, exception handlers and start-up functions of an application."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from watchme_analysis.app_source.routes import Routes, scopes
from watchme_analysis.app_source.syntax import Function, Scope, keywords_of, last_name

# Decorators of Flask: https://flask.palletsprojects.com/en/stable/api/#flask.Flask.before_request
_AROUND_REQUESTS = (
    "before_request", "before_app_request", "after_request", "after_app_request", "teardown_request",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hook:
    """A function that an application calls by itself, and the file of the application; None if unknown."""

    function: Function
    application: str | None
    framework: str = "fastapi"


@dataclass(slots=True)
class Hooks:
    """Functions that run around requests, and functions that run when the application starts."""

    middlewares: list[Hook] = field(default_factory=list)
    startups: list[Hook] = field(default_factory=list)


def hooks_of(routes: Routes) -> Hooks:
    """Return the middleware, exception handlers and start-up functions of a project."""
    found = Hooks()
    for function in routes.project.functions.values():
        for call in function.decorators:
            if isinstance(call, ast.Attribute) and call.attr in _AROUND_REQUESTS:
                application = routes.application_of(call.value, function.enclosing)
                if routes.framework_of(call.value, function.enclosing) == "flask":
                    found.middlewares.append(Hook(function, application, "flask"))
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            application = routes.application_of(call.func.value, function.enclosing)
            if call.func.attr in ("middleware", "exception_handler"):
                found.middlewares.append(Hook(function, application))
            elif call.func.attr == "on_event":
                found.startups.append(Hook(function, application))
    for scope in scopes(routes.project):
        # The application that a call creates is bound to a name.
        made = {id(node.value): node for node in scope.nodes if isinstance(node, ast.Assign | ast.AnnAssign)}
        for node in scope.nodes:
            if isinstance(node, ast.Call):
                bound = made.get(id(node))
                target = bound.targets[0] if isinstance(bound, ast.Assign) else bound and bound.target
                owner = target or (node.func.value if isinstance(node.func, ast.Attribute) else None)
                application = routes.application_of(owner, scope) if owner is not None else None
                _registered(node, routes, scope, application, found)
    return found


def _registered(
    call: ast.Call,
    routes: Routes,
    scope: Scope,
    application: str | None,
    found: Hooks,
) -> None:
    """Add the functions that a call registers, such as ``add_middleware(..)`` or ``FastAPI(lifespan=..)``."""
    keywords = keywords_of(call)
    name = last_name(call.func)
    startups: list[ast.expr] = []
    if name in ("add_middleware", "Middleware"):
        found.middlewares += [Hook(one, application) for one in _middleware(call, routes, scope)]
    elif name in ("add_event_handler", "add_exception_handler") and len(call.args) > 1:
        function = routes.function_of(call.args[1], scope)
        into = found.startups if name == "add_event_handler" else found.middlewares
        into += [Hook(function, application)] if function is not None else []
    elif {"lifespan", "on_startup"} & set(keywords) and routes.is_application_call(call, scope):
        startups = [keywords["lifespan"]] if "lifespan" in keywords else []
        listed = keywords.get("on_startup")
        startups += listed.elts if isinstance(listed, ast.List | ast.Tuple) else []
    for node in startups:
        function = routes.function_of(node, scope)
        found.startups += [Hook(function, application)] if function is not None else []


def _middleware(call: ast.Call, routes: Routes, scope: Scope) -> list[Function]:
    """Return the functions of a middleware: ``__call__`` and ``dispatch`` of its class, or its argument."""
    handed = next((keyword.value for keyword in call.keywords if keyword.arg == "dispatch"), None)
    functions = [routes.function_of(handed, scope)]
    dotted = routes.project.resolve(call.args[0], scope) if call.args else None
    owner = routes.project.class_of(dotted or "")
    if owner is not None:
        functions += [routes.project.method(owner, name) for name in ("__call__", "dispatch")]
    return [function for function in functions if function is not None]
