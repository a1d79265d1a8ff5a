"""Import of a folder of raw evidence into a case.

Every file is accounted for: imported (with its reader, number of rows and rejected lines), or skipped with
the reason. The same input results in byte-identical tables, so importing the same folder again changes
nothing.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import stat
from collections.abc import Callable, Collection, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.access_logs.access_log import is_made_of_requests
from watchme_analysis.aws_shapes.commands import expected_output
from watchme_analysis.case.actions import FILE as ACTIONS_FILE
from watchme_analysis.case.actions import record_actions, recorded_actions
from watchme_analysis.case.case_folder import Case, check_case_path, no_folder, read_case
from watchme_analysis.case.folders import check_one_case
from watchme_analysis.case.manifest import MANIFEST, manifest_text, read_manifest
from watchme_analysis.case.reader_registry import sources
from watchme_analysis.case.settings import CaseSettings, read_settings
from watchme_analysis.case.writer import FileReport, HashedFile, sha256_of, write_tables
from watchme_analysis.errors import CaseError, InputError, LeftOutError, WatchmeError, reason_of
from watchme_analysis.evidence.app_log import is_plain_text, looks_like_uvicorn
from watchme_analysis.files.evidence_file import (
    PACKED_ENDINGS,
    Content,
    RawFile,
    Source,
    Spill,
    TablePart,
    is_blank,
    link_problem,
    other_script,
    size_key,
)
from watchme_analysis.files.json_values import DEEPEST, shallow
from watchme_analysis.files.lines import decoded, split_lines
from watchme_analysis.files.time_limit import TimeLimitError, time_limit
from watchme_analysis.files.zones import NotedZone, offset_in
from watchme_analysis.schema import FORMAT_VERSION
from watchme_analysis.storage.leftovers import (
    FORMER,
    in_use,
    is_temporary_name,
    remove_leftovers,
    temporary_path,
)
from watchme_analysis.storage.process_temp_dir import process_temp_dir
from watchme_analysis.text.formats import readable_name
from watchme_analysis.text.message import Choice, MessageText, Phrases, Resource, message, value_of
from watchme_analysis.text.render import error_message, message_of_error, note, text_of_error
from watchme_analysis.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.case.writer import Parts

_LOG = logging.getLogger(__name__)
# Size in bytes from which a log is read in chunks and its rows are kept on disk. With _MANY_BYTES or more of
# evidence in total, a sixteenth of it.
SPILL_FROM = 64 << 20
_MANY_BYTES = 256 << 20
# Number of files in the error message when no file could be read.
_NAMED = 3
_OF_ITS_OWN = "left-own-case"
# What a case consists of; everything else in its folder is the user's.
_PARTS_OF_CASE = (MANIFEST, ACTIONS_FILE, "tables", "files")
# Tables of logs, whose rows do not depend on the name of the file: the same file twice counts once.
_OF_LOGS = frozenset({"access_log", "error_log", "edge_log", "probes", "app_log"})
# Readers of logs with a record on each line, whose lines may be mixed in one file.
_OFFSET_BYTES = 64 << 10
_LINE_READERS = ("nginx_access", "nginx_error", "uvicorn_log", "known_lines", "server_log")
# Environment variable with the folder for temporary imports, shared by a process and its child processes.
IMPORTS_VARIABLE = "WATCHME_IMPORTS"


@dataclass(frozen=True)
class ImportReport:
    """Result of an import; ``changed`` is False when the case already contained exactly this input."""

    case: Case
    changed: bool


@dataclass(frozen=True)
class EvidenceOrigin:
    """Origin of evidence: a folder, or the request that it was retrieved for."""

    identity: bytes  # path of the folder, or the request with its account; a case holds only its hash
    name: str  # in sentences

    @property
    def digest(self) -> str:
        """Hash of the identity."""
        return hashlib.sha256(self.identity).hexdigest()[:16]

    def check(self, target: Path, hashes: Collection[str] = ()) -> None:
        """Raise CaseError if the case in a folder is neither of this origin nor of files that are here.

        ``hashes`` are those of the files of this origin. Without a case, or with one whose manifest can't be
        read, nothing is checked.
        """
        if not (target / MANIFEST).is_file():
            return
        try:
            manifest = read_manifest(target)
        except CaseError:
            return
        known = {entry["sha256"] for entry in manifest["inputs"] if entry["sha256"]}
        if manifest.get("evidence") != self.digest and not (hashes and known <= set(hashes)):
            raise CaseError(error_message("error-case-of-other-evidence", target=target, source=self.name))


def import_folder(  # noqa: PLR0913  what an import may depend on
    folder: str | Path,
    case: str | Path,
    *,
    progress: Callable[[str], None] | None = None,
    spill_from: int | None = None,
    zone_name: str | None = None,
    keep_tables: bool = False,
    force: bool = False,
    origin: EvidenceOrigin | None = None,
) -> ImportReport:
    """Import a folder of raw evidence and return the case.

    Parameters
    ----------
    folder
        Folder of evidence files; it is never written to.
    case
        Folder of the case to write. An earlier import of the same evidence in it is replaced; files that the
        user has put there are kept.
    progress
        Called with each file's name before it is read.
    spill_from
        Size in bytes from which the rows of a file are kept on disk, if its reader supports this; by default
        chosen from the size of all evidence.
    zone_name
        Time zone of times without a zone, such as ``Europe/Berlin``, when ``case.toml`` does not set it; UTC
        by default.
    keep_tables
        Whether the case keeps the tables that are in memory, instead of reading them back from its folder.
    force
        Whether a case of other evidence is replaced as well.
    origin
        What the folder was retrieved for, if it is temporary; by default its path identifies the evidence.

    Raises
    ------
    InputError
        When the folder is missing, has no file, or has no recognised file; when it contains several cases in
        sibling folders and no ``case.toml`` declares them a single case.
    CaseError
        When the folder of the case contains something other than a case, or a case of other evidence.
    """
    source, target = Path(folder), Path(case)
    remove_leftovers(target.parent)
    _check_target(source, target)
    settings = read_settings(source, zone_name)
    names, left_out = _evidence_files(source, target)
    if not names:
        first = next(
            (
                error_message("error-evidence-first-left", file=name, reason=out.reason)
                for name, out in left_out.items()
            ),
            "",
        )
        raise InputError(error_message("error-evidence-empty", source=source, first=first))
    if settings.file is None:
        check_one_case(source, names)
    hashed = _hashed(source, names, left_out)
    zone = "" if settings.states_zone or settings.zone_is_assumed else settings.zone_name
    fingerprint = _fingerprint(
        {name: file.sha256 for name, file in hashed.items()}
        | {name: out.reason for name, out in left_out.items()},
        [zone, settings.of_manifest],
    )
    origin = origin or EvidenceOrigin(os.fsencode(source.resolve()), str(source))
    if not force:
        origin.check(target, {file.sha256 for file in hashed.values()})
    if (target / MANIFEST).is_file():
        with suppress(CaseError):  # a case that is damaged or of another version is imported again
            present = read_case(target)
            if present.manifest.get("fingerprint") == fingerprint and _tables_intact(present):
                return ImportReport(present, changed=False)

    # The path is chosen before the folder exists, so that an interrupt at any time still removes the folder.
    work = temporary_path(target)
    kept_tables: dict[str, pd.DataFrame] = {}
    try:
        _make(work, target)
        with in_use(work):
            sizes = {name: file.bytes for name, file in hashed.items()}
            spill = Spill(work, _spill_from(sizes) if spill_from is None else spill_from)
            reports, frames, kept = _read_all(source, hashed, settings, progress, spill)
            if not any(report.source for report in reports) and (texts := _plain_texts(source, reports)):
                # A text without a known line is no error: its lines are shown, and the answer is open.
                as_texts = replace(settings, kinds=settings.kinds | dict.fromkeys(texts, "app_log"))
                reports, frames, kept = _read_all(source, hashed, as_texts, progress, spill, reports)
            reports += [
                FileReport(readable_name(name), None, out.reason, 0, "", unread=out.unread)
                for name, out in left_out.items()
            ]
            if not any(report.source for report in reports):
                if cases := [Path(report.file).parent for report in reports if _is_own_case(report.reason)]:
                    raise InputError(
                        error_message("error-evidence-holds-cases", source=source, first=source / cases[0])
                    )
                left = Phrases(
                    tuple(
                        error_message("error-file-left", file=report.file, reason=report.reason)
                        for report in reports
                    ),
                    limit=_NAMED,
                )
                raise InputError(error_message("error-no-evidence", source=source, left=left))
            manifest = write_tables(
                work, target.name, settings, reports, frames, kept_tables if keep_tables else None
            )
            manifest |= {"fingerprint": fingerprint, "evidence": origin.digest}
            for name, data in kept:
                copy = work / "files" / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(data)
            (work / MANIFEST).write_text(manifest_text(manifest), encoding="utf-8")
            record_actions(work, recorded_actions(target))
            _keep_own_files(target, work)
            _replace(work, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return ImportReport(read_case(target, kept_tables), changed=True)


def _hashed(source: Path, names: list[str], left_out: dict[str, _LeftOut]) -> dict[str, HashedFile]:
    """Return the state of each file; those that can't be read are added to what is left out."""
    hashed: dict[str, HashedFile] = {}
    for name in names:
        try:
            hashed[name] = HashedFile.of(source / name)
        except InputError as error:
            reason = (
                _unreadable(error.__cause__) if isinstance(error.__cause__, OSError) else text_of_error(error)
            )
            left_out[name] = _LeftOut(reason, _named_tables(RawFile(source, name)))
    return hashed


def _keep_own_files(former: Path, case: Path) -> None:
    """Copy what the user has put into the folder of a case, such as notes, to the case that replaces it."""
    if not (former / MANIFEST).is_file():
        return
    for path in former.iterdir():
        if path.name in _PARTS_OF_CASE or is_temporary_name(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, case / path.name, symlinks=True)
        else:
            shutil.copy2(path, case / path.name, follow_symlinks=False)


def import_for_process(folder: Path) -> Case:
    """Return the case of a raw folder, imported into a folder that lasts as long as the process.

    The environment variable of a parent process, :data:`IMPORTS_VARIABLE`, takes precedence as the location.
    A folder that has not changed since an earlier import is not imported again.
    """
    whole = folder.resolve()
    place = Path(os.environ.get(IMPORTS_VARIABLE) or process_temp_dir())
    key = hashlib.sha256(os.fsencode(whole)).hexdigest()[:16]
    return import_folder(folder, place / key / readable_name(whole.name), keep_tables=True).case


def _check_target(source: Path, target: Path) -> None:
    if not source.is_dir():
        raise InputError(no_folder(source, "evidence"))
    if _is_case(source):
        raise InputError(error_message("error-evidence-is-case", source=source))
    if source.resolve() == target.resolve():
        raise InputError(error_message("error-case-in-evidence", target=target))
    check_new_case(target)


def check_new_case(target: Path) -> None:
    """Raise CaseError if a case can't be written to a folder, which is not new, empty or a case."""
    check_case_path(target)
    if (
        target.exists()
        and not (target / MANIFEST).is_file()
        and (not target.is_dir() or any(target.iterdir()))
    ):
        raise CaseError(error_message("error-target-no-case", target=target))
    above = next(folder for folder in target.absolute().parents if folder.exists())
    if not above.is_dir():
        raise CaseError(error_message("error-target-below-file", target=target, above=above))


def _make(work: Path, target: Path) -> None:
    try:
        work.mkdir(parents=True)
    except OSError as error:
        raise InputError(error_message("error-case-unwritable", target=target, reason=error)) from error


class _LeftOut(NamedTuple):
    """Why a path is not read, and the tables that lack it; None if it is not evidence."""

    reason: str
    unread: tuple[str, ...] | None = None


def _evidence_files(source: Path, target: Path) -> tuple[list[str], dict[str, _LeftOut]]:
    """Return the relative paths of the evidence files, and those of everything that is not read.

    Nothing is opened, so that a pipe does not block. Of a hidden or closed folder, only the folder is named.
    Of a case below the folder, only the manifest is kept, so that the report lists it as skipped.
    """
    inside = target.resolve()
    found: list[str] = []
    left: dict[str, _LeftOut] = {}
    folders = [source]
    while folders:
        folder = folders.pop()
        if _is_case(folder):
            found.append((folder / MANIFEST).relative_to(source).as_posix())
            continue
        try:
            with os.scandir(folder) as entries:
                names = [entry.name for entry in entries]
        except OSError as error:
            if folder == source:
                raise InputError(
                    error_message("error-folder-unreadable", folder=folder, reason=error)
                ) from error
            left[folder.relative_to(source).as_posix()] = _LeftOut(_unreadable(error), ())
            continue
        for name in names:
            path = folder / name
            if is_temporary_name(name):
                continue
            # Path.resolve refuses a circle of links.
            if Path(os.path.realpath(path)).is_relative_to(inside):
                continue
            relative = path.relative_to(source).as_posix()
            try:
                out = _left_out(source, path)
            except OSError as error:  # gone meanwhile, or a path too long to be opened
                out = _LeftOut(_unreadable(error), ())
            if out is not None:
                left[relative] = out
            elif path.is_dir():
                folders.append(path)
            else:
                found.append(relative)
    return sorted(found, key=_parts), {name: left[name] for name in sorted(left, key=_parts)}


def _left_out(source: Path, path: Path) -> _LeftOut | None:
    """Return why a path is not read; None for a file or a folder that is."""
    if path.name.startswith("."):
        return _LeftOut(note("left-hidden"))
    relative = path.relative_to(source).as_posix()
    if problem := link_problem(source, path):
        return _LeftOut(problem, () if path.is_dir() else _named_tables(RawFile(source, relative)))
    if path.is_dir():
        # Its files are read under their own names.
        return _LeftOut(note("left-folder-link")) if path.is_symlink() else None
    mode = path.stat().st_mode
    if stat.S_ISREG(mode):
        return None
    kind = "pipe" if stat.S_ISFIFO(mode) else "socket" if stat.S_ISSOCK(mode) else "special"
    return _LeftOut(note("left-no-file", kind=Choice(kind)), _named_tables(RawFile(source, relative)))


def _is_own_case(reason: str) -> bool:
    return isinstance(reason, MessageText) and reason.message.id == _OF_ITS_OWN


def _unreadable(error: OSError) -> str:
    return note("left-unreadable", reason=value_of(message_of_error(error)))


def _parts(name: str) -> list[str]:
    return name.split("/")


def _is_case(folder: Path) -> bool:
    return (folder / MANIFEST).is_file() and (folder / "tables").is_dir()


def _fingerprint(inputs: dict[str, str], settings: list[Any]) -> str:
    """Return a hash of the input, its settings and the version of the code: each may change the tables."""
    text = json.dumps([FORMAT_VERSION, __version__, sorted(inputs.items()), settings])
    return hashlib.sha256(text.encode()).hexdigest()


def _tables_intact(case: Case) -> bool:
    return all(
        (path := case.path / "tables" / f"{name}.parquet").is_file() and sha256_of(path) == entry["sha256"]
        for name, entry in case.manifest["tables"].items()
    )


def _read_all(
    folder: Path,
    hashed: dict[str, HashedFile],
    settings: CaseSettings,
    progress: Callable[[str], None] | None,
    spill: Spill,
    before: Collection[FileReport] = (),
) -> tuple[list[FileReport], Parts, list[tuple[str, bytes]]]:
    """Return the reports, tables and copies of files.

    ``before``: reports of an earlier attempt, whose reasons why files are not what they are named stay.
    """
    misnamed = {report.file: report.reason for report in before if report.unread}
    reports: list[FileReport] = []
    frames: Parts = {}
    kept: list[tuple[str, bytes]] = []
    first_of: dict[str, str] = {}
    known: dict[Hashable, Any] = {size_key(name): file.bytes for name, file in hashed.items()}
    for name, (digest, size, _) in hashed.items():
        if progress is not None:
            progress(name)
        if name == settings.file:
            reports.append(FileReport(name, "case_settings", "", size, digest))
            continue
        zone = NotedZone(settings.zone)
        raw = RawFile(folder, name, zone, settings.of_readers, spill, known)
        try:
            with time_limit(size):
                source, reason = recognise(raw, settings.kinds.get(name))
        except (TimeLimitError, OSError) as error:
            # A log may have been rotated away since it was hashed.
            is_gone = isinstance(error, OSError)
            source, reason = None, note("problem-gone") if is_gone else text_of_error(error)
        unread: tuple[str, ...] | None = None
        if source is None and not _is_own_case(reason):
            unread = _named_tables(raw)
        pieces: list[TablePart] = []
        others: list[tuple[Source, TablePart]] = []
        if source is not None:
            try:
                with time_limit(size):
                    _check_no_copy(source, raw, digest, first_of)
                    pieces = [_with_torn_line(piece, raw) for piece in read_file(source, raw)]
                    others = _of_other_readers(source, raw, pieces)
                unread, reason = _nothing_read(source, pieces)
            except LeftOutError as error:
                source, reason = None, text_of_error(error)
            except WatchmeError as error:
                unread, source, reason = source.tables, None, text_of_error(error)
            except Exception as error:
                # A file that crashes a reader must not stop the import of the others; it is reported as
                # skipped.
                reason = note(
                    "left-reader-failed",
                    reader=Resource(source.name),
                    error=Resource(f"{type(error).__name__}: {reason_of(error)}"),
                )
                unread, source = source.tables, None
        change = hashed[name].change_of(folder / name) if source is not None else ""
        rows = sum(piece.retrieval.rows for piece in pieces)
        _LOG.info("%s: %d bytes, reader %s, %d rows", name, size, source.name if source else "none", rows)
        if source is not None:
            if source.keep:
                kept.append((raw.name, raw.content.data))
            for reader, piece in [*((source, piece) for piece in pieces), *others]:
                frames.setdefault(piece.table, []).append((reader, piece))
            pieces += [piece for _, piece in others]
        reports.append(
            FileReport(
                raw.relative,
                source.name if source else None,
                reason or (_problem(raw, pieces, change) if source else "") or misnamed.get(raw.relative, ""),
                size,
                digest,
                tuple((piece.table, piece.retrieval) for piece in pieces),
                unread,
                assumed_zone=settings.zone_name if rows and zone.used and settings.zone_is_assumed else None,
            )
        )
    return reports, frames, kept


def _check_no_copy(source: Source, raw: RawFile, digest: str, first_of: dict[str, str]) -> None:
    """Raise LeftOutError if a log is the same as one before, unpacked where both are not large."""
    if _OF_LOGS.isdisjoint(source.tables) or not (raw.is_large or raw.content.data):
        return
    key = digest if raw.is_large else hashlib.sha256(raw.content.data).hexdigest()
    first = first_of.setdefault(key, raw.relative)
    if first != raw.relative:
        raise LeftOutError(error_message("left-copy", file=first))


def read_file(source: Source, raw: RawFile) -> list[TablePart]:
    """Return the table parts of a file, with the reader's remarks as notes of the first part."""
    try:
        pieces = list(source.read(raw))
    except RecursionError:
        text, count = shallow(decoded(raw.content.data))
        if not count or not text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
            raise
        problem = raw.content.problem
        raw = replace(raw, remarks=[*raw.remarks, note("note-nested", values=count, levels=DEEPEST)])
        vars(raw)["content"] = Content(text.encode(), problem)
        pieces = list(source.read(raw))
    if isinstance(raw.zone, NotedZone):
        raw.remarks.extend(raw.zone.notes())
    if pieces and raw.remarks:
        first = pieces[0]
        file = Resource(raw.relative)
        notes = [note("note-of-file", file=file, note=value_of(text)) for text in dict.fromkeys(raw.remarks)]
        pieces[0] = first._replace(retrieval=first.retrieval.with_notes(*notes))
    return pieces


def _of_other_readers(
    source: Source, raw: RawFile, pieces: list[TablePart]
) -> list[tuple[Source, TablePart]]:
    """Return the parts that other readers make of the lines which the reader of a mixed log rejected.

    A container often writes access, error and application lines to one file. The lines that another reader
    takes are no longer counted by the first one: its part in ``pieces`` is replaced.
    """
    if source.name not in _LINE_READERS or len(pieces) != 1 or (raw.is_large and "content" not in vars(raw)):
        return []
    rejected = {one.line: one for one in pieces[0].retrieval.rejected if one.line}
    if not rejected or len(rejected) != pieces[0].retrieval.rejected_lines:
        return []
    lines = split_lines(raw.content.data)
    # An error log has no offset from UTC; the requests in the same file do.
    offset = offset_in(raw.content.data[:_OFFSET_BYTES]) if raw.settings.get("zone_is_assumed") else None
    if offset is not None:
        raw = replace(raw, zone=offset, settings={**raw.settings, "zone_is_assumed": False})
    found: list[tuple[Source, TablePart]] = []
    for other in sources():
        if other is source or other.name not in _LINE_READERS or not rejected:
            continue
        part = replace(raw, remarks=[])
        # Without the other lines, and with the same numbers.
        mixed = b"\n".join(line if number in rejected else b"" for number, line in enumerate(lines, 1))
        vars(part)["content"] = Content(mixed + b"\n", None)
        if not other.looks_like(part):
            continue
        (piece,) = read_file(other, part)
        if not piece.retrieval.rows:
            continue
        taken = rejected.keys() - {one.line for one in piece.retrieval.rejected}
        rejected = {line: one for line, one in rejected.items() if line not in taken}
        mine = replace(piece.retrieval, lines=len(taken), blank_lines=0, rejected=())
        found.append((other, piece._replace(retrieval=mine)))
    first = pieces[0].retrieval
    taken_count = sum(piece.retrieval.lines or 0 for _, piece in found)
    left_out = tuple(one for one in first.rejected if not one.line or one.line in rejected)
    left = replace(first, lines=(first.lines or 0) - taken_count, rejected=left_out)
    pieces[0] = pieces[0]._replace(retrieval=left)
    return found


def _plain_texts(source: Path, reports: list[FileReport]) -> list[str]:
    """Return the names of the files that hold plain text."""
    return [
        report.file for report in reports if report.sha256 and is_plain_text(RawFile(source, report.file))
    ]


def _named_tables(raw: RawFile) -> tuple[str, ...] | None:
    """Return the tables that a file is meant for by its name; None for an unknown name."""
    # Source files outside the application and scripts are skipped on purpose, and are not missing evidence.
    if other_script(raw) is not None:
        return None
    named = [source for source in sources() if source.knows_name(raw) and source.name != "app_source"]
    return named[0].tables if named else None


def _nothing_read(source: Source, pieces: list[TablePart]) -> tuple[tuple[str, ...] | None, str]:
    """Return the tables of a file without any readable row, and the reason; else None and an empty text."""
    lost = [item.reason for piece in pieces for item in piece.retrieval.rejected if item.line == 0]
    if lost and not any(piece.retrieval.rows for piece in pieces):
        return source.tables, lost[0]
    return None, ""


def _with_torn_line(piece: TablePart, raw: RawFile) -> TablePart:
    """Add a note if the last line of a line-based file has no line end: its values may be truncated."""
    if raw.is_large and "content" not in vars(raw):
        # The reader of a large file checks the last line.
        return piece
    if piece.retrieval.lines is None or raw.content.problem or raw.content.data.endswith((b"\n", b"\r")):
        return piece
    if not raw.content.data.strip():
        return piece
    torn = note("note-of-file", file=Resource(raw.relative), note=message("note-no-line-end"))
    return piece._replace(retrieval=piece.retrieval.with_notes(torn))


def _spill_from(sizes: Mapping[str, int]) -> int:
    """Return the size in bytes from which rows are kept on disk, by the sizes of all files."""
    whole = sum(size * (10 if name.endswith(PACKED_ENDINGS) else 1) for name, size in sizes.items())
    return SPILL_FROM if whole < _MANY_BYTES else SPILL_FROM // 16


def _problem(raw: RawFile, pieces: list[TablePart], change: str) -> str:
    """Return the problems of a file that was read in spite of them; empty without a problem."""
    lost = [raw.content.problem or ""] if not raw.is_large or "content" in vars(raw) else []
    if not lost:
        lost = [item.reason for piece in pieces for item in piece.retrieval.rejected if item.line == 0]
    found = [problem for problem in (*lost, change) if problem]
    return found[0] if len(found) == 1 else "; ".join(found)


def recognise(raw: RawFile, kind: str | None) -> tuple[Source | None, str]:
    """Return the reader for a file and an empty text, or None and the reason.

    The kind in ``case.toml`` takes precedence, then name and content together, then content alone for readers
    that can identify it.
    """
    known = sources()
    if PurePath(raw.relative).name == MANIFEST and _is_case(raw.path.parent):
        return None, note("left-own-case")
    if kind is not None:
        example = RawFile(raw.root, kind)
        for source in known:
            if source.name == kind or source.knows_name(example):
                return source, ""
        names = ", ".join(source.name for source in known)
        raise InputError(error_message("error-unknown-kind", file=raw.relative, kind=repr(kind), known=names))
    named = [source for source in known if source.knows_name(raw)]
    # The name of an application's log is a hint: requests alone are the log of a server in front of it.
    is_app_log = bool(named) and named[0].name == "app_log"
    is_access_log = is_app_log and not looks_like_uvicorn(raw) and is_made_of_requests(raw)
    for source in named:
        if not is_access_log and source.looks_like(raw):
            return source, ""
    for source in known:
        if source.by_content and not is_blank(raw) and source.looks_like(raw):
            return source, ""
    other = expected_output(raw)
    if named:
        reason = named[0].declined(raw) or other_script(raw) or other
        return None, reason or note("left-named-like", reader=Resource(named[0].name))
    return None, other or note("left-not-recognised")


def _replace(work: Path, target: Path) -> None:
    """Move the finished case to its folder and delete the case that was there before.

    Another process may write the same case at the same time; that case is then replaced in turn.
    """
    for last in (False, False, True):
        former = temporary_path(target, FORMER)
        try:
            with suppress(FileNotFoundError):
                target.rename(former)
            work.rename(target)
        except OSError:
            if last:
                raise
        else:
            return
        finally:
            shutil.rmtree(former, ignore_errors=True)
