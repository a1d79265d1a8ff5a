"""Rows of commands: their form, and the file that they are written to."""

import json

import pytest

from watchme_analysis.cli.output import output_of

FORMS = ["json", "csv", "jsonl"]
QUERY = "select vantage, count(*) as n from probes group by vantage order by vantage"


@pytest.fixture
def sql(watchme, evidence):
    """Return a function that runs a query over a small case with further options."""

    def run(*options, query=QUERY):
        return watchme("case", "sql", evidence, query, *options, cwd=evidence.parent)

    return run


@pytest.mark.slow
def test_each_form_holds_the_same_rows(sql):
    rows = json.loads(sql("--output", "json").stdout)
    assert rows
    assert [json.loads(line) for line in sql("--output", "jsonl").stdout.splitlines()] == rows
    head, *lines = sql("--output", "csv").stdout.splitlines()
    assert head == "vantage,n"
    assert lines == [f"{row['vantage']},{row['n']}" for row in rows]
    assert sql("--output", "table").stdout == sql().stdout
    assert sql().stdout.splitlines()[0].split() == ["vantage", "n"]


@pytest.mark.slow
def test_times_keep_their_microseconds(sql):
    query = "select timestamptz '2026-01-01 00:00:00.123456+00' as time"
    for form in FORMS:
        assert "00:00:00.123456" in sql("--output", form, query=query).stdout


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", "csv"])
def test_short_forms_mean_the_same(sql, form):
    assert sql(f"--{form}").stdout == sql("--output", form).stdout


@pytest.mark.slow
def test_no_rows_are_valid_in_each_form(sql):
    printed = {form: sql("--output", form, query=f"select * from ({QUERY}) limit 0").stdout for form in FORMS}
    assert json.loads(printed["json"]) == []
    assert printed["csv"] == "vantage,n\n"
    assert printed["jsonl"].strip() == ""


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_file_has_the_form_of_its_suffix_and_holds_what_would_be_printed(sql, evidence, form):
    file = evidence.parent / f"rows.{form}"
    answer = sql("--to", file)
    assert (answer.returncode, answer.stdout) == (0, "")
    assert file.read_text() == sql("--output", form).stdout
    other = evidence.parent / "rows.txt"
    sql("--to", other, "--output", form)
    assert other.read_text() == file.read_text()


@pytest.mark.slow
def test_a_file_is_replaced_only_by_force(sql, evidence):
    file = evidence.parent / "rows.csv"
    file.write_text("mine")
    answer = sql("--to", file)
    assert answer.returncode == 2
    assert "--force" in answer.stderr
    assert file.read_text() == "mine"
    assert sql("--to", file, "--force").returncode == 0
    assert file.read_text() == sql("--csv").stdout


def test_a_file_without_a_folder_is_refused_before_the_command_acts(tmp_path):
    for name in ("file", "to"):
        with pytest.raises(FileNotFoundError):
            output_of({"form": "json", "force": False, name: tmp_path / "none" / "rows.json"})


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--json", "--csv"), "json, csv"),
        (("--output", "jsonl", "--json"), "jsonl, json"),
        (("--output", "jsno"), "`json`"),
        (("--force",), "--to"),
        (("--to", "rows.txt"), "--output"),
        (("--to", "rows.csv", "--output", "table"), "--output"),
        (("--to", "nowhere/rows.csv"), "nowhere/rows.csv"),
        (("--to", "evidence"), "evidence"),
    ],
)
def test_what_can_not_be_written_is_one_sentence(sql, evidence, options, named):
    answer = sql(*options)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert answer.stderr.count("\n") == 1
    assert named in answer.stderr
    assert [path.name for path in evidence.parent.iterdir()] == ["evidence"]


@pytest.mark.slow
def test_a_back_test_has_the_same_forms(watchme, shorter):
    command = ("alarms", "backtest", shorter.path, "--queue", "asr-queue")
    rows = json.loads(watchme(*command, "--json").stdout)
    assert rows
    head, *lines = watchme(*command, "--csv").stdout.splitlines()
    assert head.split(",") == [*rows[0]]
    assert len(lines) >= len(rows)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """A folder with a case below it and a log of six requests."""
    from worlds.small_evidence import ACCESS, PROBES

    from watchme_analysis.case.importer import import_folder

    home = tmp_path_factory.mktemp("outputs")
    (home / "evidence").mkdir()
    (home / "evidence" / "access.log").write_text(ACCESS)
    (home / "evidence" / "probes.csv").write_text(PROBES)
    import_folder(home / "evidence", home / "cases" / "one")
    return home


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "columns"),
    [
        (["diagnose", "health", "cases/one"], {"question", "verdict", "cause", "probability", "status"}),
        (["access", "evidence/access.log"], {"key", "requests"}),
        (["case", "show", "cases/one"], {"table", "rows", "start", "end"}),
        (["case", "list"], {"path", "title", "tables", "rows"}),
    ],
)
def test_commands_print_their_rows_in_each_form(watchme, outputs, tmp_path, words, columns):
    lines = watchme(*words, "--output", "jsonl", cwd=outputs).stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    assert rows
    assert all(columns <= set(row) for row in rows)
    csv = watchme(*words, "--output", "csv", cwd=outputs).stdout
    assert columns <= set(csv.splitlines()[0].split(","))
    file = tmp_path / "rows.csv"
    done = watchme(*words, "--to", file, cwd=outputs)
    assert (done.returncode, done.stdout, file.read_text()) == (0, "", csv)
    assert json.loads(watchme(*words, "--json", cwd=outputs).stdout)
    assert watchme(*words, "--json", "--output", "csv", cwd=outputs).returncode == 2


def test_the_list_names_each_case_once_and_no_other_folder(watchme, outputs):
    rows = json.loads(watchme("case", "list", "--json", cwd=outputs).stdout)
    assert [(row["path"], row["title"]) for row in rows] == [("cases/one", "one")]
    table = watchme("case", "list", "cases", cwd=outputs).stdout.splitlines()
    assert (len(table), table[1].split()[:2]) == (2, ["cases/one", "one"])
    assert "case import" in watchme("case", "list", "evidence", cwd=outputs).stdout
