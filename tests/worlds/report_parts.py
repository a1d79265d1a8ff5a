"""Cells of small notebooks that the tests of reports run."""

import json
import tempfile

import nbformat
import pytest

from watchme_analysis.files.attachments import TAKE_AWAY_VARIABLE

ANSWER = {
    "question": "health",
    "verdict": "supported",
    "cause": "nginx_config",
    "secondary_cause": None,
    "confidence": 0.91,
    "incident": {"start": "2025-12-11T01:00:10.000+00:00", "end": None},
    "headline": "/health timed out since 10:00.",
    "facts": [{"id": "failed_requests", "value": 3, "message": "Failed requests: 3"}],
    "cause_line": "Cause found (91% sure): nginx_config.",
    "now": [{"kind": "restore", "text": "Raise the `proxy_read_timeout`."}],
    "reasons": [
        {"statement": "The proxy gives up too early.", "table": "error_log", "rows": 7, "weight": 3.0}
    ],
}
# A picture of one black pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
PARAMETERS = 'case = "../data/some"\nsince = ""\nuntil = ""\ntimezone = "Asia/Tokyo"\nendpoint = ""'


def show(data, metadata=None):
    """Source of a cell that displays a bundle of representations."""
    return f"display({data!r}, metadata={metadata or {}!r}, raw=True)"


def answer_cell(**changes):
    finding = json.loads(json.dumps(ANSWER | changes))
    return show({"application/vnd.watchme.finding+json": finding, "text/plain": "the answer"})


FIGURE = show({"image/png": PIXEL}, {"image/png": {"alt": "A dot <in> the dark", "name": "The dot"}})
TABLE = show({"text/html": "<table><caption>Numbers</caption><tr><td>" + "7" * 300 + "</td></tr></table>"})


def result(**changes):
    """A run's result, as `result.json` has it."""
    return {
        "status": "ok",
        "error": None,
        "question": "health",
        "case": "some",
        "title": "some",
        "started_at": "2025-12-11T02:00:00+00:00",
        "seconds": 3.21,
        "parameters": {"case": "/cases/some", "timezone": "Asia/Tokyo"},
        "window": {"start": "2025-12-11T01:00:00+00:00", "end": "2025-12-11T02:00:00+00:00"},
        "inputs": [{"file": "access.log", "bytes": 12, "sha256": "0" * 64}],
        "versions": {"python": "3.11"},
        "notebook": "why.ipynb",
        "figures": [],
        "diagnosis": ANSWER,
        **changes,
    }


def displayed(views):
    """Return code cells that display views as a notebook does while a report runs it."""
    make, cells = nbformat.v4, []
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as environment:
        environment.setenv(TAKE_AWAY_VARIABLE, folder)
        for view in views:
            bundle = view._repr_mimebundle_()
            data, about = bundle if isinstance(bundle, tuple) else (bundle, {})
            shown = make.new_output("display_data", data, metadata=about)
            cells.append(make.new_code_cell("look()", outputs=[shown]))
    return cells
