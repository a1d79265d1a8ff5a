"""Scenarios, their intervals, and settings fitted to recorded flows."""

from __future__ import annotations

import pytest

from watchme_analysis.config import LoadSettings
from watchme_analysis.queues.pipeline import pipelines
from watchme_analysis.simulation import scenarios as model
from watchme_analysis.simulation.fit import fit, recorded
from watchme_analysis.simulation.settings import ApiSettings, Settings


def flow_of(case, queue):
    [found] = pipelines(case, queue)
    return found, recorded(found, case)


@pytest.mark.slow
def test_figures_do_not_depend_on_the_number_of_processes():
    load = model.Load((20.0,) * 3)
    settings = Settings(api=ApiSettings(5.0, 0.3, slots=1))
    wanted = [model.Scenario("one", settings, load), model.Scenario("again", settings, load)]
    alone = model.compare(wanted, replications=3, seed=4)
    assert model.compare(wanted, replications=3, seed=4, processes=2) == alone
    assert alone[0].outcomes == alone[1].outcomes
    assert len(set(alone[0].outcomes)) == 3


def test_measures_that_change_nothing_are_left_out():
    names = [
        scenario.name
        for scenario in model.scenarios(model.usual_settings(), model.usual_load(LoadSettings()))
    ]
    assert names[0] == "as configured"
    assert "5 receives before the DLQ" in names
    assert "3 receives before the DLQ" not in names
    assert len(names) == len(set(names))


@pytest.mark.slow
def test_a_fit_to_failing_runs_gives_back_the_dead_letters(bundled):
    pipeline, measured = flow_of(bundled("backlog-dlq"), "asr-queue")
    fitted = fit(pipeline, measured)
    [found] = model.compare([model.Scenario("own", fitted.settings, fitted.load)], replications=2)
    assert found.estimate("sent").mean == measured.sent
    assert found.estimate("dead_lettered").mean == pytest.approx(measured.dead_lettered, rel=0.02)
    assert found.estimate("peak_age_s").mean == pytest.approx(measured.peak_age_s, rel=0.05)
    assert found.estimate("errors").mean == pytest.approx(pipeline.count("errors"), rel=0.02)


@pytest.mark.slow
def test_a_fit_to_timeouts_gives_back_backlog_and_age(bundled):
    pipeline, measured = flow_of(bundled("backlog-49"), "asr-queue")
    fitted = fit(pipeline, measured)
    [found] = model.compare([model.Scenario("own", fitted.settings, fitted.load)], replications=8)
    assert found.estimate("peak_visible").mean == pytest.approx(measured.peak_visible, rel=0.2)
    assert found.estimate("peak_age_s").mean == pytest.approx(measured.peak_age_s, rel=0.2)
    assert found.estimate("timeouts").mean == pytest.approx(pipeline.count("errors"), rel=0.2)
    assert "fit-cut-off" in {note.id for note in fitted.notes}
