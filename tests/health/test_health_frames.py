"""Frames of the health page: every column, from literal rows."""

import pandas as pd
import pytest
from worlds.health_world import moment as at

from watchme_analysis.health.frames import (
    baseline_comparison,
)


def observed(*rows):
    names = ("start", "route", "vantage", "duration_s", "bad", "failed", "status", "error")
    frame = pd.DataFrame([(at(second), *rest) for second, *rest in rows], columns=names)
    kinds = {"start": "datetime64[us, UTC]", "bad": bool, "failed": bool, "duration_s": "float64"}
    return frame.astype(kinds | dict.fromkeys(("route", "vantage", "error"), "string"))


def row(second, took=0.02, *, route="/a", vantage="nginx", bad=False, failed=False, status=200, error=None):
    return (second, route, vantage, took, bad, failed, status, error)


def test_an_incident_is_compared_with_all_time_around_it():
    frame = observed(
        row(0, 0.1), row(1, 0.2), row(2, None), row(50, 0.3, bad=True, failed=True),
        row(10, 4.0, bad=True), row(11, 6.0, bad=True, failed=True), row(20, 5.0),
        row(12, 0.0001, route="/b"), row(30, 0.0, route="/b"),
    )  # fmt: skip
    found = baseline_comparison(frame, at(10), at(20))
    # The baseline of /a has 0.1, 0.2 and 0.3 s; its incident, which includes its bounds, 4, 6 and 5 s.
    first, second = found.to_dict("records")
    assert first == {
        "route": "/a", "vantage": "nginx", "baseline_count": 4, "incident_count": 3, "baseline_bad": 1,
        "incident_bad": 2, "baseline_failed": 1, "incident_failed": 1, "baseline_timed": 3,
        "incident_timed": 3, "baseline_median_s": 0.2, "incident_median_s": 5.0,
        "baseline_p90_s": pytest.approx(0.28), "incident_p90_s": pytest.approx(5.8), "median_ratio": 25.0,
        "cliffs_delta": 1.0, "bad_share_change": pytest.approx(2 / 3 - 1 / 4),
    }  # fmt: skip
    # Logs count milliseconds: what took less is as quick.
    assert (second["route"], second["median_ratio"], second["bad_share_change"]) == ("/b", 1.0, 0.0)
    # Without an end the incident lasts to the end of the data.
    assert baseline_comparison(frame, at(10), None)["incident_count"].tolist() == [4, 2]
    assert baseline_comparison(frame[:0], at(10), None).empty
