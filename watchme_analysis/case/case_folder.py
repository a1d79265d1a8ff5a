"""The case folder: tables, copies of configurations and sources, and a manifest.

:func:`watchme_analysis.case.importer.import_folder` writes a case. Every later step is offline.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.case.actions import FILE as ACTIONS_FILE
from watchme_analysis.case.actions import TABLE as ACTIONS
from watchme_analysis.case.actions import read_actions
from watchme_analysis.case.manifest import MANIFEST, read_manifest
from watchme_analysis.case.table_size import exceeds_memory
from watchme_analysis.config import WorkItemSettings, load_config
from watchme_analysis.errors import CaseError, InputError, QueryError
from watchme_analysis.files.limit_notes import limit_reached
from watchme_analysis.limits import Limits
from watchme_analysis.redact import described
from watchme_analysis.schema import TABLES, conform, empty, table_schema
from watchme_analysis.text.formats import has_odd_bytes, readable_name
from watchme_analysis.text.message import Choice, Message, Resource, value_of
from watchme_analysis.text.render import error_message, note
from watchme_analysis.text.shell_quoting import shell_path
from watchme_analysis.text.suggestions import nearest
from watchme_analysis.window import Window, parse_time

if TYPE_CHECKING:
    import pandas as pd
    from duckdb import DuckDBPyConnection


# Raised by Arrow and pandas for a file that is no Parquet file, or whose values don't fit.
_UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    ArithmeticError,
    NotImplementedError,
    MemoryError,
)


class UnreadFile(NamedTuple):
    """An evidence file that could not be read, the reason, and the tables that it was meant for."""

    file: str
    reason: str
    tables: tuple[str, ...]


@dataclass(repr=False)
class Case:
    """An opened case.

    Attributes
    ----------
    path
        Folder of the case.
    manifest
        Contents of ``manifest.json``.
    database_settings
        Settings of DuckDB for queries over the case, such as ``memory_limit``.
    given
        The folder as the user named it, a case or raw evidence; None where a command can't name it.
    raw_evidence
        The folder of raw evidence as the user named it; None for a case, which does not know it.
    """

    path: Path
    manifest: dict[str, Any]
    _frames: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False)
    _checked: dict[str, tuple[int, int, int]] = field(default_factory=dict, repr=False)
    _database: DuckDBPyConnection | None = field(default=None, repr=False, compare=False)
    database_settings: dict[str, str | int] = field(default_factory=dict, repr=False, compare=False)
    given: Path | None = field(default=None, repr=False, compare=False)
    raw_evidence: str | None = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        """Return name, number of tables and window in one line."""
        return described(self, f"{self.name!r}: {len(self.tables)} tables, {self.window or 'without times'}")

    def _repr_html_(self) -> str:
        """Return the tables of the case with their rows and windows, as a table."""
        import pandas as pd

        columns = ["rows", "rejected", "truncated", "start", "end"]
        return str(pd.DataFrame.from_dict(self.coverage(), orient="index", columns=columns).to_html())

    @property
    def argument(self) -> str:
        """Return the case as the argument of a command that stands in a sentence; ``CASE`` if unknown."""
        if self.given is None or "`" in str(self.given):
            return "CASE"
        return shell_path(self.given)

    @property
    def name(self) -> str:
        """Return the name of the case."""
        return str(self.manifest["name"])

    @property
    def title(self) -> str:
        """Return the title from ``case.toml``; the name of the case without a title.

        A title that is stated in both languages carries a message.
        """
        title: str = self.manifest.get("title") or self.name
        return title

    @property
    def window(self) -> Window | None:
        """Return the window from ``case.toml``; by default, from the first to the last time in any table."""
        bounds = self.manifest.get("window")
        if not bounds:
            return None
        return Window(parse_time(bounds["start"]), parse_time(bounds["end"]))

    @property
    def work_items(self) -> WorkItemSettings:
        """Return how messages name their work, stored by the import; else the settings in force."""
        stored = self.manifest.get("work_items")
        return WorkItemSettings.from_dict(stored) if stored else load_config().work_items

    @property
    def tables(self) -> list[str]:
        """Return the names of the tables with rows, in the order of the data dictionary."""
        return [name for name in TABLES if self.manifest["tables"].get(name, {}).get("rows")]

    def table(self, name: str) -> pd.DataFrame:
        """Return a table with the columns of the data dictionary; without rows when the case lacks it.

        The frame is shared between callers: copy it before modifying it.

        Raises
        ------
        InputError
            When the data dictionary has no such table.
        CaseError
            When the file of the table is missing, unreadable, or differs from the file that the import wrote.
        """
        table_schema(name)
        if name not in self._frames:
            if name == ACTIONS:
                self._frames[name] = read_actions(self.path)
            elif name in self.manifest["tables"]:
                self._frames[name] = self._load(name)
            else:
                self._frames[name] = empty(name)
        return self._frames[name]

    def _file(self, name: str) -> Path:
        return self.path / "tables" / f"{name}.parquet"

    def check_files(self) -> None:
        """Check that the table files are those in the manifest; contents are not compared.

        Raises
        ------
        CaseError
            When a file is missing, or a file is not in the manifest.
        """
        listed = self.manifest["tables"]
        there = {path.stem for path in (self.path / "tables").glob("[!.]*.parquet")}
        for name in listed:
            _check_link(self._file(name))
            if name not in there:
                raise CaseError(error_message("error-case-table-missing", table=repr(name), case=self.path))
        for name in sorted(there.difference(listed)):
            raise CaseError(
                error_message(
                    "error-case-table-unlisted", table=repr(name), case=self.path, file=self._file(name)
                )
            )

    def _check(self, name: str) -> None:
        """Compare the hash of a table file with the manifest; repeated only after the file has changed.

        The check costs as much as reading the file, so only tables that are used are checked. It includes the
        memory that the table takes.
        """
        import duckdb

        path = self._file(name)
        try:
            stat = path.stat()
            state = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
            if self._checked.get(name) == state:
                return
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise self._damaged(name, error) from error
        if found != self.manifest["tables"][name].get("sha256"):
            raise CaseError(error_message("error-case-table-changed", table=repr(name), case=self.path))
        limits = load_config().limits
        try:
            is_large = exceeds_memory(path, limits)
        except (*_UNREADABLE, duckdb.Error) as error:
            raise self._damaged(name, str(error).partition("\n")[0]) from error
        if is_large:
            raise self._too_large(name, limits, "table_mib")
        self._checked[name] = state

    def _load(self, name: str) -> pd.DataFrame:
        import pyarrow.parquet as pq

        path = self._file(name)
        self._check(name)
        limits = load_config().limits
        try:
            with pq.ParquetFile(path) as file:
                if file.metadata.num_rows > limits.rows:
                    raise self._too_large(name, limits, "rows")
                stored = file.read().to_pandas()
            return conform(name, stored)
        except (InputError, *_UNREADABLE) as error:
            raise self._damaged(name, error) from error

    def sql(self, query: str, more: Mapping[str, pd.DataFrame] | None = None) -> pd.DataFrame:
        """Return the result of a DuckDB query over the tables of the case; no other file is accessible.

        Parameters
        ----------
        query
            SQL, such as ``select path, count(*) from access_log group by path``. Times are UTC.
        more
            Additional frames by name, such as the result of an analysis.

        Raises
        ------
        QueryError
            When DuckDB rejects the query, or the query writes or is empty.
        """
        import duckdb

        with self._connection() as connection:
            named = [name for name in TABLES if name in query.lower()]
            for name in named or TABLES:
                self._show(name, connection)
            for name, frame in (more or {}).items():
                connection.register(name, frame)
            try:
                reads = _only_reads(query, connection)
                result = connection.execute(query) if reads else None
            except duckdb.Error as error:
                reason = str(error).split("\n\nLINE")[0].replace("\n", " ")
                raise QueryError(
                    error_message("error-sql-refused", case=self.name, reason=reason.rstrip(" .?!"))
                ) from error
            if not reads:
                raise QueryError(error_message("error-sql-only-reads"))
            if result is None:
                raise QueryError(error_message("error-sql-empty"))
            return result.df()

    def _show(self, name: str, connection: DuckDBPyConnection) -> None:
        """Register a table as a view; DuckDB reads the parts that a query needs, so it may exceed memory."""
        import duckdb

        if name in self._frames or name == ACTIONS or name not in self.manifest["tables"]:
            connection.register(name, self.table(name))
            return
        self._check(name)
        try:
            stored = connection.read_parquet(str(self._file(name)))
            if stored.columns == table_schema(name).names:
                stored.create_view(name)
            else:
                connection.register(name, self.table(name))
        except duckdb.Error as error:
            reason = str(error).partition("\n")[0]
            raise self._damaged(name, reason) from error

    def _connection(self) -> DuckDBPyConnection:
        """Return a connection that reads no other files than the tables of the case, and cannot be set to.

        All are of one database, since its start takes longer than most queries.
        """
        import duckdb

        if self._database is None:
            database = duckdb.connect(config=dict(self.database_settings))
            tables = [str(self._file(name)) for name in TABLES]
            database.execute("set global TimeZone = 'UTC'")
            database.execute("set allowed_paths = $tables", {"tables": tables})
            database.execute("set enable_external_access = false")
            database.execute("set lock_configuration = true")
            self._database = database
        return self._database.cursor()

    def _too_large(self, name: str, limits: Limits, key: str) -> CaseError:
        limit = limit_reached(limits, key)
        return CaseError(
            error_message("error-case-table-large", table=repr(name), case=self.path, limit=limit)
        )

    def _damaged(self, name: str, reason: object) -> CaseError:
        return CaseError(
            error_message("error-case-table-damaged", table=repr(name), case=self.path, reason=reason)
        )

    @property
    def unread(self) -> list[UnreadFile]:
        """Return the evidence files that could not be read."""
        return [
            UnreadFile(str(entry["file"]), entry["reason"], tuple(entry["unread"]))
            for entry in self.manifest["inputs"]
            if entry["unread"] is not None
        ]

    def coverage(self) -> dict[str, Any]:
        """Return rows, window, rejected lines, truncation and notes of each table with input.

        The tables of an unreadable file are included and marked as truncated.
        """
        nothing: dict[str, Any] = {
            "rows": 0,
            "start": None,
            "end": None,
            "rejected": 0,
            "truncated": True,
            "notes": [],
        }
        found = {
            name: {key: entry[key] for key in nothing} for name, entry in self.manifest["tables"].items()
        }
        for file in self.unread:
            for name in file.tables:
                entry = found.setdefault(name, dict(nothing))
                lost = note("note-unread", file=Resource(file.file), reason=value_of(file.reason))
                entry.update(truncated=True, notes=[lost, *entry["notes"]])
        return {name: found[name] for name in TABLES if name in found}


def _check_link(path: Path) -> None:
    if path.is_symlink():
        raise CaseError(error_message("error-case-link", path=path))


def _only_reads(query: str, connection: DuckDBPyConnection) -> bool:
    """Return True if a query only reads; the table files of the case are accessible and must not be written.

    COPY is rejected anywhere in the query: EXPLAIN ANALYZE executes the explained statement, and DuckDB
    classifies a COPY below WITH as a SELECT.
    """
    from duckdb import StatementType, token_type, tokenize

    # DuckDB classifies PIVOT as MULTI.
    allowed = {StatementType.SELECT, StatementType.EXPLAIN, StatementType.MULTI}
    whole = query.encode()
    copies = any(
        kind == token_type.keyword and whole[start : start + 4].lower() == b"copy"
        for start, kind in tokenize(query)
    )
    return not copies and all(part.type in allowed for part in connection.extract_statements(query))


def no_folder(path: Path, wanted: str) -> Message:
    """Return an error message: the path is a file, or does not exist. A folder beside it may be suggested.

    ``wanted`` is what to give instead: ``case`` or ``evidence``.
    """
    near = _folder_beside(path)
    return error_message(
        "error-is-a-file" if path.exists() else "error-no-folder" if near is None else "error-no-folder-near",
        path=path,
        wanted=Choice(wanted),
        near=near or "",
    )


def _folder_beside(path: Path) -> str | None:
    """Return the path of the folder beside a missing path whose name resembles its name; None without one."""
    if path.exists():
        return None
    try:
        beside = sorted(each.name for each in path.parent.iterdir() if each.is_dir())
    except OSError:
        return None
    name = nearest(path.name, beside, similarity=0.85)
    return None if name is None else str(path.parent / name)


def check_case_path(path: Path) -> None:
    """Raise CaseError if the path of a case is not UTF-8: DuckDB and Arrow can't open its tables."""
    whole = str(path.absolute())
    if has_odd_bytes(whole):
        raise CaseError(error_message("error-case-path-encoding", path=readable_name(whole)))


def read_case(folder: Path, tables: Mapping[str, pd.DataFrame] | None = None) -> Case:
    """Return the case of a folder after checking its manifest and list of table files.

    ``tables`` are in memory already, as its files have them. CaseError when the manifest can't be read, the
    tables differ from it, or a part of the case is a link, which may lead to files of the user.
    """
    check_case_path(folder)
    for part in (MANIFEST, "tables", "files", ACTIONS_FILE):
        _check_link(folder / part)
    case = Case(folder, read_manifest(folder), dict(tables or {}))
    case.check_files()
    return case
