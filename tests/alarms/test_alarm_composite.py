"""Composite alarms, actions, and percentiles of few samples."""

import pandas as pd
import pytest
from worlds.backlog_world import START
from worlds.together import together

from watchme_analysis.alarms.backtest import History, Rule, backtest, run_of_states, samples_needed
from watchme_analysis.alarms.composite import composite_run, parse_rule
from watchme_analysis.errors import InputError

MINUTE = pd.Timedelta(minutes=1)


def run(states, first=0):
    index = pd.date_range(START + first * MINUTE, periods=len(states), freq="60s")
    words = {"A": "ALARM", "O": "OK", "I": "INSUFFICIENT_DATA"}
    return run_of_states(pd.Series([words[state] for state in states], index=index, dtype="string"))


@together(
    ("rule", "holds"),
    [
        ('ALARM("a") AND ALARM("b")', False),
        ("ALARM(a) OR ALARM(b)", True),
        ("ALARM(a) AND NOT ALARM(b)", True),
        ("NOT ALARM(a) OR OK(b)", True),
        ("NOT (ALARM(a) OR OK(b))", False),
        ("ALARM(b) AND ALARM(b) OR ALARM(a)", True),  # AND binds closer
        ("ALARM(b) AND (ALARM(b) OR ALARM(a))", False),
        ("INSUFFICIENT_DATA('c c')", True),
        ("alarm(a) and true", True),
        ("FALSE", False),
        ('ALARM("arn:aws:cloudwatch:ap-southeast-2:123456789012:alarm:a")', True),
    ],
)
def test_a_rule_is_read_with_its_precedence(rule, holds):
    assert parse_rule(rule).holds({"a": "ALARM", "b": "OK"}) is holds


@together("rule", ["", "ALARM(a) AND", "ALARM(a) ALARM(b)", "RINGS(a)", "(ALARM(a)", "ALARM()"])
def test_a_rule_that_can_not_be_read_is_refused_in_a_sentence(rule):
    with pytest.raises(InputError, match="can't be read"):
        parse_rule(rule)


def test_a_composite_alarm_follows_the_states_of_others():
    runs = {"a": run("OAAAO"), "b": run("OAO", first=1)}
    both = composite_run(parse_rule("ALARM(a) AND ALARM(b)"), runs)
    assert [tuple((each - START) / MINUTE for each in pair) for pair in both.raised] == [(2, 3)]
    # A state holds until its next evaluation, and before the first there is none.
    assert composite_run(parse_rule("INSUFFICIENT_DATA(b) OR FALSE AND OK(a)"), runs).states.tolist()[:2] == [
        "ALARM",
        "OK",
    ]
    assert composite_run(parse_rule("ALARM(unknown)"), runs).raised == ()


@pytest.mark.parametrize(("stat", "needed"), [("p99", 1000), ("p50", 20), ("p90", 100), ("p10", 100)])
def test_a_percentile_needs_so_many_samples(stat, needed):
    assert samples_needed(stat) == pytest.approx(needed)


def test_few_samples_keep_the_state_where_they_are_ignored():
    index = pd.date_range(START, periods=6, freq="60s")
    values = pd.Series([1.0, 99.0, 99.0, 99.0, 1.0, 1.0], index=index)
    samples = pd.Series([2000.0, 10.0, 10.0, 2000.0, 10.0, 2000.0], index=index)
    always = backtest(History(values, "p99", 60), Rule(60, 50.0), None, samples)
    waiting = backtest(History(values, "p99", 60), Rule(60, 50.0, low_samples="ignore"), None, samples)
    assert [int((begin - START) / MINUTE) for begin, _ in always.raised] == [2]
    assert [tuple(int((each - START) / MINUTE) for each in pair) for pair in waiting.raised] == [(4, 6)]
    with pytest.raises(InputError, match="low_samples"):
        backtest(History(values, "p99", 60), Rule(60, 50.0, low_samples="guess"))
