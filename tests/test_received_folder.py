"""Attacks by a folder that somebody else has made: what it holds is neither run nor obeyed."""

import ast
import os
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from worlds.small_evidence import ACCESS, PROBES

import watchme_analysis

PACKAGE = Path(watchme_analysis.__file__).parent
WATCHME = Path(sys.executable).with_name("watchme")
HANDLER = "import time\nasync def health():\n    time.sleep(1)\n"


@pytest.fixture
def shadowed(tmp_path):
    """A folder of evidence with a module of every importable name, and the file that they write when run."""
    folder, mark = tmp_path / "received", tmp_path / "run"
    folder.mkdir()
    code = f"open({str(mark)!r}, 'a').write(__name__ + '\\n')\n"
    for name in {*sys.stdlib_module_names, *packages_distributions(), "ipykernel_launcher"}:
        if name.isidentifier():
            (folder / f"{name}.py").write_text(code)
    (folder / "access.log").write_text(ACCESS)
    (folder / "probes.csv").write_text(PROBES)
    (folder / "service.py").write_text(HANDLER)
    return folder, mark


def run(folder, *words):
    """Return the finished command, run in a folder."""
    return subprocess.run(
        [WATCHME, *map(str, words)],
        cwd=folder,
        env=os.environ | {"HOME": str(folder.parent / "home")},
        capture_output=True,
        text=True,
        check=False,
    )


COMMANDS = {
    "ruff": ("case", "import", ".", "../case"),
    "kernel": ("report", "health", ".", "--to", "../reports"),
    "jupyterlab": ("lab", ".", "--folder", "../copies", "--version"),
}
POOLS = ("ProcessPoolExecutor", "get_context", "multiprocessing.Pool", "Process")
COMPARE = """
from watchme_analysis.config import LoadSettings
from watchme_analysis.simulation.scenarios import compare, scenarios, usual_load, usual_settings

if __name__ == "__main__":
    compare(scenarios(usual_settings(), usual_load(LoadSettings()))[:1], 2, processes=2)
"""


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_no_module_of_the_working_directory_runs(shadowed, words):
    folder, mark = shadowed
    done = run(folder, *words)
    assert done.returncode == 0, done.stderr
    assert not mark.exists(), mark.read_text()


@pytest.mark.slow
def test_no_module_of_the_working_directory_runs_in_workers(shadowed):
    folder, mark = shadowed
    script = folder.parent / "compare.py"
    script.write_text(COMPARE)
    subprocess.run([sys.executable, script], cwd=folder, check=True)
    assert not mark.exists(), mark.read_text()


def test_every_python_process_ignores_modules_of_its_working_directory():
    """A process with Python is started by ``installation.python_command``, which has the option ``-P``."""
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        nodes = list(ast.walk(ast.parse(text)))
        named = {id(node.args[0]) for node in nodes if _is_path(node)}
        for node in nodes:
            is_python = isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.executable"
            is_home = path == PACKAGE / "installation.py"
            assert not is_python or is_home or id(node) in named, f"{path}:{node.lineno}"
            if isinstance(node, ast.Call) and ast.unparse(node.func) in POOLS:
                assert "with safe_path()" in text, f"{path}:{node.lineno}"


def _is_path(node):
    """Return whether a node takes a path for its name, such as ``Path(sys.executable)``."""
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "Path" and node.args
