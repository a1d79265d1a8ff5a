"""Detectors of one pipeline, each on a frame that shows what it looks for and on one that does not."""

import math
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from worlds.together import together

from watchme_analysis.queues.pipeline import COLUMNS, Pipeline, RecordedSettings
from watchme_analysis.queues.pipeline_anomalies import (
    around_most,
    clustering,
    find_failures,
    find_slow_invocations,
    find_surge,
    find_throttles,
    find_unpolled,
    lasting_rise,
    messages_a_run,
    run_times,
    timed_out_share,
    without_sporadic_failures_before,
)
from watchme_analysis.stats.intervals import Interval

START = pd.Timestamp("2026-03-02T04:00:00Z")


def at(minute):
    return (START + pd.Timedelta(minutes=minute)).to_pydatetime()


def pipeline(minutes=1000, settings=RecordedSettings(max_receive_count=3), **columns):  # noqa: B008 - frozen
    """Return a queue to which a message a minute is sent that runs well in a second, but for some columns."""
    index = pd.date_range(START, periods=minutes, freq="60s")
    frame = pd.DataFrame(0.0, index=index, columns=[*COLUMNS, "tried", "failed"])
    usual = dict.fromkeys(("sent", "received", "deleted", "invocations", "tried"), 1.0)
    for name, values in (usual | {"duration_avg_s": 1.0, "duration_max_s": 1.2} | columns).items():
        frame[name] = values
    return Pipeline("jobs", "worker", None, 60, frame, settings, queried=frozenset(COLUMNS))


def within(first, last, value, minutes=1000, each=1, other=0.0):
    """Return values of all minutes, with another value in each n-th of those between two."""
    values = np.full(minutes, float(other))
    values[first:last:each] = value
    return values


def test_failures_that_rise_are_found_with_their_bounds_and_counts():
    found = find_failures(pipeline(failed=within(400, 500, 1.0)), dead_lettered=30)
    assert (found.start, found.end, found.count, found.base) == (at(400), at(500), 100.0, 100.0)


def test_failures_that_follow_within_three_intervals_belong_to_the_rise():
    failed = within(400, 500, 1.0)
    failed[[502, 505, 520]] = 1.0
    assert find_failures(pipeline(failed=failed), dead_lettered=30).end == at(506)


@together(
    ("failed", "dead", "reported"),
    [
        (within(400, 404, 1.0), 0, False),  # too few
        (within(400, 409, 1.0), 2, False),  # two messages of three tries each, and what comes with them
        (within(400, 409, 1.0), 3, True),
        (within(0, 1000, 1.0, each=40), 0, False),  # as often all the time, and rare
        (within(0, 1000, 1.0, each=4), 0, True),  # all the time, and often
        (np.zeros(1000), 0, False),
    ],
)
def test_few_or_rare_failures_are_none(failed, dead, reported):
    assert (find_failures(pipeline(failed=failed), dead) is not None) is reported


def test_sporadic_dead_letters_count_only_where_they_come_together():
    apart, together = within(0, 1000, 1.0, each=90), within(400, 412, 1.0)
    assert find_failures(pipeline(failed=apart), 4, are_sporadic=True) is None
    assert find_failures(pipeline(failed=together), 4, are_sporadic=True) is not None
    assert clustering(pipeline(failed=together)) > 3 * clustering(pipeline(failed=apart))
    once = pipeline(failed=together, settings=RecordedSettings(max_receive_count=1))
    assert clustering(once) == pytest.approx(3 * clustering(pipeline(failed=together)))


def test_of_two_incidents_hours_apart_the_one_with_more_failures_is_looked_at():
    failed = within(100, 140, 1.0) + within(600, 700, 1.0)
    tries = pd.DataFrame({"tried": 1.0, "failed": failed}, index=pipeline().frame.index)
    whole = Interval(at(100), at(700), "failures")
    near = around_most(whole, tries)
    assert (near.index[0], near.index[-1]) == (at(140), at(999))
    early = around_most(whole, tries.assign(failed=within(100, 240, 1.0) + within(600, 640, 1.0)))
    assert (early.index[0], early.index[-1]) == (at(0), at(599))
    # Two hours without a failure end nothing, and sporadic failures are one incident.
    assert len(around_most(whole, tries.assign(failed=within(100, 480, 1.0) + within(600, 700, 1.0)))) == 1000
    assert len(around_most(whole, tries.assign(failed=within(100, 700, 1.0, each=200)))) == 1000


def test_few_failures_of_another_error_before_a_fault_are_not_its_own():
    failed = within(400, 500, 1.0, each=2)
    failed[380] = 1.0
    run = pipeline(failed=failed)
    failures = Interval(at(380), at(500), "failures", count=51.0, base=120.0)
    errors = SimpleNamespace(first_of_main=at(400), others_before=1)
    kept = without_sporadic_failures_before(run, failures, errors)
    assert (kept.start, kept.count, kept.base) == (at(400), 50.0, 100.0)
    for other in (
        SimpleNamespace(first_of_main=None, others_before=1),
        SimpleNamespace(first_of_main=at(400), others_before=0),  # the log does not hold it
        SimpleNamespace(first_of_main=at(500), others_before=1),
    ):
        assert without_sporadic_failures_before(run, failures, other) is failures
    often = pipeline(failed=failed + within(381, 399, 1.0, each=2))
    many = SimpleNamespace(first_of_main=at(400), others_before=99)
    assert without_sporadic_failures_before(often, failures, many) is failures


@pytest.mark.parametrize(
    ("first", "last", "seconds", "reported"),
    [
        (400, 500, 4.0, True),
        (400, 500, 2.9, False),  # not three seconds
        (400, 425, 9.0, False),  # not half an hour
        (200, 1000, 4.0, True),  # to the end, in most runs of the window
    ],
)
def test_runs_three_times_as_long_as_usual_for_half_an_hour_are_slow(first, last, seconds, reported):
    found = find_slow_invocations(pipeline(duration_avg_s=within(first, last, seconds, other=1.0)))
    assert (found is not None) is reported
    if reported:
        assert (found.start, found.end) == (at(first), at(last))


def test_a_run_of_many_messages_may_take_as_many_times_as_long():
    slow = {"duration_avg_s": within(400, 500, 9.0, other=1.0), "received": within(400, 500, 5.0, other=1.0)}
    batch = pipeline(settings=RecordedSettings(max_receive_count=3, batch_size=10), **slow)
    assert messages_a_run(batch).iloc[450] == 5.0
    assert find_slow_invocations(batch) is None
    single = replace(batch, settings=RecordedSettings(max_receive_count=3, batch_size=1))
    assert messages_a_run(single).iloc[450] == 1.0
    assert find_slow_invocations(single) is not None


def test_the_share_of_failures_at_the_timeout():
    frame = pipeline(4, failed=[1.0, 3.0, 0.0, 0.0], duration_max_s=[30.0, 2.0, 30.0, 1.0]).frame
    assert timed_out_share(frame, 30.0) == 0.25
    assert timed_out_share(frame, 30.9) == 0.25  # nearly
    assert timed_out_share(frame, 40.0) == 0.0
    assert timed_out_share(frame, None) is None
    assert timed_out_share(None, 30.0) is None
    assert timed_out_share(frame.assign(failed=0.0), 30.0) is None


def test_run_times_are_medians_of_runs_before_and_during():
    run = pipeline(duration_avg_s=within(400, 500, 7.0, other=1.0))
    assert run_times(run, Interval(at(400), at(500), "failures")) == (1.0, 7.0)
    assert run_times(run, None) == (1.0, None)
    assert run_times(pipeline(invocations=0.0), None) == (None, None)


def test_arrivals_far_above_their_rhythm_are_a_surge():
    found, daily = find_surge(pipeline(sent=within(400, 500, 20.0, other=1.0)))
    assert (found.start, found.end, daily) == (at(400), at(500), False)
    assert find_surge(pipeline(sent=within(400, 500, 1.5, other=1.0))) == (None, False)
    assert find_surge(pipeline())[0] is None


def test_arrivals_that_come_each_day_are_a_rhythm():
    sent = within(400, 460, 20.0, minutes=4320, other=1.0)
    for day in (1, 2):
        sent[400 + 1440 * day : 460 + 1440 * day] = 20.0
    found, daily = find_surge(pipeline(4320, sent=sent))
    assert found is None or daily


def weeks_of_days(*busy, days):
    """Return arrivals of so many days, one message a minute, and ten on busy days."""
    return np.repeat([10.0 if day in busy else 1.0 for day in range(days)], 1440)


def test_a_surge_of_days_is_one_where_most_days_are_without_it():
    found, daily = find_surge(pipeline(8 * 1440, sent=weeks_of_days(4, 5, days=8)))
    assert (found.start, found.end, daily) == (at(4 * 1440), at(6 * 1440), False)


@pytest.mark.parametrize(("busy", "days"), [((1, 2, 3, 4, 5), 7), ((0, 1, 2, 7, 8, 9), 14)])
def test_weekdays_are_no_surge_over_a_weekend(busy, days):
    found, daily = find_surge(pipeline(days * 1440, sent=weeks_of_days(*busy, days=days)))
    assert found is None or daily


def test_invocations_stand_in_for_arrivals_that_were_not_collected():
    run = pipeline(invocations=within(400, 500, 20.0, other=1.0))
    assert find_surge(run)[0] is None
    found, _ = find_surge(replace(run, queried=run.queried - {"sent"}))
    assert (found.start, found.end) == (at(400), at(500))


def test_only_arrivals_that_were_collected_can_have_risen_for_good():
    """Runs follow a backlog, so that a lasting rise of theirs is no surge."""
    rise = within(1500, 4320, 3.0, minutes=4320, other=1.0)
    run = pipeline(4320, sent=rise, invocations=rise)
    found, daily = find_surge(run)
    assert (found.start, daily) == (at(1500), False)
    assert find_surge(replace(run, queried=run.queried - {"sent"})) == (None, False)


@pytest.mark.parametrize(("last", "is_open"), [(997, True), (996, False), (500, False)])
def test_throttles_are_open_while_no_more_than_three_runs_came_after_them(last, is_open):
    found = find_throttles(pipeline(throttles=within(400, last, 2.0)))
    assert (found.start, found.end) == (at(400), at(last))
    assert (found.count, found.is_open) == (2.0 * (last - 400), is_open)
    assert find_throttles(pipeline()) is None


@pytest.mark.parametrize(("minutes", "reported"), [(15, True), (14, False)])
def test_messages_that_nobody_received_for_a_quarter_of_an_hour_are_unpolled(minutes, reported):
    last = 400 + minutes
    run = pipeline(visible=within(400, last, 3.0), received=within(400, last, 0.0, other=1.0))
    found = find_unpolled(run)
    assert (found is not None) is reported
    if reported:
        assert (found.start, found.end) == (at(400), at(last))
    assert find_unpolled(replace(run, queried=run.queried - {"received"})) is None


def test_the_longest_time_without_a_receive_is_reported_over_lost_points():
    visible = within(400, 500, 3.0) + within(600, 640, 3.0)
    visible[450] = np.nan
    received = within(400, 500, 0.0, other=1.0)
    received[600:640] = 0.0
    found = find_unpolled(pipeline(visible=visible, received=received))
    assert (found.start, found.end - found.start) == (at(400), timedelta(minutes=100))


def hourly(*parts):
    """Return arrivals by the hour: a rate for so many hours, then the next."""
    values = [rate for rate, hours in parts for _ in range(hours)]
    return pd.Series(values, index=pd.date_range("2026-03-02", periods=len(values), freq="1h", tz="UTC"))


def hour(number):
    return (pd.Timestamp("2026-03-02T00:00Z") + pd.Timedelta(hours=number)).to_pydatetime()


def test_a_rise_to_the_end_is_dated_at_its_greatest_likelihood():
    found = lasting_rise(hourly((10.0, 72), (30.0, 48)))
    assert (found.start, found.end, found.kind) == (hour(72), hour(120), "surge")
    assert (found.count, found.base, found.outside_rate) == (1440.0, 480.0, 1.0)
    # Poisson: 1440 seen where 480 are expected.
    assert found.score == pytest.approx(1440 * math.log(3) - 960)
    nothing = lasting_rise(hourly((0.0, 72), (3.0, 48)))
    assert (nothing.base, nothing.count) == (1.0, 144.0), "one message at least is expected"
    finer = hourly((10.0, 72), (30.0, 48)).resample("30min").ffill() / 2
    assert lasting_rise(finer).start == hour(72)


@together(
    ("counts", "reported"),
    [
        (hourly((10.0, 120)), False),
        (hourly((30.0, 72), (10.0, 48)), False),
        (hourly((10.0, 24), (30.0, 11)), True),
        (hourly((10.0, 24), (30.0, 10)), False),  # nowhere are eleven hours left after a day
        # The last day of the rise has to hold half of what it had before.
        (hourly((10.0, 72), (90.0, 24), (46.0, 24)), True),
        (hourly((10.0, 72), (90.0, 24), (44.0, 24)), False),
    ],
)
def test_a_rise_lasts_if_it_stays_for_half_of_a_day_at_least(counts, reported):
    assert (lasting_rise(counts) is not None) is reported


@together(
    ("gap_min", "tries", "cut"),
    [(180, 20, True), (179, 20, False), (180, 19, False), (300, 20, True)],
)
def test_three_hours_with_twenty_good_attempts_end_an_incident(gap_min, tries, cut):
    """Two minutes of failures on each side of a gap in which so many attempts went well."""
    first, second = 10, 11 + gap_min
    frame = pd.DataFrame({"tried": 0.0, "failed": 0.0}, index=pipeline().frame.index)
    frame.iloc[[first, first + 1, second, second + 1], :] = 5.0
    frame.iloc[first + 2 : first + 2 + tries, 0] = 1.0
    near = around_most(Interval(at(10), at(second + 2), "failures"), frame)
    assert (len(near) < len(frame)) is cut


def test_without_a_run_or_a_duration_nothing_is_slow():
    assert find_slow_invocations(pipeline(invocations=0.0)) is None
    assert find_slow_invocations(pipeline(duration_avg_s=np.nan)) is None
    few = within(0, 1000, 9.0, each=500, other=np.nan)
    assert run_times(pipeline(duration_avg_s=few), None) == (9.0, None)


def test_failures_all_the_time_are_reported_from_the_first_to_the_last():
    found = find_failures(pipeline(failed=within(2, 1000, 1.0, each=4)), 0)
    # Every fourth of a thousand attempts from the third on: the last fails at minute 998.
    assert found == Interval(
        at(2), at(999), "failures", count=250.0, base=997.0, outside_rate=0.0, score=15.0
    )


def test_an_outage_is_one_with_a_single_receive_and_unknown_counts_do_not_extend_it():
    once = RecordedSettings(max_receive_count=1)
    assert find_failures(pipeline(failed=within(400, 500, 1.0), settings=once), 100).end == at(500)
    failed = within(400, 500, 1.0)
    failed[500:] = np.nan
    assert find_failures(pipeline(failed=failed), 30).end == at(500)
    assert find_failures(pipeline(failed=failed), 30).kind == "failures"
