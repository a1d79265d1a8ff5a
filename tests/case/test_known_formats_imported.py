"""`watchme access` and `case import` read the same formats: each sample line is a row."""

import pytest

from watchme_analysis.access_logs.formats.known_formats import known_formats
from watchme_analysis.case.importer import recognise
from watchme_analysis.files.evidence_file import RawFile

SAMPLES = [
    pytest.param(known, sample, id=f"{known.name}-{number}")
    for known in known_formats()
    for number, sample in enumerate(known.entry["samples"])
]


@pytest.mark.parametrize(("known", "sample"), SAMPLES)
def test_a_case_reads_each_sample(tmp_path, known, sample):
    (tmp_path / "found.txt").write_text(sample["line"] + "\n")
    raw = RawFile(tmp_path, "found.txt")
    source, _ = recognise(raw, None)
    (part,) = source.read(raw)
    row = part.frame.iloc[0].to_dict()

    assert part.table == {"application": "app_log"}.get(known.layer, source.tables[0])
    if part.table == "app_log":
        assert row["kind"] == "access"
    for column in ("status", "path", "method"):
        if column in sample:
            assert row[column] == sample[column]


EMPTY = ("", "{}", "[]", "null\n")


@pytest.mark.parametrize("content", EMPTY)
def test_an_empty_output_of_another_name_is_no_evidence(tmp_path, content):
    (tmp_path / "found.json").write_text(content)

    assert recognise(RawFile(tmp_path, "found.json"), None)[0] is None
