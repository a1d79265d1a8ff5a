"""Middleware, exception handlers and start-up functions of an application."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from watchme_analysis.app_source.routes import Routes, scopes
from watchme_analysis.app_source.syntax import Function, Module, keywords_of, last_name


@dataclass(slots=True)
class Hooks:
    """Functions that run around requests, and functions that run when the application starts."""

    middlewares: list[Function] = field(default_factory=list)
    startups: list[Function] = field(default_factory=list)


def hooks_of(routes: Routes) -> Hooks:
    """Return the middleware, exception handlers and start-up functions of a project."""
    found = Hooks()
    for function in routes.project.functions.values():
        names = {last_name(node.func) for node in function.decorators if isinstance(node, ast.Call)}
        if names & {"middleware", "exception_handler"}:
            found.middlewares.append(function)
        elif "on_event" in names:
            found.startups.append(function)
    for module, scope, nodes in scopes(routes.project):
        for node in nodes:
            if isinstance(node, ast.Call):
                _registered(node, routes, module, scope, found)
    return found


def _registered(call: ast.Call, routes: Routes, module: Module, scope: Function | None, found: Hooks) -> None:
    """Add the functions that a call registers, such as ``add_middleware(..)`` or ``FastAPI(lifespan=..)``."""
    keywords = keywords_of(call)
    name = last_name(call.func)
    startups: list[ast.expr] = []
    if name in ("add_middleware", "Middleware"):
        found.middlewares += _middleware(call, routes, module, scope)
    elif name in ("add_event_handler", "add_exception_handler") and len(call.args) > 1:
        function = routes.function_of(call.args[1], module, scope)
        into = found.startups if name == "add_event_handler" else found.middlewares
        into += [function] if function is not None else []
    elif {"lifespan", "on_startup"} & set(keywords) and routes.is_application_call(call, module, scope):
        startups = [keywords["lifespan"]] if "lifespan" in keywords else []
        listed = keywords.get("on_startup")
        startups += listed.elts if isinstance(listed, ast.List | ast.Tuple) else []
    for node in startups:
        function = routes.function_of(node, module, scope)
        found.startups += [function] if function is not None else []


def _middleware(call: ast.Call, routes: Routes, module: Module, scope: Function | None) -> list[Function]:
    """Return the functions of a middleware: ``__call__`` and ``dispatch`` of its class, or its argument."""
    handed = next((keyword.value for keyword in call.keywords if keyword.arg == "dispatch"), None)
    functions = [routes.function_of(handed, module, scope)]
    dotted = routes.project.resolve(call.args[0], scope, module) if call.args else None
    owner = routes.project.class_of(dotted or "")
    if owner is not None:
        functions += [routes.project.method(owner, name) for name in ("__call__", "dispatch")]
    return [function for function in functions if function is not None]
