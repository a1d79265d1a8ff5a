"""Temporary files and folders of killed processes are removed, those of running processes are kept."""

import signal
import subprocess
import sys
import time

import pytest

from watchme_analysis.storage.leftovers import (
    FORMER,
    PART,
    remove_leftovers,
    temporary_path,
)

WRITER = """
import sys, time
from pathlib import Path
from watchme_analysis.storage.leftovers import in_use, temporary_path
path = temporary_path(Path(sys.argv[1]))
path.mkdir()
with in_use(path):
    print(path, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def long_ago(monkeypatch):
    """Treat every file as made long ago."""
    monkeypatch.setattr(time, "time", lambda now=time.time: now() + 3600)


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


def test_a_link_in_the_place_of_a_former_result_stays(tmp_path, long_ago):
    temporary_path(tmp_path / "page", FORMER).write_text("old")
    (tmp_path / "page").symlink_to(tmp_path / "nowhere")
    remove_leftovers(tmp_path)
    assert names(tmp_path) == ["page"] and (tmp_path / "page").is_symlink()
