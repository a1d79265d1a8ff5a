import subprocess
import sys

from watchme_analysis.cli_report import lab_command
from watchme_analysis.report.request import notebooks_folder


def test_lab_is_this_environments_jupyterlab():
    command = lab_command(notebooks_folder(), ("--version",))
    assert command[0] == sys.executable
    assert str(notebooks_folder()) in command
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0
