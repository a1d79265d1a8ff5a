"""The page of the question what each countermeasure would have done."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cached_property

from watchme_analysis.alarms.sections import spared_by_a_check
from watchme_analysis.notebook.page import Page
from watchme_analysis.present.display import FigureView, TableView, TextView
from watchme_analysis.services.what_if import what_if_model
from watchme_analysis.simulation.advice import advice, configured, doubts, warnings
from watchme_analysis.simulation.figures import (
    agreement_table,
    measures_table,
    plot_measures,
    plot_throttling,
    throttling_sentences,
)
from watchme_analysis.simulation.model import Model
from watchme_analysis.simulation.scenarios import Comparison, compare
from watchme_analysis.simulation.throttling import ThrottlingPoint, burst_settings, throttling_sweep

_SWEEP_RUNS = 3


def _processes() -> int:
    """Return how many processes simulate: each reads a script anew, which may do more than define things."""
    return 1 if hasattr(sys.modules["__main__"], "__file__") else os.cpu_count() or 1


@dataclass
class WhatIfPage(Page):
    """Sections of the what-if notebook, each one call.

    Attributes
    ----------
    replications, seed
        Runs of each measure, and what they begin from: the same seed gives the same figures.
    """

    replications: int = 8
    seed: int = 0

    @cached_property
    def _model(self) -> Model:
        return what_if_model(self.investigation, self.diagnosis)

    @cached_property
    def _found(self) -> tuple[Comparison, ...]:
        return compare(self._model.scenarios, self.replications, self.seed, _processes())

    @cached_property
    def _sweep(self) -> tuple[ThrottlingPoint, ...]:
        return throttling_sweep(*burst_settings(), _SWEEP_RUNS, self.seed)

    def in_short(self) -> TextView:
        """Say what matters first: what loses messages, what can't be trusted, and what does best."""
        found = self._found
        loud = (*warnings(found), *doubts(self._model.agreements(found[0])))
        return TextView((*loud, *advice(found)[:1], *spared_by_a_check(self.diagnosis, self.zone)))

    def assumptions(self) -> TextView:
        """Say which queue is simulated, and what had to be assumed."""
        pipeline, fit = self._model.pipeline, self._model.fit
        simulated = f"Simulated is {pipeline.queue} with {pipeline.function or 'its function'}."
        return TextView((simulated, configured(fit.settings)), self._model.notes)

    def agreement(self) -> TableView:
        """Show whether runs with the case's own settings give back what was recorded."""
        return agreement_table(self._model.agreements(self._found[0]))

    def measures(self) -> TableView:
        """Show what each measure comes to."""
        return measures_table(self._found, self._model.recorded)

    def figure(self) -> FigureView:
        """Draw dead letters, duplicates and age by measure."""
        return plot_measures(self._found)

    def throttling(self) -> FigureView:
        """Draw when a reserved concurrency dead-letters healthy messages."""
        return plot_throttling(self._sweep)

    def warning(self) -> TextView:
        """Say under which assumptions that happens."""
        return TextView(
            (
                "Limit a worker with the mapping's maximum concurrency, not with the function's reserved "
                "concurrency.",
                *throttling_sentences(self._sweep),
            )
        )

    def advice(self) -> TextView:
        """Say which measures help, which harm, and what they cost."""
        return TextView(advice(self._found))
