"""An application's source: handlers, and calls of Python that can block, read without running it."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from watchme_analysis.app_source.calls import Calls
from watchme_analysis.app_source.concurrency_limits import limits
from watchme_analysis.app_source.express import express_routes
from watchme_analysis.app_source.handler import POOL, UNKNOWN
from watchme_analysis.app_source.names import Project
from watchme_analysis.app_source.routes import Routes
from watchme_analysis.app_source.source_files import (
    MAX_BYTES,
    is_python,
    is_source,
    nearest,
    parse_source,
    read_files,
    source_files,
)
from watchme_analysis.app_source.syntax import Function
from watchme_analysis.files.evidence_file import RawFile, TablePart, unpacked_name
from watchme_analysis.files.storable_values import frame_of_rows
from watchme_analysis.retrieval import Rejected, Retrieval
from watchme_analysis.schema import empty
from watchme_analysis.text.message import Resource
from watchme_analysis.text.render import note

if TYPE_CHECKING:
    import ast

    import pandas as pd

    from watchme_analysis.app_source.handler import Handler

TABLES = ("app_handlers", "app_calls")
# Bytes of the largest script that is searched, by choice: larger ones are bundles for browsers.
LARGEST_SCRIPT = 1_000_000


@dataclass(slots=True)
class _Folder:
    """The rows of a folder's source by table and file, and the files that could not be read."""

    names: list[str]
    rows: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    rejected: dict[str, Rejected] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)


def analyse(files: dict[str, ast.Module]) -> Calls:
    """Return the call graph of a project, by relative POSIX path and syntax tree of each file."""
    project = Project(files)
    return Calls(project, Routes(project))


def handler_rows(calls: Calls) -> list[dict[str, Any]]:
    """Return rows of ``app_handlers``."""
    return [
        *calls.other.rows,
        *map(partial(_handler_row, calls), calls.handlers),
    ]


def _handler_row(calls: Calls, handler: Handler) -> dict[str, Any]:
    return {
        "file": handler.function.module.file,
        "line": handler.line,
        "function": handler.function.name,
        "method": handler.method,
        "path": handler.path,
        "is_async": handler.function.is_async,
        "framework": handler.framework,
        "runs_on": None if handler.context == UNKNOWN else handler.context,
        "response_status": handler.status,
        "background_tasks": json.dumps(list(dict.fromkeys(calls.body(handler.function).background))),
        "application_file": handler.application,
        "unknown_calls": json.dumps(calls.unknown_calls(handler)),
        "unknown_in_threads": json.dumps(calls.unknown_calls(handler, POOL)),
    }


def call_rows(calls: Calls) -> list[dict[str, Any]]:
    """Return rows of ``app_calls``: per call, origin and context, and for unreached calls and limits."""
    rows = []
    for at in calls.reached:
        if not calls.body(at.function).sites:
            continue
        where: dict[str, Any] = {
            "reached_from": at.origin,
            "application_file": at.application,
            "context": at.context,
            "chain": json.dumps(list(at.chain)),
        }
        for site in calls.body(at.function).sites:
            certain = {"is_certain": at.is_certain and site.is_certain}
            rows.append(_row(at.function, site) | where | certain)
    known = {at.function for at in calls.reached}
    for function in calls.project.functions.values():
        if function not in known:
            where = {"reached_from": None, "context": "unknown", "chain": json.dumps([function.name])}
            rows += [_row(function, site) | where for site in calls.body(function).sites]
    rows += [
        {
            "file": limit.scope.module.file,
            "line": limit.line,
            "function": limit.scope.name if isinstance(limit.scope, Function) else "<module>",
            "call": limit.call,
            "kind": "limit",
            "context": "unknown",
            "reached_from": None,
            "at_once": limit.size,
            "variable": limit.variable,
        }
        for limit in limits(calls.routes)
    ]
    return sorted(rows, key=lambda row: (row["file"], row["line"], row["call"], row["reached_from"] or ""))


def _row(function: Any, site: Any) -> dict[str, Any]:
    return {
        "file": function.module.file,
        "line": site.line,
        "function": function.name,
        "call": site.call,
        "kind": site.kind,
        "timeout_s": site.timeout_s,
        "is_certain": site.is_certain,
    }


def read_folder(root: Path, names: list[str]) -> _Folder:
    """Return the rows of the source files of a folder, by their relative paths."""
    folder = _Folder(names)
    texts, folder.rejected = read_files(root, names)
    scripts = {name: text for name, text in texts.items() if not is_python(name)}
    folder.unread = {name for name, text in scripts.items() if len(text) > LARGEST_SCRIPT}
    texts = {name: text for name, text in texts.items() if name not in scripts}
    if sum(map(len, texts.values())) > MAX_BYTES:
        taken = nearest(texts, MAX_BYTES)
        folder.unread |= set(texts) - taken
        texts = {name: text for name, text in texts.items() if name in taken}
    trees = {}
    with _no_collection():
        for name, text in texts.items():
            tree, rejected = parse_source(text, name)
            if tree is not None:
                trees[unpacked_name(name)] = tree
            if rejected is not None:
                folder.rejected[name] = rejected
        calls = analyse(trees)
        read = {unpacked_name(name): text for name, text in scripts.items() if name not in folder.unread}
        handlers = [*handler_rows(calls), *express_routes(read)]
        for table, rows in zip(TABLES, (handlers, call_rows(calls)), strict=True):
            for row in rows:
                folder.rows.setdefault((table, row["file"]), []).append(row)
    return folder


@contextmanager
def _no_collection() -> Iterator[None]:
    """Pause garbage collection during the creation of millions of nodes, all of which are kept."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _folder(raw: RawFile) -> _Folder:
    """Return the rows of the file's folder, which all files that are read together share."""
    known: _Folder | None = raw.known.get(read_folder)
    if known is None or raw.relative not in known.names:
        # A file that `case.toml` names may have any name.
        names = dict.fromkeys([*source_files(raw.root), raw.relative])
        known = raw.known[read_folder] = read_folder(raw.root, list(names))
    return known


@cache
def _no_rows(table: str) -> pd.DataFrame:
    """Return the empty frame that all files without handlers and blocking calls share."""
    return empty(table)


def read_app_source(raw: RawFile) -> list[TablePart]:
    """Return ``app_handlers`` and ``app_calls`` of a source file, resolved with the modules of its folder.

    The path from a handler to a call may lead through other files. A file that is not valid Python is a
    single rejected entry; JavaScript is not parsed.
    """
    folder = _folder(raw)
    rejected = folder.rejected.get(raw.relative)
    problems = [rejected] if rejected else []
    if raw.content.problem:
        problems.append(Rejected(raw.relative, 0, raw.content.problem))
    notes: tuple[str, ...] = ()
    if raw.relative in folder.unread:
        notes = (
            note(
                "note-source-not-read",
                file=Resource(raw.relative),
                files=len(folder.names),
                read=Resource(f"{MAX_BYTES / 1e6:.0f} MB"),
            ),
        )
    pieces = []
    for table in TABLES:
        rows = folder.rows.get((table, raw.name), [])
        own = [row | {"file": raw.relative} for row in rows]
        frame = frame_of_rows(table, own, raw.remarks) if own else _no_rows(table)
        first = table == "app_handlers"
        retrieval = Retrieval(
            source="app_source",
            origin=raw.relative,
            rows=len(frame),
            rejected=tuple(problems) if first else (),
            truncated=bool(problems or notes),
            notes=notes if first else (),
        )
        pieces.append(TablePart(table, frame, retrieval))
    return pieces


def looks_like(raw: RawFile) -> bool:
    """Return True for text that belongs to the application by its name."""
    return is_source(PurePosixPath(raw.name)) and b"\0" not in raw.head(4096)


def declined(raw: RawFile) -> str | None:
    """Return why a source file is left that lies outside of the application."""
    if is_source(PurePosixPath(raw.name)):
        return None
    return note("left-other-source")
