import pandas as pd
from worlds.messages import messages_in

from watchme_analysis.evidence.host_metrics import looks_like as looks_like_metrics
from watchme_analysis.evidence.host_metrics import read_host_metrics
from watchme_analysis.evidence.probes import looks_like as looks_like_probes
from watchme_analysis.evidence.probes import read_probes
from watchme_analysis.files.evidence_file import RawFile

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
