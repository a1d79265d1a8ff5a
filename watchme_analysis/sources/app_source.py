"""An application's Python source: handlers, and calls that can block, read without running it."""

from __future__ import annotations

import ast
import gc
import json
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from watchme_analysis.retrieval import Rejected, Retrieval
from watchme_analysis.schema import conform
from watchme_analysis.sources.app_calls import LOOP, POOL, Calls, Site
from watchme_analysis.sources.app_routes import Routes
from watchme_analysis.sources.async_rules import async_rule_findings
from watchme_analysis.sources.python_project import Project
from watchme_analysis.sources.raw import Piece, RawFile, Source

if TYPE_CHECKING:
    import pandas as pd

# Not the application: read neither as evidence nor as part of the project.
_SKIPPED = {"tests", "test", "node_modules", "site-packages", ".venv", "venv", "migrations", "alembic"}
MAX_FILES = 1000
_BARE_EXCEPT = re.compile(rb"^(\s*except\*?\s+)([\w.]+(?:\s*,\s*[\w.]+)+)(\s*:)", re.MULTILINE)


def parse_source(data: bytes, name: str) -> tuple[ast.Module | None, Rejected | None]:
    """Return the syntax tree of a file, or why there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            try:
                return ast.parse(data), None
            except SyntaxError:
                # Python 3.14 (PEP 758) lets several exceptions go without parentheses.
                return ast.parse(_BARE_EXCEPT.sub(rb"\1(\2)\3", data)), None
    except SyntaxError as error:
        line = error.lineno or 0
        text = (error.text or "").rstrip("\n")
        return None, Rejected(name, line, f"it is no Python: {error.msg}", text[:2000])
    except ValueError as error:
        return None, Rejected(name, 0, f"it is no Python: {error}")


def analyse(files: dict[str, ast.Module]) -> Calls:
    """Return the call graph of a project.

    Parameters
    ----------
    files
        Relative POSIX path and syntax tree of each file.
    """
    project = Project(files)
    return Calls(project, Routes(project))


def handler_rows(calls: Calls) -> list[dict[str, Any]]:
    """Return rows of ``app_handlers``."""
    return [
        {
            "file": handler.function.module.file,
            "line": handler.line,
            "function": handler.function.name,
            "method": handler.method,
            "path": handler.path,
            "is_async": handler.function.is_async,
            "runs_on": LOOP if handler.function.is_async else POOL,
            "response_status": handler.status,
            "background_tasks": json.dumps(list(dict.fromkeys(calls.body(handler.function).background))),
        }
        for handler in calls.handlers
    ]


def call_rows(calls: Calls) -> list[dict[str, Any]]:
    """Return rows of ``app_calls``: one per call, origin and context; calls not reached stand once."""
    reached = calls.reached()
    rows = []
    for at in reached:
        where: dict[str, Any] = {
            "reached_from": at.origin,
            "context": at.context,
            "chain": json.dumps(list(at.chain)),
        }
        rows += [_row(at.function, site) | where for site in calls.body(at.function).sites]
    known = {at.function.qualname for at in reached}
    for function in calls.project.functions.values():
        if function.qualname not in known:
            where = {"reached_from": None, "context": "unknown", "chain": json.dumps([function.name])}
            rows += [_row(function, site) | where for site in calls.body(function).sites]
    return sorted(rows, key=lambda row: (row["file"], row["line"], row["call"], row["reached_from"] or ""))


def _row(function: Any, site: Any) -> dict[str, Any]:
    return {
        "file": function.module.file,
        "line": site.line,
        "function": function.name,
        "call": site.call,
        "kind": site.kind,
        "timeout_s": site.timeout_s,
    }


def _is_source(path: PurePosixPath) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return (
        not hidden and not _SKIPPED & set(path.parts[:-1]) and not path.name.startswith(("test_", "conftest"))
    )


@lru_cache(maxsize=4)
def _rows(root: Path, _state: tuple[tuple[str, int, int], ...]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of all files of a folder; ``_state`` makes a changed file count."""
    files = {}
    with _no_collection():
        for relative, _, _ in _state:
            raw = RawFile(root, relative)
            tree, _ = parse_source(raw.content.data, raw.name)
            if tree is not None:
                files[raw.name] = tree
        calls = analyse(files)
        for found in async_rule_findings(root, files):
            calls.add(found.file, Site(found.line, found.call, found.kind, None))
        return {"app_handlers": handler_rows(calls), "app_calls": call_rows(calls)}


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector from going again and again through millions of nodes that all live."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _state(raw: RawFile) -> tuple[tuple[str, int, int], ...]:
    """Return the source files of the imported folder with their size and time, this one among them."""
    found = {raw.relative}
    for path in sorted([*raw.root.rglob("*.py"), *raw.root.rglob("*.py.gz")]):
        relative = path.relative_to(raw.root)
        if path.is_file() and _is_source(PurePosixPath(relative.as_posix())) and len(found) < MAX_FILES:
            found.add(relative.as_posix())
    stats = ((name, (raw.root / name).stat()) for name in sorted(found))
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


def read_app_source(raw: RawFile) -> list[tuple[str, pd.DataFrame, Retrieval]]:
    """Read a file of Python source, together with the modules of the same folder that it works with.

    Returns
    -------
    list of table, frame, retrieval
        ``app_handlers`` and ``app_calls`` of this file. The way from a handler to a call may lead through
        other files. A file that is no Python is one rejected entry.
    """
    import pandas as pd

    content = raw.content
    _, rejected = parse_source(content.data, raw.relative)
    problems = [rejected] if rejected else []
    if content.problem:
        problems.append(Rejected(raw.relative, 0, content.problem))
    pieces = []
    rows = _rows(raw.root, _state(raw)) if not rejected else {}
    for table in ("app_handlers", "app_calls"):
        own = [row | {"file": raw.relative} for row in rows.get(table, []) if row["file"] == raw.name]
        frame = conform(table, pd.DataFrame(own))
        retrieval = Retrieval(
            source="app_source",
            origin=raw.relative,
            rows=len(frame),
            rejected=tuple(problems) if table == "app_handlers" else (),
            truncated=bool(problems),
        )
        pieces.append((table, frame, retrieval))
    return pieces


def _read(raw: RawFile) -> Iterable[Piece]:
    for table, frame, retrieval in read_app_source(raw):
        yield Piece(table, frame, retrieval)


def _looks_like(raw: RawFile) -> bool:
    return _is_source(PurePosixPath(raw.name)) and b"\0" not in raw.head(4096)


_SAMPLE = """
import time
from fastapi import FastAPI
app = FastAPI()
@app.get("/health")
async def health():
    time.sleep(1)
"""

SOURCES = (
    Source(
        name="app_source",
        tables=("app_handlers", "app_calls"),
        patterns=("app*.py", "main*.py", "*.py"),
        looks_like=_looks_like,
        read=_read,
        keep=True,
        samples=((_SAMPLE, 2),),
    ),
)
