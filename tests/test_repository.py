"""Files for contributors: licence, security policy, workflow, templates, hooks, metadata."""

import ast
import builtins
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from worlds.together import together

import watchme_analysis

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FORMS = [
    path for path in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")) if path.stem != "config"
]
FIELD_TYPES = {"markdown", "textarea", "input", "dropdown", "checkboxes"}


WORKFLOWS = {
    path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / ".github/workflows").glob("*.yml")
}


def test_the_whole_check_runs_on_each_python_and_the_fast_tests_on_a_mac():
    workflow = WORKFLOWS["ci"]
    assert set(workflow[True]) == {"push", "pull_request"}  # YAML 1.1 reads the key `on` as true
    assert workflow["permissions"] == {"contents": "read"}
    linux, mac = workflow["jobs"]["linux"], workflow["jobs"]["macos"]
    supported = [one.rsplit(" ", 1)[1] for one in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", one)]
    assert (linux["runs-on"], linux["strategy"]["matrix"]["python"]) == ("ubuntu-latest", supported)
    assert [step["run"] for step in linux["steps"] if "run" in step] == [".ci/run"]
    assert mac["runs-on"] == "macos-latest"
    assert "python3 tasks.py test --fast" in [step.get("run") for step in mac["steps"]]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_a_release_tests_the_wheel_and_attaches_it_with_the_documents():
    (job,) = WORKFLOWS["release"]["jobs"].values()
    runs = "".join(step.get("run", "") for step in job["steps"])
    for part in (".ci/run", "tests/test_wheel.py", "hatchling build", "tasks.py docs", "gh release create"):
        assert part in runs


def test_actions_are_pinned_by_digest():
    used = [
        step["uses"]
        for workflow in WORKFLOWS.values()
        for job in workflow["jobs"].values()
        for step in job["steps"]
        if "uses" in step
    ]
    assert used
    assert [name for name in used if not re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", name)] == []


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_issue_forms_are_valid_and_ask_for_redacted_evidence(form):
    text = form.read_text()
    found = yaml.safe_load(text)
    assert {"name", "description", "body"} <= set(found)
    assert {field["type"] for field in found["body"]} <= FIELD_TYPES
    fields = [field for field in found["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert all(field["attributes"]["label"] for field in fields)
    assert "watchme case show" in text
    assert "Redacted evidence" in [field["attributes"]["label"] for field in fields]


def test_there_is_a_form_for_bugs_wrong_diagnoses_and_features():
    assert [form.stem for form in FORMS] == ["bug", "feature", "wrong_diagnosis"]
    assert yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml").read_text())
    assert (ROOT / ".github" / "pull_request_template.md").is_file()


def test_hooks_call_tools_of_the_environment():
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    hooks = {hook["id"]: hook for hook in repository["hooks"]}
    assert set(hooks) == {"ruff-format", "ruff-check", "mypy", "lint-imports", "stored-notebooks"}
    for hook in hooks.values():
        tool = hook["entry"].split()[0]
        assert tool.startswith(".venv/bin/")
        assert Path(sys.executable).with_name(Path(tool).name).is_file()


@pytest.mark.slow
def test_stored_notebooks_are_canonical():
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    (hook,) = [hook for hook in repository["hooks"] if hook["id"] == "stored-notebooks"]
    module, folder = re.search(r"-m (\S+) --check (\S+)", hook["entry"]).groups()
    checked = CliRunner().invoke(import_module(module).main, ["--check", str(ROOT / folder)])
    assert (checked.exit_code, checked.stdout) == (0, "")


def test_the_security_policy_names_a_private_channel_and_nobody():
    text = (ROOT / "SECURITY.md").read_text()
    assert "Report a vulnerability" in text
    assert "Evidence is hostile" in text
    assert "@" not in text


def test_the_version_is_defined_once_and_equal_everywhere():
    assert PROJECT["dynamic"] == ["version"]
    assert "version" not in PROJECT
    defined = [
        path.name
        for path in (ROOT / "watchme_analysis").rglob("*.py")
        if re.search(r"^__version__ = ", path.read_text(), re.MULTILINE)
    ]
    assert defined == ["version.py"]


@pytest.mark.slow
def test_the_wheel_holds_version_licence_and_type_marker(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        text = archive.read(metadata).decode()
    assert "watchme_analysis/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert f"\nVersion: {watchme_analysis.__version__}\n" in text
    assert "\nLicense-Expression: MIT\n" in text


def test_classifiers_are_known_and_agree_with_the_supported_versions():
    from trove_classifiers import classifiers

    assert set(PROJECT["classifiers"]) <= classifiers
    stated = [one.rsplit(" ", 1)[1] for one in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", one)]
    lowest, above = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"]).groups()
    assert stated == [f"3.{minor}" for minor in range(int(lowest), int(above))]


@pytest.fixture(scope="module")
def test_modules():
    """Syntax trees of the tests by path."""
    paths = sorted((ROOT / "tests").rglob("*.py"))
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}


@pytest.mark.slow
def test_tests_use_no_private_names(test_modules):
    """A test of a private name breaks with each rewrite of the code behind it."""
    defined = re.compile(r"(?:^|class |def |self\.)(_[a-zA-Z]\w*[a-zA-Z\d])(?: =|: |\(|,)", re.MULTILINE)
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "watchme_analysis").rglob("*.py")]
    ours = {name for text in texts for name in defined.findall(text)} - {"_replace"}  # of named tuples
    used = []
    for path, tree in test_modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.Attribute) and ast.unparse(node.value) != "self":
                names = [node.attr]
            else:
                continue
            used += [f"{path.name}:{node.lineno} {name}" for name in names if name in ours]
    assert used == []


# The pace of AWS calls is not a setting, and a redrive would wait a minute for its counts.
PATCHES = {"conftest.py quick_calls"}


@pytest.mark.slow
def test_tests_patch_the_standard_library_alone(test_modules):
    """Behaviour of ours is caused by a file, a variable, a process or an endpoint."""
    patched = set()
    for path, tree in test_modules.items():
        usual = {*dir(builtins), *sys.stdlib_module_names}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in usual:
                usual |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.FunctionDef):
                calls = [one for one in ast.walk(node) if isinstance(one, ast.Call)]
                targets = [one.args[0] for one in calls if ast.unparse(one.func) == "monkeypatch.setattr"]
                names = [ast.unparse(target).strip("'").split(".")[0] for target in targets]
                patched |= {f"{path.name} {node.name}" for name in names if name not in usual}
    assert patched == PATCHES


def test_tests_share_their_parts_through_the_worlds_package_alone():
    """Test modules import neither each other nor a benchmark."""
    modules = {path.stem for path in (*ROOT.glob("tests/**/test_*.py"), *ROOT.glob("benchmarks/**/*.py"))}
    found = set()
    for path in ROOT.glob("tests/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {(node.module or "").split(".")[0]}
            else:
                continue
            found |= {(path.name, name) for name in names & modules}
    assert found == set()


def test_a_test_of_many_cases_reports_each_that_fails():
    @together(("number", "is_small"), [(1, True), (5, True), (7, True)])
    def small(number, is_small):
        assert (number < 4) is is_small

    with pytest.raises(BaseExceptionGroup, match="2 of 3 cases") as failed:
        small()
    assert [error.__notes__ for error in failed.value.exceptions] == [["case: 5-True"], ["case: 7-True"]]
