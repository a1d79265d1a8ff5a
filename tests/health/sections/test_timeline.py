"""The timeline of a health question, read from its axes without drawing a picture."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from worlds.figure_marks import bars, labels, legend, lines, texts, undrawn

from watchme_analysis.health.sections.timeline import plot_health_timeline
from watchme_analysis.present import style
from watchme_analysis.schema import conform, empty
from watchme_analysis.text.render import label
from watchme_analysis.window import Window

START = datetime(2026, 3, 2, 4, tzinfo=UTC)
SPAN = style.AxisSpan(Window(START, START + timedelta(seconds=60)), UTC)
BLUE, GREEN, GREY, PURPLE, RED, SKY = (
    style.BLUE, style.GREEN, style.GREY, style.PURPLE, style.RED, style.SKY,
)  # fmt: skip


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    monkeypatch.setattr(style, "finish", undrawn)


def at(second):
    return START + timedelta(seconds=second)


def observed(*rows):
    names = ("start", "vantage", "route", "duration_s", "failed")
    frame = pd.DataFrame([(at(second), *rest) for second, *rest in rows], columns=names)
    return frame.astype({"start": "datetime64[us, UTC]", "duration_s": "Float64", "failed": bool})


def tables(**rows):
    """The tables beside the requests; rows begin with their second."""
    found = {name: empty(name) for name in ("error_log", "app_log", "host_metrics")}
    return found | {
        name: conform(name, pd.DataFrame([{**row, "time": at(row["time"])} for row in given]))
        for name, given in rows.items()
    }


def timeline(rows=None, span=SPAN, routes=(), **side):
    """Return the figure and its panels: probes, edge, Nginx, events, then one a metric."""
    bins = {"bins": side.pop("bins")} if "bins" in side else {}
    rows = observed() if rows is None else rows
    picture = plot_health_timeline(rows, tables(**side) | bins, span, routes)
    return picture, picture.figure.axes


def title(axis):
    return axis.get_title(loc="left")


def requests_title(layer, requests, kind="requests", **more):
    return label(f"panel-{kind}", "en", layer=label(f"on-{layer}", "en"), requests=requests, **more)


ONE_LINE = [{"time": 5, "kind": "application", "message": "x"}]


def test_probes_have_a_colour_and_a_marker_for_each_vantage_and_are_hollow_where_they_failed():
    picture, (probes, edge, nginx, *_) = timeline(
        observed(
            (10, "inside", "/health", 0.02, False),
            (20, "host", "/health", 0.0, False),
            (30, "outside", "/health", 0.3, False),
            (40, "outside", "/health", 5.0, True),
        )
    )
    assert title(probes) == label("panel-probes", "en")
    # What took no time lies at a millisecond.
    assert lines(probes) == [
        ("inside", "o", GREEN, [(10, 0.02)]),
        ("host", "s", PURPLE, [(20, 0.001)]),
        ("outside", "^", BLUE, [(30, 0.3)]),
        ("", "^", probes.get_lines()[3].get_color(), [(40, 5.0)]),
    ]
    hollow = probes.get_lines()[3]
    assert (hollow.get_markeredgecolor(), hollow.get_markerfacecolor()) == (RED, "none")
    assert (hollow.get_markersize(), hollow.get_markeredgewidth()) == (4.5, 1.0)
    assert {line.get_linestyle() for line in probes.get_lines()} == {"None"}
    assert [line.get_markeredgewidth() for line in probes.get_lines()[:3]] == [0.0] * 3
    failed = label("requests-failed", "en")
    assert legend(probes) == ["inside", "host", "outside", failed]
    sample = probes.get_lines()[4]
    assert (sample.get_label(), sample.get_marker(), sample.get_markeredgecolor()) == (failed, "D", RED)
    assert (sample.get_markerfacecolor(), sample.get_markersize()) == ("none", 4)
    assert probes.get_ylim() == pytest.approx((1e-3 / 1.5, 5.0 * 2.2))
    assert probes.get_ylabel() == label("axis-duration", "en")
    for axis, layer in ((edge, "edge"), (nginx, "nginx")):
        assert (title(axis), texts(axis)) == (
            label(f"on-{layer}", "en"),
            [label(f"absent-{layer}-log", "en")],
        )
    assert picture.name == "timeline"
    said = {"inside": (1, 0), "host": (1, 0), "outside": (2, 1)}
    parts = "; ".join(
        label("timeline-alt-probes", "en", vantage=name, rows=said[name][0], failed=said[name][1])
        for name in sorted(said)
    )
    assert picture.alt == label("timeline-alt", "en", parts=parts)


def test_probes_that_all_succeeded_have_no_sample_of_a_failure():
    _, (probes, *_) = timeline(observed((10, "outside", "/health", None, False)))
    assert legend(probes) == ["outside"]
    # Without a known duration the scale ends at a second.
    assert probes.get_ylim() == pytest.approx((1e-3 / 1.5, 2.2))
    _, (probes, *_) = timeline(app_log=ONE_LINE)
    assert texts(probes) == [label("absent-probes", "en")]


REQUESTS = observed(
    (10, "nginx", "/health", 0.02, False),
    (20, "nginx", "/jobs", 0.1, False),
    (30, "nginx", "/jobs", 5.0, True),
    (40, "edge", "/health", 0.2, False),
)


def test_requests_of_the_affected_routes_stand_out():
    _, (_, edge, nginx, *_) = timeline(REQUESTS, routes=["/health"])
    assert (title(edge), title(nginx)) == (requests_title("edge", 1), requests_title("nginx", 3))
    others, affected, failed = (label(f"requests-{kind}", "en") for kind in ("others", "affected", "failed"))
    assert lines(nginx) == [
        (others, ".", GREY, [(20, 0.1)]),
        (affected, ".", BLUE, [(10, 0.02)]),
        (failed, "x", RED, [(30, 5.0)]),
    ]
    looks = [(line.get_markersize(), line.get_markeredgewidth()) for line in nginx.get_lines()]
    assert looks == [(4.0, 0.0), (4.0, 0.0), (4.5, 1.0)]
    assert legend(nginx) == [others, affected, failed]
    assert lines(edge) == [(affected, ".", BLUE, [(40, 0.2)])]
    assert nginx.get_ylim() == pytest.approx((1e-3 / 1.5, 5.0 * 2.2))
    assert nginx.get_ylabel() == label("axis-duration", "en")


def test_without_affected_routes_all_requests_stand_out():
    _, (_, _, nginx, *_) = timeline(REQUESTS)
    assert lines(nginx) == [
        (label("requests-succeeded", "en"), ".", BLUE, [(10, 0.02), (20, 0.1)]),
        (label("requests-failed", "en"), "x", RED, [(30, 5.0)]),
    ]


def test_requests_without_durations_are_counted_in_bars():
    span = style.AxisSpan(Window(START, at(180)), UTC)
    rows = observed(
        (10, "nginx", "/health", None, False),
        (10, "nginx", "/jobs", None, False),
        (11, "nginx", "/jobs", None, True),
        (100, "nginx", "/health", None, True),
    )
    _, (_, _, nginx, *_) = timeline(rows, span, ["/health"])
    assert title(nginx) == requests_title("nginx", 4, "requests-untimed")
    assert nginx.get_ylabel() == label("axis-requests", "en")
    assert legend(nginx) == [label(f"requests-{kind}", "en") for kind in ("failed", "affected", "others")]
    # The window of 180 s and a hundredth on each side are 183.6 s, so that 90 bars last 3 s (rounded up). The
    # first begins 2 s (1.8 s, rounded down to a whole second) before the window: 10 and 11 s are in the bar
    # from 10 to 13 s, and 100 s in that from 100 s. The failed lie at the bottom.
    day = style.day_number(START)
    assert [(color, round((left - day) * 86400, 1), *rest) for color, left, *rest in bars(nginx)] == [
        (RED, 10.0, 0.0, pytest.approx(3 / 86400, abs=1e-6), 1.0),
        (RED, 100.0, 0.0, pytest.approx(3 / 86400, abs=1e-6), 1.0),
        (BLUE, 10.0, 1.0, pytest.approx(3 / 86400, abs=1e-6), 1.0),
        (GREY.upper(), 10.0, 2.0, pytest.approx(3 / 86400, abs=1e-6), 1.0),
    ]
    assert nginx.get_xlim() == pytest.approx((day - 1.8 / 86400, day + 181.8 / 86400))
    assert all(tick == round(tick) for tick in nginx.get_yticks())


def bins(*rows):
    names = ("vantage", "time", "requests", "failed", "median_s", "p99_s", "failed_s", "step_s")
    frame = pd.DataFrame([(name, at(second), *rest) for name, second, *rest in rows], columns=names)
    return frame.astype({"failed_s": "float64", "median_s": "float64", "p99_s": "float64"})


def test_a_layer_in_steps_has_its_median_its_99th_percentile_and_the_slowest_failure():
    steps = bins(
        ("nginx", 0, 4000, 0, 0.0, 0.03, None, 10),
        ("nginx", 10, 5000, 2, 0.02, 0.04, 7.0, 10),
        ("edge", 0, 9000, 1, None, None, None, 10),
    )
    _, (_, edge, nginx, *_) = timeline(REQUESTS, bins=steps)
    assert title(nginx) == requests_title("nginx", 9000, "requests-steps", step="10 s")
    median, slowest = label("line-median", "en"), label("requests-slowest-failed", "en")
    assert lines(nginx) == [
        ("p99", "None", SKY, [(0, 0.03), (10, 0.04)]),
        (median, "None", BLUE, [(0, 0.001), (10, 0.02)]),
        (slowest, "x", RED, [(10, 7.0)]),
    ]
    assert nginx.get_lines()[2].get_linestyle() == "None"
    assert legend(nginx) == ["p99", median, slowest]
    assert nginx.get_ylim() == pytest.approx((1e-3 / 1.5, 7.0 * 2.2))
    assert nginx.get_ylabel() == label("axis-duration", "en")
    # Steps without any duration show nothing; dots do.
    assert title(edge) == requests_title("edge", 1)
    _, (_, _, nginx, *_) = timeline(REQUESTS, bins=steps[:1])
    assert legend(nginx) == ["p99", median]
    assert nginx.get_ylim() == pytest.approx((1e-3 / 1.5, 0.03 * 2.2))


def test_events_have_a_row_of_ticks_for_each_kind():
    errors = [
        {"time": 10, "kind": "upstream_timeout_header", "message": "x"},
        {"time": 10.02, "kind": "upstream_timeout_header", "message": "x"},
        {"time": 20, "kind": "upstream_timeout_header", "message": "x"},
    ]
    app = [
        {"time": 11, "kind": "access", "message": "x"},
        {"time": 12, "kind": "error", "message": "x"},
    ]
    _, panels = timeline(error_log=errors, app_log=app)
    events = panels[3]
    assert title(events) == label("panel-events", "en")
    kind = label("nginx-error-upstream-timeout-header", "en")
    names = [
        label("event-nginx", "en", kind=kind, lines=3),
        label("event-app", "en", kind=label("app-line-access", "en"), lines=1),
        label("event-app", "en", kind=label("app-line-error", "en"), lines=1),
    ]
    shown = [style.wrapped(name, 20, "en") for name in names]
    assert labels(events, "y") == shown
    # A row is as high as its label has lines, and its ticks are in the middle. Two lines in the time of one
    # pixel (40 ms of 60 s) are one tick. Errors of the application are red, as those of Nginx.
    first = shown[0].count("\n") + 1
    second = shown[1].count("\n") + 1
    third = shown[2].count("\n") + 1
    assert first > 1
    places = [first / 2, first + second / 2, first + second + third / 2]
    assert list(events.get_yticks()) == places
    assert lines(events) == [
        ("", "|", RED, [(10, places[0]), (20, places[0])]),
        ("", "|", BLUE, [(11, places[1])]),
        ("", "|", RED, [(12, places[2])]),
    ]
    looks = {
        (line.get_markersize(), line.get_markeredgewidth(), line.get_linestyle())
        for line in events.get_lines()
    }
    assert looks == {(10, 0.9, "None")}
    assert events.get_ylim() == pytest.approx((first + second + third + 0.1, -0.1))


def test_the_title_of_events_names_the_logs_that_are_missing():
    for given, end in (
        ({"app_log": ONE_LINE}, "-without-nginx"),
        ({"error_log": [{"time": 1, "kind": "reload"}]}, "-without-app"),
        ({"host_metrics": [{"time": 1, "metric": "cpu_pct", "value": 1.0}]}, "-without-nginx-app"),
    ):
        _, panels = timeline(**given)
        assert title(panels[3]) == label(f"panel-events{end}", "en")
        assert len(panels) == 5


def test_host_metrics_have_a_panel_each_the_usual_ones_first_and_four_at_most():
    def gauge(metric, second, value, service=None):
        return {"metric": metric, "time": second, "value": value, "service": service}

    picture, panels = timeline(
        host_metrics=[
            gauge("zeta", 1, 1.0),
            gauge("alpha", 1, -20.0),
            gauge("alpha", 2, 0.5),
            gauge("threads", 1, 6.0),
            gauge("cpu_pct", 30, 40.0, "svc"),
            gauge("cpu_pct", 10, 20.0, "svc"),
            gauge("cpu_pct", 10, 5.0),
            gauge("rss_mb", 10, 0.2),
        ]
    )
    metrics = panels[4:]
    names = [label(f"metric-{name}", "en") for name in ("cpu-pct", "threads", "rss-mb")] + ["alpha"]
    assert [title(axis) for axis in metrics] == [
        label("panel-host-metric", "en", metric=name) for name in names
    ]
    cpu = metrics[0]
    main = label("line-main-process", "en")
    # The points of a service are in order of time.
    assert lines(cpu) == [
        (main, "None", BLUE, [(10, 5.0)]),
        ("svc", "None", RED, [(10, 20.0), (30, 40.0)]),
    ]
    assert [line.is_dashed() for line in cpu.get_lines()] == [False, True]
    # A single process needs no legend.
    assert [legend(axis) for axis in metrics] == [[main, "svc"], None, None, None]
    assert cpu.get_legend().handlelength == 2.2
    # From zero, or a tenth below the least, to 15 % above the highest, or one.
    limits = [axis.get_ylim() for axis in metrics]
    assert limits == [pytest.approx(pair) for pair in ((0, 46.0), (0, 6.9), (0, 1.0), (-22.0, 1.0))]
    assert all(tick == round(tick) for axis in metrics for tick in axis.get_yticks())
    parts = label("timeline-alt-metrics", "en", metrics="alpha, cpu_pct, rss_mb, threads, and zeta")
    assert picture.alt.startswith(label("timeline-alt", "en", parts=parts)[:12])
    assert picture.figure.get_figheight() == pytest.approx(1.25 + 2 * 1.15 + 0.35 + 0.17 + 4 * 0.8)


def test_the_description_counts_what_each_layer_and_log_holds():
    picture, panels = timeline(REQUESTS, error_log=[{"time": 1, "kind": "reload"}], app_log=ONE_LINE * 2)
    parts = [
        label("timeline-alt-requests", "en", vantage="edge", rows=1, failed=0),
        label("timeline-alt-requests", "en", vantage="Nginx", rows=3, failed=1),
        label("timeline-alt-error-log", "en", rows=1),
        label("timeline-alt-app-log", "en", rows=2),
    ]
    assert picture.alt == label("timeline-alt", "en", parts="; ".join(parts))
    host = panels[4]
    assert (title(host), texts(host)) == (label("panel-host", "en"), [label("absent-host-metrics", "en")])
    # Two rows of events; the host's panel without metrics is lower.
    rows = sum(name.count("\n") + 1 for name in labels(panels[3], "y"))
    assert picture.figure.get_figheight() == pytest.approx(1.25 + 2 * 1.15 + 0.35 + 0.17 * rows + 0.6)
    # All panels share the axis of time.
    limits = {axis.get_xlim() for axis in panels}
    assert len(limits) == 1


def test_a_case_without_any_of_it_gives_the_reason():
    picture = plot_health_timeline(observed(), tables(), SPAN)
    assert picture.alt == label("figure-none", "en", reason=label("health-timeline-empty", "en"))
