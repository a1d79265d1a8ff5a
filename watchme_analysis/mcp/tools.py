"""The tools of the server as plain functions: they return JSON-ready values, bounded and redacted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchme_analysis.case.export import redactor_of
from watchme_analysis.case.opening import open_case
from watchme_analysis.errors import InputError
from watchme_analysis.services.claims import check_claim, claim_to_dict, question_of_cause
from watchme_analysis.services.diagnose import chosen_questions, diagnose
from watchme_analysis.text.render import error_message, render

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.case.case_folder import Case
    from watchme_analysis.inference.findings import Diagnosis

# Bounds of an answer: an agent pays for every token, and a row may hold a whole response.
MOST_ROWS, MOST_CHARACTERS, MOST_CELL = 50, 24_000, 400
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
    """

    folders: tuple[Path, ...]
    level: str = "secrets"
    language: str = "en"
    # Time of the last change of a case, and its diagnosis then, by folder, question and start of the window.
    _diagnoses: dict[tuple[Path, str, str | None], tuple[int, Diagnosis]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def list_cases(self) -> list[dict[str, Any]]:
        """Return the cases: name, title, window and tables with their numbers of rows."""
        found = []
        for folder in self.folders:
            for path in sorted(folder.glob("*/manifest.json")):
                case = self._case(path.parent.name)
                window = case.window
                entry = {
                    "case": path.parent.name,
                    "title": render(case.title, self.language),
                    "window": None if window is None else str(window),
                    "tables": {name: case.manifest["tables"][name]["rows"] for name in case.tables},
                }
                found.append(self._safe(case, entry))
        return found

    def diagnose(self, case: str, question: str = "all", since: str | None = None) -> dict[str, Any]:
        """Return the diagnosis of a case: verdict, ranking, summary, missing evidence.

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
        frame = opened.sql(query)
        shown = _records(frame, min(limit, MOST_ROWS))
        return self._safe(opened, {"rows": len(frame), "shown": len(shown), "records": shown})

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
        from watchme_analysis.simulation.figures import estimate_of
        from watchme_analysis.simulation.scenarios import compare

        opened = self._case(case)
        _, fitted = what_if_of_case(opened, queue)
        figures = ("dead_lettered", "lost", "duplicates", "peak_visible", "peak_age_s", "drain_s")
        measures = [
            {"measure": row.scenario.name, **{name: asdict(estimate_of(row, name)) for name in figures}}
            for row in compare(fitted.scenarios, _REPLICATIONS, 0, 1)
        ]
        return self._safe(opened, {"queue": fitted.pipeline.queue, "measures": measures})

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
        check = check_claim(case, cause, reason_sql, diagnosis=diagnosis)
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
        """Return the diagnosis of a case; that of an earlier call where the case has not changed since."""
        changed_ns = (case.path / "manifest.json").stat().st_mtime_ns
        known = self._diagnoses.get((case.path, question, since))
        if known is None or known[0] != changed_ns:
            known = (changed_ns, diagnose(question, case, since=since))
            self._diagnoses[case.path, question, since] = known
        return known[1]

    def _case(self, name: str) -> Case:
        if Path(name).name == name:
            for folder in self.folders:
                if (folder / name / "manifest.json").is_file():
                    return open_case(folder / name)
        raise InputError(error_message("error-mcp-no-case", name=repr(name)))

    def _safe(self, case: Case, value: dict[str, Any]) -> dict[str, Any]:
        """Return a value redacted, and cut to the size of an answer."""
        safe: dict[str, Any] = bounded(redactor_of(case, self.level).value(value))
        return safe


def bounded(value: Any, most: int = MOST_CHARACTERS) -> Any:
    """Return a value whose JSON has at most so many characters: long texts and lists are cut, and say so."""
    for cell, items in ((MOST_CELL * 4, 1_000), (MOST_CELL, MOST_ROWS), (MOST_CELL // 2, 10), (80, 3)):
        cut = _cut(value, cell, items)
        if len(json.dumps(cut, ensure_ascii=False, default=str)) <= most:
            return cut
    return {"note": f"The answer has more than {most:,} characters: ask for less."}


def _cut(value: Any, cell: int, items: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= cell else f"{value[:cell]}… ({len(value):,} characters)"
    if isinstance(value, Mapping):
        return {key: _cut(each, cell, items) for key, each in value.items()}
    if isinstance(value, Sequence):
        kept = [_cut(each, cell, items) for each in value[:items]]
        return kept if len(value) <= items else [*kept, f"… and {len(value) - items:,} more"]
    return value


def _without_messages(value: Any) -> Any:
    """Return a diagnosis without the ids and values beside its sentences, which an agent does not need."""
    if isinstance(value, dict):
        return {
            key: _without_messages(each)
            for key, each in value.items()
            if key != "message" and not key.endswith(("_message", "_messages"))
        }
    return [_without_messages(each) for each in value] if isinstance(value, list) else value


def _records(frame: pd.DataFrame, most: int) -> list[dict[str, Any]]:
    # A negative number would leave out the last rows instead.
    text = frame.head(max(0, most)).to_json(orient="records", date_format="iso", date_unit="ms")
    records: list[dict[str, Any]] = json.loads(text)
    return records
