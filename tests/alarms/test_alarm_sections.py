"""Alarms and measures as a reader sees them."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from watchme_analysis import notebook
from watchme_analysis.alarms.backtest import AlarmRun
from watchme_analysis.alarms.sections import (
    backtest_table,
    plot_alarm_sensitivity,
)
from watchme_analysis.alarms.specification import parse_specs
from watchme_analysis.alarms.trials import AlarmBacktest, backtest_frame
from watchme_analysis.errors import InputError
from watchme_analysis.text.render import label
from watchme_analysis.window import parse_zone

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


@pytest.mark.slow
def test_a_healthy_case_says_that_every_ring_is_in_vain(bundled):
    page = notebook.open_alarms(case=str(bundled("backlog-healthy").path))
    assert "No incident" in page.time_to_detect().paragraphs[0]
    assert "no alarm" in page.advice().paragraphs[0]
    with pytest.raises(InputError, match="who is unknown"):
        notebook.open_alarms(case=str(bundled("backlog-healthy").path), who="me")
