"""``%%insights`` and ``%%sql`` in IPython."""

import time

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from watchme_analysis.case.opening import open_case


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell(config=config)
    shell.run_line_magic("load_ext", "watchme_analysis")
    return shell


@pytest.mark.slow
def test_sql_runs_on_a_folder_and_on_what_a_variable_holds(shell, evidence):
    query = "select vantage, count(*) as n from probes group by vantage"
    rows = shell.run_cell_magic("sql", f"'{evidence}' rows", query)
    assert len(rows) and shell.user_ns["rows"] is rows
    shell.user_ns["mine"] = open_case(evidence)
    assert len(shell.run_cell_magic("sql", "mine", query)) == len(rows)


def test_insights_stores_the_rows_of_the_account_and_prints_how(shell, front, capsys):
    group, at_ms = "/aws/lambda/orders", int(time.time() * 1000) - 600_000
    front.engine.load(group, [(at_ms + number, f"ERROR {number}", "s") for number in range(3)])
    query = "fields @timestamp, @message | filter @message like /ERROR/"
    rows = shell.run_cell_magic("insights", f"errors --groups {group} --since 1h", query)
    assert shell.user_ns["errors"] is rows
    assert sorted(rows["@message"]) == [f"ERROR {number}" for number in range(3)]
    assert "3 rows" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("magic", "line", "cell"),
    [
        ("insights", "--colour red", "x"),
        ("insights", "1x", "x"),
        ("insights", "'", "x"),
        ("sql", "", "select 1"),
        ("sql", "nowhere", "select 1"),
    ],
)
def test_an_expected_error_is_one_line(shell, magic, line, cell):
    with pytest.raises(UsageError) as error:
        shell.run_cell_magic(magic, line, cell)
    assert "\n" not in str(error.value)
