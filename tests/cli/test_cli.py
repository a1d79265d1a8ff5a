"""The command ``watchme`` as a whole: its help, its width, its log, and how it ends."""

import subprocess
import sys
from pathlib import Path

import pytest

WATCHME = Path(sys.executable).with_name("watchme")


@pytest.mark.slow
def test_tables_are_no_wider_than_the_terminal(watchme, shorter, bundled, evidence):
    for words in (
        ("case", "import", evidence, "case"),
        ("case", "show", shorter.path),
        ("diagnose", "health", bundled("health-threadpool").path, "--all"),
        ("alarms", "backtest", shorter.path),
        ("query", "list"),
    ):
        shown = watchme(*words, cwd=evidence.parent, columns=80)
        assert shown.returncode == 0, shown.stderr
        wide = [line for line in shown.stdout.splitlines() if len(line) > 80]
        # Only commands to copy are.
        assert [line for line in wide if not line.strip().startswith(("watchme ", "docker ", "$ "))] == []


@pytest.mark.slow
def test_a_full_disk_is_one_sentence():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [WATCHME, "query", "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2 and done.stderr.startswith("watchme: No room is left")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("language", "heading"), [("en", "## Confirm"), ("ja", "## 確認")])
def test_the_page_of_a_cause_is_shown_in_each_language(watchme, language, heading):
    shown = watchme("cause", "consumer_failing", "--language", language)
    assert shown.stdout.startswith("# consumer_failing") and heading in shown.stdout.splitlines()


def test_the_log_is_shown_on_request(front, watchme, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # nothing listens there
    command = ("case", "pull", "backlog", "--queue", "orders", "--region", "ap-northest-1")
    plain = watchme(*command).stderr
    for words in (("-v", *command), (*command, "--debug")):
        shown = watchme(*words).stderr
        assert "INFO watchme_analysis." in shown and shown.endswith(plain)
    assert "INFO" not in plain


def test_probes_are_a_script_or_shell_lines_on_request(watchme, tmp_path):
    from watchme_analysis.evidence import prober

    url = "https://example.com/health"
    assert watchme("probe", "--standalone").stdout == Path(prober.__file__).read_text()
    lines = watchme("probe", url, "--curl")
    assert lines.returncode == 0 and "curl" in lines.stdout and url in lines.stdout
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert watchme("probe", url, "--to", "other.csv", "--for", "1s", cwd=tmp_path).returncode == 2
    assert (tmp_path / "other.csv").read_text() == "a,b\n1,2\n"


def test_the_demonstration_prints_a_diagnosis(watchme, tmp_path, monkeypatch):
    # Without the libraries of a report, which would take half a minute.
    monkeypatch.setitem(sys.modules, "papermill", None)
    ended = watchme("demo", "--to", tmp_path / "reports")
    assert ended.returncode == 0, ended.stderr
    assert "watchme diagnose health" in ended.stdout and "papermill" in ended.stdout
