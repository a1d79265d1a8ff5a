"""What a parameter of a handler is: what its dependency gives, or an instance of its type.

``session: SessionDep`` means the alias ``SessionDep = Annotated[Session, Depends(get_session)]`` of the
module that defines it, and what that alias names stands there.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from watchme_analysis.sources.python_source.handler import Need
from watchme_analysis.sources.python_source.tree import Function, Module, last_name, plain_type, written

if TYPE_CHECKING:
    from watchme_analysis.sources.python_source.project import Project

# How often an alias may be imported from a module that imports it itself.
_REEXPORTS = 4


def annotated(
    project: Project, parameter: tuple[ast.expr | None, ast.expr | None], scope: Function, depth: float
) -> str | None:
    """Return what a parameter, by its annotation and default, stands for; None when that can't be told."""
    annotation, default = parameter
    need = dependency(project, annotation, default, scope)
    if need is not None:
        value = project.resolve(need.node, need.scope, need.module, depth)
        made = project.called(value, depth) if value is not None else None
        known = made is not None and not made.startswith("?")
        if known and "[]" not in str(made):
            return made
    at = _meant(project, annotation, scope)
    kind = plain_type(at.node) if at is not None else None
    value = project.resolve(kind, at.scope, at.module, depth) if kind is not None and at is not None else None
    return f"{value}()" if value is not None and not value.startswith("?") else None


def dependency(
    project: Project, annotation: ast.expr | None, default: ast.expr | None, scope: Function
) -> Need | None:
    """Return what FastAPI's ``Depends`` names for a parameter, in its default or in ``Annotated``, and where.

    ``Depends()`` without a name means the parameter's type.
    """
    at = _meant(project, annotation, scope)
    written = Need(default, scope.module, scope.outer) if default is not None else None
    for candidate in (written, at):
        for node in ast.walk(candidate.node) if candidate is not None else ():
            if isinstance(node, ast.Call) and last_name(node.func) in ("Depends", "Security"):
                named = [keyword.value for keyword in node.keywords if keyword.arg == "dependency"]
                inner = next(iter([*node.args[:1], *named]), None)
                if inner is not None and candidate is not None:
                    return Need(inner, candidate.module, candidate.scope)
                kind = plain_type(at.node) if at is not None else None
                return Need(kind, at.module, at.scope) if kind is not None and at is not None else None
    return None


def _meant(project: Project, annotation: ast.expr | None, scope: Function) -> Need | None:
    """Return an annotation, or what it is an alias of, and where that stands."""
    if annotation is None:
        return None
    found = None
    if isinstance(annotation, ast.Name):
        found = _alias(project, annotation.id, scope.module, _REEXPORTS)
    elif isinstance(annotation, ast.Attribute):
        module = project.modules.get(project.resolve(annotation.value, scope.outer, scope.module) or "")
        found = _alias(project, annotation.attr, module, _REEXPORTS) if module is not None else None
    return found or Need(annotation, scope.module, scope.outer)


def _alias(project: Project, name: str, module: Module, depth: int) -> Need | None:
    """Return the subscript, such as ``Annotated[..]``, that a module binds a name to or imports under it."""
    bound = module.bindings.get(name)
    if bound is not None or depth <= 0:
        return Need(bound, module, None) if isinstance(bound, ast.Subscript) else None
    owner, _, attribute = module.imports.get(name, "").rpartition(".")
    holder = project.modules.get(owner)
    return _alias(project, attribute, holder, depth - 1) if holder is not None else None


_AWAITABLE = re.compile(r"Await|Coroutine|Future|Task|Any|Async")


def gives_at_once(function: Function) -> bool:
    """Tell whether a function says that it returns what can't be awaited.

    Where such a call is awaited, another function is meant: clients often exist twice, with the same methods.
    """
    node = function.node
    if isinstance(node, ast.Lambda | ast.AsyncFunctionDef) or node.decorator_list or node.returns is None:
        return False
    return not _AWAITABLE.search(written(node.returns))
