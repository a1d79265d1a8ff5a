"""From a folder of raw evidence to a case.

Every file is accounted for: taken (by which reader, how many rows, what was rejected), or left with the
reason. The same input gives byte-identical tables, so a second import of the same folder changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from watchme_analysis.case.case_folder import Case, check_case_path, no_folder, read_case
from watchme_analysis.case.folders import check_one_case
from watchme_analysis.case.manifest import MANIFEST
from watchme_analysis.case.reader_registry import sources
from watchme_analysis.case.settings import CaseSettings, read_settings
from watchme_analysis.case.writer import FileReport, sha256_of, write_tables
from watchme_analysis.errors import CaseError, InputError, LeftOutError, WatchmeError
from watchme_analysis.files.evidence_file import (
    PACKED_ENDINGS,
    Content,
    RawFile,
    Source,
    Spill,
    TablePart,
    link_problem,
)
from watchme_analysis.files.json_values import DEEPEST, shallow
from watchme_analysis.files.lines import decoded
from watchme_analysis.files.process_temp_dir import process_temp_dir
from watchme_analysis.schema import FORMAT_VERSION
from watchme_analysis.text.formats import counted, readable_name
from watchme_analysis.version import __version__

if TYPE_CHECKING:
    from watchme_analysis.case.writer import Parts

_LOG = logging.getLogger(__name__)
# From this size on a log is read in pieces and its rows kept on disk; where there are many, from less.
SPILL_FROM = 64 << 20
_MANY_BYTES = 256 << 20
# Files named where none could be read.
_NAMED = 3
_OF_ITS_OWN = "a case of its own: its folder is left"
# Environment variable: folder where raw folders are imported to, shared by a process and its children.
IMPORTS_VARIABLE = "WATCHME_IMPORTS"


@dataclass(frozen=True)
class ImportReport:
    """What an import did.

    Attributes
    ----------
    case
        The case, opened.
    changed
        False when the case already held exactly this input.
    """

    case: Case
    changed: bool


def import_folder(
    folder: str | Path,
    case: str | Path,
    *,
    progress: Callable[[str], None] | None = None,
    spill_from: int | None = None,
    zone_name: str | None = None,
) -> ImportReport:
    """Turn a folder of raw evidence into a case.

    Parameters
    ----------
    folder
        Folder of evidence files; read, never written.
    case
        Folder of the case to write; it may hold an earlier import, which is replaced as a whole.
    progress
        Called with each file's name before it is read.
    spill_from
        Size in bytes from which on a file's rows are not held in memory, where its reader can do without;
        by the size of all evidence unless given.
    zone_name
        Zone of times written without one, such as ``Asia/Tokyo``, where ``case.toml`` states none; UTC unless
        given.

    Raises
    ------
    InputError
        When the folder is missing, holds no file, or nothing in it is recognised; when it holds cases side by
        side, and no ``case.toml`` says that they are one.
    CaseError
        When the case's folder holds something that is no case.
    """
    source, target = Path(folder), Path(case)
    _check_target(source, target)
    settings = read_settings(source, zone_name)
    names, refused = _evidence_files(source, target)
    if not names:
        links = (
            f" but links, such as {next(iter(refused))}, {next(iter(refused.values()))}" if refused else ""
        )
        raise InputError(
            f"The folder {source} holds no files{links}: give the folder that the evidence lies in."
        )
    if settings.file is None:
        check_one_case(source, names)
    inputs = {name: sha256_of(source / name) for name in names}
    fingerprint = _fingerprint(inputs | refused, "" if settings.states_zone else settings.zone_name)
    if (target / MANIFEST).is_file():
        with suppress(CaseError):  # damaged, or of another version: made anew
            present = read_case(target)
            if present.manifest.get("fingerprint") == fingerprint and _tables_intact(present):
                return ImportReport(present, changed=False)

    # Named before it is made, so that no moment to stop leaves it behind.
    work = target.parent / f".{target.name}-{uuid4().hex}"
    try:
        _make(work, target)
        spill = Spill(work, _spill_from(source, names) if spill_from is None else spill_from)
        reports, frames, kept = _read_all(source, inputs, settings, progress, spill)
        reports += [_refused(source, name, reason) for name, reason in refused.items()]
        if not any(report.source for report in reports):
            if cases := [Path(report.file).parent for report in reports if report.reason == _OF_ITS_OWN]:
                raise InputError(
                    f"{source} holds no evidence, but cases: give one, such as {source / cases[0]}."
                )
            left = ", ".join(f"{report.file} ({report.reason})" for report in reports[:_NAMED])
            more = f" and {counted(len(reports) - _NAMED, 'more file')}" if len(reports) > _NAMED else ""
            raise InputError(
                f"Nothing in {source} is evidence that can be read: {left}{more}. "
                "Name the files as docs/evidence.md says, or say in case.toml what they are."
            )
        manifest = write_tables(work, target.name, settings, reports, frames)
        manifest["fingerprint"] = fingerprint
        for name, data in kept:
            copy = work / "files" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(data)
        (work / MANIFEST).write_text(
            json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        _replace(work, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return ImportReport(read_case(target), changed=True)


def import_for_process(folder: Path) -> Case:
    """Import a raw folder into a place that lasts as long as the process, and open it.

    Where a parent process has named a place for such imports, the folder is imported there. What was
    imported before and has not changed since is left as it is.
    """
    whole = folder.resolve()
    place = Path(os.environ.get(IMPORTS_VARIABLE) or process_temp_dir())
    key = hashlib.sha256(os.fsencode(whole)).hexdigest()[:16]
    return import_folder(folder, place / key / readable_name(whole.name)).case


def _check_target(source: Path, target: Path) -> None:
    if not source.is_dir():
        raise InputError(f"{no_folder(source)}: give the folder that the evidence lies in.")
    if _is_case(source):
        raise InputError(f"{source} is a case already: give the folder that the evidence lies in.")
    check_case_path(target)
    if source.resolve() == target.resolve():
        raise InputError(
            f"The case can't be written into the evidence itself: give another folder than {target}."
        )
    if (
        target.exists()
        and not (target / MANIFEST).is_file()
        and (not target.is_dir() or any(target.iterdir()))
    ):
        raise CaseError(f"{target} exists and is no case: give a new folder, or remove it first.")


def _make(work: Path, target: Path) -> None:
    try:
        work.mkdir(parents=True)
    except OSError as error:
        raise InputError(
            f"The case {target} can't be written ({error.strerror}): give another folder."
        ) from error


def _refused(source: Path, name: str, reason: str) -> FileReport:
    """Return the report on a link that is not followed; it is missed where its name is that of evidence."""
    unread = () if (source / name).is_dir() else _named_tables(RawFile(source, name))
    return FileReport(name, None, reason, 0, "", unread=unread)


def _evidence_files(source: Path, target: Path) -> tuple[list[str], dict[str, str]]:
    """Return the relative paths of all files, hidden ones and cases left out, and links not followed.

    Of a case that lies below, the manifest stays, to be named among what is left. Of links the reasons stand
    beside the paths.
    """
    inside = target.resolve()
    cases = [path.parent for path in source.rglob(MANIFEST) if _is_case(path.parent)]
    found: list[str] = []
    refused: dict[str, str] = {}
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        if any(part.startswith(".") for part in relative.parts):
            continue
        if problem := link_problem(source, path):
            refused[relative.as_posix()] = problem
            continue
        if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
            # What it holds would be missing, and nobody would know.
            raise InputError(f"{path} can't be read: Permission denied.")
        if not path.is_file():
            continue
        if path.resolve().is_relative_to(inside):
            continue
        if any(path.is_relative_to(case) and path != case / MANIFEST for case in cases):
            continue
        found.append(relative.as_posix())
    return found, refused


def _is_case(folder: Path) -> bool:
    return (folder / MANIFEST).is_file() and (folder / "tables").is_dir()


def _fingerprint(inputs: dict[str, str], zone: str) -> str:
    """Hash the input, the zone given for it and the reading code's version: each may change the tables."""
    text = json.dumps([FORMAT_VERSION, __version__, sorted(inputs.items()), zone])
    return hashlib.sha256(text.encode()).hexdigest()


def _tables_intact(case: Case) -> bool:
    return all(
        (path := case.path / "tables" / f"{name}.parquet").is_file() and sha256_of(path) == entry["sha256"]
        for name, entry in case.manifest["tables"].items()
    )


def _read_all(
    folder: Path,
    inputs: dict[str, str],
    settings: CaseSettings,
    progress: Callable[[str], None] | None,
    spill: Spill,
) -> tuple[list[FileReport], Parts, list[tuple[str, bytes]]]:
    reports: list[FileReport] = []
    frames: Parts = {}
    kept: list[tuple[str, bytes]] = []
    known: dict[Hashable, Any] = {}
    for name, digest in inputs.items():
        if progress is not None:
            progress(name)
        size = (folder / name).stat().st_size
        if name == settings.file:
            reports.append(FileReport(name, "case_settings", "", size, digest))
            continue
        raw = RawFile(folder, name, settings.zone, settings.of_readers, spill, known)
        source, reason = _recognise(raw, settings.kinds.get(name))
        unread: tuple[str, ...] | None = None
        if source is None and reason != _OF_ITS_OWN:
            unread = _named_tables(raw)
        pieces: list[TablePart] = []
        if source is not None:
            try:
                pieces = [_with_torn_line(piece, raw) for piece in _pieces(source, raw)]
                unread, reason = _nothing_read(source, pieces)
            except LeftOutError as error:
                source, reason = None, str(error)
            except WatchmeError as error:
                unread, source, reason = source.tables, None, str(error)
            except Exception as error:
                # One file that a reader can't cope with must not cost the others; it is named as left.
                reason = f"the reader {source.name} failed: {type(error).__name__}: {error}"
                unread, source = source.tables, None
        rows = sum(piece.retrieval.rows for piece in pieces)
        _LOG.info("%s: %d bytes, reader %s, %d rows", name, size, source.name if source else "none", rows)
        if source is not None:
            if source.keep:
                kept.append((raw.name, raw.content.data))
            for piece in pieces:
                frames.setdefault(piece.table, []).append((source, piece))
        reports.append(
            FileReport(
                raw.relative,
                source.name if source else None,
                reason or (_problem(raw, pieces) if source else ""),
                size,
                digest,
                tuple((piece.table, piece.retrieval) for piece in pieces),
                unread,
            )
        )
    return reports, frames, kept


def _pieces(source: Source, raw: RawFile) -> list[TablePart]:
    """Return what a reader makes of a file, with what it remarks on the file's values."""
    try:
        pieces = list(source.read(raw))
    except RecursionError:
        text, count = shallow(decoded(raw.content.data))
        if not count or not text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
            raise
        problem = raw.content.problem
        raw = replace(
            raw, remarks=[f"{counted(count, 'value')} more than {DEEPEST} levels deep kept as text"]
        )
        vars(raw)["content"] = Content(text.encode(), problem)
        pieces = list(source.read(raw))
    if pieces and raw.remarks:
        first = pieces[0]
        notes = dict.fromkeys(
            f"{raw.relative}: {text.removeprefix(f'{raw.relative}: ')}" for text in raw.remarks
        )
        pieces[0] = first._replace(retrieval=first.retrieval.with_notes(*notes))
    return pieces


def _named_tables(raw: RawFile) -> tuple[str, ...] | None:
    """Return the tables that a file was for by its name, though its content can't be read; else None."""
    # Of source, what is no part of the application is left on purpose.
    named = [source for source in sources() if source.knows_name(raw) and source.name != "app_source"]
    return named[0].tables if named else None


def _nothing_read(source: Source, pieces: list[TablePart]) -> tuple[tuple[str, ...] | None, str]:
    """Return the tables that a file was for and why, where no row could be read of it; else None."""
    lost = [item.reason for piece in pieces for item in piece.retrieval.rejected if item.line == 0]
    if lost and not any(piece.retrieval.rows for piece in pieces):
        return source.tables, lost[0]
    return None, ""


def _with_torn_line(piece: TablePart, raw: RawFile) -> TablePart:
    """Note a last line without an end, of a format that is read by lines: its values may be cut short."""
    if raw.is_large and "content" not in vars(raw):
        # Its reader saw the end, and said so.
        return piece
    if piece.retrieval.lines is None or raw.content.problem or raw.content.data.endswith((b"\n", b"\r")):
        return piece
    if not raw.content.data.strip():
        return piece
    note = f"{raw.relative}: the last line has no line end: the file may have been cut off there."
    return piece._replace(retrieval=piece.retrieval.with_notes(note))


def _spill_from(source: Path, names: list[str]) -> int:
    times = {name: 10 if name.endswith(PACKED_ENDINGS) else 1 for name in names}
    whole = sum((source / name).stat().st_size * count for name, count in times.items())
    return SPILL_FROM if whole < _MANY_BYTES else SPILL_FROM // 16


def _problem(raw: RawFile, pieces: list[TablePart]) -> str:
    """Return what is wrong with a file that was read nevertheless; empty when all is well."""
    if raw.is_large and "content" not in vars(raw):
        lost = [item.reason for piece in pieces for item in piece.retrieval.rejected if item.line == 0]
        return "; ".join(lost)
    return raw.content.problem or ""


def _recognise(raw: RawFile, kind: str | None) -> tuple[Source | None, str]:
    """Return the reader for a file, or None and the reason.

    A kind that ``case.toml`` states wins; then name and content together; then content alone where it is
    unmistakable.
    """
    known = sources()
    if PurePath(raw.relative).name == MANIFEST and _is_case(raw.path.parent):
        return None, _OF_ITS_OWN
    if kind is not None:
        example = RawFile(raw.root, kind)
        for source in known:
            if source.name == kind or source.knows_name(example):
                return source, ""
        names = ", ".join(source.name for source in known)
        raise InputError(f"case.toml says that {raw.relative} is {kind!r}, which is none of {names}.")
    named = [source for source in known if source.knows_name(raw)]
    for source in named:
        if source.looks_like(raw):
            return source, ""
    for source in known:
        if source.by_content and source.looks_like(raw):
            return source, ""
    if named:
        return None, named[0].declined(raw) or f"named like {named[0].name}, but its content is not"
    return None, "not recognised"


def _replace(work: Path, target: Path) -> None:
    """Put the finished case in place; a case that stood there is moved away first.

    Another process may put the same case there meanwhile, which is then moved away in turn.
    """
    for last in (False, False, True):
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
        try:
            with suppress(FileNotFoundError):
                target.rename(old / "case")
            work.rename(target)
        except OSError:
            if last:
                raise
        else:
            return
        finally:
            shutil.rmtree(old, ignore_errors=True)
