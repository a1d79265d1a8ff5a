"""The table ``actions``: what was changed because of a case, appended to it as it happens.

Unlike the tables of evidence, it grows after the import. It is a JSON Lines file in the case folder. A row is
identified by the plan and its number in the journal, so recording a run twice adds nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchme_analysis.errors import CaseError, InputError
from watchme_analysis.schema import conform, empty
from watchme_analysis.storage.atomic_write import no_link
from watchme_analysis.storage.journal import DONE, FAILED, Journal
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    import pandas as pd

TABLE = "actions"
FILE = "actions.jsonl"


def actions_in(journal: Journal, remedy: str) -> list[dict[str, Any]]:
    """Return what a journal says of a remedy, as rows of the table: each entry with a sentence.

    The first entry names the plan. Entries may name step, resource and call, and the outcome of a whole run.
    """
    if not journal.entries:
        return []
    first, rows = journal.entries[0], []
    plan = first.get("plan") or first["at"] + first["key"]
    for number, entry in enumerate(journal.entries):
        if "sentence" in entry:
            ended = DONE if entry.get("outcome") == "complete" else FAILED
            row = {
                "time": entry["at"],
                "remedy": remedy,
                "step": entry.get("step", entry["key"]),
                "resource": entry.get("resource"),
                "call": entry.get("call"),
                "outcome": ended if "outcome" in entry else entry["event"],
                "message": entry["sentence"],
                "plan": plan,
                "number": number,
            }
            rows.append(row)
    return rows


def record_actions(case: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Append rows to the table of a case, each once, and return how many were new.

    ``message`` is a dictionary. InputError when the file can't be written.
    """
    path = case / FILE
    known = {_identity(row) for row in recorded_actions(case)}
    new = [row for row in rows if _identity(row) not in known]
    if not new:
        return 0
    try:
        with open(path, "a+b", opener=no_link) as file:
            # The line of a killed run is ended, so that the next row does not continue it.
            if file.tell() and not _ends_with_newline(path):
                file.write(b"\n")
            for row in new:
                file.write(json.dumps(row).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise InputError(error_message("error-actions-unwritable", path=path, reason=error)) from error
    return len(new)


def read_actions(case: Path) -> pd.DataFrame:
    """Return the table ``actions`` of a case; without rows when nothing was recorded."""
    import pandas as pd

    rows = recorded_actions(case)
    if not rows:
        return empty(TABLE)
    try:
        frame = pd.DataFrame(rows)
        frame["time"] = pd.to_datetime(frame["time"], utc=True, format="ISO8601")
        frame["message"] = [
            json.dumps(value, sort_keys=True, ensure_ascii=False) for value in frame["message"]
        ]
        return conform(TABLE, frame.sort_values(["time", "number"], ignore_index=True))
    except (InputError, TypeError, ValueError) as error:  # a case that somebody else made
        raise CaseError(error_message("error-actions-damaged", path=case / FILE, reason=error)) from error


def recorded_actions(case: Path) -> list[dict[str, Any]]:
    """Return the recorded rows of a case as they are stored; incomplete lines of killed runs are left out."""
    path = case / FILE
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CaseError(error_message("error-case-unreadable", path=path, reason=error)) from error
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue  # the incomplete line of a killed run; its row is recorded again by the next one
        if isinstance(row, dict) and all(name in row for name in ("time", "plan", "number", "message")):
            rows.append(row)
    return rows


def _identity(row: Mapping[str, Any]) -> str:
    return json.dumps([row["plan"], row["number"]])


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
