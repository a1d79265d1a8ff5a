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
from worlds.receivers import Webhook
from worlds.small_evidence import ACCESS, PROBES

import watchme_analysis
from watchme_analysis.case.actions import record_actions
from watchme_analysis.case.export import export_case
from watchme_analysis.case.importer import import_folder
from watchme_analysis.case.opening import open_case
from watchme_analysis.cloudwatch.cli_output import write_response
from watchme_analysis.config import FILE, Config, LogWords, System, WorkItemSettings, load_config
from watchme_analysis.delivery.state import State, private_folder
from watchme_analysis.errors import CaseError, InputError
from watchme_analysis.limits import Limits
from watchme_analysis.report.html_page import write_index
from watchme_analysis.storage.journal import open_journal
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
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        [WATCHME, *map(str, words)],
        cwd=folder,
        env=environ | {"HOME": str(folder.parent / "home")},
        capture_output=True,
        text=True,
        check=False,
    )


POOLS = ("ProcessPoolExecutor", "get_context", "multiprocessing.Pool", "Process")
COMPARE = """
from watchme_analysis.config import LoadSettings
from watchme_analysis.simulation.scenarios import compare, scenarios, usual_load, usual_settings

if __name__ == "__main__":
    compare(scenarios(usual_settings(), usual_load(LoadSettings()))[:1], 2, processes=2)
"""


def test_no_module_of_the_working_directory_runs(shadowed):
    """Test the import alone; commands with processes of their own run with every trick at once."""
    folder, mark = shadowed
    done = run(folder, "case", "import", ".", "../case")
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

[log_words]
error = ["kaputt"]
done = ["received"]

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
    words = LogWords(error=("kaputt",))  # `done` would decide what a redrive deletes
    wanted = Config(
        language="ja", work_items=items, log_words=words, limits=Limits(lines=7), systems={"orders": names}
    )
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
        State(tmp_path).system_folder(name)
    with pytest.raises(InputError):
        write_response(tmp_path, name, {})
    assert slug(name) == Path(slug(name)).name and slug(name) not in (".", "..", "")


@pytest.fixture
def secret(tmp_path):
    """A folder of the user, whose files must neither be read nor changed."""
    folder = tmp_path / "home" / "private"
    folder.mkdir(parents=True)
    (folder / "note.txt").write_text("hunter2-of-the-user\n")
    (folder / "result.json").write_text('{"status": "ok", "case": "hunter2-of-the-user"}')
    return folder


def content(folder):
    """Return each path below a folder with its bytes."""
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def link_reports(reports, secret):
    """Put links where a report, its index and the end of a killed run write."""
    for part in (".a.part", ".b.part"):
        (reports / part).mkdir(parents=True)
    (reports / ".a.part" / "result.json").symlink_to(secret / "note.txt")
    (reports / ".b.part" / ".lock").symlink_to(secret / "lock")
    (reports / ".c.part").symlink_to(secret)
    (reports / "20260101T000000Z-health-x").symlink_to(secret)
    (reports / "index.html").symlink_to(secret / "index.html")
    (reports / ".index-rows.json").symlink_to(secret / "note.txt")


def test_a_link_in_a_folder_of_reports_leads_nowhere(tmp_path, secret):
    reports, before = tmp_path / "reports", content(secret)
    link_reports(reports, secret)
    write_index(reports)
    assert content(secret) == before
    assert "hunter2" not in (reports / "index.html").read_text()
    (reports / ".lock").unlink()
    (reports / ".lock").symlink_to(secret / "lock")
    with pytest.raises(InputError):
        write_index(reports)
    assert content(secret) == before


@pytest.mark.parametrize(
    "part", ["files", "tables", "manifest.json", "tables/access_log.parquet", "actions.jsonl"]
)
def test_a_link_in_a_case_leads_nowhere(tmp_path, evidence, secret, part):
    (evidence / "nginx.conf").write_text("http { server { listen 80; } }\n")
    case = import_folder(evidence, tmp_path / "case").case.path
    aside = secret / "aside"
    if (case / part).exists():
        (case / part).rename(aside)
    else:
        aside.write_text("")
    (case / part).symlink_to(aside)
    before = content(secret)
    with pytest.raises(CaseError, match="is a link"):
        open_case(case)
    row = {"time": "2026-01-01T00:00:00Z", "plan": "p", "number": 1, "message": {}}
    if part == "actions.jsonl":
        with pytest.raises(InputError):
            record_actions(case, [row])
    assert content(secret) == before


def test_a_link_within_the_files_of_a_case_is_not_exported(tmp_path, evidence, secret):
    (evidence / "nginx.conf").write_text("http { server { listen 80; } }\n")
    case = import_folder(evidence, tmp_path / "case").case
    (case.path / "files" / "more").symlink_to(secret)
    (case.path / "files" / "note.txt").symlink_to(secret / "note.txt")
    made = export_case(open_case(case.path), tmp_path / "export", "secrets")
    assert [path.name for path in (made.path / "files").iterdir()] == ["nginx.conf"]


@pytest.mark.parametrize("name", ["run.log", "state.sqlite", "orders"])
def test_a_link_in_a_state_folder_is_refused(tmp_path, secret, name):
    state, before = State(tmp_path / "state"), content(secret)
    private_folder(state.folder)
    (state.folder / name).symlink_to(secret if "." not in name else secret / "note.txt")
    for use in (state.owner, lambda: state.system_folder("orders")):
        with pytest.raises(InputError):
            use()
    assert content(secret) == before


@pytest.mark.parametrize("name", ["lock", "outbox", "cases"])
def test_a_link_in_the_folder_of_a_system_is_refused(tmp_path, secret, name):
    state, before = State(tmp_path), content(secret)
    (state.system_folder("orders") / name).symlink_to(secret if name != "lock" else secret / "note.txt")
    with pytest.raises(InputError):
        state.system_folder("orders")
    assert content(secret) == before


def test_a_journal_is_not_appended_to_the_target_of_a_link(tmp_path, secret):
    (tmp_path / "plan.journal.jsonl").symlink_to(secret / "new")
    with pytest.raises(InputError), open_journal(tmp_path / "plan.journal.jsonl"):
        pass
    assert not (secret / "new").exists()


def test_a_linked_folder_of_reports_is_named_by_the_user(tmp_path, evidence, secret, watchme):
    (evidence / "reports").symlink_to(secret)
    before = content(secret)
    refused = watchme("report", "health", ".", cwd=evidence)
    assert refused.returncode == 2 and "--to" in refused.stderr
    assert content(secret) == before


@pytest.fixture
def webhook():
    server = Webhook()
    yield server
    server.close()


@pytest.fixture
def trapped(tmp_path, secret, webhook, monkeypatch):
    """A received folder with every trick at once, and the file that its code writes when run."""
    folder, mark = tmp_path / "received", tmp_path / "run"
    folder.mkdir()
    code = f"open({str(mark)!r}, 'a').write(__name__ + '\\n')\n"
    for name in {*sys.stdlib_module_names, *packages_distributions(), "ipykernel_launcher", "sitecustomize"}:
        if name.isidentifier():
            (folder / f"{name}.py").write_text(code)
    (folder / "service.py").write_text(HANDLER)
    (folder / "access.log").write_text(ACCESS)
    (folder / "probes.csv").write_text(PROBES)
    (folder / "nginx.conf").write_text(f"http {{ include {secret}/*; server {{ listen 80; }} }}\n")
    (folder / "error.log").symlink_to(secret / "note.txt")
    (folder / "logs").symlink_to(secret)
    orders = HARMFUL.replace('"file:~/.ssh/id_ed25519"', f'"file:{secret / "note.txt"}"')
    orders = orders.replace("https://evil.example.com", webhook.url).replace("../", f"{secret.parent}/")
    (folder / FILE).write_text(f"{orders}\n[destinations.out2]\ntype = 'slack'\nwebhook = 'env:STOLEN'\n")
    link_reports(folder / "reports", secret)
    for name in ("orders", "lock"):
        (folder / ".watchme").mkdir(exist_ok=True)
        (folder / ".watchme" / name).symlink_to(secret)
    monkeypatch.setenv("STOLEN", webhook.url)
    return folder, mark


# Commands in the folder with their exit codes: evidence is read, and what the file orders is refused.
TRICKS = {
    ("case", "import", ".", "../case"): 1,  # files that lead out of the folder are evidence that is missing
    ("report", "health", "."): 0,
    ("lab", ".", "--folder", "../copies", "--version"): 0,
    ("access", "access.log"): 0,
    ("run",): 2,
    ("probe", "--to", "../probes.csv"): 2,
    ("config", "show"): 0,
}


@pytest.mark.slow
def test_every_trick_at_once_runs_sends_and_changes_nothing(trapped, secret, webhook, tmp_path):
    folder, mark = trapped
    before = content(secret)
    for words, code in TRICKS.items():
        done = run(folder, *words)
        assert (done.returncode, "Traceback" in done.stderr) == (code, False), (words, done.stderr)
        assert "hunter2" not in done.stdout + done.stderr, words
        assert not mark.exists(), (words, mark.read_text())
    assert content(secret) == before
    assert webhook.posted == []
    made = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")}
    assert made <= {"received", "case", "copies", "home"}
    inside = [path for path in (tmp_path / "case").rglob("*") if path.is_file()]
    assert inside and not any(b"hunter2" in path.read_bytes() for path in inside)
