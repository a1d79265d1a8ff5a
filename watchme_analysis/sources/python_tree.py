"""Functions, classes and modules of Python source, as :mod:`ast` shows them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(eq=False)
class Function:
    """A function or method.

    Attributes
    ----------
    qualname
        Dotted name with the module in front.
    name
        The same without the module.
    module, node
        Where it stands.
    owner
        Qualified name of its class, or None.
    outer
        The function that it is defined in, or None.
    """

    qualname: str
    name: str
    module: Module
    node: FunctionNode | ast.Lambda
    owner: str | None = None
    outer: Function | None = None
    inner: dict[str, Function] = field(default_factory=dict)
    bindings: dict[str, ast.expr] = field(default_factory=dict)

    @property
    def is_async(self) -> bool:
        """Whether it is a coroutine function."""
        return isinstance(self.node, ast.AsyncFunctionDef)


@dataclass(eq=False)
class Class:
    """A class: bases as written, class attributes, attributes set on ``self``, methods."""

    qualname: str
    module: Module
    bases: list[ast.expr]
    attributes: dict[str, ast.expr] = field(default_factory=dict)
    own: dict[str, tuple[ast.expr, Function]] = field(default_factory=dict)
    methods: dict[str, Function] = field(default_factory=dict)


@dataclass(eq=False)
class Module:
    """A file: its dotted name, the package that relative imports count from, and what it binds."""

    name: str
    package: str
    file: str
    tree: ast.Module
    imports: dict[str, str] = field(default_factory=dict)
    bindings: dict[str, ast.expr] = field(default_factory=dict)


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes below one, in order, without going into functions and classes defined inside."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, FunctionNode | ast.ClassDef | ast.Lambda):
            yield from own_nodes(child)


def body_nodes(function: Function) -> Iterator[ast.AST]:
    """Yield what runs when a function is called; its decorators, defaults and annotations don't."""
    body = function.node.body
    for statement in body if isinstance(body, list) else [body]:
        yield statement
        if not isinstance(statement, FunctionNode | ast.ClassDef):
            yield from own_nodes(statement)


def bindings_of(nodes: Iterator[ast.AST]) -> dict[str, ast.expr]:
    """Return the expression that each plain name is bound to; the first one wins."""
    found: dict[str, ast.expr] = {}
    for node in nodes:
        targets: list[ast.expr] = []
        value: ast.expr | None = None
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign):
            targets, value = [node.target], node.value or node.annotation
        elif isinstance(node, ast.NamedExpr):
            targets, value = [node.target], node.value
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            targets, value = [node.optional_vars], node.context_expr
        for target in targets:
            if isinstance(target, ast.Name) and value is not None:
                found.setdefault(target.id, value)
    return found
