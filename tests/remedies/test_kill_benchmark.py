"""The command of docs/generated/kills.md that kills remedies runs to its end."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.slow
def test_kill_benchmark_prints_a_row_of_each_remedy(tmp_path):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    ended = subprocess.run(
        [sys.executable, "benchmarks/run.py", "kills", "--kills", "1"],
        cwd=ROOT, capture_output=True, text=True, check=False, env=environ | {"HOME": str(tmp_path)},
    )  # fmt: skip
    assert not [*tmp_path.rglob("*")], "the benchmark writes to the home folder of its user"
    page = (ROOT / "docs/generated/kills.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| (\S+) \| \d+ \|", page, re.MULTILINE)
    rows = [line.split() for line in ended.stdout.splitlines()]
    trials = {row[0]: (row[1], row[4]) for row in rows if len(row) == 5 and row[1] == "1"}
    assert {name.lower() for name in documented} == trials.keys(), ended.stderr
    assert (set(trials.values()), ended.returncode) == ({("1", "none")}, 0)
