"""The command ``watchme lab``: copies of notebooks, and the JupyterLab that it starts."""

import json
import os
import re
from pathlib import Path

import pytest

from watchme_analysis.report.request import notebooks_folder


@pytest.fixture
def started(monkeypatch, tmp_path):
    """Return the commands that would have replaced this process, with their environments."""
    commands = []
    monkeypatch.chdir(tmp_path)  # restored at the end: the command changes the working directory
    monkeypatch.setattr(os, "execve", lambda _, command, environment: commands.append((command, environment)))
    return commands


def parameters_of(notebook):
    """Return the values of the parameters of a notebook by name."""
    (cell,) = [cell for cell in notebook["cells"] if "parameters" in cell["metadata"].get("tags", ())]
    names = {}
    exec("".join(cell["source"]), names)
    return names


def test_a_case_opens_in_copies_of_mine_in_my_language(watchme, started, evidence, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    stored = {path: path.read_bytes() for path in notebooks_folder().glob("*.ipynb")}
    done = watchme("lab", evidence, "--no-browser", "--language", "ja")
    assert done.returncode == 0, done.stderr
    ((command, environment),) = started
    # Neither a module nor a template beside the user is taken, also by the kernels of JupyterLab.
    assert (Path.cwd(), environment["PYTHONSAFEPATH"]) == (Path("/"), "1")
    assert (environment["WATCHME_WIDGETS"], environment["WATCHME_LANGUAGE"]) == ("1", "ja")
    copy = tmp_path / "home" / "watchme" / "evidence" / "health_timeout.ipynb"
    assert str(copy) in command and command[-1] == "--no-browser"
    notebook = json.loads(copy.read_text())
    names = parameters_of(notebook)
    assert (names["case"], names["since"], names["language"]) == (str(evidence.resolve()), "", "ja")
    texts = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    assert all(re.search("[ぁ-ん一-龥]", text) for text in texts)
    assert {path: path.read_bytes() for path in stored} == stored
    copy.write_text("my work")
    watchme("lab", evidence)
    assert copy.read_text() == "my work"


def test_copies_never_lie_in_the_project(watchme, started, evidence):
    refused = watchme("lab", evidence, "--folder", notebooks_folder() / "mine")
    assert refused.returncode == 2 and "belongs to the project" in refused.stderr
    assert not (notebooks_folder() / "mine").exists() and started == []
