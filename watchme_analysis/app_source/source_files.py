"""Source files of an application, found by name, and their syntax trees on any Python version.

Since PEP 701 (Python 3.12) the expressions of an f-string may contain its own quotes, backslashes and line
breaks. On older versions such f-strings are replaced, so that the rest of the file can be parsed.
"""

from __future__ import annotations

import ast
import contextlib
import os
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from watchme_analysis.errors import InputError
from watchme_analysis.files.evidence_file import RawFile, link_problem, unpacked_name
from watchme_analysis.redact import shortened
from watchme_analysis.retrieval import Rejected
from watchme_analysis.text.message import Resource
from watchme_analysis.text.render import as_message, note, text_of_error

_STRING = re.compile(rb"#[^\n]*|(?<!\w)(?P<prefix>[A-Za-z]{0,2})(?P<quote>'''|\"\"\"|'|\")")


def older_fstrings(data: bytes) -> bytes:
    """Return source with an empty string in place of each unsupported f-string, on the same lines.

    Calls in the expressions of these f-strings are lost, but the rest of the file is not.
    """
    kept, at = [], 0
    while found := _STRING.search(data, at):
        kept.append(data[at : found.start()])
        at = _end(data, found)
        text = data[found.start() : at]
        if found["quote"] is not None and b"f" in found["prefix"].lower() and not _is_read(text):
            lines = text.count(b"\n")
            text = b'"""' + b"\n" * lines + b'"""' if lines else b'""'
        kept.append(text)
    return b"".join([*kept, data[at:]])


def _is_read(text: bytes) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _end(data: bytes, found: re.Match[bytes]) -> int:
    """Return the end of the comment or string that begins at a match; the end of the source if it is open."""
    quote = found["quote"]
    if quote is None:
        return found.end()
    at, depth = found.end(), 0
    is_formatted = b"f" in found["prefix"].lower()
    while at < len(data):
        if depth:
            nested = _STRING.match(data, at)
            if nested is not None and nested["quote"] is not None:
                at = _end(data, nested)
                continue
        elif data.startswith(quote, at):
            return at + len(quote)
        elif data[at] == ord("\\") or (is_formatted and data.startswith((b"{{", b"}}"), at)):
            at += 2
            continue
        if is_formatted:
            depth = max(depth + (data[at] == ord("{")) - (data[at] == ord("}")), 0)
        at += 1
    return len(data)


# Folders outside of the application, which are neither evidence nor part of the project.
_SKIPPED = {"tests", "test", "node_modules", "site-packages", ".venv", "venv", "migrations", "alembic"}
# Bytes of source that are parsed within a few seconds.
MAX_BYTES = 24_000_000
_BARE_EXCEPT = re.compile(rb"^(\s*except\*?\s+)([\w.]+(?:\s*,\s*[\w.]+)+)(\s*:)", re.MULTILINE)
# The head of a definition that may have type parameters, whose first bracket is the last group.
_HEAD = re.compile(
    rb"^([ \t]*)(type[ \t]+(?=\w+[ \t]*[=\[]))?((?(2)|(?:(?:async[ \t]+)?def|class)[ \t]+)\w+)(\[)?",
    re.MULTILINE,
)
_WEB = re.compile(rb"\b(fastapi|starlette|flask|django|express)\b", re.IGNORECASE)
# Endings of the names of source files.
_ENDINGS = (".py", ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts")
_IMPORTED = re.compile(
    rb"^\s*(?:from\s+([\w.]+)\s+import\s+([\w., ]+|\([^)]*\))|import\s+([\w., ]+))", re.MULTILINE
)


def is_source(path: PurePosixPath) -> bool:
    """Return True when a file belongs to the application according to its name."""
    hidden = any(part.startswith(".") for part in path.parts)
    return (
        not hidden and not _SKIPPED & set(path.parts[:-1]) and not path.name.startswith(("test_", "conftest"))
    )


def is_python(name: str) -> bool:
    """Return True when a file is Python by its name, possibly compressed."""
    return unpacked_name(name).endswith(".py")


def source_files(root: Path) -> list[str]:
    """Return an application's source files below a folder by relative path, including compressed files."""
    found: list[str] = []
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if not name.startswith(".") and name not in _SKIPPED]
        for name in names:
            path = Path(folder, name)
            relative = path.relative_to(root)
            is_own = unpacked_name(name).endswith(_ENDINGS) and is_source(PurePosixPath(relative.as_posix()))
            # Opening a pipe would wait for its writer.
            if is_own and path.is_file() and not link_problem(root, path):
                found.append(relative.as_posix())
    return sorted(found)


def read_files(root: Path, names: list[str]) -> tuple[dict[str, bytes], dict[str, Rejected]]:
    """Return the content of files, and the reasons why some cannot be read."""
    texts: dict[str, bytes] = {}
    problems: dict[str, Rejected] = {}
    for name in names:
        try:
            texts[name] = RawFile(root, name).content.data
        except InputError as error:
            problems[name] = Rejected(name, 0, text_of_error(error))
    return texts, problems


def nearest(texts: dict[str, bytes], max_bytes: int) -> set[str]:
    """Return the files to parse if all are too large: those of the web application before others.

    Files that import a web framework come first, then the files that they import, by the last part of
    the name, then the imports of those; the rest in order.
    """
    by_stem: dict[str, list[str]] = {}
    for name in texts:
        path = PurePosixPath(unpacked_name(name))
        by_stem.setdefault(path.parent.name if path.stem == "__init__" else path.stem, []).append(name)
    order = [name for name, text in texts.items() if _WEB.search(text)]
    known = set(order)
    for name in order:
        new = [other for stem in _stems(texts[name]) for other in by_stem.get(stem, ()) if other not in known]
        known.update(new)
        order += dict.fromkeys(new)
    taken, size = set(), 0
    for name in [*order, *(name for name in texts if name not in known)]:
        size += len(texts[name])
        if size <= max_bytes:
            taken.add(name)
    return taken


def _stems(text: bytes) -> Iterator[str]:
    for parts in _IMPORTED.findall(text):
        yield from re.findall(r"\w+", b" ".join(parts).decode("ascii", "replace"))


def parse_source(data: bytes, name: str) -> tuple[ast.Module | None, Rejected | None]:
    """Return the syntax tree of a file, or the reason why it cannot be parsed."""
    reader = "Python {}.{}".format(*sys.version_info)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            try:
                return ast.parse(data), None
            except SyntaxError as error:
                older = _in_older_words(data)
                for source in (older, older_fstrings(older)):
                    with contextlib.suppress(SyntaxError):
                        return ast.parse(source), None
                # Quote the original lines of the file.
                raise error from None
    except SyntaxError as error:
        line = error.lineno or 0
        text = (error.text or "").rstrip("\n")
        reason = note("problem-source", reader=Resource(reader), error=Resource(error.msg))
        return None, Rejected(name, line, reason, shortened(text, 2000))
    except ValueError as error:
        return None, Rejected(
            name,
            0,
            note("problem-source", reader=Resource(reader), error=as_message(error)),
        )
    except (MemoryError, RecursionError):
        return None, Rejected(name, 0, note("problem-source-nested", reader=Resource(reader)))


def _in_older_words(data: bytes) -> bytes:
    """Return source that Python 3.11 can parse, with every statement on its line.

    Type parameters and ``type`` statements (3.12) and several exceptions without parentheses (3.14) do not
    affect the calls.
    """
    data = _BARE_EXCEPT.sub(rb"\1(\2)\3", data)
    kept, at = [], 0
    for head in _HEAD.finditer(data):
        end = _closing(data, head.start(4)) if head[4] else head.end()
        lines = data.count(b"\n", head.end(), end)
        kept += [data[at : head.start()], head[1], head[3], b"\\\n" * lines]
        at = end
    return b"".join([*kept, data[at:]])


def _closing(data: bytes, at: int) -> int:
    """Return the position after the closing bracket of the bracket at a position."""
    depth = 0
    for place in range(at, len(data)):
        depth += (data[place] in b"[(") - (data[place] in b"])")
        if not depth:
            return place + 1
    return at
