import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from PIL import Image
from worlds.together import together

from watchme_analysis.alarms.sections import plot_alarm_times
from watchme_analysis.backlog.sections.timeline import PANELS, plot_backlog_timeline
from watchme_analysis.health.frames import dense_bins
from watchme_analysis.health.incident import judge_observations
from watchme_analysis.health.sections.figures import plot_in_flight, plot_vantages, plot_where_time_goes
from watchme_analysis.health.sections.followed import plot_waterfall
from watchme_analysis.health.sections.timeline import plot_health_timeline
from watchme_analysis.inference.findings import Evidence, Finding, Ranked
from watchme_analysis.present import style
from watchme_analysis.present.bars import plot_bars
from watchme_analysis.present.matrix import plot_evidence_matrix
from watchme_analysis.queues.baseline import binned
from watchme_analysis.queues.pipeline import pipelines
from watchme_analysis.requests.concurrency import latency_lag, open_requests, sampling_step_s
from watchme_analysis.requests.followed import follow_requests
from watchme_analysis.requests.layers import layer_shares, layer_times
from watchme_analysis.requests.observations import join_requests, observations, phases
from watchme_analysis.requests.waterfall import chosen_requests, waterfall
from watchme_analysis.schema import conform, empty
from watchme_analysis.window import Window, parse_zone

START = datetime(2025, 12, 11, 1, 0, tzinfo=UTC)
TOKYO = parse_zone("Asia/Tokyo")
WINDOW = Window(START, START + timedelta(minutes=2))
SPAN = style.AxisSpan(
    WINDOW,
    TOKYO,
    (START + timedelta(seconds=60), START + timedelta(seconds=90)),
    (style.Mark(START + timedelta(seconds=58), "Nginx reloads"),),
)


def size(picture):
    return Image.open(io.BytesIO(picture.png)).size


def access_log():
    rows = []
    for second in range(0, 120, 2):
        slow = 60 <= second < 90
        rows.append(
            {
                "time": START + timedelta(seconds=second),
                "method": "GET",
                "path": "/api/health" if second % 4 else "/jobs/17",
                "status": 504 if slow and second % 4 else 200,
                "request_time_s": 5.0 if slow and second % 4 else 0.02,
                "upstream_connect_time_s": 0.0,
                "upstream_header_time_s": None if slow and second % 4 else 0.02,
                "upstream_response_time_s": 5.0 if slow and second % 4 else 0.02,
            }
        )
    return conform("access_log", pd.DataFrame(rows))


def observed():
    frame = judge_observations(observations(join_requests(access_log(), empty("edge_log")), empty("probes")))
    return frame.assign(phase=phases(frame["start"], *SPAN.incident))


def side_tables(**given):
    names = ("error_log", "app_log", "host_metrics")
    return {name: conform(name, given[name]) if name in given else empty(name) for name in names}


@pytest.mark.slow
def test_health_timeline_names_zone_and_units_and_says_which_layers_are_missing():
    picture = plot_health_timeline(observed(), side_tables(), SPAN, ["/api/health"])
    assert "time (Asia/Tokyo), 2025-12-11" in picture.words
    for layer in ("no probes", "no edge log", "no host metrics"):
        assert layer in picture.words
    assert {"Nginx: all 60 requests", "duration", "1 ms", "10 ms", "100 ms", "1 s", "10 s"} <= set(
        picture.words
    )
    assert "60 requests at Nginx" in picture.alt
    assert "failed" in picture.alt


@pytest.mark.slow
def test_health_timeline_draws_each_host_metric_and_kind_of_event():
    moments = [START + timedelta(seconds=second) for second in range(0, 120, 10)]
    metrics = [
        {"service": service, "time": moment, "metric": metric, "value": 5.0}
        for moment in moments
        for metric in ("cpu_pct", "queue_depth")
        for service in ("", "emotion")
    ]
    errors = [{"time": moment, "kind": "upstream_timeout_header", "message": "x"} for moment in moments]
    tables = side_tables(host_metrics=pd.DataFrame(metrics), error_log=pd.DataFrame(errors))
    titles = plot_health_timeline(observed(), tables, SPAN).words
    assert "host: CPU (%)" in titles
    assert "host: queue_depth" in titles
    assert "events (no application log)" in titles


def test_a_layer_with_too_many_requests_for_dots_is_drawn_in_steps():
    many = pd.concat([observed()] * 200, ignore_index=True)
    bins = dense_bins(many)
    assert int(bins["requests"].sum()) == len(many) == 12_000
    assert int(bins["failed"].sum()) == int(many["failed"].sum())
    assert int(bins["timed"].sum()) == int((~many["failed"]).sum())
    assert bins["failed_s"].max() == 5.0
    picture = plot_health_timeline(many, {**side_tables(), "bins": bins}, SPAN)
    assert "Nginx: all 12,000 requests, steps of 1 s" in picture.words
    assert {"median", "p99", "slowest failed"} <= set(picture.words)
    assert dense_bins(observed()).empty


@pytest.mark.slow
def test_same_frames_give_the_same_bytes():
    first, second = (plot_health_timeline(observed(), side_tables(), SPAN).png for _ in range(2))
    assert first == second
    assert b"Software" not in first
    assert len(first) < 120_000


@pytest.mark.slow
def test_flat_colours_survive_the_palette():
    image = Image.open(io.BytesIO(plot_health_timeline(observed(), side_tables(), SPAN).png)).convert("RGB")
    colors = {color for _, color in image.getcolors(image.width * image.height)}
    for named in (style.RED, style.BLUE, style.INCIDENT, "#ffffff"):
        assert tuple(bytes.fromhex(named[1:])) in colors


def test_vantages_are_reported_in_the_alternative_text():
    picture = plot_vantages(observed(), ["/api/health", "/jobs/*", "/absent"])
    assert "/api/health Nginx baseline: median 20 ms, 1 of 23 failed" in picture.alt
    assert "/api/health Nginx incident: median 5 s" in picture.alt


@pytest.mark.slow
def test_where_time_goes_names_the_layer_and_its_length():
    layers = layer_times(join_requests(access_log(), empty("edge_log")), *SPAN.incident)
    shares = layer_shares(layers, ["/api/health", "/jobs/*"])
    picture = plot_where_time_goes(shares)
    assert "/api/health, incident" in picture.alt
    assert "/api/health, incident: 7: wait for header 4.29 s" in picture.alt
    assert list(shares["phase"].unique()) == ["baseline", "incident"]


def drawn_layers(log):
    joined = join_requests(log, empty("edge_log"))
    chosen = chosen_requests(layer_times(joined, *SPAN.incident), ["/api/health"])
    return waterfall(follow_requests(joined, empty("app_log")), chosen)


@pytest.mark.slow
def test_the_waterfall_says_which_layers_have_no_record_and_who_gave_up():
    picture = plot_waterfall(drawn_layers(access_log()), TOKYO)
    assert {"slowest: GET /api/health, 12-11 10:00:57", "5 s, timed out"} <= set(picture.words)
    assert "not logged: no edge log" in picture.words
    assert "not logged: no application log" in picture.words
    assert "typical, GET /api/health: edge not logged" in picture.alt


@pytest.mark.slow
def test_in_flight_against_latency_shows_the_lag():
    joined = join_requests(access_log(), empty("edge_log"))
    opened = open_requests(joined)
    rows = observed()
    waits = rows[rows["route"] == "/api/health"].set_index("start")["duration_s"]
    load = ("jobs in the process", waits * 3 + 1)
    lag = latency_lag(rows, "/api/health", load, sampling_step_s(joined))
    picture = plot_in_flight(opened, rows, load, ("/api/health", lag), SPAN)
    assert {
        "requests open at Nginx, by upstream",
        "requests open at Nginx, by path",
        "latency of /api/health",
    } <= set(picture.words)
    assert any(word.startswith("latency goes with the load, at once (ρ ") for word in picture.words)
    assert "time (Asia/Tokyo), 2025-12-11" in picture.words


@pytest.mark.slow
def test_long_paths_are_distinguished_by_their_ends_and_leave_room_for_the_rest():
    log = access_log()
    log = log.assign(path="/one-service-of-several/with-a-prefix" + log["path"])
    joined = join_requests(log, empty("edge_log"))
    rows = judge_observations(observations(joined, empty("probes")))
    health = "/one-service-of-several/with-a-prefix/api/health"
    load = ("jobs", rows.set_index("start")["duration_s"])
    layers = layer_times(joined, *SPAN.incident)
    followed = waterfall(follow_requests(joined, empty("app_log")), chosen_requests(layers, [health]))
    pictures = (
        plot_in_flight(open_requests(joined), rows, load, (health, None), SPAN),
        plot_where_time_goes(layer_shares(layers, [health])),
        plot_waterfall(followed, TOKYO),
    )
    for picture, end in zip(pictures, ("api/health ≤ 2", "api/health, incident: 7", "10:00:57"), strict=True):
        (word,) = {word for word in picture.words if "…" in word and word.endswith(end)}
        assert len(word) < 64


def metrics():
    rows = []
    for minute in range(120):
        for resource, metric, value in (
            ("a-queue", "NumberOfMessagesSent", 1.0),
            ("a-queue", "ApproximateNumberOfMessagesVisible", float(minute)),
            ("b-queue", "NumberOfMessagesSent", 2.0),
        ):
            if (metric, minute) == ("ApproximateNumberOfMessagesVisible", 7):
                continue
            rows.append(
                {
                    "namespace": "AWS/SQS",
                    "metric": metric,
                    "resource": resource,
                    "stat": "Sum" if "Sent" in metric else "Maximum",
                    "period_s": 60,
                    "time": START + timedelta(minutes=minute),
                    "value": value,
                }
            )
    return conform("metrics", pd.DataFrame(rows))


class Tables:
    def __init__(self, **given):
        self.given = given

    def table(self, name):
        return self.given.get(name, empty(name))


def test_bins_add_counts_up_keep_levels_at_their_highest_and_leave_gaps_null():
    found = pipelines(Tables(metrics=metrics()))
    whole = binned(found)
    waiting = whole[(whole["queue"] == "a-queue") & (whole["series"] == "visible")]
    assert waiting["value"].isna().sum() == 1
    coarse = binned(found, most=12)
    assert set(coarse["step_s"]) == {600}
    sent = coarse[(coarse["queue"] == "b-queue") & (coarse["series"] == "sent")]
    assert sent["value"].tolist() == [20.0] * 12
    assert coarse.loc[coarse["series"] == "visible", "value"].tolist() == [
        10.0 * step + 9 for step in range(12)
    ]


@pytest.mark.slow
def test_backlog_timeline_has_every_panel_with_its_unit_and_one_zone():
    span = style.AxisSpan(Window(START, START + timedelta(hours=2)), TOKYO)
    picture = plot_backlog_timeline(binned(pipelines(Tables(metrics=metrics()))), span, ["a-queue"])
    assert "arrivals (messages), per 60 s" in picture.words
    assert picture.words.count("time (Asia/Tokyo), 2025-12-11") == 1
    assert picture.words.count("no points of this metric") == len(PANELS) - 2
    assert "a-queue: at most waiting 119" in picture.alt


def test_matrix_shows_weights_and_silence():
    weights = {"one": 2.0, "two": -1.5}
    ranking = [
        Ranked(Finding(name, (Evidence("s", "probes", 3, weight, check="vantages"),)), 0.5, "inconclusive")
        for name, weight in weights.items()
    ]
    picture = plot_evidence_matrix([*ranking, Ranked(Finding("three", ()), 0.0, "inconclusive")], {})
    assert {"▲2.0", "▼1.5", "·"} <= set(picture.words)
    assert "one" in picture.alt
    assert "(1 for, 0 against, 0 neutral)" in picture.alt


EMPTY_FIGURES = {
    "timeline": lambda: plot_health_timeline(observed().head(0), side_tables(), SPAN),
    "vantages": lambda: plot_vantages(observed().head(0), ["/health"]),
    "where-time-goes": lambda: plot_where_time_goes(
        layer_shares(layer_times(join_requests(empty("access_log"), empty("edge_log"))), ["/health"])
    ),
    "waterfall": lambda: plot_waterfall(drawn_layers(empty("access_log")), TOKYO),
    "in-flight": lambda: plot_in_flight(
        open_requests(join_requests(empty("access_log"), empty("edge_log"))),
        observed().head(0),
        ("jobs", pd.Series(dtype=float)),
        ("/health", None),
        SPAN,
    ),
    "backlog": lambda: plot_backlog_timeline(binned(pipelines(Tables())), SPAN),
    "matrix": lambda: plot_evidence_matrix([Ranked(Finding("one", ()), 1.0, "inconclusive")], {}),
}


@together("name", EMPTY_FIGURES)
def test_no_data_gives_a_figure_that_says_so(name):
    picture = EMPTY_FIGURES[name]()
    assert picture.alt.startswith("No figure: ")
    assert picture.words[0].lower() == picture.alt.removeprefix("No figure: ").lower()
    assert size(picture)[0] == style.WIDTH_IN * style.DPI


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "hours", [0.01, 0.5, 1.9, 2.1, 11, 30, 49, 63, 71, 100, 16 * 24, 50 * 24, 70 * 24, 900 * 24]
)
def test_a_window_of_any_length_has_a_readable_time_axis(hours):
    span = style.AxisSpan(Window(START, START + timedelta(hours=hours)), TOKYO)
    figure, axes = style.new_figure([1.0])
    style.time_axis(axes, span)
    words = style.finish(figure, "axis", "An axis.").words
    ticks = [
        word for word in words if not word.startswith("time (Asia/Tokyo)") and any(map(str.isalnum, word))
    ]
    assert len(ticks) - sum(word in {"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"} for word in ticks) >= 2


def test_a_log_without_durations_shows_when_requests_failed():
    log = access_log()
    log = log.assign(**{name: None for name in log.columns if name.endswith("_time_s")})
    frame = judge_observations(
        observations(join_requests(conform("access_log", log), empty("edge_log")), empty("probes"))
    )
    picture = plot_health_timeline(frame, side_tables(), SPAN, ["/api/health"])
    assert "Nginx: all 60 requests, no durations" in picture.words
    assert {"others", "affected", "failed", "requests"} <= set(picture.words)
    panel = next(axis for axis in picture.figure.axes if axis.get_ylabel() == "requests")
    bars = [bar for bar in panel.patches if bar.get_facecolor()[:3] == to_rgb(style.RED) and bar.get_height()]
    assert sum(bar.get_height() for bar in bars) == frame["failed"].sum()
    assert {bar.get_y() for bar in bars} == {0}


def test_no_two_lines_of_a_panel_differ_in_colour_alone():
    from watchme_analysis.present.style import SERIES, stroke

    strokes = [stroke(place) for place in range(len(SERIES))]
    assert (
        len({str(one["linestyle"]) for one in strokes})
        == len({one["color"] for one in strokes})
        == len(SERIES)
    )


def test_a_row_without_a_name_has_a_bar_of_its_own():
    frame = pd.DataFrame({"item": ["a", None], "messages": [2, 3]})
    picture = plot_bars(frame, "item", {"messages": "messages"}, "work")
    (axis,) = picture.figure.axes
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["a", "–"]
    assert [bar.get_width() for bar in axis.patches] == [2, 3]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_long_name_is_cut_and_leaves_room_for_its_row(language):
    name = "ProdStackUploadsDeadLetterQueue".ljust(255, "x")  # as long as AWS allows the name of an alarm
    frame = pd.DataFrame({"queue": [name], "messages": [3]})
    bars = plot_bars(frame, "queue", {"messages": "messages"}, "a", language)
    times = plot_alarm_times([(f"{name}\n{name}", [(START, None)])], replace(SPAN, language=language))
    for picture in (bars, times):
        [shown] = picture.figure.axes[0].get_yticklabels()
        assert all(line[:31] == name[:31] and line[-1] == "…" for line in shown.get_text().splitlines())
