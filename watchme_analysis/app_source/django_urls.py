"""Handlers of Django: the ``urlpatterns`` of its modules, and the middleware that its settings name.

Syntax: https://docs.djangoproject.com/en/stable/topics/http/urls/. Whatever a pattern or view is beyond that
is shown as written, and not analysed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from watchme_analysis.app_source.handler import Handler, OtherRoutes
from watchme_analysis.app_source.routes import Routes, template_of
from watchme_analysis.app_source.syntax import Function, Module, keywords_of, last_name, source_text

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
_PATTERNS = ("path", "re_path", "url")
# Functions that return the patterns that they are given; others, such as `i18n_patterns`, change the paths.
_UNCHANGED = ("format_suffix_patterns", "list", "static")
# Decorators that restrict the methods of a view.
_ONE_METHOD = {"require_GET": ("GET",), "require_POST": ("POST",), "require_safe": ("GET", "HEAD")}
_SEVERAL_METHODS = ("require_http_methods", "api_view")
_GROUP = re.compile(r"\(\?P<(\w+)>(?:[^()\\]|\\.)*\)")
_PLAIN = re.compile(r"(?:[\w/.{}~-]|\\[./-])*")


def django_routes(routes: Routes) -> OtherRoutes:
    """Return the handlers and middleware of the Django projects in a folder."""
    found = OtherRoutes()
    if any(name.startswith("django") for m in routes.project.modules.values() for name in m.imports.values()):
        _Urls(routes, found).read()
    for module in routes.project.modules.values():
        listed = module.bindings.get("MIDDLEWARE")
        if module.name.split(".")[-1].startswith("settings") or "ROOT_URLCONF" in module.bindings:
            items = listed.elts if isinstance(listed, ast.List | ast.Tuple) else []
            found.middleware += [str(one.value) for one in items if isinstance(one, ast.Constant)]
    return found


@dataclass
class _Urls:
    """The URL modules of a folder, followed through ``include``."""

    routes: Routes
    found: OtherRoutes

    def read(self) -> None:
        """Add the handlers below each URL module that no other one includes."""
        modules = self.routes.project.modules.values()
        lists = {module.name: listed for module in modules if (listed := _lists(module))}
        included = {
            inner.name
            for name, listed in lists.items()
            for entry in self._entries(listed, self.routes.project.modules[name])
            for inner in [self._included(entry, self.routes.project.modules[name])[0]]
            if inner is not None
        }
        for name in lists.keys() - included or lists.keys():
            module = self.routes.project.modules[name]
            self._walk(lists[name], module, "/", module.file, (name,))
        self.found.rows.sort(key=lambda row: (row["file"], row["line"], row["path"]))

    def _entries(self, nodes: list[ast.expr], module: Module) -> Iterator[ast.Call]:
        """Yield the calls of ``path`` and ``re_path`` in lists of patterns."""
        for node in nodes:
            if isinstance(node, ast.Call) and last_name(node.func) in _PATTERNS:
                yield node
            elif isinstance(node, ast.Call) and last_name(node.func) in _UNCHANGED:
                yield from self._entries(node.args, module)
            elif isinstance(node, ast.List | ast.Tuple):
                yield from self._entries(node.elts, module)
            elif isinstance(node, ast.BinOp):
                yield from self._entries([node.left, node.right], module)
            elif isinstance(node, ast.Starred):
                yield from self._entries([node.value], module)
            elif isinstance(node, ast.Name) and node.id != "urlpatterns" and node.id in module.bindings:
                bound = module.bindings[node.id]
                yield from self._entries([bound] if not isinstance(bound, ast.Name) else [], module)

    def _included(self, entry: ast.Call, module: Module) -> tuple[Module | None, list[ast.expr]]:
        """Return the module that an entry includes, or the list of patterns."""
        view = _view(entry)
        if not isinstance(view, ast.Call) or last_name(view.func) != "include" or not view.args:
            return None, []
        what = view.args[0]
        if isinstance(what, ast.Tuple) and what.elts:
            what = what.elts[0]
        if isinstance(what, ast.Constant):
            return self._module(str(what.value), module), []
        named = self.routes.project.resolve(what, module) or ""
        if named in self.routes.project.modules:
            return self.routes.project.modules[named], []
        return None, list(self._entries([what], module))

    def _module(self, name: str, importer: Module) -> Module | None:
        """Return the module that a dotted name means; of several, the nearest to the importing one."""
        modules = self.routes.project.modules.values()
        fitting = [module for module in modules if f".{module.name}".endswith(f".{name}")]

        def shared(module: Module) -> int:
            parts = zip(module.name.split("."), importer.name.split("."), strict=False)
            return sum(one == other for one, other in parts)

        return max(fitting, key=shared, default=None)

    def _walk(
        self, nodes: list[ast.expr], module: Module, prefix: str, top: str, seen: tuple[str, ...]
    ) -> None:
        for entry in self._entries(nodes, module):
            path = prefix + self._path(entry, module)
            inner, listed = self._included(entry, module)
            if inner is not None and inner.name not in seen:
                self._walk(_lists(inner), inner, path, top, (*seen, inner.name))
            elif listed:
                self._walk(listed, module, path, top, seen)
            else:
                self._add(entry, module, path, top)

    def _path(self, entry: ast.Call, module: Module) -> str:
        first = entry.args[0] if entry.args else keywords_of(entry).get("route")
        text = self.routes.text(first, module)
        return template_of(text) if last_name(entry.func) == "path" else _of_expression(text)

    def _add(self, entry: ast.Call, module: Module, path: str, top: str) -> None:
        """Add the handlers of an entry, or a row where its view is none of the project's functions."""
        functions = list(self._functions(_view(entry), module))
        self.found.handlers += [
            Handler(function, method, path, None, function.node.lineno, (), top, "django")
            for function, method in functions
        ]
        if not functions:
            view = _view(entry)
            self.found.rows.append(
                {
                    "file": module.file,
                    "line": entry.lineno,
                    "function": None if view is None else source_text(view),
                    "method": "ANY",
                    "path": path,
                    "framework": "django",
                    "application_file": top,
                }
            )

    def _functions(self, view: ast.expr | None, module: Module) -> Iterator[tuple[Function, str]]:
        """Yield the functions that respond, each with a method."""
        owner = self.routes.view_class(view, module)
        if owner is None:
            function = self.routes.function_of(view, module)
            if function is not None:
                yield from ((function, method) for method in _methods(function))
            return
        given = view.args[:1] if isinstance(view, ast.Call) else []
        named = {name: name for name in _METHODS}
        if given and isinstance(given[0], ast.Dict):
            # Django REST framework: `as_view({"get": "list"})`.
            pairs = zip(given[0].keys, given[0].values, strict=True)
            named = {str(getattr(a, "value", "")): str(getattr(b, "value", "")) for a, b in pairs}
        for method, name in named.items():
            function = self.routes.project.method(owner, name)
            if function is not None:
                yield function, method.upper()


def _lists(module: Module) -> list[ast.expr]:
    """Return the expressions that a module binds or adds to ``urlpatterns``, of names that Django has."""
    if not any(name.startswith("django.") for name in module.imports.values()):
        return []
    found = []
    for node in module.tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if value is not None and any(isinstance(t, ast.Name) and t.id == "urlpatterns" for t in targets):
            found.append(value)
    return found


def _view(entry: ast.Call) -> ast.expr | None:
    return entry.args[1] if len(entry.args) > 1 else keywords_of(entry).get("view")


def _of_expression(pattern: str) -> str:
    """Return a regular expression as a path; a part that is no plain text or named group as ``{...}``."""
    text = _GROUP.sub(r"{\1}", pattern.removeprefix("^").removesuffix("$").removesuffix("\\Z"))
    text = text.removesuffix("?") if text.endswith("/?") else text
    plain = _PLAIN.match(text)
    assert plain is not None  # it may be empty
    rest = text[plain.end() :]
    return plain[0].replace("\\", "") + (f"{{{rest}}}" if rest else "")


def _methods(function: Function) -> tuple[str, ...]:
    """Return the methods to which decorators restrict a view."""
    for decorator in function.decorators:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = last_name(called)
        if name in _ONE_METHOD:
            return _ONE_METHOD[name]
        listed = decorator.args[0] if isinstance(decorator, ast.Call) and decorator.args else None
        if name in _SEVERAL_METHODS and isinstance(listed, ast.List | ast.Tuple):
            return tuple(str(one.value).upper() for one in listed.elts if isinstance(one, ast.Constant))
    return ("ANY",)
