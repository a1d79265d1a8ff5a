"""Alarms and measures as a reader sees them."""

import os
import sys
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from worlds.messages import messages_in

from watchme_analysis import notebook
from watchme_analysis.alarms.backtest import AlarmRun
from watchme_analysis.alarms.sections import (
    backtest_table,
    plot_alarm_sensitivity,
    plot_alarm_times,
)
from watchme_analysis.alarms.specification import parse_specs
from watchme_analysis.alarms.trials import AlarmBacktest, backtest_frame
from watchme_analysis.errors import InputError
from watchme_analysis.notebook import what_if
from watchme_analysis.present import style
from watchme_analysis.simulation.calibration import Agreement
from watchme_analysis.simulation.figures import (
    agreement_table,
    measures_table,
    plot_measures,
    plot_throttling,
    throttling_sentences,
)
from watchme_analysis.simulation.scenarios import Estimate, Load, Scenario, compare
from watchme_analysis.simulation.settings import Settings
from watchme_analysis.simulation.throttling import ThrottlingPoint
from watchme_analysis.text.message import Choice, Duration, Share, message
from watchme_analysis.text.render import label, render
from watchme_analysis.window import Window, parse_zone

START = datetime(2025, 12, 11, 1, 0, tzinfo=UTC)
TOKYO = parse_zone("Asia/Tokyo")
HOUR = timedelta(hours=1)
[SPEC] = parse_specs(
    {
        "alarms": [
            {"name": "dead", "over": "dlq", "metric": "M", "stat": "Sum", "period_s": 60, "threshold": 1}
        ]
    }
)


def tried(*raised, resource="a-dlq"):
    return AlarmBacktest(SPEC, resource, AlarmRun(tuple(raised), None))


def test_a_back_test_names_rings_pages_and_silence():
    rang = tried((START + HOUR, START + 2 * HOUR), (START + 3 * HOUR, None))
    absent = AlarmBacktest(SPEC, "c-dlq", None, "M is not in the case.")
    frame = backtest_frame([rang, tried(resource="b-dlq"), absent], START, 86_400.0, START + 4 * HOUR)
    shown = backtest_table(frame, TOKYO)
    [row] = shown.rows
    assert row[:3] == ("dead", "a-dlq", "2025-12-11 11:00")
    assert row[4:] == ("1 h", "3 h", "2", "0")
    assert "Never fired: dead (1)" in shown.note
    assert "M is not in the case" in shown.note
    unknown = backtest_table(backtest_frame([rang], START, 86_400.0), TOKYO)
    assert "before people" not in unknown.heads
    assert "note" not in unknown.heads
    doubted = AlarmBacktest(SPEC, "a-dlq", rang.run, "M was recorded once in five minutes.")
    noted = backtest_table(backtest_frame([doubted], START, 86_400.0), TOKYO)
    assert noted.rows[0][noted.heads.index("note")] == doubted.note


def test_an_alarm_detects_an_incident_that_it_overlaps_unless_it_began_long_before():
    for begun, cleared, minutes in (
        (-HOUR, timedelta(0), None),  # cleared as the incident began
        (-HOUR, timedelta(minutes=1), 0.0),
        (-HOUR - timedelta(seconds=1), HOUR, None),
        (HOUR, 2 * HOUR, 60.0),
    ):
        [row] = backtest_frame([tried((START + begun, START + cleared))], START, 86_400.0).itertuples()
        assert row.false_a_week == (7.0 if minutes is None else 0.0)
        assert minutes is None or row.minutes_after_start == minutes


def test_the_time_axis_of_rings_is_the_readers():
    span = style.AxisSpan(Window(START, START + 6 * HOUR), TOKYO, (START, None))
    picture = plot_alarm_times([("dead\na-dlq", ((START + HOUR, None),))], span, START + 2 * HOUR)
    assert "time (Asia/Tokyo), 2025-12-11" in picture.words
    assert any("people noticed" in word for word in picture.words)
    assert plot_alarm_times([], span).words == ("No alarm fired in this window.",)


def test_a_threshold_that_never_rings_is_drawn_as_never():
    parts = []
    for threshold, rings in ((1.0, ((START + HOUR, None),)), (2.0, ())):
        frame = backtest_frame([tried(*rings)], START, 86_400.0)
        limit = {"threshold": threshold, "threshold_unit": "s"}
        parts.append(frame.assign(**limit, datapoints_to_alarm=1, evaluation_periods=1))

    picture = plot_alarm_sensitivity(pd.concat(parts))
    assert "never" in picture.words
    assert (picture.name, picture.figure.axes[0].get_title("left")) == ("sensitivity", "dead, a-dlq")
    assert picture.figure.axes[-1].get_xlabel() == label("sensitivity-axis", "en")
    assert "dead on a-dlq: 1 h after the start" in picture.alt
    assert "1 s" in picture.words
    assert plot_alarm_sensitivity(parts[1]).words[0].startswith("No threshold or M of N makes")


@pytest.fixture(scope="module")
def found():
    load = Load((30.0,) * 2)
    return compare([Scenario("as configured", Settings(), load), Scenario("again", Settings(), load)], 3)


def test_every_figure_of_a_measure_has_its_interval(found):
    shown = measures_table(found)
    assert [row[0] for row in shown.rows] == ["as configured", "again"]
    assert any("±" in cell for row in shown.rows for cell in row[1:])
    # What all runs came to has no interval: "0 ± 0" would only be harder to read.
    assert not any(cell.startswith("0 ±") for row in shown.rows for cell in row[1:])
    assert shown.note.startswith(label("measures-runs", "en", count=3))
    note = measures_table(compare([found[0].scenario], 1)).note
    assert note.startswith(label("measures-runs", "en", count=1))


@pytest.mark.slow
def test_measures_are_drawn_by_name(found):
    picture = plot_measures(found)
    figures = ("dead-lettered", "duplicates", "peak-age-s")
    heads = {label(f"measures-panel-{name}", "en") for name in figures}
    assert {"as configured", "again", *heads} <= set(picture.words)
    assert "mathdefault" not in " ".join(picture.words)
    assert plot_measures(()).words == (label("measures-figure-none", "en"),)


def test_throttling_is_said_loudly_where_it_loses():
    points = [
        ThrottlingPoint("reserved", 300.0, patience_s, 5.0, True, Estimate(share, 1.0, 3))
        for patience_s, share in ((0.0, 40.0), (300.0, 2.0))
    ]
    points += [
        ThrottlingPoint("reserved", 300.0, 300.0, 5.0, False, Estimate(60.0, 1.0, 3)),
        ThrottlingPoint("maximum", 300.0, 300.0, 5.0, True, Estimate(0.0, 0.0, 3)),
    ]
    picture = plot_throttling(points)
    alt = picture.alt
    assert picture.name == "throttling"
    [axis] = picture.figure.axes
    assert axis.get_title("left") == label("throttling-panel", "en", seconds=300)
    assert axis.get_xlabel() == label("throttling-axis-tried", "en")
    assert (axis.get_ylabel(), axis.get_ylim()) == (label("throttling-axis-share", "en"), (-3.0, 100.0))
    # A line for each poller and interval, and the maximum concurrency across.
    drawn = [(list(line.get_xdata()), list(line.get_ydata())) for line in axis.get_lines()]
    assert ([0.0, 300.0], [40.0, 2.0]) in drawn and ([300.0], [60.0]) in drawn
    maximum = axis.get_lines()[-1]
    assert (list(maximum.get_ydata()), maximum.get_color()) == ([0.0, 0.0], style.BLACK)
    lines = [
        label("throttling-line", "en", limit=2, poller=Choice(poller), interval=Duration(5.0))
        for poller in ("backs_off", "scales")
    ]
    legend = [text.get_text() for text in picture.figure.legends[0].get_texts()]
    assert sorted(legend) == sorted([*lines, label("throttling-line-maximum", "en", limit=2)])
    none, reserved = throttling_sentences(points)
    assert none.id == "throttling-maximum-none"
    said = messages_in(reserved)["throttling-reserved"]
    assert (said["losing"], said["count"], said["visibility"]) == (3, 3, 300.0)
    assert reserved.values["documented"] == message("value", value=Share(0.02))
    assert render(reserved) in alt


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"replications": 1}, "replications is 1"),
        ({"seed": -1}, "seed is -1"),
        ({"runs": 3}, "runs is unknown"),
    ],
)
def test_malformed_parameters_of_a_what_if_are_refused(shorter, parameters, said):
    with pytest.raises(InputError, match=said):
        notebook.open_what_if(case=str(shorter.path), **parameters)


@pytest.mark.slow
def test_a_healthy_case_says_that_every_ring_is_in_vain(bundled):
    page = notebook.open_alarms(case=str(bundled("backlog-healthy").path))
    assert "No incident" in page.time_to_detect().paragraphs[0]
    assert "no alarm" in page.advice().paragraphs[0]
    with pytest.raises(InputError, match="who is unknown"):
        notebook.open_alarms(case=str(bundled("backlog-healthy").path), who="me")


def test_single_runs_that_came_to_the_same_are_reported_once():
    agreements = [
        ("q", Agreement("dead_lettered", 991.0, 991.0, True, 991.0, 991.0)),
        ("q", Agreement("peak_visible", 20.0, 21.0, True, 19.0, 24.0)),
    ]
    shown = agreement_table(agreements)
    assert [row[shown.heads.index("single simulations")] for row in shown.rows] == ["991", "19 to 24"]


def test_a_script_is_not_run_again_by_processes_that_simulate(monkeypatch):
    main = sys.modules["__main__"]
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(main, "__file__", "script.py", raising=False)
    assert what_if._processes() == 1
    monkeypatch.delattr(main, "__file__")
    assert what_if._processes() == 8
