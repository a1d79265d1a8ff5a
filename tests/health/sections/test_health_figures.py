"""What the figures of the health page show, by their panels, words and descriptions."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from watchme_analysis.health.sections.figures import plot_in_flight
from watchme_analysis.health.sections.timeline import plot_health_timeline
from watchme_analysis.present import style
from watchme_analysis.schema import conform, empty
from watchme_analysis.text.message import message
from watchme_analysis.text.render import label
from watchme_analysis.window import Window

START = datetime(2026, 3, 2, 4, tzinfo=UTC)


def at(second):
    return START + timedelta(seconds=second)


SPAN = style.AxisSpan(Window(START, at(60)), UTC, (at(20), at(40)))


def observed(*rows):
    names = ("start", "route", "vantage", "phase", "duration_s", "failed")
    frame = pd.DataFrame([(at(second), *rest) for second, *rest in rows], columns=names)
    return frame.astype({"start": "datetime64[us, UTC]", "duration_s": "Float64", "failed": bool})


REQUESTS = observed(
    (0, "/health", "nginx", "baseline", 0.02, False),
    (1, "/health", "nginx", None, 0.04, False),
    (2, "/health", "nginx", "incident", 5.0, True),
    (3, "/health", "outside", "baseline", 0.0, False),
    (4, "/jobs", "edge", "incident", 0.3, False),
    (5, "/jobs", "edge", "incident", None, False),
)


def titles(picture):
    return [axis.get_title(loc="left") for axis in picture.figure.axes]


OPENED = pd.DataFrame(
    [(10, "192.0.2.11:8100", "/health", 1), (30, "192.0.2.11:8100", "/jobs", 1500)],
    columns=["time", "upstream", "route", "in_flight"],
)
OPENED["time"] = pd.to_datetime([at(second) for second in OPENED["time"]], utc=True)


def in_flight(opened, load, lag):
    return plot_in_flight(opened, REQUESTS, (message("load-in-process"), load), ("/health", lag), SPAN)


def test_panels_without_data_give_the_reason():
    picture = in_flight(OPENED[:0], pd.Series(dtype="float64", index=pd.to_datetime([], utc=True)), None)
    assert {label(f"in-flight-{reason}", "en") for reason in ("no-log", "no-load")} <= {*picture.words}
    assert label("latency-too-few", "en") in picture.alt


def timeline(rows, **side):
    tables = {name: empty(name) for name in ("error_log", "app_log", "host_metrics")}
    for name, given in side.items():
        tables[name] = conform(name, pd.DataFrame([{**row, "time": at(row["time"])} for row in given]))
    return plot_health_timeline(rows, tables, SPAN, ["/health"])


ONE_LINE = {"time": 5, "kind": "application", "message": "x"}


@pytest.mark.parametrize(
    ("side", "absent"),
    [
        ({"app_log": [ONE_LINE]}, "nginx"),
        ({"error_log": [{"time": 1, "kind": "reload"}]}, "app"),
        ({"host_metrics": [{"time": 1, "metric": "cpu_pct", "value": 1.0}]}, "nginx-app"),
    ],
)
def test_the_timeline_names_the_logs_that_are_missing(side, absent):
    picture = timeline(REQUESTS[:0], **side)
    assert label(f"panel-events-without-{absent}", "en") in titles(picture)
    assert {label(f"absent-{name}", "en") for name in ("probes", "edge-log", "nginx-log")} <= {*picture.words}


def test_a_case_without_any_of_it_gives_the_reason():
    reason = label("health-timeline-empty", "en")
    assert timeline(REQUESTS[:0]).alt == label("figure-none", "en", reason=reason)
