import pandas as pd
from worlds.messages import messages_in

from watchme_analysis.evidence.host_metrics import read_host_metrics
from watchme_analysis.evidence.probes import read_probes
from watchme_analysis.files.csv_table import csv_rows
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.files.line_accounting import TextAccounting

HEADER = "timestamp,vantage,path,status,seconds,error\n"


def laid(folder, text, name):
    (folder / name).write_bytes(text.encode())
    return RawFile(folder, name)


def test_probes_are_read_with_what_is_missing_null(tmp_path):
    text = HEADER + (
        "1765415400.250,outside,/health,200,0.8,\n"
        "2025-12-11T01:10:00Z,Inside,/health,0,30.0,timeout, after 30 s\n"
        "\n"
        '2025-12-11T01:10:01Z,host,/health,,,"reset, by peer"\n'
        "2025-12-11T01:10:02Z,host,/health,200,0.1\n"
    )

    frame, retrieval = read_probes(laid(tmp_path, text, "probes.csv"))

    assert frame["status"].isna().tolist() == [False, True, True, False]
    assert frame["vantage"].tolist() == ["outside", "inside", "host", "host"]
    assert frame["error"].tolist()[1:3] == ["timeout, after 30 s", "reset, by peer"]
    assert frame["time"].tolist()[0] == pd.Timestamp("2025-12-11T01:10:00.25Z")
    assert frame["line"].tolist() == [2, 3, 5, 6]
    assert (retrieval.lines, retrieval.blank_lines, retrieval.rejected) == (5, 1, ())


def test_host_metrics_become_tidy(tmp_path):
    text = (
        "timestamp,cpu_pct,threads,container\n1765415400,97.5,6,web\n1765415401,,7,web\n1765415402,x,8,web\n"
    )

    frame, retrieval = read_host_metrics(laid(tmp_path, text, "metrics-emotion.csv"))

    assert frame["metric"].tolist() == ["cpu_pct", "threads", "cpu_pct", "threads", "threads"]
    assert frame["value"].isna().tolist() == [False, False, True, False, False]
    assert frame["service"].unique().tolist() == ["emotion"]
    assert [(one.line, one.reason) for one in retrieval.rejected] == [(4, "cpu_pct: 'x' is not a number")]
    assert any("container" in note for note in retrieval.notes)


def rows_of(folder, text, tail=None):
    """Return the rows as (line, cells, text), and the accounting."""
    raw = laid(folder, text, "table.csv")
    account = TextAccounting(raw, "probes", "probes")
    return [(row.line, row.cells, row.text) for row in csv_rows(raw, account, tail)], account


def rejections(account):
    return [(one.line, messages_in(one.reason.message), one.text) for one in account.rejected]


def test_rows_have_their_lines_their_cells_and_their_text(tmp_path):
    text = 'time,a,a,"b c",\n1765415400,1,,"x\ny ""z""",,\n\n1765415401,2,3,,\r\n'
    found, account = rows_of(tmp_path, text)
    assert found == [
        (2, {"time": "1765415400", "a": "1", "a#2": "", "b c": 'x\ny "z"'}, b'1765415400,1,,"x\ny ""z""",,'),
        (5, {"time": "1765415401", "a": "2", "a#2": "3", "b c": ""}, b"1765415401,2,3,,"),
    ]
    counts = (account.lines, account.joined_lines, account.blank_lines, account.rejected_lines)
    assert (counts, account.notes) == ((4, 1, 1, 0), [])


def test_only_a_last_text_may_hold_commas_or_be_missing(tmp_path):
    text = "time,a,b\n1765415400,1\n1765415401,1,2, and 3\n1765415402\n"
    found, account = rows_of(tmp_path, text, tail="b")
    assert [cells["b"] for _, cells, _ in found] == ["", "2, and 3"]
    cut = {"reject-csv-cut-cells": {"cells": "1", "columns": "3"}}
    assert rejections(account) == [(4, cut, "1765415402")]
    # A column that is not the last has no such rights.
    found, account = rows_of(tmp_path, text, tail="a")
    assert found == []
    assert [[*said] for _, said, _ in rejections(account)] == [
        ["reject-csv-cut-cells"],
        ["reject-csv-cells"],
        ["reject-csv-cut-cells"],
    ]
