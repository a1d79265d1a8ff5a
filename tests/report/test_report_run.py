"""A run of a report without a kernel: its limits, its files and its failures."""

import json
import signal
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from worlds.printed import is_error, said
from worlds.report_parts import ANSWER

from watchme_analysis.case.case_folder import Case
from watchme_analysis.errors import InputError, ReportError
from watchme_analysis.files.attachments import TAKE_AWAY_VARIABLE
from watchme_analysis.report import folder, kernel
from watchme_analysis.report.request import Request, find_notebooks, plan
from watchme_analysis.report.run import (
    Execution,
    NoProgress,
    TimeLimit,
    fill_result,
    shared_imports,
    without_path,
)


class Manager:
    """A kernel of which only the signals are noted."""

    def __init__(self, left=Path("nowhere"), has_kernel=True):
        self.signals, self.has_kernel = [], has_kernel
        self.kernel_spec = SimpleNamespace(env={TAKE_AWAY_VARIABLE: str(left)})

    def signal_kernel(self, number):
        self.signals.append(number)


def notebook(*cells, **metadata):
    return {"cells": [*cells], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def request_of(path="/cases/one", parameters=None, redact=None, file=Path("why.ipynb")):
    window = {"start": "2025-12-11T01:00:00+00:00", "end": "2025-12-11T02:00:00+00:00"}
    case = Case(Path(path), {"name": "one", "window": window, "tables": {}, "inputs": []})
    return Request("health", file, case, {"language": "en", **(parameters or {})}, redact)


def test_time_is_left_until_the_limit_and_without_one_always():
    assert TimeLimit.of(None).left_s is None
    assert 0 < TimeLimit.of(60.0).left_s <= 60.0
    assert TimeLimit(5.0, until=time.monotonic() - 1).left_s == 0.0
    # No time at all is a limit.
    assert TimeLimit.of(0.0).left_s == 0.0


def test_the_path_of_a_redacted_case_is_its_name_wherever_it_stands():
    value = {"error": 'No file "/tmp/a\\b/one".', "case": ["/tmp/a\\b/one", 3]}
    redacted = request_of("/tmp/a\\b/one", redact="ids")
    assert without_path(value, redacted) == {"error": 'No file "one".', "case": ["one", 3]}
    assert without_path(value, request_of("/tmp/a\\b/one")) is value
    assert without_path(None, redacted) is None


def test_imports_are_shared_within_the_context_and_forgotten_after_it(monkeypatch):
    from watchme_analysis.report.run import IMPORTS_VARIABLE as VARIABLE

    monkeypatch.setenv(VARIABLE, "before")
    import os

    with shared_imports() as home:
        assert os.environ[VARIABLE] == home and Path(home).is_dir()
    assert os.environ[VARIABLE] == "before" and not Path(home).exists()
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(ValueError, match="no"), shared_imports():
        raise ValueError("no")
    assert VARIABLE not in os.environ


HEAD = {"cell_type": "markdown", "id": "h", "metadata": {}, "source": "# One"}


class Filled:
    """An execution that has ended."""

    def __init__(self, left, *cells, error=None):
        self.kernel, self.request, self.error = Manager(left), request_of(), error
        self.notebook, self.done = notebook(HEAD, *cells), []

    def run(self):
        self.done.append("run")

    def hide_path(self):
        self.done.append("hide_path")


def filled(tmp_path, *cells, error=None):
    """Return the result of a run, and the execution."""
    left, path = tmp_path / "left", tmp_path / "run"
    left.mkdir(parents=True)
    path.mkdir()
    (left / "rows.csv").write_text("a\n")
    (left / "folder").mkdir()
    result = {
        "status": "running", "question": "health", "case": "one", "title": "one", "answer": [], "files": [],
        "started_at": "2025-12-11T02:00:00+00:00", "parameters": {"timezone": "UTC", "language": "en"},
        "window": None, "case_window": None, "inputs": [], "versions": {}, "notebook": "why.ipynb",
        "actions": [], "redacted": None,
    }  # fmt: skip
    execution = Filled(left, *cells, error=error)
    fill_result(SimpleNamespace(path=path), result, execution)
    assert json.loads((path / "result.json").read_text()) == result
    return result, execution, path


def answer_shown(**changes):
    data = {"application/vnd.watchme.finding+json": ANSWER | changes, "text/plain": "Yes.\nIt is."}
    shown = {"output_type": "display_data", "data": data, "metadata": {}}
    return {
        "cell_type": "code", "id": "a", "metadata": {"tags": ["answer"]}, "source": "", "outputs": [shown],
        "execution_count": 1,
    }  # fmt: skip


def test_a_run_ends_with_its_diagnosis_its_files_and_its_page(tmp_path):
    result, execution, path = filled(tmp_path, answer_shown())
    assert (execution.done, execution.kernel.signals) == (["run", "hide_path"], [signal.SIGKILL])
    seconds = result.pop("seconds")
    assert 0 <= seconds < 60
    kept = {name: result[name] for name in ("status", "error", "diagnosis", "answer", "figures", "files")}
    assert kept == {
        "status": "ok", "error": None, "diagnosis": ANSWER, "answer": ["Yes.", "It is."], "figures": [],
        "files": ["rows.csv"],
    }  # fmt: skip
    assert sorted(each.name for each in path.iterdir()) == ["report.html", "result.json", "rows.csv"]


def test_a_run_without_a_diagnosis_or_with_an_error_has_failed(tmp_path):
    nothing, *_ = filled(tmp_path / "a")
    missing = {"kind": "ReportError", "message": said("report-no-diagnosis"), "section": ""}
    assert (nothing["status"], nothing["error"]) == ("failed", missing)
    error = {"kind": "KeyError", "message": "'x'", "section": "Causes"}
    failed, *_ = filled(tmp_path / "b", answer_shown(), error=error)
    assert (failed["status"], failed["error"], failed["diagnosis"]) == ("failed", error, ANSWER)


@pytest.fixture
def execution(tmp_path):
    """Return a function that makes the execution of a notebook of three cells."""

    def make(redact=None, limit=None, language="en"):
        cells = [
            {"cell_type": "markdown", "metadata": {"ja": "# 一"}, "source": ["# One"]},
            {"cell_type": "code", "metadata": {}, "source": ["1"], "outputs": []},
            {"cell_type": "code", "metadata": {}, "source": ["2"], "outputs": []},
        ]
        file = tmp_path / "why.ipynb"
        file.write_text(json.dumps(notebook(*cells)))
        request = request_of("/tmp/x/one", {"language": language}, redact, file)
        return Execution(request, tmp_path / "out.ipynb", Noted(), Manager(), limit or TimeLimit())

    return make


class Noted(NoProgress):
    """Progress that is noted."""

    def __init__(self):
        self.cells = []

    def cell(self, request, number, cells, title):
        self.cells.append((number, cells, title))


def test_each_cell_is_reported_with_its_number_and_heading(execution):
    made = execution()
    made.notebook = json.loads(made.request.notebook.read_text())
    made._cell_starts({}, 1)
    made._cell_starts({}, 2)
    assert made.progress.cells == [(1, 2, "One"), (2, 2, "One")]
    assert made.path.read_text() == json.dumps(made.notebook, ensure_ascii=False) + "\n"
    japanese = execution(language="ja")
    japanese.notebook = made.notebook
    # No heading stands before the first cell.
    japanese._cell_starts({}, 0)
    japanese._cell_starts({}, 1)
    assert japanese.progress.cells == [(1, 2, ""), (2, 2, "一")]


def test_no_cell_begins_after_the_time_is_over(execution):
    made = execution(limit=TimeLimit(7.4, 0.0))
    made.notebook = notebook()
    made._is_over.set()
    with pytest.raises(ReportError) as refused:
        made._cell_starts({}, 1)
    assert str(refused.value) == said("report-interrupted", seconds="7")
    assert made.progress.cells == []


def test_a_notebook_that_stops_has_the_error_of_its_cell_else_that_of_its_kernel(execution, monkeypatch):
    failed = {"output_type": "error", "ename": "KeyError", "evalue": "'x'"}

    def stopped(error, *shown, after=None):
        made = execution(limit=TimeLimit(7.4, time.monotonic() + 60))

        def run(papermill):
            made.notebook["cells"][1]["outputs"] = [*shown]
            if after is not None:
                after(made)
            raise error

        monkeypatch.setattr(made, "_execute", run)
        made.run()
        assert json.loads(made.path.read_text()) == made.notebook
        return made.error

    assert stopped(ValueError("gone")) == {"kind": "ValueError", "message": "gone", "section": ""}
    assert stopped(ValueError("gone"), failed) == {"kind": "KeyError", "message": "'x'", "section": "One"}
    over = stopped(ValueError("gone"), failed, after=lambda made: made._is_over.set())
    assert over == {
        "kind": "ReportError",
        "message": said("report-interrupted", seconds="7"),
        "section": "One",
    }


def test_the_path_of_a_redacted_case_leaves_the_notebook_and_the_error(execution):
    def hidden(redact):
        made = execution(redact)
        made.notebook = notebook(papermill={"input_path": "/tmp/y/why.ipynb", "output_path": "/z/out.ipynb"})
        made.notebook["cells"] = [{"cell_type": "markdown", "metadata": {}, "source": ["/tmp/x/one"]}]
        made.error = {"kind": "OSError", "message": "/tmp/x/one is missing", "section": ""}
        made.hide_path()
        return made

    made = hidden("ids")
    assert made.notebook["metadata"]["papermill"] == {"input_path": "why.ipynb", "output_path": "out.ipynb"}
    assert made.notebook["cells"][0]["source"] == ["one"]
    assert made.error["message"] == "one is missing"
    assert json.loads(made.path.read_text()) == made.notebook
    # A case that is not redacted keeps its paths, and nothing is written again.
    made.path.unlink()
    open_case = hidden(None)
    assert open_case.error["message"] == "/tmp/x/one is missing" and not open_case.path.exists()


def test_a_kernel_is_interrupted_after_its_time_and_killed_if_it_goes_on(monkeypatch):
    monkeypatch.setattr(kernel, "_GRACE_S", 0.01)
    slow = Manager()
    with kernel.interrupted_after(slow, 0.005) as is_over:
        assert is_over.wait(1)
        for _ in range(100):
            if len(slow.signals) == 2:
                break
            threading.Event().wait(0.005)
    assert slow.signals == [signal.SIGINT, signal.SIGKILL]
    quick, endless = Manager(), Manager()
    with kernel.interrupted_after(quick, 30.0) as is_over:
        pass
    with kernel.interrupted_after(endless, None) as never:
        pass
    assert (quick.signals, endless.signals, is_over.is_set(), never.is_set()) == ([], [], False, False)


def test_a_kernel_that_has_ended_is_not_killed():
    ended = Manager(has_kernel=False)
    kernel.finished(ended)
    assert ended.signals == []


def test_a_deleted_working_directory_is_replaced(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    assert kernel._working_directory(tmp_path) == gone
    gone.rmdir()
    assert kernel._working_directory(tmp_path) == tmp_path


STARTED = datetime(2025, 12, 11, 2, 3, 4, tzinfo=UTC)


def test_runs_of_the_same_second_have_numbers_and_one_that_is_left_is_killed(tmp_path):
    stem = "20251211T020304Z-health-a-case"
    runs = [folder.Run.begin(tmp_path, STARTED, "health", "a case") for _ in range(3)]
    assert [run.name for run in runs] == [stem, f"{stem}-2", f"{stem}-3"]
    folder.write_result(runs[2].path, {"status": "running", "case": "a case"})
    assert runs[0].finish() == tmp_path / stem
    # One that runs is left alone; one that was left is completed as killed.
    runs[2].abandon()
    folder.settle_killed(tmp_path)
    runs[1].abandon()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [f".{stem}-2.part", stem, f"{stem}-3", ".lock"]
    )
    killed = {"status": "killed", "case": "a case", "error": said("report-killed")}
    assert folder.read_result(tmp_path / f"{stem}-3") == killed
    # The name of a run that was completed is not given again.
    assert folder.Run.begin(tmp_path, STARTED, "health", "a case").name == f"{stem}-4"


def test_a_result_that_is_none_of_a_run_is_not_read(tmp_path):
    for text in ("[]", "{", '{"status": "other"}', "[" * 100_000):
        (tmp_path / "result.json").write_text(text)
        assert folder.read_result(tmp_path) is None
    folder.write_result(tmp_path, {"status": "ok"})
    assert folder.read_result(tmp_path) == {"status": "ok"}


def test_names_in_a_path_are_words_of_at_most_sixty_characters():
    assert folder.slug(" a/b: c.d- ") == "a-b-c.d"
    assert folder.slug("日報 1") == "日報-1"
    assert folder.slug("...") == "unnamed"
    assert folder.slug("x" * 59 + "-" + "y") == "x" * 59
    assert folder.slug("x" * 61) == "x" * 60


def test_a_folder_of_notebooks_has_one_for_each_question(tmp_path, small_evidence_case):
    about = {"watchme": {"question": "health"}}
    one, two = tmp_path / "a.ipynb", tmp_path / "b.ipynb"
    one.write_text(json.dumps(notebook(**about)))
    two.write_text(json.dumps(notebook()))
    # A notebook without a question is not one of a report.
    assert find_notebooks(tmp_path) == {"health": one}
    two.write_text(json.dumps(notebook(**about)))
    with pytest.raises(InputError) as refused:
        find_notebooks(tmp_path)
    assert is_error(refused.value, "error-question-twice", first=one, second=two, question="'health'")
    two.unlink()
    one.write_text(json.dumps(notebook(watchme={"question": "backlog"})))
    with pytest.raises(InputError) as refused:
        plan("all", [small_evidence_case], {}, tmp_path)
    assert is_error(refused.value, "error-folder-other-questions", folder=tmp_path, case=small_evidence_case)


@pytest.fixture
def small_evidence_case(evidence):
    """A folder of evidence for health alone."""
    return evidence


def test_the_notebooks_of_an_installation_are_found_or_named(tmp_path, monkeypatch):
    from watchme_analysis.report import request as requests

    monkeypatch.setattr(requests, "PROJECT_FILES", tmp_path)
    with pytest.raises(InputError) as refused:
        requests.notebooks_folder()
    assert is_error(refused.value, "error-notebooks-missing", folder=tmp_path / "notebooks")
    (tmp_path / "notebooks").mkdir()
    assert requests.notebooks_folder() == tmp_path / "notebooks"


def test_parameters_of_a_request_are_checked_and_bound_to_times(tmp_path, evidence):
    source = 'case = ""\nsince = ""\nuntil = ""\ntimezone = ""\nendpoint = ""\n'
    cell = {
        "cell_type": "code", "id": "p", "metadata": {"tags": ["parameters"]}, "source": source, "outputs": [],
        "execution_count": None,
    }  # fmt: skip
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "why.ipynb").write_text(json.dumps(notebook(cell, watchme={"question": "health"})))
    given = {"since": "2025-12-11T10:00:05", "timezone": "Asia/Tokyo", "until": None, "language": "ja"}
    [made] = plan("health", [evidence], given, folder)
    # A bound means the same in a later run, wherever that is.
    assert made.parameters == {
        "case": str(evidence), "since": "2025-12-11T01:00:05+00:00", "timezone": "Asia/Tokyo"
    }  # fmt: skip
    assert (made.question, made.notebook.name, made.redact) == ("health", "why.ipynb", None)
    for options, message_id, values in (
        ({"queue": "q"}, "error-report-option", {"option": "queue", "question": "'health'"}),
        ({"language": "fr"}, "error-language-unknown", {"name": "'fr'", "known": "en, ja"}),
    ):
        with pytest.raises(InputError) as refused:
            plan("health", [evidence], options, folder)
        assert is_error(refused.value, message_id, **values)
    with pytest.raises(InputError) as refused:
        plan("backlog", [evidence], {}, folder)
    assert is_error(refused.value, "error-no-notebook", question="'backlog'", known="health, all")


def test_a_run_that_breaks_is_left_as_if_killed(tmp_path, monkeypatch):
    from watchme_analysis.report import run as runs

    def broken(run, result, execution):
        folder.write_result(run.path, result)
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "fill_result", broken)
    with pytest.raises(KeyboardInterrupt):
        runs._make_report(request_of(), tmp_path, NoProgress(), Manager(), TimeLimit())
    folder.settle_killed(tmp_path)
    [left] = [path for path in tmp_path.iterdir() if path.is_dir()]
    result = folder.read_result(left)
    assert (result["status"], result["question"], result["case"]) == ("killed", "health", "one")
