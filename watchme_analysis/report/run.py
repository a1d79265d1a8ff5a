"""Execution of notebooks over cases, with one folder per report."""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from threading import Event
from typing import Any, Protocol

from watchme_analysis.case.importer import IMPORTS_VARIABLE
from watchme_analysis.errors import ReportError
from watchme_analysis.installation import require
from watchme_analysis.report import outputs
from watchme_analysis.report.actions_taken import actions_taken
from watchme_analysis.report.folder import Run, collect_files, prepare, write_result
from watchme_analysis.report.html_page import check_index, write_index, write_page
from watchme_analysis.report.kernel import Kernels, finished, interrupted_after, left_by
from watchme_analysis.report.request import Request, plan, read_notebook
from watchme_analysis.storage.process_temp_dir import process_temp_dir
from watchme_analysis.text.render import label, render
from watchme_analysis.version import __version__

_VERSIONS = ("pandas", "numpy", "pyarrow", "duckdb", "matplotlib", "papermill", "nbconvert")


class Progress(Protocol):
    """Protocol of receivers of the progress of reports, such as a command that prints it."""

    def planned(self, reports: int) -> None:
        """Receive the number of reports to write, after all inputs have been validated."""

    def cell(self, request: Request, number: int, cells: int, title: str) -> None:
        """Receive that code cell ``number`` of ``cells`` starts, below the heading ``title``."""

    def done(self, request: Request, folder: Path, result: Mapping[str, Any]) -> None:
        """Receive the folder of a finished report and its result."""


class NoProgress:
    """Receiver that ignores the progress."""

    def planned(self, reports: int) -> None:
        """Do nothing."""

    def cell(self, request: Request, number: int, cells: int, title: str) -> None:
        """Do nothing."""

    def done(self, request: Request, folder: Path, result: Mapping[str, Any]) -> None:
        """Do nothing."""


def write_reports(  # noqa: PLR0913  what a report may depend on
    question: str,
    cases: Sequence[str | Path],
    out: str | Path = "reports",
    *,
    notebooks: Path | None = None,
    progress: Progress | None = None,
    redact: str | None = None,
    seconds: float | None = None,
    **parameters: str | None,
) -> list[dict[str, Any]]:
    """Write the reports of cases and the index of all reports; return the results.

    Parameters
    ----------
    question
        ``health``, ``backlog``, ``alarms``, ``what-if``, or ``all`` for health and backlog, as far as each
        case has evidence for them.
    cases
        Cases or folders of raw evidence.
    out
        Folder of all reports; created when missing.
    notebooks
        Folder of the notebooks to run; by default those of the project.
    progress
        Receiver of the progress.
    redact
        Level of redaction, see :mod:`watchme_analysis.stand_ins`: the reports are then those of exported
        cases, and no file holds more than these. None for the cases themselves.
    seconds
        Time from now after which running notebooks are interrupted, and none begins; None for no limit.
        Such a report is ``failed`` and shows the cells so far.
    parameters
        ``since``, ``until``, ``timezone``, ``language`` and other parameters of the notebook, such as
        ``queue``; None for the default.

    Returns
    -------
    list of dict
        The ``result.json`` of each report; ``status`` is ``ok`` or ``failed``.

    Raises
    ------
    InputError, CaseError
        When a parameter, a case or the folder can't be used. Nothing is written then.
    """
    require("report", "reports")
    progress = progress or NoProgress()
    limit = TimeLimit.of(seconds)
    # The first kernel starts while the inputs are validated.
    with shared_imports() as home, Kernels(question) as kernels:
        if redact is not None:
            cases = [exported(case, Path(home, f"{redact}-{at}"), redact) for at, case in enumerate(cases)]
        requests = plan(question, cases, parameters, notebooks)
        requests = [replace(request, redact=redact) for request in requests]
        progress.planned(len(requests))
        return make_reports(requests, Path(out).absolute(), progress, kernels, limit)


def exported(case: str | Path, folder: Path, level: str) -> Path:
    """Return the path of a case exported at a level of redaction, below a folder."""
    from watchme_analysis.case.export import export_case
    from watchme_analysis.case.opening import open_case

    return export_case(open_case(case), folder / "case", level).path


def without_path(value: Any, request: Request) -> Any:
    """Return a JSON value in which the temporary path of a redacted case is the name of the case."""
    if request.redact is None:
        return value
    path, name = (json.dumps(str(text))[1:-1] for text in (request.case.path, request.case.name))
    return json.loads(json.dumps(value).replace(path, name))


@contextmanager
def shared_imports() -> Iterator[str]:
    """Share imports of raw evidence with the kernels inside the context; yields the folder of the imports."""
    with tempfile.TemporaryDirectory(dir=process_temp_dir()) as home:
        before = os.environ.get(IMPORTS_VARIABLE)
        os.environ[IMPORTS_VARIABLE] = home
        try:
            yield home
        finally:
            if before is None:
                del os.environ[IMPORTS_VARIABLE]
            else:
                os.environ[IMPORTS_VARIABLE] = before


@dataclass(frozen=True)
class TimeLimit:
    """Time that notebooks may take together.

    Attributes
    ----------
    seconds
        The time; None for no limit.
    until
        Monotonic time at its end.
    """

    seconds: float | None = None
    until: float = 0.0

    @classmethod
    def of(cls, seconds: float | None) -> TimeLimit:
        """Return the limit that begins now."""
        return cls(seconds, time.monotonic() + (seconds or 0.0))

    @property
    def left_s(self) -> float | None:
        """Seconds left; None for no limit."""
        return None if self.seconds is None else max(0.0, self.until - time.monotonic())


def make_reports(
    requests: Sequence[Request],
    reports: Path,
    progress: Progress,
    kernels: Kernels,
    limit: TimeLimit = TimeLimit(),
) -> list[dict[str, Any]]:
    """Write the reports one after the other and return their results.

    Parameters
    ----------
    requests
        Requests from :func:`watchme_analysis.report.request.plan`.
    reports
        Folder of all reports; created when missing.
    progress
        Receiver of the progress.
    kernels
        Kernels for the notebooks.
    limit
        Time that they may take.

    Raises
    ------
    InputError
        When the folder can't be written to; raised before a notebook is run.
    """
    check_index(reports)
    prepare(reports)
    results = []
    try:
        for number, request in enumerate(requests, start=1):
            with kernels.take(more=number < len(requests)) as kernel:
                folder, result = _make_report(request, reports, progress, kernel, limit)
            progress.done(request, folder, result)
            results.append(result)
    finally:
        # Also when interrupted, so that the index lists the finished reports.
        write_index(reports, requests[0].language if requests else None)
    return results


def _make_report(
    request: Request, reports: Path, progress: Progress, kernel: Any, limit: TimeLimit
) -> tuple[Path, dict[str, Any]]:
    started = datetime.now(UTC)
    run = Run.begin(reports, started, request.question, request.case.name)
    result = {
        "status": "running",
        "error": None,
        "question": request.question,
        "case": request.case.name,
        "title": render(request.case.title, request.language),
        "started_at": started.isoformat(timespec="seconds"),
        "seconds": None,
        "parameters": without_path(dict(request.parameters), request),
        "redacted": request.redact,
        "window": _looked_at(request),
        "case_window": request.case.manifest.get("window"),
        "inputs": [
            {name: entry[name] for name in ("file", "bytes", "sha256")}
            for entry in request.case.manifest["inputs"]
        ],
        "versions": _versions(),
        "notebook": request.notebook.name,
        "figures": [],
        "files": [],
        "actions": [
            {"time": time.isoformat(), "message": said.to_dict(), "outcome": outcome}
            for time, said, outcome in actions_taken(request.case)
        ],
        "answer": [],
        "diagnosis": None,
    }
    try:
        path = run.path / request.notebook.name
        fill_result(run, result, Execution(request, path, progress, kernel, limit))
    except BaseException:
        run.abandon()
        raise
    return run.finish(), result


def fill_result(run: Run, result: dict[str, Any], execution: Execution) -> None:
    """Run the notebook and write all files of the run."""
    clock = time.monotonic()
    write_result(run.path, result)
    execution.run()
    finished(execution.kernel)
    execution.hide_path()
    result["diagnosis"] = outputs.diagnosis(execution.notebook)
    result["answer"] = outputs.answer(execution.notebook)
    result["error"] = execution.error
    if result["error"] is None and result["diagnosis"] is None:
        result["error"] = {
            "kind": "ReportError",
            "message": label("report-no-diagnosis", execution.request.language),
            "section": "",
        }
    result["status"] = "failed" if result["error"] else "ok"
    result["figures"] = outputs.write_figures(execution.notebook, run.path)
    result["files"] = collect_files(left_by(execution.kernel), run.path)
    result["seconds"] = round(time.monotonic() - clock, 2)
    write_page(execution.notebook, result, run.path)
    write_result(run.path, result)


def _looked_at(request: Request) -> dict[str, Any] | None:
    """Return the window of the report: that of the parameters, else that of the case."""
    whole = request.case.manifest.get("window")
    bounds = {"start": request.parameters.get("since"), "end": request.parameters.get("until")}
    return whole and {bound: bounds[bound] or whole[bound] for bound in ("start", "end")}


def _versions() -> dict[str, str]:
    found = {"watchme_analysis": __version__, "python": platform.python_version()}
    return found | {name: version(name) for name in _VERSIONS}


@dataclass
class Execution:
    """Execution of a notebook with papermill.

    Attributes
    ----------
    request
        Request of the report.
    path
        File of the executed notebook, written before each cell.
    progress
        Receiver of the progress.
    kernel
        Manager of the kernel.
    limit
        Time after which it is interrupted.
    notebook
        The notebook as far as it is executed.
    error
        Error that stopped it, as in ``result.json``; None without an error.
    """

    request: Request
    path: Path
    progress: Progress
    kernel: Any
    limit: TimeLimit = TimeLimit()
    notebook: Any = None
    error: dict[str, Any] | None = None
    _begun: int = field(default=0, init=False)
    _is_over: Event = field(default_factory=Event, init=False)

    def run(self) -> None:
        """Run the notebook; an exception is stored in ``error``."""
        import papermill

        self.notebook = read_notebook(self.request.notebook)
        try:
            with interrupted_after(self.kernel, self.limit.left_s) as self._is_over:
                self._execute(papermill)
        except Exception as problem:
            # The error of the cell if there is one, else that of the kernel.
            self.error = outputs.error(self.notebook, self.request.language) or {
                "kind": type(problem).__name__,
                "message": str(problem),
                "section": "",
            }
            if self._is_over.is_set():
                self.error |= {"kind": ReportError.__name__, "message": self._time_is_over()}
            self._save()

    def _execute(self, papermill: Any) -> None:
        self.notebook = papermill.execute_notebook(
            # papermill interprets braces in a path as parameters.
            _plain(self.request.notebook),
            _plain(self.path),
            parameters=dict(self.request.parameters),
            kernel_name="python3",
            language="python",
            km=self.kernel,
            progress_bar=False,
            request_save_on_cell_execute=False,
            on_notebook_start=self._notebook_starts,
            on_cell_execute=self._cell_starts,
        )

    def _time_is_over(self) -> str:
        language = self.request.language
        return label("report-interrupted", language, seconds=f"{self.limit.seconds:.0f}")

    def hide_path(self) -> None:
        """Remove paths of this machine from the executed notebook and the error of a redacted case."""
        if self.request.redact is not None:
            self.notebook = without_path(self.notebook, self.request)
            for key in ("input_path", "output_path"):
                if path := self.notebook["metadata"].get("papermill", {}).get(key):
                    self.notebook["metadata"]["papermill"][key] = Path(path).name
            self.error = without_path(self.error, self.request)
            self._save()

    def _notebook_starts(self, notebook: Any) -> None:
        self.notebook = notebook

    def _cell_starts(self, cell: Any, cell_index: int) -> None:
        # Saved before each cell, so that a killed run can be analysed; on one line in a tenth of the time, as
        # Python indents JSON without its compiled encoder.
        self._save(indent=None)
        if self._is_over.is_set():  # a kernel ignores interrupts between two cells
            raise ReportError(self._time_is_over())
        self._begun += 1
        cells = sum(each["cell_type"] == "code" for each in self.notebook["cells"])
        title = ""
        for each in self.notebook["cells"][:cell_index]:
            title = outputs.heading(each, self.request.language) or title
        self.progress.cell(self.request, self._begun, cells, title)

    def _save(self, indent: int | None = 1) -> None:
        text = json.dumps(self.notebook, ensure_ascii=False, indent=indent)
        self.path.write_text(text + "\n", encoding="utf-8")


def _plain(path: Path) -> str:
    return str(path).replace("{", "{{").replace("}", "}}")
