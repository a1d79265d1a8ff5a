"""The commands ``watchme case``: what each prints, its rows in JSON, and its exit code."""

import io
import json
import shutil

import pytest
from worlds.printed import lines_of, one_line, said

from watchme_analysis.cli import cli
from watchme_analysis.text.message import Choice, Names, message

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
ABSENT = (
    "edge_log", "error_log", "config_directives", "edge_settings", "app_log", "host_metrics", "app_calls",
    "app_handlers", "app_processes",
)  # fmt: skip


@pytest.fixture
def copy(small_case, tmp_path):
    """A copy of the case to spoil."""
    return shutil.copytree(small_case.path, tmp_path / "copy of case")


def test_import_prints_the_case_and_the_next_command(watchme, evidence, tmp_path):
    case = tmp_path / "a case"
    first = watchme("case", "import", evidence, case)
    assert (first.returncode, first.stderr) == (0, "")
    lines = lines_of(first.stdout)
    assert said("import-case", case=str(case), contents=CONTENTS, state=Choice("written")) in lines
    assert lines[-2:] == [said("case-next"), f"watchme diagnose health '{case}'"]
    again = watchme("case", "import", evidence, case)
    unchanged = said("import-case", case=str(case), contents=CONTENTS, state=Choice("unchanged"))
    assert unchanged in lines_of(again.stdout)
    rows = watchme("case", "import", evidence, case, "--json")
    assert (rows.returncode, json.loads(rows.stdout), rows.stderr) == (0, TABLES, "")


def test_import_in_another_form_also_names_what_could_not_be_read(watchme, evidence, tmp_path):
    (evidence / "queues").mkdir()
    (evidence / "queues" / "jobs-dlq-messages.json").write_text("no messages")
    ended = watchme("case", "import", evidence, tmp_path / "case", "--output", "jsonl")
    assert ended.returncode == 1
    assert [json.loads(line)["table"] for line in ended.stdout.splitlines()][:2] == ["access_log", "probes"]
    unread = Names(("queues/jobs-dlq-messages.json",), limit=1)
    assert lines_of(ended.stderr) == [said("import-files-unread", count=1, files=unread)]


def test_import_says_whose_time_zone_was_used_if_the_case_states_another(watchme, evidence, tmp_path):
    (evidence / "case.toml").write_text('time_zone = "UTC"\n')
    same = watchme("case", "import", evidence, tmp_path / "one", "--timezone", "UTC")
    other = watchme("case", "import", evidence, tmp_path / "two", "--timezone", "Asia/Tokyo")
    assert (same.returncode, same.stderr) == (0, "")
    assert lines_of(other.stderr) == [said("import-zone-of-case", stated="UTC", option="Asia/Tokyo")]


def test_import_names_each_file_on_a_terminal_while_it_reads(evidence, tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    cli.main(["case", "import", str(evidence), str(tmp_path / "case")], standalone_mode=False)
    *read, end = shown.getvalue().split("\r\033[K")[1:]
    assert (read, end) == ([said("import-reading", file=name) for name in ("access.log", "probes.csv")], "")


def test_a_case_without_evidence_of_a_question_says_how_to_collect_it(watchme, evidence, tmp_path):
    for file in evidence.iterdir():
        file.unlink()
    alarm = {"AlarmName": "mine", "Namespace": "AWS/SQS", "MetricName": "NumberOfMessagesSent"}
    (evidence / "alarms.json").write_text(json.dumps({"MetricAlarms": [alarm], "CompositeAlarms": []}))
    ended = watchme("case", "import", evidence, tmp_path / "case")
    lines = lines_of(ended.stdout)
    assert ended.returncode == 0 and said("case-no-question") in lines
    # What the case does not state keeps a word, and a sentence says what to put there.
    end = " ".join(lines[lines.index(said("case-no-question")) :])
    assert [word for word in ("HEALTH_URL is", "FOLDER is", "Find QUEUE") if word not in end] == []


def test_show_has_a_row_for_each_table_and_the_next_command(watchme, small_case):
    rows = watchme("case", "show", small_case.path, "--json")
    assert (rows.returncode, json.loads(rows.stdout)) == (0, TABLES)
    shown = one_line(watchme("case", "show", small_case.path).stdout)
    absent = said("case-absent-tables", question="health", tables=Names(ABSENT, limit=9))
    command = f"watchme diagnose health {small_case.path}"
    assert shown.endswith(" ".join(["", absent, said("case-next"), command]))


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
    assert (none.returncode, lines_of(none.stdout)) == (
        0,
        [said("case-list-empty", folder=str(home / "evidence"))],
    )


def test_verify_has_a_line_for_each_problem(watchme, small_case, copy):
    sound = watchme("case", "verify", copy)
    assert (sound.returncode, lines_of(sound.stdout)) == (
        0,
        [said("case-verified", case=str(copy), contents=CONTENTS)],
    )
    assert json.loads(watchme("case", "verify", copy, "--json").stdout) == []
    (copy / "other").write_text("x")
    ended = watchme("case", "verify", copy)
    problem = said("case-problem-unlisted", file="other")
    assert (ended.returncode, lines_of(ended.stdout)) == (1, [problem])
    rows = watchme("case", "verify", copy, "--json")
    assert (rows.returncode, json.loads(rows.stdout)) == (1, [{"problem": problem}])


def test_export_prints_the_copy_and_has_its_tables_as_rows(watchme, small_case, tmp_path):
    out = tmp_path / "shared"
    ended = watchme("case", "export", small_case.path, out, "--redact", "ids")
    expected = said("case-exported", folder=str(out), contents=CONTENTS, level="ids")
    assert (ended.returncode, lines_of(ended.stdout)) == (0, [expected])
    rows = watchme("case", "export", small_case.path, tmp_path / "again", "--redact", "share", "--json")
    assert json.loads(rows.stdout) == TABLES


def test_sql_prints_at_most_as_many_rows_as_are_wanted(watchme, small_case):
    query = "select vantage, duration_s, status from probes order by time"
    whole = watchme("case", "sql", small_case.path, query)
    assert lines_of(whole.stdout) == [
        "vantage duration_s status", "inside 0.8 200", "outside 30 -",
        said("case-sql-rows", rows=2, hidden=0),
    ]  # fmt: skip
    first = watchme("case", "sql", small_case.path, query, "--limit", "1")
    assert lines_of(first.stdout)[1:] == ["inside 0.8 200", said("case-sql-rows", rows=2, hidden=1)]
    # JSON has every row, whatever the limit.
    rows = watchme("case", "sql", small_case.path, query, "--limit", "1", "--json")
    assert [row["vantage"] for row in json.loads(rows.stdout)] == ["inside", "outside"]


def test_sql_reads_the_views_that_a_query_names(watchme, small_case):
    requests = watchme("case", "sql", small_case.path, "select count(*) as n from REQUESTS", "--csv")
    errors = watchme("case", "sql", small_case.path, "select count(*) as n from linked_errors", "--csv")
    assert (requests.stdout, errors.stdout) == ("n\n3\n", "n\n0\n")
