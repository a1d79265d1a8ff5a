"""HTTP handlers of FastAPI, Starlette and Flask applications, found in source without running it."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from watchme_analysis.app_source.handler import Handler, Link, Route, ScopedExpression
from watchme_analysis.app_source.names import Project
from watchme_analysis.app_source.syntax import (
    Class,
    Function,
    Scope,
    keywords_of,
    last_name,
    parameters_of,
    place_of,
    source_text,
)

_METHODS = {"get", "post", "put", "patch", "delete", "head", "options", "trace"}
_OTHER_ROUTES = {"api_route", "route", "websocket", "websocket_route"}
_WEBSOCKET_METHODS = ("on_connect", "on_receive", "on_disconnect")
_APPLICATIONS = re.compile(r"(.*\.)?(FastAPI|APIRouter|Starlette|Router)")
# Flask, and packages that extend it.
_FLASK = re.compile(r"(flask|flask_\w+|apiflask)\.(\w+\.)*\w*(Flask|Blueprint)")
# Converters of Flask and Django: ``<id>``, ``<int:id>``, ``<any(a, b):id>``.
_CONVERTER = re.compile(r"<(?:[^<>:]*:)?(\w+)>")


def scopes(project: Project) -> list[Scope]:
    """Return the modules and functions of a project."""
    return [*project.modules.values(), *project.functions.values()]


@dataclass(frozen=True, slots=True)
class _Passed:
    """A call that passes applications or routers: function, identity by parameter, prefix, and its scope."""

    function: str
    given: dict[str, str]
    prefix: str
    scope: Scope


class Routes:
    """The routes of a project, collected from decorators, route lists and registration calls."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._routes: list[Route] = []
        self._prefixes: dict[str, str] = {}
        self._router_dependencies: dict[str, tuple[ScopedExpression, ...]] = {}
        self._parents: dict[str, list[Link]] = defaultdict(list)
        # Names of applications; other owners of routes are routers, or of unknown kind.
        self._applications: set[str] = set()
        # Mounts of a function's parameters, by function, and the calls that pass applications or routers.
        self._parameter_mounts: dict[str, list[tuple[str, Link]]] = defaultdict(list)
        self._passed: list[_Passed] = []
        for function in list(project.functions.values()):
            self._decorated(function)
        for scope in scopes(project):
            for node in scope.nodes:
                if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
                    self._application(node, scope)
                if isinstance(node, ast.Call):
                    self._registration(node, scope)
                    self._register_argument(node, scope)
        self._mount_arguments()

    def handlers(self) -> list[Handler]:
        """Return the handlers, one per method and full path, by file and line."""
        found = []
        for route in self._routes:
            for top, prefix, dependencies in self._mounts_of(route.owner, ()):
                path = re.sub(r"/{2,}", "/", prefix + route.path) or "/"
                found += [
                    Handler(
                        route.function,
                        method,
                        path,
                        route.status,
                        route.line,
                        dependencies,
                        self._file_of(top),
                        route.framework,
                    )
                    for method in route.methods
                ]
        unique = {(h.function, h.method, h.path, h.application): h for h in found}
        return sorted(
            unique.values(),
            key=lambda h: (h.function.module.file, h.line, h.method, h.path, h.application or ""),
        )

    def application_of(self, node: ast.expr, scope: Scope) -> str | None:
        """Return the file of the application to which a name refers or on which a router is mounted.

        None if it is none, or if a router is mounted on several.
        """
        mounts = self._mounts_of(self.identity(node, scope), ())
        files = {self._file_of(top) for top, _, _ in mounts}
        return files.pop() if len(files) == 1 else None

    def _file_of(self, application: str) -> str | None:
        """Return the file in which the name of an application is bound, None for other names."""
        if application not in self._applications:
            return None
        name = application
        while name and name not in self.project.modules:
            name = name.rpartition(".")[0]
        return self.project.modules[name].file if name else None

    def identity(self, node: ast.expr, scope: Scope) -> str:
        """Return the name of the application or router of an expression, equal in all modules."""
        if isinstance(node, ast.Name):
            if node.id == "self" and isinstance(scope, Function) and scope.owner is not None:
                return f"{scope.owner}()"
            return place_of(node.id, scope, self.project.modules)
        if isinstance(node, ast.Attribute):
            base = self.project.resolve(node.value, scope) or source_text(node.value)
            if base in self.project.modules:
                return place_of(node.attr, self.project.modules[base], self.project.modules)
            return f"{base}.{node.attr}"
        returned = self._returned(node, scope) if isinstance(node, ast.Call) else None
        return returned or source_text(node)

    def _returned(self, call: ast.Call, scope: Scope) -> str | None:
        """Return the identity of the application or router that a project function creates and returns."""
        maker = self.project.functions.get(self.project.resolve(call.func, scope) or "")
        if maker is None:
            return None
        for node in maker.nodes:
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Name):
                return self.identity(node.value, maker)
        return None

    def text(self, node: ast.expr | None, scope: Scope, depth: int = 8) -> str:
        """Return the text of a path; unknown parts appear as ``{expression}``."""
        where = (scope, depth)
        if node is None or isinstance(node, ast.Constant):
            return "" if node is None else str(node.value)
        if isinstance(node, ast.JoinedStr):
            return "".join(self.text(part, *where) for part in node.values)
        if isinstance(node, ast.FormattedValue):
            return self.text(node.value, *where)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self.text(node.left, *where) + self.text(node.right, *where)
        bound, holder = self.binding(node, scope) if depth else (None, scope)
        return self.text(bound, holder, depth - 1) if bound is not None else _placeholder(node)

    def binding(self, node: ast.expr, scope: Scope) -> tuple[ast.expr | None, Scope]:
        """Return the expression bound to a constant, in a module or as a class's attribute."""
        if not isinstance(node, ast.Name | ast.Attribute):
            return None, scope
        if isinstance(node, ast.Name) and isinstance(scope, Function) and node.id in scope.bindings:
            return scope.bindings[node.id], scope.module
        if isinstance(node, ast.Attribute):
            base = self.project.resolve(node.value, scope) or ""
            owner = self.project.class_of(base)
            if owner is not None:
                return self.project.attribute(owner, node.attr)
        dotted = self.identity(node, scope)
        name, _, attribute = dotted.rpartition(".")
        holder = self.project.modules.get(name)
        return (holder.bindings.get(attribute), holder) if holder is not None else (None, scope)

    def _mounts_of(
        self, owner: str, seen: tuple[str, ...]
    ) -> list[tuple[str, str, tuple[ScopedExpression, ...]]]:
        """Return each outermost application or router that contains a router.

        With the full prefix, and the dependencies of all its parents.
        """
        own, dependencies = self._prefixes.get(owner, ""), self._router_dependencies.get(owner, ())
        found = [
            (
                top,
                f"{above}{link.prefix}{'' if link.replaces else own}",
                (*before, *link.dependencies, *dependencies),
            )
            for link in self._parents.get(owner, [])
            if link.parent not in seen
            for top, above, before in self._mounts_of(link.parent, (*seen, owner))
        ]
        return found or [(owner, own, dependencies)]

    def _dependencies_of(self, node: ast.expr | None, scope: Scope) -> tuple[ScopedExpression, ...]:
        """Return the callables in ``dependencies=[Depends(..)]``."""
        node = self._list(node, scope)
        calls = [entry for entry in node.elts if isinstance(entry, ast.Call)] if node is not None else []
        named = [call for call in calls if last_name(call.func) in ("Depends", "Security") and call.args]
        return tuple(ScopedExpression(call.args[0], scope) for call in named)

    def _list(self, node: ast.expr | None, scope: Scope) -> ast.List | None:
        """Return a list literal, or the list literal that is bound to a name."""
        if isinstance(node, ast.Name | ast.Attribute):
            node, _ = self.binding(node, scope)
        return node if isinstance(node, ast.List) else None

    def is_application_call(self, call: ast.Call, scope: Scope) -> bool:
        """Return True when a call creates an application or router."""
        return self._makes_application(self.project.resolve(call, scope) or "")

    def _is_application(self, node: ast.expr, scope: Scope) -> bool:
        value = self.project.resolve(node, scope) or ""
        if self._makes_application(value):
            return True
        # A value of unknown origin (a parameter, a missing module) is recognized by its name.
        name = last_name(node)
        return bool(re.fullmatch(r"\w*(app|router|api|application)", name)) and not value.endswith("()")

    def _makes_application(self, value: str) -> bool:
        """Return True for a described application or router, or an instance of a subclass."""
        if not value.endswith("()"):
            return False
        return any(_APPLICATIONS.fullmatch(name) or _FLASK.fullmatch(name) for name in self._kinds(value))

    def _kinds(self, value: str) -> list[str]:
        """Return the dotted names of the classes of which a described value is an instance."""
        owner = self.project.class_of(value)
        return [value.removesuffix("()")] if owner is None else self.project.ancestors(owner)

    def _is_router(self, value: str) -> bool:
        """Return True for a described router, which serves requests only through an application."""
        return any(name.endswith(("Router", "Blueprint")) for name in self._kinds(value))

    def framework_of(self, node: ast.expr, scope: Scope) -> str:
        """Return the framework of an application or router; of an unknown value, that of its module."""
        value = self.project.resolve(node, scope) or ""
        kinds = self._kinds(value) if value.endswith("()") else scope.module.imports.values()
        pattern = _FLASK if value.endswith("()") else re.compile(r"flask\b.*")
        return "flask" if any(pattern.fullmatch(name) for name in kinds) else "fastapi"

    def _decorated(self, function: Function) -> None:
        for decorator in function.decorators:
            call = _unwrapped_registration(decorator) if isinstance(decorator, ast.Call) else None
            target = call.func if call else decorator
            if not isinstance(target, ast.Attribute) or call is None:
                continue
            if target.attr in _METHODS | _OTHER_ROUTES and self._is_application(
                target.value, function.enclosing
            ):
                self._add(target.value, function, call, target.attr, function.enclosing)

    def _add(
        self,
        owner: ast.expr | str,
        function: Function,
        call: ast.Call,
        kind: str,
        scope: Scope,
    ) -> None:
        keywords = keywords_of(call)
        path = self.text(call.args[0] if call.args else keywords.get("path") or keywords.get("rule"), scope)
        framework = "fastapi"
        if not isinstance(owner, str):
            framework, owner = self.framework_of(owner, scope), self.identity(owner, scope)
        if framework == "flask":
            path = template_of(path)
        methods: tuple[str, ...] = (kind.upper(),)
        if kind.startswith("websocket"):
            methods = ("WEBSOCKET",)
        elif kind not in _METHODS:
            listed = keywords.get("methods")
            names = listed.elts if isinstance(listed, ast.List | ast.Tuple | ast.Set) else []
            methods = tuple(str(n.value).upper() for n in names if isinstance(n, ast.Constant)) or ("GET",)
        status = _status(keywords.get("status_code"))
        self._routes.append(Route(owner, function, methods, path, status, function.node.lineno, framework))

    def _application(self, node: ast.Assign | ast.AnnAssign, scope: Scope) -> None:
        """Record the prefix, routes and dependencies with which an application or router is created."""
        call = node.value
        assert isinstance(call, ast.Call)
        value = self.project.resolve(call, scope) or ""
        if not self._makes_application(value):
            return
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        owner = self.identity(target, scope)
        if not self._is_router(value):
            self._applications.add(owner)
        # Routes that a class registers on ``self`` belong to each instance.
        self._parents[value].append(Link(owner, ""))
        # Routes of an application that a function creates belong to the name that holds it.
        returned = self._returned(call, scope)
        if returned is not None:
            self._parents[returned].append(Link(owner, ""))
        # The application may be an argument of a function that returns it.
        inner = [given for _, given in self._arguments_of(call, scope) if isinstance(given, ast.Call)]
        made = next((one for one in inner if self.is_application_call(one, scope)), call)
        for keyword in made.keywords:
            if keyword.arg in ("prefix", "url_prefix"):
                self._prefixes[owner] = self.text(keyword.value, scope)
            elif keyword.arg == "dependencies":
                self._router_dependencies[owner] = self._dependencies_of(keyword.value, scope)
            elif keyword.arg == "routes":
                self._read_route_list(keyword.value, owner, scope)

    def _arguments_of(self, call: ast.Call, scope: Scope) -> Iterator[tuple[str, ast.expr]]:
        """Yield the arguments of a call of a project's function: parameter identity and expression."""
        target = self.project.functions.get(self.project.resolve(call.func, scope) or "")
        if target is None or not (call.args or call.keywords):
            return
        names = [argument.arg for argument, _ in parameters_of(target)]
        named = [(keyword.arg, keyword.value) for keyword in call.keywords if keyword.arg in names]
        for name, given in [*zip(names, call.args, strict=False), *named]:
            yield f"{target.qualname}.{name}", given

    def _register_argument(self, call: ast.Call, scope: Scope) -> None:
        """Record that routes registered on a parameter belong to the router that is passed as argument."""
        given_names: dict[str, str] = {}
        for parameter, given in self._arguments_of(call, scope):
            if isinstance(given, ast.Name | ast.Attribute) and self._is_application(given, scope):
                given_names[parameter] = self.identity(given, scope)
                self._parents[parameter].append(Link(given_names[parameter], ""))
        if given_names:
            function = next(iter(given_names)).rpartition(".")[0]
            prefix = self.text(keywords_of(call).get("prefix"), scope)
            self._passed.append(_Passed(function, given_names, prefix, scope))

    def _mount_arguments(self) -> None:
        """Mount the routers that are passed to functions which include one parameter in another.

        Such a function may call another one with its own parameters.
        """
        waiting = list(self._passed)
        for passed in waiting:
            for child, link in self._parameter_mounts.get(passed.function, ()):
                if child not in passed.given:
                    continue
                router = passed.given[child]
                parent = passed.given.get(link.parent, link.parent)
                mounted = replace(link, parent=parent, prefix=link.prefix or passed.prefix)
                if mounted in self._parents[router]:
                    continue
                self._parents[router].append(mounted)
                outer = passed.scope
                if isinstance(outer, Function) and router.rpartition(".")[0] == outer.qualname:
                    # The caller of the outer function states the prefix that it passes on.
                    own = replace(link, parent=parent)
                    self._parameter_mounts[outer.qualname].append((router, own))
                    waiting += [other for other in self._passed if other.function == outer.qualname]

    def _read_route_list(self, routes: ast.expr, owner: str, scope: Scope) -> None:
        """Record the routes of Starlette's ``routes=[Route(..), Mount(..)]``."""
        listed = self._list(routes, scope)
        for entry in listed.elts if listed is not None else ():
            if not isinstance(entry, ast.Call):
                continue
            name = last_name(entry.func)
            keywords = keywords_of(entry)
            second = entry.args[1] if len(entry.args) > 1 else keywords.get("endpoint") or keywords.get("app")
            if name in ("Route", "APIRoute", "WebSocketRoute") and second is not None:
                self._endpoint(second, owner, entry, scope, name == "WebSocketRoute")
            elif name == "Mount" and entry.args:
                path = self.text(entry.args[0], scope)
                if "routes" in keywords:
                    inner = f"{owner}{path}"
                    self._parents[inner].append(Link(owner, path))
                    self._read_route_list(keywords["routes"], inner, scope)
                elif second is not None:
                    self._parents[self.identity(second, scope)].append(Link(owner, path))

    def _endpoint(
        self,
        node: ast.expr | None,
        owner: ast.expr | str,
        call: ast.Call,
        scope: Scope,
        is_websocket: bool,
    ) -> None:
        """Add the route of a function, or those of the methods of a class such as ``HTTPEndpoint``."""
        if made := self.view_class(node, scope):
            kinds = {name: name for name in _METHODS} | dict.fromkeys(_WEBSOCKET_METHODS, "websocket")
            kinds["dispatch_request"] = "route"
            named = [(self.project.method(made, name), kind) for name, kind in kinds.items()]
        else:
            named = [(self.function_of(node, scope), "websocket" if is_websocket else "route")]
        for function, kind in named:
            if function is not None:
                self._add(owner, function, call, kind, scope)

    def _registration(self, call: ast.Call, scope: Scope) -> None:
        """Record the routes of ``include_router``, ``mount``, ``add_api_route`` etc."""
        if not isinstance(call.func, ast.Attribute):
            return
        name, keywords = call.func.attr, keywords_of(call)
        if name in ("include_router", "mount", "register_blueprint"):
            owner = self.identity(call.func.value, scope)
            named = [keywords[key] for key in ("router", "app", "blueprint") if key in keywords]
            child = next(iter([*named, *call.args[-1:]]), None)
            first = call.args[0] if call.args else keywords.get("path")
            prefix = first if name == "mount" else keywords.get("prefix") or keywords.get("url_prefix")
            if child is not None:
                dependencies = self._dependencies_of(keywords.get("dependencies"), scope)
                replaces = "url_prefix" in keywords
                link = Link(owner, self.text(prefix, scope), dependencies, replaces)
                router = self.identity(child, scope)
                self._parents[router].append(link)
                if isinstance(scope, Function) and router.rpartition(".")[0] == scope.qualname:
                    self._parameter_mounts[scope.qualname].append((router, link))
        elif name in ("add_api_route", "add_route", "add_api_websocket_route", "add_websocket_route"):
            target = (
                keywords.get("endpoint")
                or keywords.get("route")
                or (call.args[1] if len(call.args) > 1 else None)
            )
            self._endpoint(target, call.func.value, call, scope, "websocket" in name)
        elif name == "add_url_rule":
            # https://flask.palletsprojects.com/en/stable/api/#flask.Flask.add_url_rule
            target = keywords.get("view_func") or (call.args[2] if len(call.args) > 2 else None)
            self._endpoint(target, call.func.value, call, scope, is_websocket=False)

    def view_class(self, node: ast.expr | None, scope: Scope) -> Class | None:
        """Return the project's class whose methods respond: ``HTTPEndpoint``, or that of ``as_view()``."""
        is_view = (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "as_view"
        )
        named = node.func.value if is_view else node  # type: ignore[union-attr]
        found = self.project.class_of((named and self.project.resolve(named, scope)) or "")
        bases = self.project.ancestors(found) if found is not None and not is_view else []
        is_endpoint = any(base.rpartition(".")[2] in ("HTTPEndpoint", "WebSocketEndpoint") for base in bases)
        return found if is_view or is_endpoint else None

    def function_of(self, node: ast.expr | None, scope: Scope) -> Function | None:
        """Return the project's function to which an expression refers."""
        dotted = self.project.resolve(node, scope) if node is not None else None
        if dotted is None:
            return None
        found = self.project.functions.get(dotted)
        owner = self.project.class_of(dotted)
        return found or (self.project.method(owner, "__call__") if owner is not None else None)


def _unwrapped_registration(call: ast.Call) -> ast.Call:
    """Return the registration inside of a decorator such as ``@protected(router.get, "/path")``."""
    first = call.args[0] if call.args else None
    if not isinstance(first, ast.Attribute) or first.attr not in _METHODS:
        return call
    return ast.copy_location(ast.Call(func=first, args=call.args[1:], keywords=call.keywords), call)


def template_of(path: str) -> str:
    """Return a path of Flask or Django with its variables in braces: ``/orders/{id}``."""
    return _CONVERTER.sub(r"{\1}", path)


def _placeholder(node: ast.expr) -> str:
    return "{" + last_name(node) + "}"


def _status(node: ast.expr | None) -> int | None:
    """Return a status code written as a number or as a name such as ``status.HTTP_202_ACCEPTED``."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    named = re.search(r"HTTP_(\d{3})", source_text(node)) if node is not None else None
    return int(named[1]) if named else None
