import pytest

from watchme_analysis.case.settings import read_settings
from watchme_analysis.errors import InputError
from watchme_analysis.text.render import render


def settings(folder, text, **options):
    (folder / "case.toml").write_text(text)
    return read_settings(folder, **options)


def test_without_a_file_times_are_utc_and_that_is_an_assumption(tmp_path):
    found = read_settings(tmp_path)
    assert (found.file, found.zone_name, found.states_zone, found.zone_is_assumed) == (
        None,
        "UTC",
        False,
        True,
    )
    given = read_settings(tmp_path, "Europe/Berlin")
    assert (given.zone_name, str(given.zone), given.zone_is_assumed) == (
        "Europe/Berlin",
        "Europe/Berlin",
        False,
    )
    assert found.of_readers["zone_is_assumed"]
    assert "log_format" not in found.of_readers


def test_the_file_wins_over_the_zone_that_is_given(tmp_path):
    found = settings(tmp_path, 'title = "t"\ntime_zone = "Asia/Tokyo"\nlog_format = "f"', zone_name="UTC")
    assert (found.title, found.zone_name, found.states_zone, found.zone_is_assumed) == (
        "t", "Asia/Tokyo", True, False,
    )  # fmt: skip
    assert found.of_readers["log_format"] == "f"
    assert settings(tmp_path, 'title = "t"', zone_name="Asia/Tokyo").states_zone is False
    both = settings(tmp_path, 'title = { en = "night", ja = "夜" }').title
    assert (both, render(both, "ja")) == ("night", "夜")


def test_bounds_without_a_zone_are_of_the_zone_of_the_case(tmp_path):
    window = '[window]\nstart = "2026-03-02T10:00"\nend = 2026-03-02T12:00:00\n'
    found = settings(tmp_path, f'time_zone = "Asia/Tokyo"\nwork_time_zone = "Asia/Seoul"\n{window}')
    assert found.window == {"start": "2026-03-02T01:00:00+00:00", "end": "2026-03-02T03:00:00+00:00"}
    assert found.work_items.time_zone == "Asia/Seoul"
    offset = settings(tmp_path, window.replace("12:00:00", "12:00:00+01:00"))
    assert offset.window["end"] == "2026-03-02T11:00:00+00:00"


def test_files_are_named_with_their_kinds(tmp_path):
    (tmp_path / "export.txt").write_text("")
    assert settings(tmp_path, '[files]\n"export.txt" = "access.log"').kinds == {"export.txt": "access.log"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title =", "can't be read"),
        ("titel = 1", "has no setting titel"),
        ('title = { en = "night" }', "title is neither"),
        ('time_zone = "Mars/Olympus"', "Mars/Olympus"),
        ('work_time_zone = "Mars/Olympus"', "Mars/Olympus"),
        ('files = "access.log"', r"\[files\] holds lines"),
        ("[files]\na = 1", r"\[files\] holds lines"),
        ('[files]\n"gone.txt" = "access.log"', r"names the file 'gone\.txt', which is not in"),
        ('[window]\nstart = "2026-03-02"', r"\[window\] holds start and end"),
    ],
)
def test_a_wrong_setting_is_refused(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        settings(tmp_path, text)
