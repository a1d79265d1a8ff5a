"""What was compiled is used as long as its sources are the same, all of them."""

import shutil
import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "watchme_analysis"
RUN = "from watchme_analysis.sources.access import gather, jit, lines; print(jit.cache_folder())"


def cache_folder(root):
    asked = subprocess.run([sys.executable, "-c", RUN], cwd=root, capture_output=True, text=True, check=True)
    return Path(asked.stdout.strip())


def test_a_change_in_any_source_is_a_new_cache(tmp_path):
    shutil.copytree(SOURCES, tmp_path / "watchme_analysis", ignore=shutil.ignore_patterns("__pycache__"))
    before = cache_folder(tmp_path)
    assert before.is_relative_to(tmp_path)
    assert cache_folder(tmp_path) == before

    vectors = tmp_path / "watchme_analysis" / "sources" / "access" / "vectors.py"
    vectors.write_text(vectors.read_text() + "\n")

    assert cache_folder(tmp_path) != before


def test_numba_keeps_its_own_folder():
    run = (
        "from numba.core import config; before = config.CACHE_DIR; "
        + RUN
        + "; print(config.CACHE_DIR == before)"
    )
    asked = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, check=True)
    assert asked.stdout.split()[-1] == "True"
