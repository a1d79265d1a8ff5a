"""Modules of a deployment package: found as Python finds them in Lambda, and followed through their imports.

The search path is package, layers, libraries of the runtime and standard library, as ``sys.path`` of a
function shows it (docs.aws.amazon.com/lambda/latest/dg/python-package.html). Within a folder a package with
``__init__`` comes before native modules, source and bytecode, and folders without it form a namespace package
(``importlib.machinery.FileFinder``, PEP 420).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from watchme_analysis.limits import MIB
from watchme_analysis.remedies.lambda_runtime import ARCHITECTURES, Runtime
from watchme_analysis.remedies.package_files import PackageFile, PackageFiles, UnreadableError
from watchme_analysis.remedies.package_imports import Import, ModuleSource, SourceError, When, read_module
from watchme_analysis.text.message import message

# Bytes of one source file; its syntax tree takes about a hundred times as much memory.
_SOURCE_BYTES = 4 * MIB
# Imports that lead to each other in a chain; modules beyond it are followed on their own.
_DEPTH = 100
# Folder in which Lambda extracts the package.
_TASK_ROOT = "/var/task/"


class Module(NamedTuple):
    """A module of the package or of a layer; ``file`` is None for a namespace package.

    ``places`` are the folders of its submodules; empty for a module that is no package.
    """

    name: str
    file: PackageFile | None
    places: tuple[tuple[PackageFiles, str], ...]


@dataclass
class Followed:
    """A module with its imports resolved.

    ``is_own``: code of the function, not of an installed library or a layer. ``failing`` are imports that
    can't be resolved, with the missing module; ``optional`` those whose failure is caught; ``missing_names``
    imports of a name that the function's own module does not define: import, module, name.
    """

    is_own: bool
    error: SourceError | UnreadableError | None = None
    failing: list[tuple[Import, str]] = field(default_factory=list)
    optional: list[tuple[Import, str]] = field(default_factory=list)
    missing_names: list[tuple[Import, str, str]] = field(default_factory=list)
    unknown_paths: list[int] = field(default_factory=list)
    needed: list[tuple[When, Module]] = field(default_factory=list)
    is_importable: bool = True


@dataclass
class _Resolved:
    """What an import statement needs, or the module that is missing."""

    needed: list[Module] = field(default_factory=list)
    missing: str | None = None
    missing_names: list[tuple[str, str]] = field(default_factory=list)


class Modules:
    """The modules that a function can import.

    ``installed`` are files of the package that belong to installed libraries, ``unfit`` native modules that
    the runtime can't load, by their path without suffixes.
    """

    def __init__(
        self,
        task: PackageFiles,
        layers: PackageFiles,
        runtime: Runtime,
        architecture: str,
        *,
        installed: frozenset[str],
        unfit: dict[str, PackageFile],
    ) -> None:
        self._task, self._runtime, self._installed, self._unfit = task, runtime, installed, unfit
        abi = f".cpython-3{runtime.minor}-{ARCHITECTURES[architecture]}-linux-gnu.so"
        self._suffixes = (abi, ".abi3.so", ".so", ".py", ".pyc")
        site = f"python/lib/{runtime.name}/site-packages/"
        self._places: tuple[tuple[PackageFiles, str], ...] = ((task, ""), (layers, site), (layers, "python/"))
        self._unloadable = {file.display_name for file in unfit.values()}
        self._sources: dict[str, ModuleSource | SourceError | UnreadableError] = {}
        self._followed: dict[str, Followed] = {}

    @property
    def count(self) -> int:
        """Return the number of modules that were followed."""
        return len(self._followed)

    def resolve(self, name: str) -> list[Module] | str:
        """Return the packages and the module of a dotted name, or the part of the name that is missing.

        The list is empty for a module of the runtime.
        """
        found: list[Module] = []
        places = self._places
        parts = name.split(".")
        for at, part in enumerate(parts, 1):
            dotted = ".".join(parts[:at])
            module = self._find(part, dotted, places)
            if module is None:
                is_known = part in self._runtime.modules if at == 1 else self._may_hold_more(found[-1])
                return found if is_known else dotted
            found.append(module)
            places = module.places
        return found

    def _find(self, part: str, dotted: str, places: tuple[tuple[PackageFiles, str], ...]) -> Module | None:
        portions: list[tuple[PackageFiles, str]] = []
        for tree, folder in places:
            base = folder + part
            if base in tree.folders:
                init = self._file(tree, f"{base}/__init__")
                if init is not None:
                    return Module(dotted, init, ((tree, f"{base}/"),))
            file = self._file(tree, base)
            if file is not None:
                return Module(dotted, file, ())
            if base in tree.folders:
                portions.append((tree, f"{base}/"))
        return Module(dotted, None, tuple(portions)) if portions else None

    def _file(self, tree: PackageFiles, base: str) -> PackageFile | None:
        files = (tree.files.get(base + suffix) for suffix in self._suffixes)
        return next(
            (each for each in files if each is not None and each.display_name not in self._unloadable), None
        )

    def _may_hold_more(self, module: Module) -> bool:
        """Return True if a module may have submodules that are no files, such as ``six.moves``."""
        source = self.source(module)
        return source.hides_names if source is not None else module.file is not None

    def source(self, module: Module) -> ModuleSource | None:
        """Return what a module imports and defines; None when it is no source or can't be parsed."""
        found = self._read(module.file)
        return found if isinstance(found, ModuleSource) else None

    def _read(self, file: PackageFile | None) -> ModuleSource | SourceError | UnreadableError | None:
        if file is None or not file.name.endswith(".py"):
            return None
        if file.display_name not in self._sources:
            self._sources[file.display_name] = self._parsed(file)
        return self._sources[file.display_name]

    def _parsed(self, file: PackageFile) -> ModuleSource | SourceError | UnreadableError:
        try:
            data = file.read(_SOURCE_BYTES + 1)
        except UnreadableError as error:
            return error
        if len(data) > _SOURCE_BYTES:
            return SourceError(1, message("package-source-large", mib=_SOURCE_BYTES // MIB), is_certain=False)
        return read_module(data, self._runtime.minor)

    def walk(self, start: Module) -> Iterator[tuple[When, Module, Followed]]:
        """Yield a module and those that it needs, each once: those needed at import before others.

        Imports in functions and under conditions are followed for code of the function only.
        """
        waiting: dict[When, deque[Module]] = {when: deque() for when in When}
        waiting[When.IMPORT].append(start)
        seen: set[str] = set()
        while (when := next((each for each in When if waiting[each]), None)) is not None:
            module = waiting[when].popleft()
            if module.name in seen:
                continue
            seen.add(module.name)
            followed = self._follow(module, 0)
            yield when, module, followed
            for edge, needed in followed.needed:
                if followed.is_own or edge is When.IMPORT:
                    waiting[max(when, edge)].append(needed)

    def _follow(self, module: Module, depth: int) -> Followed:
        if module.name in self._followed:
            return self._followed[module.name]
        file = module.file
        followed = Followed(file is not None and not file.source and file.name not in self._installed)
        # Modules that import each other find this one and take it as importable.
        self._followed[module.name] = followed
        found = self._read(file)
        if isinstance(found, SourceError | UnreadableError):
            followed.error = found
            followed.is_importable = isinstance(found, SourceError) and not found.is_certain
        elif found is not None:
            if followed.is_own:
                followed.unknown_paths = self._extend_path(found)
            self._follow_imports(module, followed, found, depth)
        return followed

    def _follow_imports(self, module: Module, followed: Followed, source: ModuleSource, depth: int) -> None:
        failed: set[int] = set()
        for each in source.imports:
            if (
                failed.intersection((*each.tries, *each.after_success))
                or not failed.issuperset(each.after_failure)
            ):  # fmt: skip
                continue
            resolved = self._resolve_import(each, module, is_own=followed.is_own)
            works = resolved.missing is None and not resolved.missing_names
            if works and depth < _DEPTH and (each.when is When.IMPORT or each.tries):
                works = all(self._follow(needed, depth + 1).is_importable for needed in resolved.needed)
            if not works and each.tries:
                failed.add(each.tries[-1])
                if resolved.missing is not None:
                    followed.optional.append((each, resolved.missing))
                continue
            if resolved.missing is not None:
                followed.failing.append((each, resolved.missing))
            followed.missing_names += [(each, *names) for names in resolved.missing_names]
            followed.needed += [(each.when, needed) for needed in resolved.needed]
            followed.is_importable &= works or each.when is not When.IMPORT

    def _resolve_import(self, each: Import, module: Module, *, is_own: bool) -> _Resolved:
        base = each.module
        if each.level:
            package = module.name if module.places else module.name.rpartition(".")[0]
            for _ in range(each.level - 1):
                package = package.rpartition(".")[0]
            if not package:
                return _Resolved(missing="." * each.level + each.module)
            base = f"{package}.{each.module}" if each.module else package
        found = self.resolve(base)
        if isinstance(found, str):
            return _Resolved(missing=found)
        resolved = _Resolved(found)
        # The submodule of a module that defines its submodules itself is not a file.
        if not found or found[-1].name != base:
            return resolved
        last = found[-1]
        known = self.names_of(last) if is_own and self._is_own(last) else None
        for name in each.names:
            below = self._find(name, f"{base}.{name}", last.places) if name != "*" else None
            if below is not None:
                resolved.needed = [*resolved.needed, below]
            elif name != "*" and last.file is None:
                resolved.missing = resolved.missing or f"{base}.{name}"
            elif name != "*" and known is not None and name not in known and not name.startswith("__"):
                if any(tree_folder + name in self._unfit for _, tree_folder in last.places):
                    resolved.missing = resolved.missing or f"{base}.{name}"
                else:
                    resolved.missing_names.append((base, name))
        return resolved

    def _is_own(self, module: Module) -> bool:
        return module.file is not None and not module.file.source and module.file.name not in self._installed

    def names_of(self, module: Module, seen: frozenset[str] = frozenset()) -> set[str] | None:
        """Return the names that a module defines, ``import *`` included; None when they are not all known."""
        source = self.source(module)
        if source is None or source.hides_names or len(seen) > _DEPTH:
            return None
        names = set(source.names) - {"*"}
        for each in source.imports:
            if "*" not in each.names or module.name in seen:
                continue
            resolved = self._resolve_import(each, module, is_own=False)
            last = resolved.needed[-1] if resolved.needed else None
            more = None if last is None else self.names_of(last, seen | {module.name})
            if more is None:
                return None
            names |= more
        return names

    def is_unfit(self, name: str) -> bool:
        """Return True if a native module of this name is there, but can't be loaded by the runtime."""
        path = name.replace(".", "/")
        return any(f"{folder}{path}" in self._unfit for _, folder in self._places)

    def similar(self, name: str) -> str | None:
        """Return the file whose path differs from that of a module in upper and lower case only."""
        path = name.replace(".", "/")
        for tree, folder in self._places:
            for end in (".py", "/__init__.py"):
                for file in tree.by_folded_name.get(f"{folder}{path}{end}".casefold(), ()):
                    return tree.files[file].display_name
        return None

    def _extend_path(self, source: ModuleSource) -> list[int]:
        """Search the folders that a module adds to ``sys.path``; return the lines whose folder is unknown."""
        unknown = []
        for line, texts in source.path_changes:
            folders = [text.removeprefix(_TASK_ROOT).removeprefix("./").strip("/") for text in texts]
            added = tuple((self._task, f"{each}/") for each in folders if each in self._task.folders)
            self._places += tuple(place for place in added if place not in self._places)
            if not added:
                unknown.append(line)
        return unknown
