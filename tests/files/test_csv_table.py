import csv

import pandas as pd
import pytest
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.evidence.host_metrics import looks_like as looks_like_metrics
from watchme_analysis.evidence.host_metrics import read_host_metrics
from watchme_analysis.evidence.probes import looks_like as looks_like_probes
from watchme_analysis.evidence.probes import read_probes
from watchme_analysis.files import csv_table
from watchme_analysis.files.csv_table import csv_rows, header_of, quoted_rows
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


def test_probes_that_can_not_be_read_are_kept_and_counted(tmp_path):
    text = HEADER + "soon,outside,/,200,0.1,\n1765415400,outside,/,2x0,0.1,\n1765415400,outside,/,200,0."

    frame, retrieval = read_probes(laid(tmp_path, text, "probes.csv"))

    assert len(frame) == 0
    assert [(one.line, one.reason) for one in retrieval.rejected] == [
        (2, "no time"),
        (3, "'2x0' is not a number"),
        (4, "the line is cut"),
    ]


def test_parts_of_a_probe_are_read_where_they_are_given(tmp_path):
    text = HEADER.strip() + ",dns_s,connect_s,tls_s,ttfb_s\n1765415400,outside,/,200,0.5,,0.1,0.1,0.1,0.4\n"

    frame, _ = read_probes(laid(tmp_path, text, "probes.csv"))

    assert frame.loc[0, ["dns_s", "connect_s", "tls_s", "ttfb_s"]].tolist() == [0.1, 0.1, 0.1, 0.4]


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


def test_the_two_are_distinguished_by_their_header(tmp_path):
    probes = laid(tmp_path, HEADER, "a.csv")
    metrics = laid(tmp_path, "time,cpu_pct\n", "b.csv")

    assert looks_like_probes(probes) and not looks_like_metrics(probes)
    assert looks_like_metrics(metrics) and not looks_like_probes(metrics)


def test_empty_files_are_empty_tables(tmp_path):
    probes, _ = read_probes(laid(tmp_path, "", "probes.csv"))
    metrics, _ = read_host_metrics(laid(tmp_path, HEADER, "metrics.csv"))

    assert (len(probes), len(metrics)) == (0, 0)


def test_a_row_says_whether_cells_are_missing_or_too_many(tmp_path):
    rows = "1765415400,97.5\n1765415401,97.5,6,web,7,8\n1765415402,9,6,web,\n"
    text = "timestamp,cpu_pct,threads,container\n" + rows

    frame, retrieval = read_host_metrics(laid(tmp_path, text, "metrics.csv"))

    assert sorted(frame["value"]) == [6, 9]
    counts = {"columns": "4"}
    assert [(one.line, messages_in(one.reason.message)) for one in retrieval.rejected] == [
        (2, {"reject-csv-cut-cells": counts | {"cells": "2"}}),
        (3, {"reject-csv-cells": counts | {"cells": "6"}}),
    ]


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


def test_further_headers_are_noted_with_the_first_of_them(tmp_path):
    text = "\ntime,a\n1,2\ntime,a\n3,4\nA,Time\n5,6\ntime\n"
    found, account = rows_of(tmp_path, text)
    assert [cells for _, cells, _ in found] == [
        {"time": "1", "a": "2"},
        {"time": "3", "a": "4"},
        {"time": "6", "a": "5"},
    ]
    assert [messages_in(one.message) for one in account.notes] == [
        {"note-further-headers": {"headers": 2, "line": "4"}}
    ]
    # A single name is no header, and too short for a row.
    cut = {"reject-csv-cut-cells": {"cells": "1", "columns": "2"}}
    assert rejections(account) == [(8, cut, "time")]


def test_a_header_must_name_its_columns(tmp_path):
    # "time" stands among the cells, but 7 is neither a column nor a name.
    _, account = rows_of(tmp_path, "time,a,b\ntime,7,x\n")
    assert account.row_count == 0 and account.lines == 1
    assert [cells for _, cells, _ in rows_of(tmp_path, "time,a,b\ntime,7,x\n")[0]] == [
        {"time": "time", "a": "7", "b": "x"}
    ]


def test_a_cut_header_is_a_beginning_of_the_header_above_rows_of_all_its_columns(tmp_path):
    # Below the names that stand there, the row has three cells: the header was cut.
    _, account = rows_of(tmp_path, "time,a,b\ntime,a\n1,2,3\n")
    assert rejections(account) == [(2, {"reject-csv-header": {}}, "time,a")]
    # It has two: the header is a new one.
    found, account = rows_of(tmp_path, "time,a,b\ntime,a\n1,2\n")
    assert ([cells for _, cells, _ in found], account.rejected) == ([{"time": "1", "a": "2"}], [])
    # Its own columns again, above a cut row.
    found, account = rows_of(tmp_path, "time,a\ntime,a\n1,2,3\n")
    assert [[*said] for _, said, _ in rejections(account)] == [["reject-csv-cells"]]


def test_a_file_that_ends_within_a_row_has_a_cut_row(tmp_path):
    whole = "time,a,b\n1,2,3"
    found, account = rows_of(tmp_path, whole)
    assert (len(found), account.rejected) == (1, [])
    _, account = rows_of(tmp_path, "time,a,b\n1,2", tail="b")
    assert rejections(account) == [(2, {"reject-csv-cut": {}}, "1,2")]
    # Above the last line, and with a line end, it only lacks its last text.
    for text in ("time,a,b\n1,2\n1,2,3", "time,a,b\n1,2\r"):
        assert rows_of(tmp_path, text, tail="b")[1].rejected == []


def test_a_row_within_a_text_is_found_by_its_time_and_its_plain_cells(tmp_path):
    for text, is_hidden in (
        ("1,2,cut1765415400,2,3", True),
        ("1,2,cut2025-12-11 10:10:30,2,3", True),
        ("1,2,at 1765415400, 2, 3", False),  # prose has spaces behind its commas
        ("1,2,at 1765415400,2", True),  # its last text may be missing
        ("1,at 1765415400,2", False),  # no more cells than a row has
        ("1,2,at 176541540,2,3", False),
        ("1765415400,2,3,4,5", False),  # the time at the beginning is that of the row itself
    ):
        _, account = rows_of(tmp_path, f"time,a,b\n{text}\n", tail="b")
        said = [message for _, message, _ in rejections(account)]
        assert said == ([{"reject-csv-cut-row": {}}] if is_hidden else []), text


def test_a_text_spans_at_most_two_hundred_lines(tmp_path):
    for lines, joined in ((200, 199), (201, None)):
        text = '1,"' + "x\n" * (lines - 1) + 'y"\n'
        found, account = rows_of(tmp_path, "time,a\n" + text)
        if joined is not None:
            assert (len(found), account.joined_lines) == (1, joined)
        else:
            assert (len(found), rejections(account)[0][:2]) == (0, (2, {"reject-csv-quote": {}}))


def test_a_row_below_an_open_quote_is_read_also_if_it_opens_one(tmp_path):
    found, account = rows_of(tmp_path, 'time,a\n1,"cut\n1765415400,"x\ny"\n1,"cut\n1765415401,z\n')
    assert [(line, cells["a"]) for line, cells, _ in found] == [(3, "x\ny"), (6, "z")]
    assert rejections(account) == [
        (2, {"reject-csv-quote": {}}, '1,"cut'),
        (5, {"reject-csv-quote": {}}, '1,"cut'),
    ]


@pytest.fixture
def short_texts(monkeypatch):
    """Let texts have at most eight characters, as the limit of the csv module is far above any test."""
    monkeypatch.setattr(csv_table, "_FIELD_LIMIT", 8)
    yield
    csv.field_size_limit(1 << 24)


def test_a_text_over_the_limit_costs_its_row_alone(tmp_path, short_texts):
    found, account = rows_of(tmp_path, 'time,a\n1,123456789\n1,12345678\n1,"123456789\n')
    assert [cells["a"] for _, cells, _ in found] == ["12345678"]
    error = {"reject-csv": {"error": "field larger than field limit (8)"}}
    assert [one[:2] for one in rejections(account)] == [(2, error), (4, error)]
    (first, second) = quoted_rows(b'1,2\n3,"123456789"\n')
    assert (first.cells, first.problem) == (["1", "2"], None)
    assert (second.cells, second.text, messages_in(second.problem.message)) == ([], '3,"123456789"', error)


def test_a_header_is_the_first_line_that_is_not_blank(tmp_path):
    for text, names in (
        ("\n , \nTime, A ,a,,\n", ["time", "a", "a#2"]),
        ("", []),
        (",\n", []),
        ("a,,b\n", ["a", "", "b"]),
        ("a,,,b\n", ["a", "", "", "b"]),
    ):
        assert header_of(laid(tmp_path, text, "table.csv")) == names, text


def test_rows_of_an_export_lose_their_first_line_where_a_quote_is_not_closed():
    data = b'a,b\n\n1,"x\ny ""z"""\n2,"cut\n3,"text"\n4,5\n'
    rows = [*quoted_rows(data)]
    assert [row.cells for row in rows] == [["a", "b"], ["1", 'x\ny "z"'], [], ["3", "text"], ["4", "5"]]
    assert [row.text for row in rows] == ["a,b", '1,"x\ny ""z"""', '2,"cut', '3,"text"', "4,5"]
    (problem,) = [row.problem for row in rows if row.problem]
    assert [*messages_in(problem.message)] == ["reject-csv"]


@together(("lines", "is_whole"), [(1000, True), (1001, False)])
def test_a_text_of_an_export_spans_at_most_a_thousand_lines(lines, is_whole):
    rows = [*quoted_rows(b'1,"' + b"x\n" * (lines - 1) + b'y"\n2,3\n')]
    assert (rows[0].problem is None) is is_whole
    assert rows[-1].cells == ["2", "3"]


def test_nul_bytes_within_a_line_are_escaped(tmp_path):
    found, _ = rows_of(tmp_path, "\0\ufefftime,a\n\0001,x\0y\n")
    assert [cells for _, cells, _ in found] == [{"time": "1", "a": "x\\x00y"}]
