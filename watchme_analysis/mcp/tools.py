"""The tools of the server as plain functions: they return JSON-ready values, bounded and redacted.

Every tool but `list_cases` reads a copy of the case that was exported at the level of redaction, so that no
query can return more than the copy holds.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from watchme_analysis.case.actions import FILE as ACTIONS
from watchme_analysis.case.export import export_case, redactor_of
from watchme_analysis.case.manifest import MANIFEST
from watchme_analysis.case.opening import open_case
from watchme_analysis.errors import InputError, WatchmeError
from watchme_analysis.mcp.answers import bounded
from watchme_analysis.mcp.claims import check_claim, claim_to_dict, question_of_cause
from watchme_analysis.mcp.limited_query import MOST_SECONDS, limited_query
from watchme_analysis.redact import redacted
from watchme_analysis.services.diagnose import chosen_questions, diagnose
from watchme_analysis.services.explain import explain
from watchme_analysis.storage.process_temp_dir import process_temp_dir
from watchme_analysis.text.render import error_message, render, text_of_error

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.case.case_folder import Case
    from watchme_analysis.inference.findings import Diagnosis
    from watchme_analysis.stand_ins import Redactor

# Rows of an answer at most.
MOST_ROWS = 50
_REPLICATIONS = 5
# A judgement shows the first rows of its strongest statements on each side; `evidence` shows more.
_CLAIM_ROWS, _CLAIM_STATEMENTS = 3, 2


@dataclass(frozen=True)
class Tools:
    """The tools over the cases of some folders.

    Attributes
    ----------
    folders
        Folders that contain cases. A case outside them can't be opened.
    level
        Level of redaction of every answer.
    language
        Language of the sentences.
    query_s
        Seconds that a query may take.
    """

    folders: tuple[Path, ...]
    level: str = "secrets"
    language: str = "en"
    query_s: float = MOST_SECONDS
    # The copy of a case, with the redaction that made it, by a hash of the case.
    _copies: dict[str, tuple[Case, Redactor]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    # By the folder of the copy, the question and the start of the window.
    _diagnoses: dict[tuple[Path, str, str | None], Diagnosis] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _lock: Any = field(default_factory=RLock, init=False, repr=False, compare=False)

    def list_cases(self) -> dict[str, Any]:
        """Return the cases: name, title, window and tables with their numbers of rows; or the damage."""
        found: dict[str, dict[str, Any]] = {}
        for folder in self.folders:
            for name in _case_names(folder):
                if name not in found:  # otherwise, that of an earlier folder is opened
                    found[name] = {"case": name, **self._listed(folder / name)}
        return bounded({"cases": list(found.values())})

    def _listed(self, path: Path) -> dict[str, Any]:
        """Return the title, window and tables of a case, or the reason why it can't be opened."""
        try:
            case = open_case(path)
            window = case.window
            entry = {
                "title": render(case.title, self.language),
                "window": None if window is None else str(window),
                "tables": {name: case.manifest["tables"][name]["rows"] for name in case.tables},
            }
            safe: dict[str, Any] = redactor_of(case, self.level).value(entry)
        except (WatchmeError, OSError) as error:
            return {"damaged": redacted(render(text_of_error(error), self.language))}
        return safe

    def diagnose(self, case: str, question: str = "all", since: str | None = None) -> dict[str, Any]:
        """Return the diagnosis of a case: headline, facts, cause, what to do now, ranking, missing evidence.

        Parameters
        ----------
        case
            Name of a case.
        question
            ``health``, ``backlog``, or ``all`` that the case has evidence for.
        since
            Start of the window, such as ``2h`` before the end of the case.
        """
        opened = self._case(case)
        found = {}
        for each in chosen_questions(question, opened):
            result = self._diagnosis(opened, each, since).to_dict(self.language)
            if "alarms" in result:
                # One time for each alarm, that of the page.
                result["alarms"] = [
                    {name: value for name, value in (alarm | alarm["sliding"]).items() if name != "sliding"}
                    for alarm in result["alarms"]
                ]
            found[each] = _without_messages(result)
        return self._safe(opened, found)

    def evidence(self, case: str, cause: str, rows: int = 10) -> dict[str, Any]:
        """Return the evidence for and against a cause, each with the first rows of its query.

        Parameters
        ----------
        case
            Name of a case.
        cause
            Id of a cause, from the ranking of a diagnosis.
        rows
            Rows of each query, up to 50.
        """
        return self._checked(self._case(case), cause, None, min(rows, MOST_ROWS), MOST_ROWS)

    def sql(self, case: str, query: str, limit: int = MOST_ROWS) -> dict[str, Any]:
        """Return the rows of a DuckDB query over the tables of a case; it only reads.

        Parameters
        ----------
        case
            Name of a case.
        query
            SQL, such as ``select path, count(*) from access_log group by path``. Times are UTC.
        limit
            Rows to return, up to 50.
        """
        opened = self._case(case)
        frame = self._query(opened, query)
        records = _records(frame, min(limit, MOST_ROWS))
        found = self._safe(opened, {"rows": len(frame), "shown": len(records), "records": records})
        return found | {"shown": len(found["records"])}

    def alarms(self, case: str) -> dict[str, Any]:
        """Return the back-test of the proposed and existing alarms on a case."""
        from watchme_analysis.alarms.specification import read_specs
        from watchme_analysis.services.backtest import CaseBacktest
        from watchme_analysis.services.diagnose import answer, investigate

        opened = self._case(case)
        investigation = investigate("backlog", opened)
        found = CaseBacktest(investigation, answer(investigation), read_specs())
        return self._safe(opened, {"alarms": _records(found.frame(found.results), MOST_ROWS)})

    def simulate(self, case: str, queue: str | None = None) -> dict[str, Any]:
        """Return the simulated effect of measures on a backlog, fitted to a case; takes up to a minute."""
        from dataclasses import asdict

        from watchme_analysis.services.what_if import what_if_of_case
        from watchme_analysis.simulation.scenarios import compare

        opened = self._case(case)
        _, fitted = what_if_of_case(opened, queue)
        figures = ("dead_lettered", "lost", "duplicates", "peak_visible", "peak_age_s", "drain_s")
        measures = [
            {"measure": row.scenario.name, **{name: asdict(row.estimate(name)) for name in figures}}
            for row in compare(fitted.scenarios, _REPLICATIONS, 0, 1)
        ]
        return self._safe(opened, {"queue": fitted.pipeline.queue, "measures": measures})

    def explain(self, text: str) -> dict[str, Any]:
        """Return what pasted log lines mean, a kind of message each: layer, excluded layers, likely causes.

        Parameters
        ----------
        text
            Log lines of any usual program, without a case. They may be mixed and incomplete.
        """
        return bounded({"messages": explain(text).to_list(self.language)})

    def check_claim(self, case: str, cause: str, reason_sql: str | None = None) -> dict[str, Any]:
        """Return whether the evidence supports the claim "the cause is X because Y".

        Parameters
        ----------
        case
            Name of a case.
        cause
            Id of the claimed cause, from the ranking of a diagnosis.
        reason_sql
            Query that returns rows with their times if the reason holds, such as ``select * from error_log
            where message like '%refused%'``. Rows count if they are more frequent within the incident.
        """
        return self._checked(self._case(case), cause, reason_sql, _CLAIM_ROWS, _CLAIM_STATEMENTS)

    def _checked(
        self, case: Case, cause: str, reason_sql: str | None, rows: int, statements: int
    ) -> dict[str, Any]:
        """Return the check of a claim, with the first rows of its strongest statements on each side."""
        diagnosis = self._diagnosis(case, question_of_cause(case, cause))
        check = check_claim(case, cause, reason_sql, diagnosis=diagnosis, run=self._query)
        result = claim_to_dict(check, self.language)
        for side in ("evidence_for", "evidence_against"):
            found = sorted(result[side], key=lambda each: -abs(each["weight"]))
            for each in found[:statements]:
                if each["sql"]:
                    each["first_rows"] = _records(case.sql(each["sql"]), rows)
            result[side] = found
        if check.reason is not None:
            result["reason"]["first_rows"] = _records(check.reason.rows, rows)
        return self._safe(case, result)

    def _diagnosis(self, case: Case, question: str, since: str | None = None) -> Diagnosis:
        """Return the diagnosis of a copy of a case; that of an earlier call where there is one."""
        key = (case.path, question, since)
        if key not in self._diagnoses:
            self._diagnoses[key] = diagnose(question, case, since=since)
        return self._diagnoses[key]

    def _query(self, case: Case, query: str) -> pd.DataFrame:
        return limited_query(case, query, self.query_s)

    def _case(self, name: str) -> Case:
        """Return a copy of a case at the level of redaction; the same one while the case does not change."""
        for folder in self.folders:
            if name in _case_names(folder):
                with self._lock:
                    return self._copy(folder / name)
        raise InputError(error_message("error-mcp-no-case", name=repr(name)))

    def _copy(self, folder: Path) -> Case:
        # The manifest has the hash of every other file.
        changing = [path.read_bytes() for path in (folder / MANIFEST, folder / ACTIONS) if path.is_file()]
        key = hashlib.sha256(b"\0".join([str(folder.absolute()).encode(), *changing])).hexdigest()
        if key not in self._copies:
            case = open_case(folder)
            redactor = redactor_of(case, self.level)
            target = Path(tempfile.mkdtemp(prefix="case-", dir=process_temp_dir())) / folder.name
            copy = export_case(case, target, self.level, redactor)
            copy.given = Path(folder.name)
            self._copies[key] = copy, redactor
        return self._copies[key][0]

    def _safe(self, case: Case, value: dict[str, Any]) -> dict[str, Any]:
        """Return a value with the stand-ins of the copy of a case, and of the size of an answer."""
        redactor = next(used for copy, used in self._copies.values() if copy is case)
        return bounded(redactor.value(value))


def _case_names(folder: Path) -> list[str]:
    """Return the names of the cases in a folder, so that no name leads out of it."""
    return sorted(path.parent.name for path in folder.glob("*/manifest.json"))


def _without_messages(value: Any) -> Any:
    """Return a diagnosis without the ids and values beside its sentences, which an agent does not need."""
    if isinstance(value, dict):
        return {
            key: _without_messages(each)
            for key, each in value.items()
            if not (key.endswith(("_message", "_messages")) or (key == "message" and isinstance(each, dict)))
        }
    return [_without_messages(each) for each in value] if isinstance(value, list) else value


def _records(frame: pd.DataFrame, most: int) -> list[dict[str, Any]]:
    # A negative number would leave out the last rows instead.
    first = frame.head(max(0, most))
    try:
        text = first.to_json(orient="records", date_format="iso", date_unit="ms")
    except UnicodeDecodeError:  # bytes that are no text
        plain = {str(name): first[name].map(str, na_action="ignore") for name in first.select_dtypes(object)}
        text = first.assign(**plain).to_json(orient="records", date_format="iso", date_unit="ms")
    records: list[dict[str, Any]] = json.loads(text)
    return records
