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


def parameters_of(function: Function) -> list[tuple[ast.arg, ast.expr | None]]:
    """Return the named parameters with their defaults; None for one without."""
    arguments = function.node.args
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults))
    pairs = list(zip(plain, [*defaults, *arguments.defaults], strict=True))
    return pairs + list(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))


# Types whose parameter is what they hold or give: their values are of no class of the project's own.
_COLLECTIONS = {
    "list", "dict", "set", "frozenset", "tuple", "type", "sequence", "iterable", "iterator", "mapping",
    "union",
    "callable", "awaitable", "coroutine", "generator", "asyncgenerator", "asynciterator", "asynciterable",
    "literal", "classvar", "final", "deque", "defaultdict",
}  # fmt: skip


def plain_type(node: ast.expr | None) -> ast.expr | None:
    """Return the type of ``Annotated[T, ..]``, ``Optional[T]``, ``T | None``, ``T[..]``, or a string."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return plain_type(ast.parse(node.value, mode="eval").body)
        except SyntaxError:
            return None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return plain_type(node.left)
    if isinstance(node, ast.Subscript):
        name = ast.unparse(node.value).rpartition(".")[2]
        if name not in ("Annotated", "Optional"):
            return None if name.lower() in _COLLECTIONS else node.value
        return plain_type(node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice)
    return node


def _declared(node: ast.AnnAssign) -> ast.expr | None:
    """Return what an annotated name is bound to; where that is nothing yet, an instance of its type."""
    if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        return node.value
    kind = plain_type(node.annotation)
    if not isinstance(kind, ast.Name | ast.Attribute):
        return node.value
    return ast.copy_location(ast.Call(func=kind, args=[], keywords=[]), node)


def bindings_of(nodes: Iterator[ast.AST]) -> dict[str, ast.expr]:
    """Return the expression that each plain name is bound to: the first one that is more than a constant."""
    found: dict[str, ast.expr] = {}
    for node in nodes:
        targets: list[ast.expr] = []
        value: ast.expr | None = None
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign):
            targets, value = [node.target], _declared(node)
        elif isinstance(node, ast.NamedExpr):
            targets, value = [node.target], node.value
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            targets, value = [node.optional_vars], node.context_expr
        for target in targets:
            if isinstance(target, ast.Name) and value is not None:
                bind(found, target.id, value)
    return found


def bind(bindings: dict[str, ast.expr], name: str, value: ast.expr) -> None:
    """Bind a name, unless it is bound to more than a constant already."""
    if isinstance(bindings.get(name, _NOTHING), ast.Constant):
        bindings[name] = value


_NOTHING = ast.Constant(value=None)


def bind_globals(function: Function) -> None:
    """Bind in the module what a function binds to names that it declares global."""
    for node in body_nodes(function):
        for name in node.names if isinstance(node, ast.Global) else ():
            if name in function.bindings:
                bind(function.module.bindings, name, function.bindings[name])


def add_method(owner: Class, function: Function) -> None:
    """Add a method to its class, with what it binds to attributes of ``self``."""
    owner.methods[function.node.name] = function  # type: ignore[union-attr]
    for node in body_nodes(function):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            targets = [node.target]
        for target in targets:
            if (
                isinstance(target, ast.Attribute)
                and isinstance(target.value, ast.Name)
                and target.value.id in ("self", "cls")
            ):
                owner.own.setdefault(target.attr, (node.value, function))  # type: ignore[attr-defined]
