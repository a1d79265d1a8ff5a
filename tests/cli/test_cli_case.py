"""The commands ``watchme case``: what each prints, its rows in JSON, and its exit code."""

import json
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from worlds.printed import lines_of, said
from worlds.small_evidence import ACCESS

from watchme_analysis.text.message import Choice, Names, message

WATCHME = Path(sys.executable).with_name("watchme")
# Both in UTC, which is nine hours behind the log's +0900.
TABLES = [
    {
        "table": "access_log", "rows": 3, "rejected": 0, "truncated": False,
        "start": "2025-12-11T01:00:01+00:00", "end": "2025-12-11T01:00:31+00:00",
    },
    {
        "table": "probes", "rows": 2, "rejected": 0, "truncated": False,
        "start": "2025-12-11T01:00:00+00:00", "end": "2025-12-11T01:00:10+00:00",
    },
]  # fmt: skip
CONTENTS = message("case-contents", tables=2, rows=5)


def test_import_prints_the_case_and_the_next_command(watchme, evidence, tmp_path):
    case = tmp_path / "a case"
    (evidence / "holiday.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    first = watchme("case", "import", evidence, case)
    assert (first.returncode, first.stderr) == (0, "")
    assert "access.log  access_log     3         0  10:00:01 .. 10:00:31\n" in first.stdout
    assert "  - holiday.jpg (4 bytes): not recognised\n" in first.stdout
    lines = lines_of(first.stdout)
    assert said("import-case", case=str(case), contents=CONTENTS, state=Choice("written")) in lines
    assert lines[-2:] == [said("case-next"), f"watchme diagnose health '{case}'"]
    again = watchme("case", "import", evidence, case)
    unchanged = said("import-case", case=str(case), contents=CONTENTS, state=Choice("unchanged"))
    assert unchanged in lines_of(again.stdout)
    rows = watchme("case", "import", evidence, case, "--json")
    assert (rows.returncode, json.loads(rows.stdout), rows.stderr) == (0, TABLES, "")


def test_import_exits_1_and_names_what_could_not_be_read(watchme, evidence, tmp_path):
    (evidence / "queues").mkdir()
    (evidence / "queues" / "jobs-dlq-messages.json").write_text("no messages")
    (evidence / "queues" / "jobs.json").write_text('{"Attributes": {"VisibilityTimeout": "30"}}')
    unread = said("import-files-unread", count=1, files=Names(("queues/jobs-dlq-messages.json",), limit=1))
    for form in ("table", "jsonl"):
        ended = watchme("case", "import", evidence, tmp_path / "case", "--output", form)
        assert (ended.returncode, lines_of(ended.stderr)) == (1, [unread])
    answer = json.loads(watchme("diagnose", "backlog", tmp_path / "case", "--json").stdout)
    assert answer["missing_evidence"][0]["what"] == "queues/jobs-dlq-messages.json, which could not be read"
    assert answer["coverage"]["queue_messages"]["truncated"] and answer["missed_work_certain"] is False
    assert [one["value"] for one in answer["facts"] if one["id"] == "work_items"] == [None]


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


def test_the_list_has_the_window_and_the_rows_of_each_case(watchme, small_case):
    home = small_case.path.parent
    ended = watchme("case", "list", home, "--json")
    assert json.loads(ended.stdout) == [
        {
            "path": str(small_case.path), "title": "case", "tables": 2, "rows": 5,
            "start": "2025-12-11T01:00:00+00:00", "end": "2025-12-11T01:00:31+00:00",
        }
    ]  # fmt: skip
    # In the reader's zone, which is that of Tokyo.
    [row] = lines_of(watchme("case", "list", home, columns=300).stdout)[1:]
    assert row == f"{small_case.path} case 2025-12-11 10:00:00 2025-12-11 10:00:31 2 5"
    none = watchme("case", "list", home / "evidence")
    assert lines_of(none.stdout) == [said("case-list-empty", folder=str(home / "evidence"))]


def test_verify_has_a_line_for_each_problem(watchme, small_case, tmp_path):
    copy = shutil.copytree(small_case.path, tmp_path / "copy of case")
    sound = watchme("case", "verify", copy)
    assert lines_of(sound.stdout) == [said("case-verified", case=str(copy), contents=CONTENTS)]
    assert (sound.returncode, json.loads(watchme("case", "verify", copy, "--json").stdout)) == (0, [])
    (copy / "other").write_text("x")
    problem = said("case-problem-unlisted", file="other")
    ended, rows = watchme("case", "verify", copy), watchme("case", "verify", copy, "--json")
    assert (ended.returncode, lines_of(ended.stdout)) == (1, [problem])
    assert (rows.returncode, json.loads(rows.stdout)) == (1, [{"problem": problem}])


def test_export_prints_the_copy_and_has_its_tables_as_rows(watchme, small_case, tmp_path):
    out = tmp_path / "shared"
    ended = watchme("case", "export", small_case.path, out, "--redact", "ids")
    expected = said("case-exported", folder=str(out), contents=CONTENTS, level="ids")
    assert (ended.returncode, lines_of(ended.stdout)) == (0, [expected])
    rows = watchme("case", "export", small_case.path, tmp_path / "again", "--redact", "share", "--json")
    assert json.loads(rows.stdout) == TABLES


@pytest.mark.slow
def test_sql_reads_every_request_followed_through_the_layers(watchme, bundled):
    def rows(query):
        found = watchme("case", "sql", bundled("health-threadpool").path, query, "--csv").stdout
        return [line.split(",") for line in found.splitlines()[1:]]

    counted = "select {0}, count(*) as n from REQUESTS where path = '/health' group by {0} order by {0}"
    assert rows(counted.format("app_seen")) == [["False", "65"], ["True", "134"]]
    fates = dict(rows(counted.format("fate")))
    assert int(fates["header_timeout"]) == 65 and sum(map(int, fates.values())) == 134 + 65
    joined = "select count(*) as n from attempts join requests using (row) where path = '/health'"
    assert rows(joined) == [["199"]]
    assert int(rows("select count(request_line) as n from linked_errors")[0][0]) > 0
