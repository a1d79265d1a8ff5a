"""Names that docstrings cite exist: entry points of packages, and every ``:func:`` and its like."""

import ast
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "watchme_analysis"
ROLE = re.compile(r":(?:func|class|meth|mod|data|exc|attr):`~?\.?([\w.]+)`")
ENTRY_POINT = re.compile(r"Entry point: (.*?)(?:\n\n|\Z)", re.DOTALL)


def dotted(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def names_of(body):
    """Return the names that statements define or import; those in a class as ``Class.name``."""
    found = {}
    for node in body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = set(names_of(node.body))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name] = set()
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {n.id: set() for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0]: set() for alias in node.names}
        elif isinstance(node, ast.If | ast.Try):
            found |= names_of([*node.body, *node.orelse])
    return found


def statements(tree):
    """Yield all statements below a node; to walk through their expressions too takes ten times as long."""
    for name in ("body", "orelse", "handlers", "finalbody", "cases"):
        for node in getattr(tree, name, ()):
            yield node
            yield from statements(node)


@cache
def trees():
    """Return the syntax tree of each module by its name."""
    return {dotted(path): ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}


@cache
def defined():
    """Return the names of each module."""
    return {module: names_of(tree.body) for module, tree in trees().items()}


@cache
def imported():
    """Return what each module imports from the package, inside of functions too: name -> its definition."""
    return {
        module: {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in statements(tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }
        for module, tree in trees().items()
    }


def exists(reference, module):
    """Tell whether a reference in a module's docstring names something of the package or of a library."""
    first, *further = reference.split(".")
    if first in imported()[module] and imported()[module][first].startswith(PACKAGE.name):
        reference = ".".join((imported()[module][first], *further))
    package = module if (PACKAGE.parent / module.replace(".", "/")).is_dir() else module.rpartition(".")[0]
    for base in ("", f"{module}.", f"{package}.", "watchme_analysis."):
        parts = f"{base}{reference}".split(".")
        for cut in range(len(parts), 0, -1):
            names, rest = defined().get(".".join(parts[:cut])), parts[cut:]
            if names is None:
                continue
            if not rest or (rest[0] in names and (len(rest) == 1 or rest[1] in names[rest[0]])):
                return True
            break
    own = {name for members in defined()[module].values() for name in members}
    if reference in own:  # a method of the class whose docstring it is
        return True
    return first != PACKAGE.name and "." in reference and first.islower() and find_spec(first) is not None


def docstrings(tree):
    for node in [tree, *statements(tree)]:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


@pytest.mark.slow
def test_names_that_docstrings_refer_to_exist():
    missing = {
        (module, reference)
        for module, tree in trees().items()
        for text in docstrings(tree)
        for reference in ROLE.findall(text)
        if not exists(reference, module)
    }
    assert missing == set()


@pytest.mark.slow
def test_entry_points_of_packages_exist():
    missing, packages = set(), 0
    for path in PACKAGE.rglob("__init__.py"):
        module = dotted(path)
        for paragraph in ENTRY_POINT.findall(ast.get_docstring(trees()[module]) or ""):
            packages += 1
            cited = re.findall(r"`([a-z_]+(?:\.\w+)*)`", paragraph)
            # Tables that a reader fills are cited too.
            tables = {"app_handlers", "app_calls"}
            missing |= {(module, name) for name in cited if name not in tables and not exists(name, module)}
    assert packages > 20
    assert missing == set()
