"""Written lines, hostile ones among them, read back cell by cell; the benchmark does so with two million."""

import gzip

import pytest
from worlds.access_log_lines import differences, write_log

from watchme_analysis.access_logs.engine.engine import ENGINES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Fifty thousand lines: several blocks of every kind of line."""
    path = tmp_path_factory.mktemp("proof") / "access.log"
    write_log(path, 50_000)
    return path


@pytest.mark.parametrize("engine", [name for name in ENGINES[1:] if name != "exact"])
def test_nothing_is_lost_and_nothing_wrong(engine, log):
    assert differences(log, engine) == []


def test_the_exact_way_loses_nothing_either(tmp_path):
    path = tmp_path / "access.log"
    write_log(path, 10_000)
    assert differences(path, "exact") == []


def test_a_packed_copy_reads_the_same(log):
    packed = log.with_suffix(".log.gz")
    packed.write_bytes(gzip.compress(log.read_bytes(), 1))
    assert differences(packed, "numba", log) == []
