import signal
import subprocess
import sys
import time

import pytest

OPEN = """
import sys, time
from watchme_analysis.case.opening import open_case
print(open_case(sys.argv[1]).path, open_case(sys.argv[1]).path, flush=True)
time.sleep(float(sys.argv[2]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("end", [None, signal.SIGKILL])
def test_what_was_imported_for_a_process_goes_with_it(end, evidence, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.delenv("WATCHME_IMPORTS", raising=False)
    (tmp_path / "scratch").mkdir()
    command = [sys.executable, "-c", OPEN, str(evidence), "0" if end is None else "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        first, second = process.stdout.readline().split()
        assert first == second, "what has not changed is imported once"
        assert first.startswith(str(tmp_path / "scratch" / "watchme-"))
        if end is not None:
            process.send_signal(end)
    deadline = time.monotonic() + 20
    while list((tmp_path / "scratch").iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list((tmp_path / "scratch").iterdir()) == []
