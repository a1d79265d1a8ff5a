"""Single requests and the fates of all, as figure and tables."""

from datetime import UTC, datetime

import pandas as pd
import pytest
from worlds.figure_marks import bars, labels, lines, undrawn
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.health.sections import followed
from watchme_analysis.health.sections.followed import clocks, fates_table, layers_table, plot_waterfall
from watchme_analysis.present import style
from watchme_analysis.stats.clock_skew import Skew
from watchme_analysis.text.message import message
from watchme_analysis.text.render import label
from watchme_analysis.window import parse_zone

NAN = float("nan")
START = datetime(2026, 3, 2, 4, 5, 6, tzinfo=UTC)
TOKYO = parse_zone("Asia/Tokyo")


@pytest.fixture
def no_pictures(monkeypatch):
    monkeypatch.setattr(style, "finish", undrawn)


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


def test_a_waterfall_has_a_bar_for_each_layer_and_a_mark_where_the_application_responded(no_pictures):
    quick = waterfall(("nginx", "seen", 0.01, 0.02, 0.02, 200.0, ""), request="typical")
    picture = plot_waterfall(pd.concat([WAITED, quick]), TOKYO)
    slowest, typical = picture.figure.axes
    assert slowest.get_title(loc="left") == f"{label('request-slowest', 'en')}: GET /health, 03-02 13:05:06"
    assert typical.get_title(loc="left") == f"{label('request-typical', 'en')}: GET /health, 03-02 13:05:06"
    assert bars(slowest) == [
        (style.SKY, 0.0, 0.69, 4.0, 0.62),
        # A bar is at least 0.3 % of the request's 4 s wide.
        (style.ORANGE, 0.0, 1.69, 0.012, 0.62),
        (style.RED, 0.5, 2.69, 3.5, 0.62),
    ]
    assert bars(typical) == [(style.SKY, 0.01, -0.31, 0.01, 0.62)]
    assert [bar.get_hatch() for bar in slowest.patches] == [None, None, "////"]
    assert slowest.patches[2].get_edgecolor() == (1, 1, 1, 1)
    assert {bar.get_linewidth() for bar in slowest.patches} == {0}
    assert lines(slowest) == [("", "D", style.GREEN, [(3.5, 4)])]
    (mark,) = slowest.get_lines()
    assert (mark.get_markersize(), mark.get_linestyle()) == (6, "None")
    layers = [label(f"on-{layer}", "en") for layer in ("edge", "nginx", "connect", "header", "app")]
    # Parts of Nginx's time are marked as such.
    assert labels(slowest, "y") == [*layers[:2], f"· {layers[2]}", f"· {layers[3]}", layers[4]]
    assert slowest.get_ylim() == (4.6, -0.6)
    assert slowest.get_xlim() == pytest.approx((-0.04, 4.08))
    assert typical.get_xlim() == pytest.approx((-0.0002, 0.0204))
    # Seconds for a request of one or longer, else milliseconds.
    assert slowest.xaxis.get_major_formatter()(2.5, 0) == "2.5 s"
    assert typical.xaxis.get_major_formatter()(0.0125, 0) == "12.5 ms"
    assert (slowest.get_xlabel(), typical.get_xlabel()) == (
        "",
        label("waterfall-axis", "en", zone="Asia/Tokyo"),
    )
    assert picture.figure.get_figheight() == pytest.approx(0.62 * 2 + 0.27 * 6)
    assert picture.name == "waterfall"

    responded = label("waterfall-responded", "en", after="3.5 s")
    said = (
        f"{state('not-logged')}: {label('layer-note-no-edge-log', 'en')}",
        "4 s, 504",
        "< 1 ms, 192.0.2.11:8100",
        f"3.5 s, {state('gave-up')}",
        f"{responded}, 200, {label('layer-note-by-time', 'en')}",
    )
    assert [text.get_text().replace("\n", " ") for text in slowest.texts] == list(said)
    slow = ", ".join(f"{layer} {words}" for layer, words in zip(layers, said, strict=True))
    requests = (
        f"{label('request-slowest', 'en')}, GET /health: {slow}; "
        f"{label('request-typical', 'en')}, GET /health: {layers[1]} 10 ms, 200"
    )
    assert picture.alt == label("waterfall-alt", "en", requests=requests)


def texts(*rows):
    """Place, alignment, colour and slope of what is written beside each bar."""
    (axis,) = plot_waterfall(waterfall(*rows), UTC).figure.axes
    return [
        (text.get_text(), round(text.get_position()[0], 6), text.get_ha(), text.get_color(), text.get_style())
        for text in axis.texts
    ]


def test_a_label_stands_to_the_right_of_its_bar_else_to_the_left_else_within(no_pictures):
    whole = ("edge", "seen", 0.0, NAN, 10.0, NAN, "")
    known = (style.BLACK, "normal")
    # A letter takes 0.125 s of 10 s: "1 s" needs 0.375 s. Between bar and label are 0.15 s.
    assert texts(
        whole,
        ("connect", "seen", 8.0, NAN, 9.0, NAN, ""),
        ("header", "seen", 8.7, NAN, 9.7, NAN, ""),
        ("body", "seen", 0.2, NAN, 10.0, NAN, ""),
        ("nginx", "not seen", NAN, NAN, NAN, NAN, message("layer-note-not-at-nginx")),
    ) == [
        ("10 s", 5.0, "center", *known),
        ("1 s", 9.15, "left", *known),
        ("1 s", 8.55, "right", *known),
        ("9.8 s", 5.1, "center", *known),
        (
            f"{state('not-seen')}: {label('layer-note-not-at-nginx', 'en')}",
            0.15, "left", "#666666", "italic",
        ),
    ]  # fmt: skip


def test_a_label_that_exactly_fits_beside_its_bar_stands_there(no_pictures):
    whole = ("edge", "seen", 0.0, NAN, 10.0, NAN, "")
    # "1 s" needs 0.375 s, which lie between 9.625 s and the end, or before 0.375 s.
    places = texts(
        whole,
        ("nginx", "seen", 8.625, NAN, 9.625, NAN, ""),
        ("body", "seen", 0.375, NAN, 10.0, NAN, ""),
    )
    assert [place[1:3] for place in places[1:]] == [(9.775, "left"), (5.1875, "center")]
    # "9.25 s" needs 0.75 s.
    assert texts(whole, ("body", "seen", 0.75, NAN, 10.0, NAN, ""))[1][:3] == ("9.25 s", 0.6, "right")


def test_a_label_within_a_bar_stays_within_the_request(no_pictures):
    whole = ("edge", "seen", 0.0, NAN, 10.0, NAN, "")
    # "1 s, " and 67 letters need 9 s: their middle lies between 4.5 and 5.5 s, whatever that of the bar.
    for begin, end, middle in ((1.0, 2.0, 4.5), (8.0, 9.0, 5.5), (4.5, 5.5, 5.0)):
        written = texts(whole, ("body", "seen", begin, NAN, end, NAN, "n" * 67))[1]
        assert written[1:3] == (middle, "center")


def test_what_is_written_of_the_application_breaks_at_a_comma_if_it_is_long(no_pictures):
    whole = ("edge", "seen", 0.0, NAN, 10.0, NAN, "")
    responded = label("waterfall-responded", "en", after="5 s")
    note = "a note that is long enough to need two lines"
    (_, (text, place, side, *_)) = texts(whole, ("app", "seen", NAN, 5.0, 5.0, 200.0, note))
    # The comma next to the middle; the mark leaves more room than a bar.
    assert (text, place, side) == (f"{responded}, 200,\n{note}", 5.25, "left")
    # Short enough to stand in a line on the left.
    (_, (text, place, side, *_)) = texts(whole, ("app", "seen", NAN, 9.0, 9.0, NAN, ""))
    assert (text, place, side) == (label("waterfall-responded", "en", after="9 s"), 8.75, "right")
    # Late and long: there is room on the left for a line.
    (_, (text, place, side, *_)) = texts(whole, ("app", "seen", NAN, 9.9, 9.9, 200.0, ""))
    assert (place, side) == (9.65, "right")


@together(
    ("text", "lines"),
    [
        ("aaa, bb, cccc", "aaa, bb,\ncccc"),
        ("a,bbbbbb", "a,\nbbbbbb"),
        ("応答、あり", "応答、\nあり"),
        ("none", "none"),
    ],
)
def test_a_text_is_broken_at_the_comma_next_to_its_middle(text, lines):
    assert followed._two_lines(text) == lines


def test_japanese_letters_are_twice_as_wide():
    assert followed._columns("ab応答、Ａ") == 2 + 2 * 4


def test_what_nginx_did_before_the_edge_began_widens_the_axis(no_pictures):
    (axis,) = plot_waterfall(waterfall(("nginx", "seen", -1.0, NAN, 3.0, NAN, "")), UTC).figure.axes
    # From a hundredth of the end below the first moment to 2 % of the whole above its end.
    assert axis.get_xlim() == pytest.approx((-1.03, -1.0 + 4 * 1.02))
    (axis,) = plot_waterfall(waterfall(("nginx", "seen", 0.0, NAN, 0.0, NAN, "")), UTC).figure.axes
    assert axis.get_xlim() == pytest.approx((-1e-5, 0.00102))
    (axis,) = plot_waterfall(waterfall(("nginx", "seen", 0.0, NAN, 1.0, NAN, "")), UTC).figure.axes
    assert axis.xaxis.get_major_formatter()(1.0, 0) == "1 s"


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
