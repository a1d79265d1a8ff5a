"""Values that an application stores under keys of a dictionary, and where they are read again.

FastAPI's documentation keeps models that way: a lifespan assigns ``models["asr"] = load()``, and a handler
calls ``models["asr"](audio)``. See https://fastapi.tiangolo.com/advanced/events/#lifespan.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from watchme_analysis.app_source.handler import ScopedExpression
from watchme_analysis.app_source.syntax import Function, Module, Scope, place_of


class StoredItems:
    """The items of a project's dictionaries, by the place of the dictionary and the key."""

    def __init__(self, modules: Mapping[str, Module], functions: Iterable[Function]) -> None:
        self._modules = modules
        self._items: dict[str, list[tuple[object, ScopedExpression]]] = {}
        scopes: list[Scope] = [*modules.values(), *functions]
        for scope in scopes:
            self._collect(scope)

    def values(self, node: ast.expr, scope: Scope) -> list[ScopedExpression]:
        """Return the expressions that an item may have: those of its key, or all if the key is a variable.

        Items are ``name[key]`` and ``name.get(key)``.
        """
        base: ast.expr | None = None
        key: ast.expr | None = None
        if isinstance(node, ast.Subscript):
            base, key = node.value, node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            base, key = (node.func.value, node.args[0]) if node.func.attr in ("get", "pop") else (None, None)
        place = self._place(base, scope) if base is not None else None
        if place is None:
            return []
        items = self._items.get(place, [])
        if not isinstance(key, ast.Constant):
            return [value for _, value in items]
        return [value for at, value in items if at is None or at == key.value]

    def _collect(self, scope: Scope) -> None:
        for node in scope.nodes:
            if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
                continue
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Subscript):
                    key = target.slice.value if isinstance(target.slice, ast.Constant) else None
                    self._add(target.value, key, node.value, scope)
                elif isinstance(node.value, ast.Dict):
                    for at, value in zip(node.value.keys, node.value.values, strict=True):
                        known = at.value if isinstance(at, ast.Constant) else None
                        self._add(target, known, value, scope)

    def _add(self, base: ast.expr, key: object, value: ast.expr, scope: Scope) -> None:
        place = self._place(base, scope)
        if place is not None and not isinstance(value, ast.Constant):
            self._items.setdefault(place, []).append((key, ScopedExpression(value, scope)))

    def _place(self, node: ast.expr, scope: Scope) -> str | None:
        """Return a name of the dictionary that is equal wherever it is used; None if it has none."""
        if isinstance(node, ast.Name):
            return place_of(node.id, scope, self._modules)
        if not isinstance(node, ast.Attribute):
            return None
        if isinstance(node.value, ast.Name):
            if node.value.id in ("self", "cls") and isinstance(scope, Function) and scope.owner is not None:
                return f"{scope.owner}.{node.attr}"
            holder = self._modules.get(scope.module.imports.get(node.value.id, ""))
            if holder is not None:
                return place_of(node.attr, holder, self._modules)
        is_state = isinstance(node.value, ast.Attribute) and node.value.attr == "state"
        return f"state.{node.attr}" if is_state else None
