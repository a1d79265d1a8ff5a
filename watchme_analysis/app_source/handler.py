"""Records of handlers, routes and mounted routers, and of expressions with their scope."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from watchme_analysis.app_source.syntax import Function, Module


@dataclass(frozen=True, slots=True)
class ScopedExpression:
    """An expression with the module and function in which its names are looked up."""

    node: ast.expr
    module: Module
    scope: Function | None


@dataclass(frozen=True, slots=True)
class Handler:
    """A handler: function, HTTP method, path with all prefixes, declared status, router dependencies.

    ``application`` is the file of the application on which it is registered, directly or through routers;
    None if no application is found.
    """

    function: Function
    method: str
    path: str
    status: int | None
    line: int
    dependencies: tuple[ScopedExpression, ...] = ()
    application: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A router's mount in its parent, another router or an application: prefix and dependencies."""

    parent: str
    prefix: str
    dependencies: tuple[ScopedExpression, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """A route as declared on an application or router, with its path below their prefixes."""

    owner: str
    function: Function
    methods: tuple[str, ...]
    path: str
    status: int | None
    line: int
