"""Concurrency limits in source: sizes of pools, limiters and semaphores.

The calls are listed in ``concurrency_limits.toml`` in this folder. In addition, ``total_tokens`` may be set
on anyio's limiter, which limits the threads that run plain handlers, and an executor may become asyncio's
default.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from watchme_analysis.app_source.routes import Routes, scopes
from watchme_analysis.app_source.syntax import Scope, last_name

# Names that may lead to others before a search ends.
_DEPTH = 6


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit: location, call, size, and the environment variable that may set it.

    ``size`` is None if the source does not state it.
    """

    scope: Scope
    line: int
    call: str
    size: int | None
    variable: str | None


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    keywords: tuple[str, ...]
    position: int | None
    defaults: tuple[int, ...]
    unless: tuple[str, ...]


@cache
def _rules() -> tuple[_Rule, ...]:
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    return tuple(
        _Rule(
            re.compile(entry["pattern"], re.VERBOSE),
            tuple(entry["keywords"]),
            entry.get("position"),
            tuple(entry.get("defaults", ())),
            tuple(entry.get("unless", ())),
        )
        for entry in tomllib.loads(text)["limit"]
    )


@lru_cache(maxsize=65536)
def _rule_of(dotted: str) -> _Rule | None:
    return next((rule for rule in _rules() if rule.pattern.fullmatch(dotted)), None)


def limits(routes: Routes) -> Iterator[Limit]:
    """Yield the limits in a project's source, inside and outside of functions."""
    for scope in scopes(routes.project):
        finder = _Finder(routes, scope)
        for node in scope.nodes:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
                yield from finder.assigned(node, node.targets[0])
            elif isinstance(node, ast.Call):
                yield from finder.called(node)


@dataclass(frozen=True, slots=True)
class _Finder:
    """Finds the limits of one scope."""

    routes: Routes
    scope: Scope

    def assigned(self, node: ast.Assign, target: ast.Attribute) -> Iterator[Limit]:
        """Yield the limit of an assignment such as ``limiter.total_tokens = 100``."""
        if target.attr == "total_tokens":
            owner = self.routes.project.resolve(target.value, self.scope) or ""
            if re.fullmatch(r"anyio\.(to_thread\.current_default_thread_limiter|CapacityLimiter)\(\)", owner):
                yield self._limit(node, f"{owner}.total_tokens", *self._number(node.value))

    def called(self, node: ast.Call) -> Iterator[Limit]:
        """Yield the limit that a call sets."""
        dotted = self.routes.project.resolve(node.func, self.scope) or ""
        if dotted.endswith(".set_default_executor") and node.args:
            executor: ast.expr | None = node.args[0]
            if isinstance(executor, ast.Name | ast.Attribute):
                executor, _ = self.routes.binding(executor, self.scope)
            if isinstance(executor, ast.Call):
                yield self._limit(node, dotted, *self._number(_argument(executor, "max_workers", 0)))
            return
        rule = _rule_of(dotted)
        if rule is None or any(keyword.arg in rule.unless for keyword in node.keywords):
            return
        unknown = any(keyword.arg is None for keyword in node.keywords)
        sizes: list[int | None] = []
        variables: list[str] = []
        for at, name in enumerate(rule.keywords):
            argument = _argument(node, name, None if at else rule.position)
            if argument is not None:
                size, variable = self._number(argument)
                sizes.append(size)
                variables += [variable] if variable else []
            elif at < len(rule.defaults):
                # `**settings` may also set it.
                sizes.append(None if unknown else rule.defaults[at])
        if sizes:
            known = [size for size in sizes if size is not None]
            whole = sum(known) if len(known) == len(sizes) else None
            yield self._limit(node, dotted, whole, variables[0] if variables else None)

    def _limit(self, node: ast.stmt | ast.expr, call: str, size: int | None, variable: str | None) -> Limit:
        return Limit(self.scope, node.lineno, call.lstrip("?"), size or None, variable)

    def _number(self, node: ast.expr | None) -> tuple[int | None, str | None]:
        return _number_of(node, self.routes, self.scope, _DEPTH)


def _argument(call: ast.Call, name: str, position: int | None) -> ast.expr | None:
    given = next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
    if given is None and position is not None and len(call.args) > position:
        return call.args[position]
    return given


def _number_of(
    node: ast.expr | None, routes: Routes, scope: Scope, depth: int
) -> tuple[int | None, str | None]:
    """Return the default number of an expression, and the environment variable that may override it."""
    where = (routes, scope, depth - 1)
    if node is None or depth <= 0:
        return None, None
    if isinstance(node, ast.Constant):
        text = str(node.value)
        return int(text) if text.isdigit() else None, None
    if isinstance(node, ast.BoolOp):
        parts = [_number_of(part, *where) for part in node.values]
        return parts[-1][0], next((variable for _, variable in parts if variable), None)
    if isinstance(node, ast.Call | ast.Subscript):
        inner, variable = _unwrapped(node)
        size, below = _number_of(inner, *where)
        return size, variable or below
    bound, holder = routes.binding(node, scope)
    size, variable = _number_of(bound, routes, holder, depth - 1)
    return size, variable or _settings_variable(node, routes, scope)


def _unwrapped(node: ast.Call | ast.Subscript) -> tuple[ast.expr | None, str | None]:
    """Return the inner expression of ``int(x)`` or ``os.environ.get(NAME, x)``, and the variable it reads."""
    if isinstance(node, ast.Subscript):
        named = last_name(node.value) == "environ" and isinstance(node.slice, ast.Constant)
        return None, str(node.slice.value) if named else None  # type: ignore[attr-defined]
    name, first = last_name(node.func), node.args[0] if node.args else None
    if name in ("getenv", "get") and isinstance(first, ast.Constant):
        return node.args[1] if len(node.args) > 1 else None, str(first.value)
    return first if name in ("int", "Field") else None, None


def _settings_variable(node: ast.expr, routes: Routes, scope: Scope) -> str | None:
    """Return the environment variable of a field of pydantic settings, which has the field's name."""
    if not isinstance(node, ast.Attribute):
        return None
    owner = routes.project.class_of(routes.project.resolve(node.value, scope) or "")
    known = owner is not None and any(
        base.endswith("BaseSettings") for base in routes.project.ancestors(owner)
    )
    return node.attr.upper() if known else None
