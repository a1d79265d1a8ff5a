import importlib.util
import sys

from jupyterlab.handlers.announcements import NeverCheckForUpdate
from jupyterlab.labapp import LabApp

from watchme_analysis.cli.report import lab_command
from watchme_analysis.report.request import notebooks_folder


def test_lab_is_this_environments_jupyterlab():
    command = lab_command(notebooks_folder(), ("--no-browser",))
    assert command[:2] == [sys.executable, "-m"]
    assert importlib.util.find_spec(f"{command[2]}.__main__")
    assert command[3] == str(notebooks_folder())
    assert command[-1] == "--no-browser"


def test_jupyterlab_asks_nobody_for_updates():
    lab = LabApp()
    lab.parse_command_line(lab_command(notebooks_folder(), ())[3:])
    assert lab.check_for_updates_class is NeverCheckForUpdate
