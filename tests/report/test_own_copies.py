"""Copies of the notebooks for a case."""

from watchme_analysis.report.own_copies import copy_notebooks


def test_the_notebook_of_the_question_is_the_first_and_others_about_it_follow(shorter, tmp_path):
    names = [path.name for path in copy_notebooks(shorter.path, tmp_path / "mine")]
    assert names == ["backlog_incident.ipynb", "alarm_backtest.ipynb", "what_if.ipynb"]
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == sorted(names)
