"""Inputs of access logs: files, globs, folders, standard input and S3."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from errno import ENOENT
from fnmatch import fnmatchcase
from itertools import zip_longest
from os import strerror
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from watchme_analysis.access_logs.line_blocks import Block, Buffers, ahead, blocks_from
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.files.decompress import TruncatedError, unpacked, unpacking
from watchme_analysis.retrieval import Rejected, Retrieval
from watchme_analysis.text.formats import readable_name
from watchme_analysis.text.message import Choice, Resource
from watchme_analysis.text.render import ErrorMessage, error_message, error_sentence, note

# Bytes per request to S3, because each request has a latency.
REQUEST_BYTES = 8 << 20
# The library's default timeouts, one and three seconds, suit only a network without problems.
_CONNECT_S, _SILENT_S = 10.0, 60.0
_BEGINNING_BYTES = 256
_Read = TypeVar("_Read", Block, bytes)
_NAMES = {"access": ("*access*.log*", "*access*.json*"), "error": ("*error*.log*",)}


@dataclass(frozen=True)
class Input:
    """An input: file, pipe or S3 object.

    - ``name``: as stated, or as found.
    - ``open``: opens it; raises OSError.
    - ``path``: path of a file, else None.
    - ``size``: stored size in bytes; None for an input that can be read only once.
    - ``open_anywhere``: opens it for random access, None if that is not possible.
    - ``begin``: first bytes of the file, which identify it after a rotation.
    - ``inode``: inode number of the file, which stays when a log is emptied.
    """

    name: str
    open: Callable[[], BinaryIO]
    path: Path | None = None
    size: int | None = None
    open_anywhere: Callable[[], BinaryIO] | None = None
    begin: bytes = b""
    inode: int | None = None

    def pieces(self) -> Iterator[bytes]:
        """Yield the decompressed bytes in pieces.

        Raises TruncatedError after the undamaged part of compressed data, after a read error, and when the
        file is gone. Raises InputError if none of it can be read.
        """
        yield from self._reading(unpacked)

    def blocks(self, size: int, buffers: Buffers) -> Iterator[Block]:
        """Return blocks of whole lines of the decompressed bytes, as :func:`blocks_from` does.

        Another thread reads and decompresses the next block of a file; a pipe is read only as far as
        requested. Raises as :meth:`pieces`.
        """
        found = self._reading(lambda stream: blocks_from(unpacking(stream), size, buffers))
        return found if self.size is None else ahead(found)

    def _reading(self, read: Callable[[BinaryIO], Iterator[_Read]]) -> Iterator[_Read]:
        some = False
        try:
            with self.open() as stream:
                for one in read(stream):
                    some = True
                    yield one
        except OSError as error:
            if some:
                # What was read is kept.
                raise TruncatedError(error_sentence("reject-broke-off", reason=error)) from error
            if isinstance(error, FileNotFoundError):
                raise TruncatedError(note("reject-gone")) from error
            problem = ServiceError if self.name.startswith("s3://") else InputError
            raise problem(error_message("error-file-unreadable", path=self.name, reason=error)) from error

    def head(self, size: int = 1 << 16) -> bytes:
        """Return the first decompressed bytes, as far as a truncated input can be read."""
        found = bytearray()
        try:
            for piece in self.pieces():
                found += piece
                if len(found) >= size:
                    break
        except TruncatedError:
            pass
        return bytes(found[:size])


def find_inputs(names: list[str], kind: str = "access") -> list[Input]:
    """Return the inputs for names.

    ``names``: files, glob patterns, folders (their logs, at any depth), ``-`` for standard input, or
    ``s3://bucket/key``, ``s3://bucket/prefix/`` and ``s3://bucket/prefix/*.log.gz``, in which stars also
    match slashes; ``kind``: kind of logs in a folder: ``access`` or ``error``. Raises InputError if a name
    matches no input.
    """
    found: dict[str, Input] = {}
    for name in names:
        if name == "-":
            found[name] = Input("-", lambda: sys.stdin.buffer)
        elif name.startswith("s3://"):
            found.update((one.name, one) for one in _from_s3(name))
        else:
            paths = _paths(name, kind)
            if not paths:
                raise InputError(_nothing(name, kind))
            found.update((str(path), input_of(path)) for path in paths)
    return list(found.values())


def _nothing(name: str, kind: str) -> ErrorMessage:
    if Path(name).is_dir():
        names = " ".join(_NAMES[kind])
        return error_message("error-folder-without-log", folder=name, kind=Choice(kind), names=names)
    return error_message("error-no-log", name=name, kind=Choice(kind))


def input_of(path: Path) -> Input:
    """Return a file or a pipe as an input; the input of an inaccessible folder cannot be opened."""
    name = readable_name(str(path))
    if path.is_dir():
        return Input(name, _opener(path), path, 0)
    # A pipe, such as that of a shell's <(..), can be read only once.
    if not path.is_file():
        return Input(name, _opener(path))
    begin = _beginning(path)
    opener = _opener(path, begin)
    found = path.stat()
    return Input(name, opener, path, found.st_size, opener, begin, found.st_ino)


def _opener(path: Path, begin: bytes = b"") -> Callable[[], BinaryIO]:
    return lambda: now_at(path, begin).open("rb")


def now_at(path: Path, begin: bytes) -> Path:
    """Return the current path of a file that may have been rotated since it was found.

    Logs are identified by their first bytes, which contain a time, because inode numbers are soon reused.

    Raises FileNotFoundError if no file of its folder has the same beginning.
    """
    # A log that was shorter than its beginning may have grown.
    if not begin or _beginning(path).startswith(begin):
        return path
    for one in sorted(path.parent.iterdir()):
        if one.is_file() and _beginning(one).startswith(begin):
            return one
    raise FileNotFoundError(ENOENT, strerror(ENOENT), str(path))


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_BEGINNING_BYTES)
    except OSError:
        return b""


def _paths(name: str, kind: str) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        return sorted(_in_folder(path, _NAMES[kind]))
    if path.exists():
        return [path]
    # Path.glob refuses absolute patterns.
    return sorted(Path(one) for one in glob.glob(name, recursive=True) if Path(one).is_file())  # noqa: PTH207


def _in_folder(folder: Path, patterns: Sequence[str]) -> Iterator[Path]:
    """Yield the logs below a folder, and inaccessible folders."""
    closed: list[OSError] = []
    for place, _, names in os.walk(folder, onerror=closed.append):
        paths = [Path(place, name) for name in names if any(fnmatchcase(name, one) for one in patterns)]
        yield from filter(Path.is_file, paths)
    yield from (Path(error.filename) for error in closed)


def s3_store() -> Any:
    """Return pyarrow's S3 file system, with the endpoint and region of the environment."""
    from pyarrow import fs

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return fs.S3FileSystem(
        endpoint_override=endpoint, region=region, connect_timeout=_CONNECT_S, request_timeout=_SILENT_S
    )


def _from_s3(name: str) -> list[Input]:
    from pyarrow import fs

    place = name.removeprefix("s3://")
    whole, star, _ = place.partition("*")
    # Objects that match a pattern are below the folder before its first star.
    folder = whole.rpartition("/")[0] if star else place.rstrip("/")
    if not folder:
        raise InputError(error_message("error-s3-no-bucket", name=name))
    try:
        store = s3_store()
        info = store.get_file_info(folder)
        if info.type == fs.FileType.File:
            objects = [info]
        else:
            selector = fs.FileSelector(folder, recursive=True, allow_not_found=True)
            listed = [one for one in store.get_file_info(selector) if one.type == fs.FileType.File]
            named = [one for one in listed if not star or fnmatchcase(one.path, place)]
            objects = sorted(named, key=lambda one: one.path)
    except OSError as error:
        raise ServiceError(error_message("error-s3-unlisted", name=name, reason=error)) from error
    if not objects:
        raise InputError(error_message("error-s3-no-object", name=name))
    return [_from_object(store, one.path, one.size) for one in objects]


def _from_object(store: Any, key: str, size: int) -> Input:
    # Without a compression setting, the stream returns the stored bytes.
    return Input(
        f"s3://{key}",
        lambda: store.open_input_stream(key, compression=None, buffer_size=REQUEST_BYTES),
        size=size,
        open_anywhere=lambda: store.open_input_file(key),
    )


def readable(inputs: list[Input]) -> tuple[list[Input], list[Retrieval]]:
    """Return the readable inputs, and the retrieval of each of the others.

    Raises InputError if there are inputs, and none is readable.
    """
    kept, unread, problems = [], [], []
    for one in inputs:
        try:
            # Opening a pipe would block until its writer opens it.
            if one.path is not None:
                one.open().close()
        except OSError as error:
            problems.append(error_message("error-file-unreadable", path=one.name, reason=error))
            rejected = (Rejected(one.name, 0, error_sentence("reject-unreadable", reason=error)),)
            unread.append(Retrieval("nginx_access", one.name, lines=0, rejected=rejected, truncated=True))
        else:
            kept.append(one)
    if problems and not kept:
        raise InputError(problems[0])
    return kept, unread


def without_copies(inputs: list[Input]) -> tuple[list[Input], list[str]]:
    """Return the inputs without those that are the beginning of another, and sentences about them.

    A rotated file and its compressed copy hold the same lines, which must be counted once.
    """
    kept: list[tuple[Input, bytes]] = []
    notes: list[str] = []
    for one in inputs:
        if one.size is None:
            kept.append((one, b""))
            continue
        head = one.head()
        for at, (other, other_head) in enumerate(kept):
            size = min(len(head), len(other_head))
            if not size or head[:size] != other_head[:size]:
                continue
            shorter, longer = _begins(one, other)
            if shorter is None:
                continue
            copy, whole = Resource(shorter.name), Resource(longer.name)
            notes.append(note("access-note-copy", copy=copy, whole=whole))
            if shorter is other:
                kept[at] = (one, head)
            break
        else:
            kept.append((one, head))
    return [one for one, _ in kept], notes


def _begins(one: Input, other: Input) -> tuple[Input | None, Input]:
    """Return the input that is the beginning of the other (None if neither is), and the other."""
    size = 1 << 16
    for left, right in zip_longest(_even(one, size), _even(other, size), fillvalue=b""):
        if left == right:
            continue
        if right.startswith(left):
            return one, other
        return (other, one) if left.startswith(right) else (None, other)
    return one, other


def _even(one: Input, size: int) -> Iterator[bytes]:
    """Yield decompressed bytes in parts of equal size; truncated data ends the parts."""
    held = bytearray()
    try:
        for piece in one.pieces():
            held += piece
            while len(held) >= size:
                yield bytes(held[:size])
                del held[:size]
    except TruncatedError:
        pass
    if held:
        yield bytes(held)
