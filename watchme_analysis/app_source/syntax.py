"""Functions, classes and modules of Python source, as :mod:`ast` shows them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(eq=False)
class Function:
    """A function or method."""

    qualname: str  # dotted name, prefixed with the module
    name: str  # without the module
    module: Module
    node: FunctionNode | ast.Lambda
    owner: str | None = None  # qualified name of its class
    outer: Function | None = None  # the enclosing function
    bindings: dict[str, ast.expr] = field(default_factory=dict)

    @property
    def enclosing(self) -> Scope:
        """The scope of its decorators, defaults and annotations."""
        return self.outer or self.module

    @property
    def is_async(self) -> bool:
        """True for a coroutine function."""
        return isinstance(self.node, ast.AsyncFunctionDef)

    @property
    def decorators(self) -> list[ast.expr]:
        """Its decorators as written; a lambda has none."""
        return [] if isinstance(self.node, ast.Lambda) else self.node.decorator_list

    @property
    def is_generator(self) -> bool:
        """True if a call runs no code of its body yet, because it yields."""
        return any(isinstance(node, ast.Yield | ast.YieldFrom) for node in self.nodes)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Nodes that run when it is called, without its decorators, defaults and annotations."""
        body = self.node.body
        return own_nodes(body if isinstance(body, list) else [body])


@dataclass(eq=False)
class Class:
    """A class as written."""

    qualname: str
    module: Module
    bases: list[ast.expr]
    attributes: dict[str, ast.expr] = field(default_factory=dict)  # expressions of class attributes
    # Expressions that methods assign to attributes of ``self``, in order. A constant such as None in
    # ``__init__`` is a place for a value that another method assigns later.
    own: dict[str, list[tuple[ast.expr, Function]]] = field(default_factory=dict)
    # calls of the types with which methods annotate such attributes, without a value
    declared: dict[str, list[tuple[ast.expr, Function]]] = field(default_factory=dict)
    methods: dict[str, Function] = field(default_factory=dict)


@dataclass(eq=False)
class Module:
    """A file: dotted name, base package of relative imports, imports and bindings."""

    name: str
    package: str
    file: str
    tree: ast.Module
    imports: dict[str, str] = field(default_factory=dict)
    bindings: dict[str, ast.expr] = field(default_factory=dict)

    @property
    def module(self) -> Module:
        """Itself, as the module of a scope."""
        return self

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Nodes that run when it is imported."""
        return own_nodes(self.tree.body)

    @cached_property
    def import_nodes(self) -> list[ast.Import | ast.ImportFrom]:
        """Its imports, those inside of functions last."""
        found: list[ast.AST] = [self.tree]
        for node in found:
            found += statements_below(node)
        return [node for node in found if isinstance(node, ast.Import | ast.ImportFrom)]

    @cached_property
    def imported_names(self) -> set[str]:
        """Names that its imports bind, with ``*`` for a star import."""
        aliases = (alias for node in self.import_nodes for alias in node.names)
        return {alias.asname or alias.name.partition(".")[0] for alias in aliases}


# Where the names of an expression are looked up: a function, or a module outside of functions.
Scope = Function | Module
# Nodes whose body runs at another time.
_CLOSED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
# Fields without nodes of interest.
_PLAIN = {"ctx", "op", "ops", "id", "attr", "name", "names", "arg", "module", "level", "type_comment"}
_KINDS = [kind for kind in vars(ast).values() if isinstance(kind, type) and issubclass(kind, ast.AST)]
# Fields of each kind of node that may contain others, last first.
_FIELDS: dict[type, tuple[str, ...]] = {
    kind: tuple(name for name in reversed(kind._fields) if name not in _PLAIN)
    for kind in _KINDS
    if not issubclass(kind, (ast.Constant, *_CLOSED))
}
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# Kinds of nodes of interest.
_WANTED = {
    ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.withitem, ast.Global, ast.Return, ast.Yield, ast.YieldFrom,
    ast.Await, ast.Call, ast.For, ast.While, ast.With, ast.AsyncWith, *COMPREHENSIONS,
    getattr(ast, "TypeAlias", ast.Assign),
}  # fmt: skip
_STATEMENTS: dict[type, tuple[str, ...]] = {
    kind: tuple(name for name in kind._fields if name in ("body", "handlers", "orelse", "finalbody", "cases"))
    for kind in _KINDS
    if not issubclass(kind, ast.expr)
}


def own_nodes(nodes: Iterable[ast.AST]) -> list[ast.AST]:
    """Return nodes and all below them, in order, without going into functions and classes.

    Only kinds of interest are returned. A project has millions of nodes, so this is a plain loop.
    """
    found = []
    waiting: list[Any] = [*nodes]
    waiting.reverse()
    while waiting:
        node = waiting.pop()
        kind = type(node)
        if kind in _WANTED:
            found.append(node)
        for name in _FIELDS.get(kind, ()):
            value = getattr(node, name)
            if type(value) is list:
                waiting += value[::-1]
            elif value is not None:
                waiting.append(value)
    return found


def statements_below(node: ast.AST) -> list[ast.AST]:
    """Return the statements directly inside of a statement, with branches of ``try`` and ``match``."""
    return [below for name in _STATEMENTS.get(type(node), ()) for below in getattr(node, name)]


def source_text(node: ast.AST) -> str:
    """Return the source of a node; an empty text when it is nested too deeply."""
    try:
        return ast.unparse(node)
    except RecursionError:
        return ""


def last_name(node: ast.expr) -> str:
    """Return the last name of ``name`` or ``x.y.name``; of other expressions the text after the last dot."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else source_text(node).rpartition(".")[2]


def keywords_of(call: ast.Call) -> dict[str | None, ast.expr]:
    """Return the keyword arguments of a call; those of ``**`` are under None."""
    return {keyword.arg: keyword.value for keyword in call.keywords}


def parameters_of(function: Function) -> list[tuple[ast.arg, ast.expr | None]]:
    """Return the named parameters with their defaults, None without a default."""
    arguments = function.node.args
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults))
    pairs = list(zip(plain, [*defaults, *arguments.defaults], strict=True))
    return pairs + list(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))


# Generic types whose parameter is the type of their elements or results.
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
        name = last_name(node.value)
        if name not in ("Annotated", "Optional"):
            return None if name.lower() in _COLLECTIONS else node.value
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return plain_type(parts[0]) if parts else None
    return node


# Generator types: as a dependency or in ``with``, the value is the yielded value.
_GENERATORS = {"Generator", "AsyncGenerator", "Iterator", "AsyncIterator", "Iterable", "AsyncIterable"}


def yielded_type(node: ast.expr) -> ast.expr:
    """Return the type ``T`` of ``Generator[T, ..]`` etc.; other types unchanged."""
    if isinstance(node, ast.Subscript) and last_name(node.value) in _GENERATORS:
        return node.slice.elts[0] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
    return node


def _declared(node: ast.AnnAssign) -> ast.expr | None:
    """Return the value of an annotated assignment; without a value, a call of its type."""
    if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        return node.value
    kind = plain_type(node.annotation)
    if not isinstance(kind, ast.Name | ast.Attribute):
        return node.value
    return ast.copy_location(ast.Call(func=kind, args=[], keywords=[]), node)


def bindings_of(nodes: Iterable[ast.AST]) -> dict[str, ast.expr]:
    """Return the expression bound to each plain name: the first other than a constant."""
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
        elif type(node).__name__ == "TypeAlias":
            # `type Name = ..`, which ast supports from Python 3.12 on.
            targets, value = [vars(node)["name"]], vars(node)["value"]
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            targets, value = [node.optional_vars], node.context_expr
        for target in targets:
            for name, bound in _unpacked(target, value) if value is not None else ():
                bind(found, name, bound)
    return found


def _unpacked(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yield the plain names of a target with their values; of ``a, b = make()`` the items of the result."""
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple | ast.List):
        is_pair = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
        for at, inner in enumerate(target.elts):
            item = ast.Subscript(value=value, slice=ast.Constant(value=at), ctx=ast.Load())
            yield from _unpacked(inner, value.elts[at] if is_pair else ast.copy_location(item, value))  # type: ignore[attr-defined]


def bind(bindings: dict[str, ast.expr], name: str, value: ast.expr) -> None:
    """Bind a name, unless it is already bound to an expression other than a constant."""
    if isinstance(bindings.get(name, _NOTHING), ast.Constant):
        bindings[name] = value


_NOTHING = ast.Constant(value=None)


def bind_globals(function: Function) -> None:
    """Bind names that a function declares global in its module."""
    for node in function.nodes:
        for name in node.names if isinstance(node, ast.Global) else ():
            if name in function.bindings:
                bind(function.module.bindings, name, function.bindings[name])


def base_name(node: ast.expr) -> str:
    """Return the last name of a base as written, without its parameters."""
    return last_name(node.value if isinstance(node, ast.Subscript) else node)


def is_abstract(function: Function) -> bool:
    """Return True for an abstract method."""
    return any(last_name(decorator).endswith("abstractmethod") for decorator in function.decorators)


def is_setter(function: Function) -> bool:
    """Return True for the setter or deleter of a property."""
    return any(last_name(decorator) in ("setter", "deleter") for decorator in function.decorators)


def add_method(owner: Class, function: Function) -> None:
    """Add a method to its class, with the attributes that it sets on ``self``."""
    if not is_setter(function):
        owner.methods[function.node.name] = function  # type: ignore[union-attr]
    for node in function.nodes:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        value = node.value if isinstance(node, ast.Assign) else _declared(node)
        found = owner.own if value is node.value else owner.declared
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if (
                value is not None
                and isinstance(target, ast.Attribute)
                and isinstance(target.value, ast.Name)
                and target.value.id in ("self", "cls")
            ):
                found.setdefault(target.attr, []).append((value, function))


# Modules through which a name may be imported before the search ends.
_REEXPORTS = 8


def place_of(name: str, scope: Scope, modules: Mapping[str, Module]) -> str:
    """Return the function or module and the name at which a name is bound: equal wherever it is used."""
    while isinstance(scope, Function):
        is_own = name in scope.bindings or any(argument.arg == name for argument, _ in parameters_of(scope))
        if is_own and not any(isinstance(node, ast.Global) and name in node.names for node in scope.nodes):
            return f"{scope.qualname}.{name}"
        scope = scope.enclosing
    for _ in range(_REEXPORTS):
        target = scope.imports.get(name)
        if target is None or name in scope.bindings:
            break
        owner, _, attribute = target.rpartition(".")
        if owner not in modules:
            return target
        scope, name = modules[owner], attribute
    return f"{scope.name}.{name}"
