"""The model of one queue: settings and load fitted to its record, with notes on the assumptions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from watchme_analysis.queues.pipeline import Pipeline, Tables
from watchme_analysis.simulation.calibration import Agreement, agreement_of, calibrated
from watchme_analysis.simulation.fit import Fit, Recorded, fit, recorded
from watchme_analysis.simulation.scenarios import Comparison, Scenario, scenarios
from watchme_analysis.simulation.setting_changes import earlier_settings
from watchme_analysis.text.message import Message


@dataclass(frozen=True)
class Model:
    """A queue with its fit, and the recorded figures with which a simulation is compared."""

    pipeline: Pipeline
    recorded: Recorded
    fit: Fit

    @property
    def notes(self) -> tuple[Message, ...]:
        """Messages on the values read from the record and on the assumptions."""
        return self.fit.notes

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """Return every scenario of the queue: each measure against the backlog, and higher loads."""
        return scenarios(self.fit.settings, self.fit.load)

    def agreements(self, found: Comparison) -> tuple[tuple[str, Agreement], ...]:
        """Return the queue and the agreement of simulated with recorded values, per figure."""
        return tuple((self.pipeline.queue, each) for each in agreement_of(found, self.recorded))


def model_of(tables: Tables, pipeline: Pipeline, slots: int | None = None) -> Model:
    """Return the model of a pipeline whose simulations agree best with its record.

    ``slots`` is the number of calls that the API processes at once; None for no limit.
    """
    measured = recorded(pipeline, tables)
    earlier, notes = earlier_settings(pipeline, tables)
    fitted = fit(pipeline, measured, earlier)
    fitted = calibrated(replace(fitted, notes=(*fitted.notes, *notes)), measured)
    if slots is not None:
        api = replace(fitted.settings.api, slots=slots)
        fitted = replace(fitted, settings=replace(fitted.settings, api=api))
    return Model(pipeline, measured, fitted)
