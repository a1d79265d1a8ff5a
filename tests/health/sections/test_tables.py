"""Tables of the health page: baseline against incident, connections and statuses."""

from datetime import UTC

import pandas as pd

from watchme_analysis.health.sections.tables import by_connection_table, comparison_table, status_table
from watchme_analysis.text.render import label

NAN = float("nan")


def part(some, whole):
    return label("part-of", "en", part=some, whole=whole)


def heads(*names):
    return tuple(label(f"column-{name}", "en") for name in names)


def compared(**changed):
    row = {
        "route": "/health", "vantage": "nginx", "baseline_count": 40, "incident_count": 20,
        "baseline_bad": 1, "incident_bad": 15, "incident_failed": 1200, "baseline_timed": 40,
        "incident_timed": 20, "baseline_median_s": 0.02, "incident_median_s": 5.0, "baseline_p90_s": 0.1,
        "incident_p90_s": 6.5, "median_ratio": 250.0, "cliffs_delta": 0.456,
    }  # fmt: skip
    return pd.DataFrame([row | changed])


def test_an_incident_stands_beside_its_baseline():
    shown = comparison_table(compared(), UTC)
    assert shown.rows == (
        (
            "/health", "Nginx", part(1, 40), part(15, 20), "1,200", "20 ms → 5 s", "100 ms → 6.5 s", "× 250",
            "+0.46",
        ),
    )  # fmt: skip
    assert shown.heads == heads(
        "endpoint", "vantage", "bad-baseline", "bad-incident", "of-these-failed", "median-change",
        "p90-change", "ratio-of-medians", "cliffs-delta",
    )  # fmt: skip
    assert (shown.caption, shown.note) == (label("baseline-caption", "en"), label("comparison-note", "en"))
    assert shown.numeric == {2, 3, 4, 5, 6, 7, 8}
    assert comparison_table(compared()[:0], UTC).note == label("requests-none", "en")


def test_medians_of_fewer_requests_than_the_row_counts_have_their_own_count():
    for changed in ({"baseline_timed": 39}, {"incident_timed": 19}):
        shown = comparison_table(compared(**changed), UTC)
        counts = {"baseline": 40, "incident": 20} | {
            name.removesuffix("_timed"): value for name, value in changed.items()
        }
        assert shown.rows[0][5] == f"20 ms → 5 s {label('comparison-timed', 'en', **counts)}"


def test_what_a_side_does_not_have_is_a_dash():
    unknown = {"baseline_median_s": NAN, "baseline_p90_s": NAN, "incident_p90_s": NAN}
    shown = comparison_table(compared(**unknown, median_ratio=NAN, cliffs_delta=NAN), UTC)
    assert shown.rows[0][5:] == ("– → 5 s", "–", "–", "–")


def connection(kind, route="/health", hop="to_app", **changed):
    row = {
        "hop": hop, "route": route, "connection": kind, "baseline": 30, "baseline_bad": 0, "incident": 10,
        "incident_bad": 4, "baseline_median_s": 0.002, "incident_median_s": 3.0,
    }  # fmt: skip
    return row | changed


def test_connections_have_a_row_for_each_hop_and_route():
    rows = [
        connection("not told", incident_bad=1),
        connection("new"),
        connection("kept", incident_bad=2, incident_median_s=0.004),
        connection("kept", hop="to_nginx", route="/jobs"),
    ]
    shown = by_connection_table(pd.DataFrame(rows))
    counts = [f"{part(0, 30)} → {part(bad, 10)}" for bad in (4, 2, 1)]
    assert shown.rows == (
        (label("hop-to-app", "en"), "/health", *counts, "2 ms → 3 s", "2 ms → 4 ms"),
        (label("hop-to-nginx", "en"), "/jobs", "–", counts[0], "–", "–", "2 ms → 3 s"),
    )
    assert shown.heads == heads(
        "connection", "endpoint", "bad-over-new", "bad-over-keep-alive", "bad-over-unknown",
        "median-over-new", "median-over-keep-alive",
    )  # fmt: skip
    assert shown.caption == label("by-connection-caption", "en")
    assert shown.note == label("by-connection-note", "en")
    assert shown.numeric == {2, 3, 4, 5, 6}
    none = by_connection_table(pd.DataFrame(rows)[:0])
    assert (none.rows, none.note) == ((), label("by-connection-none", "en"))


def test_statuses_have_a_column_each_with_their_counts_before_and_in_the_incident():
    frame = pd.DataFrame(
        [
            ("/health", "nginx", "baseline", "499", 1200),
            ("/health", "nginx", "incident", "499", 10),
            ("/health", "nginx", "incident", "no answer", 30),
            ("/jobs", "edge", "after", "499", 3),
            ("/jobs", "edge", "incident", "499", 5),
        ],
        columns=("route", "vantage", "phase", "status", "count"),
    )
    shown = status_table(frame)
    assert shown.rows == (("/health", "Nginx", "1,200 → 10", "0 → 30"), ("/jobs", "edge", "3 → 5", "0"))
    assert shown.heads == (*heads("endpoint", "vantage"), "499", label("status-no-answer", "en"))
    assert (shown.caption, shown.note) == (label("statuses-caption", "en"), "")
    assert shown.numeric == {2, 3}
    assert status_table(frame[:0]).note == label("requests-none", "en")
