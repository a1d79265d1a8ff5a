"""The application that a start command names: its file in the case, and servers started by a script.

``uvicorn main:app`` names a module and a variable; ``python main.py`` runs a script that calls
``uvicorn.run(app, port=8013)``. Scripts are parsed, never run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from posixpath import basename, dirname, join, normpath
from typing import Any

from watchme_analysis.app_source.source_files import parse_source
from watchme_analysis.app_source.syntax import keywords_of, last_name, source_text
from watchme_analysis.errors import InputError
from watchme_analysis.files.evidence_file import RawFile, is_file_below

# Modules through which a variable may be imported before the search ends.
_REEXPORTS = 6
# Files that `fastapi run` tries without an argument, in its order.
_FASTAPI_FILES = ("main.py", "app.py", "api.py", "app/main.py", "app/app.py", "app/api.py")
_NUMBERS = ("port", "workers", "limit_concurrency", "backlog")
_COLUMNS = {"timeout_keep_alive": "timeout_keep_alive_s"}
# Finds the file of the case for a path relative to the directory in which the server starts.
FindFile = Callable[[str], str | None]


def script_of(words: list[str]) -> str | None:
    """Return the path of the script that a command runs, as ``python -m app.main`` does; else None."""
    for at, word in enumerate(words):
        if re.fullmatch(r"(.*/)?(python|pypy)[\d.]*", word):
            rest = words[at + 1 :]
            while rest and rest[0].startswith("-") and rest[0] != "-m":
                rest = rest[2:] if rest[0] in ("-W", "-X") else rest[1:]
            if rest[:1] == ["-m"] and len(rest) > 1:
                return rest[1].replace(".", "/") + ".py"
            return rest[0] if rest and rest[0].endswith(".py") else None
    return None


def application_file(root: Path, app: str, find: FindFile, folders: tuple[str, ...] = ("",)) -> str | None:
    """Return the file of the case in which the application of a start command is bound to its name.

    A name that is imported there is followed to the module that creates it. ``app`` is ``module:variable``,
    ``module:factory`` or, for ``fastapi run``, a path; ``folders`` are those from which modules are imported,
    in order.
    """
    module, _, attribute = app.partition(":")
    # Installed packages usually lie below `src` in their project.
    for folder in (*folders, "src"):
        found = _found(folder, module, find)
        if found is not None:
            return _bound_in(root, found, attribute.partition(".")[0] or "app", _REEXPORTS)
    return None


def default_fastapi_file(find: FindFile) -> str | None:
    """Return the file that ``fastapi run`` starts without an argument."""
    return next((found for name in _FASTAPI_FILES if (found := find(name)) is not None), None)


def _found(folder: str, module: str, find: FindFile) -> str | None:
    if module.endswith(".py"):
        return find(join(folder, module))
    path = join(folder, module.replace(".", "/"))
    return find(f"{path}.py") or find(f"{path}/__init__.py")


def _tree(root: Path, name: str) -> ast.Module | None:
    try:
        return parse_source(RawFile(root, name).content.data, name)[0]
    except InputError:
        return None


def _bound_in(root: Path, name: str, attribute: str, depth: int) -> str:
    """Return the file that binds a name, following ``from .server import app`` from file to file."""
    tree = _tree(root, name)
    for node in ast.walk(tree) if tree is not None and depth else ():
        if not isinstance(node, ast.ImportFrom):
            continue
        for alias in node.names:
            if (alias.asname or alias.name) == attribute:
                other = _imported_file(root, name, node)
                return _bound_in(root, other, alias.name, depth - 1) if other is not None else name
    return name


def _imported_file(root: Path, name: str, node: ast.ImportFrom) -> str | None:
    """Return the file of the module that a file imports from, by the folders above it."""
    folder = dirname(name)
    for _ in range(max(node.level - 1, 0)):
        folder = dirname(folder)
    path = (node.module or "").replace(".", "/")
    while True:
        for ending in (".py", "/__init__.py"):
            candidate = normpath(join(folder, path + ending))
            if is_file_below(root, candidate):
                return candidate
        if node.level or not folder:
            return None
        folder = dirname(folder)


def server_of_script(root: Path, name: str, environment: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the settings of the server that a script starts with ``uvicorn.run`` or ``uvicorn.Config``.

    They are columns of ``app_processes``; a value that only the running script knows is missing. None if the
    script starts no server by itself.
    """
    tree = _tree(root, name)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)] if tree is not None else []
    started = [node for node in calls if source_text(node.func) in ("uvicorn.run", "uvicorn.Config")]
    if tree is None or not started:
        return None
    call, given = started[0], keywords_of(started[0])
    values = _Values(tree, environment)
    target = call.args[0] if call.args else given.get("app")
    found: dict[str, Any] = {}
    if isinstance(target, ast.Constant):
        found["app"] = str(target.value)
    elif target is not None:
        found["app"] = f"{basename(name).removesuffix('.py')}:{last_name(target)}"
    for keyword in ("host", *_NUMBERS, "timeout_keep_alive"):
        value = values.of(given.get(keyword))
        if value is None:
            continue
        if keyword == "host":
            found["host"] = value
        elif value.isdigit():
            found[_COLUMNS.get(keyword, keyword)] = int(value)
    return found


class _Values:
    """Texts of the expressions of a script, by its constants and by environment variables."""

    def __init__(self, tree: ast.Module, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._bound: dict[str, ast.expr] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self._bound.setdefault(node.targets[0].id, node.value)

    def of(self, node: ast.expr | None, depth: int = _REEXPORTS) -> str | None:
        """Return the text of a value, None if only the running script knows it."""
        if isinstance(node, ast.Name):
            node = self._bound.get(node.id)
        if isinstance(node, ast.Constant):
            return None if node.value is None else str(node.value)
        if not depth:
            return None
        if isinstance(node, ast.BoolOp):
            return next((value for part in node.values if (value := self.of(part, depth - 1))), None)
        if isinstance(node, ast.Call) and node.args:
            name = last_name(node.func)
            first = self.of(node.args[0], depth - 1) if name in ("int", "str", "getenv", "get") else None
            if name in ("int", "str"):
                return first
            default = node.args[1] if len(node.args) > 1 and first is not None else None
            return self._environment.get(first or "") or self.of(default, depth - 1)
        return None
