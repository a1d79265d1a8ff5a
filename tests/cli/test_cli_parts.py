"""The command ``watchme guard``, by all that it prints."""

import json
import sys

import pytest
from worlds.printed import lines_of, one_line, said

from watchme_analysis.text.message import Duration


@pytest.fixture
def probed(tmp_path):
    """Checks every ten seconds, of which the third to the eighth failed."""
    (tmp_path / "evidence").mkdir()
    rows = ["timestamp,vantage,path,status,seconds,error"]
    for number in range(12):
        bad = 2 <= number < 8
        end = ",10.0,timeout" if bad else "200,0.1,"
        rows.append(f"2025-12-11T01:{number // 6:02}:{number % 6 * 10:02}Z,host,/health,{end}")
    (tmp_path / "evidence" / "probes.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "evidence"


def test_a_guard_is_tried_on_recorded_checks(watchme, probed):
    words = ("guard", "http://127.0.0.1/health", "--backtest", probed, "--cooldown", "2m")
    found = json.loads(watchme(*words, "--json").stdout)
    sentences = [each["sentence"] for each in found.pop("sentences")]
    # Three failures in a row restart: the third failed check is that of 01:00:40.
    assert {name: found[name] for name in ("stopped", "checks", "failed", "answered_inside", "effect")} == {
        "stopped": None, "checks": 12, "failed": 6, "answered_inside": None, "effect": None
    }  # fmt: skip
    [restart] = found["restarts"]
    assert restart.startswith("2025-12-11T01:00:") and found["failing_s"] == 60.0
    assert 0 <= found["avoided_s"] < 60
    assert lines_of(watchme(*words).stdout) == [one_line(each) for each in sentences]
    rows = watchme(*words, "--output", "jsonl")
    assert [json.loads(line) for line in rows.stdout.splitlines()] == [{"restart": restart}]
    assert one_line(rows.stderr) == one_line(" ".join(sentences))


def test_a_guard_needs_one_way_to_restart_and_a_folder(watchme, tmp_path):
    url = "http://127.0.0.1/health"
    exported = (url, "--export", "--docker", "x", "--evidence", "/e")
    for words, message_id in (
        ((url, "--json"), "error-output-needs-backtest"),
        ((url,), "error-guard-one-restart"),
        ((url, "--restart", "x", "--docker", "y"), "error-guard-one-restart"),
        ((url, "--restart", "x"), "error-guard-no-evidence"),
        ((), "error-guard-no-url"),
        ((url, "--recovery", "11m"), "error-guard-cooldown"),
        ((url, "--alarm", "a"), "error-guard-alarm-needs-export"),
        ((*exported, "--every", "5s"), "error-guard-export-alone"),
        ((*exported, "--case", tmp_path), "error-guard-export-alone"),
        (exported, "error-guard-export-alarm"),
        ((*exported, "--alarm", "a"), "error-guard-export-instance"),
        ((*exported, "--alarm", "a", "--ssm", "i-*"), "error-guard-export-instance"),
    ):
        ended = watchme("guard", *words, cwd=tmp_path)
        assert (ended.returncode, said(message_id) in one_line(ended.stderr)) == (2, True), words
    ended = watchme("guard", *exported, "--evidence", "e", "--alarm", "a", cwd=tmp_path)
    assert ended.returncode == 2 and said("error-guard-export-folder", folder="e") in one_line(ended.stderr)


NOTIFY = """
import pathlib, sys
pathlib.Path(__file__).with_name("told").write_text("\\n".join(sys.argv[1:]))
"""


def test_each_run_of_a_guard_makes_one_check_and_ends(watchme, tmp_path, probed):
    url = "http://127.0.0.1:1/a'b\"c$(touch${IFS}ran)`touch${IFS}ran`;*"
    words = (url, "--evidence", tmp_path / "g", "--cooldown", "2h", "--recovery", "1s")
    (tmp_path / "notify.py").write_text(NOTIFY)
    restarted = tmp_path / "$HOME;restarted"  # no shell runs the command
    words += ("--restart", f"mkdir {restarted}")
    words += ("--notify", f"{sys.executable} {tmp_path}/notify.py")
    for number in range(3):
        assert not restarted.exists(), number
        ended = watchme("guard", *words, cwd=tmp_path)
        assert ended.returncode == 0
    assert len(ended.stdout.splitlines()) == 2, ended.stdout  # evidence, and the result
    # The command that notifies has the sentence as one word, whatever characters are in it.
    told = (tmp_path / "told").read_text()
    assert url in told and one_line(told) in one_line(ended.stdout) and not (tmp_path / "ran").exists()
    restarted.rmdir()
    for _ in range(3):
        cooling = watchme("guard", *words, cwd=tmp_path)
    assert lines_of(cooling.stdout) == [said("guard-cooling", within=Duration(7200.0))]
    assert not restarted.exists()
    raw = watchme("guard", *words, "--case", probed)
    assert (raw.returncode, f"{probed}" in one_line(raw.stderr)) == (2, True)
