"""Library code leaves the process of its caller unchanged; only commands change settings of their process."""

import json
import subprocess
import sys

import pytest

LINE = '192.0.2.1 - - [01/Jan/2026:00:00:00 +0000] "GET /{} HTTP/1.1" 200 5 "-" "curl"\n'
# Prints the settings before, during and after a log is read through the public functions.
READ_A_LOG = """
import gc, json, os, sys
import pyarrow as pa
import watchme_analysis
from watchme_analysis.access_logs.scan import AccessScan


def settings():
    return {
        "collects": gc.isenabled(),
        "thresholds": gc.get_threshold(),
        "excluded objects": gc.get_freeze_count(),
        "switch interval": sys.getswitchinterval(),
        "Arrow memory": pa.default_memory_pool().backend_name,
        "Arrow threads": [pa.cpu_count(), pa.io_thread_count()],
        "hidden modules": sorted(name for name, module in sys.modules.items() if module is None),
        "environment": sorted(os.environ.items()),
    }


log, engine = sys.argv[1:]
before = settings()
states = []
for chunk in AccessScan([log], engine=engine):
    states.append(settings())
frame, _ = watchme_analysis.read_access_logs([log], engine=engine)
assert len(frame) == 300
states.append(settings())
assert states, "no chunk"
print(json.dumps([before, states]))
import scipy.linalg  # was not hidden from whoever imports it later
"""


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["numba", "exact"])
def test_reading_logs_leaves_the_process_unchanged(tmp_path, engine):
    (tmp_path / "access.log").write_text("".join(LINE.format(number) for number in range(300)))
    command = [sys.executable, "-c", READ_A_LOG, str(tmp_path / "access.log"), engine]

    ran = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    before, states = json.loads(ran.stdout)
    assert [state for state in states if state != before] == []


def test_a_command_ends_without_a_last_search_for_cycles():
    code = """
import atexit, gc, sys
atexit.register(lambda: print(gc.get_freeze_count() > 10_000))  # runs after those that the command registers
sys.argv = ["watchme", "--version"]
from watchme_analysis.cli import main
main()
"""

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.splitlines()[1:] == ["True"]
