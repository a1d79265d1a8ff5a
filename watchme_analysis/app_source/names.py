"""What the imports of a project's modules mean: its own modules, or packages from elsewhere.

What an application keeps in its state, as Starlette has it: ``app.state.x`` and what a lifespan yields.

What a parameter of a handler is: what its dependency gives, or an instance of its type.

``session: SessionDep`` means the alias ``SessionDep = Annotated[Session, Depends(get_session)]`` of the
module that defines it, and what that alias names stands there.

Python source as a project: modules, functions, and what a name stands for, without running anything.

A value is described by the dotted name that made it: after ``s3 = boto3.client("s3")`` the expression
``s3.get_object`` stands for ``boto3.client().get_object``. What can't be told is named as written, with a
question mark in front.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from watchme_analysis.app_source.handler import Need
from watchme_analysis.app_source.syntax import (
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
    plain_type,
    statements_below,
    written,
    yielded_type,
)


def imports_of(module: Module, own: OwnNames) -> dict[str, str]:
    """Return the dotted name that each imported name of a module stands for.

    Parameters
    ----------
    module
        The importing module.
    own
        The names that the project's modules have.
    """
    found: dict[str, str] = {}
    for node in module.import_nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                target = alias.name if alias.asname else alias.name.partition(".")[0]
                found[alias.asname or target] = own.meant(target, module, ())
        else:
            base = node.module or ""
            if node.level:
                package = module.package.split(".") if module.package else []
                up = package[: len(package) - node.level + 1]
                base = ".".join([*up, *([base] if base else [])])
            else:
                base = own.meant(base, module, tuple(alias.name for alias in node.names))
            for alias in node.names:
                found[alias.asname or alias.name] = f"{base}.{alias.name}" if base else alias.name
    return found


class OwnNames:
    """The names that a project's modules have.

    Parameters
    ----------
    modules
        All modules of the project by dotted name.
    defined
        Dotted names of the project's functions and classes.
    """

    def __init__(self, modules: Mapping[str, Module], defined: set[str]) -> None:
        self.modules = modules
        self.defined = defined
        # Every folder and module that something lies below.
        self.folders = {
            ".".join(parts[:length])
            for parts in (name.split(".") for name in modules)
            for length in range(1, len(parts))
        }

    def meant(self, name: str, importer: Module, wanted: tuple[str, ...]) -> str:
        """Return the project's own module that an absolute import means, else the name itself.

        The folder that the application is started from is not known, so that each folder above the
        importing file is tried, nearest first. A module that has not what is wanted of it only goes by the
        same name as a package from elsewhere, such as ``core/redis.py``.
        """
        folders = importer.package.split(".") if importer.package else []
        for length in range(len(folders), -1, -1):
            candidate = ".".join([*folders[:length], name])
            is_there = candidate in self.modules or candidate in self.folders
            if is_there and candidate != importer.name and all(self.has(candidate, one) for one in wanted):
                return candidate
        return name

    def has(self, candidate: str, name: str) -> bool:
        """Tell whether a module or folder has a name: bound, defined, imported or a module below it."""
        below = f"{candidate}.{name}"
        if name == "*" or below in self.modules or below in self.folders or below in self.defined:
            return True
        module = self.modules.get(candidate)
        if module is None:
            return False
        return name in module.bindings or not {name, "*"}.isdisjoint(module.imported_names)


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


if TYPE_CHECKING:
    pass

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
