"""Rules that the whole package keeps: layers, no cycles, cost of importing, the lock, the bundled cases."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import watchme_analysis

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "watchme_analysis"
CASES = [*ROOT.glob("data/health-*"), *ROOT.glob("data/backlog-*")]
DATA_BYTES = 8_000_000

IMPORT_ALL = """
import importlib, json, pkgutil, sys
import watchme_analysis
HEAVY = ("pandas", "numpy", "pyarrow", "duckdb", "boto3", "botocore", "matplotlib", "scipy", "papermill",
         "nbformat", "nbconvert", "jupyter_client", "IPython", "crossplane", "fluent", "babel")
# Compiled loops and what drives them, loaded where many lines are read; nobody else may.
COMPILED = {f"watchme_analysis.access_logs.engine.{name}" for name in ("compiled_parser", "compiled_loops")}
brought, seen = {}, set()
for found in pkgutil.walk_packages(watchme_analysis.__path__, "watchme_analysis."):
    if found.name not in COMPILED:
        importlib.import_module(found.name)
    loaded = [name for name in HEAVY if name in sys.modules and name not in seen]
    seen.update(loaded)
    if loaded:
        brought[found.name] = loaded
# A sentence needs the parser of Fluent's syntax alone.
from watchme_analysis.text.render import label
assert label("access-logs", "en", logs=2) == "2 logs"
brought |= {name: ["by a sentence"] for name in ("babel", "fluent.runtime") if name in sys.modules}
print(json.dumps(brought))
"""


@pytest.mark.slow
def test_importing_any_module_loads_no_heavy_library():
    requested = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, check=False
    )
    assert requested.returncode == 0, requested.stderr
    assert json.loads(requested.stdout) == {}


def test_the_public_names_are_those_that_type_checkers_and_the_help_know():
    text = (PACKAGE / "__init__.py").read_text()
    typed = re.findall(r"^    from \S+ import (\w+) as \1$", text, re.MULTILINE)
    assert sorted(dir(watchme_analysis)) == sorted(typed)
    for name in typed:
        found = getattr(watchme_analysis, name)
        assert name in ("__version__", getattr(found, "__name__", None))
        assert f"``{name}``" in watchme_analysis.__doc__
    with pytest.raises(AttributeError, match="no attribute 'open_cases'"):
        watchme_analysis.open_cases  # noqa: B018


def lint_imports(folder):
    command = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [command, "--no-cache"], cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, check=False
    )


@pytest.mark.slow
def test_imports_point_down_only():
    checked = lint_imports(ROOT)
    assert checked.returncode == 0, checked.stdout.decode()


# Contract, module that is changed, line that breaks the contract, words of the complaint about it.
BREAKS = (
    ("floors", "errors.py", "import watchme_analysis.schema", "errors -> watchme_analysis.schema"),
    ("floors", "config.py", "import watchme_analysis.window", "config -> watchme_analysis.window"),
    ("floors", "case/__init__.py", "import watchme_analysis.cli", "case -> watchme_analysis.cli"),
    (
        "floors",
        "retrieval.py",
        "if False:\n    from watchme_analysis.window import Window",
        "retrieval -> watchme_analysis.window",
    ),
    (
        "floors",
        "alarms/__init__.py",
        "import watchme_analysis.simulation",
        "alarms -> watchme_analysis.simulation",
    ),
    ("floors", "health/__init__.py", "import watchme_analysis.backlog", "health -> watchme_analysis.backlog"),
    ("floors", "stranger.py", "import json", "stranger"),
    (
        "health",
        "health/incident.py",
        "import watchme_analysis.health.sections",
        "incident -> watchme_analysis.health",
    ),
    (
        "backlog",
        "backlog/changes.py",
        "import watchme_analysis.backlog.diagnosis",
        "changes -> watchme_analysis",
    ),
    (
        "floors",
        "report/folder.py",
        "import watchme_analysis.delivery",
        "folder -> watchme_analysis.delivery",
    ),
    (
        "delivery",
        "delivery/changes.py",
        "import watchme_analysis.delivery.outbox",
        "changes -> watchme_analysis.delivery.outbox",
    ),
    ("pure", "queues/__init__.py", "def look():\n    import boto3", "queues -> boto3"),
    ("pure", "stats/__init__.py", "from pathlib import Path", "stats -> pathlib"),
    ("offline", "case/__init__.py", "import socket", "case -> socket"),
    ("drawing", "health/signals/__init__.py", "import matplotlib", "signals -> matplotlib"),
)


@pytest.mark.slow
def test_each_contract_detects_what_breaks_it(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for _, module, line, _ in BREAKS:
        with (tmp_path / PACKAGE.name / module).open("a") as file:
            file.write(f"\n{line}\n")
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    names = {contract["id"]: contract["name"] for contract in contracts}
    assert {contract for contract, *_ in BREAKS} == set(names), "each contract has an import that breaks it"

    checked = lint_imports(tmp_path)

    assert checked.returncode == 1
    _, _, broken = checked.stdout.decode().partition("Broken contracts")
    complaints = {}
    for contract, name in names.items():
        complaints[contract] = " ".join(broken.partition(f"{name}\n---")[2].partition("\n---")[0].split())
    missed = [one for one in BREAKS if one[3] not in complaints[one[0]]]
    assert missed == []


def test_no_modules_import_each_other():
    import grimp

    graph = grimp.build_graph("watchme_analysis", exclude_type_checking_imports=False)
    pairs = {
        tuple(sorted((module, other)))
        for module in graph.modules
        for other in graph.find_modules_directly_imported_by(module)
        if graph.chain_exists(other, module)
    }
    assert pairs == set()


def test_the_lock_pins_everything_by_hash_and_names_no_address():
    text = (ROOT / "requirements.lock").read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert all(re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+", entry) for entry in entries)
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text


def test_the_lock_holds_what_the_project_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    requested = [
        *project["dependencies"],
        *(one for name, some in extras.items() if name != "spark" for one in some),
    ]
    names = {re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower() for requirement in requested} - {
        project["name"]
    }
    locked = set(re.findall(r"^([a-z0-9._-]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert names <= locked


def test_bundled_cases_are_small_and_tell_where_they_come_from():
    assert CASES
    assert sum(path.stat().st_size for path in (ROOT / "data").rglob("*")) < DATA_BYTES
    assert [case.name for case in CASES if not (case / "README.md").is_file()] == []


def test_a_notebook_shows_an_error_of_ours_as_its_sentence_alone():
    from IPython.core.history import HistoryManager
    from IPython.core.interactiveshell import InteractiveShell

    HistoryManager.enabled = False
    shell, shown = InteractiveShell(), []
    shell._showtraceback = lambda kind, error, lines: shown.append(lines)
    shell.run_cell("from watchme_analysis.window import parse_zone\nparse_zone('Asia/Tokio')")
    assert shown == [
        ["InputError: The time zone 'Asia/Tokio' is unknown: use an IANA name such as Europe/Berlin or UTC."]
    ]
