import importlib.util
import sys

import pytest

from watchme_analysis.cli.report import lab_command
from watchme_analysis.report.request import notebooks_folder


def test_lab_is_this_environments_jupyterlab():
    command = lab_command(notebooks_folder(), ("--no-browser",))
    assert command[:2] == [sys.executable, "-m"]
    assert importlib.util.find_spec(f"{command[2]}.__main__")
    assert command[3] == str(notebooks_folder())
    assert command[-1] == "--no-browser"


@pytest.mark.slow
def test_jupyterlab_asks_nobody_for_updates():
    from jupyterlab.handlers.announcements import NeverCheckForUpdate
    from jupyterlab.labapp import LabApp

    lab = LabApp()
    lab.parse_command_line(lab_command(notebooks_folder(), ())[3:])
    assert lab.check_for_updates_class is NeverCheckForUpdate
