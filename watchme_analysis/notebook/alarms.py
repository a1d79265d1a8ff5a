"""The page of the question which alarm would have told, and when."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from watchme_analysis.alarms.advice import advise
from watchme_analysis.alarms.sections import (
    alarm_advice,
    backtest_table,
    lessons_table,
    plot_alarm_sensitivity,
    plot_alarm_times,
    ranges_table,
    rules_table,
    spared_by_a_check,
)
from watchme_analysis.alarms.sensitivity import EXTRA_PERIODS, range_sensitivity, sensitivity
from watchme_analysis.alarms.specification import AlarmSpec, existing_alarms
from watchme_analysis.alarms.time_to_detect import Detection, first_reaction
from watchme_analysis.alarms.trials import AlarmBacktest, Spans, backtest_alarms, backtest_frame
from watchme_analysis.backlog.hypotheses.other_incidents import own_queues, spans_of_others
from watchme_analysis.backlog.hypotheses.picture import picture
from watchme_analysis.notebook.page import Page
from watchme_analysis.present.display import FigureView, TableView, TextView
from watchme_analysis.queues.pipeline import Pipeline, pipelines
from watchme_analysis.text.formats import format_duration, format_time
from watchme_analysis.window import parse_time

if TYPE_CHECKING:
    import pandas as pd

_MOST_BARS = 14


@dataclass
class AlarmPage(Page):
    """Sections of the alarms notebook, each one call.

    Attributes
    ----------
    specs
        The alarms of the specification.
    told
        When people noticed, as the reader says; empty for what the records say.
    """

    specs: tuple[AlarmSpec, ...] = ()
    told: str = ""

    @cached_property
    def _flows(self) -> tuple[Pipeline, ...]:
        return pipelines(self.investigation, self.investigation.options.get("queue"))

    @cached_property
    def _elsewhere(self) -> Spans:
        return spans_of_others(self.investigation.once(picture), self.diagnosis)

    @cached_property
    def _affected(self) -> tuple[Pipeline, ...]:
        named = own_queues(self.investigation.once(picture), self.diagnosis)
        return tuple(flow for flow in self._flows if flow.queue in named) or self._flows[:1]

    @cached_property
    def _noticed(self) -> Detection | None:
        if self.told:
            return Detection(parse_time(self.told, self.zone, now=self.window.end), "as the parameter says")
        return first_reaction(self.investigation, self._affected, self._start, self.diagnosis.incident_end)

    @cached_property
    def _tried(self) -> tuple[AlarmBacktest, ...]:
        return backtest_alarms(self.investigation, self._flows, self.specs)

    @cached_property
    def _existing(self) -> tuple[AlarmBacktest, ...]:
        return backtest_alarms(self.investigation, self._flows, existing_alarms(self.investigation))

    def _frame(self, tried: tuple[AlarmBacktest, ...]) -> pd.DataFrame:
        seen = None if self._noticed is None else self._noticed.at
        return backtest_frame(tried, self._start, self.window.seconds, seen, self._elsewhere)

    def rules(self) -> TableView:
        """Show the alarms of the specification."""
        over = {"dlq": "each dead-letter queue", "function": "each function", "queue": "each queue"}
        return rules_table(
            (
                spec.name,
                spec.in_words,
                over.get(spec.over, "health checks" if spec.over == "probes" else spec.over),
            )
            for spec in self.specs
        )

    def noticed(self) -> TextView:
        """Say when the incident began and when people noticed."""
        if self._start is None:
            return TextView(("Nothing happened in this window: every ring below is in vain.",))
        began = f"The incident began at {format_time(self._start, self.zone)} ({self.zone})."
        found = self._noticed
        if found is None:
            return TextView(
                (
                    f"{began} Nothing on record tells when people noticed (no alarm rang, nobody changed an "
                    "affected resource): set the parameter noticed to see by how much alarms come first.",
                )
            )
        late = format_duration(found.at - self._start)
        return TextView(
            (f"{began} People had noticed by {format_time(found.at, self.zone)}, {late} later: {found.how}.",)
        )

    def backtest(self) -> TableView:
        """Show when each alarm of the specification would have rung."""
        return backtest_table(self._frame(self._tried), self.zone)

    def existing(self) -> TableView:
        """Show when each alarm that the case holds would have rung."""
        if not self._existing:
            return TableView(
                "Alarms that exist", (), (), "The case holds no alarm: alarms.json is empty or missing."
            )
        return backtest_table(self._frame(self._existing), self.zone, "Alarms that exist, by the same rules")

    def rings(self) -> FigureView:
        """Draw when each alarm was raised."""
        rang = [item for item in (*self._tried, *self._existing) if item.run and item.run.raised]
        rang.sort(key=lambda item: item.run.raised[0][0] if item.run else 0)
        bars = [(f"{item.spec.name}\n{item.resource}", item.run.raised) for item in rang if item.run]
        seen = None if self._noticed is None else self._noticed.at
        return plot_alarm_times(bars[:_MOST_BARS], self.span(), seen)

    @cached_property
    def _swept(self) -> pd.DataFrame:
        return sensitivity(
            self.investigation, self._affected, self.specs, self._start, self.window.seconds, self._elsewhere
        )

    def sensitivity(self) -> FigureView:
        """Draw how soon the affected queues' alarms ring with other thresholds and M of N."""
        return plot_alarm_sensitivity(self._swept)

    def ranges(self) -> TableView:
        """Show what the unpublished length of the evaluation range changes."""
        frame = range_sensitivity(self.investigation, self._flows, self.specs, self.window.seconds)
        return ranges_table(frame, EXTRA_PERIODS, self.zone)

    def lessons(self) -> TableView:
        """Show what would be better than what was asked for."""
        return lessons_table(
            advise(
                self.investigation,
                self._flows,
                self.specs,
                self._start,
                self.window.seconds,
                self._elsewhere,
            )
        )

    def advice(self) -> TextView:
        """Say which alarm to have first."""
        found, affected = self.diagnosis, self._affected if self._start else ()
        dead = found.extra.get("dead_letters_of_incident", 0)
        said = alarm_advice(self._frame(self._tried), self._start, affected, dead, self.zone)
        return TextView((*said, *spared_by_a_check(found, self.zone)))
