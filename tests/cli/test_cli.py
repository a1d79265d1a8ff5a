import hashlib
import json
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from worlds.shorter_case import write_shorter
from worlds.small_evidence import ACCESS

WATCHME = Path(sys.executable).with_name("watchme")


@pytest.mark.slow
def test_help_teaches_every_command():
    text = subprocess.run([WATCHME, "--help"], capture_output=True, text=True, check=True)
    for word in ("case", "diagnose", "report", "lab", "Exit codes"):
        assert word in text.stdout


@pytest.mark.parametrize("words", [[], ["case"], ["query"], ["alarms"]])
def test_the_list_of_commands_is_not_cut_off_on_a_narrow_terminal(watchme, words):
    listed = watchme(*words, "--help", columns=80).stdout.partition("Commands:")[2]
    assert listed
    assert "..." not in listed


@pytest.mark.slow
def test_import_prints_what_it_took_and_what_it_left(watchme, evidence, tmp_path):
    (evidence / "holiday.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    first = watchme("case", "import", evidence, tmp_path / "case")
    assert first.returncode == 0, first.stderr
    assert "window (2025-12-11, Asia/Tokyo)" in first.stdout
    assert "access.log  access_log     3         0  10:00:01 .. 10:00:31\n" in first.stdout
    assert "  - holiday.jpg (4 bytes): not recognised\n" in first.stdout
    assert first.stdout.endswith(f"\nNext:\n    watchme diagnose health {tmp_path / 'case'}\n")
    reported = " ".join(first.stdout.split()).partition("Not in the case, but useful for health: ")[2]
    assert "error_log, " in reported
    again = watchme("case", "import", evidence, tmp_path / "case")
    assert "unchanged" in again.stdout


def test_import_exits_1_and_names_what_could_not_be_read(watchme, evidence, tmp_path):
    (evidence / "queues").mkdir()
    (evidence / "queues" / "jobs-dlq-messages.json").write_text("no messages")
    (evidence / "queues" / "jobs.json").write_text('{"Attributes": {"VisibilityTimeout": "30"}}')
    reported = watchme("case", "import", evidence, tmp_path / "case")
    assert reported.returncode == 1
    assert "1 file of evidence could not be read: queues/jobs-dlq-messages.json." in reported.stderr
    assert "Could not be read, though it is evidence:\n  - queues/jobs-dlq-messages.json" in reported.stdout

    answer = json.loads(watchme("diagnose", "backlog", tmp_path / "case", "--json").stdout)
    assert answer["missing_evidence"][0]["what"] == "queues/jobs-dlq-messages.json, which could not be read"
    assert answer["coverage"]["queue_messages"]["truncated"]
    assert answer["missed_work_certain"] is False
    assert [one["value"] for one in answer["facts"] if one["id"] == "work_items"] == [None]
    assert "jobs-dlq-messages.json could not be read" in watchme("redrive", tmp_path / "case").stderr


@pytest.mark.slow
def test_import_takes_times_without_a_zone_for_those_of_the_option(watchme, evidence, tmp_path):
    (evidence / "app.log").write_text("2025-12-11 10:00:05,000 INFO [7] app: done\n")
    assert watchme("case", "import", evidence, tmp_path / "case", "--timezone", "Asia/Tokyo").returncode == 0
    found = watchme("case", "sql", tmp_path / "case", "select hour(time) as h from app_log", "--csv")
    assert found.stdout == "h\n1\n"
    (evidence / "case.toml").write_text('time_zone = "UTC"\n')
    reported = watchme("case", "import", evidence, tmp_path / "case", "--timezone", "Asia/Tokyo")
    assert "read as UTC, as case.toml states, and not as Asia/Tokyo." in reported.stderr


def test_case_show_tells_tables_windows_and_hashes(watchme, evidence, tmp_path):
    watchme("case", "import", evidence, tmp_path / "case")
    shown = watchme("case", "show", tmp_path / "case", "--timezone", "UTC")
    assert shown.returncode == 0, shown.stderr
    tables, _, files = shown.stdout.partition("Files of the case:")
    assert "window (2025-12-11, UTC)" in tables
    assert "access_log     3         0        -  01:00:01 .. 01:00:31\n" in tables
    digest = hashlib.sha256((evidence / "access.log").read_bytes()).hexdigest()[:12]
    assert digest in files


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("case", "import", write_shorter, "case"),
        ("case", "show", "{shorter}"),
        ("diagnose", "health", "{health}"),
        ("alarms", "backtest", "{shorter}"),
        ("query", "list"),
    ],
    ids=lambda words: " ".join(words[:2]) if isinstance(words[1], str) else words[0],
)
def test_tables_are_no_wider_than_the_terminal(watchme, words, shorter, bundled, tmp_path):
    places = {"shorter": shorter.path, "health": bundled("health-threadpool").path}
    words = [
        word.format(**places) if isinstance(word, str) else word(tmp_path / "evidence") for word in words
    ]
    shown = watchme(*words, cwd=tmp_path, columns=80)
    assert shown.returncode == 0, shown.stderr
    wide = [line for line in shown.stdout.splitlines() if len(line) > 80]
    assert [line for line in wide if not line.startswith("    watchme ")] == [], "only commands to copy are"


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize(
    "words",
    [
        ("case", "import", "nowhere", "case"),
        ("case", "show", "nowhere"),
        ("diagnose", "health", "nowhere"),
        ("diagnose", "weather", "nowhere"),
        ("diagnose", "health", "evidence", "--queue", "sed-queue"),
        ("diagnose", "health", "evidence", "--endpoint", "/nothing"),
        ("diagnose", "backlog", "evidence"),
        ("diagnose", "health", "evidence", "--since", "tomorrow"),
        ("diagnose", "health", "evidence", "--since", "2020-01-01", "--until", "2020-01-02"),
        ("diagnose", "health", "evidence", "--timezone", "Mars/Olympus"),
        ("diagnose", "health"),
        ("case", "import", "evidence", "/proc/case"),
        ("case", "sql", "evidence", ""),
        ("case", "sql", "evidence", "select 1", "--limit", "-1"),
        ("report", "health", "evidence", "--to", "/proc/reports"),
        ("redrive", "evidence", "--to", "nowhere/redrive.jsonl"),
        ("diagnoze", "health"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(watchme, evidence, tmp_path, words):
    before = sorted(path.name for path in tmp_path.iterdir())
    answer = watchme(*words, cwd=tmp_path)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert answer.stderr.startswith("watchme: ")
    assert answer.stderr.count("\n") == 1
    assert "?." not in answer.stderr
    assert "Traceback" not in answer.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.slow
def test_diagnose_prints_one_json_object(watchme, bundled):
    answer = watchme("diagnose", "health", bundled("health-healthy").path, "--json")
    assert answer.returncode == 0, answer.stderr
    diagnosis = json.loads(answer.stdout)
    assert diagnosis["question"] == "health"
    assert diagnosis["case"] == "health-healthy"
    assert {"verdict", "cause", "confidence", "incident", "ranking", "coverage", "missing_evidence"} <= set(
        diagnosis
    )
    assert all(0 <= entry["probability"] <= 1 for entry in diagnosis["ranking"])


@pytest.mark.slow
def test_diagnose_without_json_is_for_a_person(watchme, bundled):
    answer = watchme("diagnose", "health", bundled("health-healthy").path, "--all")
    assert answer.returncode == 0, answer.stderr
    assert "confidence" in answer.stdout
    assert "Asia/Tokyo" in answer.stdout
    assert "{" not in answer.stdout.splitlines()[0]
    assert "\n\n\n" not in answer.stdout
    # What is as good as ruled out takes a line of the ranking, not a paragraph.
    assert "\nedge_config " in answer.stdout
    assert "\nedge_config\n" not in answer.stdout
    assert re.search(r"The evidence on the other \d+ causes: in the report", answer.stdout)


@pytest.mark.slow
def test_sentences_are_as_wide_as_the_terminal_and_count_one_row_as_one(watchme, bundled):
    case = bundled("backlog-dlq").path
    answer = watchme("diagnose", "backlog", case, "--all", columns=70)
    assert answer.returncode == 0, answer.stderr
    said = answer.stdout.partition("Collect next:")[0].splitlines()
    assert max(map(len, said)) <= 70
    unwrapped = " ".join(answer.stdout.split())
    assert "[changes, 1 row]" in unwrapped
    assert "1,060 rows]" in unwrapped
    assert "fix and prevent it: docs/causes/consumer_failing.md" in unwrapped
    assert f"more:\n    watchme case show {case}\n" in answer.stdout


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_import_leaves_no_half_a_case(end, evidence, tmp_path):
    (evidence / "access.log").write_text(ACCESS * 100_000)
    command = [WATCHME, "case", "import", evidence, tmp_path / "in/case"]
    # Whoever runs the tests under nohup has them ignore a hang-up, and their children.
    as_usual = partial(signal.signal, end, signal.SIG_DFL)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=as_usual) as process:  # noqa: PLW1509
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("in/.case-*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(end)
        assert process.stderr.read().strip() == ("watchme: stopped" if end is signal.SIGINT else "")
    assert process.returncode == (130 if end is signal.SIGINT else 128 + end)
    assert list((tmp_path / "in").iterdir()) == []


@pytest.mark.slow
def test_a_full_disk_is_one_sentence():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [WATCHME, "query", "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr.startswith("watchme: No room is left")
    assert done.stderr.count("\n") == 1


def test_a_command_without_arguments_teaches(watchme, tmp_path):
    for words in ([], ["case"]):
        shown = watchme(*words)
        assert shown.returncode == 2
        assert shown.stderr.startswith("Usage: watchme")


@pytest.mark.slow
def test_every_command_has_an_example(watchme):
    names = re.findall(r"^  ([a-z]+) ", watchme("--help").stdout.partition("Commands:")[2], re.MULTILINE)
    below = {
        "case": ["import", "pull", "show", "list", "sql"],
        "config": ["init", "show", "check"],
        "schedule": ["install", "export"],
        "query": ["show", "run"],
        "alarms": ["list", "backtest", "plan", "verify", "export"],
        "settings": ["plan"],
        "deploy": ["check"],
        "fifo": ["advise", "plan", "check"],
        "queue": ["archive", "purge"],
    }
    commands = [
        (name, *more) for name in names for more in ([[part] for part in below.get(name, [])] or [[]])
    ]
    silent = [
        words
        for words in commands
        if f"  watchme {' '.join(words)} " not in watchme(*words, "--help").stdout.replace("\n", " \n")
    ]
    assert len(commands) > 12
    assert silent == []


@pytest.mark.parametrize(("language", "heading"), [("en", "## Confirm"), ("ja", "## 確認")])
def test_the_page_of_a_cause_is_shown_in_each_language(watchme, language, heading):
    shown = watchme("cause", "consumer_failing", "--language", language)
    assert shown.stdout.startswith("# consumer_failing") and heading in shown.stdout.splitlines()
    wrong = watchme("cause", "consumer_falling")
    assert wrong.returncode == 2 and "Did you mean `consumer_failing`?" in wrong.stderr
