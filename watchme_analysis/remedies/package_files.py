"""Files of a deployment package or layer: a zip or a folder, never unpacked to disk.

A zip may be hostile. Its directory, each file and all files together are read up to a limit. Names that would
leave the folder are listed and not used.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError
from watchme_analysis.files.limit_notes import limit_reached
from watchme_analysis.limits import MIB
from watchme_analysis.text.render import as_message, error_message

# Bytes of a zip's directory: over 100,000 files, while a package of 250 MiB has a few thousand.
_DIRECTORY_BYTES = 16 * MIB
# Files of a folder, for the same reason.
_MOST_FILES = 200_000
_UNIX = 3  # ZipInfo.create_system: the mode is that of Unix
# Errors of `zipfile` for damaged data; a negative position in the file is an OSError.
_DAMAGED = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    OSError,
)
_ENCRYPTED = 0x1  # bit of ZipInfo.flag_bits


class UnreadableError(Exception):
    """A file of a package that can't be read; the text is the reason."""


@dataclass(frozen=True)
class PackageFile:
    """A file of a package, by its path within it with ``/``."""

    name: str
    size_bytes: int  # unzipped, as the zip states it
    mode: int | None  # permission bits of Unix; None where the zip has none, so that Lambda sets them
    source: str  # path of the layer, for sentences; empty for the package itself
    read: Callable[[int], bytes]  # returns up to so many bytes; raises UnreadableError

    @property
    def display_name(self) -> str:
        """Return the name, with that of the layer in front."""
        return f"{self.source}:{self.name}" if self.source else self.name


@dataclass
class PackageFiles:
    """The files of a package, or of all layers together, by their path."""

    files: dict[str, PackageFile] = field(default_factory=dict)
    packed_bytes: int | None = None  # size of the zip; None for a folder
    # Names by what is wrong with them. ``outside``: absolute, or leading out of the package; ``backslashes``:
    # no folders for Linux; both are not used. ``duplicates``: held more than once. ``links``: to folders,
    # which are not followed.
    odd_names: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def unpacked_bytes(self) -> int:
        """Return the size of all files, unzipped."""
        return sum(file.size_bytes for file in self.files.values())

    @cached_property
    def folders(self) -> frozenset[str]:
        """Return the path of each folder that holds a file, at any depth."""
        found: set[str] = set()
        for name in self.files:
            while (name := name.rpartition("/")[0]) and name not in found:
                found.add(name)
        return frozenset(found)

    @cached_property
    def by_folded_name(self) -> dict[str, list[str]]:
        """Return the paths of files by their path in lower case."""
        found: dict[str, list[str]] = {}
        for name in self.files:
            found.setdefault(name.casefold(), []).append(name)
        return found


class Budget:
    """Bytes that may still be read from all packages together."""

    def __init__(self) -> None:
        self._limits = load_config().limits
        self._left = self._limits.unpacked_mib * MIB

    def take(self, count: int) -> None:
        """Count bytes that were read; more than the limit are an InputError."""
        self._left -= count
        if self._left < 0:
            raise InputError(
                error_message("error-package-large", limit=limit_reached(self._limits, "unpacked_mib"))
            )


@contextmanager
def open_package(path: Path, budget: Budget, source: str = "") -> Iterator[PackageFiles]:
    """Open a zip or a folder; its files can be read within the block.

    ``source`` is the name of a layer for sentences. What is neither, or can't be read, is an InputError.
    """
    if path.is_dir():
        yield _of_folder(path, budget, source)
        return
    if not path.exists():
        raise InputError(error_message("error-package-missing", path=path))
    if not path.is_file():
        raise InputError(error_message("error-package-kind", path=path))
    with path.open("rb") as stored:
        try:
            archive = zipfile.ZipFile(_Bounded(stored))  # type: ignore[arg-type, call-overload, unused-ignore]
        except _DAMAGED as error:
            raise InputError(
                error_message(
                    "error-package-no-zip", path=path, problem=" ".join(str(error).split()).rstrip(".")
                )
            ) from error
        with archive:
            found = _of_zip(archive, budget, source)
            found.packed_bytes = path.stat().st_size
            yield found


class _Bounded:
    """A file that returns at most so many bytes at once: `zipfile` reads the whole directory of a zip."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int | None = -1) -> bytes:
        wanted = _DIRECTORY_BYTES + 1 if size is None or size < 0 else size
        data = self._file.read(min(wanted, _DIRECTORY_BYTES + 1))
        if len(data) > _DIRECTORY_BYTES:
            raise zipfile.BadZipFile(error_message("package-directory-large", mib=_DIRECTORY_BYTES // MIB))
        return data

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        """Leave the file to the caller."""


def _of_zip(archive: zipfile.ZipFile, budget: Budget, source: str) -> PackageFiles:
    found = PackageFiles()
    for info in archive.infolist():
        name = info.filename
        if name.endswith("/") and "\\" not in name and not _leaves(name):
            continue
        if "\\" in name or _leaves(name):
            found.odd_names["backslashes" if "\\" in name else "outside"].append(name)
            continue
        path = str(PurePosixPath(name))
        if path in found.files:
            found.odd_names["duplicates"].append(path)
        mode = info.external_attr >> 16 if info.create_system == _UNIX else None
        read = partial(_read_entry, archive, info, budget)
        found.files[path] = PackageFile(path, info.file_size, mode, source, read)
    return found


def _leaves(name: str) -> bool:
    """Return True for a name that is absolute, has a drive, or climbs out of the folder."""
    return name.startswith("/") or name[1:2] == ":" or ".." in name.split("/")


def _read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget, limit: int) -> bytes:
    if info.flag_bits & _ENCRYPTED:
        raise UnreadableError(error_message("package-encrypted"))
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UnreadableError(error_message("package-compression", number=info.compress_type))
    try:
        with archive.open(info) as stream:
            data = stream.read(limit)
    except _DAMAGED as error:
        raise UnreadableError(
            as_message(error) if str(error) else error_message("package-ends-early")
        ) from error
    budget.take(len(data))
    return data


def _of_folder(root: Path, budget: Budget, source: str) -> PackageFiles:
    found = PackageFiles()
    for folder, below, names in os.walk(root):
        inner = PurePosixPath(Path(folder).relative_to(root).as_posix())
        found.odd_names["links"] += [str(inner / name) for name in below if Path(folder, name).is_symlink()]
        below.sort()
        for name in sorted(names):
            path = Path(folder, name)
            try:
                status = path.stat()
            except OSError:
                # A link to nothing: `zip` leaves it out, too.
                continue
            if not stat.S_ISREG(status.st_mode):
                continue
            inside = str(inner / name)
            read = partial(_read_path, path, budget)
            found.files[inside] = PackageFile(inside, status.st_size, status.st_mode, source, read)
            if len(found.files) > _MOST_FILES:
                raise InputError(
                    error_message("error-package-many-files", folder=root, most=f"{_MOST_FILES:,d}")
                )
    return found


def _read_path(path: Path, budget: Budget, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit)
    except OSError as error:
        raise UnreadableError(as_message(error)) from error
    budget.take(len(data))
    return data


def merged(layers: Iterable[PackageFiles]) -> PackageFiles:
    """Return the files of layers as Lambda extracts them to one folder: a later layer replaces files."""
    found = PackageFiles()
    for layer in layers:
        found.files |= layer.files
        for kind, names in layer.odd_names.items():
            found.odd_names[kind] += names
    return found
