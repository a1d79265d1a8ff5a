"""Whether the handler of a deployment package can be imported in the Lambda runtime.

The package is read, never imported or executed. The handler's module and its imports are followed through the
package and its layers.

Sources: the handler is found as ``_get_handler`` in ``awslambdaric/bootstrap.py`` does it
(github.com/aws/aws-lambda-python-runtime-interface-client); search path, permissions and layers:
docs.aws.amazon.com/lambda/latest/dg/python-package.html and python-layers.html; suffixes of native modules:
PEP 3149 and ``importlib.machinery.EXTENSION_SUFFIXES`` of Python on Linux.
"""

from __future__ import annotations

import csv
import re
import struct
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watchme_analysis.errors import InputError
from watchme_analysis.files.time_limit import time_limit
from watchme_analysis.limits import MIB
from watchme_analysis.remedies.lambda_runtime import (
    ARCHITECTURES,
    OLDEST_MINOR,
    Runtime,
    lambda_runtime,
    standard_library,
)
from watchme_analysis.remedies.package_files import (
    Budget,
    PackageFile,
    PackageFiles,
    UnreadableError,
    merged,
    open_package,
)
from watchme_analysis.remedies.package_imports import When
from watchme_analysis.remedies.package_modules import Followed, Module, Modules
from watchme_analysis.text.message import (
    Bytes,
    Choice,
    Code,
    CodePlace,
    Message,
    Names,
    Quotation,
    Resource,
    message,
)
from watchme_analysis.text.render import as_message, error_message

DEFAULT_HANDLER = "lambda_function.lambda_handler"
DEFAULT_RUNTIME = "python3.12"
# Bytes of a list of installed files.
_RECORD_BYTES = 16 * MIB
_READ_BY_OTHERS = 0o004
_ODD_KINDS = ("outside", "backslashes", "duplicates", "links")
# Positional arguments with which Lambda calls a handler: event and context.
_HANDLER_ARGUMENTS = 2
_HANDLER = re.compile(r"[^\W\d]\w*([./][^\W\d]\w*)*\.[^\W\d]\w*")
_RECORD = re.compile(r"(?:.*/)?[^/]+\.dist-info/RECORD")
# A file with machine code, and what its name says: interpreter, version and platform.
_NATIVE = re.compile(r"\.(so(\.\d+)*|pyd|dylib|dll)$")
_TAG = re.compile(r"\.(?:cpython-|cp)(?P<version>3\d+)[a-z]*-(?P<platform>[\w-]+)\.(?:so|pyd)$")
_ELF, _PE = b"\x7fELF", b"MZ"
_MACH_O = tuple(map(bytes.fromhex, ("feedface", "feedfacf", "cefaedfe", "cffaedfe", "cafebabe")))
# ``e_machine`` of an ELF header (gabi.xinuos.com/elf/a-emachine.html).
_MACHINES = {3: "i386", 40: "arm", 62: "x86_64", 183: "arm64"}
_MACHINE_AT, _HEADER_BYTES = 18, 20


@dataclass(frozen=True)
class PackageCheck:
    """What was found in a package, and how many modules of package and layers were followed.

    ``problems`` fail in Lambda; ``notes`` may be intended, or could not be checked.
    """

    problems: tuple[Message, ...]
    notes: tuple[Message, ...]
    modules: int

    @property
    def verdict(self) -> Message:
        """Return the verdict: ready to deploy, or the number of problems."""
        if self.problems:
            return message("deploy-problems", count=len(self.problems))
        return message("deploy-ready")


@dataclass(frozen=True)
class Function:
    """How a function is configured; by default as in Lambda's console.

    ``is_uploaded``: a zip is sent to the API directly, and not through S3.
    """

    handler: str = DEFAULT_HANDLER
    runtime: str = DEFAULT_RUNTIME
    architecture: str = "x86_64"
    is_uploaded: bool = True


def check_package(
    package: Path, layers: Sequence[Path] = (), function: Function | None = None
) -> PackageCheck:
    """Return the problems that a package has in the Lambda runtime.

    Package and layers are zips or folders; layers in the order of the function's configuration. A path or a
    setting that can't be used, or a package that reaches a limit, is an InputError.
    """
    function = function or Function()
    runtime = lambda_runtime(function.runtime)
    if not _HANDLER.fullmatch(function.handler):
        raise InputError(
            error_message("error-handler-form", handler=repr(function.handler), example=DEFAULT_HANDLER)
        )
    if function.architecture not in ARCHITECTURES:
        raise InputError(error_message("error-architecture-unknown", name=repr(function.architecture)))
    size = package.stat().st_size if package.exists() else 0
    with ExitStack() as stack:
        stack.enter_context(time_limit(size))
        budget = Budget()
        task = stack.enter_context(open_package(package, budget))
        opened = [(path.name, stack.enter_context(open_package(path, budget, path.name))) for path in layers]
        check = _Check(task, merged(files for _, files in opened), runtime, function, bool(layers))
        check.native()
        check.handler()
        for name, files in opened:
            check.layer(name, files)
        check.names()
        check.sizes()
        return check.result()


class _Check:
    """The check of one package."""

    def __init__(
        self, task: PackageFiles, layers: PackageFiles, runtime: Runtime, function: Function, has_layers: bool
    ) -> None:
        self._task, self._layers, self._runtime, self._function = task, layers, runtime, function
        self._has_layers = has_layers
        self._unfit: dict[str, PackageFile] = {}
        self._problems: dict[Message, None] = {}
        self._notes: dict[Message, None] = {}
        self._missing_modules: set[str] = set()
        self._count = 0

    def result(self) -> PackageCheck:
        """Return what was found."""
        return PackageCheck(tuple(self._problems), tuple(self._notes), self._count)

    def _layers_stated(self) -> Choice:
        return Choice("some" if self._has_layers else "none")

    def _problem(self, found: Message) -> None:
        self._problems[found] = None

    def _note(self, found: Message) -> None:
        self._notes[found] = None

    def sizes(self) -> None:
        """Compare the sizes with the limits of Lambda."""
        packed, limit = self._task.packed_bytes, self._runtime.direct_upload_bytes
        if self._function.is_uploaded and packed is not None and packed > limit:
            self._problem(message("deploy-zip-size", size=Bytes(packed), limit=Bytes(limit)))
        unzipped = self._task.unpacked_bytes + self._layers.unpacked_bytes
        if unzipped > self._runtime.unzipped_bytes:
            sizes = {"size": Bytes(unzipped), "limit": Bytes(self._runtime.unzipped_bytes)}
            self._problem(message("deploy-unzipped-size", layers=self._layers_stated(), **sizes))

    def names(self) -> None:
        """Check names and permissions of files."""
        for files in (self._task, self._layers):
            for kind, names in sorted(files.odd_names.items(), key=lambda each: _ODD_KINDS.index(each[0])):
                if names:
                    shown = Names(tuple(names))
                    said = message("deploy-names", kind=Choice(kind), names=shown, count=len(names))
                    (self._note if kind == "links" else self._problem)(said)
            for each in files.by_folded_name.values():
                if len(each) > 1:
                    self._note(message("deploy-case-collision", names=each))
            closed = [
                file.display_name
                for file in files.files.values()
                if file.mode is not None and not file.mode & _READ_BY_OTHERS
            ]
            if closed:
                self._problem(message("deploy-permissions", names=closed, count=len(closed)))

    def layer(self, name: str, files: PackageFiles) -> None:
        """Check that a layer has files where Python looks for them."""
        if "python" not in files.folders:
            self._problem(message("deploy-layer-without-python", layer=Resource(name)))
            return
        site = re.compile(r"python/lib/(python3\.\d+)/site-packages(?:/|$)")
        versions = {found[1] for folder in files.folders if (found := site.match(folder))}
        if versions and self._runtime.name not in versions:
            self._problem(
                message(
                    "deploy-layer-version",
                    layer=Resource(name),
                    versions=sorted(versions),
                    runtime=Resource(self._runtime.name),
                )
            )

    def native(self) -> None:
        """Compare native modules with the architecture and the Python version."""
        unfit: dict[tuple[str, str, str], list[PackageFile]] = {}
        libraries: dict[tuple[str, str, str], list[PackageFile]] = {}
        fitting: set[str] = set()
        for tree in (self._task, self._layers):
            for file in tree.files.values():
                if not _NATIVE.search(file.name):
                    continue
                reason = self._unfit_reason(file)
                module = _module_path(file.name)
                if reason is None:
                    fitting.add(module)
                    continue
                is_library = module.rpartition("/")[2].startswith("lib")
                is_module = file.name.endswith((".so", ".pyd")) and not is_library
                group = unfit if is_module else libraries
                group.setdefault((_library(file.name), *reason), []).append(file)
        for (_, kind, built), files in unfit.items():
            left = [file for file in files if _module_path(file.name) not in fitting]
            self._unfit |= {_module_path(file.name): file for file in left}
            if left:
                self._problem(self._of_native("deploy-native", kind, built, left))
        for (top, kind, built), files in libraries.items():
            if not any(key[0] == top for key in unfit):
                self._note(self._of_native("deploy-native-library", kind, built, files))

    def _of_native(self, name: str, kind: str, built: str, files: list[PackageFile]) -> Message:
        needed = f"Python 3.{self._runtime.minor}" if kind == "version" else self._function.architecture
        values: dict[str, Any] = {
            "file": Resource(files[0].display_name),
            "more": len(files) - 1,
            "built": Resource(built),
            "needed": Resource(needed),
        }
        if name == "deploy-native":
            return message("deploy-native", **values)
        return message("deploy-native-library", **values)

    def _unfit_reason(self, file: PackageFile) -> tuple[str, str] | None:
        """Return why the runtime can't load a native file, and what it is built for; None if it can."""
        tag, head = _TAG.search(file.name), b""
        with suppress(UnreadableError):  # said of the module that imports it
            head = file.read(_HEADER_BYTES)
        platform = tag["platform"] if tag else ""
        if file.name.endswith((".pyd", ".dll")) or head.startswith(_PE):
            return "platform", "Windows"
        if file.name.endswith(".dylib") or "darwin" in platform or head.startswith(_MACH_O):
            return "platform", "macOS"
        if head.startswith(_ELF) and len(head) == _HEADER_BYTES:
            order = ">" if head[5] == 2 else "<"
            (number,) = struct.unpack_from(f"{order}H", head, _MACHINE_AT)
            machine = _MACHINES.get(number, f"ELF machine {number}")
            if machine != self._function.architecture:
                return "platform", machine
        if tag and not platform.startswith(f"{ARCHITECTURES[self._function.architecture]}-linux-gnu"):
            return "platform", platform
        if tag and tag["version"] != f"3{self._runtime.minor}":
            return "version", f"Python 3.{tag['version'][1:]}"
        return None

    def handler(self) -> None:
        """Resolve the handler, its module and everything that the module imports."""
        module, _, function = self._function.handler.replace("/", ".").rpartition(".")
        modules = Modules(
            self._task,
            self._layers,
            self._runtime,
            self._function.architecture,
            installed=self._installed_files(),
            unfit=self._unfit,
        )
        found = modules.resolve(module)
        if isinstance(found, str) or not found or found[-1].file is None:
            self._problem(self._without_module(module))
            return
        # Importing a module imports the packages around it first.
        for each in found:
            for when, needed, followed in modules.walk(each):
                self._followed(modules, when, needed, followed)
        self._count = modules.count
        self._defined(modules, found[-1], function)

    def _followed(self, modules: Modules, when: When, module: Module, followed: Followed) -> None:
        """Report what is wrong with one module."""
        if module.file is None:
            return
        file = module.file.display_name
        if isinstance(followed.error, UnreadableError):
            self._problem(
                message("deploy-unreadable", file=Resource(file), reason=as_message(followed.error))
            )
        elif followed.error is not None:
            said = followed.error.reason
            reason = Quotation(said) if isinstance(said, str) else said
            place = CodePlace(file, followed.error.line)
            if not followed.error.is_certain:
                self._note(message("deploy-unparsed", file=Resource(file), reason=reason))
            elif when is not When.CONDITION:
                self._problem(message("deploy-syntax", place=place, reason=reason))
        for each, missing in followed.failing:
            if followed.is_own or each.when is When.IMPORT:
                self._missing(modules, max(when, each.when), missing, CodePlace(file, each.line))
        for each, missing in followed.optional if followed.is_own else ():
            if missing not in self._missing_modules:
                self._note(
                    message("deploy-optional-import", module=Code(missing), place=CodePlace(file, each.line))
                )
        for each, source, name in followed.missing_names:
            add = self._note if max(when, each.when) is When.CONDITION else self._problem
            place = CodePlace(file, each.line)
            add(message("deploy-missing-name", name=Code(name), module=Code(source), place=place))
        for line in followed.unknown_paths:
            self._note(message("deploy-path-change", place=CodePlace(file, line)))

    def _missing(self, modules: Modules, when: When, missing: str, place: CodePlace) -> None:
        """Report an import that can't be resolved, once per module."""
        if missing in self._missing_modules or modules.is_unfit(missing):
            return
        self._missing_modules.add(missing)
        module = Code(missing)
        kind = Choice(when.name.lower())
        runtime = Resource(self._runtime.name)
        similar = modules.similar(missing)
        if missing.startswith("."):
            found = message("deploy-relative-import", module=module, place=place)
        elif similar is not None:
            found = message("deploy-import-case", module=module, place=place, file=Resource(similar))
        elif missing in standard_library(OLDEST_MINOR):
            found = message("deploy-removed-import", module=module, place=place, runtime=runtime, when=kind)
        else:
            about: dict[str, Any] = {"module": module, "place": place, "runtime": runtime, "when": kind}
            found = message("deploy-missing-import", layers=self._layers_stated(), **about)
        (self._note if when is When.CONDITION else self._problem)(found)

    def _defined(self, modules: Modules, module: Module, function: str) -> None:
        """Check that the handler's module defines the function, and that Lambda can call it."""
        source = modules.source(module)
        if source is None or module.file is None:
            # A sentence on the file is there already, or it is a native module.
            return
        file, handler = module.file.display_name, Code(function)
        definition = source.names.get(function)
        if definition is not None:
            place = CodePlace(file, definition.line)
            if definition.is_async and definition.is_plain:
                self._problem(message("deploy-async-handler", handler=handler, place=place))
            elif definition.is_plain and not definition.takes(_HANDLER_ARGUMENTS):
                self._problem(message("deploy-handler-arguments", handler=handler, place=place))
            return
        names = modules.names_of(module)
        if names is None:
            self._note(message("deploy-handler-unknown", handler=handler, file=Resource(file)))
        elif function not in names:
            functions = tuple(name for name, each in source.names.items() if each.is_function)
            known: dict[str, Any] = {"count": len(functions), "functions": Names(functions)}
            said = message("deploy-no-handler-function", handler=handler, file=Resource(file), **known)
            self._problem(said)

    def _without_module(self, module: str) -> Message:
        path = f"{module.replace('.', '/')}.py"
        elsewhere = [name for name in self._task.files if name.endswith(f"/{path}")]
        if elsewhere:
            file = Resource(min(elsewhere, key=len))
            return message("deploy-handler-in-folder", path=Resource(path), file=file)
        return message("deploy-no-handler-module", path=Resource(path))

    def _installed_files(self) -> frozenset[str]:
        """Return the files that installed distributions list; they are no code of the function."""
        found: set[str] = set()
        for name, file in self._task.files.items():
            if not _RECORD.fullmatch(name):
                continue
            folder = name.rpartition("/")[0].rpartition("/")[0]
            try:
                text = file.read(_RECORD_BYTES).decode("utf-8", "replace")
                rows = [row[0] for row in csv.reader(text.splitlines()) if row]
            except (UnreadableError, csv.Error):
                continue
            found |= {f"{folder}/{row}" if folder else row for row in rows}
        return frozenset(found)


def _module_path(name: str) -> str:
    """Return the path of a native module without its suffixes, such as ``numpy/core/_multiarray``."""
    folder, slash, file = name.rpartition("/")
    return f"{folder}{slash}{file.partition('.')[0]}"


def _library(name: str) -> str:
    """Return the folder or module at the top of the package, to which a file belongs."""
    return name.removeprefix("python/").partition("/")[0].partition(".")[0]
