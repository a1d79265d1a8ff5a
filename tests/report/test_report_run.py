"""A run of a report without a kernel: its limits, its files and its failures."""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from worlds.printed import is_error, said

from watchme_analysis.case.case_folder import Case
from watchme_analysis.errors import InputError
from watchme_analysis.files.attachments import TAKE_AWAY_VARIABLE
from watchme_analysis.report import folder
from watchme_analysis.report.request import Request, find_notebooks, plan


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
