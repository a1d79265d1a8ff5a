"""What an application keeps in its state, as Starlette has it: ``app.state.x`` and what a lifespan yields."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from watchme_analysis.sources.python_source.tree import Function, Module, last_name

Kept = tuple[ast.expr, Function | None, Module]


def kept_in_state(modules: Iterable[Module], functions: Iterable[Function]) -> dict[str, Kept]:
    """Return by name the expression that a state's attribute is bound to, and where it stands.

    Handlers find under ``request.app.state`` and ``request.state`` what a start, a lifespan or a middleware
    put there. The first that is more than a constant counts.
    """
    found: dict[str, Kept] = {}
    scopes = [(module.nodes, None, module) for module in modules]
    for nodes, scope, module in [*scopes, *((one.nodes, one, one.module) for one in functions)]:
        for node in nodes:
            for name, value in _kept(node, scope):
                if name not in found or isinstance(found[name][0], ast.Constant):
                    found[name] = (value, scope, module)
    return found


def _kept(node: ast.AST, scope: Function | None) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Attribute) and last_name(target.value) == "state":
                yield target.attr, node.value
    elif isinstance(node, ast.Yield) and isinstance(node.value, ast.Dict) and _is_lifespan(scope):
        for key, value in zip(node.value.keys, node.value.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, value


def _is_lifespan(scope: Function | None) -> bool:
    return scope is not None and any(last_name(one) == "asynccontextmanager" for one in scope.decorators)
