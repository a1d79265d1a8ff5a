"""Raw evidence files: found, decompressed, described to the readers.

A reader module declares ``SOURCES``, a tuple of :class:`Source`; :mod:`watchme_analysis.case.reader_registry`
collects them and the importer asks each whether it knows a file by name and content.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from functools import cached_property
from io import BytesIO
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeVar

from watchme_analysis.errors import InputError
from watchme_analysis.files.decompress import PACKED_MAGIC, TruncatedError, unpacked
from watchme_analysis.files.json_values import shallow
from watchme_analysis.retrieval import Retrieval
from watchme_analysis.text.formats import readable_name

if TYPE_CHECKING:
    import pandas as pd

Found = TypeVar("Found")

# What packers put behind a file's name; by content it is told what is packed.
PACKED_ENDINGS = (".gz", ".zst", ".bz2", ".xz")


class Content(NamedTuple):
    """Decompressed bytes of a file, and what went wrong on the way (None: nothing)."""

    data: bytes
    problem: str | None


class TablePart(NamedTuple):
    """What a reader made of a file for one table; very many rows lie in a Parquet file, not in the frame."""

    table: str
    frame: pd.DataFrame
    retrieval: Retrieval
    spilled: Path | None = None


class Spill(NamedTuple):
    """Where rows go that are too many to be held, and from how many bytes of a file on."""

    folder: Path
    from_bytes: int


def unpacked_name(name: str) -> str:
    """Return a file's name without the ending of a packer."""
    return name.rpartition(".")[0] if name.endswith(PACKED_ENDINGS) else name


def link_problem(root: Path, path: Path) -> str:
    """Return why a symbolic link of a folder of evidence is not followed; empty where it may be.

    A link may lead to another place of the folder. Outside of it lie files of the reader's machine, which are
    no evidence and may be secret.
    """
    if not path.is_symlink():
        return ""
    try:
        whole = path.resolve(strict=True)
    except (OSError, RuntimeError):
        return "a symbolic link that leads nowhere"
    if whole.is_relative_to(root.resolve()):
        return ""
    return f"a symbolic link that leads out of the folder, to {whole}: it is not followed"


def decompress(data: bytes) -> Content:
    """Return compressed data decompressed, its good part when it is damaged; other data as it is."""
    return _decompressed(BytesIO(data)) if data.startswith(PACKED_MAGIC) else Content(data, None)


def _decompressed(stream: BinaryIO, most: float = inf) -> Content:
    """Return what a compressed stream holds, reading hardly more than ``most`` bytes of it."""
    good = bytearray()
    try:
        for piece in unpacked(stream):
            good += piece
            if len(good) >= most:
                break
    except TruncatedError as error:
        return Content(bytes(good), str(error))
    return Content(bytes(good), None)


def load_json(data: bytes) -> tuple[Any, str | None]:
    """Return the JSON value, or the part of it that came whole, and what is wrong with the rest.

    A document that stops half way is cut after its last complete element and closed there.

    Returns
    -------
    value, problem
        ``problem`` is None for a whole document; ``value`` is None when nothing could be kept.
    """
    text = data.decode("utf-8-sig", errors="replace")
    try:
        return json.loads(text), None
    except RecursionError:
        return load_json(shallow(text)[0].encode())
    except ValueError as error:
        problem = f"JSON ends early or is damaged: {error}"
    for cut, open_blocks in reversed(_cuts(text)):
        try:
            return json.loads(text[:cut] + "".join(reversed(open_blocks))), problem
        except ValueError:
            continue
    return None, problem


def _cuts(text: str) -> list[tuple[int, tuple[str, ...]]]:
    """Return the last places where a torn JSON text may be cut, each with the blocks open there."""
    decoder = json.JSONDecoder()
    stack: list[str] = []
    cuts: deque[tuple[int, tuple[str, ...]]] = deque(maxlen=32)
    at, size, after = 0, len(text), ""
    while at < size:
        char = text[at]
        if char in " \t\r\n,:":
            after = char if char in ",:" else after
            at += 1
            continue
        if char in "{[":
            is_element = stack and stack[-1] == "]"
            stack.append("}" if char == "{" else "]")
            at += 1
            if is_element:
                # Cut here, a list would end with an element of which nothing came.
                after = ""
                continue
        elif char in "}]":
            if not stack or stack.pop() != char:
                break
            at += 1
        else:
            try:
                _, end = decoder.raw_decode(text, at)
            except ValueError:
                break
            is_key = stack and stack[-1] == "}" and after != ":"
            may_lack_digits = end == size and char in "-0123456789"
            at = end
            if is_key or may_lack_digits:
                continue
        after = ""
        cuts.append((at, tuple(stack)))
    return list(cuts)


@dataclass(frozen=True)
class RawFile:
    """A file of a folder of evidence.

    Attributes
    ----------
    root
        Folder that is imported.
    relative
        POSIX path below the root, as on disk; bytes that are not UTF-8 are written as escapes.
    zone
        Zone of times written without one.
    settings
        What ``case.toml`` says of the file (``[files."NAME"]``) over what it says of all.
    spill
        Where the rows of large files may go; None where all are to be held.
    known
        What was found in folders, shared by the files that are read together; see :meth:`once`.
    remarks
        Sentences about values of the file that could not be kept as they are, for its account.
    on_disk
        The relative path as the file system has it.
    """

    root: Path
    relative: str
    zone: tzinfo = UTC
    settings: dict[str, Any] = field(default_factory=dict)
    spill: Spill | None = None
    known: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)
    remarks: list[str] = field(default_factory=list, compare=False, repr=False)
    on_disk: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "on_disk", self.relative)
        object.__setattr__(self, "relative", readable_name(self.relative))

    @property
    def path(self) -> Path:
        """Path on disk."""
        return self.root / self.on_disk

    @property
    def name(self) -> str:
        """Relative path without the ending of a packer."""
        return unpacked_name(self.relative)

    @cached_property
    def content(self) -> Content:
        """The file's bytes, unpacked."""
        try:
            return decompress(self.path.read_bytes())
        except OSError as error:
            raise InputError(f"{self.path} can't be read: {error.strerror}.") from error

    def head(self, size: int = 65536) -> bytes:
        """Return the first unpacked bytes; of a large file no more than these are read."""
        if not self.is_large or "content" in self.__dict__:
            return self.content.data[:size]
        with self.path.open("rb") as file:
            first = file.read(size)
        if not first.startswith(PACKED_MAGIC):
            return first
        with self.path.open("rb") as file:
            return _decompressed(file, size).data[:size]

    @cached_property
    def is_large(self) -> bool:
        """Whether the file's rows should go to the spill's folder."""
        if self.spill is None:
            return False
        size = self.path.stat().st_size
        if size >= self.spill.from_bytes:
            return True
        # Logs shrink to a tenth or less.
        packed = size >= self.spill.from_bytes // 10
        if packed:
            with self.path.open("rb") as file:
                packed = file.read(max(map(len, PACKED_MAGIC))).startswith(PACKED_MAGIC)
        return packed

    def service(self, stem: str) -> str | None:
        """Return the suffix that names the service or part.

        ``RawFile(root, "app-emotion.log").service("app")`` is ``"emotion"``; without a suffix None.
        """
        found = re.match(rf"{re.escape(stem)}[-_](?P<suffix>[^.]+)", Path(self.name).name)
        return found["suffix"] if found else None

    def once(self, what: Hashable, find: Callable[[], Found]) -> Found:
        """Return what is found in the file's folder, looked for once by all files that are read together.

        A folder may hold thousands of logs: looking through it for each takes longer than reading them.
        """
        key = (what, self.path.parent)
        if key not in self.known:
            self.known[key] = find()
        found: Found = self.known[key]
        return found

    def beside(self, *patterns: str) -> list[RawFile]:
        """Return the files in the same folder whose name (without .gz or so) fits a pattern, sorted."""
        folder = self.path.parent

        def fitting() -> list[str]:
            names = sorted(path.name for path in folder.iterdir())
            # Most names don't fit: only those that do are looked at on disk.
            fit = (n for n in names if any(fnmatch.fnmatch(unpacked_name(n), one) for one in patterns))
            return [
                (folder / name).relative_to(self.root).as_posix()
                for name in fit
                if (folder / name).is_file() and not link_problem(self.root, folder / name)
            ]

        names = self.once(patterns, fitting)
        return [RawFile(self.root, name, self.zone, self.settings, known=self.known) for name in names]


@dataclass(frozen=True)
class Source:
    """A kind of evidence file.

    Attributes
    ----------
    name
        Such as ``nginx_access``.
    tables
        Tables that it fills.
    patterns
        File name patterns (fnmatch, relative POSIX path without .gz and the like; one without a slash is
        compared with the last part alone).
    looks_like
        Whether the content may be of this kind; an empty file may.
    read
        Reads a file into pieces; rejected and torn parts stand on the retrieval.
    by_content
        Whether content alone is proof enough when the name says nothing.
    keep
        Whether the case keeps a copy of the file (configurations, sources).
    finish
        Called once with the table's name and the rows of all files together, for what only shows across
        files (the same points in two dumps); returns the rows and notes for the reader.
    declined
        Why a file is left that its name brings here, or what would help; None where its content is another's.
    samples
        Lines or documents that a generic test reads: text and the number of rows expected of it.
    """

    name: str
    tables: tuple[str, ...]
    patterns: tuple[str, ...]
    looks_like: Callable[[RawFile], bool]
    read: Callable[[RawFile], Iterable[TablePart]]
    by_content: bool = False
    keep: bool = False
    finish: Callable[[str, pd.DataFrame], tuple[pd.DataFrame, list[str]]] | None = None
    declined: Callable[[RawFile], str | None] = lambda raw: None
    samples: tuple[tuple[str, int], ...] = ()

    def knows_name(self, raw: RawFile) -> bool:
        """Tell whether the file's name fits a pattern."""
        last = Path(raw.name).name
        return any(
            fnmatch.fnmatch(raw.name if "/" in pattern else last, pattern)
            or ("/" in pattern and fnmatch.fnmatch(raw.name, f"*/{pattern}"))
            for pattern in self.patterns
        )


def one_table(
    table: str, read: Callable[[RawFile], tuple[pd.DataFrame, Retrieval]]
) -> Callable[[RawFile], Iterable[TablePart]]:
    """Return what a :class:`Source` needs of a reader all of whose rows go to one table."""
    return lambda raw: (TablePart(table, *read(raw)),)
