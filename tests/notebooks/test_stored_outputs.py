"""The stored outputs of the notebooks against what their cells show now.

nbval compares the same outputs, in a kernel for each notebook; here no kernel is started, so that a number, a
cell of a table or a sentence that changes is noticed within seconds.
"""

import json

import pytest
from worlds.notebook_cells import bundle_of, run_cells

from watchme_analysis.report.request import notebooks_folder

CHECKED = "nbval-check-output"
COMPARED = {"text/plain", "text/html", "application/vnd.watchme.finding+json"}


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("name", ["health_timeout", "backlog_incident", "alarm_backtest"])
def test_cells_show_what_is_stored(name, monkeypatch):
    path = notebooks_folder() / f"{name}.ipynb"
    monkeypatch.chdir(path.parent)
    stored = [
        output["data"]
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if CHECKED in cell["metadata"].get("tags", ())
        for output in cell["outputs"]
    ]
    shown = [bundle_of(value) for value in run_cells(path, CHECKED)]
    assert len(shown) == len(stored) > 8
    for now, before in zip(shown, stored, strict=True):
        for kind in COMPARED & before.keys() & now.keys():
            value = before[kind]
            assert now[kind] == ("".join(value) if isinstance(value, list) else value)
