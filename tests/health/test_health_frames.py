"""Frames of the health page: every column, from literal rows."""

import pandas as pd
import pytest
from worlds.health_world import moment as at

from watchme_analysis.health.frames import (
    baseline_comparison,
    change_marks,
    error_counts,
)
from watchme_analysis.schema import conform, empty
from watchme_analysis.text.render import label


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


def line(second, kind, path=None, upstream=None):
    return {"file": "e.log", "time": at(second), "kind": kind, "path": path, "upstream_addr": upstream}


def test_errors_are_counted_by_kind_path_upstream_and_phase():
    rows = [line(0, "reload"), *(line(second, "refused", "/jobs/7", "a:1") for second in (12, 10, 11))]
    found = error_counts(conform("error_log", pd.DataFrame(rows)), at(10), at(20))
    assert list(found) == ["kind", "route", "upstream_addr", "phase", "count", "first", "last"]
    assert found.astype(object).where(found.notna(), None).values.tolist() == [
        ["refused", "/jobs/*", "a:1", "incident", 3, at(10), at(12)],
        ["reload", None, None, "baseline", 1, at(0), at(0)],
    ]
    assert set(error_counts(conform("error_log", pd.DataFrame(rows)))["phase"]) == {"all"}


def test_changes_of_all_logs_are_in_order_of_time():
    changes = conform(
        "changes",
        pd.DataFrame(
            [
                {
                    "time": at(9),
                    "event_name": "UpdateService",
                    "resource": "svc",
                    "user": "tanaka",
                    "read_only": False,
                },
                {"time": at(8), "event_name": "PutRule", "read_only": None},
                {"time": at(7), "event_name": "Describe", "read_only": True},
            ]
        ),
    )
    # Lines within two seconds of each other are one change.
    errors = conform(
        "error_log", pd.DataFrame([line(second, "reload") for second in (1, 3, 5.1)] + [line(2, "x")])
    )
    app = conform(
        "app_log",
        pd.DataFrame(
            [
                {"file": "a", "time": at(6), "kind": "lifecycle", "service": "svc", "message": "x"},
                {"file": "a", "time": at(4), "kind": "lifecycle", "service": None, "message": "x"},
                {"file": "a", "time": None, "kind": "lifecycle", "service": "svc", "message": "x"},
                {"file": "a", "time": at(4), "kind": "access", "service": "svc", "message": "x"},
            ]
        ),
    )
    found = change_marks(changes, errors, app)
    reload = label("mark-nginx-reload", "en")
    assert found.values.tolist() == [
        [at(1), reload, "error_log"],
        [at(4), label("mark-application", "en", service=""), "app_log"],
        [at(5.1), reload, "error_log"],
        [at(6), label("mark-service", "en", service="svc"), "app_log"],
        [at(8), label("mark-change", "en", change="PutRule", user=""), "changes"],
        [at(9), label("mark-change-by", "en", change="UpdateService svc", user="tanaka"), "changes"],
    ]
    assert list(found) == ["time", "what", "source"]
    nothing = change_marks(empty("changes"), empty("error_log"), empty("app_log"))
    assert (len(nothing), str(nothing["time"].dtype)) == (0, "datetime64[us, UTC]")
