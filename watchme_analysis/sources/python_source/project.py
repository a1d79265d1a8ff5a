"""Python source as a project: modules, functions, and what a name stands for, without running anything.

A value is described by the dotted name that made it: after ``s3 = boto3.client("s3")`` the expression
``s3.get_object`` stands for ``boto3.client().get_object``. What can't be told is named as written, with a
question mark in front.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from watchme_analysis.sources.python_source.annotations import annotated
from watchme_analysis.sources.python_source.imports import OwnNames, imports_of
from watchme_analysis.sources.python_source.state import kept_in_state
from watchme_analysis.sources.python_source.tree import (
    Class,
    Function,
    FunctionNode,
    Module,
    add_method,
    base_name,
    bind_globals,
    bindings_of,
    is_abstract,
    is_setter,
    last_name,
    own_nodes,
    parameters_of,
    statements_below,
    yielded_type,
)

# How many names may lead to others. A step along one expression, which ends by itself, costs less of it:
# `session.query(..).filter(..).first()` has six.
_DEPTH = 12
_STEP = 0.1
# Expressions that stand for what is inside of them.
_UNWRAP: dict[type, Callable[[Any], ast.expr]] = {
    ast.Await: lambda node: node.value,
    ast.Starred: lambda node: node.value,
    ast.BoolOp: lambda node: node.values[-1],
    ast.IfExp: lambda node: node.body,
}


class Project:
    """The modules of a folder and what their names stand for.

    Parameters
    ----------
    files
        Relative POSIX paths and parsed trees.
    """

    def __init__(self, files: dict[str, ast.Module]) -> None:
        self.modules: dict[str, Module] = {}
        self.functions: dict[str, Function] = {}
        self.classes: dict[str, Class] = {}
        for file, tree in sorted(files.items()):
            parts = list(PurePosixPath(file).with_suffix("").parts)
            package = parts[:-1]
            if parts[-1] == "__init__" and len(parts) > 1:
                parts = package
            module = Module(".".join(parts), ".".join(package), file, tree)
            self.modules[module.name] = module
            module.bindings = bindings_of(module.nodes)
            self._collect(module, tree, module.name, None, None)
        self._resolved: dict[tuple[ast.expr | None, Function | None, Module], str | None] = {}
        self._lineages: dict[str, list[Class]] = {}
        self._by_base: dict[str, list[Class]] = {}
        for kind in self.classes.values():
            for base in {base_name(node) for node in kind.bases}:
                self._by_base.setdefault(base, []).append(kind)
        own = OwnNames(self.modules, {*self.functions, *self.classes})
        for module in self.modules.values():
            module.imports = imports_of(module, own)
        self._state = kept_in_state(self.modules.values(), self.functions.values())

    def _collect(
        self, module: Module, node: ast.AST, prefix: str, owner: str | None, outer: Function | None
    ) -> None:
        for child in statements_below(node):
            if isinstance(child, FunctionNode):
                qualname = f"{prefix}.{child.name}"
                name = qualname[len(module.name) + 1 :]
                function = Function(qualname, name, module, child, owner, outer)
                function.bindings = bindings_of(function.nodes)
                bind_globals(function)
                self._add_function(function)
                if owner is not None:
                    add_method(self.classes[owner], function)
                self._collect(module, child, qualname, None, function)
            elif isinstance(child, ast.ClassDef):
                qualname = f"{prefix}.{child.name}"
                attributes = bindings_of(own_nodes(child.body))
                self.classes[qualname] = Class(qualname, module, child.bases, attributes)
                self._collect(module, child, qualname, qualname, outer)
            else:
                self._collect(module, child, prefix, owner, outer)

    def _add_function(self, function: Function) -> None:
        """Add a function by its name, which is that of the last; a property is what reading it gives."""
        name, line = function.qualname, function.node.lineno
        earlier = self.functions.get(name)
        if earlier is not None and is_setter(function):
            name = f"{name}@{line}"
        elif earlier is not None:
            # Handlers of one name are each registered all the same.
            self.functions[f"{name}@{earlier.node.lineno}"] = earlier
        self.functions[name] = function

    def resolve(
        self, node: ast.expr | None, scope: Function | None, module: Module, depth: float = _DEPTH
    ) -> str | None:
        """Return the dotted name of what an expression stands for; None for what has no name."""
        if depth < _DEPTH:
            return self._resolve(node, scope, module, depth)
        key = (node, scope, module)
        if key not in self._resolved:
            self._resolved[key] = self._resolve(node, scope, module, depth)
        return self._resolved[key]

    def _resolve(
        self, node: ast.expr | None, scope: Function | None, module: Module, depth: float
    ) -> str | None:
        if node is None or depth <= 0:
            return None
        inner, scoped = _UNWRAP.get(type(node)), (scope, module, depth - _STEP)
        if inner is not None:
            return self.resolve(inner(node), *scoped)
        if isinstance(node, ast.Name):
            return self._resolve_name(node.id, scope, module, depth)
        is_super = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
        if is_super or not isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
            return self._above(scope) if is_super else None
        base = self.resolve(node.func if isinstance(node, ast.Call) else node.value, *scoped)
        if base is None or isinstance(node, ast.Subscript):
            # ``Repository[User]`` is the class itself.
            return base if base in self.classes else base and f"{base}[]"
        return (
            self.member(base, node.attr, depth - 1)
            if isinstance(node, ast.Attribute)
            else self.called(base, depth - 1)
        )

    def _above(self, scope: Function | None) -> str | None:
        """Return what ``super()`` stands for: an instance of the project's class next above."""
        while scope is not None and scope.owner is None:
            scope = scope.outer
        lineage = self._lineage(self.classes[scope.owner]) if scope is not None and scope.owner else []
        return f"{lineage[1].qualname}()" if len(lineage) > 1 else None

    def _resolve_name(self, name: str, scope: Function | None, module: Module, depth: float) -> str | None:
        at = scope
        while at is not None:
            inside = f"{at.qualname}.{name}"
            if inside in self.functions or inside in self.classes:
                return inside
            if name in ("self", "cls") and at.owner is not None:
                return at.owner if name == "cls" else f"{at.owner}()"
            if name in at.bindings:
                # A name bound to an expression of itself (`x = x or make()`) is looked up outside.
                return self.resolve(at.bindings[name], at, at.module, depth - 3) or f"?{name}"
            if (parameter := self._parameter(name, at, depth)) is not None:
                return parameter
            at = at.outer
        return self.member(module.name, name, depth) if self._binds(module, name) else name

    def _binds(self, module: Module, name: str) -> bool:
        dotted = f"{module.name}.{name}"
        return (
            name in module.bindings
            or name in module.imports
            or dotted in self.functions
            or dotted in self.classes
        )

    def _parameter(self, name: str, function: Function, depth: float) -> str | None:
        arguments = function.node.args
        for argument, default in parameters_of(function):
            if argument.arg == name:
                written = (argument.annotation, default)
                return annotated(self, written, function, depth - 1) or f"?{name}"
        extra = {a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None}
        return f"?{name}" if name in extra else None

    def member(self, base: str, name: str, depth: float = _DEPTH) -> str | None:
        """Return what an attribute of a described value stands for."""
        dotted = f"{base}.{name}"
        if depth <= 0 or dotted in self.functions or dotted in self.classes:
            return dotted
        if base in self.modules:
            return self._module_member(self.modules[base], name, depth)
        if base.endswith(".state") and name in self._state:
            value = self.resolve(*self._state[name], depth - 1)
            return value if value is not None and not value.startswith("?") else dotted
        owner = self.class_of(base)
        return (self._class_member(owner, name, depth) if owner is not None else None) or dotted

    def _module_member(self, module: Module, name: str, depth: float) -> str:
        dotted = f"{module.name}.{name}"
        if name in module.bindings:
            return self.resolve(module.bindings[name], None, module, depth - 1) or dotted
        if name not in module.imports:
            return dotted
        target = module.imports[name]
        owner, _, attribute = target.rpartition(".")
        followed = self.member(owner, attribute, depth - 1) if owner and owner != module.name else None
        return followed or target

    def _class_member(self, owner: Class, name: str, depth: float) -> str | None:
        method = self.method(owner, name)
        if method is not None:
            is_property = any(last_name(one).endswith("property") for one in method.decorators)
            return self.called(method.qualname, depth - 1) if is_property else method.qualname
        for holder in [*self._lineage(owner), *self._heirs(owner)]:
            if name in holder.own:
                value, scope = holder.own[name]
                return self.resolve(value, scope, scope.module, depth - 1)
            if name in holder.attributes:
                return self.resolve(holder.attributes[name], None, holder.module, depth - 1)
        return None

    def class_of(self, value: str) -> Class | None:
        """Return the project's class that a value is an instance of, or is."""
        return self.classes.get(value.removesuffix("()"))

    def _lineage(self, owner: Class) -> list[Class]:
        """Return a class and those that it inherits from, nearest first."""
        if owner.qualname in self._lineages:
            return self._lineages[owner.qualname]
        found = [owner]
        for at in found:
            for parent in map(self.classes.get, self._bases(at)):
                if parent is not None and parent not in found:
                    found.append(parent)
        self._lineages[owner.qualname] = found
        return found

    def _bases(self, owner: Class) -> list[str]:
        """Return the dotted names of what a class inherits from directly."""
        return [name for base in owner.bases if (name := self.resolve(base, None, owner.module))]

    def ancestors(self, owner: Class) -> list[str]:
        """Return the dotted names of all classes that one inherits from, also those of other packages."""
        return [name for at in self._lineage(owner) for name in self._bases(at)]

    def _is_known(self, value: str) -> bool:
        """Tell whether a described value is of a kind that is known, so that no annotation tells more.

        An element of a collection is not, nor what a plain name stands for: a built-in, or bound in a way
        that was not read. What begins in the project has to end in a class of it.
        """
        if "." not in value or value.startswith("?") or "[]" in value:
            return False
        names = value.partition("(")[0].split(".")
        begins = (".".join(names[:length]) for length in range(1, len(names) + 1))
        is_own = any(
            name in self.modules or name in self.functions or name in self.classes for name in begins
        )
        return not is_own or self.class_of(value) is not None

    def attribute(self, owner: Class, name: str) -> tuple[ast.expr | None, Module]:
        """Return what a class attribute is bound to, in the class or a base, and the module of that."""
        holders = [at for at in self._lineage(owner) if name in at.attributes]
        return (holders[0].attributes[name], holders[0].module) if holders else (None, owner.module)

    def _heirs(self, owner: Class) -> list[Class]:
        """Return the classes that name this one as a base: what ``self`` may be in its methods."""
        named = self._by_base.get(owner.qualname.rpartition(".")[2], [])
        return [heir for heir in named if heir is not owner and owner in self._lineage(heir)]

    def method(self, owner: Class, name: str) -> Function | None:
        """Return a method, its own or of a base class; for an abstract one that of a class which has it."""
        found = next((c.methods[name] for c in self._lineage(owner) if name in c.methods), None)
        if found is None or not is_abstract(found):
            return found
        made = (heir.methods[name] for heir in self._heirs(owner) if name in heir.methods)
        return next((method for method in made if not is_abstract(method)), found)

    def called(self, value: str, depth: float = _DEPTH) -> str:
        """Return what calling a described value gives: what an own function returns, where it can be told."""
        function = self.functions.get(value)
        if function is None or depth <= 0 or isinstance(function.node, ast.Lambda):
            return f"{value}()"
        result: str | None = None
        for node in function.nodes:
            if isinstance(node, ast.Return | ast.Yield) and node.value is not None:
                result = self.resolve(node.value, function, function.module, depth - 2)
                if result is not None and self._is_known(result):
                    return result
        if function.node.returns is not None:
            written = (yielded_type(function.node.returns), None)
            declared = annotated(self, written, function, depth - 2)
            if declared is not None and "." in declared:
                return declared
        return result if result is not None and not result.startswith("?") else f"{value}()"
