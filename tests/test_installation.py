"""Libraries that are not installed, limits that are no numbers, and reasons of errors."""

from dataclasses import fields

import pytest
from worlds.messages import messages_in

from watchme_analysis import installation
from watchme_analysis.errors import (
    AccountingError,
    InputError,
    RetryableServiceError,
    ServiceError,
    WatchmeError,
    reason_of,
)
from watchme_analysis.installation import require
from watchme_analysis.limits import LIMIT_KEYS, Limits


def test_libraries_of_an_extra(monkeypatch):
    monkeypatch.setitem(installation.EXTRAS, "lab", ("json", "no_library_a", "no_library_b"))
    require("report", "reports")
    with pytest.raises(InputError) as raised:
        require("lab", "reports")
    assert messages_in(raised.value.args[0]) == {
        "error-extra-missing": {
            "purpose": "reports",
            "packages": "no_library_a, no_library_b",
            "missing": 2,
            "command": "python3 tasks.py setup",
        }
    }


def test_limits_are_whole_numbers_from_one():
    assert Limits.from_dict({"lines": 1, "rows": 7}) == Limits(lines=1, rows=7)
    for wrong in (0, -1, True, 1.5, "5", None):
        with pytest.raises(ValueError, match="a whole number from 1"):
            Limits.from_dict({"lines": 5, "rows": wrong})
    assert tuple(field.name for field in fields(Limits)) == LIMIT_KEYS


def test_reasons_of_errors_are_one_line():
    assert reason_of(RecursionError("maximum depth")) == "it is nested too deeply"
    assert reason_of(FileNotFoundError(2, "No such file", "x")) == "No such file"
    assert reason_of(OSError("  gone \n away.")) == "gone away"
    assert reason_of(ValueError("bad.\n")) == "bad"
    assert WatchmeError("a")._render_traceback_() == ["WatchmeError: a"]
    assert [kind.retryable for kind in (ServiceError, RetryableServiceError, AccountingError)] == [
        False,
        True,
        False,
    ]
