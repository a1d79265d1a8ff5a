"""What was compiled is used as long as its sources are the same, all of them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from worlds.access_log_lines import FORMAT, log_lines

SOURCES = Path(__file__).parents[2] / "watchme_analysis"
RUN = (
    "import sys; from watchme_analysis.access_logs.engine.compile_cache import cache_folder, is_compiled; "
    "print(cache_folder()); print(is_compiled()); assert 'numba' not in sys.modules"
)


def run(code, root=None):
    further = {"cwd": root, "capture_output": True}
    requested = subprocess.run([sys.executable, "-"], input=code, text=True, check=True, **further)
    return requested.stdout.splitlines()


@pytest.mark.slow
def test_a_change_in_any_source_is_a_new_cache(tmp_path):
    shutil.copytree(SOURCES, tmp_path / "watchme_analysis", ignore=shutil.ignore_patterns("__pycache__"))
    before, is_compiled = run(RUN, tmp_path)
    folder = Path(before)
    assert folder.is_relative_to(tmp_path)
    assert is_compiled == "False"
    (folder / "access").mkdir(parents=True)
    (folder / "access" / f"line_loop.parse_lines-1.py3{sys.version_info.minor}.1.nbc").touch()
    assert run(RUN, tmp_path) == [before, "True"]

    source = tmp_path / "watchme_analysis" / "access_logs" / "engine" / "addresses.py"
    source.write_text(source.read_text() + "\n")

    after, is_compiled = run(RUN, tmp_path)
    assert (after != before, is_compiled) == (True, "False")


@pytest.mark.slow
def test_what_a_log_needs_is_compiled_apart_and_its_lines_before_arrow_is_loaded():
    text = b"\n".join(one.data for one in log_lines(4000) if len(one.data) < 1000)[-400_000:]
    text = text[text.index(b"\n") + 1 :]
    code = f"""
import sys
from numba.core import config
folder = config.CACHE_DIR
from watchme_analysis.access_logs.engine import column_loops, compilation, compile_cache, line_loop
compilation.take_apart()
print(config.CACHE_DIR == folder, compile_cache.is_compiled(), "pyarrow" in sys.modules)
compilation.put_together()
loops = [one for one in vars(column_loops).values() if hasattr(one, "signatures")]
functions = [line_loop.parse_lines, *loops]
def compiled():
    return {{one.__name__: len(one.signatures) for one in functions}}
before = compiled()
from watchme_analysis.access_logs.engine.engine import Engine
from watchme_analysis.access_logs.formats.log_format import compile_format
from datetime import UTC
Engine([compile_format({FORMAT!r})], UTC).read({text!r})
print(before == compiled(), all(before[one] for one in ("parse_lines", "copy_texts", "insert_texts")))
"""
    assert run(code) == ["True True False", "True True"]
