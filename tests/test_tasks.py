"""The set-up script: what a person hears when the machine lacks something."""

import importlib.util
import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def tasks(tmp_path):
    """The script in a folder of its own, whose project has no packages to install."""
    shutil.copy(ROOT / "tasks.py", tmp_path)
    (tmp_path / "watchme_analysis").mkdir()
    for name in ("requirements.lock", "pyproject.toml", "watchme_analysis/version.py"):
        (tmp_path / name).touch()
    spec = importlib.util.spec_from_file_location("tasks", tmp_path / "tasks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def interpreter(folder, version, exit_code=0):
    path = folder / f"python-{version}-{exit_code}"
    path.write_text(f"#!/bin/sh\necho {version}\nexit {exit_code}\n")
    path.chmod(0o755)
    return str(path)


def test_takes_the_first_supported_interpreter(tasks, tmp_path):
    old, new, good = (interpreter(tmp_path, version) for version in ("3.9", "3.14", "3.12"))
    assert tasks.suitable_python([old, new, good, interpreter(tmp_path, "3.11")]) == good


def test_passes_over_one_that_cannot_make_environments(tasks, tmp_path):
    lame, good = interpreter(tmp_path, "3.13", exit_code=1), interpreter(tmp_path, "3.11")
    assert tasks.suitable_python([lame, good]) == good


def test_says_which_package_brings_the_missing_module(tasks, tmp_path):
    with pytest.raises(tasks.TaskError, match=r"apt install python3\.13-venv"):
        tasks.suitable_python([interpreter(tmp_path, "3.13", exit_code=1)])


def test_says_which_versions_would_do(tasks, tmp_path):
    with pytest.raises(tasks.TaskError, match=r"3\.11, 3\.12 or 3\.13 is needed"):
        tasks.suitable_python([interpreter(tmp_path, "3.9")])


def test_an_unknown_task_prints_the_tasks_and_exits_2():
    requested = subprocess.run(
        [sys.executable, ROOT / "tasks.py", "deploy"], capture_output=True, text=True, check=False
    )
    assert requested.returncode == 2
    assert "tasks.py report" in requested.stdout


def test_an_environment_that_does_not_run_is_not_usable(tasks, tmp_path):
    (tmp_path / "bin").mkdir()
    assert not tasks.usable(tmp_path)
    Path(interpreter(tmp_path, "3.12", exit_code=1)).rename(tmp_path / "bin" / "python")
    assert not tasks.usable(tmp_path)
    (tmp_path / "bin" / "python").unlink()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    assert tasks.usable(tmp_path)


PROGRAM = """#!{python}
import json, sys
from pathlib import Path
with (Path(sys.argv[0]).parents[2] / "commands.jsonl").open("a") as file:
    file.write(json.dumps([Path(sys.argv[0]).name, *sys.argv[1:]]) + "\\n")
sys.exit({failing!r} in sys.argv)
"""


def environment(tasks, folder=None, failing=None):
    """Make an environment whose programs write down their arguments, and fail with a certain argument."""
    place = (folder or tasks.VENV) / "bin"
    place.mkdir(parents=True)
    for name in ("python", "watchme", "pytest"):
        (place / name).write_text(PROGRAM.format(python=sys.executable, failing=failing))
        (place / name).chmod(0o755)
    tasks.STAMP.write_text(tasks.describe())


def commands(tasks):
    """Return the commands that ran in the environment, other than the questions whether it is usable."""
    lines = (tasks.ROOT / "commands.jsonl").read_text().splitlines()
    return [command for command in map(json.loads, lines) if command[1] != "-c"]


def test_the_fast_tests_are_those_without_a_marker(tasks):
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    names = [marker.partition(":")[0] for marker in settings["markers"]]
    assert " and ".join(f"not {name}" for name in names) == tasks.FAST

    environment(tasks)
    tasks.test(["--fast"])
    tasks.test([])
    tasks.test(["--fast", "tasks.py"])
    fast, everything, named = commands(tasks)
    assert fast[:5] == named[:5] == ["pytest", "-p", "no:nbval", "-m", tasks.FAST]
    assert "--nbval-lax" in everything and "--nbval-lax" not in fast
    assert {"tests", "notebooks"} <= set(everything)
    assert "tests" in fast and "notebooks" not in fast
    assert named[5:] == ["tasks.py"]


def test_the_lock_is_installed_in_parts_that_hold_each_entry_once(tasks):
    lock = (ROOT / "requirements.lock").read_text()
    parts = tasks.parts(lock, 3)
    assert all(part and not part[0].isspace() for part in parts)
    assert sorted(line for part in parts for line in part.splitlines()) == sorted(lock.splitlines())
    entries = [part.count("==") for part in parts]
    assert tasks.parts("a==1 \\\n    --hash=x\nb==2\n", 2) == ["a==1 \\\n    --hash=x\n", "b==2\n"]
    assert min(entries) > 50


@pytest.mark.parametrize("failing", ["0", "1"])
def test_one_installation_that_fails_ends_the_set_up(tasks, failing):
    environment(tasks, failing=failing)
    with pytest.raises(tasks.TaskError, match="pip could not install"):
        tasks.pip(tasks.VENV, ["install", "0"], ["install", "1"])
    tasks.pip(tasks.VENV, ["install", "2"], ["install", "3"])


@pytest.mark.parametrize("stamp", [None, "elsewhere\n1\n", "{root}\n0\n"], ids=["none", "folder", "lock"])
def test_the_environment_behind_a_link_is_not_touched(tasks, tmp_path, capsys, stamp):
    behind = tmp_path / "behind"
    (tmp_path / ".venv").symlink_to(behind)
    behind.mkdir()
    environment(tasks, behind)
    assert tasks.main(["setup"]) == 0  # a stamp that fits needs no change
    tasks.STAMP.unlink()
    if stamp:
        tasks.STAMP.write_text(stamp.format(root=tmp_path))
    before = sorted(behind.rglob("*"))
    assert tasks.main(["setup"]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path / ".venv") in sentence and str(behind) in sentence and "remove the link" in sentence
    assert sorted(behind.rglob("*")) == before
    assert tasks.STAMP.exists() == bool(stamp)
    assert commands(tasks) == []


@pytest.mark.parametrize("code", [0, 1])
def test_a_trial_diagnosis_that_fails_ends_the_set_up(tasks, tmp_path, capsys, code):
    environment(tasks, failing="diagnose" if code else None)
    tasks.STAMP.write_text(f"{tmp_path}\nan older lock\n")
    assert tasks.main(["setup"]) == 2 * code
    assert tasks.STAMP.exists() == (code == 0)
    assert capsys.readouterr().err.count("trial diagnosis") == code


def test_says_on_windows_that_it_is_not_supported():
    """The module `fcntl`, which Windows lacks, can't be imported here."""
    program = "import runpy, sys; sys.modules['fcntl'] = None; runpy.run_path('tasks.py')"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("tasks.py: Windows is not supported")
    assert len(ended.stderr.splitlines()) == 1
