"""Imports and names of a Python module, from its syntax tree; the module is never imported.

An import statement runs when the module is imported, when a function is called, or under a condition that
the source does not decide. ``try: import a`` with ``except ImportError`` makes `a` optional, and the imports
of the handler run only if it is missing.
"""

from __future__ import annotations

import ast
import itertools
import operator
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

from watchme_analysis.app_source.source_files import parse_source
from watchme_analysis.text.message import Text, message

# Exceptions whose handler runs when an import fails.
_CATCHING = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
# Functions through which a module can define names that its syntax tree does not show.
_HIDING = {"exec", "globals", "locals", "vars", "setattr"}
_MAY_HIDE = re.compile(rb"\bglobal\b|\bsys\s*\.\s*modules\b|\b(?:" + "|".join(_HIDING).encode() + rb")\b")
# Operating system as `sys.platform`, `os.name` and `platform.system()` state it in Lambda.
_SYSTEM = {"sys.platform": "linux", "os.name": "posix", "platform.system": "Linux"}
# The first Python 3 that accepts several exceptions without parentheses.
_BARE_EXCEPT_MINOR = 14

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}

_Function = ast.FunctionDef | ast.AsyncFunctionDef


class When(IntEnum):
    """When an import statement runs; the smallest is the most certain."""

    IMPORT = 0
    CALL = 1
    CONDITION = 2


@dataclass(frozen=True, slots=True)
class Import:
    """A module that a statement imports; for a relative import, ``module`` is the part after the dots.

    ``names`` follow ``from ... import``, and are empty for ``import module``. ``try`` statements are numbers:
    ``tries`` are those around it that catch a failing import, outermost first; those of ``after_failure``
    must have failed before it runs, those of ``after_success`` succeeded.
    """

    module: str
    names: tuple[str, ...]
    level: int  # leading dots
    line: int
    when: When = When.IMPORT
    tries: tuple[int, ...] = ()
    after_failure: tuple[int, ...] = ()
    after_success: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Definition:
    """A name that a module defines at its top level.

    ``is_plain``: ``def`` or ``async def`` without decorators, whose parameters are known. It needs
    ``required`` positional arguments and takes ``accepted``; None for any number.
    """

    line: int
    is_function: bool = False
    is_async: bool = False
    is_plain: bool = False
    required: int = 0
    accepted: int | None = None

    def takes(self, arguments: int) -> bool:
        """Return True if it can be called with so many positional arguments."""
        return self.required <= arguments and (self.accepted is None or arguments <= self.accepted)


@dataclass
class ModuleSource:
    """What a module imports and defines.

    ``hides_names``: it may define names that are not in ``names``. ``path_changes`` are the lines of
    statements at the top level that change ``sys.path``, with the texts in them.
    """

    imports: list[Import] = field(default_factory=list)
    names: dict[str, Definition] = field(default_factory=dict)
    hides_names: bool = False
    path_changes: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SourceError:
    """Why a module can't be parsed; without ``is_certain``, Lambda may be able to."""

    line: int
    reason: Text
    is_certain: bool = True


def read_module(data: bytes, minor: int) -> ModuleSource | SourceError:
    """Return what a module imports and defines, or why Python 3 of a minor version can't parse it."""
    tree = _parsed(data, minor)
    if isinstance(tree, SourceError):
        return tree
    try:
        return _Reader(minor).read(tree, may_hide=_MAY_HIDE.search(data) is not None)
    except RecursionError:
        return SourceError(1, message("package-nested"), is_certain=False)


def _parsed(data: bytes, minor: int) -> ast.Module | SourceError:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(data, feature_version=(3, minor))
    except SyntaxError as error:
        # A newer version may accept it; `parse_source` rewrites the newer grammar that it knows.
        is_bare = "must be parenthesized" in str(error.msg)
        if minor > sys.version_info.minor and (minor >= _BARE_EXCEPT_MINOR or not is_bare):
            tree, _ = parse_source(data, "")
            if tree is not None:
                return tree
        return SourceError(error.lineno or 1, str(error.msg))
    except ValueError as error:
        return SourceError(1, str(error))
    except (MemoryError, RecursionError):
        return SourceError(1, message("package-nested"), is_certain=False)


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where a statement stands."""

    when: When = When.IMPORT
    is_module: bool = True
    tries: tuple[int, ...] = ()
    after_failure: tuple[int, ...] = ()
    after_success: tuple[int, ...] = ()

    def uncertain(self) -> _Scope:
        return self if self.when is When.CALL else replace(self, when=When.CONDITION)


class _Reader:
    """Walks the statements of a module with a stack, because ``elif`` nests without a limit."""

    def __init__(self, minor: int) -> None:
        self._minor = minor
        self._found = ModuleSource()
        self._numbers = itertools.count()

    def read(self, tree: ast.Module, *, may_hide: bool) -> ModuleSource:
        stack: list[tuple[ast.stmt, _Scope]] = [(each, _Scope()) for each in reversed(tree.body)]
        while stack:
            statement, scope = stack.pop()
            self._import(statement, scope)
            if scope.is_module:
                self._define(statement)
            stack += [
                (inner, inner_scope)
                for body, inner_scope in reversed([*self._bodies(statement, scope)])
                for inner in reversed(body)
            ]
        if may_hide:  # a walk through the whole tree takes longer than everything else here
            self._look_for_hidden(tree)
        self._found.hides_names |= not {"__getattr__", "__path__"}.isdisjoint(self._found.names)
        return self._found

    def _import(self, statement: ast.stmt, scope: _Scope) -> None:
        rest = (scope.when, scope.tries, scope.after_failure, scope.after_success)
        if isinstance(statement, ast.Import):
            self._found.imports += [
                Import(each.name, (), 0, statement.lineno, *rest) for each in statement.names
            ]
        elif isinstance(statement, ast.ImportFrom) and statement.module != "__future__":
            names = tuple(each.name for each in statement.names)
            module, level = statement.module or "", statement.level
            self._found.imports.append(Import(module, names, level, statement.lineno, *rest))

    def _bodies(self, statement: ast.stmt, scope: _Scope) -> Iterator[tuple[Sequence[ast.stmt], _Scope]]:
        """Yield the statements below a statement, in the order of the source."""
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield statement.body, replace(scope, when=When.CALL, is_module=False)
            case ast.ClassDef():
                yield statement.body, replace(scope, is_module=False)
            case ast.If():
                truth = self._truth(statement.test)
                inner = scope if truth is not None else scope.uncertain()
                if truth is not False:
                    yield statement.body, inner
                if truth is not True:
                    yield statement.orelse, inner
            case ast.Match():
                for each in statement.cases:
                    yield each.body, scope.uncertain()
            case ast.For() | ast.AsyncFor() | ast.While():
                yield statement.body, scope
                yield statement.orelse, scope
            case ast.With() | ast.AsyncWith():
                yield statement.body, self._caught(scope) if _suppresses(statement) else scope
            case ast.Try() | ast.TryStar():
                yield from self._of_try(statement, scope)

    def _of_try(
        self, statement: ast.Try | ast.TryStar, scope: _Scope
    ) -> Iterator[tuple[Sequence[ast.stmt], _Scope]]:
        catching = next((each for each in statement.handlers if _catches(each)), None)
        if catching is None or isinstance(catching.body[-1], ast.Raise):
            yield statement.body, scope
            number = None
        else:
            inner = self._caught(scope)
            number = inner.tries[-1]
            yield statement.body, inner
        for each in statement.handlers:
            if each is not catching:
                yield each.body, scope.uncertain()
            elif number is not None:
                yield each.body, replace(scope, after_failure=(*scope.after_failure, number))
        after = scope if number is None else replace(scope, after_success=(*scope.after_success, number))
        yield statement.orelse, after
        yield statement.finalbody, scope

    def _caught(self, scope: _Scope) -> _Scope:
        return replace(scope, tries=(*scope.tries, next(self._numbers)))

    def _truth(self, test: ast.expr) -> bool | None:  # noqa: PLR0911  one return per kind is a table
        """Return the value of a condition that is the same in every invocation; None if it is unknown."""
        match test:
            case ast.Constant(value):
                return bool(value)
            case ast.Name("TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
                return False
            case ast.UnaryOp(ast.Not(), operand):
                truth = self._truth(operand)
                return None if truth is None else not truth
            case ast.BoolOp(op, values):
                truths = [self._truth(each) for each in values]
                decisive = isinstance(op, ast.Or)
                return decisive if decisive in truths else None if None in truths else not decisive
            case ast.Compare(left, [op], [right]):
                return _compared(self._value(left), op, self._value(right))
            case ast.Call(ast.Attribute(value, "startswith"), [ast.Constant(str(start))]):
                text = self._value(value)
                return text.startswith(start) if isinstance(text, str) else None
        return None

    def _value(self, node: ast.expr) -> Any:  # noqa: PLR0911  one return per kind is a table
        """Return the value of an expression on the interpreter or the operating system; None if unknown."""
        version = (3, self._minor, 99, "final", 0)
        match node:
            case ast.Name("__name__"):
                return "a module"
            case ast.Name("version_info") | ast.Attribute(ast.Name("sys"), "version_info"):
                return version
            case ast.Attribute(value, "major" | "minor" as part) if self._value(value) == version:
                return version[part == "minor"]
            case ast.Subscript(value, ast.Constant(int(at))) if self._value(value) == version:
                return version[at] if 0 <= at < len(version) else None
            case ast.Subscript(value, ast.Slice(None, ast.Constant(int(end)), None)) if (
                self._value(value) == version
            ):
                return version[:end]
            case ast.Call(func, []):
                return _SYSTEM.get(ast.unparse(func)) if _is_short(func) else None
            case ast.Attribute() if _is_short(node):
                return _SYSTEM.get(ast.unparse(node))
            case ast.Constant() | ast.Tuple() | ast.List() | ast.Set():
                try:
                    return ast.literal_eval(node)
                except (ValueError, TypeError, RecursionError):
                    return None
        return None

    def _define(self, statement: ast.stmt) -> None:
        names, line = self._found.names, statement.lineno
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                names[statement.name] = _definition(statement)
                return
            case ast.ClassDef():
                names[statement.name] = Definition(line)
                return
            case ast.Import():
                names |= {
                    (each.asname or each.name.split(".")[0]): Definition(line) for each in statement.names
                }
                return
            case ast.ImportFrom():
                names |= {each.asname or each.name: Definition(line) for each in statement.names}
                return
        parts: list[ast.AST] = [
            each
            for each in ast.iter_child_nodes(statement)
            if not isinstance(each, ast.stmt | ast.ExceptHandler | ast.match_case)
        ]
        parts += [case.pattern for case in statement.cases] if isinstance(statement, ast.Match) else []
        for node in itertools.chain.from_iterable(map(ast.walk, parts)):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names[node.id] = Definition(line)
            elif isinstance(node, ast.MatchAs | ast.MatchStar) and node.name:
                names[node.name] = Definition(line)
        if isinstance(statement, ast.Expr | ast.Assign | ast.AugAssign):
            self._look_for_path_change(statement)

    def _look_for_path_change(self, statement: ast.stmt) -> None:
        nodes = [*ast.walk(statement)]
        if any(isinstance(each, ast.Attribute) and _dotted(each) == "sys.path" for each in nodes):
            texts = (each.value for each in nodes if isinstance(each, ast.Constant))
            found = tuple(text for text in texts if isinstance(text, str))
            self._found.path_changes.append((statement.lineno, found))

    def _look_for_hidden(self, tree: ast.Module) -> None:
        names = self._found.names
        for node in ast.walk(tree):
            if isinstance(node, ast.Global):
                names |= {name: Definition(node.lineno) for name in node.names if name not in names}
            elif (isinstance(node, ast.Name) and node.id in _HIDING) or (
                isinstance(node, ast.Attribute) and _dotted(node) == "sys.modules"
            ):
                self._found.hides_names = True


def _dotted(node: ast.Attribute) -> str:
    return f"{node.value.id}.{node.attr}" if isinstance(node.value, ast.Name) else ""


def _is_short(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)


def _compared(left: Any, op: ast.cmpop, right: Any) -> bool | None:
    compare = _COMPARISONS.get(type(op))
    if left is None or right is None or compare is None:
        return None
    try:
        return bool(compare(left, right))
    except TypeError:
        return None


def _catches(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(each is None or (isinstance(each, ast.Name) and each.id in _CATCHING) for each in kinds)


def _suppresses(statement: ast.With | ast.AsyncWith) -> bool:
    """Return True for ``with suppress(ImportError)``."""
    for item in statement.items:
        call = item.context_expr
        if (
            isinstance(call, ast.Call)
            and getattr(call.func, "id", getattr(call.func, "attr", "")) == "suppress"
        ):
            return any(isinstance(each, ast.Name) and each.id in _CATCHING for each in call.args)
    return False


def _definition(function: _Function) -> Definition:
    arguments = function.args
    positional = len(arguments.posonlyargs) + len(arguments.args)
    return Definition(
        function.lineno,
        True,
        isinstance(function, ast.AsyncFunctionDef),
        not function.decorator_list,
        positional - len(arguments.defaults),
        None if arguments.vararg else positional,
    )
