"""Resolve names in Python source to the values of expressions, without running the source.

An expression is described by the dotted name that made its value: after ``s3 = boto3.client("s3")``,
``s3.get_object`` resolves to ``boto3.client().get_object``. A call ends with ``()``, an element of a
collection with ``[]``, and a name that cannot be resolved keeps its spelling after a question mark.

:class:`Project` is the entry point. It follows, in this order: names bound in functions and modules
(:mod:`watchme_analysis.app_source.syntax`), imports (:class:`ProjectNames`), parameters by their annotation,
default or FastAPI dependency (:func:`parameter_value`), attributes of classes and of an application's state
(:func:`state_attributes`), items of dictionaries (:class:`StoredItems`), and what functions return.

Where the source leaves several values open (a factory with several returns, an abstract method), one value is
chosen; :meth:`Project.resolve_all` returns them all.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from watchme_analysis.app_source.handler import ScopedExpression
from watchme_analysis.app_source.stored_items import StoredItems
from watchme_analysis.app_source.syntax import (
    Class,
    Function,
    FunctionNode,
    Module,
    Scope,
    add_method,
    base_name,
    bind_globals,
    bindings_of,
    is_abstract,
    is_setter,
    last_name,
    own_nodes,
    parameters_of,
    plain_type,
    source_text,
    statements_below,
    yielded_type,
)

# Names that may lead to others before a search ends.
_DEPTH = 12
# Cost of a step along an expression, which is finite: `session.query(..).filter(..).first()` has six.
_STEP = 0.1
# Modules through which an alias may be imported before the search ends.
_REEXPORTS = 4
# Return types of functions whose result may be awaited.
_AWAITABLE = re.compile(r"Await|Coroutine|Future|Task|Any|Async")
# Expressions with the value of an inner expression.
_UNWRAP: dict[type, Callable[[Any], ast.expr]] = {
    ast.Await: lambda node: node.value,
    ast.Starred: lambda node: node.value,
    ast.BoolOp: lambda node: node.values[-1],
}
# Values of literals; a text or number has no methods that matter.
_LITERALS: dict[type, str] = {
    ast.Dict: "dict()",
    ast.DictComp: "dict()",
    ast.List: "list()",
    ast.ListComp: "list()",
    ast.Set: "set()",
    ast.SetComp: "set()",
}
# Expression, the scope that contains it, remaining steps, and which of several values to use.
_Search = tuple[ast.expr | None, Scope, int, int]
# Values of one expression that are told apart.
_MOST_VALUES = 8


class Project:
    """The modules, functions and classes of a folder, and the values of their names."""

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
        # Values of expressions, and the largest number of values that one of their parts may have.
        self._resolved: dict[_Search, tuple[str | None, int]] = {}
        # Of several values, the one to use, and the largest number met during a search.
        self._choice = 0
        self._met = 1
        self._lineages: dict[str, list[Class]] = {}
        self._by_base: dict[str, list[Class]] = {}
        for kind in self.classes.values():
            for base in {base_name(node) for node in kind.bases}:
                self._by_base.setdefault(base, []).append(kind)
        own = ProjectNames(self.modules, {*self.functions, *self.classes})
        for module in self.modules.values():
            module.imports = imports_of(module, own)
        self._state = state_attributes(self.modules.values(), self.functions.values())
        self._items = StoredItems(self.modules, self.functions.values())

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
        """Add a function by its name; the last of several is used, and the getter of a property."""
        name, line = function.qualname, function.node.lineno
        earlier = self.functions.get(name)
        if earlier is not None and is_setter(function):
            name = f"{name}@{line}"
        elif earlier is not None:
            # Handlers with the same name are registered individually.
            self.functions[f"{name}@{earlier.node.lineno}"] = earlier
        self.functions[name] = function

    def resolve(self, node: ast.expr | None, scope: Scope, depth: float = _DEPTH) -> str | None:
        """Return the dotted name of an expression's value; None for an expression without a name.

        ``depth`` steps remain before the search ends.
        """
        # Steps are compared as whole numbers: one search may reach an expression in many ways.
        key = (node, scope, int(depth), self._choice)
        if key not in self._resolved:
            outer, self._met = self._met, 1
            value = self._resolve(node, scope, depth)
            self._resolved[key] = value, self._met
            self._met = outer
        value, met = self._resolved[key]
        self._met = max(self._met, met)
        return value

    def resolve_all(self, node: ast.expr, scope: Scope) -> list[str]:
        """Return the dotted names of all values that an expression may have, the first as ``resolve`` does.

        The values of two factories in one expression are combined in order, not each with each.
        """
        found = [self.resolve(node, scope)]
        _, several = self._resolved[node, scope, _DEPTH, 0]
        for choice in range(1, min(several, _MOST_VALUES)):
            self._choice = choice
            try:
                found.append(self.resolve(node, scope))
            finally:
                self._choice = 0
        return list(dict.fromkeys(name for name in found if name is not None))

    def _chosen(self, values: Iterable[str | None]) -> str | None:
        """Return one of several values, known ones first; None without any."""
        unique = list(dict.fromkeys(value for value in values if value is not None))
        known = [value for value in unique if not value.startswith("?")] or unique[:1]
        self._met = max(self._met, len(known))
        return known[min(self._choice, len(known) - 1)] if known else None

    def _resolve(self, node: ast.expr | None, scope: Scope, depth: float) -> str | None:
        if node is None or depth <= 0:
            return None
        inner, scoped = _UNWRAP.get(type(node)), (scope, depth - _STEP)
        if inner is not None:
            return self.resolve(inner(node), *scoped)
        if (one := self._looked_up(node, scope, depth)) is not None:
            return one
        is_super = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
        if is_super or not isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
            return self._super_instance(scope) if is_super else None
        base = self.resolve(node.func if isinstance(node, ast.Call) else node.value, *scoped)
        if base is None or isinstance(node, ast.Subscript):
            # ``Repository[User]`` is the class itself.
            return base if base in self.classes else base and f"{base}[]"
        return (
            self.member(base, node.attr, depth - 1)
            if isinstance(node, ast.Attribute)
            else self.called(base, depth - 1)
        )

    def _looked_up(self, node: ast.expr, scope: Scope, depth: float) -> str | None:
        """Return the value of a name, of ``a if condition else b``, or of a dictionary's item; else None."""
        if isinstance(node, ast.Name):
            return self._resolve_name(node.id, scope, depth)
        if type(node) in _LITERALS:
            return _LITERALS[type(node)]
        if isinstance(node, ast.IfExp):
            parts = (node.body, node.orelse)
            return self._chosen(self.resolve(part, scope, depth - _STEP) for part in parts)
        stored = self._items.values(node, scope)
        item = self._chosen(self.resolve(one.node, one.scope, depth - 1) for one in stored)
        return None if item is None or item.startswith("?") else item

    def _super_instance(self, scope: Scope) -> str | None:
        """Return the value of ``super()``: an instance of the next base class of the project."""
        while isinstance(scope, Function) and scope.owner is None:
            scope = scope.enclosing
        lineage = (
            self._lineage(self.classes[scope.owner]) if isinstance(scope, Function) and scope.owner else []
        )
        return f"{lineage[1].qualname}()" if len(lineage) > 1 else None

    def _resolve_name(self, name: str, scope: Scope, depth: float) -> str | None:
        at = scope
        while isinstance(at, Function):
            inside = f"{at.qualname}.{name}"
            if inside in self.functions or inside in self.classes:
                return inside
            if name in ("self", "cls") and at.owner is not None:
                return at.owner if name == "cls" else f"{at.owner}()"
            if name in at.bindings:
                # A name that is bound to an expression of itself (`x = x or make()`) is looked up outside.
                return self.resolve(at.bindings[name], at, depth - 3) or f"?{name}"
            if (parameter := self._parameter(name, at, depth)) is not None:
                return parameter
            at = at.enclosing
        return self.member(at.name, name, depth) if self._is_bound(at, name) else name

    def _is_bound(self, module: Module, name: str) -> bool:
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
                return parameter_value(self, written, function, depth - 1) or f"?{name}"
        extra = {a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None}
        return f"?{name}" if name in extra else None

    def member(self, base: str, name: str, depth: float = _DEPTH) -> str | None:
        """Return the value of an attribute of a described value."""
        dotted = f"{base}.{name}"
        if depth <= 0 or dotted in self.functions or dotted in self.classes:
            return dotted
        if base in self.modules:
            return self._module_member(self.modules[base], name, depth)
        if base.endswith(".state") and name in self._state:
            kept = self._state[name]
            value = self.resolve(kept.node, kept.scope, depth - 1)
            return value if value is not None and not value.startswith("?") else dotted
        owner = self.class_of(base)
        return (self._class_member(owner, name, depth) if owner is not None else None) or dotted

    def _module_member(self, module: Module, name: str, depth: float) -> str:
        dotted = f"{module.name}.{name}"
        if name in module.bindings:
            return self.resolve(module.bindings[name], module, depth - 1) or dotted
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
        for holder in [*self._lineage(owner), *self._subclasses(owner)]:
            found = None
            for values in (holder.own, holder.declared):
                assigned = [at for at in values.get(name, ()) if not isinstance(at[0], ast.Constant)]
                value = self._chosen(self.resolve(at, scope, depth - 1) for at, scope in assigned)
                if value is not None and not value.startswith("?"):
                    return value
                found = found or value
            if found is not None:
                return found
            if name in holder.attributes:
                return self.resolve(holder.attributes[name], holder.module, depth - 1)
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
        """Return the dotted names of the direct bases of a class."""
        return [name for base in owner.bases if (name := self.resolve(base, owner.module))]

    def ancestors(self, owner: Class) -> list[str]:
        """Return the dotted names of all base classes of a class, including those of other packages."""
        return [name for at in self._lineage(owner) for name in self._bases(at)]

    def _has_known_type(self, value: str) -> bool:
        """Return True when the type of a described value is known, so that an annotation adds nothing.

        It is unknown for an element of a collection and for a plain name (a built-in, or a binding that was
        not read). A name that begins in the project must end in a class of the project.
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
        """Return the expression of a class attribute, of the class or a base, and its module."""
        holders = [at for at in self._lineage(owner) if name in at.attributes]
        return (holders[0].attributes[name], holders[0].module) if holders else (None, owner.module)

    def _subclasses(self, owner: Class) -> list[Class]:
        """Return the subclasses of a class, of which ``self`` may be an instance."""
        named = self._by_base.get(owner.qualname.rpartition(".")[2], [])
        return [heir for heir in named if heir is not owner and owner in self._lineage(heir)]

    def method(self, owner: Class, name: str) -> Function | None:
        """Return a method of a class or its bases; for an abstract method, that of a subclass."""
        found = next((c.methods[name] for c in self._lineage(owner) if name in c.methods), None)
        if found is None or not is_abstract(found):
            return found
        made = (heir.methods[name] for heir in self._subclasses(owner) if name in heir.methods)
        concrete = {method.qualname: method for method in made if not is_abstract(method)}
        chosen = self._chosen(concrete)
        return concrete[chosen] if chosen is not None else found

    def called(self, value: str, depth: float = _DEPTH) -> str:
        """Return the value of a call of a described value: the result of the project's function if known."""
        function = self.functions.get(value)
        if function is None or depth <= 0 or isinstance(function.node, ast.Lambda):
            return f"{value}()"
        results = [
            self.resolve(node.value, function, depth - 2)
            for node in function.nodes
            if isinstance(node, ast.Return | ast.Yield) and node.value is not None
        ]
        known = self._chosen(value for value in results if value is not None and self._has_known_type(value))
        if known is not None:
            return known
        result = results[-1] if results else None
        if function.node.returns is not None:
            written = (yielded_type(function.node.returns), None)
            declared = parameter_value(self, written, function, depth - 2)
            if declared is not None and "." in declared:
                return declared
        return result if result is not None and not result.startswith("?") else f"{value}()"


class ProjectNames:
    """The names that exist in a project's modules; ``defined`` are its functions and classes."""

    def __init__(self, modules: Mapping[str, Module], defined: set[str]) -> None:
        self.modules = modules
        self.defined = defined
        # Folders and packages that contain modules.
        self.folders = {
            ".".join(parts[:length])
            for parts in (name.split(".") for name in modules)
            for length in range(1, len(parts))
        }

    def own_module(self, name: str, importer: Module, wanted: tuple[str, ...]) -> str:
        """Return the project's module that an absolute import refers to, else the name itself.

        The folder from which the application is started is unknown, so each folder above the importing file
        is tried, nearest first. A module without the imported names only shares its name with an installed
        package, as ``core/redis.py`` does.
        """
        folders = importer.package.split(".") if importer.package else []
        for length in range(len(folders), -1, -1):
            candidate = ".".join([*folders[:length], name])
            is_there = candidate in self.modules or candidate in self.folders
            if is_there and candidate != importer.name and all(self.has(candidate, one) for one in wanted):
                return candidate
        return name

    def has(self, candidate: str, name: str) -> bool:
        """Return True when a module or folder binds, defines, imports or contains a name."""
        below = f"{candidate}.{name}"
        if name == "*" or below in self.modules or below in self.folders or below in self.defined:
            return True
        module = self.modules.get(candidate)
        if module is None:
            return False
        return name in module.bindings or not {name, "*"}.isdisjoint(module.imported_names)


def imports_of(module: Module, own: ProjectNames) -> dict[str, str]:
    """Return the dotted name of the value of each imported name of a module.

    Absolute imports may refer to the project's own modules.
    """
    found: dict[str, str] = {}
    for node in module.import_nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                target = alias.name if alias.asname else alias.name.partition(".")[0]
                found[alias.asname or target] = own.own_module(target, module, ())
        else:
            base = node.module or ""
            if node.level:
                package = module.package.split(".") if module.package else []
                up = package[: len(package) - node.level + 1]
                base = ".".join([*up, *([base] if base else [])])
            else:
                base = own.own_module(base, module, tuple(alias.name for alias in node.names))
            for alias in node.names:
                found[alias.asname or alias.name] = f"{base}.{alias.name}" if base else alias.name
    return found


def parameter_value(
    project: Project, parameter: tuple[ast.expr | None, ast.expr | None], scope: Function, depth: float
) -> str | None:
    """Return the value of a parameter by its dependency or its type; None when unknown.

    ``parameter`` is its annotation and its default.
    """
    annotation, default = parameter
    need = dependency_of(project, annotation, default, scope)
    if need is not None:
        value = project.resolve(need.node, need.scope, depth)
        made = project.called(value, depth) if value is not None else None
        known = made is not None and not made.startswith("?")
        if known and "[]" not in str(made):
            return made
    at = _unaliased(project, annotation, scope)
    kind = plain_type(at.node) if at is not None else None
    value = project.resolve(kind, at.scope, depth) if kind is not None and at is not None else None
    return f"{value}()" if value is not None and not value.startswith("?") else None


def dependency_of(
    project: Project, annotation: ast.expr | None, default: ast.expr | None, scope: Function
) -> ScopedExpression | None:
    """Return the callable that ``Depends`` names for a parameter, in its default or in ``Annotated``.

    ``Depends()`` without an argument refers to the parameter's type. An alias is resolved:
    ``SessionDep = Annotated[Session, Depends(get_session)]``.
    """
    at = _unaliased(project, annotation, scope)
    written = ScopedExpression(default, scope.enclosing) if default is not None else None
    for candidate in (written, at):
        for node in ast.walk(candidate.node) if candidate is not None else ():
            if isinstance(node, ast.Call) and last_name(node.func) in ("Depends", "Security"):
                named = [keyword.value for keyword in node.keywords if keyword.arg == "dependency"]
                inner = next(iter([*node.args[:1], *named]), None)
                if inner is not None and candidate is not None:
                    return ScopedExpression(inner, candidate.scope)
                kind = plain_type(at.node) if at is not None else None
                return ScopedExpression(kind, at.scope) if kind is not None and at is not None else None
    return None


def _unaliased(project: Project, annotation: ast.expr | None, scope: Function) -> ScopedExpression | None:
    """Return an annotation, or the expression of which it is an alias, with its module and function."""
    if annotation is None:
        return None
    found = None
    if isinstance(annotation, ast.Name):
        found = _alias(project, annotation.id, scope.module, _REEXPORTS)
    elif isinstance(annotation, ast.Attribute):
        module = project.modules.get(project.resolve(annotation.value, scope.enclosing) or "")
        found = _alias(project, annotation.attr, module, _REEXPORTS) if module is not None else None
    return found or ScopedExpression(annotation, scope.enclosing)


def _alias(project: Project, name: str, module: Module, depth: int) -> ScopedExpression | None:
    """Return the subscript, such as ``Annotated[..]``, that a module binds to a name or imports under it."""
    bound = module.bindings.get(name)
    if bound is not None or depth <= 0:
        return ScopedExpression(bound, module) if isinstance(bound, ast.Subscript) else None
    owner, _, attribute = module.imports.get(name, "").rpartition(".")
    holder = project.modules.get(owner)
    return _alias(project, attribute, holder, depth - 1) if holder is not None else None


def state_attributes(modules: Iterable[Module], functions: Iterable[Function]) -> dict[str, ScopedExpression]:
    """Return the expressions that are bound to attributes of a Starlette state, by attribute name.

    Handlers read values from ``request.app.state`` and ``request.state`` that start-up code, a lifespan or a
    middleware stored there. The first expression other than a constant is used.
    """
    found: dict[str, ScopedExpression] = {}
    scopes: list[Scope] = [*modules, *functions]
    for scope in scopes:
        for node in scope.nodes:
            for name, value in _state_assignments(node, scope):
                if name not in found or isinstance(found[name].node, ast.Constant):
                    found[name] = ScopedExpression(value, scope)
    return found


def _state_assignments(node: ast.AST, scope: Scope) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Attribute) and last_name(target.value) == "state":
                yield target.attr, node.value
    elif isinstance(node, ast.Yield) and isinstance(node.value, ast.Dict) and _is_lifespan(scope):
        for key, value in zip(node.value.keys, node.value.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, value


def _is_lifespan(scope: Scope) -> bool:
    return isinstance(scope, Function) and any(
        last_name(one) == "asynccontextmanager" for one in scope.decorators
    )


def returns_plain_value(function: Function) -> bool:
    """Return True when a function declares a result that cannot be awaited.

    An awaited call refers to another function, because many clients exist twice, with the same methods.
    """
    node = function.node
    if isinstance(node, ast.Lambda | ast.AsyncFunctionDef) or node.decorator_list or node.returns is None:
        return False
    return not _AWAITABLE.search(source_text(node.returns))
