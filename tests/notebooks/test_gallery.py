"""The notebooks of the gallery run, all in this process, and each shows something in every step."""

import re
from pathlib import Path

import pytest
from worlds.aws_examples import account_of_examples
from worlds.notebook_cells import run_cells

GALLERY = Path(__file__).resolve().parents[2] / "notebooks" / "gallery"
NOTEBOOKS = sorted(GALLERY.glob("*.ipynb"))


@pytest.mark.slow
def test_every_notebook_runs_and_shows_something(front, tmp_path, monkeypatch, subtests):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(GALLERY)  # as JupyterLab runs them
    account_of_examples(front, tmp_path, monkeypatch)
    assert len(NOTEBOOKS) >= 14
    found = {}
    for path in NOTEBOOKS:
        with subtests.test(path.stem):
            found[path.stem] = run_cells(path)
            assert found[path.stem]
            assert all(len(value) for value in found[path.stem] if hasattr(value, "__len__"))
    assert found["offline_again"][0] is True
    assert found["who_fills_the_dlq"][-1] == found["redrive_list"][0] == 991
    assert found["slower_endpoints"][-1].loc["/health", "after"] > 0


def test_the_index_names_every_notebook():
    named = re.findall(r"\]\((\w+)\.ipynb\)", (GALLERY / "README.md").read_text())
    assert sorted(named) == [path.stem for path in NOTEBOOKS]
