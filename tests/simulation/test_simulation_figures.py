"""Tables and figures of simulated measures by cells, points and colours, and the numbers behind them."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from matplotlib.figure import Figure
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.config import LoadSettings
from watchme_analysis.errors import InputError
from watchme_analysis.present import style
from watchme_analysis.simulation import figures, model
from watchme_analysis.simulation.advice import configured
from watchme_analysis.simulation.calibration import Agreement
from watchme_analysis.simulation.fit import Fit, Recorded
from watchme_analysis.simulation.replay import rate_steps
from watchme_analysis.simulation.scenarios import (
    Comparison,
    Estimate,
    Load,
    Scenario,
    compare,
    estimate,
    failing_chances,
    usual_load,
)
from watchme_analysis.simulation.settings import (
    Outcome,
    PollerSettings,
    QueueSettings,
    Settings,
)
from watchme_analysis.simulation.settings import configured as configured_value
from watchme_analysis.simulation.throttling import ThrottlingPoint
from watchme_analysis.text.message import Resource, message
from watchme_analysis.text.render import label, value_label

NOTHING = dict.fromkeys(Outcome.__dataclass_fields__, 0) | {"drained_s": 1.0, "series": (), "done_s": ()}


def row(name, *outcomes):
    """Return the comparison of a measure with these outcomes; what is not named is 0."""
    measure = message("value", value=Resource(name))
    return Comparison(
        Scenario(measure, Settings(), Load((1.0,))),
        tuple(Outcome(**NOTHING | outcome) for outcome in outcomes),
    )


def test_measures_are_rows_of_means_after_the_record():
    recorded = SimpleNamespace(dead_lettered=12.0, peak_age_s=90.0, peak_visible=None)
    outcome = {"dead_lettered": 4, "peak_age_s": 600.0, "behind_s": 120.0}
    drained = row("as is", outcome, outcome)
    left = row("worse", {"duplicates": 7, "behind_s": 60.0}, {"duplicates": 7, "drained_s": None})
    first, second, third = figures.measures_rows([drained, left], recorded)
    # Columns: DLQ, never failed, lost, duplicates, backlog, oldest in minutes, drained after minutes.
    assert first == (label("measures-recorded", "en"), "12", "–", "–", "–", "–", "1.5", "–")
    assert second == ("as is", "4", "0", "0", "0", "0", "10", "2.0")
    assert third == ("worse", "0", "0", "0", "7", "0", "0.0", label("measures-not-drained", "en"))
    assert figures.measures_rows([drained], None) == [second]
    table = figures.measures_table([drained, left], recorded)
    assert table.rows == (first, second, third)
    names = (
        "measure", "in-dlq", "never-failed", "work-lost", "done-twice", "peak-backlog", "oldest-min",
        "drain-min",
    )  # fmt: skip
    assert table.heads == tuple(label(f"column-{name}", "en") for name in names)
    assert table.numeric == set(range(1, 8)) and table.caption == label("measures-caption", "en")
    assert label("measures-note", "en") in table.note
    assert figures.measures_table([]).note.startswith(label("measures-runs", "en", count=0))


def test_recorded_and_simulated_figures_stand_side_by_side():
    near = Agreement("dead_lettered", 12.0, 11.5, True, 11.0, 12.0)
    far = Agreement("peak_age_s", 60.0, 600.0, False, 600.0, 600.0)
    shown = figures.agreement_table([("jobs", near), ("more", far)])
    between = label("losses-between", "en", start="11", end="12")
    dead, age = (value_label("agreement-figure", name, "en") for name in ("dead_lettered", "peak_age_s"))
    assert shown.rows == (
        ("jobs", dead, "12", "11.5", between, label("agreement-near", "en")),
        ("more", age, "60 s", "10 min", "10 min", label("agreement-far", "en")),
    )  # fmt: skip
    names = ("queue", "figure", "recorded", "simulated", "single-runs", "within-a-fifth")
    assert shown.heads == tuple(label(f"column-{name}", "en") for name in names)
    assert (shown.note, shown.numeric) == ("", {2, 3, 4})
    assert figures.agreement_table([]).note == label("agreement-none", "en")


def points(*estimates, unit=1.0):
    figures._points(axis := Figure().subplots(), estimates, unit)
    return axis


def test_points_are_coloured_where_their_interval_is_clear_of_the_base():
    axis = points(
        Estimate(100.0, 5.0, 3), Estimate(50.0, 49.0, 3), Estimate(50.0, 50.0, 3), Estimate(None, None, 0),
        Estimate(150.0, 49.0, 3), Estimate(150.0, None, 1), unit=10.0,
    )  # fmt: skip
    base, *drawn = axis.get_lines()
    assert list(base.get_xdata()) == [10.0, 10.0] and base.get_color() == style.GREY
    markers = [line for line in drawn if line.get_marker() in ("o", "<", ">")]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in markers] == [
        (10.0, 0), (5.0, 1), (5.0, 2), (15.0, 4), (15.0, 5)
    ]  # fmt: skip
    better, worse = ("<", style.GREEN), (">", style.RED)
    open_ = ("o", style.BLACK)
    assert [(line.get_marker(), line.get_color()) for line in markers] == [open_, better, open_, worse, open_]
    spans = [bar.get_segments()[0][:, 0].tolist() for bar in axis.collections]
    expected = ([9.5, 10.5], [0.1, 9.9], [0, 10], [10.1, 19.9], [15, 15])
    assert spans == [pytest.approx(pair) for pair in expected]
    assert axis.get_xlim() == (-0.4, 30.0)
    assert axis.get_xscale() == "symlog"


@together(
    ("top", "ticks", "names"),
    [
        (0.0, [0.0, 1.0], ["0", "1"]),
        (5.0, [0.0, 1.0, 10.0], ["0", "1", "10"]),
        (50.0, [0.0, 1.0, 10.0, 100.0], ["0", "1", "10", "100"]),
        (500.0, [0.0, 1.0, 100.0], ["0", "1", "100"]),  # every second of too many
        (5000.0, [0.0, 1.0, 100.0, 10_000.0], ["0", "1", "100", "10k"]),
    ],
)
def test_powers_of_ten_are_labelled_as_far_as_they_fit(top, ticks, names):
    axis = points(Estimate(top, 0.0, 3))
    assert list(axis.xaxis.get_major_locator()()) == ticks
    assert axis.xaxis.get_major_formatter().seq == names
    assert axis.get_xlim()[1] == max(2 * top, 2.0)


def test_without_means_only_the_axis_is_drawn():
    axis = points(Estimate(None, None, 0))
    assert not axis.get_lines() and axis.get_xlim() == (-0.4, 2.0)


def throttling(patience_s=0.0, mean=10.0, half=1.0, limit="reserved", retry_s=5.0, backs_off=True):
    return ThrottlingPoint(limit, 300.0, patience_s, retry_s, backs_off, Estimate(mean, half, 3))


def test_throttling_is_said_as_shares_by_what_is_documented():
    maximum = [throttling(300.0, 2.0, limit="maximum"), throttling(300.0, 3.0, limit="maximum")]
    reserved = [
        throttling(300.0, 0.0), throttling(300.0, 1.0), throttling(0.0, 40.0), throttling(150.0, 40.0),
        throttling(0.0, 60.0, backs_off=False), throttling(300.0, None, backs_off=False),
    ]  # fmt: skip
    most, said = figures.throttling_sentences([*maximum, *reserved])
    assert messages_in(most) == {"throttling-maximum-some": {"limit": 2, "share": 0.03}}
    values = messages_in(said)["throttling-reserved"]
    assert (values["limit"], values["visibility"], values["losing"], values["count"]) == (2, 300.0, 4, 6)
    shares = {name: messages_in(said.values[name]) for name in ("documented", "earlier", "scaling")}
    assert shares == {
        "documented": {"losses-between": {"start": 0.0, "end": 0.01}},
        "earlier": {"value": {"value": 0.4}},
        "scaling": {"losses-between": {"start": 0.0, "end": 0.6}},
    }


@together(
    ("found", "unit", "text"),
    [
        (Estimate(None, None, 0), 1.0, "none"),
        (Estimate(9.94, None, 1), 1.0, "10"),
        (Estimate(9.5 * 60, 0.0, 2), 60.0, "9.5"),
        (Estimate(10.0 * 60, 0.0, 2), 60.0, "10"),
        (Estimate(5.0, 1.0, 2), 1.0, "5 ± 1"),
        (Estimate(5.0, 0.99, 2), 1.0, "5.0 ± 1.0"),
        (Estimate(5.0, 0.01, 2), 1.0, "5.0 ± <0.1"),
        (Estimate(1234.0, 12.0, 2), 1.0, "1,234 ± 12"),
    ],
)
def test_an_estimate_has_as_many_decimals_as_its_interval(found, unit, text):
    assert found.text(unit) == text


def test_an_estimate_has_bounds_where_it_has_an_interval():
    assert (Estimate(5.0, 2.0, 2).low, Estimate(5.0, 2.0, 2).high) == (3.0, 7.0)
    for found in (Estimate(5.0, None, 1), Estimate(None, None, 0)):
        assert (found.low, found.high) == (None, None)
    assert estimate([4.0, 4.0, None]) == Estimate(4.0, 0.0, 2)
    drained = row("x", {"behind_s": 60.0}, {"behind_s": 90.0, "drained_s": None})
    assert drained.drain_s() == Estimate(60.0, None, 1)


def test_senders_send_together_or_spread_over_their_interval():
    spread = usual_load(LoadSettings(30, 1800.0, together=False))
    assert spread == Load((1.0,) * 480, groups=30)
    # Each half hour, that is in every thirtieth minute, thirty messages.
    together_ = usual_load(LoadSettings(30, 1800.0, together=True))
    assert together_ == Load(tuple(30.0 if minute % 30 == 0 else 0.0 for minute in range(480)), groups=30)
    often = usual_load(LoadSettings(3, 30.0, together=True))
    assert often.counts == (6.0,) * 480


def test_groups_fail_by_their_share_of_the_failures():
    assert failing_chances(Load((1.0,), failing_share=0.1)) == []
    # A quarter of the messages has all failures: four times as many of its messages fail.
    chances = failing_chances(
        Load((1.0,), groups=2, failing_share=0.1, shares=(1.0, 3.0), failing_shares=(1.0, 0.0))
    )
    assert chances == [pytest.approx(0.4), 0.0]
    even = failing_chances(Load((1.0,), groups=2, failing_share=0.8, failing_shares=(1.0, 0.0)))
    assert even == [1.0, 0.0], "at most all of them"
    none = failing_chances(
        Load((1.0,), groups=2, failing_share=0.1, shares=(0.0, 1.0), failing_shares=(1.0, 1.0))
    )
    assert none == [0.0, pytest.approx(0.05)]


def test_replications_are_numbered_from_the_seed_and_the_default_is_twenty():
    one = Scenario("a", Settings(), Load((3.0,)))
    assert [len(found.outcomes) for found in compare([one])] == [20]
    first, second = (compare([one], 2, seed)[0].outcomes for seed in (0, 1))
    assert first != second
    with pytest.raises(InputError):
        compare([one], 0)


def test_a_model_shows_its_notes_measures_and_agreement():
    fitted = Fit(Settings(), Load((1.0,)), (message("fit-capacity"),), (message("fit-no-redrive-policy"),))
    found = model.Model(SimpleNamespace(queue="jobs"), Recorded(1.0, 4.0, None, None), fitted)
    assert [note.id for note in found.notes] == ["fit-no-redrive-policy", "fit-capacity"]
    assert next(iter(found.scenarios)).name == "as configured"
    [(queue, agreement)] = found.agreements(row("x", {"dead_lettered": 4}))
    assert (queue, agreement) == ("jobs", Agreement("dead_lettered", 4.0, 4.0, True, 4, 4))


@together(
    ("settings", "ids"),
    [
        (
            Settings(),
            ["measure-function-timeout", "measure-visibility-timeout", "simulated-no-limit",
             "measure-receives", "simulated-batches"],
        ),
        (
            Settings(QueueSettings(max_receive_count=None, is_fifo=True), PollerSettings(max_concurrency=2)),
            ["measure-function-timeout", "measure-visibility-timeout", "measure-maximum-concurrency",
             "simulated-no-dlq", "simulated-batches", "simulated-fifo"],
        ),
        (
            Settings(poller=PollerSettings(max_concurrency=2, reserved_concurrency=3)),
            ["measure-function-timeout", "measure-visibility-timeout", "measure-maximum-concurrency",
             "simulated-reserved-concurrency", "measure-receives", "simulated-batches"],
        ),
    ],
)  # fmt: skip
def test_settings_are_said_with_their_limits(settings, ids):
    said = messages_in(configured(settings))
    assert said["simulated-settings"] == {"settings": ids}
    assert said["measure-function-timeout"] == {"seconds": 30}
    assert said["measure-visibility-timeout"] == {"seconds": 300}
    assert said["simulated-batches"] == {"messages": 1}
    if settings.poller.max_concurrency is not None:
        assert said["measure-maximum-concurrency"] == {"limit": 2}


def test_the_value_of_a_field_is_found_where_it_is_configured():
    settings = Settings(QueueSettings(7.0), PollerSettings(max_concurrency=9), function_timeout_s=5.0)
    names = ("function_timeout_s", "visibility_timeout_s", "max_concurrency", "reserved_concurrency")
    assert [configured_value(settings, name) for name in names] == [5.0, 7.0, 9, None]
    with pytest.raises(AttributeError, match="colour"):
        configured_value(settings, "colour")


@together(
    "changes",
    [
        {"queue": QueueSettings(0.0)},
        {"queue": QueueSettings(retention_s=-1.0)},
        {"queue": QueueSettings(max_receive_count=0)},
        {"poller": PollerSettings(batch_size=0)},
        {"poller": PollerSettings(start_batches=0)},
        {"poller": PollerSettings(max_concurrency=0)},
        {"poller": PollerSettings(reserved_concurrency=0)},
        {"poller": PollerSettings(throttle_retry_s=0.0)},
        {"function_timeout_s": float("nan")},
        {"horizon_s": 0.0},
    ],
)
def test_times_and_counts_of_nothing_are_refused(changes):
    with pytest.raises(InputError):
        Settings(**changes)
    assert Settings(queue=replace(QueueSettings(), max_receive_count=None))


def test_rates_are_counted_in_steps():
    assert rate_steps([]) == () and rate_steps([0.0, 0.0]) == ((0.0, 2),)
    assert rate_steps([1.0, 10.0]) == tuple((float(end), int(end in (2, 10))) for end in range(1, 11))


def test_measures_are_drawn_in_panels_with_their_names_from_above():
    base = row("as is", {"dead_lettered": 4, "duplicates": 1, "peak_age_s": 600.0})
    picture = figures.plot_measures([base, row("a better measure", {"dead_lettered": 0})])
    assert picture.name == "measures"
    first, *_, last = picture.figure.axes
    names = ("dead_lettered", "duplicates", "peak_age_s")
    titles = [axis.get_title("left") for axis in picture.figure.axes]
    assert titles == [value_label("measures-panel", name, "en") for name in names]
    assert [tick.get_text() for tick in first.get_yticklabels()] == ["as is", "a better measure"]
    assert first.get_ylim() == (1.5, -0.5)
    # The age is shown in minutes.
    assert [line.get_xdata()[0] for line in last.get_lines()[:1]] == [10.0]
    for figure, value in zip(names, ("4", "1", "10"), strict=True):
        assert value_label("measures-panel", figure, "en") in picture.alt and value in picture.alt
    none = figures.plot_measures([])
    assert (none.name, none.words) == ("measures", (label("measures-figure-none", "en"),))
