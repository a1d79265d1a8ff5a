"""Raw evidence files: found, decompressed and presented to the readers.

``case/readers.toml`` lists the readers, of which :mod:`watchme_analysis.case.reader_registry` makes a
:class:`Source` each, and the importer selects the reader of a file by name and content.
"""

from __future__ import annotations

import fnmatch
import io
import json
import os
import re
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from functools import cache, cached_property, lru_cache
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeVar, cast

from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError
from watchme_analysis.files.decompress import PACKED_MAGIC, TruncatedError, unpacked
from watchme_analysis.files.encodings import as_utf8
from watchme_analysis.files.json_values import json_at, shallow
from watchme_analysis.files.limit_notes import limit_reached
from watchme_analysis.limits import MIB, Limits
from watchme_analysis.retrieval import Retrieval
from watchme_analysis.text.formats import readable_name
from watchme_analysis.text.message import Quotation, Resource
from watchme_analysis.text.render import error_message, note

if TYPE_CHECKING:
    import pandas as pd

Found = TypeVar("Found")

# File name endings of compressed files; the compression itself is detected from the content.
PACKED_ENDINGS = (".gz", ".zst", ".bz2", ".xz")


_JSON_BLANKS = " \t\r\n"
# Bytes in which line feeds are counted at once.
_COUNTED_BYTES = 1 << 20


class Content(NamedTuple):
    """Decompressed bytes of a file, and the problem of its decompression (None without a problem)."""

    data: bytes
    problem: str | None


class _FirstBytes(io.RawIOBase):
    """The first bytes of a file as a file of its own."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size, self._at = file, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = self._file.seek(start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        room = memoryview(buffer)[: max(0, self._size - self._at)]
        count = cast(Any, self._file).readinto(room) if len(room) else 0
        self._at += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def first_bytes(file: BinaryIO, size: int) -> io.BufferedReader:
    """Return a stream of the first bytes of a file that may grow meanwhile; closing it closes the file."""
    return io.BufferedReader(_FirstBytes(file, size))


class TablePart(NamedTuple):
    """The rows of a file for one table; a large part is in a Parquet file instead of the frame."""

    table: str
    frame: pd.DataFrame
    retrieval: Retrieval
    spilled: Path | None = None


class Spill(NamedTuple):
    """Folder for rows that exceed memory, and the file size in bytes from which it is used."""

    folder: Path
    from_bytes: int


def size_key(name: str) -> Hashable:
    """Return the key of the number of bytes to read of a file, in the cache of :attr:`RawFile.known`."""
    return "size", name


def unpacked_name(name: str) -> str:
    """Return a file's name without the ending of a compressed file."""
    return name.rpartition(".")[0] if name.endswith(PACKED_ENDINGS) else name


def link_problem(root: Path, path: Path) -> str:
    """Return the reason why a symbolic link in an evidence folder is not followed; empty if it is followed.

    A link may lead to another path of the folder. Files outside of it belong to the local machine, are not
    evidence and may be secret.
    """
    if not path.is_symlink():
        return ""
    try:
        whole = path.resolve(strict=True)
    except (OSError, RuntimeError):
        return note("left-link-nowhere")
    if whole.is_relative_to(root.resolve()):
        return ""
    return note("left-link-outside", target=Resource(str(whole)))


def is_file_below(root: Path, relative: str) -> bool:
    """Return whether a path that evidence names is a file of the folder; it may be any text."""
    try:
        place = root / relative
        return (
            place.is_file()
            and place.resolve().is_relative_to(root.resolve())
            and not link_problem(root, place)
        )
    except (OSError, ValueError):  # too long, or with a NUL
        return False


def _decompressed(stream: BinaryIO, most: float = inf) -> Content:
    """Return the content of a compressed stream, reading hardly more than ``most`` bytes of it."""
    good = bytearray()
    try:
        for piece in unpacked(stream):
            good += piece
            if len(good) >= most:
                break
    except TruncatedError as error:
        return Content(bytes(good), error.reason)
    return Content(bytes(good), None)


def read_content(stream: BinaryIO, limits: Limits | None = None) -> Content:
    """Return the decompressed bytes of a file, up to damage or to a limit of files read into memory."""
    limits = limits or load_config().limits
    most = limits.file_mib * MIB
    first = stream.read(max(map(len, PACKED_MAGIC)))
    stream.seek(0)
    is_packed = first.startswith(PACKED_MAGIC)
    data, problem = _decompressed(stream, most + 1) if is_packed else Content(stream.read(most + 1), None)
    if len(data) > most:
        data = data[:most]
        read = Resource(f"{limits.file_mib} MiB")
        problem = note("problem-size", read=read, limit=limit_reached(limits, "file_mib"))
    end = _end_of_lines(data, limits.lines)
    if end < len(data):
        data = data[:end]
        problem = note("problem-lines", lines=limits.lines, limit=limit_reached(limits, "lines"))
    return Content(data, problem)


def _end_of_lines(data: bytes, lines: int) -> int:
    """Return the position behind a number of lines; the size of the data if it has no more lines."""
    if len(data) <= lines or data.count(b"\n") <= lines:
        return len(data)
    at = 0
    # Counting a part is much faster than searching for each line feed.
    while (count := data.count(b"\n", at, at + _COUNTED_BYTES)) < lines:
        lines -= count
        at += _COUNTED_BYTES
    for _ in range(lines):
        at = data.index(b"\n", at) + 1
    return at


def too_many_values(data: bytes) -> str | None:
    """Return the problem of JSON whose values take far more memory than its bytes; None without it.

    A value begins with or follows a comma or bracket. An empty object of three bytes takes twenty times that.
    """
    limits = load_config().limits
    if sum(map(data.count, (b",", b"[", b"{"))) <= limits.json_values:
        return None
    return note("problem-json-values", limit=limit_reached(limits, "json_values"))


def load_json(data: bytes) -> tuple[Any, str | None]:
    """Return the JSON value, or its complete part, and the problem of the rest.

    A truncated document is cut after its last complete element and closed there.

    ``problem`` is None for a complete document; ``value`` is None when no part is complete.
    """
    if problem := too_many_values(data):
        return None, problem
    text = data.decode("utf-8-sig", errors="replace")
    try:
        return _whole_json(text), None
    except RecursionError:
        return load_json(shallow(text)[0].encode())
    except ValueError as error:
        problem = note("problem-json", error=Quotation(str(error)))
    for cut, open_blocks in reversed(_cuts(text)):
        try:
            return _whole_json(text[:cut] + "".join(reversed(open_blocks))), problem
        except ValueError:
            continue
    return None, problem


def _whole_json(text: str) -> Any:
    """Return the JSON value of a text that holds nothing else."""
    value, end = json_at(text, len(text) - len(text.lstrip(_JSON_BLANKS)))
    if text[end:].strip(_JSON_BLANKS):
        raise json.JSONDecodeError("Extra data", text, end)
    return value


def _cuts(text: str) -> list[tuple[int, tuple[str, ...]]]:
    """Return the last positions at which a truncated JSON text may be cut, with the blocks open there."""
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
                # A cut here would leave an empty element at the end of the list.
                after = ""
                continue
        elif char in "}]":
            if not stack or stack.pop() != char:
                break
            at += 1
        else:
            try:
                _, end = json_at(text, at)
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


# Bytes by which a file without content is told.
_BLANK_BYTES = 64


@dataclass(frozen=True)
class RawFile:
    """A file of an evidence folder.

    - ``root``: folder that is imported.
    - ``relative``: POSIX path below the root, as on disk; bytes that are not UTF-8 are written as escapes.
    - ``zone``: zone of times without a zone.
    - ``settings``: settings of the file in ``case.toml`` (``[files."NAME"]``), merged over the settings of
      all files.
    - ``spill``: destination of the rows of large files; None keeps all rows in memory.
    - ``known``: cache of searches in folders, shared by the files that are read together; see :meth:`once`.
    - ``remarks``: sentences for the accounting about values of the file that could not be kept unchanged,
      without the file's name.
    - ``on_disk``: relative path as the file system stores it.
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
        """Relative path without the ending of a compressed file."""
        return unpacked_name(self.relative)

    def open(self) -> BinaryIO:
        """Open the file; bytes that were added since it was hashed are not read."""
        file = self.path.open("rb")
        most = self.known.get(size_key(self.on_disk))
        return file if most is None else first_bytes(file, most)

    @cached_property
    def content(self) -> Content:
        """The file's decompressed bytes, cut off at the limits; Japanese text is converted to UTF-8."""
        try:
            with self.open() as file:
                found = read_content(file)
        except OSError as error:
            raise InputError(error_message("error-file-unreadable", path=self.path, reason=error)) from error
        # Python's source states its encoding itself.
        if self.name.endswith(".py"):
            return found
        data, remark = as_utf8(found.data)
        self.remarks.extend([remark] if remark else [])
        return Content(data, found.problem)

    def head(self, size: int = 65536) -> bytes:
        """Return the first decompressed bytes; of a large file, only these are read."""
        if not self.is_large or "content" in self.__dict__:
            return self.content.data[:size]
        with self.open() as file:
            first = file.read(size)
        if first.startswith(PACKED_MAGIC):
            with self.open() as file:
                first = _decompressed(file, size).data[:size]
        # A cut may have split the last character.
        whole, end, rest = first.rpartition(b"\n")
        return as_utf8(whole + end).data + rest

    @cached_property
    def is_large(self) -> bool:
        """True if the file's rows should be written to the spill's folder."""
        if self.spill is None:
            return False
        size = self.path.stat().st_size
        if size >= self.spill.from_bytes:
            return True
        # Compressed logs have a tenth of their size or less.
        packed = size >= self.spill.from_bytes // 10
        if packed:
            with self.path.open("rb") as file:
                packed = file.read(max(map(len, PACKED_MAGIC))).startswith(PACKED_MAGIC)
        return packed

    def service(self, stem: str) -> str | None:
        """Return the suffix of the file's name that identifies the service, None without a suffix.

        ``RawFile(root, "app-billing.log").service("app")`` is ``"billing"``.
        """
        found = re.match(rf"{re.escape(stem)}[-_](?P<suffix>[^.]+)", Path(self.name).name)
        return found["suffix"] if found else None

    def once(self, what: Hashable, find: Callable[[], Found]) -> Found:
        """Return the result of a search in the file's folder, shared by all files that are read together.

        A folder may hold thousands of logs, and a search for each of them takes longer than reading them.
        """
        key = (what, self.path.parent)
        if key not in self.known:
            self.known[key] = find()
        found: Found = self.known[key]
        return found

    def beside(self, *patterns: str) -> list[RawFile]:
        """Return the files in the same folder whose name (without .gz etc.) matches a pattern, sorted."""
        folder = self.path.parent
        names = self.once("names", lambda: sorted(path.name for path in folder.iterdir()))
        # Most names do not match, so only matching names are checked on disk.
        fit = (n for n in names if any(fnmatch.fnmatch(unpacked_name(n), one) for one in patterns))
        return [
            RawFile(
                self.root,
                (folder / name).relative_to(self.root).as_posix(),
                self.zone,
                self.settings,
                known=self.known,
            )
            for name in fit
            if (folder / name).is_file() and not link_problem(self.root, folder / name)
        ]


def is_blank(raw: RawFile) -> bool:
    """Return True for a file that holds nothing or an empty value, which the AWS CLI writes for no result."""
    return raw.head(_BLANK_BYTES).strip() in {b"", b"{}", b"[]", b"null"}


def other_script(raw: RawFile) -> str | None:
    """Return why a script is left that starts neither a server nor containers; None for other files."""
    is_script = raw.name.endswith((".sh", ".service")) or Path(raw.name).name == "Makefile"
    return note("left-other-script") if is_script else None


@dataclass(frozen=True)
class Source:
    """A kind of evidence file.

    Attributes
    ----------
    name
        Name of the kind, such as ``nginx_access``.
    tables
        Tables that it fills.
    patterns
        File name patterns (fnmatch, relative POSIX path without .gz etc.). A pattern without a slash is
        compared with the last component only.
    looks_like
        Returns True if the content may be of this kind; True for an empty file.
    read
        Reads a file into parts; rejected and truncated parts are listed in the retrieval.
    by_content
        True if content alone is sufficient when the name matches no kind.
    keep
        True if the case keeps a copy of the file (configurations, sources).
    finish
        Called once with the table's name and the rows of all files together, for checks across files
        (duplicate points of two dumps); returns the rows and notes.
    declined
        Returns the reason why a file with a matching name is not read, or advice; None for other content.
    samples
        Samples for a generic test: text and the expected number of rows.
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
        """Return whether the file's name matches a pattern."""
        # The files of a folder are compared with the patterns of all readers, several times.
        return name_fits(raw.name, self.patterns)


@lru_cache(maxsize=1 << 14)
def name_fits(name: str, patterns: tuple[str, ...]) -> bool:
    """Return whether a relative path matches a pattern of :attr:`Source.patterns`."""
    of_path, of_name = _matchers(patterns)
    normal = os.path.normcase(f"/{name}")
    return bool(of_path.match(normal) or of_name.match(os.path.basename(normal)))  # noqa: PTH119


@cache
def _matchers(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return expressions of the patterns with a folder, for whole paths, and of those for a file's name."""
    parts = [f"*/{each}" for each in patterns if "/" in each], [each for each in patterns if "/" not in each]
    of_path, of_name = (
        re.compile("|".join(fnmatch.translate(os.path.normcase(each)) for each in part) or "(?!)")
        for part in parts
    )
    return of_path, of_name


def one_table(
    table: str, read: Callable[[RawFile], tuple[pd.DataFrame, Retrieval]]
) -> Callable[[RawFile], Iterable[TablePart]]:
    """Return a function for :attr:`Source.read` from a reader that fills one table."""
    return lambda raw: (TablePart(table, *read(raw)),)
