"""Single requests and the fates of all, as figure and tables."""

from datetime import UTC, datetime

import pandas as pd
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.health.sections.followed import clocks, fates_table, layers_table, plot_waterfall
from watchme_analysis.stats.clock_skew import Skew
from watchme_analysis.text.message import message
from watchme_analysis.text.render import label
from watchme_analysis.window import parse_zone

NAN = float("nan")
START = datetime(2026, 3, 2, 4, 5, 6, tzinfo=UTC)
TOKYO = parse_zone("Asia/Tokyo")


def waterfall(*rows, request="slowest", what="GET /health"):
    names = ("layer", "state", "from_s", "first_byte_s", "to_s", "status", "note")
    frame = pd.DataFrame(rows, columns=names)
    return frame.assign(request=request, what=what, start=pd.Timestamp(START))


def state(name):
    return label(f"layer-state-{name}", "en")


WAITED = waterfall(
    ("edge", "not logged", NAN, NAN, NAN, NAN, message("layer-note-no-edge-log")),
    ("nginx", "seen", 0.0, 4.0, 4.0, 504.0, ""),
    ("connect", "seen", 0.0, NAN, 0.0, NAN, "192.0.2.11:8100"),
    ("header", "gave up", 0.5, NAN, 4.0, NAN, ""),
    ("app", "seen", NAN, 3.5, 3.5, 200.0, message("layer-note-by-time")),
)


def test_a_waterfall_says_what_each_layer_did_with_the_request():
    quick = waterfall(("nginx", "seen", 0.01, 0.02, 0.02, 200.0, ""), request="typical")
    picture = plot_waterfall(pd.concat([WAITED, quick]), TOKYO)
    slowest, typical = picture.figure.axes
    assert slowest.get_title(loc="left") == f"{label('request-slowest', 'en')}: GET /health, 03-02 13:05:06"
    assert typical.get_title(loc="left") == f"{label('request-typical', 'en')}: GET /health, 03-02 13:05:06"
    responded = label("waterfall-responded", "en", after="3.5 s")
    said = {
        "edge": f"{state('not-logged')}: {label('layer-note-no-edge-log', 'en')}",
        "nginx": "4 s, 504",
        "connect": "< 1 ms, 192.0.2.11:8100",
        "header": f"3.5 s, {state('gave-up')}",
        "app": f"{responded}, 200, {label('layer-note-by-time', 'en')}",
    }
    slow = ", ".join(f"{label(f'on-{layer}', 'en')} {words}" for layer, words in said.items())
    requests = (
        f"{label('request-slowest', 'en')}, GET /health: {slow}; "
        f"{label('request-typical', 'en')}, GET /health: {label('on-nginx', 'en')} 10 ms, 200"
    )
    assert picture.alt == label("waterfall-alt", "en", requests=requests)


def test_no_request_gives_a_figure_with_the_reason():
    picture = plot_waterfall(waterfall(), UTC)
    assert picture.alt == label("figure-none", "en", reason=label("waterfall-empty", "en"))


def test_layers_are_listed_with_their_times_and_what_is_unknown_as_a_dash():
    table = layers_table(WAITED)
    name = f"{label('request-slowest', 'en')}: GET /health"
    edge, nginx, connect, header, app = (
        label(f"on-{layer}", "en") for layer in ("edge", "nginx", "connect", "header", "app")
    )
    dash = "–"
    assert table.rows == (
        (name, edge, state("not-logged"), dash, dash, dash, dash, label("layer-note-no-edge-log", "en")),
        (name, nginx, state("seen"), "0 s", "4 s", "4 s", "504", ""),
        (name, connect, state("seen"), "0 s", dash, "0 s", dash, "192.0.2.11:8100"),
        (name, header, state("gave-up"), "500 ms", dash, "4 s", dash, ""),
        (name, app, state("seen"), dash, "3.5 s", "3.5 s", "200", label("layer-note-by-time", "en")),
    )
    columns = ("request", "layer", "state", "began", "first-byte", "ended", "status", "note")
    assert table.heads == tuple(label(f"column-{column}", "en") for column in columns)
    assert (table.caption, table.note) == (label("layers-caption", "en"), label("layers-note", "en"))
    assert table.numeric == {3, 4, 5, 6}
    # A clock that is behind puts no layer before the request began.
    assert layers_table(waterfall(("nginx", "seen", -0.2, NAN, 1.0, NAN, ""))).rows[0][3] == "0 s"
    assert layers_table(WAITED[:0]).note == label("layers-none", "en")


def test_fates_are_listed_with_their_counts():
    names = ("route", "fate", "baseline", "incident", "app", "app_late", "sure", "example")
    rows = [
        ("/health", "header_timeout", 1000, 2500, 1300, 7, 1200, "ray 1f"),
        ("/health", "served", 4, 5, None, None, 9, "ray 2f"),
    ]
    counts = pd.DataFrame(rows, columns=names).astype({"app": "Int64", "app_late": "Int64"})
    table = fates_table(counts, message("clocks-unknown"))
    late, served = label("fate-header-timeout", "en"), label("fate-served", "en")
    assert table.rows == (
        ("/health", late, "1,000", "2,500", "1,300", "7", "1,200", "ray 1f"),
        ("/health", served, "4", "5", "–", "–", "9", "ray 2f"),
    )
    columns = (
        "endpoint", "fate", "baseline", "incident", "app-responses", "app-late", "joined-surely", "example",
    )  # fmt: skip
    assert table.heads == tuple(label(f"column-{column}", "en") for column in columns)
    assert table.caption == label("fates-caption", "en")
    assert table.note == label("fates-note", "en", clocks=label("clocks-unknown", "en"))
    assert table.numeric == {2, 3, 4, 5, 6}
    assert fates_table(counts[:0], message("clocks-unknown")).note == label("fates-none", "en")


@together(
    ("ahead_s", "way"),
    [
        (0.0004, "same"),
        (-0.0004, "same"),
        (0.0005, "ahead"),
        (-0.0005, "behind"),
        (0.3, "ahead"),
        (-11.0, "behind"),
    ],
)
def test_clocks_are_the_same_within_half_a_millisecond(ahead_s, way):
    said = messages_in(clocks({("Nginx", "edge"): Skew(ahead_s, 0.002, 40)}))
    assert said[f"clock-{way}"] == {
        "one": "Nginx", "other": "edge", "apart": abs(ahead_s), "margin": 0.002, "pairs": 40
    }  # fmt: skip
    assert "clocks-known" in said


def test_without_pairs_the_clocks_are_unknown():
    assert messages_in(clocks({})) == {"clocks-unknown": {}}
