"""Writing the tables of a case and their entries in the manifest."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.case.folders import far_apart
from watchme_analysis.case.reader_registry import sources
from watchme_analysis.case.settings import CaseSettings
from watchme_analysis.case.time_order import Written, write_sorted
from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError
from watchme_analysis.files.evidence_file import Source, TablePart, first_bytes
from watchme_analysis.redact import shortened
from watchme_analysis.retrieval import Rejected, Retrieval
from watchme_analysis.schema import FORMAT_VERSION, TABLES, conform
from watchme_analysis.text.message import Choice, Code, Resource
from watchme_analysis.text.render import error_message, note
from watchme_analysis.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    Part = tuple[Source, TablePart]
    Parts = dict[str, list[Part]]

# Tables with times of observation; the time of a message or a change may be far earlier.
OBSERVED = (
    "access_log",
    "error_log",
    "edge_log",
    "probes",
    "app_log",
    "host_metrics",
    "metrics",
    "log_events",
)
# Logs that often have times without a zone.
_ZONELESS = ("app_log", "error_log")
# Distance of a log from all other records that suggests a wrong zone: less may be a log with few lines, and
# no zone offset is larger.
_LEAST_APART, _MOST_APART = timedelta(minutes=30), timedelta(hours=14)
_REJECTED_TEXT = 2000


@dataclass(frozen=True)
class FileReport:
    """Result of the import of a file."""

    file: str  # path relative to the evidence folder
    source: str | None  # reader of the file; None when it was skipped
    reason: str  # why it was skipped, or its problem; empty without a problem
    bytes: int  # of the file on disk
    sha256: str
    pieces: tuple[tuple[str, Retrieval], ...] = ()
    unread: tuple[str, ...] | None = None  # tables that the file was meant for when it could not be read
    assumed_zone: str | None = None  # of its times without a zone when nobody stated it

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of the file in the manifest."""
        return {
            "file": self.file,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "source": self.source,
            "reason": self.reason,
            "unread": None if self.unread is None else list(self.unread),
            "tables": [{"table": table, **retrieval.to_dict()} for table, retrieval in self.pieces],
            **({} if self.assumed_zone is None else {"assumed_zone": self.assumed_zone}),
        }


class HashedFile(NamedTuple):
    """State of a file when it was hashed: SHA-256 and size of what was hashed, and time of modification."""

    sha256: str
    bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path, most_bytes: int | None = None) -> HashedFile:
        """Return the state of a file, or of its first bytes; bytes added meanwhile are not hashed."""
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                start = first_bytes(file, status.st_size if most_bytes is None else most_bytes)
                digest = hashlib.file_digest(start, "sha256").hexdigest()
                return cls(digest, start.tell(), status.st_mtime_ns)
        except OSError as error:
            raise InputError(
                error_message("error-case-source-unreadable", path=path, reason=error)
            ) from error

    def change_of(self, path: Path) -> str:
        """Return a phrase on how the file has changed since it was hashed; empty if it has not."""
        try:
            status = path.stat()
            if (status.st_size, status.st_mtime_ns) == (self.bytes, self.mtime_ns):
                return ""
            is_same = HashedFile.of(path, self.bytes).sha256 == self.sha256
        except (OSError, InputError):
            return note("problem-gone")
        if not is_same:
            return note("problem-changed")
        if status.st_size == self.bytes:
            return ""
        return note("problem-grew", bytes=self.bytes)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal; InputError when it can't be read."""
    return HashedFile.of(path).sha256


def write_tables(
    work: Path,
    name: str,
    settings: CaseSettings,
    reports: list[FileReport],
    frames: Parts,
    kept: dict[str, pd.DataFrame] | None = None,
) -> dict[str, Any]:
    """Write the tables into a temporary folder of the case and return the manifest.

    ``frames`` are parts by table, in the order of the files. ``kept`` is filled with the tables as they are
    written, except those too large for memory.
    """
    import pandas as pd

    (work / "tables").mkdir()
    rejected = [
        (item, table)
        for report in reports
        for table, retrieval in report.pieces
        for item in retrieval.rejected
    ]
    if rejected:
        frame = pd.DataFrame([_rejected_row(item, table) for item, table in rejected])
        note = Retrieval("importer", "rejected pieces of all files", rows=len(frame))
        piece = TablePart("rejected_lines", conform("rejected_lines", frame), note)
        frames["rejected_lines"] = [(sources()[0], piece)]
    tables = {table: _write_table(work, table, frames[table], kept) for table in TABLES if table in frames}
    doubt_zones(tables, settings.zone_name)
    if settings.file is None:
        _doubt_one_case(tables, reports)
    return {
        "format_version": FORMAT_VERSION,
        "name": name,
        "title": settings.title,
        "time_zone": settings.zone_name,
        **settings.of_manifest,
        "window": settings.window or _observed_window(tables),
        "made_with": {"watchme_analysis": __version__, "pandas": pd.__version__},
        "tables": tables,
        "inputs": [report.to_dict() for report in reports],
    }


def _rejected_row(item: Rejected, table: str) -> dict[str, object]:
    return {
        "file": item.file,
        "line": item.line,
        "table": table,
        "reason": item.reason,
        "text": shortened(item.text, _REJECTED_TEXT),
        "size_bytes": item.size_bytes,
    }


def _write_table(
    work: Path, table: str, parts: list[Part], kept: dict[str, pd.DataFrame] | None
) -> dict[str, Any]:
    retrievals = [piece.retrieval for _, piece in parts]
    notes = [note for retrieval in retrievals for note in retrieval.notes]
    path = work / "tables" / f"{table}.parquet"
    # Finishing a table across files needs all rows in memory; no table with spilled rows has such a step.
    if any(piece.spilled for _, piece in parts):
        rows, start, end = _write_spilled(table, parts, path)
    else:
        frame = _finished(table, parts, notes)
        rows, start, end = _write_frame(table, frame, path)
        # A case refuses to hold more rows than the limit.
        if kept is not None and rows <= load_config().limits.rows:
            kept[table] = frame
    return {
        "rows": rows,
        "start": start.isoformat() if start else None,
        "end": end.isoformat() if end else None,
        "rejected": sum(retrieval.rejected_count for retrieval in retrievals),
        "truncated": any(retrieval.truncated for retrieval in retrievals),
        "notes": list(dict.fromkeys(notes)),
        "files": list(dict.fromkeys(retrieval.origin for retrieval in retrievals)),
        "sha256": sha256_of(path),
    }


def _finished(table: str, parts: list[Part], notes: list[str]) -> pd.DataFrame:
    """Return the rows of all parts as one table, sorted by time; the last steps may add notes."""
    import pandas as pd

    filled = [piece.frame for _, piece in parts if len(piece.frame)] or [parts[0][1].frame]
    frame = conform(table, pd.concat(filled, ignore_index=True))
    for finish in dict.fromkeys(source.finish for source, _ in parts if source.finish is not None):
        frame, more = finish(table, frame)
        notes.extend(more)
    column = TABLES[table].time
    if column is not None and not frame[column].is_monotonic_increasing:
        frame = frame.sort_values(column, kind="stable", na_position="last", ignore_index=True)
    return conform(table, frame)


def _write_frame(table: str, frame: pd.DataFrame, path: Path) -> Written:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, compression="zstd")
    return Written(len(frame), *_bounds(frame, table))


def _write_spilled(table: str, parts: list[Part], path: Path) -> Written:
    """Write a table with rows spilled to disk; rows in memory are written to temporary files first."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = []
    for at, (source, piece) in enumerate(parts):
        assert source.finish is None, f"{source.name} wants all rows of {table} at once"
        if piece.spilled is not None:
            files.append(piece.spilled)
        elif len(piece.frame):
            files.append(path.with_name(f".{table}-{at}.parquet"))
            rows = pa.Table.from_pandas(conform(table, piece.frame), preserve_index=False)
            pq.write_table(rows, files[-1])
    written = write_sorted(table, files, path)
    for file in files:
        file.unlink()
    return written


def _bounds(frame: pd.DataFrame, table: str) -> tuple[datetime | None, datetime | None]:
    """Return the first and last time of a table; a metric point or a query counts until its end."""
    import pandas as pd

    column = TABLES[table].time
    if column is None or not frame[column].notna().any():
        return None, None
    ends = frame[column]
    if table == "metrics":
        ends = ends + pd.to_timedelta(frame["period_s"].fillna(0).astype("int64"), unit="s")
    elif table == "log_queries":
        ends = frame["end"].fillna(ends)
    return frame[column].min().to_pydatetime(), ends.max().to_pydatetime()


def doubt_zones(tables: dict[str, dict[str, Any]], zone: str) -> None:
    """Add a note to a log without a zone if all of it is hours away from all other records."""
    others = _span(tables, [name for name in OBSERVED if name not in _ZONELESS])
    for name in _ZONELESS:
        mine = _span(tables, [name])
        if mine is None or others is None:
            continue
        later, earlier = mine[0] - others[1], others[0] - mine[1]
        if _LEAST_APART <= max(later, earlier) <= _MOST_APART:
            hours = max(1, round(max(later, earlier) / timedelta(hours=1)))
            apart = note(
                "note-zone-apart",
                hours=hours,
                side=Choice("after" if later > earlier else "before"),
                zone=Resource(zone),
                setting=Code('time_zone = "Europe/Berlin"'),
                option=Code("--timezone"),
            )
            tables[name]["notes"].insert(0, apart)


def _doubt_one_case(tables: dict[str, dict[str, Any]], reports: list[FileReport]) -> None:
    """Add a note to the first table if the folders seem to belong to different incidents."""
    windows = {
        report.file: [
            (part.start, part.end)
            for table, part in report.pieces
            if table in OBSERVED and part.start is not None and part.end is not None
        ]
        for report in reports
    }
    if note := far_apart(windows):
        next(iter(tables.values()))["notes"].insert(0, note)


def _span(tables: dict[str, dict[str, Any]], names: Iterable[str]) -> tuple[datetime, datetime] | None:
    """Return the first and last time of the named tables; None when no table has a time."""
    seen = [tables[name] for name in names if tables.get(name, {}).get("start")]
    if not seen:
        return None
    starts, ends = ([datetime.fromisoformat(entry[bound]) for entry in seen] for bound in ("start", "end"))
    return min(starts), max(ends)


def _observed_window(tables: dict[str, dict[str, Any]]) -> dict[str, str] | None:
    span = _span(tables, OBSERVED)
    if span is None:
        return None
    # A window has a length; logs state whole seconds.
    end = max(span[1], span[0] + timedelta(seconds=1))
    return {"start": span[0].isoformat(), "end": end.isoformat()}
