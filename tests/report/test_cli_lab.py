import importlib.util
import sys

from watchme_analysis.cli_report import lab_command
from watchme_analysis.report.request import notebooks_folder


def test_lab_is_this_environments_jupyterlab():
    command = lab_command(notebooks_folder(), ("--no-browser",))
    assert command[:2] == [sys.executable, "-m"]
    assert importlib.util.find_spec(f"{command[2]}.__main__")
    assert command[3:] == [str(notebooks_folder()), "--no-browser"]
