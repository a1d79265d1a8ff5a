"""Zones of times without a zone: stated, read from a log beside, or assumed and named."""

from datetime import UTC, datetime

import pytest

from watchme_analysis.case.importer import import_folder
from watchme_analysis.present.console import import_text

ACCESS = '192.0.2.7 - - [27/Nov/2026:23:26:03 {}] "GET /health HTTP/1.1" 504 167 "-" "curl"\n'
ERROR = "2026/11/27 23:26:03 [error] 31#31: *7 upstream timed out (110: Connection timed out)\n"
APP = "2026-11-28 08:56:10,471 INFO [17] uvicorn.error: Application startup complete.\n"


def imported(tmp_path, files, **options):
    folder = tmp_path / "evidence"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return import_folder(folder, tmp_path / "case", **options).case


def error_time(case):
    return case.table("error_log")["time"].iloc[0].to_pydatetime()


def assumed(case):
    return {
        entry["file"]: entry["assumed_zone"] for entry in case.manifest["inputs"] if "assumed_zone" in entry
    }


def notes_on_zone(case):
    return [note for note in case.manifest["tables"]["error_log"]["notes"] if "zone" in note]


@pytest.mark.parametrize("offset", ["-0930", "+0900", "+0545"])
def test_an_error_log_has_the_zone_of_the_access_log_of_the_same_nginx(tmp_path, offset):
    case = imported(tmp_path, {"access.log": ACCESS.format(offset), "error.log": ERROR, "app.log": APP})

    assert error_time(case) == case.table("access_log")["time"].iloc[0].to_pydatetime()
    assert len(notes_on_zone(case)) == 1 and "access.log" in notes_on_zone(case)[0]
    # A container has its own clock.
    assert assumed(case) == {"app.log": "UTC"}
    assert "app.log: times without a zone were read as UTC" in " ".join(
        import_text(case.manifest, UTC).split()
    )


@pytest.mark.slow
def test_a_zone_that_is_stated_counts_more_than_that_of_a_log_beside(tmp_path):
    files = {"access.log": ACCESS.format("-0930"), "error.log": ERROR}
    requested = imported(tmp_path, files, zone_name="Asia/Tokyo")

    assert error_time(requested) == datetime(2026, 11, 27, 14, 26, 3, tzinfo=UTC)
    assert not assumed(requested)
    # The same files with another statement are another case.
    default = imported(tmp_path, files)
    assert error_time(default) == datetime(2026, 11, 28, 8, 56, 3, tzinfo=UTC)
    utc = imported(tmp_path, files, zone_name="UTC")
    assert error_time(utc) == datetime(2026, 11, 27, 23, 26, 3, tzinfo=UTC)
    settled = imported(tmp_path, {**files, "case.toml": 'time_zone = "Europe/Berlin"\n'})
    assert error_time(settled) == datetime(2026, 11, 27, 22, 26, 3, tzinfo=UTC)
    assert not assumed(settled)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"access.log": ACCESS.format("-0930"), "access.log.1": ACCESS.format("+0100")},
        {"access.log": '{"time":"2026-11-28T08:56:03Z","status":200,"uri":"/"}\n'},
    ],
)
def test_an_error_log_without_one_offset_beside_it_is_read_in_the_assumed_zone(tmp_path, files):
    case = imported(tmp_path, {**files, "error.log": ERROR})

    assert error_time(case) == datetime(2026, 11, 27, 23, 26, 3, tzinfo=UTC)
    assert assumed(case) == {"error.log": "UTC"}
