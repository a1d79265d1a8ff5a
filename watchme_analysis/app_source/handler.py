"""HTTP handlers of an application, and the routes and inclusions that they follow from."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from watchme_analysis.app_source.syntax import Function, Module


@dataclass(frozen=True, slots=True)
class Need:
    """What ``Depends`` names in the dependencies of an application, a router or an inclusion."""

    node: ast.expr
    module: Module
    scope: Function | None


@dataclass(frozen=True, slots=True)
class Handler:
    """A handler: its function, HTTP method, route with all prefixes, declared status, what routers need."""

    function: Function
    method: str
    path: str
    status: int | None
    line: int
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """That a router is part of another or of an application: under which prefix, with which needs."""

    parent: str
    prefix: str
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """A route as declared: on which application or router, with which path of its own."""

    owner: str
    function: Function
    methods: tuple[str, ...]
    path: str
    status: int | None
    line: int
