"""Copies of the notebooks for a case."""

import json

import pytest

from watchme_analysis.report.own_copies import copy_notebooks


@pytest.mark.slow
def test_the_notebook_of_the_question_is_the_first_and_others_about_it_follow(shorter, tmp_path):
    names = [path.name for path in copy_notebooks(shorter.path, tmp_path / "mine")]
    assert names == ["backlog_incident.ipynb", "alarm_backtest.ipynb", "what_if.ipynb"]
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == sorted(names)


@pytest.mark.slow
def test_the_first_copy_is_executed_with_the_case_and_stays_as_its_reader_left_it(shorter, tmp_path):
    first, second, _ = copy_notebooks(shorter.path, tmp_path, "ja")
    cells = json.loads(first.read_text())["cells"]
    parameters, *code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert f'case = "{shorter.path}"' in "".join(parameters["source"])
    assert 'timezone = "Asia/Tokyo"' in "".join(parameters["source"])
    assert all(cell["outputs"] for cell in code[:-1])
    assert "Asia/Tokyo" in json.dumps(code[0]["outputs"])
    assert not any(cell.get("outputs") for cell in json.loads(second.read_text())["cells"])
    first.write_text("{}")
    copy_notebooks(shorter.path, tmp_path, "ja")
    assert first.read_text() == "{}"
