"""State of all runs in one SQLite file: systems, deliveries, history, spending.

Each method is one transaction, which SQLite applies completely or not at all, also when the process is
killed. The rollback journal is used and never the write-ahead log, because a state folder may lie on NFS
[1]_.
Cases and pages of reports are files beside it, in a folder per system.

.. [1] "Write-Ahead Logging" of SQLite: "WAL does not work over a network filesystem."
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from watchme_analysis.config import RunSettings
from watchme_analysis.delivery.changes import QuestionState
from watchme_analysis.delivery.notice import Notice
from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.storage.records import from_json, to_json
from watchme_analysis.text.file_names import is_file_name
from watchme_analysis.text.render import error_message

FILE = "state.sqlite"
# The folder holds results of diagnoses, so other users of the machine must not read it.
_FOLDER_MODE, _FILE_MODE = 0o700, 0o600
_VERSION = 1
_SCHEMA = (
    "CREATE TABLE systems (name TEXT PRIMARY KEY, state TEXT NOT NULL)",
    "CREATE TABLE documents (system TEXT, notice TEXT, name TEXT, document TEXT NOT NULL,"
    " PRIMARY KEY (system, notice, name))",
    "CREATE TABLE deliveries (system TEXT, destination TEXT, notice TEXT, event TEXT NOT NULL,"
    " unconfirmed INTEGER NOT NULL, at TEXT NOT NULL, receipt TEXT NOT NULL, thread TEXT NOT NULL,"
    " PRIMARY KEY (system, destination, notice))",
    "CREATE TABLE runs (system TEXT, started_at TEXT NOT NULL, run TEXT NOT NULL)",
    "CREATE TABLE spending (run TEXT PRIMARY KEY, at TEXT NOT NULL, gb REAL NOT NULL, usd REAL NOT NULL)",
    "CREATE TABLE owner (id TEXT NOT NULL)",
)
# Seconds to wait for the transaction of another process.
_BUSY_S = 30.0
# By choice: runs and deliveries are kept for this long. A digest covers at most as much.
_KEPT = timedelta(days=100)


class BudgetError(ServiceError):
    """The log queries of a day have reached their limit."""


@dataclass(frozen=True)
class SystemState:
    """State of a system between two runs; one document, so that a change and its notice are stored together.

    ``pending`` are notices that not every destination has received. ``failure`` is a sentence on the failure
    of the last run, empty if it succeeded: the same failure again is not delivered again. ``failing`` is the
    error of each destination whose last delivery failed, so that it is reported once.
    """

    questions: Mapping[str, QuestionState] = field(default_factory=lambda: MappingProxyType({}))
    pending: tuple[Notice, ...] = ()
    failure: str = ""
    failing: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class DeliveryRecord:
    """Record of a notice for a destination.

    ``event`` is empty before the first call, ``sent`` (written before each call), then ``confirmed``,
    ``failed`` if the destination certainly did not receive it, or ``uncertain`` if it may have.
    ``unconfirmed`` calls may have arrived and were not confirmed. ``receipt`` is the name that the
    destination gave it; empty before it is confirmed.
    """

    event: str = ""
    unconfirmed: int = 0
    receipt: str = ""


@dataclass(frozen=True)
class State:
    """The state folder of systems, created when something is written."""

    folder: Path

    def system_folder(self, system: str) -> Path:
        """Return the folder of a system, after creating it; a name that would lead out of it is refused."""
        if not is_file_name(system):
            raise InputError(error_message("error-no-file-name", name=repr(system), folder=self.folder))
        private_folder(self.folder)
        return private_folder(self.folder / system)

    def owner(self) -> str:
        """Return the id of this folder, by which machines with folders of their own recognise each other."""
        with self._transaction() as rows:
            known = rows.execute("SELECT id FROM owner").fetchone()
            if known is None:
                known = (uuid4().hex,)
                rows.execute("INSERT INTO owner VALUES (?)", known)
            return str(known[0])

    # Systems

    def system(self, name: str) -> SystemState:
        """Return the stored state of a system; an empty one if it has none."""
        for (stored,) in self._rows("SELECT state FROM systems WHERE name = ?", name):
            state: SystemState = from_json(SystemState, json.loads(stored))
            return state
        return SystemState()

    def store_system(self, name: str, state: SystemState) -> None:
        """Store the state of a system, and remove the documents of notices that are no longer pending."""
        pending = json.dumps([notice.id for notice in state.pending])
        with self._transaction() as rows:
            # ASCII, because SQLite refuses lone surrogates, which evidence may hold.
            rows.execute("INSERT OR REPLACE INTO systems VALUES (?, ?)", (name, json.dumps(to_json(state))))
            rows.execute(
                "DELETE FROM documents WHERE system = ? AND notice NOT IN (SELECT value FROM json_each(?))",
                (name, pending),
            )

    def document(self, system: str, notice: str, name: str) -> dict[str, Any] | None:
        """Return a document of a notice; None without one."""
        query = "SELECT document FROM documents WHERE system = ? AND notice = ? AND name = ?"
        return next((json.loads(stored) for (stored,) in self._rows(query, system, notice, name)), None)

    def store_document(self, system: str, notice: str, name: str, document: Mapping[str, Any]) -> None:
        """Store a document of a notice, such as its diagnosis at a level of redaction."""
        with self._transaction() as rows:
            values = (system, notice, name, json.dumps(document))
            rows.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)", values)

    # Deliveries

    def delivery(self, system: str, destination: str, notice: str) -> DeliveryRecord:
        """Return the record of a notice for a destination."""
        query = (
            "SELECT event, unconfirmed, receipt FROM deliveries"
            " WHERE system = ? AND destination = ? AND notice = ?"
        )
        stored = self._rows(query, system, destination, notice)
        return DeliveryRecord(*stored[0]) if stored else DeliveryRecord()

    def record_delivery(
        self, system: str, destination: str, notice: Notice, event: str, unconfirmed: int, receipt: str = ""
    ) -> None:
        """Store the :class:`DeliveryRecord` of a notice for a destination."""
        at, named = datetime.now(UTC).isoformat(), (system, destination, notice.id)
        values = (*named, event, unconfirmed, at, str(receipt), notice.thread)
        with self._transaction() as rows:
            rows.execute("INSERT OR REPLACE INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)

    def thread_root(self, system: str, destination: str, thread: str) -> str | None:
        """Return the receipt of the first confirmed notice of a thread; None before one."""
        query = (
            "SELECT receipt FROM deliveries WHERE system = ? AND destination = ? AND thread = ?"
            " AND event = 'confirmed' ORDER BY at LIMIT 1"
        )
        return next((str(receipt) for (receipt,) in self._rows(query, system, destination, thread)), None)

    # History

    def runs(self, system: str) -> list[dict[str, Any]]:
        """Return the finished runs of a system, oldest first."""
        query = "SELECT run FROM runs WHERE system = ? ORDER BY started_at"
        return [json.loads(run) for (run,) in self._rows(query, system)]

    def add_run(self, system: str, run: Mapping[str, Any], now: datetime) -> None:
        """Store a finished run, and remove runs and deliveries that no digest and no thread needs."""
        oldest = (now - _KEPT).isoformat()
        with self._transaction() as rows:
            rows.execute("INSERT INTO runs VALUES (?, ?, ?)", (system, now.isoformat(), json.dumps(run)))
            rows.execute("DELETE FROM runs WHERE started_at < ?", (oldest,))
            rows.execute("DELETE FROM deliveries WHERE at < ?", (oldest,))

    # Spending

    def reserve(self, run: str, limits: RunSettings, now: datetime) -> float:
        """Return the GB that a run may scan, after recording them.

        A run that is killed counts with its limit, so that runs that are killed again and again can't exceed
        that of the day. When the runs of this day (UTC), of all systems, have reached a limit, that is a
        BudgetError.
        """
        with self._transaction() as rows:
            query = "SELECT coalesce(sum(gb), 0), coalesce(sum(usd), 0) FROM spending WHERE at LIKE ?"
            spent_gb, spent_usd = rows.execute(query, (f"{now:%Y-%m-%d}%",)).fetchone()
            left_gb, left_usd = limits.max_gb_per_day - spent_gb, limits.max_usd_per_day - spent_usd
            if left_gb <= 0 or left_usd <= 0:
                reached = (
                    f"max_gb_per_day ({limits.max_gb_per_day:g} GB)"
                    if left_gb <= 0
                    else f"max_usd_per_day ({limits.max_usd_per_day:g} USD)"
                )
                raise BudgetError(
                    error_message("error-budget-reached", day=f"{now:%Y-%m-%d}", reached=reached)
                )
            allowed = min(
                limits.max_gb, limits.max_usd / limits.usd_per_gb, left_gb, left_usd / limits.usd_per_gb
            )
            self._spend(rows, run, allowed, limits, now)
        return float(allowed)

    def settle(self, run: str, gb: float, limits: RunSettings, now: datetime) -> None:
        """Replace the limit of a run by the GB that it scanned."""
        with self._transaction() as rows:
            self._spend(rows, run, gb, limits, now)

    @staticmethod
    def _spend(rows: sqlite3.Connection, run: str, gb: float, limits: RunSettings, now: datetime) -> None:
        values = (run, now.isoformat(timespec="seconds"), gb, gb * limits.usd_per_gb)
        rows.execute("INSERT OR REPLACE INTO spending VALUES (?, ?, ?, ?)", values)
        rows.execute("DELETE FROM spending WHERE at < ?", ((now - _KEPT).isoformat(),))

    def _rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query; none without a file, which a dry run must not create."""
        if not (self.folder / FILE).exists():
            return []
        with self._transaction() as rows:
            return rows.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection within a transaction, which is on disk when the context ends.

        A file that can't be used, or was written by another release, is an InputError.
        """
        path = self._file
        try:
            with closing(sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)) as rows:
                rows.execute("BEGIN IMMEDIATE")
                # Another process may have created the tables since the file was opened.
                version = rows.execute("PRAGMA user_version").fetchone()[0]
                if version == 0:
                    for statement in (*_SCHEMA, f"PRAGMA user_version = {_VERSION}"):
                        rows.execute(statement)
                elif version != _VERSION:
                    said = error_message("error-state-version", path=path, found=version, known=_VERSION)
                    raise InputError(said)
                yield rows
                rows.execute("COMMIT")
        except sqlite3.Error as error:
            raise InputError(error_message("error-state-unreadable", path=path, reason=error)) from error

    @cached_property
    def _file(self) -> Path:
        """Return the path of the file, after creating it, which only the user can read."""
        path = private_folder(self.folder) / FILE
        try:
            # SQLite would create the file with the mode of the process.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, _FILE_MODE))
        except OSError as error:
            raise InputError(error_message("error-state-unreadable", path=path, reason=error)) from error
        return path


def private_folder(folder: Path) -> Path:
    """Return a folder that only the user can read, after creating it.

    One that can't be created or written to, or contains a link, which may lead to a file of the user, is an
    InputError.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
        with os.scandir(folder) as entries:
            link = next((entry.path for entry in entries if entry.is_symlink()), None)
    except OSError as error:
        raise InputError(error_message("error-state-folder", folder=folder, reason=error)) from error
    if link is not None:
        raise InputError(error_message("error-state-link", path=link))
    return folder
