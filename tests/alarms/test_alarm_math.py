"""Metric math: what alarms compute from several metrics."""

import numpy as np
import pandas as pd
import pytest
from worlds.backlog_world import START
from worlds.together import together

from watchme_analysis.alarms.backtest import History, Rule, backtest_math
from watchme_analysis.alarms.metric_math import calculate
from watchme_analysis.errors import InputError

INDEX = pd.date_range(START, periods=4, freq="60s")
NONE = np.nan


def points(*values):
    return pd.Series(values, index=INDEX, dtype="float64")


SERIES = {"m1": points(1, NONE, 4, NONE), "m2": points(2, 5, 0, NONE)}


@together(
    ("expression", "expected"),
    [
        ("m1 + m2", [3, 5, 4, NONE]),  # one missing side is 0, two are no point
        ("100 * m1 / m2", [50, 0, NONE, NONE]),  # divided by zero there is no point
        ("FILL(m1, 0)", [1, 0, 4, 0]),
        ("FILL(m1, REPEAT)", [1, 1, 4, 4]),
        ("FILL(m1, LINEAR)", [1, 2.5, 4, NONE]),
        ("SUM([m1, m2])", [3, 5, 4, NONE]),
        ("AVG([m1, m2])", [1.5, 5, 2, NONE]),
        ("MAX([m1, m2])", [2, 5, 4, NONE]),
        ("IF(m2 > 1, 7, m1)", [7, 7, 4, NONE]),
        ("-(m2 - 3)^2", [-1, -4, -9, NONE]),
        ("ABS(m2 - 4)", [2, 1, 4, NONE]),
        ("8", [8, 8, 8, 8]),
        ("IF(1, m1, m2)", [1, NONE, 4, NONE]),
    ],
)
def test_operations_follow_the_rules_for_missing_points(expression, expected):
    assert calculate(expression, SERIES).tolist() == pytest.approx(expected, nan_ok=True)


@together(
    "expression",
    ["m3 + 1", "m1 +", "RATE(m1)", "ANOMALY_DETECTION_BAND(m1, 2)", "m1.index", "FILL(m1)", "SUM(m1)"],
)
def test_what_is_not_known_is_refused_in_a_sentence(expression):
    with pytest.raises(InputError, match="known are"):
        calculate(expression, SERIES)


def test_an_alarm_over_an_expression_sees_sliding_sums():
    index = pd.date_range(START, periods=30, freq="60s")
    runs = pd.Series(10.0, index=index)
    errors = pd.Series({index[12]: 6.0})
    histories = {"e": History(errors, "Sum", 60), "i": History(runs, "Sum", 60)}
    rule = Rule(300, 10.0, treat_missing_data="notBreaching")
    run = backtest_math("100 * e / i", histories, rule, (START.to_pydatetime(), None))
    # Six of fifty runs: 12 % from the minute after the errors until the window has left them.
    [(begin, cleared)] = run.raised
    assert (begin - START).total_seconds() == 13 * 60
    assert (cleared - START).total_seconds() == 18 * 60


@together(
    ("expression", "expected"),
    [
        ("m1 - m2", [-1, -5, 4, NONE]),
        ("m1 * m2", [2, 0, 0, NONE]),
        ("m1 >= 1", [1, NONE, 1, NONE]),  # a number adds no point
        ("m1 == 4", [0, NONE, 1, NONE]),
        ("MIN([m1, m2])", [1, 5, 0, NONE]),
        ("CEIL(m1 / 3)", [1, NONE, 2, NONE]),
        ("FLOOR(m1 / 3)", [0, NONE, 1, NONE]),
        ("IF(m1 > 1, m2, 9)", [9, NONE, 0, NONE]),
        ("fill(m1, m2)", [1, 5, 4, NONE]),
    ],
)
def test_each_operator_and_function(expression, expected):
    assert calculate(expression, SERIES).tolist() == pytest.approx(expected, nan_ok=True)


def test_expressions_without_series_are_empty_and_long_ones_are_refused():
    assert calculate("1 + 1", {}).empty
    assert calculate("m1 " + " " * 9_997, SERIES).tolist()[0] == 1.0
    for expression in ("m1" + " " * 9_999, "1 < m1 < 2", "'text'", "ABS(m1, m2)", "IF(m1, 2)", "not m1"):
        with pytest.raises(InputError):
            calculate(expression, SERIES)
