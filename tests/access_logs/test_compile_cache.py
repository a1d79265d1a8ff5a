"""The folder of compiled loops, and what is compiled for a command, without compiling anything."""

import sys
from pathlib import Path

import pytest

from watchme_analysis.access_logs.engine import compile_cache


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """A folder with the sources of the loops, in the place of the package's own."""
    folder = tmp_path / "engine"
    folder.mkdir()
    for name in compile_cache._SOURCES:
        (folder / f"{name}.py").write_text(f"# {name}\n")
    monkeypatch.setattr(compile_cache, "__file__", str(folder / "compile_cache.py"))
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return folder


def cache_folder():
    return compile_cache.cache_folder.__wrapped__()


def test_compiled_loops_lie_beside_their_sources_or_where_the_user_may_write(engine, tmp_path, monkeypatch):
    beside = cache_folder()
    assert beside.parent == engine / "__pycache__"
    assert beside.name.startswith("compiled-") and len(beside.name) == len("compiled-") + 16
    monkeypatch.setattr(compile_cache.os, "access", lambda path, mode: (path, mode) != (engine, 2))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    assert cache_folder() == tmp_path / "home" / ".cache" / "watchme" / beside.name
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "watchme" / beside.name
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "numba"))
    assert cache_folder() == tmp_path / "numba" / beside.name


def test_a_change_of_any_source_is_another_folder(engine):
    folders = {cache_folder()}
    for name in compile_cache._SOURCES:
        (engine / f"{name}.py").write_text("# changed\n")
        folders.add(cache_folder())
    assert len(folders) == 1 + len(compile_cache._SOURCES)
    (engine / "engine.py").write_text("# no loop\n")
    assert cache_folder() in folders


def test_the_loop_over_lines_is_compiled_for_a_version_of_python(tmp_path, monkeypatch):
    monkeypatch.setattr(compile_cache, "cache_folder", lambda: tmp_path)
    version = f"3{sys.version_info.minor}"
    (tmp_path / "line_loop_1").mkdir()
    for name in (
        "line_loop.parse_lines-238.py399.1.nbc",
        f"line_loop.parse_lines-238.py{version}.nbi",
        f"line_loop.find_lines-12.py{version}.1.nbc",
    ):
        (tmp_path / "line_loop_1" / name).touch()
        assert compile_cache.is_compiled() is False
    (tmp_path / "line_loop_1" / f"line_loop.parse_lines-238.py{version}.1.nbc").touch()
    assert compile_cache.is_compiled() is True
