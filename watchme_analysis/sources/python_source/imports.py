"""What the imports of a project's modules mean: its own modules, or packages from elsewhere."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from watchme_analysis.sources.python_source.tree import Module


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
