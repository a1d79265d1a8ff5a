"""Page of the what-if notebook: simulated effects of countermeasures."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from watchme_analysis.alarms.sections import spared_by_a_check
from watchme_analysis.notebook import readings
from watchme_analysis.notebook.page import Page, records
from watchme_analysis.notebook.section import Section, section
from watchme_analysis.present.display import TextView
from watchme_analysis.services.what_if import what_if_model
from watchme_analysis.simulation.advice import advice, best_measure, configured, doubts, warnings
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
from watchme_analysis.text.message import Choice, Resource, Text, message
from watchme_analysis.text.render import render

_SWEEP_RUNS = 3
# Fields of an outcome in the frame of the measures.
_OUTCOME = (
    "sent",
    "deleted",
    "dead_lettered",
    "dead_unfailed",
    "expired",
    "lost",
    "duplicates",
    "peak_visible",
    "peak_age_s",
    "drained_s",
)


def _processes() -> int:
    """Return the number of simulation processes; 1 in a script, because each process would run it again."""
    return 1 if hasattr(sys.modules["__main__"], "__file__") else os.cpu_count() or 1


@dataclass(repr=False)
class WhatIfPage(Page):
    """Sections of the what-if notebook, one method each.

    Attributes
    ----------
    replications, seed
        Number of runs of each measure, and the random seed; equal seeds result in equal figures.
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

    @section
    def in_short(self) -> Section:
        """Return the main results: the best measure, doubts about the fit, measures that lose messages."""
        found = self._found
        loud = (*doubts(self._model.agreements(found[0])), *warnings(found))
        best = best_measure(found) or advice(found)[:1]
        return self._sentences((*best, *loud, *spared_by_a_check(self.diagnosis, self.zone)))

    @section
    def assumptions(self) -> Section:
        """Return the simulated queue, its settings and the assumptions of the model."""
        pipeline, fit = self._model.pipeline, self._model.fit
        simulated = message(
            "simulated-queue",
            queue=Resource(pipeline.queue),
            function=Resource(pipeline.function or ""),
            known=Choice("named" if pipeline.function else "unknown"),
        )
        view = TextView(
            self._rendered((simulated, configured(fit.settings))), self._rendered(self._model.notes)
        )
        return Section(view, sql=self._rows("metrics"))

    @section
    def agreement(self) -> Section:
        """Return a table that compares runs with the recorded settings and the recorded metrics."""
        found = self._model.agreements(self._found[0])
        columns = ("figure", "recorded", "simulated", "is_near", "lowest", "highest")
        rows = ({"queue": queue} | {name: getattr(one, name) for name in columns} for queue, one in found)
        frame = records(rows, ("queue", *columns))
        return Section(
            agreement_table(found, self.language),
            frame,
            self._rows("metrics"),
            reading=lambda: readings.agreement(frame),
        )

    @section
    def measures(self) -> Section:
        """Return a table of the results of each measure; its frame has a row for each run."""
        rows = (
            {"measure": found.scenario.name, "run": number}
            | {name: getattr(outcome, name) for name in _OUTCOME}
            for found in self._found
            for number, outcome in enumerate(found.outcomes, 1)
        )
        return Section(
            measures_table(self._found, self._model.recorded, self.language),
            records(rows, ("measure", "run", *_OUTCOME)),
            self._rows("metrics"),
            plot="figure",
            reading=lambda: next(iter(advice(self._found)), ""),
        )

    @section
    def figure(self) -> Section:
        """Return a figure of DLQ messages, duplicates and message age by measure."""
        return Section(plot_measures(self._found, self.language), self.measures.frame, self._rows("metrics"))

    @section
    def throttling(self) -> Section:
        """Return a figure of the reserved concurrency at which healthy messages move to the DLQ."""
        columns = ("limit", "visibility_timeout_s", "patience_s", "retry_s", "backs_off")
        rows = (
            {name: getattr(point, name) for name in columns}
            | {"dead_unfailed_pct": point.dead_unfailed_pct.mean}
            for point in self._sweep
        )
        return Section(
            plot_throttling(self._sweep, self.language),
            records(rows, (*columns, "dead_unfailed_pct")),
            reading=lambda: next(iter(throttling_sentences(self._sweep)), ""),
        )

    @section
    def warning(self) -> Section:
        """Return sentences on reserved concurrency and the assumptions behind :attr:`throttling`."""
        said = (message("throttling-advice"), *throttling_sentences(self._sweep))
        return Section(TextView(self._rendered(said)), plot="throttling")

    @section
    def advice(self) -> Section:
        """Return sentences on the measures that help or harm, and their cost."""
        return self._sentences(advice(self._found))

    def _rendered(self, texts: Iterable[Text]) -> tuple[str, ...]:
        return tuple(render(text, self.language, self.zone) for text in texts)

    def _sentences(self, texts: Iterable[Text]) -> Section:
        view = TextView(self._rendered(texts))
        return Section(view, sql=self._rows("metrics"), plot="figure")
