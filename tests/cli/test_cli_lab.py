import importlib.util
import json
import os
import re
import sys
from pathlib import Path

import pytest

from watchme_analysis.cli.report import lab_command
from watchme_analysis.report.request import notebooks_folder


@pytest.mark.slow
def test_lab_is_this_environments_jupyterlab():
    command = lab_command(notebooks_folder(), ("--no-browser",))
    assert command[0] == sys.executable
    module = command[command.index("-m") + 1]
    assert importlib.util.find_spec(f"{module}.__main__")
    assert str(notebooks_folder()) in command
    assert command[-1] == "--no-browser"


@pytest.mark.slow
def test_jupyterlab_asks_nobody_for_updates():
    from jupyterlab.handlers.announcements import NeverCheckForUpdate
    from jupyterlab.labapp import LabApp

    lab = LabApp()
    lab.parse_command_line(lab_command(notebooks_folder(), ())[4:])
    assert lab.check_for_updates_class is NeverCheckForUpdate


@pytest.fixture
def started(monkeypatch, tmp_path):
    """Return the commands that would have replaced this process, with their environments."""
    commands = []
    monkeypatch.chdir(tmp_path)  # restored at the end: the command changes the working directory
    monkeypatch.setattr(os, "execve", lambda _, command, environment: commands.append((command, environment)))
    return commands


def test_a_case_opens_in_copies_of_mine_and_the_clone_stays_as_it_is(
    watchme, started, evidence, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    stored = {path: path.read_bytes() for path in notebooks_folder().glob("*.ipynb")}
    done = watchme("lab", evidence, "--no-browser")
    assert done.returncode == 0, done.stderr
    ((command, environment),) = started
    # Neither a module nor a template beside the user is taken, also by the kernels of JupyterLab.
    assert (Path.cwd(), environment["PYTHONSAFEPATH"]) == (Path("/"), "1")
    copy = tmp_path / "home" / "watchme" / "evidence" / "health_timeout.ipynb"
    assert str(copy) in command and command[-1] == "--no-browser"
    assert [path.name for path in copy.parent.iterdir()] == ["health_timeout.ipynb"]
    notebook = json.loads(copy.read_text())
    names = parameters_of(notebook)
    assert (names["case"], names["since"]) == (str(evidence.resolve()), "")
    *executed, explore = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] for cell in executed[1:]) and not explore["outputs"]
    assert environment["WATCHME_WIDGETS"] == "1"
    assert {path: path.read_bytes() for path in stored} == stored

    copy.write_text("my work")
    watchme("lab", evidence)
    assert copy.read_text() == "my work"


def parameters_of(notebook):
    """Return the values of the parameters of a notebook by name."""
    (cell,) = [cell for cell in notebook["cells"] if "parameters" in cell["metadata"].get("tags", ())]
    names = {}
    exec("".join(cell["source"]), names)
    return names


def test_texts_pages_and_kernels_have_the_language_of_the_option(watchme, started, evidence, tmp_path):
    assert watchme("lab", evidence, "--folder", tmp_path, "--language", "ja").returncode == 0
    notebook = json.loads((tmp_path / "health_timeout.ipynb").read_text())
    assert parameters_of(notebook)["language"] == "ja"
    texts = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    assert all(re.search("[ぁ-ん一-龥]", text) for text in texts)
    ((_, environment),) = started
    assert environment["WATCHME_LANGUAGE"] == "ja"


def test_copies_never_lie_in_the_project(watchme, started, evidence):
    refused = watchme("lab", evidence, "--folder", notebooks_folder() / "mine")
    assert refused.returncode == 2
    assert "belongs to the project" in refused.stderr
    assert not (notebooks_folder() / "mine").exists()
    assert watchme("lab", "--folder", "x").returncode == 2
    assert started == []
