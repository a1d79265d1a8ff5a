"""Files of probes: known by their header, and read with every line accounted for."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from watchme_analysis.evidence.probes import is_success, read_probes
from watchme_analysis.files.evidence_file import RawFile

HEADER = "timestamp,vantage,path,status,seconds,error"


def raw(folder, text, name="probes.csv"):
    (folder / name).write_text(text)
    return RawFile(folder, name)


def test_a_failed_probe_has_no_status_and_a_line_without_a_time_is_rejected(tmp_path):
    lines = (
        "1765415400.25,outside,/health,,5.0,timeout",
        "1765415401,inside,/health,200,0.2,",
        "never,a,/,,,",
    )
    frame, retrieval = read_probes(raw(tmp_path, "\n".join((HEADER, *lines)) + "\n"))
    assert frame["vantage"].tolist() == ["outside", "inside"]
    assert frame["status"].isna().tolist() == [True, False]
    assert frame["error"].isna().tolist() == [False, True]
    assert frame["duration_s"].tolist() == [5.0, 0.2]
    assert frame["line"].tolist() == [2, 3]
    assert [item.line for item in retrieval.rejected] == [4]


def test_a_check_succeeds_with_a_status_of_200_to_299_and_without_an_error():
    outcomes = [(200, None), (299, None), (None, None), (199, None), (302, None), (200, "timeout")]
    assert [is_success(*outcome) for outcome in outcomes] == [True, True, False, False, False, False]


def test_a_probe_without_an_offset_has_the_zone_stated(tmp_path):
    times = ("2025-12-11 10:10:00", "2025-12-11T01:10:00Z", "1765415400")
    file = raw(tmp_path, "\n".join((HEADER, *(f"{time},inside,/,200,0.2," for time in times))) + "\n")
    frame, _ = read_probes(replace(file, zone=ZoneInfo("Asia/Tokyo")))
    assert {time.to_pydatetime() for time in frame["time"]} == {datetime(2025, 12, 11, 1, 10, tzinfo=UTC)}
