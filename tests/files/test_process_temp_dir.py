import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest

from watchme_analysis.files import process_temp_dir

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


def test_a_shell_of_another_session_waits_for_the_end(tmp_path, monkeypatch):
    started, registered = [], []

    def start(command, **options):
        started.append((command, options))

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(process_temp_dir.subprocess, "Popen", start)
    monkeypatch.setattr(process_temp_dir.atexit, "register", lambda *given, **named: registered.append(given))
    watchers = []
    monkeypatch.setattr(process_temp_dir, "_watchers", watchers)
    home = process_temp_dir.process_temp_dir.__wrapped__()
    assert (home.parent, home.name[:8], home.is_dir()) == (tmp_path, "watchme-", True)
    # An interrupt from the terminal must not end the shell before this process.
    ((command, options),) = started
    assert (command[:2], command[3:], options["start_new_session"]) == (["sh", "-c"], [str(home)], True)
    assert options["stdin"] == subprocess.PIPE
    assert options["stdout"] == options["stderr"] == subprocess.DEVNULL
    assert len(watchers) == 1, "its pipe is open as long as the process"
    assert registered == [(shutil.rmtree, home)]


def test_the_command_removes_the_folder_at_the_end_of_its_input(tmp_path):
    home = tmp_path / "watchme-1"
    (home / "tables").mkdir(parents=True)
    subprocess.run(["sh", "-c", process_temp_dir._REMOVE, home], stdin=subprocess.DEVNULL, check=True)
    assert not home.exists()
