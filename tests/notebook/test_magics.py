"""``%%insights`` and ``%%sql`` in IPython."""

import pandas as pd
import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from watchme_analysis.case.opening import open_case
from watchme_analysis.cloudwatch import connection
from watchme_analysis.errors import InputError


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell(config=config)
    shell.run_line_magic("load_ext", "watchme_analysis")
    return shell


@pytest.fixture
def requested(monkeypatch):
    """Return what the connection is made with and sent; it returns one row."""
    calls = []

    class Connection:
        def logs(self, *parts):
            calls.append(parts)
            if "bad" in parts[0]:
                raise InputError("The query is wrong.")
            return pd.DataFrame({"n": [1]}), "<Retrieval: 1 row>"

    def connect(*parts, **more):
        calls.append((*parts, more))
        return Connection()

    monkeypatch.setattr(connection, "connect", connect)
    return calls


def test_insights_asks_the_connection_and_stores_the_rows(shell, requested, capsys):
    line = "errors --groups /aws/lambda/a '/aws/lambda/b*' --since 2h --region eu-west-1"
    shown = shell.run_cell_magic("insights", line, "fields @message\n| limit 5\n")
    assert requested == [
        (None, "eu-west-1", {"system": None}),
        ("fields @message\n| limit 5", ["/aws/lambda/a", "/aws/lambda/b*"], "2h", "now"),
    ]
    assert shell.user_ns["errors"] is shown
    assert "Retrieval: 1 row" in capsys.readouterr().out


@pytest.mark.slow
def test_sql_runs_on_a_folder_and_on_what_a_variable_holds(shell, evidence):
    query = "select vantage, count(*) as n from probes group by vantage"
    rows = shell.run_cell_magic("sql", f"'{evidence}' rows", query)
    assert len(rows) and shell.user_ns["rows"] is rows
    shell.user_ns["mine"] = open_case(evidence)
    assert len(shell.run_cell_magic("sql", "mine", query)) == len(rows)


@pytest.mark.parametrize(
    ("magic", "line", "cell"),
    [
        ("insights", "errors", "bad"),
        ("insights", "--colour red", "x"),
        ("insights", "1x", "x"),
        ("insights", "'", "x"),
        ("sql", "", "select 1"),
        ("sql", "nowhere", "select 1"),
    ],
)
def test_an_expected_error_is_one_line(shell, requested, magic, line, cell):
    with pytest.raises(UsageError) as error:
        shell.run_cell_magic(magic, line, cell)
    assert "\n" not in str(error.value)
