"""`watchme report` from outside: what it writes, says and returns."""

import hashlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from worlds.report_parts import FIGURE, TABLE, answer_cell

from watchme_analysis.errors import WatchmeError
from watchme_analysis.report.html_page import write_index
from watchme_analysis.report.request import plan
from watchme_analysis.report.run import write_reports

# The command, whose kernels begin without what the notebooks of these tests do not need.
LIGHT = """
from watchme_analysis.cli import main
from watchme_analysis.report import kernel
kernel._PRELOAD = ""
main()
"""


def start(*words, program=(sys.executable, "-c", LIGHT), **options):
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.Popen([*program, "report", *map(str, words)], **streams)


@pytest.fixture
def report(watchme):
    """Return a function that runs the command in this process: exit code, standard output and error."""

    def run(*words, **options):
        done = watchme("report", *words, **options)
        return done.returncode, done.stdout, done.stderr

    return run


def runs(folder):
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def result_of(run):
    return json.loads((run / "result.json").read_text())


@pytest.mark.slow
def test_a_report_is_one_folder_and_a_line_in_the_index(report, evidence, notebooks, tmp_path):
    left = 'from watchme_analysis.files.attachments import attach\nattach("again.jsonl", "{}\\n")'
    folder = notebooks("## What was seen", FIGURE, TABLE, left, "## Answer", answer_cell())
    # Braces, blanks and a name of another script must survive papermill's path templates.
    out = tmp_path / "my {reports} 報告"
    code, said, progress = report(
        "health", evidence, "--notebooks", folder, "--to", out, "--since", "2025-12-11T10:00", cwd=tmp_path
    )
    assert code == 0, progress
    (run,) = runs(out)
    assert re.fullmatch(r"\d{8}T\d{6}Z-health-evidence", run.name)
    assert sorted(path.name for path in run.iterdir()) == [
        "01-the-dot.png",
        "again.jsonl",
        "report.html",
        "result.json",
        "why.ipynb",
    ]
    assert (run / "01-the-dot.png").read_bytes().startswith(b"\x89PNG")
    assert (run / "again.jsonl").read_text() == "{}\n"
    assert 'href="again.jsonl"' in (run / "report.html").read_text()

    result = result_of(run)
    assert result["status"] == "ok"
    assert result["error"] is None
    assert result["diagnosis"]["cause"] == "nginx_config"
    assert result["files"] == ["again.jsonl"]
    assert result["parameters"] == {
        "case": str(evidence),
        "since": "2025-12-11T01:00:00+00:00",  # ten o'clock in Tokyo
        "timezone": "Asia/Tokyo",
    }
    assert result["window"]["start"] == result["parameters"]["since"]
    assert result["window"]["end"] == result["case_window"]["end"]
    assert {entry["file"]: (entry["bytes"], entry["sha256"]) for entry in result["inputs"]} == {
        path.name: (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in evidence.iterdir()
    }
    assert {"watchme_analysis", "python", "pandas", "papermill"} <= set(result["versions"])

    executed = nbformat.read(run / "why.ipynb", as_version=4)
    assert all(cell.execution_count for cell in executed.cells if cell.cell_type == "code")

    index = re.sub("</?time>", "", (out / "index.html").read_text())
    for words in (f"{run.name}/report.html", "nginx_config", "91%"):
        assert words in index
    assert "index.html" in said.splitlines()[-1]
    assert "cell 1 of 6" in progress
    assert "\r" not in progress
    assert [path.name for path in out.iterdir() if path.name.endswith(".part")] == []


@pytest.mark.slow
def test_the_exit_code_follows_the_diagnosis_unless_a_notebook_failed(report, evidence, notebooks, tmp_path):
    folder = notebooks("## Answer", answer_cell())
    wanted = ("--notebooks", folder, "--to", tmp_path / "reports", "--fail-on")
    assert report("health", evidence, *wanted, "supported")[0] == 3
    notebooks("## Answer", answer_cell(verdict="inconclusive", incident={"start": None, "end": None}))
    code, printed, _ = report("health", evidence, *wanted, "incident", "--json")
    (row,) = json.loads(printed)
    assert (code, row["verdict"], row["status"]) == (0, "inconclusive", "ok")
    assert Path(row["page"]).is_file()
    notebooks("## Answer", answer_cell(), "1 / 0")
    assert report("health", evidence, *wanted, "supported")[0] == 1


@pytest.mark.slow
def test_a_failing_notebook_leaves_its_report_so_far(report, evidence, notebooks, tmp_path):
    broken = notebooks("## Before", FIGURE, "## The trouble", "1 / 0", "## After", answer_cell())
    out = tmp_path / "reports"
    code, _, err = report("health", evidence, evidence, "--notebooks", broken, "--to", out)
    assert code == 1
    assert "Traceback" not in err
    both = runs(out)
    assert len(both) == 2, "the second case must be tried although the first failed"
    result = result_of(both[0])
    assert result["status"] == "failed"
    assert result["error"] == {
        "kind": "ZeroDivisionError",
        "message": "division by zero",
        "section": "The trouble",
    }
    page = (both[0] / "report.html").read_text()
    assert "In “The trouble”: ZeroDivisionError: division by zero" in page
    assert page.index("<h1") < page.index("division by zero"), "the title stays on top"
    assert "data:image/png;base64," in page, "the figure before the failure is on the page"
    assert (both[0] / "why.ipynb").is_file()
    index = (out / "index.html").read_text()
    assert index.count("division by zero") == 2
    assert 'class="failed ' in index


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "words"), [("import os\nos._exit(3)", "Kernel died"), ("pass", "displayed no diagnosis")]
)
def test_other_ways_to_fail_are_failures_too(report, source, words, evidence, notebooks, tmp_path):
    code, _, err = report("health", evidence, "--notebooks", notebooks(source), "--to", tmp_path / "reports")
    assert code == 1
    assert words in err
    (run,) = runs(tmp_path / "reports")
    assert result_of(run)["status"] == "failed"
    assert (run / "report.html").is_file()


@pytest.mark.slow
def test_a_notebook_is_interrupted_when_its_time_is_over(evidence, notebooks, tmp_path):
    endless = notebooks("## Before", "print('so far')", "## The wait", "import time\ntime.sleep(600)", FIGURE)
    began = time.monotonic()
    (result,) = write_reports("health", [evidence], tmp_path / "reports", notebooks=endless, seconds=3)
    assert time.monotonic() - began < 120
    assert result["status"] == "failed" and result["error"]["kind"] == "ReportError"
    assert "interrupted" in result["error"]["message"] and "3 s" in result["error"]["message"]
    (run,) = runs(tmp_path / "reports")
    assert (run / "report.html").is_file() and not list(run.glob("*.png"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("health", "evidence", "nowhere"),
        ("weather", "evidence"),
        ("health", "evidence", "--since", "tomorrow"),
        ("health",),
    ],
    ids=" ".join,
)
def test_bad_input_writes_nothing_and_says_one_sentence(report, words, evidence, notebooks, tmp_path):
    code, out, err = report(*words, "--notebooks", notebooks(answer_cell()), "--to", "reports", cwd=tmp_path)
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1, err
    assert not (tmp_path / "reports").exists()


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(
    ("question", "case", "options"),
    [
        ("health", "nowhere", {}),
        ("backlog", "evidence", {}),
        ("all", "empty", {}),
        ("health", "evidence", {"since": "2025-12-11T10:00", "until": "2025-12-11T09:00"}),
        ("health", "evidence", {"since": "2020-01-01", "until": "2020-01-02"}),
        ("health", "evidence", {"timezone": "Mars/Olympus"}),
        ("health", "evidence", {"queue": "watchme-sed-queue"}),
        ("health", "evidence", {"endpoint": "/nothing"}),
    ],
    ids=str,
)
def test_what_cannot_be_requested_is_refused_before_it_is_run(
    question, case, options, evidence, notebooks, tmp_path
):
    (tmp_path / "empty").mkdir()
    with pytest.raises(WatchmeError):
        plan(question, [tmp_path / case], options, notebooks(answer_cell()))
    with pytest.raises(WatchmeError, match="contains no notebook"):
        plan(question, [tmp_path / case], options, tmp_path / "empty")


def test_a_place_that_cannot_be_written_is_bad_input(report, evidence, notebooks, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = report(
        "health", evidence, "--notebooks", notebooks(answer_cell()), "--to", tmp_path / "file"
    )
    assert code == 2
    assert "--to" in err


@pytest.mark.slow
def test_two_reports_at_once_and_a_killed_one(evidence, notebooks, tmp_path):
    out = tmp_path / "reports"
    folder = notebooks("import time\ntime.sleep(60)", answer_cell())
    killed = start("health", evidence, "--notebooks", folder, "--to", out)
    try:
        # The executed notebook is there as soon as the kernel runs.
        deadline = time.monotonic() + 60
        while not list(out.glob(".*.part/why.ipynb")) and time.monotonic() < deadline:
            time.sleep(0.05)
        folder = notebooks(answer_cell())
        two = [start("health", evidence, "--notebooks", folder, "--to", out) for _ in range(2)]
        assert [process.wait(timeout=120) for process in two] == [0, 0]
        index = (out / "index.html").read_text()
        assert index.count('class="supported ') == 2
        assert len(runs(out)) == 2, "a run that goes on is no report yet, nor a killed one"
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
    # As the next report does.
    index = write_index(out).read_text()
    assert index.count('class="supported ') == 2
    assert index.count('class="killed ') == 1
    assert sorted(result_of(run)["status"] for run in runs(out)) == ["killed", "ok", "ok"]
    assert not list(out.glob(".*.part"))


@pytest.mark.slow
def test_a_stopped_report_is_in_the_index_at_once(evidence, notebooks, tmp_path):
    folder = notebooks("## Slowly", "import time\ntime.sleep(60)", answer_cell())
    (tmp_path / "scratch").mkdir()
    environment = os.environ | {"TMPDIR": str(tmp_path / "scratch")}
    process = start("health", evidence, "--notebooks", folder, "--to", tmp_path / "r", env=environment)
    for line in process.stderr:
        if "Slowly" in line:
            break
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "Traceback" not in err
    (run,) = runs(tmp_path / "r")
    assert result_of(run)["status"] == "killed"
    assert 'class="killed ' in (tmp_path / "r/index.html").read_text()
    assert list((tmp_path / "scratch").glob("watchme-*")) == [], "evidence must not be left lying about"


@pytest.mark.slow
def test_a_terminal_gets_one_changing_line(report, evidence, notebooks, tmp_path, monkeypatch):
    here, there = pty.openpty()
    with os.fdopen(there, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        code, *_ = report("health", evidence, "--notebooks", notebooks(answer_cell()), "--to", tmp_path / "r")
        shown = os.read(here, 65536)
    os.close(here)
    assert code == 0
    assert b"\r\x1b[Khealth evidence: cell 2 of 3" in shown
    assert b"\n" not in shown


def test_the_window_of_a_result_is_what_was_looked_at_and_the_case_keeps_its_own(
    report, evidence, notebooks, tmp_path
):
    folder, out = notebooks(answer_cell()), tmp_path / "r"
    report("health", evidence, "--notebooks", folder, "--to", out, "--until", "2025-12-11T10:00:05")
    result = result_of(runs(out)[0])
    assert result["window"] == {"start": result["case_window"]["start"], "end": "2025-12-11T01:00:05+00:00"}
    assert result["case_window"]["end"] > result["window"]["end"]
    assert "10:00:00 to 10:00:05 Asia/Tokyo" in (runs(out)[0] / "report.html").read_text()


@pytest.mark.slow
def test_a_report_uses_its_own_environment_and_imports_what_its_notebook_needs(evidence, notebooks, tmp_path):
    """Neither another environment's kernel spec nor a user's start-up file reaches a report.

    A grammar of addresses, which a library compiles if it can, takes longer than the rest of the start.
    """
    home = tmp_path / "home"
    spec = home / ".local/share/jupyter/kernels/python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text('{"argv": ["/bin/false"], "display_name": "x", "language": "python"}')
    profile = home / ".ipython/profile_default/startup"
    profile.mkdir(parents=True)
    (profile / "first.py").write_text("raise SystemExit(4)")
    which = "import sys\nassert sys.prefix == " + repr(sys.prefix)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    environment |= {"HOME": str(home), "JUPYTER_PATH": str(spec.parent.parent), "MPLBACKEND": "TkAgg"}
    environment |= {"PYTHONPROFILEIMPORTTIME": "1"}
    folder = notebooks(which, answer_cell())
    words = ("health", evidence, "--notebooks", folder, "--to", tmp_path / "r")
    process = start(*words, env=environment)
    _, imports = process.communicate(timeout=120)
    assert process.returncode == 0, imports
    assert "papermill.execute" in imports
    assert "rfc3987_syntax.syntax_helpers" not in imports


@pytest.mark.slow
def test_all_asks_what_the_case_can_answer(evidence, notebooks):
    folder = notebooks(answer_cell())
    other = nbformat.read(folder / "why.ipynb", as_version=4)
    other.metadata.watchme.question = "backlog"
    nbformat.write(other, folder / "pile.ipynb")
    requested = plan("all", [evidence], {"endpoint": "/health", "queue": "some"}, folder)
    assert [(request.question, request.notebook.name) for request in requested] == [("health", "why.ipynb")]
    assert requested[0].parameters["endpoint"] == "/health"
    assert "queue" not in requested[0].parameters
    one = plan("health", [evidence], {"endpoint": "/health"}, folder)
    assert [(request.question, request.notebook.name) for request in one] == [("health", "why.ipynb")]
