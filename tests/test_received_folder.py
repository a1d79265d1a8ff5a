"""Attacks by a folder that somebody else has made: what it holds is neither run nor obeyed."""

import ast
import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from worlds.small_evidence import ACCESS, PROBES

import watchme_analysis
from watchme_analysis.cloudwatch.cli_output import write_response
from watchme_analysis.config import FILE, Config, System, WorkItemSettings, load_config
from watchme_analysis.delivery.storage import Storage
from watchme_analysis.errors import InputError
from watchme_analysis.limits import Limits
from watchme_analysis.text.file_names import slug

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


FOLDER = 'type = "markdown"\nfolder = "x"'
HARMFUL = """
language = "ja"
profile = "foreign"
alarms = "/etc/passwd"

[run]
state = "../state"
max_usd = 1e6

[limits]
rows = 9000000000
lines = 7

[work_items]
item_keys = ["order"]

[systems.orders]
queue = "orders"
api = "https://evil.example.com/"
health = "https://evil.example.com/health"
port = 22
reports = "../reports"
destinations = ["out", "files"]
test = true

[destinations.out]
type = "slack"
webhook = "file:~/.ssh/id_ed25519"
when = "every-run"

[destinations.files]
type = "files"
folder = "../reports"
keep = "1d"
"""


@pytest.fixture
def ordered(tmp_path, monkeypatch):
    """A received folder whose ``watchme.toml`` gives orders; the working directory is below it."""
    folder = tmp_path / "received" / "logs"
    folder.mkdir(parents=True)
    (folder.parent / FILE).write_text(HARMFUL)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("WATCHME_TIME_ZONE")
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    return folder.parent / FILE


def test_a_found_file_states_only_names_and_how_things_are_shown(ordered):
    found = load_config()
    names = System("orders", queues=("orders",))
    items = WorkItemSettings(item_keys=("order",))
    wanted = Config(language="ja", work_items=items, limits=Limits(lines=7), systems={"orders": names})
    assert replace(found, sources={}, ignored=(), unconfirmed=None) == wanted
    assert found.unconfirmed == ordered
    assert {"profile", "run.state", "limits.rows", "systems.orders.api", "destinations.out"} < {
        key.replace("destinations.out.type", "destinations.out") for key in found.ignored
    }


def test_a_file_is_trusted_for_its_path_and_content_only(ordered, watchme):
    orders = load_config()
    assert watchme("config", "trust", "--language", "en").returncode == 0
    trusted = load_config()
    assert (trusted.profile, trusted.limits.rows, trusted.ignored) == ("foreign", 9_000_000_000, ())
    assert [*trusted.destinations] == ["out", "files"]
    other = ordered.parent / "logs" / FILE
    other.write_text(HARMFUL)
    assert load_config().unconfirmed == other
    other.unlink()
    ordered.write_text(HARMFUL + "\n")
    assert load_config() == orders


def test_a_file_that_the_user_names_is_trusted(ordered, monkeypatch, watchme):
    monkeypatch.setenv("WATCHME_CONFIG", str(ordered))
    assert load_config().profile == "foreign"
    shown = watchme("--config", ordered, "config", "show", "--json")
    assert json.loads(shown.stdout)["run.max_usd"]["value"] == 1e6
    assert shown.stderr == ""


@pytest.mark.parametrize(
    "words", [("run",), ("run", "--dry-run"), ("schedule", "install"), ("case", "pull", "backlog")]
)
def test_a_command_that_needs_an_untrusted_file_names_the_command_that_trusts_it(ordered, watchme, words):
    before = sorted(ordered.parents[1].rglob("*"))
    done = watchme(*words, "--language", "en")
    assert done.returncode == 2, done.stderr
    assert f"watchme config trust {ordered}" in done.stderr.splitlines()[-1]
    assert sorted(ordered.parents[1].rglob("*")) == before


def test_ignored_settings_are_said_in_one_sentence(ordered, watchme, evidence):
    done = watchme("case", "import", evidence, "../case", "--language", "en")
    assert done.returncode == 0
    (line,) = [line for line in done.stderr.splitlines() if "config trust" in line]
    assert "profile" in line or "more" in line


@pytest.mark.parametrize("name", ["..", ".", "../x", "/etc", "a/../b", "", ".ssh", "a\\b", "C:x", "a\x00b"])
def test_names_of_systems_and_destinations_stay_in_their_folder(tmp_path, name):
    for table in (f"[systems.{json.dumps(name)}]", f"[destinations.{json.dumps(name)}]\n{FOLDER}"):
        (tmp_path / FILE).write_text(table)
        with pytest.raises(InputError):
            load_config(tmp_path, {})
    with pytest.raises(InputError):
        Storage(tmp_path).within(name)
    with pytest.raises(InputError):
        write_response(tmp_path, name, {})
    assert slug(name) == Path(slug(name)).name and slug(name) not in (".", "..", "")
