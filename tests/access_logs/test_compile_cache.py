"""The folder of compiled loops, and what is compiled for a command, without compiling anything."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from watchme_analysis.access_logs.engine import compilation, compile_cache, jit
from watchme_analysis.access_logs.engine.compilation import load_numba, load_with_less_memory


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


def test_functions_are_compiled_into_the_folder_and_numbas_own_setting_stays(monkeypatch, tmp_path):
    made = []

    def njit(**options):
        return lambda function: made.append((options, function, jit.config.CACHE_DIR)) or "compiled"

    monkeypatch.setattr(jit, "njit", njit)
    monkeypatch.setattr(jit, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(jit, "config", SimpleNamespace(CACHE_DIR="own"))
    assert jit.compiled(len) == "compiled"
    assert jit.compiled_for_little(max) == "compiled"
    assert jit.config.CACHE_DIR == "own"
    options = {"cache": True, "boundscheck": False, "_nrt": False, "forceinline": True}
    assert made == [
        (options | {"nogil": True}, len, str(tmp_path)),
        (options | {"nogil": False}, max, str(tmp_path)),
    ]

    def fails(**options):
        raise KeyError

    monkeypatch.setattr(jit, "njit", fails)
    with pytest.raises(KeyError):
        jit.compiled(len)
    assert jit.config.CACHE_DIR == "own"


def test_numba_is_loaded_without_its_optional_imports(monkeypatch):
    seen = []

    class Finder:
        """Records which modules cannot be imported while numba is loaded."""

        def find_spec(self, name, path=None, target=None):
            if name.startswith("numba"):
                seen.append({one for one in compilation._SPARED if sys.modules.get(one, one) is None})
                raise ImportError(name)

    # numba was loaded by other tests.
    for name in [name for name in sys.modules if name.partition(".")[0] in ("numba", *compilation._SPARED)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(ImportError):
        load_numba()
    assert seen == [{"scipy", "coverage"}]
    assert not set(compilation._SPARED) & set(sys.modules), "afterwards they can be imported"
    monkeypatch.setitem(sys.modules, "scipy", "loaded already")
    with pytest.raises(ImportError):
        load_numba()
    assert (seen[1], sys.modules["scipy"]) == ({"coverage"}, "loaded already")
    monkeypatch.setitem(sys.modules, "numba", "loaded already")
    load_numba()
    assert len(seen) == 2


def test_arrow_uses_the_memory_of_the_system(monkeypatch):
    pools, loaded = [], []
    monkeypatch.setattr(pa, "set_memory_pool", pools.append)
    monkeypatch.setattr(compilation, "load_numba", lambda: loaded.append(1))
    load_with_less_memory(loop=False)
    assert ([pool.backend_name for pool in pools], loaded) == (["system"], [])
    load_with_less_memory(loop=True)
    assert (len(pools), loaded) == (2, [1])


def test_the_loops_that_split_lines_are_compiled_by_an_empty_block(monkeypatch):
    from watchme_analysis.access_logs.engine import compiled_parser

    made, loaded = [], []
    monkeypatch.setattr(compilation, "load_numba", lambda: loaded.append(1))
    monkeypatch.setattr(compiled_parser, "CompiledLines", lambda *given: made.append(given))
    compilation.take_apart()
    ((program, buf, (starts, ends), _),) = made
    assert (program.log_format.name, len(buf), buf.flags.writeable) == ("combined", 64, False)
    assert (len(starts), len(ends), starts.dtype, loaded) == (0, 0, "int64", [1])


def test_the_loops_that_fill_columns_are_compiled_by_lines_of_every_kind(monkeypatch):
    from watchme_analysis.access_logs.engine import engine as engines

    loops, chunks, read = [], [], engines.Engine.read
    monkeypatch.setattr(compilation, "load_with_less_memory", lambda *, loop: loops.append(loop))
    monkeypatch.setattr(engines.Engine, "read", lambda *given: chunks.append(read(*given)))
    compilation.put_together()
    (chunk,) = chunks
    assert (loops, chunk.lines, chunk.rejected) == ([True], 15, [])
    # Of three requests, one is not ASCII, and one has control characters: both are ambiguous.
    assert chunk.reference_lines == 10
    assert chunk.table["path"].to_pylist()[:3] == ["/a", "/\\xff", None]
    assert chunk.table["request"].to_pylist()[2] is not None
    assert chunk.table["request_time_s"].to_pylist() == [0.1] * 15
