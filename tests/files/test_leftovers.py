"""Temporary files and folders of killed processes are removed, those of running processes are kept."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from worlds.together import together

from watchme_analysis.files import leftovers
from watchme_analysis.files.leftovers import (
    FORMER,
    PART,
    in_use,
    is_temporary_name,
    remove_leftovers,
    temporary_path,
)

WRITER = """
import sys, time
from pathlib import Path
from watchme_analysis.files.leftovers import in_use, temporary_path
path = temporary_path(Path(sys.argv[1]))
path.mkdir()
with in_use(path):
    print(path, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def long_ago(monkeypatch):
    """Treat every file as made long ago."""
    monkeypatch.setattr(leftovers, "_NEW_S", 0.0)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
def test_the_folder_of_a_killed_process_is_removed_and_that_of_a_running_one_is_not(tmp_path, long_ago):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path / "case"], stdout=subprocess.PIPE, text=True
    )
    try:
        made = writer.stdout.readline().strip()
        remove_leftovers(tmp_path)
        assert [str(path) for path in tmp_path.iterdir()] == [made]
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
    remove_leftovers(tmp_path)
    assert names(tmp_path) == []


def test_a_folder_made_just_now_is_kept_because_its_process_may_not_have_locked_it_yet(tmp_path):
    path = temporary_path(tmp_path / "case")
    path.mkdir()
    remove_leftovers(tmp_path)
    assert names(tmp_path) == [path.name]


def test_other_names_are_never_removed(tmp_path, long_ago):
    others = [".case-0123abcd.part", ".case", "case-0123abcd.watchme-part", f".case{PART}", f".a-xyz{PART}"]
    for name in others:
        (tmp_path / name).write_text("another's")
    kept = tmp_path / "elsewhere"
    kept.mkdir()
    link = temporary_path(tmp_path / "case")
    link.symlink_to(kept)
    remove_leftovers(tmp_path)
    assert names(tmp_path) == sorted([*others, "elsewhere", link.name])


@pytest.mark.parametrize("is_replaced", [True, False])
def test_a_former_result_returns_to_its_place_if_that_is_empty(tmp_path, long_ago, is_replaced):
    former = temporary_path(tmp_path / "case", FORMER)
    former.mkdir()
    (former / "old").write_text("")
    if is_replaced:
        (tmp_path / "case").mkdir()
        (tmp_path / "case" / "new").write_text("")
    remove_leftovers(tmp_path)
    assert names(tmp_path) == ["case"]
    assert names(tmp_path / "case") == ["new" if is_replaced else "old"]


def test_a_file_in_use_is_kept(tmp_path, long_ago):
    path = temporary_path(tmp_path / "page.html")
    path.write_text("")
    with in_use(path):
        remove_leftovers(tmp_path)
        assert names(tmp_path) == [path.name]
    remove_leftovers(tmp_path)
    assert names(tmp_path) == []


@together(
    ("name", "is_one"),
    [
        (f".case-0123abcd{PART}", True),
        (f".a-b.html-0123abcd{FORMER}", True),
        (f".case-0123abcd{PART}x", False),
        (f"case-0123abcd{PART}", False),
        (f".-0123abcd{PART}", False),
        (f".case-0123ABCD{PART}", False),
    ],
)
def test_a_temporary_name_is_known_by_its_form(name, is_one):
    assert is_temporary_name(name) is is_one


def test_temporary_names_are_hidden_beside_their_target_and_differ(tmp_path):
    one, other = temporary_path(tmp_path / "case"), temporary_path(tmp_path / "case")
    assert one != other and one.parent == tmp_path and one.name.endswith(PART)
    assert is_temporary_name(one.name) and is_temporary_name(temporary_path(one, FORMER).name)


@together(("age_s", "is_kept"), [(59.0, True), (60.5, False)])
def test_what_is_new_is_kept_for_a_minute(age_s, is_kept):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = temporary_path(Path(folder, "page"))
        path.write_text("")
        patch.setattr(leftovers.time, "time", lambda: path.stat().st_ctime + age_s)
        remove_leftovers(Path(folder))
        assert path.exists() is is_kept


def test_a_former_file_and_a_part_of_a_folder_are_told_apart(tmp_path, long_ago):
    former, part = temporary_path(tmp_path / "page", FORMER), temporary_path(tmp_path / "case")
    former.write_text("old")
    part.mkdir()
    (part / "half").write_text("")
    before = names(Path("/proc/self/fd"))
    remove_leftovers(tmp_path)
    assert names(tmp_path) == ["page"]
    assert (tmp_path / "page").read_text() == "old"
    # The locks are released.
    assert len(names(Path("/proc/self/fd"))) == len(before)
    remove_leftovers(tmp_path / "missing")


def test_a_link_in_the_place_of_a_former_result_stays(tmp_path, long_ago):
    temporary_path(tmp_path / "page", FORMER).write_text("old")
    (tmp_path / "page").symlink_to(tmp_path / "nowhere")
    remove_leftovers(tmp_path)
    assert names(tmp_path) == ["page"] and (tmp_path / "page").is_symlink()
