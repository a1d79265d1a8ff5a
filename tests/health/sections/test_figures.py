"""Figures beside the timeline, read from their axes without drawing a picture."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from worlds.figure_marks import bars, labels, legend, lines, texts, undrawn
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.health.sections import figures
from watchme_analysis.health.sections.figures import plot_in_flight, plot_vantages, plot_where_time_goes
from watchme_analysis.present import style
from watchme_analysis.requests.concurrency import Lag
from watchme_analysis.text.message import message
from watchme_analysis.text.render import label
from watchme_analysis.window import Window

START = datetime(2026, 3, 2, 4, tzinfo=UTC)
BLUE, ORANGE, RED, BLACK = style.BLUE, style.ORANGE, style.RED, style.BLACK
NAN = float("nan")


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    monkeypatch.setattr(style, "finish", undrawn)


def at(second):
    return START + timedelta(seconds=second)


def observed(*rows):
    names = ("start", "route", "vantage", "phase", "duration_s", "failed")
    frame = pd.DataFrame([(at(second), *rest) for second, *rest in rows], columns=names)
    return frame.astype({"start": "datetime64[us, UTC]", "duration_s": "Float64", "failed": bool})


OBSERVED = observed(
    (0, "/health", "nginx", "baseline", 0.02, False),
    (1, "/health", "nginx", None, 0.04, False),  # no phase: not in the incident
    (2, "/health", "nginx", "incident", 5.0, True),
    (3, "/health", "outside", "baseline", 0.0, False),
    (4, "/jobs", "edge", "incident", 0.3, False),
    (5, "/jobs", "edge", "incident", None, False),  # without a duration
    (6, "/other", "edge", "incident", 9.0, False),
)


def test_vantages_have_a_panel_per_route_with_a_strip_per_vantage_and_phase():
    picture = plot_vantages(OBSERVED, ["/health", "/absent", "/jobs"])
    health, jobs = picture.figure.axes
    assert [axis.get_title(loc="left") for axis in (health, jobs)] == ["/health", "/jobs"]
    # Outside comes before Nginx, and the baseline before the incident. What takes less than a
    # millisecond lies on 1 ms. A strip's middle line is its median: of 20 and 40 ms, 30 ms.
    assert lines(health) == [
        ("", ".", BLUE, [(0.001, -0.22)]),
        ("", "None", BLACK, [(0.001, -0.36), (0.001, 0.36)]),
        ("", ".", BLUE, [(0.02, 0.78), (0.04, 1.088)]),
        ("", "None", BLACK, [(0.03, 0.64), (0.03, 1.36)]),
        ("", "x", RED, [(5.0, 1.78)]),
        ("", "None", BLACK, [(5.0, 1.64), (5.0, 2.36)]),
    ]
    assert lines(jobs) == [
        ("", ".", ORANGE, [(0.3, -0.22)]),
        ("", "None", BLACK, [(0.3, -0.36), (0.3, 0.36)]),
    ]
    assert [(line.get_markersize(), line.get_markeredgewidth()) for line in health.get_lines()[:2]] == [
        (4, 0.0),
        (4, 0.9),
    ]
    strip = {"vantage": "outside", "phase": "baseline", "requests": 1, "failed": 0}
    assert labels(health, "y") == [
        label("vantages-strip", "en", **strip),
        label("vantages-strip", "en", **strip | {"vantage": "Nginx", "requests": 2}),
        label("vantages-strip", "en", vantage="Nginx", phase="incident", requests=1, failed=1),
    ]
    assert (health.get_ylim(), jobs.get_ylim()) == ((2.5, -0.5), (0.5, -0.5))
    # 1 ms to the longest of the routes shown, on the lowest panel, whose scale all share.
    assert jobs.get_xlim() == health.get_xlim() == pytest.approx((1e-3 / 1.5, 5.0 * 2.2))
    assert (health.get_xlabel(), jobs.get_xlabel()) == ("", label("vantages-axis", "en"))
    # 0.45 inches and 0.2 for each strip; the lowest has a quarter more for its label.
    assert picture.figure.get_figheight() == pytest.approx(0.45 + 0.2 * 3 + 0.45 + 0.2 + 0.25)
    assert picture.name == "vantages"
    spoken = (
        ("/health", "outside", "baseline", "0 s", 0, 1),
        ("/health", "Nginx", "baseline", "30 ms", 0, 2),
        ("/health", "Nginx", "incident", "5 s", 1, 1),
        ("/jobs", "edge", "incident", "300 ms", 0, 1),
    )
    names = ("route", "vantage", "phase", "median", "failed", "requests")
    strips = "; ".join(
        label("vantages-alt-strip", "en", **dict(zip(names, row, strict=True))) for row in spoken
    )
    assert picture.alt == label("vantages-alt", "en", strips=strips)


def test_the_first_three_routes_with_requests_have_a_panel():
    rows = observed(*((0, f"/{name}", "edge", "baseline", 0.1, False) for name in "abcd"))
    picture = plot_vantages(rows, ["/none", "/a", "/b", "/c", "/d"])
    assert [axis.get_title(loc="left") for axis in picture.figure.axes] == ["/a", "/b", "/c"]


def shares(*rows):
    names = ("route", "phase", "requests", "edge_s", "nginx_s", "connect_s", "header_s", "body_s")
    return pd.DataFrame(rows, columns=names)


def test_where_time_goes_stacks_the_layers_of_each_bar():
    picture = plot_where_time_goes(
        shares(
            ("/health", "baseline", 23, 0.25, NAN, 0.0, 0.5, 0.0004),
            ("/a-path-of-more-than-twenty-six-letters", "incident", 7, 0.0, 0.0, 0.0, 4.0, 0.0),
        )
    )
    (axis,) = picture.figure.axes
    # Parts that took no time, or an unknown one, have no bar. The centre of a bar 0.7 high is its place.
    assert bars(axis) == [
        (style.PURPLE, 0.0, -0.35, 0.25, 0.7),
        (style.RED, 0.25, -0.35, 0.5, 0.7),
        (style.BLUE, 0.75, -0.35, 0.0004, 0.7),
        (style.RED, 0.0, 0.65, 4.0, 0.7),
    ]
    assert [(text.get_text(), text.xy) for text in axis.texts] == [
        (" 750 ms", (pytest.approx(0.7504), 0)),
        (" 4 s", (4.0, 1)),
    ]
    names = labels(axis, "y")
    assert names == ["/health, baseline: 23", "/a-path-of-m…y-six-letters, incident: 7"]
    assert axis.get_ylim() == (1.6, -0.6)
    assert axis.get_xlim() == pytest.approx((0, 4.0 * 1.16))
    # At most five steps up to 4 s.
    assert [tick for tick in axis.get_xticks() if 0 <= tick <= 4.64] == [0, 1, 2, 3, 4]
    assert (axis.get_title(loc="left"), axis.get_xlabel()) == (
        label("where-time-goes-title", "en"),
        label("where-time-goes-axis", "en"),
    )
    # The body's 0.4 ms are less than a four-hundredth of the longest part, which can't be seen.
    (key,) = picture.figure.legends
    assert [text.get_text() for text in key.get_texts()] == [
        label("time-in-edge", "en"),
        label("time-in-header", "en"),
    ]
    assert picture.figure.get_figheight() == pytest.approx(1.1 + 0.25 * 2)
    assert picture.name == "where-time-goes"
    waits = label("on-header", "en")
    said = f"/health, baseline: 23: {label('on-edge', 'en')} 250 ms, {waits} 500 ms; {names[1]}: {waits} 4 s"
    assert picture.alt == label("where-time-goes-alt", "en", bars=said)


def test_a_bar_without_half_a_millisecond_is_described_as_less_than_one():
    picture = plot_where_time_goes(shares(("/health", "baseline", 2, 0.0, 0.0, 0.0, 0.0, 0.0)))
    (axis,) = picture.figure.axes
    assert (bars(axis), axis.get_xlim()) == ([], pytest.approx((0, 0.001 * 1.16)))
    assert picture.alt == label("where-time-goes-alt", "en", bars="/health, baseline: 2: < 1 ms")
    picture = plot_where_time_goes(shares(("/health", "baseline", 2, 0.0, 0.0, 0.0, 0.0, 0.0005)))
    said = f"/health, baseline: 2: {label('on-body', 'en')} < 1 ms"
    assert picture.alt == label("where-time-goes-alt", "en", bars=said)


SPAN = style.AxisSpan(Window(START, at(60)), UTC, (at(20), at(40)))
WAITS = observed(
    (10, "/health", "nginx", "baseline", 0.0, False),
    (30, "/health", "nginx", "incident", 4.0, True),
    (50, "/health", "nginx", "baseline", 0.5, False),
    (12, "/health", "inside", "baseline", 9.0, False),  # a probe from inside is no request of the route
    (13, "/jobs", "nginx", "baseline", 8.0, False),
    (14, "/health", "nginx", "baseline", None, False),
)


def opened(*rows):
    frame = pd.DataFrame(rows, columns=["time", "upstream", "route", "in_flight"])
    return frame.assign(time=pd.to_datetime([at(second) for second in frame["time"]], utc=True))


OPENED = opened(
    (10, "192.0.2.11:8100", "/health", 1),
    (10, "192.0.2.11:8100", "/jobs", 1500),
    (30, "192.0.2.11:8100", "/health", 3),
    (30, "192.0.2.12:8200", "/other", 2),
    (50, "192.0.2.12:8200", "/none", 0),
)


def lag(lag_s=10.0, follows=True):
    # A correlation below 0.4 is no sign that the latency goes with the load.
    return Lag("/health", "jobs", lag_s, 0.876 if follows else 0.2, 0.1, 42)


def load(*pairs):
    return pd.Series(
        [value for _, value in pairs],
        index=pd.to_datetime([at(second) for second, _ in pairs], utc=True),
        dtype="float64",
    )


def test_requests_in_flight_lie_above_the_latency_that_they_are_compared_with():
    series = load((0, 1.0), (20, 6.0), (40, 2.0))
    picture = plot_in_flight(OPENED, WAITS, (message("load-in-process"), series), ("/health", lag()), SPAN)
    upstreams, routes, latency, against = picture.figure.axes
    assert [axis.get_title(loc="left") for axis in (upstreams, routes, latency)] == [
        label("in-flight-nginx-by-upstream", "en"),
        label("in-flight-nginx-by-route", "en"),
        label("in-flight-latency", "en", route="/health"),
    ]
    # Without a row at a time none was open. The highest peak comes first.
    assert lines(upstreams) == [
        ("192.0.2.11:8100 ≤ 1,501", "None", BLUE, [(10, 1501), (30, 3), (50, 0)]),
        ("192.0.2.12:8200 ≤ 2", "None", RED, [(10, 0), (30, 2), (50, 0)]),
    ]
    assert [line[0] for line in lines(routes)] == ["/jobs ≤ 1,500", "/health ≤ 3", "/other ≤ 2"]
    assert {line.get_drawstyle() for line in upstreams.get_lines()} == {"steps-post"}
    assert legend(upstreams) == ["192.0.2.11:8100 ≤ 1,501", "192.0.2.12:8200 ≤ 2"]
    # More room for a legend of two rows.
    assert upstreams.get_ylim() == pytest.approx((0, 1501 * 1.6))
    assert routes.get_ylim() == pytest.approx((0, 1500 * 1.9))

    assert lines(latency) == [
        ("", ".", BLUE, [(10, 0.001), (50, 0.5)]),
        ("", "x", RED, [(30, 4.0)]),
    ]
    assert [line.get_markeredgewidth() for line in latency.get_lines()] == [0.0, 0.9]
    assert latency.get_ylim() == pytest.approx((1e-3 / 1.5, 4.0 * 2.2))
    assert latency.get_ylabel() == against.get_ylabel() == label("axis-duration", "en")
    # Window and incident on all panels of time; a hundredth of the window lies beside it.
    day, minute = style.day_number(START), 1 / 1440
    for axis in (upstreams, routes, latency):
        assert axis.get_xlim() == pytest.approx((day - minute / 100, day + minute * 1.01))
        assert len(axis.patches) == 1
    assert latency.get_xlabel() == label(
        "axis-time-day", "en", zone="UTC", day="2026-03-02", last="2026-03-02"
    )
    assert not upstreams.xaxis.get_tick_params()["labelbottom"]

    # Each request over the load ten seconds before it: 1, 6 (twenty at the next sample) and 2.
    assert lines(against) == [
        ("", ".", BLUE, [(1.0, 0.001), (2.0, 0.5)]),
        ("", "x", RED, [(6.0, 4.0)]),
    ]
    assert against.get_xlim() == pytest.approx((-0.02 * 6, 6 * 1.05))
    conclusion = label("latency-follows", "en", rho="0.88", samples=42, lag="10 s")
    assert against.get_title(loc="left") == conclusion
    in_words = label("load-in-process", "en")
    assert against.get_xlabel() == label("in-flight-axis-before", "en", load=in_words, lag="10 s")
    assert picture.figure.get_figheight() == pytest.approx(1.15 + 1.15 + 1.25 + 1.9)
    assert picture.name == "in-flight"
    peaks = "192.0.2.11:8100 ≤ 1,501, 192.0.2.12:8200 ≤ 2"
    assert picture.alt == label("in-flight-alt", "en", route="/health", peaks=peaks, conclusion=conclusion)


def against(series, found):
    """The lowest panel of the figure."""
    work = (message("load-in-process"), series)
    return plot_in_flight(OPENED[:0], WAITS, work, ("/health", found), SPAN).figure.axes[3]


def test_latency_is_drawn_over_the_load_at_the_lag_that_fits_best():
    series = load((10, 1.0), (30, 0.5))
    # The latency precedes the load by 20 s: the load of its time and 20 s later.
    axis = against(series, lag(-20.0))
    assert [line[3] for line in lines(axis)] == [[(0.5, 0.001)]]
    assert axis.get_xlabel() == label(
        "in-flight-axis-after", "en", load=label("load-in-process", "en"), lag="20 s"
    )
    # A lag that explains nothing, or none, moves nothing. 50 s is too far from the last sample.
    for found in (lag(-20.0, follows=False), None):
        axis = against(series, found)
        assert [line[3] for line in lines(axis)] == [[(1.0, 0.001)], [(0.5, 4.0)]]
        assert axis.get_xlabel() == label("in-flight-axis-with", "en", load=label("load-in-process", "en"))
    # At least one request wide.
    assert axis.get_xlim() == pytest.approx((-0.02, 1.05))
    # 15 s from a sample is near enough.
    assert [line[3] for line in lines(against(load((35, 1.0)), None))] == [[(1.0, 0.5)], [(1.0, 4.0)]]
    assert [line[3] for line in lines(against(load((34.9, 1.0)), None))] == [[(1.0, 4.0)]]


def test_panels_without_data_give_the_reason():
    work = (message("load-in-process"), load())
    picture = plot_in_flight(OPENED[:0], WAITS, work, ("/health", None), SPAN)
    upstreams, routes, _, lowest = picture.figure.axes
    for axis, reason in ((upstreams, "no-log"), (routes, "no-log"), (lowest, "no-load")):
        assert texts(axis) == [label(f"in-flight-{reason}", "en")]
    conclusion = label("latency-too-few", "en")
    assert picture.alt == label(
        "in-flight-alt-unknown", "en", route="/health", peaks="", conclusion=conclusion
    )
    assert lowest.get_title(loc="left") == conclusion
    never = plot_in_flight(OPENED[-1:], WAITS, work, ("/health", None), SPAN).figure.axes[0]
    assert (texts(never), legend(never)) == ([label("in-flight-never-two", "en")], None)


def test_requests_of_the_edge_alone_are_open_there():
    edge = opened((10, "edge", "/health", 2), (20, "edge", "/jobs", 1))
    picture = plot_in_flight(edge, WAITS, (message("load-in-process"), load()), ("/health", None), SPAN)
    assert [axis.get_title(loc="left") for axis in picture.figure.axes[:2]] == [
        label("in-flight-edge-by-upstream", "en"),
        label("in-flight-edge-by-route", "en"),
    ]


def test_the_four_highest_peaks_have_a_line():
    rows = opened(*((10, f"192.0.2.{number}:80", "/health", number) for number in range(1, 6)))
    work = (message("load-in-process"), load())
    axis = plot_in_flight(rows, WAITS, work, ("/health", None), SPAN).figure.axes[0]
    assert [line[0] for line in lines(axis)] == [f"192.0.2.{number}:80 ≤ {number}" for number in (5, 4, 3, 2)]
    # Requests are counted in whole numbers, also where there is one alone.
    single = plot_in_flight(rows[:1], WAITS, work, ("/health", None), SPAN).figure.axes[0]
    assert all(tick == round(tick) for tick in (*axis.get_yticks(), *single.get_yticks()))
    frame = axis.get_legend()
    assert (frame.get_frame_on(), frame._fontsize, frame._ncols) == (False, 7, 2)


@together(
    ("found", "series", "expected"),
    [
        (None, [2.0, 2.0], {"latency-load-constant": {"load": 2.0}}),
        (None, [2.0, 3.0], {"latency-too-few": {}}),
        (None, [], {"latency-too-few": {}}),
        (lag(0.0), [2.0], {"latency-with": {"rho": 0.876, "samples": 42, "lag": 0.0}}),
        (lag(5.0), [2.0], {"latency-follows": {"rho": 0.876, "samples": 42, "lag": 5.0}}),
        (lag(-5.0), [2.0], {"latency-precedes": {"rho": 0.876, "samples": 42, "lag": 5.0}}),
        (lag(-5.0, follows=False), [2.0], {"latency-apart": {"rho": 0.2, "samples": 42, "lag": 5.0}}),
    ],
)
def test_the_conclusion_names_the_order_of_latency_and_load(found, series, expected):
    assert messages_in(figures._conclusion(found, pd.Series(series, dtype="float64"))) == expected
