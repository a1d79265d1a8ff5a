"""Logs whose rows are never held as a whole make the same case as those that are."""

import gzip
import json

import pandas as pd
import pytest

from watchme_analysis.case import time_order
from watchme_analysis.case.importer import SPILL_FROM, import_folder
from watchme_analysis.case.time_order import write_sorted
from watchme_analysis.errors import CaseError
from watchme_analysis.files.evidence_file import RawFile, Spill
from watchme_analysis.schema import conform


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


@pytest.mark.slow
def test_spilling_twice_gives_the_same_bytes(folder, tmp_path):
    cases = [import_folder(folder, tmp_path / name, spill_from=1).case for name in ("one", "two")]

    assert cases[0].manifest["tables"] == cases[1].manifest["tables"]
    assert not import_folder(folder, tmp_path / "one").changed


@pytest.mark.slow
def test_rejected_lines_beyond_those_kept_are_counted(tmp_path):
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "access.log").write_text(line(1) + "rubbish\n" * 10_050)

    case = import_folder(tmp_path / "evidence", tmp_path / "case", spill_from=1).case

    entry = case.manifest["tables"]["access_log"]
    assert (entry["rows"], entry["rejected"], entry["truncated"]) == (1, 10_050, True)
    assert len(case.table("rejected_lines")) == 10_000
    assert (
        json.loads((case.path / "manifest.json").read_text())["inputs"][0]["tables"][0]["rejected"] == 10_050
    )


@pytest.mark.parametrize(
    ("data", "large"),
    [
        (b"x" * 1000, True),
        (b"x" * 999, False),
        (gzip.compress(b"x" * 99, 0), True),
        (gzip.compress(b"x" * 9, 0), False),
    ],
    ids=["plain", "small", "packed", "small and packed"],
)
def test_what_is_large(tmp_path, data, large):
    (tmp_path / "access.log").write_bytes(data)

    assert RawFile(tmp_path, "access.log", spill=Spill(tmp_path, 1000)).is_large == large
    assert not RawFile(tmp_path, "access.log").is_large
    assert SPILL_FROM > 1000


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_the_head_of_a_large_file_is_all_that_is_read(tmp_path, pack):
    data = "".join(map(line, range(5000))).encode()
    (tmp_path / "access.log").write_bytes(pack(data))
    raw = RawFile(tmp_path, "access.log", spill=Spill(tmp_path, 1))

    assert raw.head(700) == data[:700]
    assert "content" not in vars(raw)


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("rows", [1, 7, 100])
def test_rows_are_in_order_whatever_is_held_at_a_time(tmp_path, monkeypatch, rows):
    monkeypatch.setattr(time_order, "STRETCH_ROWS", rows)
    # Half of the times are whole seconds, at which one stretch ends and the next begins.
    times = [
        pd.Timestamp("2025-12-11T01:00:00Z") + pd.Timedelta(milliseconds=at * 3500 % 9000) for at in range(60)
    ]
    made = [
        {"file": str(at % 2), "line": at, "time": None if at % 10 == 3 else times[at]} for at in range(60)
    ]
    frame = conform("access_log", pd.DataFrame(made))
    for part in (0, 1):
        some = frame[frame["file"] == str(part)]
        some.to_parquet(tmp_path / f"{part}.parquet", index=False)

    found = write_sorted(
        "access_log", [tmp_path / "0.parquet", tmp_path / "1.parquet"], tmp_path / "out.parquet"
    )

    expected = frame.sort_values(["file"], kind="stable").sort_values(
        "time", kind="stable", ignore_index=True
    )
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out.parquet"), expected)
    assert found == (60, expected["time"].min(), expected["time"].max())


def test_parts_that_can_not_be_read_are_one_sentence(tmp_path):
    (tmp_path / "part.parquet").write_bytes(b"none")

    with pytest.raises(CaseError, match="'access_log' can't be written"):
        write_sorted("access_log", [tmp_path / "part.parquet"], tmp_path / "out.parquet")
