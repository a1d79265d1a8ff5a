"""The set-up script: what a person hears when the machine lacks something."""

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def tasks():
    spec = importlib.util.spec_from_file_location("tasks", ROOT / "tasks.py")
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


def test_finds_real_interpreters_outside_the_environment(tasks):
    found = tasks.candidates()
    assert found
    assert not [path for path in found if path.startswith(str(tasks.VENV))]


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


def test_the_fast_tests_are_those_without_a_marker(tasks, monkeypatch):
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    names = [marker.partition(":")[0] for marker in settings["markers"]]
    assert " and ".join(f"not {name}" for name in names) == tasks.FAST

    commands = []
    monkeypatch.setattr(tasks, "setup", lambda _: 0)
    monkeypatch.setattr(tasks, "run", lambda command: commands.append(command[1:]) or 0)
    tasks.test(["--fast"])
    tasks.test([])
    tasks.test(["--fast", "tests/test_tasks.py"])
    fast, everything, named = commands
    assert fast[:4] == named[:4] == ["-p", "no:nbval", "-m", tasks.FAST]
    assert "--nbval-lax" in everything and "--nbval-lax" not in fast
    assert {"tests", "notebooks"} <= set(everything)
    assert "tests" in fast and "notebooks" not in fast
    assert named[4:] == ["tests/test_tasks.py"]


def test_the_lock_is_installed_in_parts_that_hold_each_entry_once(tasks):
    lock = tasks.LOCK.read_text()
    parts = tasks.parts(lock, 3)
    assert all(part and not part[0].isspace() for part in parts)
    assert sorted(line for part in parts for line in part.splitlines()) == sorted(lock.splitlines())
    entries = [part.count("==") for part in parts]
    assert tasks.parts("a==1 \\\n    --hash=x\nb==2\n", 2) == ["a==1 \\\n    --hash=x\n", "b==2\n"]
    assert min(entries) > 50


@pytest.mark.parametrize("failing", [0, 1])
def test_one_installation_that_fails_ends_the_set_up(tasks, monkeypatch, tmp_path, failing):
    monkeypatch.setattr(tasks, "run", lambda command: int(command[-1] == str(failing)))
    with pytest.raises(tasks.TaskError, match="pip could not install"):
        tasks.pip(tmp_path, ["install", "0"], ["install", "1"])
    tasks.pip(tmp_path, ["install", "2"], ["install", "3"])


@pytest.fixture
def moved(tasks, monkeypatch, tmp_path):
    """The tasks of an empty folder, whose set-up creates and installs nothing; a list of what it would do."""
    done = []
    monkeypatch.setattr(tasks, "ROOT", tmp_path)
    monkeypatch.setattr(tasks, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(tasks, "STAMP", tmp_path / ".venv" / "setup-done.txt")
    monkeypatch.setattr(tasks, "describe", lambda: "here\n1\n")
    monkeypatch.setattr(tasks, "suitable_python", lambda _: sys.executable)
    monkeypatch.setattr(tasks, "make_environment", lambda python, folder: folder.mkdir(exist_ok=True))
    monkeypatch.setattr(tasks, "pip", lambda *words: done.append("pip"))
    monkeypatch.setattr(tasks, "run", lambda command, stdout=None: done.append(command[1]) or 0)
    return done


@pytest.mark.parametrize("stamp", [None, "elsewhere\n1\n", "here\n0\n"], ids=["none", "folder", "lock"])
def test_the_environment_behind_a_link_is_not_touched(tasks, moved, tmp_path, monkeypatch, capsys, stamp):
    monkeypatch.setattr(tasks, "usable", lambda _: True)
    behind = tmp_path / "behind"
    behind.mkdir()
    (tmp_path / ".venv").symlink_to(behind)
    if stamp:
        tasks.STAMP.write_text(stamp)
    before = {path.name: path.read_text() for path in behind.iterdir()}
    assert tasks.main(["setup"]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path / ".venv") in sentence and str(behind) in sentence and "remove the link" in sentence
    assert {path.name: path.read_text() for path in behind.iterdir()} == before
    assert moved == []
    tasks.STAMP.write_text(tasks.describe())  # one that fits needs no change
    assert tasks.main(["setup"]) == 0


@pytest.mark.parametrize("code", [0, 1])
def test_a_trial_diagnosis_that_fails_ends_the_set_up(tasks, moved, tmp_path, monkeypatch, capsys, code):
    monkeypatch.setattr(tasks, "run", lambda command, stdout=None: code * (command[1] == "diagnose"))
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
