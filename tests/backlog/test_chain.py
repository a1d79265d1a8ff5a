"""Which signal is the consequence of which, and what follows for cause, secondary cause, start and end."""

from datetime import UTC, datetime, timedelta

import pytest
from worlds.backlog_corpus import read
from worlds.together import together

from watchme_analysis.backlog.chain import LINKS, SIGNALS, QueueSignals, explain
from watchme_analysis.backlog.judge import judge
from watchme_analysis.backlog.signals.queue_context import QueueObservation, Span

START = datetime(2026, 7, 4, 5, tzinfo=UTC)
PERIOD_S = 60


def minute(number):
    return None if number is None else START + timedelta(minutes=number)


def seen(signal, first=None, end=None, until=None, strength=1.0, event=None):
    """Return an observation that lasted from one minute to another, or one without a time."""
    span = None
    if first is not None:
        span = Span(*[minute(first)] * 2, minute(first - 1), minute(first + 1), minute(end), minute(until))
    return QueueObservation(signal, "", "metrics", 1, strength=strength, queue="jobs", span=span, event=event)


def queue(*observations):
    return QueueSignals("jobs", PERIOD_S, True, observations)


SURGE = seen("arrivals_rose", 0, 90, 200)
FAILING = seen("all_invocations_fail", 20, 90)
OFF = seen("unpolled", 95), seen("mapping_off", 95)
LET_LOOSE = seen("unpolled", 0, 90, 200), seen("mapping_changed", 0, event="x")


@together(
    ("surge", "timeouts", "explained"),
    [
        ((0, 90, 200), (30, 120), True),  # in the midst of it
        ((0, 90, 200), (150, 180), True),  # after it, while its backlog is worked off
        ((0, 90, 200), (300, 320), False),  # after its backlog was drained
        ((0, 90, None), (300, 320), True),  # its backlog was never drained
        ((32, 90, 200), (30, 120), True),  # within two intervals, which date both
        ((40, 90, 200), (30, 120), False),  # before it
    ],
)
def test_a_signal_is_explained_by_an_earlier_one_that_still_acts(surge, timeouts, explained):
    after = explain(queue(seen("arrivals_rose", *surge), seen("errors_timeout", *timeouts)))
    assert [pair[:2] for pair in after.explained] == [("arrivals_rose", "errors_timeout")] * explained


@pytest.mark.parametrize(
    ("observations", "cause", "secondary"),
    [
        ([SURGE, seen("errors_timeout", 20, 90), FAILING], "arrival_surge", "downstream_saturated"),
        ([seen("arrivals_usual"), seen("errors_timeout", 20, 90), FAILING], "downstream_slow", None),
        (
            [seen("duration_drifts", 0), seen("errors_unreachable", 20), FAILING],
            "slow_leak",
            "downstream_down",
        ),
        ([seen("errors_of_function", 20, 90), FAILING, *OFF], "consumer_failing", "mapping_disabled"),
        ([*LET_LOOSE, seen("errors_timeout", 91, 150)], "mapping_disabled", "downstream_saturated"),
    ],
)
def test_the_leading_cause_is_named_with_what_it_set_off(observations, cause, secondary):
    found = judge([queue(*observations)])
    assert (found.cause, found.secondary_cause) == (cause, secondary)


def test_links_name_signals_that_detectors_return():
    assert {name for link in LINKS for name in (*link.signals, *link.acts_on)} <= SIGNALS.keys()


@pytest.mark.slow
def test_recorded_cases_are_right_and_thin_evidence_names_no_other_cause():
    """With metrics, logs or the state of queues alone, the true cause is named, or none."""
    wrong = []
    for line, queues, undoing in read():
        cause = judge(queues, undoing).cause
        is_right = cause in line["truth"]["accepted"]
        is_complete = line["variant"] == "complete"
        if not is_right and (line["set"] == "shared" if is_complete else cause is not None):
            wrong.append((line["case"], line["variant"], cause))
    assert wrong == []
