"""What a fit leaves open, what throttling does to healthy messages, and what is advised."""

from dataclasses import replace

import pytest
from worlds.messages import messages_in, plain

from watchme_analysis.simulation.advice import advice
from watchme_analysis.simulation.calibration import agreement, calibrated
from watchme_analysis.simulation.fit import Fit, Recorded
from watchme_analysis.simulation.run import simulate
from watchme_analysis.simulation.scenarios import Load, Scenario, compare
from watchme_analysis.simulation.settings import (
    ApiSettings,
    Arrivals,
    BreakerSettings,
    FaultInterval,
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


def named(said):
    """Return the measures that a message lists."""
    return [plain(phrase.values["measure"]) for phrase in said.items_of("measures")]


@pytest.mark.slow
def test_advice_names_what_helps_and_what_harms():
    settings = Settings(
        queue=QueueSettings(visibility_timeout_s=60.0, max_receive_count=3),
        api=ApiSettings(20.0, 0.3, slots=None, failing_share=0.5),
    )
    wanted = [
        Scenario("as configured", settings, LOAD),
        Scenario(
            "more receives", replace(settings, queue=replace(settings.queue, max_receive_count=9)), LOAD
        ),
        Scenario("one receive", replace(settings, queue=replace(settings.queue, max_receive_count=1)), LOAD),
        Scenario("10 x load", settings, replace(LOAD, factor=10.0)),
    ]
    best, dead, *_ = advice(compare(wanted, 4))
    assert messages_in(best)["measures-best"]["measure"] == "more receives"
    _, better, worse = dead.items_of("sentences")
    assert named(better) == ["more receives"]
    assert named(worse) == ["one receive"]


def test_advice_names_no_figure_that_is_nothing_either_way():
    settings = Settings(api=ApiSettings(20.0, 0.3, slots=1))
    roomy = replace(settings, api=replace(settings.api, slots=None))
    best, *_ = advice(compare([Scenario("as configured", settings, LOAD), Scenario("slots", roomy, LOAD)], 2))
    assert messages_in(best)["measures-best"]["measure"] == "slots"
    figures = {plain(each.values["figure"]): each for each in best.items_of("figures")}
    assert "lost" not in figures
    figure = figures["peak_age_s"]
    assert plain(figure.values["then"].values["mean"]) < plain(figure.values["now"].values["mean"])
    assert plain(figure.values["then"].values["half"]) > 0


@pytest.mark.slow
def test_where_every_run_fails_no_measure_is_said_to_help():
    settings = Settings(
        queue=QueueSettings(visibility_timeout_s=60.0, max_receive_count=3),
        api=ApiSettings(20.0, 0.0, slots=None, failing_share=1.0),
    )
    held_back = replace(settings, breaker=BreakerSettings(), horizon_s=4000.0)
    wanted = [
        Scenario("as configured", settings, LOAD),
        Scenario(
            "more receives", replace(settings, queue=replace(settings.queue, max_receive_count=9)), LOAD
        ),
        # Fewer dead letters, as the run ends before they die.
        Scenario("circuit breaker", held_back, LOAD),
    ]
    assert advice(compare(wanted, 2))[0].id == "measures-no-help"


@pytest.mark.slow
def test_one_restart_ends_a_stretch_of_faults():
    faults = tuple(
        FaultInterval(
            60.0 * k, 60.0 * (k + 1), 100.0, is_unhealthy=True, is_cured_by_restart=True, stretch_s=0.0
        )
        for k in range(30)
    )
    api = ApiSettings(10.0, 0.0, slots=None, faults=faults, restarts_when_unhealthy=True)
    outcome = simulate(Settings(queue=QueueSettings(max_receive_count=None), api=api), Arrivals([0.0, 600.0]))
    assert outcome.restarts == 1
    assert outcome.drained_s == pytest.approx(610.0)
