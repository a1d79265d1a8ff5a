"""Logs whose rows are never held as a whole make the same case as those that are."""

import gzip

import pandas as pd
import pytest

from watchme_analysis.case.importer import import_folder


def line(at, path="/a"):
    time = f"11/Dec/2025:10:{at % 7:02}:{at * 17 % 60:02} +0900"
    return f'192.0.2.7 - - [{time}] "GET {path} HTTP/1.1" 200 {at} "-" "c"\n'


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "evidence"
    found.mkdir()
    (found / "access.log").write_text("".join(map(line, range(500))) + "\njunk\n" + line(1)[:-9])
    packed = gzip.compress("".join(line(at, f"/{at * 7919 % 1009}") for at in range(500, 9000)).encode())
    (found / "access.log.1.gz").write_bytes(packed[: len(packed) * 2 // 3])
    (found / "access-emotion.log").write_text("".join(line(at, "/ü") for at in range(300, 320)))
    (found / "access-other.log").write_text("")
    (found / "access-rubbish.log").write_text(line(3) + "rubbish\n" * 3)
    (found / "notes.txt").write_text("x")
    return found


@pytest.mark.slow
def test_spilled_rows_are_those_held(folder, tmp_path):
    held = import_folder(folder, tmp_path / "held").case
    spilled = import_folder(folder, tmp_path / "spilled", spill_from=1).case

    assert held.tables == spilled.tables
    for table in held.tables:
        pd.testing.assert_frame_equal(held.table(table), spilled.table(table))
    for name in ("rows", "start", "end", "rejected", "truncated", "files"):
        assert held.manifest["tables"]["access_log"][name] == spilled.manifest["tables"]["access_log"][name]
    assert held.manifest["window"] == spilled.manifest["window"]
    for one, other in zip(held.manifest["inputs"], spilled.manifest["inputs"], strict=True):
        assert {**one, "tables": None} == {**other, "tables": None}
        for left, right in zip(one["tables"], other["tables"], strict=True):
            assert {**left, "notes": None} == {**right, "notes": None}
    assert spilled.manifest["tables"]["access_log"]["rejected"] == len(spilled.table("rejected_lines")) >= 6
    assert sum("no line end" in note for note in spilled.manifest["tables"]["access_log"]["notes"]) == 2
    assert sorted(path.name for path in (tmp_path / "spilled").iterdir()) == ["manifest.json", "tables"]
