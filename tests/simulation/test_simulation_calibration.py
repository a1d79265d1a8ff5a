"""What a fit leaves open, what throttling does to healthy messages, and what is advised."""

from dataclasses import replace

import pytest

from watchme_analysis.simulation.calibration import agreement, calibrated
from watchme_analysis.simulation.fit import Fit, Recorded
from watchme_analysis.simulation.scenarios import Load, Scenario, compare
from watchme_analysis.simulation.settings import (
    ApiSettings,
    PollerSettings,
    QueueSettings,
    Settings,
)
from watchme_analysis.simulation.throttling import burst_settings, throttling_sweep
from watchme_analysis.text.message import Choice, Duration, message

LOAD = Load((40.0,) * 5)
THROTTLED = Settings(
    queue=QueueSettings(visibility_timeout_s=90.0, max_receive_count=3),
    poller=PollerSettings(reserved_concurrency=1),
    api=ApiSettings(12.0, 0.2, slots=None),
)


def record_of(settings):
    [row] = compare([Scenario("true", settings, LOAD)], 2)
    means = {
        name: row.estimate(name).mean for name in ("sent", "dead_lettered", "peak_visible", "peak_age_s")
    }
    return Recorded(**means)


@pytest.mark.slow
def test_a_run_gives_back_its_own_record():
    fitted = Fit(THROTTLED, LOAD, ())
    assert all(each.is_near for each in agreement(fitted, record_of(THROTTLED)))
    assert calibrated(fitted, record_of(THROTTLED)) is fitted


@pytest.mark.slow
def test_how_often_a_throttled_batch_is_tried_is_found_from_the_record():
    true = replace(THROTTLED, poller=replace(THROTTLED.poller, throttle_retry_s=45.0))
    fitted = calibrated(Fit(THROTTLED, LOAD, ()), record_of(true))
    assert fitted.settings.poller.throttle_retry_s == 45.0
    assert message("fit-retries-nearest", interval=Duration(45.0)) in fitted.notes


def test_how_many_groups_a_fifo_queue_has_is_found_from_the_record():
    true = replace(THROTTLED, queue=QueueSettings(300.0, is_fifo=True), poller=PollerSettings())
    [row] = compare([Scenario("true", true, replace(LOAD, groups=1000))], 2)
    names = ("sent", "dead_lettered", "peak_visible", "peak_age_s")
    measured = Recorded(**{name: row.estimate(name).mean for name in names})
    notes = (message("fit-groups", groups=5, source=Choice("assumed")), message("fit-no-redrive-policy"))
    fitted = calibrated(Fit(true, replace(LOAD, groups=5), notes), measured)
    assert fitted.load.groups > 5
    assert "fit-groups" not in {note.id for note in fitted.notes}, "the number is not an assumption any more"
    assert notes[1] in fitted.notes


def test_what_was_not_recorded_is_not_compared():
    measured = Recorded(sent=200.0, dead_lettered=None, peak_visible=None, peak_age_s=None)
    assert agreement(Fit(THROTTLED, LOAD, ()), measured) == ()


@pytest.mark.slow
def test_throttling_alone_loses_messages_and_maximum_concurrency_none():
    points = throttling_sweep(*burst_settings(), replications=2)
    mapped = [point for point in points if point.limit == "maximum"]
    assert [point.dead_unfailed_pct.mean for point in mapped] == [0, 0]
    impatient = [point for point in points if point.limit == "reserved" and point.patience_s == 0]
    climbing = [point.dead_unfailed_pct.mean for point in impatient if not point.backs_off]
    assert min(climbing) > 50
    # Tried until a long visibility timeout has passed, by a poller that backs off: none is lost.
    as_reported = [
        point.dead_unfailed_pct.mean
        for point in points
        if point.limit == "reserved" and point.backs_off and point.patience_s == 900
    ]
    assert as_reported == [0, 0]
