"""Metrics of a host: a row for each value, and what became none."""

import pandas as pd
from worlds.messages import messages_in

from watchme_analysis.evidence.host_metrics import read_host_metrics
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.text.message import message_of

FIRST, SECOND = pd.Timestamp("2025-12-11T01:10:00Z"), pd.Timestamp("2025-12-11T01:10:01Z")


def read(folder, text, name="metrics-api.csv"):
    (folder / name).write_text(text)
    return read_host_metrics(RawFile(folder, name))


def rows(frame):
    found = frame.astype(object).where(frame.notna(), None)
    return found[["time", "metric", "value"]].to_numpy().tolist()


def notes_of(notes):
    return [next(iter(messages_in(message_of(each)).items())) for each in notes]


def test_a_row_for_each_value_of_each_sample(tmp_path):
    text = "timestamp,cpu,words,,rss\n1765415400,1.5,a,x,\n2025-12-11T01:10:01Z,-,b,,7\n"
    text += "never,1,c,,1\n1765415400,x,,,2"
    frame, how = read(tmp_path, text)
    assert rows(frame) == [
        [FIRST, "cpu", 1.5],
        [FIRST, "rss", None],
        [SECOND, "cpu", None],
        [SECOND, "rss", 7.0],
        [FIRST, "rss", 2.0],
    ]
    assert set(frame["service"]) == {"api"}
    assert set(frame["file"]) == {"metrics-api.csv"}
    assert [(item.line, next(iter(messages_in(message_of(item.reason))))) for item in how.rejected] == [
        (4, "reject-no-time"),
        (5, "problem-of"),
    ]
    assert notes_of(how.notes) == [
        ("note-samples", {"samples": 3, "lines": 4}),
        ("note-no-line-end", {}),
        ("note-column-without-name", {}),
        ("note-columns-without-numbers", {"columns": ["words"]}),
    ]
    assert (how.start, how.end) == (FIRST, SECOND)


def test_the_columns_metric_and_value(tmp_path):
    frame, how = read(
        tmp_path, "time,metric,value,host\n1765415400,cpu,1,a\n1765415401,rss,,a\n", "metrics.csv"
    )
    assert rows(frame) == [[FIRST, "cpu", 1.0], [SECOND, "rss", None]]
    assert set(frame["service"].fillna("")) == {""}
    assert [name for name, _ in notes_of(how.notes)] == ["note-samples", "note-columns-without-numbers"]
