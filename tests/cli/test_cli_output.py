"""Rows of commands: their form, and the file that they are written to."""

import json

import pytest

QUERY = "select vantage, count(*) as n from probes group by vantage order by vantage"


@pytest.fixture
def sql(watchme, evidence):
    """Return a function that runs a query over a small case with further options."""

    def run(*options, query=QUERY):
        return watchme("case", "sql", evidence, query, *options, cwd=evidence.parent)

    return run


@pytest.mark.slow
def test_each_form_holds_the_same_rows(sql, evidence):
    rows = json.loads(sql("--output", "json").stdout)
    assert rows and sql("--json").stdout == sql("--output", "json").stdout
    assert [json.loads(line) for line in sql("--output", "jsonl").stdout.splitlines()] == rows
    csv = sql("--csv").stdout
    assert csv.splitlines() == ["vantage,n", *(f"{row['vantage']},{row['n']}" for row in rows)]
    assert sql("--output", "table").stdout == sql().stdout
    # A file has the form of its suffix, and holds what would be printed.
    for form in ("json", "csv", "jsonl"):
        file = evidence.parent / f"rows.{form}"
        answer = sql("--to", file)
        assert (answer.returncode, answer.stdout) == (0, "")
        assert file.read_text() == sql("--output", form).stdout
    sql("--to", evidence.parent / "rows.txt", "--output", "csv")
    assert (evidence.parent / "rows.txt").read_text() == csv


@pytest.mark.slow
def test_times_keep_their_microseconds_and_no_rows_are_valid(sql):
    query = "select timestamptz '2026-01-01 00:00:00.123456+00' as time"
    for form, empty in (("json", "[]"), ("csv", "vantage,n"), ("jsonl", "")):
        assert "00:00:00.123456" in sql("--output", form, query=query).stdout
        assert sql("--output", form, query=f"select * from ({QUERY}) limit 0").stdout.strip() == empty


def test_a_file_is_replaced_only_by_force(sql, evidence):
    file = evidence.parent / "rows.csv"
    file.write_text("mine")
    answer = sql("--to", file)
    assert (answer.returncode, "--force" in answer.stderr, file.read_text()) == (2, True, "mine")
    assert sql("--to", file, "--force").returncode == 0
    assert file.read_text() != "mine"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--json", "--csv"), "json, csv"),
        (("--output", "jsonl", "--json"), "jsonl, json"),
        (("--output", "jsno"), "`json`"),
        (("--force",), "--to"),
        (("--to", "rows.txt"), "--output"),
        (("--to", "rows.csv", "--output", "table"), "--output"),
        (("--to", "evidence"), "evidence"),
    ],
)
def test_an_output_that_can_not_be_written_is_one_sentence(sql, evidence, options, named):
    answer = sql(*options)
    assert (answer.returncode, answer.stdout, answer.stderr.count("\n")) == (2, "", 1)
    assert named in answer.stderr
    assert [path.name for path in evidence.parent.iterdir()] == ["evidence"]


@pytest.mark.parametrize(
    "words",
    [
        ("diagnose", "health", "{case}"),
        ("access", "{case}/../evidence/access.log"),
        ("case", "show", "{case}"),
        ("case", "list", "{case}/.."),
        ("query", "list"),
        ("config", "show"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_rows_of_a_command_are_the_same_in_each_form(watchme, small_case, tmp_path, words):
    words = [word.format(case=small_case.path) for word in words]
    rows = [json.loads(line) for line in watchme(*words, "--output", "jsonl").stdout.splitlines()]
    csv = watchme(*words, "--output", "csv").stdout
    assert rows and csv.splitlines()[0].split(",") == [*rows[0]]
    done = watchme(*words, "--to", tmp_path / "rows.csv")
    assert (done.returncode, done.stdout, (tmp_path / "rows.csv").read_text()) == (0, "", csv)
    assert json.loads(watchme(*words, "--json").stdout)
