import pytest
from click.testing import CliRunner

from watchme_analysis.cli import cli


def run(*arguments):
    return CliRunner().invoke(cli, list(arguments))


def test_case_sql_prints_rows_and_says_how_many_are_left_out(bundled):
    case = str(bundled("health-threadpool").path)
    said = run("case", "sql", case, "select * from probes order by time", "--limit", "2").output
    lines = said.splitlines()
    assert lines[0].split()[:4] == ["file", "line", "time", "vantage"]
    assert len(lines) == 4
    assert lines[-1].startswith("132 rows, 130 of them not shown")


@pytest.mark.slow
def test_case_sql_knows_every_request_followed_through_the_layers(bundled):
    folder = str(bundled("health-threadpool").path)
    counted = "select {0}, count(*) as n from requests where path = '/health' group by {0} order by {0}"
    said = run("case", "sql", folder, counted.format("app_seen"), "--csv").output
    assert said.splitlines() == ["app_seen,n", "False,65", "True,134"]
    said = run("case", "sql", folder, counted.format("fate"), "--csv").output
    rows = dict(line.split(",") for line in said.splitlines()[1:])
    assert int(rows["header_timeout"]) == 65
    assert sum(map(int, rows.values())) == 134 + 65
    waited = "select round(median(spent_header_s)) as s from requests where fate = 'header_timeout'"
    assert run("case", "sql", folder, waited, "--csv").output.splitlines() == ["s", "5.0"]
    joined = "select count(*) as n from attempts join requests using (row) where path = '/health'"
    assert run("case", "sql", folder, joined, "--csv").output.splitlines() == ["n", "199"]


@pytest.mark.slow
def test_diagnose_prints_the_query_below_each_statement(bundled):
    said = run("diagnose", "health", str(bundled("health-threadpool").path), "--sql").output
    below = [line.strip() for line in said.splitlines() if line.strip().startswith("select * from ")]
    (threads,) = {line for line in below if "metric = 'threads'" in line}
    found = run("case", "sql", str(bundled("health-threadpool").path), threads).output
    assert found.splitlines()[-1] == "44 rows"
